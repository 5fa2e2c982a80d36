"""Centre of gravity, standard deviational ellipse, bootstrap of the centre."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.centre import bootstrap_centre, centre_of_gravity, resampled_times, standard_deviational_ellipse
from carbonshed.spatial.ellipse import Ellipse, ellipses_overlap

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
CORNERS = [(0, 0), (4, 0), (4, 2), (0, 2)]
KM = 1000.0


def panel(weights_by_year, xy=CORNERS, east=0.0, north=4e6):
    """Points [km] around a place of the Albers plane, one block of rows a year."""
    x, y = np.array(xy, dtype=float).T * KM
    blocks = [
        gpd.GeoDataFrame(
            {"year": year, "payable": weights},
            geometry=gpd.points_from_xy(east + x, north + y),
            index=[f"u{i}" for i in range(len(x))],
            crs=ALBERS,
        )
        for year, weights in weights_by_year.items()
    ]
    return pd.concat(blocks)


# ellipse


def test_ellipses_by_hand():
    flat = standard_deviational_ellipse(*np.array(CORNERS).T)
    assert (flat.x, flat.y, flat.angle_deg) == (2, 1, 90)
    assert (flat.major, flat.minor) == (pytest.approx(2.8284, abs=1e-4), pytest.approx(1.4142, abs=1e-4))
    slanted = standard_deviational_ellipse([0, 1, 2, 3], [0, 1, 2, 2])
    assert (slanted.x, slanted.y) == (1.5, 1.25)
    assert slanted.angle_deg == pytest.approx(53.909, abs=1e-3)
    assert (slanted.major, slanted.minor) == (pytest.approx(1.9431, abs=1e-4), pytest.approx(0.3152, abs=1e-4))
    upright = standard_deviational_ellipse([0, 0, 1, 1], [0, 9, 9, 0])
    assert upright.angle_deg == 0


def test_conventions_differ_by_their_factors():
    by_name = {name: standard_deviational_ellipse(*np.array(CORNERS).T, convention=name) for name in ("none", "sqrt2", "n_minus_2")}
    assert by_name["sqrt2"].major == pytest.approx(np.sqrt(2) * by_name["none"].major)
    assert by_name["n_minus_2"].major == pytest.approx(np.sqrt(2 * 4 / 2) * by_name["none"].major)
    assert by_name["none"].major == pytest.approx(2)


def test_circle_single_point_and_no_weight():
    circle = standard_deviational_ellipse([0, 2, 2, 0], [0, 0, 2, 2])
    assert np.isnan(circle.angle_deg)
    assert circle.major == circle.minor == pytest.approx(np.sqrt(2))
    single = standard_deviational_ellipse([3, 5], [4, 6], weights=[0, 1])
    assert (single.x, single.y) == (5, 6)
    assert np.isnan([single.major, single.minor, single.angle_deg]).all()
    assert np.isnan(standard_deviational_ellipse([3, 5], [4, 6], weights=[0, 0]).x)
    assert np.isnan(standard_deviational_ellipse([3, 5], [4, 6], convention="n_minus_2").major)


POINTS = st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.01, 9)), min_size=3, max_size=20)


@settings(max_examples=100)
@given(POINTS)
def test_ellipse_is_the_eigen_decomposition_of_the_covariance(points):
    """Oracle: numpy.cov and numpy.linalg.eigh."""
    x, y, w = np.array(points).T
    covariance = np.cov(x, y, aweights=w, ddof=0)
    values, vectors = np.linalg.eigh(covariance)
    ellipse = standard_deviational_ellipse(x, y, weights=w, convention="none")
    assert ellipse.major**2 == pytest.approx(values[1], abs=1e-8)
    assert ellipse.minor**2 == pytest.approx(max(values[0], 0), abs=1e-8)
    if values[1] - values[0] > 1e-3:
        axis = np.array([np.sin(np.radians(ellipse.angle_deg)), np.cos(np.radians(ellipse.angle_deg))])
        assert abs(axis @ vectors[:, 1]) == pytest.approx(1, abs=1e-6)
        assert 0 <= ellipse.angle_deg < 180


@settings(max_examples=60)
@given(POINTS, st.floats(-90, 90))
def test_ellipse_turns_with_the_points(points, degrees):
    x, y, w = np.array(points).T
    one = standard_deviational_ellipse(x, y, weights=w)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    other = standard_deviational_ellipse(c * x + s * y, c * y - s * x, weights=w)  # clockwise
    assert (other.major, other.minor) == (pytest.approx(one.major, abs=1e-6), pytest.approx(one.minor, abs=1e-5))
    if one.major - one.minor > 0.1:
        assert np.sin(np.radians(other.angle_deg - one.angle_deg - degrees)) == pytest.approx(0, abs=1e-6)


def test_ellipse_refusals():
    with pytest.raises(InputError, match="smallest weight -1"):
        standard_deviational_ellipse([0, 1], [0, 1], weights=[1, -1])
    with pytest.raises(InputError, match="1 x, 2 y"):
        standard_deviational_ellipse([0], [0, 1])
    with pytest.raises(InputError, match="finite"):
        standard_deviational_ellipse([0, np.nan], [0, 1])
    with pytest.raises(InputError, match="sqrt2, n_minus_2, none"):
        standard_deviational_ellipse([0, 1], [0, 1], convention="arcgis")


def test_overlap_of_circles_is_that_of_their_distance():
    for apart, expected in ((2.9, True), (3.1, False)):
        assert ellipses_overlap(Ellipse(0, 0, 1, 1, np.nan, "none"), Ellipse(apart, 0, 2, 2, np.nan, "none")) is expected
    assert ellipses_overlap(Ellipse(0, 0, 3, 1, 0, "none"), Ellipse(2.2, 0, 1, 1, np.nan, "none")) is False  # narrow across
    assert ellipses_overlap(Ellipse(0, 0, 3, 1, 90, "none"), Ellipse(2.2, 0, 1, 1, np.nan, "none")) is True
    assert ellipses_overlap(Ellipse(0, 0, np.nan, 1, 0, "none"), Ellipse(0, 0, 1, 1, 0, "none")) is None


# centre


def test_weighted_centre_by_hand():
    result = centre_of_gravity(panel({2007: [1, 1, 2, 1], 2017: [1, 1, 1, 1]}), weight="payable")
    np.testing.assert_allclose(result[["x", "y"]], [[2400, 4e6 + 1200], [2000, 4e6 + 1000]])
    assert result["year"].tolist() == [2007, 2017]
    assert result["quantity"].unique().tolist() == ["payable"]
    assert result["bearing_deg"][1] == pytest.approx(180 + np.degrees(np.arctan(0.4 / 0.2)))
    first = result.loc[0, ["shift_km", "bearing_deg", "speed_km_per_year"]]
    assert first.isna().all()
    assert result.loc[1, "speed_km_per_year"] == pytest.approx(result.loc[1, "shift_km"] / 10)
    assert (result.loc[1, "ellipse_major_km"], result.loc[1, "ellipse_angle_deg"]) == (pytest.approx(2.8284, abs=1e-4), 90)


def test_shift_is_the_geodesic_between_the_centres_projected_back():
    result = centre_of_gravity(
        panel({2000: [1, 0, 0, 0], 2010: [0, 0, 1, 0]}, xy=[(0, 0), (1, 0), (90, 40), (2, 2)], east=9e5), weight="payable"
    )
    back = Transformer.from_crs(ALBERS, "EPSG:4326", always_xy=True)
    lon, lat = back.transform([9e5, 9e5 + 90 * KM], [4e6, 4e6 + 40 * KM])
    np.testing.assert_allclose(result["lon"], lon, atol=1e-12)
    np.testing.assert_allclose(result["lat"], lat, atol=1e-12)
    bearing, _, metres = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    assert result.loc[1, "shift_km"] == pytest.approx(metres / 1000, rel=1e-12)
    from_true_north = result.loc[1, "bearing_deg"] - result.loc[0, "true_north_deg"]
    assert from_true_north == pytest.approx(bearing, abs=3)  # shapes are not kept: up to some degrees
    assert -8 < result.loc[0, "true_north_deg"] < -5  # east of the central meridian the meridians lean to the left


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=4, max_size=4).filter(lambda w: sum(w) > 1e-3), st.floats(0.1, 1000), st.permutations(range(4)))
def test_centre_does_not_see_scale_or_order_and_stays_inside(weights, factor, order):
    one = panel({2007: weights})
    result = centre_of_gravity(one, weight="payable")
    moved = centre_of_gravity(one.assign(payable=one["payable"] * factor).iloc[list(order)], weight="payable")
    np.testing.assert_allclose(moved[["lon", "lat"]], result[["lon", "lat"]], atol=1e-9)
    assert -1e-6 <= result.loc[0, "x"] <= 4000 + 1e-6
    assert 4e6 - 1e-6 <= result.loc[0, "y"] <= 4e6 + 2000 + 1e-6


def test_a_year_without_any_weight_is_unknown():
    result = centre_of_gravity(panel({2007: [1, 1, 2, 1], 2012: [0, 0, 0, 0], 2017: [1, 1, 1, 1]}), weight="payable")
    assert result["lon"].isna().tolist() == [False, True, False]
    assert result["shift_km"].isna().all()
    assert result.loc[1, ["lat", "ellipse_major_km", "ellipse_angle_deg", "true_north_deg"]].isna().all()


def test_named_weights_and_a_frame_without_years():
    frame = panel({2007: [1, 1, 2, 1]}).drop(columns="year").assign(receivable=[4, 0, 0, 0], carbon_sink=[0, 0, 0, 7])
    absolute = centre_of_gravity(frame, weight="absolute")
    assert absolute["year"].isna().all()
    assert absolute.loc[0, "quantity"] == "absolute"
    assert absolute.loc[0, "x"] == pytest.approx(1000 * (5 * 0 + 1 * 4 + 2 * 4 + 0) / 9)
    sink = centre_of_gravity(frame, weight="sink")
    assert sink.loc[0, "quantity"] == "carbon_sink"
    assert (sink.loc[0, "x"], sink.loc[0, "y"] - 4e6) == (pytest.approx(0, abs=1e-9), pytest.approx(2000))


def test_signed_weights_only_by_name_and_with_a_warning():
    frame = panel({2007: [1, 1, 2, 1]}).assign(net_compensation=[-1, 3, 0, 0])
    with pytest.raises(InputError, match=r'others in u0\. Weigh by one side .*say "signed"'):
        centre_of_gravity(frame, weight="net_compensation")
    with pytest.warns(DataWarning, match="signed net_compensation: unstable"):
        result = centre_of_gravity(frame, weight="signed")
    assert result.loc[0, "x"] == pytest.approx(6000)  # outside of the corners
    assert np.isnan(result.loc[0, "ellipse_major_km"])
    with pytest.raises(InputError, match="got both"):
        centre_of_gravity(frame.assign(net_carbon_emission=1.0), weight="signed")
    with pytest.warns(DataWarning, match="signed"):
        assert np.isnan(centre_of_gravity(frame.assign(net_compensation=[-1, 1, -0.1, 0.1]), weight="signed").loc[0, "lon"])


def test_a_unit_unknown_in_one_year_is_left_out_of_all_and_listed():
    frame = panel({2007: [1, 1, 2, 1], 2017: [1, 1, 2, np.nan]})
    with pytest.warns(DataWarning, match="1 units have no payable in some year and are left out of all: u3"):
        result = centre_of_gravity(frame, weight="payable")
    assert result["n_units"].tolist() == [3, 3]
    assert result.loc[0, "x"] == pytest.approx(result.loc[1, "x"])
    with pytest.warns(DataWarning, match="left out of all: u3"):
        absent = centre_of_gravity(frame.dropna(), weight="payable")
    pd.testing.assert_frame_equal(absent, result)


def test_polygon_centroid_and_county_seat():
    l_shape = shapely.Polygon([(0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20)])
    seats = pd.DataFrame({"seat_lon": [116.0, 117.0], "seat_lat": [39.0, 39.0]})
    frame = gpd.GeoDataFrame(seats.assign(source=1.0, carbon_source=[1.0, 0.0]), geometry=[l_shape, l_shape], crs=ALBERS)
    by_area = centre_of_gravity(frame, weight="source")
    assert (by_area.loc[0, "x"], by_area.loc[0, "y"]) == (pytest.approx(25 / 3), pytest.approx(25 / 3))
    by_seat = centre_of_gravity(frame, weight="source", point="seat")
    assert (by_seat.loc[0, "lon"], by_seat.loc[0, "lat"]) == (pytest.approx(116), pytest.approx(39))


def test_centre_refusals():
    frame = panel({2007: [1, 1, 2, 1]})
    with pytest.raises(InputError, match="others in u1"):
        centre_of_gravity(frame.assign(payable=[1, np.inf, 1, 1]), weight="payable")
    with pytest.raises(InputError, match="'payables' might be 'payable'"):
        centre_of_gravity(frame, weight="payables")
    with pytest.raises(InputError, match="equal-area CRS"):
        centre_of_gravity(frame.to_crs("EPSG:4326"), weight="payable")
    with pytest.raises(InputError, match="equal-area CRS"):
        centre_of_gravity(frame.to_crs("EPSG:3857"), weight="payable")
    with pytest.raises(InputError, match="got none"):
        centre_of_gravity(frame.set_crs(None, allow_override=True), weight="payable")
    with pytest.raises(InputError, match="each unit once a year; got more than one row for u0"):
        centre_of_gravity(pd.concat([frame, frame.iloc[:1]]), weight="payable")
    with pytest.raises(InputError, match="seat_lon, seat_lat"):
        centre_of_gravity(frame, weight="payable", point="seat")
    with pytest.raises(InputError, match="a centroid for every unit; got none in u2"):
        centre_of_gravity(frame.assign(geometry=[*frame.geometry[:2], None, frame.geometry.iloc[3]]), weight="payable")


def county_payments(folder):
    """What 140 counties would pay at one yuan per tonne: positive parts of the deficit, relative to the mean of three sizes."""
    frame = gpd.read_file(folder / "counties.gpkg").set_index("unit_id")
    frame = frame[~frame["is_municipal_district"]]
    table = pd.read_csv(folder / "counties.csv").set_index("unit_id")
    table = table[table.index.isin(frame.index) & table["year"].isin([2007, 2010, 2012, 2015, 2017])]
    sizes = table.groupby("year")[["area_km2", "population", "gdp_yuan"]].transform("mean") / table[["area_km2", "population", "gdp_yuan"]]
    payable = ((table["carbon_source_t"] - table["carbon_sink_t"]) * sizes.mean(axis=1)).clip(lower=0)
    geometry = frame.geometry.loc[table.index].to_numpy()
    return gpd.GeoDataFrame({"year": table["year"], "payable": payable}, geometry=geometry, index=table.index, crs=frame.crs)


def test_payers_centre_of_the_counties(shared):
    """Oracle: the centres of an independent program, to 1e-6 degrees; every centre in the published box."""
    folder = shared / "studies" / "bth-county"
    result = centre_of_gravity(county_payments(folder), weight="payable", crs="auto")
    expected = pd.read_csv(folder / "expected_published.csv").set_index("year").loc[result["year"]]
    np.testing.assert_allclose(result[["lon", "lat"]], expected[["lon", "lat"]], atol=1e-6)
    assert result["lon"].between(115.75, 116 + 2 / 60).all()
    assert result["lat"].between(38 + 1 / 6, 38 + 1 / 3).all()
    assert (result["shift_km"].dropna() < 31).all()


# bootstrap


def test_bootstrap_says_that_the_drift_of_the_counties_is_noise(shared):
    payments = county_payments(shared / "studies" / "bth-county")
    result = bootstrap_centre(payments, weight="payable", crs="auto", draws=400)
    assert result["overlaps_first"].tolist()[1:] == [True] * 4
    assert result["overlaps_previous"].isna().tolist() == [True] + [False] * 4
    assert result["ellipse_major_km"].between(30, 55).all()  # about 0.13 degrees of standard deviation
    pd.testing.assert_frame_equal(result, bootstrap_centre(payments, weight="payable", crs="auto", draws=400))


def test_bootstrap_tells_a_real_drift():
    rng = np.random.default_rng(0)
    xy = rng.normal(0, 1, (400, 2))
    frame = panel({2000: np.where(xy[:, 0] < 0, 1.0, 0.0), 2010: np.where(xy[:, 0] > 0, 1.0, 0.0)}, xy=xy)
    assert bootstrap_centre(frame, weight="payable", draws=200)["overlaps_previous"].tolist()[1] is False


def test_bootstrap_spread_is_that_of_a_mean():
    """Oracle: the mean of n points has standard deviation s / sqrt(n); the axis is sqrt(5.991) of it."""
    xy = np.random.default_rng(1).normal(0, [30, 10], (300, 2))
    result = bootstrap_centre(panel({2000: np.ones(300)}, xy=xy), weight="payable", draws=4000)
    for column, axis in (("ellipse_major_km", 0), ("ellipse_minor_km", 1)):
        assert result.loc[0, column] == pytest.approx(np.sqrt(5.9915 / 300) * xy[:, axis].std(), rel=0.06)
    assert result.loc[0, "ellipse_angle_deg"] == pytest.approx(90, abs=6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_bootstrap_does_not_see_the_scale_of_weights(seed, factor):
    frame = panel({2000: [1, 4, 2, 3], 2010: [2, 2, 3, 1]})
    one = bootstrap_centre(frame, weight="payable", draws=20, seed=seed)
    other = bootstrap_centre(frame.assign(payable=frame["payable"] * factor), weight="payable", draws=20, seed=seed)
    columns = ["lon", "lat", "ellipse_major_km", "ellipse_minor_km"]
    np.testing.assert_allclose(other[columns], one[columns], rtol=1e-6, atol=1e-6)


def test_bootstrap_refusal():
    with pytest.raises(InputError, match="at least 2 draws"):
        bootstrap_centre(panel({2000: [1, 1, 1, 1]}), weight="payable", draws=1)


def test_several_weights_are_the_tables_of_each_alone():
    frame = panel({2010: [1, 1, 2, 1], 2015: [3, 1, 0, 1]}).assign(receivable=[5.0, 1, 0, 0, 1, 1, 1, 9])
    alone = [centre_of_gravity(frame, weight=name) for name in ("payable", "receivable")]
    both = centre_of_gravity(frame, weight=("payable", "receivable"))
    pd.testing.assert_frame_equal(both, pd.concat(alone, ignore_index=True), check_exact=True)


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 1000))
def test_resamplings_at_once_are_those_drawn_one_by_one(n, draws, seed):
    generator = np.random.default_rng(seed)
    one_by_one = [np.bincount(generator.integers(0, n, size=n), minlength=n) for _ in range(draws)]
    np.testing.assert_array_equal(resampled_times(n, draws=draws, seed=seed), one_by_one)
