"""Land-cover rasters to the cube ``land_area[year, unit_id, land_class]`` in km2, each pixel read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window

from carbonshed.checks import InputError, Problem, choose, examples, refuse, warn
from carbonshed.readers.legend import Legend, read_legend
from carbonshed.readers.rasters import (
    Handles,
    checked_units,
    described_bands,
    geobox,
    open_file,
    pixel_polygons,
    raster_crs,
    read_pixels,
    strip_rows,
)
from carbonshed.spatial.crs import M2_PER_KM2, FloatArray, as_crs, auto_crs, mover, pixel_areas, require_equal_area
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.land_area import Coverage, Strip, Tabulation, choose_coverage, clipped_areas, tabulate_blocks
from carbonshed.spatial.project import Geometries, project

Progress = Callable[[float, str], None]
Bands = str | Mapping[int, int] | None

PIXELS_AT_ONCE = 8_000_000
"""Pixels of a strip: what is held of a raster at one time."""

COVERED = 1e-6
"""Share of the units that may lie outside the raster unsaid."""


@dataclass(frozen=True)
class Layer:
    """One year of land cover: a band of an open raster."""

    year: int
    path: Path
    dataset: Any
    band: int

    @property
    def geobox(self) -> tuple[str, tuple[float, ...], tuple[int, int]]:
        """CRS, transform and shape: layers that agree in them share one pass over the polygons."""
        return geobox(self.dataset)


def land_cover_paths(template: str | Path, years: Iterable[int]) -> dict[int, Path]:
    """Path of each year's raster from a template with ``{year}``; without it, one file for all years.

    Examples
    --------
    >>> land_cover_paths("clcd_{year}.tif", [2000, 2020])[2020].name
    'clcd_2020.tif'
    """
    return {int(year): Path(str(template).replace("{year}", str(year))) for year in years}


def tabulate_land_area(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame | Grid,
    *,
    legend: str | Path | Mapping[Any, Any] | Legend = "clcd",
    coverage: str = "auto",
    bands: Bands = None,
    options: Mapping[str, str] | None = None,
    split_shrub: bool = False,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Area of each land class in each unit and year, from categorical rasters in any CRS.

        A[year, i, k] = sum over pixels p: share of p in unit i * true area of p * share of p's code in class k      [km2]

    Parameters
    ----------
    rasters : mapping
        Year -> path.
    units : GeoDataFrame or Grid
        Polygons in any CRS, index `unit_id` without repetitions; pieces of `overlay`; or a grid, all of whose cells are taken.
    legend : str, path, mapping or Legend
        Product or crosswalk, see `read_legend`.
    coverage : {"auto", "centre", "exact"}
        Whether a pixel belongs to the unit that holds its centre, or is split by area. ``auto`` is exact for grids and pieces and for
        polygons whose median holds fewer than 400 pixels.
    bands : None, "by_description" or mapping
        None: the first band. ``"by_description"``: the band whose description is the year. Or year -> band number from 1.
    options, split_shrub :
        Policies of the legend, see `read_legend`.
    progress : callable, optional
        progress(fraction, message).

    Returns
    -------
    DataArray
        ``land_area[year, unit_id, land_class]`` in km2, units in the caller's order; coordinates `area_km2` (unit_id), the area of the
        polygon, and `nodata_km2` (year, unit_id), what of it holds no data; attributes units, coverage, legend, legend_options,
        legend_unverified (codes whose crosswalk is not confirmed), licence, citation, crs.

    Raises
    ------
    InputError
        If a file, band, CRS or year is missing; a raster does not hold whole numbers; it does not cover the units; it holds nothing
        but nodata there; or it holds a code that the legend does not know.

    Notes
    -----
    Polygons are projected into pixel space with their edges split; the raster is never warped. Pixel areas are geodesic for rasters
    in degrees, constant for equal-area ones, and corrected by the areal scale for others (Snyder 1987).
    """
    known = read_legend(legend, options=options, split_shrub=split_shrub)
    choose(coverage, ("auto", "centre", "exact"), where="coverage")
    frame = units.to_frame() if isinstance(units, Grid) else checked_units(units)
    shapes = np.asarray(frame.geometry.array, dtype=object)
    is_grid = isinstance(units, Grid)
    area_km2 = _areas(frame)
    years = sorted(int(year) for year in rasters)
    by_path = {int(year): Path(path) for year, path in rasters.items()}
    values = np.zeros((len(years), len(frame), len(known.land_classes)))
    nodata_km2 = np.zeros((len(years), len(frame)))
    with ExitStack() as stack:
        layers = _open(stack, by_path, years, bands, known)
        groups = _groups(layers)
        placed = [pixel_polygons(group[0].dataset, shapes, frame.crs) for group in groups]
        rule = _rule(coverage, is_grid or "cell_id" in frame.columns, placed)
        for g, (group, polygons) in enumerate(zip(groups, placed, strict=True)):
            outside = _outside_share(group[0], polygons, is_grid)
            table = _tabulate(group, polygons, known, rule, _part(progress, g, len(groups)))
            _check_levels(known, table, group)
            for k, layer in enumerate(group):
                row = years.index(layer.year)
                values[row] = table.km2[k, :, :-1] @ known.matrix()
                nodata_km2[row] = table.km2[k, :, -1] + outside * area_km2
                if not values[row].any():
                    raise _refuse_empty(layer)
    coords = {
        "year": years,
        "unit_id": frame.index.to_numpy(dtype=object),
        "land_class": list(known.land_classes),
        "area_km2": ("unit_id", area_km2),
        "nodata_km2": (("year", "unit_id"), nodata_km2),
    }
    attrs = {
        "units": "km2",
        "coverage": rule,
        "legend": known.product,
        "legend_options": "; ".join(f"{name} = {value}" for name, value in known.options.items()),
        "legend_unverified": ", ".join(str(code) for code in known.unverified),
        "licence": known.licence,
        "citation": known.citation,
        "crs": frame.crs.to_string(),
    }
    return xr.DataArray(values, dims=("year", "unit_id", "land_class"), coords=coords, name="land_area", attrs=attrs)


