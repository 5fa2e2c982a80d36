"""Semivariogram of a field on a lattice, and the spherical, exponential or Gaussian model that fits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from carbonshed.checks import choose, refuse

Floats = NDArray[np.float64]

MODELS = ("spherical", "exponential", "gaussian")

SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "spherical": lambda u: np.where(u < 1, 1.5 * u - 0.5 * u**3, 1.0),
    "exponential": lambda u: -np.expm1(-3 * u),
    "gaussian": lambda u: -np.expm1(-3 * u**2),
}
"""Rise of each model from 0 to 1 against ``u = h / a``: a is where it is 1 (spherical) or 0.95 (the others)."""

ZOOMS, CANDIDATES = 4, 40
"""The range is sought among so many candidates, so many times around the best one."""

STEPS = np.linspace(0, 1, CANDIDATES)


class Semivariogram(NamedTuple):
    """Mean distance, semivariance and number of pairs of each class of distances."""

    lag: Floats
    gamma: Floats
    pairs: Floats


class VariogramModel(NamedTuple):
    """``gamma(h) = nugget + partial_sill * shape(h / range)``; `error` is the weighted sum of squares that is left.

    `is_bounded` is False where the range is the longest lag: within reach the field does not level off.
    """

    model: str
    nugget: float
    partial_sill: float
    range: float
    error: float
    is_bounded: bool

    @property
    def nugget_ratio(self) -> float:
        """``C0 / (C0 + C1)``; NaN where both are 0."""
        sill = self.nugget + self.partial_sill
        return self.nugget / sill if sill > 0 else float("nan")


def lattice_semivariogram(rows: ArrayLike, cols: ArrayLike, values: ArrayLike, *, reach: float | None = None) -> Semivariogram:
    """Semivariance of all pairs of cells of a lattice by their distance, ``gamma(h) = 1 / (2 N(h)) sum (z_i - z_j)^2``.

    Distances are in sides of a cell, in classes (0, 1], (1, 2], ... up to `reach`; a class without pairs is left out. The sums
    over all pairs come from Fourier transforms, O(m log m) for a box of m cells.

    Parameters
    ----------
    rows, cols : array_like of int, shape (n,)
        Place of each cell; gaps are allowed.
    values : array_like of float, shape (n,)
    reach : float, optional
        Longest distance [sides]; by default a third of the diagonal of the box that holds the cells.

    Returns
    -------
    Semivariogram

    Raises
    ------
    InputError
        If lengths differ, a value is not finite, or the reach is below 1.

    Notes
    -----
    Source: Matheron (1963), textbook form; the reach is the habit of the R package gstat.

    Examples
    --------
    The line 1, 2, 4: two pairs at distance 1 with (1 + 4) / (2 x 2) = 1.25, one at 2 with 9 / 2.

    >>> lattice_semivariogram([0, 0, 0], [0, 1, 2], [1, 2, 4], reach=2).gamma.round(12).tolist()
    [1.25, 4.5]
    """
    row, col = np.asarray(rows, dtype=np.int64).ravel(), np.asarray(cols, dtype=np.int64).ravel()
    z = np.asarray(values, dtype=np.float64).ravel()
    if not row.size == col.size == z.size or not np.isfinite(z).all():
        got = f"{row.size} rows, {col.size} columns, {z.size} values of which {int((~np.isfinite(z)).sum())} are not known"
        raise refuse("broken_lattice", expected="a finite value for each cell", got=got, where="semivariogram", fix="Align them.")
    if z.size == 0:
        return Semivariogram(np.zeros(0), np.zeros(0), np.zeros(0))
    height, width = int(np.ptp(row)) + 1, int(np.ptp(col)) + 1
    reach = max(np.hypot(height - 1, width - 1) / 3, 1.0) if reach is None else float(reach)
    if not reach >= 1:
        raise refuse("bad_reach", expected="a reach of at least one side", got=f"{reach:g}", where="semivariogram", fix="Give reach >= 1.")
    far = int(reach)
    down, across = min(far, height - 1), min(far, width - 1)
    sums, pairs = _pair_sums(row - row.min(), col - col.min(), z - z.mean(), (height, width), (down, across))
    step_r, step_c = np.meshgrid(np.arange(down + 1), np.arange(-across, across + 1), indexing="ij")
    distance = np.hypot(step_r, step_c)
    once = ((step_r > 0) | (step_c > 0)) & (distance <= reach * (1 + 1e-12)) & (pairs > 0)
    group = np.ceil(distance[once] * (1 - 1e-12)).astype(np.int64) - 1
    number = np.bincount(group, weights=pairs[once])
    held = number > 0
    lag = np.bincount(group, weights=pairs[once] * distance[once])[held] / number[held]
    gamma = np.maximum(np.bincount(group, weights=sums[once])[held], 0) / (2 * number[held])
    return Semivariogram(lag, gamma, number[held].astype(np.float64))


def _pair_sums(
    row: NDArray[np.int64], col: NDArray[np.int64], z: Floats, shape: tuple[int, int], steps: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Sum of (z_i - z_j)^2 and number of pairs for each step: rows 0..down, columns -across..across."""
    padded = tuple(fft.next_fast_len(size + step, real=True) for size, step in zip(shape, steps))
    mask, first, second = (np.zeros(padded) for _ in range(3))
    mask[row, col], first[row, col], second[row, col] = 1.0, z, z**2
    m, one, two = (fft.rfft2(field) for field in (mask, first, second))
    columns = np.arange(-steps[1], steps[1] + 1)

    def at_steps(spectrum: NDArray[np.complex128]) -> Floats:
        return np.asarray(fft.irfft2(spectrum, s=padded)[: steps[0] + 1][:, columns], dtype=np.float64)

    pairs = np.rint(at_steps(m.conj() * m))
    squares = at_steps(two.conj() * m + m.conj() * two - 2 * one.conj() * one)
    return np.where(pairs > 0, squares, 0.0), pairs


