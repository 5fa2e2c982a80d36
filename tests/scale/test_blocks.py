"""Blocks of finest cells: where they lie, what they sum to, and which sides and origins there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import ConservationError, InputError
from carbonshed.scale.blocks import BaseYear, Blocks, block_membership, block_sums, check_total, origin_shift, read_base, side_factors
from carbonshed.spatial.cell_ids import cell_ids, coarse_ids, parse_cell_ids


def test_a_shifted_grid_by_hand() -> None:
    rows, cols = np.array([0, 0, 1, 2]), np.array([0, 3, 4, 5])
    blocks = block_sums(rows, cols, np.ones(4), np.array([1.0, 2, 4, 8]), 3, shift=(1, 2))
    # Row lines at 2, column lines at 1 and 4: cells fall into (-1, -1), (-1, 0), (-1, 1), (0, 1).
    assert list(zip(blocks.rows.tolist(), blocks.cols.tolist(), blocks.total.tolist())) == [(-1, -1, 1), (-1, 0, 2), (-1, 1, 4), (0, 1, 8)]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([20, 3000]), st.integers(-1000, 1000))
def test_blocks_are_the_cells_that_ids_name(seed: int, k: int, width: int, at: int) -> None:
    """Against `coarse_ids`, on a full rectangle and on scattered cells (the two ways of counting)."""
    g = np.random.default_rng(seed)
    places = g.choice(width * width, 60, replace=False)
    rows, cols = places // width + at, places % width - at
    shift = (int(g.integers(k)), int(g.integers(k)))
    found = block_membership(rows, cols, k, shift=shift)
    ids = coarse_ids(cell_ids("g1", rows, cols), k, shift=shift)
    named = parse_cell_ids(ids)
    np.testing.assert_array_equal(found.rows[found.member], named[1])
    np.testing.assert_array_equal(found.cols[found.member], named[2])
    assert sorted(zip(found.rows.tolist(), found.cols.tolist())) == list(zip(found.rows.tolist(), found.cols.tolist()))
    assert len(set(ids)) == found.rows.size


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_totals_are_the_same_wherever_the_grid_begins(seed: int, k: int) -> None:
    g = np.random.default_rng(seed)
    rows, cols = np.divmod(g.choice(900, 300, replace=False), 30)
    area, value = g.random(300), g.normal(0, 5, 300)
    for east in range(3):
        for north in range(3):
            blocks = block_sums(rows, cols, area, value, k, shift=origin_shift(k, (east, north)))
            assert blocks.area.sum() == pytest.approx(area.sum(), rel=1e-12)
            assert blocks.total.sum() == pytest.approx(value.sum(), rel=1e-9, abs=1e-9)
            check_total(BaseYear(2020, rows, cols, area, value, {}), blocks, k)


def test_a_total_that_changes_is_an_error() -> None:
    row = np.zeros(2, dtype=np.int64)
    year = BaseYear(2020, row, np.arange(2), np.ones(2), np.array([1e6, -1e6]), {})
    check_total(year, Blocks(row[:1], row[:1], np.array([2.0]), np.array([1e-4])), 2)
    with pytest.raises(ConservationError, match="cells of 2 km"):
        check_total(year, Blocks(row[:1], row[:1], np.array([2.0]), np.array([1.0])), 2)


def test_shifts_by_thirds_are_whole_cells() -> None:
    assert {origin_shift(3, (east, north)) for east in range(3) for north in range(3)} == {(e, n) for e in range(3) for n in range(3)}
    assert {origin_shift(2, (east, north)) for east in range(3) for north in range(3)} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {origin_shift(1, (east, north)) for east in range(3) for north in range(3)} == {(0, 0)}
    assert origin_shift(20, (1, 2)) == (7, 13)


def test_sides_need_not_divide_one_another() -> None:
    assert side_factors([5, 3, 2, 1, 3], 1.0) == {1: 1, 2: 2, 3: 3, 5: 5}
    assert side_factors([0.09, 0.27, 0.9], 0.09) == {0.09: 1, 0.27: 3, 0.9: 10}
    with pytest.raises(InputError, match=r"got 2, 5 km.*on a base of 1 km, the greatest common divisor"):
        side_factors([2, 3, 5, 6], 3.0)
    with pytest.raises(InputError, match=r"on a base of 0\.5 km"):
        side_factors([1.5, 2, 3], 1.0)
    for scales in ([0], [], [-3]):
        with pytest.raises(InputError, match=r"Leave these out\."):
            side_factors(scales, 1.0)


def test_a_base_that_cannot_be_read(cells) -> None:
    good = cells(np.arange(16.0).reshape(4, 4))
    base = read_base(good, "carbon_sink")
    assert (base.side_km, base.origin_km, base.has_years, len(base.years)) == (1, (0, 0), False, 1)
    assert read_base(cells(np.ones((2, 2)), side="g500m", area=0.25), "carbon_sink").side_km == 0.5
    shifted = read_base(cells(np.ones((2, 2)), side="g3+1+2"), "carbon_sink")
    assert (shifted.side_km, shifted.origin_km) == (3, (1, 2))
    with pytest.raises(InputError, match="finite values"):
        read_base(good.assign(carbon_sink=np.inf), "carbon_sink")
    with pytest.raises(InputError, match="population"):
        read_base(good, "carbon_sink", ["population"])
