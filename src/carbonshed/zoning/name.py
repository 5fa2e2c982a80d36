"""Names of clusters: which pays, which receives, which is balanced - by a stated rule, with hard checks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import check_columns, refuse
from carbonshed.zoning.features import fit_rule, known_rows, term_available
from carbonshed.zoning.indicators import column_of, yearly_totals, years_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

ZONES = ("payment", "balanced", "recipient")
MISSING = "missing"
TOWARD_PAYMENT = ("log_emission_intensity", "territorial_development")
TOWARD_RECIPIENT = ("share_difference", "sink_density")


def naming_terms(indicators: pd.DataFrame, rows: Flags) -> pd.DataFrame:
    """z-scores of the terms of the naming score that the table can give, winsorised and transformed as features are.

    They are used whether or not they are among the features of the clustering; constant ones are left out.
    """
    columns = {}
    for name in (*TOWARD_PAYMENT, *TOWARD_RECIPIENT):
        known = rows & known_rows(indicators, name) if term_available(indicators, name) else np.zeros(len(rows), dtype=bool)
        rule = fit_rule(indicators, name, known, transform="signed_log", winsorise=0.01) if known.any() else None
        if rule is not None:
            columns[name] = rule.standardise(rule.raw(indicators))
    return pd.DataFrame(columns, index=indicators.index)


def naming_scores(terms: pd.DataFrame, labels: ArrayLike) -> pd.DataFrame:
    """Naming score of each cluster and the means it is made of.

    ``score_c = mean(-share difference, log emission intensity, territorial development) - mean(share difference, sink density)``, each the
    mean of z over the members of cluster c. High: payment; low: recipient.

    Parameters
    ----------
    terms : DataFrame
        z-scores as `naming_terms` gives them, rows as `labels`.
    labels : array of int
        Cluster of each row.

    Returns
    -------
    DataFrame
        Index cluster; columns `score`, `n_units` and the mean z of each term.

    Examples
    --------
    >>> z = pd.DataFrame({"share_difference": [-1.0, -1.0, 2.0], "sink_density": [0.0, 0.0, 1.0]})
    >>> naming_scores(z, [0, 0, 1])["score"].tolist()  # 1 - (-1 + 0) / 2 and -2 - (2 + 1) / 2
    [1.5, -3.5]
    """
    clusters, group = np.unique(np.asarray(labels), return_inverse=True)
    means = terms.groupby(group, sort=True).mean()
    found = {str(name): means[name].to_numpy() for name in means}
    paying = [-found["share_difference"]] if "share_difference" in found else []
    paying += [found[name] for name in TOWARD_PAYMENT if name in found]
    receiving = [found[name] for name in TOWARD_RECIPIENT if name in found]
    score = np.zeros(clusters.size)
    for sign, parts in ((1.0, paying), (-1.0, receiving)):
        if parts:
            score += sign * _mean_of_known(np.stack(parts))
    return pd.DataFrame({"score": score, "n_units": np.bincount(group), **found}, index=pd.Index(clusters, name="cluster"))


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis of what is known; 0 where nothing is."""
    known = ~np.isnan(values)
    return np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def jenks_groups(values: Sequence[float], weights: Sequence[float], *, groups: int) -> list[int]:
    """Exact Fisher-Jenks classes of weighted numbers: those with the least weighted sum of squares within classes.

    Parameters
    ----------
    values, weights : sequence of float
        A few numbers (all cuts are tried) and their weights, 0 or more.
    groups : int
        Number of classes.

    Returns
    -------
    list of int
        Class of each value, 0 for the lowest; of equal cuts the one with the lower breaks.

    Raises
    ------
    InputError
        Fewer values than classes, or a negative weight.

    Notes
    -----
    Source: Fisher (1958), J. Am. Stat. Assoc. 53:789, textbook form.

    Examples
    --------
    >>> jenks_groups([9.0, 1.0, 2.0, 8.0, 5.0], [1, 1, 1, 1, 1], groups=3)
    [2, 0, 0, 2, 1]
    """
    x, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if not 1 <= groups <= len(x):
        raise refuse("jenks_groups", expected=f"1 to {len(x)} classes", got=str(groups), where="groups", fix="Ask for fewer classes.")
    if len(w) != len(x) or (w < 0).any():
        raise refuse("negative_weight", expected="one weight a value, 0 or more", got=str(list(w)), where="weights", fix="Use counts.")
    order = np.argsort(x, kind="stable")
    best: tuple[int, ...] = ()
    best_cost = math.inf
    for cuts in combinations(range(1, len(x)), groups - 1):
        parts = np.split(order, cuts)
        cost = sum(_within(x[part], w[part]) for part in parts)
        if cost < best_cost * (1 - 1e-12):
            best, best_cost = cuts, cost
    result = np.empty(len(x), dtype=np.int64)
    for group, part in enumerate(np.split(order, best)):
        result[part] = group
    return result.tolist()


