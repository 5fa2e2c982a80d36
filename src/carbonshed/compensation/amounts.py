"""Amounts of money: what each county owes or is due, after closure and fiscal cap, and the sums of both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_conserved, choose, refuse, warn
from carbonshed.compensation.ability import ability_coefficient
from carbonshed.compensation.closure import CLOSURES, OVERFLOWS, cap_payments, close_sides
from carbonshed.compensation.panel import FUND, UPPER_LEVEL, check_panel, listed, numbers, rows_by_year, with_columns
from carbonshed.compensation.price import DEFAULT_PRICE, Price, carbon_price

Floats = NDArray[np.float64]


def compensation_amount(
    accounts: pd.DataFrame,
    *,
    price: str | float | Price = DEFAULT_PRICE,
    ability: str = "gdp_per_head",
    closure: str = "none",
    shortfall: str = "proportional",
    fiscal_cap: float | None = None,
    gdp_cap: float | None = None,
    overflow: str = "redistribute",
) -> pd.DataFrame:
    """What each county pays or receives, year by year.

    ``V_i = D'_i P r_i`` [yuan a-1]; ``payable_before = max(V, 0)``, ``receivable_before = max(-V, 0)``; then the closure, then the cap
    ``payable_i <= kappa FR_i``; ``net_compensation = receivable - payable``. The closure comes first so that the cap is held against
    what is really paid; water-filling keeps the sum, so both the caps and the equality of the closure hold at the end.

    Parameters
    ----------
    accounts : DataFrame, index ``unit_id``
        As `revise_account` returns it: ``revised_deficit`` (t CO2 a-1), and the columns that `ability` and the cap need.
    price : str, float or Price
        Anything `carbon_price` takes; the same for all years.
    ability : {"gdp_per_head", "one", "pearl", "pearl_relative", "capacity"}
        See `ability_coefficient`.
    closure : {"none", "scale_larger", "scale_payments", "scale_receipts", "fund"}
        See `close_sides`; receipts that are brought down are shared by the rule `shortfall`.
    fiscal_cap : float, optional
        kappa, share of ``fiscal_revenue_yuan``; None: no cap. A payer whose revenue is missing is uncapped and listed in a warning.
    gdp_cap : float, optional
        phi: where the revenue is missing, cap at ``phi G_i`` instead.
    overflow : {"redistribute", "upper_level"}
        See `cap_payments`.

    Returns
    -------
    DataFrame
        `accounts` with ``ability_coefficient``, ``payable_before``, ``receivable_before``, ``payable``, ``receivable``,
        ``net_compensation`` (yuan a-1), ``side`` (payer, recipient, none; missing where the amount is), ``payable_cap`` (NaN: no cap or
        not known), ``is_capped`` and ``payable_upper_level`` (left to the province or centre). An amount is NaN where an input is missing.

    Raises
    ------
    InputError
        Unknown options, a cap outside (0, 1], missing columns, a side of zeros that would have to be scaled up.

    Examples
    --------
    >>> toy = pd.DataFrame({"revised_deficit": [30.0, 10.0, -20.0]}, index=["a", "b", "c"])
    >>> compensation_amount(toy, price=1.0, ability="one", closure="scale_larger")["net_compensation"].tolist()
    [-15.0, -5.0, 20.0]
    """
    caps: dict[str, Any] = {"fiscal_cap": fiscal_cap, "gdp_cap": gdp_cap, "overflow": overflow}
    return amounts_at(accounts, carbon_price(price).value, ability=ability, closure=closure, shortfall=shortfall, **caps)


def amounts_at(
    accounts: pd.DataFrame,
    unit_price: float | Floats,
    *,
    ability: str = "gdp_per_head",
    closure: str = "none",
    shortfall: str = "proportional",
    fiscal_cap: float | None = None,
    gdp_cap: float | None = None,
    overflow: str = "redistribute",
) -> pd.DataFrame:
    """`compensation_amount` at a price in yuan per t CO2: one number, or one a row where it differs between years.

    Examples
    --------
    >>> toy = pd.DataFrame({"revised_deficit": [3.0, 3.0], "year": [2017, 2019]}, index=["a", "a"])
    >>> amounts_at(toy, np.array([10.0, 20.0]), ability="one")["payable"].tolist()
    [30.0, 60.0]
    """
    choose(closure, CLOSURES, where="closure")
    choose(overflow, OVERFLOWS, where="overflow")
    check_panel(accounts, where="accounts")
    deficit = numbers(accounts, "revised_deficit", where="accounts", negative=True)
    ability_r = ability_coefficient(accounts, price=unit_price, ability=ability)
    value = deficit * unit_price * ability_r
    unknown = np.isnan(value) & ~np.isnan(deficit)
    if unknown.any():
        warn(f"no amount for {listed(accounts, unknown)}: an input of ability = {ability!r} is missing.")
    owed, due = np.maximum(value, 0.0), np.maximum(-value, 0.0)
    caps = _caps(accounts, owed, fiscal_cap, gdp_cap)
    pays, receives, left = owed.copy(), due.copy(), np.zeros(len(accounts))
    for _, rows in rows_by_year(accounts):
        use = rows[~np.isnan(value[rows])]
        closed, receives[use] = close_sides(owed[use], due[use], closure=closure, shortfall=shortfall)
        pays[use], left[use] = cap_payments(closed, np.where(np.isnan(caps[use]), np.inf, caps[use]), overflow=overflow)
    columns = {
        "ability_coefficient": ability_r,
        "payable_before": owed,
        "receivable_before": due,
        "payable": pays,
        "receivable": receives,
        "net_compensation": receives - pays,
        "side": _side(value),
        "payable_cap": caps,
        "is_capped": ~np.isnan(caps) & (pays > 0) & (pays >= caps),
        "payable_upper_level": np.where(np.isnan(value), np.nan, left),
    }
    return with_columns(accounts, columns)


def _side(value: Floats) -> NDArray[np.object_]:
    side = np.select([value > 0, value < 0], ["payer", "recipient"], "none").astype(object)
    side[np.isnan(value)] = None
    return side


def _caps(accounts: pd.DataFrame, owed: Floats, fiscal_cap: float | None, gdp_cap: float | None) -> Floats:
    """Cap of each county; NaN where there is none or its revenue is not known."""
    caps = np.full(len(accounts), np.nan)
    for name, share in (("fiscal_cap", fiscal_cap), ("gdp_cap", gdp_cap)):
        if share is not None and not 0.0 < share <= 1.0:
            raise refuse("cap", expected="a share in (0, 1], or None", got=repr(share), where=name, fix="0.01 is one per cent.")
    if fiscal_cap is None:
        return caps
    if "fiscal_revenue_yuan" in accounts:
        caps = fiscal_cap * numbers(accounts, "fiscal_revenue_yuan", where="accounts")
    if gdp_cap is not None:
        caps = np.where(np.isnan(caps), gdp_cap * numbers(accounts, "gdp_yuan", where="accounts"), caps)
    payers = owed > 0
    unknown = payers & np.isnan(caps)
    if unknown.any():
        who = "all payers" if unknown.sum() == payers.sum() else listed(accounts, unknown)
        warn(f"cap unknown, hence none, where fiscal_revenue_yuan is missing: {who}.")
    return caps


def amount_summary(amounts: pd.DataFrame, *, closure: str = "none") -> pd.DataFrame:
    """Both sums of each year, before and after, and what the fund and the upper level carry.

    ``unbalanced_amount = sum payable_before - sum receivable_before``; after a closure
    ``sum payable + upper_level + fund_in = sum receivable + fund_out`` to 1e-9 relative.

    Parameters
    ----------
    amounts : DataFrame
        As `compensation_amount` returns it.
    closure : str
        The rule that it was given.

    Returns
    -------
    DataFrame, one row a year
        ``year``, ``n_payers``, ``n_recipients``, ``n_missing``, ``n_capped``, ``payable_before``, ``receivable_before``,
        ``unbalanced_amount``, ``payable``, ``receivable``, ``upper_level``, ``fund_in``, ``fund_out`` (yuan a-1).

    Raises
    ------
    ConservationError
        If the sides differ after a closure.

    Examples
    --------
    >>> toy = pd.DataFrame({"revised_deficit": [30.0, 10.0, -25.0]}, index=["a", "b", "c"])
    >>> paid = compensation_amount(toy, price=1.0, ability="one", closure="fund")
    >>> amount_summary(paid, closure="fund").loc[0, ["unbalanced_amount", "fund_in", "fund_out"]].tolist()
    [15.0, 0.0, 15.0]
    """
    choose(closure, CLOSURES, where="closure")
    names = ("payable_before", "receivable_before", "payable", "receivable", "payable_upper_level")
    known = {name: amounts[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
    side, capped = amounts["side"].to_numpy(dtype=object), amounts["is_capped"].to_numpy(dtype=bool)
    table = []
    for year, rows in rows_by_year(amounts):
        sums = {name: float(np.nansum(values[rows])) for name, values in known.items()}
        upper = sums["payable_upper_level"]
        residual = sums["payable"] + upper - sums["receivable"] if closure == "fund" else 0.0
        fund_in, fund_out = max(-residual, 0.0), max(residual, 0.0)
        if closure != "none":
            what = "amounts" if year is None else f"amounts of {year}"
            check_conserved(sums["payable"] + upper + fund_in, sums["receivable"] + fund_out, what=what)
        table.append(
            {
                "year": year,
                "n_payers": int((side[rows] == "payer").sum()),
                "n_recipients": int((side[rows] == "recipient").sum()),
                "n_missing": int(np.isnan(known["payable"][rows]).sum()),
                "n_capped": int(capped[rows].sum()),
                "payable_before": sums["payable_before"],
                "receivable_before": sums["receivable_before"],
                "unbalanced_amount": sums["payable_before"] - sums["receivable_before"],
                "payable": sums["payable"],
                "receivable": sums["receivable"],
                "upper_level": upper,
                "fund_in": fund_in,
                "fund_out": fund_out,
            }
        )
    return pd.DataFrame(table)


def institution_rows(amounts: pd.DataFrame, *, closure: str = "none") -> pd.DataFrame:
    """The rows ``fund`` and ``upper_level`` that stand beside the counties, so that nothing is hidden.

    The fund pays what receipts exceed payments by (``payable``), or takes what payments exceed receipts by (``receivable``); the
    upper level pays what the caps leave over.

    Returns
    -------
    DataFrame, index ``unit_id``
        ``year`` (where `amounts` has it), ``name``, ``payable``, ``receivable``, ``net_compensation``, ``side``; no row for an
        institution that carries nothing in any year. To be joined with `amounts` for the table and the flows.

    Examples
    --------
    >>> toy = pd.DataFrame({"revised_deficit": [30.0, -25.0]}, index=["a", "b"])
    >>> rows = institution_rows(compensation_amount(toy, price=1.0, ability="one", closure="fund"), closure="fund")
    >>> float(rows.loc["fund", "receivable"]), rows.loc["fund", "side"]
    (5.0, 'recipient')
    """
    rows = []
    for each in amount_summary(amounts, closure=closure).to_dict("records"):
        for unit_id, payable, receivable in ((FUND, each["fund_in"], each["fund_out"]), (UPPER_LEVEL, each["upper_level"], 0.0)):
            if payable > 0 or receivable > 0:
                side = "payer" if payable > 0 else "recipient"
                rows.append((unit_id, each["year"], payable, receivable, receivable - payable, side))
    columns = ["unit_id", "year", "payable", "receivable", "net_compensation", "side"]
    frame = pd.DataFrame(rows, columns=columns).set_index("unit_id")
    frame.insert(1, "name", frame.index)
    return frame if "year" in amounts else frame.drop(columns="year")
