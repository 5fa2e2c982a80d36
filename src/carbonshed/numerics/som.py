"""Batch self-organising map: the same bytes on any number of threads.

One epoch, for samples x_i (n x d) and a codebook m_u (M x d):

1. the best matching node of a sample is the smallest of ``|m_u|^2 - 2 x_i . m_u`` (``|x_i|^2`` is the same for all nodes), in float32;
2. in the same pass the sample is added to the sum s_c and the count n_c of its node c, in float64;
3. the neighbourhood h is applied to the M sums, not to the n samples: ``m_u = sum_c h_cu s_c / sum_c h_cu n_c``. That is the
   batch rule itself, at M * M * d instead of n * M * d operations.

Samples are cut into blocks of a fixed size; each block has sums of its own, which are added in the order of the blocks. Threads
only decide who computes a block. Within a block, LANES samples are compared with one node at a time, so that their scores fill the
registers of the processor and no node is looked up twice.

Missing features (``missing="mask"``) are left out of the distance, of the sum and of the count of that feature. With the known ones
marked by 1 in v, ``sum_k v_k (x_k - m_k)^2 - sum_k v_k x_k^2 = x . (-2 m) + v . m^2``: the same pass over the 2 d columns (x, v), which
yields the sums of x and the counts of each feature as well. The geometry of the sheet and the measures of quality stand in `som_sheet`.
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
from carbonshed.numerics.som_sheet import Floats, Shape, as_samples, check_shape, fill_with_means, linear_codebook, squared_map_distances

Integers = NDArray[np.int64]

BLOCK = 16_384
"""Samples in a block; fixed, never derived from the number of threads."""

LANES = 128
"""Samples that are compared with a node at once."""

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
def _search_and_add(samples, minus_twice, norms, sums, counts, nearest):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add each sample to the sum and the count of its best node; its score, ``|m|^2 - 2 x . m``, goes to `nearest`."""
    n, d = samples.shape
    wide = minus_twice.shape[1]  # d, filled up with zeros to a multiple of four
    lanes, score = np.zeros((wide, LANES), np.float32), np.empty(LANES, np.float32)
    least, node = np.empty(LANES, np.float32), np.zeros(LANES, np.int32)
    for first in range(0, n, LANES):
        here = min(LANES, n - first)
        for i in range(here):
            for k in range(d):
                lanes[k, i] = samples[first + i, k]
        least[:] = np.inf
        for j in range(norms.size):
            score[:] = norms[j]
            for k in range(0, wide, 4):
                m0, m1, m2, m3 = minus_twice[j, k], minus_twice[j, k + 1], minus_twice[j, k + 2], minus_twice[j, k + 3]
                x0, x1, x2, x3 = lanes[k], lanes[k + 1], lanes[k + 2], lanes[k + 3]
                for i in range(LANES):
                    score[i] += m0 * x0[i] + m1 * x1[i] + m2 * x2[i] + m3 * x3[i]
            for i in range(LANES):
                closer = score[i] < least[i]
                least[i] = score[i] if closer else least[i]
                node[i] = np.int32(j) if closer else node[i]
        for i in range(here):
            best = node[i]
            nearest[first + i] = least[i]
            counts[best] += 1.0
            for k in range(d):
                sums[best, k] += samples[first + i, k]


@njit(cache=True, nogil=True)
def _smooth(weights, sums, counts, codebook):  # type: ignore[no-untyped-def]
    """Batch rule: ``m_uk = sum_c h_cu s_ck / sum_c h_cu n_ck``; what no sample reaches stays as it is.

    `counts` has one column where all features of all samples are known. h is symmetric, so its row c is added to all nodes at once.
    """
    size, d = sums.shape
    total, weight = np.zeros((d, size)), np.zeros((counts.shape[1], size))
    for c in range(size):
        for k in range(counts.shape[1]):
            if counts[c, k] > 0.0:
                for u in range(size):
                    weight[k, u] += weights[c, u] * counts[c, k]
        for k in range(d):
            if sums[c, k] != 0.0:
                for u in range(size):
                    total[k, u] += weights[c, u] * sums[c, k]
    for k in range(d):
        reached = weight[min(k, counts.shape[1] - 1)]
        for u in range(size):
            if reached[u] > 1e-280:  # below it, the quotient of two denormal numbers would be noise
                codebook[u, k] = total[k, u] / reached[u]


