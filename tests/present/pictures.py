"""Pictures of figures and of pages of the report made small enough to keep, and how far two of them are apart."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

import carbonshed as cs
from carbonshed.checks import DataWarning
from carbonshed.present.figures import as_bytes
from carbonshed.present.folder import ResultFolder
from carbonshed.present.maps import Drawing
from carbonshed.present.pdf import FLAGS, find_browser
from carbonshed.study.demo import write_demo
from carbonshed.study.twin.write import write_twin

REFERENCES = Path(__file__).parent / "references"
WIDTH = 160
DPI = 66
COLOURS = 64

MEAN_TOLERANCE = 0.15
"""Largest mean absolute difference, in levels of 0 to 255 over all pixels and channels."""

FAR = 24
"""A pixel differs where a channel does by more than this many levels."""

SHARE_TOLERANCE = 0.002
"""Largest share of pixels that differ."""


def small(drawing: Drawing) -> Image.Image:
    """The figure 160 pixels wide, each the mean of what it covers, in at most 64 colours."""
    with Image.open(io.BytesIO(as_bytes(drawing, "png", dpi=DPI))) as picture:
        plain = picture.convert("RGB")
    height = max(round(plain.height * WIDTH / plain.width), 1)
    return plain.resize((WIDTH, height), Image.Resampling.BOX).quantize(COLOURS, dither=Image.Dither.NONE)


def apart(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Mean absolute difference in levels, and share of pixels that differ; pictures of different size share nothing."""
    if one.size != other.size:
        return 255.0, 1.0
    difference = np.abs(np.asarray(one.convert("RGB"), dtype=float) - np.asarray(other.convert("RGB"), dtype=float))
    return float(difference.mean()), float((difference.max(axis=2) > FAR).mean())


def is_same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures agree within both tolerances."""
    mean, share = apart(one, other)
    return mean <= MEAN_TOLERANCE and share <= SHARE_TOLERANCE


def reference(name: str) -> Image.Image:
    """The stored picture of a figure of the small study, e.g. ``zones_map``, ``zh/zones_map``; of a study, ``demo/zones_map``."""
    with Image.open(REFERENCES / f"{name}.png") as picture:
        return picture.copy()


# whole studies, made smaller where that shortens them

STUDIES = ("demo", "twin", "county")
STUDY_PRESET = {"demo": ("double", "zh"), "twin": ("single", "en"), "county": ("double", "zh")}
"""The page and the language in which the figures of each are kept."""


def run_study(name: str, folder: Path, shared: Path | None) -> ResultFolder:
    """The result of the demo, of the twin on coarse grids in two years, or of the shared county study; figures and report are not drawn."""
    if name == "county":
        assert shared is not None
        study = cs.Study.open(shared / "studies" / "bth-county")
    elif name == "demo":
        study = cs.Study.open(write_demo(folder / "study"))
    else:
        file = write_twin(folder / "study", pixel_m=1000.0)
        text = file.read_text(encoding="utf-8")
        for old, new in (
            (r"(?m)^years = .*$", "years = [2000, 2020]"),
            (r"(?m)^base_km = .*$", "base_km = 6"),
            (r"(?m)^scales_km = .*$", "scales_km = [6, 12, 18, 24]"),
            (r"(?m)^permutations = .*$", "permutations = 200"),
        ):
            text, count = re.subn(old, new, text)
            assert count == 1, old
        file.write_text(text, encoding="utf-8")
        study = cs.Study.open(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study.run(folder / "results")
    return ResultFolder(folder / "results")


# pages of the report, as Chromium shows them

PAGES = {
    "summary_zh_1200": ("zh", "front", 1200, 1400),
    "summary_en_400": ("en", "front", 400, 2600),
    "zones_en_1200": ("en", "zones", 1200, 2600),
    "zones_zh_400": ("zh", "zones", 400, 3600),
}
"""Language, section, width and height of the window in CSS pixels; ``front`` is the first page."""

PAGE_MEAN_TOLERANCE, PAGE_SHARE_TOLERANCE = 0.6, 0.008
"""Wider than those of figures: browsers of another version set the same fonts with other edges."""

FAMILIES = ("Noto Sans", "Noto Serif", "Noto Sans SC", "Noto Serif SC", "sans-serif:lang=zh-cn", "serif:lang=zh-cn")


def fonts_of_pages() -> str:
    """Which fonts a browser would take here: pages of other fonts cannot be compared."""
    if shutil.which("fc-match") is None:
        return "no fc-match"
    found = [subprocess.run(["fc-match", each], capture_output=True, text=True, check=True).stdout.strip() for each in FAMILIES]
    return "\n".join(found)


def why_no_pages() -> str:
    """Why pages cannot be compared here; empty where they can."""
    if find_browser() is None:
        return "no Chromium"
    known = REFERENCES / "pages" / "fonts.txt"
    return "" if known.is_file() and known.read_text(encoding="utf-8") == fonts_of_pages() else "other fonts than those of the stored pages"


def page_picture(html: str, name: str) -> Image.Image:
    """One part of a report as a browser shows it in a window of that width, small.

    A browser on a busy machine may take its picture before all is painted: it is taken until two in a row agree, at most five times.
    """
    before = _shot(html, name)
    for _ in range(4):
        picture = _shot(html, name)
        if is_same_page(picture, before):
            break
        before = picture
    return picture


def _shot(html: str, name: str) -> Image.Image:
    lang, part, width, height = PAGES[name]
    shown = ".front" if part == "front" else f"#{lang}-{part}"
    only = f"<style>.document > :not({shown}) {{ display: none; }}</style></head>"
    picked = html.replace(" checked", "").replace(f'id="pick-{lang}"', f'id="pick-{lang}" checked')
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, frame, shot = (Path(folder) / each for each in ("page.html", "frame.html", "shot.png"))
        page.write_text(picked.replace("</head>", only), encoding="utf-8")
        frame.write_text(
            f'<body style="margin:0"><iframe style="border:0" width={width} height={height} src="page.html"></iframe></body>',
            encoding="utf-8",
        )
        command = [
            str(find_browser()), *FLAGS, "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files", f"--user-data-dir={folder}/user",
            "--virtual-time-budget=20000", f"--window-size={max(width, 500)},{height}", f"--screenshot={shot}", frame.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, capture_output=True, timeout=120, check=True)
        with Image.open(shot) as picture:
            plain = picture.convert("RGB").crop((0, 0, width, height))
    return plain.resize((width // 3, height // 3), Image.Resampling.BOX).quantize(COLOURS, dither=Image.Dither.NONE)


def is_same_page(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures of a page agree within both tolerances."""
    mean, share = apart(one, other)
    return mean <= PAGE_MEAN_TOLERANCE and share <= PAGE_SHARE_TOLERANCE
