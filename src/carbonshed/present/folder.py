"""A result folder as the drawing code sees it: its manifest, its tables, and what can be told from them about the region.

Nothing but the folder is read: whoever has it alone can redraw every map. A table that is not there is no error; the part of the
report that needs it is left out and says so.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from carbonshed.checks import check_columns, refuse
from carbonshed.present.county_shapes import is_same, simplified, union, with_absent
from carbonshed.present.presets import Page
from carbonshed.present.reading import Noting, kept
from carbonshed.schema import check_schema

INSTITUTIONS = ("fund", "upper_level")
"""Ids of the regional fund and of the upper level of government among payers and recipients; no county may have them."""

MONEY_QUANTITIES = ("net_compensation", "absolute_compensation")
"""Quantities of the local statistics that are amounts of money."""

# What each table must hold for the figures and the report; more columns are welcome.
TABLES: dict[str, tuple[str, ...]] = {
    "centre_drift": ("quantity", "first_year", "last_year", "shift_km", "sd_major_km", "is_more_than_noise"),
    "flow_prices": ("year", "unit_id", "side", "dual_price"),
    "account_differences": ("unit_id", "quantity", "table", "grid", "difference"),
    "zone_methods": ("method", "explained_share", "silhouette", "stability_ari"),
    "zone_stability": ("varied", "n_runs", "mean_ari", "least_ari"),
    "zone_features": ("feature", "ari", "moved_share"),
    "zone_clusters": ("cluster", "zone", "n_units", "mean_jaccard", "is_stable"),
    "zone_naming": (),
    "zone_joins": ("year", "zone", "n_units", "n_joins", "expected_joins", "joins_z", "n_patches", "isolated_share"),
    "zone_divisions": ("year", "quantity", "division", "n_strata", "q", "q_adjusted", "random_q_mean", "random_p"),
    "choice_of_k": ("zones", "silhouette", "davies_bouldin", "calinski_harabasz"),
    "scale_zones": ("unit_id", "year", "scale_role", "scale_km", "zone", "geometry"),
    "zone_scale_agreement": ("kind", "side_km", "east_km", "north_km", "year", "ari", "same_share"),
    "allocation_zones": ("unit_id", "year", "zone", "zone_compared"),
    "allocation_zone_changes": ("year", "zone", "zone_compared", "n_units", "area_km2", "units_share", "area_share"),
    "accounts_grid": ("unit_id", "year", "scale_km", "area_km2", "carbon_source", "carbon_sink", "net_carbon_emission", "geometry"),
    "accounts_county": ("unit_id", "year", "name", "area_km2", "carbon_source", "carbon_sink", "net_carbon_emission", "geometry"),
    "scale_response": ("year", "scale_km", "quantity", "n_cells", "moran_i", "moran_z", "moran_p", "cv", "chosen"),
    "scale_choice": ("quantity", "rule", "scale_km", "low_km", "high_km", "plateau", "flags", "reason"),
    "spatial_statistics": ("unit_id", "year", "quantity", "local_moran_i", "lisa_class", "lisa_class_fdr", "gi_star_z", "gi_star_p"),
    "zones": ("unit_id", "year", "cluster", "zone", "zone_confidence", "geometry"),
    "zone_centres": ("cluster", "zone", "feature", "centre_z", "centre_term", "centre_value"),
    "zone_summary": ("year", "zone", "n_units", "area_km2", "carbon_source", "carbon_sink", "net_carbon_emission"),
    "compensation": ("unit_id", "name", "year", "account_deficit", "payable", "receivable", "net_compensation", "side", "priority_rank"),
    "flows": ("year", "payer", "recipient", "compensation_flow", "distance_km"),
    "centre_of_gravity": ("year", "quantity", "lon", "lat", "shift_km", "ellipse_major_km", "ellipse_minor_km", "ellipse_angle_deg"),
    "balance": ("year", "n", "balance_ratio"),
    "direction": ("level", "name", "year", "payable", "receivable", "net_compensation"),
    "allocation_report": (),
    "land_area": (),
    "scale_draws": ("draw", "scale_km", "quantity"),
    "scale_shifts": ("indicator", "scale_km", "quantity", "shift_low", "shift_high", "n_origins"),
    "trends": ("unit_id", "quantity", "slope", "mann_kendall_p", "trend", "trend_fdr"),
    "peak_year": ("quantity", "group", "peak_year", "drop_share", "share", "rises_then_falls"),
    "hot_spot_change": ("unit_id", "quantity", "spot", "hot_spot_change", "n_hot", "n_cold", "last_year"),
    "lisa_transitions": ("quantity", "from_class", "to_class", "count"),
    "som_nodes": ("som_node", "som_x", "som_y", "som_hits", "som_distance", "cluster", "zone"),
    "zone_transitions": ("year_from", "year_to", "zone_from", "zone_to", "n_units", "area_km2"),
    "land_transfers": ("period", "from_class", "to_class", "area_km2", "change_effect"),
    "land_changes": ("period", "land_class", "area_from", "area_to", "gain", "loss", "net_change", "swap", "dynamic_degree"),
    "land_change_noise": ("period", "changed", "changed_share", "swap_share", "left_share", "is_noisy"),
    "concentration": ("quantity", "year", "n", "gini", "theil", "top_share"),
    "fairness": ("year", "base", "stage", "n_units", "gini", "gini_people", "theil", "theil_between", "theil_within"),
    "shortfall_rules": ("unit_id", "year", "side", "claim"),
    "cap_gap": ("year", "n_payers", "owed", "carried", "left_to_upper_level", "share_left", "n_capped", "sum_of_caps", "cap_needed"),
    "priority_stability": ("side", "year", "other_year", "jaccard", "kendall_tau", "changed_side"),
    "revision_properties": ("year", "form", "n_units", "keeps_sign", "sums_to_zero", "is_additive", "additivity_ratio"),
}

OF_ALL_YEARS = ("cells", "shapes of units")
"""What is kept of a result and is another where only its last year is asked for."""


class ResultFolder(Noting):
    """Tables and manifest of one run, read when asked for and kept; it notes what of them is read (`reading`).

    Parameters
    ----------
    path : str or Path
        The folder that holds ``manifest.json`` and ``tables/``.

    Raises
    ------
    InputError
        If there is no manifest, if it is not JSON, or if its schema is not ours, newer or older.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self.page = Page()
        self._manifest = _read_manifest(self.path)
        self._tables: dict[str, pd.DataFrame] = {}

    @classmethod
    def in_memory(cls, tables: Mapping[str, pd.DataFrame], manifest: dict[str, Any]) -> ResultFolder:
        """A result that was never written, e.g. a scenario; only the tables that figures need are taken."""
        result = cls.__new__(cls)
        Noting.__init__(result)
        result.path, result.page, result._manifest = Path("(in memory)"), Page(), manifest
        result._tables = {name: _checked(tables[name].copy(), TABLES[name], name) for name in TABLES if name in tables}
        return result

    def on(self, page: Page) -> ResultFolder:
        """The same result, drawn for another page; the number of the base map's review is the study's where the page states none."""
        other = copy.copy(self)
        other.page = page if page.review_number else replace(page, review_number=self.stated_review)
        return other

    def last_year(self) -> ResultFolder:
        """The same result with the last year of its accounts, zones and amounts only."""
        other = copy.copy(self)
        yearly = [name for name in ("accounts_grid", "accounts_county", "zones", "compensation") if self.has(name)]
        tables = {name: self.table(name) for name in yearly}
        last = {name: table[table["year"] == table["year"].max()] for name, table in tables.items()}
        other._tables = {**self._tables, **last}
        other._kept = {name: value for name, value in self._kept.items() if name not in OF_ALL_YEARS}
        return other

    @property
    def stated_review(self) -> str:
        """Number under which the base map was reviewed, as the study states it; empty where it states none."""
        return str(self.stated("study", "map_review") or "")

    @property
    def manifest(self) -> dict[str, Any]:
        """The whole manifest; a figure asks for an entry (`stated`), else it would be drawn again after every change."""
        self.note("manifest")
        return self._manifest

    def stated(self, *keys: str) -> Any:
        """An entry of the manifest, or of a part of it; None where it is not there."""
        self.note(" ".join(["stated", *keys]))
        return _entry(self._manifest, keys)

    def has(self, name: str) -> bool:
        """Whether the table is there and holds at least one row."""
        self.note(f"has {name}")
        is_there = name in self._tables or (self.path / "tables" / f"{name}.parquet").is_file()
        return is_there and len(self._read(name)) > 0

    def table(self, name: str) -> pd.DataFrame:
        """The table of that name; a GeoDataFrame where it holds geometry."""
        self.note(f"table {name}")
        return self._read(name)

    def _read(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            self._tables[name] = _read_table(self.path / "tables" / f"{name}.parquet", TABLES[name])
        return self._tables[name]

    def statistics(self, of: str) -> pd.DataFrame:
        """The rows on ``"carbon"`` or on ``"money"`` of the local statistics: either may change without the other."""
        self.note(f"statistics {of}")
        table = self._read("spatial_statistics")
        return table[table["quantity"].isin(MONEY_QUANTITIES) == (of == "money")]

    def digest(self, noted: str) -> str:
        """SHA-256 of what was read under that name: of the file of a table, of the rows of a part of one, of an entry of the manifest."""
        return self.once(f"digest of {noted}", lambda: self._digest(noted))

    def _digest(self, noted: str) -> str:
        what, _, name = noted.partition(" ")
        if what == "table":
            file = self.path / "tables" / f"{name}.parquet"
            return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        if what == "statistics":
            rows = self.statistics(name) if self.has("spatial_statistics") else pd.DataFrame()
            hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
            return hashlib.sha256(" ".join(map(str, rows)).encode() + hashes.tobytes()).hexdigest()
        value = self.has(name) if what == "has" else _entry(self._manifest, name.split())
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    def geo(self, name: str) -> gpd.GeoDataFrame:
        """The table of that name, which must hold geometry."""
        table = self.table(name)
        if not isinstance(table, gpd.GeoDataFrame):
            raise refuse(
                "no_geometry", expected="GeoParquet", got="a plain table", where=f"tables/{name}.parquet", fix="Run the study again."
            )
        return table

    @kept
    def choices(self) -> dict[str, Any]:
        """The options of the run, as the manifest states them."""
        return dict(self.stated("choices") or {})

    @kept
    def name(self) -> str:
        """Name of the study."""
        return str(self.stated("study", "name") or self.path.resolve().name)

    @kept
    def years(self) -> list[int]:
        """Years of the study, ascending."""
        stated = self.stated("study", "years")
        if stated:
            return sorted(int(year) for year in stated)
        found = {int(year) for name in ("accounts_grid", "accounts_county") if self.has(name) for year in self.table(name)["year"]}
        return sorted(found)

    @kept
    def crs(self) -> CRS | None:
        """CRS of the maps: that of the first table with geometry."""
        for name in ("accounts_county", "accounts_grid", "zones"):
            if self.has(name):
                return cast("CRS | None", self.geo(name).crs)
        return None

    @kept
    def display_scale_km(self) -> float | None:
        """Side of the cells that maps show: the chosen one where the table holds it, else the finest."""
        if not self.has("accounts_grid"):
            return None
        held = sorted(float(side) for side in self.table("accounts_grid")["scale_km"].unique())
        working = self.stated("choices", "scale", "working_scale_km")
        chosen = [] if working is None else [working]
        if self.has("scale_choice"):
            chosen += list(self.table("scale_choice")["scale_km"].dropna())
        return next((float(side) for side in chosen if float(side) in held), held[0])

    @kept
    def scale_choice(self) -> dict[str, Any] | None:
        """The row of the chosen scale for the quantity of the study; unknown numbers are NaN."""
        if not self.has("scale_choice"):
            return None
        table = self.table("scale_choice")
        wanted = table[table["quantity"] == self.stated("choices", "scale", "quantity")]
        row = {str(name): value for name, value in (wanted if len(wanted) else table).iloc[0].items()}
        numbers = {name: float("nan") if pd.isna(row[name]) else float(row[name]) for name in ("scale_km", "low_km", "high_km")}
        return {**row, **numbers}

    @kept
    def cells(self) -> gpd.GeoDataFrame | None:
        """Accounts of the grid at the scale that maps show."""
        if not self.has("accounts_grid"):
            return None
        table = self.geo("accounts_grid")
        return table[table["scale_km"].astype(float) == self.display_scale_km]

    @kept
    def counties(self) -> gpd.GeoDataFrame | None:
        """One row a county, of the last year that has it, with borders simplified for display and indexed by ``unit_id``."""
        if not self.has("accounts_county"):
            return None
        table = self.geo("accounts_county").sort_values("year", kind="stable").drop_duplicates("unit_id", keep="last")
        return table.set_geometry(simplified(table.geometry)).set_index("unit_id")

    @kept
    def money_shapes(self) -> gpd.GeoSeries:
        """Shape of each unit on a map of money, by its id: those of the table of amounts where it has any, and all other counties."""
        amounts, counties = self.table("compensation"), self.counties
        if isinstance(amounts, gpd.GeoDataFrame):
            own = amounts[amounts.geometry.notna()].drop_duplicates("unit_id").set_index("unit_id").geometry
            if counties is not None and is_same(own, self.geo("accounts_county")):
                return counties.geometry.loc[own.index]
            return simplified(own if counties is None else with_absent(own, self.geo("accounts_county")))
        if counties is None:
            raise refuse(
                "no_geometry",
                expected="tables/accounts_county.parquet with the shapes of the counties",
                got="no such table",
                where=str(self.path),
                fix="Run the study again.",
            )
        return counties.geometry

    @kept
    def provinces(self) -> gpd.GeoSeries | None:
        """Outline of each province, or of the whole region where counties have no province."""
        counties = self.counties
        if counties is None:
            return None
        key = counties["province"].fillna("") if "province" in counties else pd.Series("", index=counties.index)
        unions = {str(name): union(group.geometry.to_numpy()) for name, group in counties.groupby(key, sort=True)}
        return gpd.GeoSeries(unions, crs=counties.crs)

    @kept
    def land(self) -> Any:
        """The region as one shape: of the provinces, else of the cells."""
        if self.provinces is not None:
            return shapely.union_all(self.provinces.to_numpy())
        table = self.cells if self.cells is not None else self.geo("zones")
        return shapely.union_all(table.drop_duplicates("unit_id").geometry.to_numpy())

    @kept
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the region in the CRS of the maps."""
        shapes = self.counties if self.counties is not None else self.cells
        if shapes is None:
            shapes = self.geo("zones")
        west, south, east, north = shapes.total_bounds
        if self.crs is not None and self.crs.is_geographic and east - west > 180.0:
            raise refuse(
                "date_line",
                expected="a region on one side of the date line, or a projected CRS",
                got=f"shapes from {west:g} to {east:g} degrees in {self.crs.name}",
                where=str(self.path),
                fix="Run the study with crs = 'auto', or with a projected CRS centred on the region: maps then have no break.",
            )
        return float(west), float(south), float(east), float(north)

    @kept
    def names(self) -> dict[str, str]:
        """Name of each county by its id."""
        for table in ("accounts_county", "compensation"):
            if self.has(table):
                frame = self.table(table)
                return dict(zip(frame["unit_id"].astype(str), frame["name"].astype(str), strict=True))
        return {}


def _entry(manifest: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The entry under these keys, one within the other; None where one is missing."""
    found: Any = manifest
    for key in keys:
        found = (found or {}).get(key)
    return found


def _read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a result folder, or the reason why it cannot be drawn."""
    file = path / "manifest.json"
    if not file.is_file():
        raise refuse(
            "no_result",
            expected="a result folder with manifest.json",
            got="no such file",
            where=str(file),
            fix="Give the folder that `carbonshed run` wrote, e.g. results/.",
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise refuse("bad_manifest", expected="JSON", got=str(error), where=str(file), fix="Run the study again.") from error
    return check_schema(manifest, where=str(file))


def _read_table(file: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    """A table with ``unit_id`` as a column; GeoParquet becomes a GeoDataFrame."""
    if not file.is_file():
        raise refuse("no_table", expected="a table of the result", got="no such file", where=str(file), fix="Run the study again.")
    try:
        has_geometry = b"geo" in (pq.read_schema(file).metadata or {})
        table = gpd.read_parquet(file) if has_geometry else pd.read_parquet(file)
    except Exception as error:  # a foreign reader raises what it likes
        fix = "Run the study again: it is written anew."
        raise refuse("damaged_table", expected="a table as the run wrote it", got=str(error), where=str(file), fix=fix) from error
    return _checked(table, needed, file.stem)


def _checked(table: pd.DataFrame, needed: tuple[str, ...], name: str) -> pd.DataFrame:
    """The table with ``unit_id`` as a column of text; refused where a column is missing."""
    if table.index.name is not None and table.index.name not in table.columns:
        table = table.reset_index()
    check_columns(table.columns, needed, where=f"tables/{name}.parquet")
    for column in ("unit_id", "payer", "recipient"):
        if column in table:
            table[column] = table[column].astype(str)
    return table
