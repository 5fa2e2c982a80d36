"""Silhouettes of several clusterings at once: the library's values, invariance, cases without one, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score

from carbonshed.checks import InputError
from carbonshed.numerics.silhouette import silhouettes


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_equals_scikit_learn_for_each_clustering(seed):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(8, 90))
    x = draw.normal(size=(n, int(draw.integers(1, 5))))
    runs = [np.append(draw.integers(0, k, size=n - 2), [0, 1]) for k in (2, 3, 6)]
    assert silhouettes(x, runs) == pytest.approx([silhouette_score(x, run) for run in runs], abs=1e-9)


def test_order_of_rows_and_names_of_clusters_do_not_matter():
    draw = np.random.default_rng(1)
    x, labels, order = draw.normal(size=(50, 3)), draw.integers(0, 4, size=50), draw.permutation(50)
    names = np.array(["d", "b", "a", "c"])[labels]
    assert silhouettes(x[order], [names[order]])[0] == pytest.approx(silhouettes(x, [labels])[0], abs=1e-12)


def test_a_row_alone_counts_as_zero_and_equal_rows_do_too():
    assert silhouettes([[0.0], [1.0], [5.0]], [[0, 0, 1]])[0] == pytest.approx((1 - 1 / 5 + 1 - 1 / 4) / 3)
    assert silhouettes(np.ones((4, 2)), [[0, 0, 1, 1]])[0] == 0


def test_one_cluster_and_as_many_as_rows_have_none():
    assert np.isnan(silhouettes([[0.0], [1.0]], [[0, 0], [0, 1]])).all()


def test_refuses():
    with pytest.raises(InputError):
        silhouettes([[np.nan], [1.0]], [[0, 1]])
    with pytest.raises(InputError):
        silhouettes([[0.0], [1.0]], [[0, 1, 1]])
