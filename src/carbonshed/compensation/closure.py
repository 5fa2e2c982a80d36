"""Making both sides meet: closure rules, and the fiscal cap with its water-filling."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose, refuse
from carbonshed.compensation.shortfall import share_shortfall

Floats = NDArray[np.float64]
Closure = Literal["none", "scale_larger", "scale_payments", "scale_receipts", "fund"]

CLOSURES = ("none", "scale_larger", "scale_payments", "scale_receipts", "fund")
OVERFLOWS = ("redistribute", "upper_level")


def close_sides(
    payable: ArrayLike, receivable: ArrayLike, *, closure: str = "none", shortfall: str = "proportional"
) -> tuple[Floats, Floats]:
    """Payable and receivable after the closure rule.

    ================  =================================================================================================
    closure           what changes
    ================  =================================================================================================
    none, fund        nothing (with ``fund`` the difference goes to or comes from the regional fund, see `institution_rows`)
    scale_larger      the larger side is brought down to the smaller
    scale_payments    ``payable * sum receivable / sum payable``, down or up
    scale_receipts    ``receivable * sum payable / sum receivable``, down or up
    ================  =================================================================================================

    Receipts that are brought down are shared by the rule `shortfall`.

    Parameters
    ----------
    payable, receivable : yuan a-1, >= 0, shape (n,)

    Raises
    ------
    InputError
        If a side of zeros would have to be scaled up.

    Examples
    --------
    >>> paid, received = close_sides([30.0, 10.0, 0.0], [0.0, 0.0, 20.0], closure="scale_larger")
    >>> paid.tolist(), received.tolist()
    ([15.0, 5.0, 0.0], [0.0, 0.0, 20.0])
    """
    choose(closure, CLOSURES, where="closure")
    pays, receives = np.asarray(payable, dtype=np.float64), np.asarray(receivable, dtype=np.float64)
    owed, due = float(pays.sum()), float(receives.sum())
    if closure in ("none", "fund") or owed == due:
        return pays.copy(), receives.copy()
    if closure == "scale_payments" or (closure == "scale_larger" and owed > due):
        return _scaled(pays, due, "payable", closure), receives.copy()
    if owed < due:
        return pays.copy(), share_shortfall(receives, owed, rule=shortfall)
    return pays.copy(), _scaled(receives, owed, "receivable", closure)


def _scaled(amounts: Floats, total: float, name: str, closure: str) -> Floats:
    summed = float(amounts.sum())
    if summed == 0.0:
        raise refuse(
            "nothing_to_scale",
            expected=f"someone with {name} above 0",
            got=f"nobody, where {total:g} yuan have to be met",
            where=f"closure = {closure!r}",
            fix="Use scale_larger, fund or none.",
        )
    return amounts * (total / summed)


def cap_payments(payable: ArrayLike, caps: ArrayLike, *, overflow: str = "redistribute") -> tuple[Floats, Floats]:
    """Payments within their caps, and the part of each that the upper level pays instead.

    ``x_i = min(lambda payable_i, cap_i)`` with the lambda >= 1 that keeps the sum: water-filling, in which the excess is offered to the
    uncapped in proportion to their payable until no cap binds or all do. What is then left, or all of the excess with
    ``overflow = "upper_level"``, is left to the province or centre.

    Parameters
    ----------
    payable, caps : yuan a-1, >= 0, shape (n,)
        A cap of infinity: none.
    overflow : {"redistribute", "upper_level"}

    Returns
    -------
    payments, left_to_upper_level : arrays, shape (n,)
        Their sums add up to the sum of payable. What is left over is attributed to counties in proportion to their excess over the cap.

    Raises
    ------
    InputError
        A negative or missing amount or cap.

    Examples
    --------
    >>> payments, left = cap_payments([50, 30, 20], [30, 40, 40])
    >>> payments.tolist(), left.tolist()
    ([30.0, 40.0, 30.0], [0.0, 0.0, 0.0])
    """
    choose(overflow, OVERFLOWS, where="overflow")
    pays, limit = np.asarray(payable, dtype=np.float64), np.asarray(caps, dtype=np.float64)
    if not ((pays >= 0).all() and np.isfinite(pays).all() and (limit >= 0).all()):
        raise refuse(
            "caps", expected="amounts and caps >= 0", got="missing or negative ones", where="cap_payments", fix="Drop missing rows."
        )
    payments = np.minimum(pays, limit)
    excess = pays - payments
    if overflow == "upper_level" or excess.sum() == 0.0:
        return payments, excess
    payments = _fill(pays, limit, float(pays.sum()))
    left = max(float(pays.sum()) - float(payments.sum()), 0.0) if (payments >= limit)[pays > 0].all() else 0.0
    return payments, excess * (left / float(excess.sum()))


def _fill(pays: Floats, limit: Floats, total: float) -> Floats:
    """``min(lambda pays, limit)`` with the sum `total`, or all limits where they do not suffice."""
    owing = np.flatnonzero(pays > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        order = owing[np.argsort(limit[owing] / pays[owing], kind="stable")]  # by the lambda at which each cap binds
        capped = np.concatenate([[0.0], np.cumsum(limit[order])[:-1]])  # paid by the k that bind first
        rest = np.cumsum(pays[order][::-1])[::-1]  # owed by the others
        holds = (total - capped) * (pays[order] / rest) <= limit[order]
    filled = np.where(pays > 0, limit, 0.0)
    if holds.any():
        k = int(np.argmax(holds))
        free = order[k:]
        filled[free] = np.minimum((total - capped[k]) * (pays[free] / rest[k]), limit[free])
    return filled
