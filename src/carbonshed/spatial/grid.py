"""Square grids snapped to the origin of an equal-area CRS, their cells' ids, and block sums.

    column = floor((x - x_origin) / s),  row = floor((y - y_origin) / s),  s = side in metres

Rows count from south to north and columns from west to east, from the CRS's own origin, so that an id stays the same when the
region changes, and grids whose sides divide one another nest exactly: a coarser grid is a block sum of the finest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, overload

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from carbonshed import registry
from carbonshed.checks import refuse
from carbonshed.spatial.aggregate import aggregate
from carbonshed.spatial.cell_ids import IntArray, cell_ids, cell_prefix, checked_shift, coarse_ids, parse_cell_ids, read_cell_ids
from carbonshed.spatial.crs import Bounds, as_crs, auto_crs, mover, require_equal_area
from carbonshed.spatial.project import project

Region: TypeAlias = gpd.GeoDataFrame | gpd.GeoSeries | shapely.Geometry | Bounds

EDGE = 1e-9
"""A region that passes a grid line by less than this share of a side does not enter the next cell."""

__all__ = ["Grid", "coarse_ids", "coarsen", "parse_cell_ids"]

MAX_CELLS = 100_000_000
"""Cells of a grid, those outside the region counted: their ids alone take some GB."""

METRES_OF_EDGE = 0.01
"""A projected border strays from the true one by at most this."""


@dataclass(frozen=True)
class Grid:
    """A rectangle of square cells of an equal-area CRS.

    Parameters
    ----------
    crs : CRS
        Equal-area, in metres.
    side_m : float
        Side of a cell in m.
    origin : (float, float)
        Where row 0 and column 0 begin, in m from the origin of the CRS: 0 <= east, north < side_m.
    first_row, first_col, n_rows, n_cols : int
        The rectangle: rows first_row .. first_row + n_rows - 1, columns alike.

    Examples
    --------
    >>> from carbonshed.spatial.crs import china_albers
    >>> grid = Grid.over((12_000, 30_000, 40_000, 50_000), side_km=18, crs=china_albers())
    >>> grid.first_row, grid.first_col, grid.shape
    (1, 0, (2, 3))
    """

    crs: CRS
    side_m: float
    origin: tuple[float, float]
    first_row: int
    first_col: int
    n_rows: int
    n_cols: int

    def __post_init__(self) -> None:
        require_equal_area(self.crs, where="grid crs")
        if not (np.isfinite(self.side_m) and self.side_m > 0):
            raise refuse("bad_side", expected="a positive side", got=f"{self.side_m} m", where="grid", fix="Give side_km > 0.")
        if not all(0 <= shift < self.side_m for shift in self.origin):
            raise refuse(
                "bad_origin",
                expected=f"an origin from 0 up to the side, {self.side_m / 1000:g} km",
                got=f"({self.origin[0] / 1000:g}, {self.origin[1] / 1000:g}) km",
                where="grid origin",
                fix="Give the origin in km, less than a side: whole sides change nothing.",
            )
        if self.n_rows < 1 or self.n_cols < 1:
            raise refuse(
                "empty_grid", expected="at least one cell", got=f"{self.n_rows} x {self.n_cols}", where="grid", fix="Check the region."
            )

    @classmethod
    def over(cls, region: Region, *, side_km: float, crs: object = "auto", origin: tuple[float, float] = (0.0, 0.0)) -> Grid:
        """The grid that covers a region: x0 = floor((xmin - east) / s) s + east, y0 alike.

        Parameters
        ----------
        region : GeoDataFrame, GeoSeries, geometry or (xmin, ymin, xmax, ymax)
            A frame is projected from its own CRS; a bare geometry or bounds are taken in `crs`.
        side_km : float
            Side of a cell in km.
        crs : CRS or "auto"
            Equal-area CRS in metres. ``"auto"`` (frames only): Albers 25/47/105 in China, elsewhere Lambert azimuthal.
        origin : (east, north)
            Shift of the grid lines from the CRS's origin in km, each less than a side.

        Raises
        ------
        InputError
            If the CRS does not keep areas or is not in metres, the region has no CRS or no area, the side is not positive, or there
            would be more than 10^8 cells.
        """
        xmin, ymin, xmax, ymax, resolved = _bounds(region, crs)
        side = float(side_km) * 1000.0
        if not side > 0:
            raise refuse("bad_side", expected="side_km > 0", got=f"{side_km}", where="Grid.over", fix="Give the side of a cell in km.")
        east, north = float(origin[0]) * 1000.0, float(origin[1]) * 1000.0
        first_col, last_col = _cover(xmin - east, xmax - east, side)
        first_row, last_row = _cover(ymin - north, ymax - north, side)
        rows, cols = last_row - first_row, last_col - first_col
        if rows * cols > MAX_CELLS:
            got = f"{rows:,} x {cols:,} cells of {side_km:g} km"
            fix = "Give a larger side, or check the coordinates of the region."
            raise refuse("too_many_cells", expected=f"at most {MAX_CELLS:,} cells", got=got, where="[grid] base_km", fix=fix)
        return cls(resolved, side, (east, north), first_row, first_col, rows, cols)

    @property
    def side_km(self) -> float:
        """Side of a cell in km."""
        return self.side_m / 1000.0

    @property
    def cell_km2(self) -> float:
        """Area of a cell in km2."""
        return self.side_km**2

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n_rows, self.n_cols

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north in m."""
        west, south = self.origin[0] + self.first_col * self.side_m, self.origin[1] + self.first_row * self.side_m
        return west, south, west + self.n_cols * self.side_m, south + self.n_rows * self.side_m

    @property
    def prefix(self) -> str:
        """What the ids of this grid begin with: ``"g18"``, ``"g18+6+12"`` with a shifted origin, ``"g500m"`` below 1 km."""
        return cell_prefix(self.side_m, self.origin)

    def unit_ids(self, rows: Iterable[int], cols: Iterable[int]) -> NDArray[np.object_]:
        """Ids of the cells at these rows and columns (counted from the datum): ``g18:R012C007``."""
        return cell_ids(self.prefix, rows, cols)

    def boxes(self, rows: IntArray, cols: IntArray) -> NDArray[np.object_]:
        """Squares of the cells at these rows and columns, as polygons."""
        s, (east, north) = self.side_m, self.origin
        return np.asarray(shapely.box(east + cols * s, north + rows * s, east + (cols + 1) * s, north + (rows + 1) * s), dtype=object)

    def coarsen(self, k: int, *, shift: tuple[int, int] = (0, 0)) -> Grid:
        """The grid of k times the side that covers this one; `shift` (east, north) moves its lines by whole cells of this grid.

        Examples
        --------
        >>> from carbonshed.spatial.crs import china_albers
        >>> Grid.over((0, 0, 9_000, 9_000), side_km=1, crs=china_albers()).coarsen(6, shift=(2, 4)).prefix
        'g6+2+4'
        """
        east, north = checked_shift(k, shift)
        rows = (self.first_row - north) // k, (self.first_row + self.n_rows - 1 - north) // k
        cols = (self.first_col - east) // k, (self.first_col + self.n_cols - 1 - east) // k
        origin = self.origin[0] + east * self.side_m, self.origin[1] + north * self.side_m
        return Grid(self.crs, self.side_m * k, origin, rows[0], cols[0], rows[1] - rows[0] + 1, cols[1] - cols[0] + 1)

    def to_frame(self) -> gpd.GeoDataFrame:
        """All cells, row by row from the south-west: index unit_id; columns area_km2, geometry."""
        rows, cols = (a.ravel() for a in np.mgrid[0 : self.n_rows, 0 : self.n_cols])
        rows, cols = rows + self.first_row, cols + self.first_col
        index = pd.Index(self.unit_ids(rows, cols), name="unit_id")
        return gpd.GeoDataFrame({"area_km2": self.cell_km2}, geometry=self.boxes(rows, cols), index=index, crs=self.crs)


