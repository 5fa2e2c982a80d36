"""Work in threads: results in the order of the tasks, errors where they belong, few tasks ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.spatial.in_order import in_order, n_threads


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_results_stand_in_the_order_of_the_tasks(waits: list[int], threads: int) -> None:
    done = threading.Event()

    def work(wait: int) -> int:
        done.wait(wait * 1e-4)
        return wait

    assert list(in_order(work, waits, threads=threads)) == waits


def test_tasks_are_taken_only_as_results_are() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(100):
            taken.append(task)
            yield task

    results = in_order(lambda task: task, tasks(), threads=3)
    assert [next(results), next(results)] == [0, 1]
    assert len(taken) == 7
    results.close()  # type: ignore[attr-defined]
    assert len(taken) == 7


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_where_its_result_would_stand(threads: int) -> None:
    results = in_order(lambda task: 6 // task, [1, 2, 0, 3], threads=threads)
    assert [next(results), next(results)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_threads() -> None:
    assert 1 <= n_threads() <= 8
    assert n_threads(5) == 5
    with pytest.raises(InputError, match="at least 1 thread"):
        list(in_order(lambda task: task, [1], threads=0))
