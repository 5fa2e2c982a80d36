"""Steps on money: county account, revision, amounts, priority, balance, direction, flows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import DataWarning, in_file, refuse, warn
from carbonshed.compensation.amounts import amount_summary, amounts_at, institution_rows
from carbonshed.compensation.direction import compensation_direction, direction_checks
from carbonshed.compensation.districts import apply_district_mode
from carbonshed.compensation.fairness import compare_shortfall_rules, fairness
from carbonshed.compensation.feasibility import cap_gap, feasibility_problems
from carbonshed.compensation.flow_cost import places
from carbonshed.compensation.flows import flow_summary, solve_flows
from carbonshed.compensation.form_properties import form_properties
from carbonshed.compensation.panel import INSTITUTIONS, counties_of, rows_by_year, with_columns
from carbonshed.compensation.place_pairs import cost_follows_from_places
from carbonshed.compensation.presets import PRESETS
from carbonshed.compensation.price import Price
from carbonshed.compensation.priority import balance, balance_summary, compensation_priority, priority_stability
from carbonshed.compensation.responsibility import compare_responsibility, responsible_account
from carbonshed.compensation.revise import FORMS, revise_account
from carbonshed.readers.cost_matrix import cost_matrix
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.study.settings import compensation_settings, preset_settings, price_path

Made = TypeVar("Made")

MONEY_COLUMNS = ("gdp_yuan", "population", "fiscal_revenue_yuan", "engel_coefficient")
"""What amounts and their direction are made from, beside deficits."""

MOST_PAIRS = 25_000_000
"""Pairs of a payer and a recipient in one year where a matrix of all costs is needed: 200 MB for each matrix of costs and distances."""


def compensated_counties(context: Context) -> gpd.GeoDataFrame:
    """County accounts of the counties that take part: without those left out, districts treated by the mode of the study."""
    spec = context.spec.compensation
    mode = compensation_settings(context.spec)["district_mode"]

    def make() -> gpd.GeoDataFrame:
        accounts = context.tables["accounts_county"]
        counties = apply_district_mode(accounts[~accounts.index.isin(spec.leave_out)], district_mode=mode)
        if counties.empty:
            raise refuse(
                "no_county",
                expected="at least one county that takes part",
                got="none: all are municipal districts or left out",
                where=f"[compensation] district_mode = {mode!r}, leave_out",
                fix="Use district_mode = 'separate' or 'merge_by_city', or leave fewer counties out.",
            )
        if spec.responsibility == "production":
            return counties
        return responsible_account(counties, responsibility=spec.responsibility, beta=spec.beta)

    made_from = [sorted(spec.leave_out), mode, spec.responsibility, spec.beta]
    return context.shared("compensated counties", make, needs=("accounts",), of=made_from)


def once_per_county(context: Context, name: str, money: gpd.GeoDataFrame, make: Callable[[gpd.GeoDataFrame], Made]) -> Made:
    """What hangs on the shapes of the counties that take part, of one row a county: made once for scenarios that do not change them."""
    mode = compensation_settings(context.spec)["district_mode"]
    made_from = [context.shapes_from, mode, sorted(context.spec.compensation.leave_out)]
    return context.shared(name, lambda: make(_one_row_each(money)), needs=(), of=made_from)


def _one_row_each(money: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return money[~money.index.duplicated() & ~money.index.isin(INSTITUTIONS)]


def compensation_step(context: Context) -> StepOutput:
    """Account, revision, price, ability, cap, closure, priority; balance B_N; direction by province and city."""
    spec, chosen = context.spec, compensation_settings(context.spec)
    money = amounts_of_counties(context)
    output, counties, ranked, prices = money.output, money.counties, money.ranked, money.prices
    table = output.tables["compensation"]
    output.tables.update(
        {
            "balance": balance(ranked),
            "balance_summary": balance_summary(ranked),
            "direction": _direction(ranked),
            "revision_properties": _properties_of_all_forms(context, counties, chosen),
            "direction_by_form": _direction_of_all_forms(context, counties, prices, chosen),
            "direction_by_preset": _direction_of_presets(context, prices),
        }
    )
    if len(spec.study.years) > 1:
        output.tables["priority_stability"] = priority_stability(ranked)
    if "province" in ranked and "population" in ranked:
        output.choices["direction"] = [asdict(check) for check in direction_checks(ranked, by="province")]
    _add_fairness(output, table, counties)
    if {"carbon_source_consumption", "province", "population"} <= set(counties):
        produced = counties.assign(carbon_source=counties.get("carbon_source_production", counties["carbon_source"]))
        beta = spec.compensation.beta
        output.tables["responsibility_comparison"] = compare_responsibility(
            produced, lambda a: _amounts(_revise(a, chosen), prices, chosen), beta=beta
        )
    return output


class MoneyOfCounties(NamedTuple):
    """The table of amounts as a step's output, and what it was made from: counties without shapes, their ranked amounts, the prices."""

    output: StepOutput
    counties: pd.DataFrame
    ranked: pd.DataFrame
    prices: dict[int, Price]


