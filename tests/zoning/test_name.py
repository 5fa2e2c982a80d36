"""Names of clusters, Fisher-Jenks, hard checks, and the zones by rule."""

from __future__ import annotations

from itertools import product

import mapclassify
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.name import failed_checks, jenks_groups, name_clusters, naming_scores, naming_terms, rule_zones


def test_score_by_hand():
    terms = pd.DataFrame(
        {
            "share_difference": [-1.0, -3.0, 2.0],
            "log_emission_intensity": [1.0, 2.0, 0.0],
            "territorial_development": [2.0, 2.0, -1.0],
            "sink_density": [0.0, -1.0, 4.0],
        }
    )
    found = naming_scores(terms, [1, 1, 0])
    # cluster 1: (2 + 1.5 + 2) / 3 - (-2 - 0.5) / 2; cluster 0: (-2 + 0 - 1) / 3 - (2 + 4) / 2
    np.testing.assert_allclose(found["score"], [-4.0, 5.5 / 3 + 1.25])
    assert found["n_units"].tolist() == [1, 2] and found.index.name == "cluster"


@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]))
@settings(max_examples=30, deadline=None)
def test_scores_follow_the_labels(seed, new):
    rng = np.random.default_rng(seed)
    terms = pd.DataFrame(rng.normal(size=(30, 2)), columns=["share_difference", "sink_density"])
    labels = np.r_[0, 1, 2, rng.integers(0, 3, 27)]
    one, two = naming_scores(terms, labels), naming_scores(terms, np.array(new)[labels])
    np.testing.assert_allclose(one["score"], two["score"].to_numpy()[list(new)])


def test_terms_that_are_not_features_are_used_and_zeros_are_guarded(four):
    terms = naming_terms(zoning_indicators(four.assign(gdp_yuan=[6.0, 2, 1, 0])), np.ones(4, dtype=bool))
    assert set(terms) == {"log_emission_intensity", "territorial_development", "share_difference", "sink_density"}
    assert np.isfinite(terms.to_numpy()).all()
    without = naming_terms(zoning_indicators(four[["carbon_source", "carbon_sink", "area_km2"]]), np.ones(4, dtype=bool))
    assert set(without) == {"share_difference", "sink_density"}


def test_names_by_hand():
    assert name_clusters([1.0, 0.0], [1, 1])[0] == ["payment", "recipient"]
    assert name_clusters([1.0, 0.9, -5.0], [1, 1, 1])[0] == ["payment", "balanced", "recipient"]
    zones, subtypes = name_clusters([9.0, 8.0, 0.1, 0.0, -0.1, -9.0], [1] * 6)
    assert zones == ["payment"] * 2 + ["balanced"] * 3 + ["recipient"]
    assert subtypes == ["payment_1", "payment_2", "balanced_1", "balanced_2", "balanced_3", "recipient"]


def test_equal_scores_the_lower_cluster_is_payment():
    assert name_clusters([0.0, 0.0, 0.0, 0.0], [1, 1, 1, 1])[0][0] == "payment"
    assert name_clusters([0.0, 0.0, 0.0, 0.0], [1, 1, 1, 1])[0][-1] == "recipient"


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=9, unique=True), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_names_fall_with_the_score(scores, seed):
    ordered = sorted(scores, reverse=True)
    counts = np.random.default_rng(seed).integers(1, 50, len(ordered)).tolist()
    zones, subtypes = name_clusters(ordered, counts)
    ranks = [["payment", "balanced", "recipient"].index(zone) for zone in zones]
    assert ranks == sorted(ranks) and set(ranks) == {0, 1, 2} and len(set(subtypes)) == len(subtypes)


