"""Boundaries: any vector file to a GeoDataFrame whose CRS, layer and text encoding are certain."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from pyproj import CRS

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.readers.foreign_files import check_file, check_unpacked_size, reading

FIX = "Convert it to GeoPackage, or get the file again."
MAX_DEGREES = (360.0, 90.0)
MAX_METRES = 1e8
"""Largest coordinates, in longitude and latitude and in a projected CRS: twice round the Earth."""

AWAY = 30.0
"""Polygons that lie further than this from the area a CRS is made for are not in that CRS [degrees]."""

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
        No such file; not a vector file, or a damaged one; several layers and none named; no CRS; no rows; a row without geometry or with
        one that is no polygon; coordinates that its CRS cannot hold (infinite, swapped, far from where it is used); text in none of the
        encodings.

    Warns
    -----
    DataWarning
        A shapefile was read as GB18030.
    """
    file = Path(path)
    if not (file.suffix.lower() == ".gdb" and file.is_dir()):
        check_file(file, expected="a vector file")
        check_unpacked_size(file)
    chosen = _layer(file, layer)
    with reading(file, expected="a vector file", fix=FIX, code="not_vector"):
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
    with reading(file, expected="polygons in a CRS that PROJ knows", fix="Check the CRS of the file.", code="bad_crs"):
        _check_coordinates(frame, CRS.from_user_input(frame.crs), where)
    return frame


def _check_coordinates(frame: gpd.GeoDataFrame, crs: CRS, where: str) -> None:
    """Coordinates must be finite, within what the CRS can hold, and near where the CRS is used; swapped axes are named as such."""
    bounds = shapely.bounds(np.asarray(frame.geometry.array, dtype=object))
    x_max, y_max = MAX_DEGREES if crs.is_geographic else (MAX_METRES, MAX_METRES)
    largest = np.column_stack([np.abs(bounds[:, [0, 2]]).max(axis=1), np.abs(bounds[:, [1, 3]]).max(axis=1)])
    wrong = ~((largest[:, 0] <= x_max) & (largest[:, 1] <= y_max))
    if wrong.any():
        got = examples(f"row {row}: {', '.join(f'{v:g}' for v in bounds[place])}" for place, row in enumerate(frame.index) if wrong[place])
        swapped = bool((largest[:, 0] <= y_max).all() and (largest[:, 1] <= x_max).all())
        fix = "The axes are swapped: x is the longitude." if swapped else "Check the geometry and the CRS of the file."
        raise refuse("coordinates", expected=f"coordinates up to {x_max:g}, {y_max:g} in {crs.name}", got=got, where=where, fix=fix)
    if crs.is_projected and largest[:, 0].max() <= MAX_DEGREES[0] and largest[:, 1].max() <= MAX_DEGREES[1]:
        got = f"coordinates up to {largest[:, 0].max():g}, {largest[:, 1].max():g}"
        fix = "These look like degrees: declare the CRS they are in, e.g. EPSG:4326."
        raise refuse("coordinates", expected=f"metres in {crs.name}", got=got, where=where, fix=fix)
    home = crs.area_of_use
    if crs.is_geographic or home is None:
        return
    west, south, east, north = frame.geometry.to_crs("EPSG:4326").total_bounds
    across = 0.0 if home.west > home.east else max(home.west - east, west - home.east)
    away = max(across, home.south - north, south - home.north)
    if not away <= AWAY:
        got = f"polygons at longitude {west:.4g} to {east:.4g}, latitude {south:.4g} to {north:.4g}"
        expected = f"polygons where {crs.name} is used ({home.west:g} to {home.east:g}, {home.south:g} to {home.north:g})"
        fix = "Check the CRS of the file, and whether its axes are swapped."
        raise refuse("coordinates", expected=expected, got=got, where=where, fix=fix)


def _layer(file: Path, layer: str | None) -> str:
    """The layer to read; several are listed, never chosen from."""
    with reading(file, expected="a vector file", fix=FIX, code="not_vector"):
        layers = [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
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
