from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import box

from carbonshed.checks import InputError
from carbonshed.present.county_shapes import is_same, simplified, union
from carbonshed.present.export import export
from carbonshed.present.figure_files import save_figures
from carbonshed.present.figures import figure
from carbonshed.present.folder import ResultFolder
from carbonshed.present.report import render_report
from carbonshed.study.study import Result


def test_a_folder_tells_what_it_holds(result_dir):
    result = ResultFolder(result_dir)
    assert result.has("zones") and not result.has("allocation_report")
    assert result.years == [2010, 2020] and result.name == "冀北 test region"
    assert result.display_scale_km == 18.0 and result.cells is not None and len(result.cells) == 120
    assert result.counties is not None and list(result.counties.index[:2]) == ["130101", "130102"]
    assert result.provinces is not None and sorted(result.provinces.index) == ["北京市", "河北省"]
    assert result.names["130101"] == "张北县"
    assert result.scale_choice is not None and result.scale_choice["quantity"] == "carbon_sink"


def test_the_chosen_scale_is_shown_where_it_is_held(build):
    def add_base(tables, manifest):
        grid = tables["accounts_grid"]
        fine = grid.assign(scale_km=6.0, unit_id=grid["unit_id"].str.replace("g18", "g6"))
        tables["accounts_grid"] = gpd.GeoDataFrame(gpd.pd.concat([fine, grid], ignore_index=True), crs=grid.crs)

    assert ResultFolder(build(change=add_base)).display_scale_km == 18.0


def test_without_a_choice_the_finest_scale_is_shown(build):
    def forget(tables, manifest):
        manifest["choices"].pop("scale")
        tables["scale_choice"][["scale_km", "low_km", "high_km"]] = float("nan")

    assert ResultFolder(build(change=forget)).display_scale_km == 18.0


def test_borders_stay_common_when_simplified():
    shapes = gpd.GeoSeries([box(0, 0, 10, 10), box(10, 0, 20, 10)])
    thin = simplified(shapes)
    assert thin.iloc[0].touches(thin.iloc[1]) and thin.area.sum() == pytest.approx(200)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "no_result"),
        ("{broken", "bad_manifest"),
        ('{"schema_version": 99}', "schema_version"),
        ('{"schema_version": 0}', "schema_version"),
        ("[]", "schema_version"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(tmp_path, text, code):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        ResultFolder(tmp_path)
    assert caught.value.problems[0].code == code


def test_a_table_without_its_columns_is_refused_and_named(build):
    folder = build(change=lambda tables, manifest: tables.update(flows=tables["flows"].rename(columns={"payer": "payers"})))
    with pytest.raises(InputError, match=r"flows\.parquet.*payer.*payers"):
        ResultFolder(folder).table("flows")
    with pytest.raises(InputError, match="land_area"):
        ResultFolder(folder).table("land_area")


def test_the_name_of_a_study_without_one_is_that_of_its_folder(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": 1}), encoding="utf-8")
    result = ResultFolder(tmp_path)
    assert result.name == tmp_path.name and result.years == [] and result.crs is None


def test_an_older_folder_is_refused_by_all_that_reads_folders(build):
    """Its numbers may mean something else: no figure, report or export is made of them, and the message says how to make it again."""
    folder = build(years=(2020,), change=lambda tables, manifest: manifest.update(schema_version=0, carbonshed_version="0.0.9"))
    readers = [
        lambda: figure(folder, "zones"),
        lambda: save_figures(folder, "en"),
        lambda: export(folder, ["csv"]),
        lambda: render_report(folder),
        lambda: Result.open(folder),
    ]
    for read in readers:
        with pytest.raises(InputError, match=r"older, written by carbonshed 0\.0\.9.*copy its study\.toml"):
            read()
    assert {path.name for path in folder.iterdir()} == {"tables", "manifest.json"}


def test_many_shapes_are_joined_as_a_coverage_unless_they_overlap():
    squares = shapely.box(*np.array([(x, y, x + 1, y + 1) for y in range(40) for x in range(30)]).T)
    assert union(squares).equals(shapely.box(0, 0, 30, 40))
    overlapping = np.append(squares, shapely.box(0.5, 0.5, 2.5, 2.5))
    assert union(overlapping).equals(shapely.box(0, 0, 30, 40))


def test_shapes_of_money_are_those_of_the_accounts_where_each_is_the_same():
    squares = gpd.GeoSeries(shapely.box([0, 1], 0, [1, 2], 1), index=pd.Index(["a", "b"], name="unit_id"), crs=3857)
    accounts = gpd.GeoDataFrame(
        {"unit_id": ["b", "a", "a"], "year": [2020, 2020, 2010]}, geometry=squares.loc[["b", "a", "b"]].to_numpy(), crs=3857
    )
    assert is_same(squares, accounts), "of the last year"
    assert not is_same(squares.loc[["a"]], accounts) and not is_same(squares.buffer(0.1), accounts)
    assert not is_same(squares.rename({"a": "c"}), accounts) and not is_same(squares.set_crs(3395, allow_override=True), accounts)