def amounts_of_counties(context: Context) -> MoneyOfCounties:
    """Account, revision, price, ability, cap, closure and priority of the counties that take part, and the sums of both sides."""
    spec, chosen = context.spec, compensation_settings(context.spec)
    shapes = compensated_counties(context).sort_values("year", kind="stable")
    counties = pd.DataFrame(shapes.drop(columns="geometry"))
    if "gdp_yuan" not in counties:
        counties["gdp_yuan"] = np.nan
    prices = price_path(spec)
    context.progress(0.1, "revision and amounts")
    amounts = _amounts(_revised(context, counties, chosen), prices, chosen)
    for problem in feasibility_problems(amounts, closure=chosen["closure"]):
        warn(str(problem))
    context.progress(0.5, "priority")
    ranked = compensation_priority(amounts)
    table = pd.concat([ranked, institution_rows(amounts, closure=chosen["closure"])])
    places = [*shapes.geometry, *[None] * (len(table) - len(ranked))]  # years rise in both
    compensation = gpd.GeoDataFrame(table, geometry=places, crs=shapes.crs)
    totals = amount_summary(amounts, closure=chosen["closure"])
    output = StepOutput(tables={"compensation": compensation, "compensation_totals": totals})
    _money_totals(output, table, chosen["closure"])
    record = {key: value for key, value in chosen.items() if value is not None}
    last = prices[spec.study.years[-1]]
    output.choices |= {"preset": spec.compensation.preset, **record, "price": asdict(last), "p_convention": "two_sided"}
    output.choices |= {"responsibility": spec.compensation.responsibility, "price_path": {y: p.value for y, p in prices.items()}}
    return MoneyOfCounties(output, counties, ranked, prices)


def _add_fairness(output: StepOutput, table: pd.DataFrame, counties: pd.DataFrame) -> None:
    """Inequality before and after, and the rules for dividing less than is claimed, where the data allow."""
    output.tables["shortfall_rules"] = compare_shortfall_rules(table)
    bases = [base for base in ("gdp_yuan", "fiscal_revenue_yuan") if base in counties and (counties[base] > 0).any()]
    if "population" in counties and bases:
        output.tables["fairness"] = fairness(table, by="province" if "province" in table else None, bases=bases)
    if "fiscal_revenue_yuan" in bases:
        output.tables["cap_gap"] = cap_gap(counties_of(table))


def _form(chosen: dict[str, Any]) -> dict[str, Any]:
    return {"form": chosen["revision"], "weights": chosen["weights"], "floor_quantile": chosen["floor_quantile"]}


def _made_from(context: Context, chosen: dict[str, Any]) -> dict[str, Any]:
    """What a revised account depends on beside the accounts; prices, ability, cap and closure are not among it."""
    spec = context.spec.compensation
    who = {"leave_out": sorted(spec.leave_out), "responsibility": spec.responsibility, "beta": spec.beta}
    return {**who, "district_mode": chosen["district_mode"], "rescale": chosen["rescale"], **_form(chosen)}


def _revise(counties: pd.DataFrame, chosen: dict[str, Any]) -> pd.DataFrame:
    return revise_account(counties, rescale=chosen["rescale"], **_form(chosen))


def _revised(context: Context, counties: pd.DataFrame, chosen: dict[str, Any]) -> pd.DataFrame:
    """Revised deficits of the counties that take part."""
    return context.shared("revised", lambda: _revise(counties, chosen), needs=("accounts",), of=_made_from(context, chosen))


def _amounts(revised: pd.DataFrame, prices: dict[int, Price], chosen: dict[str, Any]) -> pd.DataFrame:
    """The amounts that follow from revised deficits, by rising years, each at its price (column `carbon_price`)."""
    if not revised["year"].is_monotonic_increasing:
        revised = revised.sort_values("year", kind="stable")
    price = np.array([prices[year].value for year in revised["year"]], dtype=np.float64)
    return amounts_at(with_columns(revised, {"carbon_price": price}), price, **_money_settings(chosen))


