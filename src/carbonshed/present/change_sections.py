"""The report section on change over the years: trends, peaks, hot spots, classes and zones, land, concentration."""

from __future__ import annotations

from typing import Any

import pandas as pd

from carbonshed.present.blocks import (
    Column,
    Figures,
    Note,
    Section,
    Table,
    Text,
    amount_column,
    number_column,
    percent_column,
    text_column,
    year_column,
)
from carbonshed.present.display import UNKNOWN, amount_text, number, percent
from carbonshed.present.figures import available_figures
from carbonshed.present.folder import ResultFolder
from carbonshed.present.style import ZONE_COLOURS
from carbonshed.present.words import Words

TABLES_OF_CHANGE = ("trends", "peak_year", "hot_spot_change", "lisa_transitions", "zone_transitions", "land_transfers", "concentration")
LEAST_YEARS_OF_A_TREND = 3
CHANGES = ("new", "consecutive", "persistent", "intensifying", "diminishing", "sporadic", "oscillating", "lost", "never")
LISA_ORDER = ("HH", "LL", "HL", "LH", "ns", "island")
LAND_ORDER = ("cropland", "forest", "grassland", "water", "wetland", "built_up", "bare")
MOST_PERIODS = 12


def change_section(result: ResultFolder, words: Words) -> Section:
    """What rose, fell, moved and changed class between the years of the study."""
    section = Section("change", words("section.change"))
    if len(result.years) < 2:
        section.blocks.append(Note(words("absent.change_one_year")))
        return section
    if not any(result.has(name) for name in TABLES_OF_CHANGE):
        section.blocks.append(Note(words("absent.change")))
        return section
    parts = (
        ("trends", "change_trends", _trends),
        ("peak_year", "change_peak", _peaks),
        ("hot_spot_change", "change_spots", _spots),
        ("lisa_transitions", "change_lisa", _lisa),
        ("zone_transitions", "change_zones", _zones),
        ("land_transfers", "change_land", _land),
        ("concentration", "change_concentration", _concentration),
    )
    for table, what, blocks in parts:
        if result.has(table):
            section.blocks += blocks(result, words)
        elif table in ("trends", "peak_year") and len(result.years) < LEAST_YEARS_OF_A_TREND:
            section.blocks.append(Text(words("absent.few_years", what=words(f"absent.{what}"), least=LEAST_YEARS_OF_A_TREND)))
        else:
            section.blocks.append(Text(words("absent.partly", tables=table, what=words(f"absent.{what}"))))
    return section


def _trends(result: ResultFolder, words: Words) -> list[Any]:
    """The map of trends and how many units rise and fall."""
    table = result.table("trends")
    groups = list(table.groupby("quantity", sort=False))
    columns = [text_column(words("column.quantity"), [words.term(str(name)) for name, _ in groups])]
    columns.append(number_column(words("column.n_units"), [len(rows) for _, rows in groups]))
    for direction in ("rising", "falling"):
        cells = tuple(f"{int((rows['trend'] == direction).sum())} / {int((rows['trend_fdr'] == direction).sum())}" for _, rows in groups)
        columns.append(Column(words(f"change.{direction}"), cells, words("column.plain_corrected")))
    medians = [float(rows["slope"].median()) for _, rows in groups]
    columns.append(number_column(words("column.median_slope"), medians, unit="t CO₂ a⁻²"))
    blocks: list[Any] = [Text(words("text.trends", n=len(result.years)))]
    if "trends_map" in available_figures(result):
        blocks.append(Figures(("trends_map",)))
    return [*blocks, Table(words("text.trends_table"), tuple(columns))]


def _peaks(result: ResultFolder, words: Words) -> list[Any]:
    """The year in which each total peaks, and whether the total rose and then fell."""
    table = result.table("peak_year")
    found = [UNKNOWN if pd.isna(value) else words("change.yes" if value else "change.no") for value in table["rises_then_falls"]]
    group = [words("change.region") if name == "all" else str(name) for name in table["group"]]
    columns = [text_column(words("column.quantity"), [words.term(str(name)) for name in table["quantity"]])]
    columns += [text_column(words("column.group"), group), year_column(words("column.peak_year"), table["peak_year"])]
    if {"peak_low", "peak_high"} <= set(table):
        spans = [
            f"{int(low)}–{int(high)}" if pd.notna(low) else UNKNOWN for low, high in zip(table["peak_low"], table["peak_high"], strict=True)
        ]
        columns.append(text_column(words("column.peak_span"), spans))
    columns += [
        percent_column(words("column.drop_share"), table["drop_share"]),
        percent_column(words("column.draws_share"), table["share"]),
    ]
    columns.append(text_column(words("column.rises_then_falls"), found))
    return [Text(words("text.peak")), Table(words("text.peak_table"), tuple(columns))]


