"""The land of the twin: latent fields, the regimes that are its true zones, and the land cover that grows from them.

Nothing here knows an indicator, a feature or a rule of naming. Three latent fields are drawn: *industry* (urban-industrial
activity, which moves with the years), *mountain* and *access* (to markets and roads). A place is of the industrial regime where
industry is among the highest of its year, of the mountain regime where it is not and mountain is high, and of the plain regime
elsewhere; how large the regimes are in each year is given. Land cover is drawn from shares that the regimes set, in patches of
about 3 km: a structure of about 80 km under heavy noise, which makes Moran's I of the sink density peak at about 18 km.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from carbonshed.study.twin.noise import Floats, between, gaussian_field, patch_noise

Codes = NDArray[np.uint8]

YEARS = (2000, 2005, 2010, 2015, 2020)
SIDE_KM = 516
"""Side of the square that is drawn, in km: the region of 500 x 500 km and a margin for its ragged border."""
WEST_M, SOUTH_M = 810_000.0, 3_780_000.0
"""South-west corner of the square in the China Albers CRS; on the lines of every grid of 1, 2, 3, 6, 9, 15, 18, 30 km."""

ZONES = ("payment", "balanced", "recipient")
"""Zones of the industrial, the plain and the mountain regime."""
STRUCTURE_KM = 80.0
SCALE_KM = 18.0
"""Side at which Moran's I of the sink density peaks, averaged over realisations (tested by drawing them)."""
INDUSTRY_SHARE = (0.30, 0.22)
MOUNTAIN_SHARE = (0.26, 0.38)
"""Share of the region that the regimes hold in the first and in the last year; linear between."""
DRIFT_DEG = 15.0
"""How far industry turns from its first to its last pattern, as an angle between independent fields."""
EDGE = 0.02
"""Width of the edge of a regime, in standard deviations of its field: about 2 km."""


@dataclass(frozen=True)
class Cover:
    """How much of each regime a CLCD code covers, in the first and in the last year, and how large its patches are."""

    code: int
    land_class: str
    patch_km: float
    first: tuple[float, float, float]
    last: tuple[float, float, float]

    def shares(self, t: float) -> list[float]:
        """Shares in the three regimes at the time t (0 first, 1 last year)."""
        return [(1 - t) * first + t * last for first, last in zip(self.first, self.last, strict=True)]


CROPLAND = 1
COVERS = (
    Cover(5, "water", 1.5, (0.025, 0.020, 0.010), (0.025, 0.020, 0.010)),
    Cover(8, "built_up", 0.5, (0.150, 0.045, 0.013), (0.210, 0.063, 0.018)),
    Cover(2, "forest", 2.6, (0.100, 0.260, 0.580), (0.130, 0.320, 0.660)),
    Cover(3, "grassland", 1.5, (0.010, 0.020, 0.050), (0.010, 0.020, 0.045)),  # shrub
    Cover(4, "grassland", 2.0, (0.030, 0.080, 0.180), (0.030, 0.080, 0.160)),
    Cover(7, "bare", 1.2, (0.005, 0.005, 0.020), (0.005, 0.005, 0.015)),
    Cover(9, "wetland", 1.2, (0.010, 0.010, 0.004), (0.008, 0.009, 0.004)),
)
"""In the order in which land is given away; cropland takes the rest. CLCD codes."""

FINE_KM, FINE_SHARE = 0.5, 0.15
"""Patches have ragged edges: this share of the variance of their noise is at this distance."""


