"""Spatial autocorrelation of a field on weighted links: Moran, Geary, General G; local Moran, Gi and Gi*.

Throughout z_i is the value at site i, zb the mean of n values, w_ij the weight of the link i -> j without self-links, and
S0 = sum w_ij. What is undefined (a constant field, no link) is NaN. All formulas are textbook form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carbonshed.numerics.links import RowSums, lag_and_margins

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLAS_ALONE = 10_000
"""Longest vectors that BLAS multiplies on one thread: the last bits of longer sums depend on the number of its threads."""

NEGLIGIBLE = 1e-12
"""Differences below this part of the largest value are rounding: a field that varies by less is constant."""

SAME, SAME_RANGE = 1e-4, 1e-2
"""Standard deviation and range, as parts of the largest value, below which densities are the same: pixels of 5 km that are cut by the edges
of cells of 6 km leave 3e-5 and 4e-4 on a uniform map."""


class WeightSums(NamedTuple):
    """S0, S1 and S2 of a weights matrix."""

    s0: float
    s1: float
    s2: float


def weight_sums(weights: csr_array) -> WeightSums:
    """Sums of the weights that the variances of global statistics need.

    ``S0 = sum w_ij``, ``S1 = sum (w_ij + w_ji)^2 / 2``, ``S2 = sum_i (sum_j w_ij + sum_j w_ji)^2``. Source: Cliff and Ord (1981).

    Examples
    --------
    >>> pair = csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> weight_sums(pair)
    WeightSums(s0=2.0, s1=4.0, s2=8.0)
    """
    both = weights + weights.T
    margins = weights.sum(axis=1) + weights.sum(axis=0)
    return WeightSums(float(weights.sum()), float((both.data**2).sum() / 2), float((margins**2).sum()))


def dot(a: Floats, b: Floats) -> float:
    """Sum of the products of two vectors, the same bytes on any number of threads.

    Examples
    --------
    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    if a.size <= BLAS_ALONE:
        return float(a @ b)
    return float(sum(float(a[i : i + BLAS_ALONE] @ b[i : i + BLAS_ALONE]) for i in range(0, a.size, BLAS_ALONE)))


def quadrants(centred: Floats, sums: RowSums) -> NDArray[np.int8]:
    """Quadrant of each site by the signs of its deviation and of its lag: 1 high-high, 2 low-low, 3 high-low, 4 low-high, else 0.

    A lag that is rounding alone is zero.

    Examples
    --------
    >>> pair = csr_array(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    >>> centred = np.array([1.0, -2.0, 1.0])
    >>> quadrants(centred, lag_and_margins(centred, pair)).tolist()
    [3, 4, 3]
    """
    return np.asarray(_quadrants(centred, sums.lag, sums.margin))


@njit(cache=True, nogil=True)
def _quadrants(centred: Floats, lag: Floats, margin: Floats) -> NDArray[np.int8]:
    found, negligible = np.zeros(centred.size, np.int8), NEGLIGIBLE * _largest(centred)
    for i in range(centred.size):  # without a branch that could be guessed wrongly
        high, alike = centred[i] > 0, (centred[i] > 0) == (lag[i] > 0)
        found[i] = (4 - high - 2 * alike) * ((centred[i] != 0) & (abs(lag[i]) > negligible * margin[i]))
    return found


def deviations(values: Floats) -> Floats:
    """Deviations from the mean, with rounding noise set to an exact zero; all zero for a constant field.

    Examples
    --------
    >>> deviations(np.array([0.1, 0.2, 0.3])).round(3).tolist()
    [-0.1, 0.0, 0.1]
    """
    if values.size == 0 or np.ptp(values) <= NEGLIGIBLE * _largest(values):
        return np.zeros(values.size)
    return np.asarray(_deviations(values, float(values.mean())))


@njit(cache=True, nogil=True)
def _deviations(values: Floats, mean: float) -> Floats:
    centred = values - mean
    negligible = NEGLIGIBLE * _largest(centred)
    for i in range(centred.size):
        if abs(centred[i]) <= negligible:
            centred[i] = 0.0
    return centred


@njit(cache=True, nogil=True)
def _largest(values: Floats) -> float:
    """Largest absolute value, 0 of none."""
    largest = 0.0
    for i in range(values.size):
        largest = max(largest, abs(values[i]))
    return largest


def settled(density: Floats) -> Floats:
    """Densities as they are, or all set to their mean where they differ by no more than the rounding of areas: noise is no pattern.

    That is where their standard deviation is at most 1e-4, and their range at most 1e-2, of the largest absolute value. NaN stays NaN.

    Examples
    --------
    >>> settled(np.array([2.0, 2.0 + 4e-8])).tolist() == [2.0 + 2e-8] * 2, settled(np.array([2.0, 2.1])).tolist()
    (True, [2.0, 2.1])
    """
    known = density[~np.isnan(density)]
    if known.size == 0:
        return density
    largest = float(np.abs(known).max())
    if known.std() > SAME * largest or np.ptp(known) > SAME_RANGE * largest:
        return density
    return np.where(np.isnan(density), np.nan, known.mean())