def _areas(frame: gpd.GeoDataFrame) -> FloatArray:
    """True areas of the units in km2."""
    shapes = np.asarray(frame.geometry.array, dtype=object)
    try:
        require_equal_area(frame.crs)
    except InputError:
        target = auto_crs(frame)
        move = mover(as_crs(frame.crs, where="units"), target, where="units")
        assert move is not None
        shapes = project(shapes, move, tolerance=0.01, where="units")
    return np.asarray(shapely.area(shapes) / M2_PER_KM2, dtype=np.float64)


def _open(stack: ExitStack, paths: Mapping[int, Path], years: Sequence[int], bands: Bands, legend: Legend) -> list[Layer]:
    """Open each file once and find the band of each year; all problems of all files are said together."""
    problems: list[Problem] = []
    missing = sorted({str(path) for path in paths.values() if not path.is_file()})
    if missing or not paths:
        raise refuse(
            "no_file", expected="a raster for each year", got=f"nothing at {examples(missing)}", where="land_cover", fix="Check the paths."
        )
    datasets = {}
    for path in dict.fromkeys(paths.values()):
        try:
            datasets[path] = open_file(stack, path)
        except InputError as error:
            problems += error.problems
    shared = len(datasets) < len(paths)
    layers = []
    for year in years:
        dataset = datasets.get(paths[year])
        if dataset is None:
            continue
        band = _band(dataset, paths[year], year, bands, shared, problems)
        if band:
            layer = Layer(year, paths[year], dataset, band)
            problems += _layer_problems(layer, legend)
            layers.append(layer)
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    return layers


def _band(dataset: Any, path: Path, year: int, bands: Bands, shared: bool, problems: list[Problem]) -> int:
    """Number of the band of a year, 0 where it is missing."""
    where = str(path)
    if bands is None:
        if shared and dataset.count > 1:
            fix = 'Give bands = "by_description" or {year: band}.'
            problems.append(Problem("which_band", "to know which band is which year", f"{dataset.count} bands", where, fix))
            return 0
        return 1
    if isinstance(bands, str):
        choose(bands, ("by_description",), where="bands")
        found = described_bands(dataset, year)
        if len(found) != 1:
            got = f"{len(found)} such bands among {examples((d or 'no description' for d in dataset.descriptions), 8)}"
            problems.append(
                Problem("no_band", f"one band whose description is {year}", got, where, "Correct the years, or give {year: band}.")
            )
            return 0
        return found[0]
    by_year = {int(key): int(value) for key, value in bands.items()}
    band = by_year.get(year, 0)
    if not 1 <= band <= dataset.count:
        got = f"{band}" if band else "no band given"
        problems.append(Problem("no_band", f"a band from 1 to {dataset.count} for {year}", got, where, "Correct bands."))
        return 0
    return band


def _layer_problems(layer: Layer, legend: Legend) -> list[Problem]:
    dataset, where, problems = layer.dataset, str(layer.path), []
    if dataset.crs is None:
        fix = "Write it into the file (gdal_edit -a_srs); it is not guessed."
        problems.append(Problem("no_crs", "a raster with a CRS", "none", where, fix))
    if not np.issubdtype(np.dtype(dataset.dtypes[layer.band - 1]), np.integer):
        got = dataset.dtypes[layer.band - 1]
        problems.append(
            Problem("not_integer", "whole numbers (class codes)", got, where, "Convert it to an integer type, or give the raster of codes.")
        )
    tag = _nodata_tag(layer)
    if tag is not None and tag in legend.codes:
        fix = "Correct the nodata tag of the file (gdal_edit -unsetnodata), or map the code to nodata in the legend."
        got = f"{tag}, which the legend {legend.product} calls a class"
        problems.append(Problem("nodata_is_class", "a nodata value that is no class", got, where, fix))
    return problems


