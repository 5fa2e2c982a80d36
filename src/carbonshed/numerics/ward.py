"""Ward's method without links, for many rows: all pairs that choose one another merge at once, found in a tree of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse
from carbonshed.numerics.region_levels import scatter
from carbonshed.numerics.region_start import by_first_member

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Tree = tuple[Integers, Integers, Integers, Floats, Floats, Floats]

LEAF = 8
"""Most clusters in a box that is not divided."""

ROUNDING = 1 - 1e-12
"""A lower bound is taken by so much lower, for its rounding."""


def ward_clusters(x: ArrayLike, k: int) -> Integers:
    """Divide rows into k clusters by Ward's method, no matter where they lie.

    The two clusters a, b merge that raise the sum of squares within least, ``n_a n_b / (n_a + n_b) |m_a - m_b|^2`` with n the number
    of rows and m the mean, until k are left.

    Parameters
    ----------
    x : array_like of float, shape (n, features)
    k : int
        At most the number of different rows.

    Returns
    -------
    int array (n,)
        Clusters, numbered by first member.

    Raises
    ------
    InputError
        Values that are not finite; k below 1 or above the number of different rows.

    Notes
    -----
    A merge never brings two others nearer than they were, so all pairs that are nearest to one another merge in one round, and the tree
    of merges is that of one merge at a time (Murtagh 1983); its k - 1 costliest are left out. Equal rows are one from the start. The
    nearest cluster is looked for in a tree of boxes, each with the least size in it. Of equal costs one is taken by a fixed rule; the order
    of the rows does not matter. Memory grows with n, time with n log n where features are few.
    Source: Ward (1963).

    Examples
    --------
    >>> ward_clusters([[0.0], [1], [10], [11], [12]], 2).tolist()
    [0, 0, 1, 1, 1]
    """
    data = np.ascontiguousarray(x, dtype=np.float64)
    if data.ndim != 2 or not np.isfinite(data).all():
        raise refuse("broken_rows", expected="finite rows", got=f"shape {data.shape}", where="x", fix="Leave out what is not known.")
    rows, inverse, counts = np.unique(data, axis=0, return_inverse=True, return_counts=True)
    if not 1 <= k <= len(rows):
        fix = "Ask for fewer clusters."
        raise refuse("too_few_rows", expected=f"1 to {len(rows)} clusters", got=str(k), where="k", fix=fix)
    cost, one, other = _merges(rows, counts.astype(np.float64))
    kept = np.sort(np.argsort(cost, kind="stable")[: len(rows) - k])
    return by_first_member(_joined(len(rows), one[kept], other[kept])[inverse.ravel()])


@njit(cache=True, nogil=True)
def _joined(n: int, one: Integers, other: Integers) -> Integers:
    """Cluster of each row after some merges."""
    into = np.arange(n)
    for q in range(one.size):
        a, b = one[q], other[q]
        while into[a] != a:
            a = into[a]
        while into[b] != b:
            b = into[b]
        into[max(a, b)] = min(a, b)
    for row in range(n):
        into[row] = into[into[row]]  # a lower row, whose cluster is known already
    return into


@njit(cache=True, nogil=True)
def _merges(rows: Floats, sizes: Floats) -> tuple[Floats, Integers, Integers]:
    """All merges: what each costs (no less than those it builds on), and the first rows of both clusters."""
    n, features = rows.shape
    cost, one, other = np.zeros(n - 1), np.zeros(n - 1, np.int64), np.zeros(n - 1, np.int64)
    mean, size, row, height = rows.copy(), sizes.copy(), np.arange(n), np.zeros(n)  # of the clusters that are left, the first m
    choice, price, m, done = np.full(n, -1), np.zeros(n), n, 0
    while m > 1:
        tree = _tree(mean[:m], size[:m])
        for c in range(m):
            if choice[c] < 0:
                choice[c], price[c] = _nearest(c, mean, size, row, tree)
        merged, before = np.zeros(m, np.bool_), done
        for a in range(m):
            b = choice[a]
            if a < b and choice[b] == a:
                cost[done], one[done], other[done] = max(price[a], height[a], height[b]), row[a], row[b]
                height[a] = cost[done]
                for f in range(features):
                    mean[a, f] = (size[a] * mean[a, f] + size[b] * mean[b, f]) / (size[a] + size[b])
                size[a] += size[b]
                merged[a] = merged[b] = True
                done += 1
        if done == before:  # equal costs that were chosen among at different times
            choice[:m] = -1
            continue
        m = _keep(m, merged, mean, size, row, height, choice, price)
    return cost, one, other


@njit(cache=True, nogil=True)
def _keep(
    m: int, merged: NDArray[np.bool_], mean: Floats, size: Floats, row: Integers, height: Floats, choice: Integers, price: Floats
) -> int:
    """Move up the clusters that are left, the lower of each merged pair among them, and count them.

    A choice (-1: to be made) stays where neither has merged, since no other has come nearer.
    """
    place, left = np.full(m, -1), 0
    for c in range(m):
        if not (merged[c] and choice[c] < c):
            place[c] = left
            left += 1
    for c in range(m):
        at = place[c]
        if at >= 0:
            row[at], size[at], height[at], price[at] = row[c], size[c], height[c], price[c]
            choice[at] = -1 if merged[c] or merged[choice[c]] else place[choice[c]]
            for f in range(mean.shape[1]):
                mean[at, f] = mean[c, f]
    return left


@njit(cache=True, nogil=True)
def _tree(mean: Floats, size: Floats) -> Tree:
    """Clusters halved along the widest feature, again and again: their order, and each box's range in it, corners and least size."""
    m, features = mean.shape
    depth = 0
    while (m >> depth) > LEAF:
        depth += 1
    boxes = 2 ** (depth + 1) - 1
    order, first, last = np.arange(m), np.zeros(boxes, np.int64), np.zeros(boxes, np.int64)
    low, high, least = np.empty((boxes, features)), np.empty((boxes, features)), np.empty(boxes)
    last[0] = m
    for box in range(boxes):
        members = order[first[box] : last[box]]
        least[box] = np.inf
        low[box], high[box] = np.inf, -np.inf
        for c in members:
            least[box] = min(least[box], size[c])
            for f in range(features):
                low[box, f], high[box, f] = min(low[box, f], mean[c, f]), max(high[box, f], mean[c, f])
        if 2 * box + 2 < boxes:
            widest = np.argmax(high[box] - low[box])
            order[first[box] : last[box]] = members[np.argsort(mean[members, widest])]
            middle = (first[box] + last[box]) // 2
            first[2 * box + 1], last[2 * box + 1] = first[box], middle
            first[2 * box + 2], last[2 * box + 2] = middle, last[box]
    return order, first, last, low, high, least


