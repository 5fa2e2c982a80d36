"""Join counts, patches, cells without a fellow."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carbonshed.checks import InputError
from carbonshed.spatial.neighbours import lattice_neighbours
from carbonshed.zoning.coherence import coherence_totals, zone_coherence

NAMES = np.array(["payment", "balanced", "recipient"])


def grid(rows: int, cols: int, kind: str = "rook") -> csr_array:
    return lattice_neighbours(*(each.ravel() for each in np.mgrid[:rows, :cols]), kind=kind)


def test_by_hand():
    """2 x 3 cells, p p r / b p r: seven joins, of which p-p twice and r-r once lie within."""
    zones = ["payment", "payment", "recipient", "balanced", "payment", "recipient"]
    found = zone_coherence(zones, grid(2, 3))
    assert found.index.tolist() == ["payment", "balanced", "recipient"]
    assert found["n_joins"].tolist() == [2, 0, 1]
    assert found["expected_joins"].tolist() == pytest.approx([7 * 6 / 30, 0, 7 * 2 / 30])
    assert found[["n_patches", "mean_patch", "largest_patch"]].values.tolist() == [[1, 3, 3], [1, 1, 1], [1, 2, 2]]
    assert found["isolated_share"].tolist() == [0, 1, 0]
    totals = coherence_totals(zones, grid(2, 3))
    expected = (6 + 0 + 2) / 30
    assert totals == pytest.approx(
        {"same_joins": 3 / 7, "coherence": (3 / 7 - expected) / (1 - expected), "isolated_share": 1 / 6, "mean_patch": 2.0, "n_patches": 3}
    )


def test_expectation_and_variance_are_those_of_shuffled_labels():
    """20 000 shufflings: mean to 0.5 %, deviation to 3 %."""
    rng = np.random.default_rng(0)
    neighbours = grid(5, 6, "queen")
    zones = np.repeat(NAMES, [6, 10, 14])
    observed = rng.permutation(zones)
    edges = np.array([(i, j) for i, j in zip(*neighbours.nonzero()) if i < j])
    shuffled = np.array([rng.permutation(zones) for _ in range(20_000)])
    found = zone_coherence(observed, neighbours)
    for zone in NAMES:
        joins = ((shuffled[:, edges[:, 0]] == zone) & (shuffled[:, edges[:, 1]] == zone)).sum(axis=1)
        assert found.loc[zone, "expected_joins"] == pytest.approx(joins.mean(), rel=5e-3)
        z = (found.loc[zone, "n_joins"] - joins.mean()) / joins.std()
        assert found.loc[zone, "joins_z"] == pytest.approx(z, rel=0.03, abs=0.03)


def test_joins_are_those_of_esda():
    esda = pytest.importorskip("esda")
    from libpysal.weights import lat2W

    rng = np.random.default_rng(1)
    zones = NAMES[rng.integers(0, 3, 42)]
    found = zone_coherence(zones, grid(6, 7))
    for zone in NAMES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = esda.Join_Counts((zones == zone).astype(float), lat2W(6, 7), permutations=0)
        assert found.loc[zone, "n_joins"] == theirs.bb


@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(2, 7))
@settings(max_examples=60, deadline=None)
def test_invariants(seed, rows, cols):
    rng = np.random.default_rng(seed)
    zones, neighbours = NAMES[rng.integers(0, 3, rows * cols)], grid(rows, cols)
    found, totals = zone_coherence(zones, neighbours), coherence_totals(zones, neighbours)
    assert found["n_units"].sum() == rows * cols
    assert totals["same_joins"] == pytest.approx(found["n_joins"].sum() / (neighbours.nnz / 2))
    assert totals["n_patches"] == found["n_patches"].sum()
    assert (found["n_patches"] * found["mean_patch"]).tolist() == pytest.approx(found["n_units"].tolist())
    order = rng.permutation(rows * cols)
    moved = coherence_totals(zones[order], csr_array(neighbours[order][:, order]))
    assert moved == pytest.approx(totals, nan_ok=True)
    one = coherence_totals(np.repeat("payment", rows * cols), neighbours)
    assert one["same_joins"] == 1.0 and np.isnan(one["coherence"]) and one["n_patches"] == 1


def test_missing_cells_and_islands_do_not_count():
    zones = ["payment", "missing", "payment", "recipient"]
    row = csr_array(np.eye(4, k=1) + np.eye(4, k=-1))
    found = coherence_totals(zones, row)
    assert found["same_joins"] == 0.0 and found["isolated_share"] == 1.0 and found["n_patches"] == 3
    assert np.isnan(zone_coherence(zones, csr_array((4, 4))).loc["payment", "isolated_share"])
    with pytest.raises(InputError, match="neighbours of the zoned cells"):
        coherence_totals(zones, csr_array((3, 3)))
