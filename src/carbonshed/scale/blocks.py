"""The finest cells of each year, and the coarser cells that blocks of them make, wherever the coarse grid begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import gcd
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, check_conserved, choose, examples, refuse, warn
from carbonshed.spatial.cell_ids import read_cell_ids

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

QUANTITIES = ("carbon_source", "carbon_sink", "net_carbon_emission")
THIRDS = tuple((east, north) for north in range(3) for east in range(3))
"""Origins of the 3 x 3 lattice in thirds of a side (east, north); the first is the datum, the other 8 are shifts."""


class Blocks(NamedTuple):
    """Cells of one side in the order of rows and columns: known area inside the region [km2] and total of the quantity."""

    rows: Integers
    cols: Integers
    area: Floats
    total: Floats


class Membership(NamedTuple):
    """Blocks in the order of rows and columns, and the number of the block that each finest cell is in."""

    rows: Integers
    cols: Integers
    member: Integers

    def sums(self, values: Floats) -> Floats:
        """Sum of the values of the cells of each block."""
        return np.bincount(self.member, weights=values, minlength=self.rows.size).astype(np.float64)


class BaseYear(NamedTuple):
    """Finest cells of one year whose quantity is known; `columns` holds further columns of the same cells.

    `places` tells rows, columns and areas from others: years and quantities with the same text have the same cells. Empty: not told.
    """

    year: int
    rows: Integers
    cols: Integers
    area: Floats
    value: Floats
    columns: Mapping[str, Floats]
    places: str = ""


class Base(NamedTuple):
    """Finest grid: side and origin [km], its years, and whether the caller's table had a column `year`."""

    side_km: float
    origin_km: tuple[float, float]
    years: Sequence[BaseYear]
    has_years: bool


