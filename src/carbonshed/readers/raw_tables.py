"""Tables as they stand in a file: CSV in any usual encoding, Excel, parquet; every cell as text, nothing interpreted."""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from carbonshed.cells import unguarded
from carbonshed.checks import InputError, choose, examples, refuse, warn
from carbonshed.readers.foreign_files import check_file, check_unpacked_size, reading

DELIMITERS = ",;\t"
RARE_LETTERS = re.compile("[\u0250-\u036f\u0500-\u07ff]")
"""Letters that two bytes of GBK give when they happen to be valid UTF-8 (原煤 reads as Cyrillic), and that few tables hold."""

MAX_TABLE_BYTES = 2**30
MAX_COLUMNS = 2_000
MAX_CELLS = 100_000_000
MAX_SHEET_ROWS = 1_048_576
MAX_SHEET_COLUMNS = 16_384
"""What a table may hold, checked before and while it is read; the last two are Excel's own limits."""

OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How files of the old Office begin, and all that it locks with a password."""

BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_raw_table(path: str | Path, *, encoding: str | None = None, sheet: str | None = None) -> pd.DataFrame:
    """Read a table as text: CSV (UTF-8, UTF-16 or GB18030/GBK), Excel (``.xlsx``) or parquet, told by the name of the file.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.txt`` or ``.tsv`` (comma, semicolon or tab), ``.xlsx``, ``.parquet``.
    encoding : str, optional
        Of a CSV. Left out: UTF-8, else GB18030, of which a warning tells.
    sheet : str, optional
        Of a workbook; needed where it holds several.

    Returns
    -------
    DataFrame
        All columns text, stripped; an empty cell is NaN; a header that repeats gets a number, ``a (2)``. The index is the line in the
        file (in parquet, the row): 2 follows the header.

    Raises
    ------
    InputError
        No file; an unknown kind; a file of another kind under the name, or a damaged one, of a workbook also one whose rows or cells stand
        out of order; more than 2,000 columns, 10^8 cells or 2^30 bytes; bytes that are text in none of the encodings; a row longer or
        shorter than the header; several sheets and none named.

    Warns
    -----
    DataWarning
        A CSV was read as GB18030.
    """
    file = check_file(path, expected="a table")
    size = file.stat().st_size
    if size > MAX_TABLE_BYTES:
        raise _too_large(file, f"{size:,} bytes", f"at most {MAX_TABLE_BYTES:,} bytes")
    kind = file.suffix.lower()
    if kind in (".csv", ".txt", ".tsv"):
        table = _read_csv(file, encoding)
    elif kind in (".xlsx", ".xlsm"):
        table = _read_excel(file, sheet)
    elif kind in (".parquet", ".pq"):
        table = _read_parquet(file)
    else:
        fix = "Save it as CSV in UTF-8 or as .xlsx."
        raise refuse("unknown_table", expected="a table: .csv, .tsv, .xlsx or .parquet", got=kind or "no suffix", where=str(file), fix=fix)
    table.columns = pd.Index(_numbered([str(column).strip() for column in table.columns]))
    text = table.map(str.strip).replace("", np.nan).dropna(how="all").rename_axis("line")
    if text.empty:
        raise refuse("empty_table", expected="a header and at least one row", got="no row", where=str(file), fix="Check the file.")
    return text


def _too_large(file: Path, got: str, expected: str) -> InputError:
    fix = "Check the file; keep the columns and years that are used."
    return refuse("table_too_large", expected=f"a table of {expected}", got=got, where=str(file), fix=fix)


def _check_width(file: Path, columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise _too_large(file, f"{columns:,} columns", f"at most {MAX_COLUMNS:,} columns")


def _check_cells(file: Path, rows: int, columns: int) -> None:
    if rows * columns > MAX_CELLS:
        raise _too_large(file, f"{rows:,} rows of {columns:,} cells or more", f"at most {MAX_CELLS:,} cells")


def decode(data: bytes, *, encoding: str | None = None, where: str) -> str:
    """Text of a file's bytes: by the given encoding, else by its byte order mark, else UTF-8, else GB18030 (with a warning).

    Raises
    ------
    InputError
        If the bytes are not text in the encoding, or in none of those tried; if they may be GBK as well as UTF-8.

    Examples
    --------
    >>> decode("北京".encode("utf-8"), where="example")
    '北京'
    """
    named = encoding or next((name for mark, name in BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)
    tries = [named] if named else ["utf-8", "gb18030"]
    texts = {candidate: text for candidate in tries if (text := _decoded(data, candidate)) is not None}
    if not texts:
        fix = "Save it as UTF-8, or give its encoding."
        raise refuse("encoding", expected=f"text in {' or '.join(tries)}", got="other bytes", where=where, fix=fix)
    if len(texts) == 2 and RARE_LETTERS.search(texts["utf-8"]) and max(texts["utf-8"]) < "\u0800":
        got = " or ".join(examples(re.findall(r"[^\x00-\x7f]+", text), 1) for text in texts.values())
        raise refuse("encoding", expected="text that only one encoding can hold", got=got, where=where, fix="Say which: utf-8 or gb18030.")
    chosen = next(iter(texts))
    if chosen == "gb18030" and not named:
        warn(f"{where}: not UTF-8; read as GB18030 (GBK). Give the encoding if names look wrong.")
    return texts[chosen]


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _numbered(headers: list[str]) -> list[str]:
    """Headers that repeat, told apart: ``a, a (2)``."""
    return [f"{each} ({count})" if (count := headers[: place + 1].count(each)) > 1 else each for place, each in enumerate(headers)]


def _csv_rows(reader: Iterator[list[str]], file: Path) -> Iterator[list[str]]:
    """Rows of a CSV as they come; NUL bytes and endless cells are refused by line."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = getattr(reader, "line_num", 0)
            fix = "Mend the line (an open quote swallows all that follows), or save the table again as CSV in UTF-8."
            raise refuse("bad_csv", expected="rows of cells", got=f"{error}, in line {line}", where=str(file), fix=fix) from error


