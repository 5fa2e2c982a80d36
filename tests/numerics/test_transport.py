"""Transport in whole numbers against HiGHS, ties, prices, rounding and the entropic form."""

from __future__ import annotations

import itertools

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from carbonshed.checks import InputError
from carbonshed.numerics import matrix_pairs
from carbonshed.numerics import transport as transport_module
from carbonshed.numerics.entropic_transport import entropic_transport, round_to_margins
from carbonshed.numerics.transport import transport
from carbonshed.numerics.whole_amounts import round_to_total


def highs(supply: np.ndarray, need: np.ndarray, cost: np.ndarray) -> float:
    """Least cost by scipy's HiGHS, an independent solver."""
    n, m = cost.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    total = min(supply.sum(), need.sum())
    found = linprog(
        cost.ravel(), A_ub=np.vstack([rows, columns]), b_ub=np.r_[supply, need], A_eq=np.ones((1, n * m)), b_eq=[total], method="highs"
    )
    assert found.status == 0
    return float(found.fun)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    largest = draw(st.sampled_from([5, 1000]))
    supply = np.array(draw(st.lists(st.integers(0, largest), min_size=n, max_size=n)))
    need = np.array(draw(st.lists(st.integers(0, largest), min_size=m, max_size=m)))
    if draw(st.booleans()):
        gap = int(supply.sum() - need.sum())
        need[0] += max(gap, 0)
        supply[0] += max(-gap, 0)
    cost = np.array(draw(st.lists(st.integers(-3, draw(st.sampled_from([3, 500]))), min_size=n * m, max_size=n * m))).reshape(n, m)
    return supply, need, cost.astype(float)


def keys(ids: list[int], side: int) -> np.ndarray:
    return np.array([1_000_003 * each + 7_777 * side + 1 for each in ids], dtype=np.uint64)


def dense(plan: object, shape: tuple[int, int]) -> np.ndarray:
    full = np.zeros(shape, dtype=np.int64)
    full[plan.rows, plan.columns] = plan.amounts
    return full


def test_toy() -> None:
    plan = transport([6, 4], [5, 3], [[1, 4], [2, 3]])
    assert dense(plan, (2, 2)).tolist() == [[5, 0], [0, 3]]
    assert plan.cost == 14.0
    assert plan.amounts.dtype == np.int64
    assert plan.row_prices.tolist() == [0.0, 0.0]
    assert plan.column_prices.tolist() == [1.0, 3.0]


