"""Global and local autocorrelation, conditional permutation by the sorted sweep, p-values and the false discovery rate."""

from fractions import Fraction
from itertools import permutations as orders
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from carbonshed.checks import InputError
from carbonshed.numerics import autocorrelation as auto
from carbonshed.numerics import permutation as perm
from carbonshed.numerics.permutation_sweep import define


def links(pairs, n):
    one, other = np.array(pairs).T
    return csr_array((np.ones(2 * len(pairs)), (np.r_[one, other], np.r_[other, one])), shape=(n, n))


def row(weights):
    return csr_array(weights.multiply(1 / np.maximum(weights.sum(axis=1), 1e-300)[:, None]))


def rook(side, *, wrap=False):
    cells = np.arange(side * side).reshape(side, side)
    pairs = [*zip(cells[:, :-1].ravel(), cells[:, 1:].ravel()), *zip(cells[:-1].ravel(), cells[1:].ravel())]
    if wrap:
        pairs += [*zip(cells[:, -1], cells[:, 0]), *zip(cells[-1], cells[0])]
    return links(pairs, side * side)


def random_links(rng, n, share):
    dense = np.triu(rng.random((n, n)) < share, 1).astype(float)
    return csr_array(dense + dense.T)


LINE = links([(0, 1), (1, 2), (2, 3)], 4)
ONE_TO_FOUR = np.array([1.0, 2, 3, 4])
ONE_TO_NINE = np.arange(1.0, 10)


# by hand


def test_line_one_to_four():
    assert auto.moran_i(ONE_TO_FOUR, LINE) == pytest.approx(1 / 3, abs=1e-12)
    assert auto.geary_c(ONE_TO_FOUR, LINE) == pytest.approx(0.3, abs=1e-12)
    assert auto.general_g(ONE_TO_FOUR, LINE) == pytest.approx(4 / 7, abs=1e-12)
    assert auto.moran_i(ONE_TO_FOUR, row(LINE)) == pytest.approx(0.4, abs=1e-12)
    assert auto.geary_c(ONE_TO_FOUR, row(LINE)) == pytest.approx(0.3, abs=1e-12)


def test_three_by_three():
    weights = rook(3)
    assert weights.sum() == 24
    assert auto.moran_i(ONE_TO_NINE, weights) == pytest.approx(0.5, abs=1e-12)
    assert auto.geary_c(ONE_TO_NINE, weights) == pytest.approx(1 / 3, abs=1e-12)
    assert auto.general_g(ONE_TO_NINE, weights) == pytest.approx(34 / 87, abs=1e-12)
    assert auto.moran_i(ONE_TO_NINE, row(weights)) == pytest.approx(5 / 9, abs=1e-12)
    assert auto.geary_c(ONE_TO_NINE, row(weights)) == pytest.approx(1 / 3, abs=1e-12)


@pytest.mark.parametrize("wrap", [False, True])
def test_checkerboard_is_minus_one(wrap):
    board = (np.indices((4, 4)).sum(axis=0) % 2).ravel().astype(float)
    assert auto.moran_i(board, rook(4, wrap=wrap)) == pytest.approx(-1, abs=1e-12)


def test_local_moran_of_the_line_averages_to_i():
    local = auto.local_moran_i(ONE_TO_FOUR, row(LINE))
    np.testing.assert_allclose(local, [0.6, 0.2, 0.2, 0.6], atol=1e-12)
    assert local.mean() == pytest.approx(auto.moran_i(ONE_TO_FOUR, row(LINE)), abs=1e-12)


def test_gi_star_of_the_line():
    z = auto.getis_ord_z(ONE_TO_FOUR, LINE, np.ones(4))
    np.testing.assert_allclose(z, [-1.5492, -1.3416, 1.3416, 1.5492], atol=1e-4)


