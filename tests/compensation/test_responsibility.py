"""Production, consumption and shared responsibility, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.amounts import compensation_amount
from carbonshed.compensation.responsibility import CONSUMPTION, RESPONSIBILITIES, compare_responsibility, responsible_account
from carbonshed.compensation.revise import revise_account


@pytest.fixture
def accounts() -> pd.DataFrame:
    """A capital that consumes what a province makes."""
    return pd.DataFrame(
        {
            "province": ["Capital", "Plain", "Plain"],
            "carbon_source": [30.0, 100.0, 20.0],
            CONSUMPTION: [110.0, 30.0, 10.0],
            "carbon_sink": [50.0, 40.0, 45.0],
            "net_carbon_emission": [-20.0, 60.0, -25.0],
            "gdp_yuan": [1000.0, 300.0, 100.0],
            "population": [10.0, 10.0, 5.0],
        },
        index=["cap", "city", "hill"],
    )


def chain(accounts: pd.DataFrame) -> pd.DataFrame:
    return compensation_amount(revise_account(accounts), price=1.0, ability="one")


def test_by_hand(accounts: pd.DataFrame) -> None:
    shared = responsible_account(accounts)
    assert shared["carbon_source"].tolist() == [70.0, 65.0, 15.0]
    assert shared["carbon_source_production"].tolist() == [30.0, 100.0, 20.0]
    assert shared["net_carbon_emission"].tolist() == [20.0, 25.0, -30.0]
    assert set(shared["responsibility"]) == {"shared"}
    assert responsible_account(accounts, beta=0.25)["carbon_source"].tolist() == [90.0, 47.5, 12.5]
    assert responsible_account(accounts, responsibility="production")["carbon_source"].tolist() == [30.0, 100.0, 20.0]
    assert responsible_account(accounts, responsibility="consumption")["carbon_source"].tolist() == [110.0, 30.0, 10.0]
    assert accounts["carbon_source"].tolist() == [30.0, 100.0, 20.0]  # the caller's frame is left alone


def test_direction_side_by_side(accounts: pd.DataFrame) -> None:
    table = compare_responsibility(accounts, chain)
    assert table["responsibility"].tolist() == [each for each in RESPONSIBILITIES for _ in range(2)]
    net = table.set_index(["responsibility", "province"])["net_compensation"].to_dict()
    assert net == {
        ("production", "Capital"): 20.0,
        ("production", "Plain"): -60.0 + 25.0,
        ("consumption", "Capital"): -60.0,
        ("consumption", "Plain"): 10.0 + 35.0,
        ("shared", "Capital"): -20.0,
        ("shared", "Plain"): -25.0 + 30.0,
    }
    differs = table.set_index(["responsibility", "province"])["side_differs"]
    assert not differs["production"].any()
    assert differs["consumption"].all() and differs["shared"].all()
    only = compare_responsibility(accounts, chain, responsibilities=("shared",))
    assert set(only["responsibility"]) == {"shared"} and only["side_differs"].all()


def test_years_are_compared_with_their_own_year(accounts: pd.DataFrame) -> None:
    panel = pd.concat([accounts.assign(year=2012), accounts.assign(year=2017, **{CONSUMPTION: accounts["carbon_source"]})])
    table = compare_responsibility(panel, chain, responsibilities=("consumption",)).set_index(["year", "province"])
    assert table.loc[2012, "side_differs"].all() and not table.loc[2017, "side_differs"].any()


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=10), st.floats(0, 1))
def test_the_total_is_the_mean_of_both_totals(rows: list[tuple[float, float]], beta: float) -> None:
    frame = pd.DataFrame(rows, columns=["carbon_source", CONSUMPTION], index=[f"c{i}" for i in range(len(rows))])
    found = responsible_account(frame, beta=beta)["carbon_source"]
    low, high = frame.min(axis=1), frame.max(axis=1)
    assert ((found >= low - 1e-6) & (found <= high + 1e-6)).all()
    assert found.sum() == pytest.approx(beta * frame["carbon_source"].sum() + (1 - beta) * frame[CONSUMPTION].sum(), rel=1e-9, abs=1e-9)
    turned = frame.rename(columns={"carbon_source": CONSUMPTION, CONSUMPTION: "carbon_source"})
    assert responsible_account(turned, beta=1 - beta)["carbon_source"].to_numpy() == pytest.approx(found.to_numpy(), rel=1e-9, abs=1e-9)


def test_missing_consumption_is_listed_and_stays_missing(accounts: pd.DataFrame) -> None:
    holed = accounts.assign(**{CONSUMPTION: [110.0, np.nan, 10.0]})
    with pytest.warns(DataWarning, match="no consumption emissions.*city"):
        found = responsible_account(holed)
    assert np.isnan(found.loc["city", "carbon_source"])
    assert found.loc["cap", "carbon_source"] == 70.0


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda a: a.drop(columns=CONSUMPTION), {}, "input-output"),
        (lambda a: a.drop(columns=CONSUMPTION), {"responsibility": "consumption"}, CONSUMPTION),
        (lambda a: a.assign(**{CONSUMPTION: np.nan}), {}, "none known"),
        (lambda a: a.assign(**{CONSUMPTION: -1.0}), {}, ">= 0"),
        (lambda a: a, {"beta": 1.5}, r"\[0, 1\]"),
        (lambda a: a, {"responsibility": "income"}, "production, consumption, shared"),
        (lambda a: a.drop(columns="carbon_source"), {}, "carbon_source"),
    ],
)
def test_refusals(accounts: pd.DataFrame, change, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        responsible_account(change(accounts), **options)


def test_production_needs_no_consumption_and_the_chain_must_give_money(accounts: pd.DataFrame) -> None:
    plain = accounts.drop(columns=CONSUMPTION)
    assert responsible_account(plain, responsibility="production")["carbon_source"].tolist() == [30.0, 100.0, 20.0]
    with pytest.raises(InputError, match="input-output"):
        compare_responsibility(plain, chain)
    with pytest.raises(InputError, match="payable"):
        compare_responsibility(accounts, lambda a: a)
