"""Charts with a mark a unit: the Moran scatter, counties in order of priority, curves of who bears and who receives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from carbonshed.numerics.lorenz import concentration_curve
from carbonshed.present.chart_plates import chart_plate
from carbonshed.present.display import number
from carbonshed.present.folder import INSTITUTIONS, ResultFolder
from carbonshed.present.fonts import drawable
from carbonshed.present.headings import text_width
from carbonshed.present.maps import Drawing, local_statistics
from carbonshed.present.style import GREY, INK, LISA_COLOURS, QUANTITY_COLOURS, SIDE_COLOURS
from carbonshed.present.words import Words

MOST_NAMES = 15
NAME_IN, NAME_PT = 1.02, 6.5
"""Room for a name beside its bar, and its size; a longer name is cut and ends in dots."""

CURVES = ("gdp_yuan", "payable", "receivable")
CURVE_LOOKS: dict[str, dict[str, Any]] = {
    "gdp_yuan": {"color": INK, "linestyle": (0, (4, 2))},
    "payable": {"color": QUANTITY_COLOURS["payable"], "linestyle": "-"},
    "receivable": {"color": QUANTITY_COLOURS["receivable"], "linestyle": "-"},
}


def has_scatter(result: ResultFolder) -> bool:
    """Whether the local statistics of carbon hold the axes of the scatter (results of older versions do not)."""
    if not result.has("spatial_statistics"):
        return False
    table = local_statistics(result, money=False)
    return {"standard_value", "spatial_lag"} <= set(table) and bool(table["spatial_lag"].notna().any())


def moran_scatter(result: ResultFolder, words: Words) -> Drawing:
    """Mean of the neighbours against the value of each unit, both standardised, in the last year; the slope is Moran's I."""
    table = local_statistics(result, money=False)
    table = table[table["year"] == table["year"].max()]
    quantities = list(dict.fromkeys(str(name) for name in table["quantity"]))[:3]
    kinds = [name for name in LISA_COLOURS if (table["lisa_class_fdr"] == name).any() and name not in ("missing", "island")]
    handles = [
        Line2D([], [], color=LISA_COLOURS[name], marker="o", markersize=4, markeredgecolor=GREY, markeredgewidth=0.3, linewidth=0,
               label=words(f"lisa.{name}"))
        for name in kinds
    ]  # fmt: skip
    plate = chart_plate(
        result,
        title=words("figure.moran_scatter"),
        subtitle=f"{words('moran.reading')}  |  {int(table['year'].iloc[0])}",
        panel_height_in=1.7,
        count=len(quantities),
        per_row=3,
        least_width_in=1.5,
        room=(0.42, 0.38, 0.08, 0.24),
        handles=handles,
    )
    for panel, quantity in zip(plate.panels, quantities, strict=True):
        rows = table[table["quantity"] == quantity].dropna(subset=["standard_value", "spatial_lag"])
        z, lag = rows["standard_value"].to_numpy(float), rows["spatial_lag"].to_numpy(float)
        for name in ("ns", *(kind for kind in kinds if kind != "ns")):
            these = (rows["lisa_class_fdr"] == name).to_numpy()
            look: dict[str, Any] = {
                "s": 5,
                "color": LISA_COLOURS[name],
                "edgecolors": GREY,
                "linewidths": 0.15,
                "rasterized": len(z) > 3000,
            }
            panel.scatter(z[these], lag[these], **look)
        panel.axhline(0, color=GREY, linewidth=0.5, zorder=0)
        panel.axvline(0, color=GREY, linewidth=0.5, zorder=0)
        panel.set_title(words.term(quantity), loc="left", fontsize=7.5)
        panel.set_xlabel(words("moran.axis_value"))
        panel.set_ylabel(words("moran.axis_lag"))
        if len(z) and (z**2).sum() > 0:
            slope = float((z * lag).sum() / (z**2).sum())
            panel.axline((0, 0), slope=slope, color=INK, linewidth=1.0)
            text = words("moran.slope", value=number(slope, 3))
            panel.annotate(text, (0.98, 0.03), xycoords="axes fraction", ha="right", va="bottom", fontsize=6.5)
    columns = ["unit_id", "year", "quantity", "standard_value", "spatial_lag", "local_moran_i", "lisa_class", "lisa_class_fdr"]
    return Drawing(plate.figure, table[[name for name in columns if name in table]])


