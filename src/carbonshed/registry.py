"""Registry of every quantity: its name, symbol, Chinese and English, unit, kind, sign, definition and source.

The rows stand in ``data/terms.toml``, the Chinese definitions in ``data/definitions_zh.toml``. A column of a table is a
registered term, and the term's *kind* alone decides how the column is aggregated: nobody calls ``.sum()`` on an intensive column.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, get_args

from carbonshed.checks import nearest, refuse

Kind = Literal["extensive", "intensive", "categorical", "money", "identifier", "text", "geometry"]

KINDS: tuple[str, ...] = get_args(Kind)
FIELDS_ZH = {
    "name": "列名", "zh": "中文", "en": "英文", "unit": "单位", "kind": "类型", "definition": "定义", "symbol": "符号", "sign": "正负号",
    "weight": "权重", "source": "出处", "header": "表头",
}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """One quantity of the field.

    Parameters
    ----------
    name : str
        Column name, used everywhere.
    zh, en : str
        Chinese and English name.
    unit : str
        Unit in words that need no key: ``"t CO2 a-1"``, ``"km2"``, ``"yuan a-1"``, ``"1"`` (dimensionless), ``"-"`` (no quantity).
    kind : Kind
        Decides aggregation: extensive and money are summed, intensive takes a weighted mean, categorical a majority.
    definition, definition_zh : str
        What it is, with the formula, in English and in Chinese.
    symbol, sign, weight, source, header : str
        Symbol in formulas; rule of sign; the column that weights an intensive mean; where the definition stands; the header in
        input tables where it differs from the name.
    """

    name: str
    zh: str
    en: str
    unit: str
    kind: Kind
    definition: str
    definition_zh: str = ""
    symbol: str = ""
    sign: str = ""
    weight: str = ""
    source: str = ""
    header: str = ""

    def label(self, lang: str = "en") -> str:
        """Name with its unit, for an axis or a column head.

        >>> term("carbon_sink").label()
        'carbon sink (uptake) [t CO2 a-1]'
        """
        words = self.zh if lang == "zh" else self.en
        return words if self.unit == "-" else f"{words} [{self.unit}]"

    def defined(self, lang: str = "en") -> str:
        """What it is, in that language.

        >>> term("inside_share").defined("zh")[:19]
        '单元在区域内的面积 / 单元的完整面积'
        """
        return self.definition_zh if lang == "zh" and self.definition_zh else self.definition

    def said(self, lang: str = "en") -> dict[str, str]:
        """The fields that are not empty under their names in that language, with the definition in that language alone."""
        row = {**self.as_dict(), "definition": self.defined(lang)}
        row.pop("definition_zh", None)
        return {FIELDS_ZH[key]: value for key, value in row.items()} if lang == "zh" else row

    def as_dict(self) -> dict[str, str]:
        """The term as plain data, without empty fields."""
        return {key: value for key, value in asdict(self).items() if value}


@cache
def terms() -> Mapping[str, Term]:
    """All registered terms by name, in the order of the data file (read-only)."""
    chinese = definitions_zh()
    return MappingProxyType({name: Term(name=name, definition_zh=chinese.get(name, ""), **row) for name, row in _data("terms").items()})


def definitions_zh() -> dict[str, str]:
    """The Chinese definitions by term, as the data file holds them."""
    return dict(_data("definitions_zh"))


def _data(file: str) -> dict[str, Any]:
    """A data file of the package as read."""
    return tomllib.loads(resources.files("carbonshed").joinpath(f"data/{file}.toml").read_text(encoding="utf-8"))


def term(name: str) -> Term:
    """The term of that name, input header, symbol, or Chinese or English word.

    Parameters
    ----------
    name : str
        ``"ecc"``, ``"carbon_source_t"``, ``"碳汇"``, ...

    Raises
    ------
    InputError
        If nothing has that name; the message names the nearest term.

    Examples
    --------
    >>> term("carbon_source_t").name
    'carbon_source'
    >>> term("net_compensation").unit
    'yuan a-1'
    """
    known = terms()
    if name in known:
        return known[name]
    for each in known.values():
        if name in {each.header, each.symbol, each.zh, each.en} - {""}:
            return each
    near = nearest(name, [*known, *(t.header for t in known.values() if t.header)])
    hint = f"Did you mean {near!r}?" if near else "List all terms with `carbonshed terms`."
    raise refuse("unknown_term", expected="a registered term", got=repr(name), where="terms", fix=hint)


def kinds(columns: list[str]) -> dict[str, str]:
    """Kind of each registered column among `columns`; unregistered ones are refused, naming the nearest term."""
    return {column: term(column).kind for column in columns}
