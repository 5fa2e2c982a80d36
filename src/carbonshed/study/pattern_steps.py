"""Steps on patterns: the scale that fits, zones, hot spots and clusters, centres of gravity."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carbonshed.checks import DataWarning, check_conserved, warn
from carbonshed.compensation.drift import drift_check
from carbonshed.numerics.autocorrelation import settled
from carbonshed.scale.choose import mark_chosen
from carbonshed.scale.indicators import SharedPlaces
from carbonshed.scale.interval import scale_interval
from carbonshed.spatial.cell_ids import parse_cell_ids
from carbonshed.spatial.centre import centre_of_gravity
from carbonshed.spatial.neighbours import lattice_neighbours, polygon_neighbours, row_standardise
from carbonshed.spatial.statistics import getis_ord, local_moran
from carbonshed.study.allocation_comparison import compared_accounts, zone_changes, zones_side_by_side
from carbonshed.study.config import Spec
from carbonshed.study.frames import by_year
from carbonshed.study.money_steps import once_per_county
from carbonshed.study.pipeline import Context, Progress, StepOutput
from carbonshed.study.policy_inputs import lines_of_zones
from carbonshed.zoning.classify import COUNTS, fit_zones
from carbonshed.zoning.contiguity import contiguous_zones
from carbonshed.zoning.explanations import zone_centres, zone_explanations
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.model import ZoneModel
from carbonshed.zoning.som_table import som_nodes
from carbonshed.zoning.validate import zone_summary, zone_transitions

CARBON = ("carbon_source", "carbon_sink", "net_carbon_emission")
MIN_INSIDE = 0.5


def scale_step(context: Context) -> StepOutput:
    """Every indicator for every side, quantity and year; the side that the rule chooses, with its interval over origins and years."""
    spec = context.spec
    base = at_scale(context.tables["accounts_grid"], spec.grid.base_km)
    tables: dict[str, list[pd.DataFrame]] = {"scale_response": [], "scale_choice": [], "scale_draws": [], "scale_shifts": []}
    shared = SharedPlaces()
    for position, quantity in enumerate(CARBON):
        found = scale_interval(
            base,
            scales_km=sorted({spec.grid.base_km, *spec.grid.scales_km}),
            quantity=quantity,
            rule=spec.scale.rule,
            draws=spec.scale.draws,
            seed=spec.study.seed,
            permutations=spec.scale.permutations,
            drivers=spec.scale.drivers,
            shared=shared,
            progress=_part(context.progress, position, quantity),
        )
        tables["scale_response"].append(mark_chosen(found.response, found.choice))
        tables["scale_choice"].append(found.choice.to_frame())
        tables["scale_draws"].append(found.draws.assign(quantity=quantity))
        tables["scale_shifts"].append(found.shifts.assign(quantity=quantity))
    output = StepOutput(tables={name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()})
    choice = output.tables["scale_choice"]
    row = choice.loc[choice["quantity"] == spec.scale.quantity].iloc[0]
    chosen = {"quantity": spec.scale.quantity, "working_scale_km": working_scale(choice, spec)}
    output.choices = {"scale": {**chosen, **{key: row[key] for key in ("rule", "scale_km", "low_km", "high_km", "flags", "reason")}}}
    return output


def _part(progress: Progress, position: int, quantity: str) -> Progress:
    return lambda fraction, message: progress((position + fraction) / len(CARBON), f"{quantity} {message}")


def at_scale(accounts: pd.DataFrame, side_km: float) -> pd.DataFrame:
    """The cells of one side."""
    return accounts[np.isclose(accounts["scale_km"], side_km)]


def working_scale(scale_choice: pd.DataFrame, spec: Spec) -> float:
    """Side that maps and zones are made on: the chosen one, or the finest where the rule gives none (which is said)."""
    row = scale_choice.loc[scale_choice["quantity"] == spec.scale.quantity].iloc[0]
    if pd.notna(row["scale_km"]):
        return float(row["scale_km"])
    side = float(spec.grid.base_km)
    warn(f"The rule chose no scale ({row['reason']}); zones and hot spots are shown on the finest grid, {side:g} km.")
    return side


def zoning_accounts(spec: Spec, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Accounts that are zoned: the cells of the working side, or the counties."""
    if spec.zoning.level == "county" or not spec.has_grid:
        return tables["accounts_county"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said once, in the step `scale`
        side = working_scale(tables["scale_choice"], spec)
    return at_scale(tables["accounts_grid"], side)


def fit_study_zones(spec: Spec, tables: Mapping[str, pd.DataFrame], **options: Any) -> ZoneModel:
    """The zone model of a study from its tables: equal tables and settings give the same bytes."""
    return zone_model(spec, zoning_accounts(spec, tables), **options)


def zone_model(spec: Spec, accounts: pd.DataFrame, *, contiguous: bool | None = None, **options: Any) -> ZoneModel:
    """The zone model of these accounts by the settings of the study; `contiguous` over that of the study, `options` as in `fit_zones`."""
    model = fit_zones(
        zoning_indicators(accounts),
        method=spec.zoning.method,
        features=spec.zoning.features,
        weights=spec.zoning.weights,
        missing=spec.zoning.missing,
        zones=spec.zoning.zones,
        seed=spec.study.seed,
        **options,
    )
    connected = spec.zoning.contiguous if contiguous is None else contiguous
    return contiguous_zones(model, min_size=spec.zoning.min_size) if connected else model


def zones_step(context: Context) -> StepOutput:
    """Indicators, SOM, K-Means, names: a zone for each cell or county and year."""
    spec = context.spec
    accounts = zoning_accounts(spec, context.tables)
    context.progress(0.1, "clustering")
    # where the study compares methods, the step `worth` looks at other numbers of zones, with more beside
    model = zone_model(spec, accounts, counts=() if spec.zoning.runs else COUNTS)
    output = zones_and_summary(context, model, accounts)
    zones = output.tables["zones"]
    output.tables["zone_naming"] = model.naming
    output.tables["zone_centres"] = zone_centres(model)
    if not spec.zoning.runs:
        output.tables["choice_of_k"] = model.choice_of_k
    if model.clusterer.som is not None:
        output.tables["som_nodes"] = som_nodes(model)
    if len(spec.study.years) > 1:
        output.tables["zone_transitions"] = zone_transitions(zones, accounts)
    if "allocation_comparison" in context.tables:
        context.progress(0.7, "zones by the other allocation")
        other = compared_accounts(accounts, context.tables["allocation_comparison"])
        again = zone_model(spec, other, counts=()).zones
        output.tables["allocation_zones"] = zones_side_by_side(zones, again, accounts)
        output.tables["allocation_zone_changes"] = zone_changes(output.tables["allocation_zones"])
    return output


def zones_and_summary(context: Context, model: ZoneModel, accounts: pd.DataFrame) -> StepOutput:
    """The zones with their reasons and the planner's lines, what each zone holds, and the checks that zones hold what the accounts do."""
    summary = zone_summary(model.zones, accounts)
    side = float(accounts["scale_km"].iloc[0]) if "scale_km" in accounts else None
    lines = lines_of_zones(model.zones, context.input_files.paths, context.tables.get("pieces"), side)
    context.progress(0.6, "explaining")
    reasons = zone_explanations(model)
    beside = {str(name): part[name].array for part in (lines, reasons) for name in part}
    zones = model.zones.assign(**{name: beside.pop(name) for name in list(beside) if name in model.zones})
    zones = pd.concat([zones, pd.DataFrame(beside, index=zones.index)], axis=1)  # all at once: one by one is slow
    output = StepOutput(tables={"zones": zones, "zone_summary": summary})
    for quantity in CARBON:
        for year, rows in by_year(accounts):
            in_zones = float(summary.loc[summary["year"] == year, quantity].sum())
            before = float(rows[quantity].sum())
            row: dict[str, Any] = {"what": f"{quantity}: zones = accounts [t CO2 a-1]", "year": year, "before": before, "after": in_zones}
            output.checks.append({**row, "relative_error": check_conserved(before, in_zones, what=row["what"])})
    level = "grid" if "scale_km" in accounts else "county"
    output.choices = {"zoning": {"level": level, **model.provenance, "quality": model.quality}}
    return output


def statistics_step(context: Context) -> StepOutput:
    """Local Moran and Gi* with FDR: of carbon, for cells of the chosen side and for counties; of the amounts, for counties."""
    spec = context.spec
    made_from = {"seed": spec.study.seed, "quantity": spec.scale.quantity, "base_km": spec.grid.base_km}
    needs = ("accounts", "scale")
    parts = list(context.shared("local statistics of carbon", lambda: _local_carbon(context), needs=needs, of=made_from))
    money = context.tables.get("compensation")
    if money is not None:
        ids, links = once_per_county(context, "links of paying counties", money, lambda counties: _links_among(context, counties))
        for year, rows in by_year(money[["year", "payable_before", "receivable_before"]]):
            parts += _local_money(rows, year, ids, links, spec.study.seed)
    return StepOutput(tables={"spatial_statistics": pd.concat(parts)})


def _local_carbon(context: Context) -> list[pd.DataFrame]:
    """Local statistics of source, sink and net emission per area."""
    spec, parts = context.spec, []
    if spec.has_grid:
        side = working_scale(context.tables["scale_choice"], spec)
        cells = at_scale(context.tables["accounts_grid"], side)
        cells = cells[cells["inside_share"] >= MIN_INSIDE]
        for year, rows in by_year(cells):
            _, row, column = parse_cell_ids(rows.index)
            neighbours = lattice_neighbours(row, column)
            parts += [_local(rows, rows[q] / rows["area_km2"], q, year, neighbours, spec.study.seed) for q in CARBON]
    if "accounts_county" in context.tables:
        counties = context.tables["accounts_county"]
        first, neighbours = _county_links(context)
        for position, (year, rows) in enumerate(by_year(counties)):
            context.progress(0.3 + 0.7 * position / counties["year"].nunique(), f"counties {year}")
            rows = rows.loc[first.index]
            parts += [_local(rows, rows[q] / rows["area_km2"], q, year, neighbours, spec.study.seed) for q in CARBON]
    return parts


def _county_links(context: Context) -> tuple[gpd.GeoDataFrame, csr_array]:
    """The counties, one row each, and which of them touch."""
    counties = context.tables["accounts_county"]
    first = counties[counties["year"] == counties["year"].iloc[0]]
    return first, context.shared("neighbours of counties", lambda: polygon_neighbours(first), needs=(), of=context.shapes_from)


def _links_among(context: Context, taking_part: gpd.GeoDataFrame) -> tuple[pd.Index, csr_array]:
    """Ids and links of the counties that take part: those of the accounts unless other shapes do (merged districts)."""
    counties, links = _county_links(context)
    place = counties.index.get_indexer(taking_part.index)
    same = bool((place >= 0).all()) and np.array_equal(_outline(taking_part), _outline(counties.iloc[place]))
    return taking_part.index, csr_array(links[place][:, place]) if same else polygon_neighbours(taking_part)


def _local_money(money: pd.DataFrame, year: int, ids: pd.Index, links: csr_array, seed: int) -> list[pd.DataFrame]:
    """Local statistics of the signed and the absolute amounts (before closure), among the counties that have one, of `ids` and `links`."""
    rows = money[money["payable_before"].notna().to_numpy() & money.index.isin(ids)]
    amount = rows["receivable_before"] - rows["payable_before"]
    place = ids.get_indexer(rows.index)
    neighbours = csr_array(links[place][:, place])
    signed = _local(rows, amount, "net_compensation", year, neighbours, seed)
    return [signed, _local(rows, amount.abs(), "absolute_compensation", year, neighbours, seed)]


def _outline(frame: gpd.GeoDataFrame) -> np.ndarray[Any, Any]:
    """What tells shapes apart: bounds, area, number of vertices."""
    shapes = np.asarray(frame.geometry.array)
    return np.column_stack([shapely.bounds(shapes), shapely.area(shapes), shapely.get_num_coordinates(shapes)])


def _local(rows: pd.DataFrame, values: pd.Series, quantity: str, year: int, neighbours: Any, seed: int) -> pd.DataFrame:
    density = settled(values.to_numpy(dtype=np.float64))
    values = pd.Series(density, index=values.index)
    moran = local_moran(values, row_standardise(neighbours), seed=seed)
    hot = getis_ord(values, neighbours, star=True, seed=seed)
    columns: dict[str, Any] = {"year": year, "quantity": quantity, **{str(name): moran[name].array for name in moran}}
    columns |= {name: hot[name].array for name in ("gi_star_z", "gi_star_p", "gi_star_class", "gi_star_class_fdr")}
    standard = _standard_values(np.asarray(density, dtype=np.float64))
    lag = moran["local_moran_i"].to_numpy() / np.where(standard != 0, standard, np.nan)
    return pd.DataFrame(columns | {"standard_value": standard, "spatial_lag": lag}, index=values.index.rename("unit_id"))


def _standard_values(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(z - mean) / s`` over the known values; NaN throughout where they do not differ."""
    known = values[~np.isnan(values)]
    if known.size == 0 or known.max() == known.min():
        return np.full(values.size, np.nan)
    return (values - known.mean()) / known.std()


def centre_step(context: Context) -> StepOutput:
    """Weighted centre and standard deviational ellipse per year, of carbon and of money."""
    tables = []
    carbon = context.tables.get("accounts_county")
    if carbon is None:
        carbon = at_scale(context.tables["accounts_grid"], context.spec.grid.base_km)

    def of_carbon() -> list[pd.DataFrame]:
        return [centre_of_gravity(carbon, weight=("carbon_source", "carbon_sink"))]

    tables += context.shared("centres of carbon", of_carbon, needs=("accounts",), of=context.spec.grid.base_km)
    money = context.tables.get("compensation")
    if money is not None:
        known = money[money.geometry.notna() & money["payable_before"].notna()]
        amounts = {"payable": known["payable_before"], "receivable": known["receivable_before"]}
        points = once_per_county(context, "centroids of counties", money, lambda counties: counties.geometry.centroid)
        frame = gpd.GeoDataFrame({"year": known["year"], **amounts}, geometry=points.reindex(known.index).array)
        tables.append(centre_of_gravity(frame, weight=tuple(amounts)))
    output = StepOutput(tables={"centre_of_gravity": pd.concat(tables, ignore_index=True)})
    if money is not None and len(context.spec.study.years) > 1:
        shared = frame.groupby(level=0)["year"].transform("size") == frame["year"].nunique()  # the same counties in each year
        drifts = [drift_check(frame[shared], weight=q, seed=context.spec.study.seed) for q in ("payable", "receivable")]
        output.tables["centre_drift"] = pd.DataFrame([asdict(drift) for drift in drifts])
    return output
