"""Tables of a result made flat for other programs, and their data dictionary."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbonshed.cells import guarded
from carbonshed.present.folder import TABLES, ResultFolder
from carbonshed.registry import Term, terms

FIRST = (
    "compensation", "flows", "direction", "zone_summary", "zones", "accounts_county", "accounts_grid", "scale_choice", "scale_response",
    "spatial_statistics", "centre_of_gravity", "balance", "land_area",
)  # fmt: skip
"""What most people open an export for stands first: the money, the zones, the accounts; then all that is behind them."""


def held(result: ResultFolder) -> list[str]:
    """Tables of the result that hold rows: those of `FIRST`, then the others."""
    return [name for name in (*FIRST, *(name for name in TABLES if name not in FIRST)) if result.has(name)]


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """A table without shapes, lists as text."""
    flat = pd.DataFrame(table.drop(columns="geometry", errors="ignore"))
    for column in [name for name in flat if flat[name].dtype == object]:
        flat[column] = [", ".join(map(str, value)) if isinstance(value, list | tuple | np.ndarray) else value for value in flat[column]]
    return flat


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV; a text that a spreadsheet would take for a formula is guarded (see `carbonshed.cells.guarded`)."""
    safe = table.copy()
    for place, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            values = table.iloc[:, place]
            cells = {value: guarded(value) for value in values.unique() if isinstance(value, str)}
            if any(value != cell for value, cell in cells.items()):
                safe.isetitem(place, [cells[value] if isinstance(value, str) else value for value in values])
    return safe.to_csv(index=False, lineterminator="\n")


def dictionary(result: ResultFolder) -> pd.DataFrame:
    """Every registered column of the result: table, Chinese and English name, unit, kind, sign, definition."""
    known = terms()
    rows = [(name, column, *_words_of(known.get(column))) for name in held(result) for column in map(str, result.table(name))]
    return pd.DataFrame(rows, columns=["table", "column", "name_zh", "name_en", "unit", "kind", "sign", "definition", "definition_zh"])


def _words_of(term: Term | None) -> tuple[str, ...]:
    if term is None:
        return ("",) * 7
    return (term.zh, term.en, term.unit, term.kind, term.sign, term.definition, term.definition_zh)
