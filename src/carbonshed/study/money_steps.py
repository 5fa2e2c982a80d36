"""Steps on money: county account, revision, amounts, priority, balance, direction, flows."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from carbonshed.checks import refuse
from carbonshed.compensation.amounts import compensation_amount
from carbonshed.compensation.direction import direction
from carbonshed.compensation.flows import compensation_flow
from carbonshed.compensation.presets import apply_district_mode, settings
from carbonshed.compensation.price import carbon_price
from carbonshed.compensation.priority import balance, compensation_priority
from carbonshed.compensation.revise import form_properties, revise_account
from carbonshed.study.config import Spec
from carbonshed.study.pipeline import Context, StepOutput


def compensation_settings(spec: Spec) -> dict[str, Any]:
    """The preset with the study's own keys over it."""
    own = spec.compensation.model_dump(exclude={"preset", "price", "leave_out", "flow_cost", "flow_solver"}, exclude_none=True)
    return {**settings(spec.compensation.preset), **own}


def compensated_counties(context: Context) -> gpd.GeoDataFrame:
    """County accounts of the counties that take part: without those left out, districts treated by the mode of the study."""
    spec = context.spec
    accounts = context.tables["accounts_county"]
    left_out = spec.compensation.leave_out
    unknown = sorted(set(left_out) - set(accounts.index))
    if unknown:
        fix = "Use ids of the counties, or drop them from the list."
        raise refuse("unknown_id", expected="county ids", got=", ".join(unknown), where="[compensation] leave_out", fix=fix)
    accounts = accounts[~accounts.index.isin(left_out)]
    return apply_district_mode(accounts, mode=compensation_settings(spec)["district_mode"])


def compensation_step(context: Context) -> StepOutput:
    """Account, revision, price, ability, cap, closure, priority; balance B_N; direction by province and city."""
    spec, chosen = context.spec, compensation_settings(context.spec)
    counties = compensated_counties(context)
    price = carbon_price(spec.compensation.price)
    context.progress(0.1, "revision")
    revised = revise_account(
        counties,
        form=chosen["revision"],
        weights=chosen.get("weights"),
        rescale=chosen.get("rescale", False),
        floor_quantile=chosen["floor_quantile"],
    )
    context.progress(0.3, "amounts")
    joined = counties.join(revised[[c for c in revised if c not in counties]]) if counties.index.is_unique else _beside(counties, revised)
    amounts = compensation_amount(
        joined,
        price=price,
        ability=chosen["ability"],
        closure=chosen["closure"],
        fiscal_cap=chosen["fiscal_cap"] or None,
        overflow=chosen["overflow"],
        shortfall=chosen["shortfall"],
    )
    context.progress(0.5, "priority")
    table = _beside(joined, amounts)
    table = _beside(table, compensation_priority(table))
    keep = [c for c in table if c not in ("geometry", "gdp_yuan", "population", "fiscal_revenue_yuan")]
    output = StepOutput(tables={"compensation": pd.DataFrame(table[keep]), "balance": balance(table)})
    output.tables["direction"] = direction(table)
    output.tables["revision_properties"] = form_properties(counties, form=chosen["revision"], weights=chosen.get("weights"))
    for year, rows in table.groupby("year"):
        sums = {c: float(np.nansum(rows[c])) for c in ("payable_before", "receivable_before", "payable", "receivable")}
        row: dict[str, Any] = {"year": int(year), **sums}
        row["unbalanced_amount"] = sums["payable_before"] - sums["receivable_before"]
        output.totals.append(row)
        if chosen["closure"] != "none":
            scale = max(sums["payable"], sums["receivable"])
            error = abs(sums["payable"] - sums["receivable"]) / scale if scale else 0.0
            what = "payable = receivable after closure [yuan a-1]"
            check = {"what": what, "year": int(year), "before": sums["payable"], "after": sums["receivable"], "relative_error": error}
            output.checks.append(check)
    chosen_record = {key: value for key, value in chosen.items() if value is not None}
    output.choices = {"preset": spec.compensation.preset, **chosen_record, "price": price.record(), "p_convention": "two_sided"}
    return output


def _beside(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """`left` with the new columns of `right`, row by row (both have the same rows in the same order), and rows only `right` has (a fund)."""
    extra = right.iloc[len(left) :]
    result = left.copy()
    for column in [c for c in right if c not in left]:
        result[column] = right[column].to_numpy()[: len(left)]
    return pd.concat([result, extra[[c for c in extra if c in result]]]) if len(extra) else result


def flows_step(context: Context) -> StepOutput:
    """Who pays whom: least-cost transport between payers and recipients, exact to the fen."""
    counties = compensated_counties(context)
    money = context.tables["compensation"]
    shapes = counties.loc[~counties.index.duplicated(), "geometry"]
    geometry = gpd.GeoSeries(shapes.reindex(money.index).to_numpy(), index=money.index, crs=counties.crs)
    frame = gpd.GeoDataFrame(money, geometry=geometry)
    flows = compensation_flow(frame, cost=context.spec.compensation.flow_cost, solver=context.spec.compensation.flow_solver)
    output = StepOutput(tables={"flows": flows})
    for year, rows in money.groupby("year"):
        moved = float(flows.loc[flows["year"] == year, "compensation_flow"].sum())
        due = min(float(np.nansum(rows["payable"])), float(np.nansum(rows["receivable"])))
        error = abs(moved - due) / due if due else 0.0
        what = "flows = the smaller of payable and receivable [yuan a-1]"
        output.checks.append({"what": what, "year": int(year), "before": due, "after": moved, "relative_error": error})
    return output
