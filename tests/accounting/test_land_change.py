"""Transfer matrix, gains and losses, dynamic degrees and the carbon effect of land change."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from carbonshed.accounting.carbon_sinks import carbon_sink
from carbonshed.accounting.carbon_sources import direct_source
from carbonshed.accounting.coefficients import land_classes
from carbonshed.accounting.land_change import (
    change_effect,
    change_noise,
    class_changes,
    comprehensive_dynamic_degree,
    dynamic_degree,
    transfer_matrix,
)
from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.land_change import tabulate_land_change
from carbonshed.readers.land_cover import tabulate_land_area

CLASSES = [name for name in land_classes() if name != "shrub"]


def cube(areas: Any, classes: list[str] = CLASSES, years: tuple[int, int] = (2000, 2010)) -> xr.DataArray:
    """Areas [unit, from, to] of one period."""
    values = np.asarray(areas, dtype=float)[None]
    return xr.DataArray(
        values,
        dims=("period", "unit_id", "from_class", "to_class"),
        coords={
            "period": [f"{years[0]}-{years[1]}"],
            "unit_id": [f"u{k}" for k in range(values.shape[1])],
            "from_class": classes,
            "to_class": classes,
            "year_from": ("period", [years[0]]),
            "year_to": ("period", [years[1]]),
        },
        name="land_change",
    )


TWO = ["forest", "built_up"]
TOY = cube([[[50.0, 5.0], [1.0, 4.0]], [[30.0, 10.0], [0.0, 0.0]]], TWO)


def test_transfer_matrix_by_hand() -> None:
    whole = transfer_matrix(TOY)
    assert whole.to_numpy().tolist() == [[80.0, 15.0], [1.0, 4.0]]
    assert (whole.index.name, whole.columns.name) == ("from_class", "to_class")
    assert transfer_matrix(TOY, unit_id="u1").loc["forest", "built_up"] == 10
    assert transfer_matrix(TOY, period="2000-2010").equals(whole)


def test_class_changes_by_hand() -> None:
    table = class_changes(TOY).set_index("land_class")
    assert table.loc["forest", ["area_from", "area_to", "stayed", "gain", "loss", "net_change", "swap"]].tolist() == [
        95,
        81,
        80,
        1,
        15,
        -14,
        2,
    ]
    assert table.loc["built_up", "dynamic_degree"] == pytest.approx(100 * 14 / 5 / 10)
    assert table.loc["forest", "dynamic_degree"] == pytest.approx(-100 * 14 / 95 / 10)


def test_dynamic_degree_by_hand() -> None:
    old, new = pd.Series({"a": 200.0, "b": 0.0, "c": 0.0, "d": np.nan}), pd.Series({"a": 150.0, "b": 3.0, "c": 0.0, "d": 1.0})
    degree = dynamic_degree(old, new, years=5)
    assert degree["a"] == -5
    assert degree[["b", "c", "d"]].isna().all()
    assert list(degree.index) == list("abcd")


def test_comprehensive_degree_by_hand() -> None:
    assert comprehensive_dynamic_degree(TOY)["2000-2010"] == pytest.approx(100 * 16 / 100 / 10)
    assert comprehensive_dynamic_degree(TOY, convention="half")["2000-2010"] == pytest.approx(0.8)
    assert np.isnan(comprehensive_dynamic_degree(TOY * 0)["2000-2010"])


def test_change_effect_by_hand() -> None:
    """1 km2 of forest to cropland: 100 ha * (0.422 + 0.644) t C = 390.87 t CO2 a-1 more; and back, as much less."""
    areas = np.zeros((1, 7, 7))
    forest, cropland, built = (CLASSES.index(name) for name in ("forest", "cropland", "built_up"))
    areas[0, forest, cropland] = areas[0, forest, built] = 1.0
    areas[0, cropland, forest] = 3.0
    effect = change_effect(cube(areas))
    assert effect.dims == ("period", "unit_id", "from_class", "to_class")
    assert effect.sel(from_class="forest", to_class="cropland").item() == pytest.approx(100 * 1.066 * 44 / 12)
    assert effect.sel(from_class="cropland", to_class="forest").item() == pytest.approx(-300 * 1.066 * 44 / 12)
    assert effect.sel(from_class="forest", to_class="built_up").item() == pytest.approx(236.13, abs=0.01)
    assert effect.attrs["units"] == "t CO2 a-1" and "forest" in effect.attrs["unverified"]


AREAS = arrays(float, (2, 7, 7), elements=st.floats(0, 1e4))


@pytest.mark.filterwarnings("ignore:coefficients 'guangdong_2018'")
@settings(max_examples=20, deadline=None)
@given(AREAS, st.sampled_from(["china", "guangdong_2018"]))
def test_effect_is_the_difference_of_the_accounts(areas: np.ndarray, name: str) -> None:
    """sum A_ab (c_b - c_a) = net emission of the new areas less that of the old ones, by the account's own functions."""
    held = [name == "china" or each not in ("water", "bare") for each in CLASSES]  # the other set holds neither
    change = cube(areas * np.outer(held, held))
    effect = change_effect(change, coefficients=name).sum(("period", "from_class", "to_class")).values
    net = []
    for dim in ("to_class", "from_class"):
        land = change.isel(period=0).sum(dim).rename({"from_class" if dim == "to_class" else "to_class": "land_class"})
        source, sink = direct_source(land, coefficients=name), carbon_sink(land, coefficients=name)
        net.append((source - sink).fillna(0).values)
    np.testing.assert_allclose(effect, net[1] - net[0], rtol=1e-9, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(AREAS)
def test_gains_losses_and_areas_agree(areas: np.ndarray) -> None:
    change = cube(areas)
    table = class_changes(change)
    matrix = transfer_matrix(change)
    np.testing.assert_allclose(table["area_from"], matrix.sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(table["area_to"], matrix.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["area_from"] - table["loss"] + table["gain"], table["area_to"], rtol=1e-9, atol=1e-6)
    assert table["gain"].sum() == pytest.approx(table["loss"].sum(), rel=1e-9)
    assert (table[["gain", "loss", "swap", "stayed"]] >= 0).all(axis=None)
    noise = change_noise(change, limit=1.0)
    assert 0 <= noise["changed_share"].fillna(0).item() <= 1 + 1e-12
    assert 0 <= noise["swap_share"].fillna(0).item() <= 1 + 1e-12


def test_noise_is_named() -> None:
    with pytest.warns(DataWarning, match="reads as classification noise: built_up lost, of its old area, 20 % in 2000-2010"):
        noise = change_noise(TOY)
    row = noise.iloc[0]
    assert (row["changed"], row["left"], row["left_share"], bool(row["is_noisy"])) == (16, 1, 0.2, True)
    assert row["swap_share"] == pytest.approx(4 / 32)
    assert not change_noise(TOY, limit=0.2)["is_noisy"].item()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: transfer_matrix(xr.concat([TOY, TOY.assign_coords(period=["2010-2020"])], "period")),
            "one period; got 2000-2010, 2010-2020",
        ),
        (lambda: transfer_matrix(TOY, unit_id="u7"), "one of u0, u1"),
        (lambda: transfer_matrix(TOY.rename(from_class="land_class")), r"land_change\[period, unit_id, from_class, to_class\]"),
        (lambda: transfer_matrix(-TOY), "areas >= 0 km2"),
        (lambda: class_changes(TOY.drop_vars(["year_from", "year_to"])), "coordinates year_from and year_to"),
        (lambda: comprehensive_dynamic_degree(TOY, convention="annual"), "annual_change"),
        (lambda: change_effect(TOY.assign_coords(from_class=["woods", "built_up"])), r"none for woods \(95 km2\)"),
        (lambda: change_noise(TOY, lasting=["water"]), "one of forest, built_up"),
        (lambda: dynamic_degree(pd.Series([1.0]), pd.Series([1.0]), years=0), "years > 0"),
        (lambda: dynamic_degree(pd.Series([1.0]), pd.Series([1.0], index=["x"]), years=1), "areas in one index"),
        (lambda: dynamic_degree(pd.Series([-1.0]), pd.Series([1.0]), years=1), "areas >= 0"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


@pytest.fixture(scope="module")
def modis(shared: Path) -> tuple[dict[int, Path], gpd.GeoDataFrame]:
    folder = shared / "data" / "landcover-modis-5min-2001-2010"
    counties = gpd.read_file(shared / "data" / "boundaries-bth" / "bth_boundaries.gpkg", layer="county_units_harmonised")
    return {year: folder / f"modis_lc_igbp_bth_5min_{year}.tif" for year in (2001, 2010)}, counties.set_index("unit_id")


def test_modis_of_the_region(modis: tuple[dict[int, Path], gpd.GeoDataFrame]) -> None:
    """Real: two independently classified maps. A seventh of the region changes in nine years, most of it exchange; towns shrink: noise."""
    rasters, counties = modis
    change = tabulate_land_change(rasters, counties, legend="mcd12c1")
    assert change.sum().item() == pytest.approx(217_033, rel=1e-4)
    area = tabulate_land_area(rasters, counties, legend="mcd12c1")
    np.testing.assert_allclose(change.isel(period=0).sum("to_class").values, area.sel(year=2001).values, atol=1e-9)
    np.testing.assert_allclose(change.isel(period=0).sum("from_class").values, area.sel(year=2010).values, atol=1e-9)
    with pytest.warns(DataWarning, match="built_up lost, of its old area, 11.7 % in 2001-2010"):
        noise = change_noise(change).iloc[0]
    assert noise["changed_share"] == pytest.approx(0.1404, abs=0.001)
    assert noise["swap_share"] == pytest.approx(0.723, abs=0.002)
    table = class_changes(change).set_index("land_class")
    assert table.loc["built_up", ["area_from", "area_to"]].tolist() == pytest.approx([4001, 3601], abs=1)
    assert table.loc["forest", "dynamic_degree"] == pytest.approx(6.65, abs=0.01)
    assert comprehensive_dynamic_degree(change).item() == pytest.approx(1.560, abs=0.001)
    effect = change_effect(change).sum().item()
    net = direct_source(area) - carbon_sink(area)
    assert effect == pytest.approx((net.sel(year=2010) - net.sel(year=2001)).sum().item(), rel=1e-9)
    assert effect == pytest.approx(-2.384e6, rel=1e-3)  # a gain of forest that the noise above puts in doubt


def test_beijing_is_not_noisy(shared: Path) -> None:
    path = shared / "data" / "beijing-urban-1984-2013" / "beijing_urban_1984_2007_90m.tif"
    rasters = dict.fromkeys((1984, 1995, 2007), path)
    change = tabulate_land_change(rasters, legend={1: "built_up", 0: "bare"}, bands="by_description")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        noise = change_noise(change)
    assert (noise["left"] == 0).all() and (noise["swap_share"] == 0).all()
    degrees = class_changes(change).query("land_class == 'built_up'")["dynamic_degree"].tolist()
    assert degrees == pytest.approx([6.034, 4.343], abs=0.001)
