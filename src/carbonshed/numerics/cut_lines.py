"""Cells of regular grids on the rows or columns of a raster whose pixels their borders cut.

The overlap of pixel (i, j) with a cell is its share of the row times its share of the column, so each axis stands for itself. The
pixels between two cut lines form a *run*, and a pixel that a line cuts is a run of its own. Classes are counted once per (row run,
column run), as integers; two thin matrices with at most two entries a row then give the shares:

    table = R' N C,   R[run, cell] = 1 for a run inside the cell; f and 1 - f for a pixel cut in the ratio f : 1 - f

The lines of several grids may be cut together: each grid has its own R and C on the common runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carbonshed.numerics.packed_counts import CountArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ON_EDGE = 1e-8
"""A line nearer than this to the edge of a pixel (in pixels) lies on it."""


class CutAxis(NamedTuple):
    """Runs of pixels along one axis, and where they lie in each of several grids.

    edges : array (runs + 1,)
        The pixel that begins each run; the last is the number of pixels.
    cell : tuple of arrays (runs,)
        For each grid: the cell, counted from its first line, that holds the beginning of the run.
    share : tuple of arrays (runs,)
        For each grid: the share of the run in that cell; the rest lies in the next one.
    """

    edges: IntArray
    cell: tuple[IntArray, ...]
    share: tuple[FloatArray, ...]

    @property
    def mean_run(self) -> float:
        """Pixels of a run, on average."""
        return float(self.edges[-1]) / (len(self.edges) - 1)


def cut_axis(n_pixels: int, lines: Sequence[FloatArray]) -> CutAxis:
    """The runs between all lines of several grids along one axis.

    Parameters
    ----------
    n_pixels : int
        Pixels along the axis; pixel j is the stretch from j to j + 1.
    lines : sequence of arrays
        For each grid the positions of its lines in pixels, ascending and at least one pixel apart; the first is at most 0, the last
        at least `n_pixels`.

    Raises
    ------
    ValueError
        If the lines do not enclose the pixels, or lie closer than a pixel (cells are at least a pixel wide).

    Examples
    --------
    >>> axis = cut_axis(4, [np.array([0.0, 2.25, 4.5])])
    >>> axis.edges.tolist(), axis.cell[0].tolist(), axis.share[0].tolist()
    ([0, 2, 3, 4], [0, 0, 1], [1.0, 0.25, 1.0])
    """
    snapped = []
    for line in lines:
        whole = np.round(line)
        at = np.where(np.abs(line - whole) < ON_EDGE, whole, line)
        if at[0] > 0 or at[-1] < n_pixels or np.diff(at).min() < 1 - 4 * ON_EDGE:
            raise ValueError("lines at least one pixel apart that enclose all pixels are needed")
        snapped.append(at)
    every = np.concatenate(snapped)
    edges = np.unique(np.concatenate([[0, n_pixels], np.floor(every), np.ceil(every)])).astype(np.int64)
    edges = edges[(edges >= 0) & (edges <= n_pixels)]
    begin = edges[:-1]
    cells = tuple(np.searchsorted(at, begin, side="right") - 1 for at in snapped)
    # only a run of one pixel can be cut: all others end at the next line or before it
    shares = tuple(np.minimum(at[cell + 1] - begin, 1.0) for at, cell in zip(snapped, cells, strict=True))
    return CutAxis(edges, cells, shares)


def fold_runs(
    counts: CountArray, row_cell: IntArray, row_share: FloatArray, column_cell: IntArray, column_share: FloatArray, table: FloatArray
) -> None:
    """Add the counts of runs to the cells of a grid: ``table += R' counts C``.

    Parameters
    ----------
    counts : array (row runs, column runs, classes)
        Pixels.
    row_cell, row_share, column_cell, column_share : array
        Cell of each run and the share in it, see `CutAxis`.
    table : array (rows, columns, classes)
        Changed in place: pixels, with fractions.

    Examples
    --------
    >>> table = np.zeros((1, 2, 1))
    >>> fold_runs(np.array([[[8], [4]]], np.int32), np.array([0]), np.ones(1), np.array([0, 0]), np.array([1.0, 0.25]), table)
    >>> table.ravel().tolist()
    [9.0, 3.0]
    """
    _fold_runs(counts, row_cell, row_share, column_cell, column_share, table)


@njit(cache=True, nogil=True)
def _fold_runs(counts, row_cell, row_share, column_cell, column_share, table):  # type: ignore[no-untyped-def]
    n_classes = counts.shape[2]
    line = np.empty((table.shape[1], n_classes))
    for a in range(counts.shape[0]):
        line[:] = 0.0
        for b in range(counts.shape[1]):
            cell, share = column_cell[b], column_share[b]
            for k in range(n_classes):
                line[cell, k] += share * counts[a, b, k]
            if share < 1.0:
                for k in range(n_classes):
                    line[cell + 1, k] += (1.0 - share) * counts[a, b, k]
        cell, share = row_cell[a], row_share[a]
        for b in range(line.shape[0]):
            for k in range(n_classes):
                table[cell, b, k] += share * line[b, k]
        if share < 1.0:
            for b in range(line.shape[0]):
                for k in range(n_classes):
                    table[cell + 1, b, k] += (1.0 - share) * line[b, k]
