"""What the ability to pay and the revision need of the counties is asked by `check`."""

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
def test_a_column_that_money_needs_is_missed_by_check(small_study, column, changes, said):
    study = without(small_study, column).with_(**changes)
    errors = [problem for problem in study.check() if problem.severity == "error"]
    assert [(each.code, said in each.where, column in each.expected) for each in errors] == [("missing_column", True, True)]


def test_a_study_that_needs_none_of_them_passes(small_study):
    study = without(small_study, "population", "gdp_yuan").with_(ability="one")
    assert [problem for problem in study.check() if problem.severity == "error"] == []


@pytest.mark.slow
def test_a_mode_that_leaves_no_county_is_refused_and_presets_that_do_are_left_out(small_study):
    import geopandas as gpd

    counties = gpd.read_file(small_study / "counties.gpkg").assign(is_district=True)
    counties.to_file(small_study / "counties.gpkg", layer="counties", driver="GPKG")
    with pytest.raises(InputError, match="at least one county that takes part"):
        Study.open(small_study).with_(**{"compensation.district_mode": "exclude"}).run()
    table = Study.open(small_study).run().table("direction_by_preset")
    assert set(table["preset"]) == {"recommended"}
