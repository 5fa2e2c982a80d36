"""A run on a Dask cluster: the bytes of one thread, a worker killed in mid-run, no workers left, files that workers do not see."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from carbonshed.checks import DataWarning, FolderError, InputError, Problem
from carbonshed.readers.land_change import plan_land_change
from carbonshed.readers.land_cover import plan_land_area, tabulate_land_area
from carbonshed.readers.rasters import strip_rows
from carbonshed.study import cluster
from carbonshed.study.cluster import Cluster, ClusterError
from carbonshed.study.study import Study
from carbonshed.study.twin.write import write_twin

distributed = pytest.importorskip("distributed")

LEGEND = {1: "forest", 2: "cropland", 3: "water", 0: "nodata"}
SIDE = 600
YEARS = (2000, 2010)


def units() -> gpd.GeoDataFrame:
    x, y = 900_000.0, 4_400_000.0
    edges = [0, 7_033, 41_017, 60_000]
    shapes = [shapely.box(x + a, y - d, x + b, y - c) for a, b in pairwise(edges) for c, d in pairwise(edges)]
    crs = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
    return gpd.GeoDataFrame(geometry=shapes, index=[f"u{k}" for k in range(len(shapes))], crs=crs).rename_axis("unit_id")


@pytest.fixture
def rasters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, Path]:
    """Two years in 38 strips, of one row of tiles."""
    paths = {}
    for year in YEARS:
        paths[year] = tmp_path / f"{year}.tif"
        shape = {"height": SIDE, "width": SIDE, "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": 64, "blockysize": 16}
        transform = from_origin(900_000, 4_400_000, 100, 100)
        with rasterio.open(paths[year], "w", driver="GTiff", crs=units().crs.to_wkt(), transform=transform, **shape) as file:
            file.write(np.random.default_rng(year).integers(1, 4, (SIDE, SIDE)).astype(np.uint8), 1)
    monkeypatch.setattr(strip_rows, "__kwdefaults__", {"pixels": 8 * SIDE})
    return paths


@pytest.fixture
def two_workers(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A scheduler with two worker processes, as somebody else would have begun it; they know how to be slow."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "slow_strips.py").write_text("import time\n\ndef slowly(seconds, blocks):\n    time.sleep(seconds)\n    return blocks\n")
    monkeypatch.syspath_prepend(folder)
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(n_workers=2, silence_logs=50, **options) as begun:
        yield begun


def test_problems_survive_the_way_between_processes() -> None:
    problem = Problem("code", "this", "that", "there", "Mend it.")
    for kind in (InputError, FolderError):
        back = pickle.loads(pickle.dumps(kind(problem)))
        assert type(back) is kind and back.problems == (problem,)


@pytest.mark.parametrize("given", [{}, {"workers": 2, "scheduler": "tcp://here:1"}, {"workers": 0}])
def test_one_of_both_is_wanted(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="worker"):
        Cluster(**given)


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install .*carbonshed\[cluster\]"):
        Cluster(workers=2)


def test_dask_is_imported_only_when_asked_for() -> None:
    code = "import sys, carbonshed.interfaces.cli, carbonshed.study.study, carbonshed.study.cluster; print('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_other_versions_are_named() -> None:
    here = {"packages": {"python": "3.11.5.final.0", "carbonshed": "1", "numpy": "2.4", "numba": "0.6", "distributed": "9"}}

    class Told:
        def get_versions(self, **options: Any) -> dict[str, Any]:
            there = {"packages": {**here["packages"], "python": "3.11.9.final.0", "numpy": "2.3", "carbonshed": None}}
            return {"client": here, "workers": {"tcp://a:1": here, "tcp://b:2": there}}

    with pytest.raises(InputError, match=r"carbonshed missing on tcp://b:2, 1 here, numpy 2.3 on tcp://b:2, 2.4 here") as told:
        cluster._check_versions(Told())
    assert "tcp://a:1" not in str(told.value) and "python" not in told.value.problems[0].got


@pytest.mark.slow
@pytest.mark.parametrize("coverage", ["centre", "exact"])
def test_the_bytes_of_one_thread(rasters: dict[int, Path], two_workers: Any, coverage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Area and change, enough tasks for a tree, by relative paths; progress rises to the end."""
    monkeypatch.chdir(rasters[2000].parent)
    near = {year: Path(path.name) for year, path in rasters.items()}
    options: dict[str, Any] = {"legend": LEGEND, "coverage": coverage}
    said: list[float] = []
    with Cluster(scheduler=two_workers.scheduler_address) as run_tasks:
        far = tabulate_land_area(near, units(), run_tasks=run_tasks, progress=lambda fraction, _: said.append(fraction), **options)
        moved = plan_land_change(near, units(), **options)
        assert moved.n_strips == 38
        changed = moved.finish(run_tasks(moved))
    one = tabulate_land_area(rasters, units(), threads=1, **options)
    assert far.values.tobytes() == one.values.tobytes() and far["nodata_km2"].equals(one["nodata_km2"])
    assert changed.values.tobytes() == cluster_free(rasters, options).tobytes()
    assert said[-1] == 1 and said == sorted(said)


