"""Spatial autocorrelation of a column: global Moran, Geary, General G; local Moran (LISA) and Gi* with their classes.

Values come as a Series, neighbours as a sparse matrix in the same order or a libpysal Graph; results keep the caller's index.
Units are computed in the order of their sorted ids, so a result does not depend on the order of the rows. A unit whose value is
not known is dropped with its links and listed; an island keeps its place, with NaN and the class ``island``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.numerics import autocorrelation as kernels
from carbonshed.numerics import permutation
from carbonshed.numerics.links import lag_and_margins, largest_weights
from carbonshed.spatial.field import Field, Values, prepare

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DRAWS = ("shared", "independent")
LISA_CLASSES = ("ns", "HH", "LL", "HL", "LH", "island")
SPOT_CLASSES = ("ns", "hot", "cold", "island")


@dataclass(frozen=True)
class GlobalMoran:
    """Moran's I with its permutation test; `p_normal` is two-sided under normality, `weights` is binary, row or general."""

    moran_i: float
    expected_i: float
    moran_z: float
    moran_p: float
    p_normal: float
    n: int
    n_islands: int
    permutations: int
    p_convention: str
    weights: str


@dataclass(frozen=True)
class GlobalStatistic:
    """Geary's C or General G with its permutation test; the other fields as in `GlobalMoran`."""

    statistic: str
    value: float
    expected: float
    z: float
    p: float
    p_normal: float
    n: int
    n_islands: int
    permutations: int
    p_convention: str
    weights: str


def global_moran(
    values: Values,
    neighbours: object,
    *,
    permutations: int = 999,
    seed: int = 0,
    p_convention: str = "two_sided",
    standardisation: str = "as_given",
) -> GlobalMoran:
    """Moran's I of a column, with z and p from random permutations of the values over the units.

    ``I = (n / S0) sum_ij w_ij (z_i - zb)(z_j - zb) / sum_i (z_i - zb)^2``, ``E[I] = -1 / (n - 1)``,
    ``moran_z = (I - E[I]) / sd(I_r)`` over the permutations. Dimensionless.

    Parameters
    ----------
    values : Series of float, length n
        One value a unit. NaN: the unit is dropped with its links, and listed.
    neighbours : scipy sparse matrix or libpysal Graph
        See `carbonshed.spatial.neighbours`.
    permutations : int
        R; 0 for I alone (moran_z and moran_p are then NaN).
    seed : int
    p_convention : {"two_sided", "folded_one_sided"}
        See `carbonshed.numerics.permutation.pseudo_p`.
    standardisation : {"as_given", "row", "binary"}
        What to do with the weights first.

    Returns
    -------
    GlobalMoran
        NaN, with a warning, for equal values, fewer than four units, or no link.

    Raises
    ------
    InputError
        If ids repeat or do not match the neighbours, a value is infinite, or an option is unknown.

    Notes
    -----
    Source: Moran (1950); Cliff and Ord (1981), textbook form.

    Examples
    --------
    >>> from carbonshed.spatial.neighbours import lattice_neighbours
    >>> result = global_moran([1, 2, 3, 4], lattice_neighbours([0, 0, 0, 0], [0, 1, 2, 3]))
    >>> round(result.moran_i, 4), round(result.expected_i, 4)
    (0.3333, -0.3333)
    """
    choose(p_convention, permutation.P_CONVENTIONS, where="p_convention")
    field = prepare(values, neighbours, standardisation=standardisation, where="global_moran")
    n = field.values.size
    observed, expected = _nan_unless(field, kernels.moran_i), -1 / (n - 1) if n > 1 else float("nan")
    variance = kernels.moran_variance(n, kernels.weight_sums(field.links)) if field.is_defined else np.nan
    z, p = _permutation_test(field, "moran_i", observed, expected, permutations, seed, p_convention)
    normal = _normal_p(observed, expected, variance)
    return GlobalMoran(observed, expected, z, p, normal, n, int(field.islands.sum()), permutations, p_convention, field.weights)


