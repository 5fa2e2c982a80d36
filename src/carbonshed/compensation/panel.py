"""Frames of counties over years: their rows by year, their columns as numbers, and the ids that are reserved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, examples, refuse

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

FUND = "fund"
"""Id of the regional fund: it pays or receives what a closure leaves over."""

UPPER_LEVEL = "upper_level"
"""Id of the province or centre that pays what the fiscal caps leave over."""

INSTITUTIONS = (FUND, UPPER_LEVEL)


def check_panel(frame: pd.DataFrame, *, where: str, institutions: bool = False) -> None:
    """Refuse a frame whose ids are not text, are reserved (unless `institutions`), or stand twice in one year."""
    ids = frame.index
    wrong = [each for each in ids if not isinstance(each, str)]
    if wrong:
        raise refuse(
            "id_not_text",
            expected="an index of ids as text",
            got=examples(repr(each) for each in wrong),
            where=where,
            fix="Set the id column as the index, as text: frame.set_index('unit_id').",
        )
    reserved = sorted(set(ids) & set(INSTITUTIONS))
    if reserved and not institutions:
        raise refuse("reserved_id", expected="ids of counties", got=examples(reserved), where=where, fix="Rename these counties.")
    twice = pd.MultiIndex.from_arrays([ids, year_labels(frame)]).duplicated()
    if twice.any():
        raise refuse(
            "duplicate_id",
            expected="each id once a year",
            got=examples(row_names(frame, twice)),
            where=where,
            fix="Add the column year, or drop the repeated rows.",
        )


def year_labels(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Year of each row; 0 throughout where the frame has no column ``year``."""
    if "year" not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    years = pd.to_numeric(frame["year"], errors="coerce")
    if years.isna().any():
        raise refuse("no_year", expected="a year in each row", got="rows without one", where="year", fix="Fill the column year.")
    return years.to_numpy(dtype=np.int64)


def rows_by_year(frame: pd.DataFrame) -> list[tuple[int | None, Positions]]:
    """Years in ascending order, each with the positions of its rows; one group named None without a column ``year``."""
    if "year" not in frame:
        return [(None, np.arange(len(frame)))]
    years = year_labels(frame)
    return [(int(year), np.flatnonzero(years == year)) for year in np.unique(years)]


def row_names(frame: pd.DataFrame, rows: NDArray[np.bool_]) -> list[str]:
    """The rows for a message: ``"U131028 (2007)"``."""
    names = [str(each) for each in frame.index[rows]]
    if "year" not in frame:
        return names
    return [f"{name} ({year})" for name, year in zip(names, frame["year"].to_numpy()[rows], strict=True)]


def numbers(frame: pd.DataFrame, column: str, *, where: str, negative: bool = False) -> Floats:
    """A column as float64, NaN where missing; text, infinite and (unless `negative`) negative values are refused."""
    check_columns(frame.columns, [column], where=where)
    try:
        values = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise refuse(
            "not_numeric",
            expected="numbers",
            got=str(frame[column].dtype),
            where=f"{where}: {column}",
            fix="Convert the column to numbers.",
        ) from None
    with np.errstate(invalid="ignore"):
        bad = np.isinf(values) if negative else np.isinf(values) | (values < 0)
    if bad.any():
        expected = "finite numbers" if negative else "finite numbers >= 0"
        got = examples(f"{name}: {value:g}" for name, value in zip(row_names(frame, bad), values[bad], strict=True))
        raise refuse(
            "negative", expected=expected, got=got, where=f"{where}: {column}", fix="Correct the values, or leave unknown ones empty."
        )
    return values


def per_year(frame: pd.DataFrame, compute: Callable[[Positions], Floats]) -> Floats:
    """`compute` on the rows of each year, put back in the order of the frame."""
    result = np.full(len(frame), np.nan)
    for _, rows in rows_by_year(frame):
        result[rows] = compute(rows)
    return result


def listed(frame: pd.DataFrame, rows: NDArray[np.bool_]) -> str:
    """The ids of the rows for a warning, each once; at most 20, then the number left off."""
    return examples(dict.fromkeys(str(each) for each in frame.index[rows]), 20)
