from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.present.display import LADDERS, amount_text, decimals, display_unit, number, percent, round_to, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1161.86, "1,161.9"),
        (217053.2, "217,053"),
        (24.579, "24.58"),
        (0.03531, "0.0353"),
        (-5, "−5"),
        (0.0, "0"),
        (float("nan"), "—"),
        (None, "—"),
    ],
)
def test_one_rule_of_rounding(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("amount", "value", "lang", "text"),
    [
        ("carbon", 1.1619e9, "en", "1,161.9 Mt CO₂"),
        ("carbon", 1.1619e9, "zh", "11.62 亿吨 CO₂"),
        ("carbon", 15_473.3, "en", "15.47 kt CO₂"),
        ("money", 2.48e9, "zh", "24.80 亿元"),
        ("money", 537.2e6, "en", "537.2 million yuan"),
        ("money", 0.0, "en", "0 yuan"),
    ],
)
def test_units_grow_with_the_amount(amount, value, lang, text):
    assert " ".join(amount_text(amount, value, lang).split()) == text


@given(
    st.floats(min_value=-1e15, max_value=1e15, allow_subnormal=False), st.sampled_from(["carbon", "money"]), st.sampled_from(["zh", "en"])
)
def test_a_unit_never_changes_the_amount(value, amount, lang):
    unit = display_unit(amount, value, lang)
    assert (unit.factor, unit.label) in LADDERS[amount][lang]
    assert abs(value) < 1 or abs(value / unit.factor) >= 1
    printed = number(value / unit.factor).replace(",", "").replace("−", "-")
    size = abs(value / unit.factor)
    assert math.isclose(float(printed), value / unit.factor, abs_tol=0.51 * 10 ** -decimals(size) if size else 0)


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_rounding_to_two_digits_is_within_five_percent(value):
    assert math.isclose(round_to(value), value, rel_tol=0.0500001)
    assert round_to(-value) == -round_to(value)


def test_labels_of_limits_have_no_idle_zeros_and_shares_are_percentages():
    assert [short(value) for value in (0.0150, 1.70, -4800.0, 0.0)] == ["0.015", "1.7", "−4,800", "0"]
    assert percent(0.22699).split() == ["22.7", "%"]
    assert percent(None) == "—"
