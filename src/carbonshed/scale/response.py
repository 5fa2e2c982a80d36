"""The response of spatial statistics to the side of the grid: block sums of the finest cells, then Moran, Geary, CV per side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, examples, refuse, warn
from carbonshed.numerics.autocorrelation import geary_c, moran_variance, weight_sums
from carbonshed.spatial.grid import parse_cell_ids
from carbonshed.spatial.neighbours import lattice_neighbours
from carbonshed.spatial.statistics import global_moran

QUANTITIES = ("carbon_source", "carbon_sink", "net_carbon_emission")
SMALLEST_N = 4
"""Fewer cells than this have no statistic."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Blocks(NamedTuple):
    """Cells of one side in the order of rows and columns: known area inside the region [km2] and total of the quantity."""

    rows: Integers
    cols: Integers
    area: Floats
    total: Floats


def scale_response(
    accounts: pd.DataFrame,
    *,
    scales_km: Iterable[float],
    quantity: str,
    permutations: int = 999,
    seed: int = 0,
    min_inside: float = 0.5,
    permutation_limit: int = 50_000,
) -> pd.DataFrame:
    """Moran's I, Geary's C and CV of a density at each grid side and year, from block sums of the finest cells.

    A cell of side s sums the finest cells in it; its density is ``z = sum of the quantity / land area inside the region``. Moran's I
    and Geary's C of z take binary queen neighbours, no wrap; ``cv = sd / mean``; ``loss_information = 1 - Var(between cells) /
    Var(finest cells)``, both variances of z weighted by area.

    Parameters
    ----------
    accounts : DataFrame
        The finest grid: index of cell ids (``g1:R012C007``), `area_km2` (land area of the cell inside the region), the quantity
        (t CO2 a-1), and `year` (optional). A cell whose quantity is NaN is left out of both sums, so that a gap makes no low.
    scales_km : iterable of float
        Sides, multiples of the finest side.
    quantity : {"carbon_source", "carbon_sink", "net_carbon_emission"}
    permutations, seed : int
        Of the permutation test of Moran's I (two-sided); 0 permutations for I alone.
    min_inside : float
        Cells with a smaller share of their area inside the region stay out of the statistics, but in `total`.
    permutation_limit : int
        Where there are more cells than this, z and p come from the normal distribution that the permutations tend to; the column
        `inference` says so.

    Returns
    -------
    DataFrame
        One row for each side and year, finest first: year, scale_km, quantity, n_cells, moran_i, moran_z, moran_p, cv, geary_c,
        inference (permutation, normal), loss_information, total (t CO2 a-1), chosen (False). `cv` is NaN on net emission and where
        the mean is not positive. ``attrs`` hold weights, permutations, seed, min_inside and base_km.

    Raises
    ------
    InputError
        A side that is no multiple of the finest one; ids of several grids or no cell ids; a cell twice in a year; an area that is
        missing, negative or larger than its cell.

    Warns
    -----
    DataWarning
        Unknown cells; a field that is constant or has too few cells, whose statistics are NaN.

    Notes
    -----
    All indicators are textbook form. I depends on the side because averaging first removes noise, then outgrows the structure.

    Examples
    --------
    >>> cells = pd.DataFrame(
    ...     {"area_km2": 1.0, "carbon_sink": np.arange(16.0)}, index=[f"g1:R{i // 4:03d}C{i % 4:03d}" for i in range(16)]
    ... )
    >>> response = scale_response(cells, scales_km=[1, 2], quantity="carbon_sink", permutations=0)
    >>> response[["scale_km", "n_cells", "total"]].values.tolist()
    [[1.0, 16.0, 120.0], [2.0, 4.0, 120.0]]
    """
    choose(quantity, QUANTITIES, where="quantity")
    check_columns(accounts.columns, ["area_km2", quantity], where="accounts of the finest grid")
    side_m, rows, cols = parse_cell_ids(accounts.index)
    factors = _factors(scales_km, side_m / 1000)
    area = accounts["area_km2"].to_numpy(dtype=float)
    value = accounts[quantity].to_numpy(dtype=float)
    _check_area(area, (side_m / 1000) ** 2, accounts.index)
    years = accounts["year"].to_numpy() if "year" in accounts else np.zeros(len(accounts), dtype=np.int64)
    results, undefined = [], []
    for year in np.unique(years):
        of_year = years == year
        _check_unique(accounts.index[of_year], year)
        known = of_year & ~np.isnan(value)
        gaps = of_year & np.isnan(value) & (area > 0)
        if gaps.any():
            warn(f"scale response: {quantity} is not known in {gaps.sum()} cells, left out: {examples(accounts.index[gaps].unique())}.")
        for scale, k in factors.items():
            cells = block_sums(rows[known], cols[known], area[known], value[known], k)
            row = _statistics(cells, min_inside * scale**2, permutations, seed, permutation_limit)
            if np.isnan(row["moran_i"]):
                undefined.append(f"{scale:g} km" + (f" in {year}" if "year" in accounts else ""))
            row["loss_information"] = _loss(cells, area[known], value[known])
            results.append({"year": year, "scale_km": scale, "quantity": quantity, **row, "chosen": False})
    if undefined:
        warn(f"scale response of {quantity}: a constant field or too few cells, so no statistic at {examples(undefined)}.")
    response = pd.DataFrame(results).sort_values(["scale_km", "year"], kind="stable", ignore_index=True)
    if quantity == "net_carbon_emission":
        response["cv"] = np.nan
    if "year" not in accounts:
        response["year"] = pd.array([pd.NA] * len(response), dtype="Int64")
    response.attrs = {
        "weights": "queen, binary",
        "permutations": permutations,
        "seed": seed,
        "min_inside": min_inside,
        "base_km": side_m / 1000,
    }
    return response


