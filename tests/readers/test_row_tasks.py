"""Land area as tasks: the same bytes whatever the threads, the size of tasks, the order they come back in, or the process that did them."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from carbonshed.checks import ConservationError, InputError
from carbonshed.readers import rasters
from carbonshed.readers.land_cover import LandAreaPlan, plan_land_area, tabulate_land_area
from carbonshed.readers.row_tasks import join_tables, tabulate_rows
from carbonshed.spatial.crs import china_albers

LEGEND = {1: "forest", 2: "cropland", 3: "water", 0: "nodata"}
HEIGHT, WIDTH = 210, 160


def units(seed: int, crs: Any) -> gpd.GeoDataFrame:
    """Counties with shared borders, one in parts, one with a hole, in pixels of the raster of `files`."""
    rng = np.random.default_rng(seed)
    box = shapely.box(1, 1, WIDTH - 1, HEIGHT - 1)
    points = shapely.multipoints(rng.random((12, 2)) * [WIDTH, HEIGHT])
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=box)), box)
    hole = cells[0].representative_point().buffer(4)
    shapes = [cells[0].difference(hole), shapely.union_all([cells[1], cells[5]]), *cells[2:5], *cells[6:]]
    factor, x, y = (100, 900_000, 4_400_000) if crs.is_projected else (0.001, 115.0, 40.0)
    placed = shapely.transform(np.array(shapes, dtype=object), lambda c: c * [factor, -factor] + [x, y])
    return gpd.GeoDataFrame(geometry=placed, index=[f"u{k}" for k in range(len(placed))], crs=crs).rename_axis("unit_id")


@pytest.fixture(scope="module", params=["projected", "degrees"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, Path], Any]:
    """Two years of random classes in tiles of 16 x 32, and their CRS."""
    crs = china_albers() if request.param == "projected" else rasterio.CRS.from_epsg(4326)
    transform = from_origin(900_000, 4_400_000, 100, 100) if request.param == "projected" else from_origin(115, 40, 0.001, 0.001)
    paths = {}
    for year in (2000, 2010):
        paths[year] = tmp_path_factory.mktemp(request.param) / f"{year}.tif"
        codes = np.random.default_rng(year).integers(0, 4, (HEIGHT, WIDTH)).astype(np.uint8)
        shape = {"height": HEIGHT, "width": WIDTH, "count": 1, "dtype": "uint8", "blockxsize": 32, "blockysize": 16, "tiled": True}
        with rasterio.open(paths[year], "w", driver="GTiff", crs=crs.to_wkt(), transform=transform, **shape) as file:
            file.write(codes, 1)
    return paths, china_albers() if request.param == "projected" else 4326


@pytest.fixture(autouse=True)
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of one row of tiles, so that a small raster has many."""
    monkeypatch.setattr(rasters.strip_rows, "__kwdefaults__", {"pixels": WIDTH * 16})


def planned(files: tuple[dict[int, Path], Any], seed: int, coverage: str) -> tuple[LandAreaPlan, bytes]:
    """A plan and the bytes of the result on one thread."""
    paths, crs = files
    frame = units(seed, gpd.GeoSeries(crs=crs).crs)
    whole = tabulate_land_area(paths, frame, legend=LEGEND, coverage=coverage, threads=1)
    return plan_land_area(paths, frame, legend=LEGEND, coverage=coverage), whole.values.tobytes()


@pytest.mark.parametrize("coverage", ["centre", "exact"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_same_bytes_however_the_work_is_dealt_out(files: tuple[dict[int, Path], Any], coverage: str, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    plan, expected = planned(files, seed, coverage)
    frame = plan.frame
    threaded = tabulate_land_area(files[0], frame, legend=LEGEND, coverage=coverage, threads=data.draw(st.integers(2, 4)))
    assert threaded.values.tobytes() == expected
    tasks = list(plan.tasks(strips_at_once=data.draw(st.integers(1, 20))))
    parts = [tabulate_rows(pickle.loads(pickle.dumps(task))) for task in data.draw(st.permutations(tasks))]
    middle = data.draw(st.integers(0, len(parts)))
    tree = join_tables(reduce(join_tables, parts[middle:], []), reduce(join_tables, parts[:middle], []))
    assert len(tree) == 14
    assert plan.finish(tree).values.tobytes() == expected


@pytest.mark.slow
def test_other_processes_give_the_same_bytes(files: tuple[dict[int, Path], Any]) -> None:
    plan, expected = planned(files, 1, "exact")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(tabulate_rows, plan.tasks(strips_at_once=3)))
    assert plan.finish(join_tables(*parts)).values.tobytes() == expected


def test_a_strip_that_is_missing_twice_or_out_of_order_is_refused(files: tuple[dict[int, Path], Any]) -> None:
    plan, _ = planned(files, 2, "centre")
    tables = join_tables(*map(tabulate_rows, plan.tasks()))
    for wrong in (tables[:-1], tables[1:], [*tables, tables[-1]], tables[::-1]):
        with pytest.raises(ConservationError, match=r"rows|pixels read"):
            plan.finish(wrong)


def test_an_unknown_code_travels_with_its_table(files: tuple[dict[int, Path], Any]) -> None:
    paths, crs = files
    plan = plan_land_area(paths, units(3, gpd.GeoSeries(crs=crs).crs), legend={1: "forest", 2: "cropland", 0: "nodata"})
    with pytest.raises(InputError, match="code 3"):
        plan.finish(join_tables(*map(tabulate_rows, plan.tasks())))
