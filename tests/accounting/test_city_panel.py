"""Thirteen cities of Beijing-Tianjin-Hebei, 2001-2020, against published and measured figures (MODIS classes, NPP and lights)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbonshed.accounting.carbon_sinks import carbon_sink
from carbonshed.accounting.carbon_sources import direct_source
from carbonshed.accounting.lights import lights_regression
from carbonshed.readers.legend import read_legend

MT = 1e6
IGBP = range(1, 18)
BTH = ["110000", "120000", "130000"]


@pytest.fixture(scope="module")
def panel(shared: Path) -> pd.DataFrame:
    path = shared / "data/city-panel-landcover-ntl-npp/china_city_landcover_ntl_npp_pop_2001_2020.csv"
    table = pd.read_csv(path, dtype={"city_id": str, "province_id": str})
    return table[table["province_id"].isin(BTH)].fillna(dict.fromkeys((f"igbp{k:02d}_km2" for k in IGBP), 0.0)).set_index("city_id")


@pytest.fixture(scope="module")
def land(panel: pd.DataFrame) -> pd.DataFrame:
    """Canonical classes by the legend of the package."""
    legend = read_legend("mcd12q1")
    codes = [int(code) for code in legend.codes]
    by_code = panel[[f"igbp{k:02d}_km2" for k in IGBP]].set_axis(list(IGBP), axis=1).reindex(columns=codes, fill_value=0.0)
    return pd.DataFrame(by_code.to_numpy() @ legend.matrix(), index=panel.index, columns=list(legend.land_classes))


def by_year(flow: pd.Series, panel: pd.DataFrame) -> pd.Series:
    return flow.groupby(panel["year"].to_numpy()).sum() / MT


def test_a2_npp_sinks_rise_as_measured(panel: pd.DataFrame, land: pd.DataFrame) -> None:
    sink = by_year(carbon_sink(land.drop(columns="water"), sink_mode="npp_gross", npp=panel["overall_anpp"]), panel)
    assert sink[[2001, 2005, 2010, 2015, 2020]].tolist() == pytest.approx([187, 244, 241, 278, 300], rel=0.01)
    assert 0.9 * 300 <= sink[2020] <= 400, "band A1b, reading H-NPP, at its lower edge"
    scaled = by_year(carbon_sink(land.drop(columns="water"), sink_mode="npp_scaled", npp=panel["overall_anpp"], alpha=0.1), panel)
    np.testing.assert_allclose(scaled, 0.1 * sink)


def test_u23_mean_npp_is_of_the_size_of_mod17(panel: pd.DataFrame) -> None:
    mean = (panel["overall_anpp"] * panel["lc_total_km2"]).groupby(panel["year"]).sum() / panel["lc_total_km2"].groupby(panel["year"]).sum()
    for year, published in ((2001, 223), (2004, 356), (2008, 313)):
        assert mean[year] == pytest.approx(published, rel=0.12)
    assert mean[2004] > mean[2008] > mean[2001]


def test_coefficient_sinks_of_the_satellite_lie_below_the_published_ones(panel: pd.DataFrame, land: pd.DataFrame) -> None:
    """Bands A1a (3.0-4.0 Mt C) and U21 are of finer products and counted arable land as a sink: MODIS files open forest under savanna."""
    sink = carbon_sink(land) * 12 / 44
    total = by_year(sink, panel)
    assert total.min() > 0.75 and total.max() < 1.2 and total[2020] > total[2001], "about a third of A1a"
    last = (sink[panel["year"].to_numpy() == 2020] / MT).sort_values(ascending=False)
    assert last.index[0] == "130800", "Chengde is the largest sink, as published"
    assert last["130800"] < 2.0564 and last["131000"] < 0.5 and last["131100"] < 0.5, "Langfang and Hengshui below 0.5 Mt"


def test_u13_both_cropland_modes_are_finite_and_differ_in_sign(panel: pd.DataFrame, land: pd.DataFrame) -> None:
    rows = panel["year"].to_numpy() == 2020
    area, npp = land[rows], panel.loc[rows, "agriculture_anpp"]
    as_source = direct_source(area) - carbon_sink(area)
    as_npp = direct_source(area, cropland_mode="npp") - carbon_sink(area, sink_mode="npp_gross", npp=npp)
    assert np.isfinite(as_source).all() and np.isfinite(as_npp).all()
    assert (as_npp < 0).all() and (as_source > 0).sum() >= 8, "the sign given to cropland flips the map"


def test_lights_against_the_citys_inventories(panel: pd.DataFrame, shared: Path) -> None:
    """A real regression on lights: 13 cities, years with an inventory; held-out errors are above those of the fit and are told."""
    matrix = pd.read_csv(shared / "data/ceads-city-co2/city_co2_1997_2019_matrix.csv")
    long = matrix.melt("city", var_name="year", value_name="mt").dropna().rename(columns={"city": "name"})
    long = long.assign(year=long["year"].astype(int), carbon_source=long["mt"] * MT)
    keyed = panel.reset_index().assign(short=lambda t: t["city"].str.removesuffix("市"))
    long["short"] = long["name"].str.replace("^河北", "", regex=True)
    table = keyed.merge(long, on=["short", "year"]).set_index("city_id").rename(columns={"total_sol": "lights"})
    assert table.index.nunique() == 13 and len(table) == 201
    got = lights_regression(table[["year", "carbon_source", "lights"]]).set_index("model")
    assert (got["n_units"] == 13).all()
    for model in got.index:
        assert got.loc[model, "r2_unit_out"] < got.loc[model, "r2"] and got.loc[model, "mape_unit_out"] > got.loc[model, "mape"]
    assert got.loc["linear", "r2"] == pytest.approx(0.115, abs=0.002)
    assert (got["r2_unit_out"] < 0).all(), "for a city left out, the mean of the others is the better guess: Tangshan's steel is not light"
