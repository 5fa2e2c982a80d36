"""Explanations of all rows at once: the same as the plain record row by row."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from carbonshed.checks import DataWarning, InputError
from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.contiguity import contiguous_zones
from carbonshed.zoning.explain import explain_zone
from carbonshed.zoning.explanations import CAUTIONS, zone_centres, zone_explanations
from carbonshed.zoning.indicators import zoning_indicators

from ..conftest import assert_same_index
from .conftest import make_accounts
from .region import fit, make_region

SWITCH_KEYS = {
    "switch_feature": "feature",
    "switch_z": "change_z",
    "switch_term": "term",
    "switch_value": "value",
    "switch_needed": "needed",
    "switch_change": "change",
    "switch_zone": "to_zone",
}


def assert_same_record(row: pd.Series, record: dict) -> None:
    """One row of the table is the record of `explain_zone`, numbers to 1e-9."""
    near = {"rel": 1e-9, "abs": 1e-9}
    assert row["zone_subtype"] == record["zone_subtype"]
    if record["zone"] == "missing":
        assert row["features_not_known"] == ", ".join(record["features_not_known"]) and pd.isna(row["distance_own"])
        assert pd.isna(row["nearest_other_zone"]) and pd.isna(row["top_feature_1"]) and row["zone_cautions"] == ""
        return
    assert row["distance_own"] == pytest.approx(record["distance_own"], **near)
    assert (None if pd.isna(row["nearest_other_zone"]) else row["nearest_other_zone"]) == record["nearest_other_zone"]
    for place, top in enumerate(record["top_features"], start=1):
        assert row[f"top_feature_{place}"] == top["feature"] and row[f"top_term_{place}"] == top["term"]
        for name in ("contribution", "z", "value"):
            assert row[f"top_{name}_{place}"] == pytest.approx(top[name], **near)
    change = record["smallest_change"]
    if change is None:
        assert all(pd.isna(row[name]) for name in SWITCH_KEYS)
        return
    for column, key in SWITCH_KEYS.items():
        if isinstance(change[key], str):
            assert row[column] == change[key]
        else:
            assert row[column] == pytest.approx(change[key], rel=1e-7, abs=3e-9 * max(1.0, abs(change["value"])))
    assert row["distance_other"] == pytest.approx(record["distance_other"], **near)


def assert_same_as_plain(model, rows=None) -> int:
    """How many rows have a change; every row equals the plain record."""
    table = zone_explanations(model)
    assert_same_index(table, model.indicators)
    years = model.indicators["year"] if "year" in model.indicators else [None] * len(table)
    for place, (unit_id, year) in enumerate(zip(table.index, years, strict=True)):
        if rows is None or place in rows:
            assert_same_record(table.iloc[place], explain_zone(model, unit_id, None if year is None else int(year)))
    return int(table["switch_z"].notna().sum())


@pytest.fixture(scope="module")
def indicators() -> pd.DataFrame:
    return zoning_indicators(make_accounts(45))


@pytest.mark.parametrize("method", ["som_kmeans", "kmeans", "gmm", "ward", "rules"])
@pytest.mark.parametrize("zones", [2, 3, 5])
def test_each_row_is_the_plain_record(indicators, method, zones):
    model = fit_zones(indicators, method=method, zones=zones, weights={"territorial_development": 0.5}, counts=())
    changes = assert_same_as_plain(model, rows=range(0, 90, 7))
    assert (changes == 0) == (method == "rules")


@given(seed=st.integers(0, 10_000), method=st.sampled_from(["som_kmeans", "kmeans", "gmm"]), noise=st.floats(0.1, 1.5))
@settings(max_examples=12, deadline=None)
def test_any_region_gives_the_plain_records(seed, method, noise):
    accounts = make_accounts(36, years=(2010,), seed=seed)
    rng = np.random.default_rng(seed)
    for name in ("carbon_source", "carbon_sink", "gdp_yuan", "population", "built_up"):
        accounts[name] *= rng.lognormal(0, noise, len(accounts))
    accounts["built_up"] = accounts["built_up"].clip(upper=accounts["area_km2"])
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model = fit_zones(zoning_indicators(accounts), method=method, counts=(), n_init=3)
    assert_same_as_plain(model, rows=range(0, 36, 5))


def test_connected_zones_are_explained_too():
    model = fit(zoning_indicators(make_region(10)))
    assert_same_as_plain(contiguous_zones(model, min_size=4), rows=range(0, 100, 9))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_order_of_rows_does_not_matter(indicators, seed):
    order = np.random.default_rng(seed).permutation(len(indicators))
    one, two = (zone_explanations(fit_zones(each, method="kmeans", counts=())) for each in (indicators, indicators.iloc[order]))
    pd.testing.assert_frame_equal(one.iloc[order], two)


def test_margin_is_the_sum_of_contributions_and_of_squares(indicators):
    table = zone_explanations(fit_zones(indicators, counts=()))
    parts = table[[f"top_contribution_{place}" for place in range(1, 6)]]
    np.testing.assert_allclose(parts.sum(axis=1), table["zone_margin"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(table["distance_other"] ** 2 - table["distance_own"] ** 2, table["zone_margin"], rtol=1e-9, atol=1e-12)
    assert (parts.abs().diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)


def test_neighbours_and_the_year_before_by_hand():
    """Nine squares in three rows, two years: counted cell by cell."""
    squares = [box(1e3 * (i % 3), 1e3 * (i // 3), 1e3 * (i % 3 + 1), 1e3 * (i // 3 + 1)) for i in range(9)] * 2
    frame = gpd.GeoDataFrame(zoning_indicators(make_accounts(9)), geometry=squares, crs="EPSG:3857")
    model = fit_zones(frame, method="kmeans", counts=())
    table, zone = zone_explanations(model), list(model.zones["zone"])
    for year in (0, 1):
        for i in range(9):
            around = [zone[9 * year + j] for j in range(9) if j != i and abs(j % 3 - i % 3) <= 1 and abs(j // 3 - i // 3) <= 1]
            for each in ("payment", "balanced", "recipient", "missing"):
                assert table[f"neighbours_{each}"].iloc[9 * year + i] == around.count(each)
    assert table["zone_before"].iloc[:9].isna().all() and list(table["zone_before"].iloc[9:]) == zone[:9]
    plain = pd.DataFrame(frame.drop(columns="geometry"))
    assert "neighbours_payment" not in zone_explanations(fit_zones(plain, method="kmeans", counts=()))


def test_cautions_say_what_they_mean(indicators):
    frame = indicators.assign(inside_share=np.where(indicators.index == "c004", 0.3, 1.0))
    model = fit_zones(frame, counts=())
    table = zone_explanations(model)
    said = {word: table["zone_cautions"].str.split(", ").map(lambda words, word=word: word in words) for word in CAUTIONS}
    confidence = model.zones["zone_confidence"]
    assert (said["low_confidence"] == (confidence < 0.2)).all() and said["low_confidence"].any()
    assert (said["nearer_to_other_zone"] == (confidence == 0)).all()
    assert set(table.index[said["partly_outside"]]) == {"c004"}
    changed = table["zone_before"].notna() & (table["zone_before"] != model.zones["zone"])
    assert (said["changed"] == changed).all()
    x = model.scaler.rules[0].raw(frame)
    beyond = (x < model.scaler.rules[0].low) | (x > model.scaler.rules[0].high)
    assert beyond.any() and said["beyond_limits"][beyond].all()


def test_rows_without_a_zone_name_what_is_not_known(indicators):
    frame = indicators.copy()
    frame.loc["c003", "population"] = np.nan
    with pytest.warns(DataWarning, match="c003"):
        model = fit_zones(frame, counts=())
    assert_same_as_plain(model, rows=range(3, 6))
    assert set(zone_explanations(model).loc["c003", "features_not_known"]) == {"log_gdp_per_head"}


def test_columns_are_flat_and_registered(indicators):
    from carbonshed.registry import terms

    model = fit_zones(indicators, counts=())
    for table in (zone_explanations(model), zone_centres(model)):
        assert set(table.columns) <= set(terms())
        for name in table:
            assert not table[name].map(lambda value: isinstance(value, list | dict | tuple)).any()


def test_centres_are_those_of_the_model(indicators):
    model = fit_zones(indicators, weights={"share_difference": 4.0}, counts=())
    table = zone_centres(model)
    wide = table.pivot_table(index="cluster", columns="feature", values="centre_z")[model.scaler.names].to_numpy()
    np.testing.assert_allclose(wide * np.sqrt(model.scaler.weights), model.clusterer.centres, rtol=1e-12)
    value = table.query("cluster == 0 and feature == 'log_gdp_per_head'").iloc[0]
    rule = next(rule for rule in model.scaler.rules if rule.name == "log_gdp_per_head")
    assert value["centre_term"] == "gdp_per_head" and value["centre_value"] == pytest.approx(
        np.exp(rule.mean + rule.deviation * value["centre_z"])
    )


def test_neighbours_of_other_rows_are_refused(indicators):
    from scipy.sparse import csr_array

    model = fit_zones(indicators, method="kmeans", counts=())
    with pytest.raises(InputError, match="neighbours"):
        zone_explanations(model, csr_array((3, 3)))
