"""Neighbours of cells, polygons and points."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from scipy.sparse import csr_array

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.neighbours import (
    as_sparse,
    distance_band,
    k_nearest,
    lattice_neighbours,
    polygon_neighbours,
    row_standardise,
    summarise_neighbours,
)

CRS = "EPSG:6933"  # equal-area, metres
CELLS = st.sets(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), min_size=1, max_size=60)


def squares(cells, side=100.0):
    boxes = [shapely.box(c * side, r * side, (c + 1) * side, (r + 1) * side) for r, c in cells]
    return gpd.GeoDataFrame(geometry=boxes, index=[f"c{i:03d}" for i in range(len(boxes))], crs=CRS)


def quiet(frame, **options):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return polygon_neighbours(frame, **options)


# lattice


def test_lattice_by_hand():
    """Three cells in an L and one apart."""
    queen = lattice_neighbours([0, 0, 1, 5], [0, 1, 0, 5]).toarray()
    assert queen.tolist() == [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    rook = lattice_neighbours([0, 0, 1, 5], [0, 1, 0, 5], kind="rook").toarray()
    assert rook.tolist() == [[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert lattice_neighbours([], []).shape == (0, 0)


@settings(max_examples=80, deadline=None)
@given(CELLS, st.sampled_from(["queen", "rook"]), st.randoms(use_true_random=False))
def test_lattice_is_the_definition_in_any_order_with_any_gaps(cells, kind, random):
    places = list(cells)
    random.shuffle(places)
    rows, cols = np.array(places).T
    apart = np.abs(rows[:, None] - rows), np.abs(cols[:, None] - cols)
    expected = (np.maximum(*apart) == 1) if kind == "queen" else (apart[0] + apart[1] == 1)
    links = lattice_neighbours(rows, cols, kind=kind)
    np.testing.assert_array_equal(links.toarray(), expected)
    assert links.has_sorted_indices
    assert links.data.dtype == np.float64


@settings(max_examples=15, deadline=None)
@given(CELLS, st.sampled_from(["queen", "rook"]))
def test_lattice_equals_polygons_and_libpysal_on_the_same_cells(cells, kind):
    rows, cols = np.array(list(cells)).T
    frame = squares(list(cells))
    by_index = lattice_neighbours(rows, cols, kind=kind).toarray()
    np.testing.assert_array_equal(quiet(frame, kind=kind).toarray(), by_index)
    oracle = Graph.build_contiguity(frame, rook=kind == "rook")
    np.testing.assert_array_equal(as_sparse(oracle, frame.index).toarray(), by_index)


def test_lattice_far_apart_costs_no_memory():
    links = lattice_neighbours([0, 10**6, 10**6], [0, 10**6, 10**6 + 1])
    assert links.nnz == 2


def test_lattice_refusals():
    with pytest.raises(InputError, match="rook"):
        lattice_neighbours([0], [0], kind="rock")
    with pytest.raises(InputError, match=r"each cell once; got \(row, col\) \(0, 1\) twice"):
        lattice_neighbours([0, 0], [1, 1])
    with pytest.raises(InputError, match="2 rows, 1 columns"):
        lattice_neighbours([0, 1], [1])
    with pytest.raises(InputError, match="whole numbers"):
        lattice_neighbours([0.5], [1])


# polygons


def test_polygons_by_hand():
    """Two cells with a common side, a third that meets the first at a corner."""
    frame = squares([(0, 0), (0, 1), (1, -1)])
    assert polygon_neighbours(frame).toarray().tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    with pytest.warns(DataWarning, match="1 of 3 polygons have no neighbour and were kept without links: c002"):
        rook = polygon_neighbours(frame, kind="rook")
    assert rook.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("kind", ["queen", "rook"])
def test_gaps_overlaps_and_missing_vertices_are_forgiven(kind):
    """A long box beside two others: half a metre of gap, half a metre of overlap, no vertex where the two meet."""
    frame = gpd.GeoDataFrame(
        geometry=[shapely.box(0, 0, 100, 200), shapely.box(100.5, 0, 200, 100), shapely.box(99.5, 100, 200, 200)], crs=CRS
    )
    assert polygon_neighbours(frame, kind=kind).toarray().tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    exact = polygon_neighbours(frame, kind=kind, snap_m=0).toarray()
    assert exact[0, 1] == 0
    assert exact[1, 2] == 1


def test_an_invalid_polygon_is_mended():
    bow_tie = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    frame = gpd.GeoDataFrame(geometry=[bow_tie, shapely.box(100, 0, 200, 100)], crs=CRS)
    assert polygon_neighbours(frame).nnz == 2


def test_islands_are_listed_and_treated_as_asked():
    frame = squares([(0, 0), (0, 1), (0, 9), (5, 20)])
    with pytest.warns(DataWarning, match="2 of 4 polygons .* kept without links: c002, c003"):
        kept = polygon_neighbours(frame)
    assert summarise_neighbours(kept).islands == (2, 3)
    with pytest.warns(DataWarning, match="linked with the nearest polygon"):
        joined = polygon_neighbours(frame, islands="nearest").toarray()
    assert joined.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    with pytest.warns(DataWarning, match="left out of the neighbours"):
        dropped = polygon_neighbours(frame, islands="drop")
    assert dropped.toarray().tolist() == [[0, 1], [1, 0]]
    with pytest.raises(InputError, match=r"4 x 4 links; got \(2, 2\)"):  # no silent misalignment
        as_sparse(dropped, frame.index)


@settings(max_examples=15, deadline=None)
@given(CELLS, st.randoms(use_true_random=False))
def test_polygons_do_not_see_the_order_of_rows(cells, random):
    frame = squares(list(cells))
    order = list(range(len(frame)))
    random.shuffle(order)
    np.testing.assert_array_equal(quiet(frame.iloc[order]).toarray(), quiet(frame).toarray()[np.ix_(order, order)])


@pytest.mark.parametrize("kind", ["queen", "rook"])
def test_real_counties_equal_libpysal(shared, kind):
    """194 counties: the same links as libpysal's vertex contiguity; the enclave between Beijing and Tianjin is an ordinary unit."""
    frame = gpd.read_file(shared / "studies" / "bth-county" / "counties.gpkg").set_index("unit_id")
    frame = frame.to_crs("+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m")
    links = polygon_neighbours(frame, kind=kind)
    oracle = as_sparse(Graph.build_contiguity(frame, rook=kind == "rook"), frame.index)
    assert abs(links - oracle).sum() == 0
    summary = summarise_neighbours(links)
    assert (summary.n, summary.islands, summary.maximum) == (194, (), 11)
    dachang = frame.index.get_loc(frame.index[frame["name"].str.startswith("大厂")][0])
    near = set(frame["province_name"].iloc[links.indices[links.indptr[dachang] : links.indptr[dachang + 1]]])
    assert near >= {"北京市", "河北省"}


