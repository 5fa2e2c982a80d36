"""Which result folders are read: those of our schema, and what is said of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.schema import SCHEMA_VERSION, check_schema

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def test_ours_is_given_back_as_it_is():
    manifest = {"schema_version": SCHEMA_VERSION, "steps": []}
    assert check_schema(manifest, where="m") is manifest


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            SCHEMA_VERSION - 1,
            ("older, written by carbonshed 0.0.9", "copy its study.toml to where the inputs are, and run that", "not converted"),
        ),
        (SCHEMA_VERSION + 1, ("newer, written by carbonshed 0.0.9", "Update carbonshed")),
    ],
)
def test_an_older_and_a_newer_one_say_who_wrote_them_and_what_to_do(version, words):
    with pytest.raises(InputError) as caught:
        check_schema({"schema_version": version, "carbonshed_version": "0.0.9"}, where="old/manifest.json")
    assert all(word in str(caught.value) for word in words) and "old/manifest.json" in str(caught.value)
    assert caught.value.problems[0].code == "schema_version"


@given(st.dictionaries(st.sampled_from(["schema_version", "carbonshed_version", "steps"]), PLAIN) | PLAIN | st.lists(PLAIN))
def test_nothing_but_our_number_passes(manifest):
    stated = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if stated == SCHEMA_VERSION and type(stated) is int:
        assert check_schema(manifest, where="m") is manifest
    else:
        with pytest.raises(InputError, match="schema_version"):
            check_schema(manifest, where="m")
