"""How zones hold: over the draws of the method, over cells drawn anew, and without each feature in turn.

With its linear start the SOM draws nothing, so a seed alone varies only the starts of K-Means, and of these the best of `n_init` is
kept: near-perfect agreement there says little. What is varied is therefore named in each row, and the bootstrap is the harder test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from carbonshed.checks import choose, refuse
from carbonshed.numerics.partitions import adjusted_rand_index, contingency, normalised_mutual_information, pairwise_agreement
from carbonshed.spatial.in_order import in_order
from carbonshed.zoning.fitted import FittedCells, explained_share, fitted_cells, named_zones
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.name import ZONES
from carbonshed.zoning.refit import bootstrap_runs, make_som, refit, run_seeds, threads_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Texts = NDArray[np.str_]

VARIED = ("starts", "one_start", "sample", "bootstrap")
DRAWS = {
    "som_kmeans": VARIED,
    "kmeans": ("starts", "one_start", "bootstrap"),
    "gmm": ("starts", "bootstrap"),
    "ward": ("bootstrap",),
    "ward_contiguity": ("bootstrap",),
    "rules": ("bootstrap",),
}
"""What a method draws that can be varied."""
TARGET_ARI, STABLE_JACCARD, DISSOLVED = 0.8, 0.75, 0.5


@dataclass(frozen=True)
class ZoneStability:
    """How zones hold, as tidy tables.

    Parameters
    ----------
    summary : DataFrame
        Index `varied`; `n_runs`, `mean_ari`, `least_ari`, `mean_nmi` over all pairs of runs, `mean_ari_with_model` (each run against the
        model itself), `is_stable` (mean ARI of at least 0.8, a choice of the project).
    cells : DataFrame
        Rows of the fit in the caller's index and order, once for each `varied`: `year` (where given), share of the runs in which a cell
        is in each zone (`runs_payment`, `runs_balanced`, `runs_recipient`), `entropy` in bits (0: always the same zone).
    clusters : DataFrame
        Index `cluster`; `zone`, `n_units`, `mean_jaccard` and `least_jaccard` over bootstraps, `recovered_share` and `dissolved_share` (of
        the runs, Jaccard of at least 0.75, below 0.5), `is_stable` (mean above 0.75). Empty without a bootstrap.
    """

    summary: pd.DataFrame
    cells: pd.DataFrame
    clusters: pd.DataFrame


def zone_stability(
    model: ZoneModel, neighbours: object | None = None, *, runs: int = 50, seed: int = 0, varied: Sequence[str] | None = None
) -> ZoneStability:
    """Make the zones of a model again and again, and compare.

    ======== ====================================================================================================
    varied    what each run draws
    ======== ====================================================================================================
    starts    the starts of K-Means (`n_init` of them, the best kept) or of the mixture; the map stays, as it draws nothing
    one_start a single start of K-Means: the habit of print
    sample    the map starts at rows drawn from the data, instead of on the plane of the principal components; and the starts
    bootstrap as many cells or counties as there are, with replacement and with all their years; every row then gets a zone; of a mixture
              the best of 3 starts
    ======== ====================================================================================================

    Agreement of two runs, of the zones as named: adjusted Rand index and normalised mutual information. Entropy of a cell:
    ``- sum_z p_z log2 p_z`` over the shares p_z of runs in zone z. Jaccard of cluster c in a bootstrap: the largest
    ``|A and B| / |A or B|``, A the drawn rows of c and B the drawn rows of any cluster of the run.

    Parameters
    ----------
    model : ZoneModel
        Of any method.
    neighbours : csr_array or libpysal Graph, optional
        In the caller's order; for contiguous zones only.
    runs : int
        Runs of each kind, at least two; 50 for figures that are shown.
    seed : int
    varied : sequence of str, optional
        Of the table; default: all that the method draws (Ward's method and the rule draw nothing: only the bootstrap varies them).

    Returns
    -------
    ZoneStability

    Raises
    ------
    InputError
        Fewer than two runs, or something that the method does not draw.

    Notes
    -----
    Sources: Hubert and Arabie (1985); bootstrap Jaccard: Hennig (2007), Comput. Stat. Data Anal. 52:258 (above 0.75 stable, below 0.5
    dissolved). The scaler and the features are those of the model in all runs.
    """
    method = model.clusterer.method
    kinds = list(DRAWS[method]) if varied is None else [choose(each, DRAWS[method], where=f"varied ({method})") for each in varied]
    cells = fitted_cells(model, neighbours)
    summary, parts, clusters = {}, [], _no_clusters()
    with threadpool_limits(limits=1):
        for kind in kinds:
            if kind == "bootstrap":
                labels, drawn = bootstrap_runs(cells, runs=runs, seed=seed)
                clusters = _jaccard(cells, labels, drawn)
            else:
                labels = _seeded_runs(cells, kind, runs, seed)
            named = np.array([named_zones(cells.terms, cells.x, run) for run in labels]) if method != "rules" else np.array(ZONES)[labels]
            summary[kind] = _agreement(named, cells.zones)
            parts.append(_certainty(cells, named).assign(varied=kind))
    table = pd.DataFrame.from_dict(summary, orient="index").rename_axis("varied")
    return ZoneStability(table, pd.concat(parts), clusters)


def _seeded_runs(cells: FittedCells, kind: str, runs: int, seed: int) -> Integers:
    model, n_init = cells.model, 1 if kind == "one_start" else None
    same = None if kind == "sample" else make_som(model, cells.x, seed=int(model.provenance["seed"]))

    def one(each: int) -> Integers:
        som = make_som(model, cells.x, initialisation="sample", seed=each) if kind == "sample" else same
        return refit(model, cells.x, seed=each, som=som, n_init=n_init).labels

    return np.array(list(in_order(one, run_seeds(runs, seed), threads=threads_of(model.clusterer.method))))


def _agreement(named: Texts, own: Texts) -> dict[str, object]:
    ari, nmi = pairwise_agreement(named)
    with_model = [adjusted_rand_index(contingency(run, own)) for run in named]
    means = {"mean_ari": float(ari.mean()), "least_ari": float(ari.min()), "mean_nmi": float(nmi.mean())}
    return {"n_runs": len(named), **means, "mean_ari_with_model": float(np.mean(with_model)), "is_stable": bool(ari.mean() >= TARGET_ARI)}


def _certainty(cells: FittedCells, named: Texts) -> pd.DataFrame:
    """Share of the runs in each zone, and its entropy, for each cell of the fit in the caller's order."""
    shares = np.stack([(named == zone).mean(axis=0) for zone in ZONES])
    entropy = -(shares * np.log2(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=0) + 0.0
    columns = {f"runs_{zone}": share for zone, share in zip(ZONES, shares)}
    frame = pd.DataFrame({**columns, "entropy": entropy}, index=cells.frame.index)
    if "year" in cells.frame.columns:
        frame.insert(0, "year", cells.frame["year"].to_numpy())
    return frame.iloc[np.argsort(cells.rows, kind="stable")]


def _no_clusters() -> pd.DataFrame:
    columns = ["zone", "n_units", "mean_jaccard", "least_jaccard", "recovered_share", "dissolved_share", "is_stable"]
    return pd.DataFrame(columns=columns).rename_axis("cluster")


def cluster_jaccard(labels: Integers, run: Integers, drawn: Integers) -> Floats:
    """Largest Jaccard index of each cluster with a cluster of a bootstrap run, on the rows that were drawn.

    ``J_c = max_b |A and B| / |A or B|``; NaN where no row of the cluster was drawn.

    Parameters
    ----------
    labels, run : int array (rows,)
        Clusters 0, 1, ... of the model, and of the run.
    drawn : int array (rows,)
        How often each row was drawn; it counts once.

    Examples
    --------
    >>> cluster_jaccard(np.array([0, 0, 0, 1]), np.array([5, 5, 6, 6]), np.array([1, 2, 1, 1])).round(4).tolist()
    [0.6667, 0.5]
    """
    there = drawn > 0
    members = labels[there] == np.arange(int(labels.max()) + 1)[:, None]
    found = run[there] == np.unique(run[there])[:, None]
    both = members.astype(np.float64) @ found.T.astype(np.float64)
    either = members.sum(axis=1)[:, None] + found.sum(axis=1)[None, :] - both
    return np.where(members.any(axis=1), (both / either).max(axis=1), np.nan)


def _jaccard(cells: FittedCells, labels: Integers, drawn: Integers) -> pd.DataFrame:
    own = cells.labels
    found = np.array([cluster_jaccard(own, run, counts) for run, counts in zip(labels, drawn)])
    rows = []
    for cluster in range(found.shape[1]):
        known = found[:, cluster][~np.isnan(found[:, cluster])]
        known = known if len(known) else np.array([np.nan])
        row: dict[str, object] = {"zone": cells.model.zone_of_cluster[cluster], "n_units": int((own == cluster).sum())}
        row |= {"mean_jaccard": float(known.mean()), "least_jaccard": float(known.min())}
        row |= {"recovered_share": float((known >= STABLE_JACCARD).mean()), "dissolved_share": float((known < DISSOLVED).mean())}
        rows.append({**row, "is_stable": bool(known.mean() > STABLE_JACCARD)})
    return pd.DataFrame(rows).rename_axis("cluster")


def drop_one_feature(model: ZoneModel) -> pd.DataFrame:
    """Zones without each feature in turn, against those with all: which of them the zones rest on.

    Returns
    -------
    DataFrame
        Index `feature`; `ari` and `nmi` with the model, `moved_share` (of the rows of the fit, that get another zone),
        `explained_share` (of all features, by the zones made without this one). A low ARI: much rests on the feature.

    Raises
    ------
    InputError
        A model of a single feature, or a method without features (`rules`) or with links (`ward_contiguity`).
    """
    if model.clusterer.method not in ("som_kmeans", "kmeans", "gmm", "ward"):
        fix = "Use the unconstrained model."
        raise refuse("no_features", expected="a method of features alone", got=model.clusterer.method, where="method", fix=fix)
    names = [name for name, weight in zip(model.scaler.names, model.scaler.weights) if weight > 0]
    if len(names) < 2:
        raise refuse("one_feature", expected="at least two features", got=", ".join(names), where="features", fix="Add a feature.")
    cells, seed, rows = fitted_cells(model), int(model.provenance["seed"]), {}
    with threadpool_limits(limits=1):
        for name in names:
            x = cells.x[:, [other != name for other in model.scaler.names]]
            labels = refit(model, x, seed=seed, som=make_som(model, x, seed=seed, same_shape=False)).labels
            zones = named_zones(cells.terms, x, labels)
            table = contingency(zones, cells.zones)
            agreement = {"ari": adjusted_rand_index(table), "nmi": normalised_mutual_information(table)}
            rows[name] = {
                **agreement,
                "moved_share": float((zones != cells.zones).mean()),
                "explained_share": explained_share(cells.x, zones),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("feature")
