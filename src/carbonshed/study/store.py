"""The result folder: tables, manifest, checksums, and how a new result takes the place of an old one.

Every file is written whole or not at all (`carbonshed.files`). A folder that holds a whole result keeps it until the next one is whole:
that one grows in ``.next``, a result folder of its own with links to the tables that did not change, is renamed to ``.ready``, and
is then moved into place file by file, the manifest last. Who is killed on the way leaves ``.next``, which the next run goes on
with, or ``.ready``, which the next run moves into place first.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from carbonshed.checks import FolderError, InputError, Problem, check_name, examples, refuse
from carbonshed.files import discard, flush, make_folder, replacing, sweep, write_bytes, write_text
from carbonshed.readers.foreign_files import missing_file, reading
from carbonshed.schema import SCHEMA_VERSION, check_schema

__all__ = [
    "MANIFEST",
    "SCHEMA_VERSION",
    "Store",
    "StoredTables",
    "digest",
    "file_digest",
    "plain",
    "read_parquet",
    "replacing",
    "write_text",
]

MANIFEST, STUDY = "manifest.json", "study.toml"
NEXT, READY = ".next", ".ready"
WRITTEN = (STUDY, "tables", "figures", "report.html", "rasters", "styles")
"""What a run writes, or takes away, beside the manifest."""

SHAPE = {
    "study": dict,
    "spec": dict,
    "base": str,
    "inputs": list,
    "choices": dict,
    "totals": list,
    "balance_checks": list,
    "warnings": list,
    "notes": list,
    "is_simulated": bool,
    "is_complete": bool,
    "steps": list,
    "digest": str,
}
STEP_SHAPE = {"name": str, "key": str, "tables": list, "files": dict}
"""What a manifest and each of its steps hold, by type."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of plain data: the same for equal data, whatever the order of its keys."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """A result folder.

    Parameters
    ----------
    folder : Path
        Made when the first file is written.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def check_writable(self) -> None:
        """Refuse, before anything is computed, a folder that cannot be made or written, or that holds other people's files.

        Raises
        ------
        FolderError
            Also where the folder holds no result but files of the names that a run writes or takes away: the study itself, say.
        """
        check_name(self.folder, where="result folder")
        fix = "Name another result folder: --out DIR (in Python: run(out))."
        there = next(path for path in (self.folder, *self.folder.absolute().parents) if os.path.lexists(path))
        if not there.is_dir():
            got = missing_file(there) or "a file"
            raise FolderError(Problem("not_writable", "a folder that can be written", got, str(there), fix))
        if not os.access(there, os.W_OK):
            raise FolderError(Problem("not_writable", "a folder that can be written", "one that cannot", str(there), fix))
        if any(os.path.lexists(self.folder / name) for name in (READY, MANIFEST)):
            return
        if taken := [name for name in WRITTEN if os.path.lexists(self.folder / name)]:
            got = f"{', '.join(taken)}, and no {MANIFEST}"
            raise FolderError(Problem("not_a_result", "a new or empty folder, or one with a result", got, str(self.folder), fix))

    def table_path(self, name: str) -> Path:
        """Where the table of that name stands."""
        return self.folder / "tables" / f"{name}.parquet"

    def write_table(self, name: str, table: pd.DataFrame) -> str:
        """Write a table (GeoParquet where it has a geometry; the index becomes the column it is named after); its SHA-256."""
        flat = table.reset_index() if table.index.name else table
        flat.attrs = {}
        path = self.table_path(name)
        with replacing(path) as temporary:
            flat.to_parquet(temporary, index=False, compression="zstd")
        return file_digest(path)

    def read_table(self, name: str) -> pd.DataFrame:
        """Read a table; a GeoDataFrame where it has a geometry; index `unit_id` where it has that column."""
        path = self.table_path(name)
        if not path.is_file():
            have = sorted(p.stem for p in path.parent.glob("*.parquet"))
            raise refuse(
                "no_table",
                expected=f"the table {name!r}",
                got=f"tables {', '.join(have) or 'none'}",
                where=str(self.folder),
                fix="The study may have no such result (no grid, no counties), or the run stopped before: run it again.",
            )
        return read_parquet(path)

    @property
    def manifest_path(self) -> Path:
        """Where the manifest stands."""
        return self.folder / MANIFEST

    def read_manifest(self) -> dict[str, Any]:
        """The manifest, or an empty one where there is none yet."""
        if not self.manifest_path.is_file():
            return {}
        try:
            manifest: dict[str, Any] = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested without end
            raise self._bad_manifest("a manifest in JSON", str(error)) from error
        check_schema(manifest, where=str(self.manifest_path))
        lacks = lacking(manifest, SHAPE)
        if not lacks:
            lacks = [f"steps: {name}" for step in manifest["steps"] for name in lacking(step, STEP_SHAPE)]
        if lacks:
            raise self._bad_manifest("a whole manifest", f"one without {examples(dict.fromkeys(lacks))}")
        return manifest

    def _bad_manifest(self, expected: str, got: str) -> InputError:
        fix = "Restore the file, or remove the folder and run the study again."
        return InputError(Problem("bad_manifest", expected, got, str(self.manifest_path), fix))

    def result_manifest(self) -> dict[str, Any]:
        """The manifest of a folder that must hold a result.

        Raises
        ------
        InputError
            If it holds no manifest, or one of another schema.
        """
        manifest = self.read_manifest()
        if not manifest:
            fix = "Give the folder that `carbonshed run` wrote."
            raise refuse("no_result", expected="a result folder with a manifest.json", got="none", where=str(self.folder), fix=fix)
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write the manifest in one step."""
        text = json.dumps(plain(manifest), ensure_ascii=False, indent=1) + "\n"
        write_bytes(self.manifest_path, text.encode(errors="backslashreplace"))  # a path that is no text, as JSON has it

    def settle(self) -> None:
        """Put right what a killed run left: a result that was ready takes its place, halves of files go."""
        if (self.folder / READY).is_dir():
            self._move_in()
        sweep(self.folder)

    def next(self) -> Store:
        """The folder in which the next result grows while this one holds a whole result."""
        return Store(self.folder / NEXT)

    def before(self) -> Store:
        """Where the result before this one is: for a `next()` the folder whose place it is to take, else this one."""
        return Store(self.folder.parent) if self.folder.name == NEXT else self

    def take(self, following: Store) -> None:
        """Have the whole result in `following`, which is `next()`, take the place of the one that is here."""
        following.folder.rename(self.folder / READY)
        flush(self.folder)
        self._move_in()

    def _move_in(self) -> None:
        ready = Store(self.folder / READY)
        if not ready.manifest_path.is_file():  # all of it was moved before
            discard(ready.folder)
            return
        before, after = listed(self.read_manifest()), listed(ready.read_manifest())
        for path in sorted(path for path in ready.folder.rglob("*") if path.is_file() and path != ready.manifest_path):
            place = self.folder / path.relative_to(ready.folder)
            make_folder(place.parent)
            path.replace(place)
        for name in before.keys() - after.keys():
            (self.folder / name).unlink(missing_ok=True)
        for folder in {(self.folder / name).parent for name in after}:
            flush(folder)
        ready.manifest_path.replace(self.manifest_path)
        flush(self.folder)
        discard(ready.folder)

    def link(self, names: Mapping[str, str], source: Store) -> None:
        """Have these files of another store here too, as links where the file system has them."""
        for name in names:
            place = self.folder / name
            discard(place)
            make_folder(place.parent)
            try:
                os.link(source.folder / name, place)
            except OSError:
                with replacing(place) as temporary:
                    shutil.copyfile(source.folder / name, temporary)

    def drop_unlisted(self, files: Mapping[str, str]) -> None:
        """Remove tables that the result does not have: they are of another run, and who draws from the folder would draw them."""
        for path in (self.folder / "tables").glob("*.parquet"):
            if f"tables/{path.name}" not in files:
                path.unlink()

    def agrees(self, files: Mapping[str, str]) -> bool:
        """Whether each of these files is there with the bytes it was written with."""
        return all((self.folder / name).is_file() and file_digest(self.folder / name) == written for name, written in files.items())


