"""Figures and pages against stored pictures; the tolerances are strict enough to miss no legend, panel or colour.

Tolerance of figures: on pictures 160 pixels wide, a mean absolute difference of 0.15 of 255 levels, and 0.2 % of pixels that differ by
more than 24 levels; of pages, at a third of their size: 0.6 levels and 0.8 % (`pictures.py`). After a change made on purpose: look at the
figures, then run tools/make_references.py.
"""

from __future__ import annotations

import pytest

from carbonshed.present import maps
from carbonshed.present.figures import FIGURES, available_figures, draw
from carbonshed.present.folder import ResultFolder
from carbonshed.present.presets import page_for
from carbonshed.present.report import render_report

from .pictures import (
    PAGES,
    REFERENCES,
    STUDIES,
    STUDY_PRESET,
    apart,
    is_same,
    is_same_page,
    page_picture,
    reference,
    run_study,
    small,
    why_no_pages,
)

IN_CHINESE = ("balance_strip", "scale_indicators", "zones_map", "compensation_map", "priority_bars")
"""Figures compared in Chinese each time; all others among the slow tests."""


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did_and_a_lost_legend_or_panel_shows(result_dir, name):
    drawing = draw(ResultFolder(result_dir), name, "en")
    stored = reference(name)
    assert is_same(small(drawing), stored), f"{name}: {apart(small(drawing), stored)}"
    for part in [*drawing.figure.legends, *drawing.figure.axes[-1:]]:
        part.set_visible(False)
        assert not is_same(small(drawing), stored), f"{name} without {part}: {apart(small(drawing), stored)}"
        part.set_visible(True)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in IN_CHINESE else pytest.mark.slow) for name in FIGURES])
def test_a_figure_in_chinese_looks_as_it_did_and_a_lost_label_shows(result_dir, name):
    drawing = draw(ResultFolder(result_dir), name, "zh")
    stored = reference(f"zh/{name}")
    assert is_same(small(drawing), stored), f"{name}: {apart(small(drawing), stored)}"
    assert not is_same(small(draw(ResultFolder(result_dir), name, "en")), stored)
    drawing.figure.texts[0].set_text("口" * len(drawing.figure.texts[0].get_text()))
    assert not is_same(small(drawing), stored)


@pytest.mark.parametrize("zone", ["payment", "balanced", "recipient"])
def test_a_wrong_colour_shows(result_dir, zone, monkeypatch):
    monkeypatch.setattr(maps, "ZONE_COLOURS", {**maps.ZONE_COLOURS, zone: "#7FB069"})
    assert not is_same(small(draw(ResultFolder(result_dir), "zones_map", "en")), reference("zones_map"))


def test_references_are_those_of_the_figures_and_small():
    for folder in (REFERENCES, REFERENCES / "zh"):
        assert {file.stem for file in folder.glob("*.png")} == set(FIGURES)
    assert {file.stem for file in (REFERENCES / "pages").glob("*.png")} == set(PAGES)
    assert {folder.name for folder in REFERENCES.iterdir() if folder.is_dir()} == {"zh", "pages", *STUDIES}
    assert sum(file.stat().st_size for file in REFERENCES.rglob("*.png")) < 1_500_000


@pytest.fixture(scope="module", params=STUDIES)
def study(request, tmp_path_factory) -> tuple[str, ResultFolder]:
    """The result of a whole study on the page its pictures are kept for."""
    shared = request.getfixturevalue("shared") if request.param == "county" else None
    result = run_study(request.param, tmp_path_factory.mktemp(request.param), shared)
    return request.param, result.on(page_for(STUDY_PRESET[request.param][0]))


@pytest.mark.slow
def test_every_figure_of_a_whole_study_looks_as_it_did(study, monkeypatch):
    name, result = study
    lang = STUDY_PRESET[name][1]
    stored = {file.stem: reference(f"{name}/{file.stem}") for file in (REFERENCES / name).glob("*.png")}
    assert set(stored) == set(available_figures(result))
    drawings = {each: draw(result, each, lang) for each in stored}
    changed = {each: apart(small(drawings[each]), stored[each]) for each in stored if not is_same(small(drawings[each]), stored[each])}
    assert not changed
    for drawing in (drawings["zones_map"], drawings["compensation_map"], drawings["choice_of_k"]):
        drawing.figure.legends[0].set_visible(False)
    for each in ("zones_map", "compensation_map", "choice_of_k"):
        assert not is_same(small(drawings[each]), stored[each]), f"{each} without its legend"
    swapped = {**maps.ZONE_COLOURS, "payment": maps.ZONE_COLOURS["recipient"], "recipient": maps.ZONE_COLOURS["payment"]}
    monkeypatch.setattr(maps, "ZONE_COLOURS", swapped)
    assert not is_same(small(draw(result, "zones_map", lang)), stored["zones_map"]), "swapped colours of zones"


@pytest.mark.slow
def test_pages_of_the_report_look_as_they_did(result_dir):
    if why_no_pages():
        pytest.skip(why_no_pages())
    html = render_report(result_dir, lang="zh")
    for name in PAGES:
        picture, stored = page_picture(html, name), reference(f"pages/{name}")
        assert is_same_page(picture, stored), f"{name}: {apart(picture, stored)}"
    without_tiles = html.replace('class="tiles"', 'class="tiles" style="visibility: hidden"')
    assert not is_same_page(page_picture(without_tiles, "summary_zh_1200"), reference("pages/summary_zh_1200"))
    without_maps = html.replace('class="front-maps"', 'class="front-maps" style="visibility: hidden"')
    assert not is_same_page(page_picture(without_maps, "summary_en_400"), reference("pages/summary_en_400"))
    other_style = html.replace("font-size: 21px", "font-size: 24px")
    assert not is_same_page(page_picture(other_style, "zones_en_1200"), reference("pages/zones_en_1200"))
