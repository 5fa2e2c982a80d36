"""Maps of very many polygons as one picture."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from carbonshed.present import plates
from carbonshed.present.figures import as_bytes, draw
from carbonshed.present.folder import ResultFolder
from carbonshed.present.many_shapes import Painting, coloured, paint, striped, total_bounds
from carbonshed.present.plates import outlines


def pieces(count: int, seed: int) -> np.ndarray:
    """A square of 100 parted into that many ragged polygons."""
    points = shapely.MultiPoint(np.random.default_rng(seed).uniform(0, 100, (count, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=shapely.box(0, 0, 100, 100)))
    return shapely.intersection(cells, shapely.box(0, 0, 100, 100))


@settings(max_examples=15, deadline=None)
@given(count=st.integers(2, 60), seed=st.integers(0, 1000))
def test_every_dot_lies_in_its_polygon_as_gdal_has_it(count, seed):
    shapes = pieces(count, seed)
    painted = paint(outlines(shapes), (0, 0, 100, 100), dots=200).number
    expected = rasterio.features.rasterize(
        zip(shapes, range(count), strict=True), (200, 200), fill=-1, transform=Affine(0.5, 0, 0, 0, -0.5, 100), dtype="int32"
    )
    rows, columns = np.nonzero(painted != expected[::-1])
    middles = shapely.points((columns + 0.5) / 2, (rows + 0.5) / 2)
    beside = shapely.distance(shapes[painted[rows, columns]], middles)
    assert (painted >= 0).all() and (beside <= 0.5).all(), "a dot that two share may go to either: right to one dot"


def test_a_hole_and_the_outside_belong_to_none():
    ring = shapely.box(0, 0, 10, 10) - shapely.box(4, 4, 6, 6)
    painted = paint(outlines([ring, shapely.box(12, 0, 14, 10)]), (0, 0, 14, 10), dots=140).number
    assert painted[50, 50] == -1 and painted[50, 10] == 0 and painted[50, 110] == -1 and painted[50, 130] == 1
    assert total_bounds(np.array([ring])) == (0, 0, 10, 10)


def test_more_polygons_than_one_part_of_a_colour_holds():
    squares = shapely.box(*np.array([(x, y, x + 1, y + 1) for y in range(30) for x in range(30)]).T)
    painted = paint(outlines(squares), (0, 0, 30, 30), dots=90).number
    assert (painted[1::3, 1::3].ravel() == np.arange(900)).all()


def test_colours_and_stripes_by_hand():
    painting = Painting(np.array([[0, 1], [-1, 0]], dtype=np.int32), (0, 2, 0, 2))
    assert coloured(painting, ["#ff0000", "#00ff00"]).tolist() == [
        [[255, 0, 0, 255], [0, 255, 0, 255]],
        [[0, 0, 0, 0], [255, 0, 0, 255]],
    ]
    wide = Painting(np.zeros((40, 40), dtype=np.int32), (0, 40, 0, 40))
    shown = striped(wide, np.array([True]), "#0000ff")
    assert set(map(tuple, shown.reshape(-1, 4))) == {(0, 0, 0, 0), (0, 0, 255, 255)}
    assert (shown[..., 3] > 0).mean() == pytest.approx(0.2, abs=0.01)
    assert not striped(wide, np.array([False]), "#0000ff").any()


def _ragged(tables, manifest):
    """Counties, each of its own shape, and money on the grid of counties only."""
    counties = tables["accounts_county"]
    names = counties["unit_id"].unique()
    west, south, east, north = counties.total_bounds
    moved = shapely.transform(pieces(len(names), 1), lambda p: p / 100 * (east - west, north - south) + (west, south))
    shapes = gpd.GeoSeries(moved, index=names)
    for name in ("accounts_county",):
        tables[name] = tables[name].set_geometry(shapes.reindex(tables[name]["unit_id"]).to_numpy(), crs=counties.crs)


@pytest.mark.parametrize("name", ["compensation_map", "hot_spots_money_map"])
def test_a_map_as_a_picture_looks_as_it_does_with_outlines(build, monkeypatch, name):
    folder = build(years=(2020,), change=_ragged)
    with_outlines = draw(ResultFolder(folder), name, "en")
    monkeypatch.setattr(plates, "MANY_POLYGONS", 5)
    as_picture = draw(ResultFolder(folder), name, "en")
    assert any(panel.images for panel in as_picture.figure.axes) and not any(panel.images for panel in with_outlines.figure.axes)
    small = []
    for drawing in (with_outlines, as_picture):
        (folder / "x.png").write_bytes(as_bytes(drawing, "png", dpi=100))
        with Image.open(folder / "x.png") as image:
            small.append(np.asarray(image.convert("RGB").resize((90, 80), Image.Resampling.BOX), dtype=float))
    apart = np.abs(small[0] - small[1])
    assert apart.mean() < 4 and (apart.max(axis=2) > 60).mean() < 0.01, "but for borders between counties, which a picture lacks"
