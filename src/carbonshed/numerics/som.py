"""Batch self-organising map: the same bytes on any number of threads.

One epoch, for samples x_i (n x d) and a codebook m_u (M x d):

1. the best matching node of a sample is the smallest of ``|m_u|^2 - 2 x_i . m_u`` (``|x_i|^2`` is the same for all nodes), in float32;
2. in the same pass the sample is added to the sum s_c and the count n_c of its node c, in float64;
3. the neighbourhood h is applied to the M sums, not to the n samples: ``m_u = sum_c h_cu s_c / sum_c h_cu n_c``. That is the
   batch rule itself, at M * M * d instead of n * M * d operations.

Samples are cut into blocks of a fixed size; each block has sums of its own, which are added in the order of the blocks. Threads
only decide who computes a block. The geometry of the sheet and the measures of quality stand in `som_sheet`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse
from carbonshed.numerics.som_sheet import Floats, Shape, as_samples, check_shape, linear_codebook, squared_map_distances

Integers = NDArray[np.int64]

BLOCK = 16_384
"""Samples in a block; fixed, never derived from the number of threads."""

ROUGH_EPOCHS = 30
FINE_EPOCHS = 100
STOP_CHANGE = 1e-4
"""Where no number of epochs is given: 30 in which the radius shrinks, then at most 100 at the end radius, until the quantisation
error changes by less than 1e-4 relative. Choices of the project within the usual ranges (20-50 and 100-200)."""


@dataclass(frozen=True)
class TrainedSOM:
    """A trained codebook and how it was trained.

    Parameters
    ----------
    codebook : array (M, d)
        One vector a node, in the order of `som_sheet.node_positions`.
    epochs : int
        Epochs that were run.
    start_radius, end_radius : float
        First and last radius sigma of the neighbourhood, in distances between adjacent nodes.
    """

    codebook: Floats
    epochs: int
    start_radius: float
    end_radius: float


@njit(cache=True, nogil=True, fastmath={"contract"})
def _search_and_add(samples, minus_twice, norms, sums, counts):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add each sample to the sum and the count of its best node; return the sum of the distances to these nodes."""
    n, d = samples.shape
    size = norms.size
    score = np.empty(size, np.float32)
    total = 0.0
    for i in range(n):
        for j in range(size):
            score[j] = norms[j]
        for k in range(d):
            x = samples[i, k]
            for j in range(size):
                score[j] += x * minus_twice[k, j]
        best = 0
        for j in range(1, size):
            if score[j] < score[best]:
                best = j
        squared = np.float64(score[best])
        counts[best] += 1.0
        for k in range(d):
            x = samples[i, k]
            squared += np.float64(x) * np.float64(x)
            sums[best, k] += x
        total += np.sqrt(max(squared, 0.0))
    return total


@njit(cache=True, nogil=True)
def _smooth(weights, sums, counts, codebook):  # type: ignore[no-untyped-def]
    """Batch rule: ``m_u = sum_c h_cu s_c / sum_c h_cu n_c``; a node that no sample reaches keeps its vector."""
    size, d = sums.shape
    for u in range(size):
        weight = 0.0
        total = np.zeros(d)
        for c in range(size):
            if counts[c] > 0:
                weight += weights[u, c] * counts[c]
                for k in range(d):
                    total[k] += weights[u, c] * sums[c, k]
        if weight > 1e-280:  # below it, the quotient of two denormal numbers would be noise
            for k in range(d):
                codebook[u, k] = total[k] / weight


@njit(cache=True, nogil=True)
def _two_nearest(samples, transposed, best, second, distance):  # type: ignore[no-untyped-def]
    """Nearest and second-nearest node of each sample and the distance to the nearest; ties go to the lower index."""
    n, d = samples.shape
    size = transposed.shape[1]
    squared = np.empty(size)
    for i in range(n):
        squared[:] = 0.0
        for k in range(d):
            x = samples[i, k]
            for j in range(size):
                squared[j] += (x - transposed[k, j]) * (x - transposed[k, j])
        one, two = 0, -1
        for j in range(1, size):
            if squared[j] < squared[one]:
                one, two = j, one
            elif two < 0 or squared[j] < squared[two]:
                two = j
        best[i] = one
        second[i] = two
        distance[i] = np.sqrt(squared[one])


