"""The Chinese pages follow the English ones; worked numbers of the methods are those that a doctest holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAIRS = [page for page in sorted(DOCS.rglob("*.md")) if page.with_suffix(".zh.md").is_file() and not page.name.endswith(".zh.md")]
SHORT = {"api.md", "functions.md", "benchmarks.md", "damaged-input.md", "glossary.md", "promises.md", "reproducing-the-published-study.md"}
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


def formulas() -> list[dict[str, str]]:
    return tomllib.loads((ROOT / "tools" / "formulas.toml").read_text(encoding="utf-8"))["formula"]


def test_every_method_has_formulas_worked_numbers_and_departures_from_print():
    """What a researcher looks for in each part: the formula with its unit and code, numbers to check by hand, and where we differ, and why."""
    for lang, worked, departures in (
        ("", "Worked numbers", "Where we depart from print, and why"),
        ("zh.", "算例", "与文献不同之处及原因"),
    ):
        parts = re.split(r"^## \d", (DOCS / f"methods.{lang}md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        assert len(parts) == 6
        marks = [re.findall(r"<!-- formulas: (\w+) -->", part) for part in parts]
        assert [len(found) for found in marks] == [1] * 6 and {found[0] for found in marks} == {row["in"] for row in formulas()}
        assert all(f"### {worked}\n" in part and f"### {departures}\n" in part for part in parts)


def test_every_formula_has_its_code_its_unit_and_both_languages():
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src" / "carbonshed").rglob("*.py"))
    for row in formulas():
        assert {"in", "en", "zh", "formula", "unit", "en_where", "zh_where", "code"} <= set(row), row
        assert re.search(rf"^(def|class) {row['code']}\b", sources, flags=re.MULTILINE), row["code"]
        assert not re.search("[一-鿿]", row["en_where"] + row["formula"]) and re.search("[一-鿿]", row["zh_where"]), row
        assert row["formula"].count("{") == row["formula"].count("}")


def test_the_chinese_page_on_the_published_study_is_the_english_one(monkeypatch):
    """Every mark of the page is filled, row by row with the figures of the English page, and no English sentence is left."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import docs_hooks
    import reproduction_zh

    text = (DOCS / "reproducing-the-published-study.zh.md").read_text(encoding="utf-8")
    for name in re.findall(r"<!-- run: (\w+) -->", text):
        made = docs_hooks.of_the_run(name)
        assert made and not re.search(r"[A-Za-z]{3,}(?: [a-z]{2,}){2,}", made), name
        if name in reproduction_zh.STARTS:
            english = reproduction_zh.english_table(name)[1:]
            ours = [[cell.strip() for cell in line.strip("|").split("|")] for line in made.split("\n")[2:]]
            assert len(ours) == len(english) > 0
            for row, other in zip(ours, english, strict=True):
                pairs = [(a, b) for column, (a, b) in enumerate(zip(row, other, strict=True)) if (name, column) != ("facts", 1)]
                assert all(
                    sorted(re.findall(r"\d+(?:\.\d+)?", a.replace("km²", "km2"))) == sorted(re.findall(r"\d+(?:\.\d+)?", b))
                    for a, b in pairs
                ), row
    with pytest.raises(ValueError, match="no Chinese for"):
        reproduction_zh.chinese("a sentence that nobody has worded")
