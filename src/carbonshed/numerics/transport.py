"""Transport problems in whole numbers: network simplex on few pairs, and a proof on all of them. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import ot
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array

from carbonshed.checks import ConservationError, refuse
from carbonshed.numerics.matrix_pairs import MatrixPairs
from carbonshed.numerics.whole_amounts import whole_amounts

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TIE_BITS = 30
"""Bits of the second cost that chooses among cheapest plans; its sums along a path of a million pairs are exact in float64."""

FIRST_MOST, MORE = 16, 4
"""Pairs of a row that are looked at in one round, and how many times more where none of them was cheaper but there are others."""

KEPT = 32
"""Arcs for each row and column that are kept for the next solution."""


@dataclass(frozen=True)
class TransportPlan:
    """A cheapest plan: how much goes from which row to which column, and what one more would be worth.

    Parameters
    ----------
    rows, columns : int arrays, shape (k,)
        Positions of the k positive flows, in row-major order.
    amounts : int array, shape (k,)
        Whole amounts, > 0.
    row_prices, column_prices : float arrays, shape (n,) and (m,)
        Dual prices u, v in the unit of the cost: ``u_i + v_j <= c_ij``, equal where something flows. The side with something left
        over has prices <= 0 and 0 where it is left; with equal sums the largest row price is 0 (only differences have a meaning).
        NaN where there is nothing to supply or nothing needed.
    cost : float
        ``sum c_ij x_ij``.
    """

    rows: Integers
    columns: Integers
    amounts: Integers
    row_prices: Floats
    column_prices: Floats
    cost: float


class Pairs(Protocol):
    """All pairs of n rows and m columns, whose costs are made when they are asked for.

    The whole cost of a pair is ``rint((cost - lowest) per_cost)``, from 0 to `highest`.
    """

    shape: tuple[int, int]
    lowest: float
    per_cost: float
    highest: float

    def part(self, rows: Integers, columns: Integers) -> Pairs:
        """The pairs of these rows and columns."""

    def costs(self, rows: Integers, columns: Integers) -> Floats:
        """Costs of these pairs."""

    def first(self, supply: Integers, need: Integers) -> tuple[Integers, Integers, Floats, Floats]:
        """Pairs to begin with, each once, and whole prices of rows and columns that may be near the right ones."""

    def within(self, row_prices: Floats, column_prices: Floats, most: int) -> tuple[Integers, Integers, bool]:
        """Pairs whose whole cost may be at most the sum of both (whole) prices: at most `most` of a row, and whether these are all."""


class _Arcs(NamedTuple):
    """Pairs in the order of rows and columns, and their whole costs."""

    rows: Integers
    columns: Integers
    whole: Floats


class _Solved(NamedTuple):
    """What flows on each arc, and the whole dual prices that prove it cheapest."""

    flow: Integers
    u: Floats
    v: Floats


def transport(
    supply: ArrayLike,
    need: ArrayLike,
    cost: ArrayLike,
    *,
    row_keys: NDArray[np.uint64] | None = None,
    column_keys: NDArray[np.uint64] | None = None,
) -> TransportPlan:
    """Cheapest transport of whole amounts between rows and columns.

    ``min sum c_ij x_ij`` subject to ``sum_j x_ij <= supply_i``, ``sum_i x_ij <= need_j``,
    ``sum x_ij = min(sum supply, sum need)``, ``x >= 0``. With equal sums every row and column is met exactly. The optimum is proved
    by its dual prices and the sums are checked in whole numbers before anything is returned.

    Parameters
    ----------
    supply, need : whole numbers >= 0, shapes (n,) and (m,)
        Each sums to less than 2^52.
    cost : array, shape (n, m)
        Finite; any sign. Rounded to 2^-30 of its range.
    row_keys, column_keys : uint64 arrays, shapes (n,) and (m,)
        Where several plans are cheapest, the one taken minimises a second, non-separable cost that is hashed from the two keys, so
        it depends on the keys and not on the order of the rows. Without keys, the first plan found is taken.

    Returns
    -------
    TransportPlan
        At most n + m - 1 positive flows.

    Raises
    ------
    InputError
        Amounts that are negative, not whole or too large; a cost of the wrong shape or not finite.

    Notes
    -----
    See `transport_of_pairs`.

    Examples
    --------
    >>> plan = transport([6, 4], [5, 3], [[1, 4], [2, 3]])
    >>> plan.rows.tolist(), plan.columns.tolist(), plan.amounts.tolist(), plan.cost
    ([0, 1], [0, 1], [5, 3], 14.0)
    """
    a, b = whole_amounts(supply, "supply"), whole_amounts(need, "need")
    c = finite_cost(cost, (a.size, b.size))
    keys = None if row_keys is None or column_keys is None else (row_keys, column_keys)
    return transport_of_pairs(a, b, MatrixPairs(c), keys=keys)


def transport_of_pairs(
    supply: ArrayLike, need: ArrayLike, pairs: Pairs, *, keys: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None = None
) -> TransportPlan:
    """Cheapest transport where no matrix of costs is held: the programme of `transport` on pairs whose costs are made when asked for.

    Solved on few pairs; with the prices of that solution all pairs are looked through for one of ``c_ij < u_i + v_j``; those found
    are added and it is solved again, until there is none: then the prices prove the optimum of all pairs. The pairs of
    ``c_ij = u_i + v_j`` carry every cheapest plan; among these the second cost, hashed from the keys, chooses.

    Parameters
    ----------
    supply, need : whole numbers >= 0, shapes (n,) and (m,)
        Each sums to less than 2^52.
    pairs : Pairs
    keys : two uint64 arrays, shapes (n,) and (m,)
        As the row_keys and column_keys of `transport`.

    Returns
    -------
    TransportPlan
        The same as that of `transport` on the matrix, but for prices that are not the only ones.

    Raises
    ------
    InputError
        Amounts that are negative, not whole or too large.
    ConservationError
        No proof of the optimum, or sums that do not hold.

    Notes
    -----
    Column generation (textbook form) on the network simplex of Bonneel et al. 2011 (the library POT). One extra row and column fill
    both sides up to a common power of two and take what is left over; that keeps the library's own rescaling exact.
    """
    supply, need = whole_amounts(supply, "supply"), whole_amounts(need, "need")
    pays, gets = np.flatnonzero(supply), np.flatnonzero(need)
    row_prices, column_prices = np.full(supply.size, np.nan), np.full(need.size, np.nan)
    if not pays.size or not gets.size:
        none = np.zeros(0, dtype=np.int64)
        return TransportPlan(none, none, none, row_prices, column_prices, 0.0)
    part = pairs if pays.size == supply.size and gets.size == need.size else pairs.part(pays, gets)
    some_keys = None if keys is None else (keys[0][pays], keys[1][gets])
    plan = _plan(supply[pays], need[gets], part, some_keys)
    row_prices[pays], column_prices[gets] = plan.row_prices, plan.column_prices
    return replace(plan, rows=pays[plan.rows], columns=gets[plan.columns], row_prices=row_prices, column_prices=column_prices)


def _plan(supply: Integers, need: Integers, pairs: Pairs, keys: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None) -> TransportPlan:
    """The plan where everybody supplies or needs something."""
    a, b = _filled(supply, need)
    idle = pairs.highest + 1.0  # idling costs more than any pair: all flows that can
    arcs, free, solved = _proven(a, b, pairs, idle)
    flow = solved.flow
    if keys is not None and free.rows.size > np.count_nonzero(flow):
        arcs, flow = free, _among_ties(a, b, free, keys)
    moved = (flow > 0) & (arcs.rows < supply.size) & (arcs.columns < need.size)
    rows, columns, amounts = arcs.rows[moved], arcs.columns[moved], flow[moved]
    _check_sums(rows, columns, amounts, supply, need)
    row_prices, column_prices = _prices(solved, pairs, idle, int(supply.sum()) - int(need.sum()))
    return TransportPlan(rows, columns, amounts, row_prices, column_prices, float(np.sum(pairs.costs(rows, columns) * amounts)))


def finite_cost(cost: ArrayLike, shape: tuple[int, int]) -> Floats:
    """The matrix of costs, refused where its shape is another or a cost is not finite."""
    c = np.asarray(cost, dtype=np.float64)
    if c.shape != shape:
        raise refuse(
            "shape", expected=f"a cost of shape {shape}", got=str(c.shape), where="cost", fix="One row a supply, one column a need."
        )
    if not np.isfinite(c).all():
        i, j = np.argwhere(~np.isfinite(c))[0]
        raise refuse("not_finite", expected="finite costs", got=f"{c[i, j]} at row {i}, column {j}", where="cost", fix="Fill every pair.")
    return c


def _filled(supply: Integers, need: Integers) -> tuple[Integers, Integers]:
    """Both sides with one more row and column, which fill them up to the same power of two and can take all that has no way yet."""
    total = 1 << (int(supply.sum()) + int(need.sum())).bit_length()
    return np.append(supply, total - supply.sum()), np.append(need, total - need.sum())


def _with_idle(arcs: _Arcs, n: int, m: int, idle: float) -> _Arcs:
    """These arcs and those of the idle row n and column m."""
    rows = np.concatenate([arcs.rows, np.arange(n + 1), np.full(m, n)])
    columns = np.concatenate([arcs.columns, np.full(n + 1, m), np.arange(m)])
    whole = np.concatenate([arcs.whole, np.full(n, idle), [0.0], np.full(m, idle)])
    order = np.lexsort((columns, rows))
    return _Arcs(rows[order], columns[order], whole[order])


def _proven(a: Integers, b: Integers, pairs: Pairs, idle: float) -> tuple[_Arcs, _Arcs, _Solved]:
    """The arcs that it was solved on, those of no reduced cost among all pairs, and the solution, cheapest of all pairs."""
    n, m = pairs.shape
    rows, columns, u, v = pairs.first(a[:-1], b[:-1])
    chosen, u, v, lowest = _priced(pairs, rows, columns), np.append(u, 0.0), np.append(v, 0.0), np.inf
    while True:
        arcs = _with_idle(chosen, n, m, idle)
        solved = _solve(a, b, arcs, u, v)
        u, v = solved.u, solved.v
        cheaper, tied = _not_dearer(pairs, u, v)
        if not cheaper.rows.size:
            tied = _with_idle(tied, n, m, idle)
            return arcs, _some(tied, tied.whole == u[tied.rows] + v[tied.columns]), solved
        reached = float(arcs.whole @ solved.flow)
        if reached < lowest * (1 - 1e-12):  # otherwise it might go round in circles
            chosen = _nearest_kept(chosen, u, v)
        lowest = min(lowest, reached)
        chosen = _Arcs(*(np.concatenate(parts) for parts in zip(chosen, cheaper, strict=True)))


def _not_dearer(pairs: Pairs, u: Floats, v: Floats) -> tuple[_Arcs, _Arcs]:
    """Pairs cheaper than the prices of both, and those as cheap: all of these if none is cheaper."""
    most, is_all = FIRST_MOST, False
    while not is_all:
        rows, columns, is_all = pairs.within(u[:-1], v[:-1], most)
        near = _priced(pairs, rows, columns)
        slack = near.whole - u[rows] - v[columns]
        if (slack < 0).any():
            break
        most *= MORE
    return _some(near, slack < 0), _some(near, slack == 0)


def _nearest_kept(arcs: _Arcs, u: Floats, v: Floats) -> _Arcs:
    """The arcs of least reduced cost, among them all that carry something, as few as make the next solution quick."""
    slack = arcs.whole - u[arcs.rows] - v[arcs.columns]
    most = KEPT * (u.size + v.size)
    return arcs if slack.size <= most else _some(arcs, slack <= max(0.0, float(np.partition(slack, most)[most])))


def _some(arcs: _Arcs, chosen: NDArray[np.bool_]) -> _Arcs:
    return _Arcs(arcs.rows[chosen], arcs.columns[chosen], arcs.whole[chosen])


def _priced(pairs: Pairs, rows: Integers, columns: Integers) -> _Arcs:
    return _Arcs(rows, columns, np.rint((pairs.costs(rows, columns) - pairs.lowest) * pairs.per_cost))


def _solve(a: Integers, b: Integers, arcs: _Arcs, near_u: Floats, near_v: Floats) -> _Solved:
    """Whole flows of a balanced problem with whole costs, and the whole dual prices that prove them cheapest.

    Costs less the prices of nearly the same problem have the same cheapest flows, which are found in a fraction of the time. None may be
    negative, as the library takes the largest for the measure of what cannot be.
    """
    less = arcs.whole - near_u[arcs.rows] - near_v[arcs.columns]
    near_u = near_u + less.min()
    less -= less.min()
    cost = coo_array((less, (arcs.rows, arcs.columns)), shape=(a.size, b.size))
    plan, log = ot.emd(a.astype(np.float64), b.astype(np.float64), cost, numItermax=1_000_000_000, log=True, center_dual=False)
    u, v = near_u + log["u"], near_v + log["v"]
    flow = np.zeros(arcs.rows.size, dtype=np.int64)
    flow[np.searchsorted(arcs.rows * b.size + arcs.columns, plan.row * np.int64(b.size) + plan.col)] = np.rint(plan.data).astype(np.int64)
    slack = arcs.whole - u[arcs.rows] - v[arcs.columns]
    if log["result_code"] != 1 or (slack < 0).any() or (slack[flow > 0] != 0).any():
        raise ConservationError(f"Transport of {a.size} x {b.size}: no proof of the optimum ({log['warning']}).")
    return _Solved(flow, u, v)


def _among_ties(a: Integers, b: Integers, free: _Arcs, keys: tuple[NDArray[np.uint64], NDArray[np.uint64]]) -> Integers:
    """Of all cheapest plans, which are those on arcs of no reduced cost, the one that a hashed second cost prefers."""
    row_keys, column_keys = (np.append(each, np.uint64(0)) for each in keys)
    hashed = _mix(row_keys[free.rows] ^ _mix(column_keys)[free.columns]) >> np.uint64(64 - TIE_BITS)
    idle = (free.rows == a.size - 1) | (free.columns == b.size - 1)
    second = free._replace(whole=np.where(idle, 0.0, hashed.astype(np.float64)))
    return _solve(a, b, second, np.zeros(a.size), np.zeros(b.size)).flow


def _prices(solved: _Solved, pairs: Pairs, idle: float, left_over: int) -> tuple[Floats, Floats]:
    """Prices in the unit of the cost, with the idle part of the longer side at 0 (equal sums: the highest row price at 0)."""
    u, v = solved.u, solved.v
    if left_over > 0:
        shift = idle - v[-1]
    elif left_over < 0:
        shift = u[-1] - idle
    else:
        shift = float(u[:-1].max())
    rows, columns = (u[:-1] - shift) / pairs.per_cost, (v[:-1] + shift) / pairs.per_cost
    return (rows + pairs.lowest, columns) if left_over < 0 else (rows, columns + pairs.lowest)


def _mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea and Flood's splitmix64: a fixed scrambling of 64 bits."""
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def _check_sums(rows: Integers, columns: Integers, amounts: Integers, supply: Integers, need: Integers) -> None:
    out, into = np.zeros_like(supply), np.zeros_like(need)
    np.add.at(out, rows, amounts)
    np.add.at(into, columns, amounts)
    total = min(int(supply.sum()), int(need.sum()))
    if (out > supply).any() or (into > need).any() or int(out.sum()) != total:
        raise ConservationError(f"Transport: {int(out.sum())} flows where {total} should, or a row or column is exceeded.")
