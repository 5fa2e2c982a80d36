"""Report sections on money: counties, flows, direction; and the centre of gravity."""

from __future__ import annotations

import pandas as pd

from carbonshed.present.blocks import (
    Beside,
    Column,
    Figures,
    Note,
    Section,
    Table,
    Text,
    amount_column,
    amount_columns,
    number_column,
    percent_column,
    text_column,
    year_column,
)
from carbonshed.present.display import UNKNOWN, amount_text, number, percent
from carbonshed.present.figures import available_figures
from carbonshed.present.findings import price_text
from carbonshed.present.folder import INSTITUTIONS, ResultFolder
from carbonshed.present.recorded import recorded
from carbonshed.present.words import Words

FIRST = 20
"""Payers, recipients and flows in the printed tables."""

MOST_LISTED = 12

FEN_TOLERANCE = 1e-6
"""Flows are whole fen; sums of amounts are not: up to this share both count as equal."""


def counties_section(result: ResultFolder, words: Words) -> Section:
    """The map of amounts, the first payers and recipients, the order by capacity beside it, B(N)."""
    section = Section("counties", words("section.counties"))
    if not result.has("compensation"):
        return _absent(section, words)
    amounts = result.table("compensation")
    year = int(amounts["year"].max())
    rows = _with_accounts(result, amounts[(amounts["year"] == year) & ~amounts["unit_id"].isin(INSTITUTIONS)])
    section.blocks.append(Text(words("text.counties", **_settings(result, words))))
    section.blocks.append(Text(words("text.price", price=price_text(result, words), citation=_citation(result, words))))
    section.blocks += _price_and_responsibility(result, words)
    if "compensation_map" in available_figures(result):
        section.blocks.append(Figures(("compensation_map",)))
    section.blocks.append(Note(words("text.policy"), tone="warning"))
    if "priority_bars" in available_figures(result):
        section.blocks.append(Figures(("priority_bars",)))
    for side in ("payer", "recipient"):
        acting = rows[rows["side"] == side]
        if len(acting) == 0:
            section.blocks.append(Text(words("headline.no_payers" if side == "payer" else "headline.no_recipients")))
        else:
            section.blocks.append(_first_table(acting, side, year, words))
        if side == "payer" and "priority_capacity" in rows and acting["priority_capacity"].notna().any():
            section.blocks.append(_two_orders(acting, year, words))
    section.blocks += _balance_blocks(result, words)
    section.blocks += _left_out(rows, words)
    return section


def _settings(result: ResultFolder, words: Words) -> dict[str, str]:
    """The options of the money part, in words."""
    choices = result.choices
    cap = choices.get("fiscal_cap")
    return {
        "preset": words.get("preset", choices.get("preset", UNKNOWN)),
        "revision": words.get("revision", choices.get("revision", UNKNOWN)),
        "ability": words.get("ability", choices.get("ability", UNKNOWN)),
        "closure": words.get("closure", choices.get("closure", UNKNOWN)),
        "district": words.get("district", choices.get("district_mode", UNKNOWN)),
        "cap": words("cap.share", share=percent(float(cap))) if cap else words("cap.none"),
    }


def _citation(result: ResultFolder, words: Words) -> str:
    price = result.choices.get("price") or {}
    return " ".join(recorded(str(price[key]), words) for key in ("name", "citation") if price.get(key)) or UNKNOWN


def _price_and_responsibility(result: ResultFolder, words: Words) -> list[Text | Table]:
    """The price of every year, and whose emissions are counted, as far as the run states them."""
    blocks: list[Text | Table] = []
    responsibility = result.choices.get("responsibility")
    if responsibility:
        blocks.append(Text(words("text.responsibility", responsibility=words.get("responsibility", responsibility))))
    path = sorted((int(year), float(price)) for year, price in (result.choices.get("price_path") or {}).items())
    if len(path) > 1 and len({price for _, price in path}) == 1:
        years = words.listing([str(year) for year, _ in path])
        blocks.append(Text(words("text.price_same", price=number(path[0][1]), years=years)))
    elif len(path) > 1:
        columns = (
            year_column(words("column.year"), [year for year, _ in path]),
            number_column(words("column.price"), [price for _, price in path], unit=words("unit.yuan_t"), places=2),
        )
        blocks.append(Table(words("text.price_path"), columns))
    return blocks


