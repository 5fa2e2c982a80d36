"""Tables of counties by year: foreign headers to registered columns, units by their suffix, and every problem in a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from carbonshed.checks import MAX_EXAMPLES, InputError, Problem, examples, nearest, warn
from carbonshed.quantities import CO2_PER_C
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.registry import term, terms

TEXT_TERMS = ("name", "city", "province", "is_district")
NUMBER_KINDS = ("extensive", "intensive", "money")
SIGNED = ("net_carbon_emission", "account_deficit", "carbon_account", "revised_deficit", "share_difference", "net_emission_density")
NEEDED_POSITIVE = ("gdp_yuan", "population", "area_km2")
NEEDED = ("fiscal_revenue_yuan", "engel_coefficient")
"""Zero or missing (of the second, missing) drops a county from the forms that need it: said, not stopped."""

LARGEST = 1e18
"""Of no county is any quantity larger in its unit: the world's yearly product is some 1e15 yuan."""

FEW_PERSONS = 100
GDP_A_HEAD = (100.0, 3e6)
SEVERAL = 3
"""Half of the counties of no study have fewer people (judged from several rows on), or a GDP a head beyond this."""

CARBON_WORDS = re.compile(r"carbon|co2|emission|碳|排放", re.IGNORECASE)
STOCK_WORDS = re.compile(r"stock|storage|储|存量|碳库", re.IGNORECASE)
"""With a word of carbon these name a stock, which is no yearly flow."""

MAX_HINTS = 20
"""Unknown columns for which the nearest term is looked for."""

NOTHING: Mapping[str, str] = MappingProxyType({})
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")


