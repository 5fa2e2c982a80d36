"""Continuous rasters onto units: sums and means by exact shares, what holds no data, and real grids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from carbonshed.readers.continuous import read_continuous
from carbonshed.readers.rasters import look_at_rasters
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.overlay import overlay

ALBERS = china_albers()
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Bands as a GeoTIFF whose lower left corner is at 0, 0 of Albers, or of another CRS."""

    def write_(*bands: Any, name: str = "r.tif", side: float = 1000.0, crs: Any = ALBERS, scale: float = 1.0, **profile: Any) -> Path:
        arrays = [np.asarray(band) for band in bands]
        height, width = arrays[0].shape
        settings_ = {"count": len(arrays), "height": height, "width": width, "dtype": arrays[0].dtype, **profile}
        transform = rasterio.transform.from_origin(0, side * height, side, side)
        with rasterio.open(tmp_path / name, "w", driver="GTiff", crs=crs, transform=transform, **settings_) as file:
            for k, array in enumerate(arrays, start=1):
                file.write(array, k)
            if scale != 1.0:
                file.scales = [scale] * len(arrays)
        return tmp_path / name

    return write_


def boxes(*bounds: tuple[float, float, float, float], crs: Any = ALBERS) -> gpd.GeoDataFrame:
    index = pd.Index([f"u{k}" for k in range(len(bounds))], name="unit_id")
    return gpd.GeoDataFrame(geometry=[shapely.box(*each) for each in bounds], index=index, crs=crs)


VALUES = np.array([[10.0, 20.0], [30.0, 40.0]])


def test_by_hand(write: Write) -> None:
    units = boxes((500, 0, 2000, 2000), (0, 0, 500, 1000))
    sums = read_continuous({2020: write(VALUES)}, units, kind="extensive")
    assert sums.index.tolist() == ["u0", "u1"] and sums["year"].tolist() == [2020, 2020]
    assert sums["value"].tolist() == pytest.approx([0.5 * 10 + 20 + 0.5 * 30 + 40, 15])
    means = read_continuous({2020: write(VALUES)}, units, kind="intensive")
    assert means["value"].tolist() == pytest.approx([80 / 3, 30])
    assert means["known_km2"].tolist() == pytest.approx([3, 0.5], rel=1e-6)
    assert means["coverage"].tolist() == pytest.approx([1, 1])
    assert means.attrs["extremes"] == {2020: (10.0, 40.0)}


def test_a_mean_in_degrees_weighs_by_true_area(write: Write) -> None:
    path = write(np.array([[1.0], [0.0]]), side=30.0, crs="EPSG:4326")
    got = read_continuous({2020: path}, boxes((0, 0, 30, 60), crs="EPSG:4326"), kind="intensive")["value"].item()
    e, sine = np.sqrt(0.0066943799901), np.sin(np.radians([30, 60]))
    low, high = sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e  # grows as the area from the equator, on WGS84
    assert got == pytest.approx((high - low) / high, rel=1e-9)


def test_what_holds_no_data_is_left_out_and_its_share_told(write: Write) -> None:
    values = VALUES.copy()
    values[0, 0] = -1
    path = write(values, nodata=-1)
    units = boxes((0, 1000, 1000, 2000), (0, 0, 1500, 1000), (1500, 0, 2500, 2000), (5000, 0, 6000, 1000))
    got = read_continuous({2020: path}, units, kind="extensive")
    assert got["value"].tolist() == pytest.approx([np.nan, 50, 30, np.nan], nan_ok=True)
    assert got["coverage"].tolist() == pytest.approx([0, 1, 0.5, 0])
    whole = read_continuous({2020: path}, boxes((0, 0, 2000, 2000)), kind="intensive")
    assert whole[["value", "coverage"]].values.tolist() == [[pytest.approx(30), pytest.approx(0.75)]]


def test_scale_months_lowest_and_highest(write: Write) -> None:
    units = boxes((0, 0, 2000, 2000))

    def total(path: Path, **options: Any) -> float:
        return float(read_continuous({2020: path}, units, kind="extensive", **options)["value"].item())

    assert total(write(np.array([[100, 200], [300, 400]], dtype="uint16"), scale=0.1)) == pytest.approx(100)
    assert total(write(VALUES, VALUES, VALUES), bands="sum") == pytest.approx(300)
    assert total(write(VALUES, VALUES * 2), bands={2020: 2}) == pytest.approx(200)
    assert total(write(VALUES - 25), lowest=0.0) == pytest.approx(5 + 15)
    assert total(write(VALUES), highest=30.0) == pytest.approx(60)
    flares = read_continuous({2020: write(VALUES)}, units, kind="extensive", highest=30.0)
    assert flares["coverage"].item() == pytest.approx(0.75) and flares.attrs["extremes"][2020] == (10.0, 30.0)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.floats(0, 0.4))
