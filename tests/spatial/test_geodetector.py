"""Geodetector on columns: conventions by name, published values, pairs of strata and of factors."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carbonshed.checks import DataWarning, InputError
from carbonshed.spatial.geodetector import (
    CONVENTIONS,
    ecological_detector,
    factor_detector,
    interaction_detector,
    risk_detector,
)

single = pytest.mark.filterwarnings("ignore:geodetector.* strata have one member")

Y = pd.Series([1.0, 2, 3, 7, 8, 9], index=list("pqrstu"))
ZONE = pd.Series(list("aaabbb"), index=Y.index, name="zone")


@pytest.fixture(scope="module")
def collect(shared):
    """The neural-tube data of Wang et al. (2010), as shipped with R geodetector."""
    return pd.read_csv(shared / "data" / "spatial-stats-reference" / "geodetector_CollectData.csv")


def test_by_hand():
    """L13: q = 54 / 58, F = 54."""
    result = factor_detector(Y, ZONE)
    assert result.index.tolist() == ["zone"] and result.index.name == "factor"
    row = result.loc["zone"]
    assert row["q"] == pytest.approx(54 / 58, abs=1e-12) and row["f"] == pytest.approx(54)
    assert row["permutation_p"] == pytest.approx(0.1, abs=0.03)  # 2 of the 20 divisions into threes
    assert (row["n"], row["n_strata"], row["n_single"], row["convention"]) == (6, 2, 0, "textbook")


@single
def test_one_case_has_three_values():
    """Seven values in strata of one, three and three: variances over N, over N - 1, and without the stratum of one."""
    y, strata = pd.Series(range(1, 8), dtype=float), pd.Series(list("xyyyzzz"))
    q = {name: factor_detector(y, strata, convention=name, permutations=0)["q"].item() for name in CONVENTIONS}
    assert q["textbook"] == q["r_geodetector"] == pytest.approx(6 / 7)
    assert q["gd"] == pytest.approx(1 - (3 * 1 + 3 * 1) / (7 * 28 / 6))
    assert q["gdverse"] == pytest.approx(0.771429, abs=5e-7)


def test_published_factors(collect):
    """R geodetector 1.0-5: q to 1e-12, p to the six digits to which it agrees."""
    factors = ["watershed", "soiltype", "elevation"]
    result = factor_detector(collect["incidence"], collect[factors], convention="r_geodetector")
    assert result["q"].tolist() == pytest.approx([0.637773670070423, 0.385716842809428, 0.606708709727727], abs=1e-12)
    assert result["p"].tolist() == pytest.approx([0.0001169914, 0.3632363, 0.04080407], rel=1e-5)
    textbook = factor_detector(collect["incidence"], collect[factors])
    assert textbook["q"].tolist() == result["q"].tolist()
    assert (textbook["p"] != result["p"]).all()


@single
def test_gd_is_what_that_package_computes(collect):
    """Oracle: its formulas, written out: sd of each stratum, length times its square, F of that q, and twice the upper tail."""
    for name in ("watershed", "soiltype", "elevation"):
        groups = [part["incidence"].to_numpy() for _, part in collect.groupby(name)]
        y = collect["incidence"].to_numpy()
        n, k = y.size, len(groups)
        q = 1 - sum(part.size * part.var(ddof=1) for part in groups if part.size > 1) / (n * y.var(ddof=1))
        f = (n - k) / (k - 1) * q / (1 - q)
        m = np.array([part.mean() for part in groups])
        shift = (np.sum(m**2) - np.sum([np.sqrt(part.size) * part.mean() for part in groups]) ** 2 / n) / y.var(ddof=1)
        p = min(1.0, 2 * scipy.stats.ncf.sf(f, k - 1, n - k, shift))
        row = factor_detector(collect["incidence"], collect[name], convention="gd", permutations=0).iloc[0]
        assert row[["q", "f"]].tolist() == pytest.approx([q, f], rel=1e-10)
        assert row["p"] == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("size", [20, 50])
@single
def test_real_factors(shared, size):
    """Climate explains more of the change of NDVI than mining, at both grid sizes and in every convention, with p = 0.001."""
    data = pd.read_csv(shared / "data" / "spatial-stats-reference" / f"GD_ndvi_{size}.csv")
    for convention in CONVENTIONS:
        result = factor_detector(data["NDVIchange"], data[["Climatezone", "Mining"]], convention=convention)
        assert result.loc["Climatezone", "q"] > result.loc["Mining", "q"] > 0
        assert (result["permutation_p"] == 0.001).all()


@single
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 3), st.integers(0, 2)), min_size=5, max_size=30), st.floats(0.1, 10))
def test_q_is_a_share_and_rises_on_splitting(rows, factor):
    """L14, and no unit of y nor order of rows is seen."""
    frame = pd.DataFrame(rows, columns=["y", "whole", "part"])
    assume(np.ptp(frame["y"]) > 1e-2)
    split = frame["whole"].astype(str) + "/" + frame["part"].astype(str)
    q = factor_detector(frame["y"], frame.assign(split=split)[["whole", "split"]], permutations=0)["q"]
    assert -1e-12 <= q["whole"] <= q["split"] + 1e-9 <= 1 + 2e-9
    moved = frame.sample(frac=1, random_state=1)
    assert factor_detector(moved["y"] * factor + 7, moved["whole"], permutations=0)["q"].item() == pytest.approx(q["whole"], abs=1e-6)


def test_strata_that_explain_everything():
    everything = factor_detector(pd.Series([1.0, 1, 5, 5]), pd.Series(list("aabb")), convention="gd")
    assert everything["q"].item() == 1 and everything["p"].item() == 0
    with pytest.warns(DataWarning, match="all values are equal"):
        assert factor_detector(Y * 0, ZONE)["q"].isna().all()


def test_unknown_rows_are_left_out_and_listed():
    values = Y.copy()
    values["p"] = np.nan
    zone = ZONE.astype(object)
    zone["u"] = None
    with pytest.warns(DataWarning, match="factor zone: 2 of 6 rows are not known and left out: p, u"):
        result = factor_detector(values, zone, permutations=0)
    assert result["n"].item() == 4
    assert result["q"].item() == pytest.approx(factor_detector(values.iloc[1:5], ZONE.iloc[1:5], permutations=0)["q"].item())


def test_published_interactions(collect):
    result = interaction_detector(collect["incidence"], collect[["watershed", "soiltype", "elevation"]])
    assert result["q_both"].tolist() == pytest.approx([0.735680548139531, 0.71359677853471, 0.663523698335635], abs=1e-12)
    assert (result["kind"] == "enhance_bivariate").all()
    assert result[["factor_1", "factor_2"]].values.tolist() == [
        ["watershed", "soiltype"],
        ["watershed", "elevation"],
        ["soiltype", "elevation"],
    ]


def test_published_risk_means(collect):
    """Means by stratum as printed by R geodetector (6 decimals); t of every pair is scipy's Welch test."""
    published = {
        "soiltype": [6.340000, 6.687500, 6.583279, 5.843810, 6.347073],
        "watershed": [6.167813, 6.813103, 6.474231, 6.728000, 5.910000, 5.845714, 6.494167, 6.360769, 6.579231],
    }
    for name, means in published.items():
        result = risk_detector(collect["incidence"], collect[name])
        found = {**dict(zip(result["stratum_1"], result["mean_1"])), **dict(zip(result["stratum_2"], result["mean_2"]))}
        assert [found[key] for key in sorted(found)] == pytest.approx(means, abs=5e-7)
        for row in result.itertuples():
            one, other = (collect.loc[collect[name] == each, "incidence"] for each in (row.stratum_1, row.stratum_2))
            test = scipy.stats.ttest_ind(one, other, equal_var=False)
            assert (row.t, row.p, row.df) == pytest.approx((test.statistic, test.pvalue, test.df), rel=1e-9)
            assert row.is_significant == (test.pvalue <= 0.05)
        assert len(result) == len(means) * (len(means) - 1) // 2


