"""Indicators of the cells of one side: by hand, against other programs, and what leaves them unchanged."""

from __future__ import annotations

import warnings

import esda
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import lat2W
from scipy import ndimage, stats

from carbonshed.checks import DataWarning
from carbonshed.numerics.variogram import fit_variogram, lattice_semivariogram
from carbonshed.scale import indicators
from carbonshed.scale.blocks import read_base
from carbonshed.scale.indicators import (
    AUTOCORRELATION,
    PATTERN,
    SPREAD,
    SharedPlaces,
    entropy,
    local_variance,
    make_side,
    top_density_share,
)
from carbonshed.scale.response import scale_response
from carbonshed.spatial.neighbours import lattice_neighbours

SQUARE = np.arange(1.0, 10).reshape(3, 3)


def one(table: pd.DataFrame, k: float = 1, quantity: str = "carbon_sink", **options: object) -> pd.Series:
    return scale_response(table, scales_km=[k], quantity=quantity, permutations=0, **options).iloc[0]


def test_the_square_by_hand(cells) -> None:
    row = one(cells(SQUARE))
    # Products of the 20 pairs: across 186, up 154, the diagonals 94 and 106: 540; of all pairs (45^2 - 285) / 2 = 870.
    assert row["general_g"] == pytest.approx(540 / 870)
    assert row["local_variance"] == pytest.approx(np.std(SQUARE))
    share = SQUARE.ravel() / 45
    assert row["entropy"] == pytest.approx(-(share * np.log(share)).sum() / np.log(9))
    assert row["concentration_area_km2"] == pytest.approx(sum((2 * k - 10) * k for k in range(1, 10)) / (9 * 45))
    assert row["top_density_share"] == pytest.approx(0.9 * 9 / 45)
    # Gi* of 8 (with 4..9): (39 - 6 * 5) / (2.582 sqrt((9 * 6 - 36) / 8)) = 2.32, of 2 the same below 0; of the corners at most
    # (28 - 20) / (2.582 * 1.581) = 1.9596; the middle, linked to all, has none: 2 of 8 cells, 10 of 40 t.
    assert (row["hot_share"], row["hot_carbon_share"]) == (0.25, 0.25)


@pytest.mark.parametrize("k", [1, 2])
def test_against_esda(k: int, cells, smooth) -> None:
    field = smooth(24)
    row = one(cells(field), k)
    n = 24 // k
    z = field.reshape(n, k, n, k).mean(axis=(1, 3)).ravel()
    weights = lat2W(n, n, rook=False)
    weights.transform = "b"
    general = esda.G(z, weights, permutations=0)
    assert row["general_g"] == pytest.approx(general.G, rel=1e-12)
    assert row["general_g_z"] == pytest.approx(general.z_norm, rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        local = esda.G_Local(z, weights, transform="B", star=True, permutations=0)
    hot = np.abs(local.Zs) > 1.96
    assert row["hot_share"] == pytest.approx(hot.mean(), abs=1e-12)
    assert row["hot_carbon_share"] == pytest.approx(z[hot].sum() / z.sum(), rel=1e-12)
    p = 2 * stats.norm.sf(np.abs(local.Zs))
    assert row["hot_share_fdr"] == pytest.approx((stats.false_discovery_control(p) <= 0.05).mean(), abs=1e-12)
    assert row["entropy"] == pytest.approx(stats.entropy(z) / np.log(z.size), rel=1e-9)


def test_local_variance_against_a_moving_window(smooth) -> None:
    field = smooth(17)
    rows, cols = np.divmod(np.arange(17 * 17), 17)
    windows = ndimage.generic_filter(field, np.std, size=3)[1:-1, 1:-1]
    assert local_variance(field.ravel(), lattice_neighbours(rows, cols)) == pytest.approx(windows.mean(), rel=1e-9)
    gap = np.ones(field.shape, dtype=bool)
    gap[4, 9] = False  # no window that holds the gap counts
    whole = ndimage.minimum_filter(gap, size=3)[1:-1, 1:-1]
    place = gap.ravel()
    found = local_variance(field.ravel()[place], lattice_neighbours(rows[place], cols[place]))
    assert found == pytest.approx(windows[whole].mean(), rel=1e-9)
    assert np.isnan(local_variance(np.arange(4.0), lattice_neighbours([0, 0, 1, 1], [0, 1, 0, 1])))


def test_uniform_windows_far_from_the_mean_have_no_variance() -> None:
    field = np.full((4, 40), 1 / 3)
    field[:, 34:] = np.random.default_rng(3).random((4, 6)) * 1e3
    windows = ndimage.generic_filter(field, lambda w: np.sqrt(np.mean((w - w.mean()) ** 2)), size=3)[1:-1, 1:-1]
    rows, cols = np.divmod(np.arange(field.size), 40)
    assert local_variance(field.ravel(), lattice_neighbours(rows, cols)) == pytest.approx(windows.mean(), rel=1e-13)


def test_the_semivariogram_is_that_of_the_cells(cells, smooth) -> None:
    field = smooth(60, length=8)
    row = one(cells(field), 2)
    means = field.reshape(30, 2, 30, 2).mean(axis=(1, 3))
    found = fit_variogram(lattice_semivariogram(*np.divmod(np.arange(900), 30), means.ravel()))
    assert row["nugget_ratio"] == pytest.approx(found.nugget_ratio, rel=1e-6, abs=1e-9)
    assert row["range_km"] == pytest.approx(2 * found.range, rel=1e-6)
    assert row["variogram_model"] == found.model
    slope = one(cells(np.add.outer(np.arange(30.0), np.zeros(30))))
    assert np.isnan(slope["range_km"])
    assert slope["nugget_ratio"] < 0.05


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.floats(0.001, 1000))
def test_a_factor_changes_only_what_has_a_unit(cells, seed: int, factor: float) -> None:
    field = np.random.default_rng(seed).gamma(0.8, 1, (12, 12))
    plain, scaled = one(cells(field), 2), one(cells(factor * field), 2)
    pure = [*AUTOCORRELATION, *SPREAD, *PATTERN, "loss_information"]
    with_unit = ("local_variance",)
    same = [name for name in pure if name not in (*with_unit, "nugget_ratio", "range_km")]
    np.testing.assert_allclose(scaled[same].astype(float), plain[same].astype(float), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(scaled["nugget_ratio"], plain["nugget_ratio"], rtol=1e-4, atol=1e-4)
    assert scaled["local_variance"] == pytest.approx(factor * plain["local_variance"], rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40).filter(lambda x: sum(x) > 1e-6))
