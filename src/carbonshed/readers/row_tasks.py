"""One pass over rasters as tasks that any thread, process or machine can do: some rows in, a small table out, the order of sums fixed.

A task names files, bands and rows and carries what the polygons cut there; `tabulate_rows` is a pure function of it. A table is that of
one strip, and strips depend on the raster alone, not on how they are dealt out to tasks. `join_tables` is associative and commutative:
it sorts, and adds nothing up. The sum is taken once, in the order of the strips, so that every way of working gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from rasterio.windows import Window

from carbonshed.readers.rasters import Handles, read_pixels
from carbonshed.spatial.in_order import in_order
from carbonshed.spatial.land_area import Block, Progress, StripTable, Zones

Made = TypeVar("Made", covariant=True)

Recode = Callable[[Iterable[Block]], Iterable[Block]]
"""Makes the layers that are tabulated from those that are read, strip by strip; picklable."""


@dataclass(frozen=True)
class RowTask:
    """Some strips of the rasters of one geobox; picklable.

    Parameters
    ----------
    group : int
        Which geobox.
    layers : sequence of (path, band)
        One a year.
    left, top : int
        First column and row of the window in the file.
    strips : sequence of (first row, row after the last)
        In the window.
    zones : Zones
        With the edges that reach into these rows.
    recode : Recode, optional
        Applied to the layers as they are read.
    """

    group: int
    layers: Sequence[tuple[Path, int]]
    left: int
    top: int
    strips: Sequence[tuple[int, int]]
    zones: Zones
    recode: Recode | None = None


class RowWork(Protocol[Made]):
    """A plan whose tasks may be done anywhere: `LandAreaPlan`, `LandChangePlan`."""

    @property
    def n_strips(self) -> int:
        """Strips of all its tasks."""

    def tasks(self, *, strips_at_once: int = 1) -> Iterator[RowTask]:
        """All tasks in order, each of at most so many strips."""

    def finish(self, tables: Iterable[StripTable], *, progress: Progress | None = None) -> Made:
        """The result from the tables of all strips, in order."""


RunTasks = Callable[[RowWork[Any], Progress | None], Iterable[StripTable]]
"""How the tasks of a plan are done: the tables of all its strips, in order; progress is said as tasks end."""


def finished(
    plan: RowWork[Made], *, threads: int | None = None, run_tasks: RunTasks | None = None, progress: Progress | None = None
) -> Made:
    """The result of a plan whose tasks are done in threads here, or by `run_tasks` wherever it does them."""
    if run_tasks is not None:
        return plan.finish(run_tasks(plan, progress))
    with Handles() as handles:
        tables = in_order(partial(tabulate_rows, handles=handles), plan.tasks(), threads=threads)
        return plan.finish(chain.from_iterable(tables), progress=progress)


def row_tasks(
    zones: Zones,
    layers: Sequence[tuple[Path, int]],
    *,
    group: int,
    left: int,
    top: int,
    strips: Sequence[tuple[int, int]],
    strips_at_once: int = 1,
    recode: Recode | None = None,
) -> Iterator[RowTask]:
    """The tasks of one geobox, in order, each of at most `strips_at_once` strips; made as they are asked for."""
    for k in range(0, len(strips), strips_at_once):
        some = strips[k : k + strips_at_once]
        yield RowTask(group, layers, left, top, some, zones.between(some[0][0], some[-1][1]), recode)


def tabulate_rows(task: RowTask, *, handles: Handles | None = None) -> list[StripTable]:
    """The tables of a task's strips, in order: reads each strip of each layer once, on the thread that calls.

    Parameters
    ----------
    task : RowTask
    handles : Handles, optional
        Files that are already open; without it they are opened and closed.
    """
    if handles is None:
        with Handles() as own:
            return tabulate_rows(task, handles=own)
    tables = []
    for begin, end in task.strips:
        window = Window(task.left, task.top + begin, task.zones.width, end - begin)
        layers = _layers(handles, task.layers, window)
        table = task.zones.tabulate((begin, layers if task.recode is None else task.recode(layers)))
        tables.append(replace(table, group=task.group))
    return tables


def join_tables(*parts: Iterable[StripTable]) -> list[StripTable]:
    """Tables of several tasks as one list in the order of geoboxes and strips, for a tree reduction.

    Examples
    --------
    >>> import numpy as np
    >>> empty = np.zeros((1, 0, 3))
    >>> a, b, c = ([StripTable(0, top, 2, np.zeros(0, np.int32), empty, empty, empty, empty, {})] for top in (4, 0, 2))
    >>> [table.top for table in join_tables(join_tables(a, b), c)]
    [0, 2, 4]
    """
    return sorted((table for part in parts for table in part), key=lambda table: (table.group, table.top))


def _layers(handles: Handles, layers: Sequence[tuple[Path, int]], window: Any) -> Iterator[Block]:
    for path, band in layers:
        yield cast(Block, read_pixels(handles(path), band, window=window))
