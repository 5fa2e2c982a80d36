"""Carbon sinks of land: by direct coefficients, by net primary production (NPP), by NPP less respiration, by crop uptake."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from carbonshed.accounting.classes import Flow, LandArea, class_areas, flow_from_classes, total_area
from carbonshed.accounting.coefficients import CoefficientSet, land_classes, load_coefficients
from carbonshed.accounting.crops import crop_uptake
from carbonshed.checks import choose, refuse, warn
from carbonshed.quantities import CO2_PER_C

CROPLAND_OF_SINK: Mapping[str, str] = MappingProxyType(
    {
        "landuse_coeff": "source",
        "crop_uptake": "crop_uptake",
        "npp_gross": "npp",
        "npp_scaled": "npp",
        "nep_model": "npp",
        "table": "source",
    }
)
"""The `cropland_mode` that goes with each `sink_mode`; any other pair counts cropland twice or not at all."""

NPP_RANGE = (5.0, 3000.0)
"""g C m-2 a-1. A largest NPP outside this range is in another unit: kg C m-2, or the raw numbers of a product."""

Production: TypeAlias = Mapping[str, float] | pd.Series | xr.DataArray
"""Class means (``other`` stands for every class not named), or the mean of each unit; g C m-2 a-1."""


def cropland_mode_for(sink_mode: str, cropland_mode: str | None = None) -> str:
    """The `cropland_mode` in force with a `sink_mode`; a pair that does not go together is refused.

    Examples
    --------
    >>> cropland_mode_for("npp_gross")
    'npp'
    """
    belongs = CROPLAND_OF_SINK[choose(sink_mode, CROPLAND_OF_SINK, where="sink_mode")]
    if cropland_mode in (None, belongs):
        return belongs
    choose(str(cropland_mode), sorted(set(CROPLAND_OF_SINK.values())), where="cropland_mode")
    others = [mode for mode, cropland in CROPLAND_OF_SINK.items() if cropland == cropland_mode]
    raise refuse(
        "modes_do_not_pair",
        expected=f"cropland_mode = {belongs!r} with sink_mode = {sink_mode!r}",
        got=f"cropland_mode = {cropland_mode!r}",
        where="accounting",
        fix=f"Leave cropland_mode out, or set sink_mode to {' or '.join(map(repr, others))}.",
    )


def carbon_sink(
    land_area: LandArea,
    *,
    sink_mode: str = "landuse_coeff",
    coefficients: str | Mapping[str, Any] | CoefficientSet = "china",
    cropland_mode: str | None = None,
    npp: Production | None = None,
    respiration: Production | None = None,
    yields: pd.DataFrame | xr.DataArray | None = None,
    alpha: float = 0.1,
    carbon_to_co2: float = CO2_PER_C,
) -> Flow:
    """Carbon sink S of each unit from its land, t CO2 a-1, stored positive.

    ======================  ==================================================================================
    `sink_mode`             S
    ======================  ==================================================================================
    ``landuse_coeff``       ``sum_k A_k [ha] * delta_k [t CO2 ha-1 a-1]``
    ``crop_uptake``         the same without cropland, plus `crop_uptake` of the yields
    ``npp_gross``           ``sum_k NPP_k [g C m-2 a-1] * A_k [m2] * 1e-6 * f``: overstates the net sink
    ``npp_scaled``          ``alpha *`` npp_gross
    ``nep_model``           ``max(NPP - Rh, 0) * A * f``; see `nep_flows` for the source side
    ======================  ==================================================================================

    Parameters
    ----------
    land_area : DataArray or DataFrame
        Class areas in km2: ``land_area[year, unit_id, land_class]``, or a frame with a column for each class.
    sink_mode : str
        See above. (``table``: sinks come from a county table, nothing is computed.)
    coefficients : str, Mapping or CoefficientSet
        See `load_coefficients`.
    cropland_mode : str, optional
        Follows `sink_mode`; any other pair is refused.
    npp, respiration : Mapping, Series or DataArray
        g C m-2 a-1: class means, e.g. ``{"water": 0, "other": 399.5}``, or the mean of each unit in the index of `land_area`, which
        stands for all classes given: leave water out where the mean does. What was summed over pixels goes to `production_flows`.
    yields : DataFrame or DataArray
        Crop yields in t a-1, for ``crop_uptake``, in the index of `land_area`.
    alpha : float
        Net sink / NPP, in (0, 1]; default 0.10 (derived range 0.06-0.16 for China).
    carbon_to_co2 : float
        f in t CO2 per t C, default 44/12.

    Returns
    -------
    DataArray or Series
        t CO2 a-1, without `land_class` or in the caller's index; NaN where a class area is NaN or all of a unit is nodata. ``attrs``
        hold the mode, the coefficient set and its unverified classes.

    Raises
    ------
    InputError
        Modes that do not pair; a class with area but without coefficient or NPP; what a mode needs is missing; negative NPP.

    Notes
    -----
    Textbook form (Fang et al. 2007 for the coefficient method); crop and NPP uptake is mostly respired within years.

    Examples
    --------
    1 000 ha of forest at 0.644 t C ha-1 a-1 absorb 644 t C = 2 361.33 t CO2 a year.

    >>> carbon_sink(pd.DataFrame({"forest": [10.0]}, index=["A"])).round(2)["A"]
    np.float64(2361.33)
    """
    cropland = cropland_mode_for(sink_mode, cropland_mode)
    attrs: dict[str, Any] = {"units": "t CO2 a-1", "sink_mode": sink_mode, "cropland_mode": cropland}
    if sink_mode == "table":
        raise refuse(
            "sink_from_table",
            expected="a mode that computes sinks from land",
            got="sink_mode = 'table'",
            where="carbon_sink",
            fix="Take carbon_sink from the county table, or choose another sink_mode.",
        )
    if sink_mode in ("landuse_coeff", "crop_uptake"):
        chosen = load_coefficients(coefficients)
        _refuse_cropland_sink(chosen)
        sink = flow_from_classes(
            land_area, {k: 100.0 * v for k, v in chosen.on_side("sink").items()}, where=f"coefficients {chosen.name!r}"
        )
        attrs |= {"coefficients": chosen.name, "unverified": ", ".join(chosen.unverified)}
        if sink_mode == "crop_uptake":
            sink = _add_aligned(sink, crop_uptake(_needed(yields, "yields", sink_mode)))
    elif sink_mode == "nep_model":
        sink, _ = nep_flows(
            land_area,
            npp=_needed(npp, "npp", sink_mode),
            respiration=_needed(respiration, "respiration", sink_mode),
            carbon_to_co2=carbon_to_co2,
        )
    else:
        share = _alpha(alpha) if sink_mode == "npp_scaled" else 1.0
        sink = _production(land_area, _needed(npp, "npp", sink_mode), "npp") * (share * carbon_to_co2)
        attrs |= {"alpha": share, "carbon_to_co2": carbon_to_co2}
    sink = sink.rename("carbon_sink")
    sink.attrs = attrs
    return sink


def nep_flows(land_area: LandArea, *, npp: Production, respiration: Production, carbon_to_co2: float = CO2_PER_C) -> tuple[Flow, Flow]:
    """Sink and source of land from net ecosystem production NEP = NPP - Rh, t CO2 a-1.

    ``S = max(NEP, 0) * A * f``, ``C += max(-NEP, 0) * A * f`` with A in km2, since 1 g C m-2 = 1 t C km-2.

    Parameters
    ----------
    land_area, npp, respiration, carbon_to_co2
        As in `carbon_sink`; Rh is heterotrophic respiration in g C m-2 a-1.

    Returns
    -------
    sink, source : DataArray or Series
        Both >= 0, never both positive in one unit.

    Raises
    ------
    InputError
        Negative NPP or respiration; values that do not fit the units.

    Notes
    -----
    Textbook form.

    Examples
    --------
    >>> land = pd.DataFrame({"forest": [2.0, 2.0]})
    >>> sink, source = nep_flows(land, npp=pd.Series([400.0, 100.0]), respiration=pd.Series([100.0, 130.0]), carbon_to_co2=1.0)
    >>> sink.tolist(), source.tolist()
    ([600.0, 0.0], [0.0, 60.0])
    """
    produced, respired = _production(land_area, npp, "npp"), _production(land_area, respiration, "respiration")
    return production_flows(produced, respired, carbon_to_co2=carbon_to_co2)


def production_flows(
    produced: Flow, respired: Flow | None = None, *, alpha: float = 1.0, carbon_to_co2: float = CO2_PER_C
) -> tuple[Flow, Flow]:
    """Sink and source of land from its production in t C a-1, e.g. summed over the pixels of a raster; t CO2 a-1.

    ``S = max(alpha P - R, 0) * f``, ``C = max(R - alpha P, 0) * f``.

    Parameters
    ----------
    produced : Series or DataArray
        Net primary production P of each unit, t C a-1 (g C m-2 a-1 times km2).
    respired : Series or DataArray, optional
        Heterotrophic respiration R, in the same index; none counts as 0.
    alpha : float
        Net sink / NPP, in (0, 1], where respiration is not given.
    carbon_to_co2 : float
        f in t CO2 per t C.

    Returns
    -------
    sink, source : Series or DataArray
        Both >= 0, never both positive in one unit; NaN where production is.

    Raises
    ------
    InputError
        A share outside (0, 1].

    Notes
    -----
    Textbook form; see `carbon_sink`.

    Examples
    --------
    >>> production_flows(pd.Series([12.0, 3.0]), pd.Series([6.0, 6.0]), carbon_to_co2=1.0)[0].tolist()
    [6.0, 0.0]
    """
    net = produced * _alpha(alpha) * carbon_to_co2
    if respired is not None:
        net = net - respired * carbon_to_co2
    return net.clip(min=0) if isinstance(net, xr.DataArray) else net.clip(lower=0), (-net).clip(0)


def _production(land_area: LandArea, density: Production, name: str) -> Flow:
    """A density in g C m-2 a-1 (= t C km-2 a-1) times the area it stands for: t C a-1."""
    if isinstance(density, Mapping):
        _check_density(np.array(list(density.values()), dtype=float), name)
        named = {choose(k, land_classes(), where=f"{name}: land class"): float(v) for k, v in density.items() if k != "other"}
        return flow_from_classes(land_area, named, where=name, others=density.get("other"))
    _check_density(np.asarray(density, dtype=float), name)
    areas = class_areas(land_area)
    if isinstance(areas, pd.DataFrame):
        if not (isinstance(density, pd.Series) and density.index.equals(areas.index)):
            raise _not_aligned(name, "a Series in the index of land_area")
        return total_area(areas) * density
    if not (isinstance(density, xr.DataArray) and set(density.dims) <= set(areas.dims)):
        raise _not_aligned(name, f"a DataArray over {', '.join(map(str, areas.dims))}")
    with xr.set_options(arithmetic_join="exact"):
        try:
            if "land_class" not in density.dims:
                return total_area(areas) * density
            carbon = xr.where(areas == 0, 0.0, areas * density).sum("land_class", skipna=False)
        except ValueError as error:
            raise _not_aligned(name, "the years, units and classes of land_area") from error
    return carbon.where(~np.isnan(total_area(areas)))


def _check_density(values: np.ndarray, name: str) -> None:
    if (values < 0).any():
        raise refuse(
            "negative_production", expected=f"{name} >= 0", got=f"{np.nanmin(values):g}", where=name, fix="Mask fill values first."
        )
    largest = np.nanmax(values, initial=0.0)
    if largest and not NPP_RANGE[0] <= largest <= NPP_RANGE[1]:
        warn(
            f"{name}: its largest value is {largest:g}; in g C m-2 a-1 it should be {NPP_RANGE[0]:g}-{NPP_RANGE[1]:g}. Check kg and scale."
        )


def _not_aligned(name: str, expected: str) -> Exception:
    return refuse(
        "not_aligned", expected=expected, got="another shape or other labels", where=name, fix=f"Bring {name} to land_area first."
    )


def _add_aligned(sink: Flow, uptake: Flow) -> Flow:
    if isinstance(sink, pd.Series) and isinstance(uptake, pd.Series) and uptake.index.equals(sink.index):
        return sink + uptake
    if isinstance(sink, xr.DataArray) and isinstance(uptake, xr.DataArray) and set(uptake.dims) == set(sink.dims):
        with xr.set_options(arithmetic_join="exact"):
            return sink + uptake
    raise _not_aligned("yields", "yields in the index of land_area")


def _needed(value: Any, name: str, mode: str) -> Any:
    if value is None:
        raise refuse("missing_input", expected=f"{name} for sink_mode = {mode!r}", got="none", where="carbon_sink", fix=f"Give {name}.")
    return value


def _alpha(alpha: float) -> float:
    if not 0 < alpha <= 1:
        raise refuse("bad_alpha", expected="a share in (0, 1]", got=f"{alpha:g}", where="alpha", fix="Give net sink / NPP, e.g. 0.10.")
    return alpha


def _refuse_cropland_sink(chosen: CoefficientSet) -> None:
    if chosen.side_of("cropland") == "sink":
        raise refuse(
            "cropland_both_sides",
            expected="cropland as a source in a set of direct coefficients",
            got="side = 'sink'",
            where=f"coefficients {chosen.name!r}, class cropland",
            fix="Count cropland uptake by sink_mode = 'crop_uptake' or by an NPP mode.",
        )
