"""Spans and their sums: a hand case, naive loops, rasterstats for the centre rule, exactextract for exact shares."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterstats import zonal_stats

from carbonshed.numerics.scanline import Edges, Spans, centre_spans, directed_edges, edges_between, exact_spans
from carbonshed.numerics.span_sums import add_spans

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning:rasterstats")

Array = NDArray[np.float64]


def edges_of(polygons: list[shapely.Geometry]) -> Edges:
    rings, zones, holes = [], [], []
    for zone, polygon in enumerate(polygons):
        for part in shapely.get_parts(polygon):
            for k, ring in enumerate([part.exterior, *part.interiors]):
                rings.append(shapely.get_coordinates(ring))
                zones.append(zone)
                holes.append(k > 0)
    of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    return directed_edges(np.vstack(rings), of, np.array(zones), np.array(holes))


def shares(spans: Spans, n_zones: int, n_rows: int, width: int) -> Array:
    """Share of each pixel in each zone, from the spans."""
    out = np.zeros((n_zones, n_rows, width))
    for k, zone in enumerate(spans.zones):
        for s in range(spans.pointer[k], spans.pointer[k + 1]):
            out[zone, spans.row[s], spans.first[s] : spans.end[s]] += spans.share[s]
    return out


def tabulate(
    raster: NDArray[np.uint8], polygons: list[shapely.Geometry], rule: str, weights: Array | None = None, strip: int = 7
) -> tuple[Array, Array]:
    """Sums and counts, in strips of 7 rows so that strips are tested too."""
    edges, n = edges_of(polygons), int(raster.max()) + 1
    height, width = raster.shape
    weights = np.ones((height, 1)) if weights is None else weights
    sums, counts = np.zeros((2, len(polygons), n))
    for top in range(0, height, strip):
        bottom = min(top + strip, height)
        spans = (centre_spans if rule == "centre" else exact_spans)(edges, top, bottom, width)
        assert (np.diff(spans.zones) > 0).all() and (np.diff(spans.pointer) > 0).all()
        areas, pixels, whole = add_spans(raster[top:bottom], spans, weights[top:bottom], n)
        assert whole.sum() == (bottom - top) * width
        sums[spans.zones] += areas
        counts[spans.zones] += pixels
    return sums, counts


def turned(polygons: list[shapely.Geometry], height: int) -> list[shapely.Geometry]:
    """Map coordinates grow upwards, pixel rows downwards."""
    return [shapely.transform(polygon, lambda c: c * [1, -1] + [0, height]) for polygon in polygons]


@st.composite
def maps(draw: st.DrawFn) -> tuple[NDArray[np.uint8], list[shapely.Geometry]]:
    """A random raster and random zones: Voronoi cells with shared borders, some in parts, some with holes, slivers, over the edge."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 90))
    raster = rng.integers(0, 5, (height, width)).astype(np.uint8)
    frame = shapely.box(-0.2 * width, -0.2 * height, 1.2 * width, 1.2 * height)
    points = rng.random((draw(st.integers(2, 12)), 2)) * [width, height]
    cells = list(shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=frame)))
    cells = [shapely.intersection(cell, frame) for cell in cells]
    if len(cells) > 3:
        cells = [shapely.union_all([cells[0], cells[2]]), *cells[1:2], *cells[3:]]  # touching or in parts
    hole = cells[0].representative_point().buffer(0.3 * min(width, height))
    cells[0] = cells[0].difference(hole)
    # a sliver over the others, through no pixel centre: there GDAL may count both sides
    cells.append(shapely.Polygon([(0.0137, 0.0071), (width, height * 0.9973), (width, height * 1.0019)]))
    return raster, [cell for cell in cells if cell.geom_type in ("Polygon", "MultiPolygon") and cell.area > 0]


def test_a_triangle_by_hand() -> None:
    """The lower left half of a 2 x 2 raster: exact shares 0.5, 1, 0.5; by centres the diagonal itself belongs to one side only."""
    triangle = shapely.Polygon([(0, 0), (2, 2), (0, 2)])
    other = shapely.Polygon([(0, 0), (2, 0), (2, 2)])
    exact = shares(exact_spans(edges_of([triangle]), 0, 2, 2), 1, 2, 2)[0]
    assert exact.tolist() == [[0.5, 0.0], [1.0, 0.5]]
    centre = shares(centre_spans(edges_of([triangle, other]), 0, 2, 2), 2, 2, 2)
    assert centre[:, 1, 0].tolist() == [1.0, 0.0]
    assert centre.sum(axis=0).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_the_box_of_exactextracts_own_test() -> None:
    """3 x 3 raster 1..9, box 0.5-2.5: count 4, mean 5."""
    raster = np.arange(1, 10, dtype=np.uint8).reshape(3, 3)
    _, counts = tabulate(raster, [shapely.box(0.5, 0.5, 2.5, 2.5)], "exact")
    assert counts.sum() == 4.0
    assert counts[0] @ np.arange(10) / 4 == 5.0


