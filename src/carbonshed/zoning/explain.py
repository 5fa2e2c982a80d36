"""Why a cell or county is in its zone, and what would move it to another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import examples, nearest, refuse
from carbonshed.zoning.indicators import unit_ids, years_of
from carbonshed.zoning.model import ZoneModel, distances_to_zones
from carbonshed.zoning.name import MISSING
from carbonshed.zoning.scaler import LOG_RATIOS

Floats = NDArray[np.float64]

TOP = 3
REACH = 3.0
STEP = 0.01
ACCOUNT = ("carbon_source", "carbon_sink", "net_carbon_emission", "ecc", "esc")


def zone_contributions(model: ZoneModel) -> pd.DataFrame:
    """What each feature contributes to the zone of each cell: ``w_f [(z_f - c2_f)^2 - (z_f - c1_f)^2]``.

    c1 is the centre of the own cluster, c2 the nearest centre of a cluster of another zone; the sum over features is
    ``d2^2 - d1^2``. A positive contribution speaks for the zone of the cell, a negative one for the other.

    Returns
    -------
    DataFrame
        One column a feature, in the caller's index; NaN where the zone is `missing`, or where there is no other zone.
    """
    x = model.features(model.indicators)
    labels = model.zones["cluster"].to_numpy(dtype=np.int64, na_value=-1)
    result = np.full(x.shape, np.nan)
    rows = np.flatnonzero(labels >= 0)
    centres = model.clusterer.centres
    _, _, other = distances_to_zones(x[rows], labels[rows], centres, model.zone_of_cluster)
    rows, other = rows[other >= 0], other[other >= 0]
    result[rows] = (x[rows] - centres[other]) ** 2 - (x[rows] - centres[labels[rows]]) ** 2
    return pd.DataFrame(result, index=model.indicators.index, columns=model.scaler.names)


def explain_zone(model: ZoneModel, unit_id: str, year: int | None = None) -> dict[str, Any]:
    """The explanation record of one cell or county and year, as plain data.

    Parameters
    ----------
    model : ZoneModel
        As `fit_zones` gives it.
    unit_id : str
        Cell or county.
    year : int, optional
        Needed where the model has several years.

    Returns
    -------
    dict
        `unit_id`, `year`, `zone`, `zone_subtype`, `cluster`, `som_node`, `zone_confidence`; `distance_own`, `distance_other` (d1, d2),
        `nearest_other_zone`; `top_features`, up to three with the largest ``|w_f [(z_f - c2_f)^2 - (z_f - c1_f)^2]|``, each with
        `feature`, `contribution`, `z`, `term`, `value`; `smallest_change`, the least change of a single feature within 3 standard
        deviations that would give another zone (`term`, `value`, `needed`, `change` in the term's unit, `to_zone`), or None; the account
        (`carbon_source`, ..., NaN as None); `mfz_type`, `policy_key`; `provenance`. A cell without a zone names its
        `features_not_known`.

    Raises
    ------
    InputError
        An unknown cell (the message names the nearest), or a year that is not there or is needed.
    """
    row = _find(model.indicators, unit_id, year)
    given = model.indicators.iloc[row]
    zone = model.zones.iloc[row]
    record: dict[str, Any] = {"unit_id": str(unit_id), "year": int(given["year"]) if "year" in given else None, "zone": str(zone["zone"])}
    record["zone_subtype"] = str(zone["zone_subtype"]) if "zone_subtype" in zone else record["zone"]
    for name in ("cluster", "som_node"):
        record[name] = None if pd.isna(zone[name]) else int(zone[name])
    record["zone_confidence"] = _plain(zone["zone_confidence"])
    z = model.scaler.transform(model.indicators).iloc[row]
    lacking = model.scaler.unknown(model.indicators.iloc[[row]])[0]
    if lacking.any():
        record["features_not_known"] = [str(name) for name in z.index[lacking]]
    if record["zone"] != MISSING:
        record |= _reasons(model, row, z)
    record |= {name: _plain(given[name]) for name in ACCOUNT if name in given}
    record["mfz_type"] = str(given["mfz_type"]) if "mfz_type" in given else None
    record["policy_key"] = "/".join(part for part in (record["zone"], record["mfz_type"]) if part)
    record["provenance"] = model.provenance
    return record


def _find(indicators: pd.DataFrame, unit_id: str, year: int | None) -> int:
    """Position of the row."""
    ids, years = unit_ids(indicators), years_of(indicators)
    rows = np.flatnonzero(ids == str(unit_id))
    if len(rows) == 0:
        near = nearest(str(unit_id), sorted(set(ids)))
        hint = f"Did you mean {near!r}?" if near else "Identifiers are those of the accounts."
        raise refuse("unknown_unit", expected="a unit_id of the model", got=repr(unit_id), where="unit_id", fix=hint)
    if year is not None and "year" in indicators.columns:
        rows = rows[years[rows] == year]
    if len(rows) != 1:
        had = examples(sorted({int(each) for each in years[ids == str(unit_id)]}))
        raise refuse("which_year", expected=f"one of the years {had}", got=repr(year), where="year", fix="Name a year of the model.")
    return int(rows[0])


def _plain(value: Any) -> float | None:
    """A number for JSON: None where it is not known."""
    return None if pd.isna(value) else float(value)


def _reasons(model: ZoneModel, row: int, z: pd.Series) -> dict[str, Any]:
    """Distances, the features that decide, and the smallest change."""
    root = np.sqrt(model.scaler.weights)
    x = (z.to_numpy() * root)[None, :]
    cluster = np.array([model.zones["cluster"].iloc[row]], dtype=np.int64)
    centres, zones = model.clusterer.centres, model.zone_of_cluster
    d1, d2, other = distances_to_zones(x, cluster, centres, zones)
    if other[0] < 0:
        return {
            "distance_own": float(d1[0]),
            "distance_other": None,
            "nearest_other_zone": None,
            "top_features": [],
            "smallest_change": None,
        }
    parts = ((x - centres[other]) ** 2 - (x - centres[cluster]) ** 2)[0]
    raw = np.array([rule.raw(model.indicators)[row] for rule in model.scaler.rules])
    order = sorted(range(len(parts)), key=lambda f: (-abs(parts[f]), f))[:TOP]
    top = []
    for f in order:
        term, value = _in_own_unit(model.scaler.names[f], raw[f])
        named = {"feature": model.scaler.names[f], "contribution": float(parts[f]), "z": float(z.iloc[f])}
        top.append({**named, "term": term, "value": value})
    return {
        "distance_own": float(d1[0]),
        "distance_other": float(d2[0]),
        "nearest_other_zone": zones[other[0]],
        "top_features": top,
        "smallest_change": smallest_change(model, z.to_numpy(), raw, zones[int(cluster[0])]),
    }


def _in_own_unit(feature: str, value: float) -> tuple[str, float]:
    """Term and value in that term's unit: the ratio itself for a log ratio."""
    return (LOG_RATIOS[feature].ratio_term, float(np.exp(value))) if feature in LOG_RATIOS else (feature, float(value))


def smallest_change(model: ZoneModel, z: Floats, raw: Floats, zone: str) -> dict[str, Any] | None:
    """The least change of one feature, in standard deviations, that gives the cell another zone, all others kept.

    Looked for in steps of 0.01 standard deviations within 3, and within the limits of winsorising, by the model itself; then halved
    to 1e-9. None where there is none, where the zone was given by the rule, or where the model would already give another zone (a row of
    Ward's method far from the centre of its cluster).

    Parameters
    ----------
    model : ZoneModel
    z, raw : arrays (features,)
        z-scores, and indicators, of the cell.
    zone : str
        Its zone.
    """
    zones, root = np.asarray(model.zone_of_cluster), np.sqrt(model.scaler.weights)

    def differs(rows: Floats) -> NDArray[np.bool_]:
        return zones[model.clusterer.assign(rows * root)] != zone

    if model.clusterer.method == "rules" or differs(z[None, :])[0]:
        return None
    steps = np.arange(1, round(REACH / STEP) + 1) * STEP
    best: tuple[float, int, float] | None = None
    for f, rule in enumerate(model.scaler.rules):
        low, high = rule.standardise(np.array([rule.low, rule.high]))
        for sign in (-1.0, 1.0):
            tries = np.tile(z, (len(steps), 1))
            tries[:, f] += sign * steps
            inside = (tries[:, f] >= low) & (tries[:, f] <= high)
            found = np.flatnonzero(inside & differs(tries))
            if len(found) and (best is None or steps[found[0]] < best[0]):
                best = float(steps[found[0]]), f, sign
    if best is None:
        return None
    size, f, sign = best
    return _described(model, z, raw, f, sign, _halve(differs, z, f, sign, size), zones)


def _halve(differs: Any, z: Floats, f: int, sign: float, size: float) -> float:
    """The change at which the zone turns, between `size` - 0.01 and `size`, to 1e-9."""
    low, high = size - STEP, size
    trial = z.copy()
    while high - low > 1e-9:
        middle = (low + high) / 2.0
        trial[f] = z[f] + sign * middle
        low, high = (low, middle) if differs(trial[None, :])[0] else (middle, high)
    return high


def _described(model: ZoneModel, z: Floats, raw: Floats, f: int, sign: float, size: float, zones: NDArray[Any]) -> dict[str, Any]:
    rule, moved = model.scaler.rules[f], z.copy()
    moved[f] += sign * size
    label = model.clusterer.assign((moved * np.sqrt(model.scaler.weights))[None, :])[0]
    term, value = _in_own_unit(rule.name, raw[f])
    _, needed = _in_own_unit(rule.name, float(rule.restore(moved[f : f + 1])[0]))
    change = {"feature": rule.name, "change_z": float(sign * size), "term": term, "value": value, "needed": needed}
    return {**change, "change": needed - value, "to_zone": str(zones[label])}
