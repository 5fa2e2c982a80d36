"""How every file is written: whole or not at all, and on the disk before it counts.

A file is written under a temporary name beside its place, flushed to the disk, and renamed; then the folder is flushed. A reader, the
next run, or a machine that lost its power sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from carbonshed.checks import FolderError, Problem

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
BARRED = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
"""The disk takes no more; the folder is closed; something else stands in the way, or the name is none."""


def part_of(path: Path) -> Path:
    """The temporary name beside `path`; it keeps the suffix, by which drivers know the format.

    >>> part_of(Path("a/x.tif")).name.startswith(".x."), part_of(Path("a/x.tif")).suffix
    (True, '.tif')
    """
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Raises
    ------
    FolderError
        If the disk is full or the folder cannot be written: what stood there before stands there still.
    """
    temporary = part_of(path)
    with writing(path):
        make_folder(path.parent)
        try:
            yield temporary
            flush(temporary)
            temporary.replace(path)
            flush(path.parent)
        finally:
            discard(temporary)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of a disk that is full, or a place that cannot be written, that `path` could not be written and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (*FULL, *CLOSED, *BARRED):
            raise cannot_write(path, error) from error
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those it stands in, where they are not there.

    Raises
    ------
    FolderError
        If that cannot be done, whatever the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text file in one step (UTF-8)."""
    return write_bytes(path, text.encode("utf-8"))


def flush(path: Path) -> None:
    """Have the bytes of a file, or the names in a folder, on the disk (where the system cannot do so for a folder, it need not)."""
    if not path.is_dir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return
    with suppress(PermissionError):  # a system that opens no folders
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def discard(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> list[Path]:
    """Remove what killed writers left below `folder` under temporary names; only for who holds the folder alone."""
    left = sorted(path for path in folder.rglob(".*.part*") if path.exists())
    for path in left:
        discard(path)
    return left


def cannot_write(path: Path, error: OSError) -> FolderError:
    """The message for a disk that is full or a folder that cannot be written."""
    what = error.strerror or str(error)
    if error.errno in FULL:
        fix = "Free space, or name another result folder: --out DIR. What stood there before is as it was."
        return FolderError(Problem("disk_full", f"space to write {path.name}", what, str(path.parent), fix))
    fix = "Name another result folder: --out DIR (in Python: run(out))."
    return FolderError(Problem("not_writable", f"a folder in which {path.name} can be written", what, str(path.parent), fix))
