"""The least step along one axis at which a row would belong to another group: many rows, all axes, both directions at once.

A row belongs to the group of the point whose score is lowest. Moved by t along axis f, the score of point u is
``q_u(t) = a_u + b_u t + c_u t^2``. For squared distances to points all c are equal, so the scores are lines in t and the search jumps
from crossing to crossing; for the components of a Gaussian mixture they are parabolas, few of them, and every step is looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _steps_inside(z, sign, low, high, step, most):  # type: ignore[no-untyped-def]  # numba infers the types
    """How many steps can be made before the limit is passed."""
    room = (high - z) if sign > 0 else (z - low)
    if room < 0.0:
        return 0
    count = most if room / step >= most + 1 else min(most, int(room / step) + 1)
    while count > 0 and not (low <= z + sign * (count * step) <= high):
        count -= 1
    return count


@njit(cache=True, nogil=True)
def _along(base, slope, groups, own, step, most):  # type: ignore[no-untyped-def]
    """First of `most` steps at which the lowest line is of another group; 0 where there is none."""
    size, t, tried = base.size, 0.0, 0
    while True:
        kept, level = -1, np.inf
        for u in range(size):
            if groups[u] == own:
                value = base[u] + slope[u] * t
                if value < level or (value == level and slope[u] < slope[kept]):
                    kept, level = u, value
        if kept < 0:
            return 0
        cross = np.inf  # where the first line of another group passes below the line `kept`, which is at or above all of its group
        for u in range(size):
            if groups[u] != own and slope[u] < slope[kept]:
                where = (base[u] - base[kept]) / (slope[kept] - slope[u])
                if where < cross:
                    cross = where
        cross = max(cross, t)
        if not cross <= most * step:
            return 0
        lowest = base[kept] + slope[kept] * cross
        for u in range(size):
            if groups[u] == own and base[u] + slope[u] * cross < lowest - 1e-12 * (1.0 + abs(lowest)):
                lowest = -np.inf
                break
        if lowest == -np.inf and cross > t:
            t = cross  # another line of the own group is lower there: go on from it
            continue
        k = max(int(np.ceil(cross / step - 1e-9)), tried + 1)
        if k > most:
            return 0
        same, other = np.inf, np.inf
        for u in range(size):
            value = base[u] + slope[u] * (k * step)
            if groups[u] == own:
                same = min(same, value)
            else:
                other = min(other, value)
        if other < same:
            return k
        tried, t = k, k * step


@njit(cache=True, nogil=True)
def _nearest_switch(z, root, points, groups, own, low, high, step, most, steps, axes, signs):  # type: ignore[no-untyped-def]
    n, d = z.shape
    size = points.shape[0]
    base, slope = np.empty(size), np.empty(size)
    for i in range(n):
        best = most + 1
        for u in range(size):
            total = 0.0
            for k in range(d):
                total += (z[i, k] * root[k] - points[u, k]) ** 2
            base[u] = total
        for f in range(d):
            for sign in (-1, 1):
                inside = _steps_inside(z[i, f], sign, low[f], high[f], step, best - 1)
                if inside == 0:
                    continue
                for u in range(size):
                    slope[u] = 2.0 * sign * root[f] * (z[i, f] * root[f] - points[u, f])
                found = _along(base, slope, groups, own[i], step, inside)
                if found > 0:
                    best = found
                    steps[i], axes[i], signs[i] = found, f, sign


@njit(cache=True, nogil=True)
def _score_switch(z, base, slope, curve, groups, own, low, high, step, most, steps, axes, signs):  # type: ignore[no-untyped-def]
    n, d = z.shape
    size = base.shape[1]
    for i in range(n):
        best = most + 1
        for f in range(d):
            for sign in (-1, 1):
                inside = _steps_inside(z[i, f], sign, low[f], high[f], step, best - 1)
                for k in range(1, inside + 1):
                    t = sign * (k * step)
                    lowest, winner = np.inf, 0
                    for u in range(size):
                        value = base[i, u] + t * (slope[i, u, f] + t * curve[u, f])
                        if value < lowest:
                            lowest, winner = value, u
                    if groups[winner] != own[i]:
                        best = k
                        steps[i], axes[i], signs[i] = k, f, sign
                        break


def _limits(low: ArrayLike, high: ArrayLike, d: int) -> tuple[Floats, Floats]:
    return tuple(np.ascontiguousarray(np.broadcast_to(np.asarray(each, dtype=np.float64), (d,))) for each in (low, high))  # type: ignore[return-value]


def _check(z: Floats, size: int, groups: Integers, own: Integers, step: float, reach: float) -> int:
    if z.ndim != 2 or not np.isfinite(z).all():
        raise refuse("not_finite", expected="finite rows of features", got=f"shape {z.shape}", where="z", fix="Leave rows with NaN out.")
    if groups.shape != (size,) or own.shape != (len(z),):
        raise refuse(
            "lengths", expected=f"{size} groups and {len(z)} own ones", got=f"{groups.shape}, {own.shape}", where="groups", fix="Mend."
        )
    if not 0 < step <= reach:
        raise refuse("broken_step", expected="0 < step <= reach", got=f"{step!r}, {reach!r}", where="step", fix="Use 0.01 and 3.")
    return round(reach / step)


def _out(n: int) -> tuple[Integers, Integers, Integers]:
    return np.zeros(n, dtype=np.int64), np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)


def nearest_switch(
    z: ArrayLike,
    points: ArrayLike,
    groups: ArrayLike,
    own: ArrayLike,
    *,
    root: ArrayLike = 1.0,
    low: ArrayLike = -np.inf,
    high: ArrayLike = np.inf,
    step: float = 0.01,
    reach: float = 3.0,
) -> tuple[Integers, Integers, Integers]:
    """Least number of steps along one axis after which the nearest point of a row is of another group than its own.

    The point u is nearest where ``|r (z + t e_f) - m_u|^2`` is least, r the `root`; t = k `step` up to `reach`, within the limits.

    Parameters
    ----------
    z : array (n, d)
    points : array (M, d)
        In the space of ``r z``.
    groups : array (M,) of int
    own : array (n,) of int
        Group of each row, that of its nearest point.
    root, low, high : float or array (d,)
        Scale of each axis, and limits of z that are not passed.
    step, reach : float

    Returns
    -------
    steps, axis, sign : arrays (n,) of int
        Steps (0 where there is no switch), axis (-1), direction (0). Of equal steps the lower axis is named, and -1 before 1.

    Raises
    ------
    InputError
        Rows that are not finite, lengths that do not match, a step that is not above 0 and up to the reach.

    Examples
    --------
    Halfway between two points at 0 and 1, from 0.1: the border at 0.5 is 40 steps off.

    >>> [int(each[0]) for each in nearest_switch([[0.105]], [[0.0], [1.0]], [0, 1], [0])]
    [40, 0, 1]
    """
    rows, at = np.ascontiguousarray(z, dtype=np.float64), np.ascontiguousarray(points, dtype=np.float64)
    kind, mine = np.asarray(groups, dtype=np.int64), np.asarray(own, dtype=np.int64)
    most = _check(rows, len(at), kind, mine, step, reach)
    scale, _ = _limits(root, root, rows.shape[1])
    result = _out(len(rows))
    _nearest_switch(rows, scale, at, kind, mine, *_limits(low, high, rows.shape[1]), step, most, *result)
    return result


def score_switch(
    z: ArrayLike,
    base: ArrayLike,
    slope: ArrayLike,
    curve: ArrayLike,
    groups: ArrayLike,
    own: ArrayLike,
    *,
    low: ArrayLike = -np.inf,
    high: ArrayLike = np.inf,
    step: float = 0.01,
    reach: float = 3.0,
) -> tuple[Integers, Integers, Integers]:
    """As `nearest_switch`, for scores ``q_u(t) = base_u + slope_uf t + curve_uf t^2`` of which the lowest wins.

    Parameters
    ----------
    z : array (n, d)
    base : array (n, M)
    slope : array (n, M, d)
    curve : array (M, d)
    groups, own, low, high, step, reach
        As in `nearest_switch`.

    Returns
    -------
    steps, axis, sign : arrays (n,) of int

    Examples
    --------
    >>> found = score_switch([[0.0]], [[0.0, 1.0]], [[[0.0], [-2.0]]], [[0.0], [0.0]], [0, 1], [0], step=0.2)  # 1 - 2 t < 0
    >>> [int(each[0]) for each in found]
    [3, 0, 1]
    """
    rows = np.ascontiguousarray(z, dtype=np.float64)
    start, rise, bend = (np.ascontiguousarray(each, dtype=np.float64) for each in (base, slope, curve))
    kind, mine = np.asarray(groups, dtype=np.int64), np.asarray(own, dtype=np.int64)
    most = _check(rows, start.shape[1], kind, mine, step, reach)
    result = _out(len(rows))
    _score_switch(rows, start, rise, bend, kind, mine, *_limits(low, high, rows.shape[1]), step, most, *result)
    return result