def _read_csv(file: Path, encoding: str | None) -> pd.DataFrame:
    """Rows of a CSV, indexed by line; a row that is longer or shorter than the header is refused, never shifted."""
    text = decode(file.read_bytes(), encoding=encoding, where=str(file)).lstrip("\ufeff")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        fix = "The file is damaged, or in an encoding that must be given (UTF-16, UTF-32): save it as CSV in UTF-8."
        raise refuse("nul_byte", expected="text", got=f"a byte of zero in line {line}", where=str(file), fix=fix)
    first = text[: text.find("\n") + 1] or text
    delimiter = max(DELIMITERS, key=first.count)
    _check_width(file, first.count(delimiter) + 1)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    cells = _csv_rows(reader, file)
    header = next(cells, [])
    rows, lines = [], []
    for row in cells:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
            fix = "Mend the line; a cell that holds the delimiter stands in double quotes."
            got = f"{len(row)} cells in line {reader.line_num}"
            raise refuse("ragged_row", expected=f"{len(header)} cells a line, as in the header", got=got, where=str(file), fix=fix)
        rows.append([unguarded(cell) for cell in row[: len(header)]])
        lines.append(reader.line_num)
        _check_cells(file, len(rows), len(header))
    return pd.DataFrame(rows, columns=pd.Index(header, dtype=object), index=lines, dtype=object)


def _read_excel(file: Path, sheet: str | None) -> pd.DataFrame:
    if importlib.util.find_spec("openpyxl") is None:
        fix = 'Install it with: pip install "carbonshed[excel]", or save the sheet as CSV.'
        raise refuse("no_openpyxl", expected="the package openpyxl", got="none", where=str(file), fix=fix)
    import openpyxl

    check_unpacked_size(file)
    with file.open("rb") as stream:
        if stream.read(len(OLE_MARK)) == OLE_MARK:
            got = "an old .xls, or a workbook with a password"
            fix = "Save it as .xlsx without a password, or as CSV in UTF-8."
            raise refuse("not_excel", expected="an Excel workbook (.xlsx)", got=got, where=str(file), fix=fix)
    with reading(file, expected="an Excel workbook", fix="Save it again as .xlsx, or as CSV in UTF-8.", code="not_excel"):
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            names = [str(name) for name in book.sheetnames]
            if sheet is None and len(names) != 1:
                fix = "Name one sheet, or save it as a file of its own."
                raise refuse("several_sheets", expected="one sheet", got=f"sheets {examples(names, 12)}", where=str(file), fix=fix)
            chosen = choose(sheet, names, where=f"{file}: sheet") if sheet else names[0]
            rows = _sheet_rows(book[chosen], file)
        finally:
            book.close()
    if not rows:
        return pd.DataFrame()
    width = max(len(row) for row in rows)
    table = pd.DataFrame([row + [""] * (width - len(row)) for row in rows[1:]], dtype=object, columns=range(width))
    table.columns = pd.Index(rows[0] + [""] * (width - len(rows[0])), dtype=object)
    return table.set_axis(range(2, len(table) + 2))


