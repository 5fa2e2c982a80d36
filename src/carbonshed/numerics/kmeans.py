"""K-Means of weighted rows: many starts by greedy k-means++, each settled by Lloyd's iteration, the best kept; in one compiled call.

Rows are kept by columns, so that a pass over all rows for one centre fills the registers of the processor. Nothing is allocated by a
start, and the interpreter is released: several clusterings can run on threads, each with its own seed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_ITERATIONS = 300
SETTLED = 1e-4
"""A start ends where no row changes its cluster, or the squared moves of all centres are below this share of the mean variance."""


class Clusters(NamedTuple):
    """Centres (k, features), cluster of each row, and the weighted sum of squares within."""

    centres: Floats
    labels: Integers
    within: float


def k_means(x: ArrayLike, k: int, *, starts: int = 50, seed: int = 0, weights: ArrayLike | None = None) -> Clusters:
    """Divide rows into k clusters with a small sum of squares within: ``sum_i w_i |x_i - c_(i)|^2``.

    Each start draws k rows by greedy k-means++: the first with the probability of its weight, each further one as the best of
    ``2 + floor(ln k)`` rows drawn with the probability of ``w_i min_c |x_i - c|^2``; then rows go to their nearest centre (of equals the
    lower one) and centres to the mean of their rows, in turn. A centre without rows moves to the row that is farthest from its own. Of the
    starts the one with the least sum of squares is kept, of equal ones the first.

    Parameters
    ----------
    x : array_like of float, shape (n, features)
    k : int
        At most the number of rows.
    starts, seed : int
        The same seed draws what `sklearn.cluster.KMeans` draws with ``random_state=seed``.
    weights : array_like of float, shape (n,), optional
        0 or more, not all of them 0; default 1.

    Returns
    -------
    Clusters

    Raises
    ------
    InputError
        Values that are not finite; negative weights; k or starts below 1; k above the number of rows.

    Notes
    -----
    Source: Lloyd (1982); Arthur and Vassilvitskii (2007), k-means++, with the greedy choice of their section 5.

    Examples
    --------
    >>> found = k_means([[0.0], [2.0], [10.0], [12.0], [14.0]], 2)
    >>> sorted(found.centres.ravel().tolist()), found.within
    ([1.0, 12.0], 10.0)
    """
    data, heavy = _checked(x, k, weights)
    if starts < 1:
        raise refuse("no_starts", expected="at least one start", got=repr(starts), where="starts", fix="Use 10.")
    mean = data.mean(axis=0)
    trials = 2 + int(np.log(k))
    draws = np.random.RandomState(seed).random_sample((starts, 1 + (k - 1) * trials))
    sums = np.cumsum(heavy / heavy.sum())
    first = np.searchsorted(sums / sums[-1], draws[:, 0], side="right")
    columns = np.ascontiguousarray((data - mean).T)
    centres, labels, within = _best_start(columns, heavy, first, draws[:, 1:], k, trials, SETTLED * float(np.var(data, axis=0).mean()))
    return Clusters(centres + mean, labels, within)


def _checked(x: ArrayLike, k: int, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    data = np.ascontiguousarray(x, dtype=np.float64)
    if data.ndim != 2 or not np.isfinite(data).all():
        raise refuse("broken_rows", expected="finite rows", got=f"shape {data.shape}", where="x", fix="Leave out what is not known.")
    if not 1 <= k <= len(data):
        raise refuse("too_few_rows", expected=f"1 to {len(data)} clusters", got=str(k), where="k", fix="Ask for fewer clusters.")
    heavy = np.ones(len(data)) if weights is None else np.ascontiguousarray(weights, dtype=np.float64)
    if heavy.shape != (len(data),) or not (heavy >= 0).all() or not 0 < heavy.sum() < np.inf:
        raise refuse("negative_weight", expected="one weight a row, 0 or more", got="others", where="weights", fix="Give counts.")
    return data, heavy


@njit(cache=True, nogil=True)
def _best_start(
    columns: Floats, weights: Floats, first: Integers, draws: Floats, k: int, trials: int, tolerance: float
) -> tuple[Floats, Integers, float]:
    """Centres, clusters and sum of squares of the best start."""
    features, n = columns.shape
    centres, labels, least = np.zeros((k, features)), np.full(n, -1, np.int64), np.inf
    trial, cluster = np.empty((k, features)), np.empty(n, np.int64)
    for start in range(first.size):
        _spread_out(columns, weights, first[start], draws[start], trials, trial)
        cluster[:] = -1
        within = _lloyd(columns, weights, trial, cluster, tolerance)
        if start == 0 or (within < least and not _same_partition(cluster, labels, k)):  # the same one may differ by rounding
            centres[:], labels[:], least = trial, cluster, within
    return centres, labels, least


@njit(cache=True, nogil=True)
def _spread_out(columns: Floats, weights: Floats, first: int, draws: Floats, trials: int, centres: Floats) -> None:
    """Greedy k-means++ into `centres`, from the row `first` and numbers drawn between 0 and 1."""
    features, n = columns.shape
    nearest, sums = np.full(n, np.inf), np.empty(n)
    apart, best = np.empty(n), np.empty(n)
    centres[0] = columns[:, first]
    potential = _reach(columns, weights, first, nearest, best)
    for c in range(1, centres.shape[0]):
        nearest[:] = best
        total = 0.0
        for i in range(n):
            total += weights[i] * nearest[i]
            sums[i] = total
        least, chosen = np.inf, 0
        for trial in range(trials):
            row = min(np.searchsorted(sums, draws[(c - 1) * trials + trial] * potential), n - 1)
            left = _reach(columns, weights, row, nearest, apart)
            if trial == 0 or left < least:
                least, chosen = left, row
                best, apart = apart, best
        potential = least
        for f in range(features):
            centres[c, f] = columns[f, chosen]


@njit(cache=True, nogil=True)
def _reach(columns: Floats, weights: Floats, row: int, nearest: Floats, apart: Floats) -> float:
    """Squared distances to the nearest centre if `row` were one too, into `apart`; their weighted sum."""
    features, n = columns.shape
    apart[:] = 0.0
    for f in range(features):
        column, at = columns[f], columns[f, row]
        for i in range(n):
            apart[i] += (column[i] - at) * (column[i] - at)
    total = 0.0
    for i in range(n):
        apart[i] = min(apart[i], nearest[i])
        total += apart[i] * weights[i]
    return total


@njit(cache=True, nogil=True)
def _lloyd(columns: Floats, weights: Floats, centres: Floats, labels: Integers, tolerance: float) -> float:
    """Lloyd's iteration; `centres` and `labels` (-1 at first) are changed in place. The weighted sum of squares within."""
    k, n = centres.shape[0], columns.shape[1]
    least, apart, size, before = np.empty(n), np.empty(n), np.empty(k), np.empty_like(centres)
    for _ in range(MOST_ITERATIONS):
        changed = _assign(columns, centres, labels, least, apart)
        before[:] = centres
        _means(columns, weights, labels, least, centres, size)
        if not changed:
            break
        if ((centres - before) ** 2).sum() <= tolerance:
            _assign(columns, centres, labels, least, apart)
            break
    within = 0.0
    for i in range(n):
        squared = 0.0
        for f in range(columns.shape[0]):
            squared += (columns[f, i] - centres[labels[i], f]) ** 2
        within += squared * weights[i]
    return within