def ranked(result: ResultFolder) -> pd.DataFrame:
    """The first counties of either side in the last year that has an order, payers first."""
    table = result.table("compensation")
    table = table[table["priority_rank"].notna() & ~table["unit_id"].isin(INSTITUTIONS)]
    if "priority" not in table or table.empty:
        return table.iloc[:0]
    table = table[table["year"] == table["year"].max()].sort_values(["side", "priority_rank", "unit_id"])
    return table[table["priority_rank"] <= MOST_NAMES].groupby("side", sort=True).head(MOST_NAMES)


def priority_bars(result: ResultFolder, words: Words) -> Drawing:
    """Priority (amount before closure over GDP, %) of the first fifteen payers and recipients of the last year."""
    table = ranked(result)
    sides = [side for side in ("payer", "recipient") if (table["side"] == side).any()]
    most = max(int((table["side"] == side).sum()) for side in sides)
    plate = chart_plate(
        result,
        title=words("figure.priority_bars"),
        subtitle=words("priority.reading", year=int(table["year"].iloc[0])),
        panel_height_in=0.155 * most + 0.1,
        count=len(sides),
        least_width_in=1.4,
        room=(NAME_IN + 0.1, 0.24, 0.16, 0.06),
        handles=[Patch(color=SIDE_COLOURS[side], label=words(f"side.{side}")) for side in sides],
    )
    for panel, side in zip(plate.panels, sides, strict=True):
        rows = table[table["side"] == side]
        values, places = 100 * rows["priority"].to_numpy(float), -np.arange(len(rows))
        panel.barh(places, values, height=0.72, color=SIDE_COLOURS[side])
        names = [shortened(drawable(str(name))) for name in rows["name"]]
        panel.set_yticks(places, [f"{int(rank)}  {name}" for rank, name in zip(rows["priority_rank"], names, strict=True)])
        panel.tick_params(axis="y", left=False, labelsize=NAME_PT)
        panel.set(ylim=(-most + 0.4, 0.6), xlim=(0, max(float(values.max()), 1e-9) * 1.06))
        panel.xaxis.set_major_locator(_few())
    columns = ["unit_id", "name", "year", "side", "priority", "priority_rank", "priority_class"]
    return Drawing(plate.figure, table[[name for name in columns if name in table]])


def _few() -> Any:
    """About five round ticks."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def shortened(name: str) -> str:
    """A name that fits beside its bar.

    >>> shortened("大厂"), len(shortened("一个很长很长的自治县名称" * 6)) < 14
    ('大厂', True)
    """
    room = NAME_IN - 0.22
    if text_width(name, NAME_PT) <= room:
        return name
    while name and text_width(name + "…", NAME_PT) > room:
        name = name[:-1]
    return name.rstrip() + "…"


def curve_rows(result: ResultFolder) -> pd.DataFrame:
    """Counties of the last year whose people, GDP and amounts are all known."""
    table = result.table("compensation")
    needed = ["population", *CURVES]
    if not set(needed) <= set(table):
        return table.iloc[:0]
    table = table[(table["year"] == table["year"].max()) & ~table["unit_id"].isin(INSTITUTIONS)]
    known = table[needed].astype(float).notna().all(axis=1) & (table["population"].astype(float) > 0)
    return table[known]


def fairness_curves(result: ResultFolder, words: Words) -> Drawing:
    """Cumulative shares of GDP, payments and receipts against people, counties from the poorest to the richest per head."""
    rows = curve_rows(result)
    people = rows["population"].to_numpy(float)
    per_head = rows["gdp_yuan"].to_numpy(float) / people
    names = [name for name in CURVES if float(rows[name].sum()) > 0]
    handles = [Line2D([], [], linewidth=1.4, label=words.term(name), **CURVE_LOOKS[name]) for name in names]
    handles.append(Line2D([], [], color=GREY, linewidth=0.7, label=words("curves.equal")))
    plate = chart_plate(
        result,
        title=words("figure.fairness_curves"),
        subtitle=words("curves.reading", year=int(rows["year"].iloc[0]), n=len(rows)),
        panel_height_in=2.45,
        handles=handles,
        width_mm=90.0,
    )
    panel = plate.panels[0]
    panel.plot([0, 100], [0, 100], color=GREY, linewidth=0.7)
    parts = []
    for name in names:
        x, y = concentration_curve(rows[name].to_numpy(float), people, per_head)
        panel.plot(100 * x, 100 * y, linewidth=1.4, **CURVE_LOOKS[name])
        parts.append(pd.DataFrame({"curve": name, "cumulative_share_of_people [1]": x, "cumulative_share [1]": y}))
    panel.set(xlim=(0, 100), ylim=(0, 100), xlabel=words("curves.axis_people"), ylabel=words("curves.axis_share"))
    return Drawing(plate.figure, pd.concat(parts, ignore_index=True))
