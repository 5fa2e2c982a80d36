"""Tasks of a run on a Dask cluster: processes of this machine, or the workers of a scheduler. The one place that knows Dask.

Only rows of rasters travel: tasks out, small tables back, joined eight at a time on the workers and once more here. What is added up
is added up here, in the order of the strips, so that a result is the same bytes on any number of workers.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from carbonshed.checks import CarbonshedError, InputError, examples, refuse
from carbonshed.readers.row_tasks import RowTask, RowWork, join_tables, tabulate_rows
from carbonshed.spatial.land_area import Progress, StripTable

RETRIES = 3
"""Times a task that failed is tried again; one whose worker died is given to another."""

FOLD = 8
"""Tables joined by one task of the tree."""

STRIPS_AT_ONCE = 8
TASKS_PER_WORKER = 4
"""A task is at most so many strips, and fewer where workers would have fewer tasks than this."""

FIRST_WORKER_S = 600.0
"""How long the first worker of a scheduler is waited for (it may stand in a queue)."""

NO_WORKER_S = 60.0
"""How long a run goes on without any worker."""

POLL_S = 0.5

SAME = ("carbonshed", "numpy", "numba", "distributed")
"""Packages whose version must be that of the workers, for the same bytes."""

INSTALL = 'Install it here and on the workers: pip install "carbonshed[cluster]".'


class ClusterError(CarbonshedError):
    """The cluster cannot go on; what was finished is kept, and the run is gone on with by running it again."""


class Cluster:
    """Does the tasks of a plan on a Dask cluster; for ``run_tasks`` of `tabulate_land_area` and of `Study.run`.

    Nothing is begun before there is something to do. Leaving the block cancels what is not done and ends the workers that it began.

    Parameters
    ----------
    workers : int, optional
        Begin so many processes of this machine, of one thread each.
    scheduler : str, optional
        Or take the workers of the Dask scheduler at this address, e.g. ``tcp://node1:8786``.

    Raises
    ------
    InputError
        If not one of both is given, Dask is not installed, the workers have other versions, or they do not see a raster.
    ClusterError
        If the scheduler cannot be reached or all workers are gone.

    Examples
    --------
    >>> with Cluster(workers=2) as run_tasks:  # doctest: +SKIP
    ...     area = tabulate_land_area({2020: "clcd_2020.tif"}, counties, run_tasks=run_tasks)
    """

    def __init__(self, *, workers: int | None = None, scheduler: str | None = None):
        if (workers is None) == (scheduler is None):
            got = "both" if workers is not None else "neither"
            raise refuse("workers", expected="a number of workers or a scheduler", got=got, where="cluster", fix="Give one of them.")
        if workers is not None and workers < 1:
            raise refuse(
                "workers", expected="at least 1 worker", got=str(workers), where="workers", fix="Leave it out: threads, no cluster."
            )
        self._dask = _distributed()
        self._workers, self._scheduler = workers, scheduler
        self._local: Any = None
        self._client: Any = None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._client is not None:
            with suppress(TimeoutError):  # on a busy machine: what was computed is whole
                self._client.close(timeout=2 if kind is None else 0.2)  # the scheduler forgets the tasks of a client that is gone
        if self._local is not None:
            with suppress(TimeoutError):
                self._local.close(timeout=5 if kind is None else 0.2)  # its processes end with this one in any case

    def __call__(self, work: RowWork[Any], progress: Progress | None = None) -> list[StripTable]:
        """Tables of all strips of a plan, in order."""
        say = progress or (lambda fraction, message: None)
        with self._told():
            if self._client is None:
                say(0.0, "waiting for workers")
                self._client = self._begun()
            n_workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
            at_once = max(min(STRIPS_AT_ONCE, work.n_strips // (TASKS_PER_WORKER * n_workers)), 1)
            tasks = [_with_whole_paths(task) for task in work.tasks(strips_at_once=at_once)]
            _check_seen(self._client, _sizes(tasks))
            return self._tables(tasks, say)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What Dask raises about workers and connections, as `ClusterError`."""
        fix = "What was finished is kept: run again to go on."
        try:
            yield
        except CarbonshedError:
            raise
        except self._dask.KilledWorker as error:
            text = f"a task ended its worker {RETRIES + 1} times (too little memory?): {error}"
            raise ClusterError(f"cluster {self._name}: {text}. {fix}") from error
        except (OSError, TimeoutError, self._dask.comm.CommClosedError, *_cancelled(self._dask)) as error:
            raise ClusterError(f"cluster {self._name}: {type(error).__name__}: {error}. {fix}") from error

    @property
    def _name(self) -> str:
        return self._scheduler or f"of {self._workers} processes"

    def _begun(self) -> Any:
        """A client whose cluster has a worker and the versions of this process."""
        if self._workers is not None:
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            options = {"threads_per_worker": 1, "processes": True, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
            self._local = self._dask.LocalCluster(n_workers=self._workers, **options)
        client = self._dask.Client(self._local or self._scheduler, set_as_default=False)
        try:
            _wait_for_worker(client, FIRST_WORKER_S, self._name)
            _check_versions(client)
        except BaseException:
            client.close(timeout=0.2)
            raise
        return client

    def _tables(self, tasks: Sequence[RowTask], say: Progress) -> list[StripTable]:
        client = self._client
        sizes = _sizes(tasks)
        leaves = [client.submit(_tabulated, task, sizes, pure=False, retries=RETRIES) for task in tasks]
        level = leaves
        try:
            while len(level) > FOLD:  # joining adds nothing up: any tree gives the same list
                parts = [level[k : k + FOLD] for k in range(0, len(level), FOLD)]
                level = [client.submit(_joined, part, pure=False, retries=RETRIES) for part in parts]
            self._watch(leaves, say)
            self._watch(level, lambda fraction, message: None)
            return join_tables(*client.gather(level))
        except BaseException:
            client.cancel([*leaves, *level], asynchronous=True, force=True)
            raise

    def _watch(self, futures: Sequence[Any], say: Progress) -> None:
        """Wait until all are done; a failure is raised at once, and so is being without a worker or scheduler."""
        last_worker = time.monotonic()
        while True:
            done = 0
            for future in futures:
                if future.status in ("error", "cancelled"):  # what is lost with its worker is made again
                    future.result(timeout=10)  # raises
                    raise ClusterError(f"cluster {self._name}: the scheduler lost a task. Run again to go on.")
                done += future.status == "finished"
            say(done / len(futures), f"{done} of {len(futures)} tasks on the cluster")
            if done == len(futures):
                return
            if self._client.status != "running":
                raise ClusterError(f"cluster {self._name}: the scheduler is gone. What was finished is kept: run again to go on.")
            now = time.monotonic()
            if self._client.scheduler_info(n_workers=-1)["workers"]:
                last_worker = now
            elif now - last_worker > NO_WORKER_S:
                text = f"all workers are gone, for {NO_WORKER_S:g} s"
                raise ClusterError(f"cluster {self._name}: {text}. What was finished is kept: run again to go on.")
            time.sleep(POLL_S)


def _distributed() -> ModuleType:
    """Dask's package, or how to get it."""
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise refuse(
            "no_dask", expected="Dask (the extra 'cluster')", got=str(error), where="--workers, --scheduler", fix=INSTALL
        ) from error


def _cancelled(dask: ModuleType) -> tuple[type[BaseException], ...]:
    found = getattr(dask.client, "FutureCancelledError", None), getattr(dask, "CancelledError", None)
    return tuple(each for each in found if each is not None)


def _wait_for_worker(client: Any, seconds: float, name: str) -> None:
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError as error:
        raise ClusterError(f"cluster {name}: no worker came in {seconds:g} s.") from error


def _check_versions(client: Any) -> None:
    """The same bytes need the same code: refuse workers with other versions, naming them."""
    told = client.get_versions(check=False, packages=["carbonshed", "numba"])
    here = _versions(told["client"])
    wrong = []
    for worker, said in told["workers"].items():
        there = _versions(said)
        wrong += [f"{name} {there[name]} on {worker}, {here[name]} here" for name in here if there[name] != here[name]]
    if wrong:
        fix = f"Give the workers the environment of this process. {INSTALL}"
        raise refuse("other_version", expected="the same versions on all workers", got=examples(wrong), where="cluster", fix=fix)


def _versions(said: Any) -> dict[str, str]:
    packages = said["packages"]
    python = ".".join(str(packages["python"]).split(".")[:2])
    return {"python": python, **{name: str(packages.get(name) or "missing") for name in SAME}}


def _with_whole_paths(task: RowTask) -> RowTask:
    """Workers stand in other folders."""
    return replace(task, layers=[(Path(path).absolute(), band) for path, band in task.layers])


def _sizes(tasks: Sequence[RowTask]) -> dict[str, int]:
    """Bytes of every raster, as seen from here."""
    paths = dict.fromkeys(path for task in tasks for path, _ in task.layers)
    return {str(path): path.stat().st_size for path in paths}


def _check_seen(client: Any, sizes: dict[str, int]) -> None:
    """Refuse workers that do not see the rasters as they are here, naming file and worker."""
    unseen = client.run(_unseen, sizes, on_error="return")  # one that leaves meanwhile is not asked
    wrong = [f"{got} on {worker}" for worker, found in unseen.items() if isinstance(found, list) for got in found]
    if wrong:
        raise _refuse_unseen(wrong)


def _refuse_unseen(wrong: Sequence[str]) -> InputError:
    fix = "Put the data on storage that all workers share, at the same path, e.g. a network file system."
    return refuse("unseen_file", expected="workers that see the rasters as they are here", got=examples(wrong), where="cluster", fix=fix)


def _unseen(sizes: dict[str, int]) -> list[str]:
    """Which of these files are not here, or have another size; done on a worker."""
    found = []
    for path, size in sizes.items():
        try:
            here = os.stat(path).st_size  # noqa: PTH116
        except OSError as error:
            found.append(f"{path}: {error.strerror or error}")
            continue
        if here != size:
            found.append(f"{path}: {here} bytes instead of {size}")
    return found


def _tabulated(task: RowTask, sizes: dict[str, int]) -> list[StripTable]:
    """Tables of a task, done on a worker."""
    paths = {str(path) for path, _ in task.layers}
    wrong = _unseen({path: size for path, size in sizes.items() if path in paths})
    if wrong:
        # first, as an item of its own: no long path and no long list may push it out of the message
        raise _refuse_unseen([f"on {socket.gethostname()}, process {os.getpid()}", *wrong])
    return tabulate_rows(task)


def _joined(parts: Sequence[Sequence[StripTable]]) -> list[StripTable]:
    """Lists of tables as one, done on a worker."""
    return join_tables(*parts)
