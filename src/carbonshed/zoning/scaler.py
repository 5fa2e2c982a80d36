"""The scaler of the features: how an indicator becomes a standardised feature, and back, with all parameters stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns
from carbonshed.zoning.indicators import YUAN_PER_10K, column_of, shares

Floats = NDArray[np.float64]

GRAIN = 2.0**20
"""Standardised values are rounded to 1/2^20: the last bits of a change of units then move no cell, and float32 holds them."""


@dataclass(frozen=True)
class LogRatio:
    """A feature ``ln(factor (x + e) / (y + e'))`` with e, e' = 1 % of the means of x and y, so that zeros are allowed."""

    numerator: str
    denominator: str
    ratio_term: str
    factor: float = 1.0
    of_shares: bool = False


LOG_RATIOS: Mapping[str, LogRatio] = {
    "log_emission_intensity": LogRatio("carbon_source", "gdp_yuan", "carbon_emission_intensity", factor=YUAN_PER_10K),
    "log_gdp_per_head": LogRatio("gdp_yuan", "population", "gdp_per_head"),
    "log_ecc": LogRatio("gdp_yuan", "carbon_source", "ecc", of_shares=True),
    "log_esc": LogRatio("carbon_sink", "carbon_source", "esc", of_shares=True),
}


def log_ratio_parts(frame: pd.DataFrame, rule: LogRatio) -> tuple[Floats, Floats]:
    """Numerator and denominator of a log ratio."""
    names = [rule.numerator, rule.denominator]
    parts = shares(frame, names) if rule.of_shares else {name: column_of(frame, name) for name in names}
    return parts[rule.numerator], parts[rule.denominator]


@dataclass(frozen=True)
class FeatureRule:
    """How one indicator becomes one standardised feature, with all its parameters.

    Parameters
    ----------
    name : str
        The indicator.
    guards : (float, float), optional
        e and e' of a log ratio.
    low, high : float
        Limits to which values are clipped.
    scale : float, optional
        s of the signed logarithm; None: not transformed.
    mean, deviation : float
        Of the clipped and transformed values.
    weight : float
        Weight of the squared difference in distances.
    """

    name: str
    guards: tuple[float, float] | None = None
    low: float = -math.inf
    high: float = math.inf
    scale: float | None = None
    mean: float = 0.0
    deviation: float = 1.0
    weight: float = 1.0

    def raw(self, frame: pd.DataFrame) -> Floats:
        """The indicator of each row, guarded against zeros where it is a log ratio; NaN where it is not known."""
        if self.guards is None:
            return column_of(frame, self.name, negative=True)
        rule = LOG_RATIOS[self.name]
        above, below = log_ratio_parts(frame, rule)
        return np.log(rule.factor * (above + self.guards[0]) / (below + self.guards[1]))

    def bent(self, raw: Floats) -> Floats:
        """Values clipped, then ``sgn(x) ln(1 + |x| / s)`` where the feature has a scale s."""
        clipped = np.clip(raw, self.low, self.high)
        return clipped if self.scale is None else np.sign(clipped) * np.log1p(np.abs(clipped) / self.scale)

    def standardise(self, raw: Floats) -> Floats:
        """Raw values to z, in steps of 1/2^20."""
        return np.round((self.bent(raw) - self.mean) / self.deviation * GRAIN) / GRAIN

    def restore(self, z: Floats) -> Floats:
        """The (clipped) raw value of z, in the indicator's own unit."""
        bent = np.asarray(z, dtype=np.float64) * self.deviation + self.mean
        raw = bent if self.scale is None else np.sign(bent) * self.scale * np.expm1(np.abs(bent))
        return np.clip(raw, self.low, self.high)


def columns_of(rule: FeatureRule) -> list[str]:
    """Columns that the feature is computed from."""
    if rule.guards is None:
        return [rule.name]
    return [LOG_RATIOS[rule.name].numerator, LOG_RATIOS[rule.name].denominator]


@dataclass(frozen=True)
class FeatureScaler:
    """One scaler for all years: what turns indicators into the features of a model, and back.

    Parameters
    ----------
    rules : tuple of FeatureRule
        In alphabetical order.
    fill : bool
        A feature that is not known has z = 0, its mean, in rows where another one is known; False: NaN.
    """

    rules: tuple[FeatureRule, ...]
    fill: bool = False

    @property
    def names(self) -> list[str]:
        """The features, in alphabetical order."""
        return [rule.name for rule in self.rules]

    @property
    def weights(self) -> Floats:
        """Weights of the features in squared distances."""
        return np.array([rule.weight for rule in self.rules])

    def transform(self, indicators: pd.DataFrame) -> pd.DataFrame:
        """z-scores in the caller's index; where an indicator is not known NaN, or 0 with `fill`."""
        need = [name for rule in self.rules for name in columns_of(rule)]
        check_columns(indicators.columns, need, where="indicators")
        z = pd.DataFrame({rule.name: rule.standardise(rule.raw(indicators)) for rule in self.rules}, index=indicators.index)
        if not self.fill:
            return z
        some = z.notna().any(axis=1).to_numpy()[:, None]
        return z.where(z.notna() | ~some, 0.0)

    def unknown(self, indicators: pd.DataFrame) -> NDArray[np.bool_]:
        """Which features of which rows are not known, filled or not; shape (rows, features)."""
        return np.stack([np.isnan(rule.raw(indicators)) for rule in self.rules], axis=1)

    def inverse(self, z: pd.DataFrame) -> pd.DataFrame:
        """Indicators, in their own units and within the limits of winsorising, from z-scores."""
        return pd.DataFrame({rule.name: rule.restore(z[rule.name].to_numpy()) for rule in self.rules}, index=z.index)

    def as_dict(self) -> dict[str, Any]:
        """All parameters as plain data."""
        return {rule.name: {key: value for key, value in asdict(rule).items() if key != "name"} for rule in self.rules}
