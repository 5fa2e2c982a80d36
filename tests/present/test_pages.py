"""Pages of journals, graticule, and the figures of this kind by hand."""

from __future__ import annotations

import io
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from carbonshed.checks import InputError
from carbonshed.present.figures import as_bytes, draw, figure, figure_data, full_name
from carbonshed.present.folder import ResultFolder
from carbonshed.present.graticule import degree_text
from carbonshed.present.headings import fold, text_width
from carbonshed.present.presets import page_for
from carbonshed.present.sankey import column_heights

WIDTHS = {"single": 90.0, "one_and_half": 140.0, "double": 190.0}


@pytest.mark.parametrize("preset", WIDTHS)
@pytest.mark.parametrize("name", ["zones_map", "balance_strip", "zones_sankey"])
def test_width_is_exact_and_dots_are_fine_enough(result_dir, preset, name):
    result = ResultFolder(result_dir).on(page_for(preset))
    drawing = draw(result, name, "zh")
    assert drawing.figure.get_size_inches()[0] * 25.4 == pytest.approx(WIDTHS[preset], abs=1e-9)
    with Image.open(io.BytesIO(as_bytes(drawing, "png", dpi=result.page.dpi))) as picture:
        assert result.page.dpi >= 300 and abs(picture.width - WIDTHS[preset] / 25.4 * result.page.dpi) <= 1
        assert picture.info["dpi"][0] == pytest.approx(result.page.dpi, abs=0.1)


@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts is not installed")
def test_fonts_of_a_journal_page_are_embedded_and_not_type_3(result_dir, tmp_path):
    drawing = draw(ResultFolder(result_dir).on(page_for("single", hatch=True)), "zones_map", "zh")
    (tmp_path / "zones.pdf").write_bytes(as_bytes(drawing, "pdf", dpi=300))
    rows = subprocess.run(["pdffonts", str(tmp_path / "zones.pdf")], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert rows and all(" yes yes " in row and "Type 3" not in row for row in rows)


def test_review_number_stands_on_maps_only_where_it_is_stated(result_dir, build):
    def stated(tables, manifest):
        manifest["study"]["map_review"] = "GS(2024)0650"

    def texts(drawn):
        return " ".join(text.get_text() for text in drawn.texts)

    assert "审图号：GS(2024)0650" in texts(figure(build(change=stated), "zones", lang="zh"))
    assert "GS(1)" in texts(figure(result_dir, "zones", review_number="GS(1)"))
    assert "审图号" not in texts(figure(result_dir, "zones", lang="zh"))


def test_names_may_be_short_and_unknown_ones_are_refused(result_dir):
    assert full_name("zones") == "zones_map" and full_name("sankey") == "zones_sankey" and full_name("fairness") == "fairness_curves"
    with pytest.raises(InputError, match="zones_map"):
        full_name("no_such_figure")
    with pytest.raises(InputError, match="one_and_half"):
        figure(result_dir, "zones", preset="triple")


def test_degrees_across_the_date_line():
    assert [degree_text(value, "x") for value in (178.0, 180.0, 182.0)] == ["178°E", "180°", "178°W"]


def test_lines_fold_to_the_width():
    for line in fold("碳源减碳汇：红色以排放为主 and blue absorbs more", 1.0, 7.5):
        assert text_width(line, 7.5) <= 1.0 + 0.11  # a closing mark may hang over


def test_sankey_and_scatter_by_hand(result_dir):
    table = ResultFolder(result_dir).table("zone_transitions")
    heights = column_heights(table, ["payment", "balanced"], [2010, 2020])
    assert heights.to_numpy().tolist() == [[3240.0, 0.0], [2916.0, 324.0]]
    scatter = figure_data(result_dir, "moran_scatter").query("quantity == 'carbon_sink'")
    z, lag = scatter["standard_value"], scatter["spatial_lag"]
    assert float((z * lag).sum() / (z**2).sum()) == pytest.approx(0.5, abs=0.05)
    curve = figure_data(result_dir, "fairness_curves")
    assert np.allclose(curve.groupby("curve").last(), 1.0)
