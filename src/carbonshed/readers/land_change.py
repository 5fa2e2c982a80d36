"""Two or more land-cover rasters on one grid to the cube ``land_change[period, unit_id, from_class, to_class]`` in km2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import rasterio
import shapely
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window

from carbonshed.checks import InputError, choose, examples, refuse, warn
from carbonshed.numerics.packed_counts import look_up
from carbonshed.readers.land_cover import Progress, _areas, _outside_share, _rule
from carbonshed.readers.land_cover_layers import Bands, Layer, nodata_tag, open_land_cover
from carbonshed.readers.legend import Legend, read_legend
from carbonshed.readers.rasters import (
    DECODED_BYTES,
    PIXELS_AT_ONCE,
    checked_units,
    geobox,
    pixel_polygons,
    raster_crs,
    read_pixels,
    window_of,
)
from carbonshed.spatial.crs import FloatArray, pixel_areas
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.land_area import Coverage, Strip, _slots, tabulate_blocks
from carbonshed.spatial.overlay import REGION
from carbonshed.spatial.project import Geometries

NODATA = 255
"""Pair code of a pixel that holds no data in both years."""

HALF_KNOWN = 1e-6
"""Share of the units known in only one of two years that is left unsaid."""

Pair = tuple[int, int]
Codes = NDArray[np.uint8]


def tabulate_land_change(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame | Grid | None = None,
    *,
    pairs: Iterable[Pair] | None = None,
    legend: str | Path | Mapping[Any, Any] | Legend = "clcd",
    coverage: str = "auto",
    bands: Bands = None,
    options: Mapping[str, str] | None = None,
    split_shrub: bool = False,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Area that passed from each land class to each other between two years, pixel by pixel, in one streaming pass.

        A[period, i, a, b] = sum over pixels p of class a in the first year and b in the second: share of p in i * true area of p   [km2]

    Rows (`from_class`) sum to the old area of each class, columns (`to_class`) to the new one.

    Parameters
    ----------
    rasters : mapping
        Year -> path; all on one grid of pixels.
    units : GeoDataFrame or Grid, optional
        As in `tabulate_land_area`. None: the whole raster, as the one unit ``region``.
    pairs : iterable of (int, int), optional
        Years to compare, each pair rising; default: each year with the next.
    legend, coverage, bands, options, split_shrub, progress
        As in `tabulate_land_area`.

    Returns
    -------
    DataArray
        ``land_change[period, unit_id, from_class, to_class]`` in km2; periods are texts such as ``1984-2007``; coordinates `year_from`,
        `year_to` (period), `area_km2` (unit_id), `nodata_km2` (period, unit_id): what is not known in both years.

    Raises
    ------
    InputError
        As in `tabulate_land_area`; if the rasters are not on one grid of pixels; if fewer than two years are given, or a pair is not of
        two given years, rising; if a code stands for a mosaic of classes (its pixels have no one class to come from).

    Warns
    -----
    DataWarning
        If part of the units is known in one of two years only: it is left out of both.

    Notes
    -----
    Source: textbook form (transition or transfer matrix; Pontius, Shusas and McEachern 2004). Rasters classified independently differ
    by their errors too: what reads as exchange between two classes in both directions is often such noise.
    """
    known = _single_classes(read_legend(legend, options=options, split_shrub=split_shrub))
    choose(coverage, ("auto", "centre", "exact"), where="coverage")
    compared = _pairs(pairs, sorted(int(year) for year in rasters))
    years = sorted({year for pair in compared for year in pair})
    given = {int(year): Path(path) for year, path in rasters.items()}
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=DECODED_BYTES))
        layers = open_land_cover(stack, {year: given[year] for year in years}, years, bands, known)
        _check_one_grid(layers)
        first = layers[0]
        if units is None:
            polygons: Geometries = np.array([shapely.box(0, 0, first.dataset.width, first.dataset.height)], dtype=object)
            ids, area, crs = np.array([REGION], dtype=object), None, raster_crs(first.dataset).to_string()
            rule: Coverage = "centre"
        else:
            frame = units.to_frame() if isinstance(units, Grid) else checked_units(units)
            polygons = pixel_polygons(first.dataset, np.asarray(frame.geometry.array, dtype=object), frame.crs)
            ids, area, crs = frame.index.to_numpy(dtype=object), _areas(frame), frame.crs.to_string()
            rule = _rule(coverage, isinstance(units, Grid) or "cell_id" in frame.columns, [polygons])
        outside = _outside_share(first, polygons, isinstance(units, Grid))
        km2 = _tabulate(layers, compared, polygons, known, rule, progress)
    n = len(known.land_classes)
    change, half, none = km2[:, :, : n * n].reshape(len(compared), len(ids), n, n), km2[:, :, n * n], km2[:, :, -1]
    area = change.sum(axis=(2, 3))[0] + half[0] + none[0] if area is None else area
    _warn_half_known(half.sum(axis=1), float(area.sum()), compared)
    coords = {
        "period": [f"{old}-{new}" for old, new in compared],
        "unit_id": ids,
        "from_class": list(known.land_classes),
        "to_class": list(known.land_classes),
        "year_from": ("period", [old for old, _ in compared]),
        "year_to": ("period", [new for _, new in compared]),
        "area_km2": ("unit_id", area),
        "nodata_km2": (("period", "unit_id"), half + none + outside * area),
    }
    attrs = {"units": "km2", "coverage": rule, "legend": known.product, "licence": known.licence, "citation": known.citation, "crs": crs}
    return xr.DataArray(change, dims=("period", "unit_id", "from_class", "to_class"), coords=coords, name="land_change", attrs=attrs)


