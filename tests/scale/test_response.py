"""The response to scale: block sums, the statistics of each side, and what stays out of them."""

from __future__ import annotations

import esda
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import lat2W

from carbonshed.checks import DataWarning, InputError
from carbonshed.scale.blocks import block_sums
from carbonshed.scale.response import scale_response

SCALES = [1, 2, 3, 4, 6, 8]


def accounts(field: np.ndarray, *, area: np.ndarray | float = 1.0, row: int = 0, col: int = 0, year: int | None = None) -> pd.DataFrame:
    """Cells of 1 km with the field as carbon sink; row 0, column 0 at the place given."""
    places = [(r + row, c + col) for r in range(field.shape[0]) for c in range(field.shape[1])]
    ids = [f"g1:R{_three(r)}C{_three(c)}" for r, c in places]
    frame = pd.DataFrame({"area_km2": np.broadcast_to(area, field.shape).ravel(), "carbon_sink": field.ravel()}, index=ids)
    return frame if year is None else frame.assign(year=year)


def _three(number: int) -> str:
    return f"-{-number:03d}" if number < 0 else f"{number:03d}"


def smooth(n: int, seed: int = 0) -> np.ndarray:
    """A positive field with structure: exp(0.7 f) with a correlation length of 10 cells, plus a little noise."""
    g = np.random.default_rng(seed)
    k = 2 * np.pi * np.fft.fftfreq(n)
    f = np.real(np.fft.ifft2(np.fft.fft2(g.standard_normal((n, n))) * np.exp(-(k[:, None] ** 2 + k**2) * 100 / 4)))
    return np.exp(0.7 * (f - f.mean()) / f.std()) + 0.3 * g.random((n, n))


def test_the_square_of_the_method_by_hand() -> None:
    response = scale_response(accounts(np.arange(1.0, 10).reshape(3, 3)), scales_km=[1], quantity="carbon_sink", permutations=0)
    row = response.iloc[0]
    # Deviations -4..4; products over the 20 pairs: across 36, up 4, diagonals -6 and 6; so I = 9 / 40 * 2 * 40 / 60.
    # Squared differences: 6 * 1 + 6 * 9 + 4 * 16 + 4 * 4 = 140; so C = 8 / 80 * 280 / 60.
    assert row["moran_i"] == pytest.approx(0.3)
    assert row["geary_c"] == pytest.approx(7 / 15)
    assert row["n_cells"] == 9
    assert row["cv"] == pytest.approx(np.std(np.arange(1, 10)) / 5)
    assert row["total"] == 45
    assert pd.isna(row["year"])
    assert not row["chosen"]


@pytest.mark.parametrize("k", [1, 3])
def test_against_esda(k: int) -> None:
    field = smooth(24)
    row = scale_response(accounts(field), scales_km=[k], quantity="carbon_sink", permutations=999).iloc[0]
    n = 24 // k
    means = field.reshape(n, k, n, k).mean(axis=(1, 3)).ravel()
    weights = lat2W(n, n, rook=False)
    moran = esda.Moran(means, weights, transformation="b", permutations=999)
    assert row["moran_i"] == pytest.approx(moran.I, rel=1e-12)
    assert row["geary_c"] == pytest.approx(esda.Geary(means, weights, transformation="b", permutations=0).C, rel=1e-12)
    assert row["moran_z"] == pytest.approx(moran.z_sim, rel=0.1)
    assert row["moran_p"] == pytest.approx(0.002)


def test_many_cells_take_the_normal_limit_and_say_so() -> None:
    table = accounts(smooth(30) + np.random.default_rng(0).standard_normal((30, 30)) ** 2)
    drawn = scale_response(table, scales_km=[1], quantity="carbon_sink", permutations=1999).iloc[0]
    limit = scale_response(table, scales_km=[1], quantity="carbon_sink", permutation_limit=100).iloc[0]
    assert (drawn["inference"], limit["inference"]) == ("permutation", "normal")
    assert limit["moran_i"] == drawn["moran_i"]
    assert limit["moran_z"] == pytest.approx(drawn["moran_z"], rel=0.05)
    assert limit["moran_p"] < 0.002


