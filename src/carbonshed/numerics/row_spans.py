"""Classes of the rows of a raster in cells whose borders are curves on it, by prefix sums of packed counters.

In each row the column lines cut spans of whole pixels, and one pixel each, which is split where the line crosses the middle of the
row. Where a row line runs through the row, each pixel is split where the line crosses the middle of the column. So a pixel's shares are
those of a line that is straight across it, they sum to 1, and the area on either side of a line is right row by row (column by column).

prefix[j] holds the packed classes of the pixels before j, modulo 2**64: the classes of a span of up to 255 pixels are the bytes of
one subtraction. All pixels of a row have the same weight.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carbonshed.numerics.curved_lines import Pieces
from carbonshed.numerics.packed_counts import Slots, packed

FloatArray = NDArray[np.float64]

BYTE, EIGHT = np.uint64(255), np.uint64(8)


def add_rows(
    block: Slots,
    top: int,
    weights: FloatArray,
    x: FloatArray,
    step: int,
    pieces: Pieces,
    first_rows: NDArray[np.int64],
    table: FloatArray,
    *,
    centre: bool,
) -> None:
    """Add the weighted classes of a strip to the cells of one grid.

        table[m, c, k] += sum over pixels of class k: weight of the row * share of the pixel above and below the row lines, left and
        right of the column lines that bound the cell

    Parameters
    ----------
    block : array (rows, columns) of uint8
        Classes of the strip.
    top : int
        Its first row.
    weights : array (rows,)
        Of a pixel in each row.
    x : array (nodes, lines)
        Columns at which the column lines pass the lattice rows (q - 3) step; line c is the left edge of cell column c. No line may lean
        by more than a column a row, and two lines lie more than two columns apart.
    step : int
        Pixels between nodes.
    pieces : Pieces
        Of the row lines, see `row_line_pieces`.
    first_rows : array (rows,)
        Cell row of the first pixel of each row where no line cuts it.
    table : array (cell rows, cell columns, classes)
        Changed in place: cell row 0 lies below row line 0; classes a multiple of eight.
    centre : bool
        Give a cut pixel wholly to the cell of its centre.
    """
    _add_rows(block, top, weights, x, step, *pieces, first_rows, table, centre)


@njit(cache=True, nogil=True)
def _prefix(row, prefix):  # type: ignore[no-untyped-def]
    words = prefix.shape[0]
    for w in range(words):
        total = np.uint64(0)
        line = prefix[w]
        for j in range(row.size):
            total += packed(row[j], w, words)
            line[j + 1] = total


@njit(cache=True, nogil=True)
def _positions(x, step, row, out):  # type: ignore[no-untyped-def]
    """Where the column lines cross the middle of a row."""
    at = (row + 0.5) / step
    s = int(at)
    t = at - s
    a0, a1 = -t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2
    a2, a3 = -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6
    p0, p1, p2, p3 = x[s + 2], x[s + 3], x[s + 4], x[s + 5]
    for c in range(out.size):
        out[c] = a0 * p0[c] + a1 * p1[c] + a2 * p2[c] + a3 * p3[c]


@njit(cache=True, nogil=True)
def _add_bytes(counts, weight, flat, at):  # type: ignore[no-untyped-def]
    """flat[at + k] += weight x byte k of the packed counts; unsigned positions let it run on all eight at once."""
    for k in range(np.uint64(8)):
        flat[at + k] += weight * np.float64(np.int32((counts >> (EIGHT * k)) & BYTE))


@njit(cache=True, nogil=True)
def _add_span(prefix, start, end, weight, flat, at):  # type: ignore[no-untyped-def]
    """flat[at + class] += weight x pixels of the class among start .. end - 1."""
    while start < end:
        stop = min(start + 255, end)  # what a byte can count
        for w in range(prefix.shape[0]):
            _add_bytes(prefix[w, stop] - prefix[w, start], weight, flat, at + EIGHT * np.uint64(w))
        start = stop


@njit(cache=True, nogil=True)
def _left_share(line, j, centre):  # type: ignore[no-untyped-def]
    """Share of pixel j left of a column line that crosses the middle of the row at `line`."""
    share = min(max(line - j, 0.0), 1.0)
    if centre:
        return 1.0 if share > 0.5 else 0.0
    return share


@njit(cache=True, nogil=True)
def _add_clean(prefix, row, start, end, cell, weight, xs, centre, flat, begin, stride):  # type: ignore[no-untyped-def]
    """Pixels start .. end - 1 of a row that no row line cuts; returns the cell that the pixel `end` begins in.

    `begin` is where the cell row stands in the flat table, `stride` the classes of a cell.
    """
    last = xs.size - 2
    at = begin + np.uint64(cell) * stride
    k, rest = np.uint64(0), 0.0  # right part of the last cut pixel: added after the span, so that the eight need not wait for the one
    while cell < last and xs[cell + 1] < end:
        j = max(int(xs[cell + 1]), start)
        _add_span(prefix, start, j, weight, flat, at)
        flat[at + k] += rest
        part = weight * _left_share(xs[cell + 1], j, centre)
        k, rest = np.uint64(row[j]), weight - part
        flat[at + k] += part
        at += stride
        start = j + 1
        cell += 1
    _add_span(prefix, start, end, weight, flat, at)
    flat[at + k] += rest
    return cell


@njit(cache=True, nogil=True)
def _add_cut(row, start, end, cell, weight, xs, centre, share, offset, flat, above, below, stride):  # type: ignore[no-untyped-def]
    """Pixels start .. end - 1 of a row that a row line cuts: share[offset] ... of each lie above it."""
    last = xs.size - 2
    for j in range(start, end):
        part = share[offset + j - start] * weight
        rest = weight - part
        at = np.uint64(cell) * stride + np.uint64(row[j])
        if cell < last and xs[cell + 1] < j + 1:
            left = _left_share(xs[cell + 1], j, centre)
            flat[above + at] += part * left
            flat[below + at] += rest * left
            cell += 1
            at += stride
            part, rest = part * (1.0 - left), rest * (1.0 - left)
        flat[above + at] += part
        flat[below + at] += rest
    return cell


@njit(cache=True, nogil=True)
def _add_rows(  # type: ignore[no-untyped-def]
    block, top, weights, x, step, pointer, starts, ends, lines, after, offset, share, first_rows, table, centre
):
    height, width = block.shape
    n_rows, n_cols, n_classes = table.shape
    flat, stride, row_stride = table.reshape(-1), np.uint64(n_classes), np.uint64(n_cols * n_classes)
    prefix = np.zeros((n_classes // 8, width + 1), np.uint64)
    xs = np.empty(x.shape[1])
    for i in range(height):
        row, weight = block[i], weights[i]
        _prefix(row, prefix)
        _positions(x, step, top + i, xs)
        cell = 0
        while cell < xs.size - 2 and xs[cell + 1] <= 0:
            cell += 1
        cell_row = min(max(first_rows[i], 0), n_rows - 1)
        j = 0
        for piece in range(pointer[i], pointer[i + 1]):
            if starts[piece] > j:
                cell = _add_clean(prefix, row, j, starts[piece], cell, weight, xs, centre, flat, np.uint64(cell_row) * row_stride, stride)
            above = np.uint64(min(max(lines[piece] - 1, 0), n_rows - 1)) * row_stride
            below = np.uint64(min(max(lines[piece], 0), n_rows - 1)) * row_stride
            j = ends[piece]
            cell = _add_cut(row, starts[piece], j, cell, weight, xs, centre, share, offset[piece], flat, above, below, stride)
            cell_row = min(max(after[piece], 0), n_rows - 1)
        if j < width:
            _add_clean(prefix, row, j, width, cell, weight, xs, centre, flat, np.uint64(cell_row) * row_stride, stride)
