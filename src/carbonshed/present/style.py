"""The one visual style of figures and report: colours bound to names, limits of map classes, fonts and line widths.

Zones, sides and local-autocorrelation classes have one colour each, everywhere. The three zones differ in hue and in lightness,
so that they stay apart for colour-blind readers; low confidence and uncorrected significance are hatched, not coloured.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

import matplotlib as mpl
import numpy as np
from numpy.typing import ArrayLike, NDArray

from carbonshed.checks import choose
from carbonshed.numerics.natural_breaks import natural_breaks
from carbonshed.present.display import round_to
from carbonshed.present.fonts import families, own_families

ZONE_COLOURS = MappingProxyType({"payment": "#B8482E", "balanced": "#F2E2B3", "recipient": "#1F6F8B", "missing": "#D5D5D5"})
ZONE_HATCH = MappingProxyType({"payment": "....", "recipient": "\\\\\\\\"})
"""Patterns of the zones in print without colour; the balanced zone stays plain."""

SIDE_COLOURS = MappingProxyType({"payer": "#B8482E", "recipient": "#1F6F8B", "none": "#E6E4DE"})
LISA_COLOURS = MappingProxyType(
    {"HH": "#A63A24", "LL": "#1F5F86", "HL": "#F0A27A", "LH": "#9CC7DC", "ns": "#EFEDE8", "island": "#B9AACB", "missing": "#D5D5D5"}
)
QUANTITY_COLOURS = MappingProxyType(
    {
        "carbon_source": "#B8482E",
        "carbon_sink": "#2E7D4F",
        "net_carbon_emission": "#4A4A4A",
        "payable": "#B8482E",
        "receivable": "#1F6F8B",
        "absolute_compensation": "#6B4C8A",
        "net_compensation": "#4A4A4A",
    }
)
OTHER_COLOURS = ("#4A4A4A", "#8A6D1D", "#6B4C8A", "#00796B", "#AD1457")

SOURCE_RAMP = ("#FBEFE3", "#F5CFAE", "#EBA57B", "#D8744E", "#B8482E", "#7F2413")
SINK_RAMP = ("#F1F6E4", "#D3E6BC", "#A5CF96", "#6AAE73", "#2E7D4F", "#0F4D33")
# From uptake or receipt (blue-green) through pale to emission or payment (red); seven steps, the middle one is zero.
DIVERGING_RAMP = ("#0E4C63", "#1F6F8B", "#7FB4C5", "#F4EFE3", "#EFB08F", "#B8482E", "#75200F")
SCORE_RAMP = ("#1F5F86", "#9CC7DC", "#EFEDE8", "#F0A27A", "#A63A24")

INK = "#222222"
GREY = "#6E6E6E"
PALE = "#C9C6BF"
BORDER = "#7C7870"
STRONG_BORDER = "#2B2B2B"
HATCH = "////"

LOW_CONFIDENCE = 0.2
"""Cells whose zone has a confidence below this are hatched."""

MM = 1 / 25.4
WIDE_MM = 183.0
HALF_MM = 90.0
DPI = 200


def context(*, all_fonts: bool = False) -> AbstractContextManager[None]:
    """Matplotlib settings of our figures, in force inside ``with``; the caller's own settings come back after it.

    With `all_fonts` glyphs that our own fonts lack are looked for in those of the system.
    """
    return mpl.rc_context(
        {
            "font.family": list(families() if all_fonts else own_families()),
            "font.size": 8,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": GREY,
            "axes.linewidth": 0.6,
            "axes.labelsize": 8,
            "axes.titlesize": 8.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "legend.fontsize": 7.5,
            "legend.frameon": False,
            "hatch.linewidth": 0.5,
            "pdf.fonttype": 42,
            "svg.fonttype": "path",
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
        }
    )


@dataclass(frozen=True)
class Classes:
    """Classes of a map: limits (one fewer than colours) and colours, from low to high."""

    limits: tuple[float, ...]
    colours: tuple[str, ...]

    def colour(self, values: ArrayLike, missing: str = ZONE_COLOURS["missing"]) -> list[str]:
        """Colour of each value; a value equal to a limit belongs to the class above it."""
        numbers = np.asarray(values, dtype=float)
        order = np.searchsorted(np.asarray(self.limits), numbers, side="right")
        return [missing if np.isnan(value) else self.colours[place] for value, place in zip(numbers, order, strict=True)]


def class_limits(values: ArrayLike, count: int, *, method: Literal["quantiles", "jenks"] = "jenks") -> tuple[float, ...]:
    """Limits between `count` classes, rounded to two significant digits, each once; a class a value where there are few values.

    Parameters
    ----------
    values : array_like of float
        All values of all panels: one legend serves them all. NaN is passed over.
    count : int
        Classes wanted; fewer come out where values repeat.
    method : {"jenks", "quantiles"}
        Fisher-Jenks natural breaks of the square roots (so that a few large values do not take all classes; above 1,000 values on
        every n-th of the sorted ones), or classes of equal number.

    Examples
    --------
    >>> class_limits(range(101), 4, method="quantiles")
    (25.0, 50.0, 75.0)
    """
    choose(method, ["quantiles", "jenks"], where="method of class limits")
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size == 0 or count < 2 or numbers.min() == numbers.max():
        return ()
    distinct = np.unique(numbers)
    if distinct.size <= count:
        return tuple(_between(float(low), float(high)) for low, high in pairwise(distinct))
    raw = np.quantile(numbers, np.arange(1, count) / count) if method == "quantiles" else _jenks(numbers, count)
    rounded = dict.fromkeys(round_to(float(limit)) for limit in raw)
    return tuple(limit for limit in rounded if numbers.min() < limit <= numbers.max())


def _between(low: float, high: float) -> float:
    """The middle of two values, rounded where that still parts them."""
    middle = (low + high) / 2
    rounded = round_to(middle)
    return rounded if low < rounded <= high else middle


def _jenks(numbers: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Inner limits by Fisher-Jenks of the signed square roots."""
    limits = natural_breaks(np.sign(numbers) * np.sqrt(np.abs(numbers)), count)[:-1]
    return np.sign(limits) * limits**2


