"""Who is whose neighbour: lattices by index arithmetic, polygons by contact, points by distance.

Neighbours are a ``scipy.sparse.csr_array``, n x n, in the order of the caller's frame, without self-links. A unit without
neighbours is an *island*; it is always listed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from scipy.spatial import KDTree

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.numerics.links import is_binary, is_in_order

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS = ("queen", "rook")
ISLANDS = ("keep", "nearest", "drop")

SHARED_BORDER = 10.0
"""Two polygons share a border (rook) if more than this many snapping tolerances of it lie together; less is a corner."""


def lattice_neighbours(rows: ArrayLike, cols: ArrayLike, *, kind: str = "queen") -> csr_array:
    """Neighbours of the occupied cells of a square lattice, by index arithmetic; no geometry, O(n) once sorted.

    Cells (r, c) and (r', c') are queen neighbours if max(abs(r - r'), abs(c - c')) = 1, rook neighbours if
    abs(r - r') + abs(c - c') = 1. Nothing wraps.

    Parameters
    ----------
    rows, cols : array_like of int, shape (n,)
        Place of each occupied cell, in any order and with any gaps, counted from anywhere (negative too).
    kind : {"queen", "rook"}

    Returns
    -------
    csr_array of float64, shape (n, n)
        1 for a link; symmetric; columns sorted.

    Raises
    ------
    InputError
        If the kind is unknown, the lengths differ, a place is not a whole number, or a cell occurs twice.

    Examples
    --------
    >>> lattice_neighbours([0, 0, 1], [0, 1, 2]).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    choose(kind, KINDS, where="kind")
    row, col = _whole(rows, "rows"), _whole(cols, "cols")
    if row.size != col.size:
        got = f"{row.size} rows, {col.size} columns"
        raise refuse("different_lengths", expected="a column for each row", got=got, where="cells", fix="Align them.")
    if row.size == 0:
        return csr_array((0, 0), dtype=np.float64)
    width = int(np.ptp(col)) + 3  # with a margin, so that a step never leads into the next row
    key = (row - row.min()) * width + (col - col.min())
    order = np.argsort(key, kind="stable")
    key = key[order]
    if (twice := np.flatnonzero(np.diff(key) == 0)).size:
        pairs = [(int(row[i]), int(col[i])) for i in order[twice]]
        raise refuse(
            "repeated_cell", expected="each cell once", got=f"(row, col) {examples(pairs)} twice", where="cells", fix="Take one year."
        )
    steps = np.array([-width - 1, -width, 1 - width, -1, 1, width - 1, width, width + 1] if kind == "queen" else [-width, -1, 1, width])
    narrow = np.int32 if row.size * steps.size < 2**31 else np.int64
    indptr, indices = np.zeros(row.size + 1, narrow), np.empty(row.size * steps.size, narrow)
    found = _link(key, steps, indptr, indices)
    links = csr_array((np.ones(found), indices[:found], indptr), shape=(row.size, row.size))
    return links if (np.diff(order) == 1).all() else _reorder(links, np.argsort(order))


@njit(cache=True, nogil=True)
def _link(key: Integers, steps: Integers, indptr: Integers, indices: Integers) -> int:
    """Fill row pointers and columns with the links between sorted keys that differ by one of the sorted steps; their number."""
    n = key.size
    place = np.zeros(steps.size, np.int64)  # for each step, the first key not below the one looked for
    found = 0
    for i in range(n):
        for s in range(steps.size):
            wanted = key[i] + steps[s]
            while place[s] < n and key[place[s]] < wanted:
                place[s] += 1
            if place[s] < n and key[place[s]] == wanted:
                indices[found] = place[s]
                found += 1
        indptr[i + 1] = found
    return found


