"""Layout of map figures: title, panels of one size, one legend, scale bar, north arrow. Sizes are those of the printed page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Geod

from carbonshed.present.display import number, short
from carbonshed.present.folder import ResultFolder
from carbonshed.present.graticule import draw_graticule, draw_locator, transformer
from carbonshed.present.headings import MARGIN_IN, Heading, fold
from carbonshed.present.many_cells import MANY_CELLS, joined_rows, lattice, picture
from carbonshed.present.many_shapes import MANY_POLYGONS, Painting, coloured, paint, striped, total_bounds
from carbonshed.present.shown import ShownFigure
from carbonshed.present.style import BORDER, GREY, INK, MM, STRONG_BORDER, WIDE_MM, ZONE_COLOURS, ZONE_HATCH, Classes, nice_length
from carbonshed.present.words import Words

Shapes = Sequence[Any] | NDArray[Any]

PANEL_TITLE_IN = 0.17
PANEL_TITLE_PT = 8.0
DEGREES_IN = 0.12
LOCATOR_IN = 0.62
REVIEW_IN = 0.12
GAP_IN = 0.10
LEGEND_ROW_IN = 0.185
SIDE_LEGEND_IN = 1.62
MAX_PANEL_IN = 6.4
FREE_CORNER = 0.12
"""A corner of the map is free for the scale bar where the region covers at most this share of it."""

STRIP = 0.14
"""Height of the strip below the map that holds the scale bar otherwise, as a share of the size of the map."""

MANY_SHAPES = 3000
"""Above this many shapes a PDF holds the map as a picture: else it would be slow to open."""


@dataclass(frozen=True)
class Plate:
    """A figure with its map panels."""

    figure: ShownFigure
    panels: list[Any]


def map_plate(
    result: ResultFolder,
    *,
    title: str,
    subtitle: str,
    panel_titles: Sequence[str],
    handles: Sequence[Any],
    legend_title: str = "",
    width_mm: float = WIDE_MM,
) -> Plate:
    """A figure without its maps yet: panels in rows of at most three; one wide panel has its legend beside it, all others below.

    Parameters
    ----------
    result : ResultFolder
        Gives the extent of the region.
    title, subtitle : str
        What is shown; its unit, scale and year.
    panel_titles : sequence of str
        One panel each; a single one is not printed.
    handles : sequence of matplotlib artists
        Entries of the one legend.
    legend_title : str
        Printed over the legend.
    width_mm : float
        Width of the figure on paper; a single wide panel may come out narrower.
    """
    page, (west, south, east, north) = result.page, extent(result)
    width_mm = page.width(width_mm)
    count, beside = len(panel_titles), len(panel_titles) == 1 and width_mm > 120
    columns = min({1: 1, 2: 2, 4: 2}.get(count, 3), 2 if width_mm < 120 else 3)
    rows = -(-count // columns)
    edge = DEGREES_IN if page.has_graticule and result.crs is not None else 0.0
    usable = width_mm * MM - 2 * MARGIN_IN - edge - (SIDE_LEGEND_IN if beside else 0.0)
    aspect = (north - south) / (east - west)
    tallest = MAX_PANEL_IN if page.panel_mm is None else page.panel_mm * MM
    panel_height = min((usable - (columns - 1) * GAP_IN) / columns * aspect, tallest / rows)
    panel_width = panel_height / aspect
    is_narrowed = beside and page.width_mm is None
    width = 2 * MARGIN_IN + edge + panel_width + SIDE_LEGEND_IN if is_narrowed else width_mm * MM
    heading = Heading.fitted(title, subtitle, width, page, room_in=LOCATOR_IN if page.has_locator and result.crs is not None else 0.0)
    legend_columns = 1 if beside else columns_that_fit(handles, usable)
    legend_rows = -(-len(handles) // legend_columns) + (1 if legend_title else 0)
    under = (0.0 if beside else LEGEND_ROW_IN * legend_rows + 0.08) + (REVIEW_IN if page.review_number else 0.0)
    foot = MARGIN_IN + edge + under
    folded = ["\n".join(fold(each, panel_width, PANEL_TITLE_PT)) for each in panel_titles] if count > 1 else [""]
    head = PANEL_TITLE_IN * max(1 + each.count("\n") for each in folded) if count > 1 else 0.0
    height = foot + rows * (panel_height + head) + (rows - 1) * GAP_IN + heading.height
    figure = ShownFigure(figsize=(width, height))
    group = panel_width + SIDE_LEGEND_IN if beside else columns * panel_width + (columns - 1) * GAP_IN
    left = (width - group + edge) / 2
    boxes = [
        (left + place % columns * (panel_width + GAP_IN), foot + (rows - 1 - place // columns) * (panel_height + head + GAP_IN))
        for place in range(count)
    ]
    panels = [_panel(figure, result, (x, y, panel_width, panel_height), text) for (x, y), text in zip(boxes, folded, strict=True)]
    for place, panel in enumerate(panels if edge else []):
        draw_graticule(panel, result.crs, left=place % columns == 0, bottom=place + columns >= count)
    heading.write(figure)
    if page.has_locator:
        _locate(figure, result)
    at = (left + panel_width + 0.06) / width, (foot + 0.5 * panel_height) / height
    low = (0.05 + (REVIEW_IN if page.review_number else 0.0)) / height
    add_legend(figure, handles, legend_title, at if beside else (0.5, low), legend_columns, beside=beside)
    return Plate(figure, panels)


def add_legend(figure: Figure, handles: Sequence[Any], title: str, at: tuple[float, float], columns: int, *, beside: bool) -> None:
    """One legend for all panels: a column beside a single wide panel, rows below otherwise."""
    if not handles:
        return
    style: dict[str, Any] = {"handlelength": 1.8, "title": title, "bbox_to_anchor": at, "ncols": columns}
    if beside:
        style |= {"loc": "center left", "alignment": "left", "title_fontsize": 8, "handleheight": 1.1, "labelspacing": 0.55}
    else:
        style |= {"loc": "lower center", "title_fontsize": 7.5, "handleheight": 1.0, "columnspacing": 1.2, "labelspacing": 0.35}
        style |= {"borderaxespad": 0.0}
    figure.legend(handles=list(handles), **style)


def columns_that_fit(handles: Sequence[Any], width_in: float) -> int:
    """Legend columns that fit a width, a Chinese character taken as two letters; rows are filled evenly."""
    if not handles:
        return 1
    labels = [str(handle.get_label()) for handle in handles]
    longest = max(len(label) + sum(ord(character) > 0x2E80 for character in label) for label in labels)
    most = max(1, min(len(handles), int(width_in // (0.42 + 0.062 * longest))))
    return -(-len(handles) // -(-len(handles) // most))


def _panel(figure: Figure, result: ResultFolder, box: tuple[float, float, float, float], title: str) -> Any:
    """An empty map panel over the extent of the region, in inches from the lower left corner of the figure."""
    width, height = figure.get_size_inches()
    west, south, east, north = extent(result)
    panel = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    panel.set(xticks=[], yticks=[], xlim=(west, east), ylim=(south, north), aspect="equal")
    panel.set_title(title, fontsize=PANEL_TITLE_PT, pad=4)
    panel.set_axis_off()
    return panel


def _locate(figure: Figure, result: ResultFolder) -> None:
    """The globe with the region, at the top right of the figure."""
    if result.crs is None:
        return
    west, south, east, north = result.bounds
    to_degrees = transformer(result.crs, 4326)
    middle = to_degrees.transform((west + east) / 2, (south + north) / 2)
    rings = [shapely.get_coordinates(part.exterior) for part in shapely.get_parts(result.land) if part.geom_type == "Polygon"]
    outline = [np.column_stack(to_degrees.transform(ring[:, 0], ring[:, 1])) for ring in rings]
    width, height = figure.get_size_inches()
    side = LOCATOR_IN - 0.06
    draw_locator(figure, (width - 0.05 - side, height - 0.04 - side, side), middle, outline)


def extent(result: ResultFolder) -> tuple[float, float, float, float]:
    """Bounds of a map: the region with a small margin, and a strip below it for the scale bar where no corner is free."""
    west, south, east, north = _padded(result)
    _, covered = _emptiest_corner(result)
    return west, south - (STRIP * _size(result) if covered > FREE_CORNER else 0.0), east, north


def _padded(result: ResultFolder) -> tuple[float, float, float, float]:
    """Bounds of the region with a margin; a region without width gets one."""
    west, south, east, north = result.bounds
    pad = 0.02 * max(east - west, north - south, 1.0)
    return west - pad, south - pad, east + pad, north + pad


def _size(result: ResultFolder) -> float:
    """One length for the size of the map, whether it is wide or tall."""
    west, south, east, north = _padded(result)
    return float(np.sqrt((east - west) * (north - south)))


def outlines(shapes: Shapes) -> list[Outline]:
    """Paths of polygons and multipolygons, holes included; an empty path where there is no shape."""
    parts, of_part = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    codes = np.full(len(points), Outline.LINETO, dtype=np.uint8)
    first = np.flatnonzero(np.diff(of_point, prepend=-1))
    codes[first] = Outline.MOVETO
    codes[first[1:] - 1] = Outline.CLOSEPOLY
    codes[-1:] = Outline.CLOSEPOLY
    ends = np.searchsorted(of_part[of_ring[of_point]], np.arange(len(shapes) + 1))
    return [Outline(points[start:end], codes[start:end]) for start, end in pairwise(ends)]


def fill(
    panel: Any,
    result: ResultFolder,
    shapes: Shapes,
    colours: Sequence[str],
    *,
    border: str | None = None,
    width: float = 0.25,
    inside: Outline | None = None,
) -> None:
    """Fill shapes with their colours, cut at `inside`; without `border`, edges take the face's colour so that no seams show.

    More than `MANY_CELLS` cells of a grid are one picture, and so are more than `MANY_POLYGONS` other shapes, then without borders.
    """
    cells = lattice(shapes) if border is None and len(shapes) > MANY_CELLS else None
    if cells is not None:
        _show(panel, picture(cells, colours), cells.extent, inside)
        return
    if len(shapes) > MANY_POLYGONS:
        painting = _painting(result, shapes)
        _show(panel, coloured(painting, colours), painting.extent, inside)
        return
    paths = outlines(shapes)
    edges = border or list(colours)
    collection = PathCollection(paths, facecolors=list(colours), edgecolors=edges, linewidths=width if border else 0.4)
    collection.set_rasterized(len(paths) > MANY_SHAPES)
    panel.add_collection(collection, autolim=False)
    if inside is not None:
        collection.set_clip_path(inside, panel.transData)


def _show(panel: Any, dots: NDArray[np.uint8], extent: tuple[float, float, float, float], inside: Outline | None) -> None:
    """A picture in its place on the map, cut at `inside`."""
    image = panel.imshow(dots, extent=extent, origin="lower", zorder=1)
    if inside is not None:
        image.set_clip_path(inside, panel.transData)


def _painting(result: ResultFolder, shapes: Shapes) -> Painting:
    """The picture of these shapes, painted once for all maps of a result that show them."""
    known = np.asarray(shapes, dtype=object)
    points = shapely.get_num_coordinates(known).tobytes(), shapely.get_coordinates(known).tobytes()
    digest = hashlib.sha256(b"".join(points)).hexdigest()
    return result.once(f"painting {digest}", lambda: paint(outlines(known), total_bounds(known)))


def hatch(
    panel: Any,
    result: ResultFolder,
    shapes: NDArray[Any],
    is_marked: ArrayLike,
    *,
    colour: str = INK,
    pattern: str = "/////",
    inside: Outline | None = None,
) -> None:
    """Lay a hatch over the shapes that are marked, cut at `inside`; together they carry one continuous pattern.

    Among more than `MANY_POLYGONS` shapes that are no cells of a grid it is stripes of a picture.
    """
    marked = shapes[np.asarray(is_marked)]
    if len(marked) == 0:
        return
    if len(shapes) > MANY_POLYGONS and lattice(shapes) is None:
        painting = _painting(result, shapes)
        _show(panel, striped(painting, np.asarray(is_marked, dtype=bool), colour), painting.extent, inside)
        return
    cells = lattice(marked) if len(marked) > MANY_CELLS else None
    joined = Outline.make_compound_path(*outlines(marked if cells is None else joined_rows(cells)))
    collection = PathCollection([joined], facecolors="none", edgecolors=colour, linewidths=0.0, hatch=pattern)
    panel.add_collection(collection, autolim=False)
    if inside is not None:
        collection.set_clip_path(inside, panel.transData)


def region_outline(result: ResultFolder) -> Outline | None:
    """The border of the region, to cut cells at: a cell's numbers are those of its part inside. None where there are no counties."""
    paths = _province_outlines(result)
    return Outline.make_compound_path(*paths) if paths else None


