"""Report sections on carbon: the balance, accounts, hot spots, zones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbonshed.present.blocks import (
    Column,
    Figures,
    Note,
    Section,
    Table,
    Text,
    amount_columns,
    number_column,
    percent_column,
    text_column,
    year_column,
)
from carbonshed.present.display import UNKNOWN, amount_text, number
from carbonshed.present.figures import available_figures
from carbonshed.present.findings import as_list, flag_texts, totals_by_year
from carbonshed.present.folder import ResultFolder
from carbonshed.present.style import ZONE_COLOURS
from carbonshed.present.words import Words
from carbonshed.present.worth_sections import worth_blocks

FALLBACKS = ("built-up area", "land area", "equal")
"""What a total is spread by where the weights of the study are all zero."""

CARBON_COLUMNS = (("carbon_source", "source"), ("carbon_sink", "sink"), ("net_carbon_emission", "net_carbon"))
MONEY_COLUMNS = (
    ("payable_before", "payable_before"),
    ("receivable_before", "receivable_before"),
    ("unbalanced_amount", "remainder"),
    ("payable", "payable"),
    ("receivable", "receivable"),
)

LISA_ORDER = ("HH", "LL", "HL", "LH", "ns", "island")


def balance_section(result: ResultFolder, words: Words) -> Section:
    """The strip and the totals of the region by year."""
    section = Section("balance", words("section.balance"))
    totals = totals_by_year(result)
    if len(totals) == 0:
        return _absent(section, words)
    columns = [year_column(words("column.year"), totals["year"])]
    carbon = {words(f"column.{label}"): totals[name] for name, label in CARBON_COLUMNS}
    money = {words(f"column.{label}"): totals[name] for name, label in MONEY_COLUMNS if name in totals and totals[name].notna().any()}
    columns += amount_columns("carbon", carbon, words)
    columns += amount_columns("money", money, words) if money else []
    section.blocks += [Figures(("balance_strip",)), Table(words("text.totals_table"), tuple(columns))]
    return section


def accounts_section(result: ResultFolder, words: Words) -> Section:
    """How source and sink were computed, and their maps."""
    section = Section("accounts", words("section.accounts"))
    if "net_map" not in available_figures(result):
        return _absent(section, words)
    choices = result.choices
    options = {
        "allocation": words.get("allocation", choices.get("allocation", "none")),
        "sink_mode": words.get("sink_mode", choices.get("sink_mode", UNKNOWN)),
        "cropland_mode": words.get("cropland_mode", choices.get("cropland_mode", UNKNOWN)),
    }
    section.blocks.append(Text(words("text.accounts" if "allocation" in choices else "text.accounts_table", **options)))
    section.blocks.append(Figures(("source_map", "sink_map")))
    section.blocks.append(Figures(("net_map",)))
    beside = _coefficient_sink(result, words)
    if beside:
        section.blocks.append(Note(beside))
    if not result.has("accounts_grid") or not result.has("accounts_county"):
        missing, what = ("accounts_county", "county_table") if result.has("accounts_grid") else ("accounts_grid", "grid_maps")
        section.blocks.append(Text(words("absent.partly", tables=missing, what=words(f"absent.{what}"))))
    fallback = _allocation_table(result, words)
    if fallback:
        section.blocks.append(fallback)
    return section


def _coefficient_sink(result: ResultFolder, words: Words) -> str:
    """The sink by coefficients beside the sink of the study, for the last year, where the two differ."""
    table = result.table("accounts_county") if result.has("accounts_county") else result.cells
    if table is None or "carbon_sink_landuse_coeff" not in table or result.choices.get("sink_mode") == "landuse_coeff":
        return ""
    year = int(table["year"].max())
    rows = table[table["year"] == year]
    sums = {name: float(rows[name].sum()) for name in ("carbon_sink_landuse_coeff", "carbon_sink")}
    texts = [amount_text("carbon", sums[name], words.lang) for name in ("carbon_sink_landuse_coeff", "carbon_sink")]
    return words("text.coefficient_sink", year=year, coefficient=texts[0], sink=texts[1])


def _allocation_table(result: ResultFolder, words: Words) -> Table | None:
    """Statistical units whose total could not be spread by the weights of the study."""
    if not result.has("allocation_report"):
        return None
    table = result.table("allocation_report")
    if "method" not in table or "quantity" not in table:
        return None
    is_fallback = table["method"].astype(str).isin(FALLBACKS)
    rows = table[is_fallback & (table["total"].astype(float) != 0)] if "total" in table else table[is_fallback]
    if len(rows) == 0:
        return None
    ids = next((name for name in ("unit_id", "index", "province", "city") if name in rows), None)
    names = [result.names.get(str(key), str(key)) for key in rows[ids]] if ids else [UNKNOWN] * len(rows)
    columns = (
        text_column(words("column.name"), names[:20]),
        text_column(words("column.quantity"), [words.term(str(name)) for name in rows["quantity"]][:20]),
        text_column(words("column.rule"), rows["method"].tolist()[:20]),
    )
    note = words("report.and_more", n=len(rows) - 20, table="allocation_report") if len(rows) > 20 else ""
    return Table(words("text.allocation_table"), columns, note=note)


def hot_spots_section(result: ResultFolder, words: Words) -> Section:
    """Maps of local clusters and of Gi*, and how many units each class holds."""
    section = Section("hot_spots", words("section.hot_spots"))
    if not result.has("spatial_statistics"):
        return _absent(section, words)
    table = result.table("spatial_statistics")
    convention = table["p_convention"].iloc[0] if "p_convention" in table else result.choices.get("p_convention", UNKNOWN)
    section.blocks.append(Text(words("text.hot_spots", convention=words.get("p_convention", convention))))
    names = [name for name in ("moran_scatter", "hot_spots_map", "gi_star_map", "hot_spots_money_map") if name in available_figures(result)]
    section.blocks += [Figures((names[0],)), _class_table(result, table, words), *(Figures((name,)) for name in names[1:])]
    return section


def _class_table(result: ResultFolder, table: pd.DataFrame, words: Words) -> Table:
    """Units in each class, before and after FDR, by quantity and level."""
    year = int(table["year"].max())
    rows = table[table["year"] == year]
    is_county = rows["unit_id"].isin([] if result.counties is None else result.counties.index)
    groups = [
        (level, quantity, group)
        for level, part in rows.groupby(np.where(is_county, words("map.by_county"), words("map.cells")), sort=False)
        for quantity, group in part.groupby("quantity", sort=False)
    ]
    columns = [
        text_column(words("column.quantity"), [words.term(str(quantity)) for _, quantity, _ in groups]),
        text_column(words("column.level"), [level for level, _, _ in groups]),
    ]
    for name in LISA_ORDER:
        counts = [tuple(int((group[column] == name).sum()) for column in ("lisa_class", "lisa_class_fdr")) for _, _, group in groups]
        if name != "island" or any(plain for plain, _ in counts):
            label = name if len(name) == 2 and name != "ns" else words(f"lisa.{name}")
            cells = tuple(f"{plain} / {corrected}" for plain, corrected in counts)
            columns.append(Column(label, cells, words("column.plain_corrected")))
    return Table(words("text.lisa_table", year=year), tuple(columns))


def zones_section(result: ResultFolder, words: Words) -> Section:
    """The map of zones, what each zone holds, and the summary by year."""
    section = Section("zones", words("section.zones"))
    if not result.has("zones"):
        return _absent(section, words)
    zoning = {**result.choices, **(result.choices.get("zoning") or {})}
    features = [words.get("feature_set", words.term(name)) for name in as_list(zoning.get("features"))]
    method = words.get("zoning_method", zoning.get("method", zoning.get("zoning_method", UNKNOWN)))
    section.blocks.append(Text(words("text.zones", method=method, features=words.listing(features) or UNKNOWN)))
    flags = as_list(zoning.get("zones_flags")) or as_list((zoning.get("quality") or {}).get("flags"))
    if flags:
        section.blocks.append(Note(words("text.zones_flags", flags=flag_texts(flags, words)), tone="warning"))
    section.blocks.append(Figures(("zones_map",)))
    if result.has("zone_summary"):
        section.blocks += [Figures(("zone_shares",)), _zone_table(result.table("zone_summary"), words)]
    section.blocks += worth_blocks(result, words)
    return section


def som_section(result: ResultFolder, words: Words) -> Section:
    """The map behind the zones: its size and errors, U-matrix, hits and component planes; no section where zones need no map."""
    section = Section("som", words("section.som"))
    if not result.has("som_nodes"):
        return section
    som = (result.choices.get("zoning") or {}).get("som") or {}
    if som.get("shape") and som.get("quantization_error") is not None:
        size = {"rows": som["shape"][0], "columns": som["shape"][1], "nodes": som.get("nodes", len(result.table("som_nodes")))}
        errors = {name: number(som[name], 3) for name in ("quantization_error", "topographic_error", "end_radius")}
        section.blocks.append(Text(words("text.som", lattice=words.get("lattice", som.get("lattice")), **size, **errors)))
    held = available_figures(result)
    section.blocks += [Figures((name,)) for name in ("som_u_matrix", "som_hits", "som_planes") if name in held]
    return section


def _zone_table(table: pd.DataFrame, words: Words) -> Table:
    """Units, area, source, sink and net of each zone and year, in the order payment, balanced, recipient."""
    table = table[table["n_units"] > 0]
    order = pd.Categorical(table["zone"], categories=list(ZONE_COLOURS), ordered=True)
    table = table.assign(order=order).sort_values(["year", "order"]).drop(columns="order")
    area = table["area_km2"].astype(float)
    columns = (
        year_column(words("column.year"), table["year"]),
        text_column(words("column.zone"), [words.get("zone", name) for name in table["zone"]]),
        number_column(words("column.n_units"), table["n_units"]),
        number_column(words("column.area"), area, unit="km²", places=0),
        percent_column(words("column.area"), area / area.groupby(table["year"]).transform("sum")),
        *amount_columns("carbon", {words(f"column.{label}"): table[name] for name, label in CARBON_COLUMNS}, words),
    )
    return Table(words("text.zone_table"), columns)


def _absent(section: Section, words: Words) -> Section:
    """The section with nothing but the reason why it is left out."""
    section.blocks.append(Note(words(f"absent.{section.name}")))
    return section
