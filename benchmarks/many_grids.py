"""Thirteen grids from one reading of a land-cover raster, projected and in degrees, and shifted origins; against exactextract and decoding.

The peer does one 1-km grid at a time, its cells given as polygons. Decoding alone is the same file read strip by strip in as many
threads, and nothing done with it: what no method that reads the file can beat.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import CRS, Transformer
from rasterio.transform import Affine
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter, zoom

from benchmarks.harness import Measured, Row, close, measure, quoted
from carbonshed.readers.grid_tables import tabulate_grids
from carbonshed.readers.rasters import Handles, read_pixels, strip_rows
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid_land_area import GridLandArea
from carbonshed.spatial.in_order import in_order

SIDES = [1, 2, 3, 5, 6, 9, 12, 15, 18, 21, 24, 27, 30]
NAMES = ["nodata", "cropland", "forest", "grassland", "water", "built_up", "bare"]
LEGEND = dict(enumerate(NAMES))
TILE = 512
DEGREE = 0.000269
PROJECTED = {"crs": china_albers().to_wkt(), "transform": Affine(30, 0, 437.3, 0, -30, 4_000_123.9)}
GEOGRAPHIC = {"crs": "EPSG:4326", "transform": Affine(DEGREE, 0, 114.0, 0, -DEGREE, 41.0)}


def land_cover(side: int) -> np.ndarray:
    """Seven classes in patches with some noise; class 0, about half, is nodata."""
    rng = np.random.default_rng(0)
    coarse = gaussian_filter(rng.standard_normal((side // 16 + 2, side // 16 + 2)), 3).astype(np.float32)
    field = zoom(coarse, 16, order=1)[:side, :side]
    field = field / field.std() + 0.15 * rng.standard_normal((side, side), dtype=np.float32)
    raster = np.zeros((side, side), np.uint8)
    for limit in np.quantile(field[::7, ::7], [0.48, 0.6, 0.78, 0.9, 0.93, 0.96]):
        raster += field > limit
    return raster


def write(path: Path, raster: np.ndarray, repeat: int, compress: str, place: dict[str, Any]) -> Path:
    """The raster `repeat` x `repeat` times, every second one mirrored, as a GeoTIFF of 512-pixel tiles."""
    side = len(raster) * repeat
    line = np.hstack([raster[:, :: 1 - 2 * (k % 2)] for k in range(repeat)])
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 1, "dtype": "uint8", "tiled": True, "compress": compress}
    with rasterio.open(path, "w", **profile, blockxsize=TILE, blockysize=TILE, **place) as file:
        for top in range(0, side, TILE):
            rows = np.arange(top, min(top + TILE, side))
            back = rows // len(raster) % 2 == 1
            inside = rows % len(raster)
            file.write(line[np.where(back, len(raster) - 1 - inside, inside)], 1, window=Window(0, top, side, len(rows)))
    return path


def tabulate(path: Path, sides: list[float], **options: Any) -> GridLandArea:
    return tabulate_grids({2020: path}, sides_km=sides, legend=LEGEND, **options)


def decode(path: Path) -> int:
    """Read every strip, in as many threads as the tabulation takes, and look at one pixel of each."""
    with Handles() as handles, rasterio.open(path) as dataset:

        def read(rows: tuple[int, int]) -> int:
            window = Window(0, rows[0], dataset.width, rows[1] - rows[0])
            return int(read_pixels(handles(path), 1, window=window)[0, 0])

        return sum(in_order(read, strip_rows(dataset)))


def exactextract_table(path: Path, result: GridLandArea) -> np.ndarray:
    """Pixels of each class in each 1-km cell, by polygons."""
    from exactextract import exact_extract

    found = exact_extract(str(path), result.grid(1).to_frame(), ["count", "unique", "frac"], output="pandas", strategy="raster-sequential")
    table = np.zeros((len(found), len(NAMES)))
    for k, (codes, share, count) in enumerate(zip(found["unique"], found["frac"], found["count"], strict=True)):
        table[k, np.asarray(codes, int)] = np.asarray(share, float) * count
    return table


def totals(result: GridLandArea) -> np.ndarray:
    """km2 of each class, nodata first, by grid."""
    order = [result.land_classes.index(name) for name in NAMES[1:]]
    return np.array([[n.sum(), *k.sum(axis=(0, 1, 2))[order]] for k, n in zip(result.km2, result.nodata_km2, strict=True)])


def pixels(result: GridLandArea) -> np.ndarray:
    """Pixels of each class in each cell of 1 km, as `exactextract_table` gives them."""
    area = result.land_area(1).sel(year=2020)
    nodata = result.nodata_km2[0].reshape(-1)
    return np.column_stack([nodata, *[area.sel(land_class=name) for name in NAMES[1:]]]) / 9e-4


def check_every_pixel(folder: Path, raster: np.ndarray) -> str:
    """Every pixel of a window of 1.2e6 projected by itself: no centre lies in another cell than it is counted in."""
    window = raster[:1000, :1200]
    path = folder / "window.tif"
    with rasterio.open(path, "w", driver="GTiff", height=1000, width=1200, count=1, dtype="uint8", **GEOGRAPHIC) as file:
        file.write(window, 1)
    result = tabulate(path, SIDES, coverage="centre")
    grid = result.grid(1)
    column, row = np.meshgrid(np.arange(1200) + 0.5, np.arange(1000) + 0.5)
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(114 + DEGREE * column, 41 - DEGREE * row)
    cell = np.floor((y - grid.bounds[1]) / 1000).astype(int) * grid.n_cols + np.floor((x - grid.bounds[0]) / 1000).astype(int)
    geod, edges = CRS.from_epsg(4326).get_geod(), 41 - DEGREE * np.arange(1001)
    km2 = np.array([abs(geod.polygon_area_perimeter([0, 0.01, 0.01, 0], [a, a, b, b])[0]) for a, b in itertools.pairwise(edges)])
    km2 *= DEGREE / 0.01 / 1e6
    for k, name in enumerate(NAMES[1:], start=1):
        expected = np.bincount(cell.ravel(), weights=((window == k) * km2[:, None]).ravel(), minlength=grid.n_rows * grid.n_cols)
        close(name, result.km2[0][0, :, :, result.land_classes.index(name)].ravel(), expected, rtol=1e-6, atol=1e-9)
    whole = tabulate(path, [1])
    cells = (whole.km2[0].sum(axis=3) + whole.nodata_km2[0])[0, 6:-6, 6:-6]
    inner = cells[cells > 0.99]
    close("areas of whole cells", inner, np.ones_like(inner), rtol=1e-3)
    off = float(np.abs(inner - 1).max())
    return f"1.2e6 pixels projected one by one: none in another cell; lines within {result.attrs['placement_error_px']} px; whole cells 1 km2 within {off:.0e}"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raster = land_cover(10_000)
        inside = np.bincount(raster.ravel(), minlength=7) * 4
        small = write(folder / "small.tif", raster, 1, "ZSTD", PROJECTED)
        one = measure(lambda: tabulate(small, [1]), repeat=1, warm=False)
        theirs = measure(lambda: exactextract_table(small, one.result), repeat=1, warm=False)
        equality = close("pixels in each cell", pixels(one.result), theirs.result, rtol=0, atol=3e-6)
        every = measure(lambda: tabulate(small, SIDES))
        yield Row("13 sides, 1-30 km", "1e8 px, ZSTD", every, "exactextract (one 1-km grid)", theirs, equality=equality, at_least_times=30)
        shown = check_every_pixel(folder, raster)
        for compress in ("ZSTD", "LZW"):
            size = f"4e8 px, {compress}"
            path = write(folder / f"{compress}.tif", raster, 2, compress, PROJECTED)
            ours = measure(lambda path=path: tabulate(path, SIDES))
            equality = close("totals of every grid", totals(ours.result) / 9e-4, np.tile(inside, (13, 1)), rtol=1e-9)
            yield Row("13 sides, 1-30 km", size, ours, *quoted("exactextract (one 1-km grid)", 40.0), equality=equality, at_least_times=30)
            decoding = measure(lambda path=path: decode(path))
            yield Row("13 sides, 1-30 km", size, ours, "decoding alone", decoding, equality=equality, at_least_times=0.5)
            if compress == "ZSTD":
                yield from shifted(path, size)
            path.unlink()
            degrees = write(folder / f"{compress}_degrees.tif", raster, 2, compress, GEOGRAPHIC)
            geographic = measure(lambda degrees=degrees: tabulate(degrees, SIDES))
            both = totals(geographic.result)
            close("totals of every grid", both, np.tile(both[0], (13, 1)), rtol=1e-9)
            yield Row("13 sides from degrees", size, geographic, "13 sides, projected", ours, equality=shown, at_least_times=0.5)
            degrees.unlink()


def shifted(path: Path, size: str) -> Iterator[Row]:
    """Eight origins of one grid in the same pass, against one; equal to eight runs."""
    rng = np.random.default_rng(1)
    for side in (3, 10):
        shifts = [(0.0, 0.0), *(tuple(shift) for shift in np.round(rng.uniform(0, side, (7, 2)), 2).tolist())]
        eight = measure(lambda side=side, shifts=shifts: tabulate(path, [side], origins=shifts))
        one: Measured = measure(lambda side=side: tabulate(path, [side]))
        for shift in shifts[:2]:
            alone = tabulate(path, [side], origins=[shift])
            equality = close(
                "each grid as in a run of its own,", eight.result.km2[shifts.index(shift)], alone.km2[0], rtol=1e-10, atol=1e-12
            )
        yield Row(f"8 origins of {side} km", size, eight, f"one {side}-km grid", one, equality=equality, at_least_times=0.5)