def _single_classes(legend: Legend) -> Legend:
    """Refuse mosaics: a pixel that is 0.7 cropland and 0.3 grassland in one year has no one class to come from."""
    mosaics = sorted({row.code for row in legend.rows if row.share < 1})
    if mosaics:
        raise refuse(
            "mosaic",
            expected="one land class for each code, to follow pixels from class to class",
            got=f"codes {examples(mosaics)} that stand for several",
            where=f"legend {legend.product}",
            fix='Give options = {"mosaic": "dominant"} where the product has it, or your own legend with one class a code.',
        )
    return legend


def _pairs(pairs: Iterable[Pair] | None, years: Sequence[int]) -> list[Pair]:
    wanted = pairwise(years) if pairs is None else pairs
    compared = list(dict.fromkeys((int(old), int(new)) for old, new in wanted))
    wrong = [f"{old}-{new}" for old, new in compared if not old < new or old not in years or new not in years]
    if wrong or not compared:
        raise refuse(
            "wrong_pair",
            expected=f"pairs of two given years, the earlier first; years: {examples(years, 30)}",
            got=examples(wrong) or "no pair",
            where="pairs",
            fix="Give at least two years; leave pairs out to compare each year with the next.",
        )
    return compared


def _check_one_grid(layers: list[Layer]) -> None:
    one = layers[0]
    other = next((layer for layer in layers if geobox(layer.dataset) != geobox(one.dataset)), None)
    if other is None:
        return
    names = ("CRS", "origin or pixel size", "rows and columns")
    parts = [name for name, a, b in zip(names, geobox(one.dataset), geobox(other.dataset), strict=True) if a != b]
    raise refuse(
        "other_grid",
        expected="rasters on one grid of pixels",
        got=f"{one.path.name} ({one.year}) and {other.path.name} ({other.year}), which differ in {' and '.join(parts)}",
        where="land_cover",
        fix="Bring one onto the grid of the other by nearest neighbour (gdalwarp -r near), or compare the areas of tabulate_land_area.",
    )


def _warn_half_known(half: FloatArray, total: float, compared: list[Pair]) -> None:
    said = [f"{old}-{new}: {km2:.6g} km2" for (old, new), km2 in zip(compared, half.tolist()) if km2 > HALF_KNOWN * total]
    if said:
        warn(f"land change: known in one of the two years only, and left out of both: {examples(said)}.")


