"""How much of the density of the cells of one side drivers explain: the q of the geodetector, each driver cut as it explains most."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed import registry
from carbonshed.checks import DataWarning, InputError, choose
from carbonshed.numerics.autocorrelation import deviations
from carbonshed.numerics.geodetector import factor_detector
from carbonshed.scale.blocks import BaseYear
from carbonshed.scale.indicators import Side
from carbonshed.spatial.discretisation import optimal_discretisation

Floats = NDArray[np.float64]

KINDS = ("extensive", "money", "intensive", "categorical")
SUMMARIES = ("quantile_90", "mean_significant")
SIGNIFICANT = 0.05


class DriverPower(NamedTuple):
    """q over all drivers, and the driver with the largest q of its own."""

    q: float
    strongest: str


def driver_kinds(drivers: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Kind of each driver: as given, or that of the registered term.

    Raises
    ------
    InputError
        A driver that is not registered and has no kind, or whose kind cannot be aggregated.

    Examples
    --------
    >>> driver_kinds(["population"]), driver_kinds({"elevation_m": "intensive"})
    ({'population': 'extensive'}, {'elevation_m': 'intensive'})
    """
    kinds = dict(drivers) if isinstance(drivers, Mapping) else registry.kinds(list(drivers))
    return {name: choose(kind, KINDS, where=f"kind of the driver {name}") for name, kind in kinds.items()}


def driver_power(side: Side, base: BaseYear, kinds: Mapping[str, str], *, summary: str = "quantile_90") -> DriverPower:
    """Power of drivers: q on the cells of one side: ``q = 1 - sum_h N_h s_h^2 / (N s^2)``.

    Extensive drivers and money are taken per area, intensive ones as means weighted by area, both cut into strata where q is
    highest; categorical ones are strata by their largest area.

    Parameters
    ----------
    side : Side
    base : BaseYear
        Finest cells with the drivers among their columns.
    kinds : mapping
        Driver -> kind.
    summary : {"quantile_90", "mean_significant"}
        The 90 % quantile of the drivers' q, or the mean of those with p < 0.05 (noncentral F).

    Returns
    -------
    DriverPower
        NaN where no driver can be cut into strata of five cells.

    Notes
    -----
    Source: Song et al. (2020), optimal parameters-based geographical detector; the size effect of spatial units.
    """
    choose(summary, SUMMARIES, where="q_summary")
    powers = {}
    for name, kind in kinds.items():
        q, p = _power(side.density, _strata(side, base, name, kind))
        if summary == "quantile_90" or p < SIGNIFICANT:
            powers[name] = q
    known = {name: q for name, q in powers.items() if not np.isnan(q)}
    if not known:
        return DriverPower(float("nan"), "none")
    values = np.array(list(known.values()))
    q = float(np.quantile(values, 0.9) if summary == "quantile_90" else values.mean())
    return DriverPower(q, max(known, key=known.__getitem__))


def _strata(side: Side, base: BaseYear, name: str, kind: str) -> pd.Series:
    """Stratum of each cell that takes part; missing where the driver is."""
    values = base.columns[name]
    n = side.inside.size
    if kind == "categorical":
        code, _ = pd.factorize(values, sort=True)
        levels = int(code.max(initial=0)) + 1
        known = code >= 0
        areas = np.bincount(side.member[known] * levels + code[known], weights=base.area[known], minlength=n * levels).reshape(n, levels)
        largest = areas.argmax(axis=1)
        return pd.Series(np.where(areas.sum(axis=1) > 0, largest, np.nan))[side.inside].reset_index(drop=True)
    amounts = np.asarray(values, dtype=np.float64) * (base.area if kind == "intensive" else 1.0)
    factor = pd.Series(np.bincount(side.member, weights=amounts, minlength=n)[side.inside] / side.area, name=name)
    unknown = pd.Series(np.full(side.density.size, np.nan))
    held = factor.notna().to_numpy()
    if not held.any() or np.ptp(factor[held]) == 0 or not deviations(side.density[held]).any():
        return unknown
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            return optimal_discretisation(pd.Series(side.density), factor, permutations=0).strata
    except InputError as error:
        if error.problems[0].code != "no_cut":
            raise
        return unknown


def _power(density: Floats, strata: pd.Series) -> tuple[float, float]:
    """The q and its p among the cells whose stratum is known."""
    known = strata.notna().to_numpy()
    if not known.any():
        return float("nan"), float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found = factor_detector(density[known], strata[known].to_numpy(dtype=np.int64), permutations=0)
    return found.q, found.p
