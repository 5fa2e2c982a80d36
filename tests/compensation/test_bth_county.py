"""The county study of Beijing-Tianjin-Hebei: every frozen number of its README and of the acceptance list, with its tolerance."""

from __future__ import annotations

import ast
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carbonshed.checks import DataWarning
from carbonshed.compensation.amounts import amount_summary, compensation_amount, institution_rows
from carbonshed.compensation.direction import compensation_direction, direction_checks
from carbonshed.compensation.districts import apply_district_mode
from carbonshed.compensation.flows import compensation_flow, flow_prices, flow_summary
from carbonshed.compensation.presets import preset
from carbonshed.compensation.priority import balance, balance_summary, compensation_priority, priority_stability
from carbonshed.compensation.revise import revise_account
from carbonshed.numerics.inequality import gini

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
YEARS = (2007, 2010, 2012, 2015, 2017)
DACHANG, BAIXIANG, XINHE, REN, HAIXING = "大厂回族自治县", "柏乡县", "新河县", "任泽区", "海兴县"
RECIPIENTS = {"尚义县", "阜平县", "沽源县", "康保县", "赤城县"}


@pytest.fixture(scope="module")
def counties(shared: Path) -> gpd.GeoDataFrame:
    folder = shared / "studies" / "bth-county"
    shapes = gpd.read_file(folder / "counties.gpkg").set_index("unit_id").to_crs(ALBERS)
    names = {"city_name": "city", "province_name": "province", "is_municipal_district": "is_district"}
    shapes = shapes.rename(columns=names)[["name", *names.values(), "geometry"]]
    table = pd.read_csv(folder / "counties.csv", dtype={"unit_id": str}).set_index("unit_id")
    table = table[table["year"].isin(YEARS)].rename(columns={"carbon_source_t": "carbon_source", "carbon_sink_t": "carbon_sink"})
    return gpd.GeoDataFrame(table.join(shapes), geometry="geometry", crs=ALBERS)


def run(
    counties: gpd.GeoDataFrame, *, form: str = "normalised_mean", weights: dict[str, float] | None = None, district_mode: str = "exclude"
) -> gpd.GeoDataFrame:
    revised = revise_account(apply_district_mode(counties, district_mode=district_mode), form=form, weights=weights, floor_quantile=0.0)
    return compensation_priority(compensation_amount(revised, price=70.0, ability="one"))


