"""Connected regions of a neighbour graph with a small sum of squares within them: Ward's method along links, then border moves."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra, minimum_spanning_tree

from carbonshed.checks import refuse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SWEEPS = 100
GAIN = 1e-10
"""A border moves where it lowers the sum of squares by more than this share of the total."""


@dataclass(frozen=True)
class Regions:
    """Connected regions.

    Parameters
    ----------
    labels : int array (n,)
        Region of each thing, numbered by first member; -1 in components that are smaller than the least size.
    n_regions, moves : int
        Regions that were made, and things that changed their region at a border.
    within, total : float
        Weighted sum of squares within the regions, and around the mean of all, of the things that have a region.
    """

    labels: Integers
    n_regions: int
    moves: int
    within: float
    total: float


def contiguous_regions(
    x: ArrayLike, neighbours: csr_array, regions: int, *, min_size: int = 1, weights: ArrayLike | None = None, border_moves: bool = True
) -> Regions:
    """Divide things into connected regions with a small sum of squares within: ``sum_r sum_(i in r) w_i |x_i - mean_r|^2``.

    Ward's method along links: the two neighbouring regions a, b merge whose joining costs least, ``W_a W_b / (W_a + W_b) |m_a - m_b|^2``
    with W the sum of weights and m the mean; first only where one of the two has fewer than `min_size` things, then any, until
    `regions` are left. Where joining the small ones left fewer, regions are cut along a minimum spanning tree, the best cut first, into
    parts of at least `min_size`. Then border things move to the neighbouring region where the sum of squares falls most, as long as
    their own region stays connected and is not below `min_size`, until none is left to move.

    Parameters
    ----------
    x : array_like of float, shape (n, features)
    neighbours : csr_array (n, n)
        Links, taken both ways; weights of links do not count.
    regions : int
        Number over all components of the graph; there are more where it has more components, and fewer where no tree can be cut into
        parts of at least `min_size`.
    min_size : int
        Least number of things in a region.
    weights : array_like of float, shape (n,), optional
        Weights of the things, above 0; default 1.
    border_moves : bool
        False: Ward's method alone.

    Returns
    -------
    Regions

    Raises
    ------
    InputError
        Values that are not finite, weights that are not positive, another number of neighbours, or a count below 1.

    Notes
    -----
    Nothing is drawn; ties go to the lower numbers. Source: Ward (1963) with contiguity, textbook form. n log n in practice; each border
    move looks at its own region, so large regions of many thousands of things take long.

    Examples
    --------
    A row of six things; value and place agree but for the third.

    >>> row = csr_array(np.eye(6, k=1))
    >>> contiguous_regions(np.array([[0.0], [0], [4], [0], [7], [8]]), row, 2, min_size=2).labels.tolist()
    [0, 0, 0, 0, 1, 1]
    """
    data, heavy = np.ascontiguousarray(x, dtype=np.float64), np.ones(len(np.asarray(x)))
    heavy = heavy if weights is None else np.ascontiguousarray(weights, dtype=np.float64)
    _check(data, neighbours, heavy, regions, min_size)
    both = csr_array((neighbours + neighbours.T) != 0).astype(np.float64)
    component = connected_components(both, directed=False)[1]
    large = (np.bincount(component, minlength=1)[component] >= min_size) if len(data) else np.zeros(0, dtype=bool)
    labels = np.full(len(data), -1, dtype=np.int64)
    if not large.any():
        return Regions(labels, 0, 0, 0.0, 0.0)
    inner = csr_array(both[large][:, large])
    inner.setdiag(0)
    inner.eliminate_zeros()
    inner.sort_indices()
    start, near = inner.indptr.astype(np.int64), inner.indices.astype(np.int64)
    values, own = data[large] - data[large].mean(axis=0), heavy[large]
    merged = _split_up(inner, values, own, _agglomerate(start, near, values, own, regions, min_size), regions, min_size)
    total = _within(values, np.zeros(len(values), dtype=np.int64), own)
    moves = _move_borders(start, near, values, own, merged, min_size, GAIN * total) if border_moves and total > 0 else 0
    labels[large] = _by_first_member(merged)
    return Regions(labels, int(labels.max()) + 1, int(moves), _within(values, labels[large], own), total)


def _check(data: Floats, neighbours: csr_array, weights: Floats, regions: int, min_size: int) -> None:
    problem = None
    if data.ndim != 2 or not np.isfinite(data).all():
        problem = "finite values of shape (n, features)", f"shape {data.shape}, {int((~np.isfinite(data)).sum())} not finite", "x"
    elif neighbours.shape != (len(data), len(data)):
        problem = f"{len(data)} x {len(data)} links", f"{neighbours.shape}", "neighbours"
    elif weights.shape != (len(data),) or not (np.isfinite(weights).all() and (weights > 0).all()):
        problem = f"{len(data)} finite weights above 0", f"{weights.size} weights, the least {weights.min(initial=np.inf):g}", "weights"
    elif regions < 1 or min_size < 1:
        problem = "at least 1 region of at least 1", f"{regions} of {min_size}", "regions"
    if problem:
        raise refuse("broken_regions", expected=problem[0], got=problem[1], where=problem[2], fix="Correct the input.")


def _within(values: Floats, labels: Integers, weights: Floats) -> float:
    """Weighted sum of squares around the weighted means of the groups."""
    size = np.bincount(labels, weights=weights)
    means = np.stack([np.bincount(labels, weights=weights * column) / size for column in values.T], axis=1)
    return float((weights[:, None] * (values - means[labels]) ** 2).sum())


def _by_first_member(labels: Integers) -> Integers:
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
def _agglomerate(start: Integers, near: Integers, x: Floats, weights: Floats, regions: int, min_size: int) -> Integers:
    """Region of each thing by Ward's method along links; a merge makes a new id, and entries of old ids are skipped."""
    n, features = x.shape
    weight, size, total = np.zeros(2 * n), np.zeros(2 * n, np.int64), np.zeros((2 * n, features))
    weight[:n], size[:n] = weights, 1
    links = [np.empty(0, np.int64) for _ in range(2 * n)]
    for a in range(n):
        total[a] = weights[a] * x[a]
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


