"""What the accounts look like at the chosen side and at its two neighbours, ready to be zoned and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carbonshed import registry
from carbonshed.checks import check_columns, check_conserved, examples, refuse
from carbonshed.scale.blocks import side_factors
from carbonshed.spatial.aggregate import aggregate
from carbonshed.spatial.cell_ids import coarse_ids, read_cell_ids

ROLES = ("finer", "chosen", "coarser")


def neighbour_scales(scale_km: float, scales_km: Iterable[float]) -> dict[str, float]:
    """The next finer and the next coarser candidate of a scale, and itself, by role; an end of the ladder has one neighbour.

    Raises
    ------
    InputError
        If the scale is none of the candidates.

    Examples
    --------
    >>> neighbour_scales(18, [6, 12, 18, 24])
    {'finer': 12.0, 'chosen': 18.0, 'coarser': 24.0}
    >>> neighbour_scales(6, [6, 12, 18, 24])
    {'chosen': 6.0, 'coarser': 12.0}
    """
    ladder = sorted({float(scale) for scale in scales_km})
    place = np.flatnonzero(np.isclose(ladder, scale_km)) if ladder else np.zeros(0, dtype=np.intp)
    if not place.size:
        raise refuse(
            "no_candidate",
            expected=f"one of the candidates, {examples(f'{scale:g}' for scale in ladder)} km",
            got=f"{scale_km:g} km",
            where="scale_km",
            fix="Give a scale that the rule chose; where it chose none, there is nothing to compare.",
        )
    at = int(place[0])
    near = dict(zip(ROLES, [ladder[at - 1] if at else None, ladder[at], ladder[at + 1] if at + 1 < len(ladder) else None]))
    return {role: scale for role, scale in near.items() if scale is not None}


def scale_whatif(accounts: pd.DataFrame, *, scale_km: float, scales_km: Iterable[float], skipna: bool = False) -> pd.DataFrame:
    """Accounts at the chosen side and at its neighbours among the candidates, as block sums of the finest cells.

    Parameters
    ----------
    accounts : DataFrame or GeoDataFrame
        The finest grid: index of cell ids, `area_km2`, carbon and any other columns, `year` (optional).
    scale_km : float
        The chosen side.
    scales_km : iterable of float
        All candidates, multiples of the finest side.
    skipna : bool
        False: a cell with an unknown part is unknown. True: it is the sum of its known parts.

    Returns
    -------
    DataFrame, or GeoDataFrame with the squares of the cells where `accounts` is one
        Index unit_id (``coarse_ids(ids, k)`` tells the cell of each finest one); scale_role (finer, chosen, coarser), scale_km, year,
        every extensive and money column summed, inside_share. Ratios are left out: they are computed anew from the sums.

    Raises
    ------
    InputError
        A side that is no candidate or no multiple of the finest one; ids that are no cells.
    ConservationError
        If the total of a column is not that of the finest cells.

    Examples
    --------
    >>> cells = pd.DataFrame({"area_km2": 1.0, "carbon_sink": [1.0, 2, 3, 4]}, index=[f"g1:R000C00{i}" for i in range(4)])
    >>> around = scale_whatif(cells, scale_km=2, scales_km=[1, 2, 4])
    >>> around.groupby("scale_role", sort=False)["carbon_sink"].apply(list).to_dict()
    {'finer': [1.0, 2.0, 3.0, 4.0], 'chosen': [3.0, 7.0], 'coarser': [10.0]}
    """
    check_columns(accounts.columns, ["area_km2"], where="accounts of the finest grid")
    side_m, _, _, _ = read_cell_ids(pd.unique(accounts.index))
    near = neighbour_scales(scale_km, scales_km)
    factors = side_factors(near.values(), side_m / 1000)
    terms = registry.terms()
    kinds = {name: terms[name].kind for name in map(str, accounts.columns) if name in terms and name != "scale_km"}
    summed = {name: kind for name, kind in kinds.items() if kind in ("extensive", "money")}
    frames = []
    for role, scale in near.items():
        frame = _coarse(pd.DataFrame(accounts), factors[scale], summed, skipna)
        for name in summed:
            before, after = accounts[name].to_numpy(dtype=np.float64), frame[name].to_numpy(dtype=np.float64)
            if not np.isnan(after).any():
                size = float(np.nansum(np.abs(before)))
                check_conserved(size, size + float(np.nansum(before) - after.sum()), what=f"{name} at {scale:g} km")
        frame["inside_share"] = frame["area_km2"] / scale**2
        frame.insert(0, "scale_km", scale)
        frame.insert(0, "scale_role", role)
        if isinstance(accounts, gpd.GeoDataFrame):
            frame = gpd.GeoDataFrame(frame, geometry=_squares(frame.index), crs=accounts.crs)
        frames.append(frame)
    return pd.concat(frames)


def _coarse(accounts: pd.DataFrame, k: int, kinds: Mapping[str, str], skipna: bool) -> pd.DataFrame:
    """Sums over blocks of k x k cells, by year where there are years."""
    code, unique = pd.factorize(accounts.index)
    plain = accounts.assign(unit_id=coarse_ids(unique, k)[code])
    if "year" not in accounts:
        return aggregate(plain, "unit_id", kinds=kinds, skipna=skipna)
    return aggregate(plain, ["unit_id", "year"], kinds=kinds, skipna=skipna).reset_index("year")


def _squares(ids: pd.Index) -> NDArray[np.object_]:
    """Squares of cells."""
    side, (east, north), rows, cols = read_cell_ids(ids)
    west, south = east + cols * side, north + rows * side
    return np.asarray(shapely.box(west, south, west + side, south + side), dtype=object)
