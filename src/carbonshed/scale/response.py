"""The response of spatial statistics to the side of the grid: block sums of the finest cells, then every indicator per side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import choose, examples, warn
from carbonshed.numerics.inequality import concentration_index
from carbonshed.scale.blocks import Base, BaseYear, check_total, origin_shift, read_base, side_factors
from carbonshed.scale.drivers import SUMMARIES, driver_kinds, driver_power
from carbonshed.scale.indicators import Settings, SharedPlaces, Side, make_side, side_indicators
from carbonshed.scale.nested import box_count, fractal_dimension, hot_stability, loss_area, loss_information, scale_variance

Integers = NDArray[np.int64]

LAND_CLASSES = ("cropland", "forest", "grassland", "shrub", "water", "wetland", "built_up", "bare")
FIRST_COLUMNS = ("year", "scale_km", "quantity", "n_cells", "moran_i", "moran_z", "moran_p", "cv", "geary_c", "loss_information")
LAST_COLUMNS = ("variogram_model", "q_driver", "inference", "total", "chosen")


class Plan(NamedTuple):
    """What is asked of each side: settings of the tests, land classes, drivers with their kinds, and how their q is summarised."""

    quantity: str
    settings: Settings
    classes: tuple[str, ...]
    drivers: Mapping[str, str]
    q_summary: str
    balance: str


Known = dict[tuple[int, int, tuple[int, int]], tuple[Side, dict[str, Any], Integers]]
"""Sides of grids that several origins share: year, cells a side, shift."""


def scale_response(
    accounts: pd.DataFrame,
    *,
    scales_km: Iterable[float],
    quantity: str,
    permutations: int = 999,
    seed: int = 0,
    min_inside: float = 0.5,
    permutation_limit: int = 50_000,
    drivers: Sequence[str] | Mapping[str, str] = (),
    q_summary: str = "quantile_90",
) -> pd.DataFrame:
    """Indicators of a density at each grid side and year, from block sums of the finest cells.

    A cell of side s sums the finest cells in it; its density is ``z = sum of the quantity / land area inside the region``. Neighbours
    are queen, binary, without wrap.

    ========================================  ======================================================================================
    moran_i, moran_z, moran_p, geary_c        autocorrelation of z; z and two-sided p from permutations
    general_g, general_g_z                    General G and its z (exact moments); source and sink only
    cv                                        sd / mean; NaN on net emission and where the mean is not positive
    loss_information                          1 - Var(between cells) / Var(finest cells), area-weighted
    scale_variance                            of the cells about those of the next coarser side that is a multiple, see `nested`
    local_variance, local_variance_roc        mean sd of full 3 x 3 windows; its change from the next finer side [%]
    nugget_ratio, range_km, variogram_model   of the semivariogram model that fits best; range NaN where z does not level off
    entropy, concentration_area_km2           evenness of the carbon over cells; Gini against area (and against `population`, if given)
    top_density_share                         share of the carbon in the tenth of the cells with the highest density
    hot_share, hot_share_fdr                  share of cells with abs(Gi*) > 1.96, and with a false discovery rate of 0.05
    hot_carbon_share, hot_stability           share of the carbon in hot and cold spots; their overlap with those of the next coarser side
    loss_area                                 where land-class areas are columns: what majority cells change in the class areas
    box_count, fractal                        where source and sink (or net) are columns: cells that hold source-dominated (for the
                                              source) or sink-dominated finest cells; their box dimension over all sides
    q, q_driver                               where drivers are given: what they explain, see `drivers`; the strongest
    ========================================  ======================================================================================

    Parameters
    ----------
    accounts : DataFrame
        The finest grid: index of cell ids (``g1:R012C007``), `area_km2` (land area of the cell inside the region), the quantity
        (t CO2 a-1), and `year` (optional). A cell whose quantity is NaN is left out of both sums, so that a gap makes no low.
    scales_km : iterable of float
        Sides, multiples of the finest side, not necessarily of one another.
    quantity : {"carbon_source", "carbon_sink", "net_carbon_emission"}
    permutations, seed : int
        Of the permutation test of Moran's I (two-sided); 0 permutations for I alone.
    min_inside : float
        Cells with a smaller share of their area inside the region stay out of the statistics, but in `total`.
    permutation_limit : int
        Where there are more cells than this, z has the exact standard deviation over all permutations and p is that of the normal
        distribution that the permutations tend to; the column `inference` says so.
    drivers : sequence of columns, or mapping column -> kind
        Factors whose q is wanted; a mapping gives the kind of columns that are not registered terms.
    q_summary : {"quantile_90", "mean_significant"}

    Returns
    -------
    DataFrame
        One row for each side and year, finest first: year, scale_km, quantity, n_cells, the indicators above, inference (permutation,
        normal, none), total (t CO2 a-1), chosen (False). ``attrs`` hold weights, permutations, seed, candidates, origin and CRS.

    Raises
    ------
    InputError
        A side that is no multiple of the finest one; ids of several grids or no cell ids; a cell twice in a year; an area that is
        missing, negative or larger than its cell; a driver of unknown kind.
    ConservationError
        If the total of a side is not that of the finest cells.

    Warns
    -----
    DataWarning
        Unknown cells; a field that is constant or has too few cells, whose statistics are NaN.

    Notes
    -----
    All indicators are textbook form. I depends on the side because averaging first removes noise, then outgrows the structure.

    Examples
    --------
    >>> cells = pd.DataFrame(
    ...     {"area_km2": 1.0, "carbon_sink": np.arange(16.0)}, index=[f"g1:R{i // 4:03d}C{i % 4:03d}" for i in range(16)]
    ... )
    >>> response = scale_response(cells, scales_km=[1, 2], quantity="carbon_sink", permutations=0)
    >>> response[["scale_km", "n_cells", "total"]].values.tolist()
    [[1.0, 16.0, 120.0], [2.0, 4.0, 120.0]]
    """
    settings = Settings(permutations, seed, min_inside, permutation_limit)
    plan = make_plan(accounts, quantity, settings, drivers, q_summary)
    base = read_plan(accounts, plan)
    factors = side_factors(scales_km, base.side_km)
    shared = SharedPlaces()
    rows = [row for year in base.years for row in year_rows(base, year, factors, (0, 0), plan, {}, shared)]
    warn_undefined(rows, base.has_years, quantity)
    response = as_table(rows, base.has_years).assign(chosen=False)
    response.attrs.update(provenance(accounts, base, factors, settings))
    return response


def make_plan(
    accounts: pd.DataFrame,
    quantity: str,
    settings: Settings,
    drivers: Sequence[str] | Mapping[str, str] = (),
    q_summary: str = "quantile_90",
) -> Plan:
    """What can be computed from the columns that are there."""
    choose(q_summary, SUMMARIES, where="q_summary")
    classes = tuple(name for name in LAND_CLASSES if name in accounts)
    both = {"carbon_source", "carbon_sink"} <= set(accounts.columns)
    balance = "net_carbon_emission" if "net_carbon_emission" in accounts else "both" if both else "none"
    return Plan(quantity, settings, classes if len(classes) > 1 else (), driver_kinds(drivers), q_summary, balance)


def read_plan(accounts: pd.DataFrame, plan: Plan) -> Base:
    """The finest cells with the columns that the plan needs."""
    balance = {"both": ("carbon_source", "carbon_sink"), "none": ()}.get(plan.balance, (plan.balance,))
    population = ("population",) if "population" in accounts else ()
    return read_base(accounts, plan.quantity, list(dict.fromkeys((*plan.classes, *plan.drivers, *balance, *population))))


def year_rows(
    base: Base,
    year: BaseYear,
    factors: Mapping[float, int],
    thirds: tuple[int, int],
    plan: Plan,
    known: Known,
    shared: SharedPlaces | None = None,
) -> list[dict[str, Any]]:
    """Rows of one year, finest side first, on grids whose origin is shifted by thirds of their sides."""
    rows: list[dict[str, Any]] = []
    finer: tuple[Side, Integers] | None = None
    for scale, k in factors.items():
        shift = origin_shift(k, thirds)
        key = (year.year, k, shift)
        side, row, spots = known[key] if key in known else _one_side(year, scale, k, shift, plan, shared)
        if k < 3:
            known[key] = side, row, spots
        row = {"year": year.year, "scale_km": scale, "quantity": plan.quantity, **row}
        parent = next((other // k for other in factors.values() if other > k and other % k == 0), None)
        defined = side.is_defined and parent is not None
        row["scale_variance"] = scale_variance(side.blocks, parent, base.side_km**2) if defined and parent is not None else float("nan")
        row["hot_stability"] = row["local_variance_roc"] = float("nan")
        if finer is not None:
            rows[-1]["hot_stability"] = hot_stability(*finer, side, spots, year.area)
            before = rows[-1]["local_variance"]
            row["local_variance_roc"] = 100 * (row["local_variance"] - before) / before if before > 0 else float("nan")
        rows.append(row)
        finer = side, spots
    if plan.balance != "none":
        dimension = fractal_dimension(list(factors), [row["box_count"] for row in rows])
        rows = [row | {"fractal": dimension} for row in rows]
    return rows


def _one_side(
    year: BaseYear, scale: float, k: int, shift: tuple[int, int], plan: Plan, shared: SharedPlaces | None
) -> tuple[Side, dict[str, Any], Integers]:
    """What one side and origin give by themselves."""
    side = make_side(year, scale, k, shift, plan.settings.min_inside, shared=shared)
    check_total(year, side.blocks, scale)
    row, spots = side_indicators(side, is_net=plan.quantity == "net_carbon_emission", settings=plan.settings)
    row["loss_information"] = loss_information(year, side.blocks)
    if plan.classes:
        row["loss_area"] = loss_area(side.member, {name: year.columns[name] for name in plan.classes})
    if plan.balance != "none":
        mask = _dominated(year, plan)
        row["box_count"] = float("nan") if mask is None else box_count(side.member, mask)
    if plan.drivers:
        power = driver_power(side, year, plan.drivers, summary=plan.q_summary) if side.is_defined else None
        row |= {"q": power.q, "q_driver": power.strongest} if power else {"q": float("nan"), "q_driver": "none"}
    if "population" in year.columns:
        people = np.bincount(side.member, weights=year.columns["population"], minlength=side.inside.size)[side.inside]
        known = np.isfinite(people).all() and not np.isnan(row["concentration_area_km2"])
        row["concentration_population"] = concentration_index(side.total, people) if known else float("nan")
    return side, row, spots


def _dominated(year: BaseYear, plan: Plan) -> NDArray[np.bool_] | None:
    """Finest cells with a net emission (for the source) or a net sink (for the sink); None for net, or where it is not known."""
    if plan.quantity == "net_carbon_emission":
        return None
    columns = year.columns
    net = (
        columns["carbon_source"] - columns["carbon_sink"] if plan.balance == "both" else np.asarray(columns[plan.balance], dtype=np.float64)
    )
    return None if np.isnan(net).any() else net > 0 if plan.quantity == "carbon_source" else net < 0


def as_table(rows: Sequence[Mapping[str, Any]], has_years: bool) -> pd.DataFrame:
    """Rows as a table, sides and years in order, the always-present columns first."""
    table = pd.DataFrame(rows)
    order = [name for name in FIRST_COLUMNS if name in table]
    last = [name for name in LAST_COLUMNS if name in table]
    table = table[[*order, *(name for name in table if name not in (*order, *last)), *last]]
    table = table.sort_values(["scale_km", "year"], kind="stable", ignore_index=True)
    if not has_years:
        table["year"] = pd.array([pd.NA] * len(table), dtype="Int64")
    return table


def warn_undefined(rows: Sequence[Mapping[str, Any]], has_years: bool, quantity: str) -> None:
    """Name the sides and years without statistics."""
    missing = [f"{row['scale_km']:g} km" + (f" in {row['year']}" if has_years else "") for row in rows if np.isnan(row["moran_i"])]
    if missing:
        warn(f"scale response of {quantity}: a constant field or too few cells, so no statistic at {examples(missing)}.")


def provenance(accounts: pd.DataFrame, base: Base, factors: Mapping[float, int], settings: Settings) -> dict[str, Any]:
    """What stands beside a response: weights, tests, candidates, origin and CRS, as plain data."""
    crs = getattr(accounts, "crs", None)
    return {
        "weights": "queen, binary",
        "permutations": settings.permutations,
        "seed": settings.seed,
        "min_inside": settings.min_inside,
        "permutation_limit": settings.permutation_limit,
        "base_km": base.side_km,
        "origin_km": list(base.origin_km),
        "candidates_km": list(factors),
        "crs": "not given" if crs is None else crs.to_string(),
    }
