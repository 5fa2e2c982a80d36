"""Night lights: pictures, joined sensors, and series that may be used."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from carbonshed.readers.lights import lights_problems
from carbonshed.readers.rasters import RasterLook, look_at_rasters

REGION = gpd.GeoDataFrame({"unit_id": ["bth"]}, geometry=[shapely.box(114, 36.5, 119, 42)], crs="EPSG:4326").set_index("unit_id")


def look(
    year: int, largest: float, *, dtype: str = "float32", pixel: float = 0.004167, n_bands: int = 1, is_colour: bool = False
) -> RasterLook:
    return RasterLook(year, Path(f"{year}.tif"), dtype, n_bands, is_colour, pixel, "", 0.0, largest)


def codes(*looks: RasterLook, calibrated: str | None = None) -> list[str]:
    return [problem.code for problem in lights_problems(looks, calibrated=calibrated)]


def test_one_sensor_passes() -> None:
    assert codes(look(2012, 180.0), look(2020, 250.0)) == []
    assert codes(look(2000, 57.0, dtype="uint8"), look(2010, 60.0, dtype="uint8")) == []
    assert codes(look(2015, 12.0)) == [], "a dim region says nothing of its sensor"


def test_a_saturated_series_is_said_but_passes() -> None:
    problems = lights_problems([look(2000, 63.0, dtype="uint8"), look(2010, 63.0)])
    assert [(problem.code, problem.severity) for problem in problems] == [("saturated", "warning")]


@pytest.mark.parametrize(
    "years",
    [
        (look(2010, 60.0, dtype="uint8"), look(2015, 180.0)),
        (look(2010, 63.0), look(2015, 180.0)),
        (look(2010, 150.0, pixel=0.008333), look(2015, 180.0)),
    ],
)
def test_years_of_unlike_numbers_are_no_series_until_it_is_named(years: tuple[RasterLook, ...]) -> None:
    assert "sensors_joined" in codes(*years)
    assert "sensors_joined" not in codes(*years, calibrated="VIIRS-like, Chen et al. 2021")


def test_pictures_and_darkness() -> None:
    assert codes(look(2010, 200.0, dtype="uint8")) == ["lights_are_a_picture"]
    assert codes(look(2010, 60.0, dtype="uint8", n_bands=3, is_colour=True)) == ["lights_are_a_picture"]
    assert codes(look(2010, 0.0)) == ["no_lights"] and codes(look(2010, float("nan"))) == ["no_lights"]


@pytest.mark.parametrize("name", ["blackmarble_threeglobe", "dmsp_citylights_marble", "night_xplanet"])
@pytest.mark.parametrize("band", [1, 4])
def test_pictures_of_the_night_are_refused_whichever_band_is_named(shared: Path, name: str, band: int) -> None:
    path = shared / f"data/ntl-display-images/{name}_bth_rgb_lum.tif"
    looks = look_at_rasters({2012: path}, REGION, bands={2012: band})
    assert codes(*looks) == ["lights_are_a_picture"]
