"""Why a cell or county is in its zone: read from the stored columns of a result, told as data or in words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from carbonshed.checks import examples, nearest, refuse
from carbonshed.present.why_sentences import why_record, why_sentences
from carbonshed.present.words import Words
from carbonshed.study.result import Result


def why(result: Result, unit_id: str, year: int | None = None) -> dict[str, Any]:
    """The explanation record of one cell or county, from the table `zones`; nothing is fitted again.

    Parameters
    ----------
    result : Result
    unit_id : str
        Cell or county of the table `zones`: its id, or the name of a county that no other has.
    year : int, optional
        Default: the last year that it has.

    Returns
    -------
    dict
        As `present.why_sentences.why_record`, with the `provenance` of the zones.

    Raises
    ------
    InputError
        An id or name that is not in the zones (naming the nearest), a name that several counties have (naming their ids), a year that is
        not there, or a result of a version that stored no explanations.
    """
    zones, names = result.zones, _names(result)
    if "zone_cautions" not in zones:
        fix = "Run the study again with this version."
        raise refuse("no_reasons", expected="columns that explain the zones", got="none", where="tables/zones.parquet", fix=fix)
    unit = _unit(unit_id, set(zones.index), names)
    rows = zones.loc[[unit]]
    years = sorted(int(each) for each in rows["year"])
    year = years[-1] if year is None else year
    if year not in years:
        raise refuse("which_year", expected=f"one of the years {examples(years, 12)}", got=repr(year), where="--year", fix="Name one.")
    row = rows[rows["year"] == year].iloc[0]
    record = why_record({"unit_id": unit, **row.to_dict()}, name=names.get(unit))
    zoning = result.manifest.get("choices", {}).get("zoning", {})
    return record | {"provenance": {key: value for key, value in zoning.items() if key != "quality"}}


def _names(result: Result) -> dict[str, str]:
    """Name of each county by its id."""
    if "accounts_county" not in result.tables:
        return {}
    counties = result.accounts_county
    if "name" not in counties:
        return {}
    return {str(unit): str(name) for unit, name in zip(counties.index, counties["name"], strict=True) if not pd.isna(name)}


def _unit(asked: str, ids: set[str], names: dict[str, str]) -> str:
    """The id that was meant."""
    asked = asked.strip()
    if asked in ids:
        return asked
    matches = sorted(unit for unit, name in names.items() if name == asked)
    held = [unit for unit in matches if unit in ids]
    if len(held) == 1:
        return held[0]
    if held:
        fix = "Give the id of the one you mean."
        raise refuse("ambiguous_name", expected="a name that one county has", got=f"{asked!r} of {examples(held)}", where="why", fix=fix)
    if matches:
        fix = f"Ids look like {min(ids)!r}; for counties set [zoning] level = 'county'."
        raise refuse("not_zoned", expected="a cell of the zones", got=f"the county {asked!r}", where="why", fix=fix)
    known = {name: unit for unit, name in names.items() if unit in ids}
    near = nearest(asked, [*sorted(ids), *sorted(known)])
    hint = f"Did you mean {near!r}" + (f" ({known[near]})?" if near in known else "?") if near else f"Ids look like {min(ids)!r}."
    raise refuse("unknown_unit", expected="a unit_id of the zones, or the name of a county", got=repr(asked), where="why", fix=hint)


def sentences(record: dict[str, Any], lang: str = "en") -> list[str]:
    """The record in words, every number with its unit."""
    return why_sentences(record, Words(lang))
