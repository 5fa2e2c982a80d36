"""Promises 2, 3, 4 and 6: whole files or none, one writer, a run that can be repeated, and cancelled."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed import files
from carbonshed.checks import FolderError, InputError
from carbonshed.interfaces.cli import app
from carbonshed.study import reporting, runner
from carbonshed.study.lock import LOCK, is_alive, one_writer, owner
from carbonshed.study.pipeline import StepError
from carbonshed.study.store import NEXT, READY, Store, file_digest
from carbonshed.study.verifying import verify

pytestmark = pytest.mark.usefixtures("quiet")


def dearer(study: Path) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("price = 80", "price = 90"), encoding="utf-8")


def bytes_of(folder: Path) -> dict[str, str]:
    hidden = (LOCK, NEXT, READY)
    return {
        str(p.relative_to(folder)): file_digest(p)
        for p in folder.rglob("*")
        if p.is_file() and p.relative_to(folder).parts[0] not in hidden
    }


# --- whole files or none -------------------------------------------------------------------------------------------


def test_bytes_are_on_the_disk_before_the_name_counts(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (order.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "file"), fsync(handle))
    )
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append("rename"), replace(self, target))[1])
    files.write_text(tmp_path / "x.txt", "new")
    assert order == ["file", "rename", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_no_more_is_said_and_the_old_file_stands(tmp_path, monkeypatch, number):
    path = files.write_text(tmp_path / "x.txt", "old")

    def full(self, content):
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FolderError, match="--out"):
        files.write_text(path, "new and longer")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("table", ["compensation", "centre_of_gravity"])
def test_a_disk_full_at_any_step_leaves_the_earlier_result_whole(done_study, monkeypatch, table):
    out = done_study / "results"
    before = bytes_of(out)
    dearer(done_study)
    real = pd.DataFrame.to_parquet

    def full(self, path, **options):
        if table in str(path):
            Path(path).write_bytes(b"PAR1 half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, path, **options)

    with monkeypatch.context() as patched:
        patched.setattr(pd.DataFrame, "to_parquet", full)
        found = CliRunner().invoke(app, ["run", str(done_study)])
    assert found.exit_code == 4 and "space" in found.stderr and table in found.stderr
    assert bytes_of(out) == before and verify(out) == []
    assert not list(out.rglob(".*.part*"))
    again = cs.Study.open(done_study).run()
    assert verify(out) == [] and not (out / NEXT).exists() and again.manifest["spec"]["compensation"]["price"] == 90


def test_a_limit_on_the_size_of_files_is_a_full_disk(done_study):
    out = done_study / "results"
    before = bytes_of(out)
    dearer(done_study)
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); from carbonshed.interfaces.cli import main; main()"
    )
    found = subprocess.run([sys.executable, "-c", code, "run", str(done_study)], capture_output=True, text=True)
    assert found.returncode == 4 and "space to write" in found.stderr and "Traceback" not in found.stderr
    assert bytes_of(out) == before and verify(out) == []


FULL_DISK = """
import json, os, shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_trust import bytes_of, dearer, verify
source, disk, room = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(disk)], check=True)
study = Path(shutil.copytree(source, disk / "study"))
dearer(study)
before = bytes_of(study / "results")
free = os.statvfs(disk)
(disk / "ballast").write_bytes(b"\\0" * (free.f_bavail * free.f_bsize - room))
command = [sys.executable, "-m", "carbonshed.interfaces.cli", "run", str(study), *sys.argv[5:]]
done = subprocess.run(command, capture_output=True, text=True)
found = {"code": done.returncode, "said": done.stderr, "same": bytes_of(study / "results") == before}
found["problems"] = [str(problem) for problem in verify(study / "results")]
found["parts"] = [path.name for path in disk.rglob(".*.part*")]
(disk / "ballast").unlink()
again = subprocess.run([*command, "--until", "flows"], capture_output=True, text=True)
print(json.dumps({**found, "again": again.returncode, "problems_again": [str(problem) for problem in verify(study / "results")]}))
"""


def full_disk(study: Path, disk: Path, room: int, *options: str) -> dict:
    """Run a study, with another price, on a disk of its own with `room` bytes left: a file system in memory that only the child sees."""
    disk.mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    tried = ["sh", "-c", f"mount -t tmpfs tmpfs '{disk}'"]
    if shutil.which("unshare") is None or subprocess.run([*alone, *tried], capture_output=True).returncode:
        pytest.skip("a process of this user may not mount a file system of its own")
    here = str(Path(__file__).parent)
    code = [sys.executable, "-W", "ignore", "-c", FULL_DISK, str(study), str(disk), str(room), here, *options]
    done = subprocess.run([*alone, *code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict = json.loads(done.stdout)
    return found


ROOM = [
    0,
    pytest.param(40_000, marks=pytest.mark.slow),  # within the tables
    pytest.param(700_000, marks=pytest.mark.slow),  # within the figures
    pytest.param(4_000_000, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("room", ROOM)
def test_a_disk_that_is_really_full_leaves_the_earlier_result_whole(finished_study, tmp_path, room):
    found = full_disk(finished_study, tmp_path / "disk", room)
    assert found["code"] == 4, found["said"]
    assert "space" in found["said"] and "--out" in found["said"] and "Traceback" not in found["said"]
    assert found["same"] and found["problems"] == [] and found["parts"] == []
    assert found["again"] == 0 and found["problems_again"] == []


def test_a_result_of_fewer_steps_takes_no_table_of_the_earlier_one(done_study):
    dearer(done_study)
    cs.Study.open(done_study).run(until="accounts")
    tables = {p.stem for p in (done_study / "results" / "tables").glob("*.parquet")}
    assert "accounts_county" in tables and "flows" not in tables and verify(done_study / "results") == []


def test_a_result_that_was_being_moved_in_is_moved_in_by_the_next_run(done_study, monkeypatch):
    out = done_study / "results"
    dearer(done_study)
    real, moved = Path.replace, []

    def stop(self, target):
        if READY in self.parts:
            moved.append(self)
            if len(moved) == 3:
                raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", stop)
        cs.Study.open(done_study).run()
    assert [p.code for p in verify(out)] == ["half_moved"]
    steps = []
    cs.Study.open(done_study).run(progress=lambda fraction, message: steps.append(message))
    assert steps == ["done"] and verify(out) == [] and not (out / READY).exists()


def test_a_table_that_was_touched_is_made_again_not_believed(done_study):
    out = done_study / "results"
    written = file_digest(out / "tables" / "flows.parquet")
    (out / "tables" / "flows.parquet").write_bytes((out / "tables" / "zones.parquet").read_bytes())
    rows = {row["step"]: row for row in cs.Study.open(done_study).plan()}
    assert rows["flows"]["action"] == "run" and "as they were written" in rows["flows"]["reason"]
    cs.Study.open(done_study).run()
    assert file_digest(out / "tables" / "flows.parquet") == written


@pytest.mark.parametrize("what", ["vanished", "changed"])
def test_an_input_that_goes_away_while_it_is_read_stops_the_run(done_study, what):
    out, path = done_study / "results", done_study / "emissions.csv"
    before = bytes_of(out)
    path.write_text(path.read_text().replace("500000.0", "500001.0"))

    def spoil(fraction, message):
        if message.startswith("accounts:"):
            path.unlink() if what == "vanished" else path.write_text(path.read_text() + " ")

    with pytest.raises(StepError, match=rf"{what}.*emissions.csv"):
        cs.Study.open(done_study).run(progress=spoil)
    assert bytes_of(out) == before


# --- one writer ------------------------------------------------------------------------------------------------------


def hold(folder: str, ready, go) -> None:
    with one_writer(Path(folder)):
        ready.set()
        go.wait(30)


def test_a_second_process_is_refused_and_told_of_the_first(done_study):
    out = done_study / "results"
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    first = context.Process(target=hold, args=(str(out), ready, go))
    first.start()
    try:
        assert ready.wait(60)
        found = CliRunner().invoke(app, ["run", str(done_study)])
        assert found.exit_code == 4 and str(first.pid) in found.stderr and socket.gethostname() in found.stderr
        for command in (["report"], ["figures"], ["agreements"], ["export", "--format", "csv"]):
            assert CliRunner().invoke(app, [*command, str(out)]).exit_code == 4
    finally:
        go.set()
        first.join()
    assert not (out / LOCK).exists()
    with one_writer(out) as left:
        assert left is None


def test_a_second_thread_is_refused(tmp_path):
    refused = []

    def second() -> None:
        try:
            with one_writer(tmp_path):
                pass
        except FolderError as error:
            refused.append(str(error))

    with one_writer(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refused) == 1 and str(os.getpid()) in refused[0]


def test_the_lock_of_a_killed_run_is_recognised_and_said(done_study):
    lock = done_study / "results" / LOCK
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    left = {**owner(), "pid": child.pid, "started": "1", "command": "carbonshed run there"}
    lock.write_text(json.dumps(left))
    found = CliRunner().invoke(app, ["run", str(done_study), "--until", "flows"])
    assert found.exit_code == 0 and "was killed" in found.stderr and str(child.pid) in found.stderr
    assert not lock.exists()


def test_a_process_number_that_was_used_again_is_no_owner():
    assert is_alive(owner())
    assert not is_alive({**owner(), "started": "1"})
    assert is_alive({**owner(), "host": "elsewhere", "started": "1"})


# --- a run that can be repeated -----------------------------------------------------------------------------------------


def tables_of(folder: Path) -> dict[str, str]:
    return {name: sha for step in Store(folder).read_manifest()["steps"] for name, sha in step["files"].items()}


def test_the_result_folder_repeats_the_run_with_inputs_found_where_they_were_or_by_their_bytes(done_study, tmp_path):
    result = Path(shutil.copytree(done_study / "results", tmp_path / "carried"))
    Store(result).write_manifest(_moved(Store(result).read_manifest(), done_study))
    again = cs.Study.open(result / "study.toml").run(tmp_path / "again").manifest
    assert tables_of(tmp_path / "again") == tables_of(result) and again["digest"] == Store(result).read_manifest()["digest"]
    hidden = tmp_path / "elsewhere" / "deep"
    hidden.mkdir(parents=True)
    for number, path in enumerate(sorted(done_study.glob("*.*"))):
        if path.name != "study.toml":
            path.rename(hidden / f"{number}{path.suffix}")
    with pytest.raises(InputError, match=r"counties\.gpkg"):
        cs.Study.open(result).run(tmp_path / "never")
    found = CliRunner().invoke(
        app, ["run", str(result), "--inputs", str(tmp_path / "elsewhere"), "--out", str(tmp_path / "third"), "--until", "centre"]
    )
    assert found.exit_code == 0, found.stderr
    assert tables_of(tmp_path / "third") == tables_of(result)


def test_an_input_that_was_found_elsewhere_is_found_there_by_a_repeat(small_study, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (small_study / "emissions.csv").rename(there / "emissions.csv")
    cs.Study.open(small_study, inputs=there).run(tmp_path / "first", until="land_area")
    again = cs.Study.open(tmp_path / "first").run(tmp_path / "again", until="land_area").manifest
    assert {row["role"]: row["found"] for row in again["inputs"]}["emissions"] == str(there / "emissions.csv")
    (there / "emissions.csv").write_text((there / "emissions.csv").read_text() + "\n")
    assert [(p.code, p.where) for p in verify(tmp_path / "first")] == [("input_changed", "emissions.csv")]


def _moved(manifest: dict, base: Path) -> dict:
    """The manifest as if the study had been run in `base`."""
    inputs = [{**row, "found": str(base / row["path"])} for row in manifest["inputs"]]
    return {**manifest, "base": str(base), "inputs": inputs}


def test_an_input_that_changed_since_is_named_by_verify_and_refused_by_a_repeat(done_study, tmp_path):
    result = Path(shutil.copytree(done_study / "results", tmp_path / "carried"))
    Store(result).write_manifest(_moved(Store(result).read_manifest(), done_study))
    (done_study / "emissions.csv").write_text((done_study / "emissions.csv").read_text() + "\n")
    assert [(p.code, p.where) for p in verify(result)] == [("input_changed", "emissions.csv")]
    with pytest.raises(InputError, match=r"emissions\.csv") as caught:
        cs.Study.open(result).run(tmp_path / "again")
    assert [p.code for p in caught.value.problems] == ["input_changed"]


def test_verify_finds_a_manifest_and_a_balance_that_were_changed(done_study):
    out = done_study / "results"
    manifest = Store(out).read_manifest()
    manifest["balance_checks"][0]["after"] *= 1.01
    Store(out).write_manifest(manifest)
    assert {p.code for p in verify(out)} == {"manifest_changed", "does_not_balance"}


def test_explain_names_the_key_the_file_and_the_step(done_study):
    dearer(done_study)
    rows = {row["step"]: row["reason"] for row in cs.Study.open(done_study).plan()}
    assert "compensation.price: 80" in rows["compensation"] and "90" in rows["compensation"]
    assert "compensation" in rows["centre"] and rows["zones"] == "same inputs, keys and version"
    (done_study / "emissions.csv").write_text((done_study / "emissions.csv").read_text() + "\n")
    rows = {row["step"]: row["reason"] for row in cs.Study.open(done_study).plan()}
    assert "emissions.csv changed" in rows["accounts"] and "step accounts" in rows["scale"]
    said = CliRunner().invoke(app, ["run", str(done_study), "--explain"])
    assert said.exit_code == 0 and "emissions.csv" in said.stdout


def test_explain_counts_what_a_stopped_run_has_finished(done_study):
    dearer(done_study)

    def stop(fraction, message):
        if message == "centre":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cs.Study.open(done_study).run(progress=stop)
    rows = {row["step"]: (row["action"], row["reason"]) for row in cs.Study.open(done_study).plan()}
    assert rows["compensation"] == ("reuse", "finished by a run that was stopped") and rows["centre"][0] == "run"
    assert rows["zones"] == ("reuse", "same inputs, keys and version")


def test_what_was_drawn_from_another_result_is_not_kept(done_study):
    out = done_study / "results"
    page = files.write_text(out / "report.html", "<html>80</html>")
    manifest = Store(out).read_manifest()
    outputs = {"of": manifest["digest"], "lang": "en", "files": {"report.html": file_digest(page)}}
    Store(out).write_manifest({**manifest, "outputs": outputs})
    cs.Study.open(done_study).run()
    assert page.exists()
    dearer(done_study)
    cs.Study.open(done_study).run()
    assert not page.exists() and verify(out) == []


# --- cancel --------------------------------------------------------------------------------------------------------------

BUSY = """
import sys, time
from carbonshed.study import reporting, runner
from carbonshed.interfaces.cli import main
real = runner.run_step
def slow(step, context):
    if step.name == {step!r}:
        print("here", flush=True)
        {busy}
    return real(step, context)
