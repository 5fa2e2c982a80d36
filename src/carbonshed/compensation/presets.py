"""The two presets of the compensation chain, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from carbonshed.checks import choose
from carbonshed.compensation.price import DEFAULT_PRICE


@dataclass(frozen=True)
class Preset:
    """Settings of one run of the chain; each field is a key of ``[compensation]`` or an option of the functions it feeds.

    Parameters
    ----------
    name, purpose : str
    revision, weights, rescale, floor_quantile
        Of `revise_account` (``revision`` is its `form`; `weights` None: equal, where the form uses them).
    price, ability, closure, shortfall, fiscal_cap, overflow
        Of `compensation_amount`.
    flow_cost, flow_solver
        Of `compensation_flow`.
    district_mode
        Of `apply_district_mode`.
    payer_order : str
        The column that orders payers in a report: ``priority`` or ``priority_capacity`` (recipients: always ``priority``).
    centre_quantities : tuple of str
        What weights the centre of gravity.
    """

    name: str
    purpose: str
    revision: str
    ability: str
    closure: str
    fiscal_cap: float | None
    district_mode: str
    payer_order: str
    centre_quantities: tuple[str, ...]
    weights: Mapping[str, float] | None = None
    rescale: bool = False
    floor_quantile: float = 0.0
    price: str | float = DEFAULT_PRICE
    overflow: str = "redistribute"
    shortfall: str = "proportional"
    flow_cost: str = "distance"
    flow_solver: str = "lp"


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "published": Preset(
            name="published",
            purpose="reproduce the published county study of 2007, 2012 and 2017",
            revision="normalised_mean",
            weights=MappingProxyType({"area": 1.0, "population": 1.0, "gdp": 1.0}),
            ability="one",
            closure="none",
            fiscal_cap=None,
            district_mode="exclude",
            payer_order="priority",
            centre_quantities=("payable",),
        ),
        "recommended": Preset(
            name="recommended",
            purpose="policy work: the account itself, additive and keeping its sign",
            revision="none",
            ability="gdp_per_head",
            closure="scale_larger",
            fiscal_cap=0.01,
            district_mode="separate",
            payer_order="priority_capacity",
            centre_quantities=("payable", "receivable"),
        ),
    }
)


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> preset("recommended").closure
    'scale_larger'
    """
    return PRESETS[choose(name, PRESETS, where="preset")]
