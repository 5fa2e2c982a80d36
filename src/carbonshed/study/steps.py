"""The chain: its steps in order. To see what a step does, open the function it names."""

from __future__ import annotations

from carbonshed.study.change_steps import change_step, has_change
from carbonshed.study.config import Spec
from carbonshed.study.land_steps import accounts_step, land_area_step
from carbonshed.study.live_steps import live_amounts, live_zones
from carbonshed.study.money_steps import compensation_step, flows_step
from carbonshed.study.pattern_steps import centre_step, scale_step, statistics_step, zones_step
from carbonshed.study.pipeline import Step
from carbonshed.study.worth_steps import has_worth, worth_step


def has_grid(spec: Spec) -> bool:
    """There is land cover, so there are cells."""
    return spec.land_cover is not None


def has_counties(spec: Spec) -> bool:
    """There are counties, so there is money."""
    return spec.counties is not None


LAND = ("counties", "region", "land_cover", "legend")

STEPS: tuple[Step, ...] = (
    Step(
        "land_area",
        land_area_step,
        reads=("study.years", "study.crs", "counties", "region", "land_cover", "grid.base_km"),
        files=LAND,
        when=has_grid,
        live=land_area_step,
    ),
    Step(
        "accounts",
        accounts_step,
        live=accounts_step,
        needs=("land_area",),
        reads=("study.years", "study.crs", "counties", "accounting", "emissions", "economy", "grid"),
        files=("counties", "region", "county_table", "crosswalk", "emissions", "economy", "coefficients"),
    ),
    Step("scale", scale_step, needs=("accounts",), reads=("scale", "grid", "study.seed"), when=has_grid),
    Step(
        "zones",
        zones_step,
        needs=("accounts", "scale"),
        reads=("zoning", "scale.quantity", "study.seed"),
        files=("policy", "mfz_types"),
        live=live_zones,
    ),
    Step("worth", worth_step, needs=("accounts", "scale", "zones"), reads=("zoning", "grid", "study.seed"), when=has_worth),
    Step("compensation", compensation_step, needs=("accounts",), reads=("compensation",), when=has_counties, live=live_amounts),
    Step(
        "flows",
        flows_step,
        needs=("accounts", "compensation"),
        reads=("compensation",),
        files=("flow_cost",),
        when=has_counties,
        live=flows_step,
    ),
    Step("statistics", statistics_step, needs=("accounts", "scale", "compensation"), reads=("study.seed", "scale.quantity")),
    Step(
        "change",
        change_step,
        # it reads the carbon rows of `statistics`, which depend on these alone: a price does not touch it
        needs=("land_area", "accounts", "scale"),
        reads=("study.years", "study.seed", "zoning.level", "scale.quantity", "accounting.coefficients", "land_cover"),
        files=(*LAND, "coefficients"),
        when=has_change,
    ),
    Step("centre", centre_step, needs=("accounts", "compensation"), reads=("grid.base_km", "study.years", "study.seed")),
)

STEP_NAMES = tuple(step.name for step in STEPS)
