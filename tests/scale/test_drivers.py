"""What drivers explain at each side, and the rule that reads it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbonshed.checks import InputError
from carbonshed.numerics.discretisation import METHODS
from carbonshed.scale.blocks import read_base
from carbonshed.scale.choose import choose_scale
from carbonshed.scale.drivers import driver_kinds, driver_power
from carbonshed.scale.indicators import make_side
from carbonshed.scale.response import scale_response
from carbonshed.spatial.discretisation import optimal_discretisation


def q_of(table: pd.DataFrame, drivers, k: float = 1, **options: object) -> pd.Series:
    return scale_response(table, scales_km=[k], quantity="carbon_sink", permutations=0, drivers=drivers, **options).iloc[0]


def test_strata_that_explain_all_and_strata_that_explain_nothing(cells) -> None:
    field = np.repeat([1.0, 5.0, 9.0], 48).reshape(12, 12)
    table = cells(field).assign(kind=np.repeat(["a", "b", "c"], 48), noise=np.tile([0.0, 1.0], 72))
    row = q_of(table, {"kind": "categorical"})
    assert (row["q"], row["q_driver"]) == (1.0, "kind")
    assert q_of(table, {"noise": "categorical"})["q"] == pytest.approx(0, abs=1e-12)


def test_q_of_strata_by_hand(cells) -> None:
    table = cells(np.array([[1.0, 2, 3], [7, 8, 9]])).assign(zone=list("aaabbb"))
    assert q_of(table, {"zone": "categorical"})["q"] == pytest.approx(0.931034, abs=1e-6)


@pytest.mark.parametrize("k", [1, 2])
def test_a_driver_is_aggregated_by_its_kind_and_cut_where_it_explains_most(k: int, cells, smooth) -> None:
    g = np.random.default_rng(0)
    field, area = smooth(20), g.uniform(0.6, 1, (20, 20))
    people, height = field**2 * g.gamma(5, 0.2, (20, 20)), 100 * field + g.normal(0, 40, (20, 20))
    table = cells(field * area, area=area).assign(population=people.ravel(), elevation_m=height.ravel())

    def means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        blocks = [a.reshape(20 // k, k, 20 // k, k).sum(axis=(1, 3)) for a in (values, weights)]
        return (blocks[0] / blocks[1]).ravel()

    density = pd.Series(means(field * area, area))
    expected = {
        "population": optimal_discretisation(density, pd.Series(means(people, area)), permutations=0).q,
        "elevation_m": optimal_discretisation(density, pd.Series(means(height * area, area)), permutations=0).q,
    }
    row = q_of(table, {"population": "extensive", "elevation_m": "intensive"}, k)
    assert row["q"] == pytest.approx(np.quantile(list(expected.values()), 0.9), rel=1e-9)
    assert row["q_driver"] == max(expected, key=expected.__getitem__)
    both = q_of(table, {"population": "extensive", "elevation_m": "intensive"}, k, q_summary="mean_significant")
    assert both["q"] == pytest.approx(np.mean(list(expected.values())), rel=1e-9)
    assert q_of(table, ["population"], k)["q"] == pytest.approx(expected["population"], rel=1e-9)  # a registered term has its kind


def test_drivers_that_are_partly_or_never_known(cells, smooth) -> None:
    table = cells(smooth(12)).assign(half=np.r_[np.full(72, np.nan), np.arange(72.0)], none=np.nan, flat=1.0)
    year = read_base(table, "carbon_sink", ["half", "none", "flat"]).years[0]
    side = make_side(year, 1.0, 1, (0, 0), 0.5)
    assert 0 < driver_power(side, year, {"half": "extensive"}).q < 1
    for name in ("none", "flat"):
        found = driver_power(side, year, {name: "extensive"})
        assert np.isnan(found.q) and found.strongest == "none"


def test_what_is_no_driver_is_refused(cells, smooth) -> None:
    table = cells(smooth(12)).assign(elevation_m=1.0)
    assert len(METHODS) == 5
    with pytest.raises(InputError):
        driver_kinds(["elevation_m"])
    with pytest.raises(InputError, match="kind of the driver"):
        driver_kinds({"elevation_m": "text"})
    with pytest.raises(InputError, match="slope"):
        q_of(table, {"slope": "intensive"})
    with pytest.raises(InputError, match="q_summary"):
        q_of(table, {"elevation_m": "intensive"}, q_summary="median")
    plain = scale_response(table, scales_km=[1, 2, 3], quantity="carbon_sink", permutations=0)
    with pytest.raises(InputError, match="Give scale_response drivers"):
        choose_scale(plain, rule="opgd_loess")


def test_opgd_loess_on_a_response(cells, smooth) -> None:
    g = np.random.default_rng(1)
    field = smooth(120, length=24)
    table = cells(field).assign(rain=(field + g.normal(0, 2, field.shape)).ravel())
    options = {"scales_km": [2, 3, 4, 5, 6, 8, 10], "quantity": "carbon_sink", "permutations": 0}
    response = scale_response(table, drivers={"rain": "intensive"}, **options)
    choice = choose_scale(response, rule="opgd_loess")
    assert response["q"].iloc[:5].is_monotonic_increasing  # averaging removes the noise of the driver
    assert choice.scale_km in response["scale_km"].tolist()
    assert "q" in choice.reason