def test_sums_are_kept_and_means_are_those_of_exactextract(write: Write, seed: int, missing: float) -> None:
    g = np.random.default_rng(seed)
    values = g.gamma(0.5, 100, (18, 25))
    values[g.random(values.shape) < missing] = -1
    path = write(values, nodata=-1)
    frame = shapely.box(0, 0, 25_000, 18_000)
    points = shapely.MultiPoint(g.uniform([0, 0], [25_000, 18_000], (9, 2)))
    parts = [cell.intersection(frame) for cell in shapely.voronoi_polygons(points, extend_to=frame).geoms]
    units = gpd.GeoDataFrame(geometry=parts, index=pd.RangeIndex(len(parts)).astype(str), crs=ALBERS)
    sums = read_continuous({2020: path}, units, kind="extensive")
    assert np.nansum(sums["value"]) == pytest.approx(values[values >= 0].sum(), rel=1e-9)
    assert sums["known_km2"].sum() == pytest.approx((values >= 0).sum(), rel=1e-6)
    means = read_continuous({2020: path}, units, kind="intensive")["value"]
    oracle = exact_extract(path, units.reset_index(), ["mean", "count"], output="pandas")
    np.testing.assert_allclose(means, oracle["mean"], rtol=1e-6)
    np.testing.assert_allclose(sums["coverage"] * shapely.area(units.geometry) / 1e6, oracle["count"], rtol=1e-6)


def test_pieces_cells_and_counties_hold_the_same_sum_and_years_share_a_pass(write: Write) -> None:
    g = np.random.default_rng(3)
    path = write(g.random((30, 40)), g.random((30, 40)))
    counties = boxes((0, 0, 17_300, 30_000), (17_300, 0, 40_000, 30_000))
    pieces = overlay(Grid.over(counties, side_km=3.7, crs=ALBERS), counties)
    steps: list[float] = []
    files = {2020: path, 2010: path}
    by_piece = read_continuous(files, pieces, kind="extensive", bands={2010: 1, 2020: 2}, progress=lambda f, m: steps.append(f))
    by_county = read_continuous(files, counties, kind="extensive", bands={2010: 1, 2020: 2})
    assert by_piece["year"].unique().tolist() == [2010, 2020] and steps == [1.0]
    county = pieces["county_id"].reindex(by_piece.index).to_numpy()
    sums = by_piece.groupby(["year", county])["value"].sum()
    np.testing.assert_allclose(sums, by_county["value"], rtol=1e-12)


def test_refusals(write: Write, tmp_path: Path) -> None:
    units = boxes((0, 0, 2000, 2000))
    with pytest.raises(InputError, match="kind"):
        read_continuous({2020: write(VALUES)}, units, kind="categorical")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a CRS"):
        read_continuous({2020: write(VALUES, crs=None)}, units, kind="extensive")
    with pytest.raises(InputError, match="2 bands"):
        read_continuous({2020: write(VALUES, VALUES)}, units, kind="extensive")
    with pytest.raises(InputError, match="no file"):
        read_continuous({2020: tmp_path / "absent.tif"}, units, kind="extensive")
    with pytest.raises(InputError, match="u0"):
        read_continuous({2020: write(VALUES)}, pd.concat([units, units]), kind="extensive")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="GDAL"):
        read_continuous({2020: tmp_path / "text.tif"}, units, kind="extensive")
    with pytest.warns(DataWarning, match="the units overlap"):
        read_continuous({2020: write(VALUES)}, boxes((0, 0, 2000, 2000), (0, 0, 1000, 2000)), kind="extensive")


def test_a_look_sees_type_unit_and_values(write: Write) -> None:
    path = write(np.arange(1_000_000.0).reshape(1000, 1000).astype("float32"))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("kg C m-2 a-1",)
    look = look_at_rasters({2020: path}, boxes((0, 0, 1_000_000, 1_000_000)))[0]
    assert (look.dtype, look.n_bands, look.is_colour, look.pixel, look.unit) == ("float32", 1, False, 1000.0, "kg C m-2 a-1")
    assert 0 <= look.least < 3000 and look.largest > 990_000
    with pytest.raises(InputError, match="elsewhere"):
        look_at_rasters({2020: path}, boxes((-9e6, 0, -8e6, 1000)))


def test_population_density_of_the_region(shared: Path) -> None:
    provinces = read_boundaries(shared / "data/boundaries-bth/bth_boundaries.gpkg", "province_modern_amap").set_index("province_name")
    path = shared / "data/population-gpw-0p25deg/gpw_v411_popdensity_2020_bth_15min.tif"
    got = read_continuous({2020: path}, provinces, kind="intensive")
    assert (got["value"] * got["known_km2"]).sum() / 1e6 == pytest.approx(128.6, abs=1.5)
    assert got["coverage"].between(0.9, 1).all() and got.attrs["extremes"][2020][0] >= 0
