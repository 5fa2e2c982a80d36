"""What all rasters share: opened with a CRS, the bands of a year, the units in their pixels, and a first look at their values."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import EnvError
from rasterio.windows import Window

from carbonshed.checks import InputError, Problem, examples, refuse
from carbonshed.readers.foreign_files import check_file, reading
from carbonshed.spatial.crs import FloatArray, as_crs, mover
from carbonshed.spatial.in_order import in_order
from carbonshed.spatial.project import Geometries, project

Bands = Literal["by_description", "sum"] | Mapping[int, int] | None
"""None: the one band there is. The band whose description is the year; all bands (months); or year -> band number from 1."""

EDGE_PIXELS = 1e-4
"""A polygon's border strays in pixel space from the true one by at most this."""

LOOK = 512
"""Most rows and columns of a first look; of a larger window every n-th pixel is taken."""

PIXELS_AT_ONCE = 8_000_000
"""Pixels of a strip of a categorical raster: what a thread holds of it at one time."""

TALL = 16
"""A tile more than this many times as tall as a strip should be is cut; it is then decoded more than once."""

DECODED_BYTES = 64 * 2**20
"""What GDAL may keep of decoded tiles: each is read once, so that more is only in the way."""

PIXELS_PER_BYTE = 100_000
MAX_TILE = 2**28
MAX_BANDS = 5_000
"""A GeoTIFF packs at most about 20,000 pixels in a byte; what says it holds more than this is damaged, and would be read for hours."""

LONGEST_DEGREES = 180.0
LONGEST_METRES = 1e8
"""No pixel is longer: it would reach round the Earth."""

DAMAGED = "The file is damaged: get it again."

COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


