"""The paper that figures are made for: the report, or a column of a journal, exact to the millimetre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from carbonshed.checks import choose


@dataclass(frozen=True)
class Page:
    """How wide a figure is, how fine its dots are, and what a map carries beside its data.

    Parameters
    ----------
    name : str
        Name of the preset; part of the file name where it is not ``report``.
    width_mm : float, optional
        Width of every figure; None: 183 mm or 90 mm as the figure needs.
    dpi : int
        Dots per inch of PNG, and of what is rasterised inside a PDF.
    has_title : bool
        Journals print the title in the caption: there the figure holds only what the numbers are.
    has_graticule : bool
        Meridians and parallels with their degrees on maps.
    has_locator : bool
        A small globe that shows where the region lies.
    hatches_zones : bool
        Payment and recipient zones carry a pattern beside their colour, for print in black and white.
    review_number : str
        Number under which the base map was reviewed (审图号), printed under maps.
    panel_mm : float, optional
        Tallest map, all its panels together; None: as tall as a page allows.
    """

    name: str = "report"
    width_mm: float | None = None
    dpi: int = 200
    has_title: bool = True
    has_graticule: bool = True
    has_locator: bool = False
    hatches_zones: bool = False
    review_number: str = ""
    panel_mm: float | None = None

    def width(self, own_mm: float) -> float:
        """Width in mm of a figure whose own width is `own_mm`.

        >>> PRESETS["single"].width(183.0), Page().width(183.0)
        (90.0, 183.0)
        """
        return own_mm if self.width_mm is None else self.width_mm


def _column(name: str, width_mm: float) -> Page:
    return Page(name, width_mm, dpi=300, has_title=False, has_locator=True)


FRONT = Page("front", 86.0, has_graticule=False, panel_mm=56.0)
"""Small maps of the last year on the first page of the report, two side by side."""

PRESETS: Mapping[str, Page] = MappingProxyType(
    {
        "report": Page(),
        "single": _column("single", 90.0),
        "one_and_half": _column("one_and_half", 140.0),
        "double": _column("double", 190.0),
    }
)
"""Presets by name: the report, and columns of 90, 140 and 190 mm as Elsevier's journals have them."""


def page_for(preset: str, *, hatch: bool = False, review_number: str | None = None) -> Page:
    """The page of a preset with its options.

    Parameters
    ----------
    preset : {"report", "single", "one_and_half", "double"}
        What the figure is made for.
    hatch : bool
        Patterns on the zones, for print in black and white.
    review_number : str, optional
        Of the base map; None: as the study states it.

    Raises
    ------
    InputError
        If there is no such preset.

    Examples
    --------
    >>> page_for("double", hatch=True).width_mm
    190.0
    """
    page = PRESETS[choose(preset, PRESETS, where="preset")]
    return replace(page, hatches_zones=hatch, review_number=review_number or "")
