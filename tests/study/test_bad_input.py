"""Each kind of bad input gets one clear message in one list, exit code 3, and nothing is written."""

from __future__ import annotations

import re
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely.geometry import Polygon
from typer.testing import CliRunner

from carbonshed.checks import DataWarning
from carbonshed.interfaces.cli import app
from carbonshed.study.study import Study


def rewrite_counties(folder, change):
    frame = change(gpd.read_file(folder / "counties.gpkg"))
    (folder / "counties.gpkg").unlink()
    frame.to_file(folder / "counties.gpkg", layer="counties", driver="GPKG")


def rewrite_table(folder, change, name="counties.csv"):
    change(pd.read_csv(folder / name, dtype={"unit_id": str, "id": str})).to_csv(folder / name, index=False)


def rewrite_raster(folder, values=lambda v: v, **profile):
    path = folder / "clcd_2010.tif"
    with rasterio.open(path) as dataset:
        settings, old = dataset.profile, dataset.read(1)
    with rasterio.open(path, "w", **{**settings, **profile}) as dataset:
        dataset.write(values(old), 1)


def rewrite_text(folder, old, new):
    path = folder / "study.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def bow_tie(frame):
    west, south, east, north = frame.geometry[0].bounds
    frame.loc[0, "geometry"] = Polygon([(west, south), (east, north), (east, south), (west, north)])
    return frame


def with_value(column, value, row=0):
    def change(table):
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


WEIGHTED = 'revision = "normalised_composite"\nweights ='


