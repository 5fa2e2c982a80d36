"""Priority, ranks, classes, capacity order, balance and stability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.amounts import compensation_amount
from carbonshed.compensation.priority import balance, balance_summary, compensation_priority, priority_breaks, priority_stability

TOY = pd.DataFrame(
    {
        "revised_deficit": [30.0, 20, 10, -5, -8, 0],
        "gdp_yuan": [300.0, 100, 100, 10, 40, 50],
        "population": [3.0, 2, 1, 1, 1, 2],
    },
    index=pd.Index([*"abcdef"], name="unit_id"),
)


def ranked(frame: pd.DataFrame, price: float = 1.0, **options: object) -> pd.DataFrame:
    return compensation_priority(compensation_amount(frame, price=price, ability="one"), **options)


def test_by_hand() -> None:
    found = ranked(TOY)
    assert found["priority"].tolist() == [0.1, 0.2, 0.1, 0.5, 0.2, 0.0]
    assert found["priority_rank"].astype(object).where(found["priority_rank"].notna(), None).tolist() == [2, 1, 3, 1, 2, None]
    assert found["priority_class"].tolist() == ["level_2", "level_1", "level_2", "level_1", "level_2", "neutral"]
    pd.testing.assert_index_equal(found.index, TOY.index)
    # G/P = 600/10 = 60; per head 100, 50, 100; shares 1/2, 1/3, 1/6
    assert found["priority_capacity"].iloc[:3].tolist() == pytest.approx([100 / 120, 50 / 180, 100 / 360])
    assert found["priority_capacity"].iloc[3:].isna().all()


def test_ties_go_to_the_smaller_id_whatever_the_order() -> None:
    found = ranked(TOY.iloc[::-1])
    assert found.loc[["a", "c"], "priority_rank"].tolist() == [2, 3]


def test_ties_but_for_their_rounding_are_ties() -> None:
    noise = 1 + np.array([0.0, 2.0, -1.0, 1.0, -3.0]) * np.finfo(float).eps
    table = pd.DataFrame({"revised_deficit": 0.1 * noise, "gdp_yuan": 10.0, "population": 1.0}, index=[*"abcde"])
    table.loc["f"] = [0.1 * (1 + 1e-9), 10.0, 1.0]
    ranked = compensation_priority(compensation_amount(table, price=1.0, ability="one"), classes=2)
    assert ranked["priority_rank"].tolist() == [2, 3, 4, 5, 6, 1]
    assert ranked["priority_class"].unique().size == 2 and ranked["priority_class"].iloc[:5].unique().size == 1
    assert ranked["priority"].iloc[:5].unique().size > 1, "the values themselves stay as they are"


def test_amounts_before_closure_and_cap_count() -> None:
    closed = compensation_amount(TOY, price=1.0, ability="one", closure="scale_larger")
    found = compensation_priority(closed)
    pd.testing.assert_series_equal(found["priority"], ranked(TOY)["priority"])
    pd.testing.assert_series_equal(found["priority_capacity"], ranked(TOY)["priority_capacity"])
    assert balance_summary(found)["balance_all"].iloc[0] == pytest.approx(60 / 13)


def test_missing_gdp_has_no_rank_and_is_listed() -> None:
    frame = TOY.assign(gdp_yuan=[np.nan, 0.0, 100, 10, 40, np.nan])
    with pytest.warns(DataWarning, match=r"no priority without GDP: a, b\.$"):
        found = ranked(frame)
    assert found["priority"].isna().tolist() == [True, True, False, False, False, True]
    assert found["priority_rank"].isna().tolist() == [True, True, False, False, False, True]
    assert found["priority_class"].isna().tolist() == [True, True, False, False, False, True]
    assert found.loc["c", "priority_rank"] == 1
    with pytest.warns(DataWarning, match="column population"):
        assert ranked(TOY.drop(columns="population"))["priority_capacity"].isna().all()


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 1000)), min_size=1, max_size=15),
    doublings=st.integers(-3, 6),
    data=st.data(),
)
def test_ranks_do_not_depend_on_the_price_or_the_order(rows: list[tuple[int, int]], doublings: int, data: st.DataObject) -> None:
    deficit, gdp = np.array(rows, dtype=float).T
    frame = pd.DataFrame({"revised_deficit": deficit, "gdp_yuan": gdp, "population": 1.0}, index=[f"u{i:02d}" for i in range(len(rows))])
    once = ranked(frame, price=64.0)
    again = ranked(frame.iloc[data.draw(st.permutations(range(len(rows))))], price=64.0 * 2.0**doublings)
    pd.testing.assert_series_equal(once["priority_rank"], again["priority_rank"].reindex(frame.index))
    for side, amount in (("payer", "payable_before"), ("recipient", "receivable_before")):
        part = once[once["side"] == side].sort_values("priority_rank")
        assert part["priority_rank"].tolist() == list(range(1, len(part) + 1))
        assert (np.diff(part[amount] / part["gdp_yuan"]) <= 0).all()
    assert (once["priority"] >= 0).all()


def test_classes_have_one_set_of_breaks_over_the_years() -> None:
    rng = np.random.default_rng(3)
    n = 60
    panel = pd.DataFrame(
        {
            "revised_deficit": rng.normal(50, 80, 2 * n),
            "gdp_yuan": rng.uniform(1e3, 1e5, 2 * n),
            "population": 1.0,
            "year": np.repeat([2007, 2017], n),
        },
        index=[f"u{i:02d}" for i in range(n)] * 2,
    )
    found = ranked(panel)
    limits = priority_breaks(found)
    assert {side: len(values) for side, values in limits.items()} == {"payer": 5, "recipient": 5}
    for side in ("payer", "recipient"):
        part = found[(found["side"] == side) & (found["priority"] >= 0.0005)]
        assert set(part["priority_class"]) == {f"level_{i}" for i in range(1, 6)}
        highest = part.groupby("priority_class")["priority"].agg(["min", "max"]).sort_index()
        assert (highest["min"].to_numpy()[:-1] > highest["max"].to_numpy()[1:]).all()
        assert highest["max"].to_numpy()[::-1].tolist() == limits[side].tolist()
    assert (found.loc[found["priority"] < 0.0005, "priority_class"] == "neutral").all()
    # one year, held against the breaks of both, keeps its classes
    alone = ranked(panel[panel["year"] == 2007], breaks=limits)
    assert alone["priority_class"].tolist() == found.loc[found["year"] == 2007, "priority_class"].tolist()
    # a scenario above the highest break is in the first class
    assert "level_1" in set(ranked(panel, price=100.0, breaks=limits)["priority_class"])


def test_neutral_band() -> None:
    frame = TOY.assign(gdp_yuan=[30 / 0.00049, 20 / 0.00051, 100, 10, 40, 50])
    assert ranked(frame)["priority_class"].iloc[:2].tolist() == ["neutral", "level_2"]
    quiet = ranked(TOY.assign(gdp_yuan=1e9))
    assert set(quiet["priority_class"]) == {"neutral"}


def test_balance_by_hand() -> None:
    found = balance(ranked(TOY), n=[1, 2, 3, 50])
    # payers by rank: b 20, a 30, c 10; recipients: d 5, e 8
    assert found["payable"].tolist() == [20, 50, 60, 60]
    assert found["receivable"].tolist() == [5, 13, 13, 13]
    assert found["n_payers"].tolist() == [1, 2, 3, 3]
    assert found["n_recipients"].tolist() == [1, 2, 2, 2]
    assert found["balance_ratio"].tolist() == pytest.approx([4, 50 / 13, 60 / 13, 60 / 13])
    assert balance(ranked(TOY))["n"].tolist() == list(range(5, 51))


def test_n_star_is_the_smallest_n_from_which_it_holds() -> None:
    frame = pd.DataFrame(
        {"revised_deficit": [3.0, 1.0, 9.0, -2.0, -4.0], "gdp_yuan": [3.0, 2.0, 90.0, 2.0, 8.0], "population": 1.0}, index=[*"abcde"]
    )
    # B_1 = 3/2, B_2 = 4/6, B_3 = 13/6
    found = balance_summary(ranked(frame)).iloc[0]
    assert found["n_star"] == 3
    assert found["balance_all"] == pytest.approx(13 / 6)
    assert found["balance_20"] == pytest.approx(13 / 6)
    never = balance_summary(ranked(frame.assign(revised_deficit=-frame["revised_deficit"]))).iloc[0]
    assert never["n_star"] is pd.NA
    nobody = balance_summary(ranked(frame.assign(revised_deficit=1.0))).iloc[0]
    assert np.isnan(nobody["balance_all"])
    assert nobody["n_star"] is pd.NA


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 50)), min_size=2, max_size=12))
def test_n_star_against_its_definition(rows: list[tuple[int, int]]) -> None:
    deficit, gdp = np.array(rows, dtype=float).T
    frame = pd.DataFrame({"revised_deficit": deficit, "gdp_yuan": gdp, "population": 1.0}, index=[f"u{i:02d}" for i in range(len(rows))])
    found = ranked(frame)
    summary = balance_summary(found).iloc[0]
    ratios = balance(found, n=range(1, 40)).set_index("n")["balance_ratio"]
    holding = [n for n in ratios.index if (ratios[ratios.index >= n] >= 1).all()]
    assert (summary["n_star"] if summary["n_star"] is not pd.NA else None) == (min(holding) if holding else None)


def test_stability_by_hand_and_against_scipy() -> None:
    other = TOY.assign(revised_deficit=[30.0, 8, 10, -1, 8, 0])
    panel = pd.concat([TOY.assign(year=2007), other.assign(year=2017)])
    found = priority_stability(ranked(panel), n=2).set_index("side")
    # payers' first two: b, a -> e (0.2), a (0.1, before c by id); recipients d, e -> d
    assert found.loc["payer", "jaccard"] == pytest.approx(1 / 3)
    assert found.loc["recipient", "jaccard"] == pytest.approx(1 / 2)
    assert found["changed_side"].tolist() == pytest.approx([1 / 6, 1 / 6])
    assert found.loc["payer", "kendall_tau"] == pytest.approx(kendalltau([0.1, 0.2, 0.1], [0.1, 0.08, 0.1]).statistic)
    assert np.isnan(found.loc["recipient", "kendall_tau"])


def test_refusals() -> None:
    with pytest.raises(InputError, match="gdp_yuan"):
        compensation_priority(compensation_amount(TOY, price=1.0, ability="one").drop(columns="gdp_yuan"))
    with pytest.raises(InputError, match="a: -300"):
        ranked(TOY.assign(gdp_yuan=[-300.0, 100, 100, 10, 40, 50]))
    with pytest.raises(InputError, match="classes >= 1"):
        ranked(TOY, classes=0)
    with pytest.raises(InputError, match="N >= 1"):
        balance(ranked(TOY), n=[0])
    with pytest.raises(InputError, match="priority_rank"):
        balance(TOY.assign(side="payer", payable_before=1.0, receivable_before=0.0))
    with pytest.raises(InputError, match="year"):
        priority_stability(ranked(TOY))
    with pytest.raises(InputError, match="priority"):
        priority_breaks(TOY)
