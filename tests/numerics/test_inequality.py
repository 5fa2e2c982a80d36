"""Gini, concentration against a base, Theil T."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.numerics.inequality import concentration_index, gini, theil_t

AMOUNTS = st.lists(st.floats(0, 1e9), min_size=1, max_size=30)


def test_gini_by_hand():
    assert gini([1, 1, 1, 1]) == 0
    assert gini([0, 0, 0, 1]) == 0.75
    assert gini([1, 2, 3, 4]) == 0.25
    assert np.isnan(gini([0, 0]))
    assert np.isnan(gini([]))


@given(AMOUNTS)
def test_gini_is_the_mean_difference_of_all_pairs(amounts):
    """Oracle: sum_ij abs(x_i - x_j) / (2 m^2 mean), the other textbook form."""
    x = np.array(amounts)
    assume(x.sum() > 1e-200)
    pairs = np.abs(x[:, None] - x[None]).sum() / (2 * x.size**2 * x.mean())
    assert gini(x) == pytest.approx(pairs, abs=1e-12)


@given(AMOUNTS, st.floats(0.01, 1e4))
def test_gini_does_not_see_scale_or_order_and_stays_in_its_bounds(amounts, factor):
    x = np.array(amounts)
    assume(x.sum() > 1e-200)
    value = gini(x)
    assert -1e-12 <= value <= 1 - 1 / x.size + 1e-12
    assert gini(x[::-1] * factor) == pytest.approx(value, abs=1e-9)


@given(AMOUNTS)
def test_concentration_against_equal_bases_is_gini(amounts):
    assume(sum(amounts) > 1e-200)
    assert concentration_index(amounts, np.full(len(amounts), 7.0)) == pytest.approx(gini(amounts), abs=1e-12)


@given(st.lists(st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)), min_size=1, max_size=20))
def test_splitting_a_unit_evenly_changes_no_concentration(units):
    amounts, base = np.array(units).T
    halves = concentration_index(np.repeat(amounts / 2, 2), np.repeat(base / 2, 2))
    assert halves == pytest.approx(concentration_index(amounts, base), abs=1e-12)


def test_concentration_by_hand():
    assert concentration_index([1, 3], [10, 10]) == 0.25
    assert concentration_index([5, 10, 15], [1, 2, 3]) == pytest.approx(0, abs=1e-12)
    assert concentration_index([0, 4], [1, 0]) == 1  # all carbon where there is no base
    assert concentration_index([0, 1, 3], [0, 10, 10]) == 0.25  # neither amount nor base: no effect
    assert np.isnan(concentration_index([0, 0], [1, 1]))
    assert np.isnan(concentration_index([1, 1], [0, 0]))


def test_theil_by_hand():
    assert theil_t([3, 3, 3]).total == 0
    assert theil_t([0, 0, 0, 1]).total == pytest.approx(np.log(4))
    parts = theil_t([1, 1, 3, 3], ["a", "a", "b", "b"])  # no inequality inside the groups
    assert parts.within == pytest.approx(0, abs=1e-12)
    assert parts.between == pytest.approx((0.5 * np.log(0.5) + 1.5 * np.log(1.5)) / 2)
    assert np.isnan(theil_t([0, 0]).total)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 3)), min_size=1, max_size=30))
def test_theil_parts_are_the_weighted_sum_over_groups(units):
    """Oracle: the parts computed group by group; total between 0 and ln n."""
    x, groups = np.array([u[0] for u in units]), np.array([u[1] for u in units])
    assume(x.sum() > 1e-200)
    result = theil_t(x, groups)
    share = {g: x[groups == g].sum() / x.sum() for g in np.unique(groups)}
    within = sum(share[g] * theil_t(x[groups == g]).total for g in share if share[g] > 0)
    between = sum(share[g] * np.log(share[g] / (groups == g).mean()) for g in share if share[g] > 0)
    assert result.within == pytest.approx(within, abs=1e-9)
    assert result.between == pytest.approx(between, abs=1e-9)
    assert -1e-12 <= result.total <= np.log(x.size) + 1e-12


@pytest.mark.parametrize("call", [gini, theil_t, lambda x: concentration_index(x, np.ones(len(x)))])
@pytest.mark.parametrize("wrong", [[1, -2, 3], [1, np.nan, 3], [np.inf, 1, 1]])
def test_negative_and_unknown_amounts_are_refused(call, wrong):
    with pytest.raises(InputError, match=r"known amounts >= 0; got (-2|nan|inf)"):
        call(wrong)


def test_different_lengths_are_refused():
    with pytest.raises(InputError, match="2 amounts and 3 bases"):
        concentration_index([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="2 values and 1 groups"):
        theil_t([1, 2], ["a"])


def test_concentration_of_the_county_emissions_is_computed_on_real_data(shared):
    """Oracle: numpy's trapezoid under the Lorenz curve of the 2007 county emissions against area."""
    import pandas as pd

    table = pd.read_csv(shared / "studies" / "bth-county" / "counties.csv").query("year == 2007")
    carbon, area = table["carbon_source_t"].to_numpy(), table["area_km2"].to_numpy()
    order = np.argsort(carbon / area)
    x = np.r_[0, area[order].cumsum() / area.sum()]
    y = np.r_[0, carbon[order].cumsum() / carbon.sum()]
    assert concentration_index(carbon, area) == pytest.approx(1 - 2 * np.trapezoid(y, x), abs=1e-12)
