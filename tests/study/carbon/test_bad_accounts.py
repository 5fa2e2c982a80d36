"""Bad input of accounts: each is one clear message from ``check`` and from ``run``, exit code 3, and nothing is written."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from carbonshed.checks import DataWarning
from carbonshed.interfaces.cli import app
from carbonshed.study.study import Study

NPP = 'sink_mode = "npp_gross"\nnpp = "npp.tif"'
LIGHTS = 'path = "emissions.csv"\nallocation = "lights"\nlights = "ntl_{year}.tif"'
COEFFICIENT = """
name = "slip"
base = "china"

[[coefficient]]
land_class = "forest"
side = "sink"
value = {value}
unit = "{unit}"
citation = "made up"
status = "unverified"
"""


def invoke(*words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return CliRunner().invoke(app, list(words))


def energy(folder, *rows):
    columns = ["id", "year", "fuel", "quantity", "quantity_unit", "use"]
    lines = [(i, y, *row) for i in ("130101", "130102", "130201", "130202") for y in (2010, 2015) for row in rows]
    table = pd.DataFrame(lines, columns=columns)
    table.dropna(axis=1, how="all").to_csv(folder / "energy.csv", index=False)


def coefficients(folder, value, unit):
    (folder / "slip.toml").write_text(COEFFICIENT.format(value=value, unit=unit), encoding="utf-8")


def lights(folder, write, one, two):
    for year, (values, profile) in ((2010, one), (2015, two)):
        write(folder, f"ntl_{year}.tif", values, **profile)


def slope(top):
    return lambda row, column: top * column / column.max()


def rows_of(folder, change):
    change(pd.read_csv(folder / "emissions.csv", dtype={"id": str})).to_csv(folder / "emissions.csv", index=False)


def two_sectors(folder, names=("industry", "homes")):
    rows_of(folder, lambda t: pd.concat([t.assign(sector=name) for name in names]))


SECTORS = 'path = "emissions.csv"\nallocation = "sector_split"\nsectors = { industry = { built_up = 1 }, homes = { cropland = 1 } }'
ENERGY = 'source = "energy"\npath = "energy.csv"'
UINT8 = {"dtype": "uint8"}

# name: (what is written, sections, words of the message)
CASES = {
    "NPP in kg where g is declared": (lambda f, w, a: w(f, "npp.tif", 0.4), {"accounting": NPP}, ["kg m-2", "npp", "0.4"]),
    "raw numbers of an NPP product": (
        lambda f, w, a: w(f, "npp.tif", 4210, dtype="uint16"),
        {"accounting": NPP + '\nnpp_unit = "kg C m-2 a-1"'},
        ["scale", "4210"],
    ),
    "NPP with fill values below 0": (lambda f, w, a: w(f, "npp.tif", slope(-9999)), {"accounting": NPP}, [">= 0", "nodata"]),
    "NPP that holds nothing": (lambda f, w, a: w(f, "npp.tif", -1, nodata=-1), {"accounting": NPP}, ["nodata everywhere"]),
    "NPP in kg as the file says, g declared": (lambda f, w, a: _with_unit(w(f, "npp.tif", 400.0)), {"accounting": NPP}, ["t C ha-1 a-1"]),
    "NPP without CRS": (lambda f, w, a: w(f, "npp.tif", 400.0, crs=None), {"accounting": NPP}, ["CRS", "npp.tif"]),
    "NPP of another place": (lambda f, w, a: _moved(w(f, "npp.tif", 400.0)), {"accounting": NPP}, ["elsewhere"]),
    "NPP of two bands": (lambda f, w, a: w(f, "npp.tif", 400.0, bands=2), {"accounting": NPP}, ["which_band", "2 bands"]),
    "NPP that is not there": (lambda f, w, a: w(f, "nnp.tif", 400.0), {"accounting": NPP}, ["npp.tif", "Did you mean 'nnp.tif'"]),
    "a column of NPP that is not there": (
        lambda f, w, a: a(f, nnp=[400.0] * 4),
        {"accounting": 'sink_mode = "npp_gross"\nnpp = "npp"'},
        ["'npp' might be 'nnp'"],
    ),
    "a stock as the unit of NPP": (
        lambda f, w, a: w(f, "npp.tif", 4.0),
        {"accounting": NPP + '\nnpp_unit = "kg C m-2"'},
        ["stock", "yearly flow"],
    ),
    "a stock as a coefficient": (
        lambda f, w, a: coefficients(f, 60, "t C ha-1"),
        {"accounting": 'coefficients = "slip.toml"'},
        ["t C ha-1", "stock"],
    ),
    "a coefficient ten times too large": (
        lambda f, w, a: coefficients(f, 6.5, "kg C m-2 a-1"),
        {"accounting": 'coefficients = "slip.toml"'},
        ["6.5 kg C m-2 a-1", "factor 10"],
    ),
    "t alone: carbon or CO2": (
        lambda f, w, a: coefficients(f, 0.6, "t ha-1 a-1"),
        {"accounting": 'coefficients = "slip.toml"'},
        ["t C or t CO2"],
    ),
    "a stock in the table of emissions": (
        lambda f, w, a: rows_of(f, lambda t: t.assign(carbon_stock_t=1e6)),
        {},
        ["carbon_stock_t", "stock"],
    ),
    "electricity beside the fuels it was made from": (
        lambda f, w, a: energy(f, ("raw_coal", 1e4, "t", "generation"), ("electricity", 100, "10^4 kWh", "final")),
        {"emissions": ENERGY + '\nboundary = "consumption"\nelectricity_basis = "calorific"'},
        ["generation", "raw_coal"],
    ),
    "electricity in a territorial account": (
        lambda f, w, a: energy(f, ("raw_coal", 1e4, "t", "final"), ("electricity", 100, "10^4 kWh", "final")),
        {"emissions": ENERGY},
        ["electricity", "territorial"],
    ),
    "electricity without its basis": (
        lambda f, w, a: energy(f, ("electricity", 100, "10^4 kWh", "final")),
        {"emissions": ENERGY + '\nboundary = "consumption"'},
        ["electricity_basis", "4.040"],
    ),
    "gas in m3 that is read in 10^4 m3": (
        lambda f, w, a: energy(f, ("natural_gas", 5e7, None, None)),
        {"emissions": ENERGY},
        ["10^4 m3", "130101"],
    ),
    "a fuel that is not known": (lambda f, w, a: energy(f, ("row_coal", 1, "t", "final")), {"emissions": ENERGY}, ["row_coal", "raw_coal"]),
    "a unit that is none of the fuel's": (
        lambda f, w, a: energy(f, ("natural_gas", 1, "t", "final")),
        {"emissions": ENERGY},
        ["quantity_unit of natural_gas", "m3"],
    ),
    "energy of a county that is missing": (
        lambda f, w, a: energy(f, ("raw_coal", 1, "t", "final")) or _drop(f / "energy.csv", "130202"),
        {"emissions": ENERGY},
        ["130202"],
    ),
    "lights that are a picture": (
        lambda f, w, a: lights(f, w, (slope(255), {**UINT8, "bands": 3}), (slope(255), {**UINT8, "bands": 3})),
        {"emissions": LIGHTS},
        ["a picture", "radiance"],
    ),
    "lights that are a grey picture": (
        lambda f, w, a: lights(f, w, (slope(255), UINT8), (slope(255), UINT8)),
        {"emissions": LIGHTS},
        ["a picture", "uint8"],
    ),
    "sensors joined without calibration": (
        lambda f, w, a: lights(f, w, (slope(63), UINT8), (slope(180), {})),
        {"emissions": LIGHTS},
        ["DMSP-like", "radiance", "inter-calibrated"],
    ),
    "lights of unlike pixels": (
        lambda f, w, a: lights(f, w, (slope(90), {"every": 2}), (slope(90), {})),
        {"emissions": LIGHTS},
        ["pixel", "inter-calibrated"],
    ),
    "lights that are dark": (lambda f, w, a: lights(f, w, (0.0, {}), (slope(9), {})), {"emissions": LIGHTS}, ["lit pixel", "2010"]),
    "a sector without weights": (
        lambda f, w, a: two_sectors(f, ("industry", "transport")),
        {"emissions": SECTORS},
        ["weights for 'transport'", "rows of 'homes'"],
    ),
    "a total among the sectors": (lambda f, w, a: two_sectors(f, ("industry", "Total")), {"emissions": SECTORS}, ["Total", "twice"]),
    "a sector without a county": (
        lambda f, w, a: two_sectors(f) or rows_of(f, lambda t: t.drop(index=t.index[-1])),
        {"emissions": SECTORS},
        ["130202", "homes"],
    ),
    "a weight of people that stand nowhere": (
        lambda f, w, a: None,
        {"emissions": 'path = "emissions.csv"\nallocation = "weighted_proxy"\nweights = { population = 1 }'},
        ["population", "population_per"],
    ),
    "gridded emissions below 0": (
        lambda f, w, a: w(f, "e.tif", slope(-3.0)),
        {"emissions": 'source = "gridded"\npath = "e.tif"\nper = "cell"'},
        [">= 0", "[emissions] path"],
    ),
    "a crop that is not known": (
        lambda f, w, a: a(f, wheat=[1.0] * 4),
        {"accounting": 'sink_mode = "crop_uptake"\nyields = { weat = "wheat" }'},
        ["'weat'", "'wheat'"],
    ),
    "a yield that is not known": (
        lambda f, w, a: a(f, wheat=[1.0, 2.0, np.nan, 0.0]),
        {"accounting": 'sink_mode = "crop_uptake"\nyields = { wheat = "wheat" }'},
        ["wheat", "130201"],
    ),
}


def _with_unit(path):
    import rasterio

    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("t C ha-1 a-1",)


def _moved(path):
    import rasterio

    with rasterio.open(path, "r+") as dataset:
        dataset.transform = rasterio.Affine(0.01, 0, 20, 0, -0.01, 30)


def _drop(path, unit):
    table = pd.read_csv(path, dtype={"id": str})
    table[table["id"] != unit].to_csv(path, index=False)


@pytest.mark.parametrize("case", CASES)
def test_each_is_one_clear_message_and_nothing_is_written(case, small_study, write_like, sections, add_columns):
    spoil, texts, says = CASES[case]
    spoil(small_study, write_like, add_columns)
    sections(small_study, **texts)
    before = sorted(p.name for p in small_study.iterdir())
    found = invoke("check", str(small_study), "--json" if "which_band" in says else "--lang=en")
    text = found.stdout + found.stderr
    assert found.exit_code == 3, text
    for word in says:
        assert word in text, text
    assert "Traceback" not in text
    run = invoke("run", str(small_study))
    assert run.exit_code == 3 and "Traceback" not in run.stdout + run.stderr
    assert sorted(p.name for p in small_study.iterdir() if p.name != "results") == before
    assert not list((small_study / "results").rglob("*.parquet")) and not list((small_study / "results").rglob("*.part*"))


def test_a_slip_of_ten_inside_the_guard_is_named(small_study, sections):
    coefficients(small_study, 0.644, "kg C m-2 a-1")
    sections(small_study, accounting='coefficients = "slip.toml"')
    found = invoke("check", str(small_study))
    assert found.exit_code == 0 and "0.2-5 times the range" in found.stdout and "1 kg m-2 = 10 t ha-1" in found.stdout, found.stdout


def test_gas_without_a_unit_is_named(small_study, sections):
    energy(small_study, ("natural_gas", 50, None, None), ("raw_coal", 1e4, None, None))
    sections(small_study, emissions=ENERGY)
    found = invoke("check", str(small_study))
    assert found.exit_code == 0 and "natural_gas in 10^4 m3" in found.stdout, found.stdout


def test_a_named_series_of_unlike_sensors_is_taken_and_said(small_study, write_like, sections, accounts):
    lights(small_study, write_like, (lambda r, c: np.minimum(2 * c, 63), UINT8), (slope(180), {}))
    sections(small_study, emissions=LIGHTS + '\nlights_calibrated = "a harmonised series"')
    result = accounts(small_study)
    assert any("a harmonised series" in note["en"] for note in result.manifest["notes"])
    assert any("saturated" in row["message"] for row in result.manifest["warnings"])


def test_a_flare_is_masked(small_study, write_like, sections, accounts):
    write_like(small_study, "ntl_2010.tif", lambda r, c: np.where((r == 10) & (c == 10), 5000.0, 10.0))
    write_like(small_study, "ntl_2015.tif", 10.0)
    sections(small_study, emissions=LIGHTS + "\nlights_highest = 500")
    result = accounts(small_study)
    rows = result.table("piece_rasters").groupby("year")["night_lights"].sum()
    assert 0 < rows[2015] - rows[2010] <= 10.01
    assert any("no data on" in row["message"] and "weighs nothing" in row["message"] for row in result.manifest["warnings"])


@pytest.mark.parametrize("npp", [0.0, 400.0])
def test_a_constant_field_has_no_moran_and_says_so(small_study, write_like, sections, npp):
    write_like(small_study, "npp.tif", lambda row, column: np.where(row + column >= 0, npp, 0.0))
    text = 'sink_mode = "npp_gross"\nnpp = "npp.tif"' if npp else 'sink_mode = "npp_gross"\nnpp = { other = 0 }'
    sections(small_study, accounting=text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        result = Study.open(small_study).run(until="scale")
    response = result.table("scale_response").query("quantity == 'carbon_sink'")
    assert response["moran_i"].isna().all() and not np.isinf(response[["moran_i", "moran_z"]].to_numpy(dtype=float)).any()
    said = [row["message"] for row in result.manifest["warnings"] if row["step"] == "scale"]
    assert any("constant" in text for text in said), said
