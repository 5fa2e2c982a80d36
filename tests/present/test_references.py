"""Every figure of the small study against a stored picture; the tolerance is strict enough to miss no legend, panel or colour.

Tolerance: on pictures 160 pixels wide, a mean absolute difference of 0.15 of 255 levels, and 0.2 % of pixels that differ by more than 24
levels (`pictures.py`). After a change made on purpose: look at the figures, then run tools/make_references.py.
"""

from __future__ import annotations

import pytest

from carbonshed.present import maps
from carbonshed.present.figures import FIGURES, draw
from carbonshed.present.folder import ResultFolder

from .pictures import REFERENCES, apart, is_same, reference, small


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did_and_a_lost_legend_or_panel_shows(result_dir, name):
    drawing = draw(ResultFolder(result_dir), name, "en")
    stored = reference(name)
    assert is_same(small(drawing), stored), f"{name}: {apart(small(drawing), stored)}"
    for part in [*drawing.figure.legends, *drawing.figure.axes[-1:]]:
        part.set_visible(False)
        assert not is_same(small(drawing), stored), f"{name} without {part}: {apart(small(drawing), stored)}"
        part.set_visible(True)


@pytest.mark.parametrize("zone", ["payment", "balanced", "recipient"])
def test_a_wrong_colour_shows(result_dir, zone, monkeypatch):
    monkeypatch.setattr(maps, "ZONE_COLOURS", {**maps.ZONE_COLOURS, zone: "#7FB069"})
    assert not is_same(small(draw(ResultFolder(result_dir), "zones_map", "en")), reference("zones_map"))


def test_references_are_those_of_the_figures_and_small():
    files = sorted(REFERENCES.glob("*.png"))
    assert {file.stem for file in files} == set(FIGURES)
    assert sum(file.stat().st_size for file in files) < 300_000
