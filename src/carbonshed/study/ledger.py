"""The ledger of an audit: two sides of an identity, row by row, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from carbonshed import registry

EXACT = 1e-12
"""Relative error that an identity between tables of one run may have: rounding of sums in another order."""

ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Error of one subtraction, against the larger of its two terms."""


@dataclass(frozen=True)
class Identity:
    """One identity of a result: how many rows were held against it, and the largest error.

    Parameters
    ----------
    table : str
        The table whose rows are counted.
    en, zh : str
        What must be equal.
    count : int
        Rows compared.
    relative_error : float
        ``max |a - b| / max(|a|, |b|)`` [1]; infinite where one side is not known.
    tolerance : float
    where : str
        The row with the largest error; empty where all agree.
    """

    table: str
    en: str
    zh: str
    count: int
    relative_error: float
    tolerance: float
    where: str

    @property
    def holds(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.relative_error <= self.tolerance

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--json``."""
        return {**self.__dict__, "holds": self.holds}


class Ledger:
    """The tables of a result and the identities found in them so far.

    Parameters
    ----------
    tables : Mapping of name to DataFrame
    manifest : dict
        For the choices of the run only; no total is taken from it.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]):
        self.choices: dict[str, Any] = manifest.get("choices", {})
        self.spec: dict[str, Any] = manifest.get("spec", {})
        self.identities: list[Identity] = []
        self._tables, self._flat = tables, dict[str, pd.DataFrame]()

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def has(self, *names: str) -> bool:
        """All these tables are there."""
        return all(name in self for name in names)

    def table(self, name: str) -> pd.DataFrame:
        """A table with its index as a column and without geometry."""
        if name not in self._flat:
            frame = self._tables[name]
            plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
            self._flat[name] = plain.reset_index() if plain.index.name else plain.reset_index(drop=True)
        return self._flat[name]

    def equal(
        self, table: str, en: str, zh: str, left: pd.Series, right: pd.Series, *, size: pd.Series | float = 0.0, tolerance: float = EXACT
    ) -> None:
        """Enter that two sides are equal in every row; a row that one side lacks counts as 0 there.

        `size` is the largest term that either side was made from: a difference within its rounding is none.
        """
        index = left.index.union(right.index) if not left.index.equals(right.index) else left.index
        first, second = (np.asarray(side.reindex(index, fill_value=0.0), dtype=np.float64) for side in (left, right))
        term = np.asarray(size.reindex(index, fill_value=0.0), dtype=np.float64) if isinstance(size, pd.Series) else size
        with np.errstate(invalid="ignore", divide="ignore"):
            gap, largest = np.abs(first - second), np.maximum(np.abs(first), np.abs(second))
            error = np.where(gap <= ROUNDING * np.nan_to_num(term), 0.0, gap / largest)
        error = np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, np.where(np.isnan(error), np.inf, error))
        worst = int(np.argmax(error)) if error.size else 0
        largest_error = float(error[worst]) if error.size else 0.0
        where = "" if largest_error == 0.0 else _told(index, worst)
        self.identities.append(Identity(table, en, zh, int(error.size), largest_error, tolerance, where))


def _told(index: pd.Index, row: int) -> str:
    value = index[row]
    values = value if isinstance(value, tuple) else (value,)
    names = [str(name) if name is not None else "row" for name in index.names]
    return ", ".join(f"{name} {each}" for name, each in zip(names, values, strict=True))


def summed(frame: pd.DataFrame, keys: Sequence[str], column: str, *, unknown: int = 1) -> pd.Series:
    """Sums of a column by keys; a sum of nothing known is not known where `unknown` is 1, and 0 where it is 0."""
    return frame.groupby(list(keys), dropna=False, sort=False)[column].sum(min_count=unknown)


def keyed(frame: pd.DataFrame, keys: Sequence[str], column: str) -> pd.Series:
    """A column by its keys."""
    return frame.set_index(list(keys))[column]


def added(frame: pd.DataFrame, leave: Sequence[str] = ()) -> list[str]:
    """Columns of numbers that are added up: extensive and money."""
    kinds = registry.terms()
    numbers = [str(c) for c in frame.select_dtypes("number") if c not in leave and c in kinds]
    return [c for c in numbers if kinds[c].kind in ("extensive", "money")]


def ratio(above: pd.Series, below: pd.Series) -> pd.Series:
    """A share; not known where there is nothing to divide by."""
    return above / below.where(below > 0)
