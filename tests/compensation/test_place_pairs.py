"""Flows without a matrix of costs: the same optimum and flows as with it, proven on all pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.compensation import place_pairs as module
from carbonshed.compensation.flow_cost import distances_km, flow_cost
from carbonshed.compensation.flows import solve_flows
from carbonshed.compensation.place_pairs import cost_follows_from_places, place_pairs
from carbonshed.numerics.matrix_pairs import MatrixPairs
from carbonshed.numerics.transport import TransportPlan, transport_of_pairs


def side(rng: np.random.Generator, n: int, prefix: str, *, lattice: bool, fund: bool) -> pd.DataFrame:
    lon, lat = (rng.integers(0, 12, (2, n)) if lattice else rng.uniform(0, 12, (2, n))) + np.array([[100.0], [30.0]])
    ids = [f"{prefix}{number}" for number in range(n)]
    if fund:
        ids[-1], lon[-1], lat[-1] = ("upper_level" if prefix == "p" else "fund"), np.nan, np.nan
    return pd.DataFrame({"lon": lon, "lat": lat, "basin": rng.choice(["x", "y", None], n)}, index=ids)


def matrix_of(payers: pd.DataFrame, recipients: pd.DataFrame, cost: str) -> np.ndarray:
    sides = [(frame["lon"].to_numpy(float), frame["lat"].to_numpy(float)) for frame in (payers, recipients)]
    return flow_cost(payers, recipients, distances_km(*sides), cost=cost, basin_discount=0.3)


def amounts(rng: np.random.Generator, n: int, m: int, *, equal: bool) -> tuple[np.ndarray, np.ndarray]:
    supply, need = rng.integers(1, 10**6, n), rng.integers(1, 10**6, m)
    if equal:
        gap = int(supply.sum() - need.sum())
        supply[0], need[0] = supply[0] + max(-gap, 0), need[0] + max(gap, 0)
    return supply, need


def keys(n: int, start: int) -> np.ndarray:
    return np.random.default_rng(start).integers(0, 2**63, n).astype(np.uint64)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 60),
    m=st.integers(2, 60),
    cost=st.sampled_from(["distance", "same_basin"]),
    lattice=st.booleans(),
    equal=st.booleans(),
    fund=st.booleans(),
)
def test_flows_are_those_of_the_whole_matrix(seed: int, n: int, m: int, cost: str, lattice: bool, equal: bool, fund: bool) -> None:
    rng = np.random.default_rng(seed)
    payers, recipients = (side(rng, k, letter, lattice=lattice, fund=fund) for k, letter in ((n, "p"), (m, "r")))
    supply, need = amounts(rng, n, m, equal=equal)
    both = keys(n, 1), keys(m, 2)
    pairs = place_pairs(payers, recipients, cost=cost, basin_discount=0.3)
    costs = matrix_of(payers, recipients, cost)
    assert pairs.costs(*(each.ravel() for each in np.indices((n, m)))) == pytest.approx(costs.ravel(), abs=1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW_PAIRS", 40)  # so that it begins with a coarser programme and few pairs
        patch.setattr(module, "FIRST", 2)
        plan = transport_of_pairs(supply, need, pairs, keys=both)
    whole = MatrixPairs(np.rint(costs * pairs.per_cost))
    same = transport_of_pairs(supply, need, whole, keys=both)
    for mine, other in ((plan.rows, same.rows), (plan.columns, same.columns), (plan.amounts, same.amounts)):
        assert mine.tolist() == other.tolist()
    assert_proven(plan, costs, supply, need, grain=1 / pairs.per_cost)


def assert_proven(plan: TransportPlan, costs: np.ndarray, supply: np.ndarray, need: np.ndarray, *, grain: float) -> None:
    """No pair is cheaper than its prices, and none that carries something is dearer: the optimum, whoever found it."""
    slack = costs - plan.row_prices[:, None] - plan.column_prices[None, :]
    assert slack.min() >= -grain
    assert np.abs(slack[plan.rows, plan.columns]).max() <= grain
    short, prices, moved = (need, plan.row_prices, np.bincount(plan.rows, plan.amounts, supply.size))
    if supply.sum() < need.sum():
        short, prices, moved = supply, plan.column_prices, np.bincount(plan.columns, plan.amounts, need.size)
    left = moved < (need if short is supply else supply)
    assert plan.amounts.sum() == short.sum() and (prices[left] == 0).all() and (left.sum() == 0 or prices.max() <= grain)


def test_two_thousand_counties_are_proven_and_the_same_on_every_run() -> None:
    rng = np.random.default_rng(3)
    payers, recipients = (side(rng, k, letter, lattice=False, fund=True) for k, letter in ((900, "p"), (1100, "r")))
    recipients["lon"] += 3.0  # money goes a long way
    supply, need = amounts(rng, 900, 1100, equal=True)
    pairs = place_pairs(payers, recipients)
    plans = [transport_of_pairs(supply, need, pairs, keys=(keys(900, 1), keys(1100, 2))) for _ in range(2)]
    assert plans[0].rows.tobytes() == plans[1].rows.tobytes() and plans[0].amounts.tobytes() == plans[1].amounts.tobytes()
    assert plans[0].row_prices.tobytes() == plans[1].row_prices.tobytes()
    assert_proven(plans[0], matrix_of(payers, recipients, "distance"), supply, need, grain=1 / pairs.per_cost)
    assert plans[0].amounts.size <= 900 + 1100 - 1


def test_amounts_below_a_fen_have_no_price() -> None:
    frame = pd.DataFrame({"payable": [5.0, 0.001, 0.0], "receivable": [0.0, 0.0, 5.001], "lon": [0.0, 1, 2], "lat": 0.0}, index=[*"abc"])
    solved = solve_flows(frame)
    assert solved.flows["payer"].tolist() == ["a"] and solved.prices is not None
    assert solved.prices["dual_price"].isna().tolist() == [False, True, False]


def test_which_costs_follow_from_places() -> None:
    assert [cost_follows_from_places(cost) for cost in ("distance", "same_basin", "field_strength", pd.DataFrame())] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"lon": np.nan}, {}, "neither"),
        ({"basin": "x"}, {"cost": "same_basin", "basin_discount": -1.0}, "basin_discount"),
        ({}, {"cost": "same_basin"}, "basin"),
    ],
)
def test_refusals(change: dict[str, object], options: dict[str, object], said: str) -> None:
    frame = pd.DataFrame({"lon": [0.0], "lat": [0.0]}, index=["a"])
    with pytest.raises(InputError, match=said):
        place_pairs(frame.assign(**change), frame.assign(**change), **options)