runner.run_step = slow
main()
"""


@pytest.mark.parametrize(
    ("number", "step", "busy"),
    [
        (signal.SIGINT, "compensation", "time.sleep(60)"),
        (signal.SIGTERM, "centre", "time.sleep(60)"),
        # machine code that does not come back: no handler of this thread is called
        (
            signal.SIGTERM,
            "flows",
            "import ctypes; ctypes.CDLL(None).sleep(60)",
        ),
    ],
)
def test_both_signals_end_a_run_in_order(done_study, number, step, busy):
    out = done_study / "results"
    before = bytes_of(out)
    dearer(done_study)
    code = BUSY.format(step=step, busy=busy)
    child = subprocess.Popen(
        [sys.executable, "-c", code, "run", str(done_study)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "here"
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 130 and "Cancelled" in said and "Traceback" not in said
    assert bytes_of(out) == before and verify(out) == []


DRAWING = """
import sys
from {module} import {name} as real
import {module} as module
from carbonshed.interfaces.cli import main
calls = 0
def told(*given, **options):
    global calls
    calls += 1
    if calls == {call}:
        print("here", flush=True)
    return real(*given, **options)
module.{name} = told
main()
"""

DRAWN = [
    (signal.SIGTERM, ["figures", "OUT", "--hatch", "--lang", "en"], "carbonshed.present.figures", "as_bytes", 4),
    (signal.SIGINT, ["report", "OUT"], "carbonshed.present.report", "_small", 3),
    (signal.SIGTERM, ["export", "OUT", "--format", "xlsx"], "carbonshed.present.export", "_sheet", 2),
    (signal.SIGINT, ["agreements", "OUT"], "carbonshed.study.agreements", "render_agreements", 1),
    (signal.SIGTERM, ["run", "STUDY"], "carbonshed.present.figures", "as_bytes", 3),
]


def cancelled(code: str, arguments: list[str], number: int) -> tuple[int, str, float]:
    """Exit code and stderr of a command to which a signal was sent as soon as it said "here", and the seconds until its end."""
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "here"
    start = time.monotonic()
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    return child.returncode, said, time.monotonic() - start


@pytest.mark.slow
@pytest.mark.parametrize(("number", "command", "module", "name", "call"), DRAWN)
def test_both_signals_end_what_draws_and_exports_in_order(done_study, number, command, module, name, call):
    from carbonshed.study.reporting import write_figures

    out = done_study / "results"
    write_figures(out, only=["zones"], lang="en")
    before = Store(out).read_manifest()
    if command[0] == "run":
        dearer(done_study)
    arguments = [{"OUT": str(out), "STUDY": str(done_study)}.get(each, each) for each in command]
    code, said, _ = cancelled(DRAWING.format(module=module, name=name, call=call), arguments, number)
    assert code == 130 and "Cancelled" in said and "Traceback" not in said
    assert verify(out) == [] and not (out / "exports" / "result.xlsx").exists()
    after = Store(out).read_manifest()
    assert {key: after[key] for key in ("digest", "steps")} == {key: before[key] for key in ("digest", "steps")}
    with one_writer(out) as left:  # nothing holds the folder
        Store(out).settle()
    assert left is None or command[0] != "figures"
    assert not [path for path in out.rglob(".*.part*") if NEXT not in path.parts]


def test_a_workbook_that_is_cancelled_is_not_saved(done_study, monkeypatch):
    """Saving what there is of it takes longer than a cancel may."""
    import openpyxl

    from carbonshed.present import export

    saved, calls, real = [], [], export._sheet

    def sheet(*given, **options):
        calls.append(given[1])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(export, "_sheet", sheet)
    monkeypatch.setattr(openpyxl.Workbook, "save", lambda self, file: saved.append(file))
    with pytest.raises(KeyboardInterrupt):
        export.export(done_study / "results", ["xlsx"])
    assert saved == [] and list((done_study / "results").rglob("*.xlsx")) == []


@pytest.mark.parametrize("stopped", [True, False])
def test_figures_that_are_drawn_anew_are_not_listed_until_all_are_whole(done_study, monkeypatch, stopped):
    """Else verify would find other bytes after a kill, and the next run believe the list; those that were not drawn anew stay listed."""
    store = Store(done_study / "results")
    names = ["figures/a.png", "figures/b.png"]
    for name in names:
        files.write_text(store.folder / name, "as it was")
    manifest = store.read_manifest()
    written = {name: file_digest(store.folder / name) for name in names}
    store.write_manifest({**manifest, "outputs": {"of": manifest["digest"], "lang": "en", "files": written}})
    assert reporting.is_drawn(store, "en")

    def draw(folder, lang, **options):
        path = files.write_text(folder / names[0], "drawn anew")
        if stopped:
            raise KeyboardInterrupt
        return [path]

    monkeypatch.setattr(reporting, "save_figures", draw)
    with pytest.raises(KeyboardInterrupt) if stopped else nullcontext():
        reporting.write_figures(store.folder)
    assert verify(store.folder) == []
    listed_now = store.read_manifest()["outputs"]["files"]
    assert listed_now == ({} if stopped else {name: file_digest(store.folder / name) for name in names})
    assert reporting.is_drawn(store, "en") is not stopped


def test_the_browser_that_prints_is_ended_with_its_children(tmp_path):
    browser, children = tmp_path / "chromium", tmp_path / "children"
    browser.write_text(f"#!/bin/sh\nsleep 61 &\necho $! $$ > {children}\nmv {children} {children}.whole\nsleep 62\n")
    browser.chmod(0o755)
    code = f"""
