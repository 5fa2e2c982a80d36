"""The Chinese page *Reproducing the published study*, from the English one, which is written from a run: the same tables and sentences, the
same figures. A word that is not known here is an error, so that the two pages cannot part.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reproducing-the-published-study.md"
ENGLISH = re.compile(r"[A-Za-z]{3,}(?:[ -]+[a-z]{2,})+")
"""Two English words in a row."""

VERDICTS = {"met": "符合", "in band": "在容差内", "partly": "部分符合", "not met": "不符合", "not known": "未知"}
HEADS = {
    "facts": ("编号", "已发表的结论", "此处", "数字"),
    "drift": ("重心", "位移", "方向", "重心的标准差，沿轴 / 垂直", "首末两年的 95% 椭圆", "位移的 d²（噪声小于 5.99）", "大于噪声"),
    "cities": ("地级市", "高高", "低低"),
    "ranges": ("设定", "支付 / 受偿（T1）", "修正赤字的基尼系数（T2）", "重心在框内的距离，km（T5；小于 0：框外）", "B20（T6）"),
}
STARTS = {
    "facts": "| fact | published |", "ranks": "| | 2", "drift": "| centre of |", "cities": "| city |", "matrix": "| setting | T1",
    "ranges": "| setting | payments",
}  # fmt: skip

# Longest first: a part of a sentence -> Chinese. `\1` and so on are the figures of the run.
PARTS = (
    (r"(\d+ of \d+|\d+ to \d+|\d+) of the five are among the first five", r"五县中有 \1 个位于前五"),
    (r"The index divides by GDP, and county GDP is not observed here but spread inside each prefecture by population, which is that of one "
     r"census in every year: ranks that lie close together depend on it\.",
     "指数以 GDP 为分母，而此处县级 GDP 并非观测值，是在地级市内按人口分摊的，人口又各年同为一次普查：相近的名次取决于它。"),
    (r"Least Jaccard index of two years", "两年间最小的 Jaccard 指数为"),
    (r", from the same cause\.", "，原因同上。"),
    (r"; also there: ", "；前五中还有："),
    (r"Not in every year: ", "并非每年成立："),
    (r"With municipal districts as units of their own: ", "若市辖区单独作为单元："),
    (r"The county in which the centre lies: ", "重心所在的县："),
    (r"([\d.]+) km towards (\d+)° from (\d+) to (\d+)\. The standard deviation of the centre is (\d+) km along its ellipse "
     r"\(([\d.]+)° of longitude\), so ", r"\3 至 \4 年向 \2° 移动 \1 km。重心的标准差沿其椭圆为 \5 km（经度 \6°），因此"),
    (r"no drift is told from noise", "漂移与噪声无法区分"),
    (r"the drift is more than noise", "漂移大于噪声"),
    (r"No tolerance is printed\. There are (.+?) recipients, and the first (\d+) of them are taken\.",
     r"文献未给出容差。受偿县有 \1 个，取其前 \2 个。"),
    (r"Two-sided p: ", "双侧 p："),
    (r"A rise or fall of (\d+) or less is what another seed does\.", r"不超过 \1 的升降换一个随机种子即可出现。"),
    (r"(\d+) of (\d+) below the mean of (\d+) km2 in each year", r"各年 \2 个中有 \1 个小于均值 \3 km²"),
    (r"high-high around Beijing", "北京周围高高"),
    (r"high-high Shijiazhuang", "石家庄高高"),
    (r"high-high Handan-Xingtai", "邯郸—邢台高高"),
    (r"low-low in the north", "北部低低"),
    (r"(\d+) in each year", r"各年 \1 个"),
    (r"(\d+) of (\d+)", r"\2 个中 \1 个"),
    (r"([\d.]+) (km|m) from Xian", r"距献县 \1 \2"),
    (r"([\d.]+) E ([\d.]+) N \(inside by ([\d.]+) (k?m)\)", r"\1°E \2°N（框内 \3 \4）"),
    (r"([\d.]+) E ([\d.]+) N \(outside by ([\d.]+) (k?m)\)", r"\1°E \2°N（框外 \3 \4）"),
    (r"([\d.]+) km at (\d+) degrees, (\d+) to (\d+)", r"\3 至 \4 年 \1 km，方位角 \2°"),
    (r"\(rises (-?\d+), falls (-?\d+)\)", r"（升 \1，降 \2）"),
    (r"\((\d{4}) and (\d{4})\)", r"（\1 与 \2 年）"),
    (r"others among the first (\d+) payers", r"其余位于支付方前 \1 名"),
    (r"others among the first (\d+) recipients", r"其余位于受偿方前 \1 名"),
    (r"\(payer\)", "（支付方）"),
    (r"\(recipient\)", "（受偿方）"),
    (r"\bpayable\b", "应付额"),
    (r"\breceivable\b", "应收额"),
    (r"\boverlap\b", "重叠"),
    (r"\bapart\b", "分离"),
    (r"^yes$", "是"),
    (r"^no$", "否"),
    (r"\bform (\w+)", r"形式 \1"),
    (r"weight on (\w+) alone", lambda found: f"只以{SIZES[found[1]]}为权"),
    (r"shares floored at the 1 % quantile", "份额以 1% 分位数为下限"),
    (r"districts separate", "市辖区单列"),
    (r"districts merged by city", "市辖区按市合并"),
    (r"sink x ([\d.]+)", r"碳汇 × \1"),
    (r"\(very large\)", "（很大）"),
    (r"centre of receipts", "应收额的重心"),
    (r"centre of absolute amounts", "补偿额绝对值的重心"),
    (r"two-sided p", "双侧 p"),
    (r"^published$|\*published\*", "published（预设）"),
    (r"Most facts met or in band: ", "符合或在容差内的结论最多的是："),
    (r"\((\d+), of which (\d+) met\)", r"（\1 条，其中 \2 条符合）"),
    (r"; the other settings keep (\d+) to (\d+)\.", r"；其余设定为 \1 至 \2 条。"),
    (r"(-?[\d.,]+) to (-?[\d.,]+)", r"\1 至 \2"),
)  # fmt: skip
MARKS = (
    (r"\((?=[^()]*[一-鿿][^()]*\))([^()]*)\)", r"（\1）"), (r" （", "（"), (r"(?<=[一-鿿\d）*]), ?(?=[一-鿿*])", "，"), (r"; ", "；"),
    (r"(?<=[一-鿿]): ?", "："), (r"(?<=[一-鿿）])\.(?: |$)", "。"), (r"(?<=个)\.(?: |$)", "。"), (r"(?<= [km])\.$|(?<=km)\.$", "。"),
)  # fmt: skip
"""Marks of a sentence that holds Chinese."""
KINDS = ("回族自治县", "满族自治县", "县", "区")
SIZES = {"area": "面积", "population": "人口", "gdp": "GDP"}


def chinese(text: str) -> str:
    """A cell or sentence of the English page in Chinese.

    >>> chinese("2 of 5 (Dachang 1, Xinhe 8)")
    '5 个中 2 个（大厂 1，新河 8）'

    Raises
    ------
    ValueError
        If two English words in a row are left.
    """
    for english, ours in PARTS:
        text = re.sub(english, ours, text)
    for english, ours in places().items():
        text = re.sub(rf"\b{english}\b", ours, text)
    if re.search("[一-鿿]", text):
        for english, ours in MARKS:
            text = re.sub(english, ours, text)
    if left := ENGLISH.search(re.sub(r"`[^`]*`", "", text)):
        raise ValueError(f"tools/reproduction_zh.py has no Chinese for {left[0]!r} in {text!r}")
    return text


@cache
def places() -> dict[str, str]:
    """English name of each county of the facts -> Chinese, as short as the fact prints it."""
    found = {}
    for fact in facts().values():
        for unit in fact.get("units", []):
            short = [name[: -len(kind)] for name in unit["names"] for kind in KINDS if name.endswith(kind)]
            found[unit["en"]] = next((name for name in [*short, *unit["names"]] if len(name) > 1 and name in fact["zh"]), unit["names"][0])
    return found


@cache
def facts() -> dict[str, dict[str, Any]]:
    """The published facts."""
    text = (ROOT / "src/carbonshed/data/published_facts.toml").read_text(encoding="utf-8")
    rows: dict[str, dict[str, Any]] = tomllib.loads(text)["fact"]
    return rows


def english_table(name: str) -> list[list[str]]:
    """Rows of a table of the English page, the head first, without the line below it."""
    lines = PAGE.read_text(encoding="utf-8").split("\n")
    first = next(place for place, line in enumerate(lines) if line.startswith(STARTS[name]))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return [rows[0], *rows[2:]]


def table(name: str) -> str:
    """One of the tables in Chinese, as Markdown."""
    head, *rows = english_table(name)
    heads = HEADS[name] if name in HEADS else [cell if cell != "setting" else "设定" for cell in head]
    if len(heads) != len(head):
        raise ValueError(f"the English page has other columns than the Chinese one: {head}")
    if name == "facts":
        rows = [[row[0], facts()[row[0]]["zh"], f"**{VERDICTS[row[2].strip('*')]}**", row[3]] for row in rows]
    told = [[cell if re.fullmatch(r"\*\*.*\*\*|T\w+", cell) else chinese(cell) for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in (heads, *told)]
    return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]])


def reasons() -> str:
    """Why a fact is not met, as a list."""
    page = PAGE.read_text(encoding="utf-8").partition("### Why not\n")[2].partition("\n### ")[0]
    return "\n".join(f"- **{name}。** {chinese(told)}" for name, told in re.findall(r"^- \*\*(\w+)\.\*\* (.*)$", page, flags=re.MULTILINE))


def sentence(name: str) -> str:
    """One of the counted sentences: ``totals``, ``counted``, ``box``, ``draws``, ``best``."""
    page = PAGE.read_text(encoding="utf-8")
    if name == "totals":
        found = re.findall(r"(\d{4}) source (\d+), sink (\d+)", page)
        return "；".join(f"{year} 年碳源 {source}、碳汇 {sink}" for year, source, sink in found)
    if name == "best":
        return chinese(next(line for line in page.split("\n") if line.startswith("Most facts")))
    pattern, told = {
        "counted": (r"Of (\d+) statements (\d+) are met, (\d+) in band, (\d+) partly and (\d+) not met",
                    "{} 条结论中 {} 条符合，{} 条在容差内，{} 条部分符合，{} 条不符合。"),
        "box": (r"measures ([\d.]+) x ([\d.]+) km, its diagonal ([\d.]+) km", "已发表重心的框为 {} × {} km，对角线 {} km。"),
        "draws": (r"resampled ([\d,]+) times", "各县重抽样 {} 次，各年用同样的抽样。"),
        "counties": (r"\*\*(\d+) counties\*\* \((\d+) units; municipal districts left out\), years ([\d, ]+)\.",
                     "**{} 个县**（{} 个单元，略去市辖区），{} 年"),
        "permutations": (r"row-standardised, ([\d,]+) draws", "{}"),
    }[name]  # fmt: skip
    found_one = re.search(pattern, page)
    if found_one is None:
        raise ValueError(f"the English page does not say {name!r} as tools/reproduction_zh.py reads it")
    return told.format(*(group.replace(", ", "、") for group in found_one.groups()))
