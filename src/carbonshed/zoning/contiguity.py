"""Zones without salt and pepper: connected regions of a least size, named as zones, and what that costs in variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array

from carbonshed.checks import choose, examples, refuse, warn
from carbonshed.numerics.contiguity import contiguous_regions, patches
from carbonshed.spatial.cell_ids import parse_cell_ids
from carbonshed.spatial.neighbours import as_sparse, lattice_neighbours, polygon_neighbours
from carbonshed.zoning.cluster import Clusterer, group_means, nearest_centre, separation
from carbonshed.zoning.features import canonical_order
from carbonshed.zoning.fitted import FittedCells, explained_share, fitted_cells
from carbonshed.zoning.indicators import column_of, unit_ids, years_of
from carbonshed.zoning.model import ZoneModel, zone_table
from carbonshed.zoning.name import failed_checks, name_clusters, naming_scores

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CONTIGUOUS = "ward_contiguity"
NAMINGS = ("model", "score")


def yearly_neighbours(frame: pd.DataFrame, *, kind: str = "queen") -> csr_array:
    """Links between the cells or counties of each year, none between years, in the order of the frame.

    Ids of grid cells are read as places of a lattice; other rows need polygons, which touch.

    Parameters
    ----------
    frame : (Geo)DataFrame
        Index `unit_id`; `year` where there are several.
    kind : {"queen", "rook"}

    Returns
    -------
    csr_array (n, n), binary, symmetric

    Raises
    ------
    InputError
        Ids that are no cells in a frame without polygons.

    Examples
    --------
    >>> cells = pd.DataFrame({"year": [2000, 2010, 2010]}, index=["g1:R000C000", "g1:R000C000", "g1:R000C001"])
    >>> yearly_neighbours(cells).toarray().tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    ids, years = unit_ids(frame), years_of(frame)
    cells = all(":R" in str(each) for each in ids)
    if not cells and not isinstance(frame, gpd.GeoDataFrame):
        raise refuse(
            "no_geometry",
            expected="ids of grid cells, or polygons",
            got=f"ids such as {examples(ids, 2)} without geometry",
            where="neighbours",
            fix="Give a GeoDataFrame, or neighbours of your own.",
        )
    parts: list[csr_array] = []
    places: list[Integers] = []
    before = None
    for year in np.unique(years):
        rows = np.flatnonzero(years == year)
        places.append(rows)
        if cells:
            _, row, column = parse_cell_ids(ids[rows])
            parts.append(lattice_neighbours(row, column, kind=kind))
        else:
            polygons = np.asarray(frame.geometry.array[rows])
            same = before is not None and np.array_equal(polygons, before)  # most often the counties of the year before
            parts.append(parts[-1] if same else polygon_neighbours(frame.iloc[rows], kind=kind))
            before = polygons
    whole = csr_array(block_array([[part if i == j else None for j in range(len(parts))] for i, part in enumerate(parts)]))
    back = np.argsort(np.concatenate(places))
    return csr_array(whole[back][:, back])


@dataclass(frozen=True)
class RegionLabels:
    """Region of each row, which rows were islands, and how many things moved at borders."""

    labels: Integers
    islands: NDArray[np.bool_]
    moves: int


def region_labels(
    x: Floats, years: Integers, neighbours: csr_array, settings: Mapping[str, Any], *, weights: Floats | None = None
) -> RegionLabels:
    """Connected regions of each year, numbered through; an island (a component below the least size) takes the region of its year whose
    mean is nearest in the features.

    `settings`: `regions` (number by year), `min_size`, `border_moves`.
    """
    heavy = np.ones(len(x)) if weights is None else weights
    labels, islands, first, moves = np.full(len(x), -1, dtype=np.int64), np.zeros(len(x), dtype=bool), 0, 0
    for year in np.unique(years):
        rows = np.flatnonzero(years == year)
        links = csr_array(neighbours[rows][:, rows])
        options = {"min_size": settings["min_size"], "border_moves": settings["border_moves"]}
        found = contiguous_regions(x[rows], links, settings["regions"][int(year)], weights=heavy[rows], **options)
        if found.n_regions == 0:
            raise refuse(
                "too_few_rows",
                expected=f"at least {settings['min_size']} connected cells",
                got=f"{len(rows)} cells, none of them in so large a group" + (f" in {year}" if year else ""),
                where="min_size",
                fix="Lower `min_size`.",
            )
        alone = found.labels < 0
        means = group_means(x[rows][~alone], found.labels[~alone], found.n_regions)
        labels[rows] = first + np.where(alone, nearest_centre(x[rows], means), found.labels)
        islands[rows] = alone
        first, moves = first + found.n_regions, moves + found.moves
    return RegionLabels(labels, islands, moves)


