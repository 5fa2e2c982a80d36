"""Polygons moved to another CRS (or into the pixels of a raster) so that shared borders stay shared.

A straight edge is in general a curve elsewhere. An edge is therefore split until no piece strays from its chord by more than a
tolerance. How it is split depends on its two ends alone, never on its direction, so that two neighbours split it alike.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonshed.checks import refuse
from carbonshed.spatial.crs import FloatArray, Move

Geometries = NDArray[np.object_]


def project(geometries: Geometries, move: Move, *, tolerance: float, where: str = "polygons") -> Geometries:
    """Move (multi)polygons by `move`, with enough vertices that edges stray from the moved curves by at most `tolerance`.

    The parts of an edge are n = ceil(sqrt(stray / tolerance)): the distance of a smooth curve from its chord falls with the square
    of the length.

    Parameters
    ----------
    geometries : array of Polygon or MultiPolygon
    move : callable
        Points (n, 2) in, points (n, 2) out.
    tolerance : float
        In units of the moved coordinates.

    Raises
    ------
    InputError
        If a vertex cannot be moved (outside the domain of the CRS).
    """
    parts, geometry_of_part = shapely.get_parts(geometries, return_index=True)
    is_full = ~shapely.is_empty(parts)
    parts, geometry_of_part = parts[is_full], geometry_of_part[is_full]
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    moved = move(points)
    if not np.isfinite(moved).all():
        bad = points[~np.isfinite(moved).all(axis=1)][0]
        raise refuse(
            "outside_projection",
            expected="coordinates inside the domain of the CRS",
            got=f"({bad[0]:g}, {bad[1]:g})",
            where=where,
            fix="Check that the declared CRS is the true one.",
        )
    starts = np.flatnonzero(ring[1:] == ring[:-1])  # vertices that begin an edge
    n_parts = np.ones(len(points), dtype=np.int64)
    if starts.size:
        stray = _stray(points[starts], points[starts + 1], moved[starts], moved[starts + 1], move)
        n_parts[starts] = np.maximum(np.ceil(np.sqrt(stray / tolerance)), 1)
    if n_parts.max(initial=1) == 1:
        return np.asarray(shapely.transform(geometries, lambda _: moved), dtype=object)
    split, of_vertex = _split(points, n_parts)
    return _rebuild(move(split), ring[of_vertex], part_of_ring, geometry_of_part, len(geometries))


def _stray(a: FloatArray, b: FloatArray, moved_a: FloatArray, moved_b: FloatArray, move: Move) -> FloatArray:
    """Distance of the moved quarter points of each edge from the chord of its moved ends (the greatest of three)."""
    chord = moved_b - moved_a
    length = np.hypot(chord[:, 0], chord[:, 1])
    worst = np.zeros(len(a))
    for share in (0.25, 0.5, 0.75):
        off = move(a + share * (b - a)) - moved_a
        across = np.abs(chord[:, 0] * off[:, 1] - chord[:, 1] * off[:, 0])
        worst = np.fmax(worst, np.divide(across, length, out=np.zeros_like(across), where=length > 0))
    return worst


def _split(points: FloatArray, n_parts: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Vertices with the new ones between; for each the vertex it follows. The same points for an edge and its reverse."""
    of_vertex = np.repeat(np.arange(len(points)), n_parts)
    k = np.arange(len(of_vertex)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    n = n_parts[of_vertex]
    a, b = points[of_vertex], points[np.minimum(of_vertex + 1, len(points) - 1)]
    backwards = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    low, high = np.where(backwards[:, None], b, a), np.where(backwards[:, None], a, b)
    share = np.where(backwards, n - k, k) / n
    between = low + share[:, None] * (high - low)
    return np.where((k == 0)[:, None], a, between), of_vertex


def _rebuild(
    points: FloatArray, ring: NDArray[np.int64], part_of_ring: NDArray[np.int64], geometry_of_part: NDArray[np.int64], n: int
) -> Geometries:
    """(Multi)polygons from the vertices of their rings; a geometry of one part is a Polygon, an empty one stays empty."""
    rings = np.asarray(shapely.linearrings(points, indices=ring), dtype=object)
    parts: Geometries = np.asarray(shapely.polygons(rings, indices=part_of_ring), dtype=object)
    out = np.full(n, shapely.Polygon(), dtype=object)
    n_parts = np.bincount(geometry_of_part, minlength=n)
    is_single = n_parts[geometry_of_part] == 1
    out[geometry_of_part[is_single]] = parts[is_single]
    if not is_single.all():
        several, position = np.unique(geometry_of_part[~is_single], return_inverse=True)
        out[several] = shapely.multipolygons(parts[~is_single], indices=position)
    return out
