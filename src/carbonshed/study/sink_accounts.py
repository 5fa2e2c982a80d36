"""Carbon sinks of pieces by each mode, and what the mode adds to the sources of land."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from carbonshed.accounting.carbon_sinks import carbon_sink, production_flows
from carbonshed.accounting.carbon_sources import direct_source
from carbonshed.accounting.coefficients import load_coefficients
from carbonshed.accounting.crops import crop_uptake, farm_input_source
from carbonshed.quantities import convert
from carbonshed.readers.coefficients import coefficients_from_toml
from carbonshed.study.pipeline import Context
from carbonshed.study.raster_inputs import DENSITY_UNIT
from carbonshed.study.spreading import Spreader, county_column, county_totals

TONNES = {"t": 1.0, "kg": 1e-3, "10^4 t": 1e4}
CROPLAND = {"cropland": "cropland", "land area": "area_km2"}
"""Where a county has no weight, its crops fall back on cropland, then on all its land."""


class LandFlows(NamedTuple):
    """Flows of land on the pieces, t CO2 a-1: the sink of the study, the sink by coefficients, the source of land."""

    sink: np.ndarray
    sink_by_coefficients: np.ndarray
    source: np.ndarray
    source_by_coefficients: np.ndarray


def land_flows(context: Context, spreader: Spreader, classes: list[str], rasters: pd.DataFrame) -> LandFlows:
    """Sink and direct source of the land of each piece by the study's modes, and by coefficients beside them.

    Parameters
    ----------
    context, spreader
        The study; its pieces and their reports.
    classes : list of str
        Land classes among the columns of the pieces.
    rasters : DataFrame
        As from `rasters_on_pieces`.
    """
    land, section = spreader.pieces[classes], context.spec.accounting
    by_coefficients, emitted, source = _by_coefficients(context, land)
    mode = section.sink_mode
    if mode == "landuse_coeff":
        sink = by_coefficients
    elif mode == "table":
        totals = county_column(context.inputs, spreader.pieces, "carbon_sink")
        sink = spreader.spread(totals, "carbon_sink", land.sum(axis=1), allocation="land area")
    elif mode == "crop_uptake":
        crops, inputs = _crops(context, spreader, rasters)
        sink, source = by_coefficients + crops, source + inputs
    elif mode == "nep_model":
        produced, respired = (_production(context, spreader.pieces, land, rasters, key) for key in ("npp", "respiration"))
        gained, lost = production_flows(produced, respired)
        sink, source = gained.to_numpy(), source + lost.to_numpy()
    else:
        produced = _production(context, spreader.pieces, land, rasters, "npp")
        sink = production_flows(produced, alpha=section.alpha if mode == "npp_scaled" else 1.0)[0].to_numpy()
    return LandFlows(sink, by_coefficients, source, emitted)


def _by_coefficients(context: Context, land: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sink and direct source by the coefficients, and the source with the cropland mode of the study: once for scenarios with the same."""

    def make() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        coefficients = study_coefficients(context)
        emitted = direct_source(land, coefficients=coefficients).to_numpy()
        source = direct_source(land, coefficients=coefficients, cropland_mode=mode).to_numpy()
        return carbon_sink(land, coefficients=coefficients).to_numpy(), emitted, source

    mode = context.spec.accounting.cropland
    of = [context.made_from(("coefficients",), ("accounting.coefficients",)), mode]
    return context.shared("land by coefficients", make, needs=("land_area",), of=of)


def study_coefficients(context: Context) -> Any:
    """The coefficient set of the study, named or from its TOML."""
    paths = context.inputs.files.paths.get("coefficients")
    return load_coefficients(coefficients_from_toml(paths[0]) if paths else context.spec.accounting.coefficients)


def _production(
    context: Context, pieces: pd.DataFrame, land: pd.DataFrame, rasters: pd.DataFrame, key: Literal["npp", "respiration"]
) -> pd.Series:
    """NPP or respiration of each piece in t C a-1: from the pixels of a raster, or means times area.

    Class means stand for their classes, the mean of a county for its land without water.
    """
    section = context.spec.accounting
    value = getattr(section, key)
    if section.is_raster(key):
        return pd.Series(rasters[key].to_numpy(), index=pieces.index)
    factor = float(convert(1.0, section.npp_unit if key == "npp" else section.respiration_unit, DENSITY_UNIT))
    if isinstance(value, dict):
        means = {name: mean * factor for name, mean in value.items()}
        return pd.Series(np.asarray(carbon_sink(land, sink_mode="npp_gross", npp=means, carbon_to_co2=1.0)), index=pieces.index)
    mean = _of_county(context, pieces, key) * factor
    produced = pd.Series(
        np.asarray(carbon_sink(land.drop(columns="water"), sink_mode="npp_gross", npp=mean, carbon_to_co2=1.0)), index=pieces.index
    )
    is_all_water = (land["water"] > 0) & (land.drop(columns="water").sum(axis=1) == 0)
    return produced.mask(is_all_water & mean.notna(), 0.0)


def _of_county(context: Context, pieces: pd.DataFrame, column: str) -> pd.Series:
    """A column of the county table on the pieces of each county and year."""
    table = context.inputs.county_extra
    assert table is not None
    keys = pd.MultiIndex.from_arrays([pieces["county_id"], pieces["year"]])
    return pd.Series(table.set_index("year", append=True)[column].reindex(keys).to_numpy(), index=pieces.index)


def _crops(context: Context, spreader: Spreader, rasters: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Uptake of crops and carbon of farm inputs, from the counties' totals spread over cropland (times NPP where a raster is given)."""
    section, table = context.spec.accounting, context.inputs.county_extra
    assert table is not None
    weights = spreader.pieces["cropland"]
    if "npp" in rasters:
        weights = weights * rasters["npp"].fillna(0.0).to_numpy()
    allocation = "cropland x NPP" if "npp" in rasters else "cropland"
    yields = _named(table, "yield ") * TONNES[section.yield_unit]
    parts = [("carbon_sink", "crop uptake", crop_uptake(yields))]
    if section.farm_inputs:
        parts.append(("carbon_source", "farm inputs", farm_input_source(_named(table, "input "))))
    spread = {}
    for quantity, part, total in parts:
        totals = county_totals(spreader.pieces, table[["year"]].assign(**{quantity: np.asarray(total, dtype=float)}))
        spread[part] = spreader.spread(totals, quantity, weights, allocation=allocation, part=part, fallbacks=CROPLAND)
    return spread["crop uptake"], spread.get("farm inputs", np.zeros(len(weights)))


def _named(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """The columns of one kind, under the names of crops or inputs."""
    return table[[c for c in table if str(c).startswith(prefix)]].rename(columns=lambda c: str(c).removeprefix(prefix))
