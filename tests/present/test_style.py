from __future__ import annotations

import itertools

import mapclassify
import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.present.style import (
    LISA_COLOURS,
    ZONE_COLOURS,
    class_limits,
    context,
    diverging_classes,
    nice_length,
    sequential_classes,
    some_years,
)

# Machado, Oliveira and Fernandes 2009, severity 1.0, linear RGB
VISION = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


def lab(colour: str, vision: str) -> np.ndarray:
    """CIELAB of a colour as a reader of that vision sees it."""
    srgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(VISION[vision] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_three_zones_stay_apart_for_every_reader(vision):
    for one, other in itertools.combinations(["payment", "balanced", "recipient"], 2):
        assert np.linalg.norm(lab(ZONE_COLOURS[one], vision) - lab(ZONE_COLOURS[other], vision)) > 30
    for one, other in itertools.combinations(["HH", "LL", "ns"], 2):
        assert np.linalg.norm(lab(LISA_COLOURS[one], vision) - lab(LISA_COLOURS[other], vision)) > 30


def test_limits_by_hand():
    assert class_limits(range(101), 4, method="quantiles") == (25.0, 50.0, 75.0)
    assert class_limits([0, 0, 1, 1, 100, 100], 3) == (0.5, 50.0)
    assert class_limits([0, 1, 2, 100, 101, 102, 900, 901], 3) in {(100.0, 900.0), (2.0, 100.0), (2.0, 100.0, 900.0)}
    assert class_limits([5, 5, 5], 4) == ()
    assert class_limits([np.nan], 4) == ()
    assert diverging_classes([-10, 10, 10]).limits == (-10.0, 10.0)
    assert diverging_classes([0.0, np.nan]).limits == ()
    assert 0.0 in diverging_classes([-3, -2, -1, 1, 2, 3], symmetric=False).limits
    assert diverging_classes([1.0, 2.0, 3.0, 9.0], symmetric=False).limits[0] == 0.0
    assert len(set(diverging_classes([-2.0, -1.0, 5.0], symmetric=False).colour([-2.0, -1.0, 5.0]))) == 3


def test_natural_breaks_agree_with_mapclassify():
    values = np.random.default_rng(3).lognormal(3, 1, 400)
    oracle = mapclassify.FisherJenks(np.sqrt(values), k=5).bins[:-1] ** 2
    np.testing.assert_allclose(class_limits(values, 5), oracle, rtol=0.05)  # two significant digits


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=60), st.booleans(), st.booleans())
def test_colours_follow_the_values_and_the_sign(values, symmetric, reverse):
    classes = diverging_classes(values, symmetric=symmetric, reverse=reverse)
    assert len(classes.colours) == len(classes.limits) + 1
    assert list(classes.limits) == sorted(classes.limits)
    if symmetric:
        np.testing.assert_allclose(classes.limits, [-limit for limit in reversed(classes.limits)])
    order = {colour: place for place, colour in enumerate(classes.colours)}
    drawn = [order[colour] for colour in classes.colour(sorted(values))]
    assert drawn == sorted(drawn)
    assert classes.colour([np.nan]) == [ZONE_COLOURS["missing"]]


@given(st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=2, max_size=60))
def test_sequential_classes_have_a_colour_more_than_limits(values):
    classes = sequential_classes(values, ("#000000", "#333333", "#777777", "#AAAAAA", "#CCCCCC", "#FFFFFF"))
    assert len(classes.colours) == len(classes.limits) + 1
    assert len(set(classes.colours)) == len(classes.colours)


@given(st.floats(1e-6, 1e9))
def test_scale_bar_is_a_round_length_within_reach(target):
    length = nice_length(target)
    assert length <= target * (1 + 1e-9) and length > target / 2.51
    assert round(length / 10 ** np.floor(np.log10(length) + 1e-9), 6) in (1, 2, 5)


@given(st.lists(st.integers(1990, 2100), min_size=1, max_size=80, unique=True), st.integers(2, 12))
def test_some_years_keep_the_ends(years, most):
    years = sorted(years)
    chosen = some_years(years, most)
    assert len(chosen) <= most and chosen[0] == years[0] and chosen[-1] == years[-1] and set(chosen) <= set(years)


def test_settings_come_back_and_an_unknown_method_is_refused():
    before = mpl.rcParams["font.size"]
    with context():
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert mpl.rcParams["font.size"] == before
    with pytest.raises(InputError, match="jenks"):
        class_limits([1, 2, 3], 2, method="jenk")
