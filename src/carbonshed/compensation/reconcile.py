"""The county account from a table and from the grid, held against one another: differences listed, one account made of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, examples, refuse, warn
from carbonshed.compensation.panel import check_panel, numbers, year_labels

Floats = NDArray[np.float64]

QUANTITIES = ("carbon_source", "carbon_sink")

PREFERENCES = ("table", "grid", "grid_scaled")


def account_differences(
    table: pd.DataFrame, grid: pd.DataFrame, *, quantities: Sequence[str] = QUANTITIES, tolerance: float = 0.05
) -> pd.DataFrame:
    """Where two accounts of the same counties differ, county by county and year by year.

    ``difference = grid - table`` [t CO2 a-1], ``relative_difference = (grid - table) / max(|grid|, |table|)`` [1].

    Parameters
    ----------
    table, grid : DataFrame, index ``unit_id``
        Accounts with `quantities` and, where they span years, ``year``: from statistics, and summed from cells.
    quantities : sequence of str
        Columns that both have.
    tolerance : float
        Relative difference above which a row differs (``is_different``).

    Returns
    -------
    DataFrame, one row a county, year and quantity
        ``unit_id``, ``year`` (missing without years), ``quantity``, ``table``, ``grid``, ``difference``, ``relative_difference``,
        ``found_in`` (both, table, grid, neither: where it has a value), ``is_different`` (also where only one has a value). Ordered by
        quantity, then as in `table`, then what only `grid` has.

    Raises
    ------
    InputError
        If a column is missing, an id stands twice a year, only one frame has years, or a value is negative.

    Examples
    --------
    >>> table = pd.DataFrame({"carbon_source": [100.0, 50.0]}, index=["a", "b"])
    >>> grid = pd.DataFrame({"carbon_source": [102.0, 80.0]}, index=["a", "b"])
    >>> account_differences(table, grid, quantities=["carbon_source"])[["difference", "is_different"]].to_numpy().tolist()
    [[2.0, False], [30.0, True]]
    """
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise refuse("tolerance", expected="a share >= 0", got=repr(tolerance), where="tolerance", fix="0.05 is five per cent.")
    keys = _keys(table, grid)
    years = pd.array(list(keys.get_level_values(1)) if "year" in table else [pd.NA] * len(keys), dtype="Int64")
    parts = []
    for quantity in quantities:
        left, right = (_values(frame, quantity, keys, name) for frame, name in ((table, "table"), (grid, "grid")))
        larger = np.fmax(np.abs(left), np.abs(right))
        relative = np.divide(right - left, larger, out=np.zeros(larger.size), where=larger > 0)
        relative[np.isnan(left) | np.isnan(right)] = np.nan
        held = np.select(
            [~np.isnan(left) & ~np.isnan(right), ~np.isnan(left), ~np.isnan(right)], ["both", "table", "grid"], default="neither"
        )
        parts.append(
            pd.DataFrame(
                {
                    "unit_id": keys.get_level_values(0),
                    "year": years,
                    "quantity": quantity,
                    "table": left,
                    "grid": right,
                    "difference": right - left,
                    "relative_difference": relative,
                    "found_in": held,
                    "is_different": np.where(held == "both", np.abs(relative) > tolerance, held != "neither"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def reconcile_accounts(
    table: pd.DataFrame,
    grid: pd.DataFrame,
    *,
    prefer: str = "table",
    quantities: Sequence[str] = QUANTITIES,
    panel: str = "strict",
    tolerance: float = 0.05,
) -> pd.DataFrame:
    """One account of both: the preferred value where it is known, the other's where it is not, and which one it was.

    ``grid_scaled``: the grid's pattern with the table's sum, ``grid_i sum_known(table) / sum_known(grid)`` in each year, over the
    counties that both know.

    Parameters
    ----------
    table, grid : DataFrame, index ``unit_id``
        As in `account_differences`.
    prefer : {"table", "grid", "grid_scaled"}
    panel : {"strict", "drop"}
        A county that neither frame has in some year stops the call, or is left out of all years and listed.
    tolerance : float
        Relative difference above which counties are counted in the warning.

    Returns
    -------
    DataFrame
        The rows of the preferred frame (`table` for ``grid_scaled``) in its order and CRS, then those that only the other has, with the
        reconciled `quantities`, ``<quantity>_origin`` (table, grid, grid_scaled; missing where nothing is known) and
        ``net_carbon_emission`` where both source and sink are among the quantities.

    Raises
    ------
    InputError
        As `account_differences`; a county absent in some year with ``panel = "strict"``; nothing to scale.

    Warns
    -----
    DataWarning
        How many counties differ by more than `tolerance`, by quantity; what was filled from the other frame; what was left out.

    Examples
    --------
    >>> table = pd.DataFrame({"carbon_source": [100.0, float("nan")]}, index=["a", "b"])
    >>> grid = pd.DataFrame({"carbon_source": [101.0, 80.0]}, index=["a", "b"])
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     both = reconcile_accounts(table, grid, quantities=["carbon_source"])
    >>> both[["carbon_source", "carbon_source_origin"]].to_numpy().tolist()
    [[100.0, 'table'], [80.0, 'grid']]
    """
    choose(prefer, PREFERENCES, where="prefer")
    choose(panel, ("strict", "drop"), where="panel")
    listed = account_differences(table, grid, quantities=quantities, tolerance=tolerance)
    first, second = (grid, table) if prefer == "grid" else (table, grid)
    rows = _rows(first, second)
    keys = _pairs(rows)
    for quantity in quantities:
        part = listed[listed["quantity"] == quantity]
        place = pd.MultiIndex.from_arrays([part["unit_id"], part["year"].fillna(0).astype("int64")]).get_indexer(keys)
        values = {name: part[name].to_numpy()[place] for name in ("table", "grid")}
        rows[quantity], rows[f"{quantity}_origin"] = _chosen(values, prefer, year_labels(rows), quantity)
    _tell(listed, quantities, tolerance, rows)
    kept = _complete(rows, panel)
    if {"carbon_source", "carbon_sink"} <= set(quantities):
        kept["net_carbon_emission"] = kept["carbon_source"] - kept["carbon_sink"]
    return kept


def _pairs(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([frame.index.astype(str), year_labels(frame)])


def _keys(table: pd.DataFrame, grid: pd.DataFrame) -> pd.MultiIndex:
    """Ids and years of both frames: those of the table, then what only the grid has."""
    if ("year" in table) != ("year" in grid):
        raise refuse("no_year", expected="a column year in both accounts", got="in one only", where="reconcile", fix="Add it to the other.")
    for frame, name in ((table, "table"), (grid, "grid")):
        check_panel(frame, where=name)
    return _pairs(table).append(_pairs(grid).difference(_pairs(table), sort=False))


def _values(frame: pd.DataFrame, quantity: str, keys: pd.MultiIndex, name: str) -> Floats:
    check_columns(frame.columns, [quantity], where=name)
    signed = quantity == "net_carbon_emission"
    place = _pairs(frame).get_indexer(keys)
    return np.where(place >= 0, numbers(frame, quantity, where=name, negative=signed)[place], np.nan)


def _rows(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """All rows of the first frame, then the rows that only the second has."""
    extra = second[~_pairs(second).isin(_pairs(first))]
    return first.copy() if extra.empty else pd.concat([first, extra])


def _chosen(values: dict[str, Floats], prefer: str, years: NDArray[np.int64], quantity: str) -> tuple[Floats, NDArray[np.object_]]:
    """The reconciled values and where each is from."""
    table, grid = values["table"], values["grid"].copy()
    if prefer == "grid_scaled":
        for year in np.unique(years):
            rows = years == year
            both = rows & ~np.isnan(table) & ~np.isnan(grid)
            total = float(grid[both].sum())
            if total == 0 and float(table[both].sum()) != 0:
                fix = "Use prefer = 'table' or 'grid'."
                raise refuse("nothing_to_scale", expected="cells above 0", got="only zeros", where=f"{quantity}, {year}", fix=fix)
            grid[rows] *= float(table[both].sum()) / total if total else 1.0
    names = {"table": ("table", "grid"), "grid": ("grid", "table"), "grid_scaled": ("grid_scaled", "table")}[prefer]
    best, other = (table, grid) if prefer == "table" else (grid, table)
    origin = np.select([~np.isnan(best), ~np.isnan(other)], list(names), default="").astype(object)
    origin[origin == ""] = None
    return np.where(np.isnan(best), other, best), origin


def _tell(listed: pd.DataFrame, quantities: Sequence[str], tolerance: float, rows: pd.DataFrame) -> None:
    """One warning a quantity: how many differ, the largest, and what one frame alone has."""
    for quantity in quantities:
        part = listed[(listed["quantity"] == quantity) & listed["is_different"].astype(bool)]
        far = part[part["found_in"] == "both"]
        said = []
        if len(far):
            order = far["relative_difference"].abs().sort_values(ascending=False, kind="stable").index
            shown = examples(f"{row.unit_id}{_of(row.year)} {row.relative_difference:+.0%}" for row in far.loc[order].itertuples())
            said.append(f"{len(far)} of {len(rows)} rows differ by more than {tolerance:g} (grid against table): {shown}")
        for name in ("table", "grid"):
            alone = part[part["found_in"] == name]
            if len(alone):
                said.append(f"only the {name} knows {examples(f'{row.unit_id}{_of(row.year)}' for row in alone.itertuples())}")
        if said:
            warn(f"{quantity}: {'; '.join(said)}.")


def _of(year: object) -> str:
    return "" if year is pd.NA else f" ({year})"


def _complete(rows: pd.DataFrame, panel: str) -> pd.DataFrame:
    """Refuse, or leave out and list, counties that stand in neither frame in some year."""
    if "year" not in rows:
        return rows
    count = rows["year"].nunique()
    partly = rows.index.value_counts().loc[lambda n: n < count].index
    if partly.empty:
        return rows
    order = [each for each in dict.fromkeys(rows.index) if each in set(partly)]
    if panel == "strict":
        raise refuse(
            "county_without_year",
            expected="every county in every year, in the table or the grid",
            got=f"{examples(order)} absent in some year",
            where="reconcile_accounts",
            fix="Add the rows, move the codes with a crosswalk, or use panel = 'drop' to leave these counties out of all years.",
        )
    warn(f"left out of all years, being absent in some: {examples(order, 20)}.")
    return rows[~rows.index.isin(partly)].copy()
