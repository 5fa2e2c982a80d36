"""Figures on change over the years: the trend of each unit, how hot spots came and went, how concentrated carbon is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from carbonshed.present.chart_plates import chart_plate
from carbonshed.present.folder import ResultFolder
from carbonshed.present.maps import Drawing, place_text, shapes_of_units, thin_borders
from carbonshed.present.plates import borders, fill, furniture, map_plate, patch, region_outline
from carbonshed.present.shown import ShownFigure
from carbonshed.present.style import HALF_MM, LISA_COLOURS, OTHER_COLOURS, QUANTITY_COLOURS, WIDE_MM, some_years
from carbonshed.present.words import Words

TREND_COLOURS = {
    "rising_fdr": "#A63A24",
    "rising_plain": "#F0A27A",
    "rising_ns": "#F8E3D6",
    "falling_ns": "#DCEAF1",
    "falling_plain": "#9CC7DC",
    "falling_fdr": "#1F5F86",
    "flat": "#EFEDE8",
    "missing": "#D5D5D5",
}
"""Direction of the slope; dark where significant after control of the false discovery rate, mid where only at the plain 0.05 level."""

STAYS, CAME, GAPS, LOST = "stays", "came", "gaps", "lost"
GROUP_OF_CHANGE = {
    "persistent": STAYS, "intensifying": STAYS, "diminishing": STAYS, "new": CAME, "consecutive": CAME, "sporadic": GAPS,
    "oscillating": GAPS, "lost": LOST,
}  # fmt: skip
SPOT_COLOURS = {
    "hot_stays": "#8C2A17", "hot_came": "#E07B4C", "hot_gaps": "#F5C6A5", "hot_lost": "#D9B8B0", "cold_stays": "#174B6B",
    "cold_came": "#4F97BC", "cold_gaps": "#B5D6E6", "cold_lost": "#B4BFC7", "never": LISA_COLOURS["ns"], "missing": LISA_COLOURS["missing"],
}  # fmt: skip


def trends_map(result: ResultFolder, words: Words) -> Drawing:
    """Sign of the Theil-Sen slope of each unit and whether it is significant, a panel a quantity."""
    table = result.table("trends")
    sign = np.sign(table["slope"].astype(float))
    side = np.select([sign > 0, sign < 0, sign == 0], ["rising", "falling", "flat"], "missing")
    plain, corrected = (table[name].isin(["rising", "falling"]).to_numpy() for name in ("trend", "trend_fdr"))
    strength = np.where(corrected, "_fdr", np.where(plain, "_plain", "_ns"))
    classes = pd.Series([name if name in TREND_COLOURS else f"{name}{how}" for name, how in zip(side, strength, strict=True)], table.index)
    first, last = result.years[0], result.years[-1]
    figure = _class_map(result, table, classes, TREND_COLOURS, "trend", words, years=f"{first}–{last}")
    data = table[["unit_id", "quantity", "slope", "mann_kendall_p", "trend", "trend_fdr"]].rename(columns={"slope": "slope [t CO2 a-2]"})
    return Drawing(figure, data)


def hot_spot_change_map(result: ResultFolder, words: Words) -> Drawing:
    """How each unit came to be, or ceased to be, a hot or cold spot, a panel a quantity; related classes share a colour."""
    table = result.table("hot_spot_change")
    names = [
        "never" if change == "never" else f"{spot}_{GROUP_OF_CHANGE[change]}" if change in GROUP_OF_CHANGE else "missing"
        for change, spot in zip(table["hot_spot_change"], table["spot"], strict=True)
    ]
    years = f"{result.years[0]}–{result.years[-1]}"
    figure = _class_map(result, table, pd.Series(names, table.index), SPOT_COLOURS, "spot", words, years=years)
    return Drawing(figure, table[["unit_id", "quantity", "spot", "hot_spot_change", "n_hot", "n_cold", "last_year"]])


def _class_map(
    result: ResultFolder, table: pd.DataFrame, classes: pd.Series, colours: dict[str, str], group: str, words: Words, *, years: str
) -> ShownFigure:
    """A panel a quantity, units filled with the colour of their class; the legend holds the classes that occur."""
    quantities = list(dict.fromkeys(table["quantity"]))[:6]
    held = set(classes)
    handles = [patch(colour, words(f"{group}.{name}")) for name, colour in colours.items() if name in held]
    plate = map_plate(
        result,
        title=words(f"figure.{'trends_map' if group == 'trend' else 'hot_spot_change_map'}"),
        subtitle="  |  ".join(part for part in (words(f"{group}.reading"), place_text(result, words, table), years) if part),
        panel_titles=[words.term(str(name)) for name in quantities],
        handles=handles,
        width_mm=HALF_MM if len(quantities) == 1 else WIDE_MM,
    )
    shapes = shapes_of_units(result).reindex(table["unit_id"]).to_numpy()
    border = thin_borders(result, table)
    inside = None if border else region_outline(result)
    for panel, quantity in zip(plate.panels, quantities, strict=True):
        rows = (table["quantity"] == quantity).to_numpy()
        fill(panel, result, shapes[rows], [colours[name] for name in classes[rows]], border=border, inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    return plate.figure


def concentration_chart(result: ResultFolder, words: Words) -> Drawing:
    """Gini coefficient and Theil index of source and sink over the years."""
    table = result.table("concentration").sort_values("year", kind="stable")
    quantities = list(dict.fromkeys(str(name) for name in table["quantity"]))
    colours = {name: QUANTITY_COLOURS.get(name, OTHER_COLOURS[place % len(OTHER_COLOURS)]) for place, name in enumerate(quantities)}
    plate = chart_plate(
        result,
        title=words("figure.concentration_chart"),
        subtitle=words("change.reading_concentration"),
        panel_height_in=1.35,
        count=2,
        handles=[Line2D([], [], color=colours[name], marker="o", markersize=3.5, label=words.term(name)) for name in quantities],
    )
    for panel, (column, label) in zip(plate.panels, (("gini", "change.axis_gini"), ("theil", "change.axis_theil")), strict=True):
        for name in quantities:
            rows = table[table["quantity"] == name]
            panel.plot(rows["year"], rows[column], "-o", color=colours[name], markersize=3.5, linewidth=1.3)
        panel.set_ylabel(words(label))
        panel.set_xticks(some_years(sorted(int(year) for year in set(table["year"])), 6))
        panel.margins(y=0.15)
    return Drawing(plate.figure, table)
