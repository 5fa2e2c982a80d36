"""Batch SOM: by hand, against the textbook rule in float64, minisom, scikit-learn, and the figures measured before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minisom import MiniSom
from sklearn.metrics import pairwise_distances
from sklearn.metrics import pairwise_distances_argmin as nearest_of_sklearn

from carbonshed.checks import InputError
from carbonshed.numerics.som import BLOCK, hit_counts, train_som, two_nearest_nodes
from carbonshed.numerics.som_sheet import (
    adjacent_nodes,
    distortion,
    linear_codebook,
    map_nodes,
    map_shape,
    node_positions,
    principal_axes,
    squared_map_distances,
    topographic_error,
    u_matrix,
)

LATTICES = ["hexagonal", "rectangular"]


def mixture(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    """Six skewed clusters, standardised: the data of the figures measured before."""
    rng = np.random.default_rng(seed)
    centres, shapes = rng.normal(0, 2, (6, d)), rng.normal(0, 0.5, (6, d, d)) + np.eye(d)
    which = rng.integers(0, 6, n)
    x = centres[which] + np.einsum("nd,nde->ne", rng.standard_normal((n, d)), shapes[which])
    return (x - x.mean(0)) / x.std(0)


def textbook(x: np.ndarray, shape: tuple[int, int], lattice: str, epochs: int, end_radius: float) -> np.ndarray:
    """Every sample pulls every node with the weight of its best matching node; float64 throughout."""
    codebook = linear_codebook(x, shape, lattice=lattice)
    apart = squared_map_distances(shape, lattice=lattice)
    for sigma in np.geomspace(max(shape) / 2, end_radius, epochs):
        best = ((x[:, None] - codebook[None]) ** 2).sum(-1).argmin(1)
        pull = np.exp(-apart[best] / (2 * sigma**2))
        codebook = (pull.T @ x) / pull.sum(0)[:, None]
    return codebook


def quality(x: np.ndarray, codebook: np.ndarray, shape: tuple[int, int], lattice: str = "rectangular") -> tuple[float, float]:
    best, second, distance = two_nearest_nodes(x, codebook)
    return distance.mean(), topographic_error(best, second, shape, lattice=lattice)


def test_one_epoch_by_hand():
    # nodes at -2 sd and +2 sd of (0, 0, 6): mean 2, sd sqrt(8); 0, 0 go to the first node, 6 to the second; sigma = 1, d = 1
    h = np.exp(-0.5)
    trained = train_som([[0.0], [0.0], [6.0]], (2, 1), lattice="rectangular", epochs=1, end_radius=1.0)
    np.testing.assert_allclose(trained.codebook.ravel(), [6 * h / (2 + h), 6 / (1 + 2 * h)], rtol=1e-6)
    assert (trained.epochs, trained.start_radius, trained.end_radius) == (1, 1.0, 1.0)


def test_start_radius_is_half_the_longer_side_and_falls_to_the_end_radius():
    trained = train_som(mixture(200), (9, 4), epochs=5, end_radius=0.7)
    assert (trained.start_radius, trained.end_radius, trained.epochs) == (4.5, 0.7, 5)


@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("end_radius", [1.0, 0.5])
def test_equals_the_textbook_rule_in_float64(lattice, end_radius):
    x = mixture(1500)
    ours = train_som(x, (8, 6), lattice=lattice, epochs=10, end_radius=end_radius).codebook
    theirs = textbook(x, (8, 6), lattice, 10, end_radius)
    assert np.abs(ours - theirs).max() < 1e-2  # float32 may send a sample on a border to the other node
    assert abs(quality(x, ours, (8, 6))[0] - quality(x, theirs, (8, 6))[0]) < 1e-3


def test_equals_the_textbook_rule_where_no_sample_is_near_a_border():
    x = np.repeat([[0.0, 0.0], [4.0, 1.0], [9.0, 2.0]], 7, axis=0) + np.tile([[0.01], [-0.02], [0.03], [0], [0], [0.01], [0]], (3, 1))
    ours = train_som(x, (3, 1), lattice="rectangular", epochs=8).codebook
    np.testing.assert_allclose(ours, textbook(x, (3, 1), "rectangular", 8, 1.0), atol=1e-6)


@pytest.mark.parametrize("lattice", LATTICES)
def test_same_bytes_on_any_number_of_threads(lattice):
    x = mixture(3 * BLOCK + 17, 4)
    one = train_som(x, (6, 5), lattice=lattice, epochs=4)
    for threads in (2, 3, 16):
        assert train_som(x, (6, 5), lattice=lattice, epochs=4, threads=threads).codebook.tobytes() == one.codebook.tobytes()
    single = two_nearest_nodes(x, one.codebook)
    for a, b in zip(single, two_nearest_nodes(x, one.codebook, threads=16)):
        assert a.tobytes() == b.tobytes()


def test_offset_and_unit_do_not_spoil_float32():
    x = mixture(800, 3)
    plain = train_som(x, (5, 4), epochs=6).codebook
    far = train_som(x * 2.0**40 + 2.0**45, (5, 4), epochs=6).codebook
    np.testing.assert_allclose((far - 2.0**45) / 2.0**40, plain, atol=2e-3)


@given(st.integers(0, 2**32 - 1), st.sampled_from(LATTICES))
@settings(max_examples=25, deadline=None)
def test_codebook_stays_in_the_range_of_the_data_after_an_epoch(seed, lattice):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rng.integers(3, 60), rng.integers(1, 5)))
    codebook = train_som(x, (4, 3), lattice=lattice, epochs=3, end_radius=1.0).codebook
    assert (codebook >= x.min(0) - 1e-5).all() and (codebook <= x.max(0) + 1e-5).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_nearest_nodes_equal_brute_force_and_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    x, nodes = rng.normal(size=(40, 3)), rng.normal(size=(rng.integers(2, 30), 3))
    best, second, distance = two_nearest_nodes(x, nodes)
    order = pairwise_distances(x, nodes).argsort(axis=1)
    np.testing.assert_array_equal(best, nearest_of_sklearn(x, nodes))
    np.testing.assert_array_equal(np.stack([best, second], 1), order[:, :2])
    np.testing.assert_allclose(distance, np.linalg.norm(x - nodes[best], axis=1), rtol=1e-14)
    assert hit_counts(best, len(nodes)).sum() == len(x)


def test_ties_go_to_the_lower_node():
    best, second, _ = two_nearest_nodes([[0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert (best[0], second[0]) == (0, 1)


def test_quality_is_no_worse_than_minisom_at_equal_size_and_radius():
    x = mixture(2000)
    theirs = MiniSom(10, 10, 8, sigma=5.0, sigma_decay_function="asymptotic_decay", random_seed=1)
    theirs.pca_weights_init(x)
    theirs.train(x, 20_000, random_order=True)
    ours = train_som(x, (10, 10), lattice="rectangular", end_radius=5.0 / 3.0)  # the decay ends at a third of the start
    assert quality(x, ours.codebook, (10, 10))[0] <= theirs.quantization_error(x)
    sharp = train_som(x, (10, 10), lattice="rectangular", end_radius=1.0)
    assert quality(x, sharp.codebook, (10, 10))[0] < quality(x, ours.codebook, (10, 10))[0]


def test_errors_equal_minisoms_on_the_same_codebook():
    x = mixture(400)
    theirs = MiniSom(6, 5, 8, random_seed=0)
    theirs._weights = train_som(x, (6, 5), lattice="rectangular", epochs=5).codebook.reshape(6, 5, 8)
    error, apart = quality(x, theirs._weights.reshape(30, 8), (6, 5))
    assert error == pytest.approx(theirs.quantization_error(x), rel=1e-9)
    assert apart == pytest.approx(theirs.topographic_error(x), abs=1e-12)
    ridges = u_matrix(theirs._weights.reshape(30, 8), (6, 5), lattice="rectangular")
    np.testing.assert_allclose(ridges / ridges.max(), theirs.distance_map(scaling="mean"), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("end_radius", "error", "apart"), [(1.0, 1.47, 0.031), (0.5, 1.3005, 0.103)])
def test_figures_measured_before(end_radius, error, apart):
    x = mixture(100_000)
    codebook = train_som(x, (10, 10), lattice="rectangular", epochs=10, end_radius=end_radius, threads=2).codebook
    found = quality(x[:20_000], codebook, (10, 10))
    assert found[0] == pytest.approx(error, rel=0.02)
    assert found[1] == pytest.approx(apart, abs=0.003)  # its standard error on 20 000 samples is 0.0012-0.0021


@pytest.mark.slow
def test_stops_when_the_error_settles():
    x = mixture(5000)
    trained = train_som(x, (12, 11))
    assert 30 < trained.epochs < 130
    more = train_som(x, (12, 11), initial=trained.codebook, epochs=1, end_radius=1.0)
    assert quality(x, trained.codebook, (12, 11))[0] < 1.05 * quality(x, more.codebook, (12, 11))[0]


def test_map_nodes_known_answers():
    assert [map_nodes(n) for n in (667, 700, 740)] == [129, 132, 136]
    assert map_nodes(10**6) == 900


@pytest.mark.parametrize("n", [667, 700, 740])
def test_map_shape_known_answer_for_a_round_cloud(n):
    around = np.linspace(0, 2 * np.pi, n, endpoint=False)
    assert map_shape(np.column_stack([np.cos(around), np.sin(around)])) == (12, 11)


def test_map_shape_follows_the_principal_components():
    around = np.linspace(0, 2 * np.pi, 700, endpoint=False)
    rows, columns = map_shape(np.column_stack([3 * np.cos(around), np.sin(around)]), lattice="rectangular")
    assert (rows, columns) == (19, 7)  # sqrt(132 / 3) = 6.6, then 132 / 7 = 18.9
    assert map_shape(np.linspace(0, 1, 100)[:, None]) == (50, 1)


@given(st.integers(1, 300), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_map_is_never_larger_than_the_number_of_different_rows(n, different, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(different, 3))[rng.integers(0, different, n)]
    rows, columns = map_shape(x)
    assert 1 <= rows * columns <= len(np.unique(x, axis=0))


def test_positions_and_neighbours_by_hand():
    np.testing.assert_allclose(node_positions((2, 2)), [[0, 0], [1, 0], [0.5, 0.75**0.5], [1.5, 0.75**0.5]])
    assert adjacent_nodes((3, 3))[4].tolist() == [False, True, True, True, False, True, False, True, True]
    assert adjacent_nodes((3, 3), lattice="rectangular")[4].sum() == 8


@given(st.integers(1, 7), st.integers(1, 7), st.sampled_from(LATTICES))
@settings(max_examples=40, deadline=None)
def test_map_distances_are_a_metric_and_neighbours_are_symmetric(rows, columns, lattice):
    apart = np.sqrt(squared_map_distances((rows, columns), lattice=lattice))
    assert np.array_equal(apart, apart.T) and not apart.diagonal().any()
    assert (apart[:, :, None] <= apart[:, None, :] + apart.T[None, :, :] + 1e-9).all()
    near = adjacent_nodes((rows, columns), lattice=lattice)
    assert np.array_equal(near, near.T) and near.sum(axis=1).max(initial=0) <= (6 if lattice == "hexagonal" else 8)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_principal_axes_equal_the_singular_vectors(seed):
    x = np.random.default_rng(seed).normal(size=(30, 4)) * [4.0, 3.0, 2.0, 1.0]
    mean, spread, axes = principal_axes(x)
    _, singular, vectors = np.linalg.svd(x - x.mean(0), full_matrices=False)
    np.testing.assert_allclose(spread, singular / np.sqrt(30), rtol=1e-9)
    np.testing.assert_allclose(np.abs((axes * vectors).sum(axis=1)), 1.0, rtol=1e-6)
    np.testing.assert_allclose(mean, x.mean(0))
    assert (axes[np.arange(4), np.abs(axes).argmax(1)] > 0).all()
    flipped = principal_axes(-x)[2]
    np.testing.assert_allclose(flipped, axes, atol=1e-8)


def test_first_codebook_spans_two_deviations_each_way():
    x = np.random.default_rng(0).normal(size=(500, 3)) * [5.0, 2.0, 0.1]
    mean, spread, axes = principal_axes(x)
    along = (linear_codebook(x, (9, 5)) - mean) @ axes.T
    assert along[:, 0].min() == pytest.approx(-2 * spread[0]) and along[:, 0].max() == pytest.approx(2 * spread[0])
    assert along[:, 1].max() == pytest.approx(2 * spread[1]) and np.abs(along[:, 2]).max() < 1e-9


@given(st.integers(0, 2**32 - 1), st.sampled_from(LATTICES))
@settings(max_examples=25, deadline=None)
def test_distortion_equals_the_double_sum(seed, lattice):
    rng = np.random.default_rng(seed)
    x, nodes = rng.normal(size=(30, 2)), rng.normal(size=(6, 2))
    best = two_nearest_nodes(x, nodes)[0]
    h = np.exp(-squared_map_distances((3, 2), lattice=lattice) / (2 * 0.8**2))
    by_hand = sum(h[best[i], u] * ((x[i] - nodes[u]) ** 2).sum() for i in range(30) for u in range(6)) / 30
    assert distortion(x, nodes, best, (3, 2), radius=0.8, lattice=lattice) == pytest.approx(by_hand, rel=1e-10)


def test_a_node_that_no_sample_reaches_stays_finite():
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    codebook = train_som(x, (60, 1), epochs=10, end_radius=0.05).codebook
    assert np.isfinite(codebook).all()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"samples": [[np.nan, 1.0]]}, "not_finite"),
        ({"samples": [[np.inf, 1.0]]}, "not_finite"),
        ({"samples": [1.0, 2.0]}, "som_samples"),
        ({"samples": np.empty((0, 2))}, "som_samples"),
        ({"shape": (0, 3)}, "som_shape"),
        ({"shape": (2.5, 3)}, "som_shape"),
        ({"shape": 4}, "som_shape"),
        ({"lattice": "hexagon"}, "unknown_option"),
        ({"epochs": 0}, "som_epochs"),
        ({"end_radius": 0.0}, "som_radius"),
        ({"end_radius": float("nan")}, "som_radius"),
        ({"initial": np.zeros((3, 2))}, "som_initial"),
    ],
)
def test_refusals_of_training(options, code):
    given_options = {"samples": [[0.0, 1.0], [1.0, 0.0]], "shape": (2, 2)} | options
    samples, shape = given_options.pop("samples"), given_options.pop("shape")
    with pytest.raises(InputError) as caught:
        train_som(samples, shape, **given_options)
    assert caught.value.problems[0].code == code


def test_refusals_of_the_rest():
    with pytest.raises(InputError, match="codebook of 2 features"):
        two_nearest_nodes([[0.0, 1.0]], [[0.0]])
    with pytest.raises(InputError, match="at least one sample"):
        map_nodes(0)
    with pytest.raises(InputError, match="NaN"):
        map_shape([[np.nan]])
