"""People, money and emissions of the twin: sums over land of what its regimes and fields set, times the growth of their years."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carbonshed.study.twin.landscape import SIDE_KM, SOUTH_M, WEST_M, YEARS, Landscape, mixture
from carbonshed.study.twin.noise import Floats

DENSITY = (450.0, 250.0, 90.0)
"""Persons per km2 in the industrial, the plain and the mountain regime, in the first year."""
PER_HEAD = (48_000.0, 25_000.0, 13_000.0)
"""GDP per head in yuan of constant prices, in the first year."""
INTENSITY = (2.3, 1.2, 0.6)
"""t CO2 per 10^4 yuan, in the first year."""
ACCESS = 0.10
"""How much access adds to the logarithms of density and of GDP per head, per standard deviation."""
SCATTER = 0.08
"""Standard deviation of what is a county's own in the logarithm of each."""
POPULATION_GROWTH, INCOME_GROWTH = 0.005, 0.025
"""Per year."""
REVENUE_SHARE = 0.09
"""Public revenue of the mean county as a share of GDP."""
PEAK_YEAR, RISE, FALL = 2013, 0.045, 0.018
"""Emissions of all rise by RISE a year to the peak and fall by FALL a year after it."""


def county_of_land(counties: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Position of the county that holds the centre of each km2, -1 outside; shape (n, n), rows from the south."""
    north, east = (np.mgrid[0:SIDE_KM, 0:SIDE_KM] + 0.5) * 1000.0
    points = shapely.points(east.ravel() + WEST_M, north.ravel() + SOUTH_M)
    found = shapely.STRtree(points).query(counties.geometry.to_numpy(), predicate="contains")
    owner = np.full(points.size, -1, dtype=np.int64)
    owner[found[1]] = found[0]
    return owner.reshape(SIDE_KM, SIDE_KM)


def county_statistics(landscape: Landscape, counties: gpd.GeoDataFrame) -> pd.DataFrame:
    """GDP, population, public revenue and emissions of each county of the base year in each year.

    Returns
    -------
    DataFrame
        Index unit_id, column year, then gdp_yuan (constant prices), population, fiscal_revenue_yuan, carbon_source_t (t CO2 a-1), all
        whole numbers.
    """
    owner = county_of_land(counties)
    rng = np.random.default_rng([landscape.seed, 20])
    own = np.exp(SCATTER * rng.standard_normal((4, len(counties))))
    access = np.exp(ACCESS * landscape.access)
    blocks = []
    for year in YEARS:
        regime = landscape.membership(year)
        people = _at(DENSITY, regime) * access
        income = people * _at(PER_HEAD, regime) * access
        emission = income * _at(INTENSITY, regime) / 1e4
        sums = [np.bincount(owner[owner >= 0], field[owner >= 0], minlength=len(counties)) for field in (people, income, emission)]
        since = year - YEARS[0]
        population = sums[0] * own[0] * (1 + POPULATION_GROWTH) ** since
        gdp = sums[1] * own[0] * own[1] * ((1 + POPULATION_GROWTH) * (1 + INCOME_GROWTH)) ** since
        revenue = gdp * REVENUE_SHARE * own[3]
        table = pd.DataFrame(
            {
                "year": year,
                "gdp_yuan": np.round(gdp),
                "population": np.round(population),
                "fiscal_revenue_yuan": np.round(revenue),
                "carbon_source_t": np.round(sums[2] * own[0] * own[1] * own[2] * emission_course(year)),
            },
            index=pd.Index(counties["unit_id"], name="unit_id"),
        )
        blocks.append(table)
    return pd.concat(blocks)


def emission_course(year: float) -> float:
    """Emissions of a place that keeps its regime, the first year being 1: up to PEAK_YEAR, then down.

    >>> emission_course(2000), emission_course(2013) > emission_course(2020) > 1
    (1.0, True)
    """
    up = min(year, PEAK_YEAR) - YEARS[0]
    down = max(year - PEAK_YEAR, 0)
    return float((1 + RISE) ** up * (1 - FALL) ** down)


def _at(levels: tuple[float, float, float], regime: Floats) -> Floats:
    """Geometric mixture of the levels of the regimes."""
    return np.asarray(np.exp(mixture([math.log(level) for level in levels], regime)))
