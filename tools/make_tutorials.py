"""Tutorials: run the code of ``tools/tutorials/NAME.md`` and write pages and notebooks in both languages with its outputs.

    python tools/make_tutorials.py first-region your-own-region
    python tools/make_tutorials.py published-county-study --folder DIR     # where the folder ``bth-county`` stands

A source holds blocks under ``<!-- en -->``, ``<!-- zh -->`` and ``<!-- code -->``; the code is common to both languages, ``{lang}`` in it
becomes the language. Written: ``docs/tutorials/NAME.md``, ``NAME.zh.md`` with pictures beside them, and the same as ``.ipynb``.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
SOURCES, PAGES = ROOT / "tools" / "tutorials", ROOT / "docs" / "tutorials"
LANGUAGES = {"en": ".md", "zh": ".zh.md"}
SECONDS = 600

Block = tuple[str, str]


def blocks(text: str) -> list[Block]:
    """Blocks of a source as (kind, text), in order."""
    parts = re.split(r"^<!-- (en|zh|code) -->\n", text, flags=re.MULTILINE)
    return [(kind, body.strip("\n")) for kind, body in zip(parts[1::2], parts[2::2], strict=True)]


def notebook(source: list[Block], lang: str) -> Any:
    """The notebook of one language, not yet run."""
    cells = []
    for place, (kind, text) in enumerate(source):
        name = f"cell-{place}"
        if kind == "code":
            cells.append(new_code_cell(text.replace("{lang}", lang), id=name))
        elif kind == lang:
            cells.append(new_markdown_cell(text, id=name))
    book = new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return book


def run(book: Any, folder: Path) -> Any:
    """Run every cell in `folder`, whose own path is left out of what is shown; an error ends it."""
    NotebookClient(book, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times: they would change the file at every run
    book.metadata.pop("language_info", None)
    return nbformat.reads(nbformat.writes(book).replace(f"{folder}/", ""), as_version=4)


def page(book: Any, name: str, lang: str, folder: Path) -> str:
    """The page in Markdown; pictures go beside it."""
    text = []
    for place, cell in enumerate(book.cells):
        if cell.cell_type == "markdown":
            text.append(cell.source)
            continue
        text.append(f"```python\n{cell.source}\n```")
        for number, output in enumerate(cell.outputs):
            text += _shown(output, folder, f"{name}-{lang}-{place}-{number}.png")
    other = f"[notebook]({name}{'' if lang == 'en' else '.zh'}.ipynb)"
    text.append({"en": f"The same as a {other}.", "zh": f"本页的{other.replace('notebook', '笔记本文件')}。"}[lang])
    return "\n\n".join(text) + "\n"


def _shown(output: Any, folder: Path, picture: str) -> list[str]:
    """One output as Markdown: a picture, a table, or text."""
    data = output.get("data", {})
    if "image/png" in data:
        (folder / picture).write_bytes(base64.b64decode(data["image/png"]))
        return [f"![]({picture})"]
    if "text/html" in data:
        return [re.sub(r"<style.*?</style>", "", data["text/html"], flags=re.DOTALL).replace("\n", " ")]
    said = output.get("text", "") or data.get("text/plain", "")
    return [f"```text\n{said.rstrip()}\n```"] if said and output.get("name") != "stderr" else []


def make(name: str, given: Path | None) -> None:
    """Run a tutorial in an empty folder (with the folders of `given` linked into it) and write its pages."""
    source = blocks((SOURCES / f"{name}.md").read_text(encoding="utf-8"))
    PAGES.mkdir(parents=True, exist_ok=True)
    for lang, suffix in LANGUAGES.items():
        with tempfile.TemporaryDirectory() as work:
            for each in given.iterdir() if given else []:
                (Path(work) / each.name).symlink_to(each.resolve())
            book = run(notebook(source, lang), Path(work))
        for old in PAGES.glob(f"{name}-{lang}-*.png"):
            old.unlink()
        (PAGES / f"{name}{suffix}").write_text(page(book, name, lang, PAGES), encoding="utf-8")
        nbformat.write(book, PAGES / f"{name}{suffix.removesuffix('.md')}.ipynb")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=sorted(path.stem for path in SOURCES.glob("*.md")))
    parser.add_argument("--folder", type=Path, help="folder of studies that a tutorial opens by name")
    asked = parser.parse_args()
    if shutil.which("jupyter-kernelspec") is None and not asked.names:
        parser.error("jupyter is needed: pip install carbonshed[docs]")
    for name in asked.names:
        make(name, asked.folder)


if __name__ == "__main__":
    main()
