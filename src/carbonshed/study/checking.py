"""``carbonshed check``: every problem of a study's inputs, without computing anything or writing a byte."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from carbonshed.checks import DataWarning, InputError, Problem, examples
from carbonshed.numerics import near_points
from carbonshed.readers.land_cover import tabulate_land_area
from carbonshed.readers.rasters import pixel_count
from carbonshed.spatial.in_order import n_threads
from carbonshed.study.config import Spec
from carbonshed.study.inputs import InputFiles, Inputs, gather_inputs, read_inputs
from carbonshed.study.money_steps import MOST_PAIRS, needs_matrix
from carbonshed.study.settings import money_problems
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
    if inputs.counties is not None and (inputs.county_table is not None or spec.counties is None or spec.counties.table is None):
        given: list[str] = [] if inputs.county_table is None else list(map(str, inputs.county_table.columns))
        problems += money_problems(spec, {*given, *(spec.economy.weights if spec.economy else [])})
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
    """What the one pass over each raster would stop at: found by making that pass, over all years at once while nothing is wrong."""
    found = _of_years(files.years, spec, files, inputs)
    if all(problem.severity == "warning" for problem in found) or len(files.years) == 1:
        return found
    return [problem for year, path in files.years.items() for problem in _of_years({year: path}, spec, files, inputs)]


def _of_years(years: dict[int, Path], spec: Spec, files: InputFiles, inputs: Inputs) -> list[Problem]:
    assert spec.land_cover is not None
    section = spec.land_cover
    product = str(files.paths["legend"][0]) if "legend" in files.paths else section.product
    try:
        area = tabulate_land_area(years, inputs.land_units, legend=product, bands=section.band, min_coverage=section.min_coverage)
    except InputError as error:
        return list(error.problems)
    same = [
        f"{one} and {two}" for one, two in pairwise(sorted(years)) if area.sel(year=one).equals(area.sel(year=two).assign_coords(year=one))
    ]
    if not same:
        return []
    fix = "Nothing to do if no map of the other year is meant; else check the files."
    got = f"the same areas of all classes in {examples(same)}"
    return [Problem("same_land", "a map of its own for each year", got, "[land_cover] path", fix, "warning")]


LIBRARIES_GB, ROW_GB, COUNTY_GB, PAIR_GB = 0.68, 2.4e-6, 1.8e-5, 1e-7
"""Memory of the libraries, a row of the accounts of cells, a county and year, a pair of payer and recipient (docs/promises.md)."""

DRAWING_GB = 0.25
"""Of the process that draws figures beside this one."""

MOST_PANELS = 6
"""Years that a map shows at most."""

MATRIX_PAIR_SECONDS, COUNTY_FLOW_SECONDS, SIMPLEX_SECONDS = 2e-6, 1e-4, 2.5e-9
"""Flows: a pair of a matrix of costs; a county; each of the other counties that a county is solved with."""

COMPILE_SECONDS = 60.0
"""The first run of an installation compiles its kernels."""

REFERENCE_SECONDS = 0.0066
"""What `processor_seconds` gives where the rates below were measured."""


def processor_seconds() -> float:
    """Seconds of the processor for a fixed small task, the best of five: a sum of 200,000 squares in a plain loop."""
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        sum(number * number for number in range(200_000))
        best = min(best, time.process_time() - start)
    return best


def sizes(study: Study) -> dict[str, int]:
    """What memory and time grow with.

    Finest cells, years, pixels of a year; rows of the accounts of all scales, of counties and of zones; pairs of payer and recipient.
    The side that zones stand on is chosen from the data: the third from the finest is counted.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # `check` has said them
        inputs = read_inputs(study.spec, study.input_files)
    spec, years = study.spec, len(study.spec.study.years)
    cells = pixels = rows = zoned = 0
    if spec.land_cover is not None:
        area = float(inputs.land_units["area_km2"].sum())
        scales = sorted({spec.grid.base_km, *spec.grid.scales_km})
        counts = [max(1, round(area / side**2)) for side in scales]
        cells, rows, zoned = counts[0], years * sum(counts), years * counts[min(2, len(counts) - 1)]
        pixels = pixel_count(next(iter(study.input_files.years.values())))
    n_counties = len(inputs.counties) if inputs.counties is not None else 0
    if spec.land_cover is None or spec.zoning.level == "county":
        zoned = n_counties * years
    pairs = (n_counties // 2) ** 2
    return {"cells": cells, "years": years, "pixels": pixels, "rows": rows, "counties": n_counties * years, "zoned": zoned, "pairs": pairs}


def kernels_are_compiled() -> bool:
    """Whether this machine has compiled kernels of this installation: they stay beside it, or in ``NUMBA_CACHE_DIR``."""
    return any(Path(near_points._least.stats.cache_path).parent.rglob("*.nbi"))


def flow_seconds(found: Mapping[str, int], *, matrix: bool) -> float:
    """Processor seconds of the flows of all years.

    From places it is the network simplex that takes the time, which grows with the square of the counties where these are many.
    """
    if matrix:
        return MATRIX_PAIR_SECONDS * found["pairs"] * found["years"] if found["pairs"] <= MOST_PAIRS else 0.0
    per_year = found["counties"] / found["years"]
    return found["counties"] * (COUNTY_FLOW_SECONDS + per_year * SIMPLEX_SECONDS)


def step_seconds(found: Mapping[str, int], *, has_grid: bool, runs: int, matrix: bool = False) -> dict[str, float]:
    """Processor seconds of each step where `processor_seconds` gives `REFERENCE_SECONDS`: measured rates times the sizes of the inputs.

    Parameters
    ----------
    found : mapping
        As `sizes` gives them.
    has_grid : bool
        There is land cover.
    runs : int
        Runs that methods of zoning are compared by; 0: none.
    matrix : bool
        Flows need a matrix of the costs of all pairs (see `needs_matrix`).
    """
    years, cells, rows = found["years"], found["cells"] * found["years"], found["rows"]
    counties, zoned, pixels = found["counties"], found["zoned"], found["pixels"] * found["years"]
    changes = 1.0 if years > 1 else 0.0
    steps = {"start": 5.0, "accounts": 1.0 + 2.7e-5 * rows + 1e-4 * counties, "zones": 2.0 + 0.05 * years + 1e-4 * zoned}
    if has_grid:
        steps |= {"land_area": 1.0 + 3e-5 * cells + 1.3e-9 * pixels, "scale": 2.0 + years + 5.5e-5 * cells}
    if runs:
        steps["worth"] = (1.5 + 2.5e-3 * zoned) * runs / 20 + (3.0 + 1e-4 * cells if has_grid else 2.5)
    if counties:
        steps["compensation"] = 0.5 + 5e-5 * counties
        steps["flows"] = flow_seconds(found, matrix=matrix)
    steps["statistics"] = 1.0 + 5e-5 * (zoned + counties)
    steps["change"] = changes * (1.0 + 3.5e-9 * pixels + 1e-5 * rows + 2e-5 * counties)
    panels = min(years, MOST_PANELS)
    steps["report"] = 22.0 + 2.0 * panels + 6e-5 * rows + 4e-4 * counties / years * panels
    return steps


def estimate(study: Study) -> dict[str, float | int]:
    """Cells, pixels, memory [GB] and time [s] a run with its report will need, from the sizes of the inputs; nothing is computed.

    Memory is that of the libraries, a share for each row of the accounts of cells and counties, the pairs of payers and recipients
    while flows are made, where they need a matrix, and a second process that draws, where there is a processor for it.
    Time is the processor's: the sum of `step_seconds` and, once for an installation, of ``compiling`` its kernels, by the speed of
    this processor (`processor_seconds`); a machine that does other work at the same time takes longer, one with more cores less where
    a step uses them.
    """
    found, spec = sizes(study), study.spec
    matrix = needs_matrix(spec.compensation.flow_cost, spec.compensation.flow_solver)
    pairs = found["pairs"] if matrix and found["pairs"] <= MOST_PAIRS else 0
    memory = LIBRARIES_GB + found["rows"] * ROW_GB + found["counties"] * COUNTY_GB + pairs * PAIR_GB
    if n_threads() > 1:
        memory += DRAWING_GB
    steps = step_seconds(found, has_grid=spec.land_cover is not None, runs=spec.zoning.runs, matrix=matrix)
    speed = processor_seconds() / REFERENCE_SECONDS
    compiling = 0.0 if kernels_are_compiled() else COMPILE_SECONDS * speed
    return {**found, "memory": memory, "seconds": sum(steps.values()) * speed + compiling, "compiling": compiling}
