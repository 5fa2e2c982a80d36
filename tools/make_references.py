"""Draw the reference pictures of tests/present anew, after the figures were changed on purpose and looked at.

.venv/bin/python tools/make_references.py            # all
.venv/bin/python tools/make_references.py zones_map  # some
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "present"))

from pictures import REFERENCES, small

from carbonshed.present.figures import available_figures, draw
from carbonshed.present.folder import ResultFolder
from conftest import write_result


def main() -> None:
    """Write a picture a figure of the small study of the tests, in English."""
    REFERENCES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        result = ResultFolder(write_result(Path(folder) / "full"))
        for name in sys.argv[1:] or available_figures(result):
            small(draw(result, name, "en")).save(REFERENCES / f"{name}.png", optimize=True)
    sys.stdout.write(f"{sum(file.stat().st_size for file in REFERENCES.glob('*.png')) / 1000:.0f} kB in {REFERENCES}" + "\n")


if __name__ == "__main__":
    main()
