"""Batch SOM, 1e6 samples x 8 features, 10 epochs, against figures of intrasom and somoclu; errors against the plain batch rule in float64."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from benchmarks.harness import Row, measure, quoted
from carbonshed.numerics.som import train_som, two_nearest_nodes
from carbonshed.numerics.som_sheet import linear_codebook, squared_map_distances, topographic_error

EPOCHS = 10
END_RADIUS = 0.5


def mixture(n: int, d: int = 8) -> np.ndarray:
    """Six skewed clusters, standardised."""
    rng = np.random.default_rng(0)
    centres, shapes = rng.normal(0, 2, (6, d)), rng.normal(0, 0.5, (6, d, d)) + np.eye(d)
    which = rng.integers(0, 6, n)
    x = centres[which] + np.einsum("nd,nde->ne", rng.standard_normal((n, d)), shapes[which])
    return (x - x.mean(0)) / x.std(0)


def plain_rule(x: np.ndarray, side: int) -> np.ndarray:
    """The batch rule as a textbook has it, in float64: each sample pulls all nodes by the weight of its best one."""
    codebook, apart = linear_codebook(x, (side, side), lattice="rectangular"), squared_map_distances((side, side), lattice="rectangular")
    for sigma in np.geomspace(side / 2, END_RADIUS, EPOCHS):
        best = np.argmin((codebook**2).sum(1)[None, :] - 2 * x @ codebook.T, axis=1)
        pull = np.exp(-apart[best] / (2 * sigma**2))
        codebook = (pull.T @ x) / pull.sum(0)[:, None]
    return codebook


def errors(x: np.ndarray, codebook: np.ndarray, side: int) -> tuple[float, float]:
    """Quantisation and topographic error (eight neighbours) on the first 20,000 samples."""
    best, second, distance = two_nearest_nodes(x[:20_000], codebook)
    return float(distance.mean()), topographic_error(best, second, (side, side), lattice="rectangular")


def assert_quality(side: int) -> str:
    """Both errors within 1 % of those of the plain rule on 50,000 samples (the topographic one: or one sample in a thousand), any threads."""
    x = mixture(50_000)
    options = {"lattice": "rectangular", "epochs": EPOCHS, "end_radius": END_RADIUS}
    ours = train_som(x, (side, side), **options).codebook
    for threads in (2, 3):
        assert train_som(x, (side, side), threads=threads, **options).codebook.tobytes() == ours.tobytes()
    (qe, te), (plain_qe, plain_te) = errors(x, ours, side), errors(x, plain_rule(x, side), side)
    assert abs(qe / plain_qe - 1) < 0.01 and abs(te - plain_te) <= max(0.01 * plain_te, 0.001), (qe, plain_qe, te, plain_te)
    return f"QE {qe:.4f} and TE {te:.4f}, plain rule {plain_qe:.4f} and {plain_te:.4f}; same bytes on 1, 2 and 3 threads"


def rows() -> Iterator[Row]:
    """Rows of the table."""
    threads = os.cpu_count() or 1
    for side, peer, figure, times in ((10, "intrasom", 5.8, 8), (10, "somoclu", 11.7, None), (20, "somoclu", 67.0, 20)):
        same = assert_quality(side)
        x = mixture(1_000_000)

        def train(x: np.ndarray = x, side: int = side) -> np.ndarray:
            options = {"lattice": "rectangular", "epochs": EPOCHS, "end_radius": END_RADIUS, "threads": threads}
            return train_som(x, (side, side), **options).codebook

        ours = measure(train, repeat=3)
        qe, te = errors(x, ours.result, side)
        name, quote = quoted(peer, figure)
        note = f"end radius {END_RADIUS}, {threads} threads; at this size QE {qe:.4f} and TE {te:.4f}"
        yield Row(f"SOM {side} x {side}", "1e6 x 8, 10 epochs", ours, name, quote, same, at_least_times=times, note=note)
