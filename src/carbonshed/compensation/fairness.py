"""Is it fair: inequality between counties before and after payment, what a payment weighs, and rules for dividing too little money."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, refuse, warn
from carbonshed.compensation.panel import check_panel, counties_of, listed, numbers, rows_by_year
from carbonshed.compensation.shortfall import RULES, share_shortfall
from carbonshed.numerics.inequality import concentration_index, gini, theil_t

Floats = NDArray[np.float64]

BASES = ("gdp_yuan", "fiscal_revenue_yuan")

CLAIMS = {"payer": "payable_before", "recipient": "receivable_before"}


def payment_shares(compensation: pd.DataFrame) -> pd.DataFrame:
    """What each county owes, pays and receives as a share of its GDP and of its public revenue.

    ``owed_share = payable_before / base``, ``paid_share = payable / base``, ``received_share = receivable / base`` [1], for the bases GDP
    and fiscal revenue. Owed: before closure and cap; paid and received: after.

    Parameters
    ----------
    compensation : DataFrame, index ``unit_id``
        ``payable_before``, ``payable``, ``receivable`` (yuan a-1), and ``gdp_yuan``, ``fiscal_revenue_yuan`` as far as known.

    Returns
    -------
    DataFrame in the caller's index
        ``year`` (where given), ``owed_share_of_gdp``, ``paid_share_of_gdp``, ``received_share_of_gdp`` and the same ``_of_revenue``;
        NaN where the base is zero, missing or has no column.

    Raises
    ------
    InputError
        If a column of amounts is missing, or an amount or base is negative.

    Examples
    --------
    >>> toy = pd.DataFrame({"payable_before": [9.0], "payable": [3.0], "receivable": [0.0], "gdp_yuan": [300.0]}, index=["a"])
    >>> payment_shares(toy)[["owed_share_of_gdp", "paid_share_of_gdp"]].to_numpy().tolist()
    [[0.03, 0.01]]
    """
    result = compensation[["year"]].copy() if "year" in compensation else pd.DataFrame(index=compensation.index)
    for base, name in zip(BASES, ("gdp", "revenue"), strict=True):
        whole = numbers(compensation, base, where="compensation") if base in compensation else np.full(len(compensation), np.nan)
        for said, column in (("owed", "payable_before"), ("paid", "payable"), ("received", "receivable")):
            amount = numbers(compensation, column, where="compensation")
            result[f"{said}_share_of_{name}"] = np.divide(amount, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return result


def fairness(compensation: pd.DataFrame, *, by: str | None = "province", bases: Sequence[str] = BASES) -> pd.DataFrame:
    """Inequality of GDP and of revenue per head between counties, before and after the payments.

    ``x_i = base_i / P_i`` before, ``(base_i + receivable_i - payable_i) / P_i`` after [yuan per head]. Gini and Theil T of x over
    counties, each counting once; ``gini_people``: Gini of the base against population, each person counting once. Theil T splits into
    the parts between and within the groups `by`.

    Parameters
    ----------
    compensation : DataFrame, index ``unit_id``
        ``payable``, ``receivable`` (yuan a-1), ``population``, the bases, and `by`. The fund and the upper level are left aside.
    by : str, optional
        Column of the groups; None: Theil's parts are not split.
    bases : sequence of str
        Of ``gdp_yuan`` and ``fiscal_revenue_yuan``; one without a column is passed over.

    Returns
    -------
    DataFrame, one row a year, base and stage
        ``year``, ``base``, ``stage`` (before, after), ``n_units``, ``gini``, ``gini_people``, ``theil``, ``theil_between``,
        ``theil_within``, ``largest_paid_share`` and ``median_paid_share`` of a payer (of the base). NaN where nothing is known.

    Raises
    ------
    InputError
        If none of the bases is a column, a column is missing, or an amount is negative.

    Warns
    -----
    DataWarning
        Counties without an amount, population or base, left out of both stages; counties that pay more than the base holds.

    Notes
    -----
    Gini 1912; Theil 1967 (textbook forms).

    Examples
    --------
    >>> toy = pd.DataFrame({"province": ["X", "Y"], "payable": [50.0, 0.0], "receivable": [0.0, 50.0], "gdp_yuan": [300.0, 100.0],
    ...                     "population": [1.0, 1.0]}, index=["a", "b"])
    >>> fairness(toy)[["stage", "gini"]].to_numpy().tolist()
    [['before', 0.25], ['after', 0.125]]
    """
    counties = counties_of(compensation)
    check_panel(counties, where="compensation")
    check_columns(counties.columns, ["payable", "receivable", "population", *([by] if by else [])], where="compensation")
    held = [base for base in bases if choose(base, BASES, where="bases") in counties]
    if not held:
        raise refuse("no_base", expected=f"a column {' or '.join(bases)}", got="neither", where="compensation", fix="Add GDP or revenue.")
    paid, received, people = (numbers(counties, name, where="compensation") for name in ("payable", "receivable", "population"))
    groups = counties[by].to_numpy(dtype=object) if by else np.zeros(len(counties))
    table = []
    for base in held:
        whole = numbers(counties, base, where="compensation")
        known = (people > 0) & (whole > 0) & ~np.isnan(paid) & ~np.isnan(received)
        if by:
            known &= counties[by].notna().to_numpy()
        if not known.all():
            warn(f"fairness of {base}: left out for want of an amount, population, group or base: {listed(counties, ~known)}.")
        over = known & (paid - received > whole)
        if over.any():
            warn(f"fairness: these pay more than their whole {base}, which has no inequality after payment: {listed(counties, over)}.")
        for year, rows in rows_by_year(counties):
            use = rows[known[rows]]
            for stage, amount in (("before", whole[use]), ("after", whole[use] + received[use] - paid[use])):
                measures = _inequality(amount, people[use], groups[use])
                table.append(
                    {"year": year, "base": base, "stage": stage, "n_units": use.size, **measures, **_weight(paid[use], whole[use])}
                )
    return pd.DataFrame(table)


def _inequality(amount: Floats, people: Floats, groups: NDArray[np.object_] | Floats) -> dict[str, float]:
    """Gini and Theil of an amount per head; NaN where an amount is negative, so that there is no Lorenz curve."""
    if amount.size == 0 or (amount < 0).any():
        return dict.fromkeys(("gini", "gini_people", "theil", "theil_between", "theil_within"), float("nan"))
    head = amount / people
    theil = theil_t(head, pd.factorize(groups)[0])
    return {
        "gini": gini(head),
        "gini_people": concentration_index(amount, people),
        "theil": theil.total,
        "theil_between": theil.between,
        "theil_within": theil.within,
    }


def _weight(paid: Floats, whole: Floats) -> dict[str, float]:
    """The largest and the median payment as a share of the payer's base."""
    shares = paid[paid > 0] / whole[paid > 0]
    largest, median = (float(shares.max()), float(np.median(shares))) if shares.size else (float("nan"), float("nan"))
    return {"largest_paid_share": largest, "median_paid_share": median}


