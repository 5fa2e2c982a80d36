"""The one pass: areas, nodata, unknown codes, the whole raster accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from carbonshed.checks import ConservationError, DataWarning, InputError
from carbonshed.spatial.crs import PixelAreas
from carbonshed.spatial.land_area import Coverage, Strip, Tabulation, choose_coverage, clipped_areas, pixel_edges, tabulate_blocks


def in_strips(rasters: list[NDArray[np.integer]], height: int = 3) -> Iterator[Strip]:
    for top in range(0, rasters[0].shape[0], height):
        yield top, [raster[top : top + height] for raster in rasters]


def one_km2(top: int, bottom: int) -> NDArray[np.float64]:
    return np.ones((bottom - top, 1))


def tabulate(
    rasters: list[NDArray[np.integer]],
    zones: list[shapely.Geometry],
    *,
    coverage: Coverage = "exact",
    codes: tuple[int, ...] = (1, 2, 3),
    nodata: tuple[int, ...] = (0,),
    areas: PixelAreas = one_km2,
) -> Tabulation:
    return tabulate_blocks(
        in_strips(rasters),
        np.array(zones, dtype=object),
        shape=rasters[0].shape,
        codes=codes,
        nodata=[nodata] * len(rasters),
        areas=areas,
        coverage=coverage,
    )


RASTER = np.array([[1, 1, 2, 2], [1, 1, 2, 0], [3, 3, 0, 0], [3, 3, 3, 3]], dtype=np.uint8)


def test_by_hand() -> None:
    table = tabulate([RASTER], [shapely.box(0, 0, 2.5, 4), shapely.box(2.5, 0, 4, 4)])
    assert table.codes.tolist() == [1, 2, 3]
    assert table.km2[0].tolist() == [[4.0, 1.0, 4.5, 0.5], [0.0, 3 - 1.0, 1.5, 2.5]]
    assert table.outside[0].tolist() == [0.0, 0.0, 0.0, 0.0]
    centre = tabulate([RASTER], [shapely.box(0, 0, 2.7, 4)], coverage="centre")
    assert centre.pixels[0].tolist() == [[4.0, 2.0, 5.0, 1.0]]
    assert centre.outside[0].tolist() == [0.0, 1.0, 1.0, 2.0]
    assert table.pixels.shape == (1, 0, 4)


def test_layers_share_one_pass_and_areas_weigh_the_rows() -> None:
    def by_row(top: int, bottom: int) -> NDArray[np.float64]:
        return 10.0 ** np.arange(top, bottom)[:, None]

    table = tabulate([RASTER, RASTER[::-1]], [shapely.box(0, 0, 4, 4)], areas=by_row)
    assert table.km2[0, 0].tolist() == [22.0, 12.0, 4200.0, 210.0]
    assert table.km2[1, 0].tolist() == [2200.0, 2100.0, 24.0, 120.0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.int64])
def test_every_integer_type(dtype: type[np.integer]) -> None:
    table = tabulate([RASTER.astype(dtype)], [shapely.box(0, 0, 4, 4)], codes=(3, 1, 2), nodata=(0, -1, 99_999))
    assert table.km2[0, 0].tolist() == [4.0, 3.0, 6.0, 3.0]
    if np.issubdtype(dtype, np.signedinteger):
        negative = np.where(RASTER == 0, dtype(-9), RASTER.astype(dtype))
        assert tabulate([negative], [shapely.box(0, 0, 4, 4)], nodata=(-9,)).km2[0, 0].tolist() == [4.0, 3.0, 6.0, 3.0]


def test_an_unknown_code_is_named_with_its_share() -> None:
    raster = RASTER.copy()
    raster[0, 0], raster[3, 3] = 200, 77
    raster[0, 1] = 200
    for kind in (np.uint8, np.int32):
        with pytest.raises(InputError, match=r"code 200 on 12\.5 % of the pixels inside the units, code 77 on 6\.25 %"):
            tabulate([raster.astype(kind)], [shapely.box(0, 0, 4, 4)])


def test_an_unknown_code_outside_the_zones_does_not_matter() -> None:
    raster = RASTER.copy()
    raster[0, 0] = 200
    assert tabulate([raster], [shapely.box(1, 0, 4, 4)]).km2.sum() == 12.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 60), st.sampled_from(["centre", "exact"]), st.booleans())
def test_classes_nodata_and_outside_make_the_raster(seed: int, height: int, width: int, coverage: Coverage, by_pixel: bool) -> None:
    """Non-overlapping zones with holes, parts and slivers: zones + outside = raster, code by code; km2 add up to the area inside."""
    rng = np.random.default_rng(seed)
    raster = rng.integers(0, 4, (height, width)).astype(np.uint8)
    weights = rng.uniform(0.5, 2.0, (height, width if by_pixel else 1))
    points = shapely.multipoints(rng.random((8, 2)) * [width, height])
    box = shapely.box(0, 0, width, height)
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=box)), box)
    hole = shapely.Point(rng.random(2) * [width, height]).buffer(0.1 * min(width, height))
    zones = [shapely.union_all([cells[0], cells[3]]).difference(hole), cells[1].difference(hole), cells[2].difference(hole)]
    zones = [zone for zone in zones if zone.geom_type in ("Polygon", "MultiPolygon") and zone.area > 1e-9]
    table = tabulate([raster], zones, coverage=coverage, areas=lambda top, bottom: weights[top:bottom])
    whole = np.bincount(raster.ravel(), minlength=4)[[1, 2, 3, 0]]
    assert (table.outside[0] >= -1e-9).all()
    if coverage == "centre":
        assert table.pixels[0].sum(axis=0) + table.outside[0] == pytest.approx(whole)
    else:
        assert table.outside[0].sum() + shapely.area(zones).sum() == pytest.approx(height * width, rel=1e-9)
    ones = tabulate([raster], zones, coverage=coverage)
    assert ones.km2[0].sum(axis=0) + ones.outside[0] == pytest.approx(whole, rel=1e-9, abs=1e-9)
    # naive: each pixel's share times its own area
    if by_pixel and coverage == "centre":
        rows, columns = np.indices(raster.shape)
        for k, zone in enumerate(zones):
            inside = shapely.contains_xy(zone, columns + 0.5, rows + 0.5)
            expected = [weights[inside & (raster == code)].sum() for code in (1, 2, 3, 0)]
            assert table.km2[0, k] == pytest.approx(expected, rel=1e-12)


def test_exact_sums_are_the_polygons_areas() -> None:
    zones = [shapely.Point(30, 20).buffer(13.37), shapely.Polygon([(3.3, 1.1), (50.7, 2.2), (20.1, 39.9)])]
    raster = np.ones((40, 60), dtype=np.uint8)
    table = tabulate([raster], zones)
    assert table.km2[0, :, 0] == pytest.approx(shapely.area(zones), rel=1e-9)


def test_overlapping_zones_are_said() -> None:
    with pytest.warns(DataWarning, match="more than once"):
        table = tabulate([RASTER], [shapely.box(0, 0, 4, 4), shapely.box(0, 0, 1, 1)])
    assert table.km2.sum() == 17.0


def test_rows_that_are_missing_break_conservation() -> None:
    with pytest.raises(ConservationError, match="pixels read"):
        tabulate_blocks(
            [(0, [RASTER[:2]])],
            np.array([shapely.box(0, 0, 4, 2)], dtype=object),
            shape=(4, 4),
            codes=[1, 2, 3],
            nodata=[[0]],
            areas=one_km2,
            coverage="exact",
        )


def test_progress_is_told() -> None:
    heard: list[float] = []
    tabulate_blocks(
        in_strips([RASTER]),
        np.array([shapely.box(0, 0, 4, 4)], dtype=object),
        shape=(4, 4),
        codes=[1, 2, 3],
        nodata=[[0]],
        areas=one_km2,
        coverage="exact",
        progress=lambda fraction, _: heard.append(fraction),
    )
    assert heard == [0.75, 1.0]


def test_coverage_is_chosen_by_the_median_polygon() -> None:
    few, many = shapely.box(0, 0, 19, 21), shapely.box(0, 0, 20, 20)
    assert choose_coverage(np.array([few, few, many])) == "exact"
    assert choose_coverage(np.array([few, many, many])) == "centre"


def test_clipped_areas_and_edges() -> None:
    zones = np.array([shapely.box(-1, -1, 1, 1), shapely.box(1, 1, 2, 3), shapely.box(9, 9, 10, 10)])
    assert clipped_areas(zones, (4, 4)).tolist() == [1.0, 2.0, 0.0]
    ring = shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2))
    edges = pixel_edges(np.array([ring, shapely.MultiPolygon([shapely.box(5, 0, 6, 1), shapely.box(7, 0, 8, 1)])]))
    assert np.bincount(edges.zone).tolist() == [4, 4]
    inside_height = (edges.sign * (edges.y1 - edges.y0) * -edges.x0)[edges.zone == 0].sum()
    assert inside_height == pytest.approx(ring.area)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="centre, exact"):
        tabulate([RASTER], [shapely.box(0, 0, 4, 4)], coverage="exakt")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="250"):
        tabulate([RASTER], [shapely.box(0, 0, 4, 4)], codes=tuple(range(1, 300)))
