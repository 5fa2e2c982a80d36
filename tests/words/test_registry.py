import re

import pytest

from carbonshed import registry
from carbonshed.checks import InputError

CONTRACT = """unit_id year scale_km name area_km2 carbon_source carbon_sink net_carbon_emission geometry quantity n_cells moran_i moran_z moran_p cv
local_moran_i local_moran_p lisa_class lisa_class_fdr gi_star_z gi_star_p p_convention som_node cluster zone zone_confidence n_units account_deficit
revised_deficit payable receivable net_compensation side priority priority_rank priority_class priority_capacity payer recipient compensation_flow
distance_km lon lat shift_km bearing_deg ellipse_major_km ellipse_minor_km ellipse_angle_deg chosen rule low_km high_km plateau flags reason""".split()


@pytest.mark.parametrize("name", CONTRACT)
def test_every_column_of_a_result_is_a_term_in_both_languages(name):
    term = registry.term(name)
    assert term.zh and term.en and term.unit and term.definition
    assert term.kind in registry.KINDS


def test_every_row_is_complete_and_unique():
    terms = registry.terms()
    assert all(t.kind in registry.KINDS for t in terms.values())
    headers = [t.header for t in terms.values() if t.header]
    assert len(headers) == len(set(headers)) and not set(headers) & set(terms)
    assert all(any("一" <= c <= "鿿" for c in t.zh) for t in terms.values())


def test_a_term_is_found_by_header_symbol_chinese_and_english():
    assert {registry.term(w).name for w in ("carbon_sink", "carbon_sink_t", "S", "碳汇（碳吸收量）", "carbon sink (uptake)")} == {
        "carbon_sink"
    }


def test_an_intensive_weight_is_itself_a_term():
    assert all(t.weight in registry.terms() for t in registry.terms().values() if t.weight)


def test_an_unknown_term_names_its_nearest():
    with pytest.raises(InputError, match="carbon_sink"):
        registry.term("carbon_snik")


def test_every_term_has_a_chinese_definition_and_no_other_line_has_one():
    assert set(registry.definitions_zh()) == set(registry.terms()), (
        "a term stands in terms.toml, its Chinese definition in definitions_zh.toml"
    )
    for name, said in registry.definitions_zh().items():
        assert any("一" <= c <= "鿿" for c in said), f"{name} is defined in Latin letters only"
        assert registry.term(name).definition_zh == said


def test_chinese_definitions_hold_the_numbers_and_columns_of_the_english_ones():
    for term in registry.terms().values():
        ours, theirs = (set(re.findall(r"\d+\.\d+|[a-z]+_[a-z_]+[a-z]", said)) for said in (term.definition_zh, term.definition))
        assert not {part for part in ours ^ theirs if part not in registry.terms()}, term.name


def test_a_term_is_said_in_the_language_that_is_asked_for():
    term = registry.term("ecc")
    assert term.said("zh")["定义"] == term.definition_zh and "definition" not in term.said("zh")
    assert term.said()["definition"] == term.definition and "definition_zh" not in term.said()
    assert term.defined("en") == term.definition and {"definition", "definition_zh"} <= set(term.as_dict())


def test_terms_are_read_only():
    with pytest.raises(TypeError):
        registry.terms()["x"] = registry.term("zone")
