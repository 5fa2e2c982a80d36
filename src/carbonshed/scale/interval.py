"""The interval of the chosen scale: the same rule applied to grids that begin elsewhere, to resampled years, to resampled permutations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import choose, refuse
from carbonshed.scale.blocks import THIRDS, origin_shift, side_factors
from carbonshed.scale.choose import ScaleChoice, check_permutations, check_rule_columns, choice_of
from carbonshed.scale.indicators import Settings, SharedPlaces
from carbonshed.scale.response import Known, as_table, make_plan, provenance, read_plan, warn_undefined, year_rows
from carbonshed.scale.rules import RULES, Panel, Rule, columns_of, make_rule, panel_of

Floats = NDArray[np.float64]

AT_EDGE_OF_INTERVAL = "the interval reaches the edge of the candidates"
CERTAIN_Z = 15.0
"""On shifted grids no permutations are drawn where z is above this: p < 0.01 is then certain (see `moran_test`)."""

NOT_INDICATORS = ("year", "scale_km", "quantity", "total", "inference", "variogram_model", "q_driver", "place", "shift")


@dataclass(frozen=True)
class ScaleInterval:
    """The chosen scale with its interval, and what stands behind both.

    Parameters
    ----------
    choice : ScaleChoice
        low_km, high_km: the 2.5 and 97.5 % quantiles of the draws, rounded outward to the candidates, and never without scale_km.
    response : DataFrame
        As `scale_response`, on the grids that begin at the datum.
    draws : DataFrame
        One row a draw: draw, shift_east_share, shift_north_share (of a side), years (as drawn), scale_km (NaN: no scale).
    shifts : DataFrame
        Each indicator over the distinct origins: year, scale_km, quantity, indicator, shift_mean, shift_sd, shift_low, shift_high,
        n_origins (the datum counted).
    possible : DataFrame
        scale_km, n_origins: how many distinct grids the finest cells allow; 9 where no two fall together.
    """

    choice: ScaleChoice
    response: pd.DataFrame
    draws: pd.DataFrame
    shifts: pd.DataFrame
    possible: pd.DataFrame

    @property
    def headline(self) -> str:
        """The answer as it may be printed, e.g. ``18 km (plausible 15-21 km)``."""
        return self.choice.headline


def scale_interval(
    accounts: pd.DataFrame,
    *,
    scales_km: Iterable[float],
    quantity: str,
    rule: str = "moran_cv",
    draws: int = 200,
    seed: int = 0,
    permutations: int = 999,
    min_inside: float = 0.5,
    permutation_limit: int = 50_000,
    drivers: Sequence[str] | Mapping[str, str] = (),
    q_summary: str = "quantile_90",
    cv_tol: float = 0.05,
    allow_last: bool = False,
    knee_of: str = "loss_information",
    weights: Mapping[str, float] | None = None,
    shared: SharedPlaces | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> ScaleInterval:
    """Choose the working scale by a rule, with the interval that grid origins, years and permutations leave.

    Each draw takes one of nine origins - the datum and its 8 shifts ``(i s/3, j s/3)``, rounded to whole finest cells, so that a
    shifted grid is a block sum too -, as many years as there are, with replacement, and a binomial count of the permutations beyond
    Moran's I; then applies the same rule. ``low, high`` are the 2.5 and 97.5 % quantiles of the answers, rounded outward.

    Parameters
    ----------
    accounts, scales_km, quantity, permutations, min_inside, permutation_limit, drivers, q_summary
        As in `scale_response`.
    rule, cv_tol, allow_last, knee_of, weights
        As in `choose_scale`.
    draws : int
        At least 9, so that each origin takes part; the origins take turns.
    seed : int
        Of permutations and draws.
    shared : SharedPlaces, optional
        One for several quantities of the same cells: what hangs on their places alone is then found once.
    progress : callable, optional
        progress(fraction, message).

    Returns
    -------
    ScaleInterval
        Flags say where the finest cells allow fewer than 8 shifts (sides below three finest cells), where the interval reaches an
        end of the candidates, and what share of the draws has no scale.

    Raises
    ------
    InputError
        As in `scale_response` and `choose_scale`; fewer than 9 draws.

    Warns
    -----
    DataWarning
        As in `scale_response`.

    Notes
    -----
    Where an edge of a cell falls is an accident of the CRS, so it must not decide on the scale (the modifiable areal unit problem:
    Openshaw, 1984). A coarse base allows few shifts; `possible` says how many. One year is not resampled.

    Examples
    --------
    >>> g = np.random.default_rng(0)
    >>> hill = np.add.outer(np.arange(36.0), np.arange(36.0)) + g.normal(0, 9, (36, 36))
    >>> ids = [f"g1:R{r:03d}C{c:03d}" for r in range(36) for c in range(36)]
    >>> cells = pd.DataFrame({"area_km2": 1.0, "carbon_sink": hill.ravel() + 99}, index=ids)
    >>> found = scale_interval(cells, scales_km=[2, 3, 6], quantity="carbon_sink", rule="moran_max", draws=18, permutations=99)
    >>> found.headline, found.possible["n_origins"].tolist()
    ('3 km (plausible 2-3 km)', [4, 9, 9])
    """
    choose(rule, RULES, where="rule")
    if draws < len(THIRDS):
        fix = "Give more draws: the 9 origins take turns."
        raise refuse("few_draws", expected="at least 9 draws", got=f"{draws}", where="scale_interval", fix=fix)
    check_permutations(rule, permutations)
    settings = Settings(permutations, seed, min_inside, permutation_limit)
    plan = make_plan(accounts, quantity, settings, drivers, q_summary)
    base = read_plan(accounts, plan)
    factors = side_factors(scales_km, base.side_km)
    shifted = plan._replace(settings=replace(settings, certain_z=CERTAIN_Z))
    known: Known = {}
    places = shared or SharedPlaces()
    rows: list[list[dict[str, Any]]] = []
    for place, thirds in enumerate(THIRDS):
        if progress is not None:
            progress(place / len(THIRDS), f"{quantity}, origin {place + 1} of {len(THIRDS)}")
        asked = shifted if place else plan
        rows.append([row for year in base.years for row in year_rows(base, year, factors, thirds, asked, known, places)])
    warn_undefined(rows[0], base.has_years, quantity)
    response = as_table(rows[0], base.has_years).assign(chosen=False)
    response.attrs.update(provenance(accounts, base, factors, settings) | {"origins": len(THIRDS)})
    columns = columns_of(rule, response.columns, knee_of=knee_of, weights=weights)
    check_rule_columns(response, rule, columns)
    panels = [panel_of(as_table(each, True), columns) for each in rows]
    permuted = [
        panel_of(as_table(each, True).assign(is_permuted=_is_permuted), ("is_permuted",)).values["is_permuted"] > 0 for each in rows
    ]
    decide = make_rule(rule, cv_tol=cv_tol, allow_last=allow_last, knee_of=knee_of, weights=weights)
    drawn = _draws(panels, permuted, decide, draws=draws, seed=seed, permutations=permutations, has_years=base.has_years)
    possible = _possible(factors)
    choice = _with_interval(choice_of(panels[0], decide, rule=rule, quantity=quantity), drawn, list(factors), possible, base.side_km)
    choice = replace(choice, weights=response.attrs["weights"], seed=seed)
    return ScaleInterval(choice, response, drawn, _over_shifts(rows, factors, base.has_years), possible)


def _is_permuted(table: pd.DataFrame) -> pd.Series:
    return (table["inference"] == "permutation").astype(float)


def _draws(
    panels: Sequence[Panel],
    permuted: Sequence[NDArray[np.bool_]],
    decide: Rule,
    *,
    draws: int,
    seed: int,
    permutations: int,
    has_years: bool,
) -> pd.DataFrame:
    """Answers of the rule to resampled origins, years and permutations."""
    generator = np.random.default_rng(seed)
    n_years = len(panels[0].years)
    records = []
    for draw in range(draws):
        place = draw % len(THIRDS)
        panel = panels[place]
        years = np.sort(generator.integers(0, n_years, n_years))
        p = np.where(permuted[place], _redrawn_p(panel.values["moran_p"], permutations, generator), panel.values["moran_p"])
        position = decide(panel.curves(years=years, p=p)).position
        east, north = (third / 3 for third in THIRDS[place])
        text = ", ".join(str(panel.years[each]) for each in years) if has_years else ""
        scale = float("nan") if position is None else float(panel.scales[position])
        records.append({"draw": draw, "shift_east_share": east, "shift_north_share": north, "years": text, "scale_km": scale})
    return pd.DataFrame(records)


def _redrawn_p(p: Floats, permutations: int, generator: np.random.Generator) -> Floats:
    """Two-sided p from as many permutations drawn again: a binomial number of them lies beyond the observed value."""
    tail = np.rint(np.nan_to_num(p, nan=1.0) * (permutations + 1) / 2 - 1)
    beyond = generator.binomial(permutations, np.clip(tail / max(permutations, 1), 0, 1))
    return np.minimum(1.0, 2.0 * (1 + beyond) / (permutations + 1))


def _with_interval(choice: ScaleChoice, drawn: pd.DataFrame, scales: list[float], possible: pd.DataFrame, base_km: float) -> ScaleChoice:
    """The choice with the interval of the draws and the flags that go with it."""
    answers = drawn["scale_km"].dropna().to_numpy(dtype=np.float64)
    missing = 1 - answers.size / len(drawn)
    flags = list(choice.flags)
    low = high = float("nan")
    if not np.isnan(choice.scale_km):
        low, high = (float(f(choice.scale_km, _outward(answers, q, choice.scale_km))) for f, q in ((min, 0.025), (max, 0.975)))
        if low == scales[0] or high == scales[-1]:
            flags.append(AT_EDGE_OF_INTERVAL)
    if missing > 0:
        flags.append(f"no scale in {100 * missing:.3g} % of the draws")
    few = possible[possible["n_origins"] < len(THIRDS)]
    if len(few):
        sides = ", ".join(f"{scale:g} km {number - 1} of 8" for scale, number in zip(few["scale_km"], few["n_origins"]))
        flags.append(f"few origin shifts on a base of {base_km:g} km: {sides}")
    source = f"{len(drawn)} draws over grid origins, years and permutations"
    return replace(choice, low_km=low, high_km=high, flags=tuple(flags), interval_from=source, n_draws=len(drawn), no_scale_share=missing)


def _outward(answers: Floats, quantile: float, fallback: float) -> float:
    """Quantile of the answers, rounded outward to one of them."""
    if not answers.size:
        return fallback
    return float(np.quantile(answers, quantile, method="lower" if quantile < 0.5 else "higher"))


def _possible(factors: Mapping[float, int]) -> pd.DataFrame:
    number = [len({origin_shift(k, thirds) for thirds in THIRDS}) for k in factors.values()]
    return pd.DataFrame({"scale_km": list(factors), "n_origins": number})


def _over_shifts(rows: Sequence[Sequence[dict[str, Any]]], factors: Mapping[float, int], has_years: bool) -> pd.DataFrame:
    """Mean, sd and range of every indicator over the distinct origins of each side and year."""
    every = [
        {**row, "place": place, "shift": origin_shift(factors[row["scale_km"]], thirds)}
        for place, (thirds, each) in enumerate(zip(THIRDS, rows))
        for row in each
    ]
    table = pd.DataFrame(every).drop_duplicates(["year", "scale_km", "shift"])
    indicators = [name for name in table if name not in NOT_INDICATORS]
    keys = ["year", "scale_km", "quantity"]
    long = table[[*keys, *indicators]].astype(dict.fromkeys(indicators, float)).melt(keys, var_name="indicator")
    groups = long.groupby([*keys, "indicator"], sort=False)["value"]
    result = groups.agg(shift_mean="mean", shift_sd="std", shift_low="min", shift_high="max").reset_index()
    result["n_origins"] = groups.size().to_numpy()
    if not has_years:
        result["year"] = pd.array([pd.NA] * len(result), dtype="Int64")
    return result
