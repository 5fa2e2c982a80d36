"""Every sink mode in a study: rasters, columns and class means give what the formulas say; sets switch by one key."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from carbonshed.interfaces.cli import app
from carbonshed.study.study import Study

F = 44 / 12
CLASSES = ["cropland", "forest", "grassland", "water", "wetland", "built_up", "bare"]


pytestmark = pytest.mark.usefixtures("quiet")


def test_npp_from_a_raster_a_column_and_class_means(small_study, write_like, sections, add_columns, accounts):
    write_like(small_study, "npp_2010.tif", 400.0)
    write_like(small_study, "npp_2015.tif", 400.0)
    add_columns(small_study, npp=[400.0] * 4)
    found = {}
    for npp in ('"npp_{year}.tif"', '"npp"', "{ water = 0, other = 400 }"):
        sections(small_study, accounting=f'sink_mode = "npp_gross"\nnpp = {npp}')
        found[npp] = accounts(small_study).accounts_county
    raster, column, means = found.values()
    np.testing.assert_allclose(raster["carbon_sink"], raster["area_km2"] * 400 * F, rtol=1e-6)
    land = column[CLASSES].sum(axis=1) - column["water"]
    np.testing.assert_allclose(column["carbon_sink"], land * 400 * F, rtol=1e-9)
    np.testing.assert_allclose(means["carbon_sink"], land * 400 * F, rtol=1e-9)
    assert "npp" not in column, "a density is no extensive column of the accounts"


def test_units_of_npp_and_alpha(small_study, write_like, sections, accounts):
    write_like(small_study, "npp.tif", lambda row, column: 0.2 + 0.001 * row)
    sections(small_study, accounting='sink_mode = "npp_gross"\nnpp = "npp.tif"\nnpp_unit = "kg C m-2 a-1"')
    gross = accounts(small_study).accounts_grid
    write_like(small_study, "npp.tif", lambda row, column: 200 + row)
    sections(small_study, accounting='sink_mode = "npp_scaled"\nnpp = "npp.tif"\nalpha = 0.25')
    scaled = accounts(small_study).accounts_grid
    np.testing.assert_allclose(scaled["carbon_sink"], 0.25 * gross["carbon_sink"], rtol=1e-6)
    np.testing.assert_allclose(scaled["carbon_source"], gross["carbon_source"], rtol=1e-12)


def test_a_changed_raster_runs_the_accounts_again_and_nothing_before(small_study, write_like, sections, accounts):
    write_like(small_study, "npp.tif", 400.0)
    sections(small_study, accounting='sink_mode = "npp_gross"\nnpp = "npp.tif"')
    accounts(small_study)
    assert {row["step"]: row["action"] for row in Study.open(small_study).plan(until="accounts")} == {
        "land_area": "reuse",
        "accounts": "reuse",
    }
    write_like(small_study, "npp.tif", 500.0)
    assert {row["step"]: row["action"] for row in Study.open(small_study).plan(until="accounts")} == {
        "land_area": "reuse",
        "accounts": "run",
    }


def test_nodata_of_npp_is_missing_or_zero_but_never_guessed(small_study, write_like, sections, accounts):
    def half(row, column):
        return np.where(row < row.max() * 0.3, -9999, 400.0)

    write_like(small_study, "npp.tif", half, nodata=-9999)
    sections(small_study, accounting='sink_mode = "npp_gross"\nnpp = "npp.tif"')
    found = CliRunner().invoke(app, ["run", str(small_study)])
    assert found.exit_code == 3 and "npp_nodata" in found.stderr and "98%" in found.stderr, found.stderr
    sections(small_study, accounting='sink_mode = "npp_gross"\nnpp = "npp.tif"\nnpp_nodata = "zero"')
    result = accounts(small_study)
    share = result.manifest["choices"]["raster_coverage"]["npp"]["2010"]
    whole = result.accounts_county[CLASSES].to_numpy().sum() * 400 * F
    assert 0.5 < share < 0.9 and result.accounts_county["carbon_sink"].sum() == pytest.approx(share * whole, rel=0.02)
    assert any("it counts as 0" in row["message"] for row in result.manifest["warnings"])


def test_nep_splits_into_sink_and_source(small_study, write_like, sections, accounts):
    write_like(small_study, "npp.tif", lambda row, column: np.where(row < row.max() / 2, 500.0, 200.0))
    write_like(small_study, "rh.tif", 300.0)
    sections(small_study, accounting='sink_mode = "nep_model"\nnpp = "npp.tif"\nrespiration = "rh.tif"')
    nep = accounts(small_study)
    assert nep.manifest["choices"]["cropland_mode"] == "npp"
    sections(small_study, accounting='sink_mode = "npp_gross"\nnpp = "npp.tif"')
    gross = accounts(small_study)
    # S - C(NEP) = (NPP - Rh) A f, piece by piece; the allocated part of the source is the same in both.
    gained = nep.accounts_county["carbon_sink"] - (nep.accounts_county["carbon_source"] - gross.accounts_county["carbon_source"])
    np.testing.assert_allclose(gained, gross.accounts_county["carbon_sink"] - 300 * F * nep.accounts_county["area_km2"], rtol=1e-6)
    assert (nep.accounts_county["carbon_source"] > gross.accounts_county["carbon_source"] + 1).any()
    cells = nep.accounts_grid
    assert (cells["carbon_sink"] == 0).any() and (cells["carbon_sink"] >= 0).all()


def test_crops_replace_cropland_and_are_spread_over_it(small_study, sections, add_columns, accounts):
    add_columns(small_study, wheat=[1000.0, 2000, 0, 500], maize=[0.0, 100, 0, 0], fert=[10.0, 20, 0, 5])
    text = 'sink_mode = "crop_uptake"\nyields = { wheat = "wheat", maize = "maize" }\nfarm_inputs = { fertiliser = "fert" }'
    sections(small_study, accounting=text)
    result = accounts(small_study)
    one = result.accounts_county.query("year == 2010")
    wheat, maize = 0.485 * 0.88 / 0.40 * F, 0.471 * 0.87 / 0.40 * F
    crops = np.array([1000 * wheat, 2000 * wheat + 100 * maize, 0, 500 * wheat])
    np.testing.assert_allclose(one["carbon_sink"] - one["carbon_sink_landuse_coeff"], crops, rtol=1e-9, atol=1e-6)
    emissions = pd.read_csv(small_study / "emissions.csv", dtype={"id": str}).query("year == 2010")["carbon_source_t"].to_numpy()
    np.testing.assert_allclose(one["carbon_source"], emissions + np.array([10, 20, 0, 5]) * 0.8956 * F, rtol=1e-9)
    pieces = result.table("pieces").query("year == 2010")
    assert (pieces.groupby("county_id")["cropland"].sum() > 0).all()
    sign = result.manifest["choices"]["cropland_sign"]
    assert sign["mode"] == "crop_uptake" and set(sign["area_share"]) == {"2010", "2015"}
    parts = result.table("allocation_report").query("part != ''")
    assert set(parts["part"]) == {"crop uptake", "farm inputs"} and set(parts["method"]) <= {"cropland", ""}


def test_yields_in_ten_thousand_tonnes_and_weighed_by_npp(small_study, write_like, sections, add_columns, accounts):
    add_columns(small_study, wheat=[0.1, 0.2, 0.3, 0.4])
    write_like(small_study, "npp.tif", lambda row, column: 100.0 + 3 * column)
    text = 'sink_mode = "crop_uptake"\nyields = { wheat = "wheat" }\nyield_unit = "10^4 t"'
    sections(small_study, accounting=text)
    even = accounts(small_study)
    sections(small_study, accounting=text + '\nnpp = "npp.tif"')
    weighed = accounts(small_study)
    np.testing.assert_allclose(even.accounts_county["carbon_sink"], weighed.accounts_county["carbon_sink"], rtol=1e-9)
    finest = [result.accounts_grid.query("scale_km == 4 and year == 2010")["carbon_sink"] for result in (even, weighed)]
    assert not np.allclose(*finest) and finest[0].sum() == pytest.approx(finest[1].sum(), rel=1e-9)
    extra = even.accounts_county.iloc[0]["carbon_sink"] - even.accounts_county.iloc[0]["carbon_sink_landuse_coeff"]
    assert extra == pytest.approx(1000 * 0.485 * 0.88 / 0.40 * F, rel=1e-9)


OWN = """
name = "own"
base = "guangdong_2018"

