"""Regions with a small sum of squares: on blocks first, then border moves level by level down to the things; see `search_regions`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carbonshed.numerics.region_levels import Graph, merge_pairs, move_borders, region_sums
from carbonshed.numerics.region_start import agglomerate, best_cut, part_of, split_up

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLOCKS = 500
"""Vertices at which blocks are large enough, or ten for each region; smaller graphs are not made into blocks."""
EXCHANGE = 4_000
"""Largest graph on which regions are merged and split."""
REJOIN = 1_000
"""Largest graph on which neighbouring pairs are also joined and cut anew."""
STARTS = 9
"""Levels, from the last up, on which the search starts; the best is gone on with."""
TRIES = 16
"""Merges with splits that are tried before the search for a better one ends."""
CYCLES = 3
ROUNDS, LARGE_ROUNDS = 10, 3
"""Passes over the borders of a graph, and of one that is larger than `EXCHANGE`."""
GAIN = 1e-10
"""A border moves where it lowers the sum of squares by more than this share of the total."""


def search_regions(graph: Graph, regions: int, *, min_size: int, total: float) -> tuple[Integers, int]:
    """Connected regions with a small sum of squares within, and the number of border moves.

    Up to `BLOCKS` vertices: Ward's method, then border moves. Above: neighbours that choose one another are merged, round by round,
    into blocks; Ward's method divides the blocks; on the way back to the things, border vertices move at each level, and on the small
    graphs two regions are merged and a third is cut wherever that lowers the sum of squares. Then again, with blocks inside the regions,
    until it hardly falls. Nothing is drawn: the same input gives the same regions.

    Parameters
    ----------
    graph : tuple
        See `region_levels`; no component below `min_size`.
    regions, min_size : int
    total : float
        Sum of squares around the mean of all.
    """
    tolerance, enough = GAIN * total, max(BLOCKS, 10 * regions)
    levels = _coarsen(graph, np.zeros(graph[2].size, dtype=np.int64), enough)
    started = [
        _start(graph, regions, min_size, tolerance, exchanged=len(levels) > 1 and graph[2].size <= EXCHANGE)
        for graph, _ in levels[-STARTS:]
    ]
    best = max(range(len(started)), key=lambda each: started[each][:2])
    region, levels = started[best][2], levels[: len(levels) - len(started) + best + 1]
    settled = [(levels[-1][0], region.copy())] if len(levels) > 1 else []
    levels[-1] = (levels[-1][0], np.empty(0, dtype=np.int64))
    region, fall, moves = _refine(levels, region, min_size, tolerance, settled)
    if region.max() + 1 < regions:
        region = split_up(graph, region, regions, min_size)
    if len(levels) == 1 or total == 0:
        return region, moves
    for _ in range(1, CYCLES):
        levels = _coarsen(graph, region, enough)
        upper = region
        for _, block in levels[:-1]:
            of_block = np.empty(int(block.max()) + 1, dtype=np.int64)
            of_block[block] = upper
            upper = of_block
        region, fall, more = _refine(levels, upper, min_size, tolerance, settled)
        moves += more
        if fall < 1e-4 * total:
            break
    return region, moves


def _coarsen(graph: Graph, region: Integers, enough: int) -> list[tuple[Graph, Integers]]:
    """Levels from the things up: each graph, and the block of the next level that each of its vertices belongs to (last: none)."""
    levels = []
    while graph[2].size > enough:
        block, smaller = merge_pairs(graph, region)
        if smaller[2].size > 0.95 * graph[2].size:
            break
        upper = np.empty(smaller[2].size, dtype=np.int64)
        upper[block] = region
        levels.append((graph, block))
        graph, region = smaller, upper
    return [*levels, (graph, np.empty(0, dtype=np.int64))]


def _refine(
    levels: list[tuple[Graph, Integers]], region: Integers, min_size: int, tolerance: float, settled: list[tuple[Graph, Integers]]
) -> tuple[Integers, float, int]:
    """Regions of the last level brought down to the first, better at each; the fall of the sum of squares, and the moves.

    `settled` holds graphs with regions that no exchange makes better: there none is looked for again. It grows.
    """
    fall, moves = 0.0, 0
    for at in range(len(levels) - 1, -1, -1):
        graph, block = levels[at]
        if block.size:
            region = region[block]
        regions = int(region.max()) + 1
        rounds = ROUNDS if graph[2].size <= EXCHANGE else LARGE_ROUNDS
        fell, moved = move_borders(graph, region, regions, min_size, tolerance, rounds)
        fall, moves = fall + fell, moves + moved
        known = any(graph is other and np.array_equal(region, best) for other, best in settled)
        if len(levels) > 1 and graph[2].size <= EXCHANGE and not known:
            region, fell = _exchange(graph, region, min_size, tolerance)
            fall += fell
            settled.append((graph, region.copy()))
    return region, fall, moves


def _start(graph: Graph, regions: int, min_size: int, tolerance: float, *, exchanged: bool) -> tuple[int, float, Integers]:
    """Ward's regions of a level, with border moves and exchanges: their number, what is between them, and they themselves."""
    region = split_up(graph, agglomerate(graph, regions, min_size), regions, min_size)
    count = int(region.max()) + 1
    if exchanged:
        move_borders(graph, region, count, min_size, tolerance, ROUNDS)
        region, _ = _exchange(graph, region, min_size, tolerance)
    return count, _between(*region_sums(graph, region, count)[1:]), region


