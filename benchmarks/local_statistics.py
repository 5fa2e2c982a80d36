"""Local Moran and Gi* with permutation p-values against esda; the same draws, p-values equal before a time is taken."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

from benchmarks.harness import Measured, Quoted, Row, measure, quoted
from carbonshed.numerics.permutation import conditional_counts, draw_table, pseudo_p
from carbonshed.spatial.neighbours import lattice_neighbours
from carbonshed.spatial.statistics import getis_ord, local_moran

SIDE = 316
PERMUTATIONS = 999


def smooth_field(side: int) -> pd.Series:
    """A field with clusters on a square lattice, above 0."""
    rng = np.random.default_rng(1)
    field = 10 * gaussian_filter(rng.standard_normal((side, side)), 1.5).ravel() + 0.3 * rng.standard_normal(side * side)
    return pd.Series(field - field.min() + 1)


def queen(side: int) -> csr_array:
    """Queen neighbours of a square lattice."""
    return lattice_neighbours(*np.divmod(np.arange(side * side), side))


def distance_weights(links: csr_array) -> csr_array:
    """The same links with weights that differ within a row, as those of a distance band do."""
    rows = np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))
    low, high = np.minimum(rows, links.indices), np.maximum(rows, links.indices)
    return csr_array((1.0 / (1.0 + (low * 31 + high * 17) % 7), links.indices, links.indptr), shape=links.shape)


def esda_result(statistic: str, values: np.ndarray, links: csr_array, permutations: int) -> object:
    """The statistic by esda on one processor, its default on such data; weights as given (Moran: row-standardised)."""
    import esda
    from libpysal.graph import Graph

    graph = Graph.from_sparse(links)
    settings = {"permutations": permutations, "seed": 7, "n_jobs": 1, "keep_simulations": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if statistic == "local Moran":
            return esda.Moran_Local(values, graph, transformation="r", **settings)
        return esda.G_Local(values, graph, transform="B", star=True, **settings)


def assert_p(statistic: str, side: int, *, unequal: bool = False) -> str:
    """p-values equal to esda's with esda's own table of draws, but where a draw ties with the data (esda breaks ties by rounding)."""
    from esda.crand import vec_permutations

    values, links = smooth_field(side), queen(side)
    links = distance_weights(links) if unequal else links
    table = vec_permutations(8, len(values), PERMUTATIONS, 7)
    theirs = esda_result(statistic, values.to_numpy(), links, PERMUTATIONS)
    options = {"table": table, "p_convention": "folded_one_sided"}
    if statistic == "local Moran":
        p = local_moran(values, links, standardisation="row", **options)["local_moran_p"]
    else:
        p = getis_ord(values, links, **options)["gi_star_p"]
    greater, less = conditional_counts(values.to_numpy(), links, table)
    ties = greater + less - PERMUTATIONS
    apart = np.abs(np.rint(p * 1000) - np.rint(theirs.p_sim * 1000)).to_numpy()
    assert (apart <= ties).all() and (ties > 0).mean() < 0.01, (statistic, int((apart > ties).sum()), int((ties > 0).sum()))
    return f"all {len(p):,} p-values equal to esda's for its own draws"


def peer(statistic: str, values: pd.Series, links: csr_array) -> Measured:
    """esda on the whole field, once; its kernels are compiled by the check before."""
    return measure(lambda: esda_result(statistic, values.to_numpy(), links, PERMUTATIONS), repeat=1, warm=False)


def p_values(values: pd.Series, links: csr_array) -> np.ndarray:
    """Draws, counts of both tails and p: what most of the peer's time goes into."""
    table = draw_table(len(values), 8, permutations=PERMUTATIONS)
    return pseudo_p(*conditional_counts(values.to_numpy(), links, table), PERMUTATIONS)


def rows() -> Iterator[Row]:
    """Rows of the table."""
    values, links = smooth_field(SIDE), queen(SIDE)
    size = f"n = {len(values):,}, queen, {PERMUTATIONS} permutations"
    ours = {
        "local Moran": lambda: local_moran(values, links, permutations=PERMUTATIONS),
        "Gi*": lambda: getis_ord(values, links, permutations=PERMUTATIONS),
    }
    for statistic, call in ours.items():
        same = assert_p(statistic, 60)
        mine = measure(call, repeat=15)
        yield Row(f"{statistic}, p and classes", size, mine, "esda", peer(statistic, values, links), same, at_least_times=500)
    kernel = measure(lambda: p_values(values, links), repeat=15)
    note = "arrays in, arrays out; the rows above also make the statistic, both classes and a table"
    theirs = peer("local Moran", values, links)
    yield Row("local Moran or Gi*, p alone", size, kernel, "esda", theirs, "as above", at_least_times=500, note=note)
    both = measure(lambda: [call() for call in ours.values()], repeat=15)
    yield Row("local Moran and Gi*", size, both, "-", None, "as above", at_most_s=0.05)

    uneven = distance_weights(links)
    same = assert_p("local Moran", 60, unequal=True)
    mine = measure(lambda: local_moran(values, uneven, standardisation="row", permutations=PERMUTATIONS), repeat=5)
    theirs = peer("local Moran", values, uneven)
    yield Row("local Moran, unequal weights", size.replace("queen", "unequal weights"), mine, "esda", theirs, same, at_least_times=20)

    large = smooth_field(1000)
    mine = measure(lambda: local_moran(large, queen(1000), permutations=9999), repeat=3)
    note = "the peer's figure is for 999 permutations, extrapolated"
    name, figure = quoted("esda", 900)
    assert isinstance(figure, Quoted)
    size = "n = 1,000,000, queen, 9,999 permutations, weights included"
    yield Row(
        "local Moran, p and classes", size, mine, name, figure, "counts equal to the plain definition (tests)", at_most_s=1, note=note
    )
