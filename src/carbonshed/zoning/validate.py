"""What zones hold and how they change: totals by zone, transitions between years, agreement of two zonings."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from carbonshed.checks import check_columns, check_conserved, examples, refuse, warn
from carbonshed.zoning.indicators import column_of, unit_ids, years_of
from carbonshed.zoning.name import MISSING, ZONES

Floats = NDArray[np.float64]

ALL_ZONES = (*ZONES, MISSING)
SUMMED = ("area_km2", "carbon_source", "carbon_sink", "net_carbon_emission")


def _keys(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([unit_ids(frame), years_of(frame)], names=["unit_id", "year"])


def _beside(zones: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Accounts in the order of the zones; refuses tables that do not hold the same cells and years."""
    asked, had = _keys(zones), _keys(accounts)
    for table, keys in (("zones", asked), ("accounts", had)):
        if not keys.is_unique:
            raise refuse(
                "repeated_unit",
                expected="each unit_id once a year",
                got=examples(keys[keys.duplicated()].get_level_values(0)),
                where=table,
                fix="Add the column `year`.",
            )
    odd = asked.symmetric_difference(had)
    if len(odd):
        raise refuse(
            "other_units",
            expected="zones and accounts of the same cells and years",
            got=f"{len(odd)} in one table only: {examples(odd.get_level_values(0))}",
            where="accounts",
            fix="Give the accounts that the zones were made from.",
        )
    return accounts.iloc[had.get_indexer(asked)]


def _sum_known(values: Floats) -> float:
    return math.fsum(values[~np.isnan(values)])


def zone_summary(zones: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Number, area and carbon of each zone and year, with a row `missing` so that the sums are those of the region.

    Parameters
    ----------
    zones : DataFrame
        `zone`, and `year` where there are several.
    accounts : DataFrame
        The same cells and years: `area_km2`, `carbon_source`, `carbon_sink`, and `net_carbon_emission` (else source - sink). Sums are over
        what is known; a warning says where something is not.

    Returns
    -------
    DataFrame
        `year` (where given), `zone` (payment, balanced, recipient, missing), `n_units`, `area_km2` (km2), `carbon_source`, `carbon_sink`,
        `net_carbon_emission` (t CO2 a-1).

    Raises
    ------
    InputError
        Tables of different cells or years.
    ConservationError
        Where the zones do not add up to the region (1e-9 relative).

    Examples
    --------
    >>> accounts = pd.DataFrame({"area_km2": [1.0, 2.0], "carbon_source": [5.0, 1.0], "carbon_sink": [1.0, 4.0]}, index=["a", "b"])
    >>> zone_summary(pd.DataFrame({"zone": ["payment", "recipient"]}, index=["a", "b"]), accounts)["net_carbon_emission"].tolist()
    [4.0, 0.0, -3.0, 0.0]
    """
    check_columns(zones.columns, ["zone"], where="zones")
    check_columns(accounts.columns, SUMMED[:3], where="accounts")
    beside = _beside(zones, accounts)
    values = {name: column_of(beside, name, negative=True) for name in SUMMED if name in beside.columns}
    values.setdefault("net_carbon_emission", values["carbon_source"] - values["carbon_sink"])
    for name, column in values.items():
        if np.isnan(column).any():
            warn(f"{name} is not known for {examples(unit_ids(beside)[np.isnan(column)])}: the zones sum what is known.")
    years, named = years_of(zones), zones["zone"].to_numpy()
    rows = []
    for year in np.unique(years):
        for zone in ALL_ZONES:
            here = (years == year) & (named == zone)
            sums = {name: _sum_known(column[here]) for name, column in values.items()}
            rows.append({"year": int(year), "zone": zone, "n_units": int(here.sum()), **{name: sums[name] for name in SUMMED}})
    summary = pd.DataFrame(rows)
    for name in SUMMED[:3]:
        check_conserved(_sum_known(values[name]), math.fsum(summary[name]), what=f"{name} of the zones")
    return summary if "year" in zones.columns else summary.drop(columns="year")


def zone_transitions(zones: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Area that goes from each zone to each zone, from one year to the next.

    Returns
    -------
    DataFrame
        `year_from`, `year_to`, `zone_from`, `zone_to`, `n_units`, `area_km2` (km2, of the later year); only pairs that occur.

    Raises
    ------
    InputError
        Fewer than two years, or tables of different cells or years.

    Examples
    --------
    >>> frame = pd.DataFrame({"year": [2000, 2010], "zone": ["payment", "balanced"], "area_km2": 3.0}, index=["a", "a"])
    >>> zone_transitions(frame, frame).values.tolist()
    [[2000, 2010, 'payment', 'balanced', 1, 3.0]]
    """
    check_columns(zones.columns, ["zone", "year"], where="zones")
    check_columns(accounts.columns, ["area_km2"], where="accounts")
    years = sorted({int(year) for year in years_of(zones)})
    if len(years) < 2:
        raise refuse("one_year", expected="at least two years", got=examples(years), where="year", fix="Give zones of several years.")
    table = pd.DataFrame(
        {
            "id": unit_ids(zones),
            "year": years_of(zones),
            "zone": zones["zone"].to_numpy(),
            "area": _beside(zones, accounts)["area_km2"].to_numpy(),
        }
    )
    parts = []
    for before, after in pairwise(years):
        pair = table[table["year"] == before].merge(table[table["year"] == after], on="id", suffixes=("_from", "_to"), how="inner")
        sums = pair.groupby(["zone_from", "zone_to"]).agg(n_units=("id", "size"), area_km2=("area_to", "sum")).reset_index()
        parts.append(sums.assign(year_from=before, year_to=after))
    return pd.concat(parts, ignore_index=True)[["year_from", "year_to", "zone_from", "zone_to", "n_units", "area_km2"]]


def agreement(first: ArrayLike, second: ArrayLike) -> dict[str, float]:
    """Adjusted Rand index and normalised mutual information of two zonings of the same cells; names do not matter.

    1 for equal partitions; the expected adjusted Rand index of independent ones is 0. Source: Hubert and Arabie (1985), textbook form.

    >>> agreement(["a", "a", "b"], ["x", "x", "y"])
    {'ari': 1.0, 'nmi': 1.0}
    """
    one, two = np.asarray(first, dtype=str), np.asarray(second, dtype=str)
    if one.shape != two.shape:
        raise refuse("lengths", expected="zonings of the same cells", got=f"{one.shape} and {two.shape}", where="zones", fix="Align them.")
    return {"ari": float(adjusted_rand_score(one, two)), "nmi": float(normalized_mutual_info_score(one, two))}
