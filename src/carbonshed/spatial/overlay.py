"""Pieces: the intersections of grid cells and counties, on which everything is tabulated once.

A piece lies in one cell and in one county. What is summed over the pieces of a cell, of a county or of the region is the same
sum in another order, so the totals over cells, counties and region agree to rounding, at every scale.
"""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carbonshed.checks import check_columns, check_conserved, refuse
from carbonshed.spatial.crs import M2_PER_KM2, as_crs
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.project import Geometries

REGION = "region"
"""The id of the one county where there are none."""

SLIVER = 1e-12
"""Pieces below this share of a cell are rounding left over, and dropped."""

IntArray = NDArray[np.int64]


def overlay(grid: Grid, counties: gpd.GeoDataFrame | shapely.Geometry) -> gpd.GeoDataFrame:
    """Cut counties along the lines of a grid.

    Parameters
    ----------
    grid : Grid
        Must cover the counties.
    counties : GeoDataFrame or geometry
        Index `unit_id`, valid polygons in the CRS of the grid; or the polygon of a region, taken as the one county ``region``.

    Returns
    -------
    GeoDataFrame
        The pieces, row by row from the south-west and in the counties' order within a cell: index `unit_id`
        (``<cell_id>/<county_id>``); columns cell_id, county_id, area_km2, geometry; CRS of the grid. The areas of the pieces of a
        county sum to its area (1e-9 relative).

    Raises
    ------
    InputError
        If the CRSs differ, ids repeat, or a county reaches beyond the grid.
    ConservationError
        If area is lost.

    Notes
    -----
    A county is cut into rows of cells first, then only its border cells are cut; cells inside it are taken whole.

    Examples
    --------
    >>> from carbonshed.spatial.crs import china_albers
    >>> grid = Grid.over((0, 0, 2_000, 1_000), side_km=1, crs=china_albers())
    >>> overlay(grid, shapely.box(500, 0, 2_000, 1_000))["area_km2"].to_dict()
    {'g1:R000C000/region': 0.5, 'g1:R000C001/region': 1.0}
    """
    if not isinstance(counties, gpd.GeoDataFrame):
        counties = gpd.GeoDataFrame(geometry=[counties], index=[REGION], crs=grid.crs)
    _check(grid, counties)
    shapes = np.asarray(counties.geometry.array, dtype=object)
    parts = [_cut(grid, shape) for shape in shapes]
    county = np.repeat(np.arange(len(shapes)), [len(rows) for rows, _, _ in parts])
    rows, cols = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    pieces = np.concatenate([part[2] for part in parts])
    area = shapely.area(pieces)
    for k, (lost, whole) in enumerate(zip(np.bincount(county, weights=area, minlength=len(shapes)), shapely.area(shapes))):
        check_conserved(float(whole), float(lost), what=f"area of {counties.index[k]} cut into cells")
    order = np.lexsort((county, cols, rows))
    cell_ids = grid.unit_ids(rows[order], cols[order])
    county_ids = counties.index.to_numpy(dtype=object)[county[order]]
    index = pd.Index([f"{cell}/{each}" for cell, each in zip(cell_ids, county_ids)], name="unit_id", dtype="str")
    columns = {"cell_id": cell_ids, "county_id": county_ids, "area_km2": area[order] / M2_PER_KM2}
    return gpd.GeoDataFrame(columns, geometry=pieces[order], index=index, crs=grid.crs).astype({"cell_id": "str", "county_id": "str"})


