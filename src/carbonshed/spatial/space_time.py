"""Change over years, unit by unit: trend, peak (rises, then falls), and how a hot or cold spot came and went."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed import registry
from carbonshed.checks import check_columns, examples, refuse, warn
from carbonshed.numerics.panel_trend import row_trends
from carbonshed.numerics.permutation import benjamini_hochberg
from carbonshed.numerics.trend import mann_kendall, rise_then_fall
from carbonshed.spatial.year_panel import YearPanel, known_panel, year_panel

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

DIRECTIONS = ("falling", "none", "rising")
"""Direction of a trend by the sign of S (-1, 0, 1), where it is significant; else ``none``."""

HOT_SPOT_CHANGES = (
    "new",
    "consecutive",
    "persistent",
    "intensifying",
    "diminishing",
    "sporadic",
    "oscillating",
    "lost",
    "never",
)
"""How a unit came to its state in the last year; see `hot_spot_change`."""

SIDE_OF_SPOT = {"hot": 1, "cold": -1, "ns": 0}

FEW_DATES = 5
"""With so few dates no trend but a perfectly monotone one is significant at 0.05."""


def trends(accounts: pd.DataFrame, column: str, *, alpha: float = 0.05, panel: str = "strict") -> pd.DataFrame:
    """Trend of a column over the years in each cell or county: Theil-Sen slope with the Mann-Kendall test.

    ``slope = median over j < k of (z_k - z_j) / (t_k - t_j)``, in the column's unit per year; ``S = sum_{j<k} sgn(z_k - z_j)``, with the
    exact p of its permutations for up to ten years.

    Parameters
    ----------
    accounts : DataFrame
        Index `unit_id`, column ``year`` and `column`; rows with ``is_interpolated`` true are left out.
    column : str
    alpha : float
        Level of the plain cut and of the false discovery rate.
    panel : {"strict", "drop"}
        Whether a unit that is missing in a year stops the call, or is listed and gets NaN.

    Returns
    -------
    DataFrame
        One row a unit, in the order of first appearance: slope, mann_kendall_s, mann_kendall_p, trend (rising, falling, none), trend_fdr
        (the same by Benjamini-Hochberg over the units). `attrs` hold column, years, alpha and whether p is exact.

    Raises
    ------
    InputError
        If a column is missing, a unit stands twice in a year, or (``strict``) a value is not known; for fewer than three years.

    Warns
    -----
    DataWarning
        With five dates or fewer: only a perfectly monotone series (or none) can be significant.

    Notes
    -----
    Source: Theil (1950), Sen (1968); Mann (1945), Kendall (1975), textbook form. Years of a unit are taken as independent;
    autocorrelated series have smaller p than they deserve.

    Examples
    --------
    >>> years = [2000, 2004, 2008, 2012, 2016, 2020]
    >>> frame = pd.DataFrame({"year": years, "built_up": [1.0, 2, 3, 5, 6, 7]}, index=["a"] * 6)
    >>> trends(frame, "built_up")[["slope", "trend"]].to_dict("index")
    {'a': {'slope': 0.3125, 'trend': 'rising'}}
    """
    kept = accounts
    if "is_interpolated" in accounts:
        kept = accounts[~accounts["is_interpolated"].astype(bool)]
    places, table, known = known_panel(kept, column, panel=panel, where="trends")
    if places.years.size < 3:
        raise refuse(
            "few_years",
            expected="at least three years",
            got=examples(places.years) or "none",
            where="trends",
            fix="Two dates have a difference, no trend: use land_change.",
        )
    if places.years.size <= FEW_DATES:
        mann_kendall(places.years)  # warns of what so few dates can show
    found = row_trends(places.years, table[known])
    result = pd.DataFrame(np.nan, index=places.units, columns=["slope", "mann_kendall_s", "mann_kendall_p"])
    result.loc[known, ["slope", "mann_kendall_s", "mann_kendall_p"]] = np.column_stack([found.slope, found.s, found.p])
    sign = np.sign(result["mann_kendall_s"].to_numpy())
    p = result["mann_kendall_p"].to_numpy()
    for name, level in (("trend", p), ("trend_fdr", benjamini_hochberg(p))):
        step = np.where(level <= alpha, sign, 0)
        texts = np.array(DIRECTIONS, dtype=object)[step.astype(np.int64) + 1]
        result[name] = pd.Series(texts, index=places.units).where(known)
    result.attrs.update(column=column, years=places.years.tolist(), alpha=alpha, exact=found.exact)
    return result


def peak_year(
    accounts: pd.DataFrame,
    column: str,
    *,
    by: str | None = None,
    relative_sd: float | None = None,
    draws: int = 999,
    seed: int = 0,
    level: float = 0.95,
    panel: str = "strict",
) -> pd.DataFrame:
    """Whether the total of a column rises, then falls, and in which year it peaks: by numbers, never by eye.

    The peak is the year of the largest total; it is interior if it is neither the first nor the last year. `share` is the share of draws
    whose own peak is interior with a lower end; ``rises_then_falls`` is an interior peak with share >= `level`.

    Parameters
    ----------
    accounts : DataFrame
        Index `unit_id`, column ``year`` and `column`, an amount that may be summed.
    column : str
    by : str, optional
        Column with the group of each unit (province, city, ...), the same in all years; default: one total, ``all``.
    relative_sd : float, optional
        Standard deviation of each year's total as a share of it, independent between years: the draws are Monte Carlo. Without it the
        units are drawn with replacement (bootstrap), which needs at least two units in a group, and says how far the finding rests on
        single units.
    draws, seed : int
    level : float
    panel : {"strict", "drop"}
        As in `trends`.

    Returns
    -------
    DataFrame
        One row a group: peak_year, is_interior, drop (the peak less the last year, in the column's unit), drop_share (of the peak), share,
        peak_low, peak_high (2.5 % and 97.5 % of the draws' peak years), rises_then_falls (missing where nothing was drawn), n.

    Raises
    ------
    InputError
        As in `trends`; for an intensive column (a sum of densities means nothing), a group that changes, or an sd that is not positive.

    Warns
    -----
    DataWarning
        For groups of one unit, which cannot be bootstrapped.

    Notes
    -----
    Source: Efron and Tibshirani (1993), resampling of cases, textbook form.

    Examples
    --------
    >>> frame = pd.DataFrame({"year": [2000, 2010, 2020] * 2, "carbon_source": [1.0, 5, 3, 2, 6, 3]}, index=list("aaabbb"))
    >>> peak_year(frame, "carbon_source")[["peak_year", "drop", "rises_then_falls"]].to_dict("index")
    {'all': {'peak_year': 2010, 'drop': 5.0, 'rises_then_falls': True}}
    """
    _refuse_intensive(column)
    if relative_sd is not None and not relative_sd > 0:
        fix = "Give e.g. 0.05 for 5 %, or leave it out."
        raise refuse("no_uncertainty", expected="relative_sd > 0", got=f"{relative_sd}", where="peak_year", fix=fix)
    places, table, known = known_panel(accounts, column, panel=panel, where="peak_year")
    group, names = _groups(accounts, by, places, known)
    generator = np.random.default_rng(seed)
    rows, single = [], []
    for place, name in enumerate(names):
        values = table[known][group == place]
        total = values.sum(axis=0)
        possible = _draw(values, total, relative_sd, draws, generator)
        if not len(possible) and draws:
            single.append(name)
        peak = rise_then_fall(places.years, total, draws=possible)
        low, high = np.quantile(places.years[possible.argmax(axis=1)], [0.025, 0.975]) if len(possible) else (np.nan, np.nan)
        row = {"peak_year": int(peak.time), "is_interior": peak.is_interior, "drop": peak.drop}
        row |= {"drop_share": peak.drop / total.max() if total.max() > 0 else np.nan, "share": peak.share, "peak_low": low}
        found = pd.NA if np.isnan(peak.share) else bool(peak.is_interior and peak.share >= level)
        rows.append(row | {"peak_high": high, "rises_then_falls": found, "n": len(values)})
    if single:
        warn(f"peak_year: {examples(single)} hold one unit, which cannot be bootstrapped; give relative_sd.")
    result = pd.DataFrame(rows, index=pd.Index(names, name=by or "group"))
    result["rises_then_falls"] = result["rises_then_falls"].astype("boolean")
    result.attrs.update(column=column, draws="bootstrap" if relative_sd is None else f"Monte Carlo, relative sd {relative_sd:g}")
    return result


def hot_spot_change(spots: pd.DataFrame, *, spot_class: str = "gi_star_class", z: str = "gi_star_z", alpha: float = 0.05) -> pd.DataFrame:
    """How each unit came to be, or ceased to be, a hot or cold spot over the years, from its series of Gi* classes.

    The state is that of the last year (or, where that is ``ns``, the last significant one, and the change is ``lost``). Of a hot unit,
    and of a cold one alike:

    ==============  =====================================================================================================
    ``new``         hot in the last year only
    ``consecutive`` hot in the last two years or more without a gap, never before
    ``persistent``  hot in every year, and abs(Gi*) has no significant trend
    ``intensifying``  hot in every year, and abs(Gi*) rises (Mann-Kendall, p <= alpha)
    ``diminishing`` hot in every year, and abs(Gi*) falls
    ``sporadic``    hot in the last year and before it, with gaps; never cold
    ``oscillating`` hot in the last year, and cold in some earlier one
    ``lost``        not hot in the last year, hot before
    ``never``       neither hot nor cold in any year
    ==============  =====================================================================================================

    Parameters
    ----------
    spots : DataFrame
        Results of `getis_ord` of several years below one another: index `unit_id`, column ``year``, class and z.
    spot_class, z : str
        Columns of the class (``hot``, ``cold``, ``ns``, ``island``; or the FDR one) and of the z-score.
    alpha : float
        Level of the trend of abs(Gi*).

    Returns
    -------
    DataFrame
        One row a unit, in the order of first appearance: spot (hot, cold, none), hot_spot_change, n_hot, n_cold, last_year (of the state;
        missing for ``never``). A unit that is missing or an island in some year has no change, and is listed.

    Raises
    ------
    InputError
        If a column is missing, a class is unknown, a unit stands twice in a year, or there are fewer than two years.

    Warns
    -----
    DataWarning
        Listing units without a class in some year; with five dates or fewer, of what a trend of z can show.

    Notes
    -----
    The names follow the habit of emerging hot-spot analysis (space-time cubes); the rules are those above, in full.

    Examples
    --------
    >>> frame = pd.DataFrame({"year": [2000, 2010, 2020] * 2, "gi_star_z": [0, 3.0, 4, -3, 0, 0]}, index=list("aaabbb"))
    >>> frame["gi_star_class"] = ["ns", "hot", "hot", "cold", "ns", "ns"]
    >>> hot_spot_change(frame)[["spot", "hot_spot_change"]].values.tolist()
    [['hot', 'consecutive'], ['cold', 'lost']]
    """
    check_columns(spots.columns, ["year", spot_class, z], where="hot_spot_change")
    places = year_panel(spots, where="hot_spot_change")
    n_years = places.years.size
    if n_years < 2:
        got = examples(places.years) or "none"
        raise refuse("few_years", expected="at least two years", got=got, where="hot_spot_change", fix="Give Gi* of several years.")
    unknown = sorted(set(spots[spot_class].dropna().astype(str)) - {*SIDE_OF_SPOT, "island"})
    if unknown:
        fix = "Give the column gi_star_class or gi_star_class_fdr of getis_ord."
        raise refuse("unknown_class", expected="hot, cold, ns or island", got=examples(unknown), where=spot_class, fix=fix)
    sides = places.table(spots[spot_class].map(SIDE_OF_SPOT).to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
    known: NDArray[np.bool_] = np.asarray(~np.isnan(sides).any(axis=1))
    if not known.all():
        warn(f"hot_spot_change: {(~known).sum()} units have no class in some year and no change: {examples(places.units[~known])}.")
    side = np.nan_to_num(sides).astype(np.int64)
    size = np.abs(places.table(spots[z].to_numpy(dtype=np.float64, na_value=np.nan), np.nan))
    change, spot, last = _changes(side, size, known, places.years, alpha)
    result = pd.DataFrame(index=places.units)
    result["spot"] = pd.Series(spot, index=places.units).where(known)
    result["hot_spot_change"] = pd.Series(change, index=places.units).where(known)
    result["n_hot"], result["n_cold"] = (side == 1).sum(axis=1), (side == -1).sum(axis=1)
    result["last_year"] = pd.Series(places.years[last], index=places.units, dtype="Int64").where(known & (change != "never"))
    result.attrs.update(years=places.years.tolist(), spot_class=spot_class, alpha=alpha)
    return result


def _changes(
    side: NDArray[np.int64], size: Floats, known: NDArray[np.bool_], years: NDArray[np.int64], alpha: float
) -> tuple[Texts, Texts, NDArray[np.intp]]:
    """Change, spot and place of the last significant year from the sides (1 hot, -1 cold, 0 ns) and the size of z."""
    n_years = years.size
    last = n_years - 1 - (side[:, ::-1] != 0).argmax(axis=1)  # of the units that ever were a spot
    sign = side[np.arange(len(side)), last]
    same, other = side == sign[:, None], side == -sign[:, None]
    count = same.sum(axis=1)
    run = np.where(same.all(axis=1), n_years, (~same[:, ::-1]).argmax(axis=1))  # unbroken years up to the last
    always = same.all(axis=1) & (sign != 0)
    trend = np.zeros(len(side))
    usable = always & known & np.isfinite(size).all(axis=1)
    if usable.any() and n_years >= 3:
        if n_years <= FEW_DATES and alpha > 0:
            mann_kendall(years)  # warns of what so few dates can show
        found = row_trends(years, size[usable])
        trend[usable] = np.where(found.p <= alpha, np.sign(found.s), 0)
    rules = [
        (sign == 0, "never"),
        (side[:, -1] == 0, "lost"),
        (always & (trend > 0), "intensifying"),
        (always & (trend < 0), "diminishing"),
        (always, "persistent"),
        (other.any(axis=1), "oscillating"),
        (count == 1, "new"),
        (run == count, "consecutive"),
    ]
    change = np.select([rule for rule, _ in rules], [name for _, name in rules], default="sporadic").astype(object)
    spot = np.select([sign == 1, sign == -1], ["hot", "cold"], default="none").astype(object)
    return change, spot, last


def _groups(accounts: pd.DataFrame, by: str | None, places: YearPanel, known: NDArray[np.bool_]) -> tuple[NDArray[np.intp], list[str]]:
    """Number of the group of each known unit, and the names of the groups in the order of first appearance."""
    if by is None:
        return np.zeros(int(known.sum()), dtype=np.intp), ["all"] if known.any() else []
    check_columns(accounts.columns, [by], where="peak_year")
    labels = places.table(accounts[by].astype(object).where(accounts[by].notna(), None).to_numpy(), None)[known]
    wrong = (labels != labels[:, :1]).any(axis=1) | np.array([label is None for label in labels[:, 0]], dtype=bool)
    if wrong.any():
        raise refuse(
            "group_changes",
            expected=f"one known {by} for each unit, the same in all years",
            got=f"others for {examples(places.units[known][wrong])}",
            where="peak_year",
            fix="Use one boundary set and one grouping for all years.",
        )
    group, names = pd.factorize(labels[:, 0])
    return group, [str(name) for name in names]


def _draw(values: Floats, total: Floats, relative_sd: float | None, draws: int, generator: np.random.Generator) -> Floats:
    """Possible totals [draw, year]: none where a bootstrap has one unit only."""
    if relative_sd is not None:
        return np.asarray(total * (1 + relative_sd * generator.standard_normal((draws, total.size))))
    n = len(values)
    if n < 2:
        return np.empty((0, total.size))
    times = generator.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    return np.asarray(times @ values)


def _refuse_intensive(column: str) -> None:
    term = registry.terms().get(column)
    if term is not None and term.kind not in ("extensive", "money"):
        raise refuse(
            "not_a_sum",
            expected="an amount that may be summed over units",
            got=f"{column}, which is {term.kind}",
            where="peak_year",
            fix="Give the extensive parts, and form the ratio of their totals.",
        )
