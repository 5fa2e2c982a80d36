"""Term sheets: for each flow the items that an agreement on ecological compensation between two areas has to state.

The items are those of Article 17 of the Regulations on Ecological Protection Compensation (生态保护补偿条例, State Council Order 779,
2024). What the run knows is filled in; what only the parties can settle stays a blank, marked as a blank. A sheet is a draft for
negotiation. Its words stand elsewhere: an entry here is a key, a value and where the value is from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, examples, refuse, warn
from carbonshed.compensation.panel import INSTITUTIONS, numbers, year_labels
from carbonshed.compensation.price import Price
from carbonshed.compensation.reality import modelled_and_actual

ITEMS = ("scope", "targets", "duties", "form", "term", "breach", "other")
"""The seven items of Article 17, in its order; `item` of an entry counts them from 1."""

COLUMNS = ("sheet", "year", "payer", "recipient", "item", "entry", "value", "text", "unit", "status")

STATUSES = ("computed", "given", "default", "blank")

INDICATORS = {
    "carbon_sink": "t CO2 a-1",
    "carbon_source": "t CO2 a-1",
    "net_carbon_emission": "t CO2 a-1",
    "forest": "km2",
    "grassland": "km2",
    "wetland": "km2",
    "water": "km2",
    "cropland": "km2",
    "built_up": "km2",
}
"""What is measured in the protecting area, as far as the accounts hold it."""

NOT_ADDITIVE = ("normalised_mean", "normalised_composite")
"""Forms of the revision that pay more where the map is cut finer: they rank, but must not set budgets."""

Practice = Mapping[tuple[int | None, str | None, str | None], Mapping[str, Any]]

POLICY_ZONES = ("payment", "balanced", "recipient")


@dataclass(frozen=True)
class AgreementTerms:
    """What the parties bring along; whatever is left out stays a blank on the sheet.

    Parameters
    ----------
    term_years : float
        Term of the agreement, years; 3 unless said otherwise.
    boundary_year : int, optional
        Year of the administrative boundaries.
    scope, targets, monitoring, duties, schedule, start, breach, disputes, uncertainty : str
        Text for the item of that kind.
    in_kind_share : float, optional
        Share of the amount rendered in kind, in [0, 1].
    """

    term_years: float | None = None
    boundary_year: int | None = None
    scope: str = ""
    targets: str = ""
    monitoring: str = ""
    duties: str = ""
    schedule: str = ""
    in_kind_share: float | None = None
    start: str = ""
    breach: str = ""
    disputes: str = ""
    uncertainty: str = ""

    def __post_init__(self) -> None:
        if self.in_kind_share is not None and not 0.0 <= self.in_kind_share <= 1.0:
            raise refuse("share", expected="a share in [0, 1]", got=repr(self.in_kind_share), where="in_kind_share", fix="0.25 is 25 %.")
        if self.term_years is not None and not (np.isfinite(self.term_years) and self.term_years > 0):
            raise refuse("term", expected="years above 0", got=repr(self.term_years), where="term_years", fix="Leave it out for 3 years.")


DEFAULT_TERM_YEARS = 3.0


def _known(cell: Any) -> Any:
    """The cell, or None where it holds nothing: None, NaN, NA, empty text."""
    return None if cell is None or cell is pd.NA or cell == "" or (isinstance(cell, float) and np.isnan(cell)) else cell


@dataclass
class _Sheet:
    """The entries of one sheet, in reading order."""

    head: tuple[int, int | None, str, str]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, item: str, entry: str, cell: Any, *, unit: str = "", status: str = "computed") -> None:
        """An entry; what is not known is a blank."""
        known = _known(cell)
        is_number = isinstance(known, int | float | np.number) and not isinstance(known, bool | np.bool_)
        value, text = (float(known), "") if is_number else (np.nan, "" if known is None else _text(known))
        self.rows.append((*self.head, ITEMS.index(item) + 1, entry, value, text, unit, "blank" if known is None else status))


def _text(known: Any) -> str:
    if isinstance(known, bool | np.bool_):
        return "yes" if known else "no"
    if isinstance(known, Mapping):
        return ", ".join(f"{key} {value}" for key, value in known.items())
    return ", ".join(map(str, known)) if isinstance(known, list | tuple) else str(known)


def term_sheets(
    flows: pd.DataFrame,
    compensation: pd.DataFrame,
    *,
    accounts: pd.DataFrame | None = None,
    zones: pd.DataFrame | None = None,
    price: Price | None = None,
    threshold: float = 0.0,
    terms: AgreementTerms | None = None,
    provenance: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """One term sheet for each flow of at least `threshold`, with the seven items of Article 17 as rows.

    Parameters
    ----------
    flows : DataFrame
        ``year``, ``payer``, ``recipient``, ``compensation_flow`` (yuan a-1), ``distance_km``, as `compensation_flow` returns it.
    compensation : DataFrame, index ``unit_id``
        ``payable``, ``receivable`` (yuan a-1), ``year`` where it spans years; ``name``, ``city``, ``province``, ``gdp_yuan``,
        ``fiscal_revenue_yuan``, ``payable_before``, ``receivable_before``, ``is_capped``, ``payable_cap``, ``payable_upper_level`` as
        far as they are known.
    accounts : DataFrame, index ``unit_id``
        ``area_km2``, ``carbon_source``, ``carbon_sink``, land-class areas (km2); default `compensation`, which may hold them.
    zones : DataFrame, index ``unit_id``
        ``zone`` of the counties (payment, balanced, recipient), ``year`` where it spans years. Zones of cells do not match and are blanks.
    price : Price, optional
        Price of the run.
    threshold : float
        Yuan a-1. Smaller flows get no sheet.
    terms : AgreementTerms, optional
        What the parties have settled already.
    provenance : mapping, optional
        Choices of the run (form, sink mode, closure, cap, seed, version ...), printed under the last item in this order.

    Returns
    -------
    DataFrame, one row an entry
        ``sheet`` (1, 2, ...: years ascending, the largest flow of a year first), ``year``, ``payer``, ``recipient``, ``item`` (1-7, see
        `ITEMS`), ``entry`` (key of its wording), ``value`` (number, NaN where it is text or blank), ``text``, ``unit``, ``status``
        (computed, given, default, blank).

    Raises
    ------
    InputError
        Missing columns; a negative threshold; a payer or recipient that the amounts do not hold.

    Warns
    -----
    DataWarning
        Flows to or from the fund or the upper level, which are no agreement between two areas.

    Notes
    -----
    Source: 生态保护补偿条例, State Council Order 779 (2024), Articles 2 and 17.

    Examples
    --------
    >>> flows = pd.DataFrame({"year": [2017], "payer": ["a"], "recipient": ["b"], "compensation_flow": [5.0], "distance_km": [9.0]})
    >>> money = pd.DataFrame({"year": 2017, "payable": [5.0, 0.0], "receivable": [0.0, 5.0]}, index=["a", "b"])
    >>> sheets = term_sheets(flows, money)
    >>> sheets["item"].unique().tolist(), float(sheets.loc[sheets["entry"] == "amount", "value"].iloc[0])
    ([1, 2, 3, 4, 5, 6, 7], 5.0)
    """
    check_columns(flows.columns, ["year", "payer", "recipient", "compensation_flow", "distance_km"], where="flows")
    check_columns(compensation.columns, ["payable", "receivable"], where="compensation")
    if not (np.isfinite(threshold) and threshold >= 0):
        raise refuse("threshold", expected="yuan a-1, >= 0", got=repr(threshold), where="threshold", fix="0 means a sheet for every flow.")
    chosen = _chosen(flows, threshold)
    money, account = _Lookup(compensation), _Lookup(compensation if accounts is None else accounts)
    zone = None if zones is None else _Lookup(zones)
    practice = _practice(flows, compensation)
    settled = terms or AgreementTerms()
    rows: list[tuple[Any, ...]] = []
    for number, flow in enumerate(chosen.to_dict("records"), start=1):
        pair = _Pair(flow, money, account, zone)
        sheet = _Sheet((number, pair.year, pair.ends["payer"], pair.ends["recipient"]))
        _scope(sheet, pair, settled)
        _targets(sheet, pair, settled, provenance or {})
        _duties(sheet, pair, settled)
        _form(sheet, pair, price, settled)
        _term(sheet, settled)
        _breach(sheet, settled)
        _other(sheet, pair, price, settled, practice, provenance or {})
        rows += sheet.rows
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"item": "int64", "value": "float64"})


def _chosen(flows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The flows that get a sheet, the largest of each year first; flows of institutions are told, not dropped in silence."""
    amount = numbers(flows, "compensation_flow", where="flows")
    placeless = flows["payer"].isin(INSTITUTIONS) | flows["recipient"].isin(INSTITUTIONS)
    if placeless.any():
        told = f"{int(placeless.sum())} flows of {amount[placeless.to_numpy()].sum():,.2f} yuan"
        warn(f"no term sheet for {told} to or from the fund or the upper level: they are no agreement between two areas.")
    kept = flows[~placeless.to_numpy() & (amount >= threshold) & (amount > 0)]
    return kept.sort_values(["year", "compensation_flow", "payer", "recipient"], ascending=[True, False, True, True], kind="stable")


