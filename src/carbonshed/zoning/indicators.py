"""Indicators of a carbon budget: what zones are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, examples, refuse, warn
from carbonshed.registry import terms

Floats = NDArray[np.float64]
Frame = TypeVar("Frame", bound=pd.DataFrame)

NRCA_ATTRIBUTES = ("carbon_source", "carbon_sink", "gdp_yuan", "population", "built_up")
YUAN_PER_10K = 1e4


def unit_ids(frame: pd.DataFrame) -> NDArray[np.object_]:
    """Identifier of each row as text: the index, or the column `unit_id` where the index has another name."""
    ids = frame["unit_id"] if "unit_id" in frame.columns and frame.index.name != "unit_id" else frame.index
    values = np.asarray(ids, dtype=object)
    if pd.api.types.infer_dtype(values, skipna=False) == "string":
        return values
    return np.array([str(each) for each in values], dtype=object)


def years_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Year of each row; zeros where the frame has no column `year` and so holds one year."""
    if "year" not in frame.columns:
        return np.zeros(len(frame), dtype=np.int64)
    if frame["year"].isna().any():
        raise refuse("missing_year", expected="a year in each row", got="an empty year", where="year", fix="Fill in the year.")
    return frame["year"].to_numpy(dtype=np.int64)


def column_of(frame: pd.DataFrame, column: str, *, negative: bool = False) -> Floats:
    """A column as float64; infinities, and negative values unless `negative`, are refused."""
    values = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isinf(values) | (~np.isnan(values) & (values < 0) & (not negative))
    if bad.any():
        raise refuse(
            "negative_value",
            expected="finite numbers" + ("" if negative else ", 0 or more"),
            got=f"{examples(values[bad])} at {examples(unit_ids(frame)[bad])}",
            where=column,
            fix="Sources and sinks are both stored as positive numbers." if column.startswith("carbon_s") else "Correct the values.",
        )
    return values


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient; NaN, never infinity, where the denominator is 0 or too small to divide by.

    >>> ratio(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, 0.0])).tolist()
    [0.5, nan, nan]
    """
    with np.errstate(over="ignore"):
        quotient = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator != 0)
    return np.where(np.isinf(quotient), np.nan, quotient)


def difference(one: Floats, two: Floats) -> Floats:
    """``one - two`` of numbers that are 0 or more; exactly 0 where they differ by rounding only (1e-14 relative).

    >>> difference(np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.25])).tolist()
    [0.0, 0.25]
    """
    raw = one - two
    return np.where(np.abs(raw) <= 1e-14 * (one + two), 0.0, raw)


def yearly_totals(values: Floats, years: NDArray[np.int64], known: NDArray[np.bool_]) -> Floats:
    """Total of each row's year over the rows that are `known`, exact in any order of the rows."""
    totals = {year: math.fsum(values[known & (years == year)]) for year in np.unique(years)}
    return np.array([totals[year] for year in years])


def shares(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Floats]:
    """Share of each row in the year's total of each column, over the rows where all the columns are known."""
    values = {column: column_of(frame, column) for column in columns}
    known = ~np.any([np.isnan(each) for each in values.values()], axis=0)
    years = years_of(frame)
    return {name: np.where(known, ratio(each, yearly_totals(each, years, known)), np.nan) for name, each in values.items()}


def _note_missing(frame: pd.DataFrame, min_coverage: float) -> None:
    """Warn of rows left out of totals; refuse where source or sink are known on too little of the area."""
    area = column_of(frame, "area_km2")
    for column in ("carbon_source", "carbon_sink", "gdp_yuan"):
        if column not in frame.columns:
            continue
        absent = frame[column].isna().to_numpy()
        if not absent.any():
            continue
        covered = 1.0 - np.nansum(area[absent]) / np.nansum(area)
        if column != "gdp_yuan" and covered < min_coverage:
            raise refuse(
                "coverage",
                expected=f"{column} known on at least {min_coverage:.0%} of the area",
                got=f"{covered:.1%}; missing at {examples(unit_ids(frame)[absent])}",
                where=column,
                fix="Fill in the values, or lower `min_coverage`.",
            )
        warn(f"{column} is missing in {absent.sum()} rows ({examples(unit_ids(frame)[absent])}): shares are of the other rows.")


