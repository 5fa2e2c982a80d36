"""The report and the figures of a result folder, drawn from that folder alone."""

from __future__ import annotations

from pathlib import Path

from carbonshed.present.figures import save_figures
from carbonshed.present.report import render_report
from carbonshed.study.pipeline import Progress
from carbonshed.study.store import write_text
from carbonshed.study.study import Result


def _silent(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


def write_report(folder: Path, *, lang: str = "en", progress: Progress = _silent) -> Path:
    """Write ``report.html``: one file with both languages, opening in `lang`."""
    Result.open(folder)
    path = Path(folder) / "report.html"
    write_text(path, render_report(Path(folder), lang=lang, progress=progress))
    return path


def write_figures(folder: Path, *, lang: str = "en") -> list[Path]:
    """Write every figure as PNG and PDF, with its data as CSV, into ``figures/``."""
    Result.open(folder)
    return save_figures(Path(folder), lang=lang)
