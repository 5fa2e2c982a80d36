"""The study folder of the twin: land cover, counties, statistics, truth and ``study.toml``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from carbonshed.checks import refuse
from carbonshed.spatial.counties import crosswalk
from carbonshed.study.store import replacing, write_text
from carbonshed.study.twin.counties import draw_counties
from carbonshed.study.twin.division import draw_crosswalk, raw_statistics
from carbonshed.study.twin.economy import county_of_land, county_statistics
from carbonshed.study.twin.landscape import YEARS, Landscape
from carbonshed.study.twin.rasters import raster_path, write_land_cover
from carbonshed.study.twin.truth import BASE_KM, known_truth, true_zones

Progress = Callable[[float, str], None]

SEED = 7
PIXEL_M = 1000
FINEST_M, COARSEST_M = 10, 1000
KINDS = {"gdp_yuan": "money", "population": "extensive", "fiscal_revenue_yuan": "money", "carbon_source_t": "extensive"}
WRITTEN_AT = "2020-12-31T00:00:00.000Z"
"""The time that stands in the GeoPackage, so that the same seed gives the same bytes."""


def write_twin(folder: str | Path, *, pixel_m: float = PIXEL_M, seed: int = SEED, progress: Progress | None = None) -> Path:
    """Write the study of a simulated region whose zones, scale and trends are known, and return its ``study.toml``.

    About 500 x 500 km in the China Albers CRS, 2000 to 2020 every five years, 200 counties. Written are ``clcd_{year}.tif`` (land
    cover), ``counties.gpkg`` (division of 2020), ``raw/statistics.csv`` (in the codes of each year), ``raw/crosswalk.csv``,
    ``counties.csv`` (the statistics on the division of 2020), ``truth/zones.parquet``, ``truth/truth.json`` and ``study.toml``.

    Parameters
    ----------
    folder : path
        A file that is already there from the same seed and pixel size is kept.
    pixel_m : float
        Side of a pixel of the land cover, 10 to 1000 m; 30 m is written in tiles. The land is the same at any size.
    seed : int
        The same seed gives the same bytes.
    progress : callable, optional
        progress(fraction, message).

    Raises
    ------
    InputError
        If `folder` is a file, or holds a twin of another seed or pixel size, or another study; a pixel size or seed out of range.
    """
    folder, pixel_m, seed = Path(folder), float(pixel_m), int(seed)
    _check(folder, pixel_m, seed)
    tell: Progress = progress or (lambda fraction, message: None)
    folder.mkdir(parents=True, exist_ok=True)
    tell(0.0, "counties and statistics")
    landscape = Landscape(seed)
    counties = draw_counties(landscape)
    statistics = county_statistics(landscape, counties)
    if not (folder / "truth" / "truth.json").exists():
        tell(0.05, "truth")
        _write_truth(folder / "truth", landscape, counties, statistics, pixel_m)
    _write_statistics(folder, counties, statistics, seed)
    if not (folder / "counties.gpkg").exists():
        _write_counties(folder / "counties.gpkg", counties)
    missing = [year for year in YEARS if not raster_path(folder, year).exists()]
    if missing:
        write_land_cover(folder, landscape, missing, pixel_m=pixel_m, progress=lambda done, said: tell(0.2 + 0.8 * done, said))
    if not (folder / "study.toml").exists():
        template = Template(resources.files(__package__).joinpath("study.toml").read_text(encoding="utf-8"))
        write_text(folder / "study.toml", template.substitute(seed=seed, pixel=f"{pixel_m:g}"))
    tell(1.0, "written")
    return folder / "study.toml"


def _check(folder: Path, pixel_m: float, seed: int) -> None:
    """Refuse what cannot be written, before anything is."""
    if folder.exists() and not folder.is_dir():
        raise refuse("not_a_folder", expected="a folder", got="a file", where=str(folder), fix="Name another folder.")
    if not FINEST_M <= pixel_m <= COARSEST_M:
        expected = f"a pixel of {FINEST_M} to {COARSEST_M} m"
        raise refuse("bad_pixel", expected=expected, got=f"{pixel_m:g} m", where="twin", fix="Use 1000, or 30.")
    if seed < 0:
        raise refuse("bad_seed", expected="a seed of 0 or more", got=str(seed), where="twin", fix="Use another seed.")
    known = folder / "truth" / "truth.json"
    if known.exists():
        made = json.loads(known.read_text(encoding="utf-8"))
        asked = {"seed": seed, "pixel_m": pixel_m}
        got = {key: made.get(key) for key in asked}
        if got != asked:
            raise refuse("other_twin", expected=str(asked), got=str(got), where=str(folder), fix="Name another folder.")
    elif (folder / "study.toml").exists():
        fix = "Name another folder."
        raise refuse("other_study", expected="an empty folder", got="a study.toml of another study", where=str(folder), fix=fix)


def _write_truth(folder: Path, landscape: Landscape, counties: gpd.GeoDataFrame, statistics: pd.DataFrame, pixel_m: float) -> None:
    zones = true_zones(landscape, counties)
    with replacing(folder / "zones.parquet") as temporary:
        zones.to_parquet(temporary, index=False, compression="zstd")
    said: dict[str, Any] = {"simulated": True, "seed": landscape.seed, "pixel_m": pixel_m, "years": list(YEARS), "base_km": BASE_KM}
    said |= known_truth(landscape, zones, statistics, county_of_land(counties) >= 0)
    write_text(folder / "truth.json", json.dumps(said, ensure_ascii=False, indent=1) + "\n")


def _write_statistics(folder: Path, counties: gpd.GeoDataFrame, statistics: pd.DataFrame, seed: int) -> None:
    """The raw statistics and the crosswalk, and what the one makes of the other."""
    shares = draw_crosswalk(counties, seed)
    raw = raw_statistics(statistics, counties, shares, seed)
    base = crosswalk(raw.set_index("code"), shares, kinds=KINDS).rename_axis("id").reset_index().sort_values(["year", "id"])
    _write_csv(folder / "raw" / "statistics.csv", raw)
    _write_csv(folder / "raw" / "crosswalk.csv", shares.astype({"valid_from": "Int64", "valid_to": "Int64"}))
    _write_csv(folder / "counties.csv", base)


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    """A table as CSV, unless the file is there; sums of money and people are whole numbers."""
    if path.exists():
        return
    whole = {column: "int64" for column in KINDS if column in table}
    rounded = table.round(dict.fromkeys(whole, 0)).astype(whole)
    with replacing(path) as temporary:
        rounded.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def _write_counties(path: Path, counties: gpd.GeoDataFrame) -> None:
    with replacing(path) as temporary, _at_time(WRITTEN_AT):
        counties.drop(columns=["x_km", "y_km"]).to_file(temporary, layer="counties", driver="GPKG")


@contextmanager
def _at_time(time: str) -> Iterator[None]:
    """GDAL writes this time instead of the clock's."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": time})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
