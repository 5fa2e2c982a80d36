"""Why a cell or county is in its zone: the model is fitted again from the result folder alone, which gives the same bytes."""

from __future__ import annotations

import warnings
from typing import Any

from carbonshed import registry
from carbonshed.checks import CarbonshedError, DataWarning, nearest, refuse
from carbonshed.study.config import parse_spec
from carbonshed.study.pattern_steps import fit_study_zones
from carbonshed.study.study import Result
from carbonshed.zoning.explain import explain_zone

ZONES = {"payment": "支付区", "balanced": "平衡区", "recipient": "受偿区", "missing": "未分区"}
SENTENCES = {
    "zone": {
        "en": "{unit} is in the {zone} zone in {year}, with confidence {confidence}.",
        "zh": "{unit} 在 {year} 年属于{zone}，置信度 {confidence}。",
    },
    "missing": {"en": "{unit} has no zone in {year}: not known are {features}.", "zh": "{unit} 在 {year} 年未分区：缺少 {features}。"},
    "account": {
        "en": "Its account: source {source}, sink {sink}, net emission {net} [t CO2 a-1].",
        "zh": "碳账户：碳源 {source}，碳汇 {sink}，净排放 {net} [t CO2 a-1]。",
    },
    "for": {"en": "For it speaks {term} = {value} (z = {z:+.2f}).", "zh": "支持该分区的指标：{term} = {value}（z = {z:+.2f}）。"},
    "against": {"en": "Against it speaks {term} = {value} (z = {z:+.2f}).", "zh": "不支持该分区的指标：{term} = {value}（z = {z:+.2f}）。"},
    "next": {"en": "The nearest other zone is {zone}.", "zh": "最接近的其他分区是{zone}。"},
    "change": {
        "en": "It would become {zone} if {term} were {needed} instead of {value}, all else equal.",
        "zh": "其他条件不变时，若{term}为 {needed}（现为 {value}），将变为{zone}。",
    },
    "firm": {
        "en": "No change of a single feature within 3 standard deviations would move it.",
        "zh": "任何单个指标在3个标准差内的变化都不会改变其分区。",
    },
}


def why(result: Result, unit_id: str, year: int | None = None) -> dict[str, Any]:
    """The explanation record of one cell or county.

    Parameters
    ----------
    result : Result
    unit_id : str
        Cell or county of the table `zones`.
    year : int, optional
        Needed where the result has several years; the last one is taken where it is left out.

    Raises
    ------
    InputError
        If the unit or year is not in the zones (naming the nearest).
    CarbonshedError
        If the tables of the folder do not give the zones that stand in it (they were changed).
    """
    zones = result.zones
    if unit_id not in zones.index:
        near = nearest(unit_id, zones.index.unique())
        fix = f"Did you mean {near!r}?" if near else f"Ids look like {zones.index[0]!r}."
        raise refuse("unknown_unit", expected="a unit_id of the zones", got=repr(unit_id), where="why", fix=fix)
    years = sorted(int(y) for y in zones.loc[[unit_id], "year"])
    year = years[-1] if year is None else year
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said when the study ran
        model = fit_study_zones(parse_spec(result.manifest["spec"], where="manifest.json"), result.tables)
    record = explain_zone(model, unit_id, year)
    stored = zones.loc[[unit_id]]
    if stored.loc[stored["year"] == year, "zone"].iloc[0] != record["zone"]:
        raise CarbonshedError(f"The tables of {result.folder} no longer give the zone that stands in them: run `carbonshed verify`.")
    return record


def sentences(record: dict[str, Any], lang: str = "en") -> list[str]:
    """The record in words, every number with its unit."""
    say = {key: row["zh" if lang == "zh" else "en"] for key, row in SENTENCES.items()}
    unit, year = record["unit_id"], record["year"]
    if record["zone"] == "missing":
        return [say["missing"].format(unit=unit, year=year, features=", ".join(record["features_not_known"]))]
    lines = [say["zone"].format(unit=unit, year=year, zone=_zone(record["zone"], lang), confidence=f"{record['zone_confidence']:.2f}")]
    flows = {"source": "carbon_source", "sink": "carbon_sink", "net": "net_carbon_emission"}
    lines.append(say["account"].format(**{key: f"{record[name]:,.0f}" for key, name in flows.items()}))
    for top in record["top_features"]:
        key = "for" if top["contribution"] > 0 else "against"
        lines.append(say[key].format(term=_words(top["term"], lang), value=_number(top["value"], top["term"]), z=top["z"]))
    if record["nearest_other_zone"]:
        lines.append(say["next"].format(zone=_zone(record["nearest_other_zone"], lang)))
    change = record["smallest_change"]
    if change is None:
        return [*lines, say["firm"]]
    numbers = {key: _number(change[key], change["term"]) for key in ("needed", "value")}
    return [*lines, say["change"].format(zone=_zone(change["to_zone"], lang), term=_words(change["term"], lang), **numbers)]


def _zone(name: str, lang: str) -> str:
    return ZONES[name] if lang == "zh" else name


def _words(name: str, lang: str) -> str:
    term = registry.term(name)
    return term.zh if lang == "zh" else term.en


def _number(value: float, name: str) -> str:
    unit = registry.term(name).unit
    return f"{value:,.4g}" + ("" if unit in ("1", "-") else f" {unit}")
