"""Codes of a categorical raster as small numbers to count by: the code itself where codes are small, else its position in the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbonshed.checks import InputError, examples, refuse
from carbonshed.numerics.packed_counts import CLASSES_PER_WORD, look_up, n_words
from carbonshed.spatial.crs import FloatArray

SMALL = 16
"""Bytes below this are counted as they are: two words of counters cost less than a table to look them up in."""

MOST_CODES = 250


@dataclass(frozen=True)
class ClassSlots:
    """How the codes of one raster are counted.

    Parameters
    ----------
    codes : tuple of int
        Known codes, ascending, at most 250.
    nodata : tuple of int
        Codes that mean nodata.
    dtype : dtype
        Of the raster, of integers.

    Examples
    --------
    >>> slots = ClassSlots((1, 2, 40), (255,), np.dtype(np.uint8))
    >>> block, unknown = slots.of(np.array([[40, 1, 255, 3]], dtype=np.uint8))
    >>> block.tolist(), unknown
    ([[2, 0, 3, 4]], {3: 1})
    """

    codes: tuple[int, ...]
    nodata: tuple[int, ...]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        if not 0 < len(self.codes) <= MOST_CODES:
            fix = "Merge classes before tabulating."
            raise refuse("codes", expected=f"1 to {MOST_CODES} codes", got=f"{len(self.codes)}", where="legend", fix=fix)

    @property
    def is_direct(self) -> bool:
        """Whether codes are counted as they are."""
        return self.dtype == np.uint8 and max(*self.codes, *self.nodata, 0) < SMALL

    @property
    def n_classes(self) -> int:
        """Classes to count: codes, nodata and unknown."""
        if self.is_direct:
            return CLASSES_PER_WORD * n_words(max(*self.codes, *self.nodata, 0) + 1)
        return len(self.codes) + 2

    def of(self, block: NDArray[np.integer[Any]]) -> tuple[NDArray[np.uint8], dict[int, int]]:
        """The class to count of each pixel, and the pixels of each code that is neither known nor nodata.

        Where codes are counted as they are, unknown ones below the number of classes are found in the table (`unknown_in`).
        """
        if self.is_direct:
            if block.max(initial=0) < self.n_classes:
                return block.astype(np.uint8, copy=False), {}
            return np.minimum(block, self.n_classes - 1).astype(np.uint8), self._unknown(block, block >= self.n_classes)
        slots = self._look_up(block)
        is_unknown = slots == self.n_classes - 1
        return slots, self._unknown(block, is_unknown) if is_unknown.any() else {}

    @property
    def columns(self) -> tuple[int, ...]:
        """The class that each known code is counted as."""
        return self.codes if self.is_direct else tuple(range(len(self.codes)))

    def shares(self, matrix: FloatArray) -> FloatArray:
        """Share of each counted class (a multiple of eight) in each land class, and last in nodata.

        `matrix` : array (codes, land classes), see `Legend.matrix`.
        """
        out = np.zeros((CLASSES_PER_WORD * n_words(self.n_classes), matrix.shape[1] + 1))
        out[list(self.columns), :-1] = matrix
        out[[k for k in self.nodata if k >= 0] if self.is_direct else [len(self.codes)], -1] = 1.0
        return out

    def unknown_in(self, totals: FloatArray) -> dict[int, float]:
        """The totals of classes that are no known code and not nodata, where codes are counted as they are."""
        if not self.is_direct:
            return {}
        return {k: float(v) for k, v in enumerate(totals) if v > 0 and k not in self.codes and k not in self.nodata}

    def _look_up(self, block: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        known, n = np.array(self.codes), len(self.codes)
        if self.dtype.itemsize <= 2:
            low, high = int(np.iinfo(self.dtype).min), int(np.iinfo(self.dtype).max)
            table = np.full(high - low + 1, n + 1, dtype=np.uint8)
            for code, slot in [*zip(self.codes, range(n)), *((code, n) for code in self.nodata)]:
                if low <= code <= high:
                    table[code - low] = slot
            return look_up(block, table, low)
        position = np.minimum(np.searchsorted(known, block), n - 1)
        slots = np.where(known[position] == block, position, n + 1).astype(np.uint8)
        slots[np.isin(block, np.array(self.nodata, dtype=np.int64))] = n
        return slots

    def _unknown(self, block: NDArray[np.integer[Any]], is_unknown: NDArray[np.bool_]) -> dict[int, int]:
        codes, pixels = np.unique(block[is_unknown], return_counts=True)
        return dict(zip(codes[:MOST_CODES].tolist(), pixels[:MOST_CODES].tolist()))


def refuse_unknown(unknown: Mapping[int, float], total: float, known: Sequence[int], *, where: str) -> InputError:
    """The error that names codes a legend does not know, with their share of the pixels."""
    order = sorted(unknown, key=lambda code: -unknown[code])
    return refuse(
        "unknown_class",
        expected=f"codes of the legend ({examples(known, 30)}) or nodata",
        got=examples(f"code {code} on {100 * unknown[code] / total:.3g} % of the pixels" for code in order),
        where=where,
        fix="Name the true product, or give a legend (TOML) that maps the code to a land class or to nodata.",
    )