def cells_of_pieces(pieces: gpd.GeoDataFrame, grid: Grid) -> gpd.GeoDataFrame:
    """The grid cells that hold pieces: what of them lies in the region.

    Returns
    -------
    GeoDataFrame
        Index `unit_id` (cell ids), row by row; columns area_km2 (inside the region), inside_share (of the cell's area; cells below
        0.5 stay out of statistics but in all totals), geometry (the part inside the region).
    """
    check_columns(pieces.columns, ["cell_id", "area_km2"], where="pieces")
    code, ids = pd.factorize(pieces["cell_id"])
    area = np.bincount(code, weights=pieces["area_km2"].to_numpy(), minlength=len(ids))
    order = np.argsort(code, kind="stable")
    shapes = np.asarray(pieces.geometry.array, dtype=object)[order]
    starts = np.searchsorted(code[order], np.arange(len(ids) + 1))
    inside = np.array([shapes[a] if b - a == 1 else shapely.union_all(shapes[a:b]) for a, b in pairwise(starts)], dtype=object)
    columns = {"area_km2": area, "inside_share": area / grid.cell_km2}
    return gpd.GeoDataFrame(columns, geometry=inside, index=pd.Index(ids, name="unit_id", dtype="str"), crs=pieces.crs)


def _check(grid: Grid, counties: gpd.GeoDataFrame) -> None:
    crs = as_crs(counties.crs, where="counties")
    if not crs.equals(grid.crs, ignore_axis_order=True):
        fix = "Bring the counties into the grid's CRS with canonical_counties(frame, crs=grid.crs, ...)."
        raise refuse("other_crs", expected=f"counties in the CRS of the grid, {grid.crs.name}", got=crs.name, where="overlay", fix=fix)
    if counties.index.has_duplicates:
        twice = counties.index[counties.index.duplicated()][0]
        raise refuse(
            "duplicate_id", expected="each county once", got=f"{twice!r} twice", where="overlay", fix="Merge the parts of a county."
        )
    hollow = counties.index[counties.geometry.isna() | counties.geometry.is_empty]
    if len(hollow):
        raise refuse("empty_geometry", expected="a polygon for each county", got=f"empty: {hollow[0]!r}", where="overlay", fix="Drop it.")
    west, south, east, north = (float(v) for v in counties.total_bounds)
    left, bottom, right, top = grid.bounds
    slack = 1e-6 * grid.side_m
    if west < left - slack or south < bottom - slack or east > right + slack or north > top + slack:
        raise refuse(
            "grid_too_small",
            expected=f"counties within {grid.bounds}",
            got=f"({west:.1f}, {south:.1f}, {east:.1f}, {north:.1f})",
            where="overlay",
            fix="Make the grid with Grid.over(counties, ...).",
        )


def _cut(grid: Grid, shape: shapely.Geometry) -> tuple[IntArray, IntArray, Geometries]:
    """Rows, columns and polygons of one county's pieces."""
    s, (x0, y0) = grid.side_m, grid.origin
    west, south, east, north = (float(v) for v in shapely.bounds(shape))
    all_cols = np.arange(int(np.floor((west - x0) / s)), int(np.ceil((east - x0) / s)) + 1)
    all_rows = np.arange(int(np.floor((south - y0) / s)), int(np.ceil((north - y0) / s)) + 1)
    ones = np.ones(len(all_rows))
    rows_of_cells = shapely.box((west - s) * ones, y0 + all_rows * s, (east + s) * ones, y0 + (all_rows + 1) * s)
    strips: Geometries = shapely.intersection(shape, rows_of_cells)
    rows, cols = (a.ravel() for a in np.meshgrid(all_rows, all_cols, indexing="ij"))
    boxes = grid.boxes(rows, cols)
    shapely.prepare(shape)
    pieces = boxes.copy()
    is_whole = shapely.contains_properly(shape, boxes)
    is_cut = ~is_whole & shapely.intersects(shape, boxes)
    pieces[is_cut] = _polygons(shapely.intersection(strips[rows[is_cut] - all_rows[0]], boxes[is_cut]))
    kept = is_whole | (is_cut & (shapely.area(pieces) > SLIVER * s * s))
    return rows[kept], cols[kept], pieces[kept]


def _polygons(shapes: Geometries) -> Geometries:
    """What has an area; lines and points where a border only touches a cell are left out."""
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == 7)
    for k in mixed:
        areal = [part for part in shapely.get_parts(shapes[k]) if shapely.get_type_id(part) in (3, 6)]
        shapes[k] = shapely.union_all(areal) if areal else shapely.Polygon()
    return shapes
