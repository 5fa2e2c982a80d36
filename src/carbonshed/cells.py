"""Text for spreadsheets and pages: what a program would take for a formula or an order stays text, and comes back as it was."""

from __future__ import annotations

import json
import re
from typing import Any

from carbonshed.checks import shortened, visible

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet that opens a CSV takes a cell for a formula, or cuts it."""

LONGEST = 32_000
"""Characters that a cell of a workbook holds, a little less than Excel's own limit."""

BREAKS = "\n\t\u00ad\u200b\u2060"
"""Where a line may break or not: these stand in our own texts."""

NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def guarded(text: str) -> str:
    """The text as a cell of a CSV: with an apostrophe before it where a spreadsheet would take it for a formula.

    Source: OWASP, "CSV injection".

    Examples
    --------
    >>> guarded("=1+1"), guarded("Beijing"), guarded("'=1")
    ("'=1+1", 'Beijing', "''=1")
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def unguarded(text: str) -> str:
    """What `guarded` was given.

    >>> unguarded("'=1+1"), unguarded("'tis"), unguarded("-5")
    ('=1+1', "'tis", '-5')
    """
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def sheet_text(text: str) -> str:
    r"""The text as a cell of a workbook: control characters, which XML cannot hold, are shown by their code.

    >>> print(sheet_text("a\x1bb"))
    a\u001bb
    """
    return shortened(NOT_IN_XML.sub(lambda found: json.dumps(found.group())[1:-1], text), LONGEST)


def page_text(value: Any) -> Any:
    """What a page prints: of a text its hidden characters too, so that a mark of direction turns no sentence round.

    Examples
    --------
    >>> page_text("a" + chr(0x202E) + "b") == "a" + chr(92) + "u202eb"
    True
    """
    return visible(value, keep=BREAKS) if isinstance(value, str) and not hasattr(value, "__html__") else value
