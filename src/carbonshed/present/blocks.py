"""The parts a report is made of: text, figures, tables, notes, lists - plain data that the template lays out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from carbonshed.present.display import UNKNOWN, Amount, decimals, display_unit, number, percent
from carbonshed.present.words import Words


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Note:
    """A paragraph set apart; `tone` is ``note`` or ``warning``."""

    text: str
    tone: str = "note"
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Figures:
    """One figure, or several side by side, by name."""

    names: tuple[str, ...]
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Column:
    """A column of a printed table: its head, its unit, its cells as text; numbers stand on the right."""

    label: str
    cells: tuple[str, ...]
    unit: str = ""
    is_number: bool = True
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A printed table."""

    caption: str
    columns: tuple[Column, ...]
    note: str = ""
    size: str = ""
    kind: ClassVar[str] = "table"

    @property
    def id(self) -> int:
        """What tells this table from others of the same report."""
        return id(self)

    @property
    def rows(self) -> list[list[tuple[Column, str, str]]]:
        """Cells row by row: column, text, link (often empty)."""
        length = len(self.columns[0].cells)
        return [
            [(column, column.cells[row], column.links[row] if column.links else "") for column in self.columns] for row in range(length)
        ]


@dataclass(frozen=True)
class Beside:
    """Two or more tables side by side."""

    tables: tuple[Table, ...]
    kind: ClassVar[str] = "beside"


@dataclass(frozen=True)
class Listing:
    """A list of sentences."""

    items: tuple[str, ...]
    title: str = ""
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Facts:
    """Names and values, for the box on how to reproduce."""

    pairs: tuple[tuple[str, str], ...]
    title: str = ""
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Glossary:
    """Terms: column name, meaning, unit (empty where there is none), definition."""

    rows: tuple[tuple[str, str, str, str], ...]
    kind: ClassVar[str] = "glossary"


@dataclass(frozen=True)
class Methods:
    """Method notes: title, formula, text, source."""

    notes: tuple[dict[str, str], ...]
    kind: ClassVar[str] = "methods"


@dataclass
class Section:
    """A section of the report; blocks are added in reading order."""

    name: str
    title: str
    blocks: list[Any] = field(default_factory=list)


def text_column(label: str, values: Iterable[object], *, links: Sequence[str] = ()) -> Column:
    """A column of words; nothing known is a dash."""
    cells = tuple(UNKNOWN if value is None or value is pd.NA or value != value or value == "" else str(value) for value in values)
    return Column(label, cells, is_number=False, links=tuple(links))


def number_column(label: str, values: Iterable[Any], *, unit: str = "", places: int | None = None) -> Column:
    """A column of numbers with the decimals of a typical value; a small one that would print as zero keeps its digits."""
    numbers = _floats(values)
    common = places if places is not None else _typical_decimals(numbers)
    return Column(label, tuple(_cell(value, common) for value in numbers), unit)


def amount_columns(amount: Amount, columns: Mapping[str, Iterable[Any]], words: Words) -> list[Column]:
    """Columns of yearly amounts, by their heads, in one unit that suits the largest and with the same decimals."""
    stored = {label: _floats(values) for label, values in columns.items()}
    everything = [value for values in stored.values() for value in values]
    unit = display_unit(amount, everything, words.lang, per_year=True)
    places = _typical_decimals([value / unit.factor for value in everything])
    return [
        number_column(label, [value / unit.factor for value in values], unit=unit.label, places=places) for label, values in stored.items()
    ]


def amount_column(label: str, amount: Amount, values: Iterable[Any], words: Words) -> Column:
    """A column of yearly amounts in the unit that suits the largest."""
    return amount_columns(amount, {label: values}, words)[0]


def _floats(values: Iterable[Any]) -> list[float]:
    """Values as numbers; what is not known is NaN."""
    return [float("nan") if value is None or value is pd.NA else float(value) for value in values]


def percent_column(label: str, shares: Iterable[Any]) -> Column:
    """A column of shares as percentages, the sign in the head."""
    return number_column(label, [float("nan") if share is None or share is pd.NA else 100 * float(share) for share in shares], unit="%")


def year_column(label: str, years: Iterable[Any]) -> Column:
    """A column of years: no thousands marks."""
    return Column(label, tuple(str(int(year)) for year in years), is_number=False)


def _typical_decimals(numbers: list[float]) -> int:
    """Decimals by the rule of rounding for the median size; none for whole numbers."""
    sizes = np.abs([value for value in numbers if np.isfinite(value) and value != 0])
    if sizes.size == 0 or np.all(sizes == np.round(sizes)):
        return 0
    return decimals(float(np.median(sizes)))


def _cell(value: float, places: int) -> str:
    if not np.isfinite(value):
        return UNKNOWN
    if value != 0 and round(value, places) == 0:
        return number(value)
    return number(value, places)


def share_text(part: float, whole: float) -> str:
    """Part of a whole as a percentage; a dash where the whole is zero."""
    return percent(part / whole) if whole else UNKNOWN
