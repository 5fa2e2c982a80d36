"""Term sheets as one HTML file with both languages, to be read on a screen, printed on A4 and filled in by hand.

The sheets come as plain rows (one an entry: sheet, year, payer, recipient, item, entry, value, text, unit, status); nothing is
computed here. The words stand in ``data/agreement_words.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from carbonshed.cells import page_text
from carbonshed.checks import check_columns, choose, nearest, refuse
from carbonshed.present.display import NO_BREAK, amount_text, decimals, number, percent
from carbonshed.present.words import LANGUAGES, Words
from carbonshed.registry import terms

WORDS = "data/agreement_words.toml"
TEMPLATE = "present/templates/agreements.html.j2"

COLUMNS = ("sheet", "year", "payer", "recipient", "item", "entry", "value", "text", "unit", "status")

ITEMS = ("scope", "targets", "duties", "form", "term", "breach", "other")

PARTY_ROWS = ("name", "id", "city", "province", "area_km2", "zone")
"""Entries of item 1 that stand side by side for both parties."""

DATA_ENTRIES = (
    "area_km2",
    "zone",
    "crosses_province",
    "distance_km",
    "baseline_year",
    "share_of_payer",
    "share_of_recipient",
    "share_of_gdp",
    "share_of_revenue",
    "carbon_price",
    "sink_mode",
    "price_year",
    "price_base_year",
    "uncertainty",
)
"""Entries whose blank is a gap of the data, not a matter for the parties."""

GROUPS = {
    "sink_mode": "sink_mode",
    "cropland_mode": "cropland_mode",
    "allocation": "allocation",
    "revision": "revision",
    "ability": "ability",
    "closure": "closure",
    "district_mode": "district",
    "preset": "preset",
    "price_kind": "price_kind",
}
"""Group of the report's words that names the values of an entry."""


@cache
def _phrases() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads(resources.files("carbonshed").joinpath(WORDS).read_text(encoding="utf-8"))


class SheetWords:
    """The phrases of the term sheets in one language: ``words("item", "scope")``.

    Examples
    --------
    >>> SheetWords("zh")("item", "term"), SheetWords("en")("value", "years", n=3)
    ('协议期限', '3 years')
    """

    def __init__(self, lang: str) -> None:
        self.lang = choose(lang, LANGUAGES, where="lang")
        self.report = Words(lang)

    def __call__(self, group: str, name: str, **values: object) -> str:
        """The phrase ``group.name``, its ``{places}`` filled with `values`; an unknown one is refused."""
        phrases = _phrases().get(group, {})
        if name not in phrases:
            near = nearest(name, phrases)
            raise refuse(
                "unknown_phrase", expected="a phrase of agreement_words.toml", got=f"{group}.{name}", where="words", fix=f"{near!r}?"
            )
        text = phrases[name][self.lang]
        return text.format(**values) if values else text

    def get(self, group: str, name: str) -> str:
        """The phrase ``group.name``; the name of the term, or `name` itself, where there is none."""
        if name in _phrases().get(group, {}):
            return self(group, name)
        return self.report.term(name)


