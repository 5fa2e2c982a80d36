"""Welch's t and the ecological detector."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.numerics.geodetector import factor_detector
from carbonshed.numerics.stratum_tests import ecological_test, welch_test

pytestmark = pytest.mark.filterwarnings("ignore:geodetector.* strata have one member")


def test_welch_by_hand():
    test = welch_test([1, 2, 3], [7, 8, 9])
    assert test.difference == -6
    assert test.t == pytest.approx(-6 / np.sqrt(2 / 3))
    assert test.df == pytest.approx(4)


SAMPLE = st.lists(st.floats(-100, 100), min_size=2, max_size=15)


@settings(max_examples=80)
@given(SAMPLE, SAMPLE)
def test_welch_is_that_of_scipy(one, other):
    assume(np.ptp(one) > 1e-3 and np.ptp(other) > 1e-3)
    test, expected = welch_test(one, other), scipy.stats.ttest_ind(one, other, equal_var=False)
    assert test.t == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert test.p == pytest.approx(expected.pvalue, rel=1e-7, abs=1e-12)
    assert test.df == pytest.approx(expected.df, rel=1e-9)
    assert welch_test(other, one).t == pytest.approx(-test.t)


def test_welch_of_what_does_not_vary():
    assert np.isnan(welch_test([1], [2, 3]).t)
    assert np.isnan(welch_test([1, 1], [2, 2]).p)
    assert welch_test([1, 1], [2, 2]).difference == -1


Y, HALVES, ONE = [1, 2, 3, 7, 8, 9], list("aaabbb"), list("cccccc")


def test_ecological_by_hand():
    """Within sums 4 and 58: F = 4 / 58; variances over N - 1: 6 / 69.6; q = 54/58 against 0."""
    assert ecological_test(Y, HALVES, ONE).f == pytest.approx(4 / 58)
    assert ecological_test(Y, HALVES, ONE, convention="gd").f == pytest.approx(3 * 2 / (6 * 58 / 5))
    assert ecological_test(Y, HALVES, ONE, convention="gd").p == 1  # one tail, doubled: a smaller F is never significant there
    assert np.isnan(ecological_test(Y, HALVES, ONE, convention="r_geodetector").f)


def test_ecological_by_q():
    other = list("aabbcc")
    q = [factor_detector(Y, labels, permutations=0).q for labels in (HALVES, other)]
    test = ecological_test(Y, HALVES, other, convention="r_geodetector")
    assert test.f == pytest.approx(max(q) / min(q))
    assert test.p == pytest.approx(scipy.stats.f.sf(test.f, 5, 5))
    assert ecological_test(Y, other, HALVES, convention="r_geodetector").f == pytest.approx(test.f)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 2), st.integers(0, 3)), min_size=5, max_size=25))
def test_ecological_changes_places(rows):
    """F of one against other is 1 / F of other against one, and the two-sided p is the same."""
    y, one, other = (np.array(column) for column in zip(*rows))
    assume(np.ptp(y) > 1e-2)
    test, back = ecological_test(y, one, other), ecological_test(y, other, one)
    if np.isfinite(test.f) and np.isfinite(back.f) and test.f > 0:
        assert back.f == pytest.approx(1 / test.f, rel=1e-6)
        assert back.p == pytest.approx(test.p, rel=1e-6)
        q = [factor_detector(y, labels, permutations=0, convention="population").q for labels in (one, other)]
        if min(1 - q[0], 1 - q[1]) > 1e-6:
            assert test.f == pytest.approx((1 - q[0]) / (1 - q[1]), rel=1e-6)


def test_equal_values_have_no_f():
    assert np.isnan(ecological_test([2, 2, 2], list("aab"), list("abb")).f)


def test_refusals():
    with pytest.raises(InputError, match="Did you mean 'textbook'"):
        ecological_test(Y, HALVES, ONE, convention="textbooks")
    with pytest.raises(InputError, match="one stratum each"):
        ecological_test(Y, HALVES[:-1], ONE)
