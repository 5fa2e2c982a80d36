"""Two or more land-cover rasters on one grid to the cube ``land_change[period, unit_id, from_class, to_class]`` in km2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window

from carbonshed.checks import InputError, choose, examples, refuse, warn
from carbonshed.numerics.packed_counts import look_up_pairs
from carbonshed.readers.land_cover import MIN_COVERAGE, Pass, Progress, _areas, _rule, nodata_codes, outside_shares, planned_pass
from carbonshed.readers.land_cover_layers import Bands, Layer, open_land_cover
from carbonshed.readers.legend import Legend, read_legend
from carbonshed.readers.rasters import Handles, checked_units, geobox, pixel_polygons, raster_crs, read_pixels
from carbonshed.readers.row_tasks import RowTask, RunTasks, finished
from carbonshed.spatial.crs import FloatArray
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.land_area import SMALL, Block, Coverage, StripTable, ZoneTotals, _slots
from carbonshed.spatial.overlay import REGION
from carbonshed.spatial.project import Geometries

HALF_KNOWN = 1e-6
"""Share of the units known in only one of two years that is left unsaid."""

Pair = tuple[int, int]
Codes = NDArray[np.uint8]


def tabulate_land_change(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame | Grid | None = None,
    *,
    pairs: Iterable[Pair] | None = None,
    legend: str | Path | Mapping[Any, Any] | Legend = "clcd",
    coverage: str = "auto",
    bands: Bands = None,
    options: Mapping[str, str] | None = None,
    split_shrub: bool = False,
    min_coverage: float = MIN_COVERAGE,
    progress: Progress | None = None,
    threads: int | None = None,
    run_tasks: RunTasks | None = None,
) -> xr.DataArray:
    """Area that passed from each land class to each other between two years, pixel by pixel, in one streaming pass.

        A[period, i, a, b] = sum over pixels p of class a in the first year and b in the second: share of p in i * true area of p   [km2]

    Rows (`from_class`) sum to the old area of each class, columns (`to_class`) to the new one.

    Parameters
    ----------
    rasters : mapping
        Year -> path; all on one grid of pixels.
    units : GeoDataFrame or Grid, optional
        As in `tabulate_land_area`. None: the whole raster, as the one unit ``region``.
    pairs : iterable of (int, int), optional
        Years to compare, each pair rising; default: each year with the next.
    legend, coverage, bands, options, split_shrub, min_coverage, progress, threads, run_tasks
        As in `tabulate_land_area`.

    Returns
    -------
    DataArray
        ``land_change[period, unit_id, from_class, to_class]`` in km2; periods are texts such as ``1984-2007``; coordinates `year_from`,
        `year_to` (period), `area_km2` (unit_id), `nodata_km2` (period, unit_id): what is not known in both years.

    Raises
    ------
    InputError
        As in `tabulate_land_area`; if the rasters are not on one grid of pixels; if fewer than two years are given, or a pair is not of
        two given years, rising; if a code stands for a mosaic of classes (its pixels have no one class to come from).

    Warns
    -----
    DataWarning
        If part of the units is known in one of two years only: it is left out of both. As in `tabulate_land_area`.

    Notes
    -----
    Source: textbook form (transition or transfer matrix; Pontius, Shusas and McEachern 2004). Rasters classified independently differ
    by their errors too: what reads as exchange between two classes in both directions is often such noise.
    """
    policy: dict[str, Any] = {"options": options, "split_shrub": split_shrub, "min_coverage": min_coverage}
    plan = plan_land_change(rasters, units, pairs=pairs, legend=legend, coverage=coverage, bands=bands, **policy)
    return finished(plan, threads=threads, run_tasks=run_tasks, progress=progress)


def plan_land_change(
    rasters: Mapping[int, str | Path],
    units: gpd.GeoDataFrame | Grid | None = None,
    *,
    pairs: Iterable[Pair] | None = None,
    legend: str | Path | Mapping[Any, Any] | Legend = "clcd",
    coverage: str = "auto",
    bands: Bands = None,
    options: Mapping[str, str] | None = None,
    split_shrub: bool = False,
    min_coverage: float = MIN_COVERAGE,
) -> LandChangePlan:
    """The work of `tabulate_land_change` as tasks that can be done anywhere; see `carbonshed.readers.land_cover.plan_land_area`."""
    known = _single_classes(read_legend(legend, options=options, split_shrub=split_shrub))
    choose(coverage, ("auto", "centre", "exact"), where="coverage")
    compared = _pairs(pairs, sorted(int(year) for year in rasters))
    years = sorted({year for pair in compared for year in pair})
    given = {int(year): Path(path) for year, path in rasters.items()}
    with ExitStack() as stack:
        layers = open_land_cover(stack, {year: given[year] for year in years}, years, bands, known)
        _check_one_grid(layers)
        dataset = layers[0].dataset
        if units is None:
            polygons: Geometries = np.array([shapely.box(0, 0, dataset.width, dataset.height)], dtype=object)
            ids, area, crs = np.array([REGION], dtype=object), None, raster_crs(dataset).to_string()
            rule: Coverage = "centre"
        else:
            frame = units.to_frame() if isinstance(units, Grid) else checked_units(units)
            polygons = pixel_polygons(dataset, np.asarray(frame.geometry.array, dtype=object), frame.crs)
            ids, area, crs = frame.index.to_numpy(dtype=object), _areas(frame), frame.crs.to_string()
            rule = _rule(coverage, isinstance(units, Grid) or "cell_id" in frame.columns, [polygons])
        coding = PairCodes.of(layers, compared, known)
        is_grid = isinstance(units, Grid)
        outside = outside_shares(layers[0], polygons, pd.Index(ids), is_grid=is_grid, min_coverage=min_coverage)
        one = planned_pass(layers, polygons, outside, codes=coding.codes, nodata=coding.nodata, rule=rule)
    return LandChangePlan(one, coding, compared, known, rule, ids, area, crs)


@dataclass(frozen=True)
class PairCodes:
    """Layers of land-cover codes to layers of pairs of classes: ``class in the first year * n + in the second``; picklable.

    Parameters
    ----------
    known : array
        Codes of the legend, rising.
    nodata_of : sequence of sequences of int
        Codes of each layer that mean nodata.
    class_of : array of bytes
        Class of each known code, then of nodata, then of unknown codes.
    n_classes : int
    pairs : sequence of (first layer, second layer)
        In the order in which they are made: by the second.
    """

    known: NDArray[np.int64]
    nodata_of: Sequence[Sequence[int]]
    class_of: Codes
    n_classes: int
    pairs: Sequence[Pair]

    @classmethod
    def of(cls, layers: list[Layer], compared: list[Pair], legend: Legend) -> PairCodes:
        """For these layers, periods and classes."""
        n = len(legend.land_classes)
        order = {layer.year: k for k, layer in enumerate(layers)}
        pairs = sorted(((order[old], order[new]) for old, new in compared), key=lambda pair: (pair[1], pair[0]))
        class_of = np.array([*(int(row.argmax()) for row in legend.matrix()), n, n + 1], dtype=np.uint8)
        return cls(np.asarray(legend.codes, dtype=np.int64), [nodata_codes(layer, legend) for layer in layers], class_of, n, pairs)

    @property
    def codes(self) -> range:
        """The pairs, known in one year only, unknown to the legend."""
        return range(self.n_classes**2 + 2)

    @property
    def nodata(self) -> list[list[int]]:
        """Nodata codes of each layer of pairs: a pixel that holds no data in both years."""
        return [[len(self.codes)]] * len(self.pairs)

    def __call__(self, blocks: Iterable[Block]) -> Iterator[Codes]:
        """The pairs of one strip, as its layers are read; a layer is held as long as a pair needs it."""
        pair_codes = _pair_codes(self.n_classes)
        held: dict[int, tuple[Codes, Codes]] = {}
        for k, block in enumerate(blocks):
            held[k] = self._small(block, self.nodata_of[k])
            for old, new in self.pairs:
                if new == k:
                    (first, of_first), (second, of_second) = held[old], held[new]
                    yield look_up_pairs(first, second, pair_codes[np.ix_(of_first, of_second)])
            waiting = {old for old, new in self.pairs if new > k}
            held = {layer: small for layer, small in held.items() if layer in waiting}

    def _small(self, block: Block, nodata: Sequence[int]) -> tuple[Codes, Codes]:
        """Small numbers for the codes of a block, and the class of each: the codes as they are where all are small."""
        if block.dtype == np.uint8 and (highest := int(block.max(initial=0))) < SMALL:
            return cast(Codes, block), self.class_of[_slots(np.arange(highest + 1, dtype=np.uint8), self.known, nodata)]
        return _slots(block, self.known, nodata), self.class_of

    def unknown(self, block: Block, layer: int) -> set[int]:
        """Codes of a block that are neither in the legend nor nodata."""
        return set(np.unique(block[_slots(block, self.known, self.nodata_of[layer]) == len(self.known) + 1]).tolist())


@dataclass(frozen=True)
class LandChangePlan:
    """The pass of `tabulate_land_change`, planned but not done: `tasks`, and `finish` for the tables that come of them."""

    one: Pass
    coding: PairCodes
    compared: list[Pair]
    legend: Legend
    rule: Coverage
    ids: NDArray[np.object_]
    area_km2: FloatArray | None
    crs: str

    @property
    def n_strips(self) -> int:
        """Strips of the pass."""
        return len(self.one.strips)

    def tasks(self, *, strips_at_once: int = 1) -> Iterator[RowTask]:
        """All tasks in order, each of at most so many strips in all years."""
        return self.one.tasks(strips_at_once=strips_at_once, recode=self.coding)

    def finish(self, tables: Iterable[StripTable], *, progress: Progress | None = None) -> xr.DataArray:
        """The cube ``land_change[period, unit_id, from_class, to_class]`` from the tables of all strips, in order.

        Raises
        ------
        InputError
            As `tabulate_land_change`.
        ConservationError
            If strips are missing, stand twice, or are out of order.
        """
        one, n = self.one, len(self.legend.land_classes)
        total = ZoneTotals(len(self.compared), len(self.ids), n * n + 4, self.rule)
        strange = []
        for table in tables:
            total.add(table)
            if table.km2[:, :, n * n + 1].any():
                strange.append((table.top, table.top + table.rows))
            if progress is not None:
                progress(total.rows / one.shape[0], f"{one.where}: {total.rows} of {one.shape[0]} rows")
        if strange:
            raise self._refuse_unknown(strange)
        found = total.tabulation(one.polygons, one.zones.codes, shape=one.shape, where=one.where)
        order = {layer.year: k for k, layer in enumerate(one.layers)}
        made = [self.coding.pairs.index((order[old], order[new])) for old, new in self.compared]
        return self._cube(np.delete(found.km2, n * n + 1, axis=2)[made])

    def _cube(self, km2: FloatArray) -> xr.DataArray:
        """From areas [pair, unit, code]: the pairs of classes, then known in one year only, then nodata in both."""
        compared, known, n = self.compared, self.legend, len(self.legend.land_classes)
        empty = [f"{old}-{new}" for k, (old, new) in enumerate(compared) if not km2[k, :, : n * n].any()]
        if empty:
            fix = "Check the files and the nodata codes of the legend."
            raise refuse(
                "only_nodata", expected="land cover inside the units", got=f"none in {examples(empty)}", where="land_cover", fix=fix
            )
        change = km2[:, :, : n * n].reshape(len(compared), len(self.ids), n, n)
        half, none = km2[:, :, n * n], km2[:, :, -1]
        area = change.sum(axis=(2, 3))[0] + half[0] + none[0] if self.area_km2 is None else self.area_km2
        _warn_half_known(half.sum(axis=1), float(area.sum()), compared)
        coords = {
            "period": [f"{old}-{new}" for old, new in compared],
            "unit_id": self.ids,
            "from_class": list(known.land_classes),
            "to_class": list(known.land_classes),
            "year_from": ("period", [old for old, _ in compared]),
            "year_to": ("period", [new for _, new in compared]),
            "area_km2": ("unit_id", area),
            "nodata_km2": (("period", "unit_id"), half + none + self.one.outside * area),
        }
        attrs = {"units": "km2", "coverage": self.rule, "legend": known.product, "licence": known.licence}
        attrs |= {"citation": known.citation, "crs": self.crs}
        return xr.DataArray(change, dims=("period", "unit_id", "from_class", "to_class"), coords=coords, name="land_change", attrs=attrs)

    def _refuse_unknown(self, rows: list[tuple[int, int]]) -> InputError:
        """These rows are read once more, to name the codes and their files."""
        one = self.one
        strange: dict[str, set[int]] = {}
        with Handles() as handles:
            for (begin, end), (k, layer) in product(rows, enumerate(one.layers)):
                window = Window(one.left, one.top + begin, one.shape[1], end - begin)
                codes = self.coding.unknown(cast(Block, read_pixels(handles(layer.path), layer.band, window=window)), k)
                if codes:
                    strange.setdefault(f"{layer.path.name} ({layer.year})", set()).update(codes)
        return refuse(
            "unknown_class",
            expected=f"codes of the legend ({examples(self.legend.codes, 30)}) or nodata",
            got="; ".join(f"codes {examples(sorted(codes))} in {name}" for name, codes in strange.items()),
            where="land_cover",
            fix="Name the true product, or give a legend (TOML) that maps the code to a land class or to nodata.",
        )


def _single_classes(legend: Legend) -> Legend:
    """Refuse mosaics: a pixel that is 0.7 cropland and 0.3 grassland in one year has no one class to come from."""
    mosaics = sorted({row.code for row in legend.rows if row.share < 1})
    if mosaics:
        raise refuse(
            "mosaic",
            expected="one land class for each code, to follow pixels from class to class",
            got=f"codes {examples(mosaics)} that stand for several",
            where=f"legend {legend.product}",
            fix='Give options = {"mosaic": "dominant"} where the product has it, or your own legend with one class a code.',
        )
    return legend


def _pairs(pairs: Iterable[Pair] | None, years: Sequence[int]) -> list[Pair]:
    wanted = pairwise(years) if pairs is None else pairs
    compared = list(dict.fromkeys((int(old), int(new)) for old, new in wanted))
    wrong = [f"{old}-{new}" for old, new in compared if not old < new or old not in years or new not in years]
    if wrong or not compared:
        raise refuse(
            "wrong_pair",
            expected=f"pairs of two given years, the earlier first; years: {examples(years, 30)}",
            got=examples(wrong) or "no pair",
            where="pairs",
            fix="Give at least two years; leave pairs out to compare each year with the next.",
        )
    return compared


def _check_one_grid(layers: list[Layer]) -> None:
    one = layers[0]
    other = next((layer for layer in layers if geobox(layer.dataset) != geobox(one.dataset)), None)
    if other is None:
        return
    names = ("CRS", "origin or pixel size", "rows and columns")
    parts = [name for name, a, b in zip(names, geobox(one.dataset), geobox(other.dataset), strict=True) if a != b]
    raise refuse(
        "other_grid",
        expected="rasters on one grid of pixels",
        got=f"{one.path.name} ({one.year}) and {other.path.name} ({other.year}), which differ in {' and '.join(parts)}",
        where="land_cover",
        fix="Bring one onto the grid of the other by nearest neighbour (gdalwarp -r near), or compare the areas of tabulate_land_area.",
    )


def _warn_half_known(half: FloatArray, total: float, compared: list[Pair]) -> None:
    said = [f"{old}-{new}: {km2:.6g} km2" for (old, new), km2 in zip(compared, half.tolist()) if km2 > HALF_KNOWN * total]
    if said:
        warn(f"land change: known in one of the two years only, and left out of both: {examples(said)}.")


def _pair_codes(n: int) -> Codes:
    """Code of a pair of classes 0 .. n - 1, nodata (n) and unknown (n + 1)."""
    codes = np.full((n + 2, n + 2), n * n, dtype=np.uint8)
    codes[:n, :n] = np.arange(n * n).reshape(n, n)
    codes[n, n] = n * n + 2
    codes[n + 1, :] = codes[:, n + 1] = n * n + 1
    return codes
