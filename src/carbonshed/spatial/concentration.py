"""Concentration of a quantity over the years: Gini, concentration against a base, Theil with its parts, share of the top cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, examples, refuse, warn
from carbonshed.numerics.inequality import concentration_index, gini, theil_t


def concentration(
    accounts: pd.DataFrame, column: str, *, bases: Sequence[str] = ("area_km2",), groups: str | None = None, top: float = 0.1
) -> pd.DataFrame:
    """How unequally an amount lies over cells or counties, year by year.

    Gini ``G = sum_k (2k - m - 1) x_(k) / (m sum x)``; against a base ``1 - sum (X_{k+1} - X_k)(Y_{k+1} + Y_k)`` with units sorted by
    amount per base; Theil ``T = (1/n) sum (x/mu) ln(x/mu)`` and its parts between and within groups. All dimensionless.

    Parameters
    ----------
    accounts : DataFrame
        Index `unit_id`, optionally column ``year`` (without it, one year), `column` and the bases.
    column : str
        Amounts >= 0: source, sink, money of one side; not net emission.
    bases : sequence of str
        Extensive columns to set it against: ``area_km2``, ``population``, ``gdp_yuan``.
    groups : str, optional
        Column of zones, cities or provinces for the parts of Theil's T.
    top : float
        Share of units whose share of the amount is given, those with the largest amounts; ``ceil(top * n)`` units.

    Returns
    -------
    DataFrame
        One row a year: year (missing without that column), n, gini, concentration_<base> of each base, theil, theil_between, theil_within
        (with `groups`), top_share. NaN where a year sums to zero.

    Raises
    ------
    InputError
        If a column is missing, an amount or base is negative, a group is not known, or `top` is no share.

    Warns
    -----
    DataWarning
        Listing units whose amount or base is not known; they are left out of that year.

    Notes
    -----
    Source: textbook form (Gini 1912; Theil 1967). Above the warning line 0.4 inequality is called large; the carbon budget of
    Beijing-Tianjin-Hebei is in print above it (Xia et al. 2022). Every index rises as units get smaller: compare at one scale.

    Examples
    --------
    >>> frame = pd.DataFrame({"carbon_source": [0.0, 0, 0, 1], "area_km2": [1.0, 1, 1, 1]}, index=list("abcd"))
    >>> concentration(frame, "carbon_source")[["gini", "concentration_area_km2", "top_share"]].values.tolist()
    [[0.75, 0.75, 1.0]]
    """
    wanted = [column, *bases]
    check_columns(accounts.columns, [*wanted, *([groups] if groups else [])], where="concentration")
    if not 0 < top <= 1:
        raise refuse("bad_share", expected="a share in (0, 1]", got=f"{top:g}", where="top", fix="Give e.g. 0.1 for the top 10 %.")
    known = accounts[wanted].notna().all(axis=1).to_numpy()
    if not known.all():
        lost = accounts.index[~known].unique()
        warn(f"concentration: {len(lost)} units have no {' or '.join(wanted)} in some year and are left out of it: {examples(lost)}.")
    kept = accounts[known]
    if groups and kept[groups].isna().any():
        got = f"none for {examples(kept.index[kept[groups].isna()].unique())}"
        raise refuse("no_group", expected=f"a {groups} for each unit", got=got, where="concentration", fix="Fill it, or drop the units.")
    years = kept["year"] if "year" in kept else pd.Series(0, index=kept.index)
    rows = []
    for year, place in sorted(years.groupby(years.to_numpy()).indices.items()):
        part = kept.iloc[place]
        if part.index.has_duplicates:
            twice = examples(part.index[part.index.duplicated()].unique())
            raise refuse("repeated_id", expected="each unit once a year", got=twice, where="concentration", fix="Add the column year.")
        rows.append({"year": year if "year" in kept else pd.NA, **_row(part, column, bases, groups, top)})
    result = pd.DataFrame(rows)
    result["year"] = result["year"].astype("Int64")
    result.attrs.update(column=column, groups=groups, top=top)
    return result


def _row(part: pd.DataFrame, column: str, bases: Sequence[str], groups: str | None, top: float) -> dict[str, float]:
    amounts = part[column].to_numpy(dtype=np.float64)
    row: dict[str, float] = {"n": len(part), "gini": gini(amounts)}
    row |= {f"concentration_{base}": concentration_index(amounts, part[base].to_numpy(dtype=np.float64)) for base in bases}
    labels = part[groups].astype(str).to_numpy() if groups else None
    theil = theil_t(amounts, labels)
    row["theil"] = theil.total
    if groups:
        row |= {"theil_between": theil.between, "theil_within": theil.within}
    total = float(amounts.sum())
    largest = np.sort(amounts)[::-1][: int(np.ceil(top * len(part) - 1e-9))]
    row["top_share"] = float(largest.sum()) / total if total > 0 else float("nan")
    return row
