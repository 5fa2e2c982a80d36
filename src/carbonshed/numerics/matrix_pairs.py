"""Pairs of a row and a column whose costs are all given, as `transport` asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COST_BITS = 30
"""Costs are rounded to 2^-30 of their range, so that every sum of costs is exact in float64 and a tie is a tie."""

FEW_PAIRS = 250_000
"""So many pairs are solved at once; of more, the cheapest of each row and column come first."""

FIRST = 16
"""Cheapest pairs of each row and column to begin with."""

BLOCK = 2**22
"""Pairs that are looked at in one go."""


def grain(lowest: float, highest: float) -> float:
    """The power of two that turns costs above the lowest into whole numbers of at most 2^30.

    >>> grain(0.0, 1024.0) == 2.0**20
    True
    """
    return 1.0 if highest == lowest else float(2.0 ** (COST_BITS - np.ceil(np.log2(highest - lowest))))


def all_pairs(n: int, m: int) -> tuple[Integers, Integers]:
    """Each row with each column."""
    return np.repeat(np.arange(n), m), np.tile(np.arange(m), n)


def each_once(rows: Integers, columns: Integers, m: int) -> tuple[Integers, Integers]:
    """The pairs in the order of rows and columns, none twice; m columns."""
    rows, columns = np.divmod(np.unique(rows * m + columns), m)
    return rows, columns


class MatrixPairs:
    """All pairs of a matrix of costs.

    Parameters
    ----------
    matrix : float array, shape (n, m)
        Finite.
    """

    def __init__(self, matrix: Floats):
        self.matrix = matrix
        self.shape = (matrix.shape[0], matrix.shape[1])
        self.lowest, highest = float(matrix.min()), float(matrix.max())
        self.per_cost = grain(self.lowest, highest)
        self.highest = float(np.rint((highest - self.lowest) * self.per_cost))

    def part(self, rows: Integers, columns: Integers) -> MatrixPairs:
        """The pairs of these rows and columns."""
        return MatrixPairs(self.matrix[np.ix_(rows, columns)])

    def costs(self, rows: Integers, columns: Integers) -> Floats:
        """Costs of these pairs."""
        return np.asarray(self.matrix[rows, columns], dtype=np.float64)

    def first(self, supply: Integers, need: Integers) -> tuple[Integers, Integers, Floats, Floats]:
        """The cheapest pairs of each row and of each column; all, where these are few. No prices."""
        n, m = self.shape
        rows, columns = all_pairs(n, m) if n * m <= FEW_PAIRS else self._cheapest()
        return rows, columns, np.zeros(n), np.zeros(m)

    def _cheapest(self) -> tuple[Integers, Integers]:
        n, m = self.shape
        across, down = _least(self.matrix, FIRST), _least(self.matrix.T, FIRST)
        rows = np.concatenate([np.repeat(np.arange(n), across.shape[1]), down.ravel()])
        return each_once(rows, np.concatenate([across.ravel(), np.repeat(np.arange(m), down.shape[1])]), m)

    def within(self, row_prices: Floats, column_prices: Floats, most: int) -> tuple[Integers, Integers, bool]:
        """Pairs whose whole cost is at most the sum of both prices, the cheapest `most` of a row, and whether these are all."""
        rows, columns, is_all = [], [], True
        for block in _blocks(*self.shape):
            whole = np.rint((self.matrix[block] - self.lowest) * self.per_cost)
            slack = whole - row_prices[block, None] - column_prices[None, :]
            i, j = np.nonzero(slack <= 0)
            full = np.bincount(i, minlength=slack.shape[0]) > most
            if full.any():
                is_all = False
                some = ~full[i]
                i = np.concatenate([i[some], np.repeat(np.flatnonzero(full), most)])
                j = np.concatenate([j[some], np.argpartition(slack[full], most, axis=1)[:, :most].ravel()])
            rows.append(i + block.start)
            columns.append(j)
        return np.concatenate(rows), np.concatenate(columns), is_all


def _blocks(n: int, m: int) -> Iterator[slice]:
    height = max(1, BLOCK // m)
    return (slice(start, min(start + height, n)) for start in range(0, n, height))


def _least(matrix: Floats, count: int) -> Integers:
    """Columns of the `count` least of each row."""
    n, m = matrix.shape
    if m <= count:
        return np.broadcast_to(np.arange(m), (n, m))
    return np.concatenate([np.argpartition(matrix[block], count, axis=1)[:, :count] for block in _blocks(n, m)])
