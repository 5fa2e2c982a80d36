"""Land-use carbon accounts, the grid scale that fits, compensation zones, and who pays whom - for any region.

Names are imported on first use, so that ``import carbonshed`` is instant. The whole public face stands in `PUBLIC`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

PUBLIC = {
    "Study": "study.study",
    "Result": "study.result",
    "Grid": "spatial.grid",
    "coarsen": "spatial.grid",
    "tabulate_land_area": "readers.land_cover",
    "tabulate_grids": "readers.grid_tables",
    "carbon_sink": "accounting.carbon_sinks",
    "allocate": "accounting.allocation",
    "scale_response": "scale.response",
    "choose_scale": "scale.choose",
    "global_moran": "spatial.statistics",
    "local_moran": "spatial.statistics",
    "getis_ord": "spatial.statistics",
    "zoning_indicators": "zoning.indicators",
    "classify_zones": "zoning.classify",
    "SOM": "zoning.som_estimator",
    "revise_account": "compensation.revise",
    "compensation_amount": "compensation.amounts",
    "compensation_priority": "compensation.priority",
    "compensation_flow": "compensation.flows",
    "terms": "registry",
}
"""Public name -> the module it stands in."""

__all__ = [*PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "terms":
        return _terms
    if name not in PUBLIC:
        raise AttributeError(f"module 'carbonshed' has no attribute {name!r}; public names: {', '.join(PUBLIC)}")
    return getattr(import_module(f"carbonshed.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _terms(name: str | None = None) -> Any:
    """Definition, formula, unit, Chinese and English of a quantity; without a name, all of them.

    >>> import carbonshed as cs
    >>> cs.terms("ecc").unit
    '1'
    """
    from carbonshed import registry

    return registry.terms() if name is None else registry.term(name)
