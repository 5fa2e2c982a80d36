"""K-Means by many starts: the library's clusters from the same seed, fixed points of Lloyd's iteration, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from carbonshed.checks import InputError
from carbonshed.numerics.kmeans import k_means


@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 5), st.booleans())
@settings(max_examples=40)
def test_equals_scikit_learn_from_the_same_seed(seed, k, features, has_weights):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(k + 1, 300))
    x = draw.normal(size=(n, features)) + draw.integers(0, 3, size=(n, 1))
    weights = draw.integers(1, 60, size=n).astype(float) if has_weights else None
    with threadpool_limits(limits=1):
        peer = KMeans(k, n_init=7, random_state=seed).fit(x, sample_weight=weights)
    found = k_means(x, k, starts=7, seed=seed, weights=weights)
    assert found.labels.tolist() == peer.labels_.tolist()
    assert found.within == pytest.approx(peer.inertia_, rel=1e-9, abs=1e-12)
    assert found.centres == pytest.approx(peer.cluster_centers_, rel=1e-12, abs=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=40)
def test_rows_are_at_their_nearest_centre_and_centres_at_the_mean_of_their_rows(seed, k):
    draw = np.random.default_rng(seed)
    x = draw.integers(-3, 4, size=(40, 2)).astype(float)  # ties and equal rows
    weights = draw.integers(0, 3, size=40).astype(float)
    weights[0] = 1.0
    found = k_means(x, k, starts=3, seed=seed, weights=weights)
    squared = ((x[:, None] - found.centres) ** 2).sum(axis=2)
    own = squared[np.arange(40), found.labels]
    assert own == pytest.approx(squared.min(axis=1), abs=1e-12)
    assert found.within == pytest.approx(float(weights @ own), rel=1e-9, abs=1e-9)
    for cluster in range(k):
        members = (found.labels == cluster) & (weights > 0)
        if members.any():
            assert found.centres[cluster] == pytest.approx(np.average(x[members], axis=0, weights=weights[members]), abs=1e-9)


def test_weights_count_as_repeated_rows():
    x, weights = np.array([[0.0], [1.0], [10.0], [12.0]]), np.array([3, 1, 1, 1])
    heavy, repeated = k_means(x, 2, weights=weights), k_means(np.repeat(x, weights, axis=0), 2)
    assert sorted(heavy.centres.ravel()) == pytest.approx([0.25, 11.0])
    assert heavy.within == pytest.approx(repeated.within)


def test_more_starts_are_never_worse():
    x = np.random.default_rng(4).normal(size=(200, 3))
    withins = [k_means(x, 8, starts=starts, seed=1).within for starts in (1, 5, 25)]
    assert withins[0] >= withins[1] >= withins[2]
    assert withins[0] > withins[2]


def test_equal_rows_leave_clusters_without_rows_and_nothing_within():
    found = k_means(np.repeat([[1.0, 2.0], [5.0, 5.0]], 4, axis=0), 4)
    assert found.within == 0
    assert len(np.unique(found.labels)) == 2


@pytest.mark.parametrize(
    ("x", "k", "options"),
    [
        ([[1.0], [np.nan]], 1, {}),
        ([1.0, 2.0], 1, {}),
        ([[1.0]], 2, {}),
        ([[1.0]], 0, {}),
        ([[1.0], [2.0]], 1, {"starts": 0}),
        ([[1.0], [2.0]], 1, {"weights": [1.0, -1.0]}),
        ([[1.0], [2.0]], 1, {"weights": [0.0, 0.0]}),
        ([[1.0], [2.0]], 1, {"weights": [1.0]}),
    ],
)
def test_refuses(x, k, options):
    with pytest.raises(InputError):
        k_means(x, k, **options)
