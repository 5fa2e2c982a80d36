from __future__ import annotations

import shutil
import subprocess

import pytest

from carbonshed.checks import InputError
from carbonshed.present import pdf as module
from carbonshed.present.pdf import find_browser, print_pdf
from carbonshed.present.report import render_report
from carbonshed.present.words import Words

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium")


@needs_browser
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="no pdffonts")
@pytest.mark.parametrize("lang", ["zh", pytest.param("en", marks=pytest.mark.slow)])
def test_the_report_prints_with_every_font_embedded(result_dir, tmp_path, lang):
    page = tmp_path / "report.html"
    page.write_text(render_report(result_dir, lang=lang), encoding="utf-8")
    printed = print_pdf(page, tmp_path / "report.pdf")
    fonts = subprocess.run(["pdffonts", str(printed)], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert fonts and all(line.split()[-5] == "yes" for line in fonts)
    text = subprocess.run(["pdftotext", str(printed), "-"], capture_output=True, text=True, check=True).stdout
    assert ("张北县" in text or "Zhangbei" in text) and ("碳补偿" in text) == (lang == "zh")
    assert not list(tmp_path.glob(".*"))
    first, second = (_page(printed, number) for number in (1, 2))
    for question in ("how_much", "where", "who_pays", "who_receives", "how_sure"):
        assert Words(lang)(f"headline.{question}") in first
    assert Words(lang)("section.balance") not in first and second.lstrip("1 \n").startswith(Words(lang)("section.balance"))


def _page(printed, number):
    """Text of one page of a PDF."""
    command = ["pdftotext", "-f", str(number), "-l", str(number), str(printed), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_without_a_browser_it_says_how_to_print_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_browser", lambda: None)
    with pytest.raises(InputError, match="print it to PDF"):
        print_pdf(tmp_path / "report.html", tmp_path / "report.pdf")


def test_a_browser_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_browser", lambda: "/bin/false")
    old = tmp_path / "report.pdf"
    old.write_bytes(b"old")
    with pytest.raises(InputError, match="expected a PDF"):
        print_pdf(tmp_path / "report.html", old)
    assert old.read_bytes() == b"old"