def _province_outlines(result: ResultFolder) -> list[Outline]:
    """Paths of the provinces; none where there are no counties."""
    provinces = result.provinces
    return [] if provinces is None else result.once("outlines of provinces", lambda: outlines(provinces.to_numpy()))


def borders(panel: Any, result: ResultFolder) -> None:
    """Borders of the provinces; nothing where the study has no counties."""
    paths = _province_outlines(result)
    if paths:
        panel.add_collection(PathCollection(paths, facecolors="none", edgecolors=STRONG_BORDER, linewidths=0.7), autolim=False)


def furniture(panel: Any, result: ResultFolder, words: Words) -> None:
    """Scale bar and north arrow, in the emptiest corner of the map or below it; no bar where the CRS is not in metres.

    Under the map stands the number under which the base map was reviewed, where one is stated.
    """
    west, south, east, _ = extent(result)
    size = _size(result)
    (left, bottom), covered = _emptiest_corner(result)
    if covered > FREE_CORNER:
        left, bottom = west + 0.02 * size, south + 0.01 * size
    else:
        left, bottom = left + 0.025 * size, bottom + 0.04 * size
    crs = result.crs
    if crs is not None and crs.is_projected:
        metres = crs.axis_info[0].unit_conversion_factor
        length = nice_length(0.22 * (east - west) * metres / 1000)
        span, thick = length * 1000 / metres, 0.010 * size
        for part, colour in ((0, INK), (1, "white")):
            x = left + part * span / 2
            corners = [(x, bottom), (x + span / 2, bottom), (x + span / 2, bottom + thick), (x, bottom + thick)]
            panel.add_patch(Polygon(corners, facecolor=colour, edgecolor=INK, linewidth=0.5))
        label = words("map.scale_bar", length=f"{length:g}")
        panel.text(left + span / 2, bottom + 0.018 * size, label, ha="center", va="bottom", fontsize=6.5, path_effects=halo())
        below = covered > FREE_CORNER
        foot = (left + span + 0.08 * size, bottom) if below else (left + 0.05 * size, bottom + 0.14 * size)
    else:
        foot = left + 0.05 * size, bottom
    _north_arrow(panel, crs, foot, 0.066 * size, words)
    if result.page.review_number:
        figure = panel.get_figure()
        width, height = figure.get_size_inches()
        text = words("map.review", number=result.page.review_number)
        figure.text(1 - MARGIN_IN / width, 0.04 / height, text, fontsize=6, ha="right", va="bottom", color=GREY)


