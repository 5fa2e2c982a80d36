"""Transport that spreads (Sinkhorn in the log domain), and its rounding to whole amounts: arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse
from carbonshed.numerics.transport import finite_cost, transport
from carbonshed.numerics.whole_amounts import whole_amounts

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
    c = finite_cost(cost, (a.size, b.size))
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
    a, b = whole_amounts(supply, "supply"), whole_amounts(need, "need")
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
