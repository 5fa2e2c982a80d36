"""Blocks of the zones section: can the zones be told apart, which method holds best on these data, how stable are they."""

from __future__ import annotations

from typing import Any

import pandas as pd

from carbonshed.present.blocks import Note, Table, Text, number_column, percent_column, text_column
from carbonshed.present.display import number
from carbonshed.present.folder import ResultFolder
from carbonshed.present.words import Words

METHOD_COLUMNS = ("explained_share", "silhouette", "stability_ari", "coherence", "q_mean")


def worth_blocks(result: ResultFolder, words: Words) -> list[Any]:
    """What the zones are worth: hard checks, the verdict in a sentence, methods side by side, stability, features in turn."""
    quality = (result.choices.get("zoning") or {}).get("quality") or {}
    blocks: list[Any] = []
    if quality.get("not_separable"):
        blocks.append(Note(words("worth.not_separable", checks="; ".join(quality.get("failed_checks") or [])), tone="warning"))
    verdict = result.choices.get("zoning_verdict")
    if verdict:
        blocks.append(Text(_verdict(verdict, words)))
    if result.has("zone_methods"):
        blocks.append(_methods(result.table("zone_methods"), verdict or {}, words))
    if result.has("zone_stability"):
        blocks.append(_stability(result.table("zone_stability"), words))
    if result.has("zone_features"):
        blocks.append(_features(result.table("zone_features"), words))
    return blocks


def _verdict(verdict: dict[str, Any], words: Words) -> str:
    """Which method holds best, in a sentence, and how the self-organising map stands to it."""
    best = verdict.get("best")
    leader = words.get("zoning_method", verdict.get("leader"))
    said = words("worth.none", leader=leader) if best is None else words("worth.best", method=words.get("zoning_method", best))
    lead = verdict.get("som_lead")
    if lead is None or best == "som_kmeans":
        return said
    margin = float(verdict.get("margin") or 0.0)
    key = "worth.som_even" if abs(float(lead)) <= margin else "worth.som_behind" if float(lead) < 0 else "worth.som_ahead"
    return f"{said} {words(key, lead=number(abs(float(lead)), places=3))}"


def _methods(table: pd.DataFrame, verdict: dict[str, Any], words: Words) -> Table:
    """One row a method, with equal features."""
    failed = verdict.get("failed") or {}
    scores = verdict.get("scores") or {}
    names = [str(name) for name in table["method"]]
    columns = [text_column(words("worth.method"), [words.get("zoning_method", name) for name in names])]
    columns += [number_column(words.term(column), table[column], places=3) for column in METHOD_COLUMNS if column in table]
    columns.append(number_column(words("worth.score"), [scores.get(name, float("nan")) for name in names], places=3))
    columns.append(text_column(words("worth.failed"), [words.listing([words.term(t) for t in failed.get(name, [])]) for name in names]))
    return Table(words("worth.methods"), tuple(columns))


def _stability(table: pd.DataFrame, words: Words) -> Table:
    columns = [text_column(words.term("varied"), [words.get("varied", name) for name in table["varied"]])]
    columns += [number_column(words.term(column), table[column], places=3) for column in ("mean_ari", "least_ari")]
    columns.append(number_column(words.term("n_runs"), table["n_runs"], places=0))
    return Table(words("worth.stability"), tuple(columns))


def _features(table: pd.DataFrame, words: Words) -> Table:
    columns = [text_column(words.term("feature"), [words.term(str(name)) for name in table["feature"]])]
    columns.append(number_column(words.term("ari"), table["ari"], places=3))
    columns.append(percent_column(words.term("moved_share"), table["moved_share"]))
    return Table(words("worth.features"), tuple(columns))
