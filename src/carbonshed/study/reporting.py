"""What a run leaves for people: figures, report, rasters and styles, drawn from the result folder alone.

The manifest lists what was drawn, with its SHA-256 and the digest of the result it was drawn from: what is listed is not drawn again, and
a picture of another result is told apart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carbonshed.checks import CarbonshedError
from carbonshed.present.export import export
from carbonshed.present.figure_files import DrawnFrom, save_figures
from carbonshed.present.figures import absent_figures, available_figures
from carbonshed.present.folder import ResultFolder
from carbonshed.present.pdf import print_pdf
from carbonshed.present.report import render_report
from carbonshed.study.auditing import identities, summary
from carbonshed.study.exported import note_exports
from carbonshed.study.pipeline import Progress, StepError
from carbonshed.study.result import Result
from carbonshed.study.store import Store, file_digest, write_text

logger = logging.getLogger(__name__)


CRATE = "ro-crate"


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
    _note_audit(Result.open(folder), Store(Path(folder)))
    path = Path(folder) / "report.html"
    page = render_report(Path(folder), lang=lang, progress=progress, pictures_from=pictures_from)
    with _drawn_anew(Store(Path(folder)), "report.html") as drawn:
        drawn.append(write_text(path, page))
    return path


def write_report_pdf(folder: Path) -> Path:
    """Print the ``report.html`` of a result folder to ``report.pdf``, in the language it opens in.

    Raises
    ------
    InputError
        If no Chromium or Chrome is installed; the message says how to print by hand.
    """
    path = print_pdf(Path(folder) / "report.html", Path(folder) / "report.pdf")
    note_exports(Path(folder), [path])
    return path


def figure_names(folder: Path) -> list[str]:
    """Names of the figures that a result folder can give."""
    return available_figures(ResultFolder(folder))


def figures_left_out(folder: Path, *, lang: str = "en") -> dict[str, str]:
    """Names of the figures that a result folder cannot give, each with what it takes."""
    return absent_figures(ResultFolder(folder), lang)


def write_figures(folder: Path, *, lang: str = "both", progress: Progress = _silent, **options: Any) -> list[Path]:
    """Write figures as PNG and PDF, with their data as CSV, into ``figures/``; `options` as in `present.figure_files.save_figures`."""
    Result.open(folder)
    with _drawn_anew(Store(Path(folder)), "figures/") as drawn:
        drawn += save_figures(Path(folder), lang, progress=progress, **options)
    return drawn


def _write_all_figures(store: Store, drawn_from: DrawnFrom, progress: Progress) -> None:
    """The figures that belong to a result, with what each was drawn from in its manifest."""
    write_figures(store.folder, progress=progress, drawn_from=drawn_from)
    _note(store, [], figures=drawn_from.entered)


def write_outputs(folder: Path, *, lang: str = "en", progress: Progress = _silent) -> Path:
    """Figures, report, rasters (COG, where there is a grid) and QGIS styles of a result; the path of the report.

    What was drawn from this very result before, and is as it was written, is left as it is; a figure of the result before this one is
    taken over where all that it was drawn from is the same.
    """
    store = Store(Path(folder))
    if is_drawn(store, lang):
        return store.folder / "report.html"
    wanted = {"cog": "accounts_grid", "qml": "zones"}
    try:
        earlier = store.before()
        drawn_from = DrawnFrom(earlier.folder, earlier.read_manifest().get("outputs", {}).get("figures", {}))
        before = _forget(store)
        _write_all_figures(store, drawn_from, lambda fraction, message: progress(0.8 * fraction, f"figures: {message}"))
        progress(0.8, "report")
        path = write_report(folder, lang=lang, pictures_from=Path(folder) / "figures")
        progress(0.9, "rasters and styles")
        tables = Result.open(folder).tables
        _note(store, export(folder, [name for name, table in wanted.items() if table in tables]), lang=lang)
        for name in before.keys() - store.read_manifest()["outputs"]["files"].keys():
            (store.folder / name).unlink(missing_ok=True)
    except (CarbonshedError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise StepError("report", error) from error
    return path


def write_exports(folder: Path, formats: Sequence[str], *, out: Path | None = None) -> list[Path]:
    """Write a result in formats that other programs read, and list the files in its manifest; options as in `present.export.export`.

    The RO-Crate is written last, since it holds the checksums of the others and of the manifest that lists them.
    """
    Store(Path(folder)).result_manifest()
    first = [name for name in formats if name != CRATE]
    paths = export(folder, first, out) if first else []
    note_exports(Path(folder), paths)
    return [*paths, *(export(folder, [CRATE], out) if CRATE in formats else [])]


def is_drawn(store: Store, lang: str) -> bool:
    """Whether all that belongs to the result of a folder was drawn from it, opens in `lang`, and is as it was written."""
    manifest = store.read_manifest()
    outputs = manifest.get("outputs", {})
    return outputs.get("of") == manifest["digest"] and outputs.get("lang") == lang and store.agrees(outputs["files"])


def _note(store: Store, paths: Sequence[Path], **said: Any) -> None:
    """List files in the manifest as drawn from its result."""
    manifest = store.read_manifest()
    outputs = manifest.get("outputs", {})
    known = outputs.get("files", {}) if outputs.get("of") == manifest["digest"] else {}
    files = {path.relative_to(store.folder).as_posix(): file_digest(path) for path in paths}
    manifest["outputs"] = {**outputs, "of": manifest["digest"], **said, "files": {**known, **files}}
    store.write_manifest(manifest)


def _note_audit(result: Result, store: Store) -> None:
    """Enter in the manifest how the tables add up, for the report to show; say so where they do not."""
    manifest = store.read_manifest()
    told = {"of": manifest["digest"], **summary(identities(result.tables, result.manifest))}
    if told["held"] < told["identities"]:
        lost = told["identities"] - told["held"]
        logger.warning("%d of %d identities of the result do not hold: see `carbonshed audit`.", lost, told["identities"])
    store.write_manifest({**manifest, "audit": told})


@contextmanager
def _drawn_anew(store: Store, beginning: str) -> Iterator[list[Path]]:
    """Within the block files whose names begin so are drawn and entered in the list that it gives.

    They are out of the manifest until all are whole: who is stopped in the middle leaves none listed with other bytes, and the next run
    draws them again. Afterwards those that were not drawn anew are listed as before.
    """
    outputs = store.read_manifest().get("outputs", {})
    before = {name: written for name, written in outputs.get("files", {}).items() if name.startswith(beginning)}
    if before:
        rest = {name: written for name, written in outputs["files"].items() if name not in before}
        unfinished = {key: value for key, value in outputs.items() if key != "lang"}
        store.write_manifest({**store.read_manifest(), "outputs": {**unfinished, "files": rest}})
    drawn: list[Path] = []
    yield drawn
    same = [store.folder / name for name, written in before.items() if store.agrees({name: written})]
    _note(store, [*same, *drawn], **{key: outputs[key] for key in ("lang",) if key in outputs})


def _forget(store: Store) -> dict[str, str]:
    """Take what was drawn from the manifest, since it is to be drawn anew; gives what was listed."""
    manifest = store.read_manifest()
    outputs: dict[str, Any] = manifest.pop("outputs", {})
    if outputs:
        store.write_manifest(manifest)
    return dict(outputs.get("files", {}))
