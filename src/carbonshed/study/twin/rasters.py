"""Land cover of the twin as rasters: tile by tile, any size of pixel, one compressed file a year."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from carbonshed.spatial.crs import china_albers
from carbonshed.study.store import replacing
from carbonshed.study.twin.landscape import SIDE_KM, SOUTH_M, WEST_M, Landscape

Progress = Callable[[float, str], None]

BLOCK = 256
TILE = 2 * BLOCK
"""Pixels that are drawn at one time, per side."""


def raster_path(folder: Path, year: int) -> Path:
    """Where the land cover of a year stands."""
    return folder / f"clcd_{year}.tif"


def write_land_cover(folder: Path, landscape: Landscape, years: Sequence[int], *, pixel_m: float, progress: Progress | None = None) -> None:
    """Write the land cover of the years into `folder`, as tiled GeoTIFFs in CLCD codes, ZSTD, in the China Albers CRS.

    Memory holds one tile of all years. A pixel has the code of its centre, which depends on the place only.
    """
    n = int(np.ceil(SIDE_KM * 1000 / pixel_m))
    profile = {"driver": "GTiff", "width": n, "height": n, "count": 1, "dtype": "uint8", "nodata": 0, "crs": china_albers().to_wkt()}
    profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "zstd", "BIGTIFF": "IF_SAFER"}
    transform = from_origin(WEST_M, SOUTH_M + n * pixel_m, pixel_m, pixel_m)
    centres = (np.arange(n) + 0.5) * pixel_m / 1000
    with ExitStack() as stack:
        paths = [stack.enter_context(replacing(raster_path(folder, year))) for year in years]
        files = [stack.enter_context(rasterio.open(path, "w", transform=transform, **profile)) for path in paths]
        starts = [(row, col) for row in range(0, n, TILE) for col in range(0, n, TILE)]
        for k, (row, col) in enumerate(starts):
            y, x = centres[::-1][row : row + TILE], centres[col : col + TILE]
            for file, codes in zip(files, landscape.land_cover(tuple(years), x, y), strict=True):
                file.write(codes, 1, window=Window(col, row, x.size, y.size))
            if progress:
                progress((k + 1) / len(starts), f"land cover, tile {k + 1} of {len(starts)}")
