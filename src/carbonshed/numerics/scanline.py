"""Which pixels polygons cover, row by row. No raster of zones is made; sums over the pixels stand in `carbonshed.numerics.span_sums`.

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

FEW = 48
"""Crossings of a row that are sorted by insertion."""

ROUNDING = 1e-10
"""Shares below this are rounding left over from cancelled heights; so is what a share differs from 1 by."""


class Edges(NamedTuple):
    """Edges of polygons in pixel coordinates, sorted by zone and then by their upper end: y0 < y1, no level ones.

    `sign` is +1 where the polygon lies to the right of the edge, -1 where it lies to the left.
    """

    x0: FloatArray
    y0: FloatArray
    x1: FloatArray
    y1: FloatArray
    zone: ZoneArray
    sign: FloatArray


class Spans(NamedTuple):
    """Spans of a strip: those of zone ``zones[k]`` are pointer[k] .. pointer[k + 1] - 1, by row and then from left to right.

    `zones` rises and names only zones that have spans; `row` counts from the top of the strip.
    """

    zones: ZoneArray
    pointer: IntArray
    row: ZoneArray
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
    most = max(len(xy) - 1, 0)
    x0, y0, x1, y1, sign = np.empty((5, most))
    zone = np.empty(most, np.int32)
    n = _directed_edges(xy, ring, zone_of_ring, is_hole, x0, y0, x1, y1, zone, sign)
    order = _by_zone_and_upper_end(zone[:n], y0[:n])
    return Edges(x0[order], y0[order], x1[order], y1[order], zone[order], sign[order])


def edges_between(edges: Edges, top: int, bottom: int) -> Edges:
    """The edges that reach into the rows top .. bottom - 1."""
    near = np.flatnonzero((edges.y0 < bottom) & (edges.y1 > top))
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
    return Spans(*_exact_spans(*edges_between(edges, top, bottom), top, bottom, width))


@njit(cache=True, nogil=True)
def _directed_edges(xy, ring, zone_of_ring, is_hole, x0, y0, x1, y1, zone, sign):  # type: ignore[no-untyped-def]
    """Write the edges that are not level, ring after ring; the number of them."""
    a, n = 0, 0
    while a < ring.size:
        b, twice_area = a + 1, 0.0
        while b < ring.size and ring[b] == ring[a]:
            # about the ring's first vertex, so that far-away coordinates do not drown the orientation of a small ring
            twice_area += (xy[b - 1, 0] - xy[a, 0]) * (xy[b, 1] - xy[a, 1]) - (xy[b, 0] - xy[a, 0]) * (xy[b - 1, 1] - xy[a, 1])
            b += 1
        winding = np.sign(twice_area) * (-1.0 if is_hole[ring[a]] else 1.0)
        for i in range(a, b - 1):
            if xy[i, 1] == xy[i + 1, 1]:
                continue
            upward = xy[i + 1, 1] < xy[i, 1]
            upper, lower = (i + 1, i) if upward else (i, i + 1)
            x0[n], y0[n], x1[n], y1[n] = xy[upper, 0], xy[upper, 1], xy[lower, 0], xy[lower, 1]
            zone[n], sign[n] = zone_of_ring[ring[a]], winding if upward else -winding
            n += 1
        a = b
    return n


@njit(cache=True, nogil=True)
def _by_zone_and_upper_end(zone, y0):  # type: ignore[no-untyped-def]
    """Order of edges by zone and then by their upper end; equal ones stay in their order. Zones mostly stand together already."""
    order = np.argsort(zone, kind="mergesort") if (zone[1:] < zone[:-1]).any() else np.arange(zone.size)
    a = 0
    while a < order.size:
        b = a + 1
        while b < order.size and zone[order[b]] == zone[order[a]]:
            b += 1
        order[a:b] = order[a:b][np.argsort(y0[order[a:b]], kind="mergesort")]
        a = b
    return order


@njit(cache=True, nogil=True)
def _centre_spans(x0, y0, x1, y1, zone, top, bottom, width):  # type: ignore[no-untyped-def]
    n_crossings = 0
    for e in range(x0.size):
        low, high = _centre_rows(y0[e], y1[e], top, bottom)
        n_crossings += max(high - low, 0)
    x, begin = np.empty(n_crossings), np.zeros(bottom - top + 2, np.int64)
    row, first, end = np.empty(n_crossings // 2, np.int32), np.empty(n_crossings // 2, np.int32), np.empty(n_crossings // 2, np.int32)
    zones, pointer = np.empty(x0.size, np.int32), np.zeros(x0.size + 1, np.int64)
    e, k, n = 0, 0, 0
    while e < x0.size:
        a, lowest, highest = e, bottom, top
        while e < x0.size and zone[e] == zone[a]:  # crossings of each row, two places further on
            low, high = _centre_rows(y0[e], y1[e], top, bottom)
            for r in range(low, high):
                begin[r - top + 2] += 1
            lowest, highest = min(lowest, low), max(highest, high)
            e += 1
        lowest, highest = lowest - top, highest - top
        for r in range(lowest, highest):
            begin[r + 2] += begin[r + 1]
        for f in range(a, e):
            slope = (x1[f] - x0[f]) / (y1[f] - y0[f])
            low, high = _centre_rows(y0[f], y1[f], top, bottom)
            for r in range(low, high):
                x[begin[r - top + 1]] = x0[f] + (r + 0.5 - y0[f]) * slope
                begin[r - top + 1] += 1
        for r in range(lowest, highest):
            crossings = x[begin[r] : begin[r + 1]]
            _sort(crossings)
            for q in range(0, crossings.size - 1, 2):
                left = min(max(int(np.ceil(crossings[q] - 0.5)), 0), width)
                right = min(max(int(np.ceil(crossings[q + 1] - 0.5)), 0), width)
                if right > left:
                    row[n], first[n], end[n] = r, left, right
                    n += 1
        begin[max(lowest, 0) : max(highest + 2, 0)] = 0
        if n > pointer[k]:
            zones[k], pointer[k + 1] = zone[a], n
            k += 1
    return zones[:k], pointer[: k + 1], row[:n], first[:n], end[:n], np.ones(n)


@njit(cache=True, nogil=True)
def _centre_rows(y0, y1, top, bottom):  # type: ignore[no-untyped-def]
    """First row whose centre line an edge crosses, and the row after the last."""
    return max(int(np.ceil(y0 - 0.5)), top), min(int(np.ceil(y1 - 0.5)), bottom)


@njit(cache=True, nogil=True)
def _sort(values):  # type: ignore[no-untyped-def]
    """Sort values in place; they are few, or nearly in order."""
    if values.size > FEW:
        values[:] = np.sort(values)
        return
    for i in range(1, values.size):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@njit(cache=True, nogil=True)
def _walk(xa, ya, xb, yb, sign, top, bottom, width, at, column, height, area):  # type: ignore[no-untyped-def]
    """Cut an edge into cells: column, signed height and signed area right of it in the cell, of each row from ``at[row - top]`` on.

    With no room in `column` the pieces are only counted.
    """
    slope = (xb - xa) / (yb - ya)
    for r in range(max(int(np.floor(ya)), top), min(int(np.ceil(yb)), bottom)):
        upper, lower = max(ya, r), min(yb, r + 1.0)
        left, right = xa + (upper - ya) * slope, xa + (lower - ya) * slope
        if left > right:
            left, right = right, left
        run = right - left
        c = min(max(int(np.floor(left)), -1), width)
        last = min(min(max(int(np.floor(right)), -1), width), width - 1)  # what lies right of the raster covers nothing in it
        p = at[r - top]
        at[r - top] += max(last - c + 1, 0)
        if column.size == 0:
            continue
        while c <= last:
            a = left if c == -1 else max(left, float(c))
            b = min(right, c + 1.0)
            tall = sign * (lower - upper if run == 0 else (lower - upper) * (b - a) / run)
            column[p], height[p] = max(c, 0), tall
            area[p] = tall if c == -1 else tall * (c + 1 - 0.5 * (a + b))
            p += 1
            c += 1


@njit(cache=True, nogil=True)
def _most_pieces(x0, y0, x1, y1, top, bottom, width):  # type: ignore[no-untyped-def]
    """At least as many as there are pieces of edges: one a row, and one for each column line."""
    most = 0
    for e in range(x0.size):
        slope = (x1[e] - x0[e]) / (y1[e] - y0[e])
        a = min(max(x0[e] + (max(y0[e], top) - y0[e]) * slope, -1.0), width + 0.0)
        b = min(max(x0[e] + (min(y1[e], bottom) - y0[e]) * slope, -1.0), width + 0.0)
        most += min(int(np.ceil(y1[e])), bottom) - max(int(np.floor(y0[e])), top) + int(abs(b - a)) + 2
    return most


@njit(cache=True, nogil=True)
def _exact_spans(x0, y0, x1, y1, zone, sign, top, bottom, width):  # type: ignore[no-untyped-def]
    most = _most_pieces(x0, y0, x1, y1, top, bottom, width)
    column, height, area, none = np.empty(most, np.int32), np.empty(most), np.empty(most), np.empty(0, np.int32)
    row, first, end, share = np.empty(2 * most, np.int32), np.empty(2 * most, np.int32), np.empty(2 * most, np.int32), np.empty(2 * most)
    zones, pointer, begin = np.empty(x0.size, np.int32), np.zeros(x0.size + 1, np.int64), np.zeros(bottom - top + 2, np.int64)
    e, k, n = 0, 0, 0
    while e < x0.size:
        a, lowest, highest = e, bottom, top
        while e < x0.size and zone[e] == zone[a]:  # pieces of each row, two places further on
            _walk(x0[e], y0[e], x1[e], y1[e], 0.0, top, bottom, width, begin[2:], none, height, area)
            lowest, highest = min(lowest, int(np.floor(y0[e]))), max(highest, int(np.ceil(y1[e])))
            e += 1
        lowest, highest = max(lowest - top, 0), min(highest, bottom) - top
        for r in range(lowest, highest):
            begin[r + 2] += begin[r + 1]
        for f in range(a, e):
            _walk(x0[f], y0[f], x1[f], y1[f], sign[f], top, bottom, width, begin[1:], column, height, area)
        for r in range(lowest, highest):
            p, q = begin[r], begin[r + 1]
            _sort_pieces(column[p:q], height[p:q], area[p:q])
            n = _row_spans(column[p:q], height[p:q], area[p:q], r, width, row, first, end, share, n)
        begin[lowest : highest + 2] = 0
        if n > pointer[k]:
            zones[k], pointer[k + 1] = zone[a], n
            k += 1
    return zones[:k], pointer[: k + 1], row[:n].copy(), first[:n].copy(), end[:n].copy(), share[:n].copy()


@njit(cache=True, nogil=True)
def _sort_pieces(column, height, area):  # type: ignore[no-untyped-def]
    """Sort the pieces of a row by column, in place; pieces of a column stay in their order."""
    if column.size > FEW:
        order = np.argsort(column, kind="mergesort")
        column[:], height[:], area[:] = column[order], height[order], area[order]
        return
    for i in range(1, column.size):
        c, h, a, j = column[i], height[i], area[i], i
        while j > 0 and column[j - 1] > c:
            column[j], height[j], area[j] = column[j - 1], height[j - 1], area[j - 1]
            j -= 1
        column[j], height[j], area[j] = c, h, a


@njit(cache=True, nogil=True)
def _row_spans(column, height, area, r, width, row, first, end, share, n):  # type: ignore[no-untyped-def]
    """Spans of one zone in one row, from its sorted pieces, written from `n` on; the number of spans then written."""
    q, running, start = 0, 0.0, n
    while q < column.size:
        c, inside, step = column[q], running, 0.0
        while q < column.size and column[q] == c:
            inside += area[q]
            step += height[q]
            q += 1
        running += step
        after = column[q] if q < column.size else width
        n = _put_span(r, c, c + 1, inside, row, first, end, share, start, n)
        n = _put_span(r, c + 1, after, running, row, first, end, share, start, n)
    return n


@njit(cache=True, nogil=True)
def _put_span(r, left, right, part, row, first, end, share, start, n):  # type: ignore[no-untyped-def]
    """Write a span as number `n`, or make the one before it longer where both have one share (`start`: first span of the row)."""
    if part <= ROUNDING or right <= left:
        return n
    if abs(part - 1.0) < ROUNDING:
        part = 1.0
    if n > start and end[n - 1] == left and share[n - 1] == part:
        end[n - 1] = right
        return n
    row[n], first[n], end[n], share[n] = r, left, right, part
    return n + 1
