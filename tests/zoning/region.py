"""A made-up region on a lattice of 1 km cells, whose kinds lie in smooth patches; and helpers on small graphs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from carbonshed.spatial.cell_ids import cell_ids
from carbonshed.zoning.classify import fit_zones
from carbonshed.zoning.model import ZoneModel

TRUTH = np.array(["payment", "balanced", "recipient"])
FEATURES = ["log_emission_intensity", "log_gdp_per_head", "share_difference"]
CLEAR = ["log_emission_intensity", "share_difference", "territorial_development"]
"""Features in which the kinds part."""


def make_region(side: int = 18, years: tuple[int, ...] = (2020,), seed: int = 0, noise: float = 0.3) -> pd.DataFrame:
    """Industrial, mixed and forest cells in patches; `kind` is the truth, `province` the west and the east half."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal((side, side)), side / 7, mode="nearest").ravel()
    kind = np.searchsorted(np.quantile(field, [0.25, 0.6]), field)
    rows, cols = (each.ravel() for each in np.mgrid[:side, :side])
    ids = pd.Index(cell_ids("g1", rows, cols), name="unit_id")
    parts = []
    for step, year in enumerate(years):
        factor = rng.lognormal(0.0, noise, (5, side * side))
        built = np.array([0.30, 0.12, 0.01])[kind] * factor[0]
        source = np.array([9000.0, 2500.0, 120.0])[kind] * factor[1] * (1 + 0.2 * step)
        sink = np.array([40.0, 120.0, 600.0])[kind] * factor[2]
        people = np.array([1000.0, 500.0, 100.0])[kind] * factor[3]
        gdp = people * np.array([4e4, 3e4, 3e4])[kind] * factor[4]
        columns = {"area_km2": 1.0, "built_up": built, "carbon_source": source, "carbon_sink": sink, "population": people, "gdp_yuan": gdp}
        parts.append(pd.DataFrame({"year": year, **columns, "kind": kind, "province": np.where(cols < side / 2, "w", "e")}, index=ids))
    table = pd.concat(parts)
    return table if len(years) > 1 else table.drop(columns="year")


def fit(indicators: pd.DataFrame, **options: object) -> ZoneModel:
    """Zones of the made-up region, without the table of other numbers of clusters."""
    return fit_zones(indicators, **{"method": "kmeans", "features": FEATURES, "n_init": 5, "counts": (), **options})