def zoning_indicators(accounts: Frame, *, min_coverage: float = 0.98) -> Frame:
    """Add to an account the indicators that zones are made of, year by year.

    With C the source, S the sink, G the GDP, Pop the population, A the area, B the built-up area of a row, and sums over the rows
    of its year::

        ecc = (G_i / sum G) / (C_i / sum C)        carbon_balance_ratio = S / C       carbon_emission_intensity = C / G x 10^4
        esc = (S_i / sum S) / (C_i / sum C)        carbon_balance_index = C / S       source_, sink_, gdp_density = C, S, G / A
        share_difference = S_i / sum S - C_i / sum C                                  net_emission_density = (C - S) / A
        territorial_development = B / A            gdp_per_head = G / Pop             log_... = ln(...)

    Units: t CO2 per 10^4 yuan (intensity), t CO2 km-2 a-1 (densities), yuan km-2 a-1, yuan a-1 per person; else 1. Also `nrca_...`,
    the share form of `nrca` for the attributes that are there. A zero denominator, and the logarithm of 0, give NaN.

    Parameters
    ----------
    accounts : (Geo)DataFrame
        `carbon_source`, `carbon_sink` (t CO2 a-1, both >= 0), `area_km2`; where known `gdp_yuan`, `population`, `built_up` (km2),
        `year`. Indicators whose columns are absent are left out.
    min_coverage : float
        Least share of the area where source and sink must be known; shares are taken over the rows that are known.

    Returns
    -------
    (Geo)DataFrame
        A copy in the caller's index, with the columns added.

    Raises
    ------
    InputError
        Missing columns, negative or infinite values, source or sink known on less than `min_coverage` of the area.

    Notes
    -----
    Textbook forms; ecc and esc: Lu Junyu, Huang Xianjin et al., Journal of Natural Resources.

    Examples
    --------
    >>> accounts = pd.DataFrame({"carbon_source": [100.0, 60, 30, 10], "carbon_sink": [10.0, 15, 20, 25], "gdp_yuan": [6.0, 2, 1, 1],
    ...                          "area_km2": 1.0}, index=pd.Index(list("abcd"), name="unit_id"))
    >>> zoning_indicators(accounts)[["ecc", "esc"]].round(4).T.values.tolist()
    [[1.2, 0.6667, 0.6667, 2.0], [0.2857, 0.7143, 1.9048, 7.1429]]
    """
    check_columns(accounts.columns, ["carbon_source", "carbon_sink", "area_km2"], where="accounts")
    _note_missing(accounts, min_coverage)
    source, sink, area = (column_of(accounts, column) for column in ("carbon_source", "carbon_sink", "area_km2"))
    share = shares(accounts, ["carbon_source", "carbon_sink"])
    added: dict[str, Floats] = {} if "net_carbon_emission" in accounts.columns else {"net_carbon_emission": source - sink}
    added |= {
        "carbon_balance_ratio": ratio(sink, source),
        "carbon_balance_index": ratio(source, sink),
        "esc": ratio(share["carbon_sink"], share["carbon_source"]),
        "share_difference": difference(share["carbon_sink"], share["carbon_source"]),
        "source_density": ratio(source, area),
        "sink_density": ratio(sink, area),
        "net_emission_density": ratio(source - sink, area),
    }
    if "built_up" in accounts.columns:
        added["territorial_development"] = ratio(column_of(accounts, "built_up"), area)
    if "gdp_yuan" in accounts.columns:
        added |= _economy(accounts, source, area)
    attributes = [name for name in NRCA_ATTRIBUTES if name in accounts.columns and _positive_everywhere(accounts, name)]
    if len(attributes) >= 2:
        added |= {f"nrca_{name}": values.to_numpy() for name, values in nrca(accounts, columns=attributes).items()}
    return accounts.assign(**added)


def _economy(accounts: pd.DataFrame, source: Floats, area: Floats) -> dict[str, Floats]:
    """Indicators that need GDP, and population where it is there."""
    gdp = column_of(accounts, "gdp_yuan")
    share = shares(accounts, ["carbon_source", "gdp_yuan"])
    intensity = ratio(source * YUAN_PER_10K, gdp)
    added = {
        "ecc": ratio(share["gdp_yuan"], share["carbon_source"]),
        "carbon_emission_intensity": intensity,
        "log_emission_intensity": _log(intensity),
        "gdp_density": ratio(gdp, area),
    }
    if "population" in accounts.columns:
        added["gdp_per_head"] = ratio(gdp, column_of(accounts, "population"))
        added["log_gdp_per_head"] = _log(added["gdp_per_head"])
    return added


