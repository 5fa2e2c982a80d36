import re
import tomllib

import pytest

from carbonshed.accounting.carbon_sinks import CROPLAND_OF_SINK
from carbonshed.checks import InputError
from carbonshed.study.config import parse_spec, read_spec
from carbonshed.study.toml_text import to_toml

COUNTIES = {"boundaries": "c.gpkg", "id": "unit_id", "table": "c.csv"}
LEAST = {"study": {"name": "x", "years": [2000]}, "counties": COUNTIES, "accounting": {"sink_mode": "table"}}


def refused(data):
    with pytest.raises(InputError) as caught:
        parse_spec(data)
    return [str(p) for p in caught.value.problems]


def test_the_least_study_has_the_contracts_defaults():
    spec = parse_spec(LEAST)
    assert (spec.study.crs, spec.zoning.method, spec.scale.rule, spec.compensation.preset) == (
        "auto",
        "som_kmeans",
        "moran_cv",
        "recommended",
    )
    assert spec.compensation.price == "cn-ets:2024" and spec.grid.base_km == 1


def test_an_unknown_key_names_its_nearest_and_its_section():
    assert "Did you mean 'revision'?" in refused({**LEAST, "compensation": {"revison": "none"}})[0]
    assert "Did you mean 'counties'?" in refused({**LEAST, "conties": {}})[0]
    assert "belongs into [compensation]" in refused({**LEAST, "grid": {"closure": "none"}})[0]


def test_all_problems_come_at_once():
    problems = refused(
        {"study": {"name": "x", "years": [2005, 2000]}, "zoning": {"methode": "som"}, "grid": {"base_km": 2, "scales_km": [3]}}
    )
    assert len(problems) == 3 and any("not multiples of base_km" in p for p in problems)


def test_values_name_the_nearest_choice():
    assert "Did you mean 'scale_larger'?" in refused({**LEAST, "compensation": {"closure": "scale_larg"}})[0]


@pytest.mark.parametrize("sink_mode", ["landuse_coeff", "npp_gross", "npp_scaled", "table"])
def test_cropland_mode_follows_the_sink_mode(sink_mode):
    land = {"product": "clcd", "path": "lc_{year}.tif"}
    npp = {"npp": {"other": 400}} if sink_mode.startswith("npp") else {}
    data = {**LEAST, "land_cover": land, "accounting": {"sink_mode": sink_mode, **npp}}
    assert parse_spec(data).accounting.cropland == CROPLAND_OF_SINK[sink_mode]
    other = "npp" if CROPLAND_OF_SINK[sink_mode] == "source" else "source"
    assert "goes with cropland_mode" in refused({**data, "accounting": {"sink_mode": sink_mode, "cropland_mode": other, **npp}})[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"study": {"name": "x", "years": [2000]}}, "needs [counties], [land_cover], or both"),
        ({"study": {"name": "x", "years": [2000]}, "land_cover": {"product": "clcd", "path": "a"}}, "[region] boundary"),
        ({**LEAST, "accounting": {}}, "only accounting.sink_mode = 'table'"),
        ({**LEAST, "emissions": {"path": "e.csv"}}, "emissions cannot be spread"),
        ({**LEAST, "accounting": {"sink_mode": "npp_gross"}}, "needs npp"),
        ({**LEAST, "emissions": {"path": "e.csv", "weights": {"built_up": 1}}}, "weighted_proxy"),
        ({**LEAST, "zoning": {"features": "bugdet"}}, "budget, nrca, density"),
        ({**LEAST, "compensation": {"fiscal_cap": 2}}, "fiscal_cap"),
        ({**LEAST, "compensation": {"fiscal_cap": True}}, "fiscal_cap"),
        ({**LEAST, "scale": {"permutations": 9}}, "permutations"),
    ],
)
def test_contradictions_are_refused(data, says):
    assert any(says in text for text in refused(data))


def test_a_missing_or_broken_file_is_one_clear_message(tmp_path):
    with pytest.raises(InputError, match="carbonshed init"):
        read_spec(tmp_path)
    (tmp_path / "study.toml").write_text("[study\n")
    with pytest.raises(InputError, match="TOML file"):
        read_spec(tmp_path)


def test_the_shipped_templates_and_sample_are_valid():
    from importlib import resources

    data = resources.files("carbonshed").joinpath("data")
    for name in ("templates/study_en.toml", "templates/study_zh.toml", "samples/bth_2019.toml"):
        parse_spec(tomllib.loads(data.joinpath(name).read_text(encoding="utf-8")), where=name)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_the_template_only_names_is_a_key_with_a_valid_value(lang):
    from importlib import resources

    text = resources.files("carbonshed").joinpath("data", "templates", f"study_{lang}.toml").read_text(encoding="utf-8")
    spec = parse_spec(tomllib.loads(re.sub(r"^# (?!npp)(\[\w+\]|\w+ = )", r"\1", text, flags=re.M)))
    assert spec.zoning.weights == {"share_difference": 2} and spec.zoning.contiguous and spec.zoning.policy == "policy.toml"
    assert (spec.zoning.min_size, spec.zoning.runs, spec.scale.draws) == (5, 20, 200)  # the defaults
    assert spec.emissions is not None and spec.emissions.compare_with == "lights" and spec.report.explain


def test_toml_text_comes_back_as_it_was():
    data = {
        "study": {"name": '京津冀 "x"', "years": [2000, 2005], "seed": 1},
        "accounting": {"npp": {"cropland": 296.0, "other": 399.5}},
        "compensation": {"fiscal_cap": False, "price": 95.96, "leave_out": ["a", "b"]},
        "notes": [{"en": "a", "zh": "b"}],
        "sources": {"land_cover": {"citation": "c"}},
    }
    assert tomllib.loads(to_toml(data)) == data


def test_the_shared_county_study_is_read(shared):
    spec = read_spec(shared / "studies" / "bth-county")
    assert spec.compensation.preset == "published" and spec.counties.is_district == "is_municipal_district"
