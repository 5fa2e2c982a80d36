"""How time grows: land area with pixels, the tables with cells and with counties, the rows of rasters with workers.

``python -m benchmarks.scaling [pixels | cells | counties | workers | draw ...]`` measures the curves that are named, or one point of
a curve (``cells=1000000``), each point in a process of its own, keeps all points in ``benchmarks/scaling.json``, and draws ``docs/images/scaling.png`` from that file. Seconds are of
the processor, of all threads and, for workers, of all processes: on a shared machine the clock says little. Equality is asserted: the
areas of classes against the tile times the repetitions, and the bytes of workers against those of one thread.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
POINTS = HERE / "scaling.json"
FIGURE = HERE.parent / "docs" / "images" / "scaling.png"
SIZES: dict[str, list[int]] = {
    "pixels": [10_000_000, 100_000_000, 1_000_000_000],
    "cells": [10_000, 30_000, 100_000, 1_000_000],
    "counties": [100, 1_000, 10_000, 100_000],
    "workers": [0, 1, 2, 4],
}
TILE = 3_200
WORKERS_PX = 1_000_000_000
GROUPS = {
    "cells": {"land area": ["land_area"], "accounts": ["accounts"], "scale": ["scale"], "zones": ["zones"]},
    "counties": {"compensation": ["compensation"], "flows": ["flows"]},
}


def processor_s() -> float:
    """Seconds of the processor of this process, and of children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def peak_gb() -> float:
    """Of this process alone: ``ru_maxrss`` begins with that of the process that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**20


def raster_of(folder: Path, pixels: int) -> tuple[Path, Any, np.ndarray]:
    """A GeoTIFF (ZSTD) of about so many pixels, 200 ragged counties on it, and the pixels of each class that it holds."""
    from benchmarks.many_grids import PROJECTED, land_cover, write
    from benchmarks.zonal_counties import ragged_counties

    repeated = max(round(pixels**0.5 / TILE), 1)
    raster = land_cover(TILE)
    path = write(folder / "land.tif", raster, repeated, "ZSTD", PROJECTED)
    return path, ragged_counties(TILE * repeated, 200), np.bincount(raster.ravel(), minlength=7) * repeated**2


def pixels_point(size: int) -> dict[str, Any]:
    """One year, 200 ragged counties, both rules, all threads that the package takes."""
    from benchmarks.zonal_counties import ours

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, counties, expected = raster_of(Path(folder), size)
        found |= {"pixels": int(expected.sum()), "file_bytes": path.stat().st_size}
        ours(path, counties.iloc[:1], "exact"), ours(path, counties.iloc[:1], "centre")  # compiles, fills caches
        for coverage in ("centre", "exact"):
            clock, begin = time.perf_counter(), processor_s()
            table = ours(path, counties, coverage)
            found[coverage] = {"processor_s": processor_s() - begin, "clock_s": time.perf_counter() - clock}
            inside = counties.area.to_numpy().sum() / 900 if coverage == "exact" else table.sum()
            np.testing.assert_allclose(table.sum(), inside, rtol=1e-9)
            assert (table.sum(axis=0) <= expected * (1 + 1e-9)).all()
    return {**found, "peak_gb": peak_gb()}


def study_point(kind: str, size: int) -> dict[str, Any]:
    """Steps of an invented study of one year, in the processor seconds between their beginnings."""
    sys.path.insert(0, str(HERE.parent / "tools"))
    from big import write_study

    from carbonshed.study.study import Study

    begun: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = write_study(Path(folder) / "study", "grid" if kind == "cells" else "county", size, 1)

        def note(fraction: float, message: str) -> None:
            begun.setdefault(message.partition(":")[0], (processor_s(), peak_gb()))

        until = "zones" if kind == "cells" else "flows"
        plain = Study.open(study).with_(**{"zoning.runs": 0})  # no comparison of methods: it is not drawn
        result = plain.run(Path(folder) / "out", until=until, progress=note)
        table = result.accounts_grid if kind == "cells" else result.accounts
        n_units = int((table["scale_km"] == table["scale_km"].min()).sum()) if kind == "cells" else len(table)
    names = list(begun)
    seconds = {name: begun[after][0] - begun[name][0] for name, after in pairwise(names)}
    return {"units": n_units, "processor_s": seconds, "peak_gb": peak_gb()}


def workers_point(workers: int) -> dict[str, Any]:
    """Two equal years of 1e9 pixels on 200 counties; 0 workers: one thread, no cluster. Starting the processes is apart.

    Where cores are free, a run takes as long as its busiest worker and, before and after it, the process that deals out and adds up.
    """
    from benchmarks.zonal_counties import LEGEND
    from carbonshed.readers.land_cover import plan_land_area, tabulate_land_area
    from carbonshed.study.cluster import Cluster

    with tempfile.TemporaryDirectory() as folder:
        path, counties, expected = raster_of(Path(folder), WORKERS_PX)
        rasters = {2000: path, 2020: path}
        tabulate_land_area(rasters, counties.iloc[:1], legend=LEGEND, threads=1)
        begin, clock = processor_s(), time.perf_counter()
        one = tabulate_land_area(rasters, counties, legend=LEGEND, coverage="exact", threads=1)
        found: dict[str, Any] = {"processor_s": processor_s() - begin, "clock_s": time.perf_counter() - clock}
        if workers:
            with Cluster(workers=workers) as run_tasks:
                run_tasks(plan_land_area(rasters, counties.iloc[:1], legend=LEGEND, coverage="exact"))  # begins the processes
                ids = list(run_tasks._client.run(os.getpid).values())
                begin, before, clock = processor_s(), _of(ids), time.perf_counter()
                far = tabulate_land_area(rasters, counties, legend=LEGEND, coverage="exact", run_tasks=run_tasks)
                main, each = processor_s() - begin, _of(ids) - before
                found = {"processor_s": main + each.sum(), "busiest_s": each.max(), "main_s": main}
                found["clock_s"] = time.perf_counter() - clock
            assert far.values.tobytes() == one.values.tobytes()
    return {"pixels": 2 * int(expected.sum()), **found, "peak_gb": peak_gb()}


def _of(processes: list[int]) -> np.ndarray:
    """Seconds of the processor of other processes so far, each."""
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in processes]
    return np.array([int(each[11]) + int(each[12]) for each in fields]) / os.sysconf("SC_CLK_TCK")


def point(curve: str, size: int) -> dict[str, Any]:
    if curve == "pixels":
        return pixels_point(size)
    return workers_point(size) if curve == "workers" else study_point(curve, size)


def measure(curve: str, sizes: list[int], kept: dict[str, list[dict[str, Any]]]) -> None:
    """Points of a curve, each in a process of its own, kept as they come beside those of other sizes."""
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.scaling", "--point", curve, str(size)]
        done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{curve} {size} failed", file=sys.stderr)
            continue
        row = {"size": size, **json.loads(done.stdout.splitlines()[-1])}
        kept[curve] = sorted([*(each for each in kept.get(curve, []) if each["size"] != size), row], key=lambda each: each["size"])
        POINTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(curve, row, file=sys.stderr, flush=True)


def draw() -> None:
    """The four curves with the points and a line of slope 1."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kept = json.loads(POINTS.read_text("utf-8"))
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for axis, (curve, label) in zip(axes.ravel(), TITLES.items(), strict=True):
        lines = _lines(curve, kept.get(curve, []))
        for name, (x, y) in lines.items():
            axis.plot(x, y, "o-", label=name, lw=1.4, ms=4)
        axis.set(title=label[0], xlabel=label[1], ylabel="processor seconds")
        if curve == "workers":
            ticks = lines["all processes"][0]
            axis.set_xticks(list(ticks), ["1 thread", *map(str, ticks[1:])])
            axis.set_ylim(0)
        elif lines:
            axis.set(xscale="log", yscale="log")
            x, y = max(lines.values(), key=lambda line: line[1][-1])
            axis.plot([x[0], x[-1]], [y[-1] * x[0] / x[-1], y[-1]], ":", color="0.5", label="in proportion", zorder=0)
        axis.legend(frameon=False, fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=150, metadata={"Software": None})


