"""The rows that a zone model was fitted on: what every check of the model starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carbonshed.spatial.neighbours import as_sparse
from carbonshed.zoning.classify import LEAST_INSIDE
from carbonshed.zoning.cluster import group_means
from carbonshed.zoning.features import canonical_order
from carbonshed.zoning.indicators import column_of
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.name import MISSING, name_clusters, naming_scores, naming_terms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Texts = NDArray[np.str_]


@dataclass(frozen=True)
class FittedCells:
    """The rows that a model was fitted on, in canonical order (year, `unit_id`).

    Parameters
    ----------
    model : ZoneModel
    rows : int array
        Their positions in the caller's frame.
    frame : DataFrame
        Their indicators.
    x : array (rows, features)
        Standardised features times the root of the weights.
    terms : DataFrame
        z-scores of the naming score.
    neighbours : csr_array, optional
        Their links.
    """

    model: ZoneModel
    rows: Integers
    frame: pd.DataFrame
    x: Floats
    terms: pd.DataFrame
    neighbours: csr_array | None = None

    @property
    def zones(self) -> Texts:
        """Zones of the rows in the model."""
        return self.model.zones["zone"].to_numpy(dtype=str)[self.rows]

    @property
    def labels(self) -> Integers:
        """Clusters of the rows in the model."""
        return self.model.zones["cluster"].to_numpy(dtype=np.int64, na_value=-1)[self.rows]


def fitted_cells(model: ZoneModel, neighbours: object | None = None) -> FittedCells:
    """The rows of the fit of a model; `neighbours`, where given, in the order of the caller's frame or a Graph."""
    order = canonical_order(model.indicators)
    frame = model.indicators.iloc[order]
    x = model.features(frame)
    keep: NDArray[np.bool_] = np.asarray(~np.isnan(x).any(axis=1))
    if "inside_share" in frame.columns:
        keep &= ~(column_of(frame, "inside_share") < LEAST_INSIDE)
    keep &= model.zones["zone"].to_numpy(dtype=str)[order] != MISSING  # the rule has its own unknowns
    rows = order[keep]
    links = None
    if neighbours is not None:
        whole = as_sparse(neighbours, model.indicators.index)
        links = csr_array(whole[rows][:, rows])
    return FittedCells(model, rows, frame.iloc[keep], x[keep], naming_terms(frame, keep).iloc[keep], links)


def named_zones(terms: pd.DataFrame, x: Floats, labels: Integers) -> Texts:
    """Zones of rows from their clusters, by the naming rule of `name`; clusters without rows do not count."""
    present, group = np.unique(labels, return_inverse=True)
    scores = naming_scores(terms, group)
    centres = group_means(x, group, len(present))
    order = sorted(range(len(present)), key=lambda cluster: (-scores["score"].iloc[cluster], *centres[cluster]))
    zones, _ = name_clusters(scores["score"].iloc[order].tolist(), scores["n_units"].iloc[order].tolist())
    names = dict(zip(order, zones, strict=True))
    return np.array([names[each] for each in range(len(present))])[group]


def explained_share(x: Floats, labels: NDArray[Any]) -> float:
    """Share of the sum of squares that groups explain: ``1 - within / total``, within around the means of the groups.

    >>> explained_share(np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])).__round__(4)
    0.9615
    """
    _, group = np.unique(labels, return_inverse=True)
    means = group_means(x, group, int(group.max()) + 1)
    return float(1.0 - ((x - means[group]) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())
