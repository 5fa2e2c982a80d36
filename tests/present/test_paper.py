"""What figures and pages keep on paper: heights, clear labels, legends of all that is drawn, one first page."""

from __future__ import annotations

import re
from itertools import pairwise

import geopandas as gpd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from carbonshed.checks import DataWarning, InputError, refuse
from carbonshed.present import figures, report
from carbonshed.present.chart_plates import MOST_HEIGHT_MM, chart_plate
from carbonshed.present.display import percent
from carbonshed.present.figure_files import save_figures
from carbonshed.present.figures import FIGURES, draw
from carbonshed.present.folder import ResultFolder
from carbonshed.present.headings import CLOSING, OPENING, fold, text_width
from carbonshed.present.presets import FRONT, page_for
from carbonshed.present.report import front_figures, render_report
from carbonshed.present.som_charts import BAR_PT, _clear_labels


@pytest.mark.parametrize("preset", ["report", "single", "double"])
@pytest.mark.parametrize("count", [1, 7, 14])
def test_no_chart_is_taller_than_a_page(result_dir, preset, count):
    result = ResultFolder(result_dir).on(page_for(preset))
    plate = chart_plate(result, title="t", subtitle="s", panel_height_in=0.9, count=count, per_row=4, least_width_in=0.7)
    assert plate.figure.get_size_inches()[1] * 25.4 <= MOST_HEIGHT_MM + 1e-6 and len(plate.panels) == count


@pytest.mark.parametrize("name", ["scale_indicators", "choice_of_k", "centre_track", "zones_map", "priority_bars"])
def test_figures_of_one_column_fit_a_page(result_dir, name):
    drawing = draw(ResultFolder(result_dir).on(page_for("single")), name, "en")
    assert drawing.figure.get_size_inches()[1] * 25.4 <= MOST_HEIGHT_MM


@given(st.lists(st.integers(-99_999, 99_999), min_size=2, max_size=9), st.floats(0.3, 5.0))
def test_labels_of_a_bar_keep_clear_and_both_ends_stay(numbers, width):
    labels = [f"{number:,}" for number in numbers]
    shown = _clear_labels(labels, width)
    assert shown[0] == 0 and shown[-1] == len(labels) - 1 and shown == sorted(set(shown))
    if len(shown) > 2:
        step = width / (len(labels) - 1)
        wide = {place: text_width(labels[place], BAR_PT) for place in shown}
        left = {p: p * step - (0 if p == 0 else wide[p] if p == shown[-1] else wide[p] / 2) for p in shown}
        assert all(left[one] + wide[one] < left[other] for one, other in pairwise(shown))


@given(st.text(alphabet="碳源汇（），。", max_size=40), st.floats(0.2, 2.0))
def test_marks_stay_with_what_they_open_and_close(text, width):
    lines = fold(text, width, 7.0)
    assert "".join(lines) == text
    assert not [line for line in lines[:-1] if line.endswith(tuple(OPENING))]
    assert not [line for line in lines[1:] if line.startswith(tuple(CLOSING))]


def test_shares_are_written_only_where_they_fit(result_dir):
    for preset in ("single", "double"):
        figure = draw(ResultFolder(result_dir).on(page_for(preset)), "zone_shares", "zh").figure
        renderer = FigureCanvasAgg(figure).get_renderer()
        panel = figure.axes[0]
        bars = [bar.get_window_extent(renderer) for bar in panel.patches]
        for text in panel.texts:
            box = text.get_window_extent(renderer)
            assert any(bar.x0 <= box.x0 and box.x1 <= bar.x1 and bar.y0 < (box.y0 + box.y1) / 2 < bar.y1 for bar in bars)


def test_the_choice_of_k_says_what_its_marks_are(result_dir):
    legend = draw(ResultFolder(result_dir), "choice_of_k", "en").figure.legends[0]
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["k used, 4", "k the criterion chooses", "target of stability, 0.8", "one error of the gap"]


