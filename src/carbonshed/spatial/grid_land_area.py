"""Land area on many grids: the result of one pass, by side and origin, with its cells' ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from carbonshed.checks import examples, refuse
from carbonshed.spatial.crs import FloatArray
from carbonshed.spatial.grid import Grid

WHOLE = 1e-3
"""A cell of which less than this share is missing lies whole on the raster: the rest is rounding of the shares of pixels."""

SAME = 1e-9
"""Sides and origins are the same within this many km."""


@dataclass(frozen=True)
class GridLandArea:
    """Land area of one raster series on several grids.

    Parameters
    ----------
    grids : tuple of Grid
        Each covers the raster of every year.
    years : tuple of int
    land_classes : tuple of str
    km2 : tuple of arrays (years, rows, columns, classes)
        For each grid; rows from the south.
    nodata_km2 : tuple of arrays (years, rows, columns)
        For each grid: what of a cell lies on the raster and holds no data. A cell's classes, this, and what lies outside the raster
        sum to its area.
    attrs : mapping
        Units, coverage, legend, licence, citation, crs.
    """

    grids: tuple[Grid, ...]
    years: tuple[int, ...]
    land_classes: tuple[str, ...]
    km2: tuple[FloatArray, ...]
    nodata_km2: tuple[FloatArray, ...]
    attrs: Mapping[str, str] = field(default_factory=dict)

    def grid(self, side_km: float, *, origin: tuple[float, float] = (0.0, 0.0)) -> Grid:
        """The grid of a side and origin (east, north), both in km."""
        return self.grids[self._position(side_km, origin)]

    def land_area(self, side_km: float, *, origin: tuple[float, float] = (0.0, 0.0)) -> xr.DataArray:
        """``land_area[year, unit_id, land_class]`` in km2 of all cells of one grid, as `tabulate_land_area` gives it.

        Coordinates `area_km2` (unit_id) and `nodata_km2` (year, unit_id): what of a cell holds no data or lies outside the raster.
        """
        k = self._position(side_km, origin)
        grid, n_years = self.grids[k], len(self.years)
        rows, cols = (a.ravel() for a in np.mgrid[0 : grid.n_rows, 0 : grid.n_cols])
        values = self.km2[k].reshape(n_years, -1, len(self.land_classes))
        coords = {
            "year": list(self.years),
            "unit_id": grid.unit_ids((rows + grid.first_row).tolist(), (cols + grid.first_col).tolist()),
            "land_class": list(self.land_classes),
            "area_km2": ("unit_id", np.full(rows.size, grid.cell_km2)),
            "nodata_km2": (("year", "unit_id"), (self.nodata_km2[k] + self.outside_km2(k)).reshape(n_years, -1)),
        }
        return xr.DataArray(values, dims=("year", "unit_id", "land_class"), coords=coords, name="land_area", attrs=dict(self.attrs))

    def to_frame(self) -> pd.DataFrame:
        """One table of all grids: index unit_id, columns year, scale_km, the land classes and nodata_km2 (on the raster), in km2.

        Cells without a classified pixel are left out. The origin of a grid is part of its cells' ids.
        """
        parts = []
        for k, grid in enumerate(self.grids):
            year, row, col = np.nonzero(self.km2[k].sum(axis=3) > 0)
            index = pd.Index(grid.unit_ids((row + grid.first_row).tolist(), (col + grid.first_col).tolist()), name="unit_id")
            columns = {"year": np.array(self.years)[year], "scale_km": grid.side_km}
            columns |= {name: self.km2[k][year, row, col, c] for c, name in enumerate(self.land_classes)}
            parts.append(pd.DataFrame(columns | {"nodata_km2": self.nodata_km2[k][year, row, col]}, index=index))
        return pd.concat(parts)

    def outside_km2(self, position: int) -> FloatArray:
        """What of each cell (years, rows, columns) of the grid at this position lies outside the raster."""
        cell = self.grids[position].cell_km2
        missing = cell - self.km2[position].sum(axis=3) - self.nodata_km2[position]
        outside: FloatArray = np.where(missing > WHOLE * cell, missing, 0.0)
        return outside

    def _position(self, side_km: float, origin: tuple[float, float]) -> int:
        wanted = np.array([side_km, *origin])
        for k, grid in enumerate(self.grids):
            if np.abs(wanted - [grid.side_km, grid.origin[0] / 1000, grid.origin[1] / 1000]).max() < SAME:
                return k
        raise refuse(
            "no_such_grid",
            expected=f"one of {examples((grid.prefix for grid in self.grids), 20)}",
            got=f"side {side_km:g} km, origin ({origin[0]:g}, {origin[1]:g}) km",
            where="GridLandArea",
            fix="Give the side and origin to tabulate_grids.",
        )
