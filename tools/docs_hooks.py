"""Pages of the documentation that are made, not written: the glossary from the registry, the API from the public names, the code behind
the methods; and what is set into written pages: formulas, tables of facts, links from the name of a function to its code.

Called by mkdocs (``hooks`` in mkdocs.yml). Made pages cannot fall behind the code.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

sys.path.insert(0, str(ROOT / "tools"))

import reproduction_zh  # noqa: E402

from carbonshed import PUBLIC  # noqa: E402
from carbonshed.present.recorded import recorded  # noqa: E402
from carbonshed.present.words import Words  # noqa: E402
from carbonshed.registry import Term, terms  # noqa: E402

GROUPS = {
    "The whole study": ("Study", "Result"),
    "Land": ("Grid", "coarsen", "tabulate_land_area", "tabulate_grids"),
    "Larger than one machine": ("plan_land_area", "Cluster"),
    "Carbon": ("carbon_sink", "allocate"),
    "Scale": ("scale_response", "choose_scale"),
    "Spatial statistics": ("global_moran", "local_moran", "getis_ord"),
    "Zones": ("zoning_indicators", "classify_zones", "SOM"),
    "Compensation": ("revise_account", "compensation_amount", "compensation_priority", "compensation_flow"),
}
BESIDE = {"plan_land_area": "readers.land_cover", "Cluster": "study.cluster"}
"""Names that are used with the public ones and stand in a module of their own."""

GLOSSARY: dict[str, dict[str, Any]] = {
    "en": {
        "lead": "Every quantity of the tables, in alphabetical order of the column names; `carbonshed terms NAME` says the same.",
        "title": "Glossary",
        "heads": ("column, symbol, unit", "name", "definition"),
        "colon": ": ",
        "sign": "Sign",
        "source": "Source",
        "weight": "Mean weighted by",
    },
    "zh": {
        "lead": "结果表中的每一个量，按列名的字母顺序；`carbonshed terms 名称 --lang zh` 给出同样的内容。",
        "title": "术语表",
        "heads": ("列名、符号、单位", "名称", "定义"),
        "colon": "：",
        "sign": "正负号",
        "source": "出处",
        "weight": "均值权重",
    },
}


CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"

API_ZH = """# Python 接口

函数与类的说明（公式、形状、单位、错误、出处、示例）为英文，取自代码：<a href="../api.html">Python API</a>。

每个量的中文名见[术语表](glossary.md)。
"""

FUNCTIONS = """# The code behind the methods

Every function that the pages on methods and decisions name and that is not a [public name](api.md): its formula, shapes, errors, source, an
example, and the code itself.
"""

FUNCTIONS_ZH = """# 方法背后的代码

方法与设计决策各页提到的函数（公开名称见 <a href="../api.html">Python API</a>）及其代码，说明为英文：
<a href="../functions.html">The code behind the methods</a>。
"""

SITES: set[str] = set()
OWN_LANGUAGE = """{
  const isChinese = document.documentElement.lang.startsWith("zh");
  __index.docs = __index.docs.filter((each) => each.location.startsWith("zh/") === isChinese);
}
"""
LINKED = ("methods.md", "decisions/")
"""Pages on which the name of a function is a link to its code."""


def on_pre_build(config: Any) -> None:
    """Write the made pages beside the written ones (git leaves them out)."""
    made = {"glossary.md": glossary("en"), "glossary.zh.md": glossary("zh"), "api.md": api(), "api.zh.md": API_ZH}
    made |= {"functions.md": functions(), "functions.zh.md": FUNCTIONS_ZH}
    for name, text in made.items():
        path = Path(config.docs_dir) / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def on_config(config: Any) -> None:
    """Remember where the site goes, for `on_shutdown`."""
    config.extra.setdefault("polyfills", [])
    SITES.add(str(config.site_dir))


def on_shutdown() -> None:
    """Search from a folder: browsers read no JSON there, so the index is set into a script as well, each page seeing its own language."""
    for site in SITES:
        index = Path(site) / "search" / "search_index.json"
        if index.is_file():
            index.with_suffix(".js").write_text(f"var __index = {index.read_text(encoding='utf-8')};\n{OWN_LANGUAGE}", encoding="utf-8")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Fill the marks from the data files, link functions; join the lines of Chinese paragraphs, where a browser would show a space."""
    path = page.file.src_path.replace("\\", "/")
    lang = "zh" if path.endswith(".zh.md") else "en"
    if lang == "zh":
        markdown = joined(markdown)
    for name, make in TABLES.items():
        mark = f"<!-- table: {name} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    markdown = re.sub(r"<!-- run: (\w+) -->", lambda found: of_the_run(found[1]), markdown)
    markdown = re.sub(r"<!-- formulas: (\w+) -->", lambda found: formula_list(found[1], lang), markdown)
    return linked(markdown, path, lang) if path.replace(".zh.md", ".md").startswith(LINKED) else markdown


