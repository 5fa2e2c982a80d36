"""Tutorials: their code runs, and the pages hold what the sources say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES, PAGES = ROOT / "tools" / "tutorials", ROOT / "docs" / "tutorials"
NAMES = sorted(path.stem for path in SOURCES.glob("*.md"))


def blocks(name: str) -> list[tuple[str, str]]:
    parts = re.split(r"^<!-- (en|zh|code) -->\n", (SOURCES / f"{name}.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(kind, text.strip("\n")) for kind, text in zip(parts[1::2], parts[2::2], strict=True)]


def run(code: str, folder: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("lang", "suffix"), [("en", ".md"), ("zh", ".zh.md")])
def test_pages_and_notebooks_are_those_of_the_sources(name, lang, suffix):
    page = (PAGES / f"{name}{suffix}").read_text(encoding="utf-8")
    book = json.loads((PAGES / f"{name}{suffix.removesuffix('.md')}.ipynb").read_text(encoding="utf-8"))
    cells = [("code" if cell["cell_type"] == "code" else lang, "".join(cell["source"])) for cell in book["cells"]]
    wanted = [(kind, text.replace("{lang}", lang) if kind == "code" else text) for kind, text in blocks(name) if kind in (lang, "code")]
    assert cells == wanted  # run tools/make_tutorials.py where this fails
    assert all(text in page for _, text in wanted)
    failed = [output for cell in book["cells"] for output in cell.get("outputs", []) if output["output_type"] == "error"]
    assert not failed
    for picture in re.findall(r"!\[\]\((.*?)\)", page):
        assert (PAGES / picture).stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first-region", "your-own-region"])
def test_the_code_runs(name, tmp_path):
    run("\n".join(text.replace("{lang}", "en") for kind, text in blocks(name) if kind == "code"), tmp_path)


@pytest.mark.slow
def test_the_code_of_the_published_study_runs(shared, tmp_path):
    (tmp_path / "bth-county").symlink_to(shared / "studies" / "bth-county")
    run("\n".join(text.replace("{lang}", "zh") for kind, text in blocks("published-county-study") if kind == "code"), tmp_path)


@pytest.mark.slow
def test_the_code_of_the_readme_runs(tmp_path):
    run("from pathlib import Path\nfrom carbonshed.study.demo import write_demo\nwrite_demo(Path('demo'))", tmp_path)
    for code in re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
        run(code, tmp_path)


def test_pages_name_no_folder_of_the_machine_that_made_them():
    for path in [*PAGES.glob("*.md"), *PAGES.glob("*.ipynb")]:
        assert not re.search(r"/(tmp|home|root|private|Users)/", path.read_text(encoding="utf-8")), path.name
