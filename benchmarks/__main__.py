"""`python -m benchmarks [script ...]`: run the scripts, print one table, write it to results.json and docs/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- table: written by make bench -->", "<!-- end of table -->"
NOT_SCRIPTS = {"__init__", "__main__", "harness"}


def scripts() -> list[str]:
    """Names of all scripts: modules of this folder that define rows()."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_SCRIPTS and "def rows(" in path.read_text("utf-8"))


def run_one(name: str) -> None:
    """Run a script here and print each row as a line of JSON as soon as it is there."""
    for row in importlib.import_module(f"benchmarks.{name}").rows():
        print(json.dumps(row.as_record()), flush=True)


def run_apart(name: str) -> list[dict[str, Any]]:
    """Rows of a script, run in a process of its own."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks", "--here", name]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        print(f"{name} failed after {len(found)} rows; its rows are left out", file=sys.stderr)
        return []
    return found


def seconds(value: float | None) -> str:
    """Seconds with two or three figures that count."""
    if value is None:
        return "-"
    return f"{value:.0f} s" if value >= 100 else f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"


def _processor(value: float | None) -> str:
    """Processor time in brackets; nothing where the work was done by other processes."""
    return f" ({seconds(value)})" if value is not None and value > 1e-3 else ""


def table(records: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    head = ["work", "size", "ours", "peer", "peer takes", "ratio", "goal", "met", "memory", "results"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for r in records:
        peer_s = seconds(r["peer_s"]) + (" (quoted)" if r["peer_quoted"] else _processor(r.get("peer_processor_s")))
        ratio = "-" if r["ratio"] is None else f"{r['ratio']:.0f}x" if r["ratio"] >= 10 else f"{r['ratio']:.2g}x"
        met = {True: "yes", False: "**no**", None: "-"}[r["met"]]
        words = r["equality"] + (f"; {r['note']}" if r["note"] else "")
        cells = [
            r["work"],
            r["size"],
            seconds(r["ours_s"]) + _processor(r.get("ours_processor_s")),
            r["peer"],
            peer_s,
            ratio,
            r["goal"] or "-",
            met,
            f"{r['memory_mb']:.0f} MB",
            words,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def store(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Merge the rows with those of scripts not run now; write results.json and the page."""
    before = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"scripts": {}}
    known = {name: entry for name, entry in before["scripts"].items() if name in scripts()}
    machine = f"{os.cpu_count()} CPU {platform.machine()}, Python {platform.python_version()}"
    when = datetime.datetime.now(datetime.UTC).date().isoformat()
    for name, rows in found.items():
        if rows:
            known[name] = {"machine": machine, "date": when, "rows": rows}
    kept = {"scripts": dict(sorted(known.items()))}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    page = PAGE.read_text("utf-8") if PAGE.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    first, rest = page.split(BEGIN)
    last = rest.split(END)[1]
    rows = [row for entry in kept["scripts"].values() for row in entry["rows"]]
    dates = sorted({f"{entry['date']}, {entry['machine']}" for entry in kept["scripts"].values()})
    PAGE.write_text(f"{first}{BEGIN}\n{table(rows)}\n\nRun on: {'; '.join(dates)}.\n{END}{last}", "utf-8")
    return kept


def main() -> None:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("script", nargs="*", help=f"of: {', '.join(scripts())}")
    arguments.add_argument("--here", action="store_true", help="in this process, rows as JSON lines, nothing written")
    chosen = arguments.parse_args()
    names = chosen.script or scripts()
    if unknown := sorted(set(names) - set(scripts())):
        arguments.error(f"no such script: {', '.join(unknown)}")
    if chosen.here:
        for name in names:
            run_one(name)
        return
    found = {name: run_apart(name) for name in names}
    store(found)
    print(table([row for rows in found.values() for row in rows]))
    sys.exit(any(not rows for rows in found.values()))


if __name__ == "__main__":
    main()
