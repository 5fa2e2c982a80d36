"""Geodetector on columns: what factors explain of a value's variance, alone and together, and how to cut a continuous factor.

Three programs and the textbook give different numbers under one name. Each is an option by its name, said in the result:

==================  ========================================  ===========================================================
convention          q                                         p of the noncentral F
==================  ========================================  ===========================================================
``textbook``        variances over N                          upper tail, noncentrality with variance over N
``r_geodetector``   the same (R and Excel programs)           upper tail, noncentrality with variance over N - 1
``gd``              variances over N - 1 (R package GD)       twice the upper tail, F from its own q
``gdverse``         over N, strata of one member dropped      upper tail, noncentrality with variance over N
==================  ========================================  ===========================================================
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ncfdtr

from carbonshed.checks import choose, examples, refuse
from carbonshed.numerics import geodetector as kernels
from carbonshed.numerics.stratum_tests import ECOLOGICAL_CONVENTIONS, ecological_test, welch_test
from carbonshed.spatial.discretisation import Discretisation, optimal_discretisation
from carbonshed.spatial.strata import Strata, aligned, factor_columns, factor_pairs, known_rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

__all__ = [
    "CONVENTIONS",
    "Discretisation",
    "ecological_detector",
    "factor_detector",
    "interaction_detector",
    "optimal_discretisation",
    "risk_detector",
]

CONVENTIONS = {
    "textbook": ("population", "population"),
    "r_geodetector": ("population", "sample"),
    "gd": ("sample", "sample"),
    "gdverse": ("drop_single", "population"),
}
"""Convention -> how variances are divided in q, and in the noncentrality."""


def factor_detector(
    values: pd.Series, strata: Strata, *, convention: str = "textbook", permutations: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Share q of the variance of a value that each factor explains, with its F, noncentral p and permutation p.

    ``q = 1 - sum_h N_h s_h^2 / (N s^2)``; ``F = (N - L)/(L - 1) q/(1 - q)``, noncentral F(L - 1, N - L; lambda) with
    ``lambda = (sum_h m_h^2 - (sum_h sqrt(N_h) m_h)^2 / N) / s^2``. The permutation p shuffles the strata over the values; only it is
    free of the assumption of normal strata.

    Parameters
    ----------
    values : Series of float
    strata : Series or DataFrame
        Label of each value's stratum, one column a factor, in the index of `values`. Rows with something missing are left out, listed.
    convention : {"textbook", "r_geodetector", "gd", "gdverse"}
        See above.
    permutations, seed : int

    Returns
    -------
    DataFrame
        One row a factor: q, f, p, permutation_p, n, n_strata, n_single (strata of one member), convention.

    Raises
    ------
    InputError
        If the indices differ, values are no numbers or infinite, or the convention is unknown.

    Warns
    -----
    DataWarning
        For equal values (q is NaN), strata of one member, and rows left out.

    Notes
    -----
    Source: Wang et al. (2010, 2016); the scaling of lambda as in the programs named. q rises when a stratum is split: compare factors
    of as many strata, or by permutation p.

    Examples
    --------
    >>> y = pd.Series([1.0, 2, 3, 7, 8, 9])
    >>> factor_detector(y, pd.Series(list("aaabbb"), name="zone"))[["q", "f"]].round(6).to_dict("index")
    {'zone': {'q': 0.931034, 'f': 54.0}}
    """
    divided, noncentrality = CONVENTIONS[choose(convention, CONVENTIONS, where="convention")]
    rows, names = [], []
    for name, labels in factor_columns(strata):
        y, codes = aligned(values, labels, where=f"factor {name}")
        sizes = np.bincount(codes) if codes.size else np.zeros(0, dtype=np.int64)
        found = kernels.factor_detector(y, codes, permutations=permutations, seed=seed, convention=divided, noncentrality=noncentrality)
        f, p = _gd_test(y, codes, found.q) if convention == "gd" else (found.f, found.p)
        row = {"q": found.q, "f": f, "p": p, "permutation_p": found.permutation_p, "n": found.n, "n_strata": found.n_strata}
        rows.append(row | {"n_single": int((sizes == 1).sum()), "convention": convention})
        names.append(name)
    return pd.DataFrame(rows, index=pd.Index(names, name="factor"))


def interaction_detector(values: pd.Series, strata: pd.DataFrame) -> pd.DataFrame:
    """Whether two factors together explain more than each: q of the overlay of each pair against q1, q2 and q1 + q2.

    Below both: ``weaken_nonlinear``; between: ``weaken_single``; above both: ``enhance_bivariate``; equal to the sum:
    ``independent``; above the sum: ``enhance_nonlinear``. q is that of the textbook; its overlay is never below either factor.

    Parameters
    ----------
    values : Series of float
    strata : DataFrame
        At least two factors, as in `factor_detector`.

    Returns
    -------
    DataFrame
        One row a pair: factor_1, factor_2, q1, q2, q_both, kind.

    Raises
    ------
    InputError
        As in `factor_detector`; for fewer than two factors.

    Notes
    -----
    Source: Wang et al. (2010).

    Examples
    --------
    >>> y = pd.Series([0.0, 1, 1, 0])
    >>> factors = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    >>> interaction_detector(y, factors)[["q_both", "kind"]].values.tolist()
    [[1.0, 'enhance_nonlinear']]
    """
    rows = []
    for (name1, labels1), (name2, labels2) in factor_pairs(strata, where="interaction_detector"):
        y, codes = aligned(values, pd.concat([labels1, labels2], axis=1), where=f"factors {name1} and {name2}")
        found = kernels.interaction_detector(y, codes[:, 0], codes[:, 1])
        rows.append({"factor_1": name1, "factor_2": name2, "q1": found.q1, "q2": found.q2, "q_both": found.q_both, "kind": found.kind})
    return pd.DataFrame(rows)


