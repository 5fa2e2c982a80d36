"""Sentences that a run records in English, in the language of the report."""

from __future__ import annotations

import re
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonshed.checks import DataWarning
from carbonshed.numerics.trend import mann_kendall
from carbonshed.present.recorded import is_recorded, recorded, sentences
from carbonshed.present.words import Words
from carbonshed.scale.rules import Curves, consensus, moran_cv, moran_max
from carbonshed.zoning.features import fit_features
from carbonshed.zoning.name import failed_checks

EN, ZH = Words("en"), Words("zh")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_row_has_both_languages_and_names_only_its_own_places():
    for row in sentences():
        held = set(re.compile(row["pattern"]).groupindex)
        for lang in ("zh", "en"):
            assert {name for _, name, _, _ in string.Formatter().parse(row[lang]) if name} <= held
        assert CHINESE.search(row["zh"]) and not CHINESE.search(row["en"])


@pytest.mark.parametrize(
    ("text", "zh"),
    [
        ("carbon_sink: pieces = cells of 12 km [t CO2 a-1]", "碳汇（碳吸收量）：地块合计 = 12 km 格网合计 [t CO₂/年]"),
        ("no priority without GDP: 130723, 130725 and 2 more.", "缺少地区生产总值，没有优先级：130723、130725 等，另有 2 个。"),
        ("cap unknown, hence none, where fiscal_revenue_yuan is missing: all payers.", "缺少财政收入，封顶额未知，故不封顶：所有支付方。"),
        ("recipient: no cell has this zone", "没有单元属于受偿区"),
        ("the zones are not separable: payment: no cell has this zone; recipient: no cell has this zone.", "分区不可区分：没有单元属于支付区；没有单元属于受偿区。"),
        ("features left out: nrca_built_up (needs built_up); ecc (follows from the others (the columns of NRCA sum to zero))",
         "略去的指标：归一化显示性比较优势：建设用地（需要建设用地）；碳排放经济贡献系数（可由其余各列推出：NRCA 各列之和为零）"),
        ("features that say nearly the same: ecc and esc (r = -0.975)", "内容几乎相同的指标：碳排放经济贡献系数与碳生态承载系数（r = -0.975）"),
        ("class_transitions: the steps between the years differ (2, 3 years); their transitions are pooled all the same.", "各年份的间隔不同（2、3 年）；其转移仍合并统计。"),
        ("a.csv: counties brought onto the base year: merged into 1301, 1302 (2); split 1305 (1).", "a.csv：各县已归并到基准年区划：并入 1301、1302（2 个）；拆分 1305（1 个）。"),
        ("a.csv: expected registered terms; got column 'Notes', which is not used. Nothing to do if it is not needed.", "a.csv：'Notes' 列不是已登记的变量，未被使用；不需要则不必处理。"),
    ],
)  # fmt: skip
def test_known_sentences(text, zh):
    assert recorded(text, ZH) == zh and is_recorded(text)


@given(st.text(max_size=60))
def test_any_other_text_stays_as_it_is(text):
    if not is_recorded(text):
        assert recorded(text, ZH) == recorded(text, EN) == text


def test_the_reasons_of_the_rules_are_all_worded():
    """The sentences come from the rules themselves, so a reworded one is found here."""
    scales = np.array([3.0, 6.0, 9.0, 12.0])
    moran, cv = np.array([0.5, 0.8, 0.7, 0.6]), np.array([1.0, 0.99, 0.98, 0.97])
    yes, no = np.ones(4, dtype=bool), np.zeros(4, dtype=bool)
    others = {"loss_information": np.array([0.1, 0.3, 0.4, 0.45]), "q": np.array([0.1, 0.2, 0.3, 0.2])}
    answers = [
        moran_cv(curves(scales, moran, cv, significant, others), cv_tol=tol, allow_last=False)
        for significant, tol, cv in ((yes, 0.05, cv), (no, 0.05, cv), (yes, 1e-9, cv), (yes, 0.05, cv * np.nan))
    ]
    answers.append(moran_cv(curves(scales, np.array([0.796, 0.8, 0.7, 0.6]), cv, yes, others), cv_tol=0.05, allow_last=False))
    answers += [moran_max(curves(scales, moran, cv, yes, others)), moran_max(curves(scales, moran * np.nan, cv, yes, others))]
    answers.append(consensus(curves(scales, moran, cv, yes, others), weights={"moran_i": 1.0, "q": 3.0}))
    for answer in answers:
        assert is_recorded(answer.reason), answer.reason
        assert CHINESE.search(recorded(answer.reason, ZH))


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [1.0, 2.0, 4.0, 3.0, 5.0]])
def test_the_warning_of_short_series_is_worded(values):
    """The warning comes from the function itself, so a reworded one is found here."""
    with pytest.warns(DataWarning) as told:
        mann_kendall(values)
    assert is_recorded(str(told[0].message))


def test_the_warnings_of_features_are_worded():
    """Features left out, and features that are alike."""
    x = np.arange(40.0)
    frame = pd.DataFrame({"nrca_carbon_source": x, "nrca_carbon_sink": x + np.sin(9 * x), "nrca_population": 7.0})
    with pytest.warns(DataWarning) as told:
        fit_features(frame, features="nrca")
    assert len(told) >= 2 and all(is_recorded(str(each.message)) for each in told), [str(each.message) for each in told]


def curves(scales, moran, cv, significant, others) -> Curves:
    return Curves(scales=scales, moran=moran, cv=cv, significant=significant, others=others)


def test_the_hard_checks_are_all_worded():
    found = failed_checks(["payment", "payment"], np.array([1.0, 9.0]), np.array([5.0, 5.0]))
    found += failed_checks(["payment", "recipient"], np.array([1.0, 9.0]), np.array([5.0, 0.0]))
    found += failed_checks(["payment", "recipient"], np.array([1.0, 9.0]), np.array([5.0, 5.0]))
    assert len(found) >= 4 and all(is_recorded(each) for each in found), found
