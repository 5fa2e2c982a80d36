"""Mass-preserving allocation: the total of a statistical unit spread over its pieces in proportion to a weight."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from carbonshed.accounting.classes import Flow, LandArea, weigh_classes
from carbonshed.accounting.coefficients import land_classes
from carbonshed.checks import check_columns, check_conserved, choose, examples, refuse, warn

Groups = pd.Series | pd.DataFrame
"""The statistical unit of every piece: one column of ids, or a frame of several key columns, e.g. id and year."""

NO_FALLBACKS: Mapping[str, pd.Series] = MappingProxyType({})


def allocate(totals: pd.Series, weights: pd.Series, *, within: Groups, fallbacks: Mapping[str, pd.Series] = NO_FALLBACKS) -> pd.Series:
    """Spread totals over pieces without loss: ``e_p = E_u * w_p / sum_{q in u} w_q``.

    Parameters
    ----------
    totals : Series
        E_u >= 0, indexed by statistical unit (county, province; a MultiIndex where `within` has several columns).
    weights : Series
        w_p >= 0, one for each piece (a cell, or a part of a cell in a county).
    within : Series or DataFrame
        The statistical unit of each piece, in the index of `weights`; missing where a piece lies in none.
    fallbacks : Mapping of Series
        Further weights by name, in the index of `weights`, tried in order where all weights of a unit with E_u > 0 are zero: e.g.
        built-up area, then land area. The warning and the report say which was used where.

    Returns
    -------
    Series
        In the index and order of `weights`: 0 where E_u = 0, NaN where E_u is NaN or the piece lies in no unit.

    Raises
    ------
    InputError
        Negative totals or weights; a weight that is NaN where it is needed; a unit with a total but no piece, or pieces without a total;
        a unit whose weights are all zero when no fallback is left.
    ConservationError
        The pieces of a unit do not sum to its total within 1e-9.

    Warns
    -----
    DataWarning
        A fallback was used.

    Notes
    -----
    Textbook form (proportional, mass-preserving areal weighting).

    Examples
    --------
    >>> unit = pd.Series(["u", "u", "u"])
    >>> allocate(pd.Series({"u": 90.0}), pd.Series([0.0, 1.0, 2.0]), within=unit).tolist()
    [0.0, 30.0, 60.0]
    """
    return allocate_with_report(totals, weights, within=within, fallbacks=fallbacks)[0]


def allocate_with_report(
    totals: pd.Series, weights: pd.Series, *, within: Groups, fallbacks: Mapping[str, pd.Series] = NO_FALLBACKS
) -> tuple[pd.Series, pd.DataFrame]:
    """`allocate`, and a report of what was done for each statistical unit.

    Parameters
    ----------
    totals, weights, within, fallbacks
        As in `allocate`.

    Returns
    -------
    pieces : Series
        As from `allocate`.
    report : DataFrame
        In the index of `totals`: total, allocated (in the unit of the totals), n_pieces, method (name of the weights used; empty where
        there was nothing to share).

    Raises
    ------
    InputError, ConservationError
        As `allocate`.

    Examples
    --------
    >>> unit = pd.Series(["u", "u"])
    >>> allocate_with_report(pd.Series({"u": 3.0}), pd.Series([1.0, 2.0], name="lights"), within=unit)[1]["method"].tolist()
    ['lights']
    """
    totals = totals.astype(float)
    codes = _codes(totals, weights, within)
    inside = codes >= 0
    n_units = len(totals)
    wanted = totals.to_numpy() > 0
    shares = np.zeros(len(weights))
    method = np.full(n_units, "", dtype=object)
    open_units = wanted.copy()
    first = "weights" if weights.name is None else str(weights.name)
    for rank, (name, candidate) in enumerate([(first, weights), *fallbacks.items()]):
        if not open_units.any():
            break
        values = _candidate(candidate, weights, inside & open_units[codes], name)
        sums = np.bincount(codes[inside], values[inside], minlength=n_units)
        served = open_units & (sums > 0)
        pieces = inside & served[codes]
        shares[pieces] = values[pieces] / sums[codes[pieces]]
        method[served] = name
        open_units &= ~served
        if rank and served.any():
            warn(f"allocation: no weight at all in {examples(totals.index[served])}; shared by {name} instead.")
    if open_units.any():
        raise refuse(
            "no_weight",
            expected="a weight > 0 in every unit with a total",
            got=f"none in {examples(totals.index[open_units])}",
            where="allocation",
            fix="Give fallbacks, e.g. built-up area and then land area.",
        )
    spread = np.where(inside, totals.to_numpy()[codes] * shares, np.nan)
    allocated = np.bincount(codes[inside], np.nan_to_num(spread[inside]), minlength=n_units)
    for unit, total, given in zip(totals.index[wanted], totals[wanted], allocated[wanted]):
        check_conserved(total, given, what=f"allocation within {unit}")
    report = pd.DataFrame(
        {
            "total": totals,
            "allocated": np.where(totals.isna(), np.nan, allocated),
            "n_pieces": np.bincount(codes[inside], minlength=n_units),
            "method": method,
        },
        index=totals.index,
    )
    return pd.Series(spread, index=weights.index, name=totals.name), report


def land_weights(land_area: LandArea, weights: Mapping[str, float]) -> Flow:
    """Weights for an allocation from land classes, ``w_p = sum_k A_kp * weight_k``.

    Parameters
    ----------
    land_area : DataArray or DataFrame
        Class areas in km2, as in `carbon_sink`.
    weights : Mapping
        Weight per km2 of each class, >= 0; a class not named weighs nothing. ``{"built_up": 1}`` is the allocation ``built_share``.

    Returns
    -------
    DataArray or Series
        Without `land_class`, or in the caller's index; NaN where a class area is NaN, 0 where nothing of a unit is known.

    Raises
    ------
    InputError
        A negative weight, or an unknown class.

    Notes
    -----
    Textbook form; allocation ``weighted_proxy`` with land classes, not normalised.

    Examples
    --------
    >>> land = pd.DataFrame({"built_up": [2.0, 0.0], "cropland": [10.0, 40.0]})
    >>> land_weights(land, {"built_up": 1.0, "cropland": 0.05}).tolist()
    [2.5, 2.0]
    """
    for name in weights:
        choose(name, land_classes(), where="allocation weights: land class")
    _refuse_negative(pd.Series(weights, dtype=float), "weights of land classes")
    return weigh_classes(land_area, weights, where="allocation weights", others=0.0)


def proxy_weights(proxies: pd.DataFrame, weights: Mapping[str, float], *, within: pd.Series) -> pd.Series:
    """Weights for an allocation from several proxies, each as shares of its statistical unit: ``w_p = sum_j a_j x_jp / sum_{q in u} x_jq``.

    Parameters
    ----------
    proxies : DataFrame
        Columns such as lights, population, gdp, built_up, one row for each piece; negative lights (noise) count as 0.
    weights : Mapping
        a_j >= 0 of each proxy.
    within : Series
        The statistical unit of each piece, in the index of `proxies`.

    Returns
    -------
    Series
        In the index of `proxies`. A proxy that is zero all over a unit leaves that unit to the others.

    Raises
    ------
    InputError
        A proxy without a column, a negative weight, negative values other than lights.

    Notes
    -----
    Textbook form; allocation ``weighted_proxy``, each proxy normalised.

    Examples
    --------
    >>> table = pd.DataFrame({"lights": [0.0, 4.0], "population": [10.0, 10.0]})
    >>> proxy_weights(table, {"lights": 1.0, "population": 1.0}, within=pd.Series(["u", "u"])).tolist()
    [0.5, 1.5]
    """
    check_columns(proxies.columns, weights, where="allocation proxies")
    _refuse_negative(pd.Series(weights, dtype=float), "weights of proxies")
    if not within.index.equals(proxies.index):
        raise _other_index("within", "proxies")
    combined = pd.Series(0.0, index=proxies.index)
    for name, weight in weights.items():
        values = proxies[name].astype(float)
        if name == "lights":
            values = values.clip(lower=0)
        _refuse_negative(values, str(name))
        sums = values.groupby(within.to_numpy()).transform("sum")
        combined += weight * (values / sums).where(sums > 0, 0.0)
    return combined


def _codes(totals: pd.Series, weights: pd.Series, within: Groups) -> np.ndarray:
    """Position of the unit of each piece in `totals`, -1 outside; refuses what would lose or invent carbon."""
    if not within.index.equals(weights.index):
        raise _other_index("within", "weights")
    if not totals.index.is_unique:
        raise refuse(
            "duplicate_unit",
            expected="one total for each unit",
            got=f"twice: {examples(totals.index[totals.index.duplicated()])}",
            where="allocation totals",
            fix="Sum or drop the duplicates; give `within` as a frame (id, year) for several years.",
        )
    _refuse_negative(totals, "allocation totals")
    if isinstance(within, pd.DataFrame):
        keys: pd.Index = pd.MultiIndex.from_frame(within)
        outside = within.isna().any(axis=1).to_numpy()
    else:
        keys, outside = pd.Index(within), within.isna().to_numpy()
    codes = np.where(outside, -1, totals.index.get_indexer(keys))
    strangers = keys[(codes < 0) & ~outside].unique()
    if len(strangers):
        raise refuse(
            "no_total",
            expected="a total (NaN where it is not known) for every unit that has pieces",
            got=f"none for {examples(strangers)}",
            where="allocation totals",
            fix="Add the units, or leave `within` empty for pieces outside all units.",
        )
    empty = (totals.to_numpy() > 0) & (np.bincount(codes[codes >= 0], minlength=len(totals)) == 0)
    if empty.any():
        raise refuse(
            "total_without_piece",
            expected="at least one piece in every unit with a total > 0",
            got=f"none in {examples(totals.index[empty])}",
            where="allocation",
            fix="Check the ids; their totals would be lost.",
        )
    return codes


def _candidate(candidate: pd.Series, weights: pd.Series, needed: np.ndarray, name: str) -> np.ndarray:
    if not candidate.index.equals(weights.index):
        raise _other_index(name, "weights")
    _refuse_negative(candidate, name)
    values = candidate.to_numpy(dtype=float)
    unknown = needed & ~np.isfinite(values)
    if unknown.any():
        raise refuse(
            "weight_unknown",
            expected="a finite weight for each piece of a unit with a total",
            got=f"NaN or infinite at {examples(candidate.index[unknown])}",
            where=f"allocation, {name}",
            fix="Fill the weight (0 where it is known to be zero).",
        )
    return np.nan_to_num(values, posinf=0.0)


def _refuse_negative(values: pd.Series, name: str) -> None:
    if (values < 0).any():
        got = f"{values.min():g} at {examples(values.index[values < 0])}"
        raise refuse("negative", expected="values >= 0", got=got, where=name, fix="Mend or mask them.")


def _other_index(name: str, other: str) -> Exception:
    return refuse("not_aligned", expected=f"the index of {other}", got="another index", where=name, fix=f"Reindex {name} to {other}.")
