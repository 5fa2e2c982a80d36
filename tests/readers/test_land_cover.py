"""Land cover from files: real rasters, refusals, any CRS, and the totals of pieces, cells and counties."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.transform import from_origin

from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.land_cover import land_cover_paths, tabulate_land_area
from carbonshed.spatial.counties import canonical_counties
from carbonshed.spatial.crs import china_albers
from carbonshed.spatial.grid import Grid, coarsen
from carbonshed.spatial.overlay import overlay

ALBERS = china_albers()
LEGEND = {1: "forest", 2: "cropland", 3: "water", 0: "nodata"}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write bands as a GeoTIFF of 100 m pixels whose upper left corner is (900 km, 4400 km) in Albers."""

    def write_(
        *bands: Any, name: str = "map.tif", crs: Any = ALBERS, transform: Any = None, descriptions: Any = (), **profile: Any
    ) -> Path:
        arrays = [np.asarray(band) for band in bands]
        transform = transform or from_origin(900_000, 4_400_000, 100, 100)
        shape = {"height": arrays[0].shape[0], "width": arrays[0].shape[1], "count": len(arrays), "dtype": arrays[0].dtype}
        with rasterio.open(
            tmp_path / name, "w", driver="GTiff", crs=crs and CRS(crs).to_wkt(), transform=transform, **shape, **profile
        ) as file:
            for k, array in enumerate(arrays):
                file.write(array, k + 1)
                if descriptions:
                    file.set_band_description(k + 1, descriptions[k])
        return tmp_path / name

    return write_


def pixels(*boxes: tuple[float, float, float, float], ids: list[str] | None = None) -> gpd.GeoDataFrame:
    """Boxes given in pixels of the raster of `write`, as polygons in Albers."""
    shapes = [shapely.box(900_000 + 100 * a, 4_400_000 - 100 * d, 900_000 + 100 * c, 4_400_000 - 100 * b) for a, b, c, d in boxes]
    return gpd.GeoDataFrame(geometry=shapes, index=pd.Index(ids or [f"u{k}" for k in range(len(boxes))], name="unit_id"), crs=ALBERS)


RASTER = np.array([[1, 1, 2, 2], [1, 1, 2, 0], [3, 3, 0, 0], [3, 3, 3, 3]], dtype=np.uint8)


def test_by_hand(write: Write) -> None:
    units = pixels((2.5, 0, 4, 4), (0, 0, 2.5, 4), ids=["b", "a"])
    area = tabulate_land_area({2020: write(RASTER)}, units, legend=LEGEND)
    assert area.dims == ("year", "unit_id", "land_class")
    assert area["unit_id"].values.tolist() == ["b", "a"]
    assert area["land_class"].values.tolist() == ["cropland", "forest", "grassland", "water", "wetland", "built_up", "bare"]
    assert area.sel(year=2020, unit_id="a").values == pytest.approx([0.01, 0.04, 0, 0.045, 0, 0, 0])
    assert area.sel(unit_id="b", land_class="cropland").item() == pytest.approx(0.02)
    assert area["area_km2"].values == pytest.approx([0.06, 0.10])
    assert area["nodata_km2"].values == pytest.approx(np.array([[0.025, 0.005]]))
    assert area.name == "land_area"
    assert area.attrs["units"] == "km2" and area.attrs["coverage"] == "exact" and area.attrs["legend"] == "given"
    centre = tabulate_land_area({2020: write(RASTER)}, units, legend=LEGEND, coverage="centre")
    assert centre.sel(unit_id="a").sum().item() + centre["nodata_km2"].sel(unit_id="a").item() == pytest.approx(
        0.08
    )  # 2.5 is a tie: left out


def test_years_in_files_bands_and_descriptions(write: Write) -> None:
    units = pixels((0, 0, 4, 4))
    other = np.full((4, 4), 3, dtype=np.uint8)
    two = write(RASTER, other, name="two.tif", descriptions=["2000", "land cover 2010"])
    one = [write(RASTER, name="y2000.tif"), write(other, name="y2010.tif")]
    expected = tabulate_land_area(dict(zip([2010, 2000], one[::-1], strict=True)), units, legend=LEGEND)
    assert expected["year"].values.tolist() == [2000, 2010]
    assert expected.sel(year=2010, land_class="water").item() == pytest.approx(0.16)
    for bands in ("by_description", {2000: 1, 2010: 2}):
        again = tabulate_land_area({2000: two, 2010: two}, units, legend=LEGEND, bands=bands)  # type: ignore[arg-type]
        assert np.array_equal(again.values, expected.values)
    assert land_cover_paths(str(one[0]).replace("2000", "{year}"), [2000, 2010]) == {2000: one[0], 2010: one[1]}
    assert set(land_cover_paths("all.tif", [1, 2]).values()) == {Path("all.tif")}


