"""Curves of cumulative shares: who holds, bears or receives how much, from the poorest to the richest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]


def concentration_curve(amounts: ArrayLike, base: ArrayLike, rank: ArrayLike) -> tuple[Floats, Floats]:
    """Cumulative shares of an amount against those of a base (people, say), the units in the order of a third quantity.

    ``X_k = sum_{i<=k} b_(i) / sum b``, ``Y_k = sum_{i<=k} a_(i) / sum a`` with (i) by rising rank; ``X_0 = Y_0 = 0``. Ranked by
    ``amount / base`` it is the Lorenz curve. Units of equal rank enter as one step, so their order does not matter.

    Parameters
    ----------
    amounts, base, rank : array_like of float, shape (m,)
        Amounts and base are at least 0; all finite.

    Returns
    -------
    X, Y : arrays, shape (number of different ranks + 1,)
        NaN where the sum is zero.

    Raises
    ------
    InputError
        If lengths differ, a value is not finite, or an amount or base is negative.

    Notes
    -----
    Source: Kakwani (1977), textbook form; Lorenz (1905) where ranked by amount per base.

    Examples
    --------
    The poorer half of the people bears a quarter:

    >>> [part.tolist() for part in concentration_curve([30, 10], [5, 5], rank=[2, 1])]
    [[0.0, 0.5, 1.0], [0.0, 0.25, 1.0]]
    """
    y, x, order_by = (np.asarray(part, dtype=np.float64).ravel() for part in (amounts, base, rank))
    if not len(y) == len(x) == len(order_by):
        raise refuse(
            "different_lengths",
            expected="one base and one rank for each amount",
            got=f"{len(y)} amounts, {len(x)} bases, {len(order_by)} ranks",
            where="concentration_curve",
            fix="Give all for the same units, in the same order.",
        )
    if not (np.isfinite(y) & np.isfinite(x) & np.isfinite(order_by)).all() or (y < 0).any() or (x < 0).any():
        raise refuse(
            "not_an_amount",
            expected="finite numbers, amounts and base at least 0",
            got="negative or unknown ones",
            where="concentration_curve",
            fix="Leave units out whose numbers are not known.",
        )
    _, group = np.unique(order_by, return_inverse=True)
    steps = group.max() + 1 if len(group) else 0
    sums = [np.bincount(group, part, steps) for part in (x, y)]
    totals = [float(part.sum()) for part in sums]
    curves = [np.concatenate(([0.0], np.cumsum(part))) / (total if total else np.nan) for part, total in zip(sums, totals, strict=True)]
    return curves[0], curves[1]
