"""Municipal districts (市辖区): kept apart, merged by city, or left out."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from carbonshed.checks import check_conserved, choose, refuse
from carbonshed.compensation.panel import year_labels
from carbonshed.registry import term
from carbonshed.spatial.aggregate import aggregate
from carbonshed.spatial.counties import district_groups, merge_counties

DISTRICT_MODES = ("separate", "merge_by_city", "exclude")
TEXTS = ("name", "city", "province", "is_district")


def apply_district_mode(counties: pd.DataFrame, *, district_mode: str) -> pd.DataFrame:
    """The counties of a run under one treatment of municipal districts.

    ``separate``: as they are. ``exclude``: without districts. ``merge_by_city``: the districts of a city become one county whose id and
    name is the city's, columns aggregated by their kind (extensive and money summed, intensive averaged by the declared weight),
    polygons dissolved.

    Parameters
    ----------
    counties : DataFrame or GeoDataFrame, index ``unit_id``
        Registered columns, ``year`` where it spans years; ``is_district`` and, for merging, ``city`` and ``area_km2``.
    district_mode : {"separate", "merge_by_city", "exclude"}

    Returns
    -------
    DataFrame or GeoDataFrame
        As `counties`; merged counties stand where the first of their districts stood.

    Raises
    ------
    InputError
        If a column that the mode needs is missing, or a column to merge is not registered.

    Examples
    --------
    >>> toy = pd.DataFrame({"city": ["X", "X", "X"], "is_district": [True, True, False], "area_km2": [1.0, 2.0, 5.0]}, index=[*"abc"])
    >>> apply_district_mode(toy, district_mode="merge_by_city")["area_km2"].to_dict()
    {'X': 3.0, 'c': 5.0}
    """
    choose(district_mode, DISTRICT_MODES, where="district_mode")
    if district_mode == "separate":
        return counties
    needed = ["is_district"] if district_mode == "exclude" else ["is_district", "city", "area_km2"]
    lacking = [column for column in needed if column not in counties]
    if lacking:
        raise refuse(
            "missing_column",
            expected=f"the column {lacking[0]}",
            got="none",
            where=f"district_mode = {district_mode!r}",
            fix=f"Name it in study.toml: [counties] {lacking[0]} = ..., or use district_mode = 'separate'.",
        )
    if district_mode == "exclude":
        return counties[~counties["is_district"].astype(bool)]
    return _merged(counties)


def _merged(counties: pd.DataFrame) -> pd.DataFrame:
    once = counties[~counties.index.duplicated()]
    new_id = district_groups(once)
    values = counties.drop(columns=[column for column in (*TEXTS, "geometry", "year") if column in counties])
    odd = [str(column) for column in values if not is_numeric_dtype(values[column]) or is_bool_dtype(values[column])]
    terms = {column: term(column) for column in map(str, values.columns) if column not in odd}
    kinds = {column: str(each.kind) for column, each in terms.items()}
    weights = {column: each.weight for column, each in terms.items() if each.kind == "intensive" and each.weight}
    if odd:
        raise refuse(
            "not_merged", expected="columns of numbers", got=", ".join(odd), where="merge_by_city", fix="Drop these columns first."
        )
    keys = counties.assign(year=year_labels(counties), merged_id=new_id.reindex(counties.index).to_numpy())
    sums = aggregate(keys, ["year", "merged_id"], kinds=kinds, weights=weights)
    for column in ("carbon_source", "carbon_sink"):
        if column in sums:
            check_conserved(float(counties[column].sum()), float(sums[column].sum()), what=f"{column} of merged districts")
    table = sums.reset_index().rename(columns={"merged_id": "unit_id"}).set_index("unit_id")
    texts = _texts(once, new_id)
    joined = table.join(texts) if "year" in counties else table.drop(columns="year").join(texts)
    joined = joined[list(counties.columns)]
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=once.crs) if isinstance(once, gpd.GeoDataFrame) else joined


def _texts(once: pd.DataFrame, new_id: pd.Series) -> pd.DataFrame:
    """Texts and polygons of the merged counties, one row each."""
    kept = [column for column in (*TEXTS, "geometry") if column in once]
    if isinstance(once, gpd.GeoDataFrame):
        return merge_counties(once, new_id)[kept]
    first = once[kept].groupby(new_id.to_numpy(), sort=False).first()
    if "name" in kept:
        first["name"] = [
            city if merged else name for city, name, merged in zip(first["city"], first["name"], first["is_district"], strict=True)
        ]
    return first
