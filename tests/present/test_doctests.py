from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "chart_plates", "display", "figures", "findings", "fonts", "graticule", "headings", "presets", "scale_charts", "som_charts", "style",
    "unit_charts", "words",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_hold(name):
    result = doctest.testmod(importlib.import_module(f"carbonshed.present.{name}"))
    assert result.attempted > 0 and result.failed == 0
