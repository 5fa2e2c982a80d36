"""QGIS style files (QML): the same colours, bound to the same names, as in the figures."""

from __future__ import annotations

from itertools import pairwise
from xml.sax.saxutils import quoteattr

import pandas as pd

from carbonshed.present.display import short
from carbonshed.present.movements import FLOW_COLOUR
from carbonshed.present.style import ZONE_COLOURS, class_limits, diverging_classes
from carbonshed.present.words import catalogue

HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"

FLOW_ALPHA = 158  # 0.62, as in the figure
LINE_WIDTHS = (0.1, 0.2, 0.4, 0.8, 1.4)
"""Widths of lines on the map, mm, from the smallest class to the largest."""


def zone_qml(*, outlined: bool = True) -> str:
    """Style of the layer ``zones``: one category a zone, labelled in both languages; cells of a grid need no outlines."""
    phrases = catalogue()
    categories, symbols = [], []
    for place, (zone, colour) in enumerate(ZONE_COLOURS.items()):
        label = f"{phrases[f'zone.{zone}']['zh']} {phrases[f'zone.{zone}']['en']}"
        categories.append(f'<category value={quoteattr(zone)} label={quoteattr(label)} symbol="{place}" render="true"/>')
        symbols.append(_symbol(place, colour, outlined=outlined))
    return _document("categorizedSymbol", 'attr="zone"', "categories", categories, symbols)


def county_amount_qml(amounts: pd.Series) -> str:
    """Style of ``net_compensation``, yuan a-1: classes symmetric about zero, blue receives, red pays."""
    return diverging_qml(amounts, "net_compensation", "yuan/a", reverse=True)


def diverging_qml(values: pd.Series, column: str, unit: str, *, reverse: bool = False, outlined: bool = True) -> str:
    """Style of a signed quantity: classes symmetric about zero; red is the positive side, with `reverse` the negative one."""
    known = values.dropna()
    classes = diverging_classes(known, reverse=reverse)
    edges = _edges(known, classes.limits)
    symbols = [_symbol(place, colour, outlined=outlined) for place, colour in enumerate(classes.colours)]
    return _document("graduatedSymbol", _graduated(column), "ranges", _ranges(edges, unit), symbols)


def line_qml(values: pd.Series, column: str, unit: str) -> str:
    """Style of lines whose width grows with a positive quantity, in five classes of the square roots' natural breaks."""
    known = values.dropna()
    edges = _edges(known, class_limits(known, len(LINE_WIDTHS)))
    widths = LINE_WIDTHS[-(len(edges) - 1) :]
    symbols = [_line(place, width) for place, width in enumerate(widths)]
    return _document("graduatedSymbol", _graduated(column), "ranges", _ranges(edges, unit), symbols)


def _edges(known: pd.Series, limits: tuple[float, ...]) -> list[float]:
    """Limits between the classes with the least and the largest value about them."""
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    return [min([low, *limits]), *limits, max([high, *limits])]


def _graduated(column: str) -> str:
    return f'attr={quoteattr(column)} graduatedMethod="GraduatedColor"'


def _ranges(edges: list[float], unit: str) -> list[str]:
    """One range a class, labelled with its limits and the unit."""
    ranges = []
    for place, (low, high) in enumerate(pairwise(edges)):
        label = quoteattr(f"{short(low)} - {short(high)} {unit}")
        ranges.append(f'<range lower="{low!r}" upper="{high!r}" label={label} symbol="{place}" render="true"/>')
    return ranges


def _line(place: int, width: float) -> str:
    """A line in the colour of payments."""
    red, green, blue = _channels(FLOW_COLOUR)
    colour = f"{red},{green},{blue},{FLOW_ALPHA}"
    options = f'<Option name="line_color" type="QString" value="{colour}"/><Option name="line_width" type="QString" value="{width}"/>'
    layer = f'<layer class="SimpleLine" enabled="1" locked="0" pass="0"><Option type="Map">{options}</Option></layer>'
    return f'<symbol type="line" name="{place}" alpha="1" clip_to_extent="1" force_rhr="0">{layer}</symbol>'


def _channels(colour: str) -> tuple[int, ...]:
    """Red, green and blue of ``#rrggbb``."""
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _symbol(place: int, colour: str, *, outlined: bool = True) -> str:
    """A fill with a thin grey outline, or with none."""
    red, green, blue = _channels(colour)
    option = f'<Option name="color" type="QString" value="{red},{green},{blue},255"/>'
    outline = (
        '<Option name="outline_color" type="QString" value="124,120,112,255"/><Option name="outline_width" type="QString" value="0.1"/>'
        if outlined
        else '<Option name="outline_style" type="QString" value="no"/>'
    )
    layer = f'<layer class="SimpleFill" enabled="1" locked="0" pass="0"><Option type="Map">{option}{outline}</Option></layer>'
    return f'<symbol type="fill" name="{place}" alpha="1" clip_to_extent="1" force_rhr="0">{layer}</symbol>'


def _document(kind: str, attributes: str, group: str, entries: list[str], symbols: list[str]) -> str:
    """A QML document with one renderer."""
    inside = f"<{group}>{''.join(entries)}</{group}><symbols>{''.join(symbols)}</symbols>"
    renderer = f'<renderer-v2 type="{kind}" {attributes} enableorderby="0" forceraster="0" symbollevels="0">{inside}</renderer-v2>'
    return f'{HEAD}<qgis version="3.28" styleCategories="Symbology">{renderer}</qgis>\n'