def _tabulate(
    layers: list[Layer], compared: list[Pair], polygons: Geometries, legend: Legend, rule: Coverage, progress: Progress | None
) -> FloatArray:
    """Areas [pair, unit, code]: the pairs of classes, then known in one year only, then nodata in both; unknown codes are refused."""
    first = layers[0].dataset
    n = len(legend.land_classes)
    found = window_of(polygons, first.shape)
    assert found is not None  # `_outside_share` has refused units that miss the raster
    top, bottom, left, right = found
    shape = bottom - top, right - left
    a, b, c, d, e, f = tuple(first.transform)[:6]
    strange: dict[str, set[int]] = {}
    table = tabulate_blocks(
        _strips(layers, compared, Window(left, top, shape[1], shape[0]), legend, strange),
        shapely.transform(polygons, lambda points: points - np.array([left, top])),
        shape=shape,
        codes=range(n * n + 2),  # the pairs, known in one year only, unknown to the legend
        nodata=[[NODATA]] * len(compared),
        areas=pixel_areas(raster_crs(layers[0].dataset), (a, b, a * left + b * top + c, d, e, d * left + e * top + f), shape),
        coverage=rule,
        where=", ".join(dict.fromkeys(layer.path.name for layer in layers)),
        progress=progress,
    )
    if table.km2[:, :, n * n + 1].any():
        raise _refuse_unknown(strange, legend)
    empty = [f"{old}-{new}" for k, (old, new) in enumerate(compared) if not table.km2[k, :, : n * n].any()]
    if empty:
        fix = "Check the files and the nodata codes of the legend."
        raise refuse("only_nodata", expected="land cover inside the units", got=f"none in {examples(empty)}", where="land_cover", fix=fix)
    return np.delete(table.km2, n * n + 1, axis=2)


def _strips(layers: list[Layer], compared: list[Pair], window: Any, legend: Legend, strange: dict[str, set[int]]) -> Iterator[Strip]:
    """Strips of the window; each year is read once a strip, and its pairs are coded ``class in the first year * n + in the second``."""
    n = len(legend.land_classes)
    class_of = np.array([*(int(row.argmax()) for row in legend.matrix()), n, n + 1], dtype=np.uint8)  # then nodata, then unknown
    pair_code = _pair_codes(n)
    height = max(PIXELS_AT_ONCE // (window.width * len(layers)), 1)
    for begin in range(0, window.height, height):
        rows = min(height, window.height - begin)
        part = Window(window.col_off, window.row_off + begin, window.width, rows)
        classes = {layer.year: look_up(_known_slots(layer, part, legend, strange), class_of, 0) for layer in layers}
        yield begin, [pair_code[classes[old], classes[new]] for old, new in compared]  # at once: the pass asks for it from a thread


def _pair_codes(n: int) -> Codes:
    """Code of a pair of classes 0 .. n - 1, nodata (n) and unknown (n + 1)."""
    codes = np.full((n + 2, n + 2), n * n, dtype=np.uint8)
    codes[:n, :n] = np.arange(n * n).reshape(n, n)
    codes[n, n] = NODATA
    codes[n + 1, :] = codes[:, n + 1] = n * n + 1
    return codes


def _known_slots(layer: Layer, window: Any, legend: Legend, strange: dict[str, set[int]]) -> Codes:
    """Position of each pixel's code in the legend, then nodata, then unknown; unknown codes are noted."""
    block = cast(NDArray[np.integer[Any]], read_pixels(layer.dataset, layer.band, window=window))
    nodata = [*legend.nodata, *([tag] if (tag := nodata_tag(layer)) is not None else [])]
    known = np.asarray(legend.codes, dtype=np.int64)
    slots = _slots(block, known, nodata)
    unknown = slots == len(known) + 1
    if unknown.any():
        strange.setdefault(f"{layer.path.name} ({layer.year})", set()).update(np.unique(block[unknown]).tolist())
    return slots


def _refuse_unknown(strange: dict[str, set[int]], legend: Legend) -> InputError:
    return refuse(
        "unknown_class",
        expected=f"codes of the legend ({examples(legend.codes, 30)}) or nodata",
        got="; ".join(f"codes {examples(sorted(codes))} in {name}" for name, codes in strange.items()),
        where="land_cover",
        fix="Name the true product, or give a legend (TOML) that maps the code to a land class or to nodata.",
    )
