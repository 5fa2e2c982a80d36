"""Figures drawn by this process and others beside it: matplotlib draws one at a time in a process.

The others are started anew, not forked, which works on every system and takes none of this process's memory. They write no file: they
give bytes back, and what one of them cannot draw is drawn here, where it fails with its message. They end with their standard input, so
that none is left over however this process ends.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from carbonshed.present.drawn_figure import DrawnFigure, Order, drawn_figure
from carbonshed.present.folder import ResultFolder
from carbonshed.spatial.in_order import n_threads

WORTH_A_PROCESS = 6
"""Figures for each process beside this one: starting it takes as long as drawing three or four."""

MOST_HELPERS = 3

Done = SimpleQueue[tuple[str, DrawnFigure | None]]


def drawn_in_turns(
    result: ResultFolder, order: Order, names: Sequence[str], *, helpers: int | None = None
) -> Generator[tuple[str, DrawnFigure]]:
    """Each figure with its name, in the order in which they are finished; the bytes do not depend on who draws.

    Parameters
    ----------
    result : ResultFolder
        On the page of the order.
    order : Order
    names : sequence of str
    helpers : int, optional
        Processes beside this one; None: one for each further core, if there is enough to draw.

    Raises
    ------
    InputError
        As `drawn_figure`.
    """
    if helpers is None:
        helpers = min(n_threads() - 1, len(names) // WORTH_A_PROCESS, MOST_HELPERS)
    left, done = deque(names), Done()
    with ExitStack() as stack:
        for _ in range(helpers if sys.executable else 0):
            stack.enter_context(_helper(result, order, left, done))
        for _ in names:
            yield _next(result, order, left, done)


def _next(result: ResultFolder, order: Order, left: deque[str], done: Done) -> tuple[str, DrawnFigure]:
    """A figure that another has finished, or else one that is drawn here."""
    while True:
        if done.empty() and (name := _take(left)):
            return name, drawn_figure(result, order, name)
        name, figure = done.get()
        if figure is not None:
            return name, figure
        left.append(name)  # it could not be drawn there


def _take(left: deque[str]) -> str:
    """The next name, which is nobody else's from now on; empty where there is none."""
    try:
        return left.popleft()
    except IndexError:
        return ""


@contextmanager
def _helper(result: ResultFolder, order: Order, left: deque[str], done: Done) -> Iterator[None]:
    """Within the block another process draws names that are left."""
    code = f"from {__name__} import serve; serve()"
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,  # Ctrl-C is for this process, which then ends that one
    ) as process:
        assert process.stdin is not None
        teller = Thread(target=_hand_over, args=(process, (result.path, order), left, done), daemon=True)
        teller.start()
        try:
            yield
        finally:
            process.kill()
            teller.join()
            with suppress(OSError):  # what it did not read any more
                process.stdin.close()


def _hand_over(process: subprocess.Popen[bytes], job: Any, left: deque[str], done: Done) -> None:
    """Give names to the process one by one, and what comes back to `done`; None where nothing does."""
    assert process.stdin is not None and process.stdout is not None
    name = ""
    try:
        _send(process.stdin, job)
        while name := _take(left):
            _send(process.stdin, name)
            done.put((name, pickle.load(process.stdout)))
            name = ""
    except (OSError, EOFError, pickle.UnpicklingError):
        pass  # it has ended
    finally:
        if name:
            done.put((name, None))


def _send(stream: Any, value: object) -> None:
    pickle.dump(value, stream)
    stream.flush()


def serve() -> None:
    """What another process does: draw the names that come in, until there are no more or whoever sends them is gone."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    jobs: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(jobs,), daemon=True).start()
    path, order = jobs.get()
    result = ResultFolder(path).on(order.page)
    while True:
        name = jobs.get()
        try:
            figure: DrawnFigure | None = drawn_figure(result, order, name)
        except Exception:  # it is drawn where the error can be told
            figure = None
        _send(out, figure)


def _receive(jobs: SimpleQueue[Any]) -> None:
    """Enter what comes in; at its end the process ends, whatever it is busy with."""
    with suppress(EOFError, OSError):
        while True:
            jobs.put(pickle.load(sys.stdin.buffer))
    os._exit(0)
