"""Rules of the choice: ties, tolerances, flags, intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.scale.choose import AT_EDGE, NO_PEAK, choose_scale, mark_chosen

STEADY = [1.00, 0.98, 0.97, 0.96, 0.95]


def response(
    moran: list[float], *, cv: list[float] | None = None, p: float | list[float] = 0.002, year: int = 2020, **more: object
) -> pd.DataFrame:
    scales = [9.0, 12.0, 15.0, 18.0, 21.0][: len(moran)]
    cv = STEADY[: len(moran)] if cv is None else cv
    return pd.DataFrame({"year": year, "scale_km": scales, "quantity": "carbon_sink", "moran_i": moran, "moran_p": p, "cv": cv, **more})


def test_moran_cv_takes_the_largest_i_and_among_ties_the_finest() -> None:
    choice = choose_scale(response([0.70, 0.80, 0.90, 0.85, 0.60]))
    assert (choice.scale_km, choice.low_km, choice.high_km) == (15, 15, 15)
    assert choice.flags == ()
    tied = choose_scale(response([0.70, 0.8911, 0.90, 0.8950, 0.60]))
    assert tied.scale_km == 12
    assert tied.plateau == (12, 15, 18)
    assert tied.headline == "12 km (plausible 12-18 km)"
    assert "finest within 1 %" in tied.reason
    assert choose_scale(response([0.70, 0.8909, 0.90, 0.8950, 0.60])).scale_km == 15


def test_moran_max_takes_the_argmax_without_ties() -> None:
    choice = choose_scale(response([0.70, 0.8911, 0.90, 0.8950, 0.60], cv=[np.nan] * 5), rule="moran_max")
    assert (choice.scale_km, choice.plateau) == (15, (12, 15, 18))
    assert choose_scale(response([0.1, 0.2, 0.1], p=0.02), rule="moran_max").flags == ("p is not below 0.01 in every year",)


def test_p_must_pass_in_every_year() -> None:
    years = pd.concat([response([0.5, 0.9, 0.6, 0.5], p=[0.002, 0.01, 0.002, 0.002]), response([0.5, 0.9, 0.6, 0.5], year=2015)])
    assert choose_scale(years).scale_km == 15
    none = choose_scale(response([0.5, 0.9, 0.6], p=0.02))
    assert np.isnan([none.scale_km, none.low_km, none.high_km]).all()
    assert none.headline == "no scale: no scale has p < 0.01 in every year"
    assert choose_scale(response([0.5, 0.9, 0.6], p=np.nan)).headline.startswith("no scale")


def test_cv_tolerance_is_doubled_once_and_said() -> None:
    choice = choose_scale(response([0.7, 0.8, 0.9, 0.6], cv=[1.0, 0.92, 0.85, 0.78]))
    assert choice.scale_km == 15
    assert choice.flags == ("cv_tol doubled to 0.1",)
    falling = choose_scale(response([0.7, 0.8, 0.9, 0.6], cv=[1.0, 0.8, 0.6, 0.4]))
    assert np.isnan(falling.scale_km)
    assert "below 0.1" in falling.reason
    strict = response([0.7, 0.9, 0.8, 0.6], cv=[1.0, 0.99, 0.90, 0.89])
    assert choose_scale(strict).scale_km == 15  # at 12 km the change to the next is 9 %
    assert choose_scale(strict, cv_tol=0.1).scale_km == 12


def test_the_coarsest_scale_needs_leave() -> None:
    rising = response([0.5, 0.6, 0.7, 0.8, 0.9])
    choice = choose_scale(rising)
    assert choice.scale_km == 18
    assert choice.flags == (NO_PEAK,)
    last = choose_scale(rising, allow_last=True)
    assert last.scale_km == 21
    assert last.flags == (AT_EDGE, NO_PEAK)
    assert choose_scale(response([0.9, 0.8, 0.7, 0.6])).flags == (AT_EDGE, NO_PEAK)


def test_net_emission_has_no_answer_by_cv_but_by_moran() -> None:
    net = response([0.5, 0.9, 0.6, 0.5], cv=[np.nan] * 4).assign(quantity="net_carbon_emission")
    assert "CV is not defined" in choose_scale(net).headline
    assert choose_scale(net, rule="moran_max").scale_km == 12


def test_single_years_widen_the_interval() -> None:
    years = pd.concat([response([0.5, 0.9, 0.7, 0.5, 0.4]), response([0.5, 0.6, 0.7, 0.85, 0.4], year=2015)])
    choice = choose_scale(years, rule="moran_max")
    assert choice.by_year == ((2015, 18.0), (2020, 12.0))
    assert (choice.scale_km, choice.low_km, choice.high_km) == (12, 12, 18)


def test_a_scale_that_lacks_a_year_cannot_be_chosen() -> None:
    years = pd.concat([response([0.5, 0.9, 0.6, 0.5]), response([0.5, 0.9, 0.6, 0.5], year=2015).drop(index=1)])
    assert choose_scale(years, rule="moran_max").scale_km == 15


def test_opgd_loess_and_knee() -> None:
    scales = np.arange(3.0, 33, 3)
    q = 0.4 - 0.35 * np.exp(-scales / 6)
    table = pd.DataFrame({"year": 2020, "scale_km": scales, "quantity": "carbon_sink", "moran_i": 0.5, "moran_p": 0.002, "cv": 1.0})
    by_q = choose_scale(table.assign(q=q), rule="opgd_loess")
    growth = q[1:] / q[:-1] - 1
    assert by_q.scale_km == scales[1:][growth <= 0.05][0]
    knee = choose_scale(table.assign(loss_information=1 - np.exp(-scales / 6)), rule="knee")
    assert knee.scale_km == 12  # where exp(-s/6) falls as fast as the chord
    assert np.isnan(choose_scale(table.assign(loss_information=scales), rule="knee").scale_km)
    for rule in ("opgd_loess", "knee"):
        with pytest.raises(InputError):
            choose_scale(table, rule=rule)


@settings(deadline=None)
@given(st.lists(st.floats(-0.2, 0.99), min_size=3, max_size=5), st.floats(0, 0.5))
def test_the_answer_is_a_candidate_inside_its_interval(moran: list[float], slope: float) -> None:
    cv = [(1 - slope / 2) ** i for i in range(len(moran))]
    for rule in ("moran_cv", "moran_max"):
        choice = choose_scale(response(moran, cv=cv), rule=rule)
        if not np.isnan(choice.scale_km):
            assert choice.scale_km in (9, 12, 15, 18, 21)
            assert choice.low_km <= choice.scale_km <= choice.high_km
            assert f"{choice.scale_km:g} km (plausible" in choice.headline


def test_the_table_and_the_mark() -> None:
    sink, source = response([0.5, 0.9, 0.6, 0.5]), response([0.5, 0.6, 0.9, 0.5]).assign(quantity="carbon_source")
    both = pd.concat([sink, source], ignore_index=True).assign(chosen=False)
    marked = mark_chosen(both, choose_scale(both, quantity="carbon_sink"))
    marked = mark_chosen(marked, choose_scale(both, quantity="carbon_source"))
    assert marked.loc[marked["chosen"], ["quantity", "scale_km"]].values.tolist() == [["carbon_sink", 12.0], ["carbon_source", 15.0]]
    pd.testing.assert_index_equal(marked.index, both.index)
    row = choose_scale(both, quantity="carbon_sink").to_frame()
    assert row.columns.tolist()[:8] == ["quantity", "rule", "scale_km", "low_km", "high_km", "plateau", "flags", "reason"]
    assert row.loc[0, "plateau"] == "12"
    none = choose_scale(response([0.5, 0.9, 0.6], p=0.5))
    assert not mark_chosen(sink.assign(chosen=True), none)["chosen"].any()


def test_what_cannot_be_chosen_from_is_refused() -> None:
    good = response([0.5, 0.9, 0.6])
    with pytest.raises(InputError, match="Did you mean 'moran_max'"):
        choose_scale(good, rule="moran_mx")
    with pytest.raises(InputError, match="one of them"):
        choose_scale(pd.concat([good, good.assign(quantity="carbon_source")]))
    with pytest.raises(InputError, match="one row for each scale and year"):
        choose_scale(pd.concat([good, good]))
    with pytest.raises(InputError, match="moran_p"):
        choose_scale(good.drop(columns="moran_p"))


def ranked(**columns: list[float]) -> pd.DataFrame:
    return response([0.5, 0.9, 0.8, 0.4]).assign(**columns)


def test_consensus_by_hand() -> None:
    # Ranks of I 2 4 3 1; of 1 - loss 4 3 2 1; of 1 - nugget ratio 1 2 4 3: sums 7, 9, 9, 5: a tie of 12 and 15 km, the finer wins.
    table = ranked(loss_information=[0.0, 0.1, 0.2, 0.3], nugget_ratio=[0.6, 0.5, 0.1, 0.2])
    choice = choose_scale(table, rule="consensus")
    assert choice.scale_km == 12
    assert choice.criteria == "moran_i 1, loss_information 1, nugget_ratio 1"
    # Without I 5 5 6 4; without the loss 3 6 7 4; without the nugget ratio 6 7 5 2.
    assert choice.sensitivity == "without moran_i: 15 km; without loss_information: 15 km; without nugget_ratio: 12 km"
    assert choice.reason == "mean rank 3.00 of 4 over 3 criteria; leaving out moran_i, loss_information changes it"
    assert choice.to_frame()["criteria"].item() == choice.criteria


def test_weights_of_the_consensus() -> None:
    table = ranked(loss_information=[0.0, 0.1, 0.2, 0.3], nugget_ratio=[0.6, 0.5, 0.1, 0.2])
    choice = choose_scale(table, rule="consensus", weights={"moran_i": 1, "nugget_ratio": 2})
    assert (choice.scale_km, choice.criteria) == (15, "moran_i 1, nugget_ratio 2")
    assert choose_scale(table, rule="consensus", weights={"moran_i": 1, "loss_information": 0.2}).scale_km == 12
    with pytest.raises(InputError, match="weights of the consensus"):
        choose_scale(table, rule="consensus", weights={"moran_z": 1})
    with pytest.raises(InputError, match="zone_ari"):
        choose_scale(table, rule="consensus", weights={"moran_i": 1, "zone_ari": 1})


def test_consensus_leaves_out_what_is_not_known() -> None:
    nan = np.nan
    partly = ranked(loss_information=[0.0, 0.1, 0.2, 0.3], hot_stability=[0.9, 0.7, 0.8, nan], q=[nan] * 4)
    choice = choose_scale(partly, rule="consensus")
    assert choice.scale_km == 9  # ranks of I 1 3 2, of 1 - loss 3 2 1, of the stability 3 1 2
    assert choice.flags[0] == "criteria without values: q"
    assert "of 3 over 3 criteria" in choice.reason  # the coarsest has no next one, so no rank
    alone = choose_scale(response([0.5, 0.9, 0.8]), rule="consensus")
    assert "needs two criteria" in alone.headline
    ari = choose_scale(ranked(zone_ari=[0.1, 0.2, 0.9, 0.8], q=[0.1, 0.2, 0.5, 0.3]), rule="consensus")
    assert ari.scale_km == 15


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 5))
def test_consensus_depends_on_ranks_only_and_takes_a_scale_that_is_best_in_all(seed: int, n: int) -> None:
    g = np.random.default_rng(seed)
    table = response(g.random(n).tolist()).assign(loss_information=g.random(n), nugget_ratio=g.random(n), q=g.random(n))
    choice = choose_scale(table, rule="consensus")
    bent = table.assign(moran_i=table["moran_i"] ** 3, q=np.log(table["q"] + 1e-3), nugget_ratio=table["nugget_ratio"] * 2 + 1)
    assert choose_scale(bent, rule="consensus").scale_km == choice.scale_km
    best = int(g.integers(n))
    table.loc[best, ["moran_i", "q", "loss_information", "nugget_ratio"]] = [2, 2, -1, -1]
    sure = choose_scale(table, rule="consensus")
    assert sure.scale_km == table["scale_km"][best]
    assert sure.reason.endswith("leaving out any one criterion does not change it")


def test_knee_of_local_variance() -> None:
    scales = np.arange(3.0, 33, 3)
    table = pd.DataFrame({"year": 2020, "scale_km": scales, "quantity": "carbon_sink", "moran_i": 0.5, "moran_p": 0.002, "cv": 1.0})
    table = table.assign(loss_information=scales, local_variance=1 - np.exp(-scales / 6))
    choice = choose_scale(table, rule="knee", knee_of="local_variance")
    assert (choice.scale_km, choice.reason) == (12, "the knee of the curve of local variance, at 0.865")
    with pytest.raises(InputError, match="knee_of"):
        choose_scale(table, rule="knee", knee_of="cv")
