"""County statistics brought onto the division of one base year: merged, split, renamed and recoded counties, nothing dropped in silence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from carbonshed import registry
from carbonshed.checks import InputError, Problem, check_columns, examples, warn
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.readers.tables import county_table_problems
from carbonshed.spatial.counties import crosswalk

COLUMNS = ("code_old", "code_new", "share")


def onto_base_year(table: pd.DataFrame, path: Path, *, ids: pd.Index | None, years: list[int]) -> pd.DataFrame:
    """A county table in old codes as one in the codes of the boundaries: ``X_new = sum_old share X_old``.

    Parameters
    ----------
    table : DataFrame
        Index old codes, column year, extensive columns (amounts and money; a ratio cannot be moved).
    path : Path
        Crosswalk: code_old, code_new, share, and where they hold for some years only valid_from and valid_to.
    ids : Index, optional
        Ids of the boundaries, which the new codes must be.
    years : list of int

    Raises
    ------
    InputError
        Shares of an old code that do not sum to 1; a code of the table that the crosswalk does not name; a column that is a ratio; a
        county left without a row, or a row without a county.

    Warns
    -----
    DataWarning
        Saying how many counties were merged, split and recoded, with examples.
    """
    shares = read_raw_table(path)
    check_columns(shares.columns, COLUMNS, where=path.name)
    shares = shares.assign(share=pd.to_numeric(shares["share"], errors="coerce"))
    for column in ("valid_from", "valid_to"):
        if column in shares:
            shares[column] = pd.to_numeric(shares[column], errors="coerce")
    columns = [str(c) for c in table if c != "year"]
    kinds = {c: _kind(c) for c in columns}
    ratios = [c for c, kind in kinds.items() if kind not in ("extensive", "money")]
    if ratios:
        fix = "Take these columns out of the table, or give them on the base year without a crosswalk."
        raise InputError(Problem("ratio_in_crosswalk", "amounts that add up", examples(ratios), path.name, fix))
    moved = crosswalk(table, shares, kinds=kinds)
    problems = [
        p for p in county_table_problems(moved, ids=ids, years=years, where=f"{path.name}, after the move") if p.severity == "error"
    ]
    if problems:
        raise InputError(problems)
    warn(_told(shares, path.name))
    return moved


def _kind(column: str) -> str:
    """Kind of a column: of its term, or by what ``[accounting]`` asks of the table (yields and farm inputs add up, NPP does not)."""
    if column.startswith(("yield ", "input ")):
        return "extensive"
    return "intensive" if column in ("npp", "respiration") else registry.term(column).kind


def _told(shares: pd.DataFrame, name: str) -> str:
    pairs = shares[["code_old", "code_new"]].drop_duplicates()
    is_split, is_merged = pairs["code_old"].duplicated(keep=False), pairs["code_new"].duplicated(keep=False)
    is_recoded = ~is_split & ~is_merged & (pairs["code_old"] != pairs["code_new"])
    parts = {
        "merged into": pairs.loc[is_merged, "code_new"],
        "split": pairs.loc[is_split, "code_old"],
        "recoded to": pairs.loc[is_recoded, "code_new"],
    }
    lists = {word: sorted({str(code) for code in codes}) for word, codes in parts.items()}
    said = "; ".join(f"{word} {examples(codes)} ({len(codes)})" for word, codes in lists.items() if codes)
    return f"{name}: counties brought onto the base year: {said or 'none changed'}."