def test_years_on_different_rasters_use_one_rule(write: Write) -> None:
    fine = np.kron(RASTER, np.ones((2, 2), dtype=np.uint8))
    paths = {2000: write(RASTER), 2010: write(fine, name="fine.tif", transform=from_origin(900_000, 4_400_000, 50, 50))}
    area = tabulate_land_area(paths, pixels((0.25, 0.5, 3.3, 3.9)), legend=LEGEND)
    assert area.sel(year=2000).values == pytest.approx(area.sel(year=2010).values, rel=1e-9)


def test_mosaics_are_split(write: Write) -> None:
    area = tabulate_land_area({2020: write(np.full((4, 4), 30, np.uint8))}, pixels((0, 0, 4, 4)), legend="cci")
    assert area.sel(land_class=["cropland", "grassland"]).values.ravel() == pytest.approx([0.112, 0.048])
    assert "mosaic = shares" in area.attrs["legend_options"]
    shrub = tabulate_land_area({2020: write(np.full((4, 4), 120, np.uint8))}, pixels((0, 0, 4, 4)), legend="cci", split_shrub=True)
    assert shrub.sel(land_class="shrub").item() == pytest.approx(0.16)


def test_auto_coverage_is_exact_for_cells_and_few_pixels_else_centre(write: Write) -> None:
    path = write(np.ones((60, 60), dtype=np.uint8))
    region = pixels((0, 0, 60, 60))
    assert tabulate_land_area({2020: path}, region, legend=LEGEND).attrs["coverage"] == "centre"
    assert tabulate_land_area({2020: path}, pixels((0, 0, 19, 19)), legend=LEGEND).attrs["coverage"] == "exact"
    pieces = overlay(Grid.over(region, side_km=2, crs=ALBERS), region)
    assert tabulate_land_area({2020: path}, pieces, legend=LEGEND).attrs["coverage"] == "exact"
    assert tabulate_land_area({2020: path}, Grid.over(region, side_km=2, crs=ALBERS), legend=LEGEND).attrs["coverage"] == "exact"
    assert tabulate_land_area({2020: path}, pieces, legend=LEGEND, coverage="centre").attrs["coverage"] == "centre"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, 0.7]), st.sampled_from([ALBERS, "EPSG:4326", "EPSG:32650", "EPSG:3857"]))
def test_cells_counties_and_region_agree(write: Write, seed: int, side_km: float, crs: Any) -> None:
    """U12 and S6: pixels = pieces = cells = counties, 1e-9 relative, in any CRS; classes + nodata = the unit's true area."""
    rng = np.random.default_rng(seed)
    centre = np.array(Transformer.from_crs(ALBERS, crs, always_xy=True).transform(905_000, 4_395_000))
    pixel = 0.0013 if crs == "EPSG:4326" else 117.0
    raster = rng.integers(0, 4, (150, 160)).astype(np.uint8)
    path = write(raster, crs=crs, transform=from_origin(centre[0] - 80 * pixel, centre[1] + 75 * pixel, pixel, pixel))
    frame = shapely.box(902_000, 4_392_000, 908_000, 4_398_000)
    points = shapely.multipoints(rng.uniform(0, 6_000, (5, 2)) + np.array([902_000, 4_392_000]))
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame)), frame)
    counties = gpd.GeoDataFrame(geometry=cells, index=[f"c{k}" for k in range(len(cells))], crs=ALBERS)
    grid = Grid.over(counties, side_km=side_km, crs=ALBERS)
    pieces = overlay(grid, counties)
    on_pieces = tabulate_land_area({2020: path}, pieces, legend=LEGEND)
    on_counties = tabulate_land_area({2020: path}, counties, legend=LEGEND, coverage="exact")
    # The same CRS: to rounding. Another: borders are followed to 1e-4 pixels, cut into pieces or not.
    rel = 1e-9 if crs == ALBERS else 2e-5
    table = on_pieces.sel(year=2020).to_pandas()
    by_county = table.groupby(pieces["county_id"].to_numpy()).sum().loc[counties.index]
    assert by_county.to_numpy() == pytest.approx(on_counties.values[0], rel=rel, abs=1e-9 if crs == ALBERS else 3e-5)
    assert on_pieces.sum().item() == pytest.approx(on_counties.sum().item(), rel=rel)
    total = on_counties.sum("land_class") + on_counties["nodata_km2"]
    # A border followed to 1e-4 of a pixel of about 117 m moves the area by at most its length times that.
    largest = counties.length.to_numpy() * 1e-4 * 117.0 / 1e6 + 1e-9
    assert (np.abs(total.values.ravel() - on_counties["area_km2"].values) <= largest).all()
    by_cell = table.groupby(pieces["cell_id"].to_numpy()).sum()
    coarse = coarsen(by_cell, grid, 2)
    for sums in (by_county, by_cell, coarse):
        assert sums.sum().to_numpy() == pytest.approx(table.sum().to_numpy(), rel=1e-9)


