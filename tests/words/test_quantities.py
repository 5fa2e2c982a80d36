import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.quantities import CO2_PER_C, UNITS, Quantity, convert, unit

numbers = st.floats(-1e9, 1e9, allow_nan=False)


def test_known_conversions():
    assert CO2_PER_C == 44 / 12
    assert Quantity(1, "kg C m-2 a-1").to("t C ha-1 a-1").value == pytest.approx(10)
    assert Quantity(1, "km2").to("ha").value == pytest.approx(100)
    assert Quantity(1, "g C m-2 a-1").to("t C km-2 a-1").value == 1
    assert Quantity(1, "g C m-2 a-1").to_co2().to("t CO2 km-2 a-1").value == pytest.approx(3.666667, abs=1e-6)
    assert Quantity(273.3, "yuan per t C").to_co2().value == pytest.approx(74.5, abs=0.1)


def test_a_thousand_hectares_of_forest():
    flow = Quantity(0.644, "t C ha-1 a-1") * Quantity(1000, "ha")
    assert flow.unit == "t C a-1" and flow.value == pytest.approx(644)
    assert flow.to_co2().value == pytest.approx(2361.33, abs=0.01)


def test_money_is_flow_times_price_of_the_same_substance():
    assert (Quantity(2, "Mt CO2 a-1") * Quantity(95.96, "yuan per t CO2")) == Quantity(2e6 * 95.96, "yuan a-1")
    with pytest.raises(InputError, match="same substance"):
        Quantity(2, "t CO2 a-1") * Quantity(273.3, "yuan per t C")


@pytest.mark.parametrize(
    ("a", "b"),
    [("t C a-1", "t CO2 a-1"), ("km2", "km"), ("t CO2 km-2 a-1", "t CO2 a-1"), ("t C", "t C a-1"), ("yuan a-1", "t CO2 a-1")],
)
def test_refuses_to_mix(a, b):
    for operation in (lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x < y, lambda x, y: x.to(y.unit)):
        with pytest.raises(InputError, match="expected"):
            operation(Quantity(1, a), Quantity(1, b))


def test_a_bare_tonne_or_number_is_refused():
    with pytest.raises(InputError, match="t C or t CO2"):
        unit("t")
    with pytest.raises(InputError, match="unit"):
        Quantity(1, "km2") + 3
    with pytest.raises(InputError, match="km2"):
        unit("km^2")


@given(numbers, st.sampled_from([(a, b) for a in UNITS for b in UNITS if UNITS[a].dimension == UNITS[b].dimension]))
def test_there_and_back(value, pair):
    assert convert(convert(value, *pair), *reversed(pair)) == pytest.approx(value, rel=1e-12, abs=1e-12)


@given(numbers, numbers)
def test_addition_commutes_over_units(a, b):
    left, right = Quantity(a, "ha") + Quantity(b, "km2"), Quantity(b, "km2") + Quantity(a, "ha")
    assert left.to("km2").value == pytest.approx(right.value, rel=1e-9, abs=1e-6)