def block_membership(rows: Integers, cols: Integers, k: int, *, shift: tuple[int, int] = (0, 0)) -> Membership:
    """Blocks of k x k cells: row' = floor((row - north) / k), column alike, so that nested grids nest exactly.

    Parameters
    ----------
    rows, cols : ndarray of int, shape (n,)
    k : int
        Side of a block in cells.
    shift : (east, north)
        Origin of the blocks in cells.

    Returns
    -------
    Membership
        Only blocks that hold a cell.

    Examples
    --------
    >>> block_membership(np.array([-1, 0, 1]), np.array([0, 0, 0]), 2).member.tolist()
    [0, 1, 1]
    >>> block_membership(np.array([-1, 0, 1]), np.array([0, 0, 0]), 2, shift=(0, 1)).member.tolist()
    [0, 0, 1]
    """
    block_rows, block_cols = (rows - shift[1]) // k, (cols - shift[0]) // k
    if rows.size == 0:
        return Membership(block_rows, block_cols, np.zeros(0, dtype=np.int64))
    south, west, width = int(block_rows.min()), int(block_cols.min()), int(np.ptp(block_cols)) + 1
    key = (block_rows - south) * width + (block_cols - west)
    if (int(np.ptp(block_rows)) + 1) * width <= 16 * rows.size:  # a full enough rectangle: count instead of sorting
        held = np.bincount(key) > 0
        unique, member = np.flatnonzero(held), (np.cumsum(held) - 1)[key]
    else:
        unique, member = np.unique(key, return_inverse=True)
    return Membership(unique // width + south, unique % width + west, member)


def block_sums(rows: Integers, cols: Integers, area: Floats, value: Floats, k: int, *, shift: tuple[int, int] = (0, 0)) -> Blocks:
    """Sums of area and value over blocks of k x k cells counted from the origin, or from a shifted one.

    Parameters
    ----------
    rows, cols : ndarray of int, shape (n,)
    area, value : ndarray of float, shape (n,)
    k, shift
        As in `block_membership`.

    Returns
    -------
    Blocks
        One entry for each block that holds a cell.

    Examples
    --------
    >>> block_sums(np.array([-1, 0, 1]), np.array([0, 0, 0]), np.ones(3), np.array([1.0, 2.0, 3.0]), 2).total.tolist()
    [1.0, 5.0]
    """
    blocks = block_membership(rows, cols, k, shift=shift)
    return Blocks(blocks.rows, blocks.cols, blocks.sums(area), blocks.sums(value))


def origin_shift(k: int, thirds: tuple[int, int]) -> tuple[int, int]:
    """Shift (east, north) of a grid of k cells a side by thirds of a side, each rounded to whole finest cells.

    Examples
    --------
    >>> origin_shift(18, (1, 2)), origin_shift(4, (1, 2)), origin_shift(2, (1, 2)), origin_shift(1, (1, 2))
    ((6, 12), (1, 3), (1, 1), (0, 0))
    """
    east, north = (round(third * k / 3) % k for third in thirds)
    return east, north


def side_factors(scales_km: Iterable[float], base_km: float) -> dict[float, int]:
    """How many finest cells make each side, finest first; any multiples of the finest one, whether or not of one another.

    Raises
    ------
    InputError
        A side that is no multiple of the finest one; the message names the base that would fit all.

    Examples
    --------
    >>> side_factors([5, 1, 2, 3], 1.0)
    {1.0: 1, 2.0: 2, 3.0: 3, 5.0: 5}
    """
    scales = sorted({float(scale) for scale in scales_km})
    wrong = [scale for scale in scales if round(scale / base_km) < 1 or abs(scale / base_km - round(scale / base_km)) > 1e-9]
    if wrong or not scales:
        metres = [round(scale * 1000) for scale in scales]
        common = gcd(*metres) / 1000
        fits = bool(scales) and min(metres) > 0 and all(abs(m - scale * 1000) < 1e-6 for m, scale in zip(metres, scales))
        finer = f", or tabulate land on a base of {common:g} km, the greatest common divisor of all" if fits else ""
        raise refuse(
            "not_a_multiple",
            expected=f"sides that are multiples of the finest one, {base_km:g} km",
            got=f"{', '.join(f'{scale:g}' for scale in wrong) or 'none'} km",
            where="scales_km",
            fix=f"Leave these out{finer}.",
        )
    return {scale: round(scale / base_km) for scale in scales}


def read_base(accounts: pd.DataFrame, quantity: str, columns: Sequence[str] = ()) -> Base:
    """The finest cells of each year, checked; a cell whose quantity is not known is left out, and listed.

    Raises
    ------
    InputError
        A column is missing; ids are no cell ids or of several grids; a cell twice in a year; an area that is missing, negative or
        larger than its cell; an infinite value.
    """
    choose(quantity, QUANTITIES, where="quantity")
    check_columns(accounts.columns, ["area_km2", quantity, *columns], where="accounts of the finest grid")
    code, unique = pd.factorize(accounts.index)
    side_m, origin, all_rows, all_cols = read_cell_ids(unique)
    rows, cols = all_rows[code], all_cols[code]
    area, value = (accounts[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("area_km2", quantity))
    _check_area(area, (side_m / 1000) ** 2, accounts.index)
    if np.isinf(value).any():
        got = f"infinite at {examples(accounts.index[np.isinf(value)])}"
        raise refuse("not_finite", expected="finite values", got=got, where=f"accounts: {quantity}", fix="Mend the ratio that made it.")
    has_years = "year" in accounts
    year = accounts["year"].to_numpy() if has_years else np.zeros(len(accounts), dtype=np.int64)
    further = {name: accounts[name].to_numpy() for name in columns}
    years = []
    for each in np.unique(year):
        of_year = year == each
        _check_unique(accounts.index[of_year], each)
        gaps, known = of_year & np.isnan(value) & (area > 0), of_year & ~np.isnan(value)
        if gaps.any():
            warn(f"scale response: {quantity} is not known in {gaps.sum()} cells, left out: {examples(accounts.index[gaps].unique())}.")
        held = {name: values[known] for name, values in further.items()}
        cells = rows[known], cols[known], area[known]
        places = sha256(b"".join(part.tobytes() for part in cells)).hexdigest()
        years.append(BaseYear(int(each), *cells, value[known], held, places))
    return Base(side_m / 1000, (origin[0] / 1000, origin[1] / 1000), years, has_years)


def check_total(base: BaseYear, blocks: Blocks, side_km: float) -> None:
    """Refuse blocks whose total differs from that of the finest cells by more than 1e-9 of the sum of amounts."""
    amounts = float(np.abs(base.value).sum())
    check_conserved(amounts, amounts + float(blocks.total.sum() - base.value.sum()), what=f"cells of {side_km:g} km")


def _check_area(area: Floats, cell_km2: float, index: pd.Index) -> None:
    bad = ~((area >= 0) & (area <= cell_km2 * 1.01))
    if bad.any():
        raise refuse(
            "bad_area",
            expected=f"areas in km2 between 0 and that of a cell, {cell_km2:g}",
            got=f"{area[bad][0]:g} at {examples(index[bad])}",
            where="accounts: area_km2",
            fix="Give the land area of the cell inside the region in km2.",
        )


def _check_unique(ids: pd.Index, year: object) -> None:
    if not ids.is_unique:
        fix = "Give a column year, or sum the parts of a cell first."
        got = f"twice in {year}: {examples(ids[ids.duplicated()])}"
        raise refuse("repeated_cell", expected="each cell once a year", got=got, where="accounts of the finest grid", fix=fix)
