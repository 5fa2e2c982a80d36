"""The command line ``carbonshed``: words to `Study`; imports are made inside the commands, so that help is instant."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from carbonshed.interfaces.cancel import cancellable
from carbonshed.interfaces.help_zh import in_chinese, is_asked
from carbonshed.interfaces.options import Inputs, Json, Lang, Out, ResultPath, StudyPath
from carbonshed.interfaces.outputs import agreements, export, figures, report
from carbonshed.interfaces.talk import (
    Exit,
    ProgressTalk,
    beside_truth,
    estimate_words,
    exit_codes,
    give,
    notices,
    padded,
    problem_text,
    say,
    twin_words,
    words,
)

app = typer.Typer(
    name="carbonshed",
    help="Land-use carbon accounts, the grid scale that fits, compensation zones, and who pays whom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        import carbonshed

        give(carbonshed.__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def demo(
    folder: Annotated[Path | None, typer.Argument(help="Folder to write the study into; default: demo, or twin.")] = None,
    *,
    twin: Annotated[bool, typer.Option("--twin", help="The simulated twin, 2000-2020, whose truth is known.")] = False,
    pixel_m: Annotated[float, typer.Option("--pixel", help="Twin only: side of a pixel in metres, 10 to 1000.")] = 1000,
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Write the study of real Beijing-Tianjin-Hebei 2019, or of the simulated twin, and run it."""
    target = folder or Path("twin" if twin else "demo")
    with exit_codes(as_json=as_json, lang=lang):
        if twin:
            from carbonshed.study.twin.write import write_twin

            write_twin(target, pixel_m=pixel_m)
        else:
            from carbonshed.study.demo import write_demo

            write_demo(target)
    _run(target, None, None, as_json, lang, truth=target if twin else None)


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Folder of the new study.")], *, as_json: Json = False, lang: Lang = "en") -> None:
    """Write a commented study.toml to fill in."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.template import write_template

        path, is_new = write_template(folder, lang=lang)
        if as_json:
            give({"ok": True, "path": str(path), "written": is_new})
        else:
            give(words("written" if is_new else "kept", lang, path=path))


@app.command()
def check(study: StudyPath = Path(), *, as_json: Json = False, lang: Lang = "en") -> None:
    """Read all inputs and list all problems at once; writes nothing."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.checking import estimate
        from carbonshed.study.study import Study

        opened = Study.open(study)
        problems = opened.check()
        errors = [p for p in problems if p.severity == "error"]
        needs = None if errors else estimate(opened)
        if as_json:
            give({"ok": not errors, "problems": [p.as_dict() for p in problems], "estimate": needs})
        else:
            for problem in problems:
                give(problem_text(problem, lang))
            give(
                words("problems", lang, errors=len(errors), warnings=len(problems) - len(errors)) if problems else words("no_problem", lang)
            )
            if needs:
                give(estimate_words(needs, lang))
    if errors:
        raise typer.Exit(Exit.BAD_DATA)


