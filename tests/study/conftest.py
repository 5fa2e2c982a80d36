"""A small study on invented data: four counties of 20 x 20 km, CLCD codes at 0.01 degree, two years."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
IDS = ["130101", "130102", "130201", "130202"]
YEARS = [2010, 2015]

STUDY = """
[study]
name = "Four counties"
years = [2010, 2015]
seed = 7

[counties]
boundaries = "counties.gpkg"
id = "unit_id"
name = "name"
city = "city"
province = "province"
is_district = "is_district"
table = "counties.csv"

[land_cover]
product = "clcd"
path = "clcd_{year}.tif"

[grid]
base_km = 4
scales_km = [4, 8, 12]

[emissions]
path = "emissions.csv"
allocation = "weighted_proxy"
weights = { built_up = 1, cropland = 0.1 }

[zoning]
features = ["share_difference", "territorial_development", "net_emission_density"]

[compensation]
price = 80
"""


def counties() -> gpd.GeoDataFrame:
    x0, y0, side = 900_000, 4_200_000, 20_000
    shapes = [box(x0 + side * i, y0 + side * j, x0 + side * (i + 1), y0 + side * (j + 1)) for j in range(2) for i in range(2)]
    columns = {
        "unit_id": IDS,
        "name": ["甲县", "乙县", "丙区", "丁县"],
        "city": ["东市", "东市", "西市", "西市"],
        "province": ["冀", "冀", "冀", "津"],
    }
    return gpd.GeoDataFrame({**columns, "is_district": [False, False, True, False]}, geometry=shapes, crs=ALBERS)


def land_cover(year: int, shape: tuple[int, int]) -> np.ndarray:
    """Forest in the north, cropland in the south, a town that grows, a lake, some grassland."""
    rng = np.random.default_rng(year)
    height, width = shape
    row, column = np.mgrid[0:height, 0:width]
    classes = np.where(row < height * 0.45, 2, 1)
    classes = np.where((row - height * 0.3) ** 2 + (column - width * 0.3) ** 2 < 30, 5, classes)
    classes = np.where((row - height * 0.7) ** 2 + (column - width * 0.65) ** 2 < (60 if year == 2010 else 90), 8, classes)
    return np.where(rng.random(shape) < 0.1, 4, classes).astype("uint8")


def write_raster(path: Path, values: np.ndarray, west: float, north: float, **profile: object) -> None:
    settings = {"driver": "GTiff", "dtype": values.dtype, "count": 1, "crs": "EPSG:4326", "nodata": 0, "compress": "zstd", **profile}
    height, width = values.shape
    with rasterio.open(path, "w", height=height, width=width, transform=from_origin(west, north, 0.01, 0.01), **settings) as dataset:
        dataset.write(values, 1)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [(i, y) for y in YEARS for i in IDS]
    economy = pd.DataFrame(rows, columns=["unit_id", "year"])
    economy["gdp_yuan"] = [2e9, 3e9, 8e9, 1e9, 4e9, 6e9, 14e9, 2e9]
    economy["population"] = [2e5, 3e5, 4e5, 1e5] * 2
    economy["fiscal_revenue_yuan"] = economy["gdp_yuan"] * 0.08
    emissions = pd.DataFrame(rows, columns=["id", "year"])
    emissions["carbon_source_t"] = [5e5, 9e5, 3e6, 2e4, 6e5, 1e6, 4e6, 2e4]
    return economy, emissions


def write_study(folder: Path) -> Path:
    frame = counties()
    frame.to_file(folder / "counties.gpkg", layer="counties", driver="GPKG")
    west, south, east, north = frame.to_crs("EPSG:4326").total_bounds
    west, north = np.floor(west * 100) / 100 - 0.02, np.ceil(north * 100) / 100 + 0.02
    shape = (int((north - south) / 0.01) + 5, int((east - west) / 0.01) + 5)
    for year in YEARS:
        write_raster(folder / f"clcd_{year}.tif", land_cover(year, shape), west, north)
    economy, emissions = tables()
    economy.to_csv(folder / "counties.csv", index=False)
    emissions.to_csv(folder / "emissions.csv", index=False)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return folder


@pytest.fixture
def small_study(tmp_path: Path) -> Path:
    """A folder of its own with a study that runs."""
    folder = tmp_path / "study"
    folder.mkdir()
    return write_study(folder)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was run, for tests that only read its results."""
    import warnings

    from carbonshed.checks import DataWarning
    from carbonshed.study.study import Study

    folder = write_study(tmp_path_factory.mktemp("finished"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        Study.open(folder).run()
    return folder


@pytest.fixture
def done_study(finished_study, tmp_path) -> Path:
    """A copy of a study with its whole result, to spoil."""
    return Path(shutil.copytree(finished_study, tmp_path / "done"))
