"""The choice of a working scale by a stated rule, with its reason, its interval and its flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, examples, refuse
from carbonshed.scale.curves import knee_point, loess, turning_point

Floats = NDArray[np.float64]

P_LIMIT = 0.01
"""A scale counts as autocorrelated where p is below this in every year."""

TIE = 0.01
"""Scales whose I is within this share of the largest tie; the finest wins (rule moran_cv)."""

PLATEAU = 0.985
"""The plateau holds every scale whose I is at least this share of the largest."""

AT_EDGE = "at the edge: extend the candidates"
NO_PEAK = "no interior peak of I"


@dataclass(frozen=True)
class ScaleChoice:
    """The chosen scale of one quantity.

    Parameters
    ----------
    quantity, rule : str
    scale_km, low_km, high_km : float
        The answer and its interval [km]: the plateau of I and the answers of single years. NaN where the rule gives no scale.
    plateau : tuple of float
        Scales whose I is at least 0.985 of the largest.
    by_year : tuple of (year, scale_km)
        What the rule answers for each year alone; NaN for no scale.
    flags : tuple of str
    reason : str
        Why this scale, or why none.
    """

    quantity: str
    rule: str
    scale_km: float
    low_km: float
    high_km: float
    plateau: tuple[float, ...]
    by_year: tuple[tuple[int, float], ...]
    flags: tuple[str, ...]
    reason: str

    @property
    def headline(self) -> str:
        """The answer as it may be printed: never a bare number.

        >>> ScaleChoice("carbon_sink", "moran_max", 18.0, 15.0, 21.0, (15.0, 18.0, 21.0), (), (), "").headline
        '18 km (plausible 15-21 km)'
        """
        if np.isnan(self.scale_km):
            return f"no scale: {self.reason}"
        return f"{self.scale_km:g} km (plausible {self.low_km:g}-{self.high_km:g} km)"

    def to_frame(self) -> pd.DataFrame:
        """One row of the table ``scale_choice``; plateau and flags as text."""
        row = {
            "quantity": self.quantity,
            "rule": self.rule,
            "scale_km": self.scale_km,
            "low_km": self.low_km,
            "high_km": self.high_km,
            "plateau": ", ".join(f"{scale:g}" for scale in self.plateau),
            "flags": "; ".join(self.flags),
            "reason": self.reason,
            "headline": self.headline,
        }
        return pd.DataFrame([row])


class Curves(NamedTuple):
    """What a rule sees, for each scale, finest first: means over years, and whether p passes in every year."""

    scales: Floats
    moran: Floats
    cv: Floats
    significant: NDArray[np.bool_]
    extra: Floats


class Answer(NamedTuple):
    """Position of the scale (None: no scale), why, and what to flag."""

    position: int | None
    reason: str
    flags: tuple[str, ...] = ()


def choose_scale(
    response: pd.DataFrame,
    *,
    rule: str = "moran_cv",
    quantity: str | None = None,
    cv_tol: float = 0.05,
    allow_last: bool = False,
) -> ScaleChoice:
    """Choose the working scale of one quantity from its response.

    ==================  ==============================================================================================
    `rule`              the scale
    ==================  ==============================================================================================
    ``moran_cv``        with p < 0.01 in every year and ``abs(CV(next) - CV) / CV < cv_tol``, the largest I (mean over years);
                        within 1 % of it the finest
    ``moran_max``       the largest I, nothing else
    ``opgd_loess``      where a LOESS of the column `q` (geographical detector) flattens; see `turning_point`
    ``knee``            the knee of `loss_information`; see `knee_point`
    ==================  ==============================================================================================

    Parameters
    ----------
    response : DataFrame
        From `scale_response`: one quantity, or several and `quantity` given.
    rule : str
    quantity : str, optional
    cv_tol : float
        Largest relative change of CV to the next coarser scale; doubled once, and flagged, if no scale passes.
    allow_last : bool
        Whether the coarsest scale, which has no next one, may be chosen by ``moran_cv``.

    Returns
    -------
    ScaleChoice

    Raises
    ------
    InputError
        An unknown rule; a response of several quantities; a column the rule needs is missing.

    Notes
    -----
    Source: ``moran_cv`` after the critical-and-optimal-scale step of Sci. Rep. 2025, 10.1038/s41598-025-03497-4; ``opgd_loess``
    after Song et al. (2020). Which scale is best depends on the rule and the candidates, so the interval stands beside the answer.

    Examples
    --------
    >>> response = pd.DataFrame(
    ...     {"year": 2020, "scale_km": [9.0, 12, 15, 18], "quantity": "carbon_sink", "moran_i": [0.7, 0.8, 0.795, 0.6],
    ...      "moran_p": 0.002, "cv": [1.0, 0.98, 0.97, 0.96]})
    >>> choose_scale(response).headline
    '12 km (plausible 12-15 km)'
    """
    one = _one_quantity(response, quantity)
    rules: Mapping[str, Callable[[Curves], Answer]] = {
        "moran_cv": partial(_moran_cv, cv_tol=cv_tol, allow_last=allow_last),
        "moran_max": _moran_max,
        "opgd_loess": _opgd_loess,
        "knee": _knee,
    }
    extra = {"opgd_loess": "q", "knee": "loss_information"}.get(choose(rule, rules, where="rule"))
    check_columns(one.columns, ["moran_i", "moran_p", "cv", *([extra] if extra else [])], where=f"scale response, rule {rule}")
    years = one["year"].fillna(0) if "year" in one else pd.Series(0, index=one.index)
    curves = _curves(one, years, extra)
    answer = rules[rule](curves)
    by_year = []
    for year in sorted(years.unique()):
        alone = _curves(one[years == year], years[years == year], extra)
        place = rules[rule](alone).position
        by_year.append((int(year), float("nan") if place is None else float(alone.scales[place])))
    peak = _peak(curves)
    plateau = () if peak is None else tuple(curves.scales[curves.moran >= PLATEAU * curves.moran[peak]].tolist())
    name = str(one["quantity"].iloc[0])
    flags = (*answer.flags, *_edge_flags(curves, answer.position, peak))
    nan = float("nan")
    if answer.position is None:
        return ScaleChoice(name, rule, nan, nan, nan, plateau, tuple(by_year), flags, answer.reason)
    scale = float(curves.scales[answer.position])
    plausible = [scale, *plateau, *(each for _, each in by_year if not np.isnan(each))]
    return ScaleChoice(name, rule, scale, min(plausible), max(plausible), plateau, tuple(by_year), flags, answer.reason)


def mark_chosen(response: pd.DataFrame, choice: ScaleChoice) -> pd.DataFrame:
    """The response with `chosen` True in the rows of the chosen scale of that quantity, and as it was elsewhere.

    Examples
    --------
    >>> response = pd.DataFrame({"scale_km": [9.0, 18.0], "quantity": "carbon_sink", "chosen": False})
    >>> choice = ScaleChoice("carbon_sink", "moran_max", 18.0, 15.0, 21.0, (), (), (), "")
    >>> mark_chosen(response, choice)["chosen"].tolist()
    [False, True]
    """
    check_columns(response.columns, ["quantity", "scale_km"], where="scale response")
    marked = response.copy()
    of_quantity = response["quantity"] == choice.quantity
    before = response["chosen"].astype(bool) if "chosen" in response else pd.Series(False, index=response.index)
    marked["chosen"] = before.where(~of_quantity, np.isclose(response["scale_km"].astype(float), choice.scale_km))
    return marked


def _one_quantity(response: pd.DataFrame, quantity: str | None) -> pd.DataFrame:
    check_columns(response.columns, ["scale_km", "quantity"], where="scale response")
    present = [str(name) for name in response["quantity"].unique()]
    if quantity is not None:
        return response[response["quantity"] == choose(quantity, present, where="quantity")]
    if len(present) != 1:
        raise refuse(
            "several_quantities",
            expected="a response of one quantity",
            got=examples(present) or "an empty response",
            where="choose_scale",
            fix="Give quantity = one of them: each has a scale of its own.",
        )
    return response


def _curves(one: pd.DataFrame, years: pd.Series, extra: str | None) -> Curves:
    """Means over years at each scale; a scale that lacks a value in a year has none."""
    if one.assign(year=years).duplicated(["year", "scale_km"]).any():
        raise refuse("repeated_scale", expected="one row for each scale and year", got="more", where="scale response", fix="Give one run.")
    groups = one.groupby(one["scale_km"].astype(float), sort=True)
    complete = groups.size() == years.nunique()

    def mean(column: str) -> Floats:
        known = groups[column].count() == groups.size()
        return groups[column].mean().where(known & complete).to_numpy(dtype=float)

    significant = (groups["moran_p"].max() < P_LIMIT) & (groups["moran_p"].count() == groups.size()) & complete
    scales = np.array(sorted(one["scale_km"].astype(float).unique()))
    return Curves(scales, mean("moran_i"), mean("cv"), significant.to_numpy(), mean(extra) if extra else np.full(scales.size, np.nan))


def _peak(curves: Curves) -> int | None:
    """Where the mean I is largest, whatever the rule."""
    return None if np.isnan(curves.moran).all() else int(np.nanargmax(curves.moran))


def _edge_flags(curves: Curves, position: int | None, peak: int | None) -> tuple[str, ...]:
    ends = (0, curves.scales.size - 1)
    return (*((AT_EDGE,) if position in ends else ()), *((NO_PEAK,) if peak is None or peak in ends else ()))


def _moran_cv(curves: Curves, *, cv_tol: float, allow_last: bool) -> Answer:
    significant = curves.significant & ~np.isnan(curves.moran)
    if not significant.any():
        return Answer(None, f"no scale has p < {P_LIMIT:g} in every year")
    change = np.append(np.abs(np.diff(curves.cv)) / curves.cv[:-1], 0.0 if allow_last else np.nan)
    if np.isnan(curves.cv).all():
        return Answer(None, "CV is not defined (net emission, or a mean that is not positive), so its test cannot be passed")
    flags: tuple[str, ...] = ()
    passing = significant & (change < cv_tol)
    if not passing.any():
        cv_tol *= 2
        passing = significant & (change < cv_tol)
        flags = (f"cv_tol doubled to {cv_tol:g}",)
    if not passing.any():
        return Answer(None, f"no scale has a change of CV to the next below {cv_tol:g}", flags)
    best = float(curves.moran[passing].max())
    position = int(np.flatnonzero(passing & (curves.moran >= best - TIE * abs(best)))[0])
    among = f"among {passing.sum()} scales with p < {P_LIMIT:g} in every year and a change of CV below {cv_tol:g}"
    tie = "" if curves.moran[position] == best else f", the finest within 1 % of the largest, {best:.3f},"
    return Answer(position, f"I = {curves.moran[position]:.3f}{tie or ' is the largest'} {among}", flags)


def _moran_max(curves: Curves) -> Answer:
    position = _peak(curves)
    if position is None:
        return Answer(None, "I is not defined at any scale")
    flags = () if curves.significant[position] else (f"p is not below {P_LIMIT:g} in every year",)
    return Answer(position, f"I = {curves.moran[position]:.3f} is the largest of {curves.scales.size} scales", flags)


def _opgd_loess(curves: Curves) -> Answer:
    if np.isnan(curves.extra).any():
        return Answer(None, "q is not known at every scale")
    fitted = loess(curves.scales, curves.extra)
    position = turning_point(fitted)
    if position is None:
        best = int(np.argmax(curves.extra))
        return Answer(best, f"the fitted q does not flatten; q = {curves.extra[best]:.3f} is the largest")
    return Answer(position, f"the fitted q, {fitted[position]:.3f}, stops rising by more than the threshold here")


def _knee(curves: Curves) -> Answer:
    known = np.flatnonzero(~np.isnan(curves.extra))
    place = knee_point(curves.scales[known], curves.extra[known])
    if place is None:
        return Answer(None, "the loss of information has no knee")
    position = int(known[place])
    return Answer(position, f"the knee of the loss of information, {curves.extra[position]:.3f}")
