"""Is the drift of a centre of gravity more than noise? Two answers from resampled counties."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Geod

from carbonshed.checks import check_columns, refuse
from carbonshed.compensation.panel import numbers
from carbonshed.spatial.centre import CHI_SQUARED_95, bootstrap_centre, resampled_times

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DriftCheck:
    """A drift between the first and the last year, and whether it is told from noise.

    Parameters
    ----------
    quantity : str
        What weights the centre.
    first_year, last_year : int
    shift_km, bearing_deg : float
        Geodesic between both centres, and its azimuth from true north.
    sd_major_km, sd_minor_km, sd_lon_deg : float
        Bootstrap standard deviation of the centre of the first year along and across its ellipse, and of its longitude.
    ellipses_overlap : bool or None
        The 95 % ellipses of the two centres have a point in common.
    paired_distance : float
        Squared Mahalanobis distance of the shift from zero under the bootstrap of the shift itself (the same counties drawn in both
        years); beyond 5.991 the shift is told from noise at 95 %. NaN where it has no covariance.
    is_more_than_noise : bool or None
        By the paired test; the two ellipses share most of their noise, so that they can overlap when the shift is sure.
    """

    quantity: str
    first_year: int
    last_year: int
    shift_km: float
    bearing_deg: float
    sd_major_km: float
    sd_minor_km: float
    sd_lon_deg: float
    ellipses_overlap: bool | None
    paired_distance: float
    is_more_than_noise: bool | None


def drift_check(frame: gpd.GeoDataFrame, *, weight: str = "payable", draws: int = 1999, seed: int = 0) -> DriftCheck:
    """Whether the centre of an amount moved by more than chance between the first and the last year.

    ``d2 = s' V^-1 s`` with the shift s of the centre [m] and V the covariance of the shifts of `draws` resamplings of the counties, each
    with the same counties in both years; noise where ``d2 <= 5.991`` (chi-squared, 2 degrees of freedom, 5 %).

    Parameters
    ----------
    frame : GeoDataFrame, index ``unit_id``
        ``year``, the weight (>= 0), polygons in an equal-area CRS; the same counties in each year.
    weight : str
        A column: ``payable``, ``receivable``, ...
    draws, seed : int

    Returns
    -------
    DriftCheck

    Raises
    ------
    InputError
        Fewer than two years; as `carbonshed.spatial.centre.bootstrap_centre`.

    Notes
    -----
    Efron and Tibshirani 1993, resampling of cases (textbook form).

    Examples
    --------
    >>> from shapely import box
    >>> shapes = [box(x, y, x + 1, y + 1) for x in range(0, 9000, 1000) for y in range(0, 9000, 1000)]
    >>> ids = [f"c{i}" for i in range(len(shapes))]
    >>> early = gpd.GeoDataFrame({"year": 2007, "payable": 1.0}, geometry=shapes, index=ids, crs="EPSG:6933")
    >>> late = early.assign(year=2017, payable=[1 + shape.bounds[0] for shape in shapes])
    >>> found = drift_check(pd.concat([early, late]), draws=99)
    >>> found.is_more_than_noise, round(found.bearing_deg)
    (True, 90)
    """
    check_columns(frame.columns, ["year", weight], where="drift_check")
    if frame["year"].nunique() < 2:
        got = f"{frame['year'].nunique()}"
        raise refuse("too_few_years", expected="at least two years", got=got, where="drift_check", fix="One year has no drift.")
    centres = bootstrap_centre(frame, weight=weight, draws=draws, seed=seed)
    first, last = centres.iloc[0], centres.iloc[-1]
    azimuth, _, metres = Geod(ellps="WGS84").inv(first["lon"], first["lat"], last["lon"], last["lat"])
    overlap = last["overlaps_first"]
    distance, sd_east = _paired(frame, weight, int(first["year"]), int(last["year"]), draws, seed)
    size = np.sqrt(CHI_SQUARED_95)
    metres_per_degree = Geod(ellps="WGS84").inv(first["lon"], first["lat"], first["lon"] + 1, first["lat"])[2]
    return DriftCheck(
        quantity=weight,
        first_year=int(first["year"]),
        last_year=int(last["year"]),
        shift_km=metres / 1000,
        bearing_deg=azimuth % 360,
        sd_major_km=float(first["ellipse_major_km"] / size),
        sd_minor_km=float(first["ellipse_minor_km"] / size),
        sd_lon_deg=sd_east / metres_per_degree,
        ellipses_overlap=None if pd.isna(overlap) else bool(overlap),
        paired_distance=distance,
        is_more_than_noise=None if np.isnan(distance) else bool(distance > CHI_SQUARED_95),
    )


def _paired(frame: gpd.GeoDataFrame, weight: str, first: int, last: int, draws: int, seed: int) -> tuple[float, float]:
    """Squared Mahalanobis distance of the shift, and the standard deviation of the first centre towards the east [m]."""
    years = frame["year"].to_numpy()
    parts = [frame[years == year] for year in (first, last)]
    both = parts[0].index.intersection(parts[1].index).sort_values()
    tables = [numbers(part.loc[both], weight, where="drift_check") for part in parts]
    known = ~np.isnan(tables[0] + tables[1])
    weights = np.array([table[known] for table in tables])
    points = parts[0].loc[both].geometry.centroid[known]
    places = np.column_stack([points.x, points.y])
    times = resampled_times(len(places), draws=draws, seed=seed)
    drawn = [_centres(times, table, places) for table in weights]
    usable = np.isfinite(drawn[0] + drawn[1]).all(axis=1)
    if usable.sum() < 3:
        return float("nan"), float("nan")
    shift = np.array([table @ places / table.sum() for table in weights])
    moved, cloud = shift[1] - shift[0], (drawn[1] - drawn[0])[usable]
    covariance = np.cov(cloud.T)
    scale = float(np.trace(covariance))
    if scale <= 1e-12 * float(np.trace(np.cov(places.T))):
        return float("nan"), float(drawn[0][usable, 0].std())
    return float(moved @ np.linalg.pinv(covariance) @ moved), float(drawn[0][usable, 0].std())


def _centres(times: Floats, weights: Floats, places: Floats) -> Floats:
    """Centre of each resampling, shape (draws, 2); NaN where nothing of weight was drawn."""
    mass = times * weights
    total = mass.sum(axis=1, keepdims=True)
    return np.divide(mass @ places, total, out=np.full((len(times), 2), np.nan), where=total > 0)
