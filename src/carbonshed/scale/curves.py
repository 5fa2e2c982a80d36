"""Curves over scales: LOESS, the first turning point of a flattening curve, and the knee of a concave one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]


def loess(x: ArrayLike, y: ArrayLike, *, span: float = 0.75, degree: int = 2) -> Floats:
    """Local polynomial regression at each x: least squares over the nearest points with tricube weights.

    ``w = (1 - (d / d_max)^3)^3`` with d_max the distance to the ``floor(span * n)``-th nearest point.

    Parameters
    ----------
    x, y : array_like, shape (n,)
    span : float
        Share of the points in each fit, in (0, 1].
    degree : int
        Degree of the polynomial.

    Returns
    -------
    ndarray, shape (n,)
        Fitted values at x.

    Raises
    ------
    InputError
        Lengths that differ, x that repeats, or too few points for the degree (each fit needs ``degree + 2`` of them).

    Notes
    -----
    Source: Cleveland (1979), computed directly at each point.

    Examples
    --------
    A parabola is fitted exactly.

    >>> x = np.arange(8.0)
    >>> bool(np.allclose(loess(x, 3 + x**2), 3 + x**2))
    True
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    nearest = int(np.floor(span * xs.size + 1e-5))
    if xs.shape != ys.shape or np.unique(xs).size < xs.size or not 0 < span <= 1 or nearest < degree + 2:
        least = int(np.ceil((degree + 2) / span)) if 0 < span <= 1 else 0
        raise refuse(
            "too_few_points",
            expected=f"at least {least} points with different x, span in (0, 1]",
            got=f"{np.unique(xs).size} different x, {ys.size} y, span {span:g}",
            where="loess",
            fix="Give more scales.",
        )
    fitted = np.empty(xs.size)
    for place, centre in enumerate(xs):
        distance = np.abs(xs - centre)
        reach = np.sort(distance)[nearest - 1]
        root = np.sqrt(np.clip(1 - (distance / reach) ** 3, 0, None) ** 3)
        powers = ((xs - centre) / reach)[:, None] ** np.arange(degree + 1)
        fitted[place] = np.linalg.lstsq(powers * root[:, None], ys * root, rcond=None)[0][0]
    return fitted


def turning_point(fitted: ArrayLike) -> int | None:
    """First place where a rising curve flattens: growth at most a threshold after growth above it.

    ``r_i = (f_i - f_{i-1}) / f_{i-1}``; the threshold is 0.05, or 0.025 where all r are below 0.05; the answer is the first i with
    ``r_i <= threshold`` and ``r_{i-1} > threshold``.

    Parameters
    ----------
    fitted : array_like, shape (n,)
        Values > 0, finest scale first.

    Returns
    -------
    int or None
        Position in `fitted`; None where the curve does not flatten.

    Raises
    ------
    InputError
        Values that are not positive.

    Notes
    -----
    Source: the rule of the R packages gdverse and sdsfun (``loess_optscale``), restated; Song et al. (2020).

    Examples
    --------
    >>> turning_point([0.20, 0.24, 0.27, 0.28, 0.281])
    3
    """
    values = np.asarray(fitted, dtype=float)
    if not (values > 0).all():
        raise refuse("not_positive", expected="values > 0", got=f"{np.nanmin(values):g}", where="turning_point", fix="Give a curve of q.")
    growth = np.diff(values) / values[:-1]
    if growth.size < 2:
        return None
    threshold = 0.05 if growth.max() >= 0.05 else 0.025
    flat = np.flatnonzero((growth[1:] <= threshold) & (growth[:-1] > threshold))
    return int(flat[0]) + 2 if flat.size else None


def knee_point(x: ArrayLike, y: ArrayLike) -> int | None:
    """Knee of a rising concave curve: where the normalised curve is farthest above its chord.

    Both axes are scaled to 0-1; the knee is the maximum of ``y' - x'``.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        x rising.

    Returns
    -------
    int or None
        Position; None where the curve does not rise or never leaves its chord.

    Raises
    ------
    InputError
        x that does not rise.

    Notes
    -----
    Source: Satopaa et al. (2011), Kneedle, offline, without smoothing.

    Examples
    --------
    >>> knee_point([1, 2, 3, 4, 5], [0.0, 0.6, 0.8, 0.9, 1.0])
    1
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if xs.shape != ys.shape or not (np.diff(xs) > 0).all():
        raise refuse("not_rising", expected="x that rises, one y for each", got=f"{xs}", where="knee_point", fix="Sort by scale.")
    if xs.size < 3 or not ys[-1] > ys[0]:
        return None
    above = (ys - ys[0]) / (ys[-1] - ys[0]) - (xs - xs[0]) / (xs[-1] - xs[0])
    best = int(np.argmax(above))
    return best if above[best] > 1e-9 else None
