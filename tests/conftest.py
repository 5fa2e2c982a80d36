"""What all tests share: the one door to the shared real data, and helpers that assert the house rules."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pandas as pd
import pytest

# In CI the same cases every time: a search for new ones belongs to the developer's runs.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

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
