"""Regions of a neighbour graph from nothing: Ward's method along links, and the best cuts of minimum spanning trees.

A graph is the tuple of `region_levels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carbonshed.numerics.region_levels import Graph

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EVERY = 2**62
"""A size below which every region is."""
BLOCK = 64


def by_first_member(labels: Integers) -> Integers:
    """Labels numbered by their first member."""
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return np.asarray(rank[group.ravel()])


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator, unused-ignore]
def _join_cost(weight: Floats, mean: Floats, a: int, b: int) -> float:
    squared = 0.0
    for f in range(mean.shape[1]):
        apart = mean[a, f] - mean[b, f]
        squared += apart * apart
    return weight[a] * weight[b] / (weight[a] + weight[b]) * squared


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _now(into: Integers, region: int) -> Any:
    """The region that an old id belongs to now; halves the way to it."""
    while into[region] != region:
        into[region] = into[into[region]]
        region = into[region]
    return region


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _cheapest(region: int, near: Integers, into: Integers, size: Integers, weight: Floats, mean: Floats, below: int) -> tuple[float, int]:
    """Least cost of joining a region with a neighbour of a higher id, one of them smaller than `below`, and that neighbour; or inf, -1."""
    least, best = np.inf, -1
    for old in near:
        other = _now(into, old)
        if other > region and (size[region] < below or size[other] < below):
            cost = _join_cost(weight, mean, region, other)
            if cost < least or (cost == least and other < best):
                least, best = cost, other
    return least, best


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _least(cost: Floats, block_least: Floats, stale: NDArray[np.bool_]) -> Any:
    """The first place of the least cost, by the least of each block of `BLOCK`; blocks that are stale are read again."""
    top = 0
    for block in range(block_least.size):
        if stale[block]:
            block_least[block] = cost[block * BLOCK : (block + 1) * BLOCK].min()
            stale[block] = False
        if block_least[block] < block_least[top]:
            top = block
    for place in range(top * BLOCK, cost.size):
        if cost[place] == block_least[top]:
            return place
    return 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def agglomerate(graph: Graph, regions: int, min_size: int) -> Integers:
    """Region of each vertex by Ward's method along links; a merge makes a new, higher id.

    The two neighbouring regions merge whose joining costs least (of equals those with the lower ids); first only where one of them is
    below `min_size`, then any, until `regions` are left. Each region knows the cheapest of its neighbours with a higher id.
    """
    start, near, g_size, g_weight, g_total = graph
    n, features = g_total.shape
    weight, size, total = np.zeros(2 * n), np.zeros(2 * n, np.int64), np.zeros((2 * n, features))
    weight[:n], size[:n], total[:n] = g_weight, g_size, g_total
    mean = np.empty_like(total)
    mean[:n] = g_total / g_weight.reshape(n, 1)
    first, last = np.zeros(2 * n, np.int64), np.zeros(2 * n, np.int64)  # of the neighbours of each region in `around`
    first[:n], last[:n] = start[:-1], start[1:]
    used = near.size
    around = np.empty(4 * used, np.int64)
    around[:used] = near
    into, seen = np.arange(2 * n), np.full(2 * n, -1, np.int64)
    blocks = (2 * n - 1) // BLOCK + 1
    cost, mate = np.full(2 * n, np.inf), np.full(2 * n, -1, np.int64)
    block_least, stale = np.full(blocks, np.inf), np.ones(blocks, np.bool_)
    below = min_size if min_size > 1 else EVERY
    left = new = n
    for a in range(n):
        cost[a], mate[a] = _cheapest(a, around[first[a] : last[a]], into, size, weight, mean, below)
    while below < EVERY or left > regions:
        a = _least(cost, block_least, stale)
        b = mate[a]
        if not cost[a] < np.inf:
            if below == EVERY:
                break
            below = EVERY
            for each in range(new):
                if into[each] == each:
                    cost[each], mate[each] = _cheapest(each, around[first[each] : last[each]], into, size, weight, mean, below)
            stale[:] = True
            continue
        into[a], into[b] = new, new
        weight[new], size[new] = weight[a] + weight[b], size[a] + size[b]
        for f in range(features):
            total[new, f] = total[a, f] + total[b, f]
            mean[new, f] = total[new, f] / weight[new]
        if used + last[a] - first[a] + last[b] - first[b] > around.size:
            more = np.empty(2 * around.size, np.int64)
            more[:used] = around[:used]
            around = more
        first[new] = used
        for member in (a, b):
            for q in range(first[member], last[member]):
                other = _now(into, around[q])
                if other != new and seen[other] != new:
                    seen[other] = new
                    around[used] = other
                    used += 1
        last[new] = used
        for gone in (a, b):
            cost[gone], stale[gone // BLOCK] = np.inf, True
        for q in range(first[new], used):
            other = around[q]
            if mate[other] == a or mate[other] == b:
                cost[other], mate[other] = _cheapest(other, around[first[other] : last[other]], into, size, weight, mean, below)
                stale[other // BLOCK] = True
            elif size[other] < below or size[new] < below:
                joined = _join_cost(weight, mean, other, new)
                if joined < cost[other]:
                    cost[other], mate[other], stale[other // BLOCK] = joined, new, True
        left -= 1
        new += 1
    return np.array([_now(into, v) for v in range(n)])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def part_of(graph: Graph, members: Integers) -> Graph:
    """The graph of some vertices, in their order, with the links among them."""
    start, near, size, weight, total = graph
    place, begin, links = np.full(size.size, -1), np.zeros(members.size + 1, np.int64), 0
    for v in range(members.size):
        place[members[v]] = v
        links += start[members[v] + 1] - start[members[v]]
    ends, found = np.empty(links, np.int64), 0
    for v in range(members.size):
        for q in range(start[members[v]], start[members[v] + 1]):
            if place[near[q]] >= 0:
                ends[found] = place[near[q]]
                found += 1
        begin[v + 1] = found
    return begin, ends[:found].copy(), size[members], weight[members], total[members]


def split_up(graph: Graph, labels: Integers, regions: int, min_size: int) -> Integers:
    """Labels with the best tree cuts made, until there are `regions` or none can be cut."""
    labels = by_first_member(labels)
    count = int(labels.max()) + 1
    cuts: dict[int, tuple[float, Integers]] = {}
    while count < regions:
        for region in range(count):
            if region not in cuts:
                cuts[region] = best_cut(part_of(graph, np.flatnonzero(labels == region)), min_size)
        best = max(cuts, key=lambda region: (cuts[region][0], -region))
        gain, part = cuts.pop(best)
        if gain < 0:
            break
        labels[np.flatnonzero(labels == best)[part]] = count
        count += 1
    return labels


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _spanning_tree(graph: Graph) -> tuple[Integers, Integers]:
    """Minimum spanning tree (Kruskal; squared distances of means, ties in the order of the links) as row pointers and neighbours."""
    start, near, _, weight, total = graph
    n, found = start.size - 1, 0
    one, other, apart = np.empty(near.size, np.int64), np.empty(near.size, np.int64), np.empty(near.size)
    for v in range(n):
        for q in range(start[v], start[v + 1]):
            if v < near[q]:
                squared = 0.0
                for f in range(total.shape[1]):
                    gap = total[v, f] / weight[v] - total[near[q], f] / weight[near[q]]
                    squared += gap * gap
                one[found], other[found], apart[found] = v, near[q], squared
                found += 1
    into, kept, degree = np.arange(n), np.zeros(found, np.bool_), np.zeros(n + 1, np.int64)
    for link in np.argsort(apart[:found], kind="mergesort"):
        a, b = _now(into, one[link]), _now(into, other[link])
        if a != b:
            into[max(a, b)] = min(a, b)
            kept[link] = True
            degree[one[link] + 1] += 1
            degree[other[link] + 1] += 1
    begin = np.cumsum(degree)
    place, joined = begin.copy(), np.empty(begin[n], np.int64)
    for link in np.flatnonzero(kept):
        a, b = one[link], other[link]
        joined[place[a]], joined[place[b]] = b, a
        place[a], place[b] = place[a] + 1, place[b] + 1
    return begin, joined


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def best_cut(graph: Graph, min_size: int) -> tuple[float, Integers]:
    """Fall of the sum of squares by the best cut of a minimum spanning tree into parts of at least `min_size`, and one part; -1: none."""
    sizes, weights, totals = graph[2], graph[3], graph[4]
    n, features = totals.shape
    begin, joined = _spanning_tree(graph)
    above, order, found = np.full(n, -1), np.zeros(n, np.int64), 1
    for head in range(n):  # from vertex 0 outwards
        v = order[head]
        for q in range(begin[v], begin[v + 1]):
            if joined[q] != above[v]:
                above[joined[q]], order[found] = v, joined[q]
                found += 1
    size, heavy, total = sizes.copy(), weights.copy(), totals.copy()
    for v in order[:0:-1]:  # of the subtree below and with each
        size[above[v]] += size[v]
        heavy[above[v]] += heavy[v]
        total[above[v]] += total[v]
    best, top = -1.0, -1
    for v in order[1:]:
        if size[v] < min_size or size[0] - size[v] < min_size:
            continue
        rest, squared = heavy[0] - heavy[v], 0.0
        for f in range(features):
            gap = total[v, f] / heavy[v] - (total[0, f] - total[v, f]) / rest
            squared += gap * gap
        if heavy[v] * rest / heavy[0] * squared > best:
            best, top = heavy[v] * rest / heavy[0] * squared, v
    below = np.zeros(n, np.bool_)
    for v in order[1:]:
        below[v] = v == top or below[above[v]]
    return best, np.flatnonzero(below)
