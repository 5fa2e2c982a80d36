"""Features of the clustering: chosen indicators, winsorised, transformed and standardised by one scaler for all years."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import InputError, choose, examples, nearest, refuse, warn
from carbonshed.zoning.indicators import NRCA_ATTRIBUTES, column_of, unit_ids, years_of
from carbonshed.zoning.scaler import LOG_RATIOS, FeatureRule, FeatureScaler, log_ratio_parts

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FEATURE_SETS: Mapping[str, tuple[str, ...]] = {
    "budget": (
        "log_emission_intensity",
        "share_difference",
        "territorial_development",
        "net_emission_density",
        "log_gdp_per_head",
    ),
    "nrca": tuple(f"nrca_{name}" for name in NRCA_ATTRIBUTES),
    "density": ("source_density", "sink_density", "gdp_density"),
}
NEEDS: Mapping[str, tuple[str, ...]] = {
    "log_emission_intensity": ("gdp_yuan",),
    "log_gdp_per_head": ("gdp_yuan", "population"),
    "territorial_development": ("built_up",),
    "gdp_density": ("gdp_yuan",),
    "nrca_gdp_yuan": ("gdp_yuan",),
    "nrca_population": ("population",),
    "nrca_built_up": ("built_up",),
}
"""Columns without which a member of a feature set is left out by name; all other members need nothing but the account."""
MISSING_CHOICES = ("leave_out", "fill")
TRANSFORMS = ("signed_log", "none")
MIRRORS = (
    frozenset({"ecc", "log_ecc", "carbon_emission_intensity", "log_emission_intensity"}),
    frozenset({"esc", "log_esc", "carbon_balance_ratio", "carbon_balance_index"}),
)
"""Terms of one group order the cells of a year alike (or in reverse), so that two of them count one thing twice."""
COPY, SIMILAR = 1.0 - 1e-9, 0.95
GUARD = 0.01


@dataclass(frozen=True)
class Features:
    """Standardised features of a table.

    Parameters
    ----------
    z : DataFrame
        One column a feature, in alphabetical order, in the caller's index; NaN where one is not known.
    scaler : FeatureScaler
        How they were made.
    dropped : mapping
        Members left out, with the reason.
    correlated : tuple of (feature, feature, r)
        Pairs with ``|r| > 0.95``.
    """

    z: pd.DataFrame
    scaler: FeatureScaler
    dropped: Mapping[str, str]
    correlated: tuple[tuple[str, str, float], ...]


def _has_values(indicators: pd.DataFrame, column: str) -> bool:
    """Whether the column is there and not without a single value other than 0."""
    return column in indicators.columns and bool((indicators[column].notna() & (indicators[column] != 0)).any())


def feature_names(indicators: pd.DataFrame, features: str | Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Members of a feature set or list that the table can give, in alphabetical order, and those left out with the reason.

    A member of a set that needs GDP, population or land cover is left out where these are absent; of a list, all must be there.
    Of the set `nrca` the last member that is there is left out, as its columns depend on one another linearly.

    Raises
    ------
    InputError
        An unknown feature (the message names the nearest), a feature twice, or two features that mirror one another.
    """
    if isinstance(features, str) and features in FEATURE_SETS:
        dropped = {}
        for name in FEATURE_SETS[features]:
            if name in NEEDS and not term_available(indicators, name):
                absent = [column for column in NEEDS[name] if not _has_values(indicators, column)]
                dropped[name] = f"needs {', '.join(absent or NEEDS[name])}"
        names = [name for name in FEATURE_SETS[features] if name not in dropped]
        if features == "nrca" and len(names) > 1:
            dropped[names.pop()] = "follows from the others (the columns of NRCA sum to zero)"
    else:
        names, dropped = [features] if isinstance(features, str) else list(features), {}
    numeric = [str(name) for name in indicators.columns if pd.api.types.is_numeric_dtype(indicators[name])]
    known = sorted({*numeric, *(name for name in LOG_RATIOS if _guarded(indicators, name))} - {"year"})
    unknown = [name for name in names if name not in known]
    if unknown:
        near = nearest(unknown[0], [*known, *FEATURE_SETS])
        raise refuse(
            "unknown_feature",
            expected=f"a feature set ({', '.join(FEATURE_SETS)}) or columns of the indicators",
            got=examples(unknown),
            where="features",
            fix=(f"Did you mean {near!r}? " if near else "") + "Indicators are made by `zoning_indicators`.",
        )
    _refuse_mirrors(names)
    return sorted(names), dropped