@overload
def coarsen(
    data: pd.DataFrame, grid: Grid, k: int, *, kinds: Mapping[str, str] | None = ..., shift: tuple[int, int] = ..., skipna: bool = ...
) -> pd.DataFrame: ...
@overload
def coarsen(
    data: xr.DataArray, grid: Grid, k: int, *, kinds: Mapping[str, str] | None = ..., shift: tuple[int, int] = ..., skipna: bool = ...
) -> xr.DataArray: ...
@overload
def coarsen(
    data: NDArray[np.float64],
    grid: Grid,
    k: int,
    *,
    kinds: Mapping[str, str] | None = ...,
    shift: tuple[int, int] = ...,
    skipna: bool = ...,
) -> NDArray[np.float64]: ...
def coarsen(
    data: pd.DataFrame | xr.DataArray | NDArray[np.float64],
    grid: Grid,
    k: int,
    *,
    kinds: Mapping[str, str] | None = None,
    shift: tuple[int, int] = (0, 0),
    skipna: bool = False,
) -> pd.DataFrame | xr.DataArray | NDArray[np.float64]:
    """Sums of an extensive quantity over blocks of k x k cells: what the coarser grid would have measured.

    Parameters
    ----------
    data : DataFrame, DataArray or array
        A frame indexed by cell ids (and by year where it has the column): extensive and money columns are summed, intensive ones
        averaged, categorical ones by majority. A DataArray with the dimension `unit_id`, of an extensive quantity: summed. An array
        (n_rows, n_cols, ...) of the whole grid, likewise.
    grid : Grid
        The grid of `data`.
    k : int
        How many times coarser.
    kinds : mapping, optional
        Kind of each column to aggregate; by default those of the registered terms.
    shift : (east, north)
        Origin of the coarse grid, in whole cells of `grid`.
    skipna : bool
        False: a block with an unknown cell is unknown. True: it is the sum of its known cells.

    Raises
    ------
    InputError
        If ids are not cells of `grid`, a column has no registered kind, or k is not a positive whole number.
    """
    checked_shift(k, shift)
    if isinstance(data, pd.DataFrame):
        return _coarsen_frame(data, grid, k, kinds, shift, skipna)
    if isinstance(data, xr.DataArray):
        return _coarsen_labelled(data, grid, k, shift, skipna)
    return _coarsen_array(np.asarray(data, dtype=np.float64), grid, k, shift, skipna)


