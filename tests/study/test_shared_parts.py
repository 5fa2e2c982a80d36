"""Parts of steps that scenarios share: made once for what they are made from, warnings said each time."""

from __future__ import annotations

import warnings
from typing import Any, cast

import pytest

from carbonshed.checks import DataWarning, warn
from carbonshed.study.pipeline import Context


def context(keys: dict[str, str], memory: dict[str, Any]) -> Context:
    return Context(cast(Any, None), cast(Any, None), {}, keys=keys, memory=memory)


def test_made_once_and_its_warnings_said_each_time():
    made, memory = [], {}

    def make() -> str:
        made.append(1)
        warn("two islands")
        return "table"

    for keys in ({"accounts": "k", "compensation": "at 100"}, {"accounts": "k", "compensation": "at 120"}):
        with pytest.warns(DataWarning, match="two islands") as said:
            assert context(keys, memory).shared("part", make, needs=("accounts",), of={"seed": 1}) == "table"
        assert len(said) == 1
    assert len(made) == 1


@pytest.mark.parametrize("change", ["name", "keys", "of", "step"])
def test_made_anew_where_what_it_is_made_from_differs(change):
    memory: dict[str, Any] = {}
    first = context({"accounts": "a", "scale": "s"}, memory).shared("part", lambda: 1, needs=("accounts",), of=[1, 2])
    other = context({"accounts": "b" if change == "keys" else "a", "scale": "s"}, memory)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = other.shared(
            "other" if change == "name" else "part",
            lambda: 2,
            needs=("accounts", "scale") if change == "step" else ("accounts",),
            of=[2, 1] if change == "of" else [1, 2],
        )
    assert (first, again) == (1, 2)
