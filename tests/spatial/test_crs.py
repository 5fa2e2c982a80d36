"""The equal-area rule, the areas of pixels, and the moving of polygons."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Proj, Transformer

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.crs import (
    as_crs,
    china_albers,
    equal_area_crs,
    mover,
    pixel_areas,
    require_equal_area,
    row_areas,
    true_area,
)

WGS84 = CRS.from_epsg(4326)
GEOD = Geod(ellps="WGS84")


def parameters(crs: CRS) -> dict[str, float]:
    assert crs.coordinate_operation is not None
    return {each.name: each.value for each in crs.coordinate_operation.params}


def geodesic_box_km2(west: float, south: float, east: float, north: float, n: int = 400) -> float:
    """Independent road: a box between parallels and meridians as a densified geodesic polygon."""
    along = np.linspace(west, east, n)
    lon = np.concatenate([along, along[::-1]])
    lat = np.concatenate([np.full(n, south), np.full(n, north)])
    return abs(GEOD.polygon_area_perimeter(lon, lat)[0]) / 1e6


def test_inside_china_the_rule_is_albers_25_47_105() -> None:
    given_ = parameters(equal_area_crs((113.4, 36.0, 119.9, 42.7)))
    assert given_["Latitude of 1st standard parallel"] == 25
    assert given_["Latitude of 2nd standard parallel"] == 47
    assert given_["Longitude of false origin"] == 105
    assert given_["Latitude of false origin"] == 0


def test_another_central_meridian_changes_shapes_not_areas() -> None:
    box = shapely.segmentize(shapely.box(115, 38, 117, 40), 0.01)
    areas = []
    for lon_0 in (None, 116.5):
        crs = equal_area_crs((113.4, 36.0, 119.9, 42.7), lon_0=lon_0)
        move = mover(WGS84, crs, where="test")
        assert move is not None
        areas.append(shapely.area(shapely.transform(box, move)))
    assert areas[0] == pytest.approx(areas[1], rel=1e-7)


@pytest.mark.parametrize(
    ("bounds", "lat_0", "lon_0"),
    [((6.0, 46.1, 7.3, 46.9), 46.5, 6.5), ((126.0, 34.0, 129.6, 38.6), 36.5, 128.0), ((-75.0, -12.3, -70.2, -8.0), -10.0, -72.5)],
)
def test_elsewhere_lambert_azimuthal_centred_to_half_a_degree(
    bounds: tuple[float, float, float, float], lat_0: float, lon_0: float
) -> None:
    crs = equal_area_crs(bounds)
    assert crs.coordinate_operation is not None
    assert crs.coordinate_operation.method_name == "Lambert Azimuthal Equal Area"
    values = parameters(crs)
    assert (values["Latitude of natural origin"], values["Longitude of natural origin"]) == (lat_0, lon_0)
    require_equal_area(crs)


def test_bounds_in_metres_are_refused() -> None:
    with pytest.raises(InputError, match="degrees"):
        equal_area_crs((400_000.0, 4_000_000.0, 500_000.0, 4_100_000.0))


@pytest.mark.parametrize("crs", ["ESRI:102025", "EPSG:3035", "EPSG:5070", "EPSG:6933", "EPSG:8857"])
def test_equal_area_crss_pass(crs: str) -> None:
    assert require_equal_area(crs).is_projected


@pytest.mark.parametrize(
    ("crs", "why"),
    [
        ("EPSG:4326", "degrees"),
        ("EPSG:3857", "areas are off"),
        ("EPSG:32650", "areas are off"),
        ("ESRI:54009", "areas are off"),  # Mollweide is drawn on a sphere
        ("+proj=sinu +R=6371007.181", "areas are off"),  # MODIS
        ("EPSG:2263", "0.304801 m"),
        (None, "none"),
        ("EPSG:999999", "PROJ says"),
    ],
)
def test_what_does_not_keep_areas_is_refused(crs: str | None, why: str) -> None:
    with pytest.raises(InputError, match=why):
        require_equal_area(crs)


def test_row_areas_by_hand() -> None:
    assert row_areas(np.array([-90.0, 90.0]), 360.0)[0] == pytest.approx(510_065_621.724, rel=1e-9)  # surface of WGS84, km2
    rows = row_areas(np.array([40.0, 39.95]), 0.05)
    assert rows[0] == pytest.approx(geodesic_box_km2(0, 39.95, 0.05, 40.0), rel=1e-7)


@settings(max_examples=40, deadline=None)
@given(st.floats(-85, 84), st.floats(0.01, 3), st.floats(0.01, 3))
def test_row_areas_agree_with_geodesics_and_add_up(south: float, height: float, width: float) -> None:
    north = min(south + height, 90.0)
    whole = row_areas(np.array([north, south]), width)[0]
    assert whole == pytest.approx(geodesic_box_km2(0, south, width, north, n=2000), rel=2e-6)
    assert row_areas(np.linspace(north, south, 11), width).sum() == pytest.approx(whole, rel=1e-9)


def test_true_area_is_the_inverse_of_the_areal_scale_of_proj() -> None:
    utm = CRS.from_epsg(32650)
    lon, lat = np.meshgrid(np.linspace(113, 121, 9), np.linspace(30, 50, 9))
    x, y = Transformer.from_crs(4326, utm, always_xy=True).transform(lon.ravel(), lat.ravel())
    scale = Proj(utm).get_factors(lon.ravel(), lat.ravel()).areal_scale
    assert true_area(utm, x, y) * scale == pytest.approx(np.ones(81), abs=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:3857", "+proj=sinu +R=6371007.181 +units=m", "EPSG:2263"])
def test_pixel_areas_of_any_projection_agree_with_geodesic_polygons(crs: str) -> None:
    target = CRS.from_user_input(crs)
    lon, lat = (-73.9, 40.7) if crs == "EPSG:2263" else (116.0, 40.0)
    geographic = target.geodetic_crs
    assert geographic is not None
    forward = Transformer.from_crs(geographic, target, always_xy=True)
    x0, y0 = forward.transform(lon, lat)
    side, shape = 1000.0, (30, 40)
    areas = pixel_areas(target, (side, 0, x0, 0, -side, y0), shape)(0, 30)
    assert areas.shape == shape
    for row, column in [(0, 0), (29, 39), (13, 21)]:
        t = np.linspace(0, 1, 20)
        xs = np.concatenate([t, np.ones(20), 1 - t, np.zeros(20)]) * side + x0 + column * side
        ys = y0 - (row + np.concatenate([np.zeros(20), t, np.ones(20), 1 - t])) * side
        back_lon, back_lat = forward.transform(xs, ys, direction="INVERSE")
        assert areas[row, column] == pytest.approx(abs(GEOD.polygon_area_perimeter(back_lon, back_lat)[0]) / 1e6, rel=3e-6)


def test_pixel_areas_of_degrees_depend_on_the_row_and_of_equal_area_are_constant() -> None:
    degrees = pixel_areas(WGS84, (0.05, 0, 113, 0, -0.05, 43.2), (154, 150))
    assert degrees(10, 12).shape == (2, 1)
    assert degrees(10, 11)[0, 0] == pytest.approx(geodesic_box_km2(113, 43.2 - 11 * 0.05, 113.05, 43.2 - 10 * 0.05), rel=1e-7)
    albers = pixel_areas(china_albers(), (30, 0, 9e5, 0, -30, 4.5e6), (1000, 1000))
    assert albers(0, 1000) == pytest.approx(np.full((1000, 1), 9e-4), rel=1e-12)


def test_a_rotated_raster_in_degrees_is_refused() -> None:
    with pytest.raises(InputError, match="rotated"):
        pixel_areas(WGS84, (0.05, 0.01, 113, 0, -0.05, 43.2), (10, 10))


def test_a_raster_beyond_the_domain_of_its_projection_is_refused() -> None:
    with pytest.raises(InputError, match="outside"):
        pixel_areas(equal_area_crs((6, 46, 7, 47)), (1e6, 0, -2e7, 0, -1e6, 2e7), (40, 40))


def test_no_mover_where_nothing_moves_and_a_warning_where_a_datum_has_no_name() -> None:
    assert mover(china_albers(), as_crs("+proj=aea +lat_1=25 +lat_2=47 +lon_0=105 +datum=WGS84", where="test"), where="test") is None
    krasovsky = CRS.from_user_input("+proj=aea +lat_1=25 +lat_2=47 +lon_0=105 +ellps=krass")
    with pytest.warns(DataWarning, match="no name"):
        move = mover(WGS84, krasovsky, where="test")
    assert move is not None
    assert np.isfinite(move(np.array([[116.0, 40.0]]))).all()
