"""What must not move a zone or its reasons: the order of rows, years and features, and the units of what comes in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.explanations import zone_explanations
from carbonshed.zoning.indicators import zoning_indicators

from .conftest import make_accounts

KEY = ["unit_id", "year"]
LISTED = ["share_difference", "territorial_development", "net_emission_density", "log_gdp_per_head"]
IN_UNITS = ("top_value_", "switch_value", "switch_needed", "switch_change", "carbon_", "net_carbon_emission")
METHODS = ["som_kmeans", "kmeans", "gmm", "ward", "rules"]


def zones_and_reasons(accounts: pd.DataFrame, **options: object) -> pd.DataFrame:
    """Zones with their reasons, sorted by id and year."""
    model = fit_zones(zoning_indicators(accounts), **{"counts": (), "n_init": 5, **options})
    reasons = zone_explanations(model)
    table = model.zones.assign(**{name: reasons[name].array for name in reasons})
    return table.reset_index().sort_values(KEY, ignore_index=True)


def without_units(table: pd.DataFrame) -> pd.DataFrame:
    """All but the columns that are told in the units of the accounts."""
    return table[[name for name in table if not name.startswith(IN_UNITS)]]


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_and_years(method):
    accounts = make_accounts(45, years=(2000, 2010, 2020))
    turned = pd.concat([accounts[accounts["year"] == year] for year in (2020, 2000, 2010)]).sample(frac=1, random_state=5)
    one, two = (zones_and_reasons(each, method=method) for each in (accounts, turned))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("method", METHODS)
@given(order=st.permutations(LISTED))
@settings(max_examples=5, deadline=None)
def test_order_of_features(method, order):
    accounts = make_accounts(36)
    one, two = (zones_and_reasons(accounts, method=method, features=each) for each in (LISTED, order))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("features", ["budget", "density", "nrca"])
@pytest.mark.parametrize(
    ("columns", "factor"),
    [
        (("carbon_source", "carbon_sink"), 1e-6),  # t -> Mt
        (("carbon_source", "carbon_sink"), 12 / 44),  # t CO2 -> t C
        (("gdp_yuan",), 1e-4),  # yuan -> 10^4 yuan
        (("population",), 1e-4),
        (("area_km2", "built_up"), 100.0),  # km2 -> ha
    ],
)
@pytest.mark.filterwarnings("ignore:features left out")
def test_units_move_no_zone_and_no_reason(method, features, columns, factor):
    accounts = make_accounts(36, seed=3)
    scaled = accounts.assign(**{name: accounts[name] * factor for name in columns})
    one, two = (without_units(zones_and_reasons(each, method=method, features=features)) for each in (accounts, scaled))
    # of the borders' places the last digits differ (1e-9 standard deviations is how finely they are searched)
    exact = [name for name in one if name not in ("switch_z", "switch_feature", "switch_term", "switch_zone")]
    if method == "gmm":  # its centres come out of a product of matrices, and of its many equal weights the last bit is free
        pd.testing.assert_frame_equal(one[["unit_id", "year", "zone", "cluster"]], two[["unit_id", "year", "zone", "cluster"]])
    else:
        loose = [name for name in exact if name in ("ecc", "esc")]
        pd.testing.assert_frame_equal(one[exact].drop(columns=loose), two[exact].drop(columns=loose), check_exact=True)
    np.testing.assert_allclose(one["switch_z"], two["switch_z"], atol=1e-5)
    assert one["switch_feature"].fillna("").tolist() == two["switch_feature"].fillna("").tolist()


def test_values_are_told_in_the_units_that_came_in():
    """In Mt in place of t: the value needed is a millionth, the change in z the same."""
    accounts = make_accounts(36)
    scaled = accounts.assign(**{name: accounts[name] * 1e-6 for name in ("carbon_source", "carbon_sink")})
    one, two = (zones_and_reasons(each, features=["net_emission_density"], method="kmeans") for each in (accounts, scaled))
    found = one["switch_needed"].notna()
    assert found.any()
    np.testing.assert_allclose(two.loc[found, "switch_needed"], one.loc[found, "switch_needed"] * 1e-6, rtol=1e-6)
    np.testing.assert_allclose(two.loc[found, "top_value_1"], one.loc[found, "top_value_1"] * 1e-6, rtol=1e-9)


def test_seed_and_another_year_of_the_same_numbers():
    """Twice the same year is the same zones in both, with nothing changed."""
    accounts = make_accounts(45, years=(2010,))
    twice = pd.concat([accounts, accounts.assign(year=2020)])
    table = zones_and_reasons(twice)
    first, second = (table[table["year"] == year].reset_index(drop=True) for year in (2010, 2020))
    apart = ["year", "zone_before", "zone_cautions"]
    pd.testing.assert_frame_equal(first.drop(columns=apart), second.drop(columns=apart), check_exact=True)
    assert (second["zone_before"] == second["zone"]).all() and not second["zone_cautions"].str.contains("changed").any()
