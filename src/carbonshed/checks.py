"""Exceptions and the one shape of a message: expected, got, where, how to mend.

Nothing in the package raises a bare ``ValueError`` at a user. What is wrong with an input is a `Problem`; a function that
meets one raises `InputError`, and ``carbonshed check`` collects all of them before anything is computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Severity = Literal["error", "warning"]

MAX_EXAMPLES = 5


def examples(values: Iterable[object], limit: int = MAX_EXAMPLES) -> str:
    """Join at most `limit` values for a message; the number left off is said.

    >>> examples([1, 2, 3, 4, 5, 6, 7])
    '1, 2, 3, 4, 5 and 2 more'
    """
    shown = [str(value) for value in values]
    rest = len(shown) - limit
    text = ", ".join(shown[:limit])
    return f"{text} and {rest} more" if rest > 0 else text


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None where nothing is close."""
    found = get_close_matches(str(name), [str(item) for item in known], n=1, cutoff=0.5)
    return found[0] if found else None


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input, in the one shape that every message has.

    Parameters
    ----------
    code : str
        A short stable name, e.g. ``"unknown_class"``; for programs.
    expected, got, where, fix : str
        What should have been there, what was there, in which file, key or column, and the one or two ways to mend it.
    severity : {"error", "warning"}
        A warning does not stop a run.
    """

    code: str
    expected: str
    got: str
    where: str
    fix: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}; got {self.got}. {self.fix}"

    def as_dict(self) -> dict[str, str]:
        """The problem as plain data, for ``--json``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
            "fix": self.fix,
        }


class CarbonshedError(Exception):
    """Base of all errors of this package."""


class InputError(CarbonshedError, ValueError):
    """A study or its data cannot be used as they are; carries every `Problem` that was found."""

    def __init__(self, problems: Problem | Sequence[Problem]):
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConservationError(CarbonshedError):
    """A total changed in a transfer that must keep it."""


class DataWarning(UserWarning):
    """Something in the data that a reader of the result must know, but that does not stop the run."""


def refuse(code: str, *, expected: str, got: str, where: str, fix: str) -> InputError:
    """An `InputError` of one problem, to be raised: ``raise refuse("negative", expected=..., ...)``."""
    return InputError(Problem(code, expected, got, where, fix))


def warn(message: str) -> None:
    """Warn with `DataWarning`; the pipeline records these in the manifest and the report."""
    warnings.warn(message, DataWarning, stacklevel=3)


def choose(value: str, options: Iterable[str], *, where: str) -> str:
    """Return `value` if it is one of `options`; otherwise refuse it and name the nearest.

    >>> choose("exact", ["centre", "exact"], where="coverage")
    'exact'
    """
    known = list(options)
    if value in known:
        return value
    near = nearest(value, known)
    hint = f"Did you mean {near!r}?" if near else f"Use one of {', '.join(known)}."
    raise refuse("unknown_option", expected=f"one of {', '.join(known)}", got=repr(value), where=where, fix=hint)


def check_columns(have: Iterable[object], need: Iterable[str], *, where: str) -> None:
    """Refuse a frame that lacks a column, naming all that are missing and the nearest names present."""
    present = [str(column) for column in have]
    missing = [column for column in need if column not in present]
    if not missing:
        return
    hints = [f"{column!r} might be {near!r}" for column in missing if (near := nearest(column, present))]
    fix = f"Add or rename the column{'s' if len(missing) > 1 else ''}" + (f" ({'; '.join(hints)})." if hints else ".")
    raise refuse("missing_column", expected=f"columns {', '.join(missing)}", got=f"columns {examples(present, 12)}", where=where, fix=fix)


def check_conserved(before: float, after: float, *, what: str, tolerance: float = 1e-9) -> float:
    """Relative difference of a total before and after a transfer: ``|after - before| / |before|``.

    Raises
    ------
    ConservationError
        If it is above `tolerance` (default 1e-9).
    """
    scale = max(abs(before), abs(after))
    error = 0.0 if scale == 0 else abs(after - before) / scale
    if not error <= tolerance:
        raise ConservationError(f"{what}: the total was {before!r} before and {after!r} after, relative error {error:.3g} > {tolerance:g}.")
    return error
