"""Grids: geometry, ids, nesting and block sums."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.spatial.cell_ids import cell_ids
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid import Grid, coarse_ids, coarsen, parse_cell_ids

CRS = china_albers()
cell = st.integers(-9999, 9999)


def grid_of(rows: int, cols: int, *, first_row: int = 0, first_col: int = 0, side_m: float = 1000.0) -> Grid:
    return Grid(CRS, side_m, (0.0, 0.0), first_row, first_col, rows, cols)


def test_a_grid_by_hand() -> None:
    grid = Grid.over((12_000.0, -30_000.0, 40_000.0, 50_000.0), side_km=18, crs=CRS)
    assert (grid.first_col, grid.n_cols, grid.first_row, grid.n_rows) == (0, 3, -2, 5)
    assert grid.bounds == (0.0, -36_000.0, 54_000.0, 54_000.0)
    assert (grid.side_km, grid.cell_km2, grid.shape) == (18.0, 324.0, (5, 3))
    frame = grid.to_frame()
    assert list(frame.index[:4]) == ["g18:R-002C000", "g18:R-002C001", "g18:R-002C002", "g18:R-001C000"]
    assert frame.index.name == "unit_id"
    assert frame.geometry.iloc[0].bounds == (0.0, -36_000.0, 18_000.0, -18_000.0)
    assert frame["area_km2"].tolist() == pytest.approx(frame.area / 1e6)
    assert frame.crs == CRS


def test_a_region_that_ends_on_grid_lines_gets_no_cells_beyond() -> None:
    assert Grid.over((0.0, 0.0, 18_000.0, 36_000.0), side_km=18, crs=CRS).shape == (2, 1)


def test_a_frame_is_projected_and_auto_finds_the_crs() -> None:
    region = gpd.GeoDataFrame(geometry=[shapely.box(115, 39, 117, 41)], crs=4326)
    auto, given_ = Grid.over(region, side_km=6), Grid.over(region, side_km=6, crs=CRS)
    assert auto == given_
    west, south, east, north = auto.bounds
    inside = region.to_crs(CRS).total_bounds
    assert west <= inside[0] and south <= inside[1] and inside[2] <= east and inside[3] <= north
    assert Grid.over(region.geometry, side_km=6) == auto
    moved = Grid.over(region, side_km=18, crs=CRS, origin=(6, 12))
    assert moved.prefix == "g18+6+12"
    assert moved.bounds[0] % 18_000 == 6_000 and moved.bounds[1] % 18_000 == 12_000


def test_a_grid_is_frozen() -> None:
    with pytest.raises(AttributeError):
        grid_of(1, 1).side_m = 5.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"side_km": 0, "crs": CRS}, "side_km"),
        ({"side_km": -3, "crs": CRS}, "side_km"),
        ({"side_km": 6, "crs": "EPSG:4326"}, "degrees"),
        ({"side_km": 6, "crs": "EPSG:3857"}, "areas are off"),
        ({"side_km": 6, "crs": "auto"}, "without one"),
        ({"side_km": 6, "crs": CRS, "origin": (6, 0)}, "origin"),
        ({"side_km": 6, "crs": CRS, "origin": (-1, 0)}, "origin"),
    ],
)
def test_what_a_grid_refuses(arguments: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        Grid.over((0.0, 0.0, 9_000.0, 9_000.0), **arguments)  # type: ignore[arg-type]


def test_a_region_without_crs_or_area_is_refused() -> None:
    with pytest.raises(InputError, match="CRS"):
        Grid.over(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]), side_km=6)
    with pytest.raises(InputError, match="area"):
        Grid.over(shapely.Point(3.0, 4.0), side_km=6, crs=CRS)


def test_ids_by_hand() -> None:
    assert list(grid_of(2, 2, side_m=500.0).unit_ids([3], [-4])) == ["g500m:R003C-004"]
    assert list(cell_ids("g1.5", [1000], [12345])) == ["g1.5:R1000C12345"]
    side, rows, cols = parse_cell_ids(["g500m:R003C-004", "g500m:R1203C004"])
    assert (side, rows.tolist(), cols.tolist()) == (500.0, [3, 1203], [-4, 4])
    assert parse_cell_ids(["g18+6+12:R001C-001"])[0] == 18_000.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=20), st.sampled_from([0.25, 0.5, 1.0, 1.5, 3.0, 18.0]))
def test_ids_come_back(cells: list[tuple[int, int]], side_km: float) -> None:
    rows, cols = zip(*cells, strict=True)
    grid = Grid(CRS, side_km * 1000, (0.0, 0.0), 0, 0, 1, 1)
    side, back_rows, back_cols = parse_cell_ids(grid.unit_ids(rows, cols))
    assert (side, tuple(back_rows), tuple(back_cols)) == (side_km * 1000, rows, cols)


@settings(max_examples=60, deadline=None)
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 9), st.data())
def test_the_coarse_id_names_the_cell_that_holds_the_fine_one(row: int, col: int, k: int, data: st.DataObject) -> None:
    shift = data.draw(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)))
    fine = Grid(CRS, 1000.0, (0.0, 0.0), row, col, 1, 1)
    coarse = fine.coarsen(k, shift=shift)
    assert list(coarse_ids(fine.unit_ids([row], [col]), k, shift=shift)) == list(coarse.to_frame().index)
    assert coarse.to_frame().geometry.iloc[0].covers(fine.to_frame().geometry.iloc[0])
    assert coarse.bounds[0] % coarse.side_m == pytest.approx(shift[0] * 1000)


@pytest.mark.parametrize("ids", [["18:R001C001"], ["g18:R1C001"], ["nonsense"], ["g18:R001C001", "g6:R001C001"], []])
def test_ids_that_are_none_or_of_several_grids_are_refused(ids: list[str]) -> None:
    with pytest.raises(InputError, match="unit_id"):
        parse_cell_ids(ids)


@pytest.mark.parametrize(("k", "shift"), [(0, (0, 0)), (1.5, (0, 0)), (3, (3, 0)), (3, (0, -1))])
def test_factors_and_shifts_that_are_not_whole_cells_are_refused(k: float, shift: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="coarsen"):
        coarse_ids(["g1:R000C000"], k, shift=shift)  # type: ignore[arg-type]


def test_block_sums_of_an_array_by_hand() -> None:
    grid = grid_of(2, 3, first_row=1, first_col=0)  # rows 1, 2: a line of the 2 km grid runs between them
    values = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    assert coarsen(values, grid, 2).tolist() == [[3.0, 4.0], [24.0, 32.0]]
    assert coarsen(values, grid, 2, shift=(1, 1)).tolist() == [[9.0, 54.0]]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_nested_grids_agree_in_every_form(rows: int, cols: int, first_row: int, first_col: int, k: int, seed: int) -> None:
    """S6: a coarse cell is the sum of its fine cells; array, frame and labelled array say the same; totals are kept."""
    grid = grid_of(rows, cols, first_row=first_row, first_col=first_col)
    values = np.random.default_rng(seed).random((rows, cols))
    frame = pd.DataFrame({"carbon_sink": values.ravel(), "area_km2": 1.0}, index=grid.to_frame().index)
    labelled = xr.DataArray(
        values.ravel()[None, :], dims=("year", "unit_id"), coords={"year": [2020], "unit_id": frame.index.to_numpy(object)}
    )
    coarse = grid.coarsen(k)
    by_frame = coarsen(frame, grid, k)
    by_array = pd.Series(coarsen(values, grid, k).ravel(), index=coarse.to_frame().index)
    by_label = coarsen(labelled, grid, k)
    assert by_frame["carbon_sink"].sum() == pytest.approx(values.sum(), rel=1e-9)
    assert by_frame["carbon_sink"].to_dict() == pytest.approx(by_array.to_dict(), rel=1e-9)
    assert by_label.to_series().droplevel("year").to_dict() == pytest.approx(by_array.to_dict(), rel=1e-9)
    assert list(by_label["unit_id"].values) == list(by_frame.index)


def test_coarsening_in_steps_is_coarsening_at_once() -> None:
    grid = grid_of(13, 17, first_row=-5, first_col=4)
    values = np.random.default_rng(0).random((13, 17, 2))
    twice = coarsen(coarsen(values, grid, 2), grid.coarsen(2), 3)
    assert twice == pytest.approx(coarsen(values, grid, 6))


def test_a_frame_is_coarsened_by_kind_and_year() -> None:
    grid = grid_of(1, 4)
    ids = list(grid.to_frame().index)
    frame = pd.DataFrame(
        {
            "year": [2000] * 4 + [2005] * 4,
            "area_km2": [1.0, 1.0, 1.0, 0.5] * 2,
            "carbon_source": [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0],
            "net_emission_density": [1.0, 3.0, 2.0, 5.0] * 2,
            "zone": ["payment", "payment", "balanced", "recipient"] * 2,
        },
        index=pd.Index(ids * 2, name="unit_id"),
    )
    result = coarsen(frame, grid, 2)
    assert result["carbon_source"].tolist() == [3.0, 7.0, 30.0, 70.0]
    assert result["year"].tolist() == [2000, 2000, 2005, 2005]
    assert result["net_emission_density"].tolist() == [2.0, 3.0, 2.0, 3.0]
    assert result["zone"].tolist() == ["payment", "balanced"] * 2
    assert list(result.index) == ["g2:R000C000", "g2:R000C001"] * 2


def test_an_unknown_cell_makes_its_block_unknown_unless_asked() -> None:
    grid = grid_of(1, 4)
    values = np.array([[1.0, np.nan, np.nan, np.nan]])
    assert np.isnan(coarsen(values, grid, 2)).all()
    assert coarsen(values, grid, 2, skipna=True)[0, 0] == 1.0
    assert np.isnan(coarsen(values, grid, 2, skipna=True)[0, 1])


def test_coordinates_over_units_are_summed_too() -> None:
    grid = grid_of(1, 2)
    ids = grid.to_frame().index.to_numpy(object)
    data = xr.DataArray(
        np.ones((1, 2, 2)),
        dims=("year", "unit_id", "land_class"),
        coords={"year": [2000], "unit_id": ids, "land_class": ["forest", "water"], "area_km2": ("unit_id", [2.0, 3.0])},
        attrs={"units": "km2"},
    )
    result = coarsen(data, grid, 2)
    assert result.sizes == {"year": 1, "unit_id": 1, "land_class": 2}
    assert result["area_km2"].values.tolist() == [5.0]
    assert result.attrs == {"units": "km2"}


def test_data_of_another_grid_is_refused() -> None:
    grid = grid_of(2, 2)
    with pytest.raises(InputError, match="cells of g6"):
        coarsen(pd.DataFrame({"carbon_sink": [1.0]}, index=["g6:R000C000"]), grid, 2)
    with pytest.raises(InputError, match="given grid"):
        coarsen(pd.DataFrame({"carbon_sink": [1.0]}, index=["g1:R000C009"]), grid, 2)
    with pytest.raises(InputError, match="cells"):
        coarsen(np.zeros((3, 3)), grid, 2)
    with pytest.raises(InputError, match="unit_id"):
        coarsen(xr.DataArray(np.zeros(2), dims="x"), grid, 2)
    with pytest.raises(InputError, match="registered"):
        coarsen(pd.DataFrame({"no_such_thing": [1.0]}, index=["g1:R000C000"]), grid, 2)
