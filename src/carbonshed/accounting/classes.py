"""Class areas times a weight per class: the one linear step behind coefficients, class means of NPP and land-class proxies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from carbonshed.accounting.coefficients import land_classes
from carbonshed.checks import examples, refuse

LandArea: TypeAlias = xr.DataArray | pd.DataFrame
"""DataArray ``land_area[..., land_class]`` or a frame with one column for each land class; km2."""

Flow: TypeAlias = xr.DataArray | pd.Series
"""What comes back: the DataArray without `land_class`, or a Series in the caller's index."""


def class_areas(land_area: LandArea, *, extra: Collection[str] = ()) -> LandArea:
    """The class areas alone, as float64: a frame is cut to its land-class columns (and those in `extra`).

    Raises
    ------
    InputError
        No dimension or column of land classes; a class named twice; a negative area.
    """
    if isinstance(land_area, pd.DataFrame):
        wanted = {*land_classes(), *extra}
        found = [column for column in land_area.columns if column in wanted]
        areas: LandArea = land_area[found].astype(float)
        names = found
        values = areas.to_numpy()
    else:
        names = [str(name) for name in land_area["land_class"].values] if "land_class" in land_area.dims else []
        areas = land_area.astype(float)
        values = areas.to_numpy()
    if not names or len(set(names)) < len(names):
        raise refuse(
            "no_land_classes",
            expected=f"class areas in km2: a dimension land_class, or columns such as {examples(land_classes(), 3)}, each once",
            got=examples(names) or "none",
            where="land_area",
            fix="Tabulate land cover first, or name the columns by the canonical classes.",
        )
    if (values < 0).any():
        raise refuse("negative_area", expected="areas >= 0 km2", got=f"{np.nanmin(values):g} km2", where="land_area", fix="Mend the areas.")
    return areas


def total_area(areas: LandArea) -> Flow:
    """Area of each unit in km2, NaN where a class is NaN or where no area is known at all (all pixels nodata)."""
    if isinstance(areas, pd.DataFrame):
        sums = areas.sum(axis=1, skipna=False)
        return sums.where(sums > 0)
    total = areas.sum("land_class", skipna=False)
    return total.where(total > 0)


def weigh_classes(land_area: LandArea, weights: Mapping[str, float], *, where: str, others: float | None = None) -> Flow:
    """Sum of class areas times a weight per km2: ``sum_k A_k w_k``.

    Parameters
    ----------
    land_area : DataArray or DataFrame
        km2; see `LandArea`. Other columns of a frame are left alone.
    weights : Mapping
        Weight per km2 of each class.
    where : str
        What the weights are, for messages.
    others : float, optional
        Weight of the classes not named; None refuses them where they have an area.

    Returns
    -------
    DataArray or Series
        NaN where a class area is NaN.

    Raises
    ------
    InputError
        A class with some area has no weight; the message lists the class and its area.

    Examples
    --------
    >>> weigh_classes(pd.DataFrame({"forest": [2.0], "water": [1.0]}), {"forest": 10.0, "water": 1.0}, where="example").tolist()
    [21.0]
    """
    return _weighed(class_areas(land_area, extra=weights), weights, where, others)


def _weighed(areas: LandArea, weights: Mapping[str, float], where: str, others: float | None) -> Flow:
    if isinstance(areas, pd.DataFrame):
        names, sums = list(areas.columns), areas.sum().to_numpy()
    else:
        names = [str(name) for name in areas["land_class"].values]
        sums = areas.sum([dim for dim in areas.dims if dim != "land_class"]).to_numpy()
    lost = [f"{name} ({area:.6g} km2)" for name, area in zip(names, sums) if name not in weights and area > 0]
    if lost and others is None:
        raise refuse(
            "class_without_weight",
            expected=f"a value for each land class that has an area; given: {', '.join(weights)}",
            got=f"no value for {examples(lost)}",
            where=where,
            fix="Add the class (0 where it has no flow), or use a set that holds it.",
        )
    vector = np.array([weights.get(name, others or 0.0) for name in names])
    if isinstance(areas, pd.DataFrame):
        return pd.Series(areas.to_numpy() @ vector, index=areas.index)
    by_class = xr.DataArray(vector, dims="land_class", coords={"land_class": areas["land_class"]})
    return areas.dot(by_class, dim="land_class")


def flow_from_classes(land_area: LandArea, per_km2: Mapping[str, float], *, where: str, others: float | None = None) -> Flow:
    """`weigh_classes` for a flow: NaN, not 0, where a unit has no known area at all, for nothing is known of its flow.

    Parameters, errors and source as in `weigh_classes`.

    Examples
    --------
    >>> flow_from_classes(pd.DataFrame({"forest": [2.0, 0.0]}), {"forest": 10.0}, where="example").tolist()
    [20.0, nan]
    """
    areas = class_areas(land_area, extra=per_km2)
    flow, total = _weighed(areas, per_km2, where, others), total_area(areas)
    if isinstance(flow, pd.Series) and isinstance(total, pd.Series):
        return flow.where(total.notna())
    return flow.where(~np.isnan(total))
