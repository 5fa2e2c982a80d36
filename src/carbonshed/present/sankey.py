"""How land passes between zones over the years: a column a year, a band for what goes from zone to zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from carbonshed.present.chart_plates import chart_plate
from carbonshed.present.display import percent
from carbonshed.present.folder import ResultFolder
from carbonshed.present.maps import Drawing
from carbonshed.present.plates import zone_patch
from carbonshed.present.style import INK, ZONE_COLOURS, ZONE_HATCH, some_years
from carbonshed.present.words import Words

GAP = 0.03
"""Between the zones of a column, as a share of its height."""

LEAST_LABEL = 0.05
LABEL_IN, MOST_OF_STEP = 0.31, 0.45
"""Width of a column that carries its share; where it would take more of the step from year to year, columns carry none."""

MOST_YEARS = 12
"""Years printed at most."""


def zones_sankey(result: ResultFolder, words: Words) -> Drawing:
    """Area of each zone by year (km2) and the area that passed between zones from year to year; colours are those of the zones."""
    table = result.table("zone_transitions").sort_values(["year_from", "zone_from", "zone_to"]).reset_index(drop=True)
    zones = [name for name in ZONE_COLOURS if (table["zone_from"] == name).any() or (table["zone_to"] == name).any()]
    years = sorted({int(year) for column in ("year_from", "year_to") for year in table[column]})
    plate = chart_plate(
        result,
        title=words("figure.zones_sankey"),
        subtitle=words("sankey.reading"),
        panel_height_in=2.3,
        room=(0.10, 0.20, 0.10, 0.04),
        handles=[zone_patch(result, name, words) for name in zones],
    )
    panel = plate.panels[0]
    step_in = panel.get_position().width * plate.figure.get_size_inches()[0] / max(len(years) - 1, 1)
    is_labelled = MOST_OF_STEP * step_in > LABEL_IN
    width = LABEL_IN / step_in if is_labelled else 0.25
    heights = column_heights(table, zones, years)
    scale = (1 - GAP * (len(zones) - 1)) / max(float(heights.sum(axis=1).max()), 1e-12)
    bottoms = _bottoms(heights.to_numpy() * scale)
    areas = heights.to_numpy()
    for place, total in enumerate(areas.sum(axis=1)):
        for order, zone in enumerate(zones):
            tall = float(areas[place, order]) * scale
            _column(panel, (place - width / 2, float(bottoms[place, order])), (width, tall), zone, pattern=result.page.hatches_zones)
            share = float(areas[place, order]) / float(total) if total else 0.0
            if share >= LEAST_LABEL and is_labelled:
                ink = INK if zone in ("balanced", "missing") else "white"
                style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6, "color": ink, "zorder": 4}
                if result.page.hatches_zones:
                    style["bbox"] = {"facecolor": ZONE_COLOURS[zone], "edgecolor": "none", "pad": 0.6}
                panel.text(place, bottoms[place, order] + tall / 2, percent(share, 0), **style)
    _bands(panel, table, zones, years, bottoms, scale, width)
    shown = some_years(years, MOST_YEARS)
    panel.set_xticks([years.index(year) for year in shown], [str(year) for year in shown])
    panel.set(xlim=(-width / 2 - 0.01, len(years) - 1 + width / 2 + 0.01), ylim=(0, 1.0), yticks=[])
    panel.tick_params(bottom=False)
    for side in panel.spines.values():
        side.set_visible(False)
    return Drawing(plate.figure, table)


def column_heights(table: pd.DataFrame, zones: Sequence[str], years: Sequence[int]) -> pd.DataFrame:
    """Area of each zone in each year: what leaves it or what came to it, whichever is more where units come and go."""
    left = table.pivot_table(index="year_from", columns="zone_from", values="area_km2", aggfunc="sum")
    came = table.pivot_table(index="year_to", columns="zone_to", values="area_km2", aggfunc="sum")
    both = [part.reindex(index=list(years), columns=list(zones)).fillna(0.0) for part in (left, came)]
    return pd.DataFrame(np.maximum(both[0].to_numpy(), both[1].to_numpy()), index=list(years), columns=list(zones))


def _bottoms(heights: np.ndarray) -> np.ndarray:
    """Foot of each zone in each column: the first zone on top, as in the legend."""
    stacked = np.cumsum(heights[:, ::-1] + GAP, axis=1)[:, ::-1]
    return np.asarray(stacked - heights - GAP)


def _column(panel: Any, corner: tuple[float, float], size: tuple[float, float], zone: str, *, pattern: bool) -> None:
    """One zone in one year."""
    look: dict[str, Any] = {"facecolor": ZONE_COLOURS[zone], "edgecolor": "white" if pattern else "none", "linewidth": 0.0, "zorder": 3}
    panel.add_patch(Rectangle(corner, *size, hatch=ZONE_HATCH.get(zone) if pattern else None, **look))


def _bands(
    panel: Any, table: pd.DataFrame, zones: Sequence[str], years: Sequence[int], bottoms: np.ndarray, scale: float, width: float
) -> None:
    """Bands of each period in the colour of the zone they leave, ordered as the zones are at either end."""
    order = {zone: place for place, zone in enumerate(zones)}
    keys = zip(table["year_from"].astype(int), table["zone_from"].astype(str), table["year_to"].astype(int), table["zone_to"].astype(str))
    known = dict(zip(keys, table["area_km2"].astype(float), strict=True))
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
    for start, end in sorted({(key[0], key[2]) for key in known}):
        here, there = years.index(start), years.index(end)
        out = {zone: float(bottoms[here, order[zone]]) for zone in zones}
        into = {zone: float(bottoms[there, order[zone]]) for zone in zones}
        x0, x1 = here + width / 2, there - width / 2
        middle = (x0 + x1) / 2
        for zone_from in reversed(zones):
            for zone_to in reversed(zones):
                tall = known.get((start, zone_from, end, zone_to), 0.0) * scale
                if tall <= 0:
                    continue
                a, b = out[zone_from], into[zone_to]
                out[zone_from], into[zone_to] = a + tall, b + tall
                corners = [
                    (x0, a),
                    (middle, a),
                    (middle, b),
                    (x1, b),
                    (x1, b + tall),
                    (middle, b + tall),
                    (middle, a + tall),
                    (x0, a + tall),
                ]
                path = Outline([*corners, (x0, a)], codes)
                edge = INK if zone_from == "balanced" else ZONE_COLOURS[zone_from]
                look: dict[str, Any] = {"facecolor": ZONE_COLOURS[zone_from], "edgecolor": edge, "linewidth": 0.2}
                panel.add_patch(PathPatch(path, alpha=0.42 if zone_from == zone_to else 0.72, zorder=2, **look))
