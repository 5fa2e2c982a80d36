"""The live tables (`Study.live`) and scenarios in memory are, byte for byte, those of a run from nothing into a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.study.conftest import write_study

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.scale.chosen import chosen_scale
from carbonshed.scale.interval import scale_interval
from carbonshed.study.live_steps import LIVE_TABLES
from carbonshed.study.pipeline import StepError
from carbonshed.study.store import Store

pytestmark = pytest.mark.filterwarnings("ignore::carbonshed.checks.DataWarning")

OWN = """
name = "own"
base = "china"

[[coefficient]]
land_class = "forest"
side = "sink"
value = {forest}
unit = "t CO2 ha-1 a-1"
citation = "made up"
status = "unverified"
"""

CHANGES: list[dict[str, Any]] = [
    {"carbon_price": 160},
    {"coefficients": "own.toml"},
    {"sink_mode": "npp_gross", "npp": {"cropland": 300.0, "water": 0.0, "other": 410.0}},
    {"coefficients": "own.toml", "carbon_price": 55.5, "preset": "published"},
    {"rule": "moran_max"},
    {"compensation.flow_cost": "field_strength", "compensation.closure": "scale_larger"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study without the comparison of methods, which no live table needs, and a coefficient set of its own."""
    made = write_study(tmp_path_factory.mktemp("live"))
    text = (made / "study.toml").read_text(encoding="utf-8").replace("[zoning]", "[zoning]\nruns = 0")
    (made / "study.toml").write_text(text, encoding="utf-8")
    (made / "own.toml").write_text(OWN.format(forest=4.2), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def study(folder: Path) -> cs.Study:
    """The study, of which one scenario was made: the next ones reuse what they can."""
    opened = cs.Study.open(folder)
    opened.with_(carbon_price=99).live()
    return opened


def digests(tables: dict[str, pd.DataFrame], folder: Path) -> dict[str, str]:
    """SHA-256 of each table as a result folder would hold it."""
    return {name: Store(folder).write_table(name, table) for name, table in tables.items()}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "_".join(change))
def test_live_and_scenario_tables_are_those_of_a_cold_run(study, tmp_path, change):
    live = study.with_(**change).live()
    again = study.with_(**change).run(until="flows")
    cold = cs.Study(study.with_(**change).spec, study.base).run(tmp_path / "cold", until="flows")
    files = {name: written for step in cold.manifest["steps"] for name, written in step["files"].items()}
    known = [name for name in LIVE_TABLES if f"tables/{name}.parquet" in files]
    assert {"accounts_grid", "accounts_county", "zones", "zone_summary", "compensation", "flows"} <= set(known)
    assert set(live.tables) == set(known)
    expected = {name: files[f"tables/{name}.parquet"] for name in known}
    assert digests({name: live.table(name) for name in known}, tmp_path / "live") == expected
    assert digests({name: again.table(name) for name in known}, tmp_path / "again") == expected
    assert not live.manifest["is_complete"]


def test_a_new_session_takes_what_the_result_folder_holds(folder, tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("land cover is read again")

    own = Path(shutil.copytree(folder, tmp_path / "own"))
    cs.Study.open(own).run(until="accounts")
    with monkeypatch.context() as patch:
        patch.setattr("carbonshed.study.land_steps.tabulate_land_area", refused)
        live = cs.Study.open(own).with_(carbon_price=61).live()
        with pytest.raises(StepError, match="land cover is read again"):
            cs.Study.open(own).with_(**{"grid.base_km": 6, "grid.scales_km": [6, 18]}).live()
        (own / "results" / "tables" / "pieces.parquet").write_bytes(b"spoilt")
        with pytest.raises(StepError, match="land cover is read again"):
            cs.Study.open(own).with_(carbon_price=61).live()
        (own / "results" / "manifest.json").write_text("{")
        with pytest.raises(StepError, match="land cover is read again"):
            cs.Study.open(own).with_(carbon_price=61).live()
    cold = cs.Study(cs.Study.open(own).with_(carbon_price=61).spec, own).run(tmp_path / "cold", until="flows")
    files = {name: written for step in cold.manifest["steps"] for name, written in step["files"].items()}
    found = digests({name: live.table(name) for name in live.tables}, tmp_path / "live")
    assert {"accounts_grid", "zones", "compensation", "flows"} <= set(found)
    assert found == {name: files[f"tables/{name}.parquet"] for name in found}


def test_live_parts_do_not_stand_for_whole_steps(study):
    changed = study.with_(carbon_price=77.7)
    changed.live()
    assert {"balance", "direction_by_form"} <= set(changed.run(until="flows").tables)
    assert set(changed.live().tables) <= set(LIVE_TABLES)  # also once the whole step is known


def test_a_price_leaves_accounts_and_zones_as_they_are(study):
    one, other = study.with_(carbon_price=60).live(), study.with_(carbon_price=120).live()
    assert one.table("zones") is other.table("zones") and one.accounts_grid is other.accounts_grid
    np.testing.assert_allclose(other.compensation["payable_before"], 2 * one.compensation["payable_before"], rtol=1e-12)


def test_a_refused_setting_is_refused_live(study):
    with pytest.raises(InputError, match="missing"):
        study.with_(**{"counties.province": "missing"}).live()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    side=st.integers(9, 18),
    smooth=st.floats(0.0, 3.0),
    rule=st.sampled_from(["moran_cv", "moran_max", "knee", "consensus"]),
    years=st.integers(1, 2),
)
def test_the_side_alone_is_that_of_the_interval(seed, side, smooth, rule, years):
    g = np.random.default_rng(seed)
    ids = [f"g1:R{row:03d}C{column:03d}" for row in range(side) for column in range(side)]
    hill = np.add.outer(np.arange(side), np.arange(side)).ravel()
    parts = [
        pd.DataFrame({"area_km2": 1.0, "carbon_sink": smooth * hill + g.gamma(2.0, 3.0, side * side), "year": 2000 + y}, index=ids)
        for y in range(years)
    ]
    cells = pd.concat(parts)
    options = {"scales_km": [1, 2, 3, 4], "quantity": "carbon_sink", "rule": rule, "seed": seed, "permutations": 299}
    np.testing.assert_equal(chosen_scale(cells, **options), scale_interval(cells, draws=9, **options).choice.scale_km)


def test_too_few_permutations_are_refused_for_the_side_alone():
    cells = pd.DataFrame({"area_km2": 1.0, "carbon_sink": np.arange(16.0)}, index=[f"g1:R{i // 4:03d}C{i % 4:03d}" for i in range(16)])
    with pytest.raises(InputError, match="permutations"):
        chosen_scale(cells, scales_km=[1, 2], quantity="carbon_sink", permutations=99)
