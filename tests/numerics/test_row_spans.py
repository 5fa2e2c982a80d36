"""Grid lines as curves on a raster: traced positions, pieces of row lines, and shares of every pixel against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.numerics.curved_lines import row_line_pieces, trace
from carbonshed.numerics.packed_counts import n_words
from carbonshed.numerics.row_spans import add_rows

STEP = 32


def test_trace_finds_a_cubic_to_rounding() -> None:
    """c = 0.05 p + 2e-6 p^2 - 3e-9 p^3 is met exactly by the cubics."""

    def of(p: np.ndarray) -> np.ndarray:
        return 0.05 * p + 2e-6 * p**2 - 3e-9 * p**3

    nodes = (np.arange(16) - 3) * float(STEP)
    at = trace(np.stack([of(nodes), of(nodes) - 0.7]), 18, STEP)
    inside = (at > -2 * STEP) & (at < 11 * STEP)
    assert inside.sum() > 30
    found = of(at) - np.array([[0.0], [0.7]])
    assert found[inside] == pytest.approx(np.broadcast_to(np.arange(18.0), (2, 18))[inside], abs=1e-10)
    assert (np.diff(at, axis=1) > 0).all()


@st.composite
def maps(draw: st.DrawFn) -> dict[str, float]:
    """A turned, bent map: right = a column + b row + bend, down alike, in cells."""
    size = draw(st.floats(2.5, 90))
    return {
        "size": size,
        "turn": draw(st.floats(-0.6, 0.6)),
        "bend": draw(st.floats(-2e-4, 2e-4)),
        "right": draw(st.floats(0, 1)),
        "down": draw(st.floats(0, 1)),
        "height": draw(st.integers(1, 70)),
        "width": draw(st.integers(1, 110)),
        "seed": draw(st.integers(0, 5)),
        "n_classes": draw(st.sampled_from([3, 8, 13])),
        "top": draw(st.integers(0, 40)),
    }


@given(maps(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_every_pixel_has_its_shares(case: dict[str, float], centre: bool) -> None:
    height, width, top, n_classes = (int(case[name]) for name in ("height", "width", "top", "n_classes"))
    block = np.random.default_rng(int(case["seed"])).integers(0, n_classes, (height, width), dtype=np.uint8)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, height)
    bottom = top + height

    def right(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        return 2 + case["right"] + (column + case["turn"] * row + case["bend"] * row**2) / case["size"] + 0.6 * bottom / case["size"] + 1

    def down(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        return 2 + case["down"] + (row - case["turn"] * column + case["bend"] * column**2) / case["size"] + 0.7 * width / case["size"] + 1

    rows = (np.arange(-(-bottom // STEP) + 7) - 3.0) * STEP
    columns = (np.arange(-(-width // STEP) + 7) - 3.0) * STEP
    n_lines = int(max(right(width, bottom), right(width, 0), down(0, bottom), down(width, bottom))) + 4
    x = trace(right(columns[None, :], rows[:, None]), n_lines, STEP)
    y = np.ascontiguousarray(trace(down(columns[:, None], rows[None, :]), n_lines, STEP).T)
    pieces = row_line_pieces(y, STEP, top, bottom, width, centre=centre)
    first = np.floor(down(np.array(0.5), np.arange(top, bottom))).astype(np.int64)  # true of pixels that no line cuts
    for i in range(height):
        lines = y[:, 2:6] @ lagrange(0.5 / STEP)
        first[i] = np.searchsorted(lines, top + i, side="right") - 1
    table = np.zeros((n_lines - 1, n_lines - 1, 8 * n_words(n_classes)))
    add_rows(block, top, weights, x, STEP, pieces, first, table, centre=centre)
    expected = plain(block, top, weights, right, down, table.shape, centre)
    assert table.sum() == pytest.approx(weights.sum() * width, rel=1e-12)
    if centre:
        wrong = np.abs(table - expected).sum()
        assert wrong < 1e-9 or near_a_line(block.shape, top, right, down)
    else:
        assert table == pytest.approx(expected, abs=1e-4)


def lagrange(t: float) -> np.ndarray:
    return np.array([-t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2, -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6])


def near_a_line(shape, top, right, down) -> bool:
    """Whether a centre lies on a line but for rounding."""
    row, column = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    values = np.concatenate([f(column, row + top).ravel() for f in (right, down)])
    return bool(np.abs(values - np.round(values)).min() < 1e-7)


def plain(block, top, weights, right, down, shape, centre):
    """Pixel by pixel: where the line of each coordinate next to the pixel crosses the middle of its row or column."""
    table = np.zeros(shape)
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            row, column = top + i + 0.5, j + 0.5
            across = shares(right(j, row), right(j + 1, row), right(column, row), centre)
            along = shares(down(column, top + i), down(column, top + i + 1), down(column, row), centre)
            for c, s in across:
                for m, t in along:
                    table[m, c, block[i, j]] += weights[i] * s * t
    return table


def shares(low: float, high: float, middle: float, centre: bool) -> list[tuple[int, float]]:
    """Cells of a stretch one pixel long, whose coordinate grows evenly, and the share of it in each."""
    if centre:
        return [(int(np.floor(middle)), 1.0)]
    first, line = int(np.floor(low)), np.floor(high)
    if line <= first:
        return [(first, 1.0)]
    share = (line - low) / (high - low)
    return [(first, share), (first + 1, 1 - share)]


def test_one_leaning_line_by_hand() -> None:
    """A row line from row 0.25 at column 0 to 2.25 at column 4: crosses columns' middles at 0.5, 1, 1.5, 2."""
    nodes = (np.arange(8) - 3.0) * STEP
    y = np.array([nodes * 0 - 50, 0.25 + nodes / 2])
    pieces = row_line_pieces(y, STEP, 0, 3, 4, centre=False)
    assert pieces.pointer.tolist() == [0, 1, 2, 3]
    assert (pieces.start.tolist(), pieces.end.tolist()) == ([0, 1, 3], [1, 3, 4])
    assert pieces.line.tolist() == [1, 1, 1]
    assert pieces.after[:2].tolist() == [0, 0]  # right of the piece the line is lower: the pixels lie in cell row 0
    share = [pieces.share[o : o + e - s].tolist() for s, e, o in zip(pieces.start, pieces.end, pieces.offset, strict=True)]
    assert share == [[0.5], [0.0, 0.5], [0.0]]
