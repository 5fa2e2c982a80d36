"""Figures by several processes, and figures taken over from an earlier result."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from carbonshed.present import drawing_processes, figure_files
from carbonshed.present.drawing_processes import drawn_in_turns
from carbonshed.present.drawn_figure import Order, drawn_figure
from carbonshed.present.figure_files import DrawnFrom, save_figures
from carbonshed.present.figures import available_figures
from carbonshed.present.folder import ResultFolder
from carbonshed.present.presets import Page

ENGLISH = Order(Page(), ("en",), ("png",), dpi=40)
SOME = ("balance_strip", "zones_map", "priority_bars")


def taken_over(folder: Path, earlier: DrawnFrom, only: tuple[str, ...] = ()) -> set[str]:
    """Names of the figures that were not drawn again."""
    again = DrawnFrom(folder, earlier.entered)
    drawn: list[str] = []
    real = figure_files.drawn_in_turns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure_files, "drawn_in_turns", lambda *given: (drawn.extend(given[2]), real(*given))[1])
        save_figures(folder, "en", formats=["png"], dpi=40, only=only, drawn_from=again)
    return set(again.entered) - set(drawn)


@pytest.fixture(scope="module")
def drawn_once(write, tmp_path_factory) -> tuple[Path, DrawnFrom]:
    """A result with its figures, small and in one language."""
    folder, first = write(tmp_path_factory.mktemp("drawn") / "result", years=(2020,)), DrawnFrom()
    save_figures(folder, "en", formats=["png"], dpi=40, drawn_from=first)
    return folder, first


@pytest.fixture
def drawn(drawn_once, tmp_path) -> tuple[Path, DrawnFrom]:
    """The same, to be spoilt."""
    return Path(shutil.copytree(drawn_once[0], tmp_path / "result")), drawn_once[1]


def rewrite(folder: Path, name: str, change) -> None:
    """Change a table of a result folder."""
    path = folder / "tables" / f"{name}.parquet"
    table = ResultFolder(folder).table(name)
    change(table)
    table.to_parquet(path, index=False)


def restate(folder: Path, change) -> None:
    """Change the manifest of a result folder."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")


def test_the_same_bytes_by_one_process_and_by_two(result_dir):
    result = ResultFolder(result_dir)
    alone = dict(drawn_in_turns(result, ENGLISH, SOME, helpers=0))
    both = dict(drawn_in_turns(result, ENGLISH, SOME, helpers=2))
    assert alone == both == {name: drawn_figure(result, ENGLISH, name) for name in SOME}


def test_what_another_process_cannot_draw_is_drawn_here(result_dir, monkeypatch):
    monkeypatch.setattr(drawing_processes.sys, "executable", shutil.which("false"))
    names = [name for name, _ in drawn_in_turns(ResultFolder(result_dir), ENGLISH, SOME[:2], helpers=1)]
    assert sorted(names) == sorted(SOME[:2])


