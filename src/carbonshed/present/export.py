"""Exports of a result folder for other programs and for archives. Values, units and CRS stay as they are.

export("results", ["gpkg", "xlsx"], "handover")
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.transform import from_origin

from carbonshed.cells import sheet_text
from carbonshed.checks import choose, refuse
from carbonshed.files import write_bytes, write_text
from carbonshed.present.figures import with_units
from carbonshed.present.folder import TABLES, ResultFolder
from carbonshed.present.geo_files import write_geojson, write_geoparquet
from carbonshed.present.geopackage import write_geopackage
from carbonshed.present.qml import county_amount_qml, zone_qml
from carbonshed.present.ro_crate import write_ro_crate
from carbonshed.present.script import write_script
from carbonshed.present.tidy import csv_text, dictionary, held, plain
from carbonshed.registry import Term, terms
from carbonshed.spatial.cell_ids import parse_cell_ids

RASTER_COLUMNS = ("carbon_source", "carbon_sink", "net_carbon_emission")
Writer = Callable[[ResultFolder, Path | None], list[Path]]

LOOKED_AT = 50
"""Rows that decide how wide a column of text is."""
LEAST_WIDTH, MOST_WIDTH, FONT = 10, 60, "Calibri"

MAX_SHEET_ROWS = 1_048_573
"""Rows of an Excel sheet below its head and its row of units."""


def export(result_dir: str | Path, formats: Sequence[str], out: str | Path | None = None) -> list[Path]:
    """Write a result in formats that other programs read.

    Parameters
    ----------
    result_dir : path
        A result folder; nothing else is read.
    formats : sequence of str
        Any of: ``gpkg`` (every table, map layers with QGIS styles inside, and a QGIS project), ``xlsx`` (a sheet a table with a row of
        units, a data dictionary; needs openpyxl), ``csv`` (a file a table, units in the heads), ``cog`` (source, sink and net per cell of
        the finest grid and year, t CO2 a-1 per cell), ``qml`` (QGIS styles of zones and county amounts), ``geojson`` (map layers in WGS84),
        ``geoparquet`` (every table, units in the fields), ``script`` (the study as Python), ``ro-crate`` (the metadata file that makes the
        result folder a citable archive; it stands in the folder itself).
    out : path, optional
        Folder to write into. Default: ``exports/`` of the result folder; COGs go to its ``rasters/`` and styles to its ``styles/``.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    InputError
        An unknown format (the nearest is named); openpyxl missing for ``xlsx``; no grid for ``cog``; no table at all.
    """
    writers = [WRITERS[choose(each, WRITERS, where="formats")] for each in dict.fromkeys(formats)]
    result = ResultFolder(result_dir)
    if not any(result.has(name) for name in TABLES):
        raise refuse("no_table", expected="tables to export", got="none", where=str(result.path), fix="Run the study first.")
    written: list[Path] = []
    for writer in writers:
        written += writer(result, None if out is None else Path(out))
    return written


def _folder(result: ResultFolder, out: Path | None, default: str) -> Path:
    """The folder to write into, made where it is not there."""
    folder = result.path / default if out is None else out
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _into(default: str, write: Callable[[ResultFolder, Path], list[Path]]) -> Writer:
    """A writer whose files go into `out`, or into that folder of the result."""
    return lambda result, out: write(result, _folder(result, out, default))


def _xlsx(result: ResultFolder, out: Path | None) -> list[Path]:
    """One workbook: a sheet a table with the units under the heads, a data dictionary, and where the numbers come from."""
    if importlib.util.find_spec("openpyxl") is None:
        raise refuse(
            "no_openpyxl",
            expected="the package openpyxl, to write Excel files",
            got="not installed",
            where="export --format xlsx",
            fix='Install the extra: pip install "carbonshed[excel]".',
        )
    from openpyxl.styles import Alignment

    path = _folder(result, out, "exports") / "result.xlsx"
    content = BytesIO()
    book = pd.ExcelWriter(content, engine="openpyxl")
    _sheet(book, "about", _about(result), units=False)
    for (cell,) in book.sheets["about"].iter_rows(min_col=2, max_col=2):
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    for name in held(result):
        _sheet(book, name, plain(result.table(name)))
    _sheet(book, "data_dictionary", dictionary(result), units=False)
    book.close()  # writes it; as a context it would write what there is of it, at length, when the export is cancelled too
    return [write_bytes(path, content.getvalue())]


def _sheet(book: Any, name: str, table: pd.DataFrame, *, units: bool = True) -> None:
    """A sheet with frozen heads; units stand in the second row, so that the heads stay the names of the columns."""
    if len(table) > MAX_SHEET_ROWS:
        raise refuse(
            "too_many_rows",
            expected=f"at most {MAX_SHEET_ROWS:,} rows a sheet",
            got=f"{len(table):,} in {name}",
            where="export --format xlsx",
            fix="Export gpkg or csv, or a coarser grid.",
        )
    known = terms()
    start = 1 if units else 0
    texts = [place for place, dtype in enumerate(table.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]
    shown = table.copy()
    for place in texts:
        shown.isetitem(place, [sheet_text(value) if isinstance(value, str) else value for value in table.iloc[:, place]])
    shown.to_excel(book, sheet_name=name[:31], index=False, startrow=start)
    sheet = book.sheets[name[:31]]
    for place in texts:
        for (cell,) in sheet.iter_rows(min_row=start + 2, min_col=place + 1, max_col=place + 1):
            if cell.data_type == "f":
                cell.data_type = "s"  # a name that begins like a formula is a name
    _whole_numbers(sheet, table, start + 2)
    if units:
        for place, column in enumerate(table, start=1):
            sheet.cell(row=1, column=place, value=str(column))
            unit = known[str(column)].unit if str(column) in known else ""
            sheet.cell(row=2, column=place, value="" if unit == "-" else unit)
    _dress(sheet, [str(column) for column in shown], texts, start)


def _dress(sheet: Any, heads: Sequence[str], texts: Sequence[int], start: int) -> None:
    """What makes a sheet readable as it opens: heads in bold that stay in view, units in grey, columns as wide as their heads or texts."""
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    for place, head in enumerate(heads):
        longest = len(head)
        if place in texts:
            some = sheet.iter_rows(min_row=start + 2, max_row=start + 1 + LOOKED_AT, min_col=place + 1, max_col=place + 1, values_only=True)
            longest = max([longest, *(sum(1 + (ord(sign) > 0x2E80) for sign in str(value)) for (value,) in some if value is not None)])
        sheet.column_dimensions[get_column_letter(place + 1)].width = min(max(longest, LEAST_WIDTH) + 2, MOST_WIDTH)
        sheet.cell(row=1, column=place + 1).font = Font(name=FONT, bold=True)
        if start:
            sheet.cell(row=2, column=place + 1).font = Font(name=FONT, color="808080")
    sheet.freeze_panes = sheet.cell(row=start + 2, column=1)


def _whole_numbers(sheet: Any, table: pd.DataFrame, first: int) -> None:
    """Every float to its last bit: openpyxl writes 16 digits, and some doubles need 17; those are handed to it as their own text."""
    for place, dtype in enumerate(table.dtypes, start=1):
        if pd.api.types.is_float_dtype(dtype):
            values = table.iloc[:, place - 1].to_numpy(dtype=float, na_value=np.nan)
            cut = np.array([float(f"{value:.16g}") for value in values.tolist()]) != values
            for row in np.flatnonzero(cut & np.isfinite(values)):
                sheet.cell(row=first + int(row), column=place)._value = repr(float(values[row]))


def _about(result: ResultFolder) -> pd.DataFrame:
    """What the numbers are and where they come from, as rows of a sheet."""
    manifest = result.manifest
    rows = [("study", result.name), ("years", ", ".join(map(str, result.years))), ("carbonshed", manifest.get("carbonshed_version", ""))]
    rows += [
        (
            "how to read",
            "Row 1 of a sheet names the columns, row 2 states their units; data_dictionary, the last sheet, says what each column is.",
        )
    ]
    rows += [("怎样读", "每张表第 1 行为列名，第 2 行为单位；最后一张表 data_dictionary 说明每一列。")]
    rows += [
        ("input", f"{each.get('role', '')}: {each.get('citation', '')} ({each.get('licence', '')})")
        for each in manifest.get("inputs") or []
    ]
    rows += [(what, note.get(lang, "")) for what, lang in (("note", "en"), ("说明", "zh")) for note in manifest.get("notes") or []]
    return pd.DataFrame(rows, columns=["what", "value"])


def _csv(result: ResultFolder, out: Path | None) -> list[Path]:
    """A CSV a table, UTF-8 with a mark so that Excel reads Chinese; units in the heads."""
    folder = _folder(result, out, "exports")
    written = []
    for name in held(result):
        text = csv_text(with_units(plain(result.table(name))))
        written.append(write_bytes(folder / f"{name}.csv", text.encode("utf-8-sig")))
    return written


def _cog(result: ResultFolder, out: Path | None) -> list[Path]:
    """Cloud-optimised GeoTIFFs of the finest grid: a file a quantity, a band a year, t CO2 a-1 per cell."""
    if not result.has("accounts_grid"):
        raise refuse("no_grid", expected="accounts on a grid", got="no table accounts_grid", where=str(result.path), fix="Leave cog out.")
    folder = _folder(result, out, "rasters")
    table = result.geo("accounts_grid")
    finest = table[table["scale_km"] == table["scale_km"].min()]
    side, rows, columns = parse_cell_ids(finest["unit_id"])
    years = sorted(int(year) for year in finest["year"].unique())
    top, left = int(rows.max()), int(columns.min())
    shape = (len(years), top - int(rows.min()) + 1, int(columns.max()) - left + 1)
    transform = from_origin(left * side, (top + 1) * side, side, side)
    place = (np.searchsorted(years, finest["year"]), top - rows, columns - left)
    written = []
    for name in RASTER_COLUMNS:
        bands = np.full(shape, np.nan)
        bands[place] = finest[name].to_numpy(dtype=float)
        written.append(_write_cog(folder / f"{name}.tif", bands, years, crs=table.crs, transform=transform, term=terms()[name]))
    return written


def _write_cog(path: Path, bands: NDArray[np.float64], years: Sequence[int], *, crs: Any, transform: Any, term: Term) -> Path:
    """Write bands in memory, then copy them as a COG. No overviews: amounts per cell may be summed, never averaged."""
    profile = {
        "driver": "GTiff", "dtype": "float64", "count": len(years), "height": bands.shape[1], "width": bands.shape[2],
        "crs": crs.to_wkt(), "transform": transform, "nodata": np.nan,
    }  # fmt: skip
    with rasterio.MemoryFile() as memory, rasterio.MemoryFile() as whole:
        with memory.open(**profile) as raster:
            raster.write(bands)
            for band, year in enumerate(years, start=1):
                raster.set_band_description(band, str(year))
            raster.units = [f"{term.unit} per cell"] * len(years)
            raster.update_tags(quantity=term.name, definition=term.definition)
        with memory.open() as raster:
            rasterio.shutil.copy(raster, whole.name, driver="COG", compress="DEFLATE", overviews="NONE")
        return write_bytes(path, whole.read())


def _qml(result: ResultFolder, out: Path | None) -> list[Path]:
    """QGIS styles with our colours: zones by name, county amounts in classes about zero."""
    folder = _folder(result, out, "styles")
    texts = {"zones.qml": zone_qml()}
    if result.has("compensation"):
        texts["compensation.qml"] = county_amount_qml(result.table("compensation")["net_compensation"])
    written = []
    for name, text in texts.items():
        written.append(write_text(folder / name, text))
    return written


def _crate(result: ResultFolder, out: Path | None) -> list[Path]:
    """The crate's metadata speaks of the files beside it, so it stands in the result folder and nowhere else."""
    if out is not None and out.resolve() != result.path.resolve():
        fix = "Leave --out away; copy or zip the whole folder afterwards."
        raise refuse(
            "crate_elsewhere", expected=f"the result folder {result.path}", got=str(out), where="export --format ro-crate", fix=fix
        )
    return write_ro_crate(result, result.path)


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "gpkg": _into("exports", write_geopackage),
        "xlsx": _xlsx,
        "csv": _csv,
        "cog": _cog,
        "qml": _qml,
        "geojson": _into("exports", write_geojson),
        "geoparquet": _into("exports", write_geoparquet),
        "script": _into("exports", write_script),
        "ro-crate": _crate,
    }
)