@njit(cache=True, nogil=True)
def _assign(columns: Floats, centres: Floats, labels: Integers, least: Floats, apart: Floats) -> bool:
    """Nearest centre of each row into `labels` and its squared distance into `least`; whether any row has another than before."""
    features, n = columns.shape
    nearest = np.zeros(n, np.int64)
    for c in range(centres.shape[0]):
        target = least if c == 0 else apart
        target[:] = 0.0
        for f in range(features):
            column, at = columns[f], centres[c, f]
            for i in range(n):
                target[i] += (column[i] - at) * (column[i] - at)
        if c > 0:
            for i in range(n):
                closer = apart[i] < least[i]
                least[i] = apart[i] if closer else least[i]
                nearest[i] = c if closer else nearest[i]
    changed = False
    for i in range(n):
        changed |= nearest[i] != labels[i]
        labels[i] = nearest[i]
    return changed


@njit(cache=True, nogil=True)
def _means(columns: Floats, weights: Floats, labels: Integers, least: Floats, centres: Floats, size: Floats) -> None:
    """Weighted means of the clusters into `centres`; one without rows takes the row that is farthest from its centre (`least`)."""
    features, n = columns.shape
    centres[:], size[:] = 0.0, 0.0
    for i in range(n):
        size[labels[i]] += weights[i]
        for f in range(features):
            centres[labels[i], f] += columns[f, i] * weights[i]
    taken = np.zeros(n, np.bool_)
    for c in range(size.size):
        if size[c] == 0 and least.max() > 0:
            far = np.argmax(np.where(taken, -1.0, least))
            taken[far] = True
            for f in range(features):
                centres[labels[far], f] -= columns[f, far] * weights[far]
                centres[c, f] = columns[f, far] * weights[far]
            size[c] = weights[far]
            size[labels[far]] -= weights[far]
    largest = np.argmax(size)
    for c in range(size.size):
        if size[c] > 0:
            centres[c] *= 1.0 / size[c]
    for c in range(size.size):
        if not size[c] > 0:
            centres[c] = centres[largest]


@njit(cache=True, nogil=True)
def _same_partition(one: Integers, other: Integers, k: int) -> bool:
    """Whether two clusterings agree but for the numbers of the clusters."""
    renamed = np.full(k, -1)
    for i in range(one.size):
        if renamed[one[i]] < 0:
            renamed[one[i]] = other[i]
        elif renamed[one[i]] != other[i]:
            return False
    return True
