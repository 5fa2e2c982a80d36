"""Small sound studies that hold every format a study may read; the fuzzer damages one file of a copy."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
IDS = ["130101", "130102", "130201", "130202"]
YEARS = [2010, 2015]

HEAD = """[study]
name = "Four counties"
years = [2010, 2015]
seed = 7

[grid]
base_km = 5
scales_km = [5, 10]

[scale]
permutations = 200
draws = 20

[zoning]
runs = 0
level = "county"
features = ["share_difference", "territorial_development"]
method = "kmeans"
zones = 2

[compensation]
price = 80
{flow_cost}
[counties]
boundaries = "{boundaries}"
id = "unit_id"
name = "name"
city = "city"
province = "province"
is_district = "is_district"
table = "{table}"
"""

LAND = """
[land_cover]
product = "{legend}"
path = "clcd_{{year}}.tif"

[accounting]
coefficients = "{coefficients}"
"""

EMISSIONS = {
    "table": '\n[emissions]\npath = "{emissions}"\nallocation = "weighted_proxy"\nweights = {{ built_up = 1, cropland = 0.1 }}\n',
    "lights": '\n[emissions]\npath = "{emissions}"\nallocation = "lights"\nlights = "lights_{{year}}.tif"\n',
    "gridded": '\n[emissions]\nsource = "gridded"\nper = "cell"\npath = "grid_{{year}}.tif"\n',
}

STUDIES = {
    "plain": {"boundaries": "counties.gpkg", "table": "counties.csv", "emissions": "emissions.csv", "way": "table"},
    "other": {
        "boundaries": "counties.geojson",
        "table": "counties.xlsx",
        "emissions": "emissions.parquet",
        "way": "lights",
        "legend": "legend.toml",
        "coefficients": "coefficients.toml",
    },
    "third": {"boundaries": "counties.gpkg.zip", "table": "counties.parquet", "emissions": "", "way": "gridded", "flow_cost": "costs.csv"},
}

LEGEND = """product = "mine"
nodata = [0]
""" + "".join(
    f'[[class]]\ncode = {code}\nname = "{name}"\ncanonical = "{name}"\n'
    for code, name in ((1, "cropland"), (2, "forest"), (4, "grassland"), (5, "water"), (8, "built_up"))
)

COEFFICIENTS = """name = "mine"
base = "china"
[[coefficient]]
land_class = "forest"
side = "sink"
value = 0.0644
unit = "kg C m-2 a-1"
citation = "a test"
status = "unverified"
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


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [(i, y) for y in YEARS for i in IDS]
    economy = pd.DataFrame(rows, columns=["unit_id", "year"])
    economy["gdp_yuan"] = [2e9, 3e9, 8e9, 1e9, 4e9, 6e9, 14e9, 2e9]
    economy["population"] = [2e5, 3e5, 4e5, 1e5] * 2
    economy["fiscal_revenue_yuan"] = economy["gdp_yuan"] * 0.08
    emissions = pd.DataFrame(rows, columns=["id", "year"])
    emissions["carbon_source_t"] = [5e5, 9e5, 3e6, 2e4, 6e5, 1e6, 4e6, 2e4]
    return economy, emissions


def classes(year: int, shape: tuple[int, int]) -> np.ndarray:
    """Forest in the north, cropland in the south, a town that grows, a lake, some grassland."""
    rng = np.random.default_rng(year)
    row, column = np.mgrid[0 : shape[0], 0 : shape[1]]
    found = np.where(row < shape[0] * 0.45, 2, 1)
    found = np.where((row - shape[0] * 0.3) ** 2 + (column - shape[1] * 0.3) ** 2 < 30, 5, found)
    found = np.where((row - shape[0] * 0.7) ** 2 + (column - shape[1] * 0.65) ** 2 < (60 if year == 2010 else 90), 8, found)
    return np.where(rng.random(shape) < 0.1, 4, found).astype("uint8")


def write_raster(path: Path, values: np.ndarray, west: float, north: float, **profile: object) -> None:
    settings = {"driver": "GTiff", "dtype": values.dtype, "count": 1, "crs": "EPSG:4326", **profile}
    height, width = values.shape
    with rasterio.open(path, "w", height=height, width=width, transform=from_origin(west, north, 0.01, 0.01), **settings) as dataset:
        dataset.write(values, 1)


def write_studies(folder: Path) -> None:
    """Each sound study in a folder of its own."""
    frame, (economy, emissions) = counties(), tables()
    west, south, east, north = frame.to_crs("EPSG:4326").total_bounds
    west, north = np.floor(west * 100) / 100 - 0.02, np.ceil(north * 100) / 100 + 0.02
    shape = (int((north - south) / 0.01) + 5, int((east - west) / 0.01) + 5)
    packing = {
        "plain": {"compress": "zstd"},
        "other": {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16},
        "third": {},
    }
    for name, files in STUDIES.items():
        place = folder / name
        place.mkdir(parents=True)
        for year in YEARS:
            land = classes(year, shape)
            write_raster(place / f"clcd_{year}.tif", land, west, north, nodata=0, **packing[name])
            bright = ((land == 8) * 20 + 0.5 + (year - 2010) * 0.1).astype("float32")
            if files["way"] == "lights":
                write_raster(place / f"lights_{year}.tif", bright, west, north, nodata=-999, compress="lzw")
            if files["way"] == "gridded":
                write_raster(place / f"grid_{year}.tif", (bright * 100).astype("float64"), west, north, nodata=-1)
        write_vector(frame, place / files["boundaries"])
        write_table(economy, place / files["table"])
        if files["emissions"]:
            write_table(emissions, place / files["emissions"])
        texts = {"legend.toml": LEGEND, "coefficients.toml": COEFFICIENTS}
        for text in texts.keys() & set(files.values()):
            (place / text).write_text(texts[text], encoding="utf-8")
        if "flow_cost" in files:
            costs = pd.DataFrame([[abs(i - j) + 1.0 for j in range(4)] for i in range(4)], index=IDS, columns=IDS)
            costs.to_csv(place / "costs.csv", index_label="payer")
        filled = {"legend": "clcd", "coefficients": "china", **files}
        flow = f'flow_cost = "{files["flow_cost"]}"\n' if "flow_cost" in files else ""
        text = HEAD + LAND + EMISSIONS[files["way"]]
        (place / "study.toml").write_text(text.format(**{**filled, "flow_cost": flow}), encoding="utf-8")


def write_vector(frame: gpd.GeoDataFrame, path: Path) -> None:
    if path.suffix == ".geojson":
        frame.to_crs("EPSG:4326").to_file(path, driver="GeoJSON")
    elif path.suffix == ".zip":
        inner = path.with_suffix("")
        frame.to_file(inner, layer="counties", driver="GPKG")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(inner, inner.name)
        inner.unlink()
    else:
        frame.to_file(path, layer="counties", driver="GPKG")


def write_table(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_parquet(path, index=False)


def read_table(path: Path) -> pd.DataFrame:
    texts = {"unit_id": str, "id": str}
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=texts)
    return pd.read_excel(path, dtype=texts) if path.suffix == ".xlsx" else pd.read_parquet(path)


def damaged_files(name: str, place: Path) -> list[str]:
    """The files of a study that may be damaged: one raster of each kind, and all else."""
    return sorted(each.name for each in place.iterdir() if each.is_file() and "2015" not in each.name)


def copy_of(study: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(study, to)
    return to


def as_geojson(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