def read_county_table(
    path: str | Path,
    *,
    id: str,
    year: str = "year",
    years: Sequence[int] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> pd.DataFrame:
    """Read a long table of counties by year (CSV, Excel, parquet) into registered columns.

    Parameters
    ----------
    path : str or Path
        See `read_raw_table`.
    id, year : str
        Headers of the county's id and of the year.
    years : sequence of int, optional
        Years to keep; all by default. Rows of other years are not looked at.
    encoding, sheet : str, optional
        See `read_raw_table`.

    Returns
    -------
    DataFrame
        See `county_table`.

    Raises
    ------
    InputError
        With every problem of severity ``error`` that the table has by itself; see `county_table_problems`.

    Warns
    -----
    DataWarning
        Columns that are not used; a CSV read as GB18030.
    """
    raw = read_raw_table(path, encoding=encoding, sheet=sheet)
    return county_table(raw, id=id, year=year, years=years, where=Path(path).name)


def county_table(
    raw: pd.DataFrame,
    *,
    id: str,
    year: str = "year",
    years: Sequence[int] | None = None,
    also: Mapping[str, str] = NOTHING,
    where: str = "county table",
) -> pd.DataFrame:
    """A raw table in registered columns: headers and units resolved, ids text, years whole numbers, the rest numbers.

    A header is a term's name or input header: `carbon_source_t` (t CO2) becomes carbon_source. The suffix ``_c`` means carbon:
    `carbon_source_c` (t C) is multiplied by 44/12.

    Parameters
    ----------
    raw : DataFrame
        As from `read_raw_table`.
    id, year, years, where
        As in `read_county_table`; `where` names the table in messages.
    also : Mapping
        Further columns of numbers >= 0 that are no terms: header -> name of the column.

    Returns
    -------
    DataFrame
        Index `unit_id` (text, repeating over years), column `year` (int), then the terms in the order of the file. NaN = not known.

    Raises
    ------
    InputError
        With every error that the table has by itself.

    Examples
    --------
    >>> raw = pd.DataFrame({"code": ["110101"], "year": ["2020"], "carbon_source_c": ["3"]}, index=[2])
    >>> county_table(raw, id="code").reset_index().values.tolist()
    [['110101', 2020, 11.0]]
    """
    problems = _raw_problems(raw, id=id, year=year, years=years, also=also, where=where)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(errors)
    for problem in problems:
        warn(str(problem))
    rows = _rows_of(raw, year, years)
    table = pd.DataFrame({"year": rows[year].map(_whole_year).to_numpy(dtype=np.int64)})
    table.index = pd.Index(rows[id].astype(str), name="unit_id")
    for header, (name, factor) in _columns(raw, id, year, also).items():
        if factor is None:
            table[name] = rows[header].to_numpy()
        else:
            table[name] = _numbers(rows[header]).to_numpy() * factor
    return table


def county_table_problems(
    table: pd.DataFrame,
    *,
    ids: Iterable[str] | None = None,
    years: Sequence[int] | None = None,
    id: str = "unit_id",
    year: str = "year",
    also: Mapping[str, str] = NOTHING,
    where: str = "county table",
) -> list[Problem]:
    """Everything that is wrong or doubtful in a county table, as a list; an empty list where nothing is.

    Errors: a missing id or year column; text where a number is due; a carbon column without a known unit; a carbon stock, which is no
    yearly flow; (id, year) twice; negative values; an Engel coefficient in percent; a year without rows; a county without a row, in all
    years or in one; a row without a county.
    Warnings: columns that are not used (with the nearest term); GDP, population or area zero or missing.

    Parameters
    ----------
    table : DataFrame
        Raw, as from `read_raw_table`, or canonical, as from `county_table`.
    ids : iterable of str, optional
        The county ids of the boundaries. Without them rows and counties are not compared.
    years : sequence of int, optional
        The years of the study.
    id, year, where : str
        Headers of a raw table; name of the table in messages.
    also : Mapping
        As in `county_table`; such a column that is missing is an error.

    Returns
    -------
    list of Problem

    Examples
    --------
    >>> table = pd.DataFrame({"year": [2020], "population": [0.0]}, index=pd.Index(["A"], name="unit_id"))
    >>> [problem.code for problem in county_table_problems(table, ids=["A", "B"], years=[2020])]
    ['not_positive', 'county_without_row']
    """
    if table.index.name == "unit_id":
        raw = table.reset_index().set_axis(range(1, len(table) + 1))
        id, year = "unit_id", "year"
    else:
        raw = table
    problems = _raw_problems(raw, id=id, year=year, years=years, also=also, where=where)
    if any(problem.code in ("missing_column", "bad_year") for problem in problems):
        return problems
    rows = _rows_of(raw, year, years)
    problems += _doubts(rows, _columns(raw, id, year, also), id, where)
    return problems + _coverage_problems(rows, id, year, ids, years, where)


def _columns(raw: pd.DataFrame, id: str, year: str, also: Mapping[str, str]) -> dict[str, tuple[str, float | None]]:
    """For each header that is a term, or is asked for: its column name, and the factor to the stored unit (None for text)."""
    found: dict[str, tuple[str, float | None]] = {}
    headers = {each.header: name for name, each in terms().items() if each.header}
    for header in raw.columns:
        plain = header.removesuffix("_c")
        name = headers.get(header, header)
        if header in (id, year, "unit_id", "year"):
            continue
        if header in also:
            found[header] = (also[header], 1.0)
        elif name in TEXT_TERMS:
            found[header] = (name, None)
        elif name in terms() and term(name).kind in NUMBER_KINDS:
            found[header] = (name, 1.0)
        elif plain != header and plain in terms() and term(plain).unit.startswith("t CO2"):
            found[header] = (plain, CO2_PER_C)
    return found


def _raw_problems(
    raw: pd.DataFrame, *, id: str, year: str, years: Sequence[int] | None, also: Mapping[str, str], where: str
) -> list[Problem]:
    """What is wrong with a table by itself."""
    missing = [column for column in dict.fromkeys((id, year, *also)) if column not in raw]
    if missing:
        near = [f"{column!r} might be {found!r}" for column in missing if (found := nearest(column, raw.columns))]
        fix = f"Name the columns as they stand in the table{' (' + '; '.join(near) + ')' if near else ''}."
        if sum(not re.fullmatch(r"(\(\d+\))?", str(each).strip()) for each in raw.columns) == 1 < len(raw.columns):
            fix = "The first line holds the headers: take the title above them away."
        return [Problem("missing_column", f"columns {', '.join(missing)}", f"columns {examples(raw.columns, 12)}", where, fix)]
    bad_years = raw[year][raw[year].map(_whole_year).isna()]
    if len(bad_years):
        got = _cells(bad_years)
        return [Problem("bad_year", "years as whole numbers", got, f"{where}, column {year}", "Write 2020, not 2020年 or a date.")]
    rows, columns = _rows_of(raw, year, years), _columns(raw, id, year, also)
    problems = _header_problems(raw, columns, id, year, where)
    if rows[id].isna().any():
        lines = examples(rows.index[rows[id].isna()])
        problems.append(Problem("missing_id", "an id in every row", f"none in line {lines}", f"{where}, column {id}", "Fill it."))
    keys = pd.DataFrame({"id": rows[id].astype(str), "year": rows[year].map(_whole_year)})
    twice = keys[keys.duplicated()].drop_duplicates()
    if len(twice):
        got = f"twice or more: {examples(f'{a} {int(b)}' for a, b in zip(twice['id'], twice['year']))}"
        problems.append(Problem("duplicate_row", "one row for each county and year", got, where, "Keep one, or sum the parts."))
    for header, (name, factor) in columns.items():
        if factor is not None:
            problems += _number_problems(rows[header], name, f"{where}, column {header}")
    return problems


def _header_problems(raw: pd.DataFrame, columns: dict[str, tuple[str, float | None]], id: str, year: str, where: str) -> list[Problem]:
    problems, unknown = [], 0
    names = pd.Series([name for name, _ in columns.values()])
    for name in names[names.duplicated()].unique():
        headers = ", ".join(header for header, (each, _) in columns.items() if each == name)
        problems.append(Problem("same_term_twice", f"one column for {name}", headers, where, "Keep one of them."))
    known = [*terms(), *(each.header for each in terms().values() if each.header)]
    for header in raw.columns:
        if header in columns or header in (id, year, "unit_id", "year"):
            continue
        unknown += 1
        near = None
        if unknown <= MAX_HINTS:  # a comparison with all terms takes some milliseconds
            near = next((name for name in known if len(header) > 2 and name.startswith(header)), None) or nearest(header, known)
        first = re.sub(r" \(\d+\)$", "", header)
        if first != header and (first in columns or first in (id, year)):
            problems.append(Problem("same_term_twice", f"one column {first}", "two or more", where, "Keep one of them."))
            continue
        if CARBON_WORDS.search(header) and STOCK_WORDS.search(header):
            fix = "A stock is never added to or compared with a flow: drop the column, or give its change per year as a flow."
            problems.append(Problem("stock_not_flow", "yearly flows (carbon_source_t, carbon_sink_t)", f"{header}: a stock", where, fix))
            continue
        if CARBON_WORDS.search(header) and pd.to_numeric(raw[header], errors="coerce").notna().any():
            fix = f"Rename it to carbon_source_t or carbon_sink_t (t CO2), or *_c (t C){f'; nearest term: {near}' if near else ''}."
            problems.append(Problem("carbon_or_co2", "a registered carbon column, whose unit is known", header, where, fix))
            continue
        fix = f"The nearest term is {near!r}: rename it if that is meant." if near else "Nothing to do if it is not needed."
        problems.append(Problem("unknown_column", "registered terms", f"column {header!r}, which is not used", where, fix, "warning"))
    return problems


def _number_problems(cells: pd.Series, name: str, where: str) -> list[Problem]:
    values = _numbers(cells)
    text = cells[values.isna() & ~_is_missing(cells)]
    problems = []
    if len(text):
        fix = "Write plain numbers (no thousands separator, no unit); leave a cell empty where the value is not known."
        expected = f"numbers ({term(name).unit})" if name in terms() else "numbers"
        problems.append(Problem("not_a_number", expected, _cells(text), where, fix))
    if np.isinf(values).any():
        problems.append(Problem("infinite", "finite numbers", _cells(cells[np.isinf(values)]), where, "Mend the cells."))
    huge = np.isfinite(values) & (values.abs() > LARGEST)
    if huge.any():
        problems.append(Problem("too_large_number", f"numbers up to {LARGEST:g}", _cells(cells[huge]), where, "Mend the cells."))
    if name not in SIGNED and (values < 0).any():
        fix = "Mend the cells; sinks are stored positive." if "carbon" in name else "Mend the cells."
        problems.append(Problem("negative", "values >= 0", _cells(cells[values < 0]), where, fix))
    if name == "engel_coefficient" and (values >= 1).any():
        fix = "Divide by 100: 30.2 % is 0.302."
        problems.append(Problem("percent", "a fraction in (0, 1)", _cells(cells[values >= 1]), where, fix))
    return problems


def _doubts(rows: pd.DataFrame, columns: dict[str, tuple[str, float | None]], id: str, where: str) -> list[Problem]:
    """GDP, population or area that is zero or missing; fiscal revenue or Engel coefficient that is missing."""
    problems = []
    for header, (name, _) in columns.items():
        if name not in NEEDED_POSITIVE + NEEDED:
            continue
        values = _numbers(rows[header])
        lacking = rows.loc[values.isna() | ((values == 0) & (name in NEEDED_POSITIVE)), id]
        if len(lacking):
            fix = "These counties are left out of the forms that need it; fill the value if it is known."
            code, expected, got = (
                ("not_positive", f"{name} > 0", "zero or missing")
                if name in NEEDED_POSITIVE
                else ("empty", f"{name} of every county", "none")
            )
            got = f"{got} for {examples(lacking.unique())}"
            problems.append(Problem(code, expected, got, f"{where}, column {header}", fix, "warning"))
    return problems + _unit_doubts(rows, columns, where)


def _unit_doubts(rows: pd.DataFrame, columns: dict[str, tuple[str, float | None]], where: str) -> list[Problem]:
    """People and GDP a head that look like a yearbook's units, 10^4 persons (万人) or 10^8 yuan (亿元), by their medians."""
    values = {name: _numbers(rows[header]) for header, (name, _) in columns.items() if name in ("population", "gdp_yuan")}
    known = {name: numbers[np.isfinite(numbers) & (numbers > 0)] for name, numbers in values.items()}
    fix = "Write persons and yuan (a yearbook often gives 1e4 persons and 1e8 yuan); nothing to do if the numbers are true."
    people = known.get("population", pd.Series(dtype=float))
    if len(people) >= SEVERAL and people.median() < FEW_PERSONS:
        got = f"half of the counties below {people.median():,.6g}"
        return [Problem("unit_of_population", "population in persons", got, where, fix, "warning")]
    if len(known) < 2:
        return []
    a_head = (known["gdp_yuan"] / known["population"]).dropna()
    low, high = GDP_A_HEAD
    if len(a_head) and not low <= a_head.median() <= high:
        got = f"{a_head.median():,.3g} in the middle county"
        expected = f"a GDP of {low:,g} to {high:,g} yuan a person and year"
        return [Problem("unit_of_gdp", expected, got, where, fix, "warning")]
    return []


def _coverage_problems(
    rows: pd.DataFrame, id: str, year: str, ids: Iterable[str] | None, years: Sequence[int] | None, where: str
) -> list[Problem]:
    """Years without rows, counties without a row, rows without a county."""
    problems = []
    have = rows[year].map(_whole_year).astype("int64")
    found = set(have.unique())
    lost = [each for each in years or () if each not in found]
    if lost:
        got = f"none for {examples(lost, 20)}"
        fix = "Add the rows, or take the year out of [study] years."
        problems.append(Problem("missing_year", "rows for every year of the study", got, where, fix))
    if ids is None or rows.empty:
        return problems
    known, present = [str(each) for each in ids], rows[id].dropna().astype(str)  # a row without an id is named as such
    have = have[present.index]
    place, there = {each: number for number, each in enumerate(known)}, set(present.unique())
    strangers = [each for each in present.unique() if each not in place]
    if strangers:
        fix = "Mend the ids, or drop the rows."
        got = _with_nearest(strangers, known)
        problems.append(Problem("row_without_county", "ids of the boundaries", got, f"{where}, column {id}", fix))
    fix = "Add the rows, or set [accounting] panel = 'drop' to leave these counties out of all years."
    absent = [each for each in known if each not in there]
    if absent:
        got = f"none for {_with_nearest(absent, strangers or list(present.unique()))}"
        problems.append(Problem("county_without_row", "a row for every county", got, where, fix))
    for each in sorted(have.unique()):
        gone = sorted((place.keys() & there) - set(present[have == each]), key=place.__getitem__)
        if gone:
            problems.append(Problem("county_without_year", f"a row for every county in {each}", f"none for {examples(gone)}", where, fix))
    return problems


def _with_nearest(missing: list[str], known: list[str]) -> str:
    """The first missing ids, each with the nearest known one."""
    hints = [f"{each} (nearest: {nearest(each, known) or 'none'})" for each in missing[:MAX_EXAMPLES]]
    return examples([*hints, *missing[MAX_EXAMPLES:]])


def _rows_of(raw: pd.DataFrame, year: str, years: Sequence[int] | None) -> pd.DataFrame:
    return raw if years is None else raw[raw[year].map(_whole_year).isin(list(years))]


def _whole_year(cell: object) -> float:
    """A year as a number, NaN where it is none."""
    try:
        value = float(str(cell))
    except ValueError:
        return np.nan
    return value if value.is_integer() and 1000 <= value <= 9999 else np.nan


def _numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells.mask(_is_missing(cells)), errors="coerce").astype(float)


def _is_missing(cells: pd.Series) -> pd.Series:
    return cells.isna() | cells.isin(MISSING)


def _cells(cells: pd.Series) -> str:
    return examples(f"{cell!s} (line {line})" for line, cell in cells.items())
