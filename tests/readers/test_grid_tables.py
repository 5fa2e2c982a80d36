"""Many grids from one reading: by hand, against plain loops, exactextract and tabulate_land_area, and what is refused."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.transform import Affine

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.readers import grid_tables
from carbonshed.readers.grid_tables import tabulate_grids
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.readers.rasters import strip_rows
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.grid_land_area import GridLandArea

ALBERS = china_albers()
LEGEND = {1: "forest", 2: "cropland", 3: "water", 4: "built_up", 0: "nodata"}
NAMES = ["nodata", "forest", "cropland", "water", "built_up"]


def write(path: Path, values: Any, *, pixel: float = 30.0, corner: tuple[float, float] = (437.3, 4_000_123.9), **more: Any) -> Path:
    values = np.asarray(values)
    values = values[None] if values.ndim == 2 else values
    profile = {"height": values.shape[1], "width": values.shape[2], "count": len(values), "dtype": values.dtype}
    profile |= {"driver": "GTiff", "crs": ALBERS.to_wkt(), "transform": Affine(pixel, 0, corner[0], 0, -pixel, corner[1])} | more
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
    return path


def random_map(shape: tuple[int, int], seed: int = 0, n: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, n, shape, dtype=np.uint8)


def overlap(n: int, begin: float, pixel: float, first: float, side: float, cells: int) -> np.ndarray:
    """Share of each pixel in each cell along one axis, plainly."""
    a = begin + np.arange(n)[:, None] * pixel
    b = first + np.arange(cells) * side
    low, high = np.minimum(a, a + pixel), np.maximum(a, a + pixel)
    return np.maximum(np.minimum(high, b + side) - np.maximum(low, b), 0) / abs(pixel)


def plain(values: np.ndarray, transform: Any, grid: Grid, k: int) -> np.ndarray:
    west, south, _, _ = grid.bounds
    rows = overlap(values.shape[0], transform[5], transform[4], south, grid.side_m, grid.n_rows)
    columns = overlap(values.shape[1], transform[2], transform[0], west, grid.side_m, grid.n_cols)
    return rows.T @ (values == k) @ columns * abs(transform[0] * transform[4]) / 1e6


def assert_plain(result: GridLandArea, values: np.ndarray, transform: Any) -> None:
    for grid, km2, nodata in zip(result.grids, result.km2, result.nodata_km2, strict=True):
        for k, name in enumerate(NAMES):
            found = nodata[0] if name == "nodata" else km2[0, :, :, result.land_classes.index(name)]
            assert found == pytest.approx(plain(values, transform, grid, k), rel=1e-9, abs=1e-7)


def test_by_hand(tmp_path: Path) -> None:
    """Four pixels of 1 km; the 1.5-km cells cut the second row and column in halves."""
    path = write(tmp_path / "map.tif", np.array([[1, 1, 2], [1, 3, 2], [3, 3, 0]], np.uint8), pixel=1000.0, corner=(0.0, 3000.0))
    result = cs.tabulate_grids({2020: path}, sides_km=[1.5, 3], legend=LEGEND)
    area = result.land_area(1.5)
    assert area["unit_id"].values.tolist() == ["g1.5:R000C000", "g1.5:R000C001", "g1.5:R001C000", "g1.5:R001C001"]
    assert area.sel(year=2020, land_class="forest").values.tolist() == [0.5, 0.0, 2.0, 0.5]
    assert area.sel(year=2020, land_class="water").values.tolist() == [1.75, 0.75, 0.25, 0.25]
    assert area.sel(year=2020, land_class="cropland").values.tolist() == [0.0, 0.5, 0.0, 1.5]
    assert area["nodata_km2"].values.tolist() == [[0.0, 1.0, 0.0, 0.0]]
    assert result.land_area(3).sum().item() == pytest.approx(8.0)
    assert area.attrs["units"] == "km2" and area.attrs["coverage"] == "exact"


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    shape = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    pixel = draw(st.sampled_from([30.0, 100.0, 333.3]))
    sides = draw(st.lists(st.sampled_from([0.5, 1.0, 1.7, 2.0, 3.0, 5.0, 6.0]), min_size=1, max_size=4))
    origins = draw(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25]), st.sampled_from([0.0, 0.2, 0.4])), min_size=1, max_size=3))
    corner = draw(st.tuples(st.floats(-9000, 9000), st.floats(-9000, 9000)))
    return {"shape": shape, "pixel": pixel, "sides": sides, "origins": origins, "corner": corner, "up": draw(st.booleans())}


@given(cases(), st.integers(0, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equal_to_the_overlap_of_every_pixel(tmp_path: Path, case: dict[str, Any], seed: int) -> None:
    values = random_map(case["shape"], seed)
    values[0, 0] = 1
    pixel, (x, y) = case["pixel"], case["corner"]
    transform = Affine(pixel, 0, x, 0, pixel if case["up"] else -pixel, y)
    path = write(tmp_path / "map.tif", values, transform=transform)
    result = tabulate_grids({2020: path}, sides_km=case["sides"], origins=case["origins"], legend=LEGEND, threads=1)
    assert len(result.grids) == len(set(case["sides"])) * len(set(case["origins"]))
    assert_plain(result, values, transform)


def test_more_classes_than_a_word_and_wide_integers(tmp_path: Path) -> None:
    codes = [-300, 7, 40, 77, 1000, *range(10, 30)]
    names = ["forest", "cropland", "water", "built_up", "bare"]
    legend = {code: names[k % 5] for k, code in enumerate(codes)} | {9999: "nodata"}
    values = np.array([*codes, 9999])[random_map((70, 80), 4, 26)]
    for dtype in (np.int16, np.int32):
        path = write(tmp_path / f"{np.dtype(dtype).name}.tif", values.astype(dtype))
        result = tabulate_grids({2020: path}, sides_km=[0.7], legend=legend)
        transform = Affine(30, 0, 437.3, 0, -30, 4_000_123.9)
        for k, name in enumerate(names):
            found = result.km2[0][0, :, :, result.land_classes.index(name)]
            expected = plain(np.isin(values, codes[k::5]).astype(int), transform, result.grids[0], 1)
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert result.nodata_km2[0][0] == pytest.approx(plain(values, transform, result.grids[0], 9999), rel=1e-9, abs=1e-12)


def test_equal_to_exactextract(tmp_path: Path) -> None:
    from exactextract import exact_extract

    values = random_map((400, 500), 5) + 1
    path = write(tmp_path / "map.tif", values)
    legend = {1: "forest", 2: "cropland", 3: "water", 4: "built_up", 5: "bare"}
    result = tabulate_grids({2020: path}, sides_km=[2], legend=legend)
    frame = result.grid(2).to_frame()
    found = exact_extract(str(path), frame, ["count", "unique", "frac"], output="pandas")
    theirs = np.zeros((len(frame), 6))
    for k, (codes, share, count) in enumerate(zip(found["unique"], found["frac"], found["count"], strict=True)):
        theirs[k, np.asarray(codes, int)] = np.asarray(share, float) * count
    for code, name in legend.items():
        ours = result.land_area(2).sel(year=2020, land_class=name).values / 9e-4
        assert ours == pytest.approx(theirs[:, code], abs=3e-6)


@pytest.mark.parametrize("coverage", ["exact", "centre"])
def test_equal_to_tabulate_land_area_of_each_grid(tmp_path: Path, coverage: str) -> None:
    paths = {year: write(tmp_path / f"{year}.tif", random_map((150, 230), year)) for year in (2000, 2020)}
    result = tabulate_grids(paths, sides_km=[1, 2, 2.5], origins={2: [(0, 0), (0.3, 1.2)]}, legend=LEGEND, coverage=coverage)
    for grid in result.grids:
        with pytest.warns(cs.checks.DataWarning, match="outside it"):
            expected = tabulate_land_area(paths, grid, legend=LEGEND, coverage=coverage)
        found = result.land_area(grid.side_km, origin=(grid.origin[0] / 1000, grid.origin[1] / 1000))
        assert found["unit_id"].values.tolist() == expected["unit_id"].values.tolist()
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-9, atol=1e-9)
        if coverage == "exact":
            np.testing.assert_allclose(found["nodata_km2"].values, expected["nodata_km2"].values, atol=2e-3 * grid.cell_km2)


def test_many_at_once_equal_separate_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", random_map((420, 510)))
    rng = np.random.default_rng(1)
    shifts = [(0.0, 0.0), *(tuple(x) for x in np.round(rng.uniform(0, 1.5, (7, 2)), 3).tolist()), (1.0, 1.0)]
    together = tabulate_grids({2020: path}, sides_km=[1.5, 3, 4.5], origins=shifts, legend=LEGEND)
    for shift in shifts:
        for side in (1.5, 3, 4.5):
            alone = tabulate_grids({2020: path}, sides_km=[side], origins=[shift], legend=LEGEND)
            np.testing.assert_allclose(together.land_area(side, origin=shift), alone.land_area(side, origin=shift), rtol=1e-10, atol=1e-12)


def test_any_number_of_threads_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "map.tif", random_map((700, 300)), tiled=True, blockxsize=64, blockysize=64, compress="zstd")
    monkeypatch.setattr(grid_tables, "strip_rows", partial(strip_rows, pixels=20_000))
    results = [tabulate_grids({2020: path}, sides_km=[1, 2.3, 4], legend=LEGEND, threads=threads) for threads in (1, 2, 3)]
    for other in results[1:]:
        for a, b in zip(results[0].km2 + results[0].nodata_km2, other.km2 + other.nodata_km2, strict=True):
            assert a.tobytes() == b.tobytes()


def test_the_long_table_holds_what_the_arrays_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", random_map((60, 50)))
    result = tabulate_grids({2020: path}, sides_km=[0.6, 1], origins={1: [(0, 0), (0.5, 0.25)]}, legend=LEGEND)
    frame = result.to_frame()
    assert frame.index.name == "unit_id" and frame.index.is_unique
    assert {text.split(":")[0] for text in frame.index} == {"g600m", "g1", "g1+0.5+0.25"}
    terms = cs.terms()
    assert set(frame.columns) <= set(terms)
    area = result.land_area(1, origin=(0.5, 0.25)).sel(year=2020).to_pandas()
    rows = frame[frame.index.isin(area.index)]
    assert rows[list(result.land_classes)].to_numpy() == pytest.approx(area.loc[rows.index].to_numpy())
    total = frame.groupby(frame.index.str.split(":").str[0])[[*result.land_classes, "nodata_km2"]].sum().sum(axis=1)
    assert total.to_numpy() == pytest.approx(np.full(3, 60 * 50 * 9e-4))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 5)])
def test_one_pixel_and_rasters_smaller_than_a_cell(tmp_path: Path, shape: tuple[int, int]) -> None:
    values = np.full(shape, 2, np.uint8)
    result = tabulate_grids({2020: write(tmp_path / "map.tif", values)}, sides_km=[1, 7], legend=LEGEND)
    for side in (1, 7):
        area = result.land_area(side)
        assert area.sel(land_class="cropland").sum().item() == pytest.approx(values.size * 9e-4)
        whole = area.sum("land_class") + area["nodata_km2"]
        assert whole.values == pytest.approx(np.full(whole.shape, side**2), rel=1e-3)


def test_years_on_different_windows_share_the_grids(tmp_path: Path) -> None:
    a = write(tmp_path / "a.tif", np.full((40, 40), 1, np.uint8), corner=(0.0, 3000.0))
    b = write(tmp_path / "b.tif", np.full((50, 40), 2, np.uint8), corner=(1500.0, 2700.0))
    result = tabulate_grids({2000: a, 2010: b}, sides_km=[0.7], legend=LEGEND)
    assert result.km2[0].sum(axis=(1, 2, 3)) == pytest.approx([1600 * 9e-4, 2000 * 9e-4])
    assert len(result.land_area(0.7)["year"]) == 2


def test_refusals(tmp_path: Path) -> None:
    path = write(tmp_path / "map.tif", random_map((60, 50)))
    with pytest.raises(InputError, match=r"at least one pixel \(30 x 30 m\); got 29 m"):
        tabulate_grids({2020: path}, sides_km=[0.029, 1], legend=LEGEND)
    with pytest.raises(InputError, match=r"less than a side|up to the side"):
        tabulate_grids({2020: path}, sides_km=[1], origins=[(1, 0)], legend=LEGEND)
    with pytest.raises(InputError, match="side_km > 0"):
        tabulate_grids({2020: path}, sides_km=[0], legend=LEGEND)
    with pytest.raises(InputError, match="at least one side"):
        tabulate_grids({2020: path}, sides_km=[], legend=LEGEND)
    with pytest.raises(InputError, match="sides that are asked for; got origins of 2 km"):
        tabulate_grids({2020: path}, sides_km=[1], origins={2: [(0, 0)]}, legend=LEGEND)
    with pytest.raises(InputError, match="exact, centre"):
        tabulate_grids({2020: path}, sides_km=[1], legend=LEGEND, coverage="auto")
    with pytest.raises(InputError, match=r"code 4 on .* % of the pixels"):
        tabulate_grids({2020: path}, sides_km=[1], legend={k: v for k, v in LEGEND.items() if k != 4})
    with pytest.raises(InputError, match=r"code 200 on 0.0333 % of the pixels"):
        strange = random_map((60, 50))
        strange[3, 3] = 200
        tabulate_grids({2020: write(tmp_path / "strange.tif", strange)}, sides_km=[1], legend=LEGEND)
    with pytest.raises(InputError, match="nodata everywhere"):
        tabulate_grids({2020: write(tmp_path / "empty.tif", np.zeros((9, 9), np.uint8))}, sides_km=[1], legend=LEGEND)
    with pytest.raises(InputError, match="one of g1; got side 2 km"):
        tabulate_grids({2020: path}, sides_km=[1], legend=LEGEND).land_area(2)
    with pytest.raises(InputError, match="equal-area"):
        tabulate_grids({2020: path}, sides_km=[1], legend=LEGEND, crs="EPSG:32650")
    with pytest.raises(InputError, match="rotated"):
        turned = write(tmp_path / "turned.tif", random_map((9, 9)), transform=Affine(30, 5, 0, 5, -30, 0))
        tabulate_grids({2020: turned}, sides_km=[1], legend=LEGEND)
    with pytest.raises(InputError, match="a raster with a CRS"):
        tabulate_grids({2020: write(tmp_path / "none.tif", random_map((9, 9)), crs=None)}, sides_km=[1], legend=LEGEND)


PLACES = {
    "5 N": (109.9, 5.15, "auto"),
    "40 N": (116.1, 40.2, "auto"),
    "40 N, far from the central meridian": (75.2, 40.2, ALBERS),
    "60 N": (10.0, 60.1, "auto"),
    "35 N, on the central meridian": (104.95, 35.3, ALBERS),
    "across 180": (179.93, -16.8, "auto"),
    "33 S": (-70.1, -33.2, "auto"),
}
DEGREE = 0.000269494585
"""30 m on the equator."""


def write_geographic(path: Path, values: np.ndarray, west: float, north: float, **more: Any) -> Path:
    return write(path, values, crs="EPSG:4326", transform=Affine(DEGREE, 0, west, 0, -DEGREE, north), **more)


def projected_pixels(shape: tuple[int, int], west: float, north: float, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    """Map coordinates of the centre of every pixel, one by one."""
    column, row = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    move = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    return move.transform(west + DEGREE * column, north - DEGREE * row)


def pixel_km2(n_rows: int, north: float) -> np.ndarray:
    """Geodesic area of a pixel of each row, from a strip 0.01 degrees wide."""
    geod, edges = CRS.from_epsg(4326).get_geod(), north - DEGREE * np.arange(n_rows + 1)
    m2 = [abs(geod.polygon_area_perimeter([0, 0.01, 0.01, 0], [a, a, b, b])[0]) for a, b in pairwise(edges)]
    return np.array(m2) * DEGREE / 0.01 / 1e6


@pytest.mark.parametrize("place", PLACES)
def test_every_pixel_projected_one_by_one_is_in_the_same_cell(tmp_path: Path, place: str) -> None:
    """No centre within 0.01 pixels of a border on the wrong side: none differs at all, so every line lies right to far below that."""
    west, north, crs = PLACES[place]
    shape = (260, 330)
    values = random_map(shape, 7)
    values[0, 0] = 1
    path = write_geographic(tmp_path / "map.tif", values, west, north)
    result = tabulate_grids(
        {2020: path}, sides_km=[0.5, 1, 1.7, 3], origins={1.7: [(0, 0), (0.3, 1.1)]}, crs=crs, legend=LEGEND, coverage="centre"
    )
    x, y = projected_pixels(shape, west, north, result.grids[0].crs)
    row_km2 = pixel_km2(shape[0], north)
    for grid, km2, nodata in zip(result.grids, result.km2, result.nodata_km2, strict=True):
        left, lower, _, _ = grid.bounds
        row, column = np.floor((y - lower) / grid.side_m).astype(int), np.floor((x - left) / grid.side_m).astype(int)
        for k, name in enumerate(NAMES):
            found = nodata[0] if name == "nodata" else km2[0, :, :, result.land_classes.index(name)]
            expected = np.zeros(grid.shape)
            np.add.at(expected, (row, column), np.where(values == k, row_km2[:, None], 0))
            # a pixel on the wrong side would be 1 in at most 10,000 of a cell; the geodesic areas of both agree to 1e-7
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("place", PLACES)
def test_whole_cells_hold_their_true_area_and_the_total_is_kept(tmp_path: Path, place: str) -> None:
    west, north, crs = PLACES[place]
    shape = (400, 500)
    path = write_geographic(tmp_path / "map.tif", random_map(shape, 8), west, north)
    result = tabulate_grids({2020: path}, sides_km=[1, 2.3], crs=crs, legend=LEGEND)
    assert float(result.attrs["placement_error_px"]) < 1e-4
    geod = result.grids[0].crs.get_geod()
    east, south = west + DEGREE * shape[1], north - DEGREE * shape[0]
    edge = np.linspace(west, east, 3000)
    box = abs(geod.polygon_area_perimeter([*edge, *edge[::-1]], [*np.full(3000, north), *np.full(3000, south)])[0]) / 1e6
    outline = projected_outline(shape, west, north, result.grids[0].crs)
    for k, grid in enumerate(result.grids):
        cells = result.km2[k][0].sum(axis=2) + result.nodata_km2[k][0]
        assert cells.sum() == pytest.approx(box, rel=1e-7)
        whole = shapely.contains_properly(outline, grid.to_frame().geometry.to_numpy()).reshape(grid.shape)
        assert whole.sum() > 5
        assert cells[whole] == pytest.approx(np.full(whole.sum(), grid.cell_km2), rel=1e-3 / grid.side_km)
        assert (result.outside_km2(k)[0][whole] == 0).all()


def projected_outline(shape: tuple[int, int], west: float, north: float, crs: CRS) -> shapely.Polygon:
    t = np.linspace(0, 1, 200)
    column = shape[1] * np.concatenate([t, np.ones_like(t), 1 - t, np.zeros_like(t)])
    row = shape[0] * np.concatenate([np.zeros_like(t), t, np.ones_like(t), 1 - t])
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(west + DEGREE * column, north - DEGREE * row)
    return shapely.Polygon(np.column_stack([x, y]))


@pytest.mark.parametrize("place", ["40 N, far from the central meridian", "60 N", "5 N"])
def test_fractions_are_those_of_polygons_projected_onto_the_raster(tmp_path: Path, place: str) -> None:
    """`tabulate_land_area` projects each cell into pixel space and splits pixels exactly; a leaning line splits single pixels otherwise here."""
    west, north, crs = PLACES[place]
    values = random_map((200, 230), 9)
    path = write_geographic(tmp_path / "map.tif", values, west, north)
    result = tabulate_grids({2020: path}, sides_km=[1.3], crs=crs, legend=LEGEND)
    with pytest.warns(cs.checks.DataWarning, match="outside it"):
        expected = tabulate_land_area({2020: path}, result.grids[0], legend=LEGEND, coverage="exact")
    pixel = 0.0009 * np.cos(np.radians(north))
    found = result.land_area(1.3)
    assert np.abs(found - expected).max().item() < 1.5 * pixel
    total = found.sum("land_class") + found["nodata_km2"]
    assert total.values == pytest.approx(np.full(total.shape, 1.69), rel=1e-3)


def test_geographic_by_any_threads_words_and_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells wider than the 255 pixels of a byte, 23 codes in three words, strips of few rows: all as with one thread and one strip."""
    codes = random_map((300, 700), 3, 23)
    names = ["forest", "cropland", "water", "built_up", "bare"]
    path = write_geographic(tmp_path / "map.tif", codes, 120.0, 30.0, tiled=True, blockxsize=64, blockysize=64)
    legend = {k: names[k % 5] for k in range(23)}
    whole = tabulate_grids({2020: path}, sides_km=[9, 10.5], legend=legend, coverage="centre", threads=1)
    monkeypatch.setattr(grid_tables, "strip_rows", partial(strip_rows, pixels=50_000))
    strips = [tabulate_grids({2020: path}, sides_km=[9, 10.5], legend=legend, coverage="centre", threads=n) for n in (1, 2, 3)]
    for k, grid in enumerate(whole.grids):
        assert whole.km2[k] == pytest.approx(strips[0].km2[k], rel=1e-12)
        assert strips[0].km2[k].tobytes() == strips[1].km2[k].tobytes() == strips[2].km2[k].tobytes()
        x, y = projected_pixels(codes.shape, 120.0, 30.0, grid.crs)
        row, column = np.floor((y - grid.bounds[1]) / grid.side_m).astype(int), np.floor((x - grid.bounds[0]) / grid.side_m).astype(int)
        for name in names:
            expected = np.zeros(grid.shape)
            of_name = np.isin(codes, [c for c in range(23) if names[c % 5] == name])
            np.add.at(expected, (row, column), of_name * pixel_km2(300, 30.0)[:, None])
            assert whole.km2[k][0, :, :, whole.land_classes.index(name)] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_an_equal_area_raster_onto_another_equal_area_crs(tmp_path: Path) -> None:
    values = random_map((200, 210), 6)
    path = write(tmp_path / "map.tif", values, corner=(1_200_000.0, 4_400_000.0))
    crs = china_albers(116.5)
    result = tabulate_grids({2020: path}, sides_km=[1], crs=crs, legend=LEGEND)
    assert result.km2[0].sum() + result.nodata_km2[0].sum() == pytest.approx(200 * 210 * 9e-4, rel=1e-12)
    with pytest.warns(cs.checks.DataWarning, match="outside it"):
        expected = tabulate_land_area({2020: path}, result.grids[0], legend=LEGEND)
    assert np.abs(result.land_area(1) - expected).max().item() < 1.5 * 9e-4


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_geographic_one_pixel_one_row_one_column(tmp_path: Path, shape: tuple[int, int]) -> None:
    result = tabulate_grids({2020: write_geographic(tmp_path / "map.tif", np.ones(shape, np.uint8), 116, 40)}, sides_km=[2], legend=LEGEND)
    assert result.km2[0].sum() == pytest.approx(shape[0] * shape[1] * 9e-4 * np.cos(np.radians(40)), rel=5e-3)


