"""A long frame of cells or counties over years as a panel: one row a unit, one column a year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, examples, refuse, warn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Scalar = TypeVar("Scalar", bound=np.generic)

PANELS = ("strict", "drop")


@dataclass(frozen=True)
class YearPanel:
    """Where each unit and year of a long frame stands.

    Parameters
    ----------
    units : Index
        Ids in the order in which they first appear.
    years : array of int
        Rising.
    rows : array of int (units, years)
        Row of the frame, -1 where there is none.
    """

    units: pd.Index
    years: Integers
    rows: Integers

    def table(self, values: NDArray[Scalar], missing: object) -> NDArray[Scalar]:
        """A column of the frame as a table (units, years), with `missing` where the frame has no row."""
        table = np.full(self.rows.shape, missing, dtype=values.dtype)
        known = self.rows >= 0
        table[known] = values[self.rows[known]]
        return table


def year_panel(frame: pd.DataFrame, *, where: str) -> YearPanel:
    """Find the row of each unit and year.

    Parameters
    ----------
    frame : DataFrame
        Index `unit_id`, which repeats over the years of the column ``year``.
    where : str
        The calling function, for messages.

    Raises
    ------
    InputError
        If there is no column ``year``, a year is no whole number, or a unit stands twice in one year.

    Examples
    --------
    >>> year_panel(pd.DataFrame({"year": [2010, 2000, 2000]}, index=["a", "a", "b"]), where="example").rows.tolist()
    [[1, 0], [2, -1]]
    """
    check_columns(frame.columns, ["year"], where=where)
    given = pd.to_numeric(frame["year"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(given) | (given != np.floor(given))
    if wrong.any():
        got = examples(frame.index[wrong])
        raise refuse("no_year", expected="a year in each row", got=f"none, or no whole number, in rows {got}", where=where, fix="Fill it.")
    years, column = np.unique(given.astype(np.int64), return_inverse=True)
    code, units = pd.factorize(frame.index)
    twice = pd.DataFrame({"unit": code, "year": column}).duplicated().to_numpy()
    if twice.any():
        got = examples(f"{unit} in {int(year)}" for unit, year in zip(frame.index[twice], given[twice]))
        raise refuse("repeated_id", expected="each unit once a year", got=got, where=where, fix="Drop the repeated rows.")
    rows = np.full((len(units), years.size), -1, dtype=np.int64)
    rows[code, column] = np.arange(len(frame))
    return YearPanel(pd.Index(units, name=frame.index.name), years, rows)


def known_panel(frame: pd.DataFrame, column: str, *, panel: str, where: str) -> tuple[YearPanel, Floats, NDArray[np.bool_]]:
    """A column of numbers as a table (units, years), and which units are known in all years.

    Parameters
    ----------
    frame : DataFrame
        As in `year_panel`.
    column : str
    panel : {"strict", "drop"}
        ``strict`` refuses units that are missing in a year; ``drop`` leaves them out of all years and lists them.
    where : str
        The calling function, for messages.

    Returns
    -------
    panel, table, is_known
        `table` holds NaN where a value is not known.

    Raises
    ------
    InputError
        As in `year_panel`; if the column is absent or not of numbers, a value is infinite, or (``strict``) one is missing.

    Examples
    --------
    >>> frame = pd.DataFrame({"year": [2000, 2010, 2000, 2010], "t": [1.0, 2, 3, 4]}, index=["a", "a", "b", "b"])
    >>> known_panel(frame, "t", panel="strict", where="example")[1].tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    choose(panel, PANELS, where="panel")
    check_columns(frame.columns, [column], where=where)
    places = year_panel(frame, where=where)
    table = places.table(_numbers(frame[column], where), np.nan)
    known: NDArray[np.bool_] = np.asarray(~np.isnan(table).any(axis=1))
    if known.all():
        return places, table, known
    missing = [
        f"{unit} ({examples(places.years[np.isnan(row)], 3)})" for unit, row in zip(places.units[~known], table[~known], strict=True)
    ]
    if panel == "strict":
        raise refuse(
            "incomplete_panel",
            expected=f"a known {column} for each unit in each of {places.years.size} years",
            got=f"none for {examples(missing)}",
            where=where,
            fix='Add the values, or leave these units out of all years with panel = "drop".',
        )
    warn(f"{where}: {len(missing)} of {known.size} units have no {column} in some year and are left out of all: {examples(missing)}.")
    return places, table, known


def _numbers(values: pd.Series, where: str) -> Floats:
    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        got = f"{values.dtype}"
        raise refuse("not_numbers", expected=f"numbers in {values.name}", got=got, where=where, fix="Convert the column.") from error
    if np.isinf(numbers).any():
        got = f"infinite in {examples(values.index[np.isinf(numbers)])}"
        raise refuse("not_finite", expected="finite values", got=got, where=where, fix="Mend the ratio.")
    return numbers