def test_nothing_is_drawn_again_where_nothing_has_changed(drawn):
    folder, first = drawn
    before = {path: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert taken_over(folder, first) == set(available_figures(ResultFolder(folder)))
    restate(folder, lambda manifest: manifest.update(digest="00", steps=[]))
    assert taken_over(folder, first) == set(first.entered), "nothing of this stands in a figure"
    assert {path: path.read_bytes() for path in (folder / "figures").iterdir()} == before


MONEY = {"balance_strip", "hot_spots_money_map", "compensation_map", "priority_bars", "fairness_curves", "flows_map"}
"""Figures that show an amount; the ratio of the two sides and their centres are tables of their own."""


def test_another_amount_draws_the_figures_of_money_again_and_only_these(drawn):
    folder, first = drawn

    def dearer(table: pd.DataFrame) -> None:
        for column in ("payable", "receivable", "net_compensation", "payable_before", "priority"):
            table[column] = 1.25 * table[column]

    def other_statistics(table: pd.DataFrame) -> None:
        is_money = table["quantity"].isin(["net_compensation", "absolute_compensation"])
        table.loc[is_money, "local_moran_i"] += 0.01

    rewrite(folder, "compensation", dearer)
    rewrite(folder, "spatial_statistics", other_statistics)
    restate(folder, lambda manifest: manifest["totals"][0].update(payable=1.0))
    restate(folder, lambda manifest: manifest["choices"]["price"].update(value=99.0))
    assert set(first.entered) - taken_over(folder, first) == MONEY
    fresh = ResultFolder(folder)
    for name in ("zones_map", "hot_spots_map", "hot_spots_money_map"):
        for file, content in drawn_figure(fresh, ENGLISH, name).files.items():
            assert (folder / file).read_bytes() == content, f"{file}: taken over or not, it is what is drawn now"


@pytest.mark.parametrize(
    ("part", "value", "again"),
    [
        ("years", [2019, 2020], {"trends_map", "hot_spot_change_map"}),
        ("map_review", "GS(2026)1", "all"),
    ],
)
def test_what_a_figure_writes_of_the_manifest_counts(build, part, value, again):
    folder, first = build(), DrawnFrom()
    some = ("trends_map", "hot_spot_change_map", "zones_map", "choice_of_k")
    save_figures(folder, "en", formats=["png"], dpi=40, only=some, drawn_from=first)
    restate(folder, lambda manifest: manifest["study"].update({part: value}))
    assert set(some) - taken_over(folder, first, some) == (set(some) if again == "all" else again)


def test_other_borders_and_a_touched_or_lost_file_are_drawn_again(drawn):
    folder, first = drawn
    whole = (folder / "figures" / "zones_map_en.png").read_bytes()
    (folder / "figures" / "zones_map_en.png").write_bytes(b"touched")
    (folder / "figures" / "choice_of_k.csv").unlink()
    assert set(first.entered) - taken_over(folder, first) == {"zones_map", "choice_of_k"}
    assert (folder / "figures" / "zones_map_en.png").read_bytes() == whole
    rewrite(folder, "accounts_county", lambda table: table.__setitem__("geometry", table.geometry.buffer(900.0)))
    kept = taken_over(folder, first)
    assert {"choice_of_k", "zone_shares", "som_planes"} <= kept
    assert not {"zones_map", "net_map", "compensation_map", "flows_map", "centre_track"} & kept, "their borders have moved"


def test_another_page_language_or_code_is_another_figure(drawn, monkeypatch):
    folder, first = drawn
    again = DrawnFrom(folder, first.entered)
    some = ("zone_shares", "choice_of_k")
    how = {figure_files._how(order) for order in (ENGLISH, Order(Page(hatches_zones=True), ("en",), ("png",), 40))}
    how |= {figure_files._how(order) for order in (Order(Page(), ("zh",), ("png",), 40), Order(Page(), ("en",), ("png",), 41))}
    monkeypatch.setattr(figure_files, "_code", lambda: "of another version")
    assert len(how | {figure_files._how(ENGLISH)}) == 5
    save_figures(folder, "en", formats=["png"], dpi=40, only=some, drawn_from=again)
    assert all(again.entered[name]["how"] != first.entered[name]["how"] for name in some)


def test_figures_are_taken_over_into_the_folder_of_the_next_result(drawn, tmp_path):
    folder, first = drawn
    following = tmp_path / "next"
    shutil.copytree(folder, following, ignore=shutil.ignore_patterns("figures"))
    again = DrawnFrom(folder, first.entered)
    written = save_figures(following, "en", formats=["png"], dpi=40, drawn_from=again)
    assert again.entered == first.entered and all(path.is_relative_to(following) for path in written)
    for path in written:
        assert path.read_bytes() == (folder / path.relative_to(following)).read_bytes()


DRAWS = """
import sys, time
from carbonshed.present import drawing_processes
from carbonshed.present.drawn_figure import Order
from carbonshed.present.folder import ResultFolder
from carbonshed.present.presets import Page
turns = drawing_processes.drawn_in_turns(ResultFolder(sys.argv[1]), Order(Page(), ("en",), ("png",), 300), ["zones_map"] * 400, helpers=2)
next(turns)
print("here", flush=True)
for _ in turns:
    pass
"""


def children(process: int) -> list[int]:
    """Processes whose parent is this one (Linux)."""
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_running(process: int) -> bool:
    """Whether it is there and has not ended (Linux: who has ended and was not waited for has no command line)."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="takes /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_over(result_dir, number):
    with subprocess.Popen([sys.executable, "-c", DRAWS, str(result_dir)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None and child.stdout.readline().strip() == b"here"
        helpers = children(child.pid)
        assert len(helpers) == 2
        child.send_signal(number)
    for _ in range(100):
        if not any(is_running(each) for each in helpers):
            return
        time.sleep(0.1)
    pytest.fail("a process is left over")
