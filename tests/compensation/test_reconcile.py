"""The account from a table and from the grid: differences listed, one account made of both."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.reconcile import PREFERENCES, account_differences, reconcile_accounts

SOURCE = ["carbon_source"]


def account(ids: str, years: list[int], source: list[float], sink: list[float] | float = 1.0) -> pd.DataFrame:
    return pd.DataFrame({"year": years, "carbon_source": source, "carbon_sink": sink}, index=list(ids))


@pytest.fixture
def table() -> pd.DataFrame:
    return account("aabb", [2012, 2017, 2012, 2017], [100.0, 110.0, 50.0, np.nan], [10.0, 10.0, 60.0, 60.0])


@pytest.fixture
def grid() -> pd.DataFrame:
    return account("baab", [2012, 2017, 2012, 2017], [80.0, 111.0, 100.0, 90.0], [61.0, 10.0, 10.0, 60.0])


def test_differences_by_hand(table: pd.DataFrame, grid: pd.DataFrame) -> None:
    found = account_differences(table, grid).set_index(["quantity", "unit_id", "year"]).sort_index()
    assert len(found) == 8
    b = found.loc[("carbon_source", "b", 2012)]
    assert b[["table", "grid", "difference"]].tolist() == [50.0, 80.0, 30.0]
    assert b["relative_difference"] == pytest.approx(30 / 80)
    assert bool(b["is_different"]) and b["found_in"] == "both"
    assert not found.loc[("carbon_source", "a", 2017), "is_different"]
    late = found.loc[("carbon_source", "b", 2017)]
    assert late["found_in"] == "grid" and bool(late["is_different"]) and np.isnan(late["difference"])
    assert found.loc["carbon_sink", "is_different"].sum() == 0
    assert account_differences(table, grid, tolerance=0.4)["is_different"].sum() == 1  # only the one that a frame lacks
    extra = account_differences(table, pd.concat([grid, account("c", [2012], [5.0])]), quantities=SOURCE)
    assert extra.iloc[-1][["unit_id", "found_in"]].tolist() == ["c", "grid"]
    plain = account_differences(table.loc[["a"]].iloc[:1].drop(columns="year"), grid.loc[["a"]].iloc[:1].drop(columns="year"))
    assert plain["year"].isna().all()


def test_zero_in_both_is_no_difference() -> None:
    zero = account("a", [2012], [0.0])
    found = account_differences(zero, zero)
    assert found["relative_difference"].tolist() == [0.0, 0.0] and not found["is_different"].any()
    neither = account_differences(account("a", [2012], [np.nan]), account("a", [2012], [np.nan]), quantities=SOURCE)
    assert neither["found_in"].tolist() == ["neither"] and not neither["is_different"].any()


def test_reconciled_by_hand(table: pd.DataFrame, grid: pd.DataFrame) -> None:
    with pytest.warns(DataWarning, match=r"carbon_source: 1 of 4 rows differ.*b \(2012\) \+38%; only the grid knows b \(2017\)"):
        by_table = reconcile_accounts(table, grid)
    assert by_table["carbon_source"].tolist() == [100.0, 110.0, 50.0, 90.0]
    assert by_table["carbon_source_origin"].tolist() == ["table", "table", "table", "grid"]
    assert by_table["net_carbon_emission"].tolist() == [90.0, 100.0, -10.0, 30.0]
    assert by_table.index.tolist() == list("aabb")
    with pytest.warns(DataWarning):
        by_grid = reconcile_accounts(table, grid, prefer="grid")
    assert by_grid["carbon_source"].tolist() == [80.0, 111.0, 100.0, 90.0]
    assert by_grid.index.tolist() == list("baab")
    with pytest.warns(DataWarning):
        scaled = reconcile_accounts(table, grid, prefer="grid_scaled").set_index("year", append=True)["carbon_source"]
    assert scaled[("a", 2012)] == pytest.approx(100 * 150 / 180)
    assert scaled[("b", 2012)] == pytest.approx(80 * 150 / 180)
    assert scaled[("b", 2017)] == pytest.approx(90 * 110 / 111)  # only the county that both know sets the factor


def test_a_county_absent_in_a_year_stops_or_is_left_out_of_all(table: pd.DataFrame, grid: pd.DataFrame) -> None:
    more = pd.concat([table, account("c", [2012], [5.0])])
    both = pd.concat([grid, account("c", [2012], [5.0])])
    with pytest.warns(DataWarning, match="carbon_source"), pytest.raises(InputError, match="c absent in some year"):
        reconcile_accounts(more, both)
    with pytest.warns(DataWarning) as told:
        found = reconcile_accounts(more, both, panel="drop")
    assert any("left out of all years, being absent in some: c" in str(each.message) for each in told)
    assert set(found.index) == {"a", "b"}
    late = pd.concat([both, account("c", [2017], [6.0])])  # the grid has the year that the table lacks
    with pytest.warns(DataWarning) as told:
        whole = reconcile_accounts(more, late)
    assert any("only the grid knows b (2017), c (2017)" in str(each.message) for each in told)
    assert whole.loc["c", "carbon_source"].tolist() == [5.0, 6.0]


def test_geometry_and_crs_of_the_preferred_frame_stay() -> None:
    shapes = gpd.GeoDataFrame({"carbon_source": [1.0], "carbon_sink": [2.0]}, geometry=[Point(0, 0)], index=["a"], crs="EPSG:6933")
    plain = pd.DataFrame({"carbon_source": [1.0], "carbon_sink": [2.0]}, index=["a"])
    found = reconcile_accounts(shapes, plain)
    assert isinstance(found, gpd.GeoDataFrame) and found.crs == shapes.crs


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=1, max_size=12), st.sampled_from(PREFERENCES))
@settings(deadline=None)
def test_sums_are_those_of_the_side_that_counts(rows: list[tuple[float, float]], prefer: str) -> None:
    ids = [f"c{i}" for i in range(len(rows))]
    table, grid = (pd.DataFrame({"carbon_source": [row[k] for row in rows]}, index=ids) for k in (0, 1))
    found = reconcile_accounts(table, grid.iloc[::-1], prefer=prefer, quantities=SOURCE, tolerance=2.0)  # nothing differs by more
    wanted = grid if prefer == "grid" else table
    assert found["carbon_source"].sum() == pytest.approx(wanted["carbon_source"].sum(), rel=1e-9)
    swapped = account_differences(grid, table, quantities=SOURCE)
    assert swapped["difference"].to_numpy() == pytest.approx(-account_differences(table, grid, quantities=SOURCE)["difference"].to_numpy())


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda t, g: (t, g.drop(columns="year")), {}, "year in both"),
        (lambda t, g: (t.drop(columns="carbon_sink"), g), {}, "carbon_sink"),
        (lambda t, g: (pd.concat([t, t]), g), {}, "each id once a year"),
        (lambda t, g: (t.assign(carbon_source=-1.0), g), {}, ">= 0"),
        (lambda t, g: (t, g), {"tolerance": -0.1}, "tolerance"),
        (lambda t, g: (t, g), {"prefer": "mean"}, "grid_scaled"),
        (lambda t, g: (t, g), {"panel": "fill"}, "strict, drop"),
        (lambda t, g: (t, g.assign(carbon_source=0.0)), {"prefer": "grid_scaled"}, "cells above 0"),
    ],
)
def test_refusals(table: pd.DataFrame, grid: pd.DataFrame, change, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        reconcile_accounts(*change(table, grid), **options)
