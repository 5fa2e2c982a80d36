"""Modelled amounts beside payments that are known from practice."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns
from carbonshed.compensation.panel import numbers

COLUMNS = ("year", "scheme", "kind", "payer", "recipient", "modelled", "actual", "modelled_over_actual", "citation")


@cache
def known_payments() -> tuple[Mapping[str, Any], ...]:
    """Rows of the table of known payments: id, payer, recipient (names of provinces), kind, years, total_yuan, citation, status."""
    text = resources.files("carbonshed").joinpath("data/known_payments.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["payment"])


def modelled_and_actual(flows: pd.DataFrame, province: pd.Series) -> pd.DataFrame:
    """What the model lets one province pay another each year, beside what it is known to pay.

    ``modelled = sum x_ij (i in payer, j in recipient) - sum x_ij (i in recipient, j in payer)`` [yuan a-1];
    ``actual = total / number of years`` [yuan a-1]; ``modelled_over_actual`` [1].

    Parameters
    ----------
    flows : DataFrame
        ``year``, ``payer``, ``recipient``, ``compensation_flow`` (yuan a-1), as `compensation_flow` returns it.
    province : Series
        Province of each county, index ``unit_id`` (first row of an id counts).

    Returns
    -------
    DataFrame, one row a year and known payment between two provinces of the study
        ``year``, ``scheme``, ``kind``, ``payer``, ``recipient``, ``modelled``, ``actual``, ``modelled_over_actual``, ``citation``.
        Empty where no payment is known between its provinces.

    Raises
    ------
    InputError
        If a column of the flows is missing, or an amount is negative.

    Notes
    -----
    The known payment is for another service (``kind``): the ratio says how far a modelled amount is from practice, not that it is wrong.

    Examples
    --------
    >>> flows = pd.DataFrame({"year": [2017, 2017], "payer": ["a", "b"], "recipient": ["b", "a"], "compensation_flow": [5.7e8, 2.85e8]})
    >>> found = modelled_and_actual(flows, pd.Series({"a": "Beijing", "b": "Hebei"}))
    >>> found[["modelled", "actual", "modelled_over_actual"]].to_numpy()[0].tolist()
    [285000000.0, 285000000.0, 1.0]
    """
    check_columns(flows.columns, ["year", "payer", "recipient", "compensation_flow"], where="flows")
    once = province[~province.index.duplicated()].dropna()
    amount = numbers(flows, "compensation_flow", where="flows")
    pays, gets = (flows[end].map(once).to_numpy(dtype=object) for end in ("payer", "recipient"))
    code, years = pd.factorize(flows["year"], use_na_sentinel=False)
    held = set(once)
    rows = []
    for known in known_payments():
        sides = [next((name for name in known[side] if name in held), None) for side in ("payer", "recipient")]
        if None in sides:
            continue
        payer, recipient = sides
        actual = float(known["total_yuan"]) / (known["last_year"] - known["first_year"] + 1)
        net = np.where((pays == payer) & (gets == recipient), amount, 0.0) - np.where((pays == recipient) & (gets == payer), amount, 0.0)
        for year, modelled in zip(years, np.bincount(code, weights=net, minlength=len(years)), strict=True):
            rows.append(
                (year, known["id"], known["kind"], payer, recipient, float(modelled), actual, float(modelled) / actual, known["citation"])
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))
