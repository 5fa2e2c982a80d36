"""Aggregation by kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonshed.checks import InputError
from carbonshed.spatial.aggregate import aggregate


@pytest.fixture
def cells() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "county": ["b", "a", "b", "a"],
            "area_km2": [1.0, 3.0, 1.0, 1.0],
            "carbon_sink": [5.0, 6.0, 7.0, np.nan],
            "density": [4.0, 8.0, 1.0, 4.0],
            "zone": ["y", "x", "x", "x"],
        }
    )


KINDS = {"carbon_sink": "extensive", "density": "intensive", "zone": "categorical"}
WEIGHTS = {"density": "area_km2"}


def test_each_kind_by_hand(cells: pd.DataFrame) -> None:
    result = aggregate(cells, "county", kinds=KINDS, weights=WEIGHTS)
    assert list(result.index) == ["b", "a"]
    assert list(result.columns) == ["carbon_sink", "density", "zone", "zone_share"]
    assert result.loc["b", "carbon_sink"] == 12.0
    assert np.isnan(result.loc["a", "carbon_sink"])
    assert result["density"].tolist() == [2.5, 7.0]
    assert result["zone"].tolist() == ["x", "x"]  # b: a tie between x and y goes to the lower code
    assert result["zone_share"].tolist() == [0.5, 1.0]


def test_the_known_alone_only_when_asked(cells: pd.DataFrame) -> None:
    result = aggregate(cells, "county", kinds={"carbon_sink": "money"}, skipna=True)
    assert result["carbon_sink"].tolist() == [12.0, 6.0]
    unknown = cells.assign(carbon_sink=np.nan)
    assert aggregate(unknown, "county", kinds={"carbon_sink": "money"}, skipna=True)["carbon_sink"].isna().all()
    density = cells.assign(density=[np.nan, 8.0, 1.0, 4.0])
    assert np.isnan(aggregate(density, "county", kinds={"density": "intensive"}, weights=WEIGHTS).loc["b", "density"])
    assert aggregate(density, "county", kinds={"density": "intensive"}, weights=WEIGHTS, skipna=True).loc["b", "density"] == 1.0


def test_no_weight_no_mean_and_no_majority(cells: pd.DataFrame) -> None:
    nothing = cells.assign(area_km2=0.0)
    result = aggregate(nothing, "county", kinds=KINDS, weights=WEIGHTS)
    assert result["density"].isna().all()
    assert result["zone"].isna().all()


def test_groups_by_several_columns_or_a_series(cells: pd.DataFrame) -> None:
    two = aggregate(cells, ["county", "zone"], kinds={"area_km2": "extensive"})
    assert list(two.index) == [("b", "y"), ("a", "x"), ("b", "x")]
    assert two["area_km2"].tolist() == [1.0, 4.0, 1.0]
    series = pd.Series(["p", "q", "q", "q"], index=cells.index, name="group")
    assert aggregate(cells, series, kinds={"area_km2": "extensive"})["area_km2"].to_dict() == {"p": 1.0, "q": 5.0}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.01, 100), st.floats(-1e6, 1e6), st.integers(0, 3)), min_size=1, max_size=40))
def test_totals_are_kept_and_pandas_agrees(rows: list[tuple[int, float, float, int]]) -> None:
    """Oracle: groupby of pandas, means by numpy; tolerance 1e-9."""
    frame = pd.DataFrame(rows, columns=["group", "area_km2", "x", "code"])
    kinds = {"x": "extensive", "y": "intensive", "code": "categorical"}
    result = aggregate(frame.assign(y=frame["x"]), "group", kinds=kinds, weights={"y": "area_km2"})
    assert result["x"].sum() == pytest.approx(frame["x"].sum(), rel=1e-9, abs=1e-6)
    for group, part in frame.groupby("group"):
        assert result.loc[group, "x"] == pytest.approx(part["x"].sum(), rel=1e-9, abs=1e-6)
        assert result.loc[group, "y"] == pytest.approx(np.average(part["x"], weights=part["area_km2"]), rel=1e-9, abs=1e-6)
        area = part.groupby("code")["area_km2"].sum()
        assert area[result.loc[group, "code"]] == pytest.approx(area.max())
        assert result.loc[group, "code_share"] == pytest.approx(area.max() / area.sum())


@pytest.mark.parametrize(
    ("kinds", "weights", "why"),
    [
        ({"density": "intensive"}, None, "weight"),
        ({"density": "extinsive"}, None, "extensive"),
        ({"densty": "extensive"}, None, "density"),
        ({"zone": "extensive"}, None, "numbers"),
        ({"density": "intensive"}, {"density": "gdp"}, "gdp"),
    ],
)
def test_what_is_refused(cells: pd.DataFrame, kinds: dict[str, str], weights: dict[str, str] | None, why: str) -> None:
    with pytest.raises(InputError, match=why):
        aggregate(cells, "county", kinds=kinds, weights=weights)


def test_negative_weights_and_missing_groups_are_refused(cells: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=">= 0"):
        aggregate(cells.assign(area_km2=-1.0), "county", kinds={"density": "intensive"}, weights=WEIGHTS)
    with pytest.raises(InputError, match="without 'county'"):
        aggregate(cells.assign(county=["a", None, "b", "b"]), "county", kinds={"area_km2": "extensive"})
    with pytest.raises(InputError, match="index"):
        aggregate(cells, pd.Series(["a"] * 4, index=[5, 6, 7, 8]), kinds={"area_km2": "extensive"})
