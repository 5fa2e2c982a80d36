from __future__ import annotations

import json
from html.parser import HTMLParser

from carbonshed.present.figures import figure
from carbonshed.present.notebook import result_html


class Elements(HTMLParser):
    """Names of the elements, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def read(html: str) -> Elements:
    found = Elements()
    found.feed(html)
    return found


MANIFEST = {
    "study": {"name": "<script>alert(1)</script>", "years": [2010, 2020], "crs": "EPSG:32650"},
    "steps": [{}, {}],
    "balance_checks": [{"relative_error": 1e-16}, {"relative_error": 3e-12}],
    "totals": [{"year": 2010, "carbon_sink": 1234567.0, "payable": None}, {"year": 2020, "carbon_sink": 0.0, "payable": 5.0}],
    "warnings": [{"step": f"s{i}", "message": "<b>odd</b>"} for i in range(7)],
    "is_simulated": True,
}


def test_the_card_states_facts_with_units():
    card = read(result_html(MANIFEST, ["zones", "flows"], None))
    text = " ".join(card.text)
    assert "2010, 2020" in text and "in memory" in text and "SIMULATED DATA" in text and "zones, flows" in text
    assert "3e-12" in text and "1,235,000" in text and "[t CO2 a-1]" in text and "[yuan a-1]" in text and "–" in text
    assert "7 warning(s)" in text and "2 more" in text


def test_names_are_text_and_never_elements():
    card = read(result_html(MANIFEST, [], "a<b"))
    assert "script" not in card.tags and "<script>alert(1)</script>" in "".join(card.text) and card.tags.count("b") == 2


def test_a_result_without_totals_or_warnings():
    text = " ".join(read(result_html({"study": {"name": "x", "years": [1]}}, [], "f")).text)
    assert "no warnings" in text and "no checks" in text and json.dumps("[t CO2 a-1]")[1:-1] not in text


def test_a_figure_shows_itself_without_pyplot(result_dir):
    picture = figure(result_dir, "zones_map", lang="zh")._repr_png_()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and len(picture) > 10_000


def test_the_card_is_read_on_a_dark_page_and_scrolls_on_a_narrow_one():
    first = result_html({"study": {"name": "a", "years": [2020]}}, [], None).partition(">")[0]
    assert "background:#FFFFFF" in first and "color:" in first and "overflow-x:auto" in first
