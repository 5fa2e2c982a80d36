"""The inputs of a study: every file it names, with its digest, and all of them as canonical objects.

`input_files` knows paths only; `read_inputs` reads them, and refuses them with *every* problem at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from carbonshed.checks import DataWarning, InputError, Problem, nearest, warn
from carbonshed.readers.boundaries import read_boundaries
from carbonshed.readers.land_cover import land_cover_paths
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.readers.tables import county_table, county_table_problems
from carbonshed.spatial.counties import canonical_counties, county_problems
from carbonshed.spatial.crs import equal_area_crs, require_equal_area
from carbonshed.study.config import AllocatedTable, Spec
from carbonshed.study.settings import settings_problems
from carbonshed.study.store import file_digest


@dataclass(frozen=True)
class InputFiles:
    """Paths of all input files by role, and their digests (taken once)."""

    paths: dict[str, list[Path]]
    years: dict[int, Path]
    _digests: dict[Path, str] = field(default_factory=dict)

    def digests(self, role: str) -> list[str]:
        """SHA-256 of each file of a role."""
        return [self._digest(path) for path in self.paths.get(role, [])]

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = file_digest(path)
        return self._digests[path]

    def record(self, spec: Spec, base: Path) -> list[dict[str, Any]]:
        """One row a file for the manifest: role, path, SHA-256, licence, citation."""
        rows = []
        for role, paths in self.paths.items():
            told = spec.sources.get(role, {})
            for path in paths:
                shown = path.relative_to(base) if path.is_relative_to(base) else path
                source = {"licence": told.get("licence", ""), "citation": told.get("citation", "")}
                rows.append({"role": role, "path": str(shown), "sha256": self._digest(path), **source})
        return rows


def input_files(spec: Spec, base: Path) -> InputFiles:
    """Resolve every path of the study; refuse with all the files that are not there, naming near ones.

    Parameters
    ----------
    spec : Spec
    base : Path
        Folder that relative paths are relative to.
    """
    named: dict[str, list[tuple[str, Path]]] = {}
    years: dict[int, Path] = {}
    if spec.counties:
        named["counties"] = [("[counties] boundaries", base / spec.counties.boundaries)]
        if spec.counties.table:
            named["county_table"] = [("[counties] table", base / spec.counties.table)]
    if spec.region:
        named["region"] = [("[region] boundary", base / spec.region.boundary)]
    if spec.land_cover:
        years = {year: base / path for year, path in land_cover_paths(spec.land_cover.path, spec.study.years).items()}
        named["land_cover"] = [(f"[land_cover] path, {year}", path) for year, path in years.items()]
        if spec.land_cover.product.endswith(".toml"):
            named["legend"] = [("[land_cover] product", base / spec.land_cover.product)]
    if spec.accounting.coefficients.endswith(".toml"):
        named["coefficients"] = [("[accounting] coefficients", base / spec.accounting.coefficients)]
    for role, table in (("emissions", spec.emissions), ("economy", spec.economy)):
        if table:
            named[role] = [(f"[{role}] path", base / table.path)]
    problems = [_not_there(key, path) for entries in named.values() for key, path in entries if not path.is_file()]
    if problems:
        raise InputError(problems)
    return InputFiles({role: list(dict.fromkeys(path for _, path in entries)) for role, entries in named.items()}, years)


def _not_there(key: str, path: Path) -> Problem:
    near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else None
    hint = f"Did you mean {near!r}?" if near else "Put the file there or change the path (relative to study.toml)."
    return Problem("no_file", "a file", f"nothing at {path}", key, hint)


@dataclass(frozen=True)
class Inputs:
    """All inputs of a study as canonical objects, in one equal-area CRS."""

    spec: Spec
    files: InputFiles
    crs: CRS
    counties: gpd.GeoDataFrame | None
    region: gpd.GeoDataFrame | None
    county_table: pd.DataFrame | None
    emissions: pd.DataFrame | None
    economy: pd.DataFrame | None

    @property
    def has_land_units(self) -> bool:
        """Whether there are polygons that tile the region."""
        return self.counties is not None or self.region is not None

    @cached_property
    def land_units(self) -> gpd.GeoDataFrame:
        """The polygons that tile the region: the counties, or the region as one."""
        units = self.counties if self.counties is not None else self.region
        assert units is not None
        return units


def read_inputs(spec: Spec, files: InputFiles) -> Inputs:
    """Read all inputs of a study.

    Raises
    ------
    InputError
        With every problem of every file.
    """
    inputs, problems = gather_inputs(spec, files)
    if problems:
        raise InputError(problems)
    return inputs


def gather_inputs(spec: Spec, files: InputFiles) -> tuple[Inputs, list[Problem]]:
    """Read what can be read, and list what is wrong with the rest; what could not be read is None."""
    problems: list[Problem] = []
    raw_counties = _attempt(problems, _read_raw_counties, spec, files)
    raw_region = _attempt(problems, _read_raw_region, spec, files)
    crs = _attempt(problems, _study_crs, spec, raw_counties, raw_region)
    counties = region = None
    if raw_counties is not None and crs is not None:
        found = county_problems(raw_counties, **_county_columns(spec))
        problems += [p for p in found if p.severity == "error"]
        _warn_all(found)
        if not any(p.severity == "error" for p in found):
            counties = canonical_counties(raw_counties, crs=crs, **_county_columns(spec))
    if raw_region is not None and crs is not None:
        region = _attempt(problems, _canonical_region, raw_region, crs)
    table = _attempt(problems, _read_table, spec, files, problems, counties)
    emissions = _attempt(problems, _read_totals, "emissions", spec.emissions, files, spec, counties, ["carbon_source"], problems)
    quantities = list(spec.economy.weights) if spec.economy else []
    economy = _attempt(problems, _read_totals, "economy", spec.economy, files, spec, counties, quantities, problems)
    problems += settings_problems(spec, counties, *files.paths.get("coefficients", []))
    known_crs = cast(CRS, crs)  # None only where there is a problem
    return Inputs(spec, files, known_crs, counties, region, table, emissions, economy), problems


def _attempt(problems: list[Problem], function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except InputError as error:
        problems += error.problems
        return None


def _warn_all(problems: Sequence[Problem]) -> None:
    for problem in problems:
        if problem.severity == "warning":
            warn(str(problem))


def _county_columns(spec: Spec) -> dict[str, Any]:
    assert spec.counties is not None
    return {key: getattr(spec.counties, key) for key in ("id", "name", "city", "province", "is_district")}


def _read_raw_counties(spec: Spec, files: InputFiles) -> gpd.GeoDataFrame | None:
    return read_boundaries(files.paths["counties"][0], layer=spec.counties.layer) if spec.counties else None


def _read_raw_region(spec: Spec, files: InputFiles) -> gpd.GeoDataFrame | None:
    return read_boundaries(files.paths["region"][0], layer=spec.region.layer) if spec.region else None


def _study_crs(spec: Spec, *frames: gpd.GeoDataFrame | None) -> CRS | None:
    known = [frame for frame in frames if frame is not None]
    if not known:
        return None
    if spec.study.crs == "auto":
        return equal_area_crs(tuple(known[0].to_crs("EPSG:4326").total_bounds))
    return require_equal_area(CRS.from_user_input(spec.study.crs))


def _canonical_region(raw: gpd.GeoDataFrame, crs: CRS) -> gpd.GeoDataFrame:
    whole = gpd.GeoDataFrame({"unit_id": ["region"], "name": ["region"]}, geometry=[raw.geometry.union_all()], crs=raw.crs)
    return canonical_counties(whole, id="unit_id", name="name", crs=crs)


def _read_table(spec: Spec, files: InputFiles, problems: list[Problem], counties: gpd.GeoDataFrame | None) -> pd.DataFrame | None:
    if spec.counties is None or spec.counties.table is None:
        return None
    id_column = spec.counties.table_id or spec.counties.id
    ids = counties.index if counties is not None else None
    return _read_long(files.paths["county_table"][0], id_column, spec, ids, problems, encoding=spec.counties.encoding)


def _read_long(
    path: Path, id_column: str, spec: Spec, ids: pd.Index | None, problems: list[Problem], *, encoding: str | None = None
) -> pd.DataFrame | None:
    """A long table in registered columns, or None where it has errors; they join `problems`."""
    raw = read_raw_table(path, encoding=encoding)
    years = spec.study.years
    found = county_table_problems(raw, ids=ids, years=years, id=id_column, where=path.name)
    problems += [p for p in found if p.severity == "error"]
    _warn_all(found)
    if any(p.severity == "error" for p in found):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # said above
        return county_table(raw, id=id_column, years=years, where=path.name)


def _read_totals(
    role: str,
    section: AllocatedTable | None,
    files: InputFiles,
    spec: Spec,
    counties: gpd.GeoDataFrame | None,
    quantities: list[str],
    problems: list[Problem],
) -> pd.DataFrame | None:
    """A long table of totals per statistical unit, whose ids must be counties, cities or provinces of the study."""
    if section is None:
        return None
    path = files.paths[role][0]
    raw = read_raw_table(path)
    ids = None
    if counties is not None and "id" in raw:
        level = total_level(set(raw["id"].astype(str)), counties, section.level, role)
        ids = counties.index if level == "county" else pd.Index(counties[level].unique())
    table = _read_long(path, "id", spec, ids, problems)
    missing = [q for q in quantities if table is not None and q not in table.columns]
    if table is not None and missing:
        have = ", ".join(str(c) for c in table.columns)
        problems.append(Problem("missing_column", f"columns {', '.join(missing)}", have, f"[{role}] path", "Add the columns."))
    return table


def total_level(ids: set[str], counties: gpd.GeoDataFrame, level: str, role: str) -> str:
    """The level the ids of a table of totals stand for: county, city or province.

    Raises
    ------
    InputError
        If ``auto`` cannot tell, or the counties have no such column.
    """
    groups = {"county": set(counties.index), **{c: set(counties[c]) for c in ("city", "province") if c in counties.columns}}
    if level == "auto":
        level = max(groups, key=lambda name: len(groups[name] & ids))
    if level not in groups:
        fix = f"Set [counties] {level} = the column that holds it."
        raise InputError(Problem("no_level", f"counties with a {level}", "no such column", f"[{role}] level", fix))
    return level