def _money_settings(chosen: dict[str, Any]) -> dict[str, Any]:
    """What the amounts depend on beside deficits and prices."""
    return {key: chosen[key] for key in ("ability", "closure", "shortfall", "overflow")} | {"fiscal_cap": chosen["fiscal_cap"] or None}


def _settings_of(form: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """The settings of the run with another form of the revision."""
    weights = chosen["weights"] if FORMS[form].is_weighted else None
    return {**chosen, "revision": form, "weights": weights}


def _forms_known(counties: pd.DataFrame) -> list[str]:
    """The forms of the revision that the data allow."""
    columns = {"population": "population", "gdp": "gdp_yuan"}
    known = {"area", *(size for size, column in columns.items() if column in counties and (counties[column] > 0).any())}
    return [name for name, shape in FORMS.items() if set(shape.sizes) <= known]


def _properties_of_all_forms(context: Context, counties: pd.DataFrame, chosen: dict[str, Any]) -> pd.DataFrame:
    """What each form of the revision does to these data."""

    def make() -> pd.DataFrame:
        parts = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # said for the form of the run
            for form in _forms_known(counties):
                found = form_properties(counties, **_form(_settings_of(form, chosen)))
                parts.append(found.assign(form=form, chosen=form == chosen["revision"]))
        return pd.concat(parts, ignore_index=True)

    return context.shared("form properties", make, needs=("accounts",), of=_made_from(context, chosen))


def _direction_of_all_forms(context: Context, counties: pd.DataFrame, prices: dict[int, Price], chosen: dict[str, Any]) -> pd.DataFrame:
    """Net payers and recipients by province under each form, all else as in the run; the form of the run is marked as `chosen`."""
    if not {"province", "population"} <= set(counties):
        return pd.DataFrame({"form": [], "year": [], "province": []})
    forms, years = _forms_known(counties), sorted(prices)

    def make() -> pd.DataFrame:
        kept = ["year", "province", "revised_deficit", *(column for column in MONEY_COLUMNS if column in counties)]
        parts = [_revised(context, counties, _settings_of(form, chosen))[kept] for form in forms]
        return pd.concat([part.assign(year=_turn(place, years, part["year"])) for place, part in enumerate(parts)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said for the form of the run
        revised = context.shared("revised by all forms", make, needs=("accounts",), of=[_made_from(context, chosen), years])
        at = {year: prices[year].value for year in years}
        price = np.array([at[years[turn % len(years)]] for turn in revised["year"]])
        table = compensation_direction(amounts_at(revised, price, **_money_settings(chosen)), by="province")
    turns = table["year"].to_numpy()
    form = np.array(forms, dtype=object)[turns // len(years)]
    return table.assign(year=np.array(years)[turns % len(years)], form=form, chosen=form == chosen["revision"])


def _turn(place: int, years: list[int], year: pd.Series) -> NDArray[np.int64]:
    """A number for each year under each form, so that all forms are one panel in which each is balanced for itself."""
    return place * len(years) + np.searchsorted(years, year.to_numpy(dtype=np.int64))


def _direction_of_presets(context: Context, prices: dict[int, Price]) -> pd.DataFrame:
    """Net payers and recipients by province and city under each preset that the data allow, at the prices of the run."""
    accounts, parts = context.tables["accounts_county"], []
    for name in PRESETS if {"gdp_yuan", "population"} <= set(accounts) else ():
        chosen = preset_settings(name)
        if chosen["district_mode"] != "separate" and "is_district" not in accounts:
            continue
        if chosen["district_mode"] == "exclude" and accounts["is_district"].astype(bool).all():
            continue  # this preset leaves nobody
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # said for the settings of the run
            made_from = {**_made_from(context, chosen), "responsibility": "as in the accounts"}
            make = partial(_revised_by_preset, accounts, context.spec.compensation.leave_out, chosen)
            amounts = _amounts(context.shared("revised", make, needs=("accounts",), of=made_from), prices, chosen)
            parts.append(_direction(amounts).assign(preset=name, chosen=name == context.spec.compensation.preset))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"preset": [], "level": [], "name": [], "year": []})


def _revised_by_preset(accounts: gpd.GeoDataFrame, leave_out: Sequence[str], chosen: dict[str, Any]) -> pd.DataFrame:
    """Revised deficits by the settings of a preset, years rising."""
    known = accounts[~accounts.index.isin(leave_out)].sort_values("year", kind="stable")
    counties = apply_district_mode(known, district_mode=chosen["district_mode"])
    return _revise(pd.DataFrame(counties.drop(columns="geometry")), chosen)


def _direction(ranked: pd.DataFrame) -> pd.DataFrame:
    """Net payers and recipients by province and by city, as far as the counties have these columns."""
    needed = {"population"} - set(ranked)
    known = ranked.assign(**dict.fromkeys(needed, np.nan))
    levels = [level for level in ("province", "city") if level in ranked]
    parts = [compensation_direction(known, by=level).rename(columns={level: "name"}).assign(level=level) for level in levels]
    if not parts:
        return pd.DataFrame({"level": [], "name": [], "year": []})
    table = pd.concat(parts, ignore_index=True)
    return table[["level", "name", *[c for c in table if c not in ("level", "name")]]]


def _money_totals(output: StepOutput, table: pd.DataFrame, closure: str) -> None:
    """Both sums before and after, and the check that money closes where a closure was asked for."""
    sides = {c: table[c].to_numpy(dtype=np.float64) for c in ("payable_before", "receivable_before", "payable", "receivable")}
    for year, rows in rows_by_year(table):
        sums = {c: float(np.nansum(values[rows])) for c, values in sides.items()}
        remainder = sums["payable_before"] - sums["receivable_before"]
        output.totals.append({"year": year, **sums, "unbalanced_amount": remainder})
        if closure != "none":
            scale = max(sums["payable"], sums["receivable"])
            error = abs(sums["payable"] - sums["receivable"]) / scale if scale else 0.0
            what = "payable = receivable after closure, funds included [yuan a-1]"
            check: dict[str, Any] = {"what": what, "year": year, "before": sums["payable"], "after": sums["receivable"]}
            output.checks.append({**check, "relative_error": error})


def _placed(context: Context, money: gpd.GeoDataFrame) -> pd.DataFrame:
    """The amounts with the longitude and latitude of their counties for shapes."""

    def make(counties: gpd.GeoDataFrame) -> pd.DataFrame:
        lon, lat = places(counties)
        return pd.DataFrame({"lon": lon, "lat": lat}, index=counties.index)

    placed = once_per_county(context, "places of counties", money, make).reindex(money.index)
    columns = [column for column in ("year", "payable", "receivable", "basin") if column in money]
    return with_columns(pd.DataFrame(money[columns]), {name: placed[name].to_numpy() for name in ("lon", "lat")})


def needs_matrix(flow_cost: str, flow_solver: str) -> bool:
    """Whether flows are solved on a matrix of the costs of all pairs."""
    return flow_solver != "lp" or not cost_follows_from_places(flow_cost)


def flows_step(context: Context) -> StepOutput:
    """Who pays whom: least-cost transport between payers and recipients, exact to the fen; none where a matrix of costs is too large."""
    money, spec = context.tables["compensation"], context.spec.compensation
    payable, receivable = (money[side].to_numpy(dtype=np.float64) for side in ("payable", "receivable"))
    years = rows_by_year(money)
    pairs = max((int((payable[rows] > 0).sum()) * int((receivable[rows] > 0).sum()) for _, rows in years), default=0)
    if pairs > MOST_PAIRS and needs_matrix(spec.flow_cost, spec.flow_solver):
        warn(
            f"No flows: {pairs} pairs of a payer and a recipient in a year, more than {MOST_PAIRS}. All amounts stand in the table "
            "`compensation`; for flows choose flow_cost = 'distance' and flow_solver = 'lp', which need no matrix of all pairs."
        )
        return StepOutput()
    matrix = context.input_files.paths.get("flow_cost")
    cost = cost_matrix(matrix[0]) if matrix else spec.flow_cost
    with in_file(matrix[0].name) if matrix else nullcontext():
        solved = solve_flows(_placed(context, money), cost=cost, solver=spec.flow_solver)
    flows = solved.flows
    output = StepOutput(tables={"flows": flows, "flow_summary": flow_summary(flows, money)})
    if solved.prices is not None:
        output.tables["flow_prices"] = solved.prices
    year_of, flow = flows["year"].to_numpy(dtype=np.int64), flows["compensation_flow"].to_numpy()
    for year, rows in years:
        moved = float(flow[year_of == year].sum())
        due = min(float(np.nansum(payable[rows])), float(np.nansum(receivable[rows])))
        error = abs(moved - due) / due if due else 0.0
        what = "flows = the smaller of payable and receivable [yuan a-1]"
        output.checks.append({"what": what, "year": year, "before": due, "after": moved, "relative_error": error})
    return output