@njit(cache=True, nogil=True)
def _bound(c: int, box: int, mean: Floats, size: Floats, low: Floats, high: Floats, least: Floats) -> float:
    """What joining c with any cluster in a box costs at least."""
    squared = 0.0
    for f in range(low.shape[1]):
        gap = max(low[box, f] - mean[c, f], mean[c, f] - high[box, f], 0.0)
        squared += gap * gap
    return size[c] * least[box] / (size[c] + least[box]) * squared * ROUNDING


@njit(cache=True, nogil=True)
def _nearest(c: int, mean: Floats, size: Floats, row: Integers, tree: Tree) -> tuple[Any, float]:
    """The cluster that c is joined with at least cost, and that cost; of equal ones that whose pair of first rows `scatter` ranks first."""
    order, first, last, low, high, least = tree
    waiting, bound, found = np.empty(64, np.int64), np.empty(64), 1
    best, chosen = np.inf, -1
    waiting[0], bound[0] = 0, 0.0
    while found:
        found -= 1
        box = waiting[found]
        if bound[found] > best:
            continue
        if 2 * box + 2 < first.size:
            one, other = 2 * box + 1, 2 * box + 2
            near, far = _bound(c, one, mean, size, low, high, least), _bound(c, other, mean, size, low, high, least)
            if far < near:
                one, other, near, far = other, one, far, near
            waiting[found], bound[found] = other, far
            waiting[found + 1], bound[found + 1] = one, near
            found += 2
            continue
        for at in range(first[box], last[box]):
            o = order[at]
            if o == c:
                continue
            squared = 0.0
            for f in range(mean.shape[1]):
                squared += (mean[c, f] - mean[o, f]) * (mean[c, f] - mean[o, f])
            cost = size[c] * size[o] / (size[c] + size[o]) * squared
            if cost < best or (cost == best and scatter(row[c], row[o]) < scatter(row[c], row[chosen])):
                best, chosen = cost, o
    return chosen, best
