"""Indicators that compare the cells of one side with the finest cells, with coarser cells that hold them, or with land classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.numerics.autocorrelation import SAME
from carbonshed.scale.blocks import BaseYear, Blocks, block_membership
from carbonshed.scale.indicators import Side

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def loss_information(base: BaseYear, blocks: Blocks) -> float:
    """Share of the area-weighted variance of the finest densities that is lost inside the cells of one side.

    ``1 - sum_i A_i (z_i - zb)^2 / sum_p A_p (z_p - zb)^2``, i cells, p finest cells, zb the density of the region.

    Examples
    --------
    Densities 1, 3, 5, 7 in pairs: 2 and 6 about 4 leave 16 of 20.

    >>> row = np.zeros(4, dtype=np.int64)
    >>> fine = BaseYear(2020, row, np.arange(4), np.ones(4), np.array([1.0, 3, 5, 7]), {})
    >>> round(loss_information(fine, Blocks(row[:2], np.arange(2), np.full(2, 2.0), np.array([4.0, 12.0]))), 12)
    0.2
    """
    held = base.area > 0
    if not held.any():
        return float("nan")
    density = base.value[held] / base.area[held]
    mean = float(blocks.total.sum() / blocks.area.sum())
    whole = _squares(base.value, base.area, mean)
    if whole <= (SAME * float(np.abs(density).max())) ** 2 * float(base.area.sum()):
        return float("nan")
    return 1 - _squares(blocks.total, blocks.area, mean) / whole


def scale_variance(blocks: Blocks, parent: int, cell_km2: float) -> float:
    """Scale variance of one side: the sum of squares of its cells about the coarser cells that hold them, per degree of freedom.

    ``SS / df``, ``SS = sum_i (A_i / a)(z_i - z_parent(i))^2``, ``df = n cells - n parents``; a is the area of a finest cell, so that
    SS counts finest cells. For finest densities without any structure it is their variance at every side; a peak is a
    characteristic scale.

    Parameters
    ----------
    blocks : Blocks
        Cells of the side.
    parent : int
        Side of the coarser cells, in cells of `blocks`.
    cell_km2 : float
        a [km2].

    Returns
    -------
    float
        [(t CO2 km-2 a-1)^2]; NaN where each parent holds one cell.

    Notes
    -----
    Source: Moellering and Tobler (1972); Wu et al. (2000).

    Examples
    --------
    Two parents hold 1, 3 and 5, 5: SS = 1 + 1, df = 4 - 2.

    >>> cells = Blocks(np.zeros(4, dtype=np.int64), np.arange(4), np.ones(4), np.array([1.0, 3, 5, 5]))
    >>> scale_variance(cells, 2, 1.0)
    1.0
    """
    held = blocks.area > 0
    area, total = blocks.area[held], blocks.total[held]
    above = block_membership(blocks.rows[held], blocks.cols[held], parent)
    freedom = area.size - above.rows.size
    if freedom <= 0:
        return float("nan")
    mean = above.sums(total) / above.sums(area)
    return float(area @ (total / area - mean[above.member]) ** 2) / cell_km2 / freedom


def hot_stability(side: Side, spots: Integers, coarser: Side, coarser_spots: Integers, area: Floats) -> float:
    """Agreement of the hot and cold spots of one side with those of the next coarser one, by area of the finest cells.

    ``J = area that is hot in both or cold in both / area that is hot or cold in either`` (Jaccard index), over finest cells whose
    cell takes part at both sides; NaN where there is no spot at either.

    Parameters
    ----------
    side, coarser : Side
    spots, coarser_spots : ndarray of int
        Class of each block: 1 hot, -1 cold, 0 neither, -9 no part.
    area : ndarray of float
        Of the finest cells [km2].
    """
    fine, coarse = spots[side.member], coarser_spots[coarser.member]
    part = (fine != -9) & (coarse != -9)
    either = part & ((fine != 0) | (coarse != 0))
    both = either & (fine == coarse)
    return float(area[both].sum() / area[either].sum()) if area[either].sum() > 0 else float("nan")


def loss_area(member: Integers, classes: Mapping[str, Floats]) -> float:
    """How much the areas of the land classes change when each cell takes its largest class, ``sum_k abs(A_k(s) - A_k) / sum_k A_k``.

    On a tie the class that is named first wins. From 0 to 2.

    Parameters
    ----------
    member : ndarray of int, shape (n,)
        Cell of each finest cell.
    classes : mapping
        Area of each class in the finest cells [km2].

    Examples
    --------
    A cell of 6 km2 forest and 4 water, one of 1 and 9: 10 of each against 7 and 13.

    >>> round(loss_area(np.array([0, 1]), {"forest": np.array([6.0, 1.0]), "water": np.array([4.0, 9.0])}), 12)
    0.3
    """
    areas = np.array([np.bincount(member, weights=values) for values in classes.values()])
    whole = float(areas.sum())
    if not whole > 0:
        return float("nan")
    ties = areas >= areas.max(axis=0) * (1 - 1e-12)  # equal but for the order in which they were added
    majority = np.bincount(ties.argmax(axis=0), weights=areas.sum(axis=0), minlength=len(areas))
    return float(np.abs(majority - areas.sum(axis=1)).sum()) / whole


def box_count(member: Integers, mask: NDArray[np.bool_]) -> int:
    """Number of cells that hold at least one finest cell of a mask.

    Examples
    --------
    >>> box_count(np.array([0, 0, 1, 2]), np.array([True, True, False, True]))
    2
    """
    return int(np.count_nonzero(np.bincount(member[mask])))


def fractal_dimension(sides_km: ArrayLike, counts: ArrayLike) -> float:
    """Box-counting dimension of a mask: minus the slope of ``ln N(s)`` against ``ln s`` by least squares.

    NaN for fewer than three sides or an empty mask. Source: textbook form (box counting).

    Examples
    --------
    A filled square of 24 km: 576, 144, 64 and 36 boxes.

    >>> round(fractal_dimension([1, 2, 3, 4], [576, 144, 64, 36]), 6)
    2.0
    """
    side, number = np.asarray(sides_km, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if side.size < 3 or not (number > 0).all():
        return float("nan")
    return float(-np.polyfit(np.log(side), np.log(number), 1)[0])


def _squares(totals: Floats, areas: Floats, mean: float) -> float:
    """Area-weighted sum of squares of densities about a mean."""
    held = areas > 0
    return float(((totals[held] - mean * areas[held]) ** 2 / areas[held]).sum())
