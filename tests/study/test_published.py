"""The shared county study, run as a user runs it: every row of its expected table within the tolerances stated beside it."""

from __future__ import annotations

import ast
import warnings

import pandas as pd
import pytest

import carbonshed as cs
from carbonshed.checks import DataWarning

YEARS = [2007, 2010, 2012, 2015, 2017]
DEGREES, RELATIVE = 0.002, 0.005


@pytest.fixture(scope="module")
def published(shared, tmp_path_factory):
    """The result of the study as its file has it (its folder is read-only, so the results go elsewhere)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return cs.Study.open(shared / "studies" / "bth-county").run(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def expected(shared):
    return pd.read_csv(shared / "studies" / "bth-county" / "expected_published.csv").set_index("year")


def ranked(published, year, side):
    money = published.compensation
    rows = money[(money["year"] == year) & (money["side"] == side)]
    return rows.sort_values("priority_rank")


@pytest.mark.parametrize("year", YEARS)
def test_every_row_of_the_expected_table(published, expected, year):
    row = expected.loc[year]
    money = published.compensation[published.compensation["year"] == year]
    assert len(money) == row["n"]
    centre = published.table("centre_of_gravity").set_index(["quantity", "year"]).loc[("payable", year)]
    assert centre["lon"] == pytest.approx(row["lon"], abs=DEGREES) and centre["lat"] == pytest.approx(row["lat"], abs=DEGREES)
    totals = published.table("balance_summary").set_index("year").loc[year]
    assert totals["balance_all"] == pytest.approx(row["pay_over_receive"], rel=RELATIVE)
    assert totals["balance_20"] == pytest.approx(row["b20"], rel=RELATIVE)
    assert ranked(published, year, "payer")["name"].head(10).tolist() == row["top10_payers"].split()
    assert ranked(published, year, "recipient")["name"].head(5).tolist() == row["top5_recipients"].split()
    ranks = ranked(published, year, "payer").set_index("name")["priority_rank"]
    assert {name: int(ranks[name]) for name in ast.literal_eval(row["ranks"])} == ast.literal_eval(row["ranks"])


@pytest.mark.parametrize("year", YEARS)
def test_the_centre_lies_in_the_published_box_and_payments_exceed_receipts(published, year):
    centre = published.table("centre_of_gravity").set_index(["quantity", "year"]).loc[("payable", year)]
    assert 115 + 45 / 60 <= centre["lon"] <= 116 + 2 / 60 and 38 + 10 / 60 <= centre["lat"] <= 38 + 20 / 60
    assert published.table("balance_summary").set_index("year").loc[year, "balance_all"] > 1
    even = published.table("revision_properties").query("chosen").set_index("year").loc[year]
    assert even["gini_after"] < even["gini_before"]


def test_every_form_of_the_revision_is_shown_on_these_data(published):
    properties = published.table("revision_properties").query("year == 2017").set_index("form")
    assert len(properties) == 7 and properties.index[properties["chosen"]].tolist() == ["normalised_mean"]
    assert properties.index[properties["sums_to_zero"]].tolist() == ["redistributed", "duty_endowment", "relative_share"]
    direction = published.table("direction_by_form").query("year == 2017").set_index(["form", "province"])["net_compensation"]
    assert direction["duty_endowment", "北京市"] > 0 > direction["none", "河北省"]


def test_direction_under_each_preset(published):
    table = published.table("direction_by_preset").query("year == 2017 and level == 'province'").set_index(["preset", "name"])
    assert set(table.index.get_level_values("preset")) == {"published", "recommended"}
    net = table["net_compensation"]
    # `recommended` on all 194 units at 70 yuan: the amounts at 62.36 yuan scaled, Beijing and Tianjin paying Hebei.
    assert net["recommended", "河北省"] == pytest.approx(18.15e8 * 70 / 62.36, rel=0.01)
    assert net["recommended", "北京市"] < 0 and net["recommended", "天津市"] < 0 and net["published", "河北省"] < 0
