"""The exported script is a study that runs by itself and gives the same totals."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pandas as pd
import pytest

from carbonshed.checks import InputError
from carbonshed.present.export import export
from carbonshed.study.study import Result


def test_the_script_runs_and_gives_the_same_tables(finished_study, tmp_path):
    result = Result.open(finished_study / "results")
    (script,) = export(result.folder, ["script"], tmp_path)
    ran = subprocess.run([sys.executable, str(script), str(finished_study)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "will differ" not in ran.stderr
    assert "byte for byte" in ran.stdout
    again = pd.read_csv(tmp_path / "csv" / "compensation.csv")
    assert again["payable"].sum() == result.compensation["payable"].sum()


@pytest.mark.slow
def test_another_input_is_named_and_other_totals_are_noticed(finished_study, small_study, tmp_path):
    (script,) = export(finished_study / "results", ["script"], tmp_path)
    emissions = small_study / "emissions.csv"
    table = pd.read_csv(emissions)
    table["carbon_source_t"] = table["carbon_source_t"] * 1.5
    table.to_csv(emissions, index=False)
    ran = subprocess.run([sys.executable, str(script), str(small_study)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode != 0 and "emissions.csv is not the file of the recorded run" in ran.stderr and "carbon_source" in ran.stderr


def test_a_folder_without_its_study_is_refused(finished_study, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(finished_study / "results", folder)
    (folder / "study.toml").unlink()
    with pytest.raises(InputError, match="of the run"):
        export(folder, ["script"])
