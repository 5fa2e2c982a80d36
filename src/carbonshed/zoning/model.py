"""A fitted zone model: its table, its quality, and the distances by which zones are judged and explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.zoning.cluster import Clusterer, squared_distances
from carbonshed.zoning.name import MISSING, ZONES, rule_zones
from carbonshed.zoning.scaler import FeatureScaler

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Frame = TypeVar("Frame", bound=pd.DataFrame)


@dataclass(frozen=True)
class ZoneModel:
    """Fitted zones: the table, and all that is needed to explain them or to give zones to other cells.

    Parameters
    ----------
    zones : (Geo)DataFrame
        In the caller's index: `year` (where given), `som_node`, `cluster`, `zone`, `zone_confidence`, `zone_subtype` (more than three
        clusters), `geometry` (where given).
    quality : dict
        Plain data: method, rows, quality of the SOM (with its end radius), separation, checks of the names, what was left out.
    naming : DataFrame
        One row a cluster: naming score, members, mean z of the score's terms, zone and sub-type.
    choice_of_k : DataFrame
        Silhouette, Davies-Bouldin and Calinski-Harabasz of 2 to 8 clusters, on cells.
    scaler : FeatureScaler
        From indicators to z-scores and back.
    clusterer : Clusterer
        Clusters in the space of z times the root of the weights.
    indicators : DataFrame
        What the model was fitted on, in the caller's order.
    provenance : dict
        Feature set, transform, parameters and seed, as plain data.
    """

    zones: pd.DataFrame
    quality: dict[str, Any]
    naming: pd.DataFrame
    choice_of_k: pd.DataFrame
    scaler: FeatureScaler
    clusterer: Clusterer
    indicators: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def zone_of_cluster(self) -> list[str]:
        """Zone of each cluster."""
        return [str(zone) for zone in self.naming["zone"]]

    def features(self, indicators: pd.DataFrame) -> Floats:
        """The z-scores times the root of the weights, one row a cell: the space in which distances are measured."""
        return self.scaler.transform(indicators).to_numpy() * np.sqrt(self.scaler.weights)

    def predict(self, indicators: Frame) -> Frame:
        """Zones of other cells, or of other years, by the fitted scaler, map and clusters; columns as `zones`.

        Shares are taken within the years of `indicators`, so it must hold whole years.
        """
        x = self.features(indicators)
        labels = np.full(len(x), -1, dtype=np.int64)
        known = ~np.isnan(x).any(axis=1)
        if self.clusterer.method == "rules":
            labels[known] = rule_labels(indicators, self.zone_of_cluster)[known]
        elif known.any():
            labels[known] = self.clusterer.assign(x[known])
        return zone_table(indicators, x, labels, self.clusterer, self.naming)


def rule_labels(indicators: pd.DataFrame, zone_of_cluster: Sequence[str]) -> Integers:
    """Cluster of each row under the rule: the number of its zone, -1 where it has none."""
    number = {zone: cluster for cluster, zone in enumerate(zone_of_cluster)}
    return np.array([number.get(zone, -1) for zone in rule_zones(indicators)], dtype=np.int64)


def distances_to_zones(x: Floats, labels: Integers, centres: Floats, zone_of_cluster: Sequence[str]) -> tuple[Floats, Floats, Integers]:
    """Distance d1 to the centre of the own cluster, d2 to the nearest centre of a cluster of another zone, and that cluster.

    Where there is no other zone d2 is infinite and the cluster -1.
    """
    zones = np.asarray(zone_of_cluster)
    squared = squared_distances(x, centres)
    rows = np.arange(len(x))
    others = np.where(zones[labels][:, None] != zones[None, :], squared, np.inf)
    nearest = others.argmin(axis=1)
    second = others[rows, nearest]
    return np.sqrt(squared[rows, labels]), np.sqrt(second), np.where(np.isfinite(second), nearest, -1)


def zone_confidence(d1: Floats, d2: Floats) -> Floats:
    """``1 - d1 / d2``; 0 where ``d1 >= d2``, NaN where there is no other zone: 1 at the centre of the own cluster, 0 on a border.

    >>> zone_confidence(np.array([0.0, 1.0, 3.0]), np.array([2.0, 2.0, 2.0])).tolist()
    [1.0, 0.5, 0.0]
    """
    quotient = np.divide(d1, d2, out=np.ones(len(d1)), where=(d2 > d1) & np.isfinite(d2))
    return np.where(np.isinf(d2), np.nan, 1.0 - quotient)


def zone_table(indicators: Frame, x: Floats, labels: Integers, clusterer: Clusterer, naming: pd.DataFrame) -> Frame:
    """The table of zones in the index of the indicators; label -1 is the zone `missing`."""
    known = labels >= 0
    zones, subtypes = naming["zone"].tolist(), naming["zone_subtype"].tolist()
    nodes = np.zeros(len(x), dtype=np.int64)
    if clusterer.som is not None and known.any():
        nodes[known] = clusterer.som.predict(x[known])
    confidence = np.full(len(x), np.nan)
    if known.any():
        d1, d2, _ = distances_to_zones(x[known], labels[known], clusterer.centres, zones)
        confidence[known] = zone_confidence(d1, d2)
    added: dict[str, Any] = {
        "som_node": pd.arrays.IntegerArray(nodes, ~known if clusterer.som is not None else np.ones(len(x), dtype=bool)),
        "cluster": pd.arrays.IntegerArray(np.where(known, labels, 0), ~known),
        "zone": np.array([*zones, MISSING])[labels],
        "zone_confidence": confidence,
    }
    if len(zones) > len(ZONES):
        added["zone_subtype"] = np.array([*subtypes, MISSING])[labels]
    geometry = getattr(indicators, "active_geometry_name", None)
    kept = [name for name in ("year", geometry) if name in indicators.columns]
    table = indicators[kept].copy()
    for place, (name, values) in enumerate(added.items(), start=int("year" in kept)):
        table.insert(place, name, values)
    return table
