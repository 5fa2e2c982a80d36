"""Start of the command and of the package, first answers in a new process, and a study again after one changed knob.

The goal *re-run after one changed knob to new tables* is about the live tables in a running Python session (`Study.live`): accounts, zones,
amounts and flows, each number as a whole run gives it. Whole re-runs stand beside it. Tables are compared byte for byte with those of a
run from nothing before a time is printed. Children of this process are timed by their own processor time.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.harness import Measured, Row, measure

FIRST_ANSWER = """
import numpy as np
from carbonshed.spatial.neighbours import lattice_neighbours
from carbonshed.spatial.statistics import local_moran
rows, columns = np.divmod(np.arange(10_000), 100)
print(local_moran(np.random.default_rng(0).standard_normal(10_000), lattice_neighbours(rows, columns))["local_moran_p"].sum())
"""
PEER_ANSWER = """
import numpy as np, esda
from libpysal.graph import Graph
from carbonshed.spatial.neighbours import lattice_neighbours
rows, columns = np.divmod(np.arange(10_000), 100)
graph = Graph.from_sparse(lattice_neighbours(rows, columns))
print(esda.Moran_Local(np.random.default_rng(0).standard_normal(10_000), graph, permutations=999, n_jobs=1).p_sim.sum())
"""
FIRST_ZONES = """
import numpy as np, pandas as pd, carbonshed as cs
flows = np.random.default_rng(0).gamma(2.0, 50.0, (1_000, 2))
account = pd.DataFrame({"carbon_source": flows[:, 0], "carbon_sink": flows[:, 1], "area_km2": 1.0}, index=[f"c{i}" for i in range(1_000)])
print(cs.classify_zones(cs.zoning_indicators(account), features=["share_difference", "net_emission_density"])["zone"].value_counts().to_dict())
"""
LIVE = """
import sys, warnings
warnings.simplefilter("ignore")
import carbonshed as cs
print(len(cs.Study.open(sys.argv[1]).with_(carbon_price=111.0).live().flows))
"""
CLI = ("-m", "carbonshed.interfaces.cli")
SHARED = Path(os.environ.get("CARBONSHED_SHARED", Path(__file__).resolve().parents[2] / "shared"))
NPP = {"cropland": 296.0, "built_up": 227.0, "water": 0.0, "other": 399.5}
"""Class means of the demo; the one of cropland is the coefficient that is changed."""


def run(*command: str, cache: Path | None = None) -> str:
    """Output of a command; compiled kernels from the folder `cache`, if given."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)})}
    return subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, env=environment).stdout


def measure_process(call: Callable[[], Any], *, repeat: int = 3, warm: bool = True) -> Measured:
    """As `measure`, with the processor time of the processes that `call` starts (of its cheapest run)."""
    least = float("inf")

    def counted() -> Any:
        nonlocal least
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = call()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return result

    if warm:
        call()
    return replace(measure(counted, repeat=repeat, warm=False), processor_s=least)


def open_study(folder: Path) -> Any:
    """A study that was not run in this process."""
    from carbonshed.study.study import Study

    return Study.open(folder / "study.toml")


def written(tables: dict[str, Any], folder: Path) -> dict[str, str]:
    """SHA-256 of each table as a result folder holds it."""
    from carbonshed.study.store import Store

    return {name: Store(folder).write_table(name, table) for name, table in tables.items()}


def assert_live(study: Any, changes: dict[str, Any]) -> str:
    """The live tables of the scenario are, byte for byte, those of a run from nothing."""
    live = study.with_(**changes).live()
    anew = open_study(study.base).with_(**changes, **{"zoning.runs": 0}).run(until="flows")  # `runs` compares methods: no live table
    with tempfile.TemporaryDirectory() as folder:
        ours = written({name: live.table(name) for name in live.tables}, Path(folder))
        theirs = written({name: anew.table(name) for name in live.tables}, Path(folder))
    assert ours == theirs, [name for name in ours if ours[name] != theirs[name]]
    return f"{len(ours)} tables with the bytes of a run from nothing"


def assert_scenario(study: Any, changes: dict[str, Any]) -> str:
    """All tables of money of the scenario are those of the live one, and the rest are those of the study before."""
    scenario, live = study.with_(**changes).run(), study.with_(**changes).live()
    for name in live.tables:
        pd.testing.assert_frame_equal(pd.DataFrame(scenario.table(name)), pd.DataFrame(live.table(name)), check_exact=True)
    return "live tables the same"


