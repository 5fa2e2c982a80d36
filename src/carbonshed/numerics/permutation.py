"""Conditional permutation of neighbour sums: a shared table of draws, the sorted sweep over it, and p-values from its counts.

A *table of draws* has P rows of distinct ids in 0..n-2. For site i an id stands for observation ``id + (id >= i)``, so that a
site is never its own neighbour; a site with k neighbours uses the first k columns. One table serves all sites.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carbonshed.checks import choose, refuse
from carbonshed.numerics.links import has_equal_weights
from carbonshed.numerics.permutation_sweep import define, plain, sweep, sweep_unequal

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Sweep = Callable[[int, Integers, Integers], None]

P_CONVENTIONS = ("two_sided", "folded_one_sided")
"""How a p-value is made of the counts of both tails; see `pseudo_p`."""

PART = 50_000
"""Sites of one sweep; larger data are swept in such parts by all processors at once."""

FEW_LINKS, FEW_LINKS_A_ROUND = 1_000, 5
"""Below so many links, and so many more for each permutation, new sums at each site are faster than keeping sums sorted."""


FEW_SITES = 128
"""Where fewer sites than this for each of their neighbours have as many, permuted sums are counted and not kept sorted for them."""

MOST_LEVELS = 16_384
"""Different p-values that are told apart without sorting: R permutations give at most R + 1."""


def draw_table(n: int, columns: int, *, permutations: int = 999, seed: int | np.random.Generator = 0) -> Integers:
    """Draw the shared table: `permutations` rows of `columns` distinct ids in 0..n-2, without replacement.

    Each row is the start of a uniform shuffle (Fisher and Yates), so its first k columns are a draw of k for every k.

    Parameters
    ----------
    n : int
        Number of observations.
    columns : int
        Largest number of neighbours of a site, at most n - 1.
    permutations : int
        Number of rows P.
    seed : int or numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of int64, shape (permutations, columns)

    Raises
    ------
    InputError
        If a site would need more neighbours than there are other sites.

    Examples
    --------
    >>> table = draw_table(5, 4, permutations=3, seed=0)
    >>> [sorted(row.tolist()) for row in table]
    [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]
    """
    others = n - 1
    if columns > others:
        raise refuse(
            "too_many_neighbours",
            expected=f"at most {others} neighbours among {n} observations",
            got=str(columns),
            where="the table of draws",
            fix="Remove self-links and repeated links from the weights.",
        )
    generator = np.random.default_rng(seed)
    steps = generator.integers(0, others - np.arange(columns), size=(permutations, columns))
    return _deal(steps, others)


@njit(cache=True, nogil=True)
def _deal(steps: Integers, others: int) -> Integers:
    """Start of a shuffle for every row: column c takes the card `steps` places further on, out of those not yet dealt."""
    deck = np.arange(others)  # any order is a fair start, so one deck serves all rows
    table = np.empty_like(steps)
    for p in range(steps.shape[0]):
        for c in range(steps.shape[1]):
            j = c + steps[p, c]
            card = deck[j]
            deck[j] = deck[c]
            deck[c] = card
            table[p, c] = card
    return table


def conditional_counts(values: Floats, weights: csr_array, table: Integers) -> tuple[Integers, Integers]:
    """Count for each site the permutations whose weighted neighbour sum is >= and <= the observed one.

    Observed ``L_i = sum_j w_ij x_j``; permuted ``L_ip = sum_c w_i(c) x_d(i, p, c)`` with the draws of row p of the table. Ties
    count in both tails. Rows of equal weights take the sorted sweep, O(n log P) in all, where there are many; others new sums at each
    site, O(n P k).

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        x, finite.
    weights : csr_array, shape (n, n)
        w without self-links and without stored zeros.
    table : ndarray of int64, shape (P, at least the largest number of neighbours)
        The draws, see `draw_table`.

    Returns
    -------
    greater, less : ndarray of int64, shape (n,)
        Both -1 for a site without neighbours.

    Raises
    ------
    InputError
        If the table is too narrow or holds ids outside 0..n-2.

    Notes
    -----
    In the sweep the values are integers in steps of about 2^-50 of their range, so that sums do not depend on their order and
    ties are found; sums closer than 2 k steps are ties.

    Source: conditional permutation of Anselin (1995), section 3; the shared table is that of esda.

    Examples
    --------
    Site 0 of the line 1, 2, 3, 4 has the neighbour 2; the draws 0, 1, 2 stand for the values 2, 3, 4:

    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> greater, less = conditional_counts(np.array([1.0, 2, 3, 4]), line, np.array([[0, 1], [1, 2], [2, 0]]))
    >>> int(greater[0]), int(less[0])
    (3, 1)
    """
    counts = np.diff(weights.indptr)
    _check_table(table, values.size, int(counts.max(initial=0)))
    links = weights.indptr, weights.indices
    has_equal = has_equal_weights(weights)
    steps = _to_steps(values, int(counts.max(initial=0))) if has_equal else np.zeros(0, np.int64)
    if has_equal and weights.nnz < FEW_LINKS + FEW_LINKS_A_ROUND * table.shape[0]:
        return plain(steps, *links, table, 0, values.size)
    entries = np.argsort(table.ravel())  # as the sweep meets their ids
    if has_equal:
        return _in_parts(lambda *part: sweep(steps, *links, table, entries, FEW_SITES, *part), values.size)
    centred = values - values.mean()
    return _in_parts(lambda *part: sweep_unequal(centred, *links, weights.data, table, entries, *part), values.size)


def independent_counts(
    values: Floats, weights: csr_array, *, permutations: int = 999, seed: int | np.random.Generator = 0
) -> tuple[Integers, Integers]:
    """Count as `conditional_counts` does, but with draws of its own for every site, O(n (n + P k)).

    The p-values of two sites are then independent given the data; meant for some thousands of sites.
    """
    generator = np.random.default_rng(seed)
    greater, less = np.full(values.size, -1), np.full(values.size, -1)
    counts, centred = np.diff(weights.indptr), values - values.mean()
    for i in np.flatnonzero(counts):
        table = draw_table(values.size, int(counts[i]), permutations=permutations, seed=generator)
        above, below = define(centred, weights.indptr, weights.indices, weights.data, table, i, i + 1)
        greater[i], less[i] = above[0], below[0]
    return greater, less


def _check_table(table: Integers, n: int, longest: int) -> None:
    inside = table.ndim == 2 and table.shape[1] >= longest and (table.size == 0 or (table.min() >= 0 and table.max() <= n - 2))
    if not inside:
        raise refuse(
            "wrong_table_of_draws",
            expected=f"rows of at least {longest} distinct ids in 0..{n - 2}",
            got=f"shape {table.shape}" + (f", ids {table.min()}..{table.max()}" if table.size else ""),
            where="the table of draws",
            fix="Draw it with draw_table(n, columns), n being the number of observations without the dropped ones.",
        )


def _to_steps(values: Floats, longest: int) -> Integers:
    """Values as integers, in steps fine enough for doubles and coarse enough that `longest` of them add up within 64 bits."""
    low, bits = values.min(), min(50, 61 - longest.bit_length())
    _, exponent = np.frexp(values.max() - low)
    half = (bits - int(exponent)) // 2  # of the power of two, which need not be a double itself
    return np.asarray(_round_in_steps(values, low, math.ldexp(1.0, half), math.ldexp(1.0, bits - int(exponent) - half)))


@njit(cache=True, nogil=True)
def _round_in_steps(values: Floats, low: float, one: float, other: float) -> Integers:
    """``(value - low) one other`` to the nearest integer."""
    steps = np.empty(values.size, np.int64)
    for i in range(values.size):
        steps[i] = np.int64(np.rint((values[i] - low) * one * other))
    return steps


def _in_parts(count: Sweep, n: int) -> tuple[Integers, Integers]:
    """Counts ``count(first, greater, less)`` of all sites; parts are fixed and each stands for itself, so threads change no byte."""
    greater, less = np.empty(n, np.int64), np.empty(n, np.int64)
    cuts = [*range(0, max(n - PART // 2, 1), PART), n]
    parts = [(first, greater[first:last], less[first:last]) for first, last in pairwise(cuts)]
    if len(parts) == 1:
        count(*parts[0])
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda part: count(*part), parts))
    return greater, less


def pseudo_p(greater: Integers, less: Integers, permutations: int, *, p_convention: str = "two_sided") -> Floats:
    """Pseudo p-values from the counts of both tails; NaN where a count is negative.

    ``two_sided``: ``p = min(1, 2 (1 + min(#{>=}, #{<=})) / (R + 1))``. ``folded_one_sided``, the habit of GeoDa and of esda's
    `p_sim`: ``p = (1 + min(#{>=}, R - #{>=})) / (R + 1)``, about half of it: it picks the tail after having seen the data.

    Parameters
    ----------
    greater, less : ndarray of int64
        Numbers of permutations with a statistic >= and <= the observed one.
    permutations : int
        R.
    p_convention : {"two_sided", "folded_one_sided"}

    Returns
    -------
    ndarray of float64
        At least 2 / (R + 1) two-sided, 1 / (R + 1) folded.

    Raises
    ------
    InputError
        If the convention is unknown.

    Examples
    --------
    >>> pseudo_p(np.array([0, 500]), np.array([999, 499]), 999).tolist()
    [0.002, 1.0]
    >>> pseudo_p(np.array([0, 500]), np.array([999, 499]), 999, p_convention="folded_one_sided").tolist()
    [0.001, 0.5]
    """
    choose(p_convention, P_CONVENTIONS, where="p_convention")
    larger, smaller = np.asarray(greater), np.asarray(less)
    return _pseudo_p(larger.ravel(), smaller.ravel(), permutations, p_convention == "two_sided").reshape(larger.shape)


@njit(cache=True, nogil=True)
def _pseudo_p(greater: Integers, less: Integers, permutations: int, two_sided: bool) -> Floats:
    p = np.empty(greater.size)
    for i in range(greater.size):
        if greater[i] < 0:
            p[i] = np.nan
        elif two_sided:
            p[i] = min(1.0, 2.0 * (1 + min(greater[i], less[i])) / (permutations + 1))
        else:
            p[i] = (1 + min(greater[i], permutations - greater[i])) / (permutations + 1)
    return p


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values of the false discovery rate; NaN values stay NaN and are not counted.

    ``q_(k) = min over l >= k of min(1, m p_(l) / l)``; rejecting q <= alpha is rejecting all up to the largest k with
    ``p_(k) <= alpha k / m``. Source: Benjamini and Hochberg (1995), procedure (1).

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.5, np.nan, 0.02])).round(4).tolist()
    [0.03, 0.5, nan, 0.03]
    """
    p = np.asarray(p, dtype=np.float64)
    most = min(MOST_LEVELS, max(p.size, 1))
    code, levels, counts = _levels(p.ravel(), most)
    if levels.size > most:
        levels, code, counts = np.unique(p.ravel(), return_inverse=True, return_counts=True)
        known = ~np.isnan(levels)
        levels, counts = levels[known], counts[known]
        code[code >= counts.size] = -1
    order = np.argsort(levels)
    raw = levels[order] * counts.sum() / np.cumsum(counts[order])  # of equal p the last has the least
    adjusted = np.full(levels.size + 1, np.nan)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(raw[::-1])[::-1])
    return adjusted[code].reshape(p.shape)


@njit(cache=True, nogil=True)
def _levels(p: Floats, most: int) -> tuple[NDArray[np.int32], Floats, Integers]:
    """Place of each value among the different ones (-1: NaN), these in the order of their first, and how often each stands.

    Looked up by their bits in a table; more than `most` different ones are not looked for.
    """
    slots, shift = 4, 62  # the highest bits of the product tell the slot
    while slots < 4 * most:
        slots, shift = 2 * slots, shift - 1
    table, code = np.full(slots, -1, np.int32), np.empty(p.size, np.int32)
    levels, counts, found = np.empty(most + 1), np.zeros(most + 1, np.int64), 0
    bits = p.view(np.uint64)
    for i in range(p.size):
        if np.isnan(p[i]):
            code[i] = -1
            continue
        slot = np.int64((bits[i] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(shift))
        while table[slot] >= 0 and levels[table[slot]] != p[i]:
            slot = (slot + 1) & (slots - 1)
        if table[slot] < 0:
            if found == most + 1:
                break
            table[slot], levels[found] = found, p[i]
            found += 1
        code[i] = table[slot]
        counts[code[i]] += 1
    return code, levels[:found], counts[:found]
