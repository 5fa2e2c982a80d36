"""Which CRS areas are measured in, and the true area of a pixel in any CRS.

Areas, distances and grids live in an equal-area CRS. Inside China this is the Albers conic with the standard parallels 25 and 47
and the central meridian 105; elsewhere a Lambert azimuthal equal-area CRS centred on the region. Whether a CRS keeps areas is
measured on the ellipsoid, not read from its name: Mollweide, Web Mercator and MODIS's sinusoidal are drawn on a sphere and
miss the area of the ground by 0.1 % or more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from geopandas import GeoDataFrame, GeoSeries
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from scipy.interpolate import RectBivariateSpline

from carbonshed.checks import refuse, warn

FloatArray = NDArray[np.float64]
Bounds = tuple[float, float, float, float]

M2_PER_KM2 = 1e6

EQUAL_AREA_TOLERANCE = 1e-6
"""A CRS is equal-area where the area it gives differs from that on the ellipsoid by less than this share."""

DIFFERENCE_M = 2000.0
"""Half step of the central differences that measure the areal scale: truncation below 2e-8, rounding below 3e-7."""

LATTICE = 129
"""Most nodes along an axis of the lattice between which the areal scale is interpolated by cubics."""

COARSE_LATTICE = 33
"""Most nodes along an axis at which a CRS is seen to keep areas: the scale varies smoothly, and no lattice is needed where it does not."""

# A coarse outline of China (longitude, latitude), wide enough to hold its borders: it only chooses between two equal-area CRSs.
CHINA_OUTLINE = (
    *((73.0, 40.0), (80.0, 45.5), (82.5, 47.5), (87.0, 49.7), (91.5, 45.5), (97.0, 43.0), (105.0, 42.0), (111.0, 44.5), (115.5, 48.5)),
    *((119.5, 53.8), (126.0, 53.8), (131.0, 49.2), (135.8, 48.6), (131.3, 42.6), (128.0, 41.6), (124.2, 39.6), (123.5, 32.0)),
    *((122.8, 25.0), (121.0, 21.5), (118.0, 13.0), (112.0, 3.5), (108.5, 13.0), (107.5, 21.0), (101.5, 20.8), (97.0, 24.0), (97.0, 27.5)),
    *((88.5, 27.2), (80.5, 29.8), (77.5, 34.0), (73.0, 38.0)),
)


def china_albers(lon_0: float = 105.0) -> CRS:
    """Albers conic for China: standard parallels 25 and 47, latitude of origin 0, datum WGS84, metres."""
    return CRS.from_proj4(f"+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0={lon_0:g} +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs")


def equal_area_crs(bounds: Bounds, *, lon_0: float | None = None) -> CRS:
    """The equal-area CRS of a region, by the rule ``crs = "auto"``.

    Inside China (the centre of the bounds) the Albers conic 25 / 47 / 105; elsewhere Lambert azimuthal equal-area, centred on
    the bounds, rounded to 0.5 degrees.

    Parameters
    ----------
    bounds : (west, south, east, north)
        Degrees of longitude and latitude.
    lon_0 : float, optional
        Another central meridian (116.5 for Beijing-Tianjin-Hebei): shapes change, areas do not.

    Raises
    ------
    InputError
        If the bounds are not degrees, or empty.

    Notes
    -----
    Snyder, J. P. (1987), Map Projections - A Working Manual, USGS Professional Paper 1395, sections 14 and 24.

    Examples
    --------
    >>> equal_area_crs((113.4, 36.0, 119.9, 42.7)).coordinate_operation.method_name
    'Albers Equal Area'
    >>> equal_area_crs((6.0, 46.1, 7.3, 46.9)).coordinate_operation.method_name
    'Lambert Azimuthal Equal Area'
    """
    west, south, east, north = (float(value) for value in bounds)
    if not (-180 <= west <= east <= 360 and -90 <= south <= north <= 90):
        raise refuse(
            "not_degrees",
            expected="bounds west, south, east, north in degrees",
            got=f"({west:g}, {south:g}, {east:g}, {north:g})",
            where="equal_area_crs",
            fix="Project the bounds to EPSG:4326 first.",
        )
    longitude, latitude = (west + east) / 2, (south + north) / 2
    if shapely.Polygon(CHINA_OUTLINE).contains(shapely.Point(longitude, latitude)):
        return china_albers(105.0 if lon_0 is None else lon_0)
    centre = round(longitude * 2) / 2 if lon_0 is None else lon_0
    return CRS.from_proj4(f"+proj=laea +lat_0={round(latitude * 2) / 2:g} +lon_0={centre:g} +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs")


def auto_crs(frame: GeoDataFrame | GeoSeries, *, lon_0: float | None = None) -> CRS:
    """The equal-area CRS of a frame by the rule ``crs = "auto"``, from its bounds in degrees."""
    source = as_crs(frame.crs, where="region")
    wgs84 = CRS.from_epsg(4326)
    west, south, east, north = (float(v) for v in frame.total_bounds)
    if not source.equals(wgs84, ignore_axis_order=True):
        west, south, east, north = (float(v) for v in frame.to_crs(wgs84).total_bounds)
    return equal_area_crs((west, south, east, north), lon_0=lon_0)


def as_crs(crs: object, *, where: str) -> CRS:
    """The given CRS as a pyproj object; what is none, or is missing, is refused."""
    if crs is None:
        raise refuse("no_crs", expected="a CRS", got="none", where=where, fix="Say in which CRS the coordinates are; it is not guessed.")
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise refuse("unknown_crs", expected="a CRS", got=repr(crs), where=where, fix=f"PROJ says: {error}.") from error


def require_equal_area(crs: object, *, where: str = "crs") -> CRS:
    """Return `crs` if it is projected in metres and keeps areas; otherwise refuse it.

    The areal scale on the ellipsoid is measured at points around the origin of the CRS (its area of use where it names one);
    it must be 1 within 1e-6.

    Examples
    --------
    >>> require_equal_area("ESRI:102025").is_projected
    True
    """
    checked = as_crs(crs, where=where)
    fix = 'Use crs = "auto", or an Albers or Lambert azimuthal equal-area CRS in metres.'
    if not checked.is_projected:
        raise refuse("not_equal_area", expected="an equal-area CRS in metres", got=f"{checked.name} (degrees)", where=where, fix=fix)
    factor = _metres_per_unit(checked)
    if factor != 1.0:
        raise refuse("not_metres", expected="a CRS in metres", got=f"{checked.name} ({factor:g} m)", where=where, fix=fix)
    area = true_area(checked, *_probe_points(checked))
    error = np.abs(area[np.isfinite(area)] - 1.0)
    if not error.size or error.max() > EQUAL_AREA_TOLERANCE:
        got = f"{checked.name}, whose areas are off by up to {100 * error.max():.3g} %" if error.size else f"{checked.name}"
        raise refuse("not_equal_area", expected="an equal-area CRS", got=got, where=where, fix=fix)
    return checked


def true_area(crs: CRS, x: FloatArray, y: FloatArray) -> FloatArray:
    """Area on the ellipsoid, in m2, of one square CRS unit at the points `x`, `y` of a projected CRS.

    With longitude L and q of `_authalic`, a surface element of the ellipsoid is a2 (1 - e2) / 2 dL dq; its determinant with respect
    to x and y is taken by central differences. 1 where the CRS keeps areas and is in metres; its inverse is the areal scale.

    Notes
    -----
    The ellipsoid is the CRS's own; for a CRS on a sphere, whose latitudes are geodetic ones in practice (MODIS), WGS84.
    NaN outside the domain of the projection. Snyder (1987), equations 3-12 and 4-19.
    """
    geographic = crs.geodetic_crs or CRS.from_epsg(4326)
    back = Transformer.from_crs(crs, geographic, always_xy=True)
    a, eccentricity = _ellipsoid(crs)
    step = DIFFERENCE_M / _metres_per_unit(crs)
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))

    def place(dx: float, dy: float) -> tuple[FloatArray, FloatArray]:
        longitude, latitude = back.transform(x + dx, y + dy)
        known = np.isfinite(longitude) & np.isfinite(latitude)
        return np.where(known, np.radians(longitude), np.nan), _authalic(np.where(known, latitude, np.nan), eccentricity)

    (east_l, east_q), (west_l, west_q) = place(step, 0), place(-step, 0)
    (north_l, north_q), (south_l, south_q) = place(0, step), place(0, -step)
    l_x, l_y = _turn(east_l - west_l), _turn(north_l - south_l)
    determinant = l_x * (north_q - south_q) - l_y * (east_q - west_q)
    result: FloatArray = np.abs(determinant) / (2 * step) ** 2 * a * a * (1 - eccentricity**2) / 2
    return result


def row_areas(latitudes: FloatArray, width: float, *, crs: object = "EPSG:4326") -> FloatArray:
    """Geodesic area in km2 of the boxes between successive latitudes, `width` degrees of longitude wide.

    A = a2 (1 - e2) / 2 dL (q(n) - q(s)), q(latitude) = s / (1 - e2 s2) + artanh(e s) / e with s = sin(latitude), in closed form.

    Parameters
    ----------
    latitudes : array of n + 1
        Edges of the n rows in degrees, in either direction.
    width : float
        Degrees of longitude.

    Notes
    -----
    Snyder (1987), equation 3-12 (authalic latitude).

    Examples
    --------
    >>> float(row_areas(np.array([0.0, 90.0]), 360.0).round(0)[0] * 2)  # the earth
    510065622.0
    """
    a, eccentricity = _ellipsoid(as_crs(crs, where="row_areas"))
    rise = np.abs(np.diff(_authalic(np.asarray(latitudes, float), eccentricity)))
    result: FloatArray = a * a * (1 - eccentricity**2) / 2 * np.radians(abs(width)) * rise / M2_PER_KM2
    return result


PixelAreas = Callable[[int, int], FloatArray]
"""Areas in km2 of the pixels of the rows from the first number up to the second: (rows, 1) where they depend on the row alone."""


def pixel_areas(crs: CRS, transform: tuple[float, ...], shape: tuple[int, int]) -> PixelAreas:
    """True areas in km2 of the pixels of a raster, by rows.

    Geographic rasters: geodesic areas of the rows. Equal-area rasters: one constant, in the CRS's own metres. All others (UTM, Web
    Mercator, sinusoidal on a sphere): the areal scale on a coarse lattice, interpolated by cubics.

    Parameters
    ----------
    crs : CRS
        Of the raster.
    transform : (a, b, c, d, e, f)
        x = a column + b row + c, y = d column + e row + f.
    shape : (rows, columns)
        Of the raster, or of the window of it that is wanted (with the transform of the window).

    Raises
    ------
    InputError
        If a raster in degrees is rotated, or the raster reaches beyond the domain of its projection.
    """
    a, b, c, d, e, f = (float(value) for value in transform[:6])
    n_rows, n_columns = shape
    if crs.is_geographic:
        if b or d:
            raise refuse(
                "rotated", expected="a raster whose rows are parallels", got="a rotated one in degrees", where="raster", fix="Rectify it."
            )
        unit = np.degrees(crs.axis_info[0].unit_conversion_factor)
        areas = row_areas((f + e * np.arange(n_rows + 1)) * unit, a * unit, crs=crs)[:, None]
        return _RowAreas(areas)
    # true_area counts in square CRS units, so its result is m2 whatever the CRS's own length unit
    size = abs(a * e - b * d) / M2_PER_KM2
    metres = _metres_per_unit(crs) ** 2

    def scales(nodes: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        row, column = (np.linspace(0, n, min(nodes, max(n + 1, 4))) for n in shape)
        columns, rows = np.meshgrid(column, row)
        return row, column, true_area(crs, a * columns + b * rows + c, d * columns + e * rows + f)

    if (np.abs(scales(COARSE_LATTICE)[2] / metres - 1) <= EQUAL_AREA_TOLERANCE).all():
        return _RowAreas(np.full((n_rows, 1), size * metres))
    row, column, scale = scales(LATTICE)
    if not np.isfinite(scale).all():
        raise refuse(
            "outside_projection",
            expected=f"pixels inside the domain of {crs.name}",
            got=f"{100 * np.mean(~np.isfinite(scale)):.3g} % outside",
            where="raster",
            fix="Clip the raster to the region.",
        )
    return _LatticeAreas(RectBivariateSpline(row, column, scale * size), np.arange(0.5, n_columns))


@dataclass(frozen=True)
class _RowAreas:
    """Pixel areas that depend on the row alone; a class, so that it can be sent to another process."""

    areas: FloatArray

    def __call__(self, top: int, bottom: int) -> FloatArray:
        return self.areas[top:bottom]


@dataclass(frozen=True)
class _LatticeAreas:
    """Pixel areas interpolated on a lattice."""

    spline: RectBivariateSpline
    columns: FloatArray

    def __call__(self, top: int, bottom: int) -> FloatArray:
        return np.asarray(self.spline(np.arange(top, bottom) + 0.5, self.columns), dtype=np.float64)


Move = Callable[[FloatArray], FloatArray]
"""Moves points, an array (n, 2), to another place."""


def mover(source: CRS, target: CRS, *, where: str) -> Move | None:
    """The transformation of points from one CRS to another (x before y), or None where they are the same.

    Warns where a datum has no name, so that PROJ can only take its latitudes as they are (a *ballpark* transformation, up to some
    hundred metres off).
    """
    if source.equals(target, ignore_axis_order=True):
        return None
    try:
        transformer = Transformer.from_crs(source, target, always_xy=True)
    except ProjError as error:
        got = f"{source.name} and {target.name}"
        fix = f"PROJ says: {error}. Check both CRS."
        raise refuse("no_transformation", expected="two CRS of one Earth", got=got, where=where, fix=fix) from error
    unnamed = [crs.name for crs in (source, target) if _datum_has_no_name(crs)]
    if unnamed:
        warn(f"{where}: the datum of {unnamed[0]!r} has no name; its latitudes are taken as they are (PROJ's ballpark transformation).")

    def move(points: FloatArray) -> FloatArray:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return move


def _datum_has_no_name(crs: CRS) -> bool:
    """Whether the datum is unknown; that of a sphere (MODIS) is not, since its latitudes are those of WGS84 by definition."""
    datum, ellipsoid = crs.datum, crs.ellipsoid
    name = (datum.name if datum else "unknown").lower().replace("_", " ")
    is_sphere = ellipsoid is not None and ellipsoid.inverse_flattening == 0
    return not is_sphere and (name.startswith(("unknown", "not specified", "unnamed")) or not name)


def _ellipsoid(crs: CRS) -> tuple[float, float]:
    """Major half axis in m and eccentricity; those of WGS84 for a sphere."""
    geod = crs.get_geod()
    if geod is None or geod.f == 0:
        geod = CRS.from_epsg(4326).get_geod()
    assert geod is not None
    return float(geod.a), float(np.sqrt(geod.f * (2 - geod.f)))


def _authalic(latitude: FloatArray, eccentricity: float) -> FloatArray:
    """q(latitude) = s / (1 - e2 s2) + artanh(e s) / e, s = sin(latitude): area from the equator grows with q."""
    sine = np.sin(np.radians(latitude))
    result: FloatArray = sine / (1 - (eccentricity * sine) ** 2) + np.arctanh(eccentricity * sine) / eccentricity
    return result


def _turn(angle: FloatArray) -> FloatArray:
    """A difference of longitudes, in radians, brought into the half turn around 0."""
    result: FloatArray = (angle + np.pi) % (2 * np.pi) - np.pi
    return result


def _metres_per_unit(crs: CRS) -> float:
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0


def _probe_points(crs: CRS) -> tuple[FloatArray, FloatArray]:
    """Points at which a CRS shows whether it keeps areas: in its area of use, or around its origin."""
    use = crs.area_of_use
    if use is not None and use.west < use.east:
        longitude, latitude = np.meshgrid(np.linspace(use.west, use.east, 7)[1:-1], np.linspace(use.south, use.north, 7)[1:-1])
    else:
        given = crs.coordinate_operation.params if crs.coordinate_operation else []
        degrees = {
            each.name.lower(): float(np.degrees(float(each.value) * each.unit_conversion_factor)) for each in given if "itude" in each.name
        }
        meridian = next((value for name, value in degrees.items() if name.startswith("longitude")), 0.0)
        parallels = [value for name, value in degrees.items() if name.startswith("latitude") and value != 0]
        around = np.array([-20.0, -7.0, 3.0, 11.0, 25.0])
        centre = float(np.mean(parallels)) if parallels else 0.0
        longitude, latitude = np.meshgrid(_wrapped(float(meridian) + around), np.clip(centre + around, -80, 80))
    geographic = crs.geodetic_crs or CRS.from_epsg(4326)
    x, y = Transformer.from_crs(geographic, crs, always_xy=True).transform(longitude.ravel(), latitude.ravel())
    return np.asarray(x), np.asarray(y)


def _wrapped(longitude: FloatArray) -> FloatArray:
    result: FloatArray = (longitude + 180) % 360 - 180
    return result
