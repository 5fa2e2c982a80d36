"""Continuous rasters reduced once onto pieces: NPP, respiration, night lights, population, GDP, gridded emissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from carbonshed.checks import InputError, examples, refuse, warn
from carbonshed.quantities import CO2_PER_C
from carbonshed.readers.continuous import read_continuous
from carbonshed.study.frames import by_year
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.study.raster_inputs import RasterRole, look, raster_roles, value_problems
from carbonshed.study.spreading import checked

BORDER_TOLERANCE = 1e-4
"""Borders of pieces and of counties stray from one another in pixel space by up to 1e-4 of a pixel, so sums agree to this share."""


COLUMNS = {
    "npp": "npp_c",
    "respiration": "respiration_c",
    "emissions": "gridded_source",
    "lights": "night_lights",
    "population": "population",
    "gdp": "gdp_proxy",
}
"""Column of the table `piece_rasters` for each role."""


def rasters_on_pieces(context: Context, pieces: pd.DataFrame, output: StepOutput) -> pd.DataFrame:
    """Every raster of the study on the pieces: one column a role, in the rows of `pieces`.

    npp and respiration in t C a-1 (sums over the pixels with data), emissions in t CO2 a-1, lights as the sum of pixel values, population
    and gdp as they stand (sums). What holds no data is NaN, or 0 where the study says so. Sums are checked against those over the counties;
    the share of the region with data is recorded, and below ``[land_cover] min_coverage`` the run stops.
    """
    roles = raster_roles(context.spec)
    table = pd.DataFrame(index=pieces.index)
    shares: dict[str, dict[str, float]] = {}
    for number, (role, about) in enumerate(roles.items()):
        context.progress(0.02 + 0.08 * number / len(roles), f"reading {about.template}")
        values = _read(context, role, about, pieces, output)
        table[role] = values["value"].to_numpy()
        shares[role] = {str(year): _share(rows) for year, rows in by_year(values)}
        _require(context, role, about, values)
    if len(table.columns):
        output.choices["raster_coverage"] = shares
        keys = pieces[["year", "cell_id", "county_id"]]
        output.tables["piece_rasters"] = pd.concat([keys, table.rename(columns=COLUMNS)], axis=1)
    return table


def _read(context: Context, role: str, about: RasterRole, pieces: pd.DataFrame, output: StepOutput) -> pd.DataFrame:
    """Value, coverage and area of each piece and year, in the rows of `pieces` and in the unit of the role."""
    files = context.inputs.files.rasters[role]
    options: dict[str, Any] = {"kind": about.kind, "bands": about.bands, "lowest": about.lowest, "highest": about.highest}
    found = read_continuous(files, context.pieces, **options)
    _refuse_values(context, role, about, found.attrs["extremes"])
    _check_sums(about, read_continuous(files, context.inputs.land_units, **options), found, output)
    keys = pd.MultiIndex.from_arrays([pieces.index, pieces["year"]])
    aligned = found.set_index("year", append=True).reindex(keys).reset_index("year")
    aligned["area_km2"], aligned["cell_id"] = pieces["area_km2"].to_numpy(), pieces["cell_id"].to_numpy()
    section = context.spec.emissions
    factor = about.factor
    if role == "emissions" and section is not None and section.per is not None:
        factor = section.factor * (CO2_PER_C if section.per.endswith("_c") else 1.0)
    aligned["value"] *= factor * (aligned["area_km2"] * aligned["coverage"] if about.is_per_km2 else 1.0)
    if _is_zero(context, role):
        aligned["value"] = aligned["value"].fillna(0.0)
    return aligned


def _is_zero(context: Context, role: str) -> bool:
    """Whether no data means no production (water, built-up land, rock), as the study says."""
    return role in ("npp", "respiration") and context.spec.accounting.npp_nodata == "zero"


def _check_sums(about: RasterRole, whole: pd.DataFrame, found: pd.DataFrame, output: StepOutput) -> None:
    """The sum over the pieces is that over the counties (or the region)."""
    of = "sum" if about.kind == "extensive" else "mean x area"
    for (year, before), (_, after) in zip(by_year(whole), by_year(found), strict=True):
        row = {"what": f"{about.key}: {of} over counties = over pieces", "year": year}
        output.checks.append(checked(row, _amount(before, about), _amount(after, about), tolerance=BORDER_TOLERANCE))


def _amount(rows: pd.DataFrame, about: RasterRole) -> float:
    return float((rows["value"] * (1.0 if about.kind == "extensive" else rows["known_km2"])).sum())


def _refuse_values(context: Context, role: str, about: RasterRole, extremes: Mapping[int, tuple[float, float]]) -> None:
    """What the first look may have missed: the same questions of every pixel inside the region."""
    looks = look(about, context.inputs.files.rasters[role], context.inputs.land_units)
    exact = [replace(each, least=extremes[each.year][0], largest=extremes[each.year][1]) for each in looks]
    errors = [problem for problem in value_problems(role, about, exact) if problem.severity == "error"]
    if errors:
        raise InputError(errors)


def _share(rows: pd.DataFrame) -> float:
    return float((rows["area_km2"] * rows["coverage"]).sum() / rows["area_km2"].sum())


def _require(context: Context, role: str, about: RasterRole, values: pd.DataFrame) -> None:
    """Stop where too little of the region holds data; say how much does not, and where."""
    assert context.spec.land_cover is not None
    is_zero = _is_zero(context, role)
    lowest = 0.0 if is_zero else context.spec.land_cover.min_coverage
    for year, rows in by_year(values):
        share = _share(rows)
        if share >= 1 - 1e-6:
            continue
        if share < lowest:
            fix = "Give a raster of the whole region, or lower [land_cover] min_coverage knowingly"
            fix += "; npp_nodata = 'zero' where no data means no production (water, built-up land)." if role == "npp" else "."
            got = f"{share:.2%} in {year}"
            where = f"{about.key}, {context.inputs.files.rasters[role][year].name}"
            raise refuse("coverage", expected=f"data on at least {lowest:.0%} of the region", got=got, where=where, fix=fix)
        worst = rows.assign(gap=rows["area_km2"] * (1 - rows["coverage"])).groupby("cell_id")["gap"].sum().sort_values(ascending=False)
        means = "it counts as 0" if is_zero else MEANING[role]
        warn(f"{about.key}, {year}: no data on {1 - share:.3%} of the region, most in {examples(worst.index[:3])}; {means}.")


MEANING = {
    "npp": "sums are over the rest",
    "respiration": "sums are over the rest",
    "emissions": "sums are over the rest",
    "lights": "it weighs nothing",
    "population": "it weighs nothing",
    "gdp": "it weighs nothing",
}
"""What becomes of a part of the region without data."""
