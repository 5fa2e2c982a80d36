"""Coefficient files of users."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbonshed.accounting.coefficients import load_coefficients
from carbonshed.checks import InputError
from carbonshed.readers.coefficients import coefficients_from_toml

FOREST = """
base = "china"
[[coefficient]]
land_class = "forest"
side = "sink"
value = 0.0578
unit = "kg C m-2 a-1"
citation = "Fang et al. 2007"
status = "derived"
"""


def test_a_file_becomes_a_set(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FOREST, encoding="utf-8-sig")
    mine = load_coefficients(coefficients_from_toml(path))
    assert mine.name == "mine"
    assert mine.on_side("sink")["forest"] == pytest.approx(0.578 * 44 / 12)
    assert mine.on_side("source")["cropland"] == load_coefficients("china").on_side("source")["cropland"]


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("value = ", encoding="utf-8")
    with pytest.raises(InputError, match="Mend the line"):
        coefficients_from_toml(path)
    with pytest.raises(InputError, match="no file"):
        coefficients_from_toml(tmp_path / "absent.toml")
