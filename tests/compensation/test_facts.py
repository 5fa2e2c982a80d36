"""Published facts as a computed matrix: each test by hand on a toy, the verdicts on the county study, the noise of a drift."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from shapely.geometry import Point, box

from carbonshed.checks import DataWarning, InputError
from carbonshed.compensation.drift import drift_check
from carbonshed.compensation.fact_checks import CHECKS, Outcome, box_of, box_sides_km, unit_of
from carbonshed.compensation.fact_matrix import Setting, cluster_classes, default_settings, fact_matrix, setting_outcome
from carbonshed.compensation.facts import COLUMNS, VERDICTS, check_facts, fact_verdicts, published_facts
from carbonshed.spatial.centre import CHI_SQUARED_95
from carbonshed.spatial.neighbours import polygon_neighbours, row_standardise
from carbonshed.spatial.statistics import local_moran
from carbonshed.study.reproduction import Reproduction, reasons, reproduce, reproduction_page
from carbonshed.study.study import Result, Study

ROOT = Path(__file__).resolve().parents[2]
YEARS = (2007, 2010, 2012, 2015, 2017)


def toy(**columns: object) -> gpd.GeoDataFrame:
    """Two payers and two recipients in one year, on unit squares of one degree."""
    base: dict[str, object] = {
        "year": 2007,
        "name": ["大厂回族自治县", "B", "献县", "D"],
        "city": ["廊坊市", "石家庄市", "沧州市", "承德市"],
        "province": "河北省",
        "area_km2": [10.0, 90.0, 100.0, 200.0],
        "account_deficit": [8.0, 4.0, -1.0, -2.0],
        "revised_deficit": [4.0, 4.0, -2.0, -2.0],
        "side": ["payer", "payer", "recipient", "recipient"],
        "priority_rank": [1, 2, 2, 1],
        "payable_before": [4.0, 4.0, 0.0, 0.0],
        "receivable_before": [0.0, 0.0, 2.0, 2.0],
        "lisa_class": ["HH", "ns", "ns", "LL"],
    }
    shapes = [box(115 + k, 38, 116 + k, 39) for k in range(4)]
    frame = gpd.GeoDataFrame({**base, **columns}, geometry=shapes, index=["U131028", "b", "U130929", "d"], crs="EPSG:4326")
    return frame.to_crs("EPSG:6933")


def centres(*rows: tuple[int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["year", "lon", "lat"]).assign(x=0.0, y=0.0)


def findings(outcome: Outcome, name: str, **limits: object) -> list:
    fact = {**published_facts()[name], **limits}
    return CHECKS[fact["check"]](outcome, fact)


def one(counties: gpd.GeoDataFrame | None = None, at: tuple[float, float] = (115.9, 38.25)) -> Outcome:
    return Outcome(toy() if counties is None else counties, centres((2007, *at)))


def test_the_facts_are_those_of_the_acceptance_list() -> None:
    facts = published_facts()
    assert [name for name in facts if name in {f"T{k}" for k in range(1, 8)}] == ["T1", "T2", "T3", "T4", "T5", "T6", "T7"]
    assert [unit["code"] for unit in facts["T3"]["units"]] == ["131028", "130524", "130530", "130924", "130505"]
    assert [unit["code"] for unit in facts["T3r"]["units"]] == ["130725", "130624", "130724", "130723", "130732"]
    assert [unit["code"] for unit in facts["T5h"]["units"]] == ["130929", "131124"]
    assert (facts["T6"]["low"], facts["T6"]["high"], facts["T6"]["band_low"], facts["T6"]["band_high"]) == (0.9, 1.1, 0.8, 1.25)
    assert all(fact["check"] in CHECKS and fact["en"] and fact["zh"] and fact["status"] for fact in facts.values())


def test_c16_the_box_and_its_sides() -> None:
    west, south, east, north = box_of(published_facts()["T5"])
    assert (west, east) == (115.75, 116 + 2 / 60) and (south, north) == (38 + 10 / 60, 38 + 20 / 60)
    width, height, diagonal = box_sides_km((west, south, east, north))
    assert width == pytest.approx(24.7, abs=0.2)
    assert height == pytest.approx(18.5, abs=0.2)
    assert diagonal == pytest.approx(30.9, abs=0.2)


def test_t1_t2_t6_by_hand() -> None:
    assert [(f.value, f.met) for f in findings(one(), "T1")] == [(2.0, True)]
    even = toy(payable_before=[2.0, 2.0, 0, 0])
    assert [(f.value, f.met) for f in findings(one(even), "T1")] == [(1.0, False)]
    nobody = toy(side="payer", receivable_before=0.0)
    assert [f.met for f in findings(one(nobody), "T1")] == [None]
    (gini,) = findings(one(), "T2")
    before = (3 * 8 + 4 - 2 - 3 * 1) / (4 * 15)
    after = (3 * 4 + 4 - 2 - 3 * 2) / (4 * 12)
    assert gini.value == pytest.approx(after) and after < before and gini.met
    assert not findings(one(toy(revised_deficit=[9.0, 1.0, -1.0, -1.0])), "T2")[0].met
    assert [(f.value, f.met, f.in_band) for f in findings(one(), "T6", n=1)] == [(2.0, False, False)]
    assert [(f.value, f.met, f.in_band) for f in findings(one(toy(payable_before=[2.4, 2, 0, 0])), "T6", n=1)] == [(1.2, False, True)]
    assert [f.met for f in findings(one(toy(payable_before=[2.1, 2, 0, 0])), "T6", n=1)] == [True]


def test_t3_by_hand() -> None:
    units = [{"code": "131028", "en": "Dachang", "names": []}, {"code": "000009", "en": "B", "names": ["B"]}]
    (found,) = findings(one(), "T3", units=units, band_always=[])
    assert (found.value, found.met, found.in_band, found.text) == (2.0, True, True, "2 of 2 (Dachang 1, B 2)")
    (late,) = findings(one(toy(priority_rank=[6, 1, 2, 1])), "T3", units=units, band_always=[])
    assert (late.met, late.in_band) == (False, True)
    (always,) = findings(one(toy(priority_rank=[6, 1, 2, 1])), "T3", units=units, band_always=["131028"])
    assert (always.met, always.in_band) == (False, False)
    (absent,) = findings(one(), "T3", units=[{"code": "000007", "en": "X", "names": ["X"]}], band_always=[])
    assert (absent.met, absent.in_band, absent.text) == (False, False, "0 of 1 (X -)")
    assert findings(one(), "T3s")[0].value == 2.0 and findings(one(), "T3s")[0].met
    assert not findings(one(toy(province=["河北省", "北京市", "河北省", "河北省"])), "T3s")[0].met
    assert not findings(one(toy(area_km2=[10.0, 400.0, 100.0, 200.0])), "T3s")[0].met
    both = gpd.GeoDataFrame(pd.concat([toy(), toy(year=2012, priority_rank=[2, 1, 2, 1])]), crs=toy().crs)
    (same,) = findings(Outcome(both, centres((2007, 115.9, 38.2), (2012, 115.9, 38.2))), "T3j")
    assert (same.value, same.met) == (1.0, True)
    (other,) = findings(Outcome(both, centres((2007, 115.9, 38.2))), "T3j", first=1)
    assert (other.value, other.met) == (0.0, False)
    assert findings(one(), "T3j")[0].met is None  # one year has no stability


def test_t4_t7_by_hand() -> None:
    found = {f.criterion: (f.value, f.met) for f in findings(one(), "T4")}
    assert found == {
        "high-high around Beijing": (1.0, True),
        "high-high Shijiazhuang": (0.0, False),
        "high-high Handan-Xingtai": (0.0, False),
        "low-low in the north": (1.0, True),
    }
    assert findings(one(toy().drop(columns="lisa_class")), "T4")[0].met is None
    assert findings(one(), "T7")[0].met is None  # one year neither rises nor falls
    low, high = ["ns"] * 4, ["HH"] * 4

    def over(years: dict[int, list[str]]) -> Outcome:
        parts = [toy(year=year, lisa_class=labels) for year, labels in years.items()]
        return Outcome(gpd.GeoDataFrame(pd.concat(parts), crs=parts[0].crs), centres((2007, 115.9, 38.2)))

    (peak,) = findings(over({2007: low, 2012: high, 2017: low}), "T7", classes=["HH"])
    assert (peak.value, peak.met) == (4.0, True)
    for labels in ((low, low, low), (low, high, high), (high, low, high)):
        (flat,) = findings(over(dict(zip((2007, 2012, 2017), labels))), "T7", classes=["HH"])
        assert flat.met is False
    (noisy,) = findings(over({2007: low, 2012: ["HH", "HH", "ns", "ns"], 2017: low}), "T7", classes=["HH"])
    assert (noisy.value, noisy.met) == (2.0, False)  # a rise and fall of two is what another seed does


def test_t5_by_hand() -> None:
    inside, outside = (findings(one(at=at), "T5")[0] for at in ((115.9, 38.25), (116.1, 38.25)))
    assert inside.met and inside.value == pytest.approx(9.25, abs=0.02)  # to the northern and southern side
    assert not outside.met and outside.value == pytest.approx(-(0.1 - 1 / 30) * 111.32 * np.cos(np.radians(38.25)), rel=0.01)
    assert findings(one(at=(np.nan, np.nan)), "T5")[0].met is None
    (host,) = findings(one(at=(117.5, 38.5)), "T5h")
    assert host.met and host.value == 0.0 and host.text == "献县"
    (beside,) = findings(one(at=(116.99, 38.5)), "T5h")
    assert not beside.met and beside.text.startswith("B, ") and beside.text.endswith(" km from Xian")
    assert beside.value == pytest.approx(0.01 * 96.486, rel=0.01)  # EPSG:6933 keeps lengths of 30 degrees
    (nowhere,) = findings(one(at=(130.0, 38.5)), "T5h")
    assert nowhere.text.startswith("no county of the study")
    frame = toy()
    for end, met in (((115.8, 38.2), True), ((116.0, 38.3), False), ((115.8, 38.3), False)):
        start = (115.9, 38.25)
        (drift,) = findings(Outcome(frame, centres((2007, *start), (2017, *end))), "T5d")
        assert drift.met is met
    assert findings(one(), "T5d")[0].met is None


def test_units_are_found_by_code_or_name() -> None:
    frame = pd.DataFrame({"name": ["a", "b", "b", "任县"]}, index=["131028", "x1", "x2", "old"])
    assert unit_of(frame, {"code": "131028", "names": ["b"]}) == "131028"
    assert unit_of(frame, {"code": "130505", "names": ["任泽区", "任县"]}) == "old"
    assert unit_of(frame, {"code": "130505", "names": ["b"]}) is None  # two of that name: no guess
    assert unit_of(frame, {"code": "130505", "names": ["c"]}) is None


def rows(*met: tuple[str, str, bool | None, bool | None]) -> pd.DataFrame:
    table = [(fact, criterion, 2007, 1.0, "text", is_met, band) for fact, criterion, is_met, band in met]
    return pd.DataFrame(table, columns=list(COLUMNS)).astype({"met": "boolean", "in_band": "boolean"})


def test_verdicts_by_hand() -> None:
    found = fact_verdicts(
        rows(
            ("a", "x", True, True),
            ("a", "x", True, True),
            ("b", "x", True, True),
            ("b", "x", False, True),
            ("c", "x", True, True),
            ("c", "y", False, False),
            ("d", "x", True, True),
            ("d", "x", False, False),
            ("e", "x", None, None),
        )
    ).set_index("fact")["verdict"]
    assert found.to_dict() == {"a": "met", "b": "in band", "c": "partly", "d": "not met", "e": "not known"}
    with pytest.raises(InputError, match="in_band"):
        fact_verdicts(rows(("a", "x", True, True)).drop(columns="in_band"))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_another_missed_year_never_betters_a_verdict(table: list[tuple[str, str, bool, bool]]) -> None:
    start = rows(*[(fact, criterion, met, met or band) for fact, criterion, met, band in table])
    before = fact_verdicts(start).set_index("fact")["verdict"]
    worse = pd.concat([start, rows((table[0][0], table[0][1], False, False))])
    after = fact_verdicts(worse).set_index("fact")["verdict"]
    order = [VERDICTS.index(found) for found in (before[table[0][0]], after[table[0][0]])]
    assert order[1] >= order[0]


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="revised_deficit"):
        Outcome(toy().drop(columns="revised_deficit"), centres((2007, 115.9, 38.2)))
    with pytest.raises(InputError, match="lon"):
        Outcome(toy(), centres((2007, 115.9, 38.2)).drop(columns="lon"))
    with pytest.raises(InputError, match="balance"):
        check_facts(one(), facts={"T9": {"check": "balances"}})
    accounts = gpd.GeoDataFrame({"year": [2007]}, geometry=[Point(0, 0)], index=["a"], crs="EPSG:6933")
    with pytest.raises(InputError, match="carbon_sink"):
        fact_matrix(accounts)
    with pytest.raises(InputError, match="different names"):
        fact_matrix(accounts, settings=[Setting("a"), Setting("a")])
    with pytest.raises(InputError, match="revised_deficit"):
        cluster_classes(accounts)
    with pytest.raises(InputError, match="carbon_source"):
        setting_outcome(accounts, Setting("a"))
    with pytest.raises(InputError, match="at least two years"):
        drift_check(accounts.assign(payable=1.0))


def squares(n: int, early: list[float], late: list[float]) -> gpd.GeoDataFrame:
    shapes = [box(x * 1e4, y * 1e4, (x + 1) * 1e4, (y + 1) * 1e4) for x in range(n) for y in range(n)]
    ids = [f"c{k:03d}" for k in range(n * n)]
    parts = [
        gpd.GeoDataFrame({"year": y, "payable": v}, geometry=shapes, index=ids, crs="EPSG:6933") for y, v in ((2007, early), (2017, late))
    ]
    return gpd.GeoDataFrame(pd.concat(parts), crs=parts[0].crs)


def test_a_sure_drift_is_told_from_noise_and_chance_is_not() -> None:
    rng = np.random.default_rng(3)
    base = rng.uniform(1, 2, 100)
    sure = drift_check(squares(10, list(base), list(base * np.repeat(np.linspace(1, 1.5, 10), 10))), draws=499)
    assert sure.is_more_than_noise and sure.bearing_deg == pytest.approx(90, abs=3) and sure.paired_distance > 20
    assert sure.ellipses_overlap  # each centre's own ellipse is too wide to see it
    chance = drift_check(squares(10, list(base), list(base * rng.uniform(0.98, 1.02, 100))), draws=499)
    assert not chance.is_more_than_noise and chance.ellipses_overlap
    still = drift_check(squares(10, list(base), list(base)), draws=99)
    assert still.is_more_than_noise is None and still.shift_km == 0.0  # no shift in any draw: nothing to test
    assert pytest.approx(chi2(2).ppf(0.95)) == CHI_SQUARED_95


@pytest.mark.slow
def test_the_paired_test_keeps_its_level() -> None:
    """Of 200 pairs of years that differ by chance alone about 5 % are called a drift (99.9 % band of the binomial: 3 to 21)."""
    rng = np.random.default_rng(1)
    called = 0
    for seed in range(200):
        early, late = (list(rng.uniform(1, 2, 144)) for _ in range(2))
        called += bool(drift_check(squares(12, early, late), draws=299, seed=seed).is_more_than_noise)
    assert 3 <= called <= 21


@given(st.integers(1, 50), st.integers(0, 2**31))
@settings(deadline=None, max_examples=15)
def test_drift_does_not_see_the_price_or_the_order(factor: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = squares(4, list(rng.uniform(1, 2, 16)), list(rng.uniform(1, 2, 16)))
    one_way = drift_check(frame, draws=30, seed=1)
    other = drift_check(frame.assign(payable=frame["payable"] * factor).sample(frac=1, random_state=0), draws=30, seed=1)
    assert other.paired_distance == pytest.approx(one_way.paired_distance, rel=1e-6)
    assert other.shift_km == pytest.approx(one_way.shift_km, rel=1e-6)


@pytest.fixture(scope="module")
def result(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return Study.open(shared / "studies" / "bth-county").run(tmp_path_factory.mktemp("facts"), until="accounts")


@pytest.fixture(scope="module")
def counties(result: Result) -> gpd.GeoDataFrame:
    return result.accounts_county


def verdicts_of(counties: gpd.GeoDataFrame, *wanted: str) -> pd.DataFrame:
    chosen = [each for each in default_settings() if each.name in wanted]
    assert len(chosen) == len(wanted)
    matrix = fact_matrix(counties, settings=chosen, permutations=99)
    return matrix.pivot_table(index="setting", columns="fact", values="verdict", aggfunc="first")


def test_the_published_setting_meets_the_facts_of_its_readme(counties: gpd.GeoDataFrame) -> None:
    outcome = setting_outcome(counties, Setting("published"), permutations=99)
    found = check_facts(outcome)
    verdict = fact_verdicts(found).set_index("fact")["verdict"]
    assert verdict[["T1", "T2", "T3s", "T3k", "T5"]].tolist() == ["met"] * 5
    assert verdict[["T3", "T3r", "T6"]].tolist() == ["in band"] * 3
    assert verdict[["T3j", "T5h", "T5d"]].tolist() == ["not met"] * 3
    by = found.set_index(["fact", "year"]).sort_index()
    assert [by.loc[("T1", y), "value"] for y in (2007, 2012, 2017)] == pytest.approx([4.349, 5.652, 4.930], rel=0.005)
    assert [by.loc[("T6", y), "value"] for y in YEARS] == pytest.approx([0.958, 1.164, 1.186, 1.092, 1.050], rel=0.005)
    assert [by.loc[("T2", y), "value"] for y in (2007, 2012, 2017)] == pytest.approx([0.310, 0.304, 0.311], abs=0.002)
    assert by.loc[("T5", 2010), "value"] == pytest.approx(0.006, abs=0.002)  # six metres inside the northern side
    assert by.loc[("T3", 2012), "text"] == "3 of 5 (Dachang 1, Baixiang 2, Xinhe 4, Haixing 23, Ren 13)"
    assert by.loc[("T3r", 2007), "value"] == 4.0 and "Fuping 6" in by.loc[("T3r", 2007), "text"]
    assert by.loc["T5h", "text"].str.startswith("肃宁县").all()
    drift = found.set_index("fact").loc["T5d"]
    assert drift["text"].startswith("3.2 km") and 45 < drift["value"] < 90  # east-north-east


def test_what_other_choices_fail(counties: gpd.GeoDataFrame) -> None:
    """The verdicts of the method's table: forms and districts that fail the named facts."""
    table = verdicts_of(
        counties,
        "published",
        "form none",
        "form normalised_composite",
        "form redistributed",
        "form equity_coefficients",
        "form duty_endowment",
        "form relative_share",
        "weight on gdp alone",
        "districts separate",
        "districts merged by city",
        "sink x 3 (very large)",
        "centre of receipts",
    )
    failed = {name: {fact for fact in row.index if row[fact] == "not met"} for name, row in table.iterrows()}
    assert {"T3", "T5", "T6"} <= failed["form none"]
    assert "T6" in failed["form normalised_composite"] and "T5" not in failed["form normalised_composite"]
    assert "T6" in failed["weight on gdp alone"]
    assert {"T2", "T3", "T5", "T6"} <= failed["form equity_coefficients"]
    for name in ("form redistributed", "form duty_endowment", "form relative_share"):
        assert {"T1", "T2"} <= failed[name]
    assert "T5" in failed["districts separate"] and "T5" in failed["districts merged by city"]
    assert "T1" in failed["sink x 3 (very large)"]
    assert "T5" in failed["centre of receipts"] and "T1" not in failed["centre of receipts"]
    assert not {"T1", "T2", "T3", "T5", "T6"} & failed["published"]
    kept = table.isin(["met", "in band"])[["T1", "T2", "T3", "T3r", "T5", "T6"]].sum(axis=1)
    assert kept.idxmax() in ("published", "centre of receipts") and kept["published"] == kept.max() == 6


