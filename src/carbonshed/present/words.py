"""Every word of figures and report, in Chinese and English, from ``data/report_words.toml``: translations are data, not code."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from carbonshed.checks import choose, nearest, refuse
from carbonshed.registry import terms

LANGUAGES = ("zh", "en")
WORDS = "data/report_words.toml"


@cache
def _document() -> Mapping[str, Any]:
    """The word file as read."""
    text = resources.files("carbonshed").joinpath(WORDS).read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _leaves(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Dotted keys and their translations; a table that holds ``en`` is a leaf."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            if "en" in value:
                yield f"{path}{key}", value
            else:
                yield from _leaves(value, f"{path}{key}.")


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Every phrase by its dotted key, e.g. ``catalogue()["zone.payment"]["zh"]`` is ``"支付区"`` (read-only)."""
    return MappingProxyType(dict(_leaves(_document())))


def method_notes() -> list[dict[str, Any]]:
    """Rows of the method appendix: id, ``when`` (choices that must hold), formula, title and text in both languages, source."""
    return list(_document()["method"])


class Words:
    """The phrases of one language: ``words("zone.payment")``.

    Parameters
    ----------
    lang : {"zh", "en"}
        Language; anything else is refused.

    Examples
    --------
    >>> Words("zh")("zone.payment"), Words("en")("zone.payment")
    ('支付区', 'payment zone')
    """

    def __init__(self, lang: str) -> None:
        self.lang = choose(lang, LANGUAGES, where="lang")

    def __call__(self, key: str, **values: object) -> str:
        """The phrase of that key, its ``{places}`` filled with `values`.

        Raises
        ------
        InputError
            If there is no such key.
        """
        phrases = catalogue()
        if key not in phrases:
            near = nearest(key, phrases)
            raise refuse(
                "unknown_phrase", expected="a phrase of report_words.toml", got=repr(key), where="words", fix=f"The nearest is {near!r}."
            )
        text = phrases[key][self.lang]
        return text.format(**values) if values else text

    def get(self, group: str, name: object) -> str:
        """The phrase ``group.name``, or `name` itself where there is none: for values that a later version may add."""
        phrase = catalogue().get(f"{group}.{name}")
        return phrase[self.lang] if phrase else str(name)

    def term(self, column: str) -> str:
        """Chinese or English name of a registered column, without its unit; the column's own name where it is not registered."""
        known = terms().get(column)
        if known is None:
            return column
        return known.zh if self.lang == "zh" else known.en

    def reality(self, provinces: str) -> list[str]:
        """What is known of payments in practice, where all provinces it speaks of are among those of the study."""
        rows = [row for row in _document()["reality"].values() if "provinces" in row]
        return [row[self.lang] for row in rows if all(name in provinces for name in row["provinces"])]

    def listing(self, items: list[str]) -> str:
        """Items in a sentence.

        >>> Words("en").listing(["Beijing", "Tianjin", "Hebei"]), Words("zh").listing(["北京", "天津"])
        ('Beijing, Tianjin and Hebei', '北京、天津')
        """
        if self.lang == "zh":
            return "、".join(items)
        return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
