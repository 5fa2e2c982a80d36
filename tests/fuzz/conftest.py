"""The fuzzer's own modules are found by their short names, here as in ``python tests/fuzz``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
