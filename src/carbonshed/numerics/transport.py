"""Transport problems in whole numbers (network simplex) and entropic ones (Sinkhorn in the log domain): arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import ot
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import ConservationError, refuse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COST_BITS = 30
"""Costs are rounded to 2^-30 of their range, so that every sum of costs is exact in float64 and a tie is a tie."""

MAX_TOTAL = 2**52
"""Largest sum of supply or need: whole numbers below it are exact in float64, also after filling up to a power of two."""


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
    Network simplex of Bonneel et al. 2011 (the library POT). One extra row and column fill both sides up to a common power of two
    and take what is left over; that keeps the library's own rescaling exact.

    Examples
    --------
    >>> plan = transport([6, 4], [5, 3], [[1, 4], [2, 3]])
    >>> plan.rows.tolist(), plan.columns.tolist(), plan.amounts.tolist(), plan.cost
    ([0, 1], [0, 1], [5, 3], 14.0)
    """
    a, b = _whole(supply, "supply"), _whole(need, "need")
    c = _cost(cost, (a.size, b.size))
    has_row, has_column = a > 0, b > 0
    if not has_row.any() or not has_column.any():
        none = np.zeros(0, dtype=np.int64)
        return TransportPlan(none, none, none, np.full(a.size, np.nan), np.full(b.size, np.nan), 0.0)
    lowest, scale = _grain(c)
    cost_up = np.rint((c - lowest) * scale)
    active = np.ix_(has_row, has_column)
    filled = _fill_up(a[has_row], b[has_column], cost_up[active])
    flow, u, v = _solve(*filled)
    if row_keys is not None and column_keys is not None:
        flow = _break_ties(filled, flow, u, v, row_keys[has_row], column_keys[has_column])
    plan = np.zeros(c.shape, dtype=np.int64)
    plan[active] = flow[:-1, :-1]
    _check_sums(plan, a, b)
    rows, columns = np.nonzero(plan)
    amounts = plan[rows, columns]
    row_prices, column_prices = np.full(a.size, np.nan), np.full(b.size, np.nan)
    row_prices[has_row], column_prices[has_column] = _prices(filled, u, v, lowest, scale)
    total_cost = float(np.sum(c[rows, columns] * amounts))
    return TransportPlan(rows.astype(np.int64), columns.astype(np.int64), amounts, row_prices, column_prices, total_cost)


def _whole(values: ArrayLike, name: str) -> Integers:
    given = np.asarray(values)
    numbers = given.astype(np.float64)
    bad = ~np.isfinite(numbers) | (numbers < 0) | (numbers != np.rint(numbers))
    if given.ndim != 1 or bad.any():
        got = f"shape {given.shape}" if given.ndim != 1 else f"{given[bad][:5].tolist()}"
        raise refuse("not_whole", expected="whole numbers >= 0", got=got, where=name, fix="Round the amounts first (see round_to_total).")
    total = sum(int(value) for value in given)
    if total >= MAX_TOTAL:
        raise refuse("too_large", expected="a sum below 2^52", got=str(total), where=name, fix="Use a coarser unit of money.")
    return given.astype(np.int64)


def _cost(cost: ArrayLike, shape: tuple[int, int]) -> Floats:
    c = np.asarray(cost, dtype=np.float64)
    if c.shape != shape:
        raise refuse(
            "shape", expected=f"a cost of shape {shape}", got=str(c.shape), where="cost", fix="One row a supply, one column a need."
        )
    if not np.isfinite(c).all():
        i, j = np.argwhere(~np.isfinite(c))[0]
        raise refuse("not_finite", expected="finite costs", got=f"{c[i, j]} at row {i}, column {j}", where="cost", fix="Fill every pair.")
    return c


def _grain(c: Floats) -> tuple[float, float]:
    """The lowest cost, and the power of two that turns costs above it into whole numbers below 2^30."""
    lowest, highest = float(c.min()), float(c.max())
    if highest == lowest:
        return lowest, 1.0
    return lowest, float(2.0 ** (COST_BITS - np.ceil(np.log2(highest - lowest))))


def _fill_up(a: Integers, b: Integers, cost: Floats) -> tuple[Integers, Integers, Floats]:
    """The balanced problem with one more row and column, which fill both sides up to a power of two."""
    total = 1 << max(int(a.sum()), int(b.sum())).bit_length()
    full = np.full((a.size + 1, b.size + 1), float(cost.max()) + 1.0)  # idling costs more than any pair: all flows that can
    full[:-1, :-1] = cost
    full[-1, -1] = 0.0
    return np.append(a, total - a.sum()), np.append(b, total - b.sum()), full