def of_the_run(name: str) -> str:
    """A table, list or sentence of the English page on the published study, in Chinese."""
    if name == "reasons":
        return reproduction_zh.reasons()
    return reproduction_zh.table(name) if name in reproduction_zh.STARTS else reproduction_zh.sentence(name)


def formula_list(part: str, lang: str) -> str:
    """The formulas of one part of the methods, with units, symbols, sources, and the functions that hold them."""
    rows = []
    for row in _formulas():
        if row["in"] == part:
            is_zh = lang == "zh"
            source = row.get("source_zh", row.get("source")) if is_zh else row.get("source")
            told = f"{row[f'{lang}_where']}{'。' if is_zh else '. '}{source}" if source else row[f"{lang}_where"]
            formula = row.get("formula_zh", row["formula"]) if is_zh else row["formula"]
            shown = f'<span class="formula">{_raised(formula)}</span> <small>[{row["unit"]}]</small>'
            rows.append(f"**{row[lang]}** `{row['code']}`<br>{shown}<br><small>{_raised(told)}</small>")
    if not rows:
        raise ValueError(f"tools/formulas.toml has no formulas for {part!r}")
    return '<div class="formulas" markdown>\n\n' + "\n\n".join(rows) + "\n\n</div>"


def _formulas() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = tomllib.loads((ROOT / "tools" / "formulas.toml").read_text(encoding="utf-8"))["formula"]
    return rows


def _raised(text: str) -> str:
    r"""Indices below and exponents above the line; `|` and `*` as signs.

    >>> _raised("A_{k}^{2} | x*")
    '<i>A</i><sub>k</sub><sup>2</sup> &#124; <i>x</i>&#42;'
    """
    text = text.replace("|", "&#124;").replace("*", "&#42;")
    for _ in range(2):  # an index may hold one of its own
        text = re.sub(r"([_^])\{([^{}]*)\}", lambda found: f"<{TAGS[found[1]]}>{found[2]}</{TAGS[found[1]]}>", text)
    return re.sub(r"(?<![\w>])([a-zA-Z])(?![\w(])", r"<i>\1</i>", text) if "`" not in text and "<sub>" in text else text


TAGS = {"_": "sub", "^": "sup"}


def linked(markdown: str, path: str, lang: str) -> str:
    """The page with each function's name in backticks as a link to its code; code blocks and links stay as they are."""
    up = "../" * path.count("/")
    if lang == "zh":
        up += "../"  # the Chinese pages stand in a folder of their own, the code only in the English site

    def link(found: re.Match[str]) -> str:
        module = function_modules().get(found[1])
        if module is None:
            return found[0]
        page = "api" if found[1] in PUBLIC else "functions"
        return f'<a href="{up}{page}.html#carbonshed.{module}.{found[1]}"><code>{found[1]}</code></a>'

    parts = re.split(r"(^```.*?^```|^    .*?$|\[[^\]]*\]\([^)]*\))", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if place % 2 else re.sub(r"`(\w+)`", link, part) for place, part in enumerate(parts))


@cache
def function_modules() -> dict[str, str]:
    """Module of each function and class of ours below the interfaces that has one place; a public name's is that of `PUBLIC`."""
    found: dict[str, list[str]] = {}
    folder = ROOT / "src" / "carbonshed"
    for file in sorted(folder.rglob("*.py")):
        module = ".".join(file.relative_to(folder).with_suffix("").parts)
        if module.split(".")[0] not in ("present", "interfaces"):
            for name in re.findall(r"^(?:def|class) ([A-Za-z]\w+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE):
                found.setdefault(name, []).append(module)
    return {name: modules[0] for name, modules in found.items() if len(modules) == 1} | dict(PUBLIC)


def functions() -> str:
    """The functions that the linked pages and the formulas name, by floor, with their code."""
    pages = [page for start in LINKED for page in sorted((ROOT / "docs").glob(f"{start}*.md" if start.endswith("/") else start))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages) + "".join(f"`{row['code']}`" for row in _formulas())
    known = function_modules()
    named = sorted({(known[name], name) for name in re.findall(r"`(\w+)`", text) if name in known and name not in PUBLIC})
    lines = [FUNCTIONS]
    for floor, rows in groupby(named, key=lambda row: row[0].split(".")[0]):
        lines += [f"## {floor}", ""]
        for module, name in rows:
            lines += [f"::: carbonshed.{module}.{name}", "    options:", "      heading_level: 3", ""]
    return "\n".join(lines)


def joined(text: str) -> str:
    r"""Chinese paragraphs without line breaks between two Chinese signs; headings, tables and code stay as they are.

    >>> joined("碳源\n碳汇\n\n# 土地\n只归并")
    '碳源碳汇\n\n# 土地\n只归并'
    """
    lines: list[str] = []
    is_code = False
    for line in text.split("\n"):
        is_code ^= line.startswith("```")
        is_kept = is_code or not lines or lines[-1].startswith(("#", "|", "    ", "```")) or line.startswith("    ")
        if not is_kept and re.search(f"{CHINESE}$", lines[-1]) and re.match(CHINESE, line.lstrip()):
            lines[-1] += line.lstrip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _rows(pattern: str) -> list[dict[str, Any]]:
    """The TOML files of a folder of the package's data."""
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "src/carbonshed/data").glob(pattern))]


