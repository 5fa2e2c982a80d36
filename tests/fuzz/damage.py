"""Ways to damage a file, by format. Each says what may come of it.

- ``refuse``: no number may come of it;
- ``equal``: refused, or the same numbers as from the sound file;
- ``other``: a plausible other value may come of it (a flipped digit): nothing in the file can tell it from a true one.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
import shapely
from numpy.random import Generator
from studies import as_geojson, read_table, write_table, write_vector

Act = Callable[[Path, Generator], None]


@dataclass(frozen=True)
class Damage:
    name: str
    act: Act
    allows: str = "refuse"


# any file


def truncate(path: Path, rng: Generator) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(1, len(data)))])


def cut_end(path: Path, rng: Generator) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: -int(rng.integers(1, min(65, len(data))))])


def flip_bits(path: Path, rng: Generator) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(int(rng.choice([1, 1, 2, 5, 20]))):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))


def flip_head(path: Path, rng: Generator) -> None:
    """The first 512 bytes hold what a file says of itself."""
    data = bytearray(path.read_bytes())
    data[int(rng.integers(min(len(data), 512)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))


def zero_block(path: Path, rng: Generator) -> None:
    data = bytearray(path.read_bytes())
    at = int(rng.integers(len(data)))
    end = min(at + int(rng.integers(8, 513)), len(data))
    data[at:end] = bytes(end - at)
    path.write_bytes(bytes(data))


def swap_blocks(path: Path, rng: Generator) -> None:
    data = path.read_bytes()
    a, b, c = sorted(int(each) for each in rng.integers(0, len(data) + 1, 3))
    path.write_bytes(data[:a] + data[b:c] + data[a:b] + data[c:])


def noise(path: Path, rng: Generator) -> None:
    path.write_bytes(rng.bytes(int(rng.integers(1, 5000))))


def append_noise(path: Path, rng: Generator) -> None:
    path.write_bytes(path.read_bytes() + rng.bytes(int(rng.integers(1, 500))))


def empty(path: Path, rng: Generator) -> None:
    path.write_bytes(b"")


def zeros(path: Path, rng: Generator) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def folder(path: Path, rng: Generator) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path, rng: Generator) -> None:
    path.unlink()
    os.mkfifo(path)


def a_socket(path: Path, rng: Generator) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


def link_loop(path: Path, rng: Generator) -> None:
    path.unlink()
    path.symlink_to(path.name)


def dead_link(path: Path, rng: Generator) -> None:
    path.unlink()
    path.symlink_to("gone")


def device(path: Path, rng: Generator) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def sparse_tail(path: Path, rng: Generator) -> None:
    """Three gigabytes of nothing behind it, which take no place on the disk."""
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)


def other_format(path: Path, rng: Generator) -> None:
    """Another file of the study under this name."""
    others = sorted(p for p in path.parent.iterdir() if p.is_file() and p.suffix != path.suffix and p.name != path.name)
    path.write_bytes(others[int(rng.integers(len(others)))].read_bytes())


def picture(path: Path, rng: Generator) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + rng.bytes(200))


def page(path: Path, rng: Generator) -> None:
    """What a download leaves where a login was asked."""
    path.write_text("<!DOCTYPE html><html><body><script>alert(1)</script>Please log in</body></html>", encoding="utf-8")


ANY = (
    Damage("truncated", truncate, "equal"),
    Damage("end cut off", cut_end, "equal"),
    Damage("bits flipped", flip_bits, "other"),
    Damage("bit of the head flipped", flip_head, "other"),
    Damage("block zeroed", zero_block, "other"),
    Damage("blocks swapped", swap_blocks, "other"),
    Damage("noise", noise),
    Damage("noise appended", append_noise, "equal"),
    Damage("empty", empty),
    Damage("zeros", zeros),
    Damage("folder", folder),
    Damage("named pipe", pipe),
    Damage("socket", a_socket),
    Damage("loop of links", link_loop),
    Damage("link to nothing", dead_link),
    Damage("device", device),
    Damage("3 GB of nothing appended", sparse_tail, "equal"),
    Damage("another format", other_format),
    Damage("picture", picture),
    Damage("web page", page),
)
RANDOM = ANY[:6]
"""Those that differ from seed to seed: they fill the count up."""


# GeoTIFF


def _rewritten(change: Callable[[np.ndarray, dict], np.ndarray]) -> Act:
    def act(path: Path, rng: Generator) -> None:
        with rasterio.open(path) as dataset:
            profile, values = dict(dataset.profile), dataset.read()
        values = change(values, profile)
        with rasterio.open(path, "w", **{**profile, "dtype": values.dtype, "count": len(values)}) as dataset:
            dataset.write(values)

    return act


def _set(**settings: object) -> Act:
    def change(values: np.ndarray, profile: dict) -> np.ndarray:
        profile.update(settings)
        return values

    return _rewritten(change)


def _affine(*numbers: float) -> Act:
    return _set(transform=rasterio.Affine(*numbers))


def _pixels(change: Callable[[np.ndarray], np.ndarray]) -> Act:
    return _rewritten(lambda values, profile: change(values))


def _swapped_axes(values: np.ndarray, profile: dict) -> np.ndarray:
    t = profile["transform"]
    profile.update(transform=rasterio.Affine(t.e, 0, t.f, 0, t.a, t.c), height=values.shape[2], width=values.shape[1])
    return np.swapaxes(values, 1, 2).copy()


def _tag(number: int, value: int) -> Act:
    """Overwrite the value of a TIFF tag in the first directory (classic, little-endian)."""

    def act(path: Path, rng: Generator) -> None:
        data = bytearray(path.read_bytes())
        at = struct.unpack_from("<I", data, 4)[0]
        for k in range(struct.unpack_from("<H", data, at)[0]):
            place = at + 2 + 12 * k
            if struct.unpack_from("<H", data, place)[0] == number:
                struct.pack_into("<HIi", data, place + 2, 4, 1, value)
        path.write_bytes(bytes(data))

    return act


def _nan(values: np.ndarray, number: float) -> np.ndarray:
    values = values.astype("float32")
    values[:, 5:15, 5:15] = number
    return values


TIF = (
    Damage("no CRS", _set(crs=None)),
    Damage("wrong CRS: UTM", _set(crs="EPSG:32650")),
    Damage("wrong CRS: Web Mercator", _set(crs="EPSG:3857")),
    Damage("wrong CRS: the Moon", _set(crs="+proj=longlat +R=1737400")),
    Damage("wrong CRS: polar", _set(crs="EPSG:3413")),
    Damage("nodata is a class or value", _set(nodata=1), "other"),
    Damage("no nodata tag", _set(nodata=None), "equal"),
    Damage("swapped axes", _rewritten(_swapped_axes)),
    Damage("transform of zeros", _affine(0, 0, 0, 0, 0, 0)),
    Damage("transform with NaN", _affine(float("nan"), 0, 115, 0, -0.01, 39)),
    Damage("transform with infinity", _affine(0.01, 0, float("inf"), 0, -0.01, 39)),
    Damage("pixels of 1e-9 degree", _affine(1e-9, 0, 115, 0, -1e-9, 39)),
    Damage("pixels of 1e6 degrees", _affine(1e6, 0, -180, 0, -1e6, 90), "other"),
    Damage("huge coordinates", _affine(0.01, 0, 1e300, 0, -0.01, 1e300)),
    Damage("rotated by 90 degrees", _affine(0, 0.01, 115, -0.01, 0, 39)),
    Damage("all NaN", _pixels(lambda v: np.full(v.shape, np.nan, "float32"))),
    Damage("all infinite", _pixels(lambda v: np.full(v.shape, np.inf, "float32"))),
    Damage("NaN in part", _pixels(lambda v: _nan(v, np.nan)), "other"),
    Damage("infinity in part", _pixels(lambda v: _nan(v, np.inf))),
    Damage("-infinity in part", _pixels(lambda v: _nan(v, -np.inf))),
    Damage("1e308 in part", _pixels(lambda v: _nan(v.astype("float64"), 3e38))),
    Damage("complex numbers", _pixels(lambda v: v.astype("complex64"))),
    Damage("signed bytes, negative", _pixels(lambda v: (-v.astype("int16") - 1).astype("int16"))),
    Damage("codes shifted by 100", _pixels(lambda v: (v.astype("int16") + 100).astype("int16")), "other"),
    Damage("all nodata", _pixels(np.zeros_like), "other"),
    Damage("two bands", _pixels(lambda v: np.concatenate([v, v])), "equal"),
    Damage("width 2^31 - 1", _tag(256, 2**31 - 1)),
    Damage("height 2^31 - 1", _tag(257, 2**31 - 1)),
    Damage("width 0", _tag(256, 0)),
    Damage("width -1", _tag(256, -1)),
    Damage("rows per strip 2^31 - 1", _tag(278, 2**31 - 1), "equal"),
    Damage("tile width 2^30", _tag(322, 2**30), "other"),
    Damage("compression unknown", _tag(259, 31337)),
    Damage("bits per sample 64", _tag(258, 64), "other"),
    Damage("samples per pixel 60000", _tag(277, 60000), "other"),
    Damage("strip offset beyond the end", _tag(273, 2**31 - 1), "other"),
    Damage("tile offset beyond the end", _tag(324, 2**31 - 1), "other"),
)


# vectors


def _vector(change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]) -> Act:
    def act(path: Path, rng: Generator) -> None:
        frame = change(gpd.read_file(path))
        path.unlink()
        if path.suffix == ".geojson":
            path.write_text(_raw_geojson(frame), encoding="utf-8")
        else:
            write_vector(frame, path)

    return act


def _raw_geojson(frame: gpd.GeoDataFrame) -> str:
    """Coordinates as they are: GDAL would refuse to write some of them."""
    features = []
    for _, row in frame.iterrows():
        shape = row.geometry
        geometry = None if shape is None else {"type": shape.geom_type, "coordinates": _coordinates(shape)}
        features.append({"type": "Feature", "properties": {k: v for k, v in row.items() if k != "geometry"}, "geometry": geometry})
    return json.dumps({"type": "FeatureCollection", "features": features}, default=str)


def _coordinates(shape: object) -> object:
    return json.loads(json.dumps(shapely.geometry.mapping(shape)["coordinates"]))


def _moved(change: Callable[[np.ndarray], np.ndarray], rows: slice = slice(None)) -> Act:
    def move(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        shapes = frame.geometry.to_numpy().copy()
        shapes[rows] = shapely.transform(shapes[rows], change)
        return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))

    return _vector(move)


def _column(name: str, values: object) -> Act:
    return _vector(lambda frame: frame.assign(**{name: values}))


def million_attributes(path: Path, rng: Generator) -> None:
    """Not a million: SQLite holds 2,000 columns; GeoJSON holds what one likes."""
    content = as_geojson(path) if path.suffix == ".geojson" else None
    if content is None:
        frame = gpd.read_file(path)
        extra = pd.DataFrame({f"c{k}": 0 for k in range(1500)}, index=frame.index)
        path.unlink()
        write_vector(gpd.GeoDataFrame(pd.concat([frame, extra], axis=1), crs=frame.crs), path)
        return
    content["features"][0]["properties"] |= {f"c{k}": 0 for k in range(20_000)}
    path.write_text(json.dumps(content), encoding="utf-8")


VECTOR = (
    Damage("wrong CRS: UTM", _vector(lambda f: f.set_crs("EPSG:32650", allow_override=True))),
    Damage("wrong CRS: degrees", _vector(lambda f: f.set_crs("EPSG:4326", allow_override=True)), "equal"),
    Damage("wrong CRS: polar", _vector(lambda f: f.set_crs("EPSG:3413", allow_override=True))),
    Damage("no CRS", _vector(lambda f: f.set_crs(None, allow_override=True)), "equal"),
    Damage("swapped axes", _moved(lambda xy: xy[:, ::-1])),
    Damage("huge coordinates", _moved(lambda xy: xy * 1e300)),
    Damage("large coordinates", _moved(lambda xy: xy * 1e6)),
    Damage("one vertex far away", _moved(lambda xy: np.vstack([xy[:1], xy[1:2] + 1e9, xy[2:]]), slice(0, 1))),
    Damage("infinite coordinates", _moved(lambda xy: xy + np.inf, slice(0, 1))),
    Damage("all in one point", _moved(lambda xy: xy * 0 + 39)),
    Damage("mirrored", _moved(lambda xy: xy * [-1, 1])),
    Damage("points", _vector(lambda f: f.set_geometry(f.geometry.centroid))),
    Damage("lines", _vector(lambda f: f.set_geometry(f.geometry.boundary))),
    Damage("empty geometry", _vector(lambda f: f.set_geometry([None, *f.geometry[1:]], crs=f.crs))),
    Damage("no rows", _vector(lambda f: f.iloc[:0])),
    Damage("ids twice", _column("unit_id", ["130101"] * 4)),
    Damage("ids as fractions", _column("unit_id", [130101.5, 130102.5, 130201.5, 130202.5])),
    Damage("ids empty", _column("unit_id", [None, "130102", "130201", "130202"])),
    Damage("id column missing", _vector(lambda f: f.drop(columns="unit_id"))),
    Damage("1,500 or 20,000 columns", million_attributes, "equal"),
)


def deep_geojson(path: Path, rng: Generator) -> None:
    path.write_text('{"type":"FeatureCollection","features":' + "[" * 200_000 + "]" * 200_000 + "}", encoding="utf-8")


def deep_property(path: Path, rng: Generator) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"properties": {', '"properties": { "deep": ' + "[" * 5000 + "]" * 5000 + ", ", 1), encoding="utf-8")


def nan_literals(path: Path, rng: Generator) -> None:
    text = path.read_text(encoding="utf-8")
    word = str(rng.choice(["NaN", "Infinity", "1e999", "-1e999", "null", '"114.5"', "[]"]))
    path.write_text(re.sub(r"(\[ *)\d+\.\d+", rf"\g<1>{word}", text, count=1), encoding="utf-8")


def with_bom(path: Path, rng: Generator) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def as_utf16(path: Path, rng: Generator) -> None:
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))


def as_utf32(path: Path, rng: Generator) -> None:
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-32"))


def nul_bytes(path: Path, rng: Generator) -> None:
    data = path.read_bytes()
    at = int(rng.integers(len(data)))
    path.write_bytes(data[:at] + b"\0" * int(rng.integers(1, 4)) + data[at:])


def bad_utf8(path: Path, rng: Generator) -> None:
    data = path.read_bytes()
    at = int(rng.integers(len(data)))
    path.write_bytes(data[:at] + b"\xc3\x28\xff" + data[at:])


GEOJSON = (
    Damage("nested 200,000 deep", deep_geojson),
    Damage("a property nested 5,000 deep", deep_property, "equal"),
    Damage("NaN, infinity or text for a coordinate", nan_literals, "equal"),
    Damage("byte order mark", with_bom, "equal"),
    Damage("UTF-16", as_utf16, "equal"),
    Damage("NUL bytes", nul_bytes, "other"),
    Damage("bytes that are no UTF-8", bad_utf8, "other"),
)


def bomb(path: Path, rng: Generator) -> None:
    """A zip of a few hundred kB that unpacks to some GB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("counties.gpkg", "w", force_zip64=True) as member:
        block = bytes(2**24)
        for _ in range(24):
            member.write(block)