def _solve(a: Integers, b: Integers, cost: Floats) -> tuple[Integers, Floats, Floats]:
    """Whole flows of a balanced problem with whole costs, and the whole dual prices that prove them cheapest."""
    plan, log = ot.emd(a.astype(np.float64), b.astype(np.float64), cost, numItermax=1_000_000_000, log=True, center_dual=False)
    flow, u, v = np.rint(np.asarray(plan)).astype(np.int64), np.asarray(log["u"]), np.asarray(log["v"])
    slack = cost - u[:, None] - v[None, :]
    if log["result_code"] != 1 or (slack < 0).any() or (slack[flow > 0] != 0).any():
        raise ConservationError(f"Transport of {a.size} x {b.size}: no proof of the optimum ({log['warning']}).")
    return flow, u, v


def _break_ties(
    filled: tuple[Integers, Integers, Floats],
    flow: Integers,
    u: Floats,
    v: Floats,
    row_keys: NDArray[np.uint64],
    column_keys: NDArray[np.uint64],
) -> Integers:
    """Of all cheapest plans, which are those on pairs of zero reduced cost, the one that a hashed second cost prefers."""
    a, b, cost = filled
    free = cost == u[:, None] + v[None, :]
    if np.count_nonzero(free) == np.count_nonzero(flow):
        return flow
    n = a.size + b.size
    bits = min(30, 46 - 2 * n.bit_length())
    second = np.zeros(cost.shape)
    second[:-1, :-1] = _mix(row_keys[:, None] ^ _mix(column_keys)[None, :]) >> np.uint64(64 - bits)
    chosen, _, _ = _solve(a, b, np.where(free, second, float(n) * 2.0**bits))
    if (chosen[~free] > 0).any():
        raise ConservationError("Transport: the second solve left the set of cheapest plans.")
    return chosen


def _prices(filled: tuple[Integers, Integers, Floats], u: Floats, v: Floats, lowest: float, scale: float) -> tuple[Floats, Floats]:
    """Prices in the unit of the cost, with the idle part of the longer side at 0 (equal sums: the highest row price at 0)."""
    a, b, cost = filled
    over, idle_rows, idle_columns = float(cost[0, -1]), int(b[-1]), int(a[-1])  # idle rows flow to the last column
    if idle_rows > idle_columns:
        shift = over - v[-1]
    elif idle_rows < idle_columns:
        shift = u[-1] - over
    else:
        shift = float(u[:-1].max())
    rows, columns = (u[:-1] - shift) / scale, (v[:-1] + shift) / scale
    return (rows + lowest, columns) if idle_rows < idle_columns else (rows, columns + lowest)


def _mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea and Flood's splitmix64: a fixed scrambling of 64 bits."""
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def _check_sums(plan: Integers, a: Integers, b: Integers) -> None:
    out, into = plan.sum(axis=1), plan.sum(axis=0)
    total = min(int(a.sum()), int(b.sum()))
    if (out > a).any() or (into > b).any() or int(out.sum()) != total:
        raise ConservationError(f"Transport: {int(out.sum())} flows where {total} should, or a row or column is exceeded.")


def round_to_total(values: ArrayLike, total: int) -> Integers:
    """Whole numbers in proportion to `values` with exactly the sum `total`, by largest remainders.

    ``q_i = total v_i / sum v``; each gets ``floor(q_i)``, and the ones still missing go to the largest remainders, ties to the earlier
    position. No number is more than 1 away from its quota.

    Raises
    ------
    InputError
        If a value is negative or not finite, or all are zero while `total` is not.

    Notes
    -----
    Hamilton's method, textbook form.

    Examples
    --------
    >>> round_to_total([1.0, 1.0, 1.0], 100).tolist()
    [34, 33, 33]
    """
    v = np.asarray(values, dtype=np.float64)
    summed = float(v.sum())
    if (v < 0).any() or not np.isfinite(v).all() or total < 0 or (summed == 0.0 and total != 0):
        raise refuse(
            "no_shares",
            expected="finite values >= 0, not all zero, and a total >= 0",
            got=f"{v[:5].tolist()} and total {total}",
            where="round_to_total",
            fix="Remove missing or negative values first.",
        )
    if total == 0:
        return np.zeros(v.size, dtype=np.int64)
    quota = v * (total / summed)
    whole = np.floor(quota)
    remainder = quota - whole
    missing = int(total - int(whole.sum()))
    if missing >= 0:
        whole[np.argsort(-remainder, kind="stable")[:missing]] += 1
    else:
        positive = np.flatnonzero(whole > 0)
        whole[positive[np.argsort(remainder[positive], kind="stable")[:-missing]]] -= 1
    result = whole.astype(np.int64)
    if int(result.sum()) != total:
        raise ConservationError(f"round_to_total: {int(result.sum())} instead of {total}.")
    return result


