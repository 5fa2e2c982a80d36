"""Trends, peaks and hot-spot changes over years."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics.permutation import benjamini_hochberg
from carbonshed.spatial.neighbours import lattice_neighbours
from carbonshed.spatial.space_time import HOT_SPOT_CHANGES, hot_spot_change, peak_year, trends
from carbonshed.spatial.statistics import getis_ord

DATES = [2000, 2005, 2010, 2015, 2020]
MANY = list(range(2000, 2012))


def long(table, years, column="carbon_sink", ids=None):
    """A table (units, years) as a long frame, year by year."""
    table = np.asarray(table, dtype=float)
    ids = ids or [f"u{k:03d}" for k in range(len(table))]
    parts = [pd.DataFrame({"year": year, column: table[:, k]}, index=pd.Index(ids, name="unit_id")) for k, year in enumerate(years)]
    return pd.concat(parts)


def test_trends_by_hand():
    with pytest.warns(DataWarning, match="only a perfectly monotone series can have p < 0.05; the smallest p is 0.0167"):
        result = trends(long([[10, 14, 21, 20, 18], [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]], DATES), "carbon_sink")
    assert result["slope"].tolist() == [0.5, 0.2, -0.2]
    assert result["mann_kendall_s"].tolist() == [4, 10, -10]
    assert result["mann_kendall_p"].tolist() == pytest.approx([58 / 120, 2 / 120, 2 / 120])
    assert result["trend"].tolist() == ["none", "rising", "falling"]
    assert result["trend_fdr"].tolist() == ["none", "rising", "falling"]
    assert result.index.name == "unit_id" and result.attrs["exact"] and result.attrs["years"] == DATES


def test_trends_against_scipy():
    """Oracle: scipy's slope (1e-12) and exact p of tau (1e-12), unit by unit; 12 dates: the normal p with continuity."""
    table = np.random.default_rng(3).standard_normal((40, 12)).cumsum(axis=1)
    result = trends(long(table, MANY), "carbon_sink")
    assert result["slope"].tolist() == pytest.approx([scipy.stats.theilslopes(row, MANY).slope for row in table], abs=1e-12)
    s = [sum(np.sign(b - a) for a, b in itertools.combinations(row, 2)) for row in table]
    z = (np.array(s) - np.sign(s)) / np.sqrt(12 * 11 * 29 / 18)
    assert result["mann_kendall_p"].tolist() == pytest.approx(2 * scipy.stats.norm.sf(np.abs(z)), abs=1e-12)
    adjusted = benjamini_hochberg(result["mann_kendall_p"].to_numpy())
    assert ((result["trend_fdr"] != "none") == (adjusted <= 0.05)).all()
    nine = trends(long(table[:, :9], MANY[:9]), "carbon_sink")
    exact = [scipy.stats.kendalltau(MANY[:9], row[:9], method="exact").pvalue for row in table]
    assert nine["mann_kendall_p"].tolist() == pytest.approx(exact, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=7, max_size=7), st.integers(1, 5), st.integers(-20, 20), st.randoms())
def test_trends_see_scale_and_no_order(series, factor, line, random):
    years = MANY[:7]
    frame = long([series, [factor * each + line * k for k, each in enumerate(series)]], years, ids=["b", "a"])
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 99))
    one, other = trends(frame, "carbon_sink"), trends(shuffled, "carbon_sink")
    pd.testing.assert_frame_equal(one.sort_index(), other.sort_index())
    assert one.loc["a", "slope"] == pytest.approx(factor * one.loc["b", "slope"] + line)


def test_interpolated_years_stay_out():
    frame = long([[1, 2, 3, 4, 5, 6, 0]], [*MANY[:6], 2030]).assign(is_interpolated=[False] * 6 + [True])
    assert trends(frame, "carbon_sink")["slope"].tolist() == [1]


def test_units_with_gaps():
    frame = long([[1, 2, 3, 4, 5, 6], [1, 2, np.nan, 4, 5, 6]], MANY[:6])
    with pytest.raises(InputError, match=r"none for u001 \(2002\)"):
        trends(frame, "carbon_sink")
    with pytest.warns(DataWarning, match="1 of 2 units have no carbon_sink"):
        result = trends(frame, "carbon_sink", panel="drop")
    assert result.loc["u001"].isna().all() and result.loc["u000", "slope"] == 1


def test_two_dates_have_no_trend():
    with pytest.raises(InputError, match="at least three years; got 2000, 2001"):
        trends(long([[1, 2]], [2000, 2001]), "carbon_sink")


