"""Energy carbon: fuels, electricity and heat to CO2 by standard coal or by net calorific value, each quantity with its unit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import pandas as pd

from carbonshed.checks import check_columns, choose, examples, nearest, refuse, warn
from carbonshed.quantities import CO2_PER_C

Method = Literal["standard_coal", "net_calorific"]
Boundary = Literal["territorial", "consumption"]

QUANTITY_UNITS: Mapping[str, Mapping[str, float]] = {
    "mass": {"t": 1.0, "kg": 1e-3, "10^4 t": 1e4},
    "gas": {"10^4 m3": 1.0, "m3": 1e-4, "10^8 m3": 1e4},
    "electricity": {"10^4 kWh": 1.0, "kWh": 1e-4, "MWh": 0.1, "10^8 kWh": 1e4},
    "heat": {"GJ": 1.0, "10^6 kJ": 1.0, "TJ": 1e3, "10^10 kJ": 1e4},
}
"""Units a quantity may have, with the factor to the unit of the fuel table, which stands first."""

SECONDARY = ("electricity", "heat")
"""What is made by burning other fuels: counted by the consumer or at the plant, never both."""

USES = ("final", "generation")


@cache
def fuels() -> Mapping[str, Mapping[str, Any]]:
    """The fuel table of the package by name: measure, unit, standard-coal and net-calorific rows with status and citation."""
    return tomllib.loads(resources.files("carbonshed").joinpath("data/fuels.toml").read_text(encoding="utf-8"))


def net_calorific_factor(ncv: float, carbon_content: float, oxidation: float) -> float:
    """Emission factor of a fuel, ``NCV * CC * OF * 44/12 * 1e-6``, in kg CO2 per kg (or per the volume that `ncv` is per).

    Parameters
    ----------
    ncv : float
        Net calorific value in kJ per kg (gas: kJ per m3).
    carbon_content : float
        t C per TJ.
    oxidation : float
        Share of the carbon that burns, in (0, 1].

    Raises
    ------
    InputError
        A value <= 0, or an oxidation above 1.

    Notes
    -----
    Textbook form (IPCC guidelines, reference approach).

    Examples
    --------
    >>> round(net_calorific_factor(20908, 26.37, 0.94), 4)  # raw coal, kg CO2 per kg
    1.9003
    """
    if not (ncv > 0 and carbon_content > 0 and 0 < oxidation <= 1):
        got = f"NCV {ncv:g}, carbon content {carbon_content:g}, oxidation {oxidation:g}"
        raise refuse("bad_factor", expected="NCV and carbon content > 0, oxidation in (0, 1]", got=got, where="fuel", fix="Mend the row.")
    return ncv * carbon_content * oxidation * CO2_PER_C * 1e-6


def natural_gas_factor(printed: float, *, substance: Literal["CO2", "C"] = "CO2") -> float:
    """A printed factor of natural gas as t CO2 per 10^4 m3, told by its size: headers often name the wrong volume.

    About 20-22 t CO2 (5.4-6.0 t C) is per 10^4 m3; about 2.0-2.2 kg CO2 (0.54-0.60 kg C) is per m3.

    Parameters
    ----------
    printed : float
        The number as printed.
    substance : {"CO2", "C"}
        What the number counts.

    Raises
    ------
    InputError
        A number of neither size.

    Notes
    -----
    An NCV printed as "389310 kJ" is per 10 m3, so its factor 21.62 is per 10^4 m3 (Heliyon 2023, e21241, table 2).

    Examples
    --------
    >>> round(natural_gas_factor(net_calorific_factor(389310, 15.3, 0.99)), 2)
    21.62
    >>> round(natural_gas_factor(2.1622), 3)
    21.622
    """
    co2 = printed * (CO2_PER_C if choose(substance, ("CO2", "C"), where="substance") == "C" else 1.0)
    for factor in (1.0, 10.0):
        if 19.0 <= co2 * factor <= 23.0:
            return co2 * factor
    raise refuse(
        "gas_factor",
        expected="19-23 t CO2 per 10^4 m3, or 1.9-2.3 kg CO2 per m3 (5.2-6.3 t C, 0.52-0.63 kg C)",
        got=f"{printed:g} ({substance})",
        where="natural gas",
        fix="Check the volume the factor is per (m3, 10^4 m3) and carbon against CO2.",
    )


def emission_factor(fuel: str, *, method: Method = "standard_coal", electricity_basis: str | None = None) -> float:
    """Emission factor of a fuel in t CO2 per t (gas: per 10^4 m3; electricity: per 10^4 kWh; heat: per GJ).

    ``standard_coal``: ``SC [tce per unit] * CF [t C per tce] * 44/12``; ``net_calorific``: see `net_calorific_factor`.

    Parameters
    ----------
    fuel : str
        A name of the fuel table, English or Chinese.
    method : {"standard_coal", "net_calorific"}
    electricity_basis : {"calorific", "coal_consumption"}, optional
        Needed for electricity: 1.229 or 4.040 tce per 10^4 kWh, 3.3 times apart.

    Raises
    ------
    InputError
        An unknown fuel; a fuel without a factor in this method; electricity without a basis.

    Notes
    -----
    Values, status and citation: ``data/fuels.toml``.

    Examples
    --------
    >>> round(emission_factor("raw_coal"), 3), round(emission_factor("natural_gas"), 2)
    (1.98, 21.86)
    """
    name, row = _fuel(fuel)
    values = _values(name, row, choose(method, ("standard_coal", "net_calorific"), where="method"), electricity_basis)
    if method == "standard_coal":
        return float(values["tce"] * values["carbon"] * CO2_PER_C)
    factor = net_calorific_factor(values["ncv"], values["carbon_content"], values["oxidation"])
    return natural_gas_factor(factor) if name == "natural_gas" else factor


def energy_emission(
    activity: pd.DataFrame,
    *,
    boundary: Boundary = "territorial",
    method: Method = "standard_coal",
    electricity_basis: str | None = None,
) -> pd.DataFrame:
    """CO2 of the energy used in each unit and year, ``E = sum_f Q_f * EF_f``, t CO2 a-1.

    Parameters
    ----------
    activity : DataFrame
        Index `unit_id`; columns `year` (optional), `fuel`, `quantity` (>= 0), `quantity_unit` (``"t"``, ``"10^4 m3"``, ``"m3"``,
        ``"kWh"``, ``"GJ"``, ...), and `use` (``"final"`` or ``"generation"``).
    boundary : {"territorial", "consumption"}
        ``territorial``: all fuels burnt, also for power and heat; electricity and heat themselves must be absent. ``consumption``:
        end-use fuels, electricity and heat; fuels burnt in generation must be absent.
    method, electricity_basis
        See `emission_factor`.

    Returns
    -------
    DataFrame
        Index `unit_id`, columns `year` (if given) and `carbon_source` (t CO2 a-1), one row for each unit and year in the order of their
        first row; NaN where a quantity is NaN. ``attrs["unverified"]`` names the fuels whose factor is unverified.

    Raises
    ------
    InputError
        Double counting of generation; an unknown fuel or unit; a negative quantity.

    Warns
    -----
    DataWarning
        Gas, electricity or heat without `quantity_unit`, which are then read in the unit of the fuel table (10^4 m3, 10^4 kWh, GJ).

    Notes
    -----
    Textbook form; Energies 2015 (factors of table A). Process emissions (cement) are not energy.

    Examples
    --------
    >>> coal = pd.DataFrame({"fuel": ["raw_coal"], "quantity": [100.0], "quantity_unit": ["t"]}, index=["A"])
    >>> energy_emission(coal)["carbon_source"].round(1).tolist()
    [198.0]
    """
    check_columns(activity.columns, ["fuel", "quantity"], where="energy table")
    names = activity["fuel"].map({fuel: _fuel(fuel)[0] for fuel in activity["fuel"].unique()})
    quantity = activity["quantity"].astype(float)
    if (quantity < 0).any():
        raise refuse(
            "negative_quantity", expected="quantities >= 0", got=examples(quantity[quantity < 0]), where="energy table", fix="Mend."
        )
    _check_boundary(activity, names, quantity, choose(boundary, ("territorial", "consumption"), where="boundary"))
    factors = {name: emission_factor(name, method=method, electricity_basis=electricity_basis) for name in names.unique()}
    emitted = quantity * names.map(factors) * _unit_factors(activity, names)
    keys = [activity.index] + ([activity["year"].to_numpy()] if "year" in activity else [])
    total = emitted.groupby(keys, sort=False).sum().mask(emitted.isna().groupby(keys, sort=False).any())
    result = total.rename("carbon_source").rename_axis(["unit_id", "year"][: len(keys)]).reset_index().set_index("unit_id")
    statuses = {name: _values(name, fuels()[name], method, electricity_basis)["status"] for name in factors}
    unverified = ", ".join(name for name, status in statuses.items() if status == "unverified")
    result.attrs = {"units": "t CO2 a-1", "boundary": boundary, "method": method, "unverified": unverified}
    return result


def _fuel(fuel: str) -> tuple[str, Mapping[str, Any]]:
    for name, row in fuels().items():
        if fuel in (name, row["zh"]):
            return name, row
    near = nearest(str(fuel), fuels())
    hint = f"Did you mean {near!r}?" if near else f"Known fuels: {', '.join(fuels())}."
    raise refuse("unknown_fuel", expected="a fuel of the table", got=repr(fuel), where="fuel", fix=hint)


def _values(name: str, row: Mapping[str, Any], method: str, electricity_basis: str | None) -> Mapping[str, Any]:
    """The row of one fuel and method; refuses what has no factor."""
    values = row.get(method, {})
    if name == "electricity" and values:
        if electricity_basis is None:
            raise refuse(
                "electricity_basis",
                expected="electricity_basis = 'calorific' (1.229 tce per 10^4 kWh) or 'coal_consumption' (4.040)",
                got="none",
                where="electricity",
                fix="Say which: they differ 3.3 times.",
            )
        values = values[choose(electricity_basis, values, where="electricity_basis")]
    if not {"carbon", "ncv"} & set(values):
        have = [other for other, each in fuels().items() if {"carbon", "ncv"} & set(each.get(method, {}))]
        raise refuse(
            "no_factor",
            expected=f"a fuel with a factor by {method}: {', '.join(have)}",
            got=name,
            where="fuel",
            fix="Use the other method, or account this fuel outside and add it as a total.",
        )
    return dict(values)


def _check_boundary(activity: pd.DataFrame, names: pd.Series, quantity: pd.Series, boundary: str) -> None:
    used = quantity != 0
    secondary = used & names.isin(SECONDARY)
    uses = activity["use"] if "use" in activity else pd.Series("", index=activity.index)
    for use in uses[uses != ""].unique():
        choose(str(use), USES, where="energy table: use")
    generation = used & (uses == "generation") & ~names.isin(SECONDARY)
    if boundary == "territorial" and secondary.any():
        raise refuse(
            "double_counting",
            expected="fuels only: with boundary = 'territorial' power and heat are counted where the fuel burns",
            got=f"rows of {examples(names[secondary].unique())}",
            where="energy table",
            fix="Drop these rows, or use boundary = 'consumption' with end-use fuels only.",
        )
    if boundary == "consumption" and generation.any():
        raise refuse(
            "double_counting",
            expected="end-use fuels, electricity and heat with boundary = 'consumption'",
            got=f"fuels burnt in generation: {examples(names[generation].unique())}",
            where="energy table",
            fix="Drop the generation rows, or use boundary = 'territorial' without electricity and heat.",
        )
    if boundary == "consumption" and "use" not in activity and secondary.any() and (used & ~names.isin(SECONDARY)).any():
        raise refuse(
            "double_counting",
            expected="a column `use` (final, generation) where fuels stand beside electricity or heat",
            got="no such column, so fuels burnt in generation cannot be told from end use",
            where="energy table",
            fix="Add the column, or drop electricity and heat and use boundary = 'territorial'.",
        )


def _unit_factors(activity: pd.DataFrame, names: pd.Series) -> np.ndarray:
    """Factor from the unit of each row to the unit of the fuel table."""
    given = activity["quantity_unit"] if "quantity_unit" in activity else pd.Series(None, index=activity.index, dtype=object)
    factors = np.empty(len(activity))
    assumed: dict[str, str] = {}
    for position, (name, printed) in enumerate(zip(names, given)):
        known = QUANTITY_UNITS[fuels()[name]["measure"]]
        if pd.isna(printed):
            printed = next(iter(known))
            if printed != "t":
                assumed[name] = printed
        factors[position] = known[choose(str(printed), known, where=f"quantity_unit of {name}")]
    if assumed:
        told = ", ".join(f"{name} in {each}" for name, each in assumed.items())
        warn(f"energy table: no quantity_unit, so {told} (the unit of the factor). A slip to m3 or kWh is 10^4 times: give the column.")
    return factors
