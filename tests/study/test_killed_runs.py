"""Promise 1, the quick part: 20 kills at random moments and some right before a write, on a study of a second; `make torture` does 300."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from carbonshed.study.toml_text import to_toml

ROOT = Path(__file__).resolve().parents[2]
KILLS, POINTS, SEED = 20, 2, 20261122
COARSE = {
    "grid": {"base_km": 10, "scales_km": [10, 20]},
    "scale": {"permutations": 200, "draws": 20},
    "zoning": {"runs": 0},
}


def test_a_killed_run_is_gone_on_with_and_ends_in_the_same_bytes(small_study):
    path = small_study / "study.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    for section, changes in COARSE.items():
        values.setdefault(section, {}).update(changes)
    path.write_text(to_toml(values), encoding="utf-8")
    asked = ["--kills", str(KILLS), "--points", str(POINTS), "--seed", str(SEED), "--studies", str(small_study), "--figures", "none"]
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "torture.py"), *asked], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    found = json.loads(done.stdout)
    assert found["kills"] == KILLS and found["kills at a write"] >= POINTS
    assert found["byte-equal to an undisturbed run"] == found["runs brought to their end"]
    assert found["steps reused"] > 0 and found["problems"] == []
