"""Sums over spans: a hand case, and a naive loop with long runs and many classes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.numerics.scanline import Spans
from carbonshed.numerics.span_sums import NEAR, add_spans

WIDE = NEAR // 2 - 1
"""Two rows at a time."""


def test_by_hand() -> None:
    """Two zones: zone 2 covers the first row, zone 5 a quarter of the last pixel of the second."""
    first, second = np.array([2, 5], np.int32), np.array([0, 1], np.int32)
    spans = Spans(first, np.array([0, 1, 2]), second, np.array([0, 2], np.int32), np.array([3, 3], np.int32), np.array([1.0, 0.25]))
    areas, pixels, whole = add_spans(np.array([[0, 1, 1], [0, 0, 2]], np.uint8), spans, np.array([[2.0], [8.0]]), 3)
    assert pixels.tolist() == [[1.0, 2.0, 0.0], [0.0, 0.0, 0.25]]
    assert areas.tolist() == [[2.0, 4.0, 0.0], [0.0, 0.0, 2.0]]
    assert whole.tolist() == [3, 2, 1]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 250), st.integers(1, 900) | st.just(WIDE), st.sampled_from(["one", "row", "pixel"]))
def test_like_a_naive_loop(seed: int, n_classes: int, width: int, kind: str) -> None:
    """Runs beyond what a word counts, more classes than it holds, strips beyond what is gone through at a time, weights of one area, by
    row and by pixel; shares 1 and below."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 6))
    block = np.repeat(rng.integers(0, n_classes, (rows, -(-width // 7))), 7, axis=1)[:, :width].astype(np.uint8)
    weights = {"one": np.full((rows, 1), 0.3), "row": rng.random((rows, 1)), "pixel": rng.random((rows, width))}[kind]
    zones = np.unique(rng.integers(0, 9, 4)).astype(np.int32)
    table, pointer = [], [0]
    for _ in zones:
        for row in range(rows):
            a, b = np.sort(rng.integers(0, width + 1, 2))
            table.append((row, a, b, 1.0 if rng.random() < 0.6 else rng.random()))
        pointer.append(len(table))
    row, first, end = (np.array([entry[k] for entry in table], np.int32) for k in range(3))
    spans = Spans(zones, np.array(pointer), row, first, end, np.array([entry[3] for entry in table]))
    areas, pixels, whole = add_spans(block, spans, weights, n_classes)
    expected_areas, expected = np.zeros((2, len(zones), n_classes))
    for k in range(len(zones)):
        for r, a, b, share in table[pointer[k] : pointer[k + 1]]:
            expected[k] += share * np.bincount(block[r, a:b], minlength=n_classes)
            by_pixel = np.broadcast_to(weights[r], width)[a:b]
            expected_areas[k] += share * np.bincount(block[r, a:b], weights=by_pixel, minlength=n_classes)
    np.testing.assert_allclose(pixels, expected, rtol=1e-10, atol=1e-12)  # either adds up to 3e5 shares one by one
    np.testing.assert_allclose(areas, expected_areas, rtol=1e-10, atol=1e-12)
    if all(entry[3] == 1.0 for entry in table):
        assert np.array_equal(pixels, expected)
    assert np.array_equal(whole, np.bincount(block.ravel(), minlength=n_classes))
