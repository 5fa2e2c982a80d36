"""What a method is worth: the SOM beside simpler methods on equal features, its zones beside other divisions, and a stated verdict."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from carbonshed.checks import DataWarning, check_columns, choose, refuse, warn
from carbonshed.numerics.contiguity import random_partition
from carbonshed.numerics.geodetector import factor_detector
from carbonshed.spatial.in_order import in_order
from carbonshed.spatial.neighbours import as_sparse
from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.cluster import separation
from carbonshed.zoning.coherence import coherence_totals
from carbonshed.zoning.contiguity import CONTIGUOUS, contiguous_zones, yearly_neighbours
from carbonshed.zoning.fitted import FittedCells, explained_share, fitted_cells
from carbonshed.zoning.indicators import years_of
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.name import ZONES
from carbonshed.zoning.stability import TARGET_ARI, zone_stability

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COMPARED = ("rules", "kmeans", "ward", "gmm", CONTIGUOUS, "som_kmeans")
"""From the simplest to the one with most parts: among equals the first is preferred."""
DENSITIES = ("source_density", "sink_density", "net_emission_density", "gdp_density")
CRITERIA = ("explained_share", "silhouette", "stability_ari", "coherence", "q_mean")
MARGIN, LEAST_SHARE = 0.01, 0.01
WARD_MOST_ROWS = 50_000
"""Rows up to which Ward's method is compared: its fits, one a bootstrap, take some seconds each there."""
RULE = (
    "Of the methods whose names hold (hard checks), whose mean bootstrap ARI is at least 0.8, and that give each zone (but balanced, where "
    "two were asked for) to at least 1 % of the cells, the best has the highest score: the mean of explained share, silhouette, bootstrap "
    "ARI, coherence and mean q, each at most 1 (0 where there is none). Of methods within 0.01 of it the simplest is taken: rules, kmeans, "
    "ward, gmm, ward_contiguity, som_kmeans."
)


