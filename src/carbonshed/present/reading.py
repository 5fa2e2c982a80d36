"""What of a result was read, so that a figure is drawn again when, and only when, something that it was drawn from has changed.

Nothing is declared: a result notes every table and every entry of its manifest that it hands out, and what a kept value was computed from
counts for each who asks for that value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Noting:
    """Notes the names of what is read of it, and keeps what was computed together with the names it was computed from."""

    def __init__(self) -> None:
        self._noted: set[str] = set()
        self._kept: dict[str, tuple[Any, frozenset[str]]] = {}

    def note(self, name: str) -> None:
        """Enter that what has this name was read."""
        self._noted.add(name)

    @contextmanager
    def reading(self) -> Iterator[set[str]]:
        """Within the block, what is read is entered in the set that it gives."""
        before, self._noted = self._noted, set()
        try:
            yield self._noted
        finally:
            before |= self._noted
            self._noted = before

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """What `compute` gives, computed once and kept under that name.

        Examples
        --------
        >>> asked = Noting()
        >>> def sides():
        ...     asked.note("table zones")
        ...     return 4
        >>> asked.once("sides", sides)
        4
        >>> with asked.reading() as names:
        ...     _ = asked.once("sides", sides)
        >>> names
        {'table zones'}
        """
        if name not in self._kept:
            with self.reading() as names:
                value = compute()
            self._kept[name] = value, frozenset(names)
        value, noted = self._kept[name]
        self._noted |= noted
        return value


class kept(Generic[T]):
    """A property of a `Noting` that is computed once."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __get__(self, owner: Noting, kind: type) -> T:
        return owner.once(self.compute.__name__, lambda: self.compute(owner))
