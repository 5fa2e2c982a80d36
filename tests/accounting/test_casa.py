"""NPP by CASA: the stress terms, the light that is absorbed, their product."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.accounting.casa import absorbed_share, casa_npp, temperature_optimum_stress, temperature_stress
from carbonshed.checks import InputError

DEGREES = st.floats(-20, 45)


@given(DEGREES)
@settings(max_examples=100, deadline=None)
def test_u15_no_stress_at_the_optimum(optimum):
    assert temperature_stress(optimum, optimum).item() == pytest.approx(1.0, abs=1e-12)


@given(DEGREES, st.floats(0.1, 30), st.floats(0.1, 15))
@settings(max_examples=100, deadline=None)
def test_stress_grows_away_from_the_optimum_on_both_sides(optimum, near, further):
    for sign in (-1, 1):
        one, two = temperature_stress([optimum + sign * near, optimum + sign * (near + further)], optimum)
        assert 0 < two < one < 1


def test_stress_by_hand():
    below = (1 + math.exp(-2)) ** 2 / ((1 + math.exp(0.0)) * (1 + math.exp(-4)))  # 10 deg below: A = 0.2
    above = (1 + math.exp(-3)) ** 2 / ((1 + math.exp(-6)) * (1 + math.exp(0.0)))  # 10 deg above: A = 0.3
    np.testing.assert_allclose(temperature_stress([10.0, 30.0], 20.0), [below, above], rtol=1e-14)
    np.testing.assert_allclose(temperature_optimum_stress([0.0, 20.0, 40.0]), [0.8, 1.0, 0.8])


def test_the_printed_constant_is_that_of_the_lower_side_within_its_digits():
    """1.1814 of the original has one side of 0.2 and one of 0.3: (1 + e^-2)(1 + e^-3) = 1.1919, near to it and not 1 at the optimum."""
    original = 1.1814 / ((1 + math.exp(-2)) * (1 + math.exp(-3)))
    assert original == pytest.approx(0.9912, abs=1e-4) and temperature_stress(20.0, 20.0).item() == 1.0


def test_absorbed_share_by_hand():
    found = absorbed_share([0.05, 0.0, -0.5, 0.475, 0.9, 0.95], ndvi_low=0.05, ndvi_high=0.9)
    ratio = ((1.475 / 0.525) - 1.05 / 0.95) / (19 - 1.05 / 0.95)
    middle = 0.001 + 0.949 * (0.5 + ratio) / 2
    np.testing.assert_allclose(found, [0, 0, 0, middle, 0.95, 0.95], atol=1e-12)
    assert np.isnan(absorbed_share([np.nan], ndvi_low=0.05, ndvi_high=0.9)).all()


@given(st.lists(st.floats(-0.9, 0.99), min_size=1, max_size=12), st.floats(0, 900), st.floats(0.5, 1))
@settings(max_examples=60, deadline=None)
def test_npp_is_linear_in_light_and_never_above_what_light_allows(ndvi, solar, water):
    one = casa_npp(solar, ndvi, 15.0, 22.0, water, efficiency=0.389)
    np.testing.assert_allclose(casa_npp(2 * solar, ndvi, 15.0, 22.0, water, efficiency=0.389), 2 * one, rtol=1e-12, atol=1e-300)
    assert (one >= 0).all() and (one <= solar * 0.95 * 0.5 * 0.389 + 1e-9).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ndvi": 1.0}, "below 1"),
        ({"ndvi": 6500.0}, "scale factor"),
        ({"solar": -1.0}, "0 or more"),
        ({"water": 0.2}, "EET"),
        ({"temperature": float("nan")}, "temperatures"),
        ({"ndvi_low": 0.95}, "ndvi_low < ndvi_high"),
    ],
)
def test_refusals(change, message):
    given = {"solar": 500.0, "ndvi": 0.5, "temperature": 20.0, "optimum": 22.0, "water": 0.9, "efficiency": 0.389, **change}
    with pytest.raises(InputError, match=message):
        casa_npp(**given)
