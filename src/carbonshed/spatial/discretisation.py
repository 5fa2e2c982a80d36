"""The cut of a continuous factor that explains most of a value: methods and numbers of classes tried, and the search tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import InputError, choose, refuse
from carbonshed.numerics.discretisation import METHODS, cut, interval_breaks
from carbonshed.numerics.geodetector import _explained
from carbonshed.spatial.strata import aligned, finite_numbers, known_rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Discretisation:
    """The cut of a continuous factor with the highest q.

    Parameters
    ----------
    method, classes : str, int
        What was chosen.
    breaks : tuple of float
        Inner breaks; each stratum is open below and closed above.
    strata : Series
        Stratum of each row from 0, in the caller's index; missing where the factor is.
    q : float
        q of the chosen cut.
    permutation_p : float
        Share of shuffled values, the data among them, whose best cut has a q as large: the search itself is tested.
    trials : DataFrame
        method, classes, q, n_strata, smallest (members), is_allowed, reason: everything that was tried.
    """

    method: str
    classes: int
    breaks: tuple[float, ...]
    strata: pd.Series
    q: float
    permutation_p: float
    trials: pd.DataFrame


def optimal_discretisation(
    values: pd.Series,
    factor: pd.Series,
    *,
    methods: Sequence[str] = METHODS,
    classes: Iterable[int] = range(3, 9),
    min_members: int = 5,
    permutations: int = 999,
    seed: int = 0,
) -> Discretisation:
    """Cut a continuous factor into the strata that explain most of a value: the highest q over methods and numbers of classes.

    Parameters
    ----------
    values : Series of float
    factor : Series of float
        In the index of `values`.
    methods : sequence of {"equal", "quantile", "natural", "geometric", "sd"}
    classes : iterable of int
    min_members : int
        A cut with a smaller stratum is not allowed.
    permutations, seed : int

    Returns
    -------
    Discretisation
        Ties of q go to fewer strata, then to the earlier method.

    Raises
    ------
    InputError
        As in `factor_detector`; if the factor is no number or no cut is allowed.

    Warns
    -----
    DataWarning
        For rows left out.

    Notes
    -----
    Source: Song et al. (2020), optimal parameters-based geographical detector (OPGD). q grows with the number of classes and with the
    search, so its usual p is too small; `permutation_p` repeats the search on shuffled values.

    Examples
    --------
    >>> x = pd.Series(range(20), dtype=float)
    >>> best = optimal_discretisation((x >= 10) * 1.0, x, classes=[2], methods=["equal"])
    >>> best.method, best.breaks, best.q, best.permutation_p
    ('equal', (9.5,), 1.0, 0.002)
    """
    y, x = _numbers(values, factor)
    trials, cuts = [], []
    for method, k in product([choose(method, METHODS, where="methods") for method in methods], classes):
        trial, breaks = _trial(y, x, method, int(k), min_members)
        trials.append(trial)
        cuts.append(breaks)
    table = pd.DataFrame(trials)
    allowed = np.flatnonzero(table["is_allowed"]) if len(table) else np.zeros(0, dtype=np.intp)
    if not allowed.size:
        raise refuse(
            "no_cut",
            expected=f"a cut into strata of at least {min_members} members each",
            got=f"{len(table)} cuts, none such",
            where=f"factor {factor.name}",
            fix="Lower min_members, or give fewer classes.",
        )
    q = table["q"].to_numpy()[allowed]
    best = allowed[np.lexsort((allowed, table["n_strata"].to_numpy()[allowed], -np.round(q, 12)))[0]]
    strata = pd.Series(pd.NA, index=factor.index, dtype="Int64", name=factor.name)
    strata[known_rows(values, factor)] = cut(x, cuts[best])
    p = _search_p(y, [cut(x, cuts[place]) for place in allowed], float(q.max()), permutations, seed)
    chosen = table.iloc[best]
    return Discretisation(str(chosen["method"]), int(chosen["classes"]), tuple(cuts[best].tolist()), strata, float(chosen["q"]), p, table)


def _trial(y: Floats, x: Floats, method: str, classes: int, min_members: int) -> tuple[dict[str, object], Floats]:
    """One cut with its q, or the reason why it is not allowed."""
    row: dict[str, object] = {"method": method, "classes": classes, "q": np.nan, "n_strata": 0, "smallest": 0, "is_allowed": False}
    try:
        breaks = interval_breaks(x, classes, method=method)
    except InputError as error:
        if method != "geometric":
            raise
        return row | {"reason": error.problems[0].expected}, np.zeros(0)
    codes = np.unique(cut(x, breaks), return_inverse=True)[1]
    sizes = np.bincount(codes)
    row |= {"n_strata": sizes.size, "smallest": int(sizes.min())}
    if sizes.size < 2:
        return row | {"reason": "one stratum"}, breaks
    centred = y - y.mean()
    row["q"] = _explained(centred, codes, sizes) / float(centred @ centred)
    if sizes.min() < min_members:
        return row | {"reason": f"a stratum of {sizes.min()}"}, breaks
    return row | {"is_allowed": True, "reason": ""}, breaks


def _search_p(y: Floats, cuts: list[Integers], q: float, permutations: int, seed: int) -> float:
    if permutations < 1:
        return float("nan")
    generator = np.random.default_rng(seed)
    centred = y - y.mean()
    total = float(centred @ centred)
    groups = [np.unique(codes, return_inverse=True)[1] for codes in cuts]
    sizes = [np.bincount(group) for group in groups]
    reached = 0
    for _ in range(permutations):
        shuffled = generator.permutation(centred)
        reached += max(_explained(shuffled, *pair) for pair in zip(groups, sizes, strict=True)) >= (q - 1e-12) * total
    return (1 + reached) / (permutations + 1)


def _numbers(values: pd.Series, factor: pd.Series) -> tuple[Floats, Floats]:
    known = known_rows(values, factor)
    y, _ = aligned(values, factor, where=f"factor {factor.name}")
    x = finite_numbers(factor[known])
    if y.size < 2 or np.ptp(y) <= 1e-12 * np.abs(y).max():
        got = f"{y.size} values, all equal" if y.size else "none"
        raise refuse("no_variance", expected="values that differ", got=got, where="optimal_discretisation", fix="Nothing can be explained.")
    return y, x
