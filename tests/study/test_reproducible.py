"""Promise 9: the same bytes in every table and the same digest, whatever should not matter; the same zones on another processor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carbonshed.study.store import Store

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
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
"""An x86 processor without vector units of 256 bits: other kernels of BLAS and numpy, other machine code of numba."""


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


@pytest.fixture(scope="module")
def study(finished_study, tmp_path_factory) -> Path:
    """The small study with less to draw."""
    folder = tmp_path_factory.mktemp("reproducible") / "study"
    shutil.copytree(finished_study, folder, ignore=shutil.ignore_patterns("results"))
    path = folder / "study.toml"
    text = path.read_text(encoding="utf-8").replace("[zoning]\n", "[scale]\npermutations = 200\ndraws = 20\n\n[zoning]\nruns = 2\n")
    path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(study) -> Path:
    return run(study, study / "results")


@pytest.mark.slow
def test_a_folder_with_another_name_at_another_time_in_another_language_on_other_threads(study, whole, tmp_path):
    other = Path(shutil.copytree(study, tmp_path / "另 一个 'folder'", ignore=shutil.ignore_patterns("results")))
    env = {**dict.fromkeys(THREADS, "1"), "TZ": "Pacific/Kiritimati", "CARBONSHED_LANG": "zh", "LANG": "C", "PYTHONHASHSEED": "1"}
    run(other, tmp_path / "once", before=TIME, **env)
    assert same(tmp_path / "once") == same(whole)
    assert Store(tmp_path / "once").read_manifest()["written"].startswith("2031") and whole.name == "results"
    run(other, tmp_path / "more", **dict.fromkeys(THREADS, "4"), PYTHONHASHSEED="2")
    assert same(tmp_path / "more") == same(whole)


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
            table.iloc[rng.permutation(len(table))].to_csv(folder / name, index=False)
    return folder


@pytest.mark.slow
def test_the_order_of_the_input_rows_changes_no_table(study, whole, tmp_path):
    out = run(shuffled(study, tmp_path / "shuffled"), tmp_path / "out")
    found, expected = same(out), same(whole)
    found.pop("digest"), expected.pop("digest")  # the digest holds the SHA-256 of the inputs, which are other files
    assert sorted(name for name in expected if found.get(name) != expected[name]) == []


@pytest.mark.slow
def test_another_processor_gives_the_same_zones_and_ranks_and_numbers_to_1e_9(study, whole, tmp_path):
    out = run(study, tmp_path / "old", NUMBA_CACHE_DIR=str(tmp_path / "numba"), **OLD_PROCESSOR)
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