@given(st.lists(st.integers(-50, 50), min_size=4, max_size=12, unique=True), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_jenks_is_as_good_as_mapclassify(values, groups):
    """Equal weights: the sum of squares of mapclassify's Fisher-Jenks."""

    def cost(classes) -> float:
        x = np.array(values, dtype=float)
        return sum(((x[np.array(classes) == c] - x[np.array(classes) == c].mean()) ** 2).sum() for c in set(classes))

    ours = jenks_groups(values, [1.0] * len(values), groups=groups)
    theirs = mapclassify.FisherJenks(np.array(values, dtype=float), groups).yb.tolist()
    assert cost(ours) <= cost(theirs) + 1e-9 and len(set(ours)) == groups


@given(st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 4)), min_size=4, max_size=6, unique_by=lambda pair: pair[0]))
@settings(max_examples=25, deadline=None)
def test_weighted_jenks_equals_all_partitions_and_repeated_values(pairs):
    values, weights = [float(v) for v, _ in pairs], [float(w) for _, w in pairs]

    def cost(classes) -> float:
        x, w, c = np.array(values), np.array(weights), np.array(classes)
        return sum((w[c == g] * (x[c == g] - np.average(x[c == g], weights=w[c == g])) ** 2).sum() for g in set(classes))

    ours = jenks_groups(values, weights, groups=3)
    best = min(cost(classes) for classes in product(range(3), repeat=len(values)) if len(set(classes)) == 3)
    assert cost(ours) == pytest.approx(best, abs=1e-9)
    again = jenks_groups(np.repeat(values, np.array(weights, dtype=int)).tolist(), [1.0] * int(sum(weights)), groups=3)
    assert cost(ours) == pytest.approx(cost([again[int(sum(weights[:i]))] for i in range(len(values))]), abs=1e-9)


def test_hard_checks():
    source, sink = np.array([9.0, 4.0, 1.0, np.nan]), np.array([1.0, 4.0, 9.0, 5.0])
    assert failed_checks(["payment", "balanced", "recipient", "missing"], source, sink) == []
    wrong = failed_checks(["recipient", "balanced", "payment", "missing"], source, sink)
    assert len(wrong) == 2 and wrong[0].startswith("payment: sum C / sum S is 0.1111, not above the regional 1")
    assert failed_checks(["payment"] * 4, source, sink) == [
        "payment: sum C / sum S is 1, not above the regional 1",
        "recipient: no cell has this zone",
    ]


def test_rule_by_hand(four):
    # regional C / S = 200 / 70 = 2.857; own 10, 4, 1.5, 0.4
    assert rule_zones(four).tolist() == ["payment", "payment", "recipient", "recipient"]
    assert rule_zones(four, margin=0.5).tolist() == ["payment", "balanced", "recipient", "recipient"]
    odd = four.assign(carbon_source=[0.0, 0, np.nan, 5], carbon_sink=[1.0, 0, 1, 0])
    assert rule_zones(odd).tolist() == ["recipient", "balanced", "missing", "payment"]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1e3, 44 / 12]))
@settings(max_examples=30, deadline=None)
def test_rule_agrees_with_ecc_and_esc_and_knows_no_units(seed, factor):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.lognormal(0, 1, (20, 3)), columns=["carbon_source", "carbon_sink", "gdp_yuan"]).assign(area_km2=1.0)
    frame = zoning_indicators(frame)
    region = frame["carbon_source"].sum() / frame["carbon_sink"].sum()
    above, below = frame["carbon_balance_index"] > region, frame["carbon_balance_index"] < region
    written = np.where(
        above & ((frame["ecc"] < 1) | (frame["esc"] < 1)), "payment", np.where((frame["esc"] > 1) & below, "recipient", "balanced")
    )
    assert rule_zones(frame).tolist() == written.tolist()
    scaled = frame.assign(carbon_source=frame["carbon_source"] * factor, carbon_sink=frame["carbon_sink"] * factor)
    assert rule_zones(scaled).tolist() == written.tolist()


def test_all_alike_is_balanced():
    frame = pd.DataFrame({"carbon_source": [0.1] * 7, "carbon_sink": [0.7] * 7})
    assert set(rule_zones(frame)) == {"balanced"}


def test_refusals(four):
    with pytest.raises(InputError, match="1 to 2 classes"):
        jenks_groups([1.0, 2.0], [1, 1], groups=3)
    with pytest.raises(InputError, match="0 or more"):
        jenks_groups([1.0, 2.0], [1, -1], groups=1)
    with pytest.raises(InputError, match="carbon_sink"):
        rule_zones(four.drop(columns="carbon_sink"))
    with pytest.raises(InputError, match="margin"):
        rule_zones(four, margin=-0.1)
