"""What may stand in [accounting] and [emissions], and the message for what may not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbonshed.checks import InputError
from carbonshed.study.allocation_comparison import allocation_comparison, moved_share, moved_shares
from carbonshed.study.carbon_config import is_path
from carbonshed.study.config import parse_spec

STUDY = {
    "study": {"name": "x", "years": [2000, 2020]},
    "counties": {"boundaries": "c.gpkg", "id": "unit_id", "table": "c.csv"},
    "land_cover": {"product": "clcd", "path": "lc_{year}.tif"},
}
LIGHTS = {"path": "e.csv", "allocation": "lights", "lights": "ntl_{year}.tif"}


def refused(section: str, values: dict[str, object]) -> str:
    with pytest.raises(InputError) as caught:
        parse_spec({**STUDY, section: values})
    return " ".join(str(problem) for problem in caught.value.problems)


def accepted(section: str, values: dict[str, object]):
    spec = parse_spec({**STUDY, section: values})
    assert parse_spec(spec.model_dump()) == spec, "a manifest's full dump is the same study"
    return getattr(spec, section)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sink_mode": "nep_model", "npp": "npp.tif"}, "needs respiration"),
        ({"sink_mode": "npp_gross", "npp": "npp.tif", "respiration": "rh.tif"}, "no use for respiration"),
        ({"sink_mode": "crop_uptake"}, "needs yields"),
        ({"npp": "npp.tif"}, "no use for npp"),
        ({"sink_mode": "crop_uptake", "yields": {"wheat": "w"}, "npp": {"other": 400}}, "must be a raster"),
        ({"farm_inputs": {"fertiliser": "f"}}, "farm_inputs"),
        ({"sink_mode": "crop_uptake", "yields": {"wheat": "w"}, "farm_inputs": {"fertilizer": "f"}}, "did you mean 'fertiliser'"),
        ({"sink_mode": "npp_gross", "npp": {"woods": 400}}, "'woods' is not known"),
        ({"sink_mode": "npp_gross", "npp": "npp.tif", "npp_unit": "kg C m-2"}, "a stock"),
        ({"sink_mode": "npp_gross", "npp": "npp.tif", "npp_unit": "t ha-1 a-1"}, "t C or t CO2"),
        ({"sink_mode": "npp_gross", "npp": "npp.tif", "npp_unit": "g CO2 m-2 a-1"}, "CO2 flow per area"),
        ({"sink_mode": "npp_gross", "npp": "npp", "band": "by_description"}, "band goes with"),
        ({"sink_mode": "crop_uptake", "cropland_mode": "source", "yields": {"wheat": "w"}}, "goes with cropland_mode = 'crop_uptake'"),
    ],
)
def test_accounting_contradictions(values, says):
    assert says in refused("accounting", values)


def test_accounting_forms():
    section = accepted(
        "accounting", {"sink_mode": "nep_model", "npp": "npp_{year}.tif", "respiration": "rh", "respiration_unit": "t C ha-1 a-1"}
    )
    assert section.cropland == "npp" and section.is_raster("npp") and not section.is_raster("respiration")
    assert section.table_columns == {"rh": "respiration"}
    crops = accepted("accounting", {"sink_mode": "crop_uptake", "yields": {"wheat": "小麦"}, "farm_inputs": {"film": "农膜"}})
    assert crops.table_columns == {"小麦": "yield wheat", "农膜": "input film"} and crops.cropland == "crop_uptake"
    assert is_path("npp/mean") and not is_path("npp_mean")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"path": "e.tif", "source": "gridded"}, "needs per"),
        ({"path": "e.csv", "per": "cell"}, "per goes with source = 'gridded'"),
        ({"path": "e.csv", "factor": 1000}, "factor goes with source = 'gridded'"),
        ({"path": "e.csv", "method": "net_calorific"}, "source = 'energy'"),
        ({"path": "e.csv", "source": "energy", "allocation": "ready_grid"}, "source = 'gridded'"),
        ({"path": "e.csv", "allocation": "lights"}, "needs lights"),
        ({"path": "e.csv", "lights": "ntl.tif"}, "no use for lights"),
        ({**LIGHTS, "compare_with": "lights"}, "name another"),
        ({**LIGHTS, "lights_model": "linear"}, "lights_regression"),
        ({"path": "e.csv", "lights_calibrated": "x"}, "lights only"),
        ({"path": "e.csv", "allocation": "weighted_proxy", "weights": {"light": 1}}, "did you mean 'lights'"),
        ({"path": "e.csv", "allocation": "weighted_proxy", "weights": {"built_up": 0}}, "above 0"),
        ({"path": "e.csv", "allocation": "weighted_proxy", "weights": {"built_up": -1}}, "greater than or equal to 0"),
        ({"path": "e.csv", "allocation": "weighted_proxy", "weights": {"population": 1}, "population": "p.tif"}, "population_per"),
        ({"path": "e.csv", "population": "p.tif", "population_per": "cell"}, "no weight names it"),
        ({"path": "e.csv", "allocation": "sector_split"}, "sectors"),
        ({"path": "e.csv", "source": "energy", "allocation": "sector_split", "sectors": {"a": {"built_up": 1}}}, "column sector"),
        ({"path": "e.csv", "allocation": "lights_regresion", "lights": "n.tif"}, "Did you mean 'lights_regression'"),
    ],
)
def test_emission_contradictions(values, says):
    assert says in refused("emissions", values)


def test_emission_forms():
    assert accepted("emissions", {"path": "e.csv"}).allocation_in_force == "built_share"
    grid = accepted("emissions", {"path": "e_{year}.tif", "source": "gridded", "per": "km2_c", "band": {2000: 1, 2020: 2}})
    assert grid.allocation_in_force == "ready_grid" and grid.band == {2000: 1, 2020: 2}
    both = accepted("emissions", {**LIGHTS, "compare_with": "weighted_proxy", "weights": {"built_up": 1, "cropland": 0.05}})
    assert both.allocations == ("lights", "weighted_proxy") and both.proxies == {"lights"}
    sectors = accepted("emissions", {"path": "e.csv", "allocation": "sector_split", "sectors": {"homes": {"lights": 1}}, "lights": "n.tif"})
    assert sectors.proxies == {"lights"}
    assert accepted("emissions", {"path": "e.csv", "source": "energy", "boundary": "consumption", "electricity_basis": "calorific"})


def test_two_maps_of_one_total_by_hand():
    index = pd.Index(["g1:R000C000/a", "g1:R000C001/a", "g1:R000C001/b"], name="unit_id")
    pieces = pd.DataFrame(
        {
            "year": 2020,
            "cell_id": ["g1:R000C000", "g1:R000C001", "g1:R000C001"],
            "county_id": ["a", "a", "b"],
            "area_km2": [1.0, 0.5, 0.5],
            "carbon_source": [6.0, 2.0, 2.0],
            "carbon_sink": [1.0, 1.0, 0.0],
        },
        index=index,
    )
    other = pieces["carbon_source"].to_numpy() + np.array([-3.0, 1, 2])
    table = allocation_comparison(pieces, other, base_km=1, scales_km=[1, 2], allocation="x", compared_with="y")
    finest = table[table["scale_km"] == 1]
    assert finest.index.tolist() == ["g1:R000C000", "g1:R000C001"]
    assert finest["carbon_source_compared"].tolist() == [3, 7] and finest["net_carbon_emission_compared"].tolist() == [2, 6]
    assert table.loc["a", ["carbon_source", "carbon_source_compared", "carbon_sink"]].tolist() == [8, 6, 2]
    coarse = table[table["scale_km"] == 2]
    assert coarse.index.tolist() == ["g2:R000C000"] and coarse["carbon_source"].tolist() == [10]
    assert moved_shares(table, 1) == {"2020": pytest.approx(3 / 10)}
    assert pd.isna(moved_share(finest["carbon_source"].to_numpy() * 0, finest["carbon_source"].to_numpy()))
