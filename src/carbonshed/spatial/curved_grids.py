"""Class areas on many regular grids of a raster in another projection, above all one in degrees of longitude and latitude.

No pixel is projected. A coarse lattice of pixel corners is, and the grid lines are curves traced on it
(`carbonshed.numerics.curved_lines`); the lattice is refined until its cubics miss the exact projection by less than 1e-4 pixels where
they are worst. All pixels of a row have the same true area, which is their weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from carbonshed.checks import refuse
from carbonshed.numerics.curved_lines import BEYOND, row_line_pieces, trace
from carbonshed.numerics.packed_counts import CLASSES_PER_WORD, n_words
from carbonshed.numerics.row_spans import add_rows
from carbonshed.spatial.crs import FloatArray
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.many_grids import Part, Slots, check_grids, counted_grids, finished, total_of

ToMap = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Map coordinates x, y in m of the points at these columns and rows of a raster (pixel corners are whole numbers)."""

WIDEST_STEP = 256
"""Pixels between the nodes of the first lattice that is tried."""

PLACED = 1e-4
"""The cubics of a lattice miss the exact projection by less than this, in pixels."""

LEAN = 0.95
"""Most columns that a column line may move in a row, and rows that a row line may move in a column."""

HALF = np.array([-1.0, 9.0, 9.0, -1.0]) / 16
"""The cubic through four values, in the middle."""


class Lattice(NamedTuple):
    """Map coordinates of every `step`-th pixel corner (rows, columns), three nodes beyond the raster on each side.

    `error` is the largest distance in pixels between the cubics and the exact projection, in the middle of the lattice squares and of
    their sides, where cubics are worst.
    """

    x: FloatArray
    y: FloatArray
    step: int
    error: float
    pixel: tuple[float, float]


