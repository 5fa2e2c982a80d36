"""Indicators of the cells of one side in one year: autocorrelation, spread, texture, semivariogram, hot spots, concentration.

Throughout z_i is the density of cell i, ``quantity / land area inside the region``; n cells have enough of their area inside.
What is undefined is NaN: everything on a field that is constant (but for the
rounding of areas, see `settled`), and on amounts of mixed sign whatever needs a mean or shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

from carbonshed.numerics.autocorrelation import (
    WeightSums,
    deviations,
    geary_c,
    general_g,
    general_g_variance,
    getis_ord_z,
    settled,
    weight_sums,
)
from carbonshed.numerics.global_permutation import MoranTest, moran_test
from carbonshed.numerics.inequality import concentration_index
from carbonshed.numerics.permutation import benjamini_hochberg
from carbonshed.numerics.variogram import fit_variogram, lattice_semivariogram
from carbonshed.scale.blocks import BaseYear, Blocks, Membership, block_membership
from carbonshed.spatial.neighbours import lattice_neighbours

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMALLEST_N = 4
"""Fewer cells than this have no statistic."""

HOT = 1.96
"""A cell with abs(Gi*) above this is a hot or cold spot."""

FDR = 0.05
MOST_KEPT = 10_000_000
"""Memberships of finest cells that `SharedPlaces` keeps: some 200 MB."""
TOP = 0.1
"""Share of the cells whose share of the carbon is `top_density_share`."""

AUTOCORRELATION = ("moran_i", "moran_z", "moran_p", "geary_c", "general_g", "general_g_z")
SPREAD = ("cv", "local_variance", "entropy", "concentration_area_km2", "top_density_share")
PATTERN = ("nugget_ratio", "range_km", "hot_share", "hot_share_fdr", "hot_carbon_share")


@dataclass(frozen=True)
class Settings:
    """How Moran's I is tested (see `moran_test`), and which cells take part."""

    permutations: int = 999
    seed: int = 0
    min_inside: float = 0.5
    permutation_limit: int = 50_000
    certain_z: float | None = None


class Places(NamedTuple):
    """Where the cells of one side lie, whatever they hold: the block of each finest cell, the areas of the blocks, those that take part."""

    membership: Membership
    area: Floats
    inside: NDArray[np.bool_]
    links: csr_array
    sums: WeightSums


class SharedPlaces:
    """Places of cells, found once for all years and quantities with the same finest cells.

    Where more than `MOST_KEPT` memberships of finest cells are kept, all are forgotten: memory stays bounded, and only time is lost.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, tuple[int, int], float], Places] = {}
        self._cells = 0

    def of(self, base: BaseYear, side_km: float, k: int, shift: tuple[int, int], min_inside: float) -> Places:
        """As `make_places`."""
        key = base.places, k, shift, min_inside
        if not base.places:
            return make_places(base, side_km, k, shift, min_inside)
        if key in self._kept:
            return self._kept[key]
        places = make_places(base, side_km, k, shift, min_inside)
        if self._cells + base.rows.size > MOST_KEPT:
            self._kept.clear()
            self._cells = 0
        self._kept[key] = places
        self._cells += base.rows.size
        return places


class Side(NamedTuple):
    """Cells of one side: all blocks, the block of each finest cell, which blocks take part, their densities, their links and their sums."""

    side_km: float
    k: int
    blocks: Blocks
    member: Integers
    inside: NDArray[np.bool_]
    density: Floats
    links: csr_array
    sums: WeightSums

    @property
    def total(self) -> Floats:
        """Totals of the cells that take part."""
        return self.blocks.total[self.inside]

    @property
    def area(self) -> Floats:
        """Areas of the cells that take part."""
        return self.blocks.area[self.inside]

    @property
    def is_defined(self) -> bool:
        """Whether the cells have statistics: enough of them, a link, and densities that differ."""
        return self.density.size >= SMALLEST_N and self.links.nnz > 0 and bool(deviations(self.density).any())


def make_places(base: BaseYear, side_km: float, k: int, shift: tuple[int, int], min_inside: float) -> Places:
    """Blocks of one side; those with at least `min_inside` of their area inside the region take part."""
    membership = block_membership(base.rows, base.cols, k, shift=shift)
    area = membership.sums(base.area)
    inside = (area >= min_inside * side_km**2 * (1 - 1e-9)) & (area > 0)
    links = lattice_neighbours(membership.rows[inside], membership.cols[inside])
    return Places(membership, area, inside, links, weight_sums(links))


def make_side(
    base: BaseYear, side_km: float, k: int, shift: tuple[int, int], min_inside: float, *, shared: SharedPlaces | None = None
) -> Side:
    """Block sums of one side, with the cells that have at least `min_inside` of their area inside the region."""
    found = (shared or SharedPlaces()).of(base, side_km, k, shift, min_inside)
    (rows, cols, member), area, inside, links, sums = found
    blocks = Blocks(rows, cols, area, found.membership.sums(base.value))
    return Side(side_km, k, blocks, member, inside, settled(blocks.total[inside] / area[inside]), links, sums)


def side_indicators(side: Side, *, is_net: bool, settings: Settings) -> tuple[dict[str, Any], Integers]:
    """All indicators of one side that its own cells give, and the class of each block: 1 hot, -1 cold, 0 neither, -9 no part.

    Net emission, and any quantity with negative cells, has no CV, General G, entropy, concentration or share of carbon.
    """
    row: dict[str, Any] = {"n_cells": int(side.inside.sum()), "inference": "none", "total": float(side.blocks.total.sum())}
    row |= dict.fromkeys((*AUTOCORRELATION, *SPREAD, *PATTERN), float("nan"))
    row["variogram_model"] = "none"
    spots = np.full(side.inside.size, -9, dtype=np.int64)
    if not side.is_defined:
        return row, spots
    is_amount = not is_net and bool((side.density >= 0).all())
    row |= _autocorrelation(side, is_amount, settings)
    row |= _spread(side, is_amount)
    row["cv"] = variation(side, is_net=is_net)
    row |= _semivariogram(side)
    hot, spots[side.inside] = _hot_spots(side, is_amount)
    return row | hot, spots


def global_moran(side: Side, settings: Settings) -> MoranTest:
    """Moran's I of the densities of a side, with its p."""
    return moran_test(
        side.density,
        side.links,
        permutations=settings.permutations,
        seed=settings.seed,
        permutation_limit=settings.permutation_limit,
        certain_z=settings.certain_z,
        sums=side.sums,
    )


