"""The report section on the scale of analysis: the answer is an interval, with what it rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from carbonshed.present.blocks import Column, Figures, Note, Section, Table, Text, number_column, percent_column, text_column
from carbonshed.present.display import UNKNOWN, number, percent
from carbonshed.present.figures import available_figures
from carbonshed.present.findings import as_list, flag_texts
from carbonshed.present.folder import ResultFolder
from carbonshed.present.recorded import recorded
from carbonshed.present.scale_charts import indicator_name, shown_indicators, study_quantity
from carbonshed.present.words import Words
from carbonshed.present.zone_charts import STABLE

MOST_SIDES = 12
"""Sides that fit across a printed table; of more, every n-th is printed."""


def scale_section(result: ResultFolder, words: Words) -> Section:
    """The response to scale, the choice with interval, plateau and flags, every indicator, the draws, the map at three sides."""
    section = Section("scale", words("section.scale"))
    if not result.has("scale_response"):
        section.blocks.append(Note(words("absent.scale")))
        return section
    drawn = available_figures(result)
    section.blocks.append(Figures(("scale_response",)))
    choice = result.scale_choice
    if choice is not None:
        section.blocks += _choice_blocks(choice, words)
        section.blocks += [_choice_table(result, words), _response_table(result, str(choice["quantity"]), words)]
    if "scale_draws" in drawn:
        section.blocks += [Text(words("text.scale_draws")), Figures(("scale_draws",))]
    else:
        section.blocks.append(Text(words("absent.partly", tables="scale_draws", what=words("absent.draws"))))
    if "scale_indicators" in drawn:
        section.blocks += [Figures(("scale_indicators",)), _indicator_table(result, words), *_fractal(result, words)]
    if "scale_maps" in drawn:
        section.blocks.append(Figures(("scale_maps",)))
    if "scale_zones_map" in drawn:
        section.blocks += [*_zones_of_sides(result, words), Figures(("scale_zones_map",))]
    if result.has("zone_scale_agreement"):
        section.blocks.append(_agreement_table(result.table("zone_scale_agreement"), words))
    return section


def _choice_blocks(choice: dict[str, Any], words: Words) -> list[Text | Note]:
    """The rule, the answer as an interval and where it comes from, the plateau, the flags, the reason."""
    blocks: list[Text | Note] = [
        Text(words("text.scale_rule", rule=words.get("rule", choice["rule"]), quantity=words.term(str(choice["quantity"]))))
    ]
    n_draws = choice.get("n_draws")
    if n_draws is not None and not pd.isna(n_draws) and int(n_draws) > 0 and np.isfinite([choice["low_km"], choice["high_km"]]).all():
        values = {"side": f"{choice['scale_km']:g}", "low": f"{choice['low_km']:g}", "high": f"{choice['high_km']:g}"}
        nothing = float(choice.get("no_scale_share") or 0)
        also = words("text.scale_none_share", share=percent(nothing)) if nothing > 0 else ""
        blocks.append(Text(words("text.scale_answer", n=int(n_draws), **values) + also))
    plateau = as_list(choice.get("plateau"))
    if plateau:
        blocks.append(Text(words("text.plateau", sides=", ".join(plateau))))
    flags = flag_texts(as_list(choice.get("flags")), words)
    if flags:
        blocks.append(Note(words("headline.flagged", flags=flags), tone="warning"))
    if choice.get("reason"):
        blocks.append(Text(words("text.reason", reason=recorded(str(choice["reason"]), words))))
    if choice.get("sensitivity"):
        blocks.append(Text(words("text.sensitivity", sensitivity=_sensitivity(str(choice["sensitivity"]), words))))
    return blocks


def _sensitivity(text: str, words: Words) -> str:
    """What the consensus gives when one criterion is left out: ``without geary_c: 6 km; ...`` with names of this language."""
    parts = []
    for part in as_list(text):
        name, colon, side = part.removeprefix("without ").partition(": ")
        parts.append(words("text.without", name=words.term(name), side=side) if colon and part.startswith("without ") else part)
    return words.listing(parts)


def _choice_table(result: ResultFolder, words: Words) -> Table:
    """The scale chosen for each quantity."""
    table = result.table("scale_choice")
    intervals = [_interval(low, high) for low, high in zip(table["low_km"], table["high_km"], strict=True)]
    columns = (
        text_column(words("column.quantity"), [words.term(str(name)) for name in table["quantity"]]),
        number_column(words("column.side"), table["scale_km"], unit="km"),
        Column(words("column.interval"), tuple(intervals), "km"),
        text_column(words("column.plateau"), [", ".join(as_list(value)) for value in table["plateau"]]),
        text_column(words("column.flags"), [flag_texts(as_list(value), words) for value in table["flags"]]),
    )
    return Table(words("text.choice_table"), columns)


def _interval(low: Any, high: Any) -> str:
    known = pd.notna(low) and pd.notna(high)
    return f"{float(low):g}–{float(high):g}" if known else UNKNOWN


def _response_table(result: ResultFolder, quantity: str, words: Words) -> Table:
    """I, z, p and CV of one quantity at each side, for the last year."""
    table = result.table("scale_response")
    year = table["year"].max()
    rows = table[(table["quantity"] == quantity) & (table["year"] == year)].sort_values("scale_km")
    columns = (
        number_column(words("column.side"), rows["scale_km"], unit="km"),
        number_column(words("column.cells"), rows["n_cells"]),
        number_column(words("column.moran_i"), rows["moran_i"], places=3),
        number_column(words("column.moran_z"), rows["moran_z"], places=1),
        number_column(words("column.moran_p"), rows["moran_p"], places=3),
        number_column(words("column.cv"), rows["cv"], places=3),
        Column(words("column.chosen"), tuple("●" if flag else "" for flag in rows["chosen"]), is_number=False),
    )
    return Table(f"{words('text.scale_table', quantity=words.term(quantity))}, {int(year)}", columns)


def _indicator_table(result: ResultFolder, words: Words) -> Table:
    """Every indicator at every side, means over years, for the quantity of the study; the share of draws that gave each side."""
    quantity, names = study_quantity(result), shown_indicators(result)
    table = result.table("scale_response")
    means = table[table["quantity"] == quantity].groupby("scale_km")[names].mean()
    if len(means) > MOST_SIDES:
        means = means.iloc[np.unique(np.linspace(0, len(means) - 1, MOST_SIDES).round().astype(int))]
    columns = [text_column(words("column.indicator"), [indicator_name(name, words) for name in names])]
    for side, row in means.iterrows():
        columns.append(Column(f"{float(str(side)):g} km", tuple(number(float(value)) for value in row)))
    return Table(words("text.indicator_table", quantity=words.term(quantity)), tuple(columns), size="dense")


def _fractal(result: ResultFolder, words: Words) -> list[Text]:
    """The box dimension, one number over all sides."""
    table = result.table("scale_response")
    if "fractal" not in table:
        return []
    rows = table[table["quantity"] == study_quantity(result)].dropna(subset=["fractal"]).drop_duplicates("year").sort_values("year")
    values = ", ".join(f"{number(float(value), 2)} ({int(year)})" for value, year in zip(rows["fractal"], rows["year"], strict=True))
    return [Text(words("text.fractal", values=values))] if values else []


def _zones_of_sides(result: ResultFolder, words: Words) -> list[Text]:
    """How far the zones hang on the side and the origin of the grid, in the last year."""
    if not result.has("zone_scale_agreement"):
        return []
    table = result.table("zone_scale_agreement")
    rows = table[table["year"] == table["year"].max()]
    sides, origins = rows[rows["kind"] == "side"], rows[rows["kind"] == "origin"]
    said = []
    if len(sides):
        each = [
            words("worth.side_said", side=f"{side:g}", same=percent(float(same)), ari=number(float(ari), places=2))
            for side, same, ari in zip(sides["side_km"], sides["same_share"], sides["ari"], strict=True)
        ]
        said.append(words("worth.sides_said", list=words.listing(each)))
    if len(origins):
        low, high = (number(float(value), places=2) for value in (origins["ari"].min(), origins["ari"].max()))
        same, side = percent(float(origins["same_share"].min())), f"{float(origins['side_km'].iloc[0]):g}"
        said.append(words("worth.origins_said", side=side, n=len(origins), low=low, high=high, same=same))
    least = float(rows["ari"].min())
    if np.isfinite(least):
        said.append(words("worth.scale_holds") if least >= STABLE else words("worth.scale_moves", low=number(least, places=2)))
    return [Text(("" if words.lang == "zh" else " ").join(said))] if said else []


def _agreement_table(table: pd.DataFrame, words: Words) -> Table:
    """Every other side and origin of the last year against the zones shown."""
    year = int(table["year"].max())
    rows = table[table["year"] == year]
    moved = [
        UNKNOWN if not (east or north) else f"{east:g}, {north:g}" for east, north in zip(rows["east_km"], rows["north_km"], strict=True)
    ]
    columns = (
        text_column(words.term("kind"), [words.get("scale_kind", name) for name in rows["kind"]]),
        number_column(words("column.side"), rows["side_km"], unit="km"),
        Column(words("worth.moved_by"), tuple(moved), "km"),
        number_column(words("column.cells"), rows["n_cells"]),
        number_column(words.term("ari"), rows["ari"], places=3),
        number_column(words.term("nmi"), rows["nmi"], places=3),
        percent_column(words.term("same_share"), rows["same_share"]),
    )
    return Table(f"{words('worth.agreement')}, {year}", columns)
