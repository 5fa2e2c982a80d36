"""The picture at the head of README and of the documentation, from the result of ``make demo``: three maps, three questions, their answers.

    python tools/make_readme_picture.py demo/results

Written: ``docs/images/demo.png`` and ``demo.zh.png``. Every number under the maps is read from the result.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import matplotlib.image
from matplotlib.figure import Figure
from PIL import Image

from carbonshed.present.figures import figure
from carbonshed.present.style import context
from carbonshed.study.study import Result

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
DPI = 200
COLOURS = 192
SIZE_IN = (9.0, 5.1)
FRAME_IN = 0.02
"""Cut off about a map: its frame."""
MAPS = ("net_map", "zones_map", "flows_map")
WORDS = {
    "en": {
        "net_map": (
            "Where is carbon emitted and absorbed?",
            "{source} Mt CO₂ emitted, {sink} Mt absorbed a year",
            "net emission, t CO₂ km⁻² a⁻¹",
        ),
        "zones_map": ("Who should pay, who should receive?", "cells of {side} km (plausible: {low} to {high} km)", ""),
        "flows_map": ("Who pays whom, and how much?", "{payers} counties pay {recipients}: {money} billion yuan a year", ""),
    },
    "zh": {
        "net_map": ("碳在哪里排放，在哪里吸收？", "每年排放 {source_zh} 亿吨、吸收 {sink_zh} 亿吨 CO₂", "净排放，t CO₂ km⁻² a⁻¹"),
        "zones_map": ("谁应支付，谁应受偿？", "{side} km 格网（合理区间 {low}–{high} km）", ""),
        "flows_map": ("由谁给谁，给多少？", "{payers} 个县向 {recipients} 个县支付，每年 {money_zh} 亿元", ""),
    },
}


def answers(result: Result) -> dict[str, str]:
    """The numbers of the last year that stand under the maps."""
    total, scale = result.manifest["totals"][-1], result.manifest["choices"]["scale"]
    sides = result.compensation[result.compensation["year"] == total["year"]]["side"].value_counts()
    return {
        "source": f"{total['carbon_source'] / 1e6:,.0f}",
        "sink": f"{total['carbon_sink'] / 1e6:,.0f}",
        "source_zh": f"{total['carbon_source'] / 1e8:.1f}",
        "sink_zh": f"{total['carbon_sink'] / 1e8:.1f}",
        "side": f"{scale['working_scale_km']:g}",
        "low": f"{scale['low_km']:g}",
        "high": f"{scale['high_km']:g}",
        "payers": str(sides["payer"]),
        "recipients": str(sides["recipient"]),
        "money": f"{total['payable'] / 1e9:.1f}",
        "money_zh": f"{total['payable'] / 1e8:.0f}",
    }


def bare_map(folder: Path, name: str, lang: str) -> tuple[Any, list[tuple[Any, str]]]:
    """The map alone as a picture, and the entries of its legend."""
    drawn = figure(folder, name, lang=lang)
    panel = drawn.axes[0]
    legend = drawn.legends[0]
    entries = [(handle, text.get_text()) for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)]
    for each in (*drawn.texts, *drawn.legends, *drawn.axes[1:]):
        each.remove()
    panel.tick_params(length=0, labelbottom=False, labelleft=False)
    for part in (*panel.spines.values(), *(each for each in panel.collections if each.get_gid() == "graticule")):
        part.set_visible(False)
    buffer = io.BytesIO()
    with context():
        drawn.canvas.draw()
        box = panel.get_window_extent().transformed(drawn.dpi_scale_trans.inverted()).padded(-FRAME_IN)
        drawn.savefig(buffer, format="png", dpi=2 * DPI, bbox_inches=box)
    return matplotlib.image.imread(io.BytesIO(buffer.getvalue())), entries


def picture(folder: Path, lang: str) -> bytes:
    """Three maps beside one another, each under its question and above its answer and legend."""
    told, words = answers(Result.open(folder)), WORDS[lang]
    with context():
        page = Figure(figsize=SIZE_IN, facecolor="white")
        for place, name in enumerate(MAPS):
            question, answer, head = words[name]
            shot, entries = bare_map(folder, name, lang)
            left, width = (place + 0.02) / len(MAPS), 0.96 / len(MAPS)
            page.text(left, 0.965, str(place + 1), fontsize=17, color="#B8482E", va="top")
            page.text(left + 0.026, 0.958, question, fontsize=9.6 if lang == "en" else 11, color="#22201C", va="top")
            page.text(left + 0.026, 0.915, answer.format(**told), fontsize=7 if lang == "en" else 8, color="#5C574D", va="top")
            axes = page.add_axes((left, 0.16, width, 0.735))
            axes.imshow(shot, interpolation="antialiased")
            axes.axis("off")
            handles, labels = zip(*entries, strict=True)
            page.legend(
                handles, labels, loc="upper left", bbox_to_anchor=(left + 0.012, 0.155), ncols=2, fontsize=6.6,
                frameon=False, handlelength=1.6,
                title=head or None, title_fontsize=6.6, alignment="left", columnspacing=1.2, labelspacing=0.25, borderaxespad=0,
            )  # fmt: skip
        buffer = io.BytesIO()
        page.savefig(buffer, format="png", dpi=DPI, metadata={"Software": "carbonshed"})
    small = io.BytesIO()
    with Image.open(buffer) as drawn:
        drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, help="result folder of make demo")
    folder = parser.parse_args().result
    for lang, name in (("en", "demo.png"), ("zh", "demo.zh.png")):
        (IMAGES / name).write_bytes(picture(folder, lang))


if __name__ == "__main__":
    main()
