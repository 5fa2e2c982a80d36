"""Tidy differences between two results: settings, totals, zones and amounts, each with its unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from carbonshed import registry
from carbonshed.study.result import Result

QUANTITIES = {
    "accounts_county": ("carbon_source", "carbon_sink", "net_carbon_emission"),
    "compensation": ("payable", "receivable", "net_compensation"),
    "flows": ("compensation_flow",),
}


def compare_results(first: Result, second: Result) -> pd.DataFrame:
    """What differs between two results.

    Returns
    -------
    DataFrame
        One row a difference: ``what`` (setting, total, zone share, units changed), ``year``, ``first``, ``second``, ``difference``
        (second - first, NaN for settings) and ``unit``. Equal values are left out; equal results give no row.
    """
    rows = [*_settings(first, second), *_totals(first, second), *_zones(first, second)]
    return pd.DataFrame(rows, columns=["what", "year", "first", "second", "difference", "unit"], dtype=object)


def _settings(first: Result, second: Result) -> list[dict[str, Any]]:
    one, two = (_flat(result.manifest["spec"]) for result in (first, second))
    keys = sorted(k for k in {*one, *two} if one.get(k) != two.get(k))
    return [_row(f"setting {key}", None, one.get(key), two.get(key), np.nan, "-") for key in keys]


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def _totals(first: Result, second: Result) -> list[dict[str, Any]]:
    rows = []
    for table, columns in QUANTITIES.items():
        if table not in first.tables or table not in second.tables:
            continue
        for column in columns:
            sums = [result.table(table).groupby("year")[column].sum() for result in (first, second)]
            for year in sorted({*sums[0].index, *sums[1].index}):
                a, b = (float(s.get(year, np.nan)) for s in sums)
                if not (a == b or (np.isnan(a) and np.isnan(b))):
                    rows.append(_row(f"total {column}", int(year), a, b, b - a, registry.term(column).unit))
    return rows


def _zones(first: Result, second: Result) -> list[dict[str, Any]]:
    if "zones" not in first.tables or "zones" not in second.tables:
        return []
    one, two = (r.zones.set_index("year", append=True)["zone"].astype(str) for r in (first, second))
    shared = one.index.intersection(two.index)
    rows = []
    for year in sorted(set(shared.get_level_values("year"))):
        a, b = (zones.loc[shared][shared.get_level_values("year") == year] for zones in (one, two))
        changed = int((a.to_numpy() != b.to_numpy()).sum())
        if changed:
            rows.append(_row("cells or counties that change zone", int(year), 0, changed, changed, "1"))
    return rows


def _row(what: str, year: int | None, first: Any, second: Any, difference: float, unit: str) -> dict[str, Any]:
    return {"what": what, "year": year, "first": first, "second": second, "difference": difference, "unit": unit}