@dataclass(frozen=True)
class Landscape:
    """The simulated land of one seed; fields have their rows from south to north, in km."""

    seed: int

    @cached_property
    def mountain(self) -> Floats:
        """Mountain field: N(0, 1), high toward the north-west."""
        north, east = np.mgrid[0:SIDE_KM, 0:SIDE_KM] / SIDE_KM - 0.5
        return _standard(self._field(0) + 1.5 * (north - east))

    @cached_property
    def access(self) -> Floats:
        """Access to markets and roads: N(0, 1), low in the mountains."""
        return _standard(self._field(1) - 0.8 * self.mountain)

    @cached_property
    def _industry_patterns(self) -> tuple[Floats, Floats]:
        """First pattern of industry and one at a right angle to it."""
        first = _standard(self._field(2) - 0.75 * self.mountain)
        other = _standard(self._field(3) - 0.75 * self.mountain)
        return first, _standard(other - (other * first).mean() * first)

    def _field(self, stream: int) -> Floats:
        return gaussian_field(SIDE_KM, STRUCTURE_KM, np.random.default_rng([self.seed, stream]))

    def industry(self, year: int) -> Floats:
        """Urban-industrial field of a year: N(0, 1)."""
        first, other = self._industry_patterns
        angle = np.deg2rad(DRIFT_DEG) * time_of(year)
        return np.asarray(np.cos(angle) * first + np.sin(angle) * other)

    def _thresholds(self, year: int) -> tuple[float, float]:
        """Industry above which a place is industrial, and mountain above which the others are mountains."""
        t = time_of(year)
        pays, receives = ((1 - t) * first + t * last for first, last in (INDUSTRY_SHARE, MOUNTAIN_SHARE))
        industry = self.industry(year)
        most = float(np.quantile(industry, 1 - pays))
        others = self.mountain[industry <= most]
        return most, float(np.quantile(others, 1 - receives / (1 - pays)))

    def zone(self, year: int) -> NDArray[np.int64]:
        """Position in ZONES of each km2: the truth."""
        industry, mountain = self._thresholds(year)
        return np.where(self.industry(year) > industry, 0, np.where(self.mountain > mountain, 2, 1))

    def membership(self, year: int) -> Floats:
        """Shares of the three regimes in each km2, shape (3, n, n): 0 or 1 but near their edges."""
        industry, mountain = self._thresholds(year)
        pays = expit((self.industry(year) - industry) / EDGE)
        receives = (1 - pays) * expit((self.mountain - mountain) / EDGE)
        return np.stack([pays, 1 - pays - receives, receives])

    def cover_shares(self, year: int) -> Floats:
        """Expected share of each of COVERS in each km2, shape (len(COVERS), n, n)."""
        membership = self.membership(year)
        return np.stack([mixture(cover.shares(time_of(year)), membership) for cover in COVERS])

    def land_cover(self, years: tuple[int, ...], x: Floats, y: Floats, *, draw: int = 0) -> list[Codes]:
        """CLCD codes at the crossings of `y` (rows) and `x` (columns), km from the south-west corner, for each year.

        A place takes the first class whose noise, the same in all years, lies below the quantile of its expected share among what is
        left. It is a function of the place: no window, tile or pixel size changes it.

        Parameters
        ----------
        years : tuple of int
        x, y : arrays
        draw : int
            Another realisation of the patches on the same latent fields.
        """
        noises = [self._patches(x, y, cover.patch_km, 2 * k + 1000 * draw) for k, cover in enumerate(COVERS)]
        maps = []
        for quantiles in (self._quantiles[year] for year in years):
            codes = np.full((y.size, x.size), CROPLAND, dtype=np.uint8)
            free = np.ones(codes.shape, dtype=bool)
            for cover, noise, quantile in zip(COVERS, noises, quantiles, strict=True):
                taken = free & (noise < between(quantile, x, y))
                codes[taken] = cover.code
                free &= ~taken
            maps.append(codes)
        return maps

    def _patches(self, x: Floats, y: Floats, patch: float, layer: int) -> Floats:
        coarse = patch_noise(x, y, patch=patch, seed=self.seed, layer=layer)
        fine = patch_noise(x, y, patch=FINE_KM, seed=self.seed, layer=layer + 1)
        return np.sqrt(1 - FINE_SHARE) * coarse + np.sqrt(FINE_SHARE) * fine

    @cached_property
    def _quantiles(self) -> dict[int, Floats]:
        """Normal quantile of each cover's share among what the covers before it leave, by year."""
        found = {}
        for year in YEARS:
            shares = self.cover_shares(year)
            left = 1 - np.cumsum(shares, axis=0) + shares
            found[year] = ndtri(shares / left)
        return found


def time_of(year: int) -> float:
    """0 in the first, 1 in the last year."""
    return (year - YEARS[0]) / (YEARS[-1] - YEARS[0])


def mixture(levels: Sequence[float], membership: Floats) -> Floats:
    """Sum of the levels of the regimes, each times its share of a place (term by term, so that no byte depends on threads)."""
    terms = [level * share for level, share in zip(levels, membership, strict=True)]
    return terms[0] + terms[1] + terms[2]


def _standard(field: Floats) -> Floats:
    return (field - field.mean()) / field.std()
