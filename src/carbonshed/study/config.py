"""The specification of a study: what ``study.toml`` may say, and one clear message for each thing it may not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from carbonshed.checks import InputError, Problem, nearest
from carbonshed.readers.foreign_files import missing_file, read_toml
from carbonshed.study.carbon_config import AccountingSection, AllocatedTable, EmissionsSection
from carbonshed.study.section import Positive, Section, Share, Year, YearBands

ZONING_SETS = ("budget", "nrca", "density")

MAX_PROBLEMS = 100
"""Of one study.toml: more of the same help nobody."""

KIND = re.compile(r"(float|int|str|bool|none|constrained-\w+|(literal|list|dict|tuple|function-\w+)\[.*\])")
"""What pydantic calls the kinds that a value may be of."""


class StudySection(Section):
    """``[study]``: what is studied, when, in which CRS, with which seed."""

    name: str
    years: list[Year] = Field(min_length=1, max_length=1000)
    crs: str = "auto"
    seed: int = Field(default=0, ge=0)
    lang: Literal["zh", "en"] = "en"
    simulated: bool = False
    map_review: str = ""

    @field_validator("years")
    @classmethod
    def _years_rise(cls, years: list[int]) -> list[int]:
        if sorted(set(years)) != years:
            raise ValueError("years must rise and not repeat")
        return years


class CountiesSection(Section):
    """``[counties]``: boundaries and the table of what is known of each county and year."""

    boundaries: str
    layer: str | None = None
    id: str
    name: str | None = None
    city: str | None = None
    province: str | None = None
    is_district: str | None = None
    basin: str | None = None
    table: str | None = None
    table_id: str | None = None
    crosswalk: str | None = None
    encoding: str | None = None


class RegionSection(Section):
    """``[region]``: the boundary of the region; default is the union of the counties."""

    boundary: str
    layer: str | None = None


class LandCoverSection(Section):
    """``[land_cover]``: a categorical raster a year, or one file with a band a year."""

    product: str
    path: str
    band: YearBands = None
    coverage: Literal["auto", "centre", "exact"] = "auto"
    min_coverage: Share = 0.98


class GridSection(Section):
    """``[grid]``: the finest grid and the candidate sides."""

    base_km: float = Field(default=1.0, ge=0.001, le=1000)
    scales_km: list[Positive] = Field(default=[3, 6, 9, 12, 15, 18, 21, 24, 27, 30], min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _multiples(self) -> GridSection:
        wrong = [s for s in self.scales_km if abs(s / self.base_km - round(s / self.base_km)) > 1e-9 or s < self.base_km]
        if wrong:
            raise ValueError(f"scales_km {', '.join(f'{s:g}' for s in wrong)} are not multiples of base_km = {self.base_km:g}")
        if sorted(set(self.scales_km)) != self.scales_km:
            raise ValueError("scales_km must rise and not repeat")
        return self


class EconomySection(AllocatedTable):
    """``[economy]``: GDP, population or revenue per province or city, spread to counties and cells over land: modelled, and said so."""

    weights: dict[str, dict[str, float]]


class ScaleSection(Section):
    """``[scale]``: the rule that chooses the side of the grid, and for which quantity."""

    rule: Literal["moran_cv", "moran_max", "opgd_loess", "knee", "consensus"] = "moran_cv"
    quantity: Literal["carbon_source", "carbon_sink", "net_carbon_emission"] = "carbon_sink"
    permutations: int = Field(default=999, ge=200, le=1_000_000)
    draws: int = Field(default=200, ge=20, le=100_000)
    drivers: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _drivers(self) -> ScaleSection:
        if self.rule == "opgd_loess" and not self.drivers:
            raise ValueError("rule = 'opgd_loess' needs drivers, e.g. drivers = ['built_up', 'forest']")
        return self


class ZoningSection(Section):
    """``[zoning]``: what is clustered, by which features and method."""

    level: Literal["grid", "county"] = "grid"
    features: str | list[str] = "budget"
    weights: dict[str, float] = Field(default={})
    method: Literal["som_kmeans", "kmeans", "gmm", "ward", "rules"] = "som_kmeans"
    zones: int = Field(default=3, ge=2, le=8)
    contiguous: bool = False
    min_size: int = Field(default=5, ge=1)
    runs: int = Field(default=20, ge=0, le=10_000)
    missing: Literal["leave_out", "fill"] = "leave_out"
    policy: str | None = None
    types: str | None = None

    @field_validator("runs")
    @classmethod
    def _none_or_several(cls, runs: int) -> int:
        if runs == 1:
            raise ValueError("runs is 0 (no comparison of methods) or at least 2")
        return runs

    @field_validator("features")
    @classmethod
    def _known_set(cls, features: str | list[str]) -> str | list[str]:
        if isinstance(features, str) and features not in ZONING_SETS:
            raise ValueError(f"a feature set is one of {', '.join(ZONING_SETS)}, or give a list of terms")
        return features

    @model_validator(mode="after")
    def _weights_of_features(self) -> ZoningSection:
        wrong = [f"{name} = {weight:g}" for name, weight in self.weights.items() if weight < 0]
        if wrong:
            raise ValueError(f"weights are 0 or more: {', '.join(wrong)}")
        if isinstance(self.features, list):
            others = [name for name in self.weights if name not in self.features]
            if others:
                raise ValueError(f"weights of what is no feature: {', '.join(others)}; the features are {', '.join(self.features)}")
            if self.features and all(self.weights.get(name, 1.0) == 0 for name in self.features):
                raise ValueError("all features have the weight 0: give one of them more")
        return self


class CompensationSection(Section):
    """``[compensation]``: revision, price, ability, cap, closure and flows; a key left out is the preset's."""

    preset: Literal["recommended", "published"] = "recommended"
    revision: (
        Literal[
            "none",
            "normalised_mean",
            "normalised_composite",
            "redistributed",
            "equity_coefficients",
            "duty_endowment",
            "relative_share",
        ]
        | None
    ) = None
    weights: dict[Literal["area", "population", "gdp"], float] | None = None
    floor_quantile: Share | None = None
    rescale: bool | None = None
    ability: Literal["one", "pearl", "pearl_relative", "capacity", "gdp_per_head"] | None = None
    closure: Literal["none", "scale_larger", "scale_payments", "scale_receipts", "fund"] | None = None
    fiscal_cap: Share | Literal[False] | None = None
    overflow: Literal["redistribute", "upper_level"] | None = None
    shortfall: Literal["proportional", "equal_awards", "equal_losses", "talmud"] | None = None
    price: float | str | dict[int, float | str] = "cn-ets:2024"
    responsibility: Literal["production", "consumption", "shared"] = "production"
    beta: Share = 0.5
    flow_cost: str = "distance"
    flow_solver: Literal["lp", "entropic"] = "lp"
    district_mode: Literal["separate", "merge_by_city", "exclude"] | None = None
    leave_out: list[str] = Field(default=[])


