"""Features and their scaler."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.mstats import winsorize
from sklearn.preprocessing import StandardScaler

from carbonshed.checks import DataWarning, InputError
from carbonshed.zoning.features import FEATURE_SETS, canonical_order, feature_names, fit_features
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.scaler import FeatureRule


def test_signed_log_and_z_by_hand():
    rule = FeatureRule("x", low=-4.0, high=4.0, scale=2.0, mean=0.5, deviation=2.0)
    bent = np.array([-np.log(3.0), 0.0, np.log(2.0), np.log(3.0)])  # -4, 0, 2, 9 -> 4 clipped
    np.testing.assert_allclose(rule.standardise(np.array([-4.0, 0.0, 2.0, 9.0])), (bent - 0.5) / 2, atol=2**-20)
    np.testing.assert_allclose(rule.restore(rule.standardise(np.array([-4.0, 0.0, 2.0, 9.0]))), [-4.0, 0.0, 2.0, 4.0], atol=1e-4)


def test_scale_is_the_median_of_what_is_not_zero():
    frame = pd.DataFrame({"a": [0.0, 0.0, -2.0, 8.0, 4.0], "b": [1.0, 5.0, 2.0, 9.0, 0.0]})
    made = fit_features(frame, features=["a", "b"], winsorise=0.0)
    assert made.scaler.rules[0].scale == 4.0
    y = np.sign(frame["a"]) * np.log1p(frame["a"].abs() / 4.0)
    np.testing.assert_allclose(made.z["a"], (y - y.mean()) / y.std(ddof=0), atol=1e-6)


def test_log_ratio_is_guarded_by_one_percent_of_the_means(four):
    made = fit_features(zoning_indicators(four), features=["log_emission_intensity", "log_gdp_per_head"], winsorise=0.0)
    intensity, per_head = made.scaler.rules
    assert intensity.guards == pytest.approx((0.5, 0.025)) and per_head.guards == pytest.approx((0.025, 0.0175))
    raw = per_head.raw(four)
    np.testing.assert_allclose(raw, np.log((np.array([6.0, 2, 1, 1]) + 0.025) / (np.array([3.0, 2, 2, 0]) + 0.0175)))
    assert np.isfinite(made.z.to_numpy()).all()


def test_equals_scikit_learn_and_scipy_without_transform():
    x = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(x, columns=["a", "b"])
    plain = fit_features(frame, features=["a", "b"], transform="none", winsorise=0.0)
    np.testing.assert_allclose(plain.z, StandardScaler().fit_transform(x), atol=2**-20)
    low, high = fit_features(frame, features=["a"], transform="none", winsorise=0.05).scaler.rules[0].low, np.quantile(x[:, 0], 0.95)
    assert low == np.quantile(x[:, 0], 0.05) and abs(high - winsorize(x[:, 0], 0.05).max()) < 0.1


@given(st.integers(0, 2**32 - 1), st.floats(1e-9, 1e9))
@settings(max_examples=30, deadline=None)
def test_units_do_not_matter_and_the_scaler_can_be_undone(seed, factor):
    x = np.random.default_rng(seed).lognormal(0, 1.5, (40, 2)) * [1.0, -1.0]
    frame, other = pd.DataFrame(x, columns=["a", "b"]), pd.DataFrame(x * factor, columns=["a", "b"])
    one, two = (fit_features(each, features=["a", "b"]) for each in (frame, other))
    assert np.abs(one.z - two.z).to_numpy().max() <= 2**-20
    clipped = np.clip(x, [rule.low for rule in one.scaler.rules], [rule.high for rule in one.scaler.rules])
    np.testing.assert_allclose(one.scaler.inverse(one.z), clipped, rtol=1e-4)
    assert np.abs(one.z.mean()).max() < 1e-5 and np.abs(one.z.std(ddof=0) - 1).max() < 1e-5


def test_one_scaler_for_all_years_fitted_on_the_rows_asked_for(accounts):
    indicators = zoning_indicators(accounts)
    rows = (indicators["year"] == 2010).to_numpy()
    made = fit_features(indicators, rows=rows)
    alone = fit_features(zoning_indicators(accounts[accounts["year"] == 2010]))
    assert made.scaler == alone.scaler
    np.testing.assert_array_equal(made.z[rows], alone.z)
    pd.testing.assert_frame_equal(made.scaler.transform(indicators), made.z)
    assert made.z.index.equals(indicators.index)


def test_order_of_features_and_rows_does_not_matter(accounts):
    indicators = zoning_indicators(accounts)
    one = fit_features(indicators, features=["source_density", "ecc", "share_difference"])
    two = fit_features(indicators.iloc[::-1], features=["share_difference", "source_density", "ecc"])
    assert one.scaler == two.scaler and list(one.z) == ["ecc", "share_difference", "source_density"]


def test_members_without_data_are_left_out_by_name(accounts):
    indicators = zoning_indicators(accounts.drop(columns=["gdp_yuan", "built_up"]))
    names, dropped = feature_names(indicators, "budget")
    assert names == ["net_emission_density", "share_difference"]
    assert dropped == {
        "log_emission_intensity": "needs gdp_yuan",
        "log_gdp_per_head": "needs gdp_yuan",
        "territorial_development": "needs built_up",
    }
    with pytest.warns(DataWarning, match="log_emission_intensity .needs gdp_yuan."):
        fit_features(indicators)


def test_nrca_leaves_its_last_member_out(accounts):
    names, dropped = feature_names(zoning_indicators(accounts), "nrca")
    assert sorted([*names, "nrca_built_up"]) == sorted(FEATURE_SETS["nrca"]) and list(dropped) == ["nrca_built_up"]


def test_a_constant_feature_is_left_out_and_similar_ones_are_reported():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=50), "same": 3.0})
    frame["b"] = frame["a"] + 0.1 * rng.normal(size=50)
    with pytest.warns(DataWarning) as caught:
        made = fit_features(frame, features=["a", "b", "same"])
    assert any("same is left out" in str(each.message) for each in caught) and made.dropped == {"same": "constant"}
    assert [pair[:2] for pair in made.correlated] == [("a", "b")] and made.correlated[0][2] > 0.95


def test_rows_that_are_not_known_are_nan(four):
    frame = zoning_indicators(four)
    frame.loc["b", "source_density"] = np.nan
    made = fit_features(frame, features=["source_density", "sink_density"])
    assert made.z["source_density"].isna().tolist() == [False, True, False, False] and made.z["sink_density"].notna().all()


def test_canonical_order_is_by_year_then_unit(accounts):
    shuffled = accounts.sample(frac=1, random_state=3)
    ordered = shuffled.iloc[canonical_order(shuffled)]
    pd.testing.assert_frame_equal(ordered, accounts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["source_densty"]}, "Did you mean 'source_density'"),
        ({"features": "bugdet"}, "Did you mean 'budget'"),
        ({"features": ["ecc", "log_emission_intensity"]}, "mirror"),
        ({"features": ["source_density", "source_density"]}, "mirror"),
        ({"features": ["carbon_source", "copy"]}, "r = -1.0"),
        ({"weights": {"share_difference": -1.0}}, "0 or more"),
        ({"weights": {"share_difference": float("nan")}}, "0 or more"),
        ({"weights": {"share_diference": 1.0}}, "Did you mean 'share_difference'"),
        ({"features": ["share_difference"], "weights": {"share_difference": 0.0}}, "at least one feature that varies"),
        ({"features": ["infinite"]}, "finite"),
        ({"features": ["empty"]}, "values of empty in each year"),
        ({"features": ["one_year"]}, "none in 2020"),
        ({"transform": "log"}, "transform"),
        ({"winsorise": 0.5}, "below 0.5"),
    ],
)
def test_refusals(accounts, options, message):
    indicators = zoning_indicators(accounts)
    indicators["copy"] = -3 * indicators["carbon_source"]
    indicators["infinite"] = np.inf
    indicators["empty"] = np.nan
    indicators["one_year"] = indicators["carbon_source"].where(indicators["year"] == 2010)
    with pytest.raises(InputError, match=message):
        fit_features(indicators, **options)


@pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")
def test_refusals_of_what_does_not_vary(accounts, four):
    with pytest.raises(InputError, match="at least one feature that varies"):
        fit_features(pd.DataFrame({"a": [1.0] * 9, "b": [2.0] * 9}), features=["a", "b"])
    with pytest.raises(InputError, match="log_gdp_per_head"):
        fit_features(zoning_indicators(four.assign(population=0.0)), features=["log_gdp_per_head"])
    with pytest.raises(InputError, match="more than once"):
        canonical_order(accounts.drop(columns="year"))
