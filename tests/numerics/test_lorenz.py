from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.numerics.inequality import concentration_index
from carbonshed.numerics.lorenz import concentration_curve


def test_by_hand():
    x, y = concentration_curve([30, 10, 60], [1, 2, 1], rank=[2, 1, 3])
    assert x.tolist() == [0, 0.5, 0.75, 1] and y.tolist() == [0, 0.1, 0.4, 1]
    x, y = concentration_curve([1, 3], [2, 2], rank=[7, 7])  # equal ranks: one step, whatever their order
    assert x.tolist() == [0, 1] and y.tolist() == [0, 1]
    assert np.isnan(concentration_curve([0, 0], [1, 1], rank=[1, 2])[1]).all()


@given(st.lists(st.tuples(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(-1e3, 1e3)), min_size=1, max_size=30), st.randoms())
def test_rises_from_zero_to_one_in_any_order_of_rows(rows, random):
    x, y = concentration_curve(*zip(*rows, strict=True))
    assert x[0] == y[0] == 0 and x[-1] == pytest.approx(1) and y[-1] == pytest.approx(1)
    assert (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all()
    mixed = random.sample(rows, len(rows))
    for one, other in zip((x, y), concentration_curve(*zip(*mixed, strict=True)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_area_under_the_lorenz_curve_is_that_of_the_index():
    rng = np.random.default_rng(5)
    amounts, base = rng.lognormal(size=200), rng.lognormal(size=200)
    x, y = concentration_curve(amounts, base, rank=amounts / base)
    assert 1 - 2 * np.trapezoid(y, x) == pytest.approx(concentration_index(amounts, base), abs=1e-12)


def test_refusals():
    with pytest.raises(InputError, match="one base and one rank"):
        concentration_curve([1, 2], [1], [1, 2])
    for bad in ([-1.0, 2.0], [np.nan, 2.0]):
        with pytest.raises(InputError, match="at least 0"):
            concentration_curve(bad, [1, 1], [1, 2])
