from __future__ import annotations

import re
import shutil
import subprocess
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import shapely.affinity
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from carbonshed.checks import DataWarning, InputError
from carbonshed.present.figure_files import save_figures
from carbonshed.present.figures import FIGURES, as_bytes, available_figures, draw, figure, figure_data, with_units
from carbonshed.present.folder import ResultFolder

DENSITY = r"t CO₂ km⁻² a⁻¹"
MONEY = r"(yuan a⁻¹|元/年)"
LENGTH = r"\d+ km"
UNITS = {
    "balance_strip": [r"(Mt CO₂ a⁻¹|万吨 CO₂/年)", MONEY],
    "source_map": [DENSITY, LENGTH],
    "sink_map": [DENSITY, LENGTH],
    "net_map": [DENSITY, LENGTH],
    "scale_response": [r"\(km\)", r"(dimensionless|无量纲)"],
    "hot_spots_map": [LENGTH],
    "hot_spots_money_map": [LENGTH],
    "gi_star_map": [LENGTH, r"p < 0\.01"],
    "zones_map": [LENGTH],
    "zone_shares": [r"%"],
    "compensation_map": [MONEY, LENGTH],
    "balance_ratio": [r"(dimensionless|无量纲)"],
    "flows_map": [MONEY, LENGTH],
    "centre_track": [LENGTH],
    "scale_draws": [r"\(km\)", r"%"],
    "scale_indicators": [r"\(km\)", r"\(t CO₂ km⁻² a⁻¹\)²", r"(dimensionless|无量纲)"],
    "scale_maps": [DENSITY, LENGTH, r"36 km"],
    "scale_zones_map": [LENGTH, r"36 km", r"ARI"],
    "choice_of_k": [r"k"],
    "trends_map": [r"t CO₂ a⁻²", LENGTH],
    "hot_spot_change_map": [LENGTH, r"p < 0\.05"],
    "som_u_matrix": [r"(dimensionless|无量纲)"],
    "som_hits": [r"(units|单元)"],
    "som_planes": [DENSITY, r"(dimensionless|无量纲)"],
    "zones_sankey": [r"km²", r"%"],
    "moran_scatter": [r"(dimensionless|无量纲)"],
    "priority_bars": [r"GDP ?[(（]%"],
    "fairness_curves": [r"%"],
    "concentration_chart": [r"(dimensionless|无量纲)"],
}


def texts(drawn: Figure) -> list[Text]:
    """What is written on the page: matplotlib also keeps labels of ticks beyond the limits of an axis, which it does not draw."""
    unseen = set()
    for axis in (axis for panel in drawn.axes for axis in (panel.xaxis, panel.yaxis)):
        low, high = sorted(axis.get_view_interval())
        unseen |= {tick.label1 for tick in axis.get_major_ticks() if not low - 1e-9 <= tick.get_loc() <= high + 1e-9}
    return [text for text in drawn.findobj(Text) if text.get_text().strip() and text.get_visible() and text not in unseen]


def rendered(drawn: Figure) -> FigureCanvasAgg:
    """Draw; a character without a glyph is an error."""
    canvas = FigureCanvasAgg(drawn)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*[Gg]lyph.*")
        canvas.draw()
    return canvas


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_whole_with_units_and_without_boxes(result_dir, name, lang):
    drawn = figure(result_dir, name, lang=lang)
    canvas = rendered(drawn)
    words = " | ".join(text.get_text() for text in texts(drawn))
    for unit in UNITS[name]:
        assert re.search(unit, words), f"{name} in {lang} lacks {unit}: {words}"
    assert drawn.texts[0].get_text()  # a title
    renderer, page = canvas.get_renderer(), drawn.bbox
    for text in texts(drawn):
        box = text.get_window_extent(renderer)
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        clipped = text.get_clip_on() and text.axes is not None and not text.axes.bbox.overlaps(box)
        assert inside or clipped, f"{text.get_text()!r} leaves the page of {name} in {lang}"
    assert np.asarray(canvas.buffer_rgba())[..., :3].std() > 5  # not an empty page


