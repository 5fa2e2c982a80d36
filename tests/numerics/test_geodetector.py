"""Factor and interaction detector."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics.geodetector import factor_detector, interaction_detector

pytestmark = pytest.mark.filterwarnings("ignore:geodetector.* strata have one member")


def test_two_strata_of_three():
    factor = factor_detector([1, 2, 3, 7, 8, 9], [0, 0, 0, 1, 1, 1])
    assert factor.q == pytest.approx(54 / 58, abs=1e-12)
    assert factor.f == pytest.approx(54, abs=1e-9)
    assert (factor.n, factor.n_strata) == (6, 2)


def test_permutation_p_is_the_share_of_all_divisions():
    """Two of the 20 ways to choose three of six separate the values as well: p is near 0.1."""
    factor = factor_detector([1, 2, 3, 7, 8, 9], [0, 0, 0, 1, 1, 1], permutations=9999)
    assert factor.permutation_p == pytest.approx(0.1, abs=0.012)


@pytest.mark.parametrize(
    ("convention", "q"),
    [("population", 6 / 7), ("sample", 0.816327), ("drop_single", 0.771429)],
)
def test_one_case_has_three_published_values(convention, q):
    """Wang's definition, R package GD and gdverse on the same seven values."""
    with pytest.warns(DataWarning, match="1 of 3 strata have one member"):
        factor = factor_detector([1, 2, 3, 4, 5, 6, 7], list("xyyyzzz"), convention=convention)
    assert factor.q == pytest.approx(q, abs=5e-7)
    if convention == "drop_single":
        assert factor.p == pytest.approx(0.079365, abs=5e-7)


@pytest.mark.parametrize(
    ("factor", "q", "p"),
    [
        ("watershed", 0.637773670070423, 0.0001169914),
        ("soiltype", 0.385716842809428, 0.3632363),
        ("elevation", 0.606708709727727, 0.04080407),
    ],
)
def test_published_values_of_the_r_package(shared, factor, q, p):
    """R geodetector 1.0-5: q to 1e-12; p to the six digits to which it agrees (1e-5 relative)."""
    data = pd.read_csv(shared / "data" / "spatial-stats-reference" / "geodetector_CollectData.csv")
    result = factor_detector(data["incidence"], data[factor], permutations=0, noncentrality="sample")
    assert result.q == pytest.approx(q, abs=1e-12)
    assert result.p == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "q"),
    [
        ("watershed", "soiltype", 0.735680548139531),
        ("watershed", "elevation", 0.71359677853471),
        ("soiltype", "elevation", 0.663523698335635),
    ],
)
def test_published_interactions(shared, one, other, q):
    data = pd.read_csv(shared / "data" / "spatial-stats-reference" / "geodetector_CollectData.csv")
    result = interaction_detector(data["incidence"], data[one], data[other])
    assert result.q_both == pytest.approx(q, abs=1e-12)
    assert result.kind == "enhance_bivariate"


FIELD = st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 3), st.integers(0, 2)), min_size=4, max_size=30)


@settings(max_examples=80)
@given(FIELD, st.floats(0.1, 10), st.floats(-50, 50))
def test_q_is_a_share_and_rises_when_a_stratum_is_split(field, factor, shift):
    y, coarse, part = (np.array(column) for column in zip(*field))
    assume(np.ptp(y) > 1e-3)
    whole = factor_detector(y, coarse, permutations=0).q
    split = factor_detector(y, coarse * 10 + part, permutations=0).q
    assert -1e-12 <= whole <= split + 1e-9
    assert split <= 1
    assert factor_detector(y * factor + shift, coarse, permutations=0).q == pytest.approx(whole, abs=1e-6)
    assert interaction_detector(y, coarse, part).q_both == pytest.approx(split, abs=1e-9)


def test_edges():
    everything = factor_detector([1, 1, 5, 5], list("aabb"))
    assert (everything.q, everything.p) == (1, 0)
    assert factor_detector([1, 2, 3], list("aaa")).q == 0
    with pytest.warns(DataWarning, match="all values are equal"):
        assert np.isnan(factor_detector([2, 2, 2, 2], list("aabb")).q)
    assert interaction_detector([2, 2, 2, 2], list("aabb"), list("abab")).kind == "undefined"


def test_kinds_of_interaction():
    assert interaction_detector([0, 1, 2, 3], list("aabb"), list("abab")).kind == "independent"
    assert interaction_detector([0, 1, 1, 0], list("aabb"), list("abab")).kind == "enhance_nonlinear"
    assert interaction_detector([0, 1, 5, 6], list("aabb"), list("aabb")).kind == "weaken_single"


@pytest.mark.parametrize(
    ("values", "strata"),
    [([1, 2], ["a"]), ([1, np.nan], ["a", "b"]), ([1, 2], ["a", None]), ([1, 2], [1.0, np.nan])],
)
def test_what_is_missing_is_refused(values, strata):
    with pytest.raises(InputError, match="finite values with one stratum each"):
        factor_detector(values, strata)


def test_unknown_convention_is_refused():
    with pytest.raises(InputError, match="Did you mean 'population'"):
        factor_detector([1, 2], ["a", "b"], convention="populations")
