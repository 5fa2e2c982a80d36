"""Which pixels polygons cover, row by row, and the sums of a categorical or continuous raster over them. No raster of zones is made.

Everything is in pixel coordinates: x = column and y = row, growing right and down; pixel (r, c) is the square [c, c + 1] x [r, r + 1].

A *span* says: in this row, the pixels first .. end - 1 belong to this zone by this share. Two rules make spans:

- centre: a pixel belongs to the zone that holds its centre. Each edge is cut by the lines y = r + 0.5; a zone's crossings, sorted,
  are its spans in pairs (even-odd). A centre on a border belongs to one side only.
- exact: the share is the covered part of the pixel's area. Each edge is cut at row and column lines. A piece of height h (signed:
  upward and downward opposite, so that the inside counts positive) and mean x in column c adds h (c + 1 - x) to its own pixel, and h
  to all pixels on its right.

Spans are made once for a strip of rows and serve all layers (years) of the raster.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ZoneArray = NDArray[np.int32]

SHORT = 24
"""Spans of fewer pixels are added one by one; longer ones are counted by class first."""

ROUNDING = 1e-10
"""Shares below this are rounding left over from cancelled heights."""


class Edges(NamedTuple):
    """Edges of polygons in pixel coordinates, sorted by their upper end: y0 < y1, no level ones.

    `sign` is +1 where the polygon lies to the right of the edge, -1 where it lies to the left.
    """

    x0: FloatArray
    y0: FloatArray
    x1: FloatArray
    y1: FloatArray
    zone: ZoneArray
    sign: FloatArray


class Spans(NamedTuple):
    """Spans of the rows of a strip: those of row r are pointer[r] .. pointer[r + 1] - 1, by zone and then from left to right."""

    pointer: IntArray
    zone: ZoneArray
    first: ZoneArray
    end: ZoneArray
    share: FloatArray


def directed_edges(xy: FloatArray, ring: IntArray, zone_of_ring: IntArray, is_hole: NDArray[np.bool_]) -> Edges:
    """Edges of closed rings, all pointing down.

    Parameters
    ----------
    xy : array (n, 2)
        Vertices in pixel coordinates, ring after ring; the last of a ring repeats its first.
    ring : array (n,)
        Ring of each vertex.
    zone_of_ring : array (n_rings,)
        Zone of each ring, from 0.
    is_hole : array (n_rings,)
        Whether the ring is a hole. Rings may wind either way.

    Notes
    -----
    An edge always points down, whichever polygon it belongs to, so that two neighbours compute the same crossings from it.
    """
    same = ring[1:] == ring[:-1]
    x0, y0, x1, y1 = xy[:-1, 0][same], xy[:-1, 1][same], xy[1:, 0][same], xy[1:, 1][same]
    of = ring[:-1][same]
    # about each ring's first vertex, so that far-away coordinates do not drown the orientation of a small ring
    starts = np.searchsorted(ring, np.arange(len(zone_of_ring)))
    cx, cy = xy[starts, 0][of], xy[starts, 1][of]
    twice_area = np.bincount(of, weights=(x0 - cx) * (y1 - cy) - (x1 - cx) * (y0 - cy), minlength=len(zone_of_ring))
    winding = np.sign(twice_area) * np.where(is_hole, -1.0, 1.0)
    upward = y1 < y0
    sign = np.where(upward, winding[of], -winding[of])
    ends = np.where(upward, x1, x0), np.where(upward, y1, y0), np.where(upward, x0, x1), np.where(upward, y0, y1)
    kept = np.flatnonzero(y0 != y1)
    kept = kept[np.argsort(ends[1][kept], kind="stable")]
    return Edges(ends[0][kept], ends[1][kept], ends[2][kept], ends[3][kept], zone_of_ring[of][kept].astype(np.int32), sign[kept])


def edges_between(edges: Edges, top: int, bottom: int) -> Edges:
    """The edges that reach into the rows top .. bottom - 1."""
    last = int(np.searchsorted(edges.y0, bottom))
    near = np.flatnonzero(edges.y1[:last] > top)
    x0, y0, x1, y1, zone, sign = edges
    return Edges(x0[near], y0[near], x1[near], y1[near], zone[near], sign[near])


def centre_spans(edges: Edges, top: int, bottom: int, width: int) -> Spans:
    """Spans of the pixels whose centre lies in a zone, for the rows top .. bottom - 1 of a raster `width` pixels wide.

    Notes
    -----
    An edge from y0 down to y1 crosses the rows ceil(y0 - 0.5) <= r < ceil(y1 - 0.5) at x = x0 + (r + 0.5 - y0) (x1 - x0) / (y1 - y0);
    a span between crossings a and b covers ceil(a - 0.5) <= c < ceil(b - 0.5). This is the rule of GDAL's rasterise without
    ``all_touched``, textbook form of scan-line filling.
    """
    x0, y0, x1, y1, zone, _ = edges_between(edges, top, bottom)
    return Spans(*_centre_spans(x0, y0, x1, y1, zone, top, bottom, width))


def exact_spans(edges: Edges, top: int, bottom: int, width: int) -> Spans:
    """Spans with the covered share of each pixel, for the rows top .. bottom - 1 of a raster `width` pixels wide.

    Pixels that an edge crosses are spans of one pixel; those between make one span. The shares of zones that tile a pixel sum to 1.
    """
    x0, y0, x1, y1, zone, sign = edges_between(edges, top, bottom)
    pointer, column, of, height, area = _edge_pieces(x0, y0, x1, y1, zone, sign, top, bottom, width)
    return Spans(*_exact_spans(pointer, column, of, height, area, width))


def add_spans(
    block: NDArray[np.uint8], spans: Spans, weights: FloatArray, sums: FloatArray, counts: FloatArray, totals: FloatArray
) -> None:
    """Add the classes of a strip to the tables, zone by zone.

        sums[z, k]   += sum share w        counts[z, k] += sum share        totals[k] += sum share over all zones

    Parameters
    ----------
    block : array (rows, width) of uint8
        Class of each pixel, below the number of columns of `sums`.
    spans : Spans
        Of the same rows.
    weights : array (rows, 1) or (rows, width)
        Area of a pixel, by row or pixel by pixel.
    sums : array (zones, classes)
        Changed in place: areas.
    counts : array (zones, classes), or with no rows
        Changed in place where it has rows: pixels.
    totals : array (classes,)
        Changed in place: pixels.
    """
    _add_spans(block, spans.pointer, spans.zone, spans.first, spans.end, spans.share, weights, sums, counts, totals)


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
    _add_values(block, spans.pointer, spans.zone, spans.first, spans.end, spans.share, weights, sums, extremes)


@njit(cache=True, nogil=True)
def _centre_spans(x0, y0, x1, y1, zone, top, bottom, width):  # type: ignore[no-untyped-def]
    n_rows = bottom - top
    begin = np.zeros(n_rows + 1, np.int64)
    for e in range(x0.size):
        first, last = max(int(np.ceil(y0[e] - 0.5)), top), min(int(np.ceil(y1[e] - 0.5)), bottom)
        for r in range(first - top, last - top):
            begin[r + 1] += 1
    begin = np.cumsum(begin)
    x, z, at = np.empty(begin[-1]), np.empty(begin[-1], np.int32), begin.copy()
    for e in range(x0.size):
        first, last = max(int(np.ceil(y0[e] - 0.5)), top), min(int(np.ceil(y1[e] - 0.5)), bottom)
        slope = (x1[e] - x0[e]) / (y1[e] - y0[e])
        for r in range(first, last):
            x[at[r - top]] = x0[e] + (r + 0.5 - y0[e]) * slope
            z[at[r - top]] = zone[e]
            at[r - top] += 1
    n = begin[-1] // 2
    pointer = np.zeros(n_rows + 1, np.int64)
    of, first_col, end_col = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    n = 0
    for r in range(n_rows):
        a, b = begin[r], begin[r + 1]
        by_x = np.argsort(x[a:b])
        order = by_x[np.argsort(z[a:b][by_x], kind="mergesort")]
        for q in range(0, b - a - 1, 2):
            left, right = x[a + order[q]], x[a + order[q + 1]]
            first = min(max(int(np.ceil(left - 0.5)), 0), width)
            last = min(max(int(np.ceil(right - 0.5)), 0), width)
            if last > first:
                of[n], first_col[n], end_col[n] = z[a + order[q]], first, last
                n += 1
        pointer[r + 1] = n
    return pointer, of[:n], first_col[:n], end_col[:n], np.ones(n)


@njit(cache=True, nogil=True)
def _edge_pieces(x0, y0, x1, y1, zone, sign, top, bottom, width):  # type: ignore[no-untyped-def]
    """Pieces of the edges, cell by cell, grouped by row: pointer, column, zone, signed height, signed area right of it in the cell."""
    n_rows = bottom - top
    pointer = np.zeros(n_rows + 1, np.int64)
    column, of = np.empty(0, np.int32), np.empty(0, np.int32)
    height, area, at = np.empty(0), np.empty(0), pointer
    for fill in range(2):
        if fill:
            pointer = np.cumsum(pointer)
            column, of = np.empty(pointer[-1], np.int32), np.empty(pointer[-1], np.int32)
            height, area, at = np.empty(pointer[-1]), np.empty(pointer[-1]), pointer.copy()
        for e in range(x0.size):
            slope = (x1[e] - x0[e]) / (y1[e] - y0[e])
            for r in range(max(int(np.floor(y0[e])), top), min(int(np.ceil(y1[e])), bottom)):
                upper, lower = max(y0[e], r), min(y1[e], r + 1.0)
                left, right = x0[e] + (upper - y0[e]) * slope, x0[e] + (lower - y0[e]) * slope
                if left > right:
                    left, right = right, left
                run = right - left
                c = min(max(int(np.floor(left)), -1), width)
                last = min(max(int(np.floor(right)), -1), width)
                while c <= last and c < width:  # what lies right of the raster covers nothing in it
                    if fill:
                        a = left if c == -1 else max(left, float(c))
                        b = min(right, c + 1.0)
                        tall = lower - upper if run == 0 else (lower - upper) * (b - a) / run
                        column[at[r - top]], of[at[r - top]] = max(c, 0), zone[e]
                        height[at[r - top]] = sign[e] * tall
                        area[at[r - top]] = sign[e] * tall * (1.0 if c == -1 else 1.0 - 0.5 * ((a - c) + (b - c)))
                        at[r - top] += 1
                    else:
                        pointer[r - top + 1] += 1
                    c += 1
    return pointer, column, of, height, area


@njit(cache=True, nogil=True)
def _exact_spans(begin, column, zone, height, area, width):  # type: ignore[no-untyped-def]
    n_rows = begin.size - 1
    most = 2 * column.size  # a pixel and the run after it for each piece
    pointer = np.zeros(n_rows + 1, np.int64)
    of, first_col, end_col = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    share = np.empty(most)
    n = 0
    for r in range(n_rows):
        a, b = begin[r], begin[r + 1]
        by_column = np.argsort(column[a:b], kind="mergesort")
        order = by_column[np.argsort(zone[a:b][by_column], kind="mergesort")] + a
        q = 0
        while q < b - a:
            z, running = zone[order[q]], 0.0
            while q < b - a and zone[order[q]] == z:
                c, inside, step = column[order[q]], running, 0.0
                while q < b - a and zone[order[q]] == z and column[order[q]] == c:
                    inside += area[order[q]]
                    step += height[order[q]]
                    q += 1
                if inside > ROUNDING:
                    of[n], first_col[n], end_col[n], share[n] = z, c, c + 1, inside
                    n += 1
                running += step
                end = column[order[q]] if q < b - a and zone[order[q]] == z else width
                if running > ROUNDING and end > c + 1:
                    of[n], first_col[n], end_col[n], share[n] = z, c + 1, end, running
                    n += 1
        pointer[r + 1] = n
    return pointer, of[:n].copy(), first_col[:n].copy(), end_col[:n].copy(), share[:n].copy()


@njit(cache=True, nogil=True)
def _add_spans(block, pointer, zone, first, end, share, weights, sums, counts, totals):  # type: ignore[no-untyped-def]
    n_classes = sums.shape[1]
    by_pixel, counting = weights.shape[1] > 1, counts.shape[0] > 0
    lanes = np.zeros((4, 256), np.int64)
    for r in range(block.shape[0]):
        row = block[r]
        for s in range(pointer[r], pointer[r + 1]):
            z, part, j, last = zone[s], share[s], first[s], end[s]
            if by_pixel or last - j < SHORT:
                while j < last:
                    k = row[j]
                    sums[z, k] += part * (weights[r, j] if by_pixel else weights[r, 0])
                    totals[k] += part
                    if counting:
                        counts[z, k] += part
                    j += 1
                continue
            while j + 4 <= last:  # four histograms in turn: equal neighbours do not wait for one another
                lanes[0, row[j]] += 1
                lanes[1, row[j + 1]] += 1
                lanes[2, row[j + 2]] += 1
                lanes[3, row[j + 3]] += 1
                j += 4
            while j < last:
                lanes[0, row[j]] += 1
                j += 1
            for k in range(n_classes):
                n = lanes[0, k] + lanes[1, k] + lanes[2, k] + lanes[3, k]
                if n:
                    sums[z, k] += part * n * weights[r, 0]
                    totals[k] += part * n
                    if counting:
                        counts[z, k] += part * n
                    for lane in range(4):
                        lanes[lane, k] = 0


@njit(cache=True, nogil=True)
def _add_values(block, pointer, zone, first, end, share, weights, sums, extremes):  # type: ignore[no-untyped-def]
    by_pixel = weights.shape[1] > 1
    for r in range(block.shape[0]):
        for s in range(pointer[r], pointer[r + 1]):
            value, weighted, weight, pixels = 0.0, 0.0, 0.0, 0.0
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
            z, part = zone[s], share[s]
            sums[z, 0] += part * value
            sums[z, 1] += part * weighted
            sums[z, 2] += part * weight
            sums[z, 3] += part * pixels