def test_no_global_figures_and_settings_are_left(result_dir):
    before = dict(mpl.rcParams)
    figure(result_dir, "zones_map")
    assert not Gcf.get_all_fig_managers()
    assert dict(mpl.rcParams) == before


def test_numbers_behind_a_map_by_hand(result_dir):
    data = figure_data(result_dir, "net_map")
    row = data[(data["unit_id"] == "g18:R228C050") & (data["year"] == 2010)].iloc[0]
    assert row["net_emission_density [t CO2 km-2 a-1]"] == pytest.approx(3100 - 200)
    assert row["net_carbon_emission [t CO2 a-1]"] == pytest.approx(324 * 2900)
    money = figure_data(result_dir, "compensation_map")
    assert money["net_compensation [yuan a-1]"].sum() == pytest.approx(0, abs=1)


def test_numbers_behind_the_scale_figures_by_hand(result_dir):
    curves = figure_data(result_dir, "scale_indicators").set_index(["indicator", "scale_km [km]"])
    row = curves.loc[("geary_c", 18.0)]  # I = 0.9 - 0.18, so C = 0.28, and 0.05 to either side over the origins
    assert row["mean"] == pytest.approx(0.28) and row["low"] == pytest.approx(0.23) and row["high"] == pytest.approx(0.33)
    assert curves.loc[("moran_i", 18.0), "low"] == curves.loc[("moran_i", 18.0), "mean"]  # no origins told, the same in both years
    assert "range_km" not in set(curves.index.get_level_values(0))  # known at no side
    draws = figure_data(result_dir, "scale_draws").query("quantity == 'carbon_sink'")
    assert draws.set_index("scale_km [km]")["n_draws"].loc[[6, 12, 18, 24]].tolist() == [0, 15, 50, 10]
    assert draws["share"].sum() == pytest.approx(1) and draws["n_draws"].iloc[-1] == 25
    maps = figure_data(result_dir, "scale_maps")
    sums = maps.groupby("scale_km [km]")["carbon_sink [t CO2 a-1]"].sum()
    assert list(sums.index) == [18, 36] and sums[18] == pytest.approx(sums[36])


def test_a_trend_takes_the_colour_of_its_sign_and_certainty(result_dir):
    from carbonshed.present.change_maps import TREND_COLOURS

    drawn = figure(result_dir, "trends_map")
    data = figure_data(result_dir, "trends_map").query("quantity == 'carbon_source'")
    faces = [mpl.colors.to_hex(colour) for colour in _shapes(drawn.axes[0]).get_facecolors()]
    wanted = {name: mpl.colors.to_hex(colour) for name, colour in TREND_COLOURS.items()}
    strong, plain = data["slope [t CO2 a-2]"] > 20, data["slope [t CO2 a-2]"].between(10, 20, inclusive="right")
    assert {faces[place] for place in np.flatnonzero(strong)} == {wanted["rising_fdr"]}
    assert {faces[place] for place in np.flatnonzero(plain)} == {wanted["rising_plain"]}


def _shapes(panel):
    """The filled shapes of a map panel: what is drawn before them is the graticule."""
    return next(collection for collection in panel.collections if collection.get_gid() != "graticule")


def test_order_of_rows_does_not_matter(build, result_dir):
    def shuffle(tables, manifest):
        for name, table in tables.items():
            if name not in ("scale_choice", "centre_of_gravity"):
                tables[name] = table.sample(frac=1, random_state=4).reset_index(drop=True)

    shuffled = build(change=shuffle)
    for name in ("zones_map", "source_map", "compensation_map"):
        one, other = (
            figure_data(folder, name).sort_values(["year", "unit_id"]).reset_index(drop=True) for folder in (result_dir, shuffled)
        )
        pd.testing.assert_frame_equal(one, other)
        assert _legend(figure(result_dir, name)) == _legend(figure(shuffled, name))