def moran_i(values: Floats, weights: csr_array) -> float:
    """Moran's I: ``(n / S0) sum_ij w_ij (z_i - zb)(z_j - zb) / sum_i (z_i - zb)^2``, dimensionless.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    weights : csr_array, shape (n, n)

    Returns
    -------
    float
        NaN for a constant field or where there is no link. E[I] = -1 / (n - 1).

    Notes
    -----
    Source: Moran (1950); Cliff and Ord (1981), textbook form.

    Examples
    --------
    The line 1, 2, 3, 4 with binary links: (4 / 6) (2 (0.75 - 0.25 + ...)) = 1/3.

    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> round(moran_i(np.array([1.0, 2, 3, 4]), line), 12)
    0.333333333333
    """
    centred = deviations(values)
    return _ratio(values.size * dot(centred, weights @ centred), float(weights.sum()) * dot(centred, centred))


def geary_c(values: Floats, weights: csr_array) -> float:
    """Geary's C: ``((n - 1) / (2 S0)) sum_ij w_ij (z_i - z_j)^2 / sum_i (z_i - zb)^2``; E[C] = 1, below 1 is clustering.

    Source: Geary (1954), textbook form. NaN for a constant field or where there is no link.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> round(geary_c(np.array([1.0, 2, 3, 4]), line), 12)
    0.3
    """
    centred = deviations(values)
    margins = np.asarray(weights.sum(axis=1) + weights.sum(axis=0), dtype=np.float64)
    squares = dot(margins, centred**2) - 2 * dot(centred, weights @ centred)
    return _ratio((values.size - 1) * squares, 2 * float(weights.sum()) * dot(centred, centred))


def general_g(values: Floats, weights: csr_array) -> float:
    """General G: ``sum_ij w_ij z_i z_j / sum_{i != j} z_i z_j`` for z >= 0 and binary w; E[G] = S0 / (n (n - 1)).

    Source: Getis and Ord (1992), equation 5. NaN where all products are zero.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> round(general_g(np.array([1.0, 2, 3, 4]), line) * 7, 12)
    4.0
    """
    return _ratio(dot(values, weights @ values), _pair_products(values))


def moran_variance(n: int, sums: WeightSums) -> float:
    """Variance of Moran's I for independent normal values: ``(n^2 S1 - n S2 + 3 S0^2) / ((n^2 - 1) S0^2) - 1 / (n - 1)^2``.

    Source: Cliff and Ord (1981), textbook form.
    """
    s0, s1, s2 = sums
    return _ratio(n * n * s1 - n * s2 + 3 * s0**2, (n * n - 1) * s0**2) - 1 / (n - 1) ** 2


def geary_variance(n: int, sums: WeightSums) -> float:
    """Variance of Geary's C for independent normal values: ``((2 S1 + S2)(n - 1) - 4 S0^2) / (2 (n + 1) S0^2)``.

    Source: Cliff and Ord (1981), textbook form.
    """
    s0, s1, s2 = sums
    return _ratio((2 * s1 + s2) * (n - 1) - 4 * s0**2, 2 * (n + 1) * s0**2)


