"""Layers of land cover: the band of each year, opened and looked at; all that is wrong with any of them is said together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags

from carbonshed.checks import InputError, Problem, choose, examples, refuse
from carbonshed.readers.legend import Legend
from carbonshed.readers.rasters import described_bands, geobox, open_file

Bands = str | Mapping[int, int] | None


@dataclass(frozen=True)
class Layer:
    """One year of land cover: a band of an open raster."""

    year: int
    path: Path
    dataset: Any
    band: int

    @property
    def geobox(self) -> tuple[str, tuple[float, ...], tuple[int, int]]:
        """CRS, transform and shape: layers that agree in them share one pass over the polygons."""
        return geobox(self.dataset)


def open_land_cover(stack: ExitStack, paths: Mapping[int, Path], years: Sequence[int], bands: Bands, legend: Legend) -> list[Layer]:
    """Open each file once and find the band of each year; all problems of all files are said together."""
    problems: list[Problem] = []
    missing = sorted({str(path) for path in paths.values() if not path.is_file()})
    if missing or not paths:
        raise refuse(
            "no_file", expected="a raster for each year", got=f"nothing at {examples(missing)}", where="land_cover", fix="Check the paths."
        )
    datasets = {}
    for path in dict.fromkeys(paths.values()):
        try:
            datasets[path] = open_file(stack, path)
        except InputError as error:
            problems += error.problems
    shared = len(datasets) < len(paths)
    layers = []
    for year in years:
        dataset = datasets.get(paths[year])
        if dataset is None:
            continue
        band = _band(dataset, paths[year], year, bands, shared, problems)
        if band:
            layer = Layer(year, paths[year], dataset, band)
            problems += _layer_problems(layer, legend)
            layers.append(layer)
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    return layers


def _band(dataset: Any, path: Path, year: int, bands: Bands, shared: bool, problems: list[Problem]) -> int:
    """Number of the band of a year, 0 where it is missing."""
    where = str(path)
    if bands is None:
        if dataset.count - list(dataset.colorinterp).count(ColorInterp.alpha) > 1:
            expected, fix = "to know which band is which year", 'Give bands = "by_description" or {year: band}.'
            if not shared:
                expected = "one band of class codes"
                fix = f"Give the raster of class codes, or [land_cover] band = {{ {year} = 1 }} where band 1 holds them."
            problems.append(Problem("which_band", expected, f"{dataset.count} bands", where, fix))
            return 0
        return 1
    if isinstance(bands, str):
        choose(bands, ("by_description",), where="bands")
        found = described_bands(dataset, year)
        if len(found) != 1:
            got = f"{len(found)} such bands among {examples((d or 'no description' for d in dataset.descriptions), 8)}"
            problems.append(
                Problem("no_band", f"one band whose description is {year}", got, where, "Correct the years, or give {year: band}.")
            )
            return 0
        return found[0]
    by_year = {int(key): int(value) for key, value in bands.items()}
    band = by_year.get(year, 0)
    if not 1 <= band <= dataset.count:
        got = f"{band}" if band else "no band given"
        problems.append(Problem("no_band", f"a band from 1 to {dataset.count} for {year}", got, where, "Correct bands."))
        return 0
    return band


def _layer_problems(layer: Layer, legend: Legend) -> list[Problem]:
    dataset, where, problems = layer.dataset, str(layer.path), []
    if dataset.crs is None:
        fix = "Write it into the file (gdal_edit -a_srs); it is not guessed."
        problems.append(Problem("no_crs", "a raster with a CRS", "none", where, fix))
    if not np.issubdtype(np.dtype(dataset.dtypes[layer.band - 1]), np.integer):
        got = dataset.dtypes[layer.band - 1]
        problems.append(
            Problem("not_integer", "whole numbers (class codes)", got, where, "Convert it to an integer type, or give the raster of codes.")
        )
    if MaskFlags.per_dataset in dataset.mask_flag_enums[layer.band - 1]:
        fix = "Write a nodata code into the pixels outside (gdalwarp -dstnodata 0), and no mask."
        problems.append(Problem("mask_band", "nodata as a code among the pixels", "a mask or alpha band", where, fix))
    scale, offset = dataset.scales[layer.band - 1], dataset.offsets[layer.band - 1]
    if (scale, offset) != (1, 0):
        got = f"a scale of {scale:g} and an offset of {offset:g}"
        fix = "Take them away where the pixels hold codes (gdal_edit -scale 1 -offset 0), or give the raster of codes."
        problems.append(Problem("scaled_codes", "class codes as they stand", got, where, fix))
    tag = nodata_tag(layer)
    if tag is not None and tag in legend.codes:
        fix = "Correct the nodata tag of the file (gdal_edit -unsetnodata), or map the code to nodata in the legend."
        got = f"{tag}, which the legend {legend.product} calls a class"
        problems.append(Problem("nodata_is_class", "a nodata value that is no class", got, where, fix))
    return problems


def nodata_tag(layer: Layer) -> int | None:
    """The value that the file calls nodata, if it is a whole number."""
    value = layer.dataset.nodatavals[layer.band - 1]
    return int(value) if value is not None and np.isfinite(value) and value == int(value) else None
