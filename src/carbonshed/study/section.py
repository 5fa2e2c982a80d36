"""What every section of ``study.toml`` is made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Year = Annotated[int, Field(ge=1000, le=9999)]


class Section(BaseModel):
    """A section of ``study.toml``: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    def changed(self, *keys: str) -> list[str]:
        """Those of `keys` that hold another value than their default (a manifest holds all values, given or not)."""
        fields = type(self).model_fields
        return [key for key in keys if getattr(self, key) != fields[key].default]


def _years_are_numbers(band: Any) -> Any:
    return {int(year): number for year, number in band.items()} if isinstance(band, dict) else band


YearBands = Annotated[Literal["by_description"] | dict[int, int] | None, BeforeValidator(_years_are_numbers)]
"""The band of each year: the one whose description is the year, or year -> band number."""

MonthBands = Annotated[Literal["by_description", "sum"] | dict[int, int] | None, BeforeValidator(_years_are_numbers)]
"""As `YearBands`, or ``"sum"``: all bands of the year's file, e.g. months."""
