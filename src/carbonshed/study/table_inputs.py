"""The tables of a study's inputs: county table, emissions, economy, each read once for scenarios that read them by the same keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import geopandas as gpd
import pandas as pd

from carbonshed.checks import InputError, Problem, examples
from carbonshed.study.base_year import onto_base_year
from carbonshed.study.config import Spec
from carbonshed.study.total_inputs import read_emissions, read_long, read_totals, unknown_carbon, warn_all

Read = TypeVar("Read")
Table = pd.DataFrame | None
Paths = Mapping[str, list[Path]]
"""Input files by role."""

SHAPES = ("counties", "region", "study.crs")
"""Keys of ``study.toml`` that the boundaries are read by."""


class Keep(Protocol):
    """Reads a part of the inputs, or hands out what was read before from the same files by the same keys of ``study.toml``."""

    def __call__(self, name: str, read: Callable[[], Read], *, files: Sequence[str], keys: Sequence[str]) -> Read:
        """The part `name`, read from the files of these roles by these sections or dotted keys; it must not be changed."""


def read_anew(name: str, read: Callable[[], Read], *, files: Sequence[str], keys: Sequence[str]) -> Read:
    """Read the part, whatever was read before."""
    return read()


def attempt(problems: list[Problem], function: Any, *args: Any) -> Any:
    """What the function gives, or None where it refuses: why goes to `problems`."""
    try:
        return function(*args)
    except InputError as error:
        problems += error.problems
        return None


def kept_tables(
    spec: Spec, paths: Paths, counties: gpd.GeoDataFrame | None, units: gpd.GeoDataFrame | None, problems: list[Problem], keep: Keep
) -> tuple[Table, Table, Table, Table]:
    """County table and its further columns, emissions, economy; what is wrong with them goes to `problems`."""

    def kept(name: str, role: str, own: Sequence[str], function: Any, *args: Any) -> Any:
        def read() -> tuple[Any, list[Problem]]:
            found: list[Problem] = []
            return attempt(found, function, *args, found), found

        made, found = keep(name, read, files=("counties", "region", role, "crosswalk"), keys=(*SHAPES, "study.years", *own))
        problems.extend(found)
        return made

    emissions = economy = None
    columns = ("accounting.table_columns", "land_cover")
    table, extra = kept("county table", "county_table", columns, _read_table, spec, paths, counties) or (None, None)
    if spec.emissions and spec.emissions.source != "gridded":
        path = paths["emissions"][0]
        emissions = kept("emissions", "emissions", ("emissions",), read_emissions, path, spec.emissions, spec, units)
    if spec.economy:
        path, wanted = paths["economy"][0], list(spec.economy.weights)
        economy = kept("economy", "economy", ("economy",), read_totals, "economy", path, spec.economy, spec, units, wanted)
    return _in_order(table), _in_order(extra), _in_order(emissions), _in_order(economy)


def _in_order(table: Table) -> Table:
    """The rows by unit, year and texts: the order of the rows of a file changes no result."""
    if table is None:
        return None
    keys = [name for name in table.columns if not pd.api.types.is_float_dtype(table[name])]
    by_keys = table.sort_values(keys, kind="stable") if keys else table
    return by_keys.sort_index(kind="stable")


def _read_table(spec: Spec, paths: Paths, counties: gpd.GeoDataFrame | None, problems: list[Problem]) -> tuple[Table, Table]:
    """The county table in registered columns, and beside it the columns that ``[accounting]`` asks for."""
    also = spec.accounting.table_columns
    if spec.counties is None or spec.counties.table is None:
        if also:
            fix = "Give [counties] table, or a raster or class means."
            problems.append(Problem("no_table", f"a county table with {', '.join(also)}", "none", "[accounting]", fix))
        return None, None
    id_column = spec.counties.table_id or spec.counties.id
    ids = counties.index if counties is not None else None
    moves = paths.get("crosswalk")
    of_table = None if moves else ids
    table = read_long(paths["county_table"][0], id_column, spec, of_table, problems, encoding=spec.counties.encoding, also=also)
    if moves and table is not None:
        table = onto_base_year(table, moves[0], ids=ids, years=spec.study.years)
    if table is not None and counties is not None and spec.land_cover is None:  # else the table's carbon is only compared
        found = unknown_carbon(table, counties, where=paths["county_table"][0].name)
        problems += [p for p in found if p.severity == "error"]
        warn_all(found)
    if table is None or not also:
        return table, None
    for header, name in also.items():
        empty = table.index[table[name].isna()].unique()
        if len(empty) and name.startswith(("yield ", "input ")):
            fix = "Fill the cells: 0 where a crop is not grown or an input not used."
            problems.append(Problem("empty_cell", f"{header} of every county", f"none for {examples(empty)}", "[counties] table", fix))
    return table.drop(columns=list(also.values())), table[["year", *also.values()]]
