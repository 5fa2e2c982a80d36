"""Small helpers on long frames that several steps share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pandas as pd

Frame = TypeVar("Frame", bound=pd.DataFrame)


def by_year(frame: Frame) -> Iterator[tuple[int, Frame]]:
    """Years in rising order, each with its rows in their order."""
    for year in sorted(int(y) for y in frame["year"].unique()):
        yield year, frame[frame["year"] == year]