def test_gi_leaves_the_site_itself_out():
    """Site 0: others 2, 3, 4 have mean 3, s = sqrt(2/3); W = S1 = 1; (2 - 3) / (s sqrt((3 - 1) / 2)) = -sqrt(1.5)."""
    assert auto.getis_ord_z(ONE_TO_FOUR, LINE)[0] == pytest.approx(-np.sqrt(1.5), abs=1e-12)


def test_gi_star_of_a_site_linked_to_all_others_is_unknown():
    star = links([(0, 1), (0, 2), (0, 3)], 4)
    z = auto.getis_ord_z(ONE_TO_FOUR, star, np.ones(4))
    assert np.isnan(z[0])
    assert np.isfinite(z[1:]).all()


def test_constant_field_and_islands_are_unknown():
    flat = np.full(4, 0.1)
    assert np.isnan([auto.moran_i(flat, LINE), auto.geary_c(flat, LINE)]).all()
    assert np.isnan(auto.local_moran_i(flat, LINE)).all()
    assert np.isnan(auto.getis_ord_z(flat, LINE, np.ones(4))).all()
    alone = links([(0, 1), (1, 2)], 4)
    for local in (auto.local_moran_i(ONE_TO_FOUR, alone), auto.getis_ord_z(ONE_TO_FOUR, alone, np.ones(4))):
        assert np.isnan(local).tolist() == [False, False, False, True]
    assert np.isnan(auto.general_g(np.zeros(4), LINE))
    assert np.isnan(auto.moran_i(ONE_TO_FOUR, csr_array((4, 4))))


def test_deviation_of_the_mean_itself_is_exactly_zero():
    assert np.mean([0.1, 0.2, 0.3]) != 0.2  # rounding
    assert auto.deviations(np.array([0.1, 0.2, 0.3]))[1] == 0


def test_weight_sums_by_hand():
    """Line of three, row-standardised: w01 = 1, w10 = w12 = 0.5, w21 = 1."""
    sums = auto.weight_sums(row(links([(0, 1), (1, 2)], 3)))
    assert sums == pytest.approx((3, 0.5 * 4 * 1.5**2, 1.5**2 + 3**2 + 1.5**2))


# oracles


def test_moments_are_those_of_all_orders_of_the_values():
    """E and variance of G are exact over all 720 orders; E[I] = -1/(n-1)."""
    values, weights = np.array([1.0, 2, 4, 7, 11, 3]), links([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 3), (1, 4)], 6)
    fields = np.array(list(orders(values)))
    g = np.array([auto.general_g(field, weights) for field in fields])
    assert g.mean() == pytest.approx(weights.sum() / 30, rel=1e-12)
    assert auto.general_g_variance(values, auto.weight_sums(weights)) == pytest.approx(g.var(), rel=1e-9)
    assert np.mean([auto.moran_i(field, weights) for field in fields]) == pytest.approx(-1 / 5, abs=1e-12)


def test_normal_variances_are_those_of_normal_fields():
    rng = np.random.default_rng(5)
    weights = row(random_links(rng, 12, 0.3))
    sums = auto.weight_sums(weights)
    fields = rng.standard_normal((20000, 12))
    moran = np.array([auto.moran_i(field, weights) for field in fields])
    geary = np.array([auto.geary_c(field, weights) for field in fields])
    assert auto.moran_variance(12, sums) == pytest.approx(moran.var(), rel=0.04)  # standard error of a variance: 1 %
    assert auto.geary_variance(12, sums) == pytest.approx(geary.var(), rel=0.04)


def test_permuted_statistics_are_the_statistics_of_shuffled_fields():
    rng = np.random.default_rng(8)
    values, weights = rng.random(30), row(random_links(rng, 30, 0.15))
    drawn = auto.permuted_statistics(values, weights, permutations=20, seed=3)
    shuffles = np.random.default_rng(3)
    fields = [shuffles.permutation(auto.deviations(values)) + values.mean() for _ in range(20)]
    np.testing.assert_allclose(drawn.moran_i, [auto.moran_i(f, weights) for f in fields], atol=1e-12)
    np.testing.assert_allclose(drawn.geary_c, [auto.geary_c(f, weights) for f in fields], atol=1e-12)
    np.testing.assert_allclose(drawn.general_g, [auto.general_g(f, weights) for f in fields], atol=1e-12)


