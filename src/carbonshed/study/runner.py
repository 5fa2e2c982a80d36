"""The runner: what of a study is not done yet, step by step, in memory or into a result folder.

A folder without a whole result is filled in place, and its manifest grows by a step at a time. A folder with a whole result keeps it: the
next one grows beside it and takes its place at the end (`carbonshed.study.store`). Either way a run that was killed is gone on with,
since a step counts when its tables are on the disk and its key stands in a manifest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from carbonshed.checks import CarbonshedError, FolderError, InputError, Problem
from carbonshed.files import discard, write_text, writing
from carbonshed.readers.row_tasks import RunTasks
from carbonshed.study.config import Spec
from carbonshed.study.exported import stale, stale_text
from carbonshed.study.inputs import InputFiles
from carbonshed.study.live_steps import LIVE_TABLES
from carbonshed.study.lock import one_writer
from carbonshed.study.manifest import build_manifest
from carbonshed.study.pipeline import Context, Progress, Step, StepError, StepOutput, run_step, step_parts
from carbonshed.study.store import STUDY, Store, StoredTables, digest, listed

logger = logging.getLogger(__name__)

Finish = Callable[[Path], Any]
"""Called with the folder of the tables before they take their place: draws the report and all else that belongs to the result."""

Records = dict[str, dict[str, Any]]


@dataclass
class Job:
    """What there is to run.

    Parameters
    ----------
    spec, base, files
        Of the study.
    chain : list of Step
        All steps the study has.
    wanted : list of Step
        Those to run now: the chain, or its beginning.
    text : str
        Of the ``study.toml`` to leave in the folder.
    memory : dict
        Outputs of steps, and shared parts of steps, by their key; one for all scenarios.
    progress : callable
    run_tasks : callable, optional
        Does the tasks of rasters elsewhere; no key depends on it.
    exports : dict
        What the manifest lists as made of an earlier result (`carbonshed.study.exported`); it stays listed.
    """

    spec: Spec
    base: Path
    files: InputFiles
    chain: list[Step]
    wanted: list[Step]
    text: str
    memory: dict[str, Any]
    progress: Progress
    run_tasks: RunTasks | None = None
    exports: dict[str, dict[str, str]] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = step_parts(self.chain, self.spec, self.files)

    @cached_property
    def keys(self) -> dict[str, str]:
        """Content key of every step."""
        return {name: digest(part) for name, part in self.parts.items()}

    def manifest(self, done: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """The manifest when these steps are done."""
        is_complete = all(step.name in done for step in self.chain)
        manifest = build_manifest(self.spec, self.base, self.files, done, self.keys, is_complete=is_complete)
        return {**manifest, "exports": self.exports} if self.exports else manifest

    def is_done(self, done: Mapping[str, Any]) -> bool:
        """Whether nothing is left to run."""
        return all(step.name in done for step in self.wanted)


def run_in_memory(job: Job) -> tuple[StoredTables, dict[str, Any]]:
    """Run without a folder: tables and manifest."""
    tables, done = StoredTables({}), Records()
    _run_steps(job, tables, done, None)
    return tables, job.manifest(done)


def take_finished(job: Job, store: Store, steps: Sequence[Step]) -> None:
    """Remember what a result folder holds of these steps and those they need, byte for byte, where nothing of the study is known yet."""
    if job.keys[job.chain[0].name] in job.memory:
        return
    names = {name for step in steps for name in (step.name, *step.needs)}
    try:
        records = store.read_manifest().get("steps", [])
    except InputError as error:  # who asks what if need not mend a folder that is not written
        logger.info("nothing is taken from %s: %s", store.folder, error)
        return
    for record in records:
        if record["name"] not in names or record["key"] != job.keys.get(record["name"]) or not store.agrees(record["files"]):
            continue
        tables = {name: store.read_table(name) for name in record["tables"]}
        if store.agrees(record["files"]):  # no run has written others meanwhile
            told = {name: record[name] for name in StepOutput().record()}
            job.memory[record["key"]] = StepOutput(tables, **told)


def run_live(job: Job) -> tuple[StoredTables, dict[str, Any]]:
    """Only the live tables, in memory: of each step its live part, or the whole of it where that is known already."""
    tables, done = StoredTables({}), Records()
    context = Context(job.spec, job.files, tables, keys=job.keys, memory=job.memory, run_tasks=job.run_tasks)
    for step in job.chain:
        key = job.keys[step.name]
        place = key if step.live in (None, step.run) else f"live {key}"
        output = job.memory.get(key) or job.memory.get(place)
        if output is None:
            if step.live is None:
                continue
            output = job.memory[place] = _run_guarded(replace(step, run=step.live), context, job.files)
        tables.remember(output.tables)
        if step.live is not None:
            done[step.name] = _record(step.name, key, job.parts[step.name], output, None)
    return StoredTables({name: tables[name] for name in LIVE_TABLES if name in tables}), job.manifest(done)


def run_into(job: Job, store: Store, finish: Finish | None = None) -> tuple[StoredTables, dict[str, Any]]:
    """Run into a result folder, or what of it is not done yet: tables and manifest.

    Raises
    ------
    FolderError
        If the folder cannot be written, or another run is writing it.
        Or it holds the result of another study.
    InputError, StepError
        If a step fails. A whole result that was there before is there still, and what was finished is gone on with by the next run.
    """
    with one_writer(store.folder), writing(store.folder):
        store.settle()
        before = store.read_manifest()
        _check_same_study(job, before, store)
        job.exports = before.get("exports", {})
        done = valid_records(store, job.keys)
        if job.is_done(done) and before.get("digest") == job.manifest(done)["digest"]:
            discard(store.next().folder)
            _leave_study(job, store)
            memory: dict[str, Any] = {}
            job.progress(1.0, "done")
            if finish:
                finish(store.folder)
        else:
            work = store.next() if before.get("is_complete") else store
            memory = _run_in(work, job, done, store)
            if finish:
                finish(work.folder)
            if work is not store:
                store.take(work)
        manifest = store.read_manifest()
        if old := stale(store, manifest):
            logger.warning("%s", stale_text(old))
    names = [table for step in manifest["steps"] for table in step["tables"]]
    return StoredTables(memory, store, names), manifest


def _run_in(work: Store, job: Job, done: Records, store: Store) -> dict[str, Any]:
    """Run what is not done in the folder `work`; what is done is linked there. The tables that were made, by name."""
    if work is not store:
        there = valid_records(work, job.keys)
        for name, record in done.items():
            if there.get(name, {}).get("files") != record["files"]:
                work.link(record["files"], store)
        done.update({name: record for name, record in there.items() if name not in done})
    manifest = job.manifest(done)
    work.write_manifest(manifest)
    _leave_study(job, work)  # before the steps: a run that is killed behind its last one has left it too
    work.drop_unlisted(listed(manifest))
    memory: dict[str, Any] = {}
    tables = StoredTables(memory, work)
    _run_steps(job, tables, done, work)
    work.write_manifest(job.manifest(done))
    job.progress(1.0, "done")
    return memory


def _leave_study(job: Job, store: Store) -> None:
    """Leave the ``study.toml`` by which the run can be repeated, unless it is there."""
    path = store.folder / STUDY
    if not path.is_file() or path.read_bytes() != job.text.encode():
        write_text(path, job.text)


def _check_same_study(job: Job, before: Mapping[str, Any], store: Store) -> None:
    """Refuse to put the result of one study in the place of another's: of another name, from another folder."""
    if not before or before["study"].get("name") == job.spec.study.name or before["base"] == str(job.base):
        return
    got = f"that of {before['study'].get('name')!r}, from {before['base']}"
    fix = f"Name another result folder: --out DIR; or remove {store.folder}."
    raise FolderError(Problem("other_study", f"no result, or one of {job.spec.study.name!r}", got, str(store.folder), fix))


