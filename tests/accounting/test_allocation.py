"""Mass-preserving allocation: totals kept, fallbacks said, nothing lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.accounting.allocation import allocate, allocate_with_report, land_weights, proxy_weights
from carbonshed.checks import DataWarning, InputError

ONE = pd.Series(["u", "u", "u"])


def series(*values: float, name: str | None = None) -> pd.Series:
    return pd.Series(values, name=name, dtype=float)


def test_u11_lights_and_the_zero_proxy() -> None:
    total = pd.Series({"u": 90.0})
    assert allocate(total, series(0, 1, 2), within=ONE).tolist() == [0, 30, 60]
    with pytest.warns(DataWarning, match="no weight at all in u; shared by built_up"):
        got, report = allocate_with_report(total, series(0, 0, 0, name="lights"), within=ONE, fallbacks={"built_up": series(1, 1, 0)})
    assert got.tolist() == [45, 45, 0]
    assert report.loc["u", ["total", "allocated", "n_pieces", "method"]].tolist() == [90, 90, 3, "built_up"]


def test_fallbacks_go_in_order_unit_by_unit() -> None:
    within = pd.Series(["a", "a", "b", "b", "c", "c"])
    totals = pd.Series({"a": 10.0, "b": 10.0, "c": 10.0})
    lights, built, land = (
        series(1, 1, 0, 0, 0, 0, name="lights"),
        series(1, 0, 3, 1, 0, 0, name="built_up"),
        series(*[1.0] * 6, name="land"),
    )
    with pytest.warns(DataWarning) as said:
        got, report = allocate_with_report(totals, lights, within=within, fallbacks={"built_up": built, "land": land})
    assert len(said) == 2
    assert got.tolist() == [5, 5, 7.5, 2.5, 5, 5]
    assert report["method"].tolist() == ["lights", "built_up", "land"]


def test_zero_is_zero_unknown_is_unknown_and_outside_is_masked() -> None:
    within = pd.Series(["z", "n", None, "z"], index=list("dcba"))
    weights = pd.Series([0.0, 1.0, 5.0, 0.0], index=within.index)
    got, report = allocate_with_report(pd.Series({"z": 0.0, "n": np.nan}), weights, within=within)
    pd.testing.assert_index_equal(got.index, within.index)
    assert got.tolist() == pytest.approx([0, np.nan, np.nan, 0], nan_ok=True)
    assert report["allocated"].tolist() == pytest.approx([0, np.nan], nan_ok=True)


def test_years_go_by_several_keys() -> None:
    within = pd.DataFrame({"unit_id": ["a", "a", "a", "a"], "year": [2000, 2000, 2005, 2005]})
    totals = pd.Series({("a", 2000): 1.0, ("a", 2005): 4.0})
    assert allocate(totals, series(1, 3, 1, 3), within=within).tolist() == [0.25, 0.75, 1, 3]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1e9)), min_size=1, max_size=60),
    st.lists(st.floats(0, 1e12), min_size=5, max_size=5),
)
def test_totals_are_kept_and_match_a_plain_loop(pieces: list[tuple[int, float]], amounts: list[float]) -> None:
    within, weights = pd.Series([unit for unit, _ in pieces]), series(*[weight for _, weight in pieces])
    served = [unit for unit in set(within) if weights[within == unit].sum() > 0]
    totals = pd.Series({unit: (amounts[unit] if unit in served else 0.0) for unit in range(5)})
    got = allocate(totals, weights, within=within)
    for unit in served:
        mine = within == unit
        assert got[mine].sum() == pytest.approx(totals[unit], rel=1e-9, abs=1e-300)
        np.testing.assert_allclose(got[mine], [totals[unit] * (w / sum(weights[mine])) for w in weights[mine]], rtol=1e-9, atol=1e-300)
    assert (got >= 0).all()


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1e3), min_size=2, max_size=8), st.floats(0.01, 1e3))
def test_a_common_factor_of_the_weights_changes_nothing(weights: list[float], factor: float) -> None:
    within, total = pd.Series(["u"] * len(weights)), pd.Series({"u": 7.0})
    np.testing.assert_allclose(
        allocate(total, series(*weights) * factor, within=within), allocate(total, series(*weights), within=within), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("totals", "weights", "within", "code"),
    [
        ({"u": 1.0}, (0, 0, 0), ONE, "no_weight"),
        ({"u": 1.0, "v": 2.0}, (1, 1, 1), ONE, "total_without_piece"),
        ({"v": np.nan}, (1, 1, 1), ONE, "no_total"),
        ({"u": -1.0}, (1, 1, 1), ONE, "negative"),
        ({"u": 1.0}, (1, -1, 1), ONE, "negative"),
        ({"u": 1.0}, (1, np.nan, 1), ONE, "weight_unknown"),
        ({"u": 1.0}, (1, 1, 1), ONE.set_axis([1, 2, 3]), "not_aligned"),
    ],
)
def test_what_would_lose_or_invent_carbon_is_refused(totals: dict, weights: tuple, within: pd.Series, code: str) -> None:
    with pytest.raises(InputError) as error:
        allocate(pd.Series(totals), series(*weights), within=within)
    assert error.value.problems[0].code == code


def test_two_totals_for_a_unit_are_refused() -> None:
    with pytest.raises(InputError, match="one total for each unit"):
        allocate(pd.Series([1.0, 2.0], index=["u", "u"]), series(1, 1, 1), within=ONE)


def test_land_weights() -> None:
    table = pd.DataFrame({"built_up": [2.0, 0.0], "cropland": [10.0, 40.0], "forest": [5.0, 5.0]}, index=["a", "b"])
    assert land_weights(table, {"built_up": 1, "cropland": 0.05}).tolist() == [2.5, 2.0]
    array = xr.DataArray(table.to_numpy(), dims=("unit_id", "land_class"), coords={"land_class": list(table.columns)})
    assert land_weights(array, {"built_up": 1}).values.tolist() == [2.0, 0.0]
    with pytest.raises(InputError, match="Did you mean 'built_up'"):
        land_weights(table, {"buildup": 1})
    with pytest.raises(InputError):
        land_weights(table, {"built_up": -1})


def test_proxies_are_shares_of_their_unit() -> None:
    table = pd.DataFrame({"lights": [-1.0, 4.0, 0.0, 0.0], "population": [10.0, 30.0, 1.0, 3.0]})
    within = pd.Series(["u", "u", "v", "v"])
    assert proxy_weights(table, {"lights": 1, "population": 2}, within=within).tolist() == [0.5, 2.5, 0.5, 1.5]
    for weights in ({"gdp": 1.0}, {"lights": -1.0}):
        with pytest.raises(InputError):
            proxy_weights(table, weights, within=within)
    with pytest.raises(InputError, match="population"):
        proxy_weights(table - 2, {"population": 1.0}, within=within)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1e6), min_size=4, max_size=4), st.floats(0, 5))
def test_the_weights_of_a_unit_sum_to_the_sum_of_the_proxy_weights(values: list[float], weight: float) -> None:
    table = pd.DataFrame({"gdp": values, "population": values[::-1]})
    within = pd.Series(["u", "u", "v", "v"])
    sums = proxy_weights(table, {"gdp": weight, "population": 1.0}, within=within).groupby(within).sum()
    np.testing.assert_allclose(sums, weight + 1, rtol=1e-9)
