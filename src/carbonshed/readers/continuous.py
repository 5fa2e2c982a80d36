"""Continuous rasters - NPP, respiration, night lights, population, emissions - to sums or means per unit, each pixel read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.windows import Window

from carbonshed.checks import choose, warn
from carbonshed.numerics.scanline import exact_spans
from carbonshed.numerics.span_sums import add_values
from carbonshed.readers.rasters import Bands, Layer, checked_units, geobox, open_layers, pixel_polygons, raster_crs, window_of
from carbonshed.spatial.crs import FloatArray, pixel_areas
from carbonshed.spatial.land_area import SLIVER, pixel_edges
from carbonshed.spatial.project import Geometries

Kind = Literal["extensive", "intensive"]
Progress = Callable[[float, str], None]

WHOLE = 1 - 1e-9
"""A coverage above this is whole: the rest is rounding."""

PIXELS_AT_ONCE = 4_000_000
"""Pixels of a strip: what is held of a raster at one time."""


def read_continuous(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame,
    *,
    kind: Kind,
    bands: Bands = None,
    lowest: float | None = None,
    highest: float | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Sum or mean of a continuous raster in each unit and year, with exact shares of pixels.

        extensive:  x_i = sum over pixels p with data: share of p in i * v_p
        intensive:  x_i = sum s_ip a_p v_p / sum s_ip a_p,   s_ip the share of p in i, a_p the true area of p

    Parameters
    ----------
    rasters : Mapping
        Year -> path.
    units : GeoDataFrame
        Polygons in any CRS, index `unit_id` without repetitions.
    kind : {"extensive", "intensive"}
        An amount per pixel (persons, t, digital numbers to be summed) or a density (g C m-2 a-1, persons per km2).
    bands : None, "by_description", "sum" or Mapping
        None: the one band there is. ``"by_description"``: the band whose description is the year. ``"sum"``: all bands, e.g. months.
        Or year -> band number from 1.
    lowest : float, optional
        Values below it are raised to it (noise of night lights below 0).
    highest : float, optional
        Pixels above it are masked: they hold no data (gas flares).
    progress : callable, optional
        progress(fraction, message).

    Returns
    -------
    DataFrame
        Index `unit_id`; columns year, value (NaN where nothing of a unit holds data), coverage (share of the unit's pixels with data)
        and known_km2 (area with data), years rising and units in the caller's order. ``attrs["extremes"]``: least and largest pixel
        value inside the units by year, after scale, `lowest` and `highest`.

    Raises
    ------
    InputError
        A file, CRS or band is missing; units that are no valid polygons.

    Warns
    -----
    DataWarning
        Units overlap.

    Notes
    -----
    A mean is over the pixels with data; a sum is not scaled up for those without. Scale and offset of the file are applied, its nodata
    value and mask hold no data. Polygons are projected into pixel space; the raster is never warped. Years that share a geobox share
    one pass over the polygons.
    """
    choose(kind, ("extensive", "intensive"), where="kind")
    frame = checked_units(units)
    shapes = np.asarray(frame.geometry.array, dtype=object)
    tables: dict[int, pd.DataFrame] = {}
    extremes: dict[int, tuple[float, float]] = {}
    with ExitStack() as stack:
        layers = open_layers(stack, rasters, bands)
        groups: dict[object, list[Layer]] = {}
        for layer in layers:
            groups.setdefault(geobox(layer.dataset), []).append(layer)
        for g, group in enumerate(groups.values()):
            polygons = pixel_polygons(group[0].dataset, shapes, frame.crs)
            part = None if progress is None else _part(progress, g, len(groups))
            sums, found = _reduce(group, polygons, lowest, highest, part)
            pixels = shapely.area(polygons)
            for k, layer in enumerate(group):
                tables[layer.year] = _table(layer.year, sums[k], pixels, kind, frame.index)
                extremes[layer.year] = (float(found[k, 0]), float(found[k, 1]))
    result = pd.concat([tables[year] for year in sorted(tables)])
    result.attrs = {"kind": kind, "extremes": {year: extremes[year] for year in sorted(extremes)}}
    return result


def _table(year: int, sums: FloatArray, pixels: FloatArray, kind: Kind, index: pd.Index) -> pd.DataFrame:
    plain, weighted, known_km2, with_data = sums.T
    has_data = with_data > 0
    value = np.full(len(sums), np.nan)
    value[has_data] = plain[has_data] if kind == "extensive" else weighted[has_data] / known_km2[has_data]
    coverage = with_data / pixels
    columns = {"year": year, "value": value, "coverage": np.where(coverage > WHOLE, 1.0, coverage), "known_km2": known_km2}
    return pd.DataFrame(columns, index=index.rename("unit_id"))


def _reduce(
    group: list[Layer], polygons: Geometries, lowest: float | None, highest: float | None, progress: Progress | None
) -> tuple[FloatArray, FloatArray]:
    """One pass over the window of the rasters of one geobox that holds the units.

    Gives for each layer and unit the sums of `add_values` (value, value times km2, km2, pixels), and for each layer the extremes.
    """
    sums = np.zeros((len(group), len(polygons), 4))
    extremes = np.tile([np.inf, -np.inf], (len(group), 1))
    with_data = np.zeros(len(group))
    window = window_of(polygons, group[0].dataset.shape)
    if window is None:
        return sums, np.full((len(group), 2), np.nan)
    top, bottom, left, right = window
    a, b, c, d, e, f = tuple(group[0].dataset.transform)[:6]
    width = right - left
    edges = pixel_edges(shapely.transform(polygons, lambda points: points - np.array([left, 0])))
    areas = pixel_areas(raster_crs(group[0].dataset), (a, b, a * left + c, d, e, d * left + f), (bottom, width))
    height = max(PIXELS_AT_ONCE // width, 1)
    for first in range(top, bottom, height):
        last = min(first + height, bottom)
        spans, km2 = exact_spans(edges, first, last, width), areas(first, last)
        for k, layer in enumerate(group):
            block = layer.read(Window(left, first, width, last - first))
            if highest is not None:
                block[block > highest] = np.nan
            add_values(block if lowest is None else np.maximum(block, lowest), spans, km2, sums[k], extremes[k])
            with_data[k] += np.isfinite(block).sum()
        if progress is not None:
            progress((last - top) / (bottom - top), f"{group[0].path.name}: {last - top} of {bottom - top} rows")
    _say_overlap(sums[:, :, 3].sum(axis=1), with_data, group)
    extremes[~np.isfinite(extremes).all(axis=1)] = np.nan
    return sums, extremes


def _say_overlap(inside: FloatArray, with_data: FloatArray, group: list[Layer]) -> None:
    for layer, held, there in zip(group, inside, with_data, strict=True):
        if held > there * (1 + SLIVER):
            warn(
                f"{layer.path.name}, {layer.year}: the units overlap: {held / there - 1:.3g} of the pixels under them count more than once."
            )


def _part(progress: Progress, k: int, n: int) -> Progress:
    return lambda fraction, message: progress((k + fraction) / n, message)
