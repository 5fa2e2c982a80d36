"""Accounts of the pieces summed to the cells of every side and to the counties.

What `[accounting]` does not touch (areas, classes, the economy, ids, shapes) is summed once for scenarios that agree on it; the carbon
flows are summed each time. Sums of a column do not depend on the columns beside it, so that both give the same bytes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.accounting.account import carbon_account
from carbonshed.spatial.cell_ids import coarse_ids
from carbonshed.spatial.grid import Grid
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.study.spreading import checked

TEXT_COLUMNS = ("name", "city", "province", "is_district", "basin")
FLOWS = ("carbon_sink_landuse_coeff", "carbon_sink", "carbon_source")
"""Columns of the pieces that hang on the modes and coefficients of `[accounting]`."""

Codes = NDArray[np.integer[Any]]


class _Places(NamedTuple):
    """Cells of one side, years and ids rising: the year of each, and the place among them of each finest cell and year."""

    year: NDArray[Any]
    block_of_cell: Codes


class _CellsOfSides(NamedTuple):
    """What hangs on the pieces and sides alone: the finest cell and year of each piece, cells of each side, ids and shapes of all."""

    cell_of_piece: Codes
    places: list[_Places]
    unit_id: pd.Index
    geometry: Any


def grid_accounts(context: Context, pieces: pd.DataFrame, output: StepOutput) -> gpd.GeoDataFrame:
    """Accounts of the cells of every scale: the finest cells are sums of pieces, coarser cells sums of cells."""
    where, scales = _where(context, pieces), _scales(context)
    still = context.shared(
        "cells beside their flows", lambda: _still_cells(context, pieces, where), needs=("land_area",), of=context.beside_accounting
    )
    flows = _sums_of_sides(pieces[list(FLOWS)], where)
    years = pieces["year"].nunique()
    level = np.repeat(np.arange(len(scales)), [places.year.size for places in where.places])
    group = level * years + np.unique(still["year"], return_inverse=True)[1]
    _check_sums(output, [f"cells of {side:g} km" for side in scales], pieces, flows, group)
    return with_account(still, flows)


def finest_cells(context: Context, pieces: pd.DataFrame) -> tuple[Codes, NDArray[Any]]:
    """The finest cell and year of each piece as a place in the order of years and ids, and the year of each place."""
    where = _where(context, pieces)
    finest = where.places[0]
    return finest.block_of_cell[where.cell_of_piece], finest.year


def _where(context: Context, pieces: pd.DataFrame) -> _CellsOfSides:
    of = [context.spec.grid.base_km, _scales(context)]
    return context.shared("cells of all sides", lambda: _cells_of_sides(context, pieces), needs=("land_area",), of=of)


def _scales(context: Context) -> list[float]:
    return sorted({context.spec.grid.base_km, *context.spec.grid.scales_km})


def _cells_of_sides(context: Context, pieces: pd.DataFrame) -> _CellsOfSides:
    base_km, inputs = context.spec.grid.base_km, context.inputs
    keys = pieces[["year", "cell_id"]]
    cell_of_piece = keys.groupby(["year", "cell_id"], sort=False).ngroup().to_numpy()
    cells = keys[~pd.Index(cell_of_piece).duplicated()].reset_index(drop=True)
    grid = Grid.over(inputs.land_units, side_km=base_km, crs=inputs.crs)
    known, places, ids, shapes = cells["cell_id"].unique(), [], [], []
    for side in _scales(context):
        k = round(side / base_km)
        of_cell = pd.Series(coarse_ids(known, k), index=known)
        groups = cells.assign(unit_id=cells["cell_id"].map(of_cell)).groupby(["year", "unit_id"], sort=True)
        found = groups.size().index.to_frame(index=False).set_index("unit_id")
        places.append(_Places(found["year"].to_numpy(), groups.ngroup().to_numpy()))
        ids.append(found.index)
        shapes.append(grid.coarsen(k).to_frame().geometry.reindex(found.index))
    return _CellsOfSides(cell_of_piece, places, ids[0].append(ids[1:]), pd.concat(shapes).array)


def _still_cells(context: Context, pieces: pd.DataFrame, where: _CellsOfSides) -> gpd.GeoDataFrame:
    """The cells of all sides without what `FLOWS` hold, whose columns are there."""
    sums = _sums_of_sides(pieces[[c for c in _summed_columns(pieces) if c not in FLOWS]], where)
    sides = np.repeat(_scales(context), [each.year.size for each in where.places])
    frame = sums.reindex(columns=_summed_columns(pieces)).assign(scale_km=sides, inside_share=sums["area_km2"] / sides**2)
    frame.insert(0, "year", np.concatenate([each.year for each in where.places]))
    return gpd.GeoDataFrame(frame.set_axis(where.unit_id, axis=0), geometry=where.geometry, crs=context.inputs.crs)


def _sums_of_sides(columns: pd.DataFrame, where: _CellsOfSides) -> pd.DataFrame:
    """Columns of the pieces as sums over the cells of each side, one side below the other."""
    cells = columns.groupby(where.cell_of_piece, sort=False).sum(min_count=1)
    sums = [cells.groupby(places.block_of_cell, sort=True).sum(min_count=1) for places in where.places]
    return pd.concat(sums, ignore_index=True)


class _Counties(NamedTuple):
    """The counties of each year beside their flows, and the row of each piece among them (-1: none)."""

    frame: gpd.GeoDataFrame
    row_of_piece: Codes


def county_accounts(context: Context, pieces: pd.DataFrame, output: StepOutput) -> gpd.GeoDataFrame:
    """Accounts of the counties as sums of pieces, with what the county table holds beside them."""
    still = context.shared(
        "counties beside their flows", lambda: _still_counties(context, pieces), needs=("land_area",), of=context.beside_accounting
    )
    sums = pieces[list(FLOWS)].groupby(still.row_of_piece).sum(min_count=1)
    flows = sums.reindex(np.arange(len(still.frame)))
    _check_sums(output, ["counties"], pieces, flows, still.frame["year"].to_numpy())
    return with_account(still.frame, flows)


def _still_counties(context: Context, pieces: pd.DataFrame) -> _Counties:
    counties, table = context.inputs.counties, context.inputs.county_table
    assert counties is not None
    values = [c for c in _summed_columns(pieces) if c != "area_km2"]
    still = pieces.assign(**dict.fromkeys(FLOWS, np.nan))
    sums = still.groupby(["county_id", "year"])[values].sum(min_count=1).rename_axis(index={"county_id": "unit_id"}).reset_index("year")
    if table is not None:
        extra = [c for c in table if c not in sums and c not in ("carbon_source", "carbon_sink", "area_km2", *TEXT_COLUMNS)]
        sums = sums.set_index("year", append=True).join(table.set_index("year", append=True)[extra]).reset_index("year")
    frame = with_county_columns(sums, counties)
    rows = pd.MultiIndex.from_arrays([frame.index, frame["year"]])
    return _Counties(frame, rows.get_indexer(pd.MultiIndex.from_arrays([pieces["county_id"], pieces["year"]])))


def with_county_columns(table: pd.DataFrame, counties: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The table in the order of years and counties, with the counties' names, areas and geometry."""
    order = pd.MultiIndex.from_product([sorted(table["year"].unique()), counties.index], names=["year", "unit_id"])
    panel = table.set_index("year", append=True).swaplevel().reindex(order).reset_index("year")
    columns = [c for c in (*TEXT_COLUMNS, "area_km2") if c in counties]
    for column in [c for c in columns if c in panel]:
        panel = panel.drop(columns=column)
    frame = panel.join(counties[[*columns, "geometry"]])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=counties.crs)