@settings(max_examples=150, deadline=None)
@given(problems())
def test_against_highs(problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    supply, need, cost = problem
    plan = transport(supply, need, cost)
    flow = dense(plan, cost.shape)
    assert (flow.sum(axis=1) <= supply).all()
    assert (flow.sum(axis=0) <= need).all()
    assert flow.sum() == min(supply.sum(), need.sum())
    assert plan.amounts.size <= cost.shape[0] + cost.shape[1] - 1
    if flow.any():
        assert plan.cost == pytest.approx(highs(supply, need, cost), rel=1e-9, abs=1e-7)
        slack = cost - plan.row_prices[:, None] - plan.column_prices[None, :]
        assert (np.isnan(slack) == ((supply == 0)[:, None] | (need == 0)[None, :])).all()
        assert np.nanmin(slack) >= -1e-9
        assert np.abs(slack[flow > 0]).max() <= 1e-9
        left_over = flow.sum(axis=1) < supply
        if supply.sum() > need.sum():
            assert (plan.row_prices[left_over] == 0).all()
            assert plan.row_prices[supply > 0].max() == 0
        elif supply.sum() < need.sum():
            assert (plan.column_prices[flow.sum(axis=0) < need] == 0).all()


@settings(max_examples=60, deadline=None)
@given(problems(), st.data())
def test_ties_are_broken_by_the_keys_and_stay_cheapest(problem: tuple[np.ndarray, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    supply, need, cost = problem
    n, m = cost.shape
    plan = transport(supply, need, cost, row_keys=keys(list(range(n)), 0), column_keys=keys(list(range(m)), 1))
    assert plan.cost == pytest.approx(transport(supply, need, cost).cost)
    rows, columns = data.draw(st.permutations(range(n))), data.draw(st.permutations(range(m)))
    moved = transport(supply[rows], need[columns], cost[np.ix_(rows, columns)], row_keys=keys(rows, 0), column_keys=keys(columns, 1))
    assert (dense(moved, (n, m)) == dense(plan, (n, m))[np.ix_(rows, columns)]).all()
    assert plan.amounts.size <= n + m - 1


@settings(max_examples=40, deadline=None)
@given(problems())
def test_a_matrix_that_begins_with_its_cheapest_pairs_ends_with_the_same_plan(problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    supply, need, cost = problem
    named = {"row_keys": keys(list(range(supply.size)), 0), "column_keys": keys(list(range(need.size)), 1)}
    at_once = transport(supply, need, cost, **named)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix_pairs, "FEW_PAIRS", 0)
        patch.setattr(matrix_pairs, "FIRST", 1)
        patch.setattr(matrix_pairs, "BLOCK", 4)
        patch.setattr(transport_module, "FIRST_MOST", 1)
        step_by_step = transport(supply, need, cost, **named)
    assert (dense(step_by_step, cost.shape) == dense(at_once, cost.shape)).all()
    assert step_by_step.cost == at_once.cost


def test_keys_choose_among_all_plans_of_equal_cost() -> None:
    """All costs equal: over many keys, both ways to pair two and two occur."""
    found = set()
    for each in range(20):
        plan = transport([1, 1], [1, 1], np.ones((2, 2)), row_keys=keys([each, each + 50], 0), column_keys=keys([7, 9], 1))
        found.add(tuple(dense(plan, (2, 2)).ravel()))
    assert found == {(1, 0, 0, 1), (0, 1, 1, 0)}


def test_large_amounts_are_exact() -> None:
    rng = np.random.default_rng(0)
    for total_bits in (40, 46, 51):
        supply = rng.integers(1, 2**total_bits // 200, 120)
        need = rng.integers(1, 2**total_bits // 200, 80)
        gap = int(supply.sum() - need.sum())
        need[0] += max(gap, 0)
        supply[0] += max(-gap, 0)
        flow = dense(transport(supply, need, rng.random((120, 80))), (120, 80))
        assert (flow.sum(axis=1) == supply).all()
        assert (flow.sum(axis=0) == need).all()


def test_brute_force_assignment() -> None:
    rng = np.random.default_rng(1)
    cost = rng.random((6, 6))
    best = min(sum(cost[i, p[i]] for i in range(6)) for p in itertools.permutations(range(6)))
    assert transport(np.ones(6), np.ones(6), cost).cost == pytest.approx(best, rel=1e-8)


def test_nothing_to_move() -> None:
    plan = transport([0, 0], [3], [[1.0], [2.0]])
    assert plan.amounts.size == 0
    assert plan.cost == 0.0
    assert np.isnan(plan.row_prices).all()


@pytest.mark.parametrize(
    ("supply", "need", "cost", "said"),
    [
        ([1.5], [1], [[1.0]], "whole numbers"),
        ([-1], [1], [[1.0]], "whole numbers"),
        ([[1]], [1], [[1.0]], "shape"),
        ([np.nan], [1], [[1.0]], "whole numbers"),
        ([2**52], [1], [[1.0]], "below 2\\^52"),
        ([1], [1], [[1.0, 2.0]], r"a cost of shape \(1, 1\)"),
        ([1], [1], [[np.nan]], "row 0, column 0"),
    ],
)
def test_transport_refusals(supply: object, need: object, cost: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        transport(supply, need, cost)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=20).filter(lambda v: sum(v) > 1e-3), st.integers(0, 10**13))
def test_round_to_total_keeps_the_total_and_the_quota(values: list[float], total: int) -> None:
    found = round_to_total(values, total)
    assert found.sum() == total
    assert (found >= 0).all()
    quota = np.array(values) * (total / sum(values))
    assert (np.abs(found - quota) <= 1 + 1e-9 * total).all()


def test_round_to_total_by_hand_and_refusals() -> None:
    assert round_to_total([2.6, 1.3, 1.1], 5).tolist() == [3, 1, 1]
    assert round_to_total([0.4, 0.4, 0.2], 1).tolist() == [1, 0, 0]
    assert round_to_total([3.0, 4.0], 7).tolist() == [3, 4]
    assert round_to_total([0.0, 0.0], 0).tolist() == [0, 0]
    assert round_to_total([], 0).tolist() == []
    for values, total in (([0.0], 1), ([-1.0, 2.0], 1), ([np.nan], 1), ([1.0], -1)):
        with pytest.raises(InputError, match="values >= 0"):
            round_to_total(values, total)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(1.0, [[3.9709, 1.0291], [1.0291, 1.9709]]), (100.0, [[3.1338, 1.8662], [1.8662, 1.1338]])],
)
def test_entropic_toys(temperature: float, expected: list[list[float]]) -> None:
    assert entropic_transport([5, 3], [5, 3], [[1, 4], [2, 3]], temperature=temperature) == pytest.approx(np.array(expected), abs=1e-4)


def test_entropic_limits() -> None:
    rng = np.random.default_rng(2)
    supply, need, cost = np.array([3.0, 4, 5]), np.array([6.0, 2, 4]), rng.random((3, 3))
    hot = entropic_transport(supply, need, cost, temperature=1e7)
    assert hot == pytest.approx(np.outer(supply, need) / 12, rel=1e-6)
    cold = entropic_transport(supply, need, cost, temperature=0.005)
    assert (cold * cost).sum() == pytest.approx(transport(supply, need, cost).cost, rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    supply=st.lists(st.floats(0.5, 1e6), min_size=1, max_size=6),
    need=st.lists(st.floats(0.5, 1e6), min_size=1, max_size=6),
    seed=st.integers(0, 100),
    temperature=st.floats(0.2, 50.0),
)
def test_entropic_margins_and_form(supply: list[float], need: list[float], seed: int, temperature: float) -> None:
    a, b = np.array(supply), np.array(need)
    b *= a.sum() / b.sum()
    cost = np.random.default_rng(seed).random((a.size, b.size))
    plan = entropic_transport(a, b, cost, temperature=temperature)
    assert plan.sum(axis=1) == pytest.approx(a, rel=2e-9)
    assert plan.sum(axis=0) == pytest.approx(b, rel=2e-9)
    # x_ij = u_i K_ij v_j: what is left of ln x + c / temperature is a sum of a row and a column term
    left = np.log(plan) + cost / temperature
    assert left - left[:1] - left[:, :1] + left[0, 0] == pytest.approx(np.zeros_like(left), abs=1e-8)
    total = 10**9
    whole_a, whole_b = round_to_total(a, total), round_to_total(b, total)
    whole = round_to_margins(entropic_transport(whole_a, whole_b, cost, temperature=temperature), whole_a, whole_b)
    assert (whole.sum(axis=1) == whole_a).all()
    assert (whole.sum(axis=0) == whole_b).all()
    assert np.abs(whole - plan * (total / a.sum())).max() <= a.size + b.size + 2 + 1e-7 * total


def test_entropic_against_pot() -> None:
    rng = np.random.default_rng(4)
    a, b, cost = rng.random(7), rng.random(5), rng.random((7, 5))
    b *= a.sum() / b.sum()
    other = ot.sinkhorn(a, b, cost, reg=0.1, method="sinkhorn_log", stopThr=1e-13, numItermax=100_000)
    assert entropic_transport(a, b, cost, temperature=0.1) == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize(
    ("supply", "need", "options", "said"),
    [
        ([1.0], [2.0], {"temperature": 1.0}, "equal sums"),
        ([0.0], [0.0], {"temperature": 1.0}, "positive supply"),
        ([1.0], [1.0], {"temperature": 0.0}, "temperature"),
        ([1.0], [1.0], {"temperature": 1.0, "max_iterations": 1}, "margins within"),
    ],
)
def test_entropic_refusals(supply: list[float], need: list[float], options: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        entropic_transport(supply, need, [[1.0]], **options)


def test_round_to_margins_refuses_what_is_no_plan() -> None:
    with pytest.raises(InputError, match="margins"):
        round_to_margins([[5.0]], [3], [3])
    with pytest.raises(InputError, match="equal sums"):
        round_to_margins([[3.0]], [3], [4])