def _split_up(links: csr_array, x: Floats, weights: Floats, labels: Integers, regions: int, min_size: int) -> Integers:
    """Labels with the best tree cuts made, until there are `regions` or none can be cut."""
    labels = _by_first_member(labels)
    count = int(labels.max()) + 1
    cuts: dict[int, tuple[float, Integers]] = {}
    while count < regions:
        for region in range(count):
            if region not in cuts:
                members = np.flatnonzero(labels == region)
                cuts[region] = _best_cut(csr_array(links[members][:, members]), x[members], weights[members], min_size)
        best = max(cuts, key=lambda region: (cuts[region][0], -region))
        gain, part = cuts.pop(best)
        if gain < 0:
            break
        labels[np.flatnonzero(labels == best)[part]] = count
        count += 1
    return labels


def _best_cut(links: csr_array, x: Floats, weights: Floats, min_size: int) -> tuple[float, Integers]:
    """Fall of the sum of squares by the best cut of a minimum spanning tree into parts of at least `min_size`, and one part; -1: none."""
    n = len(x)
    if n < 2 * min_size:
        return -1.0, np.empty(0, dtype=np.int64)
    edges = links.tocoo()
    apart = ((x[edges.row] - x[edges.col]) ** 2).sum(axis=1) + 1.0  # a link of no length would be no link; the tree is the same
    tree = minimum_spanning_tree(csr_array((apart, (edges.row, edges.col)), shape=links.shape))
    order, above = breadth_first_order(tree, 0, directed=False)
    size, heavy, total = np.ones(n, dtype=np.int64), weights.copy(), weights[:, None] * x
    for v in order[:0:-1]:  # of the subtree below and with each
        size[above[v]] += size[v]
        heavy[above[v]] += heavy[v]
        total[above[v]] += total[v]
    lower = order[1:]
    able = lower[(size[lower] >= min_size) & (n - size[lower] >= min_size)]
    if not able.size:
        return -1.0, np.empty(0, dtype=np.int64)
    rest = heavy[0] - heavy[able]
    gap = total[able] / heavy[able][:, None] - (total[0] - total[able]) / rest[:, None]
    gain = heavy[able] * rest / heavy[0] * (gap**2).sum(axis=1)
    top, below = able[gain.argmax()], np.zeros(n, dtype=bool)
    for v in order:
        below[v] = v == top or (v != 0 and below[above[v]])
    return float(gain.max()), np.flatnonzero(below)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _stays_connected(start: Integers, near: Integers, labels: Integers, v: int, stamp: Integers, now: int, queue: Integers) -> bool:
    """Whether the region of v is in one piece without v: a search from one neighbour there must meet all the others."""
    region, wanted, tail = labels[v], 0, 0
    for q in range(start[v], start[v + 1]):
        if labels[near[q]] == region:
            wanted += 1
            if tail == 0:
                queue[0], tail = near[q], 1
    stamp[v] = now
    if wanted <= 1:
        return wanted == 1
    stamp[queue[0]] = now
    head, met = 0, 0
    while head < tail:
        at = queue[head]
        head += 1
        for q in range(start[at], start[at + 1]):
            if near[q] == v:  # links go both ways: `at` is a neighbour of v
                met += 1
                if met == wanted:
                    return True
            elif labels[near[q]] == region and stamp[near[q]] != now:
                stamp[near[q]] = now
                queue[tail] = near[q]
                tail += 1
    return False


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _squared_gap(weight: Floats, total: Floats, region: int, x: Floats, v: int) -> float:
    squared = 0.0
    for f in range(x.shape[1]):
        apart = total[region, f] / weight[region] - x[v, f]
        squared += apart * apart
    return squared


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _move_borders(start: Integers, near: Integers, x: Floats, weights: Floats, labels: Integers, min_size: int, tolerance: float) -> int:
    """Move border things, in their order and until none moves, where the sum of squares falls; changes `labels`; number of moves."""
    n, features = x.shape
    weight, size, total = np.zeros(2 * n), np.zeros(2 * n, np.int64), np.zeros((2 * n, features))
    for v in range(n):
        weight[labels[v]] += weights[v]
        size[labels[v]] += 1
        total[labels[v]] += weights[v] * x[v]
    stamp, queue, now, moves = np.full(n, -1, np.int64), np.empty(n, np.int64), 0, 0
    for _ in range(MOST_SWEEPS):
        before = moves
        for v in range(n):
            a, w = labels[v], weights[v]
            if size[a] <= max(min_size, 1):
                continue
            freed = weight[a] * w / (weight[a] - w) * _squared_gap(weight, total, a, x, v)
            best, target = tolerance, -1
            for q in range(start[v], start[v + 1]):
                b = labels[near[q]]
                if b in (a, target):
                    continue
                gain = freed - weight[b] * w / (weight[b] + w) * _squared_gap(weight, total, b, x, v)
                if gain > best:
                    best, target = gain, b
            if target < 0:
                continue
            now += 1
            if _stays_connected(start, near, labels, v, stamp, now, queue):
                labels[v] = target
                weight[a], weight[target] = weight[a] - w, weight[target] + w
                size[a], size[target] = size[a] - 1, size[target] + 1
                total[a] -= w * x[v]
                total[target] += w * x[v]
                moves += 1
        if moves == before:
            break
    return moves


