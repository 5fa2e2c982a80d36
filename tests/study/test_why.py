"""Why a cell or county is in its zone, told from the folder alone; the planner's own policy table."""

from __future__ import annotations

import json
from importlib import resources

import pandas as pd
import pytest
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.interfaces.cli import app
from carbonshed.study.pattern_steps import fit_study_zones
from carbonshed.study.policy_inputs import study_policy, study_types, types_of_cells
from carbonshed.study.why import sentences, why
from carbonshed.zoning.explain import explain_zone

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def result(finished_study) -> cs.Result:
    return cs.Result.open(finished_study / "results")


def same(found, plain) -> bool:
    return found == pytest.approx(plain, rel=1e-6, abs=1e-8) if isinstance(plain, float) else found == plain


def test_the_stored_record_is_that_of_the_model_fitted_again(finished_study, result):
    spec = cs.Study.open(finished_study).spec
    model = fit_study_zones(spec, result.tables)
    for unit in result.zones.index.unique()[::3]:
        for year in (2010, 2015):
            found, plain = why(result, unit, year), explain_zone(model, unit, year)
            for key in set(plain) - {"provenance", "top_features", "smallest_change", "features_not_known"}:
                assert same(found[key], plain[key]), key
            for mine, theirs in zip(found["top_features"], plain["top_features"], strict=True):
                assert all(same(mine[key], theirs[key]) for key in theirs)
            change = plain["smallest_change"]
            assert (found["smallest_change"] is None) == (change is None)
            assert change is None or all(same(found["smallest_change"][key], change[key]) for key in change)
    assert found["provenance"]["seed"] == 7
    json.dumps(found, allow_nan=False)


def test_nothing_is_fitted_again(result, monkeypatch):
    import carbonshed.zoning.classify as classify

    monkeypatch.setattr(classify, "fit_zones", None)
    monkeypatch.setattr("carbonshed.study.pattern_steps.fit_zones", None)
    assert why(result, result.zones.index[0])["year"] == 2015  # the last year where none is named


def test_sentences_carry_units_in_both_languages(result):
    record = why(result, result.zones.index[0], 2015)
    english, chinese = sentences(record), sentences(record, "zh")
    assert len(english) == len(chinese) >= 5
    told = " ".join([*english, *chinese]).replace("\N{NO-BREAK SPACE}", " ")
    assert "CO₂ a⁻¹" in told and "吨 CO₂/年" in told and "置信度" in chinese[0]
    missing = {**record, "zone": "missing", "features_not_known": ["log_gdp_per_head"], "neighbours": None, "zone_before": None}
    assert "no zone" in sentences(missing)[0] and "缺少" in sentences(missing, "zh")[0] and len(sentences(missing)) == 1


def test_ids_names_and_years_that_are_not_there(result):
    with pytest.raises(InputError, match="Did you mean"):
        why(result, result.zones.index[0] + "0")
    with pytest.raises(InputError, match="one of the years 2010, 2015"):
        why(result, result.zones.index[0], 2012)
    with pytest.raises(InputError, match="the county '甲县'"):
        why(result, "甲县")  # these zones are of cells


def test_counties_by_name_and_the_command(small_study):
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    zoning = '[zoning]\nlevel = "county"\nmethod = "kmeans"\nzones = 2\nruns = 0\n'
    (small_study / "study.toml").write_text(text.replace("[zoning]\n", zoning), encoding="utf-8")
    result = cs.Study.open(small_study).run(until="zones")
    assert why(result, "甲县")["unit_id"] == "130101" and why(result, "130101")["name"] == "甲县"
    with pytest.raises(InputError, match="Did you mean '丙区' \\(130201\\)"):
        why(result, "丙区县")
    command = ["why", str(small_study / "results"), "甲县"]
    record = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert record["unit_id"] == "130101" and sum(record["neighbours"].values()) == 3  # three other squares touch it
    assert "甲县 (130101)" in CliRunner().invoke(app, [*command, "--lang", "zh"]).stdout


