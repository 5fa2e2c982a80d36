"""Results that are hard to draw: each figure draws whole, or says what it takes. Sixty years, names of eighty characters, one county, a
year without recipients, amounts of zero, both sides of the date line, a table that is missing."""

from __future__ import annotations

import shutil
import subprocess
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from carbonshed.checks import InputError
from carbonshed.present.figure_needs import TAKES
from carbonshed.present.figures import FIGURES, absent_figures, as_bytes, available_figures, draw, figure
from carbonshed.present.folder import ResultFolder
from carbonshed.present.presets import PRESETS, page_for

YEARS = range(1961, 2021)
LONG = "一二三四五六七八九十" * 8
LONG_EN = "Autonomous county of the long name " * 2 + "and of two"
TALLEST_IN = 11.7
"""An A4 page is so high."""


def whole(drawn, name: str) -> None:
    """Every text that is drawn stands on the page, has its glyphs, and the page is no taller than A4."""
    canvas = FigureCanvasAgg(drawn)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*[Gg]lyph.*")
        canvas.draw()
    assert drawn.get_size_inches()[1] <= TALLEST_IN, name
    page, renderer = drawn.bbox, canvas.get_renderer()
    unseen = set()
    for axis in (axis for panel in drawn.axes for axis in (panel.xaxis, panel.yaxis)):
        low, high = sorted(axis.get_view_interval())
        unseen |= {tick.label1 for tick in axis.get_major_ticks() if not low - 1e-9 <= tick.get_loc() <= high + 1e-9}
    for text in drawn.findobj(Text):
        if not text.get_text().strip() or not text.get_visible() or text in unseen:
            continue
        box = text.get_window_extent(renderer)
        clipped = text.get_clip_on() and text.axes is not None and not text.axes.bbox.overlaps(box)
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        assert inside or clipped, f"{text.get_text()!r} leaves the page of {name}"
    assert np.asarray(canvas.buffer_rgba())[..., :3].std() > 3, f"{name} is empty"


def draws_or_says(folder, lang: str, preset: str = "report") -> dict[str, str]:
    """Draw all that the result can give; what it cannot give is refused with what it takes."""
    result = ResultFolder(folder).on(page_for(preset))
    lacking = absent_figures(result)
    assert set(lacking) == set(FIGURES) - set(available_figures(result))
    for name in FIGURES:
        if name in lacking:
            with pytest.raises(InputError) as refused:
                draw(result, name, lang)
            assert lacking[name] in str(refused.value)
        else:
            whole(draw(result, name, lang).figure, name)
    return lacking


def test_every_figure_says_what_it_takes_in_both_languages():
    assert set(TAKES) == set(FIGURES)
    assert all(english.isascii() and any("一" <= sign <= "鿿" for sign in chinese) for english, chinese in TAKES.values())


def sixty_years(tables, manifest):
    """Zones that change and centres that wander in each of sixty years."""
    pairs = [
        ("payment", "payment", 8),
        ("payment", "balanced", 2),
        ("balanced", "balanced", 9),
        ("balanced", "recipient", 1),
        ("recipient", "recipient", 10),
    ]
    rows = [(year, year + 1, a, b, n, 324.0 * (n + year % 3)) for year in YEARS[:-1] for a, b, n in pairs]
    tables["zone_transitions"] = pd.DataFrame(rows, columns="year_from year_to zone_from zone_to n_units area_km2".split())
    centres = tables["centre_of_gravity"]
    turn = 2 * np.pi * (centres["year"] - YEARS[0]) / 20
    tables["centre_of_gravity"] = centres.assign(lon=centres["lon"] + 0.05 * np.sin(turn), lat=centres["lat"] + 0.05 * np.cos(turn))


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "preset"), [("zh", "report"), ("en", "single")])
def test_sixty_years_and_names_of_eighty_characters(build, lang, preset):
    names = [(LONG if lang == "zh" else LONG_EN)[:79] + letter for letter in "ABCDEFGHIJKL"]
    assert {len(name) for name in names} == {80 if lang == "zh" else len(LONG_EN[:79]) + 1} and len(LONG_EN) >= 78
    assert draws_or_says(build(years=YEARS, names=names, change=sixty_years), lang, preset) == {}


def test_sankey_and_tracks_over_sixty_years(build):
    """By hand: sixty columns without shares that would not fit, at most twelve years printed; a track of sixty points in one panel each."""
    folder = build(years=YEARS, change=sixty_years)
    sankey = figure(folder, "sankey", lang="zh")
    whole(sankey, "sankey")
    years = [text.get_text() for text in sankey.axes[0].get_xticklabels()]
    assert len(years) <= 12 and years[0] == "1961" and years[-1] == "2020"
    assert not [text for text in sankey.axes[0].texts if "%" in text.get_text()]
    columns = [patch for patch in sankey.axes[0].patches if type(patch).__name__ == "Rectangle" and patch.get_height() > 0]
    assert len(columns) == 60 * 3
    tracks = figure(folder, "centre_track", lang="zh")
    whole(tracks, "centre_track")
    lines = [line for panel in tracks.axes[1:5] for line in panel.lines if len(line.get_xdata()) == 60]
    assert len(lines) == 4
    said = {text.get_text() for panel in tracks.axes[1:5] for text in panel.texts}
    assert {"1961", "2020"} <= said and "1990" not in said