def test_any_crs_gives_the_same_areas(write: Write) -> None:
    """A half-plane of classes drawn on rasters in four CRSs: areas within half a pixel of the border's length."""
    units = gpd.GeoDataFrame(geometry=[shapely.Point(905_000, 4_395_000).buffer(4_000, quad_segs=64)], index=["disk"], crs=ALBERS)
    found = []
    for crs, pixel in [
        (ALBERS, 50.0),
        ("EPSG:4326", 0.0005),
        ("EPSG:32650", 50.0),
        ("EPSG:3857", 60.0),
        ("+proj=sinu +R=6371007.181", 50.0),
    ]:
        to_map = Transformer.from_crs(ALBERS, crs, always_xy=True)
        x, y = to_map.transform(905_000, 4_395_000)
        n = 300
        columns, rows = np.meshgrid(np.arange(n) + 0.5, np.arange(n) + 0.5)
        east, _ = to_map.transform(x + (columns - n / 2) * pixel, y - (rows - n / 2) * pixel, direction="INVERSE")
        raster = np.where(east < 905_000, 1, 2).astype(np.uint8)
        path = write(raster, crs=crs, transform=from_origin(x - n / 2 * pixel, y + n / 2 * pixel, pixel, pixel))
        area = tabulate_land_area({2020: path}, units, legend=LEGEND, coverage="exact")
        assert area.sum().item() == pytest.approx(units.area.iloc[0] / 1e6, rel=2e-5)
        found.append(area.sel(land_class="forest").item())
    assert found == pytest.approx([units.area.iloc[0] / 2e6] * 5, rel=0.004)


def test_units_in_degrees_and_the_window_of_a_large_raster(write: Write) -> None:
    raster = np.zeros((700, 900), dtype=np.uint8)
    raster[600:640, 700:750] = 2
    path = write(raster, tiled=True, blockxsize=128, blockysize=128)
    units = pixels((690, 590, 760, 650))
    lonlat = gpd.GeoDataFrame(geometry=shapely.segmentize(units.geometry.to_numpy(), 100), index=units.index, crs=ALBERS).to_crs(4326)
    for frame in (units, lonlat):
        area = tabulate_land_area({2020: path}, frame, legend=LEGEND)
        assert area.sel(land_class="cropland").item() == pytest.approx(20.0, rel=1e-6)
        assert area["area_km2"].item() == pytest.approx(42.0, rel=1e-6)


def test_a_grid_that_sticks_out_is_said_and_counts_as_nodata(write: Write) -> None:
    path = write(np.ones((20, 20), dtype=np.uint8))
    grid = Grid.over((900_500.0, 4_398_500.0, 902_000.0, 4_399_500.0), side_km=1, crs=ALBERS, origin=(0.5, 0.5))
    with pytest.warns(DataWarning, match="outside it"):
        area = tabulate_land_area({2020: path}, grid, legend=LEGEND)
    assert area.sum().item() + area["nodata_km2"].sum().item() == pytest.approx(2.0, rel=1e-9)
    assert area.sel(unit_id=area["unit_id"][1], land_class="forest").item() == pytest.approx(0.5)


