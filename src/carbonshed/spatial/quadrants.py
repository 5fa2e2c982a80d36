"""LISA classes as the numbers of other packages, and back; the two schemes in use swap 2 and 3."""

from __future__ import annotations

import pandas as pd

from carbonshed.checks import choose, examples, refuse

QUADRANT_CODES = {
    "esda": {"ns": 0, "HH": 1, "LH": 2, "LL": 3, "HL": 4},
    "geoda": {"ns": 0, "HH": 1, "LL": 2, "LH": 3, "HL": 4},
}
"""Numbers that other packages print for the LISA classes (0 = not significant)."""


def quadrant_codes(lisa_class: pd.Series, *, scheme: str) -> pd.Series:
    """LISA classes as the numbers of ``esda`` (1 HH, 2 LH, 3 LL, 4 HL) or ``geoda`` (1 HH, 2 LL, 3 LH, 4 HL); 0 is ns.

    Islands and units without a class become <NA>.

    Examples
    --------
    >>> quadrant_codes(pd.Series(["HH", "LL", "ns"]), scheme="geoda").tolist()
    [1, 2, 0]
    """
    codes = QUADRANT_CODES[choose(scheme, QUADRANT_CODES, where="scheme")]
    return lisa_class.map(codes).astype("Int64")


def quadrant_classes(codes: pd.Series, *, scheme: str) -> pd.Series:
    """The numbers of ``esda`` or ``geoda`` as LISA classes; the inverse of `quadrant_codes`.

    Examples
    --------
    >>> quadrant_classes(pd.Series([1, 2, 3, 4]), scheme="esda").tolist()
    ['HH', 'LH', 'LL', 'HL']
    """
    known = {code: name for name, code in QUADRANT_CODES[choose(scheme, QUADRANT_CODES, where="scheme")].items()}
    unknown = codes[codes.notna() & ~codes.isin(list(known))]
    if len(unknown):
        raise refuse("unknown_code", expected="codes 0..4", got=examples(unknown), where="quadrant codes", fix="Drop islands first.")
    return codes.map(known)
