"""Term sheets: the seven items of Article 17, filled from frames, blanks kept as blanks; modelled amounts beside actual payments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.agreement import COLUMNS, ITEMS, STATUSES, AgreementTerms, term_sheets
from carbonshed.compensation.amounts import compensation_amount, institution_rows
from carbonshed.compensation.flows import compensation_flow
from carbonshed.compensation.price import Price, carbon_price
from carbonshed.compensation.reality import known_payments, modelled_and_actual
from carbonshed.study.study import Study


@pytest.fixture
def money() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "year": 2017,
            "name": ["Dongcheng", "Fengning", "Chicheng"],
            "city": ["Beijing", "Chengde", "Zhangjiakou"],
            "province": ["Beijing", "Hebei", "Hebei"],
            "area_km2": [42.0, 8765.0, 5287.0],
            "carbon_source": [9.0e5, 2.0e5, 1.5e5],
            "carbon_sink": [1.0e5, 9.0e5, 7.0e5],
            "forest": [0.0, 4000.0, np.nan],
            "gdp_yuan": [2.0e10, 1.0e10, np.nan],
            "fiscal_revenue_yuan": [1.0e9, np.nan, np.nan],
            "payable_before": [4.0e7, 0.0, 0.0],
            "receivable_before": [0.0, 2.0e7, 1.0e7],
            "payable": [3.0e7, 0.0, 0.0],
            "receivable": [0.0, 2.0e7, 1.0e7],
            "is_capped": [True, False, False],
            "payable_cap": [3.0e7, np.nan, np.nan],
            "payable_upper_level": [1.0e7, 0.0, 0.0],
        },
        index=["a", "b", "c"],
    )


@pytest.fixture
def flows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "year": pd.array([2017, 2017], dtype="Int64"),
            "payer": ["a", "a"],
            "recipient": ["c", "b"],
            "compensation_flow": [1.0e7, 2.0e7],
            "distance_km": [130.0, 150.0],
        }
    )


def entry(sheets: pd.DataFrame, name: str, sheet: int = 1) -> pd.Series:
    found = sheets[(sheets["sheet"] == sheet) & (sheets["entry"] == name)]
    assert len(found) == 1, name
    return found.iloc[0]


def test_c17_seven_items_filled_by_hand(flows: pd.DataFrame, money: pd.DataFrame) -> None:
    price = carbon_price("cn-ets:2024")
    sheets = term_sheets(flows, money, price=price, provenance={"revision": "none", "closure": "fund", "weights": {"area": 1.0}})
    assert list(sheets.columns) == list(COLUMNS)
    assert len(ITEMS) == 7
    for _, part in sheets.groupby("sheet"):
        assert part["item"].is_monotonic_increasing
        assert set(part["item"]) == {1, 2, 3, 4, 5, 6, 7}
    assert set(sheets["status"]) <= set(STATUSES)
    first = sheets[sheets["sheet"] == 1].iloc[0]  # the larger flow comes first
    assert (first["payer"], first["recipient"], first["year"]) == ("a", "b", 2017)
    assert entry(sheets, "amount")["value"] == 2.0e7
    assert entry(sheets, "share_of_payer")["value"] == pytest.approx(2 / 3)
    assert entry(sheets, "share_of_recipient")["value"] == 1.0
    assert entry(sheets, "share_of_gdp")["value"] == pytest.approx(0.001)
    assert entry(sheets, "share_of_revenue")["value"] == pytest.approx(0.02)
    assert entry(sheets, "equivalent_t_co2")["value"] == pytest.approx(2.0e7 / 95.96)
    assert entry(sheets, "price_year")["text"] == "2024"
    assert entry(sheets, "price_illustrative")["text"] == "yes"
    assert entry(sheets, "crosses_province")["text"] == "yes"
    assert entry(sheets, "recipient_area_km2")["value"] == 8765.0
    assert entry(sheets, "net_carbon_emission")["value"] == -7.0e5
    assert entry(sheets, "forest")["value"] == 4000.0
    assert "forest" not in set(sheets.loc[sheets["sheet"] == 2, "entry"])  # not known there: no baseline, hence no target
    assert entry(sheets, "cap_binds")["text"] == "yes"
    assert entry(sheets, "payer_cap")["value"] == 3.0e7
    assert entry(sheets, "payer_upper_level")["value"] == 1.0e7
    assert [entry(sheets, f"payer_{when}")["value"] for when in ("before", "after")] == [4.0e7, 3.0e7]
    assert entry(sheets, "provenance.closure")["text"] == "fund"
    assert entry(sheets, "provenance.weights")["text"] == "area 1.0"
    assert entry(sheets, "term_years").loc[["value", "status"]].tolist() == [3.0, "default"]


def test_blanks_are_blanks_and_what_is_given_is_given(flows: pd.DataFrame, money: pd.DataFrame) -> None:
    empty = term_sheets(flows, money)
    blank = empty[empty["status"] == "blank"]
    assert blank["value"].isna().all() and (blank["text"] == "").all()
    known = empty[empty["status"] != "blank"]
    assert (known["value"].notna() | (known["text"] != "")).all()
    first = set(blank.loc[blank["sheet"] == 1, "entry"])
    assert {"target_carbon_sink", "monitoring", "specific_duties", "schedule", "start", "breach", "disputes", "carbon_price"} <= first
    assert {"recipient_zone", "boundary_year", "protected_area", "uncertainty"} <= first
    terms = AgreementTerms(term_years=5, boundary_year=2020, breach="court", in_kind_share=0.25, start="1 June", uncertainty="+-20 %")
    filled = term_sheets(flows, money, terms=terms)
    for name, wanted in (("term_years", 5.0), ("in_kind_share", 0.25)):
        assert entry(filled, name)["value"] == wanted
        assert entry(filled, name)["status"] == "given"
    for name, text in (("boundary_year", "2020"), ("breach", "court"), ("start", "1 June"), ("uncertainty", "+-20 %")):
        assert entry(filled, name)["text"] == text
        assert entry(filled, name)["status"] == "given"


def test_zones_duties_and_warnings(flows: pd.DataFrame, money: pd.DataFrame) -> None:
    zones = pd.DataFrame({"year": 2017, "zone": ["payment", "recipient", "balanced"]}, index=["a", "b", "c"])
    sheets = term_sheets(flows, money, zones=zones, provenance={"revision": "normalised_mean"})
    assert entry(sheets, "policy_line", 1)["text"] == "recipient"
    assert entry(sheets, "policy_line", 2)["text"] == "balanced"
    assert entry(sheets, "zone_conflict", 2)["text"] == "balanced"
    assert "zone_conflict" not in set(sheets.loc[sheets["sheet"] == 1, "entry"])
    assert entry(sheets, "not_additive")["text"] == "normalised_mean"
    cells = pd.DataFrame({"zone": ["payment"]}, index=["g18:R001C002"])
    assert entry(term_sheets(flows, money, zones=cells), "payer_zone")["status"] == "blank"


def test_threshold_and_order(flows: pd.DataFrame, money: pd.DataFrame) -> None:
    assert term_sheets(flows, money, threshold=1.5e7)["recipient"].unique().tolist() == ["b"]
    none = term_sheets(flows, money, threshold=1e9)
    assert none.empty and list(none.columns) == list(COLUMNS)
    again = term_sheets(flows.iloc[::-1], money.iloc[::-1])
    pd.testing.assert_frame_equal(again, term_sheets(flows, money))


def test_flows_of_the_fund_are_told() -> None:
    amounts = compensation_amount(
        pd.DataFrame({"revised_deficit": [30.0, -25.0]}, index=["a", "b"]), price=1.0, ability="one", closure="fund"
    )
    both = pd.concat([amounts, institution_rows(amounts, closure="fund")])
    matrix = pd.DataFrame([[1.0, 1.0]], index=["a"], columns=["b", "fund"])
    found = compensation_flow(both, cost=matrix)
    with pytest.warns(DataWarning, match="1 flows of 5.00 yuan to or from the fund"):
        sheets = term_sheets(found, both)
    assert sheets["recipient"].unique().tolist() == ["b"]
    assert entry(sheets, "baseline_year")["status"] == "blank"


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.integers(0, 1000))
@settings(deadline=None)
def test_every_flow_at_or_above_the_threshold_has_one_sheet(amounts: list[int], threshold: int) -> None:
    ids = [f"r{i}" for i in range(len(amounts))]
    flows = pd.DataFrame({"year": 2017, "payer": "p", "recipient": ids, "compensation_flow": amounts, "distance_km": 1.0})
    money = pd.DataFrame({"payable": 1.0, "receivable": 1.0}, index=["p", *ids])
    sheets = term_sheets(flows, money, threshold=float(threshold))
    due = [amount for amount in amounts if amount >= threshold]
    found = sheets.loc[sheets["entry"] == "amount", "value"].tolist()
    assert found == sorted(due, reverse=True)
    assert (sheets.groupby("sheet")["item"].nunique() == 7).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f, m: term_sheets(f.drop(columns="payer"), m), "payer"),
        (lambda f, m: term_sheets(f, m.drop(columns="payable")), "payable"),
        (lambda f, m: term_sheets(f, m, threshold=-1.0), "threshold"),
        (lambda f, m: term_sheets(f, m.drop(index="b")), "b in 2017"),
        (lambda f, m: term_sheets(f, m.assign(year=2016)), "the same run"),
        (lambda f, m: AgreementTerms(in_kind_share=25), r"\[0, 1\]"),
        (lambda f, m: AgreementTerms(term_years=0), "term_years"),
    ],
)
def test_refusals(flows: pd.DataFrame, money: pd.DataFrame, change, said: str) -> None:
    with pytest.raises(InputError, match=said):
        change(flows, money)


def test_c15_modelled_beside_actual(flows: pd.DataFrame, money: pd.DataFrame) -> None:
    back = pd.DataFrame({"year": [2017], "payer": ["b"], "recipient": ["a"], "compensation_flow": [4.0e6], "distance_km": [1.0]})
    found = modelled_and_actual(pd.concat([flows, back]), money["province"])
    assert found[["payer", "recipient"]].to_numpy().tolist() == [["Beijing", "Hebei"]]
    assert found["modelled"].iloc[0] == pytest.approx(3.0e7 - 4.0e6)
    assert found["actual"].iloc[0] == pytest.approx(0.29e9, rel=0.02)  # C15
    assert found["modelled_over_actual"].iloc[0] == pytest.approx(2.6e7 / 2.85e8)
    assert modelled_and_actual(flows, pd.Series({"a": "X", "b": "Y", "c": "Y"})).empty
    years = modelled_and_actual(pd.concat([flows, flows.assign(year=2012, compensation_flow=1.0)]), money["province"])
    assert dict(zip(years["year"], years["modelled"])) == {2017: 3.0e7, 2012: 2.0}
    sheets = term_sheets(flows, money)
    assert entry(sheets, "actual_between_provinces")["value"] == pytest.approx(2.85e8)
    assert entry(sheets, "modelled_over_actual")["value"] == pytest.approx(3.0e7 / 2.85e8)
    with pytest.raises(InputError, match="compensation_flow"):
        modelled_and_actual(flows.drop(columns="compensation_flow"), money["province"])


def test_known_payments_are_cited() -> None:
    for row in known_payments():
        assert row["total_yuan"] > 0 and row["last_year"] >= row["first_year"] and row["citation"] and row["status"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab"), st.integers(0, 100)), max_size=8))
def test_reality_changes_sign_with_the_direction(rows: list[tuple[str, str, int]]) -> None:
    flows = pd.DataFrame(rows, columns=["payer", "recipient", "compensation_flow"]).assign(year=2020)
    turned = flows.rename(columns={"payer": "recipient", "recipient": "payer"})
    province = pd.Series({"a": "Beijing", "b": "Hebei"})
    assert modelled_and_actual(flows, province)["modelled"].tolist() == (-modelled_and_actual(turned, province)["modelled"]).tolist()


@pytest.mark.slow
def test_sheets_of_the_county_study(shared: Path, tmp_path: Path) -> None:
    from carbonshed.study.agreements import agreement_sheets, write_agreements

    study = Study.open(shared / "studies" / "bth-county").with_(preset="recommended", price=62.36)
    result = study.run(tmp_path)
    sheets = agreement_sheets(result, threshold=1e7)
    big = result.flows[result.flows["compensation_flow"] >= 1e7]
    assert sheets["sheet"].nunique() == len(big) > 20
    assert (sheets.groupby("sheet")["item"].nunique() == 7).all()
    total = sheets.loc[sheets["entry"] == "amount", "value"].sum()
    assert total == pytest.approx(big["compensation_flow"].sum(), rel=1e-12)
    crossing = sheets[sheets["entry"] == "modelled_over_actual"]
    assert len(crossing) and (crossing["value"] > 0).all()  # Beijing pays Hebei in the model too
    page = write_agreements(tmp_path, threshold=2e7, lang="en")
    assert page.name == "agreements.html" and "丰宁满族自治县" in page.read_text(encoding="utf-8")
    assert Price(62.36, "given").kind in set(sheets.loc[sheets["entry"] == "price_kind", "text"])