def patches(labels: ArrayLike, neighbours: csr_array) -> Integers:
    """Patch of each thing: things of one label that links join, numbered by first member.

    Examples
    --------
    >>> patches(["a", "a", "b", "a"], csr_array(np.eye(4, k=1))).tolist()
    [0, 0, 1, 2]
    """
    named = np.asarray(labels).ravel()
    links = neighbours.tocoo()
    same = named[links.row] == named[links.col]
    inner = csr_array((np.ones(int(same.sum())), (links.row[same], links.col[same])), shape=neighbours.shape)
    return _by_first_member(connected_components(inner, directed=False)[1].astype(np.int64))


def random_partition(neighbours: csr_array, regions: int, generator: np.random.Generator) -> Integers:
    """A random division into connected regions: seeds are drawn, and each thing goes to the seed that a random growth brings first.

    The growth passes a link after an exponential time (the growth model of Eden and Richardson), so that each region is connected. A
    component of the graph without a seed joins a region that is drawn.

    Parameters
    ----------
    neighbours : csr_array (n, n), symmetric
    regions : int
        Number of seeds, 1 to n.
    generator : numpy.random.Generator

    Returns
    -------
    int array (n,)

    Raises
    ------
    InputError
        More regions than things, or none.

    Examples
    --------
    >>> random_partition(csr_array(np.eye(4, k=1) + np.eye(4, k=-1)), 4, np.random.default_rng(0)).tolist() == [0, 1, 2, 3]
    True
    """
    n = neighbours.shape[0]
    if not 1 <= regions <= n:
        raise refuse("too_few_rows", expected=f"1 to {n} regions", got=str(regions), where="regions", fix="Ask for fewer regions.")
    links: Any = neighbours.tocsr()
    seeds = np.sort(generator.choice(n, regions, replace=False))
    times = csr_array((generator.exponential(size=links.indices.size) + 1e-12, links.indices, links.indptr), shape=links.shape)
    _, _, source = dijkstra(times, directed=True, indices=seeds, min_only=True, return_predecessors=True)
    component = connected_components(links, directed=False)[1]
    drawn = seeds[generator.integers(regions, size=int(component.max()) + 1)]
    return np.searchsorted(seeds, np.where(source >= 0, source, drawn[component])).astype(np.int64)
