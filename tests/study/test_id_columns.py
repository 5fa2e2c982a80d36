"""A long table may call its ids ``id`` or ``unit_id``, whatever the boundaries call theirs."""

from __future__ import annotations

import pandas as pd
import pytest

from carbonshed.study.study import Study


@pytest.mark.parametrize(("county_column", "emission_column"), [("id", "unit_id"), ("unit_id", "id"), ("id", "id")])
def test_tables_by_either_name_give_the_same_study(small_study, county_column, emission_column):
    for file, column in (("counties.csv", county_column), ("emissions.csv", emission_column)):
        table = pd.read_csv(small_study / file, dtype=str)
        table.rename(columns={"id": column, "unit_id": column}).to_csv(small_study / file, index=False)
    errors = [problem for problem in Study.open(small_study).check() if problem.severity == "error"]
    assert errors == []


def test_a_table_without_ids_is_refused_by_the_name_asked_for(small_study):
    table = pd.read_csv(small_study / "counties.csv", dtype=str).rename(columns={"unit_id": "code"})
    table.to_csv(small_study / "counties.csv", index=False)
    (problem, *_) = [p for p in Study.open(small_study).check() if p.severity == "error"]
    assert problem.code == "missing_column" and "unit_id" in problem.expected and "counties.csv" in problem.where