def polygon_neighbours(frame: gpd.GeoDataFrame, *, kind: str = "queen", snap_m: float = 1.0, islands: str = "keep") -> csr_array:
    """Neighbours of polygons by contact, forgiving gaps, overlaps and missing vertices up to a snapping tolerance.

    Queen: the polygons come within `snap_m` of one another. Rook: more than ten `snap_m` of border lie within it (any length
    where it is 0). Geometry is made valid first; vertices need not coincide.

    Parameters
    ----------
    frame : GeoDataFrame
        Polygons in a projected CRS in metres, one row a unit.
    kind : {"queen", "rook"}
    snap_m : float
        Snapping tolerance [m]. An exact overlay needs 0.
    islands : {"keep", "nearest", "drop"}
        ``keep`` leaves an island without links; ``nearest`` links it with the nearest polygon, both ways; ``drop`` returns the
        matrix of the other units only: leave the same rows out of the frame.

    Returns
    -------
    csr_array of float64, shape (n, n)
        1 for a link; symmetric; in the order of the frame.

    Raises
    ------
    InputError
        If the CRS is absent or in degrees, a geometry is missing or no polygon, or an option is unknown.

    Warns
    -----
    DataWarning
        Listing the islands and what was done with them.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 9, 9), shapely.box(9, 9, 18, 18)], crs="EPSG:6933")
    >>> polygon_neighbours(squares).nnz
    2
    """
    choose(kind, KINDS, where="kind")
    choose(islands, ISLANDS, where="islands")
    _check_frame(frame, {"Polygon", "MultiPolygon"})
    polygons = shapely.make_valid(np.asarray(frame.geometry.array))
    shapely.prepare(polygons)
    tree = shapely.STRtree(polygons)
    one, other = tree.query(polygons, predicate="dwithin", distance=snap_m)
    one, other = one[one < other], other[one < other]
    if kind == "rook":
        near = shapely.buffer(polygons[other], snap_m) if snap_m > 0 else polygons[other]
        together = shapely.length(shapely.intersection(shapely.boundary(polygons[one]), near))
        one, other = one[together > SHARED_BORDER * snap_m], other[together > SHARED_BORDER * snap_m]
    links = _symmetric(one, other, len(frame))
    alone = np.flatnonzero(np.diff(links.indptr) == 0)
    if not alone.size:
        return links
    done = {"keep": "kept without links", "nearest": "linked with the nearest polygon", "drop": "left out of the neighbours"}
    warn(f"{alone.size} of {len(frame)} polygons have no neighbour and were {done[islands]}: {examples(frame.index[alone])}.")
    if islands == "nearest" and len(frame) > 1:
        found, nearest = tree.query_nearest(polygons[alone], exclusive=True, all_matches=False)
        return _symmetric(np.concatenate([one, alone[found]]), np.concatenate([other, nearest]), len(frame))
    if islands == "drop":
        linked = np.diff(links.indptr) > 0
        return csr_array(links[linked][:, linked])
    return links


def distance_band(frame: gpd.GeoDataFrame, *, distance_km: float, weights: str = "binary") -> csr_array:
    """Neighbours whose centroids lie within a distance: ``w_ij = 1`` or ``1 / d_ij`` [1/km] where ``0 < d_ij <= distance_km``.

    Parameters
    ----------
    frame : GeoDataFrame
        In a projected CRS in metres.
    distance_km : float
        Largest distance between centroids [km].
    weights : {"binary", "inverse"}

    Returns
    -------
    csr_array of float64, shape (n, n), symmetric

    Raises
    ------
    InputError
        If the CRS is absent or in degrees, the distance is not positive, or (inverse) two centroids coincide.

    Examples
    --------
    >>> points = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 3000, 9000], [0, 4000, 0]), crs="EPSG:6933")
    >>> distance_band(points, distance_km=5, weights="inverse").toarray()[0].tolist()
    [0.0, 0.2, 0.0]
    """
    choose(weights, ("binary", "inverse"), where="weights")
    if not distance_km > 0:
        raise refuse("not_positive", expected="a distance > 0 km", got=f"{distance_km}", where="distance_km", fix="Give the radius in km.")
    points = _centroids_km(frame)
    pairs = KDTree(points).query_pairs(distance_km, output_type="ndarray")
    one, other = pairs[:, 0], pairs[:, 1]
    apart = np.hypot(*(points[one] - points[other]).T)
    if weights == "inverse" and (apart == 0).any():
        same = frame.index[one[apart == 0]]
        raise refuse("same_place", expected="centroids apart", got=examples(same), where="distance_band", fix='Use weights="binary".')
    return _symmetric(one, other, len(frame), 1 / apart if weights == "inverse" else None)


