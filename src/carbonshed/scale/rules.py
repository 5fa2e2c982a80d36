"""Rules that choose a side from the response curves; each sees means over years and gives a place, a reason and flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from carbonshed.checks import choose, examples, refuse
from carbonshed.scale.curves import knee_point, loess, turning_point

Floats = NDArray[np.float64]

RULES = ("moran_cv", "moran_max", "opgd_loess", "knee", "consensus")

P_LIMIT = 0.01
"""A scale counts as autocorrelated where p is below this in every year."""

LEAST_PERMUTATIONS = 200
"""With fewer, no two-sided p is below the limit: 2 / (199 + 1) = 0.01."""

TIE = 0.01
"""Scales whose I is within this share of the largest tie; the finest wins (rule moran_cv)."""

CRITERIA = {"moran_i": 1, "loss_information": -1, "q": 1, "nugget_ratio": -1, "hot_stability": 1, "zone_ari": 1}
"""Criteria of the rule consensus: 1 where higher is better, -1 where lower is."""

KNEES = ("loss_information", "local_variance")


class Panel(NamedTuple):
    """Indicators by scale (rows, finest first) and year (columns)."""

    scales: Floats
    years: tuple[int, ...]
    values: Mapping[str, Floats]

    def curves(self, *, years: NDArray[np.int64] | None = None, p: Floats | None = None) -> Curves:
        """Means over the years at these places (all of them; a place may repeat), with p-values in place of the panel's own."""
        places = np.arange(len(self.years)) if years is None else years
        means = {name: values[:, places].mean(axis=1) for name, values in self.values.items() if name != "moran_p"}
        p = self.values["moran_p"] if p is None else p
        significant = np.asarray((p[:, places] < P_LIMIT).all(axis=1), dtype=np.bool_)
        return Curves(self.scales, means.pop("moran_i"), means.pop("cv"), significant, means)


class Curves(NamedTuple):
    """What a rule sees, for each scale, finest first: means over years, and whether p passes in every year."""

    scales: Floats
    moran: Floats
    cv: Floats
    significant: NDArray[np.bool_]
    others: Mapping[str, Floats]


class Answer(NamedTuple):
    """Position of the scale (None: no scale), why, what to flag, and for the consensus its weights and what each criterion decides."""

    position: int | None
    reason: str
    flags: tuple[str, ...] = ()
    criteria: str = ""
    sensitivity: str = ""


Rule = Callable[[Curves], Answer]


