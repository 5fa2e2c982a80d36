"""Draw the reference pictures of tests/present anew, after the figures were changed on purpose and looked at.

.venv/bin/python tools/make_references.py                     # the small study, in both languages
.venv/bin/python tools/make_references.py small zones_map     # some of its figures
.venv/bin/python tools/make_references.py pages               # pages of its report; needs Chromium
.venv/bin/python tools/make_references.py demo twin county    # whole studies; county needs the shared data
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "present"))

from pictures import PAGES, REFERENCES, STUDIES, STUDY_PRESET, fonts_of_pages, page_picture, run_study, small

from carbonshed.present.figures import available_figures, draw
from carbonshed.present.folder import ResultFolder
from carbonshed.present.presets import page_for
from carbonshed.present.report import render_report
from conftest import write_result

SHARED = Path(os.environ.get("CARBONSHED_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def main() -> None:
    """Write the pictures asked for; English ones of the small study stand in the folder itself, all others in folders of it."""
    asked = sys.argv[1:] or ["small"]
    with tempfile.TemporaryDirectory() as folder:
        if asked[0] == "small":
            result = ResultFolder(write_result(Path(folder) / "full"))
            for lang, place in (("en", REFERENCES), ("zh", REFERENCES / "zh")):
                _write(result, asked[1:] or available_figures(result), lang, place)
        elif asked[0] == "pages":
            _write_pages(render_report(write_result(Path(folder) / "full"), lang="zh"))
        else:
            for name in asked:
                _write_study(name, Path(folder) / name)
    sys.stdout.write(f"{sum(file.stat().st_size for file in REFERENCES.rglob('*.png')) / 1000:.0f} kB in {REFERENCES}" + "\n")


def _write(result: ResultFolder, names: list[str], lang: str, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        small(draw(result, name, lang)).save(place / f"{name}.png", optimize=True)


def _write_study(name: str, folder: Path) -> None:
    if name not in STUDIES:
        sys.exit(f"expected small, pages or one of {', '.join(STUDIES)}; got {name}")
    preset, lang = STUDY_PRESET[name]
    result = run_study(name, folder, SHARED).on(page_for(preset))
    _write(result, available_figures(result), lang, REFERENCES / name)


def _write_pages(html: str) -> None:
    place = REFERENCES / "pages"
    place.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        page_picture(html, name).save(place / f"{name}.png", optimize=True)
    (place / "fonts.txt").write_text(fonts_of_pages(), encoding="utf-8")


if __name__ == "__main__":
    main()