def _refuse_mirrors(names: Sequence[str]) -> None:
    twins = [sorted(set(names) & group) for group in MIRRORS if len(set(names) & group) > 1]
    twins += [[name, name] for name in sorted(set(names)) if list(names).count(name) > 1]
    if twins:
        raise refuse(
            "copies",
            expected="features that tell different things",
            got=f"{' and '.join(twins[0])}, of which one is the mirror of the other",
            where="features",
            fix=f"Leave out {twins[0][-1]!r}.",
        )


def _guarded(indicators: pd.DataFrame, name: str) -> bool:
    """Whether the feature is a log ratio whose parts are in the table."""
    return name in LOG_RATIOS and all(part in indicators.columns for part in (LOG_RATIOS[name].numerator, LOG_RATIOS[name].denominator))


def _mean(values: Floats) -> float:
    """Mean that does not depend on the order."""
    return math.fsum(values.tolist()) / len(values)


def term_available(indicators: pd.DataFrame, name: str) -> bool:
    """Whether the table can give the feature: its column, or both parts of a log ratio, hold values other than 0."""
    if _guarded(indicators, name):
        return all(_has_values(indicators, part) for part in (LOG_RATIOS[name].numerator, LOG_RATIOS[name].denominator))
    return _has_values(indicators, name)


def _not_known(name: str, got: str) -> InputError:
    return refuse(
        "feature_not_known",
        expected=f"values of {name} in each year",
        got=got,
        where="indicators",
        fix="Give the data of all years, or leave this feature or these years out.",
    )


def known_rows(indicators: pd.DataFrame, name: str) -> Flags:
    """Rows where the feature is known: its column, or both parts of a log ratio."""
    if _guarded(indicators, name):
        return ~np.any([np.isnan(part) for part in log_ratio_parts(indicators, LOG_RATIOS[name])], axis=0)
    return ~np.isnan(column_of(indicators, name, negative=True))


def _complete_rows(indicators: pd.DataFrame, names: Sequence[str], rows: Flags) -> Flags:
    """Rows of the fit where all features are known; refuses a feature that is not known in one of the years."""
    years, complete = years_of(indicators), rows.copy()
    for name in names:
        known = rows & known_rows(indicators, name)
        empty = [int(year) for year in np.unique(years[rows]) if not (known & (years == year)).any()]
        if empty:
            raise _not_known(name, f"none in {examples(empty)}" if years.any() else "none")
        complete &= known
    if not complete.any():
        raise _not_known(" and ".join(names), "no cell where all are known")
    return complete


def fit_rule(indicators: pd.DataFrame, name: str, rows: Flags, *, transform: str, winsorise: float) -> FeatureRule | None:
    """The rule of one feature from `rows`, where it is known; None where it is constant there.

    Raises
    ------
    InputError
        A log ratio of which a part is 0 everywhere.
    """
    rule = FeatureRule(name)
    if _guarded(indicators, name):
        means = [_mean(part[rows]) for part in log_ratio_parts(indicators, LOG_RATIOS[name])]
        if min(means) <= 0:
            raise _not_known(name, "0 everywhere")
        rule = replace(rule, guards=(GUARD * means[0], GUARD * means[1]))
    values = rule.raw(indicators)[rows]
    low, high = np.quantile(values, [winsorise, 1.0 - winsorise])
    rule = replace(rule, low=float(low), high=float(high))
    is_log = name in LOG_RATIOS
    if transform == "signed_log" and not is_log:
        sizes = np.abs(values[values != 0])
        if len(sizes) == 0:
            return None
        rule = replace(rule, scale=float(np.median(sizes)))
    bent = rule.bent(values)
    mean = _mean(bent)
    deviation = math.sqrt(_mean((bent - mean) ** 2))
    floor = 1.0 if is_log or rule.scale is not None else 0.0
    if deviation <= 1e-9 * max(float(np.abs(bent).max()), floor):
        return None
    return replace(rule, mean=mean, deviation=deviation)


