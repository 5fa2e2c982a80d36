"""The SOM as a scikit-learn estimator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.metrics import homogeneity_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from carbonshed.checks import InputError
from carbonshed.zoning.som_estimator import SOM, worker_count


@pytest.mark.parametrize(("estimator", "check"), list(estimator_checks_generator(SOM())) + list(estimator_checks_generator(SOM((3, 2)))))
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_two_groups_by_hand():
    som = SOM((1, 2), lattice="rectangular", end_radius=0.1).fit([[0.0], [0.2], [5.0], [5.2]])
    np.testing.assert_allclose(som.codebook_.ravel(), [0.1, 5.1], atol=1e-6)
    assert som.predict([[1.0], [4.0]]).tolist() == [0, 1]
    assert som.hit_counts_.tolist() == [2, 2] and som.labels_.tolist() == [0, 0, 1, 1]
    assert som.quantization_error([[0.0], [0.2], [5.0], [5.2]]) == pytest.approx(0.1, abs=1e-6)
    assert som.topographic_error([[0.0], [5.0]]) == 0.0
    np.testing.assert_allclose(som.transform([[0.0]]), [[0.1, 5.1]], atol=1e-6)
    np.testing.assert_allclose(som.u_matrix(), [[5.0, 5.0]], atol=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_predict_is_the_least_of_transform_and_hits_sum_to_rows(seed):
    x = np.random.default_rng(seed).normal(size=(80, 3))
    som = SOM(epochs=3).fit(x)
    assert som.hit_counts_.sum() == 80 and som.codebook_.shape == (som.shape_[0] * som.shape_[1], 3)
    distances = som.transform(x)
    np.testing.assert_allclose(distances[np.arange(80), som.predict(x)], distances.min(axis=1), rtol=1e-6, atol=1e-7)
    assert som.quantization_error(x) == pytest.approx(distances.min(axis=1).mean(), rel=1e-6)
    assert 0.0 <= som.topographic_error(x) <= 1.0 and som.distortion(x) > 0


def test_threads_and_repetition_do_not_change_a_byte():
    x = np.random.default_rng(1).normal(size=(40_000, 4))
    one = SOM((7, 6), epochs=3).fit(x)
    many = SOM((7, 6), epochs=3, n_jobs=16).fit(x)
    assert one.codebook_.tobytes() == many.codebook_.tobytes() and one.predict(x).tobytes() == many.predict(x).tobytes()


def test_seed_matters_only_where_the_map_starts_at_drawn_rows():
    x = np.random.default_rng(2).normal(size=(300, 3))
    assert SOM((4, 4), seed=1).fit(x).codebook_.tobytes() == SOM((4, 4), seed=2).fit(x).codebook_.tobytes()
    drawn = [SOM((4, 4), seed=seed, epochs=1, initialisation="sample").fit(x).codebook_ for seed in (1, 1, 2)]
    assert drawn[0].tobytes() == drawn[1].tobytes() != drawn[2].tobytes()


def test_wine_types_are_told_apart():
    """Wines of three growers on a 5 x 5 hexagonal sheet: nodes are nearly pure."""
    wine = load_wine()
    nodes = make_pipeline(StandardScaler(), SOM((5, 5))).fit(wine.data).predict(wine.data)
    assert homogeneity_score(wine.target, nodes) > 0.85


def test_worker_count():
    assert worker_count(None) == 1 and worker_count(4) == 4 and worker_count(-1) >= 1 and worker_count(-10_000) == 1


def test_refusals():
    with pytest.raises(InputError, match="initialisation"):
        SOM(initialisation="pca").fit([[0.0], [1.0]])
    with pytest.raises(InputError, match="Did you mean 'hexagonal'"):
        SOM(lattice="hexagon").fit([[0.0], [1.0]])
    with pytest.raises(ValueError, match="NaN"):
        SOM().fit([[np.nan], [1.0]])
    assert clone(SOM((2, 3), end_radius=0.5)).get_params()["end_radius"] == 0.5