def fit_variogram(semivariogram: Semivariogram, *, model: str = "best") -> VariogramModel:
    """Model of a semivariogram by weighted least squares, ``min sum_k (N_k / h_k^2) (gamma_k - C0 - C1 shape(h_k / a))^2``.

    Spherical ``1.5 u - 0.5 u^3``, exponential ``1 - exp(-3 u)``, Gaussian ``1 - exp(-3 u^2)`` with ``u = h / a``, so that the range
    a is the practical one in each. For each a the best C0, C1 >= 0 follow directly; a is sought from twice the first lag to the last.

    Parameters
    ----------
    semivariogram : Semivariogram
    model : {"best", "spherical", "exponential", "gaussian"}
        ``best``: the one that leaves the least; on a tie the first of this list.

    Returns
    -------
    VariogramModel
        NaN values where there are fewer than three lags or all semivariances are 0.

    Raises
    ------
    InputError
        If the model is unknown.

    Notes
    -----
    Source: textbook form; the weights are the default of the R package gstat (``fit.method = 7``). Nugget ratio below 0.25: strong
    spatial dependence, above 0.75: weak.

    Examples
    --------
    >>> h = np.arange(1.0, 16)
    >>> found = fit_variogram(Semivariogram(h, 2 + 6 * SHAPES["spherical"](h / 8), np.ones(15)))
    >>> found.model, round(found.nugget, 3), round(found.partial_sill, 3), round(found.range, 3), round(found.nugget_ratio, 3)
    ('spherical', 2.0, 6.0, 8.0, 0.25)
    """
    choose(model, ("best", *MODELS), where="variogram model")
    lag, gamma, pairs = semivariogram
    if lag.size < 3 or not (gamma > 0).any() or not lag[-1] > 2 * lag[0]:
        nan = float("nan")
        return VariogramModel("none", nan, nan, nan, nan, False)
    weight = pairs / lag**2
    weight /= weight.sum()
    found = [_fit(name, lag, gamma, weight) for name in (MODELS if model == "best" else (model,))]
    return min(found, key=lambda each: each.error)


def _fit(name: str, lag: Floats, gamma: Floats, weight: Floats) -> VariogramModel:
    """Best nugget, partial sill and range of one model."""
    low, high = 2 * lag[0], lag[-1]
    for _ in range(ZOOMS):
        candidates = low * (high / low) ** STEPS
        nugget, sill, error = _linear_parts(SHAPES[name](lag / candidates[:, None]), gamma, weight)
        best = int(np.argmin(error))
        low, high = candidates[max(best - 1, 0)], candidates[min(best + 1, CANDIDATES - 1)]
    reach = float(candidates[best])
    bounded = bool(reach < lag[-1] * (1 - 1e-3) and sill[best] > 0)
    return VariogramModel(name, float(nugget[best]), float(sill[best]), reach, float(error[best]), bounded)


def _linear_parts(shape: Floats, gamma: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Nugget and partial sill >= 0 for each row of shapes (weights sum to 1), and the weighted sum of squares they leave."""
    mean_s, mean_g = shape @ weight, float(gamma @ weight)
    spread = np.maximum((shape - mean_s[:, None]) ** 2 @ weight, 1e-300)
    sill = np.maximum(((shape - mean_s[:, None]) * (gamma - mean_g)) @ weight / spread, 0.0)
    nugget = mean_g - sill * mean_s
    through_zero = nugget < 0
    sill = np.where(through_zero, (shape * gamma) @ weight / np.maximum(shape**2 @ weight, 1e-300), sill)
    nugget = np.where(through_zero, 0.0, nugget)
    error = (gamma - nugget[:, None] - sill[:, None] * shape) ** 2 @ weight
    return nugget, sill, error
