"""The sections ``[accounting]`` and ``[emissions]``: what may stand in them, and what goes with what."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from carbonshed.accounting.carbon_sinks import CROPLAND_OF_SINK
from carbonshed.accounting.coefficients import is_stock_unit, land_classes
from carbonshed.accounting.crops import crop_coefficients, farm_inputs
from carbonshed.checks import InputError, nearest
from carbonshed.quantities import unit
from carbonshed.study.section import MonthBands, Positive, Section, Share, YearBands

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weights = dict[str, Weight]
Allocation = Literal["built_share", "lights", "lights_regression", "weighted_proxy", "sector_split", "ready_grid"]

PROXIES = ("lights", "population", "gdp")
"""What may be weighed beside land classes; with one of them, all weights are shares."""

DENSITY = "carbon flow per area"


def is_path(text: str) -> bool:
    """Whether a value of ``npp`` names a file rather than a column of the county table.

    >>> is_path("npp_{year}.tif"), is_path("npp")
    (True, False)
    """
    return "{year}" in text or PurePath(text).suffix != "" or len(PurePath(text).parts) > 1


class AccountingSection(Section):
    """``[accounting]``: how carbon sinks are reckoned, and on which side cropland stands."""

    sink_mode: Literal["landuse_coeff", "crop_uptake", "npp_gross", "npp_scaled", "nep_model", "table"] = "landuse_coeff"
    cropland_mode: Literal["source", "crop_uptake", "npp"] | None = None
    coefficients: str = "china"
    npp: str | Weights | None = None
    npp_unit: str = "g C m-2 a-1"
    npp_nodata: Literal["missing", "zero"] = "missing"
    respiration: str | Weights | None = None
    respiration_unit: str = "g C m-2 a-1"
    band: MonthBands = None
    alpha: Share = 0.1
    yields: dict[str, str] | None = None
    yield_unit: Literal["t", "kg", "10^4 t"] = "t"
    farm_inputs: dict[str, str] | None = None
    panel: Literal["strict", "drop"] = "strict"

    @field_validator("npp_unit", "respiration_unit")
    @classmethod
    def _a_flow_per_area(cls, name: str) -> str:
        if is_stock_unit(name):
            raise ValueError(f"{name!r} is a stock; a yearly flow per area is asked, e.g. 'g C m-2 a-1'")
        try:
            dimension = unit(name).dimension
        except InputError as error:
            raise ValueError(str(error)) from error
        if dimension != DENSITY:
            raise ValueError(f"{name!r} is a {dimension}; a {DENSITY} is asked, e.g. 'g C m-2 a-1'")
        return name

    @field_validator("npp", "respiration")
    @classmethod
    def _known_classes(cls, value: str | Weights | None) -> str | Weights | None:
        if isinstance(value, dict):
            _known(value, [*land_classes(), "other"])
        return value

    @field_validator("yields", "farm_inputs")
    @classmethod
    def _known_names(cls, value: dict[str, str] | None, info: object) -> dict[str, str] | None:
        if value is not None:
            _known(value, crop_coefficients() if getattr(info, "field_name", "") == "yields" else farm_inputs())
        return value

    @model_validator(mode="after")
    def _go_together(self) -> AccountingSection:
        mode, belongs = self.sink_mode, CROPLAND_OF_SINK[self.sink_mode]
        if self.cropland_mode not in (None, belongs):
            raise ValueError(f"sink_mode = {mode!r} goes with cropland_mode = {belongs!r}, not {self.cropland_mode!r}")
        needs = {
            "npp": (mode in ("npp_gross", "npp_scaled", "nep_model"), "a raster, a column of the county table, or class means"),
            "respiration": (mode == "nep_model", "a raster, a column of the county table, or class means"),
            "yields": (mode == "crop_uptake", "crop = column of the county table"),
        }
        for key, (is_needed, form) in needs.items():
            given = getattr(self, key)
            if is_needed and given is None:
                raise ValueError(f"sink_mode = {mode!r} needs {key} ({form})")
            if given is not None and not is_needed and not (key == "npp" and mode == "crop_uptake"):
                raise ValueError(f"sink_mode = {mode!r} has no use for {key}")
        if mode == "crop_uptake" and self.npp is not None and not self.is_raster("npp"):
            raise ValueError("with sink_mode = 'crop_uptake' npp only weighs cropland inside a county: it must be a raster")
        if self.farm_inputs is not None and mode != "crop_uptake":
            raise ValueError(f"farm_inputs stand for the cropland coefficient in sink_mode = 'crop_uptake'; {mode!r} has no use for them")
        if self.changed("band") and not (self.is_raster("npp") or self.is_raster("respiration")):
            raise ValueError("band goes with an npp or respiration raster")
        return self

    def is_raster(self, key: Literal["npp", "respiration"]) -> bool:
        """Whether `npp` or `respiration` is a raster."""
        value = getattr(self, key)
        return isinstance(value, str) and is_path(value)

    @property
    def table_columns(self) -> dict[str, str]:
        """Columns of the county table that this section names beside registered terms: header -> own name."""
        columns = {header: f"yield {crop}" for crop, header in (self.yields or {}).items()}
        columns |= {header: f"input {name}" for name, header in (self.farm_inputs or {}).items()}
        for key in ("npp", "respiration"):
            value = getattr(self, key)
            if isinstance(value, str) and not is_path(value):
                columns[value] = key
        return columns

    @property
    def cropland(self) -> str:
        """The cropland mode in force."""
        return self.cropland_mode or CROPLAND_OF_SINK[self.sink_mode]


class AllocatedTable(Section):
    """A table of totals per county, city or province that is spread over land by weights per km2."""

    path: str
    level: Literal["auto", "county", "city", "province"] = "auto"
    citation: str = ""
    licence: str = ""


class EmissionsSection(AllocatedTable):
    """``[emissions]``: totals per county or province, energy use or a gridded product, and how totals are spread over cells."""

    source: Literal["table", "energy", "gridded"] = "table"
    boundary: Literal["territorial", "consumption"] = "territorial"
    method: Literal["standard_coal", "net_calorific"] = "standard_coal"
    electricity_basis: Literal["calorific", "coal_consumption"] | None = None
    per: Literal["cell", "cell_c", "km2", "km2_c"] | None = None
    factor: Positive = 1.0
    band: MonthBands = None
    allocation: Allocation | None = None
    compare_with: Allocation | None = None
    weights: Weights | None = None
    sectors: dict[str, Weights] | None = None
    lights: str | None = None
    lights_band: MonthBands = None
    lights_highest: Positive | None = None
    lights_calibrated: str | None = None
    lights_model: Literal["proportional", "linear", "log_log"] = "proportional"
    population: str | None = None
    population_per: Literal["cell", "km2"] | None = None
    gdp: str | None = None
    gdp_per: Literal["cell", "km2"] | None = None
    proxy_band: YearBands = None

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, weights: Weights | None) -> Weights | None:
        if weights is not None:
            _known(weights, [*land_classes(), *PROXIES])
            _some_weight(weights, "weights")
        return weights

    @field_validator("sectors")
    @classmethod
    def _known_sectors(cls, sectors: dict[str, Weights] | None) -> dict[str, Weights] | None:
        for name, weights in (sectors or {}).items():
            _known(weights, [*land_classes(), *PROXIES])
            _some_weight(weights, f"sector {name!r}")
        return sectors

    @model_validator(mode="after")
    def _go_together(self) -> EmissionsSection:
        self._keys_of_another_source()
        if (self.source == "gridded") != (self.per is not None):
            need = "needs per = 'cell' | 'cell_c' | 'km2' | 'km2_c' (t CO2 or t C, per cell or per km2)"
            raise ValueError(f"source = 'gridded' {need}" if self.per is None else "per goes with source = 'gridded', and only with it")
        if "ready_grid" in self.allocations and self.source != "gridded":
            raise ValueError("allocation = 'ready_grid' takes a gridded product as it is: it goes with source = 'gridded'")
        if self.compare_with == self.allocation_in_force:
            raise ValueError(f"compare_with = {self.compare_with!r} is the allocation itself: name another")
        if ("weighted_proxy" in self.allocations) != (self.weights is not None):
            raise ValueError("weights (land classes per km2, or shares) go with allocation = 'weighted_proxy', and only with it")
        if ("sector_split" in self.allocations) != (self.sectors is not None):
            raise ValueError("sectors (sector = weights) go with allocation = 'sector_split', and only with it")
        if self.sectors is not None and self.source != "table":
            raise ValueError("allocation = 'sector_split' needs source = 'table' with a column sector")
        self._proxies_there()
        return self

    def _keys_of_another_source(self) -> None:
        owners = {
            "energy": ("boundary", "method", "electricity_basis"),
            "gridded": ("factor", "band"),
        }
        for source, keys in owners.items():
            given = self.changed(*keys)
            if given and self.source != source:
                raise ValueError(f"{', '.join(given)} go{'es' if len(given) == 1 else ''} with source = {source!r}, not {self.source!r}")

    def _proxies_there(self) -> None:
        used = self.proxies
        if ("lights" in used) != (self.lights is not None):
            have = "needs lights (a raster)" if self.lights is None else "has no use for lights"
            raise ValueError(f"allocation = {' / '.join(self.allocations)} {have}")
        of_lights = self.changed("lights_band", "lights_highest", "lights_calibrated")
        if of_lights and self.lights is None:
            raise ValueError(f"{', '.join(of_lights)}: of use with lights only")
        if self.changed("lights_model") and "lights_regression" not in self.allocations:
            raise ValueError("lights_model goes with allocation = 'lights_regression'")
        for key in ("population", "gdp"):
            raster, per = getattr(self, key), getattr(self, f"{key}_per")
            if raster is not None and key not in used:
                raise ValueError(f"{key} (a raster) has no use: no weight names it")
            if (raster is not None) != (per is not None):
                raise ValueError(f"{key} (a raster) and {key}_per ('cell' or 'km2': what a value is per) go together")

    @property
    def allocation_in_force(self) -> Allocation:
        """The allocation: as given, or the default of the source."""
        return self.allocation or ("ready_grid" if self.source == "gridded" else "built_share")

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """The allocation in force, and the one it is compared with."""
        return (self.allocation_in_force, *([self.compare_with] if self.compare_with else []))

    @property
    def proxies(self) -> set[str]:
        """Proxies beside land classes that some allocation weighs."""
        named = [self.weights or {}, *(self.sectors or {}).values()]
        by_lights = {"lights"} if {"lights", "lights_regression"} & set(self.allocations) else set()
        return by_lights | {name for weights in named for name in weights if name in PROXIES}


def _known(names: Iterable[str], known: Iterable[str]) -> None:
    options = list(known)
    for name in names:
        if name not in options:
            near = nearest(name, options)
            raise ValueError(f"{name!r} is not known; {f'did you mean {near!r}?' if near else 'use one of ' + ', '.join(options)}")


def _some_weight(weights: Weights, what: str) -> None:
    if not any(value > 0 for value in weights.values()):
        raise ValueError(f"{what}: at least one weight must be above 0")
