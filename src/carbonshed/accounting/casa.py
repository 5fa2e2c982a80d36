"""Net primary production by CASA: light absorbed by plants times an efficiency that temperature and water lower."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import refuse

Floats = NDArray[np.float64]

FPAR_LOW, FPAR_HIGH = 0.001, 0.95
PAR_SHARE = 0.5
"""Share of solar radiation that plants can use."""


def temperature_optimum_stress(optimum: ArrayLike) -> Floats:
    """Stress of sites whose optimum is cold or hot: ``T1 = 0.8 + 0.02 Topt - 0.0005 Topt^2`` (Topt in deg C; dimensionless).

    Source: Potter et al. (1993), textbook form.

    >>> temperature_optimum_stress(20.0).round(12).item()
    1.0
    """
    best = _finite(optimum, "optimum")
    return np.asarray(0.8 + 0.02 * best - 0.0005 * best**2)


def temperature_stress(temperature: ArrayLike, optimum: ArrayLike) -> Floats:
    """Stress of a month away from the optimum, two-sided: 1 at ``T = Topt``, falling on both sides (dimensionless).

    ``T2 = (1 + exp(-10 A))^2 / {[1 + exp(A (Topt - 10 - T))] [1 + exp(A (T - 10 - Topt))]}`` with A = 0.2 below the optimum and 0.3 from
    it on: the constant is what makes T2(Topt) = 1 on either side.

    Parameters
    ----------
    temperature, optimum : array_like
        Of the month, and of the month with the most leaves (deg C); broadcast together.

    Raises
    ------
    InputError
        A value that is not finite.

    Notes
    -----
    Source: the form of Potter et al. (1993) with two sides, as in SINDBAD; textbook form.

    Examples
    --------
    >>> temperature_stress([10.0, 20.0, 30.0], 20.0).round(4).tolist()
    [0.6329, 1.0, 0.5497]
    """
    now, best = np.broadcast_arrays(_finite(temperature, "temperature"), _finite(optimum, "optimum"))
    steep = np.where(now < best, 0.2, 0.3)
    below, above = 1 + np.exp(steep * (best - 10 - now)), 1 + np.exp(steep * (now - 10 - best))
    return np.asarray((1 + np.exp(-10 * steep)) ** 2 / (below * above))


def absorbed_share(ndvi: ArrayLike, *, ndvi_low: float, ndvi_high: float) -> Floats:
    """Share of the usable light that plants absorb: mean of a line in NDVI and a line in ``SR = (1 + NDVI) / (1 - NDVI)``.

    Each line runs from 0.001 at the low to 0.95 at the high value and is held there beyond; at or below `ndvi_low` nothing is absorbed.

    Raises
    ------
    InputError
        NDVI of 1 and more, where SR has no value, or below -1; limits that do not rise.

    Examples
    --------
    >>> absorbed_share([0.05, 0.9], ndvi_low=0.05, ndvi_high=0.9).round(3).tolist()
    [0.0, 0.95]
    """
    if not -1 < ndvi_low < ndvi_high < 1:
        fix = "Give the NDVI of bare and of fully covered ground, e.g. 0.05 and 0.9."
        raise refuse("ndvi_limits", expected="-1 < ndvi_low < ndvi_high < 1", got=f"{ndvi_low:g}, {ndvi_high:g}", where="ndvi", fix=fix)
    index = np.asarray(ndvi, dtype=np.float64)
    if (index >= 1).any() or (index < -1).any():
        bad = index[(index >= 1) | (index < -1)].ravel()[0]
        fix = "Apply the scale factor of the product (often 0.0001), and mask fill values."
        raise refuse("ndvi", expected="NDVI from -1 to below 1", got=f"{bad:g}", where="ndvi", fix=fix)

    def line(value: Floats, low: float, high: float) -> Floats:
        return np.asarray(np.clip(FPAR_LOW + (FPAR_HIGH - FPAR_LOW) * (value - low) / (high - low), FPAR_LOW, FPAR_HIGH))

    ratio, low, high = (1 + index) / (1 - index), (1 + ndvi_low) / (1 - ndvi_low), (1 + ndvi_high) / (1 - ndvi_high)
    return np.where(index <= ndvi_low, 0.0, (line(index, ndvi_low, ndvi_high) + line(ratio, low, high)) / 2) + 0 * index


def casa_npp(
    solar: ArrayLike,
    ndvi: ArrayLike,
    temperature: ArrayLike,
    optimum: ArrayLike,
    water: ArrayLike,
    *,
    efficiency: float,
    ndvi_low: float = 0.05,
    ndvi_high: float = 0.9,
) -> Floats:
    """Net primary production of a month: ``NPP = SOL * FPAR * 0.5 * T1 * T2 * W * eps_max`` (g C m-2 per month).

    Parameters
    ----------
    solar : array_like
        Solar radiation (MJ m-2 per month).
    ndvi : array_like
        As in `absorbed_share`.
    temperature, optimum : array_like
        As in `temperature_stress` (deg C).
    water : array_like
        ``W = 0.5 + 0.5 EET / PET``, from 0.5 (dry) to 1.
    efficiency : float
        eps_max (g C MJ-1); 0.389 everywhere in the original.
    ndvi_low, ndvi_high : float
        NDVI of bare and of fully covered ground.

    Raises
    ------
    InputError
        As in `absorbed_share`; radiation or efficiency below 0; W outside 0.5 to 1.

    Notes
    -----
    Source: Potter et al. (1993), Global Biogeochem. Cycles 7:811, textbook form.

    Examples
    --------
    Full cover at the optimum of 20 deg C without drought: 600 MJ * 0.95 * 0.5 * 0.389 g.

    >>> casa_npp(600.0, 0.9, 20.0, 20.0, 1.0, efficiency=0.389).round(3).item()
    110.865
    """
    light, wet = np.asarray(solar, dtype=np.float64), np.asarray(water, dtype=np.float64)
    if (light < 0).any() or efficiency < 0:
        fix = "Radiation in MJ m-2 per month and efficiency in g C per MJ are 0 or more."
        raise refuse("negative_value", expected="0 or more", got="a negative value", where="solar, efficiency", fix=fix)
    if ((wet < 0.5) | (wet > 1)).any():
        fix = "W = 0.5 + 0.5 EET / PET, not EET / PET itself."
        raise refuse("water_stress", expected="W from 0.5 to 1", got=f"{wet[(wet < 0.5) | (wet > 1)].ravel()[0]:g}", where="water", fix=fix)
    stress = temperature_optimum_stress(optimum) * temperature_stress(temperature, optimum) * wet
    return np.asarray(light * absorbed_share(ndvi, ndvi_low=ndvi_low, ndvi_high=ndvi_high) * PAR_SHARE * stress * efficiency)


def _finite(values: ArrayLike, where: str) -> Floats:
    given = np.asarray(values, dtype=np.float64)
    if not np.isfinite(given).all():
        raise refuse(
            "not_finite", expected="finite temperatures in deg C", got="NaN or infinity", where=where, fix="Fill or mask them first."
        )
    return given
