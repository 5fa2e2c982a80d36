"""The catalogue of figures: which function draws each, and which tables it needs.

figure("results", "zones", lang="zh")  # a matplotlib Figure
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from carbonshed.checks import choose, refuse
from carbonshed.present import change_maps, charts, maps, movements, sankey, scale_charts, som_charts, unit_charts, zone_charts
from carbonshed.present.figure_needs import TAKES
from carbonshed.present.folder import ResultFolder
from carbonshed.present.fonts import can_draw, has_chinese
from carbonshed.present.maps import Drawing
from carbonshed.present.presets import PRESETS, page_for
from carbonshed.present.style import context
from carbonshed.present.words import LANGUAGES, Words
from carbonshed.registry import terms

REPORT_DPI = PRESETS["report"].dpi
COMPRESSION = 3
"""Of PNG and of the streams of PDF: at 6, as is usual, a file has 4 % fewer bytes and takes twice the time to pack."""


@dataclass(frozen=True)
class Recipe:
    """How a figure is drawn, and when it can be.

    Parameters
    ----------
    draw : callable
        ``draw(result, words) -> Drawing``.
    needs : callable
        Whether the result holds what it takes.
    """

    draw: Callable[[ResultFolder, Words], Drawing]
    needs: Callable[[ResultFolder], bool]


def _accounts(result: ResultFolder) -> bool:
    return result.has("accounts_grid") or result.has("accounts_county")


def _shapes(result: ResultFolder) -> bool:
    return _accounts(result) or result.has("zones")


def _money(result: ResultFolder) -> bool:
    return result.has("compensation") and (result.has("accounts_county") or "geometry" in result.table("compensation"))


FIGURES: Mapping[str, Recipe] = MappingProxyType(
    {
        "balance_strip": Recipe(charts.balance_strip, lambda result: bool(result.stated("totals"))),
        "source_map": Recipe(maps.source_map, _accounts),
        "sink_map": Recipe(maps.sink_map, _accounts),
        "net_map": Recipe(maps.net_map, _accounts),
        "scale_response": Recipe(charts.scale_response, lambda result: result.has("scale_response")),
        "scale_draws": Recipe(scale_charts.scale_draws, lambda result: result.has("scale_draws")),
        "scale_indicators": Recipe(scale_charts.scale_indicators, scale_charts.has_curves),
        "scale_maps": Recipe(
            scale_charts.scale_maps, lambda result: result.has("scale_response") and len(scale_charts.three_sides(result)) > 1
        ),
        "scale_zones_map": Recipe(zone_charts.scale_zones_map, lambda result: result.has("scale_zones")),
        "hot_spots_map": Recipe(maps.hot_spots_map, lambda result: maps.has_local_statistics(result, money=False)),
        "gi_star_map": Recipe(maps.gi_star_map, lambda result: maps.has_local_statistics(result, money=False)),
        "hot_spots_money_map": Recipe(maps.hot_spots_money_map, lambda result: maps.has_local_statistics(result, money=True)),
        "moran_scatter": Recipe(unit_charts.moran_scatter, unit_charts.has_scatter),
        "zones_map": Recipe(maps.zones_map, lambda result: result.has("zones")),
        "choice_of_k": Recipe(
            zone_charts.choice_of_k_chart, lambda result: result.has("choice_of_k") and len(result.table("choice_of_k")) > 1
        ),
        "som_u_matrix": Recipe(som_charts.som_u_matrix, lambda result: result.has("som_nodes")),
        "som_hits": Recipe(som_charts.som_hits, lambda result: result.has("som_nodes")),
        "som_planes": Recipe(som_charts.som_planes, lambda result: result.has("som_nodes") and bool(som_charts.feature_columns(result))),
        "zones_sankey": Recipe(sankey.zones_sankey, lambda result: result.has("zone_transitions")),
        "zone_shares": Recipe(charts.zone_shares, lambda result: result.has("zone_summary")),
        "compensation_map": Recipe(maps.compensation_map, _money),
        "priority_bars": Recipe(
            unit_charts.priority_bars, lambda result: result.has("compensation") and len(unit_charts.ranked(result)) > 0
        ),
        "fairness_curves": Recipe(
            unit_charts.fairness_curves, lambda result: result.has("compensation") and len(unit_charts.curve_rows(result)) > 1
        ),
        "balance_ratio": Recipe(charts.balance_ratio, lambda result: charts.has_balance_ratio(result)),
        "flows_map": Recipe(movements.flows_map, lambda result: _money(result) and result.has("flows")),
        "trends_map": Recipe(change_maps.trends_map, lambda result: _shapes(result) and result.has("trends")),
        "hot_spot_change_map": Recipe(change_maps.hot_spot_change_map, lambda result: _shapes(result) and result.has("hot_spot_change")),
        "concentration_chart": Recipe(
            change_maps.concentration_chart,
            lambda result: result.has("concentration") and len(set(result.table("concentration")["year"])) > 1,
        ),
        "centre_track": Recipe(movements.centre_track, lambda result: _accounts(result) and result.has("centre_of_gravity")),
    }
)


def available_figures(result: ResultFolder) -> list[str]:
    """Names of the figures that this result can give, in the order of the report."""
    return list(result.once("available figures", lambda: [name for name, recipe in FIGURES.items() if recipe.needs(result)]))


def absent_figures(result: ResultFolder, lang: str = "en") -> dict[str, str]:
    """Names of the figures that this result cannot give, each with what it takes."""
    return {name: TAKES[name][lang == "zh"] for name, recipe in FIGURES.items() if not recipe.needs(result)}


ENDINGS = ("", "_map", "_maps", "_chart", "_track", "_ratio", "_curves", "_bars", "_strip")
BEGINNINGS = ("", "zones_", "som_")


def full_name(name: str) -> str:
    """The name of a figure of which a part is enough: ``zones`` is ``zones_map``, ``sankey`` is ``zones_sankey``.

    Raises
    ------
    InputError
        If there is no such figure; the message lists all.

    Examples
    --------
    >>> full_name("zones"), full_name("flows"), full_name("planes"), full_name("net_map")
    ('zones_map', 'flows_map', 'som_planes', 'net_map')
    """
    for ending in ENDINGS:
        for beginning in BEGINNINGS:
            if f"{beginning}{name}{ending}" in FIGURES:
                return f"{beginning}{name}{ending}"
    return choose(name, FIGURES, where="figure")


def draw(result: ResultFolder, name: str, lang: str) -> Drawing:
    """Draw one figure on the page of the result; in English where no font for Chinese is at hand.

    Raises
    ------
    InputError
        If there is no such figure, or the result lacks what it needs.
    """
    name = full_name(name)
    recipe = FIGURES[name]
    if not recipe.needs(result):
        raise refuse(
            "no_table",
            expected=f"for the figure {name!r}: {TAKES[name][0]}",
            got="a result without it",
            where=str(result.path),
            fix=f"This result can give: {', '.join(available_figures(result))}. One that is new to this version needs a new run.",
        )
    words = Words(choose(lang, LANGUAGES, where="lang"))
    words = words if has_chinese() else Words("en")
    with context():
        drawing = recipe.draw(result, words)
    if all(can_draw(text.get_text(), own=True) for text in drawing.figure.findobj(Text)):
        return drawing
    with context(all_fonts=True):  # a name with a character that our own fonts lack
        drawing = recipe.draw(result, words)
    drawing.figure.all_fonts = True
    return drawing


def figure(
    result: str | Path | ResultFolder,
    name: str,
    *,
    lang: str = "en",
    preset: str = "report",
    hatch: bool = False,
    review_number: str | None = None,
) -> Figure:
    """One figure of a result, as a matplotlib Figure without any global state.

    Parameters
    ----------
    result : path or ResultFolder
        A result folder.
    name : str
        A name of ``FIGURES``, or enough of it: ``"zones"`` is ``"zones_map"``.
    lang : {"zh", "en"}
        Language of title, legend and labels.
    preset : {"report", "single", "one_and_half", "double"}
        Page it is made for: the report, or a column of 90, 140 or 190 mm.
    hatch : bool
        Patterns on the zones, for print in black and white.
    review_number : str, optional
        Number under which the base map was reviewed, printed under maps; None: as the study states it (``study.map_review``).

    Raises
    ------
    InputError
        If there is no such figure or preset, or the result lacks what it needs (the message names those it can give).
    """
    opened = result if isinstance(result, ResultFolder) else ResultFolder(result)
    return draw(opened.on(page_for(preset, hatch=hatch, review_number=review_number)), name, lang).figure


def figure_data(result_dir: str | Path, name: str) -> pd.DataFrame:
    """The numbers behind one figure, with units in the column heads; what its CSV holds."""
    result = ResultFolder(result_dir)
    return with_units(draw(result, name, "en").data)


def with_units(data: pd.DataFrame) -> pd.DataFrame:
    """The frame with registered columns headed ``name [unit]``; geometry left out.

    >>> list(with_units(pd.DataFrame({"unit_id": ["a"], "carbon_sink": [1.0]})))
    ['unit_id', 'carbon_sink [t CO2 a-1]']
    """
    known = terms()
    plain = pd.DataFrame(data.drop(columns="geometry", errors="ignore"))
    heads = {name: f"{name} [{known[name].unit}]" for name in map(str, plain) if name in known and known[name].unit not in ("-", "1")}
    return plain.rename(columns=heads)


def as_bytes(drawing: Drawing, kind: str, *, dpi: int = REPORT_DPI) -> bytes:
    """A drawn figure as PNG, PDF or SVG; the same bytes each time (no dates inside)."""
    buffer = io.BytesIO()
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None, "Creator": "carbonshed"}}.get(kind, {"Software": "carbonshed"})
    packing: dict[str, Any] = {"pil_kwargs": {"compress_level": COMPRESSION}} if kind == "png" else {}
    with context(all_fonts=drawing.figure.all_fonts), mpl.rc_context({"svg.hashsalt": "carbonshed", "pdf.compression": COMPRESSION}):
        drawing.figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, **packing)
    return buffer.getvalue()
