"""Promise 8: `check` says beforehand what a run needs; too many pairs of counties end with amounts and without flows."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pandas as pd
import pytest

from carbonshed.checks import DataWarning
from carbonshed.interfaces.talk import ProgressTalk, told_left
from carbonshed.study import checking, money_steps
from carbonshed.study.checking import estimate, processor_seconds, sizes
from carbonshed.study.study import Study

RUN = """
import resource, sys, warnings
warnings.simplefilter("ignore")
from carbonshed.study.reporting import write_outputs
from carbonshed.study.study import Study
Study.open(sys.argv[1]).run(sys.argv[2], finish=write_outputs)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def test_sizes_by_hand(small_study):
    # 1,600 km2 in cells of 4, 8 and 12 km: 100 + 25 + 11; two years, four counties
    found = sizes(Study.open(small_study))
    assert (found["cells"], found["years"], found["rows"], found["counties"], found["zoned"], found["pairs"]) == (100, 2, 272, 8, 50, 4)


def test_the_time_is_in_proportion_to_the_speed_of_the_processor(small_study, monkeypatch):
    study = Study.open(small_study)
    told = []
    for seconds in (0.01, 0.02):
        monkeypatch.setattr(checking, "processor_seconds", lambda seconds=seconds: seconds)
        told.append(estimate(study)["seconds"])
    assert told[1] == pytest.approx(2 * told[0]) and processor_seconds() > 0


@pytest.mark.slow
def test_the_memory_of_a_run_is_within_a_factor_of_one_and_a_half(small_study, tmp_path):
    said = estimate(Study.open(small_study))["memory"]
    first = [sys.executable, "-c", RUN, str(small_study), str(tmp_path / "first")]
    subprocess.run(first, capture_output=True, text=True, check=True)  # compiles the kernels, which takes memory of its own once
    done = subprocess.run([sys.executable, "-c", RUN, str(small_study), str(tmp_path / "out")], capture_output=True, text=True, check=True)
    assert said / 1.5 <= float(done.stdout) <= said * 1.5


def test_time_left_is_what_is_done_carried_on(monkeypatch):
    talk = ProgressTalk(as_json=True)
    monkeypatch.setattr(ProgressTalk, "seconds", property(lambda self: 30.0))
    assert talk.left(0.25) == pytest.approx(90.0) and talk.left(1.0) == 0.0 and talk.left(0.0) is None
    assert told_left(talk.left(0.25)) == "-1:30" and told_left(None) == ""


def test_too_many_pairs_end_with_amounts_and_without_flows(small_study, monkeypatch):
    monkeypatch.setattr(money_steps, "MOST_PAIRS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        result = Study.open(small_study).run(until="flows")
    assert "flows" not in result.tables and isinstance(result.compensation, pd.DataFrame)
    assert "3 pairs of a payer and a recipient" in str(result.manifest["warnings"])
