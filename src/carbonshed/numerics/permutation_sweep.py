"""Compiled passes over the sites behind `permutation`: how many permuted neighbour sums are >= and <= the observed one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BUCKETS = 4096
"""Least number of buckets, by value, that tell where in the sorted sums to look."""


class Kept(NamedTuple):
    """The permuted sums of the first k draws for each number of neighbours k that occurs, in rows of rising k, and where to look in them.

    `slot` is the row of each k, -1 for none; `is_sorted` tells of which rows `ordered` holds the sums sorted and `below` how many of them
    lie in lower buckets. Buckets count from `low` on and hold 2^`shift` values each.
    """

    slot: Integers
    is_sorted: NDArray[np.bool_]
    sums: Integers
    ordered: Integers
    below: Integers
    low: Integers
    shift: Integers


@njit(cache=True, nogil=True)
def sweep(
    values: Integers,
    indptr: Integers,
    indices: Integers,
    table: Integers,
    entries: Integers,
    few_sites: int,
    first: int,
    greater: Integers,
    less: Integers,
) -> None:
    """Both tails for the sites from `first` on by one pass over them, put into `greater` and `less`: as many sites as these hold.

    From site i - 1 to i only draws with id i - 1 change their meaning, from observation i to i - 1. So the P sums of the first
    k draws are kept sorted for each k that occurs; the few that change are moved; a site reads its rank in them. Where fewer than
    `few_sites` k sites have k neighbours, the sums stay unsorted and those sites count them.
    """
    columns, last = table.shape[1], first + greater.size
    kept = begin(values, indptr, table, few_sites, first, last)
    start = np.empty(columns, np.int64)  # first row of sums that contains draw c
    for c in range(columns):
        start[c] = (kept.slot[: c + 1] >= 0).sum()
    at, i = first_entry(table, entries, first), first
    while i < last:
        while i > first and at < entries.size and table[entries[at] // columns, entries[at] % columns] == i - 1:
            p, c = entries[at] // columns, entries[at] % columns
            at += 1
            change = values[i - 1] - values[i]
            if change != 0:
                for s in range(start[c], kept.sums.shape[0]):
                    if kept.is_sorted[s]:
                        move(kept, s, kept.sums[s, p], kept.sums[s, p] + change)
                    kept.sums[s, p] += change
        until = last if at == entries.size else min(last, table[entries[at] // columns, entries[at] % columns] + 1)
        read(values, indptr, indices, kept, i, greater[i - first : until - first], less[i - first :])
        i = until


@njit(cache=True, nogil=True)
def begin(values: Integers, indptr: Integers, table: Integers, few_sites: int, first: int, last: int) -> Kept:
    """The sums as site `first` sees them."""
    permutations, columns = table.shape
    sites, slot = np.zeros(columns + 1, np.int64), np.full(columns + 1, -1)
    for i in range(first, last):
        sites[indptr[i + 1] - indptr[i]] += 1
    is_sorted, slots = np.zeros(columns + 1, np.bool_), 0
    for k in range(1, columns + 1):
        if sites[k] > 0:
            slot[k], is_sorted[slots] = slots, sites[k] >= few_sites * k
            slots += 1
    sums = np.empty((slots, permutations), np.int64)
    for p in range(permutations):
        total = np.int64(0)
        for c in range(columns):
            total += values[table[p, c] + (table[p, c] >= first)]
            if slot[c + 1] >= 0:
                sums[slot[c + 1], p] = total
    buckets = BUCKETS
    while buckets < permutations:
        buckets *= 2
    ordered, below = np.empty_like(sums), np.zeros((slots, buckets + 1), np.int64)
    low, shift = np.zeros(slots, np.int64), np.zeros(slots, np.int64)
    for s in range(slots):
        if is_sorted[s]:
            ordered[s] = np.sort(sums[s])
            low[s] = ordered[s, 0]
            while (ordered[s, -1] - low[s]) >> shift[s] >= buckets:
                shift[s] += 1
            for p in range(permutations):
                below[s, bucket(sums[s, p], low[s], shift[s], buckets) + 1] += 1
            below[s] = np.cumsum(below[s])
    return Kept(slot, is_sorted, sums, ordered, below, low, shift)


@njit(cache=True, nogil=True)
def read(values: Integers, indptr: Integers, indices: Integers, kept: Kept, first: int, greater: Integers, less: Integers) -> None:
    """Both tails of the sites from `first` on between two draws, as many as `greater` holds."""
    slot, is_sorted, sums, ordered, below, low, shift = kept
    permutations, buckets = sums.shape[1], below.shape[1] - 1
    for i in range(greater.size):
        begin, end = np.uint64(indptr[first + i]), np.uint64(indptr[first + i + 1])  # unsigned: no place counts from the end
        k = np.int64(end - begin)
        if k == 0:
            greater[i], less[i] = -1, -1
            continue
        observed = np.int64(0)
        for q in range(begin, end):
            observed += values[np.uint64(indices[q])]
        s, least, most = slot[k], observed - 2 * k, observed + 2 * k  # closer sums are ties
        if is_sorted[s]:
            rank = place(ordered, below, s, bucket(least, low[s], shift[s], buckets), least)
            greater[i] = permutations - rank
            if rank < permutations and ordered[s, rank] <= most:
                rank = place(ordered, below, s, bucket(most + 1, low[s], shift[s], buckets), most + 1)
            less[i] = rank
        else:
            greater[i], less[i] = tails(sums, s, least, most)


@njit(cache=True, nogil=True)
def tails(sums: Integers, s: int, least: int, most: int) -> tuple[int, int]:
    """How many of row s are at least `least`, and at most `most`."""
    greater, less = 0, 0
    for p in range(sums.shape[1]):
        greater += sums[s, p] >= least
        less += sums[s, p] <= most
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
def bucket(value: int, low: int, shift: int, buckets: int) -> int:
    """Bucket of a value: 2^shift values from `low` on each; what lies outside is in the first or the last."""
    return min(max((value - low) >> shift, 0), buckets - 1)


@njit(cache=True, nogil=True, inline="always")
def place(ordered: Integers, below: Integers, s: int, b: int, wanted: int) -> int:
    """Number of values below `wanted`, which is in bucket b, in row s of sorted values; `below` counts those in lower buckets."""
    at, length = below[s, b], below[s, b + 1] - below[s, b]
    while length > 0:
        half = length >> 1
        if ordered[s, at + half] < wanted:
            at, length = at + half + 1, length - half - 1
        else:
            length = half
    return at


@njit(cache=True, nogil=True)
def move(kept: Kept, s: int, old: int, new: int) -> None:
    """Replace one value of row s of the sorted sums, and keep it sorted and its buckets right."""
    ordered, below = kept.ordered, kept.below
    buckets = below.shape[1] - 1
    before, after = bucket(old, kept.low[s], kept.shift[s], buckets), bucket(new, kept.low[s], kept.shift[s], buckets)
    i = place(ordered, below, s, before, old)
    if new > old:
        while i + 1 < ordered.shape[1] and ordered[s, i + 1] < new:
            ordered[s, i] = ordered[s, i + 1]
            i += 1
        below[s, before + 1 : after + 1] -= 1
    else:
        while i > 0 and ordered[s, i - 1] > new:
            ordered[s, i] = ordered[s, i - 1]
            i -= 1
        below[s, after + 1 : before + 1] += 1
    ordered[s, i] = new


@njit(cache=True, nogil=True)
def sweep_unequal(
    values: Floats,
    indptr: Integers,
    indices: Integers,
    weights: Floats,
    table: Integers,
    entries: Integers,
    first: int,
    greater: Integers,
    less: Integers,
) -> None:
    """Both tails as `sweep` gives them, any weights: the drawn values are kept up to date in the same way, the sums are made anew."""
    permutations, columns = table.shape
    last = first + greater.size
    largest = np.abs(values).max()
    drawn = np.empty((columns, permutations))
    for p in range(permutations):
        for c in range(columns):
            drawn[c, p] = values[table[p, c] + (table[p, c] >= first)]
    greater[:], less[:] = -1, -1
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
