"""Kills runs with ``kill -9`` at random moments and at every write, and holds what the next run makes against an undisturbed one.

    python tools/torture.py --kills 300            # the demo, the county study (where the shared data are) and the twin
    python tools/torture.py --kills 20 --studies STUDY_FOLDER --stand-ins

Each round starts from an empty folder, or from a whole result of the same study at another price; its run is killed up to six times and
then left to end. After every kill each file that the manifest lists must have its checksum, and every table and picture must be whole;
at the end the folder must hold the same files with the same bytes as the undisturbed one, and nothing else. The children are forked from
one process that has everything loaded, so that a kill hits the work and not the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # a process with threads of its own cannot be forked safely

import pyarrow.parquet as pq

from carbonshed.checks import DataWarning
from carbonshed.files import write_bytes
from carbonshed.study import reporting
from carbonshed.study.demo import write_demo
from carbonshed.study.store import NEXT, READY, Store, file_digest
from carbonshed.study.study import Study
from carbonshed.study.twin.write import write_twin
from carbonshed.study.verifying import verify

ROOT = Path(__file__).resolve().parents[1]
MOST_KILLS = 6
PRICES = (60, 75)


def run(study: Path, out: Path) -> None:
    """One run with its report, as the command does it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        Study.open(study).run(out, finish=reporting.write_outputs)


def forked(study: Path, out: Path, log: Path, *, kill_at_write: int | None = None) -> int:
    """Start a run in a child that has everything loaded; its number."""
    child = os.fork()
    if child:
        return child
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    try:
        if kill_at_write is not None:
            count_writes(kill_at_write)
        run(study, out)
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def count_writes(last: int) -> Counter[str]:
    """Kill this process right before its `last`-th call that changes names or flushes (negative: only count)."""
    calls: Counter[str] = Counter()

    def watched(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: object, **options: object) -> object:
            calls["all"] += 1
            if calls["all"] == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        setattr(owner, name, call)

    watched(os, "fsync")
    for name in ("replace", "rename", "unlink"):
        watched(Path, name)
    watched(os, "link")
    return calls


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a result but the manifest, and of the manifest its digest."""
    files = {p.relative_to(folder).as_posix(): file_digest(p) for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"}
    return {**files, "manifest.json": Store(folder).read_manifest()["digest"]}


def faults(out: Path) -> list[str]:
    """What a reader would stumble over in a folder whose run was just killed."""
    found = []
    for path in out.glob("tables/*.parquet"):
        try:
            pq.read_metadata(path)
        except Exception as error:
            found.append(f"half a table: {path}: {error}")
    found += [f"half a picture: {p}" for p in out.glob("figures/*.png") if not p.read_bytes().endswith(b"IEND\xaeB`\x82")]
    found += [f"half a page: {p}" for p in out.glob("report.html") if not p.read_text(encoding="utf-8").rstrip().endswith("</html>")]
    if (out / "manifest.json").exists() and not (out / READY).is_dir():
        found += [str(problem) for problem in verify(out)]
    return found


def steps_in(out: Path) -> int:
    """Steps that the next run need not run again."""
    found = [Store(folder).read_manifest().get("steps", []) for folder in (out, out / NEXT, out / READY)]
    return max(map(len, found))


class Torture:
    """Kills and what came of them."""

    def __init__(self, seed: int, work: Path):
        self.rng, self.work, self.figures = random.Random(seed), work, Counter[str]()
        self.problems: list[str] = []

    def study(self, source: Path, kills: int, points: int) -> None:
        """Torture one study."""
        priced = [self._priced(source, price) for price in PRICES]
        whole = [self.work / f"{source.name}-whole-{price}" for price in PRICES]
        for folder, out in zip(priced, whole, strict=True):
            run(folder, out)
        expected = [content(out) for out in whole]
        start = time.perf_counter()
        self._until_end(priced[0], self.work / "timed", None)
        seconds = time.perf_counter() - start
        if content(self.work / "timed") != expected[0]:
            self.problems.append(f"{source.name}: two undisturbed runs differ: {differing(content(self.work / 'timed'), expected[0])}")
        print(f"{source.name}: an undisturbed run takes {seconds:.1f} s", file=sys.stderr)
        before = self.figures["kills"]
        while self.figures["kills"] < before + kills:
            which = self.rng.randrange(2)
            left = before + kills - self.figures["kills"]
            self._round(priced[which], whole[1 - which] if self.rng.random() < 0.5 else None, expected[which], seconds, left)
        if points:
            self._at_every_write(priced, whole, expected, points)

    def _priced(self, source: Path, price: int) -> Path:
        folder = self.work / f"{source.name}-{price}"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("results"))
        lines = (folder / "study.toml").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if not line.startswith("price =")]
        if "[compensation]" not in lines:
            lines.append("[compensation]")
        lines.insert(lines.index("[compensation]") + 1, f"price = {price}")
        (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    def _round(self, study: Path, earlier: Path | None, expected: dict[str, str], seconds: float, most: int) -> None:
        """One folder: killed some times, then left to end."""
        out = self._fresh(earlier)
        for _ in range(min(most, self.rng.randint(1, MOST_KILLS))):
            child = forked(study, out, self.work / "log")
            time.sleep(self.rng.uniform(0.0, seconds))
            os.kill(child, signal.SIGKILL)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
                self.figures["ended before the kill"] += 1
                break
            self._killed(out)
        self._end(study, out, expected)

    def _at_every_write(self, priced: list[Path], whole: list[Path], expected: list[dict[str, str]], points: int) -> None:
        """Killed right before a call that writes: evenly spread points over a run into an empty folder and over a whole result."""
        for earlier in (None, whole[1]):
            out = self._fresh(earlier)
            calls = self._count(priced[0], out)
            for point in sorted({round(1 + k * (calls - 1) / max(points - 1, 1)) for k in range(points)}):
                out = self._fresh(earlier)
                child = forked(priced[0], out, self.work / "log", kill_at_write=point)
                if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL:
                    self.figures["kills at a write"] += 1
                    self._killed(out, counted="")
                self._end(priced[0], out, expected[0])

    def _count(self, study: Path, out: Path) -> int:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            calls = count_writes(-1)
            run(study, out)
            os.write(writing, str(calls["all"]).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        return int(os.read(reading, 100))

    def _fresh(self, earlier: Path | None) -> Path:
        out = self.work / "results"
        shutil.rmtree(out, ignore_errors=True)
        if earlier is not None:
            shutil.copytree(earlier, out)
        return out

    def _killed(self, out: Path, counted: str = "kills") -> None:
        self.figures[counted] += bool(counted)
        self.figures["faults seen after a kill"] += len(found := faults(out) if out.exists() else [])
        self.problems += found
        steps = steps_in(out)
        self.figures["resumes"] += steps > 0
        self.figures["steps reused"] += steps

    def _end(self, study: Path, out: Path, expected: dict[str, str]) -> None:
        self._until_end(study, out, expected)
        found = content(out)
        self.figures["runs brought to their end"] += 1
        self.figures["byte-equal to an undisturbed run"] += found == expected
        if found != expected:
            self.problems.append(f"{study.name}: other bytes: {differing(found, expected)}")

    def _until_end(self, study: Path, out: Path, expected: dict[str, str] | None) -> None:
        child = forked(study, out, self.work / "log")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code:
            text = (self.work / "log").read_text(encoding="utf-8")[-2000:]
            raise SystemExit(f"{study.name}: a run that was left alone ended with {code}:\n{text}")


def stand_in_figures(folder: Path, lang: str, *, progress: Callable[[float, str], None]) -> list[Path]:
    """Twelve small files in place of the figures, written as figures are: drawing takes most of the time of a small study."""
    names = [f"figures/{k:02d}.png" for k in range(12)]
    return [write_bytes(folder / name, b"\x89PNG" + name.encode() * 5000 + b"IEND\xaeB`\x82") for name in names]


def stand_in_report(folder: Path, **options: object) -> str:
    """A small page in place of the report."""
    return f"<html>{Store(folder).read_manifest()['digest'] * 5000}</html>"


def differing(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Files that are not the same."""
    return sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))[:10]


