"""Land-cover rasters onto many regular grids at once: every side and every shifted origin from one reading of each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from carbonshed.checks import InputError, choose, refuse
from carbonshed.readers.land_cover import Progress, _refuse_empty
from carbonshed.readers.land_cover_layers import Bands, Layer, nodata_tag, open_land_cover
from carbonshed.readers.legend import Legend, read_legend
from carbonshed.readers.rasters import Handles, raster_crs, read_pixels, strip_rows
from carbonshed.spatial.class_slots import ClassSlots, refuse_unknown
from carbonshed.spatial.crs import Bounds, FloatArray, as_crs, equal_area_crs, mover, pixel_areas, require_equal_area
from carbonshed.spatial.curved_grids import CurvedCounts, make_lattice
from carbonshed.spatial.grid import Grid
from carbonshed.spatial.grid_land_area import GridLandArea
from carbonshed.spatial.in_order import in_order
from carbonshed.spatial.many_grids import AlignedCounts, GridCounts, Part, Transform

Origin = tuple[float, float]
Origins = Sequence[Origin] | Mapping[float, Sequence[Origin]]
"""Origins (east, north) in km of every side; or for some sides, the others at (0, 0)."""


def tabulate_grids(
    rasters: Mapping[int, str | Path],
    *,
    sides_km: Sequence[float],
    origins: Origins = ((0.0, 0.0),),
    crs: object = "auto",
    legend: str | Path | Mapping[Any, Any] | Legend = "clcd",
    coverage: str = "exact",
    bands: Bands = None,
    options: Mapping[str, str] | None = None,
    split_shrub: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> GridLandArea:
    """Area of each land class in the cells of many regular grids, each raster read once.

        A[grid, year, i, k] = sum over pixels p: share of p in cell i * true area of p * share of p's code in class k      [km2]

    Parameters
    ----------
    rasters : mapping
        Year -> path; any CRS.
    sides_km : sequence of float
        Sides of the cells in km, at least a pixel; they need not divide one another.
    origins : sequence of (east, north), or mapping of side -> such a sequence
        Shifts of the lines from the origin of the CRS in km, each less than the side.
    crs : CRS or "auto"
        Equal-area CRS of the grids, in metres. ``"auto"``: the raster's own if it keeps areas, else by the rule of `equal_area_crs`.
    legend, bands, options, split_shrub :
        As for `tabulate_land_area`.
    coverage : {"exact", "centre"}
        Whether a pixel is split between the cells it lies in by area, or belongs to the one that holds its centre.
    threads : int, optional
        By default one a core, at most 8; the result is the same for any number.
    progress : callable, optional
        progress(fraction, message).

    Returns
    -------
    GridLandArea
        Of every side and origin, see there; ``land_area(side_km, origin=...)`` gives one grid as `tabulate_land_area` does.

    Raises
    ------
    InputError
        If a file, band, CRS or year is missing; a raster does not hold whole numbers, holds a code that the legend does not know, or
        nothing but nodata; cells are smaller than a pixel; an origin is not less than its side.
    ConservationError
        If the cells of a grid, nodata included, do not sum to the raster.
    """
    known = read_legend(legend, options=options, split_shrub=split_shrub)
    rule = cast(Literal["exact", "centre"], choose(coverage, ("exact", "centre"), where="coverage"))
    paths = {int(year): Path(path) for year, path in rasters.items()}
    with ExitStack() as stack:
        layers = open_land_cover(stack, paths, sorted(paths), bands, known)
        target = _target(layers, crs)
        boxes = [_bounds(layer, target) for layer in layers]
        grids = _grids(sides_km, origins, _around(boxes), target)
        tables = [
            _tabulate(layer, grids, target, known, rule, threads, progress and _part(progress, k, len(layers)))
            for k, layer in enumerate(layers)
        ]
    columns = range(len(grids))
    return GridLandArea(
        grids=grids,
        years=tuple(layer.year for layer in layers),
        land_classes=known.land_classes,
        km2=tuple(_stack([classes[g] for classes, _, _ in tables]) for g in columns),
        nodata_km2=tuple(_stack([nodata[g] for _, nodata, _ in tables]) for g in columns),
        attrs={
            "units": "km2",
            "coverage": rule,
            "placement_error_px": f"{max(error for *_, error in tables):.1e}",
            "legend": known.product,
            "legend_options": "; ".join(f"{name} = {value}" for name, value in known.options.items()),
            "legend_unverified": ", ".join(str(code) for code in known.unverified),
            "licence": known.licence,
            "citation": known.citation,
            "crs": target.to_string(),
        },
    )


def _part(progress: Progress | None, k: int, n: int) -> Progress | None:
    """Progress of the k-th of n files."""
    if progress is None:
        return None
    return lambda fraction, message: progress((k + fraction) / n, message)


def _stack(arrays: list[FloatArray]) -> FloatArray:
    """Arrays of the years as one; that of a single year is not copied."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _target(layers: Sequence[Layer], crs: object) -> CRS:
    """The equal-area CRS of the grids."""
    if not (isinstance(crs, str) and crs == "auto"):
        return require_equal_area(as_crs(crs, where="crs"), where="crs")
    own = raster_crs(layers[0].dataset)
    try:
        return require_equal_area(own)
    except InputError:
        boxes = [_bounds(layer, CRS.from_epsg(4326)) for layer in layers]
        return equal_area_crs(_around(boxes))