Runner = Callable[[Callable[[int], Any], Iterable[int]], list[Any]]


def _in_blocks(work: Callable[[int], Any], n: int, threads: int, pool: ThreadPoolExecutor | None = None) -> list[Any]:
    """Results of `work(start)` for the first sample of every block, in the order of the blocks."""
    starts = range(0, n, BLOCK)
    if pool is not None:
        return list(pool.map(work, starts))
    if threads <= 1 or len(starts) == 1:
        return [work(start) for start in starts]
    with ThreadPoolExecutor(threads) as own:
        return list(own.map(work, starts))


def _epoch(samples: NDArray[np.float32], codebook: Floats, pool: ThreadPoolExecutor | None) -> tuple[Floats, Floats, float]:
    """Sums and counts of the nodes, and the mean distance of a sample to its node."""
    size, d = codebook.shape
    minus_twice = np.ascontiguousarray(-2.0 * codebook.T, dtype=np.float32)
    norms = (codebook**2).sum(axis=1).astype(np.float32)

    def work(start: int) -> tuple[Floats, Floats, float]:
        sums, counts = np.zeros((size, d)), np.zeros(size)
        return sums, counts, _search_and_add(samples[start : start + BLOCK], minus_twice, norms, sums, counts)

    sums, counts, total = np.zeros((size, d)), np.zeros(size), 0.0
    for block_sums, block_counts, block_total in _in_blocks(work, len(samples), 1, pool):
        sums += block_sums
        counts += block_counts
        total += block_total
    return sums, counts, total / len(samples)


def train_som(
    samples: ArrayLike,
    shape: Shape,
    *,
    lattice: str = "hexagonal",
    epochs: int | None = None,
    end_radius: float = 1.0,
    initial: ArrayLike | None = None,
    threads: int = 1,
) -> TrainedSOM:
    """Train a map by the batch rule.

    ``c(i) = argmin_u |x_i - m_u|``; ``h_cu = exp(-|r_c - r_u|^2 / (2 sigma^2))``; ``m_u = sum_i h_c(i)u x_i / sum_i h_c(i)u``, with
    sigma falling geometrically from half of the longer side to `end_radius`.

    Parameters
    ----------
    samples : array (n, d)
        Finite numbers, features in comparable units.
    shape : (rows, columns)
        Size of the sheet.
    lattice : {"hexagonal", "rectangular"}
        Sheet of six or of eight neighbours.
    epochs : int, optional
        Number of epochs. None: 30 with a shrinking radius, then at most 100 at the end radius, until the quantisation error
        changes by less than 1e-4 relative.
    end_radius : float
        Last sigma. It sets how quantisation error is traded for topographic error: quote it with every figure of quality.
    initial : array (M, d), optional
        First codebook; None: `som_sheet.linear_codebook`.
    threads : int
        Changes the time, never the result.

    Raises
    ------
    InputError
        Samples that are not finite; a shape, radius, number of epochs or first codebook that does not fit.

    Notes
    -----
    The search is in float32 on samples moved to mean 0 and divided by a power of two near their spread; sums are in float64.
    Source: Kohonen (2001), Self-Organizing Maps, batch map (textbook form).

    Examples
    --------
    A map of one node is the mean of the samples.

    >>> train_som([[0.0, 1.0], [2.0, 5.0]], (1, 1)).codebook.tolist()
    [[1.0, 3.0]]
    """
    data = as_samples(samples)
    shape = check_shape(shape)
    if not end_radius > 0:
        raise refuse("som_radius", expected="an end radius above 0", got=repr(end_radius), where="end_radius", fix="Use 1.0.")
    if epochs is not None and epochs < 1:
        raise refuse("som_epochs", expected="at least one epoch, or None", got=repr(epochs), where="epochs", fix="Leave it out.")
    first = linear_codebook(data, shape, lattice=lattice) if initial is None else np.array(initial, dtype=np.float64)
    if first.shape != (shape[0] * shape[1], data.shape[1]) or not np.isfinite(first).all():
        raise refuse(
            "som_initial",
            expected=f"finite numbers of shape ({shape[0] * shape[1]}, {data.shape[1]})",
            got=f"shape {first.shape}",
            where="initial",
            fix="Give one vector for each node of the sheet.",
        )
    centre = data.mean(axis=0)
    spread = float(np.sqrt(((data - centre) ** 2).mean()))
    unit = float(2.0 ** np.round(np.log2(spread))) if spread > 0 else 1.0
    scaled = np.ascontiguousarray((data - centre) / unit, dtype=np.float32)
    start = max(max(shape) / 2.0, end_radius)
    codebook = (first - centre) / unit
    done = _run_epochs(scaled, codebook, squared_map_distances(shape, lattice=lattice), epochs, start, end_radius, threads)
    return TrainedSOM(codebook * unit + centre, done, start, float(end_radius))


