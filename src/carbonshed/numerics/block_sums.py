"""Sums of a table over blocks of neighbouring rows and columns."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def sum_blocks(values: FloatArray, rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> FloatArray:
    """``out[rows[i], columns[j], k] += values[i, j, k]``, added in the order of the table.

    Parameters
    ----------
    values : array (n, m, classes)
    rows, columns : array (n,), (m,)
        Block of each row and column, within `shape`.
    shape : (rows, columns)
        Of the result.

    Examples
    --------
    >>> sum_blocks(np.arange(6.0).reshape(1, 6, 1), np.array([0]), np.array([0, 0, 1, 1, 1, 2]), (1, 3)).ravel().tolist()
    [1.0, 9.0, 5.0]
    """
    out = np.zeros((*shape, values.shape[2]))
    _sum_blocks(values, rows, columns, out)
    return out


@njit(cache=True, nogil=True)
def _sum_blocks(values, rows, columns, out):  # type: ignore[no-untyped-def]
    for i in range(values.shape[0]):
        line, source = out[rows[i]], values[i]
        for j in range(values.shape[1]):
            c = columns[j]
            for k in range(values.shape[2]):
                line[c, k] += source[j, k]
