"""`Study`: open a study, check it, run it, ask what if."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from carbonshed.checks import InputError, Problem, check_name, nearest, refuse
from carbonshed.readers.row_tasks import RunTasks
from carbonshed.study.config import Spec, parse_spec, read_spec
from carbonshed.study.inputs import InputFiles, input_files
from carbonshed.study.pipeline import Progress, StepOutput, active
from carbonshed.study.plan import plan_rows
from carbonshed.study.provenance import Finder
from carbonshed.study.result import Result
from carbonshed.study.runner import Finish, Job, run_in_memory, run_into, run_live, take_finished
from carbonshed.study.steps import STEPS
from carbonshed.study.store import Store

__all__ = ["SHORTCUTS", "Result", "Study"]

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


def _silent(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


class Study:
    """A study: its specification and the folder its paths are relative to.

    Examples
    --------
    >>> import carbonshed as cs
    >>> study = cs.Study.open("demo")  # doctest: +SKIP
    >>> result = study.run()  # doctest: +SKIP
    >>> dearer = study.with_(carbon_price=120).run()  # doctest: +SKIP
    """

    def __init__(
        self,
        spec: Spec,
        base: Path,
        *,
        memory: dict[str, StepOutput] | None = None,
        is_scenario: bool = False,
        finder: Finder | None = None,
    ):
        self.spec, self.base = spec, base
        self._finder = finder or Finder(base)
        self._memory: dict[str, Any] = {} if memory is None else memory
        self._is_scenario = is_scenario
        self._files: InputFiles | None = None

    @classmethod
    def open(cls, path: str | Path, *, inputs: str | Path | None = None) -> Study:
        """Open a ``study.toml``, or the folder it stands in.

        Parameters
        ----------
        path : path
            In a result folder, the run is repeated: inputs are those that its manifest records, wherever they are found with the bytes
            they had (where they were read, at their path from here, or in `inputs`).
        inputs : path, optional
            Folder in which inputs are looked for too: those of a repeated run by their SHA-256, others by name.

        Raises
        ------
        InputError
            With every problem of the file: unknown keys (naming the nearest), wrong values, contradictions.
        """
        file = Path(path)
        check_name(file, where="study")
        spec, base = read_spec(file), (file if file.is_dir() else file.parent).resolve()
        return cls(spec, base, finder=Finder.beside(base, Path(inputs).resolve() if inputs else None))

    @classmethod
    def from_values(cls, values: Mapping[str, Any], *, base: str | Path) -> Study:
        """A study from plain values, as ``study.toml`` would hold them; paths are relative to `base`.

        Raises
        ------
        InputError
            As `open`.
        """
        return cls(parse_spec(dict(values), where="Study.from_values"), Path(base).resolve())

    @property
    def input_files(self) -> InputFiles:
        """All input files with their digests (taken once)."""
        if self._files is None:
            self._files = input_files(self.spec, self.base, self._finder)
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
        spec = parse_spec(data, where="Study.with_")
        return Study(spec, self.base, memory=self._memory, is_scenario=True, finder=self._finder)

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
        return plan_rows(self._job(self._known_step(until), _silent), Store(self._folder(out)))

    def _known_step(self, until: str | None) -> str | None:
        names = [step.name for step in active(STEPS, self.spec)]
        if until is not None and until not in names:
            near = nearest(until, names)
            fix = f"Did you mean {near!r}?" if near else "Choose one of those."
            raise refuse("unknown_step", expected=f"one of {', '.join(names)}", got=repr(until), where="until", fix=fix)
        return until

    def _folder(self, out: str | Path | None) -> Path:
        return Path(out) if out is not None else self.default_folder

    def run(
        self,
        out: str | Path | None = None,
        *,
        until: str | None = None,
        progress: Progress = _silent,
        finish: Finish | None = None,
        run_tasks: RunTasks | None = None,
    ) -> Result:
        """Run the study, or what of it is not done yet, and return its result.

        Parameters
        ----------
        out : path, optional
            Result folder; default ``results`` beside the ``study.toml``. A scenario (`with_`) stays in memory unless `out` is given.
        until : str, optional
            Stop after this step.
        progress : callable
            ``progress(fraction, message)``.
        finish : callable, optional
            ``finish(folder)`` on the folder of the finished tables, before they take the place of an earlier result: draws what belongs
            to it (`carbonshed.study.reporting.write_outputs`).
        run_tasks : callable, optional
            Reads the rasters elsewhere (`carbonshed.study.cluster.Cluster`); the result is the same bytes.

        Raises
        ------
        FolderError
            If the folder cannot be written, or another run is writing it.
        InputError
            If the inputs cannot be used; every problem at once. Nothing that was finished is lost.
        """
        job = self._job(self._known_step(until), progress, run_tasks)
        if self._is_scenario and out is None:
            take_finished(job, Store(self.default_folder), job.wanted)
            return Result(*run_in_memory(job))
        store = Store(self._folder(out))
        store.check_writable()
        return Result(*run_into(job, store, finish), store.folder)

    def live(self) -> Result:
        """The live tables alone, in memory: accounts, zones, amounts and flows, each number as `run` gives it.

        What takes resampling to know (p-values, the interval of the scale, the stability of zones) and what is compared with other
        settings is left to `run`, so that a changed price or coefficient answers while a slider moves. Steps that the change does not
        touch are taken from what this study and its scenarios have computed before, and from the result folder.

        Returns
        -------
        Result
            With the tables `carbonshed.study.live_steps.LIVE_TABLES`, as far as the study has them; ``manifest["is_complete"]`` is false.

        Raises
        ------
        InputError
            As `run`.
        """
        job = self._job(None, _silent)
        take_finished(job, Store(self.default_folder), [step for step in job.chain if step.live])
        return Result(*run_live(job))

    def _job(self, until: str | None, progress: Progress, run_tasks: RunTasks | None = None) -> Job:
        chain, wanted = active(STEPS, self.spec), active(STEPS, self.spec, until)
        return Job(self.spec, self.base, self.input_files, chain, wanted, _study_text(self), self._memory, progress, run_tasks)


def _study_text(study: Study) -> str:
    """The text of the study's own file where it is unchanged, else its values."""
    file = study.base / "study.toml"
    with suppress(OSError, ValueError):  # there is none, or one that is not this study's: it was opened by another name
        text = file.read_text(encoding="utf-8-sig")
        if tomllib.loads(text) == study.spec.model_dump(exclude_unset=True):
            return text
    from carbonshed.study.toml_text import to_toml

    return to_toml(study.spec.model_dump(exclude_unset=True))