def test_polygon_refusals():
    frame = squares([(0, 0), (0, 1)])
    with pytest.raises(InputError, match="projected CRS in metres; got no CRS"):
        polygon_neighbours(frame.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="got WGS 84"):
        polygon_neighbours(frame.to_crs("EPSG:4326"))
    with pytest.raises(InputError, match="in every row; got none in c001"):
        polygon_neighbours(frame.assign(geometry=[frame.geometry.iloc[0], None]))
    with pytest.raises(InputError, match="Polygon in every row; got none in c000"):
        polygon_neighbours(frame.assign(geometry=[shapely.Point(0, 0), frame.geometry.iloc[1]]))
    with pytest.raises(InputError, match="keep, nearest, drop"):
        polygon_neighbours(frame, islands="forget")


# points


def points(xy):
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(*np.array(xy, dtype=float).T), crs=CRS)


PLACES = st.sets(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=25).map(list)


def test_distance_band_by_hand():
    frame = points([(0, 0), (3000, 4000), (9000, 0)])
    assert distance_band(frame, distance_km=5).toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert distance_band(frame, distance_km=5, weights="inverse")[0, 1] == pytest.approx(0.2)
    assert distance_band(frame, distance_km=4.999).nnz == 0


@settings(max_examples=20, deadline=None)
@given(PLACES, st.integers(1, 20))
def test_distance_band_equals_libpysal(places, metres):
    frame = points(places)
    oracle = Graph.build_distance_band(frame, metres + 0.5)
    np.testing.assert_array_equal(
        distance_band(frame, distance_km=(metres + 0.5) / 1000).toarray(), as_sparse(oracle, frame.index).toarray()
    )