def _between(weight: Floats, total: Floats) -> float:
    """Sum of squares between regions, plus a constant: what it rises by, the sum of squares within falls by."""
    return float((total**2 / weight[:, None]).sum())


def _exchange(graph: Graph, region: Integers, min_size: int, tolerance: float) -> tuple[Integers, float]:
    """Merge two neighbouring regions, cut a third, settle the borders; kept where the sum of squares falls. Regions and fall.

    Merges that cost least with cuts that gain most come first.
    """
    regions, fall = int(region.max()) + 1, 0.0
    halves: dict[int, tuple[float, Integers]] = {}
    settled: set[tuple[int, int]] = set()
    while True:
        _, weight, total = region_sums(graph, region, regions)
        now = _between(weight, total)
        for each in range(regions):
            if each not in halves:
                halves[each] = _halve(graph, np.flatnonzero(region == each), min_size, tolerance)
        better, won = None, 0.0
        for keep, gone, cut in _candidates(graph, region, weight, total, np.array([halves[each][0] for each in range(regions)])):
            trial = region.copy()
            trial[region == gone] = keep
            trial[halves[cut][1]] = gone
            move_borders(graph, trial, regions, min_size, tolerance, ROUNDS)
            won = _between(*region_sums(graph, trial, regions)[1:]) - now
            if won > max(tolerance, 0.0):
                better = trial
                break
        if better is None and region.size <= REJOIN:
            better, won = _halve_a_pair(graph, region, (weight, total), settled, min_size, tolerance)
        if better is None:
            return region, fall
        moved = better != region
        for each in np.unique(np.concatenate([region[moved], better[moved]])):
            halves.pop(int(each), None)
            settled = {pair for pair in settled if each not in pair}
        region, fall = better, fall + won


def _halve(graph: Graph, members: Integers, min_size: int, tolerance: float) -> tuple[float, Integers]:
    """Fall of the sum of squares by the better of two ways to cut a region in two, and the members of one part; -1: none."""
    part = part_of(graph, members)
    whole = _between(*region_sums(part, np.zeros(members.size, dtype=np.int64), 1)[1:])
    best, chosen = -1.0, np.empty(0, dtype=np.int64)
    starts = [agglomerate(part, 2, min_size)] if members.size > 1 else []
    gain, below = best_cut(part, min_size)
    if gain >= 0:
        starts.append(np.zeros(members.size, dtype=np.int64))
        starts[-1][below] = 1
    for trial in starts:
        if trial.max() != 1 or region_sums(part, trial, 2)[0].min() < min_size:
            continue
        move_borders(part, trial, 2, min_size, tolerance, ROUNDS)
        gain = _between(*region_sums(part, trial, 2)[1:]) - whole
        if gain > best:
            best, chosen = gain, members[trial == 1]
    return best, chosen


def _halve_a_pair(
    graph: Graph, region: Integers, sums: tuple[Floats, Floats], settled: set[tuple[int, int]], min_size: int, tolerance: float
) -> tuple[Integers | None, float]:
    """The regions with one neighbouring pair joined and cut anew where that helps, and by how much; pairs tried are `settled`."""
    a, b, cost = _pairs(graph, region, *sums)
    for one, other, rise in zip(a.tolist(), b.tolist(), cost.tolist()):
        if (one, other) in settled:
            continue
        settled.add((one, other))
        members = np.flatnonzero((region == one) | (region == other))
        gain, part = _halve(graph, members, min_size, tolerance)
        if gain - rise > tolerance:
            better = region.copy()
            better[members] = one
            better[part] = other
            return better, gain - rise
    return None, 0.0


def _pairs(graph: Graph, region: Integers, weight: Floats, total: Floats) -> tuple[Integers, Integers, Floats]:
    """Neighbouring pairs of regions, and the rise of the sum of squares by joining each."""
    start, near, *_ = graph
    touch = np.zeros((weight.size, weight.size), dtype=bool)
    touch[region[np.repeat(np.arange(region.size), np.diff(start))], region[near]] = True
    a, b = np.nonzero(np.triu(touch, 1))
    apart = total[a] / weight[a, None] - total[b] / weight[b, None]
    return a, b, weight[a] * weight[b] / (weight[a] + weight[b]) * (apart**2).sum(axis=1)


def _candidates(graph: Graph, region: Integers, weight: Floats, total: Floats, gains: Floats) -> list[tuple[int, int, int]]:
    """Two regions to merge and one to cut, the most promising first."""
    a, b, cost = _pairs(graph, region, weight, total)
    rise = cost[:, None] - gains[None, :]
    rise[:, gains <= 0] = np.inf
    rise[np.arange(a.size), a] = rise[np.arange(a.size), b] = np.inf
    order = np.argsort(rise, axis=None, kind="stable")[:TRIES]
    found = [np.unravel_index(each, rise.shape) for each in order if np.isfinite(rise.flat[each])]
    return [(int(a[pair]), int(b[pair]), int(cut)) for pair, cut in found]
