"""Maps of very many polygons: a picture whose dots tell which polygon they lie in, painted once and coloured for each map.

Outlines of 100,000 counties take seconds a map and, at less than a millimetre each, only darken it; the picture takes them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

MANY_POLYGONS = 20_000
"""Above this many polygons a map is a picture."""

DOTS = 1600
"""Dots along the longer side of the picture: 220 an inch where a map fills the page."""

STRIPE_DOTS, STRIPE_WIDTH = 10, 2
"""Distance and width of the stripes that stand for a hatch."""


@dataclass(frozen=True)
class Painting:
    """Which polygon each dot lies in.

    Parameters
    ----------
    number : array of int, shape (rows, columns)
        Place of the polygon in the sequence that was painted, row 0 in the south; -1 outside all.
    extent : tuple of float
        West, east, south, north.
    """

    number: NDArray[np.int32]
    extent: tuple[float, float, float, float]


def paint(paths: Sequence[Outline], bounds: tuple[float, float, float, float], *, dots: int = DOTS) -> Painting:
    """Paint polygons, each with its number as a colour; where two overlap, the later one counts.

    Parameters
    ----------
    paths : sequence of Path
        Outlines with holes, at most 16,777,215.
    bounds : tuple of float
        West, south, east, north of all.
    dots : int
        Along the longer side.

    Examples
    --------
    >>> squares = [Outline([(x, 0), (x + 1, 0), (x + 1, 1), (x, 1), (x, 0)], closed=True) for x in (0, 2)]
    >>> paint(squares, (0, 0, 3, 1), dots=6).number.tolist()
    [[0, 0, -1, -1, 1, 1], [0, 0, -1, -1, 1, 1]]
    """
    west, south, east, north = bounds
    step = max(east - west, north - south) / dots
    width, height = max(round((east - west) / step), 1), max(round((north - south) / step), 1)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    panel = figure.add_axes((0, 0, 1, 1), xlim=(west, east), ylim=(south, north))
    panel.set_axis_off()
    number = np.arange(1, len(paths) + 1)
    colours = np.column_stack([number >> 16, number >> 8 & 255, number & 255]) / 255
    panel.add_collection(PathCollection(paths, facecolors=colours, edgecolors="none", antialiaseds=False), autolim=False)
    canvas.draw()
    red, green, blue = np.moveaxis(np.asarray(canvas.buffer_rgba())[::-1, :, :3].astype(np.int32), -1, 0)
    return Painting((red << 16 | green << 8 | blue) - 1, (west, east, south, north))


def coloured(painting: Painting, colours: Sequence[str]) -> NDArray[np.uint8]:
    """Red, green, blue, opacity of each dot in the colour of its polygon; transparent outside all.

    Examples
    --------
    >>> coloured(Painting(np.array([[1, -1]], dtype=np.int32), (0, 2, 0, 1)), ["#ff0000", "#0000ff"]).tolist()
    [[[0, 0, 255, 255], [0, 0, 0, 0]]]
    """
    which, names = pd.factorize(np.asarray(colours, dtype=object))
    few = np.rint(255 * to_rgba_array(list(names))).astype(np.uint8).view(np.uint32).ravel()
    dots = np.append(few[which], np.uint32(0))[painting.number]
    return dots.view(np.uint8).reshape(*dots.shape, 4)


def striped(painting: Painting, is_marked: NDArray[np.bool_], colour: str) -> NDArray[np.uint8]:
    """Slanting stripes over the polygons that are marked, transparent elsewhere."""
    rows, columns = np.ogrid[: painting.number.shape[0], : painting.number.shape[1]]
    stripes = np.flatnonzero((columns - rows) % STRIPE_DOTS < STRIPE_WIDTH)
    marked = stripes[np.append(is_marked, False)[painting.number.ravel()[stripes]]]
    dots = np.zeros((painting.number.size, 4), dtype=np.uint8)
    dots[marked] = np.rint(255 * to_rgba_array(colour)[0]).astype(np.uint8)
    return dots.reshape(*painting.number.shape, 4)


def total_bounds(shapes: NDArray[Any]) -> tuple[float, float, float, float]:
    """West, south, east, north of all shapes."""
    west, south, east, north = shapely.total_bounds(shapes)
    return float(west), float(south), float(east), float(north)