class _Lookup:
    """Rows of a frame by id and year, as far as they hold something; a frame without years serves every year."""

    def __init__(self, frame: pd.DataFrame):
        years = [int(year) for year in year_labels(frame)] if "year" in frame else [None] * len(frame)
        records = pd.DataFrame(frame.drop(columns="geometry", errors="ignore")).to_dict("records")
        self._rows = {
            (str(unit), year): {str(column): cell for column, cell in row.items() if _known(cell) is not None}
            for unit, year, row in zip(frame.index, years, records, strict=True)
        }

    def find(self, unit: str, year: int | None) -> dict[str, Any] | None:
        """The row of a county in a year, or None."""
        return self._rows.get((unit, year)) or self._rows.get((unit, None))


class _Pair:
    """Payer and recipient of one flow, with their rows of every frame."""

    def __init__(self, flow: Mapping[Any, Any], money: _Lookup, account: _Lookup, zone: _Lookup | None):
        self.ends = {"payer": str(flow["payer"]), "recipient": str(flow["recipient"])}
        self.year = None if _known(flow["year"]) is None else int(flow["year"])
        self.amount, self.distance_km = float(flow["compensation_flow"]), _known(flow["distance_km"])
        rows = {side: money.find(unit, self.year) for side, unit in self.ends.items()}
        lost = [self.ends[side] for side, row in rows.items() if row is None]
        if lost:
            raise refuse(
                "unknown_id",
                expected="payers and recipients that the amounts hold",
                got=f"{examples(lost)} in {self.year}",
                where="flows",
                fix="Give the flows and the amounts of the same run.",
            )
        self.money = {side: row or {} for side, row in rows.items()}
        self.account = {side: account.find(unit, self.year) or {} for side, unit in self.ends.items()}
        self.zone = {side: (zone.find(unit, self.year) or {}).get("zone") if zone else None for side, unit in self.ends.items()}

    def share(self, side: str, column: str) -> float | None:
        """The amount as a share of a column of one side; None where that is zero or unknown."""
        whole = float(self.money[side].get(column, 0.0))
        return self.amount / whole if whole > 0 else None