class ReportSection(Section):
    """``[report]``: what the report shows beside what every report does."""

    explain: list[str] = Field(default=[])


class Spec(Section):
    """A whole ``study.toml``."""

    study: StudySection
    counties: CountiesSection | None = None
    region: RegionSection | None = None
    land_cover: LandCoverSection | None = None
    grid: GridSection = GridSection()
    accounting: AccountingSection = AccountingSection()
    emissions: EmissionsSection | None = None
    economy: EconomySection | None = None
    scale: ScaleSection = ScaleSection()
    zoning: ZoningSection = ZoningSection()
    compensation: CompensationSection = CompensationSection()
    report: ReportSection = ReportSection()
    notes: list[dict[Literal["zh", "en"], str]] = Field(default=[])
    sources: dict[str, dict[str, str]] = Field(default={})

    @model_validator(mode="after")
    def _whole(self) -> Spec:
        wrong = []
        if self.counties is None and self.land_cover is None:
            wrong.append("a study needs [counties], [land_cover], or both")
        if self.counties is None and self.region is None and self.land_cover is not None:
            wrong.append("without [counties] the region must be given: [region] boundary = ...")
        if self.land_cover is None and self.accounting.sink_mode != "table":
            wrong.append("without [land_cover] only accounting.sink_mode = 'table' is possible")
        if self.land_cover is None and self.emissions is not None:
            wrong.append("without [land_cover] emissions cannot be spread: put carbon_source_t into counties.table")
        if self.land_cover is None and self.economy is not None:
            wrong.append("without [land_cover] the economy cannot be spread: put gdp_yuan and population into counties.table")
        if self.zoning.types is not None and self.counties is None:
            wrong.append("zoning.types gives the types of counties: it needs [counties]")
        if self.zoning.level == "county" and self.counties is None:
            wrong.append("zoning.level = 'county' needs [counties]")
        if self.compensation.flow_cost == "same_basin" and (self.counties is None or self.counties.basin is None):
            wrong.append("flow_cost = 'same_basin' needs [counties] basin = the column with the river basin")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def has_grid(self) -> bool:
        """Whether there are results by grid cell."""
        return self.land_cover is not None


