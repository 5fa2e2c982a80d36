"""Values and the strata they lie in, lined up: one index, what is not known left out and listed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import examples, refuse, warn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Strata = pd.Series | pd.DataFrame


def factor_columns(strata: Strata) -> list[tuple[str, pd.Series]]:
    """Name and labels of each factor; a Series without a name is called ``strata``.

    Examples
    --------
    >>> [name for name, _ in factor_columns(pd.Series(["a", "b"]))]
    ['strata']
    """
    if isinstance(strata, pd.Series):
        return [(str(strata.name) if strata.name is not None else "strata", strata)]
    return [(str(name), strata[name]) for name in strata.columns]


def factor_pairs(strata: pd.DataFrame, *, where: str) -> list[tuple[tuple[str, pd.Series], tuple[str, pd.Series]]]:
    """Every two factors of a frame, in the order of its columns; a frame of one is refused.

    Examples
    --------
    >>> len(factor_pairs(pd.DataFrame({"a": [1], "b": [1], "c": [1]}), where="example"))
    3
    """
    columns = factor_columns(strata)
    if len(columns) < 2:
        got = examples(name for name, _ in columns) or "none"
        raise refuse("few_factors", expected="at least two factors (columns)", got=got, where=where, fix="Give a frame of factors.")
    return list(combinations(columns, 2))


def known_rows(values: pd.Series, labels: Strata) -> NDArray[np.bool_]:
    """Rows in which the value and every label are known; two different indices are refused.

    Examples
    --------
    >>> known_rows(pd.Series([1.0, np.nan]), pd.Series(["a", "b"])).tolist()
    [True, False]
    """
    if not labels.index.equals(values.index):
        fix = "Give values and strata for the same units, in the same order."
        raise refuse("other_index", expected="strata in the index of the values", got="another", where="geodetector", fix=fix)
    full = labels.notna() if isinstance(labels, pd.Series) else labels.notna().all(axis=1)
    return np.asarray((values.notna() & full).to_numpy(), dtype=bool)


def aligned(values: pd.Series, labels: Strata, *, where: str) -> tuple[Floats, Integers]:
    """Known values, and the number of the stratum of each from 0, a column for each factor of a frame; warns of rows left out.

    Examples
    --------
    >>> aligned(pd.Series([1.0, 2.0]), pd.Series(["b", "a"]), where="example")[1].tolist()
    [1, 0]
    """
    known = known_rows(values, labels)
    if not known.all():
        warn(f"geodetector, {where}: {(~known).sum()} of {known.size} rows are not known and left out: {examples(values.index[~known])}.")
    y = finite_numbers(values[known])
    if isinstance(labels, pd.Series):
        return y, pd.factorize(labels[known], sort=True)[0].astype(np.int64)
    return y, np.column_stack([pd.factorize(labels.iloc[:, k][known], sort=True)[0] for k in range(labels.shape[1])]).astype(np.int64)


def finite_numbers(values: pd.Series) -> Floats:
    """A column as finite numbers; anything else is refused by name.

    Examples
    --------
    >>> finite_numbers(pd.Series([1, 2])).tolist()
    [1.0, 2.0]
    """
    try:
        numbers = values.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        got = f"{values.dtype}"
        raise refuse("not_numbers", expected="numbers", got=got, where=f"column {values.name}", fix="Convert the column.") from error
    if not np.isfinite(numbers).all():
        got = f"infinite in {examples(values.index[~np.isfinite(numbers)])}"
        raise refuse("not_finite", expected="finite numbers", got=got, where=f"column {values.name}", fix="Mend the ratio.")
    return numbers
