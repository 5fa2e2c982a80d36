"""Trends of many series at once, against those of one series and against scipy."""

import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics import panel_trend
from carbonshed.numerics.panel_trend import row_trends
from carbonshed.numerics.trend import mann_kendall, theil_sen


def test_by_hand():
    """L12: beta 0.5, S 4, p 0.4833; a monotone series of five has the smallest p there is, 0.0167."""
    found = row_trends([2000, 2005, 2010, 2015, 2020], [[10, 14, 21, 20, 18], [1, 2, 3, 4, 5], [3, 3, 3, 3, 3]])
    assert found.slope.tolist() == [0.5, 0.2, 0]
    assert found.s.tolist() == [4, 10, 0]
    assert found.p == pytest.approx([58 / 120, 2 / 120, 1])
    assert found.exact


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 14).flatmap(lambda n: arrays(float, (5, n), elements=st.integers(-3, 3).map(float))))
def test_each_row_is_the_series_alone(values):
    """Oracle: `theil_sen` and `mann_kendall` row by row, ties and all."""
    times = np.cumsum(np.arange(1, values.shape[1] + 1))
    found = row_trends(times, values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        for place, row in enumerate(values):
            alone = mann_kendall(row)
            assert found.slope[place] == pytest.approx(theil_sen(times, row), abs=1e-12)
            assert (found.s[place], found.exact) == (alone.s, alone.exact)
            assert found.p[place] == pytest.approx(alone.p, abs=1e-12)
            assert found.z[place] == pytest.approx(alone.z, abs=1e-12)


@pytest.mark.parametrize("n", [4, 7, 10])
def test_against_scipy(n):
    values = np.random.default_rng(n).standard_normal((30, n))
    found = row_trends(range(n), values)
    for place, row in enumerate(values):
        tau = scipy.stats.kendalltau(np.arange(n), row, method="exact")
        assert found.p[place] == pytest.approx(tau.pvalue, abs=1e-12)
        assert found.s[place] == pytest.approx(tau.statistic * n * (n - 1) / 2)
        assert found.slope[place] == pytest.approx(scipy.stats.theilslopes(row, np.arange(n)).slope, abs=1e-12)


def test_parts_change_nothing(monkeypatch):
    values = np.random.default_rng(1).integers(0, 9, (50, 12))
    whole = row_trends(range(12), values)
    monkeypatch.setattr(panel_trend, "DIFFERENCES_AT_ONCE", 200)
    part = row_trends(range(12), values)
    assert np.array_equal(whole.slope, part.slope) and np.array_equal(whole.p, part.p)


def test_no_rows_and_one_date():
    assert row_trends([2000, 2001], np.empty((0, 2))).p.size == 0
    one = row_trends([2000], [[1.0]])
    assert np.isnan(one.slope).all() and one.p.tolist() == [1.0]


@pytest.mark.parametrize(
    ("times", "values"), [([2000, 2000], [[1, 2]]), ([2000, 2001], [[1, np.nan]]), ([2000], [[1, 2]]), ([1, 2], [1, 2])]
)
def test_broken_tables_are_refused(times, values):
    with pytest.raises(InputError, match="one known value for each time in each row"):
        row_trends(times, values)