def _legend(drawn: Figure) -> list[str]:
    return [text.get_text() for legend in drawn.legends for text in legend.get_texts()]


def test_same_bytes_each_time_and_fonts_inside_the_pdf(result_dir, tmp_path):
    result = ResultFolder(result_dir)
    for kind in ("png", "pdf"):
        assert as_bytes(draw(result, "zones_map", "zh"), kind) == as_bytes(draw(result, "zones_map", "zh"), kind)
    pdf = as_bytes(draw(result, "zones_map", "zh"), "pdf")
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    if shutil.which("pdffonts"):
        (tmp_path / "zones.pdf").write_bytes(pdf)
        listed = subprocess.run(["pdffonts", str(tmp_path / "zones.pdf")], capture_output=True, text=True, check=True)
        rows = listed.stdout.splitlines()[2:]
        assert rows and all(" yes yes " in row for row in rows) and not listed.stderr


def test_saving_writes_pictures_and_numbers(build):
    folder = build(
        years=(2020,), without=("scale_response", "scale_choice", "spatial_statistics", "compensation", "flows", "centre_of_gravity")
    )
    written = save_figures(folder, "both", formats=("png", "pdf"))
    names = {path.name for path in written}
    assert {"zones_map_zh.png", "zones_map_en.pdf", "zones_map.csv"} <= names and "scale_response_en.png" not in names
    assert names == {path.name for path in (folder / "figures").iterdir()}  # nothing half-written is left
    table = pd.read_csv(folder / "figures" / "zones_map.csv")
    assert len(table) == 60 and set(table["zone"]) == {"payment", "balanced", "recipient", "missing"}
    assert (folder / "figures" / "zones_map.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_one_year_gives_one_panel_and_names_on_the_map(build):
    folder = build(years=(2020,))
    drawn = figure(folder, "compensation_map", lang="zh")
    assert len(drawn.axes) == 1
    assert {"大厂县", "文安县"} & {text.get_text() for text in drawn.axes[0].texts}


@pytest.mark.parametrize("name", ["compensation_map", "priority_bars"])
def test_a_name_without_glyphs_is_refused_with_what_to_install(build, name):
    folder = build(years=(2020,), names=["\U00013000" * 3] * 12)
    with pytest.raises(InputError, match=r"U\+13000(.|\n)*fonts-noto-cjk"):
        figure(folder, name, lang="zh")
    rendered(figure(folder, "net_map", lang="zh"))  # a map without names is drawn


def test_all_figures_but_the_one_with_such_a_name_are_saved(build):
    folder = build(
        years=(2020,), names=["\U00013000"] * 12, without=("spatial_statistics", "scale_response", "som_nodes", "trends", "flows")
    )
    with pytest.warns(DataWarning, match="fonts-noto-cjk"):
        written = {path.name for path in save_figures(folder, "en", formats=["png"])}
    assert "net_map_en.png" in written and "compensation_map_en.png" not in written


def _one_county(tables, manifest):
    keep = ["130101"]
    for name in ("accounts_county", "compensation"):
        tables[name] = tables[name][tables[name]["unit_id"].isin(keep)]
    tables["flows"] = tables["flows"].iloc[:0]
    for name in ("accounts_grid", "zones"):
        tables.pop(name)
    tables["spatial_statistics"] = tables["spatial_statistics"][tables["spatial_statistics"]["unit_id"].isin(keep)]


def _no_recipients(tables, manifest):
    table = tables["compensation"]
    tables["compensation"] = table.assign(receivable=0.0, receivable_before=0.0, payable=1.0, side="payer", net_compensation=-1.0)
    tables["flows"] = tables["flows"].iloc[:0]
    tables["balance"]["balance_ratio"] = np.nan


def _all_zero(tables, manifest):
    money = ["payable", "receivable", "net_compensation", "payable_before", "receivable_before"]
    tables["compensation"] = tables["compensation"].assign(**dict.fromkeys(money, 0.0), side="none", priority_rank=pd.NA)
    tables["flows"] = tables["flows"].iloc[:0]
    for column in ("carbon_source", "carbon_sink", "net_carbon_emission"):
        tables["accounts_grid"][column] = 0.0
    manifest["totals"] = [
        {"year": 2010, "carbon_source": 0.0, "carbon_sink": 0.0, "net_carbon_emission": 0.0, "payable": 0.0, "receivable": 0.0}
    ]


def _unknown(tables, manifest):
    tables["accounts_grid"].loc[::7, ["carbon_sink", "net_carbon_emission"]] = np.nan
    tables["compensation"].loc[::5, ["payable", "receivable", "net_compensation"]] = np.nan
    tables["centre_of_gravity"].loc[::2, ["ellipse_major_km", "ellipse_minor_km", "ellipse_angle_deg"]] = np.nan
    tables["scale_choice"][["scale_km", "low_km", "high_km"]] = np.nan
    tables["zones"]["zone"], tables["zones"]["zone_confidence"] = "missing", np.nan


def _date_line(tables, manifest):
    """The same region on both sides of 180 degrees, in an equal-area CRS centred there: every shape keeps its place on paper."""
    crs = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=35 +lon_0=180 +datum=WGS84 +units=m"
    for name in ("accounts_grid", "accounts_county", "zones"):
        moved = tables[name].geometry.translate(-990_000, -4_200_000)
        tables[name] = tables[name].set_geometry(moved).set_crs(crs, allow_override=True)


@pytest.mark.parametrize("change", [_date_line, _one_county, _no_recipients, _all_zero, _unknown])
def test_hard_results_draw_or_are_passed_over(build, change):
    result = ResultFolder(build(change=change))
    names = available_figures(result)
    assert "source_map" in names
    for name in names:
        rendered(draw(result, name, "zh").figure)


def test_sixty_years_and_long_names_still_fit(build):
    folder = build(years=range(1961, 2021), names=["一个很长很长的自治县名称" * 6] * 12)
    result = ResultFolder(folder)
    for name in ("balance_strip", "zones_map", "zone_shares", "compensation_map", "balance_ratio"):
        drawn = draw(result, name, "zh").figure
        rendered(drawn)
        assert drawn.get_size_inches()[1] < 11


def test_refusals_name_what_can_be_drawn(result_dir, build):
    with pytest.raises(InputError, match="zones_map"):
        figure(result_dir, "zone_map")
    with pytest.raises(InputError, match="source_map"):
        figure(build(without=("zones",)), "zones_map")
    with pytest.raises(InputError, match="png"):
        save_figures(result_dir, "zh", formats=["pnj"])
    with pytest.raises(InputError, match="both"):
        save_figures(result_dir, "bot")


def test_heads_carry_units_of_registered_columns_only():
    table = pd.DataFrame({"unit_id": ["a"], "zone": ["payment"], "payable": [1.0], "own": [2]})
    assert list(with_units(table)) == ["unit_id", "zone", "payable [yuan a-1]", "own"]


def test_a_region_on_both_sides_of_the_date_line_in_degrees_is_refused(build):
    def degrees(tables, manifest):
        for name in ("accounts_grid", "accounts_county", "zones"):
            shapes = tables[name].geometry.affine_transform([1e-6, 0, 0, 1e-6, 178, 30])
            shapes.iloc[-1] = shapely.affinity.translate(shapes.iloc[-1], -355)  # beyond 180 degrees east, written as west
            tables[name] = tables[name].set_geometry(shapes).set_crs(4326, allow_override=True)

    with pytest.raises(InputError, match="projected CRS"):
        figure(build(change=degrees), "source_map")
