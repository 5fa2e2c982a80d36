"""Fisher-Jenks against exhaustive search and mapclassify."""

from __future__ import annotations

import itertools

import mapclassify
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.numerics.natural_breaks import natural_breaks


def within(values: np.ndarray, limits: np.ndarray) -> float:
    label = np.searchsorted(limits, values)
    return float(sum(((values[label == k] - values[label == k].mean()) ** 2).sum() for k in np.unique(label)))


def test_by_hand() -> None:
    assert natural_breaks([1, 2, 10, 11, 50], 3).tolist() == [2.0, 11.0, 50.0]
    assert natural_breaks([5, 5, 5], 3).tolist() == [5.0]
    assert natural_breaks([3, 1, 2], 5).tolist() == [1.0, 2.0, 3.0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=9), st.integers(1, 5))
def test_against_every_cut(numbers: list[int], classes: int) -> None:
    values = np.array(numbers, dtype=float)
    limits = natural_breaks(values, classes)
    distinct = np.unique(values)
    k = min(classes, distinct.size)
    assert limits.size == k
    assert limits[-1] == values.max()
    assert (np.diff(limits) > 0).all()
    assert set(limits) <= set(values)
    best = min(within(values, np.array([*cut, distinct[-1]])) for cut in itertools.combinations(distinct[:-1], k - 1))
    assert within(values, limits) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("n", [50, 1000, 4000])
def test_against_mapclassify(n: int) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    assert natural_breaks(values, 5) == pytest.approx(mapclassify.FisherJenks(values, k=5).bins, rel=1e-12)


@pytest.mark.parametrize(("values", "classes"), [([], 2), ([1.0, np.nan], 2), ([1.0], 0)])
def test_refusals(values: list[float], classes: int) -> None:
    with pytest.raises(InputError, match="classes >= 1"):
        natural_breaks(values, classes)
