"""Totals of statistical units spread over pieces, year by year: each spread checks its own total and reports what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from carbonshed.accounting.allocation import allocate_with_report
from carbonshed.checks import check_conserved, refuse
from carbonshed.study.inputs import Inputs
from carbonshed.study.pipeline import StepOutput
from carbonshed.study.total_inputs import total_level


@dataclass(frozen=True)
class Totals:
    """Totals of statistical units: the table (index `unit_id`, column `year`), the unit of every piece, and their level."""

    table: pd.DataFrame
    within: pd.Series
    level: str


@dataclass
class Spreader:
    """Spreads totals over pieces and keeps the reports.

    Parameters
    ----------
    pieces : DataFrame
        Pieces of all years with class areas, `cell_id`, `county_id`, `area_km2`.
    output : StepOutput
        Gets the checks.
    reports : list of DataFrame
        One row a statistical unit, year and spread.
    """

    pieces: pd.DataFrame
    output: StepOutput
    reports: list[pd.DataFrame] = field(default_factory=list)

    def spread(
        self,
        totals: Totals,
        quantity: str,
        weights: pd.Series,
        *,
        allocation: str,
        part: str = "",
        fallbacks: Mapping[str, str] | None = None,
    ) -> np.ndarray:
        """Totals of `quantity` over the pieces by weights; units without any weight fall back on built-up, then on all land.

        Parameters
        ----------
        totals : Totals
        quantity : str
            Column of the table.
        weights : Series
            One for each piece and year, in the order of the pieces.
        allocation, part : str
            What the report calls the weights, and the part of the quantity (a sector, crops) that is spread.
        fallbacks : Mapping
            Name -> column of the pieces; default built-up area, then land area.
        """
        columns = {"built-up area": "built_up", "land area": "area_km2"} if fallbacks is None else fallbacks
        spread = np.zeros(len(self.pieces))
        of = f" ({part})" if part else ""
        for year in self.pieces["year"].unique():
            rows = (self.pieces["year"] == year).to_numpy()
            block = self.pieces.loc[rows]
            known = totals.table.loc[totals.table["year"] == year, quantity]
            proxy = pd.Series(weights.to_numpy()[rows], index=block.index, name=allocation)
            candidates = {name: block[column] for name, column in columns.items()}
            values, report = allocate_with_report(known, proxy, within=totals.within[rows], fallbacks=candidates)
            spread[rows] = values.to_numpy()
            row = {"what": f"{quantity}{of} by {allocation}: totals by {totals.level} = sum over pieces", "year": int(year)}
            self.output.checks.append(checked(row, float(known.sum()), float(np.nansum(spread[rows]))))
            told: dict[str, Any] = {"year": int(year), "quantity": quantity, "part": part, "level": totals.level, "allocation": allocation}
            self.reports.append(report.assign(**told))
        return spread


def statistical_totals(inputs: Inputs, pieces: pd.DataFrame, table: pd.DataFrame, level: str, role: str) -> Totals:
    """Totals of a table of `role` with the statistical unit of each piece; `level` may be ``auto``."""
    counties = inputs.counties
    found = "region" if counties is None else total_level(set(table.index), counties, level, role)
    return Totals(table, _units(pieces, counties, found), found)


def county_totals(pieces: pd.DataFrame, table: pd.DataFrame) -> Totals:
    """Totals of a table whose rows are counties."""
    return Totals(table, pieces["county_id"], "county")


def county_column(inputs: Inputs, pieces: pd.DataFrame, quantity: str) -> Totals:
    """Totals of a column of the county table."""
    table = inputs.county_table
    if table is None or quantity not in table:
        fix = f"Give [emissions], or {quantity}_t in [counties] table."
        raise refuse("no_source", expected=f"{quantity} per county or province", got="none", where="study.toml", fix=fix)
    return county_totals(pieces, table)


def _units(pieces: pd.DataFrame, counties: gpd.GeoDataFrame | None, level: str) -> pd.Series:
    if level in ("county", "region") or counties is None:
        return pieces["county_id"]
    return pieces["county_id"].map(counties[level])


def checked(row: dict[str, Any], before: float, after: float, *, tolerance: float = 1e-9) -> dict[str, Any]:
    """A check of a total, with its relative error; stops the run where it is above `tolerance`."""
    error = check_conserved(before, after, what=row["what"], tolerance=tolerance)
    return {**row, "before": before, "after": after, "relative_error": error}
