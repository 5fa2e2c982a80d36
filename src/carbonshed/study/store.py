"""The result folder: tables, manifest, atomic writes, checksums.

A file is written under a temporary name beside its place and renamed, so that a reader - or the next run - sees the old file or
the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from carbonshed.checks import InputError, Problem, refuse

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of plain data: the same for equal data, whatever the order of its keys."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
        """Refuse a folder that cannot be made or written, before anything is computed."""
        there = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            fix = "Name another result folder: --out DIR (in Python: run(out))."
            raise refuse("not_writable", expected="a folder that can be written", got="one that cannot", where=str(there), fix=fix)

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
        except json.JSONDecodeError as error:
            fix = "Restore the file, or remove the folder and run the study again."
            raise InputError(Problem("bad_manifest", "a manifest in JSON", str(error), str(self.manifest_path), fix)) from error
        version = manifest.get("schema_version")
        if version != SCHEMA_VERSION:
            fix = "Run the study again with this version."
            raise refuse("schema", expected=f"schema_version {SCHEMA_VERSION}", got=str(version), where=str(self.manifest_path), fix=fix)
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write the manifest in one step."""
        write_text(self.manifest_path, json.dumps(plain(manifest), ensure_ascii=False, indent=1) + "\n")


def read_parquet(path: Path) -> pd.DataFrame:
    """A table from a parquet file; a GeoDataFrame where it has a geometry; index `unit_id` where it has that column."""
    import pyarrow.parquet as pq

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


def verify(folder: Path) -> list[Problem]:
    """Every file of the manifest whose bytes are not those that were written."""
    store = Store(folder)
    manifest = store.read_manifest()
    if not manifest:
        fix = "Give the folder that `carbonshed run` wrote."
        raise refuse("no_result", expected="a result folder with a manifest.json", got="none", where=str(folder), fix=fix)
    problems = []
    for step in manifest["steps"]:
        for name, written in step["files"].items():
            path = store.folder / name
            if not path.is_file():
                problems.append(Problem("file_missing", name, "no file", str(folder), "Run the study again: it is written anew."))
            elif (found := file_digest(path)) != written:
                fix = "The file was changed after the run; run the study again."
                problems.append(Problem("file_changed", f"SHA-256 {written[:12]}...", f"{found[:12]}...", name, fix))
    return problems
