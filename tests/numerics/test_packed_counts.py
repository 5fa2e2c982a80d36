"""Packed counters against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.numerics.cut_lines import cut_axis, fold_runs
from carbonshed.numerics.packed_counts import count_runs, look_up, look_up_pairs, n_words


def edges(draw: st.DrawFn, n: int) -> np.ndarray:
    inner = draw(st.sets(st.integers(1, max(n - 1, 1)), max_size=6))
    return np.array(sorted({0, n} | {k for k in inner if k < n}), dtype=np.int64)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    rows, columns = draw(st.integers(1, 700)), draw(st.integers(1, 700))
    n_classes = draw(st.sampled_from([1, 2, 7, 8, 9, 16, 17, 40]))
    values = np.random.default_rng(draw(st.integers(0, 9))).integers(0, n_classes, (rows, columns), dtype=np.uint8)
    if draw(st.booleans()):
        values[:] = n_classes - 1  # one class everywhere: no counter may overflow
    return values, edges(draw, rows), edges(draw, columns), n_classes


@given(cases())
@settings(max_examples=60, deadline=None)
def test_equal_to_plain_counts(case: tuple[np.ndarray, np.ndarray, np.ndarray, int]) -> None:
    block, row_edges, column_edges, n_classes = case
    counts = count_runs(block, row_edges, column_edges, n_classes)
    assert counts.shape[2] == 8 * n_words(n_classes)
    for k in range(counts.shape[2]):
        plain = np.add.reduceat(np.add.reduceat(block == k, row_edges[:-1], axis=0, dtype=np.int64), column_edges[:-1], axis=1)
        assert np.array_equal(counts[:, :, k], plain)


def test_wider_than_the_nearest_cache() -> None:
    block = np.random.default_rng(1).integers(0, 8, (260, 9000), dtype=np.uint8)
    counts = count_runs(block, np.array([0, 260]), np.array([0, 9000]), 8)
    assert counts[0, 0].tolist() == np.bincount(block.ravel(), minlength=8).tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_look_up(dtype: type) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    table = np.random.default_rng(2).integers(0, 200, high - low + 1).astype(np.uint8)
    block = np.random.default_rng(3).integers(low, high, (40, 50), endpoint=True).astype(dtype)
    assert np.array_equal(look_up(block[:, ::2], table, low), table[block[:, ::2].astype(int) - low])


def test_look_up_pairs() -> None:
    rng = np.random.default_rng(4)
    table, first, second = (rng.integers(0, n, shape).astype(np.uint8) for n, shape in ((255, (9, 200)), (9, (40, 50)), (200, (40, 50))))
    assert np.array_equal(look_up_pairs(first[:, ::2], second[:, ::2], table), table[first, second][:, ::2])


@st.composite
def lines(draw: st.DrawFn) -> tuple[int, list[np.ndarray]]:
    n = draw(st.integers(1, 60))
    grids = []
    for _ in range(draw(st.integers(1, 3))):
        step = draw(st.floats(1, 25))
        first = -draw(st.floats(0, 1)) * step
        grids.append(first + step * np.arange(int(np.ceil((n - first) / step)) + 1))
    return n, [np.append(line, line[-1] + 1.5) if line[-1] < n else line for line in grids]


@given(lines(), lines(), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_cells_are_the_overlaps_of_pixels(rows: tuple[int, list[np.ndarray]], columns: tuple[int, list[np.ndarray]], seed: int) -> None:
    block = np.random.default_rng(seed).integers(0, 5, (rows[0], columns[0]), dtype=np.uint8)
    by_row, by_column = cut_axis(*rows), cut_axis(*columns)
    counts = count_runs(block, by_row.edges, by_column.edges, 5)
    for k in range(min(len(rows[1]), len(columns[1]))):
        table = np.zeros((len(rows[1][k]), len(columns[1][k]), counts.shape[2]))
        fold_runs(counts, by_row.cell[k], by_row.share[k], by_column.cell[k], by_column.share[k], table)
        shares = [overlap(n, line) for n, line in ((rows[0], rows[1][k]), (columns[0], columns[1][k]))]
        for c in range(5):
            expected = shares[0].T @ (block == c) @ shares[1]
            assert np.allclose(table[: expected.shape[0], : expected.shape[1], c], expected, atol=1e-6)
        assert table.sum() == pytest.approx(block.size, rel=1e-12)


def overlap(n: int, line: np.ndarray) -> np.ndarray:
    """Share of each pixel in each cell, plainly."""
    pixel = np.arange(n)[:, None]
    return np.maximum(np.minimum(pixel + 1, line[1:]) - np.maximum(pixel, line[:-1]), 0)


@pytest.mark.parametrize("line", [[0.5, 5.0], [0.0, 3.0], [0.0, 0.5, 5.0]])
def test_lines_that_do_not_enclose_the_pixels_are_refused(line: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one pixel apart"):
        cut_axis(4, [np.array(line)])
