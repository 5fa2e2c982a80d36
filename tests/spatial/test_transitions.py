"""Transition matrices of classes, and of quantile classes given the neighbours' class."""

from itertools import pairwise

import libpysal
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from scipy.stats import chi2

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.neighbours import lattice_neighbours
from carbonshed.spatial.statistics import local_moran
from carbonshed.spatial.transitions import class_transitions, spatial_markov


def long(table, years, column, ids=None):
    table = np.asarray(table)
    ids = ids or [f"u{k:03d}" for k in range(len(table))]
    return pd.concat([pd.DataFrame({"year": year, column: table[:, k]}, index=ids) for k, year in enumerate(years)])


def square(table, value="count", lag=None):
    part = table if lag is None else table[table["lag_class"] == lag]
    names = list(dict.fromkeys(part["from_class"]))
    return part[value].to_numpy().reshape(len(names), len(names))


def test_by_hand():
    """Units bac, cca, cbc, aab, abc: the worked example of a published program."""
    frame = long([list(word) for word in ("bac", "cca", "cbc", "aab", "abc")], [1, 2, 3], "class")
    result = class_transitions(frame, "class")
    assert square(result).tolist() == [[1, 2, 1], [1, 0, 2], [1, 1, 1]]
    assert square(result, "probability") == pytest.approx(np.array([[0.25, 0.5, 0.25], [1 / 3, 0, 2 / 3], [1 / 3, 1 / 3, 1 / 3]]))


def test_missing_classes_take_no_part():
    frame = long([["HH", "HH", None], ["ns", None, "LL"]], [2000, 2010, 2020], "lisa_class")
    result = class_transitions(frame)
    assert result["from_class"].unique().tolist() == ["ns", "HH", "LL"]
    assert result["count"].sum() == 1 and result.attrs["n_missing"] == 3
    assert result.loc[result["from_class"] == "LL", "probability"].isna().all()
    assert class_transitions(frame, classes=["LL", "HH", "ns"])["from_class"].unique().tolist() == ["LL", "HH", "ns"]


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=4, max_size=4), min_size=1, max_size=8), st.randoms())
def test_counts_are_those_of_a_plain_loop(table, random):
    frame = long(table, [2000, 2005, 2010, 2015], "class").sample(frac=1, random_state=random.randint(0, 99))
    result = class_transitions(frame, "class", classes=list("abc")).set_index(["from_class", "to_class"])
    for a in "abc":
        for b in "abc":
            count = sum((one, other) == (a, b) for row in table for one, other in pairwise(row))
            assert result.loc[(a, b), "count"] == count
        total = result.loc[a]["probability"].sum(skipna=False)
        assert total == pytest.approx(1) or np.isnan(total)
    assert result["count"].sum() == 3 * len(table)


def test_unequal_steps_are_said():
    with pytest.warns(DataWarning, match=r"steps between the years differ \(5, 10 years\)"):
        class_transitions(long([["a", "a", "b"]], [2000, 2005, 2015], "class"), "class")


@pytest.fixture(scope="module")
def incomes():
    """Income of 48 states of the USA, 1929-2009, with their contiguity: a sample that ships with libpysal."""
    table = pd.read_csv(libpysal.examples.get_path("usjoin.csv"))
    years = list(range(1929, 2010))
    weights = libpysal.io.open(libpysal.examples.get_path("states48.gal")).read()
    graph = Graph.from_W(weights)
    return long(table[[str(year) for year in years]].to_numpy(dtype=float), years, "income", ids=list(graph.unique_ids)), graph


def test_published_spatial_markov(incomes):
    """Oracle: the published values of giddy (1e-8): conditional probabilities, breaks, LR, Q and degrees of freedom."""
    frame, graph = incomes
    result = spatial_markov(frame, "income", graph, classes=5, relative=True)
    assert result.attrs["breaks"] == pytest.approx([0.83999133, 0.94707545, 1.03242697, 1.14911154], abs=5e-9)
    assert result.attrs["lag_breaks"] == pytest.approx([0.88973386, 0.95891917, 1.01469758, 1.1183566], abs=5e-9)
    lowest = [
        [0.96341463, 0.0304878, 0.00609756, 0, 0],
        [0.06040268, 0.83221477, 0.10738255, 0, 0],
        [0, 0.14, 0.74, 0.12, 0],
        [0, 0.03571429, 0.32142857, 0.57142857, 0.07142857],
        [0, 0, 0, 0.16666667, 0.83333333],
    ]
    np.testing.assert_allclose(square(result, "probability", "1"), lowest, atol=6e-9)
    highest = square(result, "probability", "5")
    np.testing.assert_allclose(highest[0, :2], [0.33333333, 0.66666667], atol=6e-9)
    np.testing.assert_allclose(highest[4, 3:], [0.02352941, 0.97647059], atol=6e-9)
    pooled = [[707, 58, 7, 1, 0], [50, 629, 80, 1, 1], [4, 79, 610, 73, 2], [0, 7, 72, 650, 37], [0, 0, 0, 48, 724]]
    assert square(result, "count", "all").tolist() == pooled
    assert round(result.attrs["lr"], 3) == 170.659 and round(result.attrs["q"], 3) == 200.624
    assert result.attrs["degrees_of_freedom"] == 60
    assert result.attrs["lr_p"] == pytest.approx(chi2.sf(170.659, 60), rel=1e-3)
    four = spatial_markov(frame, "income", graph, classes=5, lag_classes=4, relative=True)
    assert (round(four.attrs["lr"], 3), round(four.attrs["q"], 3), four.attrs["degrees_of_freedom"]) == (172.105, 321.128, 45)
    breaks = [0.8, 0.9, 1, 1.2]
    given_ = spatial_markov(frame, "income", graph, classes=breaks, relative=True)
    assert given_.attrs["lag_breaks"] == breaks
    np.testing.assert_allclose(square(given_, "probability", "1")[3], [0, 0, 0.5, 0.5, 0], atol=1e-12)
    assert np.isnan(square(given_, "probability", "1")[4]).all()


