"""Settings of a study that can only be judged beside its data: prices, coefficient sets, ids, columns that a mode needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import geopandas as gpd

from carbonshed import registry
from carbonshed.accounting.coefficients import load_coefficients
from carbonshed.checks import InputError, Problem, examples, nearest, refuse
from carbonshed.compensation.presets import preset
from carbonshed.compensation.price import Price, carbon_price
from carbonshed.compensation.revise import check_options
from carbonshed.readers.coefficients import coefficients_from_toml
from carbonshed.study.config import Spec

PRESET_ONLY = ("name", "purpose", "price", "flow_cost", "flow_solver", "payer_order", "centre_quantities")
NEEDED_COLUMN = {"exclude": ["is_district"], "merge_by_city": ["is_district", "city"], "separate": []}


def preset_settings(name: str) -> dict[str, Any]:
    """What a preset sets of the revision, the amounts and the districts."""
    chosen = {key: value for key, value in vars(preset(name)).items() if key not in PRESET_ONLY}
    return {**chosen, "weights": None if chosen["weights"] is None else dict(chosen["weights"])}


def compensation_settings(spec: Spec) -> dict[str, Any]:
    """The preset with the study's own keys over it."""
    base = preset_settings(spec.compensation.preset)
    own = spec.compensation.model_dump(
        exclude={"preset", "price", "leave_out", "flow_cost", "flow_solver", "responsibility", "beta"}, exclude_none=True
    )
    if "revision" in own and "weights" not in own:
        base["weights"] = None  # the preset's weights belong to the preset's form
    chosen = {**base, **own}
    return {**chosen, "weights": None if chosen["weights"] is None else dict(chosen["weights"])}


def price_path(spec: Spec) -> dict[int, Price]:
    """The price of each year of the study; one price serves all years.

    Raises
    ------
    InputError
        If a name is not known, or a path over time leaves a year of the study out.
    """
    given = spec.compensation.price
    if not isinstance(given, dict):
        return dict.fromkeys(spec.study.years, carbon_price(given))
    missing = [year for year in spec.study.years if year not in given]
    if missing:
        fix = "Add these years to the path, or give one price for all."
        raise refuse(
            "price_year", expected="a price for each year of the study", got=f"none for {missing}", where="[compensation] price", fix=fix
        )
    return {year: carbon_price(given[year]) for year in spec.study.years}


NEEDED_BY_ABILITY = {
    "gdp_per_head": ("gdp_yuan", "population"),
    "pearl": ("engel_coefficient",),
    "pearl_relative": ("engel_coefficient", "population"),
    "capacity": ("fiscal_revenue_yuan",),
}
NEEDED_BY_WEIGHT = {"population": "population", "gdp": "gdp_yuan"}


def money_problems(spec: Spec, columns: Collection[str]) -> list[Problem]:
    """Columns that the ability to pay or the revision needs, but that neither the county table nor ``[economy]`` gives."""
    chosen = compensation_settings(spec)
    weights = {name: weight for name, weight in (chosen["weights"] or {}).items() if weight and chosen["revision"] != "none"}
    wanted = dict.fromkeys(NEEDED_BY_ABILITY.get(chosen["ability"], ()), f"ability = {chosen['ability']!r}")
    wanted |= {NEEDED_BY_WEIGHT[name]: f"revision = {chosen['revision']!r}" for name in weights if name in NEEDED_BY_WEIGHT}
    fix = "Give the column in [counties] table or by [economy], or choose another ability (such as 'one') or revision."
    return [
        Problem("missing_column", f"{column} of the counties", "no such column", f"[compensation] {reason}", fix)
        for column, reason in wanted.items()
        if column not in columns
    ]


def settings_problems(spec: Spec, counties: gpd.GeoDataFrame | None, coefficients_file: Any = None) -> list[Problem]:
    """Every setting that does not fit the data or names something that is not known."""
    problems: list[Problem] = []
    if spec.land_cover is not None:
        named = spec.accounting.coefficients
        _collect(problems, lambda: load_coefficients(coefficients_from_toml(coefficients_file) if coefficients_file else named))
    if isinstance(spec.zoning.features, list):
        for name in spec.zoning.features:
            _collect(problems, lambda name=name: registry.term(name))  # type: ignore[misc]
    if counties is not None:
        found: list[Problem] = []
        _collect(found, lambda: price_path(spec))
        _collect(found, lambda: _checked_revision(spec))
        problems += [p if p.where.startswith("[") else replace(p, where=f"[compensation] {p.where}") for p in found]
        problems += _county_problems(spec, counties)
    return problems


def _county_problems(spec: Spec, counties: gpd.GeoDataFrame) -> list[Problem]:
    problems = []
    unknown = [each for each in spec.compensation.leave_out if each not in counties.index]
    if unknown:
        near = nearest(unknown[0], counties.index)
        fix = f"Did you mean {near!r}?" if near else "Use ids of the counties."
        problems.append(Problem("unknown_id", "ids of counties", examples(unknown), "[compensation] leave_out", fix))
    mode = compensation_settings(spec)["district_mode"]
    for column in (c for c in NEEDED_COLUMN[mode] if c not in counties):
        fix = f"Set [counties] {column} = the column that says so, or district_mode = 'separate'."
        problems.append(Problem("missing_column", f"counties with {column}", "no such column", f"district_mode = {mode!r}", fix))
    return problems


def _checked_revision(spec: Spec) -> object:
    """The revision's form and weights, if they can be used."""
    chosen = compensation_settings(spec)
    return check_options(chosen["revision"], chosen["weights"], chosen["floor_quantile"])


def _collect(problems: list[Problem], attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except InputError as error:
        problems += error.problems