def _coarsen_frame(
    frame: pd.DataFrame, grid: Grid, k: int, kinds: Mapping[str, str] | None, shift: tuple[int, int], skipna: bool
) -> pd.DataFrame:
    _check_same_grid(frame.index, grid)
    skipped = {"geometry", "year", "unit_id", "scale_km"}
    known = kinds if kinds is not None else registry.kinds([str(column) for column in frame.columns if column not in skipped])
    summed = {column: kind for column, kind in known.items() if kind in {"extensive", "intensive", "categorical", "money"}}
    plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    plain["unit_id"] = coarse_ids(frame.index, k, shift=shift)
    by = ["unit_id", "year"] if "year" in frame.columns else ["unit_id"]
    terms = registry.terms()
    intensive = [column for column, kind in summed.items() if kind == "intensive"]
    weights = {column: (terms[column].weight if column in terms else "") or "area_km2" for column in intensive}
    result = aggregate(plain, by, kinds=summed, weights=weights, skipna=skipna)
    return result.reset_index("year") if "year" in by else result


def _coarsen_labelled(data: xr.DataArray, grid: Grid, k: int, shift: tuple[int, int], skipna: bool) -> xr.DataArray:
    if "unit_id" not in data.dims:
        raise refuse(
            "missing_dimension", expected="unit_id", got=", ".join(map(str, data.dims)), where="coarsen", fix="Name the dimension."
        )
    _check_same_grid(data["unit_id"].values, grid)
    block, ids = pd.factorize(coarse_ids(data["unit_id"].values, k, shift=shift))
    summed = {"units": data}
    summed |= {str(name): coord for name, coord in data.coords.items() if name != "unit_id" and "unit_id" in coord.dims}
    parts = {}
    for name, array in summed.items():
        axis = array.dims.index("unit_id")
        values = _group_sums(np.moveaxis(array.values.astype(np.float64), axis, 0), block, len(ids), skipna)
        parts[name] = (array.dims, np.moveaxis(values, 0, axis))
    kept = {name: coord for name, coord in data.coords.items() if "unit_id" not in coord.dims}
    coords: dict[object, object] = {**kept, "unit_id": ids}
    coords |= {name: part for name, part in parts.items() if name != "units"}
    return xr.DataArray(parts["units"][1], dims=data.dims, coords=coords, name=data.name, attrs=data.attrs)


