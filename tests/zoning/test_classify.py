"""Zones: known kinds, invariances, confidence, refusals."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Point
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits

from carbonshed.checks import DataWarning, InputError
from carbonshed.zoning.classify import classify_zones, fit_zones
from carbonshed.zoning.cluster import METHODS, separation
from carbonshed.zoning.explanations import zone_explanations
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.model import distances_to_zones, zone_confidence

from .conftest import make_accounts

COLUMNS = ["som_node", "cluster", "zone", "zone_confidence"]
TRUTH = np.array(["payment", "balanced", "recipient"])


@pytest.fixture(scope="module")
def indicators() -> pd.DataFrame:
    return zoning_indicators(make_accounts())


@pytest.fixture(scope="module")
def zones(indicators) -> pd.DataFrame:
    return classify_zones(indicators)


def test_three_kinds_are_found_and_named(indicators, zones):
    truth = TRUTH[indicators["kind"]]
    assert (zones["zone"] == truth).mean() >= 0.9
    assert list(zones.columns) == ["year", *COLUMNS]
    pd.testing.assert_index_equal(zones.index, indicators.index)
    assert zones["zone_confidence"].between(0, 1).all()
    assert (zones["cluster"].map({0: "payment", 1: "balanced", 2: "recipient"}) == zones["zone"]).all()


@pytest.mark.parametrize("method", ["kmeans", "gmm", "ward"])
def test_other_methods_find_them_too(indicators, method):
    model = fit_zones(indicators, method=method)
    assert adjusted_rand_score(TRUTH[indicators["kind"]], model.zones["zone"]) > 0.7
    assert model.zones["som_node"].isna().all() and model.quality["som"] is None and model.quality["method"] == method


def test_rules_give_the_zones_of_the_rule(indicators):
    model = fit_zones(indicators, method="rules")
    assert set(model.zones["zone"]) == {"payment", "recipient"} and model.zone_of_cluster == ["payment", "recipient"]
    pd.testing.assert_frame_equal(model.predict(indicators), model.zones)


@pytest.mark.parametrize("method", METHODS)
def test_rows_years_and_features_in_any_order(indicators, method):
    features = ["share_difference", "territorial_development", "net_emission_density", "log_gdp_per_head"]
    one = fit_zones(indicators, method=method, features=features, counts=())
    turned = pd.concat([indicators[indicators["year"] == year] for year in (2020, 2010)]).sample(frac=1, random_state=1)
    two = fit_zones(turned, method=method, features=features[::-1], counts=())
    key = ["unit_id", "year"]
    expected = one.zones.reset_index().sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(two.zones.reset_index().sort_values(key, ignore_index=True), expected, check_exact=True)
    pd.testing.assert_index_equal(two.zones.index, turned.index)
    assert one.quality == two.quality and one.naming.equals(two.naming)


@given(seed=st.integers(0, 1000), factor=st.sampled_from([1e-6, 1e-3, 3.7, 1e9]))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")
def test_units_of_carbon_and_order_of_rows_move_no_zone(seed, factor):
    accounts = make_accounts(45, seed=seed)
    scaled = accounts.assign(carbon_source=accounts["carbon_source"] * factor, carbon_sink=accounts["carbon_sink"] * factor)
    one = classify_zones(zoning_indicators(accounts), counts=())
    two = classify_zones(zoning_indicators(scaled.sample(frac=1, random_state=seed)), counts=())
    key = ["unit_id", "year"]
    pd.testing.assert_frame_equal(
        one.reset_index().sort_values(key, ignore_index=True), two.reset_index().sort_values(key, ignore_index=True), check_exact=True
    )


def test_a_price_moves_no_zone(indicators, zones):
    for price in (50.0, 100.0):
        pd.testing.assert_frame_equal(classify_zones(indicators.assign(carbon_price=price)), zones)


def test_seeds_agree(indicators):
    runs = [classify_zones(indicators, seed=seed, initialisation="sample", counts=())["zone"] for seed in range(6)]
    assert min(adjusted_rand_score(runs[0], run) for run in runs[1:]) >= 0.8


def test_threads_do_not_change_a_byte():
    rng = np.random.default_rng(0)
    big = pd.DataFrame(rng.lognormal(0, 1, (20_000, 4)), columns=["carbon_source", "carbon_sink", "a", "b"])
    options = {"features": ["a", "b", "carbon_sink"], "shape": (6, 5), "epochs": 3, "n_init": 3, "counts": ()}
    big.index = pd.Index([f"c{i:05d}" for i in range(20_000)], name="unit_id")
    results = []
    for workers in (1, 16):
        with threadpool_limits(limits=workers):
            results.append(_quietly(big, n_jobs=workers, **options))
    pd.testing.assert_frame_equal(results[0], results[1], check_exact=True)


def _quietly(frame: pd.DataFrame, **options) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return classify_zones(frame, **options)


def test_the_clusters_are_those_of_scikit_learns_weighted_kmeans(indicators):
    model = fit_zones(indicators)
    som = model.clusterer.som
    hit = som.hit_counts_ > 0
    with threadpool_limits(limits=1):
        theirs = KMeans(3, n_init=50, random_state=0).fit(som.codebook_[hit], sample_weight=som.hit_counts_[hit])
    x = model.features(indicators)
    labels = theirs.predict(som.codebook_)[som.predict(x)]
    assert adjusted_rand_score(labels, model.zones["cluster"]) == 1.0
    assert sorted(map(tuple, theirs.cluster_centers_.round(9))) == sorted(map(tuple, model.clusterer.centres.round(9)))
    np.testing.assert_array_equal(som.predict(x), model.zones["som_node"])


def test_confidence_by_hand():
    x, centres = np.array([[0.0], [1.0], [4.0]]), np.array([[0.0], [2.0], [10.0]])
    d1, d2, other = distances_to_zones(x, np.array([0, 0, 0]), centres, ["payment", "payment", "recipient"])
    assert d1.tolist() == [0.0, 1.0, 4.0] and d2.tolist() == [10.0, 9.0, 6.0] and other.tolist() == [2, 2, 2]
    np.testing.assert_allclose(zone_confidence(d1, d2), [1.0, 1 - 1 / 9, 1 - 4 / 6])
    assert zone_confidence(np.array([3.0, 2.0, 0.0]), np.array([2.0, 2.0, 0.0])).tolist() == [0.0, 0.0, 0.0]
    lonely = distances_to_zones(x, np.array([0, 0, 0]), centres[:1], ["payment"])
    assert np.isnan(zone_confidence(*lonely[:2])).all() and lonely[2].tolist() == [-1, -1, -1]


def test_confidence_of_the_table_is_the_formula(indicators):
    model = fit_zones(indicators, zones=5)
    x, centres, names = model.features(indicators), model.clusterer.centres, np.array(model.zone_of_cluster)
    for row in range(0, len(x), 7):
        own = int(model.zones["cluster"].iloc[row])
        d1 = np.linalg.norm(x[row] - centres[own])
        d2 = min(np.linalg.norm(x[row] - c) for c, name in zip(centres, names) if name != names[own])
        assert model.zones["zone_confidence"].iloc[row] == pytest.approx(max(1 - d1 / d2, 0.0), abs=1e-12)
    assert set(model.zones["zone"]) == {"payment", "balanced", "recipient"}
    assert model.zones["zone_subtype"].nunique() == 5 and (model.naming["score"].diff().dropna() <= 0).all()


def test_missing_and_outside_cells(indicators):
    frame = indicators.copy()
    frame.loc["c000", "gdp_yuan"] = np.nan
    frame["inside_share"] = 1.0
    frame.loc["c001", "inside_share"] = 0.3
    frame.loc["c001", "carbon_source"] *= 50.0
    with pytest.warns(DataWarning, match=r"2 cells have the zone `missing`.*c000 \(2010\), c000 \(2020\)"):
        model = fit_zones(frame, counts=())
    assert (model.zones.loc["c000", "zone"] == "missing").all() and model.zones.loc["c000", COLUMNS[:2]].isna().all(axis=None)
    assert model.zones.loc["c000", "zone_confidence"].isna().all()
    assert model.zones.loc["c001", "zone"].isin(TRUTH).all()
    assert model.quality["n_fitted"] == 116 and model.quality["missing"] == ["c000 (2010)", "c000 (2020)"]
    without = _quietly(frame.drop(index=["c001", "c000"]), counts=())
    assert (without["zone"] == model.zones.drop(index=["c001", "c000"])["zone"]).all()


def test_an_unknown_feature_is_filled_with_its_mean_where_asked(indicators):
    frame = indicators.copy()
    frame.loc["c000", "gdp_yuan"] = np.nan
    with pytest.warns(DataWarning, match="2 cells have a feature that is not known; its mean stands in"):
        model = fit_zones(frame, missing="fill", counts=())
    assert (model.zones.loc["c000", "zone"] != "missing").all() and model.quality["n_filled"] == 2 and model.quality["missing"] == []
    unknown = model.scaler.unknown(model.indicators)
    assert unknown.any() and (model.scaler.transform(model.indicators).to_numpy()[unknown] == 0).all()
    why = zone_explanations(model)
    assert why.loc["c000", "features_not_known"].str.len().gt(0).all() and why.loc["c000", "zone_cautions"].str.contains("mean_taken").all()
    assert why.drop(index="c000")["features_not_known"].isna().all()
    whole = fit_zones(indicators, missing="fill", counts=())
    assert (whole.zones["cluster"] == fit_zones(indicators, counts=()).zones["cluster"]).all()  # nothing to fill, nothing changes


def test_a_cell_of_which_nothing_is_known_stays_missing(indicators):
    frame = indicators.copy()
    frame.loc["c000", ["carbon_source", "carbon_sink", "net_carbon_emission", "gdp_yuan"]] = np.nan
    with pytest.warns(DataWarning):
        frame = zoning_indicators(frame)
    with pytest.warns(DataWarning, match="zone `missing`"):
        model = fit_zones(frame, features=["share_difference"], missing="fill", counts=())
    assert (model.zones.loc["c000", "zone"] == "missing").all()
    with pytest.raises(InputError, match="leave_out"):
        fit_zones(indicators, missing="guess", counts=())


def test_predict_gives_the_fitted_zones_and_those_of_another_year(indicators):
    for method in ("som_kmeans", "kmeans", "gmm"):
        model = fit_zones(indicators, method=method, counts=())
        pd.testing.assert_frame_equal(model.predict(indicators), model.zones)
    later = zoning_indicators(make_accounts(years=(2030,), seed=9))
    assert (model.predict(later)["zone"] == TRUTH[later["kind"]]).mean() > 0.9


def test_geodataframe_in_geodataframe_out(indicators, zones):
    places = gpd.GeoDataFrame(indicators, geometry=[Point(i, i) for i in range(len(indicators))], crs="EPSG:32650")
    found = classify_zones(places)
    assert isinstance(found, gpd.GeoDataFrame) and found.crs == places.crs
    assert found.geometry.equals(places.geometry)
    pd.testing.assert_frame_equal(pd.DataFrame(found.drop(columns="geometry")), zones)


def test_one_year_without_the_column(indicators):
    frame = indicators[indicators["year"] == 2010].drop(columns="year")
    zones = classify_zones(frame, counts=())
    assert list(zones.columns) == COLUMNS and (zones["zone"] == TRUTH[frame["kind"]]).mean() > 0.9


def test_few_rows_leave_the_som_out():
    few = zoning_indicators(make_accounts(12, years=(2020,)))
    with pytest.warns(DataWarning, match="the SOM is left out: 12 cells"):
        model = fit_zones(few, features=["share_difference", "territorial_development"], counts=())
    assert model.quality["method"] == "kmeans" and model.zones["som_node"].isna().all()
    assert (model.zones["zone"] == TRUTH[few["kind"]]).mean() > 0.8


def test_quality_is_that_of_scikit_learn_and_of_the_map(indicators):
    model = fit_zones(indicators)
    x, labels, quality = model.features(indicators), model.zones["cluster"].to_numpy(dtype=int), model.quality
    assert quality["silhouette"] == pytest.approx(silhouette_score(x, labels), rel=1e-9)
    assert quality["davies_bouldin"] == pytest.approx(davies_bouldin_score(x, labels), rel=1e-9)
    assert quality["calinski_harabasz"] == pytest.approx(calinski_harabasz_score(x, labels), rel=1e-9)
    assert model.choice_of_k.index.tolist() == list(range(2, 9)) and model.choice_of_k.loc[3, "silhouette"] == quality["silhouette"]
    som, fitted = quality["som"], model.clusterer.som
    assert som["quantization_error"] == pytest.approx(fitted.quantization_error(x)) and som["end_radius"] == 1.0
    assert som["topographic_error"] == pytest.approx(fitted.topographic_error(x)) and set(som["by_year"]) == {2010, 2020}
    halves = [each["quantization_error"] for each in som["by_year"].values()]
    assert np.mean(halves) == pytest.approx(som["quantization_error"])
    assert not quality["not_separable"] and quality["failed_checks"] == []


def test_hard_checks_hold_or_are_flagged(indicators):
    zones = classify_zones(indicators)["zone"]
    index = indicators.groupby(zones)[["carbon_source", "carbon_sink"]].sum().eval("carbon_source / carbon_sink")
    region = indicators["carbon_source"].sum() / indicators["carbon_sink"].sum()
    assert index["payment"] > region > index["recipient"]
    odd = indicators.copy()
    odd["noise"] = np.random.default_rng(0).normal(size=len(odd))
    odd[["carbon_source", "carbon_sink"]] = 1.0
    odd[["share_difference", "sink_density"]] = 0.0
    with pytest.warns(DataWarning, match="not separable: payment: sum C / sum S is 1, not above the regional 1"):
        model = fit_zones(odd, features=["noise"], counts=())
    assert model.quality["not_separable"] and len(model.quality["failed_checks"]) == 2


def test_components_of_a_mixture_without_members_are_left_out():
    few = zoning_indicators(make_accounts(9, years=(2020,)))
    for seed in range(4):
        model = fit_zones(few, method="gmm", zones=7, seed=seed, features=["share_difference", "territorial_development"], counts=())
        assert sorted(model.zones["cluster"].unique()) == list(range(len(model.naming)))


def test_separation_of_many_cells_is_from_a_sample():
    x = np.r_[np.random.default_rng(0).normal(size=(3000, 2)), np.random.default_rng(1).normal(6, 1, (3000, 2))]
    labels = np.repeat([0, 1], 3000)
    assert separation(x, labels)["silhouette"] == pytest.approx(silhouette_score(x, labels), abs=0.01)
    assert np.isnan(separation(x, np.zeros(6000, dtype=int))["silhouette"])


def test_weights_are_distances(indicators):
    model = fit_zones(
        indicators, method="kmeans", features=["share_difference", "territorial_development"], weights={"share_difference": 4.0}
    )
    z = model.scaler.transform(indicators)
    np.testing.assert_allclose(model.features(indicators), z * [2.0, 1.0])
    off = fit_zones(
        indicators, method="kmeans", features=["share_difference", "territorial_development"], weights={"share_difference": 0.0}
    )
    alone = fit_zones(indicators, method="kmeans", features=["territorial_development"])
    assert (off.zones["zone"] == alone.zones["zone"]).all()


@pytest.mark.parametrize("features", ["budget", "nrca", "density"])
def test_feature_sets(indicators, features):
    zones = _quietly(indicators, features=features, counts=())
    assert set(zones["zone"]) == set(TRUTH)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.iloc[:2], {}, "at least 3 cells"),
        (lambda f: f.assign(gdp_yuan=f["gdp_yuan"].where(f.index < "c001")), {}, "at least 3 cells"),
        (
            lambda f: pd.concat([f.iloc[[0] * 40 + [1]].set_axis([f"x{i}" for i in range(41)])]),
            {"features": ["ecc"]},
            "at least 3 different rows",
        ),
        (lambda f: f.assign(share_difference=1.0), {"features": ["share_difference"]}, "at least one feature that varies"),
        (lambda f: f.iloc[[0] * 40].set_axis([f"x{i}" for i in range(40)]), {}, "at least one feature that varies"),
        (lambda f: f.assign(twin=-f["ecc"]), {"features": ["ecc", "twin"]}, "Leave out 'twin'"),
        (lambda f: f, {"features": ["share_diference"]}, "Did you mean 'share_difference'"),
        (lambda f: f, {"weights": {"share_difference": -1.0}}, "0 or more"),
        (lambda f: f.assign(share_difference=f["share_difference"].where(f["year"] == 2010)), {}, "none in 2020"),
        (lambda f: f, {"method": "som"}, "Did you mean 'gmm'|one of som_kmeans"),
        (lambda f: f, {"zones": 1}, "at least 2 zones"),
        (lambda f: f.drop(columns="year"), {}, "more than once"),
        (lambda f: f.drop(columns="carbon_source"), {}, "carbon_source"),
        (lambda f: f[["year", "carbon_source", "carbon_sink"]], {}, "zoning_indicators"),
    ],
)
@pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")
def test_refusals(indicators, change, options, message):
    with pytest.raises(InputError, match=message):
        fit_zones(change(indicators), **options)


@pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")
def test_real_counties(shared):
    table = pd.read_csv(shared / "studies/bth-county/counties.csv", dtype={"unit_id": str}).set_index("unit_id")
    table = table.rename(columns={"carbon_source_t": "carbon_source", "carbon_sink_t": "carbon_sink"})
    table = table[table["year"].isin([2007, 2012, 2017])]
    one = fit_zones(zoning_indicators(table))
    scaled = table.assign(carbon_source=table["carbon_source"] / 1e6, carbon_sink=table["carbon_sink"] / 1e6)
    two = classify_zones(zoning_indicators(scaled.sample(frac=1, random_state=0)))
    key = ["unit_id", "year"]
    left, right = (each.reset_index().sort_values(key, ignore_index=True) for each in (one.zones, two))
    pd.testing.assert_frame_equal(left, right, check_exact=True)
    assert not one.quality["not_separable"] and one.quality["features_left_out"] == {"territorial_development": "needs built_up"}
    recipients = one.zones[one.zones["zone"] == "recipient"].index
    assert {"130725", "130724", "130723", "130732"} <= {
        name.lstrip("U") for name in recipients
    }  # the north-west: Shangyi, Guyuan, Kangbao, Chicheng