def _scope(sheet: _Sheet, pair: _Pair, terms: AgreementTerms) -> None:
    for side in ("payer", "recipient"):
        row, account = pair.money[side], pair.account[side]
        sheet.add("scope", f"{side}_name", row.get("name", pair.ends[side]))
        sheet.add("scope", f"{side}_id", pair.ends[side])
        for column in ("city", "province"):
            if column in row:
                sheet.add("scope", f"{side}_{column}", row[column])
        sheet.add("scope", f"{side}_area_km2", account.get("area_km2"), unit="km2")
        sheet.add("scope", f"{side}_zone", pair.zone[side])
    provinces = [pair.money[side].get("province") for side in ("payer", "recipient")]
    sheet.add("scope", "crosses_province", None if None in provinces else bool(provinces[0] != provinces[1]))
    sheet.add("scope", "distance_km", pair.distance_km, unit="km")
    sheet.add("scope", "boundary_year", None if terms.boundary_year is None else str(terms.boundary_year), status="given")
    sheet.add("scope", "protected_area", terms.scope, status="given")


def _targets(sheet: _Sheet, pair: _Pair, terms: AgreementTerms, provenance: Mapping[str, object]) -> None:
    account = pair.account["recipient"]
    sheet.add("targets", "baseline_year", None if pair.year is None else str(pair.year))
    sheet.add("targets", "sink_mode", provenance.get("sink_mode"))
    for name, unit in INDICATORS.items():
        known = _indicator(account, name)
        if known is not None:
            sheet.add("targets", name, known, unit=unit)
            sheet.add("targets", f"target_{name}", None, unit=unit)
    sheet.add("targets", "targets", terms.targets, status="given")
    sheet.add("targets", "monitoring", terms.monitoring, status="given")


def _indicator(account: Mapping[str, Any], name: str) -> float | None:
    """An indicator of the accounts; the net emission is source minus sink where it has no column."""
    if name == "net_carbon_emission" and name not in account and {"carbon_source", "carbon_sink"} <= set(account):
        return float(account["carbon_source"]) - float(account["carbon_sink"])
    return float(account[name]) if name in account else None


