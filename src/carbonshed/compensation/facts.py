"""The facts that the published county study prints, each tested against what a run gives: met or not, with the figure.

The facts and their limits stand in ``data/published_facts.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import pandas as pd

from carbonshed.checks import check_columns, nearest, refuse
from carbonshed.compensation.fact_checks import CHECKS, Outcome

COLUMNS = ("fact", "criterion", "year", "value", "text", "met", "in_band")

VERDICTS = ("met", "in band", "partly", "not met", "not known")


@cache
def published_facts() -> Mapping[str, Mapping[str, Any]]:
    """Every fact by its id (``T1`` ... ``T7``): wording, name of its test, limits, status (read-only)."""
    text = resources.files("carbonshed").joinpath("data/published_facts.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text)["fact"])


def check_facts(outcome: Outcome, *, facts: Mapping[str, Mapping[str, Any]] | None = None) -> pd.DataFrame:
    """Every criterion of every fact, year by year, with its figure.

    Parameters
    ----------
    outcome : Outcome
    facts : mapping, optional
        Default `published_facts`.

    Returns
    -------
    DataFrame, one row a criterion and year
        ``fact``, ``criterion``, ``year`` (missing: over all years), ``value`` (NaN where it is no number), ``text``, ``met`` and
        ``in_band`` (booleans; missing where it cannot be told; in_band is true where met is).

    Raises
    ------
    InputError
        If a fact asks for a test that does not exist.

    Notes
    -----
    Facts: abstract of the published county study. Its equations are not known to the project.

    Examples
    --------
    >>> published_facts()["T6"]["n"]
    20
    """
    rows = []
    for name, fact in (published_facts() if facts is None else facts).items():
        if fact["check"] not in CHECKS:
            near = nearest(fact["check"], CHECKS)
            raise refuse("unknown_check", expected=f"one of {', '.join(CHECKS)}", got=fact["check"], where=name, fix=f"Nearest: {near}.")
        for found in CHECKS[fact["check"]](outcome, fact):
            band = found.met if found.in_band is None else found.met or found.in_band
            rows.append((name, found.criterion, found.year, found.value, found.text, found.met, band))
    kinds = {"year": "Int64", "value": "float64", "met": "boolean", "in_band": "boolean"}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(kinds)


def fact_verdicts(findings: pd.DataFrame) -> pd.DataFrame:
    """One verdict a fact over its criteria and years: met (all are), in band (all are met or in band), partly, not met, not known.

    A criterion holds only where it holds in every year; ``partly``: some criteria of a fact hold and others do not.

    Parameters
    ----------
    findings : DataFrame
        As `check_facts` returns it.

    Returns
    -------
    DataFrame, one row a fact
        ``fact``, ``verdict``, ``figures`` (the texts of its criteria, years in order), ``low`` and ``high`` (least and largest value).

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> rows = [("T1", "ratio", 2007, 1.2, "1.20", True, True), ("T1", "ratio", 2012, 0.9, "0.90", False, False)]
    >>> found = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"met": "boolean", "in_band": "boolean"})
    >>> fact_verdicts(found).to_numpy().tolist()
    [['T1', 'not met', '1.20, 0.90', 0.9, 1.2]]
    """
    check_columns(findings.columns, COLUMNS, where="findings")
    rows = []
    for name, part in findings.groupby("fact", sort=False):
        by_criterion = list(part.groupby("criterion", sort=False))
        held = {column: [bool(each[column].fillna(False).all()) for _, each in by_criterion] for column in ("met", "in_band")}
        verdict = _verdict(held["met"], held["in_band"], is_known=not part["met"].isna().all())
        texts = [_told(list(each["text"])) for _, each in by_criterion]
        many = len(by_criterion) > 1
        said = "; ".join(f"{criterion}: {text}" if many else text for (criterion, _), text in zip(by_criterion, texts, strict=True))
        rows.append((name, verdict, said, part["value"].min(), part["value"].max()))
    return pd.DataFrame(rows, columns=["fact", "verdict", "figures", "low", "high"])


def _verdict(met: list[bool], in_band: list[bool], *, is_known: bool) -> str:
    if not is_known:
        return "not known"
    if all(met):
        return "met"
    if all(in_band):
        return "in band"
    return "partly" if any(in_band) else "not met"


def _told(texts: list[str]) -> str:
    """The figures of all years: once where they are the same, else one after the other."""
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{texts[0]} in each year"
    return ("; " if any("," in text for text in texts) else ", ").join(texts)
