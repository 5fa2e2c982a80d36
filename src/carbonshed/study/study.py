"""`Study` and `Result`: open a study, check it, run it, ask what if."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

import carbonshed
from carbonshed import registry
from carbonshed.checks import InputError, Problem, nearest, refuse
from carbonshed.study.config import Spec, parse_spec, read_spec
from carbonshed.study.inputs import InputFiles, input_files
from carbonshed.study.pipeline import Context, Progress, StepOutput, StoredTables, active, run_step, step_keys
from carbonshed.study.steps import STEPS
from carbonshed.study.store import SCHEMA_VERSION, Store, digest, write_text

SHORTCUTS = {
    "carbon_price": "compensation.price",
    "price": "compensation.price",
    "revision": "compensation.revision",
    "preset": "compensation.preset",
    "closure": "compensation.closure",
    "fiscal_cap": "compensation.fiscal_cap",
    "ability": "compensation.ability",
    "sink_mode": "accounting.sink_mode",
    "coefficients": "accounting.coefficients",
    "npp": "accounting.npp",
    "features": "zoning.features",
    "method": "zoning.method",
    "seed": "study.seed",
    "rule": "scale.rule",
}
"""Short names that `Study.with_` takes beside dotted keys."""

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


def _silent(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


class Result:
    """Tables and manifest of a run, from memory or from a result folder.

    Every table is a (Geo)DataFrame with index `unit_id` where it has one; columns are registered terms (`carbonshed.terms`).
    """

    def __init__(self, tables: StoredTables, manifest: dict[str, Any], folder: Path | None = None):
        self.tables, self.manifest, self.folder = tables, manifest, folder

    @classmethod
    def open(cls, folder: str | Path) -> Result:
        """Open a result folder.

        Raises
        ------
        InputError
            If it holds no manifest, or one of another schema.
        """
        store = Store(Path(folder))
        manifest = store.read_manifest()
        if not manifest:
            fix = "Give the folder that `carbonshed run` wrote."
            raise refuse("no_result", expected="a result folder with a manifest.json", got="none", where=str(folder), fix=fix)
        names = [table for step in manifest["steps"] for table in step["tables"]]
        return cls(StoredTables({}, store, names), manifest, Path(folder))

    def table(self, name: str) -> pd.DataFrame:
        """A table by name; an unknown one is refused, naming the tables there are."""
        if name not in self.tables:
            near = nearest(name, self.tables)
            hint = f"Did you mean {near!r}?" if near else "The study has no such result."
            raise refuse("no_table", expected=f"one of {', '.join(self.tables)}", got=repr(name), where="result", fix=hint)
        return self.tables[name]

    @property
    def accounts(self) -> gpd.GeoDataFrame:
        """Accounts of the counties, or of the grid cells where there are no counties."""
        return self.table("accounts_county" if "accounts_county" in self.tables else "accounts_grid")

    @property
    def accounts_grid(self) -> gpd.GeoDataFrame:
        """Accounts of the cells of every scale."""
        return self.table("accounts_grid")

    @property
    def accounts_county(self) -> gpd.GeoDataFrame:
        """Accounts of the counties."""
        return self.table("accounts_county")

    @property
    def zones(self) -> gpd.GeoDataFrame:
        """Zone, cluster, SOM node and confidence of each cell or county and year."""
        return self.table("zones")

    @property
    def compensation(self) -> pd.DataFrame:
        """Amounts, side and priority of each county and year."""
        return self.table("compensation")

    @property
    def flows(self) -> pd.DataFrame:
        """Who pays whom, and how much."""
        return self.table("flows")

    @property
    def scale_choice(self) -> pd.DataFrame:
        """The chosen side of each quantity, with its interval, flags and reason."""
        return self.table("scale_choice")

    def __repr__(self) -> str:
        where = f" in {self.folder}" if self.folder else ""
        return f"<Result of {self.manifest['study']['name']!r}{where}: {', '.join(self.tables)}>"


class Study:
    """A study: its specification and the folder its paths are relative to.

    Examples
    --------
    >>> import carbonshed as cs
    >>> study = cs.Study.open("demo")  # doctest: +SKIP
    >>> result = study.run()  # doctest: +SKIP
    >>> dearer = study.with_(carbon_price=120).run()  # doctest: +SKIP
    """

    def __init__(self, spec: Spec, base: Path, *, memory: dict[str, StepOutput] | None = None, is_scenario: bool = False):
        self.spec, self.base = spec, base
        self._memory: dict[str, StepOutput] = {} if memory is None else memory
        self._is_scenario = is_scenario
        self._files: InputFiles | None = None

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """Open a ``study.toml``, or the folder it stands in.

        Raises
        ------
        InputError
            With every problem of the file: unknown keys (naming the nearest), wrong values, contradictions.
        """
        file = Path(path)
        return cls(read_spec(file), (file if file.is_dir() else file.parent).resolve())

    @property
    def input_files(self) -> InputFiles:
        """All input files with their digests (taken once)."""
        if self._files is None:
            self._files = input_files(self.spec, self.base)
        return self._files

    @property
    def default_folder(self) -> Path:
        """Where `run` writes unless told otherwise: ``results`` beside the ``study.toml``."""
        return self.base / "results"

    def with_(self, **changes: Any) -> Study:
        """A scenario: the same study with some values changed; it reuses every step that the change does not touch.

        Parameters
        ----------
        **changes
            Short names (``carbon_price=120``, ``revision="none"``, ``seed=1``) or dotted keys (``**{"compensation.weights": {...}}``).

        Raises
        ------
        InputError
            If a name is unknown (naming the nearest) or a value is refused.
        """
        data = self.spec.model_dump(exclude_unset=True)
        for name, value in changes.items():
            path = SHORTCUTS.get(name, name)
            section, _, key = path.partition(".")
            if not key:
                near = nearest(name, SHORTCUTS)
                hint = f"Did you mean {near!r}?" if near else "Use a dotted key such as 'compensation.price'."
                raise refuse("unknown_change", expected="a key of study.toml", got=repr(name), where="Study.with_", fix=hint)
            data.setdefault(section, {})[key] = value
        scenario = Study(parse_spec(data, where="Study.with_"), self.base, memory=self._memory, is_scenario=True)
        return scenario

    def check(self) -> list[Problem]:
        """Every problem of the study and of its inputs, errors first; writes nothing."""
        import warnings

        from carbonshed.checks import DataWarning
        from carbonshed.study.checking import deep_check

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataWarning)
            problems = deep_check(self.spec, self._files_or_problems())
        said = list(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, DataWarning)))
        return [*problems, *(Problem("warning", "", text, "", "", severity="warning") for text in said)]

    def _files_or_problems(self) -> InputFiles | list[Problem]:
        try:
            return self.input_files
        except InputError as error:
            return list(error.problems)

    def plan(self, out: str | Path | None = None, *, until: str | None = None) -> list[dict[str, str]]:
        """What `run` would do and why: one row a step with ``run`` or ``reuse`` and the reason."""
        steps = active(STEPS, self.spec, self._known_step(until))
        keys = step_keys(steps, self.spec, self.input_files)
        old = {s["name"]: s for s in Store(self._folder(out)).read_manifest().get("steps", [])}
        rows = []
        for step in steps:
            before = old.get(step.name)
            same = before is not None and before["key"] == keys[step.name]
            reason = (
                "same inputs, keys and version"
                if same
                else "not run yet"
                if before is None
                else "an input, a key or a step before it changed"
            )
            rows.append({"step": step.name, "action": "reuse" if same else "run", "reason": reason})
        return rows

    def _known_step(self, until: str | None) -> str | None:
        names = [step.name for step in active(STEPS, self.spec)]
        if until is not None and until not in names:
            near = nearest(until, names)
            fix = f"Did you mean {near!r}?" if near else "Choose one of those."
            raise refuse("unknown_step", expected=f"one of {', '.join(names)}", got=repr(until), where="until", fix=fix)
        return until

    def _folder(self, out: str | Path | None) -> Path:
        return Path(out) if out is not None else self.default_folder

    def run(self, out: str | Path | None = None, *, until: str | None = None, progress: Progress = _silent) -> Result:
        """Run the study, or what of it is not done yet, and return its result.

        Parameters
        ----------
        out : path, optional
            Result folder; default ``results`` beside the ``study.toml``. A scenario (`with_`) stays in memory unless `out` is given.
        until : str, optional
            Stop after this step.
        progress : callable
            ``progress(fraction, message)``.

        Raises
        ------
        InputError
            If the inputs cannot be used; every problem at once. Nothing that was finished is lost.
        """
        steps = active(STEPS, self.spec, self._known_step(until))
        store = None if self._is_scenario and out is None else Store(self._folder(out))
        if store:
            store.check_writable()
        keys = step_keys(active(STEPS, self.spec), self.spec, self.input_files)
        done = _still_valid(store, keys) if store else {}
        tables = StoredTables({}, store)
        context = Context(self.spec, self.input_files, tables)
        for number, step in enumerate(steps):
            if step.name in done:
                tables.know(done[step.name]["tables"])
                continue
            progress(number / len(steps), step.name)
            key = keys[step.name]
            output = self._memory.get(key)
            if output is None:
                context.progress = _within(progress, number, len(steps), step.name)
                output = run_step(step, context)
                self._memory[key] = output
            tables.remember(output.tables)
            done[step.name] = self._record(step.name, key, output, store)
            if store:
                store.write_manifest(self._manifest(done, keys))
        manifest = self._manifest(done, keys)
        if store:
            write_text(store.folder / "study.toml", _study_text(self))
            store.write_manifest(manifest)
        progress(1.0, "done")
        return Result(tables, manifest, store.folder if store else None)

    def _record(self, name: str, key: str, output: StepOutput, store: Store | None) -> dict[str, Any]:
        files = {f"tables/{table}.parquet": store.write_table(table, frame) for table, frame in output.tables.items()} if store else {}
        row = {"name": name, "key": key, "seconds": round(output.seconds, 3), "tables": list(output.tables), "files": files}
        return {**row, **output.record()}

    def _manifest(self, done: Mapping[str, dict[str, Any]], order: Iterable[str]) -> dict[str, Any]:
        spec = self.spec
        records = [done[name] for name in order if name in done]
        choices: dict[str, Any] = {}
        totals: dict[int, dict[str, Any]] = {}
        for record in records:
            choices |= record["choices"]
            for row in record["totals"]:
                totals.setdefault(row["year"], {}).update(row)
        told = [dict(note) for note in spec.notes]
        content = {
            "schema_version": SCHEMA_VERSION,
            "carbonshed_version": carbonshed.__version__,
            "study": {**spec.study.model_dump(), "crs": choices.get("crs", spec.study.crs)},
            "spec": spec.model_dump(),
            "base": str(self.base),
            "inputs": self.input_files.record(spec, self.base),
            "choices": choices,
            "totals": [totals[year] for year in sorted(totals)],
            "balance_checks": [row for record in records for row in record["checks"]],
            "warnings": [{"step": record["name"], "message": text} for record in records for text in record["warnings"]],
            "notes": [*told, *(note for record in records for note in record["notes"])],
            "terms": {name: term.as_dict() for name, term in registry.terms().items()},
            "is_simulated": spec.study.simulated,
        }
        stable = {key: value for key, value in content.items() if key not in ("base", "terms", "carbonshed_version")}
        stable["steps"] = [{k: v for k, v in record.items() if k not in ("seconds", "key")} for record in records]
        packages = {name: metadata.version(name) for name in PACKAGES}
        run = {"steps": records, "packages": {"python": platform.python_version(), **packages}, "written": _now()}
        return {**content, **run, "digest": digest(stable)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _within(progress: Progress, number: int, count: int, name: str) -> Progress:
    return lambda fraction, message: progress((number + fraction) / count, f"{name}: {message}")


def _still_valid(store: Store, keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Records of the steps in the folder whose key has not changed and whose files are there."""
    records = store.read_manifest().get("steps", [])
    return {r["name"]: r for r in records if keys.get(r["name"]) == r["key"] and all((store.folder / f).is_file() for f in r["files"])}


def _study_text(study: Study) -> str:
    """The text of the study's own file where it is unchanged, else its values."""
    file = study.base / "study.toml"
    if file.is_file():
        text = file.read_text(encoding="utf-8-sig")
        if tomllib.loads(text) == study.spec.model_dump(exclude_unset=True):
            return text
    from carbonshed.study.toml_text import to_toml

    return to_toml(study.spec.model_dump(exclude_unset=True))
