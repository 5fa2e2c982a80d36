"""Land classes of 200 ragged counties from a raster of 4e8 pixels, by pixel centres and by exact shares; against rasterstats and exactextract.

Decoding alone is the same file read strip by strip in as many threads, and nothing done with it: what no method that reads the
file can beat. The peers get the same file and the same polygons.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import Voronoi

from benchmarks.harness import Measured, Row, close, equal, measure
from benchmarks.many_grids import LEGEND, NAMES, PROJECTED, decode, land_cover, write
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.spatial.crs import china_albers

SIDE = 20_000
COUNTIES = 200
PIXEL_KM2 = 9e-4
MEMORY_MB = 1000


def ragged_counties(side: int, count: int, seed: int = 7) -> gpd.GeoDataFrame:
    """Voronoi cells inside a raster of `side` pixels whose shared borders are roughened alike on both sides; two have a hole."""
    points = np.random.default_rng(seed).random((count, 2)) * side
    voronoi = Voronoi(np.vstack([points, np.array([[-3, -3], [-3, 4], [4, -3], [4, 4]]) * side]))

    def border(a: int, b: int) -> np.ndarray:
        rng, line = np.random.default_rng(min(a, b) * 100_003 + max(a, b)), voronoi.vertices[[min(a, b), max(a, b)]]
        for _ in range(7):
            across = np.diff(line, axis=0) @ np.array([[0, 1], [-1, 0]])
            middle = (line[1:] + line[:-1]) / 2 + across * rng.normal(0, 0.06, (len(line) - 1, 1)).clip(-0.12, 0.12)
            line = np.insert(line, np.arange(1, len(line)), middle, axis=0)
        return line if a < b else line[::-1]

    shapes = []
    for k in range(count):
        region = voronoi.regions[voronoi.point_region[k]]
        rings = [border(a, b)[:-1] for a, b in zip(region, region[1:] + region[:1], strict=True)]
        shapes.append(shapely.make_valid(shapely.Polygon(np.vstack(rings))))
    shapes = shapely.intersection(shapes, shapely.box(1, 1, side - 1, side - 1))
    for k in (0, 1):
        shapes[k] = shapes[k].difference(shapes[k].representative_point().buffer(0.01 * side))
    a, _, c, _, e, f = tuple(PROJECTED["transform"])[:6]
    placed = shapely.transform(shapes, lambda xy: xy * [a, e] + [c, f])
    index = [f"u{k}" for k in range(count)]
    return gpd.GeoDataFrame(geometry=placed, index=index, crs=china_albers()).rename_axis("unit_id")


def ours(path: Path, counties: gpd.GeoDataFrame, coverage: str) -> np.ndarray:
    """Pixels of each class in each county, nodata first."""
    area = tabulate_land_area({2020: path}, counties, legend=LEGEND, coverage=coverage)
    return np.column_stack([area["nodata_km2"][0], *[area.sel(year=2020, land_class=name) for name in NAMES[1:]]]) / PIXEL_KM2


def rasterstats_table(path: Path, counties: gpd.GeoDataFrame) -> np.ndarray:
    from rasterstats import zonal_stats

    found = zonal_stats(list(counties.geometry), str(path), categorical=True, nodata=255)
    return np.array([[row.get(code, 0) for code in range(len(NAMES))] for row in found])


def exactextract_table(path: Path, counties: gpd.GeoDataFrame) -> np.ndarray:
    from exactextract import exact_extract

    found = exact_extract(str(path), counties, ["count", "unique", "frac"], output="pandas")
    table = np.zeros((len(counties), len(NAMES)))
    for k, (codes, share, count) in enumerate(zip(found["unique"], found["frac"], found["count"], strict=True)):
        table[k, np.asarray(codes, int)] = np.asarray(share, float) * count
    return table


@dataclass(frozen=True)
class Ours:
    """What one file takes here: decoded, by pixel centres, by exact shares."""

    path: Path
    decoded: Measured
    centre: Measured
    exact: Measured

    @classmethod
    def of(cls, path: Path, counties: gpd.GeoDataFrame) -> Ours:
        decoded = measure(lambda: decode(path))
        return cls(path, decoded, *(measure(partial(ours, path, counties, rule)) for rule in ("centre", "exact")))


def rows(side: int = SIDE) -> Iterator[Row]:
    """Ours of all files before any peer, whose memory would else be counted as ours: an allocator keeps what it once had."""
    counties = ragged_counties(side, COUNTIES)
    size = f"{side * side:.0e} px, {COUNTIES} counties".replace("e+0", "e")
    with tempfile.TemporaryDirectory() as folder:
        quarter = land_cover(side // 2)
        paths = [write(Path(folder) / f"{compress}.tif", quarter, 2, compress, PROJECTED) for compress in ("lzw", "deflate", "zstd")]
        del quarter
        for mine in [Ours.of(path, counties) for path in paths]:
            yield from against_peers(mine, counties, size)


def against_peers(mine: Ours, counties: gpd.GeoDataFrame, size: str) -> Iterator[Row]:
    """Rows of one file."""
    path, centre, exact, compress = mine.path, mine.centre, mine.exact, mine.path.stem.upper()
    light = f"< {MEMORY_MB} MB", centre.memory_mb < MEMORY_MB
    theirs = measure(lambda: rasterstats_table(path, counties), repeat=1, warm=False)
    equality = equal("counts", np.round(centre.result, 6), theirs.result)
    work = f"classes x counties by pixel centres, {compress}"
    yield Row(work, size, centre, "rasterstats", theirs, equality=equality, at_least_times=8, result_goal=light)
    yield Row(work, size, centre, "decoding alone", mine.decoded, equality=equality, at_least_times=0.5)
    theirs = measure(lambda: exactextract_table(path, counties), repeat=1, warm=False)
    equality = close("sums of counties", exact.result.sum(axis=1), theirs.result.sum(axis=1), rtol=1e-7)
    close("classes", exact.result, theirs.result, rtol=1e-6, atol=0.01)
    work = f"classes x counties by exact shares, {compress}"
    yield Row(work, size, exact, "exactextract", theirs, equality=equality, at_least_times=8)