def _run_steps(job: Job, tables: StoredTables, done: Records, store: Store | None) -> None:
    """Run the steps that are not done, each recorded in the manifest when its tables are on the disk."""
    context = Context(job.spec, job.files, tables, keys=job.keys, memory=job.memory, run_tasks=job.run_tasks)
    for number, step in enumerate(job.wanted):
        if step.name in done:
            tables.know(done[step.name]["tables"])
            continue
        job.progress(number / len(job.wanted), step.name)
        key = job.keys[step.name]
        output = job.memory.get(key)
        if output is None:
            context.progress = _within(job.progress, number, len(job.wanted), step.name)
            output = _run_guarded(step, context, job.files)
            job.memory[key] = output
        done[step.name] = _record(step.name, key, job.parts[step.name], output, store)
        if store:
            # as the next run would read them: a sum depends on how a table lies in memory, in its last digit
            output.tables = {name: store.read_table(name) for name in output.tables}
            store.write_manifest(job.manifest(done))
        tables.remember(output.tables)
    if store is None:
        job.progress(1.0, "done")


def _run_guarded(step: Step, context: Context, files: InputFiles) -> StepOutput:
    """Run a step; what it made of inputs that vanished or changed meanwhile is thrown away."""
    try:
        output = run_step(step, context)
    except CarbonshedError as error:
        if gone := files.changed():
            raise StepError(step.name, gone) from error
        raise
    if gone := files.changed():
        raise StepError(step.name, gone)
    return output


def _record(name: str, key: str, part: dict[str, Any], output: StepOutput, store: Store | None) -> dict[str, Any]:
    files = {f"tables/{table}.parquet": store.write_table(table, frame) for table, frame in output.tables.items()} if store else {}
    row = {"name": name, "key": key, "seconds": round(output.seconds, 3), "tables": list(output.tables), "files": files}
    return {**row, **output.record(), "made_from": part}


def valid_records(store: Store, keys: Mapping[str, str]) -> Records:
    """Records of the steps in the folder whose key has not changed and whose files are there, byte for byte."""
    records = store.read_manifest().get("steps", [])
    return {record["name"]: record for record in records if keys.get(record["name"]) == record["key"] and store.agrees(record["files"])}


def _within(progress: Progress, number: int, count: int, name: str) -> Progress:
    return lambda fraction, message: progress((number + fraction) / count, f"{name}: {message}")
