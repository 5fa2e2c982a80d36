"""Maps of a result: carbon per area, hot spots, zones, county amounts, flows. Layout only; every number stands in a table."""

from __future__ import annotations

from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from carbonshed.present.display import display_unit
from carbonshed.present.folder import INSTITUTIONS, ResultFolder
from carbonshed.present.fonts import drawable
from carbonshed.present.plates import (
    Plate,
    borders,
    class_handles,
    fill,
    furniture,
    halo,
    hatch,
    map_plate,
    patch,
    region_outline,
    zone_patch,
)
from carbonshed.present.shown import ShownFigure
from carbonshed.present.style import (
    BORDER,
    GREY,
    HALF_MM,
    HATCH,
    INK,
    LISA_COLOURS,
    LOW_CONFIDENCE,
    SCORE_RAMP,
    SINK_RAMP,
    SOURCE_RAMP,
    WIDE_MM,
    ZONE_COLOURS,
    ZONE_HATCH,
    Classes,
    diverging_classes,
    pale,
    sequential_classes,
    some_years,
)
from carbonshed.present.words import Words

SCORE_LIMITS = (-2.576, -1.96, 1.96, 2.576)
"""Limits of Gi*: two-sided p of 0.01 and 0.05 of the normal distribution."""

N_LABELS = 5
"""Payers and recipients whose names stand on the map of amounts."""


class Drawing(NamedTuple):
    """A figure and the numbers behind it."""

    figure: ShownFigure
    data: pd.DataFrame


def source_map(result: ResultFolder, words: Words) -> Drawing:
    """Carbon source per area, t CO2 km-2 a-1, on the grid at the scale of the study, else by county."""
    return _density_map(result, words, "carbon_source", SOURCE_RAMP)


def sink_map(result: ResultFolder, words: Words) -> Drawing:
    """Carbon sink per area, t CO2 km-2 a-1."""
    return _density_map(result, words, "carbon_sink", SINK_RAMP)


def net_map(result: ResultFolder, words: Words) -> Drawing:
    """Net emission per area, t CO2 km-2 a-1; colours are symmetric about zero."""
    return _density_map(result, words, "net_carbon_emission", None)


