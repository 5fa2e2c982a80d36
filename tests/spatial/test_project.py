"""Polygons that move keep shared borders shared and follow the true curve."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod

from carbonshed.checks import InputError
from carbonshed.spatial.crs import china_albers, mover
from carbonshed.spatial.project import project

MOVE = mover(CRS.from_epsg(4326), china_albers(), where="test")
assert MOVE is not None


def test_a_long_parallel_becomes_a_curve() -> None:
    box = shapely.box(100, 30, 120, 40)
    straight = shapely.transform(box, MOVE)
    moved = project(np.array([box]), MOVE, tolerance=1.0)[0]
    lon = np.concatenate([np.linspace(100, 120, 2000), np.linspace(120, 100, 2000)])
    lat = np.repeat([30.0, 40.0], 2000)
    true = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    assert moved.area == pytest.approx(true, rel=1e-6)
    assert straight.area != pytest.approx(true, rel=1e-3)  # what splitting is for


def test_multipolygons_holes_and_empties_come_back_as_they_were() -> None:
    ring = shapely.box(110, 30, 116, 36).difference(shapely.box(112, 32, 113, 33))
    both = shapely.union_all([ring, shapely.box(118, 30, 120, 31)])
    shapes = np.array([ring, both, shapely.Polygon(), shapely.box(100, 20, 101, 21)])
    moved = project(shapes, MOVE, tolerance=0.1)
    assert [shape.geom_type for shape in moved] == ["Polygon", "MultiPolygon", "Polygon", "Polygon"]
    assert moved[2].is_empty
    assert shapely.get_num_interior_rings(moved[0]) == 1
    assert shapely.is_valid(moved).all()
    assert moved[1].area - moved[0].area == pytest.approx(project(np.array([shapely.box(118, 30, 120, 31)]), MOVE, tolerance=0.1)[0].area)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(105, 115), st.floats(30, 40)), min_size=2, max_size=6, unique=True), st.floats(0.01, 100))
def test_neighbours_split_their_border_alike(border: list[tuple[float, float]], tolerance: float) -> None:
    """The same border walked up by one neighbour and down by the other gives the same vertices, to the bit."""
    border = sorted(border, key=lambda p: p[1])
    left = shapely.Polygon([*border, (100, 41), (100, 29)])
    right = shapely.Polygon([*reversed(border), (120, 29), (120, 41)])
    a, b = (set(map(tuple, shapely.get_coordinates(project(np.array([each]), MOVE, tolerance=tolerance)[0]))) for each in (left, right))
    inner = shapely.get_coordinates(project(np.array([shapely.Polygon([*border, (100, 41), (100, 29)])]), MOVE, tolerance=tolerance)[0])
    first, last = MOVE(np.array([border[0], border[-1]]))
    at = [int(np.flatnonzero((inner == end).all(axis=1))[0]) for end in (first, last)]
    shared = {tuple(point) for point in inner[min(at) : max(at) + 1]}
    assert shared <= a
    assert shared <= b


def test_a_vertex_outside_the_domain_is_refused() -> None:
    with pytest.raises(InputError, match="domain"):
        project(np.array([shapely.box(100, 80, 110, 95)]), MOVE, tolerance=1.0)
