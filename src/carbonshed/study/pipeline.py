"""The runner: a plain list of steps, each keyed by the content of what it depends on, resumed where the keys agree.

The key of a step is the SHA-256 of its name, the version of the package, the values in ``study.toml`` and the digests of the input
files that it reads, and the keys of the steps it needs. Equal keys mean equal results, so a step whose key stands in the manifest
(or in memory, for a scenario) is not run again.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import geopandas as gpd
import pandas as pd

import carbonshed
from carbonshed.checks import CarbonshedError, DataWarning
from carbonshed.readers.row_tasks import RunTasks
from carbonshed.study.config import Spec
from carbonshed.study.inputs import InputFiles, Inputs, read_inputs
from carbonshed.study.store import digest, plain
from carbonshed.study.table_inputs import SHAPES

logger = logging.getLogger(__name__)

Progress = Callable[[float, str], None]
Made = TypeVar("Made")


class StepError(CarbonshedError):
    """A step failed for a reason other than its data; the folder stays valid and the run can be resumed."""

    def __init__(self, step: str, cause: BaseException | str):
        told = cause if isinstance(cause, str) else f"{type(cause).__name__}: {cause}"
        super().__init__(f"step {step!r} failed: {told}")
        self.step = step


@dataclass
class StepOutput:
    """What a step gives: tables, checks of totals, choices made, notes for the reader, warnings, seconds."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    totals: list[dict[str, Any]] = field(default_factory=list)
    choices: dict[str, Any] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """All but the tables, as plain data for the manifest."""
        return {"checks": self.checks, "totals": self.totals, "choices": self.choices, "notes": self.notes, "warnings": self.warnings}


@dataclass(frozen=True)
class Step:
    """One step of the chain.

    Parameters
    ----------
    name : str
    run : callable
        ``run(context) -> StepOutput``.
    needs : tuple of str
        Steps whose tables it reads.
    reads : tuple of str
        Keys of ``study.toml`` it depends on, dotted.
    files : tuple of str
        Roles of the input files it depends on.
    when : callable
        Whether the study has this step at all.
    live : callable, optional
        The part of `run` that the live tables take (`Study.live`), with the same numbers; none: the step gives no live table.
    """

    name: str
    run: Callable[[Context], StepOutput]
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    when: Callable[[Spec], bool] = lambda spec: True
    live: Callable[[Context], StepOutput] | None = None


