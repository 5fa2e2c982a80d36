"""One GeoPackage of a result, with the QGIS styles inside, and a QGIS project beside it that opens it as styled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from carbonshed.files import replacing, write_text
from carbonshed.present.folder import ResultFolder
from carbonshed.present.map_layers import MapLayer, map_layers
from carbonshed.present.qgis_project import project_text
from carbonshed.present.tidy import dictionary, held, plain

GEOPACKAGE = "result.gpkg"
PROJECT = "result.qgs"


def write_geopackage(result: ResultFolder, folder: Path) -> list[Path]:
    """Every table as a layer, map layers with default styles (table ``layer_styles``, which QGIS reads), and ``result.qgs``.

    Tables without shapes become attribute tables. A map layer is a view of the tables for the eye: it adds nothing to them.
    """
    path, layers = folder / GEOPACKAGE, map_layers(result)
    with replacing(path) as part:
        for name in held(result):
            table = result.table(name)
            frame: Any = plain(table)
            if isinstance(table, gpd.GeoDataFrame):
                frame = gpd.GeoDataFrame(frame, geometry=table.geometry.to_numpy(), crs=table.crs)
            _write_layer(frame, part, name)
        _write_layer(dictionary(result), part, "data_dictionary")
        for layer in layers:
            shapes = layer.frame.geometry.to_numpy()
            _write_layer(gpd.GeoDataFrame(plain(layer.frame), geometry=shapes, crs=layer.frame.crs), part, layer.name)
        if layers:
            _write_layer(_styles(layers, str(result.manifest.get("written", ""))), part, "layer_styles")
    return [path, write_text(folder / PROJECT, project_text(result.name, layers, GEOPACKAGE))]


def _write_layer(frame: Any, path: Path, name: str) -> None:
    """Append a layer; a table without shapes becomes an attribute table."""
    pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", append=path.exists())


def _styles(layers: Sequence[MapLayer], written: str) -> pd.DataFrame:
    """The table ``layer_styles`` as QGIS keeps it: one default style a layer."""
    rows = [
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": layer.name,
            "f_geometry_column": "geom",
            "styleName": layer.en,
            "styleQML": layer.qml,
            "styleSLD": "",
            "useAsDefault": True,
            "description": f"{layer.zh} / {layer.en}",
            "owner": "carbonshed",
            "ui": "",
            "update_time": written,
        }
        for layer in layers
    ]
    return pd.DataFrame(rows)
