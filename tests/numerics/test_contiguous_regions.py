"""Connected regions, patches and random connected partitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from carbonshed.checks import InputError
from carbonshed.numerics.contiguity import contiguous_regions, patches, random_partition
from carbonshed.spatial.neighbours import lattice_neighbours


def lattice(mask: np.ndarray, kind: str = "rook") -> csr_array:
    return lattice_neighbours(*np.nonzero(mask), kind=kind)


def within(x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    heavy = np.ones(len(x)) if weights is None else weights
    total = 0.0
    for label in np.unique(labels):
        rows = labels == label
        total += (heavy[rows, None] * (x[rows] - np.average(x[rows], axis=0, weights=heavy[rows])) ** 2).sum()
    return float(total)


def pieces(labels: np.ndarray, neighbours: csr_array) -> int:
    """Number of connected parts of all regions together, by another way than the code's."""
    return sum(connected_components(neighbours[labels == label][:, labels == label])[0] for label in np.unique(labels))


MASK = st.tuples(st.integers(0, 2**32 - 1), st.integers(3, 9), st.integers(3, 9), st.floats(0.5, 1.0))


@given(MASK, st.integers(1, 6), st.integers(1, 6), st.sampled_from(["rook", "queen"]))
@settings(max_examples=120, deadline=None)
def test_regions_are_connected_and_large_enough(mask, regions, min_size, kind):
    seed, rows, cols, share = mask
    rng = np.random.default_rng(seed)
    there = rng.random((rows, cols)) < share
    there[0, 0] = True
    neighbours = lattice(there, kind)
    x = np.round(rng.standard_normal((int(there.sum()), 2)), 1)  # with ties
    weights = rng.uniform(0.5, 2.0, len(x))
    found = contiguous_regions(x, neighbours, regions, min_size=min_size, weights=weights)
    component = connected_components(neighbours)[1]
    small = np.bincount(component)[component] < min_size
    assert np.array_equal(found.labels < 0, small)  # only components that are too small stay out
    kept = ~small
    if not kept.any():
        assert found.n_regions == 0
        return
    sizes = np.bincount(found.labels[kept])
    assert sizes.min() >= min_size and len(sizes) == found.n_regions
    assert pieces(found.labels[kept], csr_array(neighbours[kept][:, kept])) == found.n_regions
    assert found.within == pytest.approx(within(x[kept], found.labels[kept], weights[kept]), abs=1e-9)
    _, first = np.unique(found.labels[kept], return_index=True)
    assert (np.diff(first) > 0).all()  # numbered by first member
    assert found.n_regions <= max(regions, len(np.unique(component[kept])))
    plain = contiguous_regions(x, neighbours, regions, min_size=min_size, weights=weights, border_moves=False)
    assert found.within <= plain.within + 1e-12 and found.n_regions >= plain.n_regions  # a cut may be found after moves
    again = contiguous_regions(x.copy(), neighbours.copy(), regions, min_size=min_size, weights=weights)
    assert np.array_equal(again.labels, found.labels)


@pytest.mark.parametrize(("seed", "kind", "regions"), [(0, "rook", 8), (1, "queen", 3), (2, "queen", 40)])
def test_ward_is_that_of_scikit_learn(seed, kind, regions):
    rng = np.random.default_rng(seed)
    neighbours = lattice(np.ones((25, 30), dtype=bool), kind)
    x = np.stack([gaussian_filter(rng.standard_normal((25, 30)), 3).ravel() * 8 + rng.standard_normal(750) for _ in range(3)], axis=1)
    found = contiguous_regions(x, neighbours, regions, border_moves=False)
    theirs = AgglomerativeClustering(regions, connectivity=neighbours, linkage="ward").fit_predict(x)
    assert adjusted_rand_score(theirs, found.labels) == 1.0
    assert contiguous_regions(x, neighbours, regions).within < found.within  # and border moves go below


def _all_partitions(neighbours: np.ndarray) -> list[np.ndarray]:
    """Every division into connected regions: all divisions of the cells, kept where a search from the first cell finds each region."""
    n = len(neighbours)
    near = [set(np.flatnonzero(row)) for row in neighbours]
    found: list[np.ndarray] = []

    def connected(cells: set[int]) -> bool:
        reached, edge = set[int](), {min(cells)}
        while edge:
            reached |= edge
            edge = set().union(*(near[cell] for cell in edge)) & cells - reached
        return reached == cells

    def give(labels: list[int]) -> None:
        if len(labels) == n:
            if all(connected({cell for cell in range(n) if labels[cell] == each}) for each in set(labels)):
                found.append(np.array(labels))
            return
        for label in range(max(labels) + 2):
            give([*labels, label])

    give([0])
    return found


def test_against_all_partitions_of_nine_cells():
    """Of noise on 3 x 3 cells, with every division tried: never below the optimum, at the optimum in most cases, on average within 5 %."""
    neighbours = lattice(np.ones((3, 3), dtype=bool))
    partitions = _all_partitions(neighbours.toarray())
    assert len(partitions) == 1434  # OEIS A068416
    every = {k: [labels for labels in partitions if labels.max() == k - 1] for k in (2, 3)}
    excess = []
    for seed in range(30):
        x = np.random.default_rng(seed).standard_normal((9, 2))
        for k in (2, 3):
            best = min(within(x, labels) for labels in every[k])
            excess.append(contiguous_regions(x, neighbours, k).within / best - 1)
    assert min(excess) >= -1e-12
    assert np.mean(np.array(excess) < 1e-9) >= 0.5 and np.mean(excess) < 0.05


