"""Regions of a neighbour graph from nothing: Ward's method along links, and the best cuts of minimum spanning trees.

A graph is the tuple of `region_levels`.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carbonshed.numerics.region_levels import Graph

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def by_first_member(labels: Integers) -> Integers:
    """Labels numbered by their first member."""
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return np.asarray(rank[group.ravel()])


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator, unused-ignore]
def _join_cost(weight: Floats, total: Floats, a: int, b: int) -> float:
    squared = 0.0
    for f in range(total.shape[1]):
        apart = total[a, f] / weight[a] - total[b, f] / weight[b]
        squared += apart * apart
    return weight[a] * weight[b] / (weight[a] + weight[b]) * squared


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _joins(start: Integers, near: Integers, weight: Floats, total: Floats) -> Any:
    """Heap of the costs of joining each pair of neighbours."""
    heap: Any = [(0.0, 0, 0) for _ in range(0)]
    for a in range(start.size - 1):
        for q in range(start[a], start[a + 1]):
            if a < near[q]:
                heap.append((_join_cost(weight, total, a, near[q]), a, near[q]))
    heapq.heapify(heap)
    return heap


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _now(into: Integers, region: int) -> Any:
    """The region that an old id belongs to now; halves the way to it."""
    while into[region] != region:
        into[region] = into[into[region]]
        region = into[region]
    return region


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def agglomerate(graph: Graph, regions: int, min_size: int) -> Integers:
    """Region of each vertex by Ward's method along links; a merge makes a new id, and entries of old ids are skipped.

    The two neighbouring regions merge whose joining costs least; first only where one of them is below `min_size`, then any, until
    `regions` are left.
    """
    start, near, g_size, g_weight, g_total = graph
    n, features = g_total.shape
    weight, size, total = np.zeros(2 * n), np.zeros(2 * n, np.int64), np.zeros((2 * n, features))
    weight[:n], size[:n], total[:n] = g_weight, g_size, g_total
    links = [np.empty(0, np.int64) for _ in range(2 * n)]
    for a in range(n):
        links[a] = near[start[a] : start[a + 1]]
    heap = _joins(start, near, weight, total)
    into, seen = np.arange(2 * n), np.full(2 * n, -1, np.int64)
    later: Any = [(0.0, 0, 0) for _ in range(0)]
    left, new, small_first = n, n, min_size > 1
    while small_first or left > regions:
        if len(heap) == 0:
            if not small_first:
                break
            small_first, heap, later = False, later, [(0.0, 0, 0) for _ in range(0)]
            heapq.heapify(heap)
            continue
        cost, a, b = heapq.heappop(heap)
        if into[a] != a or into[b] != b:
            continue
        if small_first and size[a] >= min_size and size[b] >= min_size:
            later.append((cost, a, b))
            continue
        into[a], into[b] = new, new
        weight[new], size[new] = weight[a] + weight[b], size[a] + size[b]
        total[new] = total[a] + total[b]
        around, found = np.empty(links[a].size + links[b].size, np.int64), 0
        for member in (a, b):
            for old in links[member]:
                other = _now(into, old)
                if other != new and seen[other] != new:
                    seen[other] = new
                    around[found] = other
                    found += 1
                    heapq.heappush(heap, (_join_cost(weight, total, other, new), other, new))
        links[new] = around[:found].copy()
        links[a], links[b] = links[new][:0], links[new][:0]
        left -= 1
        new += 1
    return np.array([_now(into, v) for v in range(n)])


def part_of(graph: Graph, members: Integers) -> Graph:
    """The graph of some vertices, in their order, with the links among them."""
    start, near, size, weight, total = graph
    place = np.full(size.size, -1)
    place[members] = np.arange(members.size)
    counts = np.diff(start)[members]
    first = np.repeat(start[members] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
    ends = place[near[first + np.arange(first.size)]]
    inside = ends >= 0
    rows = np.repeat(np.arange(members.size), counts)[inside]
    begin = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=members.size))))
    return begin, ends[inside], size[members], weight[members], total[members]


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
