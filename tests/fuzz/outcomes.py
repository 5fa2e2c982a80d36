"""What comes of a damaged file on the public road: `Study.open`, `check`, and a run where nothing was refused."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd
from damage import RANDOM, kinds_for
from studies import STUDIES, copy_of, damaged_files

SEED = 20_260_117
TABLES = ("accounts_county", "compensation", "flows", "zones")
CASE_SECONDS = 60
WAIT_SECONDS = 300
MEMORY = 4 * 2**30
"""A case may take this much processor time, this much time by the clock, and this much memory beyond what the libraries hold."""

KEY = re.compile(r"\[(study|counties|region|land_cover|grid|accounting|emissions|economy|scale|zoning|compensation)\]")
"""What is wrong with a value of study.toml is said by section and key."""

GOOD = ("refused by check", "refused by the run", "same numbers", "other numbers, said so", "another plausible value")


@dataclass(frozen=True)
class Case:
    """One damaged file: everything follows from its number."""

    number: int
    study: str
    file: str
    damage: str

    @property
    def seed(self) -> list[int]:
        return [SEED, self.number]


@dataclass(frozen=True)
class Outcome:
    """What came of it: one of `GOOD`, or what is wrong; the first message; seconds and the most memory [MB]."""

    kind: str
    text: str = ""
    seconds: float = 0.0
    memory: float = 0.0


class TimeIsUp(BaseException):
    """No handler of errors catches it."""


def cases(folder: Path, count: int) -> list[Case]:
    """Every kind of damage for every file once, then random damage with new seeds until there are `count`."""
    files = [(study, name) for study in STUDIES for name in damaged_files(study, folder / study)]
    pairs = [(study, name, damage.name) for study, name in files for damage in kinds_for(name)]
    pairs = list(dict.fromkeys(pairs))
    rng = np.random.default_rng(SEED)
    pairs = [pairs[k] for k in rng.permutation(len(pairs))]
    while len(pairs) < count:
        study, name = files[int(rng.integers(len(files)))]
        pairs.append((study, name, RANDOM[int(rng.integers(len(RANDOM)))].name))
    return [Case(number, *pair) for number, pair in enumerate(pairs[:count])]


def damage_of(case: Case) -> object:
    return next(each for each in kinds_for(case.file) if each.name == case.damage)


def numbers(folder: Path) -> dict[str, str]:
    """A digest of every table that a run gives; the study is run in memory."""
    from carbonshed.study.study import Study

    result = Study.open(folder).with_().run()
    return {name: _digest(result.table(name)) for name in TABLES if name in result.tables}


def _digest(table: pd.DataFrame) -> str:
    plain = pd.DataFrame(table.drop(columns="geometry", errors="ignore")).reset_index()
    keys = [name for name in ("unit_id", "payer", "recipient", "year") if name in plain]
    plain = plain[sorted(plain.columns)].sort_values(keys, kind="stable", ignore_index=True)
    plain = plain.round(dict.fromkeys(plain.select_dtypes("number"), 9))
    return hashlib.sha256(plain.to_csv(float_format="%.12g").encode()).hexdigest()


def said(folder: Path) -> tuple[list[str], list[str]]:
    """Errors and warnings of `check`."""
    from carbonshed.checks import InputError
    from carbonshed.study.study import Study

    try:
        problems = Study.open(folder).check()
    except InputError as error:
        return [str(each) for each in error.problems], []
    return [str(p) for p in problems if p.severity == "error"], [str(p) for p in problems if p.severity == "warning"]


def judge(case: Case, place: Path, sound: dict[str, str], quiet: Sequence[str]) -> Outcome:
    """Damage a copy, read it, and say what came of it."""
    from carbonshed.checks import CarbonshedError

    damage = damage_of(case)
    damage.act(place / case.file, np.random.default_rng(case.seed))
    try:
        errors, told = said(place)
        if errors:
            return _refused("refused by check", errors, case)
        try:
            found = numbers(place)
        except CarbonshedError as error:
            return _refused("refused by the run", [str(error)], case)
    except TimeIsUp:
        return Outcome("HANG", _last_lines())
    except BaseException as error:
        return Outcome("TRACEBACK", f"{type(error).__name__}: {error} | {_last_lines()}")
    if found == sound:
        return Outcome("same numbers", "", 0)
    new = [text for text in told if text not in quiet]
    if damage.allows == "other":
        return Outcome("other numbers, said so" if new else "another plausible value", "; ".join(new))
    return Outcome("SILENT", f"numbers differ; warnings: {new}")


def _refused(kind: str, messages: Sequence[str], case: Case) -> Outcome:
    named = [text for text in messages if case.file in text or (case.file == "study.toml" and KEY.search(text))]
    if not named:
        return Outcome("NAMELESS", " / ".join(messages))
    return Outcome(kind, named[0])


def _last_lines() -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-6:]))


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def up(*_: object) -> None:
        raise TimeIsUp

    old = signal.signal(signal.SIGPROF, up)  # of processor time: a busy machine is no hang
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


def end_with_parent() -> None:
    """End this process when the one that started it has ended, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def work(pipe: Connection, folder: Path, own: Path) -> None:
    """A worker: cases come through the pipe, outcomes go back."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sound = {name: numbers(folder / name) for name in STUDIES}
    quiet = {name: said(folder / name)[1] for name in STUDIES}
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    pipe.send("ready")
    while (case := pipe.recv()) is not None:
        place = copy_of(folder / case.study, own / "case")
        begin = time.perf_counter()
        try:
            with time_limit(CASE_SECONDS):
                outcome = judge(case, place, sound[case.study], quiet[case.study])
        except TimeIsUp:
            outcome = Outcome("HANG")
        except BaseException as error:
            outcome = Outcome("FUZZER", f"{type(error).__name__}: {error}")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send(Outcome(outcome.kind, outcome.text, time.perf_counter() - begin, most))
        shutil.rmtree(place, ignore_errors=True)


class Worker:
    """A process of its own: a crash or a hang inside a foreign library ends it, not us."""

    def __init__(self, folder: Path, own: Path):
        self.folder, self.own = folder, own
        own.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, self.folder, self.own), daemon=True)
        self.process.start()
        theirs.close()
        assert self.pipe.poll(300) and self.pipe.recv() == "ready"

    def __call__(self, case: Case) -> Outcome:
        """The outcome of a case; a worker that died or hangs is replaced."""
        self.pipe.send(case)
        kind = "HANG"
        if self.pipe.poll(WAIT_SECONDS):
            with contextlib.suppress(EOFError, ConnectionResetError):
                return self.pipe.recv()
            kind = "CRASH"
        self.process.kill()
        self.process.join()
        code = self.process.exitcode
        self.start()
        return Outcome(kind, f"the process ended with {code}")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()


def silent(case: Case, outcome: Outcome) -> Outcome:
    return outcome


def run_cases(
    folder: Path, chosen: Sequence[Case], *, workers: int = 1, told: Callable[[Case, Outcome], Outcome] = silent
) -> dict[Case, Outcome]:
    """Outcomes of all cases, each worker with its share; `told` hears of each."""
    from concurrent.futures import ThreadPoolExecutor

    def share(number: int) -> list[tuple[Case, Outcome]]:
        worker = Worker(folder, folder.parent / f"worker_{os.getpid()}_{number}")
        try:
            return [(case, told(case, worker(case))) for case in chosen[number::workers]]
        finally:
            worker.close()

    with ThreadPoolExecutor(workers) as pool:
        found = dict(pair for pairs in pool.map(share, range(workers)) for pair in pairs)
    return {case: found[case] for case in chosen}