@settings(max_examples=30, deadline=None)
@given(PLACES, st.data())
def test_k_nearest_takes_k_and_none_nearer_is_left_out(places, data):
    k = data.draw(st.integers(1, len(places) - 1))
    frame = points(places)
    chosen = k_nearest(frame, k=k).toarray().astype(bool)
    assert (chosen.sum(axis=1) == k).all()
    assert not chosen.diagonal().any()
    xy = np.array(places)
    apart = np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1))
    for i in range(len(places)):
        left = ~chosen[i]
        left[i] = False
        if left.any():
            assert apart[i][chosen[i]].max() <= apart[i][left].min()


def test_k_nearest_equals_libpysal_without_ties():
    frame = points(np.random.default_rng(3).random((40, 2)) * 1e4)
    oracle = as_sparse(Graph.build_knn(frame, k=5), frame.index)
    np.testing.assert_array_equal(k_nearest(frame, k=5).toarray(), oracle.toarray())


def test_point_refusals():
    frame = points([(0, 0), (0, 0), (1, 1)])
    with pytest.raises(InputError, match="centroids apart; got 0"):
        distance_band(frame, distance_km=5, weights="inverse")
    with pytest.raises(InputError, match="distance > 0"):
        distance_band(frame, distance_km=0)
    with pytest.raises(InputError, match="k between 1 and 2; got 3"):
        k_nearest(frame, k=3)
    with pytest.raises(InputError, match="got no CRS"):
        k_nearest(frame.set_crs(None, allow_override=True), k=1)


# alignment


def test_row_standardise_and_summary_by_hand():
    links = lattice_neighbours([0, 0, 0, 9], [0, 1, 2, 9])
    assert row_standardise(links).toarray().tolist() == [[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    summary = summarise_neighbours(links)
    assert (summary.n, summary.links, summary.minimum, summary.mean, summary.maximum, summary.islands) == (4, 4, 0, 1.0, 2, (3,))
    assert summarise_neighbours(csr_array((0, 0))).n == 0


@settings(max_examples=30, deadline=None)
@given(CELLS)
def test_rows_sum_to_one_or_are_empty(cells):
    links = lattice_neighbours(*np.array(list(cells)).T)
    sums = row_standardise(links).sum(axis=1)
    np.testing.assert_allclose(sums, np.diff(links.indptr) > 0)


def test_a_graph_is_aligned_by_its_ids():
    frame = squares([(0, 0), (0, 1), (0, 2), (7, 7)])
    graph = Graph.build_contiguity(frame)
    shuffled = frame.index[[2, 0, 3, 1]]
    expected = quiet(frame.loc[shuffled]).toarray()
    np.testing.assert_array_equal(as_sparse(graph, shuffled).toarray(), expected)


def test_self_links_and_stored_zeros_are_removed_without_touching_the_caller():
    given_links = csr_array((np.array([5.0, 1, 0, 1]), np.array([0, 1, 2, 0]), np.array([0, 3, 4, 4])), shape=(3, 3))
    before = given_links.copy()
    links = as_sparse(given_links, pd.RangeIndex(3))
    assert links.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert links.nnz == 2
    np.testing.assert_array_equal(given_links.data, before.data)


def test_alignment_refusals():
    frame = squares([(0, 0), (0, 1)])
    graph = Graph.build_contiguity(frame)
    with pytest.raises(InputError, match="in one only: c001, z"):
        as_sparse(graph, pd.Index(["c000", "z"]))
    with pytest.raises(InputError, match="3 x 3 links"):
        as_sparse(csr_array((2, 2)), pd.RangeIndex(3))
    with pytest.raises(InputError, match="weights >= 0"):
        as_sparse(csr_array(np.array([[0, -1.0], [1, 0]])), pd.RangeIndex(2))
    with pytest.raises(InputError, match="got ndarray"):
        as_sparse(np.eye(2), pd.RangeIndex(2))
    with pytest.raises(InputError, match=r"Graph\.from_W"):
        as_sparse(graph.to_W(), frame.index)
