"""Maps of what moves: money between counties, and the centre of gravity over the years."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.path import Path as Outline

from carbonshed.present.display import display_unit, percent, round_to, short
from carbonshed.present.folder import INSTITUTIONS, ResultFolder
from carbonshed.present.graticule import clear_graticule, draw_frame
from carbonshed.present.maps import Drawing
from carbonshed.present.plates import Plate, borders, fill, furniture, halo, map_plate, patch
from carbonshed.present.style import HALF_MM, INK, OTHER_COLOURS, QUANTITY_COLOURS, SIDE_COLOURS, WIDE_MM, ZONE_COLOURS, nice_length
from carbonshed.present.words import Words

MOST_FLOWS = 300
"""Lines on the map of flows; the rest is counted in the subtitle."""

MOST_TRACKS = 5
"""Quantities whose centres are followed on one figure."""

NARROWEST_KM = 5.0
"""Smallest window of a track: steps below it are within the noise of any centre."""

WIDEST = 4.0
"""Width in points of the line of the largest flow."""

BEND = 0.16
"""Bow of a flow line as a share of its length."""

FLOW_COLOUR = "#5B4636"
SIDE_TINT = {"payer": "#F3D5CB", "recipient": "#CBE0E8", "none": "#F1F0EC"}


def flows_map(result: ResultFolder, words: Words) -> Drawing:
    """Money from payers to recipients: bowed lines from payer to recipient, as wide as the amount; the last year of the study."""
    flows = result.table("flows")
    year = int(flows["year"].max())
    table = flows[(flows["year"] == year) & (flows["compensation_flow"] > 0)].sort_values("compensation_flow", ascending=False)
    points = gpd.GeoSeries(result.money_shapes.representative_point(), index=result.money_shapes.index)
    placed = table[table["payer"].isin(points.index) & table["recipient"].isin(points.index)].head(MOST_FLOWS)
    total = float(table["compensation_flow"].sum())
    share = float(placed["compensation_flow"].sum()) / total if total else float("nan")
    largest = float(placed["compensation_flow"].max()) if len(placed) else 0.0
    unit = display_unit("money", largest, words.lang, per_year=True)
    steps = list(dict.fromkeys(round_to(largest * part, 1) for part in (1.0, 0.5, 0.1))) if largest else []
    sides = _side_of_counties(result, year)
    handles: list[Any] = [patch(SIDE_TINT[side], words(f"side.{side}")) for side in SIDE_TINT if (sides == side).any()]
    if result.money_shapes.index.difference(sides.index).size:
        handles.append(patch(ZONE_COLOURS["missing"], words("map.left_out")))
    handles += [
        Line2D([], [], color=FLOW_COLOUR, linewidth=_width(step, largest), label=f"{short(step / unit.factor)} {unit.label}")
        for step in steps
    ]
    all_shown = len(placed) == len(table) > 0
    note = words("map.flows_all" if all_shown else "map.flows_shown", shown=len(placed), total=len(table), share=percent(share, 0))
    if table["payer"].isin(INSTITUTIONS).any() or table["recipient"].isin(INSTITUTIONS).any():
        note = f"{note}  |  {words('map.fund_not_drawn')}"
    plate = map_plate(
        result, title=words("figure.flows_map"), subtitle=f"{year}  |  {note}", panel_titles=[str(year)], handles=handles,
    )  # fmt: skip
    _sides(plate, result, year)
    _flow_lines(plate, placed, points, largest)
    furniture(plate.panels[0], result, words)
    names = {**result.names, **{each: words(f"side.{each}") for each in INSTITUTIONS}}
    data = table.assign(payer_name=table["payer"].map(names), recipient_name=table["recipient"].map(names))
    return Drawing(plate.figure, data)


def _side_of_counties(result: ResultFolder, year: int) -> pd.Series:
    """The side each county is on in that year, by its id."""
    amounts = result.table("compensation")
    return amounts[amounts["year"] == year].set_index("unit_id")["side"]


def _sides(plate: Plate, result: ResultFolder, year: int) -> None:
    """Counties tinted by the side they are on."""
    shapes = result.money_shapes
    colours = [SIDE_TINT.get(str(name), ZONE_COLOURS["missing"]) for name in _side_of_counties(result, year).reindex(shapes.index)]
    fill(plate.panels[0], result, shapes.to_numpy(), colours, border="white", width=0.3)
    borders(plate.panels[0], result)


def _width(flow: float, largest: float) -> float:
    """Line width in points: area on paper grows with the money, thin lines stay visible."""
    return max(0.35, WIDEST * flow / largest)


def _flow_lines(plate: Plate, flows: pd.DataFrame, points: gpd.GeoSeries, largest: float) -> None:
    """Lines bowed toward the middle of the map, the largest on top, with a dot in the colour of its side at each end."""
    if len(flows) == 0:
        return
    start = np.column_stack([points.loc[flows["payer"]].x, points.loc[flows["payer"]].y])
    end = np.column_stack([points.loc[flows["recipient"]].x, points.loc[flows["recipient"]].y])
    step = end - start
    aside, halfway = BEND * np.column_stack([-step[:, 1], step[:, 0]]), (start + end) / 2
    panel = plate.panels[0]
    centre = np.array([np.mean(panel.get_xlim()), np.mean(panel.get_ylim())])
    inward = np.sign(((centre - halfway) * aside).sum(axis=1, keepdims=True))
    middle = halfway + np.where(inward == 0, 1.0, inward) * aside
    codes = [Outline.MOVETO, Outline.CURVE3, Outline.CURVE3]
    lines = [Outline(np.array(path), codes) for path in zip(start[::-1], middle[::-1], end[::-1], strict=True)]
    widths = [_width(float(flow), largest) for flow in flows["compensation_flow"][::-1]]
    panel.add_collection(
        PathCollection(lines, facecolors="none", edgecolors=FLOW_COLOUR, linewidths=widths, alpha=0.62, capstyle="round", zorder=3),
        autolim=False,
    )
    for ends, side in ((start, "payer"), (end, "recipient")):
        panel.scatter(ends[:, 0], ends[:, 1], s=9, color=SIDE_COLOURS[side], edgecolors="white", linewidths=0.4, zorder=4)


def centre_track(result: ResultFolder, words: Words) -> Drawing:
    """Weighted centres of the last year with their standard deviational ellipses; a panel a quantity with its track over the years."""
    table = result.table("centre_of_gravity").dropna(subset=["lon", "lat"]).sort_values("year", kind="stable").reset_index(drop=True)
    spots = gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs=4326).to_crs(result.crs)
    quantities = list(dict.fromkeys(table["quantity"]))[:MOST_TRACKS]
    colours = {name: QUANTITY_COLOURS.get(name, OTHER_COLOURS[place % len(OTHER_COLOURS)]) for place, name in enumerate(quantities)}
    years = sorted(int(year) for year in table["year"].unique())
    handles = [Line2D([], [], color=colours[name], linewidth=1.2, linestyle=_dash(name), label=words.term(name)) for name in quantities]
    moves = len(years) > 1
    span = f"{years[0]}–{years[-1]}" if moves else str(years[0])
    tracks = [words("map.track", quantity=words.term(name)) for name in quantities] if moves else []
    plate = map_plate(
        result,
        title=words("figure.centre_track"),
        subtitle=span,
        panel_titles=[words("map.ellipses", year=years[-1]) if moves else span, *tracks],
        handles=handles,
        width_mm=WIDE_MM if moves else HALF_MM,
    )
    for panel in plate.panels:
        _backdrop(panel, result)
    for place, name in enumerate(quantities):
        rows = table["quantity"] == name
        _ellipse(plate.panels[0], table[rows].iloc[-1], spots[rows].iloc[-1], colours[name], _dash(name))
        if moves:
            dated = spots[rows].set_axis(table.loc[rows, "year"].astype(int))
            _track(plate.panels[place + 1], dated, colours[name], _dash(name))
    furniture(plate.panels[0], result, words)
    return Drawing(plate.figure, table)


def _dash(quantity: str) -> str:
    """Carbon is drawn with full lines, money with broken ones."""
    return "-" if quantity.startswith(("carbon", "net_carbon")) else "--"


def _backdrop(panel: Any, result: ResultFolder) -> None:
    """The region in pale grey: counties where there are any, else the cells."""
    shapes = result.counties if result.counties is not None else result.cells
    if shapes is not None:
        colours = ["#F4F2EC"] * len(shapes)
        fill(panel, result, shapes.geometry.to_numpy(), colours, border="#DAD6CC" if result.counties is not None else None, width=0.25)
    borders(panel, result)


def _ellipse(panel: Any, row: Any, spot: Any, colour: str, dash: str) -> None:
    """Centre and ellipse of one year; the angle of the table is clockwise from north, that of the patch from east."""
    panel.plot(spot.x, spot.y, "o", color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.6, zorder=5)
    if np.isfinite([row.ellipse_major_km, row.ellipse_minor_km, row.ellipse_angle_deg]).all():
        size = 2000 * row.ellipse_major_km, 2000 * row.ellipse_minor_km
        line: dict[str, Any] = {"facecolor": "none", "edgecolor": colour, "linewidth": 1.2, "linestyle": dash, "zorder": 4}
        panel.add_patch(Ellipse((spot.x, spot.y), *size, angle=90 - row.ellipse_angle_deg, **line))


def _track(panel: Any, spots: gpd.GeoSeries, colour: str, dash: str) -> None:
    """Centres (indexed by year) joined over the years, in a window that just holds them, with a bar of kilometres."""
    clear_graticule(panel)
    x, y, years = spots.x.to_numpy(), spots.y.to_numpy(), list(spots.index)
    line = {"color": colour, "linestyle": dash, "linewidth": 1.2, "marker": "o", "markersize": 3.5, "zorder": 5}
    panel.plot(x, y, markeredgecolor="white", markeredgewidth=0.5, **line)
    for place in dict.fromkeys((0, len(years) - 1)):
        beside = 1 if place == 0 else place - 1
        is_left = len(years) > 1 and x[beside] > x[place]
        is_below = len(years) > 1 and y[beside] > y[place]
        style: dict[str, Any] = {"ha": "right" if is_left else "left", "va": "top" if is_below else "bottom", "fontsize": 6.5}
        aside = (-3 if is_left else 3, -2 if is_below else 2)
        panel.annotate(
            str(years[place]), (x[place], y[place]), textcoords="offset points", xytext=aside, path_effects=halo(), zorder=6, **style
        )
    west, east = panel.get_xlim()
    south, north = panel.get_ylim()
    shape = (north - south) / (east - west)
    room = max(1.6 * np.ptp(x), 1.6 * np.ptp(y) / shape, NARROWEST_KM * 1000)
    middle_x, middle_y = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    panel.set_xlim(middle_x - room / 2, middle_x + room / 2)
    panel.set_ylim(middle_y - room * shape / 2, middle_y + room * shape / 2)
    draw_frame(panel)
    bar = nice_length(room / 3)
    left, bottom = middle_x - 0.45 * room, middle_y - 0.46 * room * shape
    panel.plot([left, left + bar], [bottom, bottom], color=INK, linewidth=1.5, solid_capstyle="butt", zorder=7)
    style = {"ha": "center", "va": "bottom", "fontsize": 6.5, "path_effects": halo(), "zorder": 7}
    panel.text(left + bar / 2, bottom + 0.012 * room * shape, f"{bar / 1000:g} km", **style)
