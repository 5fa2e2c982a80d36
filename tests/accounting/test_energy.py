"""Energy carbon: both factor tables, units of gas, double counting."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.accounting.energy import emission_factor, energy_emission, fuels, natural_gas_factor, net_calorific_factor
from carbonshed.checks import DataWarning, InputError

TABLE_B = {name: row["net_calorific"] for name, row in fuels().items() if "net_calorific" in row}


def activity(*rows: tuple[object, ...], columns: tuple[str, ...] = ("fuel", "quantity", "quantity_unit")) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), index=pd.Index(["A"] * len(rows), name="unit_id"))


def test_u5_table_b_is_recomputed_from_its_parts() -> None:
    assert len(TABLE_B) == 10
    for row in TABLE_B.values():
        assert net_calorific_factor(row["ncv"], row["carbon_content"], row["oxidation"]) == pytest.approx(row["printed"], abs=1e-4)


def test_u6_table_a_against_table_b() -> None:
    ratios = {
        "raw_coal": 1.042,
        "coke": 1.065,
        "crude_oil": 1.016,
        "fuel_oil": 1.022,
        "gasoline": 1.021,
        "kerosene": 1.021,
        "diesel": 1.022,
        "lpg": 1.022,
        "natural_gas": 1.011,
    }
    for fuel, ratio in ratios.items():
        assert emission_factor(fuel) / emission_factor(fuel, method="net_calorific") == pytest.approx(ratio, abs=0.001)


@pytest.mark.parametrize(("fuel", "co2"), [("原煤", 1.980), ("coke", 3.045), ("diesel", 3.163), ("natural_gas", 21.86), ("lpg", 3.169)])
def test_table_a_as_printed(fuel: str, co2: float) -> None:
    assert emission_factor(fuel) == pytest.approx(co2, abs=0.005)


def test_u7_electricity_beside_generation_fuels_is_refused() -> None:
    both = activity(
        ("raw_coal", 10.0, "t", "generation"), ("electricity", 2.0, "MWh", "final"), columns=("fuel", "quantity", "quantity_unit", "use")
    )
    for boundary in ("territorial", "consumption"):
        with pytest.raises(InputError) as error:
            energy_emission(both, boundary=boundary, electricity_basis="calorific")
        assert error.value.problems[0].code == "double_counting"
    with pytest.raises(InputError, match="a column `use`"):
        energy_emission(both.drop(columns="use"), boundary="consumption", electricity_basis="calorific")


def test_each_boundary_takes_its_own_rows() -> None:
    table = activity(
        ("raw_coal", 10.0, "t", "final"),
        ("electricity", 2.0, "10^4 kWh", "final"),
        ("raw_coal", 0.0, "t", "generation"),
        columns=("fuel", "quantity", "quantity_unit", "use"),
    )
    expected = 10 * 0.7143 * 0.7559 * 44 / 12 + 2 * 4.040 * 0.272 * 44 / 12
    got = energy_emission(table, boundary="consumption", electricity_basis="coal_consumption")
    assert got["carbon_source"].tolist() == pytest.approx([expected])
    assert got.attrs["unverified"] == "electricity"
    coal = table[table["fuel"] == "raw_coal"]
    assert energy_emission(coal)["carbon_source"].tolist() == pytest.approx([10 * 0.7143 * 0.7559 * 44 / 12])


def test_electricity_needs_its_basis() -> None:
    with pytest.raises(InputError, match=r"1\.229.*4\.040"):
        emission_factor("electricity")
    assert emission_factor("electricity", electricity_basis="coal_consumption") / emission_factor(
        "electricity", electricity_basis="calorific"
    ) == pytest.approx(3.287, abs=0.001)


def test_u8_gas_per_m3_and_per_10_000_m3() -> None:
    per_m3 = energy_emission(activity(("natural_gas", 1.0, "m3")), method="net_calorific")["carbon_source"].item()
    per_10_000 = energy_emission(activity(("natural_gas", 1.0, "10^4 m3")), method="net_calorific")["carbon_source"].item()
    assert per_10_000 / per_m3 == pytest.approx(1e4)
    assert per_10_000 == pytest.approx(21.622, abs=5e-4)
    row = net_calorific_factor(389310, 15.3, 0.99)
    assert natural_gas_factor(row) == row == pytest.approx(21.62, abs=0.005)
    assert natural_gas_factor(5.90, substance="C") == pytest.approx(21.6, abs=0.05)
    assert natural_gas_factor(5.444, substance="C") == pytest.approx(19.96, abs=0.005)
    with pytest.raises(InputError, match="per 10\\^4 m3"):
        natural_gas_factor(216.2)


def test_a_gas_without_unit_is_read_in_the_unit_of_the_table_and_said() -> None:
    with pytest.warns(DataWarning, match=r"natural_gas in 10\^4 m3"):
        got = energy_emission(activity(("natural_gas", 2.0), columns=("fuel", "quantity")))
    assert got["carbon_source"].item() == pytest.approx(2 * 21.86, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e8), min_size=3, max_size=3))
def test_emission_adds_up_over_fuels_and_units(amounts: list[float]) -> None:
    table = activity(*[(fuel, amount, "t") for fuel, amount in zip(["raw_coal", "coke", "diesel"], amounts)])
    whole = energy_emission(table)["carbon_source"].sum()
    apart = sum(energy_emission(table.iloc[[i]])["carbon_source"].item() for i in range(3))
    assert whole == pytest.approx(apart, rel=1e-9)
    in_kg = table.assign(quantity=table["quantity"] * 1000, quantity_unit="kg")
    assert energy_emission(in_kg)["carbon_source"].sum() == pytest.approx(whole, rel=1e-9)


def test_units_and_years_keep_the_order_of_their_first_row() -> None:
    table = pd.DataFrame(
        {"year": [2001, 2000, 2000, 2001], "fuel": "coke", "quantity": [1.0, 2.0, float("nan"), 3.0]},
        index=pd.Index(["B", "A", "A", "B"], name="unit_id"),
    )
    got = energy_emission(table)
    assert got.index.tolist() == ["B", "A"]
    assert got["year"].tolist() == [2001, 2000]
    assert got["carbon_source"].iloc[0] == pytest.approx(4 * 3.045, abs=0.01)
    assert pd.isna(got["carbon_source"].iloc[1])


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("raw_cola", 1.0, "t"), "unknown_fuel"),
        (("raw_coal", -1.0, "t"), "negative_quantity"),
        (("raw_coal", 1.0, "m3"), "unknown_option"),
        (("natural_gas", 1.0, "t"), "unknown_option"),
        (("blast_furnace_gas", 1.0, "m3"), "no_factor"),
    ],
)
def test_bad_rows_are_refused(row: tuple[object, ...], code: str) -> None:
    with pytest.raises(InputError) as error:
        energy_emission(activity(row))
    assert error.value.problems[0].code == code


def test_factors_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError):
        net_calorific_factor(20908, 26.37, 94)
    with pytest.raises(InputError, match="by net_calorific"):
        emission_factor("briquette", method="net_calorific")
    with pytest.raises(InputError):
        emission_factor("raw_coal", method="ipcc")


def test_every_factor_has_status_and_citation() -> None:
    for row in fuels().values():
        for method in ("standard_coal", "net_calorific"):
            values = row.get(method, {})
            for each in [values] if "status" in values else values.values():
                assert each["status"] in ("published", "unverified")
                assert each["citation"]
