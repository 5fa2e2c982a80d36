"""Ward's method without links: against all pairs by hand and scikit-learn's; equal rows, ties, order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering

from carbonshed.checks import InputError
from carbonshed.numerics.region_start import by_first_member
from carbonshed.numerics.ward import ward_clusters


def by_all_pairs(x, k):
    """One merge at a time, the cheapest of all pairs."""
    groups = [[i] for i in range(len(x))]

    def cost(a, b):
        return len(a) * len(b) / (len(a) + len(b)) * ((x[a].mean(axis=0) - x[b].mean(axis=0)) ** 2).sum()

    while len(groups) > k:
        _, i, j = min((cost(a, b), i, j) for i, a in enumerate(groups) for j, b in enumerate(groups) if i < j)
        groups[i] += groups.pop(j)
    labels = np.empty(len(x), dtype=np.int64)
    for label, group in enumerate(groups):
        labels[group] = label
    return by_first_member(labels)


def test_example_by_hand():
    """0, 1 | 10, 11, 12: joining 12 with 10, 11 costs 2/3 1.5^2 = 1.5; then the two groups 6/5 10.5^2 = 132.3."""
    rows = [[10.0], [0], [12], [1], [11]]
    assert ward_clusters(rows, 2).tolist() == [0, 1, 0, 1, 0]
    assert ward_clusters(rows, 5).tolist() == [0, 1, 2, 3, 4]
    assert ward_clusters(rows, 1).tolist() == [0] * 5


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), features=st.integers(1, 4), tail=st.sampled_from([0.0, 1.0, 5.0]))
def test_it_is_one_merge_of_the_cheapest_pair_at_a_time(seed, n, features, tail):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, features)) * np.exp(tail * rng.standard_normal((n, 1)))
    for k in sorted({1, 2, min(3, n), n // 2 + 1, n}):
        np.testing.assert_array_equal(ward_clusters(x, k), by_all_pairs(x, k))


@pytest.mark.parametrize("features", [1, 3, 9])
@pytest.mark.parametrize("drawn", [False, True])
def test_clusters_are_those_of_scikit_learn(features, drawn):
    """1,500 rows in two clouds; drawn with repetition, as a bootstrap, rows are repeated."""
    rng = np.random.default_rng(features)
    x = rng.standard_normal((1500, features)) @ rng.standard_normal((features, features))
    x[:400] = 0.2 * x[:400] + 3
    if drawn:
        x = x[rng.integers(len(x), size=len(x))]
    for k in (2, 3, 8, 60):
        theirs = AgglomerativeClustering(k, linkage="ward").fit_predict(x)
        np.testing.assert_array_equal(ward_clusters(x, k), by_first_member(theirs))


@pytest.mark.parametrize("shape", ["plain", "levels"])
def test_equal_costs_are_settled_whatever_the_order_of_the_rows(shape):
    rng = np.random.default_rng(4)
    plain = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), axis=-1).reshape(-1, 2)
    x = plain if shape == "plain" else rng.integers(0, 5, (1600, 3)) / 4
    labels, order = ward_clusters(x, 6), rng.permutation(len(x))
    assert labels.max() == 5
    np.testing.assert_array_equal(ward_clusters(x[order], 6), by_first_member(labels[order]))
    assert all(len(np.unique(labels[(x == row).all(axis=1)])) == 1 for row in np.unique(x, axis=0)[:40])


def test_a_chain_in_which_each_is_nearest_to_the_one_before():
    chain = (3.0 ** np.arange(-30, 30))[:, None]
    for k in (2, 5, 20):
        np.testing.assert_array_equal(ward_clusters(chain, k), by_all_pairs(chain, k))
    assert np.bincount(ward_clusters((2.0 ** np.arange(-400, 400))[:, None], 4)).tolist() == [796, 2, 1, 1]  # two cost half of one and many


@pytest.mark.parametrize(
    ("x", "k", "message"),
    [([[1.0], [1.0]], 2, "1 to 1 clusters"), ([[1.0]], 0, "got 0"), ([[np.nan]], 1, "finite rows"), ([1.0, 2.0], 1, "finite")],
)
def test_refusals(x, k, message):
    with pytest.raises(InputError, match=message):
        ward_clusters(x, k)
