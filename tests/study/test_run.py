"""A study that runs, resumes, forks into scenarios, and can be trusted."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.interfaces.cli import app
from carbonshed.study.pipeline import StepError
from carbonshed.study.verifying import verify

CONTRACT = {
    "accounts_grid": "unit_id year scale_km area_km2 carbon_source carbon_sink net_carbon_emission geometry",
    "accounts_county": "unit_id year name area_km2 carbon_source carbon_sink net_carbon_emission geometry",
    "scale_response": "year scale_km quantity n_cells moran_i moran_z moran_p cv chosen",
    "scale_choice": "quantity rule scale_km low_km high_km plateau flags reason",
    "spatial_statistics": "unit_id year quantity local_moran_i local_moran_p lisa_class lisa_class_fdr gi_star_z gi_star_p p_convention",
    "zones": "unit_id year som_node cluster zone zone_confidence geometry",
    "zone_summary": "year zone n_units area_km2 carbon_source carbon_sink net_carbon_emission",
    "compensation": "unit_id name year account_deficit revised_deficit payable receivable net_compensation side priority priority_rank "
    "priority_class priority_capacity",
    "flows": "year payer recipient compensation_flow distance_km",
    "centre_of_gravity": "year quantity lon lat shift_km bearing_deg ellipse_major_km ellipse_minor_km ellipse_angle_deg",
}


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("table", CONTRACT)
def test_every_table_has_the_columns_of_the_contract(finished_study, table):
    frame = cs.Result.open(finished_study / "results").table(table).reset_index()
    assert set(CONTRACT[table].split()) <= set(frame.columns) and len(frame)
    if "geometry" in CONTRACT[table]:
        assert isinstance(frame, gpd.GeoDataFrame) and frame.crs.is_projected


def test_every_column_of_every_table_is_a_registered_term(finished_study):
    from carbonshed import registry

    result = cs.Result.open(finished_study / "results")
    unknown = {
        f"{name}.{c}" for name in result.tables for c in result.table(name).reset_index().columns if c not in (*registry.terms(), "index")
    }
    assert unknown == set()


def test_totals_are_equal_from_province_to_zone(finished_study):
    result = cs.Result.open(finished_study / "results")
    emissions = pd.read_csv(finished_study / "emissions.csv").groupby("year")["carbon_source_t"].sum()
    land = result.accounts_county["carbon_source"].groupby(result.accounts_county["year"]).sum()
    cropland = result.accounts_county.groupby("year")["cropland"].sum() * 100 * 0.422 * 44 / 12
    np.testing.assert_allclose(land, emissions + cropland, rtol=1e-9)
    for frame in (*(g for _, g in result.accounts_grid.groupby("scale_km")), result.table("zone_summary"), result.table("pieces")):
        if "carbon_source" in frame:
            np.testing.assert_allclose(frame.groupby("year")["carbon_source"].sum(), land, rtol=1e-9)
    assert all(row["relative_error"] <= 1e-9 for row in result.manifest["balance_checks"] if "nodata" not in row["what"])


def test_money_closes_to_the_fen(finished_study):
    result = cs.Result.open(finished_study / "results")
    for year, flows in result.flows.groupby("year"):
        money = result.compensation[result.compensation["year"] == year]
        paid = flows.groupby("payer")["compensation_flow"].sum()
        np.testing.assert_allclose(paid, money.loc[paid.index, "payable"], atol=0.011)
        assert abs(money["payable"].sum() - money["receivable"].sum()) <= 1e-9 * money["payable"].sum()


def test_nothing_runs_twice_and_the_second_run_is_the_same(finished_study):
    study = cs.Study.open(finished_study)
    assert {row["action"] for row in study.plan()} == {"reuse"}
    before = (finished_study / "results" / "manifest.json").read_text()
    steps = []
    result = study.run(progress=lambda fraction, message: steps.append(message))
    assert steps == ["done"]
    assert result.manifest["digest"] == json.loads(before)["digest"]


def test_the_same_study_elsewhere_gives_the_same_bytes(finished_study, tmp_path):
    first = cs.Result.open(finished_study / "results").manifest
    second = cs.Study.open(finished_study).run(tmp_path / "again").manifest
    assert first["digest"] == second["digest"]
    assert [s["files"] for s in first["steps"]] == [s["files"] for s in second["steps"]]


def test_a_changed_knob_runs_only_what_it_touches(finished_study):
    text = (finished_study / "study.toml").read_text(encoding="utf-8")
    try:
        (finished_study / "study.toml").write_text(text.replace("price = 80", "price = 90"), encoding="utf-8")
        actions = {row["step"]: row["action"] for row in cs.Study.open(finished_study).plan()}
    finally:
        (finished_study / "study.toml").write_text(text, encoding="utf-8")
    assert {step for step, action in actions.items() if action == "run"} == {"compensation", "flows", "statistics", "centre"}


def test_a_scenario_reuses_the_rest_and_leaves_the_folder_alone(finished_study):
    study = cs.Study.open(finished_study)
    base = study.run(until="flows")
    before = sorted((p, p.stat().st_mtime_ns) for p in (finished_study / "results").rglob("*"))
    steps = []
    dearer = study.with_(carbon_price=160).run(progress=lambda fraction, message: steps.append(message.split(":")[0]))
    np.testing.assert_allclose(dearer.compensation["payable_before"], 2 * base.compensation["payable_before"], rtol=1e-12)
    pd.testing.assert_series_equal(dearer.compensation["priority_rank"], base.compensation["priority_rank"], check_index_type=False)
    assert sorted((p, p.stat().st_mtime_ns) for p in (finished_study / "results").rglob("*")) == before
    with pytest.raises(InputError, match="carbon_price"):
        study.with_(carbon_prize=1)


@pytest.mark.parametrize(
    "change",
    [
        {"carbon_price": 160},
        pytest.param({"revision": "redistributed"}, marks=pytest.mark.slow),
        pytest.param({"ability": "one", "closure": "fund"}, marks=pytest.mark.slow),
    ],
    ids=lambda each: "_".join(each),
)
def test_a_scenario_has_the_tables_of_a_run_from_nothing(finished_study, change):
    study = cs.Study.open(finished_study)
    study.with_(carbon_price=100).run(until="flows")
    again = study.with_(**change).run(until="flows")
    anew = cs.Study(study.with_(**change).spec, study.base, is_scenario=True).run(until="flows")
    for name in anew.tables:
        pd.testing.assert_frame_equal(pd.DataFrame(again.table(name)), pd.DataFrame(anew.table(name)), check_exact=True)


def test_an_interrupted_run_is_valid_and_goes_on(small_study, monkeypatch):
    study = cs.Study.open(small_study)

    def stop(fraction, message):
        if message == "zones":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(progress=stop)
    assert verify(small_study / "results") == []
    partial = cs.Result.open(small_study / "results")
    assert "scale_choice" in partial.tables and "zones" not in partial.tables
    whole = cs.Study.open(small_study).run()
    assert "flows" in whole.tables and verify(small_study / "results") == []


def test_a_step_that_fails_exits_with_4_and_keeps_the_rest(small_study, monkeypatch):
    from carbonshed.study import pattern_steps

    def broken(*args, **options):
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(pattern_steps, "fit_zones", broken)
    with pytest.raises(StepError, match="'zones' failed"):
        cs.Study.open(small_study).run()
    found = CliRunner().invoke(app, ["run", str(small_study)])
    assert found.exit_code == 4 and "zones" in found.stderr
    assert "accounts_county" in cs.Result.open(small_study / "results").tables


def test_until_stops_and_an_unknown_step_names_the_nearest(small_study):
    result = cs.Study.open(small_study).run(until="accounts")
    assert "accounts_county" in result.tables and "zones" not in result.tables
    with pytest.raises(InputError, match="'zones'"):
        cs.Study.open(small_study).run(until="zonse")


def test_counties_a_little_beyond_the_raster_are_held_to_min_coverage(small_study):
    """A spit of 130101 reaches some km further west than the raster: 0.9 % of the region, which holds no data."""
    counties = gpd.read_file(small_study / "counties.gpkg")
    spit = shapely.box(880_000, 4_205_000, 900_001, 4_205_800)
    counties.loc[counties["unit_id"] == "130101", "geometry"] = counties.geometry.iloc[0].union(spit)
    counties.to_file(small_study / "counties.gpkg", layer="counties", driver="GPKG")
    result = cs.Study.open(small_study).run(until="land_area")
    land = result.tables["land_area"]
    land = land[(land["level"] == "county") & (land["year"] == 2010)]
    assert 0.5 < land.loc["130101", "nodata_km2"] / spit.area * 1e6 < 1 and land["nodata_km2"].sum() == land.loc["130101", "nodata_km2"]
    with pytest.raises(InputError, match=r"at least 99\.9 % of them"):
        cs.Study.open(small_study).with_(**{"land_cover.min_coverage": 0.999}).run(until="land_area")


def test_a_shorter_run_forgets_nothing(finished_study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished_study / "results", copy)
    cs.Study.open(finished_study).run(copy, until="accounts")
    assert "flows" in cs.Result.open(copy).tables
    (copy / "tables" / "zones.parquet").unlink()
    steps = []
    cs.Study.open(finished_study).run(copy, progress=lambda fraction, message: steps.append(message.split(":")[0]))
    assert set(steps) == {"zones", "done"} and verify(copy) == []


def test_a_study_of_counties_alone(small_study):
    economy = pd.read_csv(small_study / "counties.csv", dtype={"unit_id": str})
    economy["carbon_source_t"], economy["carbon_sink_t"] = [4e5, 9e5, 3e6, 2e4] * 2, [6e5, 1e5, 5e4, 3e5] * 2
    economy.to_csv(small_study / "counties.csv", index=False)
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    head, _, tail = text.partition("[land_cover]")
    text = (
        head
        + '[accounting]\nsink_mode = "table"\n\n[zoning]\nlevel = "county"\nfeatures = "density"\n\n'
        + tail[tail.index("[compensation]") :]
    )
    (small_study / "study.toml").write_text(text, encoding="utf-8")
    result = cs.Study.open(small_study).run()
    assert "accounts_grid" not in result.tables and len(result.zones) == 8
    assert result.accounts["net_carbon_emission"].sum() == pytest.approx(2 * (4e5 + 9e5 + 3e6 + 2e4 - 6e5 - 1e5 - 5e4 - 3e5))


def test_a_study_of_a_region_without_counties(small_study):
    counties = gpd.read_file(small_study / "counties.gpkg")
    counties.dissolve()[["geometry"]].to_file(small_study / "region.gpkg")
    pd.DataFrame({"id": ["region"] * 2, "year": [2010, 2015], "carbon_source_t": [4e6, 5e6]}).to_csv(
        small_study / "emissions.csv", index=False
    )
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    head, _, tail = text.partition("[counties]")
    text = head + '[region]\nboundary = "region.gpkg"\n\n' + tail[tail.index("[land_cover]") :]
    (small_study / "study.toml").write_text(text, encoding="utf-8")
    result = cs.Study.open(small_study).run()
    assert "compensation" not in result.tables and set(result.zones["zone"]) >= {"payment", "recipient"}


def test_verify_and_audit_and_exit_codes(finished_study, tmp_path):
    runner = CliRunner()
    results = finished_study / "results"
    assert runner.invoke(app, ["verify", str(results)]).exit_code == 0
    audit = runner.invoke(app, ["audit", str(results), "--json"])
    assert json.loads(audit.stdout)["largest_relative_error"] < 1e-3
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    (copy / "tables" / "zones.parquet").write_bytes(b"changed")
    broken = runner.invoke(app, ["verify", str(copy)])
    assert broken.exit_code == 3 and "zones.parquet" in broken.stderr
    assert runner.invoke(app, ["verify", str(tmp_path)]).exit_code == 3
    assert runner.invoke(app, ["run", "--nonsense"]).exit_code == 2


def test_a_read_only_study_folder_asks_for_out(small_study, tmp_path, monkeypatch):
    import os

    study = cs.Study.open(small_study)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK or not str(path).startswith(str(small_study)))
    with pytest.raises(InputError, match="--out"):
        study.run()
    assert not (small_study / "results").exists()
    assert "accounts_county" in study.run(tmp_path / "elsewhere", until="accounts").tables


def test_why_explains_every_zone_from_the_folder_alone(finished_study):
    from carbonshed.study.why import sentences, why

    result = cs.Result.open(finished_study / "results")
    zones = result.zones
    for unit_id in zones.index.unique()[:6]:
        record = why(result, unit_id, 2015)
        row = zones.loc[[unit_id]].query("year == 2015").iloc[0]
        assert (record["zone"], record["cluster"]) == (row["zone"], row["cluster"])
        assert record["zone_confidence"] == pytest.approx(row["zone_confidence"])
        gap = record["distance_other"] ** 2 - record["distance_own"] ** 2
        assert sum(top["contribution"] for top in record["top_features"]) == pytest.approx(gap)
        for lang in ("en", "zh"):
            assert len(sentences(record, lang)) >= 4
    with pytest.raises(InputError, match="Did you mean"):
        why(result, zones.index[0] + "0")
    found = CliRunner().invoke(app, ["why", str(finished_study / "results"), zones.index[0], "--lang", "zh"])
    assert found.exit_code == 0 and "置信度" in found.stdout


def test_compare_tells_settings_totals_and_zones(finished_study, tmp_path):
    study = cs.Study.open(finished_study)
    study.with_(carbon_price=160).run(tmp_path / "dear")
    found = CliRunner().invoke(app, ["compare", str(finished_study / "results"), str(tmp_path / "dear"), "--json"])
    rows = {(r["what"], r["year"]): r for r in json.loads(found.stdout)["differences"]}
    assert rows["setting compensation.price", None]["second"] == 160
    paid = rows["total payable", 2015]
    assert paid["second"] == pytest.approx(2 * paid["first"]) and paid["unit"] == "yuan a-1"
    assert not any("zone" in what for what, _ in rows)
    same = CliRunner().invoke(app, ["compare", str(tmp_path / "dear"), str(tmp_path / "dear")])
    assert same.exit_code == 0 and "equal" in same.stdout


def test_old_codes_are_brought_onto_the_base_year_and_nothing_is_lost(small_study):
    economy = pd.read_csv(small_study / "counties.csv", dtype={"unit_id": str})
    before = economy.groupby("year")["gdp_yuan"].sum()
    old = economy.copy()
    old["unit_id"] = old["unit_id"].replace({"130202": "139999"})  # recoded
    halves = old[old["unit_id"] == "130101"].assign(gdp_yuan=lambda f: f["gdp_yuan"] / 2, population=lambda f: f["population"] / 2)
    halves["fiscal_revenue_yuan"] /= 2
    old = pd.concat([old[old["unit_id"] != "130101"], halves.assign(unit_id="130191"), halves.assign(unit_id="130192")])  # merged later
    old.to_csv(small_study / "counties.csv", index=False)
    codes = {"130191": "130101", "130192": "130101", "139999": "130202", "130102": "130102", "130201": "130201"}
    moves = pd.DataFrame({"code_old": list(codes), "code_new": list(codes.values()), "share": 1.0})
    moves.to_csv(small_study / "crosswalk.csv", index=False)
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["check", str(small_study)]).exit_code == 3
    text = text.replace('table = "counties.csv"', 'table = "counties.csv"\ncrosswalk = "crosswalk.csv"')
    (small_study / "study.toml").write_text(text, encoding="utf-8")
    result = cs.Study.open(small_study).run(until="accounts")
    np.testing.assert_allclose(result.accounts_county.groupby("year")["gdp_yuan"].sum(), before)
    said = " ".join(row["message"] for row in result.manifest["warnings"])
    assert "merged into 130101" in said and "recoded to 130202" in said
    moves.assign(share=[0.4, 1, 1, 1, 1]).to_csv(small_study / "crosswalk.csv", index=False)
    wrong = CliRunner().invoke(app, ["check", str(small_study)])
    assert wrong.exit_code == 3 and "130191" in wrong.stdout


def test_a_cost_matrix_of_the_user_steers_the_flows(small_study):
    result = cs.Study.open(small_study).run()
    side = result.compensation.query("year == 2015")["side"]
    payers, recipients = side.index[side == "payer"], side.index[side == "recipient"]
    matrix = pd.DataFrame(1.0, index=payers, columns=recipients)
    matrix.rename_axis("payer").to_csv(small_study / "costs.csv")
    text = (small_study / "study.toml").read_text(encoding="utf-8")
    (small_study / "study.toml").write_text(
        text.replace("price = 80", 'price = { 2010 = 80, 2015 = 90 }\nflow_cost = "costs.csv"'), encoding="utf-8"
    )
    again = cs.Study.open(small_study).run()
    assert again.flows["compensation_flow"].sum() > 0
    rise = again.compensation.query("year == 2015")["payable_before"] / result.compensation.query("year == 2015")["payable_before"]
    np.testing.assert_allclose(rise.dropna(), 90 / 80)
    (small_study / "costs.csv").write_text("payer," + ",".join(recipients) + "\n" + "".join(f"{p},x\n" for p in payers))
    found = CliRunner().invoke(app, ["run", str(small_study)])
    assert found.exit_code == 3 and "a cost in every cell" in found.stderr


def test_accounts_of_table_and_grid_are_reconciled_and_basins_steer_flows(small_study):
    economy = pd.read_csv(small_study / "counties.csv", dtype={"unit_id": str})
    economy["carbon_source_t"] = [5e5, 9e5, 3e6, 9e6] * 2
    economy.to_csv(small_study / "counties.csv", index=False)
    counties = gpd.read_file(small_study / "counties.gpkg").assign(river=["a", "b", "b", "a"])
    (small_study / "counties.gpkg").unlink()
    counties.to_file(small_study / "counties.gpkg", layer="counties", driver="GPKG")
    path = small_study / "study.toml"
    text = path.read_text(encoding="utf-8").replace("price = 80", 'price = 80\nflow_cost = "same_basin"')
    path.write_text(text, encoding="utf-8")
    assert CliRunner().invoke(app, ["check", str(small_study)]).exit_code == 3
    path.write_text(text.replace('city = "city"', 'city = "city"\nbasin = "river"'), encoding="utf-8")
    result = cs.Study.open(small_study).run()
    differences = result.table("account_differences").reset_index()
    assert set(differences.loc[differences["is_different"], "unit_id"]) >= {"130202"}
    np.testing.assert_allclose(differences["difference"], differences["grid"] - differences["table"])
    prices = result.table("flow_prices")
    assert set(prices["side"]) <= {"payer", "recipient"} and len(result.table("centre_drift")) == 2


def test_shared_responsibility_stands_beside_production(small_study):
    economy = pd.read_csv(small_study / "counties.csv", dtype={"unit_id": str})
    economy["carbon_source_consumption_t"] = [2e6, 1e6, 1e6, 5e5] * 2
    economy.to_csv(small_study / "counties.csv", index=False)
    path = small_study / "study.toml"
    text = path.read_text(encoding="utf-8")
    produced = cs.Study.open(small_study).run(until="compensation")
    path.write_text(text.replace("price = 80", 'price = 80\nresponsibility = "shared"\nbeta = 0.25'), encoding="utf-8")
    shared = cs.Study.open(small_study).run(until="compensation")
    own, both = produced.compensation, shared.compensation
    expected = 0.25 * own["carbon_source"] + 0.75 * own["carbon_source_consumption"] - own["carbon_sink"]
    np.testing.assert_allclose(both["account_deficit"], expected)
    table = shared.table("responsibility_comparison")
    assert set(table["responsibility"]) == {"production", "consumption", "shared"} and set(table["province"]) == {"冀", "津"}