@app.command()
def run(
    study: StudyPath = Path(),
    *,
    out: Out = None,
    until: Annotated[str | None, typer.Option("--until", help="Stop after this step.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Read rasters in so many processes (Dask); same bytes.")] = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Or on a Dask cluster, e.g. tcp://node1:8786.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what would run and why; run nothing.")] = False,
    inputs: Inputs = None,
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Run a study, or what of it is not done yet."""
    if workers is not None and scheduler is not None:
        raise typer.BadParameter("give --workers or --scheduler, not both")
    if not explain:
        _run(study, out, until, as_json, lang, inputs, workers, scheduler)
        return
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.study import Study

        rows = Study.open(study, inputs=inputs).plan(out, until=until)
        give({"ok": True, "plan": rows} if as_json else "\n".join(f"{r['action']:6} {r['step']:14} {r['reason']}" for r in rows))


def _cluster(workers: int | None, scheduler: str | None) -> AbstractContextManager[Any]:
    """How rasters are read: here, or on a cluster that ends with the block."""
    if workers is None and scheduler is None:
        return nullcontext()
    from carbonshed.study.cluster import Cluster

    return Cluster(workers=workers, scheduler=scheduler)


def _run(
    study: Path,
    out: Path | None,
    until: str | None,
    as_json: bool,
    lang: str,
    inputs: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    truth: Path | None = None,
) -> None:
    progress = ProgressTalk(as_json=as_json)
    try:
        with exit_codes(as_json=as_json, lang=lang), notices(as_json=as_json), _cluster(workers, scheduler) as run_tasks:
            from carbonshed.study.study import Study

            def draw(folder: Path) -> None:
                from carbonshed.study.reporting import write_outputs

                write_outputs(folder, lang=lang, progress=lambda fraction, message: progress(0.6 + 0.4 * fraction, message))

            opened = Study.open(study, inputs=inputs)
            result = opened.run(
                out,
                until=until,
                progress=lambda fraction, message: progress(0.6 * fraction, message),
                finish=draw if until is None else None,
                run_tasks=run_tasks,
            )
            folder = result.folder
            assert folder is not None
            report = folder / "report.html" if until is None else None
            progress.close()
            found = beside_truth(result, truth) if truth is not None else None
            if as_json:
                twin = {} if found is None else {"twin": found}
                summary = {key: result.manifest[key] for key in ("totals", "choices", "warnings", "digest")}
                give(
                    {
                        "ok": True,
                        "folder": str(folder),
                        "report": str(report) if report else None,
                        "seconds": progress.seconds,
                        **summary,
                        **twin,
                    }
                )
                return
            say(words("done", lang, seconds=progress.seconds))
            if result.manifest["warnings"]:
                say(words("warnings", lang, count=len(result.manifest["warnings"])))
            give(words("results", lang, folder=folder))
            if report:
                give(words("report", lang, file=report))
            if found is not None:
                give(twin_words(found, lang))
    finally:
        progress.close()


for _command in (report, figures, export, agreements):
    app.command()(_command)


@app.command()
def why(
    result: ResultPath,
    unit_id: Annotated[str, typer.Argument(help="Cell or county.")],
    *,
    year: Annotated[int | None, typer.Option("--year", help="Default: the last year.")] = None,
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Why a cell or county is in its zone, and what would move it."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.result import Result
        from carbonshed.study.why import sentences
        from carbonshed.study.why import why as explain

        record = explain(Result.open(result), unit_id, year)
        give(record if as_json else "\n".join(sentences(record, lang)))


@app.command()
def compare(first: ResultPath, second: ResultPath, *, as_json: Json = False, lang: Lang = "en") -> None:
    """Tidy differences between two results, with units."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.compare import compare_results
        from carbonshed.study.result import Result

        table = compare_results(Result.open(first), Result.open(second))
        text = words("equal", lang) if table.empty else table.to_string(index=False)
        give({"ok": True, "differences": table.to_dict("records")} if as_json else text)


@app.command()
def verify(result: ResultPath, *, as_json: Json = False, lang: Lang = "en") -> None:
    """Compare every file of a result with its checksum, recompute the balance checks, and look for inputs that changed."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.checks import InputError
        from carbonshed.study.store import Store, listed
        from carbonshed.study.verifying import verify as verify_folder

        problems = verify_folder(result)
        if problems:
            raise InputError(problems)
        manifest = Store(result).read_manifest()
        count, checks = len({*listed(manifest), *manifest.get("exports", {})}), len(manifest["balance_checks"])
        give({"ok": True, "files": count, "balance_checks": checks} if as_json else words("unchanged", lang, count=count, checks=checks))


@app.command()
def audit(result: ResultPath, *, as_json: Json = False, lang: Lang = "en") -> None:
    """Recompute every conservation identity of a result from its tables, each with its relative error."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.auditing import audit as audit_folder
        from carbonshed.study.auditing import broken

        found = audit_folder(result)
        problems = broken(found, lang)
        largest = max((row.relative_error for row in found), default=0.0)
        if as_json:
            rows = [row.as_dict() for row in found]
            told = {"ok": not problems, "largest_relative_error": largest, "identities": rows}
            give(told | ({"problems": [problem.as_dict() for problem in problems]} if problems else {}))
        else:
            for row in found:
                mark = "  " if row.holds else "!!"
                give(f"{mark} {row.relative_error:9.1e}  {row.count:>9,}  {row.zh if lang == 'zh' else row.en}")
            for problem in problems:
                say(problem_text(problem, lang))
            give(words("broken" if problems else "audit", lang, count=len(found), error=largest, broken=len(problems)))
    if problems:
        raise typer.Exit(Exit.BAD_DATA)


@app.command()
def terms(
    name: Annotated[str | None, typer.Argument(help="A term, its symbol, or its Chinese or English name.")] = None,
    *,
    as_json: Json = False,
    lang: Lang = "en",
) -> None:
    """Definition, formula, unit, Chinese and English of a quantity; without a name, all of them."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed import registry
        from carbonshed.present.recorded import said

        if name is None:
            rows = registry.terms().values()
            give(
                {t.name: t.as_dict() for t in rows}
                if as_json
                else "\n".join(f"{t.name:26} {t.unit:22} {padded(t.zh, 30)} {t.en}" for t in rows)
            )
            return
        found = registry.term(name)
        give(found.as_dict() if as_json else "\n".join(f"{padded(key, 11)} {value}" for key, value in said(found, lang).items()))


@app.command()
def doctor(*, as_json: Json = False, lang: Lang = "en") -> None:
    """Versions, fonts, drivers and disk of this installation."""
    with exit_codes(as_json=as_json, lang=lang):
        from carbonshed.study.doctor import installation

        found = installation()
        give(found if as_json else "\n".join(f"{padded(key, 16)} {value}" for key, value in found.items()))


def main() -> None:
    """Entry point of the ``carbonshed`` command."""
    lang = os.environ.get("CARBONSHED_LANG", "en")
    with cancellable(Exit.CANCELLED, lambda: say(words("cancelled", lang))):
        told = in_chinese(app) if is_asked(sys.argv[1:], lang) else app
        told()


if __name__ == "__main__":
    main()
