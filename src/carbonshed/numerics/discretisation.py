"""Cutting a continuous factor into strata: equal, quantile, natural, geometric and standard-deviation intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose, examples, refuse
from carbonshed.numerics.natural_breaks import natural_breaks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

METHODS = ("equal", "quantile", "natural", "geometric", "sd")

ROUNDING = 1e-12
"""A break this close to a value (as a share of the largest) is that value: the last bit does not decide on a class."""


def interval_breaks(values: ArrayLike, classes: int, *, method: str) -> Floats:
    """Inner breaks ``b_1 < ... < b_m`` that cut values into classes; the class of x is the number of breaks below it.

    ===============  =====================================================================================================
    ``equal``        ``min + i (max - min) / k``
    ``quantile``     the i/k quantiles, linear between values
    ``natural``      the least sum of squares within classes (Fisher-Jenks, exact)
    ``geometric``    ``min (max / min)^(i/k)``; where the smallest value is 0, the same of x + 1, less 1
    ``sd``           ``mean + (i - k/2) s`` with s the standard deviation (n - 1): steps of one s around the mean
    ===============  =====================================================================================================

    with i = 1 .. k - 1. Breaks that fall together, or outside the values, are left out, so there may be fewer than k classes.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Finite.
    classes : int
        k >= 2.
    method : {"equal", "quantile", "natural", "geometric", "sd"}

    Returns
    -------
    array of float
        At most k - 1 breaks; each class is open below and closed above.

    Raises
    ------
    InputError
        If a value is not finite, there is none, k < 2, or the method is unknown; for ``geometric``, if a value is negative.

    Notes
    -----
    Source: textbook form, as in Song et al. (2020); R package GD cuts ``sd`` in steps of 1 or 1/2 s until there are at least k classes.

    Examples
    --------
    >>> interval_breaks([0, 1, 2, 3, 8], 4, method="equal").tolist(), interval_breaks([1, 2, 4, 8], 3, method="geometric").tolist()
    ([2.0, 4.0, 6.0], [2.0, 4.0])
    """
    choose(method, METHODS, where="method")
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0 or not np.isfinite(x).all() or classes < 2:
        got = f"{x.size} values, {int((~np.isfinite(x)).sum())} not finite, {classes} classes"
        raise refuse("no_classes", expected="finite values and classes >= 2", got=got, where="interval_breaks", fix="Drop missing values.")
    steps, low, high = np.arange(1, classes), float(x.min()), float(x.max())
    if method == "equal":
        breaks = low + steps * (high - low) / classes
    elif method == "quantile":
        breaks = np.quantile(x, steps / classes)
    elif method == "natural":
        breaks = natural_breaks(x, classes)[:-1]
    elif method == "sd":
        breaks = x.mean() + (steps - classes / 2) * (x.std(ddof=1) if x.size > 1 else 0.0)
    else:
        breaks = _geometric(low, high, steps / classes)
    breaks = np.unique(_snapped(breaks, np.unique(x)))
    return np.asarray(breaks[(breaks >= low) & (breaks < high)])


def cut(values: ArrayLike, breaks: ArrayLike) -> Integers:
    """Class of each value, from 0: the number of breaks below it.

    Examples
    --------
    >>> cut([1, 2, 3], [2.0]).tolist()
    [0, 0, 1]
    """
    return np.searchsorted(np.asarray(breaks, dtype=np.float64), np.asarray(values, dtype=np.float64), side="left").astype(np.int64)


def _snapped(breaks: Floats, ordered: Floats) -> Floats:
    """Breaks that miss a value by rounding only, moved onto it."""
    place = np.searchsorted(ordered, breaks)
    below, above = ordered[np.maximum(place - 1, 0)], ordered[np.minimum(place, ordered.size - 1)]
    nearest = np.where(np.abs(breaks - below) < np.abs(breaks - above), below, above)
    return np.where(np.abs(breaks - nearest) <= ROUNDING * np.abs(ordered).max(), nearest, breaks)


def _geometric(low: float, high: float, shares: Floats) -> Floats:
    if low < 0:
        raise refuse(
            "negative_amount",
            expected="values >= 0 for geometric intervals",
            got=examples([low]),
            where="interval_breaks",
            fix="Use another method.",
        )
    shift = 1.0 if low == 0 else 0.0
    return np.asarray((low + shift) * ((high + shift) / (low + shift)) ** shares - shift)