def compare_shortfall_rules(compensation: pd.DataFrame, *, side: str | None = None, available: float | None = None) -> pd.DataFrame:
    """What each county would get (or pay) under each rule for dividing less than is claimed.

    Claims ``c_i`` are the amounts of one side before closure and cap; the money ``E`` is the sum of the other side, or `available`. The
    rules (proportional, equal_awards, equal_losses, talmud) are those of `share_shortfall`. On the payers' side a claim is what is owed,
    and the rules share out how much of it need not be paid.

    Parameters
    ----------
    compensation : DataFrame, index ``unit_id``
        ``payable_before``, ``receivable_before`` (yuan a-1), ``year`` where it spans years.
    side : {"payer", "recipient"}, optional
        Whose claims; default: in each year the side with the larger sum.
    available : float, optional
        E, yuan a-1, for every year.

    Returns
    -------
    DataFrame, one row a claim above 0, index ``unit_id``
        ``year``, ``side``, ``claim`` and one column a rule (yuan a-1), in the order of the frame. Unknown claims are left out.

    Raises
    ------
    InputError
        A missing column, a negative claim, an unknown side, a negative `available`.

    Examples
    --------
    >>> toy = pd.DataFrame({"payable_before": [200.0, 0, 0, 0], "receivable_before": [0.0, 100, 200, 300]}, index=[*"abcd"])
    >>> compare_shortfall_rules(toy)[["claim", "proportional", "talmud"]].round(2).to_numpy().tolist()
    [[100.0, 33.33, 50.0], [200.0, 66.67, 75.0], [300.0, 100.0, 75.0]]
    """
    counties = counties_of(compensation)
    check_panel(counties, where="compensation")
    sums = {each: numbers(counties, column, where="compensation") for each, column in CLAIMS.items()}
    if side is not None:
        choose(side, CLAIMS, where="side")
    parts = []
    for year, rows in rows_by_year(counties):
        totals = {each: float(np.nansum(values[rows])) for each, values in sums.items()}
        whose = side or ("payer" if totals["payer"] > totals["recipient"] else "recipient")
        money = totals["recipient" if whose == "payer" else "payer"] if available is None else available
        use = rows[sums[whose][rows] > 0]
        claims = sums[whose][use]
        shares = {rule: share_shortfall(claims, money, rule=rule) for rule in RULES}
        parts.append(pd.DataFrame({"year": year, "side": whose, "claim": claims, **shares}, index=counties.index[use]))
    return pd.concat(parts)


