"""Theil-Sen, Mann-Kendall, and the shape 'rises, then falls'."""

from itertools import combinations
from itertools import permutations as orders

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics.trend import mann_kendall, rise_then_fall, theil_sen

DATES = [2000, 2005, 2010, 2015, 2020]


def test_five_dates_by_hand():
    values = [10, 14, 21, 20, 18]
    assert theil_sen(DATES, values) == 0.5
    with pytest.warns(DataWarning, match="only a perfectly monotone series can have p < 0.05; the smallest p is 0.0167"):
        test = mann_kendall(values)
    assert (test.s, test.exact) == (4, True)
    assert test.p == pytest.approx(58 / 120)
    assert test.variance == pytest.approx(5 * 4 * 15 / 18)
    assert test.z == pytest.approx(3 / np.sqrt(50 / 3))


@pytest.mark.parametrize(
    ("values", "s", "p"),
    [([1, 2, 3, 4, 5], 10, 0.0167), ([5, 4, 3, 1, 2], -8, 0.0833), ([1, 2, 4, 5, 3], 6, 0.2333), ([2, 1, 4, 5, 3], 4, 0.4833)],
)
def test_exact_p_of_five_dates(values, s, p):
    with pytest.warns(DataWarning):
        test = mann_kendall(values)
    assert test.s == s
    assert test.p == pytest.approx(p, abs=5e-5)
    assert test.smallest_p == pytest.approx(2 / 120)


def score(values):
    return sum(np.sign(b - a) for a, b in combinations(values, 2))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=7))
def test_exact_p_with_ties_is_that_of_all_orders(values):
    """Oracle: every order of the values, ties as they are."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        test = mann_kendall(values)
    scores = np.array([score(order) for order in orders(values)])
    assert test.s == score(values)
    assert test.p == pytest.approx(np.mean(np.abs(scores) >= abs(test.s)), abs=1e-12)
    assert test.variance == pytest.approx(scores.var(), abs=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=10, unique=True))
def test_exact_p_without_ties_is_kendalls_tau_of_scipy(values):
    """Oracle: scipy's exact p of tau against time."""
    expected = scipy.stats.kendalltau(np.arange(len(values)), values, method="exact")
    assert mann_kendall(values).p == pytest.approx(expected.pvalue, abs=1e-12)


@given(st.lists(st.integers(0, 9), min_size=11, max_size=30))
def test_long_series_take_the_normal_p(values):
    test = mann_kendall(values)
    assert not test.exact
    if test.variance:
        z = (test.s - np.sign(test.s)) / np.sqrt(test.variance)
        assert test.p == pytest.approx(2 * scipy.stats.norm.sf(abs(z)), abs=1e-12)
    else:
        assert test.p == 1
    reverse = mann_kendall(values[::-1])
    assert (reverse.s, reverse.p) == (-test.s, test.p)


def test_constant_and_short_series_have_no_trend():
    assert mann_kendall([3] * 6).p == 1
    assert mann_kendall([7]).p == 1
    with pytest.warns(DataWarning, match="not even a perfectly monotone series"):
        assert mann_kendall([1, 2, 3]).p == pytest.approx(1 / 3)
    assert np.isnan(theil_sen([2000], [1]))


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=15),
    st.integers(-50, 50),
)
def test_theil_sen_moves_with_an_added_line(values, slope):
    times = np.arange(len(values)) * 2.0
    assert theil_sen(times, values + slope * times) == pytest.approx(theil_sen(times, values) + slope, abs=1e-9)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=15))
def test_theil_sen_is_that_of_scipy(values):
    times = np.cumsum(np.arange(1, len(values) + 1))
    assert theil_sen(times, values) == pytest.approx(scipy.stats.theilslopes(values, times).slope, abs=1e-9)


def test_rise_then_fall():
    peak = rise_then_fall(DATES, [1, 3, 5, 4, 2], draws=[[1, 3, 5, 4, 2], [1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [0, 1, 9, 0, 9]])
    assert (peak.time, peak.is_interior, peak.drop) == (2010, True, 3)
    assert peak.share == 0.25  # the others peak at an end, or do not end lower
    assert not rise_then_fall(DATES, [1, 2, 3, 4, 5]).is_interior
    assert not rise_then_fall(DATES, [1, 2, 5, 4, 5]).is_interior  # as high at the end
    assert np.isnan(rise_then_fall(DATES, [1, 2, 3, 4, 5]).share)


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=8), st.integers(1, 5))
def test_the_peak_does_not_see_shift_or_scale(values, factor):
    times, z = np.arange(len(values)), np.array(values)
    one, other = rise_then_fall(times, z), rise_then_fall(times, z * factor - 3)
    assert (other.time, other.is_interior, other.drop) == (one.time, one.is_interior, one.drop * factor)


@pytest.mark.parametrize(
    "call",
    [
        lambda: theil_sen([2000, 2000], [1, 2]),
        lambda: theil_sen([2000, 2005], [1, np.nan]),
        lambda: theil_sen([2000, 2005], [1]),
        lambda: mann_kendall([1, 2, np.nan]),
        lambda: rise_then_fall([2000, 1990], [1, 2]),
    ],
)
def test_broken_series_are_refused(call):
    with pytest.raises(InputError, match="strictly rising times with one known value each"):
        call()


def test_draws_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"draws of shape \(1, 2\)"):
        rise_then_fall([1, 2, 3], [1, 2, 3], draws=[[1, 2]])
