"""Places that hold something else: a result never takes the place of other people's files, and what is no result is named, not believed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed.checks import FolderError, InputError
from carbonshed.interfaces.cli import app
from carbonshed.study.store import Store, file_digest
from carbonshed.study.verifying import verify

pytestmark = pytest.mark.usefixtures("quiet")


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in folder.rglob("*") if path.is_file()}


def own_tables(folder: Path) -> Path:
    (folder / "mine" / "tables").mkdir(parents=True)
    (folder / "mine" / "tables" / "mine.parquet").write_text("mine", encoding="utf-8")
    return folder / "mine"


def link(folder: Path, to: str) -> Path:
    (folder / "out").symlink_to(to)
    return folder / "out"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (lambda folder: folder, "study.toml, and no manifest.json"),
        (own_tables, "tables, and no manifest.json"),
        (lambda folder: folder / "counties.csv", "a file"),
        (lambda folder: folder / "counties.csv" / "out", "a file"),
        (lambda folder: link(folder, "nothing"), "a link to nothing"),
        (lambda folder: link(folder, "out"), "symbolic links"),
        (lambda folder: folder / ("x" * 300), "name too long"),
        (lambda folder: Path("/proc/out"), "No such file"),
    ],
    ids=["the study", "own tables", "a file", "below a file", "link to nothing", "link to itself", "long name", "no disk"],
)
def test_a_place_that_is_taken_or_none_is_refused_and_left_as_it_is(small_study, place, said):
    out = place(small_study)
    before = bytes_of(small_study)
    found = CliRunner().invoke(app, ["run", str(small_study), "--out", str(out)])
    assert found.exit_code == 4 and said in found.stderr and "--out" in found.stderr
    assert bytes_of(small_study) == before


def test_the_result_of_another_study_is_not_written_over(done_study, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(done_study, other, ignore=shutil.ignore_patterns("results"))
    text = (other / "study.toml").read_text(encoding="utf-8")
    (other / "study.toml").write_text(text.replace("Four counties", "Another"), encoding="utf-8")
    before = bytes_of(done_study)
    with pytest.raises(FolderError, match="'Four counties'"):
        cs.Study.open(other).run(done_study / "results")
    assert bytes_of(done_study) == before
    (other / "study.toml").write_text(text, encoding="utf-8")  # the same study, carried to another folder
    assert cs.Study.open(other).run(done_study / "results", until="accounts").folder == done_study / "results"


def test_a_name_that_is_no_text_is_refused(small_study):
    there = os.fsdecode(os.fsencode(small_study) + b"\xff")
    shutil.copytree(small_study, there)
    for asked in (["run", there], ["run", str(small_study), "--out", there + "/out"]):
        found = CliRunner().invoke(app, asked)
        assert found.exit_code == 3 and "UTF-8" in found.stderr and "\\udcff" in found.stderr


def test_a_table_that_no_manifest_lists_is_dropped_by_the_run_that_goes_on(small_study):
    """A run that is killed between a table and its manifest leaves one; were it kept, it would be drawn as part of the result."""
    out = small_study / "results"
    cs.Study.open(small_study).run(until="land_area")
    left = out / "tables" / "left.parquet"
    shutil.copy(out / "tables" / "land_area.parquet", left)
    cs.Study.open(small_study).run(until="accounts")
    assert not left.exists()


def test_study_toml_belongs_to_the_result(done_study):
    """A run that is killed behind its last step has left it, or the next one does; verify asks for it and for its values."""
    out = done_study / "results"
    file, text = out / "study.toml", (out / "study.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("price = 80", "price = 81"), encoding="utf-8")
    assert [(p.code, p.got) for p in verify(out)] == [("study_changed", "others in [compensation]")]
    file.unlink()
    assert [p.code for p in verify(out)] == ["file_missing"]
    cs.Study.open(done_study).run()
    assert file.read_text(encoding="utf-8") == text and verify(out) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda manifest: "{",
        lambda manifest: b"\xff\xfe{}",
        lambda manifest: "[" * 100_000,
        lambda manifest: json.dumps({key: value for key, value in manifest.items() if key != "steps"}),
        lambda manifest: json.dumps({**manifest, "inputs": "none"}),
        lambda manifest: json.dumps({**manifest, "steps": [{"name": "accounts"}]}),
    ],
    ids=["half", "no text", "nested", "no steps", "inputs no list", "half a step"],
)
def test_a_manifest_that_is_none_is_said(done_study, spoil):
    out = done_study / "results"
    spoiled = spoil(Store(out).read_manifest())
    (out / "manifest.json").write_bytes(spoiled if isinstance(spoiled, bytes) else spoiled.encode())
    for command in (["verify", out], ["audit", out], ["run", done_study]):
        found = CliRunner().invoke(app, list(map(str, command)))
        assert found.exit_code == 3 and "manifest.json: expected" in found.stderr, found.exception


def test_a_table_that_is_half_is_said_by_whoever_reads_it(done_study):
    out = done_study / "results"
    table = out / "tables" / "accounts_county.parquet"
    table.write_bytes(table.read_bytes()[:1000])
    for command in (["audit", out], ["report", out], ["export", out], ["compare", out, out], ["why", out, "130101"]):
        found = CliRunner().invoke(app, list(map(str, command)))
        if command[0] != "why" or found.exit_code:  # why reads other tables
            assert found.exit_code == 3 and table.name in found.stderr, (command, found.exception)


def test_no_format_is_not_all_and_not_none(done_study):
    found = CliRunner().invoke(app, ["export", str(done_study / "results"), "--format", ""])
    assert found.exit_code == 3 and "ro-crate" in found.stderr


STUDY_FILES = {
    "not UTF-8": (lambda text: text.encode("utf-16"), "0xff, which is none of UTF-8, in line 1"),
    "GBK": (lambda text: text.replace("Four counties", "四个县").encode("gbk"), "in line 3"),
    "curly quotes": (lambda text: text.replace('"Four counties"', "“Four counties”").encode(), "quotes must be straight"),
    "path of Windows": (lambda text: text.replace('"counties.csv"', r'"C:\Users\me\counties.csv"').encode(), "written with /"),
    "empty path": (lambda text: text.replace('"counties.csv"', '""').encode(), "[counties] table: expected a text that is not empty"),
    "true for a number": (lambda text: text.replace("price = 80", "price = true").encode(), "not true or false; got True"),
    "true among years": (lambda text: text.replace("[2010, 2015]", "[2010, true]").encode(), "not true or false"),
    "no kind fits": (
        lambda text: text.replace("price = 80", "price = 2020-01-01").encode(),
        "a number, or a text, or a table; got 2020-01-01",
    ),
    "a name that begins like another": (lambda text: text.replace("[zoning]", "[zones]").encode(), "Did you mean 'zoning'?"),
}


@pytest.mark.parametrize("name", STUDY_FILES)
def test_a_study_file_that_is_wrong_is_said_in_plain_words(small_study, name):
    spoil, said = STUDY_FILES[name]
    file = small_study / "study.toml"
    file.write_bytes(spoil(file.read_text(encoding="utf-8")))
    with pytest.raises(InputError) as found:
        cs.Study.open(small_study)
    assert len(found.value.problems) == 1 and said in str(found.value) and "Input should be" not in str(found.value)
