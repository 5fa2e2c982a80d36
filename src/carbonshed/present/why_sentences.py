"""Why a cell or county is in its zone, in words of either language, from its row of the table of zones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from carbonshed.present.display import NO_BREAK, amount_text, number
from carbonshed.present.words import Words
from carbonshed.registry import terms

ZONES = ("payment", "balanced", "recipient", "missing")
ACCOUNT = ("carbon_source", "carbon_sink", "net_carbon_emission", "ecc", "esc")
TOP = 3
SLOTS = 8
CHINESE_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "yuan a-1": "元/年",
        "yuan a-1 per person": "元/(人·年)",
        "yuan km-2 a-1": "元 km⁻² a⁻¹",
        "t CO2 per 10^4 yuan": "t CO₂/万元",
        "persons": "人",
    }
)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def why_record(row: Mapping[str, Any], *, name: str | None = None) -> dict[str, Any]:
    """A row of the table of zones as the explanation record: plain data, None where something is not known.

    Parameters
    ----------
    row : Mapping
        One row with `unit_id`, as the step `zones` writes it.
    name : str, optional
        Name of the county.

    Returns
    -------
    dict
        As `explain_zone`, without `provenance`, and with `name`, `features` (all of them, the heaviest first), `neighbours` (zone ->
        number; None where neighbours are not known), `zone_before`, `cautions`, `policy_zh`, `policy_en`.
    """
    value = {str(key): plain_value(each) for key, each in row.items() if key != "geometry"}
    record: dict[str, Any] = {key: value.get(key) for key in ("unit_id", "year", "zone", "zone_subtype", "cluster", "som_node")}
    record |= {"name": name, "zone_confidence": value.get("zone_confidence")}
    if record["zone"] == "missing":
        record["features_not_known"] = [each for each in str(value.get("features_not_known") or "").split(", ") if each]
    else:
        record |= {key: value.get(key) for key in ("distance_own", "distance_other", "nearest_other_zone", "nearest_other_cluster")}
        record["features"] = [
            {key: value[f"top_{key}_{place}"] for key in ("feature", "contribution", "z", "term", "value")}
            for place in range(1, SLOTS + 1)
            if value.get(f"top_feature_{place}")
        ]
        record["top_features"] = record["features"][:TOP]
        keys = ("feature", "term", "value", "needed", "change")
        switch = {
            **{key: value.get(f"switch_{key}") for key in keys},
            "change_z": value.get("switch_z"),
            "to_zone": value.get("switch_zone"),
        }
        record["smallest_change"] = switch if switch["to_zone"] else None
    around = {zone: value.get(f"neighbours_{zone}") for zone in ZONES}
    record["neighbours"] = None if around["payment"] is None else around
    record["zone_before"] = value.get("zone_before")
    record["cautions"] = [each for each in str(value.get("zone_cautions") or "").split(", ") if each]
    record |= {key: value.get(key) for key in ACCOUNT if key in value}
    return record | {key: value.get(key) for key in ("mfz_type", "policy_key", "policy_zh", "policy_en")}


def plain_value(value: Any) -> Any:
    """A cell of a table for JSON: None where it is not known, numbers of Python."""
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value


def pretty_unit(unit: str, lang: str = "en") -> str:
    """A registered unit for print.

    >>> pretty_unit("t CO2 km-2 a-1"), pretty_unit("1"), pretty_unit("yuan a-1 per person", "zh")
    ('t CO₂ km⁻² a⁻¹', '', '元/(人·年)')
    """
    if unit in ("1", "-"):
        return ""
    if lang == "zh" and unit in CHINESE_UNITS:
        return CHINESE_UNITS[unit]
    raised = re.sub(r"(?<=[a-zA-Z])-\d|\^\d", lambda found: found.group().removeprefix("^").translate(SUPERSCRIPTS), unit)
    return raised.replace("CO2", "CO₂")


def value_text(value: float | None, term: str, lang: str = "en") -> str:
    """A value with the unit of its term."""
    known = terms().get(term)
    unit = pretty_unit(known.unit, lang) if known else ""
    return number(value) + (NO_BREAK + unit.replace(" ", NO_BREAK) if unit else "")


def unit_title(record: Mapping[str, Any]) -> str:
    """Name and id, or the id of a cell."""
    return f"{record['name']} ({record['unit_id']})" if record.get("name") else str(record["unit_id"])


def why_sentences(record: Mapping[str, Any], words: Words) -> list[str]:
    """The record in sentences, every number with its unit.

    Parameters
    ----------
    record : Mapping
        As `why_record` gives it.
    words : Words

    Returns
    -------
    list of str
        Zone and confidence; account; what speaks for the zone and against it; distances; what would have to change; neighbours; the
        year before; cautions. Without a zone: what is not known.
    """
    title, year = unit_title(record), record["year"]
    if record["zone"] == "missing":
        lacking = words.listing([words.term(each) for each in record["features_not_known"]]) or words("why.rule")
        return [words("why.missing", unit=title, year=year, features=lacking), *_around(record, words)]
    confidence = number(record["zone_confidence"], places=2)
    lines = [words("why.zone", unit=title, year=year, zone=words(f"zone.{record['zone']}"), confidence=confidence)]
    lines += _account(record, words)
    for top in record["top_features"]:
        side = "for" if top["contribution"] > 0 else "against"
        told = value_text(top["value"], top["term"], words.lang)
        lines.append(words(f"why.{side}", term=words.term(top["term"]), value=told, z=_signed(top["z"])))
    lines += [*_next(record, words), *_change(record, words), *_around(record, words), *_cautions(record, words)]
    line = policy_line(record, words)
    return [*lines, line] if line else lines


def policy_line(record: Mapping[str, Any], words: Words) -> str:
    """The line of the policy table; empty where there is none."""
    line = record.get(f"policy_{words.lang}")
    return words("why.policy", line=line) if line else ""


def card_sentences(record: Mapping[str, Any], words: Words) -> list[str]:
    """Those sentences that tell what the drawing of a card does not show: account, change needed, neighbours, the year before."""
    if record["zone"] == "missing":
        return why_sentences(record, words)
    return [*_account(record, words), *_change(record, words), *_around(record, words)]


def _account(record: Mapping[str, Any], words: Words) -> list[str]:
    if record.get("carbon_source") is None:
        return []
    source, sink, net = (_flow(record[key], words) for key in ACCOUNT[:3])
    return [words("why.account", source=source, sink=sink, net=net)]


def _flow(value: float | None, words: Words) -> str:
    text = amount_text("carbon", value, words.lang)
    return text + ("/年" if words.lang == "zh" else " a⁻¹") if value is not None else text


def _signed(z: float) -> str:
    return ("+" if z >= 0 else "") + number(z, places=2)


def _next(record: Mapping[str, Any], words: Words) -> list[str]:
    """The nearest other zone, and how far both centres are."""
    other = record["nearest_other_zone"]
    if not other:
        return []
    far = {key: number(record[f"distance_{key}"], places=2) for key in ("own", "other")}
    return [words("why.next", zone=words(f"zone.{other}"), **far)]


def _change(record: Mapping[str, Any], words: Words) -> list[str]:
    """What would have to change."""
    change = record["smallest_change"]
    if change is None:
        return [words("why.firm")]
    told = {key: value_text(change[key], change["term"], words.lang) for key in ("needed", "value")}
    zone = words(f"zone.{change['to_zone']}")
    return [words("why.change", zone=zone, term=words.term(change["term"]), z=_signed(change["change_z"]), **told)]


def _around(record: Mapping[str, Any], words: Words) -> list[str]:
    """Zones of the neighbours, and the zone of the year before."""
    lines = []
    counts = record["neighbours"]
    if counts is not None:
        held = [words("why.count", n=count, zone=words(f"zone.{zone}")) for zone, count in counts.items() if count]
        lines.append(words("why.neighbours", zones=words.listing(held)) if held else words("why.no_neighbours"))
    before = record["zone_before"]
    if before:
        key = "why.same" if before == record["zone"] else "why.changed"
        lines.append(words(key, zone=words(f"zone.{before}")))
    return lines


def _cautions(record: Mapping[str, Any], words: Words) -> list[str]:
    """What to heed; that the zone has changed is said already."""
    return [words(f"caution.{each}") for each in record["cautions"] if each != "changed"]