def _table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines])


def _legends() -> str:
    """Products with a legend."""
    rows = [(f"`{r['product']}`", r["title"], r["licence"], r["citation"], r["status"]) for r in _rows("legends/*.toml")]
    return _table(("product 产品", "what 内容", "licence 许可", "citation 引用", "legend 图例状态"), rows)


def _coefficients() -> str:
    """Every row of the coefficient sets."""
    found = []
    for path in sorted((ROOT / "src/carbonshed/data/coefficients").glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        for row in document["coefficient"]:
            shown = f"{row['low']} - {row['high']}" if "low" in row else ""
            said = (row["value"], shown, row["unit"], row["citation"], row["status"])
            found.append((f"`{path.stem}`", row["land_class"], row["side"], *said))
    heads = ("set 系数集", "land class 地类", "side 源汇", "value 数值", "range 范围", "unit 单位", "citation 引用", "status 状态")
    return _table(heads, found)


def _prices() -> str:
    """Named carbon prices."""
    (document,) = _rows("carbon_prices.toml")
    rows = [(f"`{r['series']}:{r['period']}`", r["value"], r["unit"], r["kind"], r["citation"], r["status"]) for r in document["price"]]
    return _table(("price 价格", "value 数值", "unit 单位", "kind 类型", "citation 引用", "status 状态"), rows)


def _benchmarks() -> str:
    """The table that ``make bench`` writes into the English page, under Chinese heads."""
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    table = page.partition("<!-- table: written by make bench -->\n")[2].partition("<!-- end of table -->")[0]
    heads = ("工作", "规模", "我们", "对照", "对照用时", "倍数", "目标", "达到", "内存", "结果的核对")
    first, _, rest = table.partition("\n")
    if first.count("|") != len(heads) + 1:
        raise ValueError(f"docs/benchmarks.md has other columns than its Chinese page: {first}")
    return f"| {' | '.join(heads)} |\n{rest}"


TABLES = {"legends": _legends, "coefficients": _coefficients, "prices": _prices, "benchmarks": _benchmarks}


def glossary(lang: str) -> str:
    """All registered terms under the letters of their names, a table of three columns under each."""
    words = GLOSSARY[lang]
    text = [f"# {words['title']}", "", words["lead"], ""]
    for letter, group in groupby(sorted(terms().values(), key=lambda term: term.name), key=lambda term: term.name[0]):
        rows = [_row(term, lang) for term in group]
        text += [f"## {letter.upper()}", "", _table(words["heads"], rows), ""]
    return "\n".join(text)


def _row(term: Term, lang: str) -> tuple[str, str, str]:
    """Column name with symbol and unit; both names, that of the page first; the definition with rule of sign, weight and source."""
    words = GLOSSARY[lang]
    names = (term.zh, term.en) if lang == "zh" else (term.en, term.zh)
    unit = [f"[{term.unit}]"] if term.unit != "-" else []
    column = [
        f'<code id="{term.name}">{term.name.replace("_", "_<wbr>")}</code>',
        " ".join(([f"`{term.symbol}`"] if term.symbol else []) + unit),
    ]
    more = [(words[key], getattr(term, key)) for key in ("sign", "weight", "source") if getattr(term, key)]
    said = [
        _plain(term.defined(lang)),
        *(f"<small>{word}{words['colon']}{_plain(recorded(value, Words(lang)))}</small>" for word, value in more),
    ]
    return "<br>".join(filter(None, column)), f"**{names[0]}**<br>{names[1]}", "<br>".join(said)


def _plain(text: str) -> str:
    """Text in which no sign is taken for markup."""
    return "".join(f"&#{ord(sign)};" if sign in "*_<>[]^~`\\" else sign for sign in text.replace("\n", " "))


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
            module = PUBLIC.get(name) or BESIDE[name]
            beside = [] if name in PUBLIC else [f"`from carbonshed.{module} import {name}`", ""]
            text += [f"::: carbonshed.{module}.{name}", "    options:", "      heading_level: 3", "", *beside]
    return "\n".join(text)
