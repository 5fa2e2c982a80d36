"""A small study whose names would be obeyed, run or broken by a careless writer."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
from studies import EMISSIONS, HEAD, IDS, LAND, counties, tables, write_studies

HOSTILE_IDS = ["=1+1", "@a/../b\\c", "-x \"y\" 'z'", "<i>&amp;\u202e|,;"]
NAMES = [
    '=HYPERLINK("http://example.org","click")',
    '<script>alert(1)</script><img src=x onerror="alert(2)">',
    "$\\frac{a}{b}$ {{ 7 * 7 }} %s {0}\r\nsecond line\u202eabc\u202c\x1b[31m",
    "😀👨‍👩‍👧" + "县" * 78,
]
CITIES = ["+东市", "+东市", "</td></tr><h1>西市", "</td></tr><h1>西市"]
PROVINCES = ['\u2067冀\u2069 & "co"', '\u2067冀\u2069 & "co"', '\u2067冀\u2069 & "co"', "_津\u200f"]
STUDY_NAME = "</title><script>alert(3)</script> =1+1 \u202e $x$ 'q' \"q\""


def write_hostile(folder: Path) -> Path:
    """The study, with all its land cover from the sound one."""
    write_studies(folder.parent / "sound")
    folder.mkdir()
    for raster in (folder.parent / "sound" / "plain").glob("clcd_*.tif"):
        raster.rename(folder / raster.name)
    frame = counties().assign(unit_id=HOSTILE_IDS, name=NAMES, city=CITIES, province=PROVINCES)
    gpd.GeoDataFrame(frame).to_file(folder / "counties 县 <b>.gpkg", layer="counties", driver="GPKG")
    economy, emissions = tables()
    swap = dict(zip(IDS, HOSTILE_IDS, strict=True))
    economy.assign(unit_id=economy["unit_id"].map(swap)).to_csv(folder / "a;b 'c' & d.csv", index=False)
    pd.DataFrame(emissions.assign(id=emissions["id"].map(swap))).to_csv(folder / "=emissions.csv", index=False)
    files = {"boundaries": "counties 县 <b>.gpkg", "table": "a;b 'c' & d.csv", "emissions": "=emissions.csv"}
    text = (HEAD + LAND + EMISSIONS["table"]).format(**files, flow_cost="", legend="clcd", coefficients="china")
    quoted = STUDY_NAME.replace("\\", "\\\\").replace('"', '\\"').replace("\u202e", "\\u202e")
    text = text.replace('name = "Four counties"', f'name = "{quoted}"', 1).replace("runs = 0", "runs = 2")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder
