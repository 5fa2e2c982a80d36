"""Inequality of amounts between units: Gini, concentration against a base, Theil T and its parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import examples, refuse

Floats = NDArray[np.float64]


def gini(values: ArrayLike) -> float:
    """Gini coefficient of the amounts of m units, each unit counting once.

    ``G = sum_k (2 k - m - 1) x_(k) / (m sum x)`` with x sorted ascending and x >= 0; between 0 (equal) and 1 - 1/m.

    Parameters
    ----------
    values : array_like of float, shape (m,)

    Returns
    -------
    float
        NaN where there is no unit or all amounts are zero.

    Raises
    ------
    InputError
        If a value is negative or not finite.

    Notes
    -----
    Source: textbook form (Gini, 1912).

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 1]), gini([1, 2, 3, 4])
    (0.0, 0.75, 0.25)
    """
    x = np.sort(_amounts(values, "the values"))
    total = float(x.sum())
    if total == 0:
        return float("nan")
    m = x.size
    return float((2 * np.arange(1, m + 1) - m - 1) @ x) / (m * total)


def concentration_index(amounts: ArrayLike, base: ArrayLike) -> float:
    """Gini coefficient of carbon (or money) against a base such as area, population or GDP.

    ``G = 1 - sum_k (X_{k+1} - X_k)(Y_{k+1} + Y_k)``: X, Y are the cumulative shares of base and amount, the units sorted by
    amount per base, ascending. 0 where each unit has the same amount per base. With equal bases it is `gini`.

    Parameters
    ----------
    amounts, base : array_like of float, shape (m,)
        Extensive amounts; units with neither amount nor base change nothing.

    Returns
    -------
    float
        NaN where either sums to zero.

    Raises
    ------
    InputError
        If a value is negative or not finite, or the lengths differ.

    Notes
    -----
    Source: textbook form (Lorenz curve against a base, trapezoids). For the carbon budget of Beijing-Tianjin-Hebei a value
    above the warning line 0.4 is in print.

    Examples
    --------
    One half of the area holds one quarter of the carbon: 1 - (0.5 x 0.25 + 0.5 x 1.25) = 0.25.

    >>> concentration_index([1, 3], [10, 10])
    0.25
    """
    y, x = _amounts(amounts, "the amounts"), _amounts(base, "the base")
    if y.shape != x.shape:
        raise refuse(
            "different_lengths",
            expected="one base for each amount",
            got=f"{y.size} amounts and {x.size} bases",
            where="concentration_index",
            fix="Give both for the same units, in the same order.",
        )
    if x.sum() == 0 or y.sum() == 0:
        return float("nan")
    order = np.argsort(np.divide(y, x, out=np.full(x.size, np.inf), where=x > 0), kind="stable")
    share_x = np.concatenate(([0.0], np.cumsum(x[order]) / x.sum()))
    share_y = np.concatenate(([0.0], np.cumsum(y[order]) / y.sum()))
    return float(1 - np.diff(share_x) @ (share_y[1:] + share_y[:-1]))


@dataclass(frozen=True)
class Theil:
    """Theil T and its two parts; ``total = between + within`` (dimensionless)."""

    total: float
    between: float
    within: float


def theil_t(values: ArrayLike, groups: ArrayLike | None = None) -> Theil:
    """Theil's T of the amounts of n units, split into the parts between and within groups.

    ``T = (1/n) sum (x_i/mu) ln(x_i/mu)`` with 0 ln 0 = 0; with n_g units and mean mu_g in group g,
    ``between = sum_g (n_g/n)(mu_g/mu) ln(mu_g/mu)`` and ``within = sum_g (n_g/n)(mu_g/mu) T_g``.

    Parameters
    ----------
    values : array_like of float, shape (n,)
    groups : array_like, shape (n,), optional
        Label of each unit's group, e.g. its zone; without it all units are one group and `between` is 0.

    Returns
    -------
    Theil
        NaN where there is no unit or all amounts are zero; T is at most ln n.

    Raises
    ------
    InputError
        If a value is negative or not finite, or the lengths differ.

    Notes
    -----
    Source: Theil (1967), textbook form.

    Examples
    --------
    All of it in one of two units: T = ln 2.

    >>> round(theil_t([0, 1]).total, 4)
    0.6931
    """
    x = _amounts(values, "the values")
    labels = np.zeros(x.size, dtype=np.int64) if groups is None else np.asarray(groups)
    if labels.shape != x.shape:
        raise refuse(
            "different_lengths",
            expected="one group for each value",
            got=f"{x.size} values and {labels.size} groups",
            where="theil_t",
            fix="Give both for the same units, in the same order.",
        )
    if x.sum() == 0:
        return Theil(float("nan"), float("nan"), float("nan"))
    _, group = np.unique(labels, return_inverse=True)
    size = np.bincount(group)
    means = np.bincount(group, weights=x) / size / x.mean()
    total = float(_entropy(x / x.mean()).mean())
    between = float(size @ _entropy(means)) / x.size
    return Theil(total, between, total - between)


def _entropy(ratio: Floats) -> Floats:
    """``r ln r``, zero at zero."""
    return ratio * np.log(np.where(ratio > 0, ratio, 1.0))


def _amounts(values: ArrayLike, where: str) -> Floats:
    x = np.asarray(values, dtype=np.float64).ravel()
    wrong = x[~np.isfinite(x) | (x < 0)]
    if wrong.size:
        raise refuse(
            "negative_amount",
            expected="known amounts >= 0",
            got=examples(wrong.tolist()),
            where=where,
            fix="Leave out units that are not known; take absolute amounts, or one side only, of signed ones.",
        )
    return x
