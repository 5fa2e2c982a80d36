"""Figures of the map behind the zones: titles of its planes."""

import pytest

from carbonshed.present import som_charts


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("built-up land", ["built-up land"]),
        ("normalized revealed comparative advantage, carbon sink", ["normalized revealed comparative", "advantage, carbon sink"]),
        ("net emission density of cells  t CO₂ km⁻² a⁻¹", ["net emission density of cells", "t CO₂ km⁻² a⁻¹"]),
        ("归一化显性比较优势，碳源  t km-2", ["归一化显性比较优势，碳源 t km-2"]),
    ],
)
def test_long_names_of_planes_stand_in_lines(title, lines):
    assert som_charts._in_lines(title, 1.8).split("\n") == lines
