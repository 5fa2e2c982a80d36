"""The account and its totals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.accounting.account import account_totals, carbon_account
from carbonshed.accounting.carbon_sinks import carbon_sink
from carbonshed.accounting.carbon_sources import direct_source
from carbonshed.checks import DataWarning, InputError


def test_u4_as_an_account_in_the_callers_index() -> None:
    cells = pd.DataFrame(
        {"cropland": [100.0, 0], "forest": [200.0, 0], "grassland": [20.0, 0], "water": [4.0, 1.0]},
        index=pd.Index(["b", "a"], name="unit_id"),
    )
    energy = pd.Series([100.0, np.nan], cells.index)
    account = carbon_account(direct_source(cells) + energy, carbon_sink(cells))
    pd.testing.assert_index_equal(account.index, cells.index)
    assert account.loc["b"].tolist() == pytest.approx([15573.3, 47751.7, -32178.4], abs=0.1)
    assert account.loc["a"].isna().tolist() == [True, False, True]


def test_an_account_that_does_not_fit_is_refused() -> None:
    good = pd.Series([1.0], ["a"])
    with pytest.raises(InputError, match="stored positive"):
        carbon_account(good, -good)
    with pytest.raises(InputError, match="Reindex"):
        carbon_account(good, good.set_axis(["b"]))


def table(sinks: list[float], years: list[int], provinces: list[str]) -> pd.DataFrame:
    areas = [99.0 if i % 2 else 1.0 for i in range(len(sinks))]
    return pd.DataFrame(
        {"year": years, "province": provinces, "area_km2": areas, "carbon_sink": sinks}, index=[f"u{i}" for i in range(len(sinks))]
    )


def test_totals_by_year_and_province() -> None:
    got = account_totals(table([1, 2, 3, 4], [2000, 2000, 2005, 2005], list("pppq")), by="province")
    assert got[["year", "province", "n_units", "area_km2", "carbon_sink"]].values.tolist() == [
        [2000, "p", 2, 100.0, 3.0],
        [2005, "p", 1, 1.0, 3.0],
        [2005, "q", 1, 99.0, 4.0],
    ]
    assert (got["carbon_sink_coverage"] == 1).all()


def test_a_small_gap_warns_and_a_large_one_stops() -> None:
    small = table([np.nan, 2], [2000, 2000], ["p", "p"])
    with pytest.warns(DataWarning, match="99.00% of the area; not known: u0"):
        got = account_totals(small)
    assert got[["carbon_sink", "carbon_sink_coverage"]].values.tolist() == [[2.0, 0.99]]
    large = table([1, np.nan], [2000, 2000], ["p", "p"])
    with pytest.raises(InputError, match=r"1\.0% at worst; not known: u1"):
        account_totals(large)
    with pytest.warns(DataWarning, match="1.00% of the area"):
        assert account_totals(large, min_coverage=0.0)["carbon_sink"].tolist() == [1.0]


def test_an_unknown_area_is_refused() -> None:
    bad = table([1, 2], [2000, 2000], ["p", "p"])
    bad.loc["u0", "area_km2"] = np.nan
    with pytest.raises(InputError, match="missing or negative at u0"):
        account_totals(bad)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("pqr"), st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0.1, 1e4)), min_size=1, max_size=30))
def test_u12_groups_sum_to_the_region(rows: list[tuple[str, float, float, float]]) -> None:
    units = pd.DataFrame(rows, columns=["province", "source", "sink", "area_km2"]).rename_axis("unit_id")
    accounts = units.join(carbon_account(units["source"], units["sink"]))
    whole, parts = account_totals(accounts), account_totals(accounts, by="province")
    for name in ("carbon_source", "carbon_sink", "area_km2"):
        assert parts[name].sum() == pytest.approx(whole[name].item(), rel=1e-9)
    assert whole["net_carbon_emission"].item() == pytest.approx(units["source"].sum() - units["sink"].sum(), rel=1e-9, abs=1e-3)
