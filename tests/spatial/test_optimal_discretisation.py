"""The cut of a continuous factor with the highest q."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics.discretisation import METHODS, cut, interval_breaks
from carbonshed.spatial.geodetector import factor_detector, optimal_discretisation


def test_by_hand():
    """A step at 10 in 0..29 is a cut of equal thirds; quantiles of 30 values cut at the same place."""
    x = pd.Series(range(30), dtype=float, name="height", index=[f"u{k}" for k in range(30)])
    y = (x >= 10) * 5.0 + (x >= 20) * 2.0
    best = optimal_discretisation(y, x, classes=[2, 3])
    assert (best.method, best.classes, best.q) == ("equal", 3, pytest.approx(1))
    assert best.strata.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert best.strata.index.tolist() == x.index.tolist() and best.strata.name == "height"
    assert best.permutation_p == 0.001
    assert set(best.trials["method"]) == set(METHODS) and len(best.trials) == 10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(12, 40))
def test_it_is_the_best_of_all_cuts(seed, n):
    """Oracle: every method and number of classes by hand through the factor detector, small strata left out."""
    generator = np.random.default_rng(seed)
    x, y = pd.Series(generator.exponential(size=n)), pd.Series(generator.standard_normal(n))
    best = optimal_discretisation(y, x, classes=[2, 3, 4], min_members=3, permutations=0)
    highest = 0.0
    for method in METHODS:
        for k in (2, 3, 4):
            labels = pd.Series(cut(x, interval_breaks(x, k, method=method)))
            if labels.value_counts().min() >= 3 and len(set(labels)) > 1:
                highest = max(highest, factor_detector(y, labels, permutations=0)["q"].item())
    assert best.q == pytest.approx(highest, abs=1e-9)
    assert best.q == pytest.approx(factor_detector(y, best.strata, permutations=0)["q"].item(), abs=1e-9)
    assert np.isnan(best.permutation_p)
    assert best.strata.value_counts().min() >= 3


def test_the_search_is_tested():
    """Of values that have nothing to do with the factor, the p of the best cut alone is too small; that of the search is uniform."""
    p, naive = [], []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        x, y = pd.Series(generator.random(60)), pd.Series(generator.standard_normal(60))
        best = optimal_discretisation(y, x, permutations=99, seed=seed)
        p.append(best.permutation_p)
        naive.append(factor_detector(y, best.strata, permutations=99, seed=seed)["permutation_p"].item())
    assert np.mean(p) == pytest.approx(0.5, abs=0.12)  # three standard errors of 60 uniform draws
    assert np.mean(naive) < 0.36


def test_what_is_not_allowed_says_why():
    x = pd.Series([-1.0, *range(19)])
    best = optimal_discretisation(x**2, x, classes=[3, 8], permutations=0)
    trials = best.trials.set_index(["method", "classes"])
    assert trials.loc[("geometric", 3), "reason"] == "values >= 0 for geometric intervals"
    assert trials.loc[("equal", 8), "reason"] == "a stratum of 2"
    assert not trials.loc[("equal", 8), "is_allowed"]
    assert best.trials.loc[best.trials["is_allowed"], "smallest"].min() >= 5


def test_unknown_rows_stay_in_place():
    x = pd.Series([*range(20), np.nan], dtype=float)
    y = pd.Series([0.0] * 10 + [1.0] * 11)
    with pytest.warns(DataWarning, match="1 of 21 rows are not known"):
        best = optimal_discretisation(y, x, classes=[2], permutations=9)
    assert best.strata.isna().tolist() == [False] * 20 + [True]


def test_seed_decides():
    generator = np.random.default_rng(1)
    x, y = pd.Series(generator.random(50)), pd.Series(generator.random(50))
    one, same, other = (optimal_discretisation(y, x, permutations=99, seed=seed).permutation_p for seed in (1, 1, 2))
    assert one == same and one != other


@pytest.mark.parametrize("column", ["Tempchange", "Precipitation", "GDP", "Popdensity"])
def test_real_factors(shared, column):
    """Real: the best cut explains more than a plain cut into quartiles, and beyond chance (p = 0.01 of 99)."""
    data = pd.read_csv(shared / "data" / "spatial-stats-reference" / "GD_ndvi_50.csv")
    best = optimal_discretisation(data["NDVIchange"], data[column], permutations=99)
    quartiles = pd.qcut(data[column], 4, duplicates="drop")
    assert best.q > factor_detector(data["NDVIchange"], quartiles, permutations=0)["q"].item()
    assert best.permutation_p == 0.01
    assert best.trials["is_allowed"].any() and 3 <= best.classes <= 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: optimal_discretisation(x, x, methods=["jenks"]), "equal, quantile, natural, geometric, sd"),
        (lambda x: optimal_discretisation(x, x, min_members=50), "40 cuts, none such|30 cuts, none such"),
        (lambda x: optimal_discretisation(x * 0, x), "values that differ"),
        (lambda x: optimal_discretisation(x, x.reset_index(drop=True)), "strata in the index of the values"),
        (lambda x: optimal_discretisation(x, pd.Series(list("ab") * 10, index=x.index)), "expected numbers"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call(pd.Series(range(1, 21), dtype=float, index=[f"u{k}" for k in range(20)]))
