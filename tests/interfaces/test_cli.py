"""The command line as a person and as a program use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import carbonshed
from carbonshed.interfaces.cli import app
from carbonshed.interfaces.help_zh import TITLES, sentences
from carbonshed.interfaces.talk import WORDS
from carbonshed.present.recorded import said
from carbonshed.registry import terms

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


def test_what_was_found_of_the_twin_is_said_in_three_lines():
    from carbonshed.interfaces.talk import twin_words

    found = {"zone_ari": 0.871, "zone_ari_by_year": {2000: 0.85, 2020: 0.9}, "zone_agreement": 0.934, "scale_km": 15.0, "low_km": 12.0}
    found |= {"high_km": 21.0, "true_scale_km": 18, "scale_found": True, "trends": {"payment_share": True, "carbon_sink": True}}
    lines = twin_words(found, "en").splitlines()
    assert "ARI 0.87 (0.85 to 0.90 by year), 93%" in lines[0] and "15 km (12-21 km), true 18 km: inside" in lines[1]
    assert lines[2].endswith("2 of 2 found.")
    worse = twin_words({**found, "scale_found": False, "trends": {"payment_share": True, "carbon_sink": False}}, "zh").splitlines()
    assert "不在区间内" in worse[1] and worse[2].endswith("2 项中 1 项得到再现 (carbon_sink)。")


def test_a_term_in_chinese_is_chinese_throughout_but_for_names_and_formulas():
    """The rule of sign, the kind and what a source says of itself are worded too: no English sentence is left."""
    told = run(app, ["terms", "net_carbon_emission", "--lang", "zh"]).stdout
    assert "正负号      > 0：碳源占优" in told and "类型        广延量（可相加）" in told
    for term in terms().values():
        row = said(term, "zh")
        assert not re.search(r"[a-z]{4}", row.get("正负号", "")) and not re.search(r"[a-z]{4}", row["类型"]), term.name
        assert "textbook" not in row.get("出处", "") and "project rule" not in row.get("出处", ""), term.name


def test_a_reader_that_goes_away_is_no_failure():
    code = "import sys; from carbonshed.interfaces.cli import main; sys.argv = ['carbonshed', 'terms']; main()"
    ran = subprocess.run(f'"{sys.executable}" -c "{code}" | head -1', shell=True, capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("unit_id") and ran.stderr == ""


def helps() -> set[str]:
    """Every sentence of the help, in English."""
    group = typer.main.get_command(app)
    found = {group.help, "Show this message and exit."}
    for command in (group, *group.commands.values()):
        found |= {command.help, *(getattr(option, "help", None) for option in command.params)}
    return found - {None, ""}


def test_the_help_has_every_sentence_in_chinese_and_no_other():
    known = sentences()
    titles = {"Usage:", *TITLES.values()}
    assert helps() <= set(known), f"without Chinese in help_zh.toml: {helps() - set(known)}"
    assert set(known) <= helps() | titles, f"nobody says: {set(known) - helps() - titles}"
    assert all(any("一" <= sign <= "鿿" for sign in chinese) for chinese in known.values())


@pytest.mark.parametrize("words", [["figures", "--help", "--lang", "zh"], ["--help"]])
def test_help_in_chinese_holds_no_english_sentence(words):
    code = f"import sys; from carbonshed.interfaces.cli import main; sys.argv = ['carbonshed', *{words!r}]; main()"
    environment = {**os.environ, "CARBONSHED_LANG": "zh", "COLUMNS": "80", "TERM": "dumb"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
    assert "选项" in told and "…" not in told
    assert not re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", told), told
    english = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**environment, "CARBONSHED_LANG": "en"}
    )
    assert ("Options" in english.stdout) == ("zh" not in words)