def worth_of_methods(
    indicators: pd.DataFrame,
    neighbours: object | None = None,
    *,
    methods: Sequence[str] = COMPARED,
    runs: int = 50,
    zones: int = 3,
    seed: int = 0,
    known: Mapping[str, float] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """All methods on equal features in one table, measured on the zones as named and on the rows of the fit.

    Parameters
    ----------
    indicators : (Geo)DataFrame
        As `zoning_indicators` gives them.
    neighbours : csr_array or libpysal Graph, optional
        In the caller's order, links within years. Default: `yearly_neighbours`.
    methods : sequence of str
        Of `rules`, `kmeans`, `ward`, `gmm`, `ward_contiguity` (as many connected regions a year as `zones`, named for themselves),
        `som_kmeans`.
    runs : int
        Bootstraps.
    known : mapping, optional
        Method -> mean bootstrap ARI, where `zone_stability` has found it with these settings already.
    zones, seed, options
        As in `fit_zones`.

    Returns
    -------
    DataFrame
        Index `method`; `explained_share` (of the sum of squares of the features, by the zones), `silhouette`, `davies_bouldin`,
        `stability_ari` (mean over pairs of bootstraps), `same_joins`, `coherence`, `isolated_share`, `mean_patch`; `q_` of each density
        that is known (geodetector q, mean over years) and `q_mean`; shares of the cells `share_payment`, `share_balanced`,
        `share_recipient`; `zones` (that were asked for), `not_separable`.

    Raises
    ------
    InputError
        As `fit_zones`; an unknown method; fewer than two runs.

    Warns
    -----
    DataWarning
        Where `ward` is left out, as its fits to more than 50,000 rows take long.

    Notes
    -----
    A mixture is fitted to a bootstrap with 3 starts, the model itself with 10.
    K-Means minimises what `explained_share` measures, and links serve `coherence`: no single column is a verdict (`best_method`).
    """
    for method in methods:
        choose(method, COMPARED, where="methods")
    whole = yearly_neighbours(indicators) if neighbours is None else as_sparse(neighbours, indicators.index)
    rows, said = {}, False
    if "ward" in methods and len(indicators) > WARD_MOST_ROWS:
        warn(f"ward is left out: {len(indicators)} rows, more than {WARD_MOST_ROWS}.")
    for method in [each for each in methods if each != "ward" or len(indicators) <= WARD_MOST_ROWS]:
        with warnings.catch_warnings():
            if said:
                warnings.simplefilter("ignore", DataWarning)  # said once: the features are the same
            else:
                warnings.filterwarnings("ignore", "the (connected )?zones are not separable", DataWarning)
            model = _fit(indicators, whole, method, zones=zones, seed=seed, **options)
            rows[method] = _measures(fitted_cells(model, whole), runs, seed, whole, (known or {}).get(method))
        said = True
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def _fit(indicators: pd.DataFrame, neighbours: csr_array, method: str, *, zones: int, **options: Any) -> ZoneModel:
    if method != CONTIGUOUS:
        return fit_zones(indicators, method=method, zones=zones, counts=(), **options)
    base = fit_zones(indicators, method="kmeans", zones=zones, counts=(), **options)
    return contiguous_zones(base, neighbours, regions=zones, min_size=1, naming="score")


def _measures(cells: FittedCells, runs: int, seed: int, whole: csr_array, known_ari: float | None) -> dict[str, Any]:
    named, x = cells.zones, cells.x
    _, group = np.unique(named, return_inverse=True)
    if known_ari is None:
        summary = zone_stability(cells.model, whole, runs=runs, seed=seed, varied=["bootstrap"]).summary
        known_ari = float(summary["mean_ari"].to_numpy()[0])
    links = cells.neighbours
    assert links is not None
    with threadpool_limits(limits=1):
        apart = separation(x, group.ravel(), seed=seed)
        row: dict[str, Any] = {"explained_share": explained_share(x, named)}
    row |= {"silhouette": apart["silhouette"], "davies_bouldin": apart["davies_bouldin"]}
    row |= {"stability_ari": known_ari}
    together = coherence_totals(named, links)
    row |= {name: together[name] for name in ("same_joins", "coherence", "isolated_share", "mean_patch")}
    years, q = years_of(cells.frame), {}
    for name in [each for each in DENSITIES if each in cells.frame.columns]:
        values = cells.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        q[f"q_{name}"] = _mean_known([_q(values[years == year], named[years == year])[0] for year in np.unique(years)])
    row |= {**q, "q_mean": _mean_known(list(q.values()))}
    row |= {f"share_{zone}": float((named == zone).mean()) for zone in ZONES}
    return {**row, "zones": int(cells.model.provenance["zones"]), "not_separable": bool(cells.model.quality["not_separable"])}


def _mean_known(values: list[float]) -> float:
    known = [each for each in values if each == each]
    return float(np.mean(known)) if known else float("nan")


def _q(values: Floats, strata: NDArray[Any]) -> tuple[float, int, int]:
    """Geodetector q, number of values and of strata, where the value is known."""
    known = ~np.isnan(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # strata of one member: the numbers stand beside q
        found = factor_detector(values[known], strata[known], permutations=0)
    return found.q, found.n, found.n_strata


def best_method(table: pd.DataFrame) -> dict[str, Any]:
    """Which method holds best by the stated rule `RULE`, as plain data; the SOM only where it is.

    Parameters
    ----------
    table : DataFrame
        As `worth_of_methods` gives it.

    Returns
    -------
    dict
        `best` (None where no method meets the conditions), `scores` (of each method, rounded to 1e-6), `leader` (the highest score
        among those that meet the conditions, or among all), `failed` (method -> conditions not met), `criteria`, `margin`, `rule`; where
        the SOM is in the table `som_is_best`, `som_lead` (its score less the best score of another method that meets the
        conditions, or of any), and `som_failed`.

    Raises
    ------
    InputError
        A table without the columns, or without rows.

    Examples
    --------
    >>> same = {"silhouette": 0.5, "stability_ari": 0.9, "coherence": 0.5, "q_mean": 0.5, "not_separable": False,
    ...         "share_payment": 0.3, "share_balanced": 0.3, "share_recipient": 0.4}
    >>> table = pd.DataFrame([{"explained_share": 0.80, **same}, {"explained_share": 0.82, **same}], index=["kmeans", "som_kmeans"])
    >>> record = best_method(table)
    >>> record["best"], record["leader"], round(record["som_lead"], 3)  # the SOM leads by less than the margin
    ('kmeans', 'som_kmeans', 0.004)
    """
    check_columns(table.columns, [*CRITERIA, "not_separable", *(f"share_{zone}" for zone in ZONES)], where="table")
    if len(table) == 0:
        raise refuse("no_methods", expected="at least one method", got="none", where="table", fix="Name methods.")
    rows = [(name, dict(zip(table.columns, values))) for name, values in zip(table.index, table.to_numpy(dtype=object))]
    scores = {str(name): round(float(np.nan_to_num([float(row[each]) for each in CRITERIA]).mean()), 6) for name, row in rows}
    failed = {str(name): found for name, row in rows if (found := _failed(row))}
    held = [name for name in scores if name not in failed]
    leader = max(held or list(scores), key=lambda name: (scores[name], -_simplicity(name)))
    close = [name for name in held if scores[name] >= scores[leader] - MARGIN]
    best = min(close, key=_simplicity) if close else None
    record: dict[str, Any] = {"best": best, "leader": leader, "scores": scores, "failed": failed}
    record |= {"criteria": list(CRITERIA), "margin": MARGIN, "rule": RULE}
    if "som_kmeans" in scores:
        others = [name for name in held if name != "som_kmeans"] or [name for name in scores if name != "som_kmeans"]
        lead = scores["som_kmeans"] - max(scores[name] for name in others) if others else None
        record |= {"som_is_best": best == "som_kmeans", "som_lead": lead, "som_failed": failed.get("som_kmeans", [])}
    return record


def _simplicity(method: str) -> int:
    return COMPARED.index(method) if method in COMPARED else len(COMPARED)


def _failed(row: dict[str, Any]) -> list[str]:
    found = ["not_separable"] if row["not_separable"] else []
    found += ["stability_ari"] if not row["stability_ari"] >= TARGET_ARI else []
    asked = ("payment", "recipient") if row.get("zones", 3) == 2 else ZONES
    return found + [f"share_{zone}" for zone in asked if not row[f"share_{zone}"] >= LEAST_SHARE]


def zones_against_divisions(
    model: ZoneModel,
    neighbours: object | None = None,
    *,
    divisions: Sequence[str] = (),
    quantities: Sequence[str] = DENSITIES,
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Geodetector q of the zones, of administrative units, and of random connected divisions with as many strata.

    ``q = 1 - sum_h N_h s_h^2 / (N s^2)`` rises with the number L of strata; ``q_adjusted = 1 - (1 - q) (N - 1) / (N - L)`` does not,
    and is what zones and administrative units are compared by. p is the share of random divisions into L connected regions
    (`numerics.contiguity.random_partition`), the data among them, whose q is as large.

    Parameters
    ----------
    model : ZoneModel
    neighbours : csr_array or libpysal Graph, optional
        In the caller's order. Default: `yearly_neighbours`.
    divisions : sequence of str
        Columns of the model's indicators that name administrative units, such as `county`, `city`, `province`.
    quantities : sequence of str
        Columns; those that are not there are left out.
    permutations : int
        Random divisions.
    seed : int

    Returns
    -------
    DataFrame
        `year` (where given), `quantity`, `division` (`zones`, or the column), `n_units`, `n_strata`, `q`, `q_adjusted`, `random_q_mean`,
        `random_q_high` (95 %), `random_p`; rows of the fit.

    Raises
    ------
    InputError
        A division that is no column or has an empty row.

    Notes
    -----
    Source of q: Wang et al. (2010); the adjustment is that of epsilon squared (Kelley 1935).
    """
    check_columns(model.indicators.columns, divisions, where="indicators")
    whole = yearly_neighbours(model.indicators) if neighbours is None else as_sparse(neighbours, model.indicators.index)
    cells = fitted_cells(model, whole)
    years, links = years_of(cells.frame), cells.neighbours
    assert links is not None
    strata = {"zones": cells.zones, **{name: _division(cells.frame, name) for name in divisions}}
    known = [name for name in quantities if name in cells.frame.columns]
    wanted = {(int(year), len(np.unique(labels[years == year]))): None for year in np.unique(years) for labels in strata.values()}
    columns = {name: cells.frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in known}

    def drawn(asked: tuple[int, int]) -> dict[str, Floats]:
        here = np.flatnonzero(years == asked[0])
        return _random_q(
            {name: each[here] for name, each in columns.items()}, csr_array(links[here][:, here]), asked[1], permutations, seed
        )

    random = dict(zip(wanted, in_order(drawn, wanted)))
    rows = []
    for year in np.unique(years):
        here = years == year
        for division, labels in strata.items():
            for name in known:
                q, n, strata_there = _q(columns[name][here], labels[here])
                row = {"year": int(year), "quantity": name, "division": division, "n_units": n, "n_strata": strata_there, "q": q}
                rows.append({**row, "q_adjusted": 1.0 - (1.0 - q) * (n - 1) / (n - strata_there) if n > strata_there else float("nan")})
                rows[-1] |= _against(q, random[int(year), len(np.unique(labels[here]))][name])
    table = pd.DataFrame(rows)
    return table if "year" in model.indicators.columns else table.drop(columns="year")


def _division(frame: pd.DataFrame, name: str) -> NDArray[np.str_]:
    if frame[name].isna().any():
        raise refuse(
            "no_group",
            expected=f"{name} in each row",
            got=f"{int(frame[name].isna().sum())} rows without",
            where=name,
            fix="Fill it in, e.g. by the majority of area.",
        )
    return frame[name].to_numpy(dtype=str)


def _random_q(values: dict[str, Floats], graph: csr_array, strata: int, permutations: int, seed: int) -> dict[str, Floats]:
    """Geodetector q under random divisions: ``sum_h S_h^2 / N_h / sum x^2`` of centred values, S_h their sum in stratum h."""
    generator = np.random.default_rng([seed, strata])
    known = {name: np.flatnonzero(~np.isnan(each)) for name, each in values.items()}
    centred = {name: each[known[name]] - each[known[name]].mean() for name, each in values.items() if len(known[name])}
    spread = {name: float((each**2).sum()) for name, each in centred.items()}
    found = {name: np.full(permutations, np.nan) for name in values}
    component = connected_components(graph, directed=False)[1].astype(np.int64)
    for draw in range(permutations):
        regions = random_partition(graph, strata, generator, component=component)
        for name in [each for each, size in spread.items() if size > 0]:
            own = regions[known[name]]
            number = np.bincount(own, minlength=strata)
            sums = np.bincount(own, weights=centred[name], minlength=strata)[number > 0]
            found[name][draw] = float((sums**2 / number[number > 0]).sum()) / spread[name]
    return found


def _against(q: float, drawn: Floats) -> dict[str, float]:
    if not len(drawn) or np.isnan(q):
        return {"random_q_mean": float("nan"), "random_q_high": float("nan"), "random_p": float("nan")}
    p = (1 + int((drawn >= q - 1e-12).sum())) / (1 + len(drawn))
    return {"random_q_mean": float(drawn.mean()), "random_q_high": float(np.quantile(drawn, 0.95)), "random_p": p}
