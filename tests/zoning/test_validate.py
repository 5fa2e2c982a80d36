"""Totals of zones, transitions, agreement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from carbonshed.checks import DataWarning, InputError
from carbonshed.zoning.validate import agreement, zone_summary, zone_transitions

NAMES = ["payment", "balanced", "recipient", "missing"]


def test_summary_by_hand(four):
    zones = pd.DataFrame({"zone": ["payment", "payment", "missing", "recipient"]}, index=four.index)
    found = zone_summary(zones, four.iloc[::-1]).set_index("zone")
    assert found.loc["payment"].tolist() == [2, 4.0, 160.0, 25.0, 135.0]
    assert found.loc["missing"].tolist() == [1, 1.0, 30.0, 20.0, 10.0]
    assert found.loc["balanced"].tolist() == [0, 0.0, 0.0, 0.0, 0.0]
    assert list(found.columns) == ["n_units", "area_km2", "carbon_source", "carbon_sink", "net_carbon_emission"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_zones_add_up_to_the_region(seed, n):
    rng = np.random.default_rng(seed)
    index = pd.Index([f"c{i}" for i in range(n)] * 2, name="unit_id")
    accounts = pd.DataFrame(rng.lognormal(0, 3, (2 * n, 3)), columns=["area_km2", "carbon_source", "carbon_sink"], index=index)
    accounts.insert(0, "year", np.repeat([2000, 2010], n))
    zones = accounts[["year"]].assign(zone=rng.choice(NAMES, 2 * n))
    found = zone_summary(zones, accounts)
    assert list(found.columns) == ["year", "zone", "n_units", "area_km2", "carbon_source", "carbon_sink", "net_carbon_emission"]
    by_year = found.groupby("year")[["area_km2", "carbon_source", "carbon_sink"]].sum()
    np.testing.assert_allclose(by_year, accounts.groupby("year")[["area_km2", "carbon_source", "carbon_sink"]].sum(), rtol=1e-9)
    np.testing.assert_allclose(found["net_carbon_emission"], found["carbon_source"] - found["carbon_sink"], rtol=1e-9, atol=1e-6)
    assert found.groupby("year")["n_units"].sum().tolist() == [n, n]


def test_summary_says_what_is_not_known(four):
    zones = pd.DataFrame({"zone": "payment"}, index=four.index)
    with pytest.warns(DataWarning) as caught:
        found = zone_summary(zones, four.assign(carbon_sink=[np.nan, 15, 20, 25]))
    assert "carbon_sink is not known for a" in str(caught[0].message)
    assert found.loc[0, "carbon_sink"] == 60.0


def test_transitions_by_hand():
    index = pd.Index(["a", "b", "c"] * 3, name="unit_id")
    zones = pd.DataFrame({"year": np.repeat([2000, 2010, 2020], 3), "zone": list("ppr") + list("pbr") + list("bbr")}, index=index)
    zones["zone"] = zones["zone"].map({"p": "payment", "b": "balanced", "r": "recipient"})
    found = zone_transitions(zones, zones.assign(area_km2=[1.0, 2.0, 4.0] * 3))
    assert found.values.tolist() == [
        [2000, 2010, "payment", "balanced", 1, 2.0],
        [2000, 2010, "payment", "payment", 1, 1.0],
        [2000, 2010, "recipient", "recipient", 1, 4.0],
        [2010, 2020, "balanced", "balanced", 1, 2.0],
        [2010, 2020, "payment", "balanced", 1, 1.0],
        [2010, 2020, "recipient", "recipient", 1, 4.0],
    ]
    assert (found.groupby("year_from")["area_km2"].sum() == 7.0).all()


@given(st.lists(st.sampled_from("abc"), min_size=3, max_size=30), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_agreement_is_that_of_scikit_learn_and_ignores_names(labels, seed):
    other = np.random.default_rng(seed).choice(list("xyz"), len(labels))
    found = agreement(labels, other)
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels, other))
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(labels, other))
    assert agreement(labels, [{"a": "q", "b": "a", "c": "b"}[each] for each in labels])["ari"] == 1.0


def test_refusals(four):
    zones = pd.DataFrame({"zone": "payment"}, index=four.index)
    with pytest.raises(InputError, match="in one table only: a"):
        zone_summary(zones, four.drop(index="a"))
    with pytest.raises(InputError, match="Add the column `year`"):
        zone_summary(pd.concat([zones, zones]), four)
    with pytest.raises(InputError, match="zone"):
        zone_summary(zones.rename(columns={"zone": "zones"}), four)
    with pytest.raises(InputError, match="at least two years"):
        zone_transitions(zones.assign(year=2000), four.assign(year=2000))
    with pytest.raises(InputError, match="same cells"):
        agreement(["a"], ["a", "b"])
