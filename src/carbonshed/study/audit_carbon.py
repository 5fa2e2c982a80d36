"""Identities of carbon and land: pieces = cells of every scale = counties = zones = the region; net = source - sink."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from carbonshed.spatial.cell_ids import coarse_ids
from carbonshed.study.ledger import Ledger, added, keyed, ratio, summed

UNIT = ("year", "unit_id")
CARBON = ("carbon_source", "carbon_sink", "net_carbon_emission")


def land_areas(ledger: Ledger) -> None:
    """Class areas of the finest cells and of the counties are sums of pieces."""
    if not ledger.has("pieces", "land_area"):
        return
    pieces, land = ledger.table("pieces"), ledger.table("land_area")
    for level, key in (("grid", "cell_id"), ("county", "county_id")):
        rows = land[land["level"] == level]
        for column in [c for c in added(rows) if c in pieces]:
            sums = summed(pieces, ("year", key), column, unknown=0).rename_axis(index=list(UNIT))
            ledger.equal(
                "land_area", f"{column}: {level} = sum of its pieces", f"{column}：{level} = 所含碎片之和", keyed(rows, UNIT, column), sums
            )


def cells(ledger: Ledger) -> None:
    """The finest cells have the areas of the table of land; every coarser cell is the sum of the finest cells that it holds."""
    if "accounts_grid" not in ledger:
        return
    grid = ledger.table("accounts_grid")
    base = grid["scale_km"].min()
    fine = grid[grid["scale_km"] == base]
    if "land_area" in ledger:
        land = ledger.table("land_area")
        _same(ledger, "accounts_grid", fine, land[land["level"] == "grid"], "land_area")
    ids = pd.Index(fine["unit_id"].unique())
    for side in sorted(set(grid["scale_km"]) - {base}):
        rows = grid[grid["scale_km"] == side]
        held = fine["unit_id"].map(pd.Series(coarse_ids(ids, round(side / base)), index=ids))
        for column in added(fine, ("scale_km",)):
            signed = column == "net_carbon_emission"
            parts = fine.assign(unit_id=held)
            size = summed(parts.assign(term=parts["carbon_source"] + parts["carbon_sink"]), UNIT, "term") * 100 if signed else 0.0
            en, zh = f"{column}: cells of {side:g} km = sum of cells of {base:g} km", f"{column}：{side:g} km 格网 = {base:g} km 格网之和"
            ledger.equal("accounts_grid", en, zh, keyed(rows, UNIT, column), summed(parts, UNIT, column), size=size)
    share = grid["area_km2"] / grid["scale_km"] ** 2
    ledger.equal("accounts_grid", "inside_share = area / side^2", "inside_share = 面积 / 边长²", grid["inside_share"], share)


def _same(ledger: Ledger, table: str, rows: pd.DataFrame, others: pd.DataFrame, other: str, *, leave: tuple[str, ...] = ()) -> None:
    """Every column that is added up and stands in both tables is the same for the same year and id."""
    for column in [c for c in added(rows, leave) if c in others]:
        found = keyed(others, UNIT, column).reindex(pd.MultiIndex.from_frame(rows[list(UNIT)]))
        ledger.equal(table, f"{column}: {table} = {other}", f"{column}：{table} = {other}", keyed(rows, UNIT, column), found)


def counties(ledger: Ledger) -> None:
    """Counties have the areas of the table of land, and add up to what the finest cells add up to."""
    if "accounts_county" not in ledger:
        return
    county = ledger.table("accounts_county")
    if "land_area" in ledger:
        land = ledger.table("land_area")
        _same(ledger, "accounts_county", county, land[land["level"] == "county"], "land_area", leave=("area_km2",))
    if "accounts_grid" in ledger:
        grid = ledger.table("accounts_grid")
        fine = grid[grid["scale_km"] == grid["scale_km"].min()]
        for column in [c for c in added(county) if c in fine]:
            size = summed(fine, ["year"], "carbon_source") * 100 if column == "net_carbon_emission" else 0.0
            tolerance = 1e-9 if column == "area_km2" else 1e-11
            sums = summed(county, ["year"], column), summed(fine, ["year"], column)
            en, zh = f"{column}: sum of counties = sum of cells", f"{column}：各县之和 = 各格网之和"
            ledger.equal("accounts_county", en, zh, *sums, size=size, tolerance=tolerance)


def net(ledger: Ledger) -> None:
    """Net emission is source minus sink in every table that holds all three."""
    for name in ("accounts_grid", "accounts_county", "zones", "zone_summary", "compensation"):
        if name not in ledger or not set(CARBON) <= set(ledger.table(name)):
            continue
        frame = ledger.table(name)
        keys = [c for c in ("year", "unit_id", "zone") if c in frame][:2]
        source, sink, emitted = (keyed(frame, keys, c) for c in CARBON)
        size = source.abs() + sink.abs()
        size = size * 100 if name == "zone_summary" else size  # there it is a sum of differences
        ledger.equal(name, f"net = source - sink in {name}", f"{name}：净排放 = 碳源 − 碳汇", emitted, source - sink, size=size)


def zones(ledger: Ledger) -> None:
    """Zones carry the accounts of their cells or counties; sums by zone are those of its members; areas that change zone add up."""
    if "zones" not in ledger:
        return
    zoned = ledger.table("zones")
    known = [ledger.table(name) for name in ("accounts_grid", "accounts_county") if name in ledger]
    accounts = pd.concat(known) if known else pd.DataFrame({"unit_id": [], "year": []})
    units = pd.MultiIndex.from_frame(zoned[list(UNIT)])
    accounts = accounts[pd.MultiIndex.from_frame(accounts[list(UNIT)]).isin(units)]
    _same(ledger, "zones", zoned, accounts, "accounts")
    own = [c for c in ("carbon_source", "carbon_sink") if c in zoned]
    if "esc" in zoned and len(own) == 2:
        sums = zoned.groupby("year")[own].transform("sum")
        share = ratio(zoned["carbon_sink"] / sums["carbon_sink"], zoned["carbon_source"] / sums["carbon_source"])
        ledger.equal("zones", "esc = (S_i / S) / (C_i / C)", "esc = (S_i / S) / (C_i / C)", zoned["esc"], share)
    if {"distance_own", "distance_other"} <= set(zoned):
        first, second = zoned["distance_own"], zoned["distance_other"]
        margin, size = second**2 - first**2, first**2 + second**2
        ledger.equal(
            "zones", "zone_margin = d2^2 - d1^2", "zone_margin = d2² − d1²", zoned["zone_margin"], margin, size=size, tolerance=1e-8
        )
        sure = (1 - ratio(first, second)).clip(lower=0.0)
        said = "zone_confidence = 1 - d1 / d2"
        ledger.equal("zones", said, said, zoned["zone_confidence"], sure.where(zoned["zone_confidence"].notna()), tolerance=1e-8)
    areas = keyed(accounts, UNIT, "area_km2").reindex(units).to_numpy()
    _zone_sums(ledger, zoned.assign(area_km2=areas, n_units=1.0), accounts)


def _zone_sums(ledger: Ledger, zoned: pd.DataFrame, accounts: pd.DataFrame) -> None:
    for column in CARBON:
        if column not in zoned:
            zoned = zoned.assign(**{column: keyed(accounts, UNIT, column).reindex(pd.MultiIndex.from_frame(zoned[list(UNIT)])).to_numpy()})
    if "zone_summary" in ledger:
        table = ledger.table("zone_summary")
        size = summed(zoned.assign(term=zoned["carbon_source"] + zoned["carbon_sink"]), ("year", "zone"), "term") * 100
        for column in ("n_units", "area_km2", *CARBON):
            sides = keyed(table, ("year", "zone"), column), summed(zoned, ("year", "zone"), column, unknown=0)
            en, zh = f"{column}: zone = sum of its members", f"{column}：分区 = 成员之和"
            ledger.equal("zone_summary", en, zh, *sides, size=size if column == "net_carbon_emission" else 0.0)
    if "zone_transitions" in ledger:
        table = ledger.table("zone_transitions")
        for end in ("from", "to"):
            keys = [f"year_{end}", f"zone_{end}"]
            asked = table[keys].drop_duplicates()
            for column in ("n_units", "area_km2"):
                held = summed(zoned, ("year", "zone"), column).rename_axis(index=keys)
                moved = summed(table, keys, column)
                found = held.reindex(pd.MultiIndex.from_frame(asked))
                en, zh = f"{column}: transitions {end} a zone = the zone", f"{column}：{'转出' if end == 'from' else '转入'}合计 = 该分区"
                ledger.equal("zone_transitions", en, zh, moved, found)


def scales(ledger: Ledger) -> None:
    """The total stated at every candidate scale is that of the cells."""
    if not ledger.has("scale_response", "accounts_grid") or "total" not in ledger.table("scale_response"):
        return
    response, grid = ledger.table("scale_response"), ledger.table("accounts_grid")
    keys = ["year", "scale_km"]
    size = summed(grid, keys, "carbon_source") * 100
    for quantity in [q for q in CARBON if q in set(response["quantity"])]:
        rows = response[response["quantity"] == quantity]
        sums = summed(grid, keys, quantity).reindex(pd.MultiIndex.from_frame(rows[keys]))
        en, zh = f"{quantity}: total of scale_response = sum of cells", f"{quantity}：尺度响应表合计 = 各格网之和"
        ledger.equal("scale_response", en, zh, keyed(rows, keys, "total"), sums, size=size if quantity.startswith("net") else 0.0)


def land_changes(ledger: Ledger) -> None:
    """Old area = what stayed + loss; new area = what stayed + gain; transfers add up to both."""
    if not ledger.has("land_changes", "land_transfers"):
        return
    change, moved = ledger.table("land_changes").set_index(["period", "land_class"]), ledger.table("land_transfers")
    gain, loss = change["gain"], change["loss"]
    years = change.index.get_level_values("period").str.extract(r"(\d+)-(\d+)").astype(float).to_numpy()
    told: list[tuple[str, pd.Series, pd.Series]] = [
        ("area_from = stayed + loss", change["area_from"], change["stayed"] + loss),
        ("area_to = stayed + gain", change["area_to"], change["stayed"] + gain),
        ("net_change = gain - loss", change["net_change"], gain - loss),
        ("swap = 2 min(gain, loss)", change["swap"], 2 * gain.where(gain < loss, loss)),
    ]
    degree = 100 * ratio(change["net_change"], change["area_from"]) / (years[:, 1] - years[:, 0])
    told.append(("dynamic_degree = net_change / area_from / years", change["dynamic_degree"], degree))
    for said, left, right in told:
        ledger.equal("land_changes", said, said, left, right, size=change["area_from"] + change["area_to"])
    for end, column in (("from_class", "area_from"), ("to_class", "area_to")):
        sums = summed(moved, ("period", end), "area_km2").rename_axis(index=["period", "land_class"])
        ledger.equal("land_transfers", f"transfers by {end} = {column}", f"按 {end} 汇总的转移面积 = {column}", change[column], sums)
    _effects(ledger, moved)
    _noise(ledger, change)


def _effects(ledger: Ledger, moved: pd.DataFrame) -> None:
    """The effect of a transfer per area is the difference of two classes: round any ring of classes it adds up to nothing."""
    names = sorted({*moved["from_class"], *moved["to_class"]})
    design = np.zeros((len(moved), len(names)))
    for sign, end in ((-1.0, "from_class"), (1.0, "to_class")):
        design[np.arange(len(moved)), [names.index(each) for each in moved[end]]] += sign
    per_area = (moved["change_effect"] / moved["area_km2"]).to_numpy()
    if not np.isfinite(per_area).all() or not len(moved):
        return
    fitted = design @ np.linalg.lstsq(design, per_area, rcond=None)[0]
    size = pd.Series(np.abs(per_area).max() * 1000, index=moved.index)
    said = "effect of a transfer per area = difference of its two classes", "单位面积转移效应 = 两地类之差"
    ledger.equal(
        "land_transfers", *said, pd.Series(per_area, index=moved.index), pd.Series(fitted, index=moved.index), size=size, tolerance=1e-10
    )


def _noise(ledger: Ledger, change: pd.DataFrame) -> None:
    if "land_change_noise" not in ledger:
        return
    noise = ledger.table("land_change_noise").set_index("period")
    sums = change.groupby("period").sum()
    sides = {
        "changed": (noise["changed"], sums["gain"]),
        "changed_share": (noise["changed_share"], ratio(noise["changed"], sums["area_from"])),
        "swap_share": (noise["swap_share"], ratio(sums["swap"], sums["gain"] + sums["loss"])),
    }
    built = change.xs("built_up", level="land_class") if "built_up" in change.index.get_level_values(1) else None
    if built is not None:
        sides["left"] = noise["left"], built["loss"]
        sides["left_share"] = noise["left_share"], ratio(noise["left"], built["area_from"])
    for name, (left, right) in sides.items():
        ledger.equal("land_change_noise", f"{name} from land_changes", f"{name} 由 land_changes 重算", left, right)


def shares(ledger: Ledger) -> None:
    """Shares sum to 1; totals that were spread are what was to be spread."""
    if "lisa_transitions" in ledger:
        table = ledger.table("lisa_transitions")
        keys = ["quantity", "from_class"]
        whole = table.groupby(keys)["count"].transform("sum")
        found = (table["count"] / whole.where(whole > 0)).fillna(0.0)
        said = "probability = count / count of the class", "转移概率 = 次数 / 该类次数"
        ledger.equal("lisa_transitions", *said, table["probability"].fillna(0.0), found)
    if "zone_methods" in ledger:
        table = ledger.table("zone_methods")
        parts = table[[c for c in table if str(c).startswith("share_")]].sum(axis=1)
        ledger.equal("zone_methods", "shares of the zones = 1", "各分区占比之和 = 1", parts, pd.Series(1.0, index=parts.index))
    if "allocation_report" in ledger:
        table = ledger.table("allocation_report")
        sides = (pd.to_numeric(table[c], errors="coerce") for c in ("total", "allocated"))
        ledger.equal("allocation_report", "allocated = total", "分摊合计 = 总量", *sides, tolerance=1e-11)


SUBJECTS: tuple[tuple[str, Callable[[Ledger], None]], ...] = (
    ("land", land_areas),
    ("cells", cells),
    ("counties", counties),
    ("net", net),
    ("zones", zones),
    ("scales", scales),
    ("land_changes", land_changes),
    ("shares", shares),
)