def test_against_all_partitions_with_a_least_size():
    neighbours = lattice(np.ones((3, 3), dtype=bool))
    every = [labels for labels in _all_partitions(neighbours.toarray()) if labels.max() == 1 and np.bincount(labels).min() >= 3]
    excess = []
    for seed in range(30):
        x = np.random.default_rng(seed).standard_normal((9, 2))
        found = contiguous_regions(x, neighbours, 2, min_size=3)
        assert np.bincount(found.labels).min() >= 3 and found.n_regions == 2
        excess.append(found.within / min(within(x, labels) for labels in every) - 1)
    assert min(excess) >= -1e-12 and np.mean(excess) < 0.1


def test_weights_are_repeated_things():
    """A thing of weight 3 is three equal neighbours: the same sum of squares, region for region."""
    x = np.array([[0.0], [1.0], [5.0], [6.0], [6.5]])
    row = csr_array(np.eye(5, k=1))
    found = contiguous_regions(x, row, 2, weights=[1, 3, 1, 1, 1])
    assert found.labels.tolist() == [0, 0, 1, 1, 1]
    assert found.within == pytest.approx(0.75 + within(x[2:], np.zeros(3)))


def test_components_and_equal_things():
    two = csr_array(np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float))
    assert contiguous_regions(np.arange(4.0)[:, None], two, 1).labels.tolist() == [0, 0, 1, 2]  # no region leaves its component
    assert contiguous_regions(np.arange(4.0)[:, None], two, 1, min_size=2).labels.tolist() == [0, 0, -1, -1]
    flat = contiguous_regions(np.zeros((100, 2)), lattice(np.ones((10, 10), dtype=bool)), 4, min_size=10)
    assert flat.n_regions == 4 and flat.within == flat.total == 0.0
    assert contiguous_regions(np.zeros((1, 1)), csr_array((1, 1)), 1).labels.tolist() == [0]


def test_patches_by_hand():
    neighbours = lattice(np.ones((2, 3), dtype=bool))
    assert patches(list("abaabb"), neighbours).tolist() == [0, 1, 2, 0, 1, 1]
    assert patches(["a"] * 6, neighbours).tolist() == [0] * 6


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_random_partitions_are_connected_and_repeat(seed, regions):
    neighbours = lattice(np.ones((6, 7), dtype=bool))
    one, two = (random_partition(neighbours, regions, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, two)
    assert sorted(np.unique(one)) == list(range(regions)) and pieces(one, neighbours) == regions


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=30)
def test_random_partitions_are_those_of_shortest_paths(seed, regions):
    draw = np.random.default_rng(seed)
    neighbours = lattice(draw.random((8, 9)) < 0.75)
    n = neighbours.shape[0]
    found = random_partition(neighbours, regions, np.random.default_rng(seed))
    again = np.random.default_rng(seed)
    seeds = np.sort(again.choice(n, regions, replace=False))
    times = csr_array((again.exponential(size=neighbours.nnz) + 1e-12, neighbours.indices, neighbours.indptr), shape=neighbours.shape)
    nearest = dijkstra(times, directed=True, indices=seeds).argmin(axis=0)
    part = connected_components(neighbours, directed=False)[1]
    reached = np.isin(part, part[seeds])
    assert found[reached].tolist() == nearest[reached].tolist()
    assert all(len(np.unique(found[part == each])) == 1 for each in np.unique(part[~reached]))
    known = random_partition(neighbours, regions, np.random.default_rng(seed), component=part.astype(np.int64))
    assert known.tolist() == found.tolist()


def test_random_partitions_differ_and_have_no_favourite():
    neighbours, rng = lattice(np.ones((5, 5), dtype=bool)), np.random.default_rng(0)
    drawn = np.array([random_partition(neighbours, 2, rng) for _ in range(400)])
    together = (drawn[:, 0] == drawn[:, 24]).mean(), (drawn[:, 4] == drawn[:, 20]).mean()
    assert len(np.unique(drawn, axis=0)) > 250
    assert together == pytest.approx((0.3, 0.3), abs=0.1)  # opposite corners: both diagonals alike, seldom together
    components = random_partition(csr_array((4, 4)), 2, rng)
    assert sorted(np.unique(components)) == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.array([[0.0], [np.nan], [1.0]])}, "finite values"),
        ({"regions": 0}, "at least 1 region"),
        ({"min_size": 0}, "at least 1 region"),
        ({"weights": [1.0, 0.0, 1.0]}, "weights above 0"),
        ({"neighbours": csr_array((2, 2))}, "3 x 3 links"),
    ],
)
def test_refusals(change, message):
    given = {"x": np.zeros((3, 1)), "neighbours": csr_array(np.eye(3, k=1)), "regions": 2} | change
    with pytest.raises(InputError, match=message):
        contiguous_regions(**given)


def test_too_many_random_regions_are_refused():
    with pytest.raises(InputError, match="1 to 3 regions"):
        random_partition(csr_array((3, 3)), 4, np.random.default_rng(0))
