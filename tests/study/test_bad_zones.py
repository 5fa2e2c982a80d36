"""Bad input of zones: each is one clear message; what can be mended is said and mended."""

from __future__ import annotations

import re
from importlib import resources

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

import carbonshed as cs
from carbonshed.checks import InputError

COUNTY = 'level = "county"\nmethod = "kmeans"\nruns = 0\n'


pytestmark = pytest.mark.usefixtures("quiet")


def zoning(folder, text, *, years=None):
    """Give the study another section [zoning]."""
    path = folder / "study.toml"
    old = path.read_text(encoding="utf-8")
    new = re.sub(r"\[zoning\]\n.*?\n\n", f"[zoning]\n{text}\n\n", old, flags=re.S)
    assert new != old
    path.write_text(new if years is None else new.replace("years = [2010, 2015]", f"years = {years}"), encoding="utf-8")


def counties_table(folder, change):
    change(pd.read_csv(folder / "counties.csv", dtype={"unit_id": str})).to_csv(folder / "counties.csv", index=False)


def same_land(folder, value=1):
    for year in (2010, 2015):
        path = folder / f"clcd_{year}.tif"
        with rasterio.open(path) as dataset:
            settings, shape = dataset.profile, dataset.shape
        with rasterio.open(path, "w", **settings) as dataset:
            dataset.write(np.full(shape, value, dtype="uint8"), 1)


def lines_of(zones):
    """The policy table that ships, with the lines of some zones only."""
    whole = resources.files("carbonshed").joinpath("data", "policy.toml").read_text(encoding="utf-8")
    head, *lines = re.split(r"(?=^\[\[line)", whole, flags=re.M)
    kept = [line for line in lines if any(f'zone = "{zone}"' in line for zone in zones)]
    assert 0 < len(kept) < len(lines)
    return head + "".join(kept)


