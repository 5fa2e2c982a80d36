"""A made-up region of three kinds of counties, and the four counties that are computed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


def make_accounts(n: int = 60, years: tuple[int, ...] = (2010, 2020), seed: int = 0) -> pd.DataFrame:
    """Industrial, mixed and forest counties in turn; `kind` is the truth."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    parts = []
    for step, year in enumerate(years):
        area = rng.lognormal(6.5, 0.7, n)
        noise = rng.lognormal(0.0, 0.35, (6, n))
        built = np.array([0.30, 0.12, 0.01])[kind] * noise[0] * area
        source = np.array([9000.0, 2500.0, 120.0])[kind] * noise[1] * area * (1 + 0.2 * step)
        sink = np.array([40.0, 120.0, 600.0])[kind] * noise[2] * area
        people = np.array([1000.0, 500.0, 100.0])[kind] * noise[3] * area
        gdp = people * np.array([4e4, 3e4, 3e4])[kind] * noise[4]
        ids = pd.Index([f"c{i:03d}" for i in range(n)], name="unit_id")
        columns = {"area_km2": area, "built_up": built, "carbon_source": source, "carbon_sink": sink, "population": people, "gdp_yuan": gdp}
        parts.append(pd.DataFrame({"year": year, **columns, "kind": kind}, index=ids))
    return pd.concat(parts)


@pytest.fixture
def accounts() -> pd.DataFrame:
    return make_accounts()


@pytest.fixture
def four() -> pd.DataFrame:
    """C = 100, 60, 30, 10; S = 10, 15, 20, 25; G = 6, 2, 1, 1."""
    index = pd.Index(list("abcd"), name="unit_id")
    values = {"carbon_source": [100.0, 60, 30, 10], "carbon_sink": [10.0, 15, 20, 25], "gdp_yuan": [6.0, 2, 1, 1]}
    return pd.DataFrame({**values, "area_km2": [2.0, 2, 1, 1], "built_up": [1.0, 0.5, 0, 0], "population": [3.0, 2, 2, 0]}, index=index)