@pytest.fixture(scope="module")
def published(counties: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    chosen = preset("published")
    kept = apply_district_mode(counties, district_mode=chosen.district_mode)
    revised = revise_account(
        kept, form=chosen.revision, weights=chosen.weights, rescale=chosen.rescale, floor_quantile=chosen.floor_quantile
    )
    amounts = compensation_amount(revised, price=70.0, ability=chosen.ability, closure=chosen.closure, fiscal_cap=chosen.fiscal_cap)
    return compensation_priority(amounts)


def centre(frame: gpd.GeoDataFrame) -> tuple[float, float]:
    """Payable-weighted mean of the polygon centroids in the equal-area CRS, back-projected."""
    points = frame.geometry.centroid
    weight = frame["payable"].to_numpy()
    mean = gpd.GeoSeries.from_xy([np.average(points.x, weights=weight)], [np.average(points.y, weights=weight)], crs=frame.crs)
    back = mean.to_crs("EPSG:4326").iloc[0]
    return back.x, back.y


def of_year(frame: gpd.GeoDataFrame, year: int) -> gpd.GeoDataFrame:
    return frame[frame["year"] == year]


def first(frame: pd.DataFrame, side: str, n: int) -> list[str]:
    chosen = frame[(frame["side"] == side) & (frame["priority_rank"] <= n)]
    return chosen.sort_values("priority_rank")["name"].tolist()


def test_every_row_of_the_expected_table(published: gpd.GeoDataFrame, shared: Path) -> None:
    expected = pd.read_csv(shared / "studies" / "bth-county" / "expected_published.csv")
    assert expected["year"].tolist() == list(YEARS)
    for row in expected.to_dict("records"):
        part = of_year(published, row["year"])
        assert len(part) == row["n"]
        lon, lat = centre(part)
        assert lon == pytest.approx(row["lon"], abs=0.002)
        assert lat == pytest.approx(row["lat"], abs=0.002)
        summary = balance_summary(part).iloc[0]
        assert summary["balance_all"] == pytest.approx(row["pay_over_receive"], rel=0.005)
        assert summary["balance_20"] == pytest.approx(row["b20"], rel=0.005)
        assert first(part, "payer", 10) == row["top10_payers"].split()
        assert first(part, "recipient", 5) == row["top5_recipients"].split()
        ranks = part[part["side"] == "payer"].set_index("name")["priority_rank"]
        for name, rank in ast.literal_eval(row["ranks"]).items():
            assert ranks[name] == rank, (row["year"], name)


@pytest.mark.parametrize(
    ("year", "lon", "lat", "ranks", "b20", "ratio", "before", "after"),
    [
        (2007, 115.8897, 38.3192, (1, 2, 8, 24, 27), 0.958, 4.349, 0.409, 0.310),
        (2012, 115.9040, 38.3188, (1, 2, 4, 13, 23), 1.186, 5.652, 0.416, 0.304),
        (2017, 115.9243, 38.3281, (1, 4, 11, 22, 19), 1.050, 4.930, 0.400, 0.311),
    ],
)
def test_rp1_to_rp10(
    published: gpd.GeoDataFrame,
    year: int,
    lon: float,
    lat: float,
    ranks: tuple[int, ...],
    b20: float,
    ratio: float,
    before: float,
    after: float,
) -> None:
    part = of_year(published, year)
    found = centre(part)
    assert found[0] == pytest.approx(lon, abs=0.002)
    assert found[1] == pytest.approx(lat, abs=0.002)
    assert 115.75 <= found[0] <= 116 + 2 / 60  # T5, in exact minutes
    assert 38 + 10 / 60 <= found[1] <= 38 + 20 / 60
    rank = part[part["side"] == "payer"].set_index("name")["priority_rank"]
    assert tuple(rank[name] for name in (DACHANG, BAIXIANG, XINHE, REN, HAIXING)) == ranks
    top = first(part, "recipient", 6)
    assert set(top) >= RECIPIENTS  # RP8
    assert top[5] == "阜平县"
    assert "崇礼区" in top
    assert balance(part, n=[20])["balance_ratio"].iloc[0] == pytest.approx(b20, rel=0.005)
    assert balance_summary(part)["balance_all"].iloc[0] == pytest.approx(ratio, rel=0.005)
    assert gini(part["account_deficit"].abs()) == pytest.approx(before, abs=0.002)
    assert gini(part["revised_deficit"].abs()) == pytest.approx(after, abs=0.002)


def test_t5d_and_the_stability_of_the_lists(published: gpd.GeoDataFrame) -> None:
    stability = priority_stability(published, n=5).set_index(["side", "year", "other_year"]).sort_index()
    assert stability.loc[("payer", 2007, 2012), "jaccard"] == pytest.approx(0.67, abs=0.005)
    assert stability.loc[("payer", 2007, 2017), "jaccard"] == pytest.approx(0.43, abs=0.005)
    assert (stability.loc["recipient", "jaccard"] == 1.0).all()
    # over years the order of all payers keeps, too, and few counties change side
    assert (stability["kendall_tau"] > 0.4).all()
    assert (stability["changed_side"] < 0.05).all()


def test_rp11_none(counties: gpd.GeoDataFrame) -> None:
    plain = run(counties, form="none")
    for year in YEARS:
        part = of_year(plain, year)
        lon, lat = centre(part)
        assert 116.03 <= round(lon, 2) <= 116.09
        assert 38.40 <= round(lat, 2) <= 38.43
        assert 1.6 <= round(balance_summary(part)["balance_20"].iloc[0], 1) <= 2.0


@pytest.mark.parametrize(
    ("form", "weights", "low", "high", "digits"),
    [
        ("normalised_composite", None, 1.7, 2.0, 1),  # RP12
        ("normalised_mean", {"gdp": 1.0}, 0.50, 0.68, 2),  # RP13
        ("equity_coefficients", None, 2.7, 3.2, 1),  # RP14b
    ],
)
def test_rp12_rp13_rp14b_b20(
    counties: gpd.GeoDataFrame, form: str, weights: dict[str, float] | None, low: float, high: float, digits: int
) -> None:
    found = balance_summary(run(counties, form=form, weights=weights)).set_index("year")["balance_20"]
    assert all(low <= round(float(value), digits) <= high for value in found[[2007, 2012, 2017]])


@pytest.mark.parametrize("form", ["redistributed", "duty_endowment", "relative_share"])
def test_rp14_zero_sum_forms(counties: gpd.GeoDataFrame, form: str) -> None:
    ranked = run(counties, form=form)
    assert balance_summary(ranked)["balance_all"].to_numpy() == pytest.approx(1.0, rel=1e-9)
    for year in YEARS:
        assert 0.51 <= round(gini(of_year(ranked, year)["revised_deficit"].abs()), 2) <= 0.60


def test_rp14b_gini_of_equity_coefficients(counties: gpd.GeoDataFrame) -> None:
    ranked = run(counties, form="equity_coefficients")
    for year in (2007, 2012, 2017):
        assert 0.47 <= round(gini(of_year(ranked, year)["revised_deficit"].abs()), 2) <= 0.49


@pytest.mark.parametrize(
    ("mode", "n", "west", "east", "south", "north"),
    [("separate", 194, 116.22, 116.23, 38.66, 38.74), ("merge_by_city", 152, 115.86, 115.90, 38.35, 38.37)],
)
def test_rp15_rp16_districts(counties: gpd.GeoDataFrame, mode: str, n: int, west: float, east: float, south: float, north: float) -> None:
    ranked = run(counties, district_mode=mode)
    for year in (2007, 2012, 2017):
        part = of_year(ranked, year)
        assert len(part) == n
        lon, lat = centre(part)
        assert west <= round(lon, 2) <= east
        assert south <= round(lat, 2) <= north
        if mode == "merge_by_city":
            assert 0.69 <= round(balance_summary(part)["balance_20"].iloc[0], 2) <= 0.87


@pytest.fixture(scope="module")
def recommended(counties: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    chosen = preset("recommended")
    revised = revise_account(apply_district_mode(counties, district_mode=chosen.district_mode), form=chosen.revision)
    with pytest.warns(DataWarning, match="cap unknown, hence none.*all payers"):
        amounts = compensation_amount(
            revised, price=62.36, ability=chosen.ability, closure=chosen.closure, fiscal_cap=chosen.fiscal_cap, overflow=chosen.overflow
        )
    return compensation_priority(amounts)


def test_rp18_net_by_province(recommended: gpd.GeoDataFrame) -> None:
    table = compensation_direction(recommended).set_index(["year", "province"])
    expected = {2007: (-6.80, -7.55, 14.35), 2017: (-2.42, -15.73, 18.15)}
    for year, values in expected.items():
        for province, value in zip(("北京市", "天津市", "河北省"), values, strict=True):
            assert table.loc[(year, province), "net_compensation"] / 1e8 == pytest.approx(value, rel=0.01)
    assert (table["share_of_gdp"] >= -0.0015).all()
    for check in direction_checks(recommended):
        assert set(check.payers) == {"北京市", "天津市"}
        assert check.recipients == ("河北省",)
        assert check.poor_pay_rich is False
        assert check.largest_share_of_gdp <= 0.0015


def test_recommended_largest_recipients_and_equal_sums(recommended: gpd.GeoDataFrame) -> None:
    for year in (2007, 2017):
        part = of_year(recommended, year)
        assert set(part.nlargest(3, "receivable")["name"]) == {"丰宁满族自治县", "隆化县", "赤城县"}
    summary = amount_summary(recommended, closure="scale_larger")
    assert summary["payable"].to_numpy() == pytest.approx(summary["receivable"].to_numpy(), rel=1e-9)
    assert (recommended["payable"] <= recommended["payable_before"]).all()


def test_duty_endowment_reverses_the_direction(counties: gpd.GeoDataFrame) -> None:
    ranked = run(counties, form="duty_endowment", district_mode="separate")
    table = compensation_direction(ranked).set_index(["year", "province"])
    for year in (2007, 2017):
        assert table.loc[year, "net_compensation"].idxmax() == "北京市"
    assert all(check.poor_pay_rich for check in direction_checks(ranked))


def test_flows_of_the_recommended_preset(recommended: gpd.GeoDataFrame) -> None:
    flows = compensation_flow(recommended)
    assert list(flows.columns) == ["year", "payer", "recipient", "compensation_flow", "distance_km"]
    fen = (flows["compensation_flow"] * 100).round().astype("int64")
    for year in YEARS:
        part, mine = of_year(recommended, year), flows["year"] == year
        assert mine.sum() <= (part["payable"] > 0).sum() + (part["receivable"] > 0).sum() - 1
        for end, column in (("payer", "payable"), ("recipient", "receivable")):
            sums = fen[mine].groupby(flows.loc[mine, end]).sum()
            wanted = part[column] * 100
            assert (sums.reindex(part.index, fill_value=0) - wanted).abs().max() < 1.0
            assert sums.sum() == round(part["payable"].sum() * 100)
    prices = flow_prices(recommended).set_index(["year", "unit_id", "side"])["dual_price"]
    at = flows.iloc[::7]
    tight = [
        prices[(y, a, "payer")] + prices[(y, b, "recipient")] for y, a, b in zip(at["year"], at["payer"], at["recipient"], strict=True)
    ]
    assert np.array(tight) == pytest.approx(at["distance_km"].to_numpy(), abs=1e-5)
    summary = flow_summary(flows, recommended)
    assert (summary["mean_distance_km"].between(50, 400)).all()
    assert (summary["cross_province_share"].between(0.2, 0.8)).all()
    shuffled = compensation_flow(recommended.sample(frac=1.0, random_state=0))
    pd.testing.assert_frame_equal(flows, shuffled)


def test_fund_of_the_study(counties: gpd.GeoDataFrame) -> None:
    revised = revise_account(of_year(counties, 2017))
    amounts = compensation_amount(revised, price=62.36, ability="one", closure="fund")
    rows = institution_rows(amounts, closure="fund")
    assert rows.index.tolist() == ["fund"]
    flows = compensation_flow(pd.concat([amounts, rows]))
    to_fund = flows["recipient"] == "fund"
    assert flows.loc[to_fund, "compensation_flow"].sum() == pytest.approx(rows["receivable"].iloc[0], abs=0.01)
    assert flows.loc[to_fund, "distance_km"].isna().all()
    assert flows.loc[~to_fund, "distance_km"].notna().all()
