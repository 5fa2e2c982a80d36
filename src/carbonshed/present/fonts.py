"""Fonts of the figures, chosen by the glyphs they hold: a missing glyph is never drawn as a box.

The package carries a font with Latin letters, signs, the common Chinese characters and the place names of China, and a small one with
raised and lowered signs. Fonts of the system come in where a name needs them, since laying out a text costs time for each font that could
be asked; what none of them holds is an error that says what to install (`drawable`).
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from matplotlib import font_manager

from carbonshed.checks import refuse, visible

BUNDLED = "data/fonts/carbonshed-sans-sc.ttf"
SIGNS = "data/fonts/carbonshed-signs.ttf"

SYSTEM_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Heiti SC",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)
LAST_FAMILY = "DejaVu Sans"  # comes with matplotlib
SAMPLE = "碳源汇补偿支付受偿亿元"  # what a figure in Chinese cannot do without


@cache
def own_families() -> tuple[str, ...]:
    """Families of the fonts that the package carries, registered with matplotlib once; that of matplotlib where they are not there."""
    found: list[str] = []
    for name in (BUNDLED, SIGNS):
        with resources.as_file(resources.files("carbonshed").joinpath(name)) as own:
            if own.is_file():
                font_manager.fontManager.addfont(str(own))
                found.append(font_manager.get_font(str(own)).family_name)
    return tuple(found) or (LAST_FAMILY,)


@cache
def families() -> tuple[str, ...]:
    """Font families in the order in which a glyph is looked for: our own, those of the system, that of matplotlib."""
    own = own_families()
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    found = [*own, *(family for family in SYSTEM_FAMILIES if family in installed)]
    return (*dict.fromkeys(name for name in found if name != LAST_FAMILY), LAST_FAMILY)


@cache
def _characters(of: tuple[str, ...]) -> frozenset[int]:
    """Code points that at least one font of these families holds."""
    held: set[int] = set()
    for family in of:
        path = font_manager.findfont(font_manager.FontProperties(family=family))
        held |= set(font_manager.get_font(path).get_charmap())
    return frozenset(held)


def can_draw(text: str, *, own: bool = False) -> bool:
    """Whether the fonts at hand hold a glyph for every character of `text`; `own`: whether those of the package do.

    >>> can_draw("carbon 碳 CO₂ km⁻²")
    True
    """
    held = _characters(own_families() if own else families())
    return all(ord(character) in held for character in text if not character.isspace())


def drawable(text: str) -> str:
    """`text` with hidden characters shown by their code, whose every character the fonts at hand can draw.

    Raises
    ------
    InputError
        If no font holds one of its characters; the message says what to install.

    >>> drawable("大厂")
    '大厂'
    """
    shown = visible(text)
    missing = sorted({character for character in shown if not can_draw(character)})
    if missing:
        raise refuse(
            "no_glyph",
            expected="a font that holds every character of a name",
            got=", ".join(f"U+{ord(character):04X}" for character in missing),
            where=repr(shown),
            fix="Install one that does, e.g. Noto Sans CJK SC (Debian, Ubuntu: apt install fonts-noto-cjk), or write the name another way.",
        )
    return shown


def has_chinese() -> bool:
    """Whether figures can be labelled in Chinese here; where not, they are labelled in English and the report says so."""
    return can_draw(SAMPLE)
