"""Start of the command and of the package, the first statistic in a new process, and a study again after one changed knob."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.harness import Row, measure

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


def run(*command: str) -> str:
    """Output of a command."""
    return subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True).stdout


def demo_study(folder: Path) -> Any:
    """The demo (Beijing-Tianjin-Hebei, 2019), run once in its folder."""
    run("-m", "carbonshed.interfaces.cli", "demo", str(folder))
    from carbonshed.study import Study

    return Study.open(folder / "study.toml")


def assert_same_as_new(study: Any, changes: dict[str, Any]) -> str:
    """The tables of the scenario equal those of the same study run from nothing."""
    from carbonshed.study import Study

    scenario = study.with_(**changes).run()
    anew = Study(study.with_(**changes).spec, study.base, is_scenario=True).run()
    for name in ("compensation", "flows", "spatial_statistics"):
        pd.testing.assert_frame_equal(pd.DataFrame(scenario.table(name)), pd.DataFrame(anew.table(name)))
    return "tables equal to those of a run from nothing"


def rows() -> Iterator[Row]:
    """Rows of the table."""
    words = run("-m", "carbonshed.interfaces.cli", "--help")
    assert "Usage" in words
    call = measure(lambda: run("-m", "carbonshed.interfaces.cli", "--help"), repeat=5)
    yield Row("carbonshed --help", "new process", call, "-", None, "-", at_most_s=0.5)
    call = measure(lambda: run("-c", "import carbonshed"), repeat=5)
    yield Row("import carbonshed", "new process", call, "-", None, "-", at_most_s=0.5)
    ours = measure(lambda: run("-c", FIRST_ANSWER), repeat=3)
    theirs = measure(lambda: run("-W", "ignore", "-c", PEER_ANSWER), repeat=1)
    yield Row("first local Moran", "new process, n = 1e4, kernels on the disk", ours, "esda", theirs, "p-values: see above", at_most_s=3)

    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = demo_study(Path(name) / "demo")
        study.with_(carbon_price=100.0).run()  # reads the inputs, makes all steps that no knob below touches
        same = assert_same_as_new(study, {"carbon_price": 120.0})
        prices = iter(np.linspace(121, 180, 60))
        ours = measure(lambda: study.with_(carbon_price=float(next(prices))).run(), repeat=5)
        yield Row("study again after another price", "demo, all tables, in memory", ours, "-", None, same, at_most_s=0.1)
        prices = iter(np.linspace(181, 240, 60))
        ours = measure(lambda: study.with_(carbon_price=float(next(prices))).run(until="compensation"), repeat=5)
        yield Row("amounts after another price", "demo, up to step compensation", ours, "-", None, same, at_most_s=0.1)
