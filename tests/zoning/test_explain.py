"""Explanation records."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from carbonshed.checks import DataWarning, InputError
from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.explain import explain_zone, zone_contributions
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.model import distances_to_zones

from .conftest import make_accounts


@pytest.fixture(scope="module")
def indicators() -> pd.DataFrame:
    return zoning_indicators(make_accounts())


@pytest.fixture(scope="module")
def model(indicators):
    return fit_zones(indicators, weights={"share_difference": 2.0}, counts=())


@pytest.mark.parametrize("method", ["som_kmeans", "kmeans", "gmm", "ward", "rules"])
@pytest.mark.parametrize("zones", [2, 3, 5])
def test_contributions_sum_to_the_difference_of_squares(indicators, method, zones):
    model = fit_zones(indicators, method=method, zones=zones, weights={"territorial_development": 0.5}, counts=())
    parts = zone_contributions(model)
    labels = model.zones["cluster"].to_numpy(dtype=int)
    d1, d2, _ = distances_to_zones(model.features(indicators), labels, model.clusterer.centres, model.zone_of_cluster)
    np.testing.assert_allclose(parts.sum(axis=1), d2**2 - d1**2, rtol=1e-12, atol=1e-12)
    pd.testing.assert_index_equal(parts.index, indicators.index)
    sure = model.zones["zone_confidence"].to_numpy() > 0
    assert (parts.sum(axis=1)[sure] > 0).all() and (parts.sum(axis=1)[~sure] <= 1e-12).all()


def test_contribution_of_a_feature_by_hand(model, indicators):
    row, own = 0, int(model.zones["cluster"].iloc[0])
    z, weights = model.scaler.transform(indicators).iloc[row].to_numpy(), model.scaler.weights
    centres = model.clusterer.centres / np.sqrt(weights)
    record = explain_zone(model, "c000", 2010)
    other = model.zone_of_cluster.index(record["nearest_other_zone"])
    by_hand = weights * ((z - centres[other]) ** 2 - (z - centres[own]) ** 2)
    for top in record["top_features"]:
        place = model.scaler.names.index(top["feature"])
        assert top["contribution"] == pytest.approx(by_hand[place]) and top["z"] == z[place]
    np.testing.assert_allclose([abs(top["contribution"]) for top in record["top_features"]], sorted(abs(by_hand))[::-1][:3])


def test_record_is_plain_and_complete(model, indicators):
    record = explain_zone(model, "c004", 2020)
    json.dumps(record, allow_nan=False)
    row = indicators[(indicators.index == "c004") & (indicators["year"] == 2020)].iloc[0]
    zone = model.zones[(indicators.index == "c004") & (indicators["year"] == 2020)].iloc[0]
    for name in ("carbon_source", "carbon_sink", "net_carbon_emission", "ecc", "esc"):
        assert record[name] == row[name]
    for name in ("zone", "cluster", "som_node", "zone_confidence"):
        assert record[name] == zone[name]
    assert (record["unit_id"], record["year"], record["policy_key"]) == ("c004", 2020, record["zone"])
    assert record["zone_confidence"] == pytest.approx(max(1 - record["distance_own"] / record["distance_other"], 0))
    assert record["provenance"]["seed"] == 0 and record["provenance"]["features"] == "budget"
    assert all(top["term"] == "gdp_per_head" for top in record["top_features"] if top["feature"] == "log_gdp_per_head")


@pytest.mark.parametrize("method", ["som_kmeans", "kmeans", "gmm"])
def test_smallest_change_moves_the_zone_and_nothing_smaller_does(indicators, method):
    model = fit_zones(indicators, method=method, counts=())
    zones, found = np.array(model.zone_of_cluster), 0
    x = model.features(indicators)
    for row in range(0, 60, 5):
        record = explain_zone(model, indicators.index[row], 2010)
        change = record["smallest_change"]
        if change is None:
            continue
        found += 1
        place = model.scaler.names.index(change["feature"])
        for share, same in ((1.0, False), (0.999, True)):
            moved = x[row].copy()
            moved[place] += share * change["change_z"]
            assert (zones[model.clusterer.assign(moved[None])[0]] == record["zone"]) == same
        assert abs(change["change_z"]) <= 3 and change["to_zone"] != record["zone"]
        assert change["change"] == change["needed"] - change["value"]
        for other in range(x.shape[1]):
            for sign in (-1, 1):
                moved = x[row].copy()
                moved[other] += sign * max(abs(change["change_z"]) - 0.011, 0)
                rule = model.scaler.rules[other]
                low, high = rule.standardise(np.array([rule.low, rule.high]))
                if low <= moved[other] <= high:
                    assert zones[model.clusterer.assign(moved[None])[0]] == record["zone"]
    assert found >= 6


def test_smallest_change_is_the_border_between_two_centres(indicators):
    """K-Means on one feature: the change needed ends halfway between the centres, in the feature's own unit."""
    model = fit_zones(indicators, method="kmeans", features=["sink_density"], zones=2, counts=())
    record = explain_zone(model, "c000", 2010)
    z = model.scaler.transform(indicators)["sink_density"].iloc[0]
    assert z + record["smallest_change"]["change_z"] == pytest.approx(model.clusterer.centres.mean(), abs=1e-8)
    needed = pd.DataFrame({"sink_density": [model.clusterer.centres.mean()]})
    assert record["smallest_change"]["needed"] == pytest.approx(model.scaler.inverse(needed).iloc[0, 0], rel=1e-6)
    assert record["smallest_change"]["value"] == pytest.approx(indicators["sink_density"].iloc[0])
    moved = indicators.copy()
    moved.iloc[0, moved.columns.get_loc("sink_density")] = record["smallest_change"]["needed"] * (
        1 + 1e-5 * np.sign(record["smallest_change"]["change"])
    )
    assert model.predict(moved)["zone"].iloc[0] == record["smallest_change"]["to_zone"]


def test_log_ratios_are_explained_in_the_unit_of_the_ratio(indicators):
    model = fit_zones(indicators, method="kmeans", features=["log_gdp_per_head", "share_difference"], zones=2, counts=())
    record = explain_zone(model, "c000", 2010)
    top = next(each for each in record["top_features"] if each["feature"] == "log_gdp_per_head")
    assert top["term"] == "gdp_per_head" and top["value"] == pytest.approx(indicators["gdp_per_head"].iloc[0], rel=0.1)


def test_missing_cells_name_what_is_not_known(indicators):
    frame = indicators.copy()
    frame.loc["c003", "population"] = np.nan
    with pytest.warns(DataWarning, match="c003"):
        model = fit_zones(frame, counts=())
    record = explain_zone(model, "c003", 2020)
    assert record["zone"] == "missing" and record["features_not_known"] == ["log_gdp_per_head"] and record["cluster"] is None
    json.dumps(record, allow_nan=False)
    assert zone_contributions(model).loc["c003"].isna().all(axis=None)


def test_one_year_rules_and_main_function_type(indicators):
    frame = indicators[indicators["year"] == 2020].drop(columns="year").assign(mfz_type="key_development")
    record = explain_zone(fit_zones(frame, method="rules"), "c005")
    assert record["year"] is None and record["smallest_change"] is None and record["policy_key"] == f"{record['zone']}/key_development"


def test_refusals(model):
    with pytest.raises(InputError, match="Did you mean 'c0"):
        explain_zone(model, "c00", 2010)
    with pytest.raises(InputError, match="one of the years 2010, 2020"):
        explain_zone(model, "c000")
    with pytest.raises(InputError, match="one of the years 2010, 2020"):
        explain_zone(model, "c000", 2015)