def exact_counts(values, weights, table):
    """The definition in exact fractions: for each site, permutations with a sum >= and <= the observed one."""
    exact = [Fraction(str(value)) for value in values]
    greater, less = [], []
    for i in range(len(values)):
        near = weights.indices[weights.indptr[i] : weights.indptr[i + 1]]
        if near.size == 0:
            greater.append(-1)
            less.append(-1)
            continue
        observed = sum(exact[j] for j in near)
        sums = [sum(exact[d + (d >= i)] for d in drawn[: near.size]) for drawn in table.tolist()]
        greater.append(sum(s >= observed for s in sums))
        less.append(sum(s <= observed for s in sums))
    return greater, less


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(4, 25),
    share=st.floats(0.02, 0.9),
    kind=st.sampled_from(["tenths", "few", "large", "continuous"]),
)
def test_sweep_equals_the_definition_with_ties_and_islands(seed, n, share, kind):
    rng = np.random.default_rng(seed)
    values = {
        "tenths": rng.integers(0, 12, n) / 10,
        "few": rng.integers(-1, 2, n) * 1.0,
        "large": 1e9 + rng.integers(0, 5, n) * 1000.0,
        "continuous": rng.standard_normal(n).round(6),
    }[kind]
    weights = random_links(rng, n, share)
    table = perm.draw_table(n, int(np.diff(weights.indptr).max(initial=0)), permutations=39, seed=seed)
    expected = exact_counts(values, weights, table)
    for scaled, few, few_sites in product((weights, row(weights)), (0, 10**9), (0, 2, 10**9)):
        with pytest.MonkeyPatch.context() as patch:  # by the sweep, its sums sorted, some of them, or none, and by new sums
            patch.setattr(perm, "FEW_LINKS", few)
            patch.setattr(perm, "FEW_LINKS_A_ROUND", 0)
            patch.setattr(perm, "FEW_SITES", few_sites)
            greater, less = perm.conditional_counts(values, scaled, table)
        assert (greater.tolist(), less.tolist()) == expected


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 20))
def test_unequal_weights_follow_the_definition(seed, n):
    rng = np.random.default_rng(seed)
    values, weights = rng.standard_normal(n), random_links(rng, n, 0.5)
    weights.data = rng.uniform(0.1, 2, weights.nnz)
    table = perm.draw_table(n, n - 1, permutations=29, seed=seed)
    greater, less = perm.conditional_counts(values, weights, table)
    for i in range(n):
        own = weights.data[weights.indptr[i] : weights.indptr[i + 1]]
        if own.size:
            drawn = table[:, : own.size]
            sums = values[drawn + (drawn >= i)] @ own
            observed = values[weights.indices[weights.indptr[i] : weights.indptr[i + 1]]] @ own
            assert (greater[i], less[i]) == (np.sum(sums >= observed - 1e-12), np.sum(sums <= observed + 1e-12))


@pytest.mark.parametrize("few", [0, 10**9])
def test_unequal_and_equal_weights_agree_where_they_meet(few, monkeypatch):
    monkeypatch.setattr(perm, "FEW_LINKS", few)
    monkeypatch.setattr(perm, "FEW_LINKS_A_ROUND", 0)
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal(80), random_links(rng, 80, 0.1)
    table = perm.draw_table(80, int(np.diff(weights.indptr).max()), permutations=199, seed=1)
    assert perm.has_equal_weights(weights)
    by_sweep = perm.conditional_counts(values, weights, table)
    by_definition = define(values, weights.indptr, weights.indices, weights.data, table, 0, 80)
    np.testing.assert_array_equal(by_sweep, by_definition)


