"""What the pages tell people to type works: commands and their options, Python, TOML, and links - in README and in every page."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import rasterio
import typer
from rasterio.transform import from_origin

from carbonshed.interfaces.cli import app
from carbonshed.present.export import WRITERS
from carbonshed.present.figures import full_name

ROOT = Path(__file__).resolve().parents[2]
MADE = ("api", "functions", "glossary")
WRITTEN = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.name.split(".")[0] not in MADE),
]


def told(page: Path) -> list[str]:
    """Command lines of a page: in backticks, and the lines of its blocks that are no Python."""
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"^```python.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"`(carbonshed [^`\n]+)`", plain) + re.findall(
        r"^(?:\$ )?(?:\.venv\S+[/\\])?(carbonshed [^\n]+)$", plain, flags=re.MULTILINE
    )
    return [line.partition("  #")[0].strip() for line in lines]


def test_every_command_of_the_pages_exists_with_its_options():
    commands = typer.main.get_command(app).commands
    seen = 0
    for page in WRITTEN:
        for line in told(page):
            words = line.split()[1:]
            if not words or not re.fullmatch(r"[a-z]+", words[0]):
                continue
            assert words[0] in commands or words[0] == "serve", f"{page.name}: {line}"
            if words[0] == "serve":
                continue
            known = {name for option in commands[words[0]].params for name in option.opts} | {"--help"}
            asked = [word.partition("=")[0] for word in words if word.startswith("--")]
            assert set(asked) <= known, f"{page.name}: {line}: there is no {set(asked) - known}"
            for word, value in pairwise(words):
                if word == "--format" and words[0] == "export":
                    assert set(value.split(",")) - {"..."} <= set(WRITERS), line
                if word == "--only":
                    assert all(full_name(name) for name in value.split(",")), line
            seen += 1
    assert seen >= 40


def test_examples_of_toml_are_toml_and_the_legend_is_a_legend(tmp_path):
    from carbonshed.readers.legend import read_legend

    for page in WRITTEN:
        for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
            held = tomllib.loads(block)
            if "product" in held and "class" in held:
                (tmp_path / "my_map.toml").write_text(block, encoding="utf-8")
                assert read_legend(tmp_path / "my_map.toml")


def test_links_of_written_pages_lead_to_files():
    for page in WRITTEN:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            path = urlsplit(target).path
            if urlsplit(target).scheme or not path or Path(path).name.split(".")[0] in MADE:
                continue
            assert (page.parent / unquote(path)).exists(), f"{page.relative_to(ROOT)}: {target}"


def run(code: str, folder: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{code}\n{ran.stderr[-2000:]}"


def python_of(name: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


NOT_HERE = ("dask_jobqueue", "dask_kubernetes")
"""What only a site with such a cluster has."""


def test_every_page_with_python_is_run_or_compiled():
    """A new page with Python must be named below."""
    with_python = {page.relative_to(ROOT).as_posix() for page in WRITTEN if "```python" in page.read_text(encoding="utf-8")}
    others = {name for name in with_python if not name.startswith("docs/tutorials/")}
    assert others == {"README.md", "README.zh.md", "docs/how-to.md", "docs/how-to.zh.md", "docs/scaling.md", "docs/scaling.zh.md"}
    for name in others:
        for code in python_of(name):
            compile(code, name, "exec")


@pytest.mark.slow
def test_the_code_of_the_pages_runs(tmp_path):
    """As written, in a folder with the demo and a small land-cover map; on a cluster of this machine where a page names another; those for
    SLURM and Kubernetes are compiled only."""
    run("from pathlib import Path\nfrom carbonshed.study.demo import write_demo\nwrite_demo(Path('demo'))", tmp_path)
    codes = np.random.default_rng(1).choice(np.array([1, 2, 5, 8], dtype="uint8"), (200, 200))
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 200, "width": 200, "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "clcd_2020.tif", "w", transform=from_origin(115, 40, 0.001, 0.001), **profile) as raster:
        raster.write(codes, 1)
    before = "if __name__ == '__main__':\n    import carbonshed as cs\n    study = cs.Study.open('demo')\n"
    for name in ("docs/how-to.md", "docs/how-to.zh.md", "README.zh.md", "docs/scaling.md"):
        blocks = python_of(name)
        if name.endswith("zh.md") and name.startswith("docs"):
            blocks = [code for code in blocks if "tabulate_grids" in code]  # the other is that of the English page, to the letter
        for code in blocks:
            if any(cluster in code for cluster in NOT_HERE):
                continue  # compiled above
            local = code.replace('scheduler="tcp://node1:8786"', "workers=2")
            if local != code:
                script = tmp_path / "on_a_cluster.py"
                script.write_text(before + "".join(f"    {line}\n" for line in local.splitlines()), encoding="utf-8")
                ran = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
                assert ran.returncode == 0, ran.stderr[-2000:]
            else:
                run(local, tmp_path)
    scenario = [[code for code in python_of(f"docs/how-to.{lang}md") if "with_(" in code] for lang in ("", "zh.")]
    assert scenario[0] == scenario[1]


class Links(HTMLParser):
    """Addresses that a page refers to, and the anchors that it has."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for key, value in attributes:
            if key in ("href", "src") and value:
                self.found.append(value)
            if key in ("id", "name") and value:
                self.anchors.add(value)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed (the extra docs)")
def test_the_site_builds_without_warnings_and_every_link_of_it_ends(tmp_path):
    """Of the built pages, in both languages: links, pictures, scripts, anchors, also those in raw HTML; nothing comes from a network."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(site)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert ran.returncode == 0 and not ran.stderr.strip(), ran.stderr[-2000:]
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) >= 40
    broken = []
    for path, page in pages.items():
        for link in page.found:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data", "javascript") or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            is_lost = parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors | {"__skip"}
            if not target.exists() or is_lost:
                broken.append((path.name, link))
    assert not broken, broken[:20]
    loaded = [
        link
        for page in pages.values()
        for link in page.found
        if re.match(r"(https?:)?//", link) and re.search(r"\.(js|css|woff2?)(\?|$)", link)
    ]
    assert not loaded, "the site works without a network"
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = {") and '"zh/' in index and (site / "javascripts" / "iframe-worker.js").is_file()
