"""Direct coefficients of land classes: named sets and user tables, their units, and the guards against the usual slips."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Literal

import pandas as pd

from carbonshed.checks import choose, nearest, refuse, warn
from carbonshed.quantities import CO2_PER_C, unit

Side = Literal["source", "sink"]

SLIP_LIMIT = 1000.0
"""t km-2 a-1: 10 t ha-1 a-1 or 1 kg m-2 a-1. No direct flow of a land class is above it."""

RANGE_FACTORS = (0.2, 5.0)
"""A value outside ``0.2 * low .. 5 * high`` of the range in use for its class is suspicious."""


@dataclass(frozen=True)
class Coefficient:
    """Direct flow of one land class per area and year, as printed, with its range, citation and status.

    Parameters
    ----------
    land_class : str
        Canonical land class.
    side : {"source", "sink"}
        Release or uptake; the value itself is never negative.
    value, low, high : float
        In `unit`; `low` and `high` are the range in use, None where none is known.
    unit : str
        ``"t C ha-1 a-1"``, ``"t CO2 ha-1 a-1"``, ``"kg C m-2 a-1"``, ...: it says carbon or CO2.
    citation, status, note : str
        Where the value stands, and whether that was confirmed (``"published"``, ``"unverified"``, ...).
    """

    land_class: str
    side: Side
    value: float
    unit: str
    citation: str
    status: str
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def factor(self) -> float:
        """Factor from `unit` to t CO2 ha-1 a-1."""
        printed = unit(self.unit)
        return printed.factor / 100.0 * (CO2_PER_C if printed.dimension.startswith("carbon") else 1.0)

    @property
    def co2_per_ha(self) -> float:
        """The value in t CO2 ha-1 a-1."""
        return self.value * self.factor


@dataclass(frozen=True)
class CoefficientSet:
    """A named set of coefficients, one for each land class."""

    name: str
    title: str
    rows: tuple[Coefficient, ...]

    def on_side(self, side: Side) -> dict[str, float]:
        """Every class with its coefficient on one side in t CO2 ha-1 a-1; 0 where the class stands on the other side."""
        return {row.land_class: row.co2_per_ha if row.side == side else 0.0 for row in self.rows}

    def side_of(self, land_class: str) -> Side | None:
        """The side a class stands on, None where the set does not hold it."""
        return next((row.side for row in self.rows if row.land_class == land_class), None)

    @property
    def unverified(self) -> tuple[str, ...]:
        """Land classes whose value was not confirmed at its source; a run that uses them says so."""
        return tuple(row.land_class for row in self.rows if row.status == "unverified")

    def to_frame(self) -> pd.DataFrame:
        """The rows as a table (index `land_class`), with the column `co2_per_ha` in t CO2 ha-1 a-1."""
        table = pd.DataFrame([{**vars(row), "co2_per_ha": row.co2_per_ha} for row in self.rows])
        return table.set_index("land_class")


def load_coefficients(coefficients: str | Mapping[str, Any] | CoefficientSet = "china") -> CoefficientSet:
    """Load a named set of coefficients, or check and convert one that is given.

    Parameters
    ----------
    coefficients : str, Mapping or CoefficientSet
        ``"china"`` or ``"guangdong_2018"``; or the content of a coefficient TOML: ``name``, optionally ``base`` (a named set whose
        rows stand where this one has none) and a list ``coefficient`` of rows (`Coefficient`).

    Returns
    -------
    CoefficientSet

    Raises
    ------
    InputError
        An unknown set, key, side or unit (``t`` alone: carbon or CO2?); a negative value; a class given twice; a value above
        10 t ha-1 a-1 (= 1 kg m-2 a-1), whose usual cause is the factor 10 between kg m-2 and t ha-1.

    Warns
    -----
    DataWarning
        A value outside 0.2-5 times the range in use for its class and side.

    Examples
    --------
    >>> china = load_coefficients("china")
    >>> round(china.on_side("sink")["forest"], 4)  # 0.644 t C ha-1 a-1 * 44/12
    2.3613
    """
    if isinstance(coefficients, CoefficientSet):
        return coefficients
    if isinstance(coefficients, str):
        return _named(choose(coefficients, named_sets(), where="coefficients"))
    return _build(coefficients)


@cache
def named_sets() -> tuple[str, ...]:
    """Names of the coefficient sets that ship with the package.

    >>> named_sets()
    ('china', 'guangdong_2018')
    """
    folder = resources.files("carbonshed").joinpath("data/coefficients")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def land_classes() -> tuple[str, ...]:
    """The canonical land classes in the order of the set ``china``: seven, and `shrub` where it is split from grassland."""
    return tuple(row["land_class"] for row in _content("china")["coefficient"])


@cache
def _content(name: str) -> dict[str, Any]:
    text = resources.files("carbonshed").joinpath(f"data/coefficients/{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _named(name: str) -> CoefficientSet:
    return _build(_content(name))


def _build(content: Mapping[str, Any]) -> CoefficientSet:
    name = str(content.get("name", "coefficients"))
    _known_keys(content, ("name", "title", "base", "coefficient"), where=f"coefficients {name!r}")
    rows: dict[str, Coefficient] = {}
    for values in content.get("coefficient", []):
        row = _row(values, name)
        if row.land_class in rows:
            raise refuse(
                "duplicate_class",
                expected="one row for each land class, on one side",
                got=f"{row.land_class} twice ({rows[row.land_class].side} and {row.side})",
                where=f"coefficients {name!r}",
                fix="Keep one of them: a class is a source or a sink, never both.",
            )
        _check_slip(row, name)
        _check_range(row, name)
        rows[row.land_class] = row
    if not rows:
        raise refuse(
            "no_coefficients",
            expected="at least one table [[coefficient]]",
            got="none",
            where=f"coefficients {name!r}",
            fix=f"Give rows, or use a named set: {', '.join(named_sets())}.",
        )
    inherited = load_coefficients(str(content["base"])).rows if "base" in content else ()
    kept = tuple(row for row in inherited if row.land_class not in rows)
    return CoefficientSet(name, str(content.get("title", name)), (*rows.values(), *kept))


def _row(values: Mapping[str, Any], name: str) -> Coefficient:
    allowed = [field.name for field in fields(Coefficient)]
    where = f"coefficients {name!r}, class {values.get('land_class', '?')}"
    _known_keys(values, allowed, where=where)
    missing = [key for key in ("land_class", "side", "value", "unit", "citation", "status") if key not in values]
    if missing:
        raise refuse("missing_key", expected=f"keys {', '.join(missing)}", got=f"keys {', '.join(values)}", where=where, fix="Add them.")
    choose(str(values["land_class"]), land_classes(), where=f"{where}: land_class")
    choose(str(values["side"]), ("source", "sink"), where=f"{where}: side")
    if is_stock_unit(str(values["unit"])):
        raise refuse(
            "stock_not_flow",
            expected="a yearly flow per area, e.g. 't C ha-1 a-1'",
            got=f"{values['unit']!r}, a carbon stock",
            where=where,
            fix="A stock is never added to or compared with a flow: give its change per year, or a flux coefficient.",
        )
    if "flow per area" not in unit(str(values["unit"])).dimension:
        raise refuse("not_per_area", expected="a flow per area", got=repr(values["unit"]), where=where, fix="Use e.g. 't C ha-1 a-1'.")
    row = Coefficient(**values)
    if not row.value >= 0:
        raise refuse(
            "negative_coefficient",
            expected="a value >= 0",
            got=f"{row.value} {row.unit}",
            where=where,
            fix="Drop the sign and say side = 'source' or side = 'sink'.",
        )
    return row


def is_stock_unit(name: str) -> bool:
    """Whether a unit is an amount of carbon (per area or not) without "per year": a stock, which no flow is.

    Examples
    --------
    >>> is_stock_unit("t C ha-1"), is_stock_unit("t C ha-1 a-1"), is_stock_unit("t ha-1")
    (True, False, False)
    """
    parts = name.split()
    return bool({"C", "CO2"} & set(parts)) and not {"a-1", "yr-1", "year-1"} & set(parts)


def _known_keys(content: Mapping[str, Any], allowed: tuple[str, ...] | list[str], *, where: str) -> None:
    for key in content:
        if key not in allowed:
            near = nearest(key, allowed)
            hint = f"Did you mean {near!r}?" if near else f"Known keys: {', '.join(allowed)}."
            raise refuse("unknown_key", expected=f"one of {', '.join(allowed)}", got=repr(key), where=where, fix=hint)


def _check_slip(row: Coefficient, name: str) -> None:
    if row.value * unit(row.unit).factor > SLIP_LIMIT:
        raise refuse(
            "coefficient_too_large",
            expected="at most 10 t ha-1 a-1 (= 1 kg m-2 a-1) for the direct flow of a land class",
            got=f"{row.value} {row.unit}",
            where=f"coefficients {name!r}, class {row.land_class}",
            fix="Check the factor 10 between kg m-2 and t ha-1; the energy of built-up land belongs in the energy account.",
        )


def _check_range(row: Coefficient, name: str) -> None:
    """Compare a value with the range in use of its class and side, in t CO2 ha-1 a-1; zero means no direct flow and passes."""
    for values in _content("china")["coefficient"]:
        if (values["land_class"], values["side"]) != (row.land_class, row.side) or "low" not in values:
            continue
        known = Coefficient(**values)
        low, high = values["low"] * known.factor, values["high"] * known.factor
        if row.value and not RANGE_FACTORS[0] * low <= row.co2_per_ha <= RANGE_FACTORS[1] * high:
            warn(
                f"coefficients {name!r}: {row.land_class} = {row.value} {row.unit} = {row.co2_per_ha:.4g} t CO2 ha-1 a-1 is outside "
                f"0.2-5 times the range in use for it, {low:.4g}-{high:.4g} t CO2 ha-1 a-1. "
                "Check the unit: 1 kg m-2 = 10 t ha-1, 1 t C = 44/12 t CO2."
            )
