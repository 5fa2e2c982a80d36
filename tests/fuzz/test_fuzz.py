"""A hundred damaged files of the thousand (`make fuzz`): each a message that names the file, or harmless; and that the fuzzer sees faults."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from damage import Damage, kinds_for
from outcomes import GOOD, Case, Outcome, cases, judge, numbers, run_cases, said
from studies import STUDIES, copy_of, write_studies

HEAVY = re.compile("bomb|10\\^8|3 GB|million|10 MB|20 MB|2,000,000,000|1,900|20,000")
"""Left to `make fuzz`: a second or more each."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "sound"
    write_studies(folder)
    return folder


def test_a_thousand_cases_follow_from_the_seed(sound: Path) -> None:
    first, again = cases(sound, 1000), cases(sound, 1000)
    assert first == again and len({case.number for case in first}) == 1000
    pairs = {(case.study, case.file, case.damage) for case in first}
    assert all((s, n, d.name) in pairs for s in STUDIES for n in ("study.toml", "clcd_2010.tif") for d in kinds_for(n))


@pytest.mark.parametrize("part", [slice(0, 60), pytest.param(slice(60, 100), marks=pytest.mark.slow)], ids=["sixty", "forty more"])
def test_a_hundred_damaged_files(sound: Path, part: slice) -> None:
    """A hundred take some 30 s of one processor; sixty of them are run by `make test`."""
    chosen = [case for case in cases(sound, 1000) if not HEAVY.search(case.damage)][part]
    bad = {case: outcome for case, outcome in run_cases(sound, chosen).items() if outcome.kind not in GOOD}
    assert not bad


@pytest.mark.parametrize(
    ("breaks", "kind"),
    [
        ("nothing refused", "SILENT"),
        ("nameless", "NAMELESS"),
        ("foreign error", "TRACEBACK"),
    ],
)
def test_the_fuzzer_sees_what_it_is_for(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str, kind: str) -> None:
    """Each mechanism taken out by hand: the judge must say so."""
    import outcomes

    from carbonshed.checks import refuse

    case = Case(0, "plain", "counties.csv", "negative number")
    place = copy_of(sound / "plain", tmp_path / "case")

    def spoiled(folder: Path) -> tuple[list[str], list[str]]:
        if breaks == "nothing refused":
            return [], []
        if breaks == "nameless":
            return [str(refuse("x", expected="a", got="b", where="somewhere", fix="c"))], []
        raise KeyError("column")

    monkeypatch.setattr(outcomes, "said", spoiled)
    monkeypatch.setattr(outcomes, "numbers", lambda folder: {"accounts": "other"})
    assert judge(case, place, {"accounts": "true"}, []).kind == kind


def test_a_sound_study_is_judged_sound(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import outcomes

    harmless = Damage("none", lambda path, rng: None)
    monkeypatch.setattr(outcomes, "damage_of", lambda case: harmless)
    place = copy_of(sound / "plain", tmp_path / "case")
    assert said(place) == ([], [])
    assert judge(Case(0, "plain", "counties.csv", "none"), place, numbers(sound / "plain"), []) == Outcome("same numbers")


STARTER = """
import multiprocessing, os, signal, sys, time
sys.path.insert(0, {folder!r})
from pathlib import Path
import outcomes
outcomes.numbers = lambda folder: time.sleep(900)
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=outcomes.work, args=(theirs, Path(), Path()), daemon=True)
    worker.start()
    print(worker.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """The starter is killed while its worker is in the middle of a case, which would never end."""
    script = tmp_path / "start.py"
    script.write_text(STARTER.format(folder=str(Path(__file__).parent)), encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        worker = Path("/proc") / starter.stdout.readline().strip()
    limit = time.monotonic() + 60
    while worker.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not worker.exists()
