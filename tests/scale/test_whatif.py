"""Accounts at the neighbours of the chosen side."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.scale.whatif import neighbour_scales, scale_whatif
from carbonshed.spatial.cell_ids import coarse_ids
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid import Grid, coarsen


def test_neighbours_of_an_end_and_of_the_middle() -> None:
    assert neighbour_scales(15, [18, 12, 15]) == {"finer": 12, "chosen": 15, "coarser": 18}
    assert neighbour_scales(18, [12, 15, 18]) == {"finer": 15, "chosen": 18}
    assert neighbour_scales(18, [18]) == {"chosen": 18}
    for scale in (17, float("nan")):
        with pytest.raises(InputError, match="one of the candidates"):
            neighbour_scales(scale, [12, 15, 18])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(-50, 50))
def test_totals_are_kept_at_every_side(cells, seed: int, at: int) -> None:
    g = np.random.default_rng(seed)
    table = cells(g.gamma(1, 9, (12, 12)), row=at, col=-at, year=2020)
    table = table.assign(net_carbon_emission=g.normal(0, 5, 144), population=g.random(144), ecc=1.0, anything=2.0)
    around = scale_whatif(table, scale_km=3, scales_km=[2, 3, 5])
    assert around["scale_role"].unique().tolist() == ["finer", "chosen", "coarser"]
    assert not {"ecc", "anything"} & set(around)
    for column in ("carbon_sink", "net_carbon_emission", "population", "area_km2"):
        np.testing.assert_allclose(around.groupby("scale_km")[column].sum(), table[column].sum(), rtol=1e-9, atol=1e-9)


def test_against_the_block_sums_of_a_grid(cells) -> None:
    grid = Grid.over((0, 0, 12_000, 9_000), side_km=1, crs=china_albers())
    table = grid.to_frame()
    g = np.random.default_rng(0)
    table = table.assign(carbon_sink=g.random(len(table)), gdp_yuan=g.random(len(table)))
    around = scale_whatif(table, scale_km=3, scales_km=[1, 3, 6])
    for k, role in ((1, "finer"), (3, "chosen"), (6, "coarser")):
        expected, found = coarsen(table, grid, k), around[around["scale_role"] == role]
        for column in ("carbon_sink", "gdp_yuan", "area_km2"):
            np.testing.assert_allclose(found[column], expected.loc[found.index, column], rtol=1e-12)
        np.testing.assert_allclose(found["inside_share"], expected.loc[found.index, "area_km2"] / k**2)
        assert set(found.index) == set(coarse_ids(table.index, k))
        squares = grid.coarsen(k).to_frame().geometry.reindex(found.index)
        assert shapely.equals(np.asarray(found.geometry), np.asarray(squares)).all()
    assert isinstance(around, gpd.GeoDataFrame) and around.crs == table.crs


def test_years_and_what_is_not_known(cells) -> None:
    field = np.ones((4, 4))
    gap = field.copy()
    gap[0, 0] = np.nan
    table = np.array([2000, 2010])
    both = cells(field, year=2000)
    both = type(both)(
        np.vstack([both.to_numpy(), cells(gap, year=2010).to_numpy()]), columns=both.columns, index=[*both.index, *both.index]
    )
    strict = scale_whatif(both.astype({"year": int}), scale_km=2, scales_km=[2, 4])
    assert strict["year"].unique().tolist() == table.tolist()
    assert strict.query("year == 2000")["carbon_sink"].tolist() == [4, 4, 4, 4, 16]
    assert strict.query("year == 2010")["carbon_sink"].isna().tolist() == [True, False, False, False, True]
    loose = scale_whatif(both.astype({"year": int}), scale_km=2, scales_km=[2, 4], skipna=True)
    assert loose.query("year == 2010")["carbon_sink"].tolist() == [3, 4, 4, 4, 15]


def test_what_is_refused(cells) -> None:
    table = cells(np.ones((4, 4)))
    with pytest.raises(InputError, match="one of the candidates"):
        scale_whatif(table, scale_km=3, scales_km=[1, 2])
    with pytest.raises(InputError, match="multiples of the finest one"):
        scale_whatif(table, scale_km=1, scales_km=[1, 1.5])
    with pytest.raises(InputError, match="area_km2"):
        scale_whatif(table.drop(columns="area_km2"), scale_km=1, scales_km=[1])
    with pytest.raises(InputError):
        scale_whatif(table.reset_index(drop=True), scale_km=1, scales_km=[1])
