"""Promise 9: the same bytes in every table and the same digest, whatever should not matter; the same zones on another processor."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__

import carbonshed as cs
from carbonshed.study.demo import write_demo
from carbonshed.study.store import Store
from carbonshed.study.toml_text import to_toml

RUN = """
import sys, warnings
warnings.simplefilter("ignore")
import carbonshed as cs
cs.Study.open(sys.argv[1]).run(sys.argv[2])
"""
TIME = """
import datetime, carbonshed.study.manifest as manifest
class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None): return cls(2031, 2, 3, 4, 5, 6, tzinfo=tz)
manifest.datetime = Later
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
OLD_PROCESSOR = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__),
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
"""An x86 processor without vector units of 256 bits: other kernels of BLAS and numpy, other machine code of numba."""

PROCESSOR = """
import json, numba, numpy as np, scipy.linalg, threadpoolctl
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
@numba.njit
def total(x):
    s = 0.0
    for i in range(x.size): s += x[i] * 2.0
    return s
total(np.ones(4))
print(json.dumps({
    "blas": sorted({each["architecture"] for each in threadpoolctl.threadpool_info() if each["internal_api"] == "openblas"}),
    "threads": sorted({each["num_threads"] for each in threadpoolctl.threadpool_info()}),
    "numpy": [name for name in __cpu_dispatch__ if __cpu_features__[name]],
    "numba": numba.get_num_threads(),
    "wide": "ymm" in next(iter(total.inspect_asm().values())),
}))
"""
"""What the libraries of a process run on, as they say themselves."""


def processor(**env: str) -> dict:
    done = subprocess.run([sys.executable, "-c", PROCESSOR], capture_output=True, text=True, env={**os.environ, **env}, check=True)
    found: dict = json.loads(done.stdout)
    return found


def run(study: Path, out: Path, *, before: str = "", **env: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", before + RUN, str(study), str(out)], capture_output=True, text=True, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def same(out: Path) -> dict[str, str]:
    """SHA-256 of every table, and the digest of the manifest."""
    manifest = Store(out).read_manifest()
    tables = {name: sha for step in manifest["steps"] for name, sha in step["files"].items()}
    return {**tables, "digest": manifest["digest"]}


QUICK = {"scale": {"permutations": 200, "draws": 20}, "zoning": {"runs": 2}}
COARSE: dict[str, dict[str, dict]] = {
    "small": QUICK,
    "demo": {**QUICK, "grid": {"base_km": 24, "scales_km": [24, 48]}},
    "county": {**QUICK, "study": {"years": [2007, 2017]}},
}
"""What is changed in each study, so that a run takes seconds."""


@pytest.fixture(scope="module", params=list(COARSE))
def study(request, tmp_path_factory) -> Path:
    """The small study, the demo, and the real county study, each with less to compute."""
    folder = tmp_path_factory.mktemp("reproducible") / "study"
    if request.param == "demo":
        write_demo(folder)
    else:
        source = {"small": lambda: request.getfixturevalue("finished_study"), "county": lambda: county_study(request)}[request.param]()
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("results"))
    path = folder / "study.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    for section, changes in COARSE[request.param].items():
        values.setdefault(section, {}).update(changes)
    path.unlink()
    path.write_text(to_toml(values), encoding="utf-8")
    return folder


def county_study(request) -> Path:
    folder = request.getfixturevalue("shared") / "studies" / "bth-county"
    if not folder.is_dir():
        pytest.skip("the county study is not here")
    return folder


@pytest.fixture(scope="module")
def whole(study) -> Path:
    return run(study, study / "results")


@pytest.mark.slow
def test_a_folder_with_another_name_at_another_time_in_another_language_on_other_threads(study, whole, tmp_path):
    other = Path(shutil.copytree(study, tmp_path / "另 一个 'folder'", ignore=shutil.ignore_patterns("results")))
    one, eight = dict.fromkeys(THREADS, "1"), dict.fromkeys(THREADS, "8")
    env = {**one, "TZ": "Pacific/Kiritimati", "CARBONSHED_LANG": "zh", "LANG": "C", "PYTHONHASHSEED": "1"}
    run(other, tmp_path / "once", before=TIME, **env)
    assert same(tmp_path / "once") == same(whole)
    assert Store(tmp_path / "once").read_manifest()["written"].startswith("2031") and whole.name == "results"
    run(other, tmp_path / "more", **eight, PYTHONHASHSEED="2")
    assert same(tmp_path / "more") == same(whole)


