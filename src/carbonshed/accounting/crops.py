"""Carbon taken up by crops from their yields, and carbon of the farm inputs that replaces the cropland coefficient then."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbonshed.checks import examples, nearest, refuse
from carbonshed.quantities import CO2_PER_C


@cache
def _tables() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(resources.files("carbonshed").joinpath("data/crops.toml").read_text(encoding="utf-8"))


def crop_coefficients() -> dict[str, float]:
    """Carbon taken up per harvest of each crop, t C per t, ``CF * (1 - W) / H``; all unverified.

    CF is the carbon fraction of dry matter, W the water content, H the harvest (economic) coefficient; see ``data/crops.toml``.

    >>> round(crop_coefficients()["wheat"], 3)
    1.067
    """
    return {crop: row["carbon_fraction"] * (1 - row["water"]) / row["harvest"] for crop, row in _tables()["crop"].items()}


def farm_inputs() -> tuple[str, ...]:
    """Names of the farm inputs that have a coefficient.

    >>> farm_inputs()[:2]
    ('fertiliser', 'pesticide')
    """
    return tuple(_tables()["farm_input"])


def crop_uptake(yields: pd.DataFrame | xr.DataArray) -> pd.Series | xr.DataArray:
    """Carbon uptake of crops, ``U = sum_c CF_c * Y_c * (1 - W_c) / H_c * 44/12``, t CO2 a-1.

    Parameters
    ----------
    yields : DataFrame or DataArray
        Harvest in t a-1: a column for each crop (``wheat``, ``maize``, ...; a column ``year`` is left alone), or a DataArray with the
        dimension ``crop``.

    Returns
    -------
    Series or DataArray
        t CO2 a-1 in the caller's index; NaN where a yield is NaN.

    Raises
    ------
    InputError
        A crop without coefficients; a negative yield.

    Notes
    -----
    Textbook form; the coefficients are unverified. Crop carbon is respired within about a year, so counting it as a sink that is paid for
    is a choice of policy. The cropland emission coefficient is then replaced by `farm_input_source`, never added to it.

    Examples
    --------
    1 000 t of wheat: 1000 * 0.485 * 0.88 / 0.40 = 1 067 t C = 3 912.3 t CO2.

    >>> crop_uptake(pd.DataFrame({"wheat": [1000.0]})).round(1).tolist()
    [3912.3]
    """
    return _weighted(yields, crop_coefficients(), dim="crop", where="yields").rename("crop_uptake")


def farm_input_source(inputs: pd.DataFrame | xr.DataArray) -> pd.Series | xr.DataArray:
    """Carbon source of farm inputs, ``C = sum_j q_j * c_j * 44/12``, t CO2 a-1.

    Parameters
    ----------
    inputs : DataFrame or DataArray
        Columns (or a dimension ``farm_input``): `fertiliser`, `pesticide`, `film`, `farm_diesel` in t, `irrigation` in ha irrigated,
        `tillage` in km2 tilled; a column ``year`` is left alone.

    Returns
    -------
    Series or DataArray
        t CO2 a-1 in the caller's index.

    Raises
    ------
    InputError
        An unknown input; a negative quantity.

    Notes
    -----
    Textbook form; all coefficients are unverified.

    Examples
    --------
    10 t of fertiliser: 8.956 t C = 32.84 t CO2.

    >>> farm_input_source(pd.DataFrame({"fertiliser": [10.0]})).round(2).tolist()
    [32.84]
    """
    weights = {name: float(row["value"]) for name, row in _tables()["farm_input"].items()}
    return _weighted(inputs, weights, dim="farm_input", where="farm inputs").rename("farm_input_source")


def _weighted(table: pd.DataFrame | xr.DataArray, carbon: dict[str, float], *, dim: str, where: str) -> pd.Series | xr.DataArray:
    if isinstance(table, pd.DataFrame):
        amounts: pd.DataFrame | xr.DataArray = table.drop(columns="year", errors="ignore")
        names = [str(name) for name in amounts.columns]
    else:
        amounts = table
        names = [str(name) for name in table[dim].values] if dim in table.dims else []
    unknown = [name for name in names if name not in carbon]
    if unknown or not names:
        near = {name: nearest(name, carbon) for name in unknown}
        hints = [f"{name!r} might be {found!r}" for name, found in near.items() if found]
        raise refuse(
            f"unknown_{dim}",
            expected=f"columns (or a dimension {dim}) among {', '.join(carbon)}",
            got=examples(unknown) or "none",
            where=where,
            fix=f"Rename or drop them{' (' + '; '.join(hints) + ')' if hints else ''}.",
        )
    if (np.asarray(amounts, dtype=float) < 0).any():
        raise refuse("negative_amount", expected="amounts >= 0", got="a negative value", where=where, fix="Mend the table.")
    factors = [carbon[name] * CO2_PER_C for name in names]
    if isinstance(amounts, pd.DataFrame):
        return pd.Series(amounts.to_numpy(dtype=float) @ np.array(factors), index=amounts.index)
    result: xr.DataArray = amounts.astype(float).dot(xr.DataArray(factors, dims=dim, coords={dim: amounts[dim]}), dim=dim)
    return result
