"""``carbonshed audit``: every conservation identity of a result, recomputed from its tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from carbonshed.checks import Problem
from carbonshed.study import audit_carbon, audit_money
from carbonshed.study.ledger import Identity, Ledger
from carbonshed.study.result import Result

SUBJECTS = (*audit_carbon.SUBJECTS, *audit_money.SUBJECTS)


def identities(tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]) -> list[Identity]:
    """Every identity that the tables allow, each with its largest relative error.

    Carbon is held from pieces to cells, counties, zones and the region; money from the deficit to the payer and the recipient. No total of
    the manifest is used: of it only the choices of the run are read (closure, cap, form of the revision).

    Parameters
    ----------
    tables : Mapping of name to DataFrame
        As `Result.table` gives them.
    manifest : Mapping
    """
    ledger = Ledger(tables, manifest)
    for _, subject in SUBJECTS:
        subject(ledger)
    return ledger.identities


def audit(folder: Path) -> list[Identity]:
    """The identities of a result folder.

    Raises
    ------
    InputError
        If the folder holds no result.
    """
    result = Result.open(folder)
    return identities(result.tables, result.manifest)


def summary(found: list[Identity]) -> dict[str, Any]:
    """How many identities hold, how many rows were compared and the largest relative error: of all tables and of each. Plain data."""
    tables = {name: [row for row in found if row.table == name] for name in sorted({row.table for row in found})}
    return {**_summed(found), "tables": [{"table": name, **_summed(rows)} for name, rows in tables.items()]}


def _summed(rows: list[Identity]) -> dict[str, Any]:
    return {
        "identities": len(rows),
        "held": sum(row.holds for row in rows),
        "rows": sum(row.count for row in rows),
        "largest_relative_error": max((row.relative_error for row in rows), default=0.0),
    }


def broken(found: list[Identity], lang: str) -> list[Problem]:
    """The identities that do not hold, as problems."""
    fix = "A table was changed after the run (see `carbonshed verify`), or the run was wrong: run the study again."
    problems = []
    for row in (row for row in found if not row.holds):
        said = row.zh if lang == "zh" else row.en
        got = f"relative error {row.relative_error:.3g} at {row.where}"
        problems.append(Problem("does_not_add_up", f"{said}, to {row.tolerance:g}", got, f"tables/{row.table}.parquet", fix))
    return problems
