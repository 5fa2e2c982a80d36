"""What all tests share: the one door to the shared real data, and helpers that assert the house rules."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import hypothesis
import pandas as pd
import pytest

from carbonshed.checks import DataWarning

# No test is timed. In CI the same cases every time: a search for new ones belongs to the developer's runs.
hypothesis.settings.register_profile("carbonshed", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("carbonshed")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Warnings about the data are not what the test is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the shared real data (``../shared`` or ``$CARBONSHED_SHARED``); tests that need it skip where it is absent."""
    folder = Path(os.environ.get("CARBONSHED_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the shared data folder is not here")
    return folder


def assert_same_index(result: pd.DataFrame | pd.Series, given: pd.DataFrame | pd.Series) -> None:
    """The house rule: a result carries the caller's index, in the caller's order."""
    pd.testing.assert_index_equal(result.index, given.index)


class ChinesePage(HTMLParser):
    """Texts of the Chinese document of a report that hold three Latin words in a row: untranslated, where they are not allowed to be.

    Allowed are code and formulas, the study's own name, names of files, licences and citations in the table of the data, and the facts
    by which a run is repeated. Letters, units, names of columns and of authors never make three words in a row.
    """

    LATIN = re.compile(r"[A-Za-z]{2,}(?:-[A-Za-z]+)*(?:[ ,;:.'\"()]+(?:a )?[A-Za-z]{2,}(?:-[A-Za-z]+)*){2,}")
    ALONE = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})

    def __init__(self, html: str, name: str = ""):
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.seen = 0
        self._open: list[tuple[str, dict[str, str]]] = []
        self._name = name
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attributes}
        if tag not in self.ALONE:
            self._open.append((tag, given))
        for key in ("alt", "aria-label", "title"):
            self._judge(given.get(key, ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self._judge(data)

    def _judge(self, text: str) -> None:
        tags, last = {tag for tag, _ in self._open}, self._open[-1][1].get("class", "") if self._open else ""
        section = next((given.get("id", "") for tag, given in self._open if tag == "section"), "")
        language = next((given["lang"] for _, given in reversed(self._open) if "lang" in given), "en")
        if language == "en" or tags & {"script", "style", "code"} or "formula" in last:
            return
        self.seen += bool(text.strip())
        is_citation = "source" in last and re.search(r"\b(19|20)\d\d\b", text)
        is_given = (section == "zh-data" and "td" in tags) or (section == "zh-reproduce" and "dd" in tags)
        if not is_citation and not is_given and self.LATIN.search(text.replace(self._name, "") if self._name else text):
            self.found.append((section, " ".join(text.split())))


@pytest.fixture(scope="session")
def chinese_page() -> type[ChinesePage]:
    """The counter of untranslated strings."""
    return ChinesePage