@settings(deadline=None, max_examples=10)
@given(
    st.integers(0, 2**32),
    st.integers(-40, 400),
    st.integers(-40, 400),
)
def test_s6_totals_are_the_same_at_every_side_wherever_the_region_lies(seed: int, row: int, col: int) -> None:
    g = np.random.default_rng(seed)
    field, area = g.gamma(1.0, 100.0, (24, 24)), g.uniform(0, 1, (24, 24))
    table = accounts(field, area=area, row=row, col=col)
    response = scale_response(table, scales_km=SCALES, quantity="carbon_sink", permutations=0, min_inside=0.1).set_index("scale_km")
    np.testing.assert_allclose(response["total"], field.sum(), rtol=1e-9)
    assert response["loss_information"].between(-1e-9, 1).all()
    assert response.loc[[1, 2, 4, 8], "loss_information"].is_monotonic_increasing


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(-(10**6), 10**6))
def test_s6_a_coarse_cell_is_the_sum_of_its_fine_cells(seed: int, shift: int) -> None:
    g = np.random.default_rng(seed)
    rows, cols = np.divmod(g.choice(400, 150, replace=False), 20)
    rows, cols = rows - 7, cols + shift
    area, value = g.random(150), g.random(150)
    by_six = block_sums(rows, cols, area, value, 6)
    by_three = block_sums(rows, cols, area, value, 3)
    again = block_sums(by_three.rows, by_three.cols, by_three.area, by_three.total, 2)
    for one, other in zip(by_six, again):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    loop: dict[tuple[int, int], float] = {}
    for r, c, v in zip(rows, cols, value):
        loop[r // 6, c // 6] = loop.get((r // 6, c // 6), 0.0) + v
    assert loop == pytest.approx(dict(zip(zip(by_six.rows.tolist(), by_six.cols.tolist()), by_six.total)), rel=1e-12)


@settings(deadline=None, max_examples=15)
@given(st.floats(0.01, 100), st.floats(0, 1000))
def test_a_factor_and_a_constant_leave_moran_and_geary_unchanged(factor: float, constant: float) -> None:
    field = smooth(16)
    plain, moved = (
        scale_response(accounts(f), scales_km=[1, 2], quantity="carbon_sink", permutations=0) for f in (field, factor * (field + constant))
    )
    for name in ("moran_i", "geary_c"):
        np.testing.assert_allclose(moved[name], plain[name], rtol=1e-6)


def test_s5_cv_falls_under_averaging() -> None:
    response = scale_response(accounts(smooth(120)), scales_km=[1, 2, 3, 6, 12], quantity="carbon_sink", permutations=0)
    assert response["cv"].is_monotonic_decreasing
    assert response["loss_information"].is_monotonic_increasing


def test_s10_cells_under_half_inside_stay_out_of_statistics_and_in_totals() -> None:
    field = np.outer(np.arange(1.0, 8), np.ones(7))
    response = scale_response(accounts(field), scales_km=[2], quantity="carbon_sink", permutations=0).iloc[0]
    # 4 x 4 blocks of 2 km: the last row and column hold 2 km2 of 4 (in), the corner 1 of 4 (out).
    assert response["n_cells"] == 15
    assert response["total"] == field.sum()
    assert scale_response(accounts(field), scales_km=[2], quantity="carbon_sink", permutations=0, min_inside=1)["n_cells"].item() == 9


def test_density_is_per_area_inside() -> None:
    area = np.full((6, 6), 1.0)
    area[:, 3:] = 0.6
    uneven = scale_response(accounts(smooth(6) * area, area=area), scales_km=[1], quantity="carbon_sink", permutations=0)
    even = scale_response(accounts(smooth(6)), scales_km=[1], quantity="carbon_sink", permutations=0)
    assert uneven["moran_i"].item() == pytest.approx(even["moran_i"].item(), rel=1e-12)


def test_years_come_apart_and_the_order_of_rows_does_not_matter() -> None:
    both = pd.concat([accounts(smooth(12, seed), year=year) for seed, year in ((1, 2010), (2, 2000))])
    response = scale_response(both, scales_km=[3, 1], quantity="carbon_sink", seed=5, permutations=99)
    assert response[["scale_km", "year"]].values.tolist() == [[1, 2000], [1, 2010], [3, 2000], [3, 2010]]
    pd.testing.assert_frame_equal(
        scale_response(both.sample(frac=1, random_state=0), scales_km=[1, 3], quantity="carbon_sink", seed=5, permutations=99), response
    )
    alone = scale_response(accounts(smooth(12, 1)), scales_km=[1], quantity="carbon_sink", seed=5, permutations=99)
    assert alone["moran_z"].item() == response.query("year == 2010 and scale_km == 1")["moran_z"].item()


def test_an_unknown_cell_makes_no_low() -> None:
    field = smooth(12)
    gap = field.copy()
    gap[4, 4] = np.nan
    with pytest.warns(DataWarning, match="not known in 1 cells, left out: g1:R004C004"):
        response = scale_response(accounts(gap), scales_km=[3], quantity="carbon_sink", permutations=0)
    known = np.nan_to_num(gap)
    assert response["total"].item() == pytest.approx(known.sum())
    filled = gap.copy()
    filled[4, 4] = np.nanmean(gap[3:6, 3:6])
    again = scale_response(accounts(filled), scales_km=[3], quantity="carbon_sink", permutations=0)
    assert response["moran_i"].item() == pytest.approx(again["moran_i"].item(), rel=1e-12)


def test_net_emission_has_no_cv_and_a_constant_no_statistic() -> None:
    net = accounts(smooth(6)).rename(columns={"carbon_sink": "net_carbon_emission"})
    assert scale_response(net, scales_km=[1], quantity="net_carbon_emission", permutations=0)["cv"].isna().all()
    with pytest.warns(DataWarning, match=r"a constant field or too few cells, so no statistic at 1 km, 3 km"):
        flat = scale_response(accounts(np.full((6, 6), 0.1)), scales_km=[1, 3], quantity="carbon_sink")
    assert flat[["moran_i", "moran_p", "geary_c"]].isna().all(axis=None)


def test_what_cannot_be_is_refused() -> None:
    good = accounts(smooth(16)[:4, :4])
    for scales in ([1.5], [0], [], [1, 2.5]):
        with pytest.raises(InputError, match="multiples of the finest one, 1 km"):
            scale_response(good, scales_km=scales, quantity="carbon_sink")
    with pytest.raises(InputError):
        scale_response(good, scales_km=[1], quantity="carbon_sinks")
    with pytest.raises(InputError, match="carbon_source"):
        scale_response(good, scales_km=[1], quantity="carbon_source")
    with pytest.raises(InputError, match="each cell once a year"):
        scale_response(pd.concat([good, good]), scales_km=[1], quantity="carbon_sink")
    with pytest.raises(InputError, match="between 0 and that of a cell, 1"):
        scale_response(good.assign(area_km2=100.0), scales_km=[1], quantity="carbon_sink")
    with pytest.raises(InputError):
        scale_response(good.reset_index(drop=True), scales_km=[1], quantity="carbon_sink")
