"""Zones and their reasons on real data: the counties of Beijing-Tianjin-Hebei 2007-2017, and its cells in 2019."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

import carbonshed as cs
from carbonshed.checks import DataWarning
from carbonshed.study.demo import write_demo
from carbonshed.study.pattern_steps import at_scale, fit_study_zones, zone_model
from carbonshed.study.why import why
from carbonshed.zoning.explain import explain_zone
from carbonshed.zoning.explanations import zone_explanations

PUBLISHED = 53 / 157

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield


def test_counties_2007_to_2017(shared, tmp_path):
    """The payment share starts near the published one and grows; the names contradict the balance, and that is said."""
    shutil.copytree(shared / "studies" / "bth-county", tmp_path / "study")
    file = tmp_path / "study" / "study.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[zoning]\nlevel = "county"\nruns = 0\n', encoding="utf-8")
    study = cs.Study.open(tmp_path / "study")
    result = study.run(until="zones")
    zones = result.zones
    share = (zones["zone"] == "payment").groupby(zones["year"]).mean()
    assert share.round(3).to_dict() == {2007: 0.278, 2010: 0.397, 2012: 0.433, 2015: 0.454, 2017: 0.5}
    assert abs((zones["zone"] == "payment").mean() - PUBLISHED) < 0.10 and share.iloc[0] < PUBLISHED < share.iloc[1]
    quality = result.manifest["choices"]["zoning"]["quality"]
    assert quality["not_separable"] and quality["failed_checks"][0].startswith("recipient")  # rich districts of low intensity, small sinks
    assert zones["switch_z"].abs().median() == pytest.approx(0.886, abs=0.01)
    model = fit_study_zones(study.spec, result.tables, counts=())
    for unit in zones.index.unique()[::17]:
        found, plain = why(result, unit, 2017), explain_zone(model, unit, 2017)
        assert (found["zone"], found["nearest_other_zone"]) == (plain["zone"], plain["nearest_other_zone"])
        assert [top["feature"] for top in found["top_features"]] == [top["feature"] for top in plain["top_features"]]
        change = plain["smallest_change"]
        assert (found["smallest_change"] or {}).get("change_z") == (None if change is None else pytest.approx(change["change_z"], abs=1e-7))


def test_cells_of_2019_at_6_12_and_18_km(tmp_path):
    """A tenth of the land pays and emits two thirds; each zone keeps its meaning from side to side."""
    write_demo(tmp_path / "demo")
    study = cs.Study.open(tmp_path / "demo")
    grid = study.run(until="accounts").accounts_grid
    for side, paying in ((6, 0.096), (12, 0.129), (18, 0.127)):
        accounts = at_scale(grid, side)
        model = zone_model(study.spec, accounts, counts=())
        zone = model.zones["zone"].to_numpy()
        area = accounts["area_km2"].groupby(zone).sum() / accounts["area_km2"].sum()
        source, sink = (accounts[name].groupby(zone).sum() / accounts[name].sum() for name in ("carbon_source", "carbon_sink"))
        assert area["payment"] == pytest.approx(paying, abs=0.02)
        assert source["payment"] > 0.6 and source["recipient"] < 0.03 and sink["recipient"] > 0.5
        assert not model.quality["not_separable"] and model.quality["explained_share"] > 0.84
        reasons = zone_explanations(model)
        assert reasons["switch_z"].notna().mean() > 0.93 and (reasons["switch_z"].abs().dropna() <= 3).all()
        rows = np.random.default_rng(0).choice(len(accounts), 25, replace=False)
        for row in rows:
            plain = explain_zone(model, str(accounts.index[row]), 2019)["smallest_change"]
            z = reasons["switch_z"].iloc[row]
            assert (pd.isna(z) and plain is None) or z == pytest.approx(plain["change_z"], abs=1e-7)
