"""The carbon account of cells and counties: sources, sinks and their difference; totals that say how much of them is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, examples, refuse, warn

FLOWS = ("carbon_source", "carbon_sink", "net_carbon_emission")


def carbon_account(carbon_source: pd.Series, carbon_sink: pd.Series) -> pd.DataFrame:
    """The account of each cell or county: source C, sink S, and net emission ``NE = C - S``, t CO2 a-1.

    Parameters
    ----------
    carbon_source, carbon_sink : Series
        Both >= 0 and in one index (`unit_id`, which may repeat over years), t CO2 a-1.

    Returns
    -------
    DataFrame
        carbon_source, carbon_sink, net_carbon_emission in the caller's index; NE > 0: the source dominates. NE is NaN where C or S is.

    Raises
    ------
    InputError
        A negative value (sinks are stored positive), or two indices.

    Notes
    -----
    Textbook form.

    Examples
    --------
    >>> cell = ["g18:R012C007"]
    >>> carbon_account(pd.Series([15473.3], cell), pd.Series([47751.7], cell))["net_carbon_emission"].round(1).tolist()
    [-32278.4]
    """
    if not carbon_sink.index.equals(carbon_source.index):
        raise refuse("not_aligned", expected="sources and sinks in one index", got="two", where="account", fix="Reindex one to the other.")
    account = pd.DataFrame({"carbon_source": carbon_source.astype(float), "carbon_sink": carbon_sink.astype(float)})
    for name, flow in account.items():
        negative = flow < 0
        if negative.any():
            raise refuse(
                "negative_flow",
                expected="sources and sinks >= 0, both stored positive",
                got=f"{flow.min():g} at {examples(flow.index[negative])}",
                where=f"account: {name}",
                fix="A negative source is a sink and the other way round: put it on the other side with its sign turned.",
            )
    account["net_carbon_emission"] = account["carbon_source"] - account["carbon_sink"]
    return account


def account_totals(accounts: pd.DataFrame, *, by: str | Sequence[str] = (), min_coverage: float = 0.98) -> pd.DataFrame:
    """Sum an account over its units for each year, and say which share of the area each sum covers.

    The coverage of a sum is ``sum of area of units with a known value / sum of area``, stored as ``<name>_coverage``.

    Parameters
    ----------
    accounts : DataFrame
        Index `unit_id`; `area_km2` (km2), any of carbon_source, carbon_sink, net_carbon_emission (t CO2 a-1); `year` optional.
    by : str or sequence of str
        Further columns to group by, e.g. ``"province"``.
    min_coverage : float
        Least coverage; below it the total is not known and the call is refused. Lowering it is an explicit choice.

    Returns
    -------
    DataFrame
        One row for each group in the order of first appearance: the group columns, n_units, area_km2, the sums and their coverages.

    Raises
    ------
    InputError
        A coverage below `min_coverage`; an area that is missing or negative.

    Warns
    -----
    DataWarning
        A coverage below 1; the message names the units.

    Notes
    -----
    A sum over known units only is a lower bound for sources and sinks; it is not scaled up.

    Examples
    --------
    >>> table = pd.DataFrame({"area_km2": [1.0, 3.0], "carbon_sink": [5.0, 7.0]}, index=["a", "b"])
    >>> account_totals(table)[["carbon_sink", "carbon_sink_coverage"]].values.tolist()
    [[12.0, 1.0]]
    """
    keys = [*(["year"] if "year" in accounts.columns else []), *([by] if isinstance(by, str) else by)]
    check_columns(accounts.columns, ["area_km2", *keys], where="accounts")
    area = accounts["area_km2"].astype(float)
    if not (area >= 0).all():
        bad = examples(accounts.index[~(area >= 0)])
        raise refuse("bad_area", expected="areas >= 0 km2", got=f"missing or negative at {bad}", where="accounts: area_km2", fix="Mend.")
    columns = [accounts[key].to_numpy() for key in keys] or [np.zeros(len(accounts), dtype=int)]
    table = pd.DataFrame({"n_units": area.groupby(columns, sort=False).size(), "area_km2": area.groupby(columns, sort=False).sum()})
    for name in (flow for flow in FLOWS if flow in accounts.columns):
        value = accounts[name].astype(float)
        known_area = area.where(value.notna(), 0.0).groupby(columns, sort=False).sum()
        table[name] = value.groupby(columns, sort=False).sum()
        coverage = (known_area / table["area_km2"]).where(table["area_km2"] > 0)
        table[f"{name}_coverage"] = coverage
        _check_coverage(name, value, coverage, min_coverage)
    return table.rename_axis(keys or ["region"]).reset_index()[[*keys, *table.columns]]


def _check_coverage(name: str, value: pd.Series, coverage: pd.Series, min_coverage: float) -> None:
    if value.notna().all():
        return
    unknown = examples(value.index[value.isna()].unique())
    low = coverage[~(coverage >= min_coverage)]
    if len(low):
        raise refuse(
            "coverage",
            expected=f"{name} known on at least {min_coverage:.0%} of the area",
            got=f"{low.min():.1%} at worst; not known: {unknown}",
            where=f"total of {name}" + ("" if len(coverage) == 1 else f", {examples(low.index)}"),
            fix="Fill the gaps (0 only where it is known to be zero), leave the units out, or lower min_coverage.",
        )
    warn(f"total of {name}: it covers {coverage.min():.2%} of the area; not known: {unknown}.")