def sources(names: list[str], work: Path) -> list[Path]:
    """Study folders by name, or as given."""
    found = []
    for name in names:
        if name == "demo":
            found.append(write_demo(work / "demo").parent)
        elif name == "twin":
            found.append(write_twin(work / "twin", pixel_m=1000).parent)
        elif name == "county":
            folder = Path(os.environ.get("CARBONSHED_SHARED", ROOT.parent / "shared")) / "studies" / "bth-county"
            if folder.is_dir():
                found.append(folder)
            else:
                print("the county study is not here: left out", file=sys.stderr)
        else:
            found.append(Path(name))
    return found


def main() -> int:
    """Print the figures as JSON; 1 where anything was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--points", type=int, default=0, help="kills right before a write, a study and start")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--studies", nargs="+", default=["demo", "county", "twin"])
    parser.add_argument(
        "--stand-ins", action="store_true", help="small files in place of figures and report, so that drawing takes no time"
    )
    asked = parser.parse_args()
    if asked.stand_ins:
        reporting.save_figures, reporting.render_report = stand_in_figures, stand_in_report  # type: ignore[assignment]
    with tempfile.TemporaryDirectory(prefix="carbonshed-torture-") as folder:
        work = Path(folder)
        torture = Torture(asked.seed, work)
        studies = sources(asked.studies, work)
        for k, source in enumerate(studies):
            share = asked.kills // len(studies) + (k < asked.kills % len(studies))
            torture.study(source, share, asked.points)
    print(json.dumps({"seed": asked.seed, "studies": [s.name for s in studies], **torture.figures, "problems": torture.problems}, indent=1))
    return 1 if torture.problems else 0


if __name__ == "__main__":
    sys.exit(main())
