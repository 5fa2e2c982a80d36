"""Coefficient tables of users: a TOML file to the plain content that `carbonshed.accounting` checks and converts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from carbonshed.checks import refuse


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
    if not file.is_file():
        raise refuse("no_file", expected="a coefficient TOML", got="no file", where=str(file), fix="Check the path, or use a named set.")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refuse("not_toml", expected="TOML in UTF-8", got=str(error), where=str(file), fix="Mend the line named.") from error
    return {"name": file.stem, **content}
