"""Allocated carbon sources of pieces: totals, energy or a gridded product, spread by the study's allocation and by a second one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from carbonshed.accounting.allocation import land_weights, proxy_weights
from carbonshed.accounting.carbon_sources import check_emission_density
from carbonshed.accounting.coefficients import land_classes
from carbonshed.accounting.lights import LightsModel, lights_regression, predict_from_lights
from carbonshed.checks import examples, refuse, warn
from carbonshed.study.carbon_config import PROXIES, EmissionsSection
from carbonshed.study.inputs import PROXY_COLUMNS
from carbonshed.study.pipeline import Context
from carbonshed.study.spreading import Spreader, Totals, county_column, county_totals, statistical_totals


@dataclass
class Sources:
    """Allocated sources on the pieces, t CO2 a-1: those of the study, and those of the allocation it is compared with."""

    main: np.ndarray
    compared: np.ndarray | None = None
    regression: pd.DataFrame | None = None
    notes: list[dict[str, str]] = field(default_factory=list)


def allocated_sources(context: Context, spreader: Spreader, rasters: pd.DataFrame, economy: dict[str, np.ndarray]) -> Sources:
    """Emissions of ``[emissions]`` on the pieces, or the county table's over built-up land where there is no such section.

    Parameters
    ----------
    context, spreader
        The study; its pieces and their reports.
    rasters : DataFrame
        As from `rasters_on_pieces`.
    economy : dict
        Quantities of ``[economy]`` on the pieces.
    """
    section, pieces = context.spec.emissions, spreader.pieces
    if section is None:
        totals = county_column(context.inputs, pieces, "carbon_source")
        weights = _land(pieces, {"built_up": 1.0})
        return Sources(spreader.spread(totals, "carbon_source", weights, allocation="built_share"))
    allocator = _Allocator(context, section, spreader, _totals(context, section, pieces, rasters), rasters, economy)
    found = [allocator.allocate(name) for name in section.allocations]
    notes = _notes(context, section)
    if allocator.regression is not None and allocator.totals.level in ("county", "region"):
        en = "Emissions are known by county, so the regression on lights changes none of them: inside a county they go by lights alone."
        notes.append({"en": en, "zh": "排放已按县给出，灯光回归不改变县总量：县内按灯光份额分摊。"})
    return Sources(found[0], found[1] if len(found) > 1 else None, allocator.regression, notes)


def _totals(context: Context, section: EmissionsSection, pieces: pd.DataFrame, rasters: pd.DataFrame) -> Totals:
    """The totals that are spread: of the table, or sums of the gridded product over counties."""
    if section.source != "gridded":
        table = context.inputs.emissions
        assert table is not None
        return statistical_totals(context.inputs, pieces, table, section.level, "emissions")
    known = pieces[["year", "county_id"]].assign(carbon_source=rasters["emissions"].to_numpy())
    sums = known.groupby(["year", "county_id"])["carbon_source"].sum(min_count=1).reset_index("year").rename_axis("unit_id")
    names = examples(dict.fromkeys(path.name for path in context.input_files.paths["emissions"]))
    check_emission_density(sums["carbon_source"], context.inputs.land_units["area_km2"], where=f"[emissions] path, {names}")
    return county_totals(pieces, sums)


def _notes(context: Context, section: EmissionsSection) -> list[dict[str, str]]:
    """What a reader must know of energy factors that are not confirmed, and of lights called one series."""
    notes = []
    table = context.inputs.emissions
    unverified = "" if table is None else str(table.attrs.get("unverified", ""))
    if unverified:
        en = f"Energy: the factors of these fuels are not confirmed at their source: {unverified}."
        notes.append({"en": en, "zh": f"能源核算：以下燃料的系数未经原始出处核实：{unverified}。"})
    if section.lights_calibrated:
        name = section.lights_calibrated
        notes.append(
            {"en": f"Night lights are taken as one inter-calibrated series: {name}.", "zh": f"夜间灯光按同一校正序列使用：{name}。"}
        )
    return notes


@dataclass
class _Allocator:
    context: Context
    section: EmissionsSection
    spreader: Spreader
    totals: Totals
    rasters: pd.DataFrame
    economy: dict[str, np.ndarray]
    regression: pd.DataFrame | None = None

    def allocate(self, name: str) -> np.ndarray:
        """The totals on the pieces by one allocation."""
        if name == "ready_grid":
            return self.rasters["emissions"].to_numpy()
        if name == "sector_split":
            return self._by_sector()
        weights = {
            "built_share": lambda: _land(self.spreader.pieces, {"built_up": 1.0}),
            "weighted_proxy": lambda: self._weighted(self.section.weights or {}),
            "lights": self._lights,
            "lights_regression": self._regressed,
        }[name]()
        return self.spreader.spread(self._whole(), "carbon_source", weights, allocation=name)

    def _whole(self) -> Totals:
        """The totals of all sectors together."""
        table = self.totals.table
        if "sector" not in table:
            return self.totals
        sums = table.groupby([table.index, "year"], sort=False)["carbon_source"].sum(min_count=1).reset_index("year").rename_axis("unit_id")
        return Totals(sums, self.totals.within, self.totals.level)

    def _by_sector(self) -> np.ndarray:
        """Each sector by its own weights; the sum over sectors."""
        total = np.zeros(len(self.spreader.pieces))
        for sector, weights in (self.section.sectors or {}).items():
            rows = self.totals.table[self.totals.table["sector"] == sector]
            part = Totals(rows, self.totals.within, self.totals.level)
            total += self.spreader.spread(part, "carbon_source", self._weighted(weights), allocation="sector_split", part=sector)
        return total

    def _weighted(self, weights: dict[str, float]) -> pd.Series:
        """Land classes by weight per km2; with lights, population or GDP among them all as shares of the statistical unit."""
        pieces = self.spreader.pieces
        if not set(weights) & set(PROXIES):
            return _land(pieces, weights)
        proxies = pd.DataFrame({name: self._proxy(name) for name in weights}, index=pieces.index)
        combined = pd.Series(0.0, index=pieces.index)
        for year in pieces["year"].unique():
            rows = (pieces["year"] == year).to_numpy()
            within = self.totals.within[rows]
            combined[rows] = proxy_weights(proxies[rows], weights, within=within).to_numpy()
        return combined

    def _proxy(self, name: str) -> np.ndarray:
        if name in land_classes():
            return self.spreader.pieces[name].to_numpy()
        if name in self.rasters:
            return self.rasters[name].fillna(0.0).to_numpy()
        return self.economy[PROXY_COLUMNS[name]]

    def _lights(self) -> pd.Series:
        return pd.Series(self._proxy("lights"), index=self.spreader.pieces.index)

    def _regressed(self) -> pd.Series:
        """Emissions that the regression gives each county for its lights, times the piece's share of the county's lights.

        Where the statistical units are counties this is the share of lights. A county without lights shares by built-up, then by area.
        """
        pieces, lights = self.spreader.pieces, self._lights()
        county = [pieces["county_id"].to_numpy(), pieces["year"].to_numpy()]
        fitted = self._fit(lights)
        by_county = lights.groupby(county).sum()
        _say_dark(fitted, by_county)
        share = pd.Series(np.nan, index=pieces.index)
        for candidate in (lights, pieces["built_up"], pieces["area_km2"]):
            sums = candidate.groupby(county).transform("sum")
            share = share.where(share.notna(), (candidate / sums).where(sums > 0))
        predicted = predict_from_lights(lights.groupby(county).transform("sum").to_numpy(), fitted)
        return share * predicted

    def _fit(self, lights: pd.Series) -> LightsModel:
        """Fit the study's model to the totals and lights of the statistical units; keep the table of all models."""
        pieces, known = self.spreader.pieces, self._whole().table
        sums = lights.groupby([self.totals.within.to_numpy(), pieces["year"].to_numpy()]).sum()
        keys = pd.MultiIndex.from_arrays([known.index, known["year"]])
        panel = known[["year", "carbon_source"]].assign(lights=sums.reindex(keys).to_numpy())
        table = lights_regression(panel)
        name = self.section.lights_model
        table["chosen"] = table["model"] == name
        self.regression = table
        row = table[table["chosen"]].iloc[0]
        if not np.isfinite(row["slope"]):
            raise refuse(
                "too_few_points",
                expected=f"units and years with different lights, enough for {name!r}",
                got=f"{len(panel)} rows",
                where="[emissions] lights_model",
                fix="Use lights_model = 'proportional', or allocation = 'lights'.",
            )
        if row["slope"] < 0:
            warn(f"lights_regression: emissions fall with lights (slope {row['slope']:.4g}); the model tells nothing about counties.")
        return LightsModel(name, float(row["slope"]), float(row["intercept"]))


def _land(pieces: pd.DataFrame, weights: dict[str, float]) -> pd.Series:
    return pd.Series(np.asarray(land_weights(pieces, weights)), index=pieces.index)


def _say_dark(fitted: LightsModel, by_county: pd.Series) -> None:
    """Say which counties with lights a line below zero gives nothing."""
    dark = by_county.index[(fitted.slope * by_county + fitted.intercept <= 0) & (by_county > 0)]
    if fitted.model == "linear" and len(dark):
        named = examples(dark.get_level_values(0).unique())
        warn(f"lights_regression: the linear model gives no emissions to {named}, whose lights are few; lights_model = 'log_log' would.")
