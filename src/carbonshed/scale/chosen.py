"""The chosen side alone: what `scale_interval` answers, without the interval, the other indicators and the other origins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from carbonshed.checks import choose
from carbonshed.scale.blocks import Base, BaseYear, side_factors
from carbonshed.scale.choose import check_permutations, check_rule_columns
from carbonshed.scale.indicators import Settings, SharedPlaces, global_moran, make_side, variation
from carbonshed.scale.interval import CERTAIN_Z
from carbonshed.scale.response import Plan, as_table, make_plan, read_plan, year_rows
from carbonshed.scale.rules import RULES, columns_of, make_rule, panel_of

ALONE = ("moran_cv", "moran_max")
"""Rules that see Moran's I, its p and CV, which the cells of a side give by themselves."""


def chosen_scale(
    accounts: pd.DataFrame,
    *,
    scales_km: Iterable[float],
    quantity: str,
    rule: str = "moran_cv",
    seed: int = 0,
    permutations: int = 999,
    drivers: Sequence[str] | Mapping[str, str] = (),
) -> float:
    """The side in km that `scale_interval` chooses for the same arguments, NaN where it chooses none; some ten times sooner.

    Only the grids that begin at the datum are looked at, and no permutations are drawn where ``z > 15``: p < 0.01 is certain there, and
    a rule asks no more of p.

    Parameters
    ----------
    accounts, scales_km, quantity, rule, seed, permutations, drivers
        As in `carbonshed.scale.interval.scale_interval`.

    Raises
    ------
    InputError
        As in `scale_interval`.

    Examples
    --------
    >>> import numpy as np
    >>> hill = np.add.outer(np.arange(36.0), np.arange(36.0))
    >>> ids = [f"g1:R{r:03d}C{c:03d}" for r in range(36) for c in range(36)]
    >>> cells = pd.DataFrame({"area_km2": 1.0, "carbon_sink": hill.ravel() + 99}, index=ids)
    >>> chosen_scale(cells, scales_km=[2, 3, 6], quantity="carbon_sink", rule="moran_max")
    2.0
    """
    choose(rule, RULES, where="rule")
    check_permutations(rule, permutations)
    plan = make_plan(accounts, quantity, Settings(permutations, seed, certain_z=CERTAIN_Z), drivers)
    base = read_plan(accounts, plan)
    factors = side_factors(scales_km, base.side_km)
    shared = SharedPlaces()
    rows_of = _alone if rule in ALONE else _whole
    response = as_table([row for year in base.years for row in rows_of(base, year, factors, plan, shared)], True)
    columns = columns_of(rule, response.columns)
    check_rule_columns(response, rule, columns)
    panel = panel_of(response, columns)
    position = make_rule(rule)(panel.curves()).position
    return float("nan") if position is None else float(panel.scales[position])


def _whole(base: Base, year: BaseYear, factors: Mapping[float, int], plan: Plan, shared: SharedPlaces) -> list[dict[str, Any]]:
    return year_rows(base, year, factors, (0, 0), plan, {}, shared)


def _alone(base: Base, year: BaseYear, factors: Mapping[float, int], plan: Plan, shared: SharedPlaces) -> list[dict[str, Any]]:
    """Moran's I, its p and CV of each side, as `carbonshed.scale.indicators.side_indicators` gives them."""
    rows, settings, nan = [], plan.settings, float("nan")
    for scale, k in factors.items():
        side = make_side(year, scale, k, (0, 0), settings.min_inside, shared=shared)
        row = {"year": year.year, "scale_km": scale, "quantity": plan.quantity, "moran_i": nan, "moran_p": nan, "cv": nan}
        if side.is_defined:
            moran = global_moran(side, settings)
            row |= {"moran_i": moran.moran_i, "moran_p": moran.p, "cv": variation(side, is_net=plan.quantity == "net_carbon_emission")}
        rows.append(row)
    return rows