def test_peak_by_hand():
    result = peak_year(long([[1, 3, 5, 4, 2], [1, 3, 6, 4, 3]], DATES, "carbon_source"), "carbon_source").loc["all"]
    assert (result["peak_year"], result["drop"], result["n"]) == (2010, 6, 2)
    assert result["drop_share"] == pytest.approx(6 / 11)
    assert result["is_interior"] and result["rises_then_falls"]
    assert result["share"] == 1 and (result["peak_low"], result["peak_high"]) == (2010, 2010)


def test_a_peak_that_rests_on_one_unit_is_not_sure():
    table = [[0, 0, 0, 0, 0]] * 6 + [[1, 2, 3, 4, 5], [0, 0, 40, 0, 0]]
    result = peak_year(long(table, DATES, "carbon_source"), "carbon_source").loc["all"]
    assert result["is_interior"] and 0.5 < result["share"] < 0.95
    assert not result["rises_then_falls"]
    rising = peak_year(long([[1, 2, 3, 4, 5]] * 3, DATES, "carbon_source"), "carbon_source").loc["all"]
    assert not rising["is_interior"] and rising["share"] == 0 and rising["drop"] == 0


def test_peak_of_groups_and_monte_carlo():
    frame = long([[1, 3, 5, 4, 2], [1, 2, 3, 4, 5]], DATES, "carbon_source").assign(province=["x", "y"] * 5)
    with pytest.warns(DataWarning, match="x, y hold one unit"):
        alone = peak_year(frame, "carbon_source", by="province")
    assert alone.index.tolist() == ["x", "y"] and alone["rises_then_falls"].isna().all() and alone["share"].isna().all()
    sure = peak_year(frame, "carbon_source", by="province", relative_sd=0.02)
    assert sure["rises_then_falls"].tolist() == [True, False]
    assert sure.attrs["draws"] == "Monte Carlo, relative sd 0.02"
    unsure = peak_year(frame, "carbon_source", by="province", relative_sd=1.0)
    assert not unsure.loc["x", "rises_then_falls"]


def test_monte_carlo_share_is_the_normal_one():
    """Two candidate years, 100 and 99 of sd 5 %: the first is above with P = Phi(1 / (5 sqrt(1 + 0.99^2)))."""
    frame = long([[1e-9, 100, 99]], [2000, 2010, 2020], "carbon_source")
    share = peak_year(frame, "carbon_source", relative_sd=0.05, draws=20_000).loc["all", "share"]
    assert share == pytest.approx(scipy.stats.norm.cdf(1 / (5 * np.sqrt(1 + 0.99**2))), abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=2, max_size=5), st.integers(2, 9))