def test_units_that_stick_out_a_little_are_said_and_count_as_nodata(write: Write) -> None:
    """20 of 4,020 pixels lie below the raster, all of them in unit b: 0.498 % of the units, 1 % of b."""
    path = write(np.ones((20, 200), dtype=np.uint8))
    units = pixels((0, 0, 100, 20), (100, 0, 200, 20.2), ids=["a", "b"])
    with pytest.warns(DataWarning, match=r"0\.498 % of their area outside it, most in b; this counts as nodata"):
        area = tabulate_land_area({2020: path}, units, legend=LEGEND, coverage="exact")
    assert area.sel(land_class="forest").to_numpy().ravel() == pytest.approx([20.0, 20.0], rel=1e-9)
    assert area["nodata_km2"].to_numpy().ravel() == pytest.approx([0.0, 0.2], rel=1e-9, abs=1e-12)
    refused(r"at least 99\.6 % of them", {2020: path}, units, min_coverage=0.996)
    refused("100 % of their area outside", {2020: path}, pixels((0, 30, 4, 35)), min_coverage=0.0)


def test_a_datum_without_a_name_is_said(write: Write) -> None:
    path = write(np.ones((50, 50), dtype=np.uint8), crs="+proj=aea +lat_1=25 +lat_2=47 +lon_0=105 +ellps=krass")
    with pytest.warns(DataWarning, match="ballpark"):
        tabulate_land_area({2020: path}, pixels((10, 10, 40, 40)), legend=LEGEND)


def test_progress_is_told(write: Write) -> None:
    heard: list[float] = []
    tabulate_land_area({2020: write(RASTER)}, pixels((0, 0, 4, 4)), legend=LEGEND, progress=lambda fraction, _: heard.append(fraction))
    assert heard[-1] == 1.0


def refused(why: str, *arguments: Any, **options: Any) -> None:
    with pytest.raises(InputError, match=why):
        tabulate_land_area(*arguments, **{"legend": LEGEND, **options})


def test_what_is_refused_about_files(write: Write, tmp_path: Path) -> None:
    units = pixels((0, 0, 4, 4))
    refused("nothing at", {2020: tmp_path / "none.tif"}, units)
    (tmp_path / "text.tif").write_text("no raster", encoding="utf-8")
    refused("GDAL", {2020: tmp_path / "text.tif"}, units)
    refused("with a CRS", {2020: write(RASTER, crs=None)}, units)
    refused("integer", {2020: write(RASTER.astype(np.float32))}, units)
    refused("only nodata|nodata everywhere in 2020", {2020: write(np.zeros((4, 4), np.uint8))}, units)
    refused(r"code 9 on 6\.25 %", {2020: write(np.where(np.eye(4, k=3) > 0, 9, RASTER).astype(np.uint8))}, units)
    refused("calls a class", {2020: write(RASTER, nodata=1)}, units)
    with pytest.raises(InputError) as caught:
        tabulate_land_area(
            {2020: write(RASTER.astype(np.float32), name="a.tif"), 2021: write(RASTER, name="b.tif", crs=None)}, units, legend=LEGEND
        )
    assert [problem.code for problem in caught.value.problems] == ["not_integer", "no_crs"]


def test_what_is_refused_about_bands(write: Write) -> None:
    units, path = pixels((0, 0, 4, 4)), write(RASTER, RASTER, descriptions=["2000", "2010"])
    refused("description is 2005", {2000: path, 2005: path}, units, bands="by_description")
    refused("band from 1 to 2 for 2005", {2005: path}, units, bands={2005: 3})
    refused("no band given", {2005: path}, units, bands={2000: 1})
    refused("which band is which year", {2000: path, 2005: path}, units)
    refused("by_description", {2000: path}, units, bands="by_name")


def test_what_is_refused_about_units(write: Write) -> None:
    path = write(RASTER)
    refused("25 % of their area outside", {2020: path}, pixels((0, 1, 4, 5)))
    refused("100 % of their area outside", {2020: path}, Grid.over((0.0, 0.0, 9_000.0, 9_000.0), side_km=3, crs=ALBERS))
    refused("each unit_id once", {2020: path}, pixels((0, 0, 1, 1), (1, 1, 2, 2), ids=["a", "a"]))
    refused("CRS", {2020: path}, pixels((0, 0, 1, 1)).set_crs(None, allow_override=True))
    refused("polygons", {2020: path}, gpd.GeoDataFrame(geometry=[shapely.Point(900_100, 4_399_900)], crs=ALBERS))
    bow = shapely.Polygon([(900_000, 4_399_700), (900_300, 4_400_000), (900_300, 4_399_700), (900_000, 4_400_000)])
    refused("Self-intersection", {2020: path}, gpd.GeoDataFrame(geometry=[bow], crs=ALBERS))
    refused("coverage", {2020: path}, pixels((0, 0, 1, 1)), coverage="exakt")
    refused("one level", {2020: write(np.array([[1, 11]], np.uint8))}, pixels((0, 0, 2, 1)), legend="cnlucd")


