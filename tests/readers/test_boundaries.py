"""Boundary files: layers, CRS, encodings of shapefiles."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from carbonshed.checks import DataWarning, InputError
from carbonshed.readers.boundaries import read_boundaries

COUNTIES = gpd.GeoDataFrame(
    {"code": ["130101", "130102"], "name": ["北京市", "石家庄市"]},
    geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
    crs="EPSG:4326",
)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb"])
def test_any_vector_file_as_it_is(tmp_path: Path, suffix: str) -> None:
    COUNTIES.to_file(tmp_path / f"counties.{suffix}", encoding="UTF-8" if suffix == "shp" else None)
    frame = read_boundaries(tmp_path / f"counties.{suffix}").sort_values("code")
    assert frame.crs == COUNTIES.crs
    assert frame["name"].tolist() == COUNTIES["name"].tolist()
    assert frame["code"].tolist() == ["130101", "130102"]
    assert all(shapely.equals(frame.geometry.array, COUNTIES.geometry.array))


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_shapefiles_in_both_encodings_with_and_without_a_cpg(tmp_path: Path, encoding: str, says: bool) -> None:
    path = tmp_path / "counties.shp"
    COUNTIES.to_file(path, encoding=encoding)
    if not says:
        path.with_suffix(".cpg").unlink()
    if encoding == "GBK" and not says:
        with pytest.warns(DataWarning, match="GB18030"):
            frame = read_boundaries(path)
        assert read_boundaries(path, encoding="GBK")["name"].tolist() == COUNTIES["name"].tolist()
    else:
        frame = read_boundaries(path)
    assert frame["name"].tolist() == COUNTIES["name"].tolist()


def test_a_cpg_that_is_wrong_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "counties.shp"
    COUNTIES.to_file(path, encoding="GBK")
    path.with_suffix(".cpg").write_text("UTF-8")
    with pytest.warns(DataWarning, match="GB18030"):
        assert read_boundaries(path)["name"].tolist() == COUNTIES["name"].tolist()


def test_several_layers_are_listed_not_chosen_from(tmp_path: Path) -> None:
    path = tmp_path / "all.gpkg"
    COUNTIES.to_file(path, layer="counties")
    COUNTIES.dissolve().to_file(path, layer="region")
    with pytest.raises(InputError, match="layers counties, region"):
        read_boundaries(path)
    assert len(read_boundaries(path, "region")) == 1
    with pytest.raises(InputError, match="Did you mean 'region'"):
        read_boundaries(path, layer="regoin")


def test_what_is_not_certain_is_refused(tmp_path: Path) -> None:
    no_crs = tmp_path / "no_crs.gpkg"
    with pytest.warns(UserWarning, match="crs"):
        COUNTIES.set_crs(None, allow_override=True).to_file(no_crs)
    with pytest.raises(InputError, match="never guessed"):
        read_boundaries(no_crs)
    points = tmp_path / "points.gpkg"
    COUNTIES.set_geometry(shapely.points([[0, 0], [1, 1]])).set_crs("EPSG:4326").to_file(points)
    with pytest.raises(InputError, match="got Point"):
        read_boundaries(points)
    holes = tmp_path / "holes.gpkg"
    COUNTIES.set_geometry([shapely.box(0, 0, 1, 1), None], crs="EPSG:4326").to_file(holes)
    with pytest.raises(InputError, match="none in rows 1"):
        read_boundaries(holes)
    text = tmp_path / "no.gpkg"
    text.write_text("no vector file")
    for path in (text, tmp_path / "absent.gpkg"):
        with pytest.raises(InputError):
            read_boundaries(path)


def test_the_real_boundaries(shared: Path) -> None:
    path = shared / "data/boundaries-bth/bth_boundaries.gpkg"
    with pytest.raises(InputError, match="county_units_strict"):
        read_boundaries(path)
    frame = read_boundaries(path, "county_units_harmonised")
    assert len(frame) == 195 and frame.crs.to_epsg() == 4326
    assert frame["area_km2"].sum() == pytest.approx(217_033, rel=0.01)
