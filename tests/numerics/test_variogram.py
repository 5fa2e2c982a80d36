"""Semivariogram of a lattice and the model that fits it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from carbonshed.checks import InputError
from carbonshed.numerics.variogram import MODELS, SHAPES, Semivariogram, fit_variogram, lattice_semivariogram

LAGS = np.arange(1.0, 31)


def brute_force(rows: np.ndarray, cols: np.ndarray, values: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
    i, j = np.triu_indices(values.size, 1)
    distance = np.hypot(rows[i] - rows[j], cols[i] - cols[j])
    group = np.ceil(distance).astype(int)
    squares = (values[i] - values[j]) ** 2
    near = distance <= reach
    held = np.unique(group[near])
    pick = [near & (group == k) for k in held]
    return (
        np.array([distance[p].mean() for p in pick]),
        np.array([squares[p].mean() / 2 for p in pick]),
        np.array([p.sum() for p in pick], dtype=float),
    )


def test_a_line_by_hand() -> None:
    found = lattice_semivariogram([5, 5, 5, 5], [-2, -1, 0, 2], [0, 3, 4, 0], reach=4)
    # Distance 1: (9 + 1) / 2 / 2; 2: 0-4 and 4-0 (cells -2, 0 and 0, 2); 3: cells -1, 2; 4: cells -2, 2.
    np.testing.assert_allclose(found.gamma, [2.5, 8, 4.5, 0], atol=1e-12)
    assert found.lag.tolist() == [1, 2, 3, 4]
    assert found.pairs.tolist() == [2, 2, 1, 1]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 60), st.floats(1, 12))
def test_against_all_pairs(seed: int, n: int, reach: float) -> None:
    g = np.random.default_rng(seed)
    places = g.choice(144, n, replace=False)
    rows, cols, values = places // 12 - 7, places % 12 + 1000, g.normal(50, 3, n)
    found = lattice_semivariogram(rows, cols, values, reach=reach)
    for one, other in zip(found, brute_force(rows, cols, values, reach)):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.floats(0.01, 100), st.floats(-1000, 1000))
def test_a_constant_changes_nothing_and_a_factor_its_square(seed: int, factor: float, constant: float) -> None:
    rows, cols = np.divmod(np.arange(100), 10)
    field = np.random.default_rng(seed).random(100)
    plain, moved = lattice_semivariogram(rows, cols, field), lattice_semivariogram(rows, cols, factor * field + constant)
    np.testing.assert_allclose(moved.gamma, factor**2 * plain.gamma, rtol=1e-6, atol=1e-9)
    # The surface of errors is flat, so the fit itself is compared under a pure factor.
    scaled = plain._replace(gamma=factor**2 * plain.gamma)
    assert fit_variogram(scaled).nugget_ratio == pytest.approx(fit_variogram(plain).nugget_ratio, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("nugget", "sill", "reach"), [(2.0, 6.0, 12.0), (0.0, 1.0, 20.0), (9.0, 1.0, 7.0)])
def test_a_known_model_is_recovered(model: str, nugget: float, sill: float, reach: float) -> None:
    exact = Semivariogram(LAGS, nugget + sill * SHAPES[model](LAGS / reach), LAGS[::-1].copy())
    found = fit_variogram(exact)
    assert found.model == model
    assert (found.nugget, found.partial_sill, found.range) == pytest.approx((nugget, sill, reach), rel=2e-3, abs=2e-3)
    assert found.nugget_ratio == pytest.approx(nugget / (nugget + sill), abs=1e-3)
    assert found.is_bounded


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_the_fit_is_the_least_that_a_general_optimiser_finds(model: str, seed: int) -> None:
    g = np.random.default_rng(seed)
    gamma = 1 + 3 * SHAPES["spherical"](LAGS / 14) + g.normal(0, 0.3, LAGS.size)
    weight = g.integers(50, 500, LAGS.size) / LAGS**2
    found = fit_variogram(Semivariogram(LAGS, gamma, weight * LAGS**2), model=model)

    def error(part: np.ndarray) -> float:
        return float((gamma - part[0] - part[1] * SHAPES[model](LAGS / part[2])) ** 2 @ weight / weight.sum())

    bounds = [(0, None), (0, None), (2, 30)]
    least = min(minimize(error, [1, 3, start], bounds=bounds, method="L-BFGS-B").fun for start in (3, 8, 14, 25))
    assert found.error <= least * (1 + 1e-6)
    assert error(np.array([found.nugget, found.partial_sill, found.range])) == pytest.approx(found.error, rel=1e-9)


def test_noise_is_all_nugget_and_a_slope_has_no_range() -> None:
    rows, cols = np.divmod(np.arange(3600), 60)
    noise = np.random.default_rng(1).standard_normal(3600)
    assert fit_variogram(lattice_semivariogram(rows, cols, noise)).nugget_ratio > 0.9
    slope = fit_variogram(lattice_semivariogram(rows, cols, rows + 0.5 * noise))
    assert not slope.is_bounded
    assert slope.nugget_ratio < 0.05


def test_a_smooth_field_under_noise_shows_the_share_of_noise() -> None:
    n, length, noise = 240, 12.0, 0.7
    k = 2 * np.pi * np.fft.fftfreq(n)
    k2 = k[:, None] ** 2 + k**2
    g = np.random.default_rng(3)
    field = np.real(np.fft.ifft2(np.fft.fft2(g.standard_normal((n, n))) * np.exp(-k2 * length**2 / 4)))
    field = field / field.std() + noise * g.standard_normal((n, n))
    rows, cols = np.divmod(np.arange(n * n), n)
    found = fit_variogram(lattice_semivariogram(rows, cols, field.ravel()))
    assert found.model == "gaussian"
    assert found.nugget_ratio == pytest.approx(noise**2 / (1 + noise**2), abs=0.05)
    assert found.range == pytest.approx(np.sqrt(6) * length, rel=0.15)  # exp(-h^2 / (2 L^2)) = exp(-3 h^2 / a^2)


def test_what_has_no_variogram_is_nan_and_what_is_broken_refused() -> None:
    flat = fit_variogram(lattice_semivariogram([0, 0, 0, 0, 0, 0, 0], range(7), np.ones(7), reach=6))
    assert np.isnan([flat.nugget, flat.nugget_ratio, flat.range]).all()
    assert np.isnan(fit_variogram(Semivariogram(LAGS[:2], LAGS[:2], LAGS[:2])).nugget)
    assert lattice_semivariogram([], [], []).lag.size == 0
    with pytest.raises(InputError, match="a finite value for each cell"):
        lattice_semivariogram([0, 0], [0, 1], [1.0, np.nan])
    with pytest.raises(InputError, match="at least one side"):
        lattice_semivariogram([0, 0], [0, 1], [1.0, 2.0], reach=0.5)
    with pytest.raises(InputError, match="spherical"):
        fit_variogram(Semivariogram(LAGS, LAGS, LAGS), model="sferical")
