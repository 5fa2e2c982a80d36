"""What a result says of itself in a notebook: region, years, units, status, warnings, and the tables there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from carbonshed.present.style import GREY, INK, PALE
from carbonshed.registry import terms

TOTALS = ("area_km2", "carbon_source", "carbon_sink", "net_carbon_emission", "payable", "receivable")
MOST_WARNINGS = 5


def result_html(manifest: Mapping[str, Any], tables: Sequence[str], folder: str | None) -> str:
    """A card in HTML, without scripts: facts above, totals a year with units, warnings, tables; dark on white in dark notebooks too.

    Parameters
    ----------
    manifest : mapping
        Manifest of the result.
    tables : sequence of str
        Names of its tables.
    folder : str, optional
        Where it stands; None for one in memory.
    """
    study = manifest["study"]
    errors = [float(row["relative_error"]) for row in manifest.get("balance_checks") or [] if row.get("relative_error") is not None]
    facts = [
        ("years 年份", ", ".join(map(str, study["years"]))),
        ("status 状态", f"{len(manifest.get('steps') or [])} steps done 步骤完成; " + (folder or "in memory 内存中")),
        ("CRS 坐标系", str(study.get("crs", ""))),
        ("balance 守恒", f"{len(errors)} checks, largest relative error {max(errors):.0e}" if errors else "no checks 无"),
        ("tables 结果表", ", ".join(tables)),
    ]
    simulated = "<p><b>SIMULATED DATA 模拟数据</b></p>" if manifest.get("is_simulated") else ""
    rows = "".join(f"<tr><th style='text-align:left;color:{GREY}'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts)
    return (
        f"<div style='color:{INK};border:1px solid {PALE};border-radius:4px;padding:8px 12px;max-width:60em;"
        "background:#FFFFFF;overflow-x:auto'>"
        f"<b>carbonshed: {escape(str(study['name']))}</b>{simulated}<table>{rows}</table>"
        f"{_totals(manifest.get('totals') or [])}{_warnings(manifest.get('warnings') or [])}</div>"
    )


def _totals(rows: Sequence[Mapping[str, Any]]) -> str:
    """Totals of each year, with Chinese and English names and units in the heads."""
    known = terms()
    columns = [name for name in TOTALS if any(name in row for row in rows)]
    if not columns:
        return ""
    heads = "".join(f"<th>{escape(known[c].zh)}<br>{escape(known[c].en)}<br>[{escape(known[c].unit)}]</th>" for c in columns)
    body = "".join(
        f"<tr><th>{row['year']}</th>" + "".join(f"<td>{_number(row.get(name))}</td>" for name in columns) + "</tr>" for row in rows
    )
    return f"<table><tr><th>year 年</th>{heads}</tr>{body}</table>"


def _number(value: Any) -> str:
    """Four significant digits with thousands separated; a dash where it is not known."""
    if value is None:
        return "–"
    number = float(value)
    return f"{float(f'{number:.4g}'):,.10g}"


def _warnings(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return "<p>no warnings 无警告</p>"
    shown = "".join(f"<li>{escape(row['step'])}: {escape(row['message'])}</li>" for row in rows[:MOST_WARNINGS])
    more = f"<li>… {len(rows) - MOST_WARNINGS} more 其余</li>" if len(rows) > MOST_WARNINGS else ""
    return f"<p>{len(rows)} warning(s) 警告</p><ul>{shown}{more}</ul>"
