"""The least step to another group, against trying every step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.numerics.switches import nearest_switch, score_switch


def every_step(z, points, groups, root, low, high, step, most):
    """The plain way: all steps of all axes and directions."""
    result = []
    for row in z:
        best = (0, -1, 0)
        own = groups[((row * root - points) ** 2).sum(axis=1).argmin()]
        for f in range(len(row)):
            for sign in (-1, 1):
                for k in range(1, most + 1):
                    moved = row.copy()
                    moved[f] += sign * k * step
                    if not low <= moved[f] <= high:
                        break
                    if groups[((moved * root - points) ** 2).sum(axis=1).argmin()] != own:
                        if best[0] == 0 or k < best[0]:
                            best = (k, f, sign)
                        break
        result.append(best)
    return np.array(result).T


def test_borders_by_hand():
    """Points at 0 (group 0), 1 (0) and 3 (1): from 1.2 the border is at 2, 80 steps of 0.01 off; on the second axis there is none."""
    points = [[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]
    steps, axis, sign = nearest_switch([[1.195, 0.0], [5.0, 0.0]], points, [0, 0, 1], [0, 1], reach=2.0)
    assert (steps[0], axis[0], sign[0]) == (81, 0, 1) and (steps[1], axis[1], sign[1]) == (0, -1, 0)
    assert nearest_switch([[5.0, 0.0]], points, [0, 0, 1], [1], reach=3.5)[0][0] == 301
    assert nearest_switch([[1.195, 0.0]], points, [0, 0, 1], [0], high=1.9)[0][0] == 0  # the limit stands before the border


@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 5),
    m=st.integers(2, 40),
    k=st.integers(2, 4),
    limit=st.sampled_from([1.0, 2.5, np.inf]),
)
@settings(max_examples=60, deadline=None)
def test_the_same_as_trying_every_step(seed, d, m, k, limit):
    rng = np.random.default_rng(seed)
    z, points, groups = rng.standard_normal((6, d)).clip(-limit, limit), rng.standard_normal((m, d)), rng.integers(0, k, m)
    root = rng.uniform(0.3, 2.0, d)
    own = groups[((z[:, None] * root - points) ** 2).sum(axis=2).argmin(axis=1)]
    options = {"root": root, "low": -limit, "high": limit, "step": 0.05, "reach": 3.0}
    plain = every_step(z, points, groups, root, -limit, limit, 0.05, 60)
    np.testing.assert_array_equal(np.array(nearest_switch(z, points, groups, own, **options)), plain)
    squared = ((z[:, None] * root - points) ** 2).sum(axis=2)
    slope = 2 * root * (z[:, None] * root - points)
    scores = score_switch(z, squared, slope, np.tile(root**2, (m, 1)), groups, own, low=-limit, high=limit, step=0.05, reach=3.0)
    np.testing.assert_array_equal(np.array(scores), plain)  # the same distances, told as parabolas


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_order_of_rows_and_of_points_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    z, points, groups = rng.standard_normal((20, 3)), rng.standard_normal((15, 3)), rng.integers(0, 3, 15)
    own = groups[((z[:, None] - points) ** 2).sum(axis=2).argmin(axis=1)]
    rows, places = rng.permutation(20), rng.permutation(15)
    one = np.array(nearest_switch(z, points, groups, own))
    np.testing.assert_array_equal(np.array(nearest_switch(z[rows], points[places], groups[places], own[rows])), one[:, rows])


def test_refusals():
    with pytest.raises(InputError, match="finite"):
        nearest_switch([[np.nan]], [[0.0]], [0], [0])
    with pytest.raises(InputError, match="1 groups and 1 own"):
        nearest_switch([[0.0]], [[0.0]], [0, 1], [0])
    with pytest.raises(InputError, match="step"):
        nearest_switch([[0.0]], [[0.0]], [0], [0], step=0.0)
    with pytest.raises(InputError, match="own"):
        score_switch([[0.0]], [[0.0]], [[[0.0]]], [[0.0]], [0], [0, 1])
