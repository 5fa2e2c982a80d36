"""Gridded emission products to totals per unit: an extensive raster is summed by area share, never averaged, never resampled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.numerics.scanline import exact_spans
from carbonshed.quantities import CO2_PER_C
from carbonshed.spatial.crs import FloatArray, as_crs, mover, pixel_areas
from carbonshed.spatial.land_area import pixel_edges
from carbonshed.spatial.project import Geometries, project

Per = Literal["cell", "cell_c", "km2", "km2_c"]
Bands = Literal["by_description", "sum"] | Mapping[int, int] | None
Progress = Callable[[float, str], None]

ROWS_AT_ONCE = 512
"""Rows of a strip: what is held of a raster at one time."""

EDGE_PIXELS = 1e-4
"""A border strays in pixel space from the true one by at most this."""


def read_gridded_emissions(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame,
    *,
    per: Per,
    factor: float = 1.0,
    bands: Bands = None,
    min_coverage: float = 0.98,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Sum gridded emissions over units by area share: ``C_i = sum over pixels p of share of p in i * emission of p``, t CO2 a-1.

    The emission of a pixel is its value (``per`` cell) or its value times its true area (``per`` km2), times 44/12 for carbon.

    Parameters
    ----------
    rasters : Mapping
        Year -> path.
    units : GeoDataFrame
        Polygons in any CRS, index `unit_id` without repetitions.
    per : {"cell", "cell_c", "km2", "km2_c"}
        What a value is: t CO2 per cell, t C per cell, t CO2 per km2, t C per km2; per year, or per month where `bands` is ``"sum"``.
    factor : float
        What a value is multiplied by to be in tonnes: 1e6 for Tg, 1e-3 for kg.
    bands : None, "by_description", "sum" or Mapping
        None: the one band there is. ``"by_description"``: the band whose description is the year. ``"sum"``: all bands, e.g. months.
        Or year -> band number from 1.
    min_coverage : float
        Least share of a unit that must hold data; below it the call is refused. Lowering it is an explicit choice.
    progress : callable, optional
        progress(fraction, message).

    Returns
    -------
    DataFrame
        Index `unit_id`, columns year, carbon_source (t CO2 a-1) and carbon_source_coverage (share of the unit's area with data), years
        rising and units in the caller's order.

    Raises
    ------
    InputError
        A file, CRS or band is missing; negative emissions; too much of a unit without data.

    Warns
    -----
    DataWarning
        Part of a unit has no data, or lies outside the raster, so the sum is over the rest; units overlap.

    Notes
    -----
    Within a pixel emissions are taken as even. Polygons are projected into pixel space; the raster is never warped.
    """
    choose(per, ("cell", "cell_c", "km2", "km2_c"), where="per")
    if not len(units) or not units.index.is_unique:
        raise refuse("units", expected="polygons, each unit_id once", got="none, or an id twice", where="units", fix="Merge the parts.")
    shapes = np.asarray(units.geometry.array, dtype=object)
    unit_factor = factor * (CO2_PER_C if per.endswith("_c") else 1.0)
    tables = []
    for step, year in enumerate(sorted(rasters)):
        path = Path(rasters[year])
        if progress is not None:
            progress(step / len(rasters), f"{path.name}, {year}")
        if not path.is_file():
            raise refuse("no_file", expected="a raster", got="no file", where=str(path), fix="Check the path.")
        with rasterio.open(path) as dataset:
            if dataset.crs is None:
                raise refuse("no_crs", expected="a CRS", got="none", where=str(path), fix="Add it to the file.")
            sums, coverage = _sum_over(dataset, shapes, as_crs(units.crs, where="units"), year, bands, per.startswith("km2"))
        _check_coverage(coverage, units.index, min_coverage, f"{path.name}, {year}")
        table = {"year": year, "carbon_source": sums * unit_factor, "carbon_source_coverage": coverage}
        tables.append(pd.DataFrame(table, index=units.index.rename("unit_id")))
    return pd.concat(tables)


