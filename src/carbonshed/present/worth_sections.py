"""Blocks of the zones section: can the zones be told apart, which method holds best on these data, how stable are they."""

from __future__ import annotations

from typing import Any

import pandas as pd

from carbonshed.present.blocks import Figures, Note, Table, Text, number_column, percent_column, text_column, year_column
from carbonshed.present.display import number, percent
from carbonshed.present.figures import available_figures
from carbonshed.present.folder import ResultFolder
from carbonshed.present.recorded import all_recorded
from carbonshed.present.words import Words

METHOD_COLUMNS = ("explained_share", "silhouette", "stability_ari", "coherence", "same_joins", "q_mean")
OF_K = ("silhouette", "davies_bouldin", "calinski_harabasz", "gap", "stability_ari")
NET = "net_emission_density"
THREE = 3


def worth_blocks(result: ResultFolder, words: Words) -> list[Any]:
    """What the zones are worth: hard checks, the verdict, methods side by side, stability, number of zones, divisions, allocations."""
    quality = (result.choices.get("zoning") or {}).get("quality") or {}
    blocks: list[Any] = []
    if quality.get("not_separable"):
        blocks.append(Note(words("worth.not_separable", checks=all_recorded(quality.get("failed_checks") or [], words)), tone="warning"))
    verdict = result.choices.get("zoning_verdict")
    if verdict:
        blocks.append(Text(_verdict(verdict, words)))
    if result.has("zone_methods"):
        blocks.append(_methods(result.table("zone_methods"), verdict or {}, words))
    if result.has("zone_stability"):
        blocks.append(_stability(result.table("zone_stability"), words))
    if result.has("zone_clusters") or (result.has("zone_naming") and len(result.table("zone_naming")) > THREE):
        blocks.append(_clusters(result, words))
    if result.has("zone_features"):
        blocks.append(_features(result.table("zone_features"), words))
    if result.has("zone_joins"):
        blocks.append(_joins(result.table("zone_joins"), words))
    return [*blocks, *_number_of_zones(result, words), *_divisions(result, words), *_allocations(result, words)]


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


def _clusters(result: ResultFolder, words: Words) -> Table:
    """One row a cluster: its zone, its sub-type where there are more than three, its naming score, how a bootstrap finds it again."""
    naming = result.table("zone_naming") if result.has("zone_naming") else pd.DataFrame()
    table = result.table("zone_clusters") if result.has("zone_clusters") else naming
    columns = [
        text_column(words.term("cluster"), table["cluster"]),
        text_column(words("column.zone"), [words.get("zone", name) for name in table["zone"]]),
    ]
    if len(naming) == len(table):
        if len(naming) > THREE and "zone_subtype" in naming:
            columns.append(text_column(words.term("zone_subtype"), [_subtype(str(name), words) for name in naming["zone_subtype"]]))
        if "score" in naming:
            columns.append(number_column(words.term("score"), naming["score"], places=2))
    columns.append(number_column(words("column.n_units"), table["n_units"]))
    for name in ("mean_jaccard", "least_jaccard", "recovered_share"):
        if name in table:
            columns.append(number_column(words.term(name), table[name], places=3))
    return Table(words("worth.clusters"), tuple(columns))


def _subtype(name: str, words: Words) -> str:
    """``payment_2`` as the zone's name and its number."""
    zone, _, rank = name.rpartition("_")
    return f"{words.get('zone', zone)} {rank}" if zone and rank.isdigit() else words.get("zone", name)


def _features(table: pd.DataFrame, words: Words) -> Table:
    columns = [text_column(words.term("feature"), [words.term(str(name)) for name in table["feature"]])]
    columns.append(number_column(words.term("ari"), table["ari"], places=3))
    columns.append(percent_column(words.term("moved_share"), table["moved_share"]))
    return Table(words("worth.features"), tuple(columns))


def _joins(table: pd.DataFrame, words: Words) -> Table:
    """Joins within each zone in the last year beside those that chance gives, and its patches."""
    rows = table[table["year"] == table["year"].max()]
    columns = [text_column(words("column.zone"), [words.get("zone", name) for name in rows["zone"]])]
    columns += [number_column(words.term(name), rows[name], places=0) for name in ("n_units", "n_joins", "expected_joins")]
    columns.append(number_column(words.term("joins_z"), rows["joins_z"], places=1))
    columns += [number_column(words.term(name), rows[name], places=0) for name in ("n_patches", "largest_patch") if name in rows]
    columns.append(percent_column(words.term("isolated_share"), rows["isolated_share"]))
    return Table(f"{words('worth.joins')}, {int(table['year'].max())}", tuple(columns))


