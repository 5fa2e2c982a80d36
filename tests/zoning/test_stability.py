"""Stability of zones: over seeds, starts, samples and bootstraps; Jaccard; features left out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from carbonshed.checks import InputError
from carbonshed.zoning import refit as refits
from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.contiguity import contiguous_zones, yearly_neighbours
from carbonshed.zoning.fitted import fitted_cells, named_zones
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.name import rule_zones
from carbonshed.zoning.refit import bootstrap_runs, make_som, refit, rule_by_totals
from carbonshed.zoning.stability import cluster_jaccard, drop_one_feature, zone_stability

from ..conftest import assert_same_index
from .region import CLEAR, FEATURES, fit, make_region

SHARES = ["runs_payment", "runs_balanced", "runs_recipient"]


@pytest.fixture(scope="module")
def indicators() -> pd.DataFrame:
    return zoning_indicators(make_region(12))


@pytest.fixture(scope="module")
def som(indicators):
    return fit(indicators, method="som_kmeans")


@pytest.mark.parametrize("method", ["som_kmeans", "kmeans", "gmm", "ward"])
def test_a_refit_is_the_fit_itself(indicators, method):
    """The same seed gives the zones of `fit_zones` to the cell, by the shorter way."""
    for seed in (0,) if method == "gmm" else (0, 3):
        model = fit(indicators, method=method, seed=seed, n_init=2)
        cells = fitted_cells(model)
        again = refit(model, cells.x, seed=seed, som=make_som(model, cells.x, seed=seed))
        assert np.array_equal(named_zones(cells.terms, cells.x, again.labels), cells.zones)


def test_agreement_is_that_of_scikit_learn_over_models_made_one_by_one(indicators):
    """`varied="sample"` against `fit_zones(initialisation="sample")` with the same seeds."""
    model = fit(indicators, method="som_kmeans", n_init=1)
    found = zone_stability(model, runs=6, seed=7, varied=["sample"])
    seeds = [int(each) for each in np.random.SeedSequence(7).generate_state(6)]
    one_by_one = [
        fit(indicators, method="som_kmeans", n_init=1, seed=seed, initialisation="sample", shape=model.clusterer.som.shape_).zones["zone"]
        for seed in seeds
    ]
    pairs = list(itertools.combinations(one_by_one, 2))
    ari = [adjusted_rand_score(one, two) for one, two in pairs]
    row = found.summary.loc["sample"]
    assert row["mean_ari"] == pytest.approx(np.mean(ari), abs=1e-12) and row["least_ari"] == pytest.approx(min(ari), abs=1e-12)
    assert row["mean_nmi"] == pytest.approx(np.mean([normalized_mutual_info_score(one, two) for one, two in pairs]), abs=1e-9)
    assert row["mean_ari_with_model"] == pytest.approx(np.mean([adjusted_rand_score(each, model.zones["zone"]) for each in one_by_one]))
    for zone, name in zip(("payment", "balanced", "recipient"), SHARES):
        assert found.cells[name].tolist() == pytest.approx(np.mean([each == zone for each in one_by_one], axis=0).tolist())


def test_tables_are_tidy(som, indicators):
    found = zone_stability(som, runs=5)
    assert found.summary.index.tolist() == ["starts", "one_start", "sample", "bootstrap"]
    assert found.cells["varied"].unique().tolist() == found.summary.index.tolist()
    for _, cells in found.cells.groupby("varied"):
        assert_same_index(cells, indicators)
        np.testing.assert_allclose(cells[SHARES].sum(axis=1), 1.0)
        sure = cells[SHARES].max(axis=1) == 1.0
        assert (cells.loc[sure, "entropy"] == 0.0).all() and (cells.loc[~sure, "entropy"] > 0.0).all()
        assert cells["entropy"].max() <= np.log2(3) + 1e-12
    assert found.clusters["zone"].tolist() == ["payment", "balanced", "recipient"]
    assert found.clusters["n_units"].sum() == len(indicators)
    assert (found.clusters["least_jaccard"] <= found.clusters["mean_jaccard"]).all()
    assert (found.clusters["is_stable"] == (found.clusters["mean_jaccard"] > 0.75)).all()


def test_clear_kinds_are_stable_and_noise_is_not(indicators):
    assert zone_stability(fit(indicators, features=CLEAR), runs=20, varied=["bootstrap"]).summary.loc["bootstrap", "is_stable"]
    noise = make_region(12)
    rng = np.random.default_rng(5)
    noise = noise.assign(**{name: rng.permutation(noise[name]) for name in ("carbon_source", "carbon_sink", "gdp_yuan", "population")})
    found = zone_stability(fit(zoning_indicators(noise)), runs=20, varied=["bootstrap"])
    assert not found.summary.loc["bootstrap", "is_stable"]
    assert found.cells["entropy"].mean() > 0.2


def test_what_draws_nothing_cannot_be_varied(indicators):
    assert zone_stability(fit(indicators, method="ward"), runs=3).summary.index.tolist() == ["bootstrap"]
    assert zone_stability(fit(indicators, method="rules"), runs=3).summary.index.tolist() == ["bootstrap"]
    with pytest.raises(InputError, match=r"varied \(ward\)"):
        zone_stability(fit(indicators, method="ward"), runs=3, varied=["starts"])


def test_the_same_seed_gives_the_same_tables_in_any_order_of_rows(indicators):
    order = np.random.default_rng(1).permutation(len(indicators))
    one, two = (zone_stability(fit(each), runs=4, seed=9) for each in (indicators, indicators.iloc[order]))
    pd.testing.assert_frame_equal(one.summary, two.summary)
    pd.testing.assert_frame_equal(one.clusters, two.clusters)
    boot = [each.cells[each.cells["varied"] == "bootstrap"] for each in (one, two)]
    pd.testing.assert_frame_equal(boot[0].iloc[order], boot[1])
    assert not zone_stability(fit(indicators), runs=4, seed=10).summary.equals(one.summary)


def test_counties_are_drawn_with_all_their_years():
    model = fit(zoning_indicators(make_region(8, years=(2010, 2020))))
    cells = fitted_cells(model)
    _, drawn = bootstrap_runs(cells, runs=5, seed=0)
    by_unit = pd.DataFrame(drawn.T).groupby(cells.frame.index.to_numpy())
    assert (by_unit.min() == by_unit.max()).all(axis=None)
    assert (drawn.sum(axis=1) == len(cells.x)).all() and (drawn == 0).any()


@pytest.mark.parametrize("method", ["som_kmeans", "ward"])
def test_runs_are_the_same_on_any_number_of_threads(indicators, method, monkeypatch):
    cells = fitted_cells(fit(indicators, method=method, n_init=2))
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(refits, "threads_of", lambda name, threads=threads: threads)
        found.append((bootstrap_runs(cells, runs=6, seed=1)[0], refits.bootstrap_counts(cells, [2, 3], runs=4, seed=1)[3]))
    assert all(np.array_equal(one, many) for one, many in zip(*found))


def test_a_draw_of_too_few_different_rows_is_repeated():
    flows = {"carbon_source": [1.0, 9.0, 2.0, 8.0], "carbon_sink": [1.0, 2.0, 9.0, 7.0], "area_km2": 1.0}
    accounts = pd.DataFrame(flows, index=pd.Index(list("abcd"), name="unit_id"))
    model = fit(zoning_indicators(accounts), zones=3, winsorise=0.0, features=["source_density", "sink_density"])
    labels, drawn = bootstrap_runs(fitted_cells(model), runs=20, seed=0)
    assert labels.shape == (20, 4) and ((drawn > 0).sum(axis=1) >= 3).all()


def test_contiguous_zones_and_rules_have_bootstraps_of_their_own(indicators):
    neighbours = yearly_neighbours(indicators)
    connected = contiguous_zones(fit(indicators), neighbours)
    found = zone_stability(connected, neighbours, runs=5)
    assert len(found.clusters) == len(connected.naming) and 0 < found.summary.loc["bootstrap", "mean_ari"] <= 1
    with pytest.raises(InputError, match="neighbours for a contiguous model"):
        zone_stability(connected, runs=5)
    ones = np.ones(len(indicators), dtype=np.int64)
    assert np.array_equal(np.array(["payment", "balanced", "recipient"])[rule_by_totals(indicators, ones)], rule_zones(indicators))


def test_jaccard_by_hand():
    """Clusters {0,1,2,3} and {4,5}; row 3 is not drawn; the run has {0,1,4} and {2,5}."""
    labels, run, drawn = np.array([0, 0, 0, 0, 1, 1]), np.array([7, 7, 9, 7, 7, 9]), np.array([1, 3, 1, 0, 1, 1])
    assert cluster_jaccard(labels, run, drawn).tolist() == [2 / 4, 1 / 3]
    assert np.isnan(cluster_jaccard(labels, run, np.array([1, 1, 1, 1, 0, 0]))[1])


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_jaccard_is_a_share_and_ignores_names(seed, n):
    rng = np.random.default_rng(seed)
    labels, run, drawn = rng.integers(0, 3, n), rng.integers(0, 4, n), rng.integers(0, 3, n)
    labels = np.unique(labels, return_inverse=True)[1]
    drawn[0] = 1
    found = cluster_jaccard(labels, run, drawn)
    expected = []
    for cluster in range(labels.max() + 1):
        a = set(np.flatnonzero((labels == cluster) & (drawn > 0)))
        others = [set(np.flatnonzero((run == each) & (drawn > 0))) for each in range(4)]
        expected.append(max(len(a & b) / len(a | b) for b in others) if a else np.nan)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(cluster_jaccard(labels, 10 - run, drawn), found)
    same = cluster_jaccard(labels, labels, drawn)
    assert np.nanmin(same) == 1.0


def test_zones_without_a_feature_are_those_of_a_model_without_it(som, indicators):
    found = drop_one_feature(som)
    assert found.index.tolist() == sorted(FEATURES)
    for name in FEATURES:
        other = fit_zones(indicators, features=[each for each in FEATURES if each != name], counts=())
        assert found.loc[name, "ari"] == pytest.approx(adjusted_rand_score(other.zones["zone"], som.zones["zone"]), abs=1e-12)
        assert found.loc[name, "moved_share"] == pytest.approx((other.zones["zone"] != som.zones["zone"]).mean())
    weighed = fit(indicators, weights={FEATURES[0]: 0.0})
    assert drop_one_feature(weighed).index.tolist() == sorted(FEATURES[1:])  # a feature without weight is not asked about


def test_refusals(indicators, som):
    with pytest.raises(InputError, match="at least two runs"):
        zone_stability(som, runs=1)
    with pytest.raises(InputError, match="varied"):
        zone_stability(som, runs=3, varied=["start"])
    with pytest.raises(InputError, match="at least two features"):
        drop_one_feature(fit(indicators, features=["share_difference"]))
    with pytest.raises(InputError, match="a method of features alone"):
        drop_one_feature(fit(indicators, method="rules"))


@pytest.mark.slow
def test_fifty_seeds_on_the_demo_like_region(indicators):
    """Z8: mean pairwise ARI of at least 0.8 over 50 seeds, with starts and with sampled maps."""
    found = zone_stability(fit(indicators, method="som_kmeans"), runs=50, varied=["starts", "sample"])
    assert (found.summary["n_runs"] == 50).all() and (found.summary["mean_ari"] >= 0.8).all()
