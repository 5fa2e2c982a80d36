"""Curves over scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.scale.curves import knee_point, loess, turning_point


def test_s7_the_toy_of_the_method() -> None:
    assert turning_point([0.20, 0.24, 0.27, 0.28, 0.281]) == 3


def test_the_lower_threshold_where_all_growth_is_small() -> None:
    assert turning_point([1.0, 1.04, 1.07, 1.09]) == 3  # growth 0.040, 0.029, 0.019 against 0.025
    assert turning_point([1.0, 1.2, 1.5]) is None
    assert turning_point([1.0, 2.0]) is None


@settings(deadline=None)
@given(st.integers(1, 3), st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.integers(8, 20))
def test_loess_reproduces_polynomials_of_its_degree(degree: int, coefficients: list[float], n: int) -> None:
    x = np.linspace(3, 30, n)
    y = np.polynomial.Polynomial(coefficients[: degree + 1])((x - 15) / 10)
    np.testing.assert_allclose(loess(x, y, degree=max(degree, 2)), y, atol=1e-8)


def test_loess_against_weighted_polyfit() -> None:
    x = np.array([3.0, 6, 9, 12, 15, 18, 21, 24, 27, 30])
    y = np.array([0.1, 0.2, 0.24, 0.31, 0.30, 0.33, 0.36, 0.35, 0.37, 0.36])
    expected = []
    for centre in x:
        nearest = np.argsort(np.abs(x - centre), kind="stable")[:7]
        d = np.abs(x[nearest] - centre) / np.abs(x[nearest] - centre).max()
        fit = np.polyfit(x[nearest], y[nearest], 2, w=np.sqrt((1 - d**3) ** 3))
        expected.append(np.polyval(fit, centre))
    np.testing.assert_allclose(loess(x, y), expected, atol=1e-10)


@settings(deadline=None)
@given(st.floats(0.1, 100), st.floats(-100, 100))
def test_the_knee_does_not_move_with_units(factor: float, shift: float) -> None:
    x, y = np.arange(1.0, 11), 1 - np.exp(-np.arange(1.0, 11) / 2)
    assert knee_point(x, y) == knee_point(x * factor, y * factor + shift) == 3


def test_a_knee_by_hand() -> None:
    assert knee_point([1, 2, 3, 4, 5], [0.0, 0.6, 0.8, 0.9, 1.0]) == 1
    assert knee_point([1, 2, 3], [0.0, 0.5, 1.0]) is None
    assert knee_point([1, 2, 3], [1.0, 0.5, 0.0]) is None


def test_what_is_no_curve_is_refused() -> None:
    with pytest.raises(InputError, match="at least 6 points"):
        loess([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    with pytest.raises(InputError):
        turning_point([0.1, 0.0])
    with pytest.raises(InputError):
        knee_point([1, 1, 2], [1, 2, 3])