def _coarsen_array(values: NDArray[np.float64], grid: Grid, k: int, shift: tuple[int, int], skipna: bool) -> NDArray[np.float64]:
    if values.shape[:2] != grid.shape:
        raise refuse(
            "wrong_shape", expected=f"{grid.shape} cells", got=f"{values.shape}", where="coarsen", fix="Give the grid of the array."
        )
    coarse = grid.coarsen(k, shift=shift)
    rows = (np.arange(grid.n_rows) + grid.first_row - shift[1]) // k - coarse.first_row
    cols = (np.arange(grid.n_cols) + grid.first_col - shift[0]) // k - coarse.first_col
    block = (rows[:, None] * coarse.n_cols + cols).ravel()
    flat = values.reshape(grid.n_rows * grid.n_cols, *values.shape[2:])
    return _group_sums(flat, block, coarse.n_rows * coarse.n_cols, skipna).reshape(*coarse.shape, *values.shape[2:])


def _group_sums(values: NDArray[np.float64], group: IntArray, n: int, skipna: bool) -> NDArray[np.float64]:
    """Sums of the rows of `values` by group; unknown where a member is unknown or, with `skipna`, where all are."""
    flat = values.reshape(len(values), -1)
    known = ~np.isnan(flat) if skipna else None
    out = np.empty((n, flat.shape[1]))
    for j in range(flat.shape[1]):
        column = flat[:, j] if known is None else np.where(known[:, j], flat[:, j], 0.0)
        out[:, j] = np.bincount(group, weights=column, minlength=n)
        if known is not None:
            out[np.bincount(group, weights=known[:, j], minlength=n) == 0, j] = np.nan
    return out.reshape(n, *values.shape[1:])


def _check_same_grid(ids: Iterable[str], grid: Grid) -> None:
    side, origin, rows, cols = read_cell_ids(ids)
    if cell_prefix(side, origin) != grid.prefix:
        raise refuse(
            "other_grid",
            expected=f"cells of {grid.prefix}",
            got=f"cells of {cell_prefix(side, origin)}",
            where="coarsen",
            fix="Give the grid of the data.",
        )
    inside = (
        (rows >= grid.first_row) & (rows < grid.first_row + grid.n_rows) & (cols >= grid.first_col) & (cols < grid.first_col + grid.n_cols)
    )
    if not inside.all():
        got = f"R{rows[~inside][0]} C{cols[~inside][0]}"
        raise refuse("other_grid", expected="cells of the given grid", got=got, where="coarsen", fix="Give the grid of the data.")


def _cover(low: float, high: float, side: float) -> tuple[int, int]:
    """First cell, and the one after the last, of those that a stretch enters."""
    first = int(np.floor(low / side + EDGE))
    return first, max(int(np.ceil(high / side - EDGE)), first + 1)


def _bounds(region: Region, crs: object) -> tuple[float, float, float, float, CRS]:
    """Bounds of the region in the CRS, and the CRS."""
    if isinstance(region, gpd.GeoDataFrame | gpd.GeoSeries):
        source = as_crs(region.crs, where="region")
        shapes = np.asarray(region.geometry.array, dtype=object)
        resolved = auto_crs(region) if isinstance(crs, str) and crs == "auto" else require_equal_area(crs)
        move = mover(source, resolved, where="region")
        bounds = shapely.total_bounds(shapes if move is None else project(shapes, move, tolerance=METRES_OF_EDGE, where="region"))
    else:
        if isinstance(crs, str) and crs == "auto":
            raise refuse(
                "no_crs",
                expected="a CRS",
                got='"auto" for a region without one',
                where="Grid.over",
                fix="Give crs, or the region as a GeoDataFrame.",
            )
        resolved = require_equal_area(crs)
        bounds = np.asarray(region if isinstance(region, tuple) else shapely.bounds(region), dtype=np.float64)
    if not np.isfinite(bounds).all() or bounds[0] >= bounds[2] or bounds[1] >= bounds[3]:
        raise refuse(
            "empty_region", expected="a region with an area", got=f"bounds {tuple(bounds)}", where="Grid.over", fix="Check the boundary."
        )
    xmin, ymin, xmax, ymax = (float(value) for value in bounds)
    return xmin, ymin, xmax, ymax, resolved
