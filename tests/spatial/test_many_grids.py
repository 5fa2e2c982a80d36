"""Nesting, block sums and slots of codes: by hand, against coarsen, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import ConservationError, InputError
from carbonshed.spatial.class_slots import ClassSlots
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.curved_grids import make_lattice
from carbonshed.spatial.grid import Grid, coarsen
from carbonshed.spatial.many_grids import AlignedCounts, block_sums, counted_grids, nesting

ALBERS = china_albers()


def grid(side_km: float, origin: tuple[float, float] = (0.0, 0.0), box: tuple[float, ...] = (-7000, -5000, 9500, 8200)) -> Grid:
    return Grid.over(box, side_km=side_km, crs=ALBERS, origin=origin)  # type: ignore[arg-type]


def test_only_grids_that_nest_in_none_are_counted() -> None:
    grids = [grid(6), grid(1), grid(2.5), grid(5), grid(3, (1, 2)), grid(3, (0.5, 0)), grid(1, (0.5, 0.5))]
    assert sorted(counted_grids(grids)) == [1, 2, 5, 6]
    assert nesting(grids[4], grids[1]) == (3, (1, 2))
    assert nesting(grids[2], grids[1]) is None


@given(st.integers(1, 5), st.integers(0, 4), st.integers(0, 4), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_block_sums_are_those_of_coarsen(k: int, east: int, north: int, seed: int) -> None:
    fine = grid(1)
    shift = (east % k, north % k)
    coarse = grid(k, (float(shift[0]), float(shift[1])))
    values = np.random.default_rng(seed).random((*fine.shape, 3))
    expected = coarsen(values, fine, k, shift=shift)
    assert coarse == fine.coarsen(k, shift=shift)
    assert block_sums(values, fine, coarse) == pytest.approx(expected, rel=1e-12)


def test_what_does_not_nest_has_no_block_sums() -> None:
    with pytest.raises(InputError, match=r"lines that are lines of g1; got g2\.5"):
        block_sums(np.zeros((*grid(1).shape, 1)), grid(1), grid(2.5))


def test_a_strip_left_out_is_noticed() -> None:
    counts = AlignedCounts((40, 40), (100.0, 0.0, 0.0, 0.0, -100.0, 4000.0), [Grid.over((0, 0, 4000, 4000), side_km=1, crs=ALBERS)], 2)
    block = np.ones((20, 40), np.uint8)
    counts.add(counts.count(block, 0))
    with pytest.raises(ConservationError, match=r"km2 on grid g1: the total was 16"):
        counts.tables(np.eye(8))
    counts.add(counts.count(block, 20))
    assert counts.tables(np.eye(8))[0][..., 1] == pytest.approx(np.ones((4, 4)))
    assert counts.totals()[1] == pytest.approx(16)


def test_slots_of_small_codes_are_the_codes() -> None:
    slots = ClassSlots((1, 3, 9), (0,), np.dtype(np.uint8))
    block = np.array([[0, 1, 3, 9, 5]], dtype=np.uint8)
    found, unknown = slots.of(block)
    assert slots.is_direct and slots.n_classes == 16 and found is block and unknown == {}
    assert slots.unknown_in(np.array([1, 1, 0, 1, 0, 0.5, *np.zeros(10)])) == {5: 0.5}
    shares = slots.shares(np.array([[1.0, 0], [0.25, 0.75], [0, 1]]))
    assert shares.shape == (16, 3)
    assert shares[[0, 1, 3, 9]].tolist() == [[0, 0, 1], [1, 0, 0], [0.25, 0.75, 0], [0, 1, 0]]
    assert shares.sum() == 4
    assert slots.of(np.array([[200, 1]], dtype=np.uint8))[1] == {200: 1}


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64])
def test_slots_of_any_type_are_positions_in_the_legend(dtype: type) -> None:
    rng, codes, nodata = np.random.default_rng(0), (10, 20, 95, 100), (0, 127)
    slots = ClassSlots(codes, nodata, np.dtype(dtype))
    block = rng.choice([*codes, *nodata, 7], (30, 40)).astype(dtype)
    found, unknown = slots.of(block)
    assert not slots.is_direct and unknown == {7: int((block == 7).sum())}
    for k, code in enumerate(codes):
        assert np.array_equal(found == k, block == code)
    assert np.array_equal(found == 4, np.isin(block, nodata)) and np.array_equal(found == 5, block == 7)


def test_too_many_codes_are_refused() -> None:
    with pytest.raises(InputError, match="1 to 250 codes; got 251"):
        ClassSlots(tuple(range(251)), (), np.dtype(np.int16))


def test_a_lattice_is_as_fine_as_it_must_be() -> None:
    """y = row plus a wave of some hundred pixels: cubics need nodes nearer than 256 pixels, and then miss by less than 1e-4."""

    def waves(column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 30 * column, -30 * row + 90 * np.sin(column / 200)

    lattice = make_lattice((500, 700), waves)
    assert lattice.step < 64 and lattice.error < 1e-4
    straight = make_lattice((500, 700), lambda column, row: (30 * column, -30 * row))
    assert straight.step == 256 and straight.error < 1e-9 and straight.pixel == pytest.approx((30.0, 30.0))
    with pytest.raises(InputError, match="across its cut"):
        make_lattice((500, 700), lambda column, row: (np.where(column < 301.3, column, column - 1e6), -row))