def _with_accounts(result: ResultFolder, rows: pd.DataFrame) -> pd.DataFrame:
    """Amounts with city, province and GDP from the accounts where the table of amounts lacks them."""
    wanted = [name for name in ("city", "province", "gdp_yuan") if name not in rows]
    if not wanted or not result.has("accounts_county"):
        return pd.DataFrame(rows)
    accounts = result.table("accounts_county")
    held = [name for name in wanted if name in accounts]
    extra = pd.DataFrame(accounts[["unit_id", "year", *held]]).drop_duplicates(["unit_id", "year"])
    return pd.DataFrame(rows).merge(extra, on=["unit_id", "year"], how="left")


def _first_table(rows: pd.DataFrame, side: str, year: int, words: Words) -> Table:
    """The first of one side by rank: name, place, deficit, amount, share of GDP, priority, class."""
    first = rows.sort_values(["priority_rank", "unit_id"], na_position="last").head(FIRST)
    amount = "payable" if side == "payer" else "receivable"
    deficit = "revised_deficit" if "revised_deficit" in first else "account_deficit"
    columns = [number_column(words("column.rank"), first["priority_rank"]), text_column(words("column.name"), first["name"])]
    columns += [text_column(words(f"column.{place}"), first[place]) for place in ("city", "province") if place in first]
    columns.append(amount_column(words("column.deficit"), "carbon", first[deficit], words))
    columns.append(amount_column(words(f"column.{amount}"), "money", first[amount], words))
    if "gdp_yuan" in first:
        gdp = first["gdp_yuan"].astype(float)
        columns.append(percent_column(words("column.share_of_gdp"), first[amount].astype(float) / gdp.where(gdp > 0)))
    if "priority" in first:
        columns.append(percent_column(words("column.priority"), first["priority"]))
    if "priority_class" in first:
        columns.append(text_column(words("column.class"), [words.get("priority_class", value) for value in first["priority_class"]]))
    key = "text.first_payers" if side == "payer" else "text.first_recipients"
    note = words("report.and_more", n=len(rows) - FIRST, table="compensation") if len(rows) > FIRST else ""
    return Table(words(key, n=min(FIRST, len(rows)), year=year), tuple(columns), note=note, size="dense")


def _two_orders(rows: pd.DataFrame, year: int, words: Words) -> Beside:
    """The payers by burden and by capacity, side by side."""
    tables = []
    for key, ascending, label in (("priority_rank", True, "order_burden"), ("priority_capacity", False, "order_capacity")):
        first = rows.dropna(subset=[key]).sort_values([key, "unit_id"], ascending=[ascending, True]).head(FIRST)
        columns = [
            Column(words("column.rank"), tuple(str(place + 1) for place in range(len(first)))),
            text_column(words("column.name"), first["name"]),
            amount_column(words("column.payable"), "money", first["payable"], words),
        ]
        if key == "priority_capacity":
            columns.append(number_column(words("column.capacity"), first[key], places=4))
        else:
            columns.append(percent_column(words("column.priority"), first["priority"]))
        tables.append(Table(f"{words(f'text.{label}')}, {year}", tuple(columns), size="dense"))
    return Beside(tuple(tables))


def _balance_blocks(result: ResultFolder, words: Words) -> list[Figures | Text]:
    """The chart of B(N) and the value at N = 20."""
    if "balance_ratio" not in available_figures(result):
        return []
    table = result.table("balance")
    at_20 = table[table["n"] == 20].dropna(subset=["balance_ratio"]).sort_values("year")
    blocks: list[Figures | Text] = [Figures(("balance_ratio",))]
    if len(at_20):
        pairs = ", ".join(
            f"{number(float(ratio), 2)} ({int(year)})" for ratio, year in zip(at_20["balance_ratio"], at_20["year"], strict=True)
        )
        blocks.append(Text(words("text.balance_n", ratios=pairs)))
    return blocks


