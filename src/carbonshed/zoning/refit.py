"""The clustering of a fitted model made again: from another seed, from other starts, on rows drawn with replacement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carbonshed.checks import refuse
from carbonshed.spatial.in_order import in_order
from carbonshed.zoning.cluster import MIXTURE_STARTS, Clusterer, fit_clusters
from carbonshed.zoning.contiguity import CONTIGUOUS, region_labels
from carbonshed.zoning.fitted import FittedCells
from carbonshed.zoning.indicators import column_of, unit_ids, yearly_totals, years_of
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.som_estimator import SOM

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FITTED = ("som_kmeans", "kmeans", "gmm", "ward")
NOT_DRAWN = 1e-6
"""Weight of a cell that a bootstrap did not draw, where links need it: it joins its most similar neighbour and moves no mean."""

DRAWN_STARTS = 3
"""Starts of the Gaussian mixture on rows drawn anew (the model has ten): a third of the time, its agreement no higher and no lower."""


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


def refit(
    model: ZoneModel,
    x: Floats,
    *,
    seed: int,
    som: SOM | None,
    n_init: int | None = None,
    zones: int | None = None,
    mixture_starts: int = MIXTURE_STARTS,
) -> Clusterer:
    """The model's method on the rows x: as many clusters (or `zones`), as many starts of K-Means (or `n_init`)."""
    starts = int(model.provenance["n_init"]) if n_init is None else n_init
    k = int(model.provenance["zones"]) if zones is None else zones
    return fit_clusters(x, k, method=model.clusterer.method, som=som, n_init=starts, seed=seed, mixture_starts=mixture_starts)


def run_seeds(runs: int, seed: int) -> list[int]:
    """Seeds of the runs, from one."""
    if runs < 2:
        raise refuse("too_few_runs", expected="at least two runs", got=repr(runs), where="runs", fix="Use 50.")
    return [int(each) for each in np.random.SeedSequence(seed).generate_state(runs)]


def threads_of(method: str) -> int | None:
    """Threads for runs that have each a seed of their own, as `in_order` takes them: all where the kernels leave the interpreter.

    The Gaussian mixture is scikit-learn's: it would wait for the interpreter, and its sums depend on the threads that it finds.
    """
    return 1 if method in ("gmm", "rules") else None


def bootstrap_runs(cells: FittedCells, *, runs: int, seed: int, zones: int | None = None) -> tuple[Integers, Integers]:
    """Clusters of all rows in each run, and how often each row was drawn for it: arrays (runs, rows).

    A run draws as many cells or counties as there are, with replacement and with all their years, clusters their rows by the model's
    method (scaler and features kept), and gives every row a cluster as the method does for rows outside its fit. Under the rule
    of `rule_zones` it is the region's totals that are drawn; along links, cells that were not drawn weigh next to nothing.
    """
    k = int(cells.model.provenance["zones"]) if zones is None else zones
    clustered, draw = _bootstrap_run(cells, zones), _drawing(cells, k if cells.model.clusterer.method in FITTED else 1)

    def one(each: int) -> tuple[Integers, Integers]:
        drawn = draw(each)
        return clustered(drawn, each), drawn

    found = list(in_order(one, run_seeds(runs, seed), threads=threads_of(cells.model.clusterer.method)))
    return np.array([labels for labels, _ in found]), np.array([drawn for _, drawn in found])


def bootstrap_counts(cells: FittedCells, counts: Sequence[int], *, runs: int, seed: int, n_init: int | None = None) -> dict[int, Integers]:
    """Clusters of all rows in each run of `bootstrap_runs`, for several numbers of clusters at once: k -> array (runs, rows).

    The draws are the same for every k, and a map is trained once a run: it does not depend on k.
    """
    draw = _drawing(cells, max(counts, default=1))

    def one(each: int) -> list[Integers]:
        x = _repeated(cells.x, draw(each))
        som = make_som(cells.model, x, seed=each)
        options: dict[str, Any] = {"seed": each, "som": som, "n_init": n_init, "mixture_starts": DRAWN_STARTS}
        return refits(cells.model, x, counts, cells.x, **options)

    found = list(in_order(one, run_seeds(runs, seed), threads=threads_of(cells.model.clusterer.method)))
    return {k: np.array([run[place] for run in found]) for place, k in enumerate(counts)}


def refits(model: ZoneModel, x: Floats, counts: Sequence[int], others: Floats, *, som: SOM | None, **options: Any) -> list[Integers]:
    """Clusters of other rows by `refit` on the rows x, for several numbers of clusters; a map is asked once for their nodes."""
    fits = [refit(model, x, som=som, zones=k, **options) for k in counts]
    nodes = None if som is None else som.predict(others)
    return [fit.assign(others) if nodes is None or fit.node_cluster is None else fit.node_cluster[nodes] for fit in fits]


def _drawing(cells: FittedCells, least: int) -> Callable[[int], Integers]:
    """From a seed, how often each row is drawn: drawn anew until there are `least` different rows among them."""
    member = np.unique(unit_ids(cells.frame).astype(str), return_inverse=True)[1].ravel()
    kind = np.unique(cells.x, axis=0, return_inverse=True)[1].ravel()
    n_units = int(member.max()) + 1

    def draw(seed: int) -> Integers:
        generator = np.random.default_rng(seed)
        while True:
            counts = np.bincount(generator.integers(n_units, size=n_units), minlength=n_units)[member]
            if len(np.unique(kind[counts > 0])) >= least:
                return counts

    return draw


def _repeated(x: Floats, counts: Integers) -> Floats:
    """Each row as often as it was drawn."""
    return x[np.repeat(np.arange(len(counts)), counts)]


def _bootstrap_run(cells: FittedCells, zones: int | None) -> Callable[[Integers, int], Integers]:
    """Clusters of all rows from how often each was drawn, and a seed."""
    model = cells.model
    if model.clusterer.method == "rules":
        return lambda counts, seed: rule_by_totals(cells.frame, counts)
    if model.clusterer.method == CONTIGUOUS:
        links = _links_of(cells)
        years, settings = years_of(cells.frame), model.provenance["contiguity"]
        return lambda counts, seed: region_labels(cells.x, years, links, settings, weights=np.maximum(counts, NOT_DRAWN)).labels

    def fitted(counts: Integers, seed: int) -> Integers:
        drawn = _repeated(cells.x, counts)
        som = make_som(model, drawn, seed=seed)
        return refit(model, drawn, seed=seed, som=som, zones=zones, mixture_starts=DRAWN_STARTS).assign(cells.x)

    return fitted


def _links_of(cells: FittedCells) -> csr_array:
    if cells.neighbours is None:
        raise refuse("no_neighbours", expected="neighbours for a contiguous model", got="none", where="neighbours", fix="Give them.")
    return cells.neighbours


def rule_by_totals(frame: pd.DataFrame, counts: Integers) -> Integers:
    """`rule_zones` with the totals of a sample, each row counted so often: 0 payment, 1 balanced, 2 recipient."""
    source, sink = column_of(frame, "carbon_source"), column_of(frame, "carbon_sink")
    years, every = years_of(frame), np.ones(len(frame), dtype=bool)
    own, region = source * yearly_totals(sink * counts, years, every), sink * yearly_totals(source * counts, years, every)
    least = 1.0 + 1e-12
    return np.select([own > least * region, region > least * own], [0, 2], 1).astype(np.int64)
