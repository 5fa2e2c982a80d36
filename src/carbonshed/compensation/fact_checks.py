"""How each published fact of the county study is tested: one function a kind of fact, from what a run gives to figures.

The limits come with the fact; nothing here knows what a run will give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod, Transformer

from carbonshed.checks import check_columns
from carbonshed.compensation.panel import rows_by_year
from carbonshed.compensation.priority import balance, balance_summary
from carbonshed.numerics.inequality import gini

CODE_DIGITS = 6
"""Length of an administrative code of a county."""

NEEDED = ("year", "name", "area_km2", "account_deficit", "revised_deficit", "side", "priority_rank", "payable_before", "receivable_before")


@dataclass(frozen=True)
class Outcome:
    """What one setting of the chain gives, for the facts to be tested on.

    Parameters
    ----------
    counties : GeoDataFrame, index ``unit_id``
        `NEEDED` columns of every year, ``city`` and ``province`` where known, ``lisa_class`` of the revised deficit; projected polygons.
    centres : DataFrame
        As `centre_of_gravity` returns it, one row a year.
    """

    counties: gpd.GeoDataFrame
    centres: pd.DataFrame

    def __post_init__(self) -> None:
        check_columns(self.counties.columns, NEEDED, where="outcome")
        check_columns(self.centres.columns, ["year", "lon", "lat", "x", "y"], where="centres")

    @cached_property
    def by_year(self) -> list[tuple[int, pd.DataFrame]]:
        """The counties of each year without their polygons, years ascending."""
        table = pd.DataFrame(self.counties.drop(columns="geometry"))
        return [(int(year), table.iloc[rows]) for year, rows in rows_by_year(table) if year is not None]


@dataclass(frozen=True)
class Finding:
    """One criterion of a fact in one year (None: over all years): its figure, the figure in words, and whether it is met."""

    criterion: str
    year: int | None
    value: float
    text: str
    met: bool | None
    in_band: bool | None = None


def unit_of(counties: pd.DataFrame, unit: Mapping[str, Any]) -> str | None:
    """The id of a county of the facts in a frame: the id that is its code or ends in it, else the one of its name; None if absent.

    Examples
    --------
    >>> frame = pd.DataFrame({"name": ["大厂回族自治县", "任县"]}, index=["U131028", "x"])
    >>> unit_of(frame, {"code": "131028", "names": []}), unit_of(frame, {"code": "130505", "names": ["任县"]})
    ('U131028', 'x')
    """
    ids = [str(each) for each in counties.index.unique()]
    ends = [each for each in ids if each.endswith(unit["code"])] if len(unit["code"]) == CODE_DIGITS else []
    if len(ends) == 1:
        return ends[0]
    named = counties.index[counties["name"].isin(list(unit["names"]))].unique()
    return str(named[0]) if len(named) == 1 else None


def _payments_over_receipts(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    found = []
    for year, part in outcome.by_year:
        ratio = float(balance_summary(part)["balance_all"].iloc[0])
        met = None if np.isnan(ratio) else bool(ratio > fact["above"] * (1 + 1e-9))  # zero-sum forms are equal but for rounding
        found.append(Finding("payments / receipts", year, ratio, f"{ratio:.2f}", met))
    return found


def _evenness(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    found = []
    for year, part in outcome.by_year:
        known = part[part["revised_deficit"].notna()]
        before, after = (gini(known[column].abs()) for column in ("account_deficit", "revised_deficit"))
        met = None if np.isnan(before) or np.isnan(after) else bool(after < before)
        found.append(Finding("Gini of the absolute deficit", year, after, f"{before:.3f} to {after:.3f}", met))
    return found


def _ranks(part: pd.DataFrame, side: str) -> dict[str | None, int]:
    """Rank of each county of a side that has one."""
    known = part.loc[(part["side"] == side) & part["priority_rank"].notna(), "priority_rank"]
    return {str(unit): int(rank) for unit, rank in known.items()}


def _first_units(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    side, units, found = fact["side"], fact["units"], []
    for year, part in outcome.by_year:
        by_id = _ranks(part, side)
        ranks = {unit["code"]: by_id.get(unit_of(part, unit)) for unit in units}
        inside = sum(rank is not None and rank <= fact["first"] for rank in ranks.values())
        told = ", ".join(f"{unit['en']} {ranks[unit['code']] or '-'}" for unit in units)
        band = all(rank is not None and rank <= fact["band_first"] for rank in ranks.values())
        always = [ranks.get(code) for code in fact["band_always"]]
        band = band and all(rank is not None and rank <= fact["first"] for rank in always)
        found.append(Finding("ranks", year, float(inside), f"{inside} of {len(units)} ({told})", inside == len(units), band))
    return found


def _leaders(part: pd.DataFrame, side: str, first: int) -> pd.DataFrame:
    return part[(part["side"] == side) & (part["priority_rank"] <= first).fillna(False)].sort_values("priority_rank")


def _small_units(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    found = []
    for year, part in outcome.by_year:
        leaders, mean = _leaders(part, fact["side"], fact["first"]), float(part["area_km2"].mean())
        is_small = leaders["area_km2"] < mean
        inside = leaders["province"].isin(list(fact["province"])) if "province" in leaders else pd.Series(True, index=leaders.index)
        count = int((is_small & inside).sum())
        text = f"{count} of {len(leaders)} below the mean of {mean:.0f} km2"
        found.append(Finding("small counties of the province", year, float(count), text, bool(len(leaders)) and count == len(leaders)))
    return found


def _stable_units(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    first = {year: set(_leaders(part, fact["side"], fact["first"]).index) for year, part in outcome.by_year}
    pairs = [(a, b, len(first[a] & first[b]) / len(first[a] | first[b])) for a, b in combinations(first, 2) if first[a] | first[b]]
    if not pairs:
        return [Finding("least Jaccard index of two years", None, np.nan, "one year only", None)]
    a, b, least = min(pairs, key=lambda pair: pair[2])
    return [Finding("least Jaccard index of two years", None, least, f"{least:.2f} ({a} and {b})", least == 1.0)]


def _places(part: pd.DataFrame, label: str, places: list[str]) -> tuple[int, int]:
    """Counties of a cluster class in the named cities or provinces, and in all."""
    chosen = part[part["lisa_class"] == label]
    there = np.zeros(len(chosen), dtype=bool)
    for column in ("city", "province"):
        if column in chosen:
            there |= chosen[column].isin(places).to_numpy()
    return int(there.sum()), len(chosen)


def _cluster_places(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    if "lisa_class" not in outcome.counties or not {"city", "province"} & set(outcome.counties.columns):
        return [Finding("clusters", None, np.nan, "no clusters, cities or provinces", None)]
    found = []
    for wanted in fact["high"]:
        for year, part in outcome.by_year:
            there, _ = _places(part, "HH", wanted["places"])
            found.append(Finding(f"high-high {wanted['en']}", year, float(there), str(there), there > 0))
    for year, part in outcome.by_year:
        there, total = _places(part, "LL", fact["low"]["places"])
        met = total > 0 and there / total > fact["low"]["share"]
        found.append(Finding(f"low-low in {fact['low']['en']}", year, float(there), f"{there} of {total}", met))
    return found


def box_of(fact: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """West, south, east, north of a fact's box in degrees, from degrees and minutes.

    >>> [round(side, 4) for side in box_of({"west": [115, 45], "south": [38, 10], "east": [116, 2], "north": [38, 20]})]
    [115.75, 38.1667, 116.0333, 38.3333]
    """
    west, south, east, north = (fact[side][0] + fact[side][1] / 60 for side in ("west", "south", "east", "north"))
    return west, south, east, north


def box_sides_km(box: tuple[float, float, float, float]) -> tuple[float, float, float]:
    """Width at mid-latitude, height and diagonal of a box, as geodesics on WGS84 [km].

    >>> [round(side, 1) for side in box_sides_km((115.75, 38 + 1 / 6, 116 + 1 / 30, 38 + 1 / 3))]
    [24.8, 18.5, 30.9]
    """
    west, south, east, north = box
    geod, middle = Geod(ellps="WGS84"), (south + north) / 2
    ends = ((west, middle, east, middle), (west, south, west, north), (west, south, east, north))
    width, height, diagonal = (float(geod.inv(*end)[2]) / 1000 for end in ends)
    return width, height, diagonal


def _margin_km(lon: float, lat: float, box: tuple[float, float, float, float]) -> float:
    """Distance to the nearest side of the box, below 0 outside [km]."""
    west, south, east, north = box
    geod = Geod(ellps="WGS84")
    metres = [geod.inv(lon, lat, side, lat)[2] * np.sign(gap) for side, gap in ((west, lon - west), (east, east - lon))]
    metres += [geod.inv(lon, lat, lon, side)[2] * np.sign(gap) for side, gap in ((south, lat - south), (north, north - lat))]
    return float(min(metres)) / 1000


def _centres(outcome: Outcome) -> list[tuple[int, float, float]]:
    """Year, longitude and latitude of each centre."""
    return [(int(row["year"]), float(row["lon"]), float(row["lat"])) for row in outcome.centres.to_dict("records")]


def _centre_in_box(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    found, box = [], box_of(fact)
    for year, lon, lat in _centres(outcome):
        if np.isnan(lon):
            found.append(Finding("centre", year, np.nan, "no centre", None))
            continue
        margin = _margin_km(lon, lat, box)
        side = "inside" if margin >= 0 else "outside"
        far = f"{abs(margin):.1f} km" if abs(margin) >= 0.1 else f"{1000 * abs(margin):.0f} m"
        text = f"{lon:.3f} E {lat:.3f} N ({side} by {far})"
        found.append(Finding("centre", year, margin, text, margin >= 0))
    return found


def _centre_host(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    once = outcome.counties[~outcome.counties.index.duplicated()]
    wanted = {unit["en"]: unit_of(once, unit) for unit in fact["units"]}
    known = {name: unit for name, unit in wanted.items() if unit is not None}
    to_frame = Transformer.from_crs("EPSG:4326", once.crs, always_xy=True)
    found = []
    for year, lon, lat in _centres(outcome):
        if np.isnan(lon) or not known:
            found.append(Finding("host county", year, np.nan, "no centre" if known else "counties not in the study", None))
            continue
        point = shapely.Point(to_frame.transform(lon, lat))
        inside = once[once.geometry.contains(point)]
        far = {name: float(once.geometry[unit].distance(point)) / 1000 for name, unit in known.items()}
        nearest_name = min(far, key=lambda name: far[name])
        host = str(inside["name"].iloc[0]) if len(inside) else "no county of the study"
        met = bool(set(inside.index) & set(known.values()))
        text = host if met else f"{host}, {far[nearest_name]:.1f} km from {nearest_name}"
        found.append(Finding("host county", year, far[nearest_name], text, met))
    return found


def _drift(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    known = [(year, lon, lat) for year, lon, lat in _centres(outcome) if not np.isnan(lon)]
    if len(known) < 2:
        return [Finding("drift", None, np.nan, "one centre only", None)]
    first, last = known[0], known[-1]
    azimuth, _, metres = Geod(ellps="WGS84").inv(first[1], first[2], last[1], last[2])
    bearing = float(azimuth) % 360
    text = f"{metres / 1000:.1f} km at {bearing:.0f} degrees, {first[0]} to {last[0]}"
    return [Finding("drift", None, bearing, text, bool(metres > 0 and fact["from_deg"] < bearing < fact["to_deg"]))]


def _balance(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    found = []
    for year, part in outcome.by_year:
        row = balance(part, n=[fact["n"]]).iloc[0]
        ratio = float(row["balance_ratio"])
        known = not np.isnan(ratio)
        met = bool(fact["low"] <= ratio <= fact["high"]) if known else None
        band = bool(fact["band_low"] <= ratio <= fact["band_high"]) if known else None
        found.append(Finding(f"B{fact['n']}", year, ratio, f"{ratio:.3f}", met, band))
    return found


def _rise_and_fall(outcome: Outcome, fact: Mapping[str, Any]) -> list[Finding]:
    if "lisa_class" not in outcome.counties:
        return [Finding("counts", None, np.nan, "no clusters", None)]
    found = []
    for label in fact["classes"]:
        counts = [int((part["lisa_class"] == label).sum()) for _, part in outcome.by_year]
        if len(counts) < 3:
            found.append(Finding(label, None, np.nan, "fewer than three years", None))
            continue
        peak = max(counts[1:-1])
        rise, fall = peak - counts[0], peak - counts[-1]
        met = min(rise, fall) > fact["noise"]
        found.append(Finding(label, None, float(min(rise, fall)), f"{' '.join(map(str, counts))} (rises {rise}, falls {fall})", met))
    return found


Check = Callable[[Outcome, Mapping[str, Any]], list[Finding]]

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "payments_over_receipts": _payments_over_receipts,
        "evenness": _evenness,
        "first_units": _first_units,
        "small_units": _small_units,
        "stable_units": _stable_units,
        "cluster_places": _cluster_places,
        "centre_in_box": _centre_in_box,
        "centre_host": _centre_host,
        "drift": _drift,
        "balance": _balance,
        "rise_and_fall": _rise_and_fall,
    }
)
"""Test of each kind of fact; a fact of the data file names one."""