@pytest.mark.parametrize("tail", [1.0, 40.0])
def test_more_permutations_than_buckets_and_long_tails_follow_the_definition(tail, monkeypatch):
    monkeypatch.setattr(perm, "FEW_SITES", 0)
    rng = np.random.default_rng(3)
    values, weights = np.exp(tail * rng.standard_normal(300)).round(3), random_links(rng, 300, 0.01)
    table = perm.draw_table(300, int(np.diff(weights.indptr).max()), permutations=4999, seed=1)
    steps, links = perm._to_steps(values, table.shape[1]), (weights.indptr, weights.indices)
    by_sweep = np.empty((2, 300), np.int64)
    perm.sweep(steps, *links, table, np.argsort(table.ravel()), 0, 0, *by_sweep)
    np.testing.assert_array_equal(by_sweep, perm.plain(steps, *links, table, 0, 300))


def test_no_byte_depends_on_the_threads_of_blas():
    side = 150
    values, weights = np.random.default_rng(1).standard_normal(side * side), rook(side)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            z = [auto.getis_ord_z(values, weights, own) for own in (None, np.ones(values.size))]
            whole = [statistic(values, weights) for statistic in (auto.moran_i, auto.geary_c, auto.general_g)]
            found.append((auto.local_moran_i(values, weights).tobytes(), *(each.tobytes() for each in z), *whole))
    assert found[0] == found[1]


@pytest.mark.parametrize("levels", [5, 700])
def test_benjamini_hochberg_by_levels_is_that_of_sorting(levels, monkeypatch):
    p = np.random.default_rng(2).integers(1, 900, 2000) / 1000.0
    p[::7] = np.nan
    expected = scipy.stats.false_discovery_control(p[~np.isnan(p)])
    monkeypatch.setattr(perm, "MOST_LEVELS", levels)  # more different ones are sorted
    adjusted = perm.benjamini_hochberg(p)
    np.testing.assert_allclose(adjusted[~np.isnan(p)], expected, rtol=1e-14)
    assert np.isnan(adjusted[::7]).all()


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("part", [7, 30, 1000])
def test_parts_of_the_sweep_change_nothing(unequal, part, monkeypatch):
    """Sites in parts, islands and ties among them: the counts are those of the definition at every site."""
    monkeypatch.setattr(perm, "PART", part)
    monkeypatch.setattr(perm, "FEW_LINKS", 0)
    monkeypatch.setattr(perm, "FEW_LINKS_A_ROUND", 0)
    rng = np.random.default_rng(part)
    for n in (1, 2, 8, 61):
        values, weights = rng.integers(-2, 3, n).astype(float), random_links(rng, n, 0.1)
        if unequal:
            weights.data = rng.choice([0.25, 0.5, 2.0], weights.nnz)
        columns = int(np.diff(weights.indptr).max(initial=0))
        table = perm.draw_table(n, columns, permutations=49, seed=1) if n > 1 else np.zeros((49, 0), np.int64)
        counted = perm.conditional_counts(values, weights, table)
        np.testing.assert_array_equal(counted, define(values, weights.indptr, weights.indices, weights.data, table, 0, n))


def test_independent_draws_have_the_same_distribution_but_other_draws():
    rng = np.random.default_rng(4)
    values, weights = rng.standard_normal(40), random_links(rng, 40, 0.1)
    table = perm.draw_table(40, int(np.diff(weights.indptr).max()), permutations=9999, seed=1)
    shared, _ = perm.conditional_counts(values, weights, table)
    own, _ = perm.independent_counts(values, weights, permutations=9999, seed=1)
    again, _ = perm.independent_counts(values, weights, permutations=9999, seed=1)
    np.testing.assert_array_equal(own, again)
    share = np.clip(shared / 9999, 0.001, 0.999)
    spread = np.sqrt(2 * share * (1 - share) / 9999)
    assert np.all(np.abs(shared - own) / 9999 <= 5 * spread)
    assert (shared != own).any()


