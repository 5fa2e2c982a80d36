"""``carbonshed audit``: every conservation identity of a result, recomputed from its tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from carbonshed.checks import Problem, refuse
from carbonshed.study import audit_carbon, audit_money
from carbonshed.study.ledger import Identity, Ledger
from carbonshed.study.pipeline import StoredTables
from carbonshed.study.store import Store

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
    store = Store(Path(folder))
    manifest = store.read_manifest()
    if not manifest:
        fix = "Give the folder that `carbonshed run` wrote."
        raise refuse("no_result", expected="a result folder with a manifest.json", got="none", where=str(folder), fix=fix)
    names = [name for step in manifest["steps"] for name in step["tables"]]
    return identities(StoredTables({}, store, names), manifest)


def broken(found: list[Identity], lang: str) -> list[Problem]:
    """The identities that do not hold, as problems."""
    fix = "A table was changed after the run (see `carbonshed verify`), or the run was wrong: run the study again."
    problems = []
    for row in (row for row in found if not row.holds):
        said = row.zh if lang == "zh" else row.en
        got = f"relative error {row.relative_error:.3g} at {row.where}"
        problems.append(Problem("does_not_add_up", f"{said}, to {row.tolerance:g}", got, f"tables/{row.table}.parquet", fix))
    return problems