CASES = {
    "raster without CRS": (lambda f: rewrite_raster(f, crs=None), ["CRS"]),
    "raster that does not cover the region": (
        lambda f: rewrite_raster(f, transform=rasterio.Affine(0.01, 0, 100, 0, -0.01, 30)),
        ["cover"],
    ),
    "nodata everywhere": (lambda f: rewrite_raster(f, np.zeros_like), ["nodata"]),
    "unknown class": (lambda f: rewrite_raster(f, lambda v: np.where(v == 4, 77, v).astype("uint8")), ["77", "%"]),
    "duplicate ids": (lambda f: rewrite_counties(f, lambda c: c.assign(unit_id=["130101", *c["unit_id"][:3]])), ["130101"]),
    "invalid geometry": (lambda f: rewrite_counties(f, bow_tie), ["130101"]),
    "overlapping geometry": (
        lambda f: rewrite_counties(f, lambda c: c.set_geometry([c.geometry[0].buffer(3000), *c.geometry[1:]])),
        ["130101", "130102", "km2"],
    ),
    "a county without a row": (lambda f: rewrite_table(f, lambda t: t[t["unit_id"] != "130202"]), ["130202"]),
    "a row without a county": (
        lambda f: rewrite_table(f, lambda t: pd.concat([t, t.tail(1).assign(unit_id="130203")])),
        ["130203", "130202"],
    ),
    "negative GDP": (lambda f: rewrite_table(f, with_value("gdp_yuan", -5)), ["gdp_yuan", "-5"]),
    "negative population": (lambda f: rewrite_table(f, with_value("population", -1)), ["population", "-1"]),
    "negative area": (lambda f: rewrite_table(f, lambda t: t.assign(area_km2=-3.0)), ["area_km2", "-3"]),
    "a year missing in a table": (lambda f: rewrite_table(f, lambda t: t[t["year"] != 2015]), ["2015"]),
    "a year without a raster": (lambda f: (f / "clcd_2015.tif").unlink(), ["clcd_2015.tif", "clcd_2010.tif"]),
    "text in a number column": (lambda f: rewrite_table(f, with_value("gdp_yuan", "many")), ["gdp_yuan", "many"]),
    "a scale that is not a multiple of the base": (lambda f: rewrite_text(f, "[4, 8, 12]", "[4, 6]"), ["6", "multiples"]),
    "an unknown key": (lambda f: rewrite_text(f, "price = 80", "prise = 80"), ["prise", "'price'"]),
    "emissions of an unknown place": (
        lambda f: rewrite_table(f, with_value("id", "999999"), "emissions.csv"),
        ["999999", "130101"],
    ),
    "a missing column": (lambda f: rewrite_table(f, lambda t: t.drop(columns="carbon_source_t"), "emissions.csv"), ["carbon_source"]),
    "a price that is not known": (lambda f: rewrite_text(f, "price = 80", 'price = "cn-ets:1999"'), ["[compensation] price", "cn-ets"]),
    "a price without a year": (lambda f: rewrite_text(f, "price = 80", 'price = "cn-ets"'), ["[compensation] price", "cn-ets:2026"]),
    "a price per t C": (
        lambda f: rewrite_text(f, "price = 80", 'price = "afforestation:convention-a"'),
        ["[compensation] price", "t C"],
    ),
    "a path of prices that leaves a year out": (
        lambda f: rewrite_text(f, "price = 80", "price = { 2010 = 70 }"),
        ["[compensation] price", "2015"],
    ),
    "a negative weight of the revision": (
        lambda f: rewrite_text(f, "price = 80", f"price = 80\n{WEIGHTED} {{ area = -1, gdp = 2 }}"),
        ["[compensation] weights", "-1"],
    ),
    "weights of the revision that are all zero": (
        lambda f: rewrite_text(f, "price = 80", f"price = 80\n{WEIGHTED} {{ area = 0, gdp = 0 }}"),
        ["[compensation] weights", "not all zero"],
    ),
    "a county present in one year and absent in another": (
        lambda f: rewrite_table(f, lambda t: t[~((t["unit_id"] == "130202") & (t["year"] == 2015))]),
        ["counties.csv", "130202", "in 2015", "panel = 'drop'"],
    ),
    "emissions of one county in one year empty": (
        lambda f: rewrite_table(f, with_value("carbon_source_t", np.nan, row=1), "emissions.csv"),
        ["emissions.csv", "carbon_source", "75.0% in 2010", "130102"],
    ),
    "a number that no county has": (
        lambda f: rewrite_table(f, with_value("fiscal_revenue_yuan", "1e30")),
        ["counties.csv", "fiscal_revenue_yuan", "1e30"],
    ),
    "a column of the counties that is not there": (
        lambda f: rewrite_text(f, 'city = "city"', 'city = "ciyt"'),
        ["counties.gpkg", "[counties]", "ciyt", "'city'"],
    ),
    "districts that are neither true nor false": (
        lambda f: rewrite_counties(f, lambda c: c.assign(is_district=["maybe", "no", "no", "no"])),
        ["counties.gpkg", "is_district", "maybe"],
    ),
    "pixels longer than the Earth": (
        lambda f: rewrite_raster(f, transform=rasterio.Affine(1e6, 0, -180, 0, -1e6, 90)),
        ["clcd_2010.tif", "180", "1e+06"],
    ),
    "a county to leave out that is not there": (
        lambda f: rewrite_text(f, "price = 80", 'price = 80\nleave_out = ["x"]'),
        ["leave_out", "x"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_clear_message_and_nothing_is_written(small_study, case):
    spoil, says = CASES[case]
    spoil(small_study)
    before = sorted(p.name for p in small_study.iterdir())
    found = CliRunner().invoke(app, ["check", str(small_study)])
    text = found.stdout + found.stderr
    assert found.exit_code == 3, text
    for word in says:
        assert word in text, text
    assert "Traceback" not in text
    run = CliRunner().invoke(app, ["run", str(small_study)])
    assert run.exit_code == 3 and "Traceback" not in run.stdout + run.stderr
    assert sorted(p.name for p in small_study.iterdir() if p.name != "results") == before
    assert not list((small_study / "results").rglob("*.part*"))


def test_several_problems_come_in_one_list(small_study):
    for case in ("negative GDP", "a county without a row", "unknown class", "nodata everywhere"):
        if case != "nodata everywhere":
            CASES[case][0](small_study)
    found = CliRunner().invoke(app, ["check", str(small_study)])
    assert found.exit_code == 3
    for word in ("-5", "130202"):
        assert word in found.stdout


@pytest.mark.parametrize("value", [0, ""])
def test_zero_or_missing_gdp_is_a_warning_that_lists_the_county(small_study, value):
    rewrite_table(small_study, with_value("gdp_yuan", value, row=3))
    found = CliRunner().invoke(app, ["check", str(small_study)])
    assert found.exit_code == 0 and "130202" in found.stdout and "warning" in found.stdout, found.stdout


@pytest.mark.parametrize(("column", "value"), [("population", 0), ("population", ""), ("fiscal_revenue_yuan", "")])
def test_what_a_county_lacks_is_a_warning_that_lists_it(small_study, column, value):
    rewrite_table(small_study, with_value(column, value, row=3))
    found = CliRunner().invoke(app, ["check", str(small_study)])
    assert found.exit_code == 0 and "130202" in found.stdout and f"counties.csv, column {column}" in found.stdout, found.stdout


def test_a_land_class_without_a_coefficient_is_said_before_the_run_which_stops_where_the_map_holds_it(small_study):
    """A set of one's own without grassland, which the map holds."""
    text = 'name = "mine"\n' + "".join(
        f'[[coefficient]]\nland_class = "{name}"\nside = "{side}"\nvalue = 0.05\nunit = "kg C m-2 a-1"\ncitation = "a test"\nstatus = "unverified"\n'
        for name, side in (("forest", "sink"), ("water", "sink"), ("cropland", "source"))
    )
    (small_study / "mine.toml").write_text(text, encoding="utf-8")
    rewrite_text(small_study, "[emissions]", '[accounting]\ncoefficients = "mine.toml"\n\n[emissions]')
    found = CliRunner().invoke(app, ["check", str(small_study)])
    assert "grassland" in found.stdout and "coefficients" in found.stdout, found.stdout
    run = CliRunner().invoke(app, ["run", str(small_study)])
    assert run.exit_code == 3 and "grassland" in run.stdout + run.stderr, run.stdout + run.stderr


def test_gridded_emissions_of_zero_alone_are_said(small_study):
    for year in (2010, 2015):
        with rasterio.open(small_study / f"clcd_{year}.tif") as dataset:
            settings, shape = dataset.profile, dataset.shape
        with rasterio.open(small_study / f"grid_{year}.tif", "w", **{**settings, "dtype": "float32", "nodata": -1}) as dataset:
            dataset.write(np.full(shape, 0 if year == 2010 else 9, dtype="float32"), 1)
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    text = re.sub(
        r"\[emissions\]\n.*?\n\n", '[emissions]\nsource = "gridded"\nper = "cell"\npath = "grid_{year}.tif"\n\n', text, flags=re.S
    )
    (small_study / "study.toml").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(app, ["check", str(small_study)])
    assert found.exit_code == 0 and "grid_2010.tif" in found.stdout and "0 in all pixels looked at in 2010" in found.stdout, found.stdout


def test_an_own_legend_that_lacks_a_class_is_named(small_study):
    rows = "".join(
        f'[[class]]\ncode = {code}\nname = "{name}"\ncanonical = "{name}"\n'
        for code, name in ((1, "cropland"), (2, "forest"), (5, "water"))
    )
    (small_study / "own.toml").write_text(f'product = "own"\nnodata = [0]\n{rows}', encoding="utf-8")
    rewrite_text(small_study, 'product = "clcd"', 'product = "own.toml"')
    found = CliRunner().invoke(app, ["check", str(small_study)])
    for word in ("clcd_2010.tif", "code 8", "code 4", "own.toml"):
        assert found.exit_code == 3 and word in found.stdout, found.stdout


@pytest.mark.parametrize("kind", ["one side", "caps"])
def test_all_counties_on_one_side_and_caps_that_are_too_low_say_by_how_much(small_study, kind):
    if kind == "caps":
        rewrite_text(small_study, "price = 80", "price = 80\nfiscal_cap = 0.0001")
        says = ["caps", "of revenue would carry all", "are left over"]
    else:
        rewrite_text(small_study, "price = 80", 'price = 80\nrevision = "none"\nclosure = "none"\nfiscal_cap = false')
        rewrite_table(small_study, lambda t: t.assign(carbon_source_t=t["carbon_source_t"] * 5), "emissions.csv")
        says = ["no recipient", "are owed, which are due to nobody", "no flow is possible"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        result = Study.open(small_study).run(until="compensation")
    said = " ".join(row["message"] for row in result.manifest["warnings"])
    for word in says:
        assert word in said, said


def test_a_table_in_gbk_is_read_and_said_so(small_study):
    path = small_study / "counties.csv"
    table = pd.read_csv(path, dtype={"unit_id": str}).assign(note="县")
    table.to_csv(path, index=False, encoding="gbk")
    found = CliRunner().invoke(app, ["check", str(small_study)])
    assert found.exit_code == 0 and "GB18030" in found.stdout, found.stdout


def test_a_good_study_has_no_errors(small_study):
    assert [p for p in Study.open(small_study).check() if p.severity == "error"] == []


def test_one_wrong_file_of_several_years_is_one_problem(small_study):
    (small_study / "legend.toml").write_text('product = "x"\n', encoding="utf-8")
    spec = (small_study / "study.toml").read_text(encoding="utf-8").replace('product = "clcd"', 'product = "legend.toml"')
    (small_study / "study.toml").write_text(spec, encoding="utf-8")
    problems = [each for each in Study.open(small_study).check() if each.severity == "error"]
    assert len(problems) == len(set(problems)) == 1 and "legend.toml" in problems[0].where


def test_the_map_of_another_year_twice_is_said(small_study):
    (small_study / "clcd_2015.tif").write_bytes((small_study / "clcd_2010.tif").read_bytes())
    found = [problem for problem in Study.open(small_study).check() if problem.code == "same_land"]
    assert [(problem.severity, "2010 and 2015" in problem.got) for problem in found] == [("warning", True)]
