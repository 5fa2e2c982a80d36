"""Random fields that are functions of position: what a place is does not depend on which window, or in which order, it is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
STEP = np.uint64(0x9E3779B97F4A7C15)
UNIT = 2.0**-53


def gaussian_field(size: int, length: float, rng: np.random.Generator) -> Floats:
    """Periodic Gaussian field of mean 0 and sd 1 with covariance ``exp(-r^2 / (2 length^2))``, in pixels; shape (size, size).

    White noise filtered by ``exp(-k^2 length^2 / 4)``, the square root of the spectrum of that covariance (textbook form).
    """
    k = 2 * np.pi * np.fft.fftfreq(size)
    spectrum = np.exp(-(k[:, None] ** 2 + k[None, :] ** 2) * length**2 / 4)
    field: Floats = np.real(np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) * spectrum))
    return (field - field.mean()) / field.std()


def lattice_normals(rows: NDArray[np.int64], cols: NDArray[np.int64], seed: int, layer: int) -> Floats:
    """Standard normal number of each node of an endless lattice, shape (rows, cols), by hashing its place (SplitMix64)."""
    start = _mixed(STEP * np.array([seed], dtype=np.uint64) + _mixed(np.array([layer], dtype=np.uint64)))
    by_row = _mixed(start + STEP * rows.astype(np.uint64))
    bits = _mixed(by_row[:, None] + STEP * cols.astype(np.uint64)[None, :])
    return np.asarray(ndtri(((bits >> np.uint64(11)).astype(np.float64) + 0.5) * UNIT))


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    for shift, factor in zip((30, 27), MIX, strict=True):
        bits = (bits ^ (bits >> np.uint64(shift))) * factor
    return bits ^ (bits >> np.uint64(31))


def patch_noise(x: Floats, y: Floats, *, patch: float, seed: int, layer: int) -> Floats:
    """Standard normal noise in patches of about the side `patch`, at the crossings of `y` (rows) and `x` (columns).

    Lattice normals blended smoothly between nodes and divided by the length of the weights, so that each point is N(0, 1).

    Parameters
    ----------
    x, y : arrays, in the length of `patch`
    patch : float
        Distance of the nodes.
    seed, layer : int
        Different layers are independent.
    """
    (row, row_weight), (col, col_weight) = _between_nodes(y / patch), _between_nodes(x / patch)
    rows, cols = np.arange(row.min(), row.max() + 2), np.arange(col.min(), col.max() + 2)
    nodes = lattice_normals(rows, cols, seed, layer)
    return _blend(nodes, row - rows[0], row_weight, col - cols[0], col_weight, normalise=True)


def between(field: Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear values, at the crossings of `y` and `x`, of a field whose node (i, j) stands at y = i + 1/2, x = j + 1/2."""
    (row, row_weight), (col, col_weight) = (_inside(axis - 0.5, n) for axis, n in zip((y, x), field.shape, strict=True))
    return _blend(field, row, row_weight, col, col_weight, normalise=False)


def _between_nodes(place: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Node below each place and the smooth weight of the node above."""
    below = np.floor(place)
    t = place - below
    return below.astype(np.int64), t * t * (3 - 2 * t)


def _inside(place: Floats, size: int) -> tuple[NDArray[np.int64], Floats]:
    below = np.clip(np.floor(place), 0, size - 2)
    return below.astype(np.int64), np.clip(place - below, 0.0, 1.0)


def _blend(nodes: Floats, row: NDArray[np.int64], above: Floats, col: NDArray[np.int64], right: Floats, *, normalise: bool) -> Floats:
    """Weighted means of the four nodes around each crossing; with `normalise` of unit variance where the nodes have it."""
    down, up = 1 - above, above
    left, east = 1 - right, right
    if normalise:
        down, up = down / np.hypot(down, up), up / np.hypot(down, up)
        left, east = left / np.hypot(left, east), east / np.hypot(left, east)
    lines = nodes[row] * down[:, None] + nodes[row + 1] * up[:, None]
    return lines[:, col] * left + lines[:, col + 1] * east
