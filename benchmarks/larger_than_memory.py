"""A raster larger than memory: 1e10 pixels, a virtual raster of repeated tiles, onto 200 counties; memory is a few strips and the table.

No peer is run. The counts must be those of one tile times the number of tiles, and memory must stay below 2 GB, for a raster of 1e10
bytes a year.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shapely

from benchmarks.harness import Row, close, equal, measure
from benchmarks.many_grids import PROJECTED, land_cover, write
from benchmarks.zonal_counties import COUNTIES, ours, ragged_counties

TILE, REPEATED = 5_000, 20
MEMORY_MB = 2_000


def virtual_raster(folder: Path, tile: Path, side: int, repeated: int) -> Path:
    """A VRT that shows one file `repeated` x `repeated` times side by side."""
    a, b, c, d, e, f = tuple(PROJECTED["transform"])[:6]
    size = f'xSize="{side}" ySize="{side}"'
    sources = [
        f'<SimpleSource><SourceFilename relativeToVRT="1">{tile.name}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="{j * side}" yOff="{i * side}" {size}/></SimpleSource>'
        for i in range(repeated)
        for j in range(repeated)
    ]
    whole = side * repeated
    text = (
        f'<VRTDataset rasterXSize="{whole}" rasterYSize="{whole}"><SRS>{PROJECTED["crs"].replace("<", "&lt;")}</SRS>'
        f"<GeoTransform>{c}, {a}, {b}, {f}, {d}, {e}</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1" blockXSize="512" blockYSize="512">{"".join(sources)}</VRTRasterBand></VRTDataset>'
    )
    path = folder / "large.vrt"
    path.write_text(text, encoding="utf-8")
    return path


def rows(tile: int = TILE, repeated: int = REPEATED) -> Iterator[Row]:
    side = tile * repeated
    counties = ragged_counties(side, COUNTIES)
    raster = land_cover(tile)
    a, _, c, _, e, f = tuple(PROJECTED["transform"])[:6]
    box = shapely.box(c, f + e * side, c + a * side, f)
    with tempfile.TemporaryDirectory() as folder:
        path = virtual_raster(Path(folder), write(Path(folder) / "tile.tif", raster, 1, "zstd", PROJECTED), tile, repeated)
        expected = np.bincount(raster.ravel(), minlength=7) * repeated**2
        whole = measure(lambda: ours(path, counties.iloc[:1].assign(geometry=[box]), "centre"), repeat=1, warm=False)
        said = equal("pixels of the whole raster", np.round(whole.result[0]), expected)
        done = measure(lambda: ours(path, counties, "exact"), repeat=1, warm=False)
        close("areas of counties", done.result.sum(axis=1), counties.area.to_numpy() / 900, rtol=1e-9)
        light = f"< {MEMORY_MB} MB", done.memory_mb < MEMORY_MB
        work = "classes x counties by exact shares, larger than memory"
        yield Row(work, f"{float(side) ** 2:.0e} px, {COUNTIES} counties", done, "-", None, equality=said, result_goal=light)
