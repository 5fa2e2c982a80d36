"""The seven forms of the revision: the worked example, the properties each must have, and what is refused."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.form_properties import form_properties
from carbonshed.compensation.revise import FORMS, default_phi, revise_account
from carbonshed.numerics.inequality import gini

TOY = pd.DataFrame(
    {
        "carbon_source": [100.0, 60, 30, 10],
        "carbon_sink": [10.0, 15, 20, 25],
        "area_km2": [1.0, 2, 3, 4],
        "population": [5.0, 3, 1, 1],
        "gdp_yuan": [6.0, 2, 1, 1],
    },
    index=pd.Index(["c1", "c2", "c3", "c4"], name="unit_id"),
)
SIZES = ("area_km2", "population", "gdp_yuan")
SIGN_KEEPING = ("none", "normalised_mean", "normalised_composite")
ZERO_SUM = ("redistributed", "duty_endowment", "relative_share")
ADDITIVE = ("none", *ZERO_SUM)
TABLE = {
    "none": ((90, 45, 10, -15), 130, 9.667, 0.4219),
    "normalised_mean": ((102.5, 50, 19.4444, -28.125), 143.8194, 6.114, 0.3387),
    "normalised_composite": ((56.25, 48.2143, 15, -18.75), 100.7143, 6.371, 0.2771),
    "redistributed": ((38, 14.6667, -11.6667, -41), 0, 1, 0.2642),
    "equity_coefficients": ((73.3333, 75, 25, -20), 153.3333, 8.667, 0.2759),
    "duty_endowment": ((-13, 9, 11, -7), 0, 1, 0.1250),
    "relative_share": ((25, 6, -9.5, -21.5), 0, 1, 0.2782),
}


def revised(frame: pd.DataFrame, form: str, **options: object) -> np.ndarray:
    return revise_account(frame, form=form, floor_quantile=0.0, **options)["revised_deficit"].to_numpy()


@st.composite
def accounts(draw: st.DrawFn, smallest: int = 3) -> pd.DataFrame:
    n = draw(st.integers(smallest, 8))
    amounts = st.lists(st.integers(1, 10_000).map(float), min_size=n, max_size=n)
    columns = {name: draw(amounts) for name in ("carbon_source", "carbon_sink", *SIZES)}
    return pd.DataFrame(columns, index=pd.Index([f"u{i}" for i in range(n)], name="unit_id"))


@pytest.mark.parametrize("form", TABLE)
def test_worked_example(form: str) -> None:
    values, total, ratio, evenness = TABLE[form]
    found = revised(TOY, form)
    assert found == pytest.approx(np.array(values, dtype=float), abs=5e-4)
    assert found.sum() == pytest.approx(total, abs=5e-4)
    assert found[found > 0].sum() / -found[found < 0].sum() == pytest.approx(ratio, abs=5e-4)
    assert gini(np.abs(found)) == pytest.approx(evenness, abs=5e-4)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25, deadline=None)
@given(frame=accounts(), factor=st.floats(0.01, 100.0), column=st.sampled_from(SIZES), data=st.data())
def test_properties_of_every_form(form: str, frame: pd.DataFrame, factor: float, column: str, data: st.DataObject) -> None:
    found = revised(frame, form)
    scale = np.abs(found).sum() + 1e-3 * (frame["carbon_source"] + frame["carbon_sink"]).sum()
    # all A, or P, or G times c leave D'
    assert revised(frame.assign(**{column: frame[column] * factor}), form) == pytest.approx(found, abs=1e-9 * scale)
    # C and S times c multiply D' by c
    bigger = frame.assign(carbon_source=frame["carbon_source"] * factor, carbon_sink=frame["carbon_sink"] * factor)
    assert revised(bigger, form) == pytest.approx(found * factor, abs=1e-9 * scale * factor)
    # the order of the rows plays no part, and the index is the caller's
    order = data.draw(st.permutations(range(len(frame))))
    shuffled = revise_account(frame.iloc[order], form=form, floor_quantile=0.0)
    pd.testing.assert_index_equal(shuffled.index, frame.index[list(order)])
    assert shuffled["revised_deficit"].to_numpy() == pytest.approx(found[list(order)], abs=1e-9 * scale)
    if form in SIGN_KEEPING:
        assert (np.sign(found) == np.sign(frame["carbon_source"] - frame["carbon_sink"])).all()
    if form in ZERO_SUM:
        assert abs(found.sum()) <= 1e-9 * scale
    if form in ADDITIVE:
        merged = pd.concat([frame.iloc[:2].sum().to_frame("m").T, frame.iloc[2:]])
        assert revised(merged, form)[0] == pytest.approx(found[:2].sum(), abs=1e-9 * scale)


@pytest.mark.parametrize("form", ["normalised_mean", "normalised_composite"])
@settings(max_examples=25, deadline=None)
@given(frame=accounts())
def test_normalised_forms_pay_more_when_a_county_is_cut(form: str, frame: pd.DataFrame) -> None:
    """Two identical halves get 2n/(n+1) times the D' of the whole, n counties before the cut: documented, not wanted."""
    n = len(frame)
    half = frame.iloc[[0]] / 2.0
    cut = pd.concat([half.set_axis(["h1"]), half.set_axis(["h2"]), frame.iloc[1:]])
    before, after = revised(frame, form)[0], revised(cut, form)[:2].sum()
    assert after == pytest.approx(before * 2 * n / (n + 1), rel=1e-9, abs=1e-9)


