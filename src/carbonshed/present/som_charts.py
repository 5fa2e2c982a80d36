"""The map behind the zones: the U-matrix, the planes of its components and what each node holds, on its sheet of hexagons or squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from carbonshed.present.chart_plates import chart_plate, panel_columns, usable_inches
from carbonshed.present.display import NO_BREAK, round_to, short, unit_text
from carbonshed.present.folder import ResultFolder
from carbonshed.present.headings import fold, text_width
from carbonshed.present.maps import Drawing
from carbonshed.present.plates import Plate, patch, zone_patch
from carbonshed.present.style import (
    GREY,
    INK,
    ZONE_COLOURS,
    ZONE_HATCH,
    Classes,
    diverging_classes,
    pale,
    sequential_classes,
)
from carbonshed.present.words import Words
from carbonshed.registry import terms

Floats = NDArray[np.float64]

SHEET_COLUMNS = ("som_node", "som_row", "som_column", "som_x", "som_y", "som_hits", "som_distance", "cluster", "zone")
DISTANCE_RAMP = ("#EAE5DA", "#D6CFC2", "#BDB5A8", "#948A7D", "#675F56", "#37322D")
PLANE_RAMP = ("#F4E9C2", "#EAD79F", "#DDBB74", "#C28B45", "#965A2C", "#5C3018")
FLAT = 0.45
"""Sheets flatter than this stand two in a row, others three."""

BAR_PT = 5.5
TITLE_PT = 7.0
BAR_IN = 0.075
"""Height of the bar of colours under a plane."""


@dataclass(frozen=True)
class Sheet:
    """The nodes of a map as they lie on paper: corners of each, borders between zones; a tall sheet is laid on its side."""

    table: pd.DataFrame
    centres: Floats
    corners: Floats
    is_hexagonal: bool
    is_turned: bool

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the sheet with a small margin."""
        low, high = self.corners.min(axis=(0, 1)) - 0.1, self.corners.max(axis=(0, 1)) + 0.1
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def aspect(self) -> float:
        """Height over width."""
        west, south, east, north = self.limits
        return (north - south) / (east - west)


def sheet_of(result: ResultFolder) -> Sheet:
    """The sheet of a result; hexagonal where its rows are sqrt(3)/2 apart or its odd rows are shifted."""
    table = result.table("som_nodes").sort_values("som_node").reset_index(drop=True)
    centres = table[["som_x", "som_y"]].to_numpy(dtype=np.float64)
    is_hexagonal = not np.allclose(centres, centres.round(), atol=1e-6)
    if is_hexagonal:
        angles = np.pi / 6 + np.arange(6) * np.pi / 3
        around = np.column_stack([np.cos(angles), np.sin(angles)]) / np.sqrt(3.0)
    else:
        around = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    is_turned = bool(np.ptp(centres[:, 1]) > np.ptp(centres[:, 0]))
    if is_turned:
        centres, around = centres[:, ::-1], around[:, ::-1]
    return Sheet(table, centres, centres[:, None, :] + around[None, :, :], is_hexagonal, is_turned)


def feature_columns(result: ResultFolder) -> list[str]:
    """The features of the map that are known at its nodes."""
    table = result.table("som_nodes")
    return [str(name) for name in table if name not in SHEET_COLUMNS and table[name].notna().any()]


def som_u_matrix(result: ResultFolder, words: Words) -> Drawing:
    """Mean distance of each node to the adjacent ones (dimensionless); borders between zones drawn over it."""
    sheet = sheet_of(result)
    values = sheet.table["som_distance"].to_numpy(dtype=np.float64)
    classes = sequential_classes(values, DISTANCE_RAMP)
    line = Line2D([], [], color=ZONE_COLOURS["payment"], linewidth=1.1, label=words("som.border"))
    plate = _plate(result, sheet, words, "som_u_matrix", words("som.reading_u", nodes=len(values)), 1, [line])
    _nodes(plate.panels[0], sheet, classes.colour(values))
    _zone_borders(plate.panels[0], sheet)
    _bar(plate.panels[0], classes, values)
    return Drawing(plate.figure, sheet.table[list(SHEET_COLUMNS[:7])])


