"""Compiled passes over the sites behind `permutation`: how many permuted neighbour sums are >= and <= the observed one."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit(cache=True, nogil=True)
def sweep(
    values: Integers, indptr: Integers, indices: Integers, table: Integers, entries: Integers, first: int, last: int
) -> tuple[Integers, Integers]:
    """Both tails for the sites first..last-1 by one pass over them.

    From site i - 1 to i only draws with id i - 1 change their meaning, from observation i to i - 1. So the P sums of the first
    k draws are kept sorted for each k that occurs; the few that change are moved; a site reads its rank by binary search.
    """
    permutations, columns = table.shape
    slot = np.full(columns + 1, -1)  # number of neighbours k -> row of `sums`, in rising k
    for i in range(first, last):
        slot[indptr[i + 1] - indptr[i]] = 0
    slots = 0
    start = np.empty(columns + 1, np.int64)  # first row of `sums` that contains draw c
    for k in range(1, columns + 1):
        start[k - 1] = slots
        if slot[k] == 0:
            slot[k] = slots
            slots += 1

    sums = np.empty((slots, permutations), np.int64)
    for p in range(permutations):
        total = np.int64(0)
        for c in range(columns):
            total += values[table[p, c] + (table[p, c] >= first)]
            if slot[c + 1] >= 0:
                sums[slot[c + 1], p] = total
    ordered = np.empty_like(sums)
    for s in range(slots):
        ordered[s] = np.sort(sums[s])

    at = first_entry(table, entries, first)
    greater, less = np.full(last - first, -1), np.full(last - first, -1)
    for i in range(first, last):
        while i > first and at < entries.size and table[entries[at] // columns, entries[at] % columns] == i - 1:
            p, c = entries[at] // columns, entries[at] % columns
            at += 1
            change = values[i - 1] - values[i]
            if change != 0:
                for s in range(start[c], slots):
                    move(ordered[s], sums[s, p], sums[s, p] + change)
                    sums[s, p] += change
        k = indptr[i + 1] - indptr[i]
        if k == 0:
            continue
        observed = np.int64(0)
        for q in range(indptr[i], indptr[i + 1]):
            observed += values[indices[q]]
        ranked = ordered[slot[k]]
        below = place(ranked, observed - 2 * k)
        greater[i - first] = permutations - below
        tied = below < permutations and ranked[below] <= observed + 2 * k
        less[i - first] = place(ranked, observed + 2 * k + 1) if tied else below
    return greater, less


@njit(cache=True, nogil=True)
def plain(values: Integers, indptr: Integers, indices: Integers, table: Integers, first: int, last: int) -> tuple[Integers, Integers]:
    """The tails that `sweep` gives, by new sums at each site: faster where there are few sites."""
    permutations = table.shape[0]
    drawn = np.ascontiguousarray(table.T)
    total = np.empty(permutations, np.int64)
    greater, less = np.full(last - first, -1), np.full(last - first, -1)
    for i in range(first, last):
        k = indptr[i + 1] - indptr[i]
        if k == 0:
            continue
        observed = np.int64(0)
        for q in range(indptr[i], indptr[i + 1]):
            observed += values[indices[q]]
        total[:] = 0
        for c in range(k):
            for p in range(permutations):
                d = drawn[c, p]
                total[p] += values[d + (d >= i)]
        above, below = 0, 0
        for p in range(permutations):
            above += total[p] >= observed - 2 * k
            below += total[p] <= observed + 2 * k
        greater[i - first], less[i - first] = above, below
    return greater, less


@njit(cache=True, nogil=True)
def first_entry(table: Integers, entries: Integers, first: int) -> int:
    """Number of entries with an id below `first`."""
    low, high = 0, entries.size
    while low < high:
        half = (low + high) // 2
        if table[entries[half] // table.shape[1], entries[half] % table.shape[1]] < first:
            low = half + 1
        else:
            high = half
    return low


@njit(cache=True, nogil=True, inline="always")
def place(ranked: Integers, wanted: int) -> int:
    """Number of values below `wanted` in a sorted array, by halving without a branch that could be guessed wrongly."""
    low, length = 0, ranked.size
    while length > 1:
        half = length >> 1
        low += half * int(ranked[low + half - 1] < wanted)
        length -= half
    return low + int(ranked[low] < wanted)


@njit(cache=True, nogil=True)
def move(ranked: Integers, old: int, new: int) -> None:
    """Replace one value of a sorted array and keep it sorted."""
    i = place(ranked, old)
    if new > old:
        while i + 1 < ranked.size and ranked[i + 1] < new:
            ranked[i] = ranked[i + 1]
            i += 1
    else:
        while i > 0 and ranked[i - 1] > new:
            ranked[i] = ranked[i - 1]
            i -= 1
    ranked[i] = new


@njit(cache=True, nogil=True)
def sweep_unequal(
    values: Floats, indptr: Integers, indices: Integers, weights: Floats, table: Integers, entries: Integers, first: int, last: int
) -> tuple[Integers, Integers]:
    """Both tails for the sites first..last-1, any weights: the drawn values are kept up to date as in `sweep`, the sums are made anew."""
    permutations, columns = table.shape
    largest = np.abs(values).max()
    drawn = np.empty((columns, permutations))
    for p in range(permutations):
        for c in range(columns):
            drawn[c, p] = values[table[p, c] + (table[p, c] >= first)]
    greater, less = np.full(last - first, -1), np.full(last - first, -1)
    total = np.empty(permutations)
    at = first_entry(table, entries, first)
    for i in range(first, last):
        while i > first and at < entries.size and table[entries[at] // columns, entries[at] % columns] == i - 1:
            drawn[entries[at] % columns, entries[at] // columns] = values[i - 1]
            at += 1
        begin, end = indptr[i], indptr[i + 1]
        if begin == end:
            continue
        observed, weight = 0.0, 0.0
        for q in range(begin, end):
            observed += weights[q] * values[indices[q]]
            weight += abs(weights[q])
        total[:] = 0.0
        for c in range(end - begin):
            w, row = weights[begin + c], drawn[c]
            for p in range(permutations):
                total[p] += w * row[p]
        slack = 1e-14 * (end - begin) * weight * largest  # rounding of the sums: closer ones are ties
        above, below = 0, 0
        low, high = observed - slack, observed + slack
        for p in range(permutations):
            above += total[p] >= low
            below += total[p] <= high
        greater[i - first], less[i - first] = above, below
    return greater, less


@njit(cache=True, nogil=True)
def define(
    values: Floats, indptr: Integers, indices: Integers, weights: Floats, table: Integers, first: int, last: int
) -> tuple[Integers, Integers]:
    """Both tails for the sites first..last-1, one site and one permutation at a time; any weights."""
    permutations = table.shape[0]
    largest = np.abs(values).max()
    greater, less = np.full(last - first, -1), np.full(last - first, -1)
    for i in range(first, last):
        begin, end = indptr[i], indptr[i + 1]
        if begin == end:
            continue
        observed, weight = 0.0, 0.0
        for q in range(begin, end):
            observed += weights[q] * values[indices[q]]
            weight += abs(weights[q])
        slack = 1e-14 * (end - begin) * weight * largest  # rounding of the sums: closer ones are ties
        above, below = 0, 0
        for p in range(permutations):
            total = 0.0
            for c in range(end - begin):
                d = table[p, c]
                total += weights[begin + c] * values[d + 1 if d >= i else d]
            above += total >= observed - slack
            below += total <= observed + slack
        greater[i - first], less[i - first] = above, below
    return greater, less