def lying_record(path: Path, rng: Generator) -> None:
    """The archive says a member is smaller than it is."""
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 10)
    path.write_bytes(bytes(data))


ZIP = (Damage("zip bomb", bomb), Damage("zip record that lies", lying_record, "equal"))


# tables


def _table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Act:
    def act(path: Path, rng: Generator) -> None:
        write_table(change(read_table(path)), path)

    return act


def _cell(value: object, column: int = -1, row: int = 1) -> Act:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        name = table.columns[column]
        mixed = not isinstance(value, float)
        cells = (table[name].astype(str) if mixed else table[name].astype(float)).tolist()
        cells[row] = value
        return table.assign(**{name: cells})

    return _table(change)


TABLE = (
    Damage("NaN in a cell", _cell(float("nan")), "other"),
    Damage("infinity in a cell", _cell(float("inf"))),
    Damage("-infinity in a cell", _cell(float("-inf"))),
    Damage("1e308 in a cell", _cell(1e308), "other"),
    Damage("negative number", _cell(-5.0)),
    Damage("text for a number", _cell("many")),
    Damage("number with a unit", _cell("5 Mt")),
    Damage("number with thousands separators", _cell("1,000,000")),
    Damage("digits of another script", _cell("٣٤٥"), "other"),
    Damage("hexadecimal", _cell("0x10")),
    Damage("underscores", _cell("1_000")),
    Damage("year as a date", _cell("2010-01-01", 1)),
    Damage("year 0", _cell("0", 1)),
    Damage("year 1e300", _cell("1e300", 1)),
    Damage("id empty", _cell("", 0)),
    Damage("id with a point zero", _cell("130102.0", 0)),
    Damage("id with spaces", _cell(" 130102 ", 0), "equal"),
    Damage("rows twice", _table(lambda t: pd.concat([t, t.head(2)]))),
    Damage("rows lost", _table(lambda t: t.iloc[:-2])),
    Damage("one year lost", _table(lambda t: t[t["year"] != 2015])),
    Damage("id column lost", _table(lambda t: t.iloc[:, 1:])),
    Damage("year column lost", _table(lambda t: t.drop(columns="year"))),
    Damage("empty table", _table(lambda t: t.iloc[:0])),
    Damage("rows in another order", _table(lambda t: t.sample(frac=1, random_state=1)), "equal"),
    Damage("columns in another order", _table(lambda t: t[t.columns[::-1]]), "equal"),
)


