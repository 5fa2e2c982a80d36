"""Charts of a result: the balance strip, the response to scale, what each zone holds, the balance over the first N."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from carbonshed.present.chart_plates import chart_plate
from carbonshed.present.display import Amount, display_unit, number, percent
from carbonshed.present.folder import ResultFolder
from carbonshed.present.headings import text_width
from carbonshed.present.maps import Drawing
from carbonshed.present.plates import zone_patch
from carbonshed.present.style import (
    GREY,
    INK,
    OTHER_COLOURS,
    PALE,
    QUANTITY_COLOURS,
    ZONE_COLOURS,
    ZONE_HATCH,
    some_years,
)
from carbonshed.present.words import Words

CARBON = ("carbon_source", "carbon_sink", "net_carbon_emission")
MONEY = ("payable", "receivable", "unbalanced_amount")
MOST_ROWS = 10
STRICT_BAND = (0.9, 1.1)
"""Within this band the first N payers and recipients count as balanced."""


def balance_strip(result: ResultFolder, words: Words) -> Drawing:
    """Source, sink and net in t CO2 a-1; payable, receivable and remainder in yuan a-1; a row a year.

    Full bars of money are what is paid after cap and closure, pale ones what was owed and due before.
    """
    totals = pd.DataFrame(result.stated("totals") or []).sort_values("year").reset_index(drop=True)
    years = some_years([int(year) for year in totals["year"]], MOST_ROWS)
    totals = totals[totals["year"].isin(years)].reset_index(drop=True)
    has_money = "payable" in totals and totals["payable"].notna().any()
    before = ("payable_before", "receivable_before") if {"payable_before", "receivable_before"} <= set(totals) else None
    if before and np.allclose(totals[list(before)].astype(float), totals[["payable", "receivable"]].astype(float), equal_nan=True):
        before = None
    reading = "strip.reading_carbon" if not has_money else "strip.reading" if before else "strip.reading_closed"
    plate = chart_plate(
        result,
        title=words("figure.balance_strip"),
        subtitle=words(reading),
        panel_height_in=0.42 * len(totals),
        count=2 if has_money else 1,
        least_width_in=2.4,
        room=(0.36, 0.30, 0.06, 0.24),
    )
    _strip(plate.panels[0], totals, CARBON, "carbon", words, before=None)
    if has_money:
        _strip(plate.panels[1], totals, MONEY, "money", words, before=before)
    return Drawing(plate.figure, totals)


def _strip(panel: Any, totals: pd.DataFrame, names: Sequence[str], amount: Amount, words: Words, *, before: Sequence[str] | None) -> None:
    """Bars to both sides of zero and a mark for the difference, one row a year."""
    table = totals.reindex(columns=[*names, *(before or ())]).astype(float)
    unit = display_unit(amount, table.to_numpy().ravel(), words.lang, per_year=True)
    table = table / unit.factor
    rows = np.arange(len(table))[::-1]
    right, left, mark = names
    colours = (QUANTITY_COLOURS[right], QUANTITY_COLOURS[left])
    if before:
        panel.barh(rows, table[before[0]], height=0.6, color=colours[0], alpha=0.28)
        panel.barh(rows, -table[before[1]], height=0.6, color=colours[1], alpha=0.28)
    panel.barh(rows, table[right], height=0.36 if before else 0.5, color=colours[0])
    panel.barh(rows, -table[left], height=0.36 if before else 0.5, color=colours[1])
    panel.plot(table[mark], rows, "D", color=INK, markersize=4.5, markeredgecolor="white", markeredgewidth=0.7, zorder=4)
    reach = [
        _label_bars(panel, rows, table[name], table[before[at]] if before else table[name], sign, table[mark])
        for at, (name, sign) in enumerate(((right, 1), (left, -1)))
    ]
    panel.axvline(0, color=INK, linewidth=0.8)
    room = (0.36 if before else 0.19) * max(sum(reach), 1e-12)
    panel.set_xlim(-reach[1] - room, reach[0] + room)
    panel.set_ylim(-0.5, len(table) - 0.5)
    panel.set_yticks(rows, [str(int(year)) for year in totals["year"]])
    panel.tick_params(left=False, bottom=False, labelbottom=False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    difference = ", ".join(number(value) for value in table[mark]) if len(table) == 1 else ""
    handles = [
        Patch(color=colours[1], label=words(f"strip.{left}")),
        Patch(color=colours[0], label=words(f"strip.{right}")),
        Line2D([], [], color=INK, marker="D", markersize=4, linewidth=0, label=f"{words(f'strip.{mark}')} {difference}".strip()),
    ]
    panel.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, handlelength=1.0, columnspacing=1.0, borderaxespad=0.3
    )
    panel.set_title(unit.label, fontsize=8, color=GREY, pad=4)


def _label_bars(panel: Any, rows: np.ndarray, paid: pd.Series, owed: pd.Series, sign: int, marks: pd.Series) -> float:
    """Write each amount at the end of its bar, with what it was before closure where that differs; how far the bars reach."""
    reach = np.maximum(paid.fillna(0), owed.fillna(0))
    for row, value, before, end, mark in zip(rows, paid, owed, reach, marks, strict=True):
        same = np.isnan(before) or np.isclose(value, before)
        text = number(value) if same else f"{number(value)} / {number(before)}"
        style = {"va": "center", "ha": "left" if sign > 0 else "right", "fontsize": 7.5}
        aside = 7 if abs(sign * end - mark) < 0.03 * max(float(reach.max()), 1e-12) else 3  # clear of a diamond at the end of the bar
        panel.annotate(text, (sign * end, row), xytext=(aside * sign, 0), textcoords="offset points", **style)
    return float(reach.max())


def scale_response(result: ResultFolder, words: Words) -> Drawing:
    """Moran's I and CV against the side of the cells; the chosen side, its plausible interval and the plateau."""
    response = result.table("scale_response")
    quantities = list(dict.fromkeys(response["quantity"]))
    choice = result.scale_choice
    n_years = response["year"].nunique()
    handles: list[Any] = [
        Line2D(
            [],
            [],
            color=QUANTITY_COLOURS.get(name, OTHER_COLOURS[place % len(OTHER_COLOURS)]),
            marker="o",
            markersize=3.5,
            label=words.term(name),
        )
        for place, name in enumerate(quantities)
    ]
    if choice is not None and np.isfinite(choice["scale_km"]):
        handles += [Line2D([], [], color=INK, linewidth=1.0, linestyle="--", label=words("scale.chosen"))]
        handles += [Patch(color=PALE, alpha=0.45, label=words("scale.interval"))]
    plate = chart_plate(
        result,
        title=words("figure.scale_response"),
        subtitle=words("scale.reading_years", n=n_years) if n_years > 1 else words("scale.reading"),
        panel_height_in=1.85,
        count=2,
        least_width_in=2.4,
        handles=handles,
    )
    for panel, column, label in zip(plate.panels, ("moran_i", "cv"), (words("scale.axis_i"), words("scale.axis_cv")), strict=True):
        for place, quantity in enumerate(quantities):
            rows = response[response["quantity"] == quantity]
            by_side = rows.groupby("scale_km")[column].agg(["mean", "min", "max"]).dropna()
            if by_side.empty:
                continue
            colour = QUANTITY_COLOURS.get(quantity, OTHER_COLOURS[place % len(OTHER_COLOURS)])
            panel.fill_between(by_side.index, by_side["min"], by_side["max"], color=colour, alpha=0.15, linewidth=0)
            panel.plot(by_side.index, by_side["mean"], "-o", color=colour, markersize=3.5, linewidth=1.3)
        if choice is not None:
            _mark_choice(panel, choice, is_named=column == "moran_i")
        panel.set_xlabel(words("scale.axis_side"))
        panel.set_ylabel(label)
        panel.set_xticks(sorted(response["scale_km"].unique()))
        panel.margins(y=0.12)
        if response["scale_km"].nunique() > 12:
            panel.xaxis.set_major_locator(_few_ticks())
    columns = ["year", "quantity", "scale_km", "n_cells", "moran_i", "moran_z", "moran_p", "cv", "chosen"]
    return Drawing(plate.figure, response[columns])


