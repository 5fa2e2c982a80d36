"""Term sheets of a finished run: its flows, amounts, accounts, zones and choices, brought together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from carbonshed.checks import choose
from carbonshed.compensation.agreement import AgreementTerms, term_sheets
from carbonshed.compensation.price import Price
from carbonshed.present.agreements import render_agreements
from carbonshed.present.agreements_docx import save_agreements_docx
from carbonshed.study.exported import note_exports
from carbonshed.study.result import Result
from carbonshed.study.store import replacing, write_text

CHOICES = (
    "preset",
    "revision",
    "weights",
    "rescale",
    "floor_quantile",
    "sink_mode",
    "cropland_mode",
    "coefficients",
    "allocation",
    "ability",
    "district_mode",
    "fiscal_cap",
    "overflow",
    "closure",
    "shortfall",
)
"""Choices of a run that every sheet carries, in this order."""

FORMATS = ("html", "docx")


def agreement_sheets(result: Result, *, threshold: float = 0.0, terms: AgreementTerms | None = None) -> pd.DataFrame:
    """The term sheets of a result: one for each flow of at least `threshold` yuan a-1, as rows (see `term_sheets`).

    Parameters
    ----------
    result : Result
        With amounts and flows.
    threshold, terms
        As in `term_sheets`.

    Raises
    ------
    InputError
        If the result holds no amounts or flows.
    """
    price = result.manifest["choices"].get("price")
    return term_sheets(
        result.flows,
        result.compensation,
        zones=result.zones if "zones" in result.tables else None,
        price=Price(**price) if price else None,
        threshold=threshold,
        terms=terms,
        provenance=provenance(result),
    )


def provenance(result: Result) -> dict[str, Any]:
    """What a sheet says about how its figures were made."""
    manifest = result.manifest
    choices, spec = manifest["choices"], manifest["spec"]
    said: dict[str, Any] = {
        "study": manifest["study"]["name"],
        "version": manifest["carbonshed_version"],
        "digest": manifest["digest"][:16],
    }
    said |= {key: choices[key] for key in CHOICES if choices.get(key) not in (None, False)}
    if "fiscal_cap" in said:
        said["fiscal_cap"] = f"{100 * said['fiscal_cap']:g} %"
    if choices.get("price"):
        said["price"] = f"{choices['price']['name']} {choices['price']['citation']}".strip()
    said |= {key: spec["compensation"][key] for key in ("flow_cost", "flow_solver")}
    said["seed"] = str(manifest["study"]["seed"])
    cited = [row["citation"] for row in manifest["inputs"] if row["citation"]]
    return {**said, "inputs": "; ".join(dict.fromkeys(cited))} if cited else said


def write_agreements(
    folder: str | Path,
    *,
    lang: str = "zh",
    format: str = "html",
    threshold: float = 0.0,
    terms: AgreementTerms | None = None,
) -> Path:
    """Write the term sheets of a result folder beside its report: ``agreements.html``, or ``agreements_<lang>.docx``.

    Parameters
    ----------
    folder : path
        A result folder.
    lang : {"zh", "en"}
        Language of a docx; language an HTML file opens in.
    format : {"html", "docx"}
        docx needs the extra ``docx``.
    threshold, terms
        As in `agreement_sheets`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the folder holds no flows, an option is unknown, or python-docx is not installed.
    """
    result = Result.open(folder)
    named = {"study": result.manifest["study"]["name"], "version": result.manifest["carbonshed_version"], "lang": lang}
    writers: dict[str, Callable[[pd.DataFrame], Path]] = {
        "html": lambda sheets: _write_html(Path(folder) / "agreements.html", sheets, named),
        "docx": lambda sheets: _write_docx(Path(folder) / f"agreements_{lang}.docx", sheets, named),
    }
    write = writers[choose(format, FORMATS, where="format")]
    path = write(agreement_sheets(result, threshold=threshold, terms=terms))
    note_exports(Path(folder), [path])
    return path


def _write_html(path: Path, sheets: pd.DataFrame, named: dict[str, str]) -> Path:
    write_text(path, render_agreements(sheets, **named))
    return path


def _write_docx(path: Path, sheets: pd.DataFrame, named: dict[str, str]) -> Path:
    with replacing(path) as temporary:
        save_agreements_docx(sheets, temporary, **named)
    return path
