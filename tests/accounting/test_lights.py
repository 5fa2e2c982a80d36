"""Emissions fitted to lights: by hand, against scikit-learn, what scaling does, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_percentage_error, r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from carbonshed.accounting.lights import LightsModel, fit_lights, lights_regression, predict_from_lights
from carbonshed.checks import DataWarning, InputError


def panel(seed: int, n_units: int = 6, n_years: int = 4) -> pd.DataFrame:
    g = np.random.default_rng(seed)
    units, years = [f"u{k}" for k in range(n_units)], list(range(2000, 2000 + n_years))
    index = pd.Index([u for u in units for _ in years], name="unit_id")
    lights = g.gamma(2, 500, len(index)) + 50
    return pd.DataFrame(
        {"year": years * n_units, "lights": lights, "carbon_source": lights * 900 * g.lognormal(0, 0.3, len(index))}, index=index
    )


def test_by_hand() -> None:
    light, energy = np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 9.0])
    assert fit_lights(energy, light).slope == pytest.approx((3 + 10 + 36) / 21)
    assert fit_lights(energy, light, model="linear") == pytest.approx(LightsModel("linear", 2.0, 1.0))
    power = fit_lights(3 * light**0.5, light, model="log_log")
    assert power[1:] == pytest.approx((0.5, np.log(3)))
    assert predict_from_lights(np.array([0.0, 4.0]), power).tolist() == pytest.approx([0.0, 6.0])
    # leaving b out, k is 2 from a alone: e_b = 4 against 6, and k is 3 from b: e_a = 3 against 2
    two = pd.DataFrame({"lights": [1.0, 2.0], "carbon_source": [2.0, 6.0]}, index=["a", "b"])
    row = lights_regression(two).set_index("model").loc["proportional"]
    assert row["mape_unit_out"] == pytest.approx((1 / 2 + 2 / 6) / 2) and row["r2_unit_out"] == pytest.approx(1 - (1 + 4) / 8)
    assert np.isnan(row["r2_year_out"]), "one year: none can be left out"


@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(seed: int) -> None:
    table = panel(seed)
    light, energy = table[["lights"]].to_numpy(), table["carbon_source"].to_numpy()
    got = lights_regression(table).set_index("model")
    for model in ("proportional", "linear", "log_log"):
        regression = LinearRegression(fit_intercept=model != "proportional")
        x, y, back = (np.log(light), np.log(energy), np.exp) if model == "log_log" else (light, energy, lambda v: np.maximum(v, 0))
        for name, groups in (("year", table["year"]), ("unit", table.index)):
            predicted = back(cross_val_predict(regression, x, y, groups=groups, cv=LeaveOneGroupOut()))
            assert got.loc[model, f"r2_{name}_out"] == pytest.approx(r2_score(energy, predicted), rel=1e-9)
            assert got.loc[model, f"mape_{name}_out"] == pytest.approx(mean_absolute_percentage_error(energy, predicted), rel=1e-9)
        whole = back(regression.fit(x, y).predict(x))
        assert got.loc[model, "r2"] == pytest.approx(r2_score(energy, whole), rel=1e-9)
        assert got.loc[model, "slope"] == pytest.approx(regression.coef_[0], rel=1e-9)
        assert got.loc[model, "intercept"] == pytest.approx(regression.intercept_, rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_errors_do_not_depend_on_the_units_of_either(seed: int, of_light: float, of_energy: float) -> None:
    table = panel(seed)
    other = table.assign(lights=table["lights"] * of_light, carbon_source=table["carbon_source"] * of_energy)
    errors = ["r2", "mape", "r2_year_out", "mape_year_out", "r2_unit_out", "mape_unit_out"]
    a, b = lights_regression(table), lights_regression(other)
    np.testing.assert_allclose(a[errors].to_numpy(dtype=float), b[errors].to_numpy(dtype=float), rtol=1e-6, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)), min_size=3, max_size=20),
    st.sampled_from(["proportional", "linear", "log_log"]),
)
def test_predictions_are_never_negative(points: list[tuple[float, float]], model: str) -> None:
    energy, light = np.array(points).T
    fitted = fit_lights(energy, light, model=model)
    assume(np.isfinite(fitted.slope))
    with np.errstate(over="ignore"):
        assert (predict_from_lights(light, fitted) >= 0).all()


def test_no_light_no_slope() -> None:
    table = pd.DataFrame({"lights": [5.0, 5.0, 5.0], "carbon_source": [1.0, 2.0, 3.0]}, index=list("abc"))
    with pytest.warns(DataWarning, match="Lights are equal"):
        got = lights_regression(table).set_index("model")
    assert got.loc["linear", ["slope", "r2", "mape"]].isna().all() and got.loc["proportional", "slope"] == pytest.approx(0.4)
    even = pd.DataFrame({"lights": [1.0, 2.0], "carbon_source": [3.0, 3.0]}, index=list("ab"))
    assert lights_regression(even)["r2"].isna().all(), "equal emissions: R2 has no meaning"


def test_refusals() -> None:
    with pytest.raises(InputError, match="log_log"):
        fit_lights(np.ones(2), np.ones(2), model="loglog")
    with pytest.raises(InputError, match="emissions and lights >= 0"):
        fit_lights(np.array([-1.0]), np.array([1.0]))
    with pytest.raises(InputError, match="lights"):
        lights_regression(pd.DataFrame({"carbon_source": [1.0]}))
    with pytest.raises(InputError, match="a row with emissions and lights"):
        lights_regression(pd.DataFrame({"carbon_source": [np.nan], "lights": [1.0]}))
