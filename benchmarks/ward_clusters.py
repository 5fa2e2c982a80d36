"""Ward's method without links on the rows of 2,000 counties in six years, against scikit-learn's, which takes all distances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from benchmarks.harness import Row, equal, measure
from carbonshed.numerics.region_start import by_first_member
from carbonshed.numerics.ward import ward_clusters

ROWS, FEATURES, CLUSTERS = 12_000, 6, 3


def clouds(n: int) -> np.ndarray:
    """Correlated features of rows in two clouds."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, FEATURES)) @ rng.standard_normal((FEATURES, FEATURES))
    x[: n // 3] = 0.5 * x[: n // 3] + 2
    return x


def rows() -> Iterator[Row]:
    """Rows of the table."""
    x = clouds(ROWS)
    ours = measure(lambda: ward_clusters(x, CLUSTERS))
    theirs = measure(lambda: AgglomerativeClustering(CLUSTERS, linkage="ward").fit_predict(x), repeat=1, warm=False)
    same = equal("clusters", ours.result, by_first_member(theirs.result.astype(np.int64)))
    note = f"the peer's memory {theirs.memory_mb:.0f} MB"
    yield Row("Ward's method", f"{ROWS:,} x {FEATURES}, k = {CLUSTERS}", ours, "scikit-learn Ward", theirs, same, note=note)
