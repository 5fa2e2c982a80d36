"""Land-cover rasters to the cube ``land_area[year, unit_id, land_class]`` in km2, each pixel read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from rasterio.windows import Window

from carbonshed.checks import InputError, choose, examples, refuse, warn
from carbonshed.readers.land_cover_layers import Bands, Layer, nodata_tag, open_land_cover
from carbonshed.readers.legend import Legend, read_legend
from carbonshed.readers.rasters import (
    checked_units,
    pixel_polygons,
    raster_crs,
    strip_rows,
    window_of,
)
from carbonshed.readers.row_tasks import Recode, RowTask, RunTasks, finished, row_tasks
from carbonshed.spatial.crs import M2_PER_KM2, FloatArray, as_crs, auto_crs, mover, pixel_areas, require_equal_area
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.land_area import Coverage, StripTable, Tabulation, Zones, ZoneTotals, choose_coverage, clipped_areas
from carbonshed.spatial.project import Geometries, project

Progress = Callable[[float, str], None]

COVERED = 1e-6
"""Share of the units that may lie outside the raster unsaid."""

MIN_COVERAGE = 0.98
"""Least share of the units that must lie on the raster where no other is given."""


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
    min_coverage: float = MIN_COVERAGE,
    progress: Progress | None = None,
    threads: int | None = None,
    run_tasks: RunTasks | None = None,
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
        None: the one band there is. ``"by_description"``: the band whose description is the year. Or year -> band number from 1.
    options, split_shrub :
        Policies of the legend, see `read_legend`.
    min_coverage : float
        Least share of the area of the polygons that must lie on the raster; the rest counts as nodata. Of a grid any part may lie outside.
    progress : callable, optional
        progress(fraction, message).
    threads : int, optional
        That decode and count, see `carbonshed.spatial.in_order.in_order`; the result is the same bytes for any number.
    run_tasks : callable, optional
        Does the work elsewhere (`carbonshed.study.cluster.Cluster`), with the same bytes; `threads` is not used then.

    Returns
    -------
    DataArray
        ``land_area[year, unit_id, land_class]`` in km2, units in the caller's order; coordinates `area_km2` (unit_id), the area of the
        polygon, and `nodata_km2` (year, unit_id), what of it holds no data; attributes units, coverage, legend, legend_options,
        legend_unverified (codes whose crosswalk is not confirmed), licence, citation, crs.

    Raises
    ------
    InputError
        If a file, band, CRS or year is missing; a raster does not hold whole numbers; it covers less of the units than `min_coverage`;
        it holds nothing but nodata there; or it holds a code that the legend does not know.

    Warns
    -----
    DataWarning
        Part of the units lies outside the raster, with those that have most there; units overlap.

    Notes
    -----
    Polygons are projected into pixel space with their edges split; the raster is never warped. Pixel areas are geodesic for rasters
    in degrees, constant for equal-area ones, and corrected by the areal scale for others (Snyder 1987).
    """
    policy: dict[str, Any] = {"options": options, "split_shrub": split_shrub, "min_coverage": min_coverage}
    plan = plan_land_area(rasters, units, legend=legend, coverage=coverage, bands=bands, **policy)
    return finished(plan, threads=threads, run_tasks=run_tasks, progress=progress)


