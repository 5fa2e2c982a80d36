"""What is known of the twin because it was made so: zones, scale and trends."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carbonshed.accounting.carbon_sinks import carbon_sink
from carbonshed.spatial.cell_ids import cell_ids
from carbonshed.study.twin.economy import PEAK_YEAR
from carbonshed.study.twin.landscape import COVERS, SIDE_KM, SOUTH_M, WEST_M, YEARS, ZONES, Landscape
from carbonshed.study.twin.noise import Floats

BASE_KM = 3
SCALES_KM = (3, 6, 9, 12, 15, 18, 21, 24, 27, 30)
DRAWS, DRAW_YEAR = 12, 2010
"""Realisations of the patches, and their year, by which the true scale is told."""


def true_zones(landscape: Landscape, counties: gpd.GeoDataFrame) -> pd.DataFrame:
    """The regime that holds most of each cell of the base grid, of those that meet the region, in each year.

    Returns
    -------
    DataFrame
        unit_id (``g3:R...C...``), year, zone.
    """
    n = SIDE_KM // BASE_KM
    rows, cols = (each.ravel() for each in np.mgrid[0:n, 0:n])
    west, south = WEST_M + cols * BASE_KM * 1000, SOUTH_M + rows * BASE_KM * 1000
    boxes = shapely.box(west, south, west + BASE_KM * 1000, south + BASE_KM * 1000)
    region = shapely.union_all(counties.geometry.to_numpy())
    shapely.prepare(region)
    here = shapely.intersects(region, boxes)
    ids = cell_ids(f"g{BASE_KM}", rows[here] + int(SOUTH_M) // (BASE_KM * 1000), cols[here] + int(WEST_M) // (BASE_KM * 1000))
    tables = []
    for year in YEARS:
        zone = landscape.zone(year).reshape(n, BASE_KM, n, BASE_KM)
        held = np.stack([(zone == k).sum(axis=(1, 3)).ravel() for k in range(len(ZONES))])
        tables.append(pd.DataFrame({"unit_id": ids, "year": year, "zone": np.array(ZONES)[held[:, here].argmax(axis=0)]}))
    return pd.concat(tables, ignore_index=True)


def expected_moran(landscape: Landscape) -> dict[int, float]:
    """Moran's I of the sink density (binary queen neighbours) of square blocks of each side, mean over realisations of the patches.

    The latent fields are those of the twin, the patches are drawn anew, so that this knows the process and not the map.
    """
    per_km2 = np.zeros(256)
    per_km2[[cover.code for cover in COVERS]] = _sink_per_km2([cover.land_class for cover in COVERS])
    centres = np.arange(SIDE_KM, dtype=np.float64) + 0.5
    sums = np.zeros(len(SCALES_KM))
    for draw in range(1, DRAWS + 1):
        sink = per_km2[landscape.land_cover((DRAW_YEAR,), centres, centres, draw=draw)[0]]
        sums += [_queen_moran(_block_means(sink, side)) for side in SCALES_KM]
    return dict(zip(SCALES_KM, (sums / DRAWS).tolist(), strict=True))


def _sink_per_km2(land_classes: list[str]) -> Floats:
    """Sink of one km2 of each class by the coefficients of the study, t CO2 a-1."""
    names = sorted(set(land_classes))
    one_km2_each = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    return np.asarray(pd.Series(carbon_sink(one_km2_each))[land_classes], dtype=np.float64)


def _block_means(field: Floats, side: int) -> Floats:
    n = SIDE_KM // side
    return np.asarray(field[: n * side, : n * side].reshape(n, side, n, side).mean(axis=(1, 3)))


def _queen_moran(z: Floats) -> float:
    """``I = (n / S0) sum_ij w_ij z_i z_j / sum_i z_i^2`` of a whole rectangle, z from its mean (Moran 1950, textbook form)."""
    z = z - z.mean()
    pairs = [(z[:, 1:], z[:, :-1]), (z[1:], z[:-1]), (z[1:, 1:], z[:-1, :-1]), (z[1:, :-1], z[:-1, 1:])]
    cross, links = sum(float((one * two).sum()) for one, two in pairs), sum(one.size for one, _ in pairs)
    return z.size / links * cross / float((z**2).sum())


def known_truth(landscape: Landscape, zones: pd.DataFrame, statistics: pd.DataFrame, inside: NDArray[np.bool_]) -> dict[str, Any]:
    """Scale and trends of the twin as plain data.

    Parameters
    ----------
    landscape : Landscape
    zones : DataFrame
        From `true_zones`.
    statistics : DataFrame
        From `county_statistics`.
    inside : bool array (n, n)
        Which km2 are of the region.
    """
    moran = expected_moran(landscape)
    shares = pd.crosstab(zones["year"], zones["zone"], normalize="index").reindex(columns=list(ZONES))
    emissions = by_date(statistics.groupby("year")["carbon_source_t"].sum())
    sinks = {year: _expected_sink(landscape, year, inside) for year in YEARS}
    return {
        "scale_km": max(moran, key=lambda side: moran[side]),
        "expected_moran_i": moran,
        "zone_shares": {zone: by_date(shares[zone]) for zone in ZONES},
        "energy_emissions_t": emissions,
        "carbon_sink_t": sinks,
        "trends": {
            "payment_share": "falls",
            "recipient_share": "grows",
            "carbon_source": "rises to the peak, then falls",
            "carbon_source_peak_year": PEAK_YEAR,
            "carbon_source_peak_date": max(emissions, key=lambda year: emissions[year]),
            "carbon_sink": "grows",
            "carbon_sink_growth": sinks[YEARS[-1]] / sinks[YEARS[0]] - 1,
        },
    }


def _expected_sink(landscape: Landscape, year: int, inside: NDArray[np.bool_]) -> float:
    km2 = landscape.cover_shares(year)[:, inside].sum(axis=1)
    return float(km2 @ _sink_per_km2([cover.land_class for cover in COVERS]))


def by_date(values: pd.Series) -> dict[int, float]:
    """A series by year as plain numbers.

    >>> by_date(pd.Series({2000: 1, 2005: 2}))
    {2000: 1.0, 2005: 2.0}
    """
    return dict(zip(values.index.astype(int).tolist(), values.astype(float).tolist(), strict=True))
