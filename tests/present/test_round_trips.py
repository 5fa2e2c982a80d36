"""Round trips: every table of a result, out in each format and in again with another program's reader, keeps every value, type, CRS, unit and
attribute. What a format cannot hold is stated here: shapes in XLSX and CSV, lists (which become text), centimetres below 1e-7 degrees in GeoJSON.
"""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import rasterio

from carbonshed.cells import guarded
from carbonshed.present.export import RASTER_COLUMNS, export
from carbonshed.present.folder import TABLES, ResultFolder
from carbonshed.present.map_layers import map_layers
from carbonshed.present.tidy import held, plain
from carbonshed.registry import terms

HARD_NAMES = ["=1+1", "00123", "1e5", "NA", "null", "True", "2020-01-01", "甲,乙", 'a "quoted" name', "line\nbreak", "it's", "O'Brien; --"]
"""Names that spreadsheets and readers like to take for something else."""


@pytest.fixture(scope="module")
def result(tmp_path_factory, write) -> ResultFolder:
    """A result whose tables hold every kind of column: whole numbers with gaps, truth values, lists, missing text, hard names, extremes."""

    def odd(tables, manifest):
        money = tables["compensation"]
        money["is_capped"] = np.arange(len(money)) % 2 == 0
        money["dropped_reason"] = [None, "", *["no GDP"] * (len(money) - 2)]
        money.loc[money.index[0], "payable"] = 0.1 + 0.2
        money.loc[money.index[1], "payable"] = 1.2345678901234567e17
        money.loc[money.index[2], "receivable"] = 5e-324
        tables["zones"]["zone_cautions"] = [["alone", "changed"] if k % 3 == 0 else [] for k in range(len(tables["zones"]))]

    return ResultFolder(write(tmp_path_factory.mktemp("round") / "result", names=HARD_NAMES, change=odd))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


def same(after: pd.DataFrame, before: pd.DataFrame, name: str, *, no_text_is_missing: bool = False) -> None:
    """Equal columns in order, equal values to the last bit, missing where it was missing, and the kind of each column kept."""
    assert list(after) == list(before) and len(after) == len(before), name
    for column in before:
        one, other = after[column], before[column]
        is_missing = other.isna() | ((other == "") if no_text_is_missing and not pd.api.types.is_numeric_dtype(other) else False)
        assert (one.isna() == is_missing).all(), f"{name}.{column}: missing values"
        known = ~is_missing.to_numpy()
        a, b = one.to_numpy()[known], other.to_numpy()[known]
        if pd.api.types.is_bool_dtype(other):
            assert a.astype(bool).tolist() == b.tolist(), f"{name}.{column}"
        elif pd.api.types.is_numeric_dtype(other):
            assert np.array_equal(a.astype(float), b.astype(float)), f"{name}.{column}"
        else:
            assert a.astype(str).tolist() == b.astype(str).tolist(), f"{name}.{column}"
            assert all(isinstance(value, str) for value in a), f"{name}.{column} is no longer text"


def test_the_cases_are_there(result):
    columns = [table[column] for name in held(result) for table in [plain(result.table(name))] for column in table]
    kinds = (pd.api.types.is_bool_dtype, pd.api.types.is_integer_dtype, pd.api.types.is_float_dtype, pd.api.types.is_string_dtype)
    assert all(any(is_kind(column) for column in columns) for is_kind in kinds) and len(held(result)) >= 35
    assert any(pd.api.types.is_integer_dtype(column) and column.isna().any() for column in columns), "whole numbers with gaps"
    assert set(HARD_NAMES) <= set(result.table("compensation")["name"])


def test_geopackage_gives_back_every_table_with_types_crs_and_units(result, out):
    path, _ = export(result.path, ["gpkg"], out)
    for name in held(result):
        before, after = result.table(name), pyogrio.read_dataframe(path, layer=name)
        if isinstance(before, gpd.GeoDataFrame):
            assert after.crs.equals(before.crs) and after.geometry.geom_equals(before.geometry.reset_index(drop=True)).all(), name
            after = pd.DataFrame(after.drop(columns="geometry"))
        same(after, plain(before), name)
    with sqlite3.connect(path) as database:
        kinds = {row[1]: row[2] for row in database.execute("pragma table_info(compensation)")}
        said = dict(database.execute("select column, unit from data_dictionary where \"table\" = 'compensation'"))
    assert (
        kinds["year"].startswith(("INTEGER", "MEDIUMINT"))
        and kinds["payable"] == "REAL"
        and kinds["is_capped"] == "BOOLEAN"
        and kinds["name"] == "TEXT"
    )
    known = terms()
    assert said["payable"] == "yuan a-1"
    assert all(said[column] == (known[column].unit if column in known else "") for column in plain(result.table("compensation")))