def som_planes(result: ResultFolder, words: Words) -> Drawing:
    """The value of every feature at every node, each in its own unit; diverging colours where a feature has both signs."""
    sheet, names = sheet_of(result), feature_columns(result)
    line = Line2D([], [], color=INK, linewidth=1.0, label=words("som.border"))
    units = {name: terms()[name].unit for name in names if name in terms() and terms()[name].unit not in ("-", "1")}
    titles = [words.term(name) + (f"  {unit_text(units[name])}" if name in units else "") for name in names]
    plate = _plate(result, sheet, words, "som_planes", words("som.reading_planes"), len(names), [line], titles)
    for panel, name in zip(plate.panels, names, strict=True):
        values = sheet.table[name].to_numpy(dtype=np.float64)
        both = np.nanmin(values) < 0 < np.nanmax(values)
        classes = diverging_classes(values, symmetric=False) if both else sequential_classes(values, PLANE_RAMP)
        _nodes(panel, sheet, classes.colour(values))
        _zone_borders(panel, sheet, colour=INK)
        _bar(panel, classes, values)
    return Drawing(plate.figure, sheet.table[["som_node", "som_row", "som_column", *names]])


def _in_lines(title: str, width_in: float) -> str:
    """A title in lines over its plane, folded to a width; the unit after two blanks stays whole."""
    name, _, unit = title.partition("  ")
    return "\n".join(fold(name + (f" {unit.replace(' ', NO_BREAK)}" if unit else ""), width_in, TITLE_PT)).replace(NO_BREAK, " ")


def som_hits(result: ResultFolder, words: Words) -> Drawing:
    """How many cells each node holds (area of the full-coloured part) and the zone that its cluster was named."""
    sheet = sheet_of(result)
    hits = sheet.table["som_hits"].to_numpy(dtype=np.float64)
    zones = sheet.table["zone"].astype(str)
    handles: list[Any] = [zone_patch(result, name, words) for name in ZONE_COLOURS if (zones == name).any()]
    most = max(float(hits.max()), 1.0)
    for count in dict.fromkeys(max(int(round_to(most * share, 1)), 1) for share in (1.0, 0.25)):
        size = 7.5 * np.sqrt(count / most)
        marker = "h" if sheet.is_hexagonal else "s"
        handles.append(Line2D([], [], color=GREY, marker=marker, markersize=size, linewidth=0, label=words("som.hits", count=count)))
    empty = int((hits == 0).sum())
    if empty:
        handles.append(patch(pale(ZONE_COLOURS["balanced"], 0.5), words("som.empty", n=empty)))
    plate = _plate(result, sheet, words, "som_hits", words("som.reading_hits", cells=int(hits.sum()), nodes=len(hits)), 1, handles)
    panel = plate.panels[0]
    colours = [ZONE_COLOURS.get(name, ZONE_COLOURS["missing"]) for name in zones]
    _nodes(panel, sheet, [pale(colour, 0.5) for colour in colours], edge="white")
    shrunk = sheet.centres[:, None, :] + (sheet.corners - sheet.centres[:, None, :]) * np.sqrt(hits / most)[:, None, None]
    for name in dict.fromkeys(zones):
        rows = ((zones == name) & (hits > 0)).to_numpy()
        pattern = ZONE_HATCH.get(name) if result.page.hatches_zones else None
        look: dict[str, Any] = {
            "facecolors": ZONE_COLOURS.get(name, ZONE_COLOURS["missing"]),
            "edgecolors": INK if name == "balanced" else "white",
        }
        panel.add_collection(PolyCollection(list(shrunk[rows]), linewidths=0.2, hatch=pattern, **look), autolim=False)
    _zone_borders(panel, sheet, colour=INK)
    return Drawing(plate.figure, sheet.table[["som_node", "som_row", "som_column", "som_hits", "cluster", "zone"]])


def _plate(
    result: ResultFolder, sheet: Sheet, words: Words, name: str, subtitle: str, count: int, handles: list[Any], titles: Sequence[str] = ()
) -> Plate:
    """Panels of the shape of the sheet, none taller than a hand, with room above for the lines of their titles."""
    per_row = 1 if count == 1 else 2 if sheet.aspect < FLAT else 3
    room = (0.06, 0.04 if name == "som_hits" else 0.30, 0.06, 0.05)
    _, inside = panel_columns(usable_inches(result), count, per_row=per_row, least_width_in=1.3, room=room)
    lines = [_in_lines(title, inside) for title in titles]
    if lines:
        room = (*room[:3], 0.07 + 0.12 * max(title.count("\n") + 1 for title in lines))
    plate = chart_plate(
        result,
        title=words(f"figure.{name}"),
        subtitle=subtitle,
        panel_height_in=min(inside * sheet.aspect, 3.4 if count == 1 else 2.6),
        count=count,
        per_row=per_row,
        least_width_in=1.3,
        room=room,
        handles=handles,
    )
    west, south, east, north = sheet.limits
    for panel in plate.panels:
        panel.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
        panel.set_axis_off()
    for panel, title in zip(plate.panels, lines, strict=False):
        panel.set_anchor("W")
        panel.set_title(title, fontsize=TITLE_PT, pad=3, loc="left")
    return plate


