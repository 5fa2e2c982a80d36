"""Named prices, kinds, carbon against CO2, and deflation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.price import DEFAULT_PRICE, UNITS, Price, carbon_price, deflate_price, named_prices


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("cn-ets:2021", None, 42.8),
        ("cn-ets:2021-07-16", "open", 48.0),
        ("cn-ets:2021-07-16", "first_trade", 52.78),
        ("cn-ets:2021-12-31", None, 54.22),
        ("cn-ets:to 2022-06-30", None, 43.74),
        ("cn-ets:2022-01-21", None, 57.46),
        ("cn-ets:cycle 4", None, 89.06),
        ("cn-ets:cycles 1-4", None, 69.73),
        ("cn-ets:2023-09-14", None, 74.01),
        ("cn-ets:2024", None, 95.96),
        ("cn-ets:2024-11-13", None, 105.66),
        ("cn-ets:2025-06-03", None, 67.51),
        ("cn-ets:2025-07-16", None, 72.98),
        ("cn-ets:2025", None, 62.36),
        ("cn-ets:2026-01-13", "close", 78.31),
        ("cn-ets:2026-01-13", "block_trades", 62.74),
        ("cn-ets:2026", None, 73.92),
        ("cn-ets:to 2026-03-06", None, 66.80),
        ("ccer:2025", None, 70.76),
        ("beijing-pilot:2024", "auction", 107.0),
        ("pilots:2024", None, 35.60),
        ("larch-gansu:2022", None, 110.0),
        ("shadow-power:2021", None, 1944.84),
    ],
)
def test_printed_prices(name: str, kind: str | None, value: float) -> None:
    found = carbon_price(name, kind=kind)
    assert found.value == value
    assert found.kind
    assert found.name == name


def test_recomputed_from_volume_and_turnover() -> None:
    """Two independent figures of the same reports: 14.63 x 10^9 yuan / 235 Mt, and 58.77 x 10^9 yuan / 879.8 Mt."""
    assert carbon_price("cn-ets:2025").value == pytest.approx(14.63e9 / 235e6, rel=0.005)
    assert carbon_price("cn-ets:to 2026-03-06").value == pytest.approx(58.77e9 / 879.8e6, rel=0.001)
    cycles = [carbon_price(f"cn-ets:cycle {i}").value for i in (1, 2, 3, 4)]
    assert carbon_price("cn-ets:cycles 1-4").value == pytest.approx(sum(cycles) / 4, abs=0.05)


def test_every_row_is_complete_and_named_once() -> None:
    rows = named_prices()
    assert len({(row["series"], row["period"], row["kind"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["value"] > 0
        assert row["kind"]
        assert row["citation"]
        assert row["status"] in {"published", "derived", "unverified"}
        assert row["unit"] in {*UNITS, "yuan per t"}


def test_price_per_t_c_is_converted_by_name_only() -> None:
    assert carbon_price(273.3, per="t C").value == pytest.approx(74.5, abs=0.1)  # C4
    with pytest.warns(DataWarning, match="unverified"):
        assert carbon_price("afforestation:convention-b", per="t C").value == pytest.approx(74.5, abs=0.1)
    assert carbon_price("plantation-guangxi:2010", kind="cost_high", per="t C").value == pytest.approx(77, abs=0.5)
    with pytest.raises(InputError, match="12/44"):
        carbon_price("plantation-guangxi:2010", kind="cost_high")
    with pytest.raises(InputError, match="yuan per t,"):
        carbon_price("shadow-regions:2005-2021", kind="shadow_low")
    assert carbon_price("shadow-regions:2005-2021", kind="shadow_low", per="t CO2").value == 234.6
    with pytest.raises(InputError, match="Leave `per` out"):
        carbon_price("cn-ets:2024", per="t C")


@given(st.floats(0.01, 1e5))
def test_number_is_given_and_carbon_is_twelve_forty_fourths(value: float) -> None:
    price = carbon_price(value)
    assert (price.value, price.kind, price.status) == (value, "given", "given")
    assert carbon_price(price) is price
    assert carbon_price(value, per="t C").value == pytest.approx(value * 12 / 44, rel=1e-12)


@pytest.mark.parametrize(
    ("price", "options", "said"),
    [
        ("cn-ets:2019", {}, "Did you mean"),
        ("2026 price", {}, "a named price or a number"),
        ("cn-ets:2026-01-13", {}, "close, block_trades"),
        ("cn-ets:2024", {"kind": "close"}, "volume_weighted"),
        (0.0, {}, "above 0"),
        (-5, {}, "above 0"),
        (float("nan"), {}, "above 0"),
        (70.0, {"per": "t"}, "t CO2"),
    ],
)
def test_refusals(price: str | float, options: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        carbon_price(price, **options)


def test_illustrative_before_the_market() -> None:
    price = carbon_price(DEFAULT_PRICE)
    assert price.is_illustrative(2007)
    assert not price.is_illustrative(2021)
    assert not price.is_illustrative(None)


def test_deflation_by_hand_and_back() -> None:
    start = Price(100.0, "given", base_year=2010)
    there = deflate_price(start, 2012)
    assert there.value == pytest.approx(100 * 1.054 * 1.026)
    assert (there.base_year, there.status) == (2012, "derived")
    assert deflate_price(there, 2010).value == pytest.approx(100.0)
    assert deflate_price(start, 2010) == start
    with pytest.warns(DataWarning, match="2013, 2014"):
        later = deflate_price(start, 2014)
    assert later.status == "unverified"
    assert later.value == pytest.approx(100 * 1.054 * 1.026 * 1.026 * 1.02)


def test_deflation_refusals() -> None:
    with pytest.raises(InputError, match="base year"):
        deflate_price(carbon_price(70.0), 2012)
    with pytest.raises(InputError, match="2007-2024"):
        deflate_price(Price(70.0, "given", base_year=2024), 2025)
