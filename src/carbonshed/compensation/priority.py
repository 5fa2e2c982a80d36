"""Who comes first: the priority sequence (ECPS), its ranks and classes, the balance of the first N, and stability over years."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau

from carbonshed.checks import check_columns, refuse, warn
from carbonshed.compensation.ability import relative_gdp_per_head
from carbonshed.compensation.panel import check_panel, listed, numbers, per_year, rows_by_year, with_columns
from carbonshed.numerics.natural_breaks import natural_breaks

Floats = NDArray[np.float64]

SIDES = ("payer", "recipient")
AMOUNT = {"payer": "payable_before", "recipient": "receivable_before"}
NEUTRAL = 0.0005
"""Below 0.05 % of GDP a county is neutral: a choice of this project."""
BITS = 40
"""Priorities that agree to so many binary digits, 1e-12, are tied: the last ones are rounding, and another processor rounds otherwise."""


def compensation_priority(
    amounts: pd.DataFrame, *, neutral: float = NEUTRAL, classes: int = 5, breaks: Mapping[str, Floats] | None = None
) -> pd.DataFrame:
    """Priority, rank and class of each county on its own side, and the payers' order by ability beside it.

    ``ecps_i = amount_i / G_i`` [1] with the amount before closure and cap; rank 1 = largest, on each side and in each year, ties (to
    1e-12) to the smaller id. ``Q_i = (payable_i / sum payable) (G_i/P_i) / (G/P)``.

    Dividing by GDP makes small poor counties the first to pay: the index was made to order receipt. Therefore Q stands beside it.

    Parameters
    ----------
    amounts : DataFrame, index ``unit_id``
        As `compensation_amount` returns it, with ``gdp_yuan`` (the base year of the amounts) and, for Q, ``population``.
    neutral : float
        Below it the class is ``neutral``.
    classes : int
        Levels a side above the neutral band, by Fisher-Jenks on the pooled years, so the breaks are the same in each year.
    breaks : mapping, optional
        ``{"payer": limits, "recipient": limits}`` as `priority_breaks` returns them, to hold a scenario against its base run.

    Returns
    -------
    DataFrame
        `amounts` with ``priority`` (NaN without GDP), ``priority_rank`` (Int64; none for the side ``none`` and without GDP, which is
        listed in a warning), ``priority_class`` (``neutral``, ``level_1`` = first ... ``level_5``; missing without priority) and
        ``priority_capacity`` (payers; NaN without GDP or population).

    Raises
    ------
    InputError
        Missing columns, negative GDP.

    Notes
    -----
    Chen and Jiang 2018; Miao et al. 2019 for carbon. The number of five classes a side: Wang et al. 2020.

    Examples
    --------
    >>> toy = pd.DataFrame({"revised_deficit": [9.0, 8.0, -5.0], "gdp_yuan": [90.0, 40.0, 10.0], "population": 1.0}, index=[*"abc"])
    >>> from carbonshed.compensation.amounts import compensation_amount
    >>> ranked = compensation_priority(compensation_amount(toy, price=1.0, ability="one"))
    >>> ranked["priority"].tolist(), ranked["priority_rank"].tolist()
    ([0.1, 0.2, 0.5], [2, 1, 1])
    """
    check_panel(amounts, where="amounts")
    check_columns(amounts.columns, ["side", *AMOUNT.values(), "gdp_yuan"], where="amounts")
    gdp = numbers(amounts, "gdp_yuan", where="amounts")
    ecps = _ecps(amounts, gdp)
    acts = amounts["side"].isin(SIDES).to_numpy()
    without = acts & np.isnan(ecps)
    if without.any():
        warn(f"no priority without GDP: {listed(amounts, without)}.")
    ranked = pd.DataFrame({"side": amounts["side"], "priority": ecps}, index=amounts.index)
    limits = priority_breaks(ranked, neutral=neutral, classes=classes) if breaks is None else breaks
    of_class, capacity = _classes(ranked, limits, neutral), _capacity(amounts, gdp)
    ranks = _ranks(amounts, _settled(ecps)).array
    columns = {"priority": ecps, "priority_rank": ranks, "priority_class": of_class, "priority_capacity": capacity}
    return with_columns(amounts, columns)


def _ecps(amounts: pd.DataFrame, gdp: Floats) -> Floats:
    amount = sum(numbers(amounts, column, where="amounts") for column in AMOUNT.values())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gdp > 0, amount / gdp, np.nan)


def _settled(ecps: Floats) -> Floats:
    """Priorities to 1e-12, in which counties with the same amount per GDP are equal whatever the rounding of each."""
    mantissa, exponent = np.frexp(ecps)
    return np.asarray(np.ldexp(np.round(mantissa * 2.0**BITS) / 2.0**BITS, exponent))


def _ranks(amounts: pd.DataFrame, ecps: Floats) -> pd.Series:
    ranks = np.full(len(amounts), -1, dtype=np.int64)
    ids = np.asarray(amounts.index, dtype=str)
    side = amounts["side"].to_numpy(dtype=object)
    for _, rows in rows_by_year(amounts):
        for each in SIDES:
            use = rows[(side[rows] == each) & ~np.isnan(ecps[rows])]
            order = use[np.lexsort((ids[use], -ecps[use]))]
            ranks[order] = np.arange(1, order.size + 1)
    return pd.Series(ranks, index=amounts.index, dtype="Int64").mask(ranks < 0)


def priority_breaks(ranked: pd.DataFrame, *, neutral: float = NEUTRAL, classes: int = 5) -> dict[str, Floats]:
    """Upper limits of the classes of each side, by Fisher-Jenks on all years together; empty where a side has nobody above `neutral`.

    Parameters
    ----------
    ranked : DataFrame
        ``priority`` and ``side``, of all years.

    Raises
    ------
    InputError
        If a column is missing, or `classes` is below 1.

    Examples
    --------
    >>> ranked = pd.DataFrame({"side": ["payer"] * 4, "priority": [0.0001, 0.1, 0.11, 0.9]})
    >>> priority_breaks(ranked, classes=2)["payer"].tolist()
    [0.11, 0.9]
    """
    check_columns(ranked.columns, ["priority", "side"], where="ranked")
    limits = {}
    for side in SIDES:
        values = ranked.loc[(ranked["side"] == side) & (ranked["priority"] >= neutral), "priority"].to_numpy(dtype=np.float64)
        settled = _settled(values)
        highest = natural_breaks(settled, classes) if values.size else np.zeros(0)
        limits[side] = np.array([values[settled <= limit].max() for limit in highest])
    return limits


def _classes(ranked: pd.DataFrame, limits: Mapping[str, Floats], neutral: float) -> NDArray[np.object_]:
    ecps = _settled(ranked["priority"].to_numpy(dtype=np.float64))
    side = ranked["side"].to_numpy(dtype=object)
    label = np.full(len(ranked), "neutral", dtype=object)
    label[np.isnan(ecps)] = None
    for each in SIDES:
        rows = np.flatnonzero((side == each) & (ecps >= neutral))
        highest, last = _settled(np.asarray(limits[each], dtype=np.float64)), len(limits[each]) - 1
        if last < 0:
            continue
        from_below = np.minimum(np.searchsorted(highest, ecps[rows]), last)
        label[rows] = [f"level_{last - level + 1}" for level in from_below]
    return label


def _capacity(amounts: pd.DataFrame, gdp: Floats) -> Floats:
    payers = (amounts["side"] == "payer").to_numpy()
    if "population" not in amounts:
        warn("priority_capacity is not known without the column population.")
        return np.full(len(amounts), np.nan)
    population = numbers(amounts, "population", where="amounts")
    owed = numbers(amounts, "payable_before", where="amounts")

    def q(rows: NDArray[np.intp]) -> Floats:
        total = np.nansum(owed[rows])
        share = owed[rows] / total if total > 0 else np.full(rows.size, np.nan)
        return np.asarray(share * relative_gdp_per_head(gdp[rows], population[rows]))

    return np.where(payers, per_year(amounts, q), np.nan)


def balance(ranked: pd.DataFrame, *, n: Iterable[int] = range(5, 51)) -> pd.DataFrame:
    """Whether the first N payers and the first N recipients balance, before closure and cap.

    ``B_N = sum payable of the first N payers / sum receivable of the first N recipients`` [1].

    Parameters
    ----------
    ranked : DataFrame
        As `compensation_priority` returns it.
    n : ints >= 1

    Returns
    -------
    DataFrame, one row a year and N
        ``year``, ``n``, ``n_payers``, ``n_recipients`` (used: fewer than N where a side has fewer), ``payable``, ``receivable`` (yuan
        a-1), ``balance_ratio`` (NaN without a recipient).

    Raises
    ------
    InputError
        If an N is below 1 or a column is missing.

    Examples
    --------
    >>> toy = pd.DataFrame({"side": ["payer", "payer", "recipient"], "priority_rank": [1, 2, 1],
    ...                     "payable_before": [6.0, 3.0, 0.0], "receivable_before": [0.0, 0.0, 4.0]}, index=[*"abc"])
    >>> balance(toy, n=[1, 2])["balance_ratio"].tolist()
    [1.5, 2.25]
    """
    check_columns(ranked.columns, ["side", "priority_rank", *AMOUNT.values()], where="ranked")
    wanted = [int(each) for each in n]
    if any(each < 1 for each in wanted):
        raise refuse("n", expected="N >= 1", got=str(min(wanted)), where="balance: n", fix="The default is 5 to 50.")
    table = []
    for year, rows in rows_by_year(ranked):
        table += [(year, *row) for row in _balances(*_running(ranked, rows), wanted)]
    return pd.DataFrame(table, columns=["year", "n", "n_payers", "n_recipients", "payable", "receivable", "balance_ratio"])


def _balances(paid: Floats, received: Floats, wanted: Iterable[int]) -> list[tuple[int, int, int, float, float, float]]:
    """For each N: N, payers and recipients used, both sums, their ratio."""
    rows = []
    for each in wanted:
        used = min(each, paid.size - 1), min(each, received.size - 1)
        pays, gets = float(paid[used[0]]), float(received[used[1]])
        rows.append((each, *used, pays, gets, pays / gets if gets > 0 else np.nan))
    return rows


def _running(ranked: pd.DataFrame, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """For payers and recipients among the rows: the sum over the first 0, 1, 2, ... in the order of their ranks."""
    side = ranked["side"].to_numpy(dtype=object)[rows]
    rank = ranked["priority_rank"].to_numpy(dtype=np.float64, na_value=np.nan)[rows]
    sums = []
    for each in SIDES:
        use = np.flatnonzero((side == each) & ~np.isnan(rank))
        amount = ranked[AMOUNT[each]].to_numpy(dtype=np.float64)[rows][use[np.argsort(rank[use], kind="stable")]]
        sums.append(np.concatenate([[0.0], np.cumsum(amount)]))
    return sums[0], sums[1]


def balance_summary(ranked: pd.DataFrame) -> pd.DataFrame:
    """B_all over all counties, B_20, and N*, the smallest N from which ``B_N >= 1`` holds for every larger N.

    Returns
    -------
    DataFrame, one row a year
        ``year``, ``n_payers``, ``n_recipients``, ``balance_all`` (payments / receipts, ranked or not), ``balance_20``, ``n_star``
        (missing where no N will do).

    Examples
    --------
    >>> toy = pd.DataFrame({"side": ["payer", "payer", "recipient"], "priority_rank": [1, 2, 1],
    ...                     "payable_before": [3.0, 3.0, 0.0], "receivable_before": [0.0, 0.0, 4.0]}, index=[*"abc"])
    >>> balance_summary(toy)[["balance_all", "n_star"]].to_numpy().tolist()
    [[1.5, 2]]
    """
    check_columns(ranked.columns, ["side", "priority_rank", *AMOUNT.values()], where="ranked")
    sides, table = ranked["side"].to_numpy(dtype=object), []
    for year, rows in rows_by_year(ranked):
        counts = [int((sides[rows] == side).sum()) for side in SIDES]
        sums = [float(np.nansum(ranked[AMOUNT[side]].to_numpy(dtype=np.float64)[rows])) for side in SIDES]
        running = _running(ranked, rows)
        every = np.array([row[-1] for row in _balances(*running, range(1, max(*counts, 1) + 1))])
        fails = np.flatnonzero(~(every >= 1.0))
        first = int(fails[-1]) + 2 if fails.size else 1
        table.append(
            {
                "year": year,
                "n_payers": counts[0],
                "n_recipients": counts[1],
                "balance_all": sums[0] / sums[1] if sums[1] > 0 else np.nan,
                "balance_20": _balances(*running, [20])[0][-1],
                "n_star": first if first <= every.size else pd.NA,
            }
        )
    columns = ["year", "n_payers", "n_recipients", "balance_all", "balance_20", "n_star"]
    return pd.DataFrame(table, columns=columns).astype({"n_star": "Int64"})


def priority_stability(ranked: pd.DataFrame, *, n: int = 5) -> pd.DataFrame:
    """How stable the first N and the whole order are between each two years.

    ``J = |A & B| / |A | B|`` of the first N of both years; Kendall's tau-b of the priorities of the counties on the side in both; share of
    the counties known in both years that changed side.

    Returns
    -------
    DataFrame, one row a side and pair of years
        ``side``, ``year``, ``other_year``, ``jaccard``, ``kendall_tau`` (NaN below two counties), ``changed_side``.

    Raises
    ------
    InputError
        If there is no column ``year``.

    Examples
    --------
    >>> toy = pd.DataFrame({"year": [2007, 2007, 2012, 2012], "side": "payer", "priority": [2.0, 1.0, 1.0, 2.0],
    ...                     "priority_rank": [1, 2, 2, 1]}, index=[*"abab"])
    >>> priority_stability(toy, n=2)[["jaccard", "kendall_tau"]].to_numpy()[0].tolist()
    [1.0, -1.0]
    """
    check_columns(ranked.columns, ["year", "side", "priority", "priority_rank"], where="ranked")
    side_of, priority, rank = _by_year_and_county(ranked)
    table = []
    for (a, year), (b, other) in combinations(enumerate(np.unique(ranked["year"]).tolist()), 2):
        known = (side_of[a] != "") & (side_of[b] != "")
        changed = float((side_of[a] != side_of[b])[known].mean()) if known.any() else np.nan
        for side in SIDES:
            on_side = [side_of[each] == side for each in (a, b)]
            tops = [acts & (rank[each] <= n) for acts, each in zip(on_side, (a, b), strict=True)]
            either = int((tops[0] | tops[1]).sum())
            ordered = on_side[0] & on_side[1] & ~np.isnan(priority[a]) & ~np.isnan(priority[b])
            tau = _tau(priority[a][ordered], priority[b][ordered])
            table.append((side, year, other, int((tops[0] & tops[1]).sum()) / either if either else np.nan, tau, changed))
    return pd.DataFrame(table, columns=["side", "year", "other_year", "jaccard", "kendall_tau", "changed_side"])


def _by_year_and_county(ranked: pd.DataFrame) -> tuple[NDArray[np.object_], Floats, Floats]:
    """Side (empty: none), priority and rank (NaN: none), each of shape (years, counties)."""
    years, row = np.unique(ranked["year"].to_numpy(), return_inverse=True)
    column, ids = pd.factorize(ranked.index)
    side = np.full((years.size, len(ids)), "", dtype=object)
    given = ranked["side"].to_numpy(dtype=object)
    side[row, column] = np.where(ranked["side"].isna().to_numpy(), "", given)
    numbers_of = []
    for name in ("priority", "priority_rank"):
        table = np.full(side.shape, np.nan)
        table[row, column] = ranked[name].to_numpy(dtype=np.float64, na_value=np.nan)
        numbers_of.append(table)
    return side, numbers_of[0], numbers_of[1]


def _tau(first: Floats, second: Floats) -> float:
    return float(kendalltau(first, second, variant="b").statistic) if first.size > 1 else float("nan")