def plan_land_area(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame | Grid,
    *,
    legend: str | Path | Mapping[Any, Any] | Legend = "clcd",
    coverage: str = "auto",
    bands: Bands = None,
    options: Mapping[str, str] | None = None,
    split_shrub: bool = False,
    min_coverage: float = MIN_COVERAGE,
) -> LandAreaPlan:
    """The work of `tabulate_land_area` as tasks that can be done anywhere, with its parameters, refusals and result.

    ::

        plan = plan_land_area(rasters, units)
        parts = client.map(tabulate_rows, list(plan.tasks(strips_at_once=8)))    # Dask, or any pool: tasks and tables pickle
        tables = parts reduced with join_tables, in any tree and any order
        area = plan.finish(tables)                                               # the same bytes as tabulate_land_area

    A task that is done twice gives the same table; `finish` refuses a strip that is missing or stands twice.
    """
    known = read_legend(legend, options=options, split_shrub=split_shrub)
    choose(coverage, ("auto", "centre", "exact"), where="coverage")
    frame = units.to_frame() if isinstance(units, Grid) else checked_units(units)
    shapes = np.asarray(frame.geometry.array, dtype=object)
    is_grid = isinstance(units, Grid)
    years = sorted(int(year) for year in rasters)
    by_path = {int(year): Path(path) for year, path in rasters.items()}
    with ExitStack() as stack:
        groups = _groups(open_land_cover(stack, by_path, years, bands, known))
        placed = [pixel_polygons(group[0].dataset, shapes, frame.crs) for group in groups]
        rule = _rule(coverage, is_grid or "cell_id" in frame.columns, placed)
        passes = []
        for group, polygons in zip(groups, placed, strict=True):
            outside = outside_shares(group[0], polygons, frame.index, is_grid=is_grid, min_coverage=min_coverage)
            nodata = [nodata_codes(layer, known) for layer in group]
            passes.append(planned_pass(group, polygons, outside, codes=known.codes, nodata=nodata, rule=rule))
    return LandAreaPlan(passes, frame, _areas(frame), years, known, rule)


@dataclass(frozen=True)
class Pass:
    """One pass over the window of the rasters of one geobox that holds the units."""

    layers: list[Layer]
    polygons: Geometries
    zones: Zones
    outside: FloatArray
    left: int
    top: int
    shape: tuple[int, int]
    strips: list[tuple[int, int]]

    @property
    def where(self) -> str:
        """What messages call the rasters."""
        return ", ".join(dict.fromkeys(layer.path.name for layer in self.layers))

    def tasks(self, *, group: int = 0, strips_at_once: int = 1, recode: Recode | None = None) -> Iterator[RowTask]:
        """Its tasks, see `carbonshed.readers.row_tasks.row_tasks`."""
        files = [(layer.path, layer.band) for layer in self.layers]
        where: dict[str, Any] = {"left": self.left, "top": self.top, "strips": self.strips}
        return row_tasks(self.zones, files, group=group, strips_at_once=strips_at_once, recode=recode, **where)


