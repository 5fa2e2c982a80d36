"""Every allocation in a study keeps the statistical totals of each unit and year, and two stand side by side."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carbonshed.study.study import Study

F = 44 / 12
CROPLAND = 100 * 0.422 * F
"""Direct source of a km2 of cropland in t CO2."""


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def with_lights(small_study, write_like):
    for year, brightness in ((2010, 4.0), (2015, 6.0)):
        write_like(
            small_study, f"ntl_{year}.tif", lambda r, c, b=brightness: np.where((r - 25) ** 2 + (c - 28) ** 2 < 200, b * (1 + c), -0.05)
        )
    return small_study


def allocated(result, level="accounts_county"):
    """Allocated source: what is left without the direct source of cropland."""
    table = result.table(level)
    if "scale_km" in table:
        table = table[table["scale_km"] == table["scale_km"].min()]
    table = table.set_index("year", append=True)
    return table["carbon_source"] - CROPLAND * table["cropland"]


def totals(folder):
    table = pd.read_csv(folder / "emissions.csv", dtype={"id": str})
    return table.groupby(["id", "year"])["carbon_source_t"].sum().rename_axis(["unit_id", "year"])


ALLOCATIONS = {
    "built_share": 'allocation = "built_share"',
    "weighted_proxy of classes": 'allocation = "weighted_proxy"\nweights = { built_up = 1, cropland = 0.1 }',
    "weighted_proxy of shares": 'allocation = "weighted_proxy"\nlights = "ntl_{year}.tif"\npopulation = "pop.tif"\npopulation_per = "km2"\n'
    "weights = { lights = 0.5, population = 0.3, built_up = 0.2 }",
    "lights": 'allocation = "lights"\nlights = "ntl_{year}.tif"',
    "lights_regression": 'allocation = "lights_regression"\nlights = "ntl_{year}.tif"\nlights_model = "log_log"',
}


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_each_allocation_keeps_the_total_of_every_county_and_year(name, with_lights, write_like, sections, accounts):
    write_like(with_lights, "pop.tif", lambda row, column: 50.0 + 10 * column)
    sections(with_lights, emissions='path = "emissions.csv"\n' + ALLOCATIONS[name])
    result = accounts(with_lights)
    np.testing.assert_allclose(allocated(result).reorder_levels(["unit_id", "year"]).sort_index(), totals(with_lights), rtol=1e-9)
    assert allocated(result, "accounts_grid").groupby("year").sum().to_numpy() == pytest.approx(
        totals(with_lights).groupby("year").sum().to_numpy(), rel=1e-9
    )
    report = result.table("allocation_report")
    assert set(report["method"]) <= {name.split()[0], "built-up area", "land area"}
    np.testing.assert_allclose(report["allocated"], report["total"], rtol=1e-9)
    assert any("totals by county = sum over pieces" in row["what"] for row in result.manifest["balance_checks"])


def test_lights_give_each_cell_its_share_of_the_countys_lights(with_lights, sections, accounts):
    sections(with_lights, emissions='path = "emissions.csv"\nallocation = "lights"\nlights = "ntl_{year}.tif"')
    result = accounts(with_lights)
    lights = result.table("piece_rasters")
    pieces = result.table("pieces")
    assert lights.index.equals(pieces.index) and (lights["night_lights"] >= 0).all(), "noise below 0 is no light"
    rows = lights[(lights["county_id"] == "130201") & (lights["year"] == 2015)]
    share = rows["night_lights"] / rows["night_lights"].sum()
    total = totals(with_lights).loc[("130201", 2015)]
    expected = share.groupby(rows["cell_id"]).sum() * total
    cells = allocated(result, "accounts_grid").xs(2015, level="year")
    only = [
        cell for cell in expected.index if (pieces[(pieces["year"] == 2015) & (pieces["cell_id"] == cell)]["county_id"] == "130201").all()
    ]
    assert len(only) > 5
    np.testing.assert_allclose(cells[only], expected[only], rtol=1e-6, atol=1e-3)


def test_a_county_without_light_falls_back_and_is_listed(with_lights, write_like, sections, accounts):
    for year in (2010, 2015):
        write_like(with_lights, f"ntl_{year}.tif", lambda row, column: np.where(column > column.max() / 2 + 2, 5.0, 0.0))
    sections(with_lights, emissions='path = "emissions.csv"\nallocation = "lights"\nlights = "ntl_{year}.tif"')
    result = accounts(with_lights)
    report = result.table("allocation_report").set_index("year", append=True)["method"]
    assert report[("130101", 2010)] in ("built-up area", "land area") and report[("130102", 2010)] == "lights"
    assert any("no weight at all in 130101" in row["message"] for row in result.manifest["warnings"])
    np.testing.assert_allclose(allocated(result).reorder_levels(["unit_id", "year"]).sort_index(), totals(with_lights), rtol=1e-9)


def test_the_regression_is_stored_with_its_errors_and_spreads_provinces_to_counties(with_lights, sections, accounts):
    lines = [("冀", 2010, 4.4e6), ("津", 2010, 2.4e6), ("冀", 2015, 5.6e6), ("津", 2015, 3.1e6)]
    pd.DataFrame(lines, columns=["id", "year", "carbon_source_t"]).to_csv(with_lights / "provinces.csv", index=False)
    text = 'path = "provinces.csv"\nallocation = "lights_regression"\nlights = "ntl_{year}.tif"\nlights_model = '
    sections(with_lights, emissions=text + '"linear"')
    result = accounts(with_lights)
    table = result.table("lights_regression").set_index("model")
    assert list(table.index) == ["proportional", "linear", "log_log"] and table["chosen"].tolist() == [False, True, False]
    assert (table[["n", "n_units", "n_years"]] == [4, 2, 2]).all(axis=None)
    assert table.loc["linear", ["r2", "mape", "r2_year_out", "mape_year_out", "r2_unit_out", "mape_unit_out"]].notna().all()
    source = allocated(result)
    lights = result.table("piece_rasters").groupby(["county_id", "year"])["night_lights"].sum()
    a, b = table.loc["linear", ["slope", "intercept"]]
    predicted = np.maximum(a * lights + b, 0)
    hebei = [("130101", 2010), ("130102", 2010), ("130201", 2010)]
    expected = 4.4e6 * predicted[hebei] / predicted[hebei].sum()
    assert (predicted[hebei] > 0).sum() >= 2
    np.testing.assert_allclose(source[hebei], expected, rtol=1e-9, atol=1e-6)
    sections(with_lights, emissions=text + '"proportional"')
    by_lights = 4.4e6 * lights[hebei] / lights[hebei].sum()
    np.testing.assert_allclose(allocated(accounts(with_lights))[hebei], by_lights, rtol=1e-9, atol=1e-6)


def test_sectors_go_each_by_its_own_weights(with_lights, sections, accounts):
    table = pd.read_csv(with_lights / "emissions.csv", dtype={"id": str})
    parts = [
        table.assign(sector=name, carbon_source_t=table["carbon_source_t"] * share) for name, share in (("industry", 0.7), ("homes", 0.3))
    ]
    pd.concat(parts).to_csv(with_lights / "sectors.csv", index=False)
    text = (
        'path = "sectors.csv"\nallocation = "sector_split"\nlights = "ntl_{year}.tif"\n'
        "sectors = { industry = { built_up = 1 }, homes = { lights = 1, cropland = 1 } }\n"
    )
    sections(with_lights, emissions=text)
    result = accounts(with_lights)
    np.testing.assert_allclose(allocated(result).reorder_levels(["unit_id", "year"]).sort_index(), totals(with_lights), rtol=1e-9)
    report = result.table("allocation_report")
    assert set(report["part"]) == {"industry", "homes"}
    assert report.loc[report["part"] == "homes", "total"].sum() == pytest.approx(0.3 * totals(with_lights).sum())


def test_two_allocations_side_by_side(with_lights, sections, accounts):
    text = 'path = "emissions.csv"\nallocation = "built_share"\nlights = "ntl_{year}.tif"\ncompare_with = "lights"'
    sections(with_lights, emissions=text)
    result = accounts(with_lights)
    table = result.table("allocation_comparison")
    assert set(table["allocation"]) == {"built_share"} and set(table["compared_with"]) == {"lights"}
    grid = table[table["level"] == "grid"].set_index(["scale_km", "year"], append=True).sort_index()
    own = result.accounts_grid.set_index(["scale_km", "year"], append=True).sort_index()
    for column in ("carbon_source", "carbon_sink", "net_carbon_emission"):
        np.testing.assert_allclose(grid[column], own.loc[grid.index, column], rtol=1e-9, atol=1e-6)
    sums = table.groupby(["level", "scale_km", "year"], dropna=False)[["carbon_source", "carbon_source_compared"]].sum()
    np.testing.assert_allclose(sums["carbon_source"], sums["carbon_source_compared"], rtol=1e-9)
    sections(with_lights, emissions='path = "emissions.csv"\nallocation = "lights"\nlights = "ntl_{year}.tif"')
    alone = accounts(with_lights).accounts_grid.set_index(["scale_km", "year"], append=True).sort_index()
    np.testing.assert_allclose(grid["carbon_source_compared"], alone.loc[grid.index, "carbon_source"], rtol=1e-9, atol=1e-6)
    finest = grid.xs(4.0, level="scale_km").xs(2010, level="year")
    moved = (finest["carbon_source"] - finest["carbon_source_compared"]).abs().sum() / 2 / finest["carbon_source"].sum()
    choice = result.manifest["choices"]["allocation_comparison"]
    assert choice["compared_with"] == "lights" and choice["moved_share"]["2010"] == pytest.approx(moved, rel=1e-9) and moved > 0.05


def test_energy_by_fuel_is_the_same_as_its_totals(small_study, sections, accounts):
    ids = ["130101", "130102", "130201", "130202"]
    rows = [(i, y, fuel, q, unit) for i in ids for y in (2010, 2015) for fuel, q, unit in (("原煤", 1e5, "t"), ("natural_gas", 3e6, "m3"))]
    pd.DataFrame(rows, columns=["id", "year", "fuel", "quantity", "quantity_unit"]).to_csv(small_study / "energy.csv", index=False)
    sections(small_study, emissions='source = "energy"\npath = "energy.csv"')
    one = allocated(accounts(small_study))
    expected = 1e5 * 0.7143 * 0.7559 * F + 300 * 13.3 * 0.4483 * F
    np.testing.assert_allclose(one, expected, rtol=1e-9)
    sections(small_study, emissions='source = "energy"\npath = "energy.csv"\nmethod = "net_calorific"')
    expected = 1e5 * 20908 * 26.37 * 0.94 * F * 1e-6 + 3e6 * 1e-3 * 38931 * 15.3 * 0.99 * F * 1e-6
    np.testing.assert_allclose(allocated(accounts(small_study)), expected, rtol=1e-9)


def test_consumption_with_electricity_and_what_is_not_confirmed(small_study, sections, accounts):
    rows = [
        (i, y, f, 100.0, u, "final") for i in ("冀", "津") for y in (2010, 2015) for f, u in (("coke", "t"), ("electricity", "10^4 kWh"))
    ]
    columns = ["id", "year", "fuel", "quantity", "quantity_unit", "use"]
    pd.DataFrame(rows, columns=columns).to_csv(small_study / "energy.csv", index=False)
    text = 'source = "energy"\npath = "energy.csv"\nboundary = "consumption"\nelectricity_basis = '
    for basis, tce in (("calorific", 1.229), ("coal_consumption", 4.040)):
        sections(small_study, emissions=text + f'"{basis}"')
        result = accounts(small_study)
        expected = 4 * 100 * (0.9714 * 0.855 + tce * 0.272) * F
        assert allocated(result).sum() == pytest.approx(expected, rel=1e-6)
        assert any("electricity" in note["en"] and "not confirmed" in note["en"] for note in result.manifest["notes"])


def test_a_region_without_counties(small_study, write_like, sections, accounts):
    gpd.read_file(small_study / "counties.gpkg").dissolve()[["geometry"]].to_file(small_study / "region.gpkg")
    write_like(small_study, "e.tif", 40.0)
    write_like(small_study, "npp.tif", 400.0)
    write_like(small_study, "ntl.tif", lambda row, column: 1.0 + column)
    sections(
        small_study,
        counties=None,
        region='boundary = "region.gpkg"',
        accounting='sink_mode = "npp_gross"\nnpp = "npp.tif"',
        emissions='source = "gridded"\npath = "e.tif"\nper = "cell"\ncompare_with = "lights"\nlights = "ntl.tif"',
    )
    result = accounts(small_study)
    cells = result.accounts_grid[result.accounts_grid["scale_km"] == 4]
    np.testing.assert_allclose(cells["carbon_sink"], cells["area_km2"] * 400 * F, rtol=1e-6)
    table = result.table("allocation_comparison").query("level == 'grid' and scale_km == 4 and year == 2010")
    assert table["carbon_source"].sum() == pytest.approx(table["carbon_source_compared"].sum(), rel=1e-9)
    assert any("one raster for all 2 years" in row["message"] for row in result.manifest["warnings"])


def test_a_gridded_product_stands_as_it_is_or_gives_county_totals(small_study, write_like, sections, accounts):
    for year, level in ((2010, 30.0), (2015, 40.0)):
        write_like(small_study, f"e_{year}.tif", lambda r, c, v=level: v * (1 + (r + c) % 5))
    text = 'source = "gridded"\npath = "e_{year}.tif"\nper = '
    sections(small_study, emissions=text + '"cell"')
    ready = accounts(small_study)
    assert ready.manifest["choices"]["allocation"] == "ready_grid" and "allocation_report" not in ready.tables
    sections(small_study, emissions=text + '"cell_c"\nfactor = 2')
    np.testing.assert_allclose(allocated(accounts(small_study)), 2 * F * allocated(ready), rtol=1e-9)
    sections(small_study, emissions=text + '"cell"\nallocation = "built_share"\ncompare_with = "ready_grid"')
    spread = accounts(small_study)
    np.testing.assert_allclose(allocated(spread), allocated(ready), rtol=1e-9)
    compared = spread.table("allocation_comparison").query("level == 'grid' and scale_km == 4 and year == 2015")["carbon_source_compared"]
    expected = ready.accounts_grid.query("scale_km == 4 and year == 2015")["carbon_source"]
    np.testing.assert_allclose(compared.sort_index(), expected.sort_index(), rtol=1e-9)
    check = next(row for row in ready.manifest["balance_checks"] if row["what"].startswith("[emissions] path"))
    assert check["relative_error"] < 1e-6


def test_per_km2_takes_the_true_area_of_each_piece(small_study, write_like, sections, accounts):
    write_like(small_study, "e.tif", 1500.0)
    sections(small_study, emissions='source = "gridded"\npath = "e.tif"\nper = "km2"')
    result = accounts(small_study)
    density = allocated(result) / result.accounts_county.set_index("year", append=True)["area_km2"]
    np.testing.assert_allclose(density, 1500.0, rtol=1e-4)


def test_a_manifest_with_all_values_is_a_valid_study_again(with_lights, sections, accounts):
    from carbonshed.study.config import parse_spec

    sections(
        with_lights,
        emissions='path = "emissions.csv"\nallocation = "lights"\nlights = "ntl_{year}.tif"',
        accounting='sink_mode = "npp_gross"\nnpp = { other = 400 }',
    )
    spec = accounts(with_lights).manifest["spec"]
    assert parse_spec(spec) == Study.open(with_lights).spec
