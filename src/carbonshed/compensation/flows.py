"""Who pays whom: compensation flows between payers and recipients, exact to the fen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbonshed.checks import check_columns, choose, refuse
from carbonshed.compensation.flow_cost import distances_km, flow_cost, pair_distances_km, places
from carbonshed.compensation.panel import check_panel, numbers, rows_by_year, with_columns
from carbonshed.compensation.place_pairs import cost_follows_from_places, place_pairs
from carbonshed.compensation.shortfall import share_shortfall
from carbonshed.numerics.entropic_transport import entropic_transport, round_to_margins
from carbonshed.numerics.inequality import gini
from carbonshed.numerics.matrix_pairs import MatrixPairs
from carbonshed.numerics.transport import Pairs, TransportPlan, transport_of_pairs
from carbonshed.numerics.whole_amounts import round_to_total

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SOLVERS = ("lp", "entropic")
FLOW_KINDS = MappingProxyType(
    {"year": "Int64", "payer": "str", "recipient": "str", "compensation_flow": "float64", "distance_km": "float64"}
)
PRICE_KINDS = MappingProxyType({"year": "Int64", "unit_id": "str", "side": "str", "dual_price": "float64"})
FEN_PER_YUAN = 100
MOST_FEN = 2**53
"""Whole numbers above this are not all floating-point numbers: sums in fen would not be exact. It is 90 million million yuan."""

EQUAL_SUMS = 1e-9
"""Sums of both sides that differ by less (relative) are meant to be equal: the rest is rounding of floating-point numbers."""


@dataclass(frozen=True)
class _Problem:
    """One year: payers and recipients with their places (``lon``, ``lat``) in ascending order of their ids, amounts in fen."""

    year: int | None
    payers: pd.DataFrame
    recipients: pd.DataFrame
    supply: Integers
    need: Integers

    def costs(self, cost: str | pd.DataFrame, basin_discount: float) -> Floats:
        """The cost of each payer and recipient."""
        distance = distances_km(_places_of(self.payers), _places_of(self.recipients))
        return flow_cost(self.payers, self.recipients, distance, cost=cost, basin_discount=basin_discount)

    def distances_of(self, rows: Integers, columns: Integers) -> Floats:
        """Between these payers and these recipients [km]."""
        return pair_distances_km(_places_of(self.payers.iloc[rows]), _places_of(self.recipients.iloc[columns]))


def _places_of(side: pd.DataFrame) -> tuple[Floats, Floats]:
    return side["lon"].to_numpy(dtype=np.float64), side["lat"].to_numpy(dtype=np.float64)


def compensation_flow(
    compensation: pd.DataFrame,
    *,
    cost: str | pd.DataFrame = "distance",
    solver: str = "lp",
    basin_discount: float = 0.5,
    shortfall: str = "proportional",
    epsilon: float = 0.05,
) -> pd.DataFrame:
    """Flows of money from payers to recipients at the least total cost, year by year.

    ``min sum c_ij x_ij`` subject to ``sum_j x_ij <= payable_i``, ``sum_i x_ij <= receivable_j``,
    ``sum x_ij = min(sum payable, sum receivable)``, ``x >= 0``. Amounts are rounded to fen by largest remainders, so that with equal
    sums every row and column is met to the fen.

    Parameters
    ----------
    compensation : DataFrame or GeoDataFrame, index ``unit_id``
        ``payable``, ``receivable`` (yuan a-1; NaN: not known, left out), ``year`` where it spans years, geometry (or ``lon``, ``lat``)
        for the costs that need distances. It may hold the rows ``fund`` and ``upper_level`` of `institution_rows`: they have no place,
        cost nothing to reach, and their distance is NaN.
    cost : {"distance", "same_basin", "field_strength"} or DataFrame
        See `flow_cost`.
    solver : {"lp", "entropic"}
        Linear programme by network simplex: at most ``n_payers + n_recipients - 1`` flows; ties between cheapest plans are broken by a
        fixed cost hashed from both ids, so the order of the rows plays no part. Or Sinkhorn, which spreads: ``x_ij = u_i K_ij v_j``,
        ``K = exp(-c / (epsilon mean c))``.
    shortfall : str
        With ``entropic``, the rule that brings the longer side down to the shorter first (see `share_shortfall`).
    epsilon : float
        With ``entropic``: -> 0 tends to the linear programme, -> infinity to ``payable_i receivable_j / total``.

    Returns
    -------
    DataFrame, one row a flow above 0
        ``year`` (missing where the frame has none), ``payer``, ``recipient``, ``compensation_flow`` (yuan a-1, whole fen),
        ``distance_km``, ordered by these. Empty where nobody pays or nobody receives.

    Raises
    ------
    InputError
        Unknown options; negative amounts; places, basins or costs that are missing.

    Examples
    --------
    >>> toy = pd.DataFrame({"payable": [6.0, 4.0, 0, 0], "receivable": [0, 0, 5.0, 3.0]}, index=["a", "b", "c", "d"])
    >>> matrix = pd.DataFrame([[1, 4], [2, 3]], index=["a", "b"], columns=["c", "d"])
    >>> compensation_flow(toy, cost=matrix)[["payer", "recipient", "compensation_flow"]].to_numpy().tolist()
    [['a', 'c', 5.0], ['b', 'd', 3.0]]
    """
    return solve_flows(compensation, cost=cost, solver=solver, basin_discount=basin_discount, shortfall=shortfall, epsilon=epsilon).flows


@dataclass(frozen=True)
class SolvedFlows:
    """Flows as `compensation_flow` gives them, and the dual prices of `flow_prices` that the same solution proves (none if entropic)."""

    flows: pd.DataFrame
    prices: pd.DataFrame | None


def solve_flows(
    compensation: pd.DataFrame,
    *,
    cost: str | pd.DataFrame = "distance",
    solver: str = "lp",
    basin_discount: float = 0.5,
    shortfall: str = "proportional",
    epsilon: float = 0.05,
) -> SolvedFlows:
    """Flows and dual prices of each year from one solution; parameters and errors as `compensation_flow`.

    Examples
    --------
    >>> toy = pd.DataFrame({"payable": [6.0, 4.0, 0, 0], "receivable": [0, 0, 5.0, 3.0]}, index=["a", "b", "c", "d"])
    >>> matrix = pd.DataFrame([[1, 4], [2, 3]], index=["a", "b"], columns=["c", "d"])
    >>> solved = solve_flows(toy, cost=matrix)
    >>> solved.flows["compensation_flow"].tolist(), solved.prices["dual_price"].tolist()
    ([5.0, 3.0], [0.0, 0.0, 1.0, 3.0])
    """
    choose(solver, SOLVERS, where="flow_solver")
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise refuse("epsilon", expected="a number > 0", got=repr(epsilon), where="epsilon", fix="The default is 0.05.")
    tables, prices = [], []
    for problem in _problems(compensation):
        if solver == "lp":
            plan = _cheapest(problem, cost, basin_discount)
            rows, columns, fen = plan.rows, plan.columns, plan.amounts
            prices.append(_price_rows(problem, plan))
        else:
            whole = _spread(problem, cost, basin_discount, shortfall=shortfall, epsilon=epsilon)
            rows, columns = np.nonzero(whole)
            fen = whole[rows, columns]
        tables.append(
            pd.DataFrame(
                {
                    "year": pd.array([problem.year] * rows.size, dtype="Int64"),
                    "payer": problem.payers.index[rows],
                    "recipient": problem.recipients.index[columns],
                    "compensation_flow": fen / FEN_PER_YUAN,
                    "distance_km": problem.distances_of(rows, columns),
                }
            )
        )
    flows = pd.concat(tables, ignore_index=True) if tables else _nothing(FLOW_KINDS)
    if solver != "lp":
        return SolvedFlows(flows, None)
    return SolvedFlows(flows, pd.concat(prices, ignore_index=True) if prices else _nothing(PRICE_KINDS))


def _nothing(kinds: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _price_rows(problem: _Problem, plan: TransportPlan) -> pd.DataFrame:
    payers, recipients = list(problem.payers.index), list(problem.recipients.index)
    columns = {
        "year": pd.array([problem.year] * (len(payers) + len(recipients)), dtype="Int64"),
        "unit_id": [*payers, *recipients],
        "side": ["payer"] * len(payers) + ["recipient"] * len(recipients),
        "dual_price": np.concatenate([plan.row_prices, plan.column_prices]),
    }
    return pd.DataFrame(columns)


def _problems(compensation: pd.DataFrame) -> Iterator[_Problem]:
    """The transport problem of each year in which someone pays and someone receives."""
    check_panel(compensation, where="compensation", institutions=True)
    payable, receivable = (numbers(compensation, name, where="compensation") for name in ("payable", "receivable"))
    lon, lat = places(compensation)
    placed = with_columns(pd.DataFrame(compensation), {"lon": lon, "lat": lat})
    ids = np.asarray(compensation.index, dtype=str)
    for year, rows in rows_by_year(compensation):
        ordered = rows[np.argsort(ids[rows], kind="stable")]
        pays, gets = ordered[payable[ordered] > 0], ordered[receivable[ordered] > 0]
        supply, need = _fen(payable[pays], receivable[gets])
        if not supply.any() or not need.any():
            continue
        yield _Problem(year, placed.iloc[pays], placed.iloc[gets], supply, need)


def _fen(payable: Floats, receivable: Floats) -> tuple[Integers, Integers]:
    """Both sides in whole fen; equal sums stay equal."""
    owed, due = float(payable.sum()), float(receivable.sum())
    if max(owed, due) * FEN_PER_YUAN > MOST_FEN:
        raise refuse(
            "too_much_money",
            expected=f"at most {MOST_FEN / FEN_PER_YUAN:.3g} yuan a year on one side, so that every fen can be told",
            got=f"{max(owed, due):.6g} yuan",
            where="compensation: flows",
            fix="Look at the units of the accounts (t CO2) and of the price (yuan per t CO2).",
        )
    totals = [round(owed * FEN_PER_YUAN), round(due * FEN_PER_YUAN)]
    if abs(owed - due) <= EQUAL_SUMS * max(owed, due):
        totals[1] = totals[0]
    return round_to_total(payable, totals[0]), round_to_total(receivable, totals[1])


def _cheapest(problem: _Problem, cost: str | pd.DataFrame, basin_discount: float) -> TransportPlan:
    """The cheapest plan: from the places alone where the cost follows from them, otherwise from the matrix of all costs."""
    pairs: Pairs
    if isinstance(cost, str) and cost_follows_from_places(cost):
        pairs = place_pairs(problem.payers, problem.recipients, cost=cost, basin_discount=basin_discount)
    else:
        pairs = MatrixPairs(problem.costs(cost, basin_discount))
    return transport_of_pairs(problem.supply, problem.need, pairs, keys=(_keys(problem.payers.index), _keys(problem.recipients.index)))


def _keys(ids: pd.Index) -> NDArray[np.uint64]:
    """64 bits of each id that do not change between runs or machines."""
    digests = [blake2b(str(each).encode(), digest_size=8).digest() for each in ids]
    return np.array([int.from_bytes(each, "big") for each in digests], dtype=np.uint64)


def _spread(problem: _Problem, cost: str | pd.DataFrame, basin_discount: float, *, shortfall: str, epsilon: float) -> Integers:
    """Entropic flows in whole fen, with the longer side first brought down to the shorter."""
    supply, need = problem.supply, problem.need
    total = min(int(supply.sum()), int(need.sum()))
    if supply.sum() > total:
        supply = round_to_total(share_shortfall(supply, total, rule=shortfall), total)
    if need.sum() > total:
        need = round_to_total(share_shortfall(need, total, rule=shortfall), total)
    pair_cost = problem.costs(cost, basin_discount)
    lifted = pair_cost - min(float(pair_cost.min()), 0.0)
    mean = float(lifted.mean())
    rows, columns = supply > 0, need > 0
    active = np.ix_(rows, columns)
    plan = entropic_transport(supply[rows], need[columns], lifted[active], temperature=epsilon * mean if mean > 0 else 1.0)
    whole = np.zeros(lifted.shape, dtype=np.int64)
    whole[active] = round_to_margins(plan, supply[rows], need[columns])
    return whole


def flow_prices(compensation: pd.DataFrame, *, cost: str | pd.DataFrame = "distance", basin_discount: float = 0.5) -> pd.DataFrame:
    """Dual prices of the linear programme: what another yuan of supply or need would add to the total cost.

    Returns
    -------
    DataFrame, one row a payer or recipient
        ``year``, ``unit_id``, ``side``, ``dual_price`` (unit of the cost: km for distances): ``u_i + v_j <= c_ij``, equal where money
        flows. On the longer side prices are <= 0 and 0 where something is left; with equal sums the largest price of a payer is 0.

    Raises
    ------
    InputError
        As `compensation_flow`.

    Examples
    --------
    >>> toy = pd.DataFrame({"payable": [6.0, 4.0, 0, 0], "receivable": [0, 0, 5.0, 3.0]}, index=["a", "b", "c", "d"])
    >>> matrix = pd.DataFrame([[1, 4], [2, 3]], index=["a", "b"], columns=["c", "d"])
    >>> flow_prices(toy, cost=matrix)["dual_price"].tolist()
    [0.0, 0.0, 1.0, 3.0]
    """
    prices = solve_flows(compensation, cost=cost, basin_discount=basin_discount).prices
    assert prices is not None  # the linear programme has them
    return prices


def flow_summary(flows: pd.DataFrame, compensation: pd.DataFrame) -> pd.DataFrame:
    """What the flows of each year amount to.

    Returns
    -------
    DataFrame, one row a year
        ``year``, ``n_agreements``, ``n_payers``, ``n_recipients``, ``compensation_flow`` (total, yuan a-1), ``concentration`` (Gini of
        the flows), ``cross_province_share`` (of the money between counties with a known province; NaN without the column
        ``province``), ``mean_distance_km`` (weighted by money, where there is a distance).

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> flows = pd.DataFrame({"year": [2017, 2017], "payer": ["a", "b"], "recipient": ["c", "c"],
    ...                       "compensation_flow": [3.0, 1.0], "distance_km": [10.0, 50.0]})
    >>> counties = pd.DataFrame({"province": ["X", "Y", "Y"]}, index=["a", "b", "c"])
    >>> found = flow_summary(flows, counties).iloc[0]
    >>> found[["concentration", "cross_province_share", "mean_distance_km"]].astype(float).tolist()
    [0.25, 0.75, 20.0]
    """
    check_columns(flows.columns, ["year", "payer", "recipient", "compensation_flow", "distance_km"], where="flows")
    known = compensation["province"].dropna() if "province" in compensation else pd.Series(dtype=object)
    province = known[~known.index.duplicated()]
    table = []
    for year, part in flows.groupby("year", dropna=False, sort=True):
        money = part["compensation_flow"].to_numpy(dtype=np.float64)
        ends = [part[end].map(province) for end in ("payer", "recipient")]
        placed = (ends[0].notna() & ends[1].notna()).to_numpy()
        crossing = placed & (ends[0] != ends[1]).to_numpy()
        far = part["distance_km"].notna().to_numpy()
        table.append(
            {
                "year": year,
                "n_agreements": len(part),
                "n_payers": part["payer"].nunique(),
                "n_recipients": part["recipient"].nunique(),
                "compensation_flow": float(money.sum()),
                "concentration": gini(money),
                "cross_province_share": float(money[crossing].sum() / money[placed].sum()) if placed.any() else np.nan,
                "mean_distance_km": float(np.average(part["distance_km"][far], weights=money[far])) if far.any() else np.nan,
            }
        )
    columns = ["year", "n_agreements", "n_payers", "n_recipients", "compensation_flow", "concentration", "cross_province_share"]
    return pd.DataFrame(table, columns=[*columns, "mean_distance_km"])