from pathlib import Path
from carbonshed.interfaces.cancel import cancellable
from carbonshed.present import pdf
pdf.find_browser = lambda: {str(browser)!r}
with cancellable(130, lambda: None):
    try:
        pdf.print_pdf(Path("page.html"), Path({str(tmp_path / "report.pdf")!r}))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
"""
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    while not (found := tmp_path / "children.whole").exists():
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=60) == 130
    for number in map(int, found.read_text().split()):
        stat = Path(f"/proc/{number}/stat")
        assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z", "a process of the browser is left"
    assert not list(tmp_path.glob(".*"))


def test_a_command_that_does_not_listen_is_ended(tmp_path):
    code = """
import time
from carbonshed.interfaces.cancel import cancellable
with cancellable(130, lambda: print("bye", flush=True)):
    while True:
        try:
            print("here", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "here"
    time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    said, _ = child.communicate(timeout=30)
    assert child.returncode == 130 and "bye" in said


def test_finishing_touches_belong_to_the_new_result(done_study):
    out = done_study / "results"
    before = bytes_of(out)
    dearer(done_study)

    def stop(folder):
        assert folder.name == NEXT and (folder / "tables" / "zones.parquet").is_file()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cs.Study.open(done_study).run(finish=stop)
    assert bytes_of(out) == before and verify(out) == []
    assert runner.valid_records(Store(out).next(), cs.Study.open(done_study)._job(None, print).keys).keys() >= {"compensation", "flows"}