# draws


def test_a_draw_is_without_replacement_and_uniform():
    table = perm.draw_table(5, 2, permutations=60000, seed=2)
    assert (table[:, 0] != table[:, 1]).all()
    ordered_pairs = np.unique(table[:, 0] * 4 + table[:, 1], return_counts=True)[1]
    assert ordered_pairs.size == 12
    assert scipy.stats.chisquare(ordered_pairs).pvalue > 0.001


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 1000), data=st.data())
def test_rows_of_draws_are_distinct_ids_of_the_others(n, seed, data):
    columns = data.draw(st.integers(0, n - 1))
    table = perm.draw_table(n, columns, permutations=7, seed=seed)
    assert table.shape == (7, columns)
    assert all(len(set(drawn)) == columns and set(drawn) <= set(range(n - 1)) for drawn in table.tolist())
    np.testing.assert_array_equal(table, perm.draw_table(n, columns, permutations=7, seed=seed))


def test_refused_draws():
    with pytest.raises(InputError, match="at most 3 neighbours"):
        perm.draw_table(4, 4)
    with pytest.raises(InputError, match="at least 2 distinct ids"):
        perm.conditional_counts(ONE_TO_FOUR, LINE, np.zeros((9, 1), dtype=np.int64))
    with pytest.raises(InputError, match=r"ids in 0\.\.2; got shape \(1, 2\), ids 0\.\.3"):
        perm.conditional_counts(ONE_TO_FOUR, LINE, np.array([[0, 3]]))


# p-values


def test_smallest_p_with_999_permutations():
    none, all_of_them = np.array([0]), np.array([999])
    assert perm.pseudo_p(none, all_of_them, 999)[0] == 0.002
    assert perm.pseudo_p(none, all_of_them, 999, p_convention="folded_one_sided")[0] == 0.001
    assert perm.pseudo_p(all_of_them, none, 999)[0] == 0.002


@given(greater=st.integers(0, 99), ties=st.integers(0, 99))
def test_p_values_lie_between_the_smallest_and_one(greater, ties):
    less = min(99, 99 - greater + ties)
    two = perm.pseudo_p(np.array([greater]), np.array([less]), 99)[0]
    folded = perm.pseudo_p(np.array([greater]), np.array([less]), 99, p_convention="folded_one_sided")[0]
    assert 0.02 <= two <= 1
    assert 0.01 <= folded <= 0.5 + 0.005
    assert two == min(1, 2 * min(1 + greater, 1 + less) / 100)


def test_p_of_an_island_is_unknown_and_an_unknown_convention_refused():
    assert np.isnan(perm.pseudo_p(np.array([-1]), np.array([-1]), 99)).all()
    with pytest.raises(InputError, match="two_sided"):
        perm.pseudo_p(np.array([1]), np.array([1]), 99, p_convention="one_sided")


def test_benjamini_hochberg_example():
    p = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.060, 0.074, 0.205, 0.212, 0.216])
    adjusted = perm.benjamini_hochberg(p)
    np.testing.assert_allclose(adjusted, [0.010, 0.040, 0.084, 0.084, 0.084, 0.100, 0.1057, 0.216, 0.216, 0.216], atol=5e-5)
    assert (adjusted <= 0.05).sum() == 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_benjamini_hochberg_is_that_of_scipy_and_ignores_what_is_unknown(p):
    adjusted = perm.benjamini_hochberg(np.array([*p, np.nan]))
    np.testing.assert_allclose(adjusted[:-1], scipy.stats.false_discovery_control(p), atol=1e-12)
    assert np.isnan(adjusted[-1])


