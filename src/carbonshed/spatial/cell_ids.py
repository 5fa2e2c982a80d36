"""Ids of grid cells: ``g18:R012C007`` is row 12 (from the south), column 7 (from the west) of the 18 km grid.

Rows and columns count from the origin of the CRS; a shifted origin is part of the id (``g18+6+12:R..C..``, km), and sides below
1 km are in metres (``g500m:R..C..``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import refuse

IntArray = NDArray[np.int64]

CELL_ID = (
    r"g(?P<side>\d+(?:\.\d+)?)(?P<metres>m?)(?:\+(?P<east>\d+(?:\.\d+)?)\+(?P<north>\d+(?:\.\d+)?))?:R(?P<row>-?\d{3,})C(?P<col>-?\d{3,})"
)

LINES = re.compile(rf"^{CELL_ID}$", re.MULTILINE)
"""Ids, one a line."""


def cell_ids(prefix: str, rows: Iterable[int], cols: Iterable[int]) -> NDArray[np.object_]:
    """Ids of the cells at these rows and columns of the grid that `prefix` names.

    Examples
    --------
    >>> list(cell_ids("g18", [12, -3], [7, 1204]))
    ['g18:R012C007', 'g18:R-003C1204']
    """
    row_place, row = pd.factorize(np.fromiter(rows, dtype=np.int64))
    col_place, col = pd.factorize(np.fromiter(cols, dtype=np.int64))
    left = np.array([f"{prefix}:R{_three(number)}C" for number in row.tolist()], dtype=object)  # a grid has few rows and columns
    right = np.array([_three(number) for number in col.tolist()], dtype=object)
    return np.asarray(left[row_place] + right[col_place], dtype=object)


def parse_cell_ids(ids: Iterable[str]) -> tuple[float, IntArray, IntArray]:
    """Side in metres, rows and columns of cell ids of one grid.

    Raises
    ------
    InputError
        If a text is no cell id, or the ids are of more than one grid (side or origin).

    Examples
    --------
    >>> parse_cell_ids(["g18:R012C007", "g18:R-003C1204"])
    (18000.0, array([12, -3]), array([   7, 1204]))
    """
    side, _, rows, cols = read_cell_ids(ids)
    return side, rows, cols


def coarse_ids(ids: Iterable[str], k: int, *, shift: tuple[int, int] = (0, 0)) -> NDArray[np.object_]:
    """Id of the k times coarser cell that holds each cell: row' = floor((row - north) / k), column alike.

    `shift` (east, north) moves the lines of the coarse grid by whole fine cells.

    Examples
    --------
    >>> list(coarse_ids(["g3:R012C007", "g3:R-001C005"], 6))
    ['g18:R002C001', 'g18:R-001C000']
    """
    side, origin, rows, cols = read_cell_ids(ids)
    east, north = checked_shift(k, shift)
    rows, cols = (rows - north) // k, (cols - east) // k
    return cell_ids(cell_prefix(side * k, (origin[0] + east * side, origin[1] + north * side)), rows, cols)


def read_cell_ids(ids: Iterable[str]) -> tuple[float, tuple[float, float], IntArray, IntArray]:
    """Side and origin in m, rows and columns of the ids of one grid."""
    held = ids if isinstance(ids, pd.Index | pd.Series | pd.api.extensions.ExtensionArray) else list(ids)
    place, texts = pd.factorize(np.asarray(held, dtype=object), use_na_sentinel=False)  # each text is read once: ids repeat over years
    joined = "\n".join(map(str, texts))
    found = LINES.findall(joined)
    if not len(texts) or len(found) != len(texts) or joined.count("\n") != len(texts) - 1:
        bad = [text for text in texts if LINES.fullmatch(str(text)) is None]
        got = repr(bad[0]) if bad else "no id at all"
        raise refuse(
            "bad_cell_id", expected="ids such as g18:R012C007", got=got, where="unit_id", fix="Use the ids that Grid.unit_ids gives."
        )
    grids = {text.split(":", 1)[0] for text in texts}
    if len(grids) > 1:
        raise refuse(
            "several_grids", expected="ids of one grid", got=", ".join(sorted(grids)[:5]), where="unit_id", fix="Treat each grid by itself."
        )
    side_text, metres, east_text, north_text, *_ = found[0]
    unit = 1.0 if metres else 1000.0
    side, east, north = (float(text or 0) * unit for text in (side_text, east_text, north_text))
    rows, cols = (np.array([int(match[part]) for match in found], dtype=np.int64) for part in (4, 5))
    return side, (east, north), rows[place], cols[place]


def cell_prefix(side_m: float, origin: tuple[float, float]) -> str:
    """What the ids of a grid begin with.

    Examples
    --------
    >>> cell_prefix(18_000.0, (6_000.0, 12_000.0)), cell_prefix(500.0, (0.0, 0.0))
    ('g18+6+12', 'g500m')
    """
    unit, mark = (1000.0, "") if side_m >= 1000 else (1.0, "m")
    shifted = f"+{origin[0] / unit:.10g}+{origin[1] / unit:.10g}" if any(origin) else ""
    return f"g{side_m / unit:.10g}{mark}{shifted}"


def checked_shift(k: int, shift: tuple[int, int]) -> tuple[int, int]:
    """Shift of a coarse grid in whole fine cells (east, north), each below k; anything else is refused."""
    if k != int(k) or k < 1:
        raise refuse(
            "bad_factor",
            expected="k = 1, 2, 3, ...",
            got=f"{k!r}",
            where="coarsen",
            fix="A coarse side must be a multiple of the fine one.",
        )
    if any(part != int(part) or not 0 <= part < k for part in shift):
        raise refuse(
            "bad_shift",
            expected=f"whole cells from 0 to {int(k) - 1}",
            got=f"{shift}",
            where="coarsen",
            fix="Round the shift to whole base cells.",
        )
    return int(shift[0]), int(shift[1])


def _three(number: int) -> str:
    return f"-{-number:03d}" if number < 0 else f"{number:03d}"
