"""Presets, district modes and the direction of money."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.compensation.direction import compensation_direction, direction_checks
from carbonshed.compensation.districts import apply_district_mode
from carbonshed.compensation.presets import PRESETS, preset
from carbonshed.compensation.price import carbon_price
from carbonshed.compensation.revise import FORMS

COUNTIES = pd.DataFrame(
    {
        "name": ["A", "B", "C", "D"],
        "city": ["X", "X", "X", "Y"],
        "province": ["P", "P", "P", "Q"],
        "is_district": [True, False, True, True],
        "area_km2": [1.0, 2, 3, 4],
        "carbon_source": [10.0, 20, 30, 40],
        "population": [1.0, 1, 3, 1],
        "engel_coefficient": [0.2, 0.3, 0.4, 0.5],
    },
    index=pd.Index([*"abcd"], name="unit_id"),
)


def test_presets_are_those_of_the_method() -> None:
    published, recommended = preset("published"), preset("recommended")
    assert (published.revision, published.floor_quantile, published.rescale) == ("normalised_mean", 0.0, False)
    assert dict(published.weights or {}) == {"area": 1.0, "population": 1.0, "gdp": 1.0}
    assert (published.district_mode, published.ability, published.closure, published.fiscal_cap) == ("exclude", "one", "none", None)
    assert published.centre_quantities == ("payable",)
    assert (recommended.revision, recommended.district_mode, recommended.ability) == ("none", "separate", "gdp_per_head")
    assert (recommended.closure, recommended.fiscal_cap, recommended.payer_order) == ("scale_larger", 0.01, "priority_capacity")
    assert recommended.centre_quantities == ("payable", "receivable")
    for each in PRESETS.values():
        assert each.revision in FORMS
        assert carbon_price(each.price).value == 95.96
    with pytest.raises(InputError, match="'published'"):
        preset("publish")


def test_district_modes_by_hand() -> None:
    assert apply_district_mode(COUNTIES, district_mode="separate") is COUNTIES
    assert apply_district_mode(COUNTIES, district_mode="exclude").index.tolist() == ["b"]
    merged = apply_district_mode(COUNTIES.drop(columns="engel_coefficient"), district_mode="merge_by_city")
    assert merged.index.tolist() == ["X", "b", "Y"]
    assert merged["carbon_source"].tolist() == [40.0, 20.0, 40.0]
    assert merged["is_district"].tolist() == [True, False, True]
    assert merged["name"].tolist() == ["X", "B", "Y"]
    assert list(merged.columns) == [column for column in COUNTIES.columns if column != "engel_coefficient"]


def test_districts_of_a_panel_with_polygons() -> None:
    boxes = [shapely.box(i * 1000, 0, (i + 1) * 1000, 1000) for i in range(4)]
    crs = "+proj=laea +lat_0=38 +lon_0=116 +datum=WGS84 +units=m"
    table = COUNTIES.drop(columns="engel_coefficient").assign(area_km2=1.0)
    panel = pd.concat([table.assign(year=2007), table.assign(year=2017, carbon_source=1.0)])
    frame = gpd.GeoDataFrame(panel, geometry=boxes * 2, crs=crs)
    merged = apply_district_mode(frame, district_mode="merge_by_city")
    assert isinstance(merged, gpd.GeoDataFrame)
    assert merged.crs == frame.crs
    assert merged.index.tolist() == ["X", "b", "Y"] * 2
    assert merged["year"].tolist() == [2007] * 3 + [2017] * 3
    assert merged["carbon_source"].tolist() == [40, 20, 40, 2, 1, 1]
    assert merged.loc["X", "geometry"].iloc[0].equals(shapely.union(boxes[0], boxes[2]))


def test_intensive_columns_are_averaged_by_their_weight_or_refused() -> None:
    merged = apply_district_mode(COUNTIES, district_mode="merge_by_city")
    assert merged.loc["X", "engel_coefficient"] == pytest.approx((0.2 * 1 + 0.4 * 3) / 4)


@pytest.mark.parametrize(
    ("frame", "mode", "said"),
    [
        (COUNTIES.drop(columns="is_district"), "exclude", "is_district"),
        (COUNTIES.drop(columns="city"), "merge_by_city", "city"),
        (COUNTIES, "merge", "merge_by_city"),
        (COUNTIES.assign(wealth=1.0), "merge_by_city", "registered term"),
        (COUNTIES.assign(remark="x"), "merge_by_city", "remark"),
    ],
)
def test_district_refusals(frame: pd.DataFrame, mode: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        apply_district_mode(frame, district_mode=mode)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("XYZ"), st.booleans(), st.integers(0, 100)), min_size=1, max_size=12))
def test_merging_keeps_totals(rows: list[tuple[str, bool, int]]) -> None:
    city, is_district, source = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {"city": city, "is_district": is_district, "area_km2": 1.0, "carbon_source": np.array(source, float)},
        index=[f"u{i}" for i in range(len(rows))],
    )
    merged = apply_district_mode(frame, district_mode="merge_by_city")
    assert merged["carbon_source"].sum() == frame["carbon_source"].sum()
    assert merged["is_district"].sum() == len({c for c, district in zip(city, is_district, strict=True) if district})
    assert (~merged["is_district"]).sum() == (~frame["is_district"]).sum()


MONEY = pd.DataFrame(
    {
        "province": ["X", "X", "Y", "Z"],
        "city": ["x1", "x2", "y1", "z1"],
        "payable": [5.0, 0, 0, 1],
        "receivable": [0.0, 1, 5, 0],
        "gdp_yuan": [400.0, 100, 100, 10],
        "population": [4.0, 1, 2, 1],
    },
    index=pd.Index([*"abcd"], name="unit_id"),
)


def test_direction_by_hand() -> None:
    found = compensation_direction(MONEY).set_index("province")
    assert found["net_compensation"].to_dict() == {"X": -4.0, "Y": 5.0, "Z": -1.0}
    assert found["share_of_gdp"].to_dict() == pytest.approx({"X": -0.008, "Y": 0.05, "Z": -0.1})
    assert found["gdp_per_head"].to_dict() == pytest.approx({"X": 100, "Y": 50, "Z": 10})
    assert found["side"].to_dict() == {"X": "payer", "Y": "recipient", "Z": "payer"}
    assert compensation_direction(MONEY, by="city")["net_compensation"].tolist() == [-5.0, 1.0, 5.0, -1.0]
    check = direction_checks(MONEY)[0]
    assert (check.year, check.payers, check.recipients) == (None, ("X", "Z"), ("Y",))
    assert check.payer_gdp_per_head == pytest.approx(510 / 6)
    assert check.recipient_gdp_per_head == 50.0
    assert check.poor_pay_rich is False
    assert check.largest_share_of_gdp == pytest.approx(0.1)


def test_poor_paying_rich_is_said_year_by_year() -> None:
    turned = MONEY.assign(payable=MONEY["receivable"], receivable=MONEY["payable"], year=2017)
    panel = pd.concat([turned, MONEY.assign(year=2007)])
    assert [(check.year, check.poor_pay_rich) for check in direction_checks(panel)] == [(2007, False), (2017, True)]
    nobody = direction_checks(MONEY.assign(payable=0.0, receivable=0.0))[0]
    assert (nobody.payers, nobody.recipients, nobody.poor_pay_rich) == ((), (), None)


def test_unknown_amounts_are_counted_and_unknown_gdp_gives_no_ratio() -> None:
    frame = MONEY.assign(payable=[np.nan, 0, 0, 1], receivable=[np.nan, 1, 5, 0], gdp_yuan=[400.0, np.nan, 100, 10])
    fund = pd.DataFrame({"payable": [9.0], "receivable": [0.0]}, index=["fund"])
    found = compensation_direction(pd.concat([frame, fund])).set_index("province")
    assert found.loc["X", "n_missing"] == 1
    assert found.loc["X", "net_compensation"] == 1.0
    assert np.isnan(found.loc["X", "share_of_gdp"])
    assert direction_checks(frame)[0].poor_pay_rich is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("XYZ"), st.integers(-100, 100)), min_size=1, max_size=10))
def test_direction_keeps_the_total(rows: list[tuple[str, int]]) -> None:
    province, net = zip(*rows, strict=True)
    net = np.array(net, float)
    frame = pd.DataFrame(
        {"province": province, "payable": np.maximum(-net, 0), "receivable": np.maximum(net, 0), "gdp_yuan": 1.0, "population": 1.0},
        index=[f"u{i}" for i in range(len(rows))],
    )
    assert compensation_direction(frame)["net_compensation"].sum() == net.sum()


def test_direction_refusals() -> None:
    with pytest.raises(InputError, match="province, city"):
        compensation_direction(MONEY, by="county")
    with pytest.raises(InputError, match="province"):
        direction_checks(MONEY.drop(columns="province"))
