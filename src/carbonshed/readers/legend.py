"""Legends: which canonical land class each code of a land-cover product stands for.

The crosswalks ship as ``data/legends/<product>.toml``; a user's own legend is a TOML of the same shape, or a plain mapping.
Codes are not guessed: water is 17 in MCD12Q1 and 0 in MCD12C1, so "IGBP" alone is no product.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbonshed.checks import InputError, Problem, choose, examples, nearest, refuse
from carbonshed.readers.foreign_files import read_toml, reading

CLASSES = ("cropland", "forest", "grassland", "shrub", "water", "wetland", "built_up", "bare")
"""The canonical land classes; `shrub` appears only where it is split from `grassland`."""

PRODUCTS = ("clcd", "cnlucd", "globeland30", "worldcover", "cci", "mcd12q1", "mcd12c1")

NODATA = "nodata"

SHARE_TOLERANCE = 1e-9
LARGEST_CODE = 2**31 - 1


@dataclass(frozen=True)
class LegendRow:
    """One code of a product, or one part of a code that stands for a mosaic."""

    code: int
    name: str
    canonical: str
    share: float = 1.0
    level: int = 0
    status: str = ""


@dataclass(frozen=True)
class Legend:
    """The crosswalk of one product, with the options that were chosen.

    Parameters
    ----------
    product, title, licence, citation, url, status : str
        What the product is, how it may be used, and whether the crosswalk is confirmed (``"published"``, ``"unverified"``).
    rows : tuple of LegendRow
        The shares of a code sum to 1.
    nodata : tuple of int
        Codes that mean "not known".
    options : mapping
        Chosen policies, e.g. ``{"snow_ice": "bare", "shrub": "grassland"}``.
    """

    product: str
    title: str
    rows: tuple[LegendRow, ...]
    nodata: tuple[int, ...] = ()
    licence: str = ""
    citation: str = ""
    url: str = ""
    status: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[int, ...]:
        """Known codes, ascending."""
        return tuple(sorted({row.code for row in self.rows}))

    @property
    def land_classes(self) -> tuple[str, ...]:
        """The canonical classes of a table under this legend: seven, and `shrub` where it is split off."""
        present = {row.canonical for row in self.rows}
        return tuple(name for name in CLASSES if name != "shrub" or "shrub" in present)

    def matrix(self) -> NDArray[np.float64]:
        """Share of each code (rows, ascending) in each land class (columns)."""
        codes, classes = self.codes, self.land_classes
        out = np.zeros((len(codes), len(classes)))
        for row in self.rows:
            out[codes.index(row.code), classes.index(row.canonical)] += row.share
        return out

    @property
    def unverified(self) -> tuple[int, ...]:
        """Codes whose share or class is not confirmed at its source; all of them where the product's crosswalk is not."""
        return tuple(sorted({row.code for row in self.rows if "unverified" in (row.status, self.status)}))

    def levels(self, codes: NDArray[np.int64]) -> set[int]:
        """The levels of a two-level product that these codes belong to (0 = of any)."""
        wanted = set(codes.tolist())
        return {row.level for row in self.rows if row.code in wanted} - {0}


def read_legend(
    legend: str | Path | Mapping[Any, Any] | Legend, *, options: Mapping[str, str] | None = None, split_shrub: bool = False
) -> Legend:
    """The legend of a product, of a TOML file, or of a mapping.

    Parameters
    ----------
    legend : str, Path, mapping or Legend
        A product name (``clcd``, ``cnlucd``, ``globeland30``, ``worldcover``, ``cci``, ``mcd12q1``, ``mcd12c1``), a path to a TOML, a
        mapping code -> class (``{1: "built_up", 0: "bare", 255: "nodata"}``, or ``{30: {"cropland": 0.7, "grassland": 0.3}}``).
    options : mapping, optional
        Policies of the product, e.g. ``{"snow_ice": "water", "mosaic": "dominant"}``; see its TOML.
    split_shrub : bool
        Keep `shrub` as an eighth class: the option ``shrub = "shrub"`` of products that have it.

    Raises
    ------
    InputError
        If the name, an option or a class is unknown, a code is not a whole number, or the shares of a code do not sum to 1.

    Examples
    --------
    >>> read_legend({1: "built_up", 0: "bare"}).codes
    (0, 1)
    >>> read_legend("clcd", split_shrub=True).land_classes[3]
    'shrub'
    """
    if isinstance(legend, Legend):
        return legend
    chosen = dict(options or {})
    if split_shrub:
        chosen.setdefault("shrub", "shrub")
    if isinstance(legend, Mapping):
        content = dict(legend) if "class" in legend else {"class": _rows_of_mapping(legend), "nodata": _nodata_of_mapping(legend)}
        return _build(content, chosen, split_shrub, where="legend")
    if str(legend).endswith(".toml"):
        with reading(legend, expected="a legend", fix="Give rows [[class]] with code and canonical.", code="bad_legend"):
            return _build(read_toml(legend, expected="a legend (TOML in UTF-8)"), chosen, split_shrub, where=str(legend))
    name = str(legend).lower()
    if name not in PRODUCTS:
        raise _unknown_product(str(legend))
    text = resources.files("carbonshed").joinpath(f"data/legends/{name}.toml").read_text(encoding="utf-8")
    return _build(tomllib.loads(text), chosen, split_shrub, where=f"legend {name}")


