"""The whole chain on small random studies: it runs or says why not, everything adds up, and it does the same twice."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.revise import FORMS
from carbonshed.study.auditing import audit
from carbonshed.study.study import Study

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return repr(value).replace("'", '"')


def section(name: str, keys: dict[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {toml(value)}" for key, value in keys.items() if value is not None), ""])


@st.composite
def money(draw: st.DrawFn) -> dict[str, Any]:
    """The section on compensation."""
    form = draw(st.sampled_from(sorted(FORMS)))
    return {
        "preset": draw(st.sampled_from(["recommended", "published"])),
        "revision": form,
        "ability": draw(st.sampled_from(["one", "gdp_per_head", "capacity", None])),
        "closure": draw(st.sampled_from(["none", "scale_larger", "scale_payments", "scale_receipts", "fund", None])),
        "fiscal_cap": draw(st.sampled_from([False, 0.0001, 0.01, 0.9, None])),
        "overflow": draw(st.sampled_from(["redistribute", "upper_level", None])),
        "shortfall": draw(st.sampled_from(["proportional", "equal_awards", "equal_losses", "talmud", None])),
        "price": draw(st.sampled_from([1e-3, 60, 1945.0, "cn-ets:2024"])),
        "flow_cost": draw(st.sampled_from(["distance", "field_strength"])),
        "flow_solver": draw(st.sampled_from(["lp", "lp", "entropic"])),
        "district_mode": draw(st.sampled_from(["separate", "merge_by_city", "exclude"])),
    }


@st.composite
def random_study(draw: st.DrawFn) -> dict[str, Any]:
    """All that makes a county study: size, years, levels of the account, gaps, options."""
    level = st.sampled_from([1e-2, 1e2, 1e6, 1e9])
    return {
        "across": draw(st.integers(1, 5)),
        "down": draw(st.integers(1, 4)),
        "years": draw(st.sampled_from([[2010], [2010, 2015], [2000, 2005, 2010]])),
        "source": draw(level),
        "sink": draw(level),
        "spread": draw(st.sampled_from([0.0, 0.5, 3.0])),
        "zero_sinks": draw(st.booleans()),
        "zero_gdp": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**20)),
        "method": draw(st.sampled_from(["kmeans", "rules", "gmm", "ward", "som_kmeans"])),
        "zones": draw(st.integers(2, 4)),
        "money": draw(money()),
    }


def write_counties(folder: Path, asked: dict[str, Any]) -> pd.DataFrame:
    """Boundaries (squares) and the county table."""
    across, down = asked["across"], asked["down"]
    rng = np.random.default_rng(asked["seed"])
    west, south, side = 900_000, 4_200_000, 20_000
    places = [(i, j) for j in range(down) for i in range(across)]
    n = len(places)
    frame = gpd.GeoDataFrame(
        {
            "unit_id": [f"c{k:02d}" for k in range(n)],
            "name": [f"县{k}" for k in range(n)],
            "city": [f"市{k // 3}" for k in range(n)],
            "province": [f"省{i % 2}" for i, _ in places],
            "is_district": rng.random(n) < 0.3,
        },
        geometry=[box(west + side * i, south + side * j, west + side * (i + 1), south + side * (j + 1)) for i, j in places],
        crs=ALBERS,
    )
    frame.to_file(folder / "counties.gpkg", layer="counties", driver="GPKG")
    table = pd.DataFrame([(each, year) for year in asked["years"] for each in frame["unit_id"]], columns=["unit_id", "year"])
    size = len(table)
    table["carbon_source_t"] = asked["source"] * rng.lognormal(sigma=asked["spread"], size=size)
    table["carbon_sink_t"] = (
        asked["sink"] * rng.lognormal(sigma=asked["spread"], size=size) * ~(asked["zero_sinks"] & (rng.random(size) < 0.3))
    )
    table["gdp_yuan"] = 4e9 * rng.lognormal(size=size) * ~(asked["zero_gdp"] & (rng.random(size) < 0.1))
    table["population"] = np.round(3e5 * rng.lognormal(size=size))
    table["fiscal_revenue_yuan"] = 0.08 * table["gdp_yuan"]
    return table


def settings_text(asked: dict[str, Any], extra: str) -> str:
    columns = {c: c for c in ("name", "city", "province", "is_district")}
    counties = {"boundaries": "counties.gpkg", "id": "unit_id", **columns, "table": "counties.csv"}
    zoning = {"method": asked["method"], "zones": asked["zones"], "runs": 0}
    parts = [section("study", {"name": "random", "years": asked["years"], "seed": asked["seed"]}), section("counties", counties)]
    return "\n".join([*parts, extra, section("compensation", asked["money"]), section("zoning", zoning | asked.get("zoning", {}))])


def write_county_study(folder: Path, asked: dict[str, Any]) -> None:
    write_counties(folder, asked).to_csv(folder / "counties.csv", index=False)
    extra = section("accounting", {"sink_mode": "table"})
    (folder / "study.toml").write_text(settings_text(asked | {"zoning": {"level": "county"}}, extra), encoding="utf-8")


def write_grid_study(folder: Path, asked: dict[str, Any]) -> None:
    from .conftest import land_cover, write_raster

    table = write_counties(folder, asked)
    table[["unit_id", "year", "carbon_source_t"]].rename(columns={"unit_id": "id"}).to_csv(folder / "emissions.csv", index=False)
    table.drop(columns=["carbon_source_t", "carbon_sink_t"]).to_csv(folder / "counties.csv", index=False)
    frame = gpd.read_file(folder / "counties.gpkg").to_crs("EPSG:4326")
    west, south, east, north = frame.total_bounds
    west, north = np.floor(west * 100) / 100 - 0.02, np.ceil(north * 100) / 100 + 0.02
    shape = (int((north - south) / 0.01) + 5, int((east - west) / 0.01) + 5)
    for year in asked["years"]:
        write_raster(folder / f"clcd_{year}.tif", land_cover(year, shape), west, north)
    extra = section("land_cover", {"product": "clcd", "path": "clcd_{year}.tif"}) + section(
        "grid", {"base_km": 5, "scales_km": [5, 10, 20]}
    )
    extra += section("emissions", {"path": "emissions.csv", "allocation": "weighted_proxy", "weights": {"built_up": 1, "cropland": 0.1}})
    extra += section("scale", {"permutations": 200, "draws": 20})
    (folder / "study.toml").write_text(settings_text(asked, extra), encoding="utf-8")


def chain_holds(asked: dict[str, Any], write: Any, *, twice: bool) -> str:
    """Run it; the name of what came of it: `ran`, or the code of the refusal."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        folder = Path(name)
        write(folder, asked)
        try:
            result = Study.open(folder).run()
        except InputError as error:
            assert all(problem.where and problem.fix for problem in error.problems), error
            return error.problems[0].code
        off = [(row.en, row.where, row.relative_error) for row in audit(folder / "results") if not row.holds]
        assert off == []
        if twice:
            again = Study.open(folder).run(folder / "again")
            assert again.manifest["digest"] == result.manifest["digest"]
        return "ran"


@settings(max_examples=8, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(random_study())
def test_a_random_county_study_runs_and_adds_up(asked):
    chain_holds(asked, write_county_study, twice=asked["seed"] % 4 == 0)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(random_study())
def test_many_random_county_studies_run_and_add_up(asked):
    chain_holds(asked, write_county_study, twice=True)


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(random_study())
def test_a_random_grid_study_runs_and_adds_up(asked):
    chain_holds(asked, write_grid_study, twice=asked["seed"] % 4 == 0)
