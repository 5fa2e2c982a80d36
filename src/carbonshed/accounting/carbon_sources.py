"""Carbon sources of land itself; the energy of built-up land is in `energy` and `allocation`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from carbonshed.accounting.carbon_sinks import CROPLAND_OF_SINK
from carbonshed.accounting.classes import Flow, LandArea, flow_from_classes
from carbonshed.accounting.coefficients import CoefficientSet, load_coefficients
from carbonshed.checks import choose, examples, refuse

DENSEST = 1e6
"""t CO2 km-2 a-1. Cities emit up to some 10^5; no county or province comes near a million, so a total above it is in another unit."""


def direct_source(
    land_area: LandArea, *, coefficients: str | Mapping[str, Any] | CoefficientSet = "china", cropland_mode: str = "source"
) -> Flow:
    """Direct carbon source of each unit from its land, ``C = sum_k A_k [ha] * eps_k [t CO2 ha-1 a-1]``, t CO2 a-1.

    Parameters
    ----------
    land_area : DataArray or DataFrame
        Class areas in km2, as in `carbon_sink`.
    coefficients : str, Mapping or CoefficientSet
        See `load_coefficients`.
    cropland_mode : {"source", "crop_uptake", "npp"}
        Only with ``source`` does cropland emit by its coefficient: with the others its carbon is counted by crops or NPP. **The sign
        given to cropland flips the net map.**

    Returns
    -------
    DataArray or Series
        t CO2 a-1, >= 0; NaN where a class area is NaN or all of a unit is nodata.

    Raises
    ------
    InputError
        A class with some area has no coefficient; the message lists it and its area.

    Notes
    -----
    Textbook form. The set ``china`` gives built-up land no direct flow: its energy is accounted from fuels or statistics.

    Examples
    --------
    10 000 ha of cropland at 0.422 t C ha-1 a-1: 4 220 t C = 15 473.3 t CO2 a year.

    >>> import pandas as pd
    >>> direct_source(pd.DataFrame({"cropland": [100.0]})).round(1).tolist()
    [15473.3]
    """
    choose(cropland_mode, sorted(set(CROPLAND_OF_SINK.values())), where="cropland_mode")
    chosen = load_coefficients(coefficients)
    emitted = {k: 100.0 * v for k, v in chosen.on_side("source").items()}
    if cropland_mode != "source":
        emitted["cropland"] = 0.0
    source = flow_from_classes(land_area, emitted, where=f"coefficients {chosen.name!r}").rename("carbon_source")
    source.attrs = {
        "units": "t CO2 a-1",
        "cropland_mode": cropland_mode,
        "coefficients": chosen.name,
        "unverified": ", ".join(chosen.unverified),
    }
    return source


def check_emission_density(totals: pd.Series, area_km2: pd.Series, *, where: str) -> None:
    """Refuse totals that no place can emit: more than 10^6 t CO2 a-1 on a km2, the mark of a factor 10^3, 10^4 or 10^6 in the unit.

    Parameters
    ----------
    totals : Series
        t CO2 a-1, index `unit_id`, which may repeat over years.
    area_km2 : Series
        Area of each unit in km2, index `unit_id`; units without an area are not judged.
    where : str
        What the totals come from, for the message.

    Raises
    ------
    InputError
        ``implausible_emission``; the message names the densest units.

    Notes
    -----
    A guard of the project: Singapore, Macao and Hong Kong emit some 10^4 to 10^5 t CO2 km-2 a-1.

    Examples
    --------
    >>> check_emission_density(pd.Series({"A": 5e6}), pd.Series({"A": 1000.0}), where="emissions.csv")
    """
    areas = area_km2.reindex(totals.index).to_numpy(dtype=float)
    density = pd.Series(totals.to_numpy(dtype=float) / areas, index=totals.index)
    bad = density[(density > DENSEST) & (areas > 0)].sort_values(ascending=False)
    if len(bad):
        raise refuse(
            "implausible_emission",
            expected=f"at most {DENSEST:g} t CO2 a-1 on a km2",
            got=examples(f"{unit}: {value:.3g}" for unit, value in bad.items()),
            where=where,
            fix="Check the unit: gas per m3 against 10^4 m3, kg against t, t per cell against t per km2.",
        )
