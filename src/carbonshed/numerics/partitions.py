"""How far two partitions of the same things agree, whatever their groups are called."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose, refuse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PAIRS = ("things", "points")


def contingency(first: ArrayLike, second: ArrayLike, *, weights: ArrayLike | None = None) -> Floats:
    """Weight (number, where none is given) that two partitions have in common, group by group.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Group of each thing in the two partitions.
    weights : array_like of float, shape (n,), optional
        Area or other weight of each thing, 0 or more.

    Returns
    -------
    array (groups of the first, groups of the second)

    Raises
    ------
    InputError
        Different lengths, or weights that are negative or not finite.

    Examples
    --------
    >>> contingency(["a", "a", "b"], [1, 2, 2], weights=[5.0, 3.0, 2.0]).tolist()
    [[5.0, 3.0], [0.0, 2.0]]
    """
    one, two = np.asarray(first).ravel(), np.asarray(second).ravel()
    heavy = np.ones(one.size) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if not one.size == two.size == heavy.size:
        got = f"{one.size}, {two.size} and {heavy.size}"
        raise refuse(
            "different_lengths", expected="partitions and weights of the same things", got=got, where="partitions", fix="Align them."
        )
    if not (np.isfinite(heavy).all() and (heavy >= 0).all()):
        raise refuse("negative_weight", expected="finite weights, 0 or more", got="others", where="weights", fix="Give areas.")
    rows, row = np.unique(one, return_inverse=True)
    columns, column = np.unique(two, return_inverse=True)
    table = np.bincount(row.ravel() * columns.size + column.ravel(), weights=heavy, minlength=rows.size * columns.size)
    return np.asarray(table, dtype=np.float64).reshape(rows.size, columns.size)


def adjusted_rand_index(table: Floats, *, pairs: str = "things") -> float:
    """Agreement of two partitions, adjusted for chance, from their contingency table.

    ``ARI = (I - E) / (M - E)``, ``E = A B / P``, ``M = (A + B) / 2``: of all P pairs, A are together in the first partition, B in the
    second, I in both. 1 for equal partitions; its expectation for independent ones is 0.

    Parameters
    ----------
    table : array
        As `contingency` gives it.
    pairs : {"things", "points"}
        ``"things"``: pairs of different things, ``n (n - 1) / 2`` (whole numbers). ``"points"``: pairs of points drawn anywhere, so that
        the table holds weights such as areas and their unit does not matter; its limit where each thing is many equal ones.

    Returns
    -------
    float
        At most 1; 1 too where both partitions have a single group.

    Notes
    -----
    Source: Hubert and Arabie (1985), textbook form; for points, pairs are shares squared.

    Examples
    --------
    >>> adjusted_rand_index(np.array([[2.0, 0.0], [0.0, 2.0]])), round(adjusted_rand_index(np.array([[1.0, 1.0], [1.0, 1.0]])), 12)
    (1.0, -0.5)
    >>> adjusted_rand_index(np.array([[1.0, 1.0], [1.0, 1.0]]), pairs="points")
    0.0
    """
    choose(pairs, PAIRS, where="pairs")
    counts = table if pairs == "things" else table / max(float(table.sum()), np.finfo(float).tiny)

    def together(sums: Floats) -> float:
        return float((sums * (sums - 1.0)).sum() / 2.0) if pairs == "things" else float((sums**2).sum())

    both, first, second = together(counts), together(counts.sum(axis=1)), together(counts.sum(axis=0))
    every = together(counts.sum(keepdims=True))
    expected = first * second / every if every else 0.0
    most = (first + second) / 2.0
    return 1.0 if most - expected <= 1e-15 * most else (both - expected) / (most - expected)


def normalised_mutual_information(table: Floats) -> float:
    """Mutual information of two partitions over the mean of their entropies: ``2 I(U, V) / (H(U) + H(V))``, in [0, 1].

    Examples
    --------
    >>> normalised_mutual_information(np.array([[3.0, 0.0], [0.0, 3.0]])), normalised_mutual_information(np.array([[1.0, 1.0], [1.0, 1.0]]))
    (1.0, 0.0)
    """
    share = table / table.sum()
    one, two = _entropy(share.sum(axis=1)), _entropy(share.sum(axis=0))
    if one + two == 0:
        return 1.0
    return min(max(2.0 * (one + two - _entropy(share.ravel())) / (one + two), 0.0), 1.0)


def _entropy(shares: Floats) -> float:
    kept = shares[shares > 0]
    return float(-(kept * np.log(kept)).sum())


def pairwise_agreement(runs: ArrayLike) -> tuple[Floats, Floats]:
    """Adjusted Rand index and normalised mutual information of every pair of partitions, from one matrix product.

    Parameters
    ----------
    runs : array_like, shape (runs, n)
        Group of each of n things in each run.

    Returns
    -------
    (ari, nmi) : arrays (runs (runs - 1) / 2,)
        Pairs in the order (0, 1), (0, 2), ..., (1, 2), ...

    Raises
    ------
    InputError
        Fewer than two runs.

    Examples
    --------
    >>> pairwise_agreement([[0, 0, 1], [5, 5, 3], [1, 1, 1]])[0].tolist()
    [1.0, 0.0, 0.0]
    """
    given = np.asarray(runs)
    if given.ndim != 2 or len(given) < 2:
        raise refuse("too_few_runs", expected="at least two partitions", got=f"shape {given.shape}", where="runs", fix="Give (runs, n).")
    members = [np.unique(run)[:, None] == run for run in given]
    ends = np.concatenate([[0], np.cumsum([len(each) for each in members])])
    indicator = np.concatenate(members).astype(np.float64)
    common = indicator @ indicator.T  # whole numbers: exact in any order of summation
    tables = [common[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] for i, j in combinations(range(len(given)), 2)]
    return np.array([adjusted_rand_index(each) for each in tables]), np.array([normalised_mutual_information(each) for each in tables])
