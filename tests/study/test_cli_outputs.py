"""What people take away by commands: figures with their options, the printed report, exports, and the script that repeats the study."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.interfaces.cli import app
from carbonshed.present import pdf
from carbonshed.present.export import WRITERS
from carbonshed.study.verifying import verify

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def out(finished_study, tmp_path) -> Path:
    """A copy of a result folder."""
    return Path(shutil.copytree(finished_study / "results", tmp_path / "results"))


def said(*arguments: object):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def state(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }


def test_figures_for_a_journal_have_its_width_language_and_marks(out):
    told = said(
        "figures",
        out,
        "--only",
        "zones, flows",
        "--preset",
        "single",
        "--lang",
        "en",
        "--hatch",
        "--review-number",
        "GS(2024)1",
        "--format",
        "png,pdf,svg",
        "--dpi",
        400,
        "--json",
    )
    assert told.exit_code == 0, told.output
    paths = [Path(each) for each in json.loads(told.stdout)["figures"]]
    kinds = {
        f"{name}_map{ending}" for name in ("zones", "flows") for ending in ("_en_single.png", "_en_single.pdf", "_en_single.svg", ".csv")
    }
    assert {path.name for path in paths} == kinds == {path.name for path in (out / "figures").iterdir()}
    with Image.open(out / "figures" / "zones_map_en_single.png") as picture:
        assert picture.width == pytest.approx(90 / 25.4 * 400, abs=1)
    first = (out / "figures" / "zones_map_en_single.png").read_bytes()
    assert said("figures", out, "--only", "zones", "--preset", "single", "--lang", "en").exit_code == 0
    assert (out / "figures" / "zones_map_en_single.png").read_bytes() != first, "hatches and the number of the map's review are drawn"
    if shutil.which("pdftotext"):
        written = subprocess.run(
            ["pdftotext", str(out / "figures" / "flows_map_en_single.pdf"), "-"], capture_output=True, text=True, check=True
        )
        assert "GS(2024)1" in written.stdout


def test_figures_are_listed_and_wrong_names_are_refused_before_anything_is_written(out):
    before = state(out)
    names = said("figures", out, "--list").stdout.split()
    assert {"zones_map", "zones_sankey", "flows_map"} <= set(names) and json.loads(said("figures", out, "--list", "--json").stdout)[
        "figures"
    ] == names
    for wrong, near in (
        (("--only", "zone_map"), "zones_map"), (("--preset", "triple"), "one_and_half"), (("--lang", "fr"), "both"), (("--format", "bmp"), "svg"),
    ):  # fmt: skip
        told = said("figures", out, *wrong)
        assert told.exit_code == 3 and near in told.stderr, wrong
    assert state(out) == before


def test_one_call_writes_every_format_and_the_crate_last(out):
    assert said("export", out, "--format", ",".join(reversed(WRITERS))).exit_code == 0  # the crate is asked for first
    assert verify(out) == [], "the crate names the manifest and the other exports with the bytes they have"
    parts = {row["@id"] for row in json.loads((out / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]}
    assert {"exports/result.gpkg", "exports/result.xlsx", "exports/study.py", "rasters/carbon_sink.tif", "styles/zones.qml"} <= parts


def test_exports_elsewhere_leave_the_result_as_it_is(out, tmp_path):
    before = state(out)
    told = said("export", out, "--format", "csv,gpkg", "--out", tmp_path / "handover", "--json")
    assert told.exit_code == 0 and {Path(each).parent for each in json.loads(told.stdout)["files"]} == {tmp_path / "handover"}
    assert state(out) == before


@pytest.mark.skipif(pdf.find_browser() is None, reason="no Chromium")
@pytest.mark.slow
def test_the_report_is_printed_and_listed(out):
    told = said("report", out, "--pdf", "--lang", "zh", "--json")
    assert told.exit_code == 0 and json.loads(told.stdout)["pdf"] == str(out / "report.pdf")
    assert (out / "report.pdf").read_bytes()[:5] == b"%PDF-" and verify(out) == []


def test_without_a_browser_the_page_is_there_and_it_is_said_how_to_print(out, monkeypatch):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    monkeypatch.setattr("carbonshed.study.reporting.render_report", lambda *_, **__: "<!doctype html>")
    told = said("report", out, "--pdf")
    assert (
        told.exit_code == 3 and "print it to PDF" in told.stderr and (out / "report.html").is_file() and not (out / "report.pdf").exists()
    )


@pytest.mark.slow
def test_the_script_of_a_study_gives_the_same_tables(finished_study, tmp_path):
    script = Path(said("export", finished_study / "results", "--format", "script", "--out", tmp_path).stdout.strip())
    ran = subprocess.run([sys.executable, str(script), str(finished_study)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "byte for byte" in ran.stdout and "will differ" not in ran.stderr
    recorded, again = cs.Study.open(finished_study).run(), tmp_path / "repeated" / "tables"
    for path in sorted((finished_study / "results" / "tables").glob("*.parquet")):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    table = pd.read_csv(tmp_path / "csv" / "compensation.csv", dtype={"unit_id": str})
    pd.testing.assert_series_equal(table["net_compensation"], recorded.compensation["net_compensation"].reset_index(drop=True))
    changed = shutil.copytree(finished_study, tmp_path / "changed", ignore=shutil.ignore_patterns("results"))
    lines = (Path(changed) / "emissions.csv").read_text(encoding="utf-8").replace("130101", "130101", 1) + "\n"
    (Path(changed) / "emissions.csv").write_text(lines, encoding="utf-8")
    ran = subprocess.run([sys.executable, str(script), str(changed)], cwd=changed, capture_output=True, text=True, check=False)
    assert "emissions.csv is not the file of the recorded run" in ran.stderr


def test_a_scenario_in_memory_draws_what_its_folder_would(finished_study, tmp_path):
    held = cs.Study.open(finished_study).with_(carbon_price=80).run()
    stored = cs.Study.open(finished_study).run()
    assert held.folder is None
    for name in ("zones", "flows", "compensation_map", "sankey"):
        one, other = (result.figure(name, lang="zh", preset="single")._repr_png_() for result in (held, stored))
        assert one == other, name
    with pytest.raises(InputError, match="zones_map"):
        held.figure("zone_map")
    dearer = cs.Study.open(finished_study).with_(carbon_price=160).run()
    assert dearer.figure("compensation_map")._repr_png_() != stored.figure("compensation_map")._repr_png_()
    assert dearer.figure("zones")._repr_png_() == stored.figure("zones")._repr_png_(), "a price moves no zone"