def _density_map(result: ResultFolder, words: Words, column: str, ramp: tuple[str, ...] | None) -> Drawing:
    """One panel a year of a yearly amount of carbon per area, one legend for all years."""
    table, shapes, where = _areal(result, words)
    density = table[column].astype(float) / table["area_km2"].astype(float)
    years = some_years(sorted(table["year"].unique()))
    shown = density[table["year"].isin(years)]
    classes = diverging_classes(shown, symmetric=False) if ramp is None else sequential_classes(shown, ramp)
    handles = class_handles(classes, words, value=float(shown.max()) if shown.notna().any() else 0.0)
    if shown.isna().any():
        handles.append(patch(ZONE_COLOURS["missing"], words("map.missing")))
    single = len(years) == 1
    plate = map_plate(
        result,
        title=words(f"figure.{column}"),
        subtitle=_subtitle("t CO₂ km⁻² a⁻¹", where, years),
        panel_titles=[str(year) for year in years],
        handles=handles,
        width_mm=HALF_MM if single and ramp is not None else WIDE_MM,
        legend_title="t CO₂ km⁻² a⁻¹",
    )
    is_grid = result.cells is not None
    inside = region_outline(result) if is_grid else None
    for panel, year in zip(plate.panels, years, strict=True):
        rows = (table["year"] == year).to_numpy()
        fill(panel, result, shapes[rows], classes.colour(density[rows]), border=None if is_grid else BORDER, inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    name = {"carbon_source": "source_density", "carbon_sink": "sink_density"}.get(column, "net_emission_density")
    data = table[["unit_id", "year", "area_km2", column]].assign(**{name: density})
    return Drawing(plate.figure, data)


def _areal(result: ResultFolder, words: Words) -> tuple[pd.DataFrame, np.ndarray, str]:
    """Accounts to map with one shape a row, and where they stand: the grid if there is one, else the counties."""
    if result.cells is not None:
        return result.cells, result.cells.geometry.to_numpy(), words("map.on_grid", scale=f"{result.display_scale_km:g}")
    table, counties = result.table("accounts_county"), result.counties
    assert counties is not None
    return table, counties.geometry.reindex(table["unit_id"]).to_numpy(), words("map.by_county")


def _subtitle(*parts: object) -> str:
    """Parts with a dot between them; a single year is printed, several stand over their panels."""
    texts = [str(part[0]) if isinstance(part, list) and len(part) == 1 else part for part in parts]
    return "  |  ".join(text for text in texts if isinstance(text, str) and text)


def hot_spots_map(result: ResultFolder, words: Words) -> Drawing:
    """Local Moran classes of carbon per area, on the grid where there is one, else by county.

    Full colour where they pass the false-discovery rate, hatched where only the plain cut at 0.05.
    """
    return _lisa_map(result, words, local_statistics(result, money=False), "figure.hot_spots_map")


def hot_spots_money_map(result: ResultFolder, words: Words) -> Drawing:
    """Local Moran classes of the signed and of the absolute amounts of counties, before closure."""
    return _lisa_map(result, words, local_statistics(result, money=True), "figure.hot_spots_money_map")


def _lisa_map(result: ResultFolder, words: Words, table: pd.DataFrame, title: str) -> Drawing:
    """One panel a quantity (or a year) of local Moran classes."""
    panels, panel_titles, about = _statistics_panels(table, words)
    handles = [patch(LISA_COLOURS[name], words(f"lisa.{name}")) for name in ("HH", "LL", "HL", "LH", "ns")]
    handles.append(patch("white", words("lisa.raw_only"), pattern=HATCH))
    if (table["lisa_class"] == "island").any():
        handles.append(patch(LISA_COLOURS["island"], words("lisa.island")))
    if thin_borders(result, table) and result.counties is not None and set(result.counties.index) - set(table["unit_id"]):
        handles.append(patch(LISA_COLOURS["missing"], words("map.left_out")))
    plate = map_plate(
        result,
        title=words(title),
        subtitle=_subtitle(words("map.money" if title.endswith("money_map") else "map.per_area"), place_text(result, words, table), about),
        panel_titles=panel_titles,
        handles=handles,
        width_mm=HALF_MM if len(panel_titles) == 1 else WIDE_MM,
    )
    shapes = shapes_of_units(result).reindex(table["unit_id"]).to_numpy()
    border = thin_borders(result, table)
    inside = None if border else region_outline(result)
    for panel, rows in zip(plate.panels, panels, strict=True):
        part, plain = table[rows], table.loc[rows, "lisa_class"].fillna("missing")
        corrected = part["lisa_class_fdr"].fillna("missing")
        raw_only = (corrected == "ns") & plain.isin(["HH", "LL", "HL", "LH"])
        colours = [LISA_COLOURS.get(name, LISA_COLOURS["missing"]) for name in corrected.where(~raw_only, plain)]
        faded = [pale(colour) if raw else colour for colour, raw in zip(colours, raw_only, strict=True)]
        if border and result.counties is not None:
            fill(panel, result, result.counties.geometry.to_numpy(), [LISA_COLOURS["missing"]] * len(result.counties), border=border)
        fill(panel, result, shapes[rows], faded, border=border, inside=inside)
        hatch(panel, result, shapes[rows], raw_only, colour=GREY, inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    columns = ["unit_id", "year", "quantity", "local_moran_i", "local_moran_p", "lisa_class", "lisa_class_fdr"]
    return Drawing(plate.figure, table[[name for name in columns if name in table]])


def gi_star_map(result: ResultFolder, words: Words) -> Drawing:
    """Hot and cold spots of carbon per area by Gi* as a z-score, in five classes at the 5 % and 1 % points."""
    table = local_statistics(result, money=False)
    panels, panel_titles, about = _statistics_panels(table, words)
    classes = Classes(SCORE_LIMITS, SCORE_RAMP)
    names = ("hot_1", "hot_5", "none", "cold_5", "cold_1")
    handles = [patch(colour, words(f"gi.{name}")) for name, colour in zip(names, reversed(SCORE_RAMP), strict=True)]
    plate = map_plate(
        result,
        title=words("figure.gi_star_map"),
        subtitle=_subtitle(words("map.per_area"), place_text(result, words, table), about),
        panel_titles=panel_titles,
        handles=handles,
        width_mm=HALF_MM if len(panel_titles) == 1 else WIDE_MM,
    )
    shapes = shapes_of_units(result).reindex(table["unit_id"]).to_numpy()
    border = thin_borders(result, table)
    inside = None if border else region_outline(result)
    for panel, rows in zip(plate.panels, panels, strict=True):
        fill(panel, result, shapes[rows], classes.colour(table.loc[rows, "gi_star_z"]), border=border, inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    return Drawing(plate.figure, table[["unit_id", "year", "quantity", "gi_star_z", "gi_star_p"]])


def local_statistics(result: ResultFolder, *, money: bool) -> pd.DataFrame:
    """Local statistics of money, or of carbon at the level that maps show: the cells where there are any, else the counties."""
    return result.statistics("money") if money else result.once("local statistics of carbon", lambda: _of_carbon(result))


def _of_carbon(result: ResultFolder) -> pd.DataFrame:
    table = result.statistics("carbon")
    on_grid = ~are_counties(result, table)
    return table[on_grid] if on_grid.any() else table


def are_counties(result: ResultFolder, table: pd.DataFrame) -> np.ndarray:
    """Which rows are of counties (by the index: looking a text up in a list is slow for 100,000 of them)."""
    counties = result.counties
    return np.zeros(len(table), dtype=bool) if counties is None else counties.index.get_indexer(pd.Index(table["unit_id"])) >= 0


def has_local_statistics(result: ResultFolder, *, money: bool) -> bool:
    """Whether there are local statistics of money, or of carbon."""
    return result.has("spatial_statistics") and len(local_statistics(result, money=money)) > 0


def _statistics_panels(table: pd.DataFrame, words: Words) -> tuple[list[np.ndarray], list[str], str]:
    """A panel a quantity in the last year, or a panel a year where there is one quantity; what the subtitle adds."""
    quantities = list(dict.fromkeys(table["quantity"]))[:6]
    years = sorted(int(year) for year in table["year"].unique())
    if len(quantities) > 1:
        rows = [((table["quantity"] == name) & (table["year"] == years[-1])).to_numpy() for name in quantities]
        return rows, [words.term(name) for name in quantities], str(years[-1])
    shown = some_years(years)
    about = "  |  ".join([words.term(quantities[0]), *([str(years[0])] if len(years) == 1 else [])])
    return [(table["year"] == year).to_numpy() for year in shown], [str(year) for year in shown], about


def thin_borders(result: ResultFolder, table: pd.DataFrame) -> str | None:
    """Colour of the borders between shapes: thin lines between counties, none between cells."""
    return BORDER if are_counties(result, table).all() else None


def shapes_of_units(result: ResultFolder) -> gpd.GeoSeries:
    """Shape of every cell and county by its id."""
    return result.once("shapes of units", lambda: _shapes_of_units(result))


def _shapes_of_units(result: ResultFolder) -> gpd.GeoSeries:
    found: list[gpd.GeoSeries] = []
    if result.counties is not None:
        found.append(result.counties.geometry)
    for name in ("zones", "accounts_grid"):
        if result.has(name):
            frame = result.geo(name).drop_duplicates("unit_id")
            found.append(frame.set_index("unit_id").geometry)
    shapes = gpd.GeoSeries(pd.concat(found))
    return shapes[~shapes.index.duplicated()]


def place_text(result: ResultFolder, words: Words, table: pd.DataFrame) -> str:
    """Whether rows are counties or cells, and of which size."""
    if are_counties(result, table).all():
        return words("map.by_county")
    scale = result.display_scale_km
    return words("map.on_grid", scale=f"{scale:g}") if scale is not None else ""


def zones_map(result: ResultFolder, words: Words) -> Drawing:
    """Compensation zones; those of low confidence are hatched."""
    table = result.geo("zones")
    years = some_years(sorted(int(year) for year in table["year"].unique()))
    present = [name for name in ZONE_COLOURS if (table["zone"] == name).any()]
    handles = [zone_patch(result, name, words) for name in present]
    low = table["zone_confidence"].astype(float) < LOW_CONFIDENCE
    if low.any():
        handles.append(patch("white", words("zone.low_confidence", limit=f"{LOW_CONFIDENCE:g}"), pattern=HATCH))
    plate = map_plate(
        result,
        title=words("figure.zones_map"),
        subtitle=_subtitle(place_text(result, words, table), years),
        panel_titles=[str(year) for year in years],
        handles=handles,
    )
    border = thin_borders(result, table)
    inside = None if border else region_outline(result)
    all_shapes = shapes_of_units(result).reindex(table["unit_id"]).to_numpy() if border else table.geometry.to_numpy()
    for panel, year in zip(plate.panels, years, strict=True):
        rows = (table["year"] == year).to_numpy()
        colours = [ZONE_COLOURS.get(name, ZONE_COLOURS["missing"]) for name in table.loc[rows, "zone"]]
        fill(panel, result, all_shapes[rows], colours, border=border, inside=inside)
        for name, pattern in ZONE_HATCH.items() if result.page.hatches_zones else ():
            hatch(panel, result, all_shapes[rows], (table["zone"] == name).to_numpy()[rows], pattern=pattern, inside=inside)
        hatch(panel, result, all_shapes[rows], low.to_numpy()[rows], colour="#5A5A5A", inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    columns = ["unit_id", "year", "som_node", "cluster", "zone", "zone_confidence"]
    return Drawing(plate.figure, pd.DataFrame(table[[name for name in columns if name in table]]))


def compensation_map(result: ResultFolder, words: Words) -> Drawing:
    """Net compensation of each county, yuan a-1: red pays, blue receives; the first of each side by amount are named."""
    table = result.table("compensation")
    table = table[~table["unit_id"].isin(INSTITUTIONS)].reset_index(drop=True)
    counties = result.money_shapes
    years = some_years(sorted(int(year) for year in table["year"].unique()))
    unit = display_unit("money", float(table["net_compensation"].abs().quantile(0.9)), words.lang, per_year=True)
    values = table["net_compensation"].astype(float) / unit.factor
    classes = diverging_classes(values[table["year"].isin(years)], reverse=True)
    handles = class_handles(classes, words)
    absent = set(counties.index) - set(table["unit_id"])
    if values.isna().any() or absent:
        handles.append(patch(ZONE_COLOURS["missing"], words("map.left_out")))
    plate = map_plate(
        result,
        title=words("figure.compensation_map"),
        subtitle=_subtitle(words("map.net_compensation", unit=unit.label), years),
        panel_titles=[str(year) for year in years],
        handles=handles,
        legend_title=unit.label,
    )
    for panel, year in zip(plate.panels, years, strict=True):
        part = values[table["year"] == year].set_axis(table.loc[table["year"] == year, "unit_id"]).reindex(counties.index)
        fill(panel, result, counties.to_numpy(), classes.colour(part), border="white", width=0.25)
        borders(panel, result)
    if len(years) == 1 and result.page.panel_mm is None:
        _name_first(plate, counties, table[table["year"] == years[0]])
    furniture(plate.panels[0], result, words)
    columns = ["unit_id", "name", "year", "side", "account_deficit", "payable", "receivable", "net_compensation"]
    return Drawing(plate.figure, table[columns])


def _name_first(plate: Plate, counties: gpd.GeoSeries, table: pd.DataFrame) -> None:
    """Names of the largest payers and recipients, where they do not run into one another."""
    figure, panel = plate.figure, plate.panels[0]
    first = pd.concat([table.nlargest(N_LABELS, "receivable"), table.nlargest(N_LABELS, "payable")])
    first = first[(first["payable"].fillna(0) + first["receivable"].fillna(0)) > 0]
    renderer = FigureCanvasAgg(figure).get_renderer()
    taken: list[Any] = []
    for row in first.itertuples():
        if row.unit_id not in counties.index:
            continue
        point = counties.loc[row.unit_id].representative_point()
        text = drawable(str(row.name))
        label = panel.text(
            point.x, point.y, text if len(text) <= 14 else text[:13] + "…", ha="center", va="center", fontsize=6.5, color=INK,
            path_effects=halo(),
        )  # fmt: skip
        box = label.get_window_extent(renderer).padded(2.0)
        if any(box.overlaps(other) for other in taken):
            label.remove()
        else:
            taken.append(box)
