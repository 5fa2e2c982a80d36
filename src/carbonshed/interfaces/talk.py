"""How the command line talks: results on stdout, talk on stderr, exit codes, JSON, two languages."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

from carbonshed.checks import CarbonshedError, FolderError, InputError, Problem, visible


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    USAGE = 2
    BAD_DATA = 3
    STEP_FAILED = 4
    CANCELLED = 130


LEAST_DONE, LEAST_SECONDS = 0.02, 2.0
"""Share done and seconds gone from which the time left is said."""

WORDS = {
    "done": {"en": "Done in {seconds:.0f} s.", "zh": "完成，用时 {seconds:.0f} 秒。"},
    "results": {"en": "Results: {folder}", "zh": "结果文件夹：{folder}"},
    "report": {"en": "Report:  {file}", "zh": "报告：{file}"},
    "warnings": {"en": "{count} warning(s); they stand in the report.", "zh": "{count} 条警告，已写入报告。"},
    "no_problem": {"en": "No problem found.", "zh": "未发现问题。"},
    "problems": {"en": "{errors} error(s), {warnings} warning(s).", "zh": "{errors} 个错误，{warnings} 个警告。"},
    "cancelled": {
        "en": "Cancelled. What was finished is kept; run again to go on.",
        "zh": "已取消。已完成的步骤已保存，再次运行将继续。",
    },
    "failed": {"en": "Failed: {message}", "zh": "失败：{message}"},
    "error": {"en": "error", "zh": "错误"},
    "warning": {"en": "warning", "zh": "警告"},
    "estimate": {
        "en": "Estimate: {cells:,} finest cells x {years} year(s), {pixels:,} pixels a year; the run with its report takes about "
        "{memory:.1f} GB and {seconds:.0f} s of the processor.",
        "zh": "估计：{cells:,} 个最细格网单元 × {years} 年，每年 {pixels:,} 个像元；完整运行（含报告）约需 {memory:.1f} GB 内存、"
        "{seconds:.0f} 秒处理器时间。",
    },
    "compiling": {
        "en": "{compiling:.0f} s of these go once, in the first run, into the compiling of kernels.",
        "zh": "其中约 {compiling:.0f} 秒用于首次运行时编译内核，仅此一次。",
    },
    "equal": {"en": "The two results are equal.", "zh": "两个结果相同。"},
    "written": {"en": "Written: {path}", "zh": "已写入：{path}"},
    "kept": {"en": "There is already a {path}; it was kept.", "zh": "{path} 已存在，未改动。"},
    "left_out": {"en": "not {name}: it takes {takes}", "zh": "缺 {name}：需要 {takes}"},
    "unchanged": {
        "en": "All {count} files are as they were written; {checks} balance checks hold; no input that is still there has changed.",
        "zh": "全部 {count} 个文件与写入时一致；{checks} 项平衡核对成立；仍在原处的输入均未改动。",
    },
    "audit": {
        "en": "{count} identities hold; largest relative error {error:.1e}.",
        "zh": "{count} 项守恒恒等式全部成立，最大相对误差 {error:.1e}。",
    },
    "twin_zones": {
        "en": "Beside the truth of the twin: zones ARI {ari:.2f} ({least:.2f} to {most:.2f} by year), {named:.0%} of the area as it is;",
        "zh": "与孪生数据真值对照：分区ARI {ari:.2f}（各年{least:.2f}至{most:.2f}），{named:.0%}的面积与真实分区一致；",
    },
    "twin_scale": {
        "en": "  scale {scale:g} km ({low:g}-{high:g} km), true {true:g} km: {verdict};",
        "zh": "  尺度 {scale:g} km（{low:g}-{high:g} km），真值 {true:g} km：{verdict}；",
    },
    "twin_trends": {"en": "  trends: {held} of {count} found{lost}.", "zh": "  趋势：{count} 项中 {held} 项得到再现{lost}。"},
    "found": {"en": "inside", "zh": "在区间内"},
    "not_found": {"en": "NOT inside", "zh": "不在区间内"},
    "broken": {
        "en": "{broken} of {count} identities do NOT hold; largest relative error {error:.1e}.",
        "zh": "{count} 项守恒恒等式中有 {broken} 项不成立，最大相对误差 {error:.1e}。",
    },
}


def words(key: str, lang: str, **values: Any) -> str:
    """A sentence of the command line in the language asked for."""
    return WORDS[key]["zh" if lang == "zh" else "en"].format(**values)


def estimate_words(needs: dict[str, Any], lang: str) -> str:
    """What a run will need, and how much of it only the first run does."""
    said = words("estimate", lang, **needs)
    return f"{said} {words('compiling', lang, **needs)}" if needs["compiling"] else said


def twin_words(found: dict[str, Any], lang: str) -> str:
    """What a run found of the twin (`carbonshed.study.twin.find.found_again`) beside its truth, in three lines."""
    years = found["zone_ari_by_year"].values()
    lost = [name for name, held in found["trends"].items() if not held]
    lines = [
        words("twin_zones", lang, ari=found["zone_ari"], least=min(years), most=max(years), named=found["zone_agreement"]),
        words(
            "twin_scale",
            lang,
            scale=found["scale_km"],
            low=found["low_km"],
            high=found["high_km"],
            true=found["true_scale_km"],
            verdict=words("found" if found["scale_found"] else "not_found", lang),
        ),
        words(
            "twin_trends",
            lang,
            held=len(found["trends"]) - len(lost),
            count=len(found["trends"]),
            lost=f" ({', '.join(lost)})" if lost else "",
        ),
    ]
    return "\n".join(lines)


def listed(text: str) -> list[str]:
    """Names of an option that takes several, parted by commas.

    >>> listed("zones, sankey,")
    ['zones', 'sankey']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def padded(text: str, width: int) -> str:
    """Text with spaces up to that many columns of a terminal, in which a Chinese character takes two.

    >>> padded("unit", 6) + "|", padded("单位", 6) + "|"
    ('unit  |', '单位  |')
    """
    return text + " " * (width - sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text))


