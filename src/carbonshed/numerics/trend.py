"""Trends of short series: Theil-Sen slope, Mann-Kendall test, and the shape 'rises, then falls'."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from carbonshed.checks import examples, refuse, warn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EXACT_UP_TO = 10
"""Longest series for which the permutation distribution of S is enumerated."""


def theil_sen(times: ArrayLike, values: ArrayLike) -> float:
    """Theil-Sen slope: ``beta = median over j < k of (z_k - z_j) / (t_k - t_j)``, in the values' unit per unit of time.

    Parameters
    ----------
    times, values : array_like of float, shape (n,)
        Strictly rising times; no missing values.

    Returns
    -------
    float
        NaN for fewer than two times.

    Raises
    ------
    InputError
        If the times do not rise, or something is missing.

    Notes
    -----
    Source: Theil (1950), Sen (1968), textbook form.

    Examples
    --------
    >>> theil_sen([2000, 2005, 2010, 2015, 2020], [10, 14, 21, 20, 18])
    0.5
    """
    t, z = _series(times, values)
    if t.size < 2:
        return float("nan")
    j, k = np.triu_indices(t.size, 1)
    return float(np.median((z[k] - z[j]) / (t[k] - t[j])))


@dataclass(frozen=True)
class MannKendall:
    """Mann-Kendall test: S, its variance, Z with continuity correction, and the two-sided p."""

    s: int
    variance: float
    z: float
    p: float
    exact: bool
    smallest_p: float
    """The p of a perfectly monotone series of these values."""


def mann_kendall(values: ArrayLike) -> MannKendall:
    """Mann-Kendall test of a monotone trend, exact for up to ten values.

    ``S = sum_{j<k} sgn(z_k - z_j)``, ``Var(S) = (n(n-1)(2n+5) - sum_ties t(t-1)(2t+5)) / 18``,
    ``Z = (S - sgn S) / sqrt(Var S)``. For n <= 10 ``p = P(|S'| >= |S|)`` over all orders of the values, ties as they are; beyond,
    p is that of a normal Z.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        In the order of time; no missing values.

    Returns
    -------
    MannKendall
        p is 1 for a constant series, and for fewer than two values.

    Raises
    ------
    InputError
        If a value is missing.

    Warns
    -----
    DataWarning
        If no series but a perfectly monotone one (or none at all) can have p < 0.05; so it is with five dates.

    Notes
    -----
    Source: Mann (1945), Kendall (1975), textbook form. The number of orders with a given S is read from the Gaussian
    multinomial coefficient of the sizes of the ties.

    Examples
    --------
    >>> test = mann_kendall([10, 14, 21, 20, 18, 22, 25])
    >>> test.s, round(test.p, 4)
    (15, 0.0302)
    """
    _, z = _series(np.arange(np.size(values)), values)
    n = z.size
    j, k = np.triu_indices(n, 1)
    s = int(np.sign(z[k] - z[j]).sum())
    ties = np.unique(z, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    score = (s - np.sign(s)) / math.sqrt(variance) if variance > 0 else 0.0
    if n > EXACT_UP_TO:
        largest = (n * (n - 1) - int((ties * (ties - 1)).sum())) // 2
        best = (largest - 1) / math.sqrt(variance) if variance > 0 else 0.0
        return MannKendall(s, variance, float(score), float(2 * ndtr(-abs(score))), False, float(2 * ndtr(-best)))
    tails = _exact_tails(ties)
    levels = np.unique(tails)
    if levels.size > 1 and levels[1] >= 0.05:
        only = "only a perfectly monotone series can" if levels[0] < 0.05 else "not even a perfectly monotone series can"
        warn(f"Mann-Kendall with {n} values: {only} have p < 0.05; the smallest p is {levels[0]:.4f}, the next {levels[1]:.4f}.")
    return MannKendall(s, variance, float(score), float(tails[abs(s)]), True, float(tails.min()))


def _exact_tails(ties: Integers) -> Floats:
    """P(|S'| >= s) for s = 0, 1, ..., the largest S of values with these sizes of ties."""
    orders = _orders_by_inversions(ties)
    largest = orders.size - 1
    sizes = np.abs(largest - 2 * np.arange(largest + 1))  # S = largest - 2 x inversions
    return np.array([orders[sizes >= s].sum() / orders.sum() for s in range(largest + 1)])


def _orders_by_inversions(ties: Integers) -> Integers:
    """Number of distinct orders of a multiset with 0, 1, 2, ... inversions: the Gaussian multinomial coefficient."""
    orders, placed = np.ones(1, dtype=np.int64), 0
    for size in ties.tolist():
        placed += size
        orders = np.convolve(orders, _gaussian_binomial(placed, size))
    return orders


def _gaussian_binomial(m: int, k: int) -> Integers:
    """Coefficients of the Gaussian binomial (m over k), by ``(m, k) = (m-1, k-1) + q^k (m-1, k)``."""
    if k in (0, m):
        return np.ones(1, dtype=np.int64)
    result = np.zeros(k * (m - k) + 1, dtype=np.int64)
    first, second = _gaussian_binomial(m - 1, k - 1), _gaussian_binomial(m - 1, k)
    result[: first.size] += first
    result[k : k + second.size] += second
    return result


@dataclass(frozen=True)
class Peak:
    """Where a series has its peak and how sure it is that it rises, then falls."""

    time: float
    is_interior: bool
    drop: float
    """Value at the peak minus value at the end, >= 0, in the values' unit."""
    share: float
    """Share of the draws with an interior peak and a lower end; NaN without draws."""


def rise_then_fall(times: ArrayLike, values: ArrayLike, *, draws: ArrayLike | None = None) -> Peak:
    """Test by numbers, never by eye, whether a series rises to an interior peak and then falls.

    The peak is the first largest value; it is interior if it is neither the first nor the last. `share` is the share of draws
    (bootstrap or Monte Carlo) whose own peak is interior: 0.95 says that the fall is beyond the uncertainty.

    Parameters
    ----------
    times, values : array_like of float, shape (n,)
        Strictly rising times; no missing values.
    draws : array_like of float, shape (number of draws, n), optional
        Other possible series, e.g. from resampled units.

    Returns
    -------
    Peak

    Raises
    ------
    InputError
        If the times do not rise, something is missing, there is no value, or the draws have another length.

    Examples
    --------
    >>> rise_then_fall([2000, 2010, 2020], [1.0, 3.0, 2.0], draws=[[1, 3, 2], [1, 2, 3]])
    Peak(time=2010.0, is_interior=True, drop=1.0, share=0.5)
    """
    t, z = _series(times, values)
    possible = np.empty((0, t.size)) if draws is None else np.asarray(draws, dtype=np.float64)
    if t.size == 0 or possible.ndim != 2 or possible.shape[1] != t.size:
        raise refuse(
            "different_lengths",
            expected="at least one time, and draws with one value for each time",
            got=f"{t.size} times, draws of shape {possible.shape}",
            where="rise_then_fall",
            fix="Give the draws as rows of one series each.",
        )
    peak = int(z.argmax())
    peaks = possible.argmax(axis=1)
    interior = (peaks > 0) & (peaks < t.size - 1) & (possible.max(axis=1, initial=-np.inf) > possible[:, -1])
    share = float(interior.mean()) if interior.size else float("nan")
    return Peak(float(t[peak]), bool(0 < peak < t.size - 1 and z[peak] > z[-1]), float(z[peak] - z[-1]), share)


def _series(times: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    t, z = np.asarray(times, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64).ravel()
    missing = t[~np.isfinite(z)] if t.size == z.size else t[:0]
    if t.size != z.size or not np.isfinite(t).all() or (np.diff(t) <= 0).any() or missing.size:
        raise refuse(
            "broken_series",
            expected="strictly rising times with one known value each",
            got=f"{t.size} times and {z.size} values" + (f", nothing known at {examples(missing.tolist())}" if missing.size else ""),
            where="the series",
            fix="Sort by time, one value a time, and leave out times without a value.",
        )
    return t, z