def _duties(sheet: _Sheet, pair: _Pair, terms: AgreementTerms) -> None:
    zone = pair.zone["recipient"]
    sheet.add("duties", "policy_line", zone if zone in POLICY_ZONES else "recipient", status="default")
    if zone in POLICY_ZONES and zone != "recipient":
        sheet.add("duties", "zone_conflict", str(zone))
    sheet.add("duties", "use_of_funds", "article_17", status="given")
    sheet.add("duties", "specific_duties", terms.duties, status="given")


def _form(sheet: _Sheet, pair: _Pair, price: Price | None, terms: AgreementTerms) -> None:
    sheet.add("form", "amount", pair.amount, unit="yuan a-1")
    sheet.add("form", "share_of_payer", pair.share("payer", "payable"), unit="1")
    sheet.add("form", "share_of_recipient", pair.share("recipient", "receivable"), unit="1")
    sheet.add("form", "share_of_gdp", pair.share("payer", "gdp_yuan"), unit="1")
    sheet.add("form", "share_of_revenue", pair.share("payer", "fiscal_revenue_yuan"), unit="1")
    sheet.add("form", "carbon_price", price.value if price else None, unit="yuan per t CO2", status=_price_status(price))
    if price:
        sheet.add("form", "price_kind", price.kind, status=_price_status(price))
        sheet.add("form", "price_year", None if price.year is None else str(price.year), status=_price_status(price))
        sheet.add("form", "price_base_year", None if price.base_year is None else str(price.base_year), status=_price_status(price))
        sheet.add("form", "equivalent_t_co2", pair.amount / price.value, unit="t CO2 a-1")
    sheet.add("form", "in_kind_share", terms.in_kind_share, unit="1", status="given")
    sheet.add("form", "schedule", terms.schedule, status="given")


def _price_status(price: Price | None) -> str:
    return "given" if price is not None and price.kind == "given" else "computed"


def _term(sheet: _Sheet, terms: AgreementTerms) -> None:
    is_default = terms.term_years is None
    years = DEFAULT_TERM_YEARS if terms.term_years is None else terms.term_years
    sheet.add("term", "term_years", years, unit="a", status="default" if is_default else "given")
    sheet.add("term", "start", terms.start, status="given")


def _breach(sheet: _Sheet, terms: AgreementTerms) -> None:
    sheet.add("breach", "breach", terms.breach, status="given")
    sheet.add("breach", "disputes", terms.disputes, status="given")


def _other(
    sheet: _Sheet,
    pair: _Pair,
    price: Price | None,
    terms: AgreementTerms,
    practice: Practice,
    provenance: Mapping[str, object],
) -> None:
    payer, recipient = pair.money["payer"], pair.money["recipient"]
    for entry, row, column in (
        ("payer_before", payer, "payable_before"),
        ("payer_after", payer, "payable"),
        ("recipient_before", recipient, "receivable_before"),
        ("recipient_after", recipient, "receivable"),
        ("payer_cap", payer, "payable_cap"),
        ("payer_upper_level", payer if "payable_cap" in payer else {}, "payable_upper_level"),
    ):
        if column in row:
            sheet.add("other", entry, row[column], unit="yuan a-1")
    if "is_capped" in payer:
        sheet.add("other", "cap_binds", bool(payer["is_capped"]) if "payable_cap" in payer else "no_cap_known")
    if provenance.get("revision") in NOT_ADDITIVE:
        sheet.add("other", "not_additive", str(provenance["revision"]))
    if price is not None and pair.year is not None:
        sheet.add("other", "price_illustrative", price.is_illustrative(pair.year))
    known = practice.get((pair.year, payer.get("province"), recipient.get("province")))
    if known:
        for entry, column in (("modelled_between_provinces", "modelled"), ("actual_between_provinces", "actual")):
            sheet.add("other", entry, known[column], unit="yuan a-1")
        sheet.add("other", "modelled_over_actual", known["modelled_over_actual"], unit="1")
        sheet.add("other", "actual_scheme", known["citation"])
    sheet.add("other", "uncertainty", terms.uncertainty, status="given")
    for key, value in provenance.items():
        sheet.add("other", f"provenance.{key}", value)


def _practice(flows: pd.DataFrame, compensation: pd.DataFrame) -> Practice:
    """Modelled and actual amounts by year and pair of provinces, where a payment between them is known."""
    if "province" not in compensation:
        return {}
    table = modelled_and_actual(flows, compensation["province"])
    rows = [{str(column): cell for column, cell in row.items()} for row in table.to_dict("records")]
    return {(None if _known(row["year"]) is None else int(row["year"]), row["payer"], row["recipient"]): row for row in rows}