def sequential_classes(values: ArrayLike, ramp: tuple[str, ...]) -> Classes:
    """Classes by natural breaks with a ramp from pale to dark."""
    limits = class_limits(values, len(ramp))
    keep = np.linspace(0, len(ramp) - 1, len(limits) + 1).round().astype(int)
    return Classes(limits, tuple(ramp[place] for place in keep))


def diverging_classes(values: ArrayLike, *, symmetric: bool = True, reverse: bool = False) -> Classes:
    """Classes about zero: blue on one side, red on the other.

    Parameters
    ----------
    values : array_like of float
        All values of all panels; NaN is passed over.
    symmetric : bool
        True: seven classes, limits equal on both sides (quantiles of the absolute values), so that both sides compare at a glance; the
        middle class holds zero. False: up to three classes a side by natural breaks with zero as a limit, so that the weaker side stays
        visible.
    reverse : bool
        Red is the negative side (payments) instead of the positive one (emission).

    Examples
    --------
    >>> diverging_classes([-2.0, -1.0, 10.0, 11.0, 20.0, 21.0, 90.0], symmetric=False).limits
    (-1.5, 0.0, 11.0, 21.0)
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    ramp = DIVERGING_RAMP[::-1] if reverse else DIVERGING_RAMP
    middle = len(ramp) // 2
    if numbers.size == 0:
        return Classes((), (ramp[middle],))
    if symmetric:
        steps = _steps(np.abs(numbers), (0.2, 0.6, 0.9))
        return Classes((*(-step for step in reversed(steps)), *steps), ramp[middle - len(steps) : middle + len(steps) + 1])
    low, high = (class_limits(side, 3) for side in (-numbers[numbers < 0], numbers[numbers > 0]))
    colours = (*ramp[middle - 1 - len(low) : middle], *ramp[middle + 1 : middle + 2 + len(high)])
    return Classes((*(-step for step in reversed(low)), 0.0, *high), colours)


def _steps(sizes: NDArray[np.float64], shares: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of positive numbers, with two significant digits, each once, ascending."""
    if sizes.size == 0:
        return ()
    return tuple(sorted({round_to(float(step)) for step in np.quantile(sizes, shares)}))


def pale(colour: str, share: float = 0.45) -> str:
    """The colour at that share on white.

    >>> pale("#000000", 0.5), pale("#B8482E", 1.0)
    ('#808080', '#B8482E')
    """
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 - share * (255 - part)):02X}" for part in parts)


def nice_length(target: float) -> float:
    """The largest of 1, 2, 5 x 10^n that is at most `target`: the length of a scale bar.

    >>> nice_length(173.0), nice_length(0.7)
    (100.0, 0.5)
    """
    power = 10.0 ** np.floor(np.log10(target))
    return float(max(step * power for step in (1, 2, 5) if step * power <= target * (1 + 1e-12)))


def some_years(years: list[int], most: int = 6) -> list[int]:
    """At most `most` years, evenly spread, the first and the last always among them.

    >>> some_years([2000, 2005, 2010, 2015, 2020], 3)
    [2000, 2010, 2020]
    """
    if len(years) <= most:
        return years
    places = np.linspace(0, len(years) - 1, most).round().astype(int)
    return [years[place] for place in places]
