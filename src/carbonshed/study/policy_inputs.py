"""The planner's own tables: policy lines by zone and type, and the main-functional-area type of each county, laid on the zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from carbonshed.checks import InputError, Problem, check_columns, examples, nearest, refuse
from carbonshed.readers.foreign_files import read_toml
from carbonshed.readers.raw_tables import read_raw_table
from carbonshed.spatial.cell_ids import cell_ids, parse_cell_ids
from carbonshed.zoning.policy import PolicyTable, load_policy, policy_lines

Paths = Mapping[str, list[Path]]

TYPE_COLUMNS = ("unit_id", "mfz_type")


def study_policy(paths: Paths) -> PolicyTable:
    """The policy table that ``[zoning] policy`` names, or the one that ships.

    Raises
    ------
    InputError
        All that is wrong with the file at once, e.g. a zone without a line; each message names the file.
    """
    if "policy" not in paths:
        return load_policy()
    path = paths["policy"][0]
    content = read_toml(path, expected="a policy TOML in UTF-8")
    try:
        return load_policy({"name": path.name, **content})
    except InputError as error:
        problems = [Problem(p.code, p.expected, p.got, f"[zoning] policy, {path.name}: {p.where}", p.fix) for p in error.problems]
        raise InputError(problems) from error


def study_types(paths: Paths, policy: PolicyTable, counties: Iterable[str] | None = None) -> pd.Series | None:
    """Type of each county by id, from the table that ``[zoning] types`` names; None where it names none.

    Parameters
    ----------
    paths : Mapping of role -> paths
    policy : PolicyTable
        Whose types they must be.
    counties : iterable of str, optional
        Ids that are known.

    Raises
    ------
    InputError
        A column that is missing, a county twice, ids or types that are not known: all at once, naming the nearest.
    """
    if "mfz_types" not in paths:
        return None
    path = paths["mfz_types"][0]
    table = read_raw_table(path)
    check_columns(table.columns, TYPE_COLUMNS, where=f"[zoning] types, {path.name}")
    ids = table["unit_id"].astype(str).str.strip()
    problems: list[Problem] = []
    where = f"[zoning] types, {path.name}"
    twice = sorted(set(ids[ids.duplicated()]))
    if twice:
        problems.append(Problem("repeated_unit", "each county once", examples(twice), where, "Leave one row of each out."))
    known = None if counties is None else [str(each) for each in counties]
    unknown = [] if known is None else sorted(set(ids) - set(known))
    if unknown and known is not None:
        near = nearest(unknown[0], known)
        fix = f"Did you mean {near!r}?" if near else "Use ids of the counties."
        problems.append(Problem("unknown_id", "ids of counties", examples(unknown), where, fix))
    types = table["mfz_type"].where(table["mfz_type"].notna(), "").astype(str).str.strip()
    for text in sorted(set(types) - {""}):
        try:
            policy.type_id(text)
        except InputError as error:
            problems += [Problem(p.code, p.expected, p.got, where, p.fix) for p in error.problems]
    if problems:
        raise InputError(problems)
    return pd.Series([policy.type_id(text) if text else None for text in types], index=pd.Index(ids, name="unit_id"), dtype=object)


def types_of_cells(types: pd.Series, pieces: pd.DataFrame, side_km: float) -> pd.Series:
    """Type of each cell of a side: that of the largest area among its pieces with a known type; of equal areas the first by name.

    Parameters
    ----------
    types : Series
        Type by county id.
    pieces : DataFrame
        `cell_id` (of the finest grid), `county_id`, `area_km2`, `year`: cells cut by counties.
    side_km : float

    Examples
    --------
    >>> cut = pd.DataFrame({"cell_id": ["g1:R000C000", "g1:R000C001"], "county_id": ["a", "b"], "area_km2": [0.4, 1.0], "year": 2020})
    >>> types_of_cells(pd.Series({"a": "prohibited", "b": "key_ecological"}), cut, 2.0).to_dict()
    {'g2:R000C000': 'key_ecological'}
    """
    if "county_id" not in pieces:
        raise refuse("no_counties", expected="counties, for their types", got="none", where="[zoning] types", fix="Give [counties].")
    one = pieces[pieces["year"] == pieces["year"].iloc[0]]
    side_m, rows, columns = parse_cell_ids(one["cell_id"])
    step = round(side_km * 1000 / side_m)
    prefix = f"g{side_km:g}" if side_km >= 1 else f"g{side_km * 1000:g}m"
    frame = pd.DataFrame(
        {
            "unit_id": cell_ids(prefix, np.floor_divide(rows, step), np.floor_divide(columns, step)),
            "mfz_type": one["county_id"].astype(str).map(types).to_numpy(),
            "area_km2": one["area_km2"].to_numpy(),
        }
    ).dropna(subset="mfz_type")
    areas = frame.groupby(["unit_id", "mfz_type"], sort=True)["area_km2"].sum().reset_index()
    areas = areas.sort_values(["unit_id", "area_km2", "mfz_type"], ascending=[True, False, True], kind="stable")
    return areas.drop_duplicates("unit_id").set_index("unit_id")["mfz_type"].rename_axis(None)


def planner_tables(paths: Paths, counties: Iterable[str] | None) -> tuple[PolicyTable, pd.Series | None]:
    """Both tables, to be checked before anything is computed."""
    policy = study_policy(paths)
    return policy, study_types(paths, policy, counties)


def lines_of_zones(zones: pd.DataFrame, paths: Paths, pieces: pd.DataFrame | None, side_km: float | None) -> pd.DataFrame:
    """Policy lines of the zones of a study, by its own tables where it names them.

    Parameters
    ----------
    zones : DataFrame
    paths : Mapping of role -> paths
    pieces : DataFrame, optional
        Needed for cells: see `types_of_cells`.
    side_km : float, optional
        Side of the cells; None: the zones are of counties.
    """
    policy = study_policy(paths)
    types = study_types(paths, policy)
    if types is not None and side_km is not None and pieces is not None:
        types = types_of_cells(types, pieces, side_km)
    return policy_lines(zones, policy, types=types)