def one_county(tables, manifest):
    """One county, and no grid: nothing to compare with."""
    for name in ("accounts_county", "compensation"):
        tables[name] = tables[name][tables[name]["unit_id"] == "130101"]
    for name in ("flows", "spatial_statistics", "balance"):
        tables[name] = tables[name].iloc[:0]
    for name in (
        "accounts_grid",
        "zones",
        "zone_transitions",
        "som_nodes",
        "scale_response",
        "scale_choice",
        "scale_draws",
        "scale_zones",
        "choice_of_k",
        "trends",
        "hot_spot_change",
    ):
        tables.pop(name)  # fmt: skip


def a_year_without_recipients(tables, manifest):
    """In the last of two years everybody pays: those flows are not there."""
    money = tables["compensation"]
    last = money["year"] == money["year"].max()
    money.loc[last, ["receivable", "receivable_before"]] = 0.0
    money.loc[last, ["payable", "payable_before"]] = 1e6
    money.loc[last, "net_compensation"], money.loc[last, "side"] = -1e6, "payer"
    tables["flows"] = tables["flows"][tables["flows"]["year"] != money["year"].max()]
    balance = tables["balance"]
    balance.loc[balance["year"] == money["year"].max(), "balance_ratio"] = np.nan
    track = tables["centre_of_gravity"]
    tables["centre_of_gravity"] = track[~((track["quantity"] == "receivable") & (track["year"] == money["year"].max()))]


def all_zero(tables, manifest):
    """Nothing is emitted, absorbed or paid."""
    money = ["payable", "receivable", "net_compensation", "payable_before", "receivable_before"]
    tables["compensation"] = tables["compensation"].assign(**dict.fromkeys(money, 0.0), side="none", priority_rank=pd.NA, priority=np.nan)
    tables["flows"], tables["balance"] = tables["flows"].iloc[:0], tables["balance"].iloc[:0]
    for name in ("accounts_grid", "accounts_county", "zone_summary"):
        for column in ("carbon_source", "carbon_sink", "net_carbon_emission"):
            tables[name][column] = 0.0
    manifest["totals"] = [{"year": row["year"], **{key: 0.0 for key in row if key != "year"}} for row in manifest["totals"]]


def date_line(tables, manifest):
    """The region on both sides of 180 degrees in an equal-area CRS centred there."""
    crs = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=35 +lon_0=180 +datum=WGS84 +units=m"
    for name, table in tables.items():
        if isinstance(table, gpd.GeoDataFrame):
            tables[name] = table.set_geometry(table.geometry.translate(-990_000, -4_200_000)).set_crs(crs, allow_override=True)
    track = tables["centre_of_gravity"]
    tables["centre_of_gravity"] = track.assign(lon=(track["lon"] - track["lon"].mean()) + 179.9, lat=34.0)
    manifest["study"]["crs"] = crs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        (one_county, {"flows_map", "zones_map", "zones_sankey", "scale_response", "moran_scatter", "balance_ratio", "fairness_curves"}),
        (a_year_without_recipients, set()),
        (all_zero, {"flows_map", "balance_ratio", "priority_bars"}),
        (date_line, set()),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_hard_results_draw_whole_or_say_what_they_take(build, change, left_out, lang):
    assert left_out <= set(draws_or_says(build(change=change), lang))


def test_a_year_with_one_side_only_is_named_where_it_has_no_ratio(build):
    drawn = figure(build(change=a_year_without_recipients), "balance_ratio", lang="en")
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["2010"]
    assert "no ratio in 2020: one side only" in " ".join(" ".join(text.get_text() for text in drawn.texts).split())


@pytest.mark.slow
def test_a_missing_table_is_said_or_not_needed(result_dir, tmp_path, monkeypatch):
    """Each figure without each table that it reads: it draws, or it says what it takes; nothing else may come of it."""
    read: dict[str, set[str]] = {}
    table = ResultFolder.table
    for name in FIGURES:
        seen = read[name] = set()
        monkeypatch.setattr(ResultFolder, "table", lambda self, key, seen=seen: (seen.add(key), table(self, key))[1])
        draw(ResultFolder(result_dir), name, "en")
    monkeypatch.undo()
    assert all(seen for name, seen in read.items() if name != "balance_strip")
    for lost in sorted(set().union(*read.values())):
        folder = tmp_path / lost
        shutil.copytree(result_dir / "tables", folder / "tables", ignore=lambda _, names, lost=lost: [f"{lost}.parquet"])
        shutil.copy(result_dir / "manifest.json", folder)
        for name in (name for name, seen in read.items() if lost in seen):
            try:
                drawn = draw(ResultFolder(folder), name, "en").figure
            except InputError as error:
                assert TAKES[name][0] in str(error) or f"{lost}.parquet" in str(error), (name, lost, str(error))
            else:
                whole(drawn, f"{name} without {lost}")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts is not installed")
@pytest.mark.parametrize("preset", PRESETS)
def test_every_figure_on_every_page_embeds_its_fonts(result_dir, tmp_path, preset):
    """pdffonts over the whole catalogue: embedded, a subset, with a map to Unicode, never Type 3."""
    result = ResultFolder(result_dir).on(page_for(preset, hatch=True, review_number="GS(2024)1"))
    for name in FIGURES:
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(as_bytes(draw(result, name, "zh"), "pdf", dpi=100))
        listed = subprocess.run(["pdffonts", str(path)], capture_output=True, text=True, check=True)
        rows = listed.stdout.splitlines()[2:]
        assert rows and not listed.stderr and all(" yes yes yes " in row and "Type 3" not in row for row in rows), (name, listed.stdout)