def test_normalised_mean_is_the_mean_of_three_normalised_deficits() -> None:
    deficit = TOY["carbon_source"] - TOY["carbon_sink"]
    by_hand = sum(deficit * TOY[size].mean() / TOY[size] for size in SIZES) / 3.0
    assert revised(TOY, "normalised_mean") == pytest.approx(by_hand.to_numpy(), rel=1e-12)


def test_rescale_keeps_the_sum_of_absolute_deficits() -> None:
    found = revised(TOY, "normalised_mean", rescale=True)
    assert np.abs(found).sum() == pytest.approx(90 + 45 + 10 + 15, rel=1e-12)
    assert found / found[0] == pytest.approx(revised(TOY, "normalised_mean") / 102.5, rel=1e-12)
    level = TOY.assign(carbon_source=1.0, carbon_sink=1.0)
    with pytest.raises(InputError, match="some D' other than 0"):
        revised(level, "none", rescale=True)


def test_floor_raises_the_lowest_shares_and_lists_them() -> None:
    with pytest.warns(DataWarning, match=r"floor at quantile 0.5 raised shares of c1, c2, c3, c4"):
        found = revise_account(TOY, form="normalised_mean", weights={"area": 1.0, "gdp": 1.0}, floor_quantile=0.5)
    assert found["floored_shares"].tolist() == ["area", "area", "gdp", "gdp"]
    area = np.maximum([0.1, 0.2, 0.3, 0.4], 0.25)
    gdp = np.maximum([0.6, 0.2, 0.1, 0.1], 0.15)
    factor = (0.5 * area.sum() / area + 0.5 * gdp.sum() / gdp) / 4
    assert found["revised_deficit"].to_numpy() == pytest.approx(np.array([90, 45, 10, -15]) * factor, rel=1e-12)
    # forms that must stay additive have no floor
    assert revise_account(TOY, form="redistributed", floor_quantile=0.5)["revised_deficit"].to_numpy() == pytest.approx(
        revised(TOY, "redistributed")
    )


def test_missing_size_drops_the_county_and_recomputes_the_shares() -> None:
    odd = pd.DataFrame(
        {"carbon_source": [500.0], "carbon_sink": [1.0], "area_km2": [9.0], "population": [7.0], "gdp_yuan": [np.nan]}, index=["odd"]
    )
    frame = pd.concat([TOY, odd])
    for form in ("normalised_mean", "redistributed", "equity_coefficients", "duty_endowment"):
        with pytest.warns(DataWarning, match="odd: gdp_yuan missing"):
            found = revise_account(frame, form=form, floor_quantile=0.0)
        assert found["revised_deficit"].iloc[:4].to_numpy() == pytest.approx(revised(TOY, form), rel=1e-12)
        assert np.isnan(found["revised_deficit"].iloc[4])
        assert found["account_deficit"].iloc[4] == 499.0
        assert found["dropped_reason"].tolist() == ["", "", "", "", "gdp_yuan missing"]
    # forms that need no GDP keep it
    assert revise_account(frame, form="none")["revised_deficit"].iloc[4] == 499.0
    assert revised(frame, "normalised_mean", weights={"area": 1.0}).size == 5


def test_zero_size_is_missing_only_where_a_form_divides_by_it() -> None:
    frame = TOY.assign(gdp_yuan=[6.0, 2, 2, 0])
    for form in ("normalised_mean", "normalised_composite", "equity_coefficients"):
        with pytest.warns(DataWarning, match="c4: gdp_yuan zero"):
            assert np.isnan(revised(frame, form)[3])
    for form in ("redistributed", "duty_endowment"):
        assert np.isfinite(revised(frame, form)).all()
    with pytest.warns(DataWarning, match="carbon_source zero"):
        assert np.isnan(revised(TOY.assign(carbon_source=[100.0, 60, 30, 0]), "equity_coefficients")[3])


