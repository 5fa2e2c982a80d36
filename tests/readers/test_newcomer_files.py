"""Files as people have them: a yearbook's units, a workbook nobody computed, a title above the headers, a picture for a map of codes."""

from __future__ import annotations

import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from carbonshed.checks import InputError
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.readers.tables import county_table, county_table_problems


def workbook(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_formula_without_its_value_is_no_empty_cell(tmp_path):
    path = workbook(tmp_path / "x.xlsx", [["id", "year", "population"], ["1", 2020, "=1000*2"]])
    with pytest.raises(InputError, match="cell C2"):
        read_raw_table(path)


def test_a_formula_that_gives_an_empty_text_is_an_empty_cell(tmp_path):
    import zipfile

    path = workbook(tmp_path / "x.xlsx", [["id", "year", "population"], ["1", 2020, "=A2"]])
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b'<c r="C2"><f>A2</f><v />' in parts[sheet] or b'<c r="C2"><f>A2</f><v/>' in parts[sheet] or b"<f>A2</f><v></v>" in parts[sheet]
    parts[sheet] = parts[sheet].replace(b'<c r="C2"><f>', b'<c r="C2" t="str"><f>')
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    assert read_raw_table(path)["population"].isna().all()


def test_a_locked_or_old_workbook_is_called_so(tmp_path):
    path = tmp_path / "x.xlsx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4096))
    with pytest.raises(InputError, match="a password"):
        read_raw_table(path)


def test_a_title_above_the_headers_is_called_so(tmp_path):
    path = workbook(tmp_path / "x.xlsx", [["Yearbook 2020", None, None], ["id", "year", "population"], ["1", 2020, 5000]])
    with pytest.raises(InputError, match="take the title above them away"):
        county_table(read_raw_table(path), id="id")


def frame(**columns):
    return pd.DataFrame({"id": ["1", "2", "3"], "year": ["2020"] * 3, **columns}, index=[2, 3, 4])


def test_a_row_without_an_id_is_no_stranger():
    found = county_table_problems(frame(population=["5000", "6000", "7000"]).assign(id=["1", np.nan, "3"]), ids=["1", "2", "3"], id="id")
    assert [(p.code, "nan" in p.got) for p in found] == [("missing_id", False), ("county_without_row", False)]


@pytest.mark.parametrize(
    ("population", "gdp", "codes"),
    [
        (["300000", "500000", "400000"], ["2e10", "4e10", "3e10"], []),
        (["30", "50", "40.5"], ["2e10", "4e10", "3e10"], ["unit_of_population"]),
        (["300000", "500000", "400000"], ["200", "400", "300"], ["unit_of_gdp"]),
        (["1000", "2000", "1500"], ["2e10", "4e10", "3e10"], ["unit_of_gdp"]),
        (["300000", "", "400000"], ["2e10", "4e10", "3e10"], ["not_positive"]),
    ],
    ids=["persons and yuan", "10^4 persons", "10^8 yuan", "a slip", "one unknown"],
)
def test_units_of_a_yearbook_are_doubted(population, gdp, codes):
    found = county_table_problems(frame(population=population, gdp_yuan=gdp), id="id")
    assert [p.code for p in found] == codes and all(p.severity == "warning" for p in found)


def codes_of_land(path, count=1, **profile):
    pixels = np.full((20, 20), 2, dtype="uint8")
    settings = {"driver": "GTiff", "dtype": "uint8", "crs": "EPSG:4326", "transform": from_origin(115.0, 38.2, 0.01, 0.01), **profile}
    with rasterio.open(path, "w", width=20, height=20, count=count, **settings) as dataset:
        for band in range(1, count + 1):
            dataset.write(pixels, band)
        yield dataset
    return


@pytest.mark.parametrize("what", ["three bands", "alpha", "mask", "scale"])
def test_a_raster_whose_codes_are_not_plain_is_refused(tmp_path, what):
    import geopandas as gpd
    from shapely.geometry import box

    path = tmp_path / "land.tif"
    written = codes_of_land(path, count={"three bands": 3, "alpha": 2}.get(what, 1))
    dataset = next(written)
    if what == "alpha":
        dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    elif what == "mask":
        dataset.write_mask(np.zeros((20, 20), dtype=bool))
    elif what == "scale":
        dataset.scales = [0.5]
    next(written, None)
    units = gpd.GeoDataFrame(index=pd.Index(["a"], name="unit_id"), geometry=[box(115.05, 38.05, 115.1, 38.1)], crs="EPSG:4326")
    expected = {"three bands": "3 bands", "alpha": "alpha band", "mask": "a mask", "scale": "a scale of 0.5"}[what]
    with pytest.raises(InputError, match=expected):
        tabulate_land_area({2020: path}, units, legend="clcd")