def test_warnings_name_their_setting(counties: gpd.GeoDataFrame) -> None:
    with pytest.warns(DataWarning, match="setting 'shares floored at the 1 % quantile'.*U131028"):
        verdicts_of(counties, "shares floored at the 1 % quantile")


def test_a_further_sink_column_is_a_setting(counties: gpd.GeoDataFrame) -> None:
    more = counties.assign(carbon_sink_other=counties["carbon_sink"] * 2)
    names = [each.name for each in default_settings(sinks=["carbon_sink_other"])]
    assert "sink carbon_sink_other" in names
    pair = [Setting("a", sink="carbon_sink_other"), Setting("b", sink_factor=2.0)]
    matrix = fact_matrix(more, settings=pair, permutations=99)
    a, b = (matrix[matrix["setting"] == name].drop(columns="setting").reset_index(drop=True) for name in "ab")
    pd.testing.assert_frame_equal(a, b)


def test_classes_are_those_of_local_moran_whatever_the_order(counties: gpd.GeoDataFrame) -> None:
    outcome = setting_outcome(counties, Setting("published"), permutations=199, seed=5)
    year = outcome.counties[outcome.counties["year"] == 2012]
    neighbours = row_standardise(polygon_neighbours(year))
    wanted = local_moran(
        year["revised_deficit"], neighbours, permutations=199, seed=5, p_convention="folded_one_sided", draws="independent"
    )
    assert (year["lisa_class"] == wanted["lisa_class"]).all()
    shuffled = outcome.counties.sample(frac=1, random_state=1)
    again = cluster_classes(shuffled, permutations=199, seed=5)
    assert again.index.equals(shuffled.index)
    assert (again.to_numpy() == shuffled["lisa_class"].to_numpy()).all()


