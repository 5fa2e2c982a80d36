"""Big studies on invented data: written, estimated by ``check``, run, and the estimate held against what was measured.

    python tools/big.py county --units 100000 --years 60 --out /tmp/big     # counties with a table, no land cover
    python tools/big.py grid --units 1000000 --years 2 --out /tmp/big       # cells of 1 km on twelve scales, one county per 400 cells
    python tools/big.py grid --units 50000 --years 2 --out /tmp/big         # one twentieth

It prints one JSON object: the estimate, the seconds of each step, those of the processor in all, and the peak of resident memory, with the
estimate as a multiple of both. The run is a process of its own, so that the peak is its own; ``--most-gb`` ends it with the system's own
limit before the machine suffers. ``--plain`` leaves the comparison of methods of zoning out, which takes most of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.transform import from_origin

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
WEST, SOUTH = -500_000, 3_000_000
SCALES = [2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30]

STUDY = """[study]
name = "Big: {kind}, {units} units, {years} years"
years = {listed}
simulated = true

[counties]
boundaries = "counties.gpkg"
id = "unit_id"
province = "province"
table = "counties.csv"
"""

COUNTIES = """
[accounting]
sink_mode = "table"

[zoning]
level = "county"
runs = {runs}
"""

LAND = """
[land_cover]
product = "clcd"
path = "clcd_{year}.tif"

[grid]
base_km = 1
scales_km = SCALES

[emissions]
path = "emissions.csv"
allocation = "weighted_proxy"
weights = { built_up = 1, cropland = 0.1 }

