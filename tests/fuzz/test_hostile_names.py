"""Names that a careless writer would run, obey or break on: a whole study of them, and every output looked at."""

from __future__ import annotations

import json
import re
import sqlite3
import warnings
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from hostile import CITIES, HOSTILE_IDS, NAMES, STUDY_NAME, write_hostile
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from carbonshed.cells import FORMULA, guarded, page_text, sheet_text, unguarded
from carbonshed.checks import DataWarning, Problem, visible
from carbonshed.interfaces.cli import app
from carbonshed.present.export import export
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.study.study import Study

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal or a page obeys instead of showing it."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hostile(tmp_path_factory.mktemp("names") / "study <i>县")


@pytest.fixture(scope="module")
def results(study: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        Study.open(study).run()
    return study / "results"


class Page(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag if attrs else f"bare {tag}")  # the page's own <i> has a class or style, a name's has none
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_page_is_safe(path: Path) -> Page:
    """No element and no attribute of the page was made by a name, and no name turns a sentence round."""
    page = Page(path)
    assert not page.elements & {
        f"{bare}{name}" for name in ("script", "iframe", "object", "embed", "svg", "form") for bare in ("", "bare ")
    }
    assert "bare i" not in page.elements
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [value for _, value in page.attributes if "alert" in value and not value.startswith("data:")]
    assert "<script>alert(1)</script>" in page.text and '=HYPERLINK("http://example.org","click")' in page.text
    assert not OBEYED.search(page.text)
    assert "\\u202e" in page.text
    return page


def test_tables_hold_the_names_as_they_are(results: Path) -> None:
    for name in ("accounts_county", "compensation"):
        table = pd.read_parquet(results / "tables" / f"{name}.parquet")
        assert set(table["unit_id"]) == set(HOSTILE_IDS)
        assert set(table["name"]) == set(NAMES)
    flows = pd.read_parquet(results / "tables" / "flows.parquet")
    assert len(flows) and set(flows["payer"]) | set(flows["recipient"]) <= set(HOSTILE_IDS)
    manifest = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["study"]["name"] == STUDY_NAME


def test_csv_is_guarded_and_reads_back_as_it_was(results: Path, tmp_path: Path) -> None:
    for path in export(results, ["csv"], tmp_path):
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
        for column in table.columns[[not is_number(table[name]) for name in table]]:
            assert not [cell for cell in table[column] if cell.startswith(FORMULA)], (path.name, column)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        back = read_raw_table(tmp_path / "compensation.csv")
    assert set(back["unit_id"]) == set(HOSTILE_IDS)
    assert set(back["name"]) == set(NAMES)


def is_number(cells: pd.Series) -> bool:
    return bool(pd.to_numeric(cells.replace("", "0"), errors="coerce").notna().all())


def test_a_workbook_holds_text_and_no_formula(results: Path, tmp_path: Path) -> None:
    (path,) = export(results, ["xlsx"], tmp_path)
    book = openpyxl.load_workbook(path)
    found: set[object] = set()
    for sheet in book:
        for row in sheet.iter_rows():
            assert not [cell.coordinate for cell in row if cell.data_type == "f"]
            found |= {cell.value for cell in row}
    assert set(HOSTILE_IDS) <= found
    assert {sheet_text(name).replace("\r\n", "\n") for name in NAMES} <= found
    assert STUDY_NAME in found


def test_a_geopackage_and_its_styles(results: Path, tmp_path: Path) -> None:
    path = next(each for each in export(results, ["gpkg"], tmp_path) if each.suffix == ".gpkg")
    layer = gpd.read_file(path, layer="accounts_county")
    assert set(layer["unit_id"]) == set(HOSTILE_IDS) and set(layer["name"]) == set(NAMES)
    with sqlite3.connect(path) as base:
        assert base.execute("pragma integrity_check").fetchone() == ("ok",)
        held = {name for (name,) in base.execute("select name from sqlite_master where type = 'table'")}
        styles = [text for (text,) in base.execute("select styleQML from layer_styles")] if "layer_styles" in held else []
    for text in [*styles, *(p.read_text(encoding="utf-8") for p in export(results, ["qml"], tmp_path))]:
        ET.fromstring(text.partition("\n")[2] if text.startswith("<!DOCTYPE") else text)


def test_term_sheets_hold_names_as_text(results: Path) -> None:
    said = CliRunner().invoke(app, ["agreements", str(results)])
    assert said.exit_code == 0, said.output
    assert_page_is_safe(results / "agreements.html")


def test_talk_shows_what_a_terminal_would_obey(study: Path, results: Path) -> None:
    said = CliRunner().invoke(app, ["why", str(results), HOSTILE_IDS[3]])
    assert said.exit_code == 0 and "<i>&amp;\\u202e|,;" in said.output, said.output
    said = CliRunner().invoke(app, ["why", str(results), "no\x1b[2Jbody\u202e"])
    assert said.exit_code == 3 and not OBEYED.search(said.output) and "body" in said.output
    as_json = CliRunner().invoke(app, ["why", str(results), HOSTILE_IDS[3], "--json"])
    assert not OBEYED.search(as_json.stdout) and json.loads(as_json.stdout)["unit_id"] == HOSTILE_IDS[3]
    (study / "study.toml").with_name("bad.toml").write_text('[study]\n"na\\u001bm\\u202ee\\n" = 1\n', encoding="utf-8")
    said = CliRunner().invoke(app, ["check", str(study / "bad.toml")])
    assert said.exit_code == 3 and not OBEYED.search(said.output) and "\\u202e" in said.output


def test_files_are_named_by_us(results: Path) -> None:
    for path in results.rglob("*"):
        assert re.fullmatch(r"[\w.\-]+", path.name, re.ASCII), path


@pytest.mark.slow
def test_the_report_shows_names_as_text(results: Path) -> None:
    from carbonshed.study.reporting import write_outputs

    with pytest.warns(DataWarning, match="is not drawn.*fonts-noto-cjk"):  # one name holds signs that no font here can draw
        report = write_outputs(results)
    page = assert_page_is_safe(report)
    assert visible(CITIES[2]) in page.text
    for path in (results / "figures").glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for name in table.columns[[not is_number(table[name]) for name in table]]:
            assert not [cell for cell in table[name] if cell.startswith(FORMULA)], path.name
    for path in results.rglob("*.svg"):
        assert not {"script"} & {each.tag.rpartition("}")[2] for each in ET.parse(path).iter()}
    test_files_are_named_by_us(results)


# the mechanisms by themselves


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["'=", "''@x", "=", "\t", "-1", "'"]))
def test_a_guarded_text_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(FORMULA)


@given(st.text(alphabet=st.characters(), max_size=30))
def test_visible_text_holds_nothing_that_is_obeyed(text: str) -> None:
    shown = visible(text)
    assert not OBEYED.search(shown) and "\n" not in shown
    shown.encode("utf-8")
    assert not OBEYED.search(page_text(text)) and not re.search("[\x00-\x08\x0b-\x1f]", sheet_text(text))
    assert visible(shown) == shown


def test_visible_by_hand() -> None:
    assert visible("县 Å 👨‍👩 é\n\x1b\u202e\ud800") == "县 Å 👨‍👩 é\\n\\u001b\\u202e\\ud800"
    assert json.loads(f'"{visible(chr(0x202E))}"') == chr(0x202E)


def test_a_problem_cannot_fake_a_second_one() -> None:
    problem = Problem("x", "an id", "a\nerror: all counties: lost\x1b[2J", "file\u202e.csv", "Mend it." + "!" * 5000)
    assert len(str(problem).splitlines()) == 1 and not OBEYED.search(str(problem)) and len(str(problem)) < 2500
    assert problem.names("file\u202e.csv") and problem.within("b.csv").where.startswith("b.csv, ")