def cluster_free(rasters: dict[int, Path], options: dict[str, Any]) -> Any:
    from carbonshed.readers.land_change import tabulate_land_change

    return tabulate_land_change(rasters, units(), threads=1, **options).values


@pytest.mark.slow
def test_a_file_that_workers_do_not_see_is_named(rasters: dict[int, Path], two_workers: Any) -> None:
    plan = plan_land_area(rasters, units(), legend=LEGEND)
    with Cluster(scheduler=two_workers.scheduler_address) as run_tasks:
        sizes = {str(path): path.stat().st_size for path in rasters.values()}
        run_tasks(plan)
        (elsewhere := rasters[2010].with_name("moved.tif")).write_bytes(rasters[2010].read_bytes())
        with pytest.raises(InputError, match=r"2010.tif: \d+ bytes instead of 1 on tcp://.*shared|2010.tif: \d+ bytes instead"):
            cluster._check_seen(run_tasks._client, {**sizes, str(rasters[2010]): 1})
        with pytest.raises(InputError, match=r"gone.tif: No such file or directory on tcp://"):
            cluster._check_seen(run_tasks._client, {str(elsewhere.with_name("gone.tif")): 5})


def test_a_task_on_a_worker_that_sees_another_file_is_refused(rasters: dict[int, Path]) -> None:
    task = next(plan_land_area(rasters, units(), legend=LEGEND).tasks())
    sizes = {str(path): path.stat().st_size for path in rasters.values()}
    assert len(cluster._tabulated(task, sizes)) == 1
    with pytest.raises(InputError, match=r"on .*, process \d+, .*2000.tif: \d+ bytes instead of 3"):
        cluster._tabulated(task, {**sizes, str(rasters[2000]): 3})


class SlowPlan:
    """A plan whose tasks take their time, so that a worker can be killed in the middle of it."""

    def __init__(self, plan: Any, seconds: float):
        self.plan, self.n_strips, self.finish = plan, plan.n_strips, plan.finish
        self.seconds = seconds

    def tasks(self, *, strips_at_once: int = 1) -> Iterator[Any]:
        from slow_strips import slowly

        for task in self.plan.tasks(strips_at_once=strips_at_once):
            yield replace(task, recode=partial(slowly, self.seconds))


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_costs_a_retry(rasters: dict[int, Path], two_workers: Any) -> None:
    plan = SlowPlan(plan_land_area(rasters, units(), legend=LEGEND), 0.05)
    killed: list[int] = []
    with distributed.Client(two_workers, set_as_default=False) as looking, Cluster(scheduler=two_workers.scheduler_address) as run_tasks:
        before = set(looking.run(os.getpid).values())

        def kill(fraction: float, message: str) -> None:
            if 0.2 < fraction < 0.9 and not killed:
                killed.append(min(before))
                os.kill(killed[0], signal.SIGKILL)

        far = plan.finish(run_tasks(plan, kill))
        after = set(looking.run(os.getpid).values())
    assert killed and killed[0] not in after
    assert far.values.tobytes() == tabulate_land_area(rasters, units(), legend=LEGEND, threads=1).values.tobytes()


