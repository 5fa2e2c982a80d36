"""Promise 10: it adds up, or it says so. A planted error of 1e-6 in any table is found."""

from __future__ import annotations

import json
import shutil
import tomllib
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed import registry
from carbonshed.checks import DataWarning
from carbonshed.interfaces.cli import app
from carbonshed.study.auditing import SUBJECTS, audit, identities
from carbonshed.study.ledger import EXACT, Ledger
from carbonshed.study.store import Store
from carbonshed.study.toml_text import to_toml
from carbonshed.study.twin.write import write_twin
from carbonshed.study.verifying import verify

PLANTED = 1e-6

ONLY_VERIFY = {
    # statistics of classes, clusters and resampling, with no sum behind them
    "som_nodes.share_difference",
    "zone_naming.share_difference",
    "zone_joins.n_joins",
    "scale_response.box_count",
}
"""Columns that are added up by their kind, but that no other table says again: only `verify` finds an error there."""


class Recording(Mapping[str, pd.DataFrame]):
    """Tables that remember which of them were asked for."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]):
        self.tables, self.asked = tables, set[str]()

    def __getitem__(self, name: str) -> pd.DataFrame:
        self.asked.add(name)
        return self.tables[name]

    def __contains__(self, name: object) -> bool:
        return name in self.tables

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


@pytest.fixture(scope="module")
def opened(finished_study):
    """Tables, manifest, and the subjects that read each table."""
    result = cs.Result.open(finished_study / "results")
    tables = {name: result.table(name) for name in sorted(result.tables)}
    readers: dict[str, list] = {}
    for _, subject in SUBJECTS:
        recording = Recording(tables)
        subject(Ledger(recording, result.manifest))
        for name in recording.asked:
            readers.setdefault(name, []).append(subject)
    return tables, result.manifest, readers


def test_a_result_adds_up(finished_study):
    found = audit(finished_study / "results")
    assert len(found) > 150 and all(row.holds for row in found)
    assert max(row.relative_error for row in found) < 1e-9 and all(row.zh and row.en for row in found)


@pytest.fixture(scope="module")
def coarse_twin(tmp_path_factory) -> Path:
    """The result of the simulated twin on coarse grids, two of its years."""
    path = write_twin(tmp_path_factory.mktemp("twin"), pixel_m=1000)
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    coarse = {"scale": {"permutations": 200, "draws": 20}, "zoning": {"runs": 0}, "grid": {"base_km": 24, "scales_km": [24, 48]}}
    for section, changes in {**coarse, "study": {"years": [2000, 2020]}}.items():
        values.setdefault(section, {}).update(changes)
    path.write_text(to_toml(values), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        cs.Study.open(path).run()
    return path.parent / "results"


@pytest.mark.slow
def test_the_twin_adds_up_and_a_planted_error_is_found(coarse_twin):
    found = audit(coarse_twin)
    assert len(found) > 150 and [row.en for row in found if not row.holds] == []
    assert max(row.relative_error for row in found) < 1e-9
    tables = {
        "accounts_grid": "carbon_sink",
        "zones": "carbon_source",
        "compensation": "payable",
        "flows": "compensation_flow",
        "pieces": "forest",
    }
    for name, column in tables.items():
        frame = Store(coarse_twin).read_table(name)
        changed = planted(frame, column, np.random.default_rng(11))
        assert changed is not None, name
        path = Store(coarse_twin).table_path(name)
        before = path.read_bytes()
        Store(coarse_twin).write_table(name, changed)
        assert not all(row.holds for row in audit(coarse_twin)), f"{name}.{column}"
        path.write_bytes(before)


def planted(frame: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.DataFrame | None:
    """The frame with one value, other than zero, off by one in a million; None where there is none."""
    values = frame[column].to_numpy(dtype=float, copy=True)
    rows = np.flatnonzero(np.isfinite(values) & (values != 0))
    if not rows.size:
        return None
    values[rng.choice(rows)] *= 1 + PLANTED
    changed = frame.copy()
    changed[column] = values
    return changed


def is_added_up(name: str, column: str) -> bool:
    kind = registry.term(column).kind
    return kind in ("extensive", "money") or column.startswith("share_") or (column.endswith("_share") and name.startswith("land"))


def float_columns(frame: pd.DataFrame) -> list[str]:
    return [str(c) for c in frame.select_dtypes("float") if c in registry.terms()]


def is_found(opened, name: str, changed: pd.DataFrame) -> bool:
    tables, manifest, readers = opened
    ledger = Ledger({**tables, name: changed}, manifest)
    for subject in readers.get(name, []):
        subject(ledger)
    return any(not row.holds for row in ledger.identities)


def missed(opened, columns: dict[str, list[str]]) -> tuple[list[str], int]:
    """Columns where an error is found although only `verify` should, or is not found; and how many were tried."""
    tables, wrong, tried = opened[0], [], 0
    for name, names in columns.items():
        for column in names:
            key = f"{name}.{column}"
            changed = planted(tables[name], column, np.random.default_rng(zlib.crc32(key.encode())))
            if changed is None:
                continue
            tried += 1
            if is_found(opened, name, changed) == (key in ONLY_VERIFY):
                wrong.append(key)
    return wrong, tried


def test_a_planted_error_of_one_in_a_million_is_found_in_every_table(opened):
    rng = np.random.default_rng(10)
    summed = {name: [c for c in float_columns(frame) if is_added_up(name, c)] for name, frame in opened[0].items()}
    wrong, tried = missed(opened, {name: [str(rng.choice(columns))] for name, columns in summed.items() if columns})
    assert tried > 20 and wrong == []


@pytest.mark.slow
def test_a_planted_error_is_found_in_every_column_that_adds_up(opened):
    wrong, tried = missed(opened, {name: [c for c in float_columns(frame) if is_added_up(name, c)] for name, frame in opened[0].items()})
    assert tried > 100 and wrong == []


@pytest.fixture
def copied(finished_study, tmp_path):
    """A copy of a result that a test may spoil."""
    return shutil.copytree(finished_study / "results", tmp_path / "results")


def test_verify_finds_it_in_every_table_of_numbers(copied):
    spoiled = set()
    for path in sorted((copied / "tables").glob("*.parquet")):
        frame = pd.read_parquet(path)
        for column in frame.select_dtypes("float"):
            changed = planted(frame, column, np.random.default_rng(3))
            if changed is not None:
                changed.to_parquet(path)
                spoiled.add(f"tables/{path.name}")
                break
    assert len(spoiled) > 40 and {problem.where for problem in verify(copied) if problem.code == "file_changed"} == spoiled


def test_the_command_lists_the_identities_and_ends_with_3_where_one_is_broken(copied):
    told = CliRunner().invoke(app, ["audit", str(copied), "--json"])
    said = json.loads(told.stdout)
    assert told.exit_code == 0 and said["ok"] and len(said["identities"]) > 150 and said["largest_relative_error"] < 1e-9
    path = copied / "tables" / "zone_summary.parquet"
    frame = pd.read_parquet(path)
    planted(frame, "carbon_sink", np.random.default_rng(0)).to_parquet(path)
    told = CliRunner().invoke(app, ["audit", str(copied), "--lang", "zh"])
    assert told.exit_code == 3 and "净排放" in told.stderr and "zone_summary" in told.stderr
    told = CliRunner().invoke(app, ["audit", str(copied), "--json"])
    said = json.loads(told.stdout)
    assert told.exit_code == 3 and not said["ok"] and {p["code"] for p in said["problems"]} == {"does_not_add_up"}


def test_a_folder_without_a_result_is_refused(tmp_path):
    told = CliRunner().invoke(app, ["audit", str(tmp_path)])
    assert told.exit_code == 3 and "manifest.json" in told.stderr


def test_two_sides_by_hand():
    ledger = Ledger({}, {})
    left = pd.Series([1.0, 2.0, np.nan], index=["a", "b", "c"])
    ledger.equal("t", "same", "同", left, left)
    ledger.equal("t", "off", "异", left, pd.Series([1.0, 2.0 * (1 + 1e-6), np.nan], index=["a", "b", "c"]))
    ledger.equal("t", "unknown", "未知", left, pd.Series([1.0, 2.0, 0.0], index=["a", "b", "c"]))
    ledger.equal("t", "lacking", "缺", left[["a"]], left[["a", "b"]])
    ledger.equal("t", "rounding", "舍入", pd.Series([1e-16]), pd.Series([0.0]), size=1.0)
    same, off, unknown, lacking, rounding = ledger.identities
    assert same.holds and same.relative_error == 0.0 and same.count == 3 and same.where == ""
    assert not off.holds and off.relative_error == pytest.approx(1e-6, rel=1e-5) and off.where == "row b"
    assert not unknown.holds and unknown.relative_error == np.inf
    assert not lacking.holds and lacking.relative_error == 1.0
    assert rounding.relative_error == 0.0 <= EXACT


def test_identities_need_no_folder(opened):
    tables, manifest, _ = opened
    assert len(identities(tables, manifest)) > 150
    assert identities({}, {}) == []
