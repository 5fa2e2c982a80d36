"""`make fuzz`: 1,000 damaged files on the public road, and the table of what came of them.

python tests/fuzz [COUNT] [--workers N] [--only NUMBER ...] [--log FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))

from outcomes import GOOD, Case, Outcome, cases, run_cases
from studies import write_studies


def kind_of(case: Case) -> str:
    names = {".tif": "GeoTIFF", ".gpkg": "GeoPackage", ".zip": "GeoPackage in zip", ".geojson": "GeoJSON"}
    suffix = Path(case.file).suffix
    return names.get(suffix, suffix[1:].upper() if suffix != ".parquet" else "Parquet")


def table(found: dict[Case, Outcome]) -> str:
    """Outcomes by format."""
    kinds = [*GOOD, *sorted({o.kind for o in found.values()} - set(GOOD))]
    formats = sorted({kind_of(case) for case in found})
    counts = Counter((kind_of(case), outcome.kind) for case, outcome in found.items())
    head = ["format", "files", *kinds]
    rows = [[f, sum(counts[f, k] for k in kinds), *(counts[f, k] for k in kinds)] for f in formats]
    rows.append(["all", len(found), *(sum(counts[f, k] for f in formats) for k in kinds)])
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows]]
    slowest = max(found.values(), key=lambda o: o.seconds)
    most = max(o.memory for o in found.values())
    return "\n".join(lines) + f"\n\nslowest {slowest.seconds:.1f} s; most memory of a worker {most:.0f} MB"


def tell(case: Case, outcome: Outcome, *, everything: bool, log: Path | None) -> Outcome:
    """What is wrong, as soon as it is found; every outcome into the log, a line each."""
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**vars(case), **vars(outcome)}, ensure_ascii=False) + "\n")
    if everything or outcome.kind not in GOOD:
        text = f"{case.number:5} {outcome.kind} {case.study}/{case.file}: {case.damage} [{outcome.seconds:.1f} s] {outcome.text[:900]}"
        print(text, flush=True)
    return outcome


def leave_on_a_signal(place: Path) -> None:
    """Whoever ends us leaves no worker and no folder behind."""

    def leave(number: int, frame: FrameType | None) -> None:
        for worker in multiprocessing.active_children():
            worker.kill()
        shutil.rmtree(place, ignore_errors=True)
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("count", type=int, nargs="?", default=1000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--only", type=int, nargs="*")
    options.add_argument("--log", type=Path, help="NDJSON of every case: number (the seed), file, damage, outcome, message")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="carbonshed_fuzz_") as place:
        leave_on_a_signal(Path(place))
        folder = Path(place) / "sound"
        write_studies(folder)
        chosen = cases(folder, given.count)
        if given.only is not None:
            chosen = [case for case in chosen if case.number in given.only]
        found = run_cases(folder, chosen, workers=given.workers, told=partial(tell, everything=given.only is not None, log=given.log))
    print(table(found))
    return int(any(outcome.kind not in GOOD for outcome in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
