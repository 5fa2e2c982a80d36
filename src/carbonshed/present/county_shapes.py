"""Shapes of counties as maps show them: simplified, joined to provinces, with those that have no money."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

DISPLAY_POINTS = 1500
"""Borders are simplified to about the width of the region / this: below one dot of a printed map."""

MANY_IN_ONE = 1000
"""Above this many shapes their union is that of a coverage, many times faster."""


def last_shapes(accounts: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """The shape of each county in the last year that has it."""
    return accounts.sort_values("year", kind="stable").drop_duplicates("unit_id", keep="last").set_index("unit_id").geometry


def is_same(shapes: gpd.GeoSeries, accounts: gpd.GeoDataFrame) -> bool:
    """Whether these are the shapes of the accounts of the last year that has each, none more and none less."""
    last = last_shapes(accounts)
    if len(last) != len(shapes) or not shapes.index.isin(last.index).all() or last.crs != shapes.crs:
        return False
    pairs = shapes.to_numpy(), last.loc[shapes.index].to_numpy()
    (sizes, others), (points, ends) = ([of(side) for side in pairs] for of in (shapely.get_num_coordinates, shapely.get_coordinates))
    return np.array_equal(sizes, others) and np.array_equal(points, ends)


def union(shapes: np.ndarray) -> Any:
    """The shapes as one; many as a coverage, unless they overlap."""
    if len(shapes) > MANY_IN_ONE:
        whole = shapely.coverage_union_all(shapes)
        if shapely.is_valid(whole) and np.isclose(whole.area, shapely.area(shapes).sum(), rtol=1e-9):
            return whole
    return shapely.union_all(shapes)


def with_absent(shapes: gpd.GeoSeries, accounts: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """The shapes, and those of counties left out of the money; a county that is part of one of the shapes (merged districts) is not."""
    last = last_shapes(accounts)
    others = last[~last.index.isin(shapes.index)].to_crs(shapes.crs)
    inside, _ = shapes.sindex.query(others.representative_point(), predicate="within")
    absent = others[~np.isin(np.arange(len(others)), inside)]
    return gpd.GeoSeries(pd.concat([shapes, absent]), crs=shapes.crs)


def simplified(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Shapes with fewer vertices, borders between neighbours kept common; by less than a dot of a printed map."""
    west, _, east, _ = shapes.total_bounds
    tolerance = (east - west) / DISPLAY_POINTS
    thinned = shapely.coverage_simplify(shapes.to_numpy(), tolerance)
    lost = shapely.is_empty(thinned) | ~shapely.is_valid(thinned)
    return gpd.GeoSeries(np.where(lost, shapes.to_numpy(), thinned), index=shapes.index, crs=shapes.crs)
