"""Cutting a factor into classes: by hand, against mapclassify, and what must hold for any values."""

import mapclassify
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.numerics.discretisation import METHODS, cut, interval_breaks


@pytest.mark.parametrize(
    ("method", "classes", "breaks"),
    [
        ("equal", 4, [2, 4, 6]),
        ("quantile", 4, [1, 2, 3]),
        ("natural", 2, [3]),
        ("geometric", 2, [2]),  # (0 + 1) * 9^(1/2) - 1
        ("sd", 2, [2.8]),
        ("sd", 3, [2.8 - 0.5 * np.sqrt(9.7), 2.8 + 0.5 * np.sqrt(9.7)]),
    ],
)
def test_by_hand(method, classes, breaks):
    assert interval_breaks([0, 1, 2, 3, 8], classes, method=method) == pytest.approx(breaks)


def test_classes_are_closed_above():
    assert cut([0, 2, 2.1, 4, 8], [2, 4]).tolist() == [0, 0, 1, 1, 2]


def test_rounding_decides_nothing():
    """0.1 * 3 is a break that misses the value 0.3 by its last bit; the value is in the class below it."""
    values = np.round(np.arange(11) * 0.1, 10)
    breaks = interval_breaks(values, 10, method="equal")
    assert cut(values, breaks).tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert cut(values * 7, interval_breaks(values * 7, 10, method="equal")).tolist() == cut(values, breaks).tolist()


@settings(max_examples=100)
@given(
    st.lists(st.floats(0, 1e6), min_size=3, max_size=40),
    st.integers(2, 8),
    st.sampled_from(METHODS),
    st.permutations(range(3)),
)
def test_breaks_rise_within_the_values_and_see_no_order(values, classes, method, order):
    breaks = interval_breaks(values, classes, method=method)
    assert breaks.size <= classes - 1
    assert (np.diff(breaks) > 0).all()
    assert not breaks.size or (min(values) <= breaks[0] and breaks[-1] < max(values))
    moved = [values[place] for place in order] + values[3:]
    assert interval_breaks(moved, classes, method=method).tolist() == pytest.approx(breaks.tolist(), rel=1e-9)


@pytest.mark.parametrize("column", ["Tempchange", "Precipitation", "GDP", "Popdensity"])
@pytest.mark.parametrize("classes", [3, 5, 8])
def test_against_mapclassify(shared, column, classes):
    """Real factors: equal, quantile and natural breaks are those of mapclassify (1e-9 relative; natural: as good a cut)."""
    x = pd.read_csv(shared / "data" / "spatial-stats-reference" / "GD_ndvi_50.csv")[column].to_numpy()
    equal = mapclassify.EqualInterval(x, k=classes).bins[:-1]
    assert interval_breaks(x, classes, method="equal") == pytest.approx(equal, rel=1e-9)
    assert interval_breaks(x, classes, method="quantile") == pytest.approx(mapclassify.Quantiles(x, k=classes).bins[:-1], rel=1e-9)
    ours = cut(x, interval_breaks(x, classes, method="natural"))
    theirs = np.searchsorted(mapclassify.FisherJenks(x, k=classes).bins[:-1], x, side="left")
    within = [sum(((x[labels == k] - x[labels == k].mean()) ** 2).sum() for k in np.unique(labels)) for labels in (ours, theirs)]
    assert within[0] == pytest.approx(within[1], rel=1e-9)


def test_equal_values_are_one_class():
    for method in METHODS:
        assert interval_breaks([2, 2, 2], 3, method=method).size == 0


@pytest.mark.parametrize(
    ("values", "classes", "method", "message"),
    [
        ([], 3, "equal", "finite values and classes >= 2"),
        ([1, np.nan], 3, "equal", "1 not finite"),
        ([1, 2], 1, "equal", "1 classes"),
        ([1, 2], 3, "quantiles", "Did you mean 'quantile'"),
        ([-1, 2], 3, "geometric", "values >= 0 for geometric"),
    ],
)
def test_refusals(values, classes, method, message):
    with pytest.raises(InputError, match=message):
        interval_breaks(values, classes, method=method)
