"""Land change from rasters: by hand, against pairs of pixels counted plainly, against the areas of each year, and real maps."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from rasterio.transform import from_origin

from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.land_change import plan_land_change, tabulate_land_change
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.readers.rasters import strip_rows
from carbonshed.readers.row_tasks import join_tables, tabulate_rows
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid import Grid

ALBERS = china_albers()
LEGEND = {1: "forest", 2: "cropland", 3: "water", 4: "built_up", 0: "nodata"}
OLD = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 2, 4]], dtype=np.uint8)
NEW = np.array([[1, 4, 2, 4], [1, 1, 4, 2], [3, 2, 2, 4]], dtype=np.uint8)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an array as a GeoTIFF of 100 m pixels whose upper left corner is (900 km, 4400 km) in Albers."""

    def write_(array: Any, name: str, crs: Any = ALBERS, transform: Any = None, nodata: int | None = None) -> Path:
        array = np.asarray(array)
        transform = transform or from_origin(900_000, 4_400_000, 100, 100)
        shape = {"height": array.shape[0], "width": array.shape[1], "count": 1, "dtype": array.dtype, "nodata": nodata}
        with rasterio.open(tmp_path / name, "w", driver="GTiff", crs=CRS(crs).to_wkt(), transform=transform, **shape) as file:
            file.write(array, 1)
        return tmp_path / name

    return write_


def boxes(*bounds: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    """Boxes given in pixels (column, row, column, row), as polygons in Albers."""
    shapes = [shapely.box(900_000 + 100 * a, 4_400_000 - 100 * d, 900_000 + 100 * c, 4_400_000 - 100 * b) for a, b, c, d in bounds]
    return gpd.GeoDataFrame(geometry=shapes, index=[f"u{k}" for k in range(len(bounds))], crs=ALBERS)


def test_by_hand(write: Write) -> None:
    change = tabulate_land_change({2000: write(OLD, "a.tif"), 2010: write(NEW, "b.tif")}, legend=LEGEND)
    assert change.dims == ("period", "unit_id", "from_class", "to_class")
    assert change["period"].values.tolist() == ["2000-2010"] and change["unit_id"].values.tolist() == ["region"]
    assert (change["year_from"].item(), change["year_to"].item()) == (2000, 2010)
    one = change.isel(period=0, unit_id=0).to_pandas()
    assert one.loc["forest", "built_up"] == pytest.approx(0.01)
    assert one.loc["cropland", "built_up"] == pytest.approx(0.02)
    assert one.loc["water", "cropland"] == pytest.approx(0.01)
    assert one.loc["cropland", "cropland"] == pytest.approx(0.03)
    assert one.to_numpy().sum() == pytest.approx(0.12) == pytest.approx(change["area_km2"].item())
    assert change.attrs["units"] == "km2"


def test_units_split_pixels_by_area(write: Write) -> None:
    rasters = {2000: write(OLD, "a.tif"), 2010: write(NEW, "b.tif")}
    change = tabulate_land_change(rasters, boxes((0, 0, 1.5, 3), (1.5, 0, 4, 3)), legend=LEGEND)
    assert change.attrs["coverage"] == "exact"
    assert change.sel(unit_id="u0", from_class="forest", to_class="built_up").item() == pytest.approx(0.005)
    assert change["area_km2"].values == pytest.approx([0.045, 0.075])
    assert change.sum(("unit_id", "from_class", "to_class")).item() == pytest.approx(0.12)


def test_pairs_are_each_year_with_the_next_or_those_asked_for(write: Write) -> None:
    rasters = {2000: write(OLD, "a.tif"), 2005: write(NEW, "b.tif"), 2010: write(OLD, "c.tif")}
    assert tabulate_land_change(rasters, legend=LEGEND)["period"].values.tolist() == ["2000-2005", "2005-2010"]
    there_and_back = tabulate_land_change(rasters, legend=LEGEND, pairs=[(2000, 2010)])
    off = there_and_back.isel(period=0, unit_id=0).values
    assert (off - np.diag(np.diag(off)) == 0).all()


MAPS = st.lists(st.integers(0, 4), min_size=24, max_size=24)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=MAPS, new=MAPS, cut=st.floats(0.3, 5.7))
def test_margins_are_the_areas_of_each_year(write: Write, old: list[int], new: list[int], cut: float) -> None:
    """Rows sum to the old area, columns to the new: against `tabulate_land_area`, where no data are missing in one year only."""
    first, second = np.array(old, dtype=np.uint8).reshape(4, 6), np.array(new, dtype=np.uint8).reshape(4, 6)
    second[first == 0] = 0
    first[second == 0] = 0
    first[0], second[0] = 1, 2  # something is known in each unit
    rasters = {2000: write(first, "a.tif"), 2010: write(second, "b.tif")}
    units = boxes((0, 0, cut, 4), (cut, 0, 6, 4))
    change = tabulate_land_change(rasters, units, legend=LEGEND)
    area = tabulate_land_area(rasters, units, legend=LEGEND)
    np.testing.assert_allclose(change.isel(period=0).sum("to_class").values, area.sel(year=2000).values, atol=1e-12)
    np.testing.assert_allclose(change.isel(period=0).sum("from_class").values, area.sel(year=2010).values, atol=1e-12)
    np.testing.assert_allclose(change["nodata_km2"].values[0], area["nodata_km2"].sel(year=2010).values, atol=1e-12)


