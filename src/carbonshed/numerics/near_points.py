"""For each point of one set the nearest of another, on the globe and under prices: blocks that are too far are passed over."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EQUATOR_KM, FLATTENING = 6378.137, 1 / 298.257223563
"""WGS84."""

LARGEST_RADIUS_KM = 6400.0
"""No arc on WGS84 is bent less than its meridian at a pole, of 6399.6 km, so an arc is longer than that of such a circle on its chord."""

BLOCK = 64
"""Points in a block."""

CHUNK = 4096
"""Points that a thread looks at in one go."""


def earth_centred(lon: Floats, lat: Floats) -> Floats:
    """Places on WGS84 in Cartesian coordinates [km], shape (n, 3).

    >>> earth_centred(np.array([0.0, 90.0]), np.array([0.0, 0.0])).round(3).tolist()
    [[6378.137, 0.0, 0.0], [0.0, 6378.137, 0.0]]
    """
    along, up = np.radians(lon), np.radians(lat)
    squared = FLATTENING * (2 - FLATTENING)
    normal = EQUATOR_KM / np.sqrt(1 - squared * np.sin(up) ** 2)
    across = normal * np.cos(up)
    return np.column_stack([across * np.cos(along), across * np.sin(along), normal * (1 - squared) * np.sin(up)])


def in_blocks(points: Floats, size: int) -> Integers:
    """Positions of the points in an order in which each `size` that follow one another lie near each other."""
    return np.asarray(cKDTree(points, leafsize=size).indices, dtype=np.int64)


@dataclass(frozen=True)
class Points:
    """Places on the globe with a group each: two of one group are nearer to each other by a factor (-1: of no group).

    Parameters
    ----------
    xyz : float array, shape (n, 3)
        As `earth_centred` gives them.
    group : int array, shape (n,)
    """

    xyz: Floats
    group: Integers


@dataclass(frozen=True)
class Near:
    """Pairs of a point asked for and one found, and whether each point asked for has got all that are within its limit."""

    asked: Integers
    found: Integers
    is_all: bool


def near_points(ask: Points, among: Points, price: Floats, limit: Floats, *, most: int, per_km: float, factor: float) -> Near:
    """For each point asked for, the points of least ``c_ij - price_j`` at or below its limit, at most `most` of them.

    ``c_ij`` is a lower bound of the cost in whole numbers ``rint(f_ij d_ij per_km)``: ``d_ij`` the geodesic [km], ``f_ij`` the factor
    where i and j are of one group, otherwise 1. The bound is the arc of `LARGEST_RADIUS_KM` on the chord; it is short by less than 1e-4
    of what an arc of 1,000 km bends, so hardly a pair is found that does not belong.

    Parameters
    ----------
    ask, among : Points
    price : float array, shape (m,)
        Of the points in `among`.
    limit : float array, shape (n,)
        Infinite: the `most` nearest.
    most : int
    per_km : float
        Whole numbers per kilometre.
    factor : float
        From 0 to 1.

    Returns
    -------
    Near
        In the order of `ask`; the same on any number of threads.
    """
    n, order = len(ask.xyz), in_blocks(among.xyz, BLOCK)
    blocks = _boxes(among.xyz[order], price[order])
    least = min(factor, 1.0) if (ask.group >= 0).any() else 1.0
    turn = in_blocks(ask.xyz, BLOCK)  # neighbours one after the other meet the same blocks
    found, count = np.zeros((n, most), dtype=np.int32), np.zeros(n, dtype=np.int32)

    def look(start: int) -> None:
        own = turn[start : start + CHUNK]
        points, group, price_of = among.xyz[order], among.group[order], price[order]
        rates = (per_km, per_km * factor, per_km * least)
        found[own], count[own] = _least(ask.xyz[own], ask.group[own], limit[own], points, group, price_of, *blocks, *rates, most)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(look, range(0, n, CHUNK)))
    taken = np.arange(most)[None, :] < count[:, None]
    asked = np.broadcast_to(np.arange(n)[:, None], taken.shape)[taken]
    return Near(asked, order[found[taken]], bool((count < most).all()))


def _boxes(points: Floats, price: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest corner of each block, and its highest price."""
    starts = np.arange(0, len(points), BLOCK)
    return np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts), np.maximum.reduceat(price, starts)


@njit(cache=True, nogil=True)
def _least(  # type: ignore[no-untyped-def]
    ask: Any,
    ask_group: Any,
    limit: Any,
    points: Any,
    group: Any,
    price: Any,
    low: Any,
    high: Any,
    top: Any,
    rate: Any,
    near: Any,
    least: Any,
    most: Any,
):
    """Positions in `points` of the `most` least keys of each point asked for, rising, and how many there are."""
    n, n_blocks = ask.shape[0], low.shape[0]
    found, count = np.zeros((n, most), dtype=np.int32), np.zeros(n, dtype=np.int32)
    keys, bound = np.empty(most), np.empty(n_blocks)
    for i in range(n):
        threshold, filled, first = limit[i], 0, 0
        for b in range(n_blocks):
            gap = 0.0
            for axis in range(3):
                beside = max(low[b, axis] - ask[i, axis], ask[i, axis] - high[b, axis], 0.0)
                gap += beside * beside
            bound[b] = least * np.sqrt(gap) - 0.501 - top[b]
            if bound[b] < bound[first]:
                first = b
        for turn in range(-1, n_blocks):  # the most promising block first: what it holds rules out most others
            b = first if turn < 0 else turn
            if turn == first or bound[b] > threshold:
                continue
            for j in range(b * BLOCK, min((b + 1) * BLOCK, points.shape[0])):
                per_km = near if ask_group[i] >= 0 and ask_group[i] == group[j] else rate
                reach = threshold + price[j] + 0.501  # costs are rounded: up to a half less than the bound
                if reach < 0.0:
                    continue
                x, y, z = ask[i, 0] - points[j, 0], ask[i, 1] - points[j, 1], ask[i, 2] - points[j, 2]
                chord = x * x + y * y + z * z
                if chord * per_km * per_km > reach * reach:
                    continue
                half = min(1.0, np.sqrt(chord) / (2.0 * LARGEST_RADIUS_KM))
                key = per_km * 2.0 * LARGEST_RADIUS_KM * np.arcsin(half) * (1.0 - 1e-12) - 0.501 - price[j]
                if key > threshold or (filled == most and key >= keys[most - 1]):
                    continue
                place = min(filled, most - 1)
                while place > 0 and keys[place - 1] > key:
                    keys[place], found[i, place] = keys[place - 1], found[i, place - 1]
                    place -= 1
                keys[place], found[i, place] = key, j
                filled = min(filled + 1, most)
                if filled == most:
                    threshold = min(threshold, keys[most - 1])
        count[i] = filled
    return found, count