@dataclass(frozen=True)
class Cell:
    """What is printed for one entry: its text, or a blank with the reason."""

    text: str
    is_blank: bool = False
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A label and a cell."""

    label: str
    cell: Cell


def cell_of(row: Mapping[str, Any], words: SheetWords) -> Cell:
    """The printed form of one entry; a blank says whether it is for the parties or not known to the run.

    Parameters
    ----------
    row : mapping
        ``entry``, ``value``, ``text``, ``unit``, ``status``.
    words : SheetWords

    Examples
    --------
    >>> cell_of({"entry": "term_years", "value": 3.0, "text": "", "unit": "a", "status": "default"}, SheetWords("en")).text
    '3 years'
    >>> cell_of({"entry": "start", "value": float("nan"), "text": "", "unit": "", "status": "blank"}, SheetWords("en"))
    Cell(text='to be agreed', is_blank=True, note='')
    """
    entry, base = str(row["entry"]), str(row["entry"]).removeprefix("payer_").removeprefix("recipient_")
    if row["status"] == "blank":
        return Cell(words("sheet", "blank_data" if base in DATA_ENTRIES else "blank"), is_blank=True)
    note = words("sheet", "from_default") if row["status"] == "default" else ""
    if row["text"]:
        return Cell(_worded(entry, base, str(row["text"]), words), note=note)
    return Cell(_measured(float(row["value"]), str(row["unit"]), words), note=note)


def _worded(entry: str, base: str, text: str, words: SheetWords) -> str:
    """A text of the run in the language of the sheet, where it is a key."""
    key = entry.removeprefix("provenance.")
    if base == "zone":
        return words.report.get("zone", text)
    if key in GROUPS:
        return words.report.get(GROUPS[key], text)
    if entry == "zone_conflict":
        return words("value", entry, zone=words.report.get("zone", text))
    if entry == "actual_scheme":
        return f"{text}. {words('value', 'actual_note')}"
    phrase = {
        "policy_line": f"policy_{text}",
        "use_of_funds": text,
        "cap_binds": {"yes": "cap_yes", "no": "cap_no"}.get(text, "cap_none"),
        "price_illustrative": f"illustrative_{text}",
        "not_additive": entry,
        "crosses_province": text,
    }.get(entry)
    return words("value", phrase) if phrase else text


def _measured(value: float, unit: str, words: SheetWords) -> str:
    """A number with its unit; money to the fen, with its size in words behind it."""
    if unit == "yuan a-1":
        exact = f"{number(value, 2)}{NO_BREAK}{'元/年' if words.lang == 'zh' else 'yuan a⁻¹'}"
        return f"{exact} ({amount_text('money', value, words.lang)})" if abs(value) >= 1e4 else exact
    if unit == "1":
        return percent(value, decimals(100 * value)) if value <= 1 else words("value", "times", n=number(value))
    if unit == "a":
        return words("value", "years", n=number(value))
    shown = unit.replace("km2", "km²").replace("CO2", "CO₂").replace("a-1", "a⁻¹")
    if words.lang == "zh":
        shown = {"t CO₂ a⁻¹": "吨 CO₂/年", "yuan per t CO₂": "元/吨 CO₂"}.get(shown, shown)
    return f"{number(value)}{NO_BREAK}{shown}".rstrip()


def render_agreements(sheets: pd.DataFrame, *, lang: str = "zh", study: str = "", version: str = "") -> str:
    """All term sheets as the text of one HTML file with both languages; nothing is loaded from a network.

    Parameters
    ----------
    sheets : DataFrame
        Rows as `carbonshed.compensation.agreement.term_sheets` gives them; none: a page that says so.
    lang : {"zh", "en"}
        Language it opens in; the other is one click away. Printing prints the one that is shown.
    study, version : str
        Name of the study and version of the package, for the head.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a column is missing or `lang` is unknown.

    Examples
    --------
    >>> empty = pd.DataFrame(columns=list(COLUMNS))
    >>> "No flow reaches the threshold" in render_agreements(empty, lang="en")
    True
    """
    choose(lang, LANGUAGES, where="lang")
    check_columns(sheets.columns, COLUMNS, where="sheets")
    documents = [document(sheets, SheetWords(each)) for each in LANGUAGES]
    text = resources.files("carbonshed").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, finalize=page_text, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(
        documents=documents,
        lang=lang,
        study=study,
        version=version,
        labels={"zh": "中文", "en": "English"},
    )


def document(sheets: pd.DataFrame, words: SheetWords) -> dict[str, Any]:
    """What a template needs for one language: the words and one entry a sheet."""
    made = [sheet(part.to_dict("records"), words) for _, part in sheets.groupby("sheet", sort=True)]
    total = sum(each["amount_value"] for each in made)
    return {
        "lang": words.lang,
        "words": words,
        "sheets": made,
        "lead": words("sheet", "count", n=len(made), total=amount_text("money", total, words.lang)) if made else words("sheet", "none"),
    }


def sheet(rows: list[dict[Any, Any]], words: SheetWords) -> dict[str, Any]:
    """One sheet: parties side by side, indicators with their targets, and the lines of each item."""
    entries = {str(row["entry"]): row for row in rows}
    year = rows[0]["year"]
    has_year = year is not None and not pd.isna(year)
    names = {side: cell_of(entries[f"{side}_name"], words).text for side in ("payer", "recipient")}
    shown_year = words("sheet", "of_year", year=int(year)) if has_year else words("sheet", "no_year")
    return {
        "number": int(rows[0]["sheet"]),
        "year": shown_year,
        "names": names,
        "amount": cell_of(entries["amount"], words).text,
        "amount_value": float(entries["amount"]["value"]),
        "amount_short": amount_text("money", float(entries["amount"]["value"]), words.lang),
        "parties": _parties(entries, words, PARTY_ROWS),
        "sums": _parties(entries, words, ("before", "after")),
        "indicators": _indicators(entries, words),
        "items": [{"name": name, "title": words("item", name), "lines": _lines(rows, k + 1, words)} for k, name in enumerate(ITEMS)],
        "provenance": [
            Line(words.get("provenance", key.removeprefix("provenance.")), cell_of(row, words))
            for key, row in entries.items()
            if key.startswith("provenance.") and row["status"] != "blank"
        ],
    }


def _parties(entries: Mapping[str, Any], words: SheetWords, names: tuple[str, ...]) -> list[tuple[str, Cell, Cell]]:
    """Rows with a cell for each party."""
    none = {"entry": "", "value": float("nan"), "text": "", "unit": "", "status": "blank"}
    pairs = [(name, entries.get(f"payer_{name}"), entries.get(f"recipient_{name}")) for name in names]
    return [(words("party", name), cell_of(a or none, words), cell_of(b or none, words)) for name, a, b in pairs if a or b]


def _indicators(entries: Mapping[str, Any], words: SheetWords) -> list[tuple[str, Cell, Cell]]:
    """Name, baseline and target of each indicator of item 2."""
    named = [name for name in entries if f"target_{name}" in entries]
    return [(words.report.term(name), cell_of(entries[name], words), cell_of(entries[f"target_{name}"], words)) for name in named]


def _lines(rows: list[dict[Any, Any]], item: int, words: SheetWords) -> list[Line]:
    """The entries of an item that stand in no table of their own."""
    mine = [row for row in rows if row["item"] == item]
    names = {str(row["entry"]) for row in mine}
    apart = {f"{side}_{name}" for side in ("payer", "recipient") for name in (*PARTY_ROWS, "before", "after")}
    apart |= {name for name in names if f"target_{name}" in names or name.startswith(("target_", "provenance."))}
    return [Line(_label(str(row["entry"]), words), cell_of(row, words)) for row in mine if row["entry"] not in apart]


def _label(entry: str, words: SheetWords) -> str:
    if entry == "baseline_year":
        return words("sheet", "year")
    return words("entry", entry) if entry in _phrases()["entry"] or entry not in terms() else words.report.term(entry)
