"""Agreement of zonings over sides and origins, by area."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.cell_ids import cell_ids, coarse_ids
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.scale_agreement import area_agreement, coarse_accounts, origin_shifts, scale_agreement

from .region import fit, make_region

OPTIONS = {"features": ["log_emission_intensity", "share_difference"], "method": "kmeans", "n_init": 2}


def test_agreement_by_hand():
    """Areas 1, 2, 3, 4; one zoning joins the first two, the other the last three."""
    one, two = np.array(["a", "a", "b", "b"]), np.array(["a", "b", "b", "b"])
    both = (0.1**2 + 0.2**2 + 0.7**2, 0.3**2 + 0.7**2, 0.1**2 + 0.9**2)
    expected = (both[0] - both[1] * both[2]) / ((both[1] + both[2]) / 2 - both[1] * both[2])
    found = area_agreement(one, two, np.array([1.0, 2.0, 3.0, 4.0]))
    assert found["ari"] == pytest.approx(expected, abs=1e-14) and found["same_share"] == pytest.approx(0.8) and found["area_share"] == 1.0
    gap = area_agreement(np.array(["a", "missing"]), np.array(["a", "a"]), np.array([1.0, 3.0]))
    assert gap["area_share"] == 0.25 and gap["same_share"] == 1.0
    assert np.isnan(area_agreement(np.array(["missing"]), np.array(["a"]), np.array([1.0]))["ari"])


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_sums_are_kept_at_any_side_and_origin(seed, k, east, north):
    rng = np.random.default_rng(seed)
    rows, cols = (each.ravel() for each in np.mgrid[-3:4, -2:4])
    frame = pd.DataFrame(
        rng.lognormal(0, 1, (42, 3)), columns=["area_km2", "carbon_source", "carbon_sink"], index=cell_ids("g2", rows, cols)
    )
    frame["area_km2"] = frame["area_km2"].clip(upper=4.0)
    found = coarse_accounts(frame.assign(source_density=1.0, remark="x", made_up=5.0), k, shift=(east % k, north % k))
    np.testing.assert_allclose(found[list(frame)].sum(), frame.sum(), rtol=1e-12)
    assert set(found) == {*frame, "inside_share"} and (found["inside_share"] <= 1 + 1e-12).all()
    assert found["inside_share"].sum() * (2 * k) ** 2 == pytest.approx(frame["area_km2"].sum())


def test_rows_are_the_zonings_made_by_hand():
    accounts = make_region(24)
    found = scale_agreement(accounts, side_km=3, other_sides_km=[2, 4], **OPTIONS)
    assert found["kind"].tolist() == ["side"] * 2 + ["origin"] * 8 and "year" not in found
    assert found["side_km"].tolist() == [2, 4] + [3] * 8
    assert list(zip(found["east_km"][2:], found["north_km"][2:])) == origin_shifts(3)

    def zones(k: int, shift: tuple[int, int]) -> np.ndarray:
        model = fit(zoning_indicators(coarse_accounts(accounts, k, shift=shift)), **OPTIONS)
        return model.zones["zone"].loc[coarse_ids(accounts.index, k, shift=shift)].to_numpy()

    # all base cells have 1 km2, so that areas are numbers
    for row, (k, shift) in enumerate([(2, (0, 0)), (4, (0, 0)), (3, (0, 1)), (3, (0, 2)), (3, (1, 0))]):
        assert found["ari"][row] == pytest.approx(adjusted_rand_score(zones(3, (0, 0)), zones(k, shift)), abs=5e-3)
        assert found["same_share"][row] == pytest.approx((zones(3, (0, 0)) == zones(k, shift)).mean())
    assert (found["area_share"] == 1.0).all() and found["n_cells"][0] == 144 and found["ari"].between(-0.1, 1).all()


def test_kinds_as_large_as_the_region_hold_and_noise_does_not():
    smooth = scale_agreement(make_region(24), side_km=3, **OPTIONS)["ari"].mean()
    rough = make_region(24)
    rough = rough.sample(frac=1, random_state=0).set_axis(rough.index)
    assert smooth > 0.4 > 0.2 > scale_agreement(rough, side_km=3, **OPTIONS)["ari"].mean()


def test_years_and_warnings():
    accounts = make_region(12, years=(2010, 2020))
    found = scale_agreement(accounts, side_km=2, other_sides_km=[1, 3], **OPTIONS)
    assert found["year"].tolist() == [2010, 2020] * 5 and found["kind"].tolist() == ["side"] * 4 + ["origin"] * 6
    # lines moved by half a cell: 7 x 6 cells of which all are half inside or more; by half both ways: 7 x 7 but for the four corners
    assert found["n_cells"].tolist() == [144, 144, 16, 16, 42, 42, 42, 42, 45, 45]
    with pytest.warns(DataWarning) as caught:
        scale_agreement(accounts.drop(columns="built_up"), side_km=2, features="budget", method="kmeans", n_init=2)
    assert sum("features left out" in str(each.message) for each in caught) == 1
    same = scale_agreement(accounts, side_km=2, other_sides_km=[2], shifts=False, **OPTIONS)
    assert same.empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side_km": 2.5}, "a multiple of the base side, 1 km"),
        ({"other_sides_km": [0.5]}, "a multiple of the base side"),
        ({"features": ["nothing"]}, "a feature set"),
        ({"zones": 50}, "at least 50 cells"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InputError, match=message):
        scale_agreement(make_region(12), **{"side_km": 3, **OPTIONS, **change})


def test_counties_have_no_grid():
    accounts = make_region(3).set_axis([f"c{i}" for i in range(9)])
    with pytest.raises(InputError, match="ids such as g18"):
        scale_agreement(accounts, side_km=3, **OPTIONS)


def test_zonings_that_exist_are_not_made_again():
    accounts = make_region(12)
    zonings = {side: fit(zoning_indicators(coarse_accounts(accounts, int(side))), **OPTIONS).zones for side in (2.0, 3.0)}
    plain = scale_agreement(accounts, side_km=2, other_sides_km=[3], **OPTIONS)
    made = []

    def again(coarse: pd.DataFrame) -> pd.DataFrame:
        made.append(len(coarse))
        return fit(zoning_indicators(coarse), **OPTIONS).zones

    found = scale_agreement(accounts, side_km=2, other_sides_km=[3], made=zonings, fit=again)
    pd.testing.assert_frame_equal(found, plain)
    assert len(made) == 3  # the shifted origins alone
    with pytest.raises(InputError, match="a zone of each cell and year"):
        scale_agreement(accounts, side_km=2, other_sides_km=[3], made={2.0: zonings[2.0].iloc[1:]}, **OPTIONS)
