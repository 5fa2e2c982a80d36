from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from carbonshed.checks import InputError
from carbonshed.present import report
from carbonshed.present.figure_files import save_figures
from carbonshed.present.figures import FIGURES
from carbonshed.present.report import render_report

CHANGE = (
    "trends", "peak_year", "hot_spot_change", "lisa_transitions", "zone_transitions", "land_transfers", "concentration",
)  # fmt: skip


class Page(HTMLParser):
    """What a page holds: its tags with attributes, its text by section id, its headings."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "section":
            self._section = dict(attributes)["id"]

    def handle_data(self, data):
        self.text[self._section] = self.text.get(self._section, "") + data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(result_dir) -> str:
    return render_report(result_dir, lang="zh")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


@pytest.fixture
def without_pictures(monkeypatch):
    """Tests on words need no pictures."""
    monkeypatch.setattr(report, "_pictures", lambda result, progress, folder: {})


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_file_stands_alone(html, page):
    assert not page.of("script") and not page.of("link") and not page.of("iframe")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.of("img"))
    assert "url(" not in html and "@import" not in html
    links = [anchor["href"] for anchor in page.of("a")]
    assert all(link.startswith("#") for link in links if link != "https://doi.org/10.5067/X")
    assert links.count("https://doi.org/10.5067/X") == 2  # once a language, as text to click
    assert "javascript:" not in html
    targets = {attributes["id"] for attributes in page.of("section")}
    assert all(link[1:] in targets for link in links if link.startswith("#"))


def test_both_languages_one_switch(page, result_dir, without_pictures):
    assert [main["lang"] for main in page.of("main")] == ["zh-CN", "en"]
    picks = {pick["id"]: "checked" in pick for pick in page.of("input")}
    assert picks == {"pick-zh": True, "pick-en": False}
    english = Page(render_report(result_dir, lang="en"))
    assert {pick["id"]: "checked" in pick for pick in english.of("input")} == {"pick-zh": False, "pick-en": True}


def test_pictures_are_whole_and_have_words_beside_them(page):
    assert len(page.of("img")) == 2 * (len(FIGURES) + len(report.FRONT_FIGURES))
    for image in page.of("img"):
        picture = Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2])))
        assert picture.width > 600 and picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
        assert image["alt"]


def test_findings_are_the_numbers_of_the_run(page):
    # counties of the fixture, by hand: source 12 counties x (0.5 + 2 row + 0.3 column) Mt, sink 4 x (1.9 + 1.3 + 0.7) Mt
    source, sink = 4 * (0.5 + 2.5 + 4.5) + 3 * 0.3 * 6, 4 * (1.9 + 1.3 + 0.7)
    text = words(page.text["en-summary"])
    assert f"In 2020 the region emitted {source:.2f} Mt CO₂ and took up {sink:.2f} Mt CO₂" in text
    assert f"offset {100 * sink / source:.1f} %" in text
    assert "18 km (plausible 12–24 km)" in text and "no interior peak of Moran's I" in text
    # deficits: recipients -1.4, -1.1, -0.8 (Hebei), -0.5 (Beijing); payers 23.6 Mt, of which Beijing 6.8; payers are scaled to 3.8 / 23.6
    net = (6.8 * 3.8 / 23.6 - 0.5) * 95.96
    assert f"Net payers: 北京市 ({net:.2f} million yuan a year" in text and f"Net recipients: 河北省 ({net:.2f} million yuan a year" in text
    assert "Counties that pay: 8, together 364.6 million yuan a year" in text and "Counties that receive: 4" in text
    assert "95.96 yuan per t CO₂ (volume-weighted average of 2024)" in text
    zh = words(page.text["zh-summary"])
    assert "18 km（合理区间 12–24 km）" in zh and "I 在候选尺度内没有内部峰值" in zh


def test_a_scale_without_interval_is_never_bare(build, without_pictures):
    def forget(tables, manifest):
        tables["scale_choice"][["low_km", "high_km"]] = float("nan")

    text = words(Page(render_report(build(change=forget))).text["en-summary"])
    assert "no interval was estimated" in text


def test_tables_hold_the_first_of_each_side(page):
    text = page.text["en-counties"]
    assert ("The first 8 payers, 2020" in text and "The first 4 recipients, 2020" in text) or "payers, 2020" in text
    assert "By capacity (Q), 2020" in text and "Read with care" in text
    assert "Counties without GDP, and therefore without a rank: 张北县." in text
    assert "B(20) = 1.20 (2010), 1.20 (2020)" in text
    assert "not_separable" not in page.text["en-zones"] and "not separable" in page.text["en-zones"]


def test_what_is_coarse_what_was_warned_and_how_to_repeat(page):
    assert "土地覆被较粗。" in page.text["zh-limits"] and "Land cover is coarse." in page.text["en-limits"]
    assert "one plain warning" in page.text["en-limits"] and "compensation: no priority without GDP" in page.text["en-limits"]
    assert "2.0e−16" in page.text["en-checks"]
    assert "public domain" in page.text["en-data"] and "Friedl 2015" in page.text["zh-data"]
    assert "9f" * 32 in page.text["en-reproduce"] and "0.1.0" in page.text["en-reproduce"]
    assert "V = D′ · P · r" in page.text["en-method"] and "S = α" in page.text["en-method"] and "Pearl" not in page.text["en-method"]
    assert "3.90" not in page.text["en-accounts"] and "by coefficients of land classes alone" in page.text["en-accounts"]


@pytest.mark.parametrize(
    ("without", "section", "reason"),
    [
        (("accounts_grid", "zones", "zone_summary", "scale_response", "scale_choice"), "scale", "no grid"),
        (("accounts_county", "compensation", "flows", "balance", "direction"), "counties", "no counties"),
        (("flows",), "flows", "no flows"),
        (("zones", "zone_summary"), "zones", "no zones"),
        (("spatial_statistics",), "hot_spots", "no local statistics"),
        (("direction",), "direction", "no province"),
        (("centre_of_gravity",), "centre", "no centre"),
        (CHANGE, "change", "no tables of change"),
    ],
)
def test_a_missing_table_leaves_its_section_out_and_says_why(build, without_pictures, without, section, reason):
    page = Page(render_report(build(without=without)))
    text = page.text[f"en-{section}"]
    assert reason in text and "Left out" in text
    assert ("Table" not in text and "从略" in page.text[f"zh-{section}"]) or "没有" in page.text[f"zh-{section}"]


def test_the_scale_is_an_interval_with_all_it_rests_on(page):
    text, zh = words(page.text["en-scale"]), words(page.text["zh-scale"])
    assert "The answer is an interval: 12–24 km, within which the rule gives 18 km. It rests on 100 draws" in text
    assert "In 25.0 % of them no side passed" in text and "without Geary's C 6 km" in text
    assert "scale variance (t CO₂ km⁻² a⁻¹)²" in text and "Box dimension, one number over all sides: 1.79 (2010), 1.79 (2020)" in text
    assert "25% 的抽样没有任何尺度通过检验" in zh and "以 6 km 为基础格网时可平移的原点不足" in zh and "few origin shifts" not in zh


def test_every_flag_of_the_scale_has_chinese_words():
    from carbonshed.present.findings import flag_texts
    from carbonshed.present.words import Words
    from carbonshed.scale.choose import AT_EDGE, NO_PEAK
    from carbonshed.scale.interval import AT_EDGE_OF_INTERVAL

    flags = [AT_EDGE, NO_PEAK, AT_EDGE_OF_INTERVAL, "no scale in 12.5 % of the draws", "few origin shifts on a base of 4 km: 4 km 0 of 8"]
    flags += ["cv_tol doubled to 0.1", "p is not below 0.01 in every year", "criteria without values: q, geary_c"]
    for flag in flags:
        assert not re.search("(shift|edge|draws|peak|every|without)", flag_texts([flag], Words("zh"))), flag
        assert re.findall(r"\d", flag_texts([flag], Words("en"))) == re.findall(r"\d", flag)
    assert flag_texts(["something new"], Words("zh")) == "something new"


def test_change_is_told_by_hand(page):
    text = words(page.text["en-change"])
    assert "by +16.50 kt CO₂" in text  # 22,000 - 5,500 t
    assert "2010-2020: built-up land, which is hardly ever left, loses more than 5 %" in text
    assert "3 (75 %)" in text and "1 (25 %)" in text and "9 / 2,916" in text and "1 / 324" in text
    assert "Rises, then falls" in text and "2010–2020397yes" in text


def test_one_year_has_no_change_and_says_so(build, without_pictures):
    page = Page(render_report(build(years=(2020,))))
    assert "the study has one year" in page.text["en-change"] and "只有一个年份" in page.text["zh-change"]
    assert "fewer than 2 years; left out for that reason: how stable the order is" in words(page.text["en-fairness"])


def test_two_years_without_land_cover_say_what_is_missing(build, without_pictures):
    page = Page(render_report(build(without=("trends", "land_transfers"))))
    text = words(page.text["en-change"])
    assert "The study has fewer than 3 years; left out for that reason: trends of the units" in text
    assert "holds no land_transfers" in text and "Gini" in text


def test_the_first_page_says_that_the_poor_pay_the_rich(page, build, without_pictures):
    text, zh = words(page.text["en-summary"]), words(page.text["zh-summary"])
    assert "The poorer side pays the richer one (2020). In 2020 the net payers (河北省) have 40,000 yuan of GDP per head" in text
    assert "the net recipients (北京市) 90,000 yuan" in text and "穷的一方在补偿富的一方（2020 年）" in zh

    def otherwise(tables, manifest):
        for row in manifest["choices"]["direction"]:
            row["poor_pay_rich"] = False

    text = words(Page(render_report(build(change=otherwise))).text["en-summary"])
    assert "poorer side" not in text


def test_fairness_prices_and_responsibility_by_hand(page):
    text = words(page.text["en-fairness"])
    assert (
        "In 2020 the Gini coefficient of GDP per head between counties goes from 0.4000 before the payments to 0.3000 after them (less unequal)"
        in text
    )
    assert "their revised deficit is 50.0 % of the sum it was before" in text and "1.25" in text
    assert "In 2020 more is owed (2.26 bn yuan, counties: 8)" in text  # 23.6 Mt x 95.96 yuan
    money = words(page.text["en-counties"])
    assert "Responsibility: shared between producer and consumer" in money and "95.96" in money and "85.96" in money
    assert "共同责任" in page.text["zh-counties"]


def test_one_price_for_all_years_is_one_sentence(build, without_pictures):
    text = Page(render_report(build(change=lambda t, m: m["choices"].update(price_path={"2010": 70.0, "2020": 70.0})))).text
    assert "The same price, 70 yuan per t CO₂, holds in 2010 and 2020" in words(text["en-counties"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "without", [("accounts_grid", "zones", "zone_summary"), ("accounts_county", "compensation", "flows", "balance", "direction")]
)
def test_half_a_study_is_drawn(build, without):
    page = Page(render_report(build(without=without, years=(2020,))))
    assert len(page.of("img")) >= 8


def test_names_cannot_write_into_the_page(build, without_pictures):
    attack = "<script>alert(1)</script>"

    def change(tables, manifest):
        manifest["study"]["name"] = attack
        manifest["warnings"].append(f'"><img src=x onerror=alert(1)>{attack}')
        manifest["inputs"][0]["citation"] = attack

    html = render_report(build(names=[attack] * 12, change=change))
    page = Page(html)
    assert attack not in html and "&lt;script&gt;alert(1)" in html
    assert not page.of("script") and not page.of("img")
    assert attack in page.text["en-counties"]


def test_a_simulated_region_is_called_one(build, without_pictures, html):
    assert "They describe no real place" not in html
    assert "They describe no real place" in render_report(build(change=lambda tables, manifest: manifest.update(is_simulated=True)))


def test_amounts_of_zero_and_a_side_without_counties_are_said(build, without_pictures):
    def nobody(tables, manifest):
        table = tables["compensation"]
        columns = ["payable", "receivable", "net_compensation", "payable_before", "receivable_before"]
        tables["compensation"] = table.assign(**dict.fromkeys(columns, 0.0), side="none")
        manifest["totals"][-1].update(payable_before=0.0, receivable_before=0.0, payable=0.0, receivable=0.0)

    text = words(Page(render_report(build(change=nobody))).text["en-summary"])
    assert "nobody owes and nobody is due" in text and "No county owes anything" in text and "No county is due anything" in text


def test_pictures_may_come_from_a_folder(build, monkeypatch):
    folder = build(
        years=(2020,), without=("spatial_statistics", "compensation", "flows", "scale_response", "scale_choice", "centre_of_gravity")
    )
    save_figures(folder, "both", formats=["png"])

    def only_the_first_page(result, *arguments):
        return drawn(result, *arguments) if result.page.name == "front" else pytest.fail("drawn again")

    drawn = report.draw
    monkeypatch.setattr(report, "draw", only_the_first_page)
    assert len(Page(render_report(folder, pictures_from=folder / "figures")).of("img")) >= 8


def test_a_figure_that_cannot_be_drawn_says_why(build, monkeypatch):
    from carbonshed.checks import refuse

    def fail(result, name, lang):
        raise refuse("test", expected="ink", got="<none>", where=name, fix="Buy some.")

    monkeypatch.setattr(report, "draw", fail)
    html = render_report(build())
    assert "zones_map: expected ink; got &lt;none&gt;" in html and not Page(html).of("img")


def test_progress_is_told_and_bad_calls_are_refused(build, result_dir, tmp_path):
    told: list[float] = []
    render_report(build(years=(2020,), without=("accounts_grid", "zones", "spatial_statistics")), progress=lambda f, m: told.append(f))
    assert told == sorted(told) and told[0] >= 0 and told[-1] < 1
    with pytest.raises(InputError, match="zh"):
        render_report(result_dir, lang="de")
    with pytest.raises(InputError, match=re.escape("manifest.json")):
        render_report(tmp_path)
