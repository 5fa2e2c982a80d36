"""Report sections that let a reader judge and repeat: limits, checks, methods, terms, data, how to reproduce."""

from __future__ import annotations

from typing import Any

from carbonshed.present.blocks import Column, Facts, Glossary, Listing, Methods, Note, Section, Table, Text, number_column, text_column
from carbonshed.present.display import UNKNOWN, unit_text
from carbonshed.present.folder import TABLES, ResultFolder
from carbonshed.present.recorded import is_recorded, recorded
from carbonshed.present.words import Words, method_notes

HASH_DIGITS = 16

MOST_CHECKS = 60
"""Above this many checks the report prints the last year of each transfer."""


def limits_section(result: ResultFolder, words: Words) -> Section:
    """What the run declares as coarse, low or modelled, and its warnings."""
    section = Section("limits", words("section.limits"))
    notes = [str(note.get(words.lang) or note.get("en") or "") for note in result.manifest.get("notes") or []]
    if notes:
        section.blocks.append(Listing(tuple(dict.fromkeys(notes))))
    else:
        section.blocks.append(Text(words("absent.limits")))
    given = result.manifest.get("warnings") or []
    warnings = [_warning(row, words) for row in given]
    if warnings:
        section.blocks.append(Listing(tuple(dict.fromkeys(warnings)), title=words("text.warnings")))
        if words.lang != "en" and not all(is_recorded(_message(row)) for row in given):
            section.blocks.append(Text(words("text.warnings_language")))
    else:
        section.blocks.append(Text(words("text.no_warnings")))
    return section


def _warning(row: Any, words: Words) -> str:
    """A warning of the manifest in the language of the report, with the step it came from."""
    step = row.get("step") if isinstance(row, dict) else None
    said = recorded(_message(row), words)
    return f"{words.get('step', step)}{'：' if words.lang == 'zh' else ': '}{said}" if step else said


def _message(row: Any) -> str:
    """The message of a warning, which the manifest holds as plain text or with its step."""
    return str(row.get("message", "") if isinstance(row, dict) else row)


def checks_section(result: ResultFolder, words: Words) -> Section:
    """Every total before and after its transfer, with the relative error."""
    section = Section("checks", words("section.checks"))
    checks = result.manifest.get("balance_checks") or []
    if not checks:
        section.blocks.append(Note(words("absent.checks")))
        return section
    shown = _by_transfer(checks) if len(checks) > MOST_CHECKS else checks
    note = words("text.checks_last", count=len(checks)) if len(shown) < len(checks) else ""
    checks = shown
    columns = (
        text_column(words("column.what"), [recorded(str(row.get("what")), words) for row in checks]),
        text_column(words("column.year"), [row.get("year") for row in checks]),
        number_column(words("column.before"), [row.get("before") for row in checks], places=1),
        number_column(words("column.after"), [row.get("after") for row in checks], places=1),
        Column(words("column.error"), tuple(_error(row.get("relative_error")) for row in checks)),
    )
    section.blocks += [Text(words("text.checks_lead")), Table(words("text.checks_table"), columns, note=note, size="dense")]
    section.blocks += _audited(result.manifest.get("audit") or {}, words) if _is_of(result.manifest, "audit") else []
    return section