def panel_of(one: pd.DataFrame, columns: tuple[str, ...]) -> Panel:
    """Response of one quantity as a panel; what a scale lacks in a year is NaN.

    Raises
    ------
    InputError
        A scale that occurs twice in a year.
    """
    year = one["year"].fillna(0).to_numpy(dtype=np.int64) if "year" in one else np.zeros(len(one), dtype=np.int64)
    scales, row = np.unique(one["scale_km"].to_numpy(dtype=np.float64), return_inverse=True)
    years, column = np.unique(year, return_inverse=True)
    if np.unique(row * years.size + column).size < len(one):
        raise refuse("repeated_scale", expected="one row for each scale and year", got="more", where="scale response", fix="Give one run.")
    values = {name: np.full((scales.size, years.size), np.nan) for name in columns}
    for name in columns:
        values[name][row, column] = one[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return Panel(scales, tuple(years.tolist()), values)


def columns_of(
    rule: str, have: pd.Index, *, knee_of: str = "loss_information", weights: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """Columns that a rule needs: moran_i, moran_p and cv, and those of its own.

    The consensus takes those of its criteria that are there, or exactly those with a weight.
    """
    first = ("moran_i", "moran_p", "cv")
    if rule == "opgd_loess":
        return (*first, "q")
    if rule == "knee":
        return (*first, choose(knee_of, KNEES, where="knee_of"))
    if rule == "consensus":
        for name in weights or ():
            choose(name, CRITERIA, where="weights of the consensus")
        wanted = CRITERIA if weights is None else weights
        return (*first, *(name for name in wanted if name != "moran_i" and (weights is not None or name in have)))
    return first


def make_rule(
    rule: str,
    *,
    cv_tol: float = 0.05,
    allow_last: bool = False,
    knee_of: str = "loss_information",
    weights: Mapping[str, float] | None = None,
) -> Rule:
    """The rule of that name with its options."""
    rules: dict[str, Rule] = {
        "moran_cv": partial(moran_cv, cv_tol=cv_tol, allow_last=allow_last),
        "moran_max": moran_max,
        "opgd_loess": opgd_loess,
        "knee": partial(knee, of=knee_of),
        "consensus": partial(consensus, weights=weights),
    }
    return rules[choose(rule, RULES, where="rule")]


def peak(curves: Curves) -> int | None:
    """Where the mean I is largest, whatever the rule."""
    return None if np.isnan(curves.moran).all() else int(np.nanargmax(curves.moran))


def moran_cv(curves: Curves, *, cv_tol: float, allow_last: bool) -> Answer:
    """Largest I among scales that are significant and whose CV no longer changes; on a tie the finest."""
    significant = curves.significant & ~np.isnan(curves.moran)
    if not significant.any():
        return Answer(None, f"no scale has p < {P_LIMIT:g} in every year")
    if np.isnan(curves.cv).all():
        return Answer(None, "CV is not defined (net emission, or a mean that is not positive), so its test cannot be passed")
    change = np.append(np.abs(np.diff(curves.cv)) / curves.cv[:-1], 0.0 if allow_last else np.nan)
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


def moran_max(curves: Curves) -> Answer:
    """Largest I, nothing else."""
    position = peak(curves)
    if position is None:
        return Answer(None, "I is not defined at any scale")
    flags = () if curves.significant[position] else (f"p is not below {P_LIMIT:g} in every year",)
    return Answer(position, f"I = {curves.moran[position]:.3f} is the largest of {curves.scales.size} scales", flags)


def opgd_loess(curves: Curves) -> Answer:
    """Where a LOESS of q flattens, or else the largest q."""
    q = curves.others["q"]
    if np.isnan(q).any():
        return Answer(None, "q is not known at every scale")
    fitted = loess(curves.scales, q)
    position = turning_point(fitted) if (fitted > 0).all() else None
    if position is None:
        best = int(np.argmax(q))
        return Answer(best, f"the fitted q does not flatten; q = {q[best]:.3f} is the largest")
    return Answer(position, f"the fitted q, {fitted[position]:.3f}, stops rising by more than the threshold here")


def knee(curves: Curves, *, of: str) -> Answer:
    """Knee of the loss of information, or of local variance."""
    curve = curves.others[of]
    known = np.flatnonzero(~np.isnan(curve))
    place = knee_point(curves.scales[known], curve[known])
    words = of.replace("_", " ")
    if place is None:
        return Answer(None, f"the curve of {words} has no knee")
    position = int(known[place])
    return Answer(position, f"the knee of the curve of {words}, at {curve[position]:.3g}")


def consensus(curves: Curves, *, weights: Mapping[str, float] | None = None) -> Answer:
    """Highest weighted mean of ranks over the criteria (Borda count); on a tie the finest.

    Ranks go from 1, worst, to the number of scales that all criteria are known for; equal values share their mean rank.
    """
    values = {"moran_i": curves.moran, **curves.others}
    wanted = {name: 1.0 for name in CRITERIA if name in values} if weights is None else dict(weights)
    used = {name: weight for name, weight in wanted.items() if not np.isnan(values[name]).all() and weight > 0}
    dropped = [name for name in wanted if name not in used]
    flags = (f"criteria without values: {examples(dropped)}",) if dropped else ()
    places = np.flatnonzero(~np.isnan([values[name] for name in used]).any(axis=0)) if used else np.zeros(0, dtype=np.intp)
    if len(used) < 2 or places.size < 2:
        return Answer(None, f"the consensus needs two criteria that are known at the same two scales, of {examples(wanted, 6)}", flags)
    ranks = {name: rankdata(np.round(CRITERIA[name] * values[name][places], 12)) for name in used}

    def borda(left_out: str | None) -> Floats:
        kept = [name for name in used if name != left_out]
        total = sum(used[name] for name in kept)
        return np.asarray(sum((used[name] / total * ranks[name] for name in kept), np.zeros(places.size)))

    score = borda(None)
    position = int(places[_first_largest(score)])
    without = {name: curves.scales[places[_first_largest(borda(name))]] for name in used}
    sensitivity = "; ".join(f"without {name}: {scale:g} km" for name, scale in without.items())
    changed = [name for name, scale in without.items() if scale != curves.scales[position]]
    verdict = f"leaving out {examples(changed, 6)} changes it" if changed else "leaving out any one criterion does not change it"
    reason = f"mean rank {score.max():.2f} of {places.size} over {len(used)} criteria; {verdict}"
    return Answer(position, reason, flags, ", ".join(f"{name} {weight:g}" for name, weight in used.items()), sensitivity)


def _first_largest(score: Floats) -> int:
    return int(np.flatnonzero(score >= score.max() - 1e-9)[0])
