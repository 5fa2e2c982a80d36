"""What the ability to pay and the revision need of the counties is asked before the run."""

from __future__ import annotations

import pandas as pd
import pytest

from carbonshed.checks import InputError
from carbonshed.study.study import Study


def without(folder, *columns):
    table = pd.read_csv(folder / "counties.csv", dtype=str).drop(columns=list(columns))
    table.to_csv(folder / "counties.csv", index=False)
    return Study.open(folder)


@pytest.mark.parametrize(
    ("column", "changes", "said"),
    [
        ("population", {}, "ability = 'gdp_per_head'"),
        ("gdp_yuan", {}, "ability = 'gdp_per_head'"),
        ("gdp_yuan", {"preset": "published"}, "revision = 'normalised_mean'"),
        ("fiscal_revenue_yuan", {"ability": "capacity"}, "ability = 'capacity'"),
    ],
)
def test_a_column_that_money_needs_is_missed_by_check_and_no_table_is_written(small_study, column, changes, said):
    study = without(small_study, column).with_(**changes)
    errors = [problem for problem in study.check() if problem.severity == "error"]
    assert [(each.code, said in each.where, column in each.expected) for each in errors] == [("missing_column", True, True)]
    with pytest.raises(InputError, match="Give the column"):
        study.run(small_study / "out")
    assert not list((small_study / "out").glob("tables/*"))


def test_a_study_that_needs_none_of_them_passes(small_study):
    study = without(small_study, "population", "gdp_yuan").with_(ability="one")
    assert [problem for problem in study.check() if problem.severity == "error"] == []
