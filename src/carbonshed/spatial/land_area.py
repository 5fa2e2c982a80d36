"""One streaming pass over a categorical raster: areas of its classes in polygons, in strips of rows.

The polygons are brought into the raster's pixel coordinates; the raster is never warped. Memory is one strip, the spans of that
strip and the table. Nodata is a class of its own, so that classes + nodata + outside = raster, which is checked on each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonshed.checks import check_conserved, choose, examples, refuse, warn
from carbonshed.numerics.packed_counts import look_up
from carbonshed.numerics.scanline import Edges, Spans, centre_spans, directed_edges, edges_between, exact_spans
from carbonshed.numerics.span_sums import add_spans
from carbonshed.spatial.crs import FloatArray, PixelAreas
from carbonshed.spatial.in_order import in_order
from carbonshed.spatial.project import Geometries

Coverage = Literal["centre", "exact"]
Progress = Callable[[float, str], None]
Block = NDArray[np.integer]
Strip = tuple[int, Iterable[Block]]
"""The first row of a strip and its layers (bands, years), one array (rows, columns) each."""

FEW_PIXELS = 400.0
"""Polygons whose median holds fewer pixels than this are tabulated with exact coverage, larger ones by pixel centres."""

SMALL = 16
"""Codes below this are counted as they are, without a look-up."""

CLOSED = 1e-6
"""Pixels covered exactly must sum to the polygons' own area within this share."""

SLIVER = 1e-6
"""Overlap of the polygons that is left unsaid, as a share of what they cover."""


@dataclass(frozen=True)
class Tabulation:
    """Result of one pass.

    Parameters
    ----------
    km2 : array (layers, zones, codes + 1)
        Area of each code in each zone; nodata stands last.
    pixels : array of the same shape, or (layers, 0, codes + 1)
        Pixels, counted under the rule ``centre`` only.
    outside : array (layers, codes + 1)
        Pixels of the raster in no zone (negative where zones overlap).
    codes : array (codes,)
        The codes of the columns.
    """

    km2: FloatArray
    pixels: FloatArray
    outside: FloatArray
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class StripTable:
    """What one strip adds to the table; small, and all that travels between threads or machines.

    Parameters
    ----------
    group, top, rows : int
        Geobox of the raster, first row of the strip and number of its rows.
    zones : array (zones of the strip,)
        Their positions among all, rising.
    km2, pixels : arrays (layers, zones of the strip, slots)
        Area and pixels of each code, then of nodata, then of unknown codes; pixels under the rule ``centre`` only, else without zones.
    inside, whole : arrays (layers, slots)
        Covered pixels, and pixels of the strip in zones or not.
    unknown : dict
        Pixels in zones of each unknown code.
    """

    group: int
    top: int
    rows: int
    zones: NDArray[np.int32]
    km2: FloatArray
    pixels: FloatArray
    inside: FloatArray
    whole: FloatArray
    unknown: dict[int, float]


