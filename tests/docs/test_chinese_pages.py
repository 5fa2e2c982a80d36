"""The Chinese pages follow the English ones; worked numbers of the methods are those that a doctest holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAIRS = [page for page in sorted(DOCS.rglob("*.md")) if page.with_suffix(".zh.md").is_file() and not page.name.endswith(".zh.md")]
SHORT = {"api.md", "benchmarks.md", "damaged-input.md", "glossary.md", "promises.md", "reproducing-the-published-study.md"}
"""Pages whose Chinese one is made, or explains and links to the English one."""


def shape(page: Path) -> tuple[list[int], int]:
    """Levels of the headings, and number of rows of tables."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [len(found) for found in re.findall(r"^(#+) ", text, flags=re.MULTILINE)], len(re.findall(r"^\|", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", [page for page in PAIRS if page.name not in SHORT], ids=lambda page: page.name)
def test_a_chinese_page_has_the_headings_and_rows_of_the_english_one(page):
    levels, rows = shape(page)
    assert shape(page.with_suffix(".zh.md")) == (levels, rows)


@pytest.mark.parametrize("name", ["study-file.md", "results.md", "methods.md"])
def test_a_chinese_page_names_every_key_column_and_function_of_the_english_one(name):
    english, chinese = (
        set(re.findall(r"`([\w\[\].*-]+)`", (DOCS / file).read_text(encoding="utf-8"))) for file in (name, name[:-2] + "zh.md")
    )
    assert not english - chinese


@pytest.mark.parametrize("lang", ["", "zh."])
def test_worked_numbers_name_functions_with_an_example(lang):
    """Each function in brackets after worked numbers is a function of ours whose docstring holds an example."""
    text = (DOCS / f"methods.{lang}md").read_text(encoding="utf-8")
    parts = re.findall(r"### (?:Worked numbers|算例)\n(.*?)\n\n", text, flags=re.DOTALL)
    named = re.findall(r"[(（]`(\w+)`[)）]", "".join(parts))
    assert len(parts) == 6 and len(named) >= 15
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "src" / "carbonshed").rglob("*.py")]
    for name in named:
        held = [re.search(rf'^def {name}\(.*?""".*?"""', source, flags=re.MULTILINE | re.DOTALL) for source in sources]
        assert any(found and ">>>" in found[0] and name in found[0].partition(">>>")[2] for found in held), name
