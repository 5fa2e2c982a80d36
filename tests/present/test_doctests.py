from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ("display", "figures", "findings", "fonts", "style", "words")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_hold(name):
    result = doctest.testmod(importlib.import_module(f"carbonshed.present.{name}"))
    assert result.attempted > 0 and result.failed == 0
