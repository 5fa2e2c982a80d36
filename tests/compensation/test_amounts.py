"""Ability, amounts, closure, caps and the sums of both sides."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from carbonshed.checks import ConservationError, DataWarning, InputError
from carbonshed.compensation.ability import ability_coefficient, pearl_coefficient, relative_gdp_per_head
from carbonshed.compensation.amounts import amount_summary, compensation_amount, institution_rows
from carbonshed.compensation.closure import CLOSURES, cap_payments, close_sides
from carbonshed.compensation.price import carbon_price

PEARL = {
    0.60: 0.209,
    0.50: 0.269,
    0.45: 0.315,
    0.40: 0.378,
    0.36: 0.445,
    0.32: 0.531,
    0.302: 0.577,
    0.293: 0.602,
    0.282: 0.633,
    0.25: 0.731,
}
TOY = pd.DataFrame(
    {
        "revised_deficit": [50.0, 30, 20, -40, 0],
        "gdp_yuan": [1000.0, 300, 100, 100, 500],
        "population": [10.0, 10, 10, 10, 10],
        "fiscal_revenue_yuan": [3000.0, 4000, 4000, 100, 100],
    },
    index=pd.Index([*"abcde"], name="unit_id"),
)


@pytest.mark.parametrize(("engel", "r"), PEARL.items())
def test_pearl_table(engel: float, r: float) -> None:
    assert pearl_coefficient([engel])[0] == pytest.approx(r, abs=0.0005)


@given(st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_pearl_falls_with_poverty_and_stays_below_its_limit(engel: float, step: float) -> None:
    richer, poorer = pearl_coefficient([engel, engel + step])
    assert 0 < poorer <= richer <= 1
    assert pearl_coefficient([engel], limit=2.0)[0] == pytest.approx(2 * richer)


@pytest.mark.parametrize("engel", [30.2, 0.0, 1.0, -0.3])
def test_engel_percentages_are_refused(engel: float) -> None:
    with pytest.raises(InputError, match="fractions between 0 and 1"):
        pearl_coefficient([0.3, engel])


def test_ability_by_hand() -> None:
    assert ability_coefficient(TOY, price=1.0, ability="one").tolist() == [1.0] * 5
    # G/P = 2000/50 = 40; per head 100, 30, 10 -> 2.5, 0.75, 0.25; recipients and zeros 1
    assert ability_coefficient(TOY, price=1.0).tolist() == [2.5, 0.75, 0.25, 1.0, 1.0]
    # kappa FR = 30, 40, 40, 1, 1 against |D' P| = 100, 60, 40, 80, 0
    assert ability_coefficient(TOY, price=2.0, ability="capacity").tolist() == [0.3, 40 / 60, 1.0, 1 / 80, 1.0]
    engel = TOY.assign(engel_coefficient=[0.25, 0.5, 0.5, 0.5, np.nan], population=[10.0, 10, 0, 10, 10])
    mean = pearl_coefficient([(0.25 + 0.5 + 0.5) / 3])[0]
    relative = ability_coefficient(engel, price=1.0, ability="pearl_relative")
    assert relative[:2] == pytest.approx(pearl_coefficient([0.25, 0.5]) / mean)
    assert np.isnan(relative[4])


def test_gdp_per_head_limits_and_missing() -> None:
    frame = TOY.assign(gdp_yuan=[1e6, 1, np.nan, 100, 500])
    with pytest.warns(DataWarning, match="r = 1 for payers without GDP or population: c"):
        r = ability_coefficient(frame, price=1.0)
    assert r[1:].tolist() == [0.2, 1.0, 1.0, 1.0]
    assert r[0] == pytest.approx(relative_gdp_per_head(frame["gdp_yuan"].to_numpy(), frame["population"].to_numpy())[0])
    alone = pd.concat([frame.iloc[[0]]] + [frame.iloc[[1]].rename(index={"b": f"b{i}"}) for i in range(9)])
    assert ability_coefficient(alone, price=1.0)[0] == 5.0
    with pytest.raises(InputError, match="one of one, pearl"):
        ability_coefficient(TOY, price=1.0, ability="gdp")
    with pytest.raises(InputError, match="engel_coefficient"):
        ability_coefficient(TOY, price=1.0, ability="pearl")


def test_amounts_by_hand() -> None:
    found = compensation_amount(TOY, price=2.0)
    assert found["payable_before"].tolist() == [250.0, 45.0, 10.0, 0.0, 0.0]
    assert found["receivable_before"].tolist() == [0.0, 0, 0, 80.0, 0]
    assert found["net_compensation"].tolist() == [-250.0, -45.0, -10.0, 80.0, 0.0]
    assert found["side"].tolist() == ["payer", "payer", "payer", "recipient", "none"]
    assert found["payable_cap"].isna().all()
    assert not found["is_capped"].any()
    pd.testing.assert_index_equal(found.index, TOY.index)
    named = compensation_amount(TOY, ability="one")
    assert named["payable"].iloc[0] == 50 * carbon_price("cn-ets:2024").value


def test_missing_input_is_missing_money() -> None:
    frame = TOY.assign(revised_deficit=[50.0, np.nan, 20, -40, 0], fiscal_revenue_yuan=[np.nan, 1, 1e9, 1e9, 1])
    with pytest.warns(DataWarning, match="no amount for a: an input of ability = 'capacity'"):
        found = compensation_amount(frame, price=1.0, ability="capacity", closure="scale_larger")
    for column in ("payable", "receivable", "net_compensation", "payable_before", "payable_upper_level"):
        assert found[column].isna().tolist() == [True, True, False, False, False]
    assert found["side"].isna().tolist() == [True, True, False, False, False]
    assert found["receivable"].sum() == pytest.approx(20.0)
    assert amount_summary(found, closure="scale_larger")["n_missing"].tolist() == [2]


@settings(max_examples=60, deadline=None)
@given(
    deficits=st.lists(st.integers(-1000, 1000), min_size=2, max_size=9),
    closure=st.sampled_from(CLOSURES),
    price=st.floats(0.5, 500),
    cap=st.one_of(st.none(), st.floats(0.001, 0.05)),
    overflow=st.sampled_from(["redistribute", "upper_level"]),
    shortfall=st.sampled_from(["proportional", "equal_awards", "equal_losses", "talmud"]),
)
def test_money_adds_up(deficits: list[int], closure: str, price: float, cap: float | None, overflow: str, shortfall: str) -> None:
    n = len(deficits)
    frame = pd.DataFrame({"revised_deficit": np.array(deficits, float), "fiscal_revenue_yuan": 1e6}, index=[f"u{i}" for i in range(n)])
    one_sided = min(deficits) >= 0 or max(deficits) <= 0
    options = {"price": price, "ability": "one", "closure": closure, "fiscal_cap": cap, "overflow": overflow, "shortfall": shortfall}
    if one_sided and any(deficits) and closure in ("scale_payments", "scale_receipts"):
        up = closure == "scale_payments" if max(deficits) <= 0 else closure == "scale_receipts"
        if up:
            with pytest.raises(InputError, match="nobody"):
                compensation_amount(frame, **options)
            return
    found = compensation_amount(frame, **options)
    assert (found["payable"] >= 0).all()
    assert (found["receivable"] >= 0).all()
    assert not ((found["payable"] > 0) & (found["receivable"] > 0)).any()
    assert (found["net_compensation"] == found["receivable"] - found["payable"]).all()
    if cap is not None:
        assert (found["payable"] <= found["payable_cap"]).all()
    summary = amount_summary(found, closure=closure).iloc[0]  # itself refuses sides that differ
    assert summary["unbalanced_amount"] == pytest.approx(price * sum(deficits), abs=1e-6 * price)
    assert found["payable_upper_level"].sum() == pytest.approx(summary["upper_level"])
    if closure == "scale_larger":
        assert (found["receivable"] <= found["receivable_before"] * (1 + 1e-12)).all()
        assert summary["receivable"] == pytest.approx(min(summary["payable_before"], summary["receivable_before"]), rel=1e-9)
    if closure in ("none", "fund"):
        assert (found["receivable"] == found["receivable_before"]).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_twice_the_price_is_twice_the_money(deficits: list[float]) -> None:
    frame = pd.DataFrame({"revised_deficit": deficits}, index=[f"u{i}" for i in range(len(deficits))])
    once, twice = (compensation_amount(frame, price=price, ability="one")["net_compensation"] for price in (35.0, 70.0))
    assert twice.to_numpy() == pytest.approx(2 * once.to_numpy(), rel=1e-12)


@pytest.mark.parametrize(
    ("closure", "payable", "receivable"),
    [
        ("none", [60, 40, 0], [0, 0, 25]),
        ("fund", [60, 40, 0], [0, 0, 25]),
        ("scale_larger", [15, 10, 0], [0, 0, 25]),
        ("scale_payments", [15, 10, 0], [0, 0, 25]),
        ("scale_receipts", [60, 40, 0], [0, 0, 100]),
    ],
)
def test_closures_by_hand(closure: str, payable: list[float], receivable: list[float]) -> None:
    pays, gets = close_sides([60, 40, 0], [0, 0, 25], closure=closure)
    assert pays.tolist() == payable
    assert gets.tolist() == receivable


def test_receipts_brought_down_follow_the_shortfall_rule() -> None:
    for closure in ("scale_larger", "scale_receipts"):
        _, gets = close_sides([200, 0, 0, 0], [0, 100, 200, 300], closure=closure, shortfall="talmud")
        assert gets.tolist() == [0, 50, 75, 75]
    pays, _ = close_sides([200, 0, 0, 0], [0, 100, 200, 300], closure="scale_payments")
    assert pays.tolist() == [600, 0, 0, 0]
    with pytest.raises(InputError, match="closure"):
        close_sides([1.0], [0.0], closure="scale")
    with pytest.raises(InputError, match="nobody"):
        close_sides([1.0], [0.0], closure="scale_receipts")


def test_cap_toy_and_overflow() -> None:
    payments, left = cap_payments([50, 30, 20], [30, 40, 40])
    assert payments.tolist() == [30, 40, 30]  # C7: 20 offered as 12 + 8, the second stops at 40
    assert left.tolist() == [0, 0, 0]
    payments, left = cap_payments([50, 30, 20], [30, 40, 40], overflow="upper_level")
    assert payments.tolist() == [30, 30, 20]
    assert left.tolist() == [20, 0, 0]
    payments, left = cap_payments([50, 30, 20], [30, 35, 15])  # all bind: 20 are left, from the excess of 20 and 5
    assert payments.tolist() == [30, 35, 15]
    assert left == pytest.approx([16, 0, 4])
    payments, left = cap_payments([50, 0], [30, 40])  # nobody else owes anything
    assert payments.tolist() == [30, 0]
    assert left.tolist() == [20, 0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.one_of(st.just(np.inf), st.floats(0, 1e6))), min_size=1, max_size=10))
def test_water_filling_against_a_root_finder(rows: list[tuple[float, float]]) -> None:
    pays, caps = np.array(rows).T
    payments, left = cap_payments(pays, caps)
    tolerance = 1e-9 * max(pays.sum(), 1e-300)
    assert (payments <= caps).all()
    assert payments.sum() + left.sum() == pytest.approx(pays.sum(), abs=tolerance)
    most = np.where(pays > 0, caps, 0.0)
    if (pays <= caps).all():
        assert payments.tolist() == pays.tolist()
    elif most.sum() <= pays.sum():
        assert payments == pytest.approx(most, abs=tolerance)
    elif pays.sum() > 1e-6 and pays[pays > 0].min() > 1e-6 * pays.sum():
        level = brentq(lambda m: np.minimum(m * pays, caps).sum() - pays.sum(), 1.0, 1e7, xtol=1e-12, rtol=1e-14)
        assert payments == pytest.approx(np.minimum(level * pays, caps), abs=1e-6 * pays.sum())


def test_caps_of_counties() -> None:
    found = compensation_amount(TOY, price=1.0, ability="one", fiscal_cap=0.01)
    assert found["payable_cap"].tolist() == [30.0, 40, 40, 1, 1]
    assert found["payable"].tolist() == [30.0, 40.0, 30.0, 0.0, 0.0]
    assert found["is_capped"].tolist() == [True, True, False, False, False]
    upper = compensation_amount(TOY, price=1.0, ability="one", fiscal_cap=0.01, overflow="upper_level")
    assert upper["payable_upper_level"].tolist() == [20.0, 0, 0, 0, 0]
    rows = institution_rows(upper)
    assert rows.loc["upper_level", "payable"] == 20.0
    assert rows.loc["upper_level", "side"] == "payer"
    unknown = TOY.assign(fiscal_revenue_yuan=[3000.0, np.nan, 4000, np.nan, np.nan])
    with pytest.warns(DataWarning, match="cap unknown.* missing: b"):
        found = compensation_amount(unknown, price=1.0, ability="one", fiscal_cap=0.01)
    assert found["payable"].tolist() == pytest.approx([30.0, 42.0, 28.0, 0, 0])
    by_gdp = compensation_amount(unknown, price=1.0, ability="one", fiscal_cap=0.01, gdp_cap=0.1)
    assert by_gdp["payable"].tolist() == pytest.approx([30.0, 30.0, 40.0, 0, 0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fiscal_cap": 0.0}, "a share in"),
        ({"fiscal_cap": 5.0}, "a share in"),
        ({"fiscal_cap": 0.01, "gdp_cap": 2.0}, "a share in"),
        ({"closure": "fonds"}, "'fund'"),
        ({"overflow": "upper"}, "upper_level"),
        ({"price": "cn-ets:1999"}, "a named price"),
    ],
)
def test_refusals(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        compensation_amount(TOY, **options)
    with pytest.raises(InputError, match="revised_deficit"):
        compensation_amount(TOY.drop(columns="revised_deficit"), **{"price": 1.0})


def test_summary_notices_a_side_that_was_changed() -> None:
    found = compensation_amount(TOY, price=1.0, ability="one", closure="scale_larger")
    found.loc["a", "payable"] += 1.0
    with pytest.raises(ConservationError, match="amounts"):
        amount_summary(found, closure="scale_larger")


def test_fund_pays_in_or_takes_out_by_year() -> None:
    frame = pd.concat([TOY.assign(year=2007), TOY.assign(year=2017, revised_deficit=-TOY["revised_deficit"])])
    shapes = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(range(10), range(10)), crs="EPSG:4326")
    found = compensation_amount(shapes, price=1.0, ability="one", closure="fund")
    assert isinstance(found, gpd.GeoDataFrame)
    summary = amount_summary(found, closure="fund").set_index("year")
    assert summary["fund_out"].to_dict() == {2007: 60.0, 2017: 0.0}
    assert summary["fund_in"].to_dict() == {2007: 0.0, 2017: 60.0}
    rows = institution_rows(found, closure="fund")
    assert rows["net_compensation"].tolist() == [60.0, -60.0]
    assert (found["net_compensation"].sum() + rows["net_compensation"].sum()) == 0.0
    assert institution_rows(compensation_amount(frame, price=1.0, ability="one", closure="scale_larger")).empty