def read_spec(path: Path) -> Spec:
    """Read and check a ``study.toml``.

    Parameters
    ----------
    path : Path
        The file, or the folder it stands in.

    Raises
    ------
    InputError
        With every problem of the file at once: unknown keys (naming the nearest), wrong values, contradictions.
    """
    file = path / "study.toml" if path.is_dir() else path
    got = missing_file(file)
    if got is not None:
        shown = f"{path} ({got})"
        raise InputError(Problem("no_study", "a study.toml or its folder", shown, "study", "Write one with `carbonshed init DIR`."))
    return parse_spec(read_toml(file), where=file.name)


def parse_spec(data: dict[str, Any], *, where: str = "study.toml") -> Spec:
    """The specification from plain data; see `read_spec`."""
    try:
        return Spec.model_validate(data)
    except ValidationError as error:
        raise InputError([_problem(dict(e), where) for e in _merged(error.errors()[:MAX_PROBLEMS])]) from error


def _merged(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """The errors of a value that may be of several kinds as one: pydantic gives one for each kind, whose name is the last of its place."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for error in errors:
        place = tuple(part for part in error["loc"] if not KIND.fullmatch(str(part)))
        known = merged.setdefault(place, {**error, "loc": place})
        if known["msg"] != error["msg"]:
            known["msg"] = f"{known['msg']}, or {error['msg'].removeprefix('Input should be ')}"
    return list(merged.values())


def _problem(error: dict[str, Any], where: str) -> Problem:
    path = [str(part) for part in error["loc"]]
    key, section = path[-1] if path else "", Spec.model_fields.get(path[0]) if path else None
    place = f"{where} [{'.'.join(path[:-1])}] {key}" if len(path) > 1 else f"{where} {key}".rstrip()
    if error["type"] == "extra_forbidden":
        known = _keys_of(path[0]) if len(path) > 1 and section is not None else list(Spec.model_fields)
        home = [name for name in Spec.model_fields if key in _keys_of(name)]
        near = nearest(key, known)
        fix = f"Did you mean {near!r}?" if near else f"Known here: {', '.join(known)}."
        fix = f"This key belongs into [{home[0]}]." if home and not near else fix
        return Problem("unknown_key", "a known key", repr(key), place, fix)
    if error["type"] == "missing":
        return Problem("missing_key", f"the key {key!r}", "nothing", place, "Add it; `carbonshed init DIR` writes a commented example.")
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    for theirs, ours in (("a valid ", "a "), ("dictionary", "table"), ("a string", "a text")):
        text = text.replace(theirs, ours)
    got = error.get("input")
    shown = "this section" if isinstance(got, dict | BaseModel) else str(got) if isinstance(got, date | time) else repr(got)
    if error["type"] == "value_error":
        return Problem("contradiction", "values that go together", text, place, "Change one of them.")
    hint = ""
    if error["type"] == "literal_error":
        near = nearest(str(got), error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", "))
        hint = f"Did you mean {near!r}?" if near else "Choose one of those."
    return Problem("bad_value", text, shown, place, hint or "Change the value.")


def _keys_of(section: str) -> list[str]:
    annotation = Spec.model_fields[section].annotation
    for model in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(model, type) and issubclass(model, BaseModel):
            return list(model.model_fields)
    return []