def variation(side: Side, *, is_net: bool) -> float:
    """Coefficient of variation of the densities of a side; NaN for a net emission and where the mean is not above 0."""
    mean = side.density.mean()
    return float("nan") if is_net or not mean > 0 else float(side.density.std() / mean)


def _autocorrelation(side: Side, is_amount: bool, settings: Settings) -> dict[str, Any]:
    moran = global_moran(side, settings)
    row: dict[str, Any] = {"moran_i": moran.moran_i, "moran_z": moran.z, "moran_p": moran.p, "inference": moran.inference}
    row["geary_c"] = geary_c(side.density, side.links)
    if is_amount:
        n = side.density.size
        variance = general_g_variance(side.density, side.sums)
        row["general_g"] = general_g(side.density, side.links)
        row["general_g_z"] = (row["general_g"] - side.sums.s0 / (n * (n - 1))) / np.sqrt(variance) if variance > 0 else float("nan")
    return row


def _spread(side: Side, is_amount: bool) -> dict[str, float]:
    row = {"local_variance": local_variance(side.density, side.links)}
    if is_amount:
        row["entropy"] = entropy(side.total)
        row["concentration_area_km2"] = concentration_index(side.total, side.area)
        row["top_density_share"] = top_density_share(side.total, side.density)
    return row


def _semivariogram(side: Side) -> dict[str, Any]:
    rows, cols = side.blocks.rows[side.inside], side.blocks.cols[side.inside]
    found = fit_variogram(lattice_semivariogram(rows, cols, side.density))
    reach = found.range * side.side_km if found.is_bounded else float("nan")
    return {"nugget_ratio": found.nugget_ratio, "range_km": reach, "variogram_model": found.model}


def _hot_spots(side: Side, is_amount: bool) -> tuple[dict[str, float], Integers]:
    z = getis_ord_z(side.density, side.links, np.ones(side.density.size))
    known = ~np.isnan(z)
    if not known.any():
        return {}, np.full(z.size, -9, dtype=np.int64)
    spots = np.where(known, np.sign(z) * (np.abs(z) > HOT), -9).astype(np.int64)
    is_spot = np.abs(spots) == 1
    adjusted = benjamini_hochberg(2 * ndtr(-np.abs(z)))
    row = {"hot_share": float(is_spot.sum() / known.sum()), "hot_share_fdr": float((adjusted[known] <= FDR).mean())}
    if is_amount and side.total[known].sum() > 0:
        row["hot_carbon_share"] = float(side.total[is_spot].sum() / side.total[known].sum())
    return row, spots


def local_variance(density: Floats, links: csr_array) -> float:
    """Mean of the standard deviation (divided by 9) of the density in all full 3 x 3 windows; NaN where there is none.

    `links` are queen neighbours, so a cell with eight is the middle of a full window. Source: Woodcock and Strahler (1987).

    Examples
    --------
    >>> square = lattice_neighbours(np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3))
    >>> round(local_variance(np.arange(1.0, 10), square), 6)
    2.581989
    """
    full = np.diff(links.indptr) == 8
    if not full.any():
        return float("nan")
    centred, first = deviations(density), links.indptr[:-1][full]
    mean = (centred + links @ centred)[full] / 9
    squares = (centred[full] - mean) ** 2
    for place in range(8):  # by differences: the difference of two sums would leave a uniform window the root of their rounding
        squares += (centred[links.indices[first + place]] - mean) ** 2
    return float(np.sqrt(squares / 9).mean())


def entropy(amounts: Floats) -> float:
    """Evenness of the shares p of n cells, ``-sum p ln p / ln n``: 1 where all hold the same, 0 where one holds all.

    Source: Shannon (1948), divided by its largest value.

    Examples
    --------
    >>> entropy(np.array([1.0, 1, 1, 1])), entropy(np.array([0.0, 0, 0, 1])), round(entropy(np.array([1.0, 1, 0, 0])), 6)
    (1.0, 0.0, 0.5)
    """
    total = float(amounts.sum())
    if amounts.size < 2 or not total > 0:
        return float("nan")
    share = amounts / total
    share = share[share > 0]
    return abs(float(share @ np.log(share))) / float(np.log(amounts.size))


def top_density_share(amounts: Floats, density: Floats, *, top: float = TOP) -> float:
    """Share of the amount in the `top` share of the cells with the highest density; a part of a cell counts in part.

    Examples
    --------
    Of five cells the top tenth is half of the one with 6 of 10.

    >>> top_density_share(np.array([1.0, 1, 6, 1, 1]), np.array([1.0, 1, 6, 1, 1]))
    0.3
    """
    total = float(amounts.sum())
    if not total > 0:
        return float("nan")
    ordered = amounts[np.argsort(-density, kind="stable")]
    whole, part = divmod(top * amounts.size, 1)
    return float((ordered[: int(whole)].sum() + part * ordered[int(whole)]) / total)
