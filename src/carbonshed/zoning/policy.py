"""The policy line of each zone and main-functional-area type: a table that a planner edits, checked, and laid on the zones."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from carbonshed.checks import InputError, Problem, check_columns, examples, nearest, refuse
from carbonshed.zoning.indicators import unit_ids
from carbonshed.zoning.name import MISSING, ZONES

ANY = "any"
TOP_KEYS = ("name", "title", "citation", "status", "type", "line")
LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class FunctionalAreaType:
    """A type of main-functional area, with its names and other spellings."""

    id: str
    zh: str
    en: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyTable:
    """Policy lines by zone and type.

    Parameters
    ----------
    name, title, citation, status : str
    types : tuple of FunctionalAreaType
    lines : mapping (zone, type) -> {"zh": text, "en": text}
        With a line of the type ``"any"`` for each zone.
    """

    name: str
    title: str
    citation: str
    status: str
    types: tuple[FunctionalAreaType, ...]
    lines: Mapping[tuple[str, str], Mapping[str, str]]
    spellings: Mapping[str, str] = field(repr=False)

    def type_id(self, text: str) -> str:
        """Id of a type from its id, its name in either language, or another spelling; anything else is refused."""
        found = self.spellings.get(text.strip().casefold())
        if found is None:
            near = nearest(text, [each.id for each in self.types] + [each.zh for each in self.types])
            hint = f"Did you mean {near!r}?" if near else f"Use one of {', '.join(each.id for each in self.types)}, or add it to the table."
            raise refuse("unknown_type", expected="a type of the policy table", got=repr(text), where="mfz_type", fix=hint)
        return found

    def line(self, zone: str, mfz_type: str | None = None) -> Mapping[str, str]:
        """Line of a zone and type; that of the zone where the pair has none."""
        return self.lines.get((zone, mfz_type or ANY), self.lines[zone, ANY])

    def to_frame(self) -> pd.DataFrame:
        """All pairs of zone and type: `zone`, `mfz_type`, `policy_zh`, `policy_en`, `is_own` (False: the line of the zone)."""
        pairs = [(zone, each) for zone in ZONES for each in [ANY, *(kind.id for kind in self.types)]]
        rows = [(zone, each, *(self.line(zone, each)[key] for key in LANGUAGES), (zone, each) in self.lines) for zone, each in pairs]
        return pd.DataFrame(rows, columns=["zone", "mfz_type", "policy_zh", "policy_en", "is_own"])


def load_policy(policy: Mapping[str, Any] | PolicyTable | None = None) -> PolicyTable:
    """The policy table that ships with the package, or one that is given, checked.

    Parameters
    ----------
    policy : Mapping or PolicyTable, optional
        Content of a policy TOML: lists `type` (`id`, `zh`, `en`, optionally `aliases`) and `line` (`zone`, `type`, `zh`, `en`).

    Returns
    -------
    PolicyTable

    Raises
    ------
    InputError
        All that is wrong at once: a zone without a line of the type ``"any"``, an unknown zone, type or key, a pair given twice, an empty
        text, a spelling that stands for two types.

    Examples
    --------
    >>> load_policy().line("payment", "key_development")["en"][:25]
    'Contributes as it grows: '
    """
    if isinstance(policy, PolicyTable):
        return policy
    return _shipped() if policy is None else _build(policy)


@cache
def _shipped() -> PolicyTable:
    return _build(tomllib.loads(resources.files("carbonshed").joinpath("data/policy.toml").read_text(encoding="utf-8")))


def _build(content: Mapping[str, Any]) -> PolicyTable:
    name = str(content.get("name", "policy"))
    where, problems = f"policy table {name!r}", list[Problem]()
    problems += _unknown_keys(content, TOP_KEYS, where)
    types, spellings = _types(content.get("type", []), where, problems)
    lines = _lines(content.get("line", []), [each.id for each in types], where, problems)
    absent = [zone for zone in ZONES if (zone, ANY) not in lines]
    if absent:
        had = sorted({zone for zone, _ in lines})
        fix = f'Add [[line]] with zone = "{absent[0]}", type = "any", zh and en.'
        problems.append(Problem("missing_zone", f"a line of the type 'any' for {', '.join(ZONES)}", _named(absent, had), where, fix))
    if problems:
        raise InputError(problems)
    texts = {key: str(content.get(key, "")) for key in ("title", "citation", "status")}
    return PolicyTable(name, texts["title"], texts["citation"], texts["status"], types, lines, spellings)


def _named(absent: list[str], had: list[str]) -> str:
    return f"none for {', '.join(absent)} (lines for {', '.join(had) or 'no zone'})"


def _unknown_keys(row: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> list[Problem]:
    found = []
    for key in row:
        if key not in allowed:
            near = nearest(str(key), allowed)
            hint = f"Did you mean {near!r}?" if near else "Leave it out."
            found.append(Problem("unknown_key", f"keys {', '.join(allowed)}", repr(key), where, hint))
    return found


def _empty(row: Mapping[str, Any], need: tuple[str, ...], where: str) -> list[Problem]:
    return [
        Problem("missing_text", f"a text for {key!r}", repr(row.get(key)), where, "Fill it in.")
        for key in need
        if not isinstance(row.get(key), str) or not str(row[key]).strip()
    ]


def _types(rows: list[Mapping[str, Any]], where: str, problems: list[Problem]) -> tuple[tuple[FunctionalAreaType, ...], dict[str, str]]:
    types, spellings = list[FunctionalAreaType](), dict[str, str]()
    for row in rows:
        place = f"{where}, type {row.get('id', '?')}"
        wrong = _unknown_keys(row, ("id", "zh", "en", "aliases"), place) + _empty(row, ("id", "zh", "en"), place)
        problems += wrong
        if wrong:
            continue
        each = FunctionalAreaType(row["id"], row["zh"], row["en"], tuple(row.get("aliases", ())))
        if each.id == ANY or each.id in [known.id for known in types]:
            problems.append(Problem("repeated_type", "each type once, and none called 'any'", each.id, place, "Rename it."))
        for spelling in (each.id, each.zh, each.en, *each.aliases):
            if spellings.setdefault(spelling.strip().casefold(), each.id) != each.id:
                known = spellings[spelling.strip().casefold()]
                problems.append(Problem("ambiguous_type", "spellings of one type", f"{spelling!r} of {known} too", place, "Leave one out."))
        types.append(each)
    return tuple(types), spellings


def _lines(
    rows: list[Mapping[str, Any]], types: list[str], where: str, problems: list[Problem]
) -> dict[tuple[str, str], Mapping[str, str]]:
    lines: dict[tuple[str, str], Mapping[str, str]] = {}
    for row in rows:
        pair = str(row.get("zone", "?")), str(row.get("type", "?"))
        place = f"{where}, line {pair[0]}/{pair[1]}"
        wrong = _unknown_keys(row, ("zone", "type", *LANGUAGES), place) + _empty(row, ("zone", "type", *LANGUAGES), place)
        for value, known, what in ((pair[0], list(ZONES), "zone"), (pair[1], [ANY, *types], "type")):
            if value not in known and not any(value == "?" for value in pair):
                near = nearest(value, known)
                hint = f"Did you mean {near!r}?" if near else f"Use one of {', '.join(known)}."
                wrong.append(Problem(f"unknown_{what}", f"one of {', '.join(known)}", repr(value), place, hint))
        if pair in lines:
            wrong.append(Problem("repeated_line", "one line for each zone and type", "two", place, "Leave one out."))
        problems += wrong
        if not wrong:
            lines[pair] = {key: str(row[key]) for key in LANGUAGES}
    return lines


def policy_lines(
    zones: pd.DataFrame, policy: Mapping[str, Any] | PolicyTable | None = None, *, types: Mapping[str, str] | pd.Series | None = None
) -> pd.DataFrame:
    """The policy line of each cell or county and year.

    Parameters
    ----------
    zones : DataFrame
        `zone`; index `unit_id`. The type is taken from `types`, else from a column `mfz_type` where there is one.
    policy : Mapping or PolicyTable, optional
        As in `load_policy`.
    types : Mapping or Series, optional
        unit_id -> type (id, name or another spelling); cells take that of the largest area. What is absent or empty has no type.

    Returns
    -------
    DataFrame
        In the caller's index: `mfz_type` (id), `policy_key` (``zone/type``, or the zone alone), `policy_zh`, `policy_en`; empty where no
        type is known, and all but the type where the zone is `missing`.

    Raises
    ------
    InputError
        A table that lacks a zone, an unknown zone or type (the nearest is named).

    Examples
    --------
    >>> zones = pd.DataFrame({"zone": ["payment", "recipient"]}, index=pd.Index(["a", "b"], name="unit_id"))
    >>> policy_lines(zones, types={"a": "重点开发区"})["policy_key"].tolist()
    ['payment/key_development', 'recipient']
    """
    table = load_policy(policy)
    check_columns(zones.columns, ["zone"], where="zones")
    named = zones["zone"].to_numpy(dtype=object)
    odd = sorted({str(zone) for zone in named} - {*ZONES, MISSING})
    if odd:
        near = nearest(odd[0], ZONES)
        hint = f"Did you mean {near!r}?" if near else f"Zones are {', '.join(ZONES)}."
        raise refuse("unknown_zone", expected=f"one of {', '.join(ZONES)}, {MISSING}", got=examples(odd), where="zone", fix=hint)
    given = _types_of(zones, types)
    known = {text: table.type_id(text) for text in {each for each in given if each is not None}}
    kind = [None if each is None else known[each] for each in given]
    rows: list[tuple[str | None, ...]] = []
    for zone, each in zip(named, kind, strict=True):
        if zone == MISSING:
            rows.append((each, None, None, None))
        else:
            line = table.line(zone, each)
            rows.append((each, f"{zone}/{each}" if each else str(zone), line["zh"], line["en"]))
    columns = ["mfz_type", "policy_key", "policy_zh", "policy_en"]
    return pd.DataFrame(np.array(rows, dtype=object).reshape(-1, 4), columns=columns, index=zones.index)


def _types_of(zones: pd.DataFrame, types: Mapping[str, str] | pd.Series | None) -> list[str | None]:
    if types is not None:
        by_id = {str(unit): each for unit, each in types.items()}
        given: list[Any] = [by_id.get(str(unit)) for unit in unit_ids(zones)]
    else:
        given = zones["mfz_type"].tolist() if "mfz_type" in zones.columns else [None] * len(zones)
    return [None if each is None or each != each or not str(each).strip() else str(each) for each in given]