# invariants


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-1e3, 1e3), factor=st.floats(0.01, 100))
def test_translation_and_scaling_change_nothing(seed, shift, factor):
    rng = np.random.default_rng(seed)
    values, weights = rng.random(15), row(random_links(rng, 15, 0.3))
    moved = values * factor + shift
    for statistic in (auto.moran_i, auto.geary_c):
        assert statistic(moved, weights) == pytest.approx(statistic(values, weights), abs=1e-6, nan_ok=True)
    own = np.ones(15)
    np.testing.assert_allclose(auto.getis_ord_z(moved, weights, own), auto.getis_ord_z(values, weights, own), atol=1e-6)
    assert auto.general_g(values * factor, weights) == pytest.approx(auto.general_g(values, weights), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(0.1, 10))
def test_gi_does_not_see_the_scale_of_a_row_of_weights(seed, factor):
    rng = np.random.default_rng(seed)
    values, weights = rng.random(15), random_links(rng, 15, 0.3)
    for own in (None, np.ones(15)):
        scaled = None if own is None else own * factor
        np.testing.assert_allclose(auto.getis_ord_z(values, weights * factor, scaled), auto.getis_ord_z(values, weights, own), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_local_moran_averages_to_i_without_islands(seed):
    rng = np.random.default_rng(seed)
    ring = links([(i, (i + 1) % 12) for i in range(12)], 12)
    weights = row(csr_array(ring.maximum(random_links(rng, 12, 0.2))))
    values = rng.standard_normal(12)
    assert auto.local_moran_i(values, weights).mean() == pytest.approx(auto.moran_i(values, weights), abs=1e-12)


def test_global_statistics_equal_esda():
    """Oracle esda, to 1e-12: I, C, G and their normal p-values."""
    esda = pytest.importorskip("esda")
    libpysal = pytest.importorskip("libpysal")
    rng = np.random.default_rng(11)
    weights, values = random_links(rng, 40, 0.12), rng.random(40)
    neighbours = {i: weights.indices[weights.indptr[i] : weights.indptr[i + 1]].tolist() for i in range(40)}
    w = libpysal.weights.W(neighbours, silence_warnings=True)
    moran, geary, g = esda.Moran(values, w, permutations=0), esda.Geary(values, w, permutations=0), esda.G(values, w, permutations=0)
    sums, standard = auto.weight_sums(weights), row(weights)
    assert auto.moran_i(values, standard) == pytest.approx(moran.I, abs=1e-12)
    assert auto.geary_c(values, standard) == pytest.approx(geary.C, abs=1e-12)
    assert auto.moran_variance(40, auto.weight_sums(standard)) == pytest.approx(moran.VI_norm, rel=1e-12)
    assert auto.geary_variance(40, auto.weight_sums(standard)) == pytest.approx(geary.VC_norm, rel=1e-12)
    assert auto.general_g(values, weights) == pytest.approx(g.G, rel=1e-12)
    assert auto.general_g_variance(values, sums) == pytest.approx(g.VG, rel=1e-9)


def test_settled_by_hand():
    noisy = 200 * (1 + 4e-4 * np.array([0.0, 1.0, *[0.5] * 200]))
    assert len(set(auto.settled(noisy).tolist())) == 1 and auto.settled(noisy)[0] == pytest.approx(noisy.mean())
    for signal in (np.array([1.0, 1.001, 1.002]), np.array([0.0] * 99 + [1.0]), np.array([1.0] * 1_000_000 + [1.02]), np.zeros(0)):
        assert auto.settled(signal) is signal
    gap = auto.settled(np.array([3.0, np.nan, 3.0 + 1e-9]))
    assert np.isnan(gap[1]) and gap[0] == gap[2]


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.floats(0.5, 2e6), st.sampled_from([1, -1]))
def test_settled_does_not_depend_on_units_or_sign(values, factor, sign):
    field = np.array(values)
    one, other = auto.settled(field), auto.settled(sign * factor * field)
    if field.std() > 1e-9 and abs(field.std() - auto.SAME * np.abs(field).max()) > 1e-9:
        assert (np.ptp(one) == 0) == (np.ptp(other) == 0)
    assert one.mean() == pytest.approx(field.mean(), abs=1e-9)
