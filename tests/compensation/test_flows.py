"""Flows: exact sums, ties, costs, the fund, prices and the summary."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from carbonshed.checks import InputError
from carbonshed.compensation.flow_cost import distances_km, flow_cost, places
from carbonshed.compensation.flows import compensation_flow, flow_prices, flow_summary, solve_flows

TOY = pd.DataFrame(
    {"payable": [6.0, 4, 0, 0], "receivable": [0, 0, 5.0, 3]},
    index=pd.Index([*"abcd"], name="unit_id"),
)
MATRIX = pd.DataFrame([[1, 4], [2, 3]], index=["a", "b"], columns=["c", "d"])


def placed(frame: pd.DataFrame, lon: list[float], lat: list[float]) -> pd.DataFrame:
    return frame.assign(lon=lon, lat=lat)


def test_lp_toy() -> None:
    flows = compensation_flow(TOY, cost=MATRIX)  # C9
    assert flows[["payer", "recipient", "compensation_flow"]].to_numpy().tolist() == [["a", "c", 5.0], ["b", "d", 3.0]]
    cost = sum(MATRIX.loc[row.payer, row.recipient] * row.compensation_flow for row in flows.itertuples())
    assert cost == 14.0
    assert flows["distance_km"].isna().all()
    assert flows["year"].isna().all()


def test_entropic_toys() -> None:
    even = TOY.assign(payable=[5.0, 3, 0, 0])
    for scale, expected in ((1.0, (3.9709, 1.0291, 1.0291, 1.9709)), (100.0, (3.1338, 1.8662, 1.8662, 1.1338))):
        flows = compensation_flow(even, cost=MATRIX, solver="entropic", epsilon=scale / 2.5)  # the mean cost is 2.5
        assert flows["compensation_flow"].to_numpy() == pytest.approx(expected, abs=0.01)  # whole fen
    # towards the linear programme: x12 x21 / (x11 x22) = exp(-2 / 0.2), so x12 = x21 = 0.026
    small = compensation_flow(even, cost=MATRIX, solver="entropic", epsilon=0.08)
    assert small["compensation_flow"].to_numpy() == pytest.approx([4.97, 0.03, 0.03, 2.97], abs=0.01)
    with pytest.raises(InputError, match="use the linear programme"):
        compensation_flow(even, cost=MATRIX, solver="entropic", epsilon=0.001)


def test_entropic_brings_the_longer_side_down_first() -> None:
    for rule, expected in (("proportional", [4.8, 3.2]), ("equal_losses", [5.0, 3.0])):
        flows = compensation_flow(TOY, cost=MATRIX, solver="entropic", shortfall=rule)
        assert flows.groupby("payer")["compensation_flow"].sum().tolist() == pytest.approx(expected, abs=1e-9)
        assert flows.groupby("recipient")["compensation_flow"].sum().tolist() == pytest.approx([5.0, 3.0], abs=1e-9)


AMOUNTS = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=7)


@pytest.mark.parametrize("solver", ["lp", "entropic"])
@settings(max_examples=30, deadline=None)
@given(pays=AMOUNTS, gets=AMOUNTS, seed=st.integers(0, 1000), data=st.data())
def test_sums_are_exact_to_the_fen_and_order_plays_no_part(
    solver: str, pays: list[float], gets: list[float], seed: int, data: st.DataObject
) -> None:
    gets = [value * sum(pays) / sum(gets) for value in gets]  # equal sums
    n, m = len(pays), len(gets)
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "payable": [*pays, *[0.0] * m],
            "receivable": [*[0.0] * n, *gets],
            "lon": rng.integers(110, 113, n + m).astype(float),  # many ties
            "lat": rng.integers(30, 32, n + m).astype(float),
        },
        index=[f"u{i}" for i in range(n + m)],
    )
    flows = compensation_flow(frame, solver=solver, epsilon=0.2)
    fen = flows["compensation_flow"] * 100
    assert (abs(fen - fen.round()) < 1e-6 * fen).all()
    whole = fen.round().astype("int64")
    assert whole.sum() == round(sum(pays) * 100)
    for end, column in (("payer", "payable"), ("recipient", "receivable")):
        sums = whole.groupby(flows[end]).sum().reindex(frame.index, fill_value=0)
        assert (sums - frame[column] * 100).abs().max() < 1.0
    if solver == "lp":
        assert len(flows) <= n + m - 1
        order = data.draw(st.permutations(range(n + m)))
        pd.testing.assert_frame_equal(compensation_flow(frame.iloc[order]), flows)


def test_years_apart_and_missing_amounts_left_out() -> None:
    panel = pd.concat([TOY.assign(year=2017), TOY.assign(year=2007, payable=[1.0, np.nan, 0, 0])])
    flows = compensation_flow(panel, cost=MATRIX)
    assert flows["year"].tolist() == [2007, 2017, 2017]
    assert flows["payer"].tolist() == ["a", "a", "b"]
    assert flows["compensation_flow"].tolist() == [1.0, 5.0, 3.0]


@pytest.mark.parametrize("column", ["payable", "receivable"])
def test_nobody_on_a_side_is_an_empty_table(column: str) -> None:
    flows = compensation_flow(TOY.assign(**{column: 0.0}), cost=MATRIX)
    assert flows.empty
    assert list(flows.columns) == ["year", "payer", "recipient", "compensation_flow", "distance_km"]
    assert flow_summary(flows, TOY).empty
    assert flow_prices(TOY.assign(**{column: 0.0}), cost=MATRIX).empty


def test_distances_are_geodesic_between_equal_area_centroids() -> None:
    boxes = [shapely.box(x, 38, x + 1, 39) for x in (115, 116, 117, 118)]
    frame = gpd.GeoDataFrame(TOY, geometry=boxes, crs="EPSG:4326")
    lon, lat = places(frame)
    assert lon == pytest.approx([115.5, 116.5, 117.5, 118.5], abs=0.01)
    assert lat == pytest.approx([38.5] * 4, abs=0.02)
    flows = compensation_flow(frame)
    # shifting a yuan from a-d, b-c to a-c, b-d changes hardly anything in a row of boxes; all sums hold
    assert flows.groupby("recipient")["compensation_flow"].sum().tolist() == [5.0, 3.0]
    for row in flows.itertuples():
        i, j = frame.index.get_loc(row.payer), frame.index.get_loc(row.recipient)
        assert row.distance_km == pytest.approx(Geod(ellps="WGS84").inv(lon[i], lat[i], lon[j], lat[j])[2] / 1000, abs=1e-9)
    projected = compensation_flow(frame.to_crs("+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"))
    assert projected["distance_km"].to_numpy() == pytest.approx(flows["distance_km"].to_numpy(), abs=1.0)


def test_same_basin() -> None:
    frame = placed(TOY, [0, 0, 1, -1], [0, 0, 0, 0]).assign(basin=["x", "y", "y", "x"], payable=[3.0, 5, 0, 0])
    flows = compensation_flow(frame, cost="same_basin")
    assert flows[["payer", "recipient"]].to_numpy().tolist() == [["a", "d"], ["b", "c"]]
    assert flows["distance_km"].to_numpy() == pytest.approx(111.3195, abs=1e-3)  # the true distance, not the discounted one
    pays, gets = frame.iloc[:2], frame.iloc[2:]
    far = distances_km(*((part["lon"].to_numpy(float), part["lat"].to_numpy(float)) for part in (pays, gets)))
    found = flow_cost(pays, gets, far, cost="same_basin", basin_discount=0.25)
    assert found == pytest.approx(far * [[1.0, 0.75], [0.75, 1.0]])


def test_field_strength_by_hand() -> None:
    pays, gets = TOY.iloc[:2].assign(payable=[4.0, 9.0]), TOY.iloc[2:].assign(receivable=[1.0, 4.0])
    distance = np.array([[3.0, 4.0], [8.0, 5.0]])
    found = flow_cost(pays, gets, distance, cost="field_strength")
    # R = d / (1 + sqrt(Vj/Vi)): 3/1.5 = 2, 4/2 = 2, 8/(4/3) = 6, 5/(5/3) = 3; F = V_i / R^2
    assert found == pytest.approx(-np.array([[1.0, 1.0], [0.25, 1.0]]))
    frame = placed(TOY, [0, 0.1, 1, 2], [0, 0, 0, 0])
    assert compensation_flow(frame, cost="field_strength")["compensation_flow"].sum() == 8.0
    with pytest.raises(InputError, match="distances above 0"):
        compensation_flow(placed(TOY, [0, 1, 0, 2], [0, 0, 0, 0]), cost="field_strength")


def test_fund_and_upper_level_have_no_place() -> None:
    extra = pd.DataFrame({"payable": [0.0, 3.0], "receivable": [5.0, 0.0]}, index=["fund", "upper_level"])
    frame = pd.concat([placed(TOY, [0, 1, 2, 3], [0, 0, 0, 0]), extra])
    flows = compensation_flow(frame)
    assert flows["compensation_flow"].sum() == 13.0
    nowhere = flows["payer"].eq("upper_level") | flows["recipient"].eq("fund")
    assert (flows["distance_km"].isna() == nowhere).all()
    assert flows.loc[flows["recipient"] == "fund", "compensation_flow"].sum() == 5.0
    with_matrix = compensation_flow(pd.concat([TOY, extra]), cost=MATRIX)
    assert with_matrix.groupby("payer")["compensation_flow"].sum().to_dict() == {"a": 6.0, "b": 4.0, "upper_level": 3.0}


def test_prices_tell_what_another_yuan_costs() -> None:
    prices = flow_prices(TOY, cost=MATRIX).set_index("unit_id")["dual_price"]
    base = 14.0
    for unit_id, column in (("c", "receivable"), ("d", "receivable"), ("a", "payable"), ("b", "payable")):
        more = TOY.copy()
        more.loc[unit_id, column] += 0.5
        flows = compensation_flow(more, cost=MATRIX)
        cost = sum(MATRIX.loc[row.payer, row.recipient] * row.compensation_flow for row in flows.itertuples())
        assert (cost - base) / 0.5 == pytest.approx(prices[unit_id], abs=1e-6)


def test_summary_by_hand() -> None:
    frame = placed(TOY, [0, 1, 2, 3], [0, 0, 0, 0]).assign(province=["X", "X", "X", "Y"])
    flows = compensation_flow(frame, cost=MATRIX)
    found = flow_summary(flows, frame).iloc[0]
    assert (found["n_agreements"], found["n_payers"], found["n_recipients"]) == (2, 2, 2)
    assert found["compensation_flow"] == 8.0
    assert found["concentration"] == pytest.approx((5 - 3) / 8 / 2)
    assert found["cross_province_share"] == pytest.approx(3 / 8)
    assert found["mean_distance_km"] == pytest.approx(2 * 111.3195, abs=1e-3)
    bare = flow_summary(compensation_flow(TOY, cost=MATRIX), TOY).iloc[0]
    assert np.isnan(bare["cross_province_share"])
    assert np.isnan(bare["mean_distance_km"])


@pytest.mark.parametrize(
    ("frame", "options", "said"),
    [
        (TOY, {}, "neither"),
        (TOY, {"cost": "distanze"}, "'distance'"),
        (TOY, {"cost": MATRIX, "solver": "simplex"}, "flow_solver"),
        (TOY, {"cost": MATRIX, "solver": "entropic", "epsilon": 0.0}, "epsilon"),
        (TOY, {"cost": MATRIX.drop(columns="d")}, "none for a -> d and 1 more"),
        (TOY.assign(payable=[-1.0, 1, 0, 0]), {"cost": MATRIX}, "a: -1"),
        (TOY.drop(columns="payable"), {"cost": MATRIX}, "payable"),
        (placed(TOY, [0, 1, 2, np.nan], [0, 0, 0, 0]), {}, "none for d"),
        (placed(TOY, [0, 1, 2, 3], [0, 0, 0, 0]), {"cost": "same_basin"}, "basin"),
        (placed(TOY, [0, 1, 2, 3], [0, 0, 0, 0]).assign(basin="x"), {"cost": "same_basin", "basin_discount": 2.0}, "basin_discount"),
    ],
)
def test_refusals(frame: pd.DataFrame, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        compensation_flow(frame, **options)


def test_summary_refuses_what_is_no_flow_table() -> None:
    with pytest.raises(InputError, match="compensation_flow"):
        flow_summary(TOY, TOY)


def test_more_money_than_can_be_told_to_the_fen_is_refused():
    toy = pd.DataFrame({"payable": [1e14, 0.0], "receivable": [0.0, 1e14], "lon": [116.0, 117.0], "lat": [39.0, 39.0]}, index=["a", "b"])
    with pytest.raises(InputError, match="every fen"):
        compensation_flow(toy)


def test_one_solution_gives_the_flows_and_their_prices() -> None:
    both = pd.concat([TOY.assign(year=2010), TOY.assign(year=2015, payable=TOY["payable"] * 3)])
    solved = solve_flows(both, cost=MATRIX)
    pd.testing.assert_frame_equal(solved.flows, compensation_flow(both, cost=MATRIX), check_exact=True)
    pd.testing.assert_frame_equal(solved.prices, flow_prices(both, cost=MATRIX), check_exact=True)
    assert solved.prices["year"].tolist() == [2010] * 4 + [2015] * 4
    assert solve_flows(both, cost=MATRIX, solver="entropic").prices is None
    nobody = solve_flows(both.assign(payable=0.0), cost=MATRIX)
    assert nobody.flows.empty and list(nobody.prices) == ["year", "unit_id", "side", "dual_price"]
    with pytest.raises(InputError, match="flow_solver"):
        solve_flows(both, cost=MATRIX, solver="simplex")
