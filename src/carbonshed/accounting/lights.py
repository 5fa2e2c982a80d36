"""Emission totals fitted to night lights: three models, each with its error when a whole year or a whole unit is left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, refuse, warn

FloatArray = NDArray[np.float64]

MODELS = ("proportional", "linear", "log_log")
"""``E = k L``, ``E = a L + b``, ``ln E = a ln L + b``."""

LEAST_POINTS = {"proportional": 1, "linear": 2, "log_log": 2}
"""Points with different lights that a model needs."""


class LightsModel(NamedTuple):
    """A fitted model: its name, slope (k or a) and intercept (0 where it has none)."""

    model: str
    slope: float
    intercept: float


def fit_lights(carbon_source: FloatArray, lights: FloatArray, *, model: str = "proportional") -> LightsModel:
    """Fit emission totals to total night lights by least squares.

    ``proportional``: ``E = k L``, ``k = sum E L / sum L^2``; ``linear``: ``E = a L + b``; ``log_log``: ``ln E = a ln L + b`` over the
    points with E > 0 and L > 0.

    Parameters
    ----------
    carbon_source, lights : array (n,)
        E in t CO2 a-1 and L (total night lights, any unit) of each statistical unit and year, both >= 0, none NaN.
    model : {"proportional", "linear", "log_log"}

    Returns
    -------
    LightsModel
        Slope and intercept; NaN where the points do not determine them (too few, or all lights equal).

    Raises
    ------
    InputError
        An unknown model; negative values.

    Notes
    -----
    Textbook form (ordinary least squares).

    Examples
    --------
    >>> fit_lights(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    LightsModel(model='proportional', slope=2.0, intercept=0.0)
    >>> fit_lights(np.array([3.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0]), model="linear").intercept
    1.0
    """
    choose(model, MODELS, where="lights_model")
    energy, light = np.asarray(carbon_source, dtype=float), np.asarray(lights, dtype=float)
    if (energy < 0).any() or (light < 0).any():
        raise refuse("negative", expected="emissions and lights >= 0", got="a negative value", where="fit_lights", fix="Mend or clip them.")
    if model == "log_log":
        both = (energy > 0) & (light > 0)
        energy, light = np.log(energy[both]), np.log(light[both])
    if len(np.unique(light)) < LEAST_POINTS[model] or (model == "proportional" and not light.any()):
        return LightsModel(model, float("nan"), float("nan"))
    if model == "proportional":
        return LightsModel(model, float(energy @ light / (light @ light)), 0.0)
    off = light - light.mean()
    slope = float(off @ energy / (off @ off))
    return LightsModel(model, slope, float(energy.mean() - slope * light.mean()))


def predict_from_lights(lights: FloatArray, fitted: LightsModel) -> FloatArray:
    """Emissions a fitted model gives for total night lights, t CO2 a-1; what falls below 0 is 0.

    Parameters
    ----------
    lights : array
    fitted : LightsModel

    Returns
    -------
    array
        >= 0; 0 where ``log_log`` meets a unit without lights; NaN where the model is not determined.

    Notes
    -----
    Textbook form; ``log_log`` is taken back by exp without a correction of its bias (a factor that a rescaling to totals takes out).

    Examples
    --------
    >>> predict_from_lights(np.array([0.0, 2.0]), LightsModel("linear", 3.0, -1.0)).tolist()
    [0.0, 5.0]
    """
    light = np.asarray(lights, dtype=float)
    if fitted.model == "log_log":
        with np.errstate(divide="ignore"):
            result: FloatArray = np.where(light > 0, np.exp(fitted.slope * np.log(light) + fitted.intercept), 0.0 * fitted.slope)
        return result
    return np.maximum(fitted.slope * light + fitted.intercept, 0.0)


def lights_regression(panel: pd.DataFrame) -> pd.DataFrame:
    """How well night lights tell emission totals: three models with their errors in the fit and on what was left out of it.

    ``R2 = 1 - sum (E - e)^2 / sum (E - mean E)^2``; ``MAPE = mean |E - e| / E`` over E > 0; e is predicted by the model fitted to all
    points (r2, mape), to all other years (r2_year_out, mape_year_out), or to all other units (r2_unit_out, mape_unit_out).

    Parameters
    ----------
    panel : DataFrame
        Index `unit_id`; columns `carbon_source` (t CO2 a-1), `lights` (total night lights) and `year` (optional). Rows with NaN are left
        out.

    Returns
    -------
    DataFrame
        One row for each of the three models: model, slope, intercept, n, n_units, n_years and the six errors. NaN where there are too few
        years or units to leave one out, where the points do not determine the model, and where all emissions are equal (R2).

    Raises
    ------
    InputError
        A missing column; no row with both values; negative values.

    Warns
    -----
    DataWarning
        All lights are equal, so that no model with a slope and an intercept is determined.

    Notes
    -----
    Textbook form: leave-one-group-out cross-validation, errors pooled over all points. R2 on left-out points may be negative: the mean
    would have done better.

    Examples
    --------
    >>> table = pd.DataFrame({"year": [2000, 2000, 2005, 2005], "lights": [1.0, 2, 3, 4]}, index=list("abab"))
    >>> table["carbon_source"] = 2 * table["lights"]
    >>> lights_regression(table).set_index("model").loc["proportional", ["slope", "r2_unit_out", "mape_year_out"]].round(6).tolist()
    [2.0, 1.0, 0.0]
    """
    check_columns(panel.columns, ["carbon_source", "lights"], where="panel of emissions and lights")
    known = panel[panel["carbon_source"].notna() & panel["lights"].notna()]
    if known.empty:
        raise refuse(
            "no_rows", expected="a row with emissions and lights", got="none", where="panel of emissions and lights", fix="Check both."
        )
    energy, light = known["carbon_source"].to_numpy(dtype=float), known["lights"].to_numpy(dtype=float)
    units = known.index.to_numpy()
    years = known["year"].to_numpy() if "year" in known else np.zeros(len(known), dtype=int)
    if len(known) > 1 and np.ptp(light) == 0:
        warn("Lights are equal in all units and years: a slope is not determined, and lights tell nothing of emissions.")
    rows = []
    for model in MODELS:
        fitted = fit_lights(energy, light, model=model)
        row: dict[str, object] = {"model": model, "slope": fitted.slope, "intercept": fitted.intercept, "n": len(known)}
        row |= {"n_units": len(np.unique(units)), "n_years": len(np.unique(years))}
        row |= dict(zip(("r2", "mape"), _errors(energy, predict_from_lights(light, fitted))))
        for name, groups in (("year", years), ("unit", units)):
            row |= dict(zip((f"r2_{name}_out", f"mape_{name}_out"), _errors(energy, _left_out(energy, light, groups, model))))
        rows.append(row)
    return pd.DataFrame(rows)


def _left_out(energy: FloatArray, light: FloatArray, groups: NDArray[np.generic], model: str) -> FloatArray:
    """Prediction for each point from a fit to the points of all other groups; NaN where there is no other group."""
    predicted = np.full(len(energy), np.nan)
    names = np.unique(groups)
    for name in names if len(names) > 1 else []:
        out = groups == name
        predicted[out] = predict_from_lights(light[out], fit_lights(energy[~out], light[~out], model=model))
    return predicted


def _errors(energy: FloatArray, predicted: FloatArray) -> tuple[float, float]:
    """R2 and MAPE; NaN where a prediction is missing, or where they have no meaning."""
    spread = float(((energy - energy.mean()) ** 2).sum())
    r2 = 1 - float(((energy - predicted) ** 2).sum()) / spread if spread > 0 else float("nan")
    above = energy > 0
    mape = float((np.abs(energy - predicted)[above] / energy[above]).mean()) if above.any() else float("nan")
    return r2, mape
