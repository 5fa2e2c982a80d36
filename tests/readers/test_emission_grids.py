"""Gridded emissions: sums by area share, carbon against CO2, coverage."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from exactextract import exact_extract
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.boundaries import read_boundaries
from carbonshed.readers.emission_grids import read_gridded_emissions

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"


def raster(
    path: Path, values: np.ndarray, *, crs: str = ALBERS, side: float = 1000.0, nodata: float | None = None, names: tuple[str, ...] = ()
) -> Path:
    """A raster whose lower left corner is at 0, 0."""
    layers = values if values.ndim == 3 else values[None]
    transform = rasterio.transform.from_origin(0, side * layers.shape[1], side, side)
    profile = {"driver": "GTiff", "count": len(layers), "height": layers.shape[1], "width": layers.shape[2], "dtype": "float64"}
    with rasterio.open(path, "w", crs=crs, transform=transform, nodata=nodata, **profile) as dataset:
        dataset.write(layers)
        for band, name in enumerate(names, start=1):
            dataset.set_band_description(band, name)
    return path


def boxes(*bounds: tuple[float, float, float, float], crs: str = ALBERS) -> gpd.GeoDataFrame:
    index = pd.Index([f"u{i}" for i in range(len(bounds))], name="unit_id")
    return gpd.GeoDataFrame(geometry=[shapely.box(*each) for each in bounds], index=index, crs=crs)


def test_pixels_cut_by_a_border_are_split_by_area(tmp_path: Path) -> None:
    path = raster(tmp_path / "e.tif", np.array([[10.0, 20.0], [30.0, 40.0]]))
    units = boxes((0, 0, 500, 2000), (500, 0, 2000, 2000))
    got = read_gridded_emissions({2020: path}, units, per="cell")
    assert got.index.tolist() == ["u0", "u1"]
    assert got["carbon_source"].tolist() == pytest.approx([20, 80])
    assert got["carbon_source_coverage"].tolist() == pytest.approx([1, 1])
    assert read_gridded_emissions({2020: path}, units, per="cell_c")["carbon_source"].tolist() == pytest.approx(
        [20 * 44 / 12, 80 * 44 / 12]
    )


def test_per_km2_takes_the_true_area(tmp_path: Path) -> None:
    path = raster(tmp_path / "e.tif", np.array([[10.0, 20.0], [30.0, 40.0]]), side=2000.0)
    units = boxes((0, 0, 4000, 4000))
    assert read_gridded_emissions({2020: path}, units, per="km2")["carbon_source"].item() == pytest.approx(400)
    assert read_gridded_emissions({2020: path}, units, per="km2_c", factor=1e-3)["carbon_source"].item() == pytest.approx(0.4 * 44 / 12)
    degrees = raster(tmp_path / "d.tif", np.ones((60, 1)), crs="EPSG:4326", side=1.0)
    got = read_gridded_emissions({2020: degrees}, boxes((0, 0, 1, 60), crs="EPSG:4326"), per="km2")["carbon_source"].item()
    # A lune of 1 degree from the equator to 60 N: a2 (1 - e2) / 2 dL q(60) on WGS84.
    e2, a, s = 0.0066943799901, 6378.137, np.sin(np.radians(60))
    q = s / (1 - e2 * s**2) + np.arctanh(np.sqrt(e2) * s) / np.sqrt(e2)
    assert got == pytest.approx(a**2 * (1 - e2) / 2 * np.radians(1) * q, rel=1e-9)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_polygons_that_tile_the_raster_hold_all_of_it_and_agree_with_exactextract(tmp_path: Path, seed: int) -> None:
    g = np.random.default_rng(seed)
    values = g.gamma(0.3, 1000, (20, 30))
    path = raster(tmp_path / "e.tif", values)
    points = shapely.MultiPoint(g.uniform([0, 0], [30_000, 20_000], (12, 2)))
    frame = shapely.box(0, 0, 30_000, 20_000)
    parts = [
        part for cell in shapely.voronoi_polygons(points, extend_to=frame).geoms for part in [cell.intersection(frame)] if part.area > 0
    ]
    units = gpd.GeoDataFrame(geometry=parts, index=pd.RangeIndex(len(parts)).astype(str), crs=ALBERS)
    got = read_gridded_emissions({2020: path}, units, per="cell")["carbon_source"]
    assert got.sum() == pytest.approx(values.sum(), rel=1e-9)
    oracle = exact_extract(path, units.reset_index(), "sum", output="pandas")["sum"]
    np.testing.assert_allclose(got, oracle, rtol=1e-6)


def test_units_in_another_crs(tmp_path: Path) -> None:
    path = raster(tmp_path / "e.tif", np.ones((50, 50)))
    units = boxes((10_000, 10_000, 30_000, 30_000))
    moved = units.to_crs("EPSG:4326")
    assert read_gridded_emissions({2020: path}, moved, per="cell")["carbon_source"].item() == pytest.approx(400, rel=1e-4)


def test_bands_are_years_or_months_but_never_guessed(tmp_path: Path) -> None:
    layers = np.array([[[1.0]], [[2.0]], [[4.0]]])
    path = raster(tmp_path / "e.tif", layers, names=("CO2 2018", "CO2 2019", "CO2 2020"))
    units = boxes((0, 0, 1000, 1000))
    years = {2020: path, 2019: path}
    got = read_gridded_emissions(years, units, per="cell", bands="by_description")
    assert got[["year", "carbon_source"]].values.tolist() == [[2019, 2], [2020, 4]]
    assert read_gridded_emissions(years, units, per="cell", bands={2019: 1, 2020: 2})["carbon_source"].tolist() == [1, 2]
    assert read_gridded_emissions({2020: path}, units, per="cell", bands="sum")["carbon_source"].tolist() == [7]
    for bands in (None, {2020: 4}):
        with pytest.raises(InputError, match="CO2 2018"):
            read_gridded_emissions({2020: path}, units, per="cell", bands=bands)
    with pytest.raises(InputError, match="the band of 2021"):
        read_gridded_emissions({2021: path}, units, per="cell", bands="by_description")


def test_no_data_is_not_zero(tmp_path: Path) -> None:
    values = np.ones((10, 10))
    values[0, 0] = -9999
    path = raster(tmp_path / "e.tif", values, nodata=-9999)
    units = boxes((0, 0, 10_000, 10_000), (0, 9000, 1000, 10_000))
    with pytest.raises(InputError, match=r"0\.0% at worst: u1"):
        read_gridded_emissions({2020: path}, units, per="cell")
    with pytest.warns(DataWarning, match=r"no data on part of u0 .at worst 99\.00% covered"):
        got = read_gridded_emissions({2020: path}, units.iloc[:1], per="cell")
    assert got[["carbon_source", "carbon_source_coverage"]].values.tolist() == [[99, pytest.approx(0.99)]]
    with pytest.raises(InputError, match="leave them out"):
        read_gridded_emissions({2020: path}, boxes((5000, 0, 15_000, 5000)), per="cell")


def test_overlapping_units_are_said(tmp_path: Path) -> None:
    path = raster(tmp_path / "e.tif", np.ones((2, 2)))
    with pytest.warns(DataWarning, match="the units overlap"):
        read_gridded_emissions({2020: path}, boxes((0, 0, 2000, 2000), (0, 0, 1000, 2000)), per="cell")


def test_what_is_no_emission_is_refused(tmp_path: Path) -> None:
    units = boxes((0, 0, 1000, 1000))
    with pytest.raises(InputError, match="emissions >= 0"):
        read_gridded_emissions({2020: raster(tmp_path / "n.tif", np.array([[-1.0]]))}, units, per="cell")
    with pytest.raises(InputError):
        read_gridded_emissions({2020: raster(tmp_path / "e.tif", np.array([[1.0]]))}, units, per="pixel")
    with pytest.raises(InputError, match="no file"):
        read_gridded_emissions({2020: tmp_path / "absent.tif"}, units, per="cell")
    with pytest.raises(InputError, match="each unit_id once"):
        read_gridded_emissions({2020: tmp_path / "e.tif"}, pd.concat([units, units]), per="cell")


def test_cdiac_over_the_region(shared: Path) -> None:
    provinces = read_boundaries(shared / "data/boundaries-bth/bth_boundaries.gpkg", "province_modern_amap").set_index("province_name")
    path = shared / "data/cdiac-gridded-co2-1deg/cdiac_ffco2_north_china_1deg_1990_2013.tif"
    years = dict.fromkeys((2000, 2005, 2010, 2013), path)
    got = read_gridded_emissions(years, provinces, per="cell_c", factor=1e6, bands="by_description")
    assert (got.groupby("year")["carbon_source"].sum() / 1e6).tolist() == pytest.approx([241, 416, 631, 794], abs=1)
