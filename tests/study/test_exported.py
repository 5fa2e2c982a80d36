"""Exports and term sheets: listed with their SHA-256 and the result they were made of, kept by a new run, and named where they are stale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.interfaces.cli import app
from carbonshed.present.export import WRITERS
from carbonshed.study.agreements import write_agreements
from carbonshed.study.provenance import Finder
from carbonshed.study.reporting import is_drawn, write_exports, write_outputs, write_report
from carbonshed.study.store import Store, file_digest
from carbonshed.study.verifying import verify

pytestmark = pytest.mark.usefixtures("quiet")


def cheaper(study: Path) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("price = 80", "price = 70"), encoding="utf-8")


def found(out: Path) -> list[tuple[str, str]]:
    return [(problem.code, problem.where) for problem in verify(out)]


def test_exports_and_term_sheets_are_listed_and_named_when_a_run_gives_other_numbers(done_study, caplog):
    out = done_study / "results"
    digest = Store(out).read_manifest()["digest"]
    for command in (["export", "--format", "csv,script"], ["agreements"]):
        assert CliRunner().invoke(app, [*command, str(out)]).exit_code == 0
    listed = Store(out).read_manifest()["exports"]
    assert {"exports/compensation.csv", "agreements.html"} <= set(listed) and len(listed) > 10
    assert all(row == {"sha256": file_digest(out / name), "of": digest} for name, row in listed.items())
    assert Store(out).read_manifest()["digest"] == digest and found(out) == []
    said = CliRunner().invoke(app, ["verify", str(out), "--json"])
    assert json.loads(said.stdout)["files"] > len(listed)

    before = (out / "exports" / "compensation.csv").read_bytes()
    cheaper(done_study)
    cs.Study.open(done_study).run()
    assert (out / "exports" / "compensation.csv").read_bytes() == before, "a run must not touch what somebody may have worked on"
    assert sorted(found(out)) == sorted(("export_stale", name) for name in listed)
    assert "agreements.html" in caplog.text and "earlier result" in caplog.text
    said = CliRunner().invoke(app, ["verify", str(out)])
    assert said.exit_code == 3 and "exports/compensation.csv" in said.stderr

    write_exports(out, ["csv", "script"])
    assert found(out) == [("export_stale", "agreements.html")]
    (out / "agreements.html").unlink()
    assert found(out) == [], "what was taken away is no fault of the result"


def test_the_same_result_again_makes_no_export_stale(done_study):
    out = done_study / "results"
    write_exports(out, ["csv"])
    cs.Study.open(done_study).run()
    assert found(out) == []
    cheaper(done_study)
    cs.Study.open(done_study).run()
    path = done_study / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("price = 70", "price = 80"), encoding="utf-8")
    cs.Study.open(done_study).run()
    assert found(out) == [], "they are of the result that stands there again"


def test_an_export_that_was_changed_is_named(done_study):
    out = done_study / "results"
    write_exports(out, ["csv"])
    path = out / "exports" / "flows.csv"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    assert found(out) == [("export_changed", "exports/flows.csv")]


def test_a_crate_is_of_the_files_beside_it(done_study):
    out = done_study / "results"
    write_exports(out, ["ro-crate"])
    assert found(out) == [] and "exports" not in Store(out).read_manifest()
    write_agreements(out)
    assert found(out) == [("export_stale", "ro-crate-metadata.json")], "the manifest has other bytes than the crate says"
    write_exports(out, ["ro-crate"])
    assert found(out) == []
    cheaper(done_study)
    cs.Study.open(done_study).run()
    assert set(found(out)) == {("export_stale", "ro-crate-metadata.json"), ("export_stale", "agreements.html")}
    (out / "ro-crate-metadata.json").write_text("{", encoding="utf-8")
    assert ("export_stale", "ro-crate-metadata.json") in found(out)


def test_what_the_run_draws_is_not_listed_twice_and_files_elsewhere_not_at_all(done_study, tmp_path, monkeypatch):
    from carbonshed.study import reporting

    out = done_study / "results"
    write_exports(out, ["qml"])
    assert set(Store(out).read_manifest()["exports"]) == {"styles/zones.qml", "styles/compensation.qml"}
    monkeypatch.setattr(reporting, "save_figures", lambda *given, **options: [])
    monkeypatch.setattr(reporting, "render_report", lambda folder, **options: "<html></html>")
    cheaper(done_study)
    cs.Study.open(done_study).run(finish=write_outputs)
    assert found(out) == [], "the run has drawn them anew"
    write_exports(out, ["csv"], out=tmp_path / "elsewhere")
    assert set(Store(out).read_manifest()["exports"]) == {"styles/zones.qml", "styles/compensation.qml"}


def test_a_folder_without_a_result_is_refused(tmp_path):
    for call in (write_exports, lambda folder, formats: write_agreements(folder)):
        with pytest.raises(InputError, match=r"manifest\.json"):
            call(tmp_path, ["csv"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_format_is_listed(done_study):
    out = done_study / "results"
    paths = write_exports(out, [name for name in WRITERS if name != "ro-crate"])
    assert {path.relative_to(out).as_posix() for path in paths} == set(Store(out).read_manifest()["exports"])
    assert found(out) == []


def test_the_report_says_how_many_identities_hold(done_study, monkeypatch):
    from carbonshed.present import report as page

    monkeypatch.setattr(page, "available_figures", lambda result: [])
    out = done_study / "results"
    text = write_report(out).read_text(encoding="utf-8")
    told = Store(out).read_manifest()["audit"]
    assert told["held"] == told["identities"] > 150 and told["largest_relative_error"] < 1e-9
    assert told["identities"] == sum(row["identities"] for row in told["tables"]) and told["rows"] > 1000
    said = f"{told['held']} of {told['identities']} hold"
    assert said in text and f"{told['identities']} 项中 {told['held']} 项成立" in text and "Identities by table" in text
    assert found(out) == []


def test_the_report_of_a_result_that_does_not_add_up_says_so(done_study, monkeypatch, caplog):
    from carbonshed.present import report as page

    monkeypatch.setattr(page, "available_figures", lambda result: [])
    out = done_study / "results"
    table = Store(out).read_table("zone_summary")
    table.loc[table.index[0], "carbon_sink"] *= 1 + 1e-6
    Store(out).write_table("zone_summary", table)
    text = write_report(out).read_text(encoding="utf-8")
    assert "do not use this result" in text and "结果不可采用" in text and "do not hold" in caplog.text


def test_what_is_drawn_counts_for_its_result_its_language_and_its_bytes(done_study, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<html></html>", encoding="utf-8")
    outputs = {"of": "a", "lang": "zh", "files": {"report.html": file_digest(page)}}
    store = Store(tmp_path)
    store.write_manifest({**Store(done_study / "results").read_manifest(), "digest": "a", "outputs": outputs})
    assert is_drawn(store, "zh") and not is_drawn(store, "en")
    store.write_manifest({**store.read_manifest(), "digest": "b"})
    assert not is_drawn(store, "zh")
    store.write_manifest({**store.read_manifest(), "digest": "a"})
    page.write_text("<html>touched</html>", encoding="utf-8")
    assert not is_drawn(store, "zh")


def test_a_run_at_another_price_takes_the_figures_over_that_show_no_money(done_study, monkeypatch):
    from carbonshed.present import drawn_figure, figure_files
    from carbonshed.study import reporting

    some = ["choice_of_k", "priority_bars", "zone_shares"]
    drawn: list[str] = []
    real = drawn_figure.draw
    monkeypatch.setattr(drawn_figure, "draw", lambda result, name, lang: (drawn.append(name), real(result, name, lang))[1])
    monkeypatch.setattr(figure_files, "available_figures", lambda result: some)
    monkeypatch.setattr(reporting, "render_report", lambda folder, **options: "<html></html>")
    out = done_study / "results"

    def drawn_by_a_run() -> list[str]:
        drawn.clear()
        cs.Study.open(done_study).run(finish=write_outputs)
        return sorted(set(drawn))

    assert drawn_by_a_run() == some
    first = Store(out).read_manifest()["outputs"]["figures"]
    assert drawn_by_a_run() == []
    cheaper(done_study)
    assert drawn_by_a_run() == ["priority_bars"]
    after = Store(out).read_manifest()["outputs"]
    assert {name for name in some if after["figures"][name] != first[name]} == {"priority_bars"}
    assert all(after["files"][file] == digest for name in some for file, digest in after["figures"][name]["files"].items())
    assert found(out) == []
    (out / "figures" / "choice_of_k_zh.png").write_bytes(b"touched")
    assert drawn_by_a_run() == ["choice_of_k"] and found(out) == []


def test_the_digest_of_an_input_that_was_touched_is_taken_anew(tmp_path):
    path, finder = tmp_path / "x.csv", Finder(tmp_path)
    path.write_text("1", encoding="utf-8")
    before = finder.digest(path)
    path.write_text("22", encoding="utf-8")
    assert finder.digest(path) == file_digest(path) != before