def test_edges_point_down_and_know_their_inside_whatever_the_winding() -> None:
    square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]
    for ring in (square, square[::-1]):
        for is_hole in (False, True):
            edges = directed_edges(np.array(ring), np.zeros(5, int), np.array([3]), np.array([is_hole]))
            assert (edges.y0 < edges.y1).all()
            left, right = edges.sign[edges.x0 == 0.0][0], edges.sign[edges.x0 == 1.0][0]
            assert (left, right) == ((-1, 1) if is_hole else (1, -1))
            assert edges.zone.tolist() == [3, 3]
    assert len(edges_between(edges, 1, 5).x0) == 0
    assert len(edges_between(edges, 0, 1).x0) == 2


def test_weights_by_row_and_by_pixel() -> None:
    raster = np.array([[0, 1, 1], [1, 0, 1]], dtype=np.uint8)
    zone = [shapely.box(0, 0, 3, 1.5)]
    sums, counts = tabulate(raster, zone, "exact", np.array([[10.0], [100.0]]))
    assert counts.tolist() == [[1.5, 3.0]]
    assert sums.tolist() == [[10.0 + 50.0, 20.0 + 100.0]]
    sums, _ = tabulate(raster, zone, "exact", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert sums.tolist() == [[1.0 + 2.5, 5.0 + 5.0]]


@settings(max_examples=80, deadline=None)
@given(maps())
def test_centre_counts_equal_rasterstats(case: tuple[NDArray[np.uint8], list[shapely.Geometry]]) -> None:
    raster, polygons = case
    height = raster.shape[0]
    _, counts = tabulate(raster, polygons, "centre")
    rows = zonal_stats(turned(polygons, height), raster, affine=Affine(1, 0, 0, 0, -1, height), categorical=True, nodata=255)
    theirs = np.array([[row.get(code, 0) for code in range(counts.shape[1])] for row in rows])
    assert np.array_equal(counts, theirs)


@settings(max_examples=80, deadline=None)
@given(maps())
def test_exact_sums_equal_exactextract_and_the_polygons(case: tuple[NDArray[np.uint8], list[shapely.Geometry]]) -> None:
    """Zone sums within 1e-6 relative of exactextract (it works in single precision in places: 1e-4 px), areas to 1e-9."""
    raster, polygons = case
    height, width = raster.shape
    _, counts = tabulate(raster, polygons, "exact")
    clipped = shapely.area(shapely.intersection(polygons, shapely.box(0, 0, width, height)))
    assert counts.sum(axis=1) == pytest.approx(clipped, rel=1e-9, abs=1e-8)
    frame = gpd.GeoDataFrame(geometry=turned(polygons, height), crs=32650)
    source = NumPyRasterSource(raster, xmin=0, ymin=0, xmax=width, ymax=height, srs_wkt=frame.crs.to_wkt())
    table = exact_extract(source, frame, ["count", "unique", "frac"], output="pandas")
    theirs = np.zeros(counts.shape)
    for zone, (present, fraction, count) in enumerate(zip(table["unique"], table["frac"], table["count"], strict=True)):
        theirs[zone, np.asarray(present, int)] = np.asarray(fraction, float) * count
    assert counts.sum(axis=1) == pytest.approx(theirs.sum(axis=1), rel=1e-6, abs=1e-4)
    assert counts == pytest.approx(theirs, rel=1e-6, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["centre", "exact"]), st.integers(1, 30), st.integers(1, 60))
def test_zones_that_tile_the_raster_give_each_pixel_once(seed: int, rule: str, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    points = shapely.multipoints(rng.random((9, 2)) * [width, height])
    frame = shapely.box(-1, -1, width + 1, height + 1)
    cells = list(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame)))
    raster = rng.integers(0, 4, (height, width)).astype(np.uint8)
    _, counts = tabulate(raster, cells, rule)
    assert counts.sum(axis=0) == pytest.approx(np.bincount(raster.ravel(), minlength=counts.shape[1]), rel=1e-9, abs=1e-9)


def test_nothing_beyond_the_raster_is_counted() -> None:
    raster = np.zeros((4, 50), dtype=np.uint8)
    beyond = [shapely.box(-10, -10, -1, 20), shapely.box(51, -3, 60, 3), shapely.box(-5, -5, 55, 0), shapely.box(-5, 4, 55, 9)]
    for rule in ("centre", "exact"):
        _, counts = tabulate(raster, [*beyond, shapely.box(-5, -5, 55, 9)], rule)
        assert counts[:, 0].tolist() == [0, 0, 0, 0, 200]


def test_the_strip_height_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    raster = rng.integers(0, 6, (64, 100)).astype(np.uint8)
    zone = [shapely.Point(50, 30).buffer(28.3, quad_segs=40)]
    for rule in ("centre", "exact"):
        first = tabulate(raster, zone, rule, strip=64)[1]
        assert all(np.allclose(first, tabulate(raster, zone, rule, strip=strip)[1], rtol=1e-12, atol=1e-12) for strip in (1, 5, 33))
