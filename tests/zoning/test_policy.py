"""The policy table: what ships, what a planner may change, what is refused."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.zoning.explain import explain_zone
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.name import ZONES
from carbonshed.zoning.policy import load_policy, policy_lines

from ..conftest import assert_same_index
from .region import fit, make_region

TYPES = ["optimised_development", "key_development", "main_agricultural", "key_ecological", "prohibited"]


@pytest.fixture
def content() -> dict:
    return tomllib.loads(resources.files("carbonshed").joinpath("data/policy.toml").read_text(encoding="utf-8"))


@pytest.fixture
def zones() -> pd.DataFrame:
    index = pd.Index(["a", "b", "c", "a", "b", "c"], name="unit_id")
    return pd.DataFrame(
        {"year": [2010] * 3 + [2020] * 3, "zone": ["payment", "balanced", "missing", "recipient", "balanced", "recipient"]}, index=index
    )


def test_the_table_that_ships_has_a_line_for_each_zone_and_type():
    table = load_policy()
    frame = table.to_frame()
    assert [each.id for each in table.types] == TYPES and frame["is_own"].all() and len(frame) == 18
    assert table.status == "draft"
    for text in ("policy_zh", "policy_en"):
        assert frame[text].is_unique and frame[text].str.len().gt(20).all()
    assert frame["policy_zh"].str.contains("[\u4e00-\u9fff]").all() and not frame["policy_en"].str.contains("[\u4e00-\u9fff]").any()


def test_lines_by_hand(zones):
    found = policy_lines(zones, types={"a": "重点开发区域", "b": "Key Ecological Function"})
    assert_same_index(found, zones)
    assert found["policy_key"].fillna("-").tolist() == [
        "payment/key_development",
        "balanced/key_ecological",
        "-",
        "recipient/key_development",
        "balanced/key_ecological",
        "recipient",
    ]
    assert found["mfz_type"].fillna("-").tolist() == ["key_development", "key_ecological", "-"] * 2
    assert found["policy_en"].iloc[0] == load_policy().line("payment", "key_development")["en"]
    assert found["policy_zh"].iloc[5] == load_policy().line("recipient")["zh"] and pd.isna(found["policy_zh"].iloc[2])


def test_types_come_from_a_column_or_from_nowhere(zones):
    column = policy_lines(zones.assign(mfz_type=["prohibited", np.nan, "", "禁止开发", None, " "]))
    assert column["mfz_type"].fillna("-").tolist() == ["prohibited", "-", "-", "prohibited", "-", "-"]
    assert policy_lines(zones)["policy_key"].fillna("-").tolist() == ["payment", "balanced", "-", "recipient", "balanced", "recipient"]
    series = policy_lines(zones, types=pd.Series({"c": "main_agricultural"}))
    assert series["policy_key"].iloc[5] == "recipient/main_agricultural"
    assert list(policy_lines(zones.iloc[:0])) == ["mfz_type", "policy_key", "policy_zh", "policy_en"]


def test_the_key_is_that_of_the_explanation_record():
    accounts = make_region(6)
    model = fit(zoning_indicators(accounts.assign(mfz_type="key_ecological")))
    lines = policy_lines(model.zones, types=dict.fromkeys(accounts.index, "重点生态功能区"))
    for unit in accounts.index[:5]:
        assert explain_zone(model, unit)["policy_key"] == lines.loc[unit, "policy_key"]


def test_a_planner_may_edit_add_and_leave_out(content):
    content["type"] = [{"id": "tea_hills", "zh": "茶山", "en": "tea hills"}]
    content["line"] = [each for each in content["line"] if each["type"] == "any"]
    content["line"].append({"zone": "recipient", "type": "tea_hills", "zh": "护茶", "en": "keep the tea"})
    zones = pd.DataFrame({"zone": ["recipient", "payment"]}, index=["a", "b"])
    found = policy_lines(zones, content, types={"a": "茶山", "b": "tea hills"})
    assert found["policy_zh"].tolist() == ["护茶", load_policy().line("payment")["zh"]]  # a pair without a line has that of its zone
    assert found["policy_key"].tolist() == ["recipient/tea_hills", "payment/tea_hills"]
    assert load_policy(load_policy(content)) == load_policy(content)


@pytest.mark.parametrize("zone", ZONES)
def test_a_table_that_lacks_a_zone_is_refused(content, zone, zones):
    content["line"] = [each for each in content["line"] if each["zone"] != zone]
    with pytest.raises(InputError, match=f"none for {zone}") as caught:
        policy_lines(zones, content)
    assert [problem.code for problem in caught.value.problems] == ["missing_zone"]
    assert f'zone = "{zone}", type = "any"' in str(caught.value)


def test_a_zone_with_lines_for_types_alone_is_refused(content):
    content["line"] = [each for each in content["line"] if (each["zone"], each["type"]) != ("balanced", "any")]
    with pytest.raises(InputError, match="none for balanced"):
        load_policy(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["line"][0].update(zone="payments"), "Did you mean 'payment'"),
        (lambda c: c["line"][1].update(type="key_develop"), "Did you mean 'key_development'"),
        (lambda c: c["line"][1].update(en="  "), "a text for 'en'"),
        (lambda c: c["line"][1].pop("zh"), "a text for 'zh'"),
        (lambda c: c["line"].append(deepcopy(c["line"][3])), "one line for each zone and type"),
        (lambda c: c["line"][1].update(note="x"), "expected keys zone, type, zh, en; got 'note'"),
        (lambda c: c.update(lines=[]), "Did you mean 'line'"),
        (lambda c: c["type"][0].update(id="any"), "none called 'any'"),
        (lambda c: c["type"][0]["aliases"].append("重点开发"), "'重点开发' of optimised_development too"),
        (lambda c: c["type"][0].pop("en"), "a text for 'en'"),
    ],
)
def test_slips_are_named(content, change, message):
    change(content)
    with pytest.raises(InputError, match=message):
        load_policy(content)


def test_all_slips_are_told_at_once():
    bad = {"line": [{"zone": "payment", "type": "any", "zh": "一", "en": ""}, {"zone": "recipent", "type": "any", "zh": "一", "en": "b"}]}
    with pytest.raises(InputError) as caught:
        load_policy(bad)
    assert sorted(problem.code for problem in caught.value.problems) == ["missing_text", "missing_zone", "unknown_zone"]


def test_unknown_types_and_zones_are_refused(zones):
    with pytest.raises(InputError, match="Did you mean '重点开发区'"):
        policy_lines(zones, types={"a": "重点开发县区"})
    with pytest.raises(InputError, match="Did you mean 'recipient'"):
        policy_lines(zones.assign(zone="recipients"))
    with pytest.raises(InputError, match="zone"):
        policy_lines(zones.drop(columns="zone"))


@given(st.lists(st.tuples(st.sampled_from([*ZONES, "missing"]), st.sampled_from([*TYPES, None])), max_size=30))
@settings(max_examples=50, deadline=None)
def test_every_cell_with_a_zone_has_a_line(rows):
    zones = pd.DataFrame(rows, columns=["zone", "mfz_type"], dtype=object)
    found = policy_lines(zones)
    known = zones["zone"] != "missing"
    assert found.loc[known, ["policy_key", "policy_zh", "policy_en"]].notna().all(axis=None)
    assert found.loc[~known, ["policy_key", "policy_zh", "policy_en"]].isna().all(axis=None)
    table = load_policy()
    for (zone, each), text in zip(rows, found["policy_en"]):
        assert zone == "missing" or text == table.line(zone, each)["en"]