def test_geographic_refusals(tmp_path: Path) -> None:
    path = write_geographic(tmp_path / "map.tif", random_map((60, 50)), 116, 40)
    with pytest.raises(InputError, match="at least 2 pixels"):
        tabulate_grids({2020: path}, sides_km=[0.05], legend=LEGEND)
    with pytest.raises(InputError, match=r"turned by half a right angle|across its cut|inside the domain"):
        cut = write_geographic(tmp_path / "cut.tif", random_map((60, 50)), -75.005, 40)  # opposite 105 E
        tabulate_grids({2020: cut}, sides_km=[1], legend=LEGEND, crs=ALBERS)
    with pytest.raises(InputError, match="half a right angle"):
        tabulate_grids({2020: path}, sides_km=[1], legend=LEGEND, crs="ESRI:102017")  # round the pole
    with pytest.raises(InputError, match="area of a pixel changes along a row"):
        utm = write(tmp_path / "utm.tif", random_map((60, 50)), crs="EPSG:32650", transform=Affine(30, 0, 3e5, 0, -30, 4.4e6))
        tabulate_grids({2020: utm}, sides_km=[1], legend=LEGEND)


@pytest.mark.parametrize(("page", "heading"), [("how-to.md", "## Tabulate many grids at once"), ("how-to.zh.md", "## 一次统计多种格网")])
def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, heading: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    code = text.split(heading)[1].split("```python")[1].split("```")[0]
    write_geographic(tmp_path / "clcd_2020.tif", random_map((300, 400), 2, 9) + 1, 116.0, 40.0)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["five"].dims == ("year", "unit_id", "land_class")
    assert set(names["table"]["scale_km"]) == {1.0, 2.0, 3.0, 5.0}
    assert float(names["five"].attrs["placement_error_px"]) < 0.01


def test_modis_land_cover_of_china(shared: Path) -> None:
    """Real pixels of 5 km in degrees onto cells of 20 to 90 km: as polygons give them, and the same total."""
    path = shared / "data/landcover-mcd12c1-2019/mcd12c1_2019_igbp_china_0p05deg.tif"
    result = tabulate_grids({2019: path}, sides_km=[20, 45, 90], legend="mcd12c1")
    totals = [km2.sum() + nodata.sum() for km2, nodata in zip(result.km2, result.nodata_km2, strict=True)]
    assert totals == pytest.approx(totals[:1] * 3, rel=1e-9)
    with pytest.warns(cs.checks.DataWarning, match="outside it"):
        expected = tabulate_land_area({2019: path}, result.grid(90), legend="mcd12c1")
    found = result.land_area(90)
    assert found.sum(("year", "unit_id")).values == pytest.approx(expected.sum(("year", "unit_id")).values, rel=2e-3)
    assert np.abs(found - expected).max().item() < 60  # some shares of pixels of 25 km2 on a border of 360 km
