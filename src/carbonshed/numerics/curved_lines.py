"""Lines of a map grid as curves on a raster of another projection: where they cross its rows and columns.

A coordinate of the map (in sides of cells) is known at the nodes of a coarse lattice of pixel corners; between four neighbouring
nodes it is the cubic through them. A *column line* is the curve x(row) on which the coordinate to the right is a whole number, a *row
line* the curve y(column) on which the coordinate downwards is. Both are traced on the lattice lines once and are cubics between them,
so that a crossing costs a few multiplications. Pixel (i, j) is the square [j, j + 1] x [i, i + 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BEYOND = 3
"""Nodes of the lattice on each side of the raster."""


class Pieces(NamedTuple):
    """Where row lines run through the rows of a strip: the pieces of row r are pointer[r] .. pointer[r + 1] - 1, from left to right.

    start, end : columns of the piece, whose pixels the line cuts at their middle.
    line : the row line.
    after : the cell row of the pixels right of the piece.
    offset : where in `share` the pieces' shares begin.
    share : the part of each cut pixel above the line.
    """

    pointer: IntArray
    start: IntArray
    end: IntArray
    line: IntArray
    after: IntArray
    offset: IntArray
    share: FloatArray


def trace(values: FloatArray, n_lines: int, step: int) -> FloatArray:
    """Where, along its last axis, a coordinate given at lattice nodes takes the values 0, 1, ... n_lines - 1.

    Parameters
    ----------
    values : array (lattice lines, nodes)
        Strictly ascending along the last axis; node q stands at pixel (q - 3) step.
    n_lines : int
        Number of whole values looked for.
    step : int
        Pixels between nodes.

    Returns
    -------
    array (lattice lines, n_lines)
        Positions in pixels; outside of the nodes by straight continuation.

    Examples
    --------
    >>> trace(np.arange(8.0)[None] * 2 - 6, 3, 10).round(9).tolist()  # two cells a node, 0 at pixel 0
    [[0.0, 5.0, 10.0]]
    """
    out = np.empty((values.shape[0], n_lines))
    _trace(np.ascontiguousarray(values), step, out)
    return out


def row_line_pieces(y: FloatArray, step: int, top: int, bottom: int, width: int, *, centre: bool) -> Pieces:
    """The pieces of row lines in the rows top .. bottom - 1.

    Parameters
    ----------
    y : array (lines, nodes)
        Rows at which the lines pass the lattice columns (q - 3) step; line m is the upper edge of cell row m. No line may rise or fall
        by more than a row a column, and two lines lie more than two rows apart.
    step : int
        Pixels between nodes.
    top, bottom, width : int
        The strip.
    centre : bool
        Give a cut pixel wholly to the side of its centre.
    """
    row, start, end, line, after, offset, share = _pieces(y, step, top, bottom, width, centre)
    pointer, order = _by_row(row, start, bottom - top)
    return Pieces(pointer, start[order], end[order], line[order], after[order], offset[order], share)


@njit(cache=True, nogil=True)
def cubic(p0, p1, p2, p3):  # type: ignore[no-untyped-def]
    """Coefficients c0 .. c3 of the cubic that is p0, p1, p2, p3 at -1, 0, 1, 2."""
    return p1, p2 - p1 / 2 - p0 / 3 - p3 / 6, (p0 + p2) / 2 - p1, (p3 - p0) / 6 + (p1 - p2) / 2


@njit(cache=True, nogil=True)
def _trace(values, step, out):  # type: ignore[no-untyped-def]
    n_nodes = values.shape[1]
    for i in range(values.shape[0]):
        p = values[i]
        s = 1
        for k in range(out.shape[1]):
            while s < n_nodes - 3 and p[s + 1] < k:
                s += 1
            if k < p[1]:
                t, s = (k - p[1]) / (p[2] - p[1]), 1
            elif k > p[n_nodes - 2]:
                t = 1 + (k - p[n_nodes - 2]) / (p[n_nodes - 2] - p[n_nodes - 3])
            else:
                c0, c1, c2, c3 = cubic(p[s - 1], p[s], p[s + 1], p[s + 2])
                t = (k - p[s]) / (p[s + 1] - p[s])
                for _ in range(8):  # the piece is nearly straight
                    t -= (c0 + t * (c1 + t * (c2 + t * c3)) - k) / (c1 + t * (2 * c2 + 3 * t * c3))
            out[i, k] = (s - 3 + t) * step


@njit(cache=True, nogil=True)
def _pieces(y, step, top, bottom, width, centre):  # type: ignore[no-untyped-def]
    n_segments = -(-width // step)
    most_pieces, most_shares, ats = 0, 0, np.empty(step + 1)
    for fill in range(2):
        row, start, end = np.empty(most_pieces, np.int64), np.empty(most_pieces, np.int64), np.empty(most_pieces, np.int64)
        line, after, offset = np.empty(most_pieces, np.int64), np.empty(most_pieces, np.int64), np.empty(most_pieces, np.int64)
        share = np.empty(most_shares)
        n, n_shares = 0, 0
        for s in range(n_segments):
            first, last = s * step, min((s + 1) * step, width)
            for m in range(y.shape[0]):
                c0, c1, c2, c3 = cubic(y[m, s + 2], y[m, s + 3], y[m, s + 4], y[m, s + 5])
                low, high = min(c0, y[m, s + 4]), max(c0, y[m, s + 4])
                slack = abs(c2) + 2 * abs(c3) + (abs(c1) + 1) / step  # and the pixel after the last
                if high + slack < top or low - slack >= bottom:
                    continue
                if not fill:
                    columns, rise = last - first, int(high - low + 2 * slack) + 2
                    most_pieces += 2 * rise + 4
                    most_shares += columns
                    continue
                for j in range(first, last + 1):
                    t = (j + 0.5 - first) / step
                    ats[j - first] = c0 + t * (c1 + t * (c2 + t * c3))
                before = -(1 << 60)  # row of the line in the pixel before
                for j in range(first, last + 1):
                    at = ats[j - first]
                    r = int(np.floor(at))
                    if j > first and r != before and top <= before < bottom:  # the piece before ends
                        end[n - 1], after[n - 1] = j, (m - 1 if r > before else m)
                    if j == last:
                        if r == before and top <= r < bottom:
                            end[n - 1], after[n - 1] = j, (m - 1 if at - r > 0.5 else m)
                        break
                    if top <= r < bottom:
                        if r != before:
                            row[n], start[n], line[n], offset[n] = r, j, m, n_shares
                            n += 1
                        share[n_shares] = (1.0 if at - r > 0.5 else 0.0) if centre else at - r
                        n_shares += 1
                    before = r
    return row[:n] - top, start[:n], end[:n], line[:n], after[:n], offset[:n], share[:n_shares]


@njit(cache=True, nogil=True)
def _by_row(row, start, n_rows):  # type: ignore[no-untyped-def]
    """Pointer of each row and the order of the pieces by row, then column; they come nearly in the order of columns."""
    pointer = np.zeros(n_rows + 1, np.int64)
    for r in row:
        pointer[r + 1] += 1
    pointer = np.cumsum(pointer)
    order, filled = np.empty(row.size, np.int64), pointer[:-1].copy()
    for piece in range(row.size):
        r = row[piece]
        q = filled[r]
        while q > pointer[r] and start[order[q - 1]] > start[piece]:
            order[q] = order[q - 1]
            q -= 1
        order[q] = piece
        filled[r] += 1
    return pointer, order