def k_nearest(frame: gpd.GeoDataFrame, *, k: int = 6) -> csr_array:
    """The k units with the nearest centroids, binary; not symmetric. Equal distances: the earlier row of the frame.

    Raises
    ------
    InputError
        If the CRS is absent or in degrees, or k is not between 1 and n - 1.

    Examples
    --------
    >>> points = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 1, 3], [0, 0, 0]), crs="EPSG:6933")
    >>> k_nearest(points, k=1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    points, n = _centroids_km(frame), len(frame)
    if not 1 <= k <= n - 1:
        raise refuse("wrong_k", expected=f"k between 1 and {n - 1}", got=f"{k}", where="k_nearest", fix="Lower k.")
    tree = KDTree(points)
    farthest = np.asarray(tree.query(points, k=[k + 1])[0])[:, 0]
    columns = []
    for i, near in enumerate(tree.query_ball_point(points, farthest * (1 + 1e-12))):
        candidates = np.array([j for j in sorted(near) if j != i])
        apart = np.hypot(*(points[candidates] - points[i]).T)
        columns.append(np.sort(candidates[np.argsort(apart, kind="stable")[:k]]))
    return csr_array((np.ones(n * k), np.concatenate(columns), np.arange(0, n * k + 1, k)), shape=(n, n))


def row_standardise(weights: csr_array) -> csr_array:
    """Divide each row by its sum, ``w_ij / sum_j w_ij``; rows of islands stay empty.

    Examples
    --------
    >>> row_standardise(lattice_neighbours([0, 0, 0], [0, 1, 2])).toarray()[1].tolist()
    [0.5, 0.0, 0.5]
    """
    counts = np.diff(weights.indptr)
    sums = np.asarray(weights.sum(axis=1))
    return csr_array((weights.data / np.repeat(sums, counts), weights.indices, weights.indptr), shape=weights.shape)


def as_sparse(neighbours: object, index: pd.Index) -> csr_array:
    """Neighbours as a csr_array in the order of `index`, from a scipy sparse matrix or a libpysal Graph.

    A matrix must already be in that order; a Graph is aligned by its ids. Self-links and stored zeros are removed.

    Parameters
    ----------
    neighbours : sparse matrix or libpysal.graph.Graph
    index : Index of length n

    Returns
    -------
    csr_array of float64, shape (n, n), columns sorted

    Raises
    ------
    InputError
        If it is neither, the size or the ids do not match, or a weight is negative or not finite.

    Examples
    --------
    >>> as_sparse(csr_array(np.array([[7.0, 1.0], [1.0, 0.0]])), pd.Index(["a", "b"])).toarray().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    libpysal = sys.modules.get("libpysal.graph")  # who has a Graph has loaded it; nobody else waits for it
    if libpysal is not None and isinstance(neighbours, libpysal.Graph):
        ids = pd.Index(neighbours.unique_ids)
        if len(ids.symmetric_difference(index)) or not index.is_unique:
            raise refuse(
                "other_units",
                expected=f"a Graph of the {len(index)} units of the values",
                got=f"{len(ids)} ids; in one only: {examples(ids.symmetric_difference(index))}",
                where="neighbours",
                fix="Build the Graph from the same frame, or subset both.",
            )
        links = csr_array(neighbours.sparse, dtype=np.float64)
        if not ids.equals(index):
            links = _reorder(links, ids.get_indexer(index))
    elif issparse(neighbours):
        given = cast(csr_array, neighbours).tocsr()
        links = csr_array((given.data.astype(np.float64, copy=False), given.indices, given.indptr), shape=given.shape)
    else:
        fix = (
            "Convert a libpysal W by Graph.from_W." if hasattr(neighbours, "id_order") else "Use lattice_neighbours or polygon_neighbours."
        )
        raise refuse(
            "not_neighbours",
            expected="a scipy sparse matrix or a libpysal Graph",
            got=type(neighbours).__name__,
            where="neighbours",
            fix=fix,
        )
    if links.shape != (len(index), len(index)):
        fix = "Give neighbours and values for the same units in the same order."
        raise refuse("other_units", expected=f"{len(index)} x {len(index)} links", got=f"{links.shape}", where="neighbours", fix=fix)
    if not is_binary(links) and not (links.data.min(initial=0.0) >= 0 and links.data.max(initial=0.0) < np.inf):
        raise refuse("wrong_weight", expected="finite weights >= 0", got="others", where="neighbours", fix="Correct the weights.")
    return _without_self(links)