def _nodes(panel: Any, sheet: Sheet, colours: list[str], *, edge: str | None = None) -> None:
    """The nodes filled with their colours; without `edge` no seams show."""
    shapes = PolyCollection(list(sheet.corners), facecolors=colours, edgecolors=edge or colours, linewidths=0.3)
    panel.add_collection(shapes, autolim=False)


def _zone_borders(panel: Any, sheet: Sheet, *, colour: str = ZONE_COLOURS["payment"]) -> None:
    """Lines between adjacent nodes of different zones: the side that two nodes at distance 1 have in common."""
    zones = sheet.table["zone"].to_numpy()
    step = sheet.centres[None, :, :] - sheet.centres[:, None, :]
    one, other = np.nonzero(np.triu(np.isclose((step**2).sum(axis=2), 1.0, atol=1e-6)) & (zones[:, None] != zones[None, :]))
    middle, along = (sheet.centres[one] + sheet.centres[other]) / 2, step[one, other]
    half = (0.5 / np.sqrt(3.0) if sheet.is_hexagonal else 0.5) * np.column_stack([-along[:, 1], along[:, 0]])
    lines = np.stack([middle - half, middle + half], axis=1)
    panel.add_collection(LineCollection(list(lines), colors=colour, linewidths=1.1, capstyle="round", zorder=3), autolim=False)


def _bar(panel: Any, classes: Classes, values: Floats) -> None:
    """The classes as a bar under the panel, with their limits at the joints and the least and largest value at its ends."""
    figure = panel.get_figure()
    box, height = panel.get_position(), figure.get_size_inches()[1]
    across, up = float(np.ptp(panel.get_xlim())), float(np.ptp(panel.get_ylim()))
    drawn = min(box.width, box.height * height / figure.get_size_inches()[0] * across / up)
    left = box.x0 + (0.0 if panel.get_anchor() == "W" else (box.width - drawn) / 2)
    bar = figure.add_axes((left + 0.04 * drawn, box.y0 - 0.13 / height, 0.92 * drawn, BAR_IN / height), label="bar")
    count = len(classes.colours)
    for place, colour in enumerate(classes.colours):
        bar.axvspan(place, place + 1, facecolor=colour, edgecolor="none")
    bar.set(xlim=(0, count), ylim=(0, 1), yticks=[])
    known = values[np.isfinite(values)]
    places = [0.0, *classes.limits, 0.0]
    if known.size:
        places[0], places[-1] = (float(np.round(value, _digits(known))) for value in (known.min(), known.max()))
    labels = [short(round_to(value)) for value in places]
    shown = _clear_labels(labels, 0.92 * drawn * figure.get_size_inches()[0])
    bar.set_xticks(shown, [labels[place] for place in shown])
    first, *_, last = bar.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    bar.tick_params(labelsize=BAR_PT, length=1.5, pad=1.0)
    for side in ("left", "bottom", "top", "right"):
        bar.spines[side].set(visible=True, linewidth=0.3, edgecolor=GREY)


def _clear_labels(labels: list[str], width_in: float) -> list[int]:
    """Which labels of a bar are written so that none runs into the next: both ends, and of the joints every one, every other one, ...

    >>> _clear_labels(["0", "1", "2", "3", "4"], 2.0), _clear_labels(["-1,000", "-600", "0", "4,500", "70,000"], 0.9)
    ([0, 1, 2, 3, 4], [0, 2, 4])
    """
    last = len(labels) - 1
    spans = []
    for place, label in enumerate(labels):
        wide, at = text_width(label, BAR_PT), width_in * place / last
        start = at if place == 0 else at - wide if place == last else at - wide / 2
        spans.append((start, start + wide))
    for step in range(1, last):
        shown = [*range(0, last - step + 1, step), last]
        if all(spans[one][1] + 0.03 <= spans[other][0] for one, other in pairwise(shown)):
            return shown
    return [0, last]


def _digits(values: Floats) -> int:
    """Decimals below which a value is nothing beside the spread of all.

    >>> _digits(np.array([1e-6, 0.92]))
    3
    """
    spread = float(np.ptp(values))
    return 2 - int(np.floor(np.log10(spread))) if spread > 0 else 12
