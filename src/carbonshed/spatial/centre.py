"""Centre of gravity of an amount over the years, its standard deviational ellipse, and how sure its drift is.

Centres are computed in an equal-area CRS and projected back; shifts are geodesics between the projected-back centres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from carbonshed.checks import check_columns, choose, examples, refuse, warn
from carbonshed.spatial.crs import as_crs, equal_area_crs, require_equal_area
from carbonshed.spatial.ellipse import CONVENTIONS, Ellipse, ellipse_of_covariance, ellipses_overlap, standard_deviational_ellipse

__all__ = ["Ellipse", "bootstrap_centre", "centre_of_gravity", "resampled_times", "standard_deviational_ellipse"]

Floats = NDArray[np.float64]

WEIGHT_COLUMNS = {"source": ("carbon_source",), "sink": ("carbon_sink",), "absolute": ("payable", "receivable")}
"""Named weights and the columns they add up; any other name is a column."""

SIGNED_COLUMNS = ("net_compensation", "net_carbon_emission")
"""What ``signed`` weighs by: the one of these that the frame has."""

POINTS = ("centroid", "seat")
SEAT_COLUMNS = ("seat_lon", "seat_lat")

CHI_SQUARED_95 = -2 * np.log(0.05)
"""Upper 5 % point of chi-squared with two degrees of freedom: squared size of a 95 % ellipse in standard deviations."""


def centre_of_gravity(
    frame: gpd.GeoDataFrame, *, weight: str | Sequence[str], crs: object = None, point: str = "centroid", convention: str = "sqrt2"
) -> pd.DataFrame:
    """Centre of gravity of an amount in each year, how far and where to it moved, and its standard deviational ellipse.

    ``X = sum m_i x_i / sum m_i``, Y alike, over the units i with amount m_i at (x_i, y_i) in an equal-area CRS. From the year
    before, the shift is the geodesic between the centres projected back, and ``bearing = atan2(dX, dY)``.

    Parameters
    ----------
    frame : GeoDataFrame
        Index unit_id; the weight's columns; `year`, or one year without it. The units are the same in all years.
    weight : str or sequence of str
        A column of amounts >= 0 (``payable``, ``receivable``, ...), or ``source``, ``sink``, ``absolute`` (payable + receivable);
        of several, the rows of one stand below those of the other.
        ``signed`` weighs by net_compensation (or net_carbon_emission), with a warning: it is unstable near a sum of 0 and can
        leave the region; no ellipse is given.
    crs : optional
        Equal-area CRS to compute in; default the frame's own. ``"auto"``: see `carbonshed.spatial.crs.equal_area_crs`.
    point : {"centroid", "seat"}
        The polygon's centroid of area, or the county seat in columns seat_lon, seat_lat [degrees].
    convention : {"sqrt2", "n_minus_2", "none"}
        See `standard_deviational_ellipse`.

    Returns
    -------
    DataFrame, one row a weight and year
        year (<NA> without a column year), quantity, lon, lat [degrees, WGS84], shift_km, bearing_deg, speed_km_per_year,
        ellipse_major_km, ellipse_minor_km, ellipse_angle_deg, x, y [m, in the CRS], true_north_deg, n_units, ellipse_convention.
        Bearing and angle run clockwise from the north of the CRS (its y axis), as drawn on its map; true_north_deg is where true
        north lies in the same sense: subtract it for angles from true north. NaN where the weights sum to 0.

    Raises
    ------
    InputError
        If a weight is negative (other than ``signed``) or infinite, a column or geometry is missing, a unit occurs twice in a
        year, or the CRS does not keep areas.

    Warns
    -----
    DataWarning
        Listing units that lack a weight or a row in some year, and are left out of all years.

    Notes
    -----
    Source: textbook form (first moment).

    Examples
    --------
    >>> corners = gpd.GeoDataFrame({"payable": [1, 1, 2, 1]}, geometry=gpd.points_from_xy([0, 4, 4, 0], [0, 0, 2, 2]), crs="EPSG:6933")
    >>> centre_of_gravity(corners, weight="payable")[["x", "y"]].round(6).to_numpy().tolist()
    [[2.4, 1.2]]
    """
    choose(convention, CONVENTIONS, where="convention")
    target = _target_crs(frame, crs)
    place = _Place(target)
    weights = [weight] if isinstance(weight, str) else list(weight)
    tables = [_centres(_panel(frame, each, target, point), place, convention) for each in weights]
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]


def _centres(panel: _Panel, place: _Place, convention: str) -> pd.DataFrame:
    rows = []
    for amounts in panel.amounts:
        x, y = _centre(panel.x, panel.y, amounts)
        ellipse = Ellipse(x, y, np.nan, np.nan, np.nan, convention)
        if (amounts >= 0).all():
            ellipse = standard_deviational_ellipse(panel.x, panel.y, weights=amounts, convention=convention)
        rows.append(place.row(ellipse))
    result = pd.DataFrame(rows)
    moves = place.moves(result, panel.years)
    result = pd.concat([result, moves], axis=1).assign(year=panel.years, quantity=panel.quantity, n_units=panel.x.size)
    result["ellipse_convention"] = convention
    columns = ["year", "quantity", "lon", "lat", "shift_km", "bearing_deg", "speed_km_per_year", "ellipse_major_km", "ellipse_minor_km"]
    columns += ["ellipse_angle_deg", "x", "y", "true_north_deg", "n_units", "ellipse_convention"]
    return result[columns]


def bootstrap_centre(
    frame: gpd.GeoDataFrame, *, weight: str, draws: int = 999, seed: int = 0, crs: object = None, point: str = "centroid"
) -> pd.DataFrame:
    """How sure the centre of each year is: 95 % ellipse from resampled units, and whether a drift is told from noise.

    The n units are drawn n times with replacement, the same units in all years; the ellipse of a year holds 95 % of a normal
    distribution with the covariance of its centres: semi-axes ``sqrt(5.991 lambda)`` with lambda its eigenvalues.

    Parameters
    ----------
    frame, weight, crs, point
        As in `centre_of_gravity`.
    draws : int
        Number of resamplings, at least 2.
    seed : int

    Returns
    -------
    DataFrame, one row a year
        year, quantity, lon, lat, ellipse_major_km, ellipse_minor_km, ellipse_angle_deg, x, y, true_north_deg as in
        `centre_of_gravity`; overlaps_previous, overlaps_first: the ellipse overlaps that of the year before or of the first
        year, so that the drift between them is within noise (<NA> in the first year).

    Raises
    ------
    InputError
        As in `centre_of_gravity`.

    Notes
    -----
    Source: Efron and Tibshirani (1993), resampling of cases, textbook form. The centre is that of the data, not of the draws.

    Examples
    --------
    >>> corners = gpd.GeoDataFrame({"payable": [1, 1, 1, 1]}, geometry=gpd.points_from_xy([0, 4, 4, 0], [0, 0, 2, 2]), crs="EPSG:6933")
    >>> bool(bootstrap_centre(corners, weight="payable").loc[0, "ellipse_major_km"] > 0.001)
    True
    """
    if draws < 2:
        raise refuse("too_few_draws", expected="at least 2 draws", got=str(draws), where="bootstrap_centre", fix="The default is 999.")
    panel = _panel(frame, weight, _target_crs(frame, crs), point)
    place = _Place(panel.crs)
    moments = np.stack([panel.amounts, panel.amounts * panel.x, panel.amounts * panel.y], axis=2)
    sums = np.einsum("di,yik->dyk", resampled_times(panel.x.size, draws=draws, seed=seed), moments)
    ellipses = []
    for year, amounts in enumerate(panel.amounts):
        x, y = _centre(panel.x, panel.y, amounts)
        usable = sums[sums[:, year, 0] != 0, year]
        covariance = np.cov(usable[:, 1] / usable[:, 0], usable[:, 2] / usable[:, 0]) if len(usable) > 1 else np.full((2, 2), np.nan)
        xx, yy, xy = CHI_SQUARED_95 * np.array([covariance[0, 0], covariance[1, 1], covariance[0, 1]])
        ellipses.append(ellipse_of_covariance(x, y, xx, yy, xy, "bootstrap_95"))
    result = pd.DataFrame([place.row(ellipse) for ellipse in ellipses]).assign(year=panel.years, quantity=panel.quantity)
    previous = [None, *(ellipses_overlap(*pair) for pair in pairwise(ellipses))]
    first = [None, *(ellipses_overlap(ellipses[0], later) for later in ellipses[1:])]
    columns = ["year", "quantity", "lon", "lat", "ellipse_major_km", "ellipse_minor_km", "ellipse_angle_deg", "x", "y"]
    result = result[[*columns, "true_north_deg"]]
    return result.assign(overlaps_previous=pd.array(previous, dtype="boolean"), overlaps_first=pd.array(first, dtype="boolean"))


def resampled_times(n: int, *, draws: int, seed: int) -> Floats:
    """How often each of n cases is drawn in each resampling of n cases with replacement, shape (draws, n).

    Examples
    --------
    >>> resampled_times(4, draws=3, seed=0).sum(axis=1).tolist()
    [4.0, 4.0, 4.0]
    """
    drawn = np.random.default_rng(seed).integers(0, n, size=(draws, n))
    drawn += n * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


@dataclass(frozen=True)
class _Panel:
    """Points of the units, in the order of sorted ids, and their amounts [year, unit]."""

    years: pd.api.extensions.ExtensionArray
    quantity: str
    x: Floats
    y: Floats
    amounts: Floats
    crs: CRS


def _panel(frame: gpd.GeoDataFrame, weight: str, target: CRS, point: str) -> _Panel:
    choose(point, POINTS, where="point")
    quantity, amounts = _amounts(frame, weight)
    given = frame["year"].to_numpy(dtype=np.int64) if "year" in frame else np.zeros(len(frame), dtype=np.int64)
    years, year = np.unique(given, return_inverse=True)
    units = frame.index.unique().sort_values()
    unit = units.get_indexer(frame.index)
    if (twice := pd.MultiIndex.from_arrays([year, unit]).duplicated()).any():
        got = f"more than one row for {examples(frame.index[twice])}"
        raise refuse("repeated_id", expected="each unit once a year", got=got, where="centre_of_gravity", fix="Add the column `year`.")
    table = np.full((years.size, len(units)), np.nan)
    table[year, unit] = amounts
    partly = np.isnan(table).any(axis=0)
    if partly.any():
        listed = examples(units[partly])
        warn(f"centre of gravity: {partly.sum()} units have no {quantity} in some year and are left out of all: {listed}.")
    first = np.unique(unit, return_index=True)[1]  # a row of each unit, for its place
    x, y = _points(frame.iloc[first[~partly]], target, point)
    calendar = pd.array(years, dtype="Int64") if "year" in frame else pd.array([pd.NA], dtype="Int64")
    return _Panel(calendar, quantity, x, y, table[:, ~partly], target)


def _target_crs(frame: gpd.GeoDataFrame, crs: object) -> CRS:
    own = as_crs(frame.crs, where="the frame's CRS")
    if crs is None:
        return require_equal_area(own, where="the frame's CRS")
    if isinstance(crs, str) and crs == "auto":
        west, south, east, north = frame.to_crs("EPSG:4326").total_bounds
        return equal_area_crs((west, south, east, north))
    return require_equal_area(crs)


def _amounts(frame: gpd.GeoDataFrame, weight: str) -> tuple[str, Floats]:
    """Name and values of what is weighed by; negative ones are refused unless asked for as ``signed``."""
    columns: tuple[str, ...] = WEIGHT_COLUMNS.get(weight, (weight,))
    if weight == "signed":
        columns = tuple(column for column in SIGNED_COLUMNS if column in frame)
        if len(columns) != 1:
            got = "both" if columns else "neither"
            fix = "Drop the one that is not meant." if columns else "Add the column."
            raise refuse("which_weight", expected=f"one of the columns {', '.join(SIGNED_COLUMNS)}", got=got, where="weight", fix=fix)
        warn(f"centre of gravity of signed {columns[0]}: unstable where it sums to nearly 0, and it may lie outside the region.")
    check_columns(frame.columns, columns, where="centre_of_gravity")
    amounts = frame[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan).sum(axis=1)
    wrong = np.isinf(amounts) | ((amounts < 0) & (weight != "signed"))
    if wrong.any():
        raise refuse(
            "negative_weight",
            expected="finite weights >= 0",
            got=f"others in {examples(frame.index[wrong])}",
            where=f"weight {weight!r}",
            fix='Weigh by one side (payable, receivable), by "absolute", or say "signed".',
        )
    return columns[0] if len(columns) == 1 else weight, amounts


def _points(units: gpd.GeoDataFrame, target: CRS, point: str) -> tuple[Floats, Floats]:
    if point == "seat":
        check_columns(units.columns, SEAT_COLUMNS, where="centre_of_gravity")
        places = gpd.GeoSeries.from_xy(units["seat_lon"], units["seat_lat"], crs="EPSG:4326").to_crs(target)
    else:
        places = units.geometry.to_crs(target).centroid
    x, y = places.x.to_numpy(), places.y.to_numpy()
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        nowhere = units.index[~(np.isfinite(x) & np.isfinite(y))]
        raise refuse(
            "no_geometry", expected=f"a {point} for every unit", got=f"none in {examples(nowhere)}", where="geometry", fix="Add it."
        )
    return x, y


def _centre(x: Floats, y: Floats, amounts: Floats) -> tuple[float, float]:
    total = float(amounts.sum())
    if abs(total) <= 1e-12 * float(np.abs(amounts).sum()):
        return float("nan"), float("nan")
    return float(amounts @ x) / total, float(amounts @ y) / total


class _Place:
    """Projects centres back to the globe."""

    def __init__(self, crs: CRS):
        self._back = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        self._geod = Geod(ellps="WGS84")

    def row(self, ellipse: Ellipse) -> dict[str, float]:
        """One row of the result: place, ellipse in km, and where true north lies."""
        lon = lat = north = float("nan")
        if np.isfinite(ellipse.x):
            lon, lat = self._back.transform(ellipse.x, ellipse.y)
            (upper_x, upper_y), (lower_x, lower_y) = (self._back.transform(lon, lat + d, direction="INVERSE") for d in (1e-4, -1e-4))
            north = float(np.degrees(np.arctan2(upper_x - lower_x, upper_y - lower_y)))
        return {
            "lon": lon,
            "lat": lat,
            "x": ellipse.x,
            "y": ellipse.y,
            "ellipse_major_km": ellipse.major / 1000,
            "ellipse_minor_km": ellipse.minor / 1000,
            "ellipse_angle_deg": ellipse.angle_deg,
            "true_north_deg": north,
        }

    def moves(self, centres: pd.DataFrame, years: pd.api.extensions.ExtensionArray) -> pd.DataFrame:
        """Geodesic shift and speed, and the bearing in the plane, from the row before; NaN in the first row."""
        moves = pd.DataFrame(np.nan, index=centres.index, columns=["shift_km", "bearing_deg", "speed_km_per_year"])
        for row in range(1, len(centres)):
            start, end = centres.loc[row - 1], centres.loc[row]
            dx, dy = end["x"] - start["x"], end["y"] - start["y"]
            if np.isfinite(dx):
                km = self._geod.inv(start["lon"], start["lat"], end["lon"], end["lat"])[2] / 1000
                bearing = np.degrees(np.arctan2(dx, dy)) % 360 if np.hypot(dx, dy) > 1e-6 else np.nan
                moves.loc[row] = [km, bearing, km / (years[row] - years[row - 1])]
        return moves
