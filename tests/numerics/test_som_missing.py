"""Batch SOM with missing features: the textbook rule with a mask, scikit-learn's distances with NaN, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.utils.estimator_checks import estimator_checks_generator

from carbonshed.checks import InputError
from carbonshed.numerics.som import BLOCK, train_som, two_nearest_nodes
from carbonshed.numerics.som_sheet import distortion, fill_with_means, linear_codebook, map_shape, squared_map_distances
from carbonshed.zoning.som_estimator import SOM


def holes(n: int, d: int, seed: int, share: float = 0.2) -> np.ndarray:
    """Three clusters with features missing at random; at least one is known in each row, and each somewhere."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 3, (3, d))[rng.integers(0, 3, n)] + rng.normal(size=(n, d))
    x[rng.random((n, d)) < share] = np.nan
    keep = rng.integers(0, d, n)
    x[np.arange(n), keep] = np.nan_to_num(x[np.arange(n), keep], nan=1.0)
    x[0] = np.nan_to_num(x[0])
    return x


def textbook(x: np.ndarray, shape: tuple[int, int], epochs: int, end_radius: float) -> np.ndarray:
    """Each known value pulls that feature of every node with the weight of its row's best node; float64 throughout."""
    codebook = linear_codebook(fill_with_means(x), shape)
    apart, known = squared_map_distances(shape), ~np.isnan(x)
    for sigma in np.geomspace(max(shape) / 2, end_radius, epochs):
        pull = np.exp(-apart[nan_euclidean_distances(x, codebook).argmin(1)] / (2 * sigma**2))
        codebook = (pull.T @ np.nan_to_num(x)) / (pull.T @ known)
    return codebook


def test_one_node_is_the_mean_of_what_is_known():
    trained = train_som([[0.0, np.nan], [2.0, 6.0], [np.nan, 3.0], [7.0, 3.0]], (1, 1), missing="mask", epochs=2)
    np.testing.assert_allclose(trained.codebook, [[3.0, 4.0]], atol=1e-6)


def test_two_nodes_by_hand():
    """Rows at 0 and at 10; the second feature of the upper group is known once."""
    x = [[0.0, 1.0], [0.0, 3.0], [10.0, np.nan], [10.0, 8.0]]
    codebook = train_som(x, (1, 2), lattice="rectangular", end_radius=0.05, missing="mask").codebook
    np.testing.assert_allclose(codebook, [[0.0, 2.0], [10.0, 8.0]], atol=1e-5)


@pytest.mark.parametrize("d", [1, 3, 4, 7])
def test_all_known_gives_the_plain_map(d):
    x = np.random.default_rng(d).normal(size=(500, d))
    plain, masked = (train_som(x, (5, 4), epochs=6, missing=missing) for missing in ("refuse", "mask"))
    assert plain.codebook.tobytes() == masked.codebook.tobytes()
    for a, b in zip(two_nearest_nodes(x, plain.codebook), two_nearest_nodes(x, plain.codebook, missing="mask")):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_textbook_rule_with_a_mask(seed):
    x = holes(1200, 5, seed)
    ours, theirs = train_som(x, (5, 4), epochs=8, missing="mask").codebook, textbook(x, (5, 4), 8, 1.0)
    assert np.abs(ours - theirs).max() < 2e-2  # float32 may send a row on a border to the other node


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_distances_equal_those_of_scikit_learn_with_nan(seed):
    rng = np.random.default_rng(seed)
    x, nodes = holes(40, 4, seed, 0.4), rng.normal(size=(int(rng.integers(2, 20)), 4))
    best, second, distance = two_nearest_nodes(x, nodes, missing="mask")
    apart = nan_euclidean_distances(x, nodes)
    np.testing.assert_array_equal(np.stack([best, second], 1), apart.argsort(axis=1)[:, :2])
    np.testing.assert_allclose(distance, apart.min(axis=1), rtol=1e-6, atol=1e-7)  # theirs loses digits by |x|^2 - 2 x.y + |y|^2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_distortion_equals_the_double_sum(seed):
    x = holes(30, 3, seed, 0.3)
    nodes = np.random.default_rng(seed).normal(size=(6, 3))
    best = two_nearest_nodes(x, nodes, missing="mask")[0]
    pull = np.exp(-squared_map_distances((3, 2)) / (2 * 0.8**2))[best]
    known = ~np.isnan(x)
    gap = (known[:, None] * (np.nan_to_num(x)[:, None] - nodes[None]) ** 2).sum(-1) * (3 / known.sum(1))[:, None]
    assert distortion(x, nodes, best, (3, 2), radius=0.8, missing="mask") == pytest.approx((pull * gap).sum() / 30, rel=1e-12)


def test_same_bytes_on_any_number_of_threads():
    x = holes(2 * BLOCK + 5, 3, 1)
    one = train_som(x, (4, 4), epochs=3, missing="mask").codebook
    assert train_som(x, (4, 4), epochs=3, missing="mask", threads=5).codebook.tobytes() == one.tobytes()


def test_a_row_that_misses_a_feature_goes_with_its_like():
    """Of two far groups, told apart by every feature, rows with one feature each are put right."""
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1], 100)
    x = rng.normal(size=(200, 4)) + 8.0 * group[:, None]
    x[::3, :2] = np.nan
    som = SOM((1, 2), lattice="rectangular", end_radius=0.3, missing="mask").fit(x)
    alone = np.array([[np.nan, np.nan, np.nan, 0.0], [np.nan, 8.0, np.nan, np.nan]])
    labels = som.predict(x)
    assert (labels[:100] == labels[0]).all() and (labels[100:] == labels[150]).all() and labels[0] != labels[150]
    assert som.predict(alone).tolist() == [labels[0], labels[150]]
    assert som.transform(alone).shape == (2, 2)
    assert som.quantization_error(alone) < 2 and som.topographic_error(x) == 0 and som.distortion(x) > 0


@pytest.mark.parametrize(("estimator", "check"), list(estimator_checks_generator(SOM((3, 2), missing="mask"))))
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("samples", "options", "code"),
    [
        ([[np.nan, np.nan], [1.0, 2.0]], {}, "not_finite"),
        ([[np.inf, np.nan], [1.0, 2.0]], {}, "not_finite"),
        ([[1.0, np.nan], [2.0, np.nan]], {}, "no_known_value"),
        ([[1.0, np.nan], [2.0, 3.0]], {"missing": "refuse"}, "not_finite"),
        ([[1.0, np.nan], [2.0, 3.0]], {"missing": "fill"}, "unknown_option"),
    ],
)
def test_refusals(samples, options, code):
    settings_ = {"missing": "mask"} | options
    with pytest.raises(InputError) as caught:
        train_som(samples, (2, 1), **settings_)
    assert caught.value.problems[0].code == code
    if np.isfinite(np.nan_to_num(samples)).all() and code != "not_finite":  # scikit-learn itself refuses what is infinite
        with pytest.raises(InputError):
            SOM((2, 1), **settings_).fit(samples)


def test_refusal_of_a_row_of_which_nothing_is_known_in_predict():
    som = SOM((2, 1), missing="mask").fit([[0.0, 1.0], [3.0, np.nan]])
    with pytest.raises(InputError, match="first is row 1"):
        som.predict([[0.0, np.nan], [np.nan, np.nan]])
    with pytest.raises(InputError):
        map_shape([[np.nan, 1.0], [2.0, 3.0]])