def with_account(frame: gpd.GeoDataFrame, flows: pd.DataFrame) -> gpd.GeoDataFrame:
    """The frame with the account of these flows (in its rows), columns in the order of the contract."""
    flows = flows.set_axis(frame.index, axis=0)
    account = carbon_account(flows["carbon_source"], flows["carbon_sink"])
    first = ["year", *[c for c in ("scale_km", *TEXT_COLUMNS, "area_km2") if c in frame]]
    rest = [c for c in frame if c not in {*first, *account, "geometry"}]
    columns = {c: flows[c].array if c in flows else frame[c].array for c in [*first, *rest]}
    ordered = {c: columns[c] for c in first} | {c: account[c].array for c in account} | {c: columns[c] for c in rest}
    shapes = gpd.GeoSeries(frame.geometry.array.copy(), index=frame.index, crs=frame.crs)
    return gpd.GeoDataFrame(pd.DataFrame(ordered | {"geometry": shapes}, index=frame.index, copy=False), geometry="geometry")


def _summed_columns(pieces: pd.DataFrame) -> list[str]:
    return [str(c) for c in pieces if c not in ("year", "cell_id", "county_id")]


def _check_sums(output: StepOutput, levels: list[str], pieces: pd.DataFrame, flows: pd.DataFrame, group: Codes) -> None:
    """Source and sink of the pieces of each year are those of each level; `group` rises by level, then by year."""
    quantities = ["carbon_source", "carbon_sink"]
    before = pieces.groupby("year")[quantities].sum()
    after = flows.groupby(group)[quantities].sum().to_numpy().reshape(len(levels), len(before), 2)
    for what, sums in zip(levels, after, strict=True):
        for column, quantity in enumerate(quantities):
            for year, given, found in zip(before.index, before[quantity], sums[:, column], strict=True):
                row = {"what": f"{quantity}: pieces = {what} [t CO2 a-1]", "year": year}
                output.checks.append(checked(row, given, float(found)))
