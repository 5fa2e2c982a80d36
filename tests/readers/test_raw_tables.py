"""Tables as text: encodings, delimiters, Excel, parquet, and rows that do not fit."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.raw_tables import decode, read_raw_table

TEXT = "id,名称,n\n010101,东城区,1\n\n010102,西城区,\n"


def written(folder: Path, data: bytes | str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_without_a_word(tmp_path: Path, encoding: str) -> None:
    table = read_raw_table(written(tmp_path, TEXT.encode(encoding)))
    assert table.columns.tolist() == ["id", "名称", "n"]
    assert table["id"].tolist() == ["010101", "010102"]
    assert table["n"].tolist()[0] == "1" and pd.isna(table["n"].tolist()[1])
    assert table.index.tolist() == [2, 4]


@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
def test_gbk_is_read_and_said(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, TEXT.encode(encoding))
    with pytest.warns(DataWarning, match="read as GB18030"):
        assert read_raw_table(path)["名称"].tolist() == ["东城区", "西城区"]
    assert read_raw_table(path, encoding=encoding)["名称"].tolist() == ["东城区", "西城区"]
    with pytest.raises(InputError, match="text in utf-8"):
        read_raw_table(path, encoding="utf-8")


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_decode_returns_what_was_encoded(text: str) -> None:
    if not text.startswith("\ufeff") and not re.search("[\u0250-\u036f\u0500-\u07ff]", text):
        assert decode(text.encode(), where="a test") == text
        assert decode(b"\xef\xbb\xbf" + text.encode(), where="a test") == text


def test_bytes_that_may_be_either_are_refused() -> None:
    data = "原煤".encode("gbk")
    with pytest.raises(InputError, match=r"or 原煤\. Say which"):
        decode(data, where="a test")
    assert decode(data, encoding="gbk", where="a test") == "原煤"
    assert decode("Orléans, 原煤".encode(), where="a test") == "Orléans, 原煤"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="utf-8 or gb18030"):
        decode(b"\xff\x00\x81", where="a test")


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    table = read_raw_table(written(tmp_path, 'a,b\n1,"x,y"\n'.replace(",", delimiter) if delimiter != "," else 'a,b\n1,"x,y"\n'))
    assert table["b"].tolist() == [f"x{delimiter}y"]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**12), st.floats(-1e9, 1e9)), min_size=1, max_size=20))
def test_csv_excel_and_parquet_give_the_same_text(tmp_path: Path, rows: list[tuple[int, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["code", "value"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.astype({"code": float}).to_parquet(tmp_path / "floats.parquet")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    tables = [read_raw_table(tmp_path / name) for name in ("t.csv", "t.parquet", "floats.parquet", "t.xlsx")]
    for table in tables:
        assert table["code"].tolist() == [str(code) for code, _ in rows]
        assert table["value"].astype(float).tolist() == pytest.approx([value for _, value in rows], rel=1e-14)


def test_an_index_in_parquet_is_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"n": [1]}, index=pd.Index(["A"], name="unit_id")).to_parquet(tmp_path / "t.parquet")
    assert read_raw_table(tmp_path / "t.parquet").to_numpy().tolist() == [["A", "1"]]


def test_headers_that_repeat_get_a_number(tmp_path: Path) -> None:
    assert read_raw_table(written(tmp_path, "a,b,a,a\n1,2,3,4\n")).columns.tolist() == ["a", "b", "a (2)", "a (3)"]


def test_one_sheet_or_its_name(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="one", index=False)
        pd.DataFrame({"a": [2]}).to_excel(book, sheet_name="two", index=False)
    with pytest.raises(InputError, match="sheets one, two"):
        read_raw_table(tmp_path / "t.xlsx")
    assert read_raw_table(tmp_path / "t.xlsx", sheet="two")["a"].tolist() == ["2"]


def rewritten_sheet(path: Path, old: str, new: str) -> Path:
    """A workbook of ids and years, whose sheet is changed as text."""
    pd.DataFrame({"id": ["a", "b", "c"], "year": [2010, 2011, 2012], "n": [1.5, 2.5, 3.5]}).to_excel(path, index=False)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    part = "xl/worksheets/sheet1.xml"
    text = parts[part].decode()
    assert re.search(old, text)
    parts[part] = re.sub(old, new, text, count=1).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('r="B3"', 'r="D3"', r"cell C3 in row 3, after column 4"),
        ('r="B3"', 'r="XFD3"', r"16,384 columns"),
        ('r="C3"', 'r="A3"', r"cell A3 in row 3, after column 2"),
        ('r="C3"', 'r="B3"', r"cell B3 in row 3, after column 2"),
        ('r="C3"', 'r="C2"', r"cell C2 in row 3, after column 2"),
        ('<row r="3"', '<row r="2"', r"row 2 after row 2"),
        ('<row r="2"', '<row r="30"', r"cell A2 in row 30"),
        ('r="C3"', 'r="XFD3"', r"16,384 columns"),
        ('<row r="3"', '<row r="2000000000"', r"row 2,000,000,000"),
    ],
)
def test_cells_out_of_their_place_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """openpyxl's own rows would lose the cell or the row without a word."""
    path = rewritten_sheet(tmp_path / "moved.xlsx", old, new)
    with pytest.raises(InputError, match=message) as caught:
        read_raw_table(path)
    assert all(problem.names("moved.xlsx") for problem in caught.value.problems)


def test_a_sheet_may_leave_rows_and_cells_out(tmp_path: Path) -> None:
    """Rows and cells without a reference follow one another; what is left out is empty."""
    path = rewritten_sheet(tmp_path / "gaps.xlsx", '<row r="3".*?</row>', "")
    assert read_raw_table(path).index.tolist() == [2, 4]
    path = rewritten_sheet(tmp_path / "gap.xlsx", '<c r="B3".*?</c>', "")
    assert read_raw_table(path)["n"].tolist() == ["1.5", "2.5", "3.5"] and pd.isna(read_raw_table(path).loc[3, "year"])
    path = rewritten_sheet(tmp_path / "plain.xlsx", '<row r="3".*?</row>', "<row><c><v>7</v></c><c/><c><v>9</v></c></row>")
    assert read_raw_table(path).loc[3].fillna("").tolist() == ["7", "", "9"]


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        ("a,b\n1,2\n1,2,3\n", "t.csv", "3 cells in line 3"),
        ("a,b\n1\n", "t.csv", "1 cells in line 2"),
        ("a,b\n", "t.csv", "no row"),
        ("", "t.csv", "an empty file"),
        ("a,b\n1,2\n", "t.xls", "Save it as CSV"),
        ("no workbook", "t.xlsx", "an Excel workbook"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, data: str, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_raw_table(written(tmp_path, data, name))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        read_raw_table(tmp_path / "absent.csv")


def test_untidy_yearbooks_are_read_as_text(shared: Path) -> None:
    table = read_raw_table(shared / "data/city-yearbook/county_level_city_yearbook2013_data2012.csv")
    assert len(table) > 300
    assert table.iloc[:, 0].str.contains("晋州市|新乐市").any()