@njit(cache=True, nogil=True)
def _two_nearest(samples, codebook, best, second, distance):  # type: ignore[no-untyped-def]
    """Nearest and second-nearest node of each sample and the distance to the nearest; ties go to the lower index; NaN is left out."""
    n, d = samples.shape
    lanes, squared, known = np.zeros((d, LANES)), np.empty(LANES), np.empty(LANES, np.int64)
    least, next_least, one, two = np.empty(LANES), np.empty(LANES), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    for first in range(0, n, LANES):
        here = min(LANES, n - first)
        known[:] = 0
        for i in range(here):
            for k in range(d):
                lanes[k, i] = samples[first + i, k]
                known[i] += not np.isnan(samples[first + i, k])
        least[:], next_least[:], one[:], two[:] = np.inf, np.inf, 0, -1
        for j in range(len(codebook)):
            squared[:] = 0.0
            for k in range(d):
                m, x = codebook[j, k], lanes[k]
                for i in range(LANES):
                    apart = (x[i] - m) * (x[i] - m)
                    squared[i] += apart if apart == apart else 0.0
            for i in range(LANES):
                closer, between = squared[i] < least[i], squared[i] < next_least[i]
                next_least[i] = least[i] if closer else (squared[i] if between else next_least[i])
                two[i] = (one[i] if j > 0 else -1) if closer else (j if between else two[i])
                least[i] = squared[i] if closer else least[i]
                one[i] = j if closer else one[i]
        for i in range(here):
            best[first + i], second[first + i] = one[i], two[i]
            distance[first + i] = np.sqrt(least[i] * d / known[i]) if known[i] < d else np.sqrt(least[i])


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


@dataclass(frozen=True)
class _Known:
    """Samples as the search reads them: x, and beside it (where some feature is missing) 1 for known and 0 for not."""

    columns: NDArray[np.float32]
    d: int
    lengths: Floats  # |x|^2 over the known features, times `scale` the squared distance to the origin
    scale: Floats

    @staticmethod
    def of(scaled: Floats) -> _Known:
        unknown = np.isnan(scaled)
        filled = np.where(unknown, 0.0, scaled) if unknown.any() else scaled
        columns = np.hstack([filled, ~unknown]) if unknown.any() else filled
        x = np.ascontiguousarray(columns, dtype=np.float32)
        d = scaled.shape[1]
        lengths = np.einsum("nd,nd->n", x[:, :d], x[:, :d], dtype=np.float64)
        return _Known(x, d, lengths, d / (d - unknown.sum(axis=1)) if unknown.any() else np.ones(1))

    @property
    def all(self) -> bool:
        return self.columns.shape[1] == self.d