REFUSED = {
    "fewer counties than clusters": (
        lambda f: zoning(f, COUNTY + 'features = ["share_difference"]\nzones = 5', years=[2010]),
        ["at least 5", "4"],
    ),
    "two features that are copies": (
        lambda f: zoning(f, COUNTY + 'features = ["source_density", "carbon_source_copy"]\nzones = 2'),
        ["carbon_source_copy"],
    ),
    "two features that say the same": (  # without a sink the net emission is the source
        lambda f: (same_land(f), zoning(f, COUNTY + 'features = ["source_density", "net_emission_density"]\nzones = 2')),
        ["source_density", "net_emission_density", "r = +1.0"],
    ),
    "a negative weight": (lambda f: zoning(f, "weights = { share_difference = -1 }"), ["share_difference = -1", "0 or more"]),
    "a weight without bounds": (lambda f: zoning(f, "weights = { share_difference = inf }"), ["share_difference", "inf"]),
    "a weight of no feature": (
        lambda f: zoning(f, 'features = ["source_density"]\nweights = { sink_density = 2 }'),
        ["sink_density", "source_density"],
    ),
    "a weight of no feature of the set": (
        lambda f: zoning(f, COUNTY + 'features = "density"\nweights = { sink_densty = 2 }\nzones = 2'),
        ["sink_densty", "sink_density"],
    ),
    "weights of 0 alone": (lambda f: zoning(f, 'features = ["source_density"]\nweights = { source_density = 0 }'), ["weight 0"]),
    "a policy table that lacks a zone": (
        lambda f: (
            (f / "policy.toml").write_text(lines_of(["payment", "recipient"]), encoding="utf-8"),
            zoning(f, COUNTY + 'features = ["source_density"]\nzones = 2\npolicy = "policy.toml"'),
        ),
        ["balanced", "policy.toml"],
    ),
    "a feature named twice": (
        lambda f: zoning(f, COUNTY + 'features = ["share_difference", "share_difference"]\nzones = 2'),
        ["share_difference"],
    ),
    "a feature that is no term": (lambda f: zoning(f, COUNTY + 'features = ["share_diference"]\nzones = 2'), ["share_difference"]),
    "a feature set that is not known": (lambda f: zoning(f, 'features = "budjet"'), ["budget"]),
    "a method that is not known": (lambda f: zoning(f, 'method = "som"'), ["som_kmeans"]),
    "no feature varies": (lambda f: zoning(f, COUNTY + 'features = ["wetland"]\nzones = 2'), ["wetland"]),
    "a year without one feature": (
        lambda f: (
            counties_table(f, lambda t: t.assign(gdp_yuan=t["gdp_yuan"].where(t["year"] != 2015))),
            zoning(f, COUNTY + 'features = ["share_difference", "gdp_density"]\nzones = 2'),
        ),
        ["gdp", "2015"],
    ),
    "all cells alike": (
        lambda f: (same_land(f), zoning(f, 'features = ["territorial_development"]\nruns = 0')),
        ["territorial_development"],
    ),
    "one run": (lambda f: zoning(f, "runs = 1"), ["at least 2"]),
    "negative size of a zone": (lambda f: zoning(f, "contiguous = true\nmin_size = -2"), ["min_size", "-2"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_is_one_clear_message(small_study, case):
    spoil, says = REFUSED[case]
    spoil(small_study)
    with pytest.raises(InputError) as caught:
        cs.Study.open(small_study).run(until="zones")
    for word in says:
        assert word in str(caught.value), caught.value
    assert len(caught.value.problems) == 1


def test_a_county_without_a_feature_is_named_and_stays_out(small_study):
    counties_table(small_study, lambda t: t.assign(gdp_yuan=t["gdp_yuan"].where(t["unit_id"] != "130201")))
    zoning(small_study, COUNTY + 'features = ["share_difference", "gdp_density"]\nzones = 2')
    result = cs.Study.open(small_study).run(until="zones")
    assert result.zones.loc["130201", "zone"].tolist() == ["missing"] * 2
    assert (result.zones.drop(index="130201")["zone"] != "missing").all()
    said = [row["message"] for row in result.manifest["warnings"] if row["step"] == "zones"]
    assert any("130201" in message for message in said)
    summary = result.table("zone_summary")
    assert summary.loc[summary["zone"] == "missing", "n_units"].tolist() == [1, 1]


def test_a_feature_without_variance_beside_others_is_left_out_and_said(small_study):
    zoning(small_study, COUNTY + 'features = ["share_difference", "source_density", "wetland"]\nzones = 2')
    result = cs.Study.open(small_study).run(until="zones")
    said = " ".join(row["message"] for row in result.manifest["warnings"] if row["step"] == "zones")
    assert "wetland" in said and "wetland" in result.manifest["choices"]["zoning"]["quality"]["features_left_out"]


def test_uniform_land_has_no_pattern(small_study):
    """Cells cut by counties differ in their last digits: that is no signal, and neither a statistic nor a side comes of it."""
    same_land(small_study, value=2)
    zoning(small_study, COUNTY + 'features = ["source_density"]\nzones = 2')
    result = cs.Study.open(small_study).run(until="statistics")
    grid = result.accounts_grid
    density = (grid["carbon_sink"] / grid["area_km2"])[grid["scale_km"] == 4]
    assert density.min() > 0 and 1e-9 < np.ptp(density) / density.max() < 1e-4  # the noise is there
    response = result.table("scale_response").set_index("quantity").loc["carbon_sink"]
    shown = [
        "moran_i",
        "moran_z",
        "moran_p",
        "cv",
        "geary_c",
        "loss_information",
        "general_g",
        "entropy",
        "hot_share",
        "nugget_ratio",
        "scale_variance",
    ]
    assert response[shown].isna().all(axis=None)
    assert result.table("scale_response").set_index("quantity").loc["carbon_source", "moran_i"].notna().all()
    choice = result.scale_choice.set_index("quantity").loc["carbon_sink"]
    assert pd.isna(choice["scale_km"]) and choice["headline"].startswith("no scale")
    local = result.table("spatial_statistics")
    local = local[local["quantity"] == "carbon_sink"]
    numbers = ["local_moran_i", "local_moran_p", "gi_star_z", "gi_star_p", "standard_value", "spatial_lag"]
    assert local[numbers].isna().all(axis=None) and set(local["lisa_class"]) == {"ns"}
    said = [row["message"] for row in result.manifest["warnings"]]
    assert any("carbon_sink: a constant field" in each for each in said) and any("all values are equal" in each for each in said)


def test_a_feature_of_weight_0_is_as_if_left_out(small_study):
    both = COUNTY + 'features = ["share_difference", "source_density"]\nzones = 2\n'
    zoning(small_study, both + "weights = { source_density = 0, share_difference = 2 }")
    weighed = cs.Study.open(small_study).run(small_study / "a", until="zones")
    assert weighed.manifest["choices"]["zoning"]["scaler"]["share_difference"]["weight"] == 2
    zoning(small_study, COUNTY + 'features = ["share_difference"]\nzones = 2')
    alone = cs.Study.open(small_study).run(small_study / "b", until="zones")
    assert weighed.zones["zone"].tolist() == alone.zones["zone"].tolist()
    zoning(small_study, both)
    plain = cs.Study.open(small_study).run(small_study / "c", until="zones")
    assert plain.zones["zone_confidence"].tolist() != weighed.zones["zone_confidence"].tolist()


def test_an_island_has_no_local_statistic_and_is_named(small_study):
    frame = gpd.read_file(small_study / "counties.gpkg")
    frame.loc[3, "geometry"] = frame.geometry[3].buffer(-3000)
    (small_study / "counties.gpkg").unlink()
    frame.to_file(small_study / "counties.gpkg", layer="counties", driver="GPKG")
    result = cs.Study.open(small_study).run(until="statistics")
    rows = result.table("spatial_statistics").loc["130202"]
    assert set(rows["lisa_class"]) == {"island"} and rows["local_moran_i"].isna().all()
    assert any("130202" in row["message"] and row["step"] == "statistics" for row in result.manifest["warnings"])