def _costs(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Act:
    def act(path: Path, rng: Generator) -> None:
        change(pd.read_csv(path, dtype=str)).to_csv(path, index=False)

    return act


def _cost(value: str) -> Act:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[1, 2] = value
        return table

    return _costs(change)


COSTS = (
    Damage("NaN in a cell", _cost("NaN")),
    Damage("infinity in a cell", _cost("inf")),
    Damage("negative cost", _cost("-3"), "other"),
    Damage("text for a cost", _cost("far")),
    Damage("a payer twice", _costs(lambda t: pd.concat([t, t.tail(1)]))),
    Damage("payers lost", _costs(lambda t: t.head(1))),
    Damage("recipients lost", _costs(lambda t: t.iloc[:, :2])),
)


def million_columns(path: Path, rng: Generator) -> None:
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    more = "," + ",".join(f"c{k}" for k in range(1_000_000))
    path.write_text("\n".join([head + more, *(row + "," * 1_000_000 for row in rows[:2])]), encoding="utf-8")


def wide(path: Path, rng: Generator) -> None:
    """1,900 columns of carbon by other names: within the limit, each unknown."""
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    more = "," + ",".join(f"column_{k}" for k in range(1_900))
    path.write_text("\n".join([head + more, *(row + ",1" * 1_900 for row in rows)]), encoding="utf-8")


def long_cell(path: Path, rng: Generator) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("130102", "x" * 10_000_000, 1), encoding="utf-8")


