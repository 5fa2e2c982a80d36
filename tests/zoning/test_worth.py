"""What a method is worth: equal measures, the verdict, other divisions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import davies_bouldin_score, silhouette_score

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics.contiguity import random_partition
from carbonshed.numerics.geodetector import factor_detector
from carbonshed.zoning.coherence import coherence_totals
from carbonshed.zoning.contiguity import yearly_neighbours
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.stability import zone_stability
from carbonshed.zoning.worth import COMPARED, CRITERIA, MARGIN, best_method, worth_of_methods, zones_against_divisions

from .region import CLEAR, fit, make_region

OPTIONS = {"features": CLEAR, "n_init": 5}


@pytest.fixture(scope="module")
def indicators() -> pd.DataFrame:
    return zoning_indicators(make_region(12))


@pytest.fixture(scope="module")
def table(indicators) -> pd.DataFrame:
    return worth_of_methods(indicators, runs=4, **OPTIONS)


def test_all_methods_stand_in_one_table(table):
    assert table.index.tolist() == list(COMPARED)
    assert not table[[*CRITERIA, "davies_bouldin", "q_gdp_density"]].drop(index="rules").isna().any(axis=None)
    np.testing.assert_allclose(table[["share_payment", "share_balanced", "share_recipient"]].sum(axis=1), 1.0)
    assert table["explained_share"].idxmax() == "kmeans"  # what K-Means minimises, measured alike for all
    assert table["coherence"].idxmax() == "ward_contiguity" and table.loc["ward_contiguity", "isolated_share"] == 0.0
    q = table[[f"q_{name}" for name in ("source_density", "sink_density", "net_emission_density", "gdp_density")]]
    np.testing.assert_allclose(table["q_mean"], q.mean(axis=1))


@pytest.mark.parametrize("method", ["kmeans", "som_kmeans", "ward"])
def test_measures_are_those_of_the_model_itself(table, indicators, method):
    model = fit(indicators, method=method, features=CLEAR)
    zones, x, row = model.zones["zone"].to_numpy(), model.features(indicators), table.loc[method]
    assert row["silhouette"] == pytest.approx(silhouette_score(x, zones))
    assert row["davies_bouldin"] == pytest.approx(davies_bouldin_score(x, zones))
    assert row["q_source_density"] == pytest.approx(factor_detector(indicators["source_density"], zones, permutations=0).q)
    assert row["coherence"] == pytest.approx(coherence_totals(zones, yearly_neighbours(indicators))["coherence"])
    assert row["stability_ari"] == pytest.approx(zone_stability(model, runs=4, varied=["bootstrap"]).summary.loc["bootstrap", "mean_ari"])
    assert row["not_separable"] == model.quality["not_separable"]


def test_years_are_averaged():
    indicators = zoning_indicators(make_region(8, years=(2010, 2020)))
    table = worth_of_methods(indicators, methods=["kmeans"], runs=2, **OPTIONS)
    model = fit(indicators, features=CLEAR)
    years, zones = indicators["year"].to_numpy(), model.zones["zone"].to_numpy()
    values = indicators["sink_density"].to_numpy()
    q = [factor_detector(values[years == year], zones[years == year], permutations=0).q for year in (2010, 2020)]
    assert table.loc["kmeans", "q_sink_density"] == pytest.approx(np.mean(q))


def test_warnings_are_given_once():
    indicators = zoning_indicators(make_region(12).drop(columns="built_up"))
    with pytest.warns(DataWarning) as caught:
        worth_of_methods(indicators, methods=["kmeans", "ward"], runs=2, features="budget")
    assert sum("features left out" in str(each.message) for each in caught) == 1


def test_ward_is_left_out_of_large_tables_and_said(indicators, monkeypatch):
    monkeypatch.setattr("carbonshed.zoning.worth.WARD_MOST_ROWS", 100)
    with pytest.warns(DataWarning, match="ward is left out: 144 rows, more than 100"):
        assert worth_of_methods(indicators, methods=["kmeans", "ward"], runs=2, **OPTIONS).index.tolist() == ["kmeans"]


SAME = {"explained_share": 0.8, "silhouette": 0.5, "stability_ari": 0.9, "coherence": 0.5, "q_mean": 0.5, "not_separable": False}
SAME |= {f"share_{zone}": 1 / 3 for zone in ("payment", "balanced", "recipient")}


def verdict(**rows: dict[str, float | bool]) -> dict:
    return best_method(pd.DataFrame({name: {**SAME, **row} for name, row in rows.items()}).T)


def test_the_som_wins_where_it_leads_by_more_than_the_margin():
    record = verdict(kmeans={}, som_kmeans={"silhouette": 0.6})
    assert record["best"] == record["leader"] == "som_kmeans" and record["som_is_best"]
    assert record["som_lead"] == pytest.approx(0.02) and record["failed"] == {} and record["criteria"] == list(CRITERIA)


def test_the_simpler_method_wins_where_the_som_does_not_lead_by_the_margin():
    record = verdict(som_kmeans={"silhouette": 0.54}, ward={"silhouette": 0.53}, kmeans={"silhouette": 0.50})
    assert record["leader"] == "som_kmeans" and record["best"] == "kmeans" and not record["som_is_best"]
    assert record["som_lead"] == pytest.approx(0.002)
    assert verdict(som_kmeans={}, ward={"silhouette": 0.6})["som_lead"] == pytest.approx(-0.02)


def test_conditions_come_before_scores():
    best = {"silhouette": 1.0, "q_mean": 1.0}
    record = verdict(
        som_kmeans={**best, "stability_ari": 0.79}, gmm={**best, "not_separable": True}, rules={**best, "share_balanced": 0.009}, kmeans={}
    )
    assert record["best"] == record["leader"] == "kmeans" and record["som_failed"] == ["stability_ari"]
    assert record["failed"] == {"som_kmeans": ["stability_ari"], "gmm": ["not_separable"], "rules": ["share_balanced"]}
    nobody = verdict(som_kmeans={"stability_ari": float("nan")}, kmeans={"stability_ari": 0.5})
    assert nobody["best"] is None and nobody["leader"] == "kmeans" and not nobody["som_is_best"]
    assert nobody["scores"]["som_kmeans"] == pytest.approx((0.8 + 0.5 + 0 + 0.5 + 0.5) / 5)
    assert "som_is_best" not in verdict(kmeans={})
    two = {"share_balanced": 0.0}
    assert verdict(kmeans=two)["best"] is None and verdict(kmeans={**two, "zones": 2})["best"] == "kmeans"


ROW = st.fixed_dictionaries({name: st.floats(0, 1) for name in CRITERIA} | {"not_separable": st.booleans()})


@given(st.dictionaries(st.sampled_from(COMPARED), ROW, min_size=1))
@settings(max_examples=100, deadline=None)
def test_the_verdict_follows_its_rule(rows):
    table = pd.DataFrame({name: {**SAME, **row} for name, row in rows.items()}).T
    record = best_method(table)
    shuffled = best_method(table.sample(frac=1, random_state=0))
    assert {**record, "scores": None, "failed": None} == {**shuffled, "scores": None, "failed": None}
    fit_for_it = [name for name in rows if name not in record["failed"]]
    if not fit_for_it:
        assert record["best"] is None
        return
    top = max(record["scores"][name] for name in fit_for_it)
    assert record["best"] in fit_for_it and record["scores"][record["best"]] >= top - MARGIN
    for name in fit_for_it:
        if COMPARED.index(name) < COMPARED.index(record["best"]):
            assert record["scores"][name] < top - MARGIN


def test_zones_beside_administrative_units_and_chance(indicators):
    model = fit(indicators, features=CLEAR)
    found = zones_against_divisions(model, divisions=["province"], permutations=99, seed=3)
    assert len(found) == 8 and "year" not in found
    row = found[(found["quantity"] == "source_density") & (found["division"] == "zones")].iloc[0]
    q = factor_detector(indicators["source_density"], model.zones["zone"], permutations=0).q
    assert row["q"] == pytest.approx(q) and (row["n_units"], row["n_strata"]) == (144, 3)
    assert row["q_adjusted"] == pytest.approx(1 - (1 - q) * 143 / 141)
    # Z13: above random connected divisions
    assert (found.loc[found["division"] == "zones", "random_p"] < 0.05).all()
    generator, drawn = np.random.default_rng([3, 3]), []
    neighbours = yearly_neighbours(indicators)
    for _ in range(99):
        regions = random_partition(neighbours, 3, generator)
        values = indicators["source_density"].to_numpy()
        means = np.array([values[regions == each].mean() for each in range(3)])
        drawn.append(1 - ((values - means[regions]) ** 2).sum() / ((values - values.mean()) ** 2).sum())
    assert row["random_q_mean"] == pytest.approx(np.mean(drawn))
    assert row["random_p"] == pytest.approx((1 + sum(each >= q for each in drawn)) / 100)
    provinces = found[found["division"] == "province"]
    assert (provinces["n_strata"] == 2).all() and (provinces["q"] < found.loc[found["division"] == "zones", "q"].to_numpy()).all()


def test_p_of_a_random_division_is_uniform():
    """A division that is itself drawn at random: p below 0.2 in about a fifth of 60 cases (3 sd: 0.045-0.355)."""
    indicators = zoning_indicators(make_region(7))
    neighbours, model = yearly_neighbours(indicators), fit(indicators, features=CLEAR)
    rng, low = np.random.default_rng(11), []
    for case in range(60):
        drawn = model.indicators.assign(drawn=random_partition(neighbours, 3, rng).astype(str))
        other = fit(drawn, features=CLEAR, n_init=1)
        found = zones_against_divisions(other, neighbours, divisions=["drawn"], quantities=["sink_density"], permutations=29, seed=case)
        low.append(found.loc[found["division"] == "drawn", "random_p"].item() < 0.2)
    assert 0.045 <= np.mean(low) <= 0.355


def test_divisions_by_year():
    model = fit(zoning_indicators(make_region(6, years=(2010, 2020))), features=CLEAR)
    found = zones_against_divisions(model, divisions=["province"], quantities=["sink_density", "not_there"], permutations=9)
    assert found["year"].tolist() == [2010, 2010, 2020, 2020] and found["division"].tolist() == ["zones", "province"] * 2
    nothing = zones_against_divisions(model, quantities=["sink_density"], permutations=0)
    assert nothing["random_p"].isna().all() and nothing["q"].notna().all()


def test_refusals(indicators, table):
    with pytest.raises(InputError, match="Did you mean 'som_kmeans'"):
        worth_of_methods(indicators, methods=["som_kmean"])
    with pytest.raises(InputError, match="at least two runs"):
        worth_of_methods(indicators, methods=["kmeans"], runs=1, **OPTIONS)
    with pytest.raises(InputError, match="q_mean"):
        best_method(table.drop(columns="q_mean"))
    with pytest.raises(InputError, match="at least one method"):
        best_method(table.iloc[:0])
    model = fit(indicators.assign(province=[None, *indicators["province"][1:]]), features=CLEAR)
    with pytest.raises(InputError, match="province in each row"):
        zones_against_divisions(model, divisions=["province"])
    with pytest.raises(InputError, match="columns county"):
        zones_against_divisions(model, divisions=["county"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"share_difference": -1.0}}, "a finite weight, 0 or more"),
        ({"features": ["share_difference", "share_difference"]}, "features that tell different things"),
        ({"zones": 200}, "at least 200"),
    ],
)
def test_bad_input_is_refused_by_name(indicators, change, message):
    with pytest.raises(InputError, match=message):
        worth_of_methods(indicators, methods=["kmeans"], runs=2, **{**OPTIONS, **change})


def test_a_year_without_a_feature_is_refused():
    accounts = make_region(6, years=(2010, 2020))
    accounts.loc[accounts["year"] == 2010, "built_up"] = np.nan
    with pytest.raises(InputError, match="none in 2010"):
        worth_of_methods(zoning_indicators(accounts), methods=["kmeans"], runs=2, **OPTIONS)


@pytest.mark.slow
def test_seeds_do_not_move_the_verdict(indicators):
    records = [
        best_method(worth_of_methods(indicators, methods=["kmeans", "som_kmeans"], runs=20, seed=seed, **OPTIONS)) for seed in range(3)
    ]
    assert len({record["best"] for record in records}) == 1
    assert records[0]["scores"]["som_kmeans"] == pytest.approx(records[1]["scores"]["som_kmeans"], abs=0.03)
