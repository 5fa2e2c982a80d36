"""The page *Reproducing the published study*: fact by fact, met or not and why, and what each choice does to each fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import geopandas as gpd
import pandas as pd
from jinja2 import Environment, StrictUndefined

from carbonshed.compensation.drift import DriftCheck, drift_check
from carbonshed.compensation.fact_checks import Outcome, box_of, box_sides_km, unit_of
from carbonshed.compensation.fact_matrix import PERMUTATIONS, default_settings, fact_matrix, setting_outcome
from carbonshed.compensation.facts import check_facts, fact_verdicts, published_facts
from carbonshed.study.result import Result

TEMPLATE = "data/templates/reproduction.md.j2"
MARKS = {"met": "✓", "in band": "≈", "partly": "◐", "not met": "✗", "not known": "?"}
DRAWS = 1999
RANKED = ("T3", "T3r")
SHOWN = (("T1", 2), ("T2", 3), ("T5", 1), ("T6", 2))
"""Facts whose ranges stand beside the matrix, with their decimals."""


@dataclass(frozen=True)
class Reproduction:
    """Everything the page says, as frames.

    Parameters
    ----------
    outcome : Outcome
        Of the preset ``published``.
    findings, verdicts, matrix : DataFrame
        As `check_facts`, `fact_verdicts` and `fact_matrix` return them.
    drifts : tuple of DriftCheck
        Of the payers' and of the recipients' centre.
    permutations, draws, seed : int
    """

    outcome: Outcome
    findings: pd.DataFrame
    verdicts: pd.DataFrame
    matrix: pd.DataFrame
    drifts: tuple[DriftCheck, ...]
    permutations: int
    draws: int
    seed: int


def reproduce(counties: gpd.GeoDataFrame, *, permutations: int = PERMUTATIONS, seed: int = 0, draws: int = DRAWS) -> Reproduction:
    """The preset ``published`` and every other setting on the accounts of a study, held against the published facts.

    Parameters
    ----------
    counties : GeoDataFrame
        ``accounts_county`` of a run.
    permutations, seed
        As in `fact_matrix`.
    draws : int
        Resamplings of the centre.

    Raises
    ------
    InputError
        If a column that the facts need is missing.
    """
    settings = default_settings()
    outcome = setting_outcome(counties, settings[0], permutations=permutations, seed=seed)
    findings = check_facts(outcome)
    matrix = fact_matrix(counties, settings=settings, permutations=permutations, seed=seed)
    drifts = tuple(drift_check(outcome.counties, weight=weight, draws=draws, seed=seed) for weight in ("payable", "receivable"))
    return Reproduction(outcome, findings, fact_verdicts(findings), matrix, drifts, permutations, draws, seed)


def reproduction_page(result: Result, *, made: Reproduction | None = None, permutations: int = PERMUTATIONS, draws: int = DRAWS) -> str:
    """The page as Markdown, from the accounts of a run.

    Parameters
    ----------
    result : Result
        Of the county study, run at least until ``accounts``.
    made : Reproduction, optional
        What `reproduce` gave for these accounts; by default it is computed here.
    permutations, draws
        As in `reproduce`; the seed is the study's.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If the result holds no county accounts, or lacks a column that the facts need.
    """
    counties = result.accounts_county
    seed = int(result.manifest["study"]["seed"])
    if made is None:
        made = reproduce(counties, permutations=permutations, seed=seed, draws=draws)
    text = resources.files("carbonshed").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    years = [year for year, _ in made.outcome.by_year]
    facts = [
        {"name": row["fact"], "en": published_facts()[row["fact"]]["en"], "verdict": row["verdict"], "figures": row["figures"]}
        for row in made.verdicts.to_dict("records")
    ]
    counted = made.verdicts["verdict"].value_counts()
    return environment.from_string(text).render(
        n_units=made.outcome.by_year[0][1].index.nunique(),
        n_all=counties.index.nunique(),
        years=", ".join(map(str, years)),
        n_years=len(years),
        permutations=f"{made.permutations:,}",
        seed=made.seed,
        draws=f"{made.draws:,}",
        totals=_totals(made.outcome),
        inputs=sorted(result.manifest["inputs"], key=lambda row: str(row["path"])),
        facts=facts,
        counts={name.replace(" ", "_"): int(counted.get(name, 0)) for name in MARKS},
        reasons=reasons(made),
        ranks=_ranks(made.outcome),
        box=box_sides_km(box_of(published_facts()["T5"])),
        drifts=made.drifts,
        cities=_cities(made.outcome),
        names=list(published_facts()),
        matrix=_matrix(made.matrix),
        best=_best(made.matrix),
    )


def _totals(outcome: Outcome) -> list[dict[str, str]]:
    """Source and sink of the counties that take part, Mt CO2 a-1."""
    return [
        {"year": str(year), "source": f"{part['carbon_source'].sum() / 1e6:.0f}", "sink": f"{part['carbon_sink'].sum() / 1e6:.0f}"}
        for year, part in outcome.by_year
    ]


def _ranks(outcome: Outcome) -> list[dict[str, Any]]:
    """Rank of each county of the lists in each year, and who else stands among the first five."""
    rows: list[dict[str, Any]] = []
    for name in RANKED:
        fact = published_facts()[name]
        listed = {unit_of(outcome.counties, unit) for unit in fact["units"]}
        for unit in fact["units"]:
            one = outcome.counties[outcome.counties.index == unit_of(outcome.counties, unit)]
            on_side = one[one["side"] == fact["side"]].set_index("year")["priority_rank"]
            ranks = [str(int(on_side[year])) if year in on_side.index else "-" for year, _ in outcome.by_year]
            rows.append({"name": f"{unit['en']} ({fact['side']})", "cells": ranks})
        others = [", ".join(_leaders(part, fact, but=listed)) or "-" for _, part in outcome.by_year]
        rows.append({"name": f"others among the first {fact['first']} {fact['side']}s", "cells": others})
    return rows


def _leaders(part: pd.DataFrame, fact: Mapping[str, Any], *, but: set[str | None]) -> list[str]:
    chosen = part[(part["side"] == fact["side"]) & (part["priority_rank"] <= fact["first"]).fillna(False) & ~part.index.isin(but)]
    return [str(name) for name in chosen.sort_values("priority_rank")["name"]]


def _cities(outcome: Outcome) -> list[dict[str, str]]:
    """High-high and low-low counties by city, year by year; cities without any left out."""
    counties, rows = outcome.counties, []
    if "city" not in counties:
        return []
    for city in counties["city"].drop_duplicates():
        mine = counties[counties["city"] == city]
        counts = {
            label: [int(((mine["year"] == year) & (mine["lisa_class"] == label)).sum()) for year, _ in outcome.by_year]
            for label in ("HH", "LL")
        }
        if any(map(any, counts.values())):
            rows.append({"city": str(city), **{label: " ".join(map(str, values)) for label, values in counts.items()}})
    return rows


def _matrix(matrix: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for setting, part in matrix.groupby("setting", sort=False):
        ends = {row["fact"]: (float(row["low"]), float(row["high"])) for row in part.to_dict("records")}
        ranges = {name: " to ".join(f"{end:.{digits}f}" for end in ends[name]) for name, digits in SHOWN}
        rows.append({"setting": str(setting), "marks": [MARKS[verdict] for verdict in part["verdict"]], **ranges})
    return rows


def _best(matrix: pd.DataFrame) -> str:
    """Which settings keep the most facts, met or in band; a sentence."""
    held = matrix["verdict"].isin(["met", "in band"]).groupby(matrix["setting"], sort=False).sum()
    met = (matrix["verdict"] == "met").groupby(matrix["setting"], sort=False).sum()
    most = held[held == held.max()].index
    told = ", ".join(f"*{name}* ({held[name]}, of which {met[name]} met)" for name in most)
    rest = held[held < held.max()]
    return f"Most facts met or in band: {told}; the other settings keep {rest.min()} to {rest.max()}."


def reasons(made: Reproduction) -> dict[str, str]:
    """Why a fact is not met as printed, with the figures of the run; only the facts that are not met.

    Parameters
    ----------
    made : Reproduction

    Returns
    -------
    dict of fact -> sentence
    """
    missed = made.verdicts[made.verdicts["verdict"] != "met"].set_index("fact")
    return {name: WHY[str(name)](made) for name in missed.index if str(name) in WHY}


def _figures(made: Reproduction, setting: str, fact: str) -> str:
    found = made.matrix[(made.matrix["setting"] == setting) & (made.matrix["fact"] == fact)]
    return str(found["figures"].iloc[0])


def _span(values: pd.Series) -> str:
    low, high = f"{values.min():.0f}", f"{values.max():.0f}"
    return low if low == high else f"{low} to {high}"


def _why_payers(made: Reproduction) -> str:
    values = made.findings.loc[made.findings["fact"] == "T3", "value"]
    return (
        f"{_span(values)} of the five are among the first five. The index divides by GDP, and county GDP is not observed here but spread "
        "inside each prefecture by population, which is that of one census in every year: ranks that lie close together depend on it."
    )


def _why_stable(made: Reproduction) -> str:
    rows = made.findings[made.findings["fact"] == "T3j"]
    return f"Least Jaccard index of two years {rows['text'].iloc[0]}, from the same cause."


def _why_recipients(made: Reproduction) -> str:
    fact = published_facts()["T3r"]
    listed = {unit_of(made.outcome.counties, unit) for unit in fact["units"]}
    others = sorted({name for _, part in made.outcome.by_year for name in _leaders(part, fact, but=listed)})
    values = made.findings.loc[made.findings["fact"] == "T3r", "value"]
    return f"{_span(values)} of the five are among the first five; also there: {', '.join(others)}."


def _why_clusters(made: Reproduction) -> str:
    rows = made.findings[made.findings["fact"] == "T4"]
    lacking = list(dict.fromkeys(rows.loc[~rows["met"].fillna(False), "criterion"]))
    kept = _figures(made, "districts separate", "T4")
    return f"Not in every year: {', '.join(lacking)}. With municipal districts as units of their own: {kept}."


def _why_host(made: Reproduction) -> str:
    rows = made.findings[made.findings["fact"] == "T5h"]
    told = "; ".join(f"{int(year)} {text}" for year, text in zip(rows["year"], rows["text"], strict=True))
    return f"The county in which the centre lies: {told}."


def _why_drift(made: Reproduction) -> str:
    drift = made.drifts[0]
    noise = "no drift is told from noise" if not drift.is_more_than_noise else "the drift is more than noise"
    return (
        f"{drift.shift_km:.1f} km towards {drift.bearing_deg:.0f}° from {drift.first_year} to {drift.last_year}. The standard deviation of "
        f"the centre is {drift.sd_major_km:.0f} km along its ellipse ({drift.sd_lon_deg:.2f}° of longitude), so {noise}."
    )


def _why_balance(made: Reproduction) -> str:
    counts = [int((part["side"] == "recipient").sum()) for _, part in made.outcome.by_year]
    n = published_facts()["T6"]["n"]
    return f"No tolerance is printed. There are {_span(pd.Series(counts))} recipients, and the first {n} of them are taken."


def _why_counts(made: Reproduction) -> str:
    one, two = (_figures(made, setting, "T7") for setting in ("published", "two-sided p"))
    noise = published_facts()["T7"]["noise"]
    return f"{one}. Two-sided p: {two}. A rise or fall of {noise:.0f} or less is what another seed does."


WHY: Mapping[str, Callable[[Reproduction], str]] = {
    "T3": _why_payers,
    "T3j": _why_stable,
    "T3r": _why_recipients,
    "T4": _why_clusters,
    "T5h": _why_host,
    "T5d": _why_drift,
    "T6": _why_balance,
    "T7": _why_counts,
}
"""Reason of each fact that may be missed."""
