"""Crop uptake and farm inputs."""

from __future__ import annotations

import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.accounting.crops import crop_coefficients, crop_uptake, farm_input_source
from carbonshed.checks import InputError


def test_u10_wheat() -> None:
    uptake = crop_uptake(pd.DataFrame({"wheat": [1000.0], "year": [2000]}, index=["A"]))
    assert uptake["A"] * 12 / 44 == pytest.approx(1067)
    assert uptake["A"] == pytest.approx(3912.3, abs=0.05)


def test_a_range_enters_by_its_midpoint() -> None:
    assert crop_coefficients()["tubers"] == pytest.approx(0.423 * 0.3 / 0.675)


def test_farm_inputs_by_hand() -> None:
    inputs = pd.DataFrame({"fertiliser": [1.0, 0.0], "irrigation": [0.0, 100.0], "tillage": [0.0, 1.0]}, index=["A", "B"])
    result = farm_input_source(inputs)
    pd.testing.assert_index_equal(result.index, inputs.index)
    assert (result * 12 / 44).tolist() == pytest.approx([0.8956, 2.0476 + 0.3126])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e7), min_size=2, max_size=2), st.floats(0.1, 10))
def test_uptake_is_linear_and_equal_for_frames_and_arrays(amounts: list[float], factor: float) -> None:
    table = pd.DataFrame([amounts], columns=["maize", "rice"])
    expected = 44 / 12 * (amounts[0] * 0.471 * 0.87 / 0.40 + amounts[1] * 0.414 * 0.88 / 0.45)
    assert crop_uptake(table)[0] == pytest.approx(expected, rel=1e-12)
    assert crop_uptake(table * factor)[0] == pytest.approx(expected * factor, rel=1e-9)
    array = xr.DataArray([amounts], dims=("unit_id", "crop"), coords={"crop": ["maize", "rice"]})
    assert crop_uptake(array).item() == pytest.approx(expected, rel=1e-12)


def test_unknown_and_negative_are_refused() -> None:
    with pytest.raises(InputError, match="'weat' might be 'wheat'"):
        crop_uptake(pd.DataFrame({"weat": [1.0]}))
    with pytest.raises(InputError, match="amounts >= 0"):
        crop_uptake(pd.DataFrame({"wheat": [-1.0]}))
    with pytest.raises(InputError):
        farm_input_source(pd.DataFrame(index=["A"]))