@pytest.mark.slow
def test_rp17_counts_with_independent_draws(counties: gpd.GeoDataFrame) -> None:
    for seed in (0, 20070101):
        outcome = setting_outcome(counties, Setting("published"), permutations=19_999, seed=seed)
        counts = {label: [int((part["lisa_class"] == label).sum()) for _, part in outcome.by_year] for label in ("HH", "LL")}
        assert counts["HH"] == pytest.approx([20, 19, 18, 19, 19], abs=2)
        assert counts["LL"] == pytest.approx([17, 16, 14, 16, 16], abs=2)
        found = check_facts(outcome).set_index(["fact", "criterion"])
        assert not found.loc["T7", "met"].any()
        assert found.loc[("T4", "high-high around Beijing"), "met"].all() and found.loc[("T4", "low-low in the north"), "met"].all()
        assert not found.loc[("T4", "high-high Shijiazhuang"), "met"].any()
        assert found.loc[("T4", "high-high Handan-Xingtai"), "met"].all()
    two = setting_outcome(counties, Setting("two", p_convention="two_sided"), permutations=19_999)
    assert [int((part["lisa_class"] == "HH").sum()) for _, part in two.by_year] == pytest.approx([15, 13, 15, 12, 14], abs=2)


def test_the_drift_of_the_study_is_noise(counties: gpd.GeoDataFrame) -> None:
    outcome = setting_outcome(counties, Setting("published"), permutations=99)
    drift = drift_check(outcome.counties, draws=999)
    assert drift.shift_km == pytest.approx(3.2, abs=0.05)
    assert drift.sd_lon_deg == pytest.approx(0.13, abs=0.02)
    assert drift.ellipses_overlap and drift.is_more_than_noise is False


