"""Where a map lies: meridians and parallels with their degrees, and a small globe with the region marked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from carbonshed.present.style import BORDER, GREY, INK

Floats = NDArray[np.float64]

STEPS_DEG = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
WANTED_LINES = 4
LINE_COLOUR = "#B9B4A8"
LABEL_PT = 5.5
GRATICULE = "graticule"
"""Mark of the artists of a graticule, by which they are taken away again."""

LAND = "data/land_outline.json"
EARTH_RADIUS_M = 6_378_137.0


@cache
def transformer(source: CRS | int, target: CRS | int) -> Transformer:
    """From one CRS to another, x before y; made once, which takes longer than all that a map asks of it."""
    return Transformer.from_crs(source, target, always_xy=True)


def degree_text(degrees: float, axis: str) -> str:
    """A longitude (``"x"``, brought to -180..180) or latitude (``"y"``) with its side of the world.

    >>> degree_text(115.5, "x"), degree_text(190.0, "x"), degree_text(-40.0, "y"), degree_text(0.0, "y")
    ('115.5°E', '170°W', '40°S', '0°')
    """
    if axis == "x":
        degrees = (degrees + 180.0) % 360.0 - 180.0
    side = ("E", "W") if axis == "x" else ("N", "S")
    size = round(abs(degrees), 6)
    return f"{size:g}°" + ("" if size in (0.0, 180.0) else side[0] if degrees > 0 else side[1])


def degree_step(low: float, high: float) -> float:
    """The step of a graticule that gives about four lines between two degrees.

    >>> degree_step(113.0, 120.0), degree_step(0.0, 0.31)
    (2.0, 0.1)
    """
    return min(STEPS_DEG, key=lambda step: abs((high - low) / step - WANTED_LINES))


def draw_graticule(panel: Any, crs: CRS | None, *, left: bool = True, bottom: bool = True) -> None:
    """Meridians and parallels under the data of a map panel, a frame round it, and degrees at its left and bottom edge.

    Longitudes are counted from the middle of the panel, so that a region across the date line has no break.
    """
    if crs is None:
        return
    west, east = panel.get_xlim()
    south, north = panel.get_ylim()
    to_degrees, to_map = transformer(crs, 4326), transformer(4326, crs)
    x, y = np.meshgrid(np.linspace(west, east, 25), np.linspace(south, north, 25))
    middle = to_degrees.transform((west + east) / 2, (south + north) / 2)[0]
    lon, lat = (np.asarray(part).ravel() for part in to_degrees.transform(x, y))
    lon = (lon - middle + 180.0) % 360.0 - 180.0 + middle
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        return
    spans = ((lon[known].min(), lon[known].max()), (lat[known].min(), lat[known].max()))
    draw_frame(panel)
    for axis, (low, high), (start, stop), is_labelled in (("x", *spans, bottom), ("y", *spans[::-1], left)):
        step = degree_step(low, high)
        along = np.linspace(start, stop, 200)
        for degrees in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step:
            fixed = np.full(along.size, degrees)
            lon, lat = (fixed, along) if axis == "x" else (along, fixed)
            line = np.column_stack(to_map.transform(lon, lat, errcheck=False))
            line = line[np.isfinite(line).all(axis=1)]
            lines = LineCollection([line], colors=LINE_COLOUR, linewidths=0.35, linestyles=(0, (1, 2)), zorder=0.5, gid=GRATICULE)
            panel.add_collection(lines, autolim=False)
            at = _crossing(line, south if axis == "x" else west, vertical=axis == "y")
            if is_labelled and at is not None and (west <= at <= east if axis == "x" else south <= at <= north):
                _degree_label(panel, degree_text(float(degrees), axis), at, axis)


def draw_frame(panel: Any) -> None:
    """A thin frame round the panel, which carries the degrees."""
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    frame = Polygon(corners, closed=True, facecolor="none", edgecolor=BORDER, linewidth=0.5, transform=panel.transAxes, zorder=6)
    frame.set_gid(GRATICULE)
    frame.set_clip_on(False)
    panel.add_patch(frame)


def _crossing(line: Floats, edge: float, *, vertical: bool) -> float | None:
    """Where a line crosses a horizontal edge (its x) or a vertical one (its y); None where it does not."""
    across, along = (line[:, 0], line[:, 1]) if vertical else (line[:, 1], line[:, 0])
    side = np.sign(across - edge)
    places = np.flatnonzero((side[:-1] != side[1:]) & np.isfinite(np.diff(along)))
    if places.size == 0:
        return None
    first = places[0]
    share = (edge - across[first]) / (across[first + 1] - across[first])
    return float(along[first] + share * (along[first + 1] - along[first]))


def _degree_label(panel: Any, text: str, at: float, axis: str) -> None:
    """A degree at the bottom edge, or at the left one, where it stands upright along the frame."""
    style: dict[str, Any] = {"fontsize": LABEL_PT, "color": GREY, "textcoords": "offset points", "gid": GRATICULE, "annotation_clip": False}
    if axis == "x":
        place: dict[str, Any] = {"xytext": (0, -2), "ha": "center", "va": "top"}
        panel.annotate(text, (at, 0.0), xycoords=panel.get_xaxis_transform(), **style, **place)
    else:
        place = {"xytext": (-2, 0), "ha": "right", "va": "center", "rotation": 90, "rotation_mode": "default"}
        panel.annotate(text, (0.0, at), xycoords=panel.get_yaxis_transform(), **style, **place)


def clear_graticule(panel: Any) -> None:
    """Take the graticule of a panel away, before its limits change."""
    for artist in list(panel.get_children()):
        if artist.get_gid() == GRATICULE:
            artist.remove()


@cache
def _land() -> tuple[Floats, ...]:
    """Rings of the land in degrees; Natural Earth 1:50m, public domain, simplified; coasts only, no borders."""
    text = resources.files("carbonshed").joinpath(LAND).read_text(encoding="utf-8")
    return tuple(np.asarray(ring, dtype=np.float64) for ring in json.loads(text)["rings"])


def draw_locator(figure: Figure, at: tuple[float, float, float], place: tuple[float, float], outline: Sequence[Floats]) -> None:
    """A globe seen from above the region, with the coasts of the world and the region marked.

    Parameters
    ----------
    figure : Figure
        Drawn into.
    at : (left, bottom, side)
        The square it fills, in inches.
    place : (lon, lat)
        Middle of the region in degrees.
    outline : sequence of arrays (n, 2)
        Rings of the region in degrees.
    """
    width, height = figure.get_size_inches()
    left, bottom, side = at
    globe = figure.add_axes((left / width, bottom / height, side / width, side / height), label="locator")
    globe.set(xlim=(-1.03, 1.03), ylim=(-1.03, 1.03), aspect="equal")
    globe.set_axis_off()
    lon, lat = place
    view = Transformer.from_crs(4326, CRS.from_proj4(f"+proj=ortho +lat_0={lat} +lon_0={lon} +datum=WGS84"), always_xy=True)
    globe.add_patch(Circle((0, 0), 1.0, facecolor="#F4F6F7", edgecolor=GREY, linewidth=0.4))
    for ring in _land():
        for piece in _seen(ring, view):
            globe.add_patch(Polygon(piece, facecolor="#C9C6BF", edgecolor="none"))
    for ring in outline:
        for piece in _seen(ring, view):
            globe.add_patch(Polygon(piece, facecolor="#B8482E", edgecolor="#B8482E", linewidth=0.5))
    globe.plot(0, 0, "s", markersize=3.2, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.5)


def _seen(ring: Floats, view: Transformer) -> list[Floats]:
    """The part of a ring on the near side of the globe; what goes behind it is drawn along its rim."""
    steps = np.linspace(0, 1, 6)[:-1, None, None]
    dense = (ring[:-1] * (1 - steps) + ring[1:] * steps).swapaxes(0, 1).reshape(-1, 2)  # long edges bend on a globe
    points = np.column_stack(view.transform(dense[:, 0], dense[:, 1], errcheck=False)) / EARTH_RADIUS_M
    near = np.isfinite(points).all(axis=1)
    if near.sum() < 3:
        return []
    if near.all():
        return [points]
    start = int(np.flatnonzero(~near)[0])
    points, near = np.roll(points, -start, axis=0), np.roll(near, -start)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], near, [False])).astype(int)))
    pieces = [points[low:high] for low, high in zip(edges[::2], edges[1::2], strict=True)]
    return [_along_rim(piece) for piece in pieces if len(piece) > 1]


def _along_rim(piece: Floats) -> Floats:
    """A piece of coast closed along the rim of the globe, the short way round."""
    first, last = np.arctan2(piece[0, 1], piece[0, 0]), np.arctan2(piece[-1, 1], piece[-1, 0])
    turn = (first - last + np.pi) % (2 * np.pi) - np.pi
    angles = last + turn * np.linspace(0, 1, 20)
    return np.concatenate([piece, np.column_stack([np.cos(angles), np.sin(angles)])])
