"""How many zones the data hold: gap statistic, separation and stability of 2 to 8 clusters, on cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from carbonshed.checks import refuse
from carbonshed.numerics.partitions import pairwise_agreement
from carbonshed.numerics.som_sheet import distinct_rows
from carbonshed.spatial.in_order import in_order
from carbonshed.zoning.cluster import choice_of_k, group_means
from carbonshed.zoning.fitted import explained_share, fitted_cells
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.refit import bootstrap_counts, make_som, refit, run_seeds, threads_of
from carbonshed.zoning.stability import TARGET_ARI

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COUNTS = tuple(range(2, 9))
METHODS = ("som_kmeans", "kmeans", "gmm", "ward")


def log_within(x: Floats, labels: Integers) -> float:
    """``ln W``, W the sum of squared distances of the rows to the means of their groups.

    >>> round(log_within(np.array([[0.0], [2.0], [10.0]]), np.array([0, 0, 1])), 6)  # ln 2
    0.693147
    """
    _, group = np.unique(labels, return_inverse=True)
    within = float(((x - group_means(x, group, int(group.max()) + 1)[group]) ** 2).sum())
    return math.log(within) if within > 0 else -math.inf


def reference_rows(x: Floats, generator: np.random.Generator) -> Floats:
    """As many rows without clusters: uniform in the box of the principal components of x, turned back.

    Source: Tibshirani, Walther and Hastie (2001), choice (b).
    """
    mean = x.mean(axis=0)
    _, _, axes = np.linalg.svd(x - mean, full_matrices=False)
    turned = (x - mean) @ axes.T
    return np.asarray(generator.uniform(turned.min(axis=0), turned.max(axis=0), size=turned.shape) @ axes + mean)


def gap_statistic(
    model: ZoneModel, *, counts: Sequence[int] = COUNTS, references: int = 20, seed: int = 0, n_init: int = 10
) -> pd.DataFrame:
    """Gap statistic: how much tighter the model's method clusters the data than rows without clusters.

    ``gap(k) = mean_b ln W_kb - ln W_k`` over references b; ``s_k = sd_b(ln W_kb) sqrt(1 + 1/B)``; chosen is the smallest k with
    ``gap(k) >= gap(k+1) - s_(k+1)``. k = 1 is among them: no clusters is an answer. References go through the same steps as the data, a
    map of the same size among them.

    Parameters
    ----------
    model : ZoneModel
        Of `som_kmeans`, `kmeans`, `gmm` or `ward`.
    counts : sequence of int
        Numbers of clusters that are asked about; 1, and one above the largest, are added.
    references : int
        B, at least two.
    seed, n_init : int
        Of references and K-Means alike.

    Returns
    -------
    DataFrame
        Index `zones` (1, ...); `log_within`, `reference_log_within`, `gap`, `gap_error` (s), `is_chosen`. No row is chosen where the gap
        still rises at the end.

    Raises
    ------
    InputError
        Fewer than two references, another method, or fewer different cells than clusters.

    Notes
    -----
    Source: Tibshirani, Walther and Hastie (2001), J. R. Stat. Soc. B 63:411. Many cells make s small, so that the rule asks for many
    clusters wherever the data are not uniform in the box; read it beside the others.
    """
    if model.clusterer.method not in METHODS:
        expected = f"one of {', '.join(METHODS)}"
        raise refuse("unknown_option", expected=expected, got=model.clusterer.method, where="method", fix="Use the unconstrained model.")
    x = fitted_cells(model).x
    tried = [1, *range(min(counts, default=2), max(counts, default=2) + 2)]
    tried = sorted({k for k in tried if k >= 1})
    most = distinct_rows(x, max(tried))
    if most < max(counts, default=2):
        got, fix = f"{most} different rows", "Ask for fewer zones, or give more cells."
        raise refuse("too_few_rows", expected=f"at least {max(counts)} different cells", got=got, where="counts", fix=fix)
    tried = [k for k in tried if k <= most]
    with threadpool_limits(limits=1):
        own = _log_withins(model, x, tried, seed, n_init)

        def one(each: int) -> Floats:
            return _log_withins(model, reference_rows(x, np.random.default_rng(each)), tried, each, n_init)

        drawn = np.array(list(in_order(one, run_seeds(references, seed), threads=threads_of(model.clusterer.method))))
    gap, error = drawn.mean(axis=0) - own, drawn.std(axis=0) * math.sqrt(1.0 + 1.0 / references)
    held = [i for i in range(len(tried) - 1) if gap[i] >= gap[i + 1] - error[i + 1]]
    chosen = np.arange(len(tried)) == (held[0] if held else -1)
    columns = {"log_within": own, "reference_log_within": drawn.mean(axis=0), "gap": gap, "gap_error": error, "is_chosen": chosen}
    return pd.DataFrame(columns, index=pd.Index(tried, name="zones"))


def _log_withins(model: ZoneModel, x: Floats, counts: Sequence[int], seed: int, n_init: int) -> Floats:
    som = make_som(model, x, seed=seed)
    found = []
    for k in counts:
        labels = np.zeros(len(x), dtype=np.int64) if k == 1 else refit(model, x, seed=seed, som=som, n_init=n_init, zones=k).labels
        found.append(log_within(x, labels))
    return np.array(found)


def evidence_of_k(
    model: ZoneModel,
    *,
    counts: Sequence[int] = COUNTS,
    references: int = 20,
    runs: int = 20,
    seed: int = 0,
    gaps: pd.DataFrame | None = None,
    n_init: int | None = None,
) -> pd.DataFrame:
    """All that speaks for a number of zones, side by side, on cells.

    Parameters
    ----------
    model, counts, references, seed
        As in `gap_statistic`.
    runs : int
        Bootstraps of each number.
    gaps : DataFrame, optional
        As `gap_statistic` gives it, where it exists already.
    n_init : int, optional
        Starts of K-Means in each bootstrap; default: those of the model.

    Returns
    -------
    DataFrame
        Index `zones`; `silhouette`, `calinski_harabasz`, `gap` (high is good), `davies_bouldin` (low), `gap_error`, `explained_share`,
        `stability_ari` (mean ARI of the clusters over pairs of bootstraps).

    Raises
    ------
    InputError
        As `gap_statistic`.
    """
    cells, options = fitted_cells(model), {"seed": int(model.provenance["seed"]), "n_init": int(model.provenance["n_init"])}
    if gaps is None:
        gaps = gap_statistic(model, counts=counts, references=references, seed=seed)
    with threadpool_limits(limits=1):
        som = model.clusterer.som
        table = choice_of_k(cells.x, method=model.clusterer.method, som=som, counts=counts, **options)
        tried = [int(each) for each in table.index.to_numpy()]
        again = bootstrap_counts(cells, tried, runs=runs, seed=seed, n_init=n_init)
        rows = []
        for k in tried:
            labels = refit(model, cells.x, som=som, zones=k, **options).labels
            ari, _ = pairwise_agreement(again[k])
            rows.append({"explained_share": explained_share(cells.x, labels), "stability_ari": float(ari.mean())})
    return table.join(gaps[["gap", "gap_error"]]).join(pd.DataFrame(rows, index=table.index))


def chosen_k(evidence: pd.DataFrame, gaps: pd.DataFrame | None = None) -> dict[str, Any]:
    """What each criterion chooses, as plain data: never one number alone.

    Parameters
    ----------
    evidence : DataFrame
        As `evidence_of_k` gives it.
    gaps : DataFrame, optional
        As `gap_statistic` gives it.

    Returns
    -------
    dict
        `silhouette`, `calinski_harabasz`, `davies_bouldin`, `stability_ari`: the best k (the lower one of equals); `stable`: all k whose
        stability is at least 0.8; `gap`: the k of the rule, or None.

    Examples
    --------
    >>> columns = {"silhouette": [0.5, 0.6], "calinski_harabasz": [9, 8], "davies_bouldin": [0.7, 0.6], "stability_ari": [0.9, 0.7]}
    >>> chosen_k(pd.DataFrame(columns, index=[2, 3]))
    {'silhouette': 3, 'calinski_harabasz': 2, 'davies_bouldin': 3, 'stability_ari': 2, 'stable': [2]}
    """
    k = evidence.index.to_numpy(dtype=np.int64)
    record: dict[str, Any] = {name: int(k[evidence[name].argmax()]) for name in ("silhouette", "calinski_harabasz")}
    record["davies_bouldin"] = int(k[evidence["davies_bouldin"].argmin()])
    record["stability_ari"] = int(k[evidence["stability_ari"].argmax()])
    record["stable"] = k[evidence["stability_ari"] >= TARGET_ARI].tolist()
    if gaps is not None:
        found = gaps.index[gaps["is_chosen"]]
        record["gap"] = int(found[0]) if len(found) else None
    return record
