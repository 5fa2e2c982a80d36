"""Concentration over the years."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.concentration import concentration


def frame(*years, **columns):
    """Amounts of each year, with area 1 unless given."""
    parts = []
    for place, amounts in enumerate(years):
        base = columns or {"area_km2": [1.0] * len(amounts)}
        index = pd.Index([f"u{k}" for k in range(len(amounts))], name="unit_id")
        parts.append(pd.DataFrame({"year": 2000 + 5 * place, "carbon_source": amounts, **base}, index=index))
    return pd.concat(parts)


def test_by_hand():
    """L15: 0, 0.75, 0.25; the top 10 % of four is one."""
    result = concentration(frame([1.0, 1, 1, 1], [0, 0, 0, 1], [1, 2, 3, 4]), "carbon_source")
    assert result["year"].tolist() == [2000, 2005, 2010]
    assert result["gini"].tolist() == pytest.approx([0, 0.75, 0.25])
    assert result["concentration_area_km2"].tolist() == pytest.approx([0, 0.75, 0.25])
    x = np.array([1, 2, 3, 4]) / 2.5
    assert result["theil"].tolist() == pytest.approx([0, np.log(4), np.mean(x * np.log(x))])
    assert result["top_share"].tolist() == pytest.approx([0.25, 1, 0.4])
    assert result["n"].tolist() == [4, 4, 4]


def test_theil_by_zone():
    """Two zones, each equal within: all inequality is between: T = (0.25 ln 0.25/0.5 + 0.75 ln 0.75/0.5)."""
    one = frame([1.0, 1, 3, 3], zone=["a", "a", "b", "b"])
    row = concentration(one, "carbon_source", bases=(), groups="zone").iloc[0]
    expected = 0.25 * np.log(0.5) + 0.75 * np.log(1.5)
    assert row["theil"] == pytest.approx(expected)
    assert row["theil_between"] == pytest.approx(expected) and row["theil_within"] == pytest.approx(0)


def test_against_bases():
    one = frame([1.0, 3], area_km2=[10.0, 10], population=[1.0, 3], gdp_yuan=[3.0, 1])
    row = concentration(one, "carbon_source", bases=["area_km2", "population", "gdp_yuan"]).iloc[0]
    assert row["concentration_area_km2"] == pytest.approx(0.25)
    assert row["concentration_population"] == pytest.approx(0)
    assert row["concentration_gdp_yuan"] == pytest.approx(0.5)


@settings(max_examples=50)
@given(st.lists(st.floats(0.01, 1e6), min_size=2, max_size=20), st.floats(0.01, 100))
def test_scale_and_doubling_change_nothing(amounts, factor):
    """The index does not see the currency, nor a copy of the population; the parts of T sum to T."""
    base, scaled = (concentration(frame(values), "carbon_source").iloc[0] for values in (amounts, [factor * each for each in amounts]))
    for name in ("gini", "concentration_area_km2", "theil", "top_share"):
        assert scaled[name] == pytest.approx(base[name], abs=1e-9)
    twice = concentration(frame(amounts * 2), "carbon_source").iloc[0]
    assert twice["gini"] == pytest.approx(base["gini"], abs=1e-9)
    zones = frame(amounts, zone=["a", "b"] * (len(amounts) // 2) + ["a"] * (len(amounts) % 2))
    row = concentration(zones, "carbon_source", bases=(), groups="zone").iloc[0]
    assert row["theil_between"] + row["theil_within"] == pytest.approx(row["theil"], abs=1e-12)


def test_one_year_without_a_column():
    result = concentration(frame([1.0, 3]).drop(columns="year"), "carbon_source")
    assert len(result) == 1 and result["year"].isna().all()


def test_zero_totals_are_not_known():
    assert concentration(frame([0.0, 0]), "carbon_source")[["gini", "theil", "top_share"]].isna().all(axis=None)


def test_unknown_amounts_are_listed():
    with pytest.warns(DataWarning, match="1 units have no carbon_source or area_km2 in some year and are left out of it: u1"):
        result = concentration(frame([1.0, np.nan, 3], [1.0, 2, 3]), "carbon_source")
    assert result["n"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: concentration(f.assign(carbon_source=[-1.0, 2]), "carbon_source"), "known amounts >= 0"),
        (lambda f: concentration(f, "carbon_source", bases=["gdp_yuan"]), "columns gdp_yuan"),
        (lambda f: concentration(f, "carbon_source", top=10), r"a share in \(0, 1\]"),
        (lambda f: concentration(f.assign(zone=["a", None]), "carbon_source", groups="zone"), "a zone for each unit; got none for u1"),
        (lambda f: concentration(pd.concat([f, f]), "carbon_source"), "each unit once a year; got u0, u1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call(frame([1.0, 2]))


def test_the_budget_of_the_region_is_concentrated(shared):
    """L16: sources of the counties against area, and deficits among counties, are above the warning line 0.4 in each year."""
    accounts = pd.read_csv(shared / "studies" / "bth-county" / "counties.csv", dtype={"unit_id": str}, index_col="unit_id")
    accounts = accounts[accounts["year"].isin([2007, 2012, 2017])].rename(columns={"carbon_source_t": "carbon_source"})
    accounts["budget"] = (accounts["carbon_source"] - accounts["carbon_sink_t"]).abs()
    source = concentration(accounts, "carbon_source", bases=["area_km2", "population", "gdp_yuan"])
    budget = concentration(accounts, "budget")
    assert (budget["gini"] > 0.4).all() and (source["concentration_area_km2"] > 0.4).all()
    assert budget["gini"].tolist() == pytest.approx([0.457, 0.458, 0.444], abs=0.001)
    assert source["concentration_area_km2"].tolist() == pytest.approx([0.555, 0.542, 0.547], abs=0.001)
    assert source["concentration_population"].tolist() == pytest.approx([0.298, 0.311, 0.331], abs=0.001)
    assert source["concentration_gdp_yuan"].is_monotonic_increasing
