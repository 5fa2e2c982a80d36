from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from itertools import pairwise

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import rasterio

from carbonshed.checks import InputError
from carbonshed.present.export import export
from carbonshed.present.folder import ResultFolder
from carbonshed.present.style import ZONE_COLOURS


def test_geopackage_keeps_values_shapes_and_crs(result_dir, tmp_path):
    path, _ = export(result_dir, ["gpkg"], tmp_path)
    layers = dict(pyogrio.list_layers(path))
    assert layers["accounts_grid"] and layers["zones"] and layers["compensation"] is None
    result = ResultFolder(result_dir)
    before, after = result.geo("accounts_county"), gpd.read_file(path, layer="accounts_county")
    assert after.crs.equals(before.crs) and after.geometry.geom_equals(before.geometry).all()
    pd.testing.assert_frame_equal(
        pd.DataFrame(after.drop(columns="geometry")), pd.DataFrame(before.drop(columns="geometry")), check_dtype=False
    )
    money = pyogrio.read_dataframe(path, layer="compensation")
    np.testing.assert_array_equal(money["net_compensation"], result.table("compensation")["net_compensation"])
    assert "net_compensation" in set(pyogrio.read_dataframe(path, layer="data_dictionary")["column"])


def test_excel_has_units_under_the_heads_and_keeps_values(result_dir, tmp_path):
    (path,) = export(result_dir, ["xlsx"], tmp_path)
    book = openpyxl.load_workbook(path)
    assert {"accounts_county", "compensation", "data_dictionary", "about"} <= set(book.sheetnames)
    rows = list(book["compensation"].iter_rows(values_only=True))
    units = dict(zip(rows[0], rows[1], strict=True))
    assert units["payable"] == "yuan a-1" and units["carbon_sink"] == "t CO2 a-1" and units["area_km2"] == "km2" and not units["name"]
    table = ResultFolder(result_dir).table("compensation")
    column = rows[0].index("payable")
    np.testing.assert_allclose([row[column] for row in rows[2:]], table["payable"], rtol=1e-15)
    assert rows[2][rows[0].index("unit_id")] == "130101" and rows[2][rows[0].index("name")] == "张北县"
    assert ("note", "Land cover is coarse.") in list(book["about"].iter_rows(values_only=True))


def test_csv_has_units_in_the_heads(result_dir, tmp_path):
    paths = {path.stem: path for path in export(result_dir, ["csv"], tmp_path)}
    table = pd.read_csv(paths["flows"], dtype={"payer": str})
    assert "compensation_flow [yuan a-1]" in table and table["payer"].str.len().eq(6).all()
    assert "geometry" not in pd.read_csv(paths["zones"])


def test_rasters_are_cogs_with_the_totals_of_the_table(result_dir, tmp_path):
    paths = {path.stem: path for path in export(result_dir, ["cog"], tmp_path)}
    cells = ResultFolder(result_dir).geo("accounts_grid").query("scale_km == 18")
    with rasterio.open(paths["carbon_sink"]) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.descriptions == ("2010", "2020") and raster.units[0] == "t CO2 a-1 per cell" and raster.res == (18000, 18000)
        assert cells.crs.equals(raster.crs.to_wkt()) or cells.crs.to_proj4() == gpd.GeoSeries(crs=raster.crs.to_wkt()).crs.to_proj4()
        bands = raster.read(masked=True)
        for band, year in zip(bands, (2010, 2020), strict=True):
            assert band.sum() == pytest.approx(cells.loc[cells["year"] == year, "carbon_sink"].sum(), rel=1e-12)
        cell = cells[(cells["unit_id"] == "g18:R233C059") & (cells["year"] == 2010)].iloc[0]
        point = cell.geometry.centroid
        assert next(raster.sample([(point.x, point.y)]))[0] == cell["carbon_sink"]


def test_styles_bind_colours_to_names(result_dir, tmp_path):
    paths = {path.name: path for path in export(result_dir, ["qml"], tmp_path)}
    zones = ET.parse(paths["zones.qml"]).getroot()
    categories = {each.get("value"): each.get("symbol") for each in zones.iter("category")}
    assert list(categories) == list(ZONE_COLOURS)
    symbols = {each.get("name"): each.find(".//Option[@name='color']").get("value") for each in zones.iter("symbol")}
    assert symbols[categories["payment"]] == "184,72,46,255"
    ranges = list(ET.parse(paths["compensation.qml"]).getroot().iter("range"))
    edges = [(float(each.get("lower")), float(each.get("upper"))) for each in ranges]
    assert all(one[1] == other[0] for one, other in pairwise(edges)) and edges[0][0] < 0 < edges[-1][1]


def test_files_go_into_the_result_unless_told_otherwise(build):
    folder = build(years=(2020,))
    names = {str(path.relative_to(folder)) for path in export(folder, ["gpkg", "cog", "qml"])}
    assert {"exports/result.gpkg", "rasters/carbon_sink.tif", "styles/zones.qml"} <= names
    assert not [path for path in folder.rglob(".*") if path.is_file()]  # nothing half-written is left


def test_refusals_name_the_way_out(result_dir, build, monkeypatch, tmp_path):
    with pytest.raises(InputError, match="gpkg"):
        export(result_dir, ["gpk"], tmp_path)
    with pytest.raises(InputError, match="accounts_grid"):
        export(build(without=("accounts_grid",)), ["cog"], tmp_path)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "openpyxl" else find(name, *rest))
    with pytest.raises(InputError, match=r"carbonshed\[excel\]"):
        export(result_dir, ["xlsx"], tmp_path)


def test_an_empty_result_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"schema_version": 1}', encoding="utf-8")
    with pytest.raises(InputError, match="Run the study first"):
        export(tmp_path, ["csv"])
