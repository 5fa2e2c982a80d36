"""County tables: headers, units, ids; and every problem in a list."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.boundaries import read_boundaries
from carbonshed.readers.tables import county_table, county_table_problems, read_county_table


def raw(**columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(columns, dtype=object)
    return table.set_axis(range(2, len(table) + 2))


def codes(table: pd.DataFrame, severity: str = "error", **options: object) -> list[str]:
    return [problem.code for problem in county_table_problems(table, **options) if problem.severity == severity]


GOOD = raw(
    unit_id=["010101", "010102"], year=["2020", "2020"], carbon_source_t=["10", ""], population=["5", "6"], name=["东城区", "西城区"]
)


def test_headers_become_terms_and_carbon_becomes_co2() -> None:
    table = county_table(GOOD.assign(carbon_sink_c=["3", "6"]), id="unit_id")
    assert table.index.tolist() == ["010101", "010102"]
    assert table.index.name == "unit_id"
    assert table.columns.tolist() == ["year", "carbon_source", "population", "name", "carbon_sink"]
    assert table["year"].dtype == "int64"
    assert table["carbon_source"].tolist() == pytest.approx([10, float("nan")], nan_ok=True)
    assert table["carbon_sink"].tolist() == pytest.approx([11, 22])
    assert county_table_problems(GOOD, ids=["010101", "010102"], years=[2020]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=10))
def test_numbers_pass_unchanged(values: list[float]) -> None:
    ids = [f"{i:06d}" for i in range(len(values))]
    table = county_table(raw(code=ids, y=["2020"] * len(ids), gdp_yuan=[repr(v) for v in values]), id="code", year="y")
    assert table["gdp_yuan"].tolist() == values
    assert table.index.tolist() == ids


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"population": ["5", "6.1万"]}, "not_a_number", "6.1万 (line 3)"),
        ({"population": ["1,234", "6"]}, "not_a_number", "1,234 (line 2)"),
        ({"population": ["-5", "6"]}, "negative", "-5 (line 2)"),
        ({"population": ["inf", "6"]}, "infinite", "inf (line 2)"),
        ({"population": ["1e30", "6"]}, "too_large_number", "1e30 (line 2)"),
        ({"carbon_sink_t": ["-5", "6"]}, "negative", "sinks are stored positive"),
        ({"engel_coefficient": ["30.2", "0.28"]}, "percent", "30.2 (line 2)"),
        ({"unit_id": ["010101", "010101"]}, "duplicate_row", "010101 2020"),
        ({"unit_id": ["010101", None]}, "missing_id", "none in line 3"),
        ({"year": ["2020", "2020年"]}, "bad_year", "2020年 (line 3)"),
        ({"co2_mt": ["1", "2"]}, "carbon_or_co2", "co2_mt"),
        ({"population (2)": ["1", "2"]}, "same_term_twice", "one column population"),
        ({"carbon_source": ["1", "2"]}, "same_term_twice", "carbon_source_t, carbon_source"),
    ],
)
def test_each_error_names_the_cell_and_stops_the_reading(change: dict[str, list[str]], code: str, said: str) -> None:
    table = GOOD.assign(**change)
    found = county_table_problems(table)
    assert [problem.code for problem in found if problem.severity == "error"] == [code]
    assert said in str(found[0])
    with pytest.raises(InputError) as error:
        county_table(table, id="unit_id")
    assert error.value.problems[0].code == code


def test_all_problems_come_at_once() -> None:
    table = GOOD.assign(population=["x", "-1"], engel_coefficient=["30", "0.3"])
    assert codes(table, ids=["010101", "010103"], years=[2020, 2025]) == [
        "not_a_number",
        "negative",
        "percent",
        "missing_year",
        "row_without_county",
        "county_without_row",
    ]


def test_ids_are_compared_with_the_nearest_named() -> None:
    found = {problem.code: str(problem) for problem in county_table_problems(GOOD, ids=["010101", "U010102"])}
    assert "010102 (nearest: U010102)" in found["row_without_county"]
    assert "U010102 (nearest: 010102)" in found["county_without_row"]
    gap = raw(unit_id=["a", "b", "a"], year=["2000", "2000", "2005"])
    assert [str(p) for p in county_table_problems(gap, ids=["b", "a"], years=[2000, 2005])] == [
        "county table: expected a row for every county in 2005; got none for b. "
        "Add the rows, or set [accounting] panel = 'drop' to leave these counties out of all years."
    ]


def test_missing_columns_name_the_nearest() -> None:
    found = county_table_problems(GOOD, id="unitid", year="yaer")
    assert [problem.code for problem in found] == ["missing_column"]
    assert "'unitid' might be 'unit_id'" in found[0].fix and "'yaer' might be 'year'" in found[0].fix


def test_doubts_do_not_stop() -> None:
    table = GOOD.assign(population=["0", ""], gdp=["1", "2"])
    assert codes(table) == []
    assert codes(table, "warning") == ["unknown_column", "not_positive"]
    found = county_table_problems(table)
    assert "'gdp_yuan'" in found[0].fix
    assert "010101, 010102" in found[1].got
    with pytest.warns(DataWarning, match="'gdp'"):
        assert county_table(table, id="unit_id")["population"].tolist() == pytest.approx([0, float("nan")], nan_ok=True)


def test_canonical_tables_are_checked_alike() -> None:
    table = county_table(GOOD, id="unit_id")
    assert codes(table, ids=["010101"], years=[2020]) == ["row_without_county"]
    assert codes(pd.concat([table, table])) == ["duplicate_row"]


def test_rows_of_other_years_are_not_looked_at() -> None:
    table = pd.concat([GOOD, raw(unit_id=["010101"], year=["1999"], population=["?"])])
    assert county_table(table, id="unit_id", years=[2020])["year"].tolist() == [2020, 2020]
    assert codes(table, years=[2020], ids=["010101", "010102"]) == []


def test_the_real_county_study(shared: Path) -> None:
    folder = shared / "studies/bth-county"
    table = read_county_table(folder / "counties.csv", id="unit_id", years=[2007, 2017])
    counties = read_boundaries(folder / "counties.gpkg")
    assert len(table) == 2 * 194
    assert county_table_problems(table, ids=counties["unit_id"], years=[2007, 2017]) == []
    assert codes(table, ids=counties["unit_id"], years=[2003]) == ["missing_year"]
    first = pd.read_csv(folder / "counties.csv").query("year == 2017").set_index("unit_id")["carbon_source_t"]
    pd.testing.assert_series_equal(table.query("year == 2017")["carbon_source"], first, check_names=False, check_index_type=False)


def test_u16_county_sums_of_the_region(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/ceads-county-co2/bth_county_co2_1997_2017_long.csv"
    with pytest.raises(InputError, match="co2_mt"):
        read_county_table(source, id="adcode")
    long = pd.read_csv(source, dtype={"adcode": str})
    long.assign(carbon_source_t=long["co2_mt"] * 1e6)[["adcode", "year", "carbon_source_t"]].to_csv(tmp_path / "t.csv", index=False)
    table = read_county_table(tmp_path / "t.csv", id="adcode", years=[2000, 2005, 2010, 2015, 2017])
    sums = table.groupby("year")["carbon_source"].sum() / 1e6
    assert sums.tolist() == pytest.approx([338, 539, 810, 868, 893], abs=1)


def test_u17_provincial_sums_of_the_region(shared: Path, tmp_path: Path) -> None:
    wide = pd.read_csv(shared / "data/ceads-province-co2/province_total_co2_1997_2019.csv", index_col=0).loc[
        ["Beijing", "Tianjin", "Hebei"]
    ]
    long = wide.mul(1e6).rename_axis("id").reset_index().melt(id_vars="id", var_name="year", value_name="carbon_source_t")
    long.to_csv(tmp_path / "t.csv", index=False)
    table = read_county_table(tmp_path / "t.csv", id="id", years=[2000, 2005, 2010, 2015, 2017])
    assert (table.groupby("year")["carbon_source"].sum() / 1e6).tolist() == pytest.approx([364, 640, 926, 1036, 1022], abs=1)


def test_columns_that_are_no_terms_are_read_where_they_are_asked_for() -> None:
    table = GOOD.assign(小麦=["10", "0"], NPP=["400", ""])
    read = county_table(table, id="unit_id", also={"小麦": "yield wheat", "NPP": "npp"})
    assert read["yield wheat"].tolist() == [10.0, 0.0] and read["npp"].isna().tolist() == [False, True]
    assert county_table_problems(table, id="unit_id", also={"小麦": "yield wheat", "NPP": "npp"}, years=[2020]) == []
    assert codes(table, "warning", id="unit_id", years=[2020]) == ["unknown_column", "unknown_column"]
    problems = county_table_problems(table, id="unit_id", also={"大麦": "yield wheat"})
    assert problems[0].code == "missing_column" and "'大麦' might be '小麦'" in problems[0].fix
    assert codes(table.assign(小麦=["ten", "-1"]), id="unit_id", also={"小麦": "yield wheat"}) == ["not_a_number", "negative"]


@pytest.mark.parametrize("header", ["carbon_stock_t", "CO2_storage", "碳储量", "植被碳库", "soil carbon stock"])
def test_a_stock_is_no_flow(header: str) -> None:
    problems = county_table_problems(GOOD.assign(**{header: ["1", "2"]}), id="unit_id")
    assert [problem.code for problem in problems] == ["stock_not_flow"] and header in problems[0].got
    assert "stock_not_flow" not in codes(GOOD.assign(livestock=["1", "2"]), "error", id="unit_id")
