"""Sentences that a run recorded in English - reasons, checks, warnings - in the language of the report, with the run's own numbers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources

from carbonshed.present.words import Words
from carbonshed.registry import Term

FILE = "data/recorded_words.toml"
ALL = {"all payers": "所有支付方", "all recipients": "所有受偿方"}


@cache
def sentences() -> tuple[dict[str, str], ...]:
    """Rows of the file: pattern, zh, en (read-only)."""
    text = resources.files("carbonshed").joinpath(FILE).read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["recorded"])


def recorded(text: str, words: Words) -> str:
    """The sentence in the language of `words`; one that is not known stays as it is.

    >>> recorded("I = 0.921 is the largest of 6 scales", Words("zh"))
    'I = 0.921，为 6 个尺度中最大'
    >>> recorded("something else", Words("zh"))
    'something else'
    """
    for row in sentences():
        found = re.fullmatch(row["pattern"], text)
        if found:
            return row[words.lang].format(**{name: _worded(name, part or "", words) for name, part in found.groupdict().items()})
    return text


def all_recorded(texts: Iterable[str], words: Words) -> str:
    """The sentences in the language of `words`, in one line."""
    return ("；" if words.lang == "zh" else "; ").join(recorded(text, words) for text in texts)


def said(term: Term, lang: str) -> dict[str, str]:
    """The fields of a term under their names in that language, its rule of sign, kind and source in that language too.

    >>> from carbonshed.registry import terms
    >>> said(terms()["carbon_sink"], "zh")["正负号"]
    '>= 0，以正值存储'
    """
    words = Words(lang)
    row = term.said(lang)
    return {key: recorded(value, words) if value in (term.sign, term.kind, term.source) else value for key, value in row.items()}


def is_recorded(text: str) -> bool:
    """Whether the sentence is worded in both languages."""
    return any(re.fullmatch(row["pattern"], text) for row in sentences())


def _worded(name: str, part: str, words: Words) -> str:
    """What stands in a named place, in the words of the language."""
    if name in ("quantity", "other"):
        return words.term(part)
    if name == "terms":
        return words.listing([words.term(each.replace(" ", "_")) for each in part.split(", ")])
    if name in ("zone", "allocation"):
        return words.get(name, part)
    if name == "level":
        return words.get("division", part)
    if name == "sentence":
        return recorded(part, words)
    if name == "sentences":
        return all_recorded(part.split("; "), words)
    if name == "who" and words.lang == "zh":
        listed = re.sub(r" and (\d+) more$", r" 等，另有 \1 个", part)
        return ALL.get(listed, listed.replace(", ", "、"))
    return part
