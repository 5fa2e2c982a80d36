"""Pictures of very many cells: each dot has the colour of its cell, and the map looks as it does with outlines."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from carbonshed.present import plates
from carbonshed.present.many_cells import joined_rows, lattice, picture

COLOURS = ["#ff0000", "#00ff00", "#0000ff"]


def squares(rows, columns, side=3000.0, west=-500_000.0, south=2_999_999.5):
    x, y = west + np.asarray(columns) * side, south + np.asarray(rows) * side
    return shapely.box(x, y, x + side, y + side)


places = st.lists(st.tuples(st.integers(-9, 40), st.integers(-9, 40)), min_size=1, max_size=60, unique=True)


@given(places, st.sampled_from([0.1, 1.0, 30_000.0]))
def test_rows_and_columns_are_those_the_squares_were_made_from(cells, side):
    rows, columns = np.array(cells).T
    found = lattice(squares(rows, columns, side))
    assert found is not None and found.side == pytest.approx(side)
    np.testing.assert_array_equal(found.rows, rows - rows.min())
    np.testing.assert_array_equal(found.columns, columns - columns.min())


@given(places)
def test_rectangles_cover_the_ground_of_the_cells(cells):
    rows, columns = np.array(cells).T
    joined = joined_rows(lattice(squares(rows, columns, 1.0, 0.0, 0.0)))
    assert shapely.area(joined).sum() == pytest.approx(len(cells))
    whole = shapely.union_all(squares(rows, columns, 1.0, 0.0, 0.0))
    assert shapely.union_all(joined).symmetric_difference(whole).area == pytest.approx(0.0, abs=1e-9)


@given(places)
def test_each_dot_has_the_colour_of_its_cell(cells):
    rows, columns = np.array(cells).T
    found = lattice(squares(rows, columns))
    colours = [COLOURS[(row + column) % 3] for row, column in cells]
    dots = picture(found, colours)
    assert (dots[..., 3] > 0).sum() == len(cells)
    for row, column, colour in zip(found.rows, found.columns, colours, strict=True):
        assert "#{:02x}{:02x}{:02x}".format(*dots[row, column, :3]) == colour


@pytest.mark.parametrize(
    "shapes",
    [
        [],
        [shapely.box(0, 0, 1, 1), None],
        [shapely.box(0, 0, 1, 1), shapely.box(0.5, 0, 1.5, 1)],
        [shapely.box(0, 0, 1, 1), shapely.box(1, 0, 3, 2)],
        [shapely.box(0, 0, 1, 2)],
        [shapely.Point(0, 0)],
        [shapely.Polygon([(0, 0), (1, 0), (1, 1)])],
    ],
)
def test_other_shapes_are_no_grid(shapes):
    assert lattice(shapes) is None


def test_the_map_looks_as_it_does_with_outlines(monkeypatch):
    rows, columns = np.divmod(np.arange(40 * 40), 40)
    shapes, colours = squares(rows, columns, 1.0, 0.0, 0.0), [COLOURS[i // 7 % 3] for i in range(1600)]
    seen = []
    for limit in (10_000, 100):
        monkeypatch.setattr(plates, "MANY_CELLS", limit)
        figure = Figure(figsize=(4, 4), dpi=100)
        panel = figure.add_axes((0, 0, 1, 1))
        panel.set(xlim=(0, 40), ylim=(0, 40), aspect="equal")
        panel.set_axis_off()
        plates.fill(panel, None, shapes, colours)
        assert len(panel.images) == (limit == 100)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        seen.append(np.asarray(canvas.buffer_rgba())[..., :3].astype(int))
    inner = np.s_[5::10, 5::10]  # the middle of each cell of 10 x 10 dots
    np.testing.assert_array_equal(seen[0][inner], seen[1][inner])
    assert np.abs(seen[0] - seen[1]).max(axis=2).astype(bool).mean() < 0.25  # only dots on borders differ
