"""Two allocations side by side: the account of every cell and county by the one of the study and by another."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from carbonshed.spatial.cell_ids import coarse_ids
from carbonshed.study.frames import by_year

FLOWS = ["carbon_source", "carbon_source_compared", "carbon_sink"]


def allocation_comparison(
    pieces: pd.DataFrame, compared: np.ndarray, *, base_km: float, scales_km: Iterable[float], allocation: str, compared_with: str
) -> pd.DataFrame:
    """The account of every cell of every side, and of every county, by two allocations of the same totals.

    Parameters
    ----------
    pieces : DataFrame
        Columns year, cell_id, county_id, area_km2, carbon_source, carbon_sink (t CO2 a-1).
    compared : array
        carbon_source of the pieces by the other allocation.
    base_km, scales_km
        The finest side, and all sides, in km.
    allocation, compared_with : str
        Names of the two.

    Returns
    -------
    DataFrame
        Index `unit_id`; level (grid, county), scale_km (NaN for counties), year, area_km2, allocation, compared_with, carbon_source,
        carbon_source_compared, carbon_sink, net_carbon_emission, net_carbon_emission_compared.
    """
    table = pieces[["year", "cell_id", "county_id", "area_km2", "carbon_source", "carbon_sink"]].assign(carbon_source_compared=compared)
    parts = [_sums(table, "county_id").assign(level="county", scale_km=np.nan)]
    cells = _sums(table, "cell_id").reset_index(names="cell_id")
    known = cells["cell_id"].unique()
    for side in scales_km:
        ids = pd.Series(coarse_ids(known, round(side / base_km)), index=known)
        parts.append(_sums(cells.assign(unit_id=cells["cell_id"].map(ids)), "unit_id").assign(level="grid", scale_km=float(side)))
    result = pd.concat(parts).assign(allocation=allocation, compared_with=compared_with)
    for end in ("", "_compared"):
        result[f"net_carbon_emission{end}"] = result[f"carbon_source{end}"] - result["carbon_sink"]
    first = ["level", "scale_km", "year", "area_km2", "allocation", "compared_with", *FLOWS]
    return result[[*first, "net_carbon_emission", "net_carbon_emission_compared"]]


def _sums(table: pd.DataFrame, key: str) -> pd.DataFrame:
    sums = table.groupby(["year", key], sort=False)[["area_km2", *FLOWS]].sum(min_count=1)
    return sums.reset_index("year").rename_axis("unit_id")


def moved_share(main: np.ndarray, other: np.ndarray) -> float:
    """Share of a total that stands elsewhere in a second map of it: ``sum |a - b| / (2 sum a)``; NaN where there is none.

    >>> moved_share(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    0.25
    """
    total = float(np.nansum(main))
    return float(np.nansum(np.abs(main - other)) / (2 * total)) if total > 0 else float("nan")


def moved_shares(comparison: pd.DataFrame, base_km: float) -> dict[str, float]:
    """`moved_share` of the finest cells in each year."""
    finest = comparison[(comparison["level"] == "grid") & np.isclose(comparison["scale_km"], base_km)]
    pairs = ((year, rows["carbon_source"].to_numpy(), rows["carbon_source_compared"].to_numpy()) for year, rows in by_year(finest))
    return {str(year): moved_share(main, other) for year, main, other in pairs}
