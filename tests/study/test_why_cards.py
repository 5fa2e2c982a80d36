"""The cards of the report: which cells or counties they show, what they draw, what they say."""

from __future__ import annotations

import json
import re
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from jinja2 import Environment, StrictUndefined

import carbonshed as cs
from carbonshed.checks import InputError
from carbonshed.present import report
from carbonshed.present.folder import ResultFolder
from carbonshed.present.style import ZONE_COLOURS
from carbonshed.present.why_card import Cards, chosen_units, why_section
from carbonshed.present.why_sentences import value_text, why_record
from carbonshed.present.words import Words
from carbonshed.study.pipeline import active, step_keys
from carbonshed.study.steps import STEPS
from carbonshed.study.why import why

EN, ZH = Words("en"), Words("zh")


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def rows() -> pd.DataFrame:
    zone = ["payment", "payment", "balanced", "balanced", "recipient", "recipient", "missing"]
    confidence = [0.9, 0.95, 0.0, 0.5, 0.7, 0.7, np.nan]
    cautions = ["", "partly_outside", "low_confidence", "", "", "", ""]
    margin = [4.0, 5.0, -0.1, 1.0, 2.0, 2.5, np.nan]
    return pd.DataFrame(
        {"unit_id": list("abcdefg"), "zone": zone, "zone_confidence": confidence, "zone_cautions": cautions, "zone_margin": margin}
    )


def test_the_surest_of_each_zone_and_the_least_sure_by_hand(rows):
    chosen, notes = chosen_units(rows, [], {}, EN)
    assert [unit for unit, _ in chosen] == ["a", "d", "e", "c"] and notes == []  # b lies half outside; e before f
    assert chosen[0][1] == "the highest confidence in the payment zone" and chosen[3][1] == "the lowest confidence of all"
    shuffled = chosen_units(rows.sample(frac=1, random_state=2), [], {}, EN)
    assert shuffled == (chosen, notes)


def test_units_that_are_asked_for_by_id_or_name(rows):
    names = {"a": "甲县", "b": "乙县", "c": "乙县"}
    chosen, notes = chosen_units(rows, ["乙县", "a", "丙县"], names, EN)
    assert [unit for unit, _ in chosen] == ["b", "c", "a"] and all(why == "named in the study file" for _, why in chosen)
    assert len(notes) == 1 and "丙县" in notes[0]
    many = pd.DataFrame({"unit_id": [f"u{i:02d}" for i in range(30)]}).assign(zone="payment")
    chosen, notes = chosen_units(many, list(many["unit_id"]), {}, EN)
    assert len(chosen) == 24 and "first 24" in notes[0]


def test_cards_of_a_result(finished_study):
    result = ResultFolder(finished_study / "results")
    for words in (EN, ZH):
        section = why_section(result, words)
        cards = next(block for block in section.blocks if isinstance(block, Cards)).cards
        table = result.table("zones").query("year == 2015").set_index("unit_id")
        assert 2 <= len(cards) <= 4 and len({card.title for card in cards}) == len(cards)
        for card in cards:
            row = table.loc[card.title]
            assert card.colour == ZONE_COLOURS[row["zone"]] and len(card.bars) == 3
            for place, bar in enumerate(card.bars, start=1):
                z = float(np.clip(row[f"top_z_{place}"], -3, 3))
                end = bar.left + bar.width if z > 0 else bar.left
                assert end == pytest.approx(50 + 50 * z / 3, abs=0.011)
                assert all(0 <= mark.place <= 100 for mark in bar.marks) and {mark.kind for mark in bar.marks} >= {"own", "next"}
            assert [far[1] for far in card.distances] == [f"{row['distance_own']:.2f}", f"{row['distance_other']:.2f}"]
            assert len(card.neighbours) == sum(row[f"neighbours_{zone}"] for zone in ("payment", "balanced", "recipient", "missing"))
            assert "°" in card.subtitle  # a cell has no name, so its place is told


def test_the_page_holds_the_cards_whole(finished_study):
    result = ResultFolder(finished_study / "results")
    template = (report.resources.files("carbonshed") / report.TEMPLATE).read_text(encoding="utf-8")
    document = {**report._document(result, EN, {}), "sections": [why_section(result, EN)], "tiles": [], "findings": []}
    page = (
        Environment(autoescape=True, undefined=StrictUndefined)
        .from_string(template)
        .render(documents=[document], lang="en", title="t", labels={"en": "English"})
    )
    assert page.count('<article class="card"') >= 2 and page.count('class="track"') == 3 * page.count('<article class="card"')
    assert not re.search(r"(src|href)=[\"']https?:", page.split("<main")[1].split("<footer")[0])


def test_counties_named_in_the_study_file_and_old_results(finished_study, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(finished_study / "results", folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    unit = str(cs.Result.open(folder).zones.index[0])
    manifest["spec"]["report"] = {"explain": [unit, "nowhere"]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    blocks = why_section(ResultFolder(folder), EN).blocks
    assert [block.kind for block in blocks if block.kind == "note"] and blocks[-1].cards[0].title == unit and len(blocks[-1].cards) == 1
    table = gpd.read_parquet(folder / "tables" / "zones.parquet")
    table.drop(columns="zone_cautions").to_parquet(folder / "tables" / "zones.parquet")
    old = why_section(ResultFolder(folder), EN).blocks  # as an earlier version wrote it
    assert [block.kind for block in old] == ["note"] and "Run the study again" in old[0].text
    with pytest.raises(InputError, match="explain the zones"):
        why(cs.Result.open(folder), unit)


def test_the_price_and_the_cards_asked_for_move_no_zone(finished_study):
    study = cs.Study.open(finished_study)
    changed = study.with_(carbon_price=160, **{"report.explain": ["nowhere"], "compensation.preset": "published"})
    keys = [step_keys(active(STEPS, each.spec), each.spec, each.input_files) for each in (study, changed)]
    assert keys[0]["zones"] == keys[1]["zones"] and keys[0]["compensation"] != keys[1]["compensation"]


def test_values_are_told_in_the_unit_of_their_term():
    assert value_text(1158.1, "net_emission_density").replace("\N{NO-BREAK SPACE}", " ") == "1,158.1 t CO₂ km⁻² a⁻¹"
    assert value_text(5.0e4, "gdp_per_head", "zh").replace("\N{NO-BREAK SPACE}", " ") == "50,000 元/(人·年)"
    assert value_text(0.25, "territorial_development") == "0.250" and value_text(None, "ecc") == "—"


def test_a_record_without_neighbours_or_a_change():
    row = {"unit_id": "a", "year": 2020, "zone": "payment", "zone_confidence": 0.5, "top_feature_1": np.nan, "switch_zone": None}
    record = why_record(row | {"neighbours_payment": pd.NA, "zone_cautions": ""})
    assert record["neighbours"] is None and record["smallest_change"] is None and record["features"] == [] and record["cautions"] == []