def say(text: str) -> None:
    """Talk, on stderr; what a terminal would obey is shown."""
    print(visible(text, keep="\n"), file=sys.stderr, flush=True)  # noqa: T201


def give(value: Any) -> None:
    """A result, on stdout: text with hidden characters shown, data as one JSON object (NaN as null)."""
    if not isinstance(value, str):
        from carbonshed.study.store import plain

        value = json.dumps(plain(value), ensure_ascii=False, indent=1)
    text: str = visible(value, keep="\n\t")
    print(text, flush=True)  # noqa: T201


def beside_truth(result: Any, folder: Path) -> dict[str, Any] | None:
    """What the run found of the twin; None, with the reason, where its study was edited so that there is nothing to compare."""
    from carbonshed.study.twin.find import found_again

    try:
        return found_again(result, folder)
    except InputError as error:
        say(str(error))
        return None


class NoticeTalk(logging.Handler):
    """Notices of the package on stderr: a line each, or an NDJSON event with ``--json``."""

    def __init__(self, *, as_json: bool):
        super().__init__(logging.WARNING)
        self.as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        """Say one notice."""
        text = record.getMessage()
        say(json.dumps({"event": "notice", "message": text}, ensure_ascii=False) if self.as_json else text)


@contextmanager
def notices(*, as_json: bool) -> Iterator[None]:
    """Say the notices of the package for the block."""
    logger, handler = logging.getLogger("carbonshed"), NoticeTalk(as_json=as_json)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def told_left(seconds: float | None) -> str:
    """Time left, in both languages the same: ``-0:12``, ``-1:05:00``; empty where it is not known.

    >>> told_left(12.3), told_left(3900), told_left(None)
    ('-0:12', '-1:05:00', '')
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"-{hours}:{minutes:02d}:{rest:02d}" if hours else f"-{minutes}:{rest:02d}"


class ProgressTalk:
    """Progress on stderr: a bar on a terminal, NDJSON events with ``--json``, otherwise a line a step."""

    def __init__(self, *, as_json: bool):
        self.as_json, self.last, self.started = as_json, "", time.perf_counter()
        self.bar: Any = None
        if not as_json and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            share, left = TextColumn("{task.percentage:3.0f} %"), TextColumn("{task.fields[left]:>9}")
            columns = (TextColumn("{task.description:45.45}"), BarColumn(), share, TimeElapsedColumn(), left)
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("", total=1.0, left="")
            self.bar.start()

    def __call__(self, fraction: float, message: str) -> None:
        """Report the fraction done and what is being done."""
        if self.as_json:
            event = {"event": "progress", "fraction": round(fraction, 4), "message": message, "seconds": round(self.seconds, 2)}
            left = self.left(fraction)
            say(json.dumps(event | ({} if left is None else {"seconds_left": round(left)}), ensure_ascii=False))
        elif self.bar is not None:
            self.bar.update(self.task, completed=fraction, description=message, left=told_left(self.left(fraction)))
        elif (step := message.partition(":")[0]) != self.last:
            self.last = step
            say(f"{self.seconds:6.1f} s  {told_left(self.left(fraction)):>9}  {step}")

    def left(self, fraction: float) -> float | None:
        """Seconds left, if the rest goes on as fast as what is done; None until enough is done to tell."""
        if fraction < LEAST_DONE or self.seconds < LEAST_SECONDS:
            return None
        return self.seconds * (1 - min(fraction, 1.0)) / fraction

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def problem_text(problem: Problem, lang: str) -> str:
    """One problem as a person reads it."""
    head = words("error" if problem.severity == "error" else "warning", lang)
    return f"{head}: {problem.got}" if not problem.where else f"{head}: {problem}"


@contextmanager
def exit_codes(*, as_json: bool, lang: str) -> Iterator[None]:
    """Turn errors into one message and the exit code of the contract."""
    try:
        yield
    except KeyboardInterrupt:
        say(words("cancelled", lang))
        raise SystemExit(Exit.CANCELLED) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on, as after `| head`: no reason to complain
        raise SystemExit(Exit.OK) from None
    except InputError as error:
        if as_json:
            give({"ok": False, "problems": [problem.as_dict() for problem in error.problems]})
        for problem in error.problems:
            say(problem_text(problem, lang))
        raise SystemExit(Exit.STEP_FAILED if isinstance(error, FolderError) else Exit.BAD_DATA) from error
    except (CarbonshedError, OSError) as error:
        if as_json:
            give({"ok": False, "error": str(error)})
        say(words("failed", lang, message=error))
        raise SystemExit(Exit.STEP_FAILED) from error
