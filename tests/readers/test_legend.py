"""Legends: the crosswalks of methods 10, section 3, options, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.readers.legend import CLASSES, PRODUCTS, Legend, read_legend

SEVEN = ("cropland", "forest", "grassland", "water", "wetland", "built_up", "bare")

EXPECTED = {
    "clcd": {"cropland": [1], "forest": [2], "grassland": [3, 4], "water": [5], "bare": [6, 7], "built_up": [8], "wetland": [9]},
    "cnlucd": {
        "cropland": [1, 11, 12],
        "forest": [2, 21, 22, 23, 24],
        "grassland": [3, 31, 32, 33],
        "water": [4, 41, 42, 43],
        "wetland": [45, 46, 64],
        "built_up": [5, 51, 52, 53],
        "bare": [6, 44, 61, 62, 63, 65, 66, 67],
    },
    "globeland30": {
        "cropland": [10],
        "forest": [20],
        "grassland": [30, 40, 70],
        "water": [60],
        "wetland": [50],
        "built_up": [80],
        "bare": [90, 100],
    },
    "worldcover": {
        "cropland": [40],
        "forest": [10],
        "grassland": [20, 30, 100],
        "water": [80],
        "wetland": [90, 95],
        "built_up": [50],
        "bare": [60, 70],
    },
    "mcd12q1": {
        "cropland": [12, 14],
        "forest": [1, 2, 3, 4, 5, 8],
        "grassland": [6, 7, 9, 10],
        "water": [17],
        "wetland": [11],
        "built_up": [13],
        "bare": [15, 16],
    },
    "mcd12c1": {
        "cropland": [12, 14],
        "forest": [1, 2, 3, 4, 5, 8],
        "grassland": [6, 7, 9, 10],
        "water": [0],
        "wetland": [11],
        "built_up": [13],
        "bare": [15, 16],
    },
}


def whole(legend: Legend) -> dict[str, list[int]]:
    return {name: sorted(row.code for row in legend.rows if row.canonical == name) for name in legend.land_classes}


@pytest.mark.parametrize("product", EXPECTED)
def test_crosswalks(product: str) -> None:
    legend = read_legend(product)
    assert whole(legend) == EXPECTED[product]
    assert legend.land_classes == SEVEN
    assert all(row.share == 1 for row in legend.rows)


def test_cci_shares_of_mosaics() -> None:
    legend = read_legend("cci")
    shares = {(row.code, row.canonical): row.share for row in legend.rows}
    assert shares[30, "cropland"] == 0.7 and shares[30, "grassland"] == 0.3
    assert shares[40, "cropland"] == 0.3 and shares[40, "grassland"] == 0.7
    assert shares[100, "forest"] == 0.6 and shares[110, "forest"] == 0.4
    assert all(row.status == "unverified" for row in legend.rows if row.share < 1)
    assert legend.unverified == (30, 40, 100, 110)
    assert read_legend("cnlucd").unverified == read_legend("cnlucd").codes
    assert read_legend("clcd").unverified == ()
    assert {150, 151, 152, 153, 200, 201, 202, 220} == {row.code for row in legend.rows if row.canonical == "bare"}
    dominant = read_legend("cci", options={"mosaic": "dominant"})
    assert {row.code: row.canonical for row in dominant.rows if row.code in (30, 40, 100, 110)} == {
        30: "cropland",
        40: "grassland",
        100: "forest",
        110: "grassland",
    }


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_is_complete(product: str) -> None:
    legend = read_legend(product)
    assert legend.product == product
    assert legend.licence and legend.citation and legend.title and legend.url
    assert legend.nodata
    assert legend.matrix().shape == (len(legend.codes), 7)
    assert legend.matrix().sum(axis=1) == pytest.approx(np.ones(len(legend.codes)), abs=1e-12)
    split = read_legend(product, split_shrub=True)
    assert split.land_classes == CLASSES
    assert split.matrix().sum(axis=1) == pytest.approx(np.ones(len(legend.codes)), abs=1e-12)
    water = read_legend(product, options={"snow_ice": "water"})
    assert len(whole(water)["water"]) == len(whole(legend)["water"]) + 1


def test_water_of_the_two_modis_products() -> None:
    assert whole(read_legend("mcd12q1"))["water"] == [17]
    assert whole(read_legend("mcd12c1"))["water"] == [0]
    for name in ("igbp", "IGBP", "modis"):
        with pytest.raises(InputError, match="17 in MCD12Q1 and code 0 in MCD12C1"):
            read_legend(name)


def test_options_replace_rows_and_are_kept() -> None:
    legend = read_legend("cnlucd", options={"shrub": "grassland", "flats": "water", "marsh": "bare"})
    assert 22 in whole(legend)["grassland"] and {45, 46} <= set(whole(legend)["water"]) and 64 in whole(legend)["bare"]
    assert legend.options == {"snow_ice": "bare", "shrub": "grassland", "flats": "water", "marsh": "bare"}
    assert read_legend("worldcover", options={"mangroves": "forest"}).options["mangroves"] == "forest"
    half = {row.canonical: row.share for row in read_legend("mcd12q1", options={"mosaic": "shares"}).rows if row.code == 14}
    assert half == {"cropland": 0.5, "grassland": 0.5}
    sea = read_legend("globeland30", options={"code_255": "water"})
    assert 255 in sea.codes and 255 not in sea.nodata


def test_the_levels_of_cnlucd() -> None:
    legend = read_legend("cnlucd")
    assert legend.levels(np.array([1, 4, 6])) == {1}
    assert legend.levels(np.array([4, 41])) == {1, 2}
    assert read_legend("clcd").levels(np.array([1, 2])) == set()


def test_a_mapping_by_hand() -> None:
    legend = read_legend({1: "built_up", 0: "bare", 30: {"cropland": 0.7, "grassland": 0.3}, 255: "nodata"})
    assert legend.codes == (0, 1, 30)
    assert legend.nodata == (255,)
    assert legend.matrix()[2].tolist() == [0.7, 0, 0.3, 0, 0, 0, 0]
    assert read_legend(legend) is legend


def test_a_users_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "mine"\nnodata = [9]\n[[class]]\ncodes = [1, 2]\nname = "wood"\ncanonical = "forest"\n[[class]]\ncode = 3\ncanonical = "water"\n',
        encoding="utf-8",
    )
    legend = read_legend(path)
    assert whole(legend)["forest"] == [1, 2]
    assert legend.rows[0].name == "wood"
    assert read_legend(str(path), split_shrub=True).land_classes == SEVEN  # it has no shrub to split


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(-5, 300), st.sampled_from(CLASSES), min_size=1, max_size=40))
def test_any_mapping_keeps_area(mapping: dict[int, str]) -> None:
    legend = read_legend(mapping)
    area = np.arange(len(legend.codes), dtype=float)
    assert (area @ legend.matrix()).sum() == pytest.approx(area.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("legend", "why"),
    [
        ("clcdd", "Did you mean 'clcd'"),
        ("nowhere.toml", "no file"),
        ({1: "woods"}, "woods"),
        ({1: "forrest"}, "Did you mean 'forest'"),
        ({1.5: "forest"}, "whole numbers"),
        ({"a": "forest"}, "whole numbers"),
        ({}, "at least one class"),
        ({30: {"cropland": 0.7, "grassland": 0.2}}, "code 30: 0.9"),
        ({30: {"cropland": 1.5, "grassland": -0.5}}, "shares above 0"),
        ({"class": [{"code": 1, "canonical": "forest"}, {"code": 1, "canonical": "water"}]}, "code 1: 2"),
        ({"class": [{"code": 1, "canonical": "forest"}], "nodata": [1]}, "either a class or nodata"),
        ({"class": [{"code": 1, "canonical": "forest", "colour": "green"}]}, "colour"),
    ],
)
def test_what_is_refused(legend: object, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_legend(legend)  # type: ignore[arg-type]


def test_unknown_options_are_refused() -> None:
    with pytest.raises(InputError, match="snow_ice"):
        read_legend("clcd", options={"snow_ic": "bare"})
    with pytest.raises(InputError, match="water"):
        read_legend("clcd", options={"snow_ice": "waterr"})


def test_a_broken_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[[class", encoding="utf-8")
    with pytest.raises(InputError, match="TOML"):
        read_legend(tmp_path / "broken.toml")
