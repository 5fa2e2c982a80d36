"""The door to foreign files: what is no file, what unpacks to too much, what a reader raised; and what each reader refuses by size."""

from __future__ import annotations

import gzip
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError, refuse
from carbonshed.readers.boundaries import read_boundaries
from carbonshed.readers.cost_matrix import cost_matrix
from carbonshed.readers.foreign_files import check_file, check_unpacked_size, missing_file, read_toml, reading
from carbonshed.readers.rasters import pixel_count, strips
from carbonshed.readers.raw_tables import read_raw_table


def test_what_stands_in_place_of_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dead").symlink_to("gone")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "sound").write_bytes(b"x")
    told = {"pipe": "a named pipe", "dead": "a link to nothing", "empty": "an empty file (0 bytes)", "gone": "no file", "sound": None}
    assert {name: missing_file(tmp_path / name) for name in told} == told
    assert missing_file(tmp_path) == "a folder" and missing_file("/dev/zero") == "a device"
    assert missing_file(tmp_path / "loop") and missing_file(tmp_path / ("x" * 5000)) and missing_file("a\0b")
    with pytest.raises(InputError, match=r"pipe: expected a table; got a named pipe"):
        check_file(tmp_path / "pipe", expected="a table")


@pytest.mark.parametrize(
    "error", [ValueError("bad\nlines"), KeyError("x"), OSError(5, "I/O"), MemoryError(), RecursionError(), struct.error()]
)
def test_any_error_of_a_foreign_reader_names_the_file(error: Exception) -> None:
    with pytest.raises(InputError, match=r"data\.xyz: expected a thing") as found, reading("data.xyz", expected="a thing", fix="Mend it."):
        raise error
    assert found.value.__cause__ is error and "\n" not in str(found.value)


def test_our_own_errors_pass_with_the_name_of_the_file() -> None:
    with pytest.raises(InputError, match=r"^data\.xyz, row 3: expected a"), reading("data.xyz", expected="a thing", fix="Mend it."):
        raise refuse("x", expected="a", got="b", where="row 3", fix="c")
    with pytest.raises(KeyboardInterrupt), reading("data.xyz", expected="a thing", fix="Mend it."):
        raise KeyboardInterrupt


def test_archives_are_measured_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("big", "w") as member:
        for _ in range(9):
            member.write(bytes(2**24))
    with pytest.raises(InputError, match=r"bomb\.zip: expected at most"):
        check_unpacked_size(path)
    packed = tmp_path / "bomb.geojson.gz"
    packed.write_bytes(gzip.compress(bytes(9 * 2**24)))
    with pytest.raises(InputError, match="bytes or more from"):
        check_unpacked_size(packed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small", "x" * 1000)
    check_unpacked_size(path)


def test_toml_says_where_it_broke(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    cases = {
        b"a = 1\nb = = 2\n": "line 2",
        b"a = 1\n" + b"a." * 1000 + b"b = 1": "line 2",
        b"a = '\xff'": "0xff.*line 1",
        b"a = " + b"[" * 100_000: "nested too deeply",
        b"#" * 2_000_001: "at most",
    }
    for data, says in cases.items():
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"x\.toml.*{says}"):
            read_toml(path)
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_toml(path) == {"a": 1}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300), st.sampled_from(["t.csv", "t.xlsx", "t.parquet"]))
@pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")
def test_any_bytes_are_a_table_or_one_message_with_the_name(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    try:
        table = read_raw_table(tmp_path / name)
    except InputError as error:
        assert name in str(error)
    else:
        assert len(table)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a," * 3000 + "\n" + "1," * 3000 + "\n", "3,001 columns"),
        ('a,b\n1,"2\n3,4\n', "line 3"),
        ("a,b\n1,\0\n", "zero in line 2"),
        ("a,b\n1," + "x" * 200_000 + "\n", "field larger"),
    ],
)
def test_a_csv_is_refused_by_line_or_size(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as found:
        read_raw_table(tmp_path / "t.csv")
    assert "t.csv" in str(found.value)


def sheet_with(path: Path, old: str, new: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, 2])
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    part = "xl/worksheets/sheet1.xml"
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def test_a_workbook_that_lies_about_its_rows_is_left_at_excels_limit(tmp_path: Path) -> None:
    sheet_with(tmp_path / "t.xlsx", '<row r="2"', '<row r="2000000000"')
    with pytest.raises(InputError, match=r"t\.xlsx.*1,048,576 rows"):
        read_raw_table(tmp_path / "t.xlsx")


def test_a_workbook_that_lies_about_its_size_is_read_as_it_is(tmp_path: Path) -> None:
    sheet_with(tmp_path / "t.xlsx", '<dimension ref="A1:B2"', '<dimension ref="A1:XFD1048576"')
    assert read_raw_table(tmp_path / "t.xlsx").to_numpy().tolist() == [["1", "2"]]