def block_sums(rows: Integers, cols: Integers, area: Floats, value: Floats, k: int) -> Blocks:
    """Sums of area and value over blocks of k x k cells counted from the origin, so that nested grids nest exactly.

    Parameters
    ----------
    rows, cols : ndarray of int, shape (n,)
    area, value : ndarray of float, shape (n,)
    k : int
        Side of a block in cells.

    Returns
    -------
    Blocks
        One entry for each block that holds a cell.

    Examples
    --------
    >>> block_sums(np.array([-1, 0, 1]), np.array([0, 0, 0]), np.ones(3), np.array([1.0, 2.0, 3.0]), 2).total.tolist()
    [1.0, 5.0]
    """
    block_rows, block_cols = rows // k, cols // k
    west, width = (int(block_cols.min()), int(np.ptp(block_cols)) + 1) if cols.size else (0, 1)
    key = block_rows * width + (block_cols - west)
    unique, first, member = np.unique(key, return_index=True, return_inverse=True)
    sums = [np.asarray(np.bincount(member, each, minlength=unique.size), dtype=np.float64) for each in (area, value)]
    return Blocks(block_rows[first], block_cols[first], sums[0], sums[1])


def _statistics(cells: Blocks, smallest_area: float, permutations: int, seed: int, permutation_limit: int) -> dict[str, Any]:
    """Statistics of the cells with enough area inside; the total of all."""
    inside = (cells.area >= smallest_area * (1 - 1e-9)) & (cells.area > 0)
    density = cells.total[inside] / cells.area[inside]
    row: dict[str, Any] = {"n_cells": int(inside.sum()), "inference": "permutation"}
    row |= dict.fromkeys(("moran_i", "moran_z", "moran_p", "cv", "geary_c"), float("nan"))
    row["total"] = float(cells.total.sum())
    mean = float(density.mean()) if density.size else float("nan")
    if mean > 0:
        row["cv"] = float(density.std()) / mean
    links = lattice_neighbours(cells.rows[inside], cells.cols[inside])
    if density.size < SMALLEST_N or links.nnz == 0 or np.ptp(density) <= 1e-12 * np.abs(density).max():
        return row
    by_draws = density.size <= permutation_limit
    moran = global_moran(density, links, permutations=permutations if by_draws else 0, seed=seed)
    row |= {"moran_i": moran.moran_i, "moran_z": moran.moran_z, "moran_p": moran.moran_p, "geary_c": geary_c(density, links)}
    if permutations and not by_draws:
        spread = np.sqrt(moran_variance(density.size, weight_sums(links)))
        row |= {"moran_z": (moran.moran_i - moran.expected_i) / spread, "moran_p": moran.p_normal, "inference": "normal"}
    return row


def _loss(cells: Blocks, area: Floats, value: Floats) -> float:
    """Share of the area-weighted variance of the finest density that is lost inside the cells."""
    if not area.sum() > 0:
        return float("nan")
    mean = cells.total.sum() / cells.area.sum()

    def squares(totals: Floats, areas: Floats) -> float:
        held = areas > 0
        return float(np.sum((totals[held] - mean * areas[held]) ** 2 / areas[held]))

    whole = squares(value, area)
    return 1 - squares(cells.total, cells.area) / whole if whole > 0 else float("nan")


def _factors(scales_km: Iterable[float], base_km: float) -> dict[float, int]:
    """How many finest cells make a side; refuses what is no multiple."""
    scales = sorted({float(scale) for scale in scales_km})
    wrong = [f"{scale:g}" for scale in scales if round(scale / base_km) < 1 or abs(scale / base_km - round(scale / base_km)) > 1e-9]
    if wrong or not scales:
        raise refuse(
            "not_a_multiple",
            expected=f"sides that are multiples of the finest one, {base_km:g} km",
            got=f"{', '.join(wrong) or 'none'} km",
            where="scales_km",
            fix="Leave these out, or tabulate land on a finer base grid.",
        )
    return {scale: round(scale / base_km) for scale in scales}


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
