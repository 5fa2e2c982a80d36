"""Classes of a strip of pixels counted by rows and columns of runs, eight classes at once in the bytes of a 64-bit word.

A pixel of class k adds 1 << 8 k to a word: eight counters up to 255 each, and the inner loop is a shift and an addition that a
processor does for eight pixels at once. More classes take more words. A word is emptied before a byte could overflow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Slots = NDArray[np.uint8]
CountArray = NDArray[np.int32]

CLASSES_PER_WORD = 8

COLUMNS_AT_ONCE = 4096
"""Columns whose words (32 kB) stay in the nearest cache while rows are added and runs are emptied."""

ONE = np.uint64(1)
THREE, SEVEN, EIGHT = np.uint64(3), np.uint64(7), np.uint64(8)
EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)
SIXTEEN_BITS = np.uint64(0xFFFF)


def n_words(n_classes: int) -> int:
    """Words that hold the counters of `n_classes` classes.

    Examples
    --------
    >>> n_words(8), n_words(9)
    (1, 2)
    """
    return -(-n_classes // CLASSES_PER_WORD)


def count_runs(block: Slots, row_edges: IntArray, column_edges: IntArray, n_classes: int) -> CountArray:
    """Pixels of each class between successive row edges and column edges.

        counts[a, b, k] = number of pixels (i, j) of class k with row_edges[a] <= i < row_edges[a + 1] and j alike

    Parameters
    ----------
    block : array (rows, columns) of uint8
        Classes, each below `n_classes` rounded up to a multiple of eight; not checked here.
    row_edges, column_edges : array
        Ascending, from 0 to the number of rows or columns.
    n_classes : int
        Number of classes.

    Returns
    -------
    array (row runs, column runs, 8 words) of int32

    Examples
    --------
    >>> block = np.array([[0, 1, 1], [2, 1, 1]], dtype=np.uint8)
    >>> count_runs(block, np.array([0, 2]), np.array([0, 1, 3]), 3)[0, :, :3].tolist()
    [[1, 0, 1], [0, 4, 0]]
    """
    counts = np.zeros((len(row_edges) - 1, len(column_edges) - 1, CLASSES_PER_WORD * n_words(n_classes)), dtype=np.int32)
    _count_runs(block, row_edges, column_edges, counts)
    return counts


def look_up_pairs(first: Slots, second: Slots, table: Slots) -> Slots:
    """``table[first, second]`` as an array of bytes; every value of either must lie within the table.

    Examples
    --------
    >>> table = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    >>> look_up_pairs(np.array([[0, 1]], dtype=np.uint8), np.array([[1, 1]], dtype=np.uint8), table).tolist()
    [[2, 4]]
    """
    out = np.empty(first.shape, dtype=np.uint8)
    _look_up_pairs(np.ascontiguousarray(first).ravel(), np.ascontiguousarray(second).ravel(), table, out.ravel())
    return out


def look_up(block: NDArray[np.integer[Any]], table: Slots, low: int) -> Slots:
    """``table[block - low]`` as an array of bytes; every value of `block` must lie in low .. low + len(table) - 1.

    Examples
    --------
    >>> look_up(np.array([[-1, 1]], dtype=np.int16), np.array([7, 8, 9], dtype=np.uint8), -1).tolist()
    [[7, 9]]
    """
    out = np.empty(block.shape, dtype=np.uint8)
    _look_up(np.ascontiguousarray(block).ravel(), table, low, out.ravel())
    return out


@njit(cache=True, nogil=True)
def _look_up(block, table, low, out):  # type: ignore[no-untyped-def]
    for i in range(block.size):
        out[i] = table[np.int64(block[i]) - low]


@njit(cache=True, nogil=True)
def _look_up_pairs(first, second, table, out):  # type: ignore[no-untyped-def]
    flat, width = table.ravel(), np.uint64(table.shape[1])
    for i in range(out.size):
        out[i] = flat[first[i] * width + second[i]]


@njit(cache=True, nogil=True)
def packed(code, word, words):  # type: ignore[no-untyped-def]
    """What a pixel adds to a word: one in the byte of its class if the class belongs to this word, else nothing."""
    one = ONE << ((np.uint64(code) & SEVEN) << THREE)
    return one if words == 1 or (code >> 3) == word else np.uint64(0)


@njit(cache=True, nogil=True)
def _add_rows(block, top, bottom, left, right, word, words, sums):  # type: ignore[no-untyped-def]
    """sums[column - left] += the packed classes of the rows top .. bottom - 1, at most 255 of them."""
    part = sums[: right - left]
    for i in range(top, bottom):
        row = block[i, left:right]
        for j in range(part.size):
            part[j] += packed(row[j], word, words)


@njit(cache=True, nogil=True)
def _empty_run(sums, first, end, counts, at):  # type: ignore[no-untyped-def]
    """Add the bytes of the words first .. end - 1 to the eight counts from `at` on, and set the words to 0."""
    while first < end:
        stop = min(first + 255, end)  # 255 columns of at most 255 pixels fit into sixteen bits
        even, odd = np.uint64(0), np.uint64(0)
        for j in range(first, stop):
            even += sums[j] & EVEN_BYTES
            odd += (sums[j] >> EIGHT) & EVEN_BYTES
        sums[first:stop] = 0
        for k in range(np.uint64(4)):
            shift = np.uint64(16) * k
            counts[at + np.uint64(2) * k] += np.int32((even >> shift) & SIXTEEN_BITS)
            counts[at + np.uint64(2) * k + ONE] += np.int32((odd >> shift) & SIXTEEN_BITS)
        first = stop


@njit(cache=True, nogil=True)
def _count_runs(block, row_edges, column_edges, counts):  # type: ignore[no-untyped-def]
    words, width = counts.shape[2] // 8, block.shape[1]
    sums, flat = np.zeros(min(width, COLUMNS_AT_ONCE), np.uint64), counts.reshape(-1)
    first = 0  # column run that reaches into these columns
    for left in range(0, width, COLUMNS_AT_ONCE):
        right = min(left + COLUMNS_AT_ONCE, width)
        while column_edges[first + 1] <= left:
            first += 1
        for a in range(row_edges.size - 1):
            for top in range(row_edges[a], row_edges[a + 1], 255):
                bottom = min(top + 255, row_edges[a + 1])
                for w in range(words):
                    _add_rows(block, top, bottom, left, right, w, words, sums)
                    b = first
                    while b < column_edges.size - 1 and column_edges[b] < right:
                        begin, end = max(column_edges[b], left), min(column_edges[b + 1], right)
                        _empty_run(sums, begin - left, end - left, flat, np.uint64(((a * counts.shape[1] + b) * words + w) * 8))
                        b += 1
