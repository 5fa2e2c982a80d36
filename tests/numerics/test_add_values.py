"""Sums of a continuous raster over spans: a hand case, naive loops, and what holds no data."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.numerics.scanline import Edges, directed_edges, exact_spans
from carbonshed.numerics.span_sums import add_values


def edges_of(boxes: list[shapely.Polygon]) -> Edges:
    xy = np.vstack([shapely.get_coordinates(box.exterior) for box in boxes])
    ring = np.repeat(np.arange(len(boxes)), [len(box.exterior.coords) for box in boxes])
    return directed_edges(xy, ring, np.arange(len(boxes)), np.zeros(len(boxes), dtype=bool))


def test_by_hand() -> None:
    block = np.array([[1.0, 2.0], [np.nan, 4.0]])
    spans = exact_spans(edges_of([shapely.box(0.5, 0, 2, 2)]), 0, 2, 2)
    sums, extremes = np.zeros((1, 4)), np.array([np.inf, -np.inf])
    add_values(block, spans, np.array([[10.0], [20.0]]), sums, extremes)
    # shares 0.5, 1 / 0.5, 1; the pixel of 3 km2 that is NaN is left out everywhere
    assert sums.tolist() == [[0.5 + 2 + 4, 5 + 20 + 80, 5 + 10 + 20, 2.5]]
    assert extremes.tolist() == [1.0, 4.0]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_like_naive_loops_in_strips_and_pixel_by_pixel(seed: int) -> None:
    g = np.random.default_rng(seed)
    height, width = g.integers(2, 12, 2)
    block = g.normal(size=(height, width))
    block[g.random((height, width)) < 0.2] = np.nan
    block[g.random((height, width)) < 0.05] = np.inf
    corners = np.sort(g.uniform(-1, [[width + 1.0], [height + 1.0]], (4, 2, 2)), axis=2)
    boxes = [shapely.box(x[0], y[0], x[1], y[1]) for x, y in corners]
    for weights in (g.random((height, 1)), g.random((height, width))):
        sums, extremes = np.zeros((4, 4)), np.array([np.inf, -np.inf])
        for top in range(0, height, 3):
            bottom = min(top + 3, height)
            spans = exact_spans(edges_of(boxes), top, bottom, width)
            add_values(block[top:bottom], spans, weights[top:bottom], sums, extremes)
        expected, seen = np.zeros((4, 4)), []
        for z, box in enumerate(boxes):
            for r in range(height):
                for c in range(width):
                    share = box.intersection(shapely.box(c, r, c + 1, r + 1)).area
                    if share > 1e-9 and np.isfinite(block[r, c]):
                        w = weights[r, c if weights.shape[1] > 1 else 0]
                        expected[z] += share * np.array([block[r, c], w * block[r, c], w, 1.0])
                        seen.append(block[r, c])
        np.testing.assert_allclose(sums, expected, atol=1e-9)
        if seen:
            assert extremes[0] <= min(seen) and extremes[1] >= max(seen)
