"""The Chinese report of a study that was run: every warning, check, reason and note is worded in Chinese."""

from __future__ import annotations

from carbonshed.present import report
from carbonshed.present.recorded import is_recorded
from carbonshed.study.study import Result


def test_no_string_of_the_chinese_report_of_a_run_is_untranslated(finished_study, chinese_page, monkeypatch):
    monkeypatch.setattr(report, "_pictures", lambda result, progress, folder: {})
    page = chinese_page(report.render_report(finished_study / "results", lang="zh"), name="Four counties")
    assert page.seen > 500 and page.found == []


def test_every_sentence_that_the_run_recorded_is_worded(finished_study):
    """Also those of fewer than three words, which the count of untranslated strings does not see."""
    result = Result.open(finished_study / "results")
    said = [row["message"] for row in result.manifest["warnings"]] + [row["what"] for row in result.manifest["balance_checks"]]
    said += list(result.tables["scale_choice"]["reason"])
    assert said and [text for text in said if not is_recorded(text)] == []
    assert all(note["zh"] and note["en"] for note in result.manifest["notes"])
