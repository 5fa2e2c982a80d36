"""Tables of totals per county, city or province: emissions, energy use, sectors, economy; with every problem they have."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd

from carbonshed.accounting.carbon_sources import check_emission_density
from carbonshed.accounting.energy import energy_emission
from carbonshed.checks import DataWarning, InputError, Problem, Severity, examples, warn
from carbonshed.readers.emissions import read_energy, read_sector_emissions
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.readers.tables import NOTHING, county_table, county_table_problems
from carbonshed.study.carbon_config import AllocatedTable, EmissionsSection
from carbonshed.study.config import Spec

MIN_KNOWN = 0.98
"""Share of the area on which source and sink must be known, as `zoning_indicators` asks: said before the run, with the file."""


def read_emissions(
    path: Path, section: EmissionsSection, spec: Spec, units: gpd.GeoDataFrame | None, problems: list[Problem]
) -> pd.DataFrame | None:
    """Emission totals of a study, whichever table they come from, or None where it has errors; they join `problems`.

    Parameters
    ----------
    path, section, spec
        The table; ``[emissions]``; the study.
    units : GeoDataFrame or None
        Counties, or the region as one; None where they could not be read.
    problems : list of Problem
        Added to.

    Returns
    -------
    DataFrame or None
        Index `unit_id`; year, carbon_source (t CO2 a-1), and `sector` where the sectors are split. ``attrs["unverified"]`` names fuels.
    """
    if section.sectors is not None:
        table = _sectors(path, section, spec, units, problems)
    elif section.source == "energy":
        table = _energy(path, section, spec, units, problems)
    else:
        table = read_totals("emissions", path, section, spec, units, ["carbon_source"], problems)
    if table is not None and units is not None and "carbon_source" in table:
        totals = table.groupby([table.index, "year"])["carbon_source"].sum().droplevel("year")
        check_emission_density(totals, _areas(units), where=f"[emissions] path, {path.name}")
        if _tell(unknown_carbon(table, units, where=path.name), problems):
            return None
    return table


def unknown_carbon(table: pd.DataFrame, units: gpd.GeoDataFrame, *, where: str) -> list[Problem]:
    """What must be said of counties, cities or provinces whose carbon a table leaves empty: an error where zones could not be told.

    Parameters
    ----------
    table : DataFrame
        Index `unit_id`; year, and carbon_source or carbon_sink (t CO2 a-1) or both.
    units : GeoDataFrame
        Counties, or the region as one, with `area_km2`.
    where : str
        Name of the table's file.
    """
    areas, problems = _areas(units), []
    for name in ("carbon_source", "carbon_sink"):
        if name not in table:
            continue
        for year, rows in table.groupby("year"):
            empty = rows.index[rows[name].isna()].unique()
            if empty.empty:
                continue
            known = 1 - areas.reindex(empty).sum() / areas.reindex(rows.index.unique()).sum()
            expected = f"{name} known on at least {MIN_KNOWN:.0%} of the area"
            got = f"{known:.1%} in {year}; none for {examples(empty)}"
            fix = "Fill the cells: 0 only where it is known to be zero."
            severity: Severity = "warning" if known >= MIN_KNOWN else "error"
            problems.append(Problem("coverage", expected, got, f"{where}, column of {name}", fix, severity))
    return problems


def _energy(
    path: Path, section: EmissionsSection, spec: Spec, units: gpd.GeoDataFrame | None, problems: list[Problem]
) -> pd.DataFrame | None:
    """Totals reckoned from energy use by fuel."""
    activity = read_energy(path, years=spec.study.years)
    table = energy_emission(activity, boundary=section.boundary, method=section.method, electricity_basis=section.electricity_basis)
    found = county_table_problems(table, ids=_ids(table, section, units), years=spec.study.years, where=path.name)
    return None if _tell(found, problems) else table


def _sectors(
    path: Path, section: EmissionsSection, spec: Spec, units: gpd.GeoDataFrame | None, problems: list[Problem]
) -> pd.DataFrame | None:
    """Totals by sector: the table and the weights must name the same sectors, and each must have rows for every unit and year."""
    table = read_sector_emissions(path, years=spec.study.years)
    named, present = set(section.sectors or {}), set(table["sector"])
    lacking = [f"weights for {name!r}" for name in sorted(present - named)] + [f"rows of {name!r}" for name in sorted(named - present)]
    if lacking:
        fix = "Every sector of the table needs weights in sectors = { ... }, and none may be named without rows."
        problems.append(Problem("sectors_differ", "the same sectors", f"no {', no '.join(lacking)}", "[emissions] sectors", fix))
        return None
    has_errors = False
    for name, rows in table.groupby("sector", sort=False):
        ids = _ids(table, section, units)
        where = f"{path.name}, sector {name}"
        found = county_table_problems(rows.drop(columns="sector"), ids=ids, years=spec.study.years, where=where)
        has_errors |= _tell(found, problems)
    return None if has_errors else table


def read_totals(
    role: str,
    path: Path,
    section: AllocatedTable,
    spec: Spec,
    units: gpd.GeoDataFrame | None,
    quantities: Sequence[str],
    problems: list[Problem],
) -> pd.DataFrame | None:
    """A long table of totals per statistical unit, whose ids must be counties, cities or provinces of the study."""
    raw = read_raw_table(path)
    column = id_column_of(raw, "id")
    ids = None if column not in raw else _ids(raw.set_index(raw[column].astype(str)), section, units, role)
    table = read_long(path, column, spec, ids, problems)
    missing = [q for q in quantities if table is not None and q not in table.columns]
    if table is not None and missing:
        have = ", ".join(str(c) for c in table.columns)
        problems.append(Problem("missing_column", f"columns {', '.join(missing)}", have, f"[{role}] path", "Add the columns."))
    return table


def read_long(
    path: Path,
    id_column: str,
    spec: Spec,
    ids: pd.Index | None,
    problems: list[Problem],
    *,
    encoding: str | None = None,
    also: Mapping[str, str] = NOTHING,
) -> pd.DataFrame | None:
    """A long table in registered columns (and those of `also`), or None where it has errors; they join `problems`."""
    raw = read_raw_table(path, encoding=encoding)
    years, id_column = spec.study.years, id_column_of(raw, id_column)
    if _tell(county_table_problems(raw, ids=ids, years=years, id=id_column, also=also, where=path.name), problems):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said above
        return county_table(raw, id=id_column, years=years, also=also, where=path.name)


def id_column_of(raw: pd.DataFrame, asked: str) -> str:
    """The column of the ids: the one asked for, else ``id`` or ``unit_id`` where the table has one of them."""
    return next((name for name in (asked, "id", "unit_id") if name in raw), asked)


def groups_of(counties: gpd.GeoDataFrame) -> dict[str, set[str]]:
    """The ids of each level of statistics: county, and city and province where the counties have them."""
    return {"county": set(counties.index), **{c: set(counties[c]) for c in ("city", "province") if c in counties.columns}}


def total_level(ids: set[str], counties: gpd.GeoDataFrame, level: str, role: str) -> str:
    """The level the ids of a table of totals stand for: county, city or province.

    Raises
    ------
    InputError
        If ``auto`` cannot tell, or the counties have no such column.
    """
    groups = groups_of(counties)
    if level == "auto":
        level = max(groups, key=lambda name: len(groups[name] & ids))
    if level not in groups:
        fix = f"Set [counties] {level} = the column that holds it."
        raise InputError(Problem("no_level", f"counties with a {level}", "no such column", f"[{role}] level", fix))
    return level


def warn_all(problems: Sequence[Problem]) -> None:
    """Say every problem of severity ``warning``."""
    for problem in problems:
        if problem.severity == "warning":
            warn(str(problem))


def _ids(table: pd.DataFrame, section: AllocatedTable, units: gpd.GeoDataFrame | None, role: str = "emissions") -> pd.Index | None:
    """The ids that a table of totals must hold."""
    if units is None:
        return None
    level = total_level(set(table.index), units, section.level, role)
    return units.index if level == "county" else pd.Index(units[level].unique())


def _areas(units: gpd.GeoDataFrame) -> pd.Series:
    """Area of every county, city and province [km2]; where a city is called as its province, the larger."""
    levels = [units["area_km2"], *(units.groupby(level)["area_km2"].sum() for level in groups_of(units) if level != "county")]
    return pd.concat(levels).groupby(level=0).max()


def _tell(found: Sequence[Problem], problems: list[Problem]) -> bool:
    """Add the errors to `problems`, say the warnings; whether there are errors."""
    errors = [problem for problem in found if problem.severity == "error"]
    problems += errors
    warn_all(found)
    return bool(errors)
