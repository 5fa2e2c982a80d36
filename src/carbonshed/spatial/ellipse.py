"""Ellipses of spread: the standard deviational ellipse of weighted points, and the ellipse of a covariance matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike

from carbonshed.checks import choose, refuse

CONVENTIONS = ("sqrt2", "n_minus_2", "none")

ROUNDING = 1e-12
"""Differences below this part of the total variance are rounding."""


@dataclass(frozen=True)
class Ellipse:
    """Standard deviational ellipse: centre and semi-axes in the units of x and y, angle of the major axis in degrees."""

    x: float
    y: float
    major: float
    minor: float
    angle_deg: float
    convention: str


def standard_deviational_ellipse(x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, convention: str = "sqrt2") -> Ellipse:
    """Weighted centre and standard deviational ellipse of points in the plane.

    With weights w that sum to 1 and deviations (dx, dy) from the weighted centre, ``A = sum w dx^2 - sum w dy^2``,
    ``B = sum w dx dy``, ``tan(angle) = (A + sqrt(A^2 + 4 B^2)) / (2 B)``, clockwise from the y axis, in [0, 180). The semi-axes
    are f times the weighted standard deviation along and across it: ``sqrt2`` f = sqrt(2); ``n_minus_2`` f = sqrt(2 n / (n - 2))
    with n points of weight > 0; ``none`` f = 1.

    Parameters
    ----------
    x, y : array_like of float, shape (n,)
        Coordinates; the semi-axes have their unit.
    weights : array_like of float >= 0, shape (n,), optional
        Equal if left out.
    convention : {"sqrt2", "n_minus_2", "none"}

    Returns
    -------
    Ellipse
        The angle is NaN for a circle; the axes too for a single point (and two points with ``n_minus_2``); all is NaN where the
        weights sum to 0.

    Raises
    ------
    InputError
        If a weight is negative, something is not finite, the lengths differ or the convention is unknown.

    Notes
    -----
    Source: Lefever (1926), Yuill (1971), textbook form; sqrt(2) is the habit of ArcGIS, n - 2 of CrimeStat.

    Examples
    --------
    >>> ellipse = standard_deviational_ellipse([0, 4, 4, 0], [0, 0, 2, 2])
    >>> round(ellipse.major, 4), round(ellipse.minor, 4), ellipse.angle_deg
    (2.8284, 1.4142, 90.0)
    """
    choose(convention, CONVENTIONS, where="convention")
    px, py = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    w = np.ones(px.size) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    wrong = not px.size == py.size == w.size or not (np.isfinite(px).all() and np.isfinite(py).all() and np.isfinite(w).all())
    if wrong or (w < 0).any():
        raise refuse(
            "wrong_points",
            expected="finite coordinates, with one finite weight >= 0 each",
            got=f"{px.size} x, {py.size} y, {w.size} weights, smallest weight {w.min(initial=0):g}",
            where="standard_deviational_ellipse",
            fix="Leave out points that are not known, or take absolute amounts.",
        )
    n, nan = int((w > 0).sum()), float("nan")
    if n == 0:
        return Ellipse(nan, nan, nan, nan, nan, convention)
    w = w / w.sum()
    cx, cy = float(w @ px), float(w @ py)
    if n == 1 or (n == 2 and convention == "n_minus_2"):
        return Ellipse(cx, cy, nan, nan, nan, convention)
    dx, dy = px - cx, py - cy
    factor = {"sqrt2": 2.0, "n_minus_2": 2 * n / max(n - 2, 1), "none": 1.0}[convention]
    return ellipse_of_covariance(cx, cy, factor * float(w @ dx**2), factor * float(w @ dy**2), factor * float(w @ (dx * dy)), convention)


def ellipse_of_covariance(x: float, y: float, xx: float, yy: float, xy: float, convention: str) -> Ellipse:
    """The ellipse of a covariance matrix ((xx, xy), (xy, yy)): its semi-axes are the roots of the eigenvalues.

    Examples
    --------
    >>> ellipse_of_covariance(0, 0, 4, 1, 0, "none")
    Ellipse(x=0, y=0, major=2.0, minor=1.0, angle_deg=90.0, convention='none')
    """
    trace, difference = xx + yy, xx - yy
    root = float(np.hypot(difference, 2 * xy))
    major, minor = np.sqrt((trace + root) / 2), np.sqrt(max((trace - root) / 2, 0.0))
    if root <= ROUNDING * trace:
        angle = float("nan")
    elif abs(xy) <= ROUNDING * trace:
        angle = 90.0 if difference > 0 else 0.0
    else:
        angle = float(np.degrees(np.arctan2(difference + root, 2 * xy)) % 180)
    return Ellipse(x, y, float(major), float(minor), angle, convention)


def ellipses_overlap(one: Ellipse, other: Ellipse) -> bool | None:
    """Whether two ellipses have a point in common, each drawn by 256 corners; None where one is not known.

    Examples
    --------
    >>> near, far = (Ellipse(x, 0, 2, 1, 90, "none") for x in (3.9, 4.1))
    >>> ellipses_overlap(Ellipse(0, 0, 2, 1, 90, "none"), near), ellipses_overlap(Ellipse(0, 0, 2, 1, 90, "none"), far)
    (True, False)
    """
    if not np.isfinite([one.x, one.y, one.major, one.minor, other.x, other.y, other.major, other.minor]).all():
        return None
    return bool(shapely.intersects(_polygon(one), _polygon(other)))


def _polygon(ellipse: Ellipse) -> shapely.Polygon:
    turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    angle = np.radians(0.0 if np.isnan(ellipse.angle_deg) else ellipse.angle_deg)
    along, across = ellipse.major * np.cos(turn), ellipse.minor * np.sin(turn)
    x = ellipse.x + along * np.sin(angle) + across * np.cos(angle)
    y = ellipse.y + along * np.cos(angle) - across * np.sin(angle)
    return shapely.Polygon(np.column_stack([x, y]))
