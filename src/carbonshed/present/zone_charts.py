"""Figures on what the zones rest on: the zones of neighbouring sides, and how many zones the data hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from carbonshed.present.chart_plates import chart_plate
from carbonshed.present.display import number
from carbonshed.present.folder import ResultFolder
from carbonshed.present.maps import Drawing
from carbonshed.present.plates import borders, fill, furniture, hatch, map_plate, region_outline, zone_patch
from carbonshed.present.style import INK, OTHER_COLOURS, PALE, ZONE_COLOURS, ZONE_HATCH
from carbonshed.present.words import Words

ROLES = ("finer", "chosen", "coarser")
CRITERIA = ("silhouette", "davies_bouldin", "calinski_harabasz", "gap", "stability_ari", "explained_share")
"""In the order of the figure; `davies_bouldin` is better where it is low."""
STABLE = 0.8


def side_agreement(result: ResultFolder) -> dict[float, dict[str, float]]:
    """ARI and share of the area in the same zone of each neighbouring side in the last year, by side."""
    if not result.has("zone_scale_agreement"):
        return {}
    table = result.table("zone_scale_agreement")
    rows = table[(table["kind"] == "side") & (table["year"] == table["year"].max())]
    return {float(row["side_km"]): {"ari": float(row["ari"]), "same_share": float(row["same_share"])} for _, row in rows.iterrows()}


def scale_zones_map(result: ResultFolder, words: Words) -> Drawing:
    """Zones of the last year that the chosen side and its neighbours give, with one legend; the ARI with the zones shown over each."""
    table, agreement = result.geo("scale_zones"), side_agreement(result)
    year = int(table["year"].max())
    table = table[table["year"] == year]
    roles = [role for role in ROLES if (table["scale_role"] == role).any()]
    sides = {role: float(table.loc[table["scale_role"] == role, "scale_km"].iloc[0]) for role in roles}
    present = [name for name in ZONE_COLOURS if (table["zone"] == name).any()]
    titles = []
    for role, side in sides.items():
        found = agreement.get(side)
        beside = words("scale.chosen") if role == "chosen" else f"ARI {number(found['ari'], places=2)}" if found else ""
        titles.append(f"{side:g} km  |  {beside}" if beside else f"{side:g} km")
    plate = map_plate(
        result,
        title=words("figure.scale_zones_map"),
        subtitle=words("worth.reading_sides", year=year),
        panel_titles=titles,
        handles=[zone_patch(result, name, words) for name in present],
    )
    inside = region_outline(result)
    shapes = table.geometry.to_numpy()
    for panel, role in zip(plate.panels, roles, strict=True):
        rows = (table["scale_role"] == role).to_numpy()
        fill(
            panel,
            result,
            shapes[rows],
            [ZONE_COLOURS.get(name, ZONE_COLOURS["missing"]) for name in table.loc[rows, "zone"]],
            inside=inside,
        )
        for name, pattern in ZONE_HATCH.items() if result.page.hatches_zones else ():
            hatch(panel, result, shapes[rows], (table["zone"] == name).to_numpy()[rows], pattern=pattern, inside=inside)
        borders(panel, result)
    furniture(plate.panels[0], result, words)
    ari = table["scale_km"].map({side: found["ari"] for side, found in agreement.items()})
    return Drawing(plate.figure, pd.DataFrame(table[["unit_id", "year", "scale_role", "scale_km", "zone"]]).assign(ari=ari))


def shown_criteria(result: ResultFolder) -> list[str]:
    """Criteria of the number of zones that the result holds."""
    table = result.table("choice_of_k")
    return [name for name in CRITERIA if name in table and table[name].notna().sum() > 1]


def choice_of_k_chart(result: ResultFolder, words: Words) -> Drawing:
    """A panel a criterion against the number of zones; what each would choose is filled, the number used is marked."""
    table, names = result.table("choice_of_k"), shown_criteria(result)
    said: dict[str, Any] = result.stated("choices", "number_of_zones") or {}
    counts = [int(k) for k in table["zones"]]
    plate = chart_plate(
        result,
        title=words("figure.choice_of_k"),
        subtitle=words("worth.reading_k"),
        panel_height_in=0.95,
        count=len(names),
        per_row=3,
        least_width_in=1.05,
        room=(0.42, 0.26, 0.08, 0.26),
        handles=_k_handles(names, said, counts, words),
    )
    for panel, name in zip(plate.panels, names, strict=True):
        values = table[name].astype(float).to_numpy()
        if "used" in said:
            panel.axvline(int(said["used"]), color=PALE, linewidth=4, zorder=0)
        if name == "gap" and "gap_error" in table:
            panel.errorbar(counts, values, yerr=table["gap_error"].astype(float), color=OTHER_COLOURS[0], linewidth=1.0, capsize=2)
        panel.plot(counts, values, "-o", color=OTHER_COLOURS[0], markersize=3, markerfacecolor="white", linewidth=1.0)
        if said.get(name) in counts:
            panel.plot([said[name]], [values[counts.index(said[name])]], "o", color=INK, markersize=4.5, zorder=3)
        if name == "stability_ari":
            panel.axhline(STABLE, color=INK, linewidth=0.7, linestyle="--")
        panel.set_title(words.term(name), fontsize=7, pad=3, loc="left")
        panel.tick_params(labelsize=6.5, pad=1.5, length=2)
        panel.xaxis.set_major_locator(FixedLocator(counts))
        panel.yaxis.set_major_locator(MaxNLocator(3))
        panel.ticklabel_format(axis="y", scilimits=(-3, 6), useMathText=False)
    chosen = pd.DataFrame({f"{name} chooses": np.asarray(counts) == said.get(name, -1) for name in names})
    return Drawing(plate.figure, pd.concat([table[["zones", *names, *(["gap_error"] if "gap" in names else [])]], chosen], axis=1))


def _k_handles(names: list[str], said: dict[str, Any], counts: list[int], words: Words) -> list[Any]:
    """Legend entries of the marks that the panels hold."""
    handles: list[Any] = []
    if "used" in said:
        handles.append(Line2D([], [], color=PALE, linewidth=4, label=words("worth.k_used", k=int(said["used"]))))
    if any(said.get(name) in counts for name in names):
        handles.append(Line2D([], [], color=INK, marker="o", markersize=4.5, linewidth=0, label=words("worth.k_best")))
    if "stability_ari" in names:
        handles.append(Line2D([], [], color=INK, linewidth=0.7, linestyle="--", label=words("worth.k_target", target=f"{STABLE:g}")))
    if "gap" in names:
        handles.append(Line2D([], [], color=OTHER_COLOURS[0], marker="|", markersize=8, linewidth=0, label=words("worth.k_error")))
    return handles
