"""The head of a figure: its title, what the numbers are and their unit, folded to the width of the page."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from carbonshed.present.presets import Page
from carbonshed.present.style import GREY, INK

MARGIN_IN = 0.12
TITLE_PT, SUBTITLE_PT = 10.5, 7.5
LEAST_HEAD_IN = 0.14
POINTS_PER_INCH = 72.0
BETWEEN = "  |  "
CLOSING, OPENING = "，。；：、）”！？》", "（“《"
"""Chinese marks that do not begin a line, and those that do not end one."""


def text_width(text: str, size_pt: float) -> float:
    """Width of a text in inches, a Chinese character taken as one em, others as 0.54 em: an estimate on the safe side.

    >>> round(text_width("碳源", 7.2), 3), round(text_width("CO2", 10.0), 3)
    (0.2, 0.225)
    """
    ems = sum(1.0 if ord(character) > 0x2E80 else 0.54 for character in text)
    return ems * size_pt / POINTS_PER_INCH


def fold(text: str, width_in: float, size_pt: float) -> list[str]:
    """Lines no wider than `width_in`, broken at bars and spaces, and between characters where there are none.

    >>> fold("carbon source per area", 0.8, 7.5), fold("单位面积年碳排放量", 0.45, 7.5)
    (['carbon source', 'per area'], ['单位面积', '年碳排放', '量'])
    """
    lines: list[str] = [""]
    for piece in _pieces(text):
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), size_pt) > width_in:
            lines[-1] = lines[-1].rstrip(" |")
            lines.append(piece.lstrip(" |"))
        else:
            lines[-1] += piece
    return [line for line in lines if line] or [""]


def _pieces(text: str) -> list[str]:
    """Words with the blank after them, and single Chinese characters (a mark stays with what it closes or opens)."""
    pieces: list[str] = []
    word = ""
    for character in text:
        if word and word[-1] in OPENING:
            word += character
        elif character in OPENING:
            pieces += [word] if word else []
            word = character
        elif ord(character) > 0x2E80:
            if word:
                pieces.append(word)
                word = ""
            if character in CLOSING and pieces:
                pieces[-1] += character
            else:
                pieces.append(character)
        else:
            word += character
            if character == " ":
                pieces.append(word)
                word = ""
    return [*pieces, word] if word else pieces


@dataclass(frozen=True)
class Heading:
    """Title (absent on the pages of journals) and subtitle, folded; `height` is what they take of the figure, in inches."""

    title: tuple[str, ...]
    subtitle: tuple[str, ...]
    height: float

    @classmethod
    def fitted(cls, title: str, subtitle: str, width_in: float, page: Page, *, room_in: float = 0.0) -> Heading:
        """Folded to a figure of that width, `room_in` of it kept free on the right."""
        usable = width_in - 2 * MARGIN_IN - room_in
        titles = tuple(fold(title, usable, TITLE_PT)) if page.has_title else ()
        subtitles = tuple(fold(subtitle, usable, SUBTITLE_PT)) if subtitle else ()
        height = 0.08 + 0.195 * len(titles) + 0.135 * len(subtitles) + 0.09
        return cls(titles, subtitles, max(height, LEAST_HEAD_IN, room_in))

    def write(self, figure: Figure) -> None:
        """Write both at the top left of the figure."""
        width, height = figure.get_size_inches()
        top = 0.08
        for lines, size, step, colour in ((self.title, TITLE_PT, 0.195, INK), (self.subtitle, SUBTITLE_PT, 0.135, GREY)):
            for line in lines:
                figure.text(MARGIN_IN / width, 1 - top / height, line, fontsize=size, va="top", ha="left", color=colour)
                top += step