def make_lattice(shape: tuple[int, int], to_map: ToMap, *, where: str = "raster") -> Lattice:
    """The coarsest lattice whose cubics miss the projection by less than 1e-4 pixels.

    Raises
    ------
    InputError
        If there is none: the raster reaches beyond the domain of the projection, or crosses its cut.
    """
    step, error = WIDEST_STEP, np.inf
    while step >= 1:
        rows, columns = (np.arange(-BEYOND, -(-n // step) + BEYOND + 1, dtype=np.float64) * step for n in shape)
        x, y = _at(to_map, rows, columns)
        if np.isfinite(x).all() and np.isfinite(y).all():
            pixel = _pixel(x, y, step)
            error = _error(x, y, to_map, rows, columns, step) / min(pixel)
            if error < PLACED:
                return Lattice(x, y, step, float(error), pixel)
        step //= 2
    raise refuse(
        "outside_projection",
        expected="a raster inside the domain of the grids' CRS",
        got="one that reaches beyond it, or across its cut (the meridian opposite its centre)",
        where=where,
        fix="Clip the raster to the region, or give a crs centred on it.",
    )


def _at(to_map: ToMap, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    row, column = np.broadcast_arrays(rows[:, None], columns[None, :])
    x, y = to_map(column.ravel(), row.ravel())
    return np.reshape(x, row.shape), np.reshape(y, row.shape)


def _pixel(x: FloatArray, y: FloatArray, step: int) -> tuple[float, float]:
    """Least width and height of a pixel on the map, in m."""
    width, height = (np.hypot(np.diff(x, axis=axis), np.diff(y, axis=axis)).min() / step for axis in (1, 0))
    return float(width), float(height)


def _error(x: FloatArray, y: FloatArray, to_map: ToMap, rows: FloatArray, columns: FloatArray, step: int) -> float:
    worst = 0.0
    inner_rows, inner_columns = rows[1:-2], columns[1:-2]
    for down, right in ((0.5, 0.5), (0.5, 0.0), (0.0, 0.5)):
        exact = _at(to_map, inner_rows + down * step, inner_columns + right * step)
        for values, true in zip((x, y), exact, strict=True):
            guess = _middles(values, 0) if down else values[1:-2]
            guess = _middles(guess, 1) if right else guess[:, 1:-2]
            off = np.abs(guess - true).max()
            worst = max(worst, float(off) if np.isfinite(off) else np.inf)
    return worst


def _middles(values: FloatArray, axis: int) -> FloatArray:
    n = values.shape[axis] - 3
    result: FloatArray = np.sum([weight * np.take(values, range(k, k + n), axis) for k, weight in enumerate(HALF)], axis=0)
    return result


class _Lines(NamedTuple):
    """The lines of a grid on the raster: columns x (nodes, lines), rows y (lines, nodes), and cells down (lattice rows, columns)."""

    x: FloatArray
    y: FloatArray
    down: FloatArray


class CurvedCounts:
    """Counts strips of a raster in another projection than the grids, each cut pixel split (or given to its centre's cell).

    Parameters
    ----------
    shape : (rows, columns)
        Of the raster, whose rows go east and down.
    lattice : Lattice
        See `make_lattice`.
    row_km2 : array (rows,)
        True area of a pixel in each row.
    grids : sequence of Grid
        Each covering the raster; cells are at least two pixels wide.
    n_classes : int
        Classes in a strip are 0 .. n_classes - 1.
    coverage : {"exact", "centre"}
        Whether a pixel is split by area or belongs to the cell that holds its centre.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        lattice: Lattice,
        row_km2: FloatArray,
        grids: Sequence[Grid],
        n_classes: int,
        *,
        coverage: Literal["exact", "centre"] = "exact",
    ):
        check_grids(grids, (2 * lattice.pixel[0], 2 * lattice.pixel[1]), pixels=2)
        _check_upright(lattice)
        self.placement_error_px = lattice.error
        self._shape, self._row_km2, self._step, self._centre = shape, row_km2, lattice.step, coverage == "centre"
        self._grids, self._n_slots = tuple(grids), CLASSES_PER_WORD * n_words(n_classes)
        self._lines = {g: _lines(grids[g], lattice) for g in counted_grids(grids)}
        self._sums = {g: np.zeros((*grids[g].shape, self._n_slots)) for g in self._lines}

    def count(self, block: Slots, top: int) -> list[Part]:
        """What the strip that begins at row `top` adds to each counted grid, in km2."""
        parts: list[Part] = []
        bottom = top + block.shape[0]
        nodes = slice(top // self._step + BEYOND - 1, (bottom - 1) // self._step + BEYOND + 3)
        for g, lines in self._lines.items():
            n_rows, n_cols = self._grids[g].shape
            down = lines.down[nodes]
            first, last = max(int(down.min()) - 1, 0), min(int(down.max()) + 2, n_rows)
            y = np.ascontiguousarray(lines.y[first : last + 1])
            pieces = row_line_pieces(y, self._step, top, bottom, block.shape[1], centre=self._centre)
            t = 0.5 / self._step
            begins = np.column_stack([_lagrange(t) @ y[:, BEYOND - 1 : BEYOND + 3].T]).ravel()
            first_rows = np.searchsorted(begins, np.arange(top, bottom), side="right") - 1
            table = np.zeros((last - first, n_cols, self._n_slots))
            add_rows(block, top, self._row_km2[top:bottom], lines.x, self._step, pieces, first_rows, table, centre=self._centre)
            parts.append((g, first, 0, table))
        return parts

    def add(self, parts: list[Part]) -> None:
        """Add what `count` returned."""
        for g, row, _, values in parts:
            self._sums[g][row : row + values.shape[0]] += values

    def totals(self) -> FloatArray:
        """km2 of each class on the raster."""
        return total_of(self._sums)

    def tables(self, shares: FloatArray) -> list[FloatArray]:
        """km2 (rows from the south, columns, outputs) of every grid; each must sum to the raster within 1e-9."""
        counted = {g: sums[::-1] @ shares for g, sums in self._sums.items()}
        return finished(counted, self._grids, float(self._row_km2.sum()) * self._shape[1])


def _lagrange(t: float) -> FloatArray:
    """Weights of the values at -1, 0, 1, 2 for the cubic through them at t."""
    return np.array([-t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2, -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6])


def _lines(grid: Grid, lattice: Lattice) -> _Lines:
    west, _, _, north = grid.bounds
    right, down = (lattice.x - west) / grid.side_m, (north - lattice.y) / grid.side_m
    return _Lines(
        x=trace(right, grid.n_cols + 1, lattice.step),
        y=np.ascontiguousarray(trace(down.T, grid.n_rows + 1, lattice.step).T),
        down=down,
    )


def _check_upright(lattice: Lattice) -> None:
    """The lines must be curves x(row) and y(column) that lean by less than a pixel a pixel."""
    x_right, x_down = np.diff(lattice.x, axis=1)[:-1], np.diff(lattice.x, axis=0)[:, :-1]
    y_right, y_down = np.diff(lattice.y, axis=1)[:-1], np.diff(lattice.y, axis=0)[:, :-1]
    upright = (x_right > 0).all() and (y_down < 0).all()
    if not upright or (np.abs(x_down) > LEAN * x_right).any() or (np.abs(y_right) > LEAN * -y_down).any():
        raise refuse(
            "leaning",
            expected="a raster whose rows run roughly along the cells",
            got="one turned by half a right angle or more",
            where="raster",
            fix='Use crs = "auto" or a crs centred on the region, or tabulate each grid by tabulate_land_area.',
        )
