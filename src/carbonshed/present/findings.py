"""What the first page says: sentences built from the run's own numbers, with units; nothing here is written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from carbonshed.present.display import DisplayUnit, amount_text, display_unit, number, percent
from carbonshed.present.folder import INSTITUTIONS, ResultFolder
from carbonshed.present.style import LOW_CONFIDENCE
from carbonshed.present.words import Words

FLAGS_WITH_NUMBERS = {
    "no_scale_in_draws": r"no scale in (?P<share>\S+) % of the draws",
    "few_shifts": r"few origin shifts on a base of (?P<base>\S+) km: (?P<sides>.+)",
    "cv_tol_doubled": r"cv_tol doubled to (?P<tol>\S+)",
    "not_significant": r"p is not below (?P<limit>\S+) in every year",
    "without_values": r"criteria without values: (?P<names>.+)",
}
"""Flags of the choice of scale that name a number, by the key of their phrase."""

MOST_NAMES = 6
"""Provinces named on each side of the summary."""


@dataclass(frozen=True)
class Tile:
    """A number in large type, with its unit and what it is."""

    label: str
    value: str
    unit: str
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """An answer of the first page: its question and its sentences."""

    question: str
    sentences: tuple[str, ...]


def as_list(value: object) -> list[str]:
    """Flags or sides as stored: a list, an array, or text with semicolons.

    >>> as_list("at the edge; no peak"), as_list(["a"]), as_list(None), as_list(float("nan"))
    (['at the edge', 'no peak'], ['a'], [], [])
    """
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    if isinstance(value, list | tuple | np.ndarray):
        return [f"{part:g}" if isinstance(part, float) else str(part) for part in value]
    return []


def totals_by_year(result: ResultFolder) -> pd.DataFrame:
    """Totals of the manifest, a row a year; empty where there are none."""
    rows = result.manifest.get("totals") or []
    return pd.DataFrame(rows).sort_values("year").reset_index(drop=True) if rows else pd.DataFrame({"year": []})


def tiles(result: ResultFolder, words: Words) -> list[Tile]:
    """The numbers in large type: source, sink, net, money and scale of the last year."""
    found: list[Tile] = []
    totals = totals_by_year(result)
    if len(totals):
        last = totals.iloc[-1]
        names = ("carbon_source", "carbon_sink", "net_carbon_emission")
        unit = display_unit("carbon", [float(last[name]) for name in names], words.lang)
        for name in names:
            detail = words("tile.year", year=int(last["year"]))
            if name == "carbon_sink" and last["carbon_source"]:
                detail = words("tile.offset", share=percent(last["carbon_sink"] / last["carbon_source"]))
            found.append(_tile(words, name, unit, last[name], detail))
        found += _money_tiles(result, words, last)
    choice = result.scale_choice
    if choice is not None and np.isfinite(choice["scale_km"]):
        detail = (
            words("tile.plausible", low=f"{choice['low_km']:g}", high=f"{choice['high_km']:g}")
            if np.isfinite([choice["low_km"], choice["high_km"]]).all()
            else words("tile.no_interval")
        )
        found.append(Tile(words("tile.scale"), f"{choice['scale_km']:g}", "km", detail))
    return found


def _tile(words: Words, name: str, unit: DisplayUnit, value: float, detail: str) -> Tile:
    return Tile(words(f"tile.{name}"), number(float(value) / unit.factor), words("tile.per_year", unit=unit.label), detail)


def _money_tiles(result: ResultFolder, words: Words, last: pd.Series) -> list[Tile]:
    """What is paid and received in the last year, with the numbers of counties."""
    if "payable" not in last or pd.isna(last["payable"]):
        return []
    counts = {"payable": "", "receivable": ""}
    if result.has("compensation"):
        sides = _counties(result, int(last["year"]))["side"].value_counts()
        counts["payable"] = words("tile.n_payers", n=int(sides.get("payer", 0)))
        counts["receivable"] = words("tile.n_recipients", n=int(sides.get("recipient", 0)))
    unit = display_unit("money", [float(last[name]) for name in counts], words.lang)
    return [_tile(words, name, unit, last[name], counts[name]) for name in counts]


def _counties(result: ResultFolder, year: int) -> pd.DataFrame:
    """Amounts of the counties in one year, without fund and upper level."""
    table = result.table("compensation")
    return table[(table["year"] == year) & ~table["unit_id"].isin(INSTITUTIONS)]


def summary(result: ResultFolder, words: Words) -> list[Finding]:
    """How much, where, who pays, who receives, how sure: what the result can answer."""
    answers = {
        "how_much": [*_carbon(result, words), *_closure(result, words)],
        "where": _zones(result, words),
        "who_pays": _who(result, words, "payer"),
        "who_receives": _who(result, words, "recipient"),
        "how_fair": _direction_warning(result, words),
        "how_sure": [*_scale(result, words), *_confidence(result, words)],
    }
    return [Finding(words(f"headline.{name}"), tuple(found)) for name, found in answers.items() if found]


def _carbon(result: ResultFolder, words: Words) -> list[str]:
    totals = totals_by_year(result)
    if len(totals) == 0:
        return []
    last = totals.iloc[-1]
    source, sink, net = (float(last[name]) for name in ("carbon_source", "carbon_sink", "net_carbon_emission"))
    offset = percent(sink / source) if source else "—"
    values = {"year": int(last["year"]), "source": _carbon_text(source, words), "sink": _carbon_text(sink, words), "offset": offset}
    key = "headline.carbon" if net >= 0 else "headline.carbon_surplus"
    sentences = [words(key, net=_carbon_text(abs(net), words), **values)]
    first = totals.iloc[0]
    if len(totals) > 1 and first["carbon_source"] > 0 and first["carbon_sink"] > 0:
        changes = [_change(float(last[name] / first[name] - 1), words) for name in ("carbon_source", "carbon_sink")]
        sentences.append(words("headline.change", first=int(first["year"]), source_change=changes[0], sink_change=changes[1]))
    return sentences


def _carbon_text(value: float, words: Words) -> str:
    return amount_text("carbon", value, words.lang)


def _change(share: float, words: Words) -> str:
    if share == 0:
        return words("headline.unchanged")
    return words("headline.rose" if share >= 0 else "headline.fell", share=percent(abs(share)))


def _closure(result: ResultFolder, words: Words) -> list[str]:
    """What was owed and due before closure, and how it was closed."""
    totals = totals_by_year(result)
    if len(totals) == 0 or not {"payable_before", "receivable_before"} <= set(totals) or pd.isna(totals.iloc[-1]["payable_before"]):
        return []
    payable, receivable = float(totals.iloc[-1]["payable_before"]), float(totals.iloc[-1]["receivable_before"])
    if payable == receivable == 0:
        return [words("headline.all_zero")]
    key = "headline.remainder_over" if payable >= receivable else "headline.remainder_under"
    money = {"payable": payable, "receivable": receivable, "remainder": abs(payable - receivable)}
    closure = words.get("closure", result.choices.get("closure", "none"))
    return [words(key, closure=closure, **{name: amount_text("money", value, words.lang) for name, value in money.items()})]


def _zones(result: ResultFolder, words: Words) -> list[str]:
    if not result.has("zone_summary"):
        return []
    table = result.table("zone_summary")
    area = table[table["year"] == table["year"].max()].set_index("zone")["area_km2"].astype(float)
    total = float(area.sum())
    if not total:
        return []
    shares = {zone: percent(float(area.get(zone, 0.0)) / total) for zone in ("payment", "balanced", "recipient")}
    sentences = [words("headline.zones", **shares)]
    if area.get("missing", 0.0) > 0:
        sentences.append(words("headline.zones_missing", share=percent(float(area["missing"]) / total)))
    return sentences


def _who(result: ResultFolder, words: Words, side: str) -> list[str]:
    """Provinces on one side with their amounts, and how many counties pay or receive."""
    if not result.has("compensation"):
        return []
    year = int(result.table("compensation")["year"].max())
    counties = _counties(result, year)
    acting = counties[counties["side"] == side]
    if len(acting) == 0:
        return [words("headline.no_payers" if side == "payer" else "headline.no_recipients")]
    sentences = []
    if result.has("direction"):
        table = result.table("direction")
        table = table[(table["level"] == "province") & (table["year"] == year)].sort_values("net_compensation")
        net = table[table["net_compensation"] < 0] if side == "payer" else table[table["net_compensation"] > 0].iloc[::-1]
        if len(net):
            names = [_named(row, words) for row in net.head(MOST_NAMES).to_dict("records")]
            sentences.append(words("headline.payers" if side == "payer" else "headline.recipients", names=words.listing(names)))
    column = "payable" if side == "payer" else "receivable"
    amount = amount_text("money", float(acting[column].sum()), words.lang)
    sentences.append(words(f"headline.counties_{side}", n=len(acting), amount=amount, price=price_text(result, words)))
    return sentences


def poor_years(result: ResultFolder) -> list[int]:
    """Years in which the provinces that pay have less GDP per head than those that receive, as the run found."""
    rows = result.choices.get("direction") or []
    return sorted(int(row["year"]) for row in rows if row.get("poor_pay_rich") is True and row.get("year") is not None)


def _direction_warning(result: ResultFolder, words: Words) -> list[str]:
    """Plainly, where the poorer side pays the richer one; nothing otherwise."""
    years = poor_years(result)
    if not years:
        return []
    last = next(row for row in result.choices["direction"] if row.get("year") == years[-1])
    values = {name: words.listing(list(last.get(name) or [])) for name in ("payers", "recipients")}
    heads = {name: _per_head(last.get(f"{name}_gdp_per_head")) for name in ("payer", "recipient")}
    listed = words.listing([str(year) for year in years])
    return [words("headline.poor_pay_rich", years=listed, last=years[-1], **values, **heads)]


def _per_head(value: Any) -> str:
    return number(None if value is None else float(value))


def _named(row: dict[Any, Any], words: Words) -> str:
    """A province with its amount and, where GDP is known, the share of it."""
    amount = amount_text("money", abs(float(row["net_compensation"])), words.lang)
    share = row.get("share_of_gdp")
    if share is None or pd.isna(share):
        return words("headline.named_amount", name=row["name"], amount=amount)
    return words("headline.named_amount_gdp", name=row["name"], amount=amount, share=percent(abs(float(share)), 3))


def price_text(result: ResultFolder, words: Words) -> str:
    """The carbon price with its kind and year, as every amount must be printed."""
    price = result.choices.get("price") or {}
    if "value" not in price:
        return "—"
    kind = words.get("price_kind", price.get("kind", "given"))
    year = words("headline.price_year", year=price["year"]) if price.get("year") else ""
    status = f"; {words('text.unverified')}" if price.get("status") == "unverified" else ""
    return words("headline.price", value=number(float(price["value"])), kind=kind, year=year, status=status)


def _scale(result: ResultFolder, words: Words) -> list[str]:
    """The working scale with its interval, never bare, and its flags."""
    choice = result.scale_choice
    if choice is None:
        return []
    if not np.isfinite(choice["scale_km"]):
        sentences = [words("headline.scale_none")]
    elif np.isfinite([choice["low_km"], choice["high_km"]]).all():
        values = {name: f"{choice[key]:g}" for name, key in (("side", "scale_km"), ("low", "low_km"), ("high", "high_km"))}
        sentences = [words("headline.scale", **values)]
    else:
        sentences = [words("headline.scale_no_interval", side=f"{choice['scale_km']:g}")]
    flags = flag_texts(as_list(choice.get("flags")), words)
    return [*sentences, *([words("headline.flagged", flags=flags)] if flags else [])]


def flag_texts(flags: Iterable[str], words: Words) -> str:
    """Flags in the language of the report, those that have no translation as they are."""
    return ("；" if words.lang == "zh" else "; ").join(_flag_text(flag, words) for flag in flags)


def _flag_text(flag: str, words: Words) -> str:
    """One flag: a fixed text, or one with numbers in it."""
    for key, pattern in FLAGS_WITH_NUMBERS.items():
        found = re.fullmatch(pattern, flag)
        if found:
            return words(f"flag.{key}", **{name: re.sub(r"(\d) of (\d)", r"\1/\2", part) for name, part in found.groupdict().items()})
    return words.get("flag", flag)


def _confidence(result: ResultFolder, words: Words) -> list[str]:
    """Area of zones of low confidence, and a pointer to what is coarse."""
    sentences = []
    if result.has("zones"):
        table = result.geo("zones")
        table = table[(table["year"] == table["year"].max()) & table["zone_confidence"].notna()]
        area = table.geometry.area
        low = area[table["zone_confidence"].astype(float) < LOW_CONFIDENCE].sum()
        if area.sum() > 0:
            sentences.append(words("headline.low_confidence", share=percent(float(low / area.sum())), limit=f"{LOW_CONFIDENCE:g}"))
    if result.manifest.get("notes"):
        sentences.append(words("headline.coarse", section=words("section.limits")))
    return sentences
