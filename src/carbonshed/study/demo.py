"""The study folder that ``carbonshed demo`` writes: real Beijing-Tianjin-Hebei 2019."""

from __future__ import annotations

from pathlib import Path

from carbonshed.checks import refuse
from carbonshed.readers.samples import china_counties, sample
from carbonshed.study.store import replacing

BEIJING, TIANJIN, HEBEI = 110000, 120000, 130000
FILES = {
    "study.toml": "bth_2019.toml",
    "emissions.csv": "bth_2019_emissions.csv",
    "economy.csv": "bth_2019_economy.csv",
    "land_cover_2019.tif": "mcd12c1_2019_igbp_bth.tif",
}


def write_demo(folder: Path) -> Path:
    """Write the demo study into `folder` and return its ``study.toml``.

    A file that is already there is kept: what a user changed is never overwritten.

    Raises
    ------
    InputError
        If `folder` is a file, or the package with the county boundaries is missing.
    """
    if folder.exists() and not folder.is_dir():
        raise refuse("not_a_folder", expected="a folder", got="a file", where=str(folder), fix="Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for target, source in FILES.items():
        if not (folder / target).exists():
            with replacing(folder / target) as temporary:
                temporary.write_bytes(sample(source).read_bytes())
    if not (folder / "counties.gpkg").exists():
        counties = china_counties([BEIJING, TIANJIN, HEBEI])
        with replacing(folder / "counties.gpkg") as temporary:
            counties.to_file(temporary, layer="counties", driver="GPKG")
    return folder / "study.toml"
