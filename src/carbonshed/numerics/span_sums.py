"""Sums of a categorical or continuous raster over the spans of polygons (`carbonshed.numerics.scanline`), zone by zone.

A strip is far larger than the nearest caches, and the spans of a zone leap from row to row. It is therefore gone through a few rows
at a time: these are counted whole, which brings them near, and then zone by zone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carbonshed.numerics.packed_counts import CLASSES_PER_WORD, EIGHT, n_words, packed
from carbonshed.numerics.scanline import FloatArray, IntArray, Spans

SHORT = 8
"""Spans of fewer pixels are added one by one; longer ones are counted first."""

NEAR = 2**18
"""Pixels (bytes) that stay in the second-nearest cache while they are counted."""

RUN = 192
"""Pixels counted in one word at a time: a byte of it holds up to 255, and whole vectors of a processor leave no rest."""

MOST_WORDS = 2
"""More classes than these words hold are tallied pixel by pixel, in four tables in turn: a pixel need not wait for one like it before."""

BYTE = np.uint64(255)


class StripSums(NamedTuple):
    """Areas and pixels (zones, classes) of the classes in the zones of a strip, and pixels (classes) of the whole strip."""

    areas: FloatArray
    pixels: FloatArray
    whole: IntArray


def add_spans(block: NDArray[np.uint8], spans: Spans, weights: FloatArray, n_classes: int) -> StripSums:
    """Areas and pixels of the classes of a strip, zone by zone, and its pixels in zones or not.

        areas[z, k] = sum of share * weight        pixels[z, k] = sum of share

    Parameters
    ----------
    block : array (rows, width) of uint8
        Class of each pixel, below `n_classes`; not checked here.
    spans : Spans
        Of the same rows.
    weights : array (rows, 1) or (rows, width)
        Area of a pixel, by row or pixel by pixel.
    n_classes : int
        Number of classes.

    Returns
    -------
    StripSums
        Zones as in ``spans.zones``.

    Notes
    -----
    Long spans are counted in packed words, see `carbonshed.numerics.packed_counts`, and a zone's counts are weighted when its share or
    the row's weight changes: integers as long as they can be.

    Examples
    --------
    >>> from carbonshed.numerics.scanline import directed_edges, exact_spans
    >>> box = np.array([[0, 0], [0, 2], [1.5, 2], [1.5, 0], [0, 0]])
    >>> edges = directed_edges(box, np.zeros(5, int), np.array([0]), np.array([False]))
    >>> sums = add_spans(np.array([[0, 1], [1, 1]], np.uint8), exact_spans(edges, 0, 2, 2), np.array([[10.0], [20.0]]), 2)
    >>> sums.areas.tolist(), sums.pixels.tolist(), sums.whole.tolist()
    ([[10.0, 35.0]], [[1.0, 2.0]], [1, 3])
    """
    areas, pixels = np.zeros((2, len(spans.zones), n_classes))
    whole = np.zeros(CLASSES_PER_WORD * n_words(n_classes), dtype=np.int64)
    _add_spans(block, *spans[1:], weights, areas, pixels, whole)
    return StripSums(areas, pixels, whole[:n_classes])


def add_values(block: FloatArray, spans: Spans, weights: FloatArray, sums: FloatArray, extremes: FloatArray) -> None:
    """Add the values of a strip of a continuous raster to the tables, zone by zone; what is not finite holds no data and is left out.

        sums[z] += (sum share v, sum share w v, sum share w, sum share)

    Parameters
    ----------
    block : array (rows, width)
        Value of each pixel; NaN where there is none.
    spans : Spans
        Of the same rows.
    weights : array (rows, 1) or (rows, width)
        Weight of a pixel (its area), by row or pixel by pixel.
    sums : array (zones, 4)
        Changed in place: values, weighted values, weights, and pixels with data.
    extremes : array (2,)
        Changed in place: least and largest value inside the zones.
    """
    _add_values(block, *spans, weights, sums, extremes)


@njit(cache=True, nogil=True)
def _add_spans(block, pointer, row, first, end, share, weights, areas, pixels, whole):  # type: ignore[no-untyped-def]
    n_zones, at = pointer.size - 1, pointer.copy()
    counts, tallies = np.zeros((n_zones, whole.size), np.int64), np.zeros((4, whole.size), np.int64)
    is_packed = whole.size <= 8 * MOST_WORDS
    part, weight = np.ones(n_zones), np.zeros(n_zones)  # of what stands in `counts`
    n_rows = max(NEAR // max(block.shape[1], 1), 1)
    for top in range(0, block.shape[0], n_rows):
        bottom = min(top + n_rows, block.shape[0])
        for r in range(top, bottom):
            if is_packed:
                _count_line(block[r], whole)
            else:
                _tally(block[r], tallies)
        if not is_packed:
            _empty_tallies(tallies, whole)
        for k in range(n_zones):
            while at[k] < pointer[k + 1] and row[at[k]] < bottom:
                s = at[k]
                at[k] += 1
                line, w = block[row[s], first[s] : end[s]], weights[row[s], 0]
                if weights.shape[1] > 1 or line.size < SHORT:
                    _add_pixels(line, share[s], weights[row[s]], first[s], areas[k], pixels[k])
                    continue
                if share[s] != part[k] or w != weight[k]:
                    _weigh(tallies, counts[k], part[k], weight[k], areas[k], pixels[k])
                    part[k], weight[k] = share[s], w
                if is_packed:
                    _count_line(line, counts[k])
                else:
                    _tally(line, tallies)
            if not is_packed:
                _empty_tallies(tallies, counts[k])
    for k in range(n_zones):
        _weigh(tallies, counts[k], part[k], weight[k], areas[k], pixels[k])


@njit(cache=True, nogil=True)
def _add_pixels(line, share, weights, first, areas, pixels):  # type: ignore[no-untyped-def]
    """Add the pixels of a span one by one; weights of its row are one, or one a pixel."""
    for j in range(line.size):
        w = weights[first + j] if weights.size > 1 else weights[0]
        areas[line[j]] += share * w
        pixels[line[j]] += share


@njit(cache=True, nogil=True)
def _weigh(tallies, counts, part, weight, areas, pixels):  # type: ignore[no-untyped-def]
    """Add counted pixels to the tables and set the counts to 0."""
    if counts.size > 8 * MOST_WORDS:
        _empty_tallies(tallies, counts)
    for k in range(pixels.size):
        if counts[k]:
            areas[k] += part * counts[k] * weight
            pixels[k] += part * counts[k]
            counts[k] = 0


@njit(cache=True, nogil=True)
def _count_line(line, counts):  # type: ignore[no-untyped-def]
    """Add the classes of a run of pixels to the counts of eight or sixteen classes."""
    for begin in range(0, line.size, RUN):
        part = line[begin : begin + RUN]
        low, high = np.uint64(0), np.uint64(0)
        if counts.size == 8:
            for j in range(part.size):
                low += packed(part[j], 0, 1)
        else:
            for j in range(part.size):
                low += packed(part[j], 0, 2)
                high += packed(part[j], 1, 2)
            for k in range(8):
                counts[8 + k] += np.int64((high >> (EIGHT * np.uint64(k))) & BYTE)
        for k in range(8):
            counts[k] += np.int64((low >> (EIGHT * np.uint64(k))) & BYTE)


@njit(cache=True, nogil=True)
def _tally(line, tallies):  # type: ignore[no-untyped-def]
    """Add the classes of a run of pixels to four tables in turn."""
    whole = line.size // 4 * 4
    for j in range(0, whole, 4):
        for k in range(4):
            tallies[k, line[j + k]] += 1
    for j in range(whole, line.size):
        tallies[0, line[j]] += 1


@njit(cache=True, nogil=True)
def _empty_tallies(tallies, counts):  # type: ignore[no-untyped-def]
    """Add the tables of tallies to the counts and set them to 0."""
    for table in tallies:
        counts += table
    tallies[:] = 0


@njit(cache=True, nogil=True)
def _add_values(block, zones, pointer, row, first, end, share, weights, sums, extremes):  # type: ignore[no-untyped-def]
    by_pixel = weights.shape[1] > 1
    for k in range(zones.size):
        z = zones[k]
        for s in range(pointer[k], pointer[k + 1]):
            value, weighted, weight, pixels, r = 0.0, 0.0, 0.0, 0.0, row[s]
            for j in range(first[s], end[s]):
                v = block[r, j]
                if not np.isfinite(v):
                    continue
                w = weights[r, j] if by_pixel else weights[r, 0]
                value += v
                weighted += w * v
                weight += w
                pixels += 1.0
                extremes[0] = min(extremes[0], v)
                extremes[1] = max(extremes[1], v)
            sums[z, 0] += share[s] * value
            sums[z, 1] += share[s] * weighted
            sums[z, 2] += share[s] * weight
            sums[z, 3] += share[s] * pixels
