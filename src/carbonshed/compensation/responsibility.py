"""Whose emissions: those produced in a county, those it consumes, or both shared; and what that does to who pays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, choose, refuse, warn
from carbonshed.compensation.direction import compensation_direction
from carbonshed.compensation.panel import check_panel, listed, numbers

CONSUMPTION = "carbon_source_consumption"
"""Emissions embodied in what a county consumes, t CO2 a-1; ``carbon_source`` is what it produces."""

RESPONSIBILITIES = ("production", "consumption", "shared")


def responsible_account(accounts: pd.DataFrame, *, responsibility: str = "shared", beta: float = 0.5) -> pd.DataFrame:
    """Accounts whose carbon source is the one a county answers for.

    ``C_shared = beta C_production + (1 - beta) C_consumption`` [t CO2 a-1]; production is beta = 1, consumption beta = 0.

    Parameters
    ----------
    accounts : DataFrame, index ``unit_id``
        ``carbon_source`` (production) and, but for production, ``carbon_source_consumption`` (t CO2 a-1, >= 0).
    responsibility : {"production", "consumption", "shared"}
    beta : float
        Producer's share in [0, 1], for ``shared``.

    Returns
    -------
    DataFrame
        `accounts` with ``carbon_source`` replaced (NaN where an input is missing), ``net_carbon_emission`` recomputed where it is a
        column, ``carbon_source_production`` and ``responsibility``.

    Raises
    ------
    InputError
        If consumption data are absent, or known for no county; a negative value; a beta outside [0, 1].

    Warns
    -----
    DataWarning
        Listing counties without consumption data.

    Notes
    -----
    Idea: Wu et al. 2024, Acta Ecologica Sinica 44(16):7020.

    Examples
    --------
    >>> toy = pd.DataFrame({"carbon_source": [10.0, 90.0], "carbon_source_consumption": [50.0, 50.0]}, index=["a", "b"])
    >>> responsible_account(toy)["carbon_source"].tolist()
    [30.0, 70.0]
    """
    choose(responsibility, RESPONSIBILITIES, where="responsibility")
    if not (np.isfinite(beta) and 0.0 <= beta <= 1.0):
        raise refuse("beta", expected="a share in [0, 1]", got=repr(beta), where="beta", fix="0.5 shares equally.")
    check_panel(accounts, where="accounts")
    produced = numbers(accounts, "carbon_source", where="accounts")
    share = {"production": 1.0, "consumption": 0.0, "shared": beta}[responsibility]
    if share == 1.0:
        source = produced
    else:
        consumed = _consumption(accounts)
        source = consumed if share == 0.0 else share * produced + (1.0 - share) * consumed
    result = accounts.assign(carbon_source=source, carbon_source_production=produced, responsibility=responsibility)
    if "net_carbon_emission" in result:
        result["net_carbon_emission"] = source - numbers(accounts, "carbon_sink", where="accounts")
    return result


def _consumption(accounts: pd.DataFrame) -> np.ndarray:
    fix = f"Add the column {CONSUMPTION} (t CO2 a-1, from a multi-regional input-output table), or use responsibility = 'production'."
    if CONSUMPTION not in accounts:
        raise refuse("no_consumption", expected=f"a column {CONSUMPTION}", got="none", where="accounts", fix=fix)
    consumed = numbers(accounts, CONSUMPTION, where="accounts")
    unknown = np.isnan(consumed)
    if unknown.all():
        raise refuse("no_consumption", expected="consumption emissions of some county", got="none known", where=CONSUMPTION, fix=fix)
    if unknown.any():
        warn(f"no consumption emissions, hence no account: {listed(accounts, unknown)}.")
    return consumed


def compare_responsibility(
    accounts: pd.DataFrame,
    amounts: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    beta: float = 0.5,
    by: str = "province",
    responsibilities: tuple[str, ...] = RESPONSIBILITIES,
) -> pd.DataFrame:
    """Who pays and who receives by province (or city) under production, consumption and shared responsibility, side by side.

    Parameters
    ----------
    accounts : DataFrame
        As for `responsible_account`, with what `amounts` needs.
    amounts : callable
        The rest of the chain: accounts -> amounts, e.g. ``lambda a: compensation_amount(revise_account(a), price=62.36)``.
    beta, by, responsibilities
        As in `responsible_account` and `compensation_direction`.

    Returns
    -------
    DataFrame
        The rows of `compensation_direction` with ``responsibility`` first, and ``side_differs``: the group is on another side than
        under production.

    Raises
    ------
    InputError
        As `responsible_account`; if `amounts` gives no payable and receivable.

    Examples
    --------
    >>> from carbonshed.compensation.amounts import compensation_amount
    >>> from carbonshed.compensation.revise import revise_account
    >>> toy = pd.DataFrame({"province": ["X", "Y"], "carbon_source": [10.0, 90.0], "carbon_source_consumption": [95.0, 5.0],
    ...                     "carbon_sink": 20.0, "gdp_yuan": 1.0, "population": 1.0}, index=["a", "b"])
    >>> told = compare_responsibility(toy, lambda a: compensation_amount(revise_account(a), price=1.0, ability="one"))
    >>> told[["responsibility", "province", "net_compensation"]].to_numpy().tolist()[:4]
    [['production', 'X', 10.0], ['production', 'Y', -70.0], ['consumption', 'X', -75.0], ['consumption', 'Y', 15.0]]
    """
    wanted = tuple(dict.fromkeys(("production", *responsibilities)))
    parts = []
    for each in wanted:
        money = amounts(responsible_account(accounts, responsibility=each, beta=beta))
        check_columns(money.columns, ["payable", "receivable"], where="what amounts() gives")
        parts.append(compensation_direction(money, by=by).assign(responsibility=each))
    table = pd.concat(parts, ignore_index=True)
    keys = table["year"].astype(object).where(table["year"].notna(), None).map(str) + "|" + table[by].astype(str)
    produced = table["responsibility"] == "production"
    own = dict(zip(keys[produced], table.loc[produced, "side"], strict=True))
    table["side_differs"] = [side != own.get(key) for key, side in zip(keys, table["side"], strict=True)]
    chosen = table[table["responsibility"].isin(responsibilities)]
    return chosen[["responsibility", *[column for column in chosen if column != "responsibility"]]].reset_index(drop=True)
