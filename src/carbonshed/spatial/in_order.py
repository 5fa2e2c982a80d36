"""Work in threads whose results come in the order of the tasks, a few tasks ahead: the order of sums never depends on the threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from carbonshed.checks import refuse

Task = TypeVar("Task")
Result = TypeVar("Result")

MOST_THREADS = 8
"""Threads that are taken where none are asked for: decoding seldom gains from more."""


def n_threads(threads: int | None = None) -> int:
    """The number of threads asked for, else one a core that this process may use, at most 8.

    Raises
    ------
    InputError
        If it is below 1.

    Examples
    --------
    >>> n_threads(3)
    3
    """
    if threads is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, MOST_THREADS)
    if threads < 1:
        raise refuse("threads", expected="at least 1 thread", got=str(threads), where="threads", fix="Leave it out: one a core.")
    return int(threads)


def in_order(work: Callable[[Task], Result], tasks: Iterable[Task], *, threads: int | None = None) -> Iterator[Result]:
    """``work(task)`` of each task, in the order of the tasks, computed in threads at most one task a thread ahead.

    Parameters
    ----------
    work : callable
        Must not touch what other tasks touch. It runs side by side only where it leaves the interpreter (GDAL, numba without gil).
    tasks : iterable
        Taken from as results are; at most ``2 threads`` are begun and not yet handed over, which bounds memory.
    threads : int, optional
        One a core that this process may use, at most 8; with 1 no thread is begun.

    Raises
    ------
    InputError
        If `threads` is below 1. What `work` raises is raised where its result would stand; what was not begun is not.

    Examples
    --------
    >>> list(in_order(lambda n: n * n, [3, 1, 2], threads=2))
    [9, 1, 4]
    """
    count = n_threads(threads)
    if count == 1:
        yield from map(work, tasks)
        return
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(count)
    try:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) >= 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