def test_risk_by_hand():
    row = risk_detector(Y, ZONE).iloc[0]
    assert row[["stratum_1", "stratum_2", "n_1", "n_2", "mean_1", "mean_2", "difference"]].tolist() == ["a", "b", 3, 3, 2, 8, -6]
    alone = risk_detector(Y, pd.Series(list("aaaaab"), index=Y.index)).iloc[0]
    assert np.isnan(alone["t"]) and not alone["is_significant"]


def test_ecological(collect):
    """F is the ratio of 1 - q; of q in the habit of R geodetector; every pair."""
    factors = ["watershed", "soiltype", "elevation"]
    q = factor_detector(collect["incidence"], collect[factors], permutations=0)["q"]
    result = ecological_detector(collect["incidence"], collect[factors])
    expected = [(1 - q[a]) / (1 - q[b]) for a, b in combinations(factors, 2)]
    assert result["f"].tolist() == pytest.approx(expected, rel=1e-9)
    n = len(collect) - 1
    p = [2 * min(scipy.stats.f.sf(f, n, n), scipy.stats.f.cdf(f, n, n)) for f in expected]
    assert result["p"].tolist() == pytest.approx(p, rel=1e-9)
    assert result["is_significant"].tolist() == [True, False, True]
    by_q = ecological_detector(collect["incidence"], collect[factors], convention="r_geodetector", alpha=0.1)
    assert by_q["f"].tolist() == pytest.approx([max(q[a], q[b]) / min(q[a], q[b]) for a, b in combinations(factors, 2)])
    limit = scipy.stats.f.ppf(0.9, n, n)
    assert by_q["is_significant"].tolist() == (by_q["f"] > limit).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: factor_detector(Y, ZONE, convention="gdd"), "Did you mean 'gd'"),
        (lambda: factor_detector(Y, ZONE.reset_index(drop=True)), "strata in the index of the values"),
        (lambda: factor_detector(Y.replace(9, np.inf), ZONE), "finite numbers"),
        (lambda: factor_detector(ZONE, ZONE), "expected numbers"),
        (lambda: interaction_detector(Y, ZONE.to_frame()), "at least two factors"),
        (lambda: ecological_detector(Y, ZONE.to_frame()), "at least two factors"),
        (lambda: ecological_detector(Y, ZONE.to_frame(), convention="excel"), "textbook, gd, r_geodetector"),
        (lambda: risk_detector(Y, ZONE.replace("b", "a")), "at least two strata; got a"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call()
