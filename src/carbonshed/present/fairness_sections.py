"""The report section on fairness: who pays whom, inequality before and after, too little money, caps, what the form does to the data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd

from carbonshed.present.blocks import (
    Figures,
    Note,
    Section,
    Table,
    Text,
    amount_column,
    amount_columns,
    number_column,
    percent_column,
    text_column,
    year_column,
)
from carbonshed.present.display import UNKNOWN, amount_text, number, percent
from carbonshed.present.figures import available_figures
from carbonshed.present.findings import poor_years
from carbonshed.present.folder import ResultFolder
from carbonshed.present.words import Words

GINI_PLACES = 4
"""Decimals of inequality; what agrees to them counts as unchanged."""

RULES = ("proportional", "equal_awards", "equal_losses", "talmud")


def fairness_section(result: ResultFolder, words: Words) -> Section:
    """Direction by wealth, inequality, rules for too little money, caps, stability of the order, properties of the form."""
    section = Section("fairness", words("section.fairness"))
    names = ("fairness", "shortfall_rules", "cap_gap", "priority_stability", "revision_properties")
    directions = [row for row in result.choices.get("direction") or [] if row.get("year") is not None]
    if not directions and not any(result.has(name) for name in names):
        section.blocks.append(Note(words("absent.fairness")))
        return section
    section.blocks += _direction(result, directions, words)
    if "fairness_curves" in available_figures(result):
        section.blocks.append(Figures(("fairness_curves",)))
    parts = (_inequality, _shortfall, _cap, _stability, _properties)
    for name, blocks in zip(names, parts, strict=True):
        if result.has(name):
            section.blocks += blocks(result, words)
        elif name == "priority_stability" and len(result.years) < 2:
            section.blocks.append(Text(words("absent.few_years", what=words(f"absent.{name}"), least=2)))
        else:
            what = words("absent.inequality" if name == "fairness" else f"absent.{name}")
            section.blocks.append(Text(words("absent.partly", tables=name, what=what)))
    return section


def _direction(result: ResultFolder, rows: list[dict[str, Any]], words: Words) -> list[Any]:
    """GDP per head of the provinces that pay and of those that receive, by year; a warning where the poorer pay."""
    if not rows:
        return []
    found = [_yes_no(row.get("poor_pay_rich"), words) for row in rows]
    unit = words("unit.yuan_head")
    columns = [year_column(words("column.year"), [row["year"] for row in rows])]
    for side in ("payer", "recipient"):
        columns.append(text_column(words(f"column.{side}"), [words.listing(list(row.get(f"{side}s") or [])) for row in rows]))
    for side in ("payer", "recipient"):
        columns.append(number_column(words(f"column.{side}_gdp"), [row.get(f"{side}_gdp_per_head") for row in rows], unit=unit, places=0))
    columns.append(text_column(words("column.poor_pay_rich"), found))
    years = poor_years(result)
    warning = [Note(words("text.poor_pay_rich", years=words.listing([str(year) for year in years])), tone="warning")] if years else []
    return [*warning, Table(words("text.fair_direction"), tuple(columns))]


def _yes_no(value: Any, words: Words) -> str:
    return UNKNOWN if value is None or pd.isna(value) else words("change.yes" if value else "change.no")


def _inequality(result: ResultFolder, words: Words) -> list[Any]:
    """Gini and Theil of GDP and revenue per head, before and after the payments."""
    table = result.table("fairness")
    last = table[table["year"] == table["year"].max()]
    sentences = []
    for base, rows in last.groupby("base", sort=False):
        stages = rows.set_index("stage")["gini"]
        if {"before", "after"} <= set(stages.index):
            low, high = (round(float(stages[stage]), GINI_PLACES) for stage in ("before", "after"))
            verdict = words("fair.less" if high < low else "fair.more" if high > low else "fair.same")
            values = {
                "base": words.term(str(base)),
                "before": number(low, GINI_PLACES),
                "after": number(high, GINI_PLACES),
                "verdict": verdict,
            }
            sentences.append(words("text.fairness", year=int(last["year"].iloc[0]), **values))
    columns = [
        year_column(words("column.year"), table["year"]),
        text_column(words("column.base"), [words.term(str(name)) for name in table["base"]]),
        text_column(words("column.stage"), [words(f"fair.{stage}") for stage in table["stage"]]),
        number_column(words("column.n_units"), table["n_units"]),
    ]
    measures = ("gini", "gini_people", "theil", "theil_between", "theil_within")
    columns += [number_column(words(f"column.{name}"), table[name], places=GINI_PLACES) for name in measures]
    columns += [
        percent_column(words(f"column.{name}"), table[name]) for name in ("largest_paid_share", "median_paid_share") if name in table
    ]
    return [*(Text(each) for each in sentences), Table(words("text.fairness_table"), tuple(columns), size="dense")]


def _shortfall(result: ResultFolder, words: Words) -> list[Any]:
    """What each rule for dividing too little money does in the last year: share of the claim, who is met in full, who gets nothing."""
    table = result.table("shortfall_rules")
    year = int(table["year"].max())
    rows = table[table["year"] == year]
    side = str(rows["side"].iloc[0])
    claim = rows["claim"].astype(float)
    rules = [rule for rule in RULES if rule in rows]
    shares = {rule: rows[rule].astype(float) / claim for rule in rules}
    columns = (
        text_column(words("column.rule"), [words(f"shortfall.{rule}") for rule in rules]),
        amount_column(words("column.given"), "money", [float(rows[rule].sum()) for rule in rules], words),
        amount_column(words("column.largest_amount"), "money", [float(rows[rule].max()) for rule in rules], words),
        percent_column(words("column.smallest_share"), [float(shares[rule].min()) for rule in rules]),
        percent_column(words("column.median_share"), [float(shares[rule].median()) for rule in rules]),
        percent_column(words("column.largest_share"), [float(shares[rule].max()) for rule in rules]),
        number_column(words("column.n_nothing"), [int((rows[rule] <= 0).sum()) for rule in rules]),
    )
    given = float(rows[rules[0]].sum()) if rules else float("nan")
    values = {"claimed": amount_text("money", float(claim.sum()), words.lang), "given": amount_text("money", given, words.lang)}
    lead = words(f"text.shortfall_{side}", year=year, n=len(rows), **values)
    return [Text(lead), Table(words("text.shortfall_table", year=year), columns)]


def _cap(result: ResultFolder, words: Words) -> list[Any]:
    """What the fiscal caps let the payers carry, and the cap that would carry all."""
    table = result.table("cap_gap")
    money = {words(f"column.{name}"): table[name] for name in ("owed", "carried", "left_to_upper_level", "sum_of_caps")}
    columns = (
        year_column(words("column.year"), table["year"]),
        number_column(words("column.n_payers"), table["n_payers"]),
        number_column(words("column.n_capped"), table["n_capped"]),
        *amount_columns("money", money, words),
        percent_column(words("column.share_left"), table["share_left"]),
        percent_column(words("column.cap_needed"), table["cap_needed"]),
    )
    return [Text(words("text.cap_gap")), Table(words("text.cap_gap_table"), columns, size="dense")]


def _stability(result: ResultFolder, words: Words) -> list[Any]:
    """How alike the order is in successive years, and in the first and the last."""
    table = result.table("priority_stability")
    years = sorted({*table["year"].astype(int), *table["other_year"].astype(int)})
    wanted = {*pairwise(years), (years[0], years[-1])}
    rows = table[[(int(one), int(other)) in wanted for one, other in zip(table["year"], table["other_year"], strict=True)]]
    rows = rows.sort_values(["side", "year", "other_year"])
    columns = (
        text_column(words("column.what_side"), [words(f"side.{side}") for side in rows["side"]]),
        text_column(
            words("column.period"), [f"{int(one)}–{int(other)}" for one, other in zip(rows["year"], rows["other_year"], strict=True)]
        ),
        number_column(words("column.jaccard"), rows["jaccard"], places=2),
        number_column(words("column.kendall"), rows["kendall_tau"], places=3),
        percent_column(words("column.changed_side"), rows["changed_side"]),
    )
    return [Text(words("text.stability")), Table(words("text.stability_table"), columns)]


def _properties(result: ResultFolder, words: Words) -> list[Any]:
    """What the form of revision does to these data, by year."""
    table = result.table("revision_properties")
    columns = [year_column(words("column.year"), table["year"])]
    columns.append(text_column(words("column.form"), [words.get("revision", form) for form in table["form"]]))
    columns.append(number_column(words("column.n_units"), table["n_units"]))
    for name in ("keeps_sign", "sums_to_zero", "is_additive", "is_more_even"):
        columns.append(text_column(words(f"column.{name}"), [_yes_no(value, words) for value in table[name]]))
    columns.append(number_column(words("column.additivity_ratio"), table["additivity_ratio"], places=3))
    columns += [number_column(words(f"column.{name}"), table[name], places=3) for name in ("gini_before", "gini_after")]
    columns.append(number_column(words("column.payments_over_receipts"), table["payments_over_receipts"], places=2))
    last = table.sort_values("year").iloc[-1]
    ratio = float(last["additivity_ratio"])
    warning = [] if bool(last["is_additive"]) else [Note(words("text.not_additive", ratio=percent(ratio)), tone="warning")]
    return [Text(words("text.properties")), *warning, Table(words("text.properties_table"), tuple(columns), size="dense")]
