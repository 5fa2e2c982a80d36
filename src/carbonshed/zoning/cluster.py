"""Clusters of standardised cells: a SOM followed by K-Means, and the methods it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score
from sklearn.mixture import GaussianMixture

from carbonshed.checks import refuse, warn
from carbonshed.numerics.kmeans import k_means
from carbonshed.numerics.silhouette import silhouettes
from carbonshed.numerics.som_sheet import distinct_rows
from carbonshed.numerics.ward import ward_clusters
from carbonshed.zoning.som_estimator import SOM

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

METHODS = ("som_kmeans", "kmeans", "gmm", "ward", "rules")
SOM_LEAST_ROWS = 30
SILHOUETTE_ROWS = 5_000
MIXTURE_STARTS = 10
"""Starts of the Gaussian mixture, of which the best is kept."""


@dataclass(frozen=True)
class Clusterer:
    """Fitted clusters in the space of the (weighted) features.

    Parameters
    ----------
    method : str
        The method that was run: `kmeans` also where `som_kmeans` was asked for and there were too few rows.
    centres : array (k, features)
        Centre of each cluster.
    labels : array (rows,)
        Clusters of the rows of the fit.
    som, node_cluster : optional
        The map, and the cluster of each of its nodes.
    mixture, component_cluster : optional
        The Gaussian mixture, and the cluster of each of its components.
    """

    method: str
    centres: Floats
    labels: Integers
    som: SOM | None = None
    node_cluster: Integers | None = None
    mixture: GaussianMixture | None = None
    component_cluster: Integers | None = None

    def assign(self, x: Floats) -> Integers:
        """Cluster of each row: that of its best matching node, its most probable component, or else the nearest centre."""
        if self.som is not None and self.node_cluster is not None:
            return self.node_cluster[self.som.predict(x)]
        if self.mixture is not None and self.component_cluster is not None:
            return self.component_cluster[self.mixture.predict(x)]
        return nearest_centre(x, self.centres)

    def renumber(self, order: Sequence[int]) -> Clusterer:
        """The same clusters, so numbered that cluster ``order[i]`` becomes i."""
        new = np.empty(len(order), dtype=np.int64)
        new[list(order)] = np.arange(len(order))
        return replace(
            self,
            centres=self.centres[list(order)],
            labels=new[self.labels],
            node_cluster=None if self.node_cluster is None else new[self.node_cluster],
            component_cluster=None if self.component_cluster is None else new[self.component_cluster],
        )


def squared_distances(x: Floats, centres: Floats) -> Floats:
    """Squared Euclidean distances, shape (rows, centres), without cancellation."""
    return np.stack([((x - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def nearest_centre(x: Floats, centres: Floats) -> Integers:
    """Index of the nearest centre; ties go to the lower index."""
    return squared_distances(x, centres).argmin(axis=1)


def group_means(x: Floats, labels: Integers, k: int) -> Floats:
    """Mean of the rows of each cluster."""
    return np.stack([x[labels == cluster].mean(axis=0) for cluster in range(k)])


def fit_clusters(
    x: Floats,
    k: int,
    *,
    method: str,
    som: SOM | None,
    n_init: int,
    seed: int,
    mixture_starts: int = MIXTURE_STARTS,
) -> Clusterer:
    """Cluster the rows x into k groups (any method but `rules`).

    `som_kmeans`: K-Means on the codebook vectors of `som`, which was trained on these rows, weighted by hit counts, empty nodes left out;
    a row has the cluster of its best matching node. K-Means is `k_means` with `n_init` starts. Components
    of the Gaussian mixture that are most probable for no row are left out.

    Raises
    ------
    InputError
        Fewer different rows than clusters.
    """
    if (different := distinct_rows(x, k)) < k:
        raise refuse(
            "too_few_rows",
            expected=f"at least {k} different rows for {k} clusters",
            got=f"{different} among {len(x)}",
            where="indicators",
            fix="Ask for fewer zones, or give more cells.",
        )
    if method == "som_kmeans" and som is not None:
        hit = som.hit_counts_ > 0
        if distinct_rows(som.codebook_[hit], k) >= k:
            return _on_codebook(k, som, n_init, seed)
        warn(f"the SOM uses fewer than {k} nodes: K-Means runs on the cells.")
    if method == "gmm":
        mixture = GaussianMixture(k, n_init=mixture_starts, max_iter=500, random_state=seed).fit(x)
        components = mixture.predict(x)
        centres = mixture.means_[np.unique(components)]
        to_cluster = nearest_centre(mixture.means_, centres)
        return Clusterer("gmm", centres, to_cluster[components], mixture=mixture, component_cluster=to_cluster)
    if method == "ward":
        labels = ward_clusters(x, k)
        return Clusterer("ward", group_means(x, labels, k), labels)
    centres = k_means(x, k, starts=n_init, seed=seed).centres
    return Clusterer("kmeans", centres, nearest_centre(x, centres))


def _on_codebook(k: int, som: SOM, n_init: int, seed: int) -> Clusterer:
    hit = som.hit_counts_ > 0
    centres = k_means(som.codebook_[hit], k, starts=n_init, seed=seed, weights=som.hit_counts_[hit]).centres
    node_cluster = nearest_centre(som.codebook_, centres)
    return Clusterer("som_kmeans", centres, node_cluster[som.labels_], som=som, node_cluster=node_cluster)


def separation(x: Floats, labels: Integers, *, seed: int = 0) -> dict[str, float]:
    """How well clusters part, on cells: silhouette (high is good), Davies-Bouldin (low), Calinski-Harabasz (high).

    ``s = (b - a) / max(a, b)``, mean over cells (over 5 000 drawn by `seed` where there are more);
    ``DB = (1/k) sum_i max_j (S_i + S_j) / d_ij``; ``CH = [B/(k-1)] / [W/(n-k)]``. NaN where there are fewer than two clusters, or as many
    as cells.

    >>> separation(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1]))["calinski_harabasz"]
    200.0
    """
    return _separations(x, [labels], seed)[0]


def _separations(x: Floats, runs: Sequence[Integers], seed: int) -> list[dict[str, float]]:
    """`separation` of several clusterings of the same rows."""
    rows = np.arange(len(x))
    if len(x) > SILHOUETTE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(x), SILHOUETTE_ROWS, replace=False))
    found = []
    for labels, silhouette in zip(runs, silhouettes(x[rows], np.reshape([labels[rows] for labels in runs], (-1, len(rows))))):
        david = calinski = float("nan")
        if 2 <= len(np.unique(labels)) < len(x):
            david, calinski = davies_bouldin_score(x, labels), calinski_harabasz_score(x, labels)
        found.append({"silhouette": float(silhouette), "davies_bouldin": float(david), "calinski_harabasz": float(calinski)})
    return found


def choice_of_k(x: Floats, *, method: str, som: SOM | None, n_init: int, seed: int, counts: Sequence[int] = range(2, 9)) -> pd.DataFrame:
    """Separation of 2 to 8 clusters on cells; one row for each number of clusters that the rows allow."""
    columns = ["silhouette", "davies_bouldin", "calinski_harabasz"]
    if len(counts) == 0:
        return pd.DataFrame(columns=columns, dtype=np.float64).rename_axis("zones")
    most = min(distinct_rows(x, max(counts)), len(x) - 1)
    if som is not None:
        most = min(most, distinct_rows(som.codebook_[som.hit_counts_ > 0], max(counts)))
    tried = [k for k in counts if k <= most]
    fits = [fit_clusters(x, k, method=method, som=som, n_init=n_init, seed=seed).labels for k in tried]
    return pd.DataFrame(_separations(x, fits, seed), index=pd.Index(tried, name="zones"), columns=columns)
