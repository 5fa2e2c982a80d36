"""Agreement of partitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from carbonshed.checks import InputError
from carbonshed.numerics.partitions import adjusted_rand_index, contingency, normalised_mutual_information, pairwise_agreement

TWO = st.integers(1, 40).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n)] * 2))


def test_by_hand():
    """Six things in pairs against halves: I = 2, A = 3, B = 6, P = 15; ARI = (2 - 1.2) / (4.5 - 1.2)."""
    table = contingency([0, 0, 1, 1, 2, 2], list("xxxyyy"))
    assert table.tolist() == [[2, 0], [1, 1], [0, 2]]
    assert adjusted_rand_index(table) == pytest.approx(0.8 / 3.3, abs=1e-15)
    # H(U) = ln 3, H(V) = ln 2, I = H(U) + H(V) - H(U, V) with shares 1/3, 1/6, 1/6, 1/3
    joint = -(2 / 3 * np.log(1 / 3) + 1 / 3 * np.log(1 / 6))
    assert normalised_mutual_information(table) == pytest.approx(2 * (np.log(3) + np.log(2) - joint) / (np.log(3) + np.log(2)), abs=1e-14)


@given(TWO)
@settings(max_examples=150, deadline=None)
def test_equals_scikit_learn(two):
    one, other = two
    table = contingency(one, other)
    assert np.array_equal(table, contingency_matrix(one, other))
    assert adjusted_rand_index(table) == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)
    assert normalised_mutual_information(table) == pytest.approx(normalized_mutual_info_score(one, other), abs=1e-9)


@given(TWO, st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_areas_have_no_unit_and_are_the_limit_of_many_things(two, unit, seed):
    one, other = (np.array(each) for each in two)
    area = np.random.default_rng(seed).integers(1, 5, len(one))
    index = adjusted_rand_index(contingency(one, other, weights=area * unit), pairs="points")
    assert index == pytest.approx(adjusted_rand_index(contingency(one, other, weights=area), pairs="points"), abs=1e-9)
    assert adjusted_rand_index(contingency(other, one, weights=area), pairs="points") == pytest.approx(index, abs=1e-12)
    many = area * 2000
    exact = adjusted_rand_score(np.repeat(one, many), np.repeat(other, many)) if len(one) < 8 else None
    if exact is not None:
        assert index == pytest.approx(exact, abs=5e-3)


def test_independent_partitions_agree_by_chance_only():
    rng = np.random.default_rng(0)
    ari, nmi = pairwise_agreement(rng.integers(0, 3, (20, 500)))
    assert len(ari) == len(nmi) == 190
    assert abs(ari.mean()) < 0.002 and nmi.mean() < 0.02


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_pairs_are_those_one_by_one(seed, runs, n):
    labels = np.random.default_rng(seed).integers(-1, 4, (runs, n))
    ari, nmi = pairwise_agreement(labels)
    pairs = [(i, j) for i in range(runs) for j in range(i + 1, runs)]
    assert ari == pytest.approx([adjusted_rand_score(labels[i], labels[j]) for i, j in pairs], abs=1e-12)
    assert nmi == pytest.approx([normalized_mutual_info_score(labels[i], labels[j]) for i, j in pairs], abs=1e-9)


def test_refusals():
    with pytest.raises(InputError, match="same things"):
        contingency([1, 2], [1])
    with pytest.raises(InputError, match="0 or more"):
        contingency([1, 2], [1, 2], weights=[1, -1])
    with pytest.raises(InputError, match="at least two partitions"):
        pairwise_agreement([[1, 2]])
    with pytest.raises(InputError, match="Did you mean 'points'"):
        adjusted_rand_index(np.ones((1, 1)), pairs="point")
