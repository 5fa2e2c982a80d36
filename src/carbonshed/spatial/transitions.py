"""Transitions between classes from year to year: LISA classes, quantile classes, and quantile classes given the neighbours' class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from carbonshed.checks import check_columns, examples, refuse, warn
from carbonshed.spatial.neighbours import as_sparse
from carbonshed.spatial.statistics import LISA_CLASSES
from carbonshed.spatial.year_panel import known_panel, year_panel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ALL = "all"
"""The `lag_class` of the rows that pool all neighbours' classes."""


def class_transitions(frame: pd.DataFrame, column: str = "lisa_class", *, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """How often units pass from class to class between one year and the next: the transition matrix of a Markov chain.

    ``p_ab = n_ab / sum_b n_ab``, n_ab the number of units of class a in one year and b in the next, summed over the years.

    Parameters
    ----------
    frame : DataFrame
        Index `unit_id`, column ``year`` and `column`, e.g. the results of `local_moran` of several years below one another.
    column : str
        Class of each unit; a missing one takes part in no transition.
    classes : sequence of str, optional
        All classes, in the order wanted; default: those that occur, LISA classes in the order ns, HH, LL, HL, LH, island, others sorted.

    Returns
    -------
    DataFrame
        One row a pair of classes: from_class, to_class, count, probability (NaN where no unit starts in `from_class`). `attrs` hold the
        years and how many pairs of unit and year had a class missing.

    Raises
    ------
    InputError
        If a column is missing, a unit stands twice in a year, there are fewer than two years, or a class is none of `classes`.

    Warns
    -----
    DataWarning
        If the steps between the years differ: a chain over unequal steps has no one meaning.

    Notes
    -----
    Source: Rey (2001), textbook form. Probabilities of LISA classes of one data set depend on one another through shared neighbours.

    Examples
    --------
    >>> frame = pd.DataFrame({"year": [2000, 2010, 2020] * 2, "lisa_class": ["HH", "HH", "ns", "ns", "ns", "HH"]}, index=list("aaabbb"))
    >>> class_transitions(frame)[["count", "probability"]].values.tolist()
    [[1.0, 0.5], [1.0, 0.5], [1.0, 0.5], [1.0, 0.5]]
    """
    check_columns(frame.columns, ["year", column], where="class_transitions")
    places = year_panel(frame, where="class_transitions")
    _check_steps(places.years, "class_transitions")
    occurring = set(frame[column].dropna().astype(str))
    names = list(classes) if classes is not None else _ordered(occurring)
    if strange := sorted(occurring - set(names)):
        fix = "Add them to classes, or leave classes out."
        raise refuse("unknown_class", expected=f"classes {', '.join(names)}", got=examples(strange), where=column, fix=fix)
    number = {name: place for place, name in enumerate(names)}
    codes = frame[column].map(lambda name: number[str(name)], na_action="ignore").to_numpy(dtype=np.float64, na_value=np.nan)
    table = places.table(codes, np.nan)
    known = ~(np.isnan(table[:, :-1]) | np.isnan(table[:, 1:]))
    counts = _count(table[:, :-1][known].astype(np.int64), table[:, 1:][known].astype(np.int64), len(names))
    result = _tidy(counts, names)
    result.attrs.update(years=places.years.tolist(), n_missing=int((~known).sum()), column=column)
    return result


def spatial_markov(
    accounts: pd.DataFrame,
    column: str,
    neighbours: object,
    *,
    classes: int | Sequence[float] = 5,
    lag_classes: int | Sequence[float] | None = None,
    relative: bool = False,
    panel: str = "strict",
) -> pd.DataFrame:
    """Transitions between classes of a column from year to year, given the class of the neighbours' mean in the first of the two.

    ``p_ab|l = n_ab|l / sum_b n_ab|l``: n_ab|l counts units of class a, then b, whose neighbours' mean (row-standardised) had class l.
    Classes are quantiles of all years together (one set of breaks), closed above. The tests of homogeneity ask whether the rows
    depend on l:

        LR = 2 sum_l sum_ab n_ab|l ln(p_ab|l / p_ab) ;  Q = sum_l sum_ab n_a|l (p_ab|l - p_ab)^2 / p_ab ;  both chi2 with
        sum_a (A_a - 1)(B_a - 1) degrees of freedom, A_a the classes b with p_ab > 0, B_a the classes l with n_a|l > 0

    Parameters
    ----------
    accounts : DataFrame
        Index `unit_id`, column ``year`` and `column`.
    column : str
    neighbours : scipy sparse matrix or libpysal Graph
        A matrix in the order in which the units first appear in `accounts`.
    classes : int or sequence of float
        Number of quantile classes, or the rising breaks between classes.
    lag_classes : int or sequence of float, optional
        The same for the neighbours' mean; default: as many quantile classes as `classes` makes, or the same breaks.
    relative : bool
        Divide each year by its mean first, so that a common rise moves nobody.
    panel : {"strict", "drop"}
        Whether a unit that is missing in a year stops the call, or is listed and left out with its links.

    Returns
    -------
    DataFrame
        One row a triple: lag_class (``1`` lowest, ..., and ``all``), from_class, to_class, count, probability (NaN where no unit starts).
        `attrs` hold breaks, lag_breaks, lr, lr_p, q, q_p, degrees_of_freedom, n_units, years.

    Raises
    ------
    InputError
        If a column is missing, a unit stands twice in a year, (``strict``) a value is not known, the neighbours do not fit, breaks do not
        rise, or there are fewer than two years.

    Warns
    -----
    DataWarning
        Listing units without neighbours, which take no part; if the steps between the years differ.

    Notes
    -----
    Source: Rey (2001); tests: Bickenbach and Bode (2003), equations of Q and LR. They take transitions as independent draws, which
    neighbours are not: read their p as a rough guide.

    Examples
    --------
    >>> from carbonshed.spatial.neighbours import lattice_neighbours
    >>> frame = pd.DataFrame({"year": [2000] * 4 + [2010] * 4, "t": [1.0, 2, 3, 4, 1, 3, 2, 4]}, index=list("abcdabcd"))
    >>> pairs = spatial_markov(frame, "t", lattice_neighbours([0] * 4, range(4)), classes=2).query("lag_class == 'all'")
    >>> pairs[["from_class", "to_class", "count"]].values.tolist()
    [['1', '1', 1], ['1', '2', 1], ['2', '1', 1], ['2', '2', 1]]
    """
    places, table, known = known_panel(accounts, column, panel=panel, where="spatial_markov")
    _check_steps(places.years, "spatial_markov")
    links = as_sparse(neighbours, places.units)[known][:, known]
    linked = np.diff(links.indptr) > 0
    values, units = table[known], places.units[known]
    if not linked.all():
        warn(f"spatial_markov: {(~linked).sum()} units have no neighbours and take no part: {examples(units[~linked])}.")
    if relative:
        means = values.mean(axis=0)
        if (means <= 0).any():
            fix = "Use relative = False."
            raise refuse("mean_not_positive", expected="yearly means > 0", got=examples(means), where="spatial_markov", fix=fix)
        values = values / means
    lags = np.asarray(links @ values)[linked] / np.asarray(links.sum(axis=1))[linked, None]
    breaks = _breaks(values.ravel(), classes, "classes")
    same = len(breaks) + 1 if isinstance(classes, int) else classes
    lag_breaks = _breaks(lags.ravel(), same if lag_classes is None else lag_classes, "lag_classes")
    k, m = len(breaks) + 1, len(lag_breaks) + 1
    cls = np.searchsorted(breaks, values[linked], side="left")
    lag = np.searchsorted(lag_breaks, lags, side="left")
    flat = (lag[:, :-1] * k + cls[:, :-1]).ravel()
    counts = _count(flat, cls[:, 1:].ravel(), m * k, k).reshape(m, k, k)
    names = [str(place + 1) for place in range(k)]
    parts = [_tidy(each, names).assign(lag_class=str(place + 1)) for place, each in enumerate(counts)]
    result = pd.concat([*parts, _tidy(counts.sum(axis=0), names).assign(lag_class=ALL)], ignore_index=True)
    result = result[["lag_class", "from_class", "to_class", "count", "probability"]]
    result.attrs.update(_homogeneity(counts), breaks=breaks.tolist(), lag_breaks=lag_breaks.tolist(), n_units=int(linked.sum()))
    result.attrs.update(years=places.years.tolist(), column=column, relative=relative)
    return result


def _homogeneity(counts: Integers) -> dict[str, float]:
    """LR and Q of conditional against pooled transitions, counts [lag, from, to]."""
    pooled = counts.sum(axis=0)
    starts = counts.sum(axis=2, keepdims=True)
    expected = starts * pooled / np.maximum(pooled.sum(axis=1), 1)[:, None]
    full = counts > 0
    lr = 2 * float((counts[full] * np.log(counts[full] / expected[full])).sum())
    possible = expected > 0
    q = float(((counts[possible] - expected[possible]) ** 2 / expected[possible]).sum())
    ends, lags = (pooled > 0).sum(axis=1), (starts[:, :, 0] > 0).sum(axis=0)
    freedom = int((np.maximum(ends - 1, 0) * np.maximum(lags - 1, 0)).sum())
    p = [float(chi2.sf(value, freedom)) if freedom else float("nan") for value in (lr, q)]
    return {"lr": lr, "lr_p": p[0], "q": q, "q_p": p[1], "degrees_of_freedom": freedom}


def _breaks(values: Floats, classes: int | Sequence[float], where: str) -> Floats:
    """Breaks between classes: quantiles (linear between values; equal ones once), or those given."""
    if isinstance(classes, int):
        if classes < 2:
            raise refuse("few_classes", expected="at least two classes", got=f"{classes}", where=where, fix="Give 3 to 5.")
        return np.unique(np.quantile(values, np.arange(1, classes) / classes))
    breaks = np.asarray(classes, dtype=np.float64)
    if breaks.ndim != 1 or not breaks.size or not np.isfinite(breaks).all() or (np.diff(breaks) <= 0).any():
        raise refuse("wrong_breaks", expected="rising breaks", got=examples(breaks.ravel()), where=where, fix="Sort them, each once.")
    return breaks


def _count(start: Integers, end: Integers, n_starts: int, n_ends: int | None = None) -> Integers:
    n_ends = n_starts if n_ends is None else n_ends
    return np.bincount(start * n_ends + end, minlength=n_starts * n_ends).reshape(n_starts, n_ends)


def _tidy(counts: Integers, names: list[str]) -> pd.DataFrame:
    """Counts [from, to] as rows, with probabilities."""
    starts = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, starts, out=np.full(counts.shape, np.nan), where=starts > 0)
    k = len(names)
    columns = {"from_class": np.repeat(names, k), "to_class": np.tile(names, k), "count": counts.ravel(), "probability": share.ravel()}
    return pd.DataFrame(columns)


def _ordered(names: set[str]) -> list[str]:
    return [name for name in LISA_CLASSES if name in names] if names <= set(LISA_CLASSES) else sorted(names)


def _check_steps(years: Integers, where: str) -> None:
    if years.size < 2:
        got = examples(years) or "none"
        raise refuse("few_years", expected="at least two years", got=got, where=where, fix="Give the classes of several years.")
    steps = np.diff(years)
    if (steps != steps[0]).any():
        warn(
            f"{where}: the steps between the years differ ({examples(np.unique(steps))} years); their transitions are pooled all the same."
        )