def test_beijing_urban_land_1984_2007(shared: Path) -> None:
    """24 years in one file, bands named by year, Albers on the Krasovsky ellipsoid: within 0.1 % of the reference, in each year."""
    folder = shared / "data/beijing-urban-1984-2013"
    path = folder / "beijing_urban_1984_2007_90m.tif"
    with rasterio.open(path) as raster:
        whole = gpd.GeoDataFrame(geometry=[shapely.box(*raster.bounds)], index=["all"], crs=raster.crs)
    years = range(1984, 2008)
    area = tabulate_land_area(dict.fromkeys(years, path), whole, legend={1: "built_up", 0: "bare"}, bands="by_description")
    urban = area.sel(land_class="built_up", unit_id="all").to_series()
    expected = pd.read_csv(folder / "urban_area_by_year.csv", index_col="year")["urban_km2"]
    assert urban.to_dict() == pytest.approx(expected.to_dict(), rel=1e-3)
    assert area.sum("land_class").values.ravel() == pytest.approx([2037 * 1826 * 90.0268623740359**2 / 1e6] * 24, rel=1e-9)


def test_beijing_urban_land_on_a_grid(shared: Path) -> None:
    """The same, cell by cell of a 6-km grid on WGS84: the datum without a name is said, the urban area is the same within 0.1 %."""
    path = shared / "data/beijing-urban-1984-2013/beijing_urban_1984_2007_90m.tif"
    with rasterio.open(path) as raster:
        whole = gpd.GeoDataFrame(geometry=[shapely.box(*raster.bounds)], index=["all"], crs=raster.crs)
    with pytest.warns(DataWarning):
        grid = Grid.over(whole, side_km=6, crs=ALBERS)
        area = tabulate_land_area({1984: path, 2007: path}, grid, legend={1: "built_up", 0: "bare"}, bands={1984: 1, 2007: 24})
    assert area.sel(land_class="built_up").sum("unit_id").values == pytest.approx([777.813, 1968.6], rel=1e-3)
    assert area.sum().item() + area["nodata_km2"].sum().item() == pytest.approx(2 * area["area_km2"].sum().item(), rel=1e-4)


def test_modis_land_cover_of_beijing_tianjin_hebei_2019(shared: Path) -> None:
    raw = gpd.read_file(shared / "data/boundaries-bth/bth_boundaries.gpkg", layer="county_modern_amap")
    counties = canonical_counties(raw, id="adcode")
    path = shared / "data/landcover-mcd12c1-2019/mcd12c1_2019_igbp_bth_0p05deg.tif"
    area = tabulate_land_area({2019: path}, counties, legend="mcd12c1")
    assert area.attrs["coverage"] == "exact"
    found = area.sum(["year", "unit_id"]).to_series().to_dict()
    large = {"forest": 8_109, "grassland": 87_062, "cropland": 103_204, "built_up": 14_063, "water": 4_195}
    assert {name: found[name] for name in large} == pytest.approx(large, rel=0.01)
    assert {name: found[name] for name in ("wetland", "bare")} == pytest.approx({"wetland": 358, "bare": 62}, abs=20)
    assert area.sum().item() == pytest.approx(217_053, rel=0.01)
    assert area.sum("land_class").values.ravel() == pytest.approx(counties["area_km2"].to_numpy(), rel=1e-4)
    pieces = overlay(Grid.over(counties, side_km=6, crs=counties.crs), counties)
    fine = tabulate_land_area({2019: path}, pieces, legend="mcd12c1")
    assert fine.sum(["year", "unit_id"]).values == pytest.approx(area.sum(["year", "unit_id"]).values, rel=1e-6)
    assert fine.sum().item() == pytest.approx(area.sum().item(), rel=1e-9)
