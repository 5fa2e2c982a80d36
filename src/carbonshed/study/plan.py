"""``carbonshed run --explain``: what a run would do, and which key, file or step is the reason."""

from __future__ import annotations

from typing import Any

from carbonshed.study.provenance import differences
from carbonshed.study.runner import Job, valid_records
from carbonshed.study.store import Store


def plan_rows(job: Job, store: Store) -> list[dict[str, str]]:
    """One row a step: ``step``, ``action`` (``run`` or ``reuse``) and ``reason``; writes nothing.

    Parameters
    ----------
    job : Job
        Of the study.
    store : Store
        The result folder; what a run that was killed has finished for the next result is counted.
    """
    manifest = store.read_manifest()
    records = {record["name"]: record for record in manifest.get("steps", [])}
    valid = valid_records(store, job.keys)
    begun = valid_records(store.next(), job.keys) if store.next().folder.is_dir() else {}
    names = {row["sha256"]: row["path"] for row in [*manifest.get("inputs", []), *job.files.record(job.spec, job.base)]}
    rows = []
    for step in job.wanted:
        if step.name in valid:
            action, reason = "reuse", "same inputs, keys and version"
        elif step.name in begun:
            action, reason = "reuse", "finished by a run that was stopped"
        else:
            action, reason = "run", _why(job, step.name, records.get(step.name), names)
        rows.append({"step": step.name, "action": action, "reason": reason})
    return rows


def _why(job: Job, name: str, record: dict[str, Any] | None, names: dict[str, str]) -> str:
    if record is None:
        return "not run yet"
    if record["key"] == job.keys[name]:
        return "its tables are not there as they were written"
    if "made_from" not in record:
        return "made by a version that did not note what from"
    return "; ".join(differences(record["made_from"], job.parts[name], names))