def geary(
    values: Values,
    neighbours: object,
    *,
    permutations: int = 999,
    seed: int = 0,
    p_convention: str = "two_sided",
    standardisation: str = "as_given",
) -> GlobalStatistic:
    """Geary's C of a column: ``((n-1) / (2 S0)) sum_ij w_ij (z_i - z_j)^2 / sum_i (z_i - zb)^2``; below 1 is clustering.

    Parameters, warnings and errors as in `global_moran`. Source: Geary (1954), textbook form.

    Examples
    --------
    >>> from carbonshed.spatial.neighbours import lattice_neighbours
    >>> round(geary([1, 2, 3, 4], lattice_neighbours([0, 0, 0, 0], [0, 1, 2, 3])).value, 4)
    0.3
    """
    choose(p_convention, permutation.P_CONVENTIONS, where="p_convention")
    field = prepare(values, neighbours, standardisation=standardisation, where="geary")
    n = field.values.size
    observed = _nan_unless(field, kernels.geary_c)
    variance = kernels.geary_variance(n, kernels.weight_sums(field.links)) if field.is_defined else np.nan
    z, p = _permutation_test(field, "geary_c", observed, 1.0, permutations, seed, p_convention)
    normal = _normal_p(observed, 1.0, variance)
    return GlobalStatistic("geary_c", observed, 1.0, z, p, normal, n, int(field.islands.sum()), permutations, p_convention, field.weights)


def general_g(
    values: Values, neighbours: object, *, permutations: int = 999, seed: int = 0, p_convention: str = "two_sided"
) -> GlobalStatistic:
    """General G of a column of amounts >= 0: ``sum_ij w_ij z_i z_j / sum_{i != j} z_i z_j``, the weights made binary.

    ``E[G] = S0 / (n (n - 1))``; above it, high values lie together. Parameters and warnings as in `global_moran`.
    Source: Getis and Ord (1992), equation 5.

    Raises
    ------
    InputError
        If a value is negative: G is not defined for net emission and other columns of mixed sign.

    Examples
    --------
    >>> from carbonshed.spatial.neighbours import lattice_neighbours
    >>> round(general_g([1, 2, 3, 4], lattice_neighbours([0, 0, 0, 0], [0, 1, 2, 3])).value, 4)
    0.5714
    """
    choose(p_convention, permutation.P_CONVENTIONS, where="p_convention")
    field = prepare(values, neighbours, standardisation="binary", where="general_g")
    if (field.values < 0).any():
        negative = field.index[field.place[field.values < 0]]
        fix = "Test source and sink apart, or use global_moran."
        raise refuse("mixed_signs", expected="values >= 0", got=f"negative in {examples(negative)}", where="general_g", fix=fix)
    n = field.values.size
    observed = _nan_unless(field, kernels.general_g)
    expected = float(field.links.sum()) / (n * (n - 1)) if n > 1 else float("nan")
    variance = kernels.general_g_variance(field.values, kernels.weight_sums(field.links)) if field.is_defined else np.nan
    z, p = _permutation_test(field, "general_g", observed, expected, permutations, seed, p_convention)
    normal = _normal_p(observed, expected, variance)
    return GlobalStatistic(
        "general_g", observed, expected, z, p, normal, n, int(field.islands.sum()), permutations, p_convention, field.weights
    )


