"""The manifest of a result: all that is needed to repeat the run, and the digest that equal results share."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import carbonshed
from carbonshed import registry
from carbonshed.study.config import Spec
from carbonshed.study.inputs import InputFiles
from carbonshed.study.store import SCHEMA_VERSION, digest

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "geopandas",
    "shapely",
    "pyproj",
    "rasterio",
    "scikit-learn",
    "libpysal",
    "POT",
    "matplotlib",
)

STABLE = ("schema_version", "study", "spec", "choices", "totals", "balance_checks", "warnings", "notes", "is_simulated")
"""What equal runs have in common, on any machine, in any folder, at any time; of the inputs and steps see `stable_digest`."""


def build_manifest(
    spec: Spec, base: Path, files: InputFiles, done: Mapping[str, dict[str, Any]], order: Iterable[str], *, is_complete: bool
) -> dict[str, Any]:
    """The manifest of the steps that are done, in the order of the chain.

    Parameters
    ----------
    spec, base, files
        Of the study.
    done : mapping
        Record of each finished step.
    order : iterable of str
        Names of all steps.
    is_complete : bool
        Whether that is all the steps the study has.
    """
    records = [done[name] for name in order if name in done]
    choices: dict[str, Any] = {}
    totals: dict[int, dict[str, Any]] = {}
    for record in records:
        choices |= record["choices"]
        for row in record["totals"]:
            totals.setdefault(row["year"], {}).update(row)
    said: dict[str, str] = {}  # each warning once, with the first step that gives it
    for record in records:
        said |= {text: record["name"] for text in record["warnings"] if text not in said}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "carbonshed_version": carbonshed.__version__,
        "study": {**spec.study.model_dump(), "crs": choices.get("crs", spec.study.crs)},
        "spec": spec.model_dump(),
        "base": str(base),
        "inputs": files.record(spec, base),
        "choices": choices,
        "totals": [totals[year] for year in sorted(totals)],
        "balance_checks": [row for record in records for row in record["checks"]],
        "warnings": [{"step": step, "message": text} for text, step in said.items()],
        "notes": [*(dict(note) for note in spec.notes), *(note for record in records for note in record["notes"])],
        "terms": dict(_terms()),
        "is_simulated": spec.study.simulated,
        "is_complete": is_complete,
        "steps": records,
        "packages": dict(_packages()),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {**manifest, "digest": stable_digest(manifest)}


@cache
def _terms() -> Mapping[str, Any]:
    return {name: term.as_dict() for name, term in registry.terms().items()}


@cache
def _packages() -> Mapping[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def stable_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of what a manifest says of the result: not of where and when it was made, how long it took, or what was drawn from it."""
    stable = {key: manifest[key] for key in STABLE}
    stable["inputs"] = [{k: v for k, v in row.items() if k != "found"} for row in manifest["inputs"]]
    stable["steps"] = [{k: v for k, v in record.items() if k not in ("seconds", "key", "made_from")} for record in manifest["steps"]]
    return digest(stable)