def _sum_over(dataset: Any, shapes: Geometries, crs: CRS, year: int, bands: Bands, by_area: bool) -> tuple[FloatArray, FloatArray]:
    """Sum of the pixels in each unit, and the share of the unit that holds data."""
    raster_crs, path = CRS.from_wkt(dataset.crs.to_wkt()), Path(dataset.name)
    polygons = _in_pixels(shapes, crs, raster_crs, tuple(~dataset.transform)[:6], path.name)
    edges, width = pixel_edges(polygons), dataset.width
    areas = pixel_areas(raster_crs, tuple(dataset.transform)[:6], dataset.shape)
    numbers = _bands(dataset, year, bands, path)
    sums, known, whole = np.zeros(len(shapes)), np.zeros(len(shapes)), 0.0
    bounds = shapely.total_bounds(polygons)
    first, last = max(int(np.floor(bounds[1])), 0), min(int(np.ceil(bounds[3])), dataset.height)
    for top in range(first, last, ROWS_AT_ONCE):
        bottom = min(top + ROWS_AT_ONCE, last)
        block = dataset.read(numbers, window=Window(0, top, width, bottom - top), masked=True).astype(np.float64).filled(np.nan).sum(axis=0)
        if (block < 0).any():
            got = f"{np.nanmin(block):g}"
            raise refuse("negative", expected="emissions >= 0", got=got, where=str(path), fix="Set the nodata value of the file.")
        has_data = np.isfinite(block)
        value = np.where(has_data, block, 0.0) * (areas(top, bottom) if by_area else 1.0)
        whole += float(value.sum())
        spans = exact_spans(edges, top, bottom, width)
        row = np.repeat(np.arange(bottom - top), np.diff(spans.pointer))
        for target, pixels in ((sums, value), (known, has_data.astype(np.float64))):
            before = np.concatenate([np.zeros((bottom - top, 1)), np.cumsum(pixels, axis=1)], axis=1)
            target += np.bincount(spans.zone, spans.share * (before[row, spans.end] - before[row, spans.first]), minlength=len(shapes))
    if sums.sum() > whole * (1 + 1e-9):
        warn(f"{path.name}: the units overlap: {sums.sum() / whole - 1:.3g} of the emissions under them are counted more than once.")
    return sums, known / shapely.area(polygons)


def _in_pixels(shapes: Geometries, crs: CRS, raster_crs: CRS, inverse: tuple[float, ...], where: str) -> Geometries:
    """The units in pixel coordinates (x = column, y = row)."""
    a, b, c, d, e, f = inverse
    move = mover(crs, raster_crs, where=where)

    def to_pixels(points: FloatArray) -> FloatArray:
        x, y = points.T if move is None else move(points).T
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    if move is None:
        return np.asarray(shapely.transform(shapes, to_pixels), dtype=object)
    return project(shapes, to_pixels, tolerance=EDGE_PIXELS, where=f"units in the CRS of {where}")


def _bands(dataset: Any, year: int, bands: Bands, path: Path) -> list[int]:
    """Numbers of the bands that make up a year."""
    described = [k for k, text in enumerate(dataset.descriptions, start=1) if re.findall(r"(?<!\d)\d{4}(?!\d)", text or "") == [str(year)]]
    if bands == "sum":
        return list(range(1, dataset.count + 1))
    if bands == "by_description" and len(described) == 1:
        return described
    if isinstance(bands, Mapping) and 1 <= bands.get(year, 0) <= dataset.count:
        return [bands[year]]
    if bands is None and dataset.count == 1:
        return [1]
    texts = examples((text or "no description" for text in dataset.descriptions), 8)
    raise refuse(
        "which_band",
        expected=f"the band of {year}",
        got=f"{dataset.count} bands ({texts}) and bands = {bands!r}",
        where=str(path),
        fix='Give bands = "by_description", {year: band}, or "sum" where the bands are months.',
    )


def _check_coverage(coverage: FloatArray, index: pd.Index, min_coverage: float, where: str) -> None:
    partial: NDArray[np.bool_] = coverage < 1 - 1e-6
    if not partial.any():
        return
    low = coverage < min_coverage
    if low.any():
        raise refuse(
            "coverage",
            expected=f"emissions on at least {min_coverage:.0%} of each unit",
            got=f"{coverage.min():.1%} at worst: {examples(index[low])}",
            where=where,
            fix="Give a raster that covers the units, leave them out, or lower min_coverage.",
        )
    warn(f"{where}: no data on part of {examples(index[partial])} (at worst {coverage.min():.2%} covered); sums are over the rest.")