def _by_transfer(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a transfer: the totals of its last year, and the largest relative error of all years."""
    last: dict[str, dict[str, Any]] = {}
    for row in checks:
        name, before = str(row.get("what")), last.get(str(row.get("what")), {})
        errors = [each["relative_error"] for each in (before, row) if each.get("relative_error") is not None]
        newest = row if (row.get("year") or 0) >= (before.get("year") or 0) else before
        last[name] = {**newest, "relative_error": max(errors, default=None)}
    return list(last.values())


def _is_of(manifest: dict[str, Any], part: str) -> bool:
    """Whether that part of the manifest speaks of the result that stands there."""
    return (manifest.get(part) or {}).get("of") == manifest.get("digest")


def _audited(told: dict[str, Any], words: Words) -> list[Any]:
    """The identities that were recomputed from the tables: how many hold, by table, with the largest relative error."""
    if not told.get("identities"):
        return []
    counts = {name: f"{told[name]:,}" for name in ("identities", "held", "rows")}
    error = _error(told.get("largest_relative_error"))
    if told["held"] < told["identities"]:
        return [Note(words("text.audit_broken", **counts, error=error), tone="warning")]
    rows = told.get("tables") or []
    columns = (
        text_column(words("column.table"), [row.get("table") for row in rows]),
        number_column(words("column.identities"), [row.get("identities") for row in rows], places=0),
        number_column(words("column.rows_compared"), [row.get("rows") for row in rows], places=0),
        Column(words("column.error"), tuple(_error(row.get("largest_relative_error")) for row in rows)),
    )
    return [Text(words("text.audit", **counts, error=error)), Table(words("text.audit_table"), columns, size="dense")]


def _error(value: float | None) -> str:
    """A relative error: 0, or one digit and its power of ten."""
    if value is None:
        return UNKNOWN
    return "0" if value == 0 else f"{float(value):.1e}".replace("e-0", "e-").replace("-", "−")


def method_section(result: ResultFolder, words: Words) -> Section:
    """The formulas that this run used."""
    section = Section("method", words("section.method"))
    used = [note for note in method_notes() if _is_used(note, result)]
    rows = tuple(
        {
            "title": note[f"{words.lang}_title"],
            "formula": note["formula"],
            "text": note[words.lang],
            "source": recorded(note["source"], words),
        }
        for note in used
    )
    section.blocks.append(Methods(rows))
    return section


def _is_used(note: dict[str, Any], result: ResultFolder) -> bool:
    """Whether the table a note needs is there and the choices it speaks of were made."""
    table = note.get("needs")
    held = bool(result.manifest.get("totals")) if table == "totals" else table is None or result.has(table)
    made = {
        **result.choices,
        "rule": (result.scale_choice or {}).get("rule"),
        "zoning_method": (result.choices.get("zoning") or {}).get("method", result.choices.get("zoning_method")),
    }
    wanted = {key: value if isinstance(value, list) else [value] for key, value in (note.get("when") or {}).items()}
    return held and all(made.get(key) in values for key, values in wanted.items())


def glossary_section(result: ResultFolder, words: Words) -> Section:
    """The registered columns of the tables of this result, with unit and definition."""
    section = Section("glossary", words("section.glossary"))
    known: dict[str, dict[str, Any]] = result.manifest.get("terms") or {}
    present = {column for table in TABLES if result.has(table) for column in result.table(table)}
    used = [name for name in known if name in present]
    rows = tuple((name, _meaning(known[name], words.lang), _unit(known[name]), _definition(known[name], words.lang)) for name in used)
    if rows:
        section.blocks.append(Glossary(rows))
    return section


def _meaning(term: dict[str, Any], lang: str) -> str:
    """What a term of the manifest is called in that language."""
    return str(term.get(lang) or UNKNOWN)


def _unit(term: dict[str, Any]) -> str:
    """The unit of a term as it is printed; empty where it has none."""
    unit = str(term.get("unit") or "-")
    return "" if unit in ("-", "1") else unit_text(unit)


def _definition(term: dict[str, Any], lang: str) -> str:
    """The definition of a term of the manifest in that language; the English one where an older run stored no other."""
    return str((term.get("definition_zh") if lang == "zh" else "") or term.get("definition") or "")


def data_section(result: ResultFolder, words: Words) -> Section:
    """Inputs with licence and citation; addresses are links to click, nothing is loaded from them."""
    section = Section("data", words("section.data"))
    inputs = result.manifest.get("inputs") or []
    if not inputs:
        section.blocks.append(Note(words("absent.data")))
        return section
    links = [str(row.get("url") or "") for row in inputs]
    safe = [link if link.startswith(("https://", "http://")) else "" for link in links]
    columns = (
        text_column(words("column.role"), [row.get("role") for row in inputs]),
        text_column(words("column.file"), [row.get("path") for row in inputs]),
        text_column(words("column.licence"), [row.get("licence") for row in inputs]),
        text_column(words("column.citation"), [row.get("citation") for row in inputs], links=safe),
        text_column(words("column.sha256"), [str(row.get("sha256") or "")[:HASH_DIGITS] for row in inputs]),
    )
    section.blocks.append(Table(words("text.data_table"), columns, size="dense data"))
    return section


def reproduce_section(result: ResultFolder, words: Words) -> Section:
    """Versions, seed, digests and the call that draws this again; nothing that differs between equal runs, such as how long they took."""
    section = Section("reproduce", words("section.reproduce"))
    manifest = result.manifest
    study = manifest.get("study") or {}
    pairs = [
        (words("reproduce.study"), result.name),
        (words("reproduce.version"), str(manifest.get("carbonshed_version", UNKNOWN))),
        (words("reproduce.schema"), str(manifest.get("schema_version", UNKNOWN))),
        (words("reproduce.seed"), str(study.get("seed", UNKNOWN))),
        (words("reproduce.crs"), str(study.get("crs", UNKNOWN))),
        (words("reproduce.digest"), str(manifest.get("digest", UNKNOWN))),
        (words("reproduce.command"), "carbonshed report RESULT; carbonshed verify RESULT"),
    ]
    section.blocks += [Text(words("reproduce.lead")), Facts(tuple(pairs))]
    steps = manifest.get("steps") or []
    if steps:
        columns = (
            text_column(words("column.step"), [row.get("name") for row in steps]),
            text_column(words("column.key"), [str(row.get("key") or "")[:HASH_DIGITS] for row in steps]),
        )
        section.blocks.append(Table(words("reproduce.steps"), columns, size="dense"))
    packages = manifest.get("packages") or {}
    if packages:
        section.blocks.append(Facts(tuple((str(k), str(v)) for k, v in packages.items()), title=words("reproduce.packages")))
    return section
