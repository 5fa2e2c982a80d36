"""Live parts of steps: the tables that a slider changes, with the numbers of the whole step and none of its resampling."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbonshed.scale.chosen import chosen_scale
from carbonshed.study.money_steps import amounts_of_counties
from carbonshed.study.pattern_steps import at_scale, zone_model, zones_and_summary, zoning_accounts
from carbonshed.study.pipeline import Context, StepOutput

LIVE_TABLES = (
    "accounts_grid",
    "accounts_county",
    "zones",
    "zone_summary",
    "compensation",
    "compensation_totals",
    "flows",
    "flow_summary",
    "flow_prices",
)
"""Tables of `carbonshed.study.study.Study.live`."""


def live_zones(context: Context) -> StepOutput:
    """The zones of the side that the rule chooses, without its interval; other numbers of zones are not looked at."""
    accounts = _zoned(context)
    return zones_and_summary(context, zone_model(context.spec, accounts, counts=()), accounts)


def _zoned(context: Context) -> pd.DataFrame:
    """The accounts that are zoned, as `zoning_accounts` finds them once the step `scale` has chosen."""
    spec, tables = context.spec, context.tables
    if "scale_choice" in tables or spec.zoning.level == "county" or not spec.has_grid:
        return zoning_accounts(spec, tables)
    side = chosen_scale(
        at_scale(tables["accounts_grid"], spec.grid.base_km),
        scales_km=sorted({spec.grid.base_km, *spec.grid.scales_km}),
        quantity=spec.scale.quantity,
        rule=spec.scale.rule,
        seed=spec.study.seed,
        permutations=spec.scale.permutations,
        drivers=spec.scale.drivers,
    )
    return at_scale(tables["accounts_grid"], float(spec.grid.base_km) if np.isnan(side) else side)


def live_amounts(context: Context) -> StepOutput:
    """Amounts, sides and priority of the counties, and the sums of both sides; no other forms or presets beside them."""
    return amounts_of_counties(context).output
