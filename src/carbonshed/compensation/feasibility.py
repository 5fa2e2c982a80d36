"""Whether money can close at all: everybody on one side, or caps that cannot carry what has to be paid - and by how much."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbonshed.checks import Problem, check_columns, choose
from carbonshed.compensation.closure import CLOSURES
from carbonshed.compensation.panel import counties_of, numbers, rows_by_year

COLUMNS = (
    "year",
    "n_payers",
    "n_recipients",
    "owed",
    "carried",
    "left_to_upper_level",
    "share_left",
    "n_capped",
    "sum_of_caps",
    "cap_needed",
)


def cap_gap(amounts: pd.DataFrame) -> pd.DataFrame:
    """How much of what is owed after the closure the payers' caps let them carry, and the cap that would carry all.

    ``owed = sum payable + sum payable_upper_level``, ``carried = sum payable`` [yuan a-1]; ``share_left = left / owed`` [1]. With a cap in
    proportion to revenue, ``cap_needed = owed / sum of payers' revenue`` [1] is the least kappa under which water-filling carries all.

    Parameters
    ----------
    amounts : DataFrame
        As `compensation_amount` returns it; ``fiscal_revenue_yuan`` for `cap_needed`.

    Returns
    -------
    DataFrame, one row a year
        ``year``, ``n_payers``, ``n_recipients``, ``owed``, ``carried``, ``left_to_upper_level``, ``share_left``, ``n_capped``,
        ``sum_of_caps`` (of payers with a cap; NaN where none has one), ``cap_needed`` (NaN unless the revenue of every payer is known).

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> from carbonshed.compensation.amounts import compensation_amount
    >>> toy = pd.DataFrame({"revised_deficit": [50.0, 50.0, -100.0], "fiscal_revenue_yuan": [1000.0, 3000.0, 0.0]}, index=[*"abc"])
    >>> found = cap_gap(compensation_amount(toy, price=1.0, ability="one", fiscal_cap=0.01))
    >>> found[["owed", "carried", "left_to_upper_level", "cap_needed"]].to_numpy().tolist()
    [[100.0, 40.0, 60.0, 0.025]]
    """
    check_columns(amounts.columns, ["payable", "receivable", "payable_upper_level", "payable_cap", "side"], where="amounts")
    counties = counties_of(amounts)
    paid, left, caps = (numbers(counties, name, where="amounts") for name in ("payable", "payable_upper_level", "payable_cap"))
    has_revenue = "fiscal_revenue_yuan" in counties
    revenue = numbers(counties, "fiscal_revenue_yuan", where="amounts") if has_revenue else np.full(len(counties), np.nan)
    pays, gets = ((counties["side"] == side).to_numpy() for side in ("payer", "recipient"))
    table = []
    for year, rows in rows_by_year(counties):
        payers = rows[pays[rows]]
        carried, over = float(np.nansum(paid[rows])), float(np.nansum(left[rows]))
        owed, whole = carried + over, float(revenue[payers].sum())
        known = caps[payers][~np.isnan(caps[payers])]
        share = over / owed if owed > 0 else 0.0
        bound = int(counties["is_capped"].to_numpy()[rows].sum()) if "is_capped" in counties else 0
        needed = owed / whole if whole > 0 else float("nan")
        total = float(known.sum()) if known.size else float("nan")
        table.append((year, payers.size, int(gets[rows].sum()), owed, carried, over, share, bound, total, needed))
    return pd.DataFrame(table, columns=list(COLUMNS))


def feasibility_problems(amounts: pd.DataFrame, *, closure: str = "none") -> tuple[Problem, ...]:
    """What keeps the money of a year from closing, as warnings: a side on which nobody stands, and caps that are too low.

    Parameters
    ----------
    amounts : DataFrame
        As `compensation_amount` returns it.
    closure : str
        The rule that it was given.

    Returns
    -------
    tuple of Problem
        Codes ``one_sided`` and ``caps_too_low`` (with the yuan that the caps leave over, and the cap that would do).

    Raises
    ------
    InputError
        An unknown closure or a missing column.

    Examples
    --------
    >>> from carbonshed.compensation.amounts import compensation_amount
    >>> toy = pd.DataFrame({"revised_deficit": [50.0, 20.0]}, index=["a", "b"])
    >>> [each.code for each in feasibility_problems(compensation_amount(toy, price=1.0, ability="one"))]
    ['one_sided']
    """
    choose(closure, CLOSURES, where="closure")
    problems = []
    for row in cap_gap(amounts).to_dict("records"):
        where = "amounts" if row["year"] is None else f"amounts of {row['year']}"
        if (row["n_payers"] == 0) != (row["n_recipients"] == 0):
            problems.append(_one_sided(amounts, row["year"], closure, where, lacks="recipient" if row["n_recipients"] == 0 else "payer"))
        if row["left_to_upper_level"] > 1e-9 * row["owed"]:
            enough = f"a cap of at least {row['cap_needed']:.4g} of revenue would carry all" if row["cap_needed"] > 0 else "raise the cap"
            got = f"caps that let {row['carried']:,.2f} of {row['owed']:,.2f} yuan be paid"
            got += f": {row['left_to_upper_level']:,.2f} yuan ({row['share_left']:.1%}) are left over"
            fix = f"It stands in the row upper_level; {enough} (with overflow = 'redistribute')."
            problems.append(Problem("caps_too_low", "caps under which the payers carry what is owed", got, where, fix, "warning"))
    return tuple(problems)


def _one_sided(amounts: pd.DataFrame, year: int | None, closure: str, where: str, *, lacks: str) -> Problem:
    part = amounts if year is None else amounts[amounts["year"] == year]
    column = "payable_before" if lacks == "recipient" else "receivable_before"
    total = float(part[column].sum())
    what = {"payer": "are due, which nobody owes", "recipient": "are owed, which are due to nobody"}[lacks]
    outcome = {"none": "no flow is possible", "fund": "all of it goes through the regional fund"}.get(closure, "so nothing is paid")
    return Problem(
        "one_sided",
        "payers and recipients",
        f"no {lacks}: {total:,.2f} yuan {what}; {outcome}",
        where,
        "Look at the account (is the sink on the scale of the source?), or use closure = 'fund'.",
        "warning",
    )