def _spots(result: ResultFolder, words: Words) -> list[Any]:
    """The map of hot-spot change and how many units each class holds."""
    table = result.table("hot_spot_change")
    groups = list(table.groupby("quantity", sort=False))
    columns = [text_column(words("column.quantity"), [words.term(str(name)) for name, _ in groups])]
    for change in [name for name in CHANGES if (table["hot_spot_change"] == name).any()]:
        parts = [rows[rows["hot_spot_change"] == change] for _, rows in groups]
        if change == "never":
            cells = tuple(str(len(part)) for part in parts)
        else:
            cells = tuple(f"{int((part['spot'] == 'hot').sum())} / {int((part['spot'] == 'cold').sum())}" for part in parts)
        columns.append(Column(words(f"spot_change.{change}"), cells, "" if change == "never" else words("column.hot_cold")))
    blocks: list[Any] = [Text(words("text.spots"))]
    if "hot_spot_change_map" in available_figures(result):
        blocks.append(Figures(("hot_spot_change_map",)))
    return [*blocks, Table(words("text.spots_table"), tuple(columns), size="dense")]


def _lisa(result: ResultFolder, words: Words) -> list[Any]:
    """One matrix a quantity: units that passed from class to class, with the share of those that started in it."""
    table = result.table("lisa_transitions")
    tables = []
    for quantity, rows in table.groupby("quantity", sort=False):
        count = rows.pivot_table(index="from_class", columns="to_class", values="count", aggfunc="sum", fill_value=0)
        held = [name for name in LISA_ORDER if (name in count.index and count.loc[name].sum()) or (name in count and count[name].sum())]
        count = count.reindex(index=held, columns=held, fill_value=0)
        sums = count.sum(axis=1)
        columns = [text_column(words("column.from_to"), [_lisa_name(name, words) for name in held])]
        for name in held:
            shares = [percent(n / total, 0) if total else UNKNOWN for n, total in zip(count[name], sums, strict=True)]
            cells = tuple(f"{int(n)} ({share})" for n, share in zip(count[name], shares, strict=True))
            columns.append(Column(_lisa_name(name, words), cells))
        tables.append(Table(words("text.lisa_transitions", quantity=words.term(str(quantity))), tuple(columns), size="dense"))
    return [Text(words("text.transitions")), *tables]


def _lisa_name(name: str, words: Words) -> str:
    return name if name in ("HH", "LL", "HL", "LH") else words(f"lisa.{name}")


def _zones(result: ResultFolder, words: Words) -> list[Any]:
    """Units and area that passed from zone to zone, a row a period and zone of departure."""
    table = result.table("zone_transitions")
    held = [name for name in ZONE_COLOURS if (table["zone_from"] == name).any() or (table["zone_to"] == name).any()]
    keys = table[["year_from", "year_to", "zone_from"]].drop_duplicates()
    order = pd.Categorical(keys["zone_from"], categories=held, ordered=True)
    keys = keys.assign(order=order).sort_values(["year_from", "order"]).drop(columns="order")
    columns = [
        text_column(words("column.period"), [f"{start}–{end}" for start, end in zip(keys["year_from"], keys["year_to"], strict=True)]),
        text_column(words("column.from_to"), [words(f"zone.{name}") for name in keys["zone_from"]]),
    ]
    names = ["year_from", "year_to", "zone_from", "zone_to", "n_units", "area_km2"]
    known = {tuple(row[:4]): row[4:] for row in table[names].itertuples(index=False, name=None)}
    for zone in held:
        found = [known.get((*key, zone)) for key in keys.itertuples(index=False, name=None)]
        texts = tuple("0" if row is None else " / ".join(number(float(each), 0) for each in row) for row in found)
        columns.append(Column(words(f"zone.{zone}"), texts, words("column.units_area")))
    return [Figures(("zones_sankey",)), Table(words("text.zone_transitions"), tuple(columns), size="dense")]