def long_header(path: Path, rng: Generator) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("year", "year" * 100_000, 1), encoding="utf-8")


def open_quote(path: Path, rng: Generator) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("130102", '"130102', 1), encoding="utf-8")


def twice_the_header(path: Path, rng: Generator) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(f"{line},{line.split(',')[-1]}" for line in lines), encoding="utf-8")


def ragged(path: Path, rng: Generator) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[2] = str(rng.choice([lines[2] + ",7", lines[2].rpartition(",")[0]]))
    path.write_text("\n".join(lines), encoding="utf-8")


def semicolons(path: Path, rng: Generator) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")


def decimal_commas(path: Path, rng: Generator) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";").replace(".", ","), encoding="utf-8")


def old_mac(path: Path, rng: Generator) -> None:
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r"))


def only_header(path: Path, rng: Generator) -> None:
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")


CSV = (
    Damage("a million columns", million_columns),
    Damage("1,900 unknown columns", wide, "equal"),
    Damage("a cell of 10 MB", long_cell),
    Damage("a header of 400 kB", long_header),
    Damage("an open quote", open_quote),
    Damage("header twice", twice_the_header),
    Damage("ragged row", ragged),
    Damage("semicolons", semicolons, "equal"),
    Damage("decimal commas", decimal_commas),
    Damage("line ends of an old Mac", old_mac, "equal"),
    Damage("only a header", only_header),
    Damage("byte order mark", with_bom, "equal"),
    Damage("UTF-16", as_utf16, "equal"),
    Damage("UTF-32", as_utf32),
    Damage("NUL bytes", nul_bytes, "other"),
    Damage("bytes that are no UTF-8", bad_utf8, "other"),
)


