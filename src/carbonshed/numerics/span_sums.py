"""Sums of a categorical or continuous raster over the spans of polygons (`carbonshed.numerics.scanline`), zone by zone."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carbonshed.numerics.packed_counts import CLASSES_PER_WORD, n_words, packed
from carbonshed.numerics.scanline import FloatArray, IntArray, Spans

SHORT = 8
"""Spans of fewer pixels are added one by one; longer ones are counted first."""

BYTE = np.uint64(255)


def add_spans(block: NDArray[np.uint8], spans: Spans, weights: FloatArray, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """Areas and pixels of the classes of a strip, zone by zone.

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
    areas, pixels : arrays (len(spans.zones), n_classes)

    Notes
    -----
    Long spans are counted in packed words, see `carbonshed.numerics.packed_counts`, and a zone's counts are weighted when its share or
    the row's weight changes: integers as long as they can be.

    Examples
    --------
    >>> from carbonshed.numerics.scanline import directed_edges, exact_spans
    >>> box = np.array([[0, 0], [0, 2], [1.5, 2], [1.5, 0], [0, 0]])
    >>> edges = directed_edges(box, np.zeros(5, int), np.array([0]), np.array([False]))
    >>> areas, pixels = add_spans(np.array([[0, 1], [1, 1]], np.uint8), exact_spans(edges, 0, 2, 2), np.array([[10.0], [20.0]]), 2)
    >>> areas.tolist(), pixels.tolist()
    ([[10.0, 35.0]], [[1.0, 2.0]])
    """
    areas, pixels = np.zeros((2, len(spans.zones), n_classes))
    _add_spans(block, *spans[1:], weights, areas, pixels)
    return areas, pixels


def class_counts(block: NDArray[np.uint8], n_classes: int) -> IntArray:
    """Pixels of each class in a strip; classes are below `n_classes`, which is not checked here.

    Examples
    --------
    >>> class_counts(np.array([[0, 1], [1, 1]], np.uint8), 3).tolist()
    [1, 3, 0]
    """
    counts = np.zeros(CLASSES_PER_WORD * n_words(n_classes), dtype=np.int64)
    _count_rows(block, counts)
    return counts[:n_classes]


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
def _add_spans(block, pointer, row, first, end, share, weights, areas, pixels):  # type: ignore[no-untyped-def]
    by_pixel = weights.shape[1] > 1
    counts = np.zeros((pixels.shape[1] + 7) // 8 * 8, np.int64)
    for k in range(pointer.size - 1):
        part, weight = 1.0, 0.0  # of what stands in `counts`
        for s in range(pointer[k], pointer[k + 1]):
            line = block[row[s], first[s] : end[s]]
            if by_pixel or line.size < SHORT:
                for j in range(line.size):
                    w = weights[row[s], first[s] + j] if by_pixel else weights[row[s], 0]
                    areas[k, line[j]] += share[s] * w
                    pixels[k, line[j]] += share[s]
                continue
            w = weights[row[s], 0]
            if share[s] != part or w != weight:
                _weigh(counts, part, weight, areas[k], pixels[k])
                part, weight = share[s], w
            _count_line(line, counts)
        _weigh(counts, part, weight, areas[k], pixels[k])


@njit(cache=True, nogil=True)
def _weigh(counts, part, weight, areas, pixels):  # type: ignore[no-untyped-def]
    """Add counted pixels to the tables and set the counts to 0."""
    for k in range(pixels.size):
        if counts[k]:
            areas[k] += part * counts[k] * weight
            pixels[k] += part * counts[k]
            counts[k] = 0


@njit(cache=True, nogil=True)
def _count_line(line, counts):  # type: ignore[no-untyped-def]
    """Add the classes of a run of pixels to their counts, eight classes at once."""
    words = counts.size // 8
    for begin in range(0, line.size, 255):  # a byte of a word holds no more
        part = line[begin : begin + 255]
        for word in range(words):
            total = np.uint64(0)
            for j in range(part.size):
                total += packed(part[j], word, words)
            for k in range(8):
                counts[8 * word + k] += np.int64((total >> np.uint64(8 * k)) & BYTE)


@njit(cache=True, nogil=True)
def _count_rows(block, counts):  # type: ignore[no-untyped-def]
    for r in range(block.shape[0]):
        _count_line(block[r], counts)


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
