"""A small synthetic result folder: 60 cells of 18 km and 12 counties in two provinces, two years, every table of the contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from shapely.geometry import box

CRS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
SIDE = 18_000
ROWS, COLUMNS = range(228, 234), range(50, 60)
NAMES = ["张北县", "沽源县", "赤城县", "怀来县", "涿鹿县", "蔚县", "大厂县", "香河县", "固安县", "永清县", "霸州市", "文安县"]
PRICE = 95.96
CARBON = ("carbon_source", "carbon_sink", "net_carbon_emission")

Build = Callable[..., Path]


def cells(years: Sequence[int]) -> gpd.GeoDataFrame:
    """Cells whose source grows to the south and whose sink grows to the north."""
    frames = []
    for step, year in enumerate(years):
        rows, columns = (part.ravel() for part in np.meshgrid(list(ROWS), list(COLUMNS), indexing="ij"))
        south = (ROWS[-1] - rows) / (len(ROWS) - 1)
        frame = gpd.GeoDataFrame(
            {"unit_id": [f"g18:R{r:03d}C{c:03d}" for r, c in zip(rows, columns, strict=True)], "year": year, "scale_km": 18.0},
            geometry=[box(c * SIDE, r * SIDE, (c + 1) * SIDE, (r + 1) * SIDE) for r, c in zip(rows, columns, strict=True)],
            crs=CRS,
        )
        frame["area_km2"] = 324.0
        frame["inside_share"] = 1.0
        frame["carbon_source"] = 324.0 * (100 + 3000 * south + 10 * (columns - COLUMNS[0])) * (1 + 0.1 * step)
        frame["carbon_sink"] = 324.0 * (200 + 1200 * (1 - south))
        frames.append(frame)
    table = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=CRS)
    table["net_carbon_emission"] = table["carbon_source"] - table["carbon_sink"]
    return table


def counties(grid: gpd.GeoDataFrame, names: Sequence[str]) -> gpd.GeoDataFrame:
    """Four by three rectangles whose accounts are made up; the first lies in the north-west."""
    width, height = len(COLUMNS) * SIDE / 4, len(ROWS) * SIDE / 3
    west, north = COLUMNS[0] * SIDE, (ROWS[-1] + 1) * SIDE
    rows = []
    for year in sorted(grid["year"].unique()):
        for place, name in enumerate(names):
            row, column = divmod(place, 4)
            shape = box(west + column * width, north - (row + 1) * height, west + (column + 1) * width, north - row * height)
            rows.append(
                {
                    "unit_id": f"1301{place + 1:02d}",
                    "year": int(year),
                    "name": name,
                    "city": "张家口市" if column < 2 else "廊坊市",
                    "province": "河北省" if column < 3 else "北京市",
                    "area_km2": width * height / 1e6,
                    "carbon_source": 1e6 * (0.5 + 2.0 * row + 0.3 * column),
                    "carbon_sink": 1e6 * (1.9 - 0.6 * row),
                    "carbon_sink_landuse_coeff": 1e4 * (1.9 - 0.6 * row),
                    "gdp_yuan": 1e9 * (1 + place) if place else 0.0,
                    "population": 1e5 * (12 - place),
                    "geometry": shape,
                }
            )
    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS)
    table["net_carbon_emission"] = table["carbon_source"] - table["carbon_sink"]
    return table


def amounts(accounts: gpd.GeoDataFrame) -> pd.DataFrame:
    """Amounts at one price, the larger side scaled down; ranks by amount over GDP."""
    table = pd.DataFrame(accounts.drop(columns=["geometry", "carbon_sink_landuse_coeff"]))
    table["account_deficit"] = table["revised_deficit"] = table["net_carbon_emission"]
    table["payable_before"] = (table["revised_deficit"] * PRICE).clip(lower=0)
    table["receivable_before"] = (-table["revised_deficit"] * PRICE).clip(lower=0)
    sums = table.groupby("year")[["payable_before", "receivable_before"]].transform("sum")
    least = sums.min(axis=1)
    table["payable"] = table["payable_before"] * (least / sums["payable_before"]).fillna(0)
    table["receivable"] = table["receivable_before"] * (least / sums["receivable_before"]).fillna(0)
    table["net_compensation"] = table["receivable"] - table["payable"]
    table["side"] = np.select([table["payable_before"] > 0, table["receivable_before"] > 0], ["payer", "recipient"], "none")
    gdp = table["gdp_yuan"].where(table["gdp_yuan"] > 0)
    table["priority"] = (table["payable_before"] + table["receivable_before"]) / gdp
    table["priority_rank"] = table.groupby(["year", "side"])["priority"].rank(ascending=False).astype("Int64")
    table["priority_class"] = np.where(table["priority"].isna(), None, "level_1")
    table["priority_capacity"] = np.where(table["side"] == "payer", table["payable_before"] / table["population"], np.nan)
    return table


def flows(money: pd.DataFrame) -> pd.DataFrame:
    """Every payer pays every recipient in proportion."""
    rows = []
    for year, part in money.groupby("year"):
        payers, recipients = part[part["payable"] > 0], part[part["receivable"] > 0]
        for i in payers.itertuples():
            for j in recipients.itertuples():
                share = j.receivable / recipients["receivable"].sum()
                rows.append((int(year), i.unit_id, j.unit_id, i.payable * share, 40.0))
    return pd.DataFrame(rows, columns=["year", "payer", "recipient", "compensation_flow", "distance_km"])


def scale_tables(years: Sequence[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A response that falls with the side, and a choice of 18 km with an interval."""
    rows = [
        (year, float(side), quantity, 2000 // side, 0.9 - 0.01 * side, 30.0 - side, 0.002, 1.5 - 0.02 * side, side == 18)
        for year in years
        for quantity in CARBON
        for side in (6, 12, 18, 24)
    ]
    response = pd.DataFrame(rows, columns=["year", "scale_km", "quantity", "n_cells", "moran_i", "moran_z", "moran_p", "cv", "chosen"])
    response.loc[response["quantity"] == "net_carbon_emission", "cv"] = np.nan
    response["geary_c"], response["range_km"], response["fractal"] = 1 - response["moran_i"], np.nan, 1.79
    response["scale_variance"] = np.where(response["scale_km"] < 24, 1000.0 * response["scale_km"] ** 2, np.nan)
    choice = {"rule": "moran_cv", "scale_km": 18.0, "low_km": 12.0, "high_km": 24.0, "plateau": "6, 12", "reason": "the largest mean of I"}
    choice |= {"n_draws": 100, "no_scale_share": 0.25, "sensitivity": "without geary_c: 6 km"}
    flags = "no interior peak of I; at the edge: extend the candidates; no scale in 25 % of the draws; few origin shifts on a base of 6 km: 6 km 0 of 8"
    return response, pd.DataFrame([{"quantity": quantity, **choice, "flags": flags} for quantity in CARBON])


def draw_tables(response: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A hundred draws a quantity, of which a quarter gives no side; the spread of Geary's C over the origins of the grid."""
    sides = np.repeat([12.0, 18.0, 24.0, np.nan], [15, 50, 10, 25])
    drawn = [pd.DataFrame({"draw": range(100), "years": "2020", "scale_km": sides, "quantity": quantity}) for quantity in CARBON]
    shifts = response[["year", "scale_km", "quantity"]].assign(indicator="geary_c", n_origins=9)
    shifts["shift_low"], shifts["shift_high"] = response["geary_c"] - 0.05, response["geary_c"] + 0.05
    return {"scale_draws": pd.concat(drawn, ignore_index=True), "scale_shifts": shifts}


def coarser(grid: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The grid with its cells of 36 km below it."""
    row, column = (grid["unit_id"].str.extract(rf"{letter}(\d+)", expand=False).astype(int) // 2 for letter in "RC")
    large = gpd.GeoDataFrame(grid.assign(row=row, column=column)).dissolve(["year", "row", "column"], aggfunc="sum", as_index=False)
    large["unit_id"] = [f"g36:R{r:03d}C{c:03d}" for r, c in zip(large["row"], large["column"], strict=True)]
    large = large.assign(scale_km=36.0, inside_share=1.0)[list(grid)]
    return gpd.GeoDataFrame(pd.concat([grid, large], ignore_index=True), crs=grid.crs)


def statistics(grid: gpd.GeoDataFrame, accounts: gpd.GeoDataFrame) -> pd.DataFrame:
    """Made-up local statistics of carbon for cells and counties, and of money for counties; all classes occur."""
    frames = []
    for table, quantities in ((grid, CARBON), (accounts, (*CARBON, "net_compensation", "absolute_compensation"))):
        for quantity in quantities:
            size = len(table)
            plain = np.resize(["HH", "LL", "HL", "LH", "ns", "ns", "island"], size)
            frames.append(
                pd.DataFrame(
                    {
                        "unit_id": table["unit_id"],
                        "year": table["year"],
                        "quantity": quantity,
                        "local_moran_i": np.linspace(-1, 2, size),
                        "local_moran_p": np.linspace(0.001, 1, size),
                        "lisa_class": plain,
                        "lisa_class_fdr": np.where(np.arange(size) % 3 == 0, plain, np.where(plain == "island", "island", "ns")),
                        "gi_star_z": np.linspace(-4, 4, size),
                        "gi_star_p": np.linspace(0.001, 1, size),
                        "p_convention": "two_sided",
                        "standard_value": np.linspace(-1, 2, size),
                        "spatial_lag": 0.5 * np.linspace(-1, 2, size) + 0.1 * (-1.0) ** np.arange(size),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def zone_tables(grid: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Thirds of the net emission as zones; one cell is missing, some are of low confidence."""
    rank = grid.groupby("year")["net_carbon_emission"].rank(pct=True)
    zones = grid[["unit_id", "year", "geometry"]].copy()
    zones["cluster"] = np.where(rank > 2 / 3, 0, np.where(rank > 1 / 3, 1, 2))
    zones["som_node"] = zones["cluster"]
    zones["zone"] = zones["cluster"].map({0: "payment", 1: "balanced", 2: "recipient"})
    zones["zone_confidence"] = np.linspace(0, 1, len(zones))
    zones.loc[[0], "zone"], zones.loc[[0], "zone_confidence"] = "missing", np.nan
    both = pd.DataFrame(grid.drop(columns="geometry")).assign(zone=zones["zone"], n_units=1)
    summary = both.groupby(["year", "zone"])[["n_units", "area_km2", *CARBON]].sum().reset_index()
    return zones, summary


def worth_tables(grid: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, years: Sequence[int]) -> dict[str, pd.DataFrame]:
    """Zones at two sides, their agreement with those of moved origins, a second allocation, divisions, joins, and the evidence on k."""
    coarse = coarser(grid)
    coarse = coarse[coarse["scale_km"] == 36]
    large = coarse[["unit_id", "year", "scale_km", "geometry"]].assign(
        scale_role="coarser", zone=np.resize(["payment", "recipient"], len(coarse))
    )
    sides = pd.concat([zones[["unit_id", "year", "zone", "geometry"]].assign(scale_role="chosen", scale_km=18.0), large], ignore_index=True)
    agreement = [
        (kind, side, east, 0.0, year, 60, ari, 0.7, same, 1.0)
        for year in years
        for kind, side, east, ari, same in (
            ("side", 36.0, 0.0, 0.66, 0.9),
            ("origin", 18.0, 6.0, 0.85, 0.95),
            ("origin", 18.0, 12.0, 0.75, 0.93),
        )
    ]
    pairs = [
        (year, a, b, n, 324.0 * n, n / 10, n / 10) for year in years for a, b, n in (("payment", "payment", 7), ("payment", "balanced", 3))
    ]
    divisions = [
        (year, "net_emission_density", name, 60, n, q, q - 0.01, 0.2, 0.3, p)
        for year in years
        for name, n, q, p in (("zones", 3, 0.6, 0.005), ("county", 12, 0.4, 0.2))
    ]
    joins = [(year, zone, 20, 60.0, 20.0, 8.5, 3, 6.7, 15, 0.05) for year in years for zone in ("payment", "balanced", "recipient")]
    k = np.arange(2, 9)
    evidence = {"zones": k, "silhouette": 0.7 - 0.02 * k, "davies_bouldin": 0.4 + 0.02 * k, "calinski_harabasz": 5000.0 - 100 * k}
    evidence |= {"gap": 0.1 * k, "gap_error": 0.02, "explained_share": 1 - 1 / k, "stability_ari": 1.05 - 0.05 * k}
    clusters = [(c, zone, 20, 0.9, 0.8, 1.0, 0.0, True) for c, zone in enumerate(("payment", "payment", "balanced", "recipient"))]
    named = pd.DataFrame({"cluster": range(4), "score": [2.0, 1.0, 0.0, -1.0], "zone": [c[1] for c in clusters]})
    return {
        "scale_zones": gpd.GeoDataFrame(sides, crs=grid.crs),
        "zone_scale_agreement": pd.DataFrame(
            agreement, columns="kind side_km east_km north_km year n_cells ari nmi same_share area_share".split()
        ),
        "allocation_zone_changes": pd.DataFrame(pairs, columns="year zone zone_compared n_units area_km2 units_share area_share".split()),
        "zone_divisions": pd.DataFrame(
            divisions, columns="year quantity division n_units n_strata q q_adjusted random_q_mean random_q_high random_p".split()
        ),
        "zone_joins": pd.DataFrame(
            joins, columns="year zone n_units n_joins expected_joins joins_z n_patches mean_patch largest_patch isolated_share".split()
        ),
        "choice_of_k": pd.DataFrame(evidence),
        "zone_clusters": pd.DataFrame(
            clusters, columns="cluster zone n_units mean_jaccard least_jaccard recovered_share dissolved_share is_stable".split()
        ),
        "zone_naming": named.assign(zone_subtype=["payment_1", "payment_2", "balanced", "recipient"]),
    }


def som_sheet() -> pd.DataFrame:
    """A hexagonal sheet of 8 x 3 nodes: net emission falls along it, so the zones lie in three bands; two nodes are empty."""
    node = np.arange(24)
    row, column = node // 3, node % 3
    cluster = np.where(row < 3, 0, np.where(row < 5, 1, 2))
    return pd.DataFrame(
        {
            "som_node": node, "som_row": row, "som_column": column, "som_x": column + 0.5 * (row % 2), "som_y": row * np.sqrt(3) / 2,
            "som_hits": np.where(node % 12 == 5, 0, 1 + node), "som_distance": 0.1 + 0.4 * np.isin(row, [2, 5]), "cluster": cluster,
            "zone": np.array(["payment", "balanced", "recipient"])[cluster], "net_emission_density": 4000.0 - 700 * row + 10 * column,
            "share_difference": 0.002 * (row - 3.5), "territorial_development": 0.5 / (1 + row),
        }
    )  # fmt: skip


def centres(years: Sequence[int]) -> pd.DataFrame:
    """Centres of four quantities about the middle of the region, which move north-east by a few kilometres."""
    middle = (COLUMNS[0] + len(COLUMNS) / 2) * SIDE, (ROWS[0] + len(ROWS) / 2) * SIDE
    lon, lat = Transformer.from_crs(CRS, 4326, always_xy=True).transform(*middle)
    rows = [
        (year, quantity, lon + 0.1 * place + 0.02 * step, lat + 0.03 * step, *((3.0, 45.0) if step else (np.nan, np.nan)), 40.0, 25.0, 30.0)
        for place, quantity in enumerate(("carbon_source", "carbon_sink", "payable", "receivable"))
        for step, year in enumerate(years)
    ]
    names = "year quantity lon lat shift_km bearing_deg ellipse_major_km ellipse_minor_km ellipse_angle_deg".split()
    return pd.DataFrame(rows, columns=names)


def directions(money: pd.DataFrame) -> pd.DataFrame:
    """Sums by province and city."""
    parts = []
    for level in ("province", "city"):
        sums = money.groupby(["year", level])[["payable", "receivable", "net_compensation", "gdp_yuan"]].sum().reset_index()
        parts.append(sums.rename(columns={level: "name"}).assign(level=level))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(share_of_gdp=table["net_compensation"] / table["gdp_yuan"])


def balances(money: pd.DataFrame) -> pd.DataFrame:
    """B(N) for N up to 20, one value a year and N."""
    return pd.DataFrame(
        [(int(year), n, 0.8 + 0.02 * n) for year in money["year"].unique() for n in range(1, 21)], columns=["year", "n", "balance_ratio"]
    )


def change_tables(grid: gpd.GeoDataFrame, years: Sequence[int]) -> dict[str, pd.DataFrame]:
    """Made-up change over the years; every class of trend and of hot-spot change occurs."""
    units = list(dict.fromkeys(grid["unit_id"]))
    size, first, last = len(units), years[0], years[-1]
    changes = "new consecutive persistent intensifying diminishing sporadic oscillating lost never".split()
    change = np.resize(changes, size)
    spots = {
        "hot_spot_change": change, "spot": np.where(change == "never", "none", np.resize(["hot", "cold"], size)), "n_hot": 1, "n_cold": 0, "last_year": last,
    }  # fmt: skip
    slope = np.linspace(-30, 30, size)
    plain = np.where(slope > 10, "rising", np.where(slope < -10, "falling", "none"))
    trend = {"slope": slope, "mann_kendall_p": 0.04, "trend": plain, "trend_fdr": np.where(np.abs(slope) > 20, plain, "none")}
    period = f"{first}-{last}"
    passed = [
        (q, a, b, n) for q in CARBON for a, b, n in (("HH", "HH", 3), ("HH", "ns", 1), ("ns", "HH", 2), ("ns", "ns", 6), ("LL", "LL", 0))
    ]
    moved = [(first, last, "payment", "payment", 9, 2916.0), (first, last, "payment", "balanced", 1, 324.0)]
    land = [
        (period, "forest", "built_up", 40.0, 22_000.0),
        (period, "forest", "forest", 900.0, 0.0),
        (period, "built_up", "forest", 10.0, -5500.0),
    ]
    classes = [
        (period, "forest", 940.0, 910.0, 10.0, 40.0, -30.0, 20.0, -0.32),
        (period, "built_up", 100.0, 130.0, 40.0, 10.0, 30.0, 20.0, 3.0),
    ]
    gini = [(q, year, 12, 0.4 + 0.01 * k, 0.3, 0.1, 0.2, 0.5) for q in CARBON[:2] for k, year in enumerate(years)]
    names = "period land_class area_from area_to gain loss net_change swap dynamic_degree".split()
    peaks = [(q, "all", first, 0.03, 0.97, first, last, q == "carbon_source") for q in CARBON]
    return {
        "trends": pd.concat([pd.DataFrame({"unit_id": units, "quantity": q, **trend}) for q in CARBON], ignore_index=True),
        "hot_spot_change": pd.concat([pd.DataFrame({"unit_id": units, "quantity": q, **spots}) for q in CARBON], ignore_index=True),
        "peak_year": pd.DataFrame(peaks, columns="quantity group peak_year drop_share share peak_low peak_high rises_then_falls".split()),
        "lisa_transitions": pd.DataFrame(passed, columns=["quantity", "from_class", "to_class", "count"]),
        "zone_transitions": pd.DataFrame(moved, columns="year_from year_to zone_from zone_to n_units area_km2".split()),
        "land_transfers": pd.DataFrame(land, columns="period from_class to_class area_km2 change_effect".split()),
        "land_changes": pd.DataFrame(classes, columns=names),
        "land_change_noise": pd.DataFrame(
            [(period, 50.0, 0.05, 0.4, 0.1, True)], columns="period changed changed_share swap_share left_share is_noisy".split()
        ),
        "concentration": pd.DataFrame(gini, columns="quantity year n gini theil theil_between theil_within top_share".split()),
        "priority_stability": pd.DataFrame(
            [(side, first, last, 0.5, 0.9, 0.1) for side in ("payer", "recipient")],
            columns="side year other_year jaccard kendall_tau changed_side".split(),
        ),
    }


def fairness_tables(money: pd.DataFrame, years: Sequence[int]) -> dict[str, pd.DataFrame]:
    """Inequality that falls from 0.4 to 0.3, rules for too little money, caps that leave a fifth over, a form that is not additive."""
    fair = [
        (year, "gdp_yuan", stage, 12, gini, gini, 0.2, 0.05, 0.15) for year in years for stage, gini in (("before", 0.4), ("after", 0.3))
    ]
    claims = money[money["payable_before"] > 0][["unit_id", "year", "payable_before", "payable"]]
    claims = claims.rename(columns={"payable_before": "claim", "payable": "proportional"}).assign(side="payer")
    caps = [(year, 8, 100e6, 80e6, 20e6, 0.2, 2, 90e6, 0.0125) for year in years]
    form = [(year, "normalised_mean", 12, True, False, False, 0.5, 0.41, 0.31, True, 4.0) for year in years]
    names = (
        "year form n_units keeps_sign sums_to_zero is_additive additivity_ratio gini_before gini_after is_more_even payments_over_receipts"
    )
    return {
        "fairness": pd.DataFrame(fair, columns="year base stage n_units gini gini_people theil theil_between theil_within".split()),
        "shortfall_rules": claims.assign(equal_losses=np.where(claims["claim"] == claims["claim"].max(), claims["proportional"], 0.0)),
        "cap_gap": pd.DataFrame(
            caps, columns="year n_payers owed carried left_to_upper_level share_left n_capped sum_of_caps cap_needed".split()
        ),
        "revision_properties": pd.DataFrame(form, columns=names.split()),
    }


def totals(accounts: gpd.GeoDataFrame, money: pd.DataFrame) -> list[dict[str, Any]]:
    """Totals a year as the manifest states them."""
    rows = []
    for year, part in accounts.groupby("year"):
        paid = money[money["year"] == year][["payable", "receivable", "payable_before", "receivable_before"]].sum()
        remainder = paid["payable_before"] - paid["receivable_before"]
        rows.append({"year": int(year), **part[list(CARBON)].sum().to_dict(), **paid.to_dict(), "unbalanced_amount": float(remainder)})
    return rows


def manifest(years: Sequence[int], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A manifest with every key that the report reads."""
    from carbonshed.registry import terms

    return {
        "schema_version": 1,
        "carbonshed_version": "0.1.0",
        "study": {"name": "冀北 test region", "years": list(years), "crs": CRS, "seed": 7},
        "digest": "9f" * 32,
        "steps": [{"name": "accounts", "key": "ab" * 32, "seconds": 1.25}],
        "packages": {"numpy": "2.2.0"},
        "inputs": [
            {"role": "land_cover", "path": "lc.tif", "sha256": "cd" * 32, "licence": "public domain", "citation": "Friedl 2015", "url": "https://doi.org/10.5067/X"},
            {"role": "emissions", "path": "e.csv", "sha256": "ef" * 32, "licence": "CC BY 4.0", "citation": "CEADs", "url": "javascript:alert(1)"},
        ],
        "terms": {name: term.as_dict() for name, term in terms().items()},
        "warnings": ["one plain warning", {"message": "no priority without GDP: 130101.", "step": "compensation"}],
        "notes": [{"zh": "土地覆被较粗。", "en": "Land cover is coarse."}],
        "totals": rows,
        "balance_checks": [{"what": "cells = counties", "year": years[-1], "before": 1.0, "after": 1.0, "relative_error": 2.0e-16}],
        "choices": {
            "sink_mode": "npp_gross", "cropland_mode": "npp", "allocation": "weighted_proxy", "preset": "recommended", "revision": "none",
            "ability": "gdp_per_head", "closure": "scale_larger", "fiscal_cap": 0.01, "district_mode": "separate", "p_convention": "two_sided",
            "price": {"value": PRICE, "kind": "volume_weighted", "year": 2024, "citation": "ICAP", "status": "published", "name": "cn-ets:2024"},
            "scale": {"quantity": "carbon_sink", "working_scale_km": 18.0}, "responsibility": "shared",
            "number_of_zones": {"used": 4, "runs": 10, "silhouette": 2, "davies_bouldin": 2, "calinski_harabasz": 2, "stability_ari": 2, "stable": [2, 3, 4, 5], "gap": None},
            "allocation_comparison": {"compared_with": "built_share"},
            "price_path": {str(year): PRICE - 10 * place for place, year in enumerate(reversed(years))},
            "direction": [
                {"year": year, "payers": ["河北省"], "recipients": ["北京市"], "payer_gdp_per_head": 40_000.0, "recipient_gdp_per_head": 90_000.0,
                 "poor_pay_rich": True if year == years[-1] else None} for year in years
            ],
            "zoning": {"level": "grid", "method": "som_kmeans", "features": ["share_difference", "net_emission_density"], "quality": {"flags": ["not_separable"]}},
        },
        "is_simulated": False,
    }  # fmt: skip


def write_result(
    folder: Path, *, years: Sequence[int] = (2010, 2020), without: Sequence[str] = (), names: Sequence[str] = NAMES,
    change: Callable[[dict[str, pd.DataFrame], dict[str, Any]], None] | None = None,
) -> Path:  # fmt: skip
    """Write a result folder; `without` leaves tables out, `change` may edit tables and manifest before they are written."""
    grid = cells(years)
    accounts = counties(grid, names)
    money = amounts(accounts)
    response, choice = scale_tables(years)
    zones, summary = zone_tables(grid)
    tables: dict[str, pd.DataFrame] = {
        "accounts_grid": coarser(grid),
        "accounts_county": accounts,
        "scale_response": response,
        "scale_choice": choice,
        "spatial_statistics": statistics(grid, accounts),
        "zones": zones,
        "zone_summary": summary,
        "som_nodes": som_sheet(),
        "compensation": money,
        "flows": flows(money),
        "centre_of_gravity": centres(years),
        "balance": balances(money),
        "direction": directions(money),
        **draw_tables(response),
        **worth_tables(grid, zones, years),
        **fairness_tables(money, years),
        **(change_tables(grid, years) if len(years) > 1 else {}),
    }
    stated = manifest(years, totals(accounts, money))
    if change:
        change(tables, stated)
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        if name not in without:
            table.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
    (folder / "manifest.json").write_text(json.dumps(stated, ensure_ascii=False, default=float), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def result_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full folder; read only."""
    return write_result(tmp_path_factory.mktemp("result") / "full")


@pytest.fixture(scope="session")
def write() -> Build:
    """`write_result`, for folders that several tests share."""
    return write_result


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write another folder: ``build(years=..., without=..., names=..., change=...)``."""
    return lambda **options: write_result(tmp_path / "result", **options)