def own_policy() -> str:
    return resources.files("carbonshed").joinpath("data/policy.toml").read_text(encoding="utf-8")


def test_a_study_has_its_own_policy_and_types(small_study):
    mine = own_policy().replace("Keeps its balance; no net payment;", "Watches the tea hills;").replace("Contributes by", "Watches by")
    (small_study / "policy.toml").write_text(mine, encoding="utf-8")
    (small_study / "types.csv").write_text("unit_id,mfz_type\n130101,重点开发区\n130202,key_ecological\n", encoding="utf-8")
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    (small_study / "study.toml").write_text(
        text.replace("[zoning]\n", '[zoning]\npolicy = "policy.toml"\ntypes = "types.csv"\nruns = 0\n'), encoding="utf-8"
    )
    study = cs.Study.open(small_study)
    zones = study.run(until="zones").zones
    assert set(zones["mfz_type"].dropna()) == {"key_development", "key_ecological"} and zones["mfz_type"].isna().any()
    typed = zones[zones["mfz_type"].notna()]
    assert (typed["policy_key"] == typed["zone"] + "/" + typed["mfz_type"]).all()
    plain = zones[zones["mfz_type"].isna() & zones["zone"].isin(["payment", "balanced"])]
    assert plain["policy_en"].str.startswith("Watches").all() and len(plain)
    (small_study / "policy.toml").write_text(own_policy(), encoding="utf-8")
    plan = {row["step"]: row["action"] for row in cs.Study.open(small_study).plan()}
    assert plan["zones"] == "run" and plan["accounts"] == "reuse"


def test_a_policy_that_lacks_a_zone_and_odd_types_are_all_told_by_check(small_study):
    content = own_policy().split("# --- recipient")[0]
    (small_study / "policy.toml").write_text(content, encoding="utf-8")
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    (small_study / "study.toml").write_text(text.replace("[zoning]\n", '[zoning]\npolicy = "policy.toml"\n'), encoding="utf-8")
    problems = [p for p in cs.Study.open(small_study).check() if p.severity == "error"]
    assert [p.code for p in problems] == ["missing_zone"]
    assert "policy.toml" in problems[0].where and "none for recipient" in problems[0].got and "[[line]]" in problems[0].fix
    with pytest.raises(InputError, match="none for recipient"):
        cs.Study.open(small_study).run(until="zones")


def test_types_are_checked_all_at_once(tmp_path):
    path = tmp_path / "types.csv"
    path.write_text("unit_id,mfz_type\na,重点开发县区\na,prohibited\nbb,\n", encoding="utf-8")
    policy = study_policy({})
    with pytest.raises(InputError) as caught:
        study_types({"mfz_types": [path]}, policy, ["a", "b"])
    assert sorted(p.code for p in caught.value.problems) == ["repeated_unit", "unknown_id", "unknown_type"]
    path.write_text("unit_id,kind\na,prohibited\n", encoding="utf-8")
    with pytest.raises(InputError, match="mfz_type"):
        study_types({"mfz_types": [path]}, policy)
    assert study_types({}, policy) is None


def test_a_cell_takes_the_type_of_the_largest_area():
    pieces = pd.DataFrame(
        {
            "cell_id": ["g1:R000C000", "g1:R001C001", "g1:R001C000", "g1:R-001C000"],
            "county_id": ["a", "b", "c", "a"],
            "area_km2": [0.6, 0.5, 5.0, 1.0],
            "year": 2020,
        }
    )
    types = pd.Series({"a": "prohibited", "b": "key_ecological"})
    assert types_of_cells(types, pieces, 2.0).to_dict() == {"g2:R-001C000": "prohibited", "g2:R000C000": "prohibited"}
    assert types_of_cells(types.iloc[1:], pieces, 2.0).to_dict() == {"g2:R000C000": "key_ecological"}
    with pytest.raises(InputError, match="counties"):
        types_of_cells(types, pieces.drop(columns="county_id"), 2.0)
