"""Counties: the canonical frame, the list of problems, merging, the crosswalk."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from carbonshed.checks import InputError
from carbonshed.spatial.counties import canonical_counties, county_problems, crosswalk, district_groups, merge_counties
from carbonshed.spatial.crs import china_albers

CRS = china_albers()


def raw(**changes: list[object]) -> gpd.GeoDataFrame:
    """Three squares of 0.1 degree in a row; the first two are districts of one city."""
    columns: dict[str, object] = {
        "code": ["110101", "110102", "130100"],
        "label": ["A", "B", "C"],
        "town": ["X", "X", "Y"],
        "land": ["P", "P", "Q"],
        "urban": [True, True, False],
        "geometry": [shapely.box(116 + 0.1 * k, 40, 116.1 + 0.1 * k, 40.1) for k in range(3)],
    }
    return gpd.GeoDataFrame({**columns, **changes}, crs=4326)


NAMES = {"id": "code", "name": "label", "city": "town", "province": "land", "is_district": "urban"}


def codes(frame: gpd.GeoDataFrame, **names: str) -> list[tuple[str, str]]:
    return [(problem.code, problem.severity) for problem in county_problems(frame, **{"id": "code", **names})]


def test_the_canonical_frame_by_hand() -> None:
    counties = canonical_counties(raw(), **NAMES)
    assert list(counties.index) == ["110101", "110102", "130100"]
    assert counties.index.name == "unit_id"
    assert list(counties.columns) == ["name", "city", "province", "is_district", "area_km2", "geometry"]
    assert counties["is_district"].tolist() == [True, True, False]
    assert counties["is_district"].dtype == bool
    assert counties.crs == CRS
    lon, lat = shapely.get_coordinates(shapely.segmentize(raw().geometry.iloc[0], 0.001)).T
    assert counties["area_km2"].iloc[0] == pytest.approx(abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0]) / 1e6, rel=1e-6)


def test_columns_not_asked_stay_out_and_the_name_defaults_to_the_id() -> None:
    counties = canonical_counties(raw(), id="code")
    assert list(counties.columns) == ["name", "area_km2", "geometry"]
    assert counties["name"].tolist() == ["110101", "110102", "130100"]


def test_numbers_become_text_and_words_become_booleans() -> None:
    frame = raw(code=[110101, 110102, 130100], urban=["true", "1", "否"])
    counties = canonical_counties(frame, id="code", is_district="urban")
    assert list(counties.index) == ["110101", "110102", "130100"]
    assert counties["is_district"].tolist() == [True, True, False]


def test_shared_borders_stay_shared() -> None:
    """A county of long edges and its neighbours of short ones: no gap and no overlap above the tolerance of 1 cm."""
    wide = shapely.box(110, 40, 120, 42)
    north = shapely.box(110, 42, 120, 44)
    counties = canonical_counties(gpd.GeoDataFrame({"code": ["a", "b"]}, geometry=[wide, north], crs=4326), id="code")
    whole = canonical_counties(gpd.GeoDataFrame({"code": ["w"]}, geometry=[shapely.box(110, 40, 120, 44)], crs=4326), id="code")
    assert shapely.intersection(*counties.geometry).area == 0
    assert counties["area_km2"].sum() == pytest.approx(whole["area_km2"].sum(), rel=1e-9)


def test_sound_counties_have_no_problems() -> None:
    assert county_problems(raw(), **NAMES) == []


def test_every_problem_is_listed_at_once() -> None:
    bow = shapely.Polygon([(116, 41), (117, 42), (117, 41), (116, 42)])
    frame = raw(
        code=["110101", "110101", "fund", None, "x", "y"],
        label=["A"] * 6,
        town=["X"] * 6,
        land=["P"] * 6,
        urban=["maybe"] * 6,
        geometry=[shapely.box(116, 40, 117, 41), shapely.box(116.5, 40, 117.5, 41), bow, None, shapely.Polygon(), shapely.Point(118, 40)],
    )
    found = county_problems(frame, **NAMES)
    assert [problem.code for problem in found] == [
        "missing_id",
        "duplicate_id",
        "reserved_id",
        "not_a_boolean",
        "empty_geometry",
        "not_a_polygon",
        "invalid_geometry",
        "overlap",
    ]
    text = " ".join(str(problem) for problem in found)
    assert "Self-intersection" in text and "Point for y" in text and "110101 and 110101" in text and "km2" in text
    with pytest.raises(InputError) as caught:
        canonical_counties(frame, **NAMES)
    assert len(caught.value.problems) == 8


@pytest.mark.parametrize(("overlap", "severity"), [(2e-3, "error"), (1e-4, "warning"), (1e-8, None)])
def test_overlaps_are_errors_warnings_or_rounding(overlap: float, severity: str | None) -> None:
    shapes = [shapely.box(116, 40, 116.1, 40.1), shapely.box(116.1 - 0.1 * overlap, 40, 116.2, 40.1), shapely.box(116.2, 40, 116.3, 40.1)]
    assert codes(raw(geometry=shapes)) == ([("overlap", severity)] if severity else [])


def test_ids_with_a_fraction_are_refused() -> None:
    assert codes(raw(code=[110101.0, 110102.0, np.nan])) == [("missing_id", "error"), ("numeric_id", "error")]


def test_missing_columns_and_crs_are_refused() -> None:
    assert codes(raw(), city="twon") == [("missing_column", "error")]
    with pytest.raises(InputError, match="town"):
        canonical_counties(raw(), id="code", city="twon")
    with pytest.raises(InputError, match="codee"):
        canonical_counties(raw(), id="codee")
    with pytest.raises(InputError, match="CRS"):
        canonical_counties(raw().set_crs(None, allow_override=True), id="code")
    with pytest.raises(InputError, match="equal-area"):
        canonical_counties(raw(), id="code", crs="EPSG:32650")


def test_districts_merge_by_city() -> None:
    counties = canonical_counties(raw(), **NAMES)
    groups = district_groups(counties)
    assert groups.to_dict() == {"110101": "X", "110102": "X", "130100": "130100"}
    merged = merge_counties(counties, groups)
    assert list(merged.index) == ["X", "130100"]
    assert merged["name"].tolist() == ["X", "C"]
    assert merged["city"].tolist() == ["X", "Y"]
    assert merged["is_district"].tolist() == [True, False]
    assert merged["area_km2"].sum() == pytest.approx(counties["area_km2"].sum(), rel=1e-12)
    assert merged.area.to_numpy() / 1e6 == pytest.approx(merged["area_km2"].to_numpy(), rel=1e-9)
    assert merged.crs == counties.crs


def test_merging_by_column_and_by_part_of_a_mapping() -> None:
    counties = canonical_counties(raw(), **NAMES)
    assert list(merge_counties(counties, "province").index) == ["P", "Q"]
    assert list(merge_counties(counties, {"130100": "110101"}).index) == ["110101", "110102"]
    with pytest.raises(InputError, match="999999"):
        merge_counties(counties, {"999999": "110101"})
    with pytest.raises(InputError, match="is_district"):
        district_groups(counties.drop(columns="is_district"))
    with pytest.raises(InputError, match="130100"):
        district_groups(counties.assign(city=["130100", "130100", "Y"]))


def test_a_crosswalk_by_hand() -> None:
    table = pd.DataFrame({"gdp_yuan": [100.0, 50.0], "population": [10.0, 20.0]}, index=["old1", "old2"])
    shares = pd.DataFrame({"code_old": ["old1", "old1", "old2"], "code_new": ["new1", "new2", "new2"], "share": [0.25, 0.75, 1.0]})
    moved = crosswalk(table, shares, kinds={"gdp_yuan": "extensive", "population": "extensive"})
    assert moved["gdp_yuan"].to_dict() == {"new1": 25.0, "new2": 125.0}
    assert moved["population"].to_dict() == {"new1": 2.5, "new2": 27.5}


def test_a_crosswalk_that_changes_with_the_years() -> None:
    table = pd.DataFrame({"year": [2010, 2020], "gdp_yuan": [1.0, 2.0]}, index=["a", "a"])
    shares = pd.DataFrame(
        {"code_old": ["a", "a"], "code_new": ["a", "b"], "share": [1.0, 1.0], "valid_from": [None, 2016], "valid_to": [2015, None]}
    )
    moved = crosswalk(table, shares, kinds={"gdp_yuan": "extensive"})
    assert moved.reset_index().to_numpy().tolist() == [["a", 2010, 1.0], ["b", 2020, 2.0]]
    with pytest.raises(InputError, match="year"):
        crosswalk(table.drop(columns="year").iloc[:1], shares, kinds={"gdp_yuan": "extensive"})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8))
def test_a_crosswalk_keeps_totals(seed: int, n_old: int, n_new: int) -> None:
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(n_new), size=n_old)
    rows = [(f"o{i}", f"n{j}", share[i, j]) for i in range(n_old) for j in range(n_new)]
    table = pd.DataFrame({"x": rng.random(n_old) * 1e9}, index=[f"o{i}" for i in range(n_old)])
    moved = crosswalk(table, pd.DataFrame(rows, columns=["code_old", "code_new", "share"]), kinds={"x": "extensive"})
    assert moved["x"].sum() == pytest.approx(table["x"].sum(), rel=1e-9)
    assert moved["x"].to_numpy() == pytest.approx(share.T @ table["x"].to_numpy(), rel=1e-9)


def test_an_unknown_value_stays_unknown_through_the_crosswalk() -> None:
    shares = pd.DataFrame({"code_old": ["a", "b"], "code_new": ["n", "n"], "share": [1.0, 1.0]})
    moved = crosswalk(pd.DataFrame({"x": [np.nan, 1.0]}, index=["a", "b"]), shares, kinds={"x": "extensive"})
    assert np.isnan(moved.loc["n", "x"])


@pytest.mark.parametrize(
    ("share", "codes_", "kind", "why"),
    [
        ([0.5, 0.4], ["a", "a"], "extensive", "sum to 1"),
        ([1.0, 1.0], ["b", "c"], "extensive", "code_old"),
        ([1.0, 1.0], ["a", "b"], "intensive", "compute"),
    ],
)
def test_what_a_crosswalk_refuses(share: list[float], codes_: list[str], kind: str, why: str) -> None:
    shares = pd.DataFrame({"code_old": codes_, "code_new": ["n", "m"], "share": share})
    with pytest.raises(InputError, match=why):
        crosswalk(pd.DataFrame({"x": [1.0]}, index=["a"]), shares, kinds={"x": kind})


def test_real_layers_say_what_is_wrong_with_them(shared: Path) -> None:
    path = shared / "data/boundaries-bth/bth_boundaries.gpkg"
    assert county_problems(gpd.read_file(path, layer="county_modern_amap"), id="adcode", name="name") == []
    found = county_problems(gpd.read_file(path, layer="county_2017_echarts"), id="adcode")
    assert [(problem.code, problem.severity) for problem in found] == [
        ("empty_geometry", "error"),
        ("overlap", "error"),
        ("overlap", "warning"),
    ]
    assert "120119" in found[0].got