@pytest.fixture(scope="module")
def made(counties: gpd.GeoDataFrame) -> Reproduction:
    with pytest.warns(DataWarning, match="floored"):
        return reproduce(counties, permutations=99, draws=99)


@pytest.mark.slow
def test_the_page_says_what_was_computed(result: Result, made: Reproduction) -> None:
    page = reproduction_page(result, made=made)
    for text in ("**140 counties** (194 units", "| Ren (payer) | 24 | 18 | 13 | 17 | 22 |", "0.958, 1.164, 1.186, 1.092, 1.050", "肃宁县"):
        assert text in page
    for name, fact in published_facts().items():
        assert f"| {name} | {fact['en']} |" in page
    assert "shared" not in page.lower()
    for line in page.splitlines():
        assert not re.search(r"\bnan\b|None", line), line
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert len(tables) > 60


@pytest.mark.slow
def test_reasons_are_given_for_what_is_missed_and_only_for_that(made: Reproduction) -> None:
    missed = set(made.verdicts.loc[made.verdicts["verdict"] != "met", "fact"])
    told = reasons(made)
    assert set(told) == missed
    assert "崇礼区" in told["T3r"] and "km towards" in told["T5d"] and "20 to 23 recipients" in told["T6"]
    assert set(made.matrix["setting"]) == {each.name for each in default_settings()}


@pytest.mark.slow
def test_the_page_in_the_docs_is_the_one_that_is_computed(result: Result, tmp_path: Path) -> None:
    script = ROOT / "tools" / "make_reproduction_page.py"
    spec = importlib.util.spec_from_file_location("make_reproduction_page", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.warns(DataWarning, match="floored"):
        page = reproduction_page(result)
    assert module.PAGE.read_text(encoding="utf-8") == page, "run tools/make_reproduction_page.py again"