def contiguous_zones(
    model: ZoneModel,
    neighbours: object | None = None,
    *,
    regions: int | None = None,
    min_size: int = 5,
    naming: str = "model",
    border_moves: bool = True,
) -> ZoneModel:
    """Connected zones on the features of a fitted model: each year in regions of a least size.

    Regions are those of `numerics.contiguity.contiguous_regions`, each year and each connected component by itself.

    Parameters
    ----------
    model : ZoneModel
        Unconstrained zones as `fit_zones` gives them: the same scaler, features and weights are used.
    neighbours : csr_array or libpysal Graph, optional
        In the order of the caller's frame; links between years do not count. Default: `yearly_neighbours`.
    regions : int, optional
        Number a year. Default: the number of patches of the model's zones in that year that have `min_size` cells.
    min_size : int
        Least number of cells in a region.
    naming : {"model", "score"}
        ``"model"``: a region has the zone of the model's cluster whose centre is nearest to its mean, so that a zone means the same in
        both. ``"score"``: regions are named for themselves, as clusters are: their naming scores, weighted by members, are cut into
        three groups by Fisher-Jenks.
    border_moves : bool
        False: Ward's method along links alone.

    Returns
    -------
    ZoneModel
        Method `ward_contiguity`; `cluster` is the region (0 has the highest naming score). ``quality["contiguity"]`` holds `regions`,
        `min_size`, `least_size` (that was reached), `islands`, `moves`, the shares of the sum of squares that are explained by the
        regions, by the connected zones and by the unconstrained ones, and `cost`, the share lost against the latter.

    Raises
    ------
    InputError
        Fewer cells than regions, no connected group of `min_size` cells in a year, or neighbours of other cells.

    Warns
    -----
    DataWarning
        Islands; fewer or more regions than asked for; names that contradict the carbon balance.

    Notes
    -----
    An island has the region of the same year that is most like it. A row that the model was not fitted on (less than half inside) has
    the region of the neighbour that is most like it.
    """
    whole = yearly_neighbours(model.indicators) if neighbours is None else as_sparse(neighbours, model.indicators.index)
    cells = fitted_cells(model, whole)
    years = years_of(cells.frame)
    settings = _settings(cells, years, regions, min_size, border_moves)
    choose(naming, NAMINGS, where="naming")
    found = region_labels(cells.x, years, _links(cells), settings)
    order, named = _named(cells, found.labels, naming)
    rank = np.argsort(order)
    fitted = rank[found.labels]
    centres = group_means(cells.x, fitted, len(order))
    labels = _all_rows(model, whole, cells, fitted, centres)
    clusterer = Clusterer(CONTIGUOUS, centres, fitted)
    table = zone_table(model.indicators, model.features(model.indicators), labels, clusterer, named)
    zones = table["zone"].to_numpy(dtype=str)[cells.rows]
    block = _cost(cells, fitted, zones, found, settings)
    source, sink = (column_of(model.indicators, name) for name in ("carbon_source", "carbon_sink"))
    failed = failed_checks(table["zone"], source, sink)
    quality = {**model.quality, "method": CONTIGUOUS, "som": None, "not_separable": bool(failed), "failed_checks": failed}
    quality |= {"explained_share": block["explained_by_regions"], **separation(cells.x, fitted), "contiguity": block}
    _warn_of(cells, found, settings, failed)
    provenance = {**model.provenance, "method": CONTIGUOUS, "som": None, "contiguity": {**settings, "naming": naming}}
    none = model.choice_of_k.iloc[:0]
    return replace(model, zones=table, quality=quality, naming=named, choice_of_k=none, clusterer=clusterer, provenance=provenance)


def _links(cells: FittedCells) -> csr_array:
    assert cells.neighbours is not None
    return cells.neighbours


