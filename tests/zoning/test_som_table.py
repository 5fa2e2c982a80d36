"""The sheet of the map as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.som_table import SHEET_COLUMNS, som_nodes

from .conftest import make_accounts


def fitted(lattice: str = "hexagonal", **options):
    accounts = make_accounts(90)
    table = accounts.assign(net_emission_density=(accounts["carbon_source"] - accounts["carbon_sink"]) / accounts["area_km2"])
    features = ["net_emission_density", "carbon_sink"]
    return fit_zones(table, features=features, shape=(5, 4), lattice=lattice, n_init=5, counts=(), **options)


@pytest.mark.parametrize("lattice", ["hexagonal", "rectangular"])
def test_each_node_by_hand(lattice):
    model = fitted(lattice)
    som, sheet = model.clusterer.som, som_nodes(model)
    assert list(sheet) == [*SHEET_COLUMNS, "carbon_sink", "net_emission_density"] and len(sheet) == 20
    node = sheet.iloc[9]  # row 2, column 1 of 4 columns
    assert (node["som_row"], node["som_column"]) == (2, 1)
    np.testing.assert_allclose((node["som_x"], node["som_y"]), (1.0, 2 * (np.sqrt(3) / 2 if lattice == "hexagonal" else 1)))
    near = {"hexagonal": [4, 5, 8, 10, 12, 13], "rectangular": [4, 5, 6, 8, 10, 12, 13, 14]}[lattice]
    apart = np.mean([np.linalg.norm(som.codebook_[9] - som.codebook_[other]) for other in near])
    assert node["som_distance"] == pytest.approx(apart)


def test_hits_and_zones_are_those_of_the_cells():
    model = fitted()
    sheet, zones = som_nodes(model), model.zones
    counted = zones["som_node"].astype(int).value_counts().reindex(sheet["som_node"], fill_value=0)
    np.testing.assert_array_equal(sheet["som_hits"], counted)
    by_node = sheet.set_index("som_node")["zone"].reindex(zones["som_node"].astype(int))
    assert (by_node.to_numpy() == zones["zone"].to_numpy()).all()


@settings(max_examples=5, deadline=None)
@given(st.floats(0.25, 4.0))
def test_planes_stand_in_the_unit_of_the_feature(weight):
    """Whatever the weight, forward through the scaler a plane gives the codebook back, and values stay within those of the cells."""
    model = fitted(weights={"carbon_sink": weight})
    sheet = som_nodes(model)
    rule = {rule.name: rule for rule in model.scaler.rules}["carbon_sink"]
    values = sheet["carbon_sink"].to_numpy()
    assert values.min() >= rule.low and values.max() <= rule.high
    inside = (values > rule.low) & (values < rule.high)
    back = rule.standardise(values) * np.sqrt(weight)
    np.testing.assert_allclose(back[inside], model.clusterer.som.codebook_[inside, 0], atol=1e-5)


def test_zones_without_a_map_have_no_sheet():
    accounts = make_accounts(60)
    plain = fit_zones(pd.DataFrame(accounts), features=["carbon_source", "carbon_sink"], method="kmeans", n_init=2, counts=())
    with pytest.raises(InputError, match="som_kmeans"):
        som_nodes(plain)
