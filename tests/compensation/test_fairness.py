"""Inequality before and after payment, what a payment weighs, and the shortfall rules side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.fairness import compare_shortfall_rules, fairness, payment_shares, shortfall_summary
from carbonshed.compensation.shortfall import RULES, share_shortfall
from carbonshed.study.study import Study


def frame(**columns: object) -> pd.DataFrame:
    base = {
        "province": ["X", "X", "Y", "Y"],
        "gdp_yuan": [400.0, 300.0, 200.0, 100.0],
        "fiscal_revenue_yuan": [40.0, 30.0, 20.0, np.nan],
        "population": [1.0, 1.0, 1.0, 1.0],
        "payable_before": [80.0, 40.0, 0.0, 0.0],
        "receivable_before": [0.0, 0.0, 20.0, 40.0],
        "payable": [40.0, 20.0, 0.0, 0.0],
        "receivable": [0.0, 0.0, 20.0, 40.0],
    }
    return pd.DataFrame({**base, **columns}, index=list("abcd"))


def test_shares_by_hand() -> None:
    shares = payment_shares(frame())
    assert shares.index.tolist() == list("abcd")
    assert shares["owed_share_of_gdp"].tolist() == pytest.approx([0.2, 40 / 300, 0.0, 0.0])
    assert shares["paid_share_of_gdp"].tolist() == pytest.approx([0.1, 20 / 300, 0.0, 0.0])
    assert shares["received_share_of_gdp"].tolist() == [0.0, 0.0, 0.1, 0.4]
    assert shares["paid_share_of_revenue"].tolist()[:3] == pytest.approx([1.0, 2 / 3, 0.0])
    assert np.isnan(shares["received_share_of_revenue"].iloc[3])  # revenue not known, not zero
    assert np.isnan(payment_shares(frame(gdp_yuan=[0.0, 300, 200, 100]))["paid_share_of_gdp"].iloc[0])
    without = payment_shares(frame().drop(columns="fiscal_revenue_yuan"))
    assert without["owed_share_of_revenue"].isna().all()


def test_gini_and_theil_by_hand() -> None:
    found = fairness(frame(), bases=["gdp_yuan"]).set_index("stage")
    assert found.loc["before", "gini"] == pytest.approx(0.25)  # the values 1, 2, 3, 4
    assert found.loc["after", "gini"] == pytest.approx((3 * 360 + 280 - 220 - 3 * 140) / (4 * 1000))
    assert found["gini_people"].tolist() == pytest.approx(found["gini"].tolist())  # equal populations
    x = np.array([0.4, 0.3, 0.2, 0.1]) * 4
    assert found.loc["before", "theil"] == pytest.approx(np.mean(x * np.log(x)))
    means = np.array([350, 350, 150, 150]) / 250
    assert found.loc["before", "theil_between"] == pytest.approx(np.mean(means * np.log(means)))
    assert (found["theil"]).to_numpy() == pytest.approx((found["theil_between"] + found["theil_within"]).to_numpy())
    assert found.loc["after", "largest_paid_share"] == pytest.approx(0.1)
    assert found.loc["after", "median_paid_share"] == pytest.approx((0.1 + 20 / 300) / 2)


def test_years_bases_and_what_is_left_out() -> None:
    panel = pd.concat([frame(year=2007), frame(year=2012, payable=0.0, receivable=0.0)])
    with pytest.warns(DataWarning, match="fiscal_revenue_yuan.*: d"):
        found = fairness(panel)
    assert len(found) == 2 * 2 * 2
    assert found.groupby("base")["n_units"].max().to_dict() == {"gdp_yuan": 4, "fiscal_revenue_yuan": 3}
    same = found[found["year"] == 2012].set_index("stage")["theil"]
    assert same["before"].tolist() == same["after"].tolist()
    with pytest.warns(DataWarning, match="more than their whole gdp_yuan.*: a"):
        over = fairness(frame(payable=[500.0, 0, 0, 0]), bases=["gdp_yuan"])
    assert over["gini"].isna().tolist() == [False, True]
    fund = pd.concat([frame(), frame().iloc[[0]].set_axis(["fund"])])
    assert fairness(fund, bases=["gdp_yuan"])["n_units"].tolist() == [4, 4]


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 50), st.sampled_from("XYZ")), min_size=2, max_size=12),
    st.floats(0.5, 20),
)
def test_scale_and_order_play_no_part(rows: list[tuple[int, int, str]], factor: float) -> None:
    gdp, people, province = (list(column) for column in zip(*rows))
    one = pd.DataFrame({"gdp_yuan": gdp, "population": people, "province": province, "payable": 0.1, "receivable": 0.0})
    one.index = [f"c{i}" for i in range(len(rows))]
    other = one.iloc[::-1].assign(gdp_yuan=lambda f: f["gdp_yuan"] * factor, payable=0.1 * factor)
    columns = ["gini", "gini_people", "theil", "theil_between", "theil_within", "largest_paid_share"]
    assert fairness(one)[columns].to_numpy() == pytest.approx(fairness(other)[columns].to_numpy(), rel=1e-9, abs=1e-12)
    assert (fairness(one, by=None)["theil_between"].abs() < 1e-12).all()


def test_a_transfer_from_rich_to_poor_lowers_and_the_reverse_raises() -> None:
    down = fairness(frame(), bases=["gdp_yuan"])
    up = fairness(frame(payable=[0.0, 0, 20, 40], receivable=[40.0, 20, 0, 0]), bases=["gdp_yuan"])
    for column in ("gini", "gini_people", "theil"):
        assert down[column].is_monotonic_decreasing and down[column].nunique() == 2
        assert up[column].is_monotonic_increasing and up[column].nunique() == 2


def test_rules_are_those_of_the_shortfall_toys() -> None:
    toy = pd.DataFrame({"payable_before": [200.0, 0, 0, 0], "receivable_before": [0.0, 100, 200, 300]}, index=list("abcd"))
    found = compare_shortfall_rules(toy)
    assert found.index.tolist() == list("bcd") and set(found["side"]) == {"recipient"}
    expected = {
        "proportional": [100 / 3, 200 / 3, 100],
        "equal_awards": [200 / 3, 200 / 3, 200 / 3],
        "equal_losses": [0, 50, 150],
        "talmud": [50, 75, 75],
    }
    for rule, values in expected.items():
        assert found[rule].tolist() == pytest.approx(values)
    told = shortfall_summary(found, toy).set_index("rule")
    assert told["n_nothing"].to_dict() == {"proportional": 0, "equal_awards": 0, "equal_losses": 1, "talmud": 0}
    assert told["available"].tolist() == pytest.approx([200.0] * 4)
    assert told.loc["equal_awards", "gini"] == pytest.approx(0.0)
    assert told.loc["proportional", "smallest_share"] == pytest.approx(1 / 3) == told.loc["proportional", "largest_share"]
    assert told["largest_share_of_gdp"].isna().all()
    assert compare_shortfall_rules(toy, side="payer")["talmud"].tolist() == [200.0]  # nothing is short there
    assert compare_shortfall_rules(toy, available=600.0)["talmud"].tolist() == [100.0, 200.0, 300.0]


def test_the_longer_side_is_divided_year_by_year() -> None:
    panel = pd.concat([frame(year=2007), frame(year=2012, payable_before=[10.0, 5, 0, 0])])
    found = compare_shortfall_rules(panel)
    assert found.groupby("year")["side"].first().to_dict() == {2007: "payer", 2012: "recipient"}
    told = shortfall_summary(found, panel).set_index(["year", "rule"])
    assert told.loc[(2007, "proportional"), "largest_share_of_gdp"] == pytest.approx(40 / 400)
    assert told.loc[(2012, "equal_awards"), "largest_share_of_gdp"] == pytest.approx(7.5 / 100)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=10), st.floats(0, 1))
@settings(deadline=None)
def test_rules_share_the_same_money(claims: list[int], share: float) -> None:
    toy = pd.DataFrame({"payable_before": 0.0, "receivable_before": claims}, index=[f"c{i}" for i in range(len(claims))])
    money = share * sum(claims)
    found = compare_shortfall_rules(toy, side="recipient", available=money)
    for rule in RULES:
        assert found[rule].sum() == pytest.approx(money, rel=1e-9, abs=1e-9)
        assert found[rule].tolist() == share_shortfall(claims, money, rule=rule).tolist()
    told = shortfall_summary(found, toy).set_index("rule")
    if money > 0:
        assert told.loc["equal_awards", "gini"] <= told.loc["proportional", "gini"] + 1e-9 <= told.loc["equal_losses", "gini"] + 2e-9


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fairness(frame().drop(columns="population")), "population"),
        (lambda: fairness(frame().drop(columns="province")), "province"),
        (lambda: fairness(frame().drop(columns=["gdp_yuan", "fiscal_revenue_yuan"])), "gdp_yuan or fiscal_revenue_yuan"),
        (lambda: fairness(frame(), bases=["gdp"]), "gdp_yuan"),
        (lambda: payment_shares(frame(payable=[-1.0, 0, 0, 0])), ">= 0"),
        (lambda: payment_shares(frame().drop(columns="payable")), "payable"),
        (lambda: compare_shortfall_rules(frame(), side="both"), "payer, recipient"),
        (lambda: compare_shortfall_rules(frame(), available=-1.0), ">= 0"),
        (lambda: compare_shortfall_rules(frame().drop(columns="payable_before")), "payable_before"),
        (lambda: shortfall_summary(frame(), frame()), "claim"),
    ],
)
def test_refusals(call, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


@pytest.mark.slow
def test_of_the_county_study(shared: Path, tmp_path: Path) -> None:
    study = Study.open(shared / "studies" / "bth-county").with_(preset="recommended", price=62.36)
    money = study.run(tmp_path, until="compensation").compensation
    found = fairness(money).set_index(["year", "stage"]).sort_index()
    assert set(found["base"]) == {"gdp_yuan"} and (found["n_units"] == 194).all()
    before, after = (found.xs(stage, level="stage") for stage in ("before", "after"))
    assert (after["gini_people"] < before["gini_people"]).all()  # richer counties pay poorer ones
    assert (after["theil_between"] < before["theil_between"]).all()
    assert (found["largest_paid_share"] < 0.05).all()
    told = shortfall_summary(compare_shortfall_rules(money), money)
    assert set(told["side"]) == {"payer"}
    assert told.groupby("year")["available"].nunique().max() >= 1
    sums = told.groupby("year")["available"].agg(["min", "max"])
    assert sums["min"].to_numpy() == pytest.approx(sums["max"].to_numpy(), rel=1e-9)