TITLES = {
    "pixels": ("Land area: pixels", "pixels of one year, 200 counties"),
    "cells": ("The chain on a grid: cells", "cells of 1 km, 12 scales"),
    "counties": ("Money: counties", "counties"),
    "workers": ("Rasters on a local cluster: workers", "worker processes"),
}


def _lines(curve: str, rows: list[dict[str, Any]]) -> dict[str, tuple[list[float], list[float]]]:
    if curve == "pixels":
        return {name: ([r["pixels"] for r in rows], [r[name]["processor_s"] for r in rows]) for name in ("centre", "exact")}
    if curve == "workers":
        path = [r.get("busiest_s", r["processor_s"]) + r.get("main_s", 0.0) for r in rows]
        sizes = [r["size"] for r in rows]
        return {"all processes": (sizes, [r["processor_s"] for r in rows]), "busiest worker, dealing out and adding up": (sizes, path)}
    names = GROUPS[curve]
    return {
        name: ([r["units"] for r in rows], [sum(r["processor_s"].get(step, 0.0) for step in steps) for r in rows])
        for name, steps in names.items()
    }


def table() -> str:
    """All points as Markdown tables, a section a curve."""
    kept = json.loads(POINTS.read_text("utf-8"))
    parts = []
    if rows := kept.get("pixels"):
        lines = [["pixels", "by centres [s]", "exact [s]", "exact, seconds per 1e8 px", "peak memory [GB]"]]
        for r in rows:
            centre, exact = r["centre"]["processor_s"], r["exact"]["processor_s"]
            lines.append([f"{r['pixels']:.2e}", _short(centre), _short(exact), _short(exact / r["pixels"] * 1e8), _short(r["peak_gb"])])
        parts.append(lines)
    for curve, head in (("cells", "cells of 1 km"), ("counties", "counties")):
        if rows := kept.get(curve):
            lines = [[head, *(f"{name} [s]" for name in GROUPS[curve]), "peak memory [GB]"]]
            for r in rows:
                seconds = [sum(r["processor_s"].get(step, 0.0) for step in steps) for steps in GROUPS[curve].values()]
                lines.append([f"{r['units']:,}", *map(_short, seconds), _short(r["peak_gb"])])
            parts.append(lines)
    if rows := kept.get("workers"):
        columns = [
            "processor, all [s]",
            "busiest worker [s]",
            "dealing out and adding up [s]",
            "speed-up where cores are free",
            "by the clock [s]",
        ]
        lines = [["workers", *columns]]
        for r in rows:
            alone, main = r.get("busiest_s", r["processor_s"]), r.get("main_s", 0.0)
            gain = rows[0]["processor_s"] / (alone + main)
            lines.append(
                [
                    str(r["size"] or "1 thread, no cluster"),
                    *map(_short, (r["processor_s"], alone, main)),
                    f"{gain:.2g}",
                    _short(r["clock_s"]),
                ]
            )
        parts.append(lines)
    made = []
    for head, *body in parts:
        made.append("\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body]))
    return "\n\n".join(made)


def _short(value: float) -> str:
    return f"{value:.3g}"


def main(words: list[str]) -> None:
    if words == ["table"]:
        print(table())
        return
    if words[:1] == ["--point"]:
        print(json.dumps(point(words[1], int(words[2]))))
        return
    kept = json.loads(POINTS.read_text("utf-8")) if POINTS.is_file() else {}
    for word in [word for word in words or SIZES if word != "draw"]:
        curve, _, size = word.partition("=")
        measure(curve, [int(size)] if size else SIZES[curve], kept)
    draw()


if __name__ == "__main__":
    main(sys.argv[1:])
