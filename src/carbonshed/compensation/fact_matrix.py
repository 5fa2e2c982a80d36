"""What each choice does to each published fact: the chain run under one setting after another, as one matrix."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from carbonshed.checks import DataWarning, check_columns, refuse, warn
from carbonshed.compensation.amounts import compensation_amount
from carbonshed.compensation.districts import apply_district_mode
from carbonshed.compensation.fact_checks import Outcome
from carbonshed.compensation.facts import check_facts, fact_verdicts
from carbonshed.compensation.presets import preset
from carbonshed.compensation.priority import compensation_priority
from carbonshed.compensation.revise import FORMS, revise_account
from carbonshed.spatial.centre import centre_of_gravity
from carbonshed.spatial.neighbours import polygon_neighbours, row_standardise
from carbonshed.spatial.statistics import local_moran

PERMUTATIONS = 19_999

USED = (
    "year",
    "name",
    "city",
    "province",
    "is_district",
    "area_km2",
    "population",
    "gdp_yuan",
    "carbon_source",
    "carbon_sink",
    "geometry",
)


@dataclass(frozen=True)
class Setting:
    """One way to run the chain; the default is the preset ``published`` with the p of GeoDa and esda.

    Parameters
    ----------
    name, choice : str
        What it is called, and which choice it varies (form, weights, floor, districts, sink, centre weight, p convention).
    form, weights, floor_quantile
        Of `revise_account`.
    district_mode : str
        Of `apply_district_mode`.
    sink : str
        Column of the sink.
    sink_factor : float
        The sink is multiplied by it.
    centre_weight : str
        ``payable``, ``receivable`` or ``absolute``.
    p_convention : str
        Of `local_moran`.
    """

    name: str
    choice: str = "preset"
    form: str = "normalised_mean"
    weights: Mapping[str, float] | None = None
    floor_quantile: float = 0.0
    district_mode: str = "exclude"
    sink: str = "carbon_sink"
    sink_factor: float = 1.0
    centre_weight: str = "payable"
    p_convention: str = "folded_one_sided"

    @property
    def account(self) -> tuple[Any, ...]:
        """What decides the amounts: two settings that agree in it differ in the centre or the p alone."""
        weights = None if self.weights is None else tuple(sorted(self.weights.items()))
        return self.form, weights, self.floor_quantile, self.district_mode, self.sink, self.sink_factor


def default_settings(*, sinks: Iterable[str] = ()) -> tuple[Setting, ...]:
    """The preset ``published``, then each choice varied by itself.

    Parameters
    ----------
    sinks : iterable of str
        Further sink columns of the counties, each a setting of its own.

    Examples
    --------
    >>> [each.name for each in default_settings() if each.choice == "districts"]
    ['districts separate', 'districts merged by city']
    """
    base = preset("published")
    first = Setting("published", form=base.revision, district_mode=base.district_mode, floor_quantile=base.floor_quantile)
    forms = [Setting(f"form {name}", "form", form=name) for name in FORMS if name != base.revision]
    sizes = ("area", "population", "gdp")
    weights = [Setting(f"weight on {size} alone", "weights", weights={size: 1.0}) for size in sizes]
    return (
        first,
        *forms,
        *weights,
        Setting("shares floored at the 1 % quantile", "floor", floor_quantile=0.01),
        Setting("districts separate", "districts", district_mode="separate"),
        Setting("districts merged by city", "districts", district_mode="merge_by_city"),
        *(Setting(f"sink {name}", "sink", sink=name) for name in sinks),
        Setting("sink x 0.1 (npp_scaled)", "sink", sink_factor=0.1),
        Setting("sink x 0.5", "sink", sink_factor=0.5),
        Setting("sink x 3 (very large)", "sink", sink_factor=3.0),
        Setting("centre of receipts", "centre weight", centre_weight="receivable"),
        Setting("centre of absolute amounts", "centre weight", centre_weight="absolute"),
        Setting("two-sided p", "p convention", p_convention="two_sided"),
    )


class _Bench:
    """Runs settings on one set of counties; what two settings share is computed once."""

    def __init__(self, counties: gpd.GeoDataFrame, permutations: int, seed: int):
        self._counties, self._permutations, self._seed = counties, permutations, seed
        self._ranked: dict[tuple[Any, ...], gpd.GeoDataFrame] = {}
        self._classes: dict[tuple[Any, ...], pd.Series] = {}

    def outcome(self, setting: Setting) -> Outcome:
        """Amounts, ranks, cluster classes and centres under a setting."""
        ranked = self._amounts(setting)
        key = (*setting.account, setting.p_convention)
        if key not in self._classes:
            self._classes[key] = cluster_classes(
                ranked, permutations=self._permutations, seed=self._seed, p_convention=setting.p_convention
            )
        centres = centre_of_gravity(ranked, weight=setting.centre_weight)
        return Outcome(ranked.assign(lisa_class=self._classes[key].array), centres)

    def _amounts(self, setting: Setting) -> gpd.GeoDataFrame:
        if setting.account not in self._ranked:
            columns = [column for column in dict.fromkeys((*USED, setting.sink)) if column in self._counties]
            kept = apply_district_mode(self._counties[columns], district_mode=setting.district_mode)
            kept = kept.assign(carbon_sink=kept[setting.sink] * setting.sink_factor)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", DataWarning)
                revised = revise_account(kept, form=setting.form, weights=setting.weights, floor_quantile=setting.floor_quantile)
                amounts = compensation_amount(revised, price=1.0, ability="one")  # within a year the price is a common factor
                ranked = compensation_priority(amounts)
            for each in told:
                warn(f"setting {setting.name!r}: {each.message}")
            self._ranked[setting.account] = gpd.GeoDataFrame(ranked, geometry="geometry", crs=kept.crs)
        return self._ranked[setting.account]


def cluster_classes(
    ranked: gpd.GeoDataFrame, *, permutations: int = PERMUTATIONS, seed: int = 0, p_convention: str = "folded_one_sided"
) -> pd.Series:
    """LISA class of the revised deficit of each county and year: queen neighbours, row-standardised, draws of its own for each county.

    Parameters
    ----------
    ranked : GeoDataFrame, index ``unit_id``
        ``year``, ``revised_deficit``, polygons; counties without a value are left out of their year.
    permutations, seed, p_convention
        As in `local_moran`. Counts of classes move from seed to seed where draws are shared, hence independent ones.

    Returns
    -------
    Series in the caller's order
        ``HH``, ``LL``, ``HL``, ``LH``, ``ns`` or ``island``; missing without a value.

    Raises
    ------
    InputError
        If a column is missing; as `local_moran`.

    Examples
    --------
    >>> from shapely import box
    >>> row = gpd.GeoDataFrame({"year": 2017, "revised_deficit": [1.0, 2, 3, 4]}, index=[*"abcd"], crs="EPSG:6933",
    ...                        geometry=[box(k, 0, k + 1, 1) for k in range(0, 4000, 1000)])
    >>> set(cluster_classes(row.set_geometry(row.buffer(600)), permutations=99)) <= {"HH", "LL", "ns"}
    True
    """
    check_columns(ranked.columns, ["year", "revised_deficit"], where="cluster_classes")
    label = pd.Series(pd.NA, index=range(len(ranked)), dtype="object")
    years = ranked["year"].to_numpy()
    seen: tuple[list[str], Any] | None = None
    for year in sorted(set(years)):
        place = ((years == year) & ranked["revised_deficit"].notna().to_numpy()).nonzero()[0]
        part = ranked.iloc[place]
        ids = list(part.index)
        if seen is None or seen[0] != ids:
            seen = ids, row_standardise(polygon_neighbours(part))
        found = local_moran(
            part["revised_deficit"], seen[1], permutations=permutations, seed=seed, p_convention=p_convention, draws="independent"
        )
        label.iloc[place] = found["lisa_class"].to_numpy(dtype=object)
    return label.set_axis(ranked.index)


def setting_outcome(counties: gpd.GeoDataFrame, setting: Setting, *, permutations: int = PERMUTATIONS, seed: int = 0) -> Outcome:
    """The chain under one setting: amounts, ranks, cluster classes and centres, ready for `check_facts`.

    Parameters
    ----------
    counties : GeoDataFrame, index ``unit_id``
        Accounts of all years: ``year``, ``name``, ``area_km2``, ``carbon_source``, ``carbon_sink``, ``gdp_yuan``, ``population``; ``city``,
        ``province``, ``is_district`` as the setting needs; polygons in an equal-area CRS.
    setting : Setting
    permutations, seed
        As in `cluster_classes`.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> setting_outcome(counties, Setting("published"))  # doctest: +SKIP
    """
    _check(counties, [setting])
    return _Bench(counties, permutations, seed).outcome(setting)


def fact_matrix(
    counties: gpd.GeoDataFrame,
    *,
    settings: Iterable[Setting] | None = None,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> pd.DataFrame:
    """Every fact under every setting: met, in band, partly, not met, with the figures.

    Parameters
    ----------
    counties : GeoDataFrame
        As in `setting_outcome`.
    settings : iterable of Setting, optional
        Default `default_settings`.
    facts, permutations, seed
        As in `check_facts` and `cluster_classes`.

    Returns
    -------
    DataFrame, one row a setting and fact, in the order of both
        ``setting``, ``choice``, ``fact``, ``verdict``, ``figures``, ``low``, ``high`` (as `fact_verdicts` gives them).

    Raises
    ------
    InputError
        If a column is missing, or two settings have one name.

    Examples
    --------
    >>> fact_matrix(counties).pivot_table(index="setting", columns="fact", values="verdict")  # doctest: +SKIP
    """
    chosen = list(default_settings() if settings is None else settings)
    _check(counties, chosen)
    bench = _Bench(counties, permutations, seed)
    parts = []
    for setting in chosen:
        verdicts = fact_verdicts(check_facts(bench.outcome(setting), facts=facts))
        parts.append(verdicts.assign(setting=setting.name, choice=setting.choice))
    return pd.concat(parts, ignore_index=True)[["setting", "choice", "fact", "verdict", "figures", "low", "high"]]


def _check(counties: gpd.GeoDataFrame, settings: list[Setting]) -> None:
    names = [setting.name for setting in settings]
    if len(set(names)) < len(names):
        raise refuse("repeated_name", expected="settings of different names", got=", ".join(names), where="settings", fix="Rename one.")
    needed = {"year", "name", "area_km2", "carbon_source", "gdp_yuan", *(setting.sink for setting in settings)}
    check_columns(counties.columns, sorted(needed), where="counties")
