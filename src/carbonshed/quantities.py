"""Our dozen units, carbon against CO2, and the refusal to mix.

A `Quantity` is a number (or an array: anything with ``*`` and ``+``) and a unit. Units differ in *dimension* - carbon is not CO2, an
area is not a length, a flow per area is not a total - and only equal dimensions add, compare or convert. The one bridge between
carbon and CO2 is by name: `to_co2` and `to_carbon`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carbonshed.checks import nearest, refuse

CO2_PER_C = 44.0 / 12.0
"""t CO2 per t C, exactly 44/12."""


@dataclass(frozen=True)
class Unit:
    """A unit: its dimension in words and the factor to the stored unit of that dimension."""

    name: str
    dimension: str
    factor: float


def _table(rows: dict[str, dict[str, float]]) -> dict[str, Unit]:
    return {name: Unit(name, dimension, factor) for dimension, units in rows.items() for name, factor in units.items()}


UNITS: dict[str, Unit] = _table(
    {
        "CO2 flow": {"t CO2 a-1": 1.0, "Mt CO2 a-1": 1e6, "10^4 t CO2 a-1": 1e4, "kg CO2 a-1": 1e-3},
        "carbon flow": {"t C a-1": 1.0, "Mt C a-1": 1e6, "Tg C a-1": 1e6, "10^4 t C a-1": 1e4},
        "CO2 flow per area": {"t CO2 km-2 a-1": 1.0, "t CO2 ha-1 a-1": 100.0, "kg CO2 m-2 a-1": 1000.0, "g CO2 m-2 a-1": 1.0},
        "carbon flow per area": {"t C km-2 a-1": 1.0, "t C ha-1 a-1": 100.0, "kg C m-2 a-1": 1000.0, "g C m-2 a-1": 1.0},
        "carbon stock": {"t C": 1.0, "Tg C": 1e6},
        "area": {"km2": 1.0, "ha": 0.01, "m2": 1e-6},
        "length": {"km": 1.0, "m": 1e-3},
        "money": {"yuan a-1": 1.0, "10^4 yuan a-1": 1e4, "10^8 yuan a-1": 1e8},
        "price of CO2": {"yuan per t CO2": 1.0},
        "price of carbon": {"yuan per t C": 1.0},
        "persons": {"persons": 1.0, "10^4 persons": 1e4},
        "ratio": {"1": 1.0, "%": 0.01},
    }
)


def unit(name: str) -> Unit:
    """The unit of that name; a bare ``"t"`` is refused (carbon or CO2?), as is any unknown unit.

    >>> unit("ha").factor
    0.01
    """
    if name in UNITS:
        return UNITS[name]
    if name in {"t", "t a-1", "Mt", "t/ha", "t ha-1 a-1"}:
        raise refuse("carbon_or_co2", expected="t C or t CO2", got=repr(name), where="unit", fix="Say which: 't C a-1' or 't CO2 a-1'.")
    near = nearest(name, UNITS)
    hint = f"Did you mean {near!r}?" if near else f"Known units: {', '.join(UNITS)}."
    raise refuse("unknown_unit", expected="a unit of this project", got=repr(name), where="unit", fix=hint)


def convert(value: Any, source: str, target: str) -> Any:
    """Convert `value` between two units of one dimension: ``value * factor(source) / factor(target)``.

    Raises
    ------
    InputError
        If the dimensions differ: carbon and CO2, area and length, per-area and total never mix.

    Examples
    --------
    >>> convert(1.0, "km2", "ha")
    100.0
    >>> convert(0.5, "kg C m-2 a-1", "t C ha-1 a-1")
    5.0
    """
    a, b = unit(source), unit(target)
    if a.dimension != b.dimension:
        raise refuse(
            "mixed_units",
            expected=f"a {b.dimension} ({target})",
            got=f"a {a.dimension} ({source})",
            where="convert",
            fix=_bridge(a.dimension, b.dimension),
        )
    return value * (a.factor / b.factor)


def _bridge(a: str, b: str) -> str:
    if {a.split()[0], b.split()[0]} == {"CO2", "carbon"}:
        return "Carbon and CO2 are joined by name only: use to_co2() or to_carbon()."
    if "per area" in a + b:
        return "Multiply a flow per area by its area first, or divide a total by its area."
    return "These measure different things and cannot be added, compared or converted."


@dataclass(frozen=True)
class Quantity:
    """A value with its unit; adds, subtracts and compares only within its dimension.

    Examples
    --------
    >>> Quantity(1.0, "km2") + Quantity(50.0, "ha")
    Quantity(value=1.5, unit='km2')
    >>> (Quantity(12.0, "t C a-1").to_co2()).value
    44.0
    """

    value: Any
    unit: str

    def __post_init__(self) -> None:
        unit(self.unit)

    def to(self, target: str) -> Quantity:
        """The same quantity in another unit of its dimension."""
        return Quantity(convert(self.value, self.unit, target), target)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.value + _same(self, other), self.unit)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.value - _same(self, other), self.unit)

    def __mul__(self, factor: float) -> Quantity:
        if isinstance(factor, Quantity):
            return _product(self, factor)
        return Quantity(self.value * factor, self.unit)

    __rmul__ = __mul__

    def __lt__(self, other: Quantity) -> Any:
        return self.value < _same(self, other)

    def __gt__(self, other: Quantity) -> Any:
        return self.value > _same(self, other)

    def __le__(self, other: Quantity) -> Any:
        return self.value <= _same(self, other)

    def __ge__(self, other: Quantity) -> Any:
        return self.value >= _same(self, other)

    def to_co2(self) -> Quantity:
        """Carbon as CO2: mass times 44/12, a price per mass times 12/44.

        >>> round(Quantity(273.3, "yuan per t C").to_co2().value, 1)
        74.5
        """
        return self._across("C", "CO2", CO2_PER_C)

    def to_carbon(self) -> Quantity:
        """CO2 as carbon: mass times 12/44, a price per mass times 44/12."""
        return self._across("CO2", "C", 1 / CO2_PER_C)

    def _across(self, source: str, target: str, factor: float) -> Quantity:
        parts = self.unit.split(" ")
        renamed = " ".join(target if part == source else part for part in parts)
        if source not in parts or renamed not in UNITS:
            raise refuse(
                "not_carbon", expected=f"a quantity of {source}", got=self.unit, where=f"to_{target.lower()}", fix="Check its unit."
            )
        by = 1 / factor if self.unit.startswith("yuan per") else factor
        return Quantity(self.value * by, renamed)


def _same(a: Quantity, b: Quantity) -> Any:
    if not isinstance(b, Quantity):
        raise refuse("no_unit", expected=f"a Quantity in {a.unit}", got=repr(b), where="arithmetic", fix="Give the number its unit.")
    return convert(b.value, b.unit, a.unit)


def _product(a: Quantity, b: Quantity) -> Quantity:
    """A flow per area times an area is a flow; a mass flow times a price is money."""
    for x, y in ((a, b), (b, a)):
        dx, dy = unit(x.unit), unit(y.unit)
        if dx.dimension.endswith("flow per area") and dy.dimension == "area":
            return Quantity(x.value * dx.factor * (y.value * dy.factor), f"t {'CO2' if dx.dimension.startswith('CO2') else 'C'} a-1")
        if (dx.dimension, dy.dimension) in {("CO2 flow", "price of CO2"), ("carbon flow", "price of carbon")}:
            return Quantity(x.value * dx.factor * (y.value * dy.factor), "yuan a-1")
    raise refuse(
        "meaningless_product",
        expected="flow per area x area, or flow x price of the same substance",
        got=f"{a.unit} x {b.unit}",
        where="arithmetic",
        fix="Convert one side by name first (to_co2, to_carbon, to).",
    )
