"""What the chain says of its zones: other sides and origins, another allocation, other divisions, the number of zones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import carbonshed as cs
from carbonshed.spatial.cell_ids import coarse_ids
from carbonshed.study.allocation_comparison import compared_accounts, zone_changes, zones_side_by_side

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def result(finished_study):
    return cs.Result.open(finished_study / "results")


def change(folder, old, new):
    text = (folder / "study.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "study.toml").write_text(text.replace(old, new), encoding="utf-8")


def test_zones_of_the_chosen_side_and_its_neighbours(result):
    around = result.table("scale_zones")
    side = result.manifest["choices"]["scale"]["working_scale_km"]
    sides = around.groupby("scale_role")["scale_km"].first().to_dict()
    ladder = [4.0, 8.0, 12.0]
    place = ladder.index(side)
    expected = {"chosen": side}
    expected |= {"finer": ladder[place - 1]} if place else {}
    expected |= {"coarser": ladder[place + 1]} if place < 2 else {}
    assert sides == expected
    chosen = around[around["scale_role"] == "chosen"]
    pd.testing.assert_series_equal(chosen["zone"], result.zones["zone"])
    for (_, year), rows in around.groupby(["scale_role", "year"]):
        accounts = result.accounts_grid
        there = accounts[(accounts["scale_km"] == rows["scale_km"].iloc[0]) & (accounts["year"] == year)]
        assert rows.index.sort_values().equals(there.index.sort_values()) and (rows.geometry.area <= rows["scale_km"] ** 2 * 1e6 + 1).all()


def test_agreement_is_that_of_the_zones_laid_over_one_another(result):
    around, table = result.table("scale_zones"), result.table("zone_scale_agreement")
    side = result.manifest["choices"]["scale"]["working_scale_km"]
    assert set(table["kind"]) <= {"side", "origin"} and (table["side_km"][table["kind"] == "origin"] == side).all()
    accounts = result.accounts_grid
    for _, row in table[table["kind"] == "side"].iterrows():
        base = accounts[(accounts["scale_km"] == 4) & (accounts["year"] == row["year"])]
        names = []
        for each in (side, row["side_km"]):
            zones = around[(around["scale_km"] == each) & (around["year"] == row["year"])]["zone"]
            names.append(zones.loc[coarse_ids(base.index, round(each / 4))].to_numpy())
        known = (names[0] != "missing") & (names[1] != "missing")
        area = base["area_km2"].to_numpy()
        assert row["same_share"] == pytest.approx(area[known & (names[0] == names[1])].sum() / area[known].sum())
        # cells as points weigh alike, areas do not at the edge: the same within 0.1
        assert row["ari"] == pytest.approx(adjusted_rand_score(names[0][known], names[1][known]), abs=0.1)


def test_another_allocation_beside_the_first(small_study):
    change(small_study, "[zoning]", "[zoning]\nruns = 0")
    change(small_study, 'allocation = "weighted_proxy"', 'allocation = "weighted_proxy"\ncompare_with = "built_share"')
    result = cs.Study.open(small_study).run()
    beside, changes = result.table("allocation_zones"), result.table("allocation_zone_changes")
    pd.testing.assert_series_equal(beside["zone"], result.zones["zone"].astype(beside["zone"].dtype))
    assert (beside["changes_zone"] == (beside["zone"] != beside["zone_compared"])).all()
    np.testing.assert_allclose(changes.groupby("year")[["units_share", "area_share"]].sum(), 1.0)
    moved = changes[changes["zone"] != changes["zone_compared"]].groupby("year")["n_units"].sum()
    assert moved.to_dict() == beside.groupby("year")["changes_zone"].sum().to_dict() and moved.sum() > 0
    by_hand = result.table("allocation_comparison")
    level = by_hand[(by_hand["level"] == "grid") & (by_hand["scale_km"] == result.manifest["choices"]["scale"]["working_scale_km"])]
    assert len(level) == len(beside)
    assert "scale_zones" not in result.tables and "choice_of_k" in result.tables  # runs = 0: no comparison, and no waiting for it


def test_an_allocation_like_the_first_moves_no_zone(result):
    accounts = result.accounts_county.copy()
    same = pd.DataFrame(
        {"level": "county", "scale_km": np.nan, "year": accounts["year"], "carbon_source_compared": accounts["carbon_source"]}
    )
    pd.testing.assert_frame_equal(compared_accounts(accounts, same)[list(accounts)], accounts)
    zones = pd.DataFrame({"zone": "payment"}, index=accounts.index)
    changes = zone_changes(zones_side_by_side(zones, zones, accounts))
    assert changes["units_share"].tolist() == [1.0, 1.0] and changes["zone_compared"].tolist() == ["payment"] * 2
    double = compared_accounts(accounts, same.assign(carbon_source_compared=2 * same["carbon_source_compared"]))
    np.testing.assert_allclose(double["net_carbon_emission"], 2 * accounts["carbon_source"] - accounts["carbon_sink"])
    half = compared_accounts(accounts, same.iloc[1:])
    assert half["carbon_source"].isna().tolist() == [True] + [False] * 7


def test_zones_beside_administrative_units_and_random_divisions(result):
    table = result.table("zone_divisions")
    assert {"zones", "county"} <= set(table["division"]) and set(table["year"]) == {2010, 2015}
    assert table["random_p"].between(1 / 200, 1).all() and table["q"].between(0, 1).all()
    row = table[table["division"] == "zones"].iloc[0]
    n, strata = row["n_units"], row["n_strata"]
    assert row["q_adjusted"] == pytest.approx(1 - (1 - row["q"]) * (n - 1) / (n - strata))


def test_the_county_of_a_cell_holds_most_of_its_area(result):
    from carbonshed.study.worth_steps import _counties_of_cells

    accounts = result.accounts_grid
    cells = accounts[(accounts["scale_km"] == 12) & (accounts["year"] == 2010)]
    found = _counties_of_cells(cells, result.tables)
    pieces = result.table("pieces")
    pieces = pieces[pieces["year"] == 2010]
    for cell, county in found.items():
        inside = pieces[coarse_ids(pieces["cell_id"], 3) == cell].groupby("county_id")["area_km2"].sum()
        assert inside[county] == inside.max()


def test_the_number_of_zones_rests_on_more_than_one_figure(result):
    table = result.table("choice_of_k")
    assert {"silhouette", "davies_bouldin", "calinski_harabasz", "gap", "gap_error", "stability_ari"} <= set(table)
    said = result.manifest["choices"]["number_of_zones"]
    assert said["used"] == 3 and said["silhouette"] == table.loc[table["silhouette"].idxmax(), "zones"]
    joins = result.table("zone_joins")
    assert (joins["n_joins"] <= joins["n_units"] * 4).all() and (joins["largest_patch"] <= joins["n_units"]).all()


def test_connected_zones_are_shown_their_worth_too(small_study):
    change(small_study, "[zoning]", "[zoning]\ncontiguous = true\nmin_size = 2\nruns = 2")
    result = cs.Study.open(small_study).run(until="worth")
    assert {"zone_stability", "zone_features", "choice_of_k", "scale_zones", "zone_joins"} <= set(result.tables)
    chosen = result.table("scale_zones").query("scale_role == 'chosen'")
    assert chosen["zone"].tolist() == result.zones["zone"].tolist()


def test_counties_as_zones_have_no_neighbouring_sides(small_study):
    change(small_study, "[zoning]", '[zoning]\nlevel = "county"\nmethod = "kmeans"\nruns = 2\nzones = 2')
    result = cs.Study.open(small_study).run(until="worth")
    assert "scale_zones" not in result.tables and set(result.table("zone_divisions")["division"]) == {"zones", "city", "province"}


@pytest.mark.slow
def test_real_region_other_sides_allocations_and_divisions(tmp_path):
    """Beijing-Tianjin-Hebei 2019: zones mean more than administrative units of their number and than chance; borders move with the grid."""
    from carbonshed.study.demo import write_demo

    path = write_demo(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('allocation = "weighted_proxy"\n', 'allocation = "weighted_proxy"\ncompare_with = "built_share"\n', 1),
        encoding="utf-8",
    )
    result = cs.Study.open(tmp_path).run(until="worth")
    around = result.table("scale_zones").groupby("scale_role")["scale_km"].first().to_dict()
    assert around == {"finer": 6.0, "chosen": 12.0, "coarser": 18.0}
    agreement = result.table("zone_scale_agreement")
    assert agreement["kind"].tolist() == ["side"] * 2 + ["origin"] * 3  # a base of half the side leaves three shifts
    assert agreement["same_share"].min() > 0.8 and agreement["ari"].between(0.5, 0.85).all()
    divisions = result.table("zone_divisions").set_index(["quantity", "division"])
    zones = divisions.xs("zones", level="division")
    assert (zones["random_p"] < 0.05).all() and (zones["q"] > zones["random_q_high"]).all()
    for name in ("city", "province"):
        assert (zones["q_adjusted"] > divisions.xs(name, level="division")["q_adjusted"]).all()
    evidence = result.table("choice_of_k").set_index("zones")
    assert (evidence["stability_ari"] >= 0.8).all() and evidence["davies_bouldin"].idxmin() == 3
    moved = result.table("allocation_zones")["changes_zone"].mean()
    assert moved == pytest.approx(0.42, abs=0.03)  # rural emissions decide between balanced and recipient
    assert result.table("allocation_zones")["zone"].tolist() == result.zones["zone"].tolist()
    joins = result.table("zone_joins")
    assert (joins["joins_z"] > 10).all()
