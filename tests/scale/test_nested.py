"""Indicators that compare sides with one another and with land classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway

from carbonshed.checks import DataWarning
from carbonshed.scale.blocks import Blocks, block_sums, read_base
from carbonshed.scale.indicators import make_side
from carbonshed.scale.nested import box_count, fractal_dimension, hot_stability, loss_area, scale_variance
from carbonshed.scale.response import scale_response


def blocks_of(field: np.ndarray, k: int = 1) -> Blocks:
    rows, cols = np.divmod(np.arange(field.size), field.shape[1])
    return block_sums(rows, cols, np.ones(field.size), field.ravel(), k)


def test_scale_variance_is_the_mean_square_within_parents(smooth) -> None:
    field = smooth(24)
    pairs = field.reshape(12, 2, 12, 2).mean(axis=(1, 3))
    parents = pairs.reshape(4, 3, 4, 3).swapaxes(1, 2).reshape(16, 9)
    within = sum(((group - group.mean()) ** 2).sum() for group in parents) * 4 / (144 - 16)
    assert scale_variance(blocks_of(field, 2), 3, 1.0) == pytest.approx(within, rel=1e-12)
    between = 36 * ((parents.mean(axis=1) - field.mean()) ** 2).sum() / 15
    assert between / within == pytest.approx(f_oneway(*parents).statistic, rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_nested_sums_of_squares_add_up(seed: int) -> None:
    """The classic decomposition: sums of squares over the levels 1, 2, 6, 24 are the whole one."""
    field = np.random.default_rng(seed).normal(0, 1, (24, 24))
    number = {1: 576, 2: 144, 6: 16, 24: 1}
    parts = [
        scale_variance(blocks_of(field, k), parent // k, 1.0) * (number[k] - number[parent]) for k, parent in ((1, 2), (2, 6), (6, 24))
    ]
    assert sum(parts) == pytest.approx(((field - field.mean()) ** 2).sum(), rel=1e-9)


def test_noise_has_the_same_scale_variance_at_every_side(cells) -> None:
    field = np.random.default_rng(0).normal(100, 3, (240, 240))
    found = scale_response(cells(field), scales_km=[1, 2, 4, 8], quantity="carbon_sink", permutations=0).set_index("scale_km")
    np.testing.assert_allclose(found["scale_variance"].dropna(), 9, rtol=0.1)
    assert np.isnan(found.loc[8, "scale_variance"])
    blocks = np.repeat(np.repeat(np.random.default_rng(1).normal(0, 3, (30, 30)), 8, axis=0), 8, axis=1)  # patches of 8 km
    peak = scale_response(cells(100 + blocks), scales_km=[1, 2, 4, 8, 24, 48], quantity="carbon_sink", permutations=0)
    assert peak.set_index("scale_km")["scale_variance"].idxmax() == 8


def test_parents_are_the_next_multiple(cells, smooth) -> None:
    found = scale_response(cells(smooth(24)), scales_km=[2, 3, 4, 12], quantity="carbon_sink", permutations=0).set_index("scale_km")
    field = smooth(24)
    for k, parent in ((2, 4), (3, 12), (4, 12)):
        assert found.loc[k, "scale_variance"] == pytest.approx(scale_variance(blocks_of(field, k), parent // k, 1.0), rel=1e-9)
    assert np.isnan(found.loc[12, "scale_variance"])


def test_cells_alone_in_their_parents_have_no_scale_variance() -> None:
    places = np.array([0, 5, 10])
    assert np.isnan(scale_variance(Blocks(places, places, np.ones(3), np.arange(3.0)), 2, 1.0))


def test_hot_stability_by_hand(cells) -> None:
    year = read_base(cells(np.ones((4, 4))), "carbon_sink").years[0]
    fine, coarse = make_side(year, 1.0, 1, (0, 0), 0.5), make_side(year, 2.0, 2, (0, 0), 0.5)
    spots = np.zeros(16, dtype=np.int64)
    spots[[0, 1, 4]] = 1  # three cells of the first block are hot
    spots[15] = -1
    above = np.array([1, 0, 0, 1])  # the first and the last block are hot
    # Either: 4 + 4 cells; the same in both: 3.
    assert hot_stability(fine, spots, coarse, above, year.area) == pytest.approx(3 / 8)
    above[3] = -9  # takes no part
    assert hot_stability(fine, spots, coarse, above, year.area) == pytest.approx(3 / 4)
    assert np.isnan(hot_stability(fine, 0 * spots, coarse, 0 * above, year.area))


def test_hot_stability_of_a_response(cells, smooth) -> None:
    field = smooth(36, length=12, noise=0)
    found = scale_response(cells(field), scales_km=[1, 2, 3], quantity="carbon_sink", permutations=0)["hot_stability"]
    assert found[:2].between(0.5, 1).all()
    assert np.isnan(found[2])


def test_loss_of_area_by_hand(cells, smooth) -> None:
    table = cells(smooth(4)).assign(forest=np.tile([0.9, 0.9, 0.2, 0.2], 4), built_up=np.tile([0.1, 0.1, 0.8, 0.8], 4))
    with pytest.warns(DataWarning, match="no statistic at 4 km"):
        found = scale_response(table, scales_km=[1, 2, 4], quantity="carbon_sink", permutations=0)
    # Forest 8.8, built-up 7.2 of 16; by majority 8 and 8, then (4 km) all forest.
    np.testing.assert_allclose(found["loss_area"], [1.6 / 16, 1.6 / 16, 14.4 / 16])
    assert "loss_area" not in scale_response(cells(smooth(4)), scales_km=[1], quantity="carbon_sink", permutations=0)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_loss_of_area_is_between_nothing_and_all(seed: int) -> None:
    g = np.random.default_rng(seed)
    classes = {name: g.exponential(1, 50) for name in "abc"}
    members = g.integers(0, 9, 50)
    members = np.unique(members, return_inverse=True)[1]
    assert 0 <= loss_area(members, classes) <= 2
    pure = {"a": np.ones(50), "b": np.zeros(50)}
    assert loss_area(members, pure) == 0
    assert np.isnan(loss_area(members, {"a": np.zeros(50), "b": np.zeros(50)}))


def test_boxes_of_a_square_a_line_and_a_point(cells) -> None:
    net = np.full((24, 24), -1.0)
    net[:, 5] = 1.0
    both = cells(np.abs(np.random.default_rng(0).random((24, 24)))).assign(net_carbon_emission=net.ravel())
    sides = [1, 2, 3, 4, 6]
    sink = scale_response(both, scales_km=sides, quantity="carbon_sink", permutations=0)
    source = scale_response(
        both.rename(columns={"carbon_sink": "carbon_source"}), scales_km=sides, quantity="carbon_source", permutations=0
    )
    assert source["box_count"].tolist() == [24, 12, 8, 6, 4]
    assert source["fractal"].tolist() == pytest.approx([1.0] * 5)
    assert sink["box_count"].tolist() == [552, 144, 64, 36, 16]  # all but the line; from 2 km on each box holds a sink
    assert sink["fractal"].iloc[0] == pytest.approx(2, abs=0.03)
    assert (
        scale_response(both, scales_km=sides, quantity="net_carbon_emission", permutations=0)[["box_count", "fractal"]]
        .isna()
        .all(axis=None)
    )
    assert fractal_dimension([1, 2, 4], [1, 1, 1]) == pytest.approx(0)
    assert np.isnan(fractal_dimension([1, 2], [4, 1])) and np.isnan(fractal_dimension([1, 2, 4], [0, 0, 0]))
    assert box_count(np.array([3, 3, 5]), np.zeros(3, dtype=bool)) == 0


def test_the_mask_comes_from_source_and_sink_too(cells, smooth) -> None:
    sink = smooth(12)
    table = cells(sink).assign(carbon_source=smooth(12, 1).ravel())
    by_parts = scale_response(table, scales_km=[1, 2, 3], quantity="carbon_sink", permutations=0)
    by_net = scale_response(
        table.assign(net_carbon_emission=table["carbon_source"] - table["carbon_sink"]),
        scales_km=[1, 2, 3],
        quantity="carbon_sink",
        permutations=0,
    )
    pd.testing.assert_frame_equal(by_parts, by_net)
    assert by_parts["box_count"].iloc[0] == (table["carbon_sink"] > table["carbon_source"]).sum()
    unknown = table.assign(carbon_source=np.nan)
    assert scale_response(unknown, scales_km=[1, 2, 3], quantity="carbon_sink", permutations=0)["box_count"].isna().all()


def test_roc_of_local_variance(cells, smooth) -> None:
    found = scale_response(cells(smooth(24)), scales_km=[1, 2, 4], quantity="carbon_sink", permutations=0)
    change = 100 * found["local_variance"].pct_change()
    np.testing.assert_allclose(found["local_variance_roc"], change)
