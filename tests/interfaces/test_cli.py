"""The command line as a person and as a program use it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import carbonshed
from carbonshed.interfaces.cli import app
from carbonshed.interfaces.talk import WORDS

run = CliRunner().invoke


def test_version_and_help():
    assert run(app, ["--version"]).stdout.strip() == carbonshed.__version__
    assert run(app, ["--help"]).exit_code == 0


@pytest.mark.parametrize("name", ["ecc", "碳排放经济贡献系数", "economic contributive coefficient"])
def test_a_term_is_explained_in_any_of_its_names(name):
    found = json.loads(run(app, ["terms", name, "--json"]).stdout)
    assert found["name"] == "ecc" and found["unit"] == "1" and found["zh"] == "碳排放经济贡献系数" and "G_i" in found["definition"]


def test_all_terms_and_an_unknown_one():
    assert "net_compensation" in run(app, ["terms"]).stdout
    unknown = run(app, ["terms", "carbon_snik"])
    assert unknown.exit_code == 3 and "carbon_sink" in unknown.stderr and unknown.stdout == ""


def test_usage_errors_exit_with_2():
    assert run(app, ["rnu"]).exit_code == 2
    assert run(app, ["report"]).exit_code == 2


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_init_writes_a_study_once(tmp_path, lang):
    folder = tmp_path / "new"
    assert run(app, ["init", str(folder), "--lang", lang]).exit_code == 0
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text + "# mine\n", encoding="utf-8")
    again = run(app, ["init", str(folder), "--json"])
    assert json.loads(again.stdout)["written"] is False and (folder / "study.toml").read_text(encoding="utf-8").endswith("# mine\n")


def test_problems_are_one_json_object(tmp_path):
    run(app, ["init", str(tmp_path)])
    found = run(app, ["check", str(tmp_path), "--json"])
    data = json.loads(found.stdout)
    assert (
        found.exit_code == 3 and data["ok"] is False and {"code", "expected", "got", "where", "fix", "severity"} <= set(data["problems"][0])
    )


def test_a_missing_result_is_refused(tmp_path):
    for command in ("report", "figures", "verify", "audit"):
        found = run(app, [command, str(tmp_path)])
        assert found.exit_code == 3 and "manifest.json" in found.stderr, command


def test_doctor_names_versions_and_fonts():
    found = json.loads(run(app, ["doctor", "--json"]).stdout)
    assert {"carbonshed", "numpy", "GDAL", "PROJ", "fonts", "free disk here"} <= set(found)


def test_every_sentence_stands_in_both_languages():
    for key, row in WORDS.items():
        assert set(row) == {"en", "zh"}, key
        assert any("一" <= c <= "鿿" for c in row["zh"]), key


def test_importing_the_package_loads_no_heavy_library():
    code = "import sys, carbonshed; print(sorted({'numpy', 'pandas', 'geopandas', 'numba', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in carbonshed.__all__:
        assert getattr(carbonshed, name) is not None
    with pytest.raises(AttributeError, match="public names"):
        carbonshed.nonsense
