"""Whole numbers that keep their sum: by largest remainders."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import ConservationError, refuse

Integers = NDArray[np.int64]

MAX_TOTAL = 2**52
"""Largest sum of supply or need: whole numbers below it are exact in float64, also after filling up to a power of two."""


def whole_amounts(values: ArrayLike, name: str) -> Integers:
    """The values as integers, refused where one is negative or not whole, or where they sum to 2^52 or more."""
    given = np.asarray(values)
    numbers = given.astype(np.float64)
    bad = ~np.isfinite(numbers) | (numbers < 0) | (numbers != np.rint(numbers))
    if given.ndim != 1 or bad.any():
        got = f"shape {given.shape}" if given.ndim != 1 else f"{given[bad][:5].tolist()}"
        raise refuse("not_whole", expected="whole numbers >= 0", got=got, where=name, fix="Round the amounts first (see round_to_total).")
    total = sum(int(value) for value in given)
    if total >= MAX_TOTAL:
        raise refuse("too_large", expected="a sum below 2^52", got=str(total), where=name, fix="Use a coarser unit of money.")
    return given.astype(np.int64)


def round_to_total(values: ArrayLike, total: int) -> Integers:
    """Whole numbers in proportion to `values` with exactly the sum `total`, by largest remainders.

    ``q_i = total v_i / sum v``; each gets ``floor(q_i)``, and the ones still missing go to the largest remainders, ties to the earlier
    position. No number is more than 1 away from its quota.

    Raises
    ------
    InputError
        If a value is negative or not finite, or all are zero while `total` is not.

    Notes
    -----
    Hamilton's method, textbook form.

    Examples
    --------
    >>> round_to_total([1.0, 1.0, 1.0], 100).tolist()
    [34, 33, 33]
    """
    v = np.asarray(values, dtype=np.float64)
    summed = float(v.sum())
    if (v < 0).any() or not np.isfinite(v).all() or total < 0 or (summed == 0.0 and total != 0):
        raise refuse(
            "no_shares",
            expected="finite values >= 0, not all zero, and a total >= 0",
            got=f"{v[:5].tolist()} and total {total}",
            where="round_to_total",
            fix="Remove missing or negative values first.",
        )
    if total == 0:
        return np.zeros(v.size, dtype=np.int64)
    quota = v * (total / summed)
    whole = np.floor(quota)
    remainder = quota - whole
    missing = int(total - int(whole.sum()))
    if missing >= 0:
        whole[np.argsort(-remainder, kind="stable")[:missing]] += 1
    else:
        positive = np.flatnonzero(whole > 0)
        whole[positive[np.argsort(remainder[positive], kind="stable")[:-missing]]] -= 1
    result = whole.astype(np.int64)
    if int(result.sum()) != total:
        raise ConservationError(f"round_to_total: {int(result.sum())} instead of {total}.")
    return result
