"""What all tests share: the one door to the shared real data, and helpers that assert the house rules."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the shared real data (``../shared`` or ``$CARBONSHED_SHARED``); tests that need it skip where it is absent."""
    folder = Path(os.environ.get("CARBONSHED_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the shared data folder is not here")
    return folder


def assert_same_index(result: pd.DataFrame | pd.Series, given: pd.DataFrame | pd.Series) -> None:
    """The house rule: a result carries the caller's index, in the caller's order."""
    pd.testing.assert_index_equal(result.index, given.index)