def test_parquet_is_measured_by_its_own_record(tmp_path: Path) -> None:
    pd.DataFrame({f"c{k}": [0] for k in range(2001)}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="2,001 columns"):
        read_raw_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("crs", "change", "says"),
    [
        ("EPSG:4326", lambda xy: xy[:, ::-1], "axes are swapped"),
        ("EPSG:4326", lambda xy: xy + np.inf, "inf"),
        ("EPSG:4326", lambda xy: xy * 1e300, "e\\+302"),
        ("EPSG:32650", lambda xy: xy, "look like degrees"),
        ("EPSG:3577", lambda xy: xy * 1000 + [0, 9e6], "used"),
    ],
)
def test_coordinates_that_the_crs_cannot_hold(tmp_path: Path, crs: str, change: object, says: str) -> None:
    shapes = shapely.transform(np.array([shapely.box(115, 38, 116, 39)], dtype=object), change)
    gpd.GeoDataFrame({"code": ["a"]}, geometry=shapes, crs=crs).to_file(tmp_path / "c.gpkg")
    with pytest.raises(InputError, match=says) as found:
        read_boundaries(tmp_path / "c.gpkg")
    assert "c.gpkg" in str(found.value)


def test_a_truncated_raster_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "r.tif"
    values = np.random.default_rng(0).integers(0, 9, (200, 200), dtype="uint8")
    with rasterio.open(path, "w", driver="GTiff", width=200, height=200, count=1, dtype="uint8", crs="EPSG:4326") as dataset:
        dataset.write(values, 1)
    assert pixel_count(path) == 40_000
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match=r"r\.tif"):
        list(strips(path))


def written_raster(path: Path, **profile: object) -> Path:
    with rasterio.open(path, "w", **{"driver": "GTiff", "width": 20, "height": 10, "count": 1, "dtype": "uint8", **profile}) as dataset:
        dataset.write(np.ones((1, 10, 20), dtype="uint8"))
    return path


@pytest.mark.parametrize("read", [pixel_count, lambda path: list(strips(path))], ids=["pixel_count", "strips"])
def test_every_way_to_a_raster_is_the_one_door(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """Also a thread's own handle: what stands there may have changed since the first look."""
    (tmp_path / "text.tif").write_text("no raster", encoding="utf-8")
    for name, says in {"text.tif": "GDAL", "gone.tif": "no file", ".": "a folder"}.items():
        with pytest.raises(InputError, match=says):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("crs", "numbers", "says"),
    [
        ("EPSG:4326", (0.0, 0, 115, 0, 0.0, 39), "pixels with an area"),
        ("EPSG:4326", (0.01, 0, np.inf, 0, -0.01, 39), "pixels with an area"),
        ("EPSG:4326", (181, 0, -180, 0, -1, 90), "at most 180 a side; got 181"),
        ("EPSG:32650", (1e9, 0, 0, 0, -1e9, 0), "at most 1e+08 a side"),
    ],
)
def test_pixels_without_an_area_or_longer_than_the_earth_are_refused(
    tmp_path: Path, crs: str, numbers: tuple[float, ...], says: str
) -> None:
    path = written_raster(tmp_path / "r.tif", crs=crs, transform=rasterio.Affine(*numbers))
    with pytest.raises(InputError, match=re.escape(says)) as found:
        list(strips(path))
    assert "r.tif" in str(found.value)
    assert pixel_count(written_raster(tmp_path / "sound.tif", crs=crs, transform=rasterio.Affine(1, 0, 10, 0, -1, 10))) == 200


def test_more_pixels_than_the_bytes_can_hold_are_refused(tmp_path: Path) -> None:
    """The tag of the width is overwritten: a file of some hundred bytes says that it holds 2 x 10^10 pixels."""
    path = written_raster(tmp_path / "r.tif", crs="EPSG:4326", transform=rasterio.Affine(1, 0, 10, 0, -1, 10))
    data = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", data, 4)[0]
    for k in range(struct.unpack_from("<H", data, at)[0]):
        if struct.unpack_from("<H", data, at + 2 + 12 * k)[0] == 256:
            struct.pack_into("<HIi", data, at + 4 + 12 * k, 4, 1, 2**31 - 1)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="as many pixels as its bytes can hold; got 2,147,483,647 x 10"):
        pixel_count(path)


def test_a_cost_matrix_holds_each_payer_once_and_finite_costs(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    for text, says in {"p,a\nx,1\nx,2\n": "x twice", "p,a\nx,inf\n": "x -> a"}.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=says):
            cost_matrix(path)
