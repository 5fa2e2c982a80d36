"""Land change between two dates: transfer matrix, gains and losses of each class, dynamic degrees, and the carbon effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbonshed.accounting.coefficients import CoefficientSet, load_coefficients
from carbonshed.checks import choose, examples, refuse, warn

FROM, TO = "from_class", "to_class"

HA_PER_KM2 = 100.0

DEGREE_CONVENTIONS = ("annual_change", "half")
"""Changed area over total area and year; or half of it, as where the formula is printed with a 2 in the denominator."""


def transfer_matrix(land_change: xr.DataArray, *, period: str | None = None, unit_id: str | None = None) -> pd.DataFrame:
    """Transfer (transition) matrix ``A_ab``: km2 that passed from class a (row) to class b (column); the diagonal stayed.

    Rows sum to the old area of each class, columns to the new one.

    Parameters
    ----------
    land_change : DataArray
        ``land_change[period, unit_id, from_class, to_class]`` in km2; either of the first two dimensions may be absent.
    period : str, optional
        E.g. ``"1984-2007"``; needed where there are several.
    unit_id : str, optional
        One cell or county; default: the sum over all.

    Returns
    -------
    DataFrame
        km2, index `from_class`, columns `to_class`.

    Raises
    ------
    InputError
        If a dimension is missing, an area is negative, or the period or unit is not there (or not said).

    Notes
    -----
    Source: textbook form.

    Examples
    --------
    >>> areas = xr.DataArray([[6.0, 2.0], [0.0, 3.0]], dims=("from_class", "to_class"))
    >>> areas = areas.assign_coords(from_class=["forest", "built_up"], to_class=["forest", "built_up"])
    >>> transfer_matrix(areas).loc["forest"].to_dict()
    {'forest': 6.0, 'built_up': 2.0}
    """
    change = _checked(land_change)
    for name, wanted in (("period", period), ("unit_id", unit_id)):
        if name not in change.dims:
            continue
        labels = [str(label) for label in change[name].values]
        if wanted is not None:
            change = change.isel({name: labels.index(choose(wanted, labels, where=name))})
        elif name == "unit_id":
            change = change.sum(name, skipna=False)
        elif len(labels) > 1:
            fix = 'Say which: period = "2000-2010".'
            raise refuse("which_period", expected="one period", got=examples(labels), where="transfer_matrix", fix=fix)
        else:
            change = change.isel({name: 0})
    frame = pd.DataFrame(change.values, index=pd.Index(change[FROM].values), columns=pd.Index(change[TO].values))
    return frame.rename_axis(index=FROM, columns=TO)


def class_changes(land_change: xr.DataArray) -> pd.DataFrame:
    """Old and new area of each class, what stayed, gain, loss, net change, swap and dynamic degree, summed over cells or counties.

    ``gain_a = sum_{b != a} A_ba``, ``loss_a = sum_{b != a} A_ab``, ``net_a = gain_a - loss_a``, ``swap_a = 2 min(gain_a, loss_a)``;
    the dynamic degree as in `dynamic_degree`. Swap is change that leaves the areas as they were: exchange of place, or errors of
    classification that cancel.

    Parameters
    ----------
    land_change : DataArray
        As in `transfer_matrix`, with the coordinates `year_from` and `year_to`.

    Returns
    -------
    DataFrame
        One row a period and class: period, land_class, area_from, area_to, stayed, gain, loss, net_change, swap [km2],
        dynamic_degree [% a-1].

    Raises
    ------
    InputError
        As in `transfer_matrix`; if the years of the periods are not known.

    Notes
    -----
    Source: Pontius, Shusas and McEachern (2004), equations of gain, loss and swap; textbook form.

    Examples
    --------
    >>> areas = xr.DataArray([[6.0, 2.0], [1.0, 1.0]], dims=("from_class", "to_class"))
    >>> areas = areas.assign_coords(from_class=["forest", "built_up"], to_class=["forest", "built_up"], year_from=2000, year_to=2010)
    >>> class_changes(areas.expand_dims(period=["2000-2010"]))[["gain", "loss", "swap", "dynamic_degree"]].values.tolist()
    [[1.0, 2.0, 2.0, -1.25], [2.0, 1.0, 2.0, 5.0]]
    """
    change, years = _by_period(land_change)
    classes = [str(name) for name in change[FROM].values]
    tables = []
    for place, label in enumerate(change["period"].values):
        areas = change.values[place]
        stayed = np.diag(areas)
        old, new = areas.sum(axis=1), areas.sum(axis=0)
        moved = areas - np.diag(stayed)
        gain, loss = moved.sum(axis=0), moved.sum(axis=1)
        row = {"period": str(label), "land_class": classes, "area_from": old, "area_to": new, "stayed": stayed, "gain": gain, "loss": loss}
        row |= {"net_change": gain - loss, "swap": 2 * np.minimum(gain, loss)}
        row["dynamic_degree"] = dynamic_degree(pd.Series(old), pd.Series(new), years=float(years[place])).to_numpy()
        tables.append(pd.DataFrame(row))
    return pd.concat(tables, ignore_index=True)


def change_noise(land_change: xr.DataArray, *, lasting: Sequence[str] = ("built_up",), limit: float = 0.05) -> pd.DataFrame:
    """Signs that change between two maps is error of classification: exchange that cancels, and loss of classes that last.

    Parameters
    ----------
    land_change : DataArray
        As in `class_changes`.
    lasting : sequence of str
        Classes that in truth are hardly ever left.
    limit : float
        Share of their old area that may leave them unsaid.

    Returns
    -------
    DataFrame
        One row a period: period, changed [km2], changed_share (of all area), swap_share (``sum_a swap_a / sum_a (gain_a + loss_a)``), left
        [km2 that left the lasting classes], left_share (of their old area), is_noisy (left_share above `limit`).

    Raises
    ------
    InputError
        As in `class_changes`; for an unknown class.

    Warns
    -----
    DataWarning
        Naming the periods that are noisy.

    Notes
    -----
    A sign, not a proof, and no correction: areas by class of independently classified maps should not be differenced at all.

    Examples
    --------
    >>> areas = xr.DataArray([[6.0, 0.0], [0.04, 3.96]], dims=("from_class", "to_class"))
    >>> areas = areas.assign_coords(from_class=["forest", "built_up"], to_class=["forest", "built_up"], year_from=2000, year_to=2010)
    >>> change_noise(areas.expand_dims(period=["2000-2010"]))[["left_share", "is_noisy"]].values.tolist()
    [[0.01, False]]
    """
    rows = []
    for period, table in class_changes(land_change).groupby("period", sort=False):
        for name in lasting:
            choose(name, table["land_class"], where="lasting")
        changed, moved = float(table["loss"].sum()), float((table["gain"] + table["loss"]).sum())
        kept = table[table["land_class"].isin(list(lasting))]
        total, old, left = float(table["area_from"].sum()), float(kept["area_from"].sum()), float(kept["loss"].sum())
        row = {"period": period, "changed": changed, "changed_share": changed / total if total > 0 else np.nan}
        row |= {"swap_share": float(table["swap"].sum()) / moved if moved > 0 else np.nan, "left": left}
        rows.append(row | {"left_share": left / old if old > 0 else np.nan, "is_noisy": old > 0 and left / old > limit})
    result = pd.DataFrame(rows)
    noisy = result[result["is_noisy"]]
    if len(noisy):
        said = examples(f"{100 * share:.3g} % in {period}" for period, share in zip(noisy["period"], noisy["left_share"]))
        warn(f"land change reads as classification noise: {', '.join(lasting)} lost, of its old area, {said}.")
    return result


def dynamic_degree(area_from: pd.Series, area_to: pd.Series, *, years: float) -> pd.Series:
    """Single land-use dynamic degree, the net change of a class per year as a share of its old area.

    ``K_a = (U_b - U_a) / U_a / T * 100`` [% a-1], U_a and U_b the old and new area, T the years between.

    Parameters
    ----------
    area_from, area_to : Series
        Areas in one unit (km2 or ha), in one index.
    years : float
        T > 0.

    Returns
    -------
    Series
        In the caller's index; NaN where the old area is 0 or an area is not known.

    Raises
    ------
    InputError
        If T is not positive, an area is negative, or the indices differ.

    Notes
    -----
    Source: textbook form (Wang and Bao 1999).

    Examples
    --------
    >>> dynamic_degree(pd.Series([100.0, 0.0]), pd.Series([110.0, 5.0]), years=5).tolist()
    [2.0, nan]
    """
    if not years > 0:
        raise refuse("no_time", expected="years > 0 between the dates", got=f"{years}", where="dynamic_degree", fix="Give both years.")
    if not area_from.index.equals(area_to.index):
        fix = "Give both areas for the same classes or units, in the same order."
        raise refuse("other_index", expected="areas in one index", got="two", where="dynamic_degree", fix=fix)
    old, new = area_from.astype(float), area_to.astype(float)
    if (old < 0).any() or (new < 0).any():
        raise refuse("negative_area", expected="areas >= 0", got="less", where="dynamic_degree", fix="Mend the areas.")
    return ((new - old) / old.where(old > 0) / years * 100).rename("dynamic_degree")


def comprehensive_dynamic_degree(land_change: xr.DataArray, *, convention: str = "annual_change") -> pd.Series:
    """Comprehensive land-use dynamic degree: the area that changed class per year as a share of all area.

    ``annual_change``: ``sum_{a != b} A_ab / sum_ab A_ab / T * 100`` [% a-1]. ``half``: the same over 2, as the formula is often
    printed and applied; results of the two differ by that factor and are not compared.

    Parameters
    ----------
    land_change : DataArray
        As in `class_changes`; summed over cells or counties.
    convention : {"annual_change", "half"}

    Returns
    -------
    Series
        % a-1, index `period`; NaN where no area is known.

    Raises
    ------
    InputError
        As in `class_changes`; for an unknown convention.

    Notes
    -----
    Source: textbook form; the conventions: Ye et al. (2018), Landscape Ecology, doi 10.1007/s10980-017-0584-x.

    Examples
    --------
    >>> areas = xr.DataArray([[6.0, 2.0], [0.0, 2.0]], dims=("from_class", "to_class"))
    >>> areas = areas.assign_coords(from_class=["forest", "built_up"], to_class=["forest", "built_up"], year_from=2000, year_to=2010)
    >>> comprehensive_dynamic_degree(areas.expand_dims(period=["2000-2010"])).to_dict()
    {'2000-2010': 2.0}
    """
    choose(convention, DEGREE_CONVENTIONS, where="convention")
    change, years = _by_period(land_change)
    total = change.values.sum(axis=(1, 2))
    moved = total - np.trace(change.values, axis1=1, axis2=2)
    share = np.divide(moved, total, out=np.full(total.shape, np.nan), where=total > 0)
    percent = 100 * share / years / (2 if convention == "half" else 1)
    index = pd.Index([str(label) for label in change["period"].values], name="period")
    return pd.Series(percent, index=index, name="comprehensive_dynamic_degree")


def change_effect(land_change: xr.DataArray, *, coefficients: str | Mapping[str, Any] | CoefficientSet = "china") -> xr.DataArray:
    """Carbon effect of land change: how the yearly net emission of the land itself differs after it.

    ``dC_ab = A_ab (c_b - c_a)`` with ``c = emission coefficient - sink coefficient``, t CO2 a-1; > 0: more is emitted, or less is
    absorbed, than before. The sum over all pairs is the net emission of the new areas less that of the old ones. The energy carbon of
    built-up land is no part of a direct coefficient, so growth of towns shows here by the sink that it covers only.

    Parameters
    ----------
    land_change : DataArray
        ``land_change[..., from_class, to_class]`` in km2.
    coefficients : str, Mapping or CoefficientSet
        See `load_coefficients`.

    Returns
    -------
    DataArray
        t CO2 a-1, the dimensions of `land_change`; ``attrs`` hold the set and its unverified classes.

    Raises
    ------
    InputError
        If a class with some area has no coefficient; as in `transfer_matrix`.

    Notes
    -----
    Textbook form. It compares two yearly flows; the stock that clearing releases once is not in it.

    Examples
    --------
    One km2 (100 ha) of forest built over: 100 * 0.644 * 44/12 t CO2 a year are no longer absorbed.

    >>> areas = xr.DataArray([[0.0, 1.0]], dims=("from_class", "to_class"))
    >>> areas = areas.assign_coords(from_class=["forest"], to_class=["forest", "built_up"])
    >>> round(float(change_effect(areas).sum()), 2)
    236.13
    """
    change = _checked(land_change)
    chosen = load_coefficients(coefficients)
    source, sink = chosen.on_side("source"), chosen.on_side("sink")
    net = {name: HA_PER_KM2 * (source[name] - sink[name]) for name in source}
    old, new = _per_class(change, FROM, net, chosen.name), _per_class(change, TO, net, chosen.name)
    effect = (change * (new - old)).transpose(*change.dims).rename("change_effect")
    effect.attrs = {"units": "t CO2 a-1", "coefficients": chosen.name, "unverified": ", ".join(chosen.unverified)}
    return effect


def _per_class(change: xr.DataArray, dim: str, net: Mapping[str, float], name: str) -> xr.DataArray:
    """Net coefficient of each class along a dimension, t CO2 km-2 a-1; a class with area must have one."""
    classes = [str(label) for label in change[dim].values]
    areas = change.sum([other for other in change.dims if other != dim]).values
    lost = [f"{label} ({area:.6g} km2)" for label, area in zip(classes, areas.tolist()) if label not in net and area > 0]
    if lost:
        raise refuse(
            "class_without_weight",
            expected=f"a coefficient for each land class that has an area; given: {', '.join(net)}",
            got=f"none for {examples(lost)}",
            where=f"coefficients {name!r}",
            fix="Add the class (0 where it has no flow), or use a set that holds it.",
        )
    return xr.DataArray([net.get(label, 0.0) for label in classes], dims=dim, coords={dim: change[dim].values})


def _by_period(land_change: xr.DataArray) -> tuple[xr.DataArray, np.ndarray]:
    """Areas [period, from_class, to_class], summed over units, and the years between."""
    change = _checked(land_change)
    if "period" not in change.dims or not {"year_from", "year_to"} <= set(change.coords):
        raise refuse(
            "no_period",
            expected="a dimension period with the coordinates year_from and year_to",
            got=f"dimensions {', '.join(map(str, change.dims))}",
            where="land_change",
            fix="Use the result of tabulate_land_change as it is.",
        )
    summed = change.sum("unit_id", skipna=False) if "unit_id" in change.dims else change
    summed = summed.transpose("period", FROM, TO)
    if list(summed[FROM].values) != list(summed[TO].values):
        fix = "Give both dates in one legend."
        raise refuse("other_classes", expected="the same classes at both dates", got="others", where="land_change", fix=fix)
    years = np.broadcast_to(np.asarray(summed["year_to"].values - summed["year_from"].values, dtype=float), (summed.sizes["period"],))
    if not (years > 0).all():
        raise refuse("no_time", expected="periods of more than 0 years", got=examples(years), where="land_change", fix="Order the years.")
    return summed, years


def _checked(land_change: xr.DataArray) -> xr.DataArray:
    missing = [dim for dim in (FROM, TO) if dim not in land_change.dims]
    other = [str(dim) for dim in land_change.dims if dim not in ("period", "unit_id", FROM, TO)]
    if missing or other:
        raise refuse(
            "not_land_change",
            expected="land_change[period, unit_id, from_class, to_class]",
            got=f"dimensions {', '.join(map(str, land_change.dims))}",
            where="land_change",
            fix="Use the result of tabulate_land_change.",
        )
    change = land_change.astype(float)
    if (change < 0).any():
        raise refuse("negative_area", expected="areas >= 0 km2", got=f"{float(change.min()):g}", where="land_change", fix="Mend the areas.")
    return change
