"""The cards 'why this zone?' of the report: for chosen cells or counties, drawn with HTML and CSS alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import shapely
from pyproj import Transformer

from carbonshed.checks import nearest
from carbonshed.present.blocks import Note, Section, Text
from carbonshed.present.display import number
from carbonshed.present.folder import ResultFolder
from carbonshed.present.recorded import all_recorded
from carbonshed.present.style import ZONE_COLOURS
from carbonshed.present.why_sentences import ZONES, card_sentences, policy_line, unit_title, value_text, why_record
from carbonshed.present.words import Words

REACH = 3.0
"""Bars show z from -3 to 3; what lies beyond is drawn at the end."""
MOST_CARDS = 24
MOST_SQUARES = 12


@dataclass(frozen=True)
class Mark:
    """A mark on the bar of a feature: place in %, colour, and what it is."""

    place: float
    colour: str
    title: str
    kind: str


@dataclass(frozen=True)
class Bar:
    """A feature: its name, value with unit and z, the bar from 0 to its z in %, and the centres of the zones."""

    label: str
    value: str
    left: float
    width: float
    marks: tuple[Mark, ...]
    speaks: str


@dataclass(frozen=True)
class Card:
    """What one card shows."""

    title: str
    subtitle: str
    confidence: str
    zone: str
    colour: str
    reason: str
    lead: tuple[str, ...]
    bars: tuple[Bar, ...]
    distances: tuple[tuple[str, str, float, str], ...]
    neighbours: tuple[str, ...]
    cautions: tuple[str, ...]
    policy: str


@dataclass(frozen=True)
class Cards:
    """Cards and the legend of their bars."""

    cards: tuple[Card, ...]
    legend: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "cards"


def why_section(result: ResultFolder, words: Words) -> Section:
    """Cards of the cells or counties that the study names, or of the surest of each zone and the least sure one."""
    section = Section("why", words("section.why"))
    if not result.has("zones"):
        return section
    table = result.table("zones")
    if "zone_cautions" not in table:
        section.blocks.append(Note(words("absent.why")))
        return section
    year = int(table["year"].max())
    rows = table[table["year"] == year]
    chosen, notes = chosen_units(rows, asked_units(result), result.names, words)
    cards = tuple(_card(result, rows[rows["unit_id"] == unit].iloc[0], reason, words) for unit, reason in chosen)
    section.blocks.append(Text(words("why.lead", year=year)))
    quality = (result.choices.get("zoning") or {}).get("quality") or {}
    if quality.get("not_separable"):
        checks = all_recorded(quality.get("failed_checks") or [], words)
        section.blocks.append(Note(words("worth.not_separable", checks=checks), tone="warning"))
    section.blocks += [Note(each, tone="warning") for each in notes]
    if cards:
        legend = [(ZONE_COLOURS[zone], words("why.centre_of", zone=words(f"zone.{zone}"))) for zone in ZONES[:3]]
        section.blocks.append(Cards(cards, tuple(legend)))
    return section


def asked_units(result: ResultFolder) -> list[str]:
    """Ids or names under ``[report] explain`` of the study."""
    return [str(each) for each in ((result.manifest.get("spec") or {}).get("report") or {}).get("explain") or []]


def chosen_units(rows: pd.DataFrame, asked: Sequence[str], names: dict[str, str], words: Words) -> tuple[list[tuple[str, str]], list[str]]:
    """Ids with the reason why each was chosen, and notes on what was asked for and is not there.

    Asked for: ids, or names of counties. Else, among those at least half inside the region, the one of the highest confidence in each
    zone, and the one of the lowest, by the smaller size of the margin where several have none; of equals the lower id.
    """
    ids = set(rows["unit_id"])
    if asked:
        found, notes = [], []
        for each in asked:
            matches = [each] if each in ids else sorted(unit for unit, name in names.items() if name == each and unit in ids)
            found += [(unit, words("why.asked")) for unit in matches]
            if not matches:
                near = nearest(each, [*ids, *names.values()])
                notes.append(words("why.unknown", unit=each, near=near or "—"))
        if len(found) > MOST_CARDS:
            notes.append(words("why.too_many", n=len(found), most=MOST_CARDS))
        return list(dict(found[:MOST_CARDS]).items()), notes
    whole = rows[~rows["zone_cautions"].fillna("").str.contains("partly_outside") & rows["zone_confidence"].notna()]
    whole = whole.assign(size=whole["zone_margin"].abs()).sort_values("unit_id", kind="stable")
    picked: dict[str, str] = {}
    for zone in ZONES[:3]:
        mine = whole[whole["zone"] == zone].sort_values("zone_confidence", ascending=False, kind="stable")
        if len(mine):
            picked[str(mine["unit_id"].iloc[0])] = words("why.strongest", zone=words(f"zone.{zone}"))
    unsure = whole.sort_values(["zone_confidence", "size"], kind="stable")
    if len(unsure):
        picked.setdefault(str(unsure["unit_id"].iloc[0]), words("why.least_sure"))
    return list(picked.items()), []


def _card(result: ResultFolder, row: pd.Series, reason: str, words: Words) -> Card:
    """The card of one row."""
    record = why_record({str(key): value for key, value in row.items()}, name=result.names.get(str(row["unit_id"])))
    cautions = tuple(words(f"caution.{each}") for each in record["cautions"])
    counts = record["neighbours"] or {}
    squares = [ZONE_COLOURS[zone] for zone in ZONES for _ in range(int(counts.get(zone) or 0))]
    return Card(
        title=unit_title(record),
        subtitle=" · ".join(part for part in (str(record["year"]), _where(result, row, words)) if part),
        confidence=words("why.confidence", confidence=number(record["zone_confidence"], places=2)),
        zone=words(f"zone.{record['zone']}"),
        colour=ZONE_COLOURS[str(record["zone"])],
        reason=reason,
        lead=tuple(card_sentences(record, words)),
        bars=tuple(_bar(result, record, feature, words) for feature in record.get("features") or []),
        distances=_distances(record, words),
        neighbours=tuple(squares[:MOST_SQUARES]),
        cautions=cautions,
        policy=policy_line(record, words),
    )


def _where(result: ResultFolder, row: pd.Series, words: Words) -> str:
    """Where a cell lies: degrees of its centre, and the county it is in; nothing for a county."""
    shape = row.get("geometry")
    if str(row["unit_id"]) in result.names or shape is None or result.crs is None:
        return ""
    centre = shape.centroid
    lon, lat = Transformer.from_crs(result.crs, 4326, always_xy=True).transform(centre.x, centre.y)
    counties = result.counties
    inside = [] if counties is None else counties.index[shapely.contains(counties.geometry.to_numpy(), centre)]
    county = result.names.get(str(inside[0]), "") if len(inside) else ""
    return words("why.place", lat=f"{lat:.2f}", lon=f"{lon:.2f}") + (f" · {county}" if county else "")


def _bar(result: ResultFolder, record: dict[str, Any], feature: dict[str, Any], words: Words) -> Bar:
    """The bar of a feature from 0 to its z, with the centre of each zone on it."""
    at = _place(feature["z"])
    marks = []
    if result.has("zone_centres"):
        centres = result.table("zone_centres")
        mine = centres[(centres["feature"] == feature["feature"]) & centres["cluster"].isin(_clusters(centres, record))]
        for zone, z, value in zip(mine["zone"], mine["centre_z"], mine["centre_value"], strict=True):
            told = value_text(float(value), feature["term"], words.lang)
            title = f"{words('why.centre_of', zone=words(f'zone.{zone}'))}: {told} (z = {number(float(z), places=2)})"
            kind = "own" if zone == record["zone"] else "next" if zone == record["nearest_other_zone"] else "third"
            marks.append(Mark(_place(float(z)), ZONE_COLOURS[str(zone)], title, kind))
    return Bar(
        label=words.term(feature["term"]),
        value=f"{value_text(feature['value'], feature['term'], words.lang)} (z = {number(feature['z'], places=2)})",
        left=min(at, 50.0),
        width=abs(at - 50.0),
        marks=tuple(marks),
        speaks=words("why.speaks_for" if feature["contribution"] > 0 else "why.speaks_against"),
    )


def _clusters(centres: pd.DataFrame, record: dict[str, Any]) -> list[int]:
    """Own cluster, the nearest of another zone, and that of a third zone where it has one alone."""
    shown = [each for each in (record["cluster"], record["nearest_other_cluster"]) if each is not None]
    seen = {record["zone"], record["nearest_other_zone"]}
    by_zone = centres.drop_duplicates("cluster").groupby("zone")["cluster"].agg(list)
    return [*map(int, shown), *(int(each[0]) for zone, each in by_zone.items() if zone not in seen and len(each) == 1)]


def _place(z: float) -> float:
    """Place of z on the bar in %."""
    return round(50.0 + 50.0 * max(-REACH, min(REACH, z)) / REACH, 2)


def _distances(record: dict[str, Any], words: Words) -> tuple[tuple[str, str, float, str], ...]:
    """Distance to the own centre and to that of the nearest other zone: label, number, length in %, colour."""
    if record.get("distance_other") is None:
        return ()
    most = max(record["distance_own"], record["distance_other"], 1e-12)
    return tuple(
        (words("why.to_centre", zone=words(f"zone.{zone}")), number(far, places=2), round(100 * far / most, 2), ZONE_COLOURS[zone])
        for zone, far in ((record["zone"], record["distance_own"]), (record["nearest_other_zone"], record["distance_other"]))
    )
