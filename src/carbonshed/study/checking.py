"""``carbonshed check``: every problem of a study's inputs, without computing anything or writing a byte."""

from __future__ import annotations

import warnings
from dataclasses import replace

from carbonshed.checks import DataWarning, InputError, Problem
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.readers.rasters import pixel_count
from carbonshed.study.config import Spec
from carbonshed.study.inputs import InputFiles, Inputs, gather_inputs, read_inputs
from carbonshed.study.study import Study


def deep_check(spec: Spec, files: InputFiles | list[Problem]) -> list[Problem]:
    """Read all inputs and list all problems.

    Parameters
    ----------
    spec : Spec
    files : InputFiles, or the problems of finding them
    """
    if isinstance(files, list):
        return files
    inputs, problems = gather_inputs(spec, files)
    if spec.land_cover is not None and inputs.has_land_units:
        problems += _land_cover_problems(spec, files, inputs)
    return list(dict.fromkeys(_of_both(problem, files) for problem in problems))  # one file of many years is one problem


def _of_both(problem: Problem, files: InputFiles) -> Problem:
    """Where a raster does not meet the units or the legend, either may be wrong: the other's file is named too."""
    what, roles = {"not_covered": ("units come", ("counties", "region")), "unknown_class": ("legend comes", ("legend",))}.get(
        problem.code, ("", ())
    )
    names = [path.name for role in roles for path in files.paths.get(role, [])]
    return replace(problem, fix=f"{problem.fix} The {what} from {', '.join(names)}.") if names else problem


def _land_cover_problems(spec: Spec, files: InputFiles, inputs: Inputs) -> list[Problem]:
    """What the one pass over each raster would stop at: found by making that pass."""
    assert spec.land_cover is not None
    product = str(files.paths["legend"][0]) if "legend" in files.paths else spec.land_cover.product
    problems: list[Problem] = []
    for year, path in files.years.items():
        try:
            tabulate_land_area({year: path}, inputs.land_units, legend=product, bands=spec.land_cover.band)
        except InputError as error:
            problems += error.problems
    return problems


def estimate(study: Study) -> dict[str, float | int]:
    """Cells, pixels, memory [GB] and time [s] a run will need, from the sizes of the inputs.

    The figures are rough: 2e7 pixels and 2,000 pieces a second, 2 kB a cell, 0.6 GB for the libraries.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # `check` has said them
        inputs = read_inputs(study.spec, study.input_files)
    years = len(study.spec.study.years)
    cells = pixels = 0
    if study.spec.land_cover is not None:
        cells = round(float(inputs.land_units["area_km2"].sum()) / study.spec.grid.base_km**2)
        pixels = pixel_count(next(iter(study.input_files.years.values())))
    seconds = 10 + years * pixels / 2e7 + cells / 2000
    return {"cells": cells, "years": years, "pixels": pixels, "memory": 0.6 + cells * years * 2e-6, "seconds": seconds}
