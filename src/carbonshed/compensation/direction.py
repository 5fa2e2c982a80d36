"""In which direction money goes: net payers and recipients by province or city, and whether the poor pay the rich."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, choose
from carbonshed.compensation.panel import counties_of, numbers, rows_by_year

LEVELS = ("province", "city")


def compensation_direction(compensation: pd.DataFrame, *, by: str = "province") -> pd.DataFrame:
    """Net payers and net recipients by province or city.

    ``net_compensation = sum receivable - sum payable`` [yuan a-1]; ``share_of_gdp = net_compensation / G`` [1].

    Parameters
    ----------
    compensation : DataFrame
        ``payable``, ``receivable`` (after closure and cap; unknown amounts are left out and counted), ``gdp_yuan``, ``population``,
        and the column `by`.
    by : {"province", "city"}

    Returns
    -------
    DataFrame, one row a year and group, in the order in which groups first appear
        ``year``, `by`, ``n_units``, ``n_missing``, ``payable``, ``receivable``, ``net_compensation``, ``gdp_yuan``, ``population``,
        ``share_of_gdp``, ``gdp_per_head``, ``side``. Ratios are NaN where GDP or population is not known for a member.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> toy = pd.DataFrame({"province": ["X", "Y"], "payable": [5.0, 0.0], "receivable": [0.0, 5.0], "gdp_yuan": [500.0, 100.0],
    ...                     "population": [5.0, 2.0]}, index=["a", "b"])
    >>> compensation_direction(toy)[["province", "net_compensation", "share_of_gdp", "side"]].to_numpy().tolist()
    [['X', -5.0, -0.01, 'payer'], ['Y', 5.0, 0.05, 'recipient']]
    """
    choose(by, LEVELS, where="direction: by")
    check_columns(compensation.columns, [by, "payable", "receivable", "gdp_yuan", "population"], where="compensation")
    counties = counties_of(compensation)
    sums = {name: numbers(counties, name, where="compensation") for name in ("payable", "receivable", "gdp_yuan", "population")}
    given = {side: np.where(np.isnan(sums[side]), 0.0, sums[side]) for side in ("payable", "receivable")}
    group, names = pd.factorize(counties[by])
    table = []
    for year, rows in rows_by_year(counties):
        for code, name in enumerate(names):
            members = rows[group[rows] == code]
            if members.size == 0:
                continue
            paid, received = (float(given[side][members].sum()) for side in ("payable", "receivable"))
            gdp, population = (float(sums[size][members].sum()) for size in ("gdp_yuan", "population"))
            net = received - paid
            table.append(
                {
                    "year": year,
                    by: name,
                    "n_units": members.size,
                    "n_missing": int(np.isnan(sums["payable"][members]).sum()),
                    "payable": paid,
                    "receivable": received,
                    "net_compensation": net,
                    "gdp_yuan": gdp,
                    "population": population,
                    "share_of_gdp": net / gdp if gdp > 0 else np.nan,
                    "gdp_per_head": gdp / population if population > 0 else np.nan,
                    "side": "payer" if net < 0 else "recipient" if net > 0 else "none",
                }
            )
    return pd.DataFrame(table)


@dataclass(frozen=True)
class DirectionCheck:
    """One year's direction, as data for a sentence.

    Parameters
    ----------
    year : int or None
    by : str
        ``province`` or ``city``.
    payers, recipients : tuples of str
        Net payers and net recipients, the largest first.
    payer_gdp_per_head, recipient_gdp_per_head : float
        Yuan a head over each side together; NaN where a side is empty or not known.
    poor_pay_rich : bool or None
        True where the payers' GDP per head is below the recipients'; None where it is not known.
    largest_share_of_gdp : float
        Largest ``-net_compensation / GDP`` of a payer.
    """

    year: int | None
    by: str
    payers: tuple[str, ...]
    recipients: tuple[str, ...]
    payer_gdp_per_head: float
    recipient_gdp_per_head: float
    poor_pay_rich: bool | None
    largest_share_of_gdp: float


def direction_checks(compensation: pd.DataFrame, *, by: str = "province") -> tuple[DirectionCheck, ...]:
    """Whether poor groups pay rich ones, year by year.

    Parameters
    ----------
    compensation, by
        As `compensation_direction`.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> toy = pd.DataFrame({"province": ["X", "Y"], "payable": [5.0, 0.0], "receivable": [0.0, 5.0], "gdp_yuan": [500.0, 100.0],
    ...                     "population": [5.0, 2.0]}, index=["a", "b"])
    >>> direction_checks(toy)[0].poor_pay_rich
    False
    """
    table = compensation_direction(compensation, by=by)
    checks = []
    for _, part in table.groupby("year", dropna=False, sort=True):
        pays = part[part["side"] == "payer"].sort_values("net_compensation", kind="stable")
        gets = part[part["side"] == "recipient"].sort_values("net_compensation", ascending=False, kind="stable")
        heads = [_gdp_per_head(side) for side in (pays, gets)]
        known = not np.isnan(heads).any()
        checks.append(
            DirectionCheck(
                year=None if part["year"].isna().all() else int(part["year"].iloc[0]),
                by=by,
                payers=tuple(pays[by]),
                recipients=tuple(gets[by]),
                payer_gdp_per_head=heads[0],
                recipient_gdp_per_head=heads[1],
                poor_pay_rich=bool(heads[0] < heads[1]) if known else None,
                largest_share_of_gdp=float((-pays["share_of_gdp"]).max()) if len(pays) else np.nan,
            )
        )
    return tuple(checks)


def _gdp_per_head(side: pd.DataFrame) -> float:
    gdp, population = float(side["gdp_yuan"].sum(skipna=False)), float(side["population"].sum(skipna=False))
    return gdp / population if population > 0 else float("nan")
