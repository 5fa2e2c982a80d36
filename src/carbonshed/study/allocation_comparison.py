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


def compared_accounts(accounts: pd.DataFrame, comparison: pd.DataFrame) -> pd.DataFrame:
    """Accounts of the same cells or counties with the carbon source of the other allocation.

    Parameters
    ----------
    accounts : DataFrame
        Index `unit_id`; year, carbon_source, carbon_sink (t CO2 a-1), scale_km where the rows are cells.
    comparison : DataFrame
        As `allocation_comparison` gives it.
    """
    rows = comparison[comparison["level"] == ("grid" if "scale_km" in accounts else "county")]
    if "scale_km" in accounts:
        rows = rows[np.isclose(rows["scale_km"], accounts["scale_km"].iloc[0])]
    place = pd.MultiIndex.from_arrays([rows.index, rows["year"]]).get_indexer(pd.MultiIndex.from_arrays([accounts.index, accounts["year"]]))
    other = np.where(place < 0, np.nan, rows["carbon_source_compared"].to_numpy()[place])
    return accounts.assign(carbon_source=other, net_carbon_emission=other - accounts["carbon_sink"].to_numpy())


def zones_side_by_side(zones: pd.DataFrame, compared: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """The zone of each cell or county by either allocation.

    Parameters
    ----------
    zones, compared, accounts : DataFrame
        In one order: `zone`; `zone`; `year`, `area_km2`.

    Returns
    -------
    DataFrame
        Index `unit_id`; year, area_km2, zone, zone_compared, changes_zone (bool).
    """
    table = pd.DataFrame(
        {"year": accounts["year"], "area_km2": accounts["area_km2"], "zone": zones["zone"].to_numpy()}, index=accounts.index
    )
    table["zone_compared"] = compared["zone"].to_numpy()
    table["changes_zone"] = table["zone"] != table["zone_compared"]
    return table


def zone_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Cells or counties and area by their zone under either allocation, with their shares of the year.

    Parameters
    ----------
    table : DataFrame
        As `zones_side_by_side` gives it.

    Returns
    -------
    DataFrame
        year, zone, zone_compared, n_units, area_km2, units_share, area_share; shares of a year sum to 1.

    Examples
    --------
    >>> columns = {"year": 2019, "area_km2": [1.0, 3.0], "zone": ["payment", "payment"], "zone_compared": ["payment", "balanced"]}
    >>> zone_changes(pd.DataFrame(columns))[["zone_compared", "units_share", "area_share"]].values.tolist()
    [['balanced', 0.5, 0.75], ['payment', 0.5, 0.25]]
    """
    sums = table.groupby(["year", "zone", "zone_compared"])["area_km2"].agg(n_units="size", area_km2="sum").reset_index()
    years = sums.groupby("year")
    sums["units_share"] = sums["n_units"] / years["n_units"].transform("sum")
    sums["area_share"] = sums["area_km2"] / years["area_km2"].transform("sum")
    return sums
