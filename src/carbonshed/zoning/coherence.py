"""Whether zones hang together in space: join counts, cells without a fellow, patches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from carbonshed.checks import refuse
from carbonshed.numerics.contiguity import patches
from carbonshed.zoning.name import MISSING, ZONES

Integers = NDArray[np.int64]


def zone_coherence(zones: ArrayLike, neighbours: csr_array) -> pd.DataFrame:
    """Join counts and patches of each zone.

    A join is a link of two cells, counted once. Of J joins, those within a zone of n_z among n cells have under random labelling (the
    zones' sizes kept) the expectation ``J P_2``, ``P_m = n_z (n_z - 1) ... / (n (n - 1) ...)`` (m factors), and the variance
    ``J P_2 + K P_3 + (J^2 - J - K) P_4 - (J P_2)^2``, ``K = sum_i d_i (d_i - 1)``, d_i the number of neighbours of i.

    Parameters
    ----------
    zones : array_like of str, shape (n,)
        Cells whose zone is `missing` are left out, with their links.
    neighbours : csr_array (n, n), symmetric

    Returns
    -------
    DataFrame
        Index `zone` (those that occur); `n_units`, `n_joins` within, `expected_joins`, `joins_z`, `n_patches`, `mean_patch` and
        `largest_patch` (cells), `isolated_share` (of the zone's cells that have neighbours, those without a neighbour of their zone).

    Raises
    ------
    InputError
        Zones and neighbours of different numbers.

    Notes
    -----
    Source: Cliff and Ord (1981), non-free sampling, textbook form.

    Examples
    --------
    >>> row = csr_array(np.eye(4, k=1) + np.eye(4, k=-1))
    >>> zone_coherence(["payment", "payment", "payment", "recipient"], row)[["n_joins", "expected_joins", "n_patches"]].values.tolist()
    [[2.0, 1.5, 1.0], [0.0, 0.0, 1.0]]
    """
    named, links = _known(zones, neighbours)
    degree = np.diff(links.indptr)
    joins, chains = links.nnz / 2.0, float((degree * (degree - 1.0)).sum())
    patch, fellows = patches(named, links), _fellows(named, links)
    rows = {}
    for zone in [each for each in ZONES if (named == each).any()]:
        own = named == zone
        p2, p3, p4 = (_all_of(int(own.sum()), len(named), m) for m in (2, 3, 4))
        expected = joins * p2
        variance = expected + chains * p3 + (joins**2 - joins - chains) * p4 - expected**2
        within, sizes = float(fellows[own].sum()) / 2.0, np.bincount(patch[own])
        sizes, linked = sizes[sizes > 0], own & (degree > 0)
        z = (within - expected) / math.sqrt(variance) if variance > 1e-9 * max(expected, 1.0) else float("nan")
        alone = float((fellows[linked] == 0).mean()) if linked.any() else float("nan")
        row: dict[str, Any] = {"n_units": int(own.sum()), "n_joins": within, "expected_joins": expected, "joins_z": z}
        row |= {"n_patches": len(sizes), "mean_patch": float(sizes.mean()), "largest_patch": int(sizes.max()), "isolated_share": alone}
        rows[zone] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("zone")


def coherence_totals(zones: ArrayLike, neighbours: csr_array) -> dict[str, float]:
    """Coherence of all zones together, as plain numbers.

    `same_joins`: share of the joins that lie within zones; `coherence`: that share adjusted for chance, ``(same - E) / (1 - E)`` with
    ``E = sum_z n_z (n_z - 1) / (n (n - 1))``, 1 where no join crosses and 0 for random labels; `isolated_share`; `mean_patch` (cells);
    `n_patches`. NaN where there are no joins, or a single zone.

    >>> row = csr_array(np.eye(4, k=1) + np.eye(4, k=-1))
    >>> coherence_totals(["payment", "payment", "recipient", "recipient"], row)["coherence"].__round__(12)  # same 2/3, E = 4 / 12
    0.5
    """
    named, links = _known(zones, neighbours)
    fellows, degree = _fellows(named, links), np.diff(links.indptr)
    counts = np.unique(named, return_counts=True)[1] if len(named) else np.zeros(0)
    same = float(fellows.sum() / degree.sum()) if degree.sum() else float("nan")
    expected = float(sum(_all_of(int(count), len(named), 2) for count in counts))
    n_patches = int(patches(named, links).max()) + 1 if len(named) else 0
    return {
        "same_joins": same,
        "coherence": (same - expected) / (1.0 - expected) if expected < 1.0 else float("nan"),
        "isolated_share": float((fellows[degree > 0] == 0).mean()) if (degree > 0).any() else float("nan"),
        "mean_patch": len(named) / n_patches if n_patches else float("nan"),
        "n_patches": n_patches,
    }


def _known(zones: ArrayLike, neighbours: csr_array) -> tuple[NDArray[np.str_], csr_array]:
    named = np.asarray(zones, dtype=str).ravel()
    if neighbours.shape != (len(named), len(named)):
        got = f"{len(named)} zones, neighbours {neighbours.shape}"
        raise refuse("other_units", expected="neighbours of the zoned cells", got=got, where="neighbours", fix="Take both from one frame.")
    known = named != MISSING
    return named[known], csr_array(neighbours[known][:, known])


def _fellows(named: NDArray[np.str_], links: csr_array) -> Integers:
    """Number of neighbours of the own zone."""
    pairs = links.tocoo()
    same = named[pairs.row] == named[pairs.col]
    return np.bincount(pairs.row[same], minlength=len(named))


def _all_of(own: int, n: int, m: int) -> float:
    """Probability that m different cells of n, drawn at random, are all among `own`."""
    return math.prod((own - i) / (n - i) for i in range(m)) if own >= m else 0.0
