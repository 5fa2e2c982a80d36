"""Term sheets as HTML and docx: both languages, every item and every entry in words, blanks that can be seen."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.compensation.agreement import COLUMNS as BUILT
from carbonshed.compensation.agreement import ITEMS as ITEMS_BUILT
from carbonshed.compensation.agreement import AgreementTerms, term_sheets
from carbonshed.compensation.price import carbon_price
from carbonshed.present import agreements_docx
from carbonshed.present.agreements import COLUMNS, ITEMS, SheetWords, _phrases, cell_of, document, render_agreements, sheet
from carbonshed.present.agreements_docx import save_agreements_docx

TITLES = {
    "zh": [
        "补偿的具体范围",
        "生态保护预期目标及其监测、评判指标",
        "生态保护地区的生态保护责任",
        "补偿方式以及落实补偿的相关安排",
        "协议期限",
        "违反协议的处理",
        "其他事项",
    ],
    "en": [
        "Scope of the compensation",
        "Protection targets, and the indicators that monitor and judge them",
        "Duties of the protecting area",
        "Form of the compensation and arrangements to carry it out",
        "Term of the agreement",
        "Handling of breaches",
        "Other matters",
    ],
}


@pytest.fixture
def sheets() -> pd.DataFrame:
    money = pd.DataFrame(
        {
            "year": 2017,
            "name": ["东城<区>", "丰宁"],
            "city": ["北京市", "承德市"],
            "province": ["北京市", "河北省"],
            "area_km2": [42.0, 8765.0],
            "carbon_source": [9.0e5, 2.0e5],
            "carbon_sink": [1.0e5, 9.0e5],
            "forest": [0.0, 4000.0],
            "gdp_yuan": [2.0e10, 1.0e10],
            "payable_before": [4.0e7, 0.0],
            "receivable_before": [0.0, 2.0e7],
            "payable": [2.0e7, 0.0],
            "receivable": [0.0, 2.0e7],
            "is_capped": [True, False],
            "payable_cap": [2.0e7, np.nan],
            "payable_upper_level": [2.0e7, 0.0],
        },
        index=["a", "b"],
    )
    flows = pd.DataFrame({"year": [2017], "payer": ["a"], "recipient": ["b"], "compensation_flow": [12345678.91], "distance_km": [150.0]})
    zones = pd.DataFrame({"zone": ["payment", "balanced"]}, index=["a", "b"])
    choices = {"preset": "recommended", "revision": "normalised_mean", "closure": "scale_larger", "sink_mode": "npp_gross", "seed": "7"}
    return term_sheets(flows, money, zones=zones, price=carbon_price("cn-ets:2024"), provenance=choices)


class Page(HTMLParser):
    """Text by language, and whether every tag is closed where it should be."""

    VOID = frozenset({"meta", "input", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = {"zh": "", "en": ""}
        self.lang: str | None = None
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given_attrs = dict(attrs)
        if tag == "main":
            self.lang = "zh" if given_attrs["lang"] == "zh-CN" else "en"
        self.links += [value for key, value in attrs if key in ("href", "src") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "main":
            self.lang = None

    def handle_data(self, data: str) -> None:
        if self.lang:
            self.text[self.lang] += data + "\n"


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    assert page.open == []
    return page


def test_the_two_floors_agree_on_columns_and_items() -> None:
    assert COLUMNS == BUILT
    assert ITEMS == ITEMS_BUILT


def test_c17_seven_titles_in_order_in_both_languages(sheets: pd.DataFrame) -> None:
    page = read(render_agreements(sheets, lang="en", study="A & B", version="0.1"))
    for lang, titles in TITLES.items():
        places = [page.text[lang].index(title) for title in titles]
        assert places == sorted(places)
    assert "Draft for negotiation" in page.text["en"] and "协商草案" in page.text["zh"]
    assert "It is not an agreement and binds nobody" in page.text["en"] and "不是协议" in page.text["zh"]
    assert all(link.startswith("#") for link in page.links)  # nothing is loaded from a network
    assert "A & B" in page.text["en"] and "0.1" in page.text["zh"]


def test_amounts_blanks_caps_and_warnings_can_be_read(sheets: pd.DataFrame) -> None:
    html = render_agreements(sheets, lang="zh")
    page = read(html)
    assert "12,345,678.91\N{NO-BREAK SPACE}yuan a⁻¹" in page.text["en"] and "12,345,678.91\N{NO-BREAK SPACE}元/年" in page.text["zh"]
    assert "东城<区>" in page.text["zh"] and "东城<区>" not in html  # escaped
    assert "binds: party A pays what its cap allows" in page.text["en"] and "上限已触及" in page.text["zh"]
    assert "must not set budgets" in page.text["en"] and "illustrative" in page.text["en"]
    assert "they disagree: by its zone (balanced zone)" in page.text["en"] and "平衡区" in page.text["zh"]
    assert "95.96\N{NO-BREAK SPACE}yuan per t CO₂" in page.text["en"] and "volume-weighted average" in page.text["en"]
    assert "for another service (water)" in page.text["en"]
    n_blank = int((sheets["status"] == "blank").sum())
    assert html.count('class="blank"') == 2 * n_blank  # each blank once in each language
    assert page.text["zh"].count("待商定") + page.text["zh"].count("本次运行无此数据") == n_blank
    assert not re.search(r"\bnan\b|None|\{|provenance\.", page.text["en"])


def test_every_entry_is_printed_once_in_each_language(sheets: pd.DataFrame) -> None:
    for lang in ("zh", "en"):
        words = SheetWords(lang)
        made = sheet(sheets.to_dict("records"), words)
        cells = [cell for rows in ("parties", "sums", "indicators") for row in made[rows] for cell in row[1:]]
        cells += [line.cell for item in made["items"] for line in item["lines"]] + [line.cell for line in made["provenance"]]
        assert len(cells) == len(sheets)
        wanted = sorted(cell_of(row, words).text for row in sheets.to_dict("records"))
        assert sorted(cell.text for cell in cells) == wanted


def test_every_phrase_is_in_both_languages() -> None:
    for group, rows in _phrases().items():
        for name, row in rows.items():
            assert row["zh"] and row["en"], (group, name)
            assert set(re.findall(r"\{(\w+)\}", row["zh"])) == set(re.findall(r"\{(\w+)\}", row["en"])), (group, name)


@given(st.floats(0, 1e12), st.sampled_from(["yuan a-1", "1", "km", "km2", "t CO2 a-1", "a", ""]), st.sampled_from(["zh", "en"]))
def test_a_number_is_never_a_blank(value: float, unit: str, lang: str) -> None:
    row = {"entry": "amount", "value": value, "text": "", "unit": unit, "status": "computed"}
    cell = cell_of(row, SheetWords(lang))
    assert not cell.is_blank and re.search(r"\d", cell.text)


def test_terms_of_the_user_replace_blanks(sheets: pd.DataFrame) -> None:
    money = pd.DataFrame({"payable": [1.0, 0.0], "receivable": [0.0, 1.0]}, index=["a", "b"])
    flows = pd.DataFrame(
        {"year": pd.array([pd.NA], "Int64"), "payer": ["a"], "recipient": ["b"], "compensation_flow": 1.0, "distance_km": np.nan}
    )
    filled = term_sheets(flows, money, terms=AgreementTerms(breach="the court of <X>", term_years=2.0))
    page = read(render_agreements(filled))
    assert "the court of <X>" in page.text["zh"] and "2 years" in page.text["en"] and "year not stated" in page.text["en"]


def test_no_sheet_is_said_and_refusals(sheets: pd.DataFrame) -> None:
    page = read(render_agreements(sheets.iloc[:0]))
    assert "No flow reaches the threshold" in page.text["en"]
    assert document(sheets.iloc[:0], SheetWords("en"))["sheets"] == []
    with pytest.raises(InputError, match="zh, en"):
        render_agreements(sheets, lang="fr")
    with pytest.raises(InputError, match="status"):
        render_agreements(sheets.drop(columns="status"))
    with pytest.raises(InputError, match="scope"):
        SheetWords("en")("item", "scop")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_docx_holds_the_same_items_and_blanks(sheets: pd.DataFrame, tmp_path: Path, lang: str) -> None:
    docx = pytest.importorskip("docx")
    path = tmp_path / "sheets.docx"
    save_agreements_docx(sheets, path, lang=lang, study="X", version="0.1")
    book = docx.Document(str(path))
    headings = [p.text for p in book.paragraphs if p.style.name == "Heading 2"]
    assert headings == [f"{n}  {title}" for n, title in enumerate(TITLES[lang], start=1)]
    cells = [cell.text for table in book.tables for row in table.rows for cell in row.cells]
    blanks = [text for text in cells if text.startswith("____")]
    assert len(blanks) == int((sheets["status"] == "blank").sum()) + 4  # signature and date of both parties
    assert any("12,345,678.91" in text for text in cells)
    with pytest.raises(InputError, match="status"):
        save_agreements_docx(sheets.drop(columns="status"), path, lang=lang)


def test_without_python_docx_the_extra_is_named(sheets: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(agreements_docx, "import_module", absent)
    with pytest.raises(InputError, match=r"carbonshed\[docx\]"):
        save_agreements_docx(sheets, tmp_path / "x.docx")
    assert not list(tmp_path.iterdir())
