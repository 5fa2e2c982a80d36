"""The whole study of the simulated twin, from land cover of five dates to the report: 200 counties, twelve scales, zones, money.

Writing the rasters is not timed; where the variable CARBONSHED_TWINS names a folder, they are written there once and kept. Equality: the
areas of all cells of each date are those of the region, and every check of what must add up holds. The same study at 100 m compiles the
kernels and shows how time grows with pixels: the rasters are a few seconds of it, so it grows less than in proportion.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import rasterio

from benchmarks.harness import Row, close, measure
from carbonshed.study.reporting import write_outputs
from carbonshed.study.study import Result, Study
from carbonshed.study.twin.write import write_twin

SCALES_KM = [3.0 * k for k in range(1, 13)]
COARSE_M, FINE_M = 100, 30
AT_MOST_S, AT_MOST_MB = 90, 2000


def run(study: Path, out: Path) -> Result:
    """Every step and the report."""
    return Study.open(study).with_(**{"grid.scales_km": SCALES_KM}).run(out, finish=partial(write_outputs, lang="en"))


def rows(sizes: tuple[int, ...] = (COARSE_M, FINE_M)) -> Iterator[Row]:
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for pixel_m in sizes:
            place = Path(os.environ.get("CARBONSHED_TWINS") or folder) / f"{pixel_m}m"
            study = write_twin(place, pixel_m=pixel_m)
            with rasterio.open(place / "clcd_2020.tif") as dataset:
                pixels = dataset.width * dataset.height
            shutil.rmtree(place / "results", ignore_errors=True)
            done = measure(partial(run, study, place / "results"), repeat=1, warm=False)
            cells = done.result.accounts_grid
            area = cells[cells["scale_km"] == SCALES_KM[-1]].groupby("year")["area_km2"].sum()
            whole = cells[cells["scale_km"] == SCALES_KM[0]].groupby("year")["area_km2"].sum()
            said = close("areas of cells at the first and the last scale", area, whole, rtol=1e-9)
            is_fine = pixel_m == FINE_M
            goal, light = AT_MOST_S if is_fine else None, ("< 2 GB", done.memory_mb < AT_MOST_MB) if is_fine else None
            grown = f"{pixels / before[0]:.1f} times the pixels in {done.processor_s / before[1]:.2f} times the time" if before else ""
            before = pixels, done.processor_s
            yield Row(
                "whole twin study with its report",
                f"5 dates x {pixels:.1e} px",
                done,
                "-",
                None,
                equality=said,
                at_most_s=goal,
                note=grown,
                result_goal=light,
            )
