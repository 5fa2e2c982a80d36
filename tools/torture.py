"""Kills runs with ``kill -9`` at random moments and at every write, and holds what the next run makes against an undisturbed one.

    python tools/torture.py --kills 300            # the demo, the county study (where the shared data are) and the twin
    python tools/torture.py --kills 20 --studies STUDY_FOLDER --figures none

Each round starts from an empty folder, or from a whole result of the same study at another price; its run is killed up to eight times and
then left to end. After every kill each file that the manifest lists must have its checksum, and every table and picture must be whole;
at the end the folder must hold the same files with the same bytes as the undisturbed one, and nothing else. The children are forked from
one process that has everything loaded, so that a kill hits the work and not the imports.

The named studies are made coarse (`COARSE`), since what is tried is the order of writing and not the numbers. Four of five kills hit runs
with small files in place of the figures and the report, whose drawing would take nearly all of the time; one of five hits runs with the
real report, two real figures and the real rasters and styles.
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
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # a process with threads of its own cannot be forked safely

import pyarrow.parquet as pq

from carbonshed.checks import DataWarning
from carbonshed.files import write_bytes, write_text
from carbonshed.present import report as report_page
from carbonshed.present.figure_files import save_figures
from carbonshed.present.figures import available_figures
from carbonshed.study import reporting
from carbonshed.study.demo import write_demo
from carbonshed.study.store import NEXT, READY, Store, file_digest
from carbonshed.study.study import Study
from carbonshed.study.toml_text import to_toml
from carbonshed.study.twin.write import write_twin
from carbonshed.study.verifying import verify

ROOT = Path(__file__).resolve().parents[1]
MOST_KILLS = 8
FEW_IN = 5
"""One of so many kills hits a run that draws the real report."""
PRICES = (60, 75)
FEW = ("balance_strip", "centre_track")
QUICK = {"scale": {"permutations": 200, "draws": 20}, "zoning": {"runs": 0}}
COARSE: dict[str, dict[str, dict[str, object]]] = {
    "demo": {**QUICK, "grid": {"base_km": 24, "scales_km": [24, 48]}},
    "bth-county": {**QUICK, "study": {"years": [2007, 2017]}},
    "twin": {**QUICK, "grid": {"base_km": 24, "scales_km": [24, 48]}, "study": {"years": [2000, 2020]}},
}
"""What is changed in the ``study.toml`` of the named studies, so that a run takes seconds."""


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
    for path in out.glob("tables/[!.]*.parquet"):
        try:
            pq.read_metadata(path)
        except Exception as error:
            found.append(f"half a table: {path}: {error}")
    found += [f"half a picture: {p}" for p in out.glob("figures/[!.]*.png") if not p.read_bytes().endswith(b"IEND\xaeB`\x82")]
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

    def __init__(self, seed: int, work: Path, log: Path | None = None):
        self.rng, self.work, self.figures = random.Random(seed), work, Counter[str]()
        self.problems: list[str] = []
        self.seed, self.log, self.by_study = seed, log, dict[str, Counter[str]]()

    def told(self) -> dict[str, object]:
        """The figures so far, of all studies and of each."""
        said = {name: dict(figures) for name, figures in self.by_study.items()}
        return {"seed": self.seed, "studies": said, **self.figures, "problems": self.problems}

    def _count(self, figure: str, by: int = 1) -> None:
        self.figures[figure] += by
        self.by_study[self.name][figure] += by

    def _say(self, text: str) -> None:
        """Talk on stderr, and write the figures so far: a run that is stopped has told all that it found."""
        print(text, file=sys.stderr, flush=True)
        if self.log:
            write_text(self.log, json.dumps(self.told(), indent=1) + "\n")

    def study(self, source: Path, kind: str, kills: int, points: int) -> None:
        """Torture one study, its runs drawing `kind` of figures."""
        self.name = source.name
        self.by_study.setdefault(source.name, Counter())
        for left in self.work.glob(f"{source.name}-*"):
            shutil.rmtree(left)
        shutil.rmtree(self.work / "timed", ignore_errors=True)
        priced = [self._priced(source, price) for price in PRICES]
        whole = [self.work / f"{source.name}-whole-{price}" for price in PRICES]
        for folder, out in zip(priced, whole, strict=True):
            run(folder, out)
        expected = [content(out) for out in whole]
        start = time.perf_counter()
        if failed := self._until_end(priced[0], self.work / "timed"):
            raise SystemExit(failed)
        seconds = time.perf_counter() - start
        if content(self.work / "timed") != expected[0]:
            self.problems.append(f"{source.name}: two undisturbed runs differ: {differing(content(self.work / 'timed'), expected[0])}")
        self._say(f"{source.name}, figures {kind}: an undisturbed run takes {seconds:.1f} s")
        before = self.figures["kills"]
        while self.figures["kills"] < before + kills:
            which = self.rng.randrange(2)
            left = before + kills - self.figures["kills"]
            self._round(priced[which], whole[1 - which] if self.rng.random() < 0.5 else None, expected[which], seconds, left)
            self._say(f"{source.name}, figures {kind}: {dict(self.figures)}")
        if points:
            self._at_every_write(priced, whole, expected, points)

    def _priced(self, source: Path, price: int) -> Path:
        folder = self.work / f"{source.name}-{price}"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("results"))
        values = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
        for section, changes in {**COARSE.get(source.name, {}), "compensation": {"price": price}}.items():
            values.setdefault(section, {}).update(changes)
        (folder / "study.toml").chmod(0o644)
        (folder / "study.toml").write_text(to_toml(values), encoding="utf-8")
        return folder

    def _round(self, study: Path, earlier: Path | None, expected: dict[str, str], seconds: float, most: int) -> None:
        """One folder: killed some times, then left to end."""
        out, steps = self._fresh(earlier), len(Store(self.work / "timed").read_manifest()["steps"])
        for _ in range(min(most, self.rng.randint(1, MOST_KILLS))):
            child = forked(study, out, self.work / "log")
            time.sleep(self.rng.uniform(0.0, seconds * max(1 - steps_in(out) / steps, 0.3)))
            os.kill(child, signal.SIGKILL)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
                self._count("ended before the kill")
                break
            self._killed(out)
        self._end(study, out, expected)

    def _at_every_write(self, priced: list[Path], whole: list[Path], expected: list[dict[str, str]], points: int) -> None:
        """Killed right before a call that writes: evenly spread points over a run into an empty folder and over a whole result."""
        for earlier in (None, whole[1]):
            out = self._fresh(earlier)
            calls = self._writes(priced[0], out)
            for point in sorted({round(1 + k * (calls - 1) / max(points - 1, 1)) for k in range(points)}):
                out = self._fresh(earlier)
                child = forked(priced[0], out, self.work / "log", kill_at_write=point)
                if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL:
                    self._count("kills at a write")
                    self._killed(out, counted="")
                self._end(priced[0], out, expected[0])
            self._say(f"{self.name}, killed right before a write: {dict(self.figures)}")

    def _writes(self, study: Path, out: Path) -> int:
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
        if counted:
            self._count(counted)
        self._count("faults seen after a kill", len(found := faults(out) if out.exists() else []))
        for fault in found:
            print(f"after a kill: {fault}", file=sys.stderr, flush=True)
        self.problems += found
        steps = steps_in(out)
        self._count("resumes", int(steps > 0))
        self._count("steps reused", steps)

    def _end(self, study: Path, out: Path, expected: dict[str, str]) -> None:
        failed = self._until_end(study, out)
        found = {} if failed else content(out)
        self._count("runs brought to their end", int(not failed))
        self._count("byte-equal to an undisturbed run", int(found == expected))
        if found == expected:
            return
        self.problems.append(failed or f"{study.name}: other bytes: {differing(found, expected)}")
        self._say(self.problems[-1])
        if self.log:
            shutil.copytree(out, self.log.with_name(f"{self.log.stem}-{study.name}-{len(self.problems)}"), dirs_exist_ok=True)

    def _until_end(self, study: Path, out: Path) -> str:
        """What a run that was left alone said as it failed; nothing where it came to its end."""
        child = forked(study, out, self.work / "log")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if not code:
            return ""
        return f"{study.name}: a run that was left alone ended with {code}: {(self.work / 'log').read_text(encoding='utf-8')[-2000:]}"


@contextmanager
def drawing(kind: str) -> Iterator[None]:
    """Within the block runs draw all, the real report with the few figures of `FEW`, or nothing but stand-ins."""
    figures, page, names = reporting.save_figures, reporting.render_report, report_page.available_figures
    if kind == "few":
        reporting.save_figures, report_page.available_figures = few_figures, few_names
    elif kind == "none":
        reporting.save_figures, reporting.render_report = stand_in_figures, stand_in_report  # type: ignore[assignment]
    try:
        yield
    finally:
        reporting.save_figures, reporting.render_report, report_page.available_figures = figures, page, names


def few_names(result: report_page.ResultFolder) -> list[str]:
    """Names of the figures that are drawn where few are."""
    return [name for name in available_figures(result) if name in FEW]


def few_figures(folder: Path, lang: str, **options: object) -> list[Path]:
    """Those figures, as they are."""
    return save_figures(folder, lang, **{**options, "only": few_names(report_page.ResultFolder(folder))})  # type: ignore[arg-type]


def stand_in_figures(folder: Path, lang: str, **options: object) -> list[Path]:
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
        "--log", type=Path, help="file for the figures so far, after every round; results that are not equal are kept beside it"
    )
    parser.add_argument("--figures", choices=["all", "few", "none", "mixed"], default="mixed", help="what the killed runs draw")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="carbonshed-torture-") as folder:
        work = Path(folder)
        torture = Torture(asked.seed, work, asked.log)
        studies = sources(asked.studies, work)
        for k, source in enumerate(studies):
            share = asked.kills // len(studies) + (k < asked.kills % len(studies))
            few = share // FEW_IN if asked.figures == "mixed" else 0
            kinds = {"none": share - few, "few": few} if asked.figures == "mixed" else {asked.figures: share}
            for kind, kills in kinds.items():
                with drawing(kind):
                    torture.study(source, kind, kills, asked.points if kind != "few" else 0)
        print(json.dumps(torture.told(), indent=1))
    return 1 if torture.problems else 0


if __name__ == "__main__":
    sys.exit(main())
