"""Boundaries: any vector file to a GeoDataFrame whose CRS, layer and text encoding are certain."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyogrio

from carbonshed.checks import choose, examples, refuse, warn

UNDECLARED = "ISO-8859-1"
"""What GDAL takes a shapefile for that does not say its encoding."""


def read_boundaries(path: str | Path, layer: str | None = None, *, encoding: str | None = None) -> gpd.GeoDataFrame:
    """Read the polygons of a vector file (GeoPackage, shapefile, GeoJSON, ...), as they are, in their own CRS.

    Parameters
    ----------
    path : str or Path
    layer : str, optional
        Needed where the file holds several layers with geometry.
    encoding : str, optional
        Of a shapefile's texts. Left out: what its ``.cpg`` says; without one UTF-8, else GB18030, of which a warning tells.

    Returns
    -------
    GeoDataFrame
        All rows and columns of the layer, with its CRS.

    Raises
    ------
    InputError
        No such file; not a vector file; several layers and none named; no CRS; no rows; a row without geometry or with one that is
        no polygon; text in none of the encodings.

    Warns
    -----
    DataWarning
        A shapefile was read as GB18030.
    """
    file = Path(path)
    if not file.exists():
        raise refuse("no_file", expected="a vector file", got="nothing there", where=str(file), fix="Check the path.")
    chosen = _layer(file, layer)
    frame = _read(file, chosen, encoding)
    where = f"{file.name}, layer {chosen}"
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        raise refuse("no_rows", expected="polygons", got="no row with geometry", where=where, fix="Check the layer.")
    if frame.crs is None:
        fix = "Add the CRS to the file (a .prj beside a shapefile). It is never guessed: GCJ-02 and WGS84 differ by hundreds of metres."
        raise refuse("no_crs", expected="a CRS", got="none", where=where, fix=fix)
    empty = frame.geometry.isna() | frame.geometry.is_empty
    if empty.any():
        rows = examples(frame.index[empty])
        raise refuse("no_geometry", expected="a polygon in every row", got=f"none in rows {rows}", where=where, fix="Drop or draw them.")
    other = ~frame.geom_type.isin(["Polygon", "MultiPolygon"])
    if other.any():
        kinds = examples(frame.geom_type[other].unique())
        raise refuse("not_polygons", expected="polygons", got=kinds, where=where, fix="Give the layer of areas, not of lines or points.")
    return frame


def _layer(file: Path, layer: str | None) -> str:
    """The layer to read; several are listed, never chosen from."""
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
    except pyogrio.errors.DataSourceError as error:
        raise refuse("not_vector", expected="a vector file", got=str(error), where=str(file), fix="Convert it to GeoPackage.") from error
    if layer is not None:
        return choose(layer, layers, where=f"{file.name}: layer")
    if len(layers) != 1:
        got = f"layers {examples(layers, 20)}" if layers else "none with geometry"
        raise refuse("several_layers", expected="one layer, or the name of one", got=got, where=str(file), fix="Set layer = one of them.")
    return layers[0]


def _read(file: Path, layer: str, encoding: str | None) -> gpd.GeoDataFrame:
    info = pyogrio.read_info(file, layer=layer)
    if encoding is None and info["driver"] == "ESRI Shapefile" and info["encoding"] == UNDECLARED and not _says_encoding(file):
        tries: list[str | None] = ["UTF-8", "GB18030"]
    else:
        tries = [encoding] if encoding else [None, "GB18030"]
    for candidate in tries:
        try:
            frame = pyogrio.read_dataframe(file, layer=layer, encoding=candidate)
        except (UnicodeDecodeError, LookupError):
            continue
        if candidate == "GB18030" and encoding is None:
            warn(f"{file.name}: its texts are not UTF-8; read as GB18030 (GBK). Give the encoding if names look wrong.")
        return frame
    tried = " or ".join(each for each in tries if each)
    raise refuse("encoding", expected=f"texts in {tried}", got="other bytes", where=str(file), fix="Give the encoding of the file.")


def _says_encoding(file: Path) -> bool:
    return any(file.with_suffix(suffix).exists() for suffix in (".cpg", ".CPG", ".cst"))