def test_plain_counting_of_pixel_pairs(write: Write) -> None:
    """Oracle: numpy counts pairs of codes of a random map, strip by strip or at once."""
    generator = np.random.default_rng(5)
    old, new = (generator.integers(1, 5, (300, 40)).astype(np.uint8) for _ in range(2))
    change = tabulate_land_change({2000: write(old, "a.tif"), 2010: write(new, "b.tif")}, legend=LEGEND)
    names = {1: "forest", 2: "cropland", 3: "water", 4: "built_up"}
    for a, b in [(1, 2), (2, 1), (3, 3), (4, 1)]:
        expected = 0.01 * np.sum((old == a) & (new == b))
        assert change.sel(from_class=names[a], to_class=names[b]).item() == pytest.approx(expected, rel=1e-12)


def test_small_strips_change_nothing(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    rasters = {2000: write(np.repeat(OLD, 6, axis=0), "a.tif"), 2010: write(np.repeat(NEW, 6, axis=0), "b.tif")}
    whole = tabulate_land_change(rasters, legend=LEGEND)
    monkeypatch.setattr(strip_rows, "__kwdefaults__", {"pixels": 4})
    assert plan_land_change(rasters, legend=LEGEND).n_strips == 18
    np.testing.assert_allclose(tabulate_land_change(rasters, legend=LEGEND).values, whole.values, rtol=1e-13)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_same_bytes_however_the_work_is_dealt_out(write: Write, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    """Threads, tasks of any size and order that went through a pickle, pairs in any order: the bytes of one thread, and plain counts."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    maps = {year: rng.integers(0, 5, (30, 21)).astype(np.uint8) for year in (2000, 2005, 2010, 2020)}
    rasters = {year: write(codes, f"{year}.tif") for year, codes in maps.items()}
    every = [(2000, 2020), (2005, 2010), (2000, 2005), (2010, 2020)]
    pairs = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    options: dict[str, Any] = {"legend": LEGEND, "pairs": pairs, "coverage": data.draw(st.sampled_from(["centre", "exact"]))}
    units = boxes((0, 0, 10.5, 30), (10.5, 0, 21, 30))
    monkeypatch.setattr(strip_rows, "__kwdefaults__", {"pixels": 21 * data.draw(st.integers(1, 30))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # nodata in one year only
        one = tabulate_land_change(rasters, units, threads=1, **options)
        many = tabulate_land_change(rasters, units, threads=data.draw(st.integers(2, 4)), **options)
        plan = plan_land_change(rasters, units, **options)
        tasks = data.draw(st.permutations(list(plan.tasks(strips_at_once=data.draw(st.integers(1, 8))))))
        far = plan.finish(join_tables(*(tabulate_rows(pickle.loads(pickle.dumps(task))) for task in tasks)))
    assert many.values.tobytes() == far.values.tobytes() == one.values.tobytes()
    assert one["period"].values.tolist() == [f"{old}-{new}" for old, new in pairs]
    for k, (old, new) in enumerate(pairs):
        stayed = 0.01 * np.sum((maps[old] == 1) & (maps[new] == 1))
        assert one[k].sum("unit_id").sel(from_class="forest", to_class="forest").item() == pytest.approx(stayed, rel=1e-12)


def test_codes_that_the_legend_lacks_are_named_with_their_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = OLD.copy()
    strange[2, 3], strange[0, 0] = 77, 66
    monkeypatch.setattr(strip_rows, "__kwdefaults__", {"pixels": 4})
    with pytest.raises(InputError, match=r"codes 66, 77 in b.tif \(2010\)"):
        tabulate_land_change({2000: write(OLD, "a.tif"), 2010: write(strange, "b.tif")}, legend=LEGEND)


def test_degrees_have_true_areas(write: Write) -> None:
    """A pixel of 0.1 degree at 60 N has about half the area of one at the equator."""
    north = tabulate_land_change(
        {y: write(OLD, f"n{y}.tif", "EPSG:4326", from_origin(0, 60.2, 0.1, 0.1)) for y in (2000, 2010)}, legend=LEGEND
    )
    equator = tabulate_land_change(
        {y: write(OLD, f"e{y}.tif", "EPSG:4326", from_origin(0, 0.15, 0.1, 0.1)) for y in (2000, 2010)}, legend=LEGEND
    )
    assert equator["area_km2"].item() == pytest.approx(12 * 11.132 * 11.057, rel=1e-3)
    assert north["area_km2"].item() / equator["area_km2"].item() == pytest.approx(0.505, abs=0.005)


def test_half_known_pixels_are_left_out_and_said(write: Write) -> None:
    new = NEW.copy()
    new[0, 0] = 0
    with pytest.warns(DataWarning, match="known in one of the two years only, and left out of both: 2000-2010: 0.01 km2"):
        change = tabulate_land_change({2000: write(OLD, "a.tif"), 2010: write(new, "b.tif")}, legend=LEGEND)
    assert change.sum().item() == pytest.approx(0.11)
    assert change["nodata_km2"].item() == pytest.approx(0.01)
    assert change["area_km2"].item() == pytest.approx(0.12)


def test_another_grid_is_refused(write: Write) -> None:
    moved = write(NEW, "b.tif", transform=from_origin(900_030, 4_400_000, 100, 100))
    with pytest.raises(
        InputError, match=r"one grid of pixels; got a.tif \(2000\) and b.tif \(2010\), which differ in origin or pixel size"
    ):
        tabulate_land_change({2000: write(OLD, "a.tif"), 2010: moved}, legend=LEGEND)


@pytest.mark.parametrize("pairs", [[(2010, 2000)], [(2000, 2005)], [(2000, 2000)], []])
def test_wrong_pairs_are_refused(write: Write, pairs: list[tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="the earlier first"):
        tabulate_land_change({2000: write(OLD, "a.tif"), 2010: write(NEW, "b.tif")}, legend=LEGEND, pairs=pairs)


def test_one_year_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match="no pair"):
        tabulate_land_change({2000: write(OLD, "a.tif")}, legend=LEGEND)


def test_unknown_codes_are_refused_where_they_matter(write: Write) -> None:
    strange = NEW.copy()
    strange[0, 3] = 77
    rasters = {2000: write(OLD, "a.tif"), 2010: write(strange, "b.tif")}
    with pytest.raises(InputError, match=r"codes 77 in b.tif \(2010\)"):
        tabulate_land_change(rasters, legend=LEGEND)
    outside = tabulate_land_change(rasters, boxes((0, 0, 3, 3)), legend=LEGEND)
    assert outside.sum().item() == pytest.approx(0.09)


def test_mosaics_are_refused(write: Write) -> None:
    with pytest.raises(InputError, match="codes 30, 40, 100, 110 that stand for several"):
        tabulate_land_change({2000: write(OLD, "a.tif"), 2010: write(NEW, "b.tif")}, legend="cci")
    cci = {2000: write(np.full((2, 2), 30, np.uint8), "c.tif"), 2010: write(np.full((2, 2), 190, np.uint8), "d.tif")}
    change = tabulate_land_change(cci, legend="cci", options={"mosaic": "dominant"})
    assert change.sel(from_class="cropland", to_class="built_up").item() == pytest.approx(0.04)


def test_nothing_but_nodata_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match="none in 2000-2010"):
        tabulate_land_change({y: write(np.zeros((2, 2), np.uint8), f"{y}.tif") for y in (2000, 2010)}, legend=LEGEND)


def test_beijing_grows_and_loses_nothing(shared: Path) -> None:
    """Real: 1984-2007 at 90 m; the areas of the data's own table, no cell ever leaves built-up."""
    folder = shared / "data" / "beijing-urban-1984-2013"
    path = folder / "beijing_urban_1984_2007_90m.tif"
    rasters = dict.fromkeys(range(1984, 2008), path)
    change = tabulate_land_change(rasters, legend={1: "built_up", 0: "bare"}, bands="by_description")
    assert change.sizes["period"] == 23
    table = np.loadtxt(folder / "urban_area_by_year.csv", delimiter=",", skiprows=1)
    urban = dict(zip(table[:, 0].astype(int), table[:, 1]))
    old = change.sel(from_class="built_up").sum(("unit_id", "to_class")).values
    assert old == pytest.approx([urban[year] for year in range(1984, 2007)], abs=0.01)
    assert (change.sel(from_class="built_up", to_class="bare").values == 0).all()
    grown = change.sel(from_class="bare", to_class="built_up").values.ravel()
    assert grown.sum() == pytest.approx(urban[2007] - urban[1984], abs=0.01)
    assert grown[list(change["period"].values).index("2003-2004")] == 0  # the source's two years are the same map


def test_beijing_by_cells_is_the_sum(shared: Path) -> None:
    path = shared / "data" / "beijing-urban-1984-2013" / "beijing_urban_1984_2007_90m.tif"
    with rasterio.open(path) as data:
        frame = gpd.GeoDataFrame(geometry=[shapely.box(*data.bounds)], crs=data.crs.to_wkt())
    options: dict[str, Any] = {"legend": {1: "built_up", 0: "bare"}, "bands": "by_description", "pairs": [(1984, 2007)]}
    rasters = dict.fromkeys((1984, 2007), path)
    whole = tabulate_land_change(rasters, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # border cells reach beyond the raster
        cells = tabulate_land_change(rasters, Grid.over(frame, side_km=30, crs=frame.crs), **options)
    np.testing.assert_allclose(cells.sum("unit_id").values[0], whole.values[0, 0], rtol=1e-9)