def test_the_peak_does_not_see_a_factor(table, factor):
    one = peak_year(long(table, DATES[:4], "carbon_source"), "carbon_source", draws=50)
    other = peak_year(long(np.array(table) * factor, DATES[:4], "carbon_source"), "carbon_source", draws=50)
    same = ["peak_year", "is_interior", "share", "peak_low", "peak_high", "rises_then_falls"]
    pd.testing.assert_frame_equal(one[same], other[same])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: peak_year(f, "carbon_sink", relative_sd=0), "relative_sd > 0"),
        (lambda f: peak_year(f.rename(columns={"carbon_sink": "sink_density"}), "sink_density"), "sink_density, which is intensive"),
        (lambda f: peak_year(f, "carbon_sink", by="zone"), "columns zone"),
        (lambda f: peak_year(f.assign(zone=list("ab") * 5), "carbon_sink", by="zone"), "the same in all years; got others for u000"),
        (lambda f: trends(f, "carbon_source"), "might be 'carbon_sink'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call(long([[1, 3, 5, 4, 2]], DATES).iloc[:5].pipe(lambda f: pd.concat([f, f.assign(year=f["year"] + 1)])))


def spots(series, z=None):
    """Gi* classes of units, given as words of h, c, n, i, ?, one letter a year."""
    names = {"h": "hot", "c": "cold", "n": "ns", "i": "island", "?": None}
    years = [2000 + 5 * k for k in range(len(next(iter(series.values()))))]
    parts = []
    for k, year in enumerate(years):
        classes = [names[word[k]] for word in series.values()]
        score = [3.0 if z is None else z[name][k] for name in series]
        parts.append(pd.DataFrame({"year": year, "gi_star_class": classes, "gi_star_z": score}, index=list(series)))
    return pd.concat(parts)


@pytest.mark.parametrize(
    ("word", "spot", "change", "last"),
    [
        ("nnnnnh", "hot", "new", 2025),
        ("nnnhhh", "hot", "consecutive", 2025),
        ("hhhhhh", "hot", "persistent", 2025),
        ("nhnnhh", "hot", "sporadic", 2025),
        ("hnhnhn", "hot", "lost", 2020),
        ("cnnhhh", "hot", "oscillating", 2025),
        ("ncnnnh", "hot", "oscillating", 2025),
        ("hhhncc", "cold", "oscillating", 2025),
        ("hhcccn", "cold", "lost", 2020),
        ("cccccc", "cold", "persistent", 2025),
        ("nnnnnc", "cold", "new", 2025),
        ("nnnnnn", "none", "never", None),
    ],
)
def test_changes_by_hand(word, spot, change, last):
    result = hot_spot_change(spots({"a": word})).loc["a"]
    assert (result["spot"], result["hot_spot_change"]) == (spot, change)
    assert (result["n_hot"], result["n_cold"]) == (word.count("h"), word.count("c"))
    assert result["last_year"] is pd.NA if last is None else result["last_year"] == last


def test_trend_of_z_tells_always_hot_units_apart():
    z = {"up": [2, 3, 4, 5, 6, 7], "down": [-7, -6, -5, -4, -3, -2], "flat": [3, 4, 3, 4, 3, 4]}
    result = hot_spot_change(spots({"up": "hhhhhh", "down": "cccccc", "flat": "hhhhhh"}, z))
    assert result["hot_spot_change"].tolist() == ["intensifying", "diminishing", "persistent"]
    with pytest.warns(DataWarning, match="not even a perfectly monotone series"):
        assert hot_spot_change(spots({"up": "hhhh"}, {"up": [2, 3, 4, 5]}))["hot_spot_change"].item() == "persistent"


@given(st.text("hcn", min_size=6, max_size=6))
def test_every_series_has_one_class_and_sides_are_alike(word):
    """Exhaustive in kind: brute-force rules give the same class; hot and cold change places."""
    mirror = word.translate(str.maketrans("hc", "ch"))
    result = hot_spot_change(spots({"a": word, "b": mirror}))
    assert result["hot_spot_change"].iloc[0] == result["hot_spot_change"].iloc[1]
    side = {"hot": "h", "cold": "c", "none": ""}[result.loc["a", "spot"]]
    other = {"h": "c", "c": "h", "": ""}[side]
    if not side:
        expected = "never"
    elif word[-1] != side:
        expected = "lost"
    elif set(word) == {side}:
        expected = "persistent"
    elif other in word:
        expected = "oscillating"
    elif word.count(side) == 1:
        expected = "new"
    else:
        expected = "consecutive" if word.endswith(side * word.count(side)) else "sporadic"
    assert result.loc["a", "hot_spot_change"] == expected in HOT_SPOT_CHANGES


def test_units_without_a_class_have_no_change():
    with pytest.warns(DataWarning, match="2 units have no class in some year and no change: b, c"):
        result = hot_spot_change(spots({"a": "nh", "b": "ih", "c": "h?"}))
    assert result["hot_spot_change"].isna().tolist() == [False, True, True]
    assert result["last_year"].isna().tolist() == [False, True, True]


@pytest.mark.filterwarnings("ignore:Mann-Kendall with 3 values")
def test_on_computed_gi_star():
    """A block of high values that appears in the second of three years is a hot spot since then."""
    rows, cols = (a.ravel() for a in np.indices((9, 9)))
    ids = [f"c{k:02d}" for k in range(81)]
    links = lattice_neighbours(rows, cols)
    block = (rows < 3) & (cols < 3)
    noise = np.random.default_rng(0).random(81)
    frames = [
        getis_ord(pd.Series(noise + 20 * block * late, index=ids), links).assign(year=year) for year, late in ((1, 0), (2, 1), (3, 1))
    ]
    result = hot_spot_change(pd.concat(frames))
    inner = (rows < 2) & (cols < 2)
    assert set(result.loc[inner, "hot_spot_change"]) <= {"consecutive", "persistent"}
    assert (result.loc[inner, "spot"] == "hot").all()
    assert result.index.tolist() == ids


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (spots({"a": "h"}), "at least two years"),
        (spots({"a": "hh"}).assign(gi_star_class="HH"), "hot, cold, ns or island; got HH"),
        (spots({"a": "hh"}).drop(columns="gi_star_z"), "columns gi_star_z"),
    ],
)
def test_bad_spots_are_refused(frame, message):
    with warnings.catch_warnings(), pytest.raises(InputError, match=message):
        hot_spot_change(frame)