def test_published_lisa_markov(incomes):
    """Oracle: transitions of the quadrants, whatever their significance, as published by giddy: HH, LH, LL, HL."""
    frame, graph = incomes
    parts = [local_moran(part["income"], graph, permutations=1, alpha=1.0).assign(year=year) for year, part in frame.groupby("year")]
    result = class_transitions(pd.concat(parts), classes=["HH", "LH", "LL", "HL"])
    expected = [[1087, 44, 4, 34], [41, 470, 36, 1], [5, 34, 1422, 39], [30, 1, 40, 552]]
    assert square(result).tolist() == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=9, max_size=9))
def test_conditional_counts_are_those_of_a_plain_loop(table):
    """Oracle: brute force on a 3 x 3 lattice; the parts sum to the pooled counts; row order changes nothing."""
    rows, cols = np.divmod(np.arange(9), 3)
    links = lattice_neighbours(rows, cols)
    frame = long(table, [2000, 2005, 2010], "t")
    result = spatial_markov(frame, "t", links, classes=[5.0, 12.0]).set_index(["lag_class", "from_class", "to_class"])["count"]
    counts = {}
    values, near = np.array(table), links.toarray()
    for k in range(2):
        for unit in range(9):
            mean = near[unit] @ values[:, k] / near[unit].sum()
            key = tuple(str(1 + sum(each > b for b in (5.0, 12.0))) for each in (mean, values[unit, k], values[unit, k + 1]))
            counts[key] = counts.get(key, 0) + 1
    assert {key: int(count) for key, count in result.items() if count and key[0] != "all"} == counts
    assert result.loc["all"].sum() == 18


def test_independent_neighbours_are_homogeneous():
    """Values that follow only their own past: LR / df near 1 over 40 fields."""
    rows, cols = np.divmod(np.arange(144), 12)
    links = lattice_neighbours(rows, cols)
    ratios = []
    for seed in range(40):
        values = np.random.default_rng(seed).standard_normal((144, 6))
        for k in range(1, 6):
            values[:, k] = 0.8 * values[:, k - 1] + 0.6 * values[:, k]
        found = spatial_markov(long(values, range(2000, 2006), "t"), "t", links, classes=3).attrs
        ratios.append(found["lr"] / found["degrees_of_freedom"])
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.15)


def test_islands_take_no_part():
    links = lattice_neighbours([0, 0, 0, 5], [0, 1, 2, 9])
    frame = long([[1.0, 2], [2, 1], [3, 3], [9, 9]], [2000, 2010], "t")
    with pytest.warns(DataWarning, match="1 units have no neighbours and take no part: u003"):
        result = spatial_markov(frame, "t", links, classes=[1.5])
    assert result.attrs["n_units"] == 3 and result.query("lag_class == 'all'")["count"].sum() == 3


def test_gaps_are_refused_or_left_out_with_their_links():
    links = lattice_neighbours([0] * 4, range(4))
    frame = long([[1.0, 2], [2, np.nan], [3, 3], [4, 5]], [2000, 2010], "t")
    with pytest.raises(InputError, match=r"none for u001 \(2010\)"):
        spatial_markov(frame, "t", links)
    with pytest.warns(DataWarning) as said:
        result = spatial_markov(frame, "t", links, classes=[2.5], panel="drop")
    assert any("no neighbours and take no part: u000" in str(each.message) for each in said)
    assert result.attrs["n_units"] == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, w: spatial_markov(f, "t", w, classes=1), "at least two classes"),
        (lambda f, w: spatial_markov(f, "t", w, classes=[2.0, 1.0]), "rising breaks"),
        (lambda f, w: spatial_markov(f.assign(t=-f["t"]), "t", w, relative=True), "yearly means > 0"),
        (lambda f, w: spatial_markov(f[f["year"] == 2000], "t", w), "at least two years"),
        (lambda f, w: spatial_markov(f, "t", w[:2][:, :2]), "3 x 3 links"),
        (lambda f, w: class_transitions(f, "t", classes=["1.0"]), "got 2.0"),
        (lambda f, w: class_transitions(f), "columns lisa_class"),
    ],
)
def test_refusals(call, message):
    frame = long([[1.0, 2], [2, 1], [2, 2]], [2000, 2010], "t")
    with pytest.raises(InputError, match=message):
        call(frame, lattice_neighbours([0] * 3, range(3)))
