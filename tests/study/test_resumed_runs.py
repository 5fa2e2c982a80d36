"""Promises 1 and 9, step by step: a run that goes on after any step gives the bytes of one that was never stopped."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import carbonshed as cs
from carbonshed.study.pipeline import active
from carbonshed.study.steps import STEPS
from carbonshed.study.store import Store

pytestmark = pytest.mark.usefixtures("quiet")


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

    def doubtful(*given):
        checks.warn("a column nobody knows")
        return real(*given)

    monkeypatch.setattr(pipeline, "read_inputs", doubtful)
    whole = cs.Study.open(small_study).run(tmp_path / "whole", until="accounts").manifest
    cs.Study.open(small_study).run(tmp_path / "stopped", until="land_area")
    again = cs.Study.open(small_study).run(tmp_path / "stopped", until="accounts").manifest
    assert [row["step"] for row in whole["warnings"] if "nobody knows" in row["message"]] == ["land_area"]
    assert again["digest"] == whole["digest"]


def test_the_key_of_a_step_holds_the_version_the_keys_the_files_and_the_steps_before_it(small_study, monkeypatch):
    def keys() -> dict[str, str]:
        return dict(cs.Study.open(small_study)._job(None, lambda fraction, message: None).keys)

    def changed(before: dict[str, str]) -> set[str]:
        now = keys()
        return {name for name in now if now[name] != before[name]}

    first = keys()
    assert changed(first) == set()
    with monkeypatch.context() as patched:
        patched.setattr(cs, "__version__", "0.0.0")
        assert changed(first) == set(first)
    path = small_study / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("price = 80", "price = 81"), encoding="utf-8")
    dearer = changed(first)
    assert "compensation" in dearer and "flows" in dearer and not dearer & {"land_area", "accounts", "scale", "zones"}
    second = keys()
    emissions = small_study / "emissions.csv"
    emissions.write_text(emissions.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert changed(second) == set(first) - {"land_area"}, "a file changes the step that reads it and all that need that step"


def test_a_raster_that_is_read_with_a_table_belongs_to_its_digest(small_study):
    files = cs.Study.open(small_study).input_files
    alone = files.digests("emissions")
    files.paths["lights"] = [small_study / "clcd_2010.tif"]
    assert files.digests("emissions") == [*alone, *files.digests("lights")]


DERIVED = {"has_grid": "land_cover"}
KEYED_OTHERWISE = {"change": {"spatial_statistics"}}
"""Of the step `statistics` only rows that depend on nothing but what `change` itself is keyed by (see `STEPS`)."""


class Watched:
    """A specification that notes which of its sections, and which keys of `study`, are asked for."""

    def __init__(self, spec, asked: set[str], before: str = ""):
        self._spec, self._asked, self._before = spec, asked, before

    def __getattr__(self, name):
        value = getattr(self._spec, name)
        if name == "study":
            return Watched(value, self._asked, "study.")
        self._asked.add(self._before + name)
        return value


class WatchedTables(Mapping):
    """Tables that note which of them were read."""

    def __init__(self, tables, asked: set[str]):
        self._tables, self._asked = tables, asked

    def __getitem__(self, name):
        self._asked.add(name)
        return self._tables[name]

    def __iter__(self):
        return iter(self._tables)

    def __len__(self):
        return len(self._tables)


def test_no_step_uses_a_key_or_a_table_that_its_key_does_not_hold(small_study, monkeypatch):
    from carbonshed.study import runner

    path = small_study / "study.toml"
    text = path.read_text(encoding="utf-8").replace("[zoning]\n", "[scale]\npermutations = 200\ndraws = 20\n\n[zoning]\nruns = 0\n")
    path.write_text(text, encoding="utf-8")
    steps = {step.name: step for step in STEPS}
    made_by: dict[str, str] = {}
    real, unknown, seen = runner.run_step, [], set()

    def needs(name: str) -> set[str]:
        return {name}.union(*(needs(each) for each in steps[name].needs if each in steps))

    def watched(step, context):
        asked, read = set(), set()
        context.inputs  # reading them is the same for every step; their bytes stand in the key
        spec, tables = context.spec, context.tables
        context.spec, context.tables = Watched(spec, asked), WatchedTables(tables, read)
        try:
            output = real(step, context)
        finally:
            context.spec, context.tables = spec, tables
        keys = {key for name in needs(step.name) for key in steps[name].reads}
        sections = {key.partition(".")[0] for key in keys if not key.startswith("study.")}
        own = {DERIVED.get(key, key) for key in asked}
        unknown.extend(f"{step.name} reads {key}" for key in own - keys - sections)
        others = {name for name in read & made_by.keys() if made_by[name] not in needs(step.name)}
        unknown.extend(f"{step.name} reads table {name}" for name in others - KEYED_OTHERWISE.get(step.name, set()))
        made_by.update(dict.fromkeys(output.tables, step.name))
        seen.update(f"{step.name}.{key}" for key in asked)
        return output

    monkeypatch.setattr(runner, "run_step", watched)
    cs.Study.open(small_study).run()
    assert {"scale.scale", "zones.zoning", "compensation.compensation", "scale.study.seed"} <= seen
    assert sorted(set(unknown)) == []
