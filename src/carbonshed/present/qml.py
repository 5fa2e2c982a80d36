"""QGIS style files (QML): the same colours, bound to the same names, as in the figures."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pandas as pd

from carbonshed.present.display import short
from carbonshed.present.style import ZONE_COLOURS, diverging_classes
from carbonshed.present.words import catalogue

HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def zone_qml() -> str:
    """Style of the layer ``zones``: one category a zone, labelled in both languages."""
    phrases = catalogue()
    categories, symbols = [], []
    for place, (zone, colour) in enumerate(ZONE_COLOURS.items()):
        label = f"{phrases[f'zone.{zone}']['zh']} {phrases[f'zone.{zone}']['en']}"
        categories.append(f'<category value={quoteattr(zone)} label={quoteattr(label)} symbol="{place}" render="true"/>')
        symbols.append(_symbol(place, colour))
    return _document("categorizedSymbol", 'attr="zone"', "categories", categories, symbols)


def county_amount_qml(amounts: pd.Series) -> str:
    """Style of ``net_compensation``, yuan a-1: classes symmetric about zero, blue receives, red pays."""
    known = amounts.dropna()
    classes = diverging_classes(known, reverse=True)
    low = min([float(known.min()) if len(known) else 0.0, *classes.limits])
    high = max([float(known.max()) if len(known) else 0.0, *classes.limits])
    edges = [low, *classes.limits, high]
    ranges, symbols = [], []
    for place, colour in enumerate(classes.colours):
        label = f"{short(edges[place])} - {short(edges[place + 1])} yuan/a"
        bounds = f'lower="{edges[place]!r}" upper="{edges[place + 1]!r}"'
        ranges.append(f'<range {bounds} label={quoteattr(label)} symbol="{place}" render="true"/>')
        symbols.append(_symbol(place, colour))
    return _document("graduatedSymbol", 'attr="net_compensation" graduatedMethod="GraduatedColor"', "ranges", ranges, symbols)


def _symbol(place: int, colour: str) -> str:
    """A fill without an outline of its own colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    option = f'<Option name="color" type="QString" value="{red},{green},{blue},255"/>'
    outline = (
        '<Option name="outline_color" type="QString" value="124,120,112,255"/><Option name="outline_width" type="QString" value="0.1"/>'
    )
    layer = f'<layer class="SimpleFill" enabled="1" locked="0" pass="0"><Option type="Map">{option}{outline}</Option></layer>'
    return f'<symbol type="fill" name="{place}" alpha="1" clip_to_extent="1" force_rhr="0">{layer}</symbol>'


def _document(kind: str, attributes: str, group: str, entries: list[str], symbols: list[str]) -> str:
    """A QML document with one renderer."""
    inside = f"<{group}>{''.join(entries)}</{group}><symbols>{''.join(symbols)}</symbols>"
    renderer = f'<renderer-v2 type="{kind}" {attributes} enableorderby="0" forceraster="0" symbollevels="0">{inside}</renderer-v2>'
    return f'{HEAD}<qgis version="3.28" styleCategories="Symbology">{renderer}</qgis>\n'