class StoredTables(Mapping[str, pd.DataFrame]):
    """Tables by name: those in memory, then those of the result folder, read on demand and kept."""

    def __init__(self, memory: dict[str, pd.DataFrame], store: Store | None = None, stored: Sequence[str] = ()):
        self._memory, self._store, self._stored = memory, store, set(stored)

    def remember(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Keep these tables in memory."""
        self._memory.update(tables)

    def know(self, names: Sequence[str]) -> None:
        """These tables stand in the folder and may be read from it."""
        self._stored.update(names)

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._memory:
            if self._store is None or name not in self._stored:
                raise KeyError(name)
            self._memory[name] = self._store.read_table(name)
        return self._memory[name]

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self._memory), **dict.fromkeys(self._stored)})

    def __len__(self) -> int:
        return len(set(self._memory) | self._stored)


def lacking(row: Any, shape: Mapping[str, type]) -> list[str]:
    """Keys that are not there, or hold something of another type."""
    return [name for name, kind in shape.items() if not isinstance(row, dict) or not isinstance(row.get(name), kind)]


def listed(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Every file that a manifest lists, with its SHA-256: tables, and what was drawn from them."""
    tables = {name: written for step in manifest.get("steps", []) for name, written in step.get("files", {}).items()}
    return {**tables, **manifest.get("outputs", {}).get("files", {})}


def read_parquet(path: Path) -> pd.DataFrame:
    """A table from a parquet file; a GeoDataFrame where it has a geometry; index `unit_id` where it has that column."""
    import pyarrow.parquet as pq

    with reading(path, expected="a table as the run wrote it", fix="Run the study again: it is written anew.", code="damaged_table"):
        has_geometry = b"geo" in (pq.read_schema(path).metadata or {})
        table = gpd.read_parquet(path) if has_geometry else pd.read_parquet(path)
    return table.set_index("unit_id") if "unit_id" in table.columns else table


def plain(value: Any) -> Any:
    """The value as JSON gives it back: text keys, lists, numbers; NaN as null; all else as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
