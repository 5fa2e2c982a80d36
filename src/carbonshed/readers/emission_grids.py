"""Gridded emission products to totals per unit: an extensive raster is summed by area share, never averaged, never resampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.quantities import CO2_PER_C
from carbonshed.readers.continuous import read_continuous
from carbonshed.readers.rasters import Bands

Per = Literal["cell", "cell_c", "km2", "km2_c"]
Progress = Callable[[float, str], None]


def read_gridded_emissions(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame,
    *,
    per: Per,
    factor: float = 1.0,
    bands: Bands = None,
    min_coverage: float = 0.98,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Sum gridded emissions over units by area share: ``C_i = sum over pixels p of share of p in i * emission of p``, t CO2 a-1.

    The emission of a pixel is its value (``per`` cell) or its value times its true area (``per`` km2), times 44/12 for carbon.

    Parameters
    ----------
    rasters : Mapping
        Year -> path.
    units : GeoDataFrame
        Polygons in any CRS, index `unit_id` without repetitions.
    per : {"cell", "cell_c", "km2", "km2_c"}
        What a value is: t CO2 per cell, t C per cell, t CO2 per km2, t C per km2; per year, or per month where `bands` is ``"sum"``.
    factor : float
        What a value is multiplied by to be in tonnes: 1e6 for Tg, 1e-3 for kg.
    bands : None, "by_description", "sum" or Mapping
        None: the one band there is. ``"by_description"``: the band whose description is the year. ``"sum"``: all bands, e.g. months.
        Or year -> band number from 1.
    min_coverage : float
        Least share of a unit that must hold data; below it the call is refused. Lowering it is an explicit choice.
    progress : callable, optional
        progress(fraction, message).

    Returns
    -------
    DataFrame
        Index `unit_id`, columns year, carbon_source (t CO2 a-1; NaN where nothing of a unit holds data) and carbon_source_coverage
        (share of the unit with data), years rising and units in the caller's order.

    Raises
    ------
    InputError
        A file, CRS or band is missing; negative emissions; too much of a unit without data.

    Warns
    -----
    DataWarning
        Part of a unit has no data, or lies outside the raster, so the sum is over the rest; units overlap.

    Notes
    -----
    Within a pixel emissions are taken as even. See `read_continuous`, which does the reading.
    """
    choose(per, ("cell", "cell_c", "km2", "km2_c"), where="per")
    table = read_continuous(rasters, units, kind="intensive" if per.startswith("km2") else "extensive", bands=bands, progress=progress)
    for year, (least, _) in table.attrs["extremes"].items():
        if least < 0:
            fix = "Set the nodata value of the file."
            raise refuse("negative", expected="emissions >= 0", got=f"{least:g} in {year}", where=str(rasters[year]), fix=fix)
    tonnes = factor * (CO2_PER_C if per.endswith("_c") else 1.0) * (table["known_km2"] if per.startswith("km2") else 1.0)
    for year in table.attrs["extremes"]:
        rows = table[table["year"] == year]
        _check_coverage(rows["coverage"].to_numpy(), rows.index, min_coverage, f"{Path(rasters[year]).name}, {year}")
    columns = {"year": table["year"], "carbon_source": table["value"] * tonnes, "carbon_source_coverage": table["coverage"]}
    return pd.DataFrame(columns)


def _check_coverage(coverage: NDArray[np.float64], index: pd.Index, min_coverage: float, where: str) -> None:
    partial: NDArray[np.bool_] = coverage < 1 - 1e-6
    if not partial.any():
        return
    low = coverage < min_coverage
    if low.any():
        raise refuse(
            "coverage",
            expected=f"emissions on at least {min_coverage:.0%} of each unit",
            got=f"{coverage.min():.1%} at worst: {examples(index[low])}",
            where=where,
            fix="Give a raster that covers the units, leave them out, or lower min_coverage.",
        )
    warn(f"{where}: no data on part of {examples(index[partial])} (at worst {coverage.min():.2%} covered); sums are over the rest.")
