"""Theil-Sen slopes and Mann-Kendall tests of many series on the same dates at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from carbonshed.checks import examples, refuse
from carbonshed.numerics.trend import EXACT_UP_TO, _exact_tails

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DIFFERENCES_AT_ONCE = 4_000_000
"""Pairwise differences held at one time."""


@dataclass(frozen=True)
class RowTrends:
    """One entry a series: Theil-Sen slope, S of Mann-Kendall, Z with continuity correction, and the two-sided p."""

    slope: Floats
    s: Integers
    z: Floats
    p: Floats
    exact: bool


def row_trends(times: ArrayLike, values: ArrayLike) -> RowTrends:
    """Trend of each row of a table: `theil_sen` and `mann_kendall` of `carbonshed.numerics.trend`, for all rows at once.

    ``beta = median_{j<k} (z_k - z_j)/(t_k - t_j)``; ``S = sum_{j<k} sgn(z_k - z_j)``; p is exact over the orders of the values (ties
    as they are) for up to ten times, that of a normal Z beyond.

    Parameters
    ----------
    times : array_like of float, shape (n,)
        Strictly rising.
    values : array_like of float, shape (rows, n)
        No missing values.

    Returns
    -------
    RowTrends
        Slope NaN for fewer than two times; p is 1 for a constant row.

    Raises
    ------
    InputError
        If the times do not rise, the shapes differ, or something is missing.

    Notes
    -----
    Source: Theil (1950), Sen (1968), Mann (1945), Kendall (1975), textbook form. p depends on S and the sizes of the ties alone, so
    it is worked out once for each such combination.

    Examples
    --------
    >>> trends = row_trends([2000, 2005, 2010, 2015, 2020], [[10, 14, 21, 20, 18], [5, 4, 3, 2, 1]])
    >>> trends.slope.tolist(), trends.s.tolist(), trends.p.round(4).tolist()
    ([0.5, -0.2], [4, -10], [0.4833, 0.0167])
    """
    t, z = np.asarray(times, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64)
    _check(t, z)
    n = t.size
    j, k = np.triu_indices(n, 1)
    slope, s = np.full(len(z), np.nan), np.zeros(len(z), dtype=np.int64)
    for part in _parts(len(z), j.size):
        rise = z[part][:, k] - z[part][:, j]
        s[part] = np.sign(rise).sum(axis=1)
        if j.size:
            slope[part] = np.median(rise / (t[k] - t[j]), axis=1)
    score, p = _significance(np.sort(z, axis=1), s)
    return RowTrends(slope, s, score, p, n <= EXACT_UP_TO)


def _parts(rows: int, pairs: int) -> Iterator[slice]:
    step = max(DIFFERENCES_AT_ONCE // max(pairs, 1), 1)
    return (slice(begin, begin + step) for begin in range(0, rows, step))


def _significance(ordered: Floats, s: Integers) -> tuple[Floats, Floats]:
    """Z and p of each row from its values in order of size and its S."""
    n = ordered.shape[1]
    same = np.diff(ordered, axis=1) == 0  # which neighbours in size are ties
    kinds, kind = np.unique(np.column_stack([same, np.abs(s)]), axis=0, return_inverse=True)
    z, p = np.zeros(len(kinds)), np.ones(len(kinds))
    tails: dict[tuple[int, ...], Floats] = {}
    for place, row in enumerate(kinds):
        ties = np.diff(np.flatnonzero(np.r_[True, row[:-1] == 0, True])) if n else np.zeros(0, dtype=np.int64)
        size = int(row[-1])
        variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
        z[place] = (size - np.sign(size)) / np.sqrt(variance) if variance > 0 else 0.0
        if n > EXACT_UP_TO:
            p[place] = 2 * ndtr(-z[place])
        elif n:
            sizes = tuple(sorted(ties.tolist()))
            if sizes not in tails:
                tails[sizes] = _exact_tails(np.array(sizes, dtype=np.int64))
            p[place] = tails[sizes][size]
    return np.sign(s) * z[kind.ravel()], p[kind.ravel()]


def _check(t: Floats, z: Floats) -> None:
    if z.ndim == 2 and z.shape[1] == t.size and np.isfinite(t).all() and not (np.diff(t) <= 0).any() and np.isfinite(z).all():
        return
    missing = examples(np.flatnonzero(~np.isfinite(z).all(axis=1))) if z.ndim == 2 else ""
    raise refuse(
        "broken_series",
        expected="strictly rising times and a table with one known value for each time in each row",
        got=f"{t.size} times, a table of shape {z.shape}" + (f", something missing in rows {missing}" if missing else ""),
        where="the series",
        fix="Sort by time, one value a time, and leave out rows with missing values.",
    )