[[coefficient]]
land_class = "water"
side = "sink"
value = 0.02
unit = "kg C m-2 a-1"
citation = "made up"
status = "unverified"

[[coefficient]]
land_class = "bare"
side = "sink"
value = 0
unit = "t CO2 ha-1 a-1"
citation = "made up"
status = "unverified"
"""


def test_coefficient_sets_switch_by_one_key(small_study):
    (small_study / "own.toml").write_text(OWN, encoding="utf-8")
    study = Study.open(small_study)
    china = study.run(until="accounts").accounts_county
    other = study.with_(coefficients="own.toml").run(until="accounts").accounts_county
    expected = 3.9 * china["forest"] + 0.6 * china["wetland"] + 0.2 * china["grassland"] + 0.2 * F * china["water"]
    np.testing.assert_allclose(other["carbon_sink"], 100 * expected, rtol=1e-9)
    direct = 100 * (0.1 * china["cropland"] + 0.6 * china["built_up"] - 0.422 * F * china["cropland"])
    np.testing.assert_allclose(other["carbon_source"] - china["carbon_source"], direct, rtol=1e-6)


def test_a_class_without_a_coefficient_is_said_before_and_stops_the_run(small_study, sections):
    sections(small_study, accounting='coefficients = "guangdong_2018"')
    check = CliRunner().invoke(app, ["check", str(small_study)])
    assert check.exit_code == 0 and "water, bare" in check.stdout and "base" in check.stdout, check.stdout
    run = CliRunner().invoke(app, ["run", str(small_study)])
    assert run.exit_code == 3 and "no value for water" in run.stderr and "km2" in run.stderr, run.stderr