def fit_features(
    indicators: pd.DataFrame,
    *,
    features: str | Sequence[str] = "budget",
    transform: str = "signed_log",
    weights: Mapping[str, float] | None = None,
    winsorise: float = 0.01,
    missing: str = "leave_out",
    rows: Flags | None = None,
) -> Features:
    """Fit one scaler on all years pooled and give the standardised features of all rows.

    Each feature x is clipped to its `winsorise` and ``1 - winsorise`` quantiles, then ``y = sgn(x) ln(1 + |x| / s)`` with s the median of
    the non-zero |x| (which makes it independent of units), then ``z = (y - mean y) / sd y``. Log ratios are ``ln((x + e) / (y + e'))``
    with e, e' = 1 % of the means, and are not transformed again.

    Parameters
    ----------
    indicators : DataFrame
        As `zoning_indicators` gives them.
    features : str or sequence of str
        A set (`budget`, `nrca`, `density`) or columns.
    transform : {"signed_log", "none"}
    weights : mapping, optional
        Weights of features in squared distances, 0 or more; default 1.
    winsorise : float
        Share clipped at each end, below 0.5.
    missing : {"leave_out", "fill"}
        What a row gets where a feature is not known: NaN, or the mean of the feature (z = 0) where another one is known.
    rows : bool array, optional
        Rows that the scaler is fitted on, as far as all features are known there; default: all.

    Raises
    ------
    InputError
        Unknown features, copies (``|r| = 1``), negative weights, features that do not vary, a year without a feature.
    """
    choose(transform, TRANSFORMS, where="transform")
    choose(missing, MISSING_CHOICES, where="missing")
    if not 0 <= winsorise < 0.5:
        raise refuse("winsorise", expected="a share from 0 to below 0.5", got=repr(winsorise), where="winsorise", fix="Use 0.01.")
    fitted = np.ones(len(indicators), dtype=bool) if rows is None else rows
    names, dropped = feature_names(indicators, features)
    heed = _check_weights(weights or {}, [*names, *dropped])
    if dropped:
        warn("features left out: " + "; ".join(f"{name} ({reason})" for name, reason in dropped.items()))
    complete = _complete_rows(indicators, names, fitted)
    rules = []
    for name in names:
        rule = fit_rule(indicators, name, complete, transform=transform, winsorise=winsorise)
        if rule is None:
            dropped[name] = "constant"
            warn(f"feature {name} is left out: it is the same in (nearly) all cells.")
        else:
            rules.append(replace(rule, weight=heed.get(name, 1.0)))
    if not any(rule.weight > 0 for rule in rules):
        raise refuse(
            "no_variance",
            expected="at least one feature that varies",
            got="; ".join(f"{name}: {reason}" for name, reason in dropped.items()) or "weights of 0",
            where="features",
            fix="Name features that differ between cells, with a weight above 0.",
        )
    scaler = FeatureScaler(tuple(rules), fill=missing == "fill")
    z = scaler.transform(indicators)
    return Features(z, scaler, dropped, _correlated(z[complete]))


def _check_weights(weights: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    for name, weight in weights.items():
        if name not in names:
            near = nearest(name, names)
            hint = f"Did you mean {near!r}?" if near else "Weigh features that are used."
            raise refuse("unknown_feature", expected=f"one of {', '.join(names)}", got=repr(name), where="weights", fix=hint)
        if not (math.isfinite(weight) and weight >= 0):
            raise refuse(
                "negative_weight", expected="a finite weight, 0 or more", got=repr(weight), where=f"weights[{name!r}]", fix="Use 1."
            )
    return {name: float(weight) for name, weight in weights.items()}


def _correlated(z: pd.DataFrame) -> tuple[tuple[str, str, float], ...]:
    """Pairs with ``|r| > 0.95``, with a warning; copies are refused."""
    if z.shape[1] < 2 or len(z) < 3:
        return ()
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.corrcoef(z.to_numpy(), rowvar=False)
    names = list(z.columns)
    pairs = [(names[i], names[j], float(r[i, j])) for i in range(len(names)) for j in range(i + 1, len(names)) if abs(r[i, j]) > SIMILAR]
    for one, two, value in pairs:
        if abs(value) >= COPY:
            raise refuse(
                "copies",
                expected="features that tell different things",
                got=f"{one} and {two}, with r = {value:+.9f}",
                where="features",
                fix=f"Leave out {two!r}.",
            )
    if pairs:
        warn("features that say nearly the same: " + "; ".join(f"{one} and {two} (r = {value:+.3f})" for one, two, value in pairs))
    return tuple(pairs)


def canonical_order(indicators: pd.DataFrame) -> NDArray[np.int64]:
    """Positions of the rows in the order of year, then `unit_id`; refuses a `unit_id` that stands twice in a year."""
    ids, years = unit_ids(indicators), years_of(indicators)
    order = np.lexsort((ids.astype(str), years))
    twice = (ids[order][1:] == ids[order][:-1]) & (years[order][1:] == years[order][:-1])
    if twice.any():
        raise refuse(
            "repeated_unit",
            expected="each unit_id once a year",
            got=f"{examples(np.unique(ids[order][1:][twice].astype(str)))} more than once",
            where="unit_id",
            fix="Add a column `year`, or merge the rows.",
        )
    return order