def _north_arrow(panel: Any, crs: CRS | None, foot: tuple[float, float], size: float, words: Words) -> None:
    """An arrow toward true north at the centre of the panel: on a conic map that is not straight up."""
    angle = 0.0
    if crs is not None and crs.is_projected:
        x, y = float(np.mean(panel.get_xlim())), float(np.mean(panel.get_ylim()))
        lon, lat = transformer(crs, 4326).transform(x, y)
        lon2, lat2, _ = Geod(ellps="WGS84").fwd(lon, lat, 0, 10_000)
        x2, y2 = transformer(4326, crs).transform(lon2, lat2)
        angle = float(np.arctan2(x2 - x, y2 - y))
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    start = np.asarray(foot)
    tip, notch = start + size * along, start + 0.25 * size * along
    for side, colour in ((-1, INK), (1, "white")):
        panel.add_patch(Polygon([tip, start + side * 0.32 * size * across, notch], facecolor=colour, edgecolor=INK, linewidth=0.5))
    at = tip + 0.12 * size * along
    panel.text(at[0], at[1], words("map.north"), ha="center", va="bottom", fontsize=6.5, path_effects=halo())


def _emptiest_corner(result: ResultFolder) -> tuple[tuple[float, float], float]:
    """South-west point of the corner box that the region covers least, and the share of it that is covered."""
    return result.once("emptiest corner", lambda: _least_covered(result))


