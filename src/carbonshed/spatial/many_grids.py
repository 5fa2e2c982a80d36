"""Class areas of one categorical raster on many regular grids at once, from strips that are each read once.

A raster in the CRS of the grids, whose rows and columns run along the cells: borders cut pixels (1 km is 33.33 pixels of 30 m), and
the overlap of a pixel with a cell is its share of the row times its share of the column (`carbonshed.numerics.cut_lines`). Every
grid whose lines are all lines of a finer one is a block sum of it and costs nothing; the others (shifted origins, sides that do not
divide) are cut together as long as runs stay long, and otherwise counted for themselves on the same strip.

Tables of strips are added in the order of the strips, so that a result is the same on any number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from carbonshed.checks import check_conserved, refuse
from carbonshed.numerics.block_sums import sum_blocks
from carbonshed.numerics.cut_lines import ON_EDGE, CutAxis, cut_axis, fold_runs
from carbonshed.numerics.packed_counts import CLASSES_PER_WORD, count_runs, n_words
from carbonshed.spatial.crs import M2_PER_KM2, FloatArray
from carbonshed.spatial.grid import Grid

Slots = NDArray[np.uint8]
Transform = tuple[float, float, float, float, float, float]
"""x = a column + b row + c, y = d column + e row + f."""

Part = tuple[int, int, int, FloatArray]
"""What a strip adds: position of the grid, first row and column in its table, and values (rows, columns, classes)."""

SHORTEST_RUN = 12.0
"""Mean pixels of a run below which another grid is counted for itself instead of cutting the runs further."""

DIVIDES = 1e-9
"""Sides and shifts that miss a whole multiple by less than this (in fine cells) are that multiple."""

CONSERVED = 1e-9
"""The cells of a grid must sum to the raster within this share."""


class GridCounts(Protocol):
    """Counts strips on grids: `count` on any thread, `add` in the order of the strips, then `tables`."""

    placement_error_px: float
    """Most that a grid line lies off its true place, in pixels."""

    def count(self, block: Slots, top: int) -> list[Part]:
        """What the strip that begins at row `top` adds to each counted grid."""

    def add(self, parts: list[Part]) -> None:
        """Add what `count` returned."""

    def totals(self) -> FloatArray:
        """km2 of each class on the raster."""

    def tables(self, shares: FloatArray) -> list[FloatArray]:
        """km2 (rows from the south, columns, outputs) of every wanted grid in the order given; shares (classes, outputs) of each class."""


def nesting(coarse: Grid, fine: Grid) -> tuple[int, tuple[int, int]] | None:
    """How many times coarser, and by how many fine cells shifted (east, north), a grid is whose lines are all lines of a finer one.

    Examples
    --------
    >>> from carbonshed.spatial.crs import china_albers
    >>> box = (0.0, 0.0, 90_000.0, 90_000.0)
    >>> one, six = (Grid.over(box, side_km=s, crs=china_albers(), origin=o) for s, o in [(1, (0, 0)), (6, (2, 4))])
    >>> nesting(six, one), nesting(one, six)
    ((6, (2, 4)), None)
    """
    steps = np.array([coarse.side_m, coarse.origin[0] - fine.origin[0], coarse.origin[1] - fine.origin[1]]) / fine.side_m
    whole = np.round(steps)
    if np.abs(steps - whole).max() > DIVIDES or whole[0] < 1 or whole[1:].min() < 0 or coarse.crs != fine.crs:
        return None
    return int(whole[0]), (int(whole[1]), int(whole[2]))


def block_sums(values: FloatArray, fine: Grid, coarse: Grid) -> FloatArray:
    """Table (rows, columns, classes) of a grid that nests in a finer one, from the table of that one.

    Both grids must cover the same region, so that each fine cell lies in a cell of `coarse`.
    """
    found = nesting(coarse, fine)
    if found is None:
        raise refuse(
            "not_nested", expected=f"lines that are lines of {fine.prefix}", got=coarse.prefix, where="block_sums", fix="Count the grid."
        )
    k, (east, north) = found
    rows = (np.arange(fine.n_rows) + fine.first_row - north) // k - coarse.first_row
    columns = (np.arange(fine.n_cols) + fine.first_col - east) // k - coarse.first_col
    return sum_blocks(values, rows, columns, coarse.shape)


def check_grids(grids: Sequence[Grid], size: tuple[float, float], *, pixels: int = 1) -> None:
    """Refuse cells smaller than `pixels` pixels, which are `size` (width, height) in m."""
    small = [grid for grid in grids if grid.side_m < max(size) * (1 - DIVIDES)]
    if small:
        raise refuse(
            "cells_below_pixel",
            expected=f"cells of at least {'one pixel' if pixels == 1 else f'{pixels} pixels'} ({size[0]:.4g} x {size[1]:.4g} m)",
            got=", ".join(f"{grid.side_m:g} m" for grid in small[:5]),
            where="sides_km",
            fix="Give larger sides, or a finer raster.",
        )


def counted_grids(grids: Sequence[Grid]) -> list[int]:
    """Positions of the grids that pixels must be counted on, finest first; all others nest in one of them."""
    order = sorted(range(len(grids)), key=lambda g: grids[g].side_m)
    return [g for k, g in enumerate(order) if not any(nesting(grids[g], grids[other]) for other in order[:k])]


def with_block_sums(counted: Mapping[int, FloatArray], grids: Sequence[Grid]) -> list[FloatArray]:
    """Tables of all grids, those not counted as block sums of the coarsest grid they nest in."""
    done = dict(counted)
    for g in sorted(range(len(grids)), key=lambda g: grids[g].side_m):
        if g not in done:
            fine = max((other for other in done if nesting(grids[g], grids[other])), key=lambda other: grids[other].side_m)
            done[g] = block_sums(done[fine], grids[fine], grids[g])
    return [done[g] for g in range(len(grids))]


def total_of(sums: Mapping[int, FloatArray]) -> FloatArray:
    """Sum of each class over the cells of one grid (all have the same)."""
    first = next(iter(sums.values()))
    result: FloatArray = first.reshape(-1, first.shape[-1]).sum(axis=0)
    return result


def finished(counted: Mapping[int, FloatArray], grids: Sequence[Grid], raster_km2: float) -> list[FloatArray]:
    """Tables of all grids from those counted; the cells of each (classes and nodata) must sum to the raster within 1e-9."""
    tables = with_block_sums(counted, grids)
    for grid, table in zip(grids, tables, strict=True):
        check_conserved(raster_km2, float(table.sum()), what=f"km2 on grid {grid.prefix}", tolerance=CONSERVED)
    return tables


@dataclass(frozen=True)
class _Together:
    """Grids that are counted on common runs."""

    grids: tuple[int, ...]
    rows: CutAxis
    columns: CutAxis

    @property
    def mean_run(self) -> float:
        return min(self.rows.mean_run, self.columns.mean_run)


class AlignedCounts:
    """Counts strips of a raster whose rows and columns run along the cells, each pixel split by area (or given to its centre's cell).

        km2[cell, k] = area of a pixel * sum over pixels of class k: share of its row in the cell * share of its column

    Parameters
    ----------
    shape : (rows, columns)
        Of the raster.
    transform : (a, b, c, d, e, f)
        Of the raster, in metres of the CRS of the grids; b = d = 0.
    grids : sequence of Grid
        Each covering the raster.
    n_classes : int
        Classes in a strip are 0 .. n_classes - 1.
    coverage : {"exact", "centre"}
        Whether a pixel is split by area or belongs to the cell that holds its centre.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        transform: Transform,
        grids: Sequence[Grid],
        n_classes: int,
        *,
        coverage: Literal["exact", "centre"] = "exact",
    ):
        a, b, _, d, e, _ = transform
        if b or d or a <= 0:
            fix = "Tabulate each grid by tabulate_land_area, or rectify the raster."
            raise refuse("rotated", expected="a raster whose rows run along the cells", got="a rotated one", where="raster", fix=fix)
        check_grids(grids, (a, abs(e)))
        self._pixel_km2 = abs(a * e) / M2_PER_KM2
        self.placement_error_px = ON_EDGE
        self._shape, self._transform, self._coverage = shape, transform, coverage
        self._grids, self._n_slots = tuple(grids), CLASSES_PER_WORD * n_words(n_classes)
        self._together = self._plan()
        counted = [g for each in self._together for g in each.grids]
        self._sums = {g: np.zeros((*self._grids[g].shape, self._n_slots)) for g in counted}

    def _plan(self) -> list[_Together]:
        together: list[_Together] = []
        for g in counted_grids(self._grids):
            for k, each in enumerate(together):
                joint = self._cut((*each.grids, g))
                if joint.mean_run >= SHORTEST_RUN:
                    together[k] = joint
                    break
            else:
                together.append(self._cut((g,)))
        return together

    def _cut(self, together: tuple[int, ...]) -> _Together:
        rows, columns = (cut_axis(self._shape[axis], [self._lines(self._grids[g], axis) for g in together]) for axis in (0, 1))
        return _Together(together, rows, columns)

    def _lines(self, grid: Grid, axis: int) -> FloatArray:
        """Lines of a grid in pixels, in the direction of the pixels."""
        a, _, c, _, e, f = self._transform
        west, south, _, _ = grid.bounds
        first, begin, pixel = (south, f, e) if axis == 0 else (west, c, a)
        lines = np.sort((first + np.arange(grid.shape[axis] + 1) * grid.side_m - begin) / pixel)
        lines[0], lines[-1] = min(lines[0], 0.0), max(lines[-1], float(self._shape[axis]))
        return np.asarray(np.ceil(lines - 0.5) if self._coverage == "centre" else lines, dtype=np.float64)

    def count(self, block: Slots, top: int) -> list[Part]:
        """What the strip that begins at row `top` adds to each counted grid, in pixels."""
        parts: list[Part] = []
        for each in self._together:
            edges, bottom = each.rows.edges, top + block.shape[0]
            first, last = int(np.searchsorted(edges, top, side="right")) - 1, int(np.searchsorted(edges, bottom))
            counts = count_runs(block, np.clip(edges[first : last + 1], top, bottom) - top, each.columns.edges, self._n_slots)
            for k, g in enumerate(each.grids):
                n_rows, n_cols = self._grids[g].shape
                cell, share = each.rows.cell[k][first:last], each.rows.share[k][first:last]
                row = int(cell[0])
                table = np.zeros((min(int(cell[-1]) + 2, n_rows) - row, n_cols, self._n_slots))
                fold_runs(counts, cell - row, share, each.columns.cell[k], each.columns.share[k], table)
                parts.append((g, row, 0, table))
        return parts

    def add(self, parts: list[Part]) -> None:
        """Add what `count` returned."""
        for g, row, column, values in parts:
            self._sums[g][row : row + values.shape[0], column : column + values.shape[1]] += values

    def totals(self) -> FloatArray:
        """km2 of each class on the raster."""
        return total_of(self._sums) * self._pixel_km2

    def tables(self, shares: FloatArray) -> list[FloatArray]:
        """km2 (rows from the south, columns, outputs) of every grid; each must sum to the raster within 1e-9."""
        down = self._transform[4] < 0
        counted = {g: (sums[::-1] if down else sums) @ (shares * self._pixel_km2) for g, sums in self._sums.items()}
        return finished(counted, self._grids, self._shape[0] * self._shape[1] * self._pixel_km2)