def risk_detector(values: pd.Series, strata: pd.Series, *, alpha: float = 0.05) -> pd.DataFrame:
    """Between which strata of a factor the mean differs: Welch's t of each pair of strata.

    Parameters
    ----------
    values : Series of float
    strata : Series
        As in `factor_detector`.
    alpha : float
        Level of `is_significant`, each pair for itself.

    Returns
    -------
    DataFrame
        One row a pair: stratum_1, stratum_2, n_1, n_2, mean_1, mean_2, difference (first less second), t, df, p, is_significant. t and p
        are NaN for strata of one member and where neither varies.

    Raises
    ------
    InputError
        As in `factor_detector`; for fewer than two strata.

    Notes
    -----
    Source: Wang et al. (2010); Welch (1947). R geodetector rounds df to whole numbers; here they are kept.

    Examples
    --------
    >>> y = pd.Series([1.0, 2, 3, 7, 8, 9])
    >>> risk_detector(y, pd.Series(list("aaabbb")))[["mean_1", "mean_2", "t", "is_significant"]].round(4).values.tolist()
    [[2.0, 8.0, -7.3485, True]]
    """
    name, labels = factor_columns(strata)[0]
    y, codes = aligned(values, labels, where=f"factor {name}")
    kept = labels.loc[known_rows(values, labels)]
    names = [kept.iloc[place] for place in np.unique(codes, return_index=True)[1]] if codes.size else []
    if len(names) < 2:
        got = examples(names) or "none"
        raise refuse("few_strata", expected="at least two strata", got=got, where="risk_detector", fix="Use another factor.")
    samples = [y[codes == place] for place in range(len(names))]
    rows = []
    for i, j in combinations(range(len(names)), 2):
        test = welch_test(samples[i], samples[j])
        row = {"stratum_1": names[i], "stratum_2": names[j], "n_1": samples[i].size, "n_2": samples[j].size}
        row |= {"mean_1": samples[i].mean(), "mean_2": samples[j].mean(), "difference": test.difference}
        rows.append(row | {"t": test.t, "df": test.df, "p": test.p, "is_significant": bool(test.p <= alpha)})
    return pd.DataFrame(rows)


def ecological_detector(values: pd.Series, strata: pd.DataFrame, *, convention: str = "textbook", alpha: float = 0.05) -> pd.DataFrame:
    """Whether two factors explain differently much of a value: F of their sums of squares within strata, for each pair.

    Parameters
    ----------
    values : Series of float
    strata : DataFrame
        At least two factors, as in `factor_detector`.
    convention : {"textbook", "gd", "r_geodetector"}
        See `carbonshed.numerics.stratum_tests.ecological_test`; the last compares q, not the sums within.
    alpha : float

    Returns
    -------
    DataFrame
        One row a pair: factor_1, factor_2, f, p, is_significant, convention.

    Raises
    ------
    InputError
        As in `factor_detector`; for fewer than two factors.

    Notes
    -----
    Source: Wang et al. (2010). F takes the two sums as independent, though they are of the same values: a rough guide.

    Examples
    --------
    >>> y = pd.Series([1.0, 2, 3, 7, 8, 9])
    >>> factors = pd.DataFrame({"zone": list("aaabbb"), "none": list("cccccc")})
    >>> ecological_detector(y, factors)[["f", "is_significant"]].round(6).values.tolist()
    [[0.068966, True]]
    """
    choose(convention, ECOLOGICAL_CONVENTIONS, where="convention")
    rows = []
    for (name1, labels1), (name2, labels2) in factor_pairs(strata, where="ecological_detector"):
        y, codes = aligned(values, pd.concat([labels1, labels2], axis=1), where=f"factors {name1} and {name2}")
        test = ecological_test(y, codes[:, 0], codes[:, 1], convention=convention)
        row = {"factor_1": name1, "factor_2": name2, "f": test.f, "p": test.p, "is_significant": bool(test.p <= alpha)}
        rows.append(row | {"convention": convention})
    return pd.DataFrame(rows)


def _gd_test(y: Floats, codes: Integers, q: float) -> tuple[float, float]:
    """F and p of R package GD, of its own q: twice the upper tail, at most 1."""
    n, size = y.size, np.bincount(codes) if codes.size else np.zeros(0, dtype=np.int64)
    if not 1 < size.size < n or not q < 1:
        return (float("inf"), 0.0) if q >= 1 and 1 < size.size < n else (float("nan"), float("nan"))
    f = (n - size.size) / (size.size - 1) * q / (1 - q)
    if f < 0:
        return f, 1.0
    means = np.bincount(codes, weights=y) / size
    shift = (float(means @ means) - float(np.sqrt(size) @ means) ** 2 / n) / float(y.var(ddof=1))
    return f, min(1.0, 2 * float(1 - ncfdtr(size.size - 1, n - size.size, shift, f)))
