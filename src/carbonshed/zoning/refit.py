"""The clustering of a fitted model made again: from another seed, from other starts, on rows drawn with replacement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carbonshed.checks import refuse
from carbonshed.numerics.contiguity import contiguous_regions
from carbonshed.spatial.neighbours import as_sparse
from carbonshed.zoning.classify import LEAST_INSIDE
from carbonshed.zoning.cluster import Clusterer, fit_clusters, group_means
from carbonshed.zoning.features import canonical_order
from carbonshed.zoning.indicators import column_of, yearly_totals, years_of
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.name import name_clusters, naming_scores, naming_terms
from carbonshed.zoning.som_estimator import SOM

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Texts = NDArray[np.str_]

CONTIGUOUS = "ward_contiguity"
NOT_DRAWN = 1e-6
"""Weight of a cell that a bootstrap did not draw, where links need it to be there: it joins its most similar neighbour and moves no mean."""


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
    keep = ~np.isnan(x).any(axis=1)
    if "inside_share" in frame.columns:
        keep &= ~(column_of(frame, "inside_share") < LEAST_INSIDE)
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


def make_som(model: ZoneModel, x: Floats, *, initialisation: str | None = None, seed: int = 0, same_shape: bool = True) -> SOM | None:
    """A map as that of the model, trained on other rows; None where the model has none."""
    if model.clusterer.som is None:
        return None
    options: dict[str, Any] = model.clusterer.som.get_params() | {"seed": seed}
    if same_shape:
        options["shape"] = model.clusterer.som.shape_
    if initialisation is not None:
        options["initialisation"] = initialisation
    return SOM(**options).fit(x)


def refit(model: ZoneModel, x: Floats, *, seed: int, som: SOM | None, n_init: int | None = None, zones: int | None = None) -> Clusterer:
    """The model's method on the rows x: as many clusters (or `zones`), as many starts of K-Means (or `n_init`)."""
    starts = int(model.provenance["n_init"]) if n_init is None else n_init
    k = int(model.provenance["zones"]) if zones is None else zones
    return fit_clusters(x, k, method=model.clusterer.method, som=som, n_init=starts, seed=seed)


def run_seeds(runs: int, seed: int) -> list[int]:
    """Seeds of the runs, from one."""
    if runs < 2:
        raise refuse("too_few_runs", expected="at least two runs", got=repr(runs), where="runs", fix="Use 50.")
    return [int(each) for each in np.random.SeedSequence(seed).generate_state(runs)]


def bootstrap_runs(cells: FittedCells, *, runs: int, seed: int) -> tuple[Integers, Integers]:
    """Clusters of all rows in each run, and how often each row was drawn for it: arrays (runs, rows).

    A run draws as many rows as there are, with replacement, clusters them by the model's method (scaler and features kept), and gives
    every row a cluster as the method does for rows outside its fit. Under the rule of `rule_zones` it is the region's totals that
    are drawn; along links, cells that were not drawn weigh next to nothing.
    """
    one = _bootstrap_run(cells)
    labels, drawn = [], []
    for each in run_seeds(runs, seed):
        generator = np.random.default_rng(each)
        chosen = generator.integers(len(cells.x), size=len(cells.x))
        counts = np.bincount(chosen, minlength=len(cells.x))
        labels.append(one(np.sort(chosen), counts, each))
        drawn.append(counts)
    return np.array(labels), np.array(drawn)


def _bootstrap_run(cells: FittedCells) -> Callable[[Integers, Integers, int], Integers]:
    model = cells.model
    if model.clusterer.method == "rules":
        return lambda chosen, counts, seed: rule_by_totals(cells.frame, counts)
    if model.clusterer.method == CONTIGUOUS:
        return lambda chosen, counts, seed: contiguous_labels(cells, np.maximum(counts, NOT_DRAWN))

    def fitted(chosen: Integers, counts: Integers, seed: int) -> Integers:
        drawn = cells.x[chosen]
        return refit(model, drawn, seed=seed, som=make_som(model, drawn, seed=seed)).assign(cells.x)

    return fitted


def rule_by_totals(frame: pd.DataFrame, counts: Integers) -> Integers:
    """`rule_zones` with the totals of a sample: 0 payment, 1 balanced, 2 recipient."""
    source, sink = column_of(frame, "carbon_source"), column_of(frame, "carbon_sink")
    years, every = years_of(frame), np.ones(len(frame), dtype=bool)
    own, region = source * yearly_totals(sink * counts, years, every), sink * yearly_totals(source * counts, years, every)
    least = 1.0 + 1e-12
    return np.select([own > least * region, region > least * own], [0, 2], 1).astype(np.int64)


def contiguous_labels(cells: FittedCells, weights: Floats) -> Integers:
    """Regions of each year by the settings of a contiguous model, with other weights of the cells; small components are their own."""
    if cells.neighbours is None:
        raise refuse("no_neighbours", expected="neighbours for a contiguous model", got="none", where="neighbours", fix="Give them.")
    settings = cells.model.provenance["contiguity"]
    labels, years, first = np.full(len(cells.x), -1, dtype=np.int64), years_of(cells.frame), 0
    for year in np.unique(years):
        rows = np.flatnonzero(years == year)
        found = contiguous_regions(
            cells.x[rows],
            csr_array(cells.neighbours[rows][:, rows]),
            settings["regions"][int(year)],
            min_size=settings["min_size"],
            weights=weights[rows],
            border_moves=settings["border_moves"],
        )
        labels[rows] = np.where(found.labels >= 0, found.labels + first, -1)
        first += found.n_regions
    return labels


def explained_share(x: Floats, labels: NDArray[Any]) -> float:
    """Share of the sum of squares that groups explain: ``1 - within / total``, within around the means of the groups.

    >>> explained_share(np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])).__round__(4)
    0.9615
    """
    _, group = np.unique(labels, return_inverse=True)
    means = group_means(x, group, int(group.max()) + 1)
    return float(1.0 - ((x - means[group]) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())
