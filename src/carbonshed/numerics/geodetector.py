"""Geodetector: how much of a value's variance a division into strata explains, and how two divisions act together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ncfdtr

from carbonshed.checks import choose, refuse, warn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CONVENTIONS = ("population", "sample", "drop_single")
"""Variances divided by N (Wang et al. 2010), by N - 1 (R package GD), or by N without strata of one member (gdverse)."""


@dataclass(frozen=True)
class Factor:
    """Factor detector: q, its F and noncentral p, and the p of shuffled strata (NaN without permutations)."""

    q: float
    f: float
    p: float
    permutation_p: float
    n: int
    n_strata: int
    convention: str


def factor_detector(
    values: ArrayLike,
    strata: ArrayLike,
    *,
    permutations: int = 999,
    seed: int = 0,
    convention: str = "population",
    noncentrality: str = "population",
) -> Factor:
    """Share of the variance of a value that strata explain.

    ``q = 1 - sum_h N_h s_h^2 / (N s^2)`` in [0, 1]; ``F = (N - L) / (L - 1) q / (1 - q)``, noncentral F(L - 1, N - L; lambda) with
    ``lambda = (sum_h m_h^2 - (sum_h sqrt(N_h) m_h)^2 / N) / s^2``; N values, L strata with N_h values of mean m_h and variance s_h^2.
    The permutation p is the share of shuffled strata, the data among them, with a q as large.

    Parameters
    ----------
    values : array_like of float, shape (N,)
    strata : array_like, shape (N,)
        Label of each value's stratum; no missing ones.
    permutations, seed : int
    convention : {"population", "sample", "drop_single"}
        How variances are divided; F and both p are those of ``population`` on the same values.
    noncentrality : {"population", "sample"}
        Whether s^2 in lambda is divided by N or by N - 1. Two programs differ here: gdverse does the first, R geodetector the second.

    Returns
    -------
    Factor
        q is 1 where strata explain everything, 0 for a single stratum, NaN for equal values.

    Raises
    ------
    InputError
        If lengths differ, something is missing, or the convention is unknown.

    Warns
    -----
    DataWarning
        For equal values, and for strata of one member: they count as explained (or are dropped).

    Notes
    -----
    Source: Wang et al. (2010, 2016); the noncentrality is scaled as in the original program.

    Examples
    --------
    >>> factor = factor_detector([1, 2, 3, 7, 8, 9], [0, 0, 0, 1, 1, 1])
    >>> round(factor.q, 6), round(factor.f, 6)
    (0.931034, 54.0)
    """
    choose(convention, CONVENTIONS, where="convention")
    choose(noncentrality, CONVENTIONS[:2], where="noncentrality")
    y, group, size = _strata(values, strata)
    if (alone := int((size == 1).sum())) and size.size > 1:
        fate = "dropped" if convention == "drop_single" else "they count as explained"
        warn(f"geodetector: {alone} of {size.size} strata have one member; {fate}.")
        if convention == "drop_single":
            y, group, size = _strata(y[size[group] > 1], group[size[group] > 1])
    n, n_strata = y.size, size.size
    centred = y - y.mean() if n else y
    total = float(centred @ centred)
    if n == 0 or np.ptp(y) <= 1e-12 * np.abs(y).max():
        warn("geodetector: all values are equal; q is NaN.")
        return Factor(float("nan"), float("nan"), float("nan"), float("nan"), n, n_strata, convention)
    explained = _explained(centred, group, size)
    q = explained / total
    f = p = permutation_p = float("nan")
    if 1 < n_strata < n:
        f = (n - n_strata) / (n_strata - 1) * q / (1 - q) if q < 1 else float("inf")
        means = np.bincount(group, weights=y) / size
        variance = total / (n if noncentrality == "population" else n - 1)
        shift = (float(means @ means) - float(np.sqrt(size) @ means) ** 2 / n) / variance
        p = float(1 - ncfdtr(n_strata - 1, n - n_strata, shift, f)) if q < 1 else 0.0
    if permutations > 0 and n_strata > 1:
        generator = np.random.default_rng(seed)
        shuffled = np.array([_explained(generator.permutation(centred), group, size) for _ in range(permutations)])
        permutation_p = float(1 + np.sum(shuffled >= explained - 1e-12 * total)) / (permutations + 1)
    if convention == "sample":
        within = np.bincount(group, weights=centred**2) - np.bincount(group, weights=centred) ** 2 / size
        q = 1 - float((size * within / np.maximum(size - 1, 1)).sum()) / (n * total / (n - 1))
    return Factor(min(q, 1.0), f, p, permutation_p, n, n_strata, convention)


@dataclass(frozen=True)
class Interaction:
    """Interaction detector: q of each division, of their overlay, and the kind of interaction."""

    q1: float
    q2: float
    q_both: float
    kind: str


def interaction_detector(values: ArrayLike, one: ArrayLike, other: ArrayLike) -> Interaction:
    """Whether two divisions together explain more than each, by q of their overlay against q1, q2 and q1 + q2.

    Below both: ``weaken_nonlinear``; between: ``weaken_single``; above both: ``enhance_bivariate``; equal to the sum:
    ``independent``; above the sum: ``enhance_nonlinear``.

    Parameters
    ----------
    values : array_like of float, shape (N,)
    one, other : array_like, shape (N,)
        Labels of the two divisions.

    Returns
    -------
    Interaction
        For equal values q is NaN and the kind is ``undefined``.

    Raises
    ------
    InputError
        If lengths differ or something is missing.

    Notes
    -----
    Source: Wang et al. (2010). Since the overlay splits the strata of both, its population q is never below theirs.

    Examples
    --------
    >>> interaction_detector([0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 1])
    Interaction(q1=0.0, q2=0.0, q_both=1.0, kind='enhance_nonlinear')
    """
    y, group1, size1 = _strata(values, one)
    _, group2, size2 = _strata(values, other)
    _, both, size = _strata(y, group1 * size2.size + group2)
    centred = y - y.mean() if y.size else y
    total = float(centred @ centred)
    if y.size == 0 or np.ptp(y) <= 1e-12 * np.abs(y).max():
        return Interaction(float("nan"), float("nan"), float("nan"), "undefined")
    q1, q2, q12 = (_explained(centred, group, size) / total for group, size in ((group1, size1), (group2, size2), (both, size)))
    if abs(q12 - (q1 + q2)) <= 1e-12:
        kind = "independent"
    elif q12 > q1 + q2:
        kind = "enhance_nonlinear"
    elif q12 > max(q1, q2):
        kind = "enhance_bivariate"
    else:
        kind = "weaken_single" if q12 >= min(q1, q2) else "weaken_nonlinear"
    return Interaction(q1, q2, q12, kind)


def _explained(centred: Floats, group: Integers, size: Integers) -> float:
    """Sum of squares between strata."""
    return float((np.bincount(group, weights=centred, minlength=size.size) ** 2 / size).sum())


def _strata(values: ArrayLike, strata: ArrayLike) -> tuple[Floats, Integers, Integers]:
    """Values, number of the stratum of each, size of each stratum."""
    y, labels = np.asarray(values, dtype=np.float64).ravel(), np.asarray(strata).ravel()
    unlabelled = labels == None if labels.dtype == object else labels != labels  # noqa: E711
    if y.size != labels.size or not np.isfinite(y).all() or np.any(unlabelled):
        raise refuse(
            "broken_strata",
            expected="finite values with one stratum each",
            got=f"{y.size} values ({int((~np.isfinite(y)).sum())} not known), {labels.size} labels ({int(np.sum(unlabelled))} not known)",
            where="geodetector",
            fix="Leave out what is not known.",
        )
    group = np.unique(labels, return_inverse=True)[1].ravel()
    return y, group, np.bincount(group)
