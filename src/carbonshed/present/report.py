"""The report: one HTML file with both languages, every picture inside it, that can be read on a screen and printed on A4.

html = render_report("results", lang="zh")
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from carbonshed.cells import page_text
from carbonshed.checks import InputError, choose
from carbonshed.present import carbon_sections as carbon
from carbonshed.present import change_sections as change
from carbonshed.present import closing_sections as closing
from carbonshed.present import fairness_sections as fair
from carbonshed.present import money_sections as money
from carbonshed.present import scale_sections as scale
from carbonshed.present.blocks import Figures, Section
from carbonshed.present.figure_files import Progress
from carbonshed.present.figures import as_bytes, available_figures, draw
from carbonshed.present.findings import summary, tiles
from carbonshed.present.folder import ResultFolder
from carbonshed.present.fonts import has_chinese
from carbonshed.present.presets import FRONT
from carbonshed.present.style import DPI, WIDE_MM
from carbonshed.present.why_card import why_section
from carbonshed.present.words import LANGUAGES, Words

FRONT_FIGURES = ("zones_map", "compensation_map")
"""Small maps of the last year on the first page: where, and who. Without both, that of net emission."""

PNG_URI = "data:image/png;base64,"

NEARLY_WHITE = 252
"""The paper stays white: a colour whose three parts are at least this becomes white."""

HALF_PAGE = 60
"""Figures up to this share of the page, in %, may stand side by side."""

TEMPLATE = "present/templates/report.html.j2"

SECTIONS: tuple[Callable[[ResultFolder, Words], Section], ...] = (
    carbon.balance_section,
    carbon.accounts_section,
    scale.scale_section,
    carbon.hot_spots_section,
    carbon.zones_section,
    carbon.som_section,
    why_section,
    change.change_section,
    money.counties_section,
    money.flows_section,
    money.direction_section,
    fair.fairness_section,
    money.centre_section,
    closing.limits_section,
    closing.checks_section,
    closing.method_section,
    closing.glossary_section,
    closing.data_section,
    closing.reproduce_section,
)


def render_report(
    result_dir: str | Path,
    *,
    lang: str = "zh",
    progress: Progress | None = None,
    pictures_from: str | Path | None = None,
) -> str:
    """The report of a result folder as the text of one HTML file; nothing outside the folder is read, nothing is loaded from a network.

    Parameters
    ----------
    result_dir : path
        A result folder.
    lang : {"zh", "en"}
        Language it opens in; the other is one click away.
    progress : callable, optional
        ``progress(fraction, message)``.
    pictures_from : path, optional
        Folder of PNG files as `save_figures` has just written for both languages; without it every figure is drawn anew.

    Returns
    -------
    str
        HTML with style and pictures inside.

    Raises
    ------
    InputError
        If the folder is no result of this version, or `lang` is unknown.
    """
    choose(lang, LANGUAGES, where="lang")
    result = ResultFolder(result_dir)
    pictures = _pictures(result, progress or (lambda fraction, message: None), None if pictures_from is None else Path(pictures_from))
    documents = [_document(result, Words(each), pictures) for each in LANGUAGES]
    text = resources.files("carbonshed").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, finalize=page_text, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(
        documents=documents,
        lang=lang,
        title=f"{result.name} - {Words(lang)('report.title')}",
        labels={each: {"zh": "中文", "en": "English"}[each] for each in LANGUAGES},
    )


def _pictures(result: ResultFolder, progress: Progress, folder: Path | None) -> dict[tuple[str, str], str]:
    """Every figure in both languages as the text of an image inside the page; what cannot be drawn gives its reason instead."""
    names = available_figures(result)
    found: dict[tuple[str, str], str] = {}
    last = result.last_year().on(FRONT)
    for name in front_figures(names):
        for lang in LANGUAGES:
            with suppress(InputError):  # the figure in its section gives the reason
                found[f"front {name}", lang] = _uri(_small(as_bytes(draw(last, name, lang), "png")))
    for place, name in enumerate(names):
        progress(place / len(names), name)
        for lang in LANGUAGES:
            file = folder / f"{name}_{lang}.png" if folder else None
            try:
                picture = _small(file.read_bytes() if file and file.is_file() else as_bytes(draw(result, name, lang), "png"))
            except InputError as error:
                found[name, lang] = str(error)
            else:
                found[name, lang] = _uri(picture)
    return found


def front_figures(names: Sequence[str]) -> list[str]:
    """Which of the figures a result can give stand small on the first page."""
    return [name for name in FRONT_FIGURES if name in names] or [name for name in ("net_map",) if name in names]


def _uri(picture: bytes) -> str:
    """A PNG as the address of an image inside the page."""
    return PNG_URI + base64.b64encode(picture).decode("ascii")


def _small(picture: bytes) -> bytes:
    """The picture with at most 256 colours: a third of the bytes, and our maps use far fewer."""
    with Image.open(io.BytesIO(picture)) as image:
        few = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        palette = np.asarray(few.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
        few.putpalette(np.where((palette >= NEARLY_WHITE).all(axis=1, keepdims=True), 255, palette).astype(np.uint8).tobytes())
        buffer = io.BytesIO()
        few.save(buffer, "PNG", dpi=image.info.get("dpi", (DPI, DPI)))
    return buffer.getvalue()


def _document(result: ResultFolder, words: Words, pictures: dict[tuple[str, str], str]) -> dict[str, Any]:
    """What the template needs for one language."""
    sections = [section for section in (make(result, words) for make in SECTIONS) if section.blocks]
    counter = _counter(sections)
    drawn = {name: text for (name, lang), text in pictures.items() if lang == words.lang}
    widths = {name: _width(text) for name, text in drawn.items() if _is_picture(text)}
    return {
        "lang": words.lang,
        "words": words,
        "study": result.name,
        "years": ", ".join(str(year) for year in result.years),
        "version": str(result.manifest.get("carbonshed_version", "")),
        "is_simulated": bool(result.manifest.get("is_simulated")),
        "english_figures": words.lang == "zh" and not has_chinese(),
        "tiles": tiles(result, words),
        "findings": summary(result, words),
        "sections": sections,
        "number": counter,
        "front": {name.removeprefix("front "): Markup(text) for name, text in drawn.items() if name.startswith("front ")},
        "pictures": {name: Markup(text) for name, text in drawn.items() if _is_picture(text)},
        "reasons": {name: text for name, text in drawn.items() if not _is_picture(text)},
        "widths": widths,
        "half": HALF_PAGE,
        "fit_beside": lambda names: len(names) > 1 and all(widths.get(name, 100) <= HALF_PAGE for name in names),
    }


def _is_picture(text: str) -> bool:
    return text.startswith(PNG_URI)


def _width(picture: str) -> int:
    """Width of a picture as a percentage of the text: a figure made half a page wide stays half a page wide."""
    head = base64.b64decode(picture[len(PNG_URI) : len(PNG_URI) + 400])
    dots = int.from_bytes(head[16:20], "big")
    at = head.find(b"pHYs") + 4
    per_metre = int.from_bytes(head[at : at + 4], "big") if at > 3 else round(DPI / 0.0254)
    return min(100, round(100 * dots / per_metre / (WIDE_MM / 1000)))


def _counter(sections: Iterable[Section]) -> dict[Any, int]:
    """Running numbers of figures (by name) and of tables (by identity)."""
    numbers: dict[Any, int] = {}
    figures = tables = 0
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figures):
                for name in block.names:
                    figures += 1
                    numbers[name] = figures
            for table in (block,) if block.kind == "table" else block.tables if block.kind == "beside" else ():
                tables += 1
                numbers[id(table)] = tables
    return numbers
