"""The choice of a working scale by a stated rule, with its reason, its interval and its flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, choose, examples, refuse
from carbonshed.scale.rules import LEAST_PERMUTATIONS, P_LIMIT, RULES, Answer, Curves, Panel, Rule, columns_of, make_rule, panel_of, peak

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
        The answer and its interval [km]. NaN where the rule gives no scale.
    plateau : tuple of float
        Scales whose I is at least 0.985 of the largest.
    by_year : tuple of (year, scale_km)
        What the rule answers for each year alone; NaN for no scale.
    flags : tuple of str
    reason : str
        Why this scale, or why none.
    criteria, sensitivity : str
        Of the rule consensus: the criteria with their weights, and the scale without each of them.
    interval_from : str
        What the interval covers: the plateau and the single years, or draws over origins, years and permutations.
    n_draws : int
    no_scale_share : float
        Share of the draws in which the rule gives no scale.
    weights : str
        Neighbours behind the statistics.
    seed : int or None
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
    criteria: str = ""
    sensitivity: str = ""
    interval_from: str = "plateau and single years"
    n_draws: int = 0
    no_scale_share: float = float("nan")
    weights: str = ""
    seed: int | None = None

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
            "criteria": self.criteria,
            "sensitivity": self.sensitivity,
            "interval_from": self.interval_from,
            "n_draws": self.n_draws,
            "no_scale_share": self.no_scale_share,
            "weights": self.weights,
            "seed": pd.NA if self.seed is None else self.seed,
        }
        return pd.DataFrame([row]).astype({"seed": "Int64"})


def choose_scale(
    response: pd.DataFrame,
    *,
    rule: str = "moran_cv",
    quantity: str | None = None,
    cv_tol: float = 0.05,
    allow_last: bool = False,
    knee_of: str = "loss_information",
    weights: Mapping[str, float] | None = None,
) -> ScaleChoice:
    """Choose the working scale of one quantity from its response.

    ==================  ==============================================================================================
    `rule`              the scale
    ==================  ==============================================================================================
    ``moran_cv``        with p < 0.01 in every year and ``abs(CV(next) - CV) / CV < cv_tol``, the largest I (mean over years);
                        within 1 % of it the finest
    ``moran_max``       the largest I, nothing else
    ``opgd_loess``      where a LOESS of the column `q` (geographical detector) flattens; see `turning_point`
    ``knee``            the knee of `loss_information` or `local_variance`; see `knee_point`
    ``consensus``       the highest mean rank (Borda) over I, information kept, q, 1 - nugget ratio, stability of hot spots and
                        `zone_ari`, those of them that are columns; each is left out once to show what it decides
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
    knee_of : {"loss_information", "local_variance"}
    weights : mapping, optional
        Criterion -> weight of the consensus; by default 1 for each criterion that is there.

    Returns
    -------
    ScaleChoice
        Its interval is the plateau of I together with the answers of single years; `scale_interval` draws it over grid origins, years
        and permutations.

    Raises
    ------
    InputError
        An unknown rule; a response of several quantities; a column the rule needs is missing or without any value; too few
        permutations for the rule ``moran_cv``.

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
    choose(rule, RULES, where="rule")
    one = one_quantity(response, quantity)
    columns = columns_of(rule, one.columns, knee_of=knee_of, weights=weights)
    check_rule_columns(one, rule, columns)
    check_permutations(rule, response.attrs.get("permutations"))
    decide = make_rule(rule, cv_tol=cv_tol, allow_last=allow_last, knee_of=knee_of, weights=weights)
    choice = choice_of(panel_of(one, columns), decide, rule=rule, quantity=str(one["quantity"].iloc[0]))
    seed = response.attrs.get("seed")
    return replace(choice, weights=str(response.attrs.get("weights", "")), seed=None if seed is None else int(seed))


def choice_of(panel: Panel, decide: Rule, *, rule: str, quantity: str) -> ScaleChoice:
    """Answer of a rule to a panel, with the plateau, the answers of single years and the flags."""
    curves = panel.curves()
    answer = decide(curves)
    by_year = []
    for place, year in enumerate(panel.years):
        alone = decide(panel.curves(years=np.array([place]))).position
        by_year.append((year, float("nan") if alone is None else float(curves.scales[alone])))
    top = peak(curves)
    plateau = () if top is None else tuple(curves.scales[curves.moran >= PLATEAU * curves.moran[top]].tolist())
    flags = (*answer.flags, *_edge_flags(curves, answer, top))
    scale = low = high = float("nan")
    if answer.position is not None:
        scale = float(curves.scales[answer.position])
        plausible = [scale, *plateau, *(each for _, each in by_year if not np.isnan(each))]
        low, high = min(plausible), max(plausible)
    return ScaleChoice(quantity, rule, scale, low, high, plateau, tuple(by_year), flags, answer.reason, answer.criteria, answer.sensitivity)


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


def one_quantity(response: pd.DataFrame, quantity: str | None) -> pd.DataFrame:
    """Rows of one quantity; refused where there are several and none is named."""
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


def check_rule_columns(one: pd.DataFrame, rule: str, columns: tuple[str, ...]) -> None:
    """Refuse a response without what the rule needs; q needs drivers."""
    drivers = "Give scale_response drivers, e.g. drivers = ['population', 'gdp_yuan'], or take another rule."
    if rule == "opgd_loess" and ("q" not in one or one["q"].isna().all()):
        raise refuse("no_drivers", expected="the column q of drivers", got="none", where="scale response, rule opgd_loess", fix=drivers)
    check_columns(one.columns, columns, where=f"scale response, rule {rule}")


def check_permutations(rule: str, permutations: int | None) -> None:
    """Refuse the rule ``moran_cv`` where so few permutations were drawn that no p can be below its limit."""
    if rule == "moran_cv" and permutations is not None and permutations < LEAST_PERMUTATIONS:
        raise refuse(
            "few_permutations",
            expected=f"at least {LEAST_PERMUTATIONS} permutations, so that p can be below {P_LIMIT:g}",
            got=f"{permutations}, with p >= {2 / (permutations + 1):.3g}" if permutations else "none",
            where="rule moran_cv",
            fix="Give more permutations, or take the rule moran_max.",
        )


def _edge_flags(curves: Curves, answer: Answer, top: int | None) -> tuple[str, ...]:
    ends = (0, curves.scales.size - 1)
    return (*((AT_EDGE,) if answer.position in ends else ()), *((NO_PEAK,) if top is None or top in ends else ()))
