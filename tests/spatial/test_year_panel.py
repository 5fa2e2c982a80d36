"""Long frames as panels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.year_panel import known_panel, year_panel

FRAME = pd.DataFrame({"year": [2010, 2000, 2000, 2010], "t": [2.0, 1, 3, 4]}, index=["b", "b", "a", "a"])


def test_by_hand():
    panel = year_panel(FRAME, where="test")
    assert panel.units.tolist() == ["b", "a"]
    assert panel.years.tolist() == [2000, 2010]
    assert panel.rows.tolist() == [[1, 0], [2, 3]]
    table, known = known_panel(FRAME, "t", panel="strict", where="test")[1:]
    assert table.tolist() == [[1, 2], [3, 4]] and known.all()


@given(st.permutations(range(6)))
def test_order_of_rows_moves_units_only(order):
    frame = pd.DataFrame({"year": [1, 2, 3] * 2, "t": np.arange(6.0)}, index=list("aaabbb")).iloc[list(order)]
    panel, table, _ = known_panel(frame, "t", panel="strict", where="test")
    assert table[list(panel.units).index("a")].tolist() == [0, 1, 2]


def test_missing_units_are_listed_or_refused():
    hole = FRAME.iloc[:3]
    with pytest.raises(InputError, match=r"none for a \(2010\).*panel = .drop."):
        known_panel(hole, "t", panel="strict", where="test")
    with pytest.warns(DataWarning, match=r"1 of 2 units have no t in some year and are left out of all: a \(2010\)"):
        assert known_panel(hole, "t", panel="drop", where="test")[2].tolist() == [True, False]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.drop(columns="year"), "columns year"),
        (FRAME.assign(year=[2010, 2000, np.nan, 2010]), "a year in each row"),
        (FRAME.assign(year=[2010, 2000, 2000.5, 2010]), "a year in each row"),
        (FRAME.assign(year=2000), "each unit once a year; got b in 2000, a in 2000"),
        (FRAME.assign(t="x"), "numbers in t"),
        (FRAME.assign(t=np.inf), "finite values"),
    ],
)
def test_refusals(frame, message):
    with pytest.raises(InputError, match=message):
        known_panel(frame, "t", panel="strict", where="test")
