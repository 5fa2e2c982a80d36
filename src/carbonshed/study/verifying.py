"""``carbonshed verify``: whether a result folder still is what was written, adds up, and was made from the inputs that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import carbonshed
from carbonshed.checks import InputError, Problem
from carbonshed.study.config import read_spec
from carbonshed.study.exported import export_problems
from carbonshed.study.manifest import stable_digest
from carbonshed.study.provenance import places
from carbonshed.study.store import READY, STUDY, Store, file_digest, listed, plain

AGAIN = "Run the study again: it is written anew."


def verify(folder: Path) -> list[Problem]:
    """What is wrong with a result folder; an empty list says that all is as it was written.

    Looked at are every file that the manifest lists (SHA-256), the manifest itself (its digest), ``study.toml`` (the values that the
    manifest states), every balance check (its relative error
    recomputed from the two totals, against its tolerance), every export and term sheet (SHA-256, and whether it was made of this result),
    and every input that is still where it was (SHA-256). An input or export that is no longer there is no fault of the result.

    Raises
    ------
    InputError
        If the folder holds no result.
    """
    store = Store(Path(folder))
    manifest = store.result_manifest()
    if (store.folder / READY).is_dir():
        got = "a newer one that was being moved into place when its run was killed"
        return [Problem("half_moved", "one result", got, str(folder), "Run the study again: it is moved in first.")]
    problems = _files(store, manifest)
    if "digest" in manifest and manifest["digest"] != stable_digest(manifest):
        got = "another digest than the one that stands in it"
        problems.append(Problem("manifest_changed", "the manifest as it was written", got, "manifest.json", AGAIN))
    return [*problems, *_study(store, manifest), *_balances(manifest), *export_problems(store, manifest), *changed_inputs(manifest)]


def _files(store: Store, manifest: dict[str, Any]) -> list[Problem]:
    problems = []
    for name, written in listed(manifest).items():
        path = store.folder / name
        if not path.is_file():
            problems.append(Problem("file_missing", name, "no file", str(store.folder), AGAIN))
        elif (found := file_digest(path)) != written:
            fix = "The file was changed after the run; run the study again."
            problems.append(Problem("file_changed", f"SHA-256 {written[:12]}...", f"{found[:12]}...", name, fix))
    return problems


def _study(store: Store, manifest: dict[str, Any]) -> list[Problem]:
    """The ``study.toml`` by which the run can be repeated must be there and state what was run (of another version: be there)."""
    path = store.folder / STUDY
    expected = f"{STUDY} with the values of the run"
    if not path.is_file():
        return [Problem("file_missing", expected, "no file", str(store.folder), AGAIN)]
    if manifest.get("carbonshed_version") != carbonshed.__version__:  # its keys and defaults may be others
        return []
    try:
        stated = read_spec(path).model_dump()
    except InputError as error:
        return [Problem("study_changed", expected, str(error), STUDY, AGAIN)]
    if plain(stated) == manifest["spec"]:
        return []
    other = [key for key, value in plain(stated).items() if value != manifest["spec"].get(key)]
    return [Problem("study_changed", expected, f"others in {', '.join(f'[{key}]' for key in other)}", STUDY, AGAIN)]


def _balances(manifest: dict[str, Any]) -> list[Problem]:
    """Balance checks whose totals differ by more than they may, or whose error is not what the totals give."""
    problems = []
    for row in manifest.get("balance_checks", []):
        before, after = float(row["before"]), float(row["after"])
        size = max(abs(before), abs(after))
        error = abs(after - before) / size if size else 0.0
        allowed = float(row.get("tolerance", 1e-3))
        if not error <= allowed or abs(error - row["relative_error"]) > 1e-12:
            got = f"{before!r} before, {after!r} after: relative error {error:.3g}"
            where = f"balance check: {row['what']}"
            problems.append(Problem("does_not_balance", f"a relative error of at most {allowed:g}", got, where, AGAIN))
    return problems


def changed_inputs(manifest: dict[str, Any]) -> list[Problem]:
    """Inputs that stand where they were, with other bytes."""
    problems = []
    for row in manifest.get("inputs", []):
        there = [path for path in places(row, manifest) if path.is_file()]
        if there and row["sha256"] not in map(file_digest, there):
            fix = "Restore the file, or run the study again."
            got = f"SHA-256 {file_digest(there[0])[:12]}... at {there[0]}"
            problems.append(Problem("input_changed", f"SHA-256 {row['sha256'][:12]}... as in the run", got, row["path"], fix))
    return problems
