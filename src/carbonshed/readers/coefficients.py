"""Coefficient tables of users: a TOML file to the plain content that `carbonshed.accounting` checks and converts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carbonshed.checks import refuse
from carbonshed.readers.foreign_files import read_toml


def coefficients_from_toml(path: str | Path) -> dict[str, Any]:
    """Read a coefficient TOML: ``name``, optionally ``base`` (a named set), and tables ``[[coefficient]]``.

    Each row has land_class, side (source or sink), value (>= 0), unit, citation and status, and may have low, high and note.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Plain content, for `load_coefficients` and for the option `coefficients`; its name is that of the file where it gives none.

    Raises
    ------
    InputError
        No such file, or not TOML in UTF-8.
    """
    file = Path(path)
    content = read_toml(file, expected="a coefficient TOML in UTF-8")
    rows = content.get("coefficient", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        fix = "Write each row under a head [[coefficient]] of its own."
        raise refuse("not_rows", expected="tables [[coefficient]]", got="another value", where=str(file), fix=fix)
    return {"name": file.stem, **content}
