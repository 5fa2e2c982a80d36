"""What was made of a result for other programs and people: exports, term sheets, the printed report.

The manifest lists these files with their SHA-256 and the digest of the result they were made of. A new result leaves them where they are,
since somebody may have worked on them; whatever was made of another result than the one that stands there is named by
``carbonshed verify`` and at the end of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from carbonshed.checks import Problem
from carbonshed.present.ro_crate import METADATA
from carbonshed.study.store import Store, file_digest, listed

AGAIN = "Make it again from this result, or remove it."


def note_exports(folder: Path, paths: Iterable[Path]) -> None:
    """List files in the manifest as made of its result.

    Left out are files outside the folder, those that the manifest lists as drawn with the report, and the metadata of an RO-Crate, which
    itself holds the SHA-256 of the manifest.
    """
    store = Store(Path(folder))
    manifest = store.result_manifest()
    inside = [path.resolve().relative_to(store.folder.resolve()) for path in paths if path.resolve().is_relative_to(store.folder.resolve())]
    known = listed(manifest)
    made = {
        name.as_posix(): {"sha256": file_digest(store.folder / name), "of": manifest["digest"]}
        for name in inside
        if name.as_posix() not in known and name.as_posix() != METADATA
    }
    if made:
        store.write_manifest({**manifest, "exports": {**manifest.get("exports", {}), **made}})


def stale(store: Store, manifest: Mapping[str, Any]) -> list[str]:
    """Names of the exports that stand in the folder and were made of another result than the one that is there."""
    now, known = manifest.get("digest"), listed(manifest)
    rows = manifest.get("exports", {})
    old = [name for name, row in rows.items() if name not in known and row["of"] != now and (store.folder / name).is_file()]
    return [*old, *([METADATA] if _crate_of(store) not in (None, now) else [])]


def stale_text(names: Sequence[str]) -> str:
    """One line on exports of an earlier result."""
    return f"Made of an earlier result, and not changed by this run: {', '.join(names)}. Make them again, or remove them."


def export_problems(store: Store, manifest: Mapping[str, Any]) -> list[Problem]:
    """Exports of another result, and those whose bytes are not the ones that were written; one that was taken away is no fault."""
    problems = []
    for name in (old := stale(store, manifest)):
        expected, got = f"a file made of this result ({str(manifest.get('digest'))[:12]}...)", "one made of an earlier result"
        problems.append(Problem("export_stale", expected, got, name, AGAIN))
    known = listed(manifest)
    for name, row in manifest.get("exports", {}).items():
        path = store.folder / name
        if name in known or name in old or not path.is_file():
            continue
        if (found := file_digest(path)) != row["sha256"]:
            got = f"{found[:12]}...: changed since, or the export was cut short"
            problems.append(Problem("export_changed", f"SHA-256 {row['sha256'][:12]}...", got, name, AGAIN))
    return problems + ([] if METADATA in old else _crate_problems(store))


def _crate(store: Store) -> list[dict[str, Any]]:
    """The entities of the RO-Crate of the folder; none where there is no crate that can be read."""
    path = store.folder / METADATA
    if not path.is_file():
        return []
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))["@graph"]
    except (ValueError, KeyError, TypeError):
        return [{"@id": "./", "identifier": "sha256:"}]  # no crate of any result
    return [entity for entity in graph if isinstance(entity, dict)]


def _crate_of(store: Store) -> str | None:
    """The digest of the result that the crate describes; None without a crate."""
    return next((str(row.get("identifier", "")).removeprefix("sha256:") for row in _crate(store) if row.get("@id") == "./"), None)


def _crate_problems(store: Store) -> list[Problem]:
    """Files that the crate names with other bytes than they have."""
    rows = [row for row in _crate(store) if row.get("@type") == "File" and (store.folder / str(row.get("@id"))).is_file()]
    other = [str(row["@id"]) for row in rows if file_digest(store.folder / str(row["@id"])) != row.get("sha256")]
    if not other:
        return []
    got = f"other bytes in {len(other)} of {len(rows)}, the first {other[0]}"
    return [Problem("export_stale", "files as the crate names them", got, METADATA, AGAIN)]