def _left_out(rows: pd.DataFrame, words: Words) -> list[Text]:
    """Counties without a rank or without an amount, by name."""
    blocks = []
    unknown = rows[rows["payable"].isna() & rows["receivable"].isna()]
    unranked = rows[rows["priority_rank"].isna() & rows["side"].isin(["payer", "recipient"])]
    for table, key in ((unranked, "text.unranked"), (unknown, "text.no_amount")):
        if len(table):
            names = [str(name) for name in table["name"]]
            more = words("text.and_others", n=len(names) - MOST_LISTED) if len(names) > MOST_LISTED else ""
            blocks.append(Text(words(key, names=words.listing(names[:MOST_LISTED]) + more)))
    return blocks


def flows_section(result: ResultFolder, words: Words) -> Section:
    """The map of flows and the largest of them."""
    section = Section("flows", words("section.flows"))
    if not result.has("flows"):
        return _absent(section, words)
    flows = result.table("flows")
    year = int(flows["year"].max())
    rows = flows[flows["year"] == year].sort_values(["compensation_flow", "payer"], ascending=[False, True])
    total = float(rows["compensation_flow"].sum())
    known = rows.dropna(subset=["distance_km"])
    weight = float(known["compensation_flow"].sum())
    mean = float((known["distance_km"] * known["compensation_flow"]).sum()) / weight if weight else float("nan")
    section.blocks.append(
        Text(words("text.flows", year=year, n=len(rows), total=amount_text("money", total, words.lang), distance=number(mean)))
    )
    section.blocks.append(Text(_flow_closure(result, year, total, words)))
    province = _provinces(result)
    if province and total:
        crossing = rows["payer"].map(province) != rows["recipient"].map(province)
        share = percent(float(rows.loc[crossing, "compensation_flow"].sum()) / total)
        section.blocks.append(Text(words("text.flows_cross", share=share)))
    if "flows_map" in available_figures(result):
        section.blocks.append(Figures(("flows_map",)))
    section.blocks += [_flow_table(result, rows, year, words), Text(words("text.term_sheet"))]
    return section


def _flow_closure(result: ResultFolder, year: int, total: float, words: Words) -> str:
    """Whether the flows carry all that is owed and due, or the smaller of the two."""
    if not result.has("compensation"):
        return words("text.flows_exact")
    amounts = result.table("compensation")
    sums = amounts[amounts["year"] == year][["payable", "receivable"]].astype(float).sum()
    if abs(sums["payable"] - total) <= FEN_TOLERANCE * total and abs(sums["receivable"] - total) <= FEN_TOLERANCE * total:
        return words("text.flows_exact")
    return words("text.flows_short", **{name: amount_text("money", float(sums[name]), words.lang) for name in ("payable", "receivable")})


def _provinces(result: ResultFolder) -> dict[str, str]:
    """Province of each county; empty where counties carry none."""
    counties = result.counties
    if counties is None or "province" not in counties:
        return {}
    return {str(key): str(value) for key, value in counties["province"].dropna().items()}


def _flow_table(result: ResultFolder, rows: pd.DataFrame, year: int, words: Words) -> Table:
    """The largest flows with names, amounts and distances."""
    first = rows.head(FIRST)
    names = {**result.names, **{each: words(f"side.{each}") for each in INSTITUTIONS}}
    columns = (
        Column(words("column.rank"), tuple(str(place + 1) for place in range(len(first)))),
        text_column(words("column.payer"), [names.get(key, key) for key in first["payer"]]),
        text_column(words("column.recipient"), [names.get(key, key) for key in first["recipient"]]),
        amount_column(words("column.flow"), "money", first["compensation_flow"], words),
        number_column(words("column.distance"), first["distance_km"], unit="km", places=0),
    )
    note = words("report.and_more", n=len(rows) - FIRST, table="flows") if len(rows) > FIRST else ""
    return Table(words("text.flows_table", n=len(first), year=year), columns, note=note, size="dense")


