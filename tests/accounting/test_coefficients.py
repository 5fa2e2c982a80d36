"""Coefficient sets: units, guards, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.accounting.coefficients import Coefficient, load_coefficients, named_sets
from carbonshed.checks import DataWarning, InputError
from carbonshed.quantities import Quantity


def content(value: float, unit: str, land_class: str = "cropland", side: str = "source", **more: object) -> dict[str, object]:
    row = {"land_class": land_class, "side": side, "value": value, "unit": unit, "citation": "a test", "status": "unverified", **more}
    return {"name": "mine", "coefficient": [row]}


def test_china_in_t_co2_per_ha() -> None:
    china = load_coefficients("china")
    published = {"forest": 2.3613, "shrub": 0.5867, "grassland": 0.0770, "water": 0.9277, "wetland": 0.9277, "bare": 0.0183}
    for land_class, value in published.items():
        assert china.on_side("sink")[land_class] == pytest.approx(value, abs=5e-5)
    assert china.on_side("source") == pytest.approx({**dict.fromkeys(published, 0.0), "cropland": 1.5473, "built_up": 0.0}, abs=5e-5)
    assert set(china.unverified) == {"cropland", *published}


def test_guangdong_is_in_co2_already_and_its_cropland_is_far_below_the_range() -> None:
    with pytest.warns(DataWarning, match="cropland = 0.1 t CO2 ha-1 a-1"):
        guangdong = load_coefficients("guangdong_2018")
    assert guangdong.on_side("sink")["forest"] == 3.9
    assert guangdong.on_side("source") == {"cropland": 0.1, "forest": 0.0, "grassland": 0.0, "wetland": 0.0, "built_up": 0.6}
    assert guangdong.unverified == ()


@pytest.mark.parametrize("name", named_sets())
@pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")
def test_every_shipped_row_has_citation_status_and_a_range_around_its_value(name: str) -> None:
    for row in load_coefficients(name).rows:
        assert row.citation and row.status
        assert row.low is None or row.low <= row.value <= row.high


def test_u2_kg_per_m2_and_t_per_ha_are_one_number() -> None:
    a = load_coefficients(content(0.0422, "kg C m-2 a-1")).rows[0].co2_per_ha
    b = load_coefficients(content(0.422, "t C ha-1 a-1")).rows[0].co2_per_ha
    assert a == pytest.approx(b, rel=1e-12)
    with pytest.warns(DataWarning, match="outside 0.2-5 times"):
        slip = load_coefficients(content(0.422, "kg C m-2 a-1"))
    assert slip.rows[0].co2_per_ha == pytest.approx(10 * b, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "unit"), [(65.3, "t C ha-1 a-1"), (10.01, "t CO2 ha-1 a-1"), (1.01, "kg C m-2 a-1"), (1001, "g C m-2 a-1")]
)
def test_u3_a_direct_coefficient_above_10_t_per_ha_is_refused(value: float, unit: str) -> None:
    with pytest.raises(InputError, match=r"factor 10 between kg m-2 and t ha-1") as error:
        load_coefficients(content(value, unit, "built_up"))
    assert f"{value} {unit}" in str(error.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"unit": "t ha-1 a-1"}, "carbon_or_co2"),
        ({"unit": "t C a-1"}, "not_per_area"),
        ({"value": -0.4}, "negative_coefficient"),
        ({"value": float("nan")}, "negative_coefficient"),
        ({"side": "sinks"}, "unknown_option"),
        ({"land_class": "woods"}, "unknown_option"),
        ({"valu": 1.0}, "unknown_key"),
    ],
)
def test_bad_rows_are_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(InputError) as error:
        load_coefficients({"coefficient": [{**content(0.4, "t C ha-1 a-1")["coefficient"][0], **change}]})
    assert error.value.problems[0].code == code


def test_bad_sets_are_refused() -> None:
    with pytest.raises(InputError, match="Did you mean 'china'"):
        load_coefficients("chna")
    row = content(0.4, "t C ha-1 a-1")["coefficient"][0]
    with pytest.raises(InputError, match="cropland twice"):
        load_coefficients({"coefficient": [row, {**row, "side": "sink"}]})
    with pytest.raises(InputError, match="at least one table"):
        load_coefficients({"name": "empty"})
    with pytest.raises(InputError, match="keys unit"):
        load_coefficients({"coefficient": [{k: v for k, v in row.items() if k != "unit"}]})


def test_a_set_may_stand_on_a_named_one() -> None:
    mine = load_coefficients({**content(0.578, "t C ha-1 a-1", "forest", "sink"), "base": "china"})
    china = load_coefficients("china")
    assert mine.on_side("sink") == {**china.on_side("sink"), "forest": pytest.approx(0.578 * 44 / 12)}
    assert load_coefficients(mine) is mine
    assert mine.to_frame().loc["water", "co2_per_ha"] == china.on_side("sink")["water"]


@settings(deadline=None)
@given(st.floats(1e-6, 0.9), st.sampled_from(["t C ha-1 a-1", "kg C m-2 a-1", "g C m-2 a-1", "t C km-2 a-1"]))
def test_the_factor_agrees_with_the_quantities_of_the_package(value: float, unit: str) -> None:
    row = Coefficient("forest", "sink", value, unit, "a test", "unverified")
    assert row.co2_per_ha == pytest.approx(Quantity(value, unit).to_co2().to("t CO2 ha-1 a-1").value, rel=1e-12)


@pytest.mark.parametrize("unit", ["t C ha-1", "Mg C ha-1", "kg C m-2", "t CO2 ha-1", "t C"])
def test_a_stock_is_refused_by_name(unit: str) -> None:
    with pytest.raises(InputError) as error:
        load_coefficients(content(60.0, unit))
    problem = error.value.problems[0]
    assert problem.code == "stock_not_flow" and unit in problem.got and "a-1" in problem.expected


@pytest.mark.parametrize("unit", ["t", "t ha-1 a-1"])
def test_t_alone_is_still_carbon_or_co2(unit: str) -> None:
    with pytest.raises(InputError) as error:
        load_coefficients(content(0.4, unit))
    assert error.value.problems[0].code == "carbon_or_co2"
