"""What a run leaves for people: figures, report, rasters and styles, drawn from the result folder alone."""

from __future__ import annotations

from pathlib import Path

from carbonshed.checks import CarbonshedError
from carbonshed.present.export import export
from carbonshed.present.figures import save_figures
from carbonshed.present.report import render_report
from carbonshed.study.pipeline import Progress, StepError
from carbonshed.study.store import write_text
from carbonshed.study.study import Result


def _silent(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


def write_report(folder: Path, *, lang: str = "en", progress: Progress = _silent, pictures_from: Path | None = None) -> Path:
    """Write ``report.html``: one file with both languages, opening in `lang`.

    Parameters
    ----------
    folder : Path
        A result folder.
    lang : {"en", "zh"}
    progress : callable
        ``progress(fraction, message)``.
    pictures_from : Path, optional
        Folder of figures that were just drawn; without it they are drawn anew.
    """
    Result.open(folder)
    path = Path(folder) / "report.html"
    write_text(path, render_report(Path(folder), lang=lang, progress=progress, pictures_from=pictures_from))
    return path


def write_figures(folder: Path, *, lang: str = "both", progress: Progress = _silent) -> list[Path]:
    """Write every figure as PNG and PDF, with its data as CSV, into ``figures/``."""
    Result.open(folder)
    return save_figures(Path(folder), lang, progress=progress)


def write_outputs(folder: Path, *, lang: str = "en", progress: Progress = _silent) -> Path:
    """Figures, report, rasters (COG, where there is a grid) and QGIS styles of a result; the path of the report."""
    wanted = {"cog": "accounts_grid", "qml": "zones"}
    try:
        write_figures(folder, progress=lambda fraction, message: progress(0.8 * fraction, f"figures: {message}"))
        progress(0.8, "report")
        path = write_report(folder, lang=lang, pictures_from=Path(folder) / "figures")
        progress(0.9, "rasters and styles")
        tables = Result.open(folder).tables
        export(folder, [name for name, table in wanted.items() if table in tables])
    except (CarbonshedError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise StepError("report", error) from error
    return path