def _least_covered(result: ResultFolder) -> tuple[tuple[float, float], float]:
    west, south, east, north = _padded(result)
    width, height = 0.30 * (east - west), 0.28 * _size(result)
    corners = [(east - width, south), (west, south), (west, north - height), (east - width, north - height)]
    shares = [shapely.intersection(result.land, shapely.box(x, y, x + width, y + height)).area / (width * height) for x, y in corners]
    least = int(np.argmin(shares))
    return corners[least], float(shares[least])


def halo() -> list[Any]:
    """A white rim that keeps text readable on a map."""
    return [withStroke(linewidth=1.8, foreground="white")]


def class_handles(classes: Classes, words: Words, *, value: float = 0.0) -> list[Patch]:
    """Legend entries of map classes, from high to low; one entry where all values are the same `value`."""
    limits = [short(limit) for limit in classes.limits]
    if not limits:
        labels = [words("map.all_equal", value=number(value))]
    else:
        labels = [f"< {limits[0]}"]
        labels += [words("map.range", low=low, high=high) for low, high in pairwise(limits)]
        labels.append(f"≥ {limits[-1]}")
    pairs = list(zip(labels, classes.colours, strict=True))
    return [patch(colour, label) for label, colour in reversed(pairs)]


def patch(colour: str, label: str, *, pattern: str | None = None) -> Patch:
    """A legend entry: a small box of that colour, hatched where a pattern is given."""
    return Patch(facecolor=colour, edgecolor=INK if pattern else BORDER, linewidth=0.3, label=label, hatch=pattern)


def zone_patch(result: ResultFolder, zone: str, words: Words) -> Patch:
    """Legend entry of a zone, with its pattern where the page has patterns."""
    return patch(ZONE_COLOURS[zone], words(f"zone.{zone}"), pattern=ZONE_HATCH.get(zone) if result.page.hatches_zones else None)
