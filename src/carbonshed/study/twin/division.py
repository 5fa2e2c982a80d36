"""The administrative division of the twin through time: renames, merges and splits, and statistics in the codes of their year."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from carbonshed.study.twin.counties import county_names

RENAMED_YEARS = (2002, 2003, 2007, 2009, 2012, 2014, 2017, 2018)
MERGED_YEARS = (2002, 2008, 2013, 2016)
SPLIT_YEARS = (2007, 2012)
"""Years in which a county became a district, was merged into its neighbour, was abolished and split between two neighbours."""
SPLIT_SHARES = (0.55, 0.45)
GONE_SHARE = 0.4
"""What a county that is gone held of the whole that it became part of."""
WHOLE = 20
"""Values of a county that is gone are multiples of this, so that both its shares are whole numbers."""
SPARE_FROM = 81
"""County numbers of codes that are no longer used begin here."""
COLUMNS = ["code_old", "code_new", "share", "valid_from", "valid_to", "reason"]


def draw_crosswalk(counties: gpd.GeoDataFrame, seed: int) -> pd.DataFrame:
    """How the codes of each year lead to those of the base year, the last one.

    Parameters
    ----------
    counties : GeoDataFrame
        The counties of the base year, from `draw_counties`.
    seed : int

    Returns
    -------
    DataFrame
        Columns code_old, code_new, share, valid_from, valid_to (years, both included; empty: open), reason; a row for each event and
        one for each code of the base year. The shares of an old code sum to 1 in each year.
    """
    rng = np.random.default_rng([seed, 30])
    codes = [str(code) for code in counties["unit_id"]]
    numbers = {code[:4]: count(SPARE_FROM) for code in codes}
    begin: dict[str, int] = {}
    rows: list[tuple[str, str, float, int | None, int | None, str]] = []
    districts = rng.permutation(np.flatnonzero(counties["is_district"].to_numpy()))
    for place, year in zip(districts, RENAMED_YEARS):
        begin[codes[place]] = year
        rows.append((_spare(numbers, codes[place]), codes[place], 1.0, None, year - 1, f"county became a district in {year}"))
    pairs = _neighbours(counties, rng)
    for year in MERGED_YEARS:
        into, _ = next(pairs)
        rows.append((_spare(numbers, into), into, 1.0, None, year - 1, f"merged into its neighbour in {year}"))
    for year in SPLIT_YEARS:
        heirs = next(pairs)
        gone = _spare(numbers, heirs[0])
        rows += [(gone, heir, share, None, year - 1, f"abolished and split in {year}") for heir, share in zip(heirs, SPLIT_SHARES)]
    rows += [(code, code, 1.0, begin.get(code), None, "") for code in codes]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"valid_from": float, "valid_to": float})


def _spare(numbers: Mapping[str, Iterator[int]], near: str) -> str:
    """A code of the same city that the base year does not use."""
    return f"{near[:4]}{next(numbers[near[:4]])}"


def _neighbours(counties: gpd.GeoDataFrame, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Pairs of neighbouring counties of one city, no districts, none twice."""
    rural = counties[~counties["is_district"]]
    codes, shapes = rural["unit_id"].to_numpy(), rural.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="touches")
    used: set[str] = set()
    for k in rng.permutation(first.size):
        pair = str(codes[first[k]]), str(codes[second[k]])
        if pair[0][:4] == pair[1][:4] and not used & set(pair):
            used |= set(pair)
            yield pair


def raw_statistics(statistics: pd.DataFrame, counties: gpd.GeoDataFrame, shares: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The statistics as they were printed: in the codes and names of their year.

    Through the crosswalk they are the statistics of the base year again, to the last unit.

    Parameters
    ----------
    statistics : DataFrame
        Index unit_id (base year), column year, then whole numbers that may be summed.
    counties, shares : DataFrame
        From `draw_counties` and `draw_crosswalk`.

    Returns
    -------
    DataFrame
        Columns code, name, year and those of `statistics`.
    """
    names = dict(zip(counties["unit_id"], counties["name"], strict=True))
    old = [code for code in shares["code_old"].unique() if code not in names]
    for code, name in zip(old, county_names(len(names) + len(old), seed)[len(names) :], strict=True):
        names[code] = f"{name}县"
    was_county = shares["reason"].str.startswith("county")
    for code, new in shares.loc[was_county, ["code_old", "code_new"]].itertuples(index=False):
        names[code] = names[new].removesuffix("区") + "县"
    blocks = []
    for year, table in statistics.groupby("year"):
        block = _undone(table.drop(columns="year"), shares, int(str(year)))
        block.insert(0, "year", year)
        blocks.append(block.sort_index())
    raw = pd.concat(blocks).rename_axis("code").reset_index()
    raw.insert(1, "name", raw["code"].map(names))
    return raw


def _undone(table: pd.DataFrame, shares: pd.DataFrame, year: int) -> pd.DataFrame:
    """One year's statistics in the codes of that year."""
    old = shares[shares["valid_to"] >= year]
    is_rename = old["reason"].str.startswith("county")
    block = table.copy()
    for gone, rows in old[~is_rename].groupby("code_old", sort=False):
        heirs, share = rows["code_new"].tolist(), rows["share"].to_numpy()[:, None]
        held = np.floor(GONE_SHARE * (table.loc[heirs].to_numpy() / share).min(axis=0) / WHOLE) * WHOLE
        block.loc[heirs] = block.loc[heirs].to_numpy() - np.round(share * held)
        block.loc[str(gone)] = held
    return block.rename(index=dict(zip(old.loc[is_rename, "code_new"], old.loc[is_rename, "code_old"], strict=True)))
