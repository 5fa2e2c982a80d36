"""Connected zones: pieces, sizes, cost, islands, years, refusals."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from shapely import box
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from carbonshed.checks import DataWarning, InputError
from carbonshed.numerics.contiguity import patches
from carbonshed.spatial.cell_ids import parse_cell_ids
from carbonshed.zoning.coherence import coherence_totals
from carbonshed.zoning.contiguity import contiguous_zones, yearly_neighbours
from carbonshed.zoning.explain import explain_zone, zone_contributions
from carbonshed.zoning.fitted import explained_share, fitted_cells
from carbonshed.zoning.indicators import zoning_indicators

from ..conftest import assert_same_index
from .region import fit, make_region


@pytest.fixture(scope="module")
def model():
    return fit(zoning_indicators(make_region()))


def pieces(labels, neighbours) -> list[int]:
    return [connected_components(neighbours[labels == each][:, labels == each])[0] for each in np.unique(labels)]


def test_regions_are_connected_and_large_and_the_map_has_no_salt_and_pepper(model):
    neighbours = yearly_neighbours(model.indicators)
    found = contiguous_zones(model, min_size=6)
    regions = found.zones["cluster"].to_numpy(dtype=int)
    assert pieces(regions, neighbours) == [1] * (regions.max() + 1)
    assert np.bincount(regions).min() >= 6
    assert np.bincount(patches(found.zones["zone"], neighbours)).min() >= 6
    before, after = (coherence_totals(each.zones["zone"], neighbours) for each in (model, found))
    assert after["isolated_share"] == 0.0 < before["isolated_share"]
    assert after["coherence"] > before["coherence"]
    assert_same_index(found.zones, model.zones)
    assert list(found.zones.columns) == [*model.zones.columns, "zone_subtype"]


def test_cost_is_the_share_of_variance_that_is_lost(model):
    found = contiguous_zones(model, min_size=6)
    block = found.quality["contiguity"]
    x = model.features(model.indicators)
    free, bound = explained_share(x, model.zones["zone"].to_numpy()), explained_share(x, found.zones["zone"].to_numpy())
    assert block["explained_by_unconstrained_zones"] == pytest.approx(free, abs=1e-12)
    assert block["explained_by_zones"] == pytest.approx(bound, abs=1e-12)
    assert block["cost"] == pytest.approx(free - bound, abs=1e-12) and 0 < block["cost"] < 0.2
    order = np.argsort(fitted_cells(model).rows)
    within = ((x - found.clusterer.centres[found.clusterer.labels[order]]) ** 2).sum()
    assert block["explained_by_regions"] == pytest.approx(1 - within / ((x - x.mean(axis=0)) ** 2).sum(), abs=1e-12)
    assert block["islands"] == [] and block["least_size"] >= 6 and block["regions"] == block["regions_found"]


def test_without_moves_it_is_ward_with_connectivity(model):
    neighbours = yearly_neighbours(model.indicators)
    found = contiguous_zones(model, neighbours, regions=7, min_size=1, border_moves=False)
    theirs = AgglomerativeClustering(7, connectivity=neighbours, linkage="ward").fit_predict(model.features(model.indicators))
    assert adjusted_rand_score(theirs, found.zones["cluster"].astype(int)) == 1.0


def test_zones_of_regions_mean_what_they_mean_in_the_model(model):
    found = contiguous_zones(model, min_size=6)
    gaps = ((found.clusterer.centres[:, None, :] - model.clusterer.centres[None, :, :]) ** 2).sum(axis=2)
    assert found.zone_of_cluster == [model.zone_of_cluster[each] for each in gaps.argmin(axis=1)]
    named = contiguous_zones(model, regions=3, naming="score")
    assert named.zone_of_cluster == ["payment", "balanced", "recipient"]
    assert (np.diff(named.naming["score"]) < 0).all()


def test_years_are_by_themselves():
    accounts = make_region(10, years=(2010, 2020))
    indicators = zoning_indicators(accounts)
    neighbours = yearly_neighbours(indicators)
    years = indicators["year"].to_numpy()
    rows, cols = neighbours.nonzero()
    assert (years[rows] == years[cols]).all()
    model = fit(indicators)
    found = contiguous_zones(model, regions=4)
    by_year = found.zones.groupby("year")["cluster"].unique()
    assert [len(each) for each in by_year] == [4, 4] and not set(by_year[2010]) & set(by_year[2020])
    # a link between years does not count
    linked = (neighbours + csr_array((np.ones(100), (np.arange(100), np.arange(100, 200))), shape=(200, 200))).tocsr()
    pd.testing.assert_frame_equal(contiguous_zones(model, linked, regions=4).zones, found.zones)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_of_rows_does_not_matter(model, seed):
    order = np.random.default_rng(seed).permutation(len(model.indicators))
    shuffled = fit(model.indicators.iloc[order])
    pd.testing.assert_frame_equal(contiguous_zones(shuffled).zones, contiguous_zones(model).zones.iloc[order])


def test_islands_are_listed_and_take_the_most_similar_region():
    accounts = make_region(9)
    _, rows, cols = parse_cell_ids(accounts.index)
    kept = accounts[~((cols == 7) | (rows == 7)) | ((cols == 7) & (rows == 7))]  # cuts off strips, a corner cell and a diagonal one
    indicators = zoning_indicators(kept)
    model = fit(indicators)
    neighbours = yearly_neighbours(indicators, kind="rook")
    with pytest.warns(DataWarning, match="2 islands, in groups below 3 cells, take the most similar region: g1:R007C007, g1:R008C008"):
        found = contiguous_zones(model, neighbours, regions=5, min_size=3)
    assert found.quality["contiguity"]["islands"] == ["g1:R007C007", "g1:R008C008"]
    corner = found.zones.index.get_loc("g1:R008C008")
    x = model.features(indicators)
    clusters = found.zones["cluster"].to_numpy(dtype=int)
    means = np.stack([x[(clusters == each) & ~np.isin(indicators.index, ["g1:R007C007", "g1:R008C008"])].mean(axis=0) for each in range(5)])
    assert clusters[corner] == ((means - x[corner]) ** 2).sum(axis=1).argmin()
    with pytest.warns(DataWarning, match="5 regions in place of 2: there are more connected parts"):
        contiguous_zones(model, neighbours, regions=2, min_size=1)


def test_cells_that_are_not_fitted_join_a_neighbouring_region():
    accounts = make_region(9)
    _, rows, _ = parse_cell_ids(accounts.index)
    indicators = zoning_indicators(accounts.assign(inside_share=np.where(rows == 0, 0.2, 1.0)))
    model = fit(indicators)
    found = contiguous_zones(model, regions=5, min_size=3)
    neighbours = yearly_neighbours(indicators)
    assert len(found.clusterer.labels) == 72 and pieces(found.zones["cluster"].to_numpy(dtype=int), neighbours) == [1] * 5


def test_cells_without_a_feature_are_missing_and_cut_the_map():
    accounts = make_region(9)
    accounts.loc["g1:R004C004", "gdp_yuan"] = np.nan
    with pytest.warns(DataWarning, match="g1:R004C004"):
        model = fit(zoning_indicators(accounts))
    found = contiguous_zones(model, regions=4)
    assert found.zones.loc["g1:R004C004", "zone"] == "missing" and pd.isna(found.zones.loc["g1:R004C004", "cluster"])
    assert (found.zones["zone"] == "missing").sum() == 1


def test_counties_touch(model):
    side, ids = 6, [f"c{i:02d}" for i in range(36)]
    accounts = make_region(side).set_axis(pd.Index(ids, name="unit_id"))
    shapes = [box(c * 1e4, r * 1e4, (c + 1) * 1e4, (r + 1) * 1e4) for r in range(side) for c in range(side)]
    frame = zoning_indicators(gpd.GeoDataFrame(accounts, geometry=shapes, crs="EPSG:6933"))
    counties = fit(frame)
    found = contiguous_zones(counties, regions=3, min_size=2, naming="score")
    assert isinstance(found.zones, gpd.GeoDataFrame) and found.zones.crs == frame.crs
    graph = Graph.build_contiguity(frame, rook=False)
    pd.testing.assert_frame_equal(
        pd.DataFrame(contiguous_zones(counties, graph, regions=3, min_size=2, naming="score").zones), pd.DataFrame(found.zones)
    )
    with pytest.warns(DataWarning, match="not separable: payment: no cell has this zone"):
        assert contiguous_zones(counties, regions=3, min_size=2).quality["not_separable"]
    with pytest.raises(InputError, match="ids of grid cells, or polygons"):
        yearly_neighbours(pd.DataFrame(frame.drop(columns="geometry")))


def test_the_model_explains_itself(model):
    found = contiguous_zones(model, min_size=6)
    record = explain_zone(found, "g1:R003C003")
    assert record["provenance"]["method"] == "ward_contiguity" and record["provenance"]["contiguity"]["min_size"] == 6
    row = found.indicators.index.get_loc("g1:R003C003")
    assert zone_contributions(found).iloc[row].sum() == pytest.approx(record["distance_other"] ** 2 - record["distance_own"] ** 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": 400}, "at least 400 cells for 400 regions"),
        ({"min_size": 400}, "at least 400 connected cells"),
        ({"min_size": 0}, "1 or more"),
        ({"regions": 0}, "1 or more"),
        ({"naming": "scores"}, "Did you mean 'score'"),
        ({"neighbours": csr_array((3, 3))}, "324 x 324 links"),
    ],
)
def test_refusals(model, options, message):
    with pytest.raises(InputError, match=message):
        contiguous_zones(model, **options)


def test_all_cells_alike_are_refused():
    accounts = make_region(6)
    same = pd.DataFrame({column: accounts[column].iloc[0] for column in accounts}, index=accounts.index)
    with pytest.warns(DataWarning), pytest.raises(InputError, match="at least one feature that varies"):
        contiguous_zones(fit(zoning_indicators(same)))
