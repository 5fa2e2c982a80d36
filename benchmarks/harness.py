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
    """Result of a call, its seconds (the best of some repetitions) and the peak of the process's memory meanwhile [MB]."""

    result: Any
    seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Quoted:
    """A peer's published figure: measured on 2 vCPU (x86-64, 24 GB), November 2026, at the same work; not run here."""

    seconds: float


@dataclass(frozen=True)
class Row:
    """One row of the table; `at_least_times` and `at_most_s` are the goal, either or both.

