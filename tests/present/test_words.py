from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager

import carbonshed.present as present
from carbonshed.checks import InputError
from carbonshed.present.fonts import BUNDLED, LAST_FAMILY, can_draw, drawable, families, has_chinese
from carbonshed.present.words import LANGUAGES, Words, catalogue, method_notes
from carbonshed.registry import terms

FOLDER = Path(present.__file__).parent
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAME_IN_BOTH = re.compile(r"^[\W\d]*$|^(km|km²|z|p|I|CV|SHA-256|%|K-Means|Ward|{length} km|{value} / {before})$")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_phrase_is_in_both_languages_with_the_same_places():
    for key, phrase in catalogue().items():
        for lang in LANGUAGES:
            assert phrase[lang], key
        assert places(phrase["zh"]) == places(phrase["en"]), key
        if not SAME_IN_BOTH.match(phrase["en"]):
            assert CHINESE.search(phrase["zh"]), f"{key} is not translated"
        assert not CHINESE.search(phrase["en"]), f"{key} has Chinese in its English"
    for note in method_notes():
        assert {"id", "zh_title", "en_title", "formula", "zh", "en", "source"} <= set(note)


def test_every_phrase_that_the_code_asks_for_exists():
    known, groups = set(catalogue()), {key.rpartition(".")[0] for key in catalogue()}
    ours = [file for file in FOLDER.glob("*.py") if "agreement" not in file.name]  # those have a word file of their own
    for file in ours:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "words" or not node.args:
                continue
            key = node.args[0]
            if isinstance(key, ast.Constant):
                assert key.value in known, f"{file.name}: {key.value}"
            elif isinstance(key, ast.JoinedStr) and isinstance(key.values[0], ast.Constant):
                assert key.values[0].value.rstrip(".").partition(".")[0] in groups, f"{file.name}: {ast.unparse(key)}"
    template = (FOLDER / "templates" / "report.html.j2").read_text(encoding="utf-8")
    for key in re.findall(r"words\('([a-z_.]+)'[,)]", template):
        assert key in known, key


def test_the_font_we_carry_holds_every_word_of_ours():
    own = set(TTFont(str(FOLDER.parent / BUNDLED)).getBestCmap())
    fallback = set(TTFont(font_manager.findfont(LAST_FAMILY)).getBestCmap())
    held = own | fallback
    words = "".join(phrase[lang] for phrase in catalogue().values() for lang in LANGUAGES)
    words += "".join(term.zh + term.en + term.definition_zh for term in terms().values())
    lacking = {character for character in words if ord(character) not in held and not character.isspace()}
    assert not lacking, f"run tools/make_font.py again: {lacking}"
    assert not {character for character in words if CHINESE.match(character)} - {chr(code) for code in own}


def test_fonts_are_chosen_by_the_glyphs_they_hold():
    assert has_chinese() and families()[-1] == LAST_FAMILY
    assert can_draw("碳补偿 CO₂ km⁻² a⁻¹ −1")
    unknown = "\U0001f9ff"  # a picture sign; a hidden character is shown by its code instead
    assert drawable("a\x1b") == "a\\u001b"
    assert drawable("大厂") == "大厂"
    with pytest.raises(InputError, match="fonts-noto-cjk"):
        drawable(unknown)


def test_phrases_by_hand_and_refusals():
    assert Words("zh")("zone.payment") == "支付区" and Words("en")("zone.recipient") == "recipient zone"
    assert Words("en").get("zone", "new_zone") == "new_zone"
    assert Words("en").listing(["A"]) == "A" and Words("en").listing([]) == ""
    assert Words("zh").term("carbon_sink") == terms()["carbon_sink"].zh and Words("zh").term("no_term") == "no_term"
    assert Words("en").reality("北京市 天津市 河北省") and not Words("en").reality("四川省")
    with pytest.raises(InputError, match=r"zone\.payment"):
        Words("en")("zone.payments")
    with pytest.raises(InputError, match="zh"):
        Words("fr")
