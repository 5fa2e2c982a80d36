"""A column of values lined up with its neighbours, ready for a spatial statistic.

Units are put in the order of their sorted ids, so that a result does not depend on the order of the rows. A unit whose value is
not known is dropped with its links and listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.numerics.autocorrelation import deviations
from carbonshed.numerics.links import is_binary
from carbonshed.spatial.neighbours import as_sparse, row_standardise

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Values = pd.Series | ArrayLike

STANDARDISATIONS = ("as_given", "row", "binary")
SMALLEST_N = 4
"""Fewer units than this have no statistic."""


@dataclass(frozen=True)
class Field:
    """Known values and their links, in the order of sorted ids; `place` is their place among the caller's rows."""

    index: pd.Index
    place: Integers
    values: Floats
    links: csr_array
    weights: str

    def spread(self, values: NDArray[Any], missing: float) -> NDArray[Any]:
        """A value of each known unit in the order of the caller's rows, `missing` where there is none."""
        if self.has_all_in_order:
            return values
        whole = np.full(len(self.index), missing, dtype=values.dtype)
        whole[self.place] = values
        return whole

    @cached_property
    def has_all_in_order(self) -> bool:
        """Whether these are all of the caller's rows in the caller's order."""
        return self.place.size == len(self.index) and bool((self.place[1:] > self.place[:-1]).all())

    @cached_property
    def centred(self) -> Floats:
        """Deviations from the mean, exact zeros where they are rounding."""
        return deviations(self.values)

    @cached_property
    def is_defined(self) -> bool:
        """Whether a statistic exists: enough units, at least one link, and values that differ."""
        return self.values.size >= SMALLEST_N and self.links.nnz > 0 and bool(self.centred.any())

    @cached_property
    def islands(self) -> NDArray[np.bool_]:
        """Units without neighbours."""
        return np.diff(self.links.indptr) == 0


def prepare(values: Values, neighbours: object, *, standardisation: str = "as_given", where: str) -> Field:
    """Line up values and neighbours: drop what is not known, sort by id, standardise; and warn of what was found.

    Parameters
    ----------
    values : Series or array_like of float, length n
    neighbours : scipy sparse matrix or libpysal Graph
    standardisation : {"as_given", "row", "binary"}
        ``as_given`` keeps the weights; row-standardised ones are standardised again where a unit was dropped.
    where : str
        The calling function, for messages.

    Raises
    ------
    InputError
        If ids repeat or do not match the neighbours, a value is infinite, or an option is unknown.
    """
    choose(standardisation, STANDARDISATIONS, where="standardisation")
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values).ravel())
    given = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if not series.index.is_unique:
        repeated = series.index[series.index.duplicated()]
        raise refuse("repeated_id", expected="each unit once", got=examples(repeated), where=where, fix="Give one year at a time.")
    if np.isinf(given).any():
        endless = series.index[np.isinf(given)]
        raise refuse("not_finite", expected="finite values", got=f"infinite in {examples(endless)}", where=where, fix="Mend the ratio.")
    links = as_sparse(neighbours, series.index)
    kind = _kind_of(links) if standardisation == "as_given" else standardisation
    known = ~np.isnan(given)
    place = np.flatnonzero(known)
    if not series.index.is_monotonic_increasing:
        place = place[np.argsort(np.asarray(series.index.astype(str))[place], kind="stable")]
    if place.size < given.size or bool((place[1:] < place[:-1]).any()):
        links, given = csr_array(links[place][:, place]), given[place]
        links.sort_indices()
    if standardisation == "binary":
        links = csr_array((np.ones(links.nnz), links.indices, links.indptr), shape=links.shape)
    elif standardisation == "row" or (kind == "row" and not known.all()):
        links = row_standardise(links)
    field = Field(series.index, place, given, links, kind)
    if not known.all():
        warn(f"{where}: {(~known).sum()} of {known.size} units have no value and are left out: {examples(series.index[~known])}.")
    if not field.is_defined:
        why = "fewer than four units" if place.size < SMALLEST_N else "no links" if not links.nnz else "all values are equal"
        warn(f"{where}: not defined ({why}); the result is NaN.")
    return field


def _kind_of(links: csr_array) -> str:
    if is_binary(links):
        return "binary"
    sums = (links @ np.ones(links.shape[1]))[np.diff(links.indptr) > 0]
    return "row" if bool((np.abs(sums - 1.0) <= 1e-9).all()) else "general"
