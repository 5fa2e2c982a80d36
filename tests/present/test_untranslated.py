"""The Chinese report is Chinese: no text of three Latin words in a row, but names, formulas and citations."""

from __future__ import annotations

import pytest

from carbonshed.present import report
from carbonshed.present.report import render_report
from carbonshed.present.words import LANGUAGES


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """Tests on words need no pictures."""
    monkeypatch.setattr(report, "_pictures", lambda result, progress, folder: {})


def worded(tables, manifest):
    """Warnings and reasons as a run gives them, in place of the made-up ones of the test folder."""
    manifest["warnings"] = [{"message": "no priority without GDP: 130101.", "step": "compensation"}]
    tables["scale_choice"]["reason"] = "I = 0.72 is the largest of 4 scales"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_string_of_the_chinese_document_is_untranslated(build, chinese_page, lang):
    """Whichever language the page opens in."""
    page = chinese_page(render_report(build(change=worded), lang=lang), name="冀北 test region")
    assert page.seen > 500 and page.found == []


@pytest.mark.parametrize(
    ("message", "is_found"),
    [
        ("three counties were lost", True),
        ("无优先级：three counties were lost。", True),
        ("no priority without GDP: 130101.", False),
        ("features left out: nrca_built_up (follows from the others (the columns of NRCA sum to zero))", False),
    ],
)
def test_a_warning_that_no_row_words_is_counted(build, chinese_page, message, is_found):
    """The counter finds what it is there for: an English warning of a run, alone or among Chinese words."""

    def warned(tables, manifest):
        worded(tables, manifest)
        manifest["warnings"] = [{"message": message, "step": "zones"}]

    found = chinese_page(render_report(build(change=warned), lang="zh"), name="冀北 test region").found
    assert bool(found) is is_found and all(section == "zh-limits" for section, _ in found)
