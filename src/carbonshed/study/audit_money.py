"""Identities of money: deficit to amount, payer to recipient, closure, caps, fund, order of priority, direction, flows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from carbonshed.compensation.panel import INSTITUTIONS
from carbonshed.study.ledger import EXACT, Ledger, added, keyed, ratio, summed

UNIT = ("year", "unit_id")
FEN = 0.0101
"""Largest difference that rounding to whole fen leaves on one side [yuan a-1]."""

ZERO_SUM = ("redistributed", "duty_endowment", "relative_share")
MONEY = ("payable", "receivable", "net_compensation")


def _all(ledger: Ledger) -> pd.DataFrame:
    return ledger.table("compensation")


def _counties(ledger: Ledger) -> pd.DataFrame:
    """The table of money without the fund and the upper level."""
    table = _all(ledger)
    return table[~table["unit_id"].isin(INSTITUTIONS)].reset_index(drop=True)


def taken_over(ledger: Ledger) -> None:
    """The counties that take part are those of the accounts, one by one; merged districts add up."""
    if not ledger.has("compensation", "accounts_county"):
        return
    money, accounts = _counties(ledger), ledger.table("accounts_county")
    leave = () if ledger.choices.get("responsibility", "production") == "production" else ("carbon_source", "net_carbon_emission")
    columns = [c for c in added(accounts, leave) if c in money]
    merged = ledger.choices.get("district_mode") == "merge_by_city"
    if merged:
        left_out = ledger.spec.get("compensation", {}).get("leave_out", [])
        accounts = accounts[~accounts["unit_id"].isin(left_out)]
    for column in columns:
        en, zh = f"{column}: compensation = accounts_county", f"{column}：compensation = accounts_county"
        if merged:
            size = summed(accounts, ["year"], "carbon_source") * 100 if column == "net_carbon_emission" else 0.0
            ledger.equal("compensation", en, zh, summed(money, ["year"], column), summed(accounts, ["year"], column), size=size)
        else:
            found = keyed(accounts, UNIT, column).reindex(pd.MultiIndex.from_frame(money[list(UNIT)]))
            ledger.equal("compensation", en, zh, keyed(money, UNIT, column), found)


def amounts(ledger: Ledger) -> None:
    """Deficit = source - sink; amount = revised deficit x price x ability; nobody both pays and receives; caps."""
    if "compensation" not in ledger:
        return
    everyone = _all(ledger).set_index(list(UNIT))
    net = everyone["receivable"] - everyone["payable"]
    ledger.equal("compensation", "net = receivable - payable", "净补偿 = 应收 − 应付", everyone["net_compensation"], net)
    table = _counties(ledger).set_index(list(UNIT))
    if {"account_deficit", "carbon_source", "carbon_sink"} <= set(table):
        known = table[table["account_deficit"].notna()]
        deficit, size = known["carbon_source"] - known["carbon_sink"], known["carbon_source"] + known["carbon_sink"]
        ledger.equal("compensation", "deficit = source - sink", "赤字 = 碳源 − 碳汇", known["account_deficit"], deficit, size=size)
    if ledger.choices.get("revision") == "none" and not ledger.choices.get("rescale"):
        known = table[table["revised_deficit"].notna()]
        ledger.equal("compensation", "revised deficit = deficit", "修正赤字 = 赤字", known["revised_deficit"], known["account_deficit"])
    if ledger.choices.get("revision") in ZERO_SUM:
        sums = table["revised_deficit"].groupby("year").sum()
        size = table["revised_deficit"].abs().groupby("year").sum() * 1e5  # 1e-10 of all deficits
        said = "sum of revised deficits = 0", "修正赤字之和 = 0"
        ledger.equal("compensation", *said, sums, sums * 0.0, size=size)
    value = table["revised_deficit"] * table["carbon_price"] * table["ability_coefficient"]
    before = table["payable_before"] - table["receivable_before"]
    said = "amount = revised deficit x price x ability", "金额 = 修正赤字 × 碳价 × 支付能力"
    ledger.equal("compensation", *said, before, value)
    for name, columns in (("before closure", ("payable_before", "receivable_before")), ("after closure", ("payable", "receivable"))):
        both = table[list(columns)].min(axis=1)
        ledger.equal("compensation", f"nobody pays and receives, {name}", f"不同时应付与应收（{name}）", both, both * 0.0)
    capped = table["payable"].clip(upper=table["payable_cap"].fillna(np.inf))
    ledger.equal("compensation", "payable <= cap", "应付 ≤ 上限", table["payable"], capped)
    share = ledger.choices.get("fiscal_cap")
    if share and "fiscal_revenue_yuan" in table:
        known = table[(table["fiscal_revenue_yuan"] > 0) & table["payable_cap"].notna()]
        cap = float(share) * known["fiscal_revenue_yuan"]
        ledger.equal("compensation", "cap = share x fiscal revenue", "上限 = 比例 × 财政收入", known["payable_cap"], cap)
    if "gdp_yuan" in table:
        burden = ratio(table["payable_before"] + table["receivable_before"], table["gdp_yuan"])
        ledger.equal("compensation", "priority = amount / GDP", "优先级 = 金额 / GDP", table["priority"], burden)
    _capacity(ledger, table)


def _capacity(ledger: Ledger, table: pd.DataFrame) -> None:
    if not {"gdp_yuan", "population", "priority_capacity"} <= set(table):
        return
    known = table[table["priority_capacity"].notna() & (table["gdp_yuan"] > 0) & (table["population"] > 0)]
    per_head = known["payable_before"] * known["gdp_yuan"] / known["population"]
    scaled = known["priority_capacity"] / per_head
    middle = scaled.groupby("year").transform("median")
    said = "priority by capacity is in proportion to payable x GDP per head", "能力优先级与应付 × 人均 GDP 成比例"
    ledger.equal("compensation", *said, scaled, middle)


def totals(ledger: Ledger) -> None:
    """Sums of both sides before and after, what the fund and the upper level carry, and that the money closes."""
    if not ledger.has("compensation", "compensation_totals"):
        return
    table, summary = _counties(ledger), ledger.table("compensation_totals").set_index("year")
    for column in ("payable_before", "receivable_before", "payable", "receivable"):
        sums = summed(table, ["year"], column, unknown=0)
        ledger.equal("compensation_totals", f"{column} = sum of counties", f"{column} = 各县之和", summary[column], sums)
    upper = summed(table, ["year"], "payable_upper_level", unknown=0)
    size = summary["payable_before"] + summary["receivable_before"]
    ledger.equal("compensation_totals", "upper_level = sum of counties", "上级承担 = 各县之和", summary["upper_level"], upper)
    left = summary["payable_before"] - summary["receivable_before"]
    said = "unbalanced = payable before - receivable before", "收支差额 = 平衡前应付 − 应收"
    ledger.equal("compensation_totals", *said, summary["unbalanced_amount"], left, size=size)
    if ledger.choices.get("closure") == "none":
        return
    pays = summary["payable"] + summary["upper_level"] + summary["fund_in"]
    gets = summary["receivable"] + summary["fund_out"]
    said = "payable + upper level + fund in = receivable + fund out", "应付 + 上级 + 基金流入 = 应收 + 基金流出"
    ledger.equal("compensation_totals", *said, pays, gets, tolerance=1e-11)
    everyone = _all(ledger)
    sides = (summed(everyone, ["year"], c, unknown=0) for c in ("payable", "receivable"))
    ledger.equal("compensation", "payable = receivable, fund included", "应付 = 应收（含基金）", *sides, tolerance=1e-11)


def caps(ledger: Ledger) -> None:
    """What is owed is carried or left to the upper level."""
    if not ledger.has("compensation", "cap_gap"):
        return
    table, gap = _counties(ledger), ledger.table("cap_gap").set_index("year")
    payers = table[table["side"] == "payer"]
    told: list[tuple[str, pd.Series, pd.Series]] = [
        ("carried = sum of payable", gap["carried"], summed(table, ["year"], "payable", unknown=0)),
        ("left = sum left to the upper level", gap["left_to_upper_level"], summed(table, ["year"], "payable_upper_level", unknown=0)),
        ("owed = carried + left", gap["owed"], gap["carried"] + gap["left_to_upper_level"]),
        ("share_left = left / owed", gap["share_left"], ratio(gap["left_to_upper_level"], gap["owed"]).fillna(0.0)),
        ("sum_of_caps = sum of the payers' caps", gap["sum_of_caps"], summed(payers, ["year"], "payable_cap").reindex(gap.index)),
    ]
    if "fiscal_revenue_yuan" in table:
        revenue = summed(payers, ["year"], "fiscal_revenue_yuan").reindex(gap.index)
        needed = ratio(gap["owed"], revenue).where(gap["cap_needed"].notna())
        told.append(("cap_needed = owed / revenue of payers", gap["cap_needed"], needed))
    for said, left, right in told:
        ledger.equal("cap_gap", said, said, left, right)


def priorities(ledger: Ledger) -> None:
    """B_N from the amounts in the order of priority; the shares of a shortfall add up to what there is."""
    if not ledger.has("compensation", "balance", "balance_summary"):
        return
    table, found = _counties(ledger), ledger.table("balance")
    sums = {}
    for side, column in (("payer", "payable"), ("recipient", "receivable")):
        ranked = table[(table["side"] == side) & table["priority_rank"].notna()].sort_values(["year", "priority_rank"])
        running = ranked.assign(n=ranked.groupby("year").cumcount() + 1, total=ranked.groupby("year")[f"{column}_before"].cumsum())
        used = pd.MultiIndex.from_frame(found[["year", f"n_{side}s"]].astype(np.int64))
        total = keyed(running, ("year", "n"), "total").reindex(used).fillna(0.0)
        sums[column] = pd.Series(total.to_numpy(), index=found.index)
        en, zh = f"{column} of the first N = sum in the order of priority", f"{column}：前 N 位之和 = 按优先级累加"
        ledger.equal("balance", en, zh, found[column], sums[column])
    ledger.equal(
        "balance", "B_N = paid / received", "B_N = 应付 / 应收", found["balance_ratio"], ratio(found["payable"], found["receivable"])
    )
    summary = ledger.table("balance_summary").set_index("year")
    paid, received = (summed(table, ["year"], f"{c}_before", unknown=0) for c in ("payable", "receivable"))
    ledger.equal("balance_summary", "B_all = paid / received", "B_all = 应付 / 应收", summary["balance_all"], ratio(paid, received))
    twenty = keyed(found[found["n"] == 20], ["year"], "balance_ratio")
    ledger.equal("balance_summary", "B_20 = balance at N = 20", "B_20 = 平衡表第 20 位", summary["balance_20"], twenty)


def shortfall(ledger: Ledger) -> None:
    """A claim is the amount before closure; each rule hands out what there is, and nobody more than the claim."""
    if not ledger.has("compensation", "shortfall_rules") or not len(ledger.table("shortfall_rules")):
        return
    table, rules = _counties(ledger).set_index(list(UNIT)), ledger.table("shortfall_rules")
    index = pd.MultiIndex.from_frame(rules[list(UNIT)])
    pays = (rules["side"] == "payer").to_numpy()
    owed, due = (table[f"{c}_before"].reindex(index).to_numpy() for c in ("payable", "receivable"))
    claim = pd.Series(np.where(pays, owed, due), index=index)
    ledger.equal(
        "shortfall_rules", "claim = amount before closure", "诉求 = 平衡前金额", pd.Series(rules["claim"].to_numpy(), index=index), claim
    )
    sums = {c: summed(table.reset_index(), ["year"], f"{c}_before", unknown=0) for c in ("payable", "receivable")}
    money = pd.concat([sums["payable"], sums["receivable"]], axis=1).min(axis=1)
    money = money[money.index.isin(set(rules["year"]))]
    for rule in [c for c in ("proportional", "equal_awards", "equal_losses", "talmud") if c in rules]:
        en, zh = f"{rule}: shares add up to what there is", f"{rule}：各份额之和 = 可分金额"
        ledger.equal("shortfall_rules", en, zh, summed(rules, ["year"], rule), money, tolerance=1e-11)
        within = rules[rule].clip(upper=rules["claim"])
        ledger.equal("shortfall_rules", f"{rule} <= claim", f"{rule} ≤ 诉求", rules[rule], within)


def direction(ledger: Ledger) -> None:
    """Provinces and cities add up their counties; net and shares follow; the form and preset of the run agree with the rest."""
    if not ledger.has("compensation", "direction") or not len(ledger.table("direction")):
        return
    table, found = _counties(ledger), ledger.table("direction")
    for level in [c for c in ("province", "city") if c in table]:
        rows = found[found["level"] == level].rename(columns={"name": level})
        for column in ("payable", "receivable", "gdp_yuan", "population"):
            if column in table and column in rows:
                unknown = 0 if column in MONEY else 1
                named = table[table[level].notna()]
                sums = summed(named, ("year", level), column, unknown=unknown)
                en, zh = f"{column}: {level} = sum of its counties", f"{column}：{level} = 各县之和"
                stated = keyed(rows, ("year", level), column)
                ledger.equal("direction", en, zh, stated, sums.where(stated.reindex(sums.index).notna()))
    for name in ("direction", "direction_by_form", "direction_by_preset"):
        if name in ledger and "payable" in ledger.table(name):
            _one_direction(ledger, name)


def _one_direction(ledger: Ledger, name: str) -> None:
    rows = ledger.table(name)
    net = rows["receivable"] - rows["payable"]
    size = rows["receivable"] + rows["payable"]
    ledger.equal(name, f"net = receivable - payable in {name}", f"{name}：净额 = 应收 − 应付", rows["net_compensation"], net, size=size)
    said = (f"share_of_gdp = net / GDP in {name}", f"{name}：占 GDP 比 = 净额 / GDP")
    ledger.equal(name, *said, rows["share_of_gdp"], ratio(rows["net_compensation"], rows["gdp_yuan"]))
    said = (f"gdp_per_head = GDP / population in {name}", f"{name}：人均 GDP = GDP / 人口")
    ledger.equal(name, *said, rows["gdp_per_head"], ratio(rows["gdp_yuan"], rows["population"]))


def flows(ledger: Ledger) -> None:
    """Flows out of a payer are what it pays, flows into a recipient what it receives, in whole fen; the longer side keeps a rest."""
    if not ledger.has("compensation", "flows"):
        return
    money, moved = _all(ledger), ledger.table("flows")
    due = {c: summed(money, ["year"], c, unknown=0) for c in ("payable", "receivable")}
    least = pd.concat([due["payable"], due["receivable"]], axis=1).min(axis=1)
    sums = summed(moved, ["year"], "compensation_flow").reindex(least.index).fillna(0.0)
    near = sums.where((sums - least).abs() > FEN, least)
    said = "all flows = the smaller side", "全部补偿流 = 较小一方合计"
    ledger.equal("flows", *said, near, least, tolerance=EXACT)
    for end, column in (("payer", "payable"), ("recipient", "receivable")):
        stated = keyed(money, UNIT, column).dropna()
        part = summed(moved, ("year", end), "compensation_flow").rename_axis(index=list(UNIT))
        part = part.reindex(stated.index.union(part.index), fill_value=0.0)
        stated = stated.reindex(part.index, fill_value=0.0)
        longer = due[column] > least + FEN
        keeps = longer.reindex(part.index.get_level_values("year")).to_numpy()
        right = np.where((part - stated).abs() <= FEN, part, np.where(keeps, np.minimum(part, stated), stated))
        en, zh = f"flows of a {end} = its {column}", f"{'付出' if end == 'payer' else '收到'}的补偿流 = {column}"
        ledger.equal("flows", en, zh, part, pd.Series(right, index=part.index))
    fen = moved["compensation_flow"] * 100
    whole = fen.round()
    ledger.equal("flows", "flows are whole fen", "补偿流为整分", fen, whole, size=fen)
    _flow_summary(ledger, moved, money)


def _flow_summary(ledger: Ledger, moved: pd.DataFrame, money: pd.DataFrame) -> None:
    if "flow_summary" not in ledger:
        return
    told = ledger.table("flow_summary").set_index("year")
    sums = summed(moved, ["year"], "compensation_flow")
    ledger.equal("flow_summary", "compensation_flow = sum of flows", "补偿流合计 = 各流之和", told["compensation_flow"], sums)
    near = moved[moved["distance_km"].notna()]
    weight = summed(near, ["year"], "compensation_flow")
    mean = summed(near.assign(way=near["distance_km"] * near["compensation_flow"]), ["year"], "way") / weight
    said = "mean distance weighted by money", "按金额加权的平均距离"
    ledger.equal("flow_summary", *said, told["mean_distance_km"], mean.reindex(told.index))
    if "province" not in money:
        return
    known = money.dropna(subset=["province"]).drop_duplicates("unit_id").set_index("unit_id")["province"]
    ends = [moved[end].map(known) for end in ("payer", "recipient")]
    placed = moved[ends[0].notna() & ends[1].notna()]
    crossing = placed[(ends[0] != ends[1]).reindex(placed.index)]
    part = summed(crossing, ["year"], "compensation_flow").reindex(told.index).fillna(0.0)
    share = ratio(part, summed(placed, ["year"], "compensation_flow").reindex(told.index))
    said = "share that crosses provinces", "跨省份额"
    ledger.equal("flow_summary", *said, told["cross_province_share"], share)


SUBJECTS: tuple[tuple[str, Callable[[Ledger], None]], ...] = (
    ("taken_over", taken_over),
    ("amounts", amounts),
    ("totals", totals),
    ("caps", caps),
    ("priorities", priorities),
    ("shortfall", shortfall),
    ("direction", direction),
    ("flows", flows),
)
