"""Layout of charts: head, panels of one size in rows that fit the page, one legend below. Sizes are those of the printed page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carbonshed.present.folder import ResultFolder
from carbonshed.present.headings import MARGIN_IN, Heading
from carbonshed.present.plates import LEGEND_ROW_IN, Plate, add_legend, columns_that_fit
from carbonshed.present.shown import ShownFigure
from carbonshed.present.style import MM, WIDE_MM

Room = tuple[float, float, float, float]

ROOM: Room = (0.46, 0.38, 0.10, 0.08)
"""Inches left of, below, right of and above a panel, for its axes and their labels."""

MOST_HEIGHT_MM = 225.0
"""Tallest chart: a page of a journal, or of the report, with its caption. Panels get lower where their rows would not fit."""

LEAST_PANEL_IN = 0.4


def panel_columns(usable_in: float, count: int, *, per_row: int, least_width_in: float, room: Room) -> tuple[int, float]:
    """Panels in a row, and the width of each inside its axes in inches.

    >>> panel_columns(6.0, 5, per_row=4, least_width_in=1.4, room=(0.25, 0.2, 0.25, 0.2))
    (3, 1.5)
    """
    left, _, right, _ = room
    fitting = int((usable_in + 1e-9) // (least_width_in + left + right))
    columns = max(1, min(per_row, count, fitting))
    return columns, usable_in / columns - left - right


def usable_inches(result: ResultFolder, width_mm: float = WIDE_MM) -> float:
    """Width between the margins of a chart that is `width_mm` wide on the page of the report."""
    return result.page.width(width_mm) * MM - 2 * MARGIN_IN


def chart_plate(
    result: ResultFolder,
    *,
    title: str,
    subtitle: str,
    panel_height_in: float,
    count: int = 1,
    per_row: int = 2,
    least_width_in: float = 1.9,
    room: Room = ROOM,
    handles: Sequence[Any] = (),
    legend_title: str = "",
    width_mm: float = WIDE_MM,
) -> Plate:
    """A figure with empty panels: at most `per_row` in a row, fewer where the page is too narrow for panels of `least_width_in`.

    Parameters
    ----------
    result : ResultFolder
        Gives the page.
    title, subtitle : str
        What is shown; its unit and year.
    panel_height_in : float
        Height of a panel inside its axes, in inches; lower where the figure would be taller than a page.
    count, per_row : int
        Panels in all, and at most in a row.
    least_width_in : float
        Panels are never narrower, unless one alone fills the page.
    room : (left, below, right, above)
        Inches around each panel, for its labels.
    handles : sequence of matplotlib artists
        Entries of the one legend.
    legend_title : str
        Printed over the legend.
    width_mm : float
        Width on the page of the report; the page of a journal has its own.
    """
    left, below, _, above = room
    usable = usable_inches(result, width_mm)
    width_mm = result.page.width(width_mm)
    columns, panel_width = panel_columns(usable, count, per_row=per_row, least_width_in=least_width_in, room=room)
    rows = -(-count // columns)
    heading = Heading.fitted(title, subtitle, width_mm * MM, result.page)
    legend_columns = columns_that_fit(handles, usable)
    legend_rows = -(-len(handles) // legend_columns) + (1 if legend_title else 0) if handles else 0
    foot = 0.06 + LEGEND_ROW_IN * legend_rows
    most = (MOST_HEIGHT_MM * MM - foot - heading.height) / rows - above - below
    panel_height_in = min(panel_height_in, max(most, LEAST_PANEL_IN))
    step = panel_height_in + above + below
    width, height = width_mm * MM, foot + rows * step + heading.height
    figure = ShownFigure(figsize=(width, height))
    panels = []
    for place in range(count):
        row, column = divmod(place, columns)
        x, y = MARGIN_IN + column * usable / columns + left, foot + (rows - 1 - row) * step + below
        panels.append(figure.add_axes((x / width, y / height, panel_width / width, panel_height_in / height)))
    heading.write(figure)
    add_legend(figure, handles, legend_title, (0.5, 0.04 / height), legend_columns, beside=False)
    return Plate(figure, panels)
