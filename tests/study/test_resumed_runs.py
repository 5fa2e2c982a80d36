"""Promises 1 and 9, step by step: a run that goes on after any step gives the bytes of one that was never stopped."""

from __future__ import annotations

import warnings

import pytest

import carbonshed as cs
from carbonshed.checks import DataWarning
from carbonshed.study.pipeline import active
from carbonshed.study.steps import STEPS
from carbonshed.study.store import Store


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield


def tables_of(folder) -> dict[str, str]:
    return {name: sha for step in Store(folder).read_manifest()["steps"] for name, sha in step["files"].items()}


def test_a_run_stopped_after_any_step_ends_in_the_same_bytes_and_the_same_digest(small_study, tmp_path):
    path = small_study / "study.toml"
    text = path.read_text(encoding="utf-8").replace("[zoning]\n", "[scale]\npermutations = 200\ndraws = 20\n\n[zoning]\nruns = 0\n")
    path.write_text(text, encoding="utf-8")
    whole = cs.Study.open(small_study).run(tmp_path / "whole")
    for step in active(STEPS, whole_spec(small_study))[:-1]:
        cs.Study.open(small_study).run(tmp_path / "stopped", until=step.name)
        # a study that is opened anew holds nothing in memory: each step reads the tables before it from the folder
    again = cs.Study.open(small_study).run(tmp_path / "stopped")
    assert tables_of(tmp_path / "stopped") == tables_of(tmp_path / "whole")
    assert again.manifest["digest"] == whole.manifest["digest"]


def whole_spec(folder):
    return cs.Study.open(folder).spec


def test_the_steps_of_a_run_see_the_tables_as_the_next_run_would_read_them(small_study, monkeypatch):
    from carbonshed.study import runner

    seen = []
    real = runner.run_step

    def looked(step, context):
        output = real(step, context)
        if step.name == "compensation":
            own = context.tables["accounts_county"]
            read = context.tables._store.read_table("accounts_county")
            seen.append([own[name].to_numpy().strides == read[name].to_numpy().strides for name in own.columns])
            assert list(own.dtypes) == list(read.dtypes)
        return output

    monkeypatch.setattr(runner, "run_step", looked)
    cs.Study.open(small_study).run(until="compensation")
    assert seen and all(seen[0])


def test_what_is_said_of_the_inputs_is_said_once_whichever_step_reads_them_first(small_study, tmp_path, monkeypatch):
    from carbonshed import checks
    from carbonshed.study import pipeline

    real = pipeline.read_inputs

    def doubtful(spec, files):
        checks.warn("a column nobody knows")
        return real(spec, files)

    monkeypatch.setattr(pipeline, "read_inputs", doubtful)
    whole = cs.Study.open(small_study).run(tmp_path / "whole", until="accounts").manifest
    cs.Study.open(small_study).run(tmp_path / "stopped", until="land_area")
    again = cs.Study.open(small_study).run(tmp_path / "stopped", until="accounts").manifest
    assert [row["step"] for row in whole["warnings"] if "nobody knows" in row["message"]] == ["land_area"]
    assert again["digest"] == whole["digest"]
