"""What a benchmark script needs: time a call, hold a peer's figure, assert equality first, describe a row of the table.

A script is a module of this folder with a function ``rows()`` that yields `Row` objects::

    from benchmarks.harness import Row, equal, measure, quoted

    def rows():
        ours = measure(lambda: count(...))              # best of three, after one call that is not counted
        theirs = measure(lambda: peer(...), repeat=1)   # run in the same process, one after the other
        yield Row("classes x counties", "4e8 px", ours, "rasterstats", theirs,
                  equality=equal("counts", ours.result, theirs.result), at_least_times=8)
        yield Row("SOM 10 x 10", "1e6 x 8", ours, *quoted("intrasom", 5.8), equality="...", at_least_times=8)

`equal` and `close` raise where results differ, so a row cannot be made, and no time is printed, before they agree.
``python -m benchmarks [script ...]`` runs all scripts (or those named), each in a process of its own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measured:
    """Result of a call, its seconds (the best of some repetitions) and the peak of the process's memory meanwhile [MB].

    `processor_s` is the processor time of this process in the cheapest run, of all its threads: it tells how much of the seconds was
    waiting for other jobs of a busy machine. That of commands which the call starts is not in it.
    """

    result: Any
    seconds: float
    memory_mb: float
    processor_s: float = float("nan")


@dataclass(frozen=True)
class Quoted:
    """A peer's published figure: measured on 2 vCPU (x86-64, 24 GB), November 2026, at the same work; not run here."""

    seconds: float


@dataclass(frozen=True)
class Row:
    """One row of the table; `at_least_times` and `at_most_s` are the goal, either or both.

    Memory is the peak while ours ran, the interpreter and the input included.
    """

    work: str
    size: str
    ours: Measured
    peer: str
    theirs: Measured | Quoted | None
    equality: str
    at_least_times: float | None = None
    at_most_s: float | None = None
    note: str = ""
    result_goal: tuple[str, bool] | None = None  # what the result itself should be, and whether it is

    def as_record(self) -> dict[str, Any]:
        """The row as plain words and numbers, with the ratio and whether the goal is met."""
        peer_s = None if self.theirs is None else self.theirs.seconds
        ratio = None if peer_s is None else peer_s / self.ours.seconds
        fast = self.at_most_s is None or self.ours.seconds <= self.at_most_s
        ahead = self.at_least_times is None or (ratio is not None and ratio >= self.at_least_times)
        parts = [f">= {self.at_least_times:g}x"] if self.at_least_times is not None else []
        parts += [f"<= {self.at_most_s:g} s"] if self.at_most_s is not None else []
        parts += [self.result_goal[0]] if self.result_goal else []
        good = self.result_goal is None or self.result_goal[1]
        return {
            "work": self.work,
            "size": self.size,
            "ours_s": self.ours.seconds,
            "ours_processor_s": self.ours.processor_s,
            "peer": self.peer,
            "peer_s": peer_s,
            "peer_processor_s": getattr(self.theirs, "processor_s", None),
            "peer_quoted": isinstance(self.theirs, Quoted),
            "ratio": ratio,
            "goal": ", ".join(parts),
            "met": (fast and ahead and good) if parts else None,
            "memory_mb": self.ours.memory_mb,
            "equality": self.equality,
            "note": self.note,
        }


def measure(call: Callable[[], Any], *, repeat: int = 3, warm: bool = True) -> Measured:
    """Time `call` by the clock: the best of `repeat` runs, after one that is not counted (it compiles, fills caches) if `warm`."""
    if warm:
        call()
    gc.collect()
    _reset_peak()
    best, least, result = float("inf"), float("inf"), None
    for _ in range(repeat):
        begin, worked = time.perf_counter(), time.process_time()
        result = call()
        best, least = min(best, time.perf_counter() - begin), min(least, time.process_time() - worked)
    return Measured(result, best, _peak_mb(), least)


def quoted(peer: str, seconds: float) -> tuple[str, Quoted]:
    """A peer that is not run here (its licence, or it cannot be installed), by its published figure; marked as quoted."""
    return peer, Quoted(seconds)


def equal(what: str, ours: Any, theirs: Any) -> str:
    """Assert that two arrays are equal to the last bit (NaN equals NaN); the words for the column *equality*."""
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs), err_msg=what)
    return f"{what} equal"


def close(what: str, ours: Any, theirs: Any, *, rtol: float, atol: float = 0.0) -> str:
    """Assert that two arrays agree to a relative (and an absolute) difference; the words for the column *equality*."""
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=rtol, atol=atol, err_msg=what)
    return f"{what} within {rtol:g} relative" + (f" or {atol:g}" if atol else "")


def _reset_peak() -> None:
    """Start the high-water mark of resident memory anew (Linux); elsewhere the mark is not known."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
