"""What a form of the revision does to the data at hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from carbonshed.compensation.panel import rows_by_year
from carbonshed.compensation.revise import COLUMNS, Form, check_options, default_phi, default_psi, revise_account, revised_account
from carbonshed.numerics.inequality import gini


def form_properties(
    accounts: pd.DataFrame,
    *,
    form: str = "none",
    weights: Mapping[str, float] | None = None,
    floor_quantile: float = 0.01,
) -> pd.DataFrame:
    """What a form does to the given data, year by year: kept signs, zero sum, additivity, evenness.

    Returns
    -------
    DataFrame, one row a year
        ``year``, ``form``, ``n_units`` (kept), ``keeps_sign``, ``sums_to_zero`` (``|sum D'| <= 1e-9 sum |D'|``, beyond rounding),
        ``is_additive`` (merging the two counties with the largest ``|D'|`` gives the sum of their D' to 1e-9),
        ``additivity_ratio`` (D' of the merged county / sum of their D'), ``gini_before`` and ``gini_after`` (of ``|D|`` and
        ``|D'|``), ``is_more_even``, ``payments_over_receipts`` (NaN where nobody receives).

    Raises
    ------
    InputError
        As `revise_account`.

    Examples
    --------
    >>> toy = pd.DataFrame({"carbon_source": [100.0, 60.0, 10.0], "carbon_sink": [10.0, 15.0, 25.0]}, index=["a", "b", "c"])
    >>> found = form_properties(toy).iloc[0]
    >>> bool(found["keeps_sign"]), bool(found["sums_to_zero"]), bool(found["is_additive"]), float(found["payments_over_receipts"])
    (True, False, True, 9.0)
    """
    revised = revise_account(accounts, form=form, weights=weights, floor_quantile=floor_quantile)
    shape, given = check_options(form, weights, floor_quantile)
    table = []
    for year, rows in rows_by_year(revised):
        part = revised.iloc[rows]
        part = part[part["revised_deficit"].notna()]
        if part.empty:
            continue
        before, after = part["account_deficit"].to_numpy(), part["revised_deficit"].to_numpy()
        received = float(-after[after < 0].sum())
        rounding = 1e-9 * float(np.abs(after).sum()) + 1e-12 * float(part["carbon_source"].sum() + part["carbon_sink"].sum())
        gini_before, gini_after = gini(np.abs(before)), gini(np.abs(after))
        apart, merged = _merged(part, shape, given, floor_quantile)
        table.append(
            {
                "year": year,
                "form": form,
                "n_units": after.size,
                "keeps_sign": bool((np.sign(after) == np.sign(before)).all()),
                "sums_to_zero": bool(abs(after.sum()) <= rounding),
                "is_additive": bool(abs(merged - apart) <= rounding),
                "additivity_ratio": merged / apart if apart != 0 else np.nan,
                "gini_before": gini_before,
                "gini_after": gini_after,
                "is_more_even": bool(gini_after < gini_before),
                "payments_over_receipts": float(after[after > 0].sum() / received) if received > 0 else np.nan,
            }
        )
    return pd.DataFrame(table)


def _merged(part: pd.DataFrame, shape: Form, weights: Mapping[str, float], floor_quantile: float) -> tuple[float, float]:
    """Sum of the D' of the two counties of largest ``|D'|``, and D' of the one county they are when merged."""
    after = part["revised_deficit"].to_numpy()
    two = np.argsort(-np.abs(after), kind="stable")[:2]
    needed = ["carbon_source", "carbon_sink", *(COLUMNS[size] for size in shape.sizes if weights.get(size, 1.0) > 0)]
    sizes = part[needed].astype(float)
    joined = pd.DataFrame([sizes.iloc[two].sum()], index=["merged"])
    others = sizes.iloc[np.setdiff1d(np.arange(len(part)), two)]
    again = revised_account(
        pd.concat([joined, others]), shape, weights, floor_quantile=floor_quantile, rescale=False, phi=default_phi, psi=default_psi
    )
    return float(after[two].sum()), float(again["revised_deficit"].iloc[0])
