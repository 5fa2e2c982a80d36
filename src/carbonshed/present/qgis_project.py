"""A QGIS project (.qgs) that opens the GeoPackage beside it: layers in order, styled, zoomed to the region, in the CRS of the study."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from pyproj import CRS

from carbonshed.present.map_layers import MapLayer

HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
SHOWN = ("map_zones", "map_flows")
"""Layers switched on when the project opens; the others stand below, switched off."""


def project_text(name: str, layers: Sequence[MapLayer], geopackage: str) -> str:
    """The project as XML (QGIS 3): the last layer lies on top, as in `map_layers`; the source is a path relative to the project."""
    root = ET.Element("qgis", {"version": "3.22.0", "projectname": name})
    ET.SubElement(root, "title").text = name
    if layers:
        ET.SubElement(root, "projectCrs").append(_reference_system(layers[0].frame.crs))
    tree = ET.SubElement(root, "layer-tree-group")
    for layer in reversed(layers):
        state = "Qt::Checked" if layer.name in SHOWN or len(layers) == 1 else "Qt::Unchecked"
        source = f"./{geopackage}|layername={layer.name}"
        attributes = {"id": _id(layer), "name": _title(layer), "checked": state, "expanded": "0", "providerKey": "ogr", "source": source}
        ET.SubElement(tree, "layer-tree-layer", attributes)
    canvas = ET.SubElement(root, "mapcanvas", {"name": "theMapCanvas", "annotationsVisible": "1"})
    ET.SubElement(canvas, "units").text = "meters"
    if layers:
        extent = ET.SubElement(canvas, "extent")
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), layers[0].frame.total_bounds, strict=True):
            ET.SubElement(extent, key).text = repr(float(value))
        ET.SubElement(canvas, "destinationsrs").append(_reference_system(layers[0].frame.crs))
    listed = ET.SubElement(root, "projectlayers")
    for layer in layers:
        listed.append(_map_layer(layer, geopackage))
    properties = ET.SubElement(root, "properties")
    ET.SubElement(ET.SubElement(properties, "Paths"), "Absolute", {"type": "bool"}).text = "false"
    ET.SubElement(ET.SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", {"type": "int"}).text = "1"
    return HEAD + ET.tostring(root, encoding="unicode") + "\n"


def _title(layer: MapLayer) -> str:
    return f"{layer.zh} / {layer.en}"


def _id(layer: MapLayer) -> str:
    """Id of a layer in the project; QGIS takes no id of ten characters or fewer."""
    return f"carbonshed_{layer.name}"


def _map_layer(layer: MapLayer, geopackage: str) -> ET.Element:
    """One layer: its source, CRS and renderer."""
    shape = "Line" if layer.name == "map_flows" else "Polygon"
    element = ET.Element("maplayer", {"type": "vector", "geometry": shape})
    ET.SubElement(element, "id").text = _id(layer)
    ET.SubElement(element, "datasource").text = f"./{geopackage}|layername={layer.name}"
    ET.SubElement(element, "layername").text = _title(layer)
    ET.SubElement(element, "provider", {"encoding": "UTF-8"}).text = "ogr"
    ET.SubElement(element, "srs").append(_reference_system(layer.frame.crs))
    renderer = ET.fromstring(layer.qml.split("\n", 1)[1]).find("renderer-v2")
    if renderer is not None:
        element.append(renderer)
    return element


def _reference_system(crs: CRS) -> ET.Element:
    """A ``spatialrefsys`` element: WKT and, where it has one, the authority's code."""
    system = CRS(crs)
    element = ET.Element("spatialrefsys", {"nativeFormat": "Wkt"})
    ET.SubElement(element, "wkt").text = system.to_wkt("WKT2_2019")
    authority = system.to_authority()
    if authority:
        ET.SubElement(element, "authid").text = ":".join(authority)
    ET.SubElement(element, "description").text = system.name
    return element
