"""The administrative division of the twin through time: renames, merges and splits, and statistics in the codes of their year."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from carbonshed.spatial.counties import crosswalk
from carbonshed.study.twin.landscape import YEARS
from carbonshed.study.twin.noise import Floats

BASE_YEAR = YEARS[-1]
N_RENAMED, N_MERGED, N_SPLIT = 8, 4, 2
EXTENSIVE = {"gdp_yuan": "money", "population": "extensive", "fiscal_revenue_yuan": "money", "carbon_source_t": "extensive"}
RENAMED_YEARS = (2003, 2009, 2014, 2018)
MERGED_YEARS = (2002, 2008, 2013, 2016)
SPLIT_YEARS = (2007, 2012)
PART = 0.4
"""What the smaller part of a county that was merged, or an abolished one, held of the county that it became part of."""
COLUMNS = ["code_old", "code_new", "share", "valid_from", "valid_to", "reason"]


def draw_crosswalk(counties: gpd.GeoDataFrame, seed: int) -> pd.DataFrame:
    """How the codes of each year lead to those of the base year.

    Districts that were counties until a year (a new code), neighbours merged into one, and counties abolished and split between two
    neighbours by fixed shares; and one row for each code of the base year.

    Returns
    -------
    DataFrame
        Columns code_old, code_new, share, valid_from, valid_to (years, both included; empty: open), reason. The shares of an old code
        sum to 1 in each year.
    """
    rng = np.random.default_rng([seed, 30])
    codes = counties["unit_id"].to_numpy(dtype=object)
    taken: set[str] = set()
    rows: list[tuple[str, str, float, int | None, int | None, str]] = []
    first_valid: dict[str, int] = {}
    spare = _spare_codes(codes)
    for k, place in enumerate(rng.permutation(np.flatnonzero(counties["is_district"]))[:N_RENAMED]):
        year, code = RENAMED_YEARS[k % len(RENAMED_YEARS)], codes[place]
        rows.append((next(spare[code[:4]]), code, 1.0, None, year - 1, f"county became a district in {year}"))
        first_valid[code] = year
        taken.add(code)
    pairs = _neighbours(counties, taken, rng)
    for year in MERGED_YEARS[:N_MERGED]:
        code, _ = next(pairs)
        rows.append((next(spare[code[:4]]), code, 1.0, None, year - 1, f"merged into its neighbour in {year}"))
    for year in SPLIT_YEARS[:N_SPLIT]:
        one, two = next(pairs)
        gone = next(spare[one[:4]])
        rows += [(gone, new, share, None, year - 1, f"abolished and split in {year}") for new, share in ((one, 0.55), (two, 0.45))]
    rows += [(code, code, 1.0, first_valid.get(code), None, "") for code in codes]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"valid_from": "Int64", "valid_to": "Int64"})


def _spare_codes(codes: Floats) -> dict[str, object]:
    ...
