"""Maps of very many equal squares: a picture with one dot a cell instead of an outline each, drawn in about a second for a million."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray

MANY_CELLS = 20_000
"""Above this many cells a map is a picture with one dot a cell."""

TOLERANCE = 1e-6
"""Of the side, by which squares of one grid may differ."""


@dataclass(frozen=True)
class Lattice:
    """Equal squares between common lines.

    Parameters
    ----------
    west, south : float
        Lower left corner of row 0, column 0.
    side : float
    rows, columns : arrays of int, shape (n,)
    """

    west: float
    south: float
    side: float
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.rows.max()) + 1, int(self.columns.max()) + 1

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """West, east, south, north."""
        height, width = self.shape
        return self.west, self.west + width * self.side, self.south, self.south + height * self.side


def lattice(shapes: Sequence[Any] | NDArray[Any]) -> Lattice | None:
    """Rows and columns of shapes that are all squares of one grid; None where any is not.

    Examples
    --------
    >>> found = lattice([shapely.box(0, 0, 2, 2), shapely.box(4, 2, 6, 4)])
    >>> found.rows.tolist(), found.columns.tolist(), found.extent
    ([0, 1], [0, 2], (0.0, 6.0, 0.0, 4.0))
    >>> lattice([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)]) is None
    True
    """
    bounds = shapely.bounds(np.asarray(shapes, dtype=object)).reshape(-1, 4)
    if not len(bounds) or not np.isfinite(bounds).all():
        return None
    west, south = bounds[:, :2].min(axis=0)
    side = float(bounds[0, 2] - bounds[0, 0])
    if not side > 0:
        return None
    sizes = np.column_stack([bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1], shapely.area(shapes) / side])
    place = (bounds[:, :2] - (west, south)) / side
    whole = np.rint(place)
    if np.abs(sizes - side).max() > TOLERANCE * side or np.abs(place - whole).max() > TOLERANCE * max(place.max(), 1.0):
        return None
    columns, rows = whole.astype(np.int64).T
    return Lattice(float(west), float(south), side, rows, columns)


def picture(cells: Lattice, colours: Sequence[str]) -> NDArray[np.uint8]:
    """Red, green, blue, opacity of each place of the grid, row 0 in the south; a place without a cell is transparent.

    Examples
    --------
    >>> cells = lattice([shapely.box(0, 0, 2, 2), shapely.box(4, 0, 6, 2)])
    >>> picture(cells, ["#ff0000", "#0000ff"]).tolist()
    [[[255, 0, 0, 255], [0, 0, 0, 0], [0, 0, 255, 255]]]
    """
    which, names = pd.factorize(np.asarray(colours, dtype=object))
    few = np.rint(255 * to_rgba_array(list(names))).astype(np.uint8)
    dots = np.zeros((*cells.shape, 4), dtype=np.uint8)
    dots[cells.rows, cells.columns] = few[which]
    return dots


def joined_rows(cells: Lattice) -> NDArray[Any]:
    """The cells as rectangles, neighbours of a row in one: the same ground with fewer borders.

    Examples
    --------
    >>> joined = joined_rows(lattice([shapely.box(x, 0, x + 2, 2) for x in (2, 0, 6)]))
    >>> [shape.bounds for shape in joined]
    [(0.0, 0.0, 4.0, 2.0), (6.0, 0.0, 8.0, 2.0)]
    """
    order = np.lexsort((cells.columns, cells.rows))
    row, column = cells.rows[order], cells.columns[order]
    follows = (np.diff(row) == 0) & (np.diff(column) <= 1)
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.concatenate([first[1:], [len(row)]]) - 1
    west, south = cells.west + column[first] * cells.side, cells.south + row[first] * cells.side
    east = cells.west + (column[last] + 1) * cells.side
    return np.asarray(shapely.box(west, south, east, south + cells.side), dtype=object)