@pytest.mark.slow
def test_all_workers_gone_is_said_and_the_run_can_be_gone_on_with(
    small_study: Path, two_workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "NO_WORKER_S", 1.0)
    study = Study.open(small_study)
    address = two_workers.scheduler_address
    with pytest.raises(ClusterError, match=r"all workers are gone.*run again"), Cluster(scheduler=address) as run_tasks:

        def slowed(plan: Any, progress: Any) -> Any:
            def leave(fraction: float, message: str) -> None:
                if "tasks" in message:
                    two_workers.scale(0)

            return run_tasks(SlowPlan(plan, 60.0), leave)

        study.run(small_study / "gone", until="accounts", run_tasks=slowed)
    done = quietly(study, small_study / "gone")
    assert done == quietly(study, small_study / "fresh")


@pytest.mark.slow
def test_no_scheduler_there_is_said(rasters: dict[int, Path]) -> None:
    plan = plan_land_area(rasters, units(), legend=LEGEND)
    with (
        distributed.worker.dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ClusterError, match=r"127\.0\.0\.1:9"),
    ):
        Cluster(scheduler="tcp://127.0.0.1:9")(plan)


def quietly(study: Study, out: Path, *, until: str = "accounts", **options: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return str(study.run(out, until=until, **options).manifest["digest"])


def command(study: Path, out: Path, *options: str) -> dict[str, Any]:
    """What ``carbonshed run --json`` says."""
    words = [sys.executable, "-m", "carbonshed.interfaces.cli", "run", str(study), "--out", str(out), "--json", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stderr.splitlines():
        json.loads(line)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_command_gives_one_digest_with_any_workers(small_study: Path, two_workers: Any) -> None:
    """All steps up to land change, and each file of tables the same bytes, on threads, 1, 2 and 4 processes, and a scheduler."""
    ways = {"threads": [], "one": ["--workers", "1"], "two": ["--workers", "2"], "four": ["--workers", "4"]}
    ways["scheduler"] = ["--scheduler", two_workers.scheduler_address]
    found = {way: command(small_study, small_study / way, "--until", "change", *options)["digest"] for way, options in ways.items()}
    assert len(set(found.values())) == 1
    first = {path.name: path.read_bytes() for path in (small_study / "threads" / "tables").iterdir()}
    assert "land_transfers.parquet" in first
    for way in ways:
        assert {path.name: path.read_bytes() for path in (small_study / way / "tables").iterdir()} == first


@pytest.mark.slow
def test_the_twin_in_many_strips_on_workers_and_gone_on_with_in_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five dates at 1 km in strips of 20,000 pixels: two worker processes, then threads for the rest, against threads alone."""
    monkeypatch.setattr(strip_rows, "__kwdefaults__", {"pixels": 20_000})
    study = Study.open(write_twin(tmp_path / "twin", pixel_m=1000))
    with Cluster(workers=2) as run_tasks:
        quietly(study, tmp_path / "far", until="land_area", run_tasks=run_tasks)
    again = Study.open(tmp_path / "twin")
    assert [row["action"] for row in again.plan(tmp_path / "far", until="accounts")] == ["reuse", "run"]
    assert quietly(again, tmp_path / "far") == quietly(Study.open(tmp_path / "twin"), tmp_path / "near")


@pytest.mark.slow
def test_cancel_ends_within_seconds_and_leaves_no_process(small_study: Path) -> None:
    words = [sys.executable, "-m", "carbonshed.interfaces.cli", "run", str(small_study), "--workers", "2", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "waiting for workers" in line or "on the cluster" in line:
                break
        asked = time.monotonic()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
        took = time.monotonic() - asked
    assert running.returncode == 130 and took < 15
    for _ in range(100):
        if not members(running.pid):
            break
        time.sleep(0.1)
    assert members(running.pid) == []


def members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, *rest = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(rest[2]) == session and state != "Z":
                found.append(int(entry.name))
    return found


def test_both_options_are_a_wrong_use(small_study: Path) -> None:
    from typer.testing import CliRunner

    from carbonshed.interfaces.cli import app

    done = CliRunner().invoke(app, ["run", str(small_study), "--workers", "2", "--scheduler", "tcp://here:1"])
    assert done.exit_code == 2 and "not both" in done.output
