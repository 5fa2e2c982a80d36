"""The coefficient r_i of ability to pay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose, refuse, warn
from carbonshed.compensation.panel import listed, numbers, per_year

Floats = NDArray[np.float64]

GDP_PER_HEAD_LIMITS = (0.2, 5.0)


def pearl_coefficient(engel: ArrayLike, *, limit: float = 1.0, a: float = 1.0, b: float = 1.0) -> Floats:
    """Pearl's growth curve of the Engel coefficient: the poorer, the lower.

    ``r = L / (1 + a exp(-b t))``, ``t = 1/En - 3`` [1].

    Parameters
    ----------
    engel : fractions in (0, 1)
        Engel coefficient En; NaN where not known.
    limit, a, b : float
        L, a, b: 1 in common use (unverified, hence options).

    Raises
    ------
    InputError
        If an Engel coefficient is not inside (0, 1): a percentage such as 30.2 is 0.302.

    Notes
    -----
    Form as used in the shadow-price studies of seven regions (ERE2024) and of the power sector (Dong et al. 2025).

    Examples
    --------
    >>> pearl_coefficient([0.5, 0.3020]).round(3).tolist()
    [0.269, 0.577]
    """
    en = np.asarray(engel, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        bad = (en <= 0) | (en >= 1)
    if bad.any():
        got = ", ".join(f"{value:g}" for value in np.unique(en[bad])[:5])
        raise refuse("engel", expected="fractions between 0 and 1", got=got, where="engel_coefficient", fix="Divide percentages by 100.")
    return np.asarray(limit / (1.0 + a * np.exp(-b * (1.0 / en - 3.0))))


def ability_coefficient(
    accounts: pd.DataFrame, *, price: float | Floats, ability: str = "gdp_per_head", revenue_share: float = 0.01
) -> Floats:
    """Ability coefficient r_i of each county, in the order of the frame.

    ================  =========================================================================================================
    ability           r_i
    ================  =========================================================================================================
    one               1
    pearl             `pearl_coefficient` of the county's Engel coefficient
    pearl_relative    r_i / r at the population-weighted mean Engel coefficient of the year
    capacity          ``min(1, kappa FR_i / |D'_i P|)``, kappa = `revenue_share`
    gdp_per_head      payers: ``clip((G_i/P_i) / (G/P), 0.2, 5)``, 1 where G_i or P_i is zero or missing (listed); recipients: 1
    ================  =========================================================================================================

    Parameters
    ----------
    accounts : DataFrame
        ``revised_deficit`` and what the option needs: ``engel_coefficient``, ``population``, ``fiscal_revenue_yuan``, ``gdp_yuan``.
    price : float, or array of one a row
        P, yuan per t CO2.

    Returns
    -------
    array
        NaN where an input of the option is missing (but for ``gdp_per_head``).

    Raises
    ------
    InputError
        An unknown option, a missing column, an Engel coefficient outside (0, 1).

    Examples
    --------
    >>> toy = pd.DataFrame({"revised_deficit": [1.0, 1.0, -1.0], "gdp_yuan": [6.0, 2, 2], "population": [2.0, 2, 1]}, index=[*"abc"])
    >>> ability_coefficient(toy, price=1.0).tolist()
    [1.5, 0.5, 1.0]
    """
    options: Mapping[str, Callable[[], Floats]] = MappingProxyType(
        {
            "one": lambda: np.ones(len(accounts)),
            "pearl": lambda: pearl_coefficient(numbers(accounts, "engel_coefficient", where="accounts")),
            "pearl_relative": lambda: _pearl_relative(accounts),
            "capacity": lambda: _capacity(accounts, price, revenue_share),
            "gdp_per_head": lambda: _gdp_per_head(accounts),
        }
    )
    return options[choose(ability, options, where="ability")]()


def _pearl_relative(accounts: pd.DataFrame) -> Floats:
    engel = numbers(accounts, "engel_coefficient", where="accounts")
    population = numbers(accounts, "population", where="accounts")
    known = ~np.isnan(engel) & (population > 0)

    def relative(rows: NDArray[np.intp]) -> Floats:
        use = rows[known[rows]]
        if use.size == 0:
            return np.full(rows.size, np.nan)
        return pearl_coefficient(engel[rows]) / pearl_coefficient(np.average(engel[use], weights=population[use]))

    return per_year(accounts, relative)


def _capacity(accounts: pd.DataFrame, price: float | Floats, revenue_share: float) -> Floats:
    revenue = numbers(accounts, "fiscal_revenue_yuan", where="accounts")
    amount = np.abs(numbers(accounts, "revised_deficit", where="accounts", negative=True) * price)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(amount == 0, np.where(np.isnan(revenue), np.nan, 1.0), np.minimum(1.0, revenue_share * revenue / amount))


def _gdp_per_head(accounts: pd.DataFrame) -> Floats:
    gdp, population = (numbers(accounts, column, where="accounts") for column in ("gdp_yuan", "population"))
    deficit = numbers(accounts, "revised_deficit", where="accounts", negative=True)
    known = (gdp > 0) & (population > 0)
    payers = deficit > 0
    relative = per_year(accounts, lambda rows: relative_gdp_per_head(gdp[rows], population[rows]))
    without = payers & ~known
    if without.any():
        warn(f"ability = gdp_per_head: r = 1 for payers without GDP or population: {listed(accounts, without)}.")
    return np.where(payers & known, np.clip(relative, *GDP_PER_HEAD_LIMITS), 1.0)


def relative_gdp_per_head(gdp: Floats, population: Floats) -> Floats:
    """``(G_i/P_i) / (G/P)`` [1], region totals over counties where both are known and above zero; NaN elsewhere."""
    known = (gdp > 0) & (population > 0)
    result = np.full(gdp.size, np.nan)
    if known.any():
        result[known] = (gdp[known] / population[known]) / (gdp[known].sum() / population[known].sum())
    return result
