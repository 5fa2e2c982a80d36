"""The continuous rasters a study names: what each holds, in which unit, and what is wrong with it at a first look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from carbonshed.accounting.carbon_sinks import NPP_RANGE
from carbonshed.checks import InputError, Problem, examples
from carbonshed.quantities import UNITS, convert
from carbonshed.readers.continuous import Kind
from carbonshed.readers.lights import lights_problems
from carbonshed.readers.rasters import Bands, RasterLook, look_at_rasters
from carbonshed.study.config import Spec

DENSITY_UNIT = "g C m-2 a-1"


@dataclass(frozen=True)
class RasterRole:
    """A continuous raster of a study.

    Parameters
    ----------
    key : str
        Key of ``study.toml`` that names it.
    template : str
        Path with ``{year}``, or one file for all years.
    kind : {"extensive", "intensive"}
        Whether a value is an amount per pixel or a density.
    bands : None, str or Mapping
        See `read_continuous`.
    unit : str
        Unit of a density of carbon; empty for all else.
    is_per_km2 : bool
        A density that is wanted as an amount: times the area of a piece with data in km2 (1 g m-2 = 1 t km-2).
    lowest, highest : float, optional
        See `read_continuous`.
    calibrated : str, optional
        Name of the inter-calibrated series of night lights.
    """

    key: str
    template: str
    kind: Kind
    bands: Bands = None
    unit: str = ""
    is_per_km2: bool = False
    lowest: float | None = None
    highest: float | None = None
    calibrated: str | None = None

    @property
    def factor(self) -> float:
        """Factor from the unit of a density of carbon to g C m-2 a-1."""
        return float(convert(1.0, self.unit, DENSITY_UNIT)) if self.unit else 1.0


def raster_roles(spec: Spec) -> dict[str, RasterRole]:
    """Every continuous raster that a study names, by role: npp, respiration, emissions, lights, population, gdp."""
    if spec.land_cover is None:
        return {}
    accounting, roles = spec.accounting, dict[str, RasterRole]()
    for role, unit in (("npp", accounting.npp_unit), ("respiration", accounting.respiration_unit)):
        if accounting.is_raster(role):  # type: ignore[arg-type]
            path = str(getattr(accounting, role))
            roles[role] = RasterRole(f"[accounting] {role}", path, "intensive", bands=accounting.band, unit=unit, is_per_km2=True)
    section = spec.emissions
    if section is None:
        return roles
    if section.per is not None:
        is_density = section.per.startswith("km2")
        kind: Kind = "intensive" if is_density else "extensive"
        roles["emissions"] = RasterRole("[emissions] path", section.path, kind, bands=section.band, is_per_km2=is_density)
    if section.lights is not None:
        roles["lights"] = RasterRole(
            "[emissions] lights",
            section.lights,
            "extensive",
            bands=section.lights_band,
            lowest=0.0,
            highest=section.lights_highest,
            calibrated=section.lights_calibrated,
        )
    for role, template, per in (
        ("population", section.population, section.population_per),
        ("gdp", section.gdp, section.gdp_per),
    ):
        if template is not None:
            kind = "intensive" if per == "km2" else "extensive"
            roles[role] = RasterRole(f"[emissions] {role}", template, kind, bands=section.proxy_band, is_per_km2=per == "km2")
    return roles


def raster_problems(spec: Spec, rasters: Mapping[str, Mapping[int, Path]], region: gpd.GeoDataFrame) -> list[Problem]:
    """What is wrong with the rasters of a study at a first look: missing CRS or bands, another place, values of another unit."""
    problems: list[Problem] = []
    years = spec.study.years
    for role, about in raster_roles(spec).items():
        if len(years) > 1 and "{year}" not in about.template and about.bands in (None, "sum"):
            fix = "Give a path with {year}, or one file with a band a year."
            got = f"one raster for all {len(years)} years"
            problems.append(Problem("one_for_all_years", "a raster for each year", got, about.key, fix, "warning"))
        try:
            problems += value_problems(role, about, look(about, rasters[role], region))
        except InputError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))


def look(about: RasterRole, rasters: Mapping[int, Path], region: gpd.GeoDataFrame) -> list[RasterLook]:
    """A first look at a raster; a file of colours is looked at as a whole, so that it is named for what it is."""
    try:
        return look_at_rasters(rasters, region, bands=about.bands)
    except InputError as error:
        if about.key.endswith("lights") and error.problems[0].code == "which_band":
            whole = look_at_rasters(rasters, region, bands="sum")
            if all(each.is_colour for each in whole):
                return whole
        raise


def value_problems(role: str, about: RasterRole, looks: Sequence[RasterLook]) -> list[Problem]:
    """What the values of a raster, or of a look at it, say against it."""
    if role == "lights":
        return lights_problems(looks, calibrated=about.calibrated, where=_place(about, looks))
    problems = []
    empty = [str(each.year) for each in looks if not each.largest >= each.least]
    if empty:
        got, fix = f"nodata everywhere in {examples(empty)}", "Check the file, its nodata value and its CRS."
        problems.append(Problem("only_nodata", "values inside the region", got, _place(about, looks), fix))
    negative = [f"{each.least:g} in {each.year}" for each in looks if each.least < 0]
    if negative:
        fix = "Set the nodata value of the file, or mask its fill values."
        problems.append(Problem("negative", "values >= 0", examples(negative), _place(about, looks), fix))
    zero = [str(each.year) for each in looks if each.least == each.largest == 0]
    if zero:
        got, fix = f"0 in all pixels looked at in {examples(zero)}", "Check the file: nothing at all is rarely true of a region."
        problems.append(Problem("only_zero", "values above 0 somewhere", got, _place(about, looks), fix, "warning"))
    return problems + (_density_problems(about, looks) if about.unit else [])


def _place(about: RasterRole, looks: Sequence[RasterLook]) -> str:
    """The key and the files looked at."""
    return f"{about.key}, {examples(dict.fromkeys(each.path.name for each in looks))}"


def _density_problems(about: RasterRole, looks: Sequence[RasterLook]) -> list[Problem]:
    """A density of carbon in another unit than declared: kg for g, t per ha for g per m2, raw numbers of a product, a stock."""
    problems = []
    other = sorted({each.unit for each in looks} & set(UNITS) - {about.unit})
    if other:
        fix = "Declare the unit of the file (npp_unit, respiration_unit)."
        problems.append(Problem("other_unit", about.unit, f"{other[0]}, as the file says", _place(about, looks), fix))
    low, high = NPP_RANGE
    for each in looks:
        largest = each.largest * about.factor
        if largest > high or largest < low:
            shown = f"{each.largest:g} {about.unit} in {each.year}" + ("" if about.factor == 1 else f" = {largest:g} {DENSITY_UNIT}")
            fix = (
                "Check the unit: 1 kg m-2 = 1000 g m-2 = 10 t ha-1; mask fill values; raw numbers of a product need their scale in the "
                "file (gdal_edit -scale 0.0001 for MODIS NPP in kg C m-2)."
            )
            expected = f"a largest value of {low:g} to {high:g} {DENSITY_UNIT}"
            problems.append(Problem("implausible_density", expected, shown, _place(about, [each]), fix))
            break
    return problems
