"""Passes over a matrix of links: what the fast paths ask of it before they take it as it is, and sums of its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def is_binary(weights: csr_array) -> bool:
    """Whether all weights are 1.

    Examples
    --------
    >>> is_binary(csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))), is_binary(csr_array(np.array([[0.0, 0.5], [1.0, 0.0]])))
    (True, False)
    """
    return bool(_all_one(weights.data))


@njit(cache=True, nogil=True)
def _all_one(data: Floats) -> bool:
    is_so = True
    for q in range(data.size):  # to the end, for nearly always it is: without a way out the loop takes several at once
        is_so &= data[q] == 1
    return is_so


def has_equal_weights(weights: csr_array) -> bool:
    """Whether all weights within each row are equal (binary, or row-standardised from binary).

    Examples
    --------
    >>> has_equal_weights(csr_array(np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])))
    True
    """
    return is_binary(weights) or bool(_equal_in_rows(weights.data, weights.indptr))


@njit(cache=True, nogil=True)
def _equal_in_rows(data: Floats, indptr: Integers) -> bool:
    """Whether each row holds one value."""
    for i in range(indptr.size - 1):
        for q in range(indptr[i] + 1, indptr[i + 1]):
            if data[q] != data[indptr[i]]:
                return False
    return True


def is_in_order(weights: csr_array) -> bool:
    """Whether the columns of each row rise and leave out the row itself: no self-link, and no link twice.

    Examples
    --------
    >>> is_in_order(csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))), is_in_order(csr_array(np.eye(2)))
    (True, False)
    """
    return bool(_is_in_order(weights.indptr, weights.indices))


@njit(cache=True, nogil=True)
def _is_in_order(indptr: Integers, indices: Integers) -> bool:
    for i in range(indptr.size - 1):
        before = indices.dtype.type(-1)
        for q in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):  # unsigned: no place counts from the end
            column = indices[q]
            if column <= before or column == i:
                return False
            before = column
    return True


class RowSums(NamedTuple):
    """Of each row of weights the sum over its links of w z, of w and of w squared; for binary weights the last two are one array."""

    lag: Floats
    margin: Floats
    squares: Floats


def lag_and_margins(values: Floats, weights: csr_array) -> RowSums:
    """``sum_j w_ij z_j``, ``sum_j w_ij`` and ``sum_j w_ij^2`` of each row, in one pass over the links.

    Examples
    --------
    >>> pair = csr_array(np.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> [each.tolist() for each in lag_and_margins(np.array([3.0, 5.0]), pair)]
    [[10.0, 3.0], [2.0, 1.0], [4.0, 1.0]]
    """
    if is_binary(weights):
        lag, counts = _lag_and_counts(values, weights.indices, weights.indptr)
        return RowSums(lag, counts, counts)
    return RowSums(*_lag_and_margins(values, weights.data, weights.indices, weights.indptr))


@njit(cache=True, nogil=True)
def _lag_and_counts(values: Floats, indices: Integers, indptr: Integers) -> tuple[Floats, Floats]:
    n = indptr.size - 1
    lag, counts = np.empty(n), np.empty(n)
    for i in range(n):
        total = 0.0
        for q in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):  # unsigned: no place counts from the end
            total += values[np.uint64(indices[q])]
        lag[i], counts[i] = total, indptr[i + 1] - indptr[i]
    return lag, counts


@njit(cache=True, nogil=True)
def _lag_and_margins(values: Floats, data: Floats, indices: Integers, indptr: Integers) -> tuple[Floats, Floats, Floats]:
    n = indptr.size - 1
    lag, margin, squares = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        weighted, total, squared = 0.0, 0.0, 0.0
        for q in range(indptr[i], indptr[i + 1]):
            weighted += data[q] * values[indices[q]]
            total += data[q]
            squared += data[q] * data[q]
        lag[i], margin[i], squares[i] = weighted, total, squared
    return lag, margin, squares


def largest_weights(weights: csr_array) -> Floats:
    """Largest weight of each row, 0 without links.

    Examples
    --------
    >>> largest_weights(csr_array(np.array([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))).tolist()
    [3.0, 0.0, 2.0]
    """
    if is_binary(weights):
        return (np.diff(weights.indptr) > 0).astype(np.float64)
    return np.asarray(weights.max(axis=1).toarray(), dtype=np.float64).ravel()