def direction_section(result: ResultFolder, words: Words) -> Section:
    """Net payers and recipients by province and city, and how far from practice the amounts are."""
    section = Section("direction", words("section.direction"))
    if not result.has("direction"):
        return _absent(section, words)
    table = result.table("direction")
    section.blocks.append(Text(words("text.direction")))
    provinces = table[table["level"] == "province"]
    if len(provinces):
        section.blocks.append(_direction_table(provinces, words("text.direction_province"), words, with_year=True))
        held = " ".join(str(name) for name in provinces["name"].unique())
        section.blocks += [Note(text) for text in words.reality(held)]
    cities = table[(table["level"] == "city") & (table["year"] == table["year"].max())]
    if len(cities):
        cities = cities.sort_values("net_compensation")
        section.blocks.append(_direction_table(cities, words("text.direction_city", year=int(table["year"].max())), words, with_year=False))
    return section


def _direction_table(rows: pd.DataFrame, caption: str, words: Words, *, with_year: bool) -> Table:
    columns = [text_column(words("column.name"), rows["name"])]
    if with_year:
        columns.append(year_column(words("column.year"), rows["year"]))
    money = {"payable": rows["payable"], "receivable": rows["receivable"], "net": rows["net_compensation"]}
    columns += amount_columns("money", {words(f"column.{label}"): values for label, values in money.items()}, words)
    if "share_of_gdp" in rows:
        shares = [None if pd.isna(share) else 100 * float(share) for share in rows["share_of_gdp"]]
        columns.append(number_column(words("column.share_of_gdp"), shares, unit="%", places=3))
    return Table(caption, tuple(columns))


def centre_section(result: ResultFolder, words: Words) -> Section:
    """Where the centres lie and how they moved."""
    section = Section("centre", words("section.centre"))
    if not result.has("centre_of_gravity"):
        return _absent(section, words)
    table = result.table("centre_of_gravity")
    bearing = table["bearing_deg"] if "bearing_deg" in table else [None] * len(table)
    columns = (
        text_column(words("column.quantity"), [words.term(str(name)) for name in table["quantity"]]),
        year_column(words("column.year"), table["year"]),
        number_column(words("column.lon"), table["lon"], unit="°E", places=3),
        number_column(words("column.lat"), table["lat"], unit="°N", places=3),
        number_column(words("column.shift"), table["shift_km"], unit="km", places=1),
        number_column(words("column.bearing"), bearing, unit="°", places=0),
        number_column(words("column.major"), table["ellipse_major_km"], unit="km", places=0),
        number_column(words("column.minor"), table["ellipse_minor_km"], unit="km", places=0),
        number_column(words("column.angle"), table["ellipse_angle_deg"], unit="°", places=0),
    )
    if "centre_track" in available_figures(result):
        section.blocks.append(Figures(("centre_track",)))
    section.blocks += [Text(words("text.centre")), Table(words("text.centre_table"), columns, size="dense")]
    if result.has("centre_drift"):
        section.blocks.append(Text(_drift(result.table("centre_drift"), words)))
    return section


def _drift(table: pd.DataFrame, words: Words) -> str:
    """Whether each centre moved by more than chance, in a sentence each."""
    said = []
    for row in table.to_dict("records"):
        key = "worth.drift_real" if row["is_more_than_noise"] == True else "worth.drift_noise"  # noqa: E712 - may be missing
        where = {"quantity": words.term(str(row["quantity"])), "first": int(row["first_year"]), "last": int(row["last_year"])}
        said.append(words(key, **where, shift=number(float(row["shift_km"]), places=1), sd=number(float(row["sd_major_km"]), places=1)))
    return " ".join(said)


def _absent(section: Section, words: Words) -> Section:
    """The section with nothing but the reason why it is left out."""
    section.blocks.append(Note(words(f"absent.{section.name}")))
    return section