def _sheet(change: Callable[[str], str], part: str = "xl/worksheets/sheet1.xml") -> Act:
    def act(path: Path, rng: Generator) -> None:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts[part] = change(parts[part].decode("utf-8")).encode("utf-8")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in parts.items():
                archive.writestr(name, data)

    return act


def xlsx_bomb(path: Path, rng: Generator) -> None:
    """A sheet of 400 MB of blanks in some 400 kB."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            if not name.endswith("sheet1.xml"):
                archive.writestr(name, data)
                continue
            with archive.open(name, "w", force_zip64=True) as member:
                head, tail = data.split(b"</sheetData>")
                member.write(head)
                for _ in range(24):
                    member.write(b" " * 2**24)
                member.write(b"</sheetData>" + tail)


LAUGHS = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + k)} "{f"&{chr(97 + k)};" * 10}">' for k in range(12)
)


def entities(text: str) -> str:
    """Each entity holds ten of the one before."""
    body = text[text.index("<worksheet") :]
    return LAUGHS + "]>" + body.replace("<sheetData>", "<sheetData><row><c t='inlineStr'><is><t>&m;</t></is></c></row>", 1)


XLSX = (
    Damage("zip bomb", xlsx_bomb),
    Damage("entities within entities", _sheet(entities)),
    Damage("row 2,000,000,000", _sheet(lambda t: re.sub(r'<row r="3"', '<row r="2000000000"', t))),
    Damage("column of Z", _sheet(lambda t: t.replace('r="C3"', 'r="ZZZZZZZ3"'))),
    Damage("column XFD", _sheet(lambda t: t.replace('r="C3"', 'r="XFD3"'))),
    Damage("a size that lies", _sheet(lambda t: re.sub(r'<dimension ref="[^"]*"', '<dimension ref="A1:XFD1048576"', t)), "equal"),
    Damage("a shared text that is not there", _sheet(lambda t: re.sub(r't="s"><v>\d+', 't="s"><v>99999999', t, count=1))),
    Damage("an error of Excel in a cell", _sheet(lambda t: re.sub(r'(<c r="C3")[^>]*><v>[^<]*', r'\1 t="e"><v>#DIV/0!', t))),
    Damage("XML cut off", _sheet(lambda t: t[: len(t) // 2])),
    Damage("no sheet", _sheet(lambda t: re.sub(r"<sheets>.*</sheets>", "<sheets/>", t), "xl/workbook.xml")),
    Damage("zip record that lies", lying_record, "equal"),
)


def parquet_bomb(path: Path, rng: Generator) -> None:
    """2 x 10^8 equal rows in some kB."""
    table = pa.table({name: pa.array(np.zeros(50_000_000, dtype="int8")) for name in ("unit_id", "id", "year", "x")})
    pq.write_table(table, path, compression="zstd")


def parquet_types(path: Path, rng: Generator) -> None:
    table = read_table(path)
    lists = [[value] for value in table.iloc[:, -1]]
    table.assign(**{str(table.columns[-1]): lists}).to_parquet(path, index=False)


def parquet_wide(path: Path, rng: Generator) -> None:
    table = read_table(path)
    pd.concat([table, pd.DataFrame(0, index=table.index, columns=[f"c{k}" for k in range(5000)])], axis=1).to_parquet(path, index=False)


PARQUET = (
    Damage("2 x 10^8 cells", parquet_bomb),
    Damage("lists for numbers", parquet_types),
    Damage("5,000 columns", parquet_wide),
)


# TOML


def _line(old: str, new: str) -> Act:
    def act(path: Path, rng: Generator) -> None:
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(old, lambda _: new, text, count=1), encoding="utf-8")

    return act


FIRST = r"(?<=[^\[]\n)\w+ = [^\n]*\n"
TOML = (
    Damage("nested 100,000 deep", _line("^", "deep = " + "[" * 100_000 + "]" * 100_000 + "\n")),
    Damage("tables nested 100,000 deep", _line("$", "\n" + "a." * 100_000 + "b = 1\n")),
    Damage("a number of 10,000 digits", _line(FIRST, "seed = " + "9" * 10_000 + "\n")),
    Damage("a string of 20 MB", _line("^", 'deep = "' + "x" * 20_000_000 + '"\n')),
    Damage("a key twice", lambda p, r: p.write_text("x = 1\nx = 2\n" + p.read_text(encoding="utf-8"), encoding="utf-8")),
    Damage("unknown key", _line("^", 'nmae = "x"\n'), "equal"),
    Damage("a list for a table", _line(r"\[(study|\[class\]|\[coefficient\])\]", "study = [1, 2]\nclass = 3\ncoefficient = 4")),
    Damage("byte order mark", with_bom, "equal"),
    Damage("UTF-16", as_utf16),
    Damage("NUL bytes", nul_bytes, "other"),
    Damage("bytes that are no UTF-8", bad_utf8, "other"),
)
STUDY = (
    Damage("year 10^30", _line(r"years = .*", f"years = [{10**30}]")),
    Damage("a million years", _line(r"years = .*", f"years = [{', '.join(map(str, range(1, 1_000_001)))}]")),
    Damage("price NaN", _line(r"price = 80", "price = nan")),
    Damage("price infinite", _line(r"price = 80", "price = inf")),
    Damage("base 1e-9 km", _line(r"base_km = 5", "base_km = 1e-9")),
    Damage("base 1e9 km", _line(r"base_km = 5\nscales_km.*", "base_km = 1e9\nscales_km = [1e9, 2e9]")),
    Damage("a million scales", _line(r"scales_km.*", f"scales_km = [{', '.join(str(5 * k) for k in range(1, 100_001))}]")),
    Damage("a path with NUL", _line(r"boundaries = .*", 'boundaries = "a\\u0000b"')),
    Damage("a path of 5,000 letters", _line(r"boundaries = .*", f'boundaries = "{"x" * 5000}"')),
    Damage("a path to a device", _line(r"boundaries = .*", 'boundaries = "/dev/zero"')),
    Damage("an empty path", _line(r"boundaries = .*", 'boundaries = ""')),
    Damage("a CRS that is none", _line(r"seed = 7", 'seed = 7\ncrs = "EPSG:999999"')),
    Damage("a CRS of degrees", _line(r"seed = 7", 'seed = 7\ncrs = "EPSG:4326"')),
    Damage("a negative seed", _line(r"seed = 7", "seed = -1")),
    Damage("draws 10^12", _line(r"draws = 20", f"draws = {10**12}")),
    Damage("permutations 10^12", _line(r"permutations = 200", f"permutations = {10**12}")),
)


def kinds_for(name: str) -> tuple[Damage, ...]:
    """All damages that suit a file, by its name."""
    suffix = Path(name).suffix
    own: dict[str, tuple[Damage, ...]] = {
        ".tif": TIF,
        ".gpkg": VECTOR,
        ".geojson": VECTOR + GEOJSON,
        ".zip": VECTOR + ZIP,
        ".csv": CSV + (COSTS if name == "costs.csv" else TABLE),
        ".xlsx": TABLE + XLSX,
        ".parquet": TABLE + PARQUET,
        ".toml": TOML + (STUDY if name == "study.toml" else ()),
    }
    return own[suffix] + ANY
