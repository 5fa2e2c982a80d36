"""Permutation test of global Moran's I: a shuffle and a sum over pairs in one compiled loop, and the exact moments behind it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu
from scipy.special import ndtr

from carbonshed.numerics.autocorrelation import WeightSums, deviations, moran_i, weight_sums
from carbonshed.numerics.permutation import pseudo_p

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLOCK = 125
"""Shuffles that one generator draws."""

LEAST_SITES = 2000
"""Fewer sites are shuffled on the thread that calls: others would not gain."""

NO_SPREAD = 1e-12
"""A standard deviation of I that is rounding alone: every order of the values gives the same I."""


class MoranTest(NamedTuple):
    """Moran's I, its z and two-sided p, and where they come from: ``permutation``, ``normal``, or ``none``."""

    moran_i: float
    z: float
    p: float
    inference: str


def moran_test(
    values: Floats,
    weights: csr_array,
    *,
    permutations: int = 999,
    seed: int = 0,
    permutation_limit: int | None = None,
    certain_z: float | None = None,
    sums: WeightSums | None = None,
) -> MoranTest:
    """Moran's I with ``z = (I - E[I]) / sd`` and two-sided p from permutations of the values, ``E[I] = -1 / (n - 1)``.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Finite.
    weights : csr_array, shape (n, n)
    permutations, seed : int
        0 permutations: I alone.
    permutation_limit : int, optional
        Where n is above this, sd is the exact one over all permutations (`permutation_variance`) and p that of the normal
        distribution that Moran's I then follows.
    certain_z : float, optional
        The same where abs(z) with the exact sd is above this. Whatever the distribution, at most ``1 / (1 + z^2)`` of all
        permutations lie so far to one side (Cantelli), so that from z = 14.2 on p < 0.01 needs no draw.
    sums : WeightSums, optional
        Of the weights, where they are known.

    Returns
    -------
    MoranTest
        NaN for a constant field, fewer than four values, or no link; z is NaN and p is 1 where every order of the values gives the same
        I (all sites linked with all).

    Notes
    -----
    Source: Moran (1950); Cliff and Ord (1981), textbook form. The same seed gives the same bytes on any number of threads.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> test = moran_test(np.array([1.0, 2, 3, 4]), line)
    >>> round(test.moran_i, 6), test.inference, test.p > 0.05
    (0.333333, 'permutation', True)
    """
    n, nan = values.size, float("nan")
    observed = moran_i(values, weights)
    if n < 4 or np.isnan(observed) or permutations == 0:
        return MoranTest(observed if n >= 4 else nan, nan, nan, "none")
    too_many = permutation_limit is not None and n > permutation_limit
    if too_many or certain_z is not None:
        variance = permutation_variance(values, weight_sums(weights) if sums is None else sums)
        z = (observed + 1 / (n - 1)) / float(np.sqrt(variance)) if variance > NO_SPREAD**2 else nan
        if too_many or abs(z) > (certain_z or 0):
            return MoranTest(observed, z, float(2 * ndtr(-abs(z))), "normal")
    drawn = permuted_moran(values, weights, permutations=permutations, seed=seed)
    spread = float(drawn.std())
    if spread <= NO_SPREAD:
        return MoranTest(observed, nan, 1.0, "permutation")
    slack = 1e-9 * spread + 1e-15 * abs(observed)
    greater, less = np.sum(drawn >= observed - slack), np.sum(drawn <= observed + slack)
    p = float(pseudo_p(np.asarray(greater), np.asarray(less), permutations))
    return MoranTest(observed, (observed + 1 / (n - 1)) / spread, p, "permutation")


def permuted_moran(values: Floats, weights: csr_array, *, permutations: int = 999, seed: int = 0) -> Floats:
    """Moran's I of `permutations` random shuffles of the values over the sites; O(permutations (n + links)).

    Shuffles are drawn in blocks with a generator each, so that any number of threads gives the same bytes.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> round(float(permuted_moran(np.array([1.0, 2, 3, 4]), line).max()), 6)
    0.333333
    """
    centred = deviations(values)
    pairs = csr_array(triu(weights + weights.T, k=1))
    pairs.sort_indices()
    equal = bool(pairs.nnz) and bool(np.all(pairs.data == pairs.data[0]))
    data = np.zeros(0) if equal else pairs.data
    sizes = [min(BLOCK, permutations - first) for first in range(0, permutations, BLOCK)]

    def run(block: int) -> Floats:
        products: Floats = _shuffled_products(
            centred, pairs.indptr, pairs.indices, data, sizes[block], np.random.default_rng([seed, block])
        )
        return products

    if len(sizes) > 1 and centred.size > LEAST_SITES:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            cross = np.concatenate(list(pool.map(run, range(len(sizes)))))
    else:
        cross = np.concatenate([run(block) for block in range(len(sizes))])
    factor = pairs.data[0] if equal else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn: Floats = values.size * factor * cross / (float(weights.sum()) * float(centred @ centred))
    return drawn


@njit(cache=True, nogil=True)
def _shuffled_products(
    values: Floats, indptr: Integers, indices: Integers, data: Floats, permutations: int, generator: np.random.Generator
) -> Floats:
    """Sum over pairs of z_i z_j (times `data`, where given) for each of a run of shuffles (Fisher and Yates)."""
    field = values.copy()  # shuffled again and again: a shuffle of a shuffle is as fair
    products = np.empty(permutations)
    for p in range(permutations):
        for i in range(field.size - 1, 0, -1):
            j = int(generator.random() * (i + 1))
            card = field[i]
            field[i] = field[j]
            field[j] = card
        total = 0.0
        for i in range(field.size):
            lag = 0.0
            if data.size:
                for q in range(indptr[i], indptr[i + 1]):
                    lag += data[q] * field[indices[q]]
            else:
                for q in range(indptr[i], indptr[i + 1]):
                    lag += field[indices[q]]
            total += field[i] * lag
        products[p] = total
    return products


def permutation_variance(values: Floats, sums: WeightSums) -> float:
    """Variance of Moran's I over all permutations of the values, ``E[I^2] - 1 / (n - 1)^2``; n >= 4.

    ``E[I^2] = (n ((n^2 - 3n + 3) S1 - n S2 + 3 S0^2) - b2 ((n^2 - n) S1 - 2n S2 + 6 S0^2)) / ((n-1)(n-2)(n-3) S0^2)`` with
    ``b2 = n sum d^4 / (sum d^2)^2``, d the deviations from the mean.

    Notes
    -----
    Source: Cliff and Ord (1981), the moments under randomisation.

    Examples
    --------
    The line 1, 2, 3, 4: the mean of I^2 over its 24 orders less 1/9.

    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> round(permutation_variance(np.array([1.0, 2, 3, 4]), weight_sums(line)), 6)
    0.177778
    """
    n, (s0, s1, s2), d = values.size, sums, deviations(values)
    squares = float(d @ d)
    if n < 4 or squares == 0 or s0 == 0:
        return float("nan")
    b2 = n * float((d**4).sum()) / squares**2
    first = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = b2 * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    return (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - 1 / (n - 1) ** 2
