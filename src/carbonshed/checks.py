"""Exceptions and the one shape of a message: expected, got, where, how to mend.

Nothing in the package raises a bare ``ValueError`` at a user. What is wrong with an input is a `Problem`; a function that
meets one raises `InputError`, and ``carbonshed check`` collects all of them before anything is computed.
"""

from __future__ import annotations

import json
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from posixpath import commonprefix
from typing import Literal

Severity = Literal["error", "warning"]

MAX_EXAMPLES = 5
MAX_EXAMPLE = 120
MAX_MESSAGE = 2000
"""Most characters of one example, and of one part of a message."""

MAX_COMPARED = 200
"""Names longer than this are not compared for likeness, which takes the square of the length."""

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that a terminal obeys instead of showing: controls, marks of direction, lone surrogates, line separators."""

JOINERS = "\u200c\u200d"
"""Hold letters and emoji together; they are left."""


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with every character that a terminal would obey shown by its code; a hostile name cannot fake or hide a line.

    Parameters
    ----------
    text : str
    keep : str
        Characters left as they are, e.g. line ends between sentences of our own.

    Examples
    --------
    >>> print(visible("a\x1b[2Jb\u202ec"))
    a\u001b[2Jb\u202ec
    """
    if text.isascii() and text.isprintable():
        return text
    left = {*keep, *JOINERS}
    return "".join(json.dumps(letter)[1:-1] if letter not in left and unicodedata.category(letter) in HIDDEN else letter for letter in text)


def shortened(text: str, limit: int = MAX_EXAMPLE) -> str:
    """At most `limit` characters of a text; how many were left off is said.

    >>> shortened("abcdefgh", 3)
    'abc... (8 characters)'
    """
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def examples(values: Iterable[object], limit: int = MAX_EXAMPLES) -> str:
    """Join at most `limit` values for a message; the number left off is said.

    >>> examples([1, 2, 3, 4, 5, 6, 7])
    '1, 2, 3, 4, 5 and 2 more'
    """
    shown = [shortened(str(value)) for value in values]
    rest = len(shown) - limit
    text = ", ".join(shown[:limit])
    return f"{text} and {rest} more" if rest > 0 else text


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None where nothing is close; of three that are close the one that begins like it.

    >>> nearest("zones", ["counties", "zoning"])
    'zoning'
    """
    if len(str(name)) > MAX_COMPARED:
        return None
    found = get_close_matches(str(name), [text for item in known if len(text := str(item)) <= MAX_COMPARED], n=3, cutoff=0.5)

    def begins_alike(text: str) -> int:
        shared = commonprefix([text.lower(), str(name).lower()])
        return len(shared) if shared.replace("_", "").isalpha() else 0  # codes of counties all begin alike

    return max(found, key=begins_alike, default=None)


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

    def __post_init__(self) -> None:
        for each in fields(self):
            text = getattr(self, each.name)
            object.__setattr__(self, each.name, shortened(visible(text), MAX_MESSAGE))

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}; got {self.got}. {self.fix}"

    def names(self, file: str) -> bool:
        """Whether the message gives the name of this file."""
        return visible(file) in str(self)

    def within(self, file: str) -> Problem:
        """The same problem, in this file."""
        return replace(self, where=f"{file}, {self.where}" if self.where else file)

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

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)  # its problems go with it to another process


class FolderError(InputError):
    """A folder cannot be written, or another run is writing it; nothing in it was changed."""


class ConservationError(CarbonshedError):
    """A total changed in a transfer that must keep it."""


class DataWarning(UserWarning):
    """Something in the data that a reader of the result must know, but that does not stop the run."""


def refuse(code: str, *, expected: str, got: str, where: str, fix: str) -> InputError:
    """An `InputError` of one problem, to be raised: ``raise refuse("negative", expected=..., ...)``."""
    return InputError(Problem(code, expected, got, where, fix))


@contextmanager
def in_file(name: str) -> Iterator[None]:
    """Every problem raised inside the block names this file."""
    try:
        yield
    except InputError as error:
        if all(problem.names(name) for problem in error.problems):
            raise
        raise InputError([problem if problem.names(name) else problem.within(name) for problem in error.problems]) from error


def warn(message: str) -> None:
    """Warn with `DataWarning`; the pipeline records these in the manifest and the report."""
    warnings.warn(visible(message), DataWarning, stacklevel=3)


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


def check_name(path: object, *, where: str) -> None:
    """Refuse a path whose bytes are no UTF-8: of the libraries that read maps and tables, none takes it.

    Raises
    ------
    InputError
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        fix = "Rename the file or folder."
        raise refuse("not_utf8", expected="a name in UTF-8", got=str(path), where=where, fix=fix) from error


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
    """Relative difference of a total before and after a transfer: ``|after - before| / |before|``; 0 between totals below 2e-308.

    Raises
    ------
    ConservationError
        If it is above `tolerance` (default 1e-9).
    """
    scale = max(abs(before), abs(after))
    error = 0.0 if scale < sys.float_info.min else abs(after - before) / scale  # so small, numbers have no digits to lose
    if not error <= tolerance:
        raise ConservationError(f"{what}: the total was {before!r} before and {after!r} after, relative error {error:.3g} > {tolerance:g}.")
    return error
