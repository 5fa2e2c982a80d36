"""Writes docs/reproducing-the-published-study.md from the county study: python tools/make_reproduction_page.py STUDY."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from carbonshed.compensation.fact_matrix import PERMUTATIONS
from carbonshed.study.reproduction import reproduction_page
from carbonshed.study.study import Study

PAGE = Path(__file__).parents[1] / "docs" / "reproducing-the-published-study.md"


def main() -> None:
    """Run the study until its accounts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", help="study.toml of the county study, or its folder")
    parser.add_argument("--out", type=Path, default=PAGE, help="file to write")
    parser.add_argument("--permutations", type=int, default=PERMUTATIONS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = Study.open(chosen.study).run(folder, until="accounts")
        page = reproduction_page(result, permutations=chosen.permutations)
    chosen.out.write_text(page, encoding="utf-8")
    sys.stdout.write(f"{chosen.out}\n")


if __name__ == "__main__":
    main()
