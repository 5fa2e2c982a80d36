"""What can be known of a raster without reading its pixels."""

from __future__ import annotations

from pathlib import Path

import rasterio


def pixel_count(path: str | Path) -> int:
    """Number of pixels of one band of a raster."""
    with rasterio.open(path) as dataset:
        return int(dataset.width) * int(dataset.height)