def _run_epochs(
    samples: NDArray[np.float32],
    codebook: Floats,
    distances: Floats,
    epochs: int | None,
    start: float,
    end: float,
    threads: int,
) -> int:
    """Train `codebook` in place; return the number of epochs."""
    rough = np.geomspace(start, end, ROUGH_EPOCHS if epochs is None else epochs)
    radii = rough if epochs is not None else np.concatenate([rough, np.full(FINE_EPOCHS, end)])
    pool = ThreadPoolExecutor(threads) if threads > 1 and len(samples) > BLOCK else None
    done, before = 0, np.inf
    try:
        for done, sigma in enumerate(radii, start=1):
            sums, counts, error = _epoch(samples, codebook, pool)
            _smooth(np.exp(-distances / (2.0 * sigma**2)), sums, counts, codebook)
            if epochs is None and done > len(rough) and abs(before - error) <= STOP_CHANGE * error:
                break
            before = error
    finally:
        if pool is not None:
            pool.shutdown()
    return done


def two_nearest_nodes(samples: ArrayLike, codebook: ArrayLike, *, threads: int = 1) -> tuple[Integers, Integers, Floats]:
    """Nearest node, second-nearest node (-1 on a map of one node) and distance to the nearest, for each sample; all in float64.

    Ties go to the node with the lower index.

    Raises
    ------
    InputError
        Samples that are not finite, or a codebook with another number of features.

    Examples
    --------
    >>> nearest, second, distance = two_nearest_nodes([[0.2], [1.0]], [[0.0], [2.0], [0.0]])
    >>> nearest.tolist(), second.tolist(), distance.tolist()
    ([0, 0], [2, 1], [0.2, 1.0])
    """
    data, nodes = as_samples(samples), np.asarray(codebook, dtype=np.float64)
    if nodes.ndim != 2 or nodes.shape[1] != data.shape[1]:
        raise refuse(
            "som_features",
            expected=f"a codebook of {data.shape[1]} features",
            got=f"shape {nodes.shape}",
            where="codebook",
            fix="Use the features that the map was trained on, in the same order.",
        )
    n, transposed = len(data), np.ascontiguousarray(nodes.T)
    best, second, distance = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)

    def work(start: int) -> None:
        part = slice(start, start + BLOCK)
        _two_nearest(data[part], transposed, best[part], second[part], distance[part])

    _in_blocks(work, n, threads)
    return best, second, distance


def hit_counts(nodes: ArrayLike, size: int) -> Integers:
    """Number of samples at each of `size` nodes.

    >>> hit_counts([0, 2, 2], 4).tolist()
    [1, 0, 2, 0]
    """
    return np.bincount(np.asarray(nodes, dtype=np.int64), minlength=size)
