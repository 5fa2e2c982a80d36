"""The explanation record of every cell or county and year at once: columns beside the zones, flat, so that any format holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.numerics.switches import nearest_switch, score_switch
from carbonshed.spatial.neighbours import as_sparse
from carbonshed.zoning.classify import LEAST_INSIDE
from carbonshed.zoning.contiguity import yearly_neighbours
from carbonshed.zoning.explain import ACCOUNT, REACH, STEP, smallest_change
from carbonshed.zoning.indicators import column_of, unit_ids, years_of
from carbonshed.zoning.model import ZoneModel, distances_to_zones
from carbonshed.zoning.name import MISSING, ZONES
from carbonshed.zoning.scaler import LOG_RATIOS, FeatureRule

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]

SLOTS = 8
"""Features that are listed for a row, the heaviest first; a longer list of features is cut here."""
UNSURE = 0.2
CAUTIONS = ("low_confidence", "nearer_to_other_zone", "alone", "changed", "partly_outside", "beyond_limits", "mean_taken")
SWITCH = ("switch_feature", "switch_z", "switch_term", "switch_value", "switch_needed", "switch_change", "switch_zone")


def zone_explanations(model: ZoneModel, neighbours: object | None = None) -> pd.DataFrame:
    """Why each row of a model is in its zone: the record of `explain_zone` for all rows, as flat columns.

    With c1 the centre of the own cluster and c2 the nearest centre of a cluster of another zone, ``d1 = |x - c1|``, ``d2 = |x - c2|``; the
    contribution of feature f is ``w_f [(z_f - c2_f)^2 - (z_f - c1_f)^2]``, and ``zone_margin = d2^2 - d1^2`` is the sum over all features.

    Parameters
    ----------
    model : ZoneModel
        As `fit_zones` or `contiguous_zones` gives it.
    neighbours : csr_array or libpysal Graph, optional
        In the order of the caller's frame. Default: `yearly_neighbours` where rows are grid cells or have polygons; else the
        columns on neighbours are left out.

    Returns
    -------
    DataFrame
        In the caller's index: `zone_subtype`; `distance_own`, `distance_other`, `zone_margin` (in standard deviations, and their square);
        `nearest_other_zone`, `nearest_other_cluster`; for r = 1 to 8 at most, by falling size of the contribution, `top_feature_r`,
        `top_contribution_r`, `top_z_r`, `top_term_r`, `top_value_r` (in the unit of the term); the smallest change of one
        feature that gives another zone, `switch_feature`, `switch_z`, `switch_term`, `switch_value`, `switch_needed`, `switch_change`
        (unit of the term), `switch_zone`; `neighbours_payment`, `neighbours_balanced`, `neighbours_recipient`, `neighbours_missing`
        (numbers); `zone_before` (of the year before in the table); `features_not_known`, `zone_cautions` (words of `CAUTIONS`,
        parted by commas); the account where it is there. What does not apply is empty.

    Notes
    -----
    Row by row the same as `explain_zone`, whatever the order of the rows; contributions and changes are found for all rows together.

    Examples
    --------
    >>> from carbonshed.zoning.classify import fit_zones
    >>> from carbonshed.zoning.indicators import zoning_indicators
    >>> flows = {"carbon_source": [90.0, 80, 85, 30, 33, 35, 2, 3, 1], "carbon_sink": [1.0, 2, 3, 9, 11, 10, 40, 48, 45]}
    >>> account = pd.DataFrame({**flows, "area_km2": 1.0}, index=pd.Index(list("abcdefghi"), name="unit_id"))
    >>> model = fit_zones(zoning_indicators(account), method="kmeans", features=["share_difference"], counts=())
    >>> why = zone_explanations(model)
    >>> bool((why["top_contribution_1"] == why["zone_margin"]).all()), why.loc["a", ["nearest_other_zone", "switch_zone"]].tolist()
    (True, ['balanced', 'balanced'])
    """
    frame = model.indicators
    z = model.scaler.transform(frame).to_numpy()
    labels = model.zones["cluster"].to_numpy(dtype=np.int64, na_value=-1)
    zone = model.zones["zone"].to_numpy(dtype=object)
    raw = np.stack([rule.raw(frame) for rule in model.scaler.rules], axis=1)
    found: dict[str, Any] = {"zone_subtype": zone}
    if "zone_subtype" in model.zones:
        found["zone_subtype"] = model.zones["zone_subtype"].to_numpy(dtype=object)
    found |= _distances(model, z, raw, labels)
    found |= _switches(model, z, raw, zone)
    links = _links(frame, neighbours)
    if links is not None:
        counts = links @ np.stack([zone == each for each in (*ZONES, MISSING)], axis=1).astype(np.float64)
        found |= {f"neighbours_{each}": counts[:, place].astype(np.int64) for place, each in enumerate((*ZONES, MISSING))}
    found["zone_before"] = _before(frame, zone)
    found["features_not_known"] = _not_known(model.scaler.names, model.scaler.unknown(frame))
    found["zone_cautions"] = _cautions(model, found, raw, zone)
    found |= {name: column_of(frame, name, negative=True) for name in ACCOUNT if name in frame}
    return pd.DataFrame(found, index=frame.index)


def zone_centres(model: ZoneModel) -> pd.DataFrame:
    """Centre of each cluster, feature by feature: as z, and in the unit of the term that the feature is told in.

    Returns
    -------
    DataFrame
        `cluster`, `zone`, `zone_subtype`, `feature`, `centre_z`, `centre_term`, `centre_value` (that whose z is the centre, within the
        limits of winsorising), `feature_weight`; clusters in order, features by name.
    """
    root = np.sqrt(model.scaler.weights)
    centres = np.divide(model.clusterer.centres, root, out=np.full(model.clusterer.centres.shape, np.nan), where=root > 0)
    rows = []
    for cluster, (zone, subtype) in enumerate(zip(model.naming["zone"], model.naming["zone_subtype"], strict=True)):
        for place, rule in enumerate(model.scaler.rules):
            z = centres[cluster, place : place + 1]
            value = _in_own_unit(rule, rule.restore(z))[0]
            rows.append((cluster, zone, subtype, rule.name, float(z[0]), _term(rule), float(value), rule.weight))
    columns = ["cluster", "zone", "zone_subtype", "feature", "centre_z", "centre_term", "centre_value", "feature_weight"]
    return pd.DataFrame(rows, columns=columns)


def _term(rule: FeatureRule) -> str:
    """Term that a feature is told in: the ratio itself for a log ratio."""
    return LOG_RATIOS[rule.name].ratio_term if rule.name in LOG_RATIOS else rule.name


def _in_own_unit(rule: FeatureRule, values: Floats) -> Floats:
    return np.exp(values) if rule.name in LOG_RATIOS else values


def _words(names: Sequence[str], places: Integers) -> Texts:
    """Names by place; None at -1."""
    return np.array([*names, None], dtype=object)[places]


def _distances(model: ZoneModel, z: Floats, raw: Floats, labels: Integers) -> dict[str, Any]:
    """Distances to both centres, the nearest other zone, and the features by the size of what they contribute."""
    rules, centres, n = model.scaler.rules, model.clusterer.centres, len(z)
    x = z * np.sqrt(model.scaler.weights)
    rows = np.flatnonzero(labels >= 0)
    d1, d2, near = distances_to_zones(x[rows], labels[rows], centres, model.zone_of_cluster)
    own, other, cluster = np.full(n, np.nan), np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    own[rows], other[rows], cluster[rows] = d1, np.where(near >= 0, d2, np.nan), near
    told = np.flatnonzero(cluster >= 0)
    parts = (x[told] - centres[cluster[told]]) ** 2 - (x[told] - centres[labels[told]]) ** 2
    margin = np.full(n, np.nan)
    margin[told] = parts.sum(axis=1)
    found: dict[str, Any] = {
        "distance_own": own,
        "distance_other": other,
        "zone_margin": margin,
        "nearest_other_zone": _words(model.zone_of_cluster, cluster),
        "nearest_other_cluster": pd.arrays.IntegerArray(np.maximum(cluster, 0), cluster < 0),
    }
    values = np.stack([_in_own_unit(rule, raw[told, place]) for place, rule in enumerate(rules)], axis=1)
    order = np.argsort(-np.abs(parts), axis=1, kind="stable")
    line = np.arange(len(told))
    for slot in range(min(len(rules), SLOTS)):
        feature = np.full(n, -1, dtype=np.int64)
        feature[told] = order[:, slot]
        found[f"top_feature_{slot + 1}"] = _words(model.scaler.names, feature)
        for name, held in (("contribution", parts), ("z", z[told])):
            found[f"top_{name}_{slot + 1}"] = _spread(n, told, held[line, order[:, slot]])
        found[f"top_term_{slot + 1}"] = _words([_term(rule) for rule in rules], feature)
        found[f"top_value_{slot + 1}"] = _spread(n, told, values[line, order[:, slot]])
    return found


def _spread(n: int, rows: Integers, values: Floats) -> Floats:
    """Values at their rows, NaN at the others."""
    column = np.full(n, np.nan)
    column[rows] = values
    return column


def _switches(model: ZoneModel, z: Floats, raw: Floats, zone: Texts) -> dict[str, Any]:
    """The smallest change of one feature that gives another zone, as `smallest_change` finds it row by row."""
    n, root = len(z), np.sqrt(model.scaler.weights)
    names = np.asarray(model.zone_of_cluster, dtype=object)
    found: dict[str, Any] = {name: np.full(n, None if name.split("_")[1] in ("feature", "term", "zone") else np.nan) for name in SWITCH}
    rows = np.flatnonzero(zone != MISSING)
    if model.clusterer.method == "rules" or not len(rows):
        return found
    rows = rows[names[model.clusterer.assign(z[rows] * root)] == zone[rows]]
    if not len(rows):
        return found
    steps, axis, sign = _first_steps(model, z[rows], zone[rows])
    rows, steps, axis, sign = (each[steps > 0] for each in (rows, steps, axis, sign))

    def other(size: NDArray[np.floating[Any]]) -> tuple[Flags, Integers]:
        """Whether the rows, moved so far, have another zone, and their clusters."""
        moved = z[rows].copy()
        moved[np.arange(len(rows)), axis] += sign * size
        label = model.clusterer.assign(moved * root)
        return np.asarray(names[label] != zone[rows]), label

    if len(rows):
        size = steps * STEP
        doubtful = ~other(size)[0] | ((steps > 1) & other(size - STEP)[0])  # a border within rounding of a step: the plain way
        low, high = size - STEP, size
        while len(high) and (high - low).max() > 1e-9:
            middle = (low + high) / 2.0
            turned = other(middle)[0]
            open_ = high - low > 1e-9
            low, high = np.where(open_ & ~turned, middle, low), np.where(open_ & turned, middle, high)
        _tell(model, found, z, raw, rows, axis, sign * high, names[other(high)[1]])
        for place in np.flatnonzero(doubtful):
            _tell_plainly(model, found, z, raw, int(rows[place]), str(zone[rows[place]]))
    for name in ("switch_value", "switch_needed", "switch_change", "switch_z"):
        found[name] = found[name].astype(np.float64)
    return found


def _tell(
    model: ZoneModel, found: dict[str, Any], z: Floats, raw: Floats, rows: Integers, axis: Integers, change: Floats, zone: Texts
) -> None:
    """Write the changes of the rows, feature by feature, in the unit of the term."""
    found["switch_z"][rows], found["switch_zone"][rows] = change, zone
    for place, rule in enumerate(model.scaler.rules):
        here = axis == place
        into = rows[here]
        value = _in_own_unit(rule, raw[into, place])
        needed = _in_own_unit(rule, rule.restore(z[into, place] + change[here]))
        found["switch_feature"][into], found["switch_term"][into] = rule.name, _term(rule)
        found["switch_value"][into], found["switch_needed"][into] = value, needed
        found["switch_change"][into] = needed - value


def _tell_plainly(model: ZoneModel, found: dict[str, Any], z: Floats, raw: Floats, row: int, zone: str) -> None:
    told: Mapping[str, Any] = smallest_change(model, z[row], raw[row], zone) or {}
    keys = ("feature", "change_z", "term", "value", "needed", "change", "to_zone")
    for name, key in zip(SWITCH, keys, strict=True):
        found[name][row] = told.get(key, None if found[name].dtype == object else np.nan)


def _first_steps(model: ZoneModel, z: Floats, zone: Texts) -> tuple[Integers, Integers, Integers]:
    """Steps, feature and direction of the least change, by the kernel that suits the method."""
    clusterer, root = model.clusterer, np.sqrt(model.scaler.weights)
    number = {name: place for place, name in enumerate(dict.fromkeys(model.zone_of_cluster))}
    group = np.array([number[name] for name in model.zone_of_cluster], dtype=np.int64)
    own = np.array([number[name] for name in zone], dtype=np.int64)
    limits = np.array([rule.standardise(np.array([rule.low, rule.high])) for rule in model.scaler.rules])
    options: dict[str, Any] = {"low": limits[:, 0], "high": limits[:, 1], "step": STEP, "reach": REACH}
    if clusterer.mixture is not None and clusterer.component_cluster is not None:
        base, slope, curve = _mixture_scores(clusterer.mixture, z * root, root)
        return score_switch(z, base, slope, curve, group[clusterer.component_cluster], own, **options)
    points, of_point = clusterer.centres, group
    if clusterer.som is not None and clusterer.node_cluster is not None:
        points, of_point = clusterer.som.codebook_, group[clusterer.node_cluster]
    return nearest_switch(z, points, of_point, own, root=root, **options)


def _mixture_scores(mixture: Any, x: Floats, root: Floats) -> tuple[Floats, Floats, Floats]:
    """Minus the log of weight times density of each component, along each feature: constants, slopes and curvatures."""
    factor = mixture.precisions_cholesky_
    y = np.stack([(x - mean) @ part for mean, part in zip(mixture.means_, factor, strict=True)], axis=1)
    level = np.log(mixture.weights_) + np.array([np.log(np.diag(part)).sum() for part in factor])
    base = 0.5 * (y**2).sum(axis=2) - level
    slope = np.einsum("nuk,ufk->nuf", y, factor) * root
    return base, slope, 0.5 * (factor**2).sum(axis=2) * root**2


def _links(frame: pd.DataFrame, neighbours: object | None) -> Any:
    """Links in the order of the frame, or None where nothing tells them."""
    if neighbours is not None:
        return as_sparse(neighbours, frame.index)
    are_cells = all(":R" in str(each) for each in frame.index)
    return yearly_neighbours(frame) if are_cells or isinstance(frame, gpd.GeoDataFrame) else None


def _before(frame: pd.DataFrame, zone: Texts) -> Texts:
    """Zone of the same cell or county in the year of the table before; None in its first year."""
    ids, years = pd.factorize(unit_ids(frame))[0], years_of(frame)
    order = np.lexsort((years, ids))
    before = np.full(len(zone), None, dtype=object)
    same = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    before[order[same + 1]] = zone[order[same]]
    return before


def _not_known(names: Sequence[str], unknown: Flags) -> Texts:
    """The features of each row that are not known; None where all are."""
    texts = np.full(len(unknown), None, dtype=object)
    for row in np.flatnonzero(unknown.any(axis=1)):
        texts[row] = ", ".join(name for name, lacking in zip(names, unknown[row], strict=True) if lacking)
    return texts


def _cautions(model: ZoneModel, found: Mapping[str, Any], raw: Floats, zone: Texts) -> Texts:
    """What a reader of the row should heed, in words of `CAUTIONS`; empty text where there is nothing."""
    n, frame = len(zone), model.indicators
    has_zone = zone != MISSING
    confidence = model.zones["zone_confidence"].to_numpy(dtype=np.float64)
    low, high = (np.array([getattr(rule, name) for rule in model.scaler.rules]) for name in ("low", "high"))
    flags = np.zeros((n, len(CAUTIONS)), dtype=bool)
    flags[:, 0] = confidence < UNSURE
    flags[:, 1] = found["distance_own"] >= found["distance_other"]
    if "neighbours_payment" in found:
        around = np.stack([found[f"neighbours_{each}"] for each in ZONES], axis=1)
        alike = np.select([zone == each for each in ZONES], list(around.T), 0)
        flags[:, 2] = (around.sum(axis=1) > 0) & (alike == 0)
    before = found["zone_before"]
    flags[:, 3] = [old is not None and old not in (new, MISSING) for old, new in zip(before, zone, strict=True)]
    if "inside_share" in frame.columns:
        flags[:, 4] = column_of(frame, "inside_share") < LEAST_INSIDE
    flags[:, 5] = ((raw < low) | (raw > high)).any(axis=1)
    flags[:, 6] = np.isnan(raw).any(axis=1)
    flags[~has_zone] = False
    code = flags @ (1 << np.arange(len(CAUTIONS)))
    texts = [", ".join(word for place, word in enumerate(CAUTIONS) if each >> place & 1) for each in range(1 << len(CAUTIONS))]
    return np.array(texts, dtype=object)[code]
