"""Nearest points under prices against all pairs; the bound of arcs against geodesics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from carbonshed.numerics.near_points import LARGEST_RADIUS_KM, Points, earth_centred, in_blocks, near_points


def arcs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    chord = np.linalg.norm(one - other, axis=-1)
    return 2 * LARGEST_RADIUS_KM * np.arcsin(chord / (2 * LARGEST_RADIUS_KM))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-4, 0.1, 10.0, 180.0]))
def test_an_arc_is_below_the_geodesic_and_close_to_it(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(-180, 180, 50), rng.uniform(-90, 90, 50)
    to_lon, to_lat = lon + rng.uniform(-spread, spread, 50), np.clip(lat + rng.uniform(-spread, spread, 50), -90, 90)
    true = Geod(ellps="WGS84").inv(lon, lat, to_lon, to_lat)[2] / 1000
    bound = arcs(earth_centred(lon, lat), earth_centred(to_lon, to_lat))
    assert (bound <= true * (1 + 1e-12) + 1e-8).all()
    near = true < 2000
    assert bound[near] == pytest.approx(true[near], rel=1e-4, abs=1e-8)


def test_earth_centred_against_proj() -> None:
    from pyproj import Transformer

    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 180, 20), rng.uniform(-90, 90, 20)
    metres = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(lon, lat, np.zeros(20))
    assert earth_centred(lon, lat) == pytest.approx(np.column_stack(metres) / 1000, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 150), st.integers(1, 150), st.integers(1, 20), st.sampled_from([1.0, 0.5, 0.0]))
def test_against_all_pairs(seed: int, n: int, m: int, most: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    ask, among = (Points(earth_centred(rng.uniform(100, 110, k), rng.uniform(30, 40, k)), rng.integers(-1, 4, k)) for k in (n, m))
    price, limit = rng.uniform(-2e5, 2e5, m), rng.uniform(0, 2e5, n)
    key = arcs(ask.xyz[:, None], among.xyz[None]) * 1000.0
    same = (ask.group[:, None] == among.group[None, :]) & (ask.group[:, None] >= 0)
    key = np.where(same, factor * key, key) - 0.501 - price
    near = near_points(ask, among, price, limit, most=most, per_km=1000.0, factor=factor)
    belongs = key <= limit[:, None]
    assert near.is_all == bool((belongs.sum(axis=1) < most).all())
    for i in range(n):
        expected = min(most, int(belongs[i].sum()))
        found = near.found[near.asked == i]
        assert found.size == expected == np.unique(found).size
        assert np.sort(key[i, found]) == pytest.approx(np.sort(key[i])[:expected], abs=1e-3)


def test_blocks_hold_neighbours() -> None:
    points = np.column_stack([np.arange(100.0), np.zeros(100), np.zeros(100)])[np.random.default_rng(1).permutation(100)]
    order = in_blocks(points, 10)
    assert sorted(order) == list(range(100))
    assert max(np.ptp(points[order][start : start + 10, 0]) for start in range(0, 100, 10)) <= 25


def test_the_nearest_by_hand() -> None:
    line = Points(earth_centred(np.array([100.0, 101.0, 103.0]), np.zeros(3)), np.full(3, -1))
    one = Points(earth_centred(np.array([102.2]), np.zeros(1)), np.full(1, -1))
    free = np.array([np.inf])
    assert near_points(one, line, np.zeros(3), free, most=2, per_km=1.0, factor=1.0).found.tolist() == [2, 1]
    assert near_points(one, line, np.array([0.0, 100.0, 0.0]), free, most=1, per_km=1.0, factor=1.0).found.tolist() == [1]
