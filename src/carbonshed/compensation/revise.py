"""The revision of the county account: seven forms of the revised deficit D', as plug-ins.

No form is "the formula" of a study: the equations of the published county study are not known (status of each form in `FORMS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import choose, examples, nearest, refuse, warn
from carbonshed.compensation.panel import check_panel, listed, numbers, row_names, rows_by_year

Floats = NDArray[np.float64]
FormName = Literal[
    "none", "normalised_mean", "normalised_composite", "redistributed", "equity_coefficients", "duty_endowment", "relative_share"
]
Response = Callable[[Floats], Floats]

COLUMNS: Mapping[str, str] = MappingProxyType({"area": "area_km2", "population": "population", "gdp": "gdp_yuan"})
"""Column of each size that a form may weight."""


@dataclass(frozen=True)
class Year:
    """The kept counties of one year: source C, sink S and the shares a, p, g of the sizes a form needs (each sums to 1)."""

    source: Floats
    sink: Floats
    shares: Mapping[str, Floats]
    weights: Mapping[str, float]
    phi: Response
    psi: Response

    @property
    def deficit(self) -> Floats:
        """D = C - S [t CO2 a-1]."""
        return self.source - self.sink

    @property
    def theta(self) -> Floats:
        """theta_i = w_A a_i + w_P p_i + w_G g_i."""
        return np.sum([self.weights[size] * share for size, share in self.shares.items()], axis=0)


def _none(year: Year) -> Floats:
    return year.deficit


def _normalised_mean(year: Year) -> Floats:
    factor = np.sum([year.weights[size] / share for size, share in year.shares.items()], axis=0) / year.deficit.size
    return np.asarray(year.deficit * factor)


def _normalised_composite(year: Year) -> Floats:
    return year.deficit / (year.deficit.size * year.theta)


def _redistributed(year: Year) -> Floats:
    return year.deficit - year.theta * year.deficit.sum()


def _equity_coefficients(year: Year) -> Floats:
    emitted = year.source / year.source.sum()
    ecc = year.shares["gdp"] / emitted
    absorbed = year.sink.sum()
    esc = (year.sink / absorbed if absorbed > 0 else np.zeros_like(year.sink)) / emitted
    return np.asarray(year.source * year.phi(ecc) - year.sink * year.psi(esc))


def _duty_endowment(year: Year) -> Floats:
    duty = (year.shares["population"] + year.shares["gdp"]) / 2.0
    return np.asarray(year.source - duty * year.source.sum() - (year.sink - year.shares["area"] * year.sink.sum()))


def _relative_share(year: Year) -> Floats:
    emitted, absorbed = year.source.sum(), year.sink.sum()
    if emitted == 0 or absorbed == 0:
        return np.zeros_like(year.source)
    return np.asarray((year.source / emitted - year.sink / absorbed) * min(emitted, absorbed))


@dataclass(frozen=True)
class Form:
    """One form of the revision: its code, algebra, the sizes it needs and what is known of its origin."""

    code: str
    revise: Callable[[Year], Floats]
    formula: str
    status: str
    sizes: tuple[str, ...] = ()
    is_weighted: bool = False
    zero_is_missing: bool = False
    has_floor: bool = False


_ALL = ("area", "population", "gdp")

FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "none": Form("R0", _none, "D", "textbook form"),
        "normalised_mean": Form(
            "R1a",
            _normalised_mean,
            "D (1/n) (w_A/a + w_P/p + w_G/g)",
            "derived; nearest Yan et al. 2018 (10.11975/j.issn.1002-6819.2018.04.002) plus GDP; not additive",
            sizes=_ALL,
            is_weighted=True,
            zero_is_missing=True,
            has_floor=True,
        ),
        "normalised_composite": Form(
            "R1b",
            _normalised_composite,
            "D (1/n) / theta",
            "derived; not additive",
            sizes=_ALL,
            is_weighted=True,
            zero_is_missing=True,
            has_floor=True,
        ),
        "redistributed": Form(
            "R2",
            _redistributed,
            "D - theta sum D",
            "derived; actual minus theoretical as in Miao et al. 2019 (10.1016/j.scitotenv.2018.11.134) and Yan et al. 2024",
            sizes=_ALL,
            is_weighted=True,
        ),
        "equity_coefficients": Form(
            "R3",
            _equity_coefficients,
            "C phi(ecc) - S psi(esc)",
            "unverified: the names are published, the algebra is not",
            sizes=("gdp",),
            zero_is_missing=True,
        ),
        "duty_endowment": Form(
            "R4",
            _duty_endowment,
            "(C - (p + g)/2 sum C) - (S - a sum S)",
            "idea published (Wang 2022); algebra derived",
            sizes=_ALL,
        ),
        "relative_share": Form(
            "R5", _relative_share, "(C/sum C - S/sum S) min(sum C, sum S)", "idea published (Cao and Xie); algebra derived"
        ),
    }
)


def default_phi(ecc: Floats) -> Floats:
    """Response of the source to ``ecc`` in `equity_coefficients`: ``clip(1/ecc, 0.2, 5)`` (unverified, hence an option)."""
    return np.clip(1.0 / ecc, 0.2, 5.0)


def default_psi(esc: Floats) -> Floats:
    """Response of the sink to ``esc`` in `equity_coefficients`: 1."""
    return np.ones_like(esc)


def revise_account(
    accounts: pd.DataFrame,
    *,
    form: str = "none",
    weights: Mapping[str, float] | None = None,
    rescale: bool = False,
    floor_quantile: float = 0.01,
    phi: Response = default_phi,
    psi: Response = default_psi,
) -> pd.DataFrame:
    """Account deficit and revised deficit of each county, in each year over the counties of that year.

    ``D_i = C_i - S_i`` [t CO2 a-1] and D'_i by `form`, with shares ``a_i = A_i/sum A``, ``p_i = P_i/sum P``, ``g_i = G_i/sum G`` and
    ``theta_i = w_A a_i + w_P p_i + w_G g_i``:

    ======================  =============================================  ===========================
    form                    D'_i                                           sign kept, sum D', additive
    ======================  =============================================  ===========================
    none                    D                                              yes, sum D, yes
    normalised_mean         D (1/n) (w_A/a + w_P/p + w_G/g)                yes, free, **no**
    normalised_composite    D (1/n) / theta                                yes, free, **no**
    redistributed           D - theta sum D                                may flip, 0, yes
    equity_coefficients     C phi(ecc) - S psi(esc)                        may flip, free, no
    duty_endowment          (C - (p+g)/2 sum C) - (S - a sum S)            may flip, 0, yes
    relative_share          (C/sum C - S/sum S) min(sum C, sum S)          may flip, 0, yes
    ======================  =============================================  ===========================

    Parameters
    ----------
    accounts : DataFrame, index ``unit_id``
        ``carbon_source``, ``carbon_sink`` (t CO2 a-1, >= 0); ``area_km2``, ``population``, ``gdp_yuan`` where the form needs them;
        ``year`` where it spans years.
    form : str
        One of `FORMS`.
    weights : mapping, optional
        ``{"area": 1, "population": 1, "gdp": 1}``, normalised to sum 1; a size left out weighs 0 and its column is not needed.
        Default: equal. Weights a form does not use are named in a warning.
    rescale : bool
        Multiply D' so that ``sum |D'| = sum |D|`` in each year.
    floor_quantile : float
        In the two normalised forms, the shares are floored at this (linear) quantile and renormalised; 0: no floor.
    phi, psi : callable
        In `equity_coefficients`: responses to ``ecc = g/e`` and ``esc = s/e``.

    Returns
    -------
    DataFrame
        `accounts` with ``account_deficit``, ``revised_deficit``, ``dropped_reason`` (empty text where kept; dropped counties have NaN
        and the shares are those of the others) and ``floored_shares`` (which sizes the floor raised).

    Raises
    ------
    InputError
        Negative or infinite values; weights that are negative or all zero; all D' = 0 with `rescale`.

    Notes
    -----
    The normalised forms divide by size, so cutting a county in two raises what is paid: they rank, but must not set budgets.

    Examples
    --------
    >>> toy = pd.DataFrame({"carbon_source": [100.0, 10.0], "carbon_sink": [10.0, 25.0]}, index=["a", "b"])
    >>> revise_account(toy)["revised_deficit"].tolist()
    [90.0, -15.0]
    """
    shape, given = check_options(form, weights, floor_quantile)
    if weights is not None and not shape.is_weighted:
        warn(f"revision {form!r} uses no weights: {examples(weights)} have no effect.")
    check_panel(accounts, where="accounts")
    revised = revised_account(accounts, shape, given, floor_quantile=floor_quantile, rescale=rescale, phi=phi, psi=psi)
    _report(revised, form, floor_quantile)
    return revised


def revised_account(
    accounts: pd.DataFrame, shape: Form, weights: Mapping[str, float], *, floor_quantile: float, rescale: bool, phi: Response, psi: Response
) -> pd.DataFrame:
    """`revise_account` without its checks of options and its warnings."""
    source = numbers(accounts, "carbon_source", where="accounts")
    sink = numbers(accounts, "carbon_sink", where="accounts")
    sizes = {size: numbers(accounts, COLUMNS[size], where="accounts") for size in shape.sizes if weights.get(size, 1.0) > 0}
    reason = _dropped(source, sink, sizes, shape)
    kept = reason == ""
    revised, floored = np.full(len(accounts), np.nan), np.full(len(accounts), "", dtype=object)
    for year, rows in rows_by_year(accounts):
        keep = rows[kept[rows]]
        if keep.size == 0:
            continue
        quantile = floor_quantile if shape.has_floor else 0.0
        shares, floored[keep] = _shares({size: values[keep] for size, values in sizes.items()}, keep.size, quantile, year)
        values = shape.revise(Year(source[keep], sink[keep], shares, weights, phi, psi))
        revised[keep] = _rescaled(values, source[keep] - sink[keep], year) if rescale else values
    return accounts.assign(account_deficit=source - sink, revised_deficit=revised, dropped_reason=reason, floored_shares=floored)


def check_options(form: str, weights: Mapping[str, float] | None, floor_quantile: float) -> tuple[Form, dict[str, float]]:
    """The form of that name and its weights, normalised to sum 1 (empty for a form without weights); the rest is refused."""
    shape = FORMS[choose(form, FORMS, where="revision form")]
    if not 0.0 <= floor_quantile < 1.0:
        raise refuse(
            "quantile", expected="0 <= floor_quantile < 1", got=repr(floor_quantile), where="floor_quantile", fix="0 means no floor."
        )
    if weights is None:
        return shape, dict.fromkeys(shape.sizes, 1.0 / len(shape.sizes)) if shape.is_weighted else {}
    unknown = [size for size in weights if size not in COLUMNS]
    if unknown:
        near = nearest(unknown[0], COLUMNS)
        fix = f"Did you mean {near!r}?" if near else "Remove it."
        raise refuse("unknown_weight", expected="area, population, gdp", got=examples(unknown), where="weights", fix=fix)
    values = np.array(list(weights.values()), dtype=np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise refuse(
            "weights",
            expected="weights >= 0, not all zero",
            got=str(dict(weights)),
            where="weights",
            fix="Give at least one weight above 0.",
        )
    if not shape.is_weighted:
        return shape, {}
    return shape, {size: float(weights.get(size, 0.0)) / float(values.sum()) for size in shape.sizes}


def _dropped(source: Floats, sink: Floats, sizes: Mapping[str, Floats], shape: Form) -> NDArray[np.object_]:
    """Why each row cannot be revised; empty text where it can."""
    reasons: list[tuple[NDArray[np.bool_], str]] = [(np.isnan(source), "carbon_source missing"), (np.isnan(sink), "carbon_sink missing")]
    for size, values in sizes.items():
        reasons.append((np.isnan(values), f"{COLUMNS[size]} missing"))
        if shape.zero_is_missing or size == "area":
            reasons.append((values == 0, f"{COLUMNS[size]} zero"))
    if shape.code == "R3":
        reasons.append((source == 0, "carbon_source zero (ecc unknown)"))
    told = [", ".join(text for rows, text in reasons if rows[i]) for i in range(source.size)]
    return np.array(told, dtype=object)


def _shares(sizes: Mapping[str, Floats], count: int, quantile: float, year: int | None) -> tuple[dict[str, Floats], NDArray[np.object_]]:
    """Shares of each size, floored at the quantile where asked, and the names of the sizes that the floor raised."""
    shares: dict[str, Floats] = {}
    touched = np.full(count, "", dtype=object)
    for size, values in sizes.items():
        total = values.sum()
        if total == 0:
            where = "accounts" if year is None else f"accounts, {year}"
            raise refuse("all_zero", expected=f"some {COLUMNS[size]} above 0", got="only zeros", where=where, fix="Correct the column.")
        share = values / total
        if quantile > 0:
            low = share < (floor := np.quantile(share, quantile))
            raised = np.maximum(share, floor)
            share = raised / raised.sum()
            touched[low] = [f"{before}, {size}" if before else size for before in touched[low]]
        shares[size] = share
    return shares, touched


def _rescaled(values: Floats, deficit: Floats, year: int | None) -> Floats:
    size = np.abs(values).sum()
    if size == 0:
        where = "revise_account" if year is None else f"revise_account, {year}"
        raise refuse("nothing_to_rescale", expected="some D' other than 0", got="all D' = 0", where=where, fix="Use rescale = False.")
    return np.asarray(values * (np.abs(deficit).sum() / size))


def _report(revised: pd.DataFrame, form: str, quantile: float) -> None:
    reason = revised["dropped_reason"].to_numpy(dtype=object)
    dropped = np.asarray(reason != "")
    if dropped.any():
        told = examples((f"{name}: {why}" for name, why in zip(row_names(revised, dropped), reason[dropped], strict=True)), 20)
        warn(f"{int(dropped.sum())} rows dropped from the revision {form!r}, shares are those of the others: {told}.")
    raised = revised["floored_shares"].to_numpy(dtype=object) != ""
    if raised.any():
        warn(f"the floor at quantile {quantile:g} raised shares of {listed(revised, raised)} (see the column floored_shares).")
