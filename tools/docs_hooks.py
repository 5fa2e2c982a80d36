"""Pages of the documentation that are made, not written: the glossary from the registry, the API from the public names.

Called by mkdocs (``hooks`` in mkdocs.yml). Made pages cannot fall behind the code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from carbonshed import PUBLIC  # noqa: E402
from carbonshed.registry import Term, terms  # noqa: E402

GROUPS = {
    "The whole study": ("Study", "Result"),
    "Land": ("Grid", "coarsen", "tabulate_land_area", "tabulate_grids"),
    "Carbon": ("carbon_sink", "allocate"),
    "Scale": ("scale_response", "choose_scale"),
    "Spatial statistics": ("global_moran", "local_moran", "getis_ord"),
    "Zones": ("zoning_indicators", "classify_zones", "SOM"),
    "Compensation": ("revise_account", "compensation_amount", "compensation_priority", "compensation_flow"),
}
HEADS = {
    "en": ("Glossary", "Every quantity of the tables: `carbonshed terms NAME` says the same.", ("name", "English", "中文", "symbol", "unit", "definition", "source")),
    "zh": ("术语表", "结果表中的每一个量；`carbonshed terms 名称` 给出同样的内容。", ("列名", "英文", "中文", "符号", "单位", "定义", "出处")),
}  # fmt: skip


def on_pre_build(config: Any) -> None:
    """Write the made pages beside the written ones (git leaves them out)."""
    made = {"glossary.md": glossary("en"), "glossary.zh.md": glossary("zh"), "api.md": api()}
    for name, text in made.items():
        path = Path(config.docs_dir) / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def glossary(lang: str) -> str:
    """All registered terms as one table."""
    title, lead, heads = HEADS[lang]
    rows = "\n".join(_row(term) for term in terms().values())
    return f"# {title}\n\n{lead}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n{rows}\n"


def _row(term: Term) -> str:
    cells = (f"`{term.name}`", term.en, term.zh, term.symbol or "", term.unit, term.definition, term.source or "")
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def api() -> str:
    """The public functions and classes by subject; a public name that stands in no group is an error."""
    known = {name for names in GROUPS.values() for name in names}
    left_out = set(PUBLIC) - known - {"terms"}
    if left_out:
        raise ValueError(f"public names without a group in tools/docs_hooks.py: {', '.join(sorted(left_out))}")
    text = ["# Python API", "", "`import carbonshed as cs`; each name below is `cs.NAME`.", ""]
    for group, names in GROUPS.items():
        text += [f"## {group}", ""]
        for name in names:
            if name in PUBLIC:
                text += [f"::: carbonshed.{PUBLIC[name]}.{name}", "    options:", "      heading_level: 3", ""]
    return "\n".join(text)