def _unknown_product(name: str) -> InputError:
    if "igbp" in name.lower() or "modis" in name.lower():
        fix = "Water is code 17 in MCD12Q1 and code 0 in MCD12C1: name the product, mcd12q1 or mcd12c1."
    else:
        near = nearest(name, PRODUCTS)
        fix = f"Did you mean {near!r}?" if near else "Give a known product, or the path of a legend that ends in .toml."
    return refuse("unknown_product", expected=f"one of {', '.join(PRODUCTS)}, or a legend TOML", got=repr(name), where="legend", fix=fix)


def _rows_of_mapping(mapping: Mapping[Any, Any]) -> list[dict[str, Any]]:
    rows = []
    for code, value in mapping.items():
        if value == NODATA:
            continue
        parts = value if isinstance(value, Mapping) else {value: 1.0}
        rows += [{"code": code, "name": str(name), "canonical": name, "share": share} for name, share in parts.items()]
    return rows


def _nodata_of_mapping(mapping: Mapping[Any, Any]) -> list[Any]:
    return [code for code, value in mapping.items() if value == NODATA]


def _build(content: Mapping[str, Any], chosen: dict[str, str], split_shrub: bool, *, where: str) -> Legend:
    """A legend from the content of its TOML and the options chosen."""
    problems: list[Problem] = []
    rows = _rows(content.get("class", []), where, problems)
    tables = content.get("options", {})
    if split_shrub and "shrub" not in tables:
        chosen.pop("shrub", None)  # the product has no shrub to split
    for name in chosen:
        choose(name, tables, where=f"{where}, options")
    options = {name: chosen.get(name, table["default"]) for name, table in tables.items()}
    nodata = _codes(content.get("nodata", []), where, problems)
    for name, value in options.items():
        choices = tables[name]["choices"]
        choose(value, choices, where=f"{where}, option {name}")
        other = _rows(choices[value], f"{where}, option {name}", problems)
        replaced = {row.code for row in other}
        names = {row.code: row.name for row in rows}
        rows = [row for row in rows if row.code not in replaced]
        rows += [replace(row, name=row.name or names.get(row.code, "")) for row in other]
        nodata = [code for code in nodata if code not in replaced]
    problems += _share_problems(rows, nodata, where)
    if problems:
        raise InputError(problems)
    text = {key: str(content.get(key, "")) for key in ("product", "title", "licence", "citation", "url", "status")}
    text["product"] = text["product"] or "given"
    ordered = tuple(sorted(rows, key=lambda row: (row.code, CLASSES.index(row.canonical))))
    return Legend(rows=ordered, nodata=tuple(sorted(nodata)), options=options, **text)


def _rows(entries: list[dict[str, Any]], where: str, problems: list[Problem]) -> list[LegendRow]:
    """Rows of a legend; an entry may name several `codes`."""
    rows = []
    for entry in entries:
        extra = set(entry) - {"code", "codes", "name", "canonical", "share", "level", "status", "note"}
        if extra:
            problems.append(
                Problem(
                    "unknown_key", "code or codes, name, canonical, share, level, status, note", examples(sorted(extra)), where, "Drop it."
                )
            )
        canonical = str(entry.get("canonical", ""))
        if canonical not in CLASSES:
            near = nearest(canonical, CLASSES)
            fix = f"Did you mean {near!r}?" if near else "Choose the class it belongs to."
            got = f"{canonical!r} for code {entry.get('code', entry.get('codes'))}"
            problems.append(Problem("unknown_class", f"one of {', '.join(CLASSES)}", got, where, fix))
            continue
        for code in _codes(entry.get("codes", [entry.get("code")]), where, problems):
            share, level = float(entry.get("share", 1.0)), int(entry.get("level", 0))
            rows.append(LegendRow(code, str(entry.get("name", "")), canonical, share, level, str(entry.get("status", ""))))
    return rows


def _codes(values: list[Any], where: str, problems: list[Problem]) -> list[int]:
    codes = []
    for value in values:
        text = str(value)
        if isinstance(value, bool) or not text.isascii() or not text.removeprefix("-").isdigit() or abs(int(text)) > LARGEST_CODE:
            problems.append(Problem("bad_code", "whole numbers as codes", repr(value), where, "Correct the code."))
        else:
            codes.append(int(text))
    return codes


def _share_problems(rows: list[LegendRow], nodata: list[int], where: str) -> list[Problem]:
    if not rows:
        return [Problem("empty_legend", "at least one class", "none", where, "Give rows [[class]] with code and canonical.")]
    sums: dict[int, float] = {}
    problems = []
    for row in rows:
        sums[row.code] = sums.get(row.code, 0.0) + row.share
        if not 0 < row.share <= 1:
            problems.append(
                Problem("bad_share", "shares above 0 and up to 1", f"{row.share} for code {row.code}", where, "Correct the share.")
            )
    off = {code: total for code, total in sums.items() if abs(total - 1) > SHARE_TOLERANCE}
    if off:
        got = examples(f"code {code}: {total:.6g}" for code, total in off.items())
        problems.append(Problem("shares", "shares of each code that sum to 1", got, where, "Correct the shares, or list each code once."))
    both = sorted(set(sums) & set(nodata))
    if both:
        problems.append(
            Problem("nodata_is_class", "codes that are either a class or nodata", examples(both), where, "Keep one of the two.")
        )
    return problems