def _transform(layer: Layer) -> Transform:
    return cast(Transform, tuple(layer.dataset.transform)[:6])


def _bounds(layer: Layer, target: CRS) -> Bounds:
    """Bounds of a raster in another CRS: those of its border, densely."""
    n_rows, n_columns = layer.dataset.shape
    a, b, c, d, e, f = _transform(layer)
    t = np.linspace(0.0, 1.0, 257)
    column = n_columns * np.concatenate([t, np.ones_like(t), t, np.zeros_like(t)])
    row = n_rows * np.concatenate([np.zeros_like(t), t, np.ones_like(t), t])
    points = np.column_stack([a * column + b * row + c, d * column + e * row + f])
    move = mover(raster_crs(layer.dataset), target, where=str(layer.path))
    moved = points if move is None else move(points)
    if not np.isfinite(moved).all():
        raise refuse(
            "outside_projection",
            expected=f"a raster inside the domain of {target.name}",
            got="a border that is not",
            where=str(layer.path),
            fix="Clip the raster to the region, or give another crs.",
        )
    x, y = moved.T
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _around(boxes: Sequence[Bounds]) -> Bounds:
    return min(box[0] for box in boxes), min(box[1] for box in boxes), max(box[2] for box in boxes), max(box[3] for box in boxes)


def _grids(sides_km: Sequence[float], origins: Origins, box: Bounds, crs: CRS) -> tuple[Grid, ...]:
    """The grids of all sides and origins over a box."""
    if not len(sides_km):
        raise refuse("no_side", expected="at least one side", got="none", where="sides_km", fix="Give the sides in km.")
    by_side = {float(side): list(each) for side, each in origins.items()} if isinstance(origins, Mapping) else {}
    strange = set(by_side) - {float(side) for side in sides_km}
    if strange:
        got = f"origins of {', '.join(f'{side:g}' for side in sorted(strange))} km"
        raise refuse("no_such_side", expected="origins of sides that are asked for", got=got, where="origins", fix="Correct the sides.")
    everywhere = [] if isinstance(origins, Mapping) else list(origins)
    grids = []
    for side in dict.fromkeys(float(side) for side in sides_km):
        shifts = by_side.get(side, everywhere or [(0.0, 0.0)])
        grids += [Grid.over(box, side_km=side, crs=crs, origin=shift) for shift in dict.fromkeys((float(x), float(y)) for x, y in shifts)]
    return tuple(grids)


