import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carbonshed.numerics.links import has_equal_weights, is_binary, is_in_order


@pytest.mark.parametrize(
    ("indptr", "indices", "in_order"),
    [
        ([0, 1, 2], [1, 0], True),
        ([0, 0, 0], [], True),
        ([0, 2, 2], [1, 1], False),  # a link twice
        ([0, 1, 2], [0, 0], False),  # a self-link
        ([0, 2, 3, 4], [2, 1, 0, 0], False),  # columns fall
        ([0, 1, 2, 3], [2, 2, 1], True),  # the same column in two rows
    ],
)
def test_in_order_by_hand(indptr, indices, in_order):
    n = len(indptr) - 1
    assert is_in_order(csr_array((np.ones(len(indices)), np.array(indices, dtype=np.int32), indptr), shape=(n, n))) is in_order


@given(st.integers(1, 9), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_order_and_weights_agree_with_scipy_and_numpy(n, links, seed):
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.integers(0, n, links))
    indices = rng.integers(0, n, links)
    weights = csr_array((rng.integers(1, 3, links).astype(float), indices, np.searchsorted(rows, np.arange(n + 1))), shape=(n, n))
    own = bool((indices == rows).any())
    assert is_in_order(weights) == (bool(weights.copy().has_canonical_format) and not own)
    assert is_binary(weights) == bool((weights.data == 1).all())
    assert has_equal_weights(weights) == all(len(set(weights.data[rows == i])) <= 1 for i in range(n))
