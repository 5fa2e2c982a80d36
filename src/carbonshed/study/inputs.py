"""The inputs of a study: every file it names, with its digest, and all of them as canonical objects.

`input_files` knows paths only; `read_inputs` reads them, and refuses them with *every* problem at once. Tables of totals are read in
`total_inputs`; continuous rasters are only looked at here (`raster_inputs`), and reduced once onto pieces in the step `accounts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from carbonshed.accounting.coefficients import land_classes, load_coefficients
from carbonshed.checks import InputError, Problem, check_columns, examples, nearest
from carbonshed.readers.boundaries import read_boundaries
from carbonshed.readers.coefficients import coefficients_from_toml
from carbonshed.readers.cost_matrix import cost_matrix
from carbonshed.readers.foreign_files import missing_file
from carbonshed.readers.land_cover import land_cover_paths
from carbonshed.spatial.counties import canonical_counties, county_problems
from carbonshed.spatial.crs import equal_area_crs, require_equal_area
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.overlay import overlay
from carbonshed.study.config import Spec
from carbonshed.study.policy_inputs import planner_tables
from carbonshed.study.provenance import Finder, file_state
from carbonshed.study.raster_inputs import raster_problems, raster_roles
from carbonshed.study.settings import settings_problems
from carbonshed.study.table_inputs import SHAPES, Keep, attempt, kept_tables, read_anew
from carbonshed.study.total_inputs import warn_all

READ_WITH: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"coefficients": ("npp", "respiration"), "emissions": ("lights", "population", "gdp")}
)
"""Roles of rasters that are read where another role is: what is made from the one changes where the other does."""

PROXY_COLUMNS: Mapping[str, str] = MappingProxyType({"population": "population", "gdp": "gdp_yuan"})
"""Proxies of an allocation, and the quantity that ``[economy]`` spreads for each."""


@dataclass(frozen=True)
class InputFiles:
    """Paths of all input files by role, rasters also by year, and their digests (taken once)."""

    paths: dict[str, list[Path]]
    years: dict[int, Path]
    rasters: dict[str, dict[int, Path]] = field(default_factory=dict)
    names: dict[Path, str] = field(default_factory=dict)
    """Path of each file as ``study.toml`` has it."""
    finder: Finder = field(default_factory=lambda: Finder(Path()))
    _seen: dict[Path, tuple[int, ...]] = field(default_factory=dict)

    def digests(self, role: str) -> list[str]:
        """SHA-256 of each file of a role, and of the rasters that are read with it."""
        return [self._digest(path) for name in (role, *READ_WITH.get(role, ())) for path in self.paths.get(name, [])]

    def _digest(self, path: Path) -> str:
        self._seen.setdefault(path, file_state(path))
        return self.finder.digest(path)

    def changed(self) -> str:
        """What a reader must be told of files that vanished or were written since their digest was taken; empty where none was."""
        gone = [str(path) for path in self._seen if not path.is_file()]
        other = [str(path) for path, state in self._seen.items() if path.is_file() and file_state(path) != state]
        told = [f"input vanished while it was being read: {examples(gone)}"] if gone else []
        told += [f"input changed while it was being read: {examples(other)}"] if other else []
        return "; ".join(told) + (". Put it back and run again: what was finished is kept." if told else "")

    def record(self, spec: Spec, base: Path) -> list[dict[str, Any]]:
        """One row a file for the manifest: role, path as in ``study.toml``, SHA-256, where it was found, licence, citation."""
        rows = []
        for role, paths in self.paths.items():
            told = spec.sources.get(role, {})
            for path in paths:
                shown = self.names.get(path) or str(path.relative_to(base) if path.is_relative_to(base) else path)
                source = {"licence": told.get("licence", ""), "citation": told.get("citation", "")}
                rows.append({"role": role, "path": shown, "sha256": self._digest(path), "found": str(path.resolve()), **source})
        return rows


def input_files(spec: Spec, base: Path, finder: Finder | None = None) -> InputFiles:
    """Resolve every path of the study; refuse with all the files that are not there, naming near ones.

    Parameters
    ----------
    spec : Spec
    base : Path
        Folder that relative paths are relative to.
    finder : Finder, optional
        Where inputs are looked for; default: at their path from `base`.
    """
    finder = finder or Finder(base)
    named, yearly = _named_paths(spec)
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    for key, name in (entry for entries in named.values() for entry in entries):
        try:
            found[name] = finder.find(name)
        except InputError as error:
            problems += error.problems
            continue
        if missing_file(found[name]):
            problems.append(_not_there(key, found[name]))
    if problems:
        raise InputError(problems)
    paths = {role: list(dict.fromkeys(found[name] for _, name in entries)) for role, entries in named.items()}
    rasters = {role: {year: found[name] for year, name in years.items()} for role, years in yearly.items()}
    years = rasters.pop("land_cover", {})
    names = {path: _shown(name, base) for name, path in found.items()}
    return InputFiles(paths, years, rasters, names, finder)


def _shown(name: str, base: Path) -> str:
    path = Path(name)
    return str(path.relative_to(base)) if path.is_absolute() and path.is_relative_to(base) else name


def _named_paths(spec: Spec) -> tuple[dict[str, list[tuple[str, str]]], dict[str, dict[int, str]]]:
    """Every path of the study by role, each with the key that names it; of rasters also by year."""
    named: dict[str, list[tuple[str, str]]] = {}
    yearly: dict[str, dict[int, str]] = {}
    if spec.counties:
        named["counties"] = [("[counties] boundaries", spec.counties.boundaries)]
        if spec.counties.table:
            named["county_table"] = [("[counties] table", spec.counties.table)]
        if spec.counties.crosswalk:
            named["crosswalk"] = [("[counties] crosswalk", spec.counties.crosswalk)]
    if spec.compensation.flow_cost.endswith(".csv"):
        named["flow_cost"] = [("[compensation] flow_cost", spec.compensation.flow_cost)]
    for role, key, given in (("policy", "policy", spec.zoning.policy), ("mfz_types", "types", spec.zoning.types)):
        if given:
            named[role] = [(f"[zoning] {key}", given)]
    if spec.region:
        named["region"] = [("[region] boundary", spec.region.boundary)]
    if spec.land_cover:
        yearly["land_cover"] = {year: str(path) for year, path in land_cover_paths(spec.land_cover.path, spec.study.years).items()}
        named["land_cover"] = [(f"[land_cover] path, {year}", path) for year, path in yearly["land_cover"].items()]
        if spec.land_cover.product.endswith(".toml"):
            named["legend"] = [("[land_cover] product", spec.land_cover.product)]
    if spec.accounting.coefficients.endswith(".toml"):
        named["coefficients"] = [("[accounting] coefficients", spec.accounting.coefficients)]
    for role, table in (("emissions", spec.emissions), ("economy", spec.economy)):
        if table:
            named[role] = [(f"[{role}] path", table.path)]
    for role, about in raster_roles(spec).items():
        yearly[role] = {year: str(path) for year, path in land_cover_paths(about.template, spec.study.years).items()}
        named[role] = [(f"{about.key}, {year}", path) for year, path in yearly[role].items()]
    return named, yearly


def _not_there(key: str, path: Path) -> Problem:
    got = missing_file(path) or "no file"
    others = [p.name for p in path.parent.iterdir() if p.name != path.name] if got == "no file" and path.parent.is_dir() else []
    near = nearest(path.name, others)
    hint = f"Did you mean {near!r}?" if near else "Put the file there or change the path (relative to study.toml)."
    return Problem("no_file", "a file", f"{'nothing' if got == 'no file' else got} at {path}", key, hint)


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
    county_extra: pd.DataFrame | None = None
    """Columns of the county table that are no terms: NPP, yields and farm inputs, under the names `AccountingSection` gives them."""

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

    @cached_property
    def pieces(self) -> gpd.GeoDataFrame:
        """Counties cut by the finest grid: what every raster is reduced to."""
        grid = Grid.over(self.land_units, side_km=self.spec.grid.base_km, crs=self.crs)
        return overlay(grid, self.land_units)


def read_inputs(spec: Spec, files: InputFiles, keep: Keep = read_anew) -> Inputs:
    """Read all inputs of a study.

    Raises
    ------
    InputError
        With every problem of every file.
    """
    inputs, problems = gather_inputs(spec, files, keep)
    if problems:
        raise InputError(problems)
    return inputs


class _Shapes(NamedTuple):
    """Boundaries in the CRS of the study (None where they could not be read), and what is wrong with them."""

    crs: CRS | None
    counties: gpd.GeoDataFrame | None
    region: gpd.GeoDataFrame | None
    problems: list[Problem]


def gather_inputs(spec: Spec, files: InputFiles, keep: Keep = read_anew) -> tuple[Inputs, list[Problem]]:
    """Read what can be read, and list what is wrong with the rest; what could not be read is None."""
    shapes = keep("boundaries", lambda: _read_shapes(spec, files), files=("counties", "region"), keys=SHAPES)
    problems = list(shapes.problems)
    crs, counties, region = shapes.crs, shapes.counties, shapes.region
    units = counties if counties is not None else region
    table, extra, emissions, economy = kept_tables(spec, files.paths, counties, units, problems, keep)
    if units is not None:
        found = raster_problems(spec, files.rasters, units)
        problems += [p for p in found if p.severity == "error"]
        warn_all(found)
    own = files.paths.get("coefficients", [])
    found = settings_problems(spec, counties, *own)
    problems += [p.within(own[0].name) if own and p.where.startswith("coefficients ") else p for p in found]
    problems += _proxy_problems(spec)
    attempt(problems, planner_tables, files.paths, None if counties is None else counties.index)
    if "flow_cost" in files.paths:
        attempt(problems, cost_matrix, files.paths["flow_cost"][0])
    warn_all(_missing_classes(spec, files))
    known_crs = cast(CRS, crs)  # None only where there is a problem
    return Inputs(spec, files, known_crs, counties, region, table, emissions, economy, extra), problems


def _read_shapes(spec: Spec, files: InputFiles) -> _Shapes:
    problems: list[Problem] = []
    raw_counties = attempt(problems, _read_raw_counties, spec, files)
    raw_region = attempt(problems, _read_raw_region, spec, files)
    crs = attempt(problems, _study_crs, spec, raw_counties, raw_region)
    counties = region = None
    if raw_counties is not None and crs is not None:
        where = files.paths["counties"][0].name
        found = county_problems(raw_counties, **_county_columns(spec), where=where)
        found = [replace(p, where=f"{where}, columns of [counties]") if p.code == "missing_column" else p for p in found]
        problems += [p for p in found if p.severity == "error"]
        warn_all(found)
        if not any(p.severity == "error" for p in found):
            counties = canonical_counties(raw_counties, crs=crs, **_county_columns(spec))
            if spec.counties and spec.counties.basin:
                check_columns(raw_counties.columns, [spec.counties.basin], where="[counties] basin")
                counties["basin"] = raw_counties[spec.counties.basin].astype(str).to_numpy()
            counties = counties.sort_index(kind="stable")  # the order of the rows of a file changes no result
    if raw_region is not None and crs is not None:
        region = attempt(problems, _canonical_region, raw_region, crs)
    return _Shapes(crs, counties, region, problems)


def _proxy_problems(spec: Spec) -> list[Problem]:
    """Proxies that some weight names, but that neither a raster nor ``[economy]`` gives."""
    if spec.emissions is None:
        return []
    spread = set(spec.economy.weights) if spec.economy else set()
    fix = "Give [emissions] {0} = a raster with {0}_per, or spread it in [economy] weights."
    return [
        Problem("no_proxy", f"{name} on the map", "none", "[emissions] weights", fix.format(name))
        for name, column in PROXY_COLUMNS.items()
        if name in spec.emissions.proxies and getattr(spec.emissions, name) is None and column not in spread
    ]


def _missing_classes(spec: Spec, files: InputFiles) -> list[Problem]:
    """Land classes that the coefficient set does not hold: said before the map is read, since a run stops where it holds them."""
    if spec.land_cover is None:
        return []
    own = files.paths.get("coefficients")
    try:
        chosen = load_coefficients(coefficients_from_toml(own[0]) if own else spec.accounting.coefficients)
    except InputError:
        return []  # said by `settings_problems`
    lacking = [name for name in land_classes() if name != "shrub" and chosen.side_of(name) is None]
    if not lacking:
        return []
    fix = f'Where the map holds them the run stops: add them in a TOML of your own with base = "{chosen.name}".'
    return [
        Problem(
            "class_without_coefficient", "all land classes", f"none for {', '.join(lacking)}", "[accounting] coefficients", fix, "warning"
        )
    ]


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
    return require_equal_area(spec.study.crs, where="[study] crs")


def _canonical_region(raw: gpd.GeoDataFrame, crs: CRS) -> gpd.GeoDataFrame:
    whole = gpd.GeoDataFrame({"unit_id": ["region"], "name": ["region"]}, geometry=[raw.geometry.union_all()], crs=raw.crs)
    return canonical_counties(whole, id="unit_id", name="name", crs=crs)