def _tabulate(
    layer: Layer,
    grids: tuple[Grid, ...],
    crs: CRS,
    legend: Legend,
    rule: Literal["exact", "centre"],
    threads: int | None,
    progress: Progress | None,
) -> tuple[list[FloatArray], list[FloatArray], float]:
    """One pass over a file: km2 of the land classes (rows, columns, classes) of each grid, and of nodata; error of placement in pixels."""
    tag = nodata_tag(layer)
    nodata = tuple(sorted({*legend.nodata, *([tag] if tag is not None else [])}))
    dtype = np.dtype(layer.dataset.dtypes[layer.band - 1])
    slots = ClassSlots(legend.codes, nodata, dtype)
    counts = _counts(layer, grids, crs, slots.n_classes, rule)
    unknown = _stream(layer, counts, slots, threads, progress)
    pixels, totals = float(np.prod(layer.dataset.shape)), counts.totals()
    unknown |= {code: km2 / totals.sum() * pixels for code, km2 in slots.unknown_in(totals).items()}
    if unknown:
        raise refuse_unknown(unknown, pixels, legend.codes, where=str(layer.path))
    present = totals[list(slots.columns)] > 0
    if not present.any():
        raise _refuse_empty(layer)
    _check_levels(legend, np.array(legend.codes)[present], layer)
    tables = counts.tables(slots.shares(legend.matrix()))
    return [table[..., :-1] for table in tables], [table[..., -1] for table in tables], counts.placement_error_px


def _counts(layer: Layer, grids: tuple[Grid, ...], crs: CRS, n_classes: int, rule: Literal["exact", "centre"]) -> GridCounts:
    """What counts the strips of a raster: by runs where it lies in the CRS of the grids, else by curved lines."""
    source, where = raster_crs(layer.dataset), str(layer.path)
    move = mover(source, crs, where=where)
    transform, shape = _transform(layer), layer.dataset.shape
    if move is None:
        return AlignedCounts(shape, transform, grids, n_classes, coverage=rule)
    areas = pixel_areas(source, transform, shape)
    if areas(0, 1).shape[1] > 1:
        raise refuse(
            "uneven_pixels",
            expected="a raster in degrees or in an equal-area CRS",
            got=f"{source.name}, where the area of a pixel changes along a row",
            where=where,
            fix="Tabulate each grid by tabulate_land_area, or give the raster in its original CRS.",
        )
    a, b, c, d, e, f = transform

    def to_map(column: FloatArray, row: FloatArray) -> tuple[FloatArray, FloatArray]:
        moved = move(np.column_stack([a * column + b * row + c, d * column + e * row + f]))
        return moved[:, 0], moved[:, 1]

    return CurvedCounts(shape, make_lattice(shape, to_map, where=where), areas(0, shape[0])[:, 0], grids, n_classes, coverage=rule)


def _stream(layer: Layer, counts: GridCounts, slots: ClassSlots, threads: int | None, progress: Progress | None) -> dict[int, float]:
    """Read, count and add the strips; the pixels of each unknown code."""
    n_rows, n_columns = layer.dataset.shape
    unknown: dict[int, float] = {}
    with Handles() as handles:

        def work(rows: tuple[int, int]) -> tuple[int, list[Part], dict[int, int]]:
            top, bottom = rows
            window = Window(0, top, n_columns, bottom - top)
            block, strange = slots.of(cast(NDArray[np.integer[Any]], read_pixels(handles(layer.path), layer.band, window=window)))
            return bottom, counts.count(block, top), strange

        for bottom, parts, strange in in_order(work, strip_rows(layer.dataset), threads=threads):
            counts.add(parts)
            for code, pixels in strange.items():
                unknown[code] = unknown.get(code, 0.0) + pixels
            if progress is not None:
                progress(bottom / n_rows, f"{layer.path.name}: {bottom} of {n_rows} rows")
    return unknown


def _check_levels(legend: Legend, present: NDArray[np.int64], layer: Layer) -> None:
    """A two-level product is read at one level."""
    if len(legend.levels(present)) > 1:
        fix = "Recode the raster to one level, or give your own legend."
        raise refuse("mixed_levels", expected="codes of one level (one digit or two)", got="codes of both", where=str(layer.path), fix=fix)