def _settings(cells: FittedCells, years: Integers, regions: int | None, min_size: int, border_moves: bool) -> dict[str, Any]:
    """Number of regions of each year, and the rest of what the regions depend on."""
    if min_size < 1 or (regions is not None and regions < 1):
        raise refuse("broken_regions", expected="1 or more", got=f"{regions}, {min_size}", where="regions, min_size", fix="Correct them.")
    asked, zones = {}, cells.zones
    for year in np.unique(years):
        rows = np.flatnonzero(years == year)
        if regions is not None and regions > len(rows):
            raise refuse(
                "too_few_rows",
                expected=f"at least {regions} cells for {regions} regions",
                got=f"{len(rows)}" + (f" in {year}" if year else ""),
                where="regions",
                fix="Ask for fewer regions.",
            )
        sizes = np.bincount(patches(zones[rows], csr_array(_links(cells)[rows][:, rows])))
        asked[int(year)] = max(int((sizes >= min_size).sum()), 1) if regions is None else regions
    return {"regions": asked, "min_size": min_size, "border_moves": border_moves}


def _named(cells: FittedCells, labels: Integers, naming: str) -> tuple[Integers, pd.DataFrame]:
    """Regions by falling naming score, and their names."""
    scores = naming_scores(cells.terms, labels)
    order = np.argsort(-scores["score"].to_numpy(), kind="stable")
    named = scores.iloc[order].reset_index(drop=True).rename_axis("cluster")
    if naming == "score":
        zones, subtypes = name_clusters(named["score"].tolist(), named["n_units"].tolist())
        return order, named.assign(zone=zones, zone_subtype=subtypes)
    means = group_means(cells.x, labels, len(order))[order]
    zones = [cells.model.zone_of_cluster[cluster] for cluster in nearest_centre(means, cells.model.clusterer.centres)]
    subtypes = [zone if zones.count(zone) == 1 else f"{zone}_{zones[: place + 1].count(zone)}" for place, zone in enumerate(zones)]
    return order, named.assign(zone=zones, zone_subtype=subtypes)


def _all_rows(model: ZoneModel, whole: csr_array, cells: FittedCells, fitted: Integers, centres: Floats) -> Integers:
    """Regions of all rows in the caller's order: known rows outside the fit take that of the most similar neighbour, of the fit first."""
    x, years = model.features(model.indicators), years_of(model.indicators)
    labels = np.full(len(x), -1, dtype=np.int64)
    labels[cells.rows] = fitted
    known = np.asarray(~np.isnan(x).any(axis=1))
    open_rows = [row for row in canonical_order(model.indicators) if known[row] and labels[row] < 0]
    while open_rows:
        taken = {}
        for row in open_rows:
            near = whole.indices[whole.indptr[row] : whole.indptr[row + 1]]
            choice = np.unique(labels[near][(labels[near] >= 0) & (years[near] == years[row])])
            if choice.size:
                taken[row] = choice[nearest_centre(x[row : row + 1], centres[choice])[0]]
        if not taken:  # out of reach of all regions: the nearest of its year
            for row in open_rows:
                choice = np.unique(labels[(years == years[row]) & (labels >= 0)])
                taken[row] = choice[nearest_centre(x[row : row + 1], centres[choice])[0]]
        for row, label in taken.items():
            labels[row] = label
        open_rows = [row for row in open_rows if row not in taken]
    return labels


def _cost(cells: FittedCells, fitted: Integers, zones: NDArray[np.str_], found: RegionLabels, settings: dict[str, Any]) -> dict[str, Any]:
    free, bound = explained_share(cells.x, cells.zones), explained_share(cells.x, zones)
    ids, years = unit_ids(cells.frame)[found.islands], years_of(cells.frame)[found.islands]
    sizes = np.bincount(fitted[~found.islands])
    return {
        "regions": sum(settings["regions"].values()),
        "regions_found": int(fitted.max()) + 1,
        "min_size": settings["min_size"],
        "least_size": int(sizes[sizes > 0].min()),
        "islands": [f"{name} ({year})" if year else str(name) for name, year in zip(ids, years)],
        "moves": found.moves,
        "explained_by_regions": explained_share(cells.x, fitted),
        "explained_by_zones": bound,
        "explained_by_unconstrained_zones": free,
        "cost": free - bound,
    }


def _warn_of(cells: FittedCells, found: RegionLabels, settings: dict[str, Any], failed: list[str]) -> None:
    asked, made = sum(settings["regions"].values()), len(np.unique(found.labels))
    if made != asked:
        reason = "connected parts" if made > asked else "groups of that size"
        warn(f"{made} regions in place of {asked}: there are {'more' if made > asked else 'fewer'} {reason}.")
    if found.islands.any():
        ids = unit_ids(cells.frame)[found.islands]
        warn(f"{len(ids)} islands, in groups below {settings['min_size']} cells, take the most similar region: {examples(ids)}.")
    if failed:
        warn("the connected zones are not separable: " + "; ".join(failed) + ".")