def local_moran(
    values: Values,
    neighbours: object,
    *,
    permutations: int = 999,
    seed: int = 0,
    p_convention: str = "two_sided",
    alpha: float = 0.05,
    standardisation: str = "as_given",
    draws: str = "shared",
    table: Integers | None = None,
) -> pd.DataFrame:
    """Local Moran of every unit with its conditional permutation p and its LISA class.

    ``I_i = ((z_i - zb) / m2) sum_j w_ij (z_j - zb)``, ``m2 = sum_i (z_i - zb)^2 / n``. For p, z_i is held and its neighbours
    are drawn without replacement from the others, R times. Classes HH, LL, HL, LH by the signs of z_i - zb and of the sum
    where p <= alpha, else ``ns``; a zero deviation or sum is ``ns``, a unit without neighbours ``island``.

    Parameters
    ----------
    values, neighbours, permutations, seed, p_convention, standardisation
        As in `global_moran`. Weights that are equal within each row take the sorted sweep, O(n log R).
    alpha : float
        Level of the plain cut and of the false discovery rate.
    draws : {"shared", "independent"}
        One table of draws for all units, or draws of its own for each: slower, for some thousands of units.
    table : ndarray of int, shape (R, at least the largest number of neighbours), optional
        The shared draws themselves, see `carbonshed.numerics.permutation`; ids count the known units in the order of sorted ids.

    Returns
    -------
    DataFrame in the caller's index
        local_moran_i, local_moran_p, lisa_class (plain cut), lisa_class_fdr (Benjamini-Hochberg), p_convention. `attrs` hold
        permutations, seed, draws, alpha and weights. A unit without a value has NaN in all but p_convention.

    Raises
    ------
    InputError
        If ids repeat or do not match the neighbours, a value is infinite, or an option is unknown.

    Warns
    -----
    DataWarning
        Listing islands and units without a value; for a field that has no statistic.

    Notes
    -----
    Source: Anselin (1995). The p of one unit is valid with shared draws; the p of two units are then correlated.

    Examples
    --------
    >>> from carbonshed.spatial.neighbours import lattice_neighbours, row_standardise
    >>> line = row_standardise(lattice_neighbours([0, 0, 0, 0], [0, 1, 2, 3]))
    >>> local_moran(pd.Series([1.0, 2, 3, 4], index=list("abcd")), line)["local_moran_i"].round(4).tolist()
    [0.6, 0.2, 0.2, 0.6]
    """
    choose(p_convention, permutation.P_CONVENTIONS, where="p_convention")
    field = prepare(values, neighbours, standardisation=standardisation, where="local_moran")
    centred, sums = field.centred, lag_and_margins(field.centred, field.links)
    greater, less, rounds = _tail_counts(field, permutations, seed, draws, table)
    if p_convention == "folded_one_sided":  # the tails of I_i, which is the sum times a constant of this sign; two-sided takes both alike
        greater, less = np.where(centred < 0, less, greater), np.where(centred < 0, greater, less)
    p = permutation.pseudo_p(greater, less, rounds, p_convention=p_convention)
    p[(centred == 0) & ~np.isnan(p)] = 1.0  # I_i is zero in every permutation
    quadrant = kernels.quadrants(centred, sums)  # places in LISA_CLASSES
    local = kernels.local_moran_of(centred, sums.lag, ~field.islands)
    plain, fdr = _classes(field, quadrant, LISA_CLASSES, p, alpha)
    result: dict[str, Floats | pd.Series] = {"local_moran_i": local, "local_moran_p": p, "lisa_class": plain, "lisa_class_fdr": fdr}
    return _frame(field, result, p_convention, "local_moran", permutations=rounds, seed=seed, draws=draws, alpha=alpha)


def getis_ord(
    values: Values,
    neighbours: object,
    *,
    star: bool = True,
    permutations: int = 999,
    seed: int = 0,
    p_convention: str = "two_sided",
    inference: str = "permutation",
    alpha: float = 0.05,
    draws: str = "shared",
    table: Integers | None = None,
) -> pd.DataFrame:
    """Gi* (or Gi) of every unit as a z-score, with its p and its class hot, cold or ns.

    ``Gi*_i = (sum_j w_ij z_j - zb W_i) / (s sqrt((n sum_j w_ij^2 - W_i^2) / (n - 1)))``, w_ii included. w_ii is the largest
    weight of the row: 1 for binary weights. Multiplying a row by a constant changes nothing, so row-standardised weights give the
    same z. Gi (``star=False``) leaves the unit itself out of everything.

    Parameters
    ----------
    values, neighbours, permutations, seed, p_convention, alpha, draws, table
        As in `local_moran`.
    star : bool
    inference : {"permutation", "normal"}
        Where p comes from: conditional permutation of the neighbours (default), or z taken as normal; then a hot spot has
        z >= 1.96 at alpha 0.05.

    Returns
    -------
    DataFrame in the caller's index
        gi_star_z, gi_star_p, gi_star_class, gi_star_class_fdr (``gi_`` without star), p_convention. Hot: p <= alpha, z > 0 and the
        neighbours themselves in the upper tail; cold alike. NaN where a unit is linked to all others.

    Raises
    ------
    InputError
        As in `local_moran`.

    Notes
    -----
    Source: Ord and Getis (1995), equations 4 and 5.

    Examples
    --------
    >>> from carbonshed.spatial.neighbours import lattice_neighbours
    >>> line = lattice_neighbours([0, 0, 0, 0], [0, 1, 2, 3])
    >>> getis_ord(pd.Series([1.0, 2, 3, 4]), line)["gi_star_z"].round(4).tolist()
    [-1.5492, -1.3416, 1.3416, 1.5492]
    """
    choose(p_convention, permutation.P_CONVENTIONS, where="p_convention")
    choose(inference, ("permutation", "normal"), where="inference")
    field = prepare(values, neighbours, where="getis_ord")
    own = largest_weights(field.links) if star else None
    z = kernels.getis_ord_of(field.centred, field.links, own) if field.is_defined else np.full(field.values.size, np.nan)
    if inference == "normal":
        tail = ndtr(-np.abs(z))
        p, upwards, downwards, rounds = tail if p_convention == "folded_one_sided" else 2 * tail, z > 0, z < 0, 0
    else:
        greater, less, rounds = _tail_counts(field, permutations, seed, draws, table)
        p = np.where(np.isnan(z), np.nan, permutation.pseudo_p(greater, less, rounds, p_convention=p_convention))
        upwards, downwards = greater <= less, less <= greater
    spot = ((z > 0) & upwards) + np.int8(2) * ((z < 0) & downwards)  # places in SPOT_CLASSES
    plain, fdr = _classes(field, spot, SPOT_CLASSES, p, alpha)
    name = "gi_star" if star else "gi"
    result = {f"{name}_z": z, f"{name}_p": p, f"{name}_class": plain, f"{name}_class_fdr": fdr}
    return _frame(field, result, p_convention, "getis_ord", permutations=rounds, seed=seed, draws=draws, alpha=alpha, inference=inference)


