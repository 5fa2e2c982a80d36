"""Promise 8: `check` says beforehand what a run needs; too many pairs of counties end with amounts and without flows."""

from __future__ import annotations

import re
import shutil
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, refuse
from carbonshed.interfaces.talk import ProgressTalk, estimate_words, told_left
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.study import checking, money_steps
from carbonshed.study.checking import estimate, processor_seconds, sizes, step_seconds
from carbonshed.study.study import Study

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import big  # noqa: E402


def peak_gb(study: Path) -> float:
    """Of a whole run with its report, and of the processes that draw beside it."""
    measured = big.run_measured(study, most_gb=8, most_seconds=900, until=None)
    assert measured["exit"] == 0
    return float(measured["peak_gb"])


def test_sizes_by_hand(small_study):
    # 1,600 km2 in cells of 4, 8 and 12 km: 100 + 25 + 11; two years, four counties; zones are counted on the third side
    found = sizes(Study.open(small_study))
    assert (found["cells"], found["years"], found["rows"], found["counties"], found["zoned"], found["pairs"]) == (100, 2, 272, 8, 22, 4)


def test_the_time_is_in_proportion_to_the_speed_of_the_processor(small_study, monkeypatch):
    study = Study.open(small_study)
    told = []
    for seconds in (0.01, 0.02):
        monkeypatch.setattr(checking, "processor_seconds", lambda seconds=seconds: seconds)
        told.append(estimate(study)["seconds"])
    assert told[1] == pytest.approx(2 * told[0]) and processor_seconds() > 0


@given(st.lists(st.integers(0, 10**6), min_size=6, max_size=6), st.integers(1, 60), st.integers(0, 40))
def test_more_of_anything_never_takes_less(numbers, years, runs):
    names = ("cells", "pixels", "rows", "counties", "zoned", "pairs")
    found = {"years": years, **dict(zip(names, numbers, strict=True))}
    told = sum(step_seconds(found, has_grid=True, runs=runs).values())
    for name in names:
        more = sum(step_seconds({**found, name: found[name] + 1}, has_grid=True, runs=runs).values())
        assert more >= told
    assert sum(step_seconds(found, has_grid=True, runs=0).values()) <= told


def test_seconds_of_a_step_by_hand():
    found = {"cells": 1_000_000, "years": 2, "pixels": 10**9, "rows": 3_000_000, "counties": 5_000, "zoned": 200_000, "pairs": 10**6}
    steps = step_seconds(found, has_grid=True, runs=0)
    assert steps["land_area"] == pytest.approx(1 + 3e-5 * 2e6 + 1.3e-9 * 2e9)
    assert steps["flows"] == pytest.approx(5_000 * (1e-4 + 2_500 * 2.5e-9))
    assert "worth" not in steps
    with_matrix = [step_seconds({**found, "pairs": pairs}, has_grid=True, runs=0, matrix=True)["flows"] for pairs in (10**6, 10**9)]
    assert with_matrix == [pytest.approx(2e-6 * 1e6 * 2), 0.0]  # above 25 million pairs there are none


def test_the_first_run_of_an_installation_compiles_and_check_says_so(small_study, monkeypatch):
    study = Study.open(small_study)
    monkeypatch.setattr(checking, "processor_seconds", lambda: checking.REFERENCE_SECONDS)
    told = []
    for compiled in (True, False):
        monkeypatch.setattr(checking, "kernels_are_compiled", lambda compiled=compiled: compiled)
        told.append(estimate(study))
    assert told[1]["seconds"] - told[0]["seconds"] == pytest.approx(told[1]["compiling"]) == checking.COMPILE_SECONDS
    assert "kernels" not in estimate_words(told[0], "en") and "60 s of these go once" in estimate_words(told[1], "en")
    assert "编译内核" in estimate_words(told[1], "zh")


def test_kernels_are_looked_for_where_they_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(checking.near_points, "_least", SimpleNamespace(stats=SimpleNamespace(cache_path=str(tmp_path / "cache" / "one"))))
    assert not checking.kernels_are_compiled()
    (tmp_path / "cache" / "other").mkdir(parents=True)
    (tmp_path / "cache" / "other" / "kernel.nbi").touch()
    assert checking.kernels_are_compiled()


def test_check_reads_all_years_in_one_pass_and_names_the_file_that_is_bad(small_study, monkeypatch):
    seen, bad = [], set()

    def read(years, *given, **named):
        seen.append(list(years))
        if broken := bad & set(years):
            path = years[min(broken)]
            raise refuse("not_covered", expected="the region", got="half of it", where=path.name, fix="Give a map of the region.")
        return tabulate_land_area(years, *given, **named)

    monkeypatch.setattr(checking, "tabulate_land_area", read)
    assert not [p for p in Study.open(small_study).check() if p.severity == "error"] and seen == [[2010, 2015]]
    seen.clear()
    bad.add(2015)
    problems = [p for p in Study.open(small_study).check() if p.severity == "error"]
    assert seen == [[2010, 2015], [2010], [2015]]
    assert [p.where for p in problems] == ["clcd_2015.tif"]


@NEEDS_PROC
@pytest.mark.slow
def test_a_twentieth_of_a_big_grid_runs_in_the_memory_that_was_said(tmp_path):
    folder = big.write_study(tmp_path / "study", "grid", 50_000, 1, runs=0)  # a twentieth of a million cells, on twelve scales
    said = estimate(Study.open(folder))["memory"]
    assert said / 1.5 <= peak_gb(folder) <= said * 1.5
    page = (folder / "results" / "report.html").read_text("utf-8")
    assert len(page) < 10_000_000
    assert max(table.count("<tr") for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL)) < 500


@NEEDS_PROC
@pytest.mark.slow
def test_the_memory_of_a_run_is_within_a_factor_of_one_and_a_half(small_study):
    said = estimate(Study.open(small_study))["memory"]
    peak_gb(small_study)  # compiles the kernels, which takes memory of its own once
    shutil.rmtree(small_study / "results")
    assert said / 1.5 <= peak_gb(small_study) <= said * 1.5


def test_time_left_is_what_is_done_carried_on(monkeypatch):
    talk = ProgressTalk(as_json=True)
    monkeypatch.setattr(ProgressTalk, "seconds", property(lambda self: 30.0))
    assert talk.left(0.25) == pytest.approx(90.0) and talk.left(1.0) == 0.0 and talk.left(0.0) is None
    assert told_left(talk.left(0.25)) == "-1:30" and told_left(None) == ""


def test_a_matrix_of_too_many_pairs_ends_with_amounts_and_without_flows(small_study, monkeypatch):
    monkeypatch.setattr(money_steps, "MOST_PAIRS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study = Study.open(small_study)
        result = study.with_(**{"compensation.flow_cost": "field_strength"}).run(until="flows")
        from_places = study.run(until="flows")
    assert "flows" not in result.tables and isinstance(result.compensation, pd.DataFrame)
    assert "3 pairs of a payer and a recipient" in str(result.manifest["warnings"])
    assert len(from_places.tables["flows"]) and "pairs of a payer" not in str(from_places.manifest["warnings"])


def test_which_flows_need_a_matrix():
    asked = [("distance", "lp"), ("same_basin", "lp"), ("field_strength", "lp"), ("costs.csv", "lp"), ("distance", "entropic")]
    assert [money_steps.needs_matrix(*each) for each in asked] == [False, False, True, True, True]
