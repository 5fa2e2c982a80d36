"""Nothing is lost: random maps, coefficients, borders, grids and ways of spreading; pieces = cells of every side = counties = totals."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from carbonshed.study.study import Study

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
X0, Y0, SIDE = 900_000, 4_200_000, 30_000
CLASSES = ["cropland", "forest", "grassland", "water", "wetland", "built_up", "bare"]
SPREADS = {
    "built_share": 'allocation = "built_share"',
    "weighted_proxy": 'allocation = "weighted_proxy"\nweights = { built_up = 1, cropland = 0.3, forest = 0.01 }',
    "shares": 'allocation = "weighted_proxy"\nweights = { lights = 2, population = 1, built_up = 1 }\n'
    'lights = "lights.tif"\npopulation = "people.tif"\npopulation_per = "cell"',
    "lights": 'allocation = "lights"\nlights = "lights.tif"',
    "lights_regression": 'allocation = "lights_regression"\nlights = "lights.tif"\nlights_model = "proportional"',
    "sector_split": 'allocation = "sector_split"\nlights = "lights.tif"\nsectors = { a = { built_up = 1 }, b = { lights = 1 } }',
}


def raster(path: Path, values: np.ndarray) -> None:
    pixel = SIDE * 1.2 / values.shape[0]
    transform = from_origin(X0 - 0.1 * SIDE, Y0 + 1.1 * SIDE, pixel, pixel)
    profile = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "crs": ALBERS, "height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(path, "w", transform=transform, **profile) as dataset:
        dataset.write(values, 1)


def coefficients(g: np.random.Generator) -> str:
    rows = []
    for name in CLASSES:
        side = "source" if name in ("cropland", "built_up") else "sink"
        rows.append(
            f'[[coefficient]]\nland_class = "{name}"\nside = "{side}"\nvalue = {g.uniform(0, 3):.6f}\nunit = "t CO2 ha-1 a-1"\n'
            'citation = "random"\nstatus = "unverified"\n'
        )
    return 'name = "random"\n' + "\n".join(rows)


def write_study(folder: Path, g: np.random.Generator, spread: str, level: str, base: float) -> tuple[pd.DataFrame, Path]:
    n = int(g.integers(2, 7))
    frame = shapely.box(X0, Y0, X0 + SIDE, Y0 + SIDE)
    points = shapely.MultiPoint(np.column_stack([g.uniform(X0, X0 + SIDE, n), g.uniform(Y0, Y0 + SIDE, n)]))
    cells = [cell.intersection(frame) for cell in shapely.voronoi_polygons(points, extend_to=frame).geoms]
    ids = [f"c{k}" for k in range(len(cells))]
    provinces = ["P" if k % 2 == 0 else "Q" for k in range(len(cells))]
    counties = gpd.GeoDataFrame({"unit_id": ids, "province": provinces}, geometry=cells, crs=ALBERS)
    counties.to_file(folder / "counties.gpkg", driver="GPKG")
    codes = g.choice([1, 2, 4, 5, 7, 8, 9], p=g.dirichlet(np.ones(7)), size=(40, 40)).astype("uint8")
    raster(folder / "land.tif", codes)
    raster(folder / "lights.tif", np.where(g.random((25, 25)) < 0.6, g.gamma(0.5, 40, (25, 25)) + 1, 0).astype("float32"))
    raster(folder / "people.tif", g.gamma(0.3, 500, (17, 17)).astype("float32"))
    raster(folder / "npp.tif", g.uniform(20, 900, (31, 31)).astype("float32"))
    (folder / "own.toml").write_text(coefficients(g), encoding="utf-8")
    units = ids if level == "county" else sorted(set(provinces))
    table = pd.DataFrame([(unit, year) for unit in units for year in (2000, 2020)], columns=["id", "year"])
    table["carbon_source_t"] = g.lognormal(12, 2, len(table)) * (g.random(len(table)) < 0.9)
    if spread == "sector_split":
        table = pd.concat([table.assign(sector="a"), table.assign(sector="b", carbon_source_t=table["carbon_source_t"] * 0.37)])
    table.to_csv(folder / "emissions.csv", index=False)
    sides = sorted({base, 2 * base, 3 * base, 5 * base})
    sink = g.choice(['coefficients = "own.toml"', 'coefficients = "own.toml"\nsink_mode = "npp_gross"\nnpp = "npp.tif"'])
    (folder / "study.toml").write_text(
        f"""[study]
name = "random"
years = [2000, 2020]
crs = "{ALBERS}"

[counties]
boundaries = "counties.gpkg"
id = "unit_id"
province = "province"

[land_cover]
product = "clcd"
path = "land.tif"

[grid]
base_km = {base}
scales_km = {sides}

[accounting]
{sink}

[emissions]
path = "emissions.csv"
level = "{level}"
{SPREADS[spread]}
""",
        encoding="utf-8",
    )
    return table, folder


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32), st.sampled_from(sorted(SPREADS)), st.sampled_from(["county", "province"]), st.sampled_from([1.5, 2.0, 3.7, 5.0])
)
def test_carbon_is_conserved(seed: int, spread: str, level: str, base: float) -> None:
    conserve(seed, spread, level, base)


@pytest.mark.parametrize(("spread", "level"), [("shares", "county"), ("lights_regression", "province"), ("sector_split", "province")])
def test_carbon_is_conserved_in_these(spread: str, level: str) -> None:
    conserve(11, spread, level, 3.7)


def conserve(seed: int, spread: str, level: str, base: float) -> None:
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, folder = write_study(Path(name), np.random.default_rng(seed), spread, level, base)
        result = Study.open(folder).run(until="accounts")
        county, grid, pieces = result.accounts_county, result.accounts_grid, result.table("pieces")
        assert len(grid["scale_km"].unique()) == 4
        for quantity in ("carbon_source", "carbon_sink", "net_carbon_emission", "area_km2"):
            whole = county.groupby("year")[quantity].sum()
            for _, cells in grid.groupby("scale_km"):
                np.testing.assert_allclose(cells.groupby("year")[quantity].sum(), whole, rtol=1e-9, atol=1e-6)
        direct = direct_of(folder, pieces)
        expected = table.groupby("year")["carbon_source_t"].sum()
        np.testing.assert_allclose(county.groupby("year")["carbon_source"].sum() - direct, expected, rtol=1e-8, atol=1e-3)
        report = result.table("allocation_report")
        np.testing.assert_allclose(report["allocated"], report["total"], rtol=1e-9)
        assert (county[["carbon_source", "carbon_sink"]] >= 0).all(axis=None)
        assert all(row["relative_error"] <= 1e-9 for row in result.manifest["balance_checks"] if row["what"].startswith("carbon_"))


def direct_of(folder: Path, pieces: pd.DataFrame) -> pd.Series:
    """Direct source of land by the study's own coefficients, from the region's class areas."""
    import tomllib

    rows = tomllib.loads((folder / "own.toml").read_text(encoding="utf-8"))["coefficient"]
    is_npp = "npp_gross" in (folder / "study.toml").read_text(encoding="utf-8")
    per_km2 = {row["land_class"]: 100 * row["value"] for row in rows if row["side"] == "source"}
    if is_npp:
        per_km2["cropland"] = 0.0
    sums = pieces.groupby("year")[list(per_km2)].sum()
    return sums @ pd.Series(per_km2)