[zoning]
runs = RUNS
"""


def squares(count: int, side: float) -> gpd.GeoDataFrame:
    """About `count` square counties, side [m], in as many provinces as it takes to have 100 rows each."""
    across = int(np.ceil(np.sqrt(count)))
    row, column = np.divmod(np.arange(count), across)
    west, south = WEST + column * side, SOUTH + row * side
    ids = [f"{100000 + number}" for number in range(count)]
    provinces = [f"P{r // 50}-{c // 50}" for r, c in zip(row, column, strict=True)]
    shapes = shapely.box(west, south, west + side, south + side)
    return gpd.GeoDataFrame({"unit_id": ids, "province": provinces}, geometry=shapes, crs=ALBERS)


def county_table(ids: pd.Series, years: list[int], rng: np.random.Generator, *, carbon: bool) -> pd.DataFrame:
    """Economy, and carbon where there is no land cover, of each county and year."""
    level = {name: rng.lognormal(size=len(ids)) for name in ("source", "sink", "gdp", "people")}
    parts = []
    for number, year in enumerate(years):
        noise = rng.lognormal(sigma=0.1, size=(4, len(ids)))
        part = {"unit_id": ids, "year": year, "gdp_yuan": 4e9 * level["gdp"] * noise[0] * 1.03**number}
        part |= {"population": np.round(3e5 * level["people"] * noise[1]), "fiscal_revenue_yuan": 0.08 * part["gdp_yuan"]}
        if carbon:
            part |= {"carbon_source_t": 8e5 * level["source"] * noise[2] * 1.01**number, "carbon_sink_t": 9e5 * level["sink"] * noise[3]}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def write_land_cover(path: Path, bounds: np.ndarray, rng: np.random.Generator) -> None:
    """Codes of CLCD in patches of 8 x 8 pixels of 0.01 degrees, with some noise."""
    west, south, east, north = bounds
    shape = int((north - south) / 0.01) + 5, int((east - west) / 0.01) + 5
    patches = rng.choice([1, 2, 4, 5, 8], p=[0.4, 0.3, 0.15, 0.03, 0.12], size=(shape[0] // 8 + 1, shape[1] // 8 + 1))
    values = np.kron(patches, np.ones((8, 8), dtype=int))[: shape[0], : shape[1]]
    values = np.where(rng.random(shape) < 0.1, 4, values).astype("uint8")
    settings = {"driver": "GTiff", "dtype": "uint8", "count": 1, "crs": "EPSG:4326", "nodata": 0, "compress": "zstd", "tiled": True}
    transform = from_origin(west - 0.02, north + 0.02, 0.01, 0.01)
    with rasterio.open(path, "w", height=shape[0], width=shape[1], transform=transform, **settings) as dataset:
        dataset.write(values, 1)


def write_study(folder: Path, kind: str, units: int, years: int, *, per_county: int = 400, runs: int = 20) -> Path:
    """A study of `units` counties, or of `units` cells of 1 km; `runs` to compare methods of zoning by, 0: none."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    listed = list(range(2021 - years, 2021))
    is_grid = kind == "grid"
    frame = squares(max(4, units // per_county), 1000 * per_county**0.5) if is_grid else squares(units, 5000)
    frame.to_file(folder / "counties.gpkg", layer="counties", driver="GPKG")
    table = county_table(frame["unit_id"], listed, rng, carbon=not is_grid)
    table.to_csv(folder / "counties.csv", index=False)
    text = STUDY.format(kind=kind, units=units, years=years, listed=listed)
    if is_grid:
        bounds = frame.to_crs("EPSG:4326").total_bounds
        for year in listed:
            write_land_cover(folder / f"clcd_{year}.tif", bounds, rng)
        emitted = table[["unit_id", "year"]].rename(columns={"unit_id": "id"})
        emitted.assign(carbon_source_t=8e5 * rng.lognormal(size=len(emitted))).to_csv(folder / "emissions.csv", index=False)
        text += LAND.replace("SCALES", str(SCALES)).replace("RUNS", str(runs))
    else:
        text += COUNTIES.format(runs=runs)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


def memory_gb(process: int) -> float:
    """Memory of a process and of those it started [GB]: their shares of resident pages, or the peak of the first alone if that is more."""
    peak = sum(kilobytes(process, "status", "VmHWM:"))
    family, members = [process], []
    while family:
        members.append(family.pop())
        started = read(Path(f"/proc/{members[-1]}/task/{members[-1]}/children"))
        family += [int(each) for each in started.split()]
    return max(peak, sum(sum(kilobytes(each, "smaps_rollup", "Pss:")) for each in members)) / 2**20


def kilobytes(process: int, file: str, name: str) -> list[int]:
    """The numbers of lines that begin with a name in a file of a process; none where it has ended."""
    return [int(line.split()[1]) for line in read(Path(f"/proc/{process}/{file}")).splitlines() if line.startswith(name)]


def read(path: Path) -> str:
    """The text of a file, empty where it is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def run_measured(study: Path, *, most_gb: float, most_seconds: float, until: str | None) -> dict[str, object]:
    """Run the study in a process of its own; seconds of each step so far and the peak of memory [GB]."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from carbonshed.study.study import Study\n"
        f"until = {until!r}\n"
        "from carbonshed.study.reporting import write_outputs\n"
        f"Study.open({str(study)!r}).run(until=until, finish=None if until else write_outputs, "
        "progress=lambda f, m: print(f'{f:6.3f} {m}', file=sys.stderr, flush=True))\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (int(most_gb * 2**30),) * 2)

    started, peak = time.perf_counter(), 0.0
    child = subprocess.Popen([sys.executable, "-c", code], preexec_fn=limit)
    while True:
        number, status, used = os.wait4(child.pid, os.WNOHANG)
        if number:
            break
        if time.perf_counter() - started > most_seconds:
            child.kill()
        peak = max(peak, memory_gb(child.pid))
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    manifests = [p for p in (study / "results" / ".next" / "manifest.json", study / "results" / "manifest.json") if p.is_file()]
    steps = {step["name"]: step["seconds"] for step in json.loads(manifests[0].read_text())["steps"]} if manifests else {}
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": round(seconds, 1),
        "processor_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_gb": round(peak, 2),
        "steps": steps,
    }


def main() -> None:
    """Write, estimate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["county", "grid"])
    parser.add_argument("--units", type=int, default=5000)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most-gb", type=float, default=8.0)
    parser.add_argument("--most-seconds", type=float, default=3600.0)
    parser.add_argument("--until", default=None, help="The last step to run; default: all, with report and figures.")
    parser.add_argument("--plain", action="store_true", help="No comparison of methods of zoning.")
    parser.add_argument("--per-county", type=int, default=400, help="Cells of a county, for a grid.")
    asked = parser.parse_args()
    place = asked.out / f"{asked.kind}-{asked.units}-{asked.years}{'-plain' if asked.plain else ''}"
    study = write_study(place, asked.kind, asked.units, asked.years, per_county=asked.per_county, runs=0 if asked.plain else 20)
    said = subprocess.run(
        [sys.executable, "-m", "carbonshed.interfaces.cli", "check", str(study), "--json"], capture_output=True, text=True
    )
    estimated = json.loads(said.stdout).get("estimate") if said.stdout else said.stderr
    measured = run_measured(study, most_gb=asked.most_gb, most_seconds=asked.most_seconds, until=asked.until)
    ratios = {}
    if isinstance(estimated, dict) and asked.until is None:
        pairs = {"memory": "peak_gb", "seconds": "processor_s"}
        ratios = {name: round(float(estimated[name]) / float(str(measured[of])), 2) for name, of in pairs.items()}
    print(json.dumps({"estimate": estimated, "measured": measured, "estimate_over_measured": ratios}, indent=1))


if __name__ == "__main__":
    main()
