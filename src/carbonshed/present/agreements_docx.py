"""Term sheets as a Word document, to be edited in negotiation: the same words and rows as the HTML. Needs the extra ``docx``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from carbonshed.checks import check_columns, refuse
from carbonshed.present.agreements import COLUMNS, Cell, SheetWords, document

FONTS = {"zh": "宋体", "en": "Times New Roman"}
BLANK = "_" * 16
POINTS = 10.0


def save_agreements_docx(sheets: pd.DataFrame, path: str | Path, *, lang: str = "zh", study: str = "", version: str = "") -> None:
    """Write all term sheets in one language into a Word document, a sheet on a new page each.

    Parameters
    ----------
    sheets : DataFrame
        Rows as `carbonshed.compensation.agreement.term_sheets` gives them.
    path : path
        File to write.
    lang : {"zh", "en"}
    study, version : str
        Name of the study and version of the package, for the head.

    Raises
    ------
    InputError
        If python-docx is not installed, a column is missing or `lang` is unknown.
    """
    words = SheetWords(lang)
    check_columns(sheets.columns, COLUMNS, where="sheets")
    book = _new_document(words)
    found = document(sheets, words)
    book.add_heading(words("sheet", "document"), level=0)
    for text in (study, words("sheet", "notice"), found["lead"], words("sheet", "basis")):
        if text:
            book.add_paragraph(text)
    if version:
        book.add_paragraph(words("sheet", "made_by", version=version))
    for each in found["sheets"]:
        book.add_page_break()
        _sheet(book, each, words)
    book.save(str(path))


def _new_document(words: SheetWords) -> Any:
    """An empty document whose text, East Asian characters included, is set in one font."""
    try:
        docx = import_module("docx")
    except ImportError:
        raise refuse(
            "no_docx",
            expected="the package python-docx",
            got="not installed",
            where="term sheets as docx",
            fix="Install it with pip install 'carbonshed[docx]', or write HTML.",
        ) from None
    book = docx.Document()
    names = import_module("docx.oxml.ns")
    for name in ("Normal", "Heading 1", "Heading 2", "Title"):
        style = book.styles[name]
        style.font.name = FONTS[words.lang]
        style.element.get_or_add_rPr().get_or_add_rFonts().set(names.qn("w:eastAsia"), FONTS["zh"])
    book.styles["Normal"].font.size = import_module("docx.shared").Pt(POINTS)
    return book


def _sheet(book: Any, sheet: dict[str, Any], words: SheetWords) -> None:
    """One sheet: title, parties, the seven items, how the figures were made, signatures."""
    book.add_heading(f"{words('sheet', 'title')} {words('sheet', 'number')} {sheet['number']}", level=1)
    book.add_paragraph(f"{words('sheet', 'draft')} · {words('sheet', 'year')} {sheet['year']}")
    book.add_paragraph(f"{sheet['names']['payer']} → {sheet['names']['recipient']}: {sheet['amount']}")
    book.add_paragraph(words("sheet", "notice"))
    for number, item in enumerate(sheet["items"], start=1):
        book.add_heading(f"{number}  {item['title']}", level=2)
        if item["name"] == "scope":
            _table(book, ("", words("sheet", "party_a"), words("sheet", "party_b")), sheet["parties"])
        elif item["name"] == "targets" and sheet["indicators"]:
            head = (words("sheet", "indicator"), words("sheet", "baseline", year=sheet["year"]), words("sheet", "target"))
            _table(book, head, sheet["indicators"])
        elif item["name"] == "other" and sheet["sums"]:
            _table(book, ("", words("sheet", "a"), words("sheet", "b")), sheet["sums"])
        _table(book, (), [(line.label, line.cell) for line in item["lines"]])
    if sheet["provenance"]:
        book.add_paragraph(words("sheet", "provenance"))
        _table(book, (), [(line.label, line.cell) for line in sheet["provenance"]])
    names = (f"{words('sheet', side)}: {sheet['names'][end]}" for side, end in (("a", "payer"), ("b", "recipient")))
    lines = [(words("sheet", line), Cell("", is_blank=True), Cell("", is_blank=True)) for line in ("signature", "date")]
    _table(book, ("", *names), lines)


def _table(book: Any, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A ruled table; a blank is a line to write on, with its reason."""
    if not rows:
        return
    table = book.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    if head:
        for place, text in zip(table.add_row().cells, head, strict=True):
            place.text = text
            for run in place.paragraphs[0].runs:
                run.bold = True
    for label, *cells in rows:
        places = table.add_row().cells
        places[0].text = label
        for place, cell in zip(places[1:], cells, strict=True):
            place.text = _printed(cell)
    book.add_paragraph()


def _printed(cell: Cell) -> str:
    if cell.is_blank:
        return f"{BLANK} {f'({cell.text})' if cell.text else ''}".rstrip()
    return f"{cell.text} ({cell.note})" if cell.note else cell.text
