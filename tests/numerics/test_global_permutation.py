"""Permutation test of Moran's I."""

from __future__ import annotations

from itertools import permutations as orders

import esda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import lat2W
from scipy.sparse import csr_array

from carbonshed.numerics.autocorrelation import moran_i, permuted_statistics, weight_sums
from carbonshed.numerics.global_permutation import moran_test, permutation_variance, permuted_moran

LINE = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))


def queen(n: int) -> csr_array:
    return csr_array(lat2W(n, n, rook=False).sparse.astype(float))


def test_the_line_by_all_its_orders() -> None:
    values = np.array([1.0, 2, 3, 7])
    every = np.array([moran_i(np.array(order), LINE) for order in orders(values)])
    assert permutation_variance(values, weight_sums(LINE)) == pytest.approx(every.var(), rel=1e-12)
    drawn = permuted_moran(values, LINE, permutations=40_000, seed=1)
    possible, share = np.unique(every.round(9), return_counts=True)
    found, count = np.unique(drawn.round(9), return_counts=True)
    np.testing.assert_allclose(found, possible)
    np.testing.assert_allclose(count / drawn.size, share / 24, atol=0.01)  # each order is as likely


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.floats(0.01, 100), st.floats(-1000, 1000))
def test_a_factor_and_a_constant_change_nothing_and_a_seed_repeats(seed: int, factor: float, constant: float) -> None:
    values = np.random.default_rng(seed).random(49)
    plain = moran_test(values, queen(7), permutations=99, seed=seed)
    assert moran_test(factor * values + constant, queen(7), permutations=99, seed=seed)[:3] == pytest.approx(plain[:3], rel=1e-6)
    assert permuted_moran(values, queen(7), seed=3).tobytes() == permuted_moran(values, queen(7), seed=3).tobytes()


@pytest.mark.parametrize("row_standardised", [False, True])
def test_against_esda_and_the_general_routine(row_standardised: bool) -> None:
    g = np.random.default_rng(0)
    values = g.gamma(0.7, 2, (20, 20))
    values[1:] += 0.25 * values[:-1]
    weights = lat2W(20, 20, rook=False)
    np.random.seed(0)  # noqa: NPY002  (esda draws from the global generator)
    moran = esda.Moran(values.ravel(), weights, transformation="r" if row_standardised else "b", permutations=4999)
    links = csr_array(weights.sparse.astype(float))
    test = moran_test(values.ravel(), links, permutations=4999, seed=1)
    assert test.moran_i == pytest.approx(moran.I, rel=1e-12)
    assert permutation_variance(values.ravel(), weight_sums(links)) == pytest.approx(moran.VI_rand, rel=1e-9)
    assert test.z == pytest.approx(moran.z_sim, rel=0.05)
    assert test.p == pytest.approx(2 * moran.p_sim, abs=0.025)  # five standard errors of two sets of draws
    other = permuted_statistics(values.ravel(), links, permutations=4999).moran_i
    drawn = permuted_moran(values.ravel(), links, permutations=4999)
    assert drawn.mean() == pytest.approx(other.mean(), abs=0.003)
    assert drawn.std() == pytest.approx(other.std(), rel=0.05)
    limit = moran_test(values.ravel(), links, permutation_limit=100)
    assert (limit.inference, test.inference) == ("normal", "permutation")
    assert limit.z == pytest.approx(moran.z_rand, rel=1e-9)
    assert limit.p == pytest.approx(moran.p_rand, rel=1e-6)


def test_the_smallest_p_and_what_is_undefined() -> None:
    slope = np.arange(100.0)
    assert moran_test(slope, queen(10)).p == 0.002
    assert moran_test(slope, queen(10), permutations=0)[1:3] == pytest.approx((np.nan, np.nan), nan_ok=True)
    assert np.isnan(moran_test(np.full(100, 0.1), queen(10)).moran_i)
    assert np.isnan(moran_test(np.arange(3.0), csr_array(LINE[:3, :3])).moran_i)
    assert np.isnan(permutation_variance(np.full(100, 0.1), weight_sums(queen(10))))


def test_no_draw_where_none_can_matter() -> None:
    """Cantelli's bound, on the field that comes closest to it here: one large value among equal ones, and a slope."""
    slope = np.add.outer(np.arange(20.0), np.zeros(20)).ravel()
    certain = moran_test(slope, queen(20), certain_z=15)
    assert certain.inference == "normal"
    assert certain.z > 15 and certain.p < 0.01
    drawn = moran_test(slope, queen(20))
    assert drawn.p == 0.002
    assert certain.z == pytest.approx(drawn.z, rel=0.1)
    weak = np.random.default_rng(0).random(400)
    assert moran_test(weak, queen(20), certain_z=15) == moran_test(weak, queen(20))
    every = permuted_moran(np.eye(1, 400, 7).ravel() + 1e-3 * weak, queen(20), permutations=2000)
    for z in (2, 5, 15):
        assert (every >= every.mean() + z * every.std()).mean() <= 1 / (1 + z**2)


def test_threads_and_the_thread_that_calls_draw_the_same(monkeypatch) -> None:
    values = np.random.default_rng(5).random(900)
    alone = permuted_moran(values, queen(30), permutations=300, seed=2)
    monkeypatch.setattr("carbonshed.numerics.global_permutation.LEAST_SITES", 0)
    assert permuted_moran(values, queen(30), permutations=300, seed=2).tobytes() == alone.tobytes()
    assert len(set(alone)) > 290  # blocks do not repeat one another


@pytest.mark.parametrize("certain_z", [None, 14.2])
def test_where_all_sites_are_linked_no_order_is_rarer_than_another(certain_z):
    links = csr_array(np.ones((4, 4)) - np.eye(4))
    test = moran_test(np.array([1.0, 2.0, 5.0, 9.0]), links, certain_z=certain_z)
    assert test.moran_i == pytest.approx(-1 / 3) and np.isnan(test.z) and test.p == 1.0
