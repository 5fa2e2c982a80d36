"""Four rules for too little money."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from carbonshed.checks import InputError
from carbonshed.compensation.shortfall import RULES, share_shortfall

THIRDS = (100 / 3, 100 / 3, 100 / 3)
TOYS = {
    "proportional": {100: (16.67, 33.33, 50), 200: (33.33, 66.67, 100), 300: (50, 100, 150), 400: (66.67, 133.33, 200)},
    "equal_awards": {100: THIRDS, 200: (66.67, 66.67, 66.67), 300: (100, 100, 100), 400: (100, 150, 150)},
    "equal_losses": {100: (0, 0, 100), 200: (0, 50, 150), 300: (0, 100, 200), 400: (33.33, 133.33, 233.33)},
    "talmud": {100: THIRDS, 200: (50, 75, 75), 300: (50, 100, 150), 400: (50, 125, 225)},
}
CLAIMS = st.lists(st.floats(0, 1e9), min_size=1, max_size=12).filter(lambda claims: sum(claims) > 1e-3)


@pytest.mark.parametrize("rule", TOYS)
@pytest.mark.parametrize("available", [100, 200, 300, 400])
def test_toys(rule: str, available: int) -> None:
    assert share_shortfall([100, 200, 300], available, rule=rule) == pytest.approx(TOYS[rule][available], abs=0.005)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=100, deadline=None)
@given(claims=CLAIMS, share=st.floats(0, 1.2))
def test_invariants(rule: str, claims: list[float], share: float) -> None:
    c = np.array(claims)
    available = share * c.sum()
    x = share_shortfall(c, available, rule=rule)
    tolerance = 1e-9 * c.sum()
    assert (x >= 0).all()
    assert (x <= c).all()
    assert x.sum() == pytest.approx(min(available, c.sum()), abs=tolerance)
    order = np.argsort(c)
    assert (np.diff(x[order]) >= -tolerance).all()


@pytest.mark.parametrize("rule", RULES)
def test_very_little_and_no_money(rule: str) -> None:
    claims = [1e9, 3e9, 3e9 + 1]
    assert share_shortfall(claims, 0.0, rule=rule).tolist() == [0.0, 0.0, 0.0]
    assert share_shortfall(claims, 1e-6, rule=rule).sum() == pytest.approx(1e-6, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(claims=CLAIMS, share=st.floats(0.01, 0.99))
def test_equal_awards_and_losses_against_a_root_finder(claims: list[float], share: float) -> None:
    c = np.array(claims)
    available = share * c.sum()
    award = brentq(lambda m: np.minimum(c, m).sum() - available, 0, c.max(), xtol=1e-12 * c.max() + 1e-300, maxiter=500)
    loss = brentq(lambda m: np.maximum(c - m, 0).sum() - available, 0, c.max(), xtol=1e-12 * c.max() + 1e-300, maxiter=500)
    assert share_shortfall(c, available, rule="equal_awards") == pytest.approx(np.minimum(c, award), abs=1e-9 * c.sum())
    assert share_shortfall(c, available, rule="equal_losses") == pytest.approx(np.maximum(c - loss, 0), abs=1e-9 * c.sum())


@pytest.mark.parametrize(
    ("claims", "available", "rule", "said"),
    [
        ([1.0, -1.0], 1.0, "talmud", ">= 0"),
        ([1.0, np.nan], 1.0, "talmud", ">= 0"),
        ([1.0], -1.0, "talmud", ">= 0"),
        ([1.0], 1.0, "equal", "one of"),
    ],
)
def test_refusals(claims: list[float], available: float, rule: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        share_shortfall(claims, available, rule=rule)
