"""The carbon price: named market prices with their kind, year and citation; conversion from t C; deflation by consumer prices."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from carbonshed.checks import choose, examples, nearest, refuse, warn
from carbonshed.quantities import CO2_PER_C

FIRST_MARKET_YEAR = 2021
"""The national market opened on 16 July 2021: a market price applied to an earlier year is illustrative."""

DEFAULT_PRICE = "cn-ets:2024"

UNITS = {"yuan per t CO2": "t CO2", "yuan per t C": "t C"}


@dataclass(frozen=True)
class Price:
    """A price of CO2; every amount is printed with it.

    Parameters
    ----------
    value : float
        Yuan per t CO2.
    kind : str
        ``volume_weighted``, ``close``, ``mean_of_closes``, ``given``, ...: a close is not a traded average.
    year, base_year : int or None
        Year of the market, and year whose money it is; None where not known.
    citation, status, name, note : str
        Where it stands and whether that was confirmed; its name in the price table (empty for a bare number).
    """

    value: float
    kind: str
    year: int | None = None
    base_year: int | None = None
    citation: str = "given by the user"
    status: str = "given"
    name: str = ""
    note: str = ""

    def is_illustrative(self, year: int | None) -> bool:
        """True for an account of a year before the national market existed."""
        return year is not None and year < FIRST_MARKET_YEAR


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("carbonshed").joinpath("data/carbon_prices.toml").read_text(encoding="utf-8"))


def named_prices() -> tuple[Mapping[str, Any], ...]:
    """All rows of the price table: series, period, year, value, unit, kind, citation, status, note."""
    return tuple(_table()["price"])


def carbon_price(price: str | float | Price, *, kind: str | None = None, per: str | None = None) -> Price:
    """A price in yuan per t CO2, by name or as a number.

    ``P per t CO2 = P per t C * 12/44``

    Parameters
    ----------
    price : str, float or Price
        ``"series:period"`` of the price table (``"cn-ets:2024"``), or yuan per t CO2.
    kind : str, optional
        Needed where a period has prices of several kinds; for a number it is ``"given"`` unless stated.
    per : {"t CO2", "t C"}, optional
        What a number is per (default t CO2). A price that the table holds per t C is converted only if ``per="t C"`` says so.

    Returns
    -------
    Price

    Raises
    ------
    InputError
        An unknown name or kind; a number that is not above 0; a price per t C, or per t of something not stated, without `per`.

    Examples
    --------
    >>> carbon_price("cn-ets:2024").value, carbon_price("cn-ets:2024").kind
    (95.96, 'volume_weighted')
    >>> round(carbon_price(273.3, per="t C").value, 1)
    74.5
    """
    if per is not None:
        choose(per, UNITS.values(), where="price: per")
    if isinstance(price, Price):
        return price
    if isinstance(price, str):
        return _named(price, kind, per)
    value = float(price)
    if not (np.isfinite(value) and value > 0):
        raise refuse("price", expected="a price above 0", got=repr(price), where="price", fix="Give yuan per t CO2, or a named price.")
    return Price(value / CO2_PER_C if per == "t C" else value, kind or "given")


def _named(name: str, kind: str | None, per: str | None) -> Price:
    names = {f"{row['series']}:{row['period']}" for row in named_prices()}
    if name not in names:
        near = nearest(name, sorted(names))
        fix = f"Did you mean {near!r}?" if near else "Give a number in yuan per t CO2."
        raise refuse("unknown_price", expected="a named price or a number", got=repr(name), where="price", fix=fix)
    rows = [row for row in named_prices() if f"{row['series']}:{row['period']}" == name and kind in (None, row["kind"])]
    if len(rows) != 1:
        kinds = [row["kind"] for row in named_prices() if f"{row['series']}:{row['period']}" == name]
        raise refuse(
            "price_kind",
            expected=f"one kind of {name!r}: {', '.join(kinds)}",
            got="no kind" if kind is None else repr(kind),
            where="price: kind",
            fix=f"Say which, e.g. kind={kinds[0]!r}: a close is not a traded average.",
        )
    row = rows[0]
    value = _per_co2(float(row["value"]), row["unit"], per, name)
    if row["status"] == "unverified":
        warn(f"the price {name} is unverified: {row.get('note', '')}")
    return Price(value, row["kind"], row.get("year"), row.get("year"), row["citation"], row["status"], name, row.get("note", ""))


def _per_co2(value: float, unit: str, per: str | None, name: str) -> float:
    stated = UNITS.get(unit)
    if stated == "t CO2" and per in (None, "t CO2"):
        return value
    if stated is None and per is not None:
        return value / CO2_PER_C if per == "t C" else value
    if stated == "t C" and per == "t C":
        return value / CO2_PER_C
    fix = 'Add per="t C": it is then multiplied by 12/44.' if stated == "t C" else 'Say per="t C" or per="t CO2".'
    if stated == "t CO2":
        fix = "Leave `per` out."
    raise refuse("carbon_or_co2", expected="a price per t CO2", got=f"{value:g} {unit}, per = {per!r}", where=f"price {name}", fix=fix)


def deflate_price(price: Price, base_year: int) -> Price:
    """The price in money of another year, by the chain of consumer prices (prior year = 100).

    ``P_b = P_y * prod_{t=y+1..b} CPI_t / 100`` for b > y, and divided by ``prod_{t=b+1..y}`` for b < y [yuan per t CO2].

    Raises
    ------
    InputError
        If the price has no base year, or an index of the chain is not in the table.

    Notes
    -----
    Uses consumer prices of the National Bureau of Statistics; indices not confirmed at their source are named in a warning. GDP is
    deflated by the provincial GDP deflator, not by this.

    Examples
    --------
    >>> old = Price(100.0, "given", base_year=2011)
    >>> round(deflate_price(old, 2012).value, 2)
    102.6
    """
    if price.base_year is None:
        raise refuse(
            "no_base_year", expected="a price with a base year", got="none", where="deflate_price", fix="Give Price(..., base_year=)."
        )
    first, last = sorted((price.base_year, base_year))
    index = {int(year): float(value) for part in ("published", "unverified") for year, value in _table()["cpi"][part].items()}
    chain = range(first + 1, last + 1)
    lacking = [year for year in chain if year not in index]
    if lacking:
        known = f"consumer prices of {min(index)}-{max(index)}"
        raise refuse("no_index", expected=known, got=examples(lacking), where="deflate_price", fix="Choose a base year inside.")
    unverified = [year for year in chain if str(year) in _table()["cpi"]["unverified"]]
    if unverified:
        warn(f"consumer price indices of {examples(unverified, 30)} are unverified.")
    factor = float(np.prod([index[year] / 100.0 for year in chain]))
    value = price.value * factor if base_year >= price.base_year else price.value / factor
    status = "unverified" if unverified or price.status == "unverified" else "derived"
    return replace(price, value=value, base_year=base_year, status=status if chain else price.status)