def start_rows() -> Iterator[Row]:
    """Help, import, and the first answers of a new process, with kernels compiled before and with none."""
    words = run(*CLI, "--help")
    assert "Usage" in words
    yield Row("carbonshed --help", "new process", measure_process(lambda: run(*CLI, "--help"), repeat=5), "-", None, "-", at_most_s=0.5)
    yield Row(
        "import carbonshed", "new process", measure_process(lambda: run("-c", "import carbonshed"), repeat=5), "-", None, "-", at_most_s=0.5
    )
    ours, theirs = (measure_process(partial(run, "-W", "ignore", "-c", each), repeat=2) for each in (FIRST_ANSWER, PEER_ANSWER))
    yield Row("first local Moran", "new process, n = 1e4, kernels on the disk", ours, "esda", theirs, "p-values: see above", at_most_s=3)
    zones = measure_process(lambda: run("-c", FIRST_ZONES), repeat=2)
    yield Row("first zones", "new process, 1,000 cells, kernels on the disk", zones, "-", None, "-", at_most_s=3)
    for work, code, warm in (("first local Moran", FIRST_ANSWER, ours), ("first zones", FIRST_ZONES, zones)):
        with tempfile.TemporaryDirectory() as cache:
            cold = measure_process(partial(run, "-c", code, cache=Path(cache)), repeat=1, warm=False)
        assert cold.result == warm.result
        yield Row(
            f"{work}, nothing compiled", "new process, empty cache of kernels", cold, "-", None, "the same output as with compiled kernels"
        )


def knob_rows(study: Any, name: str, changes: Callable[[float], dict[str, Any]], knob: str) -> Iterator[Row]:
    """The live tables after another value of one knob."""
    study.with_(**changes(0)).live()
    same = assert_live(study, changes(1))
    values = count(2)
    ours = measure(lambda: study.with_(**changes(next(values))).live(), repeat=7)
    yield Row(f"live tables after another {knob}", name, ours, "-", None, same, at_most_s=0.1)


def price(i: float) -> dict[str, Any]:
    """Another price."""
    return {"carbon_price": 100.0 + i}


def npp(i: float) -> dict[str, Any]:
    """Another coefficient: NPP of cropland."""
    return {"npp": {**NPP, "cropland": NPP["cropland"] + i}}


def command_row(folder: Path) -> Row:
    """The command on a finished study whose price was changed: a new process, all tables, figures and the report on the disk."""
    text = (folder / "study.toml").read_text("utf-8")
    prices = count(131)

    def again() -> str:
        (folder / "study.toml").write_text(text.replace('price = "cn-ets:2024"', f"price = {next(prices)}"), "utf-8")
        return run(*CLI, "run", str(folder), "--json")

    ours = measure_process(again, repeat=1, warm=False)
    study = open_study(folder)
    live, table = study.with_(carbon_price=131.0).live(), study.run().compensation
    np.testing.assert_array_equal(live.compensation["net_compensation"], table["net_compensation"])
    return Row("carbonshed run after another price", "demo, new process, all files written", ours, "-", None, "amounts the same")


def rows() -> Iterator[Row]:
    """Rows of the table."""
    yield from start_rows()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder, county = Path(name) / "demo", SHARED / "studies" / "bth-county"
        run(*CLI, "demo", str(folder))
        unit = open_study(folder).run().zones.index[0]
        why = measure_process(lambda: run(*CLI, "why", str(folder / "results"), str(unit)), repeat=2)
        yield Row("carbonshed why", "new process, demo", why, "-", None, "-", at_most_s=3)
        study = open_study(folder)
        yield from knob_rows(study, "demo: 199 counties, 6,367 cells, 6 sides", price, "price")
        yield from knob_rows(study, "demo: 199 counties, 6,367 cells, 6 sides", npp, "coefficient")
        if county.is_dir():
            own = Path(shutil.copytree(county, Path(name) / "county"))
            first = measure_process(lambda: run("-c", LIVE, str(own)), repeat=2)
            yield Row("first live tables", "new process, county study, 5 years, kernels on the disk", first, "-", None, "-", at_most_s=3)
            counties = open_study(own)
            yield from knob_rows(counties, "county study: 157 counties x 5 years", price, "price")
            yield whole_row(counties, "county study, all tables, in memory")
        yield whole_row(study, "demo, all tables, in memory")
        yield command_row(folder)


def whole_row(study: Any, name: str) -> Row:
    """All tables of a scenario with another price, resampling included, once all steps that a price does not touch are known."""
    study.with_(**price(0)).run()
    same = assert_scenario(study, price(1))
    values = count(30)
    return Row("all tables after another price", name, measure(lambda: study.with_(**price(next(values))).run(), repeat=5), "-", None, same)
