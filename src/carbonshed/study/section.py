"""What every section of ``study.toml`` is made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Year = Annotated[int, Field(ge=1000, le=9999)]


class Section(BaseModel):
    """A section of ``study.toml``: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _says_something(cls, value: Any, info: ValidationInfo) -> Any:
        """``price = true`` is no price of 1, and ``table = ""`` is no table."""
        field = cls.model_fields[str(info.field_name)]
        kinds = str(field.annotation)
        is_off = value is False and "Literal[False]" in kinds
        if "bool" not in kinds and not is_off and _holds_truth(value, in_dict="dict[" in kinds):
            raise PydanticCustomError("no_truth", "a number or a text, not true or false")
        if isinstance(value, str) and not value.strip() and field.default != "":
            raise PydanticCustomError("empty", "a text that is not empty, or no such key")
        return value

    def changed(self, *keys: str) -> list[str]:
        """Those of `keys` that hold another value than their default (a manifest holds all values, given or not)."""
        fields = type(self).model_fields
        return [key for key in keys if getattr(self, key) != fields[key].default]


def _holds_truth(value: Any, *, in_dict: bool) -> bool:
    """Whether a value of TOML is true or false, or a list (or, if asked, a table) that holds one."""
    if isinstance(value, dict):
        return in_dict and any(isinstance(each, bool) for each in value.values())
    return isinstance(value, bool) or (isinstance(value, list) and any(isinstance(each, bool) for each in value))


def _years_are_numbers(band: Any) -> Any:
    return {int(year): number for year, number in band.items()} if isinstance(band, dict) else band


YearBands = Annotated[Literal["by_description"] | dict[int, int] | None, BeforeValidator(_years_are_numbers)]
"""The band of each year: the one whose description is the year, or year -> band number."""

MonthBands = Annotated[Literal["by_description", "sum"] | dict[int, int] | None, BeforeValidator(_years_are_numbers)]
"""As `YearBands`, or ``"sum"``: all bands of the year's file, e.g. months."""