@dataclass(frozen=True)
class Layer:
    """One year of a continuous raster: the bands of an open file that make it up."""

    year: int
    path: Path
    dataset: Any
    bands: tuple[int, ...]

    def read(self, window: Window, step: int = 1) -> FloatArray:
        """Sum of the bands in a window in float64, scale and offset of the file applied; NaN where a band holds no data."""
        shape = None if step == 1 else (len(self.bands), max(int(window.height) // step, 1), max(int(window.width) // step, 1))
        raw = read_pixels(self.dataset, list(self.bands), window=window, masked=True, out_shape=shape)
        scale = np.array([self.dataset.scales[k - 1] for k in self.bands])[:, None, None]
        offset = np.array([self.dataset.offsets[k - 1] for k in self.bands])[:, None, None]
        values: FloatArray = (raw.astype(np.float64) * scale + offset).filled(np.nan).sum(axis=0)
        return values


@dataclass(frozen=True)
class RasterLook:
    """What a first look at one year of a raster shows.

    Parameters
    ----------
    year : int
    path : Path
    dtype : str
        Type of the stored numbers.
    n_bands : int
        Bands of the file.
    is_colour : bool
        Whether its bands are declared as colours and none is described as a year (GDAL calls any three bands of bytes red, green, blue).
    pixel : float
        Length of a pixel's side in the unit of its CRS.
    unit : str
        Unit that the file itself gives, or empty.
    least, largest : float
        Of the values looked at; NaN where there are none.
    """

    year: int
    path: Path
    dtype: str
    n_bands: int
    is_colour: bool
    pixel: float
    unit: str
    least: float
    largest: float


def pixel_count(path: str | Path) -> int:
    """Number of pixels of one band of a raster."""
    with ExitStack() as stack:
        dataset = open_file(stack, Path(path))
        return int(dataset.width) * int(dataset.height)


def read_pixels(dataset: Any, bands: int | list[int], **options: Any) -> Any:
    """Pixels of an open raster, with the options of its `read`; what is damaged or truncated is refused by the name of its file."""
    with reading(dataset.name, expected="a raster whose pixels can be read", fix=DAMAGED, code="damaged_raster"):
        return dataset.read(bands, **options)


def check_size(dataset: Any, path: Path) -> None:
    """Refuse a raster that cannot be what it says: more pixels or larger tiles than its bytes can hold, a transform that is none.

    Raises
    ------
    InputError
        ``raster_size``, ``raster_transform``.
    """
    pixels, tile = int(dataset.width) * int(dataset.height), int(np.prod(dataset.block_shapes[0]))
    held = path.stat().st_size * PIXELS_PER_BYTE if dataset.driver == "GTiff" else pixels
    if pixels > max(held, PIXELS_AT_ONCE) or tile > MAX_TILE or dataset.count > MAX_BANDS:
        got = f"{dataset.width:,} x {dataset.height:,} pixels, {dataset.count:,} bands"
        got += f", in tiles of {tile:,} from {path.stat().st_size:,} bytes"
        raise refuse("raster_size", expected="as many pixels as its bytes can hold", got=got, where=str(path), fix=DAMAGED)
    numbers = np.array(tuple(dataset.transform)[:6])
    if not np.isfinite(numbers).all() or not abs(dataset.transform.determinant) > 0:
        got = ", ".join(f"{number:g}" for number in numbers)
        raise refuse("raster_transform", expected="pixels with an area", got=got, where=str(path), fix=DAMAGED)
    longest = LONGEST_DEGREES if dataset.crs is not None and dataset.crs.is_geographic else LONGEST_METRES
    if np.abs(numbers[[0, 1, 3, 4]]).max() > longest:
        got = f"{np.abs(numbers[[0, 1, 3, 4]]).max():g}"
        raise refuse("raster_transform", expected=f"pixels of at most {longest:g} a side", got=got, where=str(path), fix=DAMAGED)


class Handles:
    """Open rasters, a handle of its own for each thread that asks: GDAL's must not be shared. Closed together on leaving."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._opened: list[Any] = []
        self._cache = rasterio.Env(GDAL_CACHEMAX=DECODED_BYTES)  # of the process, until it is left

    def __enter__(self) -> Handles:
        self._cache.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for dataset in self._opened:
            dataset.close()
        with suppress(EnvError):  # on another thread, or after handles that were opened earlier: the settings are put back already
            self._cache.__exit__()

    def __call__(self, path: str | Path) -> Any:
        """Handle of a raster for the thread that asks."""
        held: dict[str, Any] = self._own.__dict__.setdefault("held", {})
        if str(path) not in held:
            held[str(path)] = opened(Path(path))
            self._opened.append(held[str(path)])
        return held[str(path)]


def strip_rows(dataset: Any, window: Window | None = None, *, pixels: int = PIXELS_AT_ONCE) -> list[tuple[int, int]]:
    """First row and the row after the last of each strip of a window, in order: whole tiles high where tiles are not too tall.

    The lines between strips depend on the file and `pixels` alone, never on threads or on where the window begins.

    Parameters
    ----------
    dataset : rasterio dataset
        Open.
    window : Window, optional
        Rows and columns wanted; all without it.
    pixels : int
        About as many to a strip, at least one row.
    """
    begin, n_rows, n_columns = 0, int(dataset.height), int(dataset.width)
    if window is not None:
        begin, n_rows, n_columns = int(window.row_off), int(window.height), int(window.width)
    tile = int(dataset.block_shapes[0][0])
    rows = max(pixels // n_columns, 1)
    height = max(rows // tile, 1) * tile if tile <= TALL * rows else rows
    end = begin + n_rows
    lines = [begin, *range((begin // height + 1) * height, end, height), end]
    return list(pairwise(lines))


def strips(
    path: str | Path, band: int = 1, *, window: Window | None = None, pixels: int = PIXELS_AT_ONCE, threads: int | None = None
) -> Iterator[tuple[int, NDArray[Any]]]:
    """A band strip by strip from the top, decoded ahead in threads: first row of each strip in the file, and its pixels.

    Parameters
    ----------
    path : str or Path
    band : int
        From 1.
    window : Window, optional
        Rows and columns wanted; all without it.
    pixels : int
        About as many to a strip, see `strip_rows`.
    threads : int, optional
        See `carbonshed.spatial.in_order.in_order`: memory is ``2 threads`` strips; order and strips are the same for any number.
    """
    with Handles() as handles:
        dataset = handles(path)
        left, width = (0, int(dataset.width)) if window is None else (int(window.col_off), int(window.width))

        def read(rows: tuple[int, int]) -> tuple[int, NDArray[Any]]:
            return rows[0], read_pixels(handles(path), band, window=Window(left, rows[0], width, rows[1] - rows[0]))

        yield from in_order(read, strip_rows(dataset, window, pixels=pixels), threads=threads)


def opened(path: Path) -> Any:
    """An open raster, to be closed by the caller; no file, what GDAL cannot read, and a size or transform that cannot be are refused."""
    check_file(path, expected="a raster")
    with reading(path, expected="a raster that GDAL reads", fix="Check the file.", code="not_a_raster"), ExitStack() as stack:
        dataset = rasterio.open(path)
        stack.callback(dataset.close)
        check_size(dataset, path)
        stack.pop_all()
    return dataset


def open_file(stack: ExitStack, path: Path) -> Any:
    """Open a raster until `stack` closes; refused as by `opened`."""
    return stack.enter_context(opened(path))


def open_raster(stack: ExitStack, path: Path) -> Any:
    """Open a raster until `stack` closes; no file, what GDAL cannot read, and a raster without a CRS are refused."""
    dataset = open_file(stack, path)
    if dataset.crs is None:
        fix = "Write it into the file (gdal_edit -a_srs); it is not guessed."
        raise refuse("no_crs", expected="a raster with a CRS", got="none", where=str(path), fix=fix)
    return dataset


def described_bands(dataset: Any, year: int) -> list[int]:
    """Numbers of the bands whose description names this year and no other."""
    years = [re.findall(r"(?<!\d)\d{4}(?!\d)", text or "") for text in dataset.descriptions]
    return [k for k, found in enumerate(years, start=1) if found == [str(year)]]


def band_numbers(dataset: Any, year: int, bands: Bands) -> tuple[int, ...]:
    """Numbers of the bands that make up a year; where that is not plain, it is refused."""
    if bands == "sum":
        return tuple(range(1, dataset.count + 1))
    if bands == "by_description" and len(found := described_bands(dataset, year)) == 1:
        return (found[0],)
    if isinstance(bands, Mapping) and 1 <= bands.get(year, 0) <= dataset.count:
        return (bands[year],)
    if bands is None and dataset.count == 1:
        return (1,)
    texts = examples((text or "no description" for text in dataset.descriptions), 8)
    raise refuse(
        "which_band",
        expected=f"the band of {year}",
        got=f"{dataset.count} bands ({texts}) and bands = {bands!r}",
        where=str(dataset.name),
        fix='Give bands = "by_description", {year: band}, or "sum" where the bands are months.',
    )


def open_layers(stack: ExitStack, rasters: Mapping[int, str | Path], bands: Bands) -> list[Layer]:
    """Every year's layer in rising order of years; each file is opened once."""
    datasets: dict[Path, Any] = {}
    layers = []
    for year in sorted(rasters):
        path = Path(rasters[year])
        if path not in datasets:
            datasets[path] = open_raster(stack, path)
        layers.append(Layer(int(year), path, datasets[path], band_numbers(datasets[path], int(year), bands)))
    return layers


def geobox(dataset: Any) -> tuple[str, tuple[float, ...], tuple[int, int]]:
    """CRS, transform and shape: rasters that agree in them share one pass over the polygons."""
    return dataset.crs.to_wkt(), tuple(dataset.transform)[:6], dataset.shape


def raster_crs(dataset: Any) -> CRS:
    """The CRS of an open raster."""
    return CRS.from_wkt(dataset.crs.to_wkt())


def pixel_polygons(dataset: Any, shapes: Geometries, crs: object) -> Geometries:
    """Units in the pixel coordinates of a raster (x = column, y = row); the raster is never warped."""
    path = Path(dataset.name)
    to_raster = mover(as_crs(crs, where="units"), raster_crs(dataset), where=str(path))
    a, b, c, d, e, f = tuple(~dataset.transform)[:6]

    def to_pixels(points: FloatArray) -> FloatArray:
        x, y = points.T if to_raster is None else to_raster(points).T
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    if to_raster is None:
        return np.asarray(shapely.transform(shapes, to_pixels), dtype=object)
    return project(shapes, to_pixels, tolerance=EDGE_PIXELS, where=f"units in the CRS of {path.name}")


def checked_units(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The units, if they are valid polygons in a known CRS and each id stands once; otherwise every problem at once."""
    as_crs(units.crs, where="units")
    problems = []
    if not len(units):
        problems.append(Problem("no_units", "at least one polygon", "none", "units", "Check the boundaries."))
    if units.index.has_duplicates:
        twice = examples(units.index[units.index.duplicated()].unique())
        problems.append(Problem("duplicate_id", "each unit_id once", twice, "units", "Merge the parts of a unit."))
    shapes = np.asarray(units.geometry.array, dtype=object)
    areal = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    if not areal.all():
        problems.append(Problem("not_a_polygon", "polygons with an area", examples(units.index[~areal]), "units", "Drop or mend them."))
    invalid = areal & ~shapely.is_valid(shapes)
    if invalid.any():
        got = examples(f"{unit}: {why}" for unit, why in zip(units.index[invalid], shapely.is_valid_reason(shapes[invalid])))
        problems.append(Problem("invalid_geometry", "valid polygons", got, "units", "Mend them (make_valid) and look at the result."))
    if problems:
        raise InputError(problems)
    return units


def window_of(polygons: Geometries, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Top, bottom, left, right of the pixels that polygons (in pixel coordinates) touch; None where they miss the raster."""
    west, north, east, south = shapely.total_bounds(polygons)
    top, bottom = max(int(np.floor(north)), 0), min(int(np.ceil(south)), shape[0])
    left, right = max(int(np.floor(west)), 0), min(int(np.ceil(east)), shape[1])
    return (top, bottom, left, right) if top < bottom and left < right else None


def look_at_rasters(rasters: Mapping[int, str | Path], region: gpd.GeoDataFrame, *, bands: Bands = None) -> list[RasterLook]:
    """A first look at each year of a raster inside the bounds of a region: its type, bands, unit, and some of its values.

    Parameters
    ----------
    rasters : Mapping
        Year -> path.
    region : GeoDataFrame
        What the raster is wanted for; the look is at every n-th pixel of its bounds.
    bands : None, "by_description", "sum" or Mapping
        As in `read_continuous`.

    Returns
    -------
    list of RasterLook
        One a year.

    Raises
    ------
    InputError
        A file, CRS or band is missing; the raster lies elsewhere.
    """
    shapes = np.asarray(region.geometry.array, dtype=object)
    outline: Geometries = np.array([shapely.box(*shapely.total_bounds(shapes))], dtype=object)
    with ExitStack() as stack:
        return [_look(layer, outline, region.crs) for layer in open_layers(stack, rasters, bands)]


def _look(layer: Layer, outline: Geometries, crs: object) -> RasterLook:
    dataset = layer.dataset
    found = window_of(pixel_polygons(dataset, outline, crs), dataset.shape)
    if found is None:
        fix = "Give a raster of the region; check that both declare their true CRS."
        raise refuse("not_covered", expected="a raster that covers the units", got="one elsewhere", where=str(layer.path), fix=fix)
    top, bottom, left, right = found
    step = -(-max(bottom - top, right - left) // LOOK)
    values = layer.read(Window(left, top, right - left, bottom - top), step)
    known: NDArray[np.float64] = values[np.isfinite(values)]
    return RasterLook(
        year=layer.year,
        path=layer.path,
        dtype=str(dataset.dtypes[layer.bands[0] - 1]),
        n_bands=int(dataset.count),
        is_colour=any(each in COLOURS for each in dataset.colorinterp) and not described_bands(dataset, layer.year),
        pixel=float(np.sqrt(abs(dataset.transform.determinant))),
        unit=str(dataset.units[layer.bands[0] - 1] or ""),
        least=float(known.min()) if known.size else float("nan"),
        largest=float(known.max()) if known.size else float("nan"),
    )
