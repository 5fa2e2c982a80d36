"""Figures on the choice of a scale: the curve of every indicator, the sides that the draws gave, the map at three sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator

from carbonshed.present.chart_plates import Room, chart_plate, panel_columns, usable_inches
from carbonshed.present.display import NO_BREAK
from carbonshed.present.folder import ResultFolder
from carbonshed.present.headings import fold, text_width
from carbonshed.present.maps import Drawing
from carbonshed.present.plates import borders, class_handles, fill, furniture, map_plate, patch, region_outline
from carbonshed.present.style import (
    INK,
    OTHER_COLOURS,
    PALE,
    QUANTITY_COLOURS,
    SINK_RAMP,
    SOURCE_RAMP,
    ZONE_COLOURS,
    diverging_classes,
    sequential_classes,
)
from carbonshed.present.words import Words
from carbonshed.registry import terms

INDICATORS = (
    "moran_i", "moran_z", "geary_c", "general_g", "general_g_z", "cv", "scale_variance", "local_variance", "local_variance_roc",
    "nugget_ratio", "range_km", "entropy", "loss_information", "loss_area", "concentration_area_km2", "concentration_population",
    "concentration_gdp_yuan", "top_density_share", "hot_share", "hot_share_fdr", "hot_carbon_share", "hot_stability", "q",
)  # fmt: skip
"""Indicators in the order of the figure: autocorrelation, spread, texture, information, concentration, hot spots, drivers."""

CURVE_TITLE_PT = 6.5
CURVE_TICK_PT = 6.0
CURVE_ROOM: Room = (0.34, 0.17, 0.06, 0.07)
"""Room around a small panel, without the lines of its title."""

DENSITY_UNIT = "t CO₂ km⁻² a⁻¹"


def study_quantity(result: ResultFolder) -> str:
    """The quantity that the scale was chosen for; the first of the table where the run states none."""
    choice = result.scale_choice
    return str(choice["quantity"] if choice is not None else result.table("scale_response")["quantity"].iloc[0])


def shown_indicators(result: ResultFolder) -> list[str]:
    """Indicators with values at two sides or more for the quantity of the study."""
    table = result.table("scale_response")
    rows = table[table["quantity"] == study_quantity(result)]
    known = [name for name in INDICATORS if name in rows]
    return [name for name in known if len(set(rows.loc[rows[name].notna(), "scale_km"])) > 1]


def has_curves(result: ResultFolder) -> bool:
    """Whether there is a curve to draw beyond I and CV, which have a figure of their own."""
    return result.has("scale_response") and bool(set(shown_indicators(result)) - {"moran_i", "cv"})


def indicator_name(name: str, words: Words) -> str:
    """Name of an indicator with its unit, e.g. ``range (km)``."""
    known = terms().get(name)
    label = words.get("indicator", name)
    if label == name:
        label = words.term(name)
    if known is None:
        return label
    unit = known.unit.replace("CO2", "CO₂").replace("km-2", "km⁻²").replace("a-1", "a⁻¹").replace(")2", ")²")
    return label if unit in ("1", "-") else f"{label} {unit if unit.startswith('(') else f'({unit})'}"


def scale_indicators(result: ResultFolder, words: Words) -> Drawing:
    """A small panel an indicator: mean over years against the side, a band over years and grid origins, side and interval marked."""
    quantity, names, choice = study_quantity(result), shown_indicators(result), result.scale_choice
    data = _curves(result, quantity, names)
    colour = QUANTITY_COLOURS.get(quantity, OTHER_COLOURS[0])
    sides = sorted(set(data["scale_km"]))
    handles: list[Any] = [
        Line2D([], [], color=colour, marker="o", markersize=3, label=words("scale.mean")),
        Patch(color=colour, alpha=0.18, label=words("scale.band")),
        *_choice_handles(choice, words),
    ]
    small: dict[str, Any] = {"per_row": 4, "least_width_in": 0.7}
    _, width = panel_columns(usable_inches(result), len(names), room=CURVE_ROOM, **small)
    titles = {name: _title(indicator_name(name, words), width + 2 * CURVE_ROOM[2]) for name in names}
    above = CURVE_ROOM[3] + 0.11 * max(title.count("\n") + 1 for title in titles.values())
    plate = chart_plate(
        result,
        title=words("figure.scale_indicators"),
        subtitle=words("scale.reading_curves", quantity=words.term(quantity)),
        panel_height_in=0.86,
        count=len(names),
        room=(*CURVE_ROOM[:3], above),
        handles=handles,
        legend_title=words("scale.axis_side"),
        **small,
    )
    for panel, name in zip(plate.panels, names, strict=True):
        part = data[data["indicator"] == name].dropna(subset=["mean"])
        panel.fill_between(part["scale_km"], part["low"], part["high"], color=colour, alpha=0.18, linewidth=0)
        panel.plot(part["scale_km"], part["mean"], "-o", color=colour, markersize=2.4, linewidth=1.0)
        _mark(panel, choice)
        panel.set_title(titles[name], fontsize=CURVE_TITLE_PT, pad=2.5, loc="left")
        panel.tick_params(labelsize=CURVE_TICK_PT, pad=1.5, length=2)
        panel.set_xlim(*_limits(data["scale_km"]))
        panel.xaxis.set_major_locator(_side_ticks(sides, width))
        panel.yaxis.set_major_locator(MaxNLocator(3))
        panel.yaxis.get_offset_text().set_fontsize(5.5)
        panel.ticklabel_format(axis="y", scilimits=(-3, 6), useMathText=False)
    return Drawing(plate.figure, data)


def _curves(result: ResultFolder, quantity: str, names: list[str]) -> pd.DataFrame:
    """Mean, lowest and highest value of each indicator and side, over years and over the origins of the grid."""
    table = result.table("scale_response")
    rows = table[table["quantity"] == quantity].melt(["scale_km", "year"], names, var_name="indicator", value_name="value")
    curves = rows.groupby(["indicator", "scale_km"], sort=True)["value"].agg(["mean", "min", "max"]).reset_index()
    curves.columns = pd.Index(["indicator", "scale_km", "mean", "low", "high"])
    if result.has("scale_shifts"):
        shifts = result.table("scale_shifts")
        shifts = shifts[(shifts["quantity"] == quantity) & (shifts["n_origins"] > 1)]
        reach = shifts.groupby(["indicator", "scale_km"]).agg({"shift_low": "min", "shift_high": "max", "n_origins": "max"}).reset_index()
        curves = curves.merge(reach, on=["indicator", "scale_km"], how="left")
        curves["low"], curves["high"] = curves[["low", "shift_low"]].min(axis=1), curves[["high", "shift_high"]].max(axis=1)
        curves = curves.drop(columns=["shift_low", "shift_high"])
    unit = {name: terms()[name].unit if name in terms() else "1" for name in names}
    return curves.assign(unit=curves["indicator"].map(unit), quantity=quantity)


def _limits(sides: pd.Series) -> tuple[float, float]:
    """Limits of the axis of sides with a small margin."""
    low, high = float(sides.min()), float(sides.max())
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _title(label: str, width_in: float) -> str:
    r"""A label in lines that fit over a small panel; a unit is never broken.

    >>> _title("scale variance (t CO2 km-2)2", 9.0), _title("scale variance (t CO2 km-2)2", 1.0)
    ('scale variance (t CO2 km-2)2', 'scale variance\n(t CO2 km-2)2')
    """
    name, bracket, unit = label.partition(" (")
    whole = name + bracket + unit.replace(" ", NO_BREAK)
    return "\n".join(fold(whole, width_in, CURVE_TITLE_PT)).replace(NO_BREAK, " ")


def _side_ticks(sides: list[float], width_in: float) -> Any:
    """Ticks at all sides where their labels fit, else at every other one, else at about five round numbers."""
    if len(sides) >= 12:
        return MaxNLocator(5, integer=True)
    needed = sum(text_width(f"{side:g}", CURVE_TICK_PT) + 0.05 for side in sides)
    return FixedLocator(sides if needed <= width_in else sides[::2])


def _mark(panel: Any, choice: dict[str, Any] | None) -> None:
    """A line at the chosen side and a band over its plausible interval."""
    if choice is None or not np.isfinite(choice["scale_km"]):
        return
    if np.isfinite([choice["low_km"], choice["high_km"]]).all() and choice["low_km"] < choice["high_km"]:
        panel.axvspan(choice["low_km"], choice["high_km"], color=PALE, alpha=0.45, linewidth=0, zorder=0)
    panel.axvline(choice["scale_km"], color=INK, linewidth=0.8, linestyle="--", zorder=1)


def _choice_handles(choice: dict[str, Any] | None, words: Words) -> list[Any]:
    if choice is None or not np.isfinite(choice["scale_km"]):
        return []
    line = Line2D([], [], color=INK, linewidth=0.9, linestyle="--", label=f"{words('scale.chosen')}, {choice['scale_km']:g} km")
    return [line, Patch(color=PALE, alpha=0.45, label=words("scale.interval"))]


def scale_draws(result: ResultFolder, words: Words) -> Drawing:
    """How often the draws over grid origins, years and permutations gave each side, a panel a quantity."""
    table = result.table("scale_draws")
    quantities = list(dict.fromkeys(table["quantity"]))
    sides = sorted(float(side) for side in (result.table("scale_response") if result.has("scale_response") else table)["scale_km"].unique())
    sides = [side for side in sides if np.isfinite(side)]
    plate = chart_plate(
        result,
        title=words("figure.scale_draws"),
        subtitle=words("scale.reading_draws", n=table["draw"].nunique()),
        panel_height_in=1.15,
        count=min(len(quantities), 3),
        per_row=3,
        least_width_in=1.5,
        room=(0.40, 0.44, 0.06, 0.22),
    )
    counts = []
    for place, quantity in enumerate(quantities[:3]):
        panel = plate.panels[place]
        drawn = table.loc[table["quantity"] == quantity, "scale_km"].astype(float)
        found = [int((drawn == side).sum()) for side in sides]
        nothing = int(drawn.isna().sum())
        bars, labels = found, [f"{side:g}" for side in sides]
        if nothing:
            bars, labels = [*bars, nothing], [*labels, words("scale.none")]
        colour = QUANTITY_COLOURS.get(quantity, OTHER_COLOURS[place % len(OTHER_COLOURS)])
        shown = panel.bar(range(len(bars)), [100 * count / max(len(drawn), 1) for count in bars], color=colour, width=0.75)
        if nothing:
            shown[-1].set(facecolor=ZONE_COLOURS["missing"])
        panel.set_xticks(range(len(bars)), labels)
        room = panel.get_position().width * plate.figure.get_size_inches()[0] / len(bars)
        is_tight = max(text_width(label, 6.5) for label in labels) + 0.03 > room
        panel.tick_params(axis="x", labelsize=6.5, length=0, rotation=60 if is_tight else 0)
        panel.set_title(words.term(str(quantity)), loc="left")
        panel.set_xlabel(words("scale.axis_side"), fontsize=7.5)
        if place == 0:
            panel.set_ylabel(words("scale.axis_draws"))
        counts += [
            {"quantity": quantity, "scale_km": side, "n_draws": count, "share": count / max(len(drawn), 1)}
            for side, count in zip([*sides, float("nan")], bars, strict=False)
        ]
    return Drawing(plate.figure, pd.DataFrame(counts))


def three_sides(result: ResultFolder) -> list[float]:
    """The side that maps show and its neighbours among the sides that the result holds; at an end, the two next to it."""
    if not result.has("accounts_grid"):
        return []
    held = sorted(float(side) for side in result.table("accounts_grid")["scale_km"].unique())
    place = held.index(float(result.display_scale_km or held[0]))
    start = min(max(place - 1, 0), max(len(held) - 3, 0))
    return held[start : start + 3]


def scale_maps(result: ResultFolder, words: Words) -> Drawing:
    """Carbon per area in the last year on the chosen grid and on the next finer and coarser one, with common classes."""
    column = study_quantity(result)
    table, sides = result.geo("accounts_grid"), three_sides(result)
    year = int(table["year"].max())
    table = table[(table["year"] == year) & table["scale_km"].isin(sides)]
    density = table[column].astype(float) / table["area_km2"].astype(float)
    ramps = {"carbon_source": SOURCE_RAMP, "carbon_sink": SINK_RAMP}
    classes = sequential_classes(density, ramps[column]) if column in ramps else diverging_classes(density, symmetric=False)
    handles = class_handles(classes, words, value=float(density.max()) if density.notna().any() else 0.0)
    if density.isna().any():
        handles.append(patch(ZONE_COLOURS["missing"], words("map.missing")))
    plate = map_plate(
        result,
        title=words("figure.scale_maps"),
        subtitle=f"{words.term(column)}  |  {DENSITY_UNIT}  |  {year}",
        panel_titles=[f"{side:g} km" for side in sides],
        handles=handles,
        legend_title=DENSITY_UNIT,
    )
    inside = region_outline(result)
    for panel, side in zip(plate.panels, sides, strict=True):
        rows = (table["scale_km"] == side).to_numpy()
        shapes = table.geometry.to_numpy()[rows]
        fill(panel, result, shapes, classes.colour(density[rows]), inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    data = pd.DataFrame(table[["unit_id", "year", "scale_km", "area_km2", column]]).assign(**{f"density [{DENSITY_UNIT}]": density})
    return Drawing(plate.figure, data)
