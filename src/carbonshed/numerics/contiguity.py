"""Connected regions of a neighbour graph with a small sum of squares within them: Ward's method along links, then border moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from carbonshed.checks import refuse
from carbonshed.numerics.region_search import search_regions
from carbonshed.numerics.region_start import agglomerate, by_first_member, split_up

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
    values, own = data[large] - data[large].mean(axis=0), heavy[large]
    start, near, size = inner.indptr.astype(np.int64), inner.indices.astype(np.int64), np.ones(len(values), dtype=np.int64)
    graph = (start, near, size, own, own[:, None] * values)
    total = _within(values, np.zeros(len(values), dtype=np.int64), own)
    if border_moves:
        merged, moves = search_regions(graph, regions, min_size=min_size, total=total)
    else:
        merged, moves = split_up(graph, agglomerate(graph, regions, min_size), regions, min_size), 0
    labels[large] = by_first_member(merged)
    return Regions(labels, int(labels.max()) + 1, moves, _within(values, labels[large], own), total)


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
    return by_first_member(connected_components(inner, directed=False)[1].astype(np.int64))


def random_partition(neighbours: csr_array, regions: int, generator: np.random.Generator, *, component: Integers | None = None) -> Integers:
    """A random division into connected regions: seeds are drawn, and each thing goes to the seed that a random growth brings first.

    The growth passes a link after an exponential time (the growth model of Eden and Richardson), so that each region is connected. A
    component of the graph without a seed joins a region that is drawn.

    Parameters
    ----------
    neighbours : csr_array (n, n), symmetric
    regions : int
        Number of seeds, 1 to n.
    generator : numpy.random.Generator
    component : int array (n,), optional
        Component of the graph that each thing is in, where it is known.

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
    times = generator.exponential(size=links.indices.size) + 1e-12
    region = _grown(links.indptr, links.indices, times, seeds)
    part = connected_components(links, directed=False)[1].astype(np.int64) if component is None else component
    drawn = generator.integers(regions, size=int(part.max()) + 1)
    return np.where(region >= 0, region, drawn[part])


@njit(cache=True, nogil=True)
def _grown(start: Integers, near: Integers, times: Floats, seeds: Integers) -> Integers:
    """Number of the seed that reaches each thing first, each link passed in its own time (Dijkstra); -1 where none does."""
    n = start.size - 1
    region, reached = np.full(n, -1, np.int64), np.full(n, np.inf)
    time, thing, waiting = np.empty(near.size + seeds.size + 1), np.empty(near.size + seeds.size + 1, np.int64), 0
    for number in range(seeds.size):
        region[seeds[number]], reached[seeds[number]] = number, 0.0
        waiting = _push(time, thing, waiting, 0.0, seeds[number])
    while waiting:
        now, v = time[1], thing[1]
        waiting = _pop(time, thing, waiting)
        if now > reached[v]:
            continue
        for q in range(start[v], start[v + 1]):
            w = near[q]
            if now + times[q] < reached[w]:
                region[w], reached[w] = region[v], now + times[q]
                waiting = _push(time, thing, waiting, reached[w], w)
    return region


@njit(cache=True, nogil=True)
def _push(time: Floats, thing: Integers, size: int, when: float, what: int) -> int:
    """Put a thing into a heap whose earliest stands at 1; the new size."""
    place = size + 1
    while place > 1 and time[place // 2] > when:
        time[place], thing[place] = time[place // 2], thing[place // 2]
        place //= 2
    time[place], thing[place] = when, what
    return size + 1


@njit(cache=True, nogil=True)
def _pop(time: Floats, thing: Integers, size: int) -> int:
    """Take the earliest thing out of the heap; the new size."""
    when, what, place = time[size], thing[size], 1
    while 2 * place < size:
        below = 2 * place + (2 * place + 1 < size and time[2 * place + 1] < time[2 * place])
        if time[below] >= when:
            break
        time[place], thing[place] = time[below], thing[below]
        place = below
    time[place], thing[place] = when, what
    return size - 1