def _number_of_zones(result: ResultFolder, words: Words) -> list[Any]:
    """What each criterion chooses, in a sentence, and the chart of all of them."""
    if "choice_of_k" not in available_figures(result):
        return []
    said = result.choices.get("number_of_zones") or {}
    blocks: list[Any] = []
    if said:
        none = words("worth.k_none")
        chosen = [words("worth.k_choice", name=words.term(name), k=said[name] or none) for name in OF_K if name in said]
        stable = [str(k) for k in said.get("stable") or []]
        again = words("worth.k_stable", list=words.listing(stable)) if stable else words("worth.k_unstable")
        between = "" if words.lang == "zh" else " "
        blocks.append(Text(words("worth.k_said", used=said["used"], list=words.listing(chosen)) + between + again))
    return [*blocks, Figures(("choice_of_k",))]


def _divisions(result: ResultFolder, words: Words) -> list[Any]:
    """The zones beside administrative units and random connected divisions: a sentence on net emission, a table of all quantities."""
    if not result.has("zone_divisions"):
        return []
    table = result.table("zone_divisions")
    year = int(table["year"].max())
    rows = table[table["year"] == year]
    blocks: list[Any] = []
    net = rows[rows["quantity"] == NET]
    own = net[net["division"] == "zones"]
    if len(own):
        q, mean, p = (float(own[name].iloc[0]) for name in ("q_adjusted", "random_q_mean", "random_p"))
        others = [
            words("worth.division_other", division=words.get("division", name), q=number(float(value), places=2))
            for name, value in zip(net["division"], net["q_adjusted"], strict=True)
            if name != "zones"
        ]
        random = words("worth.divisions_random", q=number(mean, places=2), p=number(p, places=3))
        other = words.listing(others) or words("worth.division_alone")
        said = words("worth.divisions_said", year=year, q=number(q, places=2), other=other, random=random)
        if NET in ((result.choices.get("zoning") or {}).get("quality") or {}).get("features", []):
            said += ("" if words.lang == "zh" else " ") + words("worth.divisions_by_making")
        blocks.append(Text(said))
    columns = [
        text_column(words("column.quantity"), [words.term(str(name)) for name in rows["quantity"]]),
        text_column(words.term("division"), [words.get("division", name) for name in rows["division"]]),
        number_column(words.term("n_strata"), rows["n_strata"], places=0),
        *[number_column(words.term(name), rows[name], places=3) for name in ("q", "q_adjusted", "random_q_mean", "random_p")],
    ]
    return [*blocks, Table(f"{words('worth.divisions')}, {year}", tuple(columns))]


def _allocations(result: ResultFolder, words: Words) -> list[Any]:
    """Share of units and area that change zone under the second allocation, by year, and from which zone to which."""
    if not result.has("allocation_zone_changes"):
        return []
    table = result.table("allocation_zone_changes")
    names = {
        "own": result.choices.get("allocation", ""),
        "other": (result.choices.get("allocation_comparison") or {}).get("compared_with", ""),
    }
    named = {key: words.get("allocation", name) for key, name in names.items()}
    moved = table["zone"] != table["zone_compared"]
    shares = table[["units_share", "area_share"]].where(moved, 0.0).groupby(table["year"]).sum()
    said = [
        words("worth.allocation_said", year=year, units=percent(float(row["units_share"])), area=percent(float(row["area_share"])), **named)
        for year, row in shares.iterrows()
    ]
    columns = (
        year_column(words("column.year"), table["year"]),
        text_column(words("column.zone"), [words.get("zone", name) for name in table["zone"]]),
        text_column(words.term("zone_compared"), [words.get("zone", name) for name in table["zone_compared"]]),
        number_column(words("column.n_units"), table["n_units"]),
        number_column(words("column.area"), table["area_km2"], unit="km²", places=0),
        percent_column(words.term("units_share"), table["units_share"]),
        percent_column(words.term("area_share"), table["area_share"]),
    )
    return [Text(("" if words.lang == "zh" else " ").join(said)), Table(words("worth.allocation_table"), columns)]
