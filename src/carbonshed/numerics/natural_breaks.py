"""Fisher-Jenks natural breaks, exact: the cut of sorted values into classes with the least sum of squares within."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]


def natural_breaks(values: ArrayLike, classes: int) -> Floats:
    """Upper limits of the classes that minimise ``sum_class sum_i (x_i - mean_class)^2``.

    Parameters
    ----------
    values : finite numbers
        Equal values always fall into one class.
    classes : int
        Number of classes, >= 1; fewer come back where there are fewer distinct values.

    Returns
    -------
    array
        Ascending; the last is the largest value. The class of x is ``searchsorted(breaks, x)``.

    Raises
    ------
    InputError
        If a value is not finite, there is none, or `classes` is below 1.

    Notes
    -----
    Fisher 1958, "On grouping for maximum homogeneity". The dynamic programme is solved by divide and conquer, k n log n: the
    best start of the last class never moves back as values are added.

    Examples
    --------
    >>> natural_breaks([1, 2, 10, 11, 50], 3).tolist()
    [2.0, 11.0, 50.0]
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0 or not np.isfinite(x).all() or classes < 1:
        got = f"{x.size} values, {int((~np.isfinite(x)).sum())} not finite, {classes} classes"
        raise refuse("no_classes", expected="finite values and classes >= 1", got=got, where="natural_breaks", fix="Drop missing values.")
    distinct, counts = np.unique(x, return_counts=True)
    k = min(int(classes), distinct.size)
    centred = distinct - np.average(distinct, weights=counts)
    weight = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    first = np.concatenate([[0.0], np.cumsum(counts * centred)])
    second = np.concatenate([[0.0], np.cumsum(counts * centred**2)])
    starts = _starts(weight, first, second, k)
    limits = np.empty(k)
    end = distinct.size
    for each in range(k - 1, -1, -1):
        limits[each] = distinct[end - 1]
        end = starts[each, end]
    return limits


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _starts(weight: Floats, first: Floats, second: Floats, k: int) -> NDArray[np.int64]:
    """``starts[c, e]``: where the last of c + 1 classes begins when the first e values are cut at the least cost."""
    n = weight.size - 1
    starts = np.zeros((k, n + 1), np.int64)
    before = np.full(n + 1, np.inf)
    before[0] = 0.0
    for c in range(k):
        cost = np.full(n + 1, np.inf)
        stack = [(c + 1, n, c, n - 1)]  # ends from..to, starts from..to
        while len(stack) > 0:
            low, high, from_, to = stack.pop()
            if low > high:
                continue
            end = (low + high) // 2
            best = from_
            for start in range(from_, min(to, end - 1) + 1):
                total = first[end] - first[start]
                within = second[end] - second[start] - total * total / (weight[end] - weight[start])
                if before[start] + within < cost[end]:
                    cost[end] = before[start] + within
                    best = start
            starts[c, end] = best
            stack.append((low, end - 1, from_, best))
            stack.append((end + 1, high, best, to))
        before = cost
    return starts
