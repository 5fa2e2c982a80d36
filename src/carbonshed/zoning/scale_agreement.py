"""Whether zones depend on where the grid's lines lie: agreement by area between zonings at other sides and shifted origins."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import DataWarning, check_columns, examples, refuse
from carbonshed.numerics.partitions import adjusted_rand_index, contingency, normalised_mutual_information
from carbonshed.registry import terms
from carbonshed.scale.blocks import block_membership
from carbonshed.spatial.aggregate import aggregate
from carbonshed.spatial.cell_ids import cell_ids, cell_prefix, checked_shift, read_cell_ids
from carbonshed.zoning.classify import LEAST_INSIDE, fit_zones
from carbonshed.zoning.indicators import column_of, unit_ids, years_of, zoning_indicators
from carbonshed.zoning.name import MISSING

Integers = NDArray[np.int64]
Texts = NDArray[np.str_]


def area_agreement(first: Texts, second: Texts, area_km2: NDArray[np.float64]) -> dict[str, float]:
    """Agreement of two zonings of the same base cells, by area: of points drawn anywhere, not of cells.

    Parameters
    ----------
    first, second : arrays (n,)
        Zones of the base cells; where one is `missing` the cell does not count.
    area_km2 : array (n,)

    Returns
    -------
    dict
        `ari` (adjusted Rand index with areas as weights: its limit for ever finer base cells), `nmi`, `same_share` (of the area, that has
        the same zone), `area_share` (of the area, that counts).

    Examples
    --------
    >>> zones = np.array(["payment", "payment", "recipient"])
    >>> area_agreement(zones, zones, np.array([1.0, 2.0, 3.0]))
    {'ari': 1.0, 'nmi': 1.0, 'same_share': 1.0, 'area_share': 1.0}
    """
    known = (first != MISSING) & (second != MISSING)
    area = area_km2[known]
    if not area.sum() > 0:
        return {"ari": float("nan"), "nmi": float("nan"), "same_share": float("nan"), "area_share": 0.0}
    table = contingency(first[known], second[known], weights=area)
    same = float(area[first[known] == second[known]].sum() / area.sum())
    agreement = {"ari": adjusted_rand_index(table, pairs="points"), "nmi": normalised_mutual_information(table), "same_share": same}
    return {**agreement, "area_share": float(area.sum() / area_km2.sum())}


def coarse_accounts(accounts: pd.DataFrame, k: int, *, shift: tuple[int, int] = (0, 0)) -> pd.DataFrame:
    """Accounts of cells k times coarser: sums of all registered extensive columns, and the share of each cell inside the region.

    Parameters
    ----------
    accounts : DataFrame
        Cells of one grid, ids as index or `unit_id`; `area_km2` inside the region; `year` where there are several.
    k : int
    shift : (east, north)
        Lines of the coarse grid moved by whole cells of the fine one.

    Examples
    --------
    >>> ids = ["g1:R000C000", "g1:R001C001", "g1:R001C002"]
    >>> fine = pd.DataFrame({"area_km2": [1.0, 1.0, 1.0], "carbon_sink": [1.0, 2.0, 4.0]}, index=ids)
    >>> coarse_accounts(fine, 2)[["area_km2", "carbon_sink", "inside_share"]].values.tolist()
    [[2.0, 3.0, 0.5], [1.0, 4.0, 0.25]]
    """
    check_columns(accounts.columns, ["area_km2"], where="accounts")
    return _coarse(accounts, *_BaseCells.of(accounts).groups(k, shift))


class _Groups(NamedTuple):
    """Coarse cell and year that each row of the base lies in, by number; id, year and side in km of each."""

    member: Integers
    ids: NDArray[np.object_]
    years: Integers
    side_km: float


class _BaseCells(NamedTuple):
    """Places of the base cells, their ids read once: rows and columns of the different ones, and which of them each row of the table is."""

    side_m: float
    origin: tuple[float, float]
    rows: Integers
    cols: Integers
    cell: Integers
    years: Integers

    @staticmethod
    def of(accounts: pd.DataFrame) -> _BaseCells:
        cell, different = pd.factorize(np.asarray(unit_ids(accounts), dtype=object))
        side, origin, rows, cols = read_cell_ids(list(different))
        return _BaseCells(side, origin, rows, cols, cell, years_of(accounts))

    def groups(self, k: int, shift: tuple[int, int]) -> _Groups:
        """Coarse cells and years in the order in which they first appear."""
        east, north = checked_shift(k, shift)
        blocks = block_membership(self.rows, self.cols, k, shift=(east, north))
        years, year = np.unique(self.years, return_inverse=True)
        member, found = pd.factorize(blocks.member[self.cell] * len(years) + year.ravel())
        block, year_of_group = np.divmod(found, len(years))
        moved = (self.origin[0] + east * self.side_m, self.origin[1] + north * self.side_m)
        names = cell_ids(cell_prefix(self.side_m * k, moved), blocks.rows, blocks.cols)
        return _Groups(member, names[block], years[year_of_group], k * self.side_m / 1000.0)


def _coarse(accounts: pd.DataFrame, member: Integers, ids: NDArray[np.object_], years: Integers, side_km: float) -> pd.DataFrame:
    """Accounts of groups of base cells, in the order of the groups."""
    named = {str(column): terms()[column].kind for column in accounts.columns if column in terms()}
    summed = {column: kind for column, kind in named.items() if kind in ("extensive", "money")}
    table = aggregate(pd.DataFrame(accounts[list(summed)]).assign(group=member), "group", kinds=summed)
    table.index = pd.Index(ids, name="unit_id")
    if "year" in accounts.columns:
        table.insert(0, "year", years)
    table["inside_share"] = table["area_km2"] / side_km**2
    return table


def origin_shifts(k: int) -> list[tuple[int, int]]:
    """Up to eight shifts of the origin (east, north) in whole base cells: by thirds of the coarse side, without (0, 0).

    >>> origin_shifts(3)
    [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    >>> origin_shifts(2)  # two base cells a side leave one line to move to
    [(0, 1), (1, 0), (1, 1)]
    """
    steps = sorted({(i * k) // 3 if k >= 3 else i * k // 2 for i in range(3 if k >= 3 else 2)})
    return [(east, north) for east, north in itertools.product(steps, steps) if (east, north) != (0, 0)]


def scale_agreement(
    accounts: pd.DataFrame,
    *,
    side_km: float,
    other_sides_km: Sequence[float] = (),
    shifts: bool = True,
    made: Mapping[float, pd.DataFrame] | None = None,
    fit: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Zones at one side against zones at other sides and at shifted origins, laid over one another on the base grid.

    Every zoning is made anew from the accounts (sums, indicators, scaler, clusters, names); each base cell has the zone of the cell
    that it lies in; zonings are compared by area (`area_agreement`).

    Parameters
    ----------
    accounts : DataFrame
        Account of the base grid, one or several years.
    side_km : float
        Side that the others are compared with; a multiple of the base side.
    other_sides_km : sequence of float
        Its neighbours, likewise multiples: 15 and 21 beside 18 on a base of 1 or 3 km.
    shifts : bool
        Whether origins are shifted (`origin_shifts`).
    made : mapping of float -> DataFrame, optional
        Zonings of whole sides that exist already: index unit_id, `year` (where given), `zone`. They are not made again.
    fit : callable, optional
        ``fit(accounts) -> zones`` in the order of its rows; default: `fit_zones` with `options`.
    options
        As in `fit_zones`.

    Returns
    -------
    DataFrame
        One row a zoning and year: `kind` (`side` or `origin`), `side_km`, `east_km` and `north_km` (shift), `year` (where given), `n_cells`
        (of the fit), `ari`, `nmi`, `same_share`, `area_share`.

    Raises
    ------
    InputError
        Ids that are no cells of one grid, a side that is no multiple of the base side, or what `fit_zones` refuses.
    """
    cells, years = _BaseCells.of(accounts), years_of(accounts)
    base_km = cells.side_m / 1000.0
    factors = {side: _factor(side, base_km) for side in dict.fromkeys([side_km, *other_sides_km])}
    k = factors[side_km]
    cases = [("side", side, (0, 0)) for side in factors if side != side_km]
    cases += [("origin", side_km, shift) for shift in (origin_shifts(k) if shifts else [])]
    zoned = fit or (lambda coarse: fit_zones(zoning_indicators(coarse), **{"counts": (), **options}).zones)
    ready = {float(side): zones for side, zones in (made or {}).items()}
    reference, _ = _base_zones(accounts, cells.groups(k, (0, 0)), zoned, ready.get(float(side_km)))
    area, rows = column_of(accounts, "area_km2"), []
    for kind, side, shift in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # said of the first zoning
            there = ready.get(float(side)) if kind == "side" else None
            zones, counted = _base_zones(accounts, cells.groups(factors[side], shift), zoned, there)
        for year in np.unique(years):
            here = years == year
            row: dict[str, Any] = {"kind": kind, "side_km": float(side), "east_km": shift[0] * base_km, "north_km": shift[1] * base_km}
            rows.append(
                {**row, "year": int(year), "n_cells": counted[int(year)], **area_agreement(reference[here], zones[here], area[here])}
            )
    table = pd.DataFrame(rows)
    return table if "year" in accounts.columns or table.empty else table.drop(columns="year")


def _factor(side_km: float, base_km: float) -> int:
    k = round(side_km / base_km)
    if k < 1 or abs(k * base_km - side_km) > 1e-9 * base_km:
        raise refuse(
            "not_a_multiple",
            expected=f"a multiple of the base side, {base_km:g} km",
            got=f"{side_km:g} km",
            where="side_km",
            fix=f"Use {max(k, 1) * base_km:g} km, or a finer base grid.",
        )
    return k


def _base_zones(
    accounts: pd.DataFrame, groups: _Groups, fit: Callable[[pd.DataFrame], pd.DataFrame], made: pd.DataFrame | None
) -> tuple[Texts, dict[int, int]]:
    """Zone of each base cell and year, and number of coarse cells of the fit by year."""
    coarse = _coarse(accounts, *groups)
    if made is None:
        zones = fit(coarse)["zone"].to_numpy(dtype=str)
    else:
        place = pd.MultiIndex.from_arrays([groups.ids, years_of(coarse)])
        at = pd.MultiIndex.from_arrays([unit_ids(made), years_of(made)]).get_indexer(place)
        _check_made(coarse.index[at < 0])
        zones = made["zone"].to_numpy(dtype=str)[at]
    fitted = (zones != MISSING) & (coarse["inside_share"].to_numpy() >= LEAST_INSIDE)
    return zones[groups.member], {int(year): int(fitted[groups.years == year].sum()) for year in np.unique(groups.years)}


def _check_made(lacking: pd.Index) -> None:
    if len(lacking):
        fix = "Give the zones of these accounts, with their years."
        raise refuse("other_units", expected="a zone of each cell and year", got=f"none for {examples(lacking)}", where="made", fix=fix)
