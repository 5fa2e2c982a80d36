"""One function that aggregates a table, reading from each column's kind how it must be aggregated.

| kind | upward |
|---|---|
| extensive, money | sum |
| intensive | mean weighted by the declared column |
| categorical | majority by weight (area); ties go to the lower code; the share of the winner is stored |
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, refuse

AGGREGATED = ("extensive", "intensive", "categorical", "money")

AREA = "area_km2"


def aggregate(
    frame: pd.DataFrame,
    by: str | list[str] | pd.Series,
    *,
    kinds: Mapping[str, str],
    weights: Mapping[str, str] | None = None,
    skipna: bool = False,
) -> pd.DataFrame:
    """Aggregate columns by their kind: sums, weighted means, majorities.

    extensive, money: X = sum_i x_i. intensive: X = sum_i w_i x_i / sum_i w_i. categorical: the code with the largest sum_i w_i, and
    ``<name>_share``, that sum over sum_i w_i.

    Parameters
    ----------
    frame : DataFrame
        One row an object.
    by : column name, list of them, or Series in the frame's index
        The group of each row.
    kinds : mapping
        Column -> ``"extensive"``, ``"money"``, ``"intensive"`` or ``"categorical"``; columns not named are left out.
    weights : mapping, optional
        Column -> column of weights. An intensive column needs one; a categorical one takes ``area_km2`` where nothing is said.
    skipna : bool
        False: one unknown member makes a sum or a mean unknown. True: the known members alone; unknown only where all are.
        A majority is taken among the known codes in either case.

    Returns
    -------
    DataFrame
        One row a group, index `by`, in the order in which the groups first appear; columns in the order of `kinds`.

    Raises
    ------
    InputError
        If a column is missing, a kind is none of the four, an intensive column has no weight, or a weight is negative.

    Examples
    --------
    >>> cells = pd.DataFrame({"county": ["a", "a", "b"], "area_km2": [1.0, 3.0, 2.0], "t": [5.0, 6.0, 7.0], "density": [4.0, 8.0, 1.0]})
    >>> kinds = {"t": "extensive", "density": "intensive"}
    >>> aggregate(cells, "county", kinds=kinds, weights={"density": "area_km2"}).to_dict("index")
    {'a': {'t': 11.0, 'density': 7.0}, 'b': {'t': 7.0, 'density': 1.0}}
    """
    declared = dict(weights or {})
    check_columns(frame.columns, kinds, where="aggregate")
    for column, kind in kinds.items():
        choose(kind, AGGREGATED, where=f"kind of {column}")
        if kind == "categorical":
            declared.setdefault(column, AREA)
        if kind == "intensive" and column not in declared:
            raise refuse(
                "no_weight",
                expected=f"a weight for the intensive column {column!r}",
                got="none",
                where="aggregate",
                fix=f'Give weights={{"{column}": "<column>"}}, or aggregate its extensive parts and divide.',
            )
    needed = {column: declared[column] for column in kinds if column in declared}
    check_columns(frame.columns, needed.values(), where="aggregate weights")
    group, index = _groups(frame, by)
    n = len(index)
    out: dict[str, NDArray[np.generic]] = {}
    for column, kind in kinds.items():
        if kind in ("extensive", "money"):
            out[column] = _sums(_numbers(frame, column), group, n, skipna)
        elif kind == "intensive":
            out[column] = _means(_numbers(frame, column), _weights(frame, needed[column]), group, n, skipna)
        else:
            out[column], out[f"{column}_share"] = _majorities(frame[column], _weights(frame, needed[column]), group, n)
    return pd.DataFrame(out, index=index)


def _groups(frame: pd.DataFrame, by: str | list[str] | pd.Series) -> tuple[NDArray[np.int64], pd.Index]:
    """Number of each row's group, and the groups in order of first appearance."""
    if isinstance(by, pd.Series):
        if not by.index.equals(frame.index):
            raise refuse(
                "other_index", expected="groups in the frame's index", got="another index", where="aggregate by", fix="Reindex them."
            )
        keys: list[pd.Series] = [by]
    else:
        names = [by] if isinstance(by, str) else list(by)
        check_columns(frame.columns, names, where="aggregate by")
        keys = [frame[name] for name in names]
    if any(key.isna().any() for key in keys):
        bad = next(key for key in keys if key.isna().any())
        raise refuse(
            "no_group",
            expected="a group for each row",
            got=f"{int(bad.isna().sum())} rows without {bad.name!r}",
            where="aggregate by",
            fix="Fill it, or drop them.",
        )
    if len(keys) == 1:
        code, values = pd.factorize(keys[0])
        return code.astype(np.int64), pd.Index(values, name=keys[0].name)
    code, tuples = pd.factorize(pd.MultiIndex.from_arrays(keys))
    return code.astype(np.int64), pd.MultiIndex.from_tuples(list(tuples), names=[key.name for key in keys])


def _numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    try:
        return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise refuse(
            "not_a_number", expected=f"numbers in {column!r}", got=str(frame[column].dtype), where="aggregate", fix="Convert the column."
        ) from error


def _weights(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    weight = _numbers(frame, column)
    if (weight < 0).any():
        raise refuse(
            "negative_weight", expected=f"weights {column!r} >= 0", got=f"{np.nanmin(weight):g}", where="aggregate", fix="Correct them."
        )
    return weight


def _sums(values: NDArray[np.float64], group: NDArray[np.int64], n: int, skipna: bool) -> NDArray[np.float64]:
    if not skipna:
        return np.bincount(group, weights=values, minlength=n).astype(np.float64)
    known = ~np.isnan(values)
    total = np.bincount(group, weights=np.where(known, values, 0.0), minlength=n)
    return np.where(np.bincount(group, weights=known, minlength=n) > 0, total, np.nan)


def _means(values: NDArray[np.float64], weight: NDArray[np.float64], group: NDArray[np.int64], n: int, skipna: bool) -> NDArray[np.float64]:
    """Weighted means; a member of weight 0 does not count, known or not."""
    if skipna:
        weight = np.where(np.isnan(values) | np.isnan(weight), 0.0, weight)
    total = np.bincount(group, weights=weight, minlength=n)
    product = np.where(weight == 0, 0.0, weight * values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, np.bincount(group, weights=product, minlength=n) / total, np.nan)


def _majorities(
    values: pd.Series, weight: NDArray[np.float64], group: NDArray[np.int64], n: int
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Code with most weight in each group (the lower on a tie), and its share of the group's weight."""
    code, levels = pd.factorize(values, sort=True)
    known = (code >= 0) & (weight > 0)
    winner: NDArray[np.object_] = np.full(n, np.nan, dtype=object)
    share = np.full(n, np.nan)
    if known.any():
        table = pd.DataFrame({"group": group[known], "code": code[known], "weight": weight[known]})
        sums = table.groupby(["group", "code"], as_index=False)["weight"].sum()
        largest = sums.groupby("group")["weight"].transform("max")
        tied = sums[sums["weight"] >= largest * (1 - 1e-12)]  # equal but for the order in which they were added
        first = tied.drop_duplicates("group")  # sorted by group, then code: the lower code
        at = first["group"].to_numpy()
        levels_taken: list[Hashable] = [levels[k] for k in first["code"]]
        winner[at] = np.array(levels_taken, dtype=object)
        share[at] = first["weight"].to_numpy() / np.bincount(group, weights=np.nan_to_num(weight), minlength=n)[at]
    return np.asarray(pd.Series(winner).infer_objects().to_numpy()), share
