"""GeoJSON (RFC 7946) of the map layers, and parquet tables whose columns carry their unit and definition."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq

from carbonshed.files import replacing, write_text
from carbonshed.present.folder import ResultFolder
from carbonshed.present.map_layers import map_layers
from carbonshed.present.tidy import held, plain
from carbonshed.registry import terms

DEGREE_DIGITS = 7
"""Decimals of longitude and latitude: about a centimetre (RFC 7946, section 11.2, asks for no more than is needed)."""


def write_geojson(result: ResultFolder, folder: Path) -> list[Path]:
    """A file a map layer, in longitude and latitude of WGS84 as RFC 7946 demands; unit of each column under ``units``."""
    known, written = terms(), []
    for layer in map_layers(result):
        frame = gpd.GeoDataFrame(plain(layer.frame), geometry=layer.frame.geometry.to_numpy(), crs=layer.frame.crs).to_crs("EPSG:4326")
        shapes = frame.geometry.set_precision(10.0**-DEGREE_DIGITS, mode="pointwise")
        collection = json.loads(frame.set_geometry(shapes).to_json(drop_id=True, na="null"))
        collection["name"] = layer.name
        collection["title"] = {"zh": layer.zh, "en": layer.en}
        collection["units"] = {name: known[name].unit for name in map(str, frame) if name in known and name != "geometry"}
        text = json.dumps(collection, ensure_ascii=False, separators=(",", ":")) + "\n"
        written.append(write_text(folder / f"{layer.name}.geojson", text))
    return written


def write_geoparquet(result: ResultFolder, folder: Path) -> list[Path]:
    """Every table as it stands in the result; the field of each column holds ``unit``, ``name_zh``, ``name_en`` and both definitions."""
    known, written = terms(), []
    for name in held(result):
        table = pq.read_table(result.path / "tables" / f"{name}.parquet")
        for place, field in enumerate(table.schema):
            term = known.get(field.name)
            if term is not None:
                said = {"unit": term.unit, "name_zh": term.zh, "name_en": term.en}
                said |= {"definition": term.definition, "definition_zh": term.definition_zh}
                schema = table.schema.set(place, field.with_metadata({**(field.metadata or {}), **said}))
                table = table.cast(schema)
        path = folder / f"{name}.parquet"
        with replacing(path) as part:
            pq.write_table(table, part, compression="zstd")
        written.append(path)
    return written
