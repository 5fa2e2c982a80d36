"""How a number is printed: one rule of rounding, and units that grow with the amount.

Rounding: no decimals from 10,000 up, one from 100, two from 1, three significant digits below 1. Unknown is a dash, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Amount = Literal["carbon", "money", "area", "density"]

MINUS = "−"
UNKNOWN = "—"
NO_BREAK = "\N{NO-BREAK SPACE}"  # between a number and its unit

# Largest first; an amount takes the first unit in which it is at least 1.
LADDERS: dict[str, dict[str, tuple[tuple[float, str], ...]]] = {
    "carbon": {
        "en": ((1e6, "Mt CO₂"), (1e3, "kt CO₂"), (1.0, "t CO₂")),
        "zh": ((1e8, "亿吨 CO₂"), (1e4, "万吨 CO₂"), (1.0, "吨 CO₂")),
    },
    "money": {
        "en": ((1e9, "bn yuan"), (1e6, "million yuan"), (1.0, "yuan")),
        "zh": ((1e8, "亿元"), (1e4, "万元"), (1.0, "元")),
    },
    "area": {"en": ((1.0, "km²"),), "zh": ((1.0, "km²"),)},
    "density": {"en": ((1.0, "t CO₂ km⁻²"),), "zh": ((1.0, "t CO₂ km⁻²"),)},
}
PER_YEAR = {"en": " a⁻¹", "zh": "/年"}


@dataclass(frozen=True)
class DisplayUnit:
    """A unit for print: stored values are divided by `factor` and shown with `label`."""

    factor: float
    label: str


def display_unit(amount: Amount, values: Iterable[float] | float, lang: str, *, per_year: bool = False) -> DisplayUnit:
    """The unit in which the largest of `values` is at least 1.

    Parameters
    ----------
    amount : {"carbon", "money", "area", "density"}
        What the values are: t CO2, yuan, km2 or t CO2 km-2, each in its stored unit.
    values : float or iterable of float
        Stored values; NaN is passed over.
    lang : {"zh", "en"}
        Chinese prints 万 and 亿, English kt and Mt, million and bn.
    per_year : bool
        Whether the label says that the amount is a yearly flow.

    Examples
    --------
    >>> display_unit("carbon", 1.1619e9, "en").label, display_unit("carbon", 1.1619e9, "zh", per_year=True).label
    ('Mt CO₂', '亿吨 CO₂/年')
    """
    numbers = [values] if isinstance(values, int | float) else list(values)
    largest = max((abs(float(value)) for value in numbers if math.isfinite(value)), default=0.0)
    ladder = LADDERS[amount][lang]
    factor, label = next((step for step in ladder if largest >= step[0]), ladder[-1])
    suffix = PER_YEAR["en" if amount == "density" else lang] if per_year else ""
    return DisplayUnit(factor, label + suffix)


def decimals(value: float) -> int:
    """Decimals by the rule of rounding: 0 from 10,000 up, 1 from 100, 2 from 1, else three significant digits."""
    size = abs(value)
    if size >= 10_000 or size == 0:
        return 0
    if size >= 100:
        return 1
    if size >= 1:
        return 2
    return min(2 - math.floor(math.log10(size)), 8)


def number(value: float | None, places: int | None = None) -> str:
    """A number for print, with thousands marks and a true minus sign; unknown is a dash.

    >>> number(1161.86), number(-0.03531), number(217053.2), number(float("nan"))
    ('1,161.9', '−0.0353', '217,053', '—')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == int(value) and abs(value) < 1e6 and places is None:
        text = f"{int(value):,}"
    else:
        text = f"{value:,.{decimals(value) if places is None else places}f}"
    return MINUS + text[1:] if text.startswith("-") else text


def short(value: float) -> str:
    """A limit of a class or a step of a legend: no zeros after the last digit that counts.

    >>> short(0.0150), short(-4800.0), short(1.7)
    ('0.015', '−4,800', '1.7')
    """
    text = number(value, max(decimals(value), 0))
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None, places: int = 1) -> str:
    """A share as a percentage; one that is not zero is never printed as zero.

    >>> percent(0.227).split(), percent(0.00042, places=3).split(), percent(-1e-9).split(), percent(0.0).split()
    (['22.7', '%'], ['0.042', '%'], ['>', '−0.1', '%'], ['0.0', '%'])
    """
    if share is None or not math.isfinite(share):
        return UNKNOWN
    least = 10.0**-places
    if share and round(100 * share, places) == 0:
        return f"{'<' if share > 0 else '>'}{NO_BREAK}{number(math.copysign(least, share), places)}{NO_BREAK}%"
    return f"{number(100 * share, places)}{NO_BREAK}%"


def amount_text(amount: Amount, value: float | None, lang: str) -> str:
    """An amount with the unit that suits its size.

    >>> [" ".join(amount_text("money", 2.5e9, lang).split()) for lang in ("en", "zh")]
    ['2.50 bn yuan', '25.00 亿元']
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    unit = display_unit(amount, value, lang)
    scaled = value / unit.factor
    return f"{number(scaled, decimals(scaled))}{NO_BREAK}{unit.label.replace(' ', NO_BREAK)}"


def round_to(value: float, digits: int = 2) -> float:
    """`value` with that many significant digits, for limits of map classes.

    >>> round_to(1234.5), round_to(-0.0376)
    (1200.0, -0.038)
    """
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def unit_text(unit: str) -> str:
    """A registered unit as it is printed.

    >>> unit_text("t CO2 km-2 a-1"), unit_text("yuan km-2")
    ('t CO₂ km⁻² a⁻¹', 'yuan km⁻²')
    """
    for plain, printed in (("CO2", "CO₂"), ("km-2", "km⁻²"), ("a-1", "a⁻¹"), ("a-2", "a⁻²"), ("km2", "km²"), (")2", ")²")):
        unit = unit.replace(plain, printed)
    return unit
