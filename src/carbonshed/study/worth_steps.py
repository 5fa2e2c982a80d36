"""Step on the worth of the zones: which method holds best, how stable the zones are, what they rest on, what other sides would give."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from carbonshed.checks import DataWarning
from carbonshed.scale.whatif import neighbour_scales
from carbonshed.spatial.cell_ids import coarse_ids
from carbonshed.study.config import Spec
from carbonshed.study.pattern_steps import at_scale, fit_study_zones, zone_model, zoning_accounts
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.zoning.coherence import zone_coherence
from carbonshed.zoning.contiguity import yearly_neighbours
from carbonshed.zoning.fitted import fitted_cells
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.number_of_zones import COUNTS, METHODS, chosen_k, evidence_of_k, gap_statistic
from carbonshed.zoning.scale_agreement import scale_agreement
from carbonshed.zoning.stability import drop_one_feature, zone_stability
from carbonshed.zoning.worth import best_method, worth_of_methods, zones_against_divisions

DIVISIONS = ("county", "city", "province")
PERMUTATIONS = 199
MOST_RUNS = 8
"""Bootstraps and references behind each number of zones: eight numbers are compared, so fewer do."""
STARTS = 10
"""Starts of K-Means in each of them."""


def has_worth(spec: Spec) -> bool:
    """The study asks for runs to compare methods by."""
    return spec.zoning.runs > 0


def worth_step(context: Context) -> StepOutput:
    """Methods with equal features, stability, features in turn, number of zones, other divisions, and the zones of neighbouring sides."""
    spec = context.spec
    accounts = zoning_accounts(spec, context.tables)
    context.progress(0.0, "stability")
    free = zone_model(spec, accounts, contiguous=False, counts=())
    model = fit_study_zones(spec, context.tables, counts=()) if spec.zoning.contiguous else free
    links = yearly_neighbours(model.indicators)
    stability = zone_stability(model, links, runs=spec.zoning.runs, seed=spec.study.seed)
    context.progress(0.2, "comparing methods")
    methods = worth_of_methods(
        zoning_indicators(accounts),
        links,
        runs=spec.zoning.runs,
        zones=spec.zoning.zones,
        seed=spec.study.seed,
        known=None if spec.zoning.contiguous else {spec.zoning.method: float(stability.summary["mean_ari"].to_dict()["bootstrap"])},
        features=spec.zoning.features,
        weights=spec.zoning.weights,
        missing=spec.zoning.missing,
    )
    output = StepOutput(
        tables={
            "zone_methods": methods.reset_index(),
            "zone_stability": stability.summary.reset_index(),
            "zone_clusters": stability.clusters.reset_index(),
            "zone_joins": zone_joins(model, links),
        }
    )
    output.choices = {"zoning_verdict": best_method(methods)}
    if free.clusterer.method in METHODS:
        context.progress(0.6, "features in turn")
        if len(free.scaler.names) > 1:
            output.tables["zone_features"] = drop_one_feature(free).reset_index()
        context.progress(0.65, "number of zones")
        _number_of_zones(free, spec, accounts, output)
    context.progress(0.85, "zones against divisions")
    divided = with_divisions(model, accounts, context.tables)
    names = [name for name in DIVISIONS if name in divided.indicators]
    output.tables["zone_divisions"] = zones_against_divisions(divided, divisions=names, permutations=PERMUTATIONS, seed=spec.study.seed)
    if "scale_km" in accounts:
        context.progress(0.9, "zones of neighbouring sides")
        _neighbouring_sides(context, output)
    return output


def zone_joins(model: ZoneModel, links: csr_array) -> pd.DataFrame:
    """Join counts and patches of each zone, by year: `year`, `zone`, and the columns of `zone_coherence`."""
    zones, parts = model.zones, []
    for year in sorted(int(each) for each in zones["year"].unique()):
        here = np.flatnonzero(zones["year"].to_numpy() == year)
        table = zone_coherence(zones["zone"].to_numpy(dtype=str)[here], csr_array(links[here][:, here])).reset_index()
        table.insert(0, "year", year)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _number_of_zones(model: ZoneModel, spec: Spec, accounts: pd.DataFrame, output: StepOutput) -> None:
    """Gap statistic and stability of 2 to 8 zones beside their separation, and what each criterion chooses."""
    different = len(np.unique(fitted_cells(model).x, axis=0))
    counts = [k for k in COUNTS if 2 * k <= different]  # a bootstrap holds about six of ten rows
    if not counts:
        output.tables["choice_of_k"] = zone_model(spec, accounts, contiguous=False).choice_of_k.reset_index()
        return
    runs = max(2, min(spec.zoning.runs, MOST_RUNS))
    gaps = gap_statistic(model, counts=counts, references=runs, seed=spec.study.seed, n_init=STARTS)
    evidence = evidence_of_k(model, counts=counts, runs=runs, seed=spec.study.seed, gaps=gaps, n_init=STARTS)
    output.tables["choice_of_k"] = evidence.reset_index()
    output.choices["number_of_zones"] = {"used": spec.zoning.zones, "runs": runs, **chosen_k(evidence, gaps)}


def with_divisions(model: ZoneModel, accounts: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> ZoneModel:
    """The model with columns `county`, `city`, `province` beside its indicators: of a cell, that which holds most of its area.

    A division that is not known for each unit, or that does not divide the region, is left out.
    """
    counties = tables.get("accounts_county")
    if counties is None:
        return model
    first = counties[~counties.index.duplicated()]
    known = {name: first[name] for name in ("city", "province") if name in first}
    of_unit = pd.Series(accounts.index, index=accounts.index)
    if "scale_km" in accounts:
        known = {"county": pd.Series(first.index, index=first.index), **known}
        of_unit = _counties_of_cells(accounts, tables)
    columns = {}
    for name, each in known.items():
        values = of_unit.map(each)
        if values.notna().all() and 1 < values.nunique() < len(set(accounts.index)):
            columns[name] = values.to_numpy(dtype=str)
    return replace(model, indicators=model.indicators.assign(**columns))


def _counties_of_cells(accounts: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """The county that holds most of the area of each cell."""
    pieces = tables["pieces"]
    pieces = pieces[pieces["year"] == pieces["year"].iloc[0]]
    base = at_scale(tables["accounts_grid"], float(tables["accounts_grid"]["scale_km"].min()))
    k = round(float(accounts["scale_km"].iloc[0]) / float(base["scale_km"].iloc[0]))
    parts = pd.DataFrame(
        {"cell": coarse_ids(pieces["cell_id"], k), "county": pieces["county_id"].to_numpy(), "area": pieces["area_km2"].to_numpy()}
    )
    sums = parts.groupby(["cell", "county"])["area"].sum().reset_index().sort_values(["area", "county"], ascending=[False, True])
    most = sums.drop_duplicates("cell").set_index("cell")["county"]
    return pd.Series(most.reindex(accounts.index).to_numpy(), index=accounts.index)


def _neighbouring_sides(context: Context, output: StepOutput) -> None:
    """Zones that the next finer and coarser side would give, and their agreement, and that of shifted origins, with the zones shown."""
    spec, grid = context.spec, context.tables["accounts_grid"]
    shown = context.tables["zones"]
    sides = sorted({spec.grid.base_km, *spec.grid.scales_km})
    near = neighbour_scales(float(zoning_accounts(spec, context.tables)["scale_km"].iloc[0]), sides)
    parts, made = [], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said of the zones shown
        for role, side in near.items():
            cells = at_scale(grid, side)
            zones = shown if role == "chosen" else zone_model(spec, cells, counts=()).zones
            made[side] = zones
            part = gpd.GeoDataFrame(zones[["year", "zone", "zone_confidence", "geometry"]], geometry="geometry", crs=cells.crs)
            part.insert(1, "scale_role", role)
            part.insert(2, "scale_km", side)
            parts.append(part)
        agreement = scale_agreement(
            at_scale(grid, spec.grid.base_km),
            side_km=near["chosen"],
            other_sides_km=[side for side in near.values() if side != near["chosen"]],
            made=made,
            fit=lambda accounts: zone_model(spec, accounts, counts=()).zones,
        )
    output.tables["scale_zones"] = pd.concat(parts)
    output.tables["zone_scale_agreement"] = agreement