def entropic_transport(
    supply: ArrayLike,
    need: ArrayLike,
    cost: ArrayLike,
    *,
    temperature: float,
    tolerance: float = 1e-9,
    max_iterations: int = 20_000,
) -> Floats:
    """Transport that spreads: ``x_ij = u_i exp(-c_ij / temperature) v_j`` with exact margins.

    Minimises ``sum c_ij x_ij + temperature sum x_ij (ln x_ij - 1)``. As the temperature goes to 0 the plan tends to the cheapest one,
    and as it grows, to ``supply_i need_j / total``.

    Parameters
    ----------
    supply, need : numbers > 0, shapes (n,) and (m,), with equal sums (to 1e-9 relative)
    cost : array, shape (n, m)
    temperature : float
        In the unit of the cost, > 0.
    tolerance : float
        Largest relative error of any margin at the end.
    max_iterations : int
        Rounds of scaling before giving up.

    Returns
    -------
    array, shape (n, m)

    Raises
    ------
    InputError
        Unequal sums, amounts that are not positive, a temperature that is not positive, or no convergence.

    Notes
    -----
    Cuturi 2013, Algorithm 1 (Sinkhorn), in logarithms so that no factor over- or underflows.

    Examples
    --------
    >>> entropic_transport([5, 3], [5, 3], [[1, 4], [2, 3]], temperature=1.0).round(4).tolist()
    [[3.9709, 1.0291], [1.0291, 1.9709]]
    """
    a, b = np.asarray(supply, dtype=np.float64), np.asarray(need, dtype=np.float64)
    c = _cost(cost, (a.size, b.size))
    _check_entropic(a, b, temperature)
    if a.size == 0:
        return np.zeros(c.shape)
    kernel = -c / temperature
    log_a, log_b = np.log(a), np.log(b * (a.sum() / b.sum()))
    row, column = np.full(a.size, np.inf), np.zeros(b.size)
    error = np.inf
    for _ in range(max_iterations):
        updated = log_a - _log_sum_exp(kernel + column[None, :], 1)
        error = float(np.abs(np.expm1(row - updated)).max())  # relative error of the rows before this round; columns are exact
        row = updated
        column = log_b - _log_sum_exp(kernel + row[:, None], 0)
        if error <= tolerance:
            return np.asarray(np.exp(kernel + row[:, None] + column[None, :]))
    raise refuse(
        "no_convergence",
        expected=f"margins within {tolerance:g} after {max_iterations} rounds",
        got=f"a relative error of {error:.3g}",
        where="entropic_transport",
        fix="Raise the temperature (eps), or use the linear programme.",
    )


def _check_entropic(a: Floats, b: Floats, temperature: float) -> None:
    good = bool(np.isfinite(a).all() and np.isfinite(b).all() and (a > 0).all() and (b > 0).all())
    total = float(a.sum())
    if not good or abs(total - float(b.sum())) > 1e-9 * max(total, 1e-300):
        raise refuse(
            "unequal_sums",
            expected="positive supply and need with equal sums",
            got=f"sums {total!r} and {float(b.sum())!r}",
            where="entropic_transport",
            fix="Leave out zero amounts and scale the longer side first.",
        )
    if not (np.isfinite(temperature) and temperature > 0):
        raise refuse("temperature", expected="a number > 0", got=repr(temperature), where="temperature", fix="Use eps * mean cost.")


def _log_sum_exp(x: Any, axis: int) -> Floats:
    top = x.max(axis=axis, keepdims=True)
    return np.asarray(np.squeeze(top, axis) + np.log(np.exp(x - top).sum(axis=axis)))


def round_to_margins(plan: ArrayLike, supply: ArrayLike, need: ArrayLike) -> Integers:
    """Whole numbers near `plan` whose rows and columns sum exactly to the whole `supply` and `need`.

    Each x_ij is cut down to a whole number; the little that rows and columns then lack is placed where most was cut off (a `transport`
    with cost ``-(x_ij - floor x_ij)``).

    Parameters
    ----------
    plan : numbers >= 0, shape (n, m)
        Margins within 1e-9 relative of `supply` and `need`.
    supply, need : whole numbers >= 0 with equal sums, shapes (n,) and (m,)

    Raises
    ------
    InputError
        Unequal sums, or margins of the plan that are too far off.

    Examples
    --------
    >>> round_to_margins([[1.5, 1.5], [0.5, 0.5]], [3, 1], [2, 2]).sum(axis=0).tolist()
    [2, 2]
    """
    a, b = _whole(supply, "supply"), _whole(need, "need")
    x = np.asarray(plan, dtype=np.float64)
    lower = x * (1.0 - 4e-9)  # below the margins, which hold to 1e-9
    whole = np.floor(lower).astype(np.int64)
    rows, columns = a - whole.sum(axis=1), b - whole.sum(axis=0)
    if a.sum() != b.sum() or (rows < 0).any() or (columns < 0).any():
        raise refuse(
            "margins",
            expected="equal sums, and a plan whose margins hold to 1e-9",
            got=f"sums {int(a.sum())} and {int(b.sum())}, largest excess {int(-min(rows.min(), columns.min(), 0))}",
            where="round_to_margins",
            fix="Tighten the tolerance of entropic_transport.",
        )
    rest = transport(rows, columns, whole - x)
    whole[rest.rows, rest.columns] += rest.amounts
    return whole
