"""Mean silhouette of clusterings of the same rows, from one pass over all pairs and without a table of their distances."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def silhouettes(x: ArrayLike, labels: ArrayLike) -> Floats:
    """Mean silhouette of each of several clusterings of the same rows.

    ``s_i = (b_i - a_i) / max(a_i, b_i)``, a_i the mean distance of row i to the others of its cluster, b_i the least mean distance to the
    rows of another cluster; 0 for a row that is alone in its cluster, or where both are 0.

    Parameters
    ----------
    x : array_like of float, shape (n, features)
    labels : array_like, shape (clusterings, n)

    Returns
    -------
    array (clusterings,)
        NaN where there are fewer than two clusters, or as many as rows.

    Raises
    ------
    InputError
        Values that are not finite, or labels of other rows.

    Notes
    -----
    Distances are of differences, not of products, so that near rows lose no digits. Memory grows with n, time with n^2.
    Source: Rousseeuw (1987), textbook form.

    Examples
    --------
    Distances 1 within and 9, 10 or 11 between: ``(2 (1 - 1/10.5) + 2 (1 - 1/9.5)) / 4``.

    >>> silhouettes([[0.0], [1.0], [10.0], [11.0]], [[0, 0, 1, 1], [5, 5, 5, 5]]).round(6).tolist()
    [0.899749, nan]
    """
    data, runs = np.ascontiguousarray(x, dtype=np.float64), np.asarray(labels)
    if data.ndim != 2 or not np.isfinite(data).all():
        raise refuse("broken_rows", expected="finite rows", got=f"shape {data.shape}", where="x", fix="Leave out what is not known.")
    if runs.ndim != 2 or runs.shape[1] != len(data):
        got = f"shape {runs.shape}"
        raise refuse("different_lengths", expected=f"clusters of {len(data)} rows", got=got, where="labels", fix="Align them.")
    groups = [np.unique(run, return_inverse=True)[1].ravel().astype(np.int64) for run in runs]
    if not groups:
        return np.zeros(0)
    sizes = [np.bincount(group) for group in groups]
    group, clusters = np.stack(groups), max(size.size for size in sizes)
    sums = _distance_sums(np.ascontiguousarray(data.T), group, clusters)
    return np.array([_mean_silhouette(each[: size.size], own, size) for each, own, size in zip(sums, group, sizes)])


def _mean_silhouette(sums: Floats, group: Integers, size: Integers) -> float:
    """From the sums of the distances of each row to each cluster, shape (clusters, n)."""
    n, clusters = group.size, size.size
    if not 2 <= clusters < n:
        return float("nan")
    rows = np.arange(n)
    own = sums[group, rows] / np.maximum(size[group] - 1, 1)
    means = sums / size[:, None]
    means[group, rows] = np.inf
    other = means.min(axis=0)
    larger = np.maximum(own, other)
    share = np.divide(other - own, larger, out=np.zeros(n), where=(size[group] > 1) & (larger > 0))
    return float(share.mean())


@njit(cache=True, nogil=True)
def _distance_sums(columns: Floats, group: Integers, clusters: int) -> Floats:
    """Sum of the distances of each row to the rows of each cluster, shape (clusterings, clusters, n), added in the order of the rows."""
    features, n = columns.shape
    runs = group.shape[0]
    sums, apart = np.zeros((runs, clusters, n)), np.empty(n)
    for i in range(n):
        apart[:] = 0.0
        for f in range(features):
            column, at = columns[f], columns[f, i]
            for j in range(n):
                apart[j] += (column[j] - at) * (column[j] - at)
        for j in range(n):
            apart[j] = np.sqrt(apart[j])
        for run in range(runs):
            target = sums[run, group[run, i]]
            for j in range(n):
                target[j] += apart[j]
    return sums
