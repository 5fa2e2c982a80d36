"""Real runs of Beijing-Tianjin-Hebei: the provincial inventory by fuels, and the CDIAC grid, in studies with MODIS land cover."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbonshed.accounting.energy import emission_factor
from carbonshed.checks import DataWarning, InputError
from carbonshed.study.study import Result, Study

MT = 1e6
CROPLAND = 100 * 0.422 * 44 / 12
FUELS = {
    "Raw Coal": ("raw_coal", "10^4 t"),
    "Coke": ("coke", "10^4 t"),
    "Crude Oil": ("crude_oil", "t"),
    "Gasoline": ("gasoline", "t"),
    "Kerosene": ("kerosene", "kg"),
    "Diesel Oil": ("diesel", "t"),
    "Fuel Oil": ("fuel_oil", "t"),
    "LPG": ("lpg", "t"),
    "Refinery Gas": ("refinery_gas", "t"),
    "Natural Gas": ("natural_gas", "10^8 m3"),
}
"""Fuels of the inventory that have an NCV, a carbon content and an oxidation of their own, with a unit to be converted."""

TO_TABLE = {"10^4 t": 1e4, "t": 1.0, "kg": 1e-3, "10^8 m3": 1e4}
NAMES = {"Beijing": "110000", "Tianjin": "120000", "Hebei": "130000"}

STUDY = """
[study]
name = "BTH"
years = {years}
seed = 1

[counties]
boundaries = "{shared}/data/boundaries-bth/bth_boundaries.gpkg"
layer = "{layer}"
id = "{id}"
name = "{name}"
province = "province_name"

[land_cover]
product = "mcd12c1"
path = "{shared}/data/{land_cover}"

[grid]
base_km = 24
scales_km = [24, 48]

