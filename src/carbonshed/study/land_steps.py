"""Steps 1 and 2: the land, reduced once onto pieces (cell x county); and the carbon accounts, which are sums of pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from carbonshed.accounting.allocation import land_weights
from carbonshed.accounting.coefficients import land_classes
from carbonshed.checks import refuse, warn
from carbonshed.compensation.reconcile import account_differences
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.registry import term
from carbonshed.study.account_levels import (
    county_accounts,
    finest_cells,
    grid_accounts,
    with_account,
    with_county_columns,
)
from carbonshed.study.allocation_comparison import allocation_comparison, moved_shares
from carbonshed.study.frames import by_year
from carbonshed.study.piece_rasters import rasters_on_pieces
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.study.sink_accounts import LandFlows, land_flows
from carbonshed.study.source_accounts import Sources, allocated_sources
from carbonshed.study.spreading import Spreader, checked, statistical_totals

ECONOMY = ("gdp_yuan", "population", "fiscal_revenue_yuan")
Made = TypeVar("Made")


def land_area_step(context: Context) -> StepOutput:
    """Cut the counties by the finest grid and tabulate land cover on the pieces, in one pass per raster."""
    spec, inputs = context.spec, context.inputs
    section = spec.land_cover
    assert section is not None
    context.progress(0.0, "cutting counties by the grid")
    pieces = context.pieces
    context.progress(0.2, f"{len(pieces)} pieces; reading land cover")
    product = str(inputs.files.paths["legend"][0]) if "legend" in inputs.files.paths else section.product
    area = tabulate_land_area(
        inputs.files.years,
        pieces,
        legend=product,
        coverage=section.coverage,
        bands=section.band,
        min_coverage=section.min_coverage,
        progress=lambda fraction, message: context.progress(0.2 + 0.75 * fraction, message),
        run_tasks=context.run_tasks,
    )
    table = _piece_table(area, pieces)
    output = StepOutput(tables={"pieces": table, "land_area": _land_area_table(table)})
    for year, rows in by_year(table):
        classified = rows[[c for c in land_classes() if c in rows]].to_numpy().sum() + rows["nodata_km2"].sum()
        row = {"what": "land area of classes and nodata = area of the region [km2]", "year": year}
        # Areas of pixels (geodesic) against areas of polygons (equal-area projection): two independent roads, so not to rounding.
        output.checks.append(checked(row, float(rows["area_km2"].sum()), float(classified), tolerance=1e-3))
        share = 1 - rows["nodata_km2"].sum() / rows["area_km2"].sum()
        _require_coverage(share, section.min_coverage, year, context.input_files.years[year].name)
    output.choices = {
        "coverage": area.attrs["coverage"],
        "legend": area.attrs["legend"],
        "crs": inputs.crs.to_string(),
        "base_km": spec.grid.base_km,
        "origin": "0, 0 of the CRS",
    }
    if area.attrs.get("legend_unverified"):
        said = area.attrs["legend_unverified"]
        output.notes.append(
            {
                "en": f"Legend {area.attrs['legend']}: the classes of these codes are not confirmed at their source: {said}.",
                "zh": f"图例 {area.attrs['legend']}：以下代码的地类归并未经原始出处核实：{said}。",
            }
        )
    return output


def _require_coverage(share: float, lowest: float, year: int, name: str) -> None:
    if share >= 1 - 1e-9:
        return
    if share < lowest:
        raise refuse(
            "coverage",
            expected=f"land cover on at least {lowest:.0%} of the region",
            got=f"{share:.2%} in {year}",
            where=f"[land_cover] path, {name}",
            fix="Give a map that covers the region, or lower [land_cover] min_coverage knowingly.",
        )
    warn(f"Land cover of {year} holds no data on {1 - share:.3%} of the region; sums are over the rest.")


def _piece_table(area: xr.DataArray, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """One row a piece and year: cell, county, area, area of each class and of nodata [km2]."""
    blocks = []
    for year in area["year"].to_numpy():
        block = pd.DataFrame(area.sel(year=year).to_numpy(), index=pieces.index, columns=area["land_class"].to_numpy())
        block.insert(0, "year", int(year))
        for position, column in enumerate(("cell_id", "county_id", "area_km2"), start=1):
            block.insert(position, column, pieces[column].to_numpy())
        block["nodata_km2"] = area["nodata_km2"].sel(year=year).to_numpy()
        blocks.append(block)
    return pd.concat(blocks)


def _land_area_table(pieces: pd.DataFrame) -> pd.DataFrame:
    """Class areas of the finest cells and of the counties, as sums of pieces."""
    values = ["area_km2", *[c for c in land_classes() if c in pieces], "nodata_km2"]
    levels = []
    for level, key in (("grid", "cell_id"), ("county", "county_id")):
        sums = pieces.groupby(["year", key], sort=False)[values].sum().reset_index().rename(columns={key: "unit_id"})
        sums.insert(1, "level", level)
        levels.append(sums)
    return pd.concat(levels, ignore_index=True).set_index("unit_id")


def accounts_step(context: Context) -> StepOutput:
    """Carbon source, sink and net emission per county and, where there is land cover, per cell of every scale."""
    output = StepOutput()
    if context.spec.land_cover is None:
        output.tables["accounts_county"] = _county_accounts_from_table(context, output)
    else:
        pieces = _piece_accounts(context, output)
        output.tables["accounts_grid"] = grid_accounts(context, pieces, output)
        if context.inputs.counties is not None:
            output.tables["accounts_county"] = county_accounts(context, pieces, output)
            _add_differences(context, output)
    source = output.tables.get("accounts_county", output.tables.get("accounts_grid"))
    assert source is not None
    rows = source if "scale_km" not in source else source[source["scale_km"] == context.spec.grid.base_km]
    for year, part in by_year(rows):
        sums = part[["carbon_source", "carbon_sink", "net_carbon_emission"]].sum()
        output.totals.append({"year": year, "area_km2": float(part["area_km2"].sum()), **{str(k): float(v) for k, v in sums.items()}})
    accounting = context.spec.accounting
    output.choices |= {"sink_mode": accounting.sink_mode, "cropland_mode": accounting.cropland, "coefficients": accounting.coefficients}
    if context.spec.emissions:
        output.choices |= {"emissions_source": context.spec.emissions.source, "allocation": context.spec.emissions.allocation_in_force}
    return output


def _add_differences(context: Context, output: StepOutput) -> None:
    """Where the county table holds an account of its own: how far the one summed from cells is from it, county by county."""
    table = context.inputs.county_table
    both = [q for q in ("carbon_source", "carbon_sink") if table is not None and q in table]
    if table is None or not both:
        return
    found = account_differences(table, pd.DataFrame(output.tables["accounts_county"].drop(columns="geometry")), quantities=both)
    output.tables["account_differences"] = found
    differing = found[found["is_different"]]
    if len(differing):
        n = differing["unit_id"].nunique() if "unit_id" in differing else differing.index.nunique()
        warn(f"The account summed from cells differs from the county table by more than 5 % in {n} counties; see account_differences.")


def _county_accounts_from_table(context: Context, output: StepOutput) -> gpd.GeoDataFrame:
    """County accounts from the county table alone."""
    inputs = context.inputs
    counties, table = inputs.counties, inputs.county_table
    if table is None or counties is None:
        fix = "Give [counties] table with carbon_source_t and carbon_sink_t, or [land_cover]."
        raise refuse("no_account", expected="a county table or land cover", got="neither", where="study.toml", fix=fix)
    needed = [c for c in ("carbon_source", "carbon_sink") if c not in table]
    if needed:
        fix = "Add the columns, or give [land_cover] and [emissions]."
        raise refuse(
            "missing_column", expected=", ".join(f"{c}_t" for c in needed), got="no such column", where="[counties] table", fix=fix
        )
    frame = with_county_columns(table.drop(columns=["area_km2"], errors="ignore"), counties)
    return with_account(frame, frame[["carbon_source", "carbon_sink"]])


def _piece_accounts(context: Context, output: StepOutput) -> pd.DataFrame:
    """The table of pieces with carbon source and sink, and the economy where it is spread."""
    pieces = context.tables["pieces"].copy()
    classes = [c for c in land_classes() if c in pieces]
    spreader = Spreader(pieces, output)
    rasters = rasters_on_pieces(context, pieces, output)
    context.progress(0.1, "economy")
    economy = _beside_accounting(context, "economy on pieces", spreader, lambda own: _economy(context, own))
    context.progress(0.2, "sinks")
    land = land_flows(context, spreader, classes, rasters)
    context.progress(0.4, "sources")
    sources = _beside_accounting(context, "sources on pieces", spreader, lambda own: allocated_sources(context, own, rasters, economy))
    if spreader.reports:
        output.tables["allocation_report"] = pd.concat(spreader.reports)
    _say_cropland_sign(context, pieces, land, sources, output)
    pieces["carbon_sink_landuse_coeff"] = land.sink_by_coefficients
    pieces["carbon_sink"] = land.sink
    pieces["carbon_source"] = sources.main + land.source
    for quantity, values in economy.items():
        pieces[quantity] = values
    _compare(context, pieces, land, sources, output)
    return pieces


def _beside_accounting(context: Context, name: str, spreader: Spreader, spread: Callable[[Spreader], Made]) -> Made:
    """What a change of `[accounting]` cannot alter: spread once, its notes, checks and reports told each time."""

    def make() -> tuple[Made, StepOutput, list[pd.DataFrame]]:
        own = Spreader(spreader.pieces, StepOutput())
        return spread(own), own.output, own.reports

    made, told, reports = context.shared(name, make, needs=("land_area",), of=context.beside_accounting)
    spreader.output.notes += told.notes
    spreader.output.checks += told.checks
    spreader.reports += reports
    return made


def _economy(context: Context, spreader: Spreader) -> dict[str, np.ndarray]:
    """Quantities of ``[economy]`` on the pieces: modelled, and said so."""
    spec, table = context.spec, context.inputs.economy
    if spec.economy is None or table is None:
        return {}
    what = [term(quantity) for quantity in spec.economy.weights]
    en, zh = ", ".join(each.en for each in what), "、".join(each.zh for each in what)
    spreader.output.notes.append({"en": f"Modelled by spreading totals over land: {en}.", "zh": f"按土地分摊总量模拟得到：{zh}。"})
    totals = statistical_totals(context.inputs, spreader.pieces, table, spec.economy.level, "economy")
    found = {}
    for quantity, weights in spec.economy.weights.items():
        by_class = pd.Series(np.asarray(land_weights(spreader.pieces, weights)), index=spreader.pieces.index)
        found[quantity] = spreader.spread(totals, quantity, by_class, allocation="weighted_proxy")
    return found


def _compare(context: Context, pieces: pd.DataFrame, land: LandFlows, sources: Sources, output: StepOutput) -> None:
    """Tables of the second allocation and of the regression on lights, and what a reader must know of the emissions."""
    output.notes += sources.notes
    if sources.regression is not None:
        output.tables["lights_regression"] = sources.regression
    section = context.spec.emissions
    if section is None or section.compare_with is None or sources.compared is None:
        return
    grid = context.spec.grid
    table = allocation_comparison(
        pieces,
        sources.compared + land.source,
        base_km=grid.base_km,
        scales_km=sorted({grid.base_km, *grid.scales_km}),
        allocation=section.allocation_in_force,
        compared_with=section.compare_with,
    )
    output.tables["allocation_comparison"] = table
    moved = moved_shares(table, grid.base_km)
    output.choices["allocation_comparison"] = {"compared_with": section.compare_with, "moved_share": moved}


def _say_cropland_sign(context: Context, pieces: pd.DataFrame, land: LandFlows, sources: Sources, output: StepOutput) -> None:
    """Share of the area whose net emission changes its sign between the study's cropland mode and cropland as a source."""
    mode = context.spec.accounting.cropland
    if mode == "source":
        return
    table = pd.DataFrame(
        {
            "area_km2": pieces["area_km2"].array,
            "own": sources.main + land.source - land.sink,
            "other": sources.main + land.source_by_coefficients - land.sink_by_coefficients,
        }
    )
    cell_of_piece, years = finest_cells(context, pieces)
    cells = table.groupby(cell_of_piece).sum(min_count=1).assign(year=years)
    flips = cells["area_km2"].where(np.sign(cells["own"]) * np.sign(cells["other"]) < 0, 0.0)
    share = flips.groupby(cells["year"]).sum() / cells.groupby("year")["area_km2"].sum()
    output.choices["cropland_sign"] = {"mode": mode, "compared_with": "source", "area_share": {str(y): float(v) for y, v in share.items()}}
    worst = float(share.max())
    output.notes.append(
        {
            "en": f"The sign given to cropland decides the map: with cropland as a source and sinks by coefficients, net emission changes "
            f"its sign on {worst:.0%} of the area.",
            "zh": f"耕地的符号决定净排放图：若耕地计为碳源、碳汇按地类系数核算，{worst:.0%}面积的净排放变号。",
        }
    )