def general_g_variance(values: Floats, sums: WeightSums) -> float:
    """Variance of General G over all permutations of the values, ``E[G^2] - E[G]^2``; needs n >= 4.

    Source: Getis and Ord (1992), equations 7-9.
    """
    n, (s0, s1, s2) = values.size, sums
    m1, m2, m3, m4 = (float((values**power).sum()) for power in (1, 2, 3, 4))
    b0 = (n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2
    b1 = -((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    b2 = -(2 * n * s1 - (n + 3) * s2 + 6 * s0**2)
    b3 = 4 * (n - 1) * s1 - 2 * (n + 1) * s2 + 8 * s0**2
    b4 = s1 - s2 + s0**2
    numerator = b0 * m2**2 + b1 * m4 + b2 * m1**2 * m2 + b3 * m1 * m3 + b4 * m1**4
    return _ratio(numerator, (m1**2 - m2) ** 2 * n * (n - 1) * (n - 2) * (n - 3)) - (s0 / (n * (n - 1))) ** 2


class Permuted(NamedTuple):
    """Global statistics of permuted fields, each of shape (permutations,)."""

    moran_i: Floats
    geary_c: Floats
    general_g: Floats


def permuted_statistics(values: Floats, weights: csr_array, *, permutations: int = 999, seed: int = 0) -> Permuted:
    """Moran's I, Geary's C and General G of `permutations` random shuffles of the values over the sites.

    All three follow from one cross-product ``sum_ij w_ij z_i z_j`` and one sum of squares weighted by the margins.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> float(permuted_statistics(np.array([1.0, 2, 3, 4]), line, permutations=99).geary_c.min().round(6))
    0.3
    """
    generator = np.random.default_rng(seed)
    n, s0, centred, mean = values.size, float(weights.sum()), deviations(values), float(values.mean())
    margins = np.asarray(weights.sum(axis=1) + weights.sum(axis=0), dtype=np.float64)
    cross, squares, linear = (np.empty(permutations) for _ in range(3))
    for p in range(permutations):
        field = generator.permutation(centred)
        cross[p], squares[p], linear[p] = dot(field, weights @ field), dot(margins, field**2), dot(margins, field)
    total = dot(centred, centred)
    with np.errstate(divide="ignore", invalid="ignore"):
        products = (cross + mean * linear + mean**2 * s0) / _pair_products(values)
        return Permuted(n / s0 * cross / total, (n - 1) / (2 * s0) * (squares - 2 * cross) / total, products)


def local_moran_i(values: Floats, weights: csr_array) -> Floats:
    """Local Moran: ``I_i = ((z_i - zb) / m2) sum_j w_ij (z_j - zb)`` with ``m2 = sum (z - zb)^2 / n``; NaN without neighbours.

    With row-standardised weights and no site without neighbours the mean of I_i is Moran's I.
    Source: Anselin (1995), equation 12, with m2 divided by n.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 1, 0]]))
    >>> local_moran_i(np.array([1.0, 2, 3, 4]), line).round(12).tolist()
    [0.6, 0.2, 0.2, 0.6]
    """
    centred = deviations(values)
    return local_moran_of(centred, weights @ centred, np.diff(weights.indptr) > 0)


def local_moran_of(centred: Floats, lag: Floats, linked: NDArray[np.bool_]) -> Floats:
    """Local Moran from deviations, their weighted sums over the neighbours, and which sites have neighbours; see `local_moran_i`."""
    total = dot(centred, centred)
    if total == 0:
        return np.full(centred.size, np.nan)
    local = centred.size * centred
    local *= lag
    local /= total
    local[~linked] = np.nan
    return local


def getis_ord_z(values: Floats, weights: csr_array, self_weights: Floats | None = None) -> Floats:
    """Gi* (with self-weights) or Gi (without) as a z-score; NaN without neighbours or where a site is linked to all.

    ``Gi*_i = (sum_j w_ij z_j - zb W_i) / (s sqrt((n sum_j w_ij^2 - W_i^2) / (n - 1)))`` with ``W_i = sum_j w_ij``, w_ii included
    and s the standard deviation (divided by n). Gi leaves site i out of the sums, of the mean, of s and of n.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    weights : csr_array, shape (n, n)
        Without self-links.
    self_weights : ndarray of float64, shape (n,), optional
        w_ii; None for Gi.

    Notes
    -----
    Multiplying a row of weights by a constant changes nothing, so binary and row-standardised weights give the same z.
    Source: Ord and Getis (1995), equations 4 and 5.

    Examples
    --------
    >>> line = csr_array(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))
    >>> getis_ord_z(np.array([1.0, 2, 3, 4]), line, np.ones(4)).round(4).tolist()
    [-1.5492, -1.3416, 1.3416, 1.5492]
    """
    return getis_ord_of(deviations(values), weights, self_weights)


def getis_ord_of(centred: Floats, weights: csr_array, self_weights: Floats | None = None) -> Floats:
    """Gi* or Gi from deviations; see `getis_ord_z`."""
    sums = lag_and_margins(centred, weights)
    return np.asarray(
        _getis_ord(centred, dot(centred, centred), *sums, weights.indptr, np.zeros(0) if self_weights is None else self_weights)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _getis_ord(
    centred: Floats, squares_of_all: float, lag: Floats, margin: Floats, squares: Floats, indptr: Integers, self_weights: Floats
) -> Floats:
    """The z of each site from its sums; no self-weights: Gi."""
    z, star = np.full(centred.size, np.nan), self_weights.size > 0
    n = centred.size if star else centred.size - 1
    of_all = squares_of_all / n
    for i in range(centred.size):
        above, weight, squared, variance = lag[i], margin[i], squares[i], of_all
        if star:
            above += self_weights[i] * centred[i]
            weight += self_weights[i]
            squared += self_weights[i] ** 2
        else:
            mean = -centred[i] / n
            variance = (squares_of_all - centred[i] ** 2) / n - mean**2
            above -= weight * mean
        spread = (n * squared - weight**2) / (n - 1)
        if indptr[i + 1] > indptr[i] and spread > NEGLIGIBLE * squared and variance > NEGLIGIBLE * of_all:
            z[i] = above / np.sqrt(variance * spread)
    return z


def _pair_products(values: Floats) -> float:
    """``sum_{i != j} z_i z_j``."""
    return float(values.sum() ** 2 - dot(values, values))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")