def test_excel_gives_back_every_table_with_types_and_units(result, out):
    (path,) = export(result.path, ["xlsx"], out)
    book, known = openpyxl.load_workbook(path), terms()
    assert [name for name in book.sheetnames if name in TABLES] == held(result)
    for name in held(result):
        before = plain(result.table(name))
        heads, units, *rows = list(book[name].iter_rows(values_only=True))
        assert list(heads) == list(before)
        assert [unit or "" for unit in units] == [
            known[c].unit.replace("-", "", known[c].unit == "-") if c in known else "" for c in before
        ]
        after = pd.DataFrame(rows, columns=list(before))
        same(after, before.map(lambda value: value.replace("\r", "") if isinstance(value, str) else value), name, no_text_is_missing=True)
    cells = [cell for row in book["compensation"].iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells), "no name is a formula"


def test_csv_gives_back_every_table(result, out):
    paths = {path.stem: path for path in export(result.path, ["csv"], out)}
    assert list(paths) == held(result)
    known = terms()
    for name, path in paths.items():
        before = plain(result.table(name))
        texts = {place: str for place, dtype in enumerate(before.dtypes) if not pd.api.types.is_numeric_dtype(dtype)}
        after = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={}, encoding="utf-8-sig", float_precision="round_trip")
        for head, column in zip(after, before, strict=True):
            unit = known[column].unit if column in known else "-"
            assert head == (column if unit in ("-", "1") else f"{column} [{unit}]"), f"{name}.{column}"
        after.columns = before.columns
        for column in before:
            if pd.api.types.is_numeric_dtype(before[column]) and not pd.api.types.is_bool_dtype(before[column]):
                after[column] = pd.to_numeric(after[column].replace("", np.nan))
            elif not pd.api.types.is_numeric_dtype(before[column]):
                after[column] = after[column].replace("", np.nan)
        guards = before.map(lambda value: guarded(value) if isinstance(value, str) else value)
        same(after, guards, name, no_text_is_missing=True)


def test_geojson_gives_back_every_layer(result, out):
    layers = {layer.name: layer for layer in map_layers(result)}
    paths = {path.stem: path for path in export(result.path, ["geojson"], out)}
    assert set(paths) == set(layers)
    for name, path in paths.items():
        before = layers[name].frame
        held_text = json.loads(path.read_text(encoding="utf-8"))
        features = pd.DataFrame([row["properties"] for row in held_text["features"]], columns=list(plain(before)))
        same(features, plain(before).reset_index(drop=True), name)
        after = gpd.read_file(path)
        assert after.crs.equals("EPSG:4326")
        moved = after.to_crs(before.crs).geometry.hausdorff_distance(before.geometry.reset_index(drop=True))
        assert moved.max() < 0.02, f"{name}: {moved.max()} m"
        known = terms()
        assert held_text["units"] == {column: known[column].unit for column in plain(before) if column in known}


def test_rasters_give_back_every_cell_of_every_quantity_and_year(result, out):
    paths = {path.stem: path for path in export(result.path, ["cog"], out)}
    table = result.geo("accounts_grid")
    finest = table[table["scale_km"] == table["scale_km"].min()]
    assert set(paths) == set(RASTER_COLUMNS)
    for name, path in paths.items():
        with rasterio.open(path) as raster:
            years = [int(text) for text in raster.descriptions]
            assert years == sorted(finest["year"].unique()) and np.isnan(raster.nodata) and raster.tags()["quantity"] == name
            assert raster.units == tuple([f"{terms()[name].unit} per cell"] * len(years)) and raster.dtypes == ("float64",) * len(years)
            assert finest.crs.to_wkt() and gpd.GeoSeries(crs=raster.crs.to_wkt()).crs.equals(finest.crs, ignore_axis_order=True)
            for band, year in enumerate(years, start=1):
                rows = finest[finest["year"] == year]
                values = raster.read(band)
                spots = [raster.index(point.x, point.y) for point in rows.geometry.centroid]
                assert [values[spot] for spot in spots] == rows[name].tolist()
                assert np.isfinite(values).sum() == rows[name].notna().sum(), "nothing lies where no cell is"
