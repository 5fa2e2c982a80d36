"""Indicators and NRCA."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point

from carbonshed.checks import DataWarning, InputError
from carbonshed.zoning.indicators import nrca, zoning_indicators

positive = st.just(0.0) | st.floats(1e-3, 1e9)


def test_ecc_and_esc_by_hand(four):
    found = zoning_indicators(four)
    np.testing.assert_allclose(found["ecc"], [1.2, 2 / 3, 2 / 3, 2.0])
    np.testing.assert_allclose(found["esc"], [2 / 7, 5 / 7, 40 / 21, 50 / 7])
    share = four["carbon_source"] / 200
    assert (share * found["ecc"]).sum() == pytest.approx(1.0, abs=1e-15)
    assert (share * found["esc"]).sum() == pytest.approx(1.0, abs=1e-15)


def test_the_other_indicators_by_hand(four):
    found = zoning_indicators(four)
    assert found["net_carbon_emission"].tolist() == [90.0, 45.0, 10.0, -15.0]
    assert found["carbon_balance_ratio"].tolist() == [0.1, 0.25, 20 / 30, 2.5]
    assert found["carbon_balance_index"].tolist() == [10.0, 4.0, 1.5, 0.4]
    np.testing.assert_allclose(found["carbon_emission_intensity"], [1e6 / 6, 3e5, 3e5, 1e5])
    np.testing.assert_allclose(found["log_emission_intensity"], np.log([1e6 / 6, 3e5, 3e5, 1e5]))
    assert found["territorial_development"].tolist() == [0.5, 0.25, 0.0, 0.0]
    assert found["net_emission_density"].tolist() == [45.0, 22.5, 10.0, -15.0]
    assert found["source_density"].tolist() == [50.0, 30.0, 30.0, 10.0]
    assert found["sink_density"].tolist() == [5.0, 7.5, 20.0, 25.0]
    assert found["gdp_density"].tolist() == [3.0, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(found["share_difference"], np.array([10, 15, 20, 25]) / 70 - np.array([100, 60, 30, 10]) / 200)
    np.testing.assert_allclose(found["gdp_per_head"], [2.0, 1.0, 0.5, np.nan])
    assert found.index.equals(four.index) and found["share_difference"].sum() == pytest.approx(0.0, abs=1e-15)


def test_years_have_totals_of_their_own(four):
    twice = pd.concat([four.assign(year=2000), (four * 3).assign(year=2010)])
    found = zoning_indicators(twice)
    np.testing.assert_allclose(found["ecc"].to_numpy()[:4], found["ecc"].to_numpy()[4:], rtol=1e-14)
    np.testing.assert_allclose(found["share_difference"].to_numpy()[:4], found["share_difference"].to_numpy()[4:], atol=1e-15)
    np.testing.assert_allclose(found["nrca_carbon_source"].to_numpy()[:4], found["nrca_carbon_source"].to_numpy()[4:], atol=1e-15)


def test_geodataframe_keeps_index_crs_and_order(four):
    places = gpd.GeoDataFrame(four, geometry=[Point(i, 0) for i in range(4)], crs="EPSG:4326").iloc[::-1]
    found = zoning_indicators(places)
    assert isinstance(found, gpd.GeoDataFrame) and found.crs == places.crs
    pd.testing.assert_index_equal(found.index, places.index)


@given(st.lists(st.tuples(positive, positive, positive), min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_zeros_give_nan_never_infinity(rows):
    table = pd.DataFrame(rows, columns=["carbon_source", "carbon_sink", "gdp_yuan"]).assign(area_km2=1.0, built_up=0.0, population=0.0)
    found = zoning_indicators(table)
    assert not np.isinf(found.to_numpy(dtype=float)).any()
    emits = found["carbon_source"] > 0
    total = found["carbon_source"].sum()
    if emits.any() and found["gdp_yuan"].sum() > 0:
        expected = found.loc[emits, "gdp_yuan"].sum() / found["gdp_yuan"].sum()
        assert (found.loc[emits, "carbon_source"] / total * found.loc[emits, "ecc"]).sum() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_denominator_too_small_to_divide_by_gives_nan():
    table = pd.DataFrame({"carbon_source": [2.0], "carbon_sink": [1e-308], "area_km2": [1.0]})
    assert np.isnan(zoning_indicators(table)["carbon_balance_index"].iloc[0])


def test_without_economy_or_land_cover_their_indicators_are_left_out(four):
    found = zoning_indicators(four[["carbon_source", "carbon_sink", "area_km2"]])
    assert not {"ecc", "carbon_emission_intensity", "territorial_development", "gdp_density", "log_gdp_per_head"} & set(found.columns)
    assert {"esc", "share_difference", "nrca_carbon_source"} <= set(found.columns)


def test_shares_are_of_the_rows_that_are_known(four):
    four.loc["a", "gdp_yuan"] = np.nan
    with pytest.warns(DataWarning, match=r"gdp_yuan is missing in 1 rows \(a\)"):
        found = zoning_indicators(four)
    assert np.isnan(found.loc["a", "ecc"]) and found.loc["a", "esc"] == pytest.approx(2 / 7)
    assert found.loc["b", "ecc"] == pytest.approx((2 / 4) / (60 / 100))


def test_refusals_of_indicators(four):
    with pytest.raises(InputError, match="carbon_sink"):
        zoning_indicators(four.drop(columns="carbon_sink"))
    with pytest.raises(InputError, match="positive numbers"):
        zoning_indicators(four.assign(carbon_sink=-four["carbon_sink"]))
    with pytest.raises(InputError, match="finite"):
        zoning_indicators(four.assign(gdp_yuan=np.inf))
    with pytest.raises(InputError, match="at least 98%"):
        zoning_indicators(four.assign(carbon_source=[np.nan, 1, 1, 1]))
    with pytest.warns(DataWarning, match="carbon_source is missing"):
        zoning_indicators(four.assign(carbon_source=[np.nan, 1, 1, 1]), min_coverage=0.5)


def test_nrca_by_hand():
    frame = pd.DataFrame({"carbon_source": [10.0, 40.0], "carbon_sink": [30.0, 20.0]}, index=["x", "y"])
    np.testing.assert_allclose(nrca(frame, form="same_unit"), [[-0.1, 0.1], [0.1, -0.1]], atol=1e-15)
    # shares 0.2, 0.8 and 0.6, 0.4: (p - mean) / 2
    np.testing.assert_allclose(nrca(frame), [[-0.1, 0.1], [0.1, -0.1]], atol=1e-15)
    assert nrca(frame).index.equals(frame.index)


@given(st.integers(2, 15), st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_nrca_margins_range_and_share_form(n, j, seed):
    rng = np.random.default_rng(seed)
    names = ["carbon_source", "carbon_sink", "gdp_yuan", "population", "built_up"][:j]
    frame = pd.DataFrame(rng.lognormal(0, 2, (n, j)), columns=names)
    found = nrca(frame).to_numpy()
    p = (frame / frame.sum()).to_numpy()
    np.testing.assert_allclose(found, (p - p.mean(axis=1, keepdims=True)) / j, atol=1e-15)
    same = nrca(frame.iloc[:, :2], form="same_unit").to_numpy() if j == 2 else found
    e = frame.iloc[:, :2].to_numpy()
    for values in (found, same):
        assert np.abs(values.sum(axis=0)).max() < 1e-15 and np.abs(values.sum(axis=1)).max() < 1e-15
        assert np.abs(values).max() < 0.25
    if j == 2:
        np.testing.assert_allclose(same, e / e.sum() - e.sum(1, keepdims=True) * e.sum(0) / e.sum() ** 2, atol=1e-15)


@given(st.floats(1e-6, 1e6))
@settings(max_examples=20, deadline=None)
def test_nrca_of_shares_does_not_know_units(factor):
    frame = pd.DataFrame({"carbon_source": [1.0, 4.0, 2.0], "gdp_yuan": [30.0, 20.0, 7.0]})
    np.testing.assert_allclose(nrca(frame.assign(gdp_yuan=frame["gdp_yuan"] * factor)), nrca(frame), atol=1e-14)


def test_nrca_leaves_rows_that_are_not_known_out():
    frame = pd.DataFrame({"carbon_source": [1.0, 4.0, np.nan], "carbon_sink": [3.0, 2.0, 7.0]})
    found = nrca(frame)
    assert found.iloc[2].isna().all()
    np.testing.assert_allclose(found.iloc[:2], nrca(frame.iloc[:2]))


def test_refusals_of_nrca(four):
    with pytest.raises(InputError, match="gdp_yuan in yuan"):
        nrca(four, columns=["carbon_source", "gdp_yuan"], form="same_unit")
    with pytest.raises(InputError, match="jobs in unknown"):
        nrca(four.assign(jobs=1.0), columns=["carbon_source", "jobs"], form="same_unit")
    with pytest.raises(InputError, match="at least two"):
        nrca(four, columns=["carbon_source"])
    with pytest.raises(InputError, match="0 or more"):
        nrca(four.assign(carbon_sink=-1.0))
    with pytest.raises(InputError, match="total above 0"):
        nrca(four.assign(carbon_sink=0.0))
    with pytest.raises(InputError, match="form"):
        nrca(four, form="share")
