"""Bad input of the county chain: each case one clear message, with the number that matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.compensation.amounts import amount_summary, compensation_amount, institution_rows
from carbonshed.compensation.feasibility import cap_gap, feasibility_problems
from carbonshed.compensation.flows import compensation_flow
from carbonshed.compensation.price import Price, carbon_price, deflate_price, named_prices
from carbonshed.compensation.priority import balance, compensation_priority
from carbonshed.readers.tables import county_table, county_table_problems


def revised(deficits: list[float], **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"revised_deficit": deficits, **columns}, index=[f"c{i}" for i in range(len(deficits))])


def test_price_without_a_year() -> None:
    with pytest.raises(InputError, match="cn-ets:20"):
        carbon_price("cn-ets")  # a series is no price: the message names the nearest one with its period
    with pytest.raises(InputError, match="base year"):
        deflate_price(carbon_price(70.0), 2017)
    with pytest.raises(InputError, match="base year"):
        deflate_price(Price(70.0, "close", year=2023), 2017)
    assert carbon_price(70.0).kind == "given"  # a bare number is printed as given, without a year


def test_prices_per_t_c_beside_t_co2() -> None:
    rows = [row for row in named_prices() if row["unit"] == "yuan per t C" and row["status"] == "published"]
    assert rows
    deficit = revised([10.0, -10.0])
    for row in rows:
        name = f"{row['series']}:{row['period']}"
        with pytest.raises(InputError, match='per="t C"'):
            carbon_price(name, kind=row["kind"])
        price = carbon_price(name, kind=row["kind"], per="t C")
        paid = compensation_amount(deficit, price=price, ability="one")["payable"].iloc[0]
        assert paid == pytest.approx(10.0 * row["value"] * 12 / 44)
    raw = pd.DataFrame({"unit_id": ["a"], "year": ["2017"], "carbon_source_c": ["3"], "carbon_sink_t": ["11"]})
    table = county_table(raw, id="unit_id")
    assert table[["carbon_source", "carbon_sink"]].to_numpy().tolist() == [[11.0, 11.0]]  # t C converted by its name, never beside t CO2
    doubtful = raw.rename(columns={"carbon_source_c": "carbon"})
    assert any(problem.severity == "error" for problem in county_table_problems(doubtful))


def test_a_county_present_in_one_year_and_absent_in_another() -> None:
    raw = pd.DataFrame({"unit_id": ["a", "a", "b"], "year": [2012, 2017, 2012], "carbon_source_t": 1.0, "carbon_sink_t": 1.0})
    problems = county_table_problems(raw, ids=["a", "b"], years=[2012, 2017])
    assert [(each.code, each.severity) for each in problems] == [("county_without_year", "error")]
    assert "2017" in problems[0].expected and "b" in problems[0].got and "panel = 'drop'" in problems[0].fix


@pytest.mark.parametrize(
    ("deficits", "lacks", "total"),
    [([50.0, 20.0], "no recipient", "70.00 yuan are owed"), ([-5.0, -3.0], "no payer", "8.00 yuan are due")],
)
@pytest.mark.parametrize(
    ("closure", "outcome"), [("none", "no flow is possible"), ("scale_larger", "so nothing is paid"), ("fund", "through the regional fund")]
)
def test_all_counties_on_one_side(deficits: list[float], lacks: str, total: str, closure: str, outcome: str) -> None:
    amounts = compensation_amount(revised(deficits), price=1.0, ability="one", closure=closure)
    (problem,) = feasibility_problems(amounts, closure=closure)
    assert problem.code == "one_sided" and problem.severity == "warning"
    for text in (lacks, total, outcome):
        assert text in problem.got
    if closure == "scale_larger":
        assert amounts[["payable", "receivable"]].to_numpy().sum() == 0.0
    assert compensation_flow(amounts.assign(lon=[0.0, 1.0], lat=0.0)).empty
    rows = institution_rows(amounts, closure=closure)
    assert rows.index.tolist() == (["fund"] if closure == "fund" else [])


def test_one_side_empty_that_would_have_to_be_scaled_up_is_refused_and_balance_is_unknown() -> None:
    with pytest.raises(InputError, match=r"70 yuan have to be met"):
        compensation_amount(revised([50.0, 20.0]), price=1.0, ability="one", closure="scale_receipts")
    with pytest.raises(InputError, match=r"8 yuan have to be met"):
        compensation_amount(revised([-5.0, -3.0]), price=1.0, ability="one", closure="scale_payments")
    ranked = compensation_priority(compensation_amount(revised([50.0, 20.0], gdp_yuan=1.0, population=1.0), price=1.0, ability="one"))
    assert balance(ranked, n=[5])["balance_ratio"].isna().all()


def test_caps_that_make_closure_impossible_say_by_how_much() -> None:
    accounts = revised([60.0, 40.0, -100.0], fiscal_revenue_yuan=[1000.0, 3000.0, 500.0], year=2017)
    amounts = compensation_amount(accounts, price=1.0, ability="one", closure="scale_larger", fiscal_cap=0.01)
    gap = cap_gap(amounts).iloc[0]
    assert gap[["owed", "carried", "left_to_upper_level", "sum_of_caps"]].tolist() == [100.0, 40.0, 60.0, 40.0]
    assert gap["share_left"] == pytest.approx(0.6)
    assert gap["cap_needed"] == pytest.approx(0.025)
    (problem,) = feasibility_problems(amounts, closure="scale_larger")
    assert problem.code == "caps_too_low" and problem.where == "amounts of 2017"
    assert "40.00 of 100.00 yuan" in problem.got and "60.00 yuan (60.0%)" in problem.got and "0.025" in problem.fix
    summary = amount_summary(amounts, closure="scale_larger").iloc[0]
    assert summary["upper_level"] == 60.0  # and the row upper_level stands beside the counties
    assert institution_rows(amounts, closure="scale_larger")["payable"].tolist() == [60.0]
    enough = compensation_amount(accounts, price=1.0, ability="one", closure="scale_larger", fiscal_cap=0.025)
    assert feasibility_problems(enough, closure="scale_larger") == ()


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 10_000)), min_size=1, max_size=8), st.floats(0.001, 0.02))
@settings(deadline=None)
def test_the_cap_needed_is_the_least_that_carries_all(rows: list[tuple[int, int]], kappa: float) -> None:
    owed, revenue = (np.array(column, dtype=float) for column in zip(*rows))
    accounts = revised([*owed, -float(owed.sum())], fiscal_revenue_yuan=[*revenue, 1.0])
    needed = cap_gap(compensation_amount(accounts, price=1.0, ability="one", fiscal_cap=kappa))["cap_needed"].iloc[0]
    for cap, carried in ((needed * 1.0001, True), (needed * 0.99, False)):
        if cap <= 1:
            amounts = compensation_amount(accounts, price=1.0, ability="one", fiscal_cap=cap)
            assert (feasibility_problems(amounts) == ()) is carried


def test_no_problem_where_there_is_none_and_refusals() -> None:
    amounts = compensation_amount(revised([50.0, -20.0]), price=1.0, ability="one", closure="scale_larger")
    assert feasibility_problems(amounts, closure="scale_larger") == ()
    nobody = compensation_amount(revised([0.0, 0.0]), price=1.0, ability="one")
    assert feasibility_problems(nobody) == ()
    with pytest.raises(InputError, match="closure"):
        feasibility_problems(amounts, closure="all")
    with pytest.raises(InputError, match="payable_cap"):
        cap_gap(amounts.drop(columns="payable_cap"))
