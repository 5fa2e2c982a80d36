"""Tests between strata and between divisions: risk detector (Welch t) and ecological detector (F)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtr, fdtrc, stdtr

from carbonshed.checks import choose
from carbonshed.numerics.geodetector import _explained, _strata

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ECOLOGICAL_CONVENTIONS = ("textbook", "gd", "r_geodetector")


@dataclass(frozen=True)
class WelchTest:
    """Welch's t of two samples: the difference of the means (first less second), t, degrees of freedom, two-sided p."""

    difference: float
    t: float
    df: float
    p: float


def welch_test(one: ArrayLike, other: ArrayLike) -> WelchTest:
    """Welch's t-test of two means: ``t = (m_1 - m_2) / sqrt(v_1/n_1 + v_2/n_2)``, v with n - 1.

    ``df = (v_1/n_1 + v_2/n_2)^2 / ((v_1/n_1)^2/(n_1 - 1) + (v_2/n_2)^2/(n_2 - 1))``.

    Parameters
    ----------
    one, other : array_like of float
        Known values.

    Returns
    -------
    WelchTest
        t, df and p are NaN where a sample has fewer than two values, or none varies.

    Notes
    -----
    Source: Welch (1947), textbook form.

    Examples
    --------
    >>> test = welch_test([1, 2, 3], [7, 8, 9])
    >>> test.difference, round(test.t, 4), round(test.df, 4), round(test.p, 4)
    (-6.0, -7.3485, 4.0, 0.0018)
    """
    a, b = np.asarray(one, dtype=np.float64).ravel(), np.asarray(other, dtype=np.float64).ravel()
    difference = float(a.mean() - b.mean()) if a.size and b.size else float("nan")
    if a.size < 2 or b.size < 2:
        return WelchTest(difference, float("nan"), float("nan"), float("nan"))
    first, second = float(a.var(ddof=1)) / a.size, float(b.var(ddof=1)) / b.size
    if first + second <= 0:
        return WelchTest(difference, float("nan"), float("nan"), float("nan"))
    t = difference / np.sqrt(first + second)
    df = (first + second) ** 2 / (first**2 / (a.size - 1) + second**2 / (b.size - 1))
    return WelchTest(difference, float(t), float(df), float(2 * stdtr(df, -abs(t))))


@dataclass(frozen=True)
class Ecological:
    """Ecological detector: F of two divisions and its p."""

    f: float
    p: float
    convention: str


def ecological_test(values: ArrayLike, one: ArrayLike, other: ArrayLike, *, convention: str = "textbook") -> Ecological:
    """Whether two divisions explain differently much: F of their sums of squares within strata, N - 1 and N - 1 degrees of freedom.

    ==================  ==================================================================================================
    ``textbook``        ``F = SSW_1 / SSW_2``, ``SSW = sum_h N_h s_h^2`` with variances over N_h; two-sided p
    ``gd``              variances over N_h - 1, strata of one member left out; p = 2 P(F' > F), at most 1: one tail, doubled
    ``r_geodetector``   ``F = max(q_1, q_2) / min(q_1, q_2)``, p = P(F' > F); that program calls p < 0.1 significant
    ==================  ==================================================================================================

    Parameters
    ----------
    values : array_like of float, shape (N,)
    one, other : array_like, shape (N,)
        Labels of the two divisions.
    convention : {"textbook", "gd", "r_geodetector"}

    Returns
    -------
    Ecological
        NaN for equal values, or where F has no denominator.

    Raises
    ------
    InputError
        If lengths differ, something is missing, or the convention is unknown.

    Notes
    -----
    Source: Wang et al. (2010), with the N of both divisions equal; the other two are what the R packages GD (10.x) and geodetector
    (1.0-5) compute.

    Examples
    --------
    Within sums 4 and 58: F = 2 / 29.

    >>> test = ecological_test([1, 2, 3, 7, 8, 9], list("aaabbb"), list("cccccc"))
    >>> round(test.f, 6), round(test.p, 4)
    (0.068966, 0.0107)
    """
    choose(convention, ECOLOGICAL_CONVENTIONS, where="convention")
    y, group1, size1 = _strata(values, one)
    _, group2, size2 = _strata(values, other)
    centred = y - y.mean() if y.size else y
    total = float(centred @ centred)
    nothing = Ecological(float("nan"), float("nan"), convention)
    if y.size < 2 or np.ptp(y) <= 1e-12 * np.abs(y).max():
        return nothing
    pair = ((group1, size1), (group2, size2))
    if convention == "r_geodetector":
        explained = [_explained(centred, group, size) for group, size in pair]
        high, low = max(explained), min(explained)
    else:
        high, low = (_within(centred, group, size, convention == "gd") for group, size in pair)
    if low <= 1e-12 * total:
        return nothing
    f, df = high / low, y.size - 1
    upper = float(fdtrc(df, df, f))
    if convention == "textbook":
        return Ecological(f, min(1.0, 2 * min(upper, float(fdtr(df, df, f)))), convention)
    return Ecological(f, min(1.0, 2 * upper) if convention == "gd" else upper, convention)


def _within(centred: Floats, group: Integers, size: Integers, sample: bool) -> float:
    """Sum of ``N_h s_h^2``; `sample`: with variances over N_h - 1, strata of one member left out."""
    means = np.bincount(group, weights=centred) / size
    squares = np.bincount(group, weights=(centred - means[group]) ** 2)
    return float((squares * size / np.maximum(size - 1, 1)).sum() if sample else squares.sum())
