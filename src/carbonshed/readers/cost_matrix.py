"""A user's cost of moving money between counties, as a matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from carbonshed.checks import examples, refuse
from carbonshed.readers.raw_tables import read_raw_table


def cost_matrix(path: str | Path) -> pd.DataFrame:
    """Read a cost matrix: first column ids of payers, heads ids of recipients, cells costs (any one unit).

    Raises
    ------
    InputError
        If a cell is not a finite number (the first few are named), or a payer stands twice.
    """
    raw = read_raw_table(path)
    raw = raw.set_index(raw.columns[0])
    if raw.index.has_duplicates or raw.index.isna().any():
        got = f"{examples(raw.index[raw.index.duplicated() | raw.index.isna()].unique())} twice or empty"
        raise refuse("duplicate_id", expected="each payer in one row", got=got, where=Path(path).name, fix="Keep one row for each.")
    numbers = raw.apply(pd.to_numeric, errors="coerce")
    rows, columns = (~np.isfinite(numbers.to_numpy(dtype=float))).nonzero()
    if len(rows):
        got = examples(f"{raw.index[r]} -> {raw.columns[c]}: {raw.iloc[r, c]!r}" for r, c in zip(rows, columns, strict=True))
        raise refuse("not_a_number", expected="a cost in every cell", got=got, where=Path(path).name, fix="Fill the cells.")
    return numbers.rename_axis(index=None, columns=None)