def test_shares_stay_between_their_limits(amounts: list[float]) -> None:
    values = np.array(amounts)
    assert -1e-12 <= entropy(values) <= 1 + 1e-12
    assert 0.1 - 1e-9 <= top_density_share(values, values) <= 1 + 1e-12
    assert top_density_share(values, values, top=1 - 1e-12) == pytest.approx(1)


def test_mixed_signs_have_no_shares(cells, smooth) -> None:
    net = one(cells(smooth(12) - 1, name="net_carbon_emission"), quantity="net_carbon_emission")
    for name in ("general_g", "general_g_z", "cv", "entropy", "concentration_area_km2", "top_density_share", "hot_carbon_share"):
        assert np.isnan(net[name]), name
    for name in ("moran_i", "geary_c", "local_variance", "nugget_ratio", "hot_share", "loss_information"):
        assert np.isfinite(net[name]), name
    positive = one(cells(smooth(12), name="net_carbon_emission"), quantity="net_carbon_emission")
    assert np.isnan(positive["cv"]) and np.isnan(positive["general_g"])  # net is net, whatever its sign here


def test_a_constant_field_has_no_indicator_and_says_so(cells) -> None:
    with pytest.warns(DataWarning, match="a constant field or too few cells"):
        row = one(cells(np.full((12, 12), 0.1)), 2)
    names = [*AUTOCORRELATION, *SPREAD, *PATTERN, "loss_information", "scale_variance", "hot_stability"]
    assert row[names].isna().all()
    assert row["inference"] == "none"
    assert row["n_cells"] == 36
    checkerboard = np.indices((12, 12)).sum(axis=0) % 2 + 1.0
    with pytest.warns(DataWarning, match="at 2 km"):
        vanished = one(cells(checkerboard), 2)
    assert vanished["loss_information"] == pytest.approx(1)  # the pattern was there and is lost
    assert np.isnan(vanished["moran_i"])


def test_population_gets_a_concentration_of_its_own(cells, smooth) -> None:
    table = cells(smooth(12))
    people = table.assign(population=np.repeat([1.0, 3.0], 72))
    assert "concentration_population" not in one(table)
    assert one(people.assign(population=5.0))["concentration_population"] == pytest.approx(one(table)["concentration_area_km2"])
    assert one(people)["concentration_population"] != pytest.approx(one(table)["concentration_area_km2"], abs=1e-3)
    assert np.isnan(one(people.assign(population=np.nan))["concentration_population"])


def test_places_are_found_once_for_equal_cells_and_never_shared_by_others(cells, smooth) -> None:
    table = cells(smooth(10))
    year = read_base(table, "carbon_sink").years[0]
    twice = read_base(table.assign(carbon_sink=2 * table["carbon_sink"]), "carbon_sink").years[0]
    smaller = read_base(table.assign(area_km2=0.75), "carbon_sink").years[0]
    shared = SharedPlaces()
    one, two, other = (make_side(each, 2.0, 2, (0, 0), 0.5, shared=shared) for each in (year, twice, smaller))
    assert one.links is two.links and one.member is two.member
    assert two.total == pytest.approx(2 * one.total)
    assert other.area == pytest.approx(0.75 * one.area) and other.inside.sum() == one.inside.sum()
    assert make_side(year, 2.0, 2, (1, 1), 0.5, shared=shared).links is not one.links


def test_places_are_forgotten_where_too_many_are_kept(cells, smooth, monkeypatch) -> None:
    year = read_base(cells(smooth(10)), "carbon_sink").years[0]
    monkeypatch.setattr(indicators, "MOST_KEPT", 250)
    shared = SharedPlaces()
    first = make_side(year, 2.0, 2, (0, 0), 0.5, shared=shared)
    for k in (3, 4):
        make_side(year, float(k), k, (0, 0), 0.5, shared=shared)
    again = make_side(year, 2.0, 2, (0, 0), 0.5, shared=shared)
    assert again.links is not first.links
    assert (again.links != first.links).nnz == 0 and again.density.tolist() == first.density.tolist()


def test_a_side_keeps_the_members_of_its_cells(cells, smooth) -> None:
    field = smooth(10)
    year = read_base(cells(field), "carbon_sink").years[0]
    side = make_side(year, 4.0, 4, (1, 3), 0.5)
    assert side.blocks.rows[side.member].tolist() == ((year.rows - 3) // 4).tolist()
    assert side.blocks.cols[side.member].tolist() == ((year.cols - 1) // 4).tolist()
    assert (side.area >= 8).all()
    assert side.total.sum() == pytest.approx((side.density * side.area).sum())
