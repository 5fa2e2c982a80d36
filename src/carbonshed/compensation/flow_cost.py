"""What a yuan from i to j costs: distance, distance inside a basin, field strength, or the user's own matrix."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Geod

from carbonshed.checks import check_columns, choose, examples, refuse
from carbonshed.compensation.panel import INSTITUTIONS, numbers
from carbonshed.spatial.crs import auto_crs

Floats = NDArray[np.float64]

COSTS = ("distance", "same_basin", "field_strength")


def places(compensation: pd.DataFrame) -> tuple[Floats, Floats]:
    """Longitude and latitude of each row: columns ``lon``, ``lat``, or the centroids of the polygons in an equal-area CRS.

    Returns
    -------
    lon, lat : arrays
        Degrees; NaN for the fund and the upper level, which have no place, and throughout where the frame has neither.

    Raises
    ------
    InputError
        If a county has no geometry, or the frame no CRS.

    Examples
    --------
    >>> lon, lat = places(pd.DataFrame({"lon": [116.0], "lat": [38.0]}, index=["a"]))
    >>> float(lon[0]), float(lat[0])
    (116.0, 38.0)
    """
    nowhere = compensation.index.isin(INSTITUTIONS)
    lon, lat = np.full(len(compensation), np.nan), np.full(len(compensation), np.nan)
    if {"lon", "lat"} <= set(compensation.columns):
        lon, lat = (numbers(compensation, name, where="compensation", negative=True) for name in ("lon", "lat"))
    elif isinstance(compensation, gpd.GeoDataFrame):
        shapes = compensation.geometry[~nowhere]
        if shapes.crs is None or not shapes.crs.is_projected:
            shapes = shapes.to_crs(auto_crs(shapes))
        points = shapes.centroid.to_crs("EPSG:4326")
        lon[~nowhere], lat[~nowhere] = points.x, points.y
    else:
        return lon, lat
    lost = ~nowhere & (np.isnan(lon) | np.isnan(lat))
    if lost.any():
        got = examples(dict.fromkeys(compensation.index[lost]))
        raise refuse("no_place", expected="a place for each county", got=f"none for {got}", where="compensation", fix="Add its geometry.")
    return lon, lat


def distances_km(payers: tuple[Floats, Floats], recipients: tuple[Floats, Floats]) -> Floats:
    """Geodesic distance on WGS84 between each payer and each recipient [km], NaN where one has no place; shape (n, m).

    Examples
    --------
    >>> one = np.array([0.0])
    >>> float(distances_km((one, one), (one, one + 1.0)).round(3)[0, 0])
    110.574
    """
    (a, b), (c, d) = payers, recipients
    shape = (a.size, c.size)
    grid = [np.broadcast_to(values, shape).ravel() for values in (a[:, None], b[:, None], c[None, :], d[None, :])]
    return pair_distances_km((grid[0], grid[1]), (grid[2], grid[3])).reshape(shape)


def pair_distances_km(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> Floats:
    """Geodesic distance on WGS84 between each place and that of the same row [km], NaN where one of them is not known; shape (n,).

    >>> at = np.array([0.0, 0.0])
    >>> pair_distances_km((at, at), (at, at + [1.0, np.nan])).round(3).tolist()
    [110.574, nan]
    """
    known = np.isfinite(one[0] + one[1] + other[0] + other[1])
    result = np.full(known.size, np.nan)
    if known.any():
        ends = [values[known] for values in (*one, *other)]
        result[known] = Geod(ellps="WGS84").inv(ends[0], ends[1], ends[2], ends[3])[2] / 1000.0
    return result


def flow_cost(
    payers: pd.DataFrame, recipients: pd.DataFrame, distance: Floats, *, cost: str | pd.DataFrame = "distance", basin_discount: float = 0.5
) -> Floats:
    """Cost of each pair, 0 to and from the fund and the upper level, which have no place.

    ================  =========================================================================================================
    cost              c_ij
    ================  =========================================================================================================
    distance          d_ij [km]
    same_basin        ``d_ij (1 - discount)`` where the column ``basin`` is equal, else d_ij [km]
    field_strength    ``-F_ij``, ``F_ij = V_i / R_ij^2``, ``R_ij = d_ij / (1 + sqrt(V_j / V_i))``, V the amounts of both [yuan km-2]
    a DataFrame       the user's: index payers, columns recipients
    ================  =========================================================================================================

    Parameters
    ----------
    payers, recipients : DataFrame
        ``payable`` and ``receivable`` (yuan a-1) and, for ``same_basin``, ``basin``.
    distance : array, shape (n, m)
        As `distances_km` returns it.

    Raises
    ------
    InputError
        An unknown cost, a missing distance, column or pair, two places at distance 0 for ``field_strength``.

    Notes
    -----
    Breaking point and field strength: textbook forms.

    Examples
    --------
    >>> payers = pd.DataFrame({"payable": [4.0]}, index=["a"])
    >>> recipients = pd.DataFrame({"receivable": [1.0]}, index=["b"])
    >>> flow_cost(payers, recipients, np.array([[3.0]]), cost="field_strength").tolist()
    [[-1.0]]
    """
    placeless = payers.index.isin(INSTITUTIONS)[:, None] | recipients.index.isin(INSTITUTIONS)[None, :]
    if isinstance(cost, pd.DataFrame):
        return np.where(placeless, 0.0, _from_matrix(payers.index, recipients.index, cost, placeless))
    choose(cost, COSTS, where="flow_cost")
    check_place(np.isfinite(distance) | placeless, cost)
    if cost == "same_basin":
        check_basins(payers, recipients, basin_discount)
        same = payers["basin"].to_numpy(dtype=object)[:, None] == recipients["basin"].to_numpy(dtype=object)[None, :]
        same &= payers["basin"].notna().to_numpy()[:, None]  # two unknown basins are not the same
        return np.where(placeless, 0.0, distance * np.where(same, 1.0 - basin_discount, 1.0))
    if cost == "field_strength":
        return np.where(placeless, 0.0, -_field_strength(payers, recipients, np.where(placeless, 1.0, distance)))
    return np.where(placeless, 0.0, distance)


def check_place(has_place: NDArray[np.bool_], cost: str) -> None:
    """Refuse a cost that needs places where one is missing."""
    if not has_place.all():
        raise refuse(
            "no_place",
            expected="a geometry, or columns lon and lat",
            got="neither",
            where=f"flow_cost = {cost!r}",
            fix="Pass a GeoDataFrame of the counties, or a matrix of costs.",
        )


def check_basins(payers: pd.DataFrame, recipients: pd.DataFrame, basin_discount: float) -> None:
    """Refuse a discount that is no share, and sides without basins."""
    if not 0.0 <= basin_discount <= 1.0:
        raise refuse("discount", expected="a share in [0, 1]", got=repr(basin_discount), where="basin_discount", fix="0.5 halves it.")
    for frame in (payers, recipients):
        check_columns(frame.columns, ["basin"], where="flow_cost = 'same_basin'")


def _field_strength(payers: pd.DataFrame, recipients: pd.DataFrame, distance: Floats) -> Floats:
    if (distance == 0).any():
        i, j = np.argwhere(distance == 0)[0]
        got = f"0 between {payers.index[i]} and {recipients.index[j]}"
        raise refuse("same_place", expected="distances above 0", got=got, where="flow_cost = 'field_strength'", fix="Use 'distance'.")
    pays = payers["payable"].to_numpy(dtype=np.float64)[:, None]
    gets = recipients["receivable"].to_numpy(dtype=np.float64)[None, :]
    reach = distance / (1.0 + np.sqrt(gets / pays))
    return np.asarray(pays / reach**2)


def _from_matrix(payers: pd.Index, recipients: pd.Index, cost: pd.DataFrame, placeless: NDArray[np.bool_]) -> Floats:
    matrix = cost.reindex(index=payers, columns=recipients).to_numpy(dtype=np.float64)
    lacking = np.isnan(matrix) & ~placeless
    if lacking.any():
        i, j = np.argwhere(lacking)[0]
        got = f"none for {payers[i]} -> {recipients[j]}" + (f" and {int(lacking.sum()) - 1} more" if lacking.sum() > 1 else "")
        raise refuse("no_cost", expected="a cost for each payer and recipient", got=got, where="flow_cost matrix", fix="Add these pairs.")
    return matrix