def _within(x: Floats, w: Floats) -> float:
    """Weighted sum of squares around the weighted mean."""
    if w.sum() == 0:
        return 0.0
    return float((w * (x - (w * x).sum() / w.sum()) ** 2).sum())


def name_clusters(scores: Sequence[float], counts: Sequence[float]) -> tuple[list[str], list[str]]:
    """Zone and sub-type of clusters that are numbered by falling score.

    Two clusters are payment and recipient, three payment, balanced and recipient; more are cut into three groups by Fisher-Jenks,
    weighted by their members, and the sub-type (``payment_1``, ``payment_2``, ...) keeps the cluster.

    >>> name_clusters([2.0, 0.1, 0.0, -3.0], [10, 10, 10, 10])
    (['payment', 'balanced', 'balanced', 'recipient'], ['payment', 'balanced_1', 'balanced_2', 'recipient'])
    """
    k = len(scores)
    if k <= 3:
        zones = [ZONES[0], *([ZONES[1]] if k == 3 else []), ZONES[2]][:k]
    else:
        spread = [-index * 1e-12 for index in range(k)]  # equal scores: the lower cluster is nearer to payment
        classes = jenks_groups(np.add(scores, spread).tolist(), counts, groups=3)
        zones = [ZONES[2 - each] for each in classes]
    subtypes = [zone if zones.count(zone) == 1 else f"{zone}_{zones[: index + 1].count(zone)}" for index, zone in enumerate(zones)]
    return zones, subtypes


def failed_checks(zones: ArrayLike, source: Floats, sink: Floats) -> list[str]:
    """Hard checks of the names: the carbon balance index (sum C / sum S) of payment above, of recipient below that of the region.

    Returns
    -------
    list of str
        One sentence for each check that fails; empty where the zones are what their names say.

    Examples
    --------
    >>> failed_checks(["payment", "recipient"], np.array([1.0, 9.0]), np.array([5.0, 5.0]))[0]
    'payment: sum C / sum S is 0.2, not above the regional 1'
    """
    named, known = np.asarray(zones), ~(np.isnan(source) | np.isnan(sink))
    all_source, all_sink = math.fsum(source[known]), math.fsum(sink[known])
    failed = []
    for zone, sign, word in (("payment", 1.0, "above"), ("recipient", -1.0, "below")):
        rows = known & (named == zone)
        own_source, own_sink = math.fsum(source[rows]), math.fsum(sink[rows])
        if not rows.any():
            failed.append(f"{zone}: no cell has this zone")
        elif not sign * (own_source * all_sink - all_source * own_sink) > 0:
            failed.append(
                f"{zone}: sum C / sum S is {_index(own_source, own_sink)}, not {word} the regional {_index(all_source, all_sink)}"
            )
    return failed


def _index(source: float, sink: float) -> str:
    return f"{source / sink:.4g}" if sink else "without a sink"


def rule_zones(indicators: pd.DataFrame, *, margin: float = 0.0) -> pd.Series:
    """Zones by rule, without clustering: an audit of the others.

    `payment` where ``C_i / S_i > C / S`` and (``ecc < 1`` or ``esc < 1``); `recipient` where ``esc > 1`` and ``C_i / S_i < C / S``; else
    `balanced`; C and S are sums over the rows of a year. As ``esc < 1`` says the same as ``C_i / S_i > C / S``, nearly no cell is balanced
    with ``margin = 0``; a margin m asks for more than ``1 + m`` times, so that cells within it are balanced. Thresholds are a choice of
    the project.

    Returns
    -------
    Series
        `payment`, `balanced`, `recipient`, or `missing` where source or sink is not known; in the caller's index.

    Examples
    --------
    >>> account = pd.DataFrame({"carbon_source": [100.0, 60, 30, 10], "carbon_sink": [10.0, 15, 20, 25]})
    >>> rule_zones(account).tolist()
    ['payment', 'payment', 'recipient', 'recipient']
    """
    check_columns(indicators.columns, ["carbon_source", "carbon_sink"], where="indicators")
    if not margin >= 0:
        raise refuse("margin", expected="0 or more", got=repr(margin), where="margin", fix="Use 0.1 for a band of 10 %.")
    source, sink = column_of(indicators, "carbon_source"), column_of(indicators, "carbon_sink")
    years, known = years_of(indicators), ~(np.isnan(source) | np.isnan(sink))
    least = 1.0 + margin + 1e-12  # equal up to rounding is equal
    own = source * yearly_totals(sink, years, known)  # C_i S against S_i C: C_i / S_i against C / S, without division
    region = sink * yearly_totals(source, years, known)
    pays, receives = own > least * region, region > least * own
    zone = np.select([~known, pays, receives], [MISSING, "payment", "recipient"], "balanced")
    return pd.Series(zone, index=indicators.index, name="zone")
