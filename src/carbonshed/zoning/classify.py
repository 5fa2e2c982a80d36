"""Zones of cells or counties: features, a SOM, K-Means on its codebook, and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from carbonshed.checks import check_columns, choose, examples, refuse, warn
from carbonshed.numerics.som import two_nearest_nodes
from carbonshed.numerics.som_sheet import topographic_error
from carbonshed.zoning.cluster import METHODS, SOM_LEAST_ROWS, Clusterer, choice_of_k, fit_clusters, group_means, separation
from carbonshed.zoning.features import Features, canonical_order, fit_features
from carbonshed.zoning.indicators import column_of, unit_ids, years_of
from carbonshed.zoning.model import ZoneModel, rule_labels, zone_table
from carbonshed.zoning.name import ZONES, failed_checks, name_clusters, naming_scores, naming_terms, rule_zones
from carbonshed.zoning.som_estimator import SOM

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Frame = TypeVar("Frame", bound=pd.DataFrame)

LEAST_INSIDE = 0.5
COUNTS = tuple(range(2, 9))


def classify_zones(
    indicators: Frame,
    *,
    method: str = "som_kmeans",
    features: str | Sequence[str] = "budget",
    zones: int = 3,
    seed: int = 0,
    **options: Any,
) -> Frame:
    """Give each cell or county and year a zone: payment, balanced, recipient or missing.

    The table of `fit_zones`, which takes the same options and gives the model behind it, its quality and its checks as well.

    Returns
    -------
    (Geo)DataFrame
        In the caller's index: `year`, `som_node`, `cluster` (0 has the highest naming score), `zone`, `zone_confidence`, `geometry`.

    Examples
    --------
    Three kinds of counties, told apart by their shares of what the region absorbs and emits.

    >>> from carbonshed.zoning.indicators import zoning_indicators
    >>> flows = {"carbon_source": [90.0, 80, 85, 30, 33, 35, 2, 3, 1], "carbon_sink": [1.0, 2, 3, 9, 11, 10, 40, 48, 45]}
    >>> account = pd.DataFrame({**flows, "area_km2": 1.0}, index=pd.Index(list("abcdefghi"), name="unit_id"))
    >>> zones = classify_zones(zoning_indicators(account), method="kmeans", features=["share_difference"])
    >>> " ".join(zones["zone"])
    'payment payment payment balanced balanced balanced recipient recipient recipient'
    """
    model = fit_zones(indicators, method=method, features=features, zones=zones, seed=seed, **options)
    return model.zones  # type: ignore[return-value]  # the table keeps the caller's kind of frame


def fit_zones(
    indicators: pd.DataFrame,
    *,
    method: str = "som_kmeans",
    features: str | Sequence[str] = "budget",
    zones: int = 3,
    seed: int = 0,
    transform: str = "signed_log",
    weights: Mapping[str, float] | None = None,
    winsorise: float = 0.01,
    missing: str = "leave_out",
    shape: tuple[int, int] | None = None,
    lattice: str = "hexagonal",
    epochs: int | None = None,
    end_radius: float = 1.0,
    initialisation: str = "linear",
    n_init: int = 50,
    n_jobs: int = 1,
    counts: Sequence[int] = COUNTS,
) -> ZoneModel:
    """Fit zones on all years pooled: one scaler, one map, one clustering, named by a stated rule.

    Features are standardised (`features.fit_features`); a SOM is trained on them; K-Means groups its codebook, weighted by hit counts, into
    `zones` clusters; a cell has the cluster of its best matching node; clusters are numbered by falling naming score and named
    (`name.naming_scores`). ``zone_confidence = 1 - d1 / d2``, d1 the distance to the centre of the own cluster, d2 to the nearest
    centre of a cluster of another zone, 0 where ``d1 >= d2``.

    Parameters
    ----------
    indicators : (Geo)DataFrame
        As `zoning_indicators` gives them. Rows with ``inside_share < 0.5`` stay out of the fit but get a zone; rows where a feature is
        not known get the zone `missing`.
    method : {"som_kmeans", "kmeans", "gmm", "ward", "rules"}
        The others are what the SOM is compared with; `rules` is `name.rule_zones`. Below 30 rows the SOM is left out, with a warning.
    features : str or sequence of str
        `budget`, `nrca`, `density`, or columns.
    zones : int
        Number of clusters, at least 2; above 3 they are merged to three zones by Fisher-Jenks, and `zone_subtype` keeps them apart.
    seed : int
        Of K-Means and the Gaussian mixture; of the map only with ``initialisation="sample"``.
    transform, weights, winsorise, missing
        As in `features.fit_features`; with ``missing="fill"`` only rows of which nothing is known get the zone `missing`.
    shape, lattice, epochs, end_radius, initialisation
        As in `SOM`.
    n_init : int
        Starts of K-Means.
    n_jobs : int
        Threads of the SOM; changes the time, never a byte of the result.
    counts : sequence of int
        Numbers of clusters whose separation is reported (`choice_of_k`); empty: none.

    Raises
    ------
    InputError
        Fewer (different) cells than clusters, features that do not vary, copies, unknown features, negative weights, a year without a
        feature, a `unit_id` twice in a year.

    Notes
    -----
    The result does not depend on the order of rows, years or features, nor on units: rows are sorted by year and `unit_id`, features by
    name, and z-scores are rounded to 1/2^20. Where a name contradicts the carbon balance of its zone, `quality["not_separable"]` is True
    and a warning says which check failed. Source: Xia and Yang 2022, J. Geogr. Sci. 32:1911 (SOM, then K-Means), details are choices
    of the project.
    """
    check_columns(indicators.columns, ["carbon_source", "carbon_sink"], where="indicators")
    least = 1 if choose(method, METHODS, where="method") == "rules" else zones
    if zones < 2:
        raise refuse("too_few_zones", expected="at least 2 zones", got=repr(zones), where="zones", fix="Use 3.")
    with threadpool_limits(limits=1):  # the sums of K-Means and of BLAS depend on the number of threads
        cells = _prepare(indicators, least, features=features, transform=transform, weights=weights, winsorise=winsorise, missing=missing)
        som = None
        if method == "som_kmeans" and cells.fitted.sum() >= SOM_LEAST_ROWS:
            sheet: dict[str, Any] = {"lattice": lattice, "epochs": epochs, "end_radius": end_radius, "initialisation": initialisation}
            som = SOM(shape, seed=seed, n_jobs=n_jobs, **sheet).fit(cells.x[cells.fitted])
        elif method == "som_kmeans":
            warn(f"the SOM is left out: {cells.fitted.sum()} cells, fewer than {SOM_LEAST_ROWS}; K-Means runs on the cells.")
        labels, clusterer, naming = _cluster(cells, zones, method=method, som=som, n_init=n_init, seed=seed)
        table = zone_table(cells.frame, cells.x, labels, clusterer, naming)
        fit = cells.x[cells.fitted]
        quality = _quality(cells, table, labels, clusterer, seed)
        tried = () if method == "rules" else counts
        by_count = choice_of_k(fit, method=clusterer.method, som=clusterer.som, n_init=n_init, seed=seed, counts=tried)
    _warn_of(quality)
    back = np.argsort(cells.order)
    chosen = features if isinstance(features, str) else sorted(features)
    provenance: dict[str, Any] = {
        "method": clusterer.method,
        "features": chosen,
        "zones": zones,
        "seed": seed,
        "transform": transform,
        "missing": missing,
    }
    provenance |= {"winsorise": winsorise, "n_init": n_init, "som": quality["som"], "scaler": cells.made.scaler.as_dict()}
    return ZoneModel(table.iloc[back], quality, naming, by_count, cells.made.scaler, clusterer, indicators, provenance)


@dataclass(frozen=True)
class _Cells:
    """Rows in canonical order, with their features x, which of these are known, and which rows are fitted."""

    frame: pd.DataFrame
    order: Integers
    made: Features
    x: Floats
    known: Flags
    fitted: Flags


def _prepare(indicators: pd.DataFrame, least: int, **options: Any) -> _Cells:
    order = canonical_order(indicators)
    frame = indicators.iloc[order]
    inside = np.ones(len(frame), dtype=bool)
    if "inside_share" in frame.columns:
        inside = ~(column_of(frame, "inside_share") < LEAST_INSIDE)
    _check_rows(int(inside.sum()), least)
    made = fit_features(frame, rows=inside, **options)
    x = made.z.to_numpy() * np.sqrt(made.scaler.weights)
    known = ~np.isnan(x).any(axis=1)
    _check_rows(int((known & inside).sum()), least)
    return _Cells(frame, order, made, x, known, known & inside)


def _check_rows(rows: int, least: int) -> None:
    if rows < least:
        raise refuse(
            "too_few_rows",
            expected=f"at least {least} cells whose features are known, for {least} zones",
            got=str(rows),
            where="indicators",
            fix="Ask for fewer zones, or give more cells.",
        )


def _cluster(
    cells: _Cells, zones: int, *, method: str, som: SOM | None, n_init: int, seed: int
) -> tuple[Integers, Clusterer, pd.DataFrame]:
    """Cluster of each row (-1: missing), the clusters numbered by falling naming score, and their names."""
    labels = np.full(len(cells.x), -1, dtype=np.int64)
    terms = naming_terms(cells.frame, cells.fitted)
    if method == "rules":
        by_rule = rule_zones(cells.frame).to_numpy()
        present = [zone for zone in ZONES if (by_rule[cells.known] == zone).any()]
        labels[cells.known] = rule_labels(cells.frame, present)[cells.known]
        members = labels >= 0
        clusterer = Clusterer("rules", group_means(cells.x[members], labels[members], len(present)), labels[cells.fitted])
        naming = naming_scores(terms[members], labels[members])
        return labels, clusterer, naming.assign(zone=present, zone_subtype=present)
    found = fit_clusters(cells.x[cells.fitted], zones, method=method, som=som, n_init=n_init, seed=seed)
    naming = naming_scores(terms[cells.fitted], found.labels)
    scores = naming["score"].to_numpy()
    order = sorted(range(len(scores)), key=lambda cluster: (-scores[cluster], *found.centres[cluster]))
    clusterer = found.renumber(order)
    naming = naming.iloc[order].reset_index(drop=True).rename_axis("cluster")
    names, subtypes = name_clusters(naming["score"].tolist(), naming["n_units"].tolist())
    labels[cells.fitted] = clusterer.labels
    others = cells.known & ~cells.fitted
    if others.any():
        labels[others] = clusterer.assign(cells.x[others])
    return labels, clusterer, naming.assign(zone=names, zone_subtype=subtypes)


def _quality(cells: _Cells, table: pd.DataFrame, labels: Integers, clusterer: Clusterer, seed: int) -> dict[str, Any]:
    """What a reader of the zones must know, as plain data."""
    x, years = cells.x[cells.fitted], years_of(cells.frame)
    failed = failed_checks(table["zone"], column_of(cells.frame, "carbon_source"), column_of(cells.frame, "carbon_sink"))
    missing = [f"{name} ({year})" if year else name for name, year in zip(unit_ids(cells.frame)[labels < 0], years[labels < 0])]
    spread = float(((x - x.mean(axis=0)) ** 2).sum())
    within = float(((x - clusterer.centres[labels[cells.fitted]]) ** 2).sum())
    return {
        "method": clusterer.method,
        "n_rows": len(cells.frame),
        "n_fitted": int(cells.fitted.sum()),
        "n_missing": len(missing),
        "n_filled": int((cells.made.scaler.unknown(cells.frame).any(axis=1) & cells.known).sum()),
        "missing": missing,
        "not_separable": bool(failed),
        "failed_checks": failed,
        "features": cells.made.scaler.names,
        "features_left_out": dict(cells.made.dropped),
        "correlated": [list(pair) for pair in cells.made.correlated],
        "explained_share": 1.0 - within / spread,
        **separation(x, labels[cells.fitted], seed=seed),
        "som": None if clusterer.som is None else _som_quality(clusterer.som, x, years[cells.fitted]),
    }


def _som_quality(som: SOM, x: Floats, years: Integers) -> dict[str, Any]:
    """Size and radii of the map, and its errors in all and by year."""
    best, second, distance = two_nearest_nodes(x, som.codebook_)

    def errors(rows: Flags) -> dict[str, float]:
        apart = topographic_error(best[rows], second[rows], som.shape_, lattice=som.lattice)
        return {"quantization_error": float(distance[rows].mean()), "topographic_error": apart}

    return {
        "shape": list(som.shape_),
        "lattice": som.lattice,
        "nodes": len(som.codebook_),
        "empty_nodes": int((som.hit_counts_ == 0).sum()),
        "epochs": som.n_iter_,
        "start_radius": som.start_radius_,
        "end_radius": float(som.end_radius),
        "initialisation": som.initialisation,
        **errors(np.ones(len(x), dtype=bool)),
        "by_year": {int(year): errors(years == year) for year in np.unique(years) if year},
    }


def _warn_of(quality: Mapping[str, Any]) -> None:
    """Warn of cells without a zone and of names that contradict the carbon balance."""
    if quality["n_filled"]:
        warn(f"{quality['n_filled']} cells have a feature that is not known; its mean stands in for it (missing = 'fill').")
    if quality["missing"]:
        warn(f"{quality['n_missing']} cells have the zone `missing`, as a feature is not known: {examples(quality['missing'])}.")
    if quality["failed_checks"]:
        warn("the zones are not separable: " + "; ".join(quality["failed_checks"]) + ".")