[emissions]
{emissions}
"""


def run(folder: Path, shared: Path, **values: object) -> Result:
    defaults = {"layer": "province_modern_amap", "id": "province_adcode", "name": "province_name"}
    (folder / "study.toml").write_text(STUDY.format(shared=shared, **{**defaults, **values}), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return Study.open(folder).run(until="accounts")


def allocated(result: Result) -> pd.Series:
    table = result.accounts_county.set_index("year", append=True)
    return table["carbon_source"] - CROPLAND * table["cropland"]


@pytest.fixture(scope="module")
def inventory(shared: Path) -> pd.DataFrame:
    """Mt CO2 of each province, year and fuel, all sectors together."""
    long = pd.read_csv(shared / "data/ceads-province-co2/bth_sector_fuel_co2_1997_2019_long.csv")
    whole = long[long["sector"] == "Total Consumption"]
    return whole.pivot_table(index=["province", "year"], columns="fuel", values="co2_mt")


def activity(inventory: pd.DataFrame, years: list[int]) -> pd.DataFrame:
    """Physical quantities recovered from the inventory with the factors of the package: Q = CO2 / EF."""
    rows = []
    for (province, year), fuels in inventory.iterrows():
        for label, (fuel, unit) in FUELS.items():
            if year in years:
                quantity = fuels[label] * MT / emission_factor(fuel, method="net_calorific") / TO_TABLE[unit]
                rows.append((NAMES[province], year, fuel, quantity, unit, "final"))
    return pd.DataFrame(rows, columns=["id", "year", "fuel", "quantity", "quantity_unit", "use"])


def test_the_inventory_adds_up_by_fuel_and_by_sector(shared: Path, inventory: pd.DataFrame) -> None:
    parts = inventory.drop(columns=["Scope 1 Total", "Scope 2 Heat", "Scope 2 Electricity"])
    np.testing.assert_allclose(parts.sum(axis=1), inventory["Scope 1 Total"], atol=1e-3)
    totals = pd.read_csv(shared / "data/ceads-province-co2/province_total_co2_1997_2019.csv", index_col="province")
    for province in NAMES:
        np.testing.assert_allclose(inventory.loc[province, "Scope 1 Total"], totals.loc[province], atol=1e-2)


def test_fuel_accounting_gives_the_inventory_back(shared: Path, inventory: pd.DataFrame, tmp_path: Path) -> None:
    """Bookkeeping of units, years and provinces: the fuels come back to rounding; the two methods differ by 1 to 7 %."""
    years = [2001, 2010]
    activity(inventory, years).to_csv(tmp_path / "energy.csv", index=False)
    text = 'source = "energy"\npath = "energy.csv"\nlevel = "county"\nmethod = '
    land = "landcover-modis-5min-2001-2010/modis_lc_igbp_bth_5min_{year}.tif"
    by_ncv = allocated(run(tmp_path, shared, years=years, land_cover=land, emissions=text + '"net_calorific"')) / MT
    fuels = inventory[list(FUELS)].sum(axis=1)
    for province, code in NAMES.items():
        for year in years:
            assert by_ncv[(code, year)] == pytest.approx(fuels[(province, year)], rel=1e-6)
            assert 0.73 < fuels[(province, year)] / inventory.loc[(province, year), "Scope 1 Total"] <= 1
    by_coal = allocated(run(tmp_path, shared, years=years, land_cover=land, emissions=text + '"standard_coal"')) / MT
    ratio = by_coal / by_ncv
    assert ratio.between(1.011, 1.065).all(), ratio
    assert ratio[("130000", 2010)] == pytest.approx(1.05, abs=0.005), "coal and coke: 4 to 6.5 % apart"


def test_a_fuel_without_a_carbon_factor_is_named_not_dropped(shared: Path, inventory: pd.DataFrame, tmp_path: Path) -> None:
    """Blast-furnace and other gas make up 23 % of Hebei in 2019: no factor is shipped, so the run stops and says which fuel."""
    assert inventory.loc[("Hebei", 2019), "Other Gas"] / inventory.loc[("Hebei", 2019), "Scope 1 Total"] == pytest.approx(0.232, abs=0.001)
    table = activity(inventory, [2010])
    gas = table[table["fuel"] == "natural_gas"].assign(fuel="other_gas")
    pd.concat([table, gas]).to_csv(tmp_path / "energy.csv", index=False)
    with pytest.raises(InputError, match="other_gas"):
        run(
            tmp_path,
            shared,
            years=[2010],
            land_cover="landcover-modis-5min-2001-2010/modis_lc_igbp_bth_5min_{year}.tif",
            emissions='source = "energy"\npath = "energy.csv"',
        )


def test_cdiac_as_a_gridded_source_and_beside_built_up_land(shared: Path, tmp_path: Path) -> None:
    result = run(
        tmp_path,
        shared,
        years=[2010, 2013],
        layer="county_modern_amap",
        id="adcode",
        name="name",
        land_cover="landcover-mcd12c1-2019/mcd12c1_2019_igbp_bth_0p05deg.tif",
        emissions=f'source = "gridded"\nper = "cell_c"\nfactor = 1e6\nband = "by_description"\ncompare_with = "built_share"\n'
        f'path = "{shared}/data/cdiac-gridded-co2-1deg/cdiac_ffco2_north_china_1deg_1990_2013.tif"',
    )
    sums = allocated(result).groupby("year").sum() / MT
    assert sums.tolist() == pytest.approx([631, 794], abs=1)
    by_province = (allocated(result) / MT).groupby([result.accounts_county["province"].to_numpy(), "year"]).sum()
    assert by_province[("北京市", 2010)] < 90.9 and by_province[("河北省", 2010)] < 682, "a product by population: below the inventory"
    table = result.table("allocation_comparison")
    for level in ("grid", "county"):
        rows = table[(table["level"] == level) & ~(table["scale_km"] == 48)]
        np.testing.assert_allclose(rows["carbon_source"].sum(), rows["carbon_source_compared"].sum(), rtol=1e-9)
    moved = result.manifest["choices"]["allocation_comparison"]["moved_share"]
    assert 0.2 < moved["2010"] < 0.6, "the built-up land of a 5 km map and a grid of 1 degree are two maps"
    check = next(row for row in result.manifest["balance_checks"] if row["what"].startswith("[emissions] path"))
    assert check["relative_error"] < 1e-6


def test_pictures_of_the_night_over_the_region_are_refused(shared: Path, tmp_path: Path) -> None:
    pd.DataFrame({"id": list(NAMES.values()), "year": 2013, "carbon_source_t": 1e8}).to_csv(tmp_path / "emissions.csv", index=False)
    for extra in ("", "\nlights_band = { 2013 = 4 }"):
        with pytest.raises(InputError, match="a picture"):
            run(
                tmp_path,
                shared,
                years=[2013],
                land_cover="landcover-mcd12c1-2019/mcd12c1_2019_igbp_bth_0p05deg.tif",
                emissions='path = "emissions.csv"\nallocation = "lights"\n'
                f'lights = "{shared}/data/ntl-display-images/dmsp_citylights_marble_bth_rgb_lum.tif"' + extra,
            )