def _nodata_tag(layer: Layer) -> int | None:
    value = layer.dataset.nodatavals[layer.band - 1]
    return int(value) if value is not None and np.isfinite(value) and value == int(value) else None


def _groups(layers: list[Layer]) -> list[list[Layer]]:
    groups: dict[object, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.geobox, []).append(layer)
    return list(groups.values())


def _rule(coverage: str, is_cells: bool, placed: list[Geometries]) -> Coverage:
    if coverage != "auto":
        return cast(Coverage, coverage)
    return "exact" if is_cells or any(choose_coverage(polygons) == "exact" for polygons in placed) else "centre"


def _outside_share(layer: Layer, polygons: Geometries, is_grid: bool) -> FloatArray:
    """Share of each unit that lies outside the raster: refused, but for the cells of a whole grid, where it counts as nodata."""
    area = shapely.area(polygons)
    share: FloatArray = np.clip(1 - clipped_areas(polygons, layer.dataset.shape) / area, 0, 1)
    total = float((share * area).sum() / area.sum())
    if total <= COVERED:
        return share
    got = f"{100 * total:.3g} % of their area outside it"
    if is_grid and total < 1 - 1e-9:
        warn(f"{layer.path}: the grid has {got}; this counts as nodata.")
        return share
    raise refuse(
        "not_covered",
        expected="a raster that covers the units",
        got=got,
        where=str(layer.path),
        fix="Give a raster of the whole region, or cut the units; check that both declare their true CRS.",
    )


def _tabulate(group: list[Layer], polygons: Geometries, legend: Legend, rule: Coverage, progress: Progress | None) -> Tabulation:
    """One pass over the window of the rasters of one geobox that holds the units."""
    first = group[0].dataset
    a, b, c, d, e, f = tuple(first.transform)[:6]
    bounds = shapely.total_bounds(polygons)
    left, top = (max(int(np.floor(v)), 0) for v in bounds[:2])
    right, bottom = (min(int(np.ceil(v)), n) for v, n in zip(bounds[2:], (first.width, first.height), strict=True))
    shape = bottom - top, right - left
    moved = shapely.transform(polygons, lambda points: points - np.array([left, top]))
    nodata = [[*legend.nodata, *([tag] if (tag := _nodata_tag(layer)) is not None else [])] for layer in group]
    areas = pixel_areas(raster_crs(group[0].dataset), (a, b, a * left + b * top + c, d, e, d * left + e * top + f), shape)
    with Handles() as handles:
        return tabulate_blocks(
            _strips(handles, group, left, top, shape),
            moved,
            shape=shape,
            codes=legend.codes,
            nodata=nodata,
            areas=areas,
            coverage=rule,
            where=", ".join(dict.fromkeys(layer.path.name for layer in group)),
            progress=progress,
        )


def _strips(handles: Handles, group: list[Layer], left: int, top: int, shape: tuple[int, int]) -> Iterator[Strip]:
    """Strips of the window, each layer read when it is asked for, by a handle of the thread that asks."""
    window = Window(left, top, shape[1], shape[0])
    for begin, end in strip_rows(group[0].dataset, window):
        yield begin - top, _layers(handles, group, Window(left, begin, shape[1], end - begin))


def _layers(handles: Handles, group: list[Layer], window: Any) -> Iterator[NDArray[np.integer[Any]]]:
    for layer in group:
        yield cast(NDArray[np.integer[Any]], read_pixels(handles(layer.path), layer.band, window=window))


def _part(progress: Progress | None, k: int, n: int) -> Progress | None:
    if progress is None:
        return None
    return lambda fraction, message: progress((k + fraction) / n, message)


def _check_levels(legend: Legend, table: Tabulation, group: list[Layer]) -> None:
    """A two-level product is read at one level: codes of both in one raster mean that something was mixed."""
    for k, layer in enumerate(group):
        levels = legend.levels(table.codes[table.km2[k, :, :-1].sum(axis=0) > 0])
        if len(levels) > 1:
            raise refuse(
                "mixed_levels",
                expected="codes of one level (one digit or two)",
                got="codes of both",
                where=str(layer.path),
                fix="Recode the raster to one level, or give your own legend.",
            )


def _refuse_empty(layer: Layer) -> InputError:
    return refuse(
        "only_nodata",
        expected="land cover inside the units",
        got=f"nodata everywhere in {layer.year}",
        where=str(layer.path),
        fix="Check the file and the nodata codes of the legend.",
    )
