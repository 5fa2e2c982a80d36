"""One writer to a result folder: a lock that names who holds it, and that a crash cannot leave shut.

The lock is the file ``.lock`` in the folder. It holds the process, host, time and command of its owner, for the message to whoever
comes second. The system holds it shut (``flock``) as long as the owner lives, so that ``kill -9`` and a power cut open it. Where the
file says of an owner on another machine that it is at work, it is believed: there is no way to ask.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carbonshed.checks import FolderError, Problem
from carbonshed.files import cannot_write, make_folder, writing
from carbonshed.study.store import Store

try:
    import fcntl
except ImportError:  # pragma: no cover - not a POSIX system: the file alone must do
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

LOCK = ".lock"


@contextmanager
def one_writer(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Hold the folder alone for the block; gives the owner of a lock that a crash left behind, or None.

    Raises
    ------
    FolderError
        At once, if another process or thread holds it: the message names the process, host, start and command.
    """
    make_folder(folder)
    path = folder / LOCK
    try:
        handle = _acquire(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        left = _read(handle)
        if left is not None and is_alive(left):
            raise _busy(folder, left)
        if left is not None:
            logger.warning("%s", stale_text(left))
        try:
            with writing(path):
                _write(handle, owner())
            yield left
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


@contextmanager
def one_writer_of(result: Path) -> Iterator[None]:
    """Hold a result folder for the block, put right what a killed run left; a folder that is no result is not touched."""
    store = Store(result)
    if not store.read_manifest():
        yield
        return
    with one_writer(store.folder):
        store.settle()
        yield


def owner() -> dict[str, Any]:
    """What a lock says of the process that holds it: of the one that asks."""
    pid = os.getpid()
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": pid, "started": started(pid), "host": socket.gethostname(), "since": since, "command": " ".join(sys.argv)}


def started(pid: int) -> str | None:
    """When a process started, as the system counts it: tells a process from a later one with the same number. None if it is not there."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def is_alive(left: dict[str, Any]) -> bool:
    """Whether the owner that a lock names is still at work; one on another host is taken to be."""
    if left.get("host") != socket.gethostname():
        return True
    pid = int(left["pid"])
    if Path("/proc/self/stat").exists():
        return started(pid) is not None and started(pid) == left.get("started")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stale_text(left: dict[str, Any]) -> str:
    """One line on a run that was killed."""
    return f"The run of {left['since']} (process {left['pid']}, {left['command']!r}) was killed; going on from what it had finished."


def _acquire(path: Path) -> int:
    """The lock file, open and held; refuses where another holds it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except BlockingIOError:
            left = _read(handle)
            os.close(handle)
            raise _busy(path.parent, left) from None
        except FileNotFoundError:
            pass
        os.close(handle)  # it was taken away between opening and holding it: once more


def _read(handle: int) -> dict[str, Any] | None:
    os.lseek(handle, 0, os.SEEK_SET)
    text = os.read(handle, 65536).decode("utf-8", errors="replace")
    try:
        left = json.loads(text)
    except ValueError:
        return None  # empty, or its owner was killed while writing it
    return left if isinstance(left, dict) and {"pid", "host", "since", "command"} <= set(left) else None


def _write(handle: int, content: dict[str, Any]) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps(content, ensure_ascii=False).encode(errors="backslashreplace"))  # a name that is no text, as JSON has it
    os.fsync(handle)


def _busy(folder: Path, left: dict[str, Any] | None) -> FolderError:
    if left is None:
        got = "another run that has just begun"
    else:
        got = f"process {left['pid']} on {left['host']}, since {left['since']}: {left['command']}"
    fix = "Wait until it ends, or name another result folder: --out DIR."
    if left is not None and left.get("host") != socket.gethostname():
        fix += f" If that run is no more, remove {folder / LOCK}."
    return FolderError(Problem("in_use", "a result folder that no other run is writing", got, str(folder), fix))
