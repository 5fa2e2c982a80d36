"""Pairs of a payer and a recipient whose cost follows from their places, for programmes too large for a matrix of costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.compensation.flow_cost import check_basins, check_place, pair_distances_km
from carbonshed.compensation.panel import INSTITUTIONS
from carbonshed.numerics.matrix_pairs import FEW_PAIRS, FIRST, all_pairs, each_once, grain
from carbonshed.numerics.near_points import Points, earth_centred, in_blocks, near_points
from carbonshed.numerics.transport import transport_of_pairs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TOGETHER = 3
"""Places that are taken for one in the coarser programme that the first prices come from."""

NOT_KNOWN = -(2.0**50)
"""A price at which nobody is near."""


@dataclass(frozen=True)
class Side:
    """Payers or recipients.

    Parameters
    ----------
    lon, lat : float arrays, shape (n,)
        Degrees; NaN where there is no place: such a side costs nothing to reach.
    basin : int array, shape (n,)
        Number of its basin; -1: of none.
    """

    lon: Floats
    lat: Floats
    basin: Integers

    def part(self, rows: Integers) -> Side:
        """These rows alone."""
        return Side(self.lon[rows], self.lat[rows], self.basin[rows])

    @property
    def has_place(self) -> NDArray[np.bool_]:
        """Where there is a place."""
        return np.isfinite(self.lon) & np.isfinite(self.lat)

    def points(self) -> tuple[Points, Integers]:
        """The places, and the rows that have one."""
        rows = np.flatnonzero(self.has_place)
        return Points(earth_centred(self.lon[rows], self.lat[rows]), self.basin[rows]), rows


def _basin_numbers(payers: pd.DataFrame, recipients: pd.DataFrame) -> tuple[Integers, Integers]:
    """The same number for the same basin on both sides; -1 where none is known."""
    basins = pd.concat([payers["basin"], recipients["basin"]], ignore_index=True)
    numbers = pd.factorize(basins)[0].astype(np.int64)
    return numbers[: len(payers)], numbers[len(payers) :]


def cost_follows_from_places(cost: str | pd.DataFrame) -> bool:
    """Whether the cost of a pair follows from its two places, so that the pairs that may matter are found without all the others.

    A matrix is what its maker wrote. Field strength falls with the square of the distance: of the 2^30 steps between the dearest and the
    cheapest pair the far pairs all have the same few, so that most of them tie.
    """
    return isinstance(cost, str) and cost in ("distance", "same_basin")


def place_pairs(payers: pd.DataFrame, recipients: pd.DataFrame, *, cost: str = "distance", basin_discount: float = 0.5) -> PlacePairs:
    """The pairs of these payers and recipients at the costs of `carbonshed.compensation.flow_cost.flow_cost`, made when asked for.

    Parameters
    ----------
    payers, recipients : DataFrame
        ``lon``, ``lat`` (degrees; NaN for the fund and the upper level, which have no place) and, for ``same_basin``, ``basin``.
    cost : {"distance", "same_basin"}

    Raises
    ------
    InputError
        A missing place or column; a discount outside [0, 1].

    Examples
    --------
    >>> payers, recipients = (pd.DataFrame({"lon": [0.0], "lat": [at]}, index=[name]) for name, at in (("a", 0.0), ("b", 1.0)))
    >>> place_pairs(payers, recipients).costs(np.array([0]), np.array([0])).round(3).tolist()
    [110.574]
    """
    for side in (payers, recipients):
        check_place(side[["lon", "lat"]].notna().all(axis=1).to_numpy() | side.index.isin(INSTITUTIONS), cost)
    basins = np.full(len(payers), -1), np.full(len(recipients), -1)
    if cost == "same_basin":
        check_basins(payers, recipients, basin_discount)
        basins = _basin_numbers(payers, recipients)
    sides = [
        Side(side["lon"].to_numpy(dtype=np.float64), side["lat"].to_numpy(dtype=np.float64), basin)
        for side, basin in zip((payers, recipients), basins, strict=True)
    ]
    return PlacePairs(*sides, discount=basin_discount if cost == "same_basin" else 0.0)


class PlacePairs:
    """All pairs of a payer and a recipient at the cost ``f_ij d_ij`` [km]; see `carbonshed.numerics.transport.Pairs`.

    ``d_ij`` is the geodesic, ``f_ij`` one less the discount where both are of one basin, otherwise 1; 0 where one of them has no place.

    Parameters
    ----------
    payers, recipients : Side
    discount : float
        From 0 to 1.
    """

    lowest = 0.0

    def __init__(self, payers: Side, recipients: Side, *, discount: float = 0.0):
        self.payers, self.recipients, self.discount = payers, recipients, discount
        self.shape = payers.lon.size, recipients.lon.size
        (self.from_points, self.from_rows), (self.to_points, self.to_rows) = payers.points(), recipients.points()
        both = np.vstack([self.from_points.xyz, self.to_points.xyz])
        farthest = np.pi / 2 * float(np.linalg.norm(np.ptp(both, axis=0))) * 1.01 if len(both) else 0.0  # half a turn on the diagonal
        self.per_cost = grain(0.0, farthest)
        self.highest = float(np.rint(farthest * self.per_cost))

    def part(self, rows: Integers, columns: Integers) -> PlacePairs:
        """The pairs of these payers and recipients."""
        return PlacePairs(self.payers.part(rows), self.recipients.part(columns), discount=self.discount)

    def costs(self, rows: Integers, columns: Integers) -> Floats:
        """Costs of these pairs [km]."""
        ends = (self.payers.part(rows), self.recipients.part(columns))
        distance = pair_distances_km(*((end.lon, end.lat) for end in ends))
        same = (ends[0].basin == ends[1].basin) & (ends[0].basin >= 0)
        return np.nan_to_num(np.where(same, (1.0 - self.discount) * distance, distance))

    def first(self, supply: Integers, need: Integers) -> tuple[Integers, Integers, Floats, Floats]:
        """Of each payer and each recipient the pairs that look cheapest by the prices of a coarser programme, and all without a place."""
        n, m = self.shape
        if n * m <= FEW_PAIRS or not self.from_rows.size or not self.to_rows.size:
            return *all_pairs(n, m), np.zeros(n), np.zeros(m)
        u, v = self._first_prices(supply, need)
        ahead, back = self._near(v, None, FIRST), self._near(u, None, FIRST, back=True)
        free_rows, free_columns = self._without_place()
        rows, columns = np.concatenate([ahead[0], back[1], free_rows]), np.concatenate([ahead[1], back[0], free_columns])
        return *each_once(rows, columns, m), u, v

    def within(self, row_prices: Floats, column_prices: Floats, most: int) -> tuple[Integers, Integers, bool]:
        """Pairs whose whole cost may be at most the sum of both prices, and whether these are all."""
        rows, columns, is_all = self._near(column_prices, row_prices, most)
        free_rows, free_columns = self._without_place()
        cheap = row_prices[free_rows] + column_prices[free_columns] >= 0
        return np.concatenate([rows, free_rows[cheap]]), np.concatenate([columns, free_columns[cheap]]), is_all

    def _without_place(self) -> tuple[Integers, Integers]:
        """The pairs in which one has no place, so that they cost nothing."""
        rows, columns = (np.flatnonzero(~side.has_place) for side in (self.payers, self.recipients))
        placed, everybody = np.flatnonzero(self.payers.has_place), np.arange(self.recipients.lon.size)
        from_nowhere = np.repeat(rows, everybody.size), np.tile(everybody, rows.size)
        to_nowhere = np.repeat(placed, columns.size), np.tile(columns, placed.size)
        return np.concatenate([from_nowhere[0], to_nowhere[0]]), np.concatenate([from_nowhere[1], to_nowhere[1]])

    def _near(self, price: Floats, limit: Floats | None, most: int, *, back: bool = False) -> tuple[Integers, Integers, bool]:
        sides = [(self.from_points, self.from_rows), (self.to_points, self.to_rows)]
        (ask, ask_rows), (among, among_rows) = sides[::-1] if back else sides
        within = np.full(ask_rows.size, np.inf) if limit is None else limit[ask_rows]
        near = near_points(ask, among, price[among_rows], within, most=most, per_km=self.per_cost, factor=1.0 - self.discount)
        return ask_rows[near.asked], among_rows[near.found], near.is_all

    def _first_prices(self, supply: Integers, need: Integers) -> tuple[Floats, Floats]:
        """Whole prices of all payers and recipients, carried over from a programme of a third as many of each."""
        (some, pays), (others, gets) = _together(self.payers, supply), _together(self.recipients, need)
        plan = transport_of_pairs(pays, gets, self.part(some, others))
        u, v = np.full(self.shape[0], NOT_KNOWN), np.full(self.shape[1], NOT_KNOWN)
        u[some], v[others] = np.rint(plan.row_prices * self.per_cost), np.rint(plan.column_prices * self.per_cost)
        return self._carried(v), self._carried(u, back=True)

    def _carried(self, price: Floats, *, back: bool = False) -> Floats:
        """The highest price of each payer (back: recipient) that no pair with the prices of the other side forbids."""
        own, other = (self.recipients, self.payers) if back else (self.payers, self.recipients)
        asked, found, _ = self._near(price, None, 1, back=back)
        carried = np.full(own.lon.size, -float(price.max()))
        distance = self.costs(found, asked) if back else self.costs(asked, found)
        carried[asked] = np.rint(distance * self.per_cost) - price[found]
        if not other.has_place.all():  # whoever has no place is reached for nothing by all
            carried = np.minimum(carried, -float(price[~other.has_place].max()))
        return carried


def _together(side: Side, amounts: Integers) -> tuple[Integers, Integers]:
    """Of each few places that lie together the row with the largest amount, and the sum of their amounts; each without a place alone."""
    points, rows = side.points()
    rows = rows[in_blocks(points.xyz, TOGETHER)]
    starts = np.arange(0, rows.size, TOGETHER)
    group = np.arange(rows.size) // TOGETHER
    largest = rows[np.lexsort((-amounts[rows], group))][starts]
    without = np.flatnonzero(~side.has_place)
    sums = np.concatenate([np.add.reduceat(amounts[rows], starts), amounts[without]])
    return np.concatenate([largest, without]), sums
