"""Strips of a raster: every row once, in order, the same for any number of threads; whole tiles where they are not too tall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from carbonshed.readers.rasters import Handles, strip_rows, strips

RASTER = np.random.default_rng(3).integers(0, 255, (300, 130)).astype(np.uint8)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster of 300 rows in tiles of 32 x 64."""
    path = tmp_path_factory.mktemp("strips") / "map.tif"
    shape = {"height": 300, "width": 130, "count": 2, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, blockxsize=64, blockysize=32, compress="lzw", **shape) as file:
        file.write(RASTER, 1)
        file.write(255 - RASTER, 2)
    return path


def test_by_hand(path: Path) -> None:
    with rasterio.open(path) as dataset:
        assert strip_rows(dataset, pixels=130 * 100) == [(0, 96), (96, 192), (192, 288), (288, 300)]
        assert strip_rows(dataset, Window(7, 50, 130, 60), pixels=130 * 100) == [(50, 96), (96, 110)]
        assert strip_rows(dataset, pixels=130 * 10)[0] == (0, 32)  # one row of tiles at least,
        assert strip_rows(dataset, pixels=130)[0] == (0, 1)  # unless it is far too tall


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_strips_make_the_window(path: Path, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, 299)), data.draw(st.integers(0, 129))
    height, width = data.draw(st.integers(1, 300 - top)), data.draw(st.integers(1, 130 - left))
    window, pixels = Window(left, top, width, height), data.draw(st.integers(1, 50_000))
    one = list(strips(path, window=window, pixels=pixels, threads=1))
    many = list(strips(path, window=window, pixels=pixels, threads=3))
    assert [first for first, _ in one] == [first for first, _ in many]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, many, strict=True))
    assert np.array_equal(np.vstack([block for _, block in many]), RASTER[top : top + height, left : left + width])
    assert all(first % 32 == 0 for first, _ in one[1:]) or pixels // width * 4 < 32


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_bands_and_closing(path: Path) -> None:
    assert np.array_equal(np.vstack([block for _, block in strips(path, 2)]), 255 - RASTER)
    with Handles() as handles:
        dataset = handles(path)
        assert handles(str(path)) is dataset and not dataset.closed
    assert dataset.closed


def test_handles_may_be_left_in_any_order_and_on_any_thread() -> None:
    from threading import Thread

    from carbonshed.readers.rasters import Handles

    first, second, third = Handles(), Handles(), Handles()
    for each in (first, second):
        each.__enter__()
    for each in (first, second):  # not the last one first, as two generators may end
        each.__exit__()
    third.__enter__()
    failed: list[Exception] = []

    def leave() -> None:
        try:
            third.__exit__()
        except Exception as error:
            failed.append(error)

    thread = Thread(target=leave)
    thread.start()
    thread.join()
    assert failed == []
