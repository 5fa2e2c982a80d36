"""How many zones: gap statistic and the rest of the evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score, silhouette_score

from carbonshed.checks import InputError
from carbonshed.zoning.fitted import fitted_cells
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.number_of_zones import chosen_k, evidence_of_k, gap_statistic, log_within, reference_rows
from carbonshed.zoning.refit import bootstrap_counts, bootstrap_runs

from .region import fit, make_region

CORNERS = {2: [(10, 20), (60, 30)], 3: [(10, 10), (60, 10), (35, 60)], 4: [(10, 10), (40, 35), (10, 60), (160, 100)]}


def of_kinds(kinds: int, n: int = 90) -> pd.DataFrame:
    """Cells of so many kinds, apart in source and sink, with noise of 3 t."""
    rng = np.random.default_rng(0)
    flows = np.array(CORNERS[kinds], dtype=float)[np.arange(n) % kinds] + 3 * rng.standard_normal((n, 2))
    columns = {"carbon_source": np.abs(flows[:, 0]), "carbon_sink": np.abs(flows[:, 1]), "area_km2": 1.0}
    return zoning_indicators(pd.DataFrame(columns, index=pd.Index([f"c{i}" for i in range(n)], name="unit_id")))


TWO = {"features": ["source_density", "sink_density"], "transform": "none"}


@pytest.mark.parametrize("method", ["kmeans", "som_kmeans", "ward"])
@pytest.mark.parametrize("kinds", [2, 3, 4])
def test_clear_kinds_are_counted(method, kinds):
    found = gap_statistic(fit(of_kinds(kinds), zones=2, method=method, **TWO), counts=range(2, 6), references=10)
    assert found.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.index[found["is_chosen"]].tolist() == [kinds]


def test_no_clusters_is_an_answer():
    rng = np.random.default_rng(1)
    columns = {"carbon_source": rng.uniform(10, 20, 80), "carbon_sink": rng.uniform(10, 20, 80), "area_km2": 1.0}
    cells = zoning_indicators(pd.DataFrame(columns, index=pd.Index([f"c{i}" for i in range(80)], name="unit_id")))
    found = gap_statistic(fit(cells, winsorise=0.0, **TWO), counts=[2, 3], references=20)
    assert found.index[found["is_chosen"]].tolist() == [1]


def test_gap_is_its_definition():
    model = fit(of_kinds(3), **TWO)
    found = gap_statistic(model, counts=[2, 3], references=6, seed=4)
    np.testing.assert_allclose(found["gap"], found["reference_log_within"] - found["log_within"])
    x = fitted_cells(model).x
    assert found.loc[1, "log_within"] == pytest.approx(np.log(((x - x.mean(axis=0)) ** 2).sum()))
    assert found.loc[3, "log_within"] == pytest.approx(log_within(x, fitted_cells(model).labels))
    drawn = [reference_rows(x, np.random.default_rng(int(seed))) for seed in np.random.SeedSequence(4).generate_state(6)]
    logs = [np.log(((each - each.mean(axis=0)) ** 2).sum()) for each in drawn]
    assert found.loc[1, "reference_log_within"] == pytest.approx(np.mean(logs))
    assert found.loc[1, "gap_error"] == pytest.approx(np.std(logs) * np.sqrt(1 + 1 / 6))
    pd.testing.assert_frame_equal(found, gap_statistic(model, counts=[2, 3], references=6, seed=4))


@given(st.integers(0, 2**32 - 1), st.integers(3, 30))
@settings(max_examples=40, deadline=None)
def test_within_is_the_sum_of_pairs_of_the_print(seed, n):
    """Tibshirani et al. write W = sum_r D_r / (2 n_r), D_r the sum of squared distances over all ordered pairs of cluster r."""
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((n, 3)), rng.integers(0, 3, n)
    pairs = sum(2 * (pdist(x[labels == each]) ** 2).sum() / (2 * (labels == each).sum()) for each in np.unique(labels))
    if pairs > 0:
        assert log_within(x, labels) == pytest.approx(np.log(pairs))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_references_fill_the_box_of_the_principal_components(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((200, 2)) @ rng.standard_normal((2, 2)) + 5
    drawn = reference_rows(x, np.random.default_rng(seed))
    _, _, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    box, inside = (x - x.mean(axis=0)) @ axes.T, (drawn - x.mean(axis=0)) @ axes.T
    assert (inside >= box.min(axis=0) - 1e-9).all() and (inside <= box.max(axis=0) + 1e-9).all()
    assert abs(np.corrcoef(inside.T)[0, 1]) < 0.3


def test_evidence_stands_on_cells():
    model = fit(zoning_indicators(make_region(10)))
    found = evidence_of_k(model, counts=[2, 3, 4], references=3, runs=4, seed=2)
    assert found.index.tolist() == [2, 3, 4]
    cells = fitted_cells(model)
    assert found.loc[3, "silhouette"] == pytest.approx(silhouette_score(cells.x, cells.labels))
    assert found.loc[3, "explained_share"] == pytest.approx(model.quality["explained_share"], abs=1e-9)
    assert found["explained_share"].is_monotonic_increasing
    labels, _ = bootstrap_runs(cells, runs=4, seed=2, zones=4)
    pairs = [adjusted_rand_score(labels[i], labels[j]) for i in range(4) for j in range(i + 1, 4)]
    assert found.loc[4, "stability_ari"] == pytest.approx(np.mean(pairs))
    np.testing.assert_allclose(found["gap"], gap_statistic(model, counts=[2, 3, 4], references=3, seed=2).loc[[2, 3, 4], "gap"])


def test_choices_are_those_of_the_columns():
    columns = {"silhouette": [0.5, 0.6, 0.6], "calinski_harabasz": [9, 8, 7], "davies_bouldin": [0.7, 0.6, 0.5]}
    evidence = pd.DataFrame({**columns, "stability_ari": [0.9, 0.7, 0.8]}, index=[2, 3, 4])
    gaps = pd.DataFrame({"is_chosen": [False, False]}, index=[1, 2])
    expected = {"silhouette": 3, "calinski_harabasz": 2, "davies_bouldin": 4, "stability_ari": 2, "stable": [2, 4]}
    assert chosen_k(evidence, gaps) == {**expected, "gap": None}
    assert chosen_k(evidence, gaps.assign(is_chosen=[False, True]))["gap"] == 2


def test_refusals():
    model = fit(of_kinds(3), **TWO)
    with pytest.raises(InputError, match="at least two runs"):
        gap_statistic(model, references=1)
    with pytest.raises(InputError, match="rules"):
        gap_statistic(fit(of_kinds(3), method="rules", **TWO))
    few = fit(of_kinds(3, n=5), **TWO)
    with pytest.raises(InputError, match="at least 8 different cells"):
        gap_statistic(few)


def test_bootstraps_of_several_numbers_are_those_of_each():
    cells = fitted_cells(fit(zoning_indicators(make_region(10))))
    found = bootstrap_counts(cells, [2, 4], runs=3, seed=5)
    for k in (2, 4):
        np.testing.assert_array_equal(found[k], bootstrap_runs(cells, runs=3, seed=5, zones=k)[0])