def _few_ticks() -> Any:
    """About eight round ticks."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(8, integer=True)


def _mark_choice(panel: Any, choice: dict[str, Any], *, is_named: bool) -> None:
    """A line at the chosen side and a band over its plausible interval."""
    side, low, high = (float(choice[name]) for name in ("scale_km", "low_km", "high_km"))
    if not np.isfinite(side):
        return
    if np.isfinite([low, high]).all() and low < high:
        panel.axvspan(low, high, color=PALE, alpha=0.45, linewidth=0, zorder=0)
    panel.axvline(side, color=INK, linewidth=1.0, linestyle="--", zorder=1)
    if is_named:
        panel.annotate(
            f"{side:g} km",
            (side, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -1),
            textcoords="offset points",
            va="top",
            fontsize=7.5,
        )


def zone_shares(result: ResultFolder, words: Words) -> Drawing:
    """Share of each zone in the cells, area, source and sink of the region, a bar a year."""
    summary = result.table("zone_summary")
    years = some_years(sorted(int(year) for year in summary["year"].unique()), 6)
    summary = summary[summary["year"].isin(years)]
    measures = ["n_units", "area_km2", "carbon_source", "carbon_sink"]
    rows = [(measure, year) for measure in measures for year in years]
    gap = 0.5
    places = [-(index + gap * measures.index(measure)) for index, (measure, _) in enumerate(rows)]
    tall = 0.21 * (len(rows) + gap * 3)
    zones = [name for name in ZONE_COLOURS if summary.loc[summary["zone"] == name, "area_km2"].sum() > 0]
    plate = chart_plate(
        result,
        title=words("figure.zone_shares"),
        subtitle=words("zone.shares_reading"),
        panel_height_in=tall,
        room=(0.95, 0.06, 0.06, 0.06),
        handles=[zone_patch(result, name, words) for name in zones],
    )
    panel = plate.panels[0]
    width = panel.get_position().width * plate.figure.get_size_inches()[0]
    for (measure, year), place in zip(rows, places, strict=True):
        part = summary[summary["year"] == year].set_index("zone")[measure].astype(float)
        total, left = float(part.sum()), 0.0
        for zone in zones:
            share = float(part.get(zone, 0.0)) / total if total else 0.0
            pattern = ZONE_HATCH.get(zone) if result.page.hatches_zones else None
            panel.barh(place, share, left=left, height=0.82, facecolor=ZONE_COLOURS[zone], edgecolor="white", linewidth=0.3, hatch=pattern)
            if share * width > text_width(percent(share, 0), 7) + 0.04:
                ink = "white" if zone in ("payment", "recipient") else INK
                panel.text(left + share / 2, place, percent(share, 0), ha="center", va="center", fontsize=7, color=ink)
            left += share
    labels = [
        f"{words(f'zone.{measure}')}  {year}"
        if len(years) > 1 and year == years[0]
        else str(year)
        if len(years) > 1
        else words(f"zone.{measure}")
        for measure, year in rows
    ]
    panel.set_yticks(places, labels)
    panel.set_xlim(0, 1)
    panel.set_ylim(min(places) - 0.5, 0.5)
    panel.tick_params(left=False, bottom=False, labelbottom=False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    return Drawing(plate.figure, summary)


def has_balance_ratio(result: ResultFolder) -> bool:
    """Whether a ratio is known for any N: without a recipient there is none."""
    return result.has("balance") and bool(result.table("balance")["balance_ratio"].notna().any())


def balance_ratio(result: ResultFolder, words: Words) -> Drawing:
    """B_N: what the first N payers owe over what the first N recipients are due, before closure, against N."""
    table = result.table("balance").sort_values(["year", "n"])
    known = table[(table["n"] > 0) & table["balance_ratio"].notna()]
    years = some_years(sorted(int(year) for year in known["year"].unique()), 6)
    without = sorted(set(table["year"].astype(int)) - set(known["year"].astype(int)))
    note = [words("balance.no_ratio", years=", ".join(map(str, without)))] if without else []
    shades = np.linspace(0.0, 0.55, len(years))[::-1]
    colours = {year: tuple(part + (1 - part) * shade for part in (0.42, 0.30, 0.54)) for year, shade in zip(years, shades, strict=True)}
    plate = chart_plate(
        result,
        title=words("figure.balance_ratio"),
        subtitle="  |  ".join([words("balance.reading"), *note]),
        panel_height_in=1.65,
        room=(0.46, 0.38, 0.20, 0.08),
        handles=[Line2D([], [], color=colour, linewidth=1.4, label=str(year)) for year, colour in colours.items()],
    )
    panel = plate.panels[0]
    panel.axhspan(*STRICT_BAND, color=PALE, alpha=0.45, linewidth=0)
    panel.axhline(1.0, color=GREY, linewidth=0.8)
    for year in years:
        rows = known[known["year"] == year]
        panel.plot(rows["n"], rows["balance_ratio"], color=colours[year], linewidth=1.4)
    panel.set_xlabel(words("balance.axis_n"))
    panel.set_xlim(0, None)
    panel.xaxis.set_major_locator(_few_ticks())
    panel.set_ylabel(words("balance.axis_ratio"))
    panel.annotate(
        words("balance.band"), (0.995, STRICT_BAND[1]), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
        ha="right", fontsize=6.5, color=GREY,
    )  # fmt: skip
    return Drawing(plate.figure, table)
