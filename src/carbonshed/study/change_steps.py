"""Step on change over the years: trends, peaks, hot spots that come and go, class transitions, concentration, land transfers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

from carbonshed.accounting.land_change import change_effect, change_noise, class_changes
from carbonshed.readers.land_change import tabulate_land_change
from carbonshed.spatial.concentration import concentration
from carbonshed.spatial.space_time import hot_spot_change, peak_year, trends
from carbonshed.spatial.transitions import class_transitions
from carbonshed.study.config import Spec
from carbonshed.study.pattern_steps import CARBON, MIN_INSIDE, zoning_accounts
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.study.sink_accounts import study_coefficients

LEAST_YEARS_OF_A_TREND = 3
BASES = ("area_km2", "population", "gdp_yuan")


def has_change(spec: Spec) -> bool:
    """There are at least two years."""
    return len(spec.study.years) > 1


def change_step(context: Context) -> StepOutput:
    """What rose, fell, moved and changed class between the years of the study."""
    spec, tables = context.spec, context.tables
    cells = zoning_accounts(spec, tables)
    if "inside_share" in cells:
        cells = cells[cells["inside_share"] >= MIN_INSIDE]
    whole = tables.get("accounts_county", cells)
    output = StepOutput()
    context.progress(0.1, "trends and peaks")
    if len(spec.study.years) >= LEAST_YEARS_OF_A_TREND:
        output.tables["trends"] = _per_quantity(lambda q: trends(cells, q))
        output.tables["peak_year"] = _per_quantity(lambda q: peak_year(whole, q, seed=spec.study.seed).reset_index())
    context.progress(0.3, "hot spots and classes")
    local = tables["spatial_statistics"]
    rows = {q: local[(local["quantity"] == q) & local.index.isin(cells.index)] for q in CARBON}
    output.tables["hot_spot_change"] = _per_quantity(lambda q: hot_spot_change(rows[q]))
    output.tables["lisa_transitions"] = _per_quantity(lambda q: class_transitions(rows[q]))
    bases = [base for base in BASES if base in whole and (whole[base] > 0).all()]
    groups = "province" if "province" in whole else None
    one_sided = CARBON[:2]
    output.tables["concentration"] = _per_quantity(lambda q: concentration(whole, q, bases=bases, groups=groups), one_sided)
    if spec.land_cover is not None:
        _add_land_change(context, output)
    return output


def _per_quantity(table: Any, quantities: tuple[str, ...] = CARBON) -> pd.DataFrame:
    """The table of each quantity, one below the other, with a column that says which."""
    parts = []
    for quantity in quantities:
        part = table(quantity)
        part.attrs = {}
        part.insert(0, "quantity", quantity)
        parts.append(part)
    result = pd.concat(parts)
    return result if result.index.name == "unit_id" else result.reset_index(drop=True)


def _add_land_change(context: Context, output: StepOutput) -> None:
    """Transfer matrix of each period with its carbon effect, gains and losses of classes, and signs of noise."""
    spec, inputs = context.spec, context.inputs
    assert spec.land_cover is not None
    product = str(inputs.files.paths["legend"][0]) if "legend" in inputs.files.paths else spec.land_cover.product
    change = tabulate_land_change(
        inputs.files.years,
        inputs.land_units,
        legend=product,
        coverage=spec.land_cover.coverage,
        bands=spec.land_cover.band,
        min_coverage=spec.land_cover.min_coverage,
        progress=lambda fraction, message: context.progress(0.5 + 0.4 * fraction, message),
        run_tasks=context.run_tasks,
    )
    region = change.sum("unit_id", keep_attrs=True)
    effect = change_effect(region, coefficients=study_coefficients(context))
    table = _long(region, "area_km2").merge(_long(effect, "change_effect"))
    output.tables["land_transfers"] = table[table["area_km2"] > 0].reset_index(drop=True)
    output.tables["land_changes"] = class_changes(change).reset_index(drop=True)
    noise = change_noise(change).reset_index(drop=True)
    output.tables["land_change_noise"] = noise
    for period in noise.loc[noise["is_noisy"], "period"]:
        output.notes.append(
            {
                "en": f"Land change {period}: classes that last (built-up land) lose more than 5 % of their area, so part of the change is "
                "error of classification.",
                "zh": f"{period} 土地变化：本应稳定的建设用地损失超过5%，说明部分变化是分类误差。",
            }
        )


def _long(area: xr.DataArray, name: str) -> pd.DataFrame:
    return area.rename(name).to_series().reset_index()