def _land(result: ResultFolder, words: Words) -> list[Any]:
    """Land that changed class: signs of noise and carbon effect by period, matrices and gains of the last period."""
    transfers = result.table("land_transfers")
    effect = transfers.groupby("period", sort=False)["change_effect"].sum()
    periods = list(effect.index)[-MOST_PERIODS:]
    last = periods[-1]
    rows = transfers[transfers["period"] == last]
    blocks: list[Any] = [Text(words("text.land_change", period=last, effect=_signed(float(effect[last]), words)))]
    blocks.append(_period_table(result, effect.loc[periods], words))
    if result.has("land_change_noise"):
        noise = result.table("land_change_noise")
        noisy = [str(period) for period in noise.loc[noise["is_noisy"].astype(bool), "period"]]
        if noisy:
            blocks.append(Note(words("text.land_noise", periods=words.listing(noisy)), tone="warning"))
    blocks.append(_matrix(rows, "area_km2", words("text.land_matrix", period=last), "km²", words))
    blocks.append(_matrix(rows, "change_effect", words("text.effect_matrix", period=last), "t CO₂ a⁻¹", words))
    if result.has("land_changes"):
        blocks.append(_class_table(result.table("land_changes"), last, words))
    return blocks


def _signed(value: float, words: Words) -> str:
    """An amount with its sign."""
    return ("+" if value > 0 else "") + amount_text("carbon", value, words.lang)


def _period_table(result: ResultFolder, effect: pd.Series, words: Words) -> Table:
    """Carbon effect of each period, and what marks error of classification."""
    columns = [text_column(words("column.period"), effect.index), amount_column(words("column.change_effect"), "carbon", effect, words)]
    if result.has("land_change_noise"):
        noise = result.table("land_change_noise").set_index("period").reindex(effect.index)
        columns.append(number_column(words("column.changed"), noise["changed"], unit="km²", places=0))
        columns += [percent_column(words(f"column.{name}"), noise[name]) for name in ("changed_share", "swap_share", "left_share")]
    return Table(words("text.land_periods"), tuple(columns))


def _matrix(rows: pd.DataFrame, value: str, caption: str, unit: str, words: Words) -> Table:
    """Classes of the first year down, of the second across."""
    wide = rows.pivot_table(index="from_class", columns="to_class", values=value, aggfunc="sum")
    names = [name for name in (*LAND_ORDER, *sorted({*wide.index, *wide.columns} - set(LAND_ORDER))) if name in wide.index or name in wide]
    wide = wide.reindex(index=names, columns=names)
    columns = [text_column(words("column.from_to"), [words.term(name) for name in names])]
    columns += [Column(words.term(name), tuple(_zero_or(each) for each in wide[name]), unit) for name in names]
    return Table(caption, tuple(columns), size="dense")


def _zero_or(value: float) -> str:
    """A pair of classes without a row has no area: 0, not unknown."""
    return "0" if pd.isna(value) or value == 0 else number(float(value), 0 if abs(value) >= 100 else 1)


def _class_table(table: pd.DataFrame, period: str, words: Words) -> Table:
    """Gain, loss, net change, swap and dynamic degree of each class in one period."""
    rows = table[table["period"] == period]
    columns = [text_column(words("column.land_class"), [words.term(str(name)) for name in rows["land_class"]])]
    for name in ("area_from", "area_to", "gain", "loss", "net_change", "swap"):
        columns.append(number_column(words(f"column.{name}"), rows[name], unit="km²", places=0))
    columns.append(number_column(words("column.dynamic_degree"), rows["dynamic_degree"], unit="% a⁻¹", places=2))
    return Table(words("text.land_classes", period=period), tuple(columns), size="dense")


def _concentration(result: ResultFolder, words: Words) -> list[Any]:
    """Gini and Theil over the years, with the parts between and within provinces."""
    table = result.table("concentration")
    columns = [text_column(words("column.quantity"), [words.term(str(name)) for name in table["quantity"]])]
    columns += [year_column(words("column.year"), table["year"]), number_column(words("column.n_units"), table["n"])]
    for name in (
        "gini",
        "concentration_area_km2",
        "concentration_population",
        "concentration_gdp_yuan",
        "theil",
        "theil_between",
        "theil_within",
    ):
        if name in table:
            columns.append(number_column(words(f"column.{name}"), table[name], places=3))
    columns.append(percent_column(words("column.top_share"), table["top_share"]))
    blocks: list[Any] = [Text(words("text.concentration"))]
    if "concentration_chart" in available_figures(result):
        blocks.append(Figures(("concentration_chart",)))
    return [*blocks, Table(words("text.concentration_table"), tuple(columns), size="dense")]