def _nan_unless(field: Field, kernel: Callable[[Floats, csr_array], float]) -> float:
    return kernel(field.values, field.links) if field.is_defined else float("nan")


def _normal_p(observed: float, expected: float, variance: float) -> float:
    """Two-sided p of a normal statistic."""
    return float(2 * ndtr(-abs(observed - expected) / np.sqrt(variance))) if variance > 0 else float("nan")


def _permutation_test(
    field: Field, statistic: str, observed: float, expected: float, permutations: int, seed: int, p_convention: str
) -> tuple[float, float]:
    """The z and p of a global statistic from random permutations; what differs by rounding only is a tie."""
    if permutations == 0 or not field.is_defined:
        return float("nan"), float("nan")
    drawn = getattr(kernels.permuted_statistics(field.values, field.links, permutations=permutations, seed=seed), statistic)
    spread = float(drawn.std())
    slack = 1e-9 * spread + 1e-15 * abs(observed)
    greater, less = np.sum(drawn >= observed - slack), np.sum(drawn <= observed + slack)
    p = permutation.pseudo_p(greater, less, permutations, p_convention=p_convention)
    return (observed - expected) / spread if spread > 0 else float("nan"), float(p)


def _tail_counts(field: Field, permutations: int, seed: int, draws: str, table: Integers | None) -> tuple[Integers, Integers, int]:
    """Counts of both tails of the neighbours' sum for every unit, and the number of permutations; -1 where there is none."""
    choose(draws, DRAWS, where="draws")
    if not field.is_defined:
        return np.full(field.values.size, -1), np.full(field.values.size, -1), permutations
    if table is None and draws == "independent":
        counts = permutation.independent_counts(field.values, field.links, permutations=permutations, seed=seed)
        return *counts, permutations
    if table is None:
        longest = int(np.diff(field.links.indptr).max())
        table = permutation.draw_table(field.values.size, longest, permutations=permutations, seed=seed)
    return *permutation.conditional_counts(field.values, field.links, table), table.shape[0]


def _classes(field: Field, kind: NDArray[np.int8], names: tuple[str, ...], p: Floats, alpha: float) -> tuple[pd.Series, pd.Series]:
    """Classes by the plain cut and by the false discovery rate, as text in the caller's order; `kind` counts places in `names`."""
    adjusted = permutation.benjamini_hochberg(p)
    text, both = pd.Series(list(names)).array, []
    alone = np.flatnonzero(field.islands)
    for level in (p, adjusted):
        code = kind * (level <= alpha * (1 + 1e-12))
        code[alone] = names.index("island")
        both.append(pd.Series(text.take(field.spread(code, -1), allow_fill=True), index=field.index))
    return both[0], both[1]


def _frame(field: Field, columns: dict[str, Floats | pd.Series], p_convention: str, where: str, **attrs: object) -> pd.DataFrame:
    """Results of the known units in the caller's order, NaN elsewhere; warns of islands."""
    whole: dict[str, Floats | pd.Series | str] = {}
    for name, result in columns.items():
        whole[name] = field.spread(result, np.nan) if isinstance(result, np.ndarray) else result
    convention = pd.Series([p_convention]).array.take(np.zeros(len(field.index), dtype=np.int8))
    frame = pd.DataFrame(whole | {"p_convention": convention}, index=field.index, copy=False)  # nobody else holds these columns
    frame.attrs.update(attrs, weights=field.weights)
    alone = field.index[field.place[field.islands]]
    if len(alone):
        warn(f"{where}: {len(alone)} units have no neighbour (class island, no statistic): {examples(alone)}.")
    return frame