def _log(values: Floats) -> Floats:
    """Natural logarithm; NaN for 0."""
    return np.log(values, out=np.full(len(values), np.nan), where=values > 0)


def _positive_everywhere(accounts: pd.DataFrame, column: str) -> bool:
    """Whether the column has a positive total in every year, so that shares of it exist."""
    values, years = accounts[column].to_numpy(dtype=np.float64, na_value=np.nan), years_of(accounts)
    return all(np.nansum(values[years == year]) > 0 for year in np.unique(years))


def nrca(frame: pd.DataFrame, *, columns: Sequence[str] | None = None, form: str = "shares") -> pd.DataFrame:
    """Normalized revealed comparative advantage of each row in each attribute, year by year.

    ``NRCA_ij = E_ij / E - E_i. E_.j / E^2`` with i the row, j the attribute and dots the sums; dimensionless, within (-1/4, 1/4), sums
    to 0 over rows and over attributes. It is extensive: half a cell has half the value.

    Parameters
    ----------
    frame : DataFrame
        Attributes, 0 or more. Rows where one is not known are NaN and stay out of the sums.
    columns : sequence of str, optional
        The attributes; default: those of source, sink, GDP, population and built-up area that are there.
    form : {"shares", "same_unit"}
        ``"shares"`` first turns each attribute into shares ``p_ij = E_ij / E_.j``, so that units do not matter; then
        ``NRCA_ij = (p_ij - mean_j p_ij) / J``. ``"same_unit"`` takes the values as they are and refuses attributes of different units.

    Raises
    ------
    InputError
        Fewer than two attributes, negative values, an attribute whose total is 0, or mixed units with ``form="same_unit"``.

    Notes
    -----
    Source: Yu, Cai and Leung 2009, Annals of Regional Science 43:267.

    Examples
    --------
    >>> frame = pd.DataFrame({"carbon_source": [10.0, 40.0], "carbon_sink": [30.0, 20.0]})
    >>> nrca(frame, form="same_unit").round(12).values.tolist()
    [[-0.1, 0.1], [0.1, -0.1]]
    """
    choose(form, ("shares", "same_unit"), where="form")
    chosen = list(columns) if columns is not None else [name for name in NRCA_ATTRIBUTES if name in frame.columns]
    if len(chosen) < 2:
        raise refuse(
            "nrca_attributes", expected="at least two attributes", got=examples(chosen) or "none", where="columns", fix="Name two."
        )
    check_columns(frame.columns, chosen, where="nrca")
    if form == "same_unit":
        _check_one_unit(chosen)
    values = np.column_stack([column_of(frame, column) for column in chosen])
    years = years_of(frame)
    result = np.full(values.shape, np.nan)
    measure: Callable[[Floats], Floats] = _nrca_of_shares if form == "shares" else _nrca_of_values
    for year in np.unique(years):
        rows = (years == year) & ~np.isnan(values).any(axis=1)
        empty = [column for column, total in zip(chosen, values[rows].sum(axis=0)) if not total > 0]
        if empty:
            raise refuse(
                "zero_total",
                expected="a total above 0 for each attribute" + (f" in {year}" if year else ""),
                got=f"0 for {examples(empty)}",
                where="nrca",
                fix="Leave this attribute out.",
            )
        result[rows] = measure(values[rows])
    return pd.DataFrame(result, index=frame.index, columns=chosen)


def _nrca_of_values(values: Floats) -> Floats:
    share = values / math.fsum(values.ravel())
    return share - share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)


def _nrca_of_shares(values: Floats) -> Floats:
    share = values / np.array([math.fsum(column) for column in values.T])
    return difference(share, share.mean(axis=1, keepdims=True)) / values.shape[1]


def _check_one_unit(columns: Sequence[str]) -> None:
    known = terms()
    units = {column: known[column].unit if column in known else "unknown" for column in columns}
    if len(set(units.values())) > 1 or "unknown" in units.values():
        raise refuse(
            "mixed_units",
            expected="attributes of one known unit",
            got=", ".join(f"{column} in {unit}" for column, unit in units.items()),
            where="nrca",
            fix="Use form='shares', which turns each attribute into shares first.",
        )
