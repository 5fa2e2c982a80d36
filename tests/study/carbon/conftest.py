"""Rasters beside the small study of four counties, and its sections rewritten."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from carbonshed.checks import DataWarning
from carbonshed.study.study import Result, Study

IDS = ["130101", "130102", "130201", "130202"]
YEARS = [2010, 2015]


@pytest.fixture
def write_like() -> Callable[..., Path]:
    """Write an array (or a function of rows and columns) on the pixels of the land cover."""

    def write(
        folder: Path, name: str, values: object, *, dtype: str = "float32", bands: int = 1, every: int = 1, **profile: object
    ) -> Path:
        with rasterio.open(folder / "clcd_2010.tif") as dataset:
            shape, transform = dataset.shape, dataset.transform
        if every > 1:
            shape = tuple(-(-n // every) for n in shape)
            transform = transform * rasterio.Affine.scale(every)
        row, column = np.mgrid[0 : shape[0], 0 : shape[1]]
        array = np.broadcast_to(np.asarray(values(row, column) if callable(values) else values, dtype=dtype), shape)
        settings = {"driver": "GTiff", "crs": "EPSG:4326", "count": bands, "dtype": dtype, **profile}
        with rasterio.open(folder / name, "w", height=shape[0], width=shape[1], transform=transform, **settings) as dataset:
            for band in range(1, bands + 1):
                dataset.write(array, band)
        return folder / name

    return write


@pytest.fixture
def sections() -> Callable[..., None]:
    """Replace whole sections of a study.toml: ``sections(folder, emissions='source = "table"')``; None drops one."""

    def rewrite(folder: Path, **texts: str | None) -> None:
        path = folder / "study.toml"
        text = path.read_text(encoding="utf-8")
        for name, body in texts.items():
            text = re.sub(rf"\n\[{name}\]\n.*?(?=\n\[|\Z)", "", text, flags=re.DOTALL)
            if body is not None:
                text += f"\n[{name}]\n{body}\n"
        path.write_text(text, encoding="utf-8")

    return rewrite


@pytest.fixture
def add_columns() -> Callable[..., None]:
    """Add columns to the county table of the small study: a value for each of the four counties, the same in both years."""

    def add(folder: Path, **columns: list[float]) -> None:
        table = pd.read_csv(folder / "counties.csv", dtype={"unit_id": str})
        table.assign(**{name: [*values, *values] for name, values in columns.items()}).to_csv(folder / "counties.csv", index=False)

    return add


@pytest.fixture
def accounts() -> Callable[..., Result]:
    """Run a study up to its accounts."""

    def run(folder: Path) -> Result:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            return Study.open(folder).run(until="accounts")

    return run
