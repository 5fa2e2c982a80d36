"""Dividing too little money among claims: four rules of the bankruptcy problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose, refuse

Floats = NDArray[np.float64]


def _proportional(claims: Floats, available: float) -> Floats:
    return np.asarray(claims * (available / claims.sum()))


def _equal_awards(claims: Floats, available: float) -> Floats:
    order = np.argsort(claims, kind="stable")
    ascending = claims[order]
    met = np.concatenate([[0.0], np.cumsum(ascending)[:-1]])  # given out when the k smallest claims are met in full
    levels = (available - met) / np.arange(claims.size, 0, -1)
    holds = levels <= ascending
    if not holds.any():  # the money suffices but for rounding
        return claims.copy()
    return np.minimum(claims, levels[np.argmax(holds)])


def _equal_losses(claims: Floats, available: float) -> Floats:
    below = claims.max() - claims  # exact for the large claims, which alone get something where there is little
    ascending = np.sort(below)
    levels = (available + np.cumsum(ascending)) / np.arange(1, claims.size + 1)
    holds = levels <= np.append(ascending[1:], np.inf)
    return np.maximum(levels[np.argmax(holds)] - below, 0.0)


def _talmud(claims: Floats, available: float) -> Floats:
    half = claims / 2.0
    if available <= half.sum():
        return _equal_awards(half, available)
    return half + _equal_losses(half, available - float(half.sum()))


RULES: Mapping[str, Callable[[Floats, float], Floats]] = MappingProxyType(
    {"proportional": _proportional, "equal_awards": _equal_awards, "equal_losses": _equal_losses, "talmud": _talmud}
)


def share_shortfall(claims: ArrayLike, available: float, *, rule: str = "proportional") -> Floats:
    """What each claim c_i gets of the money E = `available`, where it does not suffice for all.

    ================  =====================================================================================
    rule              x_i
    ================  =====================================================================================
    proportional      ``E c_i / sum c``
    equal_awards      ``min(c_i, m)`` with m so that ``sum x = E``
    equal_losses      ``max(c_i - m, 0)`` with m so that ``sum x = E``
    talmud            equal awards on c/2 if ``E <= sum c / 2``, else c/2 and equal losses on the rest
    ================  =====================================================================================

    All give ``0 <= x_i <= c_i``, ``sum x = min(E, sum c)`` and keep the order of the claims.

    Parameters
    ----------
    claims : numbers >= 0, shape (n,)
        Yuan a-1.
    available : float
        Yuan a-1, >= 0. Where it suffices, every claim is met.
    rule : {"proportional", "equal_awards", "equal_losses", "talmud"}

    Returns
    -------
    array, shape (n,)

    Raises
    ------
    InputError
        A negative or missing claim or amount; an unknown rule.

    Notes
    -----
    Aumann and Maschler 1985, "Game theoretic analysis of a bankruptcy problem from the Talmud" (textbook forms).

    Examples
    --------
    >>> share_shortfall([100, 200, 300], 200, rule="talmud").tolist()
    [50.0, 75.0, 75.0]
    """
    divide = RULES[choose(rule, RULES, where="shortfall")]
    c = np.asarray(claims, dtype=np.float64)
    if not np.isfinite(c).all() or (c < 0).any() or not (np.isfinite(available) and available >= 0):
        raise refuse(
            "claims",
            expected="finite claims and an amount, all >= 0",
            got=f"claims {c[:5].tolist()}, amount {available!r}",
            where="share_shortfall",
            fix="Leave out counties whose claim is not known.",
        )
    if available >= c.sum():
        return c.copy()
    return np.clip(divide(c, float(available)), 0.0, c)
