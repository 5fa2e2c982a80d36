"""Layers that people open in a GIS: each with its shapes, its style and its names in both languages.

The tables of a result are kept as they are; these layers are drawn from them, so that a map needs no join: the accounts of the last
year at the scale that maps show, the amounts with the shapes of their counties, and the payments as lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd
import shapely

from carbonshed.present.folder import INSTITUTIONS, ResultFolder
from carbonshed.present.qml import county_amount_qml, diverging_qml, line_qml, zone_qml


@dataclass(frozen=True)
class MapLayer:
    """A layer of the GeoPackage and of the QGIS project.

    Parameters
    ----------
    name : str
        Name of the layer in the file.
    frame : GeoDataFrame
        Its rows, with geometry.
    qml : str
        QGIS style.
    zh, en : str
        Title.
    """

    name: str
    frame: gpd.GeoDataFrame
    qml: str
    zh: str
    en: str


def map_layers(result: ResultFolder) -> list[MapLayer]:
    """The layers of a result, the lowest first: accounts, zones, amounts, payments; those whose table is not there are left out."""
    makers = (_grid_layer, _county_layer, _zone_layer, _amount_layer, _flow_layer)
    return [layer for layer in (make(result) for make in makers) if layer is not None]


def _last(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Rows of the last year that have a shape, and that year."""
    year = int(frame["year"].max())
    return frame[(frame["year"] == year) & frame.geometry.notna()], year


def _grid_layer(result: ResultFolder) -> MapLayer | None:
    if result.cells is None or not len(result.cells):
        return None
    rows, year = _last(result.cells)
    side = f"{result.display_scale_km:g} km"
    style = diverging_qml(rows["net_carbon_emission"], "net_carbon_emission", "t CO2/a", outlined=False)
    return MapLayer("map_grid_accounts", rows, style, f"{year}年{side}格网净碳排放", f"Net carbon emission, {side} cells, {year}")


def _county_layer(result: ResultFolder) -> MapLayer | None:
    if not result.has("accounts_county"):
        return None
    rows, year = _last(result.geo("accounts_county"))
    if not len(rows):
        return None
    style = diverging_qml(rows["net_carbon_emission"], "net_carbon_emission", "t CO2/a")
    return MapLayer("map_county_accounts", rows, style, f"{year}年县域净碳排放", f"Net carbon emission of counties, {year}")


def _zone_layer(result: ResultFolder) -> MapLayer | None:
    if not result.has("zones"):
        return None
    rows, year = _last(result.geo("zones"))
    if not len(rows):
        return None
    counties = set(result.names) if result.has("accounts_county") else set()
    style = zone_qml(outlined=rows["unit_id"].isin(counties).any())
    return MapLayer("map_zones", rows, style, f"{year}年碳补偿分区", f"Compensation zones, {year}")


def _amount_layer(result: ResultFolder) -> MapLayer | None:
    if not result.has("compensation"):
        return None
    money, shapes = result.table("compensation"), _shapes(result)
    rows = money[(money["year"] == money["year"].max()) & money["unit_id"].isin(shapes.index)]
    if not len(rows):
        return None
    plain = pd.DataFrame(rows.drop(columns="geometry", errors="ignore"))
    frame = gpd.GeoDataFrame(plain, geometry=shapes.loc[rows["unit_id"]].to_numpy(), crs=shapes.crs)
    year = int(frame["year"].iloc[0])
    style = county_amount_qml(frame["net_compensation"])
    return MapLayer("map_amounts", frame, style, f"{year}年净补偿额", f"Net compensation, {year}")


def _flow_layer(result: ResultFolder) -> MapLayer | None:
    if not result.has("flows") or not result.has("compensation"):
        return None
    flows, shapes = result.table("flows"), _shapes(result)
    places = shapes.representative_point()
    known = flows["payer"].isin(places.index) & flows["recipient"].isin(places.index) & ~flows["payer"].isin(INSTITUTIONS)
    rows = flows[(flows["year"] == flows["year"].max()) & known]
    if not len(rows):
        return None
    ends = zip(places.loc[rows["payer"]], places.loc[rows["recipient"]], strict=True)
    lines = [shapely.LineString([start, end]) for start, end in ends]
    frame = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=lines, crs=shapes.crs)
    year = int(frame["year"].iloc[0])
    style = line_qml(frame["compensation_flow"], "compensation_flow", "yuan/a")
    return MapLayer("map_flows", frame, style, f"{year}年补偿流向", f"Payments, {year}")


def _shapes(result: ResultFolder) -> gpd.GeoSeries:
    """Full shape of each unit that pays or receives, by its id, of the last year that has it."""
    for name in ("compensation", "accounts_county"):
        table = result.table(name) if result.has(name) else None
        if isinstance(table, gpd.GeoDataFrame) and table.geometry.notna().any():
            known = table[table.geometry.notna()].sort_values("year", kind="stable").drop_duplicates("unit_id", keep="last")
            shapes: gpd.GeoSeries = known.set_index("unit_id").geometry
            return shapes
    return gpd.GeoSeries([], index=pd.Index([], dtype=str))
