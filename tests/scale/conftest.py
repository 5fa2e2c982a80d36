"""Fields and tables of finest cells that the tests of scale share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def cells() -> Callable[..., pd.DataFrame]:
    """A field as a table of cells (of 1 km): row 0, column 0 at the place given."""

    def table(
        field: np.ndarray,
        *,
        area: np.ndarray | float = 1.0,
        row: int = 0,
        col: int = 0,
        year: int | None = None,
        name: str = "carbon_sink",
        side: str = "g1",
    ) -> pd.DataFrame:
        places = [(r + row, c + col) for r in range(field.shape[0]) for c in range(field.shape[1])]
        ids = pd.Index([f"{side}:R{_three(r)}C{_three(c)}" for r, c in places], name="unit_id")
        frame = pd.DataFrame({"area_km2": np.broadcast_to(area, field.shape).ravel(), name: field.ravel()}, index=ids)
        return frame if year is None else frame.assign(year=year)

    return table


@pytest.fixture(scope="session")
def smooth() -> Callable[..., np.ndarray]:
    """A positive field, n x n: exp(0.7 f) with f of unit variance and a correlation length in cells, plus a little noise."""

    def field(n: int, seed: int = 0, *, length: float = 4.0, noise: float = 0.3) -> np.ndarray:
        g = np.random.default_rng(seed)
        k = 2 * np.pi * np.fft.fftfreq(n)
        f = np.real(np.fft.ifft2(np.fft.fft2(g.standard_normal((n, n))) * np.exp(-(k[:, None] ** 2 + k**2) * length**2 / 4)))
        return np.exp(0.7 * (f - f.mean()) / f.std()) + noise * g.random((n, n))

    return field


def _three(number: int) -> str:
    return f"-{-number:03d}" if number < 0 else f"{number:03d}"
