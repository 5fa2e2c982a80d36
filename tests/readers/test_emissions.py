"""Emission and energy tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from carbonshed.accounting.energy import energy_emission
from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.emissions import read_emissions, read_energy, read_sector_emissions


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "emissions.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_emissions_of_provinces(tmp_path: Path) -> None:
    path = written(tmp_path, "id,year,carbon_source_t\n河北省,2020,100\n北京市,2020,\n河北省,2015,90\n")
    table = read_emissions(path, years=[2020])
    assert table.index.tolist() == ["河北省", "北京市"]
    assert table["carbon_source"].tolist() == pytest.approx([100, float("nan")], nan_ok=True)
    carbon = read_emissions(written(tmp_path, "id,year,carbon_source_c\nA,2020,12\n"))
    assert carbon["carbon_source"].tolist() == pytest.approx([44])


def test_a_table_without_emissions_or_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="carbon_source_t or carbon_source_c"):
        read_emissions(written(tmp_path, "id,year,population\nA,2020,12\n"))
    with pytest.raises(InputError, match="column, whose unit is known"):
        read_emissions(written(tmp_path, "id,year,emission\nA,2020,12\n"))


def test_energy_goes_straight_into_the_account(tmp_path: Path) -> None:
    text = "id,year,fuel,quantity,quantity_unit\nA,2020,原煤,100,t\nA,2020,natural_gas,10000,m3\nB,2020,焦炭,,t\n"
    with pytest.warns(DataWarning, match="GB18030"):
        table = read_energy(written(tmp_path, text, "gbk"), years=[2020])
    emitted = energy_emission(table)
    assert emitted.index.tolist() == ["A", "B"]
    assert emitted["carbon_source"].tolist() == pytest.approx([198.0 + 21.86, float("nan")], abs=0.1, nan_ok=True)


def test_energy_that_is_no_number_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_energy(written(tmp_path, "id,year,fuel,quantity\nA,2020a,coke,1\nA,2020,coke,1 t\n"))
    assert [problem.got for problem in error.value.problems] == ["2020a (line 2)", "1 t (line 3)"]
    with pytest.raises(InputError, match="quantity"):
        read_energy(written(tmp_path, "id,year,fuel\nA,2020,coke\n"))


def test_the_years_asked_for(tmp_path: Path) -> None:
    table = read_energy(written(tmp_path, "id,year,fuel,quantity,use\nA,2020,coke,1,final\nA,2015,coke,2,generation\n"), years=[2015])
    assert table.reset_index().to_dict("records") == [{"unit_id": "A", "year": 2015, "fuel": "coke", "quantity": 2.0, "use": "generation"}]
    assert isinstance(table, pd.DataFrame)


def test_sectors_are_read_one_by_one(tmp_path):
    text = "id,year,sector,carbon_source_t\nA,2020,industry,7\nA,2020,homes,3\nA,2015,homes,2\n"
    table = read_sector_emissions(written(tmp_path, text), years=[2020])
    assert table.reset_index().values.tolist() == [["A", 2020, 7.0, "industry"], ["A", 2020, 3.0, "homes"]]
    carbon = read_sector_emissions(written(tmp_path, text.replace("source_t", "source_c")))
    assert carbon["carbon_source"].sum() == pytest.approx(12 * 44 / 12)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("A,2020,industry,7\nA,2020,合计,10\n", "合计"),
        ("A,2020,industry,7\nA,2020,industry,8\n", "A 2020"),
        ("A,2020,industry,seven\nA,2020,homes,-3\n", "seven"),
    ],
)
def test_sectors_that_are_refused(tmp_path, rows, says):
    with pytest.raises(InputError, match=says):
        read_sector_emissions(written(tmp_path, "id,year,sector,carbon_source_t\n" + rows))
    with pytest.raises(InputError, match="sector"):
        read_sector_emissions(written(tmp_path, "id,year,carbon_source_t\nA,2020,1\n"))