def test_years_are_revised_apart_and_crs_is_kept() -> None:
    both = pd.concat([TOY.assign(year=2007), (TOY * 3).assign(year=2017)])
    frame = gpd.GeoDataFrame(both, geometry=gpd.points_from_xy(range(8), range(8)), crs="EPSG:4326")
    found = revise_account(frame, form="redistributed")
    assert isinstance(found, gpd.GeoDataFrame)
    assert found.crs == frame.crs
    assert found["revised_deficit"].to_numpy() == pytest.approx(np.r_[revised(TOY, "redistributed"), 3 * revised(TOY, "redistributed")])


def test_equity_responses_are_configurable() -> None:
    plain = revised(TOY, "equity_coefficients", phi=np.ones_like, psi=lambda esc: np.clip(esc, 0.2, 5.0))
    esc = (np.array([10, 15, 20, 25]) / 70) / (np.array([100, 60, 30, 10]) / 200)
    assert plain == pytest.approx(np.array([100.0, 60, 30, 10]) - np.array([10.0, 15, 20, 25]) * np.clip(esc, 0.2, 5))
    assert default_phi(np.array([0.1, 1.2, 10.0])) == pytest.approx([5.0, 1 / 1.2, 0.2])


def test_relative_share_without_sinks_or_sources_is_zero() -> None:
    assert revised(TOY.assign(carbon_sink=0.0), "relative_share").tolist() == [0.0] * 4


def test_unused_weights_are_named() -> None:
    with pytest.warns(DataWarning, match=r"'none' uses no weights: area, gdp"):
        revise_account(TOY, form="none", weights={"area": 1.0, "gdp": 2.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doubled = revised(TOY, "redistributed", weights={"area": 2.0, "population": 2.0, "gdp": 2.0})
    assert doubled == pytest.approx(revised(TOY, "redistributed"))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"form": "normalized_mean"}, "normalised_mean"),
        ({}, {"form": "redistributed", "weights": {"area": -1.0, "gdp": 2.0}}, "weights >= 0"),
        ({}, {"form": "redistributed", "weights": {"area": 0.0}}, "not all zero"),
        ({}, {"form": "redistributed", "weights": {"gpd": 1.0}}, "'gdp'"),
        ({}, {"form": "redistributed", "floor_quantile": 1.5}, "floor_quantile"),
        ({"gdp_yuan": [6.0, -2, 1, 1]}, {"form": "redistributed"}, "c2: -2"),
        ({"carbon_sink": [-1.0, 15, 20, 25]}, {}, "c1: -1"),
        ({"carbon_source": [np.inf, 15, 20, 25]}, {}, "c1: inf"),
        ({"population": [0.0, 0, 0, 0]}, {"form": "duty_endowment"}, "only zeros"),
        ({"carbon_source": ["a", "b", "c", "d"]}, {}, "expected numbers"),
    ],
)
def test_refusals(change: dict[str, list[object]], options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        revise_account(TOY.assign(**change), **options)


def test_refused_frames() -> None:
    with pytest.raises(InputError, match="gdp_yuan"):
        revise_account(TOY.drop(columns="gdp_yuan"), form="redistributed")
    with pytest.raises(InputError, match="ids as text"):
        revise_account(TOY.reset_index(drop=True))
    with pytest.raises(InputError, match="got fund"):
        revise_account(TOY.rename(index={"c2": "fund"}))
    with pytest.raises(InputError, match="c1"):
        revise_account(TOY.rename(index={"c2": "c1"}))
    with pytest.raises(InputError, match="a year in each row"):
        revise_account(TOY.assign(year=[2007, 2007, np.nan, 2007]))


@pytest.mark.parametrize("form", FORMS)
def test_form_properties_of_the_toy(form: str) -> None:
    found = form_properties(TOY, form=form, floor_quantile=0.0).iloc[0]
    _, _, ratio, evenness = TABLE[form]
    assert found["keeps_sign"] == (form in (*SIGN_KEEPING, "equity_coefficients"))  # the toy's signs also survive R3
    assert found["sums_to_zero"] == (form in ZERO_SUM)
    assert found["is_additive"] == (form in ADDITIVE)
    assert found["payments_over_receipts"] == pytest.approx(ratio, abs=5e-4)
    assert found["gini_before"] == pytest.approx(0.4219, abs=5e-4)
    assert found["gini_after"] == pytest.approx(evenness, abs=5e-4)
    assert found["is_more_even"] == (form != "none")


@settings(max_examples=25, deadline=None)
@given(frame=accounts())
def test_form_properties_hold_for_any_data(frame: pd.DataFrame) -> None:
    for form in ADDITIVE:
        found = form_properties(frame, form=form).iloc[0]
        assert found["is_additive"]
        assert found["sums_to_zero"] or form == "none"


def test_form_properties_by_year_and_refusal() -> None:
    both = pd.concat([TOY.assign(year=2017), TOY.assign(year=2007)])
    assert form_properties(both)["year"].tolist() == [2007, 2017]
    with pytest.raises(InputError, match="revision form"):
        form_properties(TOY, form="r1a")
