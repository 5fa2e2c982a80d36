"""Values and strata lined up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.strata import aligned, factor_columns, factor_pairs, finite_numbers, known_rows

VALUES = pd.Series([1.0, 2.0, np.nan], index=list("abc"))
LABELS = pd.DataFrame({"x": ["p", None, "q"], "y": [1, 2, 3]}, index=list("abc"))


def test_by_hand():
    assert known_rows(VALUES, LABELS["y"]).tolist() == [True, True, False]
    assert known_rows(VALUES, LABELS).tolist() == [True, False, False]
    with pytest.warns(DataWarning, match="2 of 3 rows are not known and left out: b, c"):
        y, codes = aligned(VALUES, LABELS, where="test")
    assert y.tolist() == [1] and codes.tolist() == [[0, 0]]
    assert [name for name, _ in factor_columns(LABELS)] == ["x", "y"]
    assert [(one, other) for (one, _), (other, _) in factor_pairs(LABELS, where="test")] == [("x", "y")]


@given(st.lists(st.sampled_from("pqrs"), min_size=1, max_size=20))
def test_codes_follow_sorted_labels(labels):
    _, codes = aligned(pd.Series(np.arange(len(labels), dtype=float)), pd.Series(labels), where="test")
    names = sorted(set(labels))
    assert [names[code] for code in codes] == labels


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: known_rows(VALUES, LABELS["y"].iloc[:2]), "strata in the index of the values"),
        (lambda: factor_pairs(LABELS[["x"]], where="test"), "at least two factors"),
        (lambda: finite_numbers(pd.Series(["x"])), "expected numbers"),
        (lambda: finite_numbers(pd.Series([np.inf])), "infinite in 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call()
