"""What a run finds of the twin: its zones, scale and trends beside the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from carbonshed.checks import refuse
from carbonshed.spatial.cell_ids import coarse_ids, parse_cell_ids
from carbonshed.study.frames import by_year
from carbonshed.study.result import Result
from carbonshed.study.twin.landscape import ZONES
from carbonshed.study.twin.truth import by_date
from carbonshed.zoning.validate import agreement


def found_again(result: Result, folder: str | Path) -> dict[str, Any]:
    """Zones, scale and trends of a run of the twin beside its truth.

    Parameters
    ----------
    result : Result
        Of the study that `write_twin` wrote, zoned on the grid.
    folder : path
        The study's folder, with ``truth/``.

    Returns
    -------
    dict
        zone_ari: adjusted Rand index of the zones and the true zones, these by majority of area on the cells of the zones, each cell
        weighted by its area (counted on the base grid), all years; zone_ari_by_year; zone_agreement: share of the area with the true name.
        scale_km, low_km, high_km of the run; true_scale_km; scale_found: whether the truth lies within the interval.
        zone_shares: share of the area by zone and year; carbon_source_t, carbon_sink_t by year.
        trends: for each trend that is known, whether the run shows it; all_found.

    Raises
    ------
    InputError
        If the folder holds no truth, or the zones are not on a grid that the base grid nests in.
    """
    place = Path(folder) / "truth"
    if not (place / "truth.json").is_file():
        fix = "Give the folder that `carbonshed demo --twin` wrote."
        raise refuse("no_truth", expected="truth/truth.json", got="no such file", where=str(folder), fix=fix)
    truth = json.loads((place / "truth.json").read_text(encoding="utf-8"))
    both = zones_beside(result.zones, pd.read_parquet(place / "zones.parquet"))
    choice = result.scale_choice.set_index("quantity").loc["carbon_sink"]
    grid = result.zones.join(result.accounts_grid.set_index("year", append=True)[["area_km2"]], on=["unit_id", "year"])
    area = grid.pivot_table(index="year", columns="zone", values="area_km2", aggfunc="sum", fill_value=0.0)
    shares = area.div(area.sum(axis=1), axis=0).reindex(columns=list(ZONES), fill_value=0.0)
    accounts = result.accounts_county.groupby("year")[["carbon_source", "carbon_sink"]].sum()
    trends = _trends(shares, accounts, truth["trends"])
    return {
        "zone_ari": agreement(both["zone"], both["true_zone"])["ari"],
        "zone_ari_by_year": {year: agreement(rows["zone"], rows["true_zone"])["ari"] for year, rows in by_year(both)},
        "zone_agreement": float((both["zone"] == both["true_zone"]).mean()),
        **{key: float(str(choice[key])) for key in ("scale_km", "low_km", "high_km")},
        "true_scale_km": truth["scale_km"],
        "scale_found": bool(choice["low_km"] <= truth["scale_km"] <= choice["high_km"]),
        "zone_shares": {zone: by_date(shares[zone]) for zone in ZONES},
        "carbon_source_t": by_date(accounts["carbon_source"]),
        "carbon_sink_t": by_date(accounts["carbon_sink"]),
        "trends": trends,
        "all_found": all(trends.values()),
    }


def zones_beside(zones: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Zone and true zone of each base cell and year, both as they are on the cells of `zones`: the truth by majority of base cells.

    Ties of the majority go to the zone that comes first of payment, balanced, recipient. Base cells whose zone is missing stay out.

    Examples
    --------
    >>> cells = ["g3:R000C000", "g3:R000C001", "g3:R001C000"]
    >>> truth = pd.DataFrame({"unit_id": cells, "year": 2000, "zone": ["payment", "payment", "balanced"]})
    >>> zones = pd.DataFrame({"year": [2000], "zone": ["recipient"]}, index=pd.Index(["g6:R000C000"], name="unit_id"))
    >>> zones_beside(zones, truth)["true_zone"].tolist()
    ['payment', 'payment', 'payment']
    """
    side, _, _ = parse_cell_ids(zones.index)
    base, _, _ = parse_cell_ids(truth["unit_id"])
    k = round(side / base)
    if abs(k * base - side) > 1e-6 * side:
        raise refuse(
            "not_nested",
            expected=f"zones on cells of whole multiples of {base / 1000:g} km",
            got=f"{side / 1000:g} km",
            where="zones",
            fix="Leave base_km and scales_km of the twin as they are.",
        )
    table = truth.assign(cell=coarse_ids(truth["unit_id"], k))
    counts = pd.crosstab([table["cell"], table["year"]], table["zone"]).reindex(columns=list(ZONES), fill_value=0)
    majority = pd.Series(np.array(ZONES)[counts.to_numpy().argmax(axis=1)], index=counts.index, name="true_zone")
    named = zones.set_index("year", append=True)["zone"].rename_axis(["cell", "year"])
    both = table[["unit_id", "cell", "year"]].join(named, on=["cell", "year"]).join(majority, on=["cell", "year"])
    return both[both["zone"].isin(ZONES)]


def _trends(shares: pd.DataFrame, accounts: pd.DataFrame, known: dict[str, Any]) -> dict[str, bool]:
    """Whether each trend of the truth shows in the shares of zones and in the accounts by year."""
    source, sink = accounts["carbon_source"], accounts["carbon_sink"]
    peak = known["carbon_source_peak_date"]
    before, after = source.loc[:peak], source.loc[peak:]
    growth = float(sink.iloc[-1] / sink.iloc[0] - 1)
    return {
        "payment_share": bool(shares["payment"].iloc[-1] < shares["payment"].iloc[0]),
        "recipient_share": bool(shares["recipient"].iloc[-1] > shares["recipient"].iloc[0]),
        "carbon_source": bool(before.is_monotonic_increasing and after.is_monotonic_decreasing and len(after) > 1),
        "carbon_source_peak_date": bool(source.loc[peak] == source.max()),
        "carbon_sink": bool(sink.is_monotonic_increasing),
        "carbon_sink_growth": bool(abs(growth - known["carbon_sink_growth"]) <= 0.1 * known["carbon_sink_growth"]),
    }