@dataclass
class Context:
    """What a step sees: the specification, the inputs (read once, on demand), the tables before it, a progress call.

    `keys` are those of the steps, `memory` is shared by scenarios, see `shared`; `run_tasks` does the rows of rasters elsewhere.
    """

    spec: Spec
    input_files: InputFiles
    tables: Mapping[str, pd.DataFrame]
    progress: Progress = lambda fraction, message: None
    keys: Mapping[str, str] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    run_tasks: RunTasks | None = None

    def shared(self, name: str, make: Callable[[], Made], *, needs: Sequence[str], of: Any = None) -> Made:
        """Part of a step that does not depend on all that the step does: made once for scenarios that agree on what it is made from.

        Parameters
        ----------
        name : str
        make : callable
            Its warnings are said each time. What it returns must not be changed.
        needs : sequence of str
            Steps whose tables it reads.
        of : plain data
            All else that it depends on.
        """
        key = digest({"part": name, "needs": [self.keys.get(step) for step in needs], "of": of})
        if key not in self.memory:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", DataWarning)
                made = make()
            self.memory[key] = made, [str(w.message) for w in caught if issubclass(w.category, DataWarning)]
        made, said = self.memory[key]
        for text in said:
            warnings.warn(text, DataWarning, stacklevel=2)
        return made

    @cached_property
    def shapes_from(self) -> dict[str, Any]:
        """What the polygons of the study are made from: what hangs on shapes alone is made once for scenarios that agree on it."""
        return self.made_from(("counties", "region"), SHAPES)

    @cached_property
    def beside_accounting(self) -> str:
        """Digest of all that the account is made from but `[accounting]`, its coefficients and rasters, and the land."""
        files = ("counties", "region", "county_table", "crosswalk", "emissions", "economy")
        return digest(self.made_from(files, ("study.years", "study.crs", "counties", "emissions", "economy", "grid")))

    def _keep(self, name: str, read: Callable[[], Made], *, files: Sequence[str], keys: Sequence[str]) -> Made:
        return self.shared(name, read, needs=(), of=self.made_from(files, keys))

    def made_from(self, files: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
        """Digests of the files of these roles, and values of these keys of ``study.toml``."""
        spec = {path: plain(_look_up(self.spec, path)) for path in keys}
        return {"files": {role: self.input_files.digests(role) for role in files}, "spec": spec}

    @property
    def pieces(self) -> gpd.GeoDataFrame:
        """The counties cut by the finest grid, as `Inputs.pieces`: once for scenarios with the same boundaries and grid."""
        return self.shared("pieces", lambda: self.inputs.pieces, needs=(), of=[self.shapes_from, self.spec.grid.base_km])

    @property
    def inputs(self) -> Inputs:
        """All inputs as canonical objects; refuses bad ones with every problem at once.

        What is to be said of them is said to each step that asks, so that its record is the same whichever step read them first.
        """
        inputs, said = self._inputs_and_warnings
        for text in said:
            warnings.warn(text, DataWarning, stacklevel=2)
        return inputs

    @cached_property
    def _inputs_and_warnings(self) -> tuple[Inputs, list[str]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataWarning)
            inputs = read_inputs(self.spec, self.input_files, self._keep)
        return inputs, list(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, DataWarning)))


def active(steps: Sequence[Step], spec: Spec, until: str | None = None) -> list[Step]:
    """The steps this study has, up to and including `until`."""
    chosen = [step for step in steps if step.when(spec)]
    if until is None:
        return chosen
    names = [step.name for step in chosen]
    return chosen[: names.index(until) + 1]


def step_parts(steps: Sequence[Step], spec: Spec, input_files: InputFiles) -> dict[str, dict[str, Any]]:
    """What each step is made from: version, keys of ``study.toml``, SHA-256 of files, keys of the steps before it. Plain data."""
    parts: dict[str, dict[str, Any]] = {}
    for step in steps:
        parts[step.name] = {
            "step": step.name,
            "version": carbonshed.__version__,
            "spec": {path: plain(_look_up(spec, path)) for path in step.reads},
            "files": {role: input_files.digests(role) for role in step.files},
            "needs": {name: digest(parts[name]) for name in step.needs if name in parts},
        }
    return parts


def step_keys(steps: Sequence[Step], spec: Spec, input_files: InputFiles) -> dict[str, str]:
    """Content key of every step: the SHA-256 of what it is made from."""
    return {name: digest(part) for name, part in step_parts(steps, spec, input_files).items()}


def _look_up(spec: Spec, path: str) -> Any:
    value: Any = spec
    for part in path.split("."):
        value = getattr(value, part, None)
    return value.model_dump() if hasattr(value, "model_dump") else value


def run_step(step: Step, context: Context) -> StepOutput:
    """Run one step, catching its data warnings; errors of the data pass, others become `StepError`."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        warnings.simplefilter("always", DataWarning)
        try:
            output = step.run(context)
        except (CarbonshedError, KeyboardInterrupt):
            raise
        except Exception as error:
            logger.debug("step %s", step.name, exc_info=True)
            raise StepError(step.name, error) from error
    own = [str(w.message) for w in caught if issubclass(w.category, DataWarning)]
    for other in (w for w in caught if not issubclass(w.category, DataWarning)):
        logger.debug("%s: %s", step.name, other.message)
    output.warnings = list(dict.fromkeys([*output.warnings, *own]))
    output.seconds = time.perf_counter() - start
    return output
