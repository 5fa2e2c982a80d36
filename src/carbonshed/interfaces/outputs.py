"""Commands for what people take away: report, figures, exports, term sheets; each draws from a result folder alone."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from carbonshed.interfaces.options import Json, Lang, ResultPath
from carbonshed.interfaces.talk import exit_codes, give, listed, say, words


def report(
    result: ResultPath,
    *,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it to report.pdf too, with an installed Chromium or Chrome.")] = False,
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Draw report.html again from a result folder alone."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.lock import one_writer_of
        from carbonshed.study.reporting import write_report, write_report_pdf

        with one_writer_of(result):
            path = write_report(result, lang=lang)
            printed = write_report_pdf(result) if pdf else None
        if as_json:
            give({"ok": True, "report": str(path), "pdf": None if printed is None else str(printed)})
        else:
            give("\n".join(words("report", lang, file=each) for each in (path, printed) if each is not None))


def figures(
    result: ResultPath,
    *,
    only: Annotated[str, typer.Option("--only", help="Names with commas, e.g. zones,sankey; empty: all.")] = "",
    preset: Annotated[str, typer.Option("--preset", help="report, single (90 mm), one_and_half (140), double (190).")] = "report",
    hatch: Annotated[bool, typer.Option("--hatch", help="Patterns on the zones, for print in black and white.")] = False,
    review_number: Annotated[str | None, typer.Option("--review-number", help="Of the base map (审图号), printed under maps.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Comma-separated: png, pdf, svg.")] = "png,pdf",
    dpi: Annotated[
        int | None, typer.Option("--dpi", min=72, max=2400, help="Dots per inch; default: 200, of a journal's preset 300.")
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="Name the figures that the result can give; draw none.")] = False,
    as_json: Json = False,
    lang: Annotated[str, typer.Option("--lang", help="zh, en or both.")] = "both",
) -> None:
    """Draw figures (png, pdf, and their data as csv) from a result folder alone."""
    with exit_codes(as_json=as_json, lang="zh" if lang == "zh" else "en"):
        from carbonshed.study.lock import one_writer_of
        from carbonshed.study.reporting import figure_names, figures_left_out, write_figures

        if names:
            known, lacking = figure_names(result), figures_left_out(result, lang=lang)
            give({"ok": True, "figures": known, "left_out": lacking} if as_json else "\n".join(known))
            if not as_json:
                for name, takes in lacking.items():
                    say(words("left_out", "zh" if lang == "zh" else "en", name=name, takes=takes))
            return
        page: dict[str, Any] = {"preset": preset, "hatch": hatch, "review_number": review_number}
        with one_writer_of(result):
            paths = write_figures(result, lang=lang, only=listed(only), formats=listed(formats), dpi=dpi, **page)
        give({"ok": True, "figures": [str(p) for p in paths]} if as_json else "\n".join(str(p) for p in paths))


def export(
    result: ResultPath,
    *,
    formats: Annotated[
        str, typer.Option("--format", help="Comma-separated: gpkg, xlsx, csv, geojson, geoparquet, cog, qml, script, ro-crate.")
    ] = "gpkg",
    out: Annotated[Path | None, typer.Option("--out", help="Folder; default: exports, rasters and styles in the result folder.")] = None,
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Write tables and maps for other programs."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.lock import one_writer_of
        from carbonshed.study.reporting import write_exports

        is_inside = out is None or out.resolve().is_relative_to(result.resolve())  # elsewhere, the result is only read
        with one_writer_of(result) if is_inside else nullcontext():
            paths = write_exports(result, listed(formats) or [""], out=out)  # none is as wrong as one that is not known
        give({"ok": True, "files": [str(p) for p in paths]} if as_json else "\n".join(str(p) for p in paths))


def agreements(
    result: ResultPath,
    *,
    threshold: Annotated[float, typer.Option("--threshold", help="Flows of at least this many yuan a year.")] = 0.0,
    kind: Annotated[str, typer.Option("--format", help="html (both languages) or docx.")] = "html",
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Draft a term sheet for each payment flow (Article 17 of the 2024 Regulations): for negotiation, blanks marked."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.agreements import write_agreements
        from carbonshed.study.lock import one_writer_of

        with one_writer_of(result):
            path = write_agreements(result, lang=lang, format=kind, threshold=threshold)
        give({"ok": True, "agreements": str(path)} if as_json else words("written", lang, path=path))
