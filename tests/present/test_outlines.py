"""Paths of shapes for maps: the same rings, in the same order, as taken one by one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from matplotlib.path import Path as Outline

from carbonshed.present.plates import outlines

SQUARE = shapely.box(0, 0, 4, 4)
HOLED = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (2, 1), (2, 2)], [(5, 5), (6, 5), (6, 6)]])
TWO = shapely.MultiPolygon([SQUARE, HOLED.buffer(0)])


def one_by_one(shape):
    rings = [ring for part in shapely.get_parts(shape) for ring in shapely.get_rings(part)] if shape is not None else []
    points = [shapely.get_coordinates(ring) for ring in rings]
    codes = [[Outline.MOVETO, *[Outline.LINETO] * (len(each) - 2), Outline.CLOSEPOLY] for each in points]
    return np.concatenate([np.empty((0, 2)), *points]), [code for each in codes for code in each]


def test_a_square_by_hand():
    path = outlines([SQUARE])[0]
    assert path.vertices.tolist() == [[4, 0], [4, 4], [0, 4], [0, 0], [4, 0]]
    assert path.codes.tolist() == [1, 2, 2, 2, 79]


@pytest.mark.parametrize(
    "shapes",
    [[SQUARE, None, HOLED, TWO], [None], [None, TWO, None], [shapely.Polygon(), SQUARE], [], [shapely.LineString([(0, 0), (1, 1)]), HOLED]],
)
def test_rings_are_those_taken_one_by_one(shapes):
    paths = outlines(shapes)
    assert len(paths) == len(shapes)
    for path, shape in zip(paths, shapes, strict=True):
        vertices, codes = one_by_one(shape)
        assert path.vertices.tolist() == vertices.tolist() and path.codes.tolist() == codes