def with_shapes(build, merged: bool):
    """A result whose amounts carry shapes: without the last county, the first two merged into one unit where asked for."""

    def change(tables, manifest):
        accounts, money = tables["accounts_county"], tables["compensation"]
        shapes = gpd.GeoSeries(accounts.drop_duplicates("unit_id").set_index("unit_id").geometry)
        ids = list(shapes.index)
        own = shapes.copy()
        if merged:
            own[ids[0]] = shapely.union_all([shapes[ids[0]], shapes[ids[1]]])
        kept = money[~money["unit_id"].isin([ids[-1], *([ids[1]] if merged else [])])]
        tables["compensation"] = gpd.GeoDataFrame(kept, geometry=own.loc[kept["unit_id"]].to_numpy(), crs=accounts.crs)

    return ResultFolder(build(change=change))


@pytest.mark.parametrize("merged", [False, True])
def test_a_county_left_out_of_the_money_is_grey_with_an_entry_and_a_merged_one_is_not_drawn_twice(build, merged):
    result = with_shapes(build, merged)
    assert len(result.money_shapes) == (11 if merged else 12)
    assert result.money_shapes.area.sum() == pytest.approx(result.counties.geometry.area.sum(), rel=1e-9)
    for name in ("compensation_map", "flows_map"):
        labels = [text.get_text() for text in draw(result, name, "en").figure.legends[0].get_texts()]
        assert "not part of the account" in labels


def test_a_figure_that_fails_in_one_language_is_kept_in_the_other(build, monkeypatch):
    def fails(result, words):
        if words.lang == "zh":
            raise refuse("no_glyph", expected="ink", got="none", where="zh", fix="Buy some.")
        return FIGURES["zones_map"].draw(result, words)

    recipes = {"zones_map": figures.Recipe(fails, FIGURES["zones_map"].needs), "sink_map": FIGURES["sink_map"]}
    folder = build()
    monkeypatch.setattr(figures, "FIGURES", recipes)
    with pytest.warns(DataWarning, match=r"zones_map is not drawn \(zh\): .*expected ink"):
        written = {path.name for path in save_figures(folder, "both", formats=["png"])}
    assert written == {"zones_map_en.png", "zones_map.csv", "sink_map_zh.png", "sink_map_en.png", "sink_map.csv"}
    with pytest.raises(InputError, match="expected ink"):
        save_figures(folder, "both", only=["zones_map"], formats=["png"])


def test_a_share_that_is_not_zero_is_not_printed_as_zero():
    plain = {share: " ".join(percent(share, 1).split()) for share in (0.0, 0.0004, -0.0004, 0.0006, 0.227)}
    assert plain == {0.0: "0.0 %", 0.0004: "< 0.1 %", -0.0004: "> −0.1 %", 0.0006: "0.1 %", 0.227: "22.7 %"}


def test_the_first_page_shows_the_last_year_small(result_dir):
    result = ResultFolder(result_dir)
    last = result.last_year()
    assert set(last.table("zones")["year"]) == {2020} and set(result.table("zones")["year"]) == {2010, 2020}
    assert set(last.cells["year"]) == {2020} and len(result.cells) == 2 * len(last.cells)
    drawing = draw(last.on(FRONT), "zones_map", "en")
    assert drawing.figure.get_size_inches()[0] * 25.4 == pytest.approx(86.0) and set(drawing.data["year"]) == {2020}
    assert front_figures(list(FIGURES)) == ["zones_map", "compensation_map"]
    assert front_figures(["net_map", "sink_map"]) == ["net_map"] and front_figures(["som_hits"]) == []


def test_many_checks_are_told_by_transfer_with_the_largest_error(build, monkeypatch):
    monkeypatch.setattr(report, "_pictures", lambda result, progress, folder: {})

    def many(tables, manifest):
        years = range(1960, 2021)
        manifest["balance_checks"] = [
            {"what": "flows", "year": year, "before": float(year), "after": float(year), "relative_error": 3e-12 if year == 1990 else 0.0}
            for year in years
        ]

    html = render_report(build(change=many), lang="en")
    section = re.search(r'id="en-checks">(.*?)</section>', html, re.S).group(1)
    assert (
        section.count("<tr>") == 2 and "2,020.0" in section and "3.0e−12" in section and "all 61 checks stand in manifest.json" in section
    )
