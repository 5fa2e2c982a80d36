"""Frames of counties over years: their rows by year, their columns as numbers, and the ids that are reserved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
    wrong = list(ids[ids.isna()]) if isinstance(ids.dtype, pd.StringDtype) else [each for each in ids if not isinstance(each, str)]
    if wrong:
        raise refuse(
            "id_not_text",
            expected="an index of ids as text",
            got=examples(repr(each) for each in wrong),
            where=where,
            fix="Set the id column as the index, as text: frame.set_index('unit_id').",
        )
    reserved = [each for each in INSTITUTIONS if each in ids]
    if reserved and not institutions:
        raise refuse("reserved_id", expected="ids of counties", got=examples(reserved), where=where, fix="Rename these counties.")
    twice = _twice(ids, year_labels(frame))
    if twice.any():
        raise refuse(
            "duplicate_id",
            expected="each id once a year",
            got=examples(row_names(frame, twice)),
            where=where,
            fix="Add the column year, or drop the repeated rows.",
        )


def _twice(ids: pd.Index, years: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows whose id stands in an earlier row of the same year."""
    if ids.is_unique:
        return np.zeros(len(ids), dtype=bool)
    codes, labels = np.unique(years, return_inverse=True)[1], pd.factorize(ids)[0]
    return pd.Index(labels * (codes.max() + 1) + codes).duplicated()


def year_labels(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Year of each row; 0 throughout where the frame has no column ``year``."""
    if "year" not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    if frame["year"].dtype == np.int64:
        return frame["year"].to_numpy()
    years = pd.to_numeric(frame["year"], errors="coerce")
    if years.isna().any():
        raise refuse("no_year", expected="a year in each row", got="rows without one", where="year", fix="Fill the column year.")
    return years.to_numpy(dtype=np.int64)


def rows_by_year(frame: pd.DataFrame) -> list[tuple[int | None, Positions]]:
    """Years in ascending order, each with the positions of its rows; one group named None without a column ``year``."""
    if "year" not in frame:
        return [(None, np.arange(len(frame)))]
    years = year_labels(frame)
    order = np.argsort(years, kind="stable")
    labels, starts = np.unique(years[order], return_index=True)
    return [(int(year), rows) for year, rows in zip(labels, np.split(order, starts)[1:], strict=True)]


def counties_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of counties: without the fund and the upper level."""
    if not any(each in frame.index for each in INSTITUTIONS):
        return frame
    return frame[~frame.index.isin(INSTITUTIONS)]


def with_columns(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """`frame.assign(**columns)` of many columns at once, which is slow one by one."""
    if type(frame) is not pd.DataFrame or any(name in frame for name in columns):
        return frame.assign(**columns)
    whole = pd.concat([frame, pd.DataFrame(dict(columns), index=frame.index)], axis=1)
    whole.attrs = frame.attrs
    return whole


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