@dataclass(frozen=True)
class Zones:
    """Polygons and codes, ready to tabulate any strip of a raster: `tabulate` is a pure function of the strip."""

    edges: Edges
    width: int
    codes: NDArray[np.int64]
    nodata: Sequence[Sequence[int]]
    areas: PixelAreas
    coverage: Coverage

    @classmethod
    def of(
        cls,
        polygons: Geometries,
        *,
        width: int,
        codes: Sequence[int],
        nodata: Sequence[Sequence[int]],
        areas: PixelAreas,
        coverage: Coverage,
    ) -> Zones:
        """See `tabulate_blocks` for the parameters; `width` is that of the raster."""
        known = np.unique(np.asarray(codes, dtype=np.int64))
        if not 0 < len(known) <= 250:
            raise refuse("codes", expected="1 to 250 codes", got=f"{len(known)}", where="legend", fix="Merge classes before tabulating.")
        return cls(pixel_edges(polygons), width, known, nodata, areas, coverage)

    def tabulate(self, strip: Strip) -> StripTable:
        """The table of a strip: its spans are made once and serve all layers."""
        top, layers = strip
        n_slots = len(self.codes) + 2  # + nodata, + unknown
        spans: Spans | None = None
        weights, n_rows = np.zeros((0, 1)), 0
        km2, pixels, whole = [], [], []
        unknown: dict[int, float] = {}
        for block, nodata in zip(layers, self.nodata, strict=True):
            if spans is None:
                n_rows = block.shape[0]
                make_spans = centre_spans if self.coverage == "centre" else exact_spans
                spans, weights = make_spans(self.edges, top, top + n_rows, self.width), self.areas(top, top + n_rows)
            classes, columns = self._classes(block, nodata)
            sums = add_spans(classes, spans, weights, columns.size)
            areas, counts, every_pixel = (_by_column(table, columns, n_slots) for table in (sums.areas, sums.pixels, sums.whole[None]))
            if counts[:, -1].any():
                _note_unknown(block, columns[classes] == n_slots - 1, spans, unknown)
            km2.append(areas)
            pixels.append(counts)
            whole.append(every_pixel[0])
        assert spans is not None  # there is a layer
        every = np.array(pixels)
        kept = every if self.coverage == "centre" else every[:, :0]
        return StripTable(0, top, n_rows, spans.zones, np.array(km2), kept.copy(), every.sum(axis=1), np.array(whole), unknown)

    def between(self, top: int, bottom: int) -> Zones:
        """The same for strips of these rows alone: edges that do not reach them are left out."""
        return replace(self, edges=edges_between(self.edges, top, bottom))

    def _classes(self, block: Block, nodata: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Bytes to count, and the column of the table each of them stands for: the codes as they are where all are small or few."""
        n = len(self.codes)
        if block.dtype == np.uint8 and (highest := int(block.max(initial=0))) < max(SMALL, n + 2):
            return cast(NDArray[np.uint8], block), _slots(np.arange(highest + 1, dtype=np.uint8), self.codes, nodata).astype(np.int64)
        return _slots(block, self.codes, nodata), np.arange(n + 2)


class ZoneTotals:
    """Strip tables added up. Added in the order of the strips they give the same bytes, wherever each was computed."""

    def __init__(self, n_layers: int, n_zones: int, n_slots: int, coverage: Coverage) -> None:
        self.rows = 0
        self._coverage = coverage
        self._km2 = np.zeros((n_layers, n_zones, n_slots))
        self._pixels = np.zeros((n_layers, n_zones if coverage == "centre" else 0, n_slots))
        self._inside, self._whole = np.zeros((n_layers, n_slots)), np.zeros((n_layers, n_slots))
        self._unknown: dict[int, float] = {}

    def add(self, table: StripTable) -> None:
        """Add what one strip holds; it must begin where the last one ended."""
        check_conserved(float(self.rows), float(table.top), what="rows before the next strip", tolerance=0.0)
        self.rows += table.rows
        self._km2[:, table.zones] += table.km2
        if self._pixels.size:
            self._pixels[:, table.zones] += table.pixels
        self._inside += table.inside
        self._whole += table.whole
        for code, pixels in table.unknown.items():
            self._unknown[code] = self._unknown.get(code, 0.0) + pixels

    def tabulation(self, polygons: Geometries, codes: NDArray[np.int64], *, shape: tuple[int, int], where: str) -> Tabulation:
        """The whole table, once every strip is in; what does not add up is refused."""
        if self._unknown:
            _refuse_unknown(self._unknown, float(self._inside.sum()), codes, where)
        _check_closed(polygons, shape, self._inside, self._whole, self._coverage, where)
        outside = self._whole - self._inside
        return Tabulation(self._km2[:, :, :-1], self._pixels[:, :, :-1], outside[:, :-1], codes)


def choose_coverage(polygons: Geometries) -> Coverage:
    """``exact`` where the median polygon (in pixel coordinates) holds fewer than 400 pixels, else ``centre``.

    Examples
    --------
    >>> choose_coverage(np.array([shapely.box(0, 0, 10, 10)])), choose_coverage(np.array([shapely.box(0, 0, 30, 30)]))
    ('exact', 'centre')
    """
    return "exact" if np.median(shapely.area(polygons)) < FEW_PIXELS else "centre"


def pixel_edges(polygons: Geometries) -> Edges:
    """Edges of (multi)polygons in pixel coordinates; zone = position in the array."""
    parts, zone_of_part = shapely.get_parts(polygons, return_index=True)
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    is_hole = np.r_[False, part_of_ring[1:] == part_of_ring[:-1]] if len(rings) else np.zeros(0, dtype=bool)
    return directed_edges(xy, ring, zone_of_part[part_of_ring], is_hole)


def clipped_areas(polygons: Geometries, shape: tuple[int, int]) -> FloatArray:
    """Area in pixels of the part of each polygon that lies on a raster of `shape` rows and columns."""
    area = shapely.area(polygons)
    west, north, east, south = shapely.bounds(polygons).T
    outside = np.flatnonzero((west < 0) | (north < 0) | (east > shape[1]) | (south > shape[0]))
    if outside.size:
        frame = shapely.box(0, 0, shape[1], shape[0])
        area[outside] = shapely.area(shapely.intersection(polygons[outside], frame))
    result: FloatArray = np.asarray(area, dtype=np.float64)
    return result


def tabulate_blocks(
    strips: Iterable[Strip],
    polygons: Geometries,
    *,
    shape: tuple[int, int],
    codes: Sequence[int],
    nodata: Sequence[Sequence[int]],
    areas: PixelAreas,
    coverage: Coverage,
    where: str = "raster",
    progress: Progress | None = None,
    threads: int | None = None,
) -> Tabulation:
    """Areas of the codes of a raster in polygons, read strip by strip.

        km2[layer, zone, code] = sum over pixels of that code: share of the pixel in the zone * area of the pixel

    Parameters
    ----------
    strips : iterable
        Strips from the first row to the last; the layers of a strip may be read as they are asked for, which happens in a thread.
    polygons : array of Polygon or MultiPolygon
        Zones, valid, in pixel coordinates (x = column, y = row).
    shape : (rows, columns)
        Of the raster.
    codes : sequence of int
        Known codes, at most 250.
    nodata : sequence of sequences of int
        For each layer the codes that mean nodata.
    areas : callable
        Pixel areas in km2 of some rows, see `carbonshed.spatial.crs.pixel_areas`.
    coverage : {"centre", "exact"}
        The share of a pixel in a zone is 1 where the zone holds its centre, or the covered part of its area.
    where : str
        What messages call the raster.
    progress : callable, optional
        progress(fraction, message).
    threads : int, optional
        See `carbonshed.spatial.in_order.in_order`; the result is the same for any number. The layers of a strip are asked for in a thread.

    Raises
    ------
    InputError
        If a zone holds a code that is neither known nor nodata; the message lists such codes with their share of the zones' pixels.
    ConservationError
        If rows are missing, or exact pixels do not sum to the polygons' area.
    """
    choose(coverage, ("centre", "exact"), where="coverage")
    zones = Zones.of(polygons, width=shape[1], codes=codes, nodata=nodata, areas=areas, coverage=coverage)
    total = ZoneTotals(len(nodata), len(polygons), len(zones.codes) + 2, coverage)
    for table in in_order(zones.tabulate, strips, threads=threads):
        total.add(table)
        if progress is not None:
            progress(total.rows / shape[0], f"{where}: {total.rows} of {shape[0]} rows")
    return total.tabulation(polygons, zones.codes, shape=shape, where=where)


def _slots(block: Block, known: NDArray[np.int64], nodata: Sequence[int]) -> NDArray[np.uint8]:
    """Column of the table for each pixel: position of its code, then nodata, then unknown."""
    n = len(known)
    low, high = int(np.iinfo(block.dtype).min), int(np.iinfo(block.dtype).max)
    if block.dtype.itemsize <= 2:
        table = np.full(high - low + 1, n + 1, dtype=np.uint8)
        for code, slot in [*zip(known.tolist(), range(n)), *((int(code), n) for code in nodata)]:
            if low <= code <= high:
                table[code - low] = slot
        return look_up(block, table, low)
    position = np.minimum(np.searchsorted(known, block), n - 1)
    slots = np.where(known[position] == block, position, n + 1).astype(np.uint8)
    slots[np.isin(block, np.array([code for code in nodata if low <= code <= high], dtype=block.dtype))] = n
    return slots


def _by_column(table: NDArray[np.float64] | NDArray[np.int64], columns: NDArray[np.int64], n_columns: int) -> FloatArray:
    """A table [zone, counted byte] with its columns added up to those of the result."""
    out = np.zeros((len(table), n_columns))
    for k, column in enumerate(columns):
        out[:, column] += table[:, k]
    return out


def _note_unknown(block: Block, is_unknown: NDArray[np.bool_], spans: Spans, unknown: dict[int, float]) -> None:
    """Add the pixels of each unknown code inside the zones."""
    codes = np.unique(block[is_unknown])[:250]
    slots = np.where(is_unknown, np.minimum(np.searchsorted(codes, block), len(codes) - 1) + 1, 0).astype(np.uint8)
    found = add_spans(slots, spans, np.ones((block.shape[0], 1)), len(codes) + 1).pixels
    for code, pixels in zip(codes.tolist(), found.sum(axis=0)[1:].tolist()):
        if pixels > 0:
            unknown[code] = unknown.get(code, 0.0) + pixels


def _refuse_unknown(unknown: dict[int, float], total: float, known: NDArray[np.int64], where: str) -> None:
    order = sorted(unknown, key=lambda code: -unknown[code])
    raise refuse(
        "unknown_class",
        expected=f"codes of the legend ({examples(known.tolist(), 30)}) or nodata",
        got=examples(f"code {code} on {100 * unknown[code] / total:.3g} % of the pixels inside the units" for code in order),
        where=where,
        fix="Name the true product, or give a legend (TOML) that maps the code to a land class or to nodata.",
    )


def _check_closed(
    polygons: Geometries, shape: tuple[int, int], inside: FloatArray, whole: FloatArray, coverage: Coverage, where: str
) -> None:
    """Each row was read once; exact pixels sum to the polygons; overlapping zones are said."""
    area = float(clipped_areas(polygons, shape).sum())
    for k in range(len(whole)):
        check_conserved(float(shape[0] * shape[1]), float(whole[k].sum()), what=f"pixels read from {where}", tolerance=0.0)
        if coverage == "exact":
            check_conserved(area, float(inside[k].sum()), what=f"pixels of {where} inside the units", tolerance=CLOSED)
    twice = float(np.maximum(inside - whole, 0).sum(axis=1).max(initial=0.0))
    if twice > SLIVER * area:
        warn(f"The units overlap: at least {100 * twice / area:.3g} % of the pixels inside them are counted more than once.")
