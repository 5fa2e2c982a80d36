"""The whole study of the simulated twin, from land cover of five dates to the report: 200 counties, twelve scales, zones, money.

Writing the rasters is not timed; where the variable CARBONSHED_TWINS names a folder, they are written there once and kept. Equality: the
areas of all cells of each date are those of the region, and every check of what must add up holds. The same study at 100 m compiles the
kernels and shows how time grows with pixels: the rasters are a few seconds of it, so it grows less than in proportion.
Each run is a process of its own, as a user's; memory and processor time are of it and of the process that draws beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import rasterio

from benchmarks.harness import Measured, Row, close
from carbonshed.study.reporting import write_outputs
from carbonshed.study.study import Study
from carbonshed.study.twin.write import write_twin

SCALES_KM = [3.0 * k for k in range(1, 13)]
COARSE_M, FINE_M = 100, 30
AT_MOST_S, AT_MOST_MB = 90, 2000


def run(study: str, out: str) -> None:
    """Every step and the report."""
    Study.open(study).with_(**{"grid.scales_km": SCALES_KM}).run(out, finish=partial(write_outputs, lang="en"))


def run_apart(study: Path, out: Path) -> Measured:
    """A run in a process of its own, with its grid of the first and the last scale."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    from big import memory_gb

    begun, peak = time.perf_counter(), 0.0
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.whole_twin", str(study), str(out)], cwd=Path(__file__).parents[1])
    while True:
        number, status, used = os.wait4(child.pid, os.WNOHANG)
        if number:
            break
        peak = max(peak, memory_gb(child.pid))
        time.sleep(0.5)
    seconds = time.perf_counter() - begun
    assert status == 0, f"the run ended with {os.waitstatus_to_exitcode(status)}"
    cells = pd.read_parquet(out / "tables" / "accounts_grid.parquet", columns=["scale_km", "year", "area_km2"])
    return Measured(cells, seconds, peak * 1024, used.ru_utime + used.ru_stime)


def rows(sizes: tuple[int, ...] = (COARSE_M, FINE_M)) -> Iterator[Row]:
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for pixel_m in sizes:
            place = Path(os.environ.get("CARBONSHED_TWINS") or folder) / f"{pixel_m}m"
            study = write_twin(place, pixel_m=pixel_m)
            with rasterio.open(place / "clcd_2020.tif") as dataset:
                pixels = dataset.width * dataset.height
            shutil.rmtree(place / "results", ignore_errors=True)
            done = run_apart(study, place / "results")
            cells = done.result
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


if __name__ == "__main__":
    run(*sys.argv[1:])