def _sheet_rows(sheet: Any, file: Path) -> list[list[str]]:
    """Cells of a sheet as text, without the empty cells and rows at its ends; an error of Excel (#DIV/0!) stays what it is.

    Rows and cells stand in the order of their references, each once: what stands elsewhere is refused. openpyxl's own rows would leave out
    a cell behind the last of its row and a row behind a later one.
    """
    if not hasattr(sheet, "iter_rows"):
        raise refuse("not_a_sheet", expected="a sheet of cells", got="a chart", where=str(file), fix="Name the sheet of the table.")
    rows: list[list[str]] = []
    for number, found in _parsed_rows(sheet, file):
        if number > MAX_SHEET_ROWS:
            raise _too_large(file, f"a row {number:,}", f"at most {MAX_SHEET_ROWS:,} rows")
        if number <= len(rows):
            raise _misplaced(file, f"row {number} after row {len(rows)}")
        rows += [[] for _ in range(len(rows) + 1, number)]
        rows.append(_row_cells(found, number, file))
        _check_cells(file, number, len(rows[-1]))
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _parsed_rows(sheet: Any, file: Path) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Number and cells of each row as they stand in the file, by the parser of openpyxl."""
    from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

    class Parser(WorkSheetParser):
        """A formula that no program has computed yet is no empty cell; one that gives an empty text is."""

        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = super().parse_cell(element)
            if element.find(FORMULA_TAG) is not None and not element.findtext(VALUE_TAG) and element.get("t") != "str":
                got = f"one without in cell {_reference(cell['row'], cell['column'])}"
                fix = "Open the workbook in a spreadsheet program, which computes it, and save it."
                raise refuse("formula_without_value", expected="formulas with their values", got=got, where=str(file), fix=fix)
            return cell

    book = sheet.parent
    dates = {"epoch": book.epoch, "date_formats": book._date_formats, "timedelta_formats": book._timedelta_formats}
    with sheet._get_source() as source:
        yield from Parser(source, sheet._shared_strings, data_only=True, **dates).parse()


def _row_cells(found: list[dict[str, Any]], number: int, file: Path) -> list[str]:
    """Text of the cells of a row up to its last that holds one."""
    cells: list[str] = []
    last = 0
    for cell in found:
        row, column = int(cell["row"]), int(cell["column"])
        if row != number or column <= last:
            raise _misplaced(file, f"cell {_reference(row, column)} in row {number}, after column {last}")
        last = column
        text = _cell_text(cell["value"])
        if text:
            _check_width(file, column)
            cells += [""] * (column - len(cells) - 1)
            cells.append(text)
    return cells


def _reference(row: int, column: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column)}{row}" if column <= MAX_SHEET_COLUMNS else f"column {column} of row {row}"


def _misplaced(file: Path, got: str) -> InputError:
    fix = "The workbook is damaged: save it again as .xlsx, or as CSV in UTF-8."
    return refuse("misplaced_cell", expected="rows and cells in the order of their references", got=got, where=str(file), fix=fix)


def _read_parquet(file: Path) -> pd.DataFrame:
    with reading(file, expected="a parquet file", fix="Write it again, or save the table as CSV in UTF-8.", code="not_parquet"):
        about = pq.read_metadata(file)
        _check_width(file, about.num_columns)
        _check_cells(file, about.num_rows, about.num_columns)
        table = pd.read_parquet(file)
        named = [name for name in table.index.names if name is not None]
        table = table.reset_index(level=named) if named else table
        table = pd.DataFrame(table.drop(columns="geometry", errors="ignore")).map(_cell_text)
    return table.set_axis(range(1, len(table) + 1))


def _cell_text(cell: object) -> str:
    """A cell of a typed file as text; whole numbers without a decimal point, so that an id stays an id."""
    if cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if not isinstance(cell, float | np.floating):
        return str(cell)
    number = float(cell)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
