"""Contiguous zones of ragged regions with six smooth, noisy fields: time and within-zone sum of squares against scikit-learn's Ward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import AgglomerativeClustering

from benchmarks.harness import Row, measure
from carbonshed.numerics.contiguity import Regions, contiguous_regions
from carbonshed.spatial.neighbours import lattice_neighbours


def ragged_region(n: int) -> np.ndarray:
    """A region of about n cells in one piece, with a ragged outline and holes."""
    side = int(np.ceil(1.35 * np.sqrt(n)))
    rough = gaussian_filter(np.random.default_rng(5).standard_normal((side, side)), side / 40 + 0.7)
    away = np.hypot(*(np.indices((side, side)) - side / 2)) / (side / 2)
    score = rough / rough.std() - 3 * away**4
    mask = score >= np.sort(score.ravel())[-int(1.05 * n)]
    _, component = connected_components(lattice_neighbours(*np.nonzero(mask), kind="rook"), directed=False)
    mask[mask] = component == np.bincount(component).argmax()
    return mask


def smooth_fields(mask: np.ndarray) -> np.ndarray:
    """Six correlated smooth fields with noise, standardised."""
    rng = np.random.default_rng(1)

    def field(sigma: float) -> np.ndarray:
        smooth = gaussian_filter(rng.standard_normal(mask.shape), sigma)
        return smooth / smooth.std()

    sigma = mask.shape[0] / 15
    common = field(sigma)
    x = np.stack([0.6 * common + 0.8 * field(sigma * (0.4 + 0.2 * f)) for f in range(6)], axis=-1)[mask]
    x += 0.5 * rng.standard_normal(x.shape)
    return (x - x.mean(0)) / x.std(0)


def within(x: np.ndarray, labels: np.ndarray) -> float:
    """Sum of squares within the zones over that around the mean of all."""
    counts = np.bincount(labels)
    means = np.stack([np.bincount(labels, column) / counts for column in x.T], axis=1)
    return float(((x - means[labels]) ** 2).sum() / ((x - x.mean(0)) ** 2).sum())


def assert_zones(x: np.ndarray, links: csr_array, found: Regions, zones: int) -> float:
    """Each zone in one piece, the number asked for, the sum of squares as said; its share of the total."""
    edges = links.tocoo()
    same = found.labels[edges.row] == found.labels[edges.col]
    inner = csr_array((np.ones(same.sum()), (edges.row[same], edges.col[same])), shape=links.shape)
    assert connected_components(inner, directed=False)[0] == found.n_regions == zones
    share = within(x, found.labels)
    assert abs(share - found.within / found.total) < 1e-9
    return share


def rows() -> Iterator[Row]:
    """Rows of the table."""
    mask = ragged_region(90_000)
    links, x = lattice_neighbours(*np.nonzero(mask)), smooth_fields(mask)
    for zones in (8, 50):
        share = assert_zones(x, links, contiguous_regions(x, links, zones), zones)
        ward = AgglomerativeClustering(zones, connectivity=csr_matrix(links), linkage="ward")
        theirs = measure(lambda ward=ward: ward.fit_predict(x), repeat=1, warm=False)
        beside = within(x, theirs.result)
        assert share <= beside * (1 + 1e-9), (share, beside)
        goal = ("10 % below Ward's sum of squares", share <= 0.9 * beside)
        ours = measure(lambda zones=zones: contiguous_regions(x, links, zones), repeat=3, warm=False)
        note = f"{1 - share / beside:.0%} less sum of squares within: {share:.3f} of the total, Ward {beside:.3f}; each zone in one piece"
        yield Row(
            "contiguity zoning", f"{len(x):,} cells, k = {zones}", ours, "scikit-learn Ward", theirs, note, at_most_s=2, result_goal=goal
        )
    mask = ragged_region(1_000_000)
    links, x = lattice_neighbours(*np.nonzero(mask)), smooth_fields(mask)
    for zones in (8, 50):
        ours = measure(lambda zones=zones: contiguous_regions(x, links, zones), repeat=1, warm=False)
        share = assert_zones(x, links, ours.result, zones)
        note = f"{share:.3f} of the sum of squares within; each zone in one piece"
        yield Row("contiguity zoning", f"{len(x):,} cells, k = {zones}", ours, "-", None, note, at_most_s=15)