@dataclass(frozen=True)
class LandAreaPlan:
    """Passes over rasters, planned but not done: `tasks`, and `finish` for the tables that come of them."""

    passes: list[Pass]
    frame: gpd.GeoDataFrame
    area_km2: FloatArray
    years: list[int]
    legend: Legend
    rule: Coverage

    @property
    def n_strips(self) -> int:
        """Strips of all passes."""
        return sum(len(each.strips) for each in self.passes)

    def tasks(self, *, strips_at_once: int = 1) -> Iterator[RowTask]:
        """All tasks in order, each of at most so many strips of some million pixels in all years of one geobox."""
        for g, each in enumerate(self.passes):
            yield from each.tasks(group=g, strips_at_once=strips_at_once)

    def finish(self, tables: Iterable[StripTable], *, progress: Progress | None = None) -> xr.DataArray:
        """The cube ``land_area[year, unit_id, land_class]`` from the tables of all strips, in order (see `join_tables`).

        Raises
        ------
        InputError
            As `tabulate_land_area`.
        ConservationError
            If strips are missing, stand twice, or are out of order.
        """
        shape = len(self.frame), len(self.legend.codes) + 2
        totals = [ZoneTotals(len(each.layers), *shape, self.rule) for each in self.passes]
        for table in tables:
            total, each = totals[table.group], self.passes[table.group]
            total.add(table)
            if progress is not None:
                done = (table.group + total.rows / each.shape[0]) / len(self.passes)
                progress(done, f"{each.where}: {total.rows} of {each.shape[0]} rows")
        values = np.zeros((len(self.years), len(self.frame), len(self.legend.land_classes)))
        nodata_km2 = np.zeros((len(self.years), len(self.frame)))
        for each, total in zip(self.passes, totals, strict=True):
            found = total.tabulation(each.polygons, each.zones.codes, shape=each.shape, where=each.where)
            _check_levels(self.legend, found, each.layers)
            for k, layer in enumerate(each.layers):
                row = self.years.index(layer.year)
                values[row] = found.km2[k, :, :-1] @ self.legend.matrix()
                nodata_km2[row] = found.km2[k, :, -1] + each.outside * self.area_km2
                if not values[row].any():
                    raise _refuse_empty(layer)
        return self._cube(values, nodata_km2)

    def _cube(self, values: FloatArray, nodata_km2: FloatArray) -> xr.DataArray:
        coords = {
            "year": self.years,
            "unit_id": self.frame.index.to_numpy(dtype=object),
            "land_class": list(self.legend.land_classes),
            "area_km2": ("unit_id", self.area_km2),
            "nodata_km2": (("year", "unit_id"), nodata_km2),
        }
        attrs = {
            "units": "km2",
            "coverage": self.rule,
            "legend": self.legend.product,
            "legend_options": "; ".join(f"{name} = {value}" for name, value in self.legend.options.items()),
            "legend_unverified": ", ".join(str(code) for code in self.legend.unverified),
            "licence": self.legend.licence,
            "citation": self.legend.citation,
            "crs": self.frame.crs.to_string(),
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


def _groups(layers: list[Layer]) -> list[list[Layer]]:
    groups: dict[object, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.geobox, []).append(layer)
    return list(groups.values())


def _rule(coverage: str, is_cells: bool, placed: list[Geometries]) -> Coverage:
    if coverage != "auto":
        return cast(Coverage, coverage)
    return "exact" if is_cells or any(choose_coverage(polygons) == "exact" for polygons in placed) else "centre"


def outside_shares(layer: Layer, polygons: Geometries, ids: pd.Index, *, is_grid: bool, min_coverage: float) -> FloatArray:
    """Share of each unit that lies outside the raster, which counts as nodata; units covered less than `min_coverage` are refused.

    Of a whole grid any part may lie outside, but not all.
    """
    area = shapely.area(polygons)
    share: FloatArray = np.clip(1 - clipped_areas(polygons, layer.dataset.shape) / area, 0, 1)
    total = float((share * area).sum() / area.sum())
    if total <= COVERED:
        return share
    got = f"{100 * total:.3g} % of their area outside it"
    lowest = 0.0 if is_grid else min_coverage
    if not lowest <= 1 - total > 1e-9:  # nor where it is no number: coordinates so large that areas are none
        raise refuse(
            "not_covered",
            expected="a raster that covers the units" + (f", or at least {100 * lowest:.4g} % of them" if lowest else ""),
            got=got,
            where=str(layer.path),
            fix="Give a raster of the whole region, cut the units, or lower min_coverage knowingly; check that both declare their CRS.",
        )
    if is_grid:
        warn(f"{layer.path}: the grid has {got}; this counts as nodata.")
    else:
        most = ids[np.argsort(-share * area, kind="stable")[: np.count_nonzero(share > COVERED)]]
        warn(f"{layer.path}: the units have {got}, most in {examples(most)}; this counts as nodata.")
    return share


def nodata_codes(layer: Layer, legend: Legend) -> list[int]:
    """Codes that mean nodata: those of the legend, and the file's own tag."""
    return [*legend.nodata, *([tag] if (tag := nodata_tag(layer)) is not None else [])]


def planned_pass(
    group: list[Layer],
    polygons: Geometries,
    outside: FloatArray,
    *,
    codes: Sequence[int],
    nodata: Sequence[Sequence[int]],
    rule: Coverage,
) -> Pass:
    """The window of the rasters of one geobox that holds the units, and the units in its pixels; `outside`: see `outside_shares`."""
    first = group[0].dataset
    a, b, c, d, e, f = tuple(first.transform)[:6]
    found = window_of(polygons, first.shape)
    assert found is not None  # `outside_shares` has refused units that miss the raster
    top, bottom, left, right = found
    shape = bottom - top, right - left
    moved: Geometries = shapely.transform(polygons, lambda points: points - np.array([left, top]))
    areas = pixel_areas(raster_crs(first), (a, b, a * left + b * top + c, d, e, d * left + e * top + f), shape)
    zones = Zones.of(moved, width=shape[1], codes=codes, nodata=nodata, areas=areas, coverage=rule)
    lines = strip_rows(first, Window(left, top, shape[1], shape[0]))
    return Pass(group, moved, zones, outside, left, top, shape, [(begin - top, end - top) for begin, end in lines])


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