def shortfall_summary(shares: pd.DataFrame, compensation: pd.DataFrame) -> pd.DataFrame:
    """What each rule does: how evenly it gives, who is met in full, who gets nothing, and what it weighs against GDP.

    Parameters
    ----------
    shares : DataFrame
        As `compare_shortfall_rules` returns it.
    compensation : DataFrame
        The frame it was made from; ``gdp_yuan`` for the shares of GDP, where known.

    Returns
    -------
    DataFrame, one row a year and rule
        ``year``, ``side``, ``rule``, ``claimed``, ``available`` (sum given, yuan a-1), ``gini`` of the amounts, ``n_full`` (claim met),
        ``n_nothing``, ``smallest_share``, ``largest_share`` (of the claim), ``largest_share_of_gdp`` (NaN without GDP).

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> toy = pd.DataFrame({"payable_before": [100.0, 0, 0, 0], "receivable_before": [0.0, 100, 200, 300]}, index=[*"abcd"])
    >>> told = shortfall_summary(compare_shortfall_rules(toy), toy).set_index("rule")
    >>> told["n_nothing"].to_dict()
    {'proportional': 0, 'equal_awards': 0, 'equal_losses': 2, 'talmud': 0}
    """
    check_columns(shares.columns, ["year", "side", "claim", *RULES], where="shares")
    gdp = _beside(shares, compensation, "gdp_yuan")
    table = []
    for (year, side), part in shares.assign(gdp=gdp).groupby(["year", "side"], dropna=False, sort=True):
        claim = part["claim"].to_numpy()
        for rule in RULES:
            given = part[rule].to_numpy()
            of_gdp = given / part["gdp"].to_numpy()
            table.append(
                {
                    "year": year,
                    "side": side,
                    "rule": rule,
                    "claimed": float(claim.sum()),
                    "available": float(given.sum()),
                    "gini": gini(given),
                    "n_full": int((given >= claim * (1 - 1e-12)).sum()),
                    "n_nothing": int((given <= 0).sum()),
                    "smallest_share": float((given / claim).min()),
                    "largest_share": float((given / claim).max()),
                    "largest_share_of_gdp": float(np.nanmax(of_gdp)) if np.isfinite(of_gdp).any() else float("nan"),
                }
            )
    return pd.DataFrame(table)


def _beside(shares: pd.DataFrame, compensation: pd.DataFrame, column: str) -> Floats:
    """A column of the amounts in the order of the shares, by id and year; NaN where it is zero or unknown."""
    if column not in compensation:
        return np.full(len(shares), np.nan)
    values = numbers(compensation, column, where="compensation")
    years = compensation["year"].to_numpy() if "year" in compensation else [None] * len(compensation)
    lookup = {
        (unit, None if year is None else int(year)): value for unit, year, value in zip(compensation.index, years, values, strict=True)
    }
    keys = [(unit, None if pd.isna(year) else int(year)) for unit, year in zip(shares.index, shares["year"], strict=True)]
    found = np.array([lookup.get(key, np.nan) for key in keys], dtype=np.float64)
    return np.where(found > 0, found, np.nan)
