"""Emission statistics: totals per county, city or province, and the energy use they are reckoned from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from carbonshed.checks import InputError, Problem, check_columns, examples
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.readers.tables import county_table, read_county_table

TOTAL_WORDS = re.compile(r"\b(total|sum|all)\b|合计|总计|总量|全部", re.IGNORECASE)


def read_emissions(
    path: str | Path,
    *,
    id: str = "id",
    year: str = "year",
    years: Sequence[int] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> pd.DataFrame:
    """Read emissions per statistical unit and year: id, year, `carbon_source_t` (t CO2) or `carbon_source_c` (t C).

    Parameters
    ----------
    path, id, year, years, encoding, sheet
        As in `read_county_table`; the id may be of a county, a city or a province.

    Returns
    -------
    DataFrame
        Index `unit_id` (text), columns `year` and carbon_source (t CO2 a-1) and whatever other terms the table holds.

    Raises
    ------
    InputError
        With every error of the table; if it has no emission column.

    Warns
    -----
    DataWarning
        Columns that are not used; a CSV read as GB18030.
    """
    table = read_county_table(path, id=id, year=year, years=years, encoding=encoding, sheet=sheet)
    if "carbon_source" not in table:
        got = f"columns {examples(table.columns, 12)}"
        fix = "Name the emission column by its unit: t CO2 or t C."
        raise InputError(Problem("missing_column", "carbon_source_t or carbon_source_c", got, Path(path).name, fix))
    return table


def read_sector_emissions(
    path: str | Path, *, id: str = "id", year: str = "year", years: Sequence[int] | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Read emissions per statistical unit, year and sector: id, year, `sector`, `carbon_source_t` (t CO2) or `carbon_source_c` (t C).

    Parameters
    ----------
    path, id, year, years, encoding
        As in `read_county_table`.

    Returns
    -------
    DataFrame
        Index `unit_id` (text); columns `year`, `sector` and carbon_source (t CO2 a-1), sector by sector.

    Raises
    ------
    InputError
        With every error of the table; no sector or emission column; a sector that is the sum of the others.
    """
    raw = read_raw_table(path, encoding=encoding)
    where = Path(path).name
    check_columns(raw.columns, [id, year, "sector"], where=where)
    totals = [name for name in raw["sector"].dropna().unique() if TOTAL_WORDS.search(name)]
    if totals:
        fix = "Drop these rows: with the sectors beside them every tonne would count twice."
        raise InputError(Problem("sector_total", "sectors only", f"totals: {examples(totals)}", f"{where}, column sector", fix))
    tables, problems = [], list[Problem]()
    for name, rows in raw.fillna({"sector": "(empty)"}).groupby("sector", sort=False):
        try:
            table = county_table(rows.drop(columns="sector"), id=id, year=year, years=years, where=f"{where}, sector {name}")
            check_columns(table.columns, ["carbon_source"], where=f"{where}, sector {name}")
            tables.append(table[["year", "carbon_source"]].assign(sector=str(name)))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return pd.concat(tables)


def read_energy(
    path: str | Path,
    *,
    id: str = "id",
    year: str = "year",
    years: Sequence[int] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> pd.DataFrame:
    """Read energy use per statistical unit and year: id, year, `fuel`, `quantity`, optionally `quantity_unit` and `use`.

    Parameters
    ----------
    path, id, year, years, encoding, sheet
        As in `read_county_table`.

    Returns
    -------
    DataFrame
        Index `unit_id` (text), columns `year` (int), `fuel`, `quantity` (float, NaN = not known) and, where given, `quantity_unit`
        and `use`: what `energy_emission` takes.

    Raises
    ------
    InputError
        A column is missing, a quantity is no number, or a year is none.
    """
    raw = read_raw_table(path, encoding=encoding, sheet=sheet)
    where = Path(path).name
    check_columns(raw.columns, [id, year, "fuel", "quantity"], where=where)
    numbers = {column: pd.to_numeric(raw[column], errors="coerce") for column in (year, "quantity")}
    whole = numbers[year].notna() & (numbers[year] % 1 == 0)
    bad = {
        year: raw[year][~whole].fillna("(empty)"),
        "quantity": raw["quantity"][numbers["quantity"].isna() & raw["quantity"].notna()],
    }
    problems = [
        Problem(
            "not_a_number",
            "whole years" if column == year else "numbers",
            examples(f"{cell} (line {line})" for line, cell in cells.items()),
            f"{where}, column {column}",
            "Write plain numbers.",
        )
        for column, cells in bad.items()
        if len(cells)
    ]
    if problems:
        raise InputError(problems)
    table = pd.DataFrame({"year": numbers[year].to_numpy(dtype=np.int64), "fuel": raw["fuel"].to_numpy()})
    table["quantity"] = numbers["quantity"].to_numpy(dtype=float)
    table.index = pd.Index(raw[id].astype(str), name="unit_id")
    for column in ("quantity_unit", "use"):
        if column in raw:
            table[column] = raw[column].to_numpy()
    return table if years is None else table[table["year"].isin(list(years))]
