"""Kernels for connected regions of large graphs: blocks of similar neighbours, and moves of border vertices, with incremental sums.

A graph is the tuple ``(start, near, size, weight, total)``: the neighbours of vertex v are ``near[start[v]:start[v + 1]]``; `size` counts
the things in it, `weight` is the sum of their weights and `total` of their weighted values. So things, blocks of things and regions are
judged by one formula: joining a and b costs ``W_a W_b / (W_a + W_b) |m_a - m_b|^2`` more sum of squares, m being a mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Graph = tuple[Integers, Integers, Integers, Floats, Floats]

SEARCH = 2_000
"""Vertices after which the search for what a move would cut off gives up; the move is then not made."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def scatter(a: int, b: int) -> Any:
    """A number that ranks pairs of equal cost: by their ids themselves a plain of equal things would merge one pair a round."""
    mixed = (np.uint64(min(a, b)) << np.uint64(32)) | np.uint64(max(a, b))
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    return mixed ^ (mixed >> np.uint64(33))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _cheapest_neighbour(graph: Graph, region: Integers) -> Integers:
    """For each vertex the neighbour of its region that is joined at least cost, or -1."""
    start, near, _, weight, total = graph
    n, features = total.shape
    mean, choice = np.empty_like(total), np.full(n, -1)
    for v in range(n):
        for f in range(features):
            mean[v, f] = total[v, f] / weight[v]
    for v in range(n):
        least = np.inf
        for q in range(start[v], start[v + 1]):
            w = near[q]
            if region[w] != region[v]:
                continue
            squared = 0.0
            for f in range(features):
                squared += (mean[v, f] - mean[w, f]) * (mean[v, f] - mean[w, f])
            cost = weight[v] * weight[w] / (weight[v] + weight[w]) * squared
            if cost < least or (cost == least and scatter(v, w) < scatter(v, choice[v])):
                least, choice[v] = cost, w
    return choice


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def merge_pairs(graph: Graph, region: Integers) -> tuple[Integers, Graph]:
    """Block of each vertex, two that choose one another making one, and the graph of the blocks; never across regions."""
    start, near, size, weight, total = graph
    n, features = total.shape
    choice = _cheapest_neighbour(graph, region)
    block, first, second, m = np.empty(n, np.int64), np.empty(n, np.int64), np.full(n, -1), 0
    for v in range(n):
        w = choice[v]
        if 0 <= w < v and choice[w] == v:
            block[v] = block[w]
            second[block[w]] = v
        else:
            block[v], first[m] = m, v
            m += 1
    sizes, weights, totals = np.zeros(m, np.int64), np.zeros(m), np.zeros((m, features))
    begin, around, seen, used = np.zeros(m + 1, np.int64), np.empty(near.size, np.int64), np.full(m, -1), 0
    for b in range(m):
        for v in (first[b], second[b]):
            if v < 0:
                continue
            sizes[b] += size[v]
            weights[b] += weight[v]
            for f in range(features):
                totals[b, f] += total[v, f]
            for q in range(start[v], start[v + 1]):
                other = block[near[q]]
                if other != b and seen[other] != b:
                    seen[other] = b
                    around[used] = other
                    used += 1
        begin[b + 1] = used
    return block, (begin, around[:used].copy(), sizes, weights, totals)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def region_sums(graph: Graph, region: Integers, regions: int) -> tuple[Integers, Floats, Floats]:
    """Size, weight and total of each region."""
    _, _, g_size, g_weight, g_total = graph
    size, weight, total = np.zeros(regions, np.int64), np.zeros(regions), np.zeros((regions, g_total.shape[1]))
    for v in range(region.size):
        size[region[v]] += g_size[v]
        weight[region[v]] += g_weight[v]
        for f in range(g_total.shape[1]):
            total[region[v], f] += g_total[v, f]
    return size, weight, total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _root(up: Integers, search: int) -> int:
    while up[search] != search:
        up[search] = up[up[search]]
        search = up[search]
    return search


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _cut_off(start: Integers, near: Integers, region: Integers, v: int, now: int, mark: Integers, owner: Integers, found: Integers) -> int:
    """Number of vertices, put first in `found`, that the region of v loses with v; -1 if the search gives up.

    A search starts at each neighbour of v in the region, all in one queue; searches that meet are one. One that has nothing left to look
    at has seen a whole piece. The largest piece, which is left when all others are done, stays.
    """
    own, searches, size = region[v], 0, 0
    degree = start[v + 1] - start[v]
    up, waiting = np.empty(degree, np.int64), np.empty(degree, np.int64)
    mark[v], owner[v] = now, -1
    for q in range(start[v], start[v + 1]):
        if region[near[q]] == own:
            mark[near[q]], owner[near[q]], found[size] = now, searches, near[q]
            up[searches], waiting[searches] = searches, 1
            searches += 1
            size += 1
    if searches <= 1:
        return 0
    at, active = 0, searches
    while active > 1:
        here = found[at]
        at += 1
        mine = _root(up, owner[here])
        for q in range(start[here], start[here + 1]):
            w = near[q]
            if region[w] != own or w == v:
                continue
            if mark[w] != now:
                if size >= SEARCH:
                    return -1
                mark[w], owner[w], found[size] = now, mine, w
                waiting[mine] += 1
                size += 1
                continue
            other = _root(up, owner[w])
            if other != mine:
                up[other] = mine
                waiting[mine] += waiting[other]
                active -= 1
        waiting[mine] -= 1
        active -= waiting[mine] == 0
    lost = 0
    for q in range(size):
        if waiting[_root(up, owner[found[q]])] == 0:
            found[lost] = found[q]
            lost += 1
    return lost


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _squared_gap(means: Floats, region: int, mean: Floats) -> float:
    squared = 0.0
    for f in range(mean.size):
        apart = means[region, f] - mean[f]
        squared += apart * apart
    return squared


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _best_move(graph: Graph, region: Integers, v: int, heavy: float, mean: Floats, weight: Floats, means: Floats) -> tuple[float, int]:
    """Fall of the sum of squares, and the neighbouring region that brings it, if a piece of v's region with this mean goes there."""
    start, near = graph[0], graph[1]
    a = region[v]
    freed = weight[a] * heavy / (weight[a] - heavy) * _squared_gap(means, a, mean)
    best, target = -np.inf, -1
    for q in range(start[v], start[v + 1]):
        b = region[near[q]]
        if b in (a, target):
            continue
        gain = freed - weight[b] * heavy / (weight[b] + heavy) * _squared_gap(means, b, mean)
        if gain > best or (gain == best and b < target):
            best, target = gain, b
    return best, target


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def move_borders(graph: Graph, region: Integers, regions: int, min_size: int, tolerance: float, rounds: int) -> tuple[float, int]:
    """Move border vertices, with what they would cut off, while the sum of squares falls; changes `region`; (fall, moves)."""
    start, near, g_size, g_weight, g_total = graph
    n, features = g_total.shape
    size, weight, total = region_sums(graph, region, regions)
    mark, owner, found = np.zeros(n, np.int64), np.zeros(n, np.int64), np.empty(n + 1, np.int64)
    queue, queued = np.empty(n, np.int64), np.zeros(n, np.bool_)  # a ring; a vertex stands in it at most once
    mean, piece, means = np.empty(features), np.empty(features), total / weight.reshape(regions, 1)
    fall, moves, now = 0.0, 0, 0
    for _ in range(rounds):
        head, waiting, before = 0, 0, fall
        for v in range(n):
            for q in range(start[v], start[v + 1]):
                if region[near[q]] != region[v]:
                    queue[waiting], queued[v] = v, True
                    waiting += 1
                    break
        while waiting:
            v = queue[head]
            head, waiting, queued[v] = (head + 1) % n, waiting - 1, False
            a, heavy, many = region[v], g_weight[v], g_size[v]
            lost = 0
            for attempt in range(2):  # alone first, then with what v would cut off
                if size[a] - many < max(min_size, 1):
                    lost = -1
                    break
                for f in range(features):
                    piece[f] = g_total[v, f]
                for q in range(lost):
                    for f in range(features):
                        piece[f] += g_total[found[q], f]
                for f in range(features):
                    mean[f] = piece[f] / heavy
                gain, target = _best_move(graph, region, v, heavy, mean, weight, means)
                if target < 0 or gain <= tolerance:
                    lost = -1
                    break
                if attempt == 1:
                    break
                now += 1
                lost = _cut_off(start, near, region, v, now, mark, owner, found)
                if lost <= 0:
                    break
                for q in range(lost):
                    heavy += g_weight[found[q]]
                    many += g_size[found[q]]
            if lost < 0:
                continue
            fall, moves = fall + gain, moves + 1
            size[a], size[target] = size[a] - many, size[target] + many
            weight[a], weight[target] = weight[a] - heavy, weight[target] + heavy
            for f in range(features):
                total[a, f] -= piece[f]
                total[target, f] += piece[f]
                means[a, f], means[target, f] = total[a, f] / weight[a], total[target, f] / weight[target]
            found[lost] = v
            for q in range(lost + 1):
                region[found[q]] = target
            for q in range(lost + 1):
                for r in range(start[found[q]], start[found[q] + 1]):
                    w = near[r]
                    if not queued[w]:
                        queue[(head + waiting) % n], queued[w] = w, True
                        waiting += 1
        if fall - before <= 100 * tolerance:
            break
    return fall, moves