def _epoch(samples: _Known, codebook: Floats, pool: ThreadPoolExecutor | None) -> tuple[Floats, Floats, NDArray[np.float32]]:
    """Sums of each node and feature, counts (one column where all is known), and the score of each sample at its node."""
    size, d = codebook.shape
    columns = -2.0 * codebook if samples.all else np.hstack([-2.0 * codebook, codebook**2])
    wide = columns.shape[1]
    minus_twice = np.zeros((size, -(-wide // 4) * 4), dtype=np.float32)
    minus_twice[:, :wide] = columns
    norms = (codebook**2).sum(axis=1).astype(np.float32) if samples.all else np.zeros(size, dtype=np.float32)
    nearest = np.empty(len(samples.columns), dtype=np.float32)

    def work(start: int) -> tuple[Floats, Floats]:
        sums, counts, part = np.zeros((size, wide)), np.zeros(size), slice(start, start + BLOCK)
        _search_and_add(samples.columns[part], minus_twice, norms, sums, counts, nearest[part])
        return sums, counts

    sums, counts = np.zeros((size, wide)), np.zeros(size)
    for block_sums, block_counts in _in_blocks(work, len(samples.columns), 1, pool):
        sums += block_sums
        counts += block_counts
    known = counts[:, None] if samples.all else sums[:, d:]
    return np.ascontiguousarray(sums[:, :d]), np.ascontiguousarray(known), nearest


def train_som(
    samples: ArrayLike,
    shape: Shape,
    *,
    lattice: str = "hexagonal",
    epochs: int | None = None,
    end_radius: float = 1.0,
    initial: ArrayLike | None = None,
    missing: str = "refuse",
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
    missing : {"refuse", "mask"}
        What to do with NaN: refuse it, or leave a missing feature out of the distances and means of its sample. A distance is then over
        the known features, its square times d / (number known).
    threads : int
        Changes the time, never the result.

    Raises
    ------
    InputError
        Samples that are not finite, or (masked) without any known feature; a feature that no sample
        has; a shape, radius, number of epochs or first codebook that does not fit.

    Notes
    -----
    The search is in float32 on samples moved to mean 0 and divided by a power of two near their spread; sums are in float64.
    Source: Kohonen (2001), Self-Organizing Maps, batch map (textbook form); missing features: Samad and Harp (1992).

    Examples
    --------
    A map of one node is the mean of the samples.

    >>> train_som([[0.0, 1.0], [2.0, 5.0]], (1, 1)).codebook.tolist()
    [[1.0, 3.0]]
    >>> train_som([[0.0, 1.0], [2.0, np.nan]], (1, 1), missing="mask").codebook.tolist()
    [[1.0, 1.0]]
    """
    data = as_samples(samples, missing=missing)
    shape = check_shape(shape)
    if not end_radius > 0:
        raise refuse("som_radius", expected="an end radius above 0", got=repr(end_radius), where="end_radius", fix="Use 1.0.")
    if epochs is not None and epochs < 1:
        raise refuse("som_epochs", expected="at least one epoch, or None", got=repr(epochs), where="epochs", fix="Leave it out.")
    filled = fill_with_means(data)
    first = linear_codebook(filled, shape, lattice=lattice) if initial is None else np.array(initial, dtype=np.float64)
    if first.shape != (shape[0] * shape[1], data.shape[1]) or not np.isfinite(first).all():
        raise refuse(
            "som_initial",
            expected=f"finite numbers of shape ({shape[0] * shape[1]}, {data.shape[1]})",
            got=f"shape {first.shape}",
            where="initial",
            fix="Give one vector for each node of the sheet.",
        )
    centre = filled.mean(axis=0)
    spread = float(np.sqrt(((filled - centre) ** 2).mean()))
    unit = float(2.0 ** np.round(np.log2(spread))) if spread > 0 else 1.0
    scaled = _Known.of((data - centre) / unit)
    start = max(max(shape) / 2.0, end_radius)
    codebook = (first - centre) / unit
    done = _run_epochs(scaled, codebook, squared_map_distances(shape, lattice=lattice), epochs, start, end_radius, threads)
    return TrainedSOM(codebook * unit + centre, done, start, float(end_radius))


def _run_epochs(
    samples: _Known,
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
    pool = ThreadPoolExecutor(threads) if threads > 1 and len(samples.columns) > BLOCK else None
    done, before, last, weights = 0, np.inf, 0.0, np.empty_like(distances)
    try:
        for done, sigma in enumerate(radii, start=1):
            sums, counts, nearest = _epoch(samples, codebook, pool)
            if sigma != last:
                np.exp(np.divide(distances, -2.0 * sigma**2, out=weights), out=weights)
                last = sigma
            _smooth(weights, sums, counts, codebook)
            if epochs is None and done >= len(rough):
                error = float(np.sqrt(np.maximum(nearest + samples.lengths, 0.0) * samples.scale).mean())
                if abs(before - error) <= STOP_CHANGE * error:
                    break
                before = error
    finally:
        if pool is not None:
            pool.shutdown()
    return done


def two_nearest_nodes(
    samples: ArrayLike, codebook: ArrayLike, *, missing: str = "refuse", threads: int = 1
) -> tuple[Integers, Integers, Floats]:
    """Nearest node, second-nearest node (-1 on a map of one node) and distance to the nearest, for each sample; all in float64.

    Ties go to the node with the lower index. With ``missing="mask"`` a missing feature is left out: the squared distance is over the known
    features, times d / (number known).

    Raises
    ------
    InputError
        Samples that are not finite, or without any known feature, or a codebook with another number of features.

    Examples
    --------
    >>> nearest, second, distance = two_nearest_nodes([[0.2], [1.0]], [[0.0], [2.0], [0.0]])
    >>> nearest.tolist(), second.tolist(), distance.tolist()
    ([0, 0], [2, 1], [0.2, 1.0])
    """
    data, nodes = as_samples(samples, missing=missing), np.asarray(codebook, dtype=np.float64)
    if nodes.ndim != 2 or nodes.shape[1] != data.shape[1]:
        raise refuse(
            "som_features",
            expected=f"a codebook of {data.shape[1]} features",
            got=f"shape {nodes.shape}",
            where="codebook",
            fix="Use the features that the map was trained on, in the same order.",
        )
    n, nodes = len(data), np.ascontiguousarray(nodes)
    best, second, distance = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)

    def work(start: int) -> None:
        part = slice(start, start + BLOCK)
        _two_nearest(data[part], nodes, best[part], second[part], distance[part])

    _in_blocks(work, n, threads)
    return best, second, distance


def hit_counts(nodes: ArrayLike, size: int) -> Integers:
    """Number of samples at each of `size` nodes.

    >>> hit_counts([0, 2, 2], 4).tolist()
    [1, 0, 2, 0]
    """
    return np.bincount(np.asarray(nodes, dtype=np.int64), minlength=size)