@pytest.mark.slow
def test_the_number_of_threads_is_the_one_that_was_asked_for():
    for count in (1, 8):
        found = processor(**dict.fromkeys(THREADS, str(count)))
        assert found["threads"] in ([count], [min(count, os.cpu_count() or 1)]), "a build of OpenBLAS may stop at the number of processors"
        assert found["numba"] == count


def check_workers(study: Path, whole: Path, folder: Path) -> None:
    """One and eight workers give the bytes of a run without."""
    last = cs.Study.open(study).plan()[-1]["step"]
    for count in ("1", "8"):
        out = folder / count
        options = ["--out", str(out), "--workers", count, "--until", last, "--lang", "zh"]
        done = subprocess.run(
            [sys.executable, "-m", "carbonshed.interfaces.cli", "run", str(study), *options], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert Store(out).read_manifest()["is_complete"] and same(out) == same(whole)


@pytest.mark.slow
def test_one_and_eight_workers_give_the_same_bytes(study, whole, tmp_path):
    check_workers(study, whole, tmp_path)


@pytest.mark.slow
def test_workers_share_out_the_rasters_of_a_county_study_too(finished_study, tmp_path):
    """The real county study has no rasters: this one has, and its zones are counties."""
    folder = Path(shutil.copytree(finished_study, tmp_path / "study", ignore=shutil.ignore_patterns("results")))
    path = folder / "study.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    zoning = {"level": "county", "method": "kmeans", "zones": 2, "runs": 0, "features": ["share_difference", "territorial_development"]}
    path.write_text(to_toml({**values, "scale": QUICK["scale"], "zoning": zoning}), encoding="utf-8")
    check_workers(folder, run(folder, tmp_path / "whole"), tmp_path)


def shuffled(source: Path, folder: Path) -> Path:
    """The study with the rows of its counties and tables in another order."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("results"))
    rng = np.random.default_rng(5)
    counties = gpd.read_file(folder / "counties.gpkg", layer="counties")
    (folder / "counties.gpkg").unlink()
    counties.iloc[rng.permutation(len(counties))].to_file(folder / "counties.gpkg", layer="counties", driver="GPKG")
    for name in ("counties.csv", "emissions.csv", "economy.csv"):
        if (folder / name).is_file():
            table = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
            (folder / name).unlink()
            table.iloc[rng.permutation(len(table))].to_csv(folder / name, index=False)
    return folder


@pytest.mark.slow
def test_the_order_of_the_input_rows_changes_no_table(study, whole, tmp_path):
    out = run(shuffled(study, tmp_path / "shuffled"), tmp_path / "out")
    found, expected = same(out), same(whole)
    found.pop("digest"), expected.pop("digest")  # the digest holds the SHA-256 of the inputs, which are other files
    assert sorted(name for name in expected if found.get(name) != expected[name]) == []


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the other processor is an older x86 one")
def test_another_processor_gives_the_same_zones_and_ranks_and_numbers_to_1e_9(study, whole, tmp_path, tmp_path_factory):
    here, old = processor(), processor(**OLD_PROCESSOR)
    assert old["numpy"] == [] and not old["wide"] and not set(old["blas"]) & set(here["blas"])
    assert here["numpy"] or here["wide"], "this processor is as old as the other"
    kernels = tmp_path_factory.getbasetemp() / "old_kernels"  # one for all studies: they are compiled once
    out = run(study, tmp_path / "old", NUMBA_CACHE_DIR=str(kernels), **OLD_PROCESSOR)
    assert_close(out, whole)


def assert_close(out: Path, whole: Path) -> None:
    """Texts, ranks and counts are equal; numbers within 1e-9 of the size of their column."""
    names = {path.stem for path in (whole / "tables").glob("*.parquet")}
    assert {path.stem for path in (out / "tables").glob("*.parquet")} == names
    for name in sorted(names):
        one, two = Store(out).read_table(name), Store(whole).read_table(name)
        assert list(one.columns) == list(two.columns) and one.index.equals(two.index), name
        for column in one.columns:
            where = f"{name}.{column}"
            if pd.api.types.is_float_dtype(one[column]):
                a, b = one[column].to_numpy(dtype=float), two[column].to_numpy(dtype=float)
                size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * size, err_msg=where)
            elif column == one.columns[-1] and isinstance(one, gpd.GeoDataFrame):
                assert one.geometry.geom_equals_exact(two.geometry, 1e-6).all(), where
            else:
                assert one[column].astype(str).tolist() == two[column].astype(str).tolist(), where