@dataclass(frozen=True)
class NeighbourSummary:
    """Numbers of neighbours, to be stored beside a result; `islands` are positions in the frame."""

    n: int
    links: int
    minimum: int
    mean: float
    maximum: int
    islands: tuple[int, ...]


def summarise_neighbours(weights: csr_array) -> NeighbourSummary:
    """Number of units and links; minimum, mean and maximum number of neighbours; positions of the islands.

    Examples
    --------
    >>> summarise_neighbours(lattice_neighbours([0, 0, 5], [0, 1, 5]))
    NeighbourSummary(n=3, links=2, minimum=0, mean=0.6666666666666666, maximum=1, islands=(2,))
    """
    counts = np.diff(weights.indptr)
    n = counts.size
    mean = float(counts.mean()) if n else float("nan")
    islands = tuple(int(i) for i in np.flatnonzero(counts == 0))
    return NeighbourSummary(n, int(counts.sum()), int(counts.min()) if n else 0, mean, int(counts.max(initial=0)), islands)


def _symmetric(one: Integers, other: Integers, n: int, data: Floats | None = None) -> csr_array:
    """Links both ways, each once; binary where no data are given."""
    links = csr_array((np.ones(one.size) if data is None else data, (one, other)), shape=(n, n))
    both = csr_array(links.maximum(links.T))
    if data is None:
        both.data[:] = 1.0
    both.sort_indices()
    return both


def _reorder(links: csr_array, order: Integers) -> csr_array:
    """Rows and columns in another order, columns sorted."""
    moved = csr_array(links[order][:, order])
    moved.sort_indices()
    return moved


def _without_self(links: csr_array) -> csr_array:
    """Without the diagonal and stored zeros, columns sorted; the matrix itself where nothing is to be done."""
    has_zeros = not is_binary(links) and not links.data.all()
    if not has_zeros and is_in_order(links):
        return links
    if has_zeros or links.diagonal().any():
        rows = np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))
        keep = (links.indices != rows) & (links.data != 0)
        indptr = np.concatenate(([0], np.cumsum(np.bincount(rows[keep], minlength=links.shape[0]))))
        links = csr_array((links.data[keep], links.indices[keep], indptr), shape=links.shape)
    if not links.has_canonical_format:
        links = links.copy()
        links.sum_duplicates()
    return links


def _centroids_km(frame: gpd.GeoDataFrame) -> Floats:
    _check_frame(frame, None)
    points = frame.geometry.centroid
    return np.column_stack([points.x, points.y]) / 1000.0


def _check_frame(frame: gpd.GeoDataFrame, types: set[str] | None) -> None:
    crs = frame.crs
    if crs is None or not crs.is_projected or {axis.unit_name for axis in crs.axis_info} - {"metre"}:
        raise refuse(
            "crs_not_in_metres",
            expected="a frame in a projected CRS in metres",
            got="no CRS" if crs is None else crs.name,
            where="the frame's CRS",
            fix="Project it, e.g. frame.to_crs(...), to the study's equal-area CRS.",
        )
    empty = frame.index[(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()]
    other = frame.index[~frame.geometry.geom_type.isin(types).to_numpy()] if types and not len(empty) else empty
    if len(other):
        wanted = " or ".join(sorted(types)) if types else "a geometry"
        raise refuse(
            "no_geometry", expected=f"{wanted} in every row", got=f"none in {examples(other)}", where="geometry", fix="Mend or drop them."
        )


def _whole(values: ArrayLike, where: str) -> Integers:
    given = np.asarray(values).ravel()
    if given.size and (given.dtype.kind not in "iuf" or (given.dtype.kind == "f" and not (given == np.floor(given)).all())):
        raise refuse("not_whole", expected="whole numbers", got=f"{given.dtype} {examples(given)}", where=where, fix="Give lattice places.")
    return given.astype(np.int64)
